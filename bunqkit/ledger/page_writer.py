"""Writes a page of a list into a ledger: what is new, what was corrected, what is gone.

A page, the versions that it replaces and the place where the next page begins are one transaction,
so a process that is killed leaves no gap.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Mapping

from bunqkit.ledger.store import Item, Listing, Store, Tally

_LOWEST, _HIGHEST = -(2**63), 2**63 - 1
_CURSOR = (
    "top", "walk_top", "walk_at", "walk_began", "turn", "complete_until", "refused", "suspect",
)  # fmt: skip


def write_page(
    store: Store,
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
    """Write a page and the place where the next one begins, as one transaction.

    Parameters
    ----------
    store
        The file of the ledger.
    listing
        The list of the page.
    items
        All items of the list between two ids.
    above, below
        These ids, both excluded; ``None`` for no bound.
    seen
        When the page was asked for. If the clock was moved back after another page was written,
        the time of that page is used, so that a later page never counts as known earlier.
    cursor
        The columns of the list that change with the page.
    ends_pass
        When the reading began that this page ends.
    leads_to
        The id below which the next page begins. It is looked at if this page corrects something.
    """
    with store.transaction():
        writer = _PageWriter(store, listing, store.advance_newest(seen))
        tally = writer.write(items, above, below)
        columns = {**cursor, "suspect": leads_to if tally.is_correcting else None}
        writer.move_cursor(columns, has_changes=tally.new > 0 or tally.is_correcting)
        if ends_pass is not None:
            writer.end_pass(ends_pass)
    return tally


class _PageWriter:
    """Writes one page, inside a transaction."""

    def __init__(self, store: Store, listing: Listing, seen: str) -> None:
        self._store = store
        self._listing = listing
        self._seen = seen

    def write(self, items: Iterable[Item], above: int | None, below: int | None) -> Tally:
        """Write the items, and remove those that the bank no longer has."""
        rows = self._store.rows(
            "SELECT id, type, raw, open_until FROM item "
            "WHERE listing = :listing AND id > :above AND id < :below",
            {
                "listing": self._listing.number,
                "above": _LOWEST if above is None else above,
                "below": _HIGHEST if below is None else below,
            },
        )
        known = {row["id"]: row for row in rows}
        tally = sum((self._write(item, known.pop(item.id, None)) for item in items), Tally())
        for number in known:
            self._move_to_earlier(number)
            self._run("DELETE FROM item WHERE listing = :listing AND id = :id", id=number)
        return tally + Tally(gone=len(known))

    def move_cursor(self, columns: Mapping[str, object], *, has_changes: bool) -> None:
        """Note how far the list was read; without an own value a column stays as it is."""
        marks = ", ".join(f"{name} = :{name}" for name in _CURSOR if name in columns)
        self._run(
            f"UPDATE listing SET {marks}, changes = changes + :changes WHERE number = :listing",
            **columns,
            changes=int(has_changes),
        )

    def end_pass(self, began: str) -> None:
        """Note that everything that the list had when a reading began is there now."""
        self._run(
            "INSERT INTO pass VALUES (:listing, :began, :ended)", began=began, ended=self._seen
        )

    def _write(self, item: Item, known: sqlite3.Row | None) -> Tally:
        raw = json.dumps(item.item, separators=(",", ":"))
        if known is not None and self._is_same(item, raw, known):
            if known["open_until"] != item.open_until:
                statement = (
                    "UPDATE item SET open_until = :until WHERE listing = :listing AND id = :id"
                )
                self._run(statement, id=item.id, until=item.open_until)
            return Tally(known=1)
        if known is None:
            self._delete_segment(item.id)
        else:
            self._move_to_earlier(item.id)
            # An event shows its object as it stands now: what is stored of the event is outdated.
            self._run(
                "UPDATE item SET open_until = '9' WHERE object = :object",
                object=_text(f"{item.type}/{item.id}"),
            )
        self._run(
            "INSERT OR REPLACE INTO item VALUES (:listing, :id, :type, :created, :updated, "
            ":object, :open_until, :seen, :raw)",
            id=item.id,
            type=_text(item.type),
            created=_text(item.item.get("created")),
            updated=_text(item.item.get("updated")),
            object=_text(item.object),
            open_until=item.open_until,
            seen=self._seen,
            raw=raw,
        )
        return Tally(new=1) if known is None else Tally(corrected=1, known=1)

    def _is_same(self, item: Item, raw: str, known: sqlite3.Row) -> bool:
        """Return True if the bank shows an item as it was; the order of its fields may differ."""
        if known["type"] != _text(item.type):
            return False
        stored: str = known["raw"]
        return stored == raw or self._store.parse(stored) == json.loads(raw)

    def _move_to_earlier(self, number: int) -> None:
        """Copy a version that is no longer true to the earlier ones."""
        self._delete_segment(number)
        self._run(
            "INSERT INTO earlier SELECT listing, id, type, created, updated, seen, :until, raw "
            "FROM item WHERE listing = :listing AND id = :id",
            id=number,
            until=self._seen,
        )

    def _delete_segment(self, number: int) -> None:
        self._run(
            "DELETE FROM segment WHERE listing = :listing AND low <= :id AND high >= :id", id=number
        )

    def _run(self, statement: str, **values: object) -> None:
        self._store.run(statement, {"listing": self._listing.number, **values})


def _text(value: object) -> str | None:
    """Return a text as SQLite can hold it; half a surrogate pair becomes a question mark."""
    return value.encode("utf-8", "replace").decode() if isinstance(value, str) else None
