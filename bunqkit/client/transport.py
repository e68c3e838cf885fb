"""Carries one request over a connection, and gives what came, whatever it is.

Knows nothing of keys and signatures.
"""

from __future__ import annotations

import contextlib
import logging
import os
import ssl
import time
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import requests
import urllib3

from bunqkit.client.connections import RecordingAdapter, Sending, sending_until
from bunqkit.client.exchange import Exchange
from bunqkit.errors import NoAnswerError, StoppedBeforeSending
from bunqkit.security.redaction import Body, Headers, Secret, redact_query

# Source: bunq asks for time-outs of one's own; the official SDK has none and hangs for ever.
_CONNECT_TIMEOUT_S = 10.0
_CHUNK = 1 << 16
_MB = 1_000_000
_OK = 200
_ANY_HEADER = zlib.MAX_WBITS | 32
_CERTIFICATES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
_CUT = (requests.RequestException, urllib3.exceptions.HTTPError, OSError)
_LATE = (requests.Timeout, urllib3.exceptions.TimeoutError, TimeoutError)
# What is wrong before anything has left, by the first kind of error that is among the causes.
_UNSENT: tuple[tuple[tuple[type[BaseException], ...], str], ...] = (
    ((requests.exceptions.ProxyError,), "the proxy did not let it through"),
    ((urllib3.exceptions.NameResolutionError,), "its name could not be looked up"),
    ((ssl.CertificateError,), "its certificate was not accepted"),
    (
        (urllib3.exceptions.NewConnectionError,),
        "nothing listens there or nothing leads there",
    ),
    (_LATE, "the connection was not made in time"),
    ((requests.exceptions.SSLError,), "no TLS connection was made"),
    (
        (requests.exceptions.InvalidURL, requests.exceptions.InvalidSchema),
        "its address can't be used",
    ),
)


class _Masking(logging.Filter):
    """Masks secrets in what ``urllib3`` logs.

    Addresses: OAuth's token is bought by a query. Errors: that of headers which can't be read holds
    them, with signatures and whatever else they say.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        """Change the record, and let it through."""
        record.exc_info = None
        if isinstance(record.args, tuple):
            record.args = tuple(map(_mask, record.args))
        return True


def _mask(told: object) -> object:
    if isinstance(told, str):
        return redact_query(told)
    return type(told).__name__ if isinstance(told, Exception) else told


_MASKING = _Masking()
for _logger in ("urllib3.connectionpool", "urllib3.connection", "urllib3.response"):
    logging.getLogger(_logger).addFilter(_MASKING)


class Authentication(requests.auth.AuthBase):
    """Adds the token, and keeps ``requests`` from adding what a ``.netrc`` says."""

    def __init__(self, token: Secret | None) -> None:
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Add the token to a request."""
        if self._token is not None:
            request.headers["X-Bunq-Client-Authentication"] = self._token.reveal()
        return request


@dataclass(frozen=True)
class Bounds:
    """How large an answer may be, in millions of bytes, as it comes and when it is inflated.

    Attributes
    ----------
    json_mb
        Of JSON, and of whatever is no success.
    download_mb
        Of a file.
    """

    json_mb: int = 32
    download_mb: int = 256

    def choose(self, status: int, headers: Mapping[str, str]) -> tuple[int, str]:
        """Return the bound of an answer, and the setting that says it."""
        kind = headers.get("Content-Type", "").partition(";")[0].strip().lower()
        if status != _OK or kind == "application/json":
            return self.json_mb, "BUNQ_MAX_JSON_MB"
        return self.download_mb, "BUNQ_MAX_DOWNLOAD_MB"


def open_connections(
    origin: str, transport: requests.adapters.BaseAdapter | None
) -> requests.Session:
    """Return the session that holds the connections.

    Parameters
    ----------
    origin
        Scheme and host.
    transport
        In place of the network, for this origin.
    """
    http = requests.Session()
    for prefix in ("https://", "http://"):
        http.mount(prefix, RecordingAdapter())
    if transport is not None:
        http.mount(origin, transport)
    return http


