"""What a rule is given, and what it gives."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from bunqkit.catalogue.operations import Operation
from bunqkit.sandbox.ledger import Ledger
from bunqkit.sandbox.quirks import Quirks

Item = tuple[str, dict[str, Any]]


class Fixed(dict[str, Any]):
    """What an item tells that nobody changes any more, kept with the text that it is written as.

    A page of payments is asked for more often than payments are made, and writing it was most of
    the work. Nothing may be put into one; ``|`` gives a plain dictionary.
    """

    text: str | None = None


@dataclass(frozen=True)
class Paging:
    """Which page of a list is asked for: at most one of the two ids is given."""

    count: int = 10
    older_id: int | None = None
    newer_id: int | None = None


@dataclass(frozen=True)
class Page:
    """A page, its ids newest first, and whether there is more on either side of it."""

    items: list[Item]
    ids: tuple[int, ...]
    has_older: bool
    has_newer: bool


@dataclass(frozen=True)
class File:
    """A file: what an upload brings, and what a content call gives in place of items."""

    content: bytes = field(repr=False)
    content_type: str
    description: str | None = None


@dataclass(frozen=True)
class Call:
    """One call, authenticated and with its fields checked.

    Attributes
    ----------
    operation
        What is called.
    ledger
        The books.
    ids
        The path's ids, by their names in the path.
    body
        The body, with no field that the call does not take.
    query
        What stands behind the question mark.
    paging
        Which page is asked for.
    upload
        The file that came in place of a body.
    address
        The caller's IP address.
    bank_key
        The bank's public key, as PEM.
    habits
        How the bank behaves where sources disagree.
    installation, session
        Whose token came with the call.
    consent
        By whose leave an app calls; ``None`` for people who call for themselves.
    """

    operation: Operation
    ledger: Ledger
    ids: dict[str, str]
    body: dict[str, Any]
    query: dict[str, str]
    paging: Paging
    upload: File
    address: str
    bank_key: str
    habits: Quirks
    installation: sqlite3.Row | None = None
    session: sqlite3.Row | None = None
    consent: sqlite3.Row | None = None

    @property
    def person_id(self) -> int:
        """The person whose session it is, or who let an app open it."""
        assert self.session is not None
        return int(self.session["person_id"])

    def number(self, name: str) -> int:
        """Give an id of the path as a number; one that is none is an id that nothing has."""
        return read_id(self.ids[name])

    def page(
        self,
        table: str,
        condition: str,
        values: tuple[object, ...],
        tell: Callable[[Ledger, sqlite3.Row], Item],
        *,
        key: str = "id",
    ) -> Page:
        """Read the page of a table that is asked for.

        Parameters
        ----------
        table, condition, values
            What to list.
        tell
            Makes the item of a row.
        key
            The column that the cursors mean.

        Source: bunq docs, "Pagination"; newest first, both cursors exclusive (bunq/doc#69).
        """
        older, newer = self.paging.older_id, self.paging.newer_id
        wanted = f"FROM {table} WHERE {condition}"
        bound, order = "", "DESC"
        cursor: tuple[int, ...] = ()
        if older is not None:
            bound, cursor = f" AND {table}.{key} < ?", (older,)
        elif newer is not None:
            # The ones closest to the cursor, so that no page is skipped on the way forward.
            bound, order, cursor = f" AND {table}.{key} > ?", "ASC", (newer,)
        rows = self.ledger.rows(
            f"SELECT {table}.* {wanted}{bound} ORDER BY {table}.{key} {order} LIMIT ?",
            *values,
            *cursor,
            self.paging.count,
        )
        rows.sort(key=lambda row: -row[key])
        ids = tuple(row[key] for row in rows)
        beyond = f"SELECT 1 {wanted} AND {table}.{key}"
        items = [tell(self.ledger, row) for row in rows]
        return Page(
            items=items[::-1] if self.habits.pages_begin_with_oldest else items,
            ids=ids,
            has_older=bool(ids and self.ledger.row(f"{beyond} < ?", *values, ids[-1])),
            has_newer=bool(ids and self.ledger.row(f"{beyond} > ?", *values, ids[0])),
        )


def read_id(text: str) -> int:
    """Read an id; what is none is an id that nothing has."""
    # The bound is SQLite's: an id above it can't be there either.
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else 0  # noqa: PLR2004


def created(number: int) -> list[Item]:
    """Give the answer to most creates and updates: the id."""
    return [("Id", {"id": number})]
