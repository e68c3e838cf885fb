"""Reads body lengths and writes answers, for all WSGI applications of a bank."""

from __future__ import annotations

import json
from http import HTTPStatus
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIEnvironment


# Nothing is loaded from elsewhere, and no other site can put a frame around the buttons.
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'"
_REASONS = {status.value: status.phrase for status in HTTPStatus}


def read_length(environ: WSGIEnvironment) -> int:
    """Return the length of the body in bytes; 0 if the header is missing or not a number."""
    length = environ.get("CONTENT_LENGTH") or "0"
    return int(length) if length.isascii() and length.isdigit() else 0


def status_line(status: int) -> str:
    """Return a status with its reason; ``Refused`` for those that only bunq uses."""
    return f"{status} {_REASONS.get(status, 'Refused')}"


def send(
    start_response: StartResponse,
    status: int,
    content_type: str,
    body: bytes,
    headers: dict[str, str],
) -> list[bytes]:
    """Send an answer that no browser may store or interpret as another type."""
    every = {
        "Content-Type": content_type,
        "Content-Length": str(len(body)),
        "Cache-Control": "no-store",
        "X-Content-Type-Options": "nosniff",
        **headers,
    }
    start_response(status_line(status), list(every.items()))
    return [body]


def send_json(
    start_response: StartResponse, status: int, answer: object, headers: dict[str, str]
) -> list[bytes]:
    """Send an answer as JSON."""
    return send(start_response, status, "application/json", json.dumps(answer).encode(), headers)


def send_html(
    start_response: StartResponse, status: int, html: str, headers: dict[str, str]
) -> list[bytes]:
    """Send a page that loads nothing from elsewhere."""
    policy = {"Content-Security-Policy": _POLICY}
    kind = "text/html; charset=utf-8"
    return send(start_response, status, kind, html.encode(), policy | headers)
