"""The client against the bank, and against a wire that bends what passes."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

import pytest
import requests
from hypothesis import HealthCheck, given, settings, strategies as st
from visitors import Door, Visitor, payment

from bunqkit.client.client import Client
from bunqkit.errors import (
    ApiError,
    BadAnswerError,
    BunqkitError,
    FieldError,
    NoAnswerError,
    SignatureError,
)
from bunqkit.sandbox import Bank, doors
from bunqkit.security.redaction import Secret
from bunqkit.security.signing import KeyPair

TOKEN = Secret("0" * 64)


def test_the_bytes_signed_are_the_bytes_sent(visitor: Visitor) -> None:
    """The signature in the header belongs to the body that travelled, letter for letter."""
    visitor.top_up()
    body = payment("bravo@bunq.com", description='Café — € 3,50 / \\ "')
    exchange = visitor.call("POST", f"{visitor.account}/payment", body).exchange
    signature = exchange.request_headers["X-Bunq-Client-Signature"]
    visitor.installation.key.public.verify(exchange.request_body, signature)
    assert json.loads(exchange.request_body) == body


def test_request_ids_are_fresh(visitor: Visitor) -> None:
    """Each call has an id of its own."""
    ids = {
        visitor.call("GET", "/user").exchange.request_headers["X-Bunq-Client-Request-Id"]
        for _ in range(3)
    }
    assert len(ids) == 3


def test_a_changed_answer_is_refused(visitor: Visitor) -> None:
    """One letter changed on the way: SignatureError, and nothing of it is used."""
    visitor.door.wire.bend = lambda s, h, b: (s, h, b.replace(b"0.00", b"9.00"))
    with pytest.raises(SignatureError, match="not signed by the bank"):
        visitor.call("GET", f"/user/{visitor.session.user_id}/monetary-account")


def test_an_answer_without_signature_is_refused(visitor: Visitor) -> None:
    """A success that nobody signed is not the bank's."""

    def bend(status: int, headers: dict[str, str], body: bytes) -> Any:
        del headers["X-Bunq-Server-Signature"]
        return status, headers, body

    visitor.door.wire.bend = bend
    with pytest.raises(SignatureError, match="has no signature"):
        visitor.call("GET", "/user")


def test_an_answer_of_another_bank_is_refused(visitor: Visitor, other_key: KeyPair) -> None:
    """A signature that is right, with a key that is not the installation's."""
    body = b'{"Response": []}'
    headers = {"X-Bunq-Server-Signature": other_key.sign(body)}
    visitor.door.wire.bend = lambda _status, _headers, _body: (200, headers, body)
    with pytest.raises(SignatureError):
        visitor.call("GET", "/user")


def test_a_forged_refusal_is_a_forgery_too(visitor: Visitor) -> None:
    """The signature is looked at before the status."""
    forged = b'{"Error": []}'
    visitor.door.wire.bend = lambda _status, headers, _body: (403, headers, forged)
    with pytest.raises(SignatureError, match="status 403"):
        visitor.call("GET", "/user")


def test_an_unsigned_refusal_says_that_nobody_vouches_for_it(visitor: Visitor) -> None:
    """Such as the bank's 429, 491 and 5xx: a refusal, marked so."""
    body = b'{"Error":[{"error_description":"Too many requests."}]}'
    visitor.door.wire.force(body, status=429, is_signed=False)
    with pytest.raises(ApiError) as caught:
        visitor.call("GET", "/user")
    assert (caught.value.status, caught.value.signed) == (429, False)
    assert caught.value.messages == ("Too many requests.",)


def test_a_refusal_carries_what_support_asks_for(visitor: Visitor) -> None:
    """Status, the bank's words, method, path and response id, and all of them in the text."""
    with pytest.raises(ApiError) as caught:
        visitor.call("GET", "/user/1")
    error = caught.value
    assert (error.status, error.method, error.path) == (404, "GET", "/v1/user/1")
    assert error.messages == ('User for id "1" not found.',)
    assert error.signed
    assert error.response_id is not None
    for part in ("404", "GET /v1/user/1", error.messages[0], error.response_id):
        assert part in str(error)


