"""Lesson 7: the Explorer and the other widgets."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bunqkit.analysis.spending import days_of
from bunqkit.course.exercises.exercise import Exercise, equals, names_list

if TYPE_CHECKING:
    from bunqkit.context.context import Context

_LARGE_CENTS = 100_00


def _count_large(bunq: Context) -> int:
    payments = bunq.payments()
    days = days_of(payments)
    is_in_march = (days >= "2026-03-01") & (days <= "2026-03-31")
    return int((is_in_march & (payments["amount_cents"] <= -_LARGE_CENTS)).sum())


def _refusal(bunq: Context) -> str:
    """Return the bank's refusal of a signed call whose body was changed."""
    signed = next(call for call in reversed(bunq.exchanges) if call.signed)
    return " ".join(bunq.replay(signed, signed.request_body + b" ").refusal)


EXERCISES = (
    Exercise(
        "7.1",
        hint="Type 'schedule payment' into the search. A list is read with GET.",
        solution='answer = "schedule-payment.list"',
        wrong='answer = "schedule-payment.create"',
        judge=names_list("/schedule-payment"),
    ),
    Exercise(
        "7.2",
        hint="Empty the text first. payments.frame holds what the filter lets through.",
        solution=(
            "from datetime import date\n\n"
            'payments.text.value = ""\n'
            'payments.direction.value = "out"\n'
            'payments.least.value = "100"\n'
            "payments.since.value = date(2026, 3, 1)\n"
            "payments.until.value = date(2026, 3, 31)\n"
            "answer = len(payments.frame)"
        ),
        wrong="answer = len(payments.payments)",
        judge=equals(_count_large),
    ),
    Exercise(
        "7.3",
        hint="wire.look(...) opens a call again; wire.shown.refusal holds the bank's words.",
        solution=(
            "wire.look(made)\n"
            "wire.place.value = 0\n"
            'wire.letter.value = "["\n'
            "wire.replay_button.click()\n"
            "answer = wire.shown.refusal[0]"
        ),
        wrong='answer = "Insufficient authentication."',
        judge=equals(_refusal),
    ),
)
