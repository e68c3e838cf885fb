"""Faults on the way between a client and a bank, on demand: seeded and counted."""

from __future__ import annotations

import random
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase

KINDS = (
    "cut before",
    "cut after",
    "lost answer",
    "delay",
    "429",
    "491",
    "500",
    "html 502",
    "truncated",
    "flipped byte",
    "no signature",
    "wrong signature",
    "expired session",
    "duplicated callback",
)
"""The faults of a single call. They leave the bank as it is.

``cut before`` and ``cut after`` close the connection before and after the work is done; ``lost
answer`` is a ``cut after`` of a call that pays. ``delay`` answers late. ``429`` (too many calls),
``491`` (maintenance), ``500`` and ``html 502`` (a gateway's page) refuse without doing anything;
bunq sends these unsigned. ``truncated`` and ``flipped byte`` damage the body after it was signed.
``expired session`` ends the caller's session. ``duplicated callback`` sends a callback twice.
"""
TROUBLES = ("changed address", "reset")
"""Two more things that happen at bunq's sandbox.

``changed address`` makes the call come from another address; ``reset`` deletes all users before
the call, without notice.
"""

_PAYING = ("payment.create", "payment-batch.create", "request-response.update")


class CutConnection(ConnectionError):  # noqa: N818 (an order to the door, no error of the bank)
    """The door must close the connection without an answer."""

    def __init__(self) -> None:
        super().__init__("The bank closed the connection without an answer.")


@dataclass(frozen=True)
class Fault:
    """A fault that waits to happen.

    Attributes
    ----------
    kind
        One of ``KINDS`` or ``TROUBLES``.
    operation
        The names of the operations that it can hit; ``*`` stands for any letters:
        ``payment*.create``.
    times
        The number of times that it happens; ``None`` for no limit.
    chance
        The chance that it hits a call, from 0 to 1.
    seconds
        The length of a ``delay``.

    Raises
    ------
    ValueError
        If there is no such kind.
    """

    kind: str
    operation: str = "*"
    times: int | None = 1
    chance: float = 1.0
    seconds: float = 1.0

    def __post_init__(self) -> None:
        if self.kind not in KINDS + TROUBLES:
            known = ", ".join(KINDS + TROUBLES)
            raise ValueError(f"{self.kind!r} is no fault. Make it one of {known}.")

    def fits(self, operation: str) -> bool:
        """Return True if the fault can hit an operation."""
        if self.kind == "lost answer" and operation not in _PAYING:
            return False
        return fnmatchcase(operation, self.operation)


class Faults:
    """The faults of one bank: those that wait, and counts of those that have happened.

    Parameters
    ----------
    seed
        Decides which calls are hit by faults that have a chance.
    waiting
        The faults that wait from the start.

    Attributes
    ----------
    happened
        The number of times that each kind has happened.
    """

    def __init__(self, seed: int, waiting: Iterable[Fault] = ()) -> None:
        self._random = random.Random(f"{seed}/faults")
        self._lock = threading.Lock()
        self._waiting: list[tuple[Fault, int | None]] = [(f, f.times) for f in waiting]
        self.happened: Counter[str] = Counter()

    def add(self, fault: Fault) -> None:
        """Add a fault to those that wait."""
        with self._lock:
            self._waiting.append((fault, fault.times))

    def clear(self) -> None:
        """Remove all faults that wait."""
        with self._lock:
            self._waiting.clear()

    def take(self, name: Callable[[], str], *, callbacks: bool = False) -> dict[str, Fault]:
        """Return the faults that hit this call, by kind, and count them.

        Parameters
        ----------
        name
            Returns the operation's name; it is called only if a fault waits.
        callbacks
            True for the delivery of a callback, False for a call.
        """
        if not self._waiting:
            return {}
        operation = name()
        taken: dict[str, Fault] = {}
        with self._lock:
            waiting: list[tuple[Fault, int | None]] = []
            for fault, left in self._waiting:
                if (
                    (fault.kind == "duplicated callback") == callbacks
                    and fault.kind not in taken
                    and fault.fits(operation)
                    and self._random.random() < fault.chance
                ):
                    taken[fault.kind] = fault
                    self.happened[fault.kind] += 1
                    if left != 1:
                        waiting.append((fault, left and left - 1))
                else:
                    waiting.append((fault, left))
            self._waiting = waiting
        return taken


def spoil(body: bytes, faults: Mapping[str, Fault]) -> bytes:
    """Return a body as the faults of its call damage it on the way."""
    half = len(body) // 2
    if "flipped byte" in faults:
        body = body[:half] + bytes([body[half] ^ 1]) + body[half + 1 :]
    return body[:half] if "truncated" in faults else body
