"""Tables of facts, read from ``facts.toml`` when they are first needed."""

from __future__ import annotations

import tomllib
from functools import cache
from pathlib import Path
from typing import Any


@cache
def facts(name: str) -> dict[str, Any]:
    """Return one table of facts; never change it."""
    table: dict[str, Any] = _read()[name]
    return table


def usual(type_name: str) -> dict[str, Any]:
    """Return the values that objects of a type have where no rule says otherwise."""
    return dict(facts("usual")[type_name])


@cache
def _read() -> dict[str, Any]:
    return tomllib.loads(Path(__file__).with_name("facts.toml").read_text(encoding="utf-8"))
