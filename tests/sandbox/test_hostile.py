"""Whatever is sent to whichever operation, the bank answers, signs, and never breaks."""

from __future__ import annotations

import io
import json
import os
from functools import cache
from typing import Any

from hypothesis import HealthCheck, given, settings, strategies as st

from bunqkit.catalogue import operations as catalogue
from bunqkit.catalogue.operations import Operation, type_named
from bunqkit.sandbox import Bank
from bunqkit.sandbox.resources.generic_resources import StoredResource
from bunqkit.security.signing import KeyPair

EXAMPLES = int(os.environ.get("BUNQKIT_EXAMPLES", settings().max_examples * 4))
OPERATIONS = [
    each
    for each in catalogue.operations()
    if each.name not in ("server-error.create", "session.delete")
]
BY_INSTALLATION = (
    "device-server.create",
    "session-server.create",
    "payment-service-provider-credential.create",
)
QUERIES = [
    "",
    "count=200",
    "count=0",
    "older_id=5&newer_id=6",
    "count=%ff",
    "status=x&monetary_account_id=,,",
    "a=" * 50,
]
HUGE = [0, -1, 2**31, 2**63 - 1, 2**63, -(2**63), 10**40]
TEXTS = ["", "0", "-1.00", "1.00", "9" * 400, "\x00", "é/\\\"'", "2026-02-30", "0001-01-01",
         "9999-12-31", "http://[", "EUR", "ACTIVE", "CANCELLED", "IBAN", "EMAIL", "ACCEPTED",
         "bravo@bunq.com", "%s{}", "x" * 5_000]  # fmt: skip
NUMBERS = st.sampled_from(HUGE) | st.integers(0, 5)
WORDS = st.sampled_from(TEXTS) | st.text(max_size=6)
ANYTHING = st.recursive(
    st.none() | st.booleans() | NUMBERS | WORDS | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(WORDS, inner, max_size=2),
    max_leaves=4,
)
PLAIN: dict[str, st.SearchStrategy[Any]] = {
    "integer": NUMBERS,
    "number": NUMBERS | st.floats(allow_nan=False, allow_infinity=False),
    "boolean": st.booleans(),
    "text": WORDS,
    "time": WORDS,
    "date": WORDS,
    "decimal": st.sampled_from(["1.00", "0.01", "-1.00", "1e9", "NaN", "", "10000000000000.00"]),
    "any": ANYTHING,
}


@cache
def value_of(kind: str, depth: int = 0) -> st.SearchStrategy[Any]:
    """Return values of a kind, odd ones among them."""
    if kind in PLAIN:
        return PLAIN[kind]
    if depth > 3:
        return st.none()
    if kind == "Pointer":
        return st.fixed_dictionaries(
            {"type": st.sampled_from(["IBAN", "EMAIL", "PHONE_NUMBER", "x"]), "value": WORDS},
            optional={"name": WORDS},
        )
    return body_of(kind, depth + 1)


@cache
def body_of(type_name: str, depth: int = 0) -> st.SearchStrategy[dict[str, Any]]:
    """Return bodies of a type: required fields are there, others may be."""
    required: dict[str, st.SearchStrategy[Any]] = {}
    optional: dict[str, st.SearchStrategy[Any]] = {}
    for field in type_named(type_name).writable:
        value = value_of(field.body_kind, depth)
        if field.is_body_list:
            value = st.lists(value, max_size=2)
        (required if field.required else optional)[field.name] = value
    return st.fixed_dictionaries(required, optional=optional)


