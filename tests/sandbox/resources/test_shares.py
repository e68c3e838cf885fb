"""Accounts that are shared: what the other may see and do, from the invitation to its end."""

from __future__ import annotations

from typing import Any

import pytest
from visitors import Hook, Visitor, payment, refusal

LEVELS = ["VIEW_BALANCE", "VIEW_TRANSACTION", "DRAFT_PAYMENT", "FULL_TRANSIENT"]


def invite(visitor: Visitor, to: str, access: str = "VIEW_TRANSACTION", **more: Any) -> str:
    """Invite somebody; give the invitation's path."""
    path = f"{visitor.account}/share-invite-monetary-account-inquiry"
    alias = {"type": "EMAIL", "value": to, "name": "Friend"}
    body = {"counter_user_alias": alias, "access_type": access} | more
    return f"{path}/{visitor.create(path, body)}"


def invitation(visitor: Visitor) -> tuple[str, dict[str, Any]]:
    """Give the path of the newest invitation that somebody got, and what it says."""
    path = f"/user/{visitor.session.user_id}/share-invite-monetary-account-response"
    item = visitor.call("GET", path).items[0]
    return f"{path}/{item['id']}", item


def shared(visitor: Visitor, account: str) -> str:
    """Give the path of somebody else's account as the other takes it."""
    return f"/user/{visitor.session.user_id}/monetary-account/{account.rpartition('/')[2]}"


def accept(visitor: Visitor) -> None:
    """Accept the newest invitation."""
    visitor.call("PUT", invitation(visitor)[0], {"status": "ACCEPTED"})


@pytest.mark.parametrize("access", LEVELS)
def test_share_opens_as_far_as_it_says(rich: Visitor, friend: Visitor, access: str) -> None:
    """Each kind of access allows what those before it do, and its own."""
    inquiry = invite(rich, friend.email, access)
    account, level = shared(friend, rich.account), LEVELS.index(access)
    assert refusal(lambda: friend.call("GET", account))[0] == 404
    accept(friend)
    assert rich.call("GET", inquiry).item["status"] == "ACCEPTED"
    assert friend.call("GET", account).item["balance"]["value"] == "500.00"
    listed = friend.call("GET", f"/user/{friend.session.user_id}/monetary-account").items
    assert rich.account_id in [each["id"] for each in listed]
    entry = {"entries": [payment("bravo@bunq.com")], "number_of_required_accepts": 1}
    for needed, method, path, body in (
        (1, "GET", "payment", None),
        (2, "POST", "draft-payment", entry),
        (3, "POST", "payment", payment("bravo@bunq.com")),
    ):
        send = lambda m=method, p=path, b=body: friend.call(m, f"{account}/{p}", b)  # noqa: E731
        if level >= needed:
            send()
        else:
            status, text = refusal(send)
            assert (status, "not for this" in text) == (403, True)
    assert rich.balance() == ("490.00" if level == 3 else "500.00")


def test_drafter_can_not_accept_the_draft(rich: Visitor, friend: Visitor) -> None:
    """Who may draft writes, and the owner of the account pays."""
    invite(rich, friend.email, "DRAFT_PAYMENT")
    accept(friend)
    body = {"entries": [payment(friend.email)], "number_of_required_accepts": 1}
    number = friend.create(f"{shared(friend, rich.account)}/draft-payment", body)
    path = f"{shared(friend, rich.account)}/draft-payment/{number}"
    assert refusal(lambda: friend.call("PUT", path, {"status": "ACCEPTED"}))[0] == 403
    mine = f"{rich.account}/draft-payment/{number}"
    drafted = rich.call("GET", mine).item
    assert drafted["user_alias_created"]["uuid"] == friend.session.user["public_uuid"]
    rich.call("PUT", mine, {"status": "ACCEPTED"})
    assert (rich.balance(), friend.balance()) == ("490.00", "510.00")


def test_invitation_is_seen_from_both_sides(rich: Visitor, friend: Visitor, hook: Hook) -> None:
    """The invited sees whose account it is, but not its number until they accept."""
    path = f"/user/{rich.session.user_id}/notification-filter-url"
    wanted = {"category": "SHARE", "notification_target": hook.url}
    rich.call("POST", path, {"notification_filters": [wanted]})
    invite(rich, friend.email)
    path, before = invitation(friend)
    assert (before["status"], before["monetary_account_id"]) == ("PENDING", None)
    assert before["counter_alias"]["label_user"]["uuid"] == rich.session.user["public_uuid"]
    user = f"/user/{friend.session.user_id}"
    (waiting,) = friend.call("GET", f"{user}/event?status=AWAITING_REPLY").items
    assert waiting["object"]["ShareInviteBankResponse"]["id"] == before["id"]
    assert waiting["user_id"] == str(friend.session.user_id)
    friend.call("PUT", path, {"status": "ACCEPTED"})
    assert friend.call("GET", path).item["monetary_account_id"] == rich.account_id
    rich.door.bank.deliver()
    assert [each["event_type"] for each in hook.bodies] == [
        "SHARE_INVITE_BANK_INQUIRY_CREATED",
        "SHARE_INVITE_BANK_INQUIRY_ACCEPTED",
    ]


