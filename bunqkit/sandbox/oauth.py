"""What bunq keeps on hosts of its own: the page on which people let an app in, and its token.

At bunq a person scans a code with the app to say who they are; here the API key says it. Whatever
came from outside is escaped, and nobody is sent to an address that the app has not registered.

Source: bunq docs, "OAuth"; RFC 6749.
"""

from __future__ import annotations

import json
import secrets
import sqlite3
import threading
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, parse_qsl, quote, urlencode, urlsplit

from bunqkit.display.html import render
from bunqkit.sandbox.ledger import Ledger
from bunqkit.sandbox.page import HTML, POLICY
from bunqkit.sandbox.refusal import Refusal, refuse
from bunqkit.sandbox.resources import consents
from bunqkit.sandbox.resources.generic_resources import Resource
from bunqkit.sandbox.resources.rights import roles_in
from bunqkit.sandbox.resources.users import PROVIDER
from bunqkit.sandbox.resources.wire import amount
from bunqkit.security.redaction import Secret

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIEnvironment

PATHS = ("/auth", "/v1/token")
_MOST_WAITING = 1_000
_LARGEST_FORM = 100_000
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
class _Wish:
    """An app that waits for somebody's word."""

    client: Resource
    name: str
    scopes: tuple[str, ...]
    redirect_uri: str
    state: str | None
    person_id: int | None = None


