"""The bank, called through both doors: who may call, what is refused, how answers look."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from typing import Any

import pytest
import requests
from visitors import Door, Frozen, Visitor, Wire, payment

from bunqkit import sandbox
from bunqkit.auth import handshake
from bunqkit.errors import ApiError
from bunqkit.sandbox import Bank, Clock, Quirks, doors
from bunqkit.security.redaction import Secret
from bunqkit.security.signing import KeyPair, PublicKey

USERS = "/user"


def refused(call: Callable[[], Any]) -> ApiError:
    """Return the refusal of a call that must be refused."""
    with pytest.raises(ApiError) as caught:
        call()
    return caught.value


def test_handshake_gives_two_tokens_and_the_user(visitor: Visitor) -> None:
    """Installation and session tokens differ, are 64 hex digits, and the user comes along."""
    tokens = {visitor.installation.token.reveal(), visitor.session.token.reveal()}
    assert len(tokens) == 2
    assert all(len(bytes.fromhex(token)) == 32 for token in tokens)
    assert visitor.session.user_type == "UserPerson"
    assert visitor.session.timeout_s == 604_800


def test_company_gets_a_company(door: Door, key: KeyPair) -> None:
    """A key of sandbox-user-company opens a session of a UserCompany."""
    api_key = handshake.create_sandbox_user(door.client(), kind="company")
    visitor = Visitor(door, key, api_key)
    assert visitor.session.user_type == "UserCompany"
    assert visitor.session.user["counter_bank_iban"].startswith("NL")


def test_new_person_has_one_empty_account(visitor: Visitor) -> None:
    """A fresh sandbox person has one account in EUR, with an IBAN, at 0.00."""
    account = visitor.call("GET", f"/user/{visitor.session.user_id}/monetary-account").item
    assert account["balance"] == {"currency": "EUR", "value": "0.00"}
    assert {alias["type"] for alias in account["alias"]} == {"IBAN", "EMAIL", "PHONE_NUMBER"}


@pytest.mark.parametrize("token", ["none", "unknown", "installation"])
def test_session_calls_need_the_session_token(visitor: Visitor, token: str) -> None:
    """Without a token, with an unknown one, with the installation's: one and the same refusal."""
    tokens = {"none": None, "unknown": Secret("0" * 64), "installation": visitor.installation.token}
    error = refused(lambda: visitor.client.request("GET", USERS, token=tokens[token]))
    assert (error.status, error.messages) == (403, ("Insufficient authentication.",))
    assert error.signed


@pytest.mark.parametrize("path", ["/device-server", "/session-server"])
def test_session_token_in_place_of_the_installation_token_is_refused(
    visitor: Visitor, path: str
) -> None:
    """The second and third step take the installation's token only."""
    body = {"secret": visitor.api_key.reveal()}
    error = refused(lambda: visitor.call("POST", path, body))
    assert (error.status, error.messages) == (403, ("Insufficient authentication.",))


@pytest.mark.parametrize("what", ["session-server", "payment"])
def test_missing_signature_is_466(visitor: Visitor, what: str) -> None:
    """A session and a payment are refused unsigned, with bunq's text and its third member."""
    paths = {
        "session-server": ("/session-server", {"secret": "x"}, visitor.installation.token),
        "payment": (
            f"{visitor.account}/payment",
            payment("bravo@bunq.com"),
            visitor.session.token,
        ),
    }
    path, body, token = paths[what]
    visitor.client.key = None
    error = refused(lambda: visitor.client.request("POST", path, body, token=token))
    assert error.status == 466
    assert error.messages == (
        "For this operation a request signature is required. Check the urls for more information.",
    )


def test_missing_signature_names_the_page(visitor: Visitor) -> None:
    """The 466 body has error_additional_parameter, as in bunq/doc#125."""
    visitor.client.key = None
    bodies: list[bytes] = []
    visitor.door.wire.bend = lambda s, h, b: (bodies.append(b), (s, h, b))[1]
    refused(lambda: visitor.call("POST", f"{visitor.account}/payment", payment("a@b.nl")))
    entry = json.loads(bodies[-1])["Error"][0]
    assert "url_together_post" in entry["error_additional_parameter"][0]


