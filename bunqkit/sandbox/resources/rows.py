"""Small tools for the values of a body and the rows of a table."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection
from typing import Any

from bunqkit.sandbox.ledger import BankLedger
from bunqkit.sandbox.refusal import not_found, refuse

ALIASES = ("IBAN", "EMAIL", "PHONE_NUMBER")
"""The kinds of alias by which an account is found."""
_MOST_DIGITS = 18


def find_row(
    ledger: BankLedger, kind: str, number: object, query: str, *values: object
) -> sqlite3.Row:
    """Return the first row of a query; refuse with bunq's "not found" if there is none.

    Parameters
    ----------
    ledger
        The books.
    kind, number
        What the refusal calls the row: ``Payment`` and its id.
    query, values
        The query and what it is bound to.
    """
    row = ledger.row(query, *values)
    if row is None:
        raise not_found(kind, number)
    return row


def read_row(ledger: BankLedger, table: str, number: object) -> sqlite3.Row:
    """Return the row of an id that is known to exist."""
    return ledger.rows(f"SELECT * FROM {table} WHERE id = ?", number)[0]


def read_id(number: object) -> int:
    """Return an id as a number; what is no id becomes 0, which nothing has."""
    text = str(number)
    # SQLite keeps ids in 64 bits, which hold any number of 18 digits.
    return int(text) if text.isascii() and text.isdigit() and len(text) <= _MOST_DIGITS else 0


def without_nulls(values: dict[str, Any]) -> dict[str, Any]:
    """Return the members that are not null."""
    return {name: value for name, value in values.items() if value is not None}


def pick(row: sqlite3.Row, *names: str) -> dict[str, Any]:
    """Return some columns of a row by their names."""
    return {name: row[name] for name in names}


def check_choice(name: str, value: Any, allowed: Collection[str]) -> str:
    """Return the value if it is one of those allowed; refuse in words of our own otherwise."""
    if value not in allowed:
        problem = f'{name} "{value}" is not valid.'
        raise refuse(400, problem)
    return str(value)
