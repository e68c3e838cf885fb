"""Production is read-only until a call is unlocked, by whatever way it is called."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
import requests
from recording import TOKEN, Recorder, own_ids

from bunqkit.catalogue.operations import Operation, example_body, operations
from bunqkit.client.client import Client
from bunqkit.context.context import Context
from bunqkit.errors import (
    BunqkitError,
    FieldError,
    LockedError,
    SettingsError,
    UnknownNameError,
)
from bunqkit.sandbox import doors
from bunqkit.security.redaction import Secret
from bunqkit.security.signing import KeyPair
from bunqkit.settings import BASE_URLS, load_settings

CHANGING = [
    each for each in operations() if each.effect != "reads" and each.name != "session.delete"
]
HANDSHAKE = ("installation.create", "device-server.create", "session-server.create")
READING = [each for each in operations() if each.effect == "reads"]
PAYMENT: dict[str, Any] = {"amount": "10.00", "to": "x@example.com", "description": "tea"}


@pytest.fixture
def recorder(key: KeyPair, other_key: KeyPair) -> Recorder:
    """Return the recorder."""
    return Recorder(key, other_key)


@pytest.fixture
def caller(recorder: Recorder, key: KeyPair, other_key: KeyPair) -> Context:
    """Return a caller in production."""
    return recorder.caller(key, other_key, "PRODUCTION")


def written(recorder: Recorder) -> list[str]:
    """Return the calls that went out and were no read."""
    return [method for method, *_ in recorder.seen if method != "GET"]


def filled(known: Operation) -> str:
    """Return the path with an id in each place."""
    ids = {"user_id": 42, "account": 7, **own_ids(known)}
    return known.fill({name: ids.get(name, 9) for name in known.ids})


class Nowhere(requests.adapters.BaseAdapter):
    """A transport that remembers what it was given, and loses it."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[str] = []

    def send(self, request: requests.PreparedRequest, **_how: Any) -> requests.Response:
        """Remember, and fail."""
        self.seen.append(f"{request.method} {request.url}")
        raise requests.ConnectionError("nowhere")

    def close(self) -> None:
        """Nothing to close."""


@pytest.mark.parametrize(
    "base_url",
    [BASE_URLS["PRODUCTION"], "https://API.bunq.com./v1/", "https://api.bunq.com:443/v1"],
)
def test_nothing_changes_productions_address(key: KeyPair, base_url: str) -> None:
    """Not by a client made by hand either; of the 480 only reads and the handshake go out."""
    transport = Nowhere()
    client = Client(base_url, key=key, transport=transport)
    for known in operations():
        with pytest.raises(BunqkitError):
            client.request(known.method, filled(known), {}, token=Secret(TOKEN))
    allowed = [
        each
        for each in operations()
        if each.method == "GET" or each.name in (*HANDSHAKE, "session.delete")
    ]
    assert len(transport.seen) == len(allowed)
    assert all(each.method == "GET" for each in READING)


@pytest.mark.parametrize("known", CHANGING, ids=lambda known: known.name)
def test_nothing_changes_production(caller: Context, recorder: Recorder, known: Operation) -> None:
    """By any name, by path, by ``api``: what changes something raises, and is not sent."""
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
            lambda: caller.call(f"{known.method.lower()} /v1{filled(known)}", body=body),
            lambda: caller.call(known.id, body=body, **ids),
            lambda: caller.call(known.python_name, body=body, **ids),
            lambda: caller.frame(known.name, body=body, **ids),
            lambda: list(caller.pages(known.name, body=body, **ids)),
            lambda: node(body=body, **ids),
            lambda: caller.call(known.name, body=body, check=False, **ids),
        ):
            with pytest.raises(LockedError, match=known.name):
                call()
    assert written(recorder) == []


def test_reads_are_free(caller: Context) -> None:
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


