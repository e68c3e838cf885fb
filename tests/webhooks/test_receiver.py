"""A receiver of callbacks: takes what the bank signed, and nothing else."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from http.server import HTTPServer
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests
from visitors import Frozen

import bunqkit
from bunqkit.errors import BunqkitError, NoAnswerError
from bunqkit.sandbox import Bank, Clock


@pytest.fixture(scope="module")
def bunq() -> bunqkit.Context:
    """Return a person at a bank whose clock stands still."""
    return bunqkit.connect(bank=Bank(clock=Clock(tick=Frozen())))


@pytest.fixture
def receiver(bunq: bunqkit.Context) -> Iterator[bunqkit.Receiver]:
    """Return a receiver that listens."""
    with bunqkit.Receiver(bunq) as receiver:
        yield receiver


def test_a_payment_is_received_and_verified(
    bunq: bunqkit.Context, receiver: bunqkit.Receiver
) -> None:
    """From the filter to the object: what came is what the API shows."""
    bunq.call("notification-filter-url.create", notification_filters=receiver.filters("MUTATION"))
    bunq.top_up("12.50")
    assert bunq.bank is not None
    bunq.bank.deliver()
    (told,) = receiver.wait()
    assert (told.category, told.event_type, told.type) == (
        "MUTATION",
        "MUTATION_RECEIVED",
        "Payment",
    )
    assert told.item == bunq.call("payment.get", told.item["id"]).item
    assert json.loads(told.body)["NotificationUrl"]["target_url"] == receiver.url
    assert bunq.bank.callbacks.sent()[0].is_delivered
    assert repr(receiver).endswith("1 received, 0 repeated, 0 refused>")


@pytest.mark.parametrize("signs", ["nobody", "somebody else", "the bank, other bytes", "nonsense"])
def test_what_the_bank_did_not_sign_is_refused(
    bunq: bunqkit.Context, receiver: bunqkit.Receiver, other_key: bunqkit.KeyPair, signs: str
) -> None:
    """A forged callback is answered with 403, kept nowhere, and said why."""
    assert bunq.bank is not None
    body = b'{"NotificationUrl":{"category":"MUTATION","event_type":"x","object":{"Payment":{}}}}'
    signature = {
        "somebody else": other_key.sign(body),
        "the bank, other bytes": bunq.bank.key.sign(body + b" "),
        "nonsense": "!",
    }.get(signs)
    headers = {"X-Bunq-Server-Signature": signature} if signature else {}
    assert requests.post(receiver.url, body, headers=headers, timeout=5).status_code == 403
    assert receiver.received == []
    assert "signature" in receiver.refused[0]


@pytest.mark.parametrize(
    "body", [b"", b"{}", b"[]", b"\xff", b'{"NotificationUrl":{"object":{}}}', b"[" * 100_000]
)
def test_what_is_no_callback_is_refused(
    bunq: bunqkit.Context, receiver: bunqkit.Receiver, body: bytes
) -> None:
    """Signed or not, other bytes do no harm."""
    assert bunq.bank is not None
    headers = {"X-Bunq-Server-Signature": bunq.bank.key.sign(body)}
    assert requests.post(receiver.url, body, headers=headers, timeout=5).status_code == 400
    assert receiver.received == []


def send(receiver: bunqkit.Receiver, sent: bytes) -> int:
    """Send bytes as they are; give the answer's status."""
    parts = urlsplit(receiver.url)
    there = socket.create_connection((str(parts.hostname), int(parts.port or 0)), timeout=8)
    there.sendall(sent)
    there.shutdown(socket.SHUT_WR)
    answer = there.recv(100)
    there.close()
    return int(answer.split()[1])


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ("", 411),
        ("Content-Length: -1", 400),
        ("Content-Length: +4", 400),
        ("Content-Length: 0x4", 400),
        ("Content-Length: \u0664", 400),
        ("Content-Length: 4\r\nContent-Length: 5", 400),
        ("Content-Length: 4\r\nTransfer-Encoding: chunked", 411),
        ("Transfer-Encoding: chunked", 411),
        ("Content-Length: 4194305", 413),
        ("Content-Length: 99999999999", 413),
        (f"Content-Length: {'9' * 5000}", 413),
        ("Content-Length: {more}", 400),
        ("Content-Length: {less}", 400),
        ("Content-Length: {same}", 200),
    ],
    ids=lambda value: str(value)[:40],
)
def test_a_wrong_length_is_refused(
    bunq: bunqkit.Context, receiver: bunqkit.Receiver, headers: str, status: int
) -> None:
    """Missing, negative, no number, twice, too large, not that of what came: signed or not."""
    assert bunq.bank is not None
    body = callback(1)
    told = headers.format(more=len(body) + 1, less=len(body) - 1, same=len(body))
    signature = f"X-Bunq-Server-Signature: {bunq.bank.key.sign(body)}"
    head = "\r\n".join(filter(None, ["POST / HTTP/1.1", told, signature]))
    answer = send(receiver, f"{head}\r\n\r\n".encode() + body)
    assert answer == status
    assert len(receiver.received) == (status == 200)
    assert len(receiver.refused) == (status != 200)


