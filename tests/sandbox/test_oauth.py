"""OAuth: the page, the code, the token, what it opens and what not, and the end of it."""

from __future__ import annotations

import html
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

import pytest
import requests
from sampling import one_in
from visitors import Door, Frozen, Hook, Visitor, certificate, payment, refusal, request, watch

from bunqkit.auth import handshake
from bunqkit.auth.state import Session
from bunqkit.client.client import Client
from bunqkit.sandbox import Bank
from bunqkit.security.redaction import Secret
from bunqkit.security.signing import KeyPair

BACK = "https://app.example.org/back?from=bunq"


@dataclass
class App:
    """An app of somebody's, with the browser of those whom it sends to the bank."""

    door: Door
    owner: Any
    number: int
    client_id: str
    secret: str
    http: requests.Session

    @property
    def origin(self) -> str:
        """Where page and API are."""
        return self.door.base_url.removesuffix("/v1")

    def address(self, **change: str | None) -> str:
        """Write the address of the page."""
        told = {
            "response_type": "code",
            "client_id": self.client_id,
            "redirect_uri": BACK,
            "state": "s t&te",
        } | change
        query = urlencode({name: text for name, text in told.items() if text is not None})
        return f"{self.origin}/auth?{query}"

    def open(self, **change: str | None) -> requests.Response:
        """Open the page."""
        return self.http.get(self.address(**change), timeout=5, allow_redirects=False)

    def send(self, page: requests.Response, **form: Any) -> requests.Response:
        """Press a button of a page."""
        (ticket,) = re.findall(r'name="ticket" value="(\w+)"', page.text)
        return self.http.post(
            f"{self.origin}/auth",
            data={"ticket": ticket, **form},
            timeout=5,
            allow_redirects=False,
        )

    def granted(self, person: Visitor, accounts: list[int] | None = None) -> str:
        """Have somebody let the app in; give the code."""
        back = self.door.bank.consent(self.address(), person.api_key, accounts)
        return parse_qs(urlsplit(back).query)["code"][0]

    def exchange(self, code: str, /, **change: str) -> requests.Response:
        """Buy the token."""
        told = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": BACK,
            "client_id": self.client_id,
            "client_secret": self.secret,
        } | change
        return self.http.post(f"{self.door.base_url}/token", params=told, timeout=5)

    def enter(self, person: Visitor, accounts: list[int] | None = None) -> Guest:
        """Have somebody let the app in, and open a session with what that gives."""
        token = self.exchange(self.granted(person, accounts)).json()["access_token"]
        return Guest(self.door, Secret(token), person)


class Guest:
    """An app in somebody's accounts."""

    def __init__(self, door: Door, token: Secret, person: Visitor) -> None:
        self.client: Client = door.client()
        self.token = token
        self.installation = handshake.create_installation(self.client, KeyPair.generate())
        handshake.register_device(self.client, self.installation, token, description="app")
        self.bank = door.bank
        self.person = person
        self.session: Session = self.open()
        self.user = f"/user/{self.session.user_id}"
        self.account = f"{self.user}/monetary-account/{person.account_id}"

    def open(self) -> Session:
        """Open a session."""
        return handshake.open_session(
            self.client, self.installation, self.token, now=self.bank.clock.now()
        )

    def call(self, method: str, path: str, body: Any = None) -> Any:
        """Send a call with the session's token."""
        return self.client.request(method, path, body, token=self.session.token)


def make_app(door: Door, owner: Any, call: Callable[..., Any]) -> App:
    """Make the OAuth client of a user, with its callback address."""
    path = f"/user/{owner.user_id}/oauth-client"
    number = call("POST", path, {}).first("Id")["id"]
    call("POST", f"{path}/{number}/callback-url", {"url": BACK})
    item = call("GET", f"{path}/{number}").item
    http = requests.Session()
    http.trust_env = False
    if door.transport is not None:
        http.mount("https://", door.transport)
    return App(door, owner, number, item["client_id"], item["secret"], http)


@pytest.fixture
def app(visitor: Visitor) -> App:
    """Return an app that the visitor owns."""
    return make_app(visitor.door, visitor.session, visitor.call)


