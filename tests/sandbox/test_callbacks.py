"""The laboratory for callbacks: seen, sent by hand and sent again, with a real receiver."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from ipaddress import ip_address
from typing import Any, Self
from urllib.parse import urlsplit

import pytest
import requests
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from visitors import Door, Frozen, Hook, Visitor, Wire, certificate, payment, refusal, watch

from bunqkit.sandbox import Admin, Bank, doors, webhook_sender
from bunqkit.sandbox.callbacks import CATEGORIES
from bunqkit.sandbox.refusal import Refusal
from bunqkit.sandbox.webhook_sender import may_be_called
from bunqkit.security.signing import KeyPair


@pytest.fixture
def desk(bank: Bank) -> Iterator[requests.Session]:
    """Give bare requests to the control desk."""
    session = requests.Session()
    admin = Admin(bank, host_names=["bank.invalid"])
    session.headers["Authorization"] = f"Bearer {admin.admission.token.reveal()}"
    session.mount("https://", doors.InProcess(admin))
    yield session
    session.close()


CONTROL = doors.BASE_URL.replace("/v1", "/control")


def test_what_was_sent_is_seen(visitor: Visitor, hook: Hook) -> None:
    """Target, bytes, signature, when it is due, and each attempt with its answer."""
    watch(visitor, hook.url)
    visitor.top_up()
    bank = visitor.door.bank
    bank.deliver()
    (sent,) = bank.callbacks.sent()
    assert (sent.category, sent.event_type, sent.target) == (
        "MUTATION",
        "MUTATION_RECEIVED",
        hook.url,
    )
    assert [(attempt.status, attempt.problem) for attempt in sent.attempts] == [(200, None)]
    assert sent.attempts[0].at == "2026-04-01 09:00:00.000000"
    assert (sent.due, sent.is_delivered) == (None, True)
    assert hook.came == [(sent.signature, sent.body)]
    visitor.installation.bank_key.verify(sent.body, sent.signature)


def test_every_attempt_is_kept(visitor: Visitor, hook: Hook, tick: Frozen) -> None:
    """A target that fails first shows so, and when it is tried next."""
    watch(visitor, hook.url)
    hook.status = 503
    visitor.top_up()
    bank = visitor.door.bank
    bank.deliver()
    (sent,) = bank.callbacks.sent()
    assert (sent.due, sent.is_delivered) == ("2026-04-01 09:01:00.000000", False)
    hook.status = 200
    tick.seconds += 60
    bank.deliver()
    (sent,) = bank.callbacks.sent()
    assert [attempt.status for attempt in sent.attempts] == [503, 200]
    assert sent.attempts[0].problem == "The target answered 503."
    assert sent.is_delivered


@pytest.mark.parametrize("category", CATEGORIES)
def test_any_category_is_triggered(bank: Bank, key: KeyPair, hook: Hook, category: str) -> None:
    """Though nothing happened, the callback comes, signed, with an object of the right name."""
    visitor = Visitor(Door(Wire(bank), doors.BASE_URL, doors.InProcess(bank)), key)
    watch(visitor, hook.url, category)
    bank.callbacks.trigger(category)
    bank.deliver()
    ((signature, body),) = hook.came
    bank.key.public.verify(body, signature)
    told = json.loads(body)["NotificationUrl"]
    event_type, name = CATEGORIES[category]
    assert (told["category"], told["event_type"]) == (category, event_type)
    assert list(told["object"]) == [name]
    assert told["target_url"] == hook.url


def test_a_trigger_takes_the_newest_object(visitor: Visitor, hook: Hook) -> None:
    """What is sent by hand is about something that the receiver can look up."""
    visitor.top_up()
    number = visitor.create(f"{visitor.account}/payment", payment("bravo@bunq.com"))
    bank = visitor.door.bank
    person = visitor.session.user_id
    watch(visitor, hook.url, "REQUEST")
    (due,) = bank.callbacks.trigger("PAYMENT", person_id=person, target=hook.url)
    assert due.object_id == number
    bank.deliver()
    assert hook.bodies[0]["object"]["Payment"]["id"] == number
    assert bank.callbacks.get(due.id).is_delivered
    assert set(bank.ledger.imbalance().values()) == {0}


def test_filters_of_an_account_are_asked_too(visitor: Visitor, hook: Hook) -> None:
    """By hand as by what happens, whoever asked for a category gets it, and nobody else."""
    body = {"notification_filters": [{"category": "MUTATION", "notification_target": hook.url}]}
    visitor.call("POST", f"{visitor.account}/notification-filter-url", body)
    bank = visitor.door.bank
    assert len(bank.callbacks.trigger("MUTATION")) == 1
    with pytest.raises(Refusal, match="Nobody asks for MUTATION"):
        bank.callbacks.trigger("MUTATION", person_id=1)


@pytest.mark.parametrize(
    ("told", "words"),
    [
        ({"category": "EARTHQUAKE"}, "no category"),
        ({"category": "MUTATION"}, "Nobody asks"),
        ({"category": "MUTATION", "target": "https://example.org/"}, "has subscribed https"),
        ({"category": "MUTATION", "target": "http://127.0.0.1:9/", "person_id": 1}, "Nobody has"),
        ({"category": "MUTATION", "target": "ftp://x"}, "Nobody has"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_triggers_without_sense_are_refused(bank: Bank, told: dict[str, Any], words: str) -> None:
    """With a reason, and nothing is written."""
    with pytest.raises(Refusal, match=words):
        bank.callbacks.trigger(**told)
    assert bank.callbacks.sent() == []


def test_a_target_of_somebody_else_is_not_called(
    visitor: Visitor, friend: Visitor, hook: Hook
) -> None:
    """By hand a person's callback goes to a target that this person has subscribed."""
    watch(friend, hook.url)
    bank = visitor.door.bank
    person = visitor.session.user_id
    with pytest.raises(Refusal, match="Nobody has subscribed"):
        bank.callbacks.trigger("MUTATION", person_id=person, target=hook.url)
    assert len(bank.callbacks.trigger("MUTATION", target=hook.url)) == 1


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
            status, text = refusal(lambda: watch(visitor, hook.url))  # noqa: B023
            assert (status, "call the bank at 127.0.0.1" in text) == (400, True)


