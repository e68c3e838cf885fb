"""The bank as a WSGI application: it routes, authenticates, answers and signs.

A call is checked in this order: route (404), method (405), token (403), rate (429),
signature (466, 400), JSON (400), fields (400), then the rules of the resource.
"""

from __future__ import annotations

import hashlib
import sqlite3
import sys
import time
import traceback
import uuid
import warnings
from collections.abc import Callable, Iterable
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeVar
from urllib.parse import parse_qsl

from bunqkit.catalogue import operations as catalogue
from bunqkit.catalogue.operations import Operation
from bunqkit.errors import SignatureError
from bunqkit.sandbox import crowd, history, oauth, people, routes, scheduled_jobs
from bunqkit.sandbox.callbacks import Callbacks
from bunqkit.sandbox.clock import START, Clock, wire_time
from bunqkit.sandbox.envelope import enclose, enclose_refusal
from bunqkit.sandbox.faults import CutConnection, Fault, Faults, spoil
from bunqkit.sandbox.image import load_image
from bunqkit.sandbox.ledger import BankLedger
from bunqkit.sandbox.limits import PROFILES, Limits
from bunqkit.sandbox.quirks import Quirks
from bunqkit.sandbox.refusal import (
    MAINTENANCE,
    NO_SIGNATURE,
    TOO_MANY,
    WRONG_SIGNATURE,
    Refusal,
    not_found,
    refuse,
)
from bunqkit.sandbox.resources import access, consents, merchants
from bunqkit.sandbox.resources.call import Call, File, Paging
from bunqkit.sandbox.resources.card_use import CardUse, challenge, give_back, use_card
from bunqkit.sandbox.resources.categories import categorise
from bunqkit.sandbox.resources.debits import DirectDebit, send_debit
from bunqkit.sandbox.resources.generic_resources import StoredResource
from bunqkit.sandbox.resources.invoices import bill
from bunqkit.sandbox.resources.notifications import set_by_owner
from bunqkit.sandbox.resources.providers import answer_draft
from bunqkit.sandbox.resources.rights import check_rights, filter_by_consent
from bunqkit.sandbox.resources.rules import JOBS, rule_of
from bunqkit.sandbox.resources.tabs import pay_tab
from bunqkit.sandbox.webhook_sender import WebhookSender
from bunqkit.sandbox.wsgi import status_line
from bunqkit.security.redaction import Secret
from bunqkit.security.signing import KeyPair, PublicKey, generate_soon

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIEnvironment

# These calls need no token; those below need the installation's; all others need a session's.
_OPEN = frozenset(
    {"sandbox-user-person.create", "sandbox-user-company.create", "installation.create"}
)
_BY_INSTALLATION = frozenset(
    {"device-server.create", "session-server.create", "payment-service-provider-credential.create"}
)
_JSON = "application/json"
_BROKEN = refuse(500, "Something went wrong inside the bank.")
# An address reserved for documentation. Source: RFC 5737.
_ELSEWHERE = "203.0.113.77"
_FAULTY = {"429": TOO_MANY, "491": MAINTENANCE, "500": _BROKEN}
_UNSIGNED = {"no signature", "html 502", *_FAULTY}
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
        The file of the books, or ``:memory:``.
    seed
        The same seed and clock give the same people, ids and IBANs. Keys and tokens are drawn
        anew each time.
    clock
        The bank's time. By default it starts at 2026-04-01 09:00 UTC; if the file exists, it
        starts no earlier than the last entry in it.
    limits
        The rate limits: ``off``, ``classic`` or ``windows``.
    faults
        The faults that wait to happen.
    quirks
        The bank's behaviour where sources disagree.
    habits
        Deprecated: the name of ``quirks`` in version 0.1.

    Attributes
    ----------
    clock, ledger
        The bank's time and its books.
    key
        The key that signs every answer.
    callbacks
        The callbacks that were sent, and the means to send them by hand or again.
    demo_key
        The API key of a person with two and a half years of payments behind them.
    faults, quirks
        The faults that wait to happen, with counts of those that have; the bank's behaviour where
        sources disagree.
    """

    def __init__(
        self,
        path: str = ":memory:",
        *,
        seed: int = 1,
        clock: Clock | None = None,
        limits: str = "off",
        faults: Iterable[Fault] = (),
        quirks: Quirks | None = None,
        habits: Quirks | None = None,
    ) -> None:
        if limits not in PROFILES:
            raise ValueError(f"limits is {limits!r}. Make it one of {', '.join(PROFILES)}.")
        if habits is not None:
            _warn_of_habits()
        new_key = KeyPair.generate if Path(path).exists() else generate_soon()
        self.clock = clock or Clock(START)
        self.ledger = BankLedger(
            path, seed=seed, clock=self.clock, image=partial(_first_day, seed, self.clock.start)
        )
        self.faults = Faults(seed, faults)
        self.quirks = quirks or habits or Quirks()
        self._request_ids: set[tuple[int, str]] = set()
        self._limits = Limits(limits)
        self._routes = routes.all_routes()
        self._public_keys: dict[int, PublicKey] = {}
        self._signatures: dict[bytes, str] = {}
        with self.ledger.transaction():
            if (pem := self.ledger.fact("key")) is None:
                self.key = new_key()
                self._write_first_day()
            else:
                self.key = KeyPair.from_pem(pem)
                if clock is None:
                    self.clock.start_after(self.ledger.last_time())
        self._start_services()
        scheduled_jobs.catch_up(self.ledger, JOBS)
        self.clock.watch(self._follow_clock)

    @property
    def habits(self) -> Quirks:
        """Deprecated: the name of ``quirks`` in version 0.1."""
        _warn_of_habits()
        return self.quirks

    @habits.setter
    def habits(self, quirks: Quirks) -> None:
        """Set ``quirks`` by its deprecated name."""
        _warn_of_habits()
        self.quirks = quirks

    def close(self) -> None:
        """Stop sending callbacks, and close the books."""
        self.clock.unwatch(self._follow_clock)
        self._sender.close()
        self.ledger.close()

    def reset(self, *, seed: int | None = None) -> None:
        """Delete all users, as bunq's sandbox does now and then without notice.

        The bank's key stays, so that a client can verify the refusals that it then gets.
        """
        with self.ledger.transaction():
            self.ledger.wipe(self.ledger.seed if seed is None else seed)
            self.faults.clear()
            self._public_keys.clear()
            self._request_ids.clear()
            self._write_first_day()
        self._sender.close()
        self._start_services()

    def deliver(self) -> int:
        """Send all callbacks that are due now; return how many attempts were made."""
        return self._sender.deliver()

    def place(self, path: str, values: dict[str, Any] | None = None) -> int:
        """Create an item that no client can create, such as an invoice; return its id.

        Parameters
        ----------
        path
            The path of its collection: ``/user/1/monetary-account/2/invoice``.
        values
            Its fields; by default an example with every field of its type.
        """
        operation = catalogue.operation(f"GET {path.rstrip('/')}/1")
        scope = path.strip("/")
        if "monetary-account/" in scope:
            scope = scope[scope.index("monetary-account/") :]
        type_name = operation.answer or ""
        item = catalogue.example_item(type_name) if values is None else values
        with self.ledger.transaction():
            return StoredResource.add(self.ledger, scope, type_name, item).id

    def people(self, number: int, years: float = 1.0) -> list[Secret]:
        """Add users with about 200 payments a year behind them; return their API keys.

        One user in ten is a company, which sends invoices to the others. The keys of the companies
        come last.
        """
        with self.ledger.transaction(), self.ledger.in_bulk():
            return crowd.add_people(self.ledger, number, years)

    def issue_key(self, user_id: int) -> Secret:
        """Create another API key for a person or a company, as they do in bunq's app."""
        self.ledger.person(user_id)
        return Secret(self._act(BankLedger.add_api_key, user_id))

    def use_card(self, card_id: int, use: CardUse) -> int:
        """Pay by a card; return the id of the Mastercard action, whether allowed or refused."""
        return self._act(use_card, card_id, use)

    def challenge(self, card_id: int, use: CardUse) -> int:
        """Pay at a web shop that asks the cardholder first (3-D Secure).

        Return the id of the challenge request. The card is used once the cardholder accepts; the
        payment is refused if they reject it or do not answer.
        """
        return self._act(challenge, card_id, use)

    def give_back(self, action_id: int, *, cents: int | None = None, reverse: bool = False) -> int:
        """Refund a card payment in part or in full, or reverse it; return the payment's id."""
        return self._act(give_back, action_id, cents=cents, is_reversal=reverse)

    def direct_debit(self, account_id: int, debit: DirectDebit) -> int:
        """Send a direct debit to an account; return the id of the request response."""
        return self._act(send_debit, account_id, debit)

    def categorise(self, payment_id: int, category: str) -> None:
        """Put a payment into a category, the bank's or one of the user's own."""
        self._act(categorise, payment_id, category)

    def pay_tab(
        self,
        tab_id: int,
        *,
        cents: int | None = None,
        name: str = "J. de Vries",
        account_id: int | None = None,
    ) -> int:
        """Pay by a bunq.me link; return the payment's id.

        Parameters
        ----------
        tab_id
            The link.
        cents
            The amount; required if the link does not name one.
        name, account_id
            The payer: somebody outside the bank, by iDEAL, or an account of the bank.
        """
        return self._act(pay_tab, tab_id, cents=cents, name=name, account_id=account_id)

    def pay_ideal(self, transaction_id: int, *, name: str = "J. de Vries") -> int:
        """Pay an iDEAL transaction from outside the bank; return the payment's id."""
        return self._act(merchants.pay_ideal, transaction_id, name=name)

    def pay_sofort(self, account_id: int, cents: int, *, name: str = "E. Mustermann") -> int:
        """Add money to an account by Sofort, from outside the bank; return the payment's id."""
        return self._act(merchants.pay_sofort, account_id, cents, name=name)

    def bill(self, account_id: int, cents: int, what: str) -> int:
        """Charge an account, as bunq does for its plans; return the invoice's id."""
        return self._act(bill, account_id, cents, what)

    def answer_draft(self, draft_id: int, *, accept: bool) -> int | None:
        """Accept or reject a provider's draft payment as its owner does; return the payment's id.

        The id is ``None`` if the draft is rejected.
        """
        return self._act(answer_draft, draft_id, accept=accept)

    def consent(
        self, address: str, api_key: str | Secret, accounts: Iterable[int] | None = None
    ) -> str:
        """Give an app access, as a person does on the OAuth page; return the redirect address.

        Parameters
        ----------
        address
            The address of the consent page, with the app's client_id and the rest in its query.
        api_key
            The API key of the person who gives access.
        accounts
            The ids of the accounts that the app may see; by default all of the person's.
        """
        key = api_key.reveal() if isinstance(api_key, Secret) else api_key
        return self._oauth.consent(address, key, accounts)

    def granted(self) -> list[consents.Consent]:
        """Return the consents that people have given to apps, newest first."""
        return consents.list_consents(self.ledger)

    def revoke(self, consent_id: int) -> None:
        """Revoke a consent, as people do in bunq's app.

        Parameters
        ----------
        consent_id
            The id of its ``UserApiKey``.
        """
        self._act(consents.revoke, consent_id)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one call. Every answer is signed, unless a fault prevents it."""
        path = routes.read_path(environ, self.quirks)
        if path in oauth.PATHS:
            return self._oauth(environ, start_response)
        method = environ["REQUEST_METHOD"]
        faults = self.faults.take(lambda: self._operation_name(method, path))
        status, content_type, body = self._fail_early(faults) or self._answer(environ, path, faults)
        headers = [
            ("Content-Type", content_type),
            ("Content-Length", str(len(body))),
            ("X-Bunq-Client-Response-Id", str(uuid.uuid4())),
        ]
        if not _UNSIGNED & faults.keys():
            is_wrong = "wrong signature" in faults
            signature = self.key.sign(body + b" ") if is_wrong else self._sign(body)
            headers.append(("X-Bunq-Server-Signature", signature))
        if (request_id := environ.get("HTTP_X_BUNQ_CLIENT_REQUEST_ID")) is not None:
            headers.append(("X-Bunq-Client-Request-Id", request_id))
        if {"cut after", "lost answer"} & faults.keys():
            raise CutConnection
        start_response(status_line(status), headers)
        return [spoil(body, faults)]

    def _act(
        self, act: Callable[Concatenate[BankLedger, _P], _T], *values: _P.args, **options: _P.kwargs
    ) -> _T:
        """Do in one transaction what bunq has no call for, and send the callbacks of it."""
        with self.ledger.transaction():
            result = act(self.ledger, *values, **options)
        self._sender.wake()
        return result

    def _sign(self, body: bytes) -> str:
        """Return the signature of an answer.

        Signing is by far the slowest step, so signatures are cached by the bytes that they sign.
        """
        digest = hashlib.sha256(body).digest()
        signature = self._signatures.get(digest)
        if signature is None:
            if len(self._signatures) >= _MOST_SIGNATURES:
                self._signatures.clear()
            signature = self._signatures[digest] = self.key.sign(body)
        return signature

    def _write_first_day(self) -> None:
        """Write the people, unless they came with an image, and the bank's secrets."""
        if self.ledger.fact(_DEMO_PERSON) is None:
            _write_people(self.ledger)
        self.ledger.set_fact("key", self.key.to_pem().reveal())
        person_id = int(self.ledger.fact(_DEMO_PERSON) or 0)
        self.ledger.set_fact("demo_key", self.ledger.add_api_key(person_id))

    def _start_services(self) -> None:
        """Start what works on the books beside the API: callbacks and OAuth."""
        self.demo_key = Secret(self.ledger.fact("demo_key") or "")
        self._sender = WebhookSender(self.ledger, self.key, self.faults)
        self.callbacks = Callbacks(self.ledger, self.key, self._sender)
        self._oauth = oauth.OAuth(self.ledger, self.demo_key)

    def _follow_clock(self) -> None:
        """Run the jobs that became due when the clock moved, and send their callbacks."""
        with self.ledger.transaction():
            # A bank that is killed here goes on from this time.
            self.ledger.set_fact("time", wire_time(self.clock.now()))
        scheduled_jobs.catch_up(self.ledger, JOBS)
        self.deliver()

    def _operation_name(self, method: str, path: str) -> str:
        try:
            return self._routes.find(method, path)[0].name
        except Refusal:
            return ""

    def _fail_early(self, faults: dict[str, Fault]) -> tuple[int, str, bytes] | None:
        """Apply the faults that come before any work; return the answer that they give, if any."""
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
        """Return status, content type and body of the answer to a call."""
        language = environ.get("HTTP_X_BUNQ_LANGUAGE", "en_US")
        try:
            if scheduled_jobs.catch_up(self.ledger, JOBS):
                self._sender.wake()
            with self.ledger.transaction():
                content_type, body = self._carry_out(environ, path, faults)
        except Refusal as refusal:
            return refusal.status, _JSON, enclose_refusal(refusal, language)
        except Exception:  # noqa: BLE001 (a bank answers, whatever goes wrong inside)
            traceback.print_exc(file=environ.get("wsgi.errors", sys.stderr))
            return 500, _JSON, enclose_refusal(_BROKEN, language)
        if environ["REQUEST_METHOD"] != "GET":
            self._sender.wake()
        return 200, content_type, body

    def _carry_out(
        self, environ: WSGIEnvironment, path: str, faults: dict[str, Fault]
    ) -> tuple[str, bytes]:
        """Check a call and apply the rules of its resource; return content type and body."""
        method = environ["REQUEST_METHOD"]
        operation, ids = self._routes.find(method, path)
        body = routes.read_body(environ)
        self._check_headers(environ)
        installation, session = self._authenticate(operation, environ)
        if "expired session" in faults and session is not None:
            raise access.expired(self.quirks)
        address = environ.get("REMOTE_ADDR", "127.0.0.1")
        if "changed address" in faults:
            address = _ELSEWHERE
        self._limits.check(method, operation.name, address, self.clock.now())
        if installation is not None:
            self._check_signature(operation, environ, body, installation)
            self._check_request_id(environ, installation["id"])
        cuts = not self.quirks.large_counts_are_refused
        query = dict(parse_qsl(environ.get("QUERY_STRING", ""), keep_blank_values=True))
        call = Call(
            operation=operation,
            ledger=self.ledger,
            ids=ids,
            body=routes.read_fields(operation, body, self.quirks),
            query=query,
            paging=routes.read_paging(query, cuts=cuts) if operation.is_paged else Paging(),
            upload=routes.read_upload(environ, body if operation.sends_bytes else b""),
            address=address,
            bank_key=self.key.public.pem,
            quirks=self.quirks,
            installation=installation,
            session=session,
            consent=installation and consents.consent_behind(self.ledger, installation["id"]),
        )
        if session is not None:
            access.touch(call)
            _check_user(call)
            check_rights(call)
        if operation.verb == "update" and "notification_filters" in call.body:
            set_by_owner(call)
        answer = filter_by_consent(call, rule_of(operation)(call))
        if isinstance(answer, File):
            return answer.content_type, answer.content
        return _JSON, enclose(answer, path, query)

    def _authenticate(
        self, operation: Operation, environ: WSGIEnvironment
    ) -> tuple[sqlite3.Row | None, sqlite3.Row | None]:
        """Return the installation and the session of the token, as far as the call needs them."""
        if operation.name in _OPEN:
            return None, None
        token = environ.get("HTTP_X_BUNQ_CLIENT_AUTHENTICATION", "")
        table = "installation" if operation.name in _BY_INSTALLATION else "session"
        row = self.ledger.row(f"SELECT * FROM {table} WHERE token = ?", token)
        if row is None:
            raise access.expired(self.quirks)
        if table == "installation":
            return row, None
        number = row["installation_id"]
        return self.ledger.row("SELECT * FROM installation WHERE id = ?", number), row

    def _check_signature(
        self, operation: Operation, environ: WSGIEnvironment, body: bytes, installation: sqlite3.Row
    ) -> None:
        is_device = operation.name == "device-server.create"
        is_needed = operation.needs_signature or (is_device and self.quirks.devices_need_signature)
        signature = environ.get("HTTP_X_BUNQ_CLIENT_SIGNATURE")
        if signature is None:
            if is_needed:
                raise NO_SIGNATURE
        elif is_needed or self.quirks.idle_signatures_count:
            number = installation["id"]
            if number not in self._public_keys:
                self._public_keys[number] = PublicKey.from_pem(installation["public_key"])
            try:
                self._public_keys[number].verify(body, signature)
            except SignatureError as error:
                raise WRONG_SIGNATURE from error

    def _check_headers(self, environ: WSGIEnvironment) -> None:
        for name in self.quirks.required_headers:
            if not environ.get(f"HTTP_{name.upper().replace('-', '_')}"):
                # The text is our own: no source shows bunq's.
                raise refuse(400, f'Missing required header "{name}".')

    def _check_request_id(self, environ: WSGIEnvironment, installation_id: int) -> None:
        request_id = environ.get("HTTP_X_BUNQ_CLIENT_REQUEST_ID")
        if request_id is None or not self.quirks.request_ids_are_unique:
            return
        if (installation_id, request_id) in self._request_ids:
            # The text is our own: no source shows bunq's.
            raise refuse(400, "The request id was used before.")
        self._request_ids.add((installation_id, request_id))


