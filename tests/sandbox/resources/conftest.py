"""What the tests of the rules have in common."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from visitors import Visitor


@pytest.fixture(autouse=True)
def _books(request: pytest.FixtureRequest) -> Iterator[None]:
    """Check after every test of a bank that its books balance, in each currency."""
    bank = request.getfixturevalue("bank") if "bank" in request.fixturenames else None
    yield
    assert bank is None or not any(bank.ledger.imbalance().values())


@pytest.fixture
def rich(visitor: Visitor) -> Visitor:
    """Return somebody with 500 euro."""
    visitor.top_up()
    return visitor


@pytest.fixture
def card(visitor: Visitor) -> int:
    """Return an active card of somebody with money."""
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
