"""Production is read-only until a call is unlocked, by whatever way it is called."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from recording import Recorder, own_ids

from bunqkit.caller import Caller
from bunqkit.catalogue import Operation, example_body, operations
from bunqkit.errors import FieldError, LockedError, UnknownNameError
from bunqkit.signing import KeyPair

CHANGING = [
    each for each in operations() if each.effect != "reads" and each.name != "session.delete"
]
READING = [each for each in operations() if each.effect == "reads"]
PAYMENT = {"amount": "10.00", "to": "x@example.com", "description": "tea"}


@pytest.fixture
def recorder(key: KeyPair, other_key: KeyPair) -> Recorder:
    """Give the recorder."""
    return Recorder(key, other_key)


@pytest.fixture
def caller(recorder: Recorder, key: KeyPair, other_key: KeyPair) -> Caller:
    """Give a caller in production."""
    return recorder.caller(key, other_key, "PRODUCTION")


def written(recorder: Recorder) -> list[str]:
    """Give the calls that went out and were no read."""
    return [method for method, *_ in recorder.seen if method != "GET"]


@pytest.mark.parametrize("known", CHANGING, ids=lambda known: known.name)
def test_nothing_changes_production(caller: Caller, recorder: Recorder, known: Operation) -> None:
    """By name, by method and path, by ``api``: what changes something raises, and is not sent."""
    ids, body = own_ids(known), example_body(known)
    if known.sends_bytes:
        with pytest.raises(LockedError):
            caller.upload(known.name, b"x", media_type="image/png", **ids)
    else:
        node: Any = caller.api
        for part in known.python_name.split("."):
            node = getattr(node, part)
        for call in (
            lambda: caller.call(known.name, body=body, **ids),
            lambda: caller.call(f"{known.method} {known.path}", body=body, **ids),
            lambda: node(body=body, **ids),
            lambda: caller.call(known.name, body=body, check=False, **ids),
        ):
            with pytest.raises(LockedError, match=known.name):
                call()
    assert written(recorder) == []


def test_reads_are_free(caller: Caller) -> None:
    """What only reads is not asked for an unlock."""
    for known in READING:
        if not known.is_bytes:
            caller.call(known.name, body=example_body(known), **own_ids(known))


def test_elsewhere_nothing_is_locked(recorder: Recorder, key: KeyPair, other_key: KeyPair) -> None:
    """Play money needs no unlock, and an unlock does no harm."""
    for environment in ("OFFLINE", "SANDBOX"):
        caller = recorder.caller(key, other_key, environment)
        caller.call("payment.create", **PAYMENT)
        with caller.unlock("payment.create", up_to="1.00"):
            caller.call("payment.create", **PAYMENT)


def test_the_message_reads_back_amount_and_payee(caller: Caller) -> None:
    """Who sees it knows what would have happened, and how to let it."""
    with pytest.raises(LockedError) as caught:
        caller.call("payment.create", **PAYMENT)
    for part in ("payment.create of EUR 10.00 to x@example.com", "up_to='10.00'", "PRODUCTION"):
        assert part in str(caught.value)


def test_an_unlock_opens_one_operation_for_one_block(caller: Caller, recorder: Recorder) -> None:
    """Inside the block it is sent, once; another operation, or after the block, it is not."""
    with caller.unlock("payment.create", up_to="25.00") as permit:
        with pytest.raises(LockedError):
            caller.call("payment-batch.create", payments=[PAYMENT])
        caller.call("payment.create", **PAYMENT)
        assert (permit.left, permit.amount_left) == (0, Decimal("15.00"))
        with pytest.raises(LockedError):
            caller.call("payment.create", **PAYMENT)
    with pytest.raises(LockedError):
        caller.call("payment.create", **PAYMENT)
    assert written(recorder) == ["POST"]


def test_the_bound_is_for_all_calls_together(caller: Caller, recorder: Recorder) -> None:
    """Three calls may move 25.00 between them, and a batch counts what is in it."""
    with caller.unlock("payment.create", up_to="25.00", count=3):
        caller.call("payment.create", **PAYMENT)
        caller.call("payment.create", **PAYMENT)
        with pytest.raises(LockedError):
            caller.call("payment.create", **PAYMENT)
        caller.call("payment.create", **PAYMENT | {"amount": "5.00"})
    with caller.unlock("payment-batch.create", up_to="19.99"), pytest.raises(LockedError):
        caller.call("payment-batch.create", payments=[PAYMENT, PAYMENT])
    assert len(written(recorder)) == 3


def test_an_unlock_may_name_the_payee(caller: Caller, recorder: Recorder) -> None:
    """To somebody else it stays locked; spaces and capitals don't matter."""
    with caller.unlock("payment.create", up_to="10", to="X@Example.com"):
        with pytest.raises(LockedError):
            caller.call("payment.create", **PAYMENT | {"to": "y@example.com"})
        caller.call("payment.create", **PAYMENT)
    assert written(recorder) == ["POST"]


def test_an_error_ends_the_unlock(caller: Caller) -> None:
    """A block that fails leaves nothing open."""
    with pytest.raises(ZeroDivisionError), caller.unlock("payment.create", up_to="25.00"):
        _ = 1 / 0
    with pytest.raises(LockedError):
        caller.call("payment.create", **PAYMENT)


def test_unknown_paths_can_only_be_read(caller: Caller, recorder: Recorder) -> None:
    """What nobody knows the effect of is not sent to production."""
    with pytest.raises(LockedError, match="not in the catalogue"):
        caller.call("POST /user/{userID}/novelty", body={})
    assert written(recorder) == []


@pytest.mark.parametrize(
    ("given", "error"),
    [
        ({"operation": "payment.create"}, FieldError),
        ({"operation": "payment.create", "up_to": "much"}, FieldError),
        ({"operation": "payment.create", "up_to": "NaN"}, FieldError),
        ({"operation": "payment.create", "up_to": "-1"}, FieldError),
        ({"operation": "payment.create", "up_to": "1", "count": 0}, FieldError),
        ({"operation": "payment.creat", "up_to": "1"}, UnknownNameError),
    ],
)
def test_unlocks_that_cannot_be(caller: Caller, given: dict[str, Any], error: type) -> None:
    """Without a bound, with a bound that is none, of something that is not there."""
    with pytest.raises(error), caller.unlock(**given):
        pass
