"""Categories of payments, and their sums."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from visitors import Door, Visitor, payment, refusal

from bunqkit.sandbox.refusal import Refusal
from bunqkit.security.signing import KeyPair


@pytest.fixture
def demo(door: Door, key: KeyPair) -> Visitor:
    """Give the demo person."""
    return Visitor(door, key, door.bank.demo_key)


def user(visitor: Visitor) -> str:
    """Give the path of a person."""
    return f"/user/{visitor.session.user_id}"


MARCH = "time_start=2026-03-01&time_end=2026-04-01"


def payments(visitor: Visitor, months: str = "2026-03") -> list[dict[str, Any]]:
    """Give the payments of all accounts in a month."""
    rows: list[dict[str, Any]] = []
    for account in visitor.call("GET", f"{user(visitor)}/monetary-account").items:
        path = f"{user(visitor)}/monetary-account/{account['id']}/payment?count=200"
        rows += [p for p in visitor.call("GET", path).items if p["created"].startswith(months)]
    return rows


# Insights


def test_insights_agree_with_the_ledger(demo: Visitor) -> None:
    """The sums and numbers of all categories are those of all payments, to the cent."""
    told = demo.call("GET", f"{user(demo)}/insights?{MARCH}").items
    paid = payments(demo)
    assert sum(each["number_of_transactions"] for each in told) == len(paid) > 20
    assert sum(Decimal(each["amount_total"]["value"]) for each in told) == sum(
        Decimal(each["amount"]["value"]) for each in paid
    )
    by_name = {each["category"]: each for each in told}
    assert {"GROCERIES", "BILLS", "INCOME", "SAVINGS", "FRIENDS"} <= by_name.keys()
    assert by_name["SAVINGS"]["amount_total"]["value"] == "0.00"
    shops = [p for p in paid if "Buurtsuper" in p["description"] or "hal West" in p["description"]]
    assert by_name["GROCERIES"]["number_of_transactions"] >= len(shops) > 0


def test_insights_are_of_this_month_unless_asked(rich: Visitor) -> None:
    """Without a time it is the current month's, and an empty one is empty."""
    (told,) = rich.call("GET", f"{user(rich)}/insights").items
    assert (told["category"], told["amount_total"]["value"]) == ("FRIENDS", "500.00")
    assert rich.call("GET", f"{user(rich)}/insights?{MARCH}").items == []
    wrong = f"{user(rich)}/insights?time_start=yesterday"
    assert refusal(lambda: rich.call("GET", wrong))[0] == 400


def test_search_finds_the_events_of_a_category(demo: Visitor) -> None:
    """Paged like any list; the events' payments add up to the category's sum."""
    (groceries,) = [
        each
        for each in demo.call("GET", f"{user(demo)}/insights?{MARCH}").items
        if each["category"] == "GROCERIES"
    ]
    path = f"{user(demo)}/insights-search?{MARCH}&category=GROCERIES&count=200"
    paid = [each["object"]["Payment"]["amount"]["value"] for each in demo.call("GET", path).items]
    assert len(paid) == groceries["number_of_transactions"]
    assert f"{sum(map(Decimal, paid))}" == groceries["amount_total"]["value"]


def test_payment_can_be_put_elsewhere(rich: Visitor, friend: Visitor) -> None:
    """A category of one's own is listed, takes a payment, and counts in the insights."""
    number = rich.create(f"{rich.account}/payment", payment(friend.email, "30.00"))
    path = f"{user(rich)}/additional-transaction-information-category"
    own = {"category": "CHOIR", "status": "ACTIVE", "description": "Choir", "color": "#123456"}
    rich.create(f"{path}-user-defined", own)
    listed = {each["category"]: each for each in rich.call("GET", path).items}
    assert listed["GROCERIES"]["type"] == "SYSTEM"
    assert (listed["CHOIR"]["type"], listed["CHOIR"]["color"]) == ("USER_DEFINED", "#123456")
    assert "CHOIR" not in [
        each["category"]
        for each in friend.call(
            "GET", f"/user/{friend.session.user_id}/additional-transaction-information-category"
        ).items
    ]
    bank = rich.door.bank
    bank.categorise(number, "SHOPPING")
    bank.categorise(number, "CHOIR")
    told = {each["category"]: each for each in rich.call("GET", f"{user(rich)}/insights").items}
    assert told["CHOIR"]["amount_total"]["value"] == "-30.00"
    assert told["FRIENDS"]["amount_total"]["value"] == "500.00"
    (event,) = rich.call("GET", f"{user(rich)}/insights-search?category=CHOIR").items
    assert event["additional_transaction_information"] == {"category": "CHOIR"}
    rich.create(f"{path}-user-defined", own | {"status": "INACTIVE"})
    with pytest.raises(Refusal, match="no category"):
        bank.categorise(number, "CHOIR")
    with pytest.raises(Refusal, match="not found"):
        bank.categorise(1, "SHOPPING")


def test_the_banks_categories_stay(rich: Visitor) -> None:
    """A name that the bank has is not taken by anybody."""
    path = f"{user(rich)}/additional-transaction-information-category-user-defined"
    wrong = {"status": "ACTIVE", "category": "GROCERIES"}
    assert refusal(lambda: rich.call("POST", path, wrong))[0] == 400
