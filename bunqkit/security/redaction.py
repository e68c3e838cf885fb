"""Decides what is secret, and how it is shown.

A secret text travels as a ``Secret``, which prints masked wherever it occurs: a repr, a log, a
traceback with locals. ``redact`` and ``redact_headers`` mask JSON and headers by the names of their
fields. ``known_secrets`` finds given secrets in any text; ``secret_scan`` finds unknown ones.
"""

from __future__ import annotations

import functools
import json
import re
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping
from types import TracebackType
from typing import Any, NoReturn, ParamSpec, SupportsIndex, TypeVar

from bunqkit.errors import PickleRefusedError

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")

MASK = "…"
"""Stands for the hidden rest of a secret."""
KEY_PREFIX = "sandbox_"
"""The beginning of every API key of the sandbox."""
LEAST_PART = 12
"""Texts with fewer letters, such as PINs, may equal harmless texts by chance."""
_LEAST_SHOWN = 20

# Names of body fields whose value opens something. Source: bunq docs and swagger (api_key, secret,
# token, token_value, client_secret, access_token, code of OAuth, PIN and card fields).
SECRET_FIELDS = frozenset(
    {
        *("access_token", "activation_code", "api_key", "client_secret", "code", "cvc", "cvc2"),
        *("cvv", "cvv2", "oauth_code", "passphrase", "password", "pin", "pin_code", "private_key"),
        *("refresh_token", "secret", "token", "token_value"),
    }
)
"""Names of fields in the API whose value opens something."""
_SECRET_HEADERS = frozenset(
    {
        *("authorization", "cookie", "set-cookie", "x-bunq-client-authentication"),
        *("x-bunq-client-signature", "x-bunq-server-signature"),
    }
)
_SECRET_NAME = re.compile(
    r"(?:api_?key|secret|passphrase|password|private_?key|(?:access|refresh|session|auth|"
    r"installation)_token|^token|^pin|pin_code|cvc2?|cvv2?)$"
)
_CARD_CODE_NAME = re.compile(r"(?i)(?:^|_)(pin([ _-]?code)?|cvc2?|cvv2?|activation_code)$")
_QUERY_FIELD = re.compile(r"([?&]([^=&#]+)=)([^&#]+)")


def is_secret_field(name: str) -> bool:
    """Return True if the value of a field of this name opens something."""
    return name in SECRET_FIELDS


def is_secret_name(name: str) -> bool:
    """Return True if a value under this name opens something: a field, header, variable or column.

    ``apiKey``, ``BUNQ_API_KEY`` and ``x-bunq-client-authentication`` are such names. ``code`` is
    not, although ``redact`` masks it: most codes of a bank are no secrets.
    """
    if name.lower() in _SECRET_HEADERS:
        return True
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower().replace("-", "_")
    return words in SECRET_FIELDS - {"code"} or _SECRET_NAME.search(words) is not None


def is_number_of_card(name: str) -> bool:
    """Return True if the name is that of a PIN or of a card's check digits: maybe a number."""
    return _CARD_CODE_NAME.search(name) is not None


class Private:
    """An object that holds secrets: it can't be pickled, and a copy of it is the object itself."""

    __slots__ = ()

    def __copy__(self) -> Any:
        return self

    def __deepcopy__(self, _memo: object) -> Any:
        return self

    def __reduce_ex__(self, _protocol: SupportsIndex) -> NoReturn:
        raise PickleRefusedError(
            f"A {type(self).__name__} holds secrets, and a pickle would store them as plain text, "
            "so it can't be pickled. Pickle the tables or the items that you need. In another "
            "process, call bunqkit.connect() again."
        )


class Secret(Private):
    """A text that prints masked; ``reveal()`` returns it.

    Parameters
    ----------
    text
        An API key, a token, a private key, a passphrase, or a PIN.
    kind
        The kind of a token: ``installation`` or ``session``.
    is_number
        True if JSON writes it as a number, such as a PIN that was passed as one.
    """

    __slots__ = ("_is_number", "_text", "kind")

    def __init__(self, text: str, *, kind: str = "other", is_number: bool = False) -> None:
        self._text = text
        self.kind = kind
        self._is_number = is_number

    def reveal(self) -> str:
        """Return the text itself, for code that sends or stores it; never show it."""
        return self._text

    @property
    def is_short(self) -> bool:
        """True if it is as short as a PIN, so that other texts may equal it by chance."""
        return len(self._text) < LEAST_PART

    @property
    def is_header(self) -> bool:
        """True if a header can hold it: it has only printable letters of ASCII."""
        return self._text.isascii() and self._text.isprintable()

    def reveal_value(self) -> Any:
        """Return its value in JSON: the text, or the number that it was passed as."""
        return json.loads(self._text) if self._is_number else self._text

    def __repr__(self) -> str:
        return f"Secret({shorten(self._text)!r})"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        return self._text == other._text

    def __hash__(self) -> int:
        return hash(self._text)


class Body(Private, bytes):
    """The bytes of a body, which may hold a key; the repr shows only how many bytes there are."""

    __slots__ = ()

    def __getitem__(self, part: SupportsIndex | slice) -> Any:
        # Printers that cut long texts off, such as rich, show a part.
        content = super().__getitem__(part)
        return Body(content) if isinstance(content, bytes) else content

    def __repr__(self) -> str:
        return f"<{len(self)} bytes>"


