"""A write whose answer was lost is looked for, never sent again."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import requests
from lossy import PAY, PAY_WHOLE, Lossy, sent
from visitors import Frozen, Wire

import bunqkit
from bunqkit.catalogue.operations import operations
from bunqkit.client.client import Client
from bunqkit.client.journal import find_references
from bunqkit.client.rate_limits import Limiter
from bunqkit.client.retries import Retries
from bunqkit.context import writes
from bunqkit.context.context import Context
from bunqkit.context.references import bears_reference
from bunqkit.errors import ApiError, BusyError, OutcomeUnknownError
from bunqkit.sandbox import Bank, doors

# What bears a reference of the caller's own may have twins that bear it too.
OWN = {
    "amount": {"value": "1.25", "currency": "EUR"},
    "counterparty_alias": {"type": "EMAIL", "value": "bravo@bunq.com"},
    "description": "whole",
    "merchant_reference": "invoice 7",
}


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writes, "_PAUSES_S", (0.0, 0.0))


@pytest.fixture
def bunq(bank: Bank, lossy: Lossy) -> Context:
    """Return the person with a history, behind the lossy wire."""
    bunq = bunqkit.connect(bank=bank, api_key=bank.demo_key)
    keys, time = bunq.client, Frozen()
    bunq._channel.client = Client(
        doors.BASE_URL,
        key=keys.key,
        bank_key=keys.bank_key,
        transport=lossy,
        limiter=Limiter(clock=time, sleep=time.sleep),
        retries=Retries(sleep=lambda _seconds: None),
    )
    bunq._writes.sleep = lambda _seconds: None
    return bunq


LOSSES: dict[str, BaseException] = {
    "cut": requests.ConnectionError("cut"),
    "time-out": requests.ReadTimeout("late"),
    "interrupt": KeyboardInterrupt(),
    "an error of nobody's": MemoryError(),
}


@pytest.mark.parametrize("loss", LOSSES.values(), ids=list(LOSSES))
def test_a_payment_that_was_made_is_found(
    bunq: Context, lossy: Lossy, wire: Wire, loss: BaseException
) -> None:
    """Its answer is lost, the payment is not: the caller gets it, and it was sent once."""
    lossy.lose, lossy.error = "after", loss
    payment = bunq.pay("10.00", "bravo@bunq.com", "tea")
    assert payment["amount"]["value"] == "-10.00"
    assert sent(wire) == 1
    assert bunq.payments(max_rows=1)["id"].tolist() == [payment["id"]]


def test_a_payment_that_was_not_made_is_not_claimed(
    bunq: Context, lossy: Lossy, wire: Wire
) -> None:
    """An older twin is not taken for it; the error says what to do, and nothing was sent again."""
    bunq.pay("10.00", "bravo@bunq.com", "tea")
    before = bunq.accounts()["balance_cents"].sum()
    lossy.lose = "before"
    with pytest.raises(OutcomeUnknownError, match="Don't send it again") as caught:
        bunq.call("payment.create", **PAY)
    assert caught.value.candidates == []
    assert caught.value.body["amount"] == {"value": "10.00", "currency": "EUR"}
    assert caught.value.look_again() is None
    assert bunq.accounts()["balance_cents"].sum() == before
    assert sent(wire) == 1


def test_twins_are_told_apart(bunq: Context, lossy: Lossy) -> None:
    """Two equal payments, the second one's answer lost: the second is found, not the first."""
    first = bunq.call("payment.create", **PAY).first("Id")["id"]
    lossy.lose = "after"
    second = bunq.call("payment.create", **PAY).first("Id")["id"]
    assert second > first


def test_a_body_given_whole_is_found_by_its_reference(bunq: Context, lossy: Lossy) -> None:
    """It gets a reference of the kit's as fields do, though no list was ever looked at."""
    lossy.lose = "after"
    number = bunq.call("payment.create", body=PAY_WHOLE).first("Id")["id"]
    payment = bunq.call("payment.get", number).item
    assert payment["description"] == "tea"
    assert payment["merchant_reference"].startswith("bunqkit-")