def test_calls_that_need_no_signature_do_without(visitor: Visitor) -> None:
    """A request for money is taken unsigned."""
    visitor.client.key = None
    visitor.top_up()
    assert visitor.balance() == "500.00"


def test_another_key_is_refused(visitor: Visitor, other_key: KeyPair) -> None:
    """The bank refuses a signature that the registered key did not make."""
    visitor.client.key = other_key
    error = refused(lambda: visitor.call("POST", f"{visitor.account}/payment", payment("a@b.nl")))
    assert (error.status, error.messages) == (400, ("The request signature is invalid.",))


def test_wrong_signature_is_refused_even_where_none_is_needed(
    visitor: Visitor, other_key: KeyPair
) -> None:
    """A signature that is there is checked."""
    visitor.client.key = other_key
    body = {"currency": "EUR"}
    path = f"/user/{visitor.session.user_id}/monetary-account-bank"
    assert refused(lambda: visitor.call("POST", path, body)).status == 400


def test_body_changed_after_signing_is_refused(visitor: Visitor) -> None:
    """One byte changed between client and bank: the bank refuses, and no money moves."""
    visitor.top_up()

    def bend(environ: dict[str, Any]) -> None:
        body = environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))
        environ["wsgi.input"] = __import__("io").BytesIO(body.replace(b"10.00", b"99.00"))

    visitor.door.wire.bend_request = bend
    body = payment("bravo@bunq.com")
    error = refused(lambda: visitor.call("POST", f"{visitor.account}/payment", body))
    assert error.messages == ("The request signature is invalid.",)
    visitor.door.wire.bend_request = lambda _environ: None
    assert visitor.balance() == "500.00"


def test_wrong_key_is_told_in_bunqs_words(door: Door, key: KeyPair) -> None:
    """A key that nobody has is refused when the device is registered."""
    client = door.client()
    installation = handshake.create_installation(client, key)
    secret = Secret("sandbox_" + "0" * 64)
    error = refused(
        lambda: handshake.register_device(client, installation, secret, description="test")
    )
    assert error.status == 400
    assert error.messages == ("User credentials are incorrect. Incorrect API key or IP address.",)
    assert "several causes" in str(error)


def test_session_with_another_key_than_the_devices_is_refused(visitor: Visitor) -> None:
    """A key that exists but is bound to another installation gets the credentials text."""
    other = handshake.create_sandbox_user(visitor.client)
    now = visitor.door.bank.clock.now()
    error = refused(
        lambda: handshake.open_session(visitor.client, visitor.installation, other, now=now)
    )
    assert "User credentials are incorrect" in error.messages[0]


def test_device_without_own_address_locks_out(door: Door, key: KeyPair) -> None:
    """A list of addresses without the caller's fails at the next step (sdk_python#147)."""
    client = door.client()
    api_key = handshake.create_sandbox_user(client)
    installation = handshake.create_installation(client, key)
    handshake.register_device(
        client, installation, api_key, description="test", permitted_ips=("203.0.113.7",)
    )
    now = door.bank.clock.now()
    error = refused(lambda: handshake.open_session(client, installation, api_key, now=now))
    assert "User credentials are incorrect" in error.messages[0]


def test_wildcard_lets_everybody_in(door: Door, key: KeyPair) -> None:
    """``*`` among the addresses permits any."""
    client = door.client()
    api_key = handshake.create_sandbox_user(client)
    installation = handshake.create_installation(client, key)
    handshake.register_device(
        client, installation, api_key, description="t", permitted_ips=("203.0.113.7", "*")
    )
    session = handshake.open_session(client, installation, api_key, now=door.bank.clock.now())
    assert session.user_type == "UserPerson"


def test_second_device_is_refused(visitor: Visitor) -> None:
    """One installation has at most one device."""
    error = refused(
        lambda: handshake.register_device(
            visitor.client, visitor.installation, visitor.api_key, description="again"
        )
    )
    assert error.status == 400
    assert "device already exists" in error.messages[0]


