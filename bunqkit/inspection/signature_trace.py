"""Finds the bytes that a signature was made over, when the bytes beside it are others.

The public key opens an RSA signature to the digest that was signed. Nobody can compute the bytes
from a digest, but the usual mistakes are few: the JSON was written a second time, a newline was
added or lost, the scheme of before 2020 was used, or one bit changed on the way. Each is tried.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

# Trying every bit costs the square of the length: about a second for this length.
_LONGEST_FLIPPED = 16_000


@dataclass(frozen=True)
class Trace:
    """The bytes that a signature was made over.

    Attributes
    ----------
    signed
        The bytes.
    how
        How they differ from those that were sent.
    """

    signed: bytes
    how: str


def digest_of(content: bytes) -> bytes:
    """Return the SHA-256 of bytes: RSA signs this, not the bytes."""
    return hashlib.sha256(content).digest()


def find_signed(
    sent: bytes, digest: bytes, *, method: str = "", path: str = "", headers: Mapping[str, str]
) -> Trace | None:
    """Return the bytes of a digest; ``None`` if none of the usual mistakes leads to it.

    Parameters
    ----------
    sent
        The bytes that came with the signature.
    digest
        The digest in the signature.
    method, path, headers
        Those of the request, which the scheme of before 2020 signed too.
    """
    for how, content in _usual_mistakes(sent, method, path, headers):
        if digest_of(content) == digest:
            return Trace(content, how)
    return _flip_one_bit(sent, digest)


def first_difference(one: bytes, other: bytes) -> int:
    """Return the number of the first byte that differs, or the length of the shorter text."""
    shorter = min(len(one), len(other))
    return next((at for at in range(shorter) if one[at] != other[at]), shorter)


def _usual_mistakes(
    sent: bytes, method: str, path: str, headers: Mapping[str, str]
) -> Iterator[tuple[str, bytes]]:
    yield "nothing, an empty body", b""
    yield "the body with a newline at its end", sent + b"\n"
    yield "the body with CR LF at its end", sent + b"\r\n"
    yield "the body without the white space at its ends", sent.strip()
    yield "the body with LF for CR LF", sent.replace(b"\r\n", b"\n")
    yield "the body with CR LF for LF", sent.replace(b"\n", b"\r\n")
    yield "the scheme of before 2020, with the headers", _old_scheme(sent, method, path, headers)
    try:
        value = json.loads(sent)
    except (ValueError, RecursionError):
        return
    for form, how in (
        ({"separators": (",", ":")}, "without spaces"),
        ({}, "with a space after each colon and comma"),
        ({"indent": 2}, "over several lines, indented by 2"),
        ({"indent": 4}, "over several lines, indented by 4"),
    ):
        for is_sorted in (False, True):
            for is_ascii in (False, True):
                text = json.dumps(value, ensure_ascii=is_ascii, sort_keys=is_sorted, **form)
                names = ", its names sorted" if is_sorted else ""
                letters = ", other letters escaped" if is_ascii and not text.isascii() else ""
                yield f"the same JSON {how}{names}{letters}", text.encode("utf-8", "surrogatepass")


def _old_scheme(sent: bytes, method: str, path: str, headers: Mapping[str, str]) -> bytes:
    """Return what was signed before 2020. Source: bunq docs, "Signing", of that time."""
    signed_headers = sorted(
        f"{name}: {text}"
        for name, text in headers.items()
        if name in ("Cache-Control", "User-Agent")
        or (name.startswith("X-Bunq-") and name != "X-Bunq-Client-Signature")
    )
    return "\n".join([f"{method} {path}", *signed_headers, "", ""]).encode() + sent


def _flip_one_bit(sent: bytes, digest: bytes) -> Trace | None:
    if len(sent) > _LONGEST_FLIPPED:
        return None
    before = hashlib.sha256()
    for at, byte in enumerate(sent):
        for bit in range(8):
            rest = bytes([byte ^ 1 << bit]) + sent[at + 1 :]
            flipped = before.copy()
            flipped.update(rest)
            if flipped.digest() == digest:
                how = f"the body with byte {at} as {rest[0]:02x}"
                return Trace(sent[:at] + rest, how)
        before.update(sent[at : at + 1])
    return None
