"""How often the bank may be called: waits instead of being refused.

Budgets are data, by method and endpoint, and a bank's own words correct them: the text of a 429
names the limit that it holds to. Threads share a limiter; kernels share one through a file.
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

# A little more than the bank's window: calls don't arrive at the pace at which they leave.
_MARGIN_S = 0.05
_ANNOUNCED_FROM_S = 2.0
_ANNOUNCED_EVERY_S = 60.0


@dataclass(frozen=True)
class Budget:
    """So many calls in so many seconds, in any window of that length."""

    calls: int
    seconds: float


class Wait(NamedTuple):
    """How long a call was kept back, and by which limit: ``3 GET calls in 3 s``."""

    seconds: float
    limit: str


# (method, pattern of the endpoint, budget); the first row that fits counts. Source: bunq docs,
# "Rate limits" of 2020 and bunq's toolkit of 2026-04 for the classic ones; the page of 2026 for
# the windows, of which the more careful end is taken.
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
# An id, or where one is to stand.
_ID = re.compile(r"/([0-9]+|[0-9a-f-]{36}|\{[^/]+\})(?=/|$)")
# Source: bunq2ynab#62 and other threads: "3 calls per 3 second", "9 GET call per 9 second".
_TOLD = re.compile(r"maximum of (\d+) (?:[A-Z]+ )?calls? per (\d+) second")


class Limiter:
    """Lets calls through when the bank will take them.

    Parameters
    ----------
    profile
        ``off``, ``classic`` or ``windows``: what is assumed before the bank says otherwise.
    file
        Where kernels tell each other when they called; ``None`` keeps that to this process.
    clock, sleep, say
        Seconds that never go back, a way to pass them, and a way to tell a person.
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
        """Return when the call may be sent, and say what that took; long waits are announced.

        Parameters
        ----------
        method, path
            What will be called. Paths that differ by ids alone share a budget.
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
        limit = _told(method, budget)
        if pause:
            self._announce(pause, limit)
            self._sleep(pause)
        return Wait(pause, limit)

    def learn(self, method: str, path: str, words: str) -> bool:
        """Take the limit that a 429 names, and start counting anew; say whether it named one."""
        told = _TOLD.search(words)
        if told is None:
            return False
        key = _key(method, path)
        with self._lock, self._shared():
            budget = Budget(max(int(told[1]), 1), float(told[2]))
            self._learned[key] = budget
            # The bank has counted calls that are not known here: its window is taken as full.
            self._times[key] = deque([self._clock()] * budget.calls)
        return True

    def estimate_s(self, method: str, path: str, calls: int) -> float:
        """Give the seconds that so many calls will take at least, by the budget alone."""
        budget = self._budget(_key(method, path))
        if budget is None or calls <= budget.calls:
            return 0.0
        return (calls - 1) // budget.calls * (budget.seconds + _MARGIN_S)

    def announce(self, method: str, path: str, calls: int, *, what: str) -> None:
        """Tell how long work of so many calls will take, if it is longer than two seconds.

        Parameters
        ----------
        method, path
            What will be called; ids make no difference.
        calls
            How often.
        what
            What the calls bring: ``at most 73 pages``.
        """
        seconds = self.estimate_s(method, path, calls)
        budget = self._budget(_key(method, path))
        if budget is not None and seconds > _ANNOUNCED_FROM_S:
            self._say(f"{what}, about {seconds:.0f} s: the bank allows {_told(method, budget)}.")

    def _budget(self, key: str) -> Budget | None:
        if key in self._learned:
            return self._learned[key]
        method, _, endpoint = key.partition(" ")
        for its_method, pattern, budget in self._rows:
            if re.fullmatch(its_method, method) and re.fullmatch(pattern, endpoint):
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
        """Take in what other kernels have done, and tell them what is done here."""
        if self._file is None:
            yield
            return
        from filelock import FileLock  # noqa: PLC0415 (a bank in this process shares no limits)

        with contextlib.ExitStack() as held:
            # A folder that can't be written is no reason not to call: the kernel counts alone then.
            with contextlib.suppress(OSError, StateError):
                make_private_folder(self._file.parent)
                held.enter_context(FileLock(f"{self._file}.lock", mode=0o600))
                self._take_in()
            yield
            with contextlib.suppress(OSError):
                # It is worth nothing after a loss of power, so the disk is not waited for.
                write_private(self._file, json.dumps(self._told()), is_lasting=False)

    def _take_in(self) -> None:
        assert self._file is not None
        try:
            told = json.loads(self._file.read_bytes())
            learned = {key: Budget(int(c), float(s)) for key, (c, s) in told["learned"].items()}
            times = {key: deque(map(float, each)) for key, each in told["times"].items()}
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return
        now = self._clock()
        # After a restart of the machine its clock begins anew: times to come are not of this run.
        horizon = now + max((budget.seconds for budget in learned.values()), default=0) + 86_400
        self._learned = learned
        self._times = {
            key: each for key, each in times.items() if all(at <= horizon for at in each)
        }

    def _told(self) -> dict[str, Any]:
        return {
            "learned": {key: [each.calls, each.seconds] for key, each in self._learned.items()},
            "times": {key: list(each) for key, each in self._times.items()},
        }


def _told(method: str, budget: Budget) -> str:
    return f"{budget.calls} {method} calls in {budget.seconds:g} s"


def _key(method: str, path: str) -> str:
    """Name an endpoint: method and path below /v1, without query and ids."""
    bare = path.partition("?")[0].removeprefix("/v1")
    return f"{method} {_ID.sub('/{}', bare)}"


def _write_to_stderr(words: str) -> None:
    sys.stderr.write(f"{words}\n")
    sys.stderr.flush()
