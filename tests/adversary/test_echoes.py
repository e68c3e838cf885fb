"""What the bank quotes of a call's secrets is masked, whatever shows it."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import quote

import pytest
from visitors import Door, Visitor, Wire, refusal

from bunqkit.auth.handshake import register_device
from bunqkit.client.client import Client
from bunqkit.errors import ApiError
from bunqkit.sandbox import Bank, doors
from bunqkit.security.known_secrets import find_known, mask_known
from bunqkit.security.redaction import Secret
from bunqkit.security.signing import KeyPair

KEY = "sandbox_" + "0f1e2d3c4b5a6978" * 4
CODE = "c0de+" * 9 + "0123456789ab/"
PIN = 73_194
FORMS: dict[str, Callable[[str], str]] = {
    "as it is": str,
    "in capitals": str.upper,
    "its first letters": lambda secret: f"{secret[:22]}...",
    "its last letters": lambda secret: f"...{secret[-20:]}",
    "from its middle": lambda secret: secret[13:31],
    "wrapped": lambda secret: f"{secret[:30]}\n  {secret[30:]}",
    "in a URL": lambda secret: quote(secret, safe=""),
    "in quotes": lambda secret: json.dumps({"secret": secret}),
    "in another name": lambda secret: f"is_{secret}_is",
    "twice": lambda secret: f"{secret} {secret}",
}


def shown(client: Client, error: Exception) -> Iterator[tuple[str, str]]:
    """Return everything that shows a refusal."""
    exchange = client.exchanges[-1]
    yield "str", str(error)
    yield "repr", repr(error)
    yield "html", error._repr_html_()  # type: ignore[attr-defined]
    yield "messages", repr(getattr(error, "messages", ""))
    yield "response id", repr(getattr(error, "response_id", ""))
    yield "x-ray", str(exchange.xray())
    yield "x-ray's html", exchange.xray()._repr_html_()
    yield "described", exchange.describe()
    yield "calls", repr(client.exchanges) + client.exchanges._repr_html_() + repr(exchange)
    yield "curl", exchange.as_curl()
    yield "python", exchange.as_python()


def check(client: Client, error: Exception, *secrets: str) -> None:
    """Check that nothing that shows a refusal shows a secret of its call."""
    for who, text in shown(client, error):
        assert not find_known(text, secrets), f"{who}: {text}"


@pytest.fixture
def wire(bank: Bank) -> Wire:
    """Return what stands between the client and the bank."""
    return Wire(bank)


@pytest.fixture
def client(wire: Wire, key: KeyPair) -> Client:
    """Return a client that signs, at a bank whose key it does not know yet."""
    return Client(doors.BASE_URL, key=key, transport=doors.InProcess(wire))


def refuse(wire: Wire, words: str, header: str = "") -> None:
    """Have every call refused with these words, and quoted in a header."""
    body = {
        "Error": [{"error_description": words, "error_description_translated": words}],
        "Quoted": [{words: words}],
    }
    content = json.dumps(body, ensure_ascii=False).encode()
    wire.force(content, status=400, is_signed=False)
    bend = wire.bend

    def with_headers(*came: Any) -> tuple[int, dict[str, str], bytes]:
        status, headers, answer = bend(*came)
        line = " ".join(header.split())
        more = {"X-Bunq-Client-Response-Id": line, "X-Bunq-Warning": line}
        return status, {**headers, **more}, answer

    wire.bend = with_headers


@pytest.mark.parametrize("form", FORMS)
def test_a_refusal_that_quotes_key_and_token(wire: Wire, client: Client, form: str) -> None:
    """The token of the header, the key of the body, in whatever form they come back."""
    write = FORMS[form]
    token = "5e55" * 16
    quoted = f"The key {write(KEY)} does not go with {write(token)}"
    refuse(wire, quoted, quoted)
    with pytest.raises(ApiError) as caught:
        client.request("POST", "/session-server", {"secret": KEY}, token=Secret(token))
    check(client, caught.value, KEY, token)
    assert "does not go with" in str(caught.value)


@pytest.mark.parametrize("form", FORMS)
def test_a_refusal_that_quotes_the_code(wire: Wire, client: Client, form: str) -> None:
    """OAuth's secrets are in the query."""
    quoted = f"The code {FORMS[form](CODE)} was used"
    refuse(wire, quoted, quoted)
    with pytest.raises(ApiError) as caught:
        client.request("POST", "/token", params={"code": CODE, "client_secret": Secret(KEY)})
    check(client, caught.value, CODE, quote(CODE, safe=""), KEY)
    assert "was used" in str(caught.value)


@pytest.mark.parametrize("pin", [PIN, str(PIN)])
def test_a_refusal_that_quotes_a_pin(wire: Wire, client: Client, pin: Any) -> None:
    """By itself it is masked, in a longer number it is none; a later call knows it no more."""
    quoted = f"PIN {PIN} is too simple, see rule 1{PIN}0"
    refuse(wire, quoted, quoted)
    with pytest.raises(ApiError) as caught:
        client.request("PUT", "/user/1/card/2", {"pin_code_assignment": [{"pin_code": pin}]})
    check(client, caught.value, str(PIN))
    assert f"rule 1{PIN}0" in str(caught.value)
    assert b"73194" in client.exchanges[-1].request_body
    with pytest.raises(ApiError, match=f"PIN {PIN} is"):
        client.request("PUT", "/user/1/card/2", {"status": "ACTIVE"})


def test_a_refusal_that_quotes_what_looks_like_a_secret(wire: Wire, client: Client) -> None:
    """Somebody else's key, which this client never had."""
    other = "sandbox_" + "9a8b7c6d" * 8
    refuse(wire, f"You meant {other}, {'ab12' * 16}")
    with pytest.raises(ApiError) as caught:
        client.request("GET", "/user")
    check(client, caught.value, other)
    assert "ab12ab12" not in str(caught.value)


def test_an_answer_that_quotes_the_token(door: Door, visitor: Visitor) -> None:
    """A success with the token under another name, as a type and as a value."""
    token = visitor.session.token.reveal()
    body = json.dumps({"Response": [{token: {"seen": token, token: [token]}}]}).encode()
    door.wire.force(body)
    answer = visitor.call("GET", "/user")
    for text in (
        repr(answer),
        answer._repr_html_(),
        str(answer.exchange.xray()),
        answer.exchange.describe(),
        answer.exchange.xray()._repr_html_(),
    ):
        assert not find_known(text, [token])
    assert answer.items[0]["seen"] == token
    assert not find_known(str(answer.exchange.unusable(f"it holds {token}")), [token])


def test_the_bank_itself_is_echoed(visitor: Visitor) -> None:
    """A key that the offline bank does not know, through both doors."""

    def bind() -> None:
        register_device(visitor.client, visitor.installation, Secret(KEY), description="x")

    status, words = refusal(bind)
    assert status == 400
    assert not find_known(words, [KEY])


def test_parts_are_found() -> None:
    """From twelve letters on, in any case; what has less in common stays."""
    secret = "0123456789abcdefghij"
    assert mask_known(f"x{secret[4:16].upper()}y", [secret]) == "x…y"
    assert mask_known(f"x{secret[4:15]}y", [secret]) == f"x{secret[4:15]}y"
    assert mask_known("1234 12345", ["1234", ""]) == "… 12345"
    assert mask_known("sandbox_0123…", [f"sandbox_{secret}"]) == "sandbox_0123…"
    coded = base64.b64encode(secret.encode()).decode()
    assert mask_known(coded, [secret]) == coded
    assert mask_known("a" * 50_000, ["a" * 64]) == f"aaaa{'…'}"
