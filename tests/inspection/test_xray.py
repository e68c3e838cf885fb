"""An X-ray shows what was sent and why, what was signed, the check, the time; as text and HTML."""

from __future__ import annotations

import hashlib
import io
import json
import re
from typing import Any

import pytest
from visitors import Door, Frozen, Visitor, payment

import bunqkit
from bunqkit.client.client import Client
from bunqkit.client.rate_limits import Limiter
from bunqkit.client.retries import Retries
from bunqkit.errors import ApiError, SignatureError
from bunqkit.sandbox import doors
from bunqkit.sandbox.faults import Fault
from bunqkit.security.signing import KeyPair

SIGNATURE = "X-Bunq-Client-Signature"
BODY = json.dumps(payment("bravo@bunq.com")).encode()


def flat(shown: object) -> str:
    """Return a text with its line breaks as spaces."""
    return re.sub(r"\s+", " ", str(shown))


def last(visitor: Visitor, **how: Any) -> str:
    """Return the X-ray of the last call as flat text."""
    return flat(visitor.client.exchanges[-1].xray(**how))


def refused(visitor: Visitor, body: bytes, signature: str) -> None:
    """Send a payment with a signature of one's own, which the bank refuses."""
    headers = {SIGNATURE: signature, "Content-Type": "application/json"}
    with pytest.raises(ApiError, match="signature is invalid"):
        visitor.call("POST", f"{visitor.account}/payment", body, headers=headers)


def test_a_payment_is_explained(visitor: Visitor, key: KeyPair) -> None:
    """Every header with a reason, the token, the bytes, their digest, the check, the time."""
    visitor.top_up()
    visitor.call("POST", f"{visitor.account}/payment", payment("bravo@bunq.com"))
    exchange, text = visitor.client.exchanges[-1], last(visitor)
    for name in exchange.request_headers:
        assert f"{name}: " in text
    assert "Proves that the holder of the installation's private key sent exactly this" in text
    assert "The session token. The third step gave it" in text
    assert "Nothing but the body is signed" in text
    assert hashlib.sha256(exchange.request_body).hexdigest() in text
    assert hashlib.sha256(exchange.answer_body).hexdigest() in text
    assert key.public.fingerprint in text
    assert "right: the bank signed exactly these bytes" in text
    assert "from sending to the last byte" in text
    assert "attempt the first" in text


def test_every_header_of_every_call_has_a_reason() -> None:
    """Whatever the kit sends and the bank answers."""
    bunq = bunqkit.connect()
    bunq.upload("attachment-public.create", b"\x89PNG", media_type="image/png", description="x")
    for exchange in bunq.exchanges:
        notes = exchange.xray()._repr_html_()
        assert "<td></td>" not in notes


def test_the_bytes_are_shown_whole(visitor: Visitor) -> None:
    """Hexadecimal and text, sixteen a row: put together they are what was sent."""
    visitor.top_up()
    visitor.call("POST", f"{visitor.account}/payment", payment("bravo@bunq.com"))
    exchange = visitor.client.exchanges[-1]
    rows = re.findall(r"^  [0-9a-f]{6}  ((?:[0-9a-f]{2} ?)+)  ", str(exchange.xray()), re.MULTILINE)
    assert bytes.fromhex(" ".join(rows)) == exchange.request_body


TOKENS = {
    "session token at the third step": ("/session-server", "session", "installation"),
    "installation token at a list": ("/user", "installation", "session"),
}


@pytest.mark.parametrize("case", TOKENS.values(), ids=TOKENS)
def test_the_wrong_token_is_named(visitor: Visitor, case: tuple[str, str, str]) -> None:
    """Which of the two was sent, and which one opens the call."""
    path, sent, needed = case
    token = visitor.session.token if sent == "session" else visitor.installation.token
    with pytest.raises(ApiError):
        visitor.client.request(
            "POST" if path == "/session-server" else "GET",
            path,
            {"secret": visitor.api_key} if path == "/session-server" else None,
            token=token,
        )
    text = last(visitor)
    assert f"The {sent} token." in text
    assert f"opened by the {needed} token: with another it is refused" in text


COMPACT = json.dumps(json.loads(BODY), separators=(",", ":")).encode()
OTHERS = {
    "one byte": (BODY.replace(b"10.00", b"90.00"), 22, "31 was signed, 39 was sent"),
    "compact": (COMPACT, 10, "the same JSON with a space after each colon"),
    "newline": (BODY + b"\n", len(BODY), "the body without the white space at its ends"),
    "a byte less": (BODY[:30] + BODY[31:], 30, "none of theirs"),
    "a byte more": (BODY[:30] + b"x" + BODY[30:], 30, "none of theirs"),
    "another body": (b'{"x": 1}', 2, "none of theirs"),
}


