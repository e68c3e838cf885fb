"""When a schedule is due: its units, counted from its start, and how a body says it.

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

_STEPS = {
    "HOURLY": timedelta(hours=1),
    "DAILY": timedelta(days=1),
    "WEEKLY": timedelta(weeks=1),
}
_MONTHS = {"MONTHLY": 1, "YEARLY": 12}
_UNITS = ("ONCE", *_STEPS, *_MONTHS)
_LARGEST = 1_000


def check_schedule(body: dict[str, Any]) -> dict[str, Any]:
    """Insist that a schedule makes sense; give it with its times as bunq writes them.

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
    """Give which turn is the first that does not lie in the past."""
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
    """Give when a turn is due, counted from 0; ``None`` if the schedule ends before."""
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
    """Give the start and so many steps; ``None`` where the calendar ends."""
    try:
        if unit in _STEPS:
            return start + turn * size * _STEPS[unit]
        year, month = divmod(start.year * 12 + start.month - 1 + turn * size * _MONTHS[unit], 12)
        last = calendar.monthrange(year, month + 1)[1]
        return start.replace(year=year, month=month + 1, day=min(start.day, last))
    except (OverflowError, ValueError):
        return None


def next_quarter_day(moment: datetime) -> datetime:
    """Give the first noon after a moment of a day on which a quarter of a year begins."""
    year, quarter = moment.year, (moment.month - 1) // 3
    this = datetime(year, 3 * quarter + 1, 1, 12, tzinfo=UTC)
    if this > moment:
        return this
    year, quarter = divmod(4 * year + quarter + 1, 4)
    return datetime(year, 3 * quarter + 1, 1, 12, tzinfo=UTC)


def read_moment(name: str, text: str) -> datetime:
    """Read a time that is sent: UTC, unless it says another zone."""
    try:
        moment = datetime.fromisoformat(text)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (OverflowError, ValueError) as error:
        raise refuse(400, f'The value of "{name}" is not a valid time.') from error