@pytest.fixture
def person(door: Door, other_key: KeyPair) -> Visitor:
    """Return somebody with two accounts, whom the app asks."""
    visitor = Visitor(door, other_key)
    visitor.top_up()
    path = f"/user/{visitor.session.user_id}/monetary-account-bank"
    visitor.create(path, {"currency": "EUR", "description": "<b>Pot</b>"})
    return visitor


def pot(person: Visitor) -> int:
    """Return the second account of the person."""
    path = f"/user/{person.session.user_id}/monetary-account"
    number: int = person.call("GET", path).items[0]["id"]
    return number


# The page


def test_the_page_is_walked_to_the_token(app: App, person: Visitor) -> None:
    """Who, what, back with code and state, token: and only the chosen account is seen."""
    who = app.open()
    assert (who.status_code, who.headers["Cache-Control"]) == (200, "no-store")
    what = app.send(who, answer="key", api_key=person.api_key.reveal())
    assert html.escape("<b>Pot</b>") in what.text
    assert "<b>Pot" not in what.text
    back = app.send(what, answer="allow", account=[person.account_id])
    assert back.status_code == 303
    told = dict(parse_qsl(urlsplit(back.headers["Location"]).query))
    assert back.headers["Location"].startswith("https://app.example.org/back?from=bunq&")
    assert told["state"] == "s t&te"
    answer = app.exchange(told["code"])
    assert answer.json().keys() == {"access_token", "token_type", "state"}
    assert answer.json()["state"] == "s t&te"
    guest = Guest(app.door, Secret(answer.json()["access_token"]), person)
    (account,) = guest.call("GET", f"{guest.user}/monetary-account").items
    assert account["id"] == person.account_id


def test_the_page_can_be_refused_on_either_side(app: App, person: Visitor) -> None:
    """Refusing sends the person back with an error and the state, and no code."""
    who = app.open()
    pages = [who, app.send(app.open(), answer="key", api_key=person.api_key.reveal())]
    for page in pages:
        back = app.send(page, answer="refuse")
        told = dict(parse_qsl(urlsplit(back.headers["Location"]).query))
        assert told == {"from": "bunq", "error": "access_denied", "state": "s t&te"}
    assert app.door.bank.ledger.rows("SELECT * FROM consent") == []


def test_a_page_is_answered_once(app: App, person: Visitor) -> None:
    """A second press of a button is told so, and sends nobody anywhere."""
    page = app.open()
    form = {"answer": "key", "api_key": person.api_key.reveal()}
    assert app.send(page, **form).status_code == 200
    again = app.send(page, **form)
    assert again.status_code == 400
    assert "answered already" in again.text


@pytest.mark.parametrize("text", ["", "nonsense", "<script>"])
def test_a_wrong_key_is_told_on_the_page(app: App, text: str) -> None:
    """The page comes again and says what was wrong; then a right key goes on."""
    page = app.send(app.open(), answer="key", api_key=text)
    assert page.status_code == 400
    assert "Nobody at this bank has this API key." in html.unescape(page.text)
    assert "<script>" not in page.text
    assert app.send(page, answer="demo").status_code == 200


def test_no_account_or_anothers_is_not_allowed(app: App, person: Visitor) -> None:
    """At least one account is chosen, and none that is somebody else's."""
    for accounts in ([], [app.owner.user_id], [person.account_id, 1]):
        page = app.send(app.open(), answer="key", api_key=person.api_key.reveal())
        page = app.send(page, answer="allow", account=accounts)
        assert page.status_code == 400
        assert "Choose at least one account" in page.text


@pytest.mark.parametrize(
    "change",
    [
        {"client_id": "0" * 64},
        {"client_id": None},
        {"redirect_uri": "https://evil.example.org/"},
        {"redirect_uri": None},
        {"redirect_uri": BACK + "/more"},
    ],
    ids=str,
)
def test_nobody_is_sent_to_an_unknown_address(app: App, change: dict[str, str | None]) -> None:
    """A wrong client or redirect address is a page, and no redirection."""
    page = app.open(**change)
    assert page.status_code == 400
    assert "Location" not in page.headers
    assert "evil" not in page.text


def test_other_kinds_of_answer_are_refused_to_the_app(app: App) -> None:
    """Only the code is given: another response_type comes back as an error."""
    back = app.open(response_type="token")
    assert "error=unsupported_response_type" in back.headers["Location"]


