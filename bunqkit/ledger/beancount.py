"""Payments as a beancount file: every payment, the balance of each month, exact amounts."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pandas as pd

from bunqkit.errors import FrameError
from bunqkit.frames.money import minor_units, to_cents

_CURRENCY = re.compile(r"[A-Z][A-Z0-9]{1,22}")
# bunq's days are Dutch days.
_ZONE = "Europe/Amsterdam"
_ACCOUNTS = ("Income:Unsorted", "Expenses:Unsorted", "Equity:Transfers", "Equity:Opening")


def to_beancount(
    payments: pd.DataFrame, accounts: pd.DataFrame, *, state: str, asserts_balances: bool
) -> str:
    """Return payments and their accounts as the text of a beancount file.

    Accounts are named by their ids, since descriptions change.

    Parameters
    ----------
    payments, accounts
        The tables of a context or a ledger.
    state
        Whether the payments are complete, in words, for a comment.
    asserts_balances
        Whether the file ends with the present balance of each account.

    Raises
    ------
    FrameError
        If a payment or account lacks what beancount needs.
    """
    _check(payments, accounts)
    return "".join(_lines(payments, accounts, state, asserts_balances=asserts_balances))


def _lines(
    payments: pd.DataFrame, accounts: pd.DataFrame, state: str, *, asserts_balances: bool
) -> Iterator[str]:
    yield "; -*- mode: beancount -*-\n"
    yield f"; {len(payments)} payments, {state}\n"
    days = payments["created"].dt.tz_convert(_ZONE).dt.date
    if not len(payments):
        return
    first, last = days.min(), days.max()
    yield from (f"{first} open {name}\n" for name in _ACCOUNTS)
    balances = to_cents(payments["balance_after"], payments["currency"])
    rows = payments.assign(day=days, cents=balances).sort_values(["account_id", "id"])
    owned = accounts.to_dict("records")
    for account in owned:
        yield f"{first} open {_name(account['id'])} {account['currency']}\n"
        yield f"  description: {_quote(account['description'])}\n"
        yield f"  iban: {_quote(account['iban'])}\n" if isinstance(account["iban"], str) else ""
    for _, part in rows.groupby("account_id"):
        yield from _account_lines(part)
    if asserts_balances:
        tomorrow = last + timedelta(days=1)
        for account in owned:
            cents, currency = account["balance_cents"], account["currency"]
            yield _balance(tomorrow, account["id"], cents, currency)


def _check(payments: pd.DataFrame, accounts: pd.DataFrame) -> None:
    """Check what stands outside of quotes: days, ids, amounts, currencies."""
    needed = ["id", "account_id", "created", "amount_cents", "balance_after", "currency"]
    for frame, names in ((payments, needed), (accounts, ["id", "balance_cents", "currency"])):
        for name in names:
            if frame[name].isna().any():
                raise FrameError(f"A row has no {name}, so it can't be written for beancount.")
        for currency in frame["currency"].unique():
            if not _CURRENCY.fullmatch(currency):
                raise FrameError(f"{currency!r} is no currency that beancount can read.")


def _account_lines(part: pd.DataFrame) -> Iterator[str]:
    """Return the payments of one account, and its balance after each month."""
    opening = part.iloc[0]
    before = int(opening["cents"] - opening["amount_cents"])
    if before:
        amount = _amount(before, opening["currency"])
        yield f'\n{opening["day"]} * "Opening balance"\n'
        yield f"  {_name(opening['account_id'])}  {amount}\n  Equity:Opening\n"
    yield from map(_payment, part.to_dict("records"))
    months = pd.to_datetime(part["day"]).dt.to_period("M")
    for last in part.groupby(months).tail(1).to_dict("records"):
        next_month = (last["day"].replace(day=1) + timedelta(days=31)).replace(day=1)
        yield _balance(next_month, last["account_id"], last["cents"], last["currency"])


def _payment(payment: dict[Any, Any]) -> str:
    other = "Income:Unsorted" if payment["amount_cents"] > 0 else "Expenses:Unsorted"
    if payment["is_own_transfer"] is True:
        other = "Equity:Transfers"
    payee, narration = _quote(payment["counterparty"]), _quote(payment["description"])
    amount = _amount(payment["amount_cents"], payment["currency"])
    return (
        f"\n{payment['day']} * {payee} {narration} ^bunq-{payment['id']}\n"
        f"  bunq-id: {_quote(str(payment['id']))}\n"
        f"  {_name(payment['account_id'])}  {amount}\n"
        f"  {other}\n"
    )


def _balance(day: date, account_id: int, cents: int, currency: str) -> str:
    """Return the assertion of an exact balance at the start of a day."""
    number, _, unit = _amount(cents, currency).partition(" ")
    return f"\n{day} balance {_name(account_id)}  {number} ~ 0 {unit}\n"


def _name(account_id: int) -> str:
    return f"Assets:Bunq:{account_id}"


def _amount(cents: int, currency: str) -> str:
    return f"{Decimal(int(cents)).scaleb(-minor_units(currency)):f} {currency}"


def _quote(text: object) -> str:
    """Return a text in quotes, on one line; a missing one is empty."""
    line = re.sub(r"[\x00-\x1f\x7f]+", " ", text) if isinstance(text, str) else ""
    return '"' + line.replace("\\", "\\\\").replace('"', '\\"') + '"'
