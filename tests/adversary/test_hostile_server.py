"""A wire that breaks at any byte: each payment is made at most once, and what is told is true."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from adversary.hostile_server import Fault, HostileServer, How, Leg, visit

import bunqkit
from bunqkit.context.context import Context
from bunqkit.errors import ApiError, BunqkitError, OutcomeUnknownError
from bunqkit.sandbox import Bank

WIRES = ("plain", "TLS")
LEGS: tuple[Leg, ...] = ("up", "down")


class Town:
    """A bank, the hostile server before it, a visitor, and one who sees what the bank did."""

    def __init__(self, server: HostileServer) -> None:
        self.server = server
        self.bunq = visit(server)
        self.witness = bunqkit.connect(bank=server.bank, api_key=server.bank.demo_key)
        self.account = int(self.bunq.find_account()["id"])
        self.paid = 0

    def pay(self) -> int:
        """Pay a cent that no other payment is like; give its id."""
        self.paid += 1
        body: dict[str, Any] = {
            "amount": {"value": "0.01", "currency": "EUR"},
            "counterparty_alias": {"type": "EMAIL", "value": "bravo@bunq.com"},
            "description": f"number {self.paid}",
        }
        made = self.bunq.call("payment.create", account=self.account, **body)
        number: int = made.first("Id")["id"]
        return number

    def made(self) -> list[int]:
        """Return the ids of what the bank made of the last payment."""
        listed = self.witness.call("payment.list", account=self.account, count=5).items
        return [each["id"] for each in listed if each["description"] == f"number {self.paid}"]

    def suffer(self, fault: Fault, *, is_fresh: bool) -> str:
        """Pay through a fault, and hold what is told against what the bank did."""
        if is_fresh:
            self.server.drop()
        self.server.arm(fault)
        try:
            told = [self.pay()]
            outcome = "paid"
        except OutcomeUnknownError:
            # Whatever was made shows, and so is found: what nobody can tell of was not made.
            told, outcome = [], "unknown"
        except BunqkitError as error:
            told, outcome = [], type(error).__name__
        fired = self.server.fired
        self.server.arm()
        assert self.made() == told, (fault, outcome)
        assert fired <= fault.times
        return outcome if fired else "nothing happened"

    def measure(self, *, is_fresh: bool) -> dict[Leg, int]:
        """Return how many bytes go each way for an honest payment."""
        if is_fresh:
            self.server.drop()
        self.server.arm()
        self.pay()
        return {"up": self.server.up, "down": self.server.down}


@pytest.fixture
def town(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], Town]]:
    """Return a way to build a town, by the name of its wire."""
    with contextlib.ExitStack() as stack:

        def build(wire: str) -> Town:
            bank = stack.enter_context(contextlib.closing(Bank()))
            server = stack.enter_context(HostileServer(bank, tmp_path, is_tls=wire == "TLS"))
            monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(server.certificate))
            return Town(server)

        yield build


def places(length: int, how_many: int) -> list[int]:
    """Return some places on a leg: its ends, and what lies between in equal steps."""
    step = max(length // how_many, 1)
    return sorted({0, 1, *range(0, length, step), length - 1, length})


@pytest.mark.parametrize("leg", LEGS)
@pytest.mark.parametrize("wire", WIRES)
def test_a_wire_that_breaks_somewhere_pays_at_most_once(
    town: Callable[[str], Town], wire: str, leg: Leg
) -> None:
    """A sample of the bytes of a new connection and of one that is kept, closed and reset."""
    here = town(wire)
    outcomes = set()
    for is_fresh in (True, False):
        length = here.measure(is_fresh=is_fresh)[leg]
        for at in places(length, 12):
            how: How = "reset" if at % 2 else "close"
            outcomes.add(here.suffer(Fault(leg, at, how), is_fresh=is_fresh))
    # What did not get through to the bank can't be told from what did: nobody can say.
    assert outcomes <= {"unknown", "paid", "nothing happened"}
    assert ("unknown" if leg == "up" else "paid") in outcomes
    assert wire == "TLS" or outcomes.isdisjoint({"paid"} if leg == "up" else {"unknown"})


# Each byte takes a handshake: minutes for all of them, so that is left to the hand.
EVERY = pytest.mark.parametrize(
    "step",
    [
        pytest.param(11, marks=pytest.mark.slow, id="many"),
        pytest.param(1, marks=pytest.mark.soak, id="all"),
    ],
)


@EVERY
@pytest.mark.parametrize("how", ["close", "reset"])
@pytest.mark.parametrize("leg", LEGS)
@pytest.mark.parametrize("wire", WIRES)
def test_a_wire_that_breaks_at_any_byte_pays_at_most_once(
    town: Callable[[str], Town], wire: str, leg: Leg, how: How, step: int
) -> None:
    """Every byte of what is asked and answered, those of the handshake too."""
    here = town(wire)
    length = here.measure(is_fresh=True)[leg]
    # A reset differs from a close by what is lost with it, which is some bytes, not one.
    for at in range(0, length + 1, step if how == "close" else 7 * step):
        assert here.suffer(Fault(leg, at, how), is_fresh=True) in (
            "unknown",
            "paid",
            "nothing happened",
        )


@pytest.mark.parametrize("leg", LEGS)
def test_a_corrupt_record_of_tls_pays_at_most_once(town: Callable[[str], Town], leg: Leg) -> None:
    """A sample of the bytes that TLS protects, and of its handshake."""
    here = town("TLS")
    for at in places(here.measure(is_fresh=True)[leg], 25):
        here.suffer(Fault(leg, at, "corrupt"), is_fresh=True)


@EVERY
@pytest.mark.parametrize("leg", LEGS)
def test_a_corrupt_record_of_tls_pays_at_most_once_at_any_byte(
    town: Callable[[str], Town], leg: Leg, step: int
) -> None:
    """As above, each byte of a connection that is kept, and of some of a new one."""
    here = town("TLS")
    for is_fresh, times in ((False, 1), (True, 5)):
        for at in range(0, here.measure(is_fresh=is_fresh)[leg] + 1, step * times):
            here.suffer(Fault(leg, at, "corrupt"), is_fresh=is_fresh)


@pytest.mark.parametrize("how", ["close", "reset", "corrupt"])
def test_answers_that_always_fail_lead_to_one_payment(
    town: Callable[[str], Town], how: How
) -> None:
    """By TLS, after the bank has done it, every time that it is sent: it is sent once."""
    here = town("TLS")
    outcome = here.suffer(Fault("down", 30, how, only="POST", times=99), is_fresh=True)
    assert outcome == "paid"


def test_a_wire_that_stalls_pays_at_most_once(town: Callable[[str], Town]) -> None:
    """At some bytes of either leg nothing more comes: the time-out ends it."""
    here = town("TLS")
    here.bunq.client.timeout_s = 0.2
    for leg in LEGS:
        for at in places(here.measure(is_fresh=True)[leg], 5):
            here.suffer(Fault(leg, at, "stall"), is_fresh=True)


def test_what_is_corrupt_on_its_way_to_the_bank_is_not_carried_out(
    town: Callable[[str], Town],
) -> None:
    """Without TLS the signature protects the body: the bank refuses, and that is told."""
    here = town("plain")
    length = here.measure(is_fresh=False)["up"]
    for at in range(length - 40, length - 20, 5):
        assert here.suffer(Fault("up", at, "corrupt"), is_fresh=False) == ApiError.__name__


def test_a_visitor_needs_the_certificate(
    town: Callable[[str], Town], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without it nothing is sent, on loopback too."""
    here = town("TLS")
    monkeypatch.delenv("REQUESTS_CA_BUNDLE")
    here.server.arm()
    here.server.drop()
    bunq: Context = here.bunq
    bunq.client.close()
    with pytest.raises(bunqkit.NoAnswerError, match="certificate was not accepted") as caught:
        bunq.call("GET /user")
    assert not caught.value.was_sent
    assert here.server.calls == []
