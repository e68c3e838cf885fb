"""Quotes that change one currency into another."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from visitors import Visitor, refusal


def money(value: str, currency: str = "EUR") -> dict[str, str]:
    """Give an amount."""
    return {"value": value, "currency": currency}


def dollars(visitor: Visitor) -> str:
    """Open an account in dollars; give its path."""
    user = f"/user/{visitor.session.user_id}"
    number = visitor.create(f"{user}/monetary-account-bank", {"currency": "USD"})
    return f"{user}/monetary-account/{number}"


def convert(visitor: Visitor, amount: dict[str, str], order: str = "SELL", **more: Any) -> str:
    """Ask for a quote from euro to dollars; give its path."""
    body = {
        "amount": amount,
        "currency_source": "EUR",
        "currency_target": "USD",
        "order_type": order,
        "counterparty_alias": {"type": "EMAIL", "value": visitor.email},
    }
    path = f"{visitor.account}/currency-conversion-quote"
    return f"{path}/{visitor.create(path, body | more)}"


@pytest.mark.parametrize(
    ("order", "amount", "gives", "gets"),
    [
        ("SELL", money("100.00"), "100.00", "108.50"),
        ("BUY", money("100.00", "USD"), "92.17", "100.00"),
    ],
)
def test_quote_moves_money_when_it_is_accepted(
    rich: Visitor, order: str, amount: dict[str, str], gives: str, gets: str
) -> None:
    """Selling says what goes, buying what comes; each side sees its payment and the conversion."""
    target = dollars(rich)
    path = convert(rich, amount, order)
    quote = rich.call("GET", path).item
    assert (quote["status"], quote["rate"]) == ("PENDING", "1.085000")
    assert (quote["amount_source"], quote["amount_target"]) == (money(gives), money(gets, "USD"))
    assert rich.balance() == "500.00"
    rich.call("PUT", path, {"status": "ACCEPTED"})
    assert Decimal(rich.balance()) == 500 - Decimal(gives)
    assert rich.call("GET", target).item["balance"] == money(gets, "USD")
    for account, value in ((rich.account, f"-{gives}"), (target, gets)):
        (told,) = rich.call("GET", f"{account}/currency-conversion").items
        assert told["payment"]["amount"]["value"] == value
        assert told["amount"]["value"] == value.removeprefix("-")
    assert "ACCEPTED" in refusal(lambda: rich.call("PUT", path, {"status": "ACCEPTED"}))[1]


def test_quote_does_not_wait(rich: Visitor) -> None:
    """After five minutes the rate holds no longer; a cancelled quote moves nothing either."""
    dollars(rich)
    old, gone = (convert(rich, money("10.00")) for _ in "12")
    rich.call("PUT", gone, {"status": "CANCELLED"})
    rich.door.bank.clock.advance(seconds=300)
    assert rich.call("GET", old).item["status"] == "EXPIRED"
    for path in (old, gone):
        assert refusal(lambda p=path: rich.call("PUT", p, {"status": "ACCEPTED"}))[0] == 400
    assert rich.balance() == "500.00"


def test_quote_needs_the_money(rich: Visitor) -> None:
    """With too little nothing moves in either currency, and the quote stays."""
    target = dollars(rich)
    path = convert(rich, money("500.01"))
    assert "not sufficient" in refusal(lambda: rich.call("PUT", path, {"status": "ACCEPTED"}))[1]
    assert rich.call("GET", path).item["status"] == "PENDING"
    assert rich.call("GET", target).item["balance"] == money("0.00", "USD")


@pytest.mark.parametrize(
    "wrong",
    [
        {"currency_target": "XXX"},
        {"currency_target": "EUR"},
        {"currency_source": "USD", "currency_target": "EUR"},
        {"order_type": "SWAP"},
        {"amount": money("1.00", "GBP")},
        {"counterparty_alias": {"type": "EMAIL", "value": "bravo@bunq.com"}},
    ],
    ids=repr,
)
def test_wrong_quotes_are_refused(rich: Visitor, wrong: dict[str, Any]) -> None:
    """Currencies that are none, and somebody without an account in the right one."""
    dollars(rich)
    assert refusal(lambda: convert(rich, **({"amount": money("1.00")} | wrong)))[0] == 400


def quote(visitor: Visitor, **amounts: Any) -> str:
    """Ask for a quote to pounds; give its path."""
    path = f"/user/{visitor.session.user_id}/transferwise-quote"
    body = {"currency_source": "EUR", "currency_target": "GBP", **amounts}
    return f"{path}/{visitor.create(path, body)}"
