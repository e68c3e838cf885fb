"""The bank's rate limits, by profile.

Source: bunq docs, "Rate limits": GET 3, POST 5, PUT 2 in 3 seconds and one session in 30 (2020,
and bunq's own toolkit of 2026-04); the page of 2026 has rolling windows by endpoint instead. The
two disagree, so the caller chooses the profile.
"""

from __future__ import annotations

import re
from collections import defaultdict, deque
from datetime import datetime

from bunqkit.sandbox.refusal import refuse

# (method, pattern of the operation's name, calls, seconds); the first row that matches counts.
_PROFILES: dict[str, tuple[tuple[str, str, int, int], ...]] = {
    "off": (),
    "classic": (
        ("POST", r"session-server\..*", 1, 30),
        ("GET", ".*", 3, 3),
        ("POST", ".*", 5, 3),
        ("PUT", ".*", 2, 3),
        ("DELETE", ".*", 5, 3),
    ),
    "windows": (
        ("POST", r"installation\..*|device-server\..*", 10, 86_400),
        ("POST", r"payment(-batch)?\..*", 1_000, 1),
        ("GET", r"card\..*", 1_000, 1),
        (".*", r"credential-password-ip.*", 3, 60),
        (".*", ".*", 100, 30),
    ),
}
PROFILES = tuple(_PROFILES)


class Limits:
    """Counts calls by address and operation, and refuses those above the limit.

    Parameters
    ----------
    profile
        ``off``, ``classic`` or ``windows``.
    """

    def __init__(self, profile: str) -> None:
        self._rows = _PROFILES[profile]
        self._times: defaultdict[tuple[str, str], deque[datetime]] = defaultdict(deque)

    def check(self, method: str, operation: str, address: str, now: datetime) -> None:
        """Count a call.

        Raises
        ------
        Refusal
            429 with bunq's text, if there were too many. Source: bunq2ynab#62 for the text.
        """
        for method_pattern, name_pattern, calls, seconds in self._rows:
            if not (re.fullmatch(method_pattern, method) and re.fullmatch(name_pattern, operation)):
                continue
            times = self._times[address, operation]
            while times and (now - times[0]).total_seconds() >= seconds:
                times.popleft()
            if len(times) >= calls:
                raise refuse(
                    429,
                    f"Too many requests. You can do a maximum of {calls} calls per {seconds} "
                    "second to this endpoint.",
                )
            times.append(now)
            return
