"""Who visits the bank in tests: its two doors, people behind them, and a wire that can be bent."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from bunqkit.auth import handshake
from bunqkit.auth.state import Installation, Session
from bunqkit.client.client import Client
from bunqkit.client.rate_limits import Limiter
from bunqkit.errors import ApiError
from bunqkit.sandbox import Bank
from bunqkit.security.redaction import Secret
from bunqkit.security.signing import KeyPair

# Items as odd as they come; each is a ``Response`` list.
ANSWERS: dict[str, list[dict[str, Any]]] = {
    "empty": [],
    "one": [{"Payment": {"id": 1, "amount": {"value": "10.00", "currency": "EUR"}}}],
    "unknown type": [{"PaymentOfTomorrow": {"id": 1, "colour": "blue"}}],
    "mixed types": [{"Payment": {"id": 1}}, {"RequestInquiry": {"id": 2, "status": "PENDING"}}],
    "missing keys": [{"Payment": {"id": 1, "batch_id": 7}}, {"Payment": {"id": 2}}],
    "huge id": [{"Event": {"id": 2**53 + 1}}, {"Event": {"id": 2**62 + 1}}],
    "id past 64 bits": [{"Event": {"id": 2**70}}],
    "negative": [{"Payment": {"id": 1, "amount": {"value": "-0.01", "currency": "EUR"}}}],
    "deep": [{"Payment": {"id": 1, "a": {"b": {"c": {"d": {"e": "leaf"}}}}}}],
    "dotted key": [{"Payment": {"id": 1, "a.b": 1, "a": {"b": 2}, "a\\": {"b": 3}}}],
    "item_type inside": [{"Payment": {"id": 1, "item_type": "mine"}}],
    "hollow": [{"Payment": {"id": 1, "empty": {}, "nulls": {"x": None}, "none": None}}],
    "changing kind": [{"Payment": {"id": 1, "x": 1}}, {"Payment": {"id": "two", "x": [1, {}]}}],
    "currency that is a list": [{"PaymentFee": {"value": "", "currency": [None]}}],
    "lone surrogate": [{"Payment": {"id": 1, "description": "\ud800"}}],
}


class Frozen:
    """A tick that stands still until a test moves it, or somebody sleeps by it."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        """Give the seconds."""
        return self.seconds

    def sleep(self, seconds: float) -> None:
        """Pass seconds without waiting."""
        self.seconds += seconds


class Wire:
    """Stands between door and bank: keeps what passes, and bends answers on demand."""

    def __init__(self, bank: Bank) -> None:
        self.bank = bank
        self.calls: list[str] = []
        self.headers: list[dict[str, str]] = []
        self.bend: Callable[[int, dict[str, str], bytes], tuple[int, dict[str, str], bytes]] = (
            lambda status, headers, body: (status, headers, body)
        )
        self.bend_request: Callable[[dict[str, Any]], None] = lambda _environ: None

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        """Pass a call on, and its answer back."""
        self.calls.append(f"{environ['REQUEST_METHOD']} {environ['PATH_INFO']}")
        self.headers.append({k: v for k, v in environ.items() if k.startswith("HTTP_")})
        self.bend_request(environ)
        told: list[Any] = []

        def start(*line: Any) -> Any:
            told.extend(line)

        body = b"".join(self.bank(environ, start))
        status, headers, body = self.bend(int(told[0].split()[0]), dict(told[1]), body)
        headers["Content-Length"] = str(len(body))
        start_response(f"{status} As Told", list(headers.items()))
        return [body]

    def force(
        self,
        body: bytes,
        *,
        status: int = 200,
        media_type: str = "application/json",
        is_signed: bool = True,
    ) -> None:
        """Answer every call with these bytes, signed by the bank or by nobody."""
        headers = {"Content-Type": media_type}
        if is_signed:
            headers["X-Bunq-Server-Signature"] = self.bank.key.sign(body)
        self.bend = lambda _status, _headers, _body: (status, dict(headers), body)

    def count(self, call: str) -> int:
        """Count the calls that went to a method and path."""
        return self.calls.count(call)


class Door:
    """One of the two ways to a bank."""

    def __init__(self, wire: Wire, base_url: str, transport: Any = None) -> None:
        self.wire = wire
        self.bank = wire.bank
        self.base_url = base_url
        self.transport = transport

    def client(self, **how: Any) -> Client:
        """Make a client that has no keys yet, and waits for the bank's limits by no real time."""
        time = Frozen()
        limiter = Limiter(clock=time, sleep=time.sleep)
        return Client(self.base_url, transport=self.transport, **{"limiter": limiter, **how})


