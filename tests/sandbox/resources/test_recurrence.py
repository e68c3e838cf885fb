"""When a schedule is due."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from hypothesis import given, strategies as st

from bunqkit.sandbox.clock import START, wire_time
from bunqkit.sandbox.resources.recurrence import check_schedule, due_at, first_turn

NOON = "2026-04-01 12:00:00.000000"


def times(unit: str = "MONTHLY", start: str = NOON, size: int = 1, **more: Any) -> dict[str, Any]:
    """Give a schedule."""
    return {"time_start": start, "recurrence_unit": unit, "recurrence_size": size, **more}


def test_month_ends_come_back() -> None:
    """The 31st is the last day of a shorter month, and the 31st again after it."""
    monthly = check_schedule(times(start="2026-01-31 08:00:00"))
    days = [due_at(monthly, turn) for turn in range(4)]
    assert [day and day.day for day in days] == [31, 28, 31, 30]
    leap = check_schedule(times("YEARLY", start="2024-02-29 08:00:00", size=1))
    assert [str(due_at(leap, turn))[:10] for turn in (1, 4)] == ["2025-02-28", "2028-02-29"]


@given(
    days=st.floats(-20_000, 4_000),
    unit=st.sampled_from(["HOURLY", "DAILY", "WEEKLY", "MONTHLY", "YEARLY"]),
    size=st.integers(1, 40),
)
def test_first_turn_is_the_first_that_is_not_past(days: float, unit: str, size: int) -> None:
    """For any schedule: it is due no earlier than now, and the one before it was."""
    told = check_schedule(times(unit, wire_time(START + timedelta(days=days)), size))
    turn = first_turn(told, START)
    due = due_at(told, turn)
    assert due is not None
    assert due >= START
    before = due_at(told, turn - 1) if turn else None
    assert before is None or before < START
