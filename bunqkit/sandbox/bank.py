"""The bank as a WSGI application: route, authenticate, answer, sign.

The order in which a call is looked at: route (404), method (405), token (403), rate (429),
signature (466, 400), JSON (400), fields (400), then the rules of the resource.
"""

from __future__ import annotations

import json
import re
import sqlite3
import sys
import traceback
import uuid
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, unquote, urlencode

from bunqkit.catalogue import Operation, operations
from bunqkit.errors import SignatureError
from bunqkit.redaction import Secret
from bunqkit.sandbox import people
from bunqkit.sandbox.clock import START, Clock
from bunqkit.sandbox.fields import check_fields
from bunqkit.sandbox.ledger import Ledger
from bunqkit.sandbox.limits import PROFILES, Limits
from bunqkit.sandbox.refusal import (
    INSUFFICIENT,
    NO_ROUTE,
    NO_SIGNATURE,
    WRONG_SIGNATURE,
    Refusal,
    not_found,
    refuse,
)
from bunqkit.sandbox.resources import access, accounts, payments, requests, users
from bunqkit.sandbox.resources.call import Call, Item, Page, Paging
from bunqkit.signing import KeyPair, PublicKey

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIEnvironment

_RULES: dict[str, Callable[[Call], list[Item] | Page]] = {
    "sandbox-user-person.create": access.create_person,
    "sandbox-user-company.create": access.create_company,
    "installation.create": access.create_installation,
    "device-server.create": access.create_device,
    "session-server.create": access.create_session,
    "session.delete": access.delete_session,
    "user.list": users.list_users,
    "user.get": users.get_user,
    "monetary-account.list": accounts.list_accounts,
    "monetary-account.get": accounts.get_account,
    "monetary-account-bank.list": accounts.list_accounts,
    "monetary-account-bank.get": accounts.get_account,
    "monetary-account-bank.create": accounts.create_account,
    "monetary-account-bank.update": accounts.update_account,
    "payment.list": payments.list_payments,
    "payment.get": payments.get_payment,
    "payment.create": payments.create_payment,
    "request-inquiry.list": requests.list_requests,
    "request-inquiry.get": requests.get_request,
    "request-inquiry.create": requests.create_request,
    "request-inquiry.update": requests.update_request,
}
# Calls that need no token, and calls that need the installation's; all others need a session's.
_OPEN = frozenset(
    {"sandbox-user-person.create", "sandbox-user-company.create", "installation.create"}
)
_BY_INSTALLATION = frozenset(
    {"device-server.create", "session-server.create", "payment-service-provider-credential.create"}
)
_LARGEST_PAGE = 200
_REASONS = {
    200: "OK",
    400: "Bad Request",
    403: "Forbidden",
    404: "Not Found",
    429: "Too Many Requests",
}


