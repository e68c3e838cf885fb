"""Calls a WSGI application as a function: no socket, no thread, no ``requests``."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote_to_bytes, urlsplit

if TYPE_CHECKING:
    from wsgiref.types import WSGIApplication

BASE_URL = "https://bank.invalid/v1"
"""Where the bank in this process is; ".invalid" is reserved and leads nowhere (RFC 2606)."""


def call(
    application: WSGIApplication, method: str, url: str, headers: Mapping[str, str], body: bytes
) -> tuple[int, list[tuple[str, str]], bytes]:
    """Return status, headers and body of the application's answer to a request.

    Raises
    ------
    CutConnection
        If a fault closes the connection.
    """
    status, answer_headers = "", list[tuple[str, str]]()

    def start_response(
        line: str, pairs: list[tuple[str, str]], _error: object = None
    ) -> Callable[[bytes], object]:
        nonlocal status, answer_headers
        status, answer_headers = line, pairs
        return lambda _written: None

    content = b"".join(application(_environ(method, url, headers, body), start_response))
    return int(status.partition(" ")[0]), answer_headers, content


def _environ(method: str, url: str, headers: Mapping[str, str], body: bytes) -> dict[str, Any]:
    parts = urlsplit(url)
    environ: dict[str, Any] = {
        "REQUEST_METHOD": method,
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
    for name, text in headers.items():
        # Callers that go by ``requests`` may give bytes.
        value = text.decode("latin-1") if isinstance(text, bytes) else str(text)
        environ[f"HTTP_{name.upper().replace('-', '_')}"] = value
    environ.setdefault("HTTP_HOST", parts.netloc)
    # Two headers have names of their own (PEP 3333).
    environ.pop("HTTP_CONTENT_LENGTH", None)
    environ["CONTENT_TYPE"] = environ.pop("HTTP_CONTENT_TYPE", "")
    return environ