def test_names_are_escaped_and_frames_forbidden(app: App, visitor: Visitor) -> None:
    """An app can't write HTML into the page, nor lay its own site around the buttons."""
    app.door.bank.ledger.execute(
        "UPDATE thing SET item = json_set(item, '$.display_name', '<img src=x>') "
        "WHERE type = 'OauthClient'"
    )
    page = app.open()
    assert "<img" not in page.text
    assert "&lt;img src=x&gt; asks to be let in" in page.text
    assert "frame-ancestors 'none'" in page.headers["Content-Security-Policy"]
    assert page.headers["Referrer-Policy"] == "no-referrer"


def test_an_owner_may_let_their_own_app_in(app: App, visitor: Visitor) -> None:
    """As people do who try it out: asker and granter are then the same."""
    told = app.enter(visitor).call("GET", "/user").item
    assert told["requested_by_user"] == told["granted_by_user"]


# The token


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"code": "0" * 64}, "invalid_grant"),
        ({"redirect_uri": "https://app.example.org/other"}, "invalid_grant"),
        ({"client_id": "0" * 64}, "invalid_client"),
        ({"client_secret": "wrong"}, "invalid_client"),
        ({"grant_type": "password"}, "unsupported_grant_type"),
    ],
    ids=str,
)
def test_a_token_needs_all_that_belongs_to_the_code(
    app: App, person: Visitor, change: dict[str, str], error: str
) -> None:
    """A wrong part buys nothing, and the code is still good for who has all of them."""
    code = app.granted(person)
    answer = app.exchange(code, **change)
    assert (answer.status_code, answer.json()["error"]) == (400, error)
    assert app.exchange(code).status_code == 200


def test_a_code_is_good_once_and_for_ten_minutes(app: App, person: Visitor, tick: Frozen) -> None:
    """The words are bunq's."""
    words = {
        "error": "invalid_grant",
        "error_description": "The authorization code is invalid or expired.",
    }
    code = app.granted(person)
    assert app.exchange(code).status_code == 200
    assert app.exchange(code).json() == words
    code = app.granted(person)
    tick.seconds += 601
    assert app.exchange(code).json() == words
    assert app.http.get(f"{app.door.base_url}/token", timeout=5).status_code == 400


# What it opens


def test_a_session_tells_both_sides(app: App, person: Visitor, visitor: Visitor) -> None:
    """The user is a UserApiKey with the one who asked and the one who granted, under its own id."""
    guest = app.enter(person)
    assert guest.session.user_type == "UserApiKey"
    assert guest.session.timeout_s == 604_800
    told = guest.call("GET", "/user").item
    assert told["id"] == guest.session.user_id
    assert told["requested_by_user"]["UserPerson"]["id"] == visitor.session.user_id
    assert told["granted_by_user"]["UserPerson"]["id"] == person.session.user_id
    for number in (guest.session.user_id, person.session.user_id):
        assert guest.call("GET", f"/user/{number}").types == ["UserApiKey"]
        assert guest.call("GET", f"/user/{number}/monetary-account").items
    assert refusal(lambda: guest.call("GET", f"/user/{visitor.session.user_id}"))[0] == 404
    path = f"/user/{visitor.session.user_id}/monetary-account"
    assert refusal(lambda: guest.call("GET", path))[0] == 404


def test_only_granted_accounts_are_seen(app: App, person: Visitor) -> None:
    """Lists, single reads and payments by the path of another account find nothing."""
    guest = app.enter(person, [person.account_id])
    hidden = pot(person)
    listed = guest.call("GET", f"{guest.user}/monetary-account").items
    assert [each["id"] for each in listed] == [person.account_id]
    assert listed[0]["user_id"] == person.session.user_id
    for path in (
        f"{guest.user}/monetary-account/{hidden}",
        f"{guest.user}/monetary-account-bank/{hidden}",
        f"{guest.user}/monetary-account/{hidden}/payment",
    ):
        assert refusal(lambda p=path: guest.call("GET", p))[0] == 404
    made = guest.call("POST", f"{guest.user}/monetary-account-bank", {"currency": "EUR"})
    listed = guest.call("GET", f"{guest.user}/monetary-account").items
    assert [each["id"] for each in listed] == [made.first("Id")["id"], person.account_id]


