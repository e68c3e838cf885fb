"""Lesson 9: callbacks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bunqkit.catalogue.operations import type_named
from bunqkit.course.exercises.exercise import Exercise, equals
from bunqkit.errors import ApiError

if TYPE_CHECKING:
    from bunqkit.context.context import Context


def _refused_by_card(_: Context) -> str:
    categories = type_named("NotificationFilter")["category"].values
    return next(name for name in categories if "CARD" in name and "FAILED" in name)


def _judge_request(answer: object, bunq: Context) -> str | None:
    try:
        request = bunq.call("request-inquiry.get", answer).item
    except ApiError:
        return f"The oldest account has no request {answer}."
    if request["amount_inquired"]["value"] != "15.00":
        return f"It asks for {request['amount_inquired']['value']}."
    return None if request["status"] == "ACCEPTED" else f"It is {request['status']}."


EXERCISES = (
    Exercise(
        "9.1",
        hint="It begins with CARD, and a refused payment has failed.",
        solution='answer = "CARD_TRANSACTION_FAILED"',
        wrong='answer = "MUTATION"',
        judge=equals(_refused_by_card),
    ),
    Exercise(
        "9.2",
        hint="bunq.request_money(...) gives the request, or bunq.top_up for short.",
        solution='answer = bunq.request_money("15.00", "sugardaddy@bunq.com", "More tea")["id"]',
        wrong='answer = bunq.request_money("15.00", "bravo@bunq.com", "More tea")["id"]',
        judge=_judge_request,
    ),
)
