"""What can go wrong on demand: as a client sees it, through both doors; seeded and counted."""

from __future__ import annotations

import time
from typing import Any

import pytest
import requests
from visitors import Door, Frozen, Hook, Visitor, Wire, payment

from bunqkit.errors import ApiError, BunqkitError, NoAnswerError, SignatureError
from bunqkit.sandbox import Bank, Clock, Fault, doors
from bunqkit.sandbox.faults import KINDS
from bunqkit.security.signing import KeyPair

PAY = payment("bravo@bunq.com", "1.00")


@pytest.fixture
def rich(visitor: Visitor) -> Visitor:
    """Return somebody with money."""
    visitor.top_up()
    return visitor


def pay(visitor: Visitor) -> Any:
    """Send a payment."""
    return visitor.call("POST", f"{visitor.account}/payment", PAY)


def break_with(visitor: Visitor, kind: str, **how: Any) -> None:
    """Have something go wrong with payments."""
    visitor.door.bank.faults.add(Fault(kind, operation="payment.create", **how))


@pytest.mark.parametrize(
    ("kind", "error", "is_paid"),
    [
        ("cut before", NoAnswerError, False),
        ("cut after", NoAnswerError, True),
        ("lost answer", NoAnswerError, True),
        ("429", ApiError, False),
        ("491", ApiError, False),
        ("500", ApiError, False),
        ("html 502", BunqkitError, False),
        ("truncated", BunqkitError, True),
        ("flipped byte", SignatureError, True),
        ("no signature", SignatureError, True),
        ("wrong signature", SignatureError, True),
        ("expired session", ApiError, False),
        ("changed address", ApiError, False),
    ],
)
def test_fault_is_seen_and_counted(
    rich: Visitor, kind: str, error: type[Exception], *, is_paid: bool
) -> None:
    """Each fault shows at the client as it should, did the work or not, and happens once."""
    break_with(rich, kind)
    with pytest.raises(error):
        pay(rich)
    assert rich.balance() == ("499.00" if is_paid else "500.00")
    assert rich.door.bank.faults.happened == {kind: 1}
    pay(rich)
    assert rich.door.bank.faults.happened == {kind: 1}


def test_refusals_of_faults_are_unsigned(rich: Visitor) -> None:
    """As at bunq, too many calls and maintenance come without a signature."""
    for kind, status in (("429", 429), ("491", 491), ("500", 500)):
        break_with(rich, kind)
        with pytest.raises(ApiError) as caught:
            pay(rich)
        assert (caught.value.status, caught.value.signed) == (status, False)


def test_delay_answers_late(rich: Visitor) -> None:
    """A delay is waited out, then everything is as usual."""
    break_with(rich, "delay", seconds=0.05)
    started = time.monotonic()
    pay(rich)
    assert time.monotonic() - started >= 0.05


def test_fault_keeps_to_its_operation(rich: Visitor) -> None:
    """Other operations, and paths that are none, go well."""
    rich.door.bank.faults.add(Fault("500", operation="payment-batch.*", times=None))
    pay(rich)
    with pytest.raises(ApiError) as caught:
        rich.call("GET", "/nowhere")
    assert caught.value.status == 404
    rich.door.bank.faults.add(Fault("lost answer"))
    rich.call("GET", f"{rich.account}/payment")
    with pytest.raises(NoAnswerError):
        pay(rich)


def test_same_seed_breaks_the_same_calls(key: KeyPair) -> None:
    """With a chance, which calls fail is decided by the seed alone."""

    def broken(seed: int) -> list[bool]:
        fault = Fault("500", operation="user.list", times=None, chance=0.5)
        bank = Bank(seed=seed, clock=Clock(tick=Frozen()), faults=[fault])
        visitor = Visitor(Door(Wire(bank), doors.BASE_URL, doors.InProcess(bank)), key)
        told = []
        for _ in range(12):
            try:
                visitor.call("GET", "/user")
            except ApiError:
                told.append(True)
            else:
                told.append(False)
        assert bank.faults.happened["500"] == sum(told)
        return told

    first = broken(1)
    assert first == broken(1)
    assert 0 < sum(first) < 12
    assert first != broken(2)


def test_faults_can_be_cleared(rich: Visitor) -> None:
    """What waits to go wrong can be called off."""
    break_with(rich, "500", times=None)
    rich.door.bank.faults.clear()
    pay(rich)


def test_unknown_fault_is_refused() -> None:
    """A fault that does not exist is an error that names those that do."""
    with pytest.raises(ValueError, match=KINDS[0]):
        Fault("earthquake")


def test_hostile_environments_get_no_5xx(bank: Bank) -> None:
    """Headers and lengths that make no sense are refused, and the bank stays up."""
    http = requests.Session()
    http.mount("https://", doors.InProcess(bank))
    for headers in (
        {"X-Bunq-Client-Authentication": "\xff" * 20},
        {"X-Bunq-Client-Signature": "x" * 10_000},
        {"Content-Type": "\x01", "X-Bunq-Language": "nl_NL; DROP TABLE"},
    ):
        for path in ("/user", "/user/%00/monetary-account", "/%ff%fe", "/user?count=%00&older_id="):
            answer = http.get(f"{doors.BASE_URL}{path}", headers=headers, timeout=5)
            assert 400 <= answer.status_code < 500
            bank.key.public.verify(answer.content, answer.headers["X-Bunq-Server-Signature"])


def test_reset_comes_without_notice(rich: Visitor) -> None:
    """Everybody is forgotten before the call is looked at: token, key and money are gone."""
    bank, old = rich.door.bank, rich.door.bank.demo_key
    bank.faults.add(Fault("reset", operation="payment.create"))
    with pytest.raises(ApiError) as caught:
        pay(rich)
    assert (caught.value.status, bank.demo_key != old) == (403, True)
    assert bank.faults.happened == {"reset": 1}
    anew = Visitor(rich.door, KeyPair.generate())
    anew.top_up()
    assert anew.balance() == "500.00"


def test_callback_is_duplicated(rich: Visitor, friend: Visitor, hook: Hook) -> None:
    """The same callback comes twice, signed both times; the one after comes once."""
    wanted = {"category": "MUTATION", "notification_target": hook.url}
    path = f"/user/{friend.session.user_id}/notification-filter-url"
    friend.call("POST", path, {"notification_filters": [wanted]})
    bank = rich.door.bank
    bank.faults.add(Fault("duplicated callback"))
    for times in (2, 3):
        rich.create(f"{rich.account}/payment", payment(friend.email, "1.00"))
        bank.deliver()
        assert len(hook.came) == times
    assert hook.came[0] == hook.came[1] != hook.came[2]
    for signature, body in hook.came:
        friend.installation.bank_key.verify(body, signature)
    assert bank.faults.happened == {"duplicated callback": 1}
