"""The short forms of accounts follow their accounts."""

from __future__ import annotations

from visitors import Visitor, payment


def test_labels_follow_their_accounts(visitor: Visitor, friend: Visitor) -> None:
    """A new display name is seen at once by those who have seen the old one."""
    friend.create(f"{friend.account}/payment", payment(visitor.email))

    def shown() -> str:
        items = friend.call("GET", f"{friend.account}/payment").items
        name: str = items[0]["counterparty_alias"]["display_name"]
        return name

    assert shown() != "Tea house"
    path = f"/user/{visitor.session.user_id}/monetary-account-bank/{visitor.account_id}"
    visitor.call("PUT", path, {"display_name": "Tea house"})
    assert shown() == "Tea house"
