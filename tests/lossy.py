"""A wire that loses the answers to writes, and kernels of one key behind it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import requests
from visitors import Wire

from bunqkit.client import Client
from bunqkit.context import Context
from bunqkit.redaction import Secret
from bunqkit.retries import Retries
from bunqkit.sandbox import Bank, doors
from bunqkit.sessions import Sessions
from bunqkit.settings import load_settings
from bunqkit.state import StateFile


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
        bunq._books.sleep = self.slept.append
        return bunq

    @property
    def files(self) -> list[Path]:
        """Give the entries on the disk."""
        return [
            path for path in self.folder.rglob("*.journal/*") if path.suffix in (".sent", ".lost")
        ]
