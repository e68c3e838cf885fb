"""Reads the body of an HTTP answer: within bounds of size and time, inflated if it is compressed.

It needs no key of the bank, so any host's answer can be read with it.
"""

from __future__ import annotations

import time
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from bunqkit.security.redaction import Body

_CHUNK = 1 << 16
_MB = 1_000_000
_OK = 200
_ANY_HEADER = zlib.MAX_WBITS | 32
_NO_ENCODINGS = ("", "identity")
_ZLIB_ENCODINGS = ("gzip", "x-gzip", "deflate")


@dataclass(frozen=True)
class Bounds:
    """How large a body may be, in millions of bytes, both as it comes and when it is inflated.

    Attributes
    ----------
    json_mb
        The bound for JSON, and for every answer whose status is not 200.
    download_mb
        The bound for a file.
    """

    json_mb: int = 32
    download_mb: int = 256

    def choose(self, status: int, headers: Mapping[str, str]) -> tuple[int, str]:
        """Return the bound for an answer, and the name of its setting."""
        if status != _OK or read_media_type(headers) == "application/json":
            return self.json_mb, "BUNQ_MAX_JSON_MB"
        return self.download_mb, "BUNQ_MAX_DOWNLOAD_MB"


def read_media_type(headers: Mapping[str, str]) -> str:
    """Return what the body is, as the headers say: ``application/json``; empty if they don't."""
    return headers.get("Content-Type", "").partition(";")[0].strip().lower()


class UnusableBodyError(Exception):
    """An answer came, but its body was not read to the end; the message says why.

    Parameters
    ----------
    why
        The reason, in words that continue a sentence.
    status
        The status of the answer.
    """

    def __init__(self, why: str, status: int) -> None:
        super().__init__(why)
        self.status = status


def read_body(
    read: Callable[[int], bytes],
    status: int,
    headers: Mapping[str, str],
    *,
    length: int | None,
    bounds: Bounds,
    deadline: float,
) -> Body:
    """Return the body of an answer.

    Parameters
    ----------
    read
        Returns the bytes that have come, at most so many; no bytes at the end of the body.
    status, headers
        Of the answer.
    length
        How many bytes were announced; ``None`` if that is not known.
    bounds
        How large the body may be.
    deadline
        When reading stops, as ``time.monotonic()`` counts.

    Raises
    ------
    UnusableBodyError
        If the body is too large, or has an encoding that was not asked for.
    TimeoutError, ConnectionError
        If the body did not end in time, or ended too early.
    zlib.error, EOFError
        If the body can't be inflated, or ends too early for its encoding.
    """
    most_mb, setting = bounds.choose(status, headers)
    most = most_mb * _MB
    encoding = headers.get("Content-Encoding", "").strip().lower()
    if encoding not in _NO_ENCODINGS + _ZLIB_ENCODINGS:
        raise UnusableBodyError("it is encoded in a way that was not asked for", status)
    inflate = _Inflater() if encoding in _ZLIB_ENCODINGS else None
    content, received = bytearray(), 0
    is_too_large = (length or 0) > most
    while not is_too_large and (part := read(_CHUNK)):
        received += len(part)
        content += inflate(part, most + 1 - len(content)) if inflate else part
        is_too_large = max(received, len(content)) > most
        if time.monotonic() > deadline:
            break
    if is_too_large:
        raise UnusableBodyError(
            f"it is larger than the {most_mb:,} MB that {setting} allows, and was not read to its "
            "end. Raise the setting if you expect so much",
            status,
        )
    if time.monotonic() > deadline:
        raise TimeoutError("the answer did not end in time")
    if received < (length or 0):
        raise ConnectionError("the body is shorter than announced")
    if inflate is not None:
        inflate.check_end()
    return Body(content)


class _Inflater:
    """Inflates a body part by part, and never more of it than is asked for."""

    def __init__(self) -> None:
        self._zlib = zlib.decompressobj(_ANY_HEADER)
        self._has_begun = False

    def __call__(self, part: bytes, most: int) -> bytes:
        """Return the next part inflated, at most so many bytes of it."""
        inflated = b""
        while part and len(inflated) < most:
            if self._zlib.eof:
                # Several streams that follow each other count as one (RFC 1952).
                self._zlib = zlib.decompressobj(_ANY_HEADER)
            self._has_begun = True
            inflated += self._zlib.decompress(part, most - len(inflated))
            part = self._zlib.unconsumed_tail or self._zlib.unused_data
        return inflated

    def check_end(self) -> None:
        """Raise ``EOFError`` if the body ended in the middle of a stream."""
        if self._has_begun and not self._zlib.eof:
            raise EOFError("the body ends before its encoding does")
