"""Savings earn interest by the day."""

from __future__ import annotations

from visitors import Visitor, payment


def user(visitor: Visitor) -> str:
    """Give the path of a person."""
    return f"/user/{visitor.session.user_id}"


def test_savings_earn_interest_by_the_day(rich: Visitor) -> None:
    """Two percent a year on each day's closing balance, paid at noon after the quarter."""
    savings = f"{user(rich)}/monetary-account-savings"
    number = rich.create(savings, {"currency": "EUR"})
    iban = rich.call("GET", f"{savings}/{number}").item["alias"][0]
    rich.door.bank.clock.advance(days=30)
    rich.reopen()
    rich.create(f"{rich.account}/payment", payment("", "365.00") | {"counterparty_alias": iban})
    rich.door.bank.clock.advance(days=60, hours=2)
    rich.reopen()
    path = f"{user(rich)}/monetary-account/{number}/payment"
    assert len(rich.call("GET", path).items) == 1
    rich.door.bank.clock.advance(days=1, hours=1)
    rich.reopen()
    paid = rich.call("GET", path).items[0]
    # 61 days of 2 cents, from the first of May to the end of June.
    assert (paid["amount"]["value"], paid["sub_type"]) == ("1.22", "BILLING")
    assert paid["created"] == "2026-07-01 12:00:00.000000"
