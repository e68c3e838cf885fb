"""Limits how often the bank is called: a call waits instead of being refused.

Budgets are data, by method and endpoint. The text of a 429 names the bank's real limit, which then
replaces the budget. Threads share a limiter; kernels share one through a file.
"""

from __future__ import annotations

import contextlib
import json
import re
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from bunqkit.errors import StateError
from bunqkit.security.private_files import make_private_folder, write_private

# A little more than the bank's window, since calls don't arrive at the pace at which they leave.
_MARGIN_S = 0.05
_ANNOUNCED_FROM_S = 2.0
_ANNOUNCED_EVERY_S = 60.0


@dataclass(frozen=True)
class Budget:
    """A limit: at most so many calls in any window of so many seconds."""

    calls: int
    seconds: float


class Wait(NamedTuple):
    """How many seconds a call waited, and for which limit: ``3 GET calls in 3 s``."""

    seconds: float
    limit: str


# (method, pattern of the endpoint, budget); the first row that fits counts. Source: bunq docs,
# "Rate limits" of 2020 and bunq's toolkit of 2026-04 for the classic ones; the page of 2026 for
# the windows, of which the lower end is taken.
_PROFILES: dict[str, tuple[tuple[str, str, Budget], ...]] = {
    "off": (),
    "classic": (
        ("POST", "/session-server", Budget(1, 30)),
        ("GET", ".*", Budget(3, 3)),
        ("POST", ".*", Budget(5, 3)),
        ("PUT", ".*", Budget(2, 3)),
        ("DELETE", ".*", Budget(5, 3)),
    ),
    "windows": (
        ("POST", "/installation|/device-server", Budget(10, 86_400)),
        ("POST", "/session-server", Budget(1, 30)),
        (".*", "/user/{}/credential-password-ip.*", Budget(3, 60)),
        (".*", ".*", Budget(70, 30)),
    ),
}
PROFILES = tuple(_PROFILES)
# An id, or a placeholder for one.
_ID = re.compile(r"/([0-9]+|[0-9a-f-]{36}|\{[^/]+\})(?=/|$)")
# Source: bunq2ynab#62 and other threads: "3 calls per 3 second", "9 GET call per 9 second".
_LIMIT = re.compile(r"maximum of (\d+) (?:[A-Z]+ )?calls? per (\d+) second")


