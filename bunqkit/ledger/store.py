"""One private SQLite file: items as they came, what they were before, how far each list was read.

A page of a list, what it corrects and the place where the next one begins are one transaction, so
that a process that is killed leaves no gap. Knows nothing of HTTP and nothing of tables.
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

_AT_ONCE = 10_000
# Every version that was known at an instant: the present one, or one that was true until later.
_THEN = """
SELECT id, type, seen, raw FROM item WHERE listing = :listing AND seen <= :at
UNION ALL SELECT id, type, seen, raw FROM earlier WHERE listing = :listing
AND seen <= :at AND until > :at
"""


@dataclass(frozen=True)
class Listing:
    """One list at the bank, and how far it was read.

    Attributes
    ----------
    number
        Its number in the file.
    operation, account_id, given
        What lists it; ``account_id`` is 0 for a list of the user.
    top
        All items up to this id have been read; ``None`` before the list was read to its end.
    walk_top, walk_at, walk_began
        A reading that was cut short: its newest id, the id below which it goes on, and when it
        began. Between ``walk_at`` and ``top`` items may be missing.
    turn
        The id below which the next look at old items begins.
    complete_until
        When the last reading that found everything began.
    refused
        The bank's words, if it does not give this list.
    suspect
        The id below which something may be other than is known: the page above it was.
    changes
        How many pages have changed something in it.
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
        """Whether it was read to its end, with no reading cut short since."""
        return self.top is not None and self.walk_at is None and self.refused is None

    @property
    def arguments(self) -> dict[str, Any]:
        """What its call is given beside paging."""
        account = {"account": self.account_id} if self.account_id else {}
        return {**json.loads(self.given), **account}


@dataclass(frozen=True)
class Item:
    """One item as the bank gave it.

    Attributes
    ----------
    id, type, item
        Its id, the name it came under, and itself.
    open_until
        Until when it may change, in the bank's time; ``None`` if it is final.
    object
        What it tells of, as type and id: ``Payment/5``.
    """

    id: int
    type: str
    item: Mapping[str, Any]
    open_until: str | None = None
    object: str | None = None


@dataclass(frozen=True)
class Tally:
    """How many items of a page were new, other than before, gone, or as they were."""

    new: int = 0
    corrected: int = 0
    gone: int = 0
    known: int = 0

    @property
    def is_correcting(self) -> bool:
        """Whether something that was known is no longer so."""
        return self.corrected + self.gone > 0

    def __add__(self, other: Tally) -> Tally:
        return Tally(
            self.new + other.new,
            self.corrected + other.corrected,
            self.gone + other.gone,
            self.known + other.known,
        )


