"""One private SQLite file: the items of every list, their earlier versions, how far each was read.

This module knows nothing of HTTP and nothing of tables.
"""

from __future__ import annotations

import contextlib
import json
import sqlite3
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from bunqkit.ledger.store_file import damage, describe, open_file

_ROWS_AT_ONCE = 10_000
# Every version that was known at an instant: the present one, or one that was true until later.
_VERSIONS_AT = """
SELECT id, type, seen, raw FROM item WHERE listing = :listing AND seen <= :at
UNION ALL SELECT id, type, seen, raw FROM earlier WHERE listing = :listing
AND seen <= :at AND until > :at
"""
_INSERTS = {
    "item": "INSERT OR REPLACE INTO item VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
    "earlier": "INSERT OR REPLACE INTO earlier VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
}


@dataclass(frozen=True)
class Listing:
    """One list at the bank, and how far it was read.

    Attributes
    ----------
    number
        Its number in the file.
    operation, account_id, given
        The operation that lists it, the account (0 for a list of the user), and its other
        arguments as JSON.
    top
        The id up to which all items have been read; ``None`` before the list was read to its end.
    walk_top, walk_at, walk_began
        A reading that was cut short: its newest id, the id below which it goes on, and when it
        began. Items between ``walk_at`` and ``top`` may be missing.
    turn
        The id below which the next look at old items begins.
    complete_until
        When the last reading that found everything began.
    refused
        The bank's words, if it does not give this list.
    suspect
        The id below which items may differ from what is known, since the page above had changed.
    changes
        The number of pages that changed something in the list.
    """

    number: int
    operation: str
    account_id: int
    given: str
    top: int | None = None
    walk_top: int | None = None
    walk_at: int | None = None
    walk_began: str | None = None
    turn: int | None = None
    complete_until: str | None = None
    refused: str | None = None
    suspect: int | None = None
    changes: int = 0

    @property
    def is_complete(self) -> bool:
        """True if it was read to its end, and no later reading was cut short."""
        return self.top is not None and self.walk_at is None and self.refused is None

    @property
    def arguments(self) -> dict[str, Any]:
        """The arguments of its call, without those of paging."""
        account = {"account": self.account_id} if self.account_id else {}
        return {**json.loads(self.given), **account}


@dataclass(frozen=True)
class Item:
    """One item as the bank gave it.

    Attributes
    ----------
    id, type, item
        Its id, the type name it came under, and its fields.
    open_until
        Until when it may change, in the bank's time; ``None`` if it is final.
    object
        The type and id of the object that an event is about: ``Payment/5``.
    """

    id: int
    type: str
    item: Mapping[str, Any]
    open_until: str | None = None
    object: str | None = None


@dataclass(frozen=True)
class Tally:
    """The number of items of a page that were new, corrected, gone, or known before."""

    new: int = 0
    corrected: int = 0
    gone: int = 0
    known: int = 0

    @property
    def is_correcting(self) -> bool:
        """True if an item that was known has changed or is gone."""
        return self.corrected + self.gone > 0

    def __add__(self, other: Tally) -> Tally:
        return Tally(
            self.new + other.new,
            self.corrected + other.corrected,
            self.gone + other.gone,
            self.known + other.known,
        )


