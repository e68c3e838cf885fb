"""Accounts: savings, joint ones, and ones at another bank."""

from __future__ import annotations

import pytest
from visitors import Door, Visitor, payment, refusal

from bunqkit.security.signing import KeyPair

# Accounts


def test_savings_account_shows_its_progress(visitor: Visitor) -> None:
    """The part of a goal that is reached is a decimal number (sdk_csharp#118)."""
    visitor.top_up()
    user = f"/user/{visitor.session.user_id}"
    goal = {"currency": "EUR", "savings_goal": {"value": "200.00", "currency": "EUR"}}
    number = visitor.create(f"{user}/monetary-account-savings", goal)
    saved = visitor.call("GET", f"{user}/monetary-account-savings/{number}").item
    iban = {"type": "IBAN", "value": saved["alias"][0]["value"], "name": "me"}
    body = payment("", "50.00", counterparty_alias=iban)
    visitor.create(f"{visitor.account}/payment", body)
    saved = visitor.call("GET", f"{user}/monetary-account-savings/{number}").item
    assert (saved["balance"]["value"], saved["savings_goal_progress"]) == ("50.00", 0.25)
    every = visitor.call("GET", f"{user}/monetary-account")
    assert every.types == ["MonetaryAccountSavings", "MonetaryAccountBank"]
    assert visitor.call("GET", f"{user}/monetary-account-bank").items[0]["id"] != number
    assert refusal(lambda: visitor.call("GET", f"{user}/monetary-account-bank/{number}"))[0] == 404


@pytest.mark.parametrize(("answer", "end"), [("ACTIVE", "ACTIVE"), ("CANCELLED", "CANCELLED")])
def test_joint_account_waits_for_the_other_owner(
    visitor: Visitor, friend: Visitor, answer: str, end: str
) -> None:
    """Until the other owner accepts, an account is pending; then both see and use it."""
    owners = [{"alias": {"type": "EMAIL", "value": v.email}} for v in (visitor, friend)]
    mine = f"/user/{visitor.session.user_id}/monetary-account-joint"
    theirs = f"/user/{friend.session.user_id}/monetary-account-joint"
    number = visitor.create(mine, {"currency": "EUR", "all_co_owner": owners})
    assert visitor.call("GET", f"{mine}/{number}").item["status"] == "PENDING_ACCEPTANCE"
    assert refusal(lambda: visitor.call("PUT", f"{mine}/{number}", {"status": "ACTIVE"}))[0] == 400
    friend.call("PUT", f"{theirs}/{number}", {"status": answer})
    assert visitor.call("GET", f"{mine}/{number}").item["status"] == end
    if end == "ACTIVE":
        told = friend.call("GET", f"{theirs}/{number}").item
        assert {owner["status"] for owner in told["all_co_owner"]} == {"ACCEPTED"}
        assert told["user_id"] == visitor.session.user_id
        path = f"/user/{friend.session.user_id}/monetary-account/{number}/payment"
        assert friend.call("GET", path).items == []
    else:
        assert refusal(lambda: friend.call("GET", f"{theirs}/{number}"))[0] == 404


def test_account_that_only_accepts_incoming(visitor: Visitor, friend: Visitor) -> None:
    """A blocked account can't pay; money still comes in."""
    visitor.top_up()
    path = f"/user/{visitor.session.user_id}/monetary-account-bank/{visitor.account_id}"
    body = {"status": "BLOCKED", "sub_status": "ONLY_ACCEPTING_INCOMING"}
    visitor.call("PUT", path, body)
    pay = f"{visitor.account}/payment"
    assert refusal(lambda: visitor.call("POST", pay, payment(friend.email)))[0] == 400
    friend.create(
        f"{friend.account}/payment",
        payment(
            "",
            counterparty_alias=visitor.call("GET", path).item["alias"][0],
        ),
    )
    assert visitor.balance() == "510.00"


@pytest.fixture
def demo(door: Door, key: KeyPair) -> Visitor:
    """Give the demo person."""
    return Visitor(door, key, door.bank.demo_key)


def user(visitor: Visitor) -> str:
    """Give the path of a person."""
    return f"/user/{visitor.session.user_id}"


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
