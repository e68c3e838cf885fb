"""Names of hosts that lead where a test says: bunq's own to this machine, or another way each time.

The system's look-up is replaced, and nothing above it: what is tested connects as it always does.
"""

from __future__ import annotations

import socket
from collections import deque
from typing import Any

import pytest


class LookUps:
    """Answers look-ups of the names that it was told of, and keeps all that were asked for.

    Parameters
    ----------
    monkeypatch
        Puts the system's look-up back when the test ends.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.asked: list[str] = []
        self._answers: dict[str, deque[tuple[tuple[str, ...], int | None]]] = {}
        self._system = socket.getaddrinfo
        monkeypatch.setattr(socket, "getaddrinfo", self._look_up)

    def lead(self, name: str, *addresses: str, port: int | None = None) -> None:
        """Have a name lead to addresses from now on; told twice, the first time to the first.

        Parameters
        ----------
        name
            Of the host.
        addresses
            All of one answer.
        port
            In place of the one that is asked for.
        """
        self._answers.setdefault(name, deque()).append((addresses, port))

    def _look_up(self, host: Any, port: Any, *how: Any, **more: Any) -> Any:
        name = str(host).lower()
        self.asked.append(name)
        answers = self._answers.get(name)
        if answers is None:
            return self._system(host, port, *how, **more)
        addresses, other = answers[0] if len(answers) == 1 else answers.popleft()
        found = []
        for address in addresses:
            found += self._system(address, other or port, *how, **more)
        return found
