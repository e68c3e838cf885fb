"""The curated tables of one user: accounts, payments, requests, cards, events.

A table has one row for each thing, newest first, in documented columns, and says whether it is
complete. ``Tables`` works with any source of pages: the bank, or a ledger.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date, datetime
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

from bunqkit.catalogue.accounts import choose_account
from bunqkit.catalogue.arguments import check_max_rows
from bunqkit.catalogue.operations import operation as operation_named
from bunqkit.catalogue.values import write_instant
from bunqkit.errors import Interrupted

if TYPE_CHECKING:
    import pandas as pd

    from bunqkit.frames.frames import Gathered
    from bunqkit.frames.json_reader import Rows
    from bunqkit.frames.paging import Page

Instant = str | date | datetime | None
Watch = Callable[[int, int], object]
ListCall = tuple[str, Mapping[str, Any]]
"""The name of an operation that lists, and its arguments."""

# The operations whose lists make a table.
_LISTS = {
    "accounts": ["monetary-account.list"],
    "payments": ["payment.list"],
    "money_requests": ["request-inquiry.list", "request-response.list"],
    "cards": ["card.list"],
    "card_transactions": ["mastercard-action.list"],
    "events": ["event.list"],
    "scheduled_payments": ["schedule-payment.list"],
}
# The rows of the other tables name the accounts that they belong to.
_WITHOUT_ACCOUNTS = ("accounts", "cards")


class PageSource(Protocol):
    """Where the pages of lists come from: the bank, or a ledger."""

    @property
    def shows_progress(self) -> bool:
        """True if reading may take long, so that a progress bar is useful."""

    def raw_pages(self, operation: str, **arguments: Any) -> Iterator[bytes | Page | Rows]:
        """Return the pages of a list, newest first; their items are not parsed yet."""

    def list_accounts(self) -> list[dict[str, Any]]:
        """Return the user's accounts as the bank describes them, without their type names."""

    def mark_completeness(self, frame: pd.DataFrame, calls: Sequence[ListCall]) -> None:
        """Write into ``attrs["bunqkit"]`` of a table what the source knows of its lists."""


