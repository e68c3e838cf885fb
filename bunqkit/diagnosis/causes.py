"""Why a connection fails: each cause in one line, and what to do about it, in order.

The bank has one text for several causes; ``probe`` finds out which one it is. The texts stand in
``causes.toml``, which is read when the first cause is found.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any


@dataclass(frozen=True)
class Cause:
    """Why a connection fails.

    Attributes
    ----------
    name
        A short name that stays the same, for scripts.
    summary
        What is wrong, in one line.
    steps
        What to do, in the order in which to try it.
    """

    name: str
    summary: str
    steps: tuple[str, ...]


def make_cause(name: str, /, **facts: object) -> Cause:
    """Return a cause whose texts are filled in with the facts.

    Parameters
    ----------
    name
        One of ``cause_names()``.
    facts
        ``environment`` decides how to make a new key; the others stand in the texts.
    """
    texts = load_texts()
    new_key = texts["new_key"][facts.get("environment") or "OFFLINE"]
    phrases = {**texts["phrases"], "new_key": new_key}

    def fill(text: str) -> str:
        for phrase, words in phrases.items():
            text = text.replace(f"{{{phrase}}}", words)
        return text.format(**facts)

    cause = texts["causes"][name]
    return Cause(name, fill(cause["summary"]), tuple(map(fill, cause["steps"])))


def cause_names() -> tuple[str, ...]:
    """List the names of all causes."""
    return tuple(load_texts()["causes"])


@cache
def load_texts() -> dict[str, Any]:
    """Return the tables of ``causes.toml``: causes, phrases, and wrong names of settings."""
    return tomllib.loads(resources.files(__package__).joinpath("causes.toml").read_text("utf-8"))
