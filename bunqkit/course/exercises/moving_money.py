"""Lesson 4: moving money."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bunqkit.course.exercises.exercise import Exercise
from bunqkit.errors import ApiError

if TYPE_CHECKING:
    from bunqkit.context.context import Context


def _get(operation: str, number: object, bunq: Context) -> dict[str, Any] | None:
    try:
        return bunq.call(operation, number).item
    except ApiError:
        return None


def _say(amount: dict[str, Any]) -> str:
    return f"{amount['currency']} {amount['value']}"


def _judge_payment(answer: object, bunq: Context) -> str | None:
    payment = _get("payment.get", answer, bunq)
    if payment is None:
        return f"The oldest account has no payment {answer}."
    if payment["description"] != "Lesson 4":
        return f"It is described as {payment['description']!r}."
    if payment["amount"]["value"] != "-7.77":
        return f"Its amount is {_say(payment['amount'])}."
    return None


def _judge_gift(answer: object, bunq: Context) -> str | None:
    payment = _get("payment.get", answer, bunq)
    if payment is None:
        return f"The oldest account has no payment {answer}. A request has an id of its own."
    if payment["counterparty_alias"]["display_name"] != "Sugar Daddy":
        return f"It is from {payment['counterparty_alias']['display_name']}."
    if payment["amount"]["value"] != "20.00":
        return f"It brought {_say(payment['amount'])}."
    return None


def _judge_batch(answer: object, bunq: Context) -> str | None:
    batch = _get("payment-batch.get", answer, bunq)
    if batch is None:
        return f"There is no batch {answer}."
    payments = batch["payments"]
    entries = payments if isinstance(payments, list) else payments.get("payment", [])
    if [entry["amount"]["value"] for entry in entries] == ["-1.50", "-1.50"]:
        return None
    return f"Its amounts are {', '.join(_say(entry['amount']) for entry in entries)}."


EXERCISES = (
    Exercise(
        "4.1",
        hint='bunq.pay(...) gives the payment; its id stands under "id".',
        solution='answer = bunq.pay("7.77", "bravo@bunq.com", "Lesson 4")["id"]',
        wrong='answer = bunq.pay("7.70", "bravo@bunq.com", "Lesson 4")["id"]',
        judge=_judge_payment,
    ),
    Exercise(
        "4.2",
        hint="After bunq.top_up(...) the newest payment of the account is the one.",
        solution=(
            'bunq.top_up("20.00")\n'
            'answer = int(bunq.payments(account=account, max_rows=1)["id"].iloc[0])'
        ),
        wrong='answer = bunq.top_up("20.00")["id"]',
        judge=_judge_gift,
    ),
    Exercise(
        "4.3",
        hint="Change the amount of entry, and create a batch as above.",
        solution=(
            'small = {**entry, "amount": {"value": "1.50", "currency": "EUR"}}\n'
            "made = bunq.api.payment_batch.create(payments=[small, small])\n"
            'answer = made.first("Id")["id"]'
        ),
        wrong='answer = bunq.api.payment_batch.create(payments=[entry]).first("Id")["id"]',
        judge=_judge_batch,
    ),
)
