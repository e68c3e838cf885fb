"""Decides when a call is sent again: a read after a failure, a write only if it was not done.

A write was not done if none of its bytes was sent, or if the bank refused it and signed the
refusal. An unsigned refusal may come from a gateway, after the bank has done the work.

Source: bunq has no idempotency key: a payment that is sent twice is made twice.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TypeGuard

from bunqkit.errors import ApiError, NoAnswerError

# Too many calls, maintenance. Source: bunq docs, "Errors"; clients that verify signatures skip
# these two and server errors, so bunq sends them unsigned (the Ruby client, bunqJSClient#61).
BUSY = (429, 491)
"""The statuses of refusals that are only temporary."""
# A gateway answered. Nobody knows what the bank behind it did, so only reads are sent again.
_GATEWAY = (502, 503, 504)
_TOO_MANY = 429


@dataclass(frozen=True)
class Retries:
    """How often a call is sent, and the pauses between.

    Attributes
    ----------
    attempts
        The most times that a call is sent.
    first_pause_s
        The pause before the second attempt, in seconds. It is doubled before each further attempt,
        and varied by half, so that many clients don't call again at the same moment.
    sleep, chance
        A function that waits, and the source of the variation.
    """

    attempts: int = 4
    first_pause_s: float = 0.3
    sleep: Callable[[float], None] = field(default=time.sleep, repr=False)
    chance: random.Random = field(default_factory=random.Random, repr=False)

    def pauses(self) -> Iterator[float]:
        """Return the pauses between the attempts at one call, in seconds."""
        pause_s = self.first_pause_s
        for _ in range(self.attempts - 1):
            yield pause_s * self.chance.uniform(0.5, 1.5)
            pause_s *= 2


def is_too_many(error: ApiError | NoAnswerError) -> TypeGuard[ApiError]:
    """Return True if the bank refused because of too many calls; its words name the limit."""
    return isinstance(error, ApiError) and error.status == _TOO_MANY


def may_repeat(
    error: ApiError | NoAnswerError, *, is_read: bool, is_believed: bool = False
) -> bool:
    """Return True if a call that failed may be sent again.

    Parameters
    ----------
    error
        Why it failed.
    is_read
        True if sending it twice does no harm.
    is_believed
        True if a refusal counts although it is not signed: before the bank's key is known, and in
        the three steps, which move no money.
    """
    if isinstance(error, NoAnswerError):
        return is_read or not error.was_sent
    if is_read:
        return error.status in BUSY + _GATEWAY
    return error.status in BUSY and (error.signed or is_believed)
