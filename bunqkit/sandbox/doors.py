"""Two doors of the bank: a ``requests`` adapter in this process, and a server on loopback."""

from __future__ import annotations

import contextlib
import importlib
import io
import sys
import threading
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote_to_bytes, urlsplit

import requests
from urllib3 import HTTPHeaderDict, HTTPResponse

from bunqkit.errors import BunqkitError
from bunqkit.sandbox.faults import CutConnection

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

# Where the bank in this process is; ".invalid" is reserved and leads nowhere (RFC 2606).
BASE_URL = "https://bank.invalid/v1"


class InProcess(requests.adapters.BaseAdapter):
    """Calls a WSGI application as a function: no socket, no thread.

    Parameters
    ----------
    application
        The bank, or something that stands before it.
    """

    def __init__(self, application: WSGIApplication) -> None:
        super().__init__()
        self._application = application

    def send(  # type: ignore[override]
        self, request: requests.PreparedRequest, **_transport: Any
    ) -> requests.Response:
        """Give the application's answer; what concerns sockets is not looked at."""
        told: list[tuple[str, list[tuple[str, str]]]] = []

        def start_response(
            status: str, headers: list[tuple[str, str]], _error: object = None
        ) -> Callable[[bytes], object]:
            told.append((status, headers))
            return lambda _written: None

        try:
            body = b"".join(self._application(_environ(request), start_response))
        except CutConnection as error:
            raise requests.ConnectionError(
                "The bank closed the connection without an answer.", request=request
            ) from error
        status, headers = told[-1]
        code, _, reason = status.partition(" ")
        raw = HTTPResponse(
            body=io.BytesIO(body),
            headers=HTTPHeaderDict(headers),
            status=int(code),
            reason=reason,
            preload_content=False,
        )
        # The public way from a urllib3 answer to one of requests.
        return requests.adapters.HTTPAdapter().build_response(request, raw)

    def close(self) -> None:
        """Do nothing: the bank outlives its clients."""


class Server:
    """The bank at an address, from ``run()`` until ``close()``.

    Parameters
    ----------
    application
        The bank, or something that stands before it.
    host, port
        Where to listen; port 0 takes a free one.

    Attributes
    ----------
    url
        The API's address, ending in ``/v1``.

    Raises
    ------
    BunqkitError
        If waitress is not installed, or the address can't be had.
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
        try:
            self._server = waitress.create_server(
                _cutting(application),
                map=self._sockets,
                host=host,
                port=port,
                threads=8,
                ident="bunq",
            )
        except (OSError, ValueError) as error:
            raise BunqkitError(
                f"The bank can't listen on {host}:{port} ({error}). Choose another host or port; "
                "--port 0 takes a free one."
            ) from error
        name = f"[{host}]" if ":" in host else host
        self.url = f"http://{name}:{self._server.effective_port}/v1"

    def run(self) -> None:
        """Answer calls until ``close()`` or an interrupt; then let go of every connection."""
        try:
            while not self._is_closing.is_set():
                self._loop.loop(timeout=1.0, use_poll=True, map=self._sockets, count=1)
        finally:
            self._server.task_dispatcher.shutdown()
            self._loop.close_all(self._sockets, ignore_all=True)

    def close(self) -> None:
        """End ``run()``, from whatever thread."""
        self._is_closing.set()
        # A loop that was about to look up has seen it, and let go of the trigger already.
        with contextlib.suppress(OSError):
            self._server.pull_trigger()


def _cutting(application: WSGIApplication) -> WSGIApplication:
    """Have the server close the connection where the bank says so."""
    gone: type[Exception] = importlib.import_module("waitress.channel").ClientDisconnected

    def answer(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        try:
            return application(environ, start_response)
        except CutConnection as error:
            # As if the client had hung up: waitress then closes without a word.
            raise gone from error

    return answer


def _environ(request: requests.PreparedRequest) -> dict[str, Any]:
    parts = urlsplit(str(request.url))
    body = request.body or b""
    if isinstance(body, str):
        body = body.encode()
    assert isinstance(body, bytes)
    environ: dict[str, Any] = {
        "REQUEST_METHOD": request.method,
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote_to_bytes(parts.path).decode("latin-1"),
        "QUERY_STRING": parts.query,
        "SERVER_NAME": parts.hostname or "",
        "SERVER_PORT": str(parts.port or 443),
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "127.0.0.1",
        "CONTENT_LENGTH": str(len(body)),
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": parts.scheme,
        "wsgi.input": io.BytesIO(body),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }
    for name, text in _header_texts(request.headers.items()):
        environ[f"HTTP_{name.upper().replace('-', '_')}"] = text
    # Two headers have names of their own (PEP 3333).
    environ.pop("HTTP_CONTENT_LENGTH", None)
    environ["CONTENT_TYPE"] = environ.pop("HTTP_CONTENT_TYPE", "")
    return environ


def _header_texts(headers: Iterable[tuple[str, Any]]) -> Iterable[tuple[str, str]]:
    for name, text in headers:
        yield name, text.decode("latin-1") if isinstance(text, bytes) else str(text)