class Store:
    """The file of a ledger.

    Parameters
    ----------
    path
        The file, made if absent, readable by its owner alone.

    Raises
    ------
    StateError
        If it can't be opened, or is no ledger.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.RLock()
        self._db = open_file(path)

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._db.close()

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        """Write everything that the block writes, or nothing of it."""
        with self._lock:
            self.run("BEGIN IMMEDIATE")
            try:
                yield
                self.run("COMMIT")
            except BaseException:
                # A full disk has rolled it back already.
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                raise

    def rows(self, query: str, values: Mapping[str, object] | None = None) -> list[sqlite3.Row]:
        """Return the rows of a query."""
        with self._lock, describe(self.path):
            return self._db.execute(query, values or {}).fetchall()

    def run(self, statement: str, values: Mapping[str, object] | None = None) -> None:
        """Run a statement that writes, inside a transaction."""
        with describe(self.path):
            self._db.execute(statement, values or {})

    def fact(self, name: str) -> str | None:
        """Return a fact about the ledger itself, such as its ``owner``."""
        rows = self.rows("SELECT text FROM fact WHERE name = :name", {"name": name})
        return str(rows[0]["text"]) if rows else None

    def set_fact(self, name: str, text: str) -> None:
        """Write a fact about the ledger itself."""
        with self.transaction():
            self._set_fact(name, text)

    def follow(self, operation: str, given: str) -> None:
        """Note that a list is read from now on; its arguments are JSON."""
        with self.transaction():
            self.run(
                "INSERT OR IGNORE INTO followed VALUES (:operation, :given)",
                {"operation": operation, "given": given},
            )

    def followed(self) -> list[tuple[str, str]]:
        """Return the operations that are read, each with its arguments as JSON."""
        return [tuple(row) for row in self.rows("SELECT operation, given FROM followed")]

    def listing(self, operation: str, account_id: int = 0, given: str = "{}") -> Listing:
        """Return a list as it stands; a new one is written first."""
        key = {"operation": operation, "account_id": account_id, "given": given}
        query = (
            "SELECT * FROM listing WHERE operation = :operation AND account_id = :account_id "
            "AND given = :given"
        )
        rows = self.rows(query, key)
        if not rows:
            with self.transaction():
                self.run(
                    "INSERT OR IGNORE INTO listing (operation, account_id, given) "
                    "VALUES (:operation, :account_id, :given)",
                    key,
                )
            rows = self.rows(query, key)
        return self._to_listing(rows[0])

    def listings(self) -> list[Listing]:
        """Return all lists that are known."""
        rows = self.rows("SELECT * FROM listing ORDER BY operation, account_id")
        return [self._to_listing(row) for row in rows]

    def put(self, table: str, rows: Iterable[Sequence[object]]) -> None:
        """Write rows of ``item`` or ``earlier`` as they were in another file."""
        with self.transaction(), describe(self.path):
            self._db.executemany(_INSERTS[table], rows)

    def refuse(self, listing: Listing, words: str) -> None:
        """Note the words with which the bank refuses a list."""
        with self.transaction():
            self.run(
                "UPDATE listing SET refused = :words WHERE number = :number",
                {"words": words, "number": listing.number},
            )

    def newest_open(self, listing: Listing, below: int) -> int | None:
        """Return the newest id below another of an item that may still change."""
        rows = self.rows(
            "SELECT MAX(id) AS id FROM item WHERE listing = :listing AND id < :below "
            "AND open_until IS NOT NULL AND open_until > :now",
            {"listing": listing.number, "below": below, "now": self.newest_time(listing) or ""},
        )
        number: int | None = rows[0]["id"]
        return number

    def newest_time(self, listing: Listing) -> str | None:
        """Return when the newest item of a list was created: the bank's time as far as known."""
        rows = self.rows(
            "SELECT MAX(created) AS created FROM item WHERE listing = :listing",
            {"listing": listing.number},
        )
        created: str | None = rows[0]["created"]
        return created

    def advance_newest(self, time: str) -> str:
        """Return a time, or that of the newest page if it is later; note it as the newest."""
        # Ledgers of 0.1 have noted none.
        newest = (
            self.fact("newest") or self.rows("SELECT MAX(ended) AS ended FROM pass")[0]["ended"]
        )
        time = max(time, newest or "")
        self._set_fact("newest", time)
        return time

    def items(
        self,
        listing: Listing,
        *,
        at: str | None = None,
        above: int | None = None,
        below: int | None = None,
    ) -> Iterator[sqlite3.Row]:
        """Return items of a list, newest first: ``id``, ``type``, ``raw``.

        Parameters
        ----------
        listing
            The list.
        at
            The instant at which they were known; now if it is left out.
        above, below
            Bounds of the ids, both excluded.
        """
        source = "item WHERE listing = :listing" if at is None else f"({_VERSIONS_AT}) WHERE TRUE"
        order = "id DESC" if at is None else "id DESC, seen DESC"
        query = (
            f"SELECT id, type, raw FROM {source} AND id > :above AND id < :below ORDER BY {order}"
        )
        query += " LIMIT :limit"
        values = {"listing": listing.number, "at": at, "limit": _ROWS_AT_ONCE}
        above = -1 if above is None else above
        below = 2**63 - 1 if below is None else below
        while True:
            # In parts, so that others can write in between, and memory holds few rows.
            rows = self.rows(query, {**values, "above": above, "below": below})
            for row in rows:
                # Ledgers of 0.1 may have two versions, since the clock was moved back: the newer.
                if row["id"] != below:
                    yield row
                below = row["id"]
            if len(rows) < _ROWS_AT_ONCE:
                return

    def objects(self, listing: Listing, *, at: str | None = None) -> list[dict[str, Any]]:
        """Return the parsed items of a list, newest first."""
        return [self.parse(row["raw"]) for row in self.items(listing, at=at)]

    def versions(self, *, at: str | None = None, is_all: bool) -> list[sqlite3.Row]:
        """Return what is known of every item of every list.

        Parameters
        ----------
        at
            The instant at which it was known; now if it is left out.
        is_all
            Whether versions that were no longer true by then are included.
        """
        return self.rows(
            "SELECT operation, account_id, id, type, seen, "
            "CASE WHEN until <= COALESCE(:at, '9') THEN until END AS until, raw FROM ("
            "SELECT listing, id, type, seen, NULL AS until, raw FROM item UNION ALL "
            "SELECT listing, id, type, seen, until, raw FROM earlier) "
            "JOIN listing ON number = listing WHERE (:at IS NULL OR seen <= :at) "
            "AND (:is_all OR until IS NULL OR until > :at) "
            "ORDER BY operation, account_id, id DESC, seen",
            {"at": at, "is_all": is_all},
        )

    def complete_at(self, listing: Listing, at: str) -> str | None:
        """Return up to when the list was complete as it was known at an instant, or ``None``."""
        values = {"listing": listing.number, "at": at}
        is_between = self.rows(
            "SELECT 1 FROM pass WHERE listing = :listing AND began <= :at AND ended > :at", values
        )
        passes = self.rows(
            "SELECT MAX(began) AS began FROM pass WHERE listing = :listing AND ended <= :at", values
        )
        return None if is_between else passes[0]["began"]

    def parse(self, raw: str) -> dict[str, Any]:
        """Return the fields of an item that is stored as JSON."""
        try:
            item = json.loads(raw)
        except (ValueError, TypeError) as error:
            raise damage(self.path, "an item is no JSON") from error
        if not isinstance(item, dict):
            raise damage(self.path, "an item is no object")
        return item

    def _set_fact(self, name: str, text: str) -> None:
        self.run("INSERT OR REPLACE INTO fact VALUES (:name, :text)", {"name": name, "text": text})

    def _to_listing(self, row: sqlite3.Row) -> Listing:
        listing = Listing(**dict(row))
        for time in (listing.walk_began, listing.complete_until):
            try:
                datetime.fromisoformat(time or "2000-01-01")
            except ValueError as error:
                raise damage(self.path, "the time of a reading can't be read") from error
        return listing
