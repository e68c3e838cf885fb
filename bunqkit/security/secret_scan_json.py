"""Finds the secrets of a JSON text, and their places in the text as it is written.

The search looks at the values of strings, and then finds the same letters in their written form:
behind escapes, over the lines of a notebook's cell, in JSON inside a string, in base64.
"""

from __future__ import annotations

import base64
import binascii
import codecs
import json
import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from itertools import accumulate

from bunqkit.security.known_secrets import find_known
from bunqkit.security.redaction import MASK, is_number_of_card, is_secret_name, shorten
from bunqkit.security.secret_scan import (
    HEX_KIND,
    PRIVATE_KEY_KIND,
    REMOVED,
    find_secrets,
    is_harmless_name,
    is_placeholder,
)


@dataclass(frozen=True)
class Edit:
    """One part of a text that must be removed.

    Attributes
    ----------
    start, end
        The place of the part.
    new
        Its replacement: letters without a special meaning in JSON, Python and HTML.
    kind
        The kind of secret.
    place
        The path to the string: ``cells[2].source``.
    shown
        The first letters of the secret and a mask.
    """

    start: int
    end: int
    new: str = field(repr=False)
    kind: str
    place: str
    shown: str


def find_edits(text: str, known: Sequence[str] = ()) -> list[Edit]:
    """Return an edit for every secret in a JSON text, or in several texts in a row.

    Parameters
    ----------
    text
        JSON that a parser has accepted.
    known
        Texts that are secret in any place.

    Returns
    -------
    list of Edit
        In order and without overlaps. None crosses the end of a line or of a string.

    Raises
    ------
    RecursionError
        If the JSON is nested too deeply.
    """
    search = _Search(text, known)
    for _, node in _parse(text).members:
        search.walk(node, "", "")
    return _settle(search.edits)


@dataclass
class _Node:
    """A value of JSON and its place; the members of an object have a key."""

    kind: str
    start: int
    end: int = 0
    members: list[tuple[_Node | None, _Node]] = field(default_factory=list)


_TOKEN = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"|[{}\[\]:,]|[^\s{}\[\]:,"]+')
_KINDS = {"{": "object", "[": "list", '"': "string"}


def _parse(text: str) -> _Node:
    """Parse a text that is known to be JSON; the members of the result are its values."""
    stack = [_Node("list", 0)]
    key: _Node | None = None
    for token in _TOKEN.finditer(text):
        sign = token[0][0]
        if sign == ":":
            key = stack[-1].members.pop()[1]
        elif sign in "]}":
            stack.pop().end = token.end()
        elif sign != ",":
            node = _Node(_KINDS.get(sign, "word"), *token.span())
            stack[-1].members.append((key, node))
            key = None
            if sign in "{[":
                stack.append(node)
    return stack[0]


_UNIT = re.compile(
    r"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|\\u[0-9a-fA-F]{4}|\\.|[^\\]+"
)


def _value_of(token: str) -> str:
    """Return the value of a string, without quotes and escapes."""
    if "\\" not in token:
        return token[1:-1]
    value: str = json.loads(token)
    return value


def _offsets(token: str) -> Sequence[int]:
    """Return where each character of a string stands in its JSON token; last comes the end."""
    if "\\" not in token:
        return range(1, len(token))
    offsets: list[int] = []
    for unit in _UNIT.finditer(token, 1, len(token) - 1):
        offsets += [unit.start()] if unit[0][0] == "\\" else range(*unit.span())
    return [*offsets, len(token) - 1]