def test_a_page_of_a_gateway_is_a_typed_refusal(visitor: Visitor) -> None:
    """An HTML 502 gives its status, and no HTML in the message."""
    page = b"<html>Bad Gateway</html>"
    visitor.door.wire.force(page, status=502, media_type="text/html", is_signed=False)
    with pytest.raises(ApiError, match="24 bytes of text/html") as caught:
        visitor.call("GET", "/user")
    assert caught.value.status == 502
    assert "<html>" not in str(caught.value)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b'{"Response": [{"UserPerson"',
        b"[]",
        b"null",
        b'{"Response": {}}',
        b'{"Response": [1]}',
        b'{"Response": [{"A": {}, "B": {}}]}',
        b'{"Response": [{"A": 1}]}',
        b'{"Response": [{}]}',
        b'{"Response": [], "Pagination": 5}',
        b'{"Response": [{"A": {"x": NaN}}]}',
        b'{"Response": ' + b"[" * 100_000,
        b"\xff\xfe",
    ],
)
def test_what_is_no_envelope_is_a_typed_error(visitor: Visitor, body: bytes) -> None:
    """Signed by the bank or not: cut JSON and other JSON never reach the caller as an answer."""
    visitor.door.wire.force(body)
    with pytest.raises(BadAnswerError) as caught:
        visitor.call("GET", "/user")
    assert caught.value.status == 200


def test_an_unknown_type_works(visitor: Visitor) -> None:
    """Items are unwrapped by position, whatever their type is called."""
    body = b'{"Response": [{"NewThing": {"id": 1}}, {"Other": {}}], "More": 1}'
    visitor.door.wire.force(body)
    answer = visitor.call("GET", "/user")
    assert answer.items == [{"id": 1}, {}]
    assert answer.types == ["NewThing", "Other"]
    assert answer.first("Other") == {}
    with pytest.raises(BadAnswerError, match="2 items"):
        _ = answer.item
    with pytest.raises(BadAnswerError, match="no Third"):
        answer.first("Third")


def test_before_the_installation_tls_vouches(door: Door) -> None:
    """The first answers can't be verified, and say so."""
    answer = door.client().request("POST", "/sandbox-user-person")
    assert not answer.exchange.is_verified


def test_control_characters_do_not_reach_a_terminal(visitor: Visitor) -> None:
    """A refusal's text is data: no escape sequence, no line of its own, no endless length."""
    words = "\x1b[31mred\x07\n" + "x" * 10_000
    body = json.dumps({"Error": [{"error_description": words}]}).encode()
    visitor.door.wire.force(body, status=400)
    with pytest.raises(ApiError) as caught:
        visitor.call("GET", "/user")
    assert "\x1b" not in str(caught.value)
    first, *others = str(caught.value).splitlines()
    assert " red xxx" in first.replace("[31m", " ")
    assert all("xxx" not in line for line in others)
    assert len(str(caught.value)) < 1000


def test_redirects_are_not_followed(visitor: Visitor) -> None:
    """A token never travels to where an answer points."""
    visitor.door.wire.bend = lambda _s, _h, _b: (302, {"Location": "http://127.0.0.1:1/"}, b"")
    before = len(visitor.door.wire.calls)
    with pytest.raises(ApiError) as caught:
        visitor.call("GET", "/user")
    assert caught.value.status == 302
    assert len(visitor.door.wire.calls) == before + 1


@pytest.mark.parametrize("path", ["//evil.invalid/x", "https://evil.invalid/v1/user", "user", ""])
def test_paths_that_lead_elsewhere_are_not_sent(visitor: Visitor, path: str) -> None:
    """A page address with a host in it, from an answer or a person, sends nothing."""
    before = len(visitor.door.wire.calls)
    with pytest.raises(FieldError, match="no path below"):
        visitor.call("GET", path)
    assert len(visitor.door.wire.calls) == before


@pytest.mark.parametrize("value", [float("nan"), {1, 2}, Decimal("1.00"), object()])
def test_bodies_that_are_no_json_are_not_sent(visitor: Visitor, value: object) -> None:
    """What JSON can't hold is refused here, with a word on how amounts and times are written."""
    body = {"amount": value}
    before = len(visitor.door.wire.calls)
    with pytest.raises(FieldError, match="can't be written as JSON"):
        visitor.call("POST", f"{visitor.account}/payment", body)
    assert len(visitor.door.wire.calls) == before


