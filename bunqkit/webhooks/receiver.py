"""A target of callbacks on this machine, which keeps only what the bank has signed, and once.

bunq itself calls no address on your machine: put something public before it, such as a tunnel. The
offline bank calls it as it is.

Source: bunq docs, "Callbacks".
"""

from __future__ import annotations

import hashlib
import io
import json
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Self

from bunqkit.errors import BunqkitError, NoAnswerError, SignatureError

if TYPE_CHECKING:
    from bunqkit.context.context import Context

_LARGEST_BODY = 4 * 1024 * 1024
_TIMEOUT_S = 10.0
# Closing waits until the server looks whether it should end.
_POLL_S = 0.05
# Each is a thread.
_MOST_AT_ONCE = 500
_LONGEST_NUMBER = 10


@dataclass(frozen=True)
class Notification:
    """A callback whose signature is the bank's.

    Attributes
    ----------
    category, event_type
        What a filter asked for, and what happened.
    type, item
        The object that it happened to, under its name, as a list would give it.
    body
        The bytes that were signed.
    """

    category: str
    event_type: str
    type: str
    item: dict[str, Any] = field(repr=False)
    body: bytes = field(repr=False)

    @property
    def id(self) -> str:
        """The same text each time that this event is sent, and another for any other event.

        A hash of category, event type, type of the object, its ``id`` and its ``updated``; the
        bytes stand in for an ``updated`` that is not there.
        """
        when = self.item.get("updated") or hashlib.sha256(self.body).hexdigest()
        facts = [self.category, self.event_type, self.type, self.item.get("id"), when]
        return hashlib.sha256(json.dumps(facts).encode()).hexdigest()


class Receiver:
    """Listens on this machine from ``open()`` or ``with`` on, and verifies whatever comes.

    The bank sends a callback again if it hears no success in time. One that came before is answered
    with success, and goes no further.

    Parameters
    ----------
    bunq
        Whose bank's key the callbacks must be signed with.
    host, port
        Where to listen; port 0 takes a free one.
    handler
        Called with each notification, one at a time, before the sender is answered. If it raises
        an error, the sender gets one too, and the handler is called again when it is sent again.

    Attributes
    ----------
    received
        What came, was signed, and was handled without an error, oldest first.
    repeated
        How many came that had been received before.
    refused
        Why something that came was not taken, oldest first; its sender was answered with an error.
    url
        The address to give to ``notification-filter-url.create``.
    """

    def __init__(
        self,
        bunq: Context,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        handler: Callable[[Notification], object] | None = None,
    ) -> None:
        self.received: list[Notification] = []
        self.repeated = 0
        self.refused: list[str] = []
        self._bunq = bunq
        self._handle = handler
        self._seen: set[str] = set()
        self._turn = threading.Lock()
        self._news = threading.Condition()
        try:
            self._server = _Server((host, port), self._take, self._refuse)
        except (OSError, OverflowError) as error:
            raise BunqkitError(
                f"Nothing can listen on {host}:{port} ({error}). Choose another port, or 0 for a "
                "free one."
            ) from error
        # Nobody can call the address that stands for all.
        name = "127.0.0.1" if host in ("", "0.0.0.0") else host  # noqa: S104 (it is not bound here)
        self.url = f"http://{name}:{self._server.server_port}/"

    def open(self) -> Self:
        """Begin to listen; ``with`` does it too."""
        serve = partial(self._server.serve_forever, _POLL_S)
        threading.Thread(target=serve, name="receiver", daemon=True).start()
        return self

    def close(self) -> None:
        """Listen no more; what was received stays."""
        self._server.shutdown()
        self._server.server_close()

    def __enter__(self) -> Self:
        return self.open()

    def __exit__(self, *_error: object) -> None:
        self.close()

    def filters(self, *categories: str) -> list[dict[str, str]]:
        """Give the ``notification_filters`` that have these categories sent here."""
        return [{"category": each, "notification_target": self.url} for each in categories]

    def wait(self, count: int = 1, *, timeout_s: float = _TIMEOUT_S) -> list[Notification]:
        """Give what was received, once it is so many.

        Raises
        ------
        NoAnswerError
            If fewer came in time.
        """
        with self._news:
            if not self._news.wait_for(lambda: len(self.received) >= count, timeout_s):
                last = f" The last one refused: {self.refused[-1]}" if self.refused else ""
                raise NoAnswerError(
                    f"{len(self.received)} of {count} callbacks came to {self.url} within "
                    f"{timeout_s:g} s.{last} Is there a filter that names this address?",
                    method="POST",
                    path="/",
                    was_sent=False,
                )
            return list(self.received)

    def _take(self, body: bytes, signature: str | None) -> int:
        """Keep a callback, or say why not; give the status of the answer."""
        try:
            key = self._bunq.client.bank_key
            if signature is None or key is None:
                raise SignatureError("It has no signature.")  # noqa: TRY301 (one way to refuse)
            key.verify(body, signature)
            told = json.loads(body)["NotificationUrl"]
            name, item = next(iter(told["object"].items()))
            notification = Notification(
                str(told["category"]), str(told["event_type"]), name, dict(item), body
            )
        except SignatureError as error:
            return self._refuse(403, str(error))
        except (ValueError, KeyError, TypeError, AttributeError, StopIteration, RecursionError):
            return self._refuse(400, "It is no callback of bunq's.")
        # One at a time: a repeat waits until it is known what became of the first.
        with self._turn:
            if notification.id in self._seen:
                self.repeated += 1
                return 200
            try:
                if self._handle is not None:
                    self._handle(notification)
            except Exception as error:  # noqa: BLE001 (whatever it is, the sender tries again)
                return self._refuse(500, f"The handler failed: {type(error).__name__}: {error}")
            self._seen.add(notification.id)
            with self._news:
                self.received.append(notification)
                self._news.notify_all()
        return 200

    def _refuse(self, status: int, why: str) -> int:
        with self._news:
            self.refused.append(why)
        return status

    def __repr__(self) -> str:
        told = (
            f"{len(self.received)} received, {self.repeated} repeated, {len(self.refused)} refused"
        )
        return f"<Receiver at {self.url}: {told}>"