@pytest.mark.parametrize("by", ["owner", "guest", "clock", "rejection", "revocation"])
def test_share_ends(rich: Visitor, friend: Visitor, by: str) -> None:
    """Either side or the clock ends it, before or after it was accepted; then nothing is seen."""
    more = {"end_date": "2026-04-03 09:00:00.000000"} if by == "clock" else {}
    inquiry = invite(rich, friend.email, **more)
    path, _ = invitation(friend)
    if by in ("owner", "guest", "clock"):
        accept(friend)
        friend.call("GET", shared(friend, rich.account))
    if by in ("owner", "revocation"):
        rich.call("PUT", inquiry, {"status": "REVOKED"})
    elif by == "clock":
        rich.door.bank.clock.advance(days=2)
    else:
        friend.call("PUT", path, {"status": "REJECTED" if by == "rejection" else "CANCELLED"})
    ends = {"rejection": "REJECTED", "guest": "CANCELLED", "clock": "CANCELLED"}
    end = ends.get(by, "REVOKED")
    assert rich.call("GET", inquiry).item["status"] == end
    assert friend.call("GET", path).item["status"] == end
    assert refusal(lambda: friend.call("GET", shared(friend, rich.account)))[0] == 404
    for status in ("ACCEPTED", "REJECTED"):
        assert refusal(lambda s=status: friend.call("PUT", path, {"status": s}))[0] == 400


def test_share_opens_at_its_start(rich: Visitor, friend: Visitor) -> None:
    """Accepted early, it is open from the day it says."""
    invite(rich, friend.email, start_date="2026-04-02 09:00:00.000000")
    accept(friend)
    assert refusal(lambda: friend.call("GET", shared(friend, rich.account)))[0] == 404
    rich.door.bank.clock.advance(days=1)
    friend.call("GET", shared(friend, rich.account))


def test_guest_is_no_owner(rich: Visitor, friend: Visitor) -> None:
    """Not even full access closes the account, renames it, or invites others."""
    invite(rich, friend.email, "FULL_TRANSIENT")
    accept(friend)
    path = f"/user/{friend.session.user_id}/monetary-account-bank/{rich.account_id}"
    assert refusal(lambda: friend.call("PUT", path, {"description": "mine"}))[0] == 403
    more = f"{shared(friend, rich.account)}/share-invite-monetary-account-inquiry"
    alias = {"type": "EMAIL", "value": "bravo@bunq.com"}
    assert refusal(lambda: friend.call("POST", more, {"counter_user_alias": alias}))[0] == 403


@pytest.mark.parametrize(
    "wrong",
    [
        {"access_type": "EVERYTHING"},
        {"counter_user_alias": {"type": "EMAIL", "value": "nobody@example.org"}},
        {"end_date": "2026-03-01 00:00:00"},
        {"start_date": "soon"},
    ],
    ids=repr,
)
def test_wrong_invitations_are_refused(rich: Visitor, wrong: dict[str, Any]) -> None:
    """An access or a time that is none, and somebody whom nobody knows."""
    path = f"{rich.account}/share-invite-monetary-account-inquiry"
    body = {"counter_user_alias": {"type": "EMAIL", "value": "bravo@bunq.com"}} | wrong
    assert refusal(lambda: rich.call("POST", path, body))[0] == 400
    mine = {"counter_user_alias": {"type": "EMAIL", "value": rich.email}}
    assert "yourself" in refusal(lambda: rich.call("POST", path, mine))[1]


@pytest.mark.parametrize(
    ("detail", "access"),
    [
        ({"ShareDetailReadOnly": {"view_balance": True}}, "VIEW_BALANCE"),
        ({"ShareDetailReadOnly": {"view_old_events": True}}, "VIEW_TRANSACTION"),
        ({"ShareDetailDraftPayment": {"make_draft_payments": True}}, "DRAFT_PAYMENT"),
        ({"ShareDetailPayment": {"make_payments": True}}, "FULL_TRANSIENT"),
    ],
    ids=repr,
)
def test_details_mean_an_access(
    rich: Visitor, friend: Visitor, detail: dict[str, Any], access: str
) -> None:
    """The older way to say what is shared means a kind of access, and each kind has details."""
    old = invite(rich, friend.email, "", access_type=None, share_detail=detail)
    assert rich.call("GET", old).item["access_type"] == access
    assert invitation(friend)[1]["share_detail"].keys() == detail.keys()
    invite(rich, friend.email, access)
    assert invitation(friend)[1]["share_detail"].keys() == detail.keys()