def of_a_curve() -> str:
    """Give a certificate of the kind of key that most hosts have today."""
    key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name([])
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), 2)
        .not_valid_before(datetime(2026, 1, 1, tzinfo=UTC))
        .not_valid_after(datetime(2027, 1, 1, tzinfo=UTC))
        .sign(key, hashes.SHA256())
    )
    return made.public_bytes(serialization.Encoding.PEM).decode()


def test_certificates_are_kept_and_not_insisted_on(visitor: Visitor, hook: Hook) -> None:
    """A chain is read as it is glued, and taken away; callbacks come to a host without any."""
    chain = [certificate("hook.example.org")[0], of_a_curve()]
    path = f"/user/{visitor.session.user_id}/certificate-pinned"
    body = {"certificate_chain": [{"certificate": pem} for pem in chain]}
    number = visitor.create(path, body)
    (listed,) = visitor.call("GET", path).items
    assert listed == visitor.call("GET", f"{path}/{number}").item
    assert (
        x509.load_pem_x509_certificates(listed["certificate_chain"].encode())[1].serial_number == 2
    )
    watch(visitor, hook.url)
    visitor.top_up()
    visitor.door.bank.deliver()
    assert hook.bodies
    visitor.call("DELETE", f"{path}/{number}")
    assert visitor.call("GET", path).items == []
    for wrong in (
        [],
        [{"certificate": "no PEM"}],
        [{"certificate": chain[0]}, {"certificate": ""}],
    ):
        send = lambda w=wrong: visitor.create(path, {"certificate_chain": w})  # noqa: E731
        assert refusal(send)[0] == 400
    assert visitor.call("GET", path).items == []


def test_the_same_bytes_are_sent_again(visitor: Visitor, hook: Hook) -> None:
    """A replay is the same message, whatever became of the first; unknown ones are not found."""
    watch(visitor, hook.url)
    visitor.top_up()
    bank = visitor.door.bank
    bank.deliver()
    (sent,) = bank.callbacks.sent()
    bank.callbacks.replay(sent.id)
    bank.deliver()
    assert hook.came[0] == hook.came[1]
    assert len(bank.callbacks.get(sent.id).attempts) == 2
    with pytest.raises(Refusal, match="not found"):
        bank.callbacks.replay(sent.id + 1)


def test_the_desk_shows_and_sends(
    desk: requests.Session, bank: Bank, key: KeyPair, hook: Hook
) -> None:
    """List, trigger and replay are at the control address too, as JSON."""
    visitor = Visitor(Door(Wire(bank), doors.BASE_URL, doors.InProcess(bank)), key)
    watch(visitor, hook.url, "BILLING")

    def order(what: str, **body: Any) -> Any:
        return desk.post(f"{CONTROL}/callbacks/{what}", json=body, timeout=5)

    (due,) = order("trigger", category="BILLING").json()
    order("deliver")
    assert order("replay", id=due["id"]).json()["is_delivered"]
    order("deliver")
    (told,) = desk.get(f"{CONTROL}/callbacks", timeout=5).json()
    assert [attempt["status"] for attempt in told["attempts"]] == [200, 200]
    assert [(told["signature"], told["body"].encode())] * 2 == hook.came
    assert order("replay", id=0).status_code == 404
    assert order("trigger", category="x").status_code == 400


def test_the_desk_knows_oauth_and_bills(desk: requests.Session, bank: Bank, key: KeyPair) -> None:
    """What only Python could do before can be done at the desk: bill, answer drafts, revoke."""
    visitor = Visitor(Door(Wire(bank), doors.BASE_URL, doors.InProcess(bank)), key)
    visitor.top_up()

    def order(path: str, **body: Any) -> Any:
        return desk.post(f"{CONTROL}/{path}", json=body, timeout=5)

    told = order("bill", account_id=visitor.account_id, cents=99, what="Plan").json()
    assert told["invoice_id"] > 0
    assert visitor.balance() == "499.01"
    for path, body in (("oauth/revoke", {"id": 1}), ("drafts/answer", {"id": 1, "accept": True})):
        assert order(path, **body).status_code == 404
    assert desk.get(f"{CONTROL}/oauth", timeout=5).json() == []
    address = f"{doors.BASE_URL.replace('/v1', '/auth')}?client_id=x"
    answer = order("oauth/consent", address=address, api_key="x")
    assert (answer.status_code, "client_id" in answer.json()["problem"]) == (400, True)
