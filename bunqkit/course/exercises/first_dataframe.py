"""Lesson 1: a first DataFrame."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bunqkit.analysis.spending import days_of
from bunqkit.course.exercises.exercise import Exercise, equals

if TYPE_CHECKING:
    from bunqkit.context.context import Context


def _busiest_day(bunq: Context) -> str:
    payments = bunq.payments()
    shop = payments[payments["counterparty"] == "Buurtsuper"]
    return str(days_of(shop).dt.day_name().value_counts().idxmax())


def _received_in_march(bunq: Context) -> int:
    oldest = int(bunq.accounts()["id"].min())
    march = bunq.payments(since="2026-03-01", until="2026-04-01", account=oldest)
    return int(march.loc[march["amount_cents"] > 0, "amount_cents"].sum())


def _judge_payment(answer: object, bunq: Context) -> str | None:
    if not isinstance(answer, dict) or "amount" not in answer:
        return "The exercise asks for the payment that bunq.pay(...) returns."
    payment = bunq.call("payment.get", answer.get("id")).item
    if payment.get("amount") != {"value": "-12.50", "currency": "EUR"}:
        return f"The bank has it as EUR {payment['amount']['value']}; EUR 12.50 should go out."
    return None


EXERCISES = (
    Exercise(
        "1.1",
        hint=(
            'A column of times has .dt, and that has tz_convert("Europe/Amsterdam") and '
            "day_name(). value_counts() counts."
        ),
        solution=(
            'shop = payments[payments["counterparty"] == "Buurtsuper"]\n'
            'local = shop["created"].dt.tz_convert("Europe/Amsterdam")\n'
            "answer = local.dt.day_name().value_counts().idxmax()"
        ),
        wrong='answer = "Monday"',
        judge=equals(_busiest_day),
    ),
    Exercise(
        "1.2",
        hint="What comes in is positive. The table of March is called march; sum amount_cents.",
        solution='answer = march.loc[march["amount"] > 0, "amount_cents"].sum()',
        wrong='answer = march["amount"].sum()',
        judge=equals(_received_in_march),
    ),
    Exercise(
        "1.3",
        hint='bunq.pay("10.10", ...) stands above. An amount is a text with two decimals.',
        solution='answer = bunq.pay("12.50", "bravo@bunq.com", "Lunch")',
        wrong='answer = bunq.pay("1.25", "bravo@bunq.com", "Lunch")',
        judge=_judge_payment,
    ),
)
