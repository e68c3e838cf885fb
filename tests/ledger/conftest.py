"""A demo person and a ledger that has everything of them, for tests that only read."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

import bunqkit
from bunqkit.ledger.ledger import Ledger
from bunqkit.sandbox import Bank


@pytest.fixture(scope="module")
def demo() -> Iterator[bunqkit.Context]:
    """Return the demo person; tests that ask for it change nothing."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BUNQ_ENVIRONMENT", "OFFLINE")
        bank = Bank()
        context = bunqkit.connect(bank=bank, api_key=bank.demo_key)
    yield context
    context.close()
    bank.close()


@pytest.fixture(scope="module")
def demo_ledger(
    demo: bunqkit.Context, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Ledger]:
    """Return a ledger that has everything of the demo person."""
    with Ledger(tmp_path_factory.mktemp("books") / "ledger.sqlite") as ledger:
        ledger.sync(demo)
        yield ledger
