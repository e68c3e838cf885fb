"""Amounts as numbers: which form holds a column of texts exactly, and the way back to the texts.

Knows how many decimals each currency has. Source: ISO 4217, list one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any, Literal, get_args

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from bunqkit.errors import FrameError

Money = Literal["float", "decimal", "cents"]
"""The forms of a column of amounts."""

# All others have two decimals.
_UNITS = {
    **dict.fromkeys(
        ("BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "UYI",
         "VND", "VUV", "XAF", "XOF", "XPF"), 0),
    **dict.fromkeys(("BHD", "IQD", "JOD", "KWD", "LYD", "OMN", "TND"), 3),
    **dict.fromkeys(("CLF", "UYW"), 4),
}  # fmt: skip
_BY_CURRENCY = "currency"
# float64 and Int64 print every decimal number of so many digits back.
_DIGITS = {"float": 15, "cents": 18}
# pandas documents __from_arrow__, its stubs don't know it.
_INT64: Any = pd.Int64Dtype()


def minor_units(currency: object) -> int:
    """Return how many decimals a currency has: 2 for EUR, 0 for JPY, 2 for an unknown one."""
    return _UNITS.get(currency, 2) if isinstance(currency, str) else 2


def whole_cents(money: Mapping[str, Any]) -> int | None:
    """Return an amount in the smallest units of its currency.

    Parameters
    ----------
    money
        ``{"value": "10.00", "currency": "EUR"}``.

    Returns
    -------
    int or None
        ``1000``; ``None`` if there is no amount, or it has smaller parts.
    """
    number = exact(str(money.get("value")))
    if number is None:
        return None
    cents = number.scaleb(minor_units(money.get("currency")))
    return int(cents) if cents == cents.to_integral_value() else None


def to_cents(values: pd.Series[Any], currencies: pd.Series[Any]) -> pd.Series[Any]:
    """Return a column of amounts in the smallest units of their currencies.

    Parameters
    ----------
    values
        float64 amounts as tables have them, which stand for their texts exactly.
    currencies
        The currency of each row.

    Returns
    -------
    Series of Int64
    """
    scales = {currency: 10.0 ** minor_units(currency) for currency in currencies.unique()}
    units = currencies.map(scales).astype("float64")
    return (values.astype("float64") * units).round().astype("Int64")


def to_units(cents: pd.Series[Any], currencies: pd.Series[Any]) -> pd.Series[Any]:
    """Return whole cents in units of their currencies, as float64 that prints back exactly."""
    scales = currencies.map(lambda currency: 10.0 ** minor_units(currency))
    return (cents.astype("Float64") / scales.astype("Float64")).astype("float64")


def exact(text: str) -> Decimal | None:
    """Return the number of a text; ``None`` if it is none, or would print differently."""
    try:
        number = Decimal(text)
    except InvalidOperation:
        return None
    return number if number.is_finite() and str(number) == text else None


def check_money(money: str) -> None:
    """Raise FrameError, which names the three forms, if a form is none of them."""
    if money not in get_args(Money):
        raise FrameError(f"money is {money!r}. Make it 'float', 'decimal' or 'cents'.")


def read_amounts(
    texts: pa.ChunkedArray, currencies: Sequence[Any] | pa.ChunkedArray | None, money: Money
) -> tuple[Any, str] | None:
    """Return amounts as numbers, and their form; ``None`` if numbers can't hold them exactly.

    Parameters
    ----------
    texts
        As bunq writes them; at least one is not null.
    currencies
        The currency of each row.
    money
        What to make of them.

    Returns
    -------
    tuple of array and str
        float64 and ``decimals:2``, Int64 and ``cents:2:2`` (decimals of the unit and of the
        text), or Decimals and ``decimal``. The form says ``currency`` in place of a number that
        differs by row.
    """
    if money == "decimal":
        return read_decimals(texts)
    decimals = _common_decimals(texts, _DIGITS[money])
    if decimals is not None and money == "float":
        return texts.cast(pa.float64()).to_numpy(), f"decimals:{decimals}"
    if decimals is not None and not _has_negative_zero(texts):
        units = {minor_units(currency) for currency in _currencies_of(texts, currencies)}
        if len(units) == 1:
            return _cents(texts, units.pop(), decimals)
    return None if currencies is None else _read_by_currency(texts, _values(currencies), money)


def read_decimals(texts: pa.ChunkedArray) -> tuple[Any, str] | None:
    """Return texts as Decimals; ``None`` if one of them, printed, would differ from its text."""
    numbers = [None if text is None else exact(text) for text in texts.to_pylist()]
    if numbers.count(None) > texts.null_count:
        return None
    return pd.Series(numbers, dtype="object"), "decimal"


def write_amounts(values: pd.Series[Any], form: str, currencies: list[Any]) -> list[str | None]:
    """Return the texts of amounts again.

    Parameters
    ----------
    values
        A column of a table.
    form
        How they were written, as :func:`read_amounts` says.
    currencies
        The currency of each row; only needed if the form depends on it.

    Raises
    ------
    FrameError
        If there is no such form.
    """
    kind, *numbers = form.split(":")
    if kind not in ("decimals", "cents") or not numbers:
        raise FrameError(f"Amounts are written as {form!r}, which is no form that is known here.")
    texts: list[str | None] = []
    for value, currency in zip(values, currencies, strict=True):
        if pd.isna(value):
            texts.append(None)
            continue
        unit = decimals = minor_units(currency)
        if numbers[0] != _BY_CURRENCY:
            unit, decimals = int(numbers[0]), int(numbers[-1])
        number = Decimal(int(value)).scaleb(-unit) if kind == "cents" else float(value)
        texts.append(f"{number:.{decimals}f}")
    return texts


def _common_decimals(texts: pa.ChunkedArray, digits: int) -> int | None:
    """Return the number of decimals if all have the same, and no more digits than allowed."""
    first = next(text.as_py() for text in texts if text.is_valid)
    decimals = len(first.partition(".")[2])
    whole = digits - decimals
    if whole < 1:
        return None
    fraction = rf"\.[0-9]{{{decimals}}}" if decimals else ""
    pattern = rf"^-?(?:0|[1-9][0-9]{{0,{whole - 1}}}){fraction}\z"
    return decimals if pc.all(pc.match_substring_regex(texts, pattern)).as_py() else None


def _has_negative_zero(texts: pa.ChunkedArray) -> bool:
    return bool(pc.any(pc.match_substring_regex(texts, r"^-0(\.0*)?\z")).as_py())


def _cents(texts: pa.ChunkedArray, unit: int, decimals: int) -> tuple[Any, str] | None:
    whole = pc.replace_substring(texts, ".", "").cast(pa.int64())
    shift = pa.scalar(10 ** abs(unit - decimals))
    if unit >= decimals:
        try:
            cents = pc.multiply_checked(whole, shift)
        except pa.ArrowInvalid:
            return None
    else:
        cents = pc.divide(whole, shift)
        if not pc.all(pc.equal(pc.multiply(cents, shift), whole)).as_py():
            return None
    return _INT64.__from_arrow__(cents), f"cents:{unit}:{decimals}"


def _read_by_currency(
    texts: pa.ChunkedArray, currencies: Sequence[Any], money: Money
) -> tuple[Any, str] | None:
    """Return texts that each have as many decimals as their currency, as :func:`read_amounts`."""
    numbers: list[Any] = []
    for text, currency in zip(texts.to_pylist(), currencies, strict=True):
        if text is None:
            numbers.append(None)
            continue
        decimals = minor_units(currency)
        number = exact(text)
        if number is None or number.as_tuple().exponent != -decimals:
            return None
        is_negative_zero = number.is_zero() and number.is_signed()
        if len(number.as_tuple().digits) > _DIGITS[money] or (
            money == "cents" and is_negative_zero
        ):
            return None
        numbers.append(int(number.scaleb(decimals)) if money == "cents" else float(number))
    if money == "cents":
        return pd.array(numbers, dtype="Int64"), f"cents:{_BY_CURRENCY}"
    return np.array(numbers, dtype="float64"), f"decimals:{_BY_CURRENCY}"


def _currencies_of(
    texts: pa.ChunkedArray, currencies: Sequence[Any] | pa.ChunkedArray | None
) -> set[Any]:
    """Return the currencies of the rows that have an amount."""
    if currencies is None:
        return {None}
    if isinstance(currencies, pa.ChunkedArray):
        return set(currencies.filter(texts.is_valid()).unique().to_pylist())
    return {currency for currency, text in zip(currencies, texts, strict=True) if text.is_valid}


def _values(currencies: Sequence[Any] | pa.ChunkedArray) -> Sequence[Any]:
    return currencies.to_pylist() if isinstance(currencies, pa.ChunkedArray) else currencies
