"""What every rule of the bank works with: the call, the answer, and the tables behind both."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Collection
from dataclasses import dataclass, field, replace
from typing import Any

from bunqkit.catalogue.operations import Operation
from bunqkit.sandbox.ledger import BankLedger
from bunqkit.sandbox.quirks import Quirks
from bunqkit.sandbox.resources.rows import find_row, read_id, without_nulls

Item = tuple[str, dict[str, Any]]
"""One object of an answer: the name of its type, and its fields."""


class Fixed(dict[str, Any]):
    """The fields of an object that no longer changes, together with their JSON text.

    Payments are listed far more often than they are made, and writing their JSON took most of the
    time of a list. Never change one; ``|`` returns a plain dictionary.
    """

    text: str | None = None


@dataclass(frozen=True)
class Paging:
    """The page of a list that is asked for; at most one of the two ids is set."""

    count: int = 10
    older_id: int | None = None
    newer_id: int | None = None


@dataclass(frozen=True)
class Page:
    """One page of a list: its items, its ids (newest first), and whether more lies beside it."""

    items: list[Item]
    ids: tuple[int, ...]
    has_older: bool
    has_newer: bool


@dataclass(frozen=True)
class File:
    """A file: an upload, or the answer to a content call."""

    content: bytes = field(repr=False)
    content_type: str
    description: str | None = None


@dataclass(frozen=True)
class Call:
    """One call, authenticated and with its fields checked.

    Attributes
    ----------
    operation
        The operation that is called.
    ledger
        The books.
    ids
        The ids in the path, by their names in the path.
    body
        The body; every field in it is one that the operation takes.
    query
        The parameters after the question mark.
    paging
        The page that is asked for.
    upload
        The file that was sent in place of a body.
    address
        The caller's IP address.
    bank_key
        The bank's public key, as PEM.
    quirks
        How the bank behaves where sources disagree.
    installation, session
        The installation and the session whose token came with the call.
    consent
        The consent by which an app calls; ``None`` for a person who calls for themselves.
    """

    operation: Operation
    ledger: BankLedger
    ids: dict[str, str]
    body: dict[str, Any]
    query: dict[str, str]
    paging: Paging
    upload: File
    address: str
    bank_key: str
    quirks: Quirks
    installation: sqlite3.Row | None = None
    session: sqlite3.Row | None = None
    consent: sqlite3.Row | None = None

    @property
    def person_id(self) -> int:
        """The person whose session it is; for an app the person who let it in."""
        assert self.session is not None
        return int(self.session["person_id"])

    @property
    def sent(self) -> dict[str, Any]:
        """The fields of the body that are not null."""
        return without_nulls(self.body)

    @property
    def account_id(self) -> int | None:
        """The id of the account in the path, if there is one."""
        return self.number("monetary-accountID") if "monetary-accountID" in self.ids else None

    def number(self, name: str = "itemId") -> int:
        """Return an id of the path as a number; a text that is no id becomes an unused id."""
        return read_id(self.ids[name])

    def page(
        self,
        table: str,
        condition: str,
        values: Collection[object],
        show: ShowRow,
        *,
        key: str = "id",
    ) -> Page:
        """Return the page of a table that is asked for.

        Parameters
        ----------
        table, condition, values
            The rows to list.
        show
            Returns the item of a row.
        key
            The column that holds the ids of the list.

        Source: bunq docs, "Pagination"; newest first, both cursors exclusive (bunq/doc#69).
        """
        older, newer = self.paging.older_id, self.paging.newer_id
        source = f"FROM {table} WHERE {condition}"
        bound, order = "", "DESC"
        cursor: tuple[int, ...] = ()
        if older is not None:
            bound, cursor = f" AND {table}.{key} < ?", (older,)
        elif newer is not None:
            # The rows closest to the cursor, so that going forward skips no page.
            bound, order, cursor = f" AND {table}.{key} > ?", "ASC", (newer,)
        query = f"SELECT {table}.* {source}{bound} ORDER BY {table}.{key} {order} LIMIT ?"
        rows = self.ledger.rows(query, *values, *cursor, self.paging.count)
        rows.sort(key=lambda row: -row[key])
        ids = tuple(row[key] for row in rows)
        beyond = f"SELECT 1 {source} AND {table}.{key}"
        items = [show(self.ledger, row) for row in rows]
        return Page(
            items=items[::-1] if self.quirks.pages_begin_with_oldest else items,
            ids=ids,
            has_older=bool(ids and self.ledger.row(f"{beyond} < ?", *values, ids[-1])),
            has_newer=bool(ids and self.ledger.row(f"{beyond} > ?", *values, ids[0])),
        )


Rule = Callable[[Call], list[Item] | Page | File]
"""Answers one operation."""
Verbs = dict[str, Rule]
"""The rules of one resource by their verbs."""
ShowRow = Callable[[BankLedger, sqlite3.Row], Item]
"""Returns the item of a row of some table."""
Adapt = Callable[[Call, Item], Item]
"""Returns an item in the form that the caller gets."""


def as_it_is(_call: Call, item: Item) -> Item:
    """Return an item unchanged."""
    return item


@dataclass(frozen=True)
class Table:
    """The rows of one table that a caller may read.

    Attributes
    ----------
    name
        The table.
    condition, values
        The rows that a caller may read: a condition in SQL, and what it is bound to.
    kind
        What a refusal calls one row.
    show
        Returns the item of a row.
    adapt
        Returns an item in the form that this caller gets.
    key
        The column that holds the ids.
    """

    name: str
    condition: str
    values: Callable[[Call], tuple[object, ...]]
    kind: str
    show: ShowRow
    adapt: Adapt = as_it_is
    key: str = "id"

    def find(self, call: Call, name: str = "itemId") -> sqlite3.Row:
        """Return the row that the path names; refuse if the caller may read no such row."""
        query = f"SELECT * FROM {self.name} WHERE {self.condition} AND {self.key} = ?"
        values = self.values(call)
        return find_row(call.ledger, self.kind, call.ids[name], query, *values, call.number(name))

    def rules(self, **others: Rule) -> Verbs:
        """Return the rules that list and read the rows; ``others`` add to them and replace them."""

        def list_page(call: Call) -> Page:
            page = call.page(self.name, self.condition, self.values(call), self.show, key=self.key)
            return replace(page, items=[self.adapt(call, item) for item in page.items])

        def get_one(call: Call) -> list[Item]:
            return [self.adapt(call, self.show(call.ledger, self.find(call)))]

        return {"list": list_page, "get": get_one, **others}


def by_person(call: Call) -> tuple[object, ...]:
    """Return the caller's id, to which the condition of a table is bound."""
    return (call.person_id,)


def created(number: int) -> list[Item]:
    """Return the answer to most creates and updates: the id."""
    return [("Id", {"id": number})]
