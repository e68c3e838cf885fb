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
