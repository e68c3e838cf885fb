"""Money that is added by iDEAL and Sofort."""

from __future__ import annotations

from typing import Any

import pytest
from visitors import Hook, Visitor, refusal

from bunqkit.sandbox.refusal import Refusal


def eur(value: str) -> dict[str, str]:
    """Give an amount."""
    return {"value": value, "currency": "EUR"}


# Money that is added by iDEAL and Sofort


def ideal(visitor: Visitor, value: str = "25.00", **change: Any) -> str:
    """Begin to add money by iDEAL; give the path."""
    path = f"{visitor.account}/ideal-merchant-transaction"
    body = {"amount_requested": eur(value), "issuer": "INGBNL2A"} | change
    return f"{path}/{visitor.create(path, body)}"


def number_of(path: str) -> int:
    """Give the id that a path ends in."""
    return int(path.rpartition("/")[2])


def test_money_is_added_by_ideal(visitor: Visitor, hook: Hook) -> None:
    """It says where to pay, and once that is done the money comes and everybody is told."""
    filters = [
        {"category": category, "notification_target": hook.url}
        for category in ("IDEAL", "MUTATION", "PAYMENT")
    ]
    user, bank = f"/user/{visitor.session.user_id}", visitor.door.bank
    visitor.call("POST", f"{user}/notification-filter-url", {"notification_filters": filters})
    path = ideal(visitor)
    made = visitor.call("GET", path).item
    assert (made["status"], made["amount_requested"]) == ("OPEN", eur("25.00"))
    assert (made["issuer"], made["issuer_name"]) == ("INGBNL2A", "ING")
    assert made["issuer_authentication_url"].startswith("https://")
    assert made["expiration"] == "2026-04-01 09:30:00.000000"
    assert made["amount_guaranteed"] is None
    assert "counterparty_alias" not in made
    assert visitor.balance() == "0.00"
    bank.clock.advance(seconds=60)
    paid = bank.pay_ideal(number_of(path), name="Wim Buiten")
    told = visitor.call("GET", path).item
    assert (told["status"], told["amount_guaranteed"]) == ("SUCCESS", eur("25.00"))
    assert told["status_timestamp"] == "2026-04-01 09:01:00.000000"
    assert told["counterparty_alias"]["display_name"] == "Wim Buiten"
    payment = visitor.call("GET", f"{visitor.account}/payment/{paid}").item
    assert (payment["type"], payment["amount"]) == ("IDEAL", eur("25.00"))
    assert visitor.balance() == "25.00"
    events = visitor.call("GET", f"{user}/event").items
    assert [each["object"] for each in events if "IdealMerchantTransaction" in each["object"]] == [
        {"IdealMerchantTransaction": told}
    ]
    bank.deliver()
    came = {each["category"]: each["object"] for each in hook.bodies}
    assert came.keys() == {"IDEAL", "MUTATION"}
    assert came["IDEAL"] == {"IdealMerchantTransaction": told}
    with pytest.raises(Refusal, match="SUCCESS"):
        bank.pay_ideal(number_of(path))


@pytest.mark.parametrize("end", ["EXPIRED", "CANCELLED"])
def test_money_is_not_added_any_more(visitor: Visitor, end: str) -> None:
    """After half an hour, or when the account is closed, nobody can pay it."""
    path, bank = ideal(visitor), visitor.door.bank
    if end == "EXPIRED":
        bank.clock.advance(seconds=1800)
    else:
        closed = {"status": "CANCELLED", "sub_status": "REDEMPTION_VOLUNTARY"}
        account = visitor.account.replace("monetary-account/", "monetary-account-bank/")
        visitor.call("PUT", account, closed)
    assert visitor.call("GET", path).item["status"] == end
    with pytest.raises(Refusal, match=end):
        bank.pay_ideal(number_of(path))
    assert visitor.balance() == "0.00"


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"issuer": "NOBANK00"}, "NOBANK00"),
        ({"issuer": None}, '"issuer"'),
        ({"amount_requested": None}, '"amount_requested"'),
        ({"amount_requested": eur("0.00")}, "more than zero"),
        ({"amount_requested": {"value": "1.00", "currency": "USD"}}, "USD"),
    ],
    ids=["no bank", "no issuer", "no amount", "nothing", "dollars"],
)
def test_what_ideal_does_not_take(visitor: Visitor, change: dict[str, Any], reason: str) -> None:
    """A bank that is not there, no bank, no amount, and one in another currency."""
    status, text = refusal(lambda: ideal(visitor, **change))
    assert (status, reason in text) == (400, True)


def test_only_euro_is_added(visitor: Visitor) -> None:
    """An account in dollars can't be paid into by iDEAL or Sofort."""
    user = f"/user/{visitor.session.user_id}"
    number = visitor.create(f"{user}/monetary-account-bank", {"currency": "USD"})
    dollars = {"amount_requested": {"value": "1.00", "currency": "USD"}, "issuer": "INGBNL2A"}
    path = f"{user}/monetary-account/{number}/ideal-merchant-transaction"
    assert "Only euro" in refusal(lambda: visitor.call("POST", path, dollars))[1]
    with pytest.raises(Refusal, match="Only euro"):
        visitor.door.bank.pay_sofort(number, 100)
    with pytest.raises(Refusal, match="whole cents"):
        visitor.door.bank.pay_sofort(visitor.account_id, 0)


def test_money_is_added_by_sofort(visitor: Visitor, hook: Hook) -> None:
    """No call begins it; what came is listed, told under its category, and no PAYMENT."""
    filters = [
        {"category": category, "notification_target": hook.url}
        for category in ("SOFORT", "PAYMENT")
    ]
    path = f"/user/{visitor.session.user_id}/notification-filter-url"
    visitor.call("POST", path, {"notification_filters": filters})
    paid = visitor.door.bank.pay_sofort(visitor.account_id, 12_50, name="Erika Draussen")
    path = f"{visitor.account}/sofort-merchant-transaction"
    (told,) = visitor.call("GET", path).items
    assert visitor.call("GET", f"{path}/{told['id']}").item == told
    assert (told["status"], told["amount_guaranteed"]) == ("SUCCESS", eur("12.50"))
    assert told["counterparty_alias"]["display_name"] == "Erika Draussen"
    assert visitor.call("GET", f"{visitor.account}/payment").item["id"] == paid
    assert visitor.balance() == "12.50"
    visitor.door.bank.deliver()
    assert [(each["category"], each["object"]) for each in hook.bodies] == [
        ("SOFORT", {"SofortMerchantTransaction": told})
    ]