def test_unbound_key_is_lost_after_an_hour(
    door: Door, key: KeyPair, later: Callable[..., None]
) -> None:
    """A key that no device binds within an hour opens nothing."""
    client = door.client()
    api_key = handshake.create_sandbox_user(client)
    installation = handshake.create_installation(client, key)
    later(minutes=61)
    error = refused(
        lambda: handshake.register_device(client, installation, api_key, description="late")
    )
    assert "User credentials are incorrect" in error.messages[0]


def test_session_expires_by_the_clock(visitor: Visitor, later: Callable[..., None]) -> None:
    """After the auto-logout time the token opens nothing."""
    later(days=7, seconds=1)
    assert refused(lambda: visitor.call("GET", USERS)).status == 403


def test_session_is_extended_near_its_end(visitor: Visitor, later: Callable[..., None]) -> None:
    """A call in the last 30 minutes starts the auto-logout time anew; an earlier one does not."""
    later(days=6, hours=23)
    visitor.call("GET", USERS)
    later(minutes=45)
    visitor.call("GET", USERS)
    later(days=6)
    visitor.call("GET", USERS)


def test_log_out_ends_the_session(visitor: Visitor) -> None:
    """DELETE session answers an empty list, and the token opens nothing after it."""
    assert visitor.call("DELETE", "/session/0").items == []
    assert refused(lambda: visitor.call("GET", USERS)).status == 403


@pytest.mark.parametrize(
    "pem",
    [
        "",
        "no key",
        "-----BEGIN RSA PUBLIC KEY-----\nMIIB\n-----END RSA PUBLIC KEY-----\n",
        "-----BEGIN PUBLIC KEY-----\nMIIB\n-----END PUBLIC KEY-----\n",
    ],
    ids=["empty", "text", "PKCS#1", "cut"],
)
def test_bad_public_key_is_refused(door: Door, pem: str) -> None:
    """Only a complete SubjectPublicKeyInfo PEM is taken (postman#27)."""
    body = {"client_public_key": pem}
    error = refused(lambda: door.client().request("POST", "/installation", body))
    assert (error.status, error.messages) == (400, ("Client Public Key Invalid",))


def test_public_key_is_taken_with_any_line_ends(door: Door, key: KeyPair) -> None:
    """The SDK sends no last newline, bunq's toolkit one, the JavaScript client CR LF."""
    client = door.client()
    pem = key.public.pem
    for text in (pem.strip(), pem, pem.replace("\n", "\r\n")):
        client.request("POST", "/installation", {"client_public_key": text})
    door.bank.quirks = Quirks(crlf_keys_are_refused=True)
    body = {"client_public_key": pem.replace("\n", "\r\n")}
    assert refused(lambda: client.request("POST", "/installation", body)).status == 400


def test_unknown_paths_and_methods(visitor: Visitor) -> None:
    """No such path is 404 with bunq's text, no such method 405."""
    error = refused(lambda: visitor.call("GET", "/nowhere"))
    assert (error.status, error.messages) == (404, ("Route not found.",))
    assert refused(lambda: visitor.call("DELETE", "/user")).status == 405
    for path in ("/", "/user//", "/user/1/{}", "/user/methods/monetary-account", "/v2/user"):
        assert refused(lambda p=path: visitor.call("GET", p)).status == 404


def test_another_user_is_not_found(visitor: Visitor) -> None:
    """A path with somebody else's id, or with none, finds nobody."""
    for number in ("1", "abc", "9" * 40):
        assert refused(lambda n=number: visitor.call("GET", f"/user/{n}")).status == 404
        path = f"/user/{number}/monetary-account"
        assert refused(lambda p=path: visitor.call("GET", p)).status == 404


