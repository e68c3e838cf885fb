"""Receives callbacks on this machine, keeps those that the bank has signed, and each only once.

bunq itself calls no address on your machine: put something public in front of it, such as a tunnel.
The offline bank calls it directly.

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

_MAX_BODY_BYTES = 4 * 1024 * 1024
_TIMEOUT_S = 10.0
# The server looks this often whether it should end, and closing waits for that.
_POLL_S = 0.05
# Each connection has a thread.
_MAX_CONNECTIONS = 500
_MAX_DIGITS = 10
_EVERY_ADDRESS = ("", "0.0.0.0")  # noqa: S104 (compared, not bound)


@dataclass(frozen=True)
class Notification:
    """A callback with a valid signature of the bank.

    Attributes
    ----------
    category, event_type
        The category that a filter names, and the kind of the event.
    type, item
        The type of the object that changed, and its fields, as a list would return it.
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
        """A text that is the same each time that this event is sent, and differs for other events.

        It is a hash of category, event type, type of the object, its ``id`` and its ``updated``;
        if there is no ``updated``, of the bytes.
        """
        when = self.item.get("updated") or hashlib.sha256(self.body).hexdigest()
        facts = [self.category, self.event_type, self.type, self.item.get("id"), when]
        return hashlib.sha256(json.dumps(facts).encode()).hexdigest()


class Receiver:
    """Listens on this machine after ``open()`` or inside ``with``, and verifies every callback.

    The bank sends a callback again if it gets no answer of success in time. A callback that came
    before is answered with success, and is not handled again.

    Parameters
    ----------
    bunq
        The context of the bank whose key must have signed the callbacks.
    host, port
        Where to listen; port 0 takes a free one.
    handler
        Called with each notification, one at a time, before the sender is answered. If it raises
        an error, the sender gets an error too, and the handler is called again when the callback
        is sent again.

    Attributes
    ----------
    received
        The notifications that were handled without an error, oldest first.
    repeated
        The number of callbacks that had been received before.
    refused
        The reasons why requests were refused, oldest first; their senders got an error.
    url
        The address for ``notification-filter-url.create``.
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
        self._handler = handler
        self._known_ids: set[str] = set()
        self._handling = threading.Lock()
        self._news = threading.Condition()
        try:
            self._server = _CallbackServer((host, port), self._take, self._refuse)
        except (OSError, OverflowError) as error:
            raise BunqkitError(
                f"Nothing can listen on {host}:{port} ({error}). Choose another port, or 0 for a "
                "free one."
            ) from error
        # The address that stands for all addresses can't be called.
        name = "127.0.0.1" if host in _EVERY_ADDRESS else host
        self.url = f"http://{name}:{self._server.server_port}/"

    def open(self) -> Self:
        """Begin to listen; ``with`` does it too."""
        serve = partial(self._server.serve_forever, _POLL_S)
        threading.Thread(target=serve, name="receiver", daemon=True).start()
        return self

    def close(self) -> None:
        """Stop listening; what was received stays."""
        self._server.shutdown()
        self._server.server_close()

    def __enter__(self) -> Self:
        return self.open()

    def __exit__(self, *_error: object) -> None:
        self.close()

    def filters(self, *categories: str) -> list[dict[str, str]]:
        """Return the ``notification_filters`` that send these categories here."""
        return [{"category": name, "notification_target": self.url} for name in categories]

    def wait(self, count: int = 1, *, timeout_s: float = _TIMEOUT_S) -> list[Notification]:
        """Wait until so many notifications were received, and return all of them.

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
        """Handle a callback, and return the status of the answer."""
        key = self._bunq.client.bank_key
        if signature is None or key is None:
            return self._refuse(403, "It has no signature.")
        try:
            key.verify(body, signature)
            callback = json.loads(body)["NotificationUrl"]
            name, item = next(iter(callback["object"].items()))
            notification = Notification(
                str(callback["category"]), str(callback["event_type"]), name, dict(item), body
            )
        except SignatureError as error:
            return self._refuse(403, str(error))
        except (ValueError, KeyError, TypeError, AttributeError, StopIteration, RecursionError):
            return self._refuse(400, "It is no callback of bunq's.")
        # One at a time: a repeated callback waits until the first one has been handled.
        with self._handling:
            if notification.id in self._known_ids:
                self.repeated += 1
                return 200
            try:
                if self._handler is not None:
                    self._handler(notification)
            except Exception as error:  # noqa: BLE001 (whatever it is, the sender tries again)
                return self._refuse(500, f"The handler failed: {type(error).__name__}: {error}")
            self._known_ids.add(notification.id)
            with self._news:
                self.received.append(notification)
                self._news.notify_all()
        return 200

    def _refuse(self, status: int, reason: str) -> int:
        with self._news:
            self.refused.append(reason)
        return status

    def __repr__(self) -> str:
        counts = (
            f"{len(self.received)} received, {self.repeated} repeated, {len(self.refused)} refused"
        )
        return f"<Receiver at {self.url}: {counts}>"


class _CallbackServer(ThreadingHTTPServer):
    """A server with a limited number of connections."""

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
        self._free = threading.Semaphore(_MAX_CONNECTIONS)
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
    server: _CallbackServer
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
        """Return the body, if it has the length that its header says."""
        lengths = self.headers.get_all("Content-Length") or []
        if not lengths or "Transfer-Encoding" in self.headers:
            raise _WrongLengthError(411, "It does not say how long it is.")
        length = lengths[0]
        if len(lengths) > 1 or not (length.isascii() and length.isdigit()):
            raise _WrongLengthError(400, "Its Content-Length is no length.")
        if len(length) > _MAX_DIGITS or int(length) > _MAX_BODY_BYTES:
            raise _WrongLengthError(413, "It is too long.")
        body = self.rfile.read(int(length))
        self._source.waits = False
        if len(body) < int(length) or self.rfile.peek(1):
            raise _WrongLengthError(400, "It is not as long as it says.")
        return body

    def log_message(self, *_message: object) -> None:
        """Log nothing: what came is in ``received`` and ``refused``."""


class _WrongLengthError(Exception):
    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status


class _Source(io.RawIOBase):
    """Reads the bytes of a connection. One deadline applies to the whole request."""

    def __init__(self, connection: socket.socket, deadline: float) -> None:
        super().__init__()
        self.waits = True
        self._connection = connection
        self._deadline = deadline

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        left_s = self._deadline - time.monotonic()
        if left_s <= 0:
            raise TimeoutError
        self._connection.settimeout(left_s if self.waits else 0)
        try:
            return self._connection.recv_into(buffer)
        except BlockingIOError:
            return None
