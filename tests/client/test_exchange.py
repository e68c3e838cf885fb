"""The last calls are kept, whatever became of them, and print without a secret."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from visitors import Door, Frozen, Visitor, payment

import bunqkit
from bunqkit.client.exchange import Exchange, Exchanges
from bunqkit.client.rate_limits import Limiter
from bunqkit.client.retries import Retries
from bunqkit.context.context import Context
from bunqkit.errors import ApiError, BunqkitError, NoAnswerError, SignatureError
from bunqkit.sandbox import Bank
from bunqkit.sandbox.faults import Fault


def exchange(number: int = 0, size: int = 0) -> Exchange:
    """Make a record of a call."""
    return Exchange(
        method="GET",
        url=f"https://bank.invalid/v1/{number}",
        path=f"/v1/{number}",
        request_headers={},
        request_body=b"",
        status=200,
        answer_headers={},
        answer_body=bytes(size),
        elapsed_s=0.01,
        is_verified=True,
    )


def test_a_context_keeps_its_calls() -> None:
    """From the first step on, oldest first; the last is the one that was just made."""
    bunq = bunqkit.connect()
    answer = bunq.call("user.list")
    assert [each.path for each in bunq.exchanges[:3]] == [
        "/v1/installation",
        "/v1/device-server",
        "/v1/session-server",
    ]
    assert bunq.exchanges[-1] is answer.exchange
    assert [each.token for each in bunq.exchanges[:4]] == ["", "installation", "installation",
                                                           "session"]  # fmt: skip


def test_the_kinds_of_tokens_outlive_the_program(
    monkeypatch: pytest.MonkeyPatch, door: Door
) -> None:
    """A token that was read from disk is still known for what it is."""
    if door.transport is not None:
        pytest.skip("only a bank at an address keeps state")
    monkeypatch.setenv("BUNQ_BASE_URL", door.base_url)
    key = door.bank.demo_key
    bunqkit.connect(environment="OFFLINE", api_key=key)
    again = bunqkit.connect(environment="OFFLINE", api_key=key)
    again.call("user.list")
    assert [each.token for each in again.exchanges] == ["session"]
    again.close()


def test_refused_and_failed_calls_are_kept(visitor: Visitor) -> None:
    """A refusal, a lost connection, an answer that can't be believed."""
    exchanges = visitor.client.exchanges
    with pytest.raises(ApiError):
        visitor.call("GET", "/nothing")
    assert exchanges[-1].status == 404
    assert exchanges[-1].outcome == "404, verified"
    for kind, error, outcome in (
        ("cut before", NoAnswerError, "no answer"),
        ("flipped byte", SignatureError, "200, not to be believed"),
        ("no signature", SignatureError, "200, not to be believed"),
    ):
        visitor.door.bank.faults.add(Fault(kind))
        with pytest.raises(error):
            visitor.call("GET", "/user")
        assert exchanges[-1].outcome == outcome
        assert exchanges[-1].failure


def test_every_attempt_is_kept(visitor: Visitor) -> None:
    """Each attempt knows those before it, the pause, and how long the limiter kept it back."""
    time = Frozen()
    pauses: list[float] = []

    patient = visitor.door.client(
        key=visitor.client.key,
        bank_key=visitor.client.bank_key,
        limiter=Limiter("classic", clock=time, sleep=time.sleep, say=lambda _words: None),
        retries=Retries(attempts=4, sleep=pauses.append),
    )
    visitor.door.bank.faults.add(Fault("html 502", times=3))
    patient.request("GET", "/user", token=visitor.session.token)
    last = patient.exchanges[-1]
    assert [each.status for each in patient.exchanges] == [502, 502, 502, 200]
    assert list(last.earlier) == patient.exchanges[:3]
    assert [each.paused_s for each in patient.exchanges] == [0.0, *pauses]
    assert [each.waited_s for each in patient.exchanges] == [0, 0, 0, pytest.approx(3.05)]
    assert last.budget == "3 GET calls in 3 s"


def test_no_more_than_so_many_are_kept() -> None:
    """The oldest go; what is kept is bounded in number and in bytes, but for the last."""
    kept = Exchanges(most=3, most_bytes=100)
    for number in range(5):
        kept.add(exchange(number))
    assert [each.path for each in kept] == ["/v1/2", "/v1/3", "/v1/4"]
    kept.add(exchange(5, size=60))
    kept.add(exchange(6, size=60))
    assert [each.path for each in kept] == ["/v1/6"]
    kept.add(exchange(7, size=1000))
    assert [each.path for each in kept] == ["/v1/7"]