@pytest.mark.parametrize("case", OTHERS.values(), ids=OTHERS)
def test_the_byte_that_differs_is_named(
    visitor: Visitor, key: KeyPair, case: tuple[bytes, int, str]
) -> None:
    """What was sent is one thing, what was signed another: found from the signature alone."""
    sent, at, words = case
    refused(visitor, sent, key.sign(BODY))
    assert words in last(visitor)
    assert f"Byte {at} differs" in last(visitor, signed=BODY)


def test_an_empty_body_that_was_signed_is_named(visitor: Visitor, key: KeyPair) -> None:
    """The signature of a GET, sent with a body."""
    refused(visitor, BODY, key.sign(b""))
    assert "Byte 0 differs: nothing (it has ended) was signed" in last(visitor)


def test_the_byte_that_differs_is_framed(visitor: Visitor, key: KeyPair) -> None:
    """In HTML by a frame, in text by marks below it, on both sides."""
    refused(visitor, BODY.replace(b"10.00", b"90.00"), key.sign(BODY))
    shown = visitor.client.exchanges[-1].xray()
    assert re.findall("<mark>(.*?)</mark>", shown._repr_html_()) == ["31", "1", "39", "9"]
    lines = str(shown).splitlines()
    marks = [at for at, line in enumerate(lines) if re.fullmatch(r" +\^\^ +\^", line)]
    for at, digits, letter in zip(marks, ("31", "39"), ("1", "9"), strict=True):
        column = lines[at].index("^^")
        assert lines[at - 1][column : column + 2] == digits
        assert lines[at - 1][lines[at].rindex("^")] == letter


class Tamper(doors.InProcess):
    """A transport that changes a body after it was signed."""

    def send(self, request: Any, **how: Any) -> Any:
        """Make ten thousand of ten."""
        if request.body:
            request.body = request.body.replace(b'"10.00"', b'"10000.00"')
            request.headers["Content-Length"] = str(len(request.body))
        return super().send(request, **how)


def test_a_body_that_was_changed_after_signing_is_seen(visitor: Visitor) -> None:
    """What the client signed is kept, and laid beside what the transport sent."""
    if visitor.door.transport is None:
        pytest.skip("the transport is the one in this process")
    bent = Client(
        doors.BASE_URL,
        key=visitor.client.key,
        bank_key=visitor.client.bank_key,
        transport=Tamper(visitor.door.wire),
    )
    with pytest.raises(ApiError):
        bent.request(
            "POST",
            f"{visitor.account}/payment",
            payment("bravo@bunq.com"),
            token=visitor.session.token,
        )
    text = flat(bent.exchanges[-1].xray())
    assert "Byte 24 differs: 2e was signed, 30 was sent" in text


def test_a_body_that_was_changed_on_the_way_is_not_our_fault(visitor: Visitor) -> None:
    """Signature and bytes agree here: the X-ray says where else to look."""

    def bend(environ: dict[str, Any]) -> None:
        body = environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))
        environ["wsgi.input"] = io.BytesIO(body.replace(b"10.00", b"90.00"))

    visitor.door.wire.bend_request = bend
    with pytest.raises(ApiError):
        visitor.call("POST", f"{visitor.account}/payment", payment("bravo@bunq.com"))
    assert "what left here is right. So either the body was changed on the way" in last(visitor)


def test_another_key_is_told_from_other_bytes(visitor: Visitor, other_key: KeyPair) -> None:
    """A signature that this installation's key can't open was made by another."""
    refused(visitor, BODY, other_key.sign(BODY))
    assert "can't open it: another key made it" in last(visitor)


def test_a_missing_signature_is_named(visitor: Visitor) -> None:
    """466: nothing was signed, although the call has a body."""
    keyless = visitor.door.client(bank_key=visitor.client.bank_key)
    with pytest.raises(ApiError) as caught:
        keyless.request(
            "POST",
            f"{visitor.account}/payment",
            payment("bravo@bunq.com"),
            token=visitor.session.token,
        )
    assert caught.value.status == 466
    text = flat(keyless.exchanges[-1].xray())
    assert "came without the header X-Bunq-Client-Signature" in text
    assert "Nothing was signed" in text


