"""How the bank writes and reads amounts of money."""

from __future__ import annotations

import re
from typing import Any

from bunqkit.sandbox.refusal import refuse

_AMOUNT = re.compile(r"[0-9]{1,13}(\.[0-9]{1,2})?", re.ASCII)


def amount(cents: int, currency: str) -> dict[str, str]:
    """Write whole cents as bunq does: a text with a dot and two decimals."""
    sign = "-" if cents < 0 else ""
    units, rest = divmod(abs(cents), 100)
    return {"currency": currency, "value": f"{sign}{units}.{rest:02d}"}


def cents_of(told: dict[str, Any], currency: str, name: str) -> int:
    """Read an amount that is sent: positive, at most two decimals, in the account's currency.

    Raises
    ------
    Refusal
        In words of our own: no source shows bunq's.
    """
    if told["currency"] != currency:
        raise refuse(
            400,
            f'The currency "{told["currency"]}" of "{name}" is not that of the account, '
            f'"{currency}".',
        )
    if not _AMOUNT.fullmatch(told["value"]):
        raise refuse(400, f'The value of "{name}" is not a valid amount.')
    units, _, rest = told["value"].partition(".")
    cents = int(units) * 100 + int(f"{rest:0<2}")
    if cents == 0:
        raise refuse(400, f'The value of "{name}" must be more than zero.')
    return cents
