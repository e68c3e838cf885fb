"""Looks up what a refusal of the bank usually means, and what to do.

The facts are in ``advice.toml``, which is read at the first refusal. The bank's own words always
come first in an error; the advice stands beside them.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

ADVICE_FILE = Path(__file__).with_name("advice.toml")
"""The table of advice."""

# No text of the table is as long; a longer one would only take time to compare.
_LONGEST_TEXT = 1000
_SERVER_ERROR = 500
_PLACEHOLDER = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True)
class Advice:
    """What a refusal usually means, and what to do."""

    why: str
    what_to_do: str


def advise(status: int, words: Sequence[str]) -> Advice:
    """Return what a refusal usually means, and what to do.

    Parameters
    ----------
    status
        HTTP status; it decides if the table has none of the words.
    words
        The bank's own words, in English, one text for each problem.
    """
    matches = list(dict.fromkeys(filter(None, map(look_up, words))))
    if not matches:
        return _advice_by_status(status)
    return Advice(
        " ".join(advice.why for advice in matches),
        " ".join(advice.what_to_do for advice in matches),
    )


def look_up(words: str) -> Advice | None:
    """Return the advice for one text of the bank; ``None`` if the table does not have it."""
    if len(words) > _LONGEST_TEXT:
        return None
    for text, row in _texts():
        match = _match(text, words)
        if match is not None:
            return _advice_of(row, match.groupdict())
    return None


def _advice_by_status(status: int) -> Advice:
    rows = _table()["status"]
    row = rows.get(str(status)) or rows["500" if status >= _SERVER_ERROR else "other"]
    return (look_up(row["same_as"]) if "same_as" in row else None) or _advice_of(row, {})


def _advice_of(row: dict[str, str], names: dict[str, str]) -> Advice:
    """Return the advice of a row, with the bank's own names in its sentences."""
    why, what_to_do = (" ".join(row[key].split()).format(**names) for key in ("why", "what_to_do"))
    return Advice(why, what_to_do)


def _match(text: str, words: str) -> re.Match[str] | None:
    """Match words with a whole text of the table, in which ``{name}`` stands for any text."""
    # The odd parts are the names of the placeholders.
    parts = _PLACEHOLDER.split(text)
    # This is cheaper than a pattern, and excludes nearly all texts.
    if not (words.startswith(parts[0]) and words.endswith(parts[-1])):
        return None
    pattern = "".join(
        f"(?P<{part}>.+?)" if place % 2 else re.escape(part) for place, part in enumerate(parts)
    )
    return re.fullmatch(pattern, words, re.DOTALL)


@cache
def _texts() -> list[tuple[str, dict[str, str]]]:
    """Return each whole text of the table with its row, in order."""
    return [(" ".join(text.split()), row) for row in _table()["row"] for text in row["texts"]]


@cache
def _table() -> dict[str, Any]:
    import tomllib

    return tomllib.loads(ADVICE_FILE.read_text(encoding="utf-8"))
