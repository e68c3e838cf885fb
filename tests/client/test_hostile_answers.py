"""Whatever comes as an answer: a verified answer comes out, or a BunqkitError, in time."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

import bunqkit
from bunqkit.auth import handshake
from bunqkit.client.client import Client
from bunqkit.client.retries import Retries
from bunqkit.context.context import Context
from bunqkit.errors import BunqkitError
from bunqkit.sandbox import Bank, doors
from bunqkit.security.redaction import Secret
from bunqkit.security.signing import KeyPair

NAMES = st.sampled_from(
    ["Payment", "Id", "Token", "UserPerson", "ServerPublicKey", "id", "token", "created", "amount",
     "value", "currency", "server_public_key", "session_timeout", "alias", "counterparty_alias",
     "Error", "error_description", "MonetaryAccountBank", "balance", "status"]
) | st.text(max_size=4)  # fmt: skip
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=12,
)
ITEMS = st.lists(
    st.dictionaries(NAMES, st.dictionaries(NAMES, VALUES, max_size=4), min_size=1, max_size=1),
    max_size=3,
)
PAGINATION = st.none() | st.dictionaries(
    st.sampled_from(["older_url", "newer_url", "future_url"]),
    st.none() | st.sampled_from(["/v1/user/1", "https://evil.invalid/v1/user", "//evil", ""])
    | st.integers(),
    max_size=3,
)  # fmt: skip
ENVELOPES = st.fixed_dictionaries({"Response": ITEMS}, optional={"Pagination": PAGINATION})
HEADERS = st.dictionaries(
    st.sampled_from(
        ["Content-Type", "Content-Encoding", "Transfer-Encoding", "Location", "Set-Cookie",
         "X-Bunq-Server-Signature", "X-Bunq-Client-Response-Id"]
    ),
    st.sampled_from(["application/json", "text/html", "gzip", "deflate", "chunked", "", "a=b",
                     "https://evil.invalid/"])
    | st.text(st.characters(min_codepoint=32, max_codepoint=255), max_size=10),
    max_size=3,
)  # fmt: skip
STATUSES = st.sampled_from([200, 200, 200, 201, 204, 302, 400, 401, 403, 404, 429, 491, 500, 503])


class Liar:
    """A bank that answers everything with what it was told, signed if that is asked of it."""

    def __init__(self, key: KeyPair) -> None:
        self.key = key
        self.told: tuple[int, bytes, dict[str, str], bool] = (200, b"", {}, True)

    def __call__(self, _environ: dict[str, Any], start_response: Any) -> list[bytes]:
        """Answer."""
        status, body, headers, is_signed = self.told
        signed = {"X-Bunq-Server-Signature": self.key.sign(body)} if is_signed else {}
        start_response(
            f"{status} x", list(({"Content-Type": "application/json"} | headers | signed).items())
        )
        return [body]


@pytest.fixture
def bunq(bank: Bank) -> Context:
    """Return a context whose session is real, and whose bank is then replaced by a liar."""
    bunq = bunqkit.connect(bank=bank, api_key=bank.demo_key)
    keys = bunq.client
    bunq._channel.client = bunq._sessions._client = Client(
        doors.BASE_URL,
        key=keys.key,
        bank_key=keys.bank_key,
        transport=doors.InProcess(Liar(bank.key)),
        retries=Retries(attempts=2, sleep=lambda _seconds: None),
    )
    bunq._writes.sleep = lambda _seconds: None
    return bunq


def look(bunq: Context) -> list[Callable[[], object]]:
    """Return every way to take an answer in."""
    return [
        lambda: bunq.call("GET /user"),
        lambda: bunq.call("payment.list", account=5).older(),
        lambda: bunq.frame("monetary-account.list"),
        lambda: list(bunq.pages("event.list")),
        lambda: bunq.call("GET /user").frame(),
        lambda: bunq.call("GET /user").item,
        bunq.accounts,
        bunq.payments,
        lambda: bunq.pay("1.00", "bravo@bunq.com", "tea"),
        lambda: bunq.call("POST /user/{userID}/avatar", body={}, check=False),
    ]


@settings(suppress_health_check=list(HealthCheck))
@given(
    status=STATUSES,
    body=ENVELOPES.map(lambda told: json.dumps(told).encode())
    | VALUES.map(lambda told: json.dumps(told).encode())
    | st.binary(max_size=40),
    headers=HEADERS,
    is_signed=st.booleans(),
)
def test_only_our_errors_come_out(
    bunq: Context, status: int, body: bytes, headers: dict[str, str], *, is_signed: bool
) -> None:
    """Arbitrary bytes, JSON, headers and statuses, through every way to call and to tabulate."""
    transport: Any = bunq.client._transport
    transport._adapter._application.told = (status, body, headers, is_signed)
    for way in look(bunq):
        with contextlib.suppress(BunqkitError):
            way()


@settings(max_examples=settings().max_examples * 3 // 2, suppress_health_check=list(HealthCheck))
@given(told=ENVELOPES, way=st.integers(0, 9))
def test_what_the_bank_signs_may_be_nonsense_too(
    bunq: Context, told: dict[str, Any], way: int
) -> None:
    """Well-formed envelopes of items that nobody expects: a table, or an error of ours."""
    transport: Any = bunq.client._transport
    transport._adapter._application.told = (200, json.dumps(told).encode(), {}, True)
    with contextlib.suppress(BunqkitError):
        look(bunq)[way]()


@settings(suppress_health_check=list(HealthCheck))
@given(body=ENVELOPES, status=STATUSES)
def test_the_handshake_takes_no_nonsense(
    bank: Bank, key: KeyPair, body: dict[str, Any], status: int
) -> None:
    """Its three steps end in a BunqkitError, or in what is well formed."""
    liar = Liar(bank.key)
    liar.told = (status, json.dumps(body).encode(), {}, True)
    client = Client(doors.BASE_URL, transport=doors.InProcess(liar))
    with contextlib.suppress(BunqkitError):
        handshake.create_sandbox_user(client)
    with contextlib.suppress(BunqkitError):
        handshake.create_installation(client, key)
    visitor = Client(doors.BASE_URL, transport=doors.InProcess(bank))
    installation = handshake.create_installation(visitor, key)
    with contextlib.suppress(BunqkitError):
        handshake.register_device(client, installation, Secret("x"), description="test")
    with contextlib.suppress(BunqkitError):
        session = handshake.open_session(client, installation, Secret("x"), now=bank.clock.now())
        assert isinstance(session.user_id, int)


DEEP = b'{"a":' * 900 + b"1" + b"}" * 900


def wide(keys: int) -> bytes:
    """Return an item of so many keys."""
    return json.dumps({f"key_{number}": number for number in range(keys)}).encode()


@pytest.mark.parametrize(
    "inside",
    [DEEP, b"[" * 900 + b"]" * 900, wide(2000), pytest.param(wide(50_000), marks=pytest.mark.slow)],
    ids=["deep", "deep list", "wide", "very wide"],
)
@pytest.mark.parametrize("way", ["frame", "page", "shown", "items"])
def test_what_is_deep_or_wide_is_read_or_refused(bunq: Context, way: str, inside: bytes) -> None:
    """Within the time-out, and no RecursionError comes out."""
    body = b'{"Response":[{"Event":{"id":1,"x":' + inside + b"}}]}"
    transport: Any = bunq.client._transport
    transport._adapter._application.told = (200, body, {}, True)
    ways: dict[str, Callable[[], object]] = {
        "frame": lambda: bunq.frame("event.list"),
        "page": lambda: bunq.call("event.list").frame(),
        "shown": lambda: bunq.call("event.list")._repr_html_(),
        "items": lambda: bunq.call("event.list").items,
    }
    started = time.monotonic()
    with contextlib.suppress(BunqkitError):
        ways[way]()
    assert time.monotonic() - started < 30


@pytest.fixture(scope="module")
def raw() -> Iterator[tuple[str, Callable[[bytes], None]]]:
    """Return an address on loopback that answers with bytes, and a way to say which."""
    told = [b""]
    server = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                caller, _ = server.accept()
            except OSError:
                return
            with contextlib.suppress(OSError), caller:
                caller.recv(65_536)
                caller.sendall(told[0])

    threading.Thread(target=serve, daemon=True).start()

    def tell(answer: bytes) -> None:
        told[0] = answer

    yield f"http://127.0.0.1:{server.getsockname()[1]}/v1", tell
    server.close()


LINES = st.lists(
    st.sampled_from(
        [b"Content-Length: 5", b"Content-Length: -1", b"Content-Length: x", b"Content-Length: 9e9",
         b"Transfer-Encoding: chunked", b"Content-Encoding: gzip", b"Content-Encoding: br",
         b"Content-Type: application/json", b"Location: https://evil.invalid/", b": nothing",
         b"no colon", b"X-Bunq-Server-Signature: \xff\xfe", b"Set-Cookie: a=b", b"\x00: \x00"]
    )
    | st.binary(max_size=10),
    max_size=4,
)  # fmt: skip
RAW = st.binary(max_size=60) | st.builds(
    lambda first, lines, body: b"\r\n".join([first, *lines, b"", body]),
    st.sampled_from(
        [
            b"HTTP/1.1 200 OK",
            b"HTTP/1.1 302 x",
            b"HTTP/1.1 999",
            b"HTTP/1.0 200 \xff",
            b"HTTP/2 200",
            b"HTTP/1.1 100 Continue",
            b"HTTP/1.1 -5 x",
        ]
    ),
    LINES,
    st.sampled_from([b"", b"{}", b'{"Response":[]}', b"5\r\nhallo\r\n0\r\n\r\n", b"zz\r\n"])
    | st.binary(max_size=20),
)


@given(answer=RAW)
def test_bytes_that_are_hardly_http_end_in_time(
    raw: tuple[str, Callable[[bytes], None]], answer: bytes
) -> None:
    """From the first byte of the status line on: a BunqkitError, within the time-out."""
    url, tell = raw
    tell(answer)
    started = time.monotonic()
    with contextlib.suppress(BunqkitError):
        Client(url, timeout_s=2).request("GET", "/user", token=Secret("0" * 64))
    assert time.monotonic() - started < 4
