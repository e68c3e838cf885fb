"""Lesson 3: reading."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bunqkit.course.exercises.exercise import Exercise, equals, names_list

if TYPE_CHECKING:
    from bunqkit.context.context import Context


def _first_payment(bunq: Context) -> int:
    return min(int(item["id"]) for page in bunq.pages("payment.list") for item in page.items)


def _count_payments(bunq: Context) -> int:
    return sum(len(page.items) for page in bunq.pages("payment.list"))


EXERCISES = (
    Exercise(
        "3.1",
        hint='bunq.pages("payment.list") gives the pages of the oldest account.',
        solution='answer = sum(len(page.items) for page in bunq.pages("payment.list"))',
        wrong="answer = -1",
        judge=equals(_count_payments),
    ),
    Exercise(
        "3.2",
        hint="The newest come first, so the oldest is the last item of the last page.",
        solution=(
            'last_page = list(bunq.pages("payment.list"))[-1]\nanswer = last_page.items[-1]["id"]'
        ),
        wrong='answer = bunq.api.payment.list().items[0]["id"]',
        judge=equals(_first_payment),
    ),
    Exercise(
        "3.3",
        hint='bunq.find("card") searches. A list is read with GET.',
        solution='answer = "card.list"',
        wrong='answer = "card.get"',
        judge=names_list("/card"),
    ),
)
