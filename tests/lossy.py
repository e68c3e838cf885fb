"""A wire that loses the answers to writes, and kernels of one key behind it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import requests
from visitors import Wire

from bunqkit.auth.sessions import Sessions
from bunqkit.auth.state import StateFile
from bunqkit.client.client import Client
from bunqkit.client.retries import Retries
from bunqkit.context.context import Context
from bunqkit.errors import OutcomeUnknownError
from bunqkit.sandbox import Bank, doors
from bunqkit.security.redaction import Secret
from bunqkit.settings import load_settings

PAY: dict[str, Any] = {"amount": "10.00", "to": "bravo@bunq.com", "description": "tea"}

PAY_WHOLE: dict[str, Any] = {
    "amount": {"value": "10.00", "currency": "EUR"},
    "counterparty_alias": {"type": "EMAIL", "value": "bravo@bunq.com"},
    "description": "tea",
}


class Lossy(requests.adapters.BaseAdapter):
    """A wire that loses answers to writes, after or before the bank has done its work."""

    def __init__(self, wire: Wire) -> None:
        super().__init__()
        self._bank = doors.InProcess(wire)
        self.lose: str | None = None
        self.error: BaseException = requests.ConnectionError("cut")

    def send(self, request: requests.PreparedRequest, **how: Any) -> requests.Response:
        """Send, or lose what is to be lost, once."""
        if self.lose is None or request.method == "GET":
            return self._bank.send(request, **how)
        when, self.lose = self.lose, None
        if when == "after":
            self._bank.send(request, **how)
        raise self.error

    def close(self) -> None:
        """Nothing to close."""


class Kernels:
    """Starts kernels of one key, which share what is on the disk."""

    def __init__(self, bank: Bank, lossy: Lossy, folder: Path) -> None:
        self.bank = bank
        self.lossy = lossy
        self.folder = folder
        self.slept: list[float] = []

    def start(self, passphrase: Secret | None = None) -> Context:
        """Give a context as another kernel has it."""
        key = self.bank.demo_key
        file = StateFile(
            self.folder,
            environment="OFFLINE",
            base_url=doors.BASE_URL,
            api_key=key,
            passphrase=passphrase,
        )
        # As of a bank that is served: the key of one in this process is not looked at.
        settings = replace(load_settings(environment="OFFLINE"), api_key=key)
        client = Client(
            doors.BASE_URL, transport=self.lossy, retries=Retries(sleep=lambda _seconds: None)
        )
        sessions = Sessions(settings, client, file, clock=self.bank.clock.now)
        sessions.current()
        bunq = Context(settings, client, sessions)
        bunq._writes.sleep = self.slept.append
        return bunq

    @property
    def files(self) -> list[Path]:
        """Give the entries on the disk."""
        return [
            path for path in self.folder.rglob("*.journal/*") if path.suffix in (".sent", ".lost")
        ]


@contextmanager
def served(bank: Bank) -> Iterator[str]:
    """Give the address of the bank on loopback."""
    pytest.importorskip("waitress", reason="serving the bank needs waitress")
    server = doors.Server(bank, host="127.0.0.1", port=0)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    yield server.url
    server.close()
    thread.join(10)


def lose(bunq: Context, lossy: Lossy, when: str, **call: Any) -> OutcomeUnknownError:
    """Make a payment whose answer and look are both lost."""
    lossy.lose, lossy.error = when, requests.ConnectionError("cut")
    sleep, bunq._writes.sleep = bunq._writes.sleep, interrupt
    try:
        with pytest.raises(OutcomeUnknownError) as caught:
            bunq.call("payment.create", **(call or PAY))
    finally:
        bunq._writes.sleep = sleep
    return caught.value


def interrupt(_seconds: float) -> None:
    """Interrupt, in place of a pause."""
    raise KeyboardInterrupt


def sent(wire: Wire, method: str = "POST") -> int:
    """Count the writes that the bank got."""
    return sum(call.startswith(method) for call in wire.calls)
