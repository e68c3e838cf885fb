"""When a schedule is due: its units, counted from its start, and its fields in a body.

Source: bunq docs, "Schedule": once, or every so many hours, days, weeks, months or years; times are
UTC. The n-th time is counted from the start, so that the 31st falls on the last day of a shorter
month and comes back after it. A start that lies in the past means: from now on.
"""

from __future__ import annotations

import calendar
from datetime import UTC, datetime, timedelta
from typing import Any

from bunqkit.sandbox.clock import read_time, wire_time
from bunqkit.sandbox.refusal import refuse
from bunqkit.sandbox.resources.wire import read_moment

_STEPS = {
    "HOURLY": timedelta(hours=1),
    "DAILY": timedelta(days=1),
    "WEEKLY": timedelta(weeks=1),
}
_MONTHS = {"MONTHLY": 1, "YEARLY": 12}
_UNITS = ("ONCE", *_STEPS, *_MONTHS)
_LARGEST = 1_000


def check_schedule(body: dict[str, Any]) -> dict[str, Any]:
    """Check the fields of a schedule; return them with its times as bunq writes them.

    Raises
    ------
    Refusal
        In words of our own: no source shows bunq's.
    """
    unit, size = body["recurrence_unit"], body["recurrence_size"]
    if unit not in _UNITS:
        raise refuse(400, f'"{unit}" is not a valid recurrence unit.')
    if not 1 <= size <= (1 if unit == "ONCE" else _LARGEST):
        raise refuse(400, f'{size} is not a valid recurrence size for "{unit}".')
    start = read_moment("time_start", body["time_start"])
    end = None if body.get("time_end") is None else read_moment("time_end", body["time_end"])
    if end is not None and end < start:
        raise refuse(400, "A schedule can't end before it starts.")
    return {
        "time_start": wire_time(start),
        "time_end": end and wire_time(end),
        "recurrence_unit": unit,
        "recurrence_size": size,
    }


def first_turn(schedule: dict[str, Any], now: datetime) -> int:
    """Return the number of the first turn that does not lie in the past."""
    start, unit, size = _parts(schedule)
    if unit == "ONCE" or start >= now:
        return 0
    if unit in _STEPS:
        return -((start - now) // (size * _STEPS[unit]))
    months = 12 * (now.year - start.year) + now.month - start.month
    turn = months // (size * _MONTHS[unit])
    due = _count(start, unit, size, turn)
    return turn + 1 if due is not None and due < now else turn


def due_at(schedule: dict[str, Any], turn: int) -> datetime | None:
    """Return when a turn is due, counted from 0; ``None`` if the schedule ends before."""
    start, unit, size = _parts(schedule)
    if unit == "ONCE":
        return start if turn == 0 else None
    due = _count(start, unit, size, turn)
    end = schedule["time_end"]
    return None if due is None or (end is not None and wire_time(due) > end) else due


def _parts(schedule: dict[str, Any]) -> tuple[datetime, str, int]:
    start = read_time(schedule["time_start"])
    return start, schedule["recurrence_unit"], schedule["recurrence_size"]


def _count(start: datetime, unit: str, size: int, turn: int) -> datetime | None:
    """Return the start plus so many steps; ``None`` after the last year of the calendar."""
    try:
        if unit in _STEPS:
            return start + turn * size * _STEPS[unit]
        year, month = divmod(start.year * 12 + start.month - 1 + turn * size * _MONTHS[unit], 12)
        last = calendar.monthrange(year, month + 1)[1]
        return start.replace(year=year, month=month + 1, day=min(start.day, last))
    except (OverflowError, ValueError):
        return None


def next_quarter_day(moment: datetime) -> datetime:
    """Return the first noon of a quarter of a year after a moment."""
    quarter = 4 * moment.year + (moment.month - 1) // 3
    noons = (datetime(q // 4, 3 * (q % 4) + 1, 1, 12, tzinfo=UTC) for q in (quarter, quarter + 1))
    return next(noon for noon in noons if noon > moment)
