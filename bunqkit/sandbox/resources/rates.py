"""What a currency is worth here: one fixed table, so that every quote can be checked by hand."""

from __future__ import annotations

from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal

from bunqkit.sandbox.refusal import refuse
from bunqkit.sandbox.resources.facts import facts

_DIGITS = Decimal("0.000001")


def rate_of(source: str, target: str) -> Decimal:
    """Return how much of the target one unit of the source buys.

    Raises
    ------
    Refusal
        If one of the two is not known, or they are the same.
    """
    for currency in (source, target):
        if currency not in facts("currencies"):
            raise refuse(400, f'Currency "{currency}" is not supported.')
    if source == target:
        raise refuse(400, "The two currencies are the same.")
    one, other = (Decimal(facts("currencies")[currency][2]) for currency in (source, target))
    return (other / one).quantize(_DIGITS)


def bought(cents: int, rate: Decimal) -> int:
    """Return how many cents so many cents buy: rounded down."""
    return int((cents * rate).to_integral_value(ROUND_FLOOR))


def cost(cents: int, rate: Decimal) -> int:
    """Return how many cents it takes to buy so many: rounded up."""
    return int((cents / rate).to_integral_value(ROUND_CEILING))
