"""One request over one connection: what the connection records, until when, and how much."""

from __future__ import annotations

import gzip
import signal
import socket
import struct
import threading
import time
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from adversary.hostile_server import Fault, HostileServer, Speak
from sampling import one_in
from visitors import Door, Visitor

from bunqkit.client.bodies import Bounds
from bunqkit.client.client import Client
from bunqkit.errors import BadAnswerError, BunqkitError, NoAnswerError, StoppedBeforeSending
from bunqkit.sandbox import Bank
from bunqkit.security.redaction import Secret

TOKEN = Secret("0123456789abcdef" * 4)
PATH = "/user/1/payment"
GOOD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
"""What an answer begins with."""


@pytest.fixture(params=["plain", "TLS"])
def server(
    request: pytest.FixtureRequest, bank: Bank, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[HostileServer]:
    """Return a server before the bank, by either wire, that the client trusts."""
    with HostileServer(bank, tmp_path, is_tls=request.param == "TLS") as server:
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(server.certificate))
        yield server


def write(client: Client) -> NoAnswerError:
    """Send a write that gets no answer; give the error."""
    with pytest.raises(NoAnswerError) as caught:
        client.request("POST", PATH, {"a": 1}, token=TOKEN)
    assert TOKEN.reveal() not in str(caught.value)
    return caught.value


# ---- was anything sent?


@pytest.mark.parametrize("how", ["close", "reset", "stall", "corrupt"])
@pytest.mark.parametrize("leg", ["up", "down"])
def test_what_fails_in_the_handshake_was_not_sent(
    bank: Bank, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, leg: Any, how: Any
) -> None:
    """Before the first byte of the request, whatever the error is called."""
    with HostileServer(bank, tmp_path, is_tls=True) as server:
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(server.certificate))
        for at in (0, 3, 40, 100):
            server.arm(Fault(leg, at, how))
            error = write(Client(server.url, timeout_s=0.3))
            assert not error.was_sent, (at, error)
            assert "Nothing was carried out" in str(error)
            assert server.calls == []


@pytest.mark.parametrize("how", ["close", "reset", "stall", "corrupt"])
def test_what_fails_afterwards_was_sent(server: HostileServer, how: Any) -> None:
    """From the first byte of the request on, on a connection that is kept."""
    client = Client(server.url, timeout_s=0.3)
    for leg, at in (("up", 0), ("up", 50), ("down", 0), ("down", 5)):
        if how == "corrupt" and not server.is_tls:
            continue
        client.timeout_s = 30
        client.request("POST", "/sandbox-user-person")
        client.timeout_s = 0.3
        server.arm(Fault(leg, at, how))  # type: ignore[arg-type]
        error = write(client)
        assert error.was_sent, (leg, at, error)
        assert "look before you send it again" in str(error)
        assert "certificate" not in str(error)
        server.arm()


def test_a_connection_that_was_closed_meanwhile_is_made_anew(server: HostileServer) -> None:
    """A kept connection that the server has let go of is no reason to fail."""
    client = Client(server.url)
    for _ in range(3):
        client.request("POST", "/sandbox-user-person")
        server.drop()
        # The kernel has told this side by the time that it is asked.
        time.sleep(0.05)


# The standard library leaves a socket open on which a handshake could not begin.
@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_a_proxy_that_hangs_up_was_not_sent_anything(monkeypatch: pytest.MonkeyPatch) -> None:
    """In whatever part of its answer to CONNECT, at whatever pace: the bank got nothing."""
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    for told in (b"", b"HTTP/1.1 ", b"HTTP/1.1 200 OK\r\n\r\n", b"reset", b"drip"):
        with socket.create_server(("127.0.0.1", 0)) as proxy:
            monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{proxy.getsockname()[1]}")
            thread = threading.Thread(target=_answer_connect, args=(proxy, told))
            thread.start()
            started = time.monotonic()
            assert not write(Client("https://bank.invalid/v1", timeout_s=0.5)).was_sent
            assert time.monotonic() - started < 2
            thread.join(10)