class Store:
    """The file.

    Parameters
    ----------
    path
        Made if absent, readable by its owner alone.

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
        """Keep all of the block or none of it."""
        with self._lock:
            self._run("BEGIN IMMEDIATE")
            try:
                yield
                self._run("COMMIT")
            except BaseException:
                # A full disk has rolled it back already.
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                raise

    def rows(self, query: str, values: Mapping[str, object] | None = None) -> list[sqlite3.Row]:
        """Read rows."""
        with self._lock, describe(self.path):
            return self._db.execute(query, values or {}).fetchall()

    def fact(self, name: str) -> str | None:
        """Read what the ledger knows of itself."""
        found = self.rows("SELECT text FROM fact WHERE name = :name", {"name": name})
        return str(found[0]["text"]) if found else None

    def set_fact(self, name: str, text: str) -> None:
        """Write what the ledger knows of itself."""
        with self.transaction():
            self._run(
                "INSERT OR REPLACE INTO fact VALUES (:name, :text)", {"name": name, "text": text}
            )

    def follow(self, operation: str, given: str) -> None:
        """Write that an operation is to be read from now on."""
        with self.transaction():
            self._run(
                "INSERT OR IGNORE INTO followed VALUES (:operation, :given)",
                {"operation": operation, "given": given},
            )

    def followed(self) -> list[tuple[str, str]]:
        """Give the operations that are to be read, and what they are given."""
        return [tuple(row) for row in self.rows("SELECT operation, given FROM followed")]

    def listing(self, operation: str, account_id: int = 0, given: str = "{}") -> Listing:
        """Give a list as it stands; written if it is a new one."""
        found = self._find(operation, account_id, given)
        if found is None:
            with self.transaction():
                self._run(
                    "INSERT OR IGNORE INTO listing (operation, account_id, given) "
                    "VALUES (:operation, :account_id, :given)",
                    {"operation": operation, "account_id": account_id, "given": given},
                )
            found = self._find(operation, account_id, given)
            assert found is not None
        return found

    def listings(self, operation: str | None = None) -> list[Listing]:
        """Give the lists that are known, of one operation or of all."""
        rows = self.rows(
            "SELECT * FROM listing WHERE :operation IS NULL OR operation = :operation "
            "ORDER BY operation, account_id",
            {"operation": operation},
        )
        return [self._read(row) for row in rows]

    def keep(
        self,
        listing: Listing,
        items: Iterable[Item],
        *,
        above: int | None,
        below: int | None,
        seen: str,
        cursor: Mapping[str, object],
        ends_pass: str | None = None,
        leads_to: int | None = None,
    ) -> Tally:
        """Keep a page and the place where the next one begins, as one transaction.

        Parameters
        ----------
        listing
            The list that it is a page of.
        items
            All items of the list between two ids.
        above, below
            These ids, neither of them included; ``None`` for no bound.
        seen
            When the page was asked for. If the clock was moved back since another page was kept,
            the time of that one counts, so that what came later is never known earlier.
        cursor
            Columns of the list that change with it.
        ends_pass
            When the reading began that this page ends.
        leads_to
            The id below which the next page begins, to be looked at if this one corrects something.
        """
        with self.transaction():
            seen = self._after_all(seen)
            bounds = {
                "listing": listing.number,
                "above": -(2**63) if above is None else above,
                "below": 2**63 - 1 if below is None else below,
            }
            known = {
                row["id"]: row
                for row in self.rows(
                    "SELECT id, type, raw, open_until FROM item "
                    "WHERE listing = :listing AND id > :above AND id < :below",
                    bounds,
                )
            }
            tally = Tally()
            for item in items:
                tally += self._keep(listing, item, known.pop(item.id, None), seen)
            for number in known:
                self._set_aside(listing, number, seen)
                self._change(
                    "DELETE FROM item WHERE listing = :listing AND id = :id", listing, id=number
                )
            tally += Tally(gone=len(known))
            told = {**cursor, "suspect": leads_to if tally.is_correcting else None}
            marks = ", ".join(f"{name} = :{name}" for name in told)
            self._run(
                f"UPDATE listing SET {marks}, changes = changes + :more "  # noqa: S608 (own names)
                "WHERE number = :number",
                {
                    **told,
                    "more": int(tally.new > 0 or tally.is_correcting),
                    "number": listing.number,
                },
            )
            if ends_pass is not None:
                self._change(
                    "INSERT INTO pass VALUES (:listing, :began, :ended)",
                    listing,
                    began=ends_pass,
                    ended=seen,
                )
        return tally

    def put(self, table: str, rows: Iterable[Sequence[object]]) -> None:
        """Write rows of ``item`` or ``earlier`` as they were in another file."""
        columns = {"item": 9, "earlier": 8}[table]
        marks = ", ".join("?" * columns)
        with self.transaction(), describe(self.path):
            self._db.executemany(f"INSERT OR REPLACE INTO {table} VALUES ({marks})", rows)  # noqa: S608

    def refuse(self, listing: Listing, words: str) -> None:
        """Write that the bank does not give a list."""
        with self.transaction():
            self._change(
                "UPDATE listing SET refused = :words WHERE number = :listing", listing, words=words
            )

    def newest_open(self, listing: Listing, below: int) -> int | None:
        """Give the newest id below another of what may still change."""
        found = self.rows(
            "SELECT MAX(id) AS id FROM item WHERE listing = :listing AND id < :below "
            "AND open_until IS NOT NULL AND open_until > :now",
            {"listing": listing.number, "below": below, "now": self.newest_time(listing) or ""},
        )
        number: int | None = found[0]["id"]
        return number

    def newest_time(self, listing: Listing) -> str | None:
        """Give when the newest item of a list was made: the bank's time, as far as it is known."""
        found = self.rows(
            "SELECT MAX(created) AS created FROM item WHERE listing = :listing",
            {"listing": listing.number},
        )
        created: str | None = found[0]["created"]
        return created

    def items(
        self,
        listing: Listing,
        *,
        at: str | None = None,
        above: int | None = None,
        below: int | None = None,
    ) -> Iterator[sqlite3.Row]:
        """Give items of a list, newest first: ``id``, ``type``, ``raw``.

        Parameters
        ----------
        listing
            The list.
        at
            As they were known at an instant; as they are known now without it.
        above, below
            Only those whose id is between, neither of the two included.
        """
        source = "item WHERE listing = :listing" if at is None else f"({_THEN}) WHERE TRUE"
        query = (
            f"SELECT id, type, raw FROM {source} AND id > :above "  # noqa: S608 (all of it is ours)
            f"AND id < :below ORDER BY id DESC{'' if at is None else ', seen DESC'} LIMIT :limit"
        )
        values = {"listing": listing.number, "at": at, "limit": _AT_ONCE}
        above = -1 if above is None else above
        below = 2**63 - 1 if below is None else below
        while True:
            # Some at a time, so that others may write between, and memory holds few.
            rows = self.rows(query, {**values, "above": above, "below": below})
            for row in rows:
                # Where an earlier version kept two, since the clock was moved back: the newer.
                if row["id"] != below:
                    yield row
                below = row["id"]
            if len(rows) < _AT_ONCE:
                return

    def objects(self, listing: Listing, *, at: str | None = None) -> list[dict[str, Any]]:
        """Return the items of a list, read, newest first."""
        return [self._object(row["raw"]) for row in self.items(listing, at=at)]

    def versions(self, *, at: str | None = None, is_all: bool) -> list[sqlite3.Row]:
        """Give what is known of every item of every list, or all that ever was.

        Parameters
        ----------
        at
            As it was known at an instant; as it is known now without it.
        is_all
            Whether what was no longer true by then is there, too.
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

    def segments(self, listing: Listing) -> list[tuple[int, int]]:
        """Give the spans of ids whose items are there as columns, too, the newest first."""
        query = "SELECT low, high FROM segment WHERE listing = :listing ORDER BY low DESC"
        rows = self.rows(query, {"listing": listing.number})
        return [(row["low"], row["high"]) for row in rows]

    def segment(self, listing: Listing, low: int) -> bytes | None:
        """Give the columns of a span; ``None`` if something in it has changed since."""
        found = self.rows(
            "SELECT bytes FROM segment WHERE listing = :listing AND low = :low",
            {"listing": listing.number, "low": low},
        )
        return found[0]["bytes"] if found else None

    def add_segment(self, listing: Listing, low: int, high: int, packed: bytes) -> None:
        """Keep the columns of all items of a span, unless the list has changed since."""
        with self.transaction():
            self._change(
                "INSERT OR REPLACE INTO segment SELECT number, :low, :high, :packed "
                "FROM listing WHERE number = :listing AND changes = :changes",
                listing,
                low=low,
                high=high,
                packed=packed,
                changes=listing.changes,
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

    def _after_all(self, time: str) -> str:
        """Return a time, or that of the newest page if it is before it; note it as the newest."""
        # Earlier versions noted none.
        newest = (
            self.fact("newest") or self.rows("SELECT MAX(ended) AS ended FROM pass")[0]["ended"]
        )
        time = max(time, newest or "")
        self._run("INSERT OR REPLACE INTO fact VALUES ('newest', :time)", {"time": time})
        return time

    def _find(self, operation: str, account_id: int, given: str) -> Listing | None:
        found = self.rows(
            "SELECT * FROM listing WHERE operation = :operation AND account_id = :account_id "
            "AND given = :given",
            {"operation": operation, "account_id": account_id, "given": given},
        )
        return self._read(found[0]) if found else None

    def _read(self, row: sqlite3.Row) -> Listing:
        listing = Listing(**dict(row))
        for time in (listing.walk_began, listing.complete_until):
            try:
                datetime.fromisoformat(time or "2000-01-01")
            except ValueError as error:
                raise damage(self.path, "the time of a reading is none") from error
        return listing

    def _keep(self, listing: Listing, item: Item, known: sqlite3.Row | None, seen: str) -> Tally:
        raw = json.dumps(item.item, separators=(",", ":"))
        # A bank may write the same object in another order.
        if (
            known is not None
            and known["type"] == _text(item.type)
            and (known["raw"] == raw or self._object(known["raw"]) == json.loads(raw))
        ):
            if known["open_until"] != item.open_until:
                self._change(
                    "UPDATE item SET open_until = :open_until "
                    "WHERE listing = :listing AND id = :id",
                    listing,
                    id=item.id,
                    open_until=item.open_until,
                )
            return Tally(known=1)
        if known is not None:
            self._set_aside(listing, item.id, seen)
            # An event tells its object as it stands: what was known of it is no longer so.
            self._change(
                "UPDATE item SET open_until = '9' WHERE object = :object",
                listing,
                object=_text(f"{item.type}/{item.id}"),
            )
        else:
            self._forget_segment(listing, item.id)
        self._change(
            "INSERT OR REPLACE INTO item VALUES (:listing, :id, :type, :created, :updated, "
            ":object, :open_until, :seen, :raw)",
            listing,
            id=item.id,
            type=_text(item.type),
            created=_text(item.item.get("created")),
            updated=_text(item.item.get("updated")),
            object=_text(item.object),
            open_until=item.open_until,
            seen=seen,
            raw=raw,
        )
        return Tally(new=1) if known is None else Tally(corrected=1, known=1)

    def _set_aside(self, listing: Listing, number: int, until: str) -> None:
        """Keep a version that is no longer true."""
        self._forget_segment(listing, number)
        self._change(
            "INSERT INTO earlier SELECT listing, id, type, created, updated, seen, :until, raw "
            "FROM item WHERE listing = :listing AND id = :id",
            listing,
            id=number,
            until=until,
        )

    def _forget_segment(self, listing: Listing, number: int) -> None:
        self._change(
            "DELETE FROM segment WHERE listing = :listing AND low <= :id AND high >= :id",
            listing,
            id=number,
        )

    def _object(self, raw: str) -> dict[str, Any]:
        try:
            item = json.loads(raw)
        except (ValueError, TypeError) as error:
            raise damage(self.path, "an item is no JSON") from error
        if not isinstance(item, dict):
            raise damage(self.path, "an item is no object")
        return item

    def _change(self, statement: str, listing: Listing, **values: object) -> None:
        self._run(statement, {"listing": listing.number, **values})

    def _run(self, query: str, values: Mapping[str, object] | None = None) -> None:
        with describe(self.path):
            self._db.execute(query, values or {})


def _text(value: object) -> str | None:
    """Return a text as SQLite can hold it; half a surrogate pair becomes a question mark."""
    return value.encode("utf-8", "replace").decode() if isinstance(value, str) else None
