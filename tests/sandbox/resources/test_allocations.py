"""Money that is sorted as it comes in."""

from __future__ import annotations

from typing import Any

import pytest
from visitors import Visitor, payment, refusal


def eur(value: str) -> dict[str, str]:
    """Give an amount."""
    return {"value": value, "currency": "EUR"}


def iban(visitor: Visitor, account_id: int) -> str:
    """Give the IBAN of an account."""
    path = f"/user/{visitor.session.user_id}/monetary-account/{account_id}"
    value: str = visitor.call("GET", path).item["alias"][0]["value"]
    return value


# Money that is sorted


def sort(visitor: Visitor, kind: str, *parts: dict[str, Any]) -> str:
    """Have the newest payment, and those like it if it recurs, split up; give the rule's path."""
    number = visitor.call("GET", f"{visitor.account}/payment").items[0]["id"]
    to = {"type": "EMAIL", "value": "bravo@bunq.com"}
    definition = [
        {"type": "X", "counterparty_alias": to, "description": "part"} | each for each in parts
    ]
    body = {"payment_id": number, "type": kind, "definition": definition}
    path = f"{visitor.account}/payment-auto-allocate"
    return f"{path}/{visitor.create(path, body)}"


def test_incoming_money_is_sorted(rich: Visitor, friend: Visitor) -> None:
    """The payment at once, and those of the same payer after it, until the rule is deleted."""
    path = sort(rich, "RECURRING", {"fraction": 0.1}, {"amount": eur("5.00")})
    assert rich.balance() == "445.00"
    rich.top_up("100.00")
    assert rich.balance() == "530.00"
    friend.create(f"{friend.account}/payment", payment(rich.email, "100.00"))
    assert rich.balance() == "630.00"
    told = rich.call("GET", path).item
    assert told["payment_latest"]["amount"] == eur("100.00")
    assert told["payment_original"]["amount"] == eur("500.00")
    latest, first = rich.call("GET", f"{path}/instance").items
    parts = [each["amount"]["value"] for each in latest["payment_batch"]["payments"]]
    assert (parts, first["status"]) == (["-10.00", "-5.00"], "SUCCEEDED")
    fractions = [each["fraction"] for each in rich.call("GET", f"{path}/definition").items]
    assert fractions == [0.1, None]
    rich.call("DELETE", path)
    rich.top_up("100.00")
    assert rich.balance() == "730.00"


def test_sorted_money_is_not_sorted_again(rich: Visitor) -> None:
    """Two rules that send all of it to and fro come to rest."""
    path = f"/user/{rich.session.user_id}/monetary-account-bank"
    pot = rich.create(path, {"currency": "EUR"})
    there = {"type": "IBAN", "value": iban(rich, pot), "name": "pot"}
    back = {"type": "EMAIL", "value": rich.email}
    sort(rich, "RECURRING", {"fraction": 1.0, "counterparty_alias": there})
    assert rich.balance() == "0.00"
    account = f"/user/{rich.session.user_id}/monetary-account/{pot}"
    number = rich.call("GET", f"{account}/payment").item["id"]
    rule = {"type": "X", "counterparty_alias": back, "description": "back", "fraction": 1.0}
    body = {"payment_id": number, "type": "RECURRING", "definition": [rule]}
    rich.create(f"{account}/payment-auto-allocate", body)
    assert rich.balance() == "500.00"
    rich.top_up("10.00")
    assert rich.balance() == "500.00"
    assert rich.call("GET", account).item["balance"] == eur("10.00")


def test_sorting_once_and_in_vain(rich: Visitor) -> None:
    """One that is for once sorts nothing later; what can't be paid is told, and nothing moves."""
    sort(rich, "ONCE", {"amount": eur("100.00")})
    rich.top_up("100.00")
    assert rich.balance() == "500.00"
    path = sort(rich, "ONCE", {"amount": eur("999.00")})
    (failed,) = rich.call("GET", f"{path}/instance").items
    assert (failed["status"], failed["payment_batch"]) == ("FAILED", None)
    assert "not sufficient" in failed["error_message"][0]["error_description"]
    assert rich.balance() == "500.00"


@pytest.mark.parametrize(
    "parts",
    [[], [{}], [{"fraction": 0.6}, {"fraction": 0.6}], [{"fraction": 0.5, "amount": eur("1.00")}]],
    ids=repr,
)
def test_wrong_parts_are_refused(rich: Visitor, parts: list[dict[str, Any]]) -> None:
    """None at all, neither or both of amount and fraction, and more than the whole."""
    assert refusal(lambda: sort(rich, "ONCE", *parts))[0] == 400
    assert rich.balance() == "500.00"