def test_cards_of_hidden_accounts_are_hidden(app: App, person: Visitor) -> None:
    """A card is seen, changed and linked by its paying account."""
    user = f"/user/{person.session.user_id}"
    name = person.call("GET", f"{user}/card-name").item["possible_card_name_array"][0]
    order = {
        "type": "MASTERCARD",
        "product_type": "MASTERCARD_DEBIT",
        "second_line": "mine",
        "name_on_card": name,
    }
    cards = []
    for account_id in (person.account_id, pot(person)):
        pins = [{"type": "PRIMARY", "monetary_account_id": account_id}]
        made = person.call("POST", f"{user}/card-debit", order | {"pin_code_assignment": pins})
        cards.append(made.item["id"])
    guest = app.enter(person, [person.account_id])
    assert [each["id"] for each in guest.call("GET", f"{guest.user}/card").items] == cards[:1]
    change = {"status": "ACTIVE"}
    guest.call("PUT", f"{guest.user}/card/{cards[0]}", change)
    assert refusal(lambda: guest.call("PUT", f"{guest.user}/card/{cards[1]}", change))[0] == 404
    given = {"pin_code_assignment": [{"type": "PRIMARY", "monetary_account_id": pot(person)}]}
    assert refusal(lambda: guest.call("PUT", f"{guest.user}/card/{cards[0]}", given))[0] == 404


def test_an_app_pays_between_own_accounts_only(app: App, person: Visitor) -> None:
    """Into the pot it may pay, to others not; drafting for others is what it may do."""
    guest = app.enter(person)
    path = f"{guest.user}/monetary-account/{pot(person)}"
    iban = guest.call("GET", path).item["alias"][0]
    own = payment("", "20.00", counterparty_alias=iban)
    guest.call("POST", f"{guest.account}/payment", own)
    assert person.balance() == "480.00"
    others = payment("bravo@bunq.com")
    assert refusal(lambda: guest.call("POST", f"{guest.account}/payment", others)) == (
        403,
        "OAuth access includes payments between the user's own accounts only.",
    )
    batch = {"payments": [own, others]}
    assert refusal(lambda: guest.call("POST", f"{guest.account}/payment-batch", batch))[0] == 403
    assert person.balance() == "480.00"
    assert set(guest.bank.ledger.imbalance().values()) == {0}


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "{user}/event", None),
        ("GET", "{user}/credential-password-ip", None),
        ("GET", "{user}/oauth-client", None),
        ("POST", "{user}/oauth-client", {}),
        ("GET", "{account}/customer-statement", None),
        ("PUT", "{user}/monetary-account-bank/{number}", {"description": "mine now"}),
        ("GET", "{account}/schedule", None),
    ],
)
def test_what_is_outside_the_scopes_is_refused(
    app: App, person: Visitor, method: str, path: str, body: Any
) -> None:
    """403, and the refusal names the operation; the session goes on."""
    guest = app.enter(person)
    names = {"user": guest.user, "account": guest.account, "number": person.account_id}
    filled = path.format(**names)
    status, text = refusal(lambda: guest.call(method, filled, body))
    assert status == 403
    assert text.startswith('OAuth access does not include "')
    assert guest.call("GET", f"{guest.account}/payment").items


def test_an_app_asks_for_money(app: App, person: Visitor) -> None:
    """Requests can be made and read; they are the granter's."""
    guest = app.enter(person)
    path = f"{guest.account}/request-inquiry"
    guest.call("POST", path, request("bravo@bunq.com", "3.00"))
    mine = person.call("GET", f"{person.account}/request-inquiry").items
    assert mine[0]["amount_inquired"]["value"] == "3.00"


def test_a_token_is_no_key_of_the_granter(app: App, person: Visitor, visitor: Visitor) -> None:
    """The granter's list of keys does not show it, and it lets nobody in on the page."""
    guest = app.enter(person)
    path = f"/user/{person.session.user_id}/credential-password-ip"
    assert len(person.call("GET", path).items) == 1
    page = app.send(app.open(), answer="key", api_key=guest.token.reveal())
    assert "Nobody at this bank" in page.text


