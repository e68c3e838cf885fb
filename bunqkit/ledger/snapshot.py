"""Tables of what a ledger holds, as it is known now or was known at an instant.

They are made by what makes the live ones, of the same items, so they are the same.
"""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

import pandas as pd

from bunqkit.catalogue.accounts import choose_account
from bunqkit.catalogue.operations import operation as operation_named
from bunqkit.context.tables import Overview
from bunqkit.errors import UnknownNameError
from bunqkit.frames.frames import ATTRS, Gathered
from bunqkit.frames.ipc import pack, unpack
from bunqkit.frames.json_reader import EnvelopeReader, Rows
from bunqkit.frames.money import Money, to_cents
from bunqkit.frames.paging import frame_of_pages
from bunqkit.ledger.export import Export, export_tables
from bunqkit.ledger.sql import run_query
from bunqkit.ledger.store import Listing, Store
from bunqkit.ledger.sync import ACCOUNTS, is_of_account

_ZONE = "Europe/Amsterdam"
_PAGE = 1000
# So many items and more are kept as columns, too.
_SEGMENT = 20_000


class Books(Overview):
    """What was known at an instant; made by ``ledger.as_of()``.

    Has the tables of a context: ``accounts()``, ``payments()``, ``money_requests()``, ``cards()``,
    ``card_transactions()``, ``events()``; what they hold is on this machine. Their
    ``attrs["bunqkit"]`` says whether they are complete, and up to when.

    Attributes
    ----------
    at
        The instant, in UTC, as text; ``None`` for now.
    """

    _is_watched = False

    def __init__(self, store: Store, at: str | None = None) -> None:
        self._store = store
        self.at = at

    def frame(
        self,
        operation: str,
        *,
        account: int | str | None = None,
        money: Money = "float",
        max_rows: int | None = None,
        **given: Any,
    ) -> pd.DataFrame:
        """Give a list as one table, as ``bunq.frame()`` does: every field of every item.

        Parameters
        ----------
        operation
            Its name, which the ledger follows: ``card.list``.
        account
            Id, IBAN or description; the main one without it, as live; ``"all"`` for all.
        money
            Amounts as float64, ``Decimal`` objects, or whole cents; see ``to_frame``.
        max_rows
            At most so many, the newest.
        given
            The ids that it is followed with.

        Raises
        ------
        UnknownNameError
            If the ledger does not follow the operation.
        """
        known = operation_named(operation)
        if is_of_account(known) and account is None:
            account = self._main_account()
        if is_of_account(known) and account != "all":
            given["account"] = choose_account(self._accounts(), account)["id"]
        listings = self._listings(known.name, **given)
        frame = frame_of_pages(
            (part for listing in listings for part in self._parts(listing)),
            operation=known.name,
            money=money,
            max_rows=max_rows,
            accounts=[each.account_id for each in listings if each.account_id],
            progress=False,
        )
        return self._tell(frame, listings)

    def balances(self, *, daily: bool = False) -> pd.DataFrame:
        """Give what is on each account, now or at the end of every day.

        Parameters
        ----------
        daily
            One row for each account and day, from its first payment to the last day on which any
            account has one; a day is one in Amsterdam.

        Returns
        -------
        DataFrame
            ``account_id, account, balance, balance_cents, currency``, with ``date`` before them
            if it is daily.
        """
        columns = ["account_id", "account", "balance", "balance_cents", "currency"]
        if not daily:
            accounts = self.accounts()
            named = accounts.rename(columns={"id": "account_id", "description": "account"})
            return named[columns]
        payments = self.payments()
        told = payments.attrs
        days = payments["created"].dt.tz_convert(_ZONE).dt.tz_localize(None).dt.normalize()
        last = payments.assign(date=days).drop_duplicates(["account_id", "date"])
        # Newest first: the first of a day is its last.
        parts = [_every_day(part, days.max()) for _, part in last.groupby("account_id")]
        frame = pd.concat(parts, ignore_index=True) if parts else last
        frame["balance"] = frame["balance_after"]
        frame["balance_cents"] = to_cents(frame["balance_after"], frame["currency"])
        frame = frame[["date", *columns]]
        frame.attrs = told
        frame.attrs[ATTRS]["rows"] = len(frame)
        return frame

    def sql(self, query: str) -> pd.DataFrame:
        """Ask in SQL, by DuckDB if it is installed, else by SQLite.

        Parameters
        ----------
        query
            The tables are ``accounts``, ``payments``, ``money_requests``, ``cards``,
            ``card_transactions``, ``events``; ``items``: every item of every list, ``raw`` as
            JSON; ``versions``: these and what was known before, ``seen`` from when ``until`` when.
            In DuckDB amounts are DECIMAL and stay exact; SQLite has none, so there they are
            texts, and sums go by the columns of cents. One statement, which reads these tables and
            nothing else: no file, no setting, no other database.

        Raises
        ------
        FieldError
            If the query can't be run, asks for something else, takes longer than ten minutes, or
            returns more than 2 GiB.
        """
        return run_query(
            query,
            {
                "accounts": self.accounts,
                "payments": self.payments,
                "money_requests": self.money_requests,
                "cards": self.cards,
                "card_transactions": self.card_transactions,
                "events": self.events,
                "items": lambda: self._versions(is_all=False),
                "versions": lambda: self._versions(is_all=True),
            },
        )

    def export(self, path: str | os.PathLike[str], kind: str, *, raw: bool = False) -> Export:
        """Write all payments and accounts for another program: Parquet, CSV or beancount.

        Parameters
        ----------
        path
            A folder for Parquet and CSV, a file for beancount.
        kind
            ``parquet``, ``csv`` or ``beancount``; see ``bunqkit.ledger.export``.
        raw
            Whether CSV leaves every text as it came. Without it a text that a spreadsheet would
            take for a formula gets an apostrophe, as in ``'=1+1``. The other kinds always do.

        Returns
        -------
        Export
            Says what was written, and whether it is complete.
        """
        owner = (self._store.fact("owner") or "nobody").lower().replace(" ", "-")
        # Accounts first: a sync at the same time may only add payments to what they say.
        accounts = self.accounts()
        return export_tables(self.payments(), accounts, path, kind, owner=owner, raw=raw)

    def _versions(self, *, is_all: bool) -> pd.DataFrame:
        """Give every item as it was at one time or another, or as it was known at the instant."""
        rows = self._store.versions(at=self.at, is_all=is_all)
        names = ["operation", "account_id", "id", "type", "seen", "until", "raw"]
        frame = pd.DataFrame([tuple(row) for row in rows], columns=names)
        for name in ("seen", "until"):
            frame[name] = pd.to_datetime(frame[name], utc=True).dt.as_unit("us")
        return frame if is_all else frame.drop(columns="until")

    def _accounts(self) -> list[dict[str, Any]]:
        return self._store.objects(self._store.listing(ACCOUNTS), at=self.at)

    def _main_account(self) -> int:
        """Give the oldest open account. Source: as the SDK chooses."""
        active = [each["id"] for each in self._accounts() if each.get("status") == "ACTIVE"]
        if not active:
            raise UnknownNameError("The ledger knows no open account. Call ledger.sync(bunq).")
        return int(min(active))

    def _listings(self, operation: str, **given: Any) -> list[Listing]:
        """Give the lists of an operation: that of an account, or those of all."""
        known = operation_named(operation)
        account = given.pop("account", None)
        text = json.dumps(given, sort_keys=True)
        if known.name != ACCOUNTS and (known.name, text) not in self._store.followed():
            name = ", ".join([repr(known.name), *(f"{k}={v!r}" for k, v in given.items())])
            raise UnknownNameError(
                f"The ledger does not follow {known.name}. Call ledger.follow({name}), then "
                "ledger.sync(bunq)."
            )
        if not is_of_account(known):
            return [self._store.listing(known.name, 0, text)]
        chosen = [each["id"] for each in self._accounts()] if account is None else [account]
        return [self._store.listing(known.name, each, text) for each in chosen]

    def _pages(
        self, operation: str, *_own_id: object, is_read: bool, **given: Any
    ) -> Iterator[bytes | Rows]:
        del is_read
        for listing in self._listings(operation, **given):
            yield from self._parts(listing)

    def _parts(self, listing: Listing) -> Iterator[bytes | Rows]:
        """Give the items of a list, newest first: as columns where these are kept, else read."""
        below = None
        for low, high in self._store.segments(listing) if self.at is None else ():
            packed = self._store.segment(listing, low)
            if packed is not None:
                yield from self._read(listing, above=high, below=below)
                yield unpack(packed)
                below = low
        yield from self._read(listing, above=None, below=below)

    def _read(
        self, listing: Listing, *, above: int | None, below: int | None
    ) -> Iterator[bytes | Rows]:
        """Read items, and keep the columns of many."""
        reader = EnvelopeReader()
        rows = self._store.items(listing, at=self.at, above=above, below=below)
        while some := list(islice(rows, _SEGMENT)):
            pages = [_body(some[at : at + _PAGE]) for at in range(0, len(some), _PAGE)]
            if len(some) < _SEGMENT or self.at is not None:
                yield from pages
                continue
            ids = (row["id"] for row in some)
            for part in reader.read(pages):
                own = list(islice(ids, len(part[0])))
                if (packed := pack(part)) is not None:
                    self._store.add_segment(listing, own[-1], own[0], packed)
                yield part

    def _fetch(
        self,
        table: str,
        calls: Sequence[tuple[str, Mapping[str, Any]]],
        tabulate: Callable[[Gathered], pd.DataFrame],
        **bounds: Any,
    ) -> pd.DataFrame:
        listings = [each for name, given in calls for each in self._listings(name, **given)]
        return self._tell(super()._fetch(table, calls, tabulate, **bounds), listings)

    def _tell(self, frame: pd.DataFrame, listings: list[Listing]) -> pd.DataFrame:
        """Say in the table whether the ledger has all of it, and up to when."""
        told = frame.attrs[ATTRS]
        if not self._is_complete([self._store.listing(ACCOUNTS), *listings]):
            told |= {"complete": False, "cut_by": told["cut_by"] or "sync"}
        known = [until for each in listings if (until := self._complete_until(each))]
        told["complete_until"] = min(known, default=None)
        return frame

    def _is_complete(self, listings: list[Listing]) -> bool:
        if self.at is None:
            return all(each.is_complete for each in listings)
        return all(self._complete_until(each) for each in listings)

    def _complete_until(self, listing: Listing) -> str | None:
        """Return up to when a list was complete, as it is known or was known at the instant."""
        if self.at is None:
            return listing.complete_until
        return self._store.complete_at(listing, self.at)


def _body(rows: Sequence[sqlite3.Row]) -> bytes:
    """Give items as the body of an answer, which is what columns are made of fastest."""
    entries = (f"{{{json.dumps(row['type'])}:{row['raw']}}}" for row in rows)
    return f'{{"Response":[{",".join(entries)}]}}'.encode()


def _every_day(part: pd.DataFrame, last: pd.Timestamp) -> pd.DataFrame:
    """Carry the balances of an account over the days without payments."""
    days = pd.date_range(part["date"].min(), last, freq="D", name="date", unit="us")
    return part.set_index("date").sort_index().reindex(days, method="ffill").reset_index()
