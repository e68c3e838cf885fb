"""What a ledger knows now or knew at an instant: tables, balances, SQL, exports."""

from __future__ import annotations

import os
from typing import Any

import pandas as pd

from bunqkit.catalogue.accounts import choose_account
from bunqkit.catalogue.operations import operation as operation_named
from bunqkit.context.parts import PartMethod
from bunqkit.context.tables import Tables
from bunqkit.errors import UnknownNameError
from bunqkit.frames.frames import ATTRS
from bunqkit.frames.money import Money, to_cents
from bunqkit.frames.paging import frame_of_pages
from bunqkit.ledger.export import Export, export_tables
from bunqkit.ledger.sql import run_query
from bunqkit.ledger.store import Store
from bunqkit.ledger.stored_pages import StoredPages
from bunqkit.ledger.sync import is_of_account

_ZONE = "Europe/Amsterdam"
_TABLES = ("accounts", "payments", "money_requests", "cards", "card_transactions", "events")


class Snapshot:
    """What was known at an instant; ``ledger.as_of()`` returns it.

    It has the tables of a context: ``accounts()``, ``payments()``, ``money_requests()``,
    ``cards()``, ``card_transactions()``, ``events()``. They hold what is on this machine, and
    ``attrs["bunqkit"]`` says whether they are complete, and up to when.

    Attributes
    ----------
    at
        The instant, in UTC, as text; ``None`` for now.
    """

    def __init__(self, store: Store, at: str | None = None) -> None:
        self.at = at
        self._store = store
        self._pages = StoredPages(store, at)
        self._tables = Tables(self._pages)

    accounts = PartMethod("_tables", Tables.accounts)
    payments = PartMethod("_tables", Tables.payments)
    money_requests = PartMethod("_tables", Tables.money_requests)
    cards = PartMethod("_tables", Tables.cards)
    card_transactions = PartMethod("_tables", Tables.card_transactions)
    events = PartMethod("_tables", Tables.events)
    scheduled_payments = PartMethod("_tables", Tables.scheduled_payments)

    def frame(
        self,
        /,
        operation: str,
        *,
        account: int | str | None = None,
        money: Money = "float",
        max_rows: int | None = None,
        **given: Any,
    ) -> pd.DataFrame:
        """Return a list as one table, with every field of every item, as ``bunq.frame()`` does.

        Parameters
        ----------
        operation
            The name of an operation that the ledger follows: ``card.list``.
        account
            Id, IBAN or description; the main account if it is left out, ``"all"`` for all.
        money
            Amounts as float64, ``Decimal`` objects, or whole cents; see ``to_frame``.
        max_rows
            The largest number of rows; the newest are returned.
        given
            The ids that the operation is followed with.

        Raises
        ------
        UnknownNameError
            If the ledger does not follow the operation.
        """
        known = operation_named(operation)
        if is_of_account(known) and account != "all":
            given["account"] = self._account_id(account)
        listings = self._pages.listings(known.name, **given)
        frame = frame_of_pages(
            self._pages.pages_of(listings),
            operation=known.name,
            money=money,
            max_rows=max_rows,
            accounts=[listing.account_id for listing in listings if listing.account_id],
            progress=False,
        )
        self._pages.mark(frame, listings)
        return frame

    def balances(self, *, daily: bool = False) -> pd.DataFrame:
        """Return the balance of each account, now or at the end of every day.

        Parameters
        ----------
        daily
            True for one row for each account and day, from the first payment of the account to
            the last day on which any account has one. A day is one in Amsterdam.

        Returns
        -------
        DataFrame
            ``account_id, account, balance, balance_cents, currency``; if it is daily, ``date``
            comes first.
        """
        columns = ["account_id", "account", "balance", "balance_cents", "currency"]
        if not daily:
            accounts = self.accounts()
            return accounts.rename(columns={"id": "account_id", "description": "account"})[columns]
        payments = self.payments()
        attrs = payments.attrs
        days = payments["created"].dt.tz_convert(_ZONE).dt.tz_localize(None).dt.normalize()
        # Payments are sorted newest first, so the first one of a day is its last.
        last = payments.assign(date=days).drop_duplicates(["account_id", "date"])
        parts = [_fill_days(part, days.max()) for _, part in last.groupby("account_id")]
        frame = pd.concat(parts, ignore_index=True) if parts else last
        frame["balance"] = frame["balance_after"]
        frame["balance_cents"] = to_cents(frame["balance_after"], frame["currency"])
        frame = frame[["date", *columns]]
        frame.attrs = attrs
        frame.attrs[ATTRS]["rows"] = len(frame)
        return frame

    def sql(self, query: str) -> pd.DataFrame:
        """Return the result of an SQL query, by DuckDB if it is installed, else by SQLite.

        Parameters
        ----------
        query
            One statement that reads. Its tables are ``accounts``, ``payments``,
            ``money_requests``, ``cards``, ``card_transactions``, ``events``; ``items``: every item
            of every list, with ``raw`` as JSON; ``versions``: these and their earlier versions,
            each true from ``seen`` until ``until``. In DuckDB amounts are DECIMAL and exact.
            SQLite has no decimals, so amounts are texts there; sum the columns of cents. No
            query reads a file, a setting or another database.

        Raises
        ------
        FieldError
            If the query can't be run, reads anything else, takes longer than ten minutes, or
            returns more than 2 GiB.
        """
        return run_query(
            query,
            {
                **{name: getattr(self, name) for name in _TABLES},
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
            Whether CSV leaves every text as it came. Otherwise a text that a spreadsheet would
            take for a formula gets an apostrophe, as in ``'=1+1``. The other kinds never change a
            text.

        Returns
        -------
        Export
            What was written, and whether it is complete.
        """
        owner = (self._store.fact("owner") or "nobody").lower().replace(" ", "-")
        # Accounts first: a sync at the same time may only add payments to what they say.
        accounts = self.accounts()
        return export_tables(self.payments(), accounts, path, kind, owner=owner, raw=raw)

    def _versions(self, *, is_all: bool) -> pd.DataFrame:
        """Return every item as it was known at the instant, or with all earlier versions."""
        rows = self._store.versions(at=self.at, is_all=is_all)
        names = ["operation", "account_id", "id", "type", "seen", "until", "raw"]
        frame = pd.DataFrame([tuple(row) for row in rows], columns=names)
        for name in ("seen", "until"):
            frame[name] = pd.to_datetime(frame[name], utc=True).dt.as_unit("us")
        return frame if is_all else frame.drop(columns="until")

    def _account_id(self, account: int | str | None) -> int:
        """Return the id of an account; without a name, of the oldest open one.

        Source: bunq's SDK chooses it in the same way.
        """
        accounts = self._pages.list_accounts()
        if account is not None:
            return int(choose_account(accounts, account)["id"])
        active = [account["id"] for account in accounts if account.get("status") == "ACTIVE"]
        if not active:
            raise UnknownNameError("The ledger knows no open account. Call ledger.sync(bunq).")
        return int(min(active))


def _fill_days(part: pd.DataFrame, last: pd.Timestamp) -> pd.DataFrame:
    """Return the balances of an account on every day, also on days without payments."""
    days = pd.date_range(part["date"].min(), last, freq="D", name="date", unit="us")
    return part.set_index("date").sort_index().reindex(days, method="ffill").reset_index()