def test_an_app_hears_of_granted_accounts_only(app: App, person: Visitor, hook: Hook) -> None:
    """Its filters stand beside the person's own, and tell of what it may see."""
    guest = app.enter(person, [person.account_id])
    filters = {"category": "MUTATION", "notification_target": hook.url}
    path = "/notification-filter-url"
    watch(person, "http://127.0.0.1:9/", "REQUEST")
    guest.call("POST", f"{guest.user}{path}", {"notification_filters": [filters]})
    mine = person.call("GET", f"/user/{person.session.user_id}{path}").items
    assert [each["category"] for each in mine] == ["REQUEST"]
    assert len(guest.call("GET", f"{guest.user}{path}").items) == 1
    alias = person.call("GET", person.account).item["alias"][0]
    hidden = f"/user/{person.session.user_id}/monetary-account/{pot(person)}"
    there = person.call("GET", hidden).item["alias"][0]
    person.create(f"{person.account}/payment", payment("", counterparty_alias=there))
    person.create(f"{hidden}/payment", payment("", "1.00", counterparty_alias=alias))
    guest.bank.deliver()
    assert [told["event_type"] for told in hook.bodies] == ["MUTATION_CREATED", "MUTATION_RECEIVED"]
    assert {told["object"]["Payment"]["monetary_account_id"] for told in hook.bodies} == {
        person.account_id
    }


def test_push_filters_of_an_app_lapse(
    app: App, person: Visitor, later: Callable[..., None]
) -> None:
    """After 90 days they are gone, and the person's own are still there."""
    guest = app.enter(person)
    body = {"notification_filters": [{"category": "MUTATION"}]}
    for caller, user in ((guest, guest.user), (person, f"/user/{person.session.user_id}")):
        caller.call("POST", f"{user}/notification-filter-push", body)
    assert guest.call("GET", f"{guest.user}/notification-filter-push").items
    later(days=90)
    guest.session = guest.open()
    assert guest.call("GET", f"{guest.user}/notification-filter-push").items == []
    kept = guest.bank.ledger.rows(
        "SELECT 1 FROM thing WHERE scope = ?",
        f"user/{person.session.user_id}/notification-filter-push",
    )
    assert len(kept) == 1


# The end


def test_revoking_ends_the_token_and_tells_the_app(
    app: App, person: Visitor, visitor: Visitor, hook: Hook
) -> None:
    """The session ends at once, no other opens, and the app's owner gets a callback."""
    watch(visitor, hook.url, "OAUTH")
    guest = app.enter(person)
    other = app.enter(person)
    last, first = guest.bank.granted()
    assert (first.id, first.is_used, first.revoked) == (guest.session.user_id, True, None)
    assert last.accounts == (person.account_id, pot(person))
    guest.bank.revoke(first.id)
    assert guest.bank.granted()[1].revoked
    assert refusal(lambda: guest.call("GET", "/user")) == (403, "Insufficient authentication.")
    assert refusal(guest.open)[1].startswith("User credentials are incorrect.")
    guest.bank.deliver()
    (told,) = hook.bodies
    assert (told["category"], told["event_type"]) == ("OAUTH", "OAUTH_REVOKED")
    assert told["object"]["UserApiKey"]["id"] == guest.session.user_id
    assert other.call("GET", "/user").items
    with pytest.raises(Exception, match="not found"):
        guest.bank.revoke(guest.session.user_id)


def test_a_client_that_is_given_up_ends_all(app: App, person: Visitor, visitor: Visitor) -> None:
    """Its tokens open nothing, its codes buy nothing, and its page is shut."""
    guest, code = app.enter(person), app.granted(person)
    path = f"/user/{visitor.session.user_id}/oauth-client/{app.number}"
    assert refusal(lambda: visitor.call("PUT", path, {"status": "GONE"}))[0] == 400
    visitor.call("PUT", path, {"status": "CANCELLED"})
    assert refusal(lambda: guest.call("GET", "/user"))[0] == 403
    assert app.exchange(code).json()["error"] == "invalid_grant"
    assert app.open().status_code == 400
    visitor.call("PUT", path, {"status": "ACTIVE"})
    assert refusal(lambda: guest.call("GET", "/user"))[0] == 403
    assert app.open().status_code == 200


# Providers


