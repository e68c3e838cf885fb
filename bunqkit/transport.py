"""Carries one request over a connection, and gives what came, whatever it is.

Beside the client the only importer of ``requests``; knows nothing of keys and signatures.
"""

from __future__ import annotations

import contextlib
import logging
import time
from dataclasses import replace
from typing import Any

import requests
import urllib3

from bunqkit.errors import NoAnswerError
from bunqkit.exchange import Exchange
from bunqkit.redaction import Body, Headers, Secret, redact_query

# Source: bunq asks for time-outs of one's own; the official SDK has none and hangs for ever.
_CONNECT_TIMEOUT_S = 10.0
_CHUNK = 1 << 16


class _Masking(logging.Filter):
    """Masks secrets in the addresses that ``urllib3`` logs: OAuth's token is bought by a query."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Change the record, and let it through."""
        if isinstance(record.args, tuple):
            record.args = tuple(
                redact_query(each) if isinstance(each, str) else each for each in record.args
            )
        return True


logging.getLogger("urllib3.connectionpool").addFilter(_Masking())


class Authentication(requests.auth.AuthBase):
    """Adds the token, and keeps ``requests`` from adding what a ``.netrc`` says."""

    def __init__(self, token: Secret | None) -> None:
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Add the token to a request."""
        if self._token is not None:
            request.headers["X-Bunq-Client-Authentication"] = self._token.reveal()
        return request


def carry(
    http: requests.Session,
    prepared: requests.PreparedRequest,
    asked: Exchange,
    *,
    origin: str,
    timeout_s: float,
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

    Raises
    ------
    NoAnswerError
        If no complete answer came in time.
    """
    started = time.monotonic()
    deadline = started + timeout_s
    settings: Any = http.merge_environment_settings(asked.url, {}, True, None, None)
    try:
        with contextlib.closing(
            # Straight to the connections: nothing here follows a redirect.
            http.get_adapter(asked.url).send(
                prepared,
                timeout=(min(_CONNECT_TIMEOUT_S, timeout_s), timeout_s),
                **settings,
            )
        ) as response:
            content = _read(response, deadline)
    except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
        _let_go_of_frames(error)
        told = _no_answer(error, asked.method, asked.path, origin, timeout_s)
        # The transport's words quote the URL, and so whatever is masked in ours.
        raise told from (error if asked.url == prepared.url else None)
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


def _read(response: requests.Response, deadline: float) -> bytes:
    """Read the body, and give up when the whole of it takes too long."""
    parts = []
    # read1 returns with what has come: an answer that drips can't outlast the deadline.
    while part := response.raw.read1(_CHUNK, decode_content=True):
        parts.append(part)
        if time.monotonic() > deadline:
            raise requests.ReadTimeout("the answer did not end in time")
    return b"".join(parts)


def _let_go_of_frames(error: BaseException) -> None:
    """Take the frames from an error and its causes: the transport's hold the token as a local."""
    cause: BaseException | None = error
    while cause is not None:
        cause.__traceback__ = None
        cause = cause.__cause__ or cause.__context__


def _no_answer(
    error: Exception, method: str, path: str, origin: str, timeout_s: float
) -> NoAnswerError:
    was_sent = True
    cause = error.args[0] if error.args else None
    reason = getattr(cause, "reason", cause)
    if isinstance(error, requests.exceptions.SSLError):
        why, was_sent = "its certificate was not accepted", False
    elif isinstance(error, requests.exceptions.ProxyError):
        why, was_sent = "the proxy did not let it through", False
    elif isinstance(reason, urllib3.exceptions.NameResolutionError):
        why, was_sent = "its name could not be looked up", False
    elif isinstance(error, requests.ConnectTimeout):
        why, was_sent = "the connection was not made in time", False
    elif isinstance(reason, urllib3.exceptions.NewConnectionError):
        why, was_sent = "nothing listens there or nothing leads there", False
    elif isinstance(error, requests.Timeout | urllib3.exceptions.TimeoutError):
        why = f"it took longer than {timeout_s:g} s"
    elif isinstance(error, requests.exceptions.InvalidURL | requests.exceptions.InvalidSchema):
        why, was_sent = "its address can't be used", False
    else:
        why = "the connection was cut"
    outcome = (
        "It may have been carried out: look before you send it again."
        if was_sent and method != "GET"
        else "Nothing was carried out."
    )
    what_to_do = (
        "If the bank is yours to serve, start it: bunqkit sandbox."
        if origin.startswith("http:")
        else "Without a network, BUNQ_ENVIRONMENT=OFFLINE opens a bank on this machine."
    )
    return NoAnswerError(
        f"No answer to {method} {path} from {origin}: {why}. {outcome} {what_to_do}",
        method=method,
        path=path,
        was_sent=was_sent,
    )
