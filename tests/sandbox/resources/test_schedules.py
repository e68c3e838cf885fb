"""Scheduled payments: by the clock, tried again, changed, called off."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from visitors import Hook, Visitor, payment, refusal

NOON = "2026-04-01 12:00:00.000000"


def times(unit: str = "MONTHLY", start: str = NOON, size: int = 1, **more: Any) -> dict[str, Any]:
    """Give a schedule."""
    return {"time_start": start, "recurrence_unit": unit, "recurrence_size": size, **more}


def schedule(visitor: Visitor, to: str, amount: str = "10.00", **how: Any) -> int:
    """Have something paid again and again; give the id."""
    body = {"payment": payment(to, amount), "schedule": times(**how)}
    return visitor.create(f"{visitor.account}/schedule-payment", body)


def turns(visitor: Visitor, number: int) -> list[dict[str, Any]]:
    """Give the turns that a schedule has had, oldest first."""
    path = f"{visitor.account}/schedule/{number}/schedule-instance"
    items: list[dict[str, Any]] = visitor.call("GET", f"{path}?count=200").items
    return items[::-1]


# Schedules


def test_schedule_pays_by_the_clock(rich: Visitor, friend: Visitor) -> None:
    """Each month at its time, dated so, until its end; then it is finished."""
    number = schedule(rich, friend.email, time_end="2026-06-30 00:00:00.000000")
    path = f"{rich.account}/schedule-payment/{number}"
    before = rich.call("GET", path).item
    assert before["schedule"]["time_next"] == NOON
    assert before["payment"]["amount"]["value"] == "-10.00"
    rich.door.bank.clock.advance(days=32)
    rich.reopen()
    assert rich.balance() == "480.00"
    assert rich.call("GET", path).item["schedule"]["time_next"] == "2026-06-01 12:00:00.000000"
    rich.door.bank.clock.advance(days=200)
    rich.reopen()
    done = rich.call("GET", path).item
    assert (done["status"], done["schedule"]["time_next"]) == ("FINISHED", None)
    paid = rich.call("GET", f"{rich.account}/payment").items[:3]
    dates = [each["created"][:16] for each in paid]
    assert dates == ["2026-06-01 12:00", "2026-05-01 12:00", "2026-04-01 12:00"]
    assert {each["scheduled_id"] for each in paid} == {number}
    results = [each["result_object"]["Payment"]["id"] for each in turns(rich, number)]
    assert results == [each["id"] for each in reversed(paid)]


@pytest.mark.parametrize(
    ("unit", "size", "expected"),
    [
        ("ONCE", 1, (6, 1)),
        ("HOURLY", 6, (1, 4)),
        ("DAILY", 1, (5, 5)),
        ("DAILY", 2, (5, 3)),
        ("WEEKLY", 1, (6, 1)),
    ],
)
def test_schedules_know_their_units(
    rich: Visitor, friend: Visitor, unit: str, size: int, expected: tuple[int, int]
) -> None:
    """Every so many of a unit, the first at the start."""
    number = schedule(rich, friend.email, "1.00", unit=unit, size=size)
    days, count = expected
    rich.door.bank.clock.advance(days=days)
    assert len(turns(rich, number)) == count
    assert rich.balance() == f"{500 - count}.00"


def test_turn_that_failed_can_be_tried_again(
    visitor: Visitor, friend: Visitor, later: Callable[..., None]
) -> None:
    """Too little money is told with its reason, and the turn is taken once there is enough."""
    number = schedule(visitor, friend.email, unit="ONCE")
    later(hours=4)
    (turn,) = turns(visitor, number)
    assert (turn["state"], turn["result_object"]) == ("FAILED_USER_ERROR", None)
    assert "not sufficient" in turn["error_message"][0]["error_description"]
    visitor.top_up()
    path = f"{visitor.account}/schedule/{number}/schedule-instance/{turn['id']}"
    visitor.call("PUT", path, {"state": "RETRY"})
    assert (turns(visitor, number)[0]["state"], visitor.balance()) == (
        "FINISHED_SUCCESSFULLY",
        "490.00",
    )
    assert refusal(lambda: visitor.call("PUT", path, {"state": "RETRY"}))[0] == 400


def test_batch_is_scheduled_whole(
    rich: Visitor, friend: Visitor, later: Callable[..., None], hook: Hook
) -> None:
    """A scheduled batch pays all or nothing at each turn, and tells it by the captured names."""
    user = f"/user/{rich.session.user_id}"
    filters = [
        {"category": category, "notification_target": hook.url}
        for category in ("SCHEDULE_RESULT", "SCHEDULE_STATUS")
    ]
    rich.call("POST", f"{user}/notification-filter-url", {"notification_filters": filters})
    both = [payment(friend.email, "200.00"), payment("bravo@bunq.com", "150.00")]
    path = f"{rich.account}/schedule-payment-batch"
    number = rich.create(path, {"payments": both, "schedule": times("DAILY")})
    assert len(rich.call("GET", f"{path}/{number}").item["payments"]) == 2
    later(days=2)
    first, second = turns(rich, number)
    assert len(first["result_object"]["PaymentBatch"]["payments"]) == 2
    assert (second["state"], rich.balance()) == ("FAILED_USER_ERROR", "150.00")
    rich.call("DELETE", f"{path}/{number}")
    rich.door.bank.deliver()
    assert [each["event_type"] for each in hook.bodies] == [
        "SCHEDULE_DEFINITION_PAYMENT_BATCH_CREATED",
        "SCHEDULE_INSTANCE_PAYMENT_BATCH_SUCCEEDED",
        "SCHEDULE_INSTANCE_PAYMENT_BATCH_FAILED",
        "SCHEDULE_DEFINITION_PAYMENT_BATCH_CANCELLED",
    ]


def test_schedule_is_changed_and_called_off(
    rich: Visitor, friend: Visitor, later: Callable[..., None]
) -> None:
    """What comes follows the last change; a deleted schedule is listed as cancelled, and rests."""
    number = schedule(rich, friend.email, unit="DAILY")
    path = f"{rich.account}/schedule-payment/{number}"
    later(days=1)
    body = {"payment": payment(friend.email, "20.00"), "schedule": times("DAILY", size=7)}
    assert rich.call("PUT", path, body).types == ["ScheduledPayment"]
    later(days=3)
    assert rich.balance() == "490.00"
    rich.call("PUT", path, {"schedule": times("DAILY")})
    later(days=1)
    assert rich.balance() == "470.00"
    rich.call("DELETE", path)
    later(days=1)
    assert rich.balance() == "470.00"
    for method in ("GET", "DELETE"):
        assert refusal(lambda m=method: rich.call(m, path))[0] == 404
    assert rich.call("GET", f"{rich.account}/schedule-payment").items == []
    for listed in (f"{rich.account}/schedule", f"/user/{rich.session.user_id}/schedule"):
        (gone,) = rich.call("GET", listed).items
        assert (gone["id"], gone["status"], gone["time_next"]) == (number, "CANCELLED", None)
        assert gone["object"]["ScheduledPayment"]["label_schedule_user_canceled"] is not None


@pytest.mark.parametrize(
    "wrong",
    [
        times("FORTNIGHTLY"),
        times(size=0),
        times("ONCE", size=2),
        times(start="tomorrow"),
        times(time_end="2026-03-01 00:00:00.000000"),
    ],
    ids=repr,
)
def test_wrong_schedules_are_refused(rich: Visitor, wrong: dict[str, Any]) -> None:
    """Units, sizes and times that make no sense."""
    body = {"payment": payment("bravo@bunq.com"), "schedule": wrong}
    path = f"{rich.account}/schedule-payment"
    assert refusal(lambda: rich.call("POST", path, body))[0] == 400
