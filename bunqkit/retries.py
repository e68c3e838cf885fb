"""When a call is sent again: a read after what networks do, a write only if it was not done.

Source: bunq has no idempotency key: a payment that is sent twice is made twice.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

from bunqkit.errors import ApiError, NoAnswerError

Result = TypeVar("Result")

# Refused, and so not carried out: too many calls, maintenance.
_NOT_CARRIED_OUT = (429, 491)
# A gateway's words: nobody knows what stands behind it, so only reads are sent again.
_GATEWAY = (502, 503, 504)


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
        note
            Is told each pause, in seconds, before it begins.
        """
        pause_s = self.first_pause_s
        for left in reversed(range(self.attempts)):
            try:
                return send()
            except (ApiError, NoAnswerError) as error:
                if isinstance(error, ApiError) and error.status == _NOT_CARRIED_OUT[0]:
                    learn(" ".join(error.messages))
                if not left or not _may_repeat(error, is_read=is_read):
                    raise
            varied_s = pause_s * self.chance.uniform(0.5, 1.5)
            if note is not None:
                note(varied_s)
            self.sleep(varied_s)
            pause_s *= 2
        raise AssertionError("an attempt ends in an answer or an error")


def _may_repeat(error: ApiError | NoAnswerError, *, is_read: bool) -> bool:
    if isinstance(error, NoAnswerError):
        return is_read or not error.was_sent
    return error.status in _NOT_CARRIED_OUT or (is_read and error.status in _GATEWAY)