def carry(
    http: requests.Session,
    prepared: requests.PreparedRequest,
    asked: Exchange,
    *,
    origin: str,
    timeout_s: float,
    bounds: Bounds,
) -> Exchange:
    """Send a request once, and give the exchange with what came.

    Parameters
    ----------
    http
        Holds the connections.
    prepared, asked
        The request, and what is known of it so far.
    origin
        Scheme and host, as errors name them.
    timeout_s
        Seconds after which an answer that is not complete counts as none.
    bounds
        How large the answer may be.

    Raises
    ------
    NoAnswerError
        If no complete answer came in time.
    BadAnswerError
        If the answer is too large, or encoded in a way that was not asked for.
    StoppedBeforeSending
        If somebody interrupts it before the first byte has left.
    """
    started = time.monotonic()
    response = None
    with sending_until(started + timeout_s) as sending:
        try:
            response = _send(http, prepared, asked.url, sending, timeout_s)
            with contextlib.closing(response):
                content = _read(response, sending, bounds)
        except _UnusableError as error:
            assert response is not None
            raise replace(asked, status=response.status_code).unusable(str(error)) from None
        except Exception as error:  # noqa: BLE001 (whatever fails, the connection knows more)
            _let_go_of_frames(error)
            why = _why(error, sending, timeout_s)
            told = _no_answer(why, asked, origin, was_sent=sending.has_left)
            if asked.url != prepared.url:
                # The transport's words quote the URL, and so what is masked in ours.
                raise told from None
            # To who reads from it, a connection that we shut looks like one that was cut.
            raise told from (requests.ReadTimeout(why) if sending.is_late else error)
        except KeyboardInterrupt as interrupt:
            _let_go_of_frames(interrupt)
            if sending.has_left:
                raise
            raise StoppedBeforeSending from interrupt
        except BaseException as error:
            _let_go_of_frames(error)
            raise
    return replace(
        asked,
        # Once more: what stands before the network may have changed them after the signing.
        request_headers=Headers(prepared.headers),
        request_body=Body(bytes_of(prepared)),
        status=response.status_code,
        answer_headers=Headers(response.headers),
        answer_body=Body(content),
        elapsed_s=time.monotonic() - started,
    )


def bytes_of(prepared: requests.PreparedRequest) -> bytes:
    """Give the bytes of a request's body."""
    body = prepared.body or b""
    assert isinstance(body, bytes)
    return body


class _UnusableError(Exception):
    """An answer came, but it is not read to its end."""


def _send(
    http: requests.Session,
    prepared: requests.PreparedRequest,
    url: str,
    sending: Sending,
    timeout_s: float,
) -> requests.Response:
    settings: Any = http.merge_environment_settings(url, {}, True, None, None)
    if settings["verify"] is True:
        # Without the environment's proxies its certificates count all the same.
        settings["verify"] = next(filter(None, map(os.environ.get, _CERTIFICATES)), True)
    adapter = http.get_adapter(url)
    # Only connections of ours can tell that nothing has left.
    sending.has_left = not isinstance(adapter, RecordingAdapter)
    # Straight to the connections: nothing here follows a redirect.
    return adapter.send(
        prepared,
        timeout=(min(_CONNECT_TIMEOUT_S, timeout_s), timeout_s),
        **settings,
    )


