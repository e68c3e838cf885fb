"""Sends callbacks to their targets: signed, and retried as bunq does.

Every user can choose a target. So a host name is looked up once, and each of its addresses is
checked before the bank connects to it.

Source: bunq docs, "Callbacks": any answer but a success, or none in time, is retried up to five
times, a minute apart; then the callback has failed.
"""

from __future__ import annotations

import contextlib
import ipaddress
import socket
import sqlite3
import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from bunqkit.sandbox.clock import read_time, wire_time
from bunqkit.sandbox.faults import Faults
from bunqkit.sandbox.ledger import BankLedger
from bunqkit.security.signing import KeyPair

if TYPE_CHECKING:
    import http.client

_TRIES = 6
_SPACING = timedelta(minutes=1)
_TIMEOUT_S = 10.0
# The bank's clock can be moved while the sender waits, so it checks this often.
_PAUSE_S = 2.0
_SUCCESSES = range(200, 300)
_Address = ipaddress.IPv4Address | ipaddress.IPv6Address
# Addresses of version 6 whose last 32 bits are one of version 4 (RFC 6052).
_TRANSLATED = ipaddress.IPv6Network("64:ff9b::/96")


class WebhookSender:
    """Delivers callbacks that are due, in a thread of its own or by ``deliver()``.

    Parameters
    ----------
    ledger, key, faults
        The books, the key that signs callbacks, and the faults that can duplicate one.
    """

    def __init__(self, ledger: BankLedger, key: KeyPair, faults: Faults) -> None:
        self._ledger = ledger
        self._key = key
        self._faults = faults
        self._one_at_a_time = threading.Lock()
        self._wake_up = threading.Event()
        self._is_closing = False
        self._thread: threading.Thread | None = None

    def wake(self) -> None:
        """Make the thread check for due callbacks; the first callback starts the thread."""
        if self._thread is None:
            if not self._ledger.row("SELECT 1 FROM callback WHERE due IS NOT NULL LIMIT 1"):
                return
            self._thread = threading.Thread(target=self._run, name="webhook sender", daemon=True)
            self._thread.start()
        self._wake_up.set()

    def close(self) -> None:
        """Stop the thread after its current delivery."""
        self._is_closing = True
        self._wake_up.set()
        if self._thread is not None:
            self._thread.join(2 * _TIMEOUT_S)

    def deliver(self) -> int:
        """Try all due callbacks in the order of their due time; return the number of attempts."""
        due = "SELECT * FROM callback WHERE due <= ? ORDER BY due, id LIMIT 1"
        with self._one_at_a_time:
            tries, now = 0, wire_time(self._ledger.clock.now())
            while (row := self._ledger.row(due, now)) is not None:
                self._try(row)
                tries += 1
            return tries

    def _run(self) -> None:
        while not self._is_closing:
            self._wake_up.wait(_PAUSE_S)
            self._wake_up.clear()
            if not self._is_closing:
                self.deliver()

    def _try(self, row: sqlite3.Row) -> None:
        answers = [self._post(row["target"], row["body"].encode())]
        if self._faults.take(lambda: str(row["event_type"]), callbacks=True):
            answers.append(self._post(row["target"], row["body"].encode()))
        code, problem = answers[0]
        tries = row["tries"] + 1
        is_retried = problem is not None and tries < _TRIES
        due = wire_time(read_time(row["due"]) + _SPACING) if is_retried else None
        now = wire_time(self._ledger.clock.now())
        with self._ledger.transaction():
            for status, reason in answers:
                self._ledger.insert(
                    "attempt", callback_id=row["id"], at=now, response_code=status, problem=reason
                )
            self._ledger.update(
                "callback", row["id"], due=due, tries=tries, response_code=code, problem=problem
            )

    def _post(self, target: str, body: bytes) -> tuple[int | None, str | None]:
        """Send one callback; return the answer's status and the problem. Follow no redirect."""
        import http.client

        parts = urlsplit(target)
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "bunq",
            "X-Bunq-Server-Signature": self._key.sign(body),
        }
        late = threading.Event()
        try:
            is_secure = parts.scheme == "https"
            with _connect(
                parts.hostname or "", parts.port, late, is_secure=is_secure
            ) as connection:
                connection.request("POST", path, body, headers)
                status = connection.getresponse().status
                if late.is_set():
                    raise TimeoutError
        except (OSError, http.client.HTTPException, ValueError) as error:
            if late.is_set() or isinstance(error, TimeoutError):
                return None, f"The target took longer than {_TIMEOUT_S:g} s."
            return None, f"{type(error).__name__}: {error}"
        return status, None if status in _SUCCESSES else f"The target answered {status}."


def may_be_called(address: _Address, *, is_secure: bool) -> bool:
    """Return True if callbacks may go to an address: any host by https, else only this machine.

    By https the certificate must be the host's too. Link-local, multicast, unspecified and
    reserved addresses are never called: cloud providers serve a machine's own secrets there.
    """
    if isinstance(address, ipaddress.IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour
        if address in _TRANSLATED:
            inner = ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF)
        if inner is not None:
            return may_be_called(inner, is_secure=is_secure)
    if not is_secure:
        return address.is_loopback
    is_special = (
        address.is_link_local
        or address.is_multicast
        or address.is_unspecified
        or (address.is_reserved and not address.is_loopback)
    )
    return not is_special and (address.is_global or address.is_private)


@contextlib.contextmanager
def _connect(
    host: str, port: int | None, late: threading.Event, *, is_secure: bool
) -> Iterator[http.client.HTTPConnection]:
    """Return a connection to a host, at an address that was checked, until the deadline."""
    import http.client
    import ssl

    kind = http.client.HTTPSConnection if is_secure else http.client.HTTPConnection
    connection = kind(host, port)
    addresses = []
    for *_, socket_address in socket.getaddrinfo(
        connection.host, connection.port, type=socket.SOCK_STREAM
    ):
        address = ipaddress.ip_address(socket_address[0])
        if not may_be_called(address, is_secure=is_secure):
            raise ValueError(f"{host} is at {address}, where no callback may go.")
        addresses.append((str(address), int(socket_address[1])))
    end = time.monotonic() + _TIMEOUT_S

    def give_up() -> None:
        late.set()
        # It wakes a thread that waits for the next byte, which closing would not.
        if connection.sock is not None:
            with contextlib.suppress(OSError):
                connection.sock.shutdown(socket.SHUT_RDWR)

    timer = threading.Timer(_TIMEOUT_S, give_up)
    timer.daemon = True
    timer.start()
    try:
        connection.sock = _open_socket(addresses, end)
        if is_secure:
            connection.sock = ssl.create_default_context().wrap_socket(
                connection.sock, server_hostname=host, do_handshake_on_connect=False
            )
            connection.sock.do_handshake()
        if late.is_set():
            raise TimeoutError
        yield connection
    finally:
        timer.cancel()
        connection.close()


def _open_socket(addresses: list[tuple[str, int]], end: float) -> socket.socket:
    """Return a socket to the first address that accepts one."""
    problem = OSError("There is no such host.")
    for address in addresses:
        left = max(end - time.monotonic(), 0.01)
        try:
            return socket.create_connection(address, timeout=left)
        except OSError as error:
            problem = error
    raise problem
