"""The pages of the lists in a ledger, as they are known now or were known at an instant.

The tables of a ledger are made of these by the code that makes the live ones, so both are equal.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any

import pandas as pd

from bunqkit.catalogue.operations import operation as operation_named
from bunqkit.context.tables import ListCall
from bunqkit.errors import UnknownNameError
from bunqkit.frames.frames import ATTRS
from bunqkit.frames.ipc import pack, unpack
from bunqkit.frames.json_reader import EnvelopeReader, Rows
from bunqkit.ledger.column_cache import ColumnCache
from bunqkit.ledger.store import Listing, Store
from bunqkit.ledger.sync import ACCOUNTS, is_of_account

_PAGE = 1000
# The number of items of a segment; fewer are read from JSON each time.
_SEGMENT = 20_000


class StoredPages:
    """A source of pages that reads the file of a ledger.

    Parameters
    ----------
    store
        The file.
    at
        The instant, in UTC, as text; ``None`` for now.
    """

    shows_progress = False

    def __init__(self, store: Store, at: str | None) -> None:
        self._store = store
        self._at = at
        self._cache = ColumnCache(store)

    def raw_pages(self, operation: str, **arguments: Any) -> Iterator[bytes | Rows]:
        """Return the pages of a list, newest first: parsed columns, or bytes like an answer's."""
        return self.pages_of(self.listings(operation, **arguments))

    def pages_of(self, listings: Sequence[Listing]) -> Iterator[bytes | Rows]:
        """Return the pages of some lists, one list after the other."""
        for listing in listings:
            below = None
            for low, high in self._cache.spans(listing) if self._at is None else ():
                columns = self._cache.read(listing, low)
                if columns is not None:
                    yield from self._read(listing, above=high, below=below)
                    yield unpack(columns)
                    below = low
            yield from self._read(listing, above=None, below=below)

    def list_accounts(self) -> list[dict[str, Any]]:
        """Return the user's accounts as the bank described them, without their type names."""
        return self._store.objects(self._store.listing(ACCOUNTS), at=self._at)

    def listings(self, operation: str, **arguments: Any) -> list[Listing]:
        """Return the lists of an operation: that of one account, or those of all accounts.

        Raises
        ------
        UnknownNameError
            If the ledger does not follow the operation with these arguments.
        """
        known = operation_named(operation)
        account = arguments.pop("account", None)
        text = json.dumps(arguments, sort_keys=True)
        if known.name != ACCOUNTS and (known.name, text) not in self._store.followed():
            call = ", ".join([repr(known.name), *(f"{k}={v!r}" for k, v in arguments.items())])
            raise UnknownNameError(
                f"The ledger does not follow {known.name}. Call ledger.follow({call}), then "
                "ledger.sync(bunq)."
            )
        if not is_of_account(known):
            return [self._store.listing(known.name, 0, text)]
        ids = [account]
        if account is None:
            ids = [account["id"] for account in self.list_accounts()]
        return [self._store.listing(known.name, number, text) for number in ids]

    def mark_completeness(self, frame: pd.DataFrame, calls: Sequence[ListCall]) -> None:
        """Write into ``attrs["bunqkit"]`` if the ledger has all items, and up to when."""
        self.mark(frame, [part for name, given in calls for part in self.listings(name, **given)])

    def mark(self, frame: pd.DataFrame, listings: Sequence[Listing]) -> None:
        """Do what ``mark_completeness`` does, for lists that were looked up already."""
        attrs = frame.attrs[ATTRS]
        if not all(map(self._is_complete, [self._store.listing(ACCOUNTS), *listings])):
            attrs |= {"complete": False, "cut_by": attrs["cut_by"] or "sync"}
        times = [time for listing in listings if (time := self._complete_until(listing))]
        attrs["complete_until"] = min(times, default=None)

    def _is_complete(self, listing: Listing) -> bool:
        return listing.is_complete if self._at is None else bool(self._complete_until(listing))

    def _complete_until(self, listing: Listing) -> str | None:
        """Return up to when a list is complete, as it is known or was known at the instant."""
        if self._at is None:
            return listing.complete_until
        return self._store.complete_at(listing, self._at)

    def _read(
        self, listing: Listing, *, above: int | None, below: int | None
    ) -> Iterator[bytes | Rows]:
        """Read items between two ids, and keep the columns of many."""
        reader = EnvelopeReader()
        items = self._store.items(listing, at=self._at, above=above, below=below)
        while rows := list(islice(items, _SEGMENT)):
            pages = [_body(rows[start : start + _PAGE]) for start in range(0, len(rows), _PAGE)]
            if len(rows) < _SEGMENT or self._at is not None:
                yield from pages
                continue
            ids = (row["id"] for row in rows)
            for part in reader.read(pages):
                part_ids = list(islice(ids, len(part[0])))
                if (columns := pack(part)) is not None:
                    self._cache.add(listing, part_ids[-1], part_ids[0], columns)
                yield part


def _body(rows: Sequence[sqlite3.Row]) -> bytes:
    """Return items as the body of an answer, from which columns are made fastest."""
    entries = (f"{{{json.dumps(row['type'])}:{row['raw']}}}" for row in rows)
    return f'{{"Response":[{",".join(entries)}]}}'.encode()
