"""When a call is sent again: a read after what networks do, a write only if it was not done.

A write was not done if nothing of it left, or if the bank refused it and signed the refusal. What
nobody signed may come from a gateway that stands behind a bank that has done its work.

Source: bunq has no idempotency key: a payment that is sent twice is made twice.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TypeVar

from bunqkit.errors import ApiError, NoAnswerError

Result = TypeVar("Result")

# Too many calls, maintenance. Source: bunq docs, "Errors"; clients that verify signatures skip
# these two and server errors, so bunq sends them unsigned (the Ruby client, bunqJSClient#61).
BUSY = (429, 491)
"""Statuses of refusals that hold for the moment only."""
# A gateway's words: nobody knows what stands behind it, so only reads are sent again.
_GATEWAY = (502, 503, 504)
_TOO_MANY = 429


@dataclass(frozen=True)
class Retries:
    """How often, and with what pauses between.

    Attributes
    ----------
    attempts
        How often a call is sent at most.
    first_pause_s
        Before the second time; doubled before each further one, and varied by half, so that many
        clients don't come back at once.
    """

    attempts: int = 4
    first_pause_s: float = 0.3
    sleep: Callable[[float], None] = field(default=time.sleep, repr=False)
    chance: random.Random = field(default_factory=random.Random, repr=False)

    def run(
        self,
        send: Callable[[], Result],
        *,
        is_read: bool,
        learn: Callable[[str], object],
        is_believed: bool = False,
        note: Callable[[float], object] | None = None,
    ) -> Result:
        """Send until an answer comes, or it must not or need not be sent again.

        Parameters
        ----------
        send
            Sends once.
        is_read
            Whether doing it twice does no harm.
        learn
            Is told the bank's words of a 429.
        is_believed
            Whether a refusal counts though it is not signed: before the bank's key is known, and in
            the three steps, which move no money.
        note
            Is told each pause, in seconds, before it begins.
        """
        pauses = self.pauses()
        while True:
            try:
                return send()
            except (ApiError, NoAnswerError) as error:
                if isinstance(error, ApiError) and error.status == _TOO_MANY:
                    learn(" ".join(error.messages))
                pause_s = next(pauses, None)
                if pause_s is None or not _may_repeat(error, is_read, is_believed):
                    raise
            if note is not None:
                note(pause_s)
            self.sleep(pause_s)

    def pauses(self) -> Iterator[float]:
        """Return the pauses between the attempts at one call, in seconds, as they are due."""
        pause_s = self.first_pause_s
        for _ in range(self.attempts - 1):
            yield pause_s * self.chance.uniform(0.5, 1.5)
            pause_s *= 2


def _may_repeat(error: ApiError | NoAnswerError, is_read: bool, is_believed: bool) -> bool:  # noqa: FBT001
    if isinstance(error, NoAnswerError):
        return is_read or not error.was_sent
    if is_read:
        return error.status in BUSY + _GATEWAY
    return error.status in BUSY and (error.signed or is_believed)
