"""A receiver of callbacks: takes what the bank signed, and nothing else."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
import requests
from conftest import Frozen

import bunqkit
from bunqkit.errors import BunqkitError, NoAnswerError
from bunqkit.sandbox import Bank, Clock


@pytest.fixture(scope="module")
def bunq() -> bunqkit.Context:
    """Give a person at a bank whose clock stands still."""
    return bunqkit.connect(bank=Bank(clock=Clock(tick=Frozen())))


@pytest.fixture
def receiver(bunq: bunqkit.Context) -> Iterator[bunqkit.Receiver]:
    """Give a receiver that listens."""
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
    assert repr(receiver).endswith("1 received, 0 refused>")


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


def test_too_much_is_not_read(receiver: bunqkit.Receiver) -> None:
    """A body without end is refused before it is read."""
    headers = {"Content-Length": "99999999999"}
    answer = requests.post(receiver.url, data=b"", headers=headers, timeout=5)
    assert answer.status_code == 413


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
