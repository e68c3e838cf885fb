"""The tables of one user: accounts, payments, requests, cards, events.

Each is one row a thing, newest first, in documented columns, and says whether it is complete. Where
the pages come from is for others to say: a bank, or a ledger.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from bunqkit.catalogue.accounts import choose_account
from bunqkit.catalogue.arguments import check_max_rows
from bunqkit.catalogue.values import write_instant
from bunqkit.errors import Interrupted

if TYPE_CHECKING:
    import pandas as pd

    from bunqkit.frames.frames import Gathered
    from bunqkit.frames.json_reader import Rows
    from bunqkit.frames.paging import Page

Instant = str | date | datetime | None
Accounts = Sequence[Mapping[str, Any]]


class Overview(ABC):
    """Whoever has pages of lists has the curated tables at hand."""

    # Whether a bar is shown, and a line said, when it takes long.
    _is_watched = True

    @abstractmethod
    def _pages(
        self, operation: str, *own_id: object, is_read: bool, **given: Any
    ) -> Iterator[bytes | Page | Rows]:
        """Give the pages of a list, newest first; whoever takes them unread reads them himself."""

    @abstractmethod
    def _accounts(self) -> list[dict[str, Any]]:
        """Give the user's accounts, bare."""

    def accounts(self) -> pd.DataFrame:
        """One row an account, of whatever kind.

        Returns
        -------
        DataFrame
            ``id, type, description, iban, balance, balance_cents, currency, status``.
        """
        from bunqkit.frames.tables import tabulate_accounts  # noqa: PLC0415 (pandas when first used)

        return self._fetch("accounts", [("monetary-account.list", {})], tabulate_accounts)

    def payments(
        self,
        *,
        since: Instant = None,
        until: Instant = None,
        account: int | str | None = None,
        max_rows: int | None = None,
        watch: Callable[[int, int], object] | None = None,
    ) -> pd.DataFrame:
        """One row a payment, newest first, of all accounts or one.

        Parameters
        ----------
        since, until
            From ``since`` on and before ``until``; a date without zone is a day in Amsterdam.
        account
            Id, IBAN or description of one account.
        max_rows
            At most so many, the newest.
        watch
            Is told several times a second how many pages and rows have come, in place of a
            progress bar; a ``KeyboardInterrupt`` that it raises stops the fetch.

        Returns
        -------
        DataFrame
            ``id, created, account_id, account, amount, amount_cents, currency, counterparty,
            counterparty_iban, description, type, sub_type, balance_after, direction,
            is_own_transfer, reverses``. A transfer between two of your accounts has a row for
            each. ``attrs["bunqkit"]`` says whether the table is complete, or cut by ``max_rows``;
            ``bunqkit.describe_columns`` says what each column means.

        Raises
        ------
        Interrupted
            If it is stopped; its ``frame`` holds what has come.
        """
        from bunqkit.frames.tables import tabulate_payments  # noqa: PLC0415 (pandas when first used)

        return self._fetch_of_accounts(
            "payments",
            ["payment.list"],
            tabulate_payments,
            account,
            since=since,
            until=until,
            max_rows=max_rows,
            watch=watch,
        )

    def money_requests(
        self,
        *,
        since: Instant = None,
        until: Instant = None,
        account: int | str | None = None,
        max_rows: int | None = None,
    ) -> pd.DataFrame:
        """One row a request for money, yours and those of others to you, newest first.

        Parameters
        ----------
        since, until, account, max_rows
            As for ``payments``.

        Returns
        -------
        DataFrame
            ``id, created, account_id, account, amount, amount_cents, currency, counterparty,
            counterparty_iban, description, status, direction, amount_responded, responded,
            expires``. ``direction`` is ``in`` for what you asked for.
        """
        from bunqkit.frames.tables import tabulate_money_requests  # noqa: PLC0415 (pandas, too)

        return self._fetch_of_accounts(
            "money_requests",
            ["request-inquiry.list", "request-response.list"],
            tabulate_money_requests,
            account,
            since=since,
            until=until,
            max_rows=max_rows,
        )

    def cards(self) -> pd.DataFrame:
        """One row a card, newest first.

        Returns
        -------
        DataFrame
            ``id, created, type, product, name, second_line, status, expires, account_iban, limit,
            limit_cents, currency, country``.
        """
        from bunqkit.frames.tables import tabulate_cards  # noqa: PLC0415 (pandas when first used)

        return self._fetch("cards", [("card.list", {})], tabulate_cards)

    def card_transactions(
        self,
        *,
        since: Instant = None,
        until: Instant = None,
        account: int | str | None = None,
        max_rows: int | None = None,
    ) -> pd.DataFrame:
        """One row a card transaction, newest first, with the payment that it became.

        Parameters
        ----------
        since, until, account, max_rows
            As for ``payments``.

        Returns
        -------
        DataFrame
            ``id, created, account_id, account, amount, amount_cents, currency, counterparty, city,
            description, card_id, amount_local, currency_local, decision, status, payment_id``.
            ``payment_id`` is found by account, amount and time, and stands in one row at most.
        """
        from bunqkit.frames.paging import interrupted  # noqa: PLC0415 (pandas when first used)
        from bunqkit.frames.tables import MOMENT, link_payments, tabulate_card_transactions  # noqa: PLC0415

        frame = self._fetch_of_accounts(
            "card_transactions",
            ["mastercard-action.list"],
            tabulate_card_transactions,
            account,
            since=since,
            until=until,
            max_rows=max_rows,
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
        """One row an event: what happened, newest first.

        Parameters
        ----------
        since, until, max_rows
            As for ``payments``.

        Returns
        -------
        DataFrame
            ``id, created, account_id, account, action, type, object_id, status, description``.
            ``type`` and ``object_id`` say to what it happened: ``Payment`` 7.
        """
        from bunqkit.frames.tables import tabulate_events  # noqa: PLC0415 (pandas when first used)

        known = self._know_accounts("events", tabulate_events)
        return self._fetch(
            "events",
            [("event.list", {})],
            lambda events: tabulate_events(events, known),
            since=since,
            until=until,
            max_rows=max_rows,
        )

    def scheduled_payments(self, *, account: int | str | None = None) -> pd.DataFrame:
        """One row a scheduled payment, newest first.

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
        from bunqkit.frames.tables import tabulate_scheduled_payments  # noqa: PLC0415 (pandas, too)

        return self._fetch_of_accounts(
            "scheduled_payments", ["schedule-payment.list"], tabulate_scheduled_payments, account
        )

    def _fetch_of_accounts(
        self,
        table: str,
        operations: Sequence[str],
        tabulate: Callable[[Gathered, Accounts], pd.DataFrame],
        account: int | str | None,
        **bounds: Any,
    ) -> pd.DataFrame:
        """Fetch lists of all accounts, or of one."""
        known = self._know_accounts(table, tabulate)
        chosen = known if account is None else [choose_account(known, account)]
        return self._fetch(
            table,
            [(name, {"account": one["id"]}) for one in chosen for name in operations],
            lambda gathered: tabulate(gathered, known),
            **bounds,
        )

    def _fetch(
        self,
        table: str,
        calls: Sequence[tuple[str, Mapping[str, Any]]],
        tabulate: Callable[[Gathered], pd.DataFrame],
        *,
        since: Instant = None,
        until: Instant = None,
        max_rows: int | None = None,
        watch: Callable[[int, int], object] | None = None,
    ) -> pd.DataFrame:
        """Fetch lists, several at once, and make one table of them."""
        from bunqkit.frames.frames import Gathered  # noqa: PLC0415 (pandas when first used)
        from bunqkit.frames.paging import Reading, fetch  # noqa: PLC0415
        from bunqkit.frames.tables import wanted_by  # noqa: PLC0415

        check_max_rows(max_rows)
        first = None if since is None else write_instant(since, "since")
        end = None if until is None else write_instant(until, "until")
        readings = [
            Reading(
                self._pages(name, is_read=False, **given),
                max_rows=max_rows,
                since=first,
                until=end,
                keep=wanted_by(table),
            )
            for name, given in calls
        ]
        about = {
            "operation": ", ".join(dict.fromkeys(name for name, _ in calls)),
            "accounts": list(dict.fromkeys(each["account"] for _, each in calls if each)),
            "since": first,
            "until": end,
        }
        return fetch(
            readings,
            Gathered(),
            tabulate,
            about=about,
            max_rows=max_rows,
            progress=self._is_watched,
            watch=watch,
        )

    def _know_accounts(
        self, table: str, tabulate: Callable[[Gathered, Accounts], pd.DataFrame]
    ) -> Accounts:
        """Fetch the accounts that a table needs; if that is stopped, nothing of it has come."""
        from bunqkit.frames.paging import interrupted  # noqa: PLC0415 (pandas when first used)

        try:
            return self._accounts()
        except KeyboardInterrupt as error:
            empty = self._fetch(table, [], lambda gathered: tabulate(gathered, []))
            raise interrupted(empty) from error
