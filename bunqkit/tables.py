"""The curated tables: short names, one column order, money as a number and in whole cents."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

import pandas as pd

from bunqkit.shorthand import find_iban

_ACCOUNT_DTYPES = {
    "id": "Int64",
    "type": "str",
    "description": "str",
    "iban": "str",
    "balance": "float64",
    "balance_cents": "Int64",
    "currency": "str",
    "status": "str",
}
_PAYMENT_DTYPES = {
    "id": "Int64",
    "created": "datetime64[us, UTC]",
    "account_id": "Int64",
    "account": "str",
    "amount": "float64",
    "amount_cents": "Int64",
    "currency": "str",
    "counterparty": "str",
    "counterparty_iban": "str",
    "description": "str",
    "type": "str",
    "sub_type": "str",
    "balance_after": "float64",
}


def tabulate_accounts(wrapped: Iterable[Mapping[str, Mapping[str, Any]]]) -> pd.DataFrame:
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
        balance = account.get("balance") or {}
        rows.append(
            {
                "id": account.get("id"),
                "type": kind,
                "description": account.get("description"),
                "iban": find_iban(account),
                "balance": _number(balance),
                "balance_cents": whole_cents(balance),
                "currency": balance.get("currency") or account.get("currency"),
                "status": account.get("status"),
            }
        )
    return _frame(rows, _ACCOUNT_DTYPES)


def tabulate_payments(
    payments: Iterable[Mapping[str, Any]], accounts: Mapping[int, str]
) -> pd.DataFrame:
    """One row a payment, newest first.

    Parameters
    ----------
    payments
        The payments, bare.
    accounts
        Descriptions of the accounts by their ids.

    Returns
    -------
    DataFrame
        ``id, created, account_id, account, amount, amount_cents, currency, counterparty,
        counterparty_iban, description, type, sub_type, balance_after``. ``created`` is UTC;
        ``amount`` is negative for what goes out, in units of ``currency``; a sum that must be
        exact is one of ``amount_cents``.
    """
    rows = []
    for payment in payments:
        counterparty = payment.get("counterparty_alias") or {}
        account_id = payment.get("monetary_account_id")
        money = payment.get("amount") or {}
        rows.append(
            {
                "id": payment.get("id"),
                "created": pd.Timestamp(payment["created"], tz="UTC"),
                "account_id": account_id,
                "account": accounts.get(account_id) if account_id is not None else None,
                "amount": _number(money),
                "amount_cents": whole_cents(money),
                "currency": money.get("currency"),
                "counterparty": counterparty.get("display_name"),
                "counterparty_iban": counterparty.get("iban"),
                "description": payment.get("description"),
                "type": payment.get("type"),
                "sub_type": payment.get("sub_type"),
                "balance_after": _number(payment.get("balance_after_mutation") or {}),
            }
        )
    rows.sort(key=lambda row: (row["created"], row["id"]), reverse=True)
    return _frame(rows, _PAYMENT_DTYPES)


def whole_cents(money: Mapping[str, Any]) -> int | None:
    """Give an amount in hundredths; ``None`` if there is none or it has smaller parts."""
    try:
        cents = Decimal(str(money["value"])) * 100
    except (KeyError, InvalidOperation):
        return None
    return int(cents) if cents == cents.to_integral_value() else None


def _number(money: Mapping[str, Any]) -> float | None:
    return None if money.get("value") is None else float(money["value"])


def _frame(rows: list[dict[str, Any]], dtypes: Mapping[str, str]) -> pd.DataFrame:
    return pd.DataFrame(
        {
            name: pd.Series([row[name] for row in rows], dtype=dtype)
            for name, dtype in dtypes.items()
        }
    )
