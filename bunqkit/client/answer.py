"""The answer to a call: its items and their types, and the pages beside it."""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from bunqkit.client.bodies import read_media_type
from bunqkit.client.exchange import Exchange
from bunqkit.display.terminal import printable, printable_lines
from bunqkit.errors import BadAnswerError
from bunqkit.security.redaction import Forgetting, Private, map_texts, redact

if TYPE_CHECKING:
    import pandas as pd

# Front ends show these media types without running anything in them.
_SHOWN_AS_BASE64 = ("image/png", "image/jpeg", "image/gif", "application/pdf")
_LARGEST_SHOWN = 5_000_000
_MOST_SHOWN = 20


@dataclass(frozen=True, repr=False)
class Answer(Private):
    """A verified answer that is no refusal.

    Attributes
    ----------
    exchange
        The request and the answer, byte for byte.
    """

    exchange: Exchange
    _follow: Callable[[str], Answer] = field(repr=False, compare=False)
    _replaced: list[dict[str, Any]] | None = field(default=None, repr=False)

    @property
    def is_json(self) -> bool:
        """True if the answer is an envelope; False if it is a file."""
        return self.media_type == "application/json"

    @property
    def media_type(self) -> str:
        """The type of the body, as the bank says: ``application/json``, ``image/png``."""
        return read_media_type(self.exchange.answer_headers)

    @cached_property
    def envelope(self) -> dict[str, Any]:
        """The JSON as it came: ``{"Response": [...], "Pagination": {...}}``.

        Raises
        ------
        BadAnswerError
            If the bytes are not exactly one envelope.
        """
        with Forgetting():
            return _read_envelope(self.exchange)

    @property
    def wrapped(self) -> list[dict[str, Any]]:
        """The ``Response`` list, each item under its type, as ``to_frame`` takes it."""
        wrapped: list[dict[str, Any]] = self.envelope["Response"]
        return wrapped if self._replaced is None else self._replaced

    def answering(self, wrapped: list[dict[str, Any]]) -> Answer:
        """Return an answer with other items: those of a write whose own answer was lost."""
        return Answer(self.exchange, self._follow, wrapped)

    @property
    def items(self) -> list[dict[str, Any]]:
        """The items, plain dictionaries, newest first."""
        return [next(iter(entry.values())) for entry in self.wrapped]

    @property
    def types(self) -> list[str]:
        """The type of each item, as the bank named it."""
        return [next(iter(entry)) for entry in self.wrapped]

    @property
    def item(self) -> dict[str, Any]:
        """The only item.

        Raises
        ------
        BadAnswerError
            If there are none or several.
        """
        if len(self.items) != 1:
            raise self.exchange.unusable(f"it holds {len(self.items)} items where one was expected")
        return self.items[0]

    def first(self, *types: str) -> dict[str, Any]:
        """Return the first item of one of these types; of any type if none is named.

        Raises
        ------
        BadAnswerError
            If there is none.
        """
        for name, item in zip(self.types, self.items, strict=True):
            if not types or name in types:
                return item
        raise self.exchange.unusable(f"it holds no {' or '.join(types) or 'item'}")

    @property
    def has_older(self) -> bool:
        """True if the bank has older items than those of this page."""
        return (self.envelope.get("Pagination") or {}).get("older_url") is not None

    def __repr__(self) -> str:
        return f"<{self.exchange.method} {self.exchange.path} -> {self._summarise()}>"

    def _summarise(self) -> str:
        """Return status and content in a few words."""
        if not self.is_json:
            return f"{self.exchange.outcome}, {self.content!r}"
        try:
            _ = self.envelope
        except BadAnswerError:
            return f"{self.exchange.outcome}, in no envelope"
        types = printable(self.exchange.mask(" and ".join(dict.fromkeys(self.types))))
        count = f"{len(self.items):,} {types or 'items'}"
        return f"{self.exchange.outcome}, {count}{', older ones exist' if self.has_older else ''}"

    def _repr_html_(self) -> str:
        from bunqkit.display import html as look

        facts = look.key_values({"answer": self._summarise()})
        if not self.is_json:
            return look.card(self.exchange.path, facts, method=self.exchange.method)
        try:
            shown_items = redact({"Response": self.wrapped[:_MOST_SHOWN]})
            tree = look.json_tree(map_texts(shown_items, self.exchange.mask))
        except RecursionError:
            tree = look.paragraph("Its items are too deep to be shown: .items has them.")
        more = len(self.wrapped) - _MOST_SHOWN
        parts = [facts, tree]
        if more > 0:
            parts.append(look.paragraph(f"{more:,} more items: .frame() has all of this page."))
        return look.card(self.exchange.path, *parts, method=self.exchange.method)

    def older(self) -> Answer | None:
        """Fetch the page of older items; ``None`` if this is the last."""
        return self._page("older_url")

    def newer(self) -> Answer | None:
        """Fetch the page of newer items; ``None`` if the bank names none.

        At the newest page the bank names the page where newer items will come. It is empty until
        there are some.
        """
        return self._page("newer_url") or self._page("future_url")

    def frame(self) -> pd.DataFrame:
        """Return this page as a table, one row an item."""
        from bunqkit.frames.frames import to_frame

        return to_frame(self.wrapped)

    @property
    def content(self) -> Content:
        """The body's bytes. A notebook shows them as an image, a PDF or a text."""
        return Content(self.exchange.answer_body, self.media_type)

    @property
    def older_url(self) -> str | None:
        """The address of the page of older items, found without reading the items."""
        pagination = _find_pagination(self.exchange.answer_body)
        if pagination is None:
            return self._url("older_url")
        return pagination.get("older_url")

    def _page(self, member: str) -> Answer | None:
        url = self._url(member)
        return self._follow(url) if url else None

    def _url(self, member: str) -> str | None:
        url: str | None = (self.envelope.get("Pagination") or {}).get(member)
        return url


