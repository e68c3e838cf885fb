"""What the bank will do later: one list, in order of due time, done when the clock passes it.

A line says when, what kind of thing, and which one. What is due is done when the clock is moved,
before each call, and when the books are opened: each line in a transaction of its own, as if it
were its due time. So a bank that was killed half way goes on from there and does nothing twice.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime

from bunqkit.sandbox.clock import read_time, wire_time
from bunqkit.sandbox.ledger import Ledger

Duty = Callable[[Ledger, int], None]
"""Does what is due with the thing of an id; may plan what comes next."""


def plan(ledger: Ledger, kind: str, number: int, due: datetime) -> None:
    """Put a line on the agenda; one that stood there for the same thing goes."""
    cancel(ledger, kind, number)
    ledger.insert("agenda", due=wire_time(due), kind=kind, object_id=number)


def cancel(ledger: Ledger, kind: str, number: int) -> None:
    """Take a line off the agenda, if it stands there."""
    ledger.execute("DELETE FROM agenda WHERE kind = ? AND object_id = ?", kind, number)


def catch_up(ledger: Ledger, duties: Mapping[str, Duty]) -> int:
    """Do all that is due by now, what was due first first; give how much it was.

    Parameters
    ----------
    ledger
        The books.
    duties
        What each kind of line has done.
    """
    done = 0
    next_due = "SELECT * FROM agenda WHERE due <= ? ORDER BY due, id LIMIT 1"
    now = wire_time(ledger.clock.now())
    while ledger.row(next_due, now) is not None:
        with ledger.transaction():
            # Another caller may have been faster.
            line = ledger.row(next_due, now)
            if line is None:
                break
            ledger.delete("agenda", line["id"])
            with ledger.clock.standing_at(read_time(line["due"])):
                duties[line["kind"]](ledger, line["object_id"])
        done += 1
    return done
