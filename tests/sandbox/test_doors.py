"""The server at the bank's address: crowds, clients that say nothing, and where it says it is."""

from __future__ import annotations

import http.client
import json
import socket
import subprocess
import sys
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests
from visitors import payment

from bunqkit.auth import handshake
from bunqkit.client.client import Client
from bunqkit.sandbox import Admin, Bank, doors
from bunqkit.security.redaction import Secret
from bunqkit.security.signing import KeyPair

pytest.importorskip("waitress", reason="serving the bank needs waitress")


@pytest.fixture
def serve(bank: Bank) -> Iterator[Callable[[], tuple[str, int]]]:
    """Return a way to serve the bank, which gives host and port."""
    with ExitStack() as stack:

        def begin() -> tuple[str, int]:
            server = doors.Server(Admin(bank), host="127.0.0.1", port=0)
            thread = threading.Thread(target=server.run, daemon=True)
            thread.start()
            stack.callback(thread.join, 10)
            stack.callback(server.close)
            parts = urlsplit(server.url)
            return str(parts.hostname), int(parts.port or 0)

        yield begin


def is_open(quiet: socket.socket) -> bool:
    """Whether the server has not closed a connection yet."""
    quiet.settimeout(0.01)
    try:
        return quiet.recv(1) != b""
    except TimeoutError:
        return True
    except OSError:
        return False


def ask(address: tuple[str, int]) -> int:
    """Ask for the bank's health by a new connection; give the status."""
    connection = http.client.HTTPConnection(*address, timeout=5)
    connection.request("GET", "/health")
    status = connection.getresponse().status
    connection.close()
    return status


