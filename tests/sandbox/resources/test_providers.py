"""What providers ask without OAuth."""

from __future__ import annotations

from visitors import Visitor


def user(visitor: Visitor) -> str:
    """Give the path of a person."""
    return f"/user/{visitor.session.user_id}"


def test_funds_are_confirmed_to_the_cent(rich: Visitor, friend: Visitor) -> None:
    """Enough is enough, a cent more is not."""
    iban = rich.call("GET", rich.account).item["alias"][0]
    path = f"{user(friend)}/confirmation-of-funds"
    for value, enough in (("500.00", True), ("500.01", False)):
        body = {"pointer_iban": iban, "amount": {"value": value, "currency": "EUR"}}
        assert friend.call("POST", path, body).item["has_sufficient_funds"] is enough
