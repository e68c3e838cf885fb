"""Reads ``corrections.toml``: where bunq's own description is wrong or silent, and how we know."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

__all__ = ["Correction", "load_corrections"]

_FILE = Path(__file__).with_name("corrections.toml")
_LISTS = ("values", "query")


@dataclass(frozen=True, slots=True)
class Correction:
    """One row of the tables.

    Attributes
    ----------
    what
        The table:

        - ``wire name``: a class of the description is called ``says`` on the wire.
        - ``answer``: the answer schema ``of`` stands for the type ``says``.
        - ``same answer``: answers have the type ``of`` with the fields of the type ``says``.
        - ``ignore``: the type ``of``, or these fields ``Type.field`` of it, are not on the wire.
        - ``field``: the field ``Type.field`` has the facts ``says``; it is added if unknown.
        - ``values``: the values of ``Type.field``, in place of those that the prose names.
        - ``not paged``: these list operations answer everything at once.
        - ``query``: further query parameters of these operations.
        - ``signed``, ``moves money``, ``sends bytes``: operations with this property.
    of
        The names that the row is about, separated by blanks; see :meth:`names`.
    says
        The right fact; ``None`` where the table itself is the fact.
    source
        Where the fact comes from.
    """

    what: str
    of: str
    says: Any
    source: str

    def names(self) -> list[str]:
        """Return the names that the row is about: ``A,B.x,y`` is A.x, A.y, B.x and B.y."""
        words = re.sub(r",\s+", ",", self.of).split()
        return [
            f"{owner}{dot}{member}"
            for owners, dot, members in (word.partition(".") for word in words)
            for owner in owners.split(",")
            for member in members.split(",")
        ]


def load_corrections() -> tuple[Correction, ...]:
    """Return the rows of all tables, in order."""
    tables = tomllib.loads(_FILE.read_text(encoding="utf-8"))
    rows = []
    for what, table in tables.items():
        for of, *facts, source in table:
            says: Any = facts[0] if facts else None
            rows.append(Correction(what, of, says.split() if what in _LISTS else says, source))
    return tuple(rows)
