"""Tables of what a ledger holds, as it is known now or was known at an instant.

They are made by the functions that make the live ones, from the same items, so they are the same.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator
from datetime import date, datetime
from itertools import islice
from typing import Any

import pandas as pd

from bunqkit.catalogue import operation as operation_named
from bunqkit.errors import FieldError, UnknownNameError
from bunqkit.exports import Export, export_tables
from bunqkit.frames import ATTRS
from bunqkit.money import Money, to_cents
from bunqkit.paging import frame_of_pages
from bunqkit.queries import run_query
from bunqkit.shorthand import choose_account, write_instant
from bunqkit.store import Listing, Store
from bunqkit.syncing import ACCOUNTS, EVENTS, is_of_account
from bunqkit.tables import (
    list_ibans,
    tabulate_accounts,
    tabulate_card_transactions,
    tabulate_cards,
    tabulate_events,
    tabulate_money_requests,
    tabulate_payments,
)

PAYMENTS = "payment.list"
ACTIONS = "mastercard-action.list"
CARDS = "card.list"
REQUESTS = ("request-inquiry.list", "request-response.list")
_ZONE = "Europe/Amsterdam"
_PAGE = 1000

Instant = str | date | datetime


class Books:
    """What was known at an instant; made by ``ledger.as_of()``.

    Attributes
    ----------
    at
        The instant, in UTC, as text; ``None`` for now.
    """

    def __init__(self, store: Store, at: str | None = None) -> None:
        self._store = store
        self.at = at

    def accounts(self) -> pd.DataFrame:
        """One row an account, as ``bunq.accounts()`` gives it."""
        frame = tabulate_accounts(self._wrapped([self._store.listing(ACCOUNTS)]))
        return self._tell(frame, ACCOUNTS, [self._store.listing(ACCOUNTS)])

    def payments(
        self,
        *,
        since: Instant | None = None,
        until: Instant | None = None,
        account: int | str | None = None,
        max_rows: int | None = None,
    ) -> pd.DataFrame:
        """One row a payment, newest first, of all accounts or one, as ``bunq.payments()``.

        Parameters
        ----------
        since, until
            From ``since`` on and before ``until``; a date without zone is a day in Amsterdam.
        account
            Id, IBAN or description of one account.
        max_rows
            At most so many, the newest.

        Returns
        -------
        DataFrame
            ``attrs["bunqkit"]`` says whether it is complete, and up to when.
        """
        if max_rows is not None and max_rows < 0:
            raise FieldError(f"max_rows is {max_rows}. Make it 0 or more, or leave it out.")
        first = None if since is None else write_instant(since, "since")
        end = None if until is None else write_instant(until, "until")
        known = self._accounts()
        listings = self._listings(PAYMENTS, account)
        # One more than is wanted tells whether there are more.
        limit = None if max_rows is None else max_rows + 1
        payments = self._items(listings, since=first, until=end, limit=limit)
        frame = tabulate_payments(payments, _descriptions(known), own_ibans=list_ibans(known))
        is_cut = max_rows is not None and len(frame) > max_rows
        frame = frame.head(len(frame) if max_rows is None else max_rows)
        told = self._tell(frame, PAYMENTS, listings, cut_by="max_rows" if is_cut else None)
        told.attrs[ATTRS] |= {"since": first, "until": end}
        return told

    def money_requests(self) -> pd.DataFrame:
        """One row a request for money, made or received, newest first."""
        listings = [each for name in REQUESTS for each in self._listings(name)]
        frame = tabulate_money_requests(self._wrapped(listings), _descriptions(self._accounts()))
        return self._tell(frame, REQUESTS[0], listings)

    def cards(self) -> pd.DataFrame:
        """One row a card."""
        listings = self._listings(CARDS)
        return self._tell(tabulate_cards(self._items(listings)), CARDS, listings)

    def card_transactions(self) -> pd.DataFrame:
        """One row a card transaction, newest first, with the payment that it became."""
        listings = self._listings(ACTIONS)
        frame = tabulate_card_transactions(
            self._items(listings),
            self._items(self._listings(PAYMENTS)),
            _descriptions(self._accounts()),
        )
        return self._tell(frame, ACTIONS, listings)

    def events(self) -> pd.DataFrame:
        """One row an event, newest first."""
        listings = self._listings(EVENTS)
        frame = tabulate_events(self._items(listings), _descriptions(self._accounts()))
        return self._tell(frame, EVENTS, listings)

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
        listings = self._listings(known.name, None if account == "all" else account, **given)
        limit = None if max_rows is None else max_rows + 1
        frame = frame_of_pages(
            (page for listing in listings for page in self._pages(listing, limit)),
            operation=known.name,
            money=money,
            max_rows=max_rows,
            progress=False,
        )
        return self._tell(frame, known.name, listings, cut_by=frame.attrs[ATTRS]["cut_by"])

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
            ``card_transactions``, ``events``, and ``items``: every item of every list, ``raw`` as
            JSON. In DuckDB amounts are DECIMAL and stay exact; SQLite has none, so there they are
            texts, and sums go by the columns of cents. Nothing that is written is kept.

        Raises
        ------
        FieldError
            If the query can't be run.
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
                "items": self._all_items,
            },
        )

    def export(self, path: str | os.PathLike[str], kind: str) -> Export:
        """Write all payments and accounts for another program: Parquet, CSV or beancount.

        Parameters
        ----------
        path
            A folder for Parquet and CSV, a file for beancount.
        kind
            ``parquet``, ``csv`` or ``beancount``; see ``bunqkit.exports``.

        Returns
        -------
        Export
            Says what was written, and whether it is complete.
        """
        owner = (self._store.fact("owner") or "nobody").lower().replace(" ", "-")
        # Accounts first: a sync at the same time may only add payments to what they say.
        accounts = self.accounts()
        return export_tables(self.payments(), accounts, path, kind, owner=owner)

    def _all_items(self) -> pd.DataFrame:
        rows = [
            (listing.operation, listing.account_id, row["id"], row["type"], row["raw"])
            for listing in self._store.listings()
            for row in self._store.items(listing, at=self.at)
        ]
        names = ["operation", "account_id", "id", "type", "raw"]
        return pd.DataFrame(rows, columns=names)

    def _accounts(self) -> list[dict[str, Any]]:
        return list(self._items([self._store.listing(ACCOUNTS)]))

    def _main_account(self) -> int:
        """Give the oldest open account. Source: as the SDK chooses."""
        active = [each["id"] for each in self._accounts() if each.get("status") == "ACTIVE"]
        if not active:
            raise UnknownNameError("The ledger knows no open account. Call ledger.sync(bunq).")
        return int(min(active))

    def _listings(
        self, operation: str, account: int | str | None = None, **given: Any
    ) -> list[Listing]:
        """Give the lists of an operation, in the order of the accounts."""
        known = operation_named(operation)
        text = json.dumps(given, sort_keys=True)
        if known.name != ACCOUNTS and (known.name, text) not in self._store.followed():
            name = ", ".join([repr(known.name), *(f"{k}={v!r}" for k, v in given.items())])
            raise UnknownNameError(
                f"The ledger does not follow {known.name}. Call ledger.follow({name}), then "
                "ledger.sync(bunq)."
            )
        if not is_of_account(known):
            return [self._store.listing(known.name, 0, text)]
        accounts = self._accounts()
        chosen = accounts if account is None else [choose_account(accounts, account)]
        return [self._store.listing(known.name, each["id"], text) for each in chosen]

    def _items(self, listings: Iterable[Listing], **bounds: Any) -> Iterator[dict[str, Any]]:
        for listing in listings:
            for row in self._store.items(listing, at=self.at, **bounds):
                yield json.loads(row["raw"])

    def _wrapped(self, listings: Iterable[Listing]) -> Iterator[dict[str, dict[str, Any]]]:
        for listing in listings:
            for row in self._store.items(listing, at=self.at):
                yield {row["type"]: json.loads(row["raw"])}

    def _pages(self, listing: Listing, limit: int | None) -> Iterator[bytes]:
        """Give items as the bodies of answers, which is what tables are made of fastest."""
        rows = self._store.items(listing, at=self.at, limit=limit)
        while some := list(islice(rows, _PAGE)):
            entries = (f"{{{json.dumps(row['type'])}:{row['raw']}}}" for row in some)
            yield f'{{"Response":[{",".join(entries)}]}}'.encode()

    def _tell(
        self,
        frame: pd.DataFrame,
        operation: str,
        listings: list[Listing],
        *,
        cut_by: str | None = None,
    ) -> pd.DataFrame:
        """Say in the table whether it is complete, and up to when."""
        is_whole = self._is_complete([self._store.listing(ACCOUNTS), *listings])
        cut_by = cut_by or (None if is_whole else "sync")
        known = [each.complete_until for each in listings if each.complete_until]
        frame.attrs[ATTRS] = {
            **frame.attrs.get(ATTRS, {}),
            "operation": operation,
            "accounts": [each.account_id for each in listings if each.account_id],
            "rows": len(frame),
            "complete": cut_by is None,
            "cut_by": cut_by,
            "complete_until": self.at or min(known, default=None),
        }
        return frame

    def _is_complete(self, listings: list[Listing]) -> bool:
        if self.at is None:
            return all(each.is_complete for each in listings)
        return all(self._store.was_complete(each, self.at) for each in listings)


def _descriptions(accounts: Iterable[dict[str, Any]]) -> dict[int, str]:
    return {each["id"]: str(each.get("description")) for each in accounts}


def _every_day(part: pd.DataFrame, last: pd.Timestamp) -> pd.DataFrame:
    """Carry the balances of an account over the days without payments."""
    days = pd.date_range(part["date"].min(), last, freq="D", name="date", unit="us")
    return part.set_index("date").sort_index().reindex(days, method="ffill").reset_index()
