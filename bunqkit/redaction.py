"""What is secret, and how it is shown: the one place that decides both.

A secret text travels as a ``Secret``, which prints masked wherever it ends up: a repr, a log, a
traceback with locals. JSON and headers that hold one are shown through ``redact`` and
``redact_headers``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

MASK = "…"

# Names of body fields whose value opens something. Source: bunq docs and swagger (api_key, secret,
# token, token_value, client_secret, access_token, code of OAuth, PIN and card fields).
_SECRET_FIELDS = frozenset(
    {
        "access_token",
        "activation_code",
        "api_key",
        "client_secret",
        "code",
        "cvc2",
        "pin_code",
        "private_key",
        "secret",
        "token",
        "token_value",
    }
)
_SECRET_HEADERS = frozenset(
    {"authorization", "cookie", "set-cookie", "x-bunq-client-authentication"}
)
_SIGNATURE_HEADERS = frozenset({"x-bunq-client-signature", "x-bunq-server-signature"})


class Secret:
    """A text that prints masked; ``reveal()`` gives it.

    Parameters
    ----------
    text
        An API key, a token, a private key or a passphrase.
    """

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """Give the text itself: to the line that sends or stores it, never to a screen."""
        return self._text

    def __repr__(self) -> str:
        return f"Secret({shorten(self._text)!r})"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        return self._text == other._text

    def __hash__(self) -> int:
        return hash(self._text)


def shorten(text: str) -> str:
    """First few letters of a long text and a mask: enough to tell two apart, too few to use.

    Texts under 20 letters, such as PINs, are masked whole.
    """
    shown = 4 if len(text) >= 20 else 0  # noqa: PLR2004 (half a PIN would be shown below it)
    prefix = "sandbox_" if text.startswith("sandbox_") else ""
    return prefix + text[len(prefix) : len(prefix) + shown] + MASK


def is_secret_field(name: str) -> bool:
    """Whether the value of a field of this name opens something."""
    return name in _SECRET_FIELDS


def redact(json_value: Any) -> Any:
    """Give a copy of a JSON value in which every secret field is shortened.

    A field is secret by its name, at any depth; ``secret`` and its like that hold no text are
    masked whole.
    """
    if isinstance(json_value, dict):
        return {
            name: _masked(inner) if is_secret_field(name) else redact(inner)
            for name, inner in json_value.items()
        }
    if isinstance(json_value, list):
        return [redact(inner) for inner in json_value]
    return json_value


def redact_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """Give the headers with tokens and signatures shortened."""
    hidden = _SECRET_HEADERS | _SIGNATURE_HEADERS
    return {
        name: shorten(text) if name.lower() in hidden else text for name, text in headers.items()
    }


def _masked(json_value: Any) -> Any:
    if json_value is None or json_value == "":
        return json_value
    return shorten(json_value) if isinstance(json_value, str) else MASK