class Visitor:
    """A client that has gone through the three steps."""

    def __init__(self, door: Door, key: KeyPair, api_key: Secret | None = None) -> None:
        self.door = door
        self.client = door.client()
        self.api_key = api_key or handshake.create_sandbox_user(self.client)
        self.installation: Installation = handshake.create_installation(self.client, key)
        handshake.register_device(self.client, self.installation, self.api_key, description="test")
        self.session: Session
        self.reopen()
        accounts = self.call("GET", f"/user/{self.session.user_id}/monetary-account").items
        self.account_id = accounts[-1]["id"]
        self.account = f"/user/{self.session.user_id}/monetary-account/{self.account_id}"
        self.email = next(a["value"] for a in self.session.user["alias"] if a["type"] == "EMAIL")

    def reopen(self) -> None:
        """Open a session, the first one or after it has expired."""
        self.session = handshake.open_session(
            self.client, self.installation, self.api_key, now=self.door.bank.clock.now()
        )

    def call(self, method: str, path: str, body: Any = None, **how: Any) -> Any:
        """Send a call with the session's token."""
        return self.client.request(method, path, body, token=self.session.token, **how)

    def create(self, path: str, body: Any) -> int:
        """Send a POST and give the id."""
        number: int = self.call("POST", path, body).first("Id")["id"]
        return number

    def top_up(self, amount: str = "500.00") -> None:
        """Ask the sugar daddy for money."""
        self.create(f"{self.account}/request-inquiry", request("sugardaddy@bunq.com", amount))

    def balance(self) -> str:
        """Give the balance of the first account."""
        path = f"/user/{self.session.user_id}/monetary-account/{self.account_id}"
        value: str = self.call("GET", path).item["balance"]["value"]
        return value


def payment(to: str, amount: str = "10.00", **more: Any) -> dict[str, Any]:
    """Give the body of a payment to an e-mail address."""
    return {
        "amount": {"value": amount, "currency": "EUR"},
        "counterparty_alias": {"type": "EMAIL", "value": to},
        "description": "tea",
        **more,
    }


def request(to: str, amount: str = "10.00", **more: Any) -> dict[str, Any]:
    """Give the body of a request to an e-mail address."""
    return {
        "amount_inquired": {"value": amount, "currency": "EUR"},
        "counterparty_alias": {"type": "EMAIL", "value": to},
        "description": "tea",
        "allow_bunqme": False,
        **more,
    }


def refusal(call: Callable[[], Any]) -> tuple[int, str]:
    """Give status and text of a call that must be refused."""
    with pytest.raises(ApiError) as caught:
        call()
    return caught.value.status, caught.value.messages[0]


def watch(visitor: Visitor, url: str, category: str = "MUTATION") -> Any:
    """Ask for callbacks."""
    path = f"/user/{visitor.session.user_id}/notification-filter-url"
    body = {"notification_filters": [{"category": category, "notification_target": url}]}
    return visitor.call("POST", path, body)


def certificate(name: str) -> tuple[str, KeyPair]:
    """Give a certificate signed by itself, and its key."""
    pair = KeyPair.generate()
    key = serialization.load_pem_private_key(pair.to_pem().reveal().encode(), None)
    assert isinstance(key, rsa.RSAPrivateKey)
    subject = x509.Name([x509.NameAttribute(x509.oid.NameOID.COMMON_NAME, name)])
    made = (
        x509.CertificateBuilder(subject, subject, key.public_key(), 1)
        .not_valid_before(datetime(2026, 1, 1, tzinfo=UTC))
        .not_valid_after(datetime(2027, 1, 1, tzinfo=UTC))
        .sign(key, hashes.SHA256())
    )
    return made.public_bytes(serialization.Encoding.PEM).decode(), pair


class Hook:
    """A target of callbacks on this machine, which answers as it is told."""

    def __init__(self) -> None:
        self.came: list[tuple[str, bytes]] = []
        self.status = 200
        hook = self

        class Target(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                hook.came.append((self.headers["X-Bunq-Server-Signature"], body))
                self.send_response(hook.status)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self._server = HTTPServer(("127.0.0.1", 0), Target)
        self.url = f"http://127.0.0.1:{self._server.server_port}/hook"
        # Closing waits for the next of these looks, in seconds.
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    def close(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()

    @property
    def bodies(self) -> list[dict[str, Any]]:
        """Give what came."""
        return [json.loads(body)["NotificationUrl"] for _, body in self.came]
