"""The bank as a WSGI application: route, authenticate, answer, sign.

The order in which a call is looked at: route (404), method (405), token (403), rate (429),
signature (466, 400), JSON (400), fields (400), then the rules of the resource.
"""

from __future__ import annotations

import hashlib
import sqlite3
import sys
import time
import traceback
import uuid
from collections.abc import Callable, Iterable
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeVar
from urllib.parse import parse_qsl

from bunqkit.catalogue import operations as catalogue
from bunqkit.catalogue.operations import Operation
from bunqkit.errors import SignatureError
from bunqkit.sandbox import crowd, history, oauth, people, scheduled_jobs
from bunqkit.sandbox.callbacks import Callbacks
from bunqkit.sandbox.clock import START, Clock, wire_time
from bunqkit.sandbox.envelope import enclose, enclose_refusal
from bunqkit.sandbox.faults import CutConnection, Fault, Faults
from bunqkit.sandbox.image import load_image
from bunqkit.sandbox.ledger import Ledger
from bunqkit.sandbox.limits import PROFILES, Limits
from bunqkit.sandbox.quirks import Habits
from bunqkit.sandbox.refusal import (
    MAINTENANCE,
    NO_SIGNATURE,
    TOO_MANY,
    WRONG_SIGNATURE,
    Refusal,
    not_found,
    refuse,
)
from bunqkit.sandbox.resources import access, consents
from bunqkit.sandbox.resources.call import Call, File, Paging
from bunqkit.sandbox.resources.card_use import CardUse, challenge, give_back, use_card
from bunqkit.sandbox.resources.categories import categorise
from bunqkit.sandbox.resources.debits import DirectDebit, send_debit
from bunqkit.sandbox.resources.duties import DUTIES
from bunqkit.sandbox.resources.generic_resources import add_thing
from bunqkit.sandbox.resources.invoices import bill
from bunqkit.sandbox.resources.merchants import pay_ideal, pay_sofort
from bunqkit.sandbox.resources.notifications import set_by_owner
from bunqkit.sandbox.resources.providers import answer_draft
from bunqkit.sandbox.resources.rights import check_rights, veil
from bunqkit.sandbox.resources.rules import rule_of
from bunqkit.sandbox.resources.tabs import pay_tab
from bunqkit.sandbox.routes import (
    all_routes,
    read_body,
    read_fields,
    read_paging,
    read_path,
    read_upload,
)
from bunqkit.sandbox.webhook_sender import Courier
from bunqkit.security.redaction import Secret
from bunqkit.security.signing import KeyPair, PublicKey, generate_soon

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIEnvironment

