"""Lesson 8: files."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bunqkit.course.exercises.exercise import Exercise, equals
from bunqkit.errors import ApiError

if TYPE_CHECKING:
    from bunqkit.context.context import Context


def _spent_by_statement(bunq: Context) -> int:
    statement = bunq.call("customer-statement.list").items[0]
    account = int(bunq.accounts()["id"].min())
    cents = bunq.payments(since=statement["date_start"], account=account)["amount_cents"]
    return int(cents[cents < 0].sum())


def _judge_upload(answer: object, bunq: Context) -> str | None:
    try:
        attachment = bunq.call("attachment-public.get", answer).item
    except ApiError:
        return f"There is no public attachment {answer!r}."
    name = attachment["attachment"]["description"]
    return None if name == "my square" else f"It is described as {name!r}."


def _judge_note(answer: object, bunq: Context) -> str | None:
    for payment in bunq.call("payment.list").items:
        for note in bunq.call("payment.note-text.list", payment_id=payment["id"]).items:
            if note["content"] == answer:
                return None
    return "None of the last payments has this text."


EXERCISES = (
    Exercise(
        "8.1",
        hint="cents < 0 tells which amounts went out.",
        solution="answer = int(cents[cents < 0].sum())",
        wrong="answer = int(cents.sum())",
        judge=equals(_spent_by_statement),
    ),
    Exercise(
        "8.2",
        hint="bunq.upload(...) stands above, with another description; what it gives has the uuid.",
        solution=(
            "made = bunq.upload(\n"
            '    "attachment-public.create", picture, description="my square",'
            ' media_type="image/png"\n'
            ")\n"
            'answer = made["uuid"]'
        ),
        wrong='answer = avatar["uuid"]',
        judge=_judge_upload,
    ),
    Exercise(
        "8.3",
        hint="payment.note-text.create takes payment_id and content.",
        solution=(
            'answer = "It was green"\n'
            'bunq.call("payment.note-text.create", payment_id=payment["id"], content=answer)'
        ),
        wrong='answer = "never written"',
        judge=_judge_note,
    ),
)