def _answer_connect(proxy: socket.socket, told: bytes) -> None:
    caller, _ = proxy.accept()
    with caller:
        caller.recv(65_536)
        if told == b"reset":
            caller.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            told = b"HTTP/1.1 200 OK\r\n\r\n"
        if told != b"drip":
            caller.sendall(told)
            return
        try:
            for _ in range(200):
                caller.sendall(b"x")
                time.sleep(0.02)
        except OSError:
            return


def test_a_plain_call_through_a_proxy_was_sent(
    monkeypatch: pytest.MonkeyPatch, server: HostileServer
) -> None:
    """Who forwards has got the request, and may have handed it on."""
    if server.is_tls:
        pytest.skip("TLS goes through a tunnel")
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.setenv("HTTP_PROXY", server.url.removesuffix("/v1"))
    server.arm(Fault("down", 0, "close"))
    assert write(Client("http://bank.invalid/v1")).was_sent


def test_certificates_that_are_not_there_are_nothing_sent(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A wrong REQUESTS_CA_BUNDLE stops the call before there is a connection."""
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "none.pem"))
    assert not write(Client("https://127.0.0.1:1/v1")).was_sent


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="needs an alarm")
# The standard library leaves a socket open when its handshake is interrupted.
@pytest.mark.filterwarnings("ignore::ResourceWarning")
@pytest.mark.parametrize(("at", "error"), [(0, StoppedBeforeSending), (400, KeyboardInterrupt)])
def test_an_interrupt_tells_whether_anything_was_sent(
    bank: Bank, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at: int, error: type
) -> None:
    """Ctrl+C in the handshake stops a call that was not sent; later, one that may have been."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    with HostileServer(bank, tmp_path, is_tls=True) as server:
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(server.certificate))
        client = Client(server.url, timeout_s=5)
        if at:
            client.request("POST", "/sandbox-user-person")
        server.arm(Fault("down", 0, "stall"))
        before = signal.signal(signal.SIGALRM, interrupt)
        signal.setitimer(signal.ITIMER_REAL, 0.3)
        try:
            with pytest.raises(KeyboardInterrupt) as caught:
                client.request("POST", PATH, {"a": 1}, token=TOKEN)
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, before)
        assert type(caught.value) is error


# ---- until when


def slowly(before: bytes, drop: bytes, pause_s: float = 0.02) -> Speak:
    """Return an answer that begins, and then drips."""

    def speak(_method: str, _path: str, _answer: bytes) -> Iterator[bytes | float]:
        yield before
        for _ in range(500):
            yield pause_s
            yield drop

    return speak