@pytest.mark.parametrize("times", [50, pytest.param(500, marks=pytest.mark.slow)])
def test_threads_share_them(times: int) -> None:
    """Nothing is lost or counted twice, while others read."""
    kept = Exchanges(most=10_000, most_bytes=10_000)

    def add() -> None:
        for number in range(times):
            kept.add(exchange(number, size=1))
            assert repr(kept[-1])
            assert len(list(kept)) > 0

    threads = [threading.Thread(target=add) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(kept) == 4 * times


def secrets_of(bunq: Context) -> list[str]:
    """Return all that opens something: key, both tokens, the lines of the private key."""
    state, key = bunq.handshake, bunq.settings.api_key
    assert key is not None
    assert state.installation is not None
    assert state.session is not None
    # The first lines hold the modulus, which the public key shows too.
    private = state.installation.key.to_pem().reveal().splitlines()[9:-1]
    return [
        key.reveal().removeprefix("sandbox_"),
        state.installation.token.reveal(),
        state.session.token.reveal(),
        *private,
    ]


SHOWN: dict[str, Any] = {
    "repr of all": lambda bunq: repr(bunq.exchanges),
    "HTML of all": lambda bunq: bunq.exchanges._repr_html_(),
    "list": lambda bunq: repr(list(bunq.exchanges)),
    "fields": lambda bunq: repr([vars(each) for each in bunq.exchanges]),
    "X-ray as text": lambda bunq: "".join(str(each.xray()) for each in bunq.exchanges),
    "X-ray as HTML": lambda bunq: "".join(each.xray()._repr_html_() for each in bunq.exchanges),
    "description": lambda bunq: "".join(each.describe() for each in bunq.exchanges),
    "curl": lambda bunq: "".join(each.as_curl() for each in bunq.exchanges),
    "Python": lambda bunq: "".join(each.as_python() for each in bunq.exchanges),
    "openssl": lambda bunq: "".join(each.as_openssl() for each in bunq.exchanges),
    "handshake as text": lambda bunq: str(bunq.handshake),
    "handshake as HTML": lambda bunq: bunq.handshake._repr_html_(),
}


@pytest.mark.parametrize("shown", SHOWN.values(), ids=SHOWN)
def test_nothing_that_is_shown_holds_a_secret(shown: Any) -> None:
    """Keys, tokens and PINs are planted, in bodies too, and found nowhere."""
    bunq = bunqkit.connect()
    secrets = secrets_of(bunq)
    bunq.call("payment.create", amount="1.00", to="bravo@bunq.com", description=secrets[2])
    card = bunq.call("card.list").items[0]
    bunq.call("card.update", card["id"], body={"pin_code": "474747"})
    with pytest.raises(ApiError):
        bunq.call(
            "POST /device-server", body={"description": "x", "secret": f"sandbox_{secrets[0]}"}
        )
    bunq.call("payment.list", count=1)
    text = shown(bunq)
    assert len(text) > 300
    signatures = [
        signature
        for each in bunq.exchanges
        for headers in (each.request_headers, each.answer_headers)
        for name, signature in headers.items()
        if name.endswith("-Signature")
    ]
    # A byte view breaks a secret over rows of sixteen: no eight letters of one may be seen.
    for secret in [*secrets, "474747", *signatures]:
        for at in range(max(len(secret) - 7, 1)):
            piece = secret[at : at + 8]
            assert piece not in text
            assert piece.encode().hex(" ") not in text


def test_secrets_are_revealed_only_offline(bank: Bank) -> None:
    """``reveal=True`` shows an offline bank's tokens whole, and is refused for any other."""
    bunq = bunqkit.connect(bank=bank)
    exchange = bunq.call("user.list").exchange
    assert exchange.request_headers["X-Bunq-Client-Authentication"] in str(
        exchange.xray(reveal=True)
    )
    visitor_client = bunqkit.Client("https://bank.invalid/v1", transport=bunq.client._transport)
    bunqkit.create_sandbox_user(visitor_client)
    with pytest.raises(BunqkitError, match="for OFFLINE only"):
        visitor_client.exchanges[-1].xray(reveal=True)


def test_a_path_of_any_length_fits_a_terminal(visitor: Visitor) -> None:
    """The list of calls is at most 80 columns wide."""
    with pytest.raises(ApiError):
        visitor.call("GET", "/nothing/" + "x" * 200)
    visitor.top_up()
    visitor.call("POST", f"{visitor.account}/payment", payment("bravo@bunq.com"))
    assert max(map(len, repr(visitor.client.exchanges).splitlines())) <= 80