class Tables:
    """The curated tables, made of the pages of a source.

    Parameters
    ----------
    source
        The bank, or a ledger.
    """

    def __init__(self, source: PageSource) -> None:
        self._source = source

    def accounts(self) -> pd.DataFrame:
        """Return one row for each account, of any kind.

        Returns
        -------
        DataFrame
            ``id, type, description, iban, balance, balance_cents, currency, status``.
        """
        return self._fetch("accounts")

    def payments(
        self,
        *,
        since: Instant = None,
        until: Instant = None,
        account: int | str | None = None,
        max_rows: int | None = None,
        watch: Watch | None = None,
    ) -> pd.DataFrame:
        """Return one row for each payment, newest first, of all accounts or of one.

        Parameters
        ----------
        since, until
            The first instant that counts, and the first that no longer does. A date without a
            time zone is a day in Amsterdam.
        account
            Id, IBAN or description of one account.
        max_rows
            The largest number of rows; the newest are returned.
        watch
            A function that replaces the progress bar. It is called several times a second with
            the number of pages and rows so far; a ``KeyboardInterrupt`` that it raises stops the
            fetch.

        Returns
        -------
        DataFrame
            ``id, created, account_id, account, amount, amount_cents, currency, counterparty,
            counterparty_iban, description, type, sub_type, balance_after, direction,
            is_own_transfer, reverses``. A transfer between two of your accounts has one row for
            each account. ``attrs["bunqkit"]`` says whether the table is complete or was cut by
            ``max_rows``; ``bunqkit.describe_columns`` explains the columns.

        Raises
        ------
        Interrupted
            If the fetch is stopped; its ``frame`` holds the rows so far.
        """
        return self._fetch(
            "payments", account, since=since, until=until, max_rows=max_rows, watch=watch
        )

    def money_requests(
        self,
        *,
        since: Instant = None,
        until: Instant = None,
        account: int | str | None = None,
        max_rows: int | None = None,
    ) -> pd.DataFrame:
        """Return one row for each request for money, sent or received, newest first.

        Parameters
        ----------
        since, until, account, max_rows
            As for ``payments``.

        Returns
        -------
        DataFrame
            ``id, created, account_id, account, amount, amount_cents, currency, counterparty,
            counterparty_iban, description, status, direction, amount_responded, responded,
            expires``. ``direction`` is ``in`` if you asked for the money.
        """
        return self._fetch("money_requests", account, since=since, until=until, max_rows=max_rows)

    def cards(self) -> pd.DataFrame:
        """Return one row for each card, newest first.

        Returns
        -------
        DataFrame
            ``id, created, type, product, name, second_line, status, expires, account_iban, limit,
            limit_cents, currency, country``.
        """
        return self._fetch("cards")

    def card_transactions(
        self,
        *,
        since: Instant = None,
        until: Instant = None,
        account: int | str | None = None,
        max_rows: int | None = None,
    ) -> pd.DataFrame:
        """Return one row for each card transaction, newest first, with the payment that it became.

        Parameters
        ----------
        since, until, account, max_rows
            As for ``payments``.

        Returns
        -------
        DataFrame
            ``id, created, account_id, account, amount, amount_cents, currency, counterparty, city,
            description, card_id, amount_local, currency_local, decision, status, payment_id``.
            ``payment_id`` is matched by account, amount and time; each payment matches at most
            one row.
        """
        from bunqkit.frames.paging import interrupted
        from bunqkit.frames.tables import MOMENT, link_payments

        frame = self._fetch(
            "card_transactions", account, since=since, until=until, max_rows=max_rows
        )
        if frame["created"].isna().all():
            return frame
        try:
            payments = self.payments(since=frame["created"].min() - MOMENT, account=account)
        except Interrupted as error:
            raise interrupted(link_payments(frame, error.frame)) from error
        return link_payments(frame, payments)

    def events(
        self, *, since: Instant = None, until: Instant = None, max_rows: int | None = None
    ) -> pd.DataFrame:
        """Return one row for each event, newest first.

        Parameters
        ----------
        since, until, max_rows
            As for ``payments``.

        Returns
        -------
        DataFrame
            ``id, created, account_id, account, action, type, object_id, status, description``.
            ``type`` and ``object_id`` name the object of the event: ``Payment`` 7.
        """
        return self._fetch("events", since=since, until=until, max_rows=max_rows)

    def scheduled_payments(self, *, account: int | str | None = None) -> pd.DataFrame:
        """Return one row for each scheduled payment, newest first.

        Parameters
        ----------
        account
            As for ``payments``.

        Returns
        -------
        DataFrame
            ``id, created, account_id, account, amount, amount_cents, currency, counterparty,
            counterparty_iban, description, status, starts, next, ends, every, unit``.
        """
        return self._fetch("scheduled_payments", account)

    def _fetch(self, table: str, account: int | str | None = None, **bounds: Any) -> pd.DataFrame:
        """Return a table of all accounts, or of one."""
        from bunqkit.frames import tables
        from bunqkit.frames.paging import interrupted

        tabulate = getattr(tables, f"tabulate_{table}")
        calls: list[ListCall] = [(name, {}) for name in _LISTS[table]]
        if table not in _WITHOUT_ACCOUNTS:
            try:
                accounts = self._source.list_accounts()
            except KeyboardInterrupt as error:
                raise interrupted(self._read(table, [], tabulate)) from error
            tabulate = partial(tabulate, accounts=accounts)
            chosen = accounts if account is None else [choose_account(accounts, account)]
            if "account" in operation_named(calls[0][0]).ids:
                calls = [(name, {"account": one["id"]}) for one in chosen for name, _ in calls]
        return self._read(table, calls, tabulate, **bounds)

    def _read(
        self,
        table: str,
        calls: Sequence[ListCall],
        tabulate: Callable[[Gathered], pd.DataFrame],
        *,
        since: Instant = None,
        until: Instant = None,
        max_rows: int | None = None,
        watch: Watch | None = None,
    ) -> pd.DataFrame:
        """Read lists, several at once, and return one table of them."""
        from bunqkit.frames.frames import Gathered
        from bunqkit.frames.paging import Reading, fetch
        from bunqkit.frames.tables import wanted_by

        check_max_rows(max_rows)
        first = None if since is None else write_instant(since, "since")
        end = None if until is None else write_instant(until, "until")
        readings = [
            Reading(
                self._source.raw_pages(name, **arguments),
                max_rows=max_rows,
                since=first,
                until=end,
                keep=wanted_by(table),
            )
            for name, arguments in calls
        ]
        accounts = [arguments["account"] for _, arguments in calls if arguments]
        frame = fetch(
            readings,
            Gathered(),
            tabulate,
            about={
                "operation": ", ".join(dict.fromkeys(name for name, _ in calls)),
                "accounts": list(dict.fromkeys(accounts)),
                "since": first,
                "until": end,
            },
            max_rows=max_rows,
            progress=self._source.shows_progress,
            watch=watch,
        )
        self._source.mark_completeness(frame, calls)
        return frame