@dataclass
class Provider:
    """A payment service provider with an open session."""

    client: Client
    session: Session
    installation: Any
    api_key: Secret

    def call(self, method: str, path: str, body: Any = None) -> Any:
        """Send a call with the session's token."""
        return self.client.request(method, path, body, token=self.session.token)


def make_provider(door: Door, name: str) -> Provider:
    """Register a provider by a certificate of this name, and open a session."""
    client = door.client()
    installation = handshake.create_installation(client, KeyPair.generate())
    pem, pair = certificate(name)
    api_key = handshake.create_provider_credential(client, installation, pem, pair, chain=pem)
    handshake.register_device(client, installation, api_key, description="provider")
    session = handshake.open_session(client, installation, api_key, now=door.bank.clock.now())
    return Provider(client, session, installation, api_key)


ROLES = [
    ("AISP", "{account}/payment", True),
    ("AISP", "{user}/card", True),
    ("AISP", "{user}/legal-name", True),
    ("AISP", "{account}/draft-payment", False),
    ("PISP", "{user}/monetary-account", True),
    ("PISP", "{account}/draft-payment", True),
    ("PISP", "{account}/payment", False),
    ("PISP", "{user}/card", False),
    ("CBPII", "{user}/monetary-account", False),
    ("CBPII", "{account}/payment", False),
    ("PISP AISP", "{account}/payment", True),
    ("PISP AISP", "{account}/draft-payment", True),
    ("AISP", "{account}/request-inquiry", False),
]


@pytest.mark.parametrize(("roles", "path", "is_allowed"), one_in(3, ROLES))
def test_a_provider_sees_what_its_roles_say(
    door: Door, person: Visitor, roles: str, path: str, *, is_allowed: bool
) -> None:
    """By a customer's leave: accounts and payments for one role, drafts for the other."""
    provider = make_provider(door, f"Test {roles} 1")
    guest = make_app(door, provider.session, provider.call).enter(person)
    assert guest.session.timeout_s == 3600
    provider_told = guest.call("GET", "/user").item["requested_by_user"]
    assert list(provider_told) == ["UserPaymentServiceProvider"]
    call = partial(guest.call, "GET", path.format(user=guest.user, account=guest.account))
    if is_allowed:
        assert call().exchange.status == 200
        return
    status, text = refusal(call)
    assert status == 403
    assert text.startswith(f"A provider with the roles {', '.join(sorted(roles.split()))}")


def test_who_only_starts_payments_sees_no_balance(door: Door, person: Visitor) -> None:
    """A PISP reads names and IBANs; an AISP the balance too."""
    for roles, balance in (("PISP", None), ("AISP", {"currency": "EUR", "value": "500.00"})):
        provider = make_provider(door, f"Test {roles} 1")
        guest = make_app(door, provider.session, provider.call).enter(person)
        account = guest.call("GET", guest.account).item
        assert account["balance"] == balance
        assert account["alias"][0]["type"] == "IBAN"


@pytest.mark.parametrize(
    ("roles", "allowed"),
    [("AISP", set()), ("PISP", {"draft"}), ("CBPII", {"funds"})],
)
def test_a_provider_itself_does_what_its_roles_say(
    door: Door, person: Visitor, roles: str, allowed: set[str]
) -> None:
    """Drafts without OAuth for a PISP, confirmation of funds for a CBPII, accounts for nobody."""
    provider = make_provider(door, f"Test {roles} 1")
    user = f"/user/{provider.session.user_id}"
    iban = person.call("GET", person.account).item["alias"][0]
    draft = {
        "sender_iban": iban["value"],
        "counterparty_iban": "NL91ABNA0417164300",
        "counterparty_name": "A. Example",
        "description": "tea",
        "amount": {"value": "5.00", "currency": "EUR"},
    }
    funds = {"pointer_iban": iban, "amount": {"value": "5.00", "currency": "EUR"}}
    calls = {
        "draft": (f"{user}/payment-service-provider-draft-payment", draft),
        "funds": (f"{user}/confirmation-of-funds", funds),
    }
    for name, (path, body) in calls.items():
        if name in allowed:
            assert provider.call("POST", path, body).exchange.status == 200
        else:
            assert refusal(lambda p=path, b=body: provider.call("POST", p, b))[0] == 403
    assert refusal(lambda: provider.call("GET", f"{user}/monetary-account"))[0] == 403