def test_the_message_reads_back_amount_and_payee(caller: Context) -> None:
    """Who sees it knows what would have happened, and how to let it."""
    with pytest.raises(LockedError) as caught:
        caller.call("payment.create", **PAYMENT)
    for part in ("payment.create of EUR 10.00 to x@example.com", "up_to='10.00'", "PRODUCTION"):
        assert part in str(caught.value)


def test_an_unlock_opens_one_operation_for_one_block(caller: Context, recorder: Recorder) -> None:
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


def test_the_bound_is_for_all_calls_together(caller: Context, recorder: Recorder) -> None:
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


def test_an_unlock_may_name_the_payee(caller: Context, recorder: Recorder) -> None:
    """To somebody else it stays locked."""
    with caller.unlock("payment.create", up_to="10", to="x@example.com"):
        with pytest.raises(LockedError):
            caller.call("payment.create", **PAYMENT | {"to": "y@example.com"})
        caller.call("payment.create", **PAYMENT)
    assert written(recorder) == ["POST"]


def test_an_error_ends_the_unlock(caller: Context) -> None:
    """A block that fails leaves nothing open."""
    with pytest.raises(ZeroDivisionError), caller.unlock("payment.create", up_to="25.00"):
        _ = 1 / 0
    with pytest.raises(LockedError):
        caller.call("payment.create", **PAYMENT)


def test_unknown_paths_can_only_be_read(caller: Context, recorder: Recorder) -> None:
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
def test_unlocks_that_cannot_be(caller: Context, given: dict[str, Any], error: type) -> None:
    """Without a bound, with a bound that is none, of something that is not there."""
    with pytest.raises(error), caller.unlock(**given):
        pass


def production(recorder: Recorder, key: KeyPair, other_key: KeyPair) -> Context:
    """Return a whole context in production, at the recorder."""
    caller = recorder.caller(key, other_key, "PRODUCTION")
    settings = load_settings(environment="PRODUCTION", api_key="a" * 64)
    return Context(settings, caller.client, caller._sessions)


def test_short_ways_are_locked_too(recorder: Recorder, key: KeyPair, other_key: KeyPair) -> None:
    """``pay`` and ``request_money`` are calls like others; and there is no play money."""
    bunq = production(recorder, key, other_key)
    with pytest.raises(LockedError, match=r"EUR 10\.00 to x@example\.com"):
        bunq.pay("10.00", "x@example.com", "tea")
    with pytest.raises(LockedError):
        bunq.request_money("10.00", "x@example.com", "tea")
    with pytest.raises(BunqkitError, match="PRODUCTION"):
        bunq.top_up()
    assert written(recorder) == []


def test_what_is_let_through_is_read_back(
    caller: Context, capsys: pytest.CaptureFixture[str]
) -> None:
    """Amount and payee are printed before it goes, and kept by the permit."""
    with caller.unlock("payment.create", up_to="25.00", count=2) as permit:
        caller.call("payment.create", **PAYMENT)
    what = "payment.create of EUR 10.00 to x@example.com"
    assert permit.sent == [what]
    assert capsys.readouterr().out == (
        f"PRODUCTION: {what} is being sent. The unlock leaves 1 more call and 15.00.\n"
    )


