"""How many calls the bank takes, by profile.

Source: bunq docs, "Rate limits": GET 3, POST 5, PUT 2 in 3 seconds and one session in 30 (2020,
and bunq's own toolkit of 2026-04); the page of 2026 has rolling windows by endpoint instead. The
two disagree, so the profile is the caller's to choose.
"""

from __future__ import annotations

import re
from collections import defaultdict, deque
from datetime import datetime

from bunqkit.sandbox.refusal import refuse

# (method, pattern of the operation's name, calls, seconds); the first row that fits counts.
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
    """Counts calls per address and operation, and refuses the one too many.

    Parameters
    ----------
    profile
        ``off``, ``classic`` or ``windows``.
    """

    def __init__(self, profile: str) -> None:
        self._rows = [
            (re.compile(method), re.compile(name), calls, seconds)
            for method, name, calls, seconds in _PROFILES[profile]
        ]
        self._seen: defaultdict[tuple[str, str], deque[datetime]] = defaultdict(deque)

    def check(self, method: str, operation: str, address: str, now: datetime) -> None:
        """Count a call.

        Raises
        ------
        Refusal
            429 with bunq's text, if it is one too many. Source: bunq2ynab#62 for the text.
        """
        for method_pattern, name_pattern, calls, seconds in self._rows:
            if not (method_pattern.fullmatch(method) and name_pattern.fullmatch(operation)):
                continue
            seen = self._seen[address, operation]
            while seen and (now - seen[0]).total_seconds() >= seconds:
                seen.popleft()
            if len(seen) >= calls:
                raise refuse(
                    429,
                    f"Too many requests. You can do a maximum of {calls} calls per {seconds} "
                    "second to this endpoint.",
                )
            seen.append(now)
            return
