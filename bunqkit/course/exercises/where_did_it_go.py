"""Lesson 6: where the money went."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bunqkit.analysis.spending import balances_on, days_of, split_evenly
from bunqkit.course.exercises.exercise import Exercise, equals

if TYPE_CHECKING:
    from bunqkit.context.context import Context

_BILL = 10_003
_YEAR = 2025


def _spent_at_shop(bunq: Context) -> int:
    payments = bunq.payments()
    is_in_year = days_of(payments).dt.year == _YEAR
    is_at_shop = payments["counterparty"] == "Buurtsuper"
    return int(payments.loc[is_in_year & is_at_shop, "amount_cents"].sum())


def _balance_at_new_year(bunq: Context) -> int:
    return int(balances_on(bunq.payments(), "2024-12-31")["balance_cents"].sum())


def _dearer(bunq: Context) -> float:
    payments = bunq.payments()
    prices = payments.loc[payments["counterparty"] == "Beeldbuis Streaming", "amount_cents"]
    return round(100 * (int(prices.iloc[0]) / int(prices.iloc[-1]) - 1), 1)


def _judge_shares(answer: Any, _: Context) -> str | None:
    shares = [int(share) for share in answer]
    if sum(shares) != _BILL:
        return f"They add up to {sum(shares)} cents, not to {_BILL}."
    fair = split_evenly(_BILL, 4)
    return None if sorted(shares) == sorted(fair) else "Some pay more than a cent more than others."


EXERCISES = (
    Exercise(
        "6.1",
        hint="analysis.days_of(payments) gives days in Amsterdam, which have .dt.year.",
        solution=(
            "in_2025 = analysis.days_of(payments).dt.year == 2025\n"
            'at_shop = payments["counterparty"] == "Buurtsuper"\n'
            'answer = payments.loc[in_2025 & at_shop, "amount_cents"].sum()'
        ),
        wrong='answer = payments["amount_cents"].sum()',
        judge=equals(_spent_at_shop),
    ),
    Exercise(
        "6.2",
        hint="analysis.balances_on(payments, day) has a row an account.",
        solution='answer = analysis.balances_on(payments, "2024-12-31")["balance_cents"].sum()',
        wrong='answer = analysis.balances_on(payments, "2025-12-31")["balance_cents"].sum()',
        judge=equals(_balance_at_new_year),
    ),
    Exercise(
        "6.3",
        hint="recurring.price_changes has every change; compare the first and the last price.",
        solution=(
            'prices = payments.loc[payments["counterparty"] == "Beeldbuis Streaming", "amount"]\n'
            "answer = round(100 * (prices.iloc[0] / prices.iloc[-1] - 1), 1)"
        ),
        wrong="answer = 14.3",
        judge=equals(_dearer),
    ),
    Exercise(
        "6.4",
        hint="analysis.split_evenly(cents, people) loses no cent.",
        solution="answer = analysis.split_evenly(10003, 4)",
        wrong="answer = [2500, 2500, 2500, 2500]",
        judge=_judge_shares,
    ),
)
