"""Lesson 5: from JSON to frames."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from bunqkit.course.exercises.exercise import Exercise, equals
from bunqkit.frames.frames import to_frame

if TYPE_CHECKING:
    from bunqkit.context.context import Context


def _sum(bunq: Context) -> Decimal:
    values = [
        Decimal(payment["amount"]["value"])
        for page in bunq.pages("payment.list")
        for payment in page.items
    ]
    return sum(values, Decimal())


def _empty_columns(bunq: Context) -> list[str]:
    frame = to_frame(bunq.call("payment.list", count=200).wrapped)
    return [str(name) for name in frame.columns if frame[name].isna().all()]


def _count_aliases(bunq: Context) -> int:
    return sum(
        len(account.get("alias") or []) for account in bunq.call("monetary-account.list").items
    )


EXERCISES = (
    Exercise(
        "5.1",
        hint='bunq.frame("payment.list", money="decimal") has every page.',
        solution=(
            'exact = bunq.frame("payment.list", money="decimal")\n'
            'answer = exact["amount.value"].sum()'
        ),
        wrong='answer = frame["amount.value"].max()',
        judge=equals(_sum),
    ),
    Exercise(
        "5.2",
        hint="frame[name].isna().all() is True for a column without any value.",
        solution="answer = [name for name in frame.columns if frame[name].isna().all()]",
        wrong="answer = list(frame.columns)",
        judge=equals(_empty_columns),
    ),
    Exercise(
        "5.3",
        hint='tables["alias"] has one row an alias.',
        solution='answer = len(tables["alias"])',
        wrong="answer = 0",
        judge=equals(_count_aliases),
    ),
)
