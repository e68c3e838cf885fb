"""What money goes for, what a person may have, and what savings earn."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from visitors import Door, Visitor, payment, refusal, request

from bunqkit.sandbox import Bank, CardUse
from bunqkit.sandbox.refusal import Refusal
from bunqkit.security.signing import KeyPair


@pytest.fixture(autouse=True)
def _books(bank: Bank) -> Iterator[None]:
    """Insist after every test that the books balance."""
    yield
    assert not any(bank.ledger.imbalance().values())


@pytest.fixture
def demo(door: Door, key: KeyPair) -> Visitor:
    """Give the demo person."""
    return Visitor(door, key, door.bank.demo_key)


@pytest.fixture
def rich(visitor: Visitor) -> Visitor:
    """Give somebody with 500 euro."""
    visitor.top_up()
    return visitor


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


# Limits, names, funds


def test_limits_count_what_is_there(rich: Visitor, friend: Visitor) -> None:
    """Accounts that may still be opened, and what was paid to others this month."""
    limit, path = f"{user(rich)}/limit", f"{user(rich)}/monetary-account-bank"
    before = rich.call("GET", limit).item
    assert (before["limit_monetary_account"], before["limit_monetary_account_remaining"]) == (
        25,
        24,
    )
    for _ in range(24):
        rich.create(path, {"currency": "EUR"})
    status, text = refusal(lambda: rich.create(path, {"currency": "EUR"}))
    assert (status, "more than 25" in text) == (400, True)
    rich.create(f"{user(rich)}/monetary-account-external", {"currency": "EUR"})
    rich.create(f"{rich.account}/payment", payment(friend.email, "12.34"))
    after = rich.call("GET", limit).item
    assert after["limit_monetary_account_remaining"] == 0
    assert after["spent_amount_monthly"] == {"value": "12.34", "currency": "EUR"}


def test_names_are_those_of_the_papers(rich: Visitor) -> None:
    """The legal names, in full."""
    told = rich.call("GET", f"{user(rich)}/legal-name").item["legal_names"]
    assert told == [f"{rich.session.user['first_name']} {rich.session.user['last_name']}"]


def test_funds_are_confirmed_to_the_cent(rich: Visitor, friend: Visitor) -> None:
    """Enough is enough, a cent more is not."""
    iban = rich.call("GET", rich.account).item["alias"][0]
    path = f"{user(friend)}/confirmation-of-funds"
    for value, enough in (("500.00", True), ("500.01", False)):
        body = {"pointer_iban": iban, "amount": {"value": value, "currency": "EUR"}}
        assert friend.call("POST", path, body).item["has_sufficient_funds"] is enough


# External accounts, closing, interest


@pytest.mark.parametrize("kind", ["external", "external-savings"])
def test_account_at_another_bank_can_be_filled_not_emptied(rich: Visitor, kind: str) -> None:
    """It shows an IBAN of elsewhere; money goes there by SEPA and comes back only from there."""
    path = f"{user(rich)}/monetary-account-{kind}"
    body = {"currency": "EUR", "service": "OPEN_BANKING", "description": "Elsewhere"}
    number = rich.create(path, body)
    told = rich.call("GET", f"{path}/{number}").item
    iban = told["alias"][0]
    assert "INGB" in iban["value"]
    if kind == "external":
        assert told["open_banking_account"]["iban"] == iban["value"]
    order = payment("", "40.00") | {"counterparty_alias": iban}
    rich.create(f"{rich.account}/payment", order)
    paid = rich.call("GET", f"{rich.account}/payment").items[0]
    assert paid["type"] == "EBA_SCT"
    assert rich.call("GET", f"{path}/{number}").item["balance"]["value"] == "40.00"
    back = f"{user(rich)}/monetary-account/{number}/payment"
    assert "another bank" in refusal(lambda: rich.call("POST", back, payment(rich.email)))[1]


CLOSE = {
    "status": "CANCELLED",
    "sub_status": "REDEMPTION_VOLUNTARY",
    "reason": "OTHER",
    "reason_description": "enough",
}


def test_closing_ends_what_waits(rich: Visitor, friend: Visitor) -> None:
    """Only an empty account closes; schedules, drafts, links, requests and shares end with it."""
    account = rich.account
    times = {"time_start": "2026-04-02 12:00:00", "recurrence_unit": "DAILY", "recurrence_size": 1}
    order = payment("bravo@bunq.com")
    schedule = rich.create(f"{account}/schedule-payment", {"payment": order, "schedule": times})
    body = {"entries": [order], "number_of_required_accepts": 1}
    draft = rich.create(f"{account}/draft-payment", body)
    tab = rich.create(f"{account}/bunqme-tab", {"bunqme_tab_entry": {"description": "x"}})
    asked = rich.create(f"{account}/request-inquiry", request(friend.email))
    owed = friend.create(f"{friend.account}/request-inquiry", request(rich.email))
    alias = {"type": "EMAIL", "value": friend.email}
    shares = f"{account}/share-invite-monetary-account-inquiry"
    share = rich.create(shares, {"counter_user_alias": alias})
    path = f"{user(rich)}/monetary-account-bank/{rich.account_id}"
    assert "must be zero" in refusal(lambda: rich.call("PUT", path, CLOSE))[1]
    rich.create(f"{account}/payment", payment(friend.email, "500.00"))
    rich.call("PUT", path, CLOSE)
    closed = rich.call("GET", path).item
    assert (closed["status"], closed["sub_status"]) == ("CANCELLED", "REDEMPTION_VOLUNTARY")
    assert closed["reason_description"] == "enough"

    def status(path: str, visitor: Visitor = rich) -> str:
        told: str = visitor.call("GET", path).item["status"]
        return told

    assert status(f"{account}/schedule/{schedule}") == "CANCELLED"
    assert status(f"{account}/draft-payment/{draft}") == "CANCELLED"
    assert status(f"{account}/bunqme-tab/{tab}") == "CANCELLED"
    assert status(f"{account}/request-inquiry/{asked}") == "REVOKED"
    assert status(f"{friend.account}/request-inquiry/{owed}", friend) == "REJECTED"
    assert status(f"{shares}/{share}") == "REVOKED"
    rich.door.bank.clock.advance(days=3)
    assert refusal(lambda: rich.call("PUT", path, {"description": "again"}))[0] == 400
    stranger = payment(rich.email, "1.00")
    assert refusal(lambda: friend.call("POST", f"{friend.account}/payment", stranger))[0] == 400


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


def test_the_demo_person_saves_for_several_goals(demo: Visitor) -> None:
    """Three goals at different stages, one of them reached, all with interest to come."""
    goals = demo.call("GET", f"{user(demo)}/monetary-account-savings").items
    progress = {each["description"]: each["savings_goal_progress"] for each in goals}
    assert len(progress) == 3
    assert sorted(value >= 1 for value in progress.values()) == [False, False, True]
    demo.door.bank.clock.advance(hours=3)
    for goal in goals:
        path = f"{user(demo)}/monetary-account/{goal['id']}/payment?count=1"
        paid = demo.call("GET", path).item
        assert (paid["description"], paid["created"][:10]) == ("Interest", "2026-04-01")


def test_shops_are_told_by_their_trade(rich: Visitor) -> None:
    """A restaurant's payments are food, a cash machine's are cash."""
    bank = rich.door.bank
    names = rich.call("GET", f"{user(rich)}/card-name").item["possible_card_name_array"]
    body = {"type": "MASTERCARD", "product_type": "MASTERCARD_DEBIT", "second_line": "x",
            "name_on_card": names[0]}  # fmt: skip
    card = rich.call("POST", f"{user(rich)}/card-debit", body).item["id"]
    rich.call("PUT", f"{user(rich)}/card/{card}", {"status": "ACTIVE"})
    bank.use_card(card, CardUse(10_00, "Eetcafe", trade="5812"))
    bank.use_card(card, CardUse(20_00, "Geldautomaat", kind="cash"))
    told = {each["category"]: each for each in rich.call("GET", f"{user(rich)}/insights").items}
    assert told["FOOD_AND_DRINKS"]["amount_total"]["value"] == "-10.00"
    assert told["CASH"]["amount_total"]["value"] == "-20.00"
