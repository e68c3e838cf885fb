"""A month at the bank from the caller's side, by ``bunq.call`` and ``bunq.api``, by both doors."""

from __future__ import annotations

from typing import Any

import pytest
from visitors import Door, Frozen

import bunqkit
from bunqkit.auth import handshake
from bunqkit.sandbox import Bank, Clock, DirectDebit

BRAVO = {"type": "EMAIL", "value": "bravo@bunq.com", "name": "Bravo"}


def eur(value: str) -> dict[str, str]:
    """Give an amount."""
    return {"value": value, "currency": "EUR"}


@pytest.fixture
def bank(tick: Frozen) -> Any:
    """Give a bank whose clock stands still, which the context may close."""
    bank = Bank(clock=Clock(tick=tick))
    yield bank
    bank.close()


@pytest.fixture
def bunq(door: Door, monkeypatch: pytest.MonkeyPatch) -> bunqkit.Context:
    """Give a new person's context: on the bank itself, or on its address."""
    if door.transport is not None:
        return bunqkit.connect(bank=door.bank)
    monkeypatch.setenv("BUNQ_BASE_URL", door.base_url)
    api_key = handshake.create_sandbox_user(door.client())
    return bunqkit.connect(environment="OFFLINE", api_key=api_key.reveal())


def test_a_month_at_the_bank(bunq: bunqkit.Context, bank: Bank) -> None:
    """Draft, schedule, link, debit and conversion: at the end every euro adds up."""
    bunq.top_up("500.00")
    order = {"amount": eur("5.00"), "counterparty_alias": BRAVO, "description": "tea"}
    draft = bunq.call("draft-payment.create", entries=[order], number_of_required_accepts=1)
    number = draft.item["id"]
    bunq.api.draft_payment.update(number, status="ACCEPTED")
    assert bunq.api.draft_payment.get(number).item["status"] == "ACCEPTED"
    times = {"time_start": "2026-04-01 12:00:00", "recurrence_unit": "DAILY", "recurrence_size": 2}
    made = bunq.call("schedule-payment.create", payment=order, schedule=times)
    entry = {"amount_inquired": eur("7.00"), "description": "tickets"}
    bank.pay_tab(bunq.api.bunqme_tab.create(bunqme_tab_entry=entry).item["id"])
    account = int(bunq.accounts()["id"].iloc[0])
    bank.direct_debit(account, DirectDebit(12_00))
    dollars = bunq.call("monetary-account-bank.create", currency="USD").item["id"]
    mine = {"type": "EMAIL", "value": bunq.user["alias"][0]["value"]}
    quote = bunq.call(
        "currency-conversion-quote.create",
        amount=eur("100.00"),
        currency_source="EUR",
        currency_target="USD",
        order_type="SELL",
        counterparty_alias=mine,
    )
    bunq.api.currency_conversion_quote.update(quote.item["id"], status="ACCEPTED")
    bank.clock.advance(days=6)
    turns = bunq.call("schedule.schedule-instance.list", schedule_id=made.item["id"])
    assert [turn["state"] for turn in turns.items] == ["FINISHED_SUCCESSFULLY"] * 3
    balances = {row.id: row.balance for row in bunq.accounts().itertuples()}
    assert balances[account] == 500 - 5 + 7 - 12 - 100 - 3 * 5
    assert balances[dollars] == 108.50
    paid = bunq.payments()
    sums = paid.groupby("currency")["amount_cents"].sum()
    assert (sums["EUR"], sums["USD"]) == (375_00, 108_50)
    insights = bunq.frame("insights.list", money="cents")
    assert insights["amount_total.value"].sum() == 375_00 + 108_50
    assert not any(bank.ledger.imbalance().values())
