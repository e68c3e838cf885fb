"""Two doors of the bank: a ``requests`` adapter in this process, and a server on loopback."""

from __future__ import annotations

import contextlib
import importlib
import io
import ipaddress
import logging
import socket
import sys
import threading
from typing import TYPE_CHECKING, Any

import requests
from urllib3 import HTTPHeaderDict, HTTPResponse

from bunqkit.errors import BunqkitError
from bunqkit.sandbox import in_process
from bunqkit.sandbox.faults import CutConnection
from bunqkit.sandbox.routes import LARGEST_BODY

if TYPE_CHECKING:
    from collections.abc import Iterable
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

BASE_URL = in_process.BASE_URL
_MOST_CONNECTIONS = 1000
_SPARE_FILES = 64
# The time within which a request must be complete, and the next one must begin.
_PATIENCE_S = 30
_Address = ipaddress.IPv4Address | ipaddress.IPv6Address
# By IP version: the family, an address elsewhere (reserved for documentation), loopback.
_FAMILIES = {
    4: (socket.AF_INET, "192.0.2.1", "127.0.0.1"),
    6: (socket.AF_INET6, "2001:db8::1", "::1"),
}


class InProcess(requests.adapters.BaseAdapter):
    """A ``requests`` adapter that calls a WSGI application as a function.

    Parameters
    ----------
    application
        The bank, or something that stands before it.
    """

    def __init__(self, application: WSGIApplication) -> None:
        super().__init__()
        self._application = application

    def send(  # type: ignore[override]
        self, request: requests.PreparedRequest, **_options: Any
    ) -> requests.Response:
        """Return the application's answer; options that concern sockets are ignored."""
        body = request.body or b""
        assert isinstance(body, bytes | str)
        try:
            status, headers, content = in_process.call(
                self._application,
                str(request.method),
                str(request.url),
                request.headers,
                body.encode() if isinstance(body, str) else body,
            )
        except CutConnection as error:
            raise requests.ConnectionError(str(error), request=request) from error
        raw = HTTPResponse(
            body=io.BytesIO(content),
            headers=HTTPHeaderDict(headers),
            status=status,
            preload_content=False,
        )
        # The public way from a urllib3 answer to one of requests.
        return requests.adapters.HTTPAdapter().build_response(request, raw)

    def close(self) -> None:
        """Do nothing: the bank outlives its clients."""


