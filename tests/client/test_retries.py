"""What is sent again, and what is not: a read after trouble, a write only if it was not done."""

from __future__ import annotations

from typing import Any

import pytest
from visitors import Door, Visitor, payment

from bunqkit.client.client import Client
from bunqkit.client.rate_limits import Limiter
from bunqkit.client.retries import Retries, may_repeat
from bunqkit.errors import ApiError, NoAnswerError
from bunqkit.security.signing import KeyPair


def trouble(
    status: int = 0, *, was_sent: bool = True, signed: bool = False
) -> ApiError | NoAnswerError:
    """Return an error as a client raises it; status 0 is no answer at all."""
    if status:
        return ApiError(
            ("words",), status=status, method="GET", path="/", response_id=None, signed=signed
        )
    return NoAnswerError("gone", method="GET", path="/", was_sent=was_sent)


@pytest.fixture
def pauses() -> list[float]:
    """Return where pauses are noted."""
    return []


AGAIN = [
    ("read cut", trouble(), True),
    ("read not sent", trouble(was_sent=False), True),
    ("read 429", trouble(429), True),
    ("read 491", trouble(491), True),
    ("read 502", trouble(502), True),
    ("read 503", trouble(503), True),
    ("read 504", trouble(504), True),
    ("write not sent", trouble(was_sent=False), False),
    ("write 429, signed", trouble(429, signed=True), False),
    ("write 491, signed", trouble(491, signed=True), False),
]
NOT_AGAIN = [
    ("write cut", trouble(), False),
    ("write 502", trouble(502), False),
    ("write 503", trouble(503), False),
    ("write 504", trouble(504), False),
    ("write 500", trouble(500), False),
    ("write 429, unsigned", trouble(429), False),
    ("write 491, unsigned", trouble(491), False),
    ("read 400", trouble(400), True),
    ("read 403", trouble(403), True),
    ("read 404", trouble(404), True),
    ("read 500", trouble(500), True),
]


@pytest.mark.parametrize("case", AGAIN, ids=[name for name, *_ in AGAIN])
def test_what_is_sent_again(case: tuple[str, ApiError | NoAnswerError, bool]) -> None:
    """Reads after cuts, refusals for the moment and gateways; writes that were not carried out."""
    _, error, is_read = case
    assert may_repeat(error, is_read=is_read)


@pytest.mark.parametrize("case", NOT_AGAIN, ids=[name for name, *_ in NOT_AGAIN])
def test_what_is_not_sent_again(case: tuple[str, ApiError | NoAnswerError, bool]) -> None:
    """A write that may have been done, and what will be refused the next time too."""
    _, error, is_read = case
    assert not may_repeat(error, is_read=is_read)


def test_it_ends(visitor: Visitor, pauses: list[float]) -> None:
    """After four attempts the last error is the answer; the pauses grow and vary."""
    patient = patient_client(visitor, pauses)
    visitor.door.wire.force(b"<html>", status=503, media_type="text/html", is_signed=False)
    before = len(visitor.door.wire.calls)
    with pytest.raises(ApiError):
        patient.request("GET", "/user", token=visitor.session.token)
    assert len(visitor.door.wire.calls) == before + 4
    assert len(pauses) == 3
    for pause, middle in zip(pauses, (0.3, 0.6, 1.2), strict=True):
        assert middle / 2 <= pause <= middle * 1.5
    assert [exchange.paused_s for exchange in patient.exchanges] == [0.0, *pauses]


def test_a_read_survives_a_gateway(visitor: Visitor, pauses: list[float]) -> None:
    """Two pages of HTML, then the answer: the caller sees the answer alone."""
    patient = patient_client(visitor, pauses)
    honest, left = visitor.door.wire.bend, [503, 502]

    def bend(status: int, headers: dict[str, str], body: bytes) -> Any:
        if left:
            return left.pop(), {"Content-Type": "text/html"}, b"<html>"
        return honest(status, headers, body)

    visitor.door.wire.bend = bend
    assert patient.request("GET", "/user", token=visitor.session.token).types == ["UserPerson"]
    assert len(pauses) == 2


def test_a_payment_is_not_sent_after_a_gateway(visitor: Visitor, pauses: list[float]) -> None:
    """Behind a 502 it may have been made: it is sent once."""
    visitor.top_up()
    patient = patient_client(visitor, pauses)
    path = f"{visitor.account}/payment"
    honest = visitor.door.wire.bend
    visitor.door.wire.force(b"<html>", status=502, media_type="text/html", is_signed=False)
    with pytest.raises(ApiError):
        patient.request("POST", path, payment("bravo@bunq.com"), token=visitor.session.token)
    visitor.door.wire.bend = honest
    assert visitor.balance() == "490.00"


def test_a_bank_with_limits_is_learned(door: Door, key: KeyPair, pauses: list[float]) -> None:
    """The first 429 tells the limit; from then on the limiter waits by it."""
    visitor = Visitor(door, key)
    slept: list[float] = []
    patient = patient_client(visitor, pauses, Limiter("off", sleep=slept.append))
    refusals = [
        b'{"Error":[{"error_description":"You can do a maximum of 3 calls per 3 second."}]}'
    ]
    honest = visitor.door.wire.bend

    def bend(status: int, headers: dict[str, str], body: bytes) -> Any:
        if refusals:
            return 429, {"Content-Type": "application/json"}, refusals.pop()
        return honest(status, headers, body)

    visitor.door.wire.bend = bend
    patient.request("GET", "/user", token=visitor.session.token)
    assert len(pauses) == 1
    assert slept[0] > 2


def patient_client(visitor: Visitor, pauses: list[float], limiter: Limiter | None = None) -> Client:
    """Return a client of the visitor's installation that sends again what may be."""
    return visitor.door.client(
        key=visitor.client.key,
        bank_key=visitor.client.bank_key,
        limiter=limiter,
        retries=Retries(attempts=4, sleep=pauses.append),
    )