class Headers(Private, Mapping[str, str]):
    """Headers, found by name in upper and lower case; the repr masks tokens and signatures.

    Parameters
    ----------
    headers
        The headers as they were on the wire.
    """

    def __init__(self, headers: Mapping[str, str]) -> None:
        self._headers = {name.lower(): (name, text) for name, text in headers.items()}

    def __getitem__(self, name: str) -> str:
        return self._headers[name.lower()][1]

    def __iter__(self) -> Iterator[str]:
        return (name for name, _ in self._headers.values())

    def __len__(self) -> int:
        return len(self._headers)

    def __repr__(self) -> str:
        return repr(redact_headers(self))


def shorten(text: str) -> str:
    """Return the first letters of a text and a mask: enough to compare, too few to use.

    Texts with fewer than 20 letters, such as PINs, are masked whole.
    """
    prefix = KEY_PREFIX if text.startswith(KEY_PREFIX) else ""
    return prefix + (text[len(prefix) :][:4] if len(text) >= _LEAST_SHOWN else "") + MASK


def redact(json_value: Any) -> Any:
    """Return a copy of a JSON value in which every secret field is shortened.

    A field is secret by its name, at any depth. A secret field without a text is masked whole.
    """
    if isinstance(json_value, dict):
        return {
            name: _redact_secret(value) if is_secret_field(name) else redact(value)
            for name, value in json_value.items()
        }
    if isinstance(json_value, list):
        return [redact(value) for value in json_value]
    return json_value


def _redact_secret(json_value: Any) -> Any:
    if json_value is None or json_value == "":
        return json_value
    return shorten(json_value) if isinstance(json_value, str) else MASK


def redact_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """Return the headers with tokens and signatures shortened."""
    return {
        name: shorten(text) if name.lower() in _SECRET_HEADERS else text
        for name, text in headers.items()
    }


def redact_query(url: str) -> str:
    """Return an address in which every secret field of the query is shortened."""
    return _QUERY_FIELD.sub(
        lambda field: field[1] + shorten(field[3]) if is_secret_field(field[2]) else field[0], url
    )


def map_texts(json_value: Any, change: Callable[[str], str]) -> Any:
    """Return a copy of a JSON value in which every text and every name is changed."""
    if isinstance(json_value, dict):
        return {change(name): map_texts(value, change) for name, value in json_value.items()}
    if isinstance(json_value, list):
        return [map_texts(value, change) for value in json_value]
    return change(json_value) if isinstance(json_value, str) else json_value


def conceal(json_value: Any) -> Any:
    """Return a copy of a body in which every secret text or number is a ``Secret``.

    A traceback that shows the variables of its frames then shows none of them.
    """
    if isinstance(json_value, Mapping):
        return {
            name: _conceal_secret(value) if is_secret_field(name) else conceal(value)
            for name, value in json_value.items()
        }
    if isinstance(json_value, list | tuple):
        return [conceal(value) for value in json_value]
    return json_value


def _conceal_secret(json_value: Any) -> Any:
    """Return the value of a secret field as a secret; a list is a list of secrets."""
    if isinstance(json_value, str):
        return Secret(json_value)
    if isinstance(json_value, int | float) and not isinstance(json_value, bool):
        return Secret(repr(json_value), is_number=True)
    if isinstance(json_value, list | tuple):
        return [_conceal_secret(value) for value in json_value]
    return conceal(json_value)


def reveal_all(fields: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """Return a query with its secrets as texts, for code that writes it into an address."""
    if fields is None:
        return None
    return {
        name: value.reveal() if isinstance(value, Secret) else value
        for name, value in fields.items()
    }


class Forgetting:
    """A ``with`` block: an error that leaves it has lost the variables of the frames inside.

    A traceback with locals shows the variables of every frame, also those of libraries, and a
    secret has to be plain text somewhere on its way to the wire or the disk. Frames, lines and the
    error's causes stay. An error that was handled before the block is not changed.
    """

    def __init__(self) -> None:
        self._before: BaseException | None = None

    def __enter__(self) -> None:
        self._before = sys.exception()

    def __exit__(
        self, _type: object, error: BaseException | None, _traceback: TracebackType | None
    ) -> None:
        waiting = [error]
        done = {id(self._before)}
        while waiting:
            current = waiting.pop()
            if current is not None and id(current) not in done:
                done.add(id(current))
                # Frames that still run, such as that of the block itself, keep theirs.
                traceback.clear_frames(current.__traceback__)
                _empty(current)
                waiting += [current.__cause__, current.__context__]


def _empty(error: BaseException) -> None:
    """Remove the text that an error was made from: such an error keeps the whole input."""
    if isinstance(error, json.JSONDecodeError):
        error.doc = ""
    elif isinstance(error, UnicodeDecodeError):
        error.object = b""
        error.args = (error.encoding, b"", error.start, error.end, error.reason)
    elif isinstance(error, UnicodeEncodeError):
        error.object = ""
        error.args = (error.encoding, "", error.start, error.end, error.reason)


def forgetting(function: Callable[Parameters, Result]) -> Callable[Parameters, Result]:
    """Make a function conceal its secret keyword arguments, and fail without its variables."""

    @functools.wraps(function)
    def forgetful(*arguments: Any, **keywords: Any) -> Any:
        keywords = conceal(keywords)
        with Forgetting():
            return function(*arguments, **keywords)

    return forgetful