EMPTY_GZIP = gzip.compress(b"")
DRIPS = {
    "status line": (b"HTTP/1.1 200 ", b"O"),
    "header": (GOOD + b"X-Long: ", b"x"),
    "headers": (GOOD, b"X: y\r\n"),
    "continue": (b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    "body": (GOOD + b"Content-Length: 1000\r\n\r\n", b" "),
    "body to the end": (GOOD + b"\r\n", b" "),
    "chunk sizes": (GOOD + b"Transfer-Encoding: chunked\r\n\r\n", b"0"),
    "chunk extensions": (GOOD + b"Transfer-Encoding: chunked\r\n\r\n5;", b"x"),
    "chunks": (GOOD + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\n \r\n"),
    "trailers": (GOOD + b"Transfer-Encoding: chunked\r\n\r\n0\r\n", b"X: y\r\n"),
    "empty gzip": (GOOD + b"Content-Encoding: gzip\r\n\r\n", EMPTY_GZIP),
    "empty blocks": (
        GOOD + b"Content-Encoding: gzip\r\n\r\n" + EMPTY_GZIP[:10],
        b"\x00\x00\x00\xff\xff",
    ),
    "empty deflate": (GOOD + b"Content-Encoding: deflate\r\n\r\nx\x9c", b"\x00\x00\x00\xff\xff"),
}


@pytest.mark.parametrize("name", one_in(2, DRIPS))
def test_whatever_drips_ends_in_time(server: HostileServer, name: str) -> None:
    """Bytes come faster than any time-out between two of them: the deadline holds."""
    server.speak = slowly(*DRIPS[name])
    started = time.monotonic()
    error = write(Client(server.url, timeout_s=0.2))
    assert 0.15 < time.monotonic() - started < 2.5
    assert "longer than 0.2 s" in str(error)
    assert error.was_sent


@pytest.mark.slow
@pytest.mark.parametrize("drip", ["continue", "headers", "trailers", "empty blocks"])
def test_a_flood_ends_in_time(server: HostileServer, drip: str) -> None:
    """Without pauses, too: what never ends as fast as it can."""
    before, drop = DRIPS[drip]
    server.speak = lambda *_: (before, *(drop * 1000 for _ in range(100_000)))
    started = time.monotonic()
    client = Client(server.url, timeout_s=0.4)
    with pytest.raises(BunqkitError):
        client.request("POST", PATH, {"a": 1}, token=TOKEN)
    assert time.monotonic() - started < 2.5


def test_a_reader_that_is_slow_ends_in_time(server: HostileServer) -> None:
    """A request that is not taken off the wire counts as sent, and ends at the deadline."""
    server.arm(Fault("up", 3000, "stall"))
    started = time.monotonic()
    client = Client(server.url, timeout_s=0.4)
    with pytest.raises(NoAnswerError) as caught:
        client.request("POST", PATH, bytes(50_000_000), token=TOKEN)
    assert time.monotonic() - started < 4
    assert caught.value.was_sent


def test_calls_in_time_are_left_alone(server: HostileServer) -> None:
    """The deadline of a call that has ended does not shut the connection under the next one."""
    client = Client(server.url, timeout_s=0.5)
    server.speak = lambda _method, _path, answer: [0.2, answer]
    server.arm()
    for _ in range(5):
        client.request("POST", "/sandbox-user-person")
    assert len(server.calls) == 5


def test_many_deadlines_at_once(server: HostileServer) -> None:
    """The shorter one that comes later is kept too."""
    server.speak = slowly(*DRIPS["header"])
    ended: dict[float, float] = {}
    started = time.monotonic()

    def call(timeout_s: float) -> None:
        write(Client(server.url, timeout_s=timeout_s))
        ended[timeout_s] = time.monotonic() - started

    threads = [threading.Thread(target=call, args=(each,)) for each in (0.9, 0.5, 0.2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert list(ended) == [0.2, 0.5, 0.9]
    assert ended[0.2] < 0.5


# ---- how much


def small(server: HostileServer, **bounds: int) -> Client:
    """Return a client that takes a megabyte."""
    return Client(server.url, bounds=Bounds(**({"json_mb": 1, "download_mb": 1} | bounds)))


BOMB = zlib.compress(bytes(200_000_000))
LARGE = {
    "told beforehand": b"Content-Length: 900000000000\r\n\r\n",
    "to the end": b"\r\n",
    "in chunks": b"Transfer-Encoding: chunked\r\n\r\n10000\r\n",
    "inflated": b"Content-Encoding: deflate\r\n\r\n",
    "inflated twice": b"Content-Encoding: gzip, gzip\r\n\r\n",
}


@pytest.mark.parametrize("kind", [b"application/json", b"application/pdf", b""])
@pytest.mark.parametrize("head", LARGE.values(), ids=LARGE)
def test_what_is_too_large_is_not_read(server: HostileServer, head: bytes, kind: bytes) -> None:
    """Neither what says so nor what doesn't, as it comes or inflated; the error names the way."""

    def speak(_method: str, _path: str, _answer: bytes) -> Iterator[bytes]:
        yield b"HTTP/1.1 200 OK\r\nContent-Type: " + kind + b"\r\n" + head
        if b"Encoding: deflate" in head:
            yield BOMB
        for _ in range(100):
            yield bytes(65_536) + (b"\r\n10000\r\n" if b"chunked" in head else b"")

    server.speak = speak
    server.arm()
    with pytest.raises(BadAnswerError) as caught:
        small(server).request("GET", "/user/1/payment", token=TOKEN)
    assert caught.value.status == 200
    if b"gzip, gzip" in head:
        assert "not asked for" in str(caught.value)
        return
    setting = "BUNQ_MAX_JSON_MB" if b"json" in kind else "BUNQ_MAX_DOWNLOAD_MB"
    assert f"larger than the 1 MB that {setting} allows" in str(caught.value)
    assert "Raise the setting" in str(caught.value)


def test_a_refusal_is_bounded_like_json(server: HostileServer) -> None:
    """Whatever it says that it is."""
    head = b"HTTP/1.1 502 x\r\nContent-Type: text/html\r\nContent-Length: 2000000\r\n\r\n"
    server.speak = lambda *_: [head, bytes(2_000_000)]
    with pytest.raises(BadAnswerError, match="BUNQ_MAX_JSON_MB"):
        small(server, download_mb=100).request("GET", "/user", token=TOKEN)


def test_a_write_whose_answer_is_too_large_may_have_been_carried_out(
    server: HostileServer,
) -> None:
    """It is sent once, and the exchange tells what came."""
    server.speak = lambda *_: [GOOD + b"Content-Length: 2000000\r\n\r\n", bytes(2_000_000)]
    client = small(server)
    server.arm()
    with pytest.raises(BadAnswerError):
        client.request("POST", "/sandbox-user-person")
    assert len(server.calls) == 1
    assert client.exchanges[-1].outcome == "200, not to be believed"


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "x-gzip", "identity"])
def test_what_is_encoded_is_read(server: HostileServer, encoding: str) -> None:
    """In the ways that were asked for, in several members, and byte by byte."""
    said = b'{"Response": []}'
    packed = {"identity": said, "deflate": zlib.compress(said)}.get(
        encoding, gzip.compress(said[:5]) + gzip.compress(b"") + gzip.compress(said[5:])
    )
    head = GOOD + f"Content-Encoding: {encoding}\r\nContent-Length: {len(packed)}\r\n\r\n".encode()
    server.speak = lambda *_: [head, *(packed[at : at + 1] for at in range(len(packed)))]
    assert Client(server.url).request("GET", "/user", token=TOKEN).items == []


@pytest.mark.parametrize(
    "packed",
    [gzip.compress(b"{}" * 90)[:-9], b"no gzip", b"\x1f\x8b" * 9],
    ids=["cut", "none", "garbled"],
)
def test_what_cannot_be_inflated_is_no_answer(server: HostileServer, packed: bytes) -> None:
    """Cut or garbled on the way: it says so."""
    head = GOOD + f"Content-Encoding: gzip\r\nContent-Length: {len(packed)}\r\n\r\n".encode()
    server.speak = lambda *_: [head, packed]
    error = write(Client(server.url))
    assert error.was_sent
    assert "can't be inflated" in str(error)


def test_bounds_hold_in_process_too(door: Door, visitor: Visitor) -> None:
    """Whatever the way to the bank."""
    client = door.client(bounds=Bounds(json_mb=1))
    visitor.door.wire.force(b" " * 1_500_000, is_signed=False)
    with pytest.raises(BadAnswerError, match="BUNQ_MAX_JSON_MB"):
        client.request("GET", "/user", token=TOKEN)


def test_headers_that_cannot_be_read_are_not_logged(
    server: HostileServer, caplog: pytest.LogCaptureFixture
) -> None:
    """What stands after a broken line would be: signatures, and whatever is reflected."""
    signature = b"A" * 342 + b"=="
    head = GOOD + b"no colon\r\nX-Bunq-Server-Signature: " + signature + b"\r\n"

    def speak(_method: str, _path: str, _answer: bytes) -> Iterator[bytes]:
        yield head + b"X-Reflected: " + TOKEN.reveal().encode() + b"\r\n\r\n"
        raise EOFError

    server.speak = speak
    with pytest.raises(BunqkitError):
        Client(server.url).request("GET", "/user", token=TOKEN)
    told = [record for record in caplog.records if "parse headers" in record.getMessage()]
    assert len(told) == 1
    assert told[0].exc_info is None