class Server:
    """A server for the bank, from ``run()`` until ``close()``.

    A connection that waits with half a request, or with none, is closed after a time-out. When the
    limit of connections is reached, the one that has waited longest is closed for the next.

    Parameters
    ----------
    application
        The bank, or an application in front of it.
    host, port
        The address to listen at; port 0 takes a free one.

    Attributes
    ----------
    url
        The API's address, ending in ``/v1``. If the server listens on every address of this
        machine, it is the one by which others reach it.
    is_local
        True if only this machine can reach the server.

    Raises
    ------
    BunqkitError
        If waitress is not installed, or the address is taken or not this machine's.
    """

    def __init__(self, application: WSGIApplication, *, host: str, port: int) -> None:
        try:
            waitress = importlib.import_module("waitress.server")
        except ImportError as error:
            raise BunqkitError(
                "Serving the bank needs waitress. Install it: "
                f'{sys.executable} -m pip install "bunqkit[serve]"'
            ) from error
        self._loop = waitress.wasyncore
        self._sockets: dict[int, Any] = {}
        self._is_closing = threading.Event()
        self._most = _count_connections()
        try:
            listener, address = _listen(host, port)
        except (OSError, ValueError) as error:
            raise BunqkitError(
                f"The bank can't listen on {host}:{port} ({error}). Choose another host or port; "
                "--port 0 takes a free one."
            ) from error
        self._server = waitress.create_server(
            _cutting(application),
            map=self._sockets,
            sockets=[listener],
            threads=8,
            ident="bunq",
            # The map has the listener and the trigger beside the connections.
            connection_limit=self._most + 2,
            channel_timeout=_PATIENCE_S,
            cleanup_interval=_PATIENCE_S // 4,
            max_request_body_size=LARGEST_BODY + 1,
            # So that no thread waits until a client has read its answer.
            outbuf_high_watermark=2 * LARGEST_BODY,
        )
        self._server.channel_class = _patient_channel()
        # With many clients calls wait in a queue; a warning for each would fill the error stream.
        logging.getLogger("waitress.queue").setLevel(logging.ERROR)
        self.is_local = address.is_loopback
        name = _find_own_address(address) if address.is_unspecified else host
        name = f"[{name}]" if ":" in name else name
        self.url = f"http://{name}:{self._server.effective_port}/v1"

    def run(self) -> None:
        """Answer calls until ``close()`` or an interrupt; then close every connection."""
        try:
            while not self._is_closing.is_set():
                self._loop.loop(timeout=1.0, use_poll=True, map=self._sockets, count=1)
                self._make_room()
        finally:
            self._server.task_dispatcher.shutdown()
            for channel in list(self._server.active_channels.values()):
                channel.handle_close()
            self._loop.close_all(self._sockets, ignore_all=True)

    def close(self) -> None:
        """End ``run()``, from any thread."""
        self._is_closing.set()
        # The loop may have ended already, and closed the trigger.
        with contextlib.suppress(OSError):
            self._server.pull_trigger()

    def _make_room(self) -> None:
        """Close the connection that has waited longest for a request, if the limit is reached."""
        channels = self._server.active_channels
        if len(channels) < self._most:
            return
        waiting = [channel for channel in channels.values() if not channel.requests]
        if waiting:
            min(waiting, key=lambda channel: channel.last_activity).handle_close()


def _count_connections() -> int:
    """Return the limit of connections, which depends on the limit of open files."""
    try:
        resource = importlib.import_module("resource")
    except ImportError:
        return _MOST_CONNECTIONS
    files: int = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    if files == resource.RLIM_INFINITY:
        return _MOST_CONNECTIONS
    return min(_MOST_CONNECTIONS, max(_SPARE_FILES, files - _SPARE_FILES))


def _listen(host: str, port: int) -> tuple[socket.socket, _Address]:
    """Return a socket bound to the first address of a host, and the address."""
    addresses = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    family, _, _, _, address = addresses[0]
    ip, number = str(address[0]), int(address[1])
    listener = socket.create_server((ip, number), family=family, backlog=_MOST_CONNECTIONS)
    return listener, ipaddress.ip_address(ip)


def _find_own_address(listening: _Address) -> str:
    """Return the address by which others reach this machine, or loopback if there is none."""
    family, other, loopback = _FAMILIES[listening.version]
    with contextlib.suppress(OSError), socket.socket(family, socket.SOCK_DGRAM) as probe:
        # This sends nothing: the system only chooses the address that it would send from.
        probe.connect((other, 9))
        return str(probe.getsockname()[0])
    return loopback


def _patient_channel() -> type[Any]:
    """Return a waitress connection class with a time-out for a whole request."""
    channel: Any = importlib.import_module("waitress.channel").HTTPChannel

    class PacedChannel(channel):  # type: ignore[misc]
        request: object
        requests: list[object]
        last_activity: float

        def handle_read(self) -> None:
            is_within, since = self.request is not None, self.last_activity
            super().handle_read()
            if is_within and self.request is not None:
                # One more byte of the same request does not start the time again.
                self.last_activity = since
            if len(self.requests) > 1:
                # A client that asks on without reading the answers would fill the disk with them.
                self.handle_close()

    return PacedChannel


def _cutting(application: WSGIApplication) -> WSGIApplication:
    """Return an application whose connection is closed when the bank raises ``CutConnection``."""
    disconnected: type[Exception] = importlib.import_module("waitress.channel").ClientDisconnected

    def answer(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        try:
            return application(environ, start_response)
        except CutConnection as error:
            # As if the client had disconnected: waitress then closes without an answer.
            raise disconnected from error

    return answer