def callback(number: int, **item: Any) -> bytes:
    """Return the body of a callback about a payment."""
    payment = {"id": number, "updated": "2026-04-01 09:00:00.000000", **item}
    told = {
        "category": "MUTATION",
        "event_type": "MUTATION_CREATED",
        "object": {"Payment": payment},
    }
    return json.dumps({"NotificationUrl": told}).encode()


def deliver(bunq: bunqkit.Context, receiver: bunqkit.Receiver, body: bytes) -> int:
    """Send a callback as the bank does; give the status of the answer."""
    assert bunq.bank is not None
    headers = {"X-Bunq-Server-Signature": bunq.bank.key.sign(body)}
    return requests.post(receiver.url, body, headers=headers, timeout=15).status_code


def test_a_repeat_is_answered_and_goes_no_further(
    bunq: bunqkit.Context, receiver: bunqkit.Receiver
) -> None:
    """The same event, whatever else the bytes hold; a later state of the object is another."""
    first, later = callback(1), callback(1, updated="2026-04-01 09:00:01.000000")
    for body in (first, first, callback(1, description="x"), later, callback(2), later):
        assert deliver(bunq, receiver, body) == 200
    assert [each.item["id"] for each in receiver.received] == [1, 1, 2]
    assert (receiver.repeated, receiver.refused) == (3, [])
    assert len({each.id for each in receiver.received}) == 3
    assert repr(receiver).endswith("3 received, 3 repeated, 0 refused>")


def test_the_offline_bank_sends_again_and_it_is_received_once(bunq: bunqkit.Context) -> None:
    """By hand, with the bytes that it sent first."""
    assert bunq.bank is not None
    with bunqkit.Receiver(bunq) as receiver:
        filters = receiver.filters("MUTATION")
        bunq.call("notification-filter-url.create", notification_filters=filters)
        bunq.top_up("1.00")
        bunq.bank.deliver()
        bunq.bank.callbacks.replay(bunq.bank.callbacks.sent()[0].id)
        bunq.bank.deliver()
        assert (len(receiver.received), receiver.repeated) == (1, 1)
        attempts = bunq.bank.callbacks.sent()[0].attempts
        assert [attempt.status for attempt in attempts] == [200, 200]


def test_objects_without_a_time_are_told_apart_by_their_bytes(
    bunq: bunqkit.Context, receiver: bunqkit.Receiver
) -> None:
    """Else two events would be taken for one."""
    for body in (callback(1, updated=None), callback(1, updated=None, description="x")) * 2:
        deliver(bunq, receiver, body)
    assert (len(receiver.received), receiver.repeated) == (2, 2)


def test_it_is_seen_when_its_handler_has_ended(bunq: bunqkit.Context) -> None:
    """A handler that fails is called again when the bank sends it again, and then no more."""
    calls = []

    def handle(notification: Any) -> None:
        calls.append(notification.id)
        if len(calls) == 1:
            raise ValueError("disk full")

    with bunqkit.Receiver(bunq, handler=handle) as receiver:
        assert [deliver(bunq, receiver, callback(1)) for _ in range(3)] == [500, 200, 200]
        assert len(calls) == 2
        assert len(set(calls)) == 1
        assert (len(receiver.received), receiver.repeated) == (1, 1)
        assert receiver.refused == ["The handler failed: ValueError: disk full"]


def test_a_repeat_waits_for_the_handler_of_the_first(bunq: bunqkit.Context) -> None:
    """Both at once: one is handled."""
    begun, go_on, calls = threading.Event(), threading.Event(), []

    def handle(notification: Any) -> None:
        calls.append(notification.id)
        begun.set()
        go_on.wait(5)

    with bunqkit.Receiver(bunq, handler=handle) as receiver, ThreadPoolExecutor() as pool:
        first = pool.submit(deliver, bunq, receiver, callback(1))
        assert begun.wait(5)
        second = pool.submit(deliver, bunq, receiver, callback(1))
        with pytest.raises(TimeoutError):
            second.result(0.5)
        go_on.set()
        assert (first.result(10), second.result(10)) == (200, 200)
        assert (len(calls), len(receiver.received), receiver.repeated) == (1, 1, 1)


