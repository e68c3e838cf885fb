"""What is secret, and how it is shown: the one place that decides both.

A secret text travels as a ``Secret``, which prints masked wherever it ends up: a repr, a log, a
traceback with locals. JSON and headers that hold one are shown through ``redact`` and
``redact_headers``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, SupportsIndex

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
# A secret field and its value, in JSON that need not be whole. Group 1 is what has to be masked.
_SECRET_VALUE = re.compile(
    rb'"(?:%s)"\s*:\s*(?:"((?:[^"\\]|\\.)*)|([^\s",\]}\[{]+))'
    % "|".join(sorted(_SECRET_FIELDS)).encode(),
    re.DOTALL,
)


class Secret:
    """A text that prints masked; ``reveal()`` gives it.

    Parameters
    ----------
    text
        An API key, a token, a private key or a passphrase.
    kind
        Of a token: whose it is, ``installation`` or ``session``.
    """

    __slots__ = ("_text", "kind")

    def __init__(self, text: str, *, kind: str = "other") -> None:
        self._text = text
        self.kind = kind

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


class Body(bytes):
    """The bytes of a body, which may hold a key: a repr, a traceback with locals shows how many."""

    def __getitem__(self, part: SupportsIndex | slice) -> Any:
        # What shows long texts cut off, such as rich, shows a part.
        found = super().__getitem__(part)
        return Body(found) if isinstance(found, bytes) else found

    def __repr__(self) -> str:
        return f"<{len(self)} bytes>"


class Headers(Mapping[str, str]):
    """Headers, found in upper and lower case, whose repr masks tokens and signatures.

    Parameters
    ----------
    told
        As they were on the wire.
    """

    def __init__(self, told: Mapping[str, str]) -> None:
        self._told = {name.lower(): (name, text) for name, text in told.items()}

    def __getitem__(self, name: str) -> str:
        return self._told[name.lower()][1]

    def __iter__(self) -> Iterator[str]:
        return (name for name, _ in self._told.values())

    def __len__(self) -> int:
        return len(self._told)

    def __repr__(self) -> str:
        return repr(redact_headers(self))


def shorten(text: str) -> str:
    """First few letters of a long text and a mask: enough to tell two apart, too few to use.

    Texts under 20 letters, such as PINs, are masked whole.
    """
    shown = 4 if len(text) >= 20 else 0  # noqa: PLR2004 (half a PIN would be shown below it)
    prefix = "sandbox_" if text.startswith("sandbox_") else ""
    return prefix + text[len(prefix) : len(prefix) + shown] + MASK


def redact(json_value: Any) -> Any:
    """Give a copy of a JSON value in which every secret field is shortened.

    A field is secret by its name, at any depth; ``secret`` and its like that hold no text are
    masked whole.
    """
    if isinstance(json_value, dict):
        return {
            name: _masked(inner) if name in _SECRET_FIELDS else redact(inner)
            for name, inner in json_value.items()
        }
    if isinstance(json_value, list):
        return [redact(inner) for inner in json_value]
    return json_value


def conceal(json_value: Any) -> Any:
    """Give a copy of a body in which every secret text is a ``Secret``: no frame shows it then."""
    if isinstance(json_value, Mapping):
        return {
            name: Secret(inner)
            if name in _SECRET_FIELDS and isinstance(inner, str)
            else conceal(inner)
            for name, inner in json_value.items()
        }
    if isinstance(json_value, list | tuple):
        return [conceal(inner) for inner in json_value]
    return json_value


def redact_query(url: str) -> str:
    """Give an address in which every secret field of the query is shortened."""
    return _QUERY_FIELD.sub(
        lambda found: found[1] + shorten(found[3]) if found[2] in _SECRET_FIELDS else found[0], url
    )


_QUERY_FIELD = re.compile(r"([?&]([^=&#]+)=)([^&#]+)")


def secret_spans(body: bytes, *known: str) -> list[tuple[int, int]]:
    """Give where in a body secrets stand, as first byte and end, in order.

    Parameters
    ----------
    body
        JSON, whole or cut off; in other bytes only what is known is found.
    known
        Secret texts that may stand anywhere.
    """
    spans = [found.span(1 if found[1] is not None else 2) for found in _SECRET_VALUE.finditer(body)]
    for text in filter(None, known):
        spans += [found.span() for found in re.finditer(re.escape(text.encode()), body)]
    return sorted(span for span in spans if span[0] < span[1])


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
