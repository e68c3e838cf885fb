"""Events show their objects as they are now."""

from __future__ import annotations

from visitors import Visitor, request

# Events


def test_events_follow_their_objects(visitor: Visitor, friend: Visitor) -> None:
    """A request waits for the one who is asked, then is final; ids are past 32 bits."""
    visitor.create(f"{visitor.account}/request-inquiry", request(friend.email))
    path = f"/user/{friend.session.user_id}/event"
    (waiting,) = friend.call("GET", f"{path}?status=AWAITING_REPLY").items
    assert waiting["id"] > 2**31
    assert waiting["object"]["RequestResponse"]["status"] == "PENDING"
    assert waiting["monetary_account_id"] == str(friend.account_id)
    number = waiting["object"]["RequestResponse"]["id"]
    friend.call("PUT", f"{friend.account}/request-response/{number}", {"status": "ACCEPTED"})
    after = friend.call("GET", f"{path}/{waiting['id']}").item
    assert (after["action"], after["status"]) == ("UPDATE", "FINALIZED")
    assert after["object"]["RequestResponse"]["status"] == "ACCEPTED"
    newest = friend.call("GET", f"{path}?monetary_account_id={friend.account_id}").items[0]
    assert list(newest["object"]) == ["Payment"]
    assert friend.call("GET", f"{path}?monetary_account_id=1,2").items == []