def test_all_unlocks_together_stay_below_the_cap(
    recorder: Recorder, key: KeyPair, other_key: KeyPair, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A loop that unlocks each payment anew ends at the cap of its context, and is told why."""
    monkeypatch.setenv("BUNQ_TOTAL_CAP", "25")
    bunq = production(recorder, key, other_key)
    for number in range(3):
        with bunq.unlock("payment.create", up_to="10.00"):
            if number < 2:
                bunq.call("payment.create", **PAYMENT)
                continue
            with pytest.raises(LockedError, match=r"BUNQ_TOTAL_CAP allows 25\.00 in all"):
                bunq.call("payment.create", **PAYMENT)
    assert len(written(recorder)) == 2
    assert "read-only (20.00 of at most 25.00 moved)" in repr(bunq)


def test_without_a_setting_there_is_a_cap(caller: Context, recorder: Recorder) -> None:
    """A thousand, unless somebody says otherwise where settings are."""
    body = PAYMENT | {"amount": "1000.01"}
    with (
        caller.unlock("payment.create", up_to="5000"),
        pytest.raises(LockedError, match=r"1000\.00"),
    ):
        caller.call("payment.create", **body)
    assert written(recorder) == []


def test_what_names_no_amount_needs_an_unlock_for_any(caller: Context, recorder: Recorder) -> None:
    """The acceptance of a draft moves what the draft says: a bound could not be held."""
    accept = {"status": "ACCEPTED", "previous_updated_timestamp": "2026-01-01 00:00:00.000000"}
    bounded = caller.unlock("draft-payment.update", up_to="5000")
    with bounded, pytest.raises(LockedError, match="up_to='any'"):
        caller.call("draft-payment.update", 5, body=accept, check=False)
    with caller.unlock("draft-payment.update", up_to="any") as permit:
        caller.call("draft-payment.update", 5, body=accept, check=False)
    assert "an amount that its body does not name" in permit.sent[0]
    assert len(written(recorder)) == 1


HIDDEN: dict[str, Any] = {
    "a word": {"value": "ten", "currency": "EUR"},
    "a comma": {"value": "10,00", "currency": "EUR"},
    "no number": {"value": "NaN", "currency": "EUR"},
    "no end": {"value": "Infinity", "currency": "EUR"},
    "no currency": {"value": "30.00"},
    "a minus": {"value": "-30.00", "currency": "EUR"},
    "an exponent": {"value": "3e1", "currency": "EUR"},
    "a text": "30.00",
    "a type beside it": {"value": "30.00", "currency": "EUR", "type": "EMAIL"},
    "a type and a small one": {"value": "1.00", "currency": "EUR", "type": "IBAN"},
    "a second amount inside": {"value": "1.00", "currency": "EUR", "amount": "30.00"},
    "a member of no amount": {"value": "1.00", "currency": "EUR", "Value": "30.00"},
    "a member that looks alike": {"value": "1.00", "currency": "EUR", "v\u0430lue": "30.00"},
    "another name": {"worth": "30.00", "currency": "EUR"},
    "a list": [{"value": "1.00", "currency": "EUR"}, "30.00"],
}


@pytest.mark.parametrize("amount", HIDDEN.values(), ids=list(HIDDEN))
def test_an_amount_cannot_be_hidden(caller: Context, recorder: Recorder, amount: Any) -> None:
    """However it is written: more than the bound, or not to be read, is not sent."""
    body = {
        "amount": amount,
        "counterparty_alias": {"type": "EMAIL", "value": "x@example.com"},
        "description": "tea",
    }
    with caller.unlock("payment.create", up_to="25.00"), pytest.raises(LockedError):
        caller.call("payment.create", body=body, check=False)
    assert written(recorder) == []


def test_a_payee_cannot_be_hidden(caller: Context, recorder: Recorder) -> None:
    """One of a batch is somebody else, in whatever form: the batch is not sent."""
    right = {
        "amount": {"value": "1.00", "currency": "EUR"},
        "counterparty_alias": {"type": "EMAIL", "value": "x@example.com"},
    }
    for other in ("y@example.com", {"value": "y@example.com"}, None):
        body = {"payments": [right, right | {"counterparty_alias": other}]}
        unlocked = caller.unlock("payment-batch.create", up_to="25.00", to="x@example.com")
        with unlocked, pytest.raises(LockedError):
            caller.call("payment-batch.create", body=body, check=False)
    assert written(recorder) == []


def test_a_batch_cannot_hide_an_amount(caller: Context, recorder: Recorder) -> None:
    """One amount that can be read does not let another through that can't."""
    payee = {"type": "EMAIL", "value": "x@example.com"}
    right = {"amount": {"value": "1.00", "currency": "EUR"}, "counterparty_alias": payee}
    for amount in HIDDEN.values():
        body = {"payments": [right, right | {"amount": amount}]}
        with caller.unlock("payment-batch.create", up_to="25"), pytest.raises(LockedError):
            caller.call("payment-batch.create", body=body, check=False)
    assert written(recorder) == []


def test_members_that_no_amount_has_are_named(caller: Context, recorder: Recorder) -> None:
    """Also where no money moves, and whatever is unlocked."""
    strange = {"value": "1.00", "currency": "EUR", "factor": 100}
    body = {"amount_inquired": strange, "description": "tea", "allow_bunqme": False}
    with (
        caller.unlock("request-inquiry.create", up_to="any"),
        pytest.raises(LockedError, match="'factor' beside its value and currency"),
    ):
        caller.call("request-inquiry.create", body=body, check=False)
    assert written(recorder) == []


IBAN = "NL30BUNQ9990123456"
LONG_NAME = f"{'x' * 230}@example.com"
SAME: dict[str, Any] = {
    "a decomposed accent": ("jose\u0301@example.com", "jos\u00e9@example.com"),
    "a zero-width space": ("x@exam\u200bple.com", "x@example.com"),
    "a soft hyphen and a mark": ("x@exam\u00adple.com\ufeff", "x@example.com"),
    "an IBAN in groups": (IBAN, "NL30 BUNQ 9990 1234 56"),
    "an IBAN in small letters": (IBAN.lower(), IBAN),
    "no-break spaces": (IBAN, "NL30\u00a0BUNQ 9990 1234\u202f56"),
}
OTHER: dict[str, Any] = {
    "a capital": ("X@example.com", "x@example.com"),
    "a sharp s": ("strasse@example.com", "stra\u00dfe@example.com"),
    "a space": ("x @example.com", "x@example.com"),
    "a line's end": ("x@example.com\n", "x@example.com"),
    "a Cyrillic letter": ("\u0445@example.com", "x@example.com"),
    "a wide letter": ("\uff58@example.com", "x@example.com"),
    "a long s in an IBAN": ("NL30BUN\u017f9990123456", "NL30BUNS9990123456"),
    "a dotless i in an IBAN": ("NL30B\u0131NQ9990123456", "NL30BINQ9990123456"),
    "a tab in an IBAN": (IBAN.replace("B", "\tB", 1), IBAN),
    "a name of an account": ("Savings", "savings"),
    "after 200 letters": (f"y{LONG_NAME}"[::-1], f"z{LONG_NAME}"[::-1]),
}


def pay_to(caller: Context, value: str) -> None:
    """Pay to a value, as it is."""
    body = {
        "amount": {"value": "1.00", "currency": "EUR"},
        "counterparty_alias": {"type": "EMAIL", "value": value},
        "description": "tea",
    }
    caller.call("payment.create", body=body, check=False)


@pytest.mark.parametrize("pair", SAME.values(), ids=SAME)
def test_what_reads_the_same_is_the_payee(
    caller: Context, recorder: Recorder, pair: tuple[str, str]
) -> None:
    """However accents are coded; without what nobody sees; IBANs with spaces, in any case."""
    for value, named in (pair, pair[::-1]):
        with caller.unlock("payment.create", up_to="1", to=named):
            pay_to(caller, value)
    assert len(written(recorder)) == 2


@pytest.mark.parametrize("pair", OTHER.values(), ids=OTHER)
def test_what_differs_is_another_payee(
    caller: Context, recorder: Recorder, pair: tuple[str, str]
) -> None:
    """Letter for letter: two addresses that differ in case may be two people's."""
    for value, named in (pair, pair[::-1]):
        with caller.unlock("payment.create", up_to="1", to=named), pytest.raises(LockedError):
            pay_to(caller, value)
    assert written(recorder) == []


def test_a_permit_serves_its_thread_alone(caller: Context, recorder: Recorder) -> None:
    """Another thread finds everything locked, and what it opens is its own."""
    told: list[object] = []

    def work() -> None:
        told.append(caller._guard.describe())
        try:
            caller.call("payment.create", **PAYMENT)
        except LockedError as error:
            told.append(error)

    with caller.unlock("payment.create", up_to="100", count=9):
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
        assert len(told) == 2
        assert "read-only" in str(told[0])
        assert "unlocked" in caller._guard.describe()
        assert written(recorder) == []
        caller.call("payment.create", **PAYMENT)


def test_a_permit_serves_its_task_alone(caller: Context, recorder: Recorder) -> None:
    """Tasks take turns in one thread; none that another has begun may use its unlock."""
    may_go = asyncio.Event()
    is_open = asyncio.Event()

    async def opens() -> None:
        with caller.unlock("payment.create", up_to="100", count=9):
            child = asyncio.create_task(pays())
            is_open.set()
            await may_go.wait()
            with pytest.raises(LockedError):
                await child
            caller.call("payment.create", **PAYMENT)

    async def pays() -> None:
        caller.call("payment.create", **PAYMENT)

    async def both() -> None:
        task = asyncio.create_task(opens())
        await is_open.wait()
        with pytest.raises(LockedError):
            await pays()
        may_go.set()
        await task
        with pytest.raises(LockedError):
            await pays()

    asyncio.run(both())
    assert written(recorder) == ["POST"]


def test_a_permit_serves_its_block_alone(caller: Context, recorder: Recorder) -> None:
    """A narrower block inside a wider one is as narrow as it says."""
    with caller.unlock("payment.create", up_to="100", count=9):
        with caller.unlock("payment.create", up_to="5"), pytest.raises(LockedError):
            caller.call("payment.create", **PAYMENT)
        with caller.unlock("payment-batch.create", up_to="5"):
            caller.call("payment.create", **PAYMENT)
    assert written(recorder) == ["POST"]


def test_a_block_that_was_left_by_its_generator_is_closed(
    caller: Context, recorder: Recorder
) -> None:
    """A generator that is dropped halfway ends its unlock."""

    def halfway() -> Iterator[None]:
        with caller.unlock("payment.create", up_to="100", count=9):
            yield

    steps = halfway()
    next(steps)
    del steps
    with pytest.raises(LockedError):
        caller.call("payment.create", **PAYMENT)
    assert written(recorder) == []


@pytest.mark.parametrize("environment", ["OFFLINE", "SANDBOX"])
@pytest.mark.parametrize(
    "base_url",
    [BASE_URLS["PRODUCTION"], "https://API.bunq.com./v1", "https://api.bunq.com:443/v1"],
)
def test_the_host_decides_whatever_the_setting_says(
    environment: str, base_url: str, recorder: Recorder, key: KeyPair, other_key: KeyPair
) -> None:
    """At bunq's production host writes need an unlock, and no token is revealed."""
    sessions = recorder.caller(key, other_key, "PRODUCTION")._sessions
    client = Client(
        base_url,
        key=key,
        bank_key=other_key.public,
        transport=doors.InProcess(recorder),
        may_reveal=True,
    )
    settings = replace(load_settings(environment=environment), base_url=base_url)
    bunq = Context(settings, client, sessions)
    with pytest.raises(LockedError):
        bunq.call("payment.create", **PAYMENT)
    with pytest.raises(LockedError):
        bunq.call("POST /user/{userID}/card-debit", body={}, check=False)
    with pytest.raises(LockedError):
        client.request("POST", "/user/42/payment", {}, token=Secret(TOKEN))
    assert written(recorder) == []
    shown = bunq.preview("payment.list")
    with pytest.raises(BunqkitError, match="reveal"):
        shown.xray(reveal=True)
    assert "read-only" in repr(bunq)
    with pytest.raises(SettingsError, match="PRODUCTION"):
        bunq.top_up()