class Content(bytes):
    """The bytes of a file, which a notebook shows.

    Parameters
    ----------
    content
        The bytes.
    media_type
        Their type, as the bank says: ``image/png``, ``application/pdf``, ``text/csv``.
    """

    media_type: str

    def __new__(cls, content: bytes, media_type: str) -> Self:
        """Keep the media type beside the bytes."""
        self = super().__new__(cls, content)
        self.media_type = media_type
        return self

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the bytes to a new file, and return its path; the file must not exist yet."""
        with Path(path).open("xb") as file:
            file.write(self)
        return Path(path)

    def __repr__(self) -> str:
        return f"<{len(self):,} bytes of {printable(self.media_type) or 'no media type'}>"

    def _repr_mimebundle_(self, **_options: object) -> dict[str, str]:
        shown = {"text/plain": repr(self)}
        if len(self) > _LARGEST_SHOWN:
            return shown
        if self.media_type in _SHOWN_AS_BASE64:
            shown[self.media_type] = base64.b64encode(self).decode()
        elif self.media_type.startswith("text/"):
            shown["text/plain"] = printable_lines(self.decode("utf-8", "replace"))
        return shown


def _read_envelope(exchange: Exchange) -> dict[str, Any]:
    try:
        read: Any = json.loads(exchange.answer_body, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise exchange.unusable("its body is no complete JSON") from error
    envelope: dict[str, Any] = read if isinstance(read, dict) else {}
    response = envelope.get("Response")
    if not isinstance(response, list):
        raise exchange.unusable('its JSON has no "Response" list')
    for entry in response:
        if not (isinstance(entry, dict) and len(entry) == 1 and isinstance(_only(entry), dict)):
            raise exchange.unusable("an entry of its list is not one object under one type")
    pagination = envelope.get("Pagination")
    if pagination is not None and not isinstance(pagination, dict):
        raise exchange.unusable('its "Pagination" is no object')
    if any(url is not None and not isinstance(url, str) for url in (pagination or {}).values()):
        raise exchange.unusable("the address of a page is no text")
    return envelope


def _find_pagination(body: bytes) -> dict[str, Any] | None:
    """Read ``Pagination`` alone, if it is the last member of the envelope; else ``None``.

    The text from the last ``"Pagination"`` to the end of the body, with a brace before it, is JSON
    only if the last brace closes the object that holds this name: the envelope. The name can't
    stand inside a text, because a quote in a text is escaped.
    """
    at = body.rfind(b'"Pagination"')
    if at < 0:
        return None
    try:
        pagination = json.loads(b"{" + body[at:])["Pagination"]
    except (ValueError, RecursionError):
        return None
    return pagination if isinstance(pagination, dict) else None


def _only(entry: dict[str, Any]) -> object:
    return next(iter(entry.values()))


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON")
