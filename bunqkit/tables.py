"""The curated tables: short names, one column order, money as a number and in whole cents."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from datetime import timedelta
from typing import Any

import pandas as pd

from bunqkit.headings import CENTS, TABLES, TIME, Heading
from bunqkit.money import exact, whole_cents
from bunqkit.shorthand import find_iban

# Card payments are booked when the shop clears them, mostly within days.
_LONGEST_CLEARING = timedelta(days=30)
_CARD_TYPES = ("MASTERCARD", "FIS")


Wrapped = Iterable[Mapping[str, Mapping[str, Any]]]
Items = Iterable[Mapping[str, Any]]


def tabulate_accounts(wrapped: Wrapped) -> pd.DataFrame:
    """One row an account, of whatever kind.

    Parameters
    ----------
    wrapped
        The accounts, each under its type.

    Returns
    -------
    DataFrame
        ``id, type, description, iban, balance, balance_cents, currency, status``. ``type`` is the
        name that the account came under; ``balance`` is in units of ``currency``.
    """
    rows = []
    for entry in wrapped:
        kind, account = next(iter(entry.items()))
        row = _row("accounts", account)
        row["currency"] = row["currency"] or account.get("currency")
        rows.append({**row, "type": kind, "iban": find_iban(account)})
    return _frame("accounts", rows)


def list_ibans(accounts: Items) -> list[str]:
    """Give the IBANs of accounts that have one.

    Parameters
    ----------
    accounts
        The accounts, bare.
    """
    return [iban for account in accounts if (iban := find_iban(account)) is not None]


def tabulate_payments(
    payments: Items, accounts: Mapping[int, str], own_ibans: Collection[str] = ()
) -> pd.DataFrame:
    """One row a payment, newest first.

    Parameters
    ----------
    payments
        The payments, bare.
    accounts
        Descriptions of the accounts by their ids.
    own_ibans
        The IBANs of these accounts, by which transfers between them are known.

    Returns
    -------
    DataFrame
        ``id, created, account_id, account, amount, amount_cents, currency, counterparty,
        counterparty_iban, description, type, sub_type, balance_after, direction, is_own_transfer,
        reverses``. ``created`` is UTC; ``amount`` is negative for what goes out, in units of
        ``currency``; a sum that must be exact is one of ``amount_cents``. A payment whose
        ``sub_type`` is ``REVERSAL`` reverses the last one before it on the same account, with the
        same other side and the opposite amount.
    """
    own = set(own_ibans)
    rows = []
    for payment in payments:
        row = _row("payments", payment, accounts)
        number = exact(str((payment.get("amount") or {}).get("value")))
        row["direction"] = None if number is None else "out" if number.is_signed() else "in"
        iban = row["counterparty_iban"]
        row["is_own_transfer"] = iban in own if own and iban is not None else None
        rows.append(row)
    _link_reversals(rows)
    return _frame("payments", _newest_first(rows))


def tabulate_money_requests(wrapped: Wrapped, accounts: Mapping[int, str]) -> pd.DataFrame:
    """One row a request for money, made (``RequestInquiry``) or received, newest first.

    Parameters
    ----------
    wrapped
        The requests, each under its type.
    accounts
        Descriptions of the accounts by their ids.
    """
    rows = []
    for entry in wrapped:
        kind, request = next(iter(entry.items()))
        row = _row("money_requests", request, accounts)
        rows.append({**row, "direction": "in" if kind == "RequestInquiry" else "out"})
    return _frame("money_requests", _newest_first(rows))


def tabulate_cards(cards: Items) -> pd.DataFrame:
    """One row a card.

    Parameters
    ----------
    cards
        The cards, bare.
    """
    return _frame("cards", [_row("cards", card) for card in cards])


def tabulate_card_transactions(
    actions: Items, payments: Items, accounts: Mapping[int, str]
) -> pd.DataFrame:
    """One row a card transaction, newest first, with the payment that it became.

    Parameters
    ----------
    actions
        The card actions (``MasterCardAction``), bare; one that comes twice has one row.
    payments
        The payments of the same accounts, bare: each belongs to at most one action, the first
        before it with the same account, amount and currency that has none yet.
    accounts
        Descriptions of the accounts by their ids.
    """
    unique = {action.get("id"): action for action in actions}
    rows = [_row("card_transactions", action, accounts) for action in unique.values()]
    waiting: dict[tuple[Any, ...], list[dict[str, Any]]] = defaultdict(list)
    booked = [_row("payments", each) for each in payments if each.get("type") in _CARD_TYPES]
    for payment in sorted(booked, key=_age):
        waiting[_charge(payment)].append(payment)
    for row in sorted(rows, key=_age):
        candidates = waiting[_charge(row)]
        for at, payment in enumerate(candidates):
            if _fits(row, payment):
                row["payment_id"] = candidates.pop(at)["id"]
                break
    return _frame("card_transactions", _newest_first(rows))


def tabulate_events(events: Items, accounts: Mapping[int, str]) -> pd.DataFrame:
    """One row an event, newest first.

    Parameters
    ----------
    events
        The events, bare.
    accounts
        Descriptions of the accounts by their ids.
    """
    rows = []
    for event in events:
        row = _row("events", event, accounts)
        anchored = event.get("object") or {}
        kind, happened = next(iter(anchored.items()), (None, None))
        row |= {"type": kind, "object_id": None, "description": None}
        if isinstance(happened, Mapping):
            row |= {"object_id": happened.get("id"), "description": happened.get("description")}
        rows.append(row)
    return _frame("events", _newest_first(rows))


def tabulate_scheduled_payments(items: Items, accounts: Mapping[int, str]) -> pd.DataFrame:
    """One row a scheduled payment, newest first.

    Parameters
    ----------
    items
        The scheduled payments, bare.
    accounts
        Descriptions of the accounts by their ids.
    """
    rows = [_row("scheduled_payments", item, accounts) for item in items]
    return _frame("scheduled_payments", _newest_first(rows))


def _row(
    table: str, item: Mapping[str, Any], accounts: Mapping[int, str] | None = None
) -> dict[str, Any]:
    """Give the columns that are fields; those that are worked out are ``None`` yet."""
    row = {name: _value(item, column) for name, column in TABLES[table].items()}
    if accounts is not None:
        row["account"] = accounts.get(row["account_id"])
    return row


def _value(item: Mapping[str, Any], column: Heading) -> Any:
    value: Any = item
    for key in column.source.split("."):
        value = value.get(key) if isinstance(value, Mapping) else None
    if column.unit == CENTS:
        return whole_cents(value) if isinstance(value, Mapping) else None
    if column.dtype == "float64":
        number = exact(str(value.get("value"))) if isinstance(value, Mapping) else None
        return None if number is None else float(number)
    if column.dtype == TIME:
        return None if value is None else pd.Timestamp(value, tz="UTC")
    return value


def _frame(table: str, rows: list[dict[str, Any]]) -> pd.DataFrame:
    columns = TABLES[table].items()
    frame = pd.DataFrame(
        {
            name: pd.Series([row[name] for row in rows], dtype=column.dtype)
            for name, column in columns
        }
    )
    frame.attrs["bunqkit"] = {"table": table, "rows": len(frame)}
    return frame


def _age(row: Mapping[str, Any]) -> tuple[bool, Any, Any]:
    """Sort by time and id; what has no time comes first."""
    created = row["created"]
    return created is not None, created or row["id"], row["id"]


def _newest_first(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return sorted(rows, key=_age, reverse=True)


def _link_reversals(rows: Iterable[dict[str, Any]]) -> None:
    made: dict[tuple[Any, ...], list[Any]] = defaultdict(list)
    for row in sorted(rows, key=_age):
        row["reverses"] = None
        cents = row["amount_cents"]
        if cents is None:
            continue
        side = (row["account_id"], row["currency"], row["counterparty_iban"] or row["counterparty"])
        opposite = made[*side, -cents]
        if row["sub_type"] == "REVERSAL" and opposite:
            row["reverses"] = opposite.pop()
        else:
            made[*side, cents].append(row["id"])


def _charge(row: Mapping[str, Any]) -> tuple[Any, ...]:
    cents = row["amount_cents"]
    # The action's amount bears no sign in some answers; the payment's does.
    return row["account_id"], row["currency"], None if cents is None else abs(cents)


def _fits(action: Mapping[str, Any], payment: Mapping[str, Any]) -> bool:
    if action["amount_cents"] is None or None in (action["created"], payment["created"]):
        return False
    waited = payment["created"] - action["created"]
    return bool(timedelta() <= waited <= _LONGEST_CLEARING)