@pytest.mark.parametrize("piece", [b"", b"X"], ids=["nothing", "a byte now and then"])
@pytest.mark.parametrize(
    "begin",
    [b"", b"POST / HTTP/1.1\r\nA: b", b"POST / HTTP/1.1\r\nContent-Length: 99999\r\n\r\nx"],
    ids=["line", "headers", "body"],
)
def test_who_drips_is_left(
    receiver: bunqkit.Receiver, monkeypatch: pytest.MonkeyPatch, begin: bytes, piece: bytes
) -> None:
    """Whatever it is at, its time is up for all of it."""
    monkeypatch.setattr("bunqkit.webhooks.receiver._TIMEOUT_S", 0.3)
    parts, began = urlsplit(receiver.url), time.monotonic()
    with socket.create_connection((str(parts.hostname), int(parts.port or 0))) as slow:
        slow.sendall(begin)
        slow.settimeout(0.05)
        while time.monotonic() - began < 5:
            try:
                slow.sendall(piece)
                if slow.recv(100) == b"":
                    break
            except TimeoutError:
                continue
            except OSError:
                break
    assert 0.2 < time.monotonic() - began < 4


def test_a_crowd_that_is_silent_does_not_stall_it(
    bunq: bunqkit.Context, receiver: bunqkit.Receiver
) -> None:
    """A hundred connections that send nothing, and callbacks come through."""
    parts = urlsplit(receiver.url)
    address = (str(parts.hostname), int(parts.port or 0))
    with ExitStack() as stack:
        for _ in range(100):
            stack.enter_context(socket.create_connection(address))
        assert [deliver(bunq, receiver, callback(each)) for each in range(3)] == [200] * 3


def test_there_are_so_many_threads_and_no_more(
    bunq: bunqkit.Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One more connection is closed at once, and there is room again when one has ended."""
    monkeypatch.setattr("bunqkit.webhooks.receiver._MAX_CONNECTIONS", 3)
    with bunqkit.Receiver(bunq) as receiver, ExitStack() as stack:
        parts = urlsplit(receiver.url)
        address = (str(parts.hostname), int(parts.port or 0))
        quiet = [stack.enter_context(socket.create_connection(address)) for _ in range(3)]
        with socket.create_connection(address, timeout=5) as more:
            assert more.recv(1) == b""
        for each in quiet:
            each.close()
        end = time.monotonic() + 5
        while time.monotonic() < end:
            with contextlib.suppress(requests.ConnectionError):
                if deliver(bunq, receiver, callback(1)) == 200:
                    break
        assert len(receiver.received) == 1


def test_an_address_for_all_is_told_as_one(
    bunq: bunqkit.Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody can call 0.0.0.0; a port that can't be is told."""
    bind = HTTPServer.server_bind

    def bind_here(server: HTTPServer) -> None:
        server.server_address = ("127.0.0.1", 0)
        bind(server)

    monkeypatch.setattr(HTTPServer, "server_bind", bind_here)
    with bunqkit.Receiver(bunq, host="0.0.0.0") as receiver:
        assert urlsplit(receiver.url).hostname == "127.0.0.1"
        assert deliver(bunq, receiver, callback(1)) == 200
    monkeypatch.undo()
    with pytest.raises(BunqkitError, match="Choose another port"):
        bunqkit.Receiver(bunq, port=65_536)


def test_waiting_says_what_is_missing(receiver: bunqkit.Receiver) -> None:
    """The error counts, gives the address, and the reason of the last refusal."""
    requests.post(receiver.url, b"x", timeout=5)
    with pytest.raises(NoAnswerError, match=r"0 of 1 callbacks .*no signature.*filter"):
        receiver.wait(timeout_s=0.01)


def test_a_taken_port_is_told(bunq: bunqkit.Context, receiver: bunqkit.Receiver) -> None:
    """The error says what to do."""
    port = int(receiver.url.rstrip("/").rpartition(":")[2])
    with pytest.raises(BunqkitError, match="Choose another port"):
        bunqkit.Receiver(bunq, port=port)
