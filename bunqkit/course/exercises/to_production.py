"""Lesson 12: moving to production."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bunqkit.catalogue.operations import operations
from bunqkit.course.exercises.exercise import Exercise, equals
from bunqkit.errors import BunqkitError
from bunqkit.settings import load_settings

if TYPE_CHECKING:
    from bunqkit.context.context import Context


def _that_move_money(_: Context) -> list[str]:
    return [known.name for known in operations() if known.effect == "moves money"]


def _error_of_a_wrong_key(_: Context) -> str:
    try:
        load_settings(environment="PRODUCTION", api_key="sandbox_123")
    except BunqkitError as error:
        return type(error).__name__
    return "none"


EXERCISES = (
    Exercise(
        "12.1",
        hint="Each operation has .name and .effect; print the set of the effects.",
        solution=('answer = [each.name for each in bunq.find("") if each.effect == "moves money"]'),
        wrong='answer = ["payment.create"]',
        judge=equals(_that_move_money),
    ),
    Exercise(
        "12.2",
        hint="Try it, and read the last line of what comes out.",
        solution='answer = "SettingsError"',
        wrong='answer = "ApiError"',
        judge=equals(_error_of_a_wrong_key),
    ),
)