def test_a_credential_lasts_ninety_days(door: Door, later: Callable[..., None]) -> None:
    """A session lasts an hour, others can be opened for 90 days, then none, bound or not."""
    provider = make_provider(door, "Test AISP 1")

    def open_() -> Session:
        return handshake.open_session(
            provider.client, provider.installation, provider.api_key, now=door.bank.clock.now()
        )

    later(minutes=20)
    assert provider.call("GET", "/user").items
    later(minutes=61)
    assert refusal(lambda: provider.call("GET", "/user"))[0] == 403
    later(days=89)
    provider.session = open_()
    told = provider.call("GET", f"/payment-service-provider-credential/{credential_id(door.bank)}")
    assert (told.item["status"], told.item["token_value"]) == ("ACTIVE", None)
    later(hours=22.7)
    assert refusal(lambda: provider.call("GET", "/user"))[0] == 403
    assert refusal(open_)[1].startswith("User credentials are incorrect.")


def credential_id(bank: Bank) -> int:
    """Return the id of the newest key."""
    return int(bank.ledger.rows("SELECT MAX(id) AS id FROM api_key")[0]["id"])


def test_what_a_customer_lets_a_provider_see_ends_after_ninety_days(
    door: Door, person: Visitor, later: Callable[..., None]
) -> None:
    """Then the customer is asked anew; an app that is no provider goes on."""
    provider = make_provider(door, "Test AISP 1")
    guest = make_app(door, provider.session, provider.call).enter(person)
    plain = make_app(door, person.session, person.call)
    friend = Visitor(door, KeyPair.generate())
    other = plain.enter(friend)
    filters = [{"category": "MUTATION", "notification_target": "http://127.0.0.1:9/"}]
    path = f"{guest.user}/notification-filter-url"
    guest.call("POST", path, {"notification_filters": filters})
    later(days=6)
    person.top_up("1.00")
    later(days=83, hours=23)
    guest.session = guest.open()
    later(hours=1)
    person.session = handshake.open_session(
        person.client, person.installation, person.api_key, now=door.bank.clock.now()
    )
    person.top_up("1.00")
    assert len(door.bank.callbacks.sent()) == 1
    assert refusal(lambda: guest.call("GET", "/user"))[0] == 403
    assert refusal(guest.open)[0] == 400
    assert other.open()


def test_a_draft_is_paid_when_its_owner_says_so(door: Door, person: Visitor) -> None:
    """A provider drafts from a customer's IBAN, reads how it stands, and takes back what waits."""
    provider = make_provider(door, "Test PISP 1")
    path = f"/user/{provider.session.user_id}/payment-service-provider-draft-payment"
    draft = {
        "sender_iban": person.call("GET", person.account).item["alias"][0]["value"],
        "counterparty_iban": "NL91ABNA0417164300",
        "counterparty_name": "A. Example",
        "description": "tea",
        "amount": {"value": "5.00", "currency": "EUR"},
    }
    ids = [provider.call("POST", path, draft).first("Id")["id"] for _ in range(3)]
    paid = door.bank.answer_draft(ids[0], accept=True)
    assert door.bank.answer_draft(ids[1], accept=False) is None
    provider.call("PUT", f"{path}/{ids[2]}", {"status": "CANCELLED"})
    told = [provider.call("GET", f"{path}/{number}").item["status"] for number in ids]
    assert told == ["ACCEPTED", "REJECTED", "CANCELLED"]
    item = person.call("GET", f"{person.account}/payment/{paid}").item
    assert (item["amount"]["value"], item["type"]) == ("-5.00", "EBA_SCT")
    assert person.balance() == "495.00"
    cancel = {"status": "CANCELLED"}
    for number in ids:
        assert refusal(lambda n=number: provider.call("PUT", f"{path}/{n}", cancel))[0] == 400
        with pytest.raises(Exception, match="answered already"):
            door.bank.answer_draft(number, accept=True)
    for change in (
        {"sender_iban": "NL91ABNA0417164300"},
        {"counterparty_iban": "NL00ABNA0417164300"},
        {"amount": {"value": "0.00", "currency": "EUR"}},
    ):
        assert refusal(lambda c=change: provider.call("POST", path, draft | c))[0] == 400
    assert set(door.bank.ledger.imbalance().values()) == {0}
