"""What is due is done in the order of time, whatever happens in between."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from visitors import Door, Frozen, Hook, Visitor, Wire, payment

from bunqkit.auth import handshake
from bunqkit.errors import ApiError
from bunqkit.sandbox import Bank, Clock, doors
from bunqkit.sandbox.clock import START
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


def times(unit: str = "MONTHLY", start: str = NOON, size: int = 1, **more: Any) -> dict[str, Any]:
    """Give a schedule."""
    return {"time_start": start, "recurrence_unit": unit, "recurrence_size": size, **more}


def schedule(visitor: Visitor, to: str, amount: str = "10.00", **how: Any) -> int:
    """Have something paid again and again; give the id."""
    body = {"payment": payment(to, amount), "schedule": times(**how)}
    return visitor.create(f"{visitor.account}/schedule-payment", body)


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