def test_foreign_account_is_not_found(door: Door, key: KeyPair, other_key: KeyPair) -> None:
    """Somebody else's account is not there, in bunq's words."""
    mine, theirs = Visitor(door, key), Visitor(door, other_key)
    path = f"/user/{mine.session.user_id}/monetary-account/{theirs.account_id}"
    error = refused(lambda: mine.call("GET", path))
    assert error.messages == (f'Monetary account for id "{theirs.account_id}" not found.',)
    assert refused(lambda: mine.call("GET", f"{path}/payment")).status == 404


def test_dutch_is_in_its_own_field(visitor: Visitor) -> None:
    """With nl_NL the English text stays, and the translated one is Dutch."""
    visitor.client.language = "nl_NL"
    bodies: list[bytes] = []
    visitor.door.wire.bend = lambda s, h, b: (bodies.append(b), (s, h, b))[1]
    error = refused(lambda: visitor.client.request("GET", USERS, token=Secret("0" * 64)))
    assert error.messages == ("Insufficient authentication.",)
    entry = json.loads(bodies[-1])["Error"][0]
    assert entry["error_description_translated"] == "Onvoldoende autorisatie."


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (b"{", "not valid JSON"),
        (b"[]", "must be a JSON object"),
        (b'"x"', "must be a JSON object"),
        (b'{"description": "\\ud800"}', "not valid JSON"),
        (b"[" * 100_000, "not valid JSON"),
        (b"\xff\xfe", "not valid JSON"),
        (b'{"amount": NaN}', "not valid JSON"),
    ],
    ids=["cut", "list", "text", "half a letter", "deep", "no text", "NaN"],
)
def test_bodies_that_are_no_object_are_refused(visitor: Visitor, body: bytes, text: str) -> None:
    """Whatever is sent, the bank refuses with 400 and stays up."""
    error = refused(lambda: visitor.call("POST", f"{visitor.account}/payment", body))
    assert error.status == 400
    assert text in error.messages[0]


def test_superfluous_fields_are_all_named(visitor: Visitor) -> None:
    """Each field that the call does not take gets an entry of its own."""
    body = payment("bravo@bunq.com", colour="blue", size=4)
    error = refused(lambda: visitor.call("POST", f"{visitor.account}/payment", body))
    assert error.messages == ('Superfluous field "colour".', 'Superfluous field "size".')


def test_read_only_fields_are_superfluous(visitor: Visitor) -> None:
    """An item that was read can't be sent back whole (sdk_php#101)."""
    body = payment("bravo@bunq.com", id=5, created="2026-01-01 00:00:00.000000")
    error = refused(lambda: visitor.call("POST", f"{visitor.account}/payment", body))
    assert set(error.messages) == {'Superfluous field "id".', 'Superfluous field "created".'}


@pytest.mark.parametrize("field", ["amount", "counterparty_alias", "description"])
def test_missing_fields_are_named(visitor: Visitor, field: str) -> None:
    """A payment needs an amount, a counterparty and a description, which may be empty."""
    body = payment("bravo@bunq.com")
    del body[field]
    error = refused(lambda: visitor.call("POST", f"{visitor.account}/payment", body))
    assert error.messages == (f'Missing required field "{field}".',)


@pytest.mark.parametrize(
    ("field", "value", "expected"),
    [
        ("amount", "10.00", "STRUCT"),
        ("description", 5, "STRING"),
        ("attachment", {"id": 1}, "ARRAY containing STRUCT"),
        ("allow_bunqto", "yes", "BOOLEAN"),
    ],
)
def test_ill_typed_fields_are_refused(
    visitor: Visitor, field: str, value: object, expected: str
) -> None:
    """A field of another type is refused in bunq's words (sdk_python#15)."""
    body = payment("bravo@bunq.com") | {field: value}
    error = refused(lambda: visitor.call("POST", f"{visitor.account}/payment", body))
    assert error.messages == (f'Invalid type for field "{field}" (expected {expected}).',)


