"""Payment links: paid, cancelled, expired, announced."""

from __future__ import annotations

from typing import Any

import pytest
from visitors import Hook, Visitor, refusal

from bunqkit.sandbox.refusal import Refusal


def eur(value: str) -> dict[str, str]:
    """Give an amount."""
    return {"value": value, "currency": "EUR"}


def tab(visitor: Visitor, **entry: Any) -> int:
    """Make a payment link; give the id."""
    body = {"bunqme_tab_entry": {"description": "tickets", **entry}}
    return visitor.create(f"{visitor.account}/bunqme-tab", body)


# Payment links


def test_link_is_paid_from_outside_and_inside(rich: Visitor, friend: Visitor) -> None:
    """Both ways money comes, the link shows each payment, and a payer of the bank sees theirs."""
    number = tab(rich, amount_inquired=eur("15.00"))
    path, bank = f"{rich.account}/bunqme-tab/{number}", rich.door.bank
    made = rich.call("GET", path).item
    assert (made["status"], made["result_inquiries"]) == ("WAITING_FOR_PAYMENT", [])
    assert made["bunqme_tab_share_url"] == f"https://bunq.me/t/{made['bunqme_tab_entry']['uuid']}"
    assert made["time_expiry"] == "2026-05-01 09:00:00.000000"
    outside = bank.pay_tab(number, name="Wim Buiten")
    inside = bank.pay_tab(number, account_id=friend.account_id)
    paid = [each["payment"] for each in rich.call("GET", path).item["result_inquiries"]]
    assert [each["id"] for each in paid] == [outside, inside]
    assert [each["type"] for each in paid] == ["IDEAL", "BUNQ"]
    assert paid[0]["counterparty_alias"]["display_name"] == "Wim Buiten"
    assert (rich.balance(), friend.balance()) == ("530.00", "485.00")
    events = friend.call("GET", f"/user/{friend.session.user_id}/event").items
    (result,) = [e["object"] for e in events if "BunqMeTabResultResponse" in e["object"]]
    told = result["BunqMeTabResultResponse"]
    assert told["payment"]["amount"]["value"] == "-15.00"
    read = friend.call("GET", f"{friend.account}/bunqme-tab-result-response/{told['id']}").item
    assert read == told


def test_link_without_an_amount_asks_how_much(rich: Visitor) -> None:
    """Who pays an open link says what; without that nothing moves."""
    number, bank = tab(rich), rich.door.bank
    for cents in (None, 0, -5):
        with pytest.raises(Refusal, match="how much"):
            bank.pay_tab(number, cents=cents)
    bank.pay_tab(number, cents=1)
    assert rich.balance() == "500.01"


@pytest.mark.parametrize("end", ["CANCELLED", "EXPIRED"])
def test_link_ends(rich: Visitor, end: str) -> None:
    """A cancelled link, and one of 30 days ago, can't be paid any more."""
    number, bank = tab(rich, amount_inquired=eur("15.00")), rich.door.bank
    path = f"{rich.account}/bunqme-tab/{number}"
    if end == "CANCELLED":
        rich.call("PUT", path, {"status": "CANCELLED"})
    else:
        assert refusal(lambda: rich.call("PUT", path, {"status": "EXPIRED"}))[0] == 400
        bank.clock.advance(days=30)
        rich.reopen()
    told = rich.call("GET", path).item
    assert (told["status"], told["bunqme_tab_entry"]["status"]) == (end, end)
    with pytest.raises(Refusal, match=end):
        bank.pay_tab(number)
    assert refusal(lambda: rich.call("PUT", path, {"status": "CANCELLED"}))[0] == 400


def test_link_is_told(rich: Visitor, hook: Hook) -> None:
    """Callbacks come when it is made and when it is paid."""
    filters = [
        {"category": category, "notification_target": hook.url}
        for category in ("BUNQME_TAB", "TAB_RESULT")
    ]
    path = f"/user/{rich.session.user_id}/notification-filter-url"
    rich.call("POST", path, {"notification_filters": filters})
    rich.door.bank.pay_tab(tab(rich, amount_inquired=eur("1.00")))
    rich.door.bank.deliver()
    told = [(each["category"], each["event_type"]) for each in hook.bodies]
    assert told[0] == ("BUNQME_TAB", "BUNQME_TAB_CREATED")
    assert set(told[1:]) == {("BUNQME_TAB", "BUNQME_TAB_PAID"), ("TAB_RESULT", "BUNQME_TAB_PAID")}


def read(visitor: Visitor, number: int) -> dict[str, Any]:
    """Read a request response."""
    item: dict[str, Any] = visitor.call("GET", f"{visitor.account}/request-response/{number}").item
    return item