def test_every_payment_of_a_batch_gets_a_reference(bunq: Context, lossy: Lossy) -> None:
    """Wherever the type has a field for one, and each its own; so a lost batch is found."""
    lossy.lose = "after"
    number = bunq.call("payment-batch.create", payments=[PAY_WHOLE, PAY_WHOLE]).first("Id")["id"]
    shown = bunq.call("payment-batch.get", number).item["payments"]
    assert len(set(find_references(shown))) == 2


def test_a_reference_of_the_callers_own_is_found_by_what_is_new(
    bunq: Context, lossy: Lossy
) -> None:
    """Newer than the newest seen, and equal."""
    bunq.call("payment.list", count=1)
    lossy.lose = "after"
    number = bunq.call("payment.create", body=OWN).first("Id")["id"]
    assert bunq.call("payment.get", number).item["merchant_reference"] == "invoice 7"


def test_a_twin_under_way_is_not_taken(bunq: Context, lossy: Lossy) -> None:
    """Two equal payments, with one reference of the caller's: one is made, no answer arrives.

    Whoever looks first may not take it: the other may have made it. Both say that they can't know.
    """
    bunq.call("payment.list", count=1)
    lossy.lose = "before"
    with pytest.raises(OutcomeUnknownError):
        bunq.call("payment.create", body=OWN)
    lossy.lose = "after"
    with pytest.raises(OutcomeUnknownError) as caught:
        bunq.call("payment.create", body=OWN, even_if_unsettled=True)
    assert [each["description"] for each in caught.value.candidates] == ["whole"]


def test_a_reference_is_only_believed_where_it_is_shown(
    bunq: Context, lossy: Lossy, wire: Wire, bank: Bank
) -> None:
    """A bank that does not show it could show an older twin: nobody can say."""
    bunq.call("payment.create", body=PAY_WHOLE)
    bunq._writes.known_items.newest.clear()
    bunq._writes.known_items.claimed.clear()
    honest: Callable[..., Any] = wire.bend

    def bend(status: int, headers: dict[str, str], body: bytes) -> Any:
        if not wire.calls[-1].endswith("/payment"):
            return honest(status, headers, body)
        told = json.loads(body)
        for entry in told["Response"]:
            entry.get("Payment", {}).pop("merchant_reference", None)
        bent = json.dumps(told).encode()
        return status, headers | {"X-Bunq-Server-Signature": bank.key.sign(bent)}, bent

    wire.bend = bend
    lossy.lose = "before"
    with pytest.raises(OutcomeUnknownError):
        bunq.call("payment.create", **PAY)