class Caller:
    """Calls a bank without a client, as somebody with a session and money."""

    def __init__(self) -> None:
        self.bank = Bank()
        self.token = "0" * 64
        ledger = self.bank.ledger
        account = ledger.row("SELECT * FROM account WHERE description = 'Main account'")
        assert account is not None
        self.ids = {"userID": account["person_id"], "monetary-accountID": account["id"]}
        with ledger.transaction():
            now = "2026-04-01 09:00:00.000000"
            ledger.insert("installation", id=1, token_id=1, token="1" * 64, created=now,
                          public_key=KeyPair.generate().public.pem)  # fmt: skip
            key = ledger.rows("SELECT text FROM api_key")[0]["text"]
            ledger.insert("device", id=1, installation_id=1, api_key=key, created=now,
                          description="", ip="*")  # fmt: skip
            ledger.insert("permitted_ip", id=1, device_id=1, ip="*", status="ACTIVE",
                          created=now, updated=now)  # fmt: skip
            ledger.insert("session", id=1, token=self.token, installation_id=1,
                          person_id=account["person_id"], created=now, expires="9999")  # fmt: skip

    def path(self, operation: Operation, item: str) -> str:
        """Fill a path so that most of it is there."""
        filled: list[str] = []
        for segment in operation.path.strip("/").split("/"):
            name = segment.strip("{}")
            if not segment.startswith("{"):
                filled.append(segment)
            elif name == "itemId" and item:
                filled.append(item)
            elif name in self.ids:
                filled.append(str(self.ids[name]))
            else:
                filled.append(str(self.put("/".join(filled), operation.answer or "NoteText")))
        return "/v1/" + "/".join(filled)

    def put(self, scope: str, type_: str) -> int:
        """Put something where a path leads."""
        scope = scope[scope.find("monetary-account/") :] if "monetary-account/" in scope else scope
        with self.bank.ledger.transaction():
            return StoredResource.add(self.bank.ledger, scope, type_, {}).id

    def call(self, operation: Operation, path: str, body: bytes, query: str) -> tuple[int, bytes]:
        """Send a call; give status and body, whose signature is verified."""
        by_installation = operation.name in BY_INSTALLATION
        told: list[Any] = []
        environ = {
            "REQUEST_METHOD": operation.method,
            "PATH_INFO": path,
            "QUERY_STRING": query,
            "CONTENT_LENGTH": str(len(body)),
            "CONTENT_TYPE": "image/png" if operation.sends_bytes else "application/json",
            "REMOTE_ADDR": "127.0.0.1",
            "HTTP_X_BUNQ_CLIENT_AUTHENTICATION": "1" * 64 if by_installation else self.token,
            "wsgi.input": io.BytesIO(body),
        }
        answer = b"".join(self.bank(environ, lambda *start: told.extend(start)))  # type: ignore[arg-type, func-returns-value]
        self.bank.key.public.verify(answer, dict(told[1])["X-Bunq-Server-Signature"])
        return int(told[0].split()[0]), answer


CALLER: list[Caller] = []


def caller() -> Caller:
    """Return one caller for all examples."""
    if not CALLER:
        CALLER.append(Caller())
        # Signatures are another test's matter; here every operation shall reach its rules.
        CALLER[0].bank._check_signature = lambda *_: None  # type: ignore[method-assign]
    return CALLER[0]


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_no_call_breaks_the_bank(data: st.DataObject) -> None:
    """Bodies of the right form with odd values: signed, no 5xx, and the books balance."""
    operation = data.draw(st.sampled_from(OPERATIONS))
    body: Any = {}
    if operation.body is not None and operation.method in ("POST", "PUT"):
        body = data.draw(body_of(operation.body))
    item = data.draw(st.sampled_from(["", "", "0", "x", "9" * 30, "%2e", "\x00"]))
    query = data.draw(st.sampled_from(QUERIES))
    bank = caller()
    status, answer = bank.call(
        operation, bank.path(operation, item), json.dumps(body).encode(), query
    )
    assert status < 500, answer
    if status != 200:
        assert json.loads(answer)["Error"][0]["error_description"]
    assert not any(bank.bank.ledger.imbalance().values())


@settings(deadline=None, suppress_health_check=list(HealthCheck))
@given(
    st.sampled_from(OPERATIONS), st.binary(max_size=60) | ANYTHING.map(json.dumps).map(str.encode)
)
def test_no_bytes_break_the_bank(operation: Operation, body: bytes) -> None:
    """Whatever bytes come as a body, the bank answers and signs."""
    bank = caller()
    status, answer = bank.call(operation, bank.path(operation, ""), body, "")
    assert status < 500, answer