class Bank:
    """A bank that speaks bunq's protocol, on SQLite; itself the WSGI application.

    Parameters
    ----------
    path
        A file that keeps the books, or ``:memory:``.
    seed
        The same seed and clock give the same people, ids and IBANs. Keys and tokens are drawn
        anew each time.
    clock
        The bank's time; by default it starts at 2026-04-01 09:00 UTC, and for a file that is
        opened again no earlier than its last entry.
    limits
        How many calls it takes: ``off``, ``classic`` or ``windows``.

    Attributes
    ----------
    clock, ledger
        Its time and its books.
    key
        Signs every answer.
    demo_key
        The API key of a person with three months of payments behind them.
    """

    def __init__(
        self,
        path: str = ":memory:",
        *,
        seed: int = 1,
        clock: Clock | None = None,
        limits: str = "off",
    ) -> None:
        if limits not in PROFILES:
            raise ValueError(f"limits is {limits!r}. Make it one of {', '.join(PROFILES)}.")
        self.clock = clock or Clock(START)
        self.ledger = Ledger(path, seed=seed, clock=self.clock)
        self._limits = Limits(limits)
        self._routes = _Routes(operations())
        with self.ledger.transaction():
            if self.ledger.fact("key") is None:
                self._found()
        self.key = KeyPair.from_pem(self.ledger.fact("key") or "")
        self.demo_key = Secret(self.ledger.fact("demo_key") or "")
        self._public_keys: dict[int, PublicKey] = {}

    def close(self) -> None:
        """Close the books."""
        self.ledger.close()

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one call; signed, whatever the answer is."""
        status, answer = self._answer(environ)
        body = _write(answer)
        headers = [
            ("Content-Type", "application/json"),
            ("Content-Length", str(len(body))),
            ("X-Bunq-Client-Response-Id", str(uuid.uuid4())),
            ("X-Bunq-Server-Signature", self.key.sign(body)),
        ]
        if (request_id := environ.get("HTTP_X_BUNQ_CLIENT_REQUEST_ID")) is not None:
            headers.append(("X-Bunq-Client-Request-Id", request_id))
        start_response(f"{status} {_REASONS.get(status, 'Refused')}", headers)
        return [body]

    def _found(self) -> None:
        self.ledger.set_fact("key", KeyPair.generate().to_pem().reveal())
        people.found(self.ledger)
        life = people.Life(self.ledger)
        life.live()
        self.ledger.set_fact("demo_key", self.ledger.add_api_key(life.person_id))

    def _answer(self, environ: WSGIEnvironment) -> tuple[int, dict[str, Any]]:
        try:
            with self.ledger.transaction():
                return 200, self._carry_out(environ)
        except Refusal as refusal:
            dutch = environ.get("HTTP_X_BUNQ_LANGUAGE") == "nl_NL"
            return refusal.status, {
                "Error": [
                    {
                        "error_description": english,
                        "error_description_translated": translated if dutch else english,
                        **refusal.extra,
                    }
                    for english, translated in refusal.texts
                ]
            }
        except Exception:  # noqa: BLE001 (a bank answers, whatever goes wrong inside)
            traceback.print_exc(file=environ.get("wsgi.errors", sys.stderr))
            text = "Something went wrong inside the bank."
            return 500, {
                "Error": [{"error_description": text, "error_description_translated": text}]
            }

    def _carry_out(self, environ: WSGIEnvironment) -> dict[str, Any]:
        method = environ["REQUEST_METHOD"]
        # WSGI hands the path over as Latin-1 whatever its bytes mean.
        path = environ["PATH_INFO"].encode("latin-1").decode("utf-8", "replace")
        operation, ids = self._routes.find(method, path)
        body = _read_body(environ)
        installation, session = self._authenticate(operation, environ)
        address = environ.get("REMOTE_ADDR", "127.0.0.1")
        self._limits.check(method, operation.name, address, self.clock.now())
        self._check_signature(operation, environ, body, installation)
        query = dict(parse_qsl(environ.get("QUERY_STRING", ""), keep_blank_values=True))
        call = Call(
            ledger=self.ledger,
            ids=ids,
            body=_parse(operation, body),
            paging=_paging(query) if operation.is_paged else Paging(),
            address=address,
            bank_key=self.key.public.pem,
            installation=installation,
            session=session,
        )
        if session is not None:
            access.touch(call)
            if "userID" in ids and call.number("userID") != call.person_id:
                raise not_found("User", ids["userID"])
        rule = _RULES.get(operation.name)
        if rule is None:
            raise refuse(501, f"The offline bank has no rules for {operation.name} yet.")
        told = rule(call)
        if isinstance(told, Page):
            return _envelope(told.items) | {"Pagination": _pagination(told, path, query)}
        return _envelope(told)

    def _authenticate(
        self, operation: Operation, environ: WSGIEnvironment
    ) -> tuple[sqlite3.Row | None, sqlite3.Row | None]:
        """Find whose token came; the wrong one of the two opens nothing."""
        if operation.name in _OPEN:
            return None, None
        token = environ.get("HTTP_X_BUNQ_CLIENT_AUTHENTICATION", "")
        if operation.name in _BY_INSTALLATION:
            installation = self.ledger.row("SELECT * FROM installation WHERE token = ?", token)
            if installation is None:
                raise INSUFFICIENT
            return installation, None
        session = self.ledger.row("SELECT * FROM session WHERE token = ?", token)
        if session is None:
            raise INSUFFICIENT
        return self.ledger.row(
            "SELECT * FROM installation WHERE id = ?", session["installation_id"]
        ), session

    def _check_signature(
        self,
        operation: Operation,
        environ: WSGIEnvironment,
        body: bytes,
        installation: sqlite3.Row | None,
    ) -> None:
        if installation is None:
            return
        signature = environ.get("HTTP_X_BUNQ_CLIENT_SIGNATURE")
        if signature is None:
            if operation.needs_signature:
                raise NO_SIGNATURE
            return
        number = installation["id"]
        if number not in self._public_keys:
            self._public_keys[number] = PublicKey.from_pem(installation["public_key"])
        try:
            self._public_keys[number].verify(body, signature)
        except SignatureError as error:
            raise WRONG_SIGNATURE from error


class _Routes:
    """Finds the operation of a path, a segment at a time; literal ones win over ids."""

    def __init__(self, known: Iterable[Operation]) -> None:
        self._root: dict[str, Any] = {}
        for operation in known:
            node = self._root
            for segment in operation.path.strip("/").split("/"):
                node = node.setdefault("{}" if segment.startswith("{") else segment, {})
            node.setdefault("methods", {})[operation.method] = operation

    def find(self, method: str, path: str) -> tuple[Operation, dict[str, str]]:
        """Give the operation and the path's ids, or refuse."""
        if not path.startswith("/v1/"):
            raise NO_ROUTE
        segments = path.removeprefix("/v1/").removesuffix("/").split("/")
        node = self._root
        for segment in segments:
            # "methods" is no segment of bunq's, and "{}" none that travels.
            key = segment if segment in node and segment not in ("methods", "{}") else "{}"
            if not segment or key not in node:
                raise NO_ROUTE
            node = node[key]
        if "methods" not in node:
            raise NO_ROUTE
        if method not in node["methods"]:
            raise refuse(405, f"Method {method} is not allowed for this endpoint.")
        operation: Operation = node["methods"][method]
        names = re.findall(r"\{(.+?)\}", operation.path)
        places = [
            at for at, part in enumerate(operation.path.strip("/").split("/")) if part[0] == "{"
        ]
        return operation, {
            name: unquote(segments[at]) for name, at in zip(names, places, strict=True)
        }