def test_every_answer_has_the_headers_of_bunq(visitor: Visitor) -> None:
    """Response id, echoed request id and signature stand on successes and on refusals."""
    bank_key: PublicKey = visitor.installation.bank_key
    told: list[tuple[dict[str, str], bytes]] = []
    visitor.door.wire.bend = lambda s, h, b: (told.append((h, b)), (s, h, b))[1]
    exchange = visitor.call("GET", USERS).exchange
    refused(lambda: visitor.call("GET", "/nowhere"))
    sent = exchange.request_headers["X-Bunq-Client-Request-Id"]
    assert told[0][0]["X-Bunq-Client-Request-Id"] == sent
    for headers, body in told:
        assert uuid.UUID(headers["X-Bunq-Client-Response-Id"])
        bank_key.verify(body, headers["X-Bunq-Server-Signature"])


def test_json_is_written_as_bunq_writes_it(visitor: Visitor) -> None:
    """Slashes and other letters are escaped, so that re-encoded text does not verify."""
    visitor.top_up()
    visitor.create(f"{visitor.account}/payment", payment("bravo@bunq.com", description="a/é"))
    body = visitor.call("GET", f"{visitor.account}/payment").exchange.answer_body
    assert b"a\\/\\u00e9" in body


def test_a_client_of_another_making_is_believed(door: Door) -> None:
    """Bare requests and openssl-like signing, no code of this kit, gets through the handshake."""
    http = requests.Session()
    if door.transport:
        http.mount("https://", door.transport)
    answer = http.post(f"{door.base_url}/sandbox-user-person", timeout=10)
    assert list(answer.json()["Response"][0]) == ["ApiKey"]


@pytest.mark.parametrize("profile", ["classic", "windows"])
def test_limits_refuse_in_bunqs_words(key: KeyPair, profile: str) -> None:
    """With a profile the call too many is a 429 that names the limit."""
    tick = Frozen()
    bank = Bank(clock=Clock(tick=tick), limits=profile)
    visitor = Visitor(Door(Wire(bank), doors.BASE_URL, doors.InProcess(bank)), key)
    allowed = {"classic": 3, "windows": 100}[profile]
    for _ in range(allowed):
        visitor.call("GET", USERS)
    error = refused(lambda: visitor.call("GET", USERS))
    assert error.status == 429
    seconds = {"classic": 3, "windows": 30}[profile]
    assert error.messages[0] == (
        f"Too many requests. You can do a maximum of {allowed} calls per {seconds} second "
        "to this endpoint."
    )
    tick.seconds += seconds
    visitor.call("GET", USERS)


def test_unknown_profile_is_refused() -> None:
    """A profile that does not exist is an error that names those that do."""
    with pytest.raises(ValueError, match="classic"):
        Bank(limits="strict")


def test_same_seed_gives_the_same_world() -> None:
    """Ids, IBANs, names and payments are the same twice, and others with another seed."""

    def world(seed: int) -> list[Any]:
        ledger = Bank(seed=seed).ledger
        tables = ("person", "account", "movement", "request")
        return [tuple(row) for t in tables for row in ledger.rows(f"SELECT * FROM {t}")]

    first = world(1)
    # The clock runs, so what is written at the start itself differs by moments.
    assert [row[0] for row in first] == [row[0] for row in world(1)]
    assert [row[:3] for row in first if isinstance(row[1], str)] == [
        row[:3] for row in world(1) if isinstance(row[1], str)
    ]
    assert first != world(2)


def test_names_of_the_first_release_still_work() -> None:
    """The names of version 0.1 name the same things, and warn."""
    package: Any = sandbox
    with pytest.deprecated_call(match="now called Quirks"):
        assert package.Habits is Quirks
    with pytest.deprecated_call(match="now called Admin"):
        assert package.Office is sandbox.Admin
    quirks = Quirks(expired_is_401=True)
    with pytest.deprecated_call(match="now called quirks"):
        bank = Bank(habits=quirks)
    with pytest.deprecated_call(match="now called quirks"):
        assert bank.habits is bank.quirks is quirks
    with pytest.deprecated_call(match="now called quirks"):
        bank.habits = Quirks()
    assert not bank.quirks.expired_is_401
    with pytest.raises(AttributeError, match="Nothing"):
        _ = package.Nothing
