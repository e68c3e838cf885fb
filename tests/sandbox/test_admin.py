"""A served bank: its command, start page, health and control desk."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import requests
from visitors import Door, Visitor, Wire

from bunqkit.sandbox import Admin, Bank, doors
from bunqkit.security.redaction import Secret
from bunqkit.security.signing import KeyPair

ORIGIN = doors.BASE_URL.removesuffix("/v1")


@pytest.fixture
def http(bank: Bank) -> Iterator[requests.Session]:
    """Return requests with the admin token, to a bank behind its admin pages."""
    session = requests.Session()
    admin = Admin(bank, host_names=["bank.invalid"])
    session.headers["Authorization"] = f"Bearer {admin.admission.token.reveal()}"
    session.mount("https://", doors.InProcess(admin))
    yield session
    session.close()


def order(http: requests.Session, what: str, **body: Any) -> requests.Response:
    """Send an order to the control desk."""
    return http.post(f"{ORIGIN}/control/{what}", json=body, timeout=5)


def test_start_page_tells_how_to_begin(http: requests.Session, bank: Bank) -> None:
    """The page has the address, a key, and what has come in."""
    http.get(f"{ORIGIN}/v1/user", timeout=5)
    answer = http.get(f"{ORIGIN}/", timeout=5)
    assert answer.headers["Content-Type"].startswith("text/html")
    for text in ("/v1/sandbox-user-person", bank.demo_key.reveal(), "403 Forbidden", "/v1/user"):
        assert text in answer.text


def test_start_page_escapes_what_comes_from_outside(http: requests.Session) -> None:
    """A path or a host name can't write HTML into the page."""
    http.get(f"{ORIGIN}/v1/%3Cscript%3Ealert(1)%3C/script%3E", timeout=5)
    page = http.get(f"{ORIGIN}/", timeout=5).text
    assert "<script>" not in page
    assert "&lt;script&gt;alert(1)" in page
    strange = http.get(f"{ORIGIN}/", headers={"Host": "<script>x"}, timeout=5)
    assert (strange.status_code, "script" in strange.text) == (403, False)


def test_health_says_well(http: requests.Session) -> None:
    """A look at the health needs no token, and gives the bank's time."""
    del http.headers["Authorization"]
    told = http.get(f"{ORIGIN}/health", timeout=5).json()
    assert told == {"status": "well", "time": "2026-04-01 09:00:00.000000"}


def test_api_is_passed_on_unchanged(bank: Bank, key: KeyPair) -> None:
    """Behind the admin pages the bank answers as it does alone."""
    admin = Admin(bank)
    visitor = Visitor(Door(Wire(bank), doors.BASE_URL, doors.InProcess(admin)), key)
    visitor.top_up()
    assert visitor.balance() == "500.00"
    assert admin.glances[0].status == "200 OK"
    assert sum(admin.counts.values()) == len(admin.glances)


def test_clock_is_moved(http: requests.Session, bank: Bank) -> None:
    """The bank's time goes forward by order."""
    assert order(http, "clock", days=2, hours=1).json() == {"time": "2026-04-03 10:00:00.000000"}
    assert bank.clock.now().day == 3


def test_faults_are_set(http: requests.Session) -> None:
    """Something can be made to go wrong, and called off."""
    order(http, "faults", kind="500", times=None)
    assert http.get(f"{ORIGIN}/v1/user", timeout=5).status_code == 500
    assert order(http, "faults", clear=True).json() == {"happened": {"500": 1}}
    assert http.get(f"{ORIGIN}/v1/user", timeout=5).status_code == 403


def test_a_cut_is_a_broken_connection(http: requests.Session) -> None:
    """In process a cut is the error that a closed socket would be."""
    order(http, "faults", kind="cut before")
    with pytest.raises(requests.ConnectionError):
        http.get(f"{ORIGIN}/v1/user", timeout=5)