def _read_body(environ: WSGIEnvironment) -> bytes:
    length = environ.get("CONTENT_LENGTH") or "0"
    body: bytes = environ["wsgi.input"].read(int(length) if length.isdigit() else 0)
    return body


def _parse(operation: Operation, body: bytes) -> dict[str, Any]:
    """Read the JSON of a call that takes some. Source: no Content-Type is asked for (SDK)."""
    if operation.method not in ("POST", "PUT") or operation.sends_bytes or not body:
        told: Any = {}
    else:
        try:
            told = json.loads(body)
            # Half of a surrogate pair can be escaped in JSON, and is no text.
            json.dumps(told, ensure_ascii=False, allow_nan=False).encode()
        except (ValueError, RecursionError) as error:
            raise refuse(400, "The request body is not valid JSON.") from error
        if not isinstance(told, dict):
            raise refuse(400, "The request body must be a JSON object.")
    fields: dict[str, Any] = told
    if operation.method in ("POST", "PUT") and not operation.sends_bytes:
        check_fields(operation, fields)
    return fields


def _paging(query: dict[str, str]) -> Paging:
    """Read which page is asked for. More than 200 are cut to 200: no source shows a refusal."""
    numbers: dict[str, int] = {}
    for name in ("count", "older_id", "newer_id"):
        if name in query:
            text = query[name]
            if not (text.isascii() and text.isdigit() and len(text) < 19):  # noqa: PLR2004 (64 bits)
                raise refuse(400, f'Invalid value for "{name}": a whole number is expected.')
            numbers[name] = int(text)
    if "older_id" in numbers and "newer_id" in numbers:
        raise refuse(400, 'Use either "older_id" or "newer_id", not both.')
    if numbers.get("count") == 0:
        raise refuse(400, 'Invalid value for "count": at least 1 is expected.')
    return Paging(
        count=min(numbers.get("count", Paging.count), _LARGEST_PAGE),
        older_id=numbers.get("older_id"),
        newer_id=numbers.get("newer_id"),
    )


def _pagination(page: Page, path: str, query: dict[str, str]) -> dict[str, str | None]:
    """Tell the pages beside this one. Source: fixtures of the Ruby client."""
    kept = {name: text for name, text in query.items() if name not in ("older_id", "newer_id")}

    def url(name: str, number: int) -> str:
        return f"{path}?{urlencode({**kept, name: number})}"

    if not page.ids:
        return {"future_url": None, "newer_url": None, "older_url": None}
    newer = url("newer_id", page.ids[0])
    return {
        "future_url": None if page.has_newer else newer,
        "newer_url": newer if page.has_newer else None,
        "older_url": url("older_id", page.ids[-1]) if page.has_older else None,
    }


def _envelope(items: list[Item]) -> dict[str, Any]:
    return {"Response": [{name: item} for name, item in items]}


def _write(answer: dict[str, Any]) -> bytes:
    r"""Write JSON as bunq does: no spaces, ``/`` as ``\/``, other letters as ``\uXXXX``."""
    return json.dumps(answer, separators=(",", ":")).replace("/", "\\/").encode()
