"""A call on its way out: the bytes of its body, its URL and its headers.

A body is serialised once. The same bytes are signed and sent, however often.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode

from bunqkit.client.transport import Request
from bunqkit.errors import FieldError
from bunqkit.security.redaction import Body, Headers, Private, Secret, redact_query, reveal_all

# The three steps and the log-out: they are allowed in production without a guard.
_ALWAYS_ALLOWED = re.compile(r"/(installation|device-server|session-server|session/[0-9]+)")
# What stands in a URL as it is (RFC 3986); "%" because a path may be encoded already.
_URL_LETTERS = "/?%:@!$&'()*+,;=-._~"
_LONE_PERCENT = re.compile("%(?![0-9A-Fa-f]{2})")
_HEADER_TEXT = re.compile(r"[\t -~\x80-\xff]*")


@dataclass(frozen=True, repr=False)
class OutgoingCall(Private):
    """One call before it is sent: checked, and serialised once.

    Attributes
    ----------
    method, path
        The path is the one below ``/v1``.
    body
        The bytes that are signed and sent.
    is_json
        True if the body was given as a dictionary.
    token, params, headers
        As ``Client.request`` takes them.
    secrets
        What has to be masked wherever the call is shown.
    """

    method: str
    path: str
    body: Body
    is_json: bool
    token: Secret | None
    params: Mapping[str, Any] | None
    headers: Mapping[str, str]
    secrets: frozenset[Secret]

    @property
    def is_read(self) -> bool:
        """True if the call changes nothing, so that sending it twice does no harm."""
        return self.method == "GET"

    @property
    def is_always_allowed(self) -> bool:
        """True if it is one of the three steps, or the log-out."""
        return _ALWAYS_ALLOWED.fullmatch(self.path) is not None

    def to_request(self, base_url: str, headers: Mapping[str, str]) -> Request:
        """Return the HTTP request of this call.

        Parameters
        ----------
        base_url
            The address of the API, ending in ``/v1``.
        headers
            Those that every call has; the call's own replace them.

        Raises
        ------
        FieldError
            If a header can't be sent.
        """
        headers = {**headers, **self.headers, **content_length(self.method, self.body)}
        _check_headers(headers)
        if self.token is not None:
            headers["X-Bunq-Client-Authentication"] = self.token.reveal()
        url = base_url + quote(_LONE_PERCENT.sub("%25", self.path), safe=_URL_LETTERS)
        if self.params:
            query = urlencode(reveal_all(self.params) or {}, doseq=True)
            url = f"{url}{'&' if '?' in url else '?'}{query}"
        return Request(self.method, url, Headers(headers), self.body)

    def __repr__(self) -> str:
        return f"<{self.method} {redact_query(self.path)}>"


def serialise(body: Mapping[str, Any] | bytes | None) -> tuple[Body, frozenset[Secret]]:
    """Return the bytes of a body, which are signed and sent, and the secrets in it."""
    if body is None or isinstance(body, bytes):
        return Body(body or b""), frozenset()
    secrets: set[Secret] = set()

    def reveal(value: object) -> Any:
        if not isinstance(value, Secret):
            raise TypeError(f"a {value.__class__.__name__} can't be written as JSON")
        secrets.add(value)
        return value.reveal_value()

    try:
        written = json.dumps(body, ensure_ascii=False, allow_nan=False, default=reveal).encode()
        return Body(written), frozenset(secrets)
    except (TypeError, ValueError, RecursionError) as error:
        why = str(error)
    # Not inside the handler: an encoding error holds the whole text.
    raise FieldError(
        f"The body can't be written as JSON ({why}). Amounts are texts such as '10.00', "
        "times texts such as '2026-01-31 09:00:00.000000'."
    )


def content_length(method: str, body: bytes) -> dict[str, str]:
    """Return the ``Content-Length`` header of a request; none for a read without a body."""
    return {} if method == "GET" and not body else {"Content-Length": str(len(body))}


def _check_headers(headers: Mapping[str, str]) -> None:
    for name, text in headers.items():
        if not (name.isascii() and name.isprintable() and name.strip() and ":" not in name):
            raise FieldError(f"{name!r} is no name of a header, so nothing was sent.")
        if not _HEADER_TEXT.fullmatch(text):
            raise FieldError(
                f"The header {name} holds letters that no header can, so nothing was sent."
            )
