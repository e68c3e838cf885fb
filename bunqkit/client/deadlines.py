"""Shuts the connection of a request that is late, and records whether the request was sent.

The time-outs of sockets begin anew with each byte that comes, so they don't bound the time of a
whole call. Here one thread shuts every connection whose deadline has come.
"""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from contextvars import ContextVar
from typing import Any

# Sockets take no time-out of zero or less.
_SHORTEST_S = 0.001


class Sending:
    """One request on its way.

    Parameters
    ----------
    deadline
        When its connection is shut, as ``time.monotonic()`` counts.

    Attributes
    ----------
    has_left
        True from the moment when the first byte of the request is handed to the connection: after
        the look-up, the connecting, the proxy and the handshake of TLS.
    is_late
        True if the connection was shut because the deadline had come.
    """

    def __init__(self, deadline: float) -> None:
        self.deadline = deadline
        self.has_left = False
        self.is_late = False
        self._socket: socket.socket | None = None

    @property
    def left_s(self) -> float:
        """The seconds until the deadline."""
        return max(self.deadline - time.monotonic(), _SHORTEST_S)

    def hold(self, connected: Any) -> None:
        """Shut this socket at the deadline; only the first call counts.

        A second handle of the socket is kept. It stays valid when TLS is put on the first one, and
        when the first one is closed while the answer is still read.
        """
        if self._socket is None:
            self._socket = socket.fromfd(connected.fileno(), socket.AF_INET, socket.SOCK_STREAM)
            _DEADLINES.add(self)

    def shut(self) -> None:
        """Shut the connection: reading and writing then fail at once."""
        self.is_late = True
        if self._socket is not None:
            # The other side may have been quicker.
            with contextlib.suppress(OSError):
                self._socket.shutdown(socket.SHUT_RDWR)

    def check(self) -> None:
        """Raise ``TimeoutError`` if the connection was shut at the deadline.

        To its reader, a connection that was shut may look like the end of the answer.
        """
        if self.is_late:
            raise TimeoutError("the answer did not end in time")

    def end(self) -> None:
        """Let go of the connection, which may serve another request."""
        if self._socket is not None:
            _DEADLINES.discard(self)
            self._socket.close()


class _Deadlines:
    """Shuts what is late, in a thread that lives as long as there is something to wait for."""

    def __init__(self) -> None:
        self._pending: set[Sending] = set()
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._wakes_at = 0.0

    def add(self, sending: Sending) -> None:
        with self._changed:
            self._pending.add(sending)
            # After a fork the thread is not alive.
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._run, daemon=True)
                self._thread.start()
            elif sending.deadline < self._wakes_at:
                self._changed.notify()

    def discard(self, sending: Sending) -> None:
        # The thread is not woken: mostly it sleeps through many calls.
        with self._changed:
            self._pending.discard(sending)

    def _run(self) -> None:
        with self._changed:
            while self._pending:
                self._wakes_at = min(sending.deadline for sending in self._pending)
                self._changed.wait(max(self._wakes_at - time.monotonic(), 0))
                now = time.monotonic()
                for late in [sending for sending in self._pending if sending.deadline <= now]:
                    self._pending.discard(late)
                    late.shut()
            self._thread = None


_DEADLINES = _Deadlines()
# ``urllib3`` hands nothing of ours to a connection, so the connection looks here.
_CURRENT: ContextVar[Sending] = ContextVar("_CURRENT")


@contextlib.contextmanager
def sending_until(deadline: float) -> Iterator[Sending]:
    """Return the record of the request that this thread sends inside the block."""
    sending = Sending(deadline)
    before = _CURRENT.set(sending)
    try:
        yield sending
    finally:
        _CURRENT.reset(before)
        sending.end()


def current_sending() -> Sending:
    """Return the record of the request that this thread sends now."""
    return _CURRENT.get()
