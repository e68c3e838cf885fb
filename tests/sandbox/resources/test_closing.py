"""Closing an account ends what waits on it."""

from __future__ import annotations

from visitors import Visitor, payment, refusal, request


def user(visitor: Visitor) -> str:
    """Give the path of a person."""
    return f"/user/{visitor.session.user_id}"


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
