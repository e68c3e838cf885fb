"""Requests for money: seen from both sides, answered, revoked, in batches."""

from __future__ import annotations

import pytest
from visitors import Hook, Visitor, payment, refusal, request, watch

# Requests for money


def test_request_is_seen_from_both_sides(visitor: Visitor, friend: Visitor) -> None:
    """The one who is asked finds the request under another id, and accepting it pays."""
    asked = visitor.create(f"{visitor.account}/request-inquiry", request(friend.email, "25.00"))
    response = friend.call("GET", f"{friend.account}/request-response").item
    assert response["id"] != asked
    assert (response["status"], response["type"]) == ("PENDING", "INTERNAL")
    path = f"{friend.account}/request-response/{response['id']}"
    accepted = friend.call("PUT", path, {"status": "ACCEPTED"})
    assert accepted.types == ["RequestResponse"]
    assert accepted.item["amount_responded"]["value"] == "25.00"
    mine = visitor.call("GET", f"{visitor.account}/request-inquiry/{asked}").item
    assert (mine["status"], mine["amount_responded"]["value"]) == ("ACCEPTED", "25.00")
    assert (visitor.balance(), friend.balance()) == ("25.00", "475.00")
    paid = visitor.call("GET", f"{visitor.account}/payment").item
    assert (paid["sub_type"], paid["amount"]["value"]) == ("REQUEST", "25.00")


def test_request_can_be_answered_by_less(visitor: Visitor, friend: Visitor) -> None:
    """What is paid is what the response says, and both sides are told it."""
    asked = visitor.create(f"{visitor.account}/request-inquiry", request(friend.email, "25.00"))
    response = friend.call("GET", f"{friend.account}/request-response").item
    body = {"status": "ACCEPTED", "amount_responded": {"value": "5.00", "currency": "EUR"}}
    friend.call("PUT", f"{friend.account}/request-response/{response['id']}", body)
    mine = visitor.call("GET", f"{visitor.account}/request-inquiry/{asked}").item
    assert mine["amount_responded"]["value"] == visitor.balance() == "5.00"


@pytest.mark.parametrize("end", ["REJECTED", "REVOKED", "ACCEPTED"])
def test_request_is_answered_once(visitor: Visitor, friend: Visitor, end: str) -> None:
    """After any end, neither side can change a request any more, and no more money moves."""
    asked = visitor.create(f"{visitor.account}/request-inquiry", request(friend.email))
    response = friend.call("GET", f"{friend.account}/request-response").item
    theirs = f"{friend.account}/request-response/{response['id']}"
    mine = f"{visitor.account}/request-inquiry/{asked}"
    if end == "REVOKED":
        visitor.call("PUT", mine, {"status": "REVOKED"})
    else:
        friend.call("PUT", theirs, {"status": end})
    balance = visitor.balance()
    for call in (
        lambda: friend.call("PUT", theirs, {"status": "ACCEPTED"}),
        lambda: visitor.call("PUT", mine, {"status": "REVOKED"}),
    ):
        status, text = refusal(call)
        assert (status, end in text) == (400, True)
    assert friend.call("GET", theirs).item["status"] == end
    assert visitor.balance() == balance


def test_accepting_without_money_leaves_the_request_pending(
    visitor: Visitor, friend: Visitor
) -> None:
    """Too little money is refused, and nothing of the acceptance stays."""
    friend.create(f"{friend.account}/request-inquiry", request(visitor.email))
    response = visitor.call("GET", f"{visitor.account}/request-response").item
    path = f"{visitor.account}/request-response/{response['id']}"
    assert refusal(lambda: visitor.call("PUT", path, {"status": "ACCEPTED"}))[0] == 400
    assert visitor.call("GET", path).item["status"] == "PENDING"


def test_others_responses_are_not_found(visitor: Visitor, friend: Visitor) -> None:
    """Only the one who is asked can answer: not by their own account's path either."""
    visitor.create(f"{visitor.account}/request-inquiry", request(friend.email))
    number = friend.call("GET", f"{friend.account}/request-response").item["id"]
    path = f"{visitor.account}/request-response/{number}"
    assert refusal(lambda: visitor.call("PUT", path, {"status": "ACCEPTED"}))[0] == 404


def test_batch_of_requests(visitor: Visitor, friend: Visitor) -> None:
    """A batch asks several people; revoking it revokes what is still pending."""
    body = {
        "request_inquiries": [request("sugardaddy@bunq.com"), request(friend.email, "5.00")],
        "total_amount_inquired": {"value": "15.00", "currency": "EUR"},
    }
    path = f"{visitor.account}/request-inquiry-batch"
    number = visitor.create(path, body)
    visitor.call("PUT", f"{path}/{number}", {"status": "REVOKED"})
    told = visitor.call("GET", f"{path}/{number}").item["request_inquiries"]
    assert [each["status"] for each in told] == ["ACCEPTED", "REVOKED"]
    assert {each["batch_id"] for each in told} == {number}
    body["total_amount_inquired"] = {"value": "15.01", "currency": "EUR"}
    assert refusal(lambda: visitor.call("POST", path, body))[0] == 400


# Payments in batches


def test_batch_pays_all_or_nothing(visitor: Visitor, friend: Visitor) -> None:
    """One payment too much refuses the whole batch; a good one is told with its payments."""
    visitor.top_up()
    path = f"{visitor.account}/payment-batch"
    greedy = {"payments": [payment(friend.email, "400.00"), payment(friend.email, "400.00")]}
    assert refusal(lambda: visitor.call("POST", path, greedy))[0] == 400
    assert visitor.balance() == "500.00"
    assert visitor.call("GET", path).items == []
    number = visitor.create(path, {"payments": [payment(friend.email, "1.00")] * 10})
    told = visitor.call("GET", f"{path}/{number}").item["payments"]
    assert [each["amount"]["value"] for each in told] == ["-1.00"] * 10
    assert {each["batch_id"] for each in told} == {number}
    assert visitor.balance() == "490.00"


def test_request_callbacks_say_what_happened(visitor: Visitor, friend: Visitor, hook: Hook) -> None:
    """The one who asks hears of the asking and of the answer; PAYMENT is silent about it."""
    watch(visitor, hook.url, "REQUEST")
    asked = visitor.create(f"{visitor.account}/request-inquiry", request(friend.email))
    number = friend.call("GET", f"{friend.account}/request-response").item["id"]
    friend.call("PUT", f"{friend.account}/request-response/{number}", {"status": "ACCEPTED"})
    visitor.door.bank.deliver()
    assert [told["event_type"] for told in hook.bodies] == [
        "REQUEST_INQUIRY_CREATED",
        "REQUEST_INQUIRY_ACCEPTED",
    ]
    assert hook.bodies[1]["object"]["RequestInquiry"]["id"] == asked
