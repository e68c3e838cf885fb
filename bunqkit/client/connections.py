"""Connections that record whether a request has left by them, and that end at a deadline.

The errors of ``requests`` don't tell on which side of the first byte something failed, and its
time-outs begin anew with each byte that comes. So the connection itself notes the moment at which
it hands on the first byte of a request, and one thread shuts every connection that is late.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextvars import ContextVar
from functools import cache
from typing import Any

from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool
from urllib3.connection import HTTPConnection

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
        Whether the first byte of the request was handed to the connection, after the look-up, the
        connecting, the proxy and the handshake of TLS.
    is_late
        Whether the connection was shut because the deadline had come.
    """

    def __init__(self, deadline: float) -> None:
        self.deadline = deadline
        self.has_left = False
        self.is_late = False
        self._line: socket.socket | None = None

    @property
    def left_s(self) -> float:
        """The seconds until the deadline."""
        return max(self.deadline - time.monotonic(), _SHORTEST_S)

    def hold(self, line: Any) -> None:
        """Close the connection at the deadline; only the first call counts.

        Parameters
        ----------
        line
            Its socket. What is held is a second handle of it: it stays what it is when TLS is put
            on the first one, or when that is closed while the answer is still read.
        """
        if self._line is None:
            self._line = socket.fromfd(line.fileno(), socket.AF_INET, socket.SOCK_STREAM)
            _DEADLINES.add(self)

    def shut(self) -> None:
        """Shut the connection: whoever reads from it or writes to it goes on at once, and fails."""
        self.is_late = True
        if self._line is not None:
            # The other side may have been quicker.
            with contextlib.suppress(OSError):
                self._line.shutdown(socket.SHUT_RDWR)

    def end(self) -> None:
        """Let go of the connection, which may serve another request."""
        if self._line is not None:
            _DEADLINES.discard(self)
            self._line.close()


class _Deadlines:
    """Shuts what is late. The thread lives as long as there is something to wait for."""

    def __init__(self) -> None:
        self._held: set[Sending] = set()
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._wakes_at = 0.0

    def add(self, sending: Sending) -> None:
        with self._changed:
            self._held.add(sending)
            # After a fork the thread is not alive.
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._run, daemon=True)
                self._thread.start()
            elif sending.deadline < self._wakes_at:
                self._changed.notify()

    def discard(self, sending: Sending) -> None:
        # The thread is not woken: mostly it sleeps through many calls.
        with self._changed:
            self._held.discard(sending)

    def _run(self) -> None:
        with self._changed:
            while self._held:
                self._wakes_at = min(each.deadline for each in self._held)
                self._changed.wait(max(self._wakes_at - time.monotonic(), 0))
                now = time.monotonic()
                for late in [each for each in self._held if each.deadline <= now]:
                    self._held.discard(late)
                    late.shut()
            self._thread = None


_DEADLINES = _Deadlines()
# What a thread is sending: ``urllib3`` hands a connection nothing of ours.
_UNDER_WAY: ContextVar[Sending] = ContextVar("_UNDER_WAY")


@contextlib.contextmanager
def sending_until(deadline: float) -> Iterator[Sending]:
    """Return the record of the request that this thread sends inside the block."""
    sending = Sending(deadline)
    before = _UNDER_WAY.set(sending)
    try:
        yield sending
    finally:
        _UNDER_WAY.reset(before)
        sending.end()


class RecordingAdapter(HTTPAdapter):
    """Sends by connections that record what left; through proxies too."""

    def init_poolmanager(self, *size: Any, **how: Any) -> None:
        """Prepare for direct connections."""
        super().init_poolmanager(*size, **how)
        _make_recording(self.poolmanager)

    def proxy_manager_for(self, proxy: str, **how: Any) -> Any:
        """Prepare for connections through a proxy."""
        manager = super().proxy_manager_for(proxy, **how)
        _make_recording(manager)
        return manager


class _RecordingConnection(HTTPConnection):
    def _new_conn(self) -> socket.socket:
        line = super()._new_conn()
        sending = _UNDER_WAY.get()
        sending.hold(line)
        # The handshake of TLS takes this as the limit of the whole of it.
        line.settimeout(min(line.gettimeout() or sending.left_s, sending.left_s))
        return line

    def endheaders(self, *body: Any, **how: Any) -> None:
        """Send what was put together so far: the first bytes of a request."""
        if self.sock is None:
            self.connect()
        if isinstance(self.sock, ssl.SSLSocket) and self.sock.version() is None:
            # The standard library skips the handshake on a socket that was closed before it.
            raise ssl.SSLError("the connection was closed before the handshake")
        sending = _UNDER_WAY.get()
        sending.hold(self.sock)
        sending.has_left = True
        super().endheaders(*body, **how)


def _make_recording(manager: Any) -> None:
    manager.pool_classes_by_scheme = {
        scheme: _recording(pool) for scheme, pool in manager.pool_classes_by_scheme.items()
    }


@cache
def _recording(pool: type[HTTPConnectionPool]) -> type[HTTPConnectionPool]:
    """Return a kind of pool like this one, but of connections that record."""
    if issubclass(pool.ConnectionCls, _RecordingConnection):
        return pool
    known: Any = pool.ConnectionCls
    connection = type(known.__name__, (_RecordingConnection, known), {})
    return type(pool.__name__, (pool,), {"ConnectionCls": connection})
