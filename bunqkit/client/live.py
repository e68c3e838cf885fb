"""The transport that goes over the network: the only module of the client that knows ``requests``.

The errors of ``requests`` don't tell on which side of the first byte something failed. So the
connections here record the moment at which the first byte of a request is handed on.
"""

from __future__ import annotations

import contextlib
import logging
import os
import socket
import ssl
import time
from collections import deque
from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any
from urllib.parse import urlsplit

import requests
import urllib3
from requests.adapters import BaseAdapter, HTTPAdapter
from urllib3 import HTTPConnectionPool
from urllib3.connection import HTTPConnection

from bunqkit.client.bodies import Bounds, UnusableBodyError, read_body
from bunqkit.client.deadlines import Sending, current_sending, sending_until
from bunqkit.client.transport import (
    RawAnswer,
    Request,
    Transport,
    TransportError,
    explain_loss,
    forget_frames,
)
from bunqkit.errors import StoppedBeforeSending
from bunqkit.security.redaction import Body, Headers, redact_query

# Source: bunq asks for time-outs of one's own; the official SDK has none and hangs for ever.
_CONNECT_TIMEOUT_S = 10.0
_CERTIFICATES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
_LATE = (requests.Timeout, urllib3.exceptions.TimeoutError, TimeoutError)
# Why a connection was not made, by the first kind of error that is among the causes.
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


class LiveTransport(Transport):
    """Sends over the network, through the proxies of the environment if that is wanted.

    It keeps its connections, follows no redirect, keeps no cookie and reads no ``.netrc``.

    Parameters
    ----------
    adapter
        A ``requests`` adapter that is used in place of the network.
    addresses
        Connect to these in place of what the host's name leads to, and use no proxy.
    uses_proxies
        Whether the proxies of the environment are used.
    """

    def __init__(
        self,
        *,
        adapter: BaseAdapter | None = None,
        addresses: Sequence[str] = (),
        uses_proxies: bool = True,
    ) -> None:
        network = FixedAddressAdapter(addresses) if addresses else RecordingAdapter()
        self._adapter = adapter or network
        self._uses_proxies = uses_proxies

    def send(self, request: Request, *, timeout_s: float, bounds: Bounds) -> RawAnswer:
        """Send a request once and return the answer; see ``Transport.send``."""
        prepared = requests.PreparedRequest()
        prepared.method, prepared.url = request.method, request.url
        prepared.headers = requests.structures.CaseInsensitiveDict(request.headers)
        prepared.body = bytes(request.body) or None
        try:
            with sending_until(time.monotonic() + timeout_s) as sending:
                response, body = self._exchange(prepared, sending, timeout_s, bounds)
            # What stands before the network may have changed these.
            sent = Request(
                request.method,
                request.url,
                Headers(dict(prepared.headers)),
                Body(prepared.body or b""),
            )
            return RawAnswer(response.status_code, Headers(response.headers), body, sent)
        finally:
            # An error may keep this request, and with it the token as plain text.
            prepared.url, prepared.body = "", None
            prepared.headers = requests.structures.CaseInsensitiveDict()

    def close(self) -> None:
        """Close the connections; a later call opens new ones."""
        self._adapter.close()

    def _exchange(
        self,
        prepared: requests.PreparedRequest,
        sending: Sending,
        timeout_s: float,
        bounds: Bounds,
    ) -> tuple[requests.Response, Body]:
        try:
            with contextlib.closing(self._open(prepared, sending, timeout_s)) as response:
                body = read_body(
                    lambda most: response.raw.read1(most, decode_content=False),
                    response.status_code,
                    response.headers,
                    length=response.raw.length_remaining,
                    bounds=bounds,
                    deadline=sending.deadline,
                )
                sending.end()
            sending.check()
        except UnusableBodyError:
            raise
        except Exception as error:
            forget_frames(error)
            why = _explain(error, sending, timeout_s)
            if sending.is_late:
                # To its reader, a connection that we shut looks like one that was cut.
                raise TransportError(why, was_sent=sending.has_left) from TimeoutError(why)
            raise TransportError(why, was_sent=sending.has_left) from error
        except KeyboardInterrupt as interrupt:
            forget_frames(interrupt)
            if sending.has_left:
                raise
            raise StoppedBeforeSending from interrupt
        except BaseException as error:
            forget_frames(error)
            raise
        return response, body

    def _open(
        self, prepared: requests.PreparedRequest, sending: Sending, timeout_s: float
    ) -> requests.Response:
        """Send the request and return the answer, whose body is not read yet."""
        # Only connections of ours can tell that nothing has left.
        sending.has_left = not isinstance(self._adapter, RecordingAdapter)
        url = str(prepared.url)
        return self._adapter.send(
            prepared,
            stream=True,
            timeout=(min(_CONNECT_TIMEOUT_S, timeout_s), timeout_s),
            verify=next(filter(None, map(os.environ.get, _CERTIFICATES)), True),
            proxies=requests.utils.get_environ_proxies(url) if self._uses_proxies else {},
        )


