"""Serves what bunq has on hosts of its own: the page where people give an app access, its token.

At bunq a person scans a code with the app to say who they are; here they enter an API key. The
templates escape all text, and nobody is redirected to an address that the app has not registered.

Source: bunq docs, "OAuth"; RFC 6749.
"""

from __future__ import annotations

import secrets
import sqlite3
import threading
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, parse_qsl, quote, urlencode, urlsplit

from bunqkit.display.html import render
from bunqkit.sandbox.ledger import BankLedger
from bunqkit.sandbox.refusal import Refusal, refuse
from bunqkit.sandbox.resources import consents
from bunqkit.sandbox.resources.generic_resources import StoredResource
from bunqkit.sandbox.resources.rights import roles_in
from bunqkit.sandbox.resources.users import PROVIDER
from bunqkit.sandbox.resources.wire import amount
from bunqkit.sandbox.wsgi import read_length, send, send_html, send_json
from bunqkit.security.redaction import Secret

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIEnvironment

PATHS = ("/auth", "/v1/token")
_MOST_WAITING = 1_000
_LARGEST_FORM = 100_000
# The address may hold a code, or a state of the app's.
_HEADERS = {"Referrer-Policy": "no-referrer"}
_SCOPES = (
    "see the accounts that you choose, with their balances, and open new ones",
    "see their payments, and pay between your own accounts",
    "draft payments, which you then accept or refuse",
    "see, order and manage the cards that pay from them",
    "ask others for money, and see what others ask of you",
)
_ROLE_SCOPES = {
    "AISP": "see your name, your IBANs, balances, payments and cards",
    "PISP": "see your name and your IBANs, and draft payments, which you then accept or refuse",
    "CBPII": "ask whether an amount is on an account",
}


@dataclass(frozen=True)
class _AccessRequest:
    """An app's request for access, which waits for a person's answer."""

    client: StoredResource
    name: str
    scopes: tuple[str, ...]
    redirect_uri: str
    state: str | None
    person_id: int | None = None


