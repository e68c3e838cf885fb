"""What can go wrong on the way between a client and a bank, on demand: seeded and counted."""

from __future__ import annotations

import random
import threading
from collections import Counter
from collections.abc import Callable, Iterable
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
"""What can go wrong with a call, and leaves the bank as it is.

``cut before`` and ``cut after`` close the connection before and after the work is done; ``lost
answer`` is a ``cut after`` of a call that pays. ``delay`` answers late. ``429`` (too many calls),
``491`` (maintenance), ``500`` and ``html 502`` (a gateway's page) refuse without doing anything;
bunq sends these unsigned. ``truncated`` and ``flipped byte`` spoil the body after it was signed.
``expired session`` ends the caller's session. ``duplicated callback`` sends a callback twice.
"""
TROUBLES = ("changed address", "reset")
"""What happens at bunq's sandbox beside.

``changed address`` has the call come from another address; ``reset`` forgets everybody before it,
without notice.
"""

_PAYING = ("payment.create", "payment-batch.create", "request-response.update")


class CutConnection(Exception):  # noqa: N818 (it is no error of the bank's)
    """The door shall close the connection without an answer."""


@dataclass(frozen=True)
class Fault:
    """One thing that shall go wrong.

    Attributes
    ----------
    kind
        One of ``KINDS`` or ``TROUBLES``.
    operation
        For which operations, by name; ``*`` stands for any letters: ``payment*.create``.
    times
        How often, then never more; ``None`` for always.
    chance
        How likely it is for each call, from 0 to 1.
    seconds
        How long a ``delay`` is.

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
        """Whether it may happen to an operation."""
        if self.kind == "lost answer" and operation not in _PAYING:
            return False
        return fnmatchcase(operation, self.operation)


class Faults:
    """Faults that wait to happen, and how many have happened.

    Parameters
    ----------
    seed
        Decides by which calls those with a chance happen.
    waiting
        What shall go wrong from the start.

    Attributes
    ----------
    happened
        How often each kind has happened.
    """

    def __init__(self, seed: int, waiting: Iterable[Fault] = ()) -> None:
        self._luck = random.Random(f"{seed}/faults")  # noqa: S311 (no secret is drawn)
        self._lock = threading.Lock()
        self._waiting: list[tuple[Fault, int | None]] = [(f, f.times) for f in waiting]
        self.happened: Counter[str] = Counter()

    def add(self, fault: Fault) -> None:
        """Have one more thing go wrong."""
        with self._lock:
            self._waiting.append((fault, fault.times))

    def clear(self) -> None:
        """Have nothing go wrong any more."""
        with self._lock:
            self._waiting.clear()

    def take(self, name: Callable[[], str], *, callbacks: bool = False) -> dict[str, Fault]:
        """Give what goes wrong with this call, by kind, and count it.

        Parameters
        ----------
        name
            Gives the operation's name; asked only if anything waits to go wrong.
        callbacks
            Whether it is about a callback, and not about a call.
        """
        if not self._waiting:
            return {}
        operation = name()
        taken: dict[str, Fault] = {}
        with self._lock:
            kept: list[tuple[Fault, int | None]] = []
            for fault, left in self._waiting:
                if self._strikes(fault, operation, taken, callbacks=callbacks):
                    taken[fault.kind] = fault
                    self.happened[fault.kind] += 1
                    if left != 1:
                        kept.append((fault, left and left - 1))
                else:
                    kept.append((fault, left))
            self._waiting = kept
        return taken

    def _strikes(
        self, fault: Fault, operation: str, taken: dict[str, Fault], *, callbacks: bool
    ) -> bool:
        return (
            (fault.kind == "duplicated callback") == callbacks
            and fault.kind not in taken
            and fault.fits(operation)
            and self._luck.random() < fault.chance
        )