class _Search:
    """Walks through a tree and collects the edits of the text."""

    def __init__(self, text: str, known: Sequence[str]) -> None:
        self.edits: list[Edit] = []
        self._text = text
        self._known = known
        # Names and many values occur again and again.
        self._known_edits: dict[tuple[str, str], list[Edit]] = {}

    def walk(self, node: _Node, place: str, name: str) -> None:
        """Search a value; ``name`` is the name in front of it."""
        if node.kind == "object":
            self._walk_object(node, place, name)
        elif node.kind == "list":
            self._walk_list(node, place, name)
        elif node.kind == "string":
            self._add([node], place, name)
        elif is_secret_name(name) and re.match(r"-?[0-9.]*[1-9]", self._token(node)):
            # The replacement is a zero, since it must be a number too.
            self.edits.append(Edit(node.start, node.end, "0", name, place, shorten("")))

    def _walk_object(self, node: _Node, place: str, name: str) -> None:
        siblings = {
            self._value(key): self._value(value) if value.kind == "string" else ""
            for key, value in node.members
            if key
        }
        for key, value in node.members:
            assert key is not None
            word = self._value(key)
            for edit in self._search([key], f"{place} (a name)", ""):
                # Two names in one object must not become the same.
                self.edits.append(replace(edit, new=f"{edit.new}_{len(self.edits)}"))
            self.walk(value, _below(place, word), _name_under(word, siblings, name))

    def _walk_list(self, node: _Node, place: str, name: str) -> None:
        inner = [value for _, value in node.members]
        is_text = len(inner) > 1 and all(value.kind == "string" for value in inner)
        if is_text:
            self._add(inner, place, "")
        is_pair = is_text and len(inner) == _PAIR
        header = self._value(inner[0]) if is_pair else ""
        for number, value in enumerate(inner):
            is_header = number == 1 and header.lower().startswith(("x-bunq-", "auth", "cookie"))
            under = header if is_header else name
            if not is_text or is_secret_name(under) or self._value(value)[:1] in ("{", "["):
                self.walk(value, f"{place}[{number}]", under)

    def _token(self, node: _Node) -> str:
        return self._text[node.start : node.end]

    def _value(self, node: _Node | None) -> str:
        return _value_of(self._token(node)) if node else ""

    def _add(self, strings: list[_Node], place: str, name: str) -> None:
        self.edits += self._search(strings, place, name)

    def _search(self, strings: list[_Node], place: str, name: str) -> Iterator[Edit]:
        """Yield the secrets of strings that are one text; each piece is inside one of them."""
        parts = [self._value(node) for node in strings]
        # A notebook splits texts after the end of each line; other lists have lines without ends.
        is_split = _IS_SPLIT.search(place) or any(part.endswith("\n") for part in parts)
        whole = ("" if is_split else "\n").join(parts)
        edits = self._known_edits.get((whole, name))
        if edits is None:
            edits = list(_find_in_text(whole, name, self._known))
            if len(whole) <= _OFTEN:
                self._known_edits[whole, name] = edits
        if not edits:
            return
        begins = [0, *accumulate(len(part) + (0 if is_split else 1) for part in parts)]
        offsets_of = cache(lambda at: _offsets(self._token(strings[at])))
        for edit in edits:
            for start, end in _pieces(whole, edit, begins):
                at = bisect_right(begins, start) - 1
                base, offsets = strings[at].start, offsets_of(at)
                yield replace(
                    edit,
                    start=base + offsets[start - begins[at]],
                    end=base + offsets[end - begins[at]],
                    place=(f"{place}[{at}]" if len(strings) > 1 else place) + edit.place,
                )


_PAIR = 2
_OFTEN = 100
# Where a notebook keeps texts as lists: sources, streams, and values under a media type.
_IS_SPLIT = re.compile(r"\.(?:source|text)$|/[^'\]]+'\]$")


def _below(place: str, word: str) -> str:
    if re.fullmatch(r"\w+", word):
        return f"{place}.{word}" if place else word
    return f"{place}[{word!r}]"


def _name_under(word: str, siblings: dict[str, str], name: str) -> str:
    """Return the name of a value: its key, a neighbouring member's text, or the object's name."""
    if siblings.get("model_name") == "PasswordModel" and word == "state":
        return "password"
    if word not in ("value", "text"):
        return word
    if siblings.get("_model_name") == "PasswordModel":
        return "password"
    beside = (
        siblings.get("name", ""),
        siblings.get("description", "").rstrip(": ").replace(" ", "_"),
    )
    above = "cookie" if name == "cookies" else name
    return next(filter(is_secret_name, (*beside, above)), word)


def _pieces(text: str, edit: Edit, begins: list[int]) -> Iterator[tuple[int, int]]:
    """Yield the parts of an edit, split where a line or a string ends."""
    cuts = [begin for begin in begins if edit.start < begin < edit.end]
    for start, end in zip([edit.start, *cuts], [*cuts, edit.end], strict=True):
        for line in re.finditer(r"[^\r\n]+", text[start:end]):
            yield start + line.start(), start + line.end()


_SHORT = 12
_KEY = re.compile("(?:sandbox_)?[0-9A-Fa-f]{24,}")
# The colours of a terminal, and letters that are written as codes without need.
_CODE = re.compile(r"\x1b\[[0-9;]*m|(?:\\u00|%)(?P<hex>3[0-9]|[46][1-9A-Fa-f]|[57][0-9Aa]|5[Ff])")


def _find_in_text(text: str, name: str, known: Sequence[str]) -> Iterator[Edit]:
    """Yield the secrets of one text: by its name, by its letters, and in JSON or base64 inside."""
    if is_secret_name(name) and not is_placeholder(text):
        is_key = "PRIVATE KEY-----" in text
        yield _edit(0, len(text), text, PRIVATE_KEY_KIND if is_key else name)
        return
    for secret in known:
        # A short secret may be a part of a harmless word.
        edge = r"\b" if len(secret) < _SHORT else ""
        pattern = f"{edge}{re.escape(secret)}{edge}"
        spans = [match.span() for match in re.finditer(pattern, text)]
        if _KEY.fullmatch(secret):
            spans += find_known(text, [secret])
        for start, end in spans:
            yield _edit(start, end, text[start:end], "one of your own secrets")
    yield from _find_in_json(text, known)
    coded = dict(_find_in_base64(text, known))
    yield from filter(None, coded.values())
    plain, at = _decode(text)
    for sighting in find_secrets(plain):
        start, end = sighting.start, sighting.end
        # The PEM of a key in base64 has been found already; a digest is no secret.
        is_done = any(first <= start and end <= last for first, last in coded)
        if is_done or (sighting.kind == HEX_KIND and is_harmless_name(name)):
            continue
        secret = plain[start:end]
        if at is not None:
            start, end = at[start][0], at[end - 1][1]
        yield _edit(start, end, secret, sighting.kind)