def test_card_is_used_and_money_given_back(http: requests.Session, bank: Bank) -> None:
    """The demo person's card pays by order, is refused, and is paid back."""
    row = bank.ledger.row("SELECT id FROM thing WHERE type = 'CardDebit'")
    assert row is not None
    told = order(http, "cards/use", card_id=row["id"], cents=500, shop="Kiosk").json()
    assert told["decision"] == "ALLOWED"
    back = order(http, "cards/give-back", mastercard_action_id=told["mastercard_action_id"])
    assert back.json()["payment_id"] > 0
    told = order(http, "cards/use", card_id=row["id"], cents=500, shop="Kiosk", country="ZZ").json()
    assert told["decision"] == "COUNTRY_NOT_PERMITTED"
    assert order(http, "cards/use", card_id=1, cents=500, shop="Kiosk").status_code == 404
    asked = order(http, "cards/challenge", card_id=row["id"], cents=500, shop="Web").json()
    number, kind = asked["challenge_request_id"], "MasterCardIdentityCheckChallengeRequest"
    assert bank.ledger.row("SELECT 1 FROM thing WHERE id = ? AND type = ?", number, kind)


def test_books_are_open(http: requests.Session) -> None:
    """One look shows that the books balance."""
    told = http.get(f"{ORIGIN}/control/books", timeout=5).json()
    assert set(told["imbalance"].values()) == {0}
    assert told["numbers"]["movement"] >= 500


def test_the_desk_says_what_it_does(http: requests.Session) -> None:
    """Its address alone lists what it shows and which orders it takes."""
    told = http.get(f"{ORIGIN}/control/", timeout=5)
    assert told.status_code == 200
    for what in told.json()["GET"]:
        assert http.get(f"{ORIGIN}/control/{what}", timeout=5).status_code == 200
    for what in told.json()["POST"]:
        assert http.get(f"{ORIGIN}/control/{what}", timeout=5).status_code == 405
    assert "GET /control/" in order(http, "nothing").json()["problem"]


def test_reset_gives_a_new_key(http: requests.Session, bank: Bank) -> None:
    """After a reset there is a new key for a new person."""
    old = bank.demo_key
    assert order(http, "reset", seed=3).json() == {"api_key": bank.demo_key.reveal()}
    assert bank.demo_key != old


def test_key_is_issued(http: requests.Session, bank: Bank, key: KeyPair) -> None:
    """Whoever is at the bank gets a further key that opens it."""
    door = Door(Wire(bank), doors.BASE_URL, doors.InProcess(bank))
    visitor = Visitor(door, key)
    text = order(http, "keys/issue", user_id=visitor.session.user_id).json()["api_key"]
    again = Visitor(door, KeyPair.generate(), Secret(text))
    assert again.session.user_id == visitor.session.user_id
    assert order(http, "keys/issue", user_id=1).status_code == 404


def test_thing_is_placed(http: requests.Session, bank: Bank) -> None:
    """What no client can make, such as an invoice, is put there by order."""
    row = bank.ledger.row("SELECT id, person_id FROM account WHERE person_id IS NOT NULL")
    assert row is not None
    path = f"/user/{row['person_id']}/monetary-account/{row['id']}/invoice"
    number = order(http, "place", path=path).json()["id"]
    assert bank.ledger.row("SELECT 1 FROM thing WHERE id = ? AND type = 'Invoice'", number)


@pytest.mark.parametrize(
    ("what", "body", "status"),
    [
        ("nothing", {}, 404),
        ("clock", {"weeks": 3}, 400),
        ("clock", {"days": "soon"}, 400),
        ("clock", {"days": 1e300}, 400),
        ("faults", {"kind": "earthquake"}, 400),
        ("faults", {"sort": "500"}, 400),
        ("cards/use", {}, 400),
        ("cards/use", {"card_id": 1, "cents": 1, "shop": "x", "colour": "red"}, 400),
        ("place", {"path": "/nowhere"}, 400),
        ("reset", {"seed": "one"}, 400),
    ],
)
def test_orders_without_sense_are_refused(
    http: requests.Session, what: str, body: dict[str, Any], status: int
) -> None:
    """A wrong order is refused with a reason, and changes nothing."""
    answer = order(http, what, **body)
    assert answer.status_code == status
    assert answer.json()["problem"]
    assert http.get(f"{ORIGIN}/health", timeout=5).json()["time"].startswith("2026-04-01 09:00:00")