def test_a_second_interrupt_still_says_what_is_known(
    bunq: Context, lossy: Lossy, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody who does not wait for the look gets the payment's body and a way to look later."""

    def interrupt(_seconds: float) -> None:
        raise KeyboardInterrupt

    lossy.lose, lossy.error = "after", KeyboardInterrupt()
    bunq._writes.sleep = interrupt
    with pytest.raises(OutcomeUnknownError, match="KeyboardInterrupt") as caught:
        bunq.call("payment.create", **PAY)
    found = caught.value.look_again()
    assert found is not None
    assert bunq.call("payment.get", found["id"]).item["description"] == "tea"


def test_an_interrupted_wait_is_no_lost_write(bunq: Context, wire: Wire) -> None:
    """While the limiter waits nothing has been sent: the interrupt comes out as it is."""

    def interrupt(_seconds: float) -> None:
        raise KeyboardInterrupt

    bunq.accounts()
    limiter = Limiter("classic", sleep=interrupt, say=lambda _words: None)
    bunq.client.limiter = limiter
    for _ in range(5):
        bunq.call("payment.create", **PAY)
    before = len(wire.calls)
    with pytest.raises(KeyboardInterrupt):
        bunq.call("payment.create", **PAY)
    assert len(wire.calls) == before


def run_script(name: str, *arguments: str) -> list[str]:
    """Run a benchmark that must end well; give the lines that it printed."""
    script = Path(__file__).parents[1] / "benchmarks" / name
    done = subprocess.run(
        [sys.executable, str(script), *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=7200,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.splitlines()


@pytest.mark.parametrize("seed", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_chaos(seed: int) -> None:
    """Hundreds of payments by eight threads, faults on a third: all are known, none made twice."""
    last = run_script("chaos.py", "200", str(seed))[-1]
    found = re.fullmatch(r"chaos: asked 200, made (\d+), lost 0, duplicated 0, unknown 0", last)
    assert found is not None, last
    assert int(found[1]) > 100


@pytest.mark.parametrize(
    "every", ["37", pytest.param("1", marks=pytest.mark.slow)], ids=["some", "all"]
)
def test_every_lost_answer_of_every_operation_that_moves_money(every: str) -> None:
    """Made at most once, and told as it was: kinds of failure by operations."""
    last = run_script("lost_answers.py", every)[-1]
    assert re.fullmatch(r"matrix: \d+ cases, made twice 0, told falsely 0", last), last


@pytest.mark.parametrize("kills", ["4", pytest.param("300", marks=pytest.mark.soak)])
def test_killed_processes_pay_at_most_once(kills: str) -> None:
    """Between journal, sending and answer: the next process knows the outcome of each payment."""
    pytest.importorskip("waitress", reason="serving the bank needs waitress")
    last = run_script("kills.py", kills)[-1]
    told = rf"kills: killed {kills}, made \d+, lost 0, duplicated 0, unknown 0"
    assert re.fullmatch(told, last), last


def test_the_readme_names_what_bears_no_reference() -> None:
    """Of what moves money: a person may have to look for it, and is told so beforehand."""
    text = (Path(__file__).parents[2] / "README.md").read_text()
    moving = [each for each in operations() if each.effect == "moves money"]
    for is_found in (True, False):
        names = [f"`{each.name}`" for each in moving if bears_reference(each) == is_found]
        assert names
        assert ", ".join(names) in text


REFUSALS = {
    "too many": (429, "Too many requests. You can do a maximum of 3 calls per 3 second."),
    "maintenance": (491, "bunq is under maintenance. Please try again later."),
    "no token": (403, "Insufficient authentication."),
    "no token, older": (401, "Insufficient authorisation."),
}


def refuse_unsigned(
    wire: Wire, case: str, *, times: int = 99, is_done: bool, method: str = "POST"
) -> None:
    """Answer the next writes by a refusal in bunq's form that nobody has signed."""
    status, words = REFUSALS[case]
    body = json.dumps({"Error": [{"error_description": words}]}).encode()
    left = [times]

    def is_lost() -> bool:
        call = wire.calls[-1]
        return call.startswith(method) and "session" not in call and left[0] > 0

    def bend_request(environ: dict[str, Any]) -> None:
        if is_lost() and not is_done:
            # The bank finds no such thing: it does nothing.
            environ["PATH_INFO"] = "/v1/nothing"

    def bend(status_now: int, headers: dict[str, str], told: bytes) -> Any:
        if not is_lost():
            return status_now, headers, told
        left[0] -= 1
        return status, {"Content-Type": "application/json"}, body

    wire.bend, wire.bend_request = bend, bend_request


@pytest.mark.parametrize("case", REFUSALS)
def test_an_unsigned_refusal_after_the_work_pays_once(bunq: Context, wire: Wire, case: str) -> None:
    """A gateway says so after the bank has paid: the payment is found, and not sent again."""
    refuse_unsigned(wire, case, is_done=True)
    assert bunq.pay("10.00", "bravo@bunq.com", "tea")["description"] == "tea"
    assert sent(wire) == 1
    assert bunq.unsettled == ()


@pytest.mark.parametrize("case", REFUSALS)
def test_an_unsigned_refusal_is_looked_into_before_the_second_sending(
    bunq: Context, wire: Wire, case: str
) -> None:
    """It was true: between the first and the second sending the payment is looked for."""
    bunq.find_account()
    before = len(wire.calls)
    refuse_unsigned(wire, case, times=1, is_done=False)
    bunq.call("payment.create", **PAY)
    methods = [call.split()[0] for call in wire.calls[before:] if call.endswith("/payment")]
    assert methods[0] == methods[-1] == "POST"
    assert methods.count("POST") == 2
    assert "GET" in methods


@pytest.mark.parametrize("case", ["too many", "maintenance"])
def test_busy_is_said_of_what_cannot_be_looked_up(bunq: Context, wire: Wire, case: str) -> None:
    """It is sent once, and it is not unsettled: whoever called decides."""
    number = bunq.request_money("5.00", "bravo@bunq.com", "half")["id"]
    refuse_unsigned(wire, case, is_done=False, method="PUT")
    with pytest.raises(BusyError, match="look in the app") as caught:
        bunq.call("request-inquiry.update", number, status="REVOKED")
    assert isinstance(caught.value, ApiError)
    assert sent(wire, "PUT") == 1
    assert bunq.unsettled == ()


def test_busy_for_long_ends_as_busy(bunq: Context, wire: Wire) -> None:
    """A payment is looked for before each of four sendings, and then it is known not made."""
    refuse_unsigned(wire, "too many", is_done=False)
    with pytest.raises(BusyError):
        bunq.call("payment.create", **PAY)
    assert sent(wire) == 4
    assert bunq.unsettled == ()


@pytest.mark.parametrize("case", ["no token", "no token, older"])
def test_an_unsigned_refusal_of_the_token_is_lost_where_nothing_can_be_looked_up(
    bunq: Context, wire: Wire, case: str
) -> None:
    """No source says that bunq sends it unsigned: the change may have been made."""
    number = bunq.request_money("5.00", "bravo@bunq.com", "half")["id"]
    refuse_unsigned(wire, case, is_done=False, method="PUT")
    with pytest.raises(OutcomeUnknownError):
        bunq.call("request-inquiry.update", number, status="REVOKED")
    assert sent(wire, "PUT") == 1


def test_a_signed_refusal_for_the_moment_is_believed(bunq: Context, wire: Wire, bank: Bank) -> None:
    """The bank itself says that it did nothing: it is sent again without a look."""
    words = b'{"Error":[{"error_description":"Too many requests."}]}'
    bunq.find_account()
    before, left = len(wire.calls), [words]

    def bend(status: int, headers: dict[str, str], told: bytes) -> Any:
        if not left or not wire.calls[-1].startswith("POST"):
            return status, headers, told
        body = left.pop()
        return 429, headers | {"X-Bunq-Server-Signature": bank.key.sign(body)}, body

    wire.bend = bend
    wire.bend_request = lambda environ: (
        environ.update(PATH_INFO="/v1/nothing") if left and sent(wire) == 1 else None
    )
    bunq.call("payment.create", **PAY)
    assert [call.split()[0] for call in wire.calls[before:]] == ["POST", "POST"]


def test_without_anything_to_tell_by_nobody_can_say(bunq: Context, lossy: Lossy) -> None:
    """No reference of the kit's, and the list was never looked at: it might be an older twin."""
    lossy.lose = "after"
    with pytest.raises(OutcomeUnknownError) as caught:
        bunq.call("payment.create", body=OWN)
    assert [each["description"] for each in caught.value.candidates] == ["whole"]


def test_a_look_may_come_later(bunq: Context, lossy: Lossy, bank: Bank) -> None:
    """``look_again`` finds what turned up since."""
    body = PAY | {"merchant_reference": "invoice 7"}
    bunq.call("payment.list", count=1)
    lossy.lose = "before"
    with pytest.raises(OutcomeUnknownError) as caught:
        bunq.call("payment.create", **body)
    elsewhere = bunqkit.connect(bank=bank, api_key=bank.demo_key)
    late = elsewhere.call("payment.create", **body).first("Id")["id"]
    assert caught.value.look_again() == {"id": late}


def test_a_change_that_was_made_is_found(bunq: Context, lossy: Lossy, wire: Wire) -> None:
    """A PUT is looked at where it was to change something."""
    number = bunq.request_money("5.00", "bravo@bunq.com", "half")["id"]
    lossy.lose = "after"
    assert bunq.call("request-inquiry.update", number, status="REVOKED").item["id"] == number
    assert sent(wire, "PUT") == 1


def test_a_change_that_was_not_made_is_unknown(bunq: Context, lossy: Lossy) -> None:
    """The item is as it was: nobody can say whether the change is still under way."""
    number = bunq.request_money("5.00", "bravo@bunq.com", "half")["id"]
    lossy.lose = "before"
    with pytest.raises(OutcomeUnknownError) as caught:
        bunq.call("request-inquiry.update", number, status="REVOKED")
    assert caught.value.candidates[0]["status"] == "PENDING"


def test_a_refusal_is_a_refusal(bunq: Context, wire: Wire) -> None:
    """What the bank said no to is not looked for."""
    before = len(wire.calls)
    with pytest.raises(ApiError, match="not sufficient"):
        bunq.call("payment.create", **PAY | {"amount": "999999.00"})
    assert wire.calls[before:][-1].startswith("POST")


def test_a_payment_whose_answer_was_bent_is_found(
    bunq: Context, wire: Wire, other_key: Any
) -> None:
    """A forged answer to a payment is not believed; what the bank shows, signed, is."""
    honest: Callable[..., Any] = wire.bend

    def bend(status: int, headers: dict[str, str], body: bytes) -> Any:
        if wire.calls[-1].startswith("POST"):
            headers = headers | {"X-Bunq-Server-Signature": other_key.sign(body)}
        return honest(status, headers, body)

    wire.bend = bend
    assert bunq.pay("10.00", "bravo@bunq.com", "tea")["description"] == "tea"


def test_a_payment_that_was_answered_by_nonsense_is_found(
    bunq: Context, wire: Wire, bank: Bank
) -> None:
    """A success that is no answer of the API's, though signed: the payment is looked for."""
    honest = wire.bend

    def bend(status: int, headers: dict[str, str], body: bytes) -> Any:
        if not wire.calls[-1].startswith("POST"):
            return honest(status, headers, body)
        page = b"<html>"
        signature = bank.key.sign(page)
        return 200, {"Content-Type": "text/html", "X-Bunq-Server-Signature": signature}, page

    wire.bend = bend
    assert bunq.pay("10.00", "bravo@bunq.com", "tea")["description"] == "tea"
    assert sent(wire) == 1


def test_a_session_that_cannot_be_opened_is_no_lost_write(
    bunq: Context, wire: Wire, bank: Bank
) -> None:
    """The token was refused, so the payment was not made; the bank's answer is passed on."""
    honest = wire.bend
    refusal = b'{"Error":[{"error_description":"Insufficient authentication."}]}'

    def bend(status: int, headers: dict[str, str], body: bytes) -> Any:
        if wire.calls[-1].endswith("/session-server"):
            return 503, {"Content-Type": "text/html"}, b"<html>"
        if wire.calls[-1].startswith("POST"):
            return 403, headers | {"X-Bunq-Server-Signature": bank.key.sign(refusal)}, refusal
        return honest(status, headers, body)

    bunq.accounts()
    bunq._sessions._client = bunq.client
    wire.bend = bend
    with pytest.raises(ApiError, match="session-server"):
        bunq.call("payment.create", **PAY)