class OAuth:
    """The consent page and the token endpoint of one bank.

    Parameters
    ----------
    ledger
        The books.
    demo_key
        The API key of the person as whom a visitor can continue without a key.
    """

    def __init__(self, ledger: BankLedger, demo_key: Secret) -> None:
        self._ledger = ledger
        self._demo_key = demo_key
        self._waiting: dict[str, _AccessRequest] = {}
        self._lock = threading.Lock()

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one call to one of ``PATHS``."""
        if environ["PATH_INFO"] != "/auth":
            return self._exchange_code(environ, start_response)
        try:
            if environ["REQUEST_METHOD"] == "GET":
                request = self._read_request(environ.get("QUERY_STRING", ""))
                if isinstance(request, str):
                    return _redirect(start_response, request)
                return send_html(start_response, 200, self._ask_person(request), _HEADERS)
            if environ["REQUEST_METHOD"] == "POST":
                length = min(read_length(environ), _LARGEST_FORM)
                text = environ["wsgi.input"].read(length).decode("utf-8", "replace")
                return self._process_form(parse_qs(text), start_response)
            raise refuse(405, "Open this page in a browser.")
        except Refusal as refusal:
            page = render("consent_refused.html", why=refusal.texts[0][0])
            return send_html(start_response, refusal.status, page, _HEADERS)

    def consent(self, address: str, api_key: str, accounts: Iterable[int] | None = None) -> str:
        """Give an app access, as a person does on the page; return the redirect address.

        Parameters
        ----------
        address
            The address of the page, as an app writes it.
        api_key
            The API key of the person who gives access.
        accounts
            The ids of the accounts that the app may see; by default all of the person's.

        Raises
        ------
        Refusal
            If the page would refuse.
        """
        request = self._read_request(urlsplit(address).query)
        if isinstance(request, str):
            return request
        person = self._find_person(api_key)
        if accounts is None:
            accounts = [row["id"] for row in consents.accounts_of(self._ledger, person["id"])]
        return self._grant(replace(request, person_id=person["id"]), accounts)

    def _read_request(self, query: str) -> _AccessRequest | str:
        """Return the request in a query; if it can't be served, the address to redirect to."""
        members = dict(parse_qsl(query, keep_blank_values=True))
        redirect_uri, state = members.get("redirect_uri", ""), members.get("state")
        client = consents.find_client(self._ledger, members.get("client_id", ""), redirect_uri)
        if members.get("response_type") != "code":
            return _callback_address(redirect_uri, state, error="unsupported_response_type")
        owner = self._ledger.person(int(client.scope.split("/")[1]))
        is_provider = owner["kind"] == PROVIDER
        roles = roles_in(owner["name"]) if is_provider else []
        return _AccessRequest(
            client=client,
            name=client.fields["display_name"],
            scopes=tuple(_ROLE_SCOPES[role] for role in roles) if is_provider else _SCOPES,
            redirect_uri=redirect_uri,
            state=state,
        )

    def _find_person(self, api_key: str) -> sqlite3.Row:
        person = consents.granter_behind(self._ledger, api_key.strip())
        if person is None:
            raise refuse(400, "Nobody at this bank has this API key.")
        return person

    def _process_form(
        self, form: dict[str, list[str]], start_response: StartResponse
    ) -> Iterable[bytes]:
        """Continue after one of the two forms; a ticket can be used once."""
        with self._lock:
            request = self._waiting.pop(form.get("ticket", [""])[0], None)
        if request is None:
            raise refuse(400, "This page was answered already, or is too old.")
        answer = form.get("answer", [""])[0]
        if answer == "refuse":
            address = _callback_address(request.redirect_uri, request.state, error="access_denied")
            return _redirect(start_response, address)
        try:
            if request.person_id is not None:
                accounts = [int(text) for text in form.get("account", []) if text.isdigit()]
                return _redirect(start_response, self._grant(request, accounts))
            is_demo = answer == "demo"
            key = self._demo_key.reveal() if is_demo else form.get("api_key", [""])[0]
            request = replace(request, person_id=self._find_person(key)["id"])
            return send_html(start_response, 200, self._ask_accounts(request), _HEADERS)
        except Refusal as refusal:
            ask = self._ask_person if request.person_id is None else self._ask_accounts
            page = ask(request, problem=refusal.texts[0][0])
            return send_html(start_response, 400, page, _HEADERS)

    def _grant(self, request: _AccessRequest, accounts: Iterable[int]) -> str:
        """Write a consent; return the redirect address with its code."""
        assert request.person_id is not None
        with self._ledger.transaction():
            code = consents.grant(
                self._ledger,
                request.client,
                request.person_id,
                accounts,
                redirect_uri=request.redirect_uri,
                state=request.state,
            )
        return _callback_address(request.redirect_uri, request.state, code=code)

    def _exchange_code(
        self, environ: WSGIEnvironment, start_response: StartResponse
    ) -> Iterable[bytes]:
        """Answer a call to the token endpoint: exchange a code for an access token."""
        # Source: bunq docs: everything is in the query, and the body stays empty.
        query = dict(parse_qsl(environ.get("QUERY_STRING", ""), keep_blank_values=True))
        status, answer = 200, dict[str, Any]()
        try:
            with self._ledger.transaction():
                is_post = environ["REQUEST_METHOD"] == "POST"
                answer = consents.exchange(self._ledger, query if is_post else {})
        except consents.OAuthRefusal as refusal:
            status = 400
            answer = {"error": refusal.error, "error_description": str(refusal)}
        return send_json(start_response, status, answer, _HEADERS)

    def _keep(self, request: _AccessRequest) -> str:
        """Keep a request until its form is answered; return its ticket."""
        ticket = secrets.token_hex(16)
        with self._lock:
            while len(self._waiting) >= _MOST_WAITING:
                del self._waiting[next(iter(self._waiting))]
            self._waiting[ticket] = request
        return ticket

    def _ask_person(self, request: _AccessRequest, *, problem: str = "") -> str:
        """Return the form that asks for an API key."""
        demo = consents.granter_behind(self._ledger, self._demo_key.reveal())
        return render(
            "consent_who.html",
            app=request.name,
            ticket=self._keep(request),
            demo=demo["label"] if demo else "",
            problem=problem,
        )

    def _ask_accounts(self, request: _AccessRequest, *, problem: str = "") -> str:
        """Return the form that asks which accounts the app may see."""
        assert request.person_id is not None
        accounts = [
            {
                "id": row["id"],
                "description": row["description"],
                "iban": row["iban"],
                "balance": f"{row['currency']} {amount(row['balance'], '')['value']}",
            }
            for row in consents.accounts_of(self._ledger, request.person_id)
        ]
        return render(
            "consent_what.html",
            app=request.name,
            ticket=self._keep(request),
            person=self._ledger.person(request.person_id)["label"],
            scopes=request.scopes,
            accounts=accounts,
            redirect_uri=request.redirect_uri,
            problem=problem,
        )


def _callback_address(redirect_uri: str, state: str | None, **result: str) -> str:
    """Return the address that a person is redirected to; its own query stays."""
    # The new text holds no line end, and no character that a header can't hold.
    parts = urlsplit(redirect_uri)
    members = result if state is None else result | {"state": state}
    query = "&".join(part for part in (parts.query, urlencode(members)) if part)
    return quote(parts._replace(query=query, fragment="").geturl(), safe="!#$%&'()*+,/:;=?@[]~")


def _redirect(start_response: StartResponse, address: str) -> list[bytes]:
    return send(start_response, 303, "text/plain", b"", _HEADERS | {"Location": address})
