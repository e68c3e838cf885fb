"""Writes answers as bunq does: the envelope, its pagination, errors, and escaped JSON."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlencode

from bunqkit.sandbox.refusal import Refusal
from bunqkit.sandbox.resources.call import Fixed, Item, Page


def enclose(answer: list[Item] | Page, path: str, query: dict[str, str]) -> bytes:
    """Return items in the envelope; for a page, with the addresses of the pages beside it."""
    items = answer.items if isinstance(answer, Page) else answer
    pagination = ""
    if isinstance(answer, Page):
        pagination = f',"Pagination":{_write(_pagination(answer, path, query))}'
    texts = ",".join(f'{{"{name}":{_write_item(item)}}}' for name, item in items)
    return f'{{"Response":[{texts}]{pagination}}}'.encode()


def enclose_refusal(refusal: Refusal, language: str) -> bytes:
    """Return a refusal in the envelope: in English, and in Dutch for callers who read Dutch."""
    errors = [
        {
            "error_description": english,
            "error_description_translated": dutch if language == "nl_NL" else english,
            **refusal.extra,
        }
        for english, dutch in refusal.texts
    ]
    return _write({"Error": errors}).encode()


def _write(value: dict[str, Any]) -> str:
    r"""Return JSON as bunq writes it: no spaces, ``/`` as ``\/``, other letters as ``\uXXXX``."""
    return json.dumps(value, separators=(",", ":")).replace("/", "\\/")


def _write_item(item: dict[str, Any]) -> str:
    if not isinstance(item, Fixed):
        return _write(item)
    if item.text is None:
        item.text = _write(item)
    return item.text


def _pagination(page: Page, path: str, query: dict[str, str]) -> dict[str, str | None]:
    """Return the addresses of the pages beside a page. Source: fixtures of the Ruby client."""
    others = {name: text for name, text in query.items() if name not in ("older_id", "newer_id")}

    def url(name: str, number: int) -> str:
        return f"{path}?{urlencode({**others, name: number})}"

    if not page.ids:
        return {"future_url": None, "newer_url": None, "older_url": None}
    newer = url("newer_id", page.ids[0])
    return {
        "future_url": None if page.has_newer else newer,
        "newer_url": newer if page.has_newer else None,
        "older_url": url("older_id", page.ids[-1]) if page.has_older else None,
    }