def _warn_of_habits() -> None:
    warnings.warn(
        "The habits of a bank are now called quirks, and the old name goes with the next release.",
        DeprecationWarning,
        stacklevel=3,
    )


def _first_day(seed: int, start: datetime) -> bytes:
    """Return the database of a new bank as bytes; it holds no secret.

    The bytes are cached on disk if the clock starts at the default time.
    """

    def build() -> bytes:
        # The clock stands still, so that the same seed gives the same bytes.
        ledger = BankLedger(":memory:", seed=seed, clock=Clock(start, tick=lambda: 0.0))
        with ledger.transaction():
            _write_people(ledger)
        image = ledger.image()
        ledger.close()
        return image

    return load_image(seed, build) if start == START else build()


def _write_people(ledger: BankLedger) -> None:
    people.add_standard_people(ledger)
    ledger.set_fact(_DEMO_PERSON, str(history.write_history(ledger)))


def _check_user(call: Call) -> None:
    """Refuse a call whose path names another user.

    An app may use its own id, and the rules see the id of the person who gave it access.

    Source: the SDK for an app's own id, psd2_sandbox for that of the person.
    """
    if "userID" not in call.ids:
        return
    if call.consent is not None and call.number("userID") == call.consent["id"]:
        call.ids["userID"] = str(call.person_id)
    if call.number("userID") != call.person_id:
        raise not_found("User", call.ids["userID"])
