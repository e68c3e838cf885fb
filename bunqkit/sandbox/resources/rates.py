"""What a currency is worth here: one fixed table, so that every quote can be checked by hand."""

from __future__ import annotations

from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal

from bunqkit.sandbox.refusal import refuse

CURRENCIES = {
    "EUR": ("Euro", "NL", Decimal(1)),
    "USD": ("US dollar", "US", Decimal("1.0850")),
    "GBP": ("Pound sterling", "GB", Decimal("0.8560")),
    "CHF": ("Swiss franc", "CH", Decimal("0.9440")),
    "SEK": ("Swedish krona", "SE", Decimal("11.2500")),
    "NOK": ("Norwegian krone", "NO", Decimal("11.6200")),
    "DKK": ("Danish krone", "DK", Decimal("7.4600")),
    "PLN": ("Polish zloty", "PL", Decimal("4.2700")),
    "CZK": ("Czech koruna", "CZ", Decimal("25.0500")),
    "AUD": ("Australian dollar", "AU", Decimal("1.6700")),
    "CAD": ("Canadian dollar", "CA", Decimal("1.5600")),
}
"""Name, country, and how much of it a euro buys: all with two decimals on the wire."""

_DIGITS = Decimal("0.000001")


def rate_of(source: str, target: str) -> Decimal:
    """Give how much of the target one unit of the source buys.

    Raises
    ------
    Refusal
        If one of the two is not known, or they are the same.
    """
    for currency in (source, target):
        if currency not in CURRENCIES:
            raise refuse(400, f'Currency "{currency}" is not supported.')
    if source == target:
        raise refuse(400, "The two currencies are the same.")
    return (CURRENCIES[target][2] / CURRENCIES[source][2]).quantize(_DIGITS)


def bought(cents: int, rate: Decimal) -> int:
    """Give how many cents so many cents buy: rounded down."""
    return int((cents * rate).to_integral_value(ROUND_FLOOR))


def cost(cents: int, rate: Decimal) -> int:
    """Give how many cents it takes to buy so many: rounded up."""
    return int((cents / rate).to_integral_value(ROUND_CEILING))
