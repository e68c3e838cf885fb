"""What is secret, and how it is shown: the one place that decides both.

A secret text travels as a ``Secret``, which prints masked wherever it ends up: a repr, a log, a
traceback with locals. JSON and headers that hold one are shown through ``redact`` and
``redact_headers``. ``sightings`` finds secrets in texts of any kind.
"""

from __future__ import annotations

import functools
import json
import re
import sys
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping
from html import escape
from types import TracebackType
from typing import Any, NoReturn, ParamSpec, SupportsIndex, TypeVar
from urllib.parse import quote

from bunqkit.errors import PickleRefusedError

Asked = ParamSpec("Asked")
Given = TypeVar("Given")

MASK = "…"
# How every key of the sandbox begins.
_SANDBOX = "sandbox_"

# Names of body fields whose value opens something. Source: bunq docs and swagger (api_key, secret,
# token, token_value, client_secret, access_token, code of OAuth, PIN and card fields).
_SECRET_FIELDS = frozenset(
    {
        "access_token",
        "activation_code",
        "api_key",
        "client_secret",
        "code",
        "cvc",
        "cvc2",
        "cvv",
        "cvv2",
        "oauth_code",
        "passphrase",
        "password",
        "pin",
        "pin_code",
        "private_key",
        "refresh_token",
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


class Private:
    """What holds secrets: it can't be pickled, and a copy of it is itself."""

    __slots__ = ()

    def __copy__(self) -> Any:
        return self

    def __deepcopy__(self, _memo: object) -> Any:
        return self

    def __reduce_ex__(self, _protocol: SupportsIndex) -> NoReturn:
        raise PickleRefusedError(
            f"A {type(self).__name__} holds secrets, and a pickle would hold them as plain text: "
            "none is made. Pickle the tables or the items that you need; another process calls "
            "bunqkit.connect() by itself."
        )


class Secret(Private):
    """A text that prints masked; ``reveal()`` gives it.

    Parameters
    ----------
    text
        An API key, a token, a private key, a passphrase, or a PIN.
    kind
        Of a token: whose it is, ``installation`` or ``session``.
    is_number
        Whether JSON writes it as a number, such as a PIN that was given as one.
    """

    __slots__ = ("_is_number", "_text", "kind")

    def __init__(self, text: str, *, kind: str = "other", is_number: bool = False) -> None:
        self._text = text
        self.kind = kind
        self._is_number = is_number

    def reveal(self) -> str:
        """Give the text itself: to the line that sends or stores it, never to a screen."""
        return self._text

    @property
    def is_short(self) -> bool:
        """Return whether it is as short as a PIN, so that other texts may be equal to it."""
        return len(self._text) < _LEAST_PART

    @property
    def is_header(self) -> bool:
        """Return whether a header can hold it: nothing but letters and signs of ASCII."""
        return self._text.isascii() and self._text.isprintable()

    def reveal_value(self) -> Any:
        """Return what JSON holds in its place: the text, or the number that it was given as."""
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
    """The bytes of a body, which may hold a key: a repr, a traceback with locals shows how many."""

    __slots__ = ()

    def __getitem__(self, part: SupportsIndex | slice) -> Any:
        # What shows long texts cut off, such as rich, shows a part.
        found = super().__getitem__(part)
        return Body(found) if isinstance(found, bytes) else found

    def __repr__(self) -> str:
        return f"<{len(self)} bytes>"


class Headers(Private, Mapping[str, str]):
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
    prefix = _SANDBOX if text.startswith(_SANDBOX) else ""
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


def map_texts(json_value: Any, change: Callable[[str], str]) -> Any:
    """Return a copy of a JSON value in which every text and every name is changed."""
    if isinstance(json_value, dict):
        return {change(name): map_texts(inner, change) for name, inner in json_value.items()}
    if isinstance(json_value, list):
        return [map_texts(inner, change) for inner in json_value]
    return change(json_value) if isinstance(json_value, str) else json_value


def conceal(json_value: Any) -> Any:
    """Return a copy of a body in which every secret text or number is a ``Secret``.

    No frame shows it then.
    """
    if isinstance(json_value, Mapping):
        return {
            name: _concealed(inner) if name in _SECRET_FIELDS else conceal(inner)
            for name, inner in json_value.items()
        }
    if isinstance(json_value, list | tuple):
        return [conceal(inner) for inner in json_value]
    return json_value


def _concealed(json_value: Any) -> Any:
    """Return a value that stands under a secret name; a list is one of secrets."""
    if isinstance(json_value, str):
        return Secret(json_value)
    if isinstance(json_value, int | float) and not isinstance(json_value, bool):
        return Secret(repr(json_value), is_number=True)
    if isinstance(json_value, list | tuple):
        return [_concealed(inner) for inner in json_value]
    return conceal(json_value)


def reveal_all(named: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """Return a query with its secrets as texts: for the one who writes it into an address."""
    if named is None:
        return None
    return {
        name: each.reveal() if isinstance(each, Secret) else each for name, each in named.items()
    }


class Forgetting:
    """A block from which an error leaves without the variables of the functions called in it.

    A traceback with locals shows the variables of every frame, of libraries too, and a secret has
    to be plain text somewhere on its way to the wire or the disk. Frames, lines and the error's
    causes stay. What was being handled before the block is not touched.
    """

    def __init__(self) -> None:
        self._before: BaseException | None = None

    def __enter__(self) -> None:
        self._before = sys.exception()

    def __exit__(
        self, _type: object, error: BaseException | None, _traceback: TracebackType | None
    ) -> None:
        left = [error]
        seen = {id(self._before)}
        while left:
            each = left.pop()
            if each is not None and id(each) not in seen:
                seen.add(id(each))
                # Those that still run, such as that of the block itself, keep theirs.
                traceback.clear_frames(each.__traceback__)
                _empty(each)
                left += [each.__cause__, each.__context__]


def _empty(error: BaseException) -> None:
    """Take from an error the text that it was made of: it keeps the whole of what was read."""
    if isinstance(error, json.JSONDecodeError):
        error.doc = ""
    elif isinstance(error, UnicodeDecodeError):
        error.object = b""
        error.args = (error.encoding, b"", error.start, error.end, error.reason)
    elif isinstance(error, UnicodeEncodeError):
        error.object = ""
        error.args = (error.encoding, "", error.start, error.end, error.reason)


def forgetting(function: Callable[Asked, Given]) -> Callable[Asked, Given]:
    """Make a function that leaves no variables behind when it fails, and conceals named secrets."""

    @functools.wraps(function)
    def forgetful(*asked: Any, **named: Any) -> Any:
        named = conceal(named)
        with Forgetting():
            return function(*asked, **named)

    return forgetful


def redact_query(url: str) -> str:
    """Give an address in which every secret field of the query is shortened."""
    return _QUERY_FIELD.sub(
        lambda found: found[1] + shorten(found[3]) if found[2] in _SECRET_FIELDS else found[0], url
    )


_QUERY_FIELD = re.compile(r"([?&]([^=&#]+)=)([^&#]+)")


def secret_spans(body: bytes, *known: str) -> list[tuple[int, int]]:
    """Give where in a body secrets stand, as first byte and end, in order and apart.

    Parameters
    ----------
    body
        JSON, whole or cut off; in other bytes only what is known is found.
    known
        Secret texts that may stand anywhere.
    """
    spans = [found.span(1 if found[1] is not None else 2) for found in _SECRET_VALUE.finditer(body)]
    # A letter a byte, so that places in the text are places in the body.
    text = body.decode("latin-1")
    spans += find_known(text, [each.encode().decode("latin-1") for each in known])
    return _apart(spans)


def find_known(text: str, known: Iterable[str]) -> list[tuple[int, int]]:
    """Return where secrets stand in a text, as start and end: whole, or good parts of long ones.

    A part counts from 12 letters on; a short secret counts where it stands by itself. Neither case
    nor what is between the parts matters, so that a key that is cut, wrapped or escaped is found.
    """
    lower = text.translate(_LOWER)
    spans: list[tuple[int, int]] = []
    for whole in known:
        secret = whole.removeprefix(_SANDBOX)
        if len(secret) < _LEAST_PART:
            edges = rf"(?<![0-9A-Za-z]){re.escape(secret)}(?![0-9A-Za-z])" if secret else "(?!)"
            spans += [found.span() for found in re.finditer(edges, text)]
        elif len(text) >= _LEAST_PART:
            spans += [
                (start - len(_SANDBOX) * lower.endswith(_SANDBOX, 0, start), end)
                for start, end in _find_parts(lower, secret.translate(_LOWER))
            ]
    return spans


def forms_of(secret: Secret) -> list[str]:
    """Return a secret as it may be written: as it is, in HTML, in an address, in JSON."""
    text = secret.reveal()
    coded = (text, escape(text), quote(text, safe=""), json.dumps(text)[1:-1])
    return list(dict.fromkeys(filter(None, coded)))


def mask_known(text: str, known: Iterable[str]) -> str:
    """Return a text in which known secrets, and good parts of them, are shortened."""
    for start, end in reversed(_apart(find_known(text, known))):
        text = text[:start] + shorten(text[start:end]) + text[end:]
    return text


_LOWER = {upper: upper + 32 for upper in range(ord("A"), ord("Z") + 1)}
_LEAST_PART = 12
_BLOCK = 6


def _find_parts(text: str, secret: str) -> Iterator[tuple[int, int]]:
    """Find what a text and a secret have in common: wherever a block of it is, as far as it goes.

    Whatever part is as long as two blocks holds one that begins at a multiple of a block.
    """
    for at in range(0, len(secret) - _BLOCK + 1, _BLOCK):
        found = text.find(secret[at : at + _BLOCK])
        while found >= 0:
            start, first = found, at
            while start and first and text[start - 1] == secret[first - 1]:
                start, first = start - 1, first - 1
            end, last = found + _BLOCK, at + _BLOCK
            while end < len(text) and last < len(secret) and text[end] == secret[last]:
                end, last = end + 1, last + 1
            if end - start >= _LEAST_PART:
                yield start, end
            found = text.find(secret[at : at + _BLOCK], max(found + 1, end - _BLOCK + 1))


def _apart(spans: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return stretches in order, those that overlap as one."""
    apart: list[tuple[int, int]] = []
    for first, end in sorted(span for span in spans if span[0] < span[1]):
        if apart and first < apart[-1][1]:
            apart[-1] = (apart[-1][0], max(end, apart[-1][1]))
        else:
            apart.append((first, end))
    return apart


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


def is_secret_name(name: str) -> bool:
    """Whether a value under this name opens something: a field, a header, a variable, a column.

    ``apiKey``, ``BUNQ_API_KEY`` and ``x-bunq-client-authentication`` are such names. ``code`` is
    none here, though ``redact`` masks it: most codes of a bank are no secrets.
    """
    if name.lower() in _SECRET_HEADERS | _SIGNATURE_HEADERS:
        return True
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower().replace("-", "_")
    return words in _SECRET_FIELDS - {"code"} or _SECRET_NAME.search(words) is not None


def is_number_of_card(name: str) -> bool:
    """Whether the name is that of a PIN or of a card's check digits, which may be a number."""
    return (
        re.search(r"(?i)(?:^|_)(pin([ _-]?code)?|cvc2?|cvv2?|activation_code)$", name) is not None
    )


_SECRET_NAME = re.compile(
    r"(?:api_?key|secret|passphrase|password|private_?key|(?:access|refresh|session|auth|"
    r"installation)_token|^token|^pin|pin_code|cvc2?|cvv2?)$"
)