# Calls that need no token, and calls that need the installation's; all others need a session's.
_OPEN = frozenset(
    {"sandbox-user-person.create", "sandbox-user-company.create", "installation.create"}
)
_BY_INSTALLATION = frozenset(
    {"device-server.create", "session-server.create", "payment-service-provider-credential.create"}
)
_REASONS = {
    200: "OK",
    400: "Bad Request",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    429: "Too Many Requests",
    500: "Internal Server Error",
    502: "Bad Gateway",
}
_JSON = "application/json"
_BROKEN = refuse(500, "Something went wrong inside the bank.")
# Of those that documents may use. Source: RFC 5737.
_ELSEWHERE = "203.0.113.77"
_FAULTY = {"429": TOO_MANY, "491": MAINTENANCE, "500": _BROKEN}
_GATEWAY_PAGE = b"<html><head><title>502 Bad Gateway</title></head><body>Bad Gateway</body></html>"
_MOST_SIGNATURES = 10_000
_DEMO_PERSON = "demo_person"
_P = ParamSpec("_P")
_T = TypeVar("_T")


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
    faults
        What shall go wrong.
    habits
        How it behaves where sources disagree.

    Attributes
    ----------
    clock, ledger
        Its time and its books.
    key
        Signs every answer.
    callbacks
        What it sends when something happens: seen, sent by hand, sent again.
    demo_key
        The API key of a person with two and a half years of payments behind them.
    faults, habits
        What waits to go wrong and how often it has; how the bank behaves where sources disagree.
    """

    def __init__(
        self,
        path: str = ":memory:",
        *,
        seed: int = 1,
        clock: Clock | None = None,
        limits: str = "off",
        faults: Iterable[Fault] = (),
        habits: Habits | None = None,
    ) -> None:
        if limits not in PROFILES:
            raise ValueError(f"limits is {limits!r}. Make it one of {', '.join(PROFILES)}.")
        new_key = KeyPair.generate if Path(path).exists() else generate_soon()
        self.clock = clock or Clock(START)
        self.ledger = Ledger(
            path, seed=seed, clock=self.clock, image=partial(_first_day, seed, self.clock.start)
        )
        self.faults = Faults(seed, faults)
        self.habits = habits or Habits()
        self._request_ids: set[tuple[int, str]] = set()
        self._limits = Limits(limits)
        self._routes = all_routes()
        self._public_keys: dict[int, PublicKey] = {}
        self._signatures: dict[bytes, str] = {}
        with self.ledger.transaction():
            if self.ledger.fact("key") is None:
                self.key = new_key()
                self._found()
            else:
                self.key = KeyPair.from_pem(self.ledger.fact("key") or "")
                if clock is None:
                    self.clock.start_after(self.ledger.last_time())
        self._open_books()
        scheduled_jobs.catch_up(self.ledger, DUTIES)
        self.clock.watch(self._keep_pace)

    def close(self) -> None:
        """Close the books."""
        self.clock.unwatch(self._keep_pace)
        self._courier.close()
        self.ledger.close()

    def reset(self, *, seed: int | None = None) -> None:
        """Forget everybody, as bunq's sandbox does now and then without notice.

        The bank's key stays, so that a client can believe the refusals that it then gets.
        """
        with self.ledger.transaction():
            self.ledger.wipe(self.ledger.seed if seed is None else seed)
            self.faults.clear()
            self._public_keys.clear()
            self._request_ids.clear()
            self._found()
        self._courier.close()
        self._open_books()

    def deliver(self) -> int:
        """Try all callbacks that are due, now; give how many there were."""
        return self._courier.deliver()

    def place(self, path: str, values: dict[str, Any] | None = None) -> int:
        """Put a thing where no client can: an invoice, a bill that somebody else sent; give its id.

        Parameters
        ----------
        path
            Of its collection: ``/user/1/monetary-account/2/invoice``.
        values
            Its fields; by default made-up ones, every field of its type.
        """
        operation = catalogue.operation(f"GET {path.rstrip('/')}/1")
        scope = path.strip("/")
        if "monetary-account/" in scope:
            scope = scope[scope.index("monetary-account/") :]
        type_name = operation.answer or ""
        given = catalogue.example_item(type_name) if values is None else values
        with self.ledger.transaction():
            return add_thing(self.ledger, scope, type_name, given)

    def people(self, number: int, years: float = 1.0) -> list[Secret]:
        """Add people with about 200 payments a year behind them; give their API keys.

        Each tenth is a company, which sends the others invoices; the companies' keys come last.
        """
        with self.ledger.transaction(), self.ledger.in_bulk():
            return crowd.add_people(self.ledger, number, years)

    def issue_key(self, user_id: int) -> Secret:
        """Make a further API key for a person or a company, as they do in bunq's app."""
        self.ledger.person(user_id)
        return Secret(self._act(Ledger.add_api_key, user_id))

    def use_card(self, card_id: int, use: CardUse) -> int:
        """Pay by somebody's card; give the id of the Mastercard action, allowed or refused."""
        return self._act(use_card, card_id, use)

    def challenge(self, card_id: int, use: CardUse) -> int:
        """Have a web shop ask the cardholder first (3-D Secure); give the challenge request's id.

        The card is used once they accept, and refused if they reject or are silent.
        """
        return self._act(challenge, card_id, use)

    def give_back(self, action_id: int, *, cents: int | None = None, reverse: bool = False) -> int:
        """Refund a card payment, in part or wholly, or reverse it; give the payment's id."""
        return self._act(give_back, action_id, cents=cents, is_reversal=reverse)

    def direct_debit(self, account_id: int, debit: DirectDebit) -> int:
        """Collect from somebody's account; give the id of the request response."""
        return self._act(send_debit, account_id, debit)

    def categorise(self, payment_id: int, category: str) -> None:
        """Put somebody's payment into a category, the bank's or one of their own."""
        self._act(categorise, payment_id, category)

    def pay_tab(
        self,
        tab_id: int,
        *,
        cents: int | None = None,
        name: str = "J. de Vries",
        account_id: int | None = None,
    ) -> int:
        """Pay by a bunq.me link; give the payment's id.

        Parameters
        ----------
        tab_id
            Which link.
        cents
            How much; needed if the link does not say it.
        name, account_id
            Who pays: somebody outside, by iDEAL, or an account of the bank.
        """
        return self._act(pay_tab, tab_id, cents=cents, name=name, account_id=account_id)

    def pay_ideal(self, transaction_id: int, *, name: str = "J. de Vries") -> int:
        """Pay what somebody asked by iDEAL, from outside; give the payment's id."""
        return self._act(pay_ideal, transaction_id, name=name)

    def pay_sofort(self, account_id: int, cents: int, *, name: str = "E. Mustermann") -> int:
        """Add to somebody's account by Sofort, from outside; give the payment's id."""
        return self._act(pay_sofort, account_id, cents, name=name)

    def bill(self, account_id: int, cents: int, what: str) -> int:
        """Charge an account for something, as bunq does for its plans; give the invoice's id."""
        return self._act(bill, account_id, cents, what)

    def answer_draft(self, draft_id: int, *, accept: bool) -> int | None:
        """Say yes or no to what a provider drafted, as its owner does; give the payment's id."""
        return self._act(answer_draft, draft_id, accept=accept)

    def consent(
        self, address: str, api_key: str | Secret, accounts: Iterable[int] | None = None
    ) -> str:
        """Let an app in, as a person does on the page; give the address they are sent back to.

        Parameters
        ----------
        address
            Of the consent page, with the app's client_id and the rest in its query.
        api_key
            Of the one who lets it in.
        accounts
            Ids of the accounts that it may see; by default all of theirs.
        """
        key = api_key.reveal() if isinstance(api_key, Secret) else api_key
        return self._oauth.consent(address, key, accounts)

    def granted(self) -> list[consents.Consent]:
        """Give what people have let apps see, newest first."""
        return consents.list_consents(self.ledger)

    def revoke(self, consent_id: int) -> None:
        """Take back what somebody let an app see, as people do in bunq's app.

        Parameters
        ----------
        consent_id
            The id of its ``UserApiKey``.
        """
        self._act(consents.revoke, consent_id)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one call; signed, whatever the answer is, unless a fault says otherwise."""
        path = read_path(environ, self.habits)
        if path in oauth.PATHS:
            return self._oauth(environ, start_response)
        method = environ["REQUEST_METHOD"]
        faults = self.faults.take(lambda: self._name(method, path))
        status, content_type, body = self._suffer(faults) or self._answer(environ, path, faults)
        signature: str | None = self._sign(body)
        if _FAULTY.keys() & faults or {"no signature", "html 502"} & faults.keys():
            signature = None
        elif "wrong signature" in faults:
            signature = self.key.sign(body + b" ")
        length = len(body)
        if "flipped byte" in faults:
            body = body[: length // 2] + bytes([body[length // 2] ^ 1]) + body[length // 2 + 1 :]
        if "truncated" in faults:
            body = body[: length // 2]
        if {"cut after", "lost answer"} & faults.keys():
            raise CutConnection
        headers = [
            ("Content-Type", content_type),
            ("Content-Length", str(length)),
            ("X-Bunq-Client-Response-Id", str(uuid.uuid4())),
        ]
        if signature is not None:
            headers.append(("X-Bunq-Server-Signature", signature))
        if (request_id := environ.get("HTTP_X_BUNQ_CLIENT_REQUEST_ID")) is not None:
            headers.append(("X-Bunq-Client-Request-Id", request_id))
        start_response(f"{status} {_REASONS.get(status, 'Refused')}", headers)
        return [body]

    def _act(
        self, act: Callable[Concatenate[Ledger, _P], _T], *told: _P.args, **how: _P.kwargs
    ) -> _T:
        """Have something happen for which there is no call, and its callbacks sent."""
        with self.ledger.transaction():
            done = act(self.ledger, *told, **how)
        self._courier.wake()
        return done

    def _sign(self, body: bytes) -> str:
        """Sign an answer, by far the dearest step: the same bytes have the same signature."""
        digest = hashlib.sha256(body).digest()
        signature = self._signatures.get(digest)
        if signature is None:
            if len(self._signatures) >= _MOST_SIGNATURES:
                self._signatures.clear()
            signature = self._signatures[digest] = self.key.sign(body)
        return signature

    def _found(self) -> None:
        """Write the people, unless they came with an image, and draw what is secret."""
        if self.ledger.fact(_DEMO_PERSON) is None:
            _write_people(self.ledger)
        self.ledger.set_fact("key", self.key.to_pem().reveal())
        person_id = int(self.ledger.fact(_DEMO_PERSON) or 0)
        self.ledger.set_fact("demo_key", self.ledger.add_api_key(person_id))

    def _open_books(self) -> None:
        self.demo_key = Secret(self.ledger.fact("demo_key") or "")
        self._courier = Courier(self.ledger, self.key, self.faults)
        self.callbacks = Callbacks(self.ledger, self.key, self._courier)
        self._oauth = oauth.OAuth(self.ledger, self.demo_key)

    def _keep_pace(self) -> None:
        """Do what became due as the clock was moved, and bring the callbacks that came of it."""
        with self.ledger.transaction():
            # A bank that is killed on the way goes on from here.
            self.ledger.set_fact("time", wire_time(self.clock.now()))
        scheduled_jobs.catch_up(self.ledger, DUTIES)
        self.deliver()

    def _name(self, method: str, path: str) -> str:
        try:
            return self._routes.find(method, path)[0].name
        except Refusal:
            return ""

    def _suffer(self, faults: dict[str, Fault]) -> tuple[int, str, bytes] | None:
        """Have happen what happens before any work is done."""
        if "delay" in faults:
            time.sleep(faults["delay"].seconds)
        if "cut before" in faults:
            raise CutConnection
        if "reset" in faults:
            self.reset()
        if "html 502" in faults:
            return 502, "text/html", _GATEWAY_PAGE
        for kind in _FAULTY.keys() & faults:
            return _FAULTY[kind].status, _JSON, enclose_refusal(_FAULTY[kind], "en_US")
        return None

    def _answer(
        self, environ: WSGIEnvironment, path: str, faults: dict[str, Fault]
    ) -> tuple[int, str, bytes]:
        language = environ.get("HTTP_X_BUNQ_LANGUAGE", "en_US")
        try:
            if scheduled_jobs.catch_up(self.ledger, DUTIES):
                self._courier.wake()
            with self.ledger.transaction():
                content_type, body = self._carry_out(environ, path, faults)
        except Refusal as refusal:
            return refusal.status, _JSON, enclose_refusal(refusal, language)
        except Exception:  # noqa: BLE001 (a bank answers, whatever goes wrong inside)
            traceback.print_exc(file=environ.get("wsgi.errors", sys.stderr))
            return 500, _JSON, enclose_refusal(_BROKEN, language)
        if environ["REQUEST_METHOD"] != "GET":
            self._courier.wake()
        return 200, content_type, body

    def _carry_out(
        self, environ: WSGIEnvironment, path: str, faults: dict[str, Fault]
    ) -> tuple[str, bytes]:
        method = environ["REQUEST_METHOD"]
        operation, ids = self._routes.find(method, path)
        body = read_body(environ)
        self._check_headers(environ)
        installation, session = self._authenticate(operation, environ)
        if "expired session" in faults and session is not None:
            raise access.expired(self.habits)
        address = environ.get("REMOTE_ADDR", "127.0.0.1")
        if "changed address" in faults:
            address = _ELSEWHERE
        self._limits.check(method, operation.name, address, self.clock.now())
        self._check_signature(operation, environ, body, installation)
        self._check_request_id(environ, installation)
        cuts = not self.habits.large_counts_are_refused
        query = dict(parse_qsl(environ.get("QUERY_STRING", ""), keep_blank_values=True))
        call = Call(
            operation=operation,
            ledger=self.ledger,
            ids=ids,
            body=read_fields(operation, body, self.habits),
            query=query,
            paging=read_paging(query, cuts=cuts) if operation.is_paged else Paging(),
            upload=read_upload(environ, body if operation.sends_bytes else b""),
            address=address,
            bank_key=self.key.public.pem,
            habits=self.habits,
            installation=installation,
            session=session,
            consent=installation and consents.consent_behind(self.ledger, installation["id"]),
        )
        if session is not None:
            access.touch(call)
            _insist_on_user(call)
            check_rights(call)
        if operation.verb == "update" and "notification_filters" in call.body:
            set_by_owner(call)
        told = veil(call, rule_of(operation)(call))
        if isinstance(told, File):
            return told.content_type, told.content
        return _JSON, enclose(told, path, query)

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
                raise access.expired(self.habits)
            return installation, None
        session = self.ledger.row("SELECT * FROM session WHERE token = ?", token)
        if session is None:
            raise access.expired(self.habits)
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
            if self._needs_signature(operation):
                raise NO_SIGNATURE
            return
        if not (self._needs_signature(operation) or self.habits.idle_signatures_count):
            return
        number = installation["id"]
        if number not in self._public_keys:
            self._public_keys[number] = PublicKey.from_pem(installation["public_key"])
        try:
            self._public_keys[number].verify(body, signature)
        except SignatureError as error:
            raise WRONG_SIGNATURE from error

    def _needs_signature(self, operation: Operation) -> bool:
        is_device = operation.name == "device-server.create"
        return operation.needs_signature or (is_device and self.habits.devices_need_signature)

    def _check_headers(self, environ: WSGIEnvironment) -> None:
        for name in self.habits.required_headers:
            if not environ.get(f"HTTP_{name.upper().replace('-', '_')}"):
                # The text is our own: no source shows bunq's.
                raise refuse(400, f'Missing required header "{name}".')

    def _check_request_id(self, environ: WSGIEnvironment, installation: sqlite3.Row | None) -> None:
        told = environ.get("HTTP_X_BUNQ_CLIENT_REQUEST_ID")
        if told is None or installation is None or not self.habits.request_ids_are_unique:
            return
        if (installation["id"], told) in self._request_ids:
            # The text is our own: no source shows bunq's.
            raise refuse(400, "The request id was used before.")
        self._request_ids.add((installation["id"], told))


def _first_day(seed: int, start: datetime) -> bytes:
    """Return the books of a new bank without its secrets; kept where the clock starts as usual."""

    def build() -> bytes:
        # It stands still, so that the same seed gives the same bytes.
        ledger = Ledger(":memory:", seed=seed, clock=Clock(start, tick=lambda: 0.0))
        with ledger.transaction():
            _write_people(ledger)
        image = ledger.image()
        ledger.close()
        return image

    return load_image(seed, build) if start == START else build()


def _write_people(ledger: Ledger) -> None:
    people.found(ledger)
    ledger.set_fact(_DEMO_PERSON, str(history.live(ledger)))


def _insist_on_user(call: Call) -> None:
    """Refuse somebody else's id; an app may use its own, and the rules see the granter's.

    Source: the SDK for an app's own id, psd2_sandbox for the granter's.
    """
    if "userID" not in call.ids:
        return
    if call.consent is not None and call.number("userID") == call.consent["id"]:
        call.ids["userID"] = str(call.person_id)
    if call.number("userID") != call.person_id:
        raise not_found("User", call.ids["userID"])
