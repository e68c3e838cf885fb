"""How the bank writes and reads amounts of money and times."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

from bunqkit.sandbox.refusal import refuse

_AMOUNT = re.compile(r"[0-9]{1,13}(\.[0-9]{1,2})?", re.ASCII)


def write_cents(cents: int, point: str = ".") -> str:
    """Write whole cents as units with two decimals."""
    units, rest = divmod(abs(cents), 100)
    return f"{'-' if cents < 0 else ''}{units}{point}{rest:02d}"


def amount(cents: int, currency: str) -> dict[str, str]:
    """Write whole cents as bunq does: a text with a dot and two decimals."""
    return {"currency": currency, "value": write_cents(cents)}


def read_cents(body: dict[str, Any], name: str, currency: str | None = None) -> int:
    """Read an amount of a body: positive, at most two decimals.

    Parameters
    ----------
    body, name
        The body and the field that holds the amount.
    currency
        The currency that the amount must have; by default any.

    Raises
    ------
    Refusal
        In words of our own: no source shows bunq's.
    """
    money = body[name]
    if currency not in (None, money["currency"]):
        raise refuse(
            400,
            f'The currency "{money["currency"]}" of "{name}" is not that of the account, '
            f'"{currency}".',
        )
    if not _AMOUNT.fullmatch(money["value"]):
        raise refuse(400, f'The value of "{name}" is not a valid amount.')
    units, _, rest = money["value"].partition(".")
    cents = int(units) * 100 + int(f"{rest:0<2}")
    if cents == 0:
        raise refuse(400, f'The value of "{name}" must be more than zero.')
    return cents


def read_moment(name: str, text: str) -> datetime:
    """Read a time that is sent; without a zone it is UTC."""
    try:
        moment = datetime.fromisoformat(text)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (OverflowError, ValueError) as error:
        raise refuse(400, f'The value of "{name}" is not a valid time.') from error
