"""What people write becomes what bunq wants, or is refused with a word on how to write it."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, strategies as st

from bunqkit.catalogue.values import write_amount, write_instant, write_pointer
from bunqkit.errors import FieldError
from bunqkit.sandbox.ledger import is_iban, make_iban


@pytest.mark.parametrize(
    ("amount", "value"),
    [("10.00", "10.00"), ("10", "10.00"), ("0.1", "0.10"), (5, "5.00"), (Decimal("2.50"), "2.50")],
)
def test_amounts(amount: Any, value: str) -> None:
    """Text, whole numbers and Decimal, written with two decimals."""
    assert write_amount(amount, "EUR") == {"value": value, "currency": "EUR"}


@given(st.decimals("0.01", "9999999999999.99", places=2))
def test_amounts_are_never_rounded(amount: Decimal) -> None:
    """What is written is the number that was given."""
    assert Decimal(write_amount(amount, "EUR")["value"]) == amount


@pytest.mark.parametrize(
    "amount",
    [1.5, "1,50", "", "ten", "0", "-1", "0.001", Decimal("NaN"), Decimal("Infinity"), True, None],
)
def test_amounts_that_cannot_be(amount: Any) -> None:
    """Floats, commas, zero, signs, parts of a cent: refused, never rounded."""
    with pytest.raises(FieldError, match="The amount is"):
        write_amount(amount, "EUR")


@pytest.mark.parametrize(
    ("to", "name", "pointer"),
    [
        ("a.b+c@example.org", None, {"type": "EMAIL", "value": "a.b+c@example.org"}),
        ("+31 6 1234-5678", "J", {"type": "PHONE_NUMBER", "value": "+31612345678", "name": "J"}),
        (
            "nl91 abna 0417 1643 00",
            "J",
            {"type": "IBAN", "value": "NL91ABNA0417164300", "name": "J"},
        ),
        ({"type": "EMAIL", "value": "x"}, None, {"type": "EMAIL", "value": "x"}),
    ],
)
def test_counterparties(to: Any, name: str | None, pointer: dict[str, str]) -> None:
    """E-mail address, phone number, IBAN, or bunq's own form."""
    assert write_pointer(to, name) == pointer


@pytest.mark.parametrize("to", ["", "bravo", "0612345678", "NL91", "a@b", "@", "NL91ABNA041716430"])
def test_counterparties_that_cannot_be(to: str) -> None:
    """What is none of the three is refused; so is an IBAN with a letter missing."""
    with pytest.raises(FieldError):
        write_pointer(to, "Name")


@given(st.sampled_from(["BUNQ", "ABNA", "INGB"]), st.integers(0, 9_999_999_999))
def test_check_digits_agree_between_the_two_sides(bank: str, number: int) -> None:
    """Client and bank count check digits each for itself, and come to the same."""
    iban = make_iban(bank, number)
    assert is_iban(iban)
    assert write_pointer(iban, "J")["value"] == iban
    typo = iban[:-1] + str((int(iban[-1]) + 1) % 10)
    assert not is_iban(typo)
    with pytest.raises(FieldError, match="check digits"):
        write_pointer(typo, "J")


@pytest.mark.parametrize(
    ("told", "written"),
    [
        ("2026-01-31", "2026-01-30 23:00:00.000000"),
        ("2026-07-31", "2026-07-30 22:00:00.000000"),
        (date(2026, 1, 31), "2026-01-30 23:00:00.000000"),
        ("2026-01-31T12:00", "2026-01-31 11:00:00.000000"),
        ("2026-01-31T12:00:00+00:00", "2026-01-31 12:00:00.000000"),
        (datetime(2026, 1, 31, 12, tzinfo=UTC), "2026-01-31 12:00:00.000000"),
        (
            datetime(2026, 1, 31, 12, tzinfo=timezone(timedelta(hours=5))),
            "2026-01-31 07:00:00.000000",
        ),
    ],
)
def test_instants(told: Any, written: str) -> None:
    """A date is a day in Amsterdam, winter and summer; a zone that is given is kept to."""
    assert write_instant(told, "since") == written


def test_what_is_no_date_is_named() -> None:
    """The message says which of the arguments it is."""
    with pytest.raises(FieldError, match="until is 'soon'"):
        write_instant("soon", "until")
    with pytest.raises(FieldError, match="since is 5"):
        write_instant(5, "since")  # type: ignore[arg-type]
