"""Cards: the names and lines on them."""

from __future__ import annotations

import pytest
from visitors import Visitor, refusal

# Cards


@pytest.fixture
def card(visitor: Visitor) -> int:
    """Give an active card of somebody with money."""
    visitor.top_up()
    user = f"/user/{visitor.session.user_id}"
    names = visitor.call("GET", f"{user}/card-name").item["possible_card_name_array"]
    body = {
        "type": "MASTERCARD",
        "product_type": "MASTERCARD_DEBIT",
        "second_line": "mine",
        "name_on_card": names[0],
    }
    answer = visitor.call("POST", f"{user}/card-debit", body)
    assert answer.types == ["CardDebit"]
    number: int = answer.item["id"]
    assert answer.item["status"] == "DEACTIVATED"
    visitor.call("PUT", f"{user}/card/{number}", {"status": "ACTIVE"})
    return number


def test_card_name_and_line_are_checked(visitor: Visitor, card: int) -> None:
    """Only offered names stand on a card, and 17 letters on its second line."""
    body = {"type": "MASTERCARD", "product_type": "x", "second_line": "x", "name_on_card": "Me"}
    path = f"/user/{visitor.session.user_id}/card-debit"
    assert refusal(lambda: visitor.call("POST", path, body))[0] == 400
    path = f"/user/{visitor.session.user_id}/card/{card}"
    assert refusal(lambda: visitor.call("PUT", path, {"second_line": "x" * 18}))[0] == 400