def test_a_flipped_bit_of_an_answer_is_found(visitor: Visitor) -> None:
    """The bank's signature opens to the digest of what it sent; the byte is framed."""
    visitor.door.bank.faults.add(Fault("flipped byte"))
    with pytest.raises(SignatureError):
        visitor.call("GET", visitor.account)
    body = visitor.client.exchanges[-1].answer_body
    text = last(visitor)
    assert f"Byte {len(body) // 2} differs" in text
    assert "Don't act on this answer" in text


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ("no signature", "this answer has no signature"),
        ("truncated", "wrong: opened with the public key it holds another digest"),
        ("cut before", "There is no answer to check"),
        ("491", "This refusal is not signed"),
    ],
)
def test_other_trouble_with_the_answer(visitor: Visitor, fault: str, words: str) -> None:
    """Each says what can be known of the answer."""
    visitor.door.bank.faults.add(Fault(fault))
    with pytest.raises(bunqkit.BunqkitError):
        visitor.call("GET", "/user")
    assert words in last(visitor)


def test_limits_and_attempts_are_told(visitor: Visitor) -> None:
    """How long the limiter kept it back, and what each attempt before it came to."""
    time = Frozen()

    patient = visitor.door.client(
        key=visitor.client.key,
        bank_key=visitor.client.bank_key,
        limiter=Limiter("classic", clock=time, sleep=time.sleep, say=lambda _words: None),
        retries=Retries(sleep=lambda _seconds: None),
    )
    visitor.door.bank.faults.add(Fault("html 502", times=3))
    patient.request("GET", "/user", token=visitor.session.token)
    text = flat(patient.exchanges[-1].xray())
    assert "kept it back for 3.0 s: the bank allows 3 GET calls in 3 s" in text
    assert "attempt number 4" in text
    assert text.count("502, not signed") == 3


def test_a_session_that_ended_is_told() -> None:
    """The call was sent once more, with the token of the next session."""
    bunq = bunqkit.connect()
    assert bunq.bank is not None
    bunq.bank.faults.add(Fault("expired session", "user.list"))
    text = flat(bunq.call("user.list").exchange.xray())
    assert "attempt number 2" in text
    assert "attempt 2: 200, verified" in text
    assert "the session had ended: sent again with the token of the next one" in text


def test_a_long_body_is_shown_by_its_ends(visitor: Visitor) -> None:
    """Of many bytes the first and the last are shown, and how many are between."""
    headers = {"Content-Type": "image/png", "X-Bunq-Attachment-Description": "x"}
    visitor.call("POST", "/attachment-public", bytes(range(256)) * 40, headers=headers)
    text = str(visitor.client.exchanges[-1].xray())
    assert "more bytes, then:" in text
    assert "  0027f0  f0 f1" in text
    assert len(text.splitlines()) < 150


def test_text_fits_a_terminal(door: Door, key: KeyPair) -> None:
    """80 columns, whatever the call and whatever is revealed."""
    visitor = Visitor(door, key)
    visitor.top_up()
    visitor.call("GET", f"{visitor.account}/payment?count=3")
    refused(visitor, BODY, key.sign(BODY + b" "))
    for exchange in visitor.client.exchanges:
        assert max(map(len, str(exchange.xray()).splitlines())) <= 80


def test_nothing_steers_a_terminal(visitor: Visitor) -> None:
    """Control characters of an answer, in a header or a body, are shown as dots."""
    visitor.door.wire.force(
        json.dumps({"Response": [{"X": {"y": "\x9b31m"}}]}, ensure_ascii=False).encode()
    )
    visitor.call("GET", "/user")
    assert "·31m" in str(visitor.client.exchanges[-1].xray())
    assert "\x9b" not in str(visitor.client.exchanges[-1].xray())


def test_html_escapes_what_the_bank_says(visitor: Visitor) -> None:
    """Neither a header nor a body nor a path becomes markup."""
    evil = "<script>alert(1)</script>"
    body = json.dumps({"Response": [{"Payment": {"description": evil}}]}).encode()
    visitor.door.wire.force(body)
    honest = visitor.door.wire.bend

    def bend(*told: Any) -> Any:
        status, headers, content = honest(*told)
        return status, {**headers, "X-Bunq-Warning": evil}, content

    visitor.door.wire.bend = bend
    visitor.call("GET", "/user", params={"q": evil})
    exchange = visitor.client.exchanges[-1]
    assert "<script" not in exchange.xray()._repr_html_()
    assert "<script" not in visitor.client.exchanges._repr_html_()