def _decode(text: str) -> tuple[str, list[tuple[int, int]] | None]:
    """Return a text without colours and codes, and if it had any, the place of each letter."""
    if _CODE.search(text) is None:
        return text, None
    letters: list[str] = []
    at: list[tuple[int, int]] = []
    done = 0
    for code in [*_CODE.finditer(text), None]:
        start = code.start() if code else len(text)
        letters += text[done:start]
        at += [(place, place + 1) for place in range(done, start)]
        if code:
            done = code.end()
            letters += [chr(int(code["hex"], 16))] if code["hex"] else []
            at += [code.span()] if code["hex"] else []
    return "".join(letters), at


def _edit(start: int, end: int, secret: str, kind: str) -> Edit:
    prefix = "sandbox_" if secret.startswith("sandbox_") else ""
    is_number = secret.isdigit() and (is_secret_name(kind) or is_number_of_card(kind))
    new = "0" * len(secret) if is_number else prefix + REMOVED
    # The first letters of every line would be a large part of a private key.
    is_whole = kind != PRIVATE_KEY_KIND and "BEGIN" not in secret
    return Edit(start, end, new, kind, "", shorten(secret) if is_whole else MASK)


_BASE64 = re.compile(r"(?<![A-Za-z0-9+/_-])[A-Za-z0-9+/_-]{22,}={0,2}(?![A-Za-z0-9+/=_-])")
_WRAPPED = re.compile(
    r"(?<![A-Za-z0-9+/])[A-Za-z0-9+/]{60,76}(?:(?:\r?\n|\\n)[A-Za-z0-9+/]+){1,4000}={0,2}"
)


def _find_in_json(text: str, known: Sequence[str]) -> Iterator[Edit]:
    """Yield the secrets of a text that is JSON itself."""
    if text.lstrip()[:1] in ("{", "["):
        try:
            json.loads(text)
        except ValueError:
            return
        for edit in find_edits(text, known):
            yield replace(edit, place=f" > {edit.place}")


def _find_in_base64(
    text: str, known: Sequence[str]
) -> Iterator[tuple[tuple[int, int], Edit | None]]:
    """Yield the place of each secret in base64, and the edit; ``None`` if it was removed before."""
    for match in _BASE64.finditer(text):
        inner = _plain_text(match[0])
        if edits := _settle(list(_find_in_text(inner, "", known))):
            new = base64.b64encode(apply(inner, edits).encode()).decode()
            kind = f"{edits[0].kind} in base64"
            yield match.span(), Edit(*match.span(), new, kind, "", edits[0].shown)
        elif REMOVED in inner:
            yield match.span(), None
    for match in _WRAPPED.finditer(text):
        lines = list(re.finditer(r"[A-Za-z0-9+/=]{2,}", match[0].replace("\\n", "\n\n")))
        inner = _plain_text("".join(line[0] for line in lines))
        if edits := _settle(list(_find_in_text(inner, "", known))):
            kind = f"{edits[0].kind} in base64"
            for line in lines:
                start, end = (match.start() + place for place in line.span())
                yield (start, end), Edit(start, end, REMOVED, kind, "", edits[0].shown)


def _plain_text(coded: str) -> str:
    """Return the text that is coded as base64; empty if it is not a text, such as a picture."""
    try:
        # The first bytes show it, and a picture may be large. A letter may be cut at their end.
        first = base64.b64decode(coded[:20], _other_letters(coded))
        codecs.getincrementaldecoder("utf-8")().decode(first)
        padded = coded + "=" * (-len(coded) % 4)
        return base64.b64decode(padded, _other_letters(coded), validate=True).decode()
    except (binascii.Error, ValueError):
        return ""


def _other_letters(coded: str) -> bytes:
    """Return the last two letters of the base64 alphabet; addresses use two others."""
    return b"-_" if "-" in coded or "_" in coded else b"+/"


def _settle(edits: list[Edit]) -> list[Edit]:
    """Return edits in order, with those that overlap as one."""
    settled: list[Edit] = []
    for edit in sorted(edits, key=lambda edit: (edit.start, -edit.end)):
        if settled and edit.start < settled[-1].end:
            end = max(settled[-1].end, edit.end)
            settled[-1] = replace(settled[-1], end=end)
        else:
            settled.append(edit)
    return settled


def apply(text: str, edits: Sequence[Edit]) -> str:
    """Return a text with its edits applied."""
    parts, at = [], 0
    for edit in edits:
        parts += [text[at : edit.start], edit.new]
        at = edit.end
    return "".join([*parts, text[at:]])