class RecordingAdapter(HTTPAdapter):
    """Sends by connections that record when the first byte leaves; through proxies too."""

    def init_poolmanager(self, *sizes: Any, **options: Any) -> None:
        """Prepare for direct connections."""
        super().init_poolmanager(*sizes, **options)
        _make_recording(self.poolmanager)

    def proxy_manager_for(self, proxy: str, **options: Any) -> Any:
        """Prepare for connections through a proxy."""
        manager = super().proxy_manager_for(proxy, **options)
        _make_recording(manager)
        return manager


class FixedAddressAdapter(RecordingAdapter):
    """Connects to addresses that were checked, whatever the name in the request leads to.

    The name stays in the ``Host`` header and, with https, in the check of the certificate. No proxy
    is used, because a proxy would look the name up itself.

    Parameters
    ----------
    addresses
        They are tried one after the other, until one takes a connection.
    """

    def __init__(self, addresses: Sequence[str]) -> None:
        super().__init__()
        self._addresses = deque(addresses)

    def send(  # type: ignore[override]
        self, request: requests.PreparedRequest, **options: Any
    ) -> requests.Response:
        """Send a request to the first address where something listens."""
        options["proxies"] = {}
        for _ in range(len(self._addresses) - 1):
            try:
                return super().send(request, **options)
            except requests.ConnectionError as error:
                # Only if nothing was sent: no connection was made.
                reason = getattr(error.args[0] if error.args else None, "reason", None)
                if not isinstance(reason, urllib3.exceptions.NewConnectionError):
                    raise
            self._addresses.rotate(-1)
        return super().send(request, **options)

    def build_connection_pool_key_attributes(
        self, request: requests.PreparedRequest, verify: Any, cert: Any = None
    ) -> Any:
        """Return the address in place of the host; the certificate must be the host's."""
        host, tls = super().build_connection_pool_key_attributes(request, verify, cert)
        name = host["host"]
        pool = {**tls, **({"server_hostname": name} if host["scheme"] == "https" else {})}
        return {**host, "host": self._addresses[0]}, pool

    def add_headers(self, request: requests.PreparedRequest, **_options: Any) -> None:
        """Add the ``Host`` header that the request's URL says."""
        request.headers["Host"] = urlsplit(str(request.url)).netloc


class _RecordingConnection(HTTPConnection):
    def _new_conn(self) -> socket.socket:
        connected = super()._new_conn()
        sending = current_sending()
        sending.hold(connected)
        # The handshake of TLS takes this as the limit of the whole of it.
        connected.settimeout(min(connected.gettimeout() or sending.left_s, sending.left_s))
        return connected

    def endheaders(self, *body: Any, **options: Any) -> None:
        """Send the headers: the first bytes of a request."""
        if self.sock is None:
            self.connect()
        if isinstance(self.sock, ssl.SSLSocket) and self.sock.version() is None:
            # The standard library skips the handshake on a socket that was closed before it.
            raise ssl.SSLError("the connection was closed before the handshake")
        sending = current_sending()
        sending.hold(self.sock)
        sending.has_left = True
        super().endheaders(*body, **options)


def _make_recording(manager: Any) -> None:
    manager.pool_classes_by_scheme = {
        scheme: _recording(pool) for scheme, pool in manager.pool_classes_by_scheme.items()
    }


@cache
def _recording(pool: type[HTTPConnectionPool]) -> type[HTTPConnectionPool]:
    """Return a kind of pool like this one, but of connections that record."""
    if issubclass(pool.ConnectionCls, _RecordingConnection):
        return pool
    plain: Any = pool.ConnectionCls
    connection = type(plain.__name__, (_RecordingConnection, plain), {})
    return type(pool.__name__, (pool,), {"ConnectionCls": connection})


def _explain(error: Exception, sending: Sending, timeout_s: float) -> str:
    """Return what an error means: before the first byte left, or after."""
    causes = list(_unwrap(error))
    is_late = sending.is_late or any(isinstance(cause, _LATE) for cause in causes)
    if sending.has_left:
        if is_late:
            error = TimeoutError()
        elif isinstance(error, urllib3.exceptions.HTTPError):
            error = ConnectionError()
        return explain_loss(error, timeout_s)
    for kinds, why in _UNSENT:
        if any(isinstance(cause, kinds) for cause in causes):
            return why
    return "the connection was not made in time" if is_late else "the connection was not made"


def _unwrap(error: BaseException) -> Iterator[BaseException]:
    """Return an error and what it wraps, the way that the libraries wrap."""
    cause: object = error
    while isinstance(cause, BaseException):
        yield cause
        cause = getattr(cause, "reason", None) or (cause.args[0] if cause.args else None)


class _SecretFilter(logging.Filter):
    """Masks secrets in what ``urllib3`` logs.

    Addresses may hold secrets, because OAuth's token is bought by a query. The error about headers
    that can't be read holds these headers, with signatures and whatever else they say.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        """Change the record, and let it through."""
        record.exc_info = None
        if isinstance(record.args, tuple):
            record.args = tuple(map(_mask, record.args))
        return True


def _mask(argument: object) -> object:
    if isinstance(argument, str):
        return redact_query(argument)
    return type(argument).__name__ if isinstance(argument, Exception) else argument


_SECRET_FILTER = _SecretFilter()
for _logger in ("urllib3.connectionpool", "urllib3.connection", "urllib3.response"):
    logging.getLogger(_logger).addFilter(_SECRET_FILTER)
