"""Callbacks: listed, sent by hand and sent again, with a real receiver."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial
from typing import Any

import pytest
import requests
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from visitors import Door, Frozen, Hook, Visitor, Wire, certificate, payment, refusal, watch

from bunqkit.sandbox import Admin, Bank, doors
from bunqkit.sandbox.callbacks import CATEGORIES
from bunqkit.sandbox.refusal import Refusal
from bunqkit.security.signing import KeyPair


@pytest.fixture
def desk(bank: Bank) -> Iterator[requests.Session]:
    """Return bare requests to the control desk."""
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


def of_a_curve() -> str:
    """Return a certificate of the kind of key that most hosts have today."""
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
        assert refusal(partial(visitor.create, path, {"certificate_chain": wrong}))[0] == 400
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