def test_a_netrc_is_not_looked_at(
    visitor: Visitor, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Passwords that a ``.netrc`` holds for a host are not sent."""
    (tmp_path / ".netrc").write_text("default login me password word\n")
    monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))
    visitor.call("GET", "/user")
    assert "HTTP_AUTHORIZATION" not in visitor.door.wire.headers[-1]


# ---- paging


@pytest.mark.parametrize("payments", [0, 1, 3, 4, 6, 7])
def test_pages_are_followed_to_their_end(visitor: Visitor, payments: int) -> None:
    """0, 1, exactly n, n + 1, 2n and 2n + 1 items in pages of n: each once, newest first."""
    if payments:
        visitor.top_up()
    path = f"{visitor.account}/payment"
    made = [visitor.create(path, payment("bravo@bunq.com", "1.00")) for _ in range(payments - 1)]
    page = visitor.call("GET", path, params={"count": 3})
    pages = []
    while page is not None:
        pages.append([item["id"] for item in page.items])
        page = page.older()
    told = [number for ids in pages for number in ids]
    assert told == sorted(told, reverse=True)
    assert len(set(told)) == payments
    assert set(made) <= set(told)
    assert len(pages) == max(1, -(-payments // 3))


def test_pages_lead_back_to_the_newest(visitor: Visitor) -> None:
    """``newer()`` of the last page ends where ``older()`` began, then where newer ones come."""
    visitor.top_up()
    path = f"{visitor.account}/payment"
    for _ in range(6):
        visitor.create(path, payment("bravo@bunq.com", "1.00"))
    first = visitor.call("GET", path, params={"count": 3})
    second = first.older()
    third = second.older()
    assert third.older() is None
    assert third.newer().items == second.items
    assert second.newer().items == first.items
    assert first.newer().items == []
    number = visitor.create(path, payment("bravo@bunq.com", "1.00"))
    assert [item["id"] for item in first.newer().items] == [number]


def test_pagination_has_the_shape_of_bunq(visitor: Visitor) -> None:
    """First {future, null, older}, middle {null, newer, older}, last {null, newer, null}."""
    path = f"{visitor.account}/payment"
    empty = visitor.call("GET", path).envelope["Pagination"]
    assert empty == {"future_url": None, "newer_url": None, "older_url": None}
    visitor.top_up()
    for _ in range(4):
        visitor.create(path, payment("bravo@bunq.com", "1.00"))
    first = visitor.call("GET", path, params={"count": 2})
    second = first.older()
    third = second.older()
    ids = [item["id"] for page in (first, second, third) for item in page.items]
    base = f"/v1{path}?count=2"
    assert first.envelope["Pagination"] == {
        "future_url": f"{base}&newer_id={ids[0]}",
        "newer_url": None,
        "older_url": f"{base}&older_id={ids[1]}",
    }
    assert second.envelope["Pagination"] == {
        "future_url": None,
        "newer_url": f"{base}&newer_id={ids[2]}",
        "older_url": f"{base}&older_id={ids[3]}",
    }
    assert third.envelope["Pagination"] == {
        "future_url": None,
        "newer_url": f"{base}&newer_id={ids[4]}",
        "older_url": None,
    }


@pytest.mark.parametrize(
    "query",
    [
        {"count": "0"},
        {"count": "-1"},
        {"count": "many"},
        {"count": ""},
        {"older_id": "x"},
        {"newer_id": "1.5"},
        {"older_id": "9" * 40},
        {"older_id": "5", "newer_id": "3"},
    ],
)
def test_pages_that_cannot_be_asked_for(visitor: Visitor, query: dict[str, str]) -> None:
    """Both cursors, and numbers that are none, are refused with 400."""
    with pytest.raises(ApiError) as caught:
        visitor.call("GET", f"{visitor.account}/payment", params=query)
    assert caught.value.status == 400


def test_pages_hold_ten_by_default_and_200_at_most(visitor: Visitor) -> None:
    """Without a count ten; above 200 the bank gives 200."""
    ledger, path = visitor.door.bank.ledger, f"{visitor.account}/payment"
    visitor.top_up()
    account = ledger.account(visitor.account_id)
    from bunqkit.sandbox.ledger import Movement

    other = ledger.outsider("Shop")
    for _ in range(210):
        ledger.move(account["id"], other, Movement(1, "x"))
    assert len(visitor.call("GET", path).items) == 10
    assert len(visitor.call("GET", path, params={"count": 500}).items) == 200


# ---- no answer


@pytest.fixture
def dead_end() -> Iterator[Callable[[bytes], str]]:
    """Return a way to listen on loopback and answer every call with some bytes, then silence."""
    sockets: list[socket.socket] = []

    def listen(answer: bytes) -> str:
        server = socket.create_server(("127.0.0.1", 0))
        sockets.append(server)

        def serve() -> None:
            try:
                while True:
                    caller, _ = server.accept()
                    sockets.append(caller)
                    caller.recv(65_536)
                    if answer == b"cut":
                        caller.close()
                    elif answer.startswith(b"drip"):
                        caller.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
                        for _ in range(100):
                            caller.sendall(b"x")
                            time.sleep(0.05)
                    else:
                        caller.sendall(answer)
            except OSError:
                return

        threading.Thread(target=serve, daemon=True).start()
        return f"http://127.0.0.1:{server.getsockname()[1]}/v1"

    yield listen
    for each in sockets:
        each.close()


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (b"", "longer than 0.3 s"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf", "longer than 0.3 s"),
        (b"drip", "longer than 0.3 s"),
        (b"cut", "cut"),
        (b"no HTTP at all\r\n\r\n", "cut"),
    ],
    ids=["silence", "half a body", "drips", "cut", "no HTTP"],
)
def test_every_call_ends_in_time(dead_end: Callable[[bytes], str], answer: bytes, why: str) -> None:
    """Silence, half an answer, an answer that drips: a typed error, soon."""
    client = Client(dead_end(answer), timeout_s=0.3)
    started = time.monotonic()
    with pytest.raises(NoAnswerError, match=why) as caught:
        client.request("POST", "/user/1/payment", {"a": 1}, token=TOKEN)
    assert time.monotonic() - started < 3
    assert caught.value.was_sent
    assert "look before you send it again" in str(caught.value)
    assert TOKEN.reveal() not in str(caught.value)


def test_a_write_is_sent_once(dead_end: Callable[[bytes], str]) -> None:
    """A payment whose answer is lost is not sent a second time."""
    bank = Bank()
    sent = 0
    in_process = doors.InProcess(bank)

    class Lossy(requests.adapters.BaseAdapter):
        def send(self, request: Any, **how: Any) -> Any:
            nonlocal sent
            sent += 1
            in_process.send(request, **how)
            raise requests.ConnectionError("lost")

        def close(self) -> None:
            pass

    client = Client(doors.BASE_URL, transport=Lossy())
    with pytest.raises(NoAnswerError):
        client.request("POST", "/sandbox-user-person")
    assert sent == 1


def test_nothing_listens() -> None:
    """A closed port: nothing was carried out; without TLS it is a bank that somebody serves."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    with pytest.raises(NoAnswerError, match=r"start it: bunqkit sandbox\.$") as caught:
        Client(f"http://127.0.0.1:{port}/v1").request("POST", "/installation", {"a": 1})
    assert not caught.value.was_sent
    assert "Nothing was carried out" in str(caught.value)


def test_a_name_that_does_not_exist() -> None:
    """It is told as such, with what works without a network (the name is reserved: RFC 2606)."""
    why = r"could not be looked up|nothing leads there|proxy"
    with pytest.raises(NoAnswerError, match=why) as caught:
        Client("https://nobody.invalid/v1", timeout_s=5).request("GET", "/user")
    assert "BUNQ_ENVIRONMENT=OFFLINE" in str(caught.value)


ANSWERS = st.tuples(
    st.integers(200, 599),
    st.binary(max_size=60) | st.sampled_from([b'{"Response":[]}', b'{"Error":[{}]}']),
    st.sampled_from(["application/json", "text/html", "", "image/png"]),
    st.booleans(),
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(answer=ANSWERS)
def test_whatever_comes_only_our_errors_come_out(
    bank: Bank, key: KeyPair, answer: tuple[int, bytes, str, bool]
) -> None:
    """Arbitrary answers end as a verified answer or a BunqkitError, never as something else."""
    status, body, media_type, is_signed = answer

    def application(_environ: Any, start_response: Any) -> list[bytes]:
        headers = [("Content-Type", media_type)]
        if is_signed:
            headers.append(("X-Bunq-Server-Signature", bank.key.sign(body)))
        start_response(f"{status} x", headers)
        return [body]

    transport = doors.InProcess(application)
    client = Client(doors.BASE_URL, key=key, bank_key=bank.key.public, transport=transport)
    verified = [False]
    with contextlib.suppress(BunqkitError):
        verified = [client.request("GET", "/user", token=TOKEN).exchange.is_verified]
    assert verified == [is_signed and status == 200 and _is_taken(body, media_type)]


def _is_taken(body: bytes, media_type: str) -> bool:
    return media_type != "application/json" or body == b'{"Response":[]}'