class Limiter:
    """Delays calls until the bank will accept them.

    Parameters
    ----------
    profile
        ``off``, ``classic`` or ``windows``: the budgets that count until the bank names its own.
    file
        A file in which kernels share the times of their calls; ``None`` shares nothing.
    clock, sleep, say
        A clock that never goes back (seconds), a function that waits, and one that shows a message
        to the user.
    """

    def __init__(
        self,
        profile: str = "off",
        *,
        file: Path | None = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
        say: Callable[[str], object] | None = None,
    ) -> None:
        self._rows = _PROFILES[profile]
        self._file = file
        self._clock = clock
        self._sleep = sleep
        self._say = say or _write_to_stderr
        self._lock = threading.Lock()
        self._learned: dict[str, Budget] = {}
        self._times: dict[str, deque[float]] = {}
        self._announced = float("-inf")

    def wait(self, method: str, path: str) -> Wait:
        """Wait until the call may be sent, and return how long that took.

        A long wait is announced.

        Parameters
        ----------
        method, path
            The call that follows. Paths that differ only by ids share a budget.
        """
        key = _key(method, path)
        with self._lock, self._shared():
            budget = self._budget(key)
            if budget is None:
                return Wait(0.0, "")
            now = self._clock()
            times = self._times.setdefault(key, deque())
            while len(times) > budget.calls - 1:
                earliest = times.popleft() + budget.seconds + _MARGIN_S
                if len(times) == budget.calls - 1:
                    now = max(now, earliest)
            times.append(now)
        pause = max(now - self._clock(), 0.0)
        limit = _describe(method, budget)
        if pause:
            self._announce(pause, limit)
            self._sleep(pause)
        return Wait(pause, limit)

    def learn(self, method: str, path: str, words: str) -> bool:
        """Use the limit that a 429 names from now on; return False if it names none."""
        match = _LIMIT.search(words)
        if match is None:
            return False
        key = _key(method, path)
        with self._lock, self._shared():
            budget = Budget(max(int(match[1]), 1), float(match[2]))
            self._learned[key] = budget
            # The bank has counted calls that are not known here, so its window is assumed full.
            self._times[key] = deque([self._clock()] * budget.calls)
        return True

    def estimate_s(self, method: str, path: str, calls: int) -> float:
        """Return the least time that so many calls take under the budget, in seconds."""
        budget = self._budget(_key(method, path))
        if budget is None or calls <= budget.calls:
            return 0.0
        return (calls - 1) // budget.calls * (budget.seconds + _MARGIN_S)

    def announce(self, method: str, path: str, calls: int, *, what: str) -> None:
        """Show how long many calls will take, if it is more than two seconds.

        Parameters
        ----------
        method, path
            The calls that follow; their ids make no difference.
        calls
            Their number.
        what
            What they fetch: ``at most 73 pages``.
        """
        seconds = self.estimate_s(method, path, calls)
        budget = self._budget(_key(method, path))
        if budget is not None and seconds > _ANNOUNCED_FROM_S:
            self._say(
                f"{what}, about {seconds:.0f} s: the bank allows {_describe(method, budget)}."
            )

    def _budget(self, key: str) -> Budget | None:
        if key in self._learned:
            return self._learned[key]
        method, _, endpoint = key.partition(" ")
        for row_method, pattern, budget in self._rows:
            if re.fullmatch(row_method, method) and re.fullmatch(pattern, endpoint):
                return budget
        return None

    def _announce(self, pause: float, limit: str) -> None:
        now = self._clock()
        if pause <= _ANNOUNCED_FROM_S or now - self._announced < _ANNOUNCED_EVERY_S:
            return
        self._announced = now
        self._say(f"Waiting {pause:.1f} s: the bank allows {limit}.")

    @contextlib.contextmanager
    def _shared(self) -> Iterator[None]:
        """Read the calls of other kernels from the shared file, and add those made here."""
        if self._file is None:
            yield
            return
        from filelock import FileLock

        with contextlib.ExitStack() as locks:
            # If the folder can't be written, the kernel counts alone.
            with contextlib.suppress(OSError, StateError):
                make_private_folder(self._file.parent)
                locks.enter_context(FileLock(f"{self._file}.lock", mode=0o600))
                self._read_file()
            yield
            with contextlib.suppress(OSError):
                # It is worth nothing after a power cut, so nobody waits for the disk.
                write_private(self._file, json.dumps(self._to_json()), is_lasting=False)

    def _read_file(self) -> None:
        assert self._file is not None
        try:
            content = json.loads(self._file.read_bytes())
            learned = {key: Budget(int(c), float(s)) for key, (c, s) in content["learned"].items()}
            times = {key: deque(map(float, row)) for key, row in content["times"].items()}
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return
        now = self._clock()
        # The clock begins anew when the machine restarts: later times are from before that.
        horizon = now + max((budget.seconds for budget in learned.values()), default=0) + 86_400
        self._learned = learned
        self._times = {
            key: row for key, row in times.items() if all(moment <= horizon for moment in row)
        }

    def _to_json(self) -> dict[str, Any]:
        return {
            "learned": {
                key: [budget.calls, budget.seconds] for key, budget in self._learned.items()
            },
            "times": {key: list(row) for key, row in self._times.items()},
        }


def _describe(method: str, budget: Budget) -> str:
    return f"{budget.calls} {method} calls in {budget.seconds:g} s"


def _key(method: str, path: str) -> str:
    """Return the name of an endpoint: method and path below /v1, without query and ids."""
    bare = path.partition("?")[0].removeprefix("/v1")
    return f"{method} {_ID.sub('/{}', bare)}"


def _write_to_stderr(words: str) -> None:
    sys.stderr.write(f"{words}\n")
    sys.stderr.flush()
