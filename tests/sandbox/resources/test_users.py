"""Users, companies, limits and plans."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from visitors import Visitor, payment, refusal

from bunqkit.security.signing import KeyPair


def test_session_timeout_can_be_changed(visitor: Visitor, later: Callable[..., None]) -> None:
    """The next session lasts as long as the user says."""
    path = f"/user-person/{visitor.session.user_id}"
    visitor.call("PUT", path, {"session_timeout": 300})
    again = Visitor(visitor.door, KeyPair.generate(), visitor.api_key)
    assert again.session.timeout_s == 300
    later(seconds=301)
    assert refusal(lambda: again.call("GET", "/user"))[0] == 403


# Companies


def firm(**change: Any) -> dict[str, Any]:
    """Give the body of a company."""
    address = {"street": "Havenkade", "house_number": "3", "postal_code": "1000AB",
               "city": "Zwolle", "country": "NL"}  # fmt: skip
    return {
        "name": "Drukkerij Nergens",
        "address_main": address,
        "address_postal": address,
        "country": "NL",
        "legal_form": "VOF",
        "subscription_type": "COMPANY_V1",
    } | change


def test_a_person_makes_a_company(visitor: Visitor, friend: Visitor) -> None:
    """It is a user of its own with an account that can be paid to, and is let in with its key."""
    path, bank = f"/user/{visitor.session.user_id}/company", visitor.door.bank
    number = visitor.create(path, firm(ubo=[{"name": "A", "nationality": "NL"}]))
    listed = visitor.call("GET", path)
    assert (listed.types, [each["id"] for each in listed.items]) == (["UserCompany"], [number])
    told = visitor.call("GET", f"{path}/{number}").item
    assert (told["name"], told["legal_form"]) == ("Drukkerij Nergens", "VOF")
    assert (told["address_main"]["city"], told["ubo"][0]["name"]) == ("Zwolle", "A")
    assert told["directors"][0]["display_name"] == visitor.session.user["display_name"]
    own = Visitor(visitor.door, KeyPair.generate(), bank.issue_key(number))
    assert (own.session.user_id, own.session.user) == (number, told)
    friend.create(f"{friend.account}/payment", payment(own.email, "5.00"))
    assert own.balance() == "5.00"
    plan = own.call("GET", f"/user/{number}/billing-contract-subscription").item
    assert plan["subscription_type"] == "COMPANY_V1"
    visitor.call("PUT", f"{path}/{number}", {"name": "Drukkerij Ergens"})
    paid = friend.call("GET", f"{friend.account}/payment").items[0]
    assert paid["counterparty_alias"]["display_name"] == "Drukkerij Ergens"
    assert own.call("GET", "/user").item["name"] == "Drukkerij Ergens"
    theirs = f"/user/{friend.session.user_id}/company"
    assert friend.call("GET", theirs).items == []
    assert refusal(lambda: friend.call("PUT", f"{theirs}/{number}", {"name": "Mine"}))[0] == 404
    assert not any(bank.ledger.imbalance().values())


@pytest.mark.parametrize(
    "change",
    [{"subscription_type": "PERSON_FREE_V1"}, {"ubo": [{"name": "A"}] * 5}, {"avatar_uuid": "x"}],
    ids=lambda change: next(iter(change)),
)
def test_companies_that_can_not_be(visitor: Visitor, change: dict[str, Any]) -> None:
    """A person's plan, five owners, and a picture that is not there."""
    path = f"/user/{visitor.session.user_id}/company"
    assert refusal(lambda: visitor.call("POST", path, firm(**change)))[0] in (400, 404)
    assert visitor.call("GET", path).items == []


def test_a_plan_is_shown(visitor: Visitor) -> None:
    """A person has a plan, which is what an invoice would be for."""
    path = f"/user/{visitor.session.user_id}/billing-contract-subscription"
    (plan,) = visitor.call("GET", path).items
    assert (plan["status"], plan["subscription_type"]) == ("ACTIVE", "PERSON_PREMIUM_V1")


def user(visitor: Visitor) -> str:
    """Give the path of a person."""
    return f"/user/{visitor.session.user_id}"


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