def test_orders_need_their_header(http: requests.Session, bank: Bank) -> None:
    """A form on another site can't reset the bank: browsers don't send this header unasked."""
    old = bank.demo_key
    answer = http.post(f"{ORIGIN}/control/reset", data="{}", timeout=5)
    assert (answer.status_code, bank.demo_key) == (400, old)
    assert http.get(f"{ORIGIN}/control/reset", timeout=5).status_code == 405
    assert http.post(f"{ORIGIN}/elsewhere", timeout=5).status_code == 404


def test_orders_have_a_bound(http: requests.Session) -> None:
    """Too large, too deep, of a strange shape: refused, and said why."""
    send = {"headers": {"Content-Type": "application/json"}, "timeout": 5}
    large = http.post(f"{ORIGIN}/control/clock", b" " * 100_001, **send)  # type: ignore[arg-type]
    assert large.status_code == 413
    deep = http.post(f"{ORIGIN}/control/clock", b"[" * 90_000, **send)  # type: ignore[arg-type]
    assert deep.status_code == 400
    for what in http.get(f"{ORIGIN}/control/", timeout=5).json()["POST"]:
        strange: Any
        for strange in ([], {"id": {}, "account_id": [], "category": {}, "path": 1, "seed": []}):
            answer = http.post(f"{ORIGIN}/control/{what}", json=strange, timeout=5)
            assert answer.status_code in (200, 400, 404)


def test_the_desk_sends_what_no_call_does(http: requests.Session, bank: Bank, key: KeyPair) -> None:
    """A direct debit comes in, a link is paid, a payment gets a category, and the clock drives."""
    visitor = Visitor(Door(Wire(bank), doors.BASE_URL, doors.InProcess(bank)), key)
    visitor.top_up()
    sent = order(http, "debits/send", account_id=visitor.account_id, cents=12_50, creditor="Gas")
    number = sent.json()["request_response_id"]
    came = visitor.call("GET", f"{visitor.account}/request-response/{number}").item
    assert (came["status"], came["counterparty_alias"]["display_name"]) == ("PENDING", "Gas")
    assert order(http, "clock", days=3).json()["time"].startswith("2026-04-04")
    assert visitor.balance() == "487.50"
    body = {"bunqme_tab_entry": {"description": "tickets"}}
    tab = visitor.create(f"{visitor.account}/bunqme-tab", body)
    assert "how much" in order(http, "tabs/pay", tab_id=tab).json()["problem"]
    paid = order(http, "tabs/pay", tab_id=tab, cents=500).json()["payment_id"]
    told = order(http, "payments/categorise", payment_id=paid, category="TRAVEL").json()
    assert (told, visitor.balance()) == ({"category": "TRAVEL"}, "492.50")
    asked = {"amount_requested": {"value": "1.00", "currency": "EUR"}, "issuer": "INGBNL2A"}
    added = visitor.create(f"{visitor.account}/ideal-merchant-transaction", asked)
    assert order(http, "ideal/pay", transaction_id=added).json()["payment_id"] > paid
    assert order(http, "sofort/pay", account_id=visitor.account_id, cents=50).status_code == 200
    assert visitor.balance() == "494.00"
    wrong = order(http, "payments/categorise", payment_id=paid, category="NONSENSE")
    assert (wrong.status_code, "NONSENSE" in wrong.json()["problem"]) == (400, True)
