"""Amounts are exact in each form, or stay as they are written."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from items import payments

from bunqkit.errors import FrameError
from bunqkit.frames.frames import to_frame, to_items


@pytest.mark.parametrize(
    ("amounts", "money", "dtype", "values", "form"),
    [
        (["10.50", "-0.01"], "float", "float64", [10.5, -0.01], "decimals:2"),
        (["10.50", "-0.01"], "cents", "Int64", [1050, -1], "cents:2:2"),
        (["10.50", "-0.01"], "decimal", "object", [Decimal("10.50"), Decimal("-0.01")], "decimal"),
        (["1", "200"], "float", "float64", [1.0, 200.0], "decimals:0"),
        (["1.5", "2.0"], "cents", "Int64", [150, 200], "cents:2:1"),
    ],
)
def test_amounts_take_the_form_that_is_asked_for(
    amounts: list[str], money: Any, dtype: str, values: list[Any], form: str
) -> None:
    """A column of amounts is one of numbers, and attrs say how they were written."""
    items = payments(*amounts)
    frame = to_frame(items, money=money)
    assert frame["amount.value"].dtype == dtype
    assert frame["amount.value"].tolist() == values
    assert frame.attrs["bunqkit"]["wire"]["amount.value"] == form
    assert frame.attrs["bunqkit"]["kept"] == {}
    assert to_items(frame) == items


@pytest.mark.parametrize(
    ("amounts", "money"),
    [
        (["10.5", "10.50"], "float"),
        (["10.5", "10.50"], "cents"),
        (["1234567890123456789.01", "1.00"], "float"),
        (["1234567890123456789.01", "1.00"], "cents"),
        (["-0.00", "1.00"], "cents"),
        (["0.005", "1.000"], "cents"),
    ],
)
def test_amounts_that_a_form_cannot_hold_stay_decimal(amounts: list[str], money: Any) -> None:
    """The whole column is Decimal then, and attrs name it."""
    items = payments(*amounts)
    frame = to_frame(items, money=money)
    assert frame["amount.value"].tolist() == [Decimal(amount) for amount in amounts]
    assert "amount.value" in frame.attrs["bunqkit"]["kept"]
    assert to_items(frame) == items


@pytest.mark.parametrize("amount", ["NaN", "", "1e5", "+1.00", "٣.00"])
def test_amounts_that_are_no_amounts_stay_text(amount: str) -> None:
    """A text that would print differently, or reads like missing, is kept as it is."""
    items = payments(amount, "1.00")
    frame = to_frame(items)
    if amount != "1e5":
        assert frame["amount.value"].tolist() == [amount, "1.00"]
    assert "amount.value" in frame.attrs["bunqkit"]["kept"]
    assert to_items(frame) == items


def test_each_currency_has_its_own_cents() -> None:
    """Yen have no parts, dinars a thousand: cents are the smallest units of the row's currency."""
    items = [
        *payments("1000", currency="JPY"),
        *payments("-10.50"),
        *payments("1.234", currency="KWD"),
    ]
    frame = to_frame(items, money="cents")
    assert frame["amount.value"].tolist() == [1000, -1050, 1234]
    assert to_items(frame) == items
    assert to_frame(items)["amount.value"].tolist() == [1000.0, -10.5, 1.234]
    assert to_items(to_frame(items)) == items
    with pytest.raises(FrameError, match="currency"):
        to_items(frame.drop(columns="amount.currency"))


def test_yen_with_hundredths_that_are_zero_are_yen() -> None:
    """A text with more decimals than the currency has is held if they are zero."""
    items = payments("1000.00", currency="JPY")
    assert to_frame(items, money="cents")["amount.value"].tolist() == [1000]
    assert to_items(to_frame(items, money="cents")) == items


def test_money_has_three_forms() -> None:
    """Another form is refused."""
    with pytest.raises(FrameError, match="'float', 'decimal' or 'cents'"):
        to_frame([], money="euros")  # type: ignore[arg-type]
