"""Lesson 10: when things fail."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bunqkit.course.exercises.exercise import Exercise, equals
from bunqkit.errors import ApiError

if TYPE_CHECKING:
    from bunqkit.context.context import Context


def _calls_through_maintenance(bunq: Context) -> int:
    if bunq.bank is not None:
        from bunqkit.sandbox import Fault

        bunq.bank.faults.add(Fault("491"))
    last = bunq.exchanges[-1]
    bunq.call("card.list")
    newest_first = reversed(list(bunq.exchanges))
    return next(count for count, exchange in enumerate(newest_first) if exchange is last)


def _judge_payment(answer: object, bunq: Context) -> str | None:
    payments = {payment["id"]: payment for payment in bunq.call("payment.list", count=200).items}
    if not isinstance(answer, int) or answer not in payments:
        return f"The oldest account has no payment {answer} among its last 200."
    description = payments[answer]["description"]
    if description != "Surely once":
        return f"It is described as {description!r}."
    amount = payments[answer]["amount"]["value"]
    return None if amount == "-3.21" else f"Its amount is {amount}."


def _status_of_too_much(bunq: Context) -> int:
    try:
        bunq.pay("99999999.00", "bravo@bunq.com", "Too much")
    except ApiError as error:
        return error.status
    return 200


EXERCISES = (
    Exercise(
        "10.1",
        hint='Fault("491") refuses one call; len(bunq.exchanges) counts them.',
        solution=(
            "if bank:\n"
            '    bank.faults.add(Fault("491"))\n'
            "before = len(bunq.exchanges)\n"
            "bunq.api.card.list()\n"
            "answer = len(bunq.exchanges) - before"
        ),
        wrong="answer = 0",
        judge=equals(_calls_through_maintenance),
    ),
    Exercise(
        "10.2",
        hint='Add Fault("lost answer") to bank.faults, then pay as always.',
        solution=(
            "if bank:\n"
            '    bank.faults.add(Fault("lost answer"))\n'
            'answer = bunq.pay("3.21", "bravo@bunq.com", "Surely once")["id"]'
        ),
        wrong='answer = bunq.pay("3.21", "bravo@bunq.com", "Surely")["id"]',
        judge=_judge_payment,
    ),
    Exercise(
        "10.3",
        hint="Catch bunqkit.ApiError, and look at its status.",
        solution=(
            "try:\n"
            '    bunq.pay("99999999.00", "bravo@bunq.com", "Too much")\n'
            "except bunqkit.ApiError as error:\n"
            "    answer = error.status"
        ),
        wrong="answer = 500",
        judge=equals(_status_of_too_much),
    ),
)