def _read(response: requests.Response, sending: Sending, bounds: Bounds) -> bytes:
    """Read the body; stop when it is too large, or the whole of it takes too long."""
    most_mb, setting = bounds.choose(response.status_code, response.headers)
    most = most_mb * _MB
    inflater = _Inflater(response.headers.get("Content-Encoding", ""))
    content, came = bytearray(), 0
    is_too_large = (response.raw.length_remaining or 0) > most
    # read1 returns with what has come.
    while not is_too_large and (part := response.raw.read1(_CHUNK, decode_content=False)):
        came += len(part)
        content += inflater.inflate(part, most + 1 - len(content))
        is_too_large = max(came, len(content)) > most
        if time.monotonic() > sending.deadline:
            break
    if is_too_large:
        raise _UnusableError(
            f"it is larger than the {most_mb:,} MB that {setting} allows, and was not read to its "
            "end. Raise the setting if you expect so much"
        )
    sending.end()
    # A connection that was shut may look like the end of the answer.
    if sending.is_late or time.monotonic() > sending.deadline:
        raise requests.ReadTimeout("the answer did not end in time")
    inflater.end()
    return bytes(content)


class _Inflater:
    """Undoes the encoding of a body, never more of it than is wanted.

    Parameters
    ----------
    encoding
        As ``Content-Encoding`` names it.
    """

    def __init__(self, encoding: str) -> None:
        encoding = encoding.strip().lower()
        if encoding not in ("", "identity", "gzip", "x-gzip", "deflate"):
            raise _UnusableError("it is encoded in a way that was not asked for")
        self._zlib = None if encoding in ("", "identity") else zlib.decompressobj(_ANY_HEADER)
        self._has_begun = False

    def inflate(self, part: bytes, most: int) -> bytes:
        """Return what a part of the body stands for, at most so many bytes of it."""
        if self._zlib is None:
            return part
        inflated = b""
        while part and len(inflated) < most:
            if self._zlib.eof:
                # Several that follow each other are one (RFC 1952).
                self._zlib = zlib.decompressobj(_ANY_HEADER)
            self._has_begun = True
            inflated += self._zlib.decompress(part, most - len(inflated))
            part = self._zlib.unconsumed_tail or self._zlib.unused_data
        return inflated

    def end(self) -> None:
        """Check that the body was whole."""
        if self._zlib is not None and self._has_begun and not self._zlib.eof:
            raise EOFError("the body ends before its encoding does")


def _let_go_of_frames(error: BaseException) -> None:
    """Take the frames from an error and its causes: the transport's hold the token as a local."""
    cause: BaseException | None = error
    while cause is not None:
        cause.__traceback__ = None
        cause = cause.__cause__ or cause.__context__


def _no_answer(why: str, asked: Exchange, origin: str, *, was_sent: bool) -> NoAnswerError:
    outcome = (
        "It may have been carried out: look before you send it again."
        if was_sent and asked.method != "GET"
        else "Nothing was carried out."
    )
    what_to_do = (
        "If the bank is yours to serve, start it: bunqkit sandbox."
        if origin.startswith("http:")
        else "Without a network, BUNQ_ENVIRONMENT=OFFLINE opens a bank on this machine."
    )
    return NoAnswerError(
        f"No answer to {asked.method} {asked.path} from {origin}: {why}. {outcome} {what_to_do}",
        method=asked.method,
        path=asked.path,
        was_sent=was_sent,
    )


def _why(error: Exception, sending: Sending, timeout_s: float) -> str:
    """Return what an error means: before the first byte left, or after."""
    wrapped = list(_unwrap(error))
    is_late = sending.is_late or any(isinstance(each, _LATE) for each in wrapped)
    if sending.has_left:
        why = "the connection was cut"
        if is_late:
            why = f"it took longer than {timeout_s:g} s"
        elif isinstance(error, zlib.error | EOFError):
            why = "what came can't be inflated"
        elif not isinstance(error, _CUT):
            why = f"something failed on this side ({type(error).__name__})"
        return why
    for kinds, why in _UNSENT:
        if any(isinstance(each, kinds) for each in wrapped):
            return why
    return "the connection was not made in time" if is_late else "the connection was not made"


def _unwrap(error: BaseException) -> Iterator[BaseException]:
    """Return an error and what it wraps, the way that the libraries wrap."""
    inside: object = error
    while isinstance(inside, BaseException):
        yield inside
        inside = getattr(inside, "reason", None) or (inside.args[0] if inside.args else None)
