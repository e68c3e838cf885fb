"""What the bank does later: drafts that wait, schedules, and the agenda that the clock drives."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, strategies as st
from visitors import Door, Frozen, Hook, Visitor, Wire, payment, refusal

from bunqkit.auth import handshake
from bunqkit.errors import ApiError
from bunqkit.sandbox import Bank, Clock, doors
from bunqkit.sandbox.clock import START, wire_time
from bunqkit.sandbox.resources.recurrence import check_schedule, due_at, first_turn
from bunqkit.security.signing import KeyPair

NOON = "2026-04-01 12:00:00.000000"


@pytest.fixture(autouse=True)
def _books(bank: Bank) -> Iterator[None]:
    """Insist after every test that the books balance."""
    yield
    assert not any(bank.ledger.imbalance().values())


@pytest.fixture
def rich(visitor: Visitor) -> Visitor:
    """Give somebody with 500 euro."""
    visitor.top_up()
    return visitor


def entry(to: str, amount: str = "10.00", **more: Any) -> dict[str, Any]:
    """Give an entry of a draft."""
    return payment(to, amount, **more)


def draft(visitor: Visitor, *entries: dict[str, Any], **more: Any) -> str:
    """Write a draft; give its path."""
    body = {"entries": list(entries), "number_of_required_accepts": 1, **more}
    path = f"{visitor.account}/draft-payment"
    return f"{path}/{visitor.create(path, body)}"


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


# Drafts


def test_draft_pays_when_it_is_accepted(rich: Visitor, friend: Visitor) -> None:
    """A draft moves nothing until it is accepted, and then shows the payment."""
    path = draft(rich, entry(friend.email, "12.50"))
    waiting = rich.call("GET", path).item
    assert (waiting["status"], waiting["object"], rich.balance()) == ("PENDING", None, "500.00")
    assert waiting["entries"][0]["amount"]["value"] == "12.50"
    body = {"status": "ACCEPTED", "previous_updated_timestamp": waiting["updated"]}
    assert rich.call("PUT", path, body).types == ["Id"]
    done = rich.call("GET", path).item
    assert (done["status"], rich.balance()) == ("ACCEPTED", "487.50")
    paid = rich.call("GET", f"{rich.account}/payment").items[0]
    assert done["object"]["Payment"]["id"] == paid["id"]
    assert done["responses"][0]["status"] == "ACCEPTED"


def test_draft_of_several_pays_all_or_none(rich: Visitor, friend: Visitor) -> None:
    """Several entries become a batch; too little money leaves the draft waiting."""
    few = [entry(friend.email, "100.00"), entry("bravo@bunq.com", "100.00")]
    path = draft(rich, *few)
    rich.call("PUT", path, {"status": "ACCEPTED"})
    batch = rich.call("GET", path).item["object"]["PaymentBatch"]
    assert [each["amount"]["value"] for each in batch["payments"]] == ["-100.00", "-100.00"]
    path = draft(rich, *few, *few)
    status, text = refusal(lambda: rich.call("PUT", path, {"status": "ACCEPTED"}))
    assert (status, "not sufficient" in text) == (400, True)
    assert rich.call("GET", path).item["status"] == "PENDING"
    assert rich.balance() == "300.00"


@pytest.mark.parametrize("end", ["ACCEPTED", "REJECTED", "CANCELLED"])
def test_draft_ends_once(rich: Visitor, friend: Visitor, end: str) -> None:
    """What was accepted, rejected or cancelled stays so."""
    path = draft(rich, entry(friend.email))
    rich.call("PUT", path, {"status": end})
    assert rich.call("GET", path).item["status"] == end
    for status in ("ACCEPTED", "REJECTED", "CANCELLED"):
        code, text = refusal(lambda s=status: rich.call("PUT", path, {"status": s}))
        assert (code, end in text) == (400, True)
    assert rich.balance() == ("490.00" if end == "ACCEPTED" else "500.00")


def test_draft_guards_against_races(rich: Visitor, friend: Visitor, tick: Frozen) -> None:
    """Who has not seen the last change may not accept; the entries may change until then."""
    path = draft(rich, entry(friend.email))
    seen = rich.call("GET", path).item["updated"]
    tick.seconds += 1
    rich.call("PUT", path, {"entries": [entry(friend.email, "20.00")]})
    old = {"status": "ACCEPTED", "previous_updated_timestamp": seen}
    assert "changed in the meantime" in refusal(lambda: rich.call("PUT", path, old))[1]
    rich.call("PUT", path, {"status": "ACCEPTED"})
    assert rich.balance() == "480.00"


@pytest.mark.parametrize(
    "wrong",
    [
        {"number_of_required_accepts": 2},
        {"entries": []},
        {"entries": [entry("nobody@example.org")]},
        {"entries": [entry("bravo@bunq.com", "0.00")]},
        {"status": "ACCEPTED"},
        {"schedule": times(size=0)},
    ],
    ids=repr,
)
def test_wrong_drafts_are_refused(rich: Visitor, wrong: dict[str, Any]) -> None:
    """One accept is needed, and each entry must be payable but for the money."""
    body = {"entries": [entry("bravo@bunq.com")], "number_of_required_accepts": 1} | wrong
    path = f"{rich.account}/draft-payment"
    assert refusal(lambda: rich.call("POST", path, body))[0] == 400
    assert rich.call("GET", path).items == []


def test_draft_with_a_schedule_pays_later(
    rich: Visitor, friend: Visitor, later: Callable[..., None]
) -> None:
    """Accepting it makes a schedule, and no payment yet."""
    path = draft(rich, entry(friend.email), schedule=times("ONCE"))
    rich.call("PUT", path, {"status": "ACCEPTED"})
    assert rich.balance() == "500.00"
    assert len(rich.call("GET", f"{rich.account}/schedule-payment").items) == 1
    later(hours=4)
    assert rich.balance() == "490.00"


def test_draft_is_told(rich: Visitor, friend: Visitor, hook: Hook) -> None:
    """Its event waits for an answer, then is final; callbacks say what happened."""
    user = f"/user/{rich.session.user_id}"
    wanted = {"category": "DRAFT_PAYMENT", "notification_target": hook.url}
    rich.call("POST", f"{user}/notification-filter-url", {"notification_filters": [wanted]})
    path = draft(rich, entry(friend.email))
    (waiting,) = rich.call("GET", f"{user}/event?status=AWAITING_REPLY").items
    assert waiting["object"]["DraftPayment"]["status"] == "PENDING"
    rich.call("PUT", path, {"status": "ACCEPTED"})
    rich.door.bank.deliver()
    told = [each["event_type"] for each in hook.bodies]
    assert told == ["DRAFT_PAYMENT_CREATED", "DRAFT_PAYMENT_ACCEPTED"]
    assert rich.call("GET", f"{user}/event?status=AWAITING_REPLY").items == []


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


# The agenda


def test_due_things_are_done_in_order(rich: Visitor, friend: Visitor) -> None:
    """One jump of the clock gives the same books as many small steps, ids and times included."""

    def books(steps: list[float]) -> list[tuple[Any, ...]]:
        bank = Bank(clock=Clock(tick=Frozen()))
        door = Door(Wire(bank), doors.BASE_URL, doors.InProcess(bank))
        one, two = (Visitor(door, rich.client.key or KeyPair.generate()) for _ in "12")
        one.top_up("100.00")
        schedule(one, two.email, "30.00", unit="DAILY")
        schedule(two, one.email, "45.00", unit="DAILY", size=2)
        for days in steps:
            bank.clock.advance(days=days)
        told = [tuple(row) for row in bank.ledger.rows("SELECT * FROM movement ORDER BY id")]
        bank.close()
        return told

    assert friend.balance() == "500.00"
    jump = books([10])
    assert jump == books([0.1] * 100)
    assert jump == books([3, 7])


def test_sessions_and_keys_end_by_the_clock(bank: Bank, key: KeyPair) -> None:
    """Moving the clock takes away sessions and keys that nobody bound, at their time."""
    door = Door(Wire(bank), doors.BASE_URL, doors.InProcess(bank))
    handshake.create_sandbox_user(door.client())
    visitor = Visitor(door, key)
    unbound = "SELECT 1 FROM api_key WHERE expires IS NOT NULL"
    bank.clock.advance(seconds=3599)
    assert bank.ledger.row(unbound)
    bank.clock.advance(seconds=1)
    assert not bank.ledger.row(unbound)
    visitor.call("GET", "/user")
    bank.clock.advance(days=7)
    assert not bank.ledger.row("SELECT 1 FROM session")
    with pytest.raises(ApiError, match="Insufficient authentication"):
        visitor.call("GET", "/user")


def test_callbacks_are_retried_as_the_clock_moves(
    rich: Visitor, friend: Visitor, hook: Hook
) -> None:
    """One jump past all retries makes all six tries, and a failure."""
    hook.status = 500
    path = f"/user/{friend.session.user_id}/notification-filter-"
    wanted = {"category": "MUTATION", "notification_target": hook.url}
    friend.call("POST", f"{path}url", {"notification_filters": [wanted]})
    schedule(rich, friend.email, unit="ONCE")
    rich.door.bank.clock.advance(hours=4)
    assert len(hook.came) == 6
    (failure,) = friend.call("GET", f"{path}failure").items
    assert failure["event_type"] == "MUTATION_RECEIVED"


def test_a_bank_that_was_killed_catches_up(tmp_path: Path, key: KeyPair) -> None:
    """What became due while a bank on a file was gone is done once when it opens, at its time."""
    path, clock = str(tmp_path / "bank.sqlite"), Clock(tick=Frozen())
    bank = Bank(path, clock=clock)
    door = Door(Wire(bank), doors.BASE_URL, doors.InProcess(bank))
    one, two = Visitor(door, key), Visitor(door, key)
    one.top_up()
    schedule(one, two.email, unit="DAILY")
    bank.close()
    for _ in range(2):
        bank = Bank(path, clock=Clock(START + timedelta(days=3), tick=Frozen()))
        rows = bank.ledger.rows(
            "SELECT created FROM movement WHERE description = 'tea' ORDER BY id DESC"
        )
        assert [row["created"][:16] for row in rows] == [
            "2026-04-03 12:00",
            "2026-04-02 12:00",
            "2026-04-01 12:00",
            "2026-04-01 09:00",
        ]
        assert not any(bank.ledger.imbalance().values())
        bank.close()


def test_a_moved_clock_stays_moved(tmp_path: Path) -> None:
    """A bank on a file that was closed after its clock was moved goes on from there."""
    path = str(tmp_path / "bank.sqlite")
    bank = Bank(path)
    moved = bank.clock.advance(days=40)
    bank.close()
    bank = Bank(path)
    # It was written down a moment before the clock was read.
    assert bank.clock.now() > moved - timedelta(minutes=1)
    bank.close()
