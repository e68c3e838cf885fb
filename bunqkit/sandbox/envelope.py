"""How answers are written: the envelope, its pages, errors, bytes as bunq escapes them."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlencode

from bunqkit.sandbox.refusal import Refusal
from bunqkit.sandbox.resources.call import Fixed, Item, Page


def enclose(told: list[Item] | Page, path: str, query: dict[str, str]) -> bytes:
    """Write items in the envelope; a page says what lies beside it."""
    items = told.items if isinstance(told, Page) else told
    texts = ",".join(f'{{"{name}":{_write_item(item)}}}' for name, item in items)
    pages = (
        f',"Pagination":{_write(_pagination(told, path, query))}' if isinstance(told, Page) else ""
    )
    return f'{{"Response":[{texts}]{pages}}}'.encode()


def enclose_refusal(refusal: Refusal, language: str) -> bytes:
    """Write a refusal: always in English, and translated where the caller reads Dutch."""
    errors = [
        {
            "error_description": english,
            "error_description_translated": dutch if language == "nl_NL" else english,
            **refusal.extra,
        }
        for english, dutch in refusal.texts
    ]
    return _write({"Error": errors}).encode()


def _write(thing: dict[str, Any]) -> str:
    r"""Write JSON as bunq does: no spaces, ``/`` as ``\/``, other letters as ``\uXXXX``."""
    return json.dumps(thing, separators=(",", ":")).replace("/", "\\/")


def _write_item(item: dict[str, Any]) -> str:
    if not isinstance(item, Fixed):
        return _write(item)
    if item.text is None:
        item.text = _write(item)
    return item.text


def _pagination(page: Page, path: str, query: dict[str, str]) -> dict[str, str | None]:
    """Tell the pages beside this one. Source: fixtures of the Ruby client."""
    kept = {name: text for name, text in query.items() if name not in ("older_id", "newer_id")}

    def url(name: str, number: int) -> str:
        return f"{path}?{urlencode({**kept, name: number})}"

    if not page.ids:
        return {"future_url": None, "newer_url": None, "older_url": None}
    newer = url("newer_id", page.ids[0])
    return {
        "future_url": None if page.has_newer else newer,
        "newer_url": newer if page.has_newer else None,
        "older_url": url("older_id", page.ids[-1]) if page.has_older else None,
    }