class OAuth:
    """The consent page and the token's address of one bank.

    Parameters
    ----------
    ledger
        The books.
    demo_key
        Of the person as whom a visitor of the page may come in without a key.
    """

    def __init__(self, ledger: Ledger, demo_key: Secret) -> None:
        self._ledger = ledger
        self._demo_key = demo_key
        self._waiting: dict[str, _Wish] = {}
        self._lock = threading.Lock()

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one call to one of ``PATHS``."""
        method = environ["REQUEST_METHOD"]
        if environ["PATH_INFO"] != "/auth":
            return self._sell(environ, start_response)
        try:
            if method == "GET":
                wish = self._read_wish(environ.get("QUERY_STRING", ""))
                return _show(start_response, self._ask_who(wish))
            if method == "POST":
                return self._proceed(_read_form(environ), start_response)
            raise refuse(405, "Open this page in a browser.")
        except _Sent as sent:
            return _redirect(start_response, sent.address)
        except Refusal as refusal:
            page = render("consent_refused.html", why=refusal.texts[0][0])
            return _show(start_response, page, status=f"{refusal.status} Refused")

    def consent(self, address: str, api_key: str, accounts: Iterable[int] | None = None) -> str:
        """Do what a person does on the page: give the address that they are then sent to.

        Parameters
        ----------
        address
            Of the page, as an app writes it.
        api_key
            Of the one who allows it.
        accounts
            Which of theirs; by default all.

        Raises
        ------
        Refusal
            Where the page would say no.
        """
        try:
            wish = self._read_wish(urlsplit(address).query)
        except _Sent as sent:
            return sent.address
        person = self._find_person(api_key)
        chosen = accounts
        if chosen is None:
            chosen = [row["id"] for row in consents.accounts_of(self._ledger, person["id"])]
        return self._allow(replace(wish, person_id=person["id"]), chosen)

    def _read_wish(self, query: str) -> _Wish:
        told = dict(parse_qsl(query, keep_blank_values=True))
        redirect_uri, state = told.get("redirect_uri", ""), told.get("state")
        client = consents.find_client(self._ledger, told.get("client_id", ""), redirect_uri)
        if told.get("response_type") != "code":
            raise _Sent(_came_back(redirect_uri, state, error="unsupported_response_type"))
        owner = self._ledger.person(int(client.scope.split("/")[1]))
        is_provider = owner["kind"] == PROVIDER
        roles = roles_in(owner["name"]) if is_provider else []
        return _Wish(
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

    def _proceed(
        self, form: dict[str, list[str]], start_response: StartResponse
    ) -> Iterable[bytes]:
        """Go on from one of the two forms; a ticket is good once."""
        with self._lock:
            wish = self._waiting.pop(form.get("ticket", [""])[0], None)
        if wish is None:
            raise refuse(400, "This page was answered already, or is too old.")
        answer = form.get("answer", [""])[0]
        if answer == "refuse":
            raise _Sent(_came_back(wish.redirect_uri, wish.state, error="access_denied"))
        try:
            if wish.person_id is not None:
                chosen = [int(text) for text in form.get("account", []) if text.isdigit()]
                return _redirect(start_response, self._allow(wish, chosen))
            is_demo = answer == "demo"
            key = self._demo_key.reveal() if is_demo else form.get("api_key", [""])[0]
            wish = replace(wish, person_id=self._find_person(key)["id"])
            return _show(start_response, self._ask_what(wish))
        except Refusal as refusal:
            ask = self._ask_who if wish.person_id is None else self._ask_what
            page = ask(wish, problem=refusal.texts[0][0])
            return _show(start_response, page, status="400 Refused")

    def _allow(self, wish: _Wish, chosen: Iterable[int]) -> str:
        assert wish.person_id is not None
        with self._ledger.transaction():
            code = consents.grant(
                self._ledger,
                wish.client,
                wish.person_id,
                chosen,
                redirect_uri=wish.redirect_uri,
                state=wish.state,
            )
        return _came_back(wish.redirect_uri, wish.state, code=code)

    def _sell(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        # Source: bunq docs: all is in the query and the body stays empty.
        told = dict(parse_qsl(environ.get("QUERY_STRING", ""), keep_blank_values=True))
        status, answer = "200 OK", dict[str, Any]()
        try:
            with self._ledger.transaction():
                is_post = environ["REQUEST_METHOD"] == "POST"
                answer = consents.exchange(self._ledger, told if is_post else {})
        except consents.OAuthRefusal as refusal:
            status = "400 Bad Request"
            answer = {"error": refusal.error, "error_description": str(refusal)}
        return _send(start_response, status, "application/json", json.dumps(answer).encode())

    def _keep(self, wish: _Wish) -> str:
        ticket = secrets.token_hex(16)
        with self._lock:
            while len(self._waiting) >= _MOST_WAITING:
                del self._waiting[next(iter(self._waiting))]
            self._waiting[ticket] = wish
        return ticket

    def _ask_who(self, wish: _Wish, *, problem: str = "") -> str:
        demo = consents.granter_behind(self._ledger, self._demo_key.reveal())
        return render(
            "consent_who.html",
            app=wish.name,
            ticket=self._keep(wish),
            demo=demo["label"] if demo else "",
            problem=problem,
        )

    def _ask_what(self, wish: _Wish, *, problem: str = "") -> str:
        assert wish.person_id is not None
        person = self._ledger.person(wish.person_id)
        accounts = [
            {
                "id": row["id"],
                "description": row["description"],
                "iban": row["iban"],
                "balance": f"{row['currency']} {amount(row['balance'], '')['value']}",
            }
            for row in consents.accounts_of(self._ledger, wish.person_id)
        ]
        return render(
            "consent_what.html",
            app=wish.name,
            ticket=self._keep(wish),
            person=person["label"],
            scopes=wish.scopes,
            accounts=accounts,
            redirect_uri=wish.redirect_uri,
            problem=problem,
        )


class _Sent(Exception):  # noqa: N818 (it is an answer)
    """The browser shall go on to an address of the app."""

    def __init__(self, address: str) -> None:
        super().__init__()
        self.address = address


def _came_back(redirect_uri: str, state: str | None, **told: str) -> str:
    """Write the address that a person is sent back to; its own query stays."""
    # What is read and written anew holds no line end, and no letter that a header could not hold.
    parts = urlsplit(redirect_uri)
    more = told if state is None else told | {"state": state}
    query = "&".join(part for part in (parts.query, urlencode(more)) if part)
    return quote(parts._replace(query=query, fragment="").geturl(), safe="!#$%&'()*+,/:;=?@[]~")


def _read_form(environ: WSGIEnvironment) -> dict[str, list[str]]:
    told = environ.get("CONTENT_LENGTH") or "0"
    length = int(told) if told.isascii() and told.isdigit() else 0
    text = environ["wsgi.input"].read(min(length, _LARGEST_FORM)).decode("utf-8", "replace")
    return parse_qs(text)


def _redirect(start_response: StartResponse, address: str) -> list[bytes]:
    return _send(start_response, "303 See Other", "text/plain", b"", Location=address)


def _show(start_response: StartResponse, page: str, *, status: str = "200 OK") -> list[bytes]:
    policy = {"Content-Security-Policy": POLICY}
    return _send(start_response, status, HTML, page.encode(), **policy)


def _send(
    start_response: StartResponse, status: str, content_type: str, body: bytes, **more: str
) -> list[bytes]:
    headers = {
        "Content-Type": content_type,
        "Content-Length": str(len(body)),
        "Cache-Control": "no-store",
        # The address may hold a code, or a state of the app's.
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
        **more,
    }
    start_response(status, list(headers.items()))
    return [body]
