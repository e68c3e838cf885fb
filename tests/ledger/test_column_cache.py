"""Columns that a ledger keeps: equal to what is read from the items, and never outdated."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import bunqkit
from bunqkit.ledger.column_cache import ColumnCache
from bunqkit.ledger.ledger import Ledger
from bunqkit.sandbox import Bank


@pytest.fixture
def ledger(demo_ledger: Ledger) -> Ledger:
    """Return a ledger that has everything."""
    return demo_ledger


def check_tables(ledger: Ledger, bunq: bunqkit.Context, *, events: bool) -> None:
    """Insist that tables are those of the bank, read for the first time and once more."""
    since: dict[str, Any] = {"since": "2026-01-01", "until": "2026-03-01"}
    live: list[tuple[Callable[..., pd.DataFrame], pd.DataFrame]] = [
        (ledger.payments, bunq.payments()),
        (partial(ledger.payments, **since), bunq.payments(**since)),
        (partial(ledger.frame, "mastercard-action.list"), bunq.frame("mastercard-action.list")),
    ]
    if events:
        live += [
            (ledger.events, bunq.events()),
            (partial(ledger.frame, "payment.list"), bunq.frame("payment.list")),
            (partial(ledger.frame, "event.list"), bunq.frame("event.list")),
        ]
    for _ in range(2):
        for kept, frame in live:
            pd.testing.assert_frame_equal(kept(), frame)


@pytest.mark.slow
@pytest.mark.parametrize("events", [False, True])
def test_columns_that_were_kept_are_as_good(
    bank: Bank, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, events: bool
) -> None:
    """Many items are read from columns the next time; what changes is read anew."""
    monkeypatch.setattr("bunqkit.ledger.stored_pages._SEGMENT", 50)
    monkeypatch.setattr("bunqkit.ledger.stored_pages._PAGE", 10)
    bunq = bunqkit.connect(bank=bank, api_key=bank.demo_key)
    with Ledger(tmp_path / "ledger.sqlite") as ledger:

        def count() -> int:
            return int(ledger._store.rows("SELECT COUNT(*) AS number FROM segment")[0]["number"])

        ledger.sync(bunq)
        check_tables(ledger, bunq, events=events)
        before = count()
        assert before > 20
        bunq.pay("1.00", "bravo@bunq.com", "new")
        bank.give_back(int(bunq.frame("mastercard-action.list")["id"].iloc[60]), reverse=True)
        ledger.sync(bunq)
        assert 0 < before - count() <= 2
        check_tables(ledger, bunq, events=events)
        bunq.call("user-person.update", bunq.user_id, public_nick_name="Somebody Else")
        ledger.sync(bunq)
        check_tables(ledger, bunq, events=events)


def test_columns_are_not_kept_of_a_list_that_changed_meanwhile(ledger: Ledger) -> None:
    """They would be of what is no longer so."""
    listing = ledger._store.listing("event.list")
    old = replace(listing, changes=listing.changes - 1)
    cache = ColumnCache(ledger._store)
    cache.add(old, 1, 2, b"")
    assert cache.spans(listing) == []