class _Server(ThreadingHTTPServer):
    """A server with so many connections at once and no more."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(
        self,
        address: tuple[str, int],
        take: Callable[[bytes, str | None], int],
        refuse: Callable[[int, str], int],
    ) -> None:
        self.take = take
        self.refuse = refuse
        self._free = threading.Semaphore(_MOST_AT_ONCE)
        super().__init__(address, _Handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        if self._free.acquire(blocking=False):
            super().process_request(request, client_address)
        else:
            self.shutdown_request(request)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._free.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Log nothing about clients that hang up."""


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    rfile: io.BufferedReader

    def setup(self) -> None:
        super().setup()
        self.rfile.close()
        self._source = _Source(self.connection, time.monotonic() + _TIMEOUT_S)
        self.rfile = io.BufferedReader(self._source)

    def do_POST(self) -> None:
        try:
            body = self._read_body()
        except _WrongLengthError as error:
            status = self.server.refuse(error.status, str(error))
        except TimeoutError:
            status = self.server.refuse(408, "It did not come whole in time.")
        else:
            status = self.server.take(body, self.headers.get("X-Bunq-Server-Signature"))
        self.connection.settimeout(_TIMEOUT_S)
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def _read_body(self) -> bytes:
        """Return the body, if it is as long as it says."""
        told = self.headers.get_all("Content-Length") or []
        if not told or "Transfer-Encoding" in self.headers:
            raise _WrongLengthError(411, "It does not say how long it is.")
        text = told[0]
        if len(told) > 1 or not (text.isascii() and text.isdigit()):
            raise _WrongLengthError(400, "Its Content-Length is no length.")
        if len(text) > _LONGEST_NUMBER or int(text) > _LARGEST_BODY:
            raise _WrongLengthError(413, "It is too long.")
        body = self.rfile.read(int(text))
        self._source.is_patient = False
        if len(body) < int(text) or self.rfile.peek(1):
            raise _WrongLengthError(400, "It is not as long as it says.")
        return body

    def log_message(self, format: str, *_told: object) -> None:  # noqa: A002 (as above)
        """Log nothing: what came is in ``received`` and ``refused``."""


class _WrongLengthError(Exception):
    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        self.status = status


class _Source(io.RawIOBase):
    """What comes by a connection, up to a moment: a byte now and then wins no time."""

    def __init__(self, connection: socket.socket, end: float) -> None:
        super().__init__()
        self.is_patient = True
        self._connection = connection
        self._end = end

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        left = self._end - time.monotonic()
        if left <= 0:
            raise TimeoutError
        self._connection.settimeout(left if self.is_patient else 0)
        try:
            return self._connection.recv_into(buffer)
        except BlockingIOError:
            return None