def test_silent_connections_do_not_stall_it(
    serve: Callable[[], tuple[str, int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """More of them than there may be: the one that waits longest makes room."""
    monkeypatch.setattr(doors, "_MOST_CONNECTIONS", 10)
    address = serve()
    with ExitStack() as stack:
        quiet = [stack.enter_context(socket.create_connection(address)) for _ in range(30)]
        for _ in range(5):
            assert ask(address) == 200
        assert not is_open(quiet[0])
        assert sum(map(is_open, quiet)) <= 10


def test_half_requests_do_not_stall_it(
    serve: Callable[[], tuple[str, int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever sends a byte now and then is closed as if it had sent none."""
    monkeypatch.setattr(doors, "_PATIENCE_S", 1)
    address = serve()
    began = time.monotonic()
    with socket.create_connection(address) as slow:
        slow.sendall(b"POST /v1/installation HTTP/1.1\r\nContent-Length: 100\r\n")
        while is_open(slow):
            assert time.monotonic() - began < 8
            slow.sendall(b"X")
            time.sleep(0.1)
    assert ask(address) == 200


@pytest.mark.parametrize("times", [1, 5])
def test_who_does_not_read_does_not_stall_it(times: int) -> None:
    """Not with large answers, nor by asking on and on; there are more of them than threads."""
    body = bytes(doors.LARGEST_BODY)

    def answer(environ: Any, start_response: Any) -> list[bytes]:
        told = body if environ["PATH_INFO"] == "/large" else b"well"
        start_response("200 OK", [("Content-Length", str(len(told)))])
        return [told]

    server = doors.Server(answer, host="127.0.0.1", port=0)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    parts = urlsplit(server.url)
    address = (str(parts.hostname), int(parts.port or 0))
    with ExitStack() as stack:
        for _ in range(10):
            there = stack.enter_context(socket.create_connection(address))
            there.sendall(b"GET /large HTTP/1.1\r\nHost: x\r\n\r\n" * times)
        assert ask(address) == 200
        assert ask(address) == 200
    server.close()
    thread.join(10)


@pytest.mark.parametrize(
    ("header", "status"),
    [
        (f"Content-Length: {64 * 1024 * 1024}", 413),
        (f"Content-Length: {'9' * 5000}", None),
        ("Content-Length: -1", 400),
        ("Content-Length: 1\r\nContent-Length: 2", 400),
    ],
    ids=["too large", "a number of 5000 digits", "negative", "two of them"],
)
def test_bodies_are_bounded_before_they_are_read(
    serve: Callable[[], tuple[str, int]], header: str, status: int | None
) -> None:
    """The refusal comes at once; the server goes on."""
    address = serve()
    with socket.create_connection(address, timeout=5) as sent:
        sent.sendall(f"POST /v1/installation HTTP/1.1\r\nHost: x\r\n{header}\r\n\r\n".encode())
        answer = sent.recv(100)
    assert (int(answer.split()[1]) if answer else None) == status
    assert ask(address) == 200


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_the_address_it_says_is_one_that_can_be_called(bank: Bank, host: str) -> None:
    """By the name that was given."""
    server = doors.Server(bank, host=host, port=0)
    threading.Thread(target=server.run, daemon=True).start()
    try:
        assert requests.get(f"{server.url}/user", timeout=5).status_code == 403
        assert urlsplit(server.url).hostname == host
        assert server.is_local
    finally:
        server.close()


@pytest.mark.parametrize("host", ["0.0.0.0", "::"])
def test_every_address_is_told_as_one(
    bank: Bank, monkeypatch: pytest.MonkeyPatch, host: str
) -> None:
    """Nobody else can call such an address: it is the one by which others reach this machine."""
    listen = socket.create_server
    monkeypatch.setattr(socket, "create_server", lambda *_, **_more: listen(("127.0.0.1", 0)))
    server = doors.Server(bank, host=host, port=0)
    server.close()
    server.run()
    told = ip_address(str(urlsplit(server.url).hostname))
    assert (told.version, told.is_unspecified) == (ip_address(host).version, False)
    assert not server.is_local


class Crowd:
    """Clients that read a list and pay, over and over, each by connections of its own."""

    def __init__(self, url: str, api_key: str) -> None:
        client, key = Client(url), KeyPair.generate()
        installation = handshake.create_installation(client, key)
        handshake.register_device(client, installation, Secret(api_key), description="crowd")
        session = handshake.open_session(
            client, installation, Secret(api_key), now=datetime.now(UTC)
        )
        path = f"/user/{session.user_id}/monetary-account"
        number = client.request("GET", path, token=session.token).items[-1]["id"]
        self._address = str(urlsplit(url).netloc)
        self._path = f"/v1{path}/{number}/payment"
        # The same bytes for all, signed once: it is the server that is tried.
        self._body = json.dumps(payment("bravo@bunq.com", "0.01")).encode()
        token = {"X-Bunq-Client-Authentication": session.token.reveal()}
        self._reading = token | {"X-Bunq-Client-Request-Id": "reads"}
        self._paying = token | {"X-Bunq-Client-Signature": key.sign(self._body)}
        self.statuses: Counter[int] = Counter()
        self.errors: Counter[str] = Counter()
        self.slowest_s = 0.0
        self._lock = threading.Lock()

    def call(self, clients: int, seconds: float) -> None:
        """Have so many of them call for so long."""
        end = time.monotonic() + seconds
        threads = [threading.Thread(target=self._work, args=[end]) for _ in range(clients)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def _work(self, end: float) -> None:
        connection = http.client.HTTPConnection(self._address, timeout=10)
        statuses, errors, slowest = Counter[int](), Counter[str](), 0.0
        while (began := time.monotonic()) < end:
            try:
                statuses[self._call(connection, is_write=sum(statuses.values()) % 4 == 3)] += 1
            except (OSError, http.client.HTTPException) as error:
                errors[type(error).__name__] += 1
                connection.close()
            slowest = max(slowest, time.monotonic() - began)
        connection.close()
        with self._lock:
            self.statuses += statuses
            self.errors += errors
            self.slowest_s = max(self.slowest_s, slowest)

    def _call(self, connection: http.client.HTTPConnection, *, is_write: bool) -> int:
        if is_write:
            headers = self._paying | {"X-Bunq-Client-Request-Id": str(uuid.uuid4())}
            connection.request("POST", self._path, self._body, headers)
        else:
            connection.request("GET", f"{self._path}?count=10", headers=self._reading)
        answer = connection.getresponse()
        answer.read()
        return answer.status


@pytest.mark.parametrize(
    "seconds",
    [pytest.param(10, marks=pytest.mark.slow), pytest.param(60, marks=pytest.mark.soak)],
)
def test_two_hundred_clients_at_once(seconds: float) -> None:
    """Beside 100 connections that say nothing, each call is answered, none after a time-out."""
    command = [sys.executable, "-m", "bunqkit", "sandbox", "--port", "0"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as served:
        assert served.stdout is not None
        try:
            url, api_key = served.stdout.readline().strip(), served.stdout.readline().strip()
            crowd = Crowd(url, api_key)
            parts = urlsplit(url)
            with ExitStack() as stack:
                for _ in range(100):
                    address = (str(parts.hostname), int(parts.port or 0))
                    stack.enter_context(socket.create_connection(address))
                crowd.call(200, seconds)
        finally:
            served.terminate()
            aside = served.communicate(timeout=20)[1]
    print(f"{dict(crowd.statuses)} in {seconds} s, the slowest {crowd.slowest_s:.2f} s")  # noqa: T201
    assert crowd.errors == {}
    assert set(crowd.statuses) == {200}
    assert crowd.slowest_s < 10
    # Only what a person needs is said.
    assert aside.count("\n") == 1, aside
