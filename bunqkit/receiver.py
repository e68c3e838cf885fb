"""A target of callbacks on this machine, which keeps only what the bank has signed.

bunq itself calls no address on your machine: put something public before it, such as a tunnel. The
offline bank calls it as it is.

Source: bunq docs, "Callbacks".
"""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Self

from bunqkit.errors import BunqkitError, NoAnswerError, SignatureError

if TYPE_CHECKING:
    from bunqkit.context import Context

_LARGEST_BODY = 4 * 1024 * 1024
_TIMEOUT_S = 10.0


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


class Receiver:
    """Listens on this machine from ``with`` on, and verifies whatever comes.

    Parameters
    ----------
    bunq
        Whose bank's key the callbacks must be signed with.
    host, port
        Where to listen; port 0 takes a free one.

    Attributes
    ----------
    received
        What came and was signed, oldest first.
    refused
        Why something that came was not taken, oldest first; its sender was answered with an error.
    url
        The address to give to ``notification-filter-url.create``.
    """

    def __init__(self, bunq: Context, *, host: str = "127.0.0.1", port: int = 0) -> None:
        self.received: list[Notification] = []
        self.refused: list[str] = []
        self._bunq = bunq
        self._news = threading.Condition()
        try:
            self._server = ThreadingHTTPServer((host, port), self._handler())
        except OSError as error:
            raise BunqkitError(
                f"Nothing can listen on {host}:{port} ({error.strerror}). Choose another port, or "
                "0 for a free one."
            ) from error
        self._server.daemon_threads = True
        self.url = f"http://{host}:{self._server.server_port}/"

    def __enter__(self) -> Self:
        """Begin to listen."""
        threading.Thread(target=self._server.serve_forever, name="receiver", daemon=True).start()
        return self

    def __exit__(self, *_error: object) -> None:
        """Listen no more; what was received stays."""
        self._server.shutdown()
        self._server.server_close()

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
        with self._news:
            self.received.append(notification)
            self._news.notify_all()
        return 200

    def _refuse(self, status: int, why: str) -> int:
        with self._news:
            self.refused.append(why)
        return status

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        take, refuse = self._take, self._refuse

        class Handler(BaseHTTPRequestHandler):
            timeout = _TIMEOUT_S

            def do_POST(self) -> None:
                told = self.headers.get("Content-Length") or ""
                length = int(told) if told.isascii() and told.isdigit() else _LARGEST_BODY + 1
                if length > _LARGEST_BODY:
                    status = refuse(413, "It does not say how long it is, or is too long.")
                    self.close_connection = True
                else:
                    signature = self.headers.get("X-Bunq-Server-Signature")
                    status = take(self.rfile.read(length), signature)
                self.send_response(status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, format: str, *_told: object) -> None:  # noqa: A002 (as above)
                """Say nothing: what came is in ``received`` and ``refused``."""

        return Handler

    def __repr__(self) -> str:
        told = f"{len(self.received)} received, {len(self.refused)} refused"
        return f"<Receiver at {self.url}: {told}>"
