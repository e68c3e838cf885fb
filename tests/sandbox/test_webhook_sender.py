"""The sender of callbacks: which addresses it calls, and how long it waits."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from functools import partial
from ipaddress import ip_address
from typing import Any, Self
from urllib.parse import urlsplit

import pytest
from visitors import Door, Hook, Visitor, Wire, refusal, watch

from bunqkit.sandbox import Bank, doors, webhook_sender
from bunqkit.sandbox.webhook_sender import may_be_called
from bunqkit.security.signing import KeyPair


@pytest.mark.parametrize(
    ("address", "may"),
    [
        ("127.0.0.1", "http https"),
        ("::1", "http https"),
        ("::ffff:127.0.0.1", "http https"),
        ("192.168.1.5", "https"),
        ("10.0.0.1", "https"),
        ("fd12::1", "https"),
        ("93.184.216.34", "https"),
        ("2606:2800::1", "https"),
        ("169.254.169.254", ""),
        ("::ffff:169.254.169.254", ""),
        ("64:ff9b::169.254.169.254", ""),
        ("2002:a9fe:a9fe::1", ""),
        ("fe80::1", ""),
        ("100.100.100.200", ""),
        ("0.0.0.0", ""),
        ("::", ""),
        ("224.0.0.1", ""),
        ("ff02::1", ""),
        ("255.255.255.255", ""),
        ("240.0.0.1", ""),
    ],
)
def test_where_callbacks_may_go(address: str, may: str) -> None:
    """By http to this machine, by https to hosts, never to where a machine learns its secrets."""
    for scheme in ("http", "https"):
        allowed = may_be_called(ip_address(address), is_secure=scheme == "https")
        assert allowed == (scheme in may.split())


@pytest.mark.parametrize(
    "case",
    [
        ("https://hook.example/", ["169.254.169.254"], "169.254.169.254, where no callback may go"),
        ("https://hook.example/", ["127.0.0.1", "fe80::1"], "fe80::1, where no callback"),
        ("http://localhost:{port}/", ["10.0.0.1"], "10.0.0.1, where no callback"),
        ("https://hook.example:{port}/", ["127.0.0.1"], "SSL"),
    ],
    ids=["link-local", "one of two", "localhost that is not", "no certificate"],
)
def test_a_name_is_looked_up_once_and_checked(
    visitor: Visitor,
    hook: Hook,
    monkeypatch: pytest.MonkeyPatch,
    case: tuple[str, list[str], str],
) -> None:
    """Wherever a name leads at the moment of the call, only what was checked is called."""
    target, addresses, problem = case
    bank = visitor.door.bank
    port = urlsplit(hook.url).port
    watch(visitor, target.format(port=port))
    asked = []

    def look_up(host: str, number: int, *_: object, **_more: object) -> list[Any]:
        asked.append(host)
        # Whoever asks again is led elsewhere.
        found = addresses if len(asked) == 1 else ["127.0.0.1"]
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (each, number)) for each in found]

    real = socket.getaddrinfo
    monkeypatch.setattr(
        socket,
        "getaddrinfo",
        lambda host, number, *rest, **more: (
            real(host, number, *rest, **more)
            if host[0].isdigit()
            else look_up(host, number, *rest, **more)
        ),
    )
    visitor.top_up()
    bank.deliver()
    (sent,) = bank.callbacks.sent()
    assert problem in str(sent.attempts[0].problem)
    assert (hook.came, len(asked)) == ([], 1)


def test_no_redirection_is_followed(visitor: Visitor, hook: Hook) -> None:
    """A target can't send the bank on to another."""
    answer = f"HTTP/1.1 307 Away\r\nLocation: {hook.url}\r\nContent-Length: 0\r\n\r\n"
    with Drip(answer.encode(), at_once=True) as away:
        watch(visitor, away.url)
        visitor.top_up()
        visitor.door.bank.deliver()
    (sent,) = visitor.door.bank.callbacks.sent()
    assert (sent.attempts[0].problem, hook.came) == ("The target answered 307.", [])


@pytest.mark.parametrize(
    "answer", [b"", b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 200 OK\r\nA: b"]
)
def test_a_target_that_drips_is_left(
    bank: Bank, key: KeyPair, monkeypatch: pytest.MonkeyPatch, answer: bytes
) -> None:
    """The deadline is for all of the answer, not for each byte; other targets wait no longer."""
    monkeypatch.setattr(webhook_sender, "_TIMEOUT_S", 0.5)
    visitor = Visitor(Door(Wire(bank), doors.BASE_URL, doors.InProcess(bank)), key)
    began = time.monotonic()
    with Drip(answer) as drip:
        watch(visitor, drip.url)
        visitor.top_up()
        bank.deliver()
    assert time.monotonic() - began < 5
    (sent,) = bank.callbacks.sent()
    assert sent.attempts[0].problem == "The target took longer than 0.5 s."


class Drip:
    """A target that answers a byte now and then, over and over."""

    def __init__(self, answer: bytes, *, at_once: bool = False) -> None:
        self._answer = answer
        self._pieces = [answer] if at_once else [answer[i : i + 1] for i in range(len(answer))]
        self._is_once = at_once
        self._end = threading.Event()
        self._server = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._server.getsockname()[1]}/"
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def _serve(self) -> None:
        there = self._server.accept()[0]
        with there, contextlib.suppress(OSError):
            there.recv(65_536)
            while not self._end.is_set():
                for piece in self._pieces:
                    there.sendall(piece)
                    self._end.wait(0 if self._is_once else 0.01)
                if self._is_once or not self._pieces:
                    self._end.wait(10)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._end.set()
        self._server.close()
        self._thread.join(5)


def test_this_machine_is_called_for_its_own_people_only(
    bank: Bank, key: KeyPair, hook: Hook
) -> None:
    """Whoever calls the bank from elsewhere can't have it call what listens on its machine."""
    wire = Wire(bank)
    for address, may in (("192.168.1.7", False), ("127.0.0.1", True), ("::1", True)):
        wire.bend_request = lambda environ, told=address: environ.update(REMOTE_ADDR=told)  # type: ignore[misc]
        visitor = Visitor(Door(wire, doors.BASE_URL, doors.InProcess(wire)), key)
        watch(visitor, "https://hook.example.org/")
        if may:
            watch(visitor, hook.url)
        else:
            status, text = refusal(partial(watch, visitor, hook.url))
            assert (status, "call the bank at 127.0.0.1" in text) == (400, True)
