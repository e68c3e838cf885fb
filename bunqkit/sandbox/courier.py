"""Brings callbacks to their targets: signed, and tried again by bunq's schedule.

Source: bunq docs, "Callbacks": any answer but a success, or none in time, is retried up to five
times, a minute apart; then it counts as failed.
"""

from __future__ import annotations

import http.client
import sqlite3
import threading
from datetime import timedelta
from urllib.parse import urlsplit

from bunqkit.sandbox.clock import wire_time
from bunqkit.sandbox.faults import Faults
from bunqkit.sandbox.ledger import Ledger
from bunqkit.signing import KeyPair

_TRIES = 6
_SPACING = timedelta(minutes=1)
_TIMEOUT_S = 10.0
# The bank's clock can be moved while the courier waits, so it looks up now and then.
_NAP_S = 2.0
_SUCCESSES = range(200, 300)


class Courier:
    """Delivers what is due, in a thread of its own or when it is told to.

    Parameters
    ----------
    ledger, key, faults
        Whose callbacks, what signs them, and what may go wrong.
    """

    def __init__(self, ledger: Ledger, key: KeyPair, faults: Faults) -> None:
        self._ledger = ledger
        self._key = key
        self._faults = faults
        self._turn = threading.Lock()
        self._news = threading.Event()
        self._is_closing = False
        self._thread: threading.Thread | None = None

    def wake(self) -> None:
        """Have the thread look whether anything is due; there is none before it is needed."""
        if self._thread is None:
            if not self._ledger.row("SELECT 1 FROM callback WHERE due IS NOT NULL LIMIT 1"):
                return
            self._thread = threading.Thread(target=self._run, name="courier", daemon=True)
            self._thread.start()
        self._news.set()

    def close(self) -> None:
        """End the thread, after the delivery that it is at."""
        self._is_closing = True
        self._news.set()
        if self._thread is not None:
            self._thread.join(2 * _TIMEOUT_S)

    def deliver(self) -> int:
        """Try everything that is due once; give how many callbacks were tried."""
        with self._turn:
            now = wire_time(self._ledger.clock.now())
            rows = self._ledger.rows("SELECT * FROM callback WHERE due <= ? ORDER BY id", now)
            for row in rows:
                self._try(row)
            return len(rows)

    def _run(self) -> None:
        while not self._is_closing:
            self._news.wait(_NAP_S)
            self._news.clear()
            if not self._is_closing:
                self.deliver()

    def _try(self, row: sqlite3.Row) -> None:
        answers = [self._post(row["target"], row["body"].encode())]
        if self._faults.take(lambda: str(row["event_type"]), callbacks=True):
            answers.append(self._post(row["target"], row["body"].encode()))
        code, problem = answers[0]
        tries = row["tries"] + 1
        due = None
        if problem is not None and tries < _TRIES:
            due = wire_time(self._ledger.clock.now() + _SPACING)
        now = wire_time(self._ledger.clock.now())
        with self._ledger.transaction():
            for answer in answers:
                self._ledger.insert(
                    "attempt",
                    callback_id=row["id"],
                    at=now,
                    response_code=answer[0],
                    problem=answer[1],
                )
            self._ledger.update(
                "callback", row["id"], due=due, tries=tries, response_code=code, problem=problem
            )

    def _post(self, target: str, body: bytes) -> tuple[int | None, str | None]:
        """Give the answer's status, and what was wrong; no redirection is followed."""
        parts = urlsplit(target)
        kind = (
            http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        )
        connection = kind(parts.hostname or "", parts.port, timeout=_TIMEOUT_S)
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "bunq",
            "X-Bunq-Server-Signature": self._key.sign(body),
        }
        try:
            connection.request("POST", path, body, headers)
            status = connection.getresponse().status
        except (OSError, http.client.HTTPException, ValueError) as error:
            return None, f"{type(error).__name__}: {error}"
        finally:
            connection.close()
        return status, None if status in _SUCCESSES else f"The target answered {status}."
