"""Plans and runs what the bank does later: one list of jobs, in the order of their due time.

The table ``agenda`` holds the jobs: when each is due, its kind, and the id of its object. Due jobs
run when the clock is moved, before each call, and when the books are opened. Each runs in a
transaction of its own, at its due time. So a bank that was killed in between goes on from there and
does nothing twice.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime

from bunqkit.sandbox.clock import read_time, wire_time
from bunqkit.sandbox.ledger import BankLedger

Job = Callable[[BankLedger, int], None]
"""Does what is due for the object of an id; may plan the next job."""


def plan(ledger: BankLedger, kind: str, number: int, due: datetime) -> None:
    """Plan a job; it replaces an earlier one of the same kind and object."""
    cancel(ledger, kind, number)
    ledger.insert("agenda", due=wire_time(due), kind=kind, object_id=number)


def cancel(ledger: BankLedger, kind: str, number: int) -> None:
    """Cancel a job, if there is one of this kind and object."""
    ledger.execute("DELETE FROM agenda WHERE kind = ? AND object_id = ?", kind, number)


def catch_up(ledger: BankLedger, jobs: Mapping[str, Job]) -> int:
    """Run all jobs that are due by now, in the order of their due time; return their number.

    Parameters
    ----------
    ledger
        The books.
    jobs
        What to do, by kind of job.
    """
    done = 0
    next_due = "SELECT * FROM agenda WHERE due <= ? ORDER BY due, id LIMIT 1"
    now = wire_time(ledger.clock.now())
    while ledger.row(next_due, now) is not None:
        with ledger.transaction():
            # Another thread may have taken it in the meantime.
            row = ledger.row(next_due, now)
            if row is None:
                break
            ledger.delete("agenda", row["id"])
            with ledger.clock.standing_at(read_time(row["due"])):
                jobs[row["kind"]](ledger, row["object_id"])
        done += 1
    return done
