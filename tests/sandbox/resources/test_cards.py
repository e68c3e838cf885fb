"""Cards: the names and lines on them."""

from __future__ import annotations

from visitors import Visitor, refusal

# Cards


def test_card_name_and_line_are_checked(visitor: Visitor, card: int) -> None:
    """Only offered names stand on a card, and 17 letters on its second line."""
    body = {"type": "MASTERCARD", "product_type": "x", "second_line": "x", "name_on_card": "Me"}
    path = f"/user/{visitor.session.user_id}/card-debit"
    assert refusal(lambda: visitor.call("POST", path, body))[0] == 400
    path = f"/user/{visitor.session.user_id}/card/{card}"
    assert refusal(lambda: visitor.call("PUT", path, {"second_line": "x" * 18}))[0] == 400
