"""What others send: payment links that are paid, direct debits, and whitelists for them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from visitors import Hook, Visitor, payment, refusal

from bunqkit.sandbox import Bank, DirectDebit
from bunqkit.sandbox.refusal import Refusal


@pytest.fixture(autouse=True)
def _books(bank: Bank) -> Iterator[None]:
    """Insist after every test that the books balance."""
    yield
    assert not any(bank.ledger.imbalance().values())


@pytest.fixture
def rich(visitor: Visitor) -> Visitor:
    """Give somebody with 500 euro."""
    visitor.top_up()
    return visitor


def eur(value: str) -> dict[str, str]:
    """Give an amount."""
    return {"value": value, "currency": "EUR"}


def tab(visitor: Visitor, **entry: Any) -> int:
    """Make a payment link; give the id."""
    body = {"bunqme_tab_entry": {"description": "tickets", **entry}}
    return visitor.create(f"{visitor.account}/bunqme-tab", body)


# Payment links


def test_link_is_paid_from_outside_and_inside(rich: Visitor, friend: Visitor) -> None:
    """Both ways money comes, the link shows each payment, and a payer of the bank sees theirs."""
    number = tab(rich, amount_inquired=eur("15.00"))
    path, bank = f"{rich.account}/bunqme-tab/{number}", rich.door.bank
    made = rich.call("GET", path).item
    assert (made["status"], made["result_inquiries"]) == ("WAITING_FOR_PAYMENT", [])
    assert made["bunqme_tab_share_url"] == f"https://bunq.me/t/{made['bunqme_tab_entry']['uuid']}"
    assert made["time_expiry"] == "2026-05-01 09:00:00.000000"
    outside = bank.pay_tab(number, name="Wim Buiten")
    inside = bank.pay_tab(number, account_id=friend.account_id)
    paid = [each["payment"] for each in rich.call("GET", path).item["result_inquiries"]]
    assert [each["id"] for each in paid] == [outside, inside]
    assert [each["type"] for each in paid] == ["IDEAL", "BUNQ"]
    assert paid[0]["counterparty_alias"]["display_name"] == "Wim Buiten"
    assert (rich.balance(), friend.balance()) == ("530.00", "485.00")
    events = friend.call("GET", f"/user/{friend.session.user_id}/event").items
    (result,) = [e["object"] for e in events if "BunqMeTabResultResponse" in e["object"]]
    told = result["BunqMeTabResultResponse"]
    assert told["payment"]["amount"]["value"] == "-15.00"
    read = friend.call("GET", f"{friend.account}/bunqme-tab-result-response/{told['id']}").item
    assert read == told


def test_link_without_an_amount_asks_how_much(rich: Visitor) -> None:
    """Who pays an open link says what; without that nothing moves."""
    number, bank = tab(rich), rich.door.bank
    for cents in (None, 0, -5):
        with pytest.raises(Refusal, match="how much"):
            bank.pay_tab(number, cents=cents)
    bank.pay_tab(number, cents=1)
    assert rich.balance() == "500.01"


@pytest.mark.parametrize("end", ["CANCELLED", "EXPIRED"])
def test_link_ends(rich: Visitor, end: str) -> None:
    """A cancelled link, and one of 30 days ago, can't be paid any more."""
    number, bank = tab(rich, amount_inquired=eur("15.00")), rich.door.bank
    path = f"{rich.account}/bunqme-tab/{number}"
    if end == "CANCELLED":
        rich.call("PUT", path, {"status": "CANCELLED"})
    else:
        assert refusal(lambda: rich.call("PUT", path, {"status": "EXPIRED"}))[0] == 400
        bank.clock.advance(days=30)
        rich.reopen()
    told = rich.call("GET", path).item
    assert (told["status"], told["bunqme_tab_entry"]["status"]) == (end, end)
    with pytest.raises(Refusal, match=end):
        bank.pay_tab(number)
    assert refusal(lambda: rich.call("PUT", path, {"status": "CANCELLED"}))[0] == 400


def test_link_is_told(rich: Visitor, hook: Hook) -> None:
    """Callbacks come when it is made and when it is paid."""
    filters = [
        {"category": category, "notification_target": hook.url}
        for category in ("BUNQME_TAB", "TAB_RESULT")
    ]
    path = f"/user/{rich.session.user_id}/notification-filter-url"
    rich.call("POST", path, {"notification_filters": filters})
    rich.door.bank.pay_tab(tab(rich, amount_inquired=eur("1.00")))
    rich.door.bank.deliver()
    told = [(each["category"], each["event_type"]) for each in hook.bodies]
    assert told[0] == ("BUNQME_TAB", "BUNQME_TAB_CREATED")
    assert set(told[1:]) == {("BUNQME_TAB", "BUNQME_TAB_PAID"), ("TAB_RESULT", "BUNQME_TAB_PAID")}


# Money that is added by iDEAL and Sofort


def ideal(visitor: Visitor, value: str = "25.00", **change: Any) -> str:
    """Begin to add money by iDEAL; give the path."""
    path = f"{visitor.account}/ideal-merchant-transaction"
    body = {"amount_requested": eur(value), "issuer": "INGBNL2A"} | change
    return f"{path}/{visitor.create(path, body)}"


def number_of(path: str) -> int:
    """Give the id that a path ends in."""
    return int(path.rpartition("/")[2])


def test_money_is_added_by_ideal(visitor: Visitor, hook: Hook) -> None:
    """It says where to pay, and once that is done the money comes and everybody is told."""
    filters = [
        {"category": category, "notification_target": hook.url}
        for category in ("IDEAL", "MUTATION", "PAYMENT")
    ]
    user, bank = f"/user/{visitor.session.user_id}", visitor.door.bank
    visitor.call("POST", f"{user}/notification-filter-url", {"notification_filters": filters})
    path = ideal(visitor)
    made = visitor.call("GET", path).item
    assert (made["status"], made["amount_requested"]) == ("OPEN", eur("25.00"))
    assert (made["issuer"], made["issuer_name"]) == ("INGBNL2A", "ING")
    assert made["issuer_authentication_url"].startswith("https://")
    assert made["expiration"] == "2026-04-01 09:30:00.000000"
    assert made["amount_guaranteed"] is None
    assert "counterparty_alias" not in made
    assert visitor.balance() == "0.00"
    bank.clock.advance(seconds=60)
    paid = bank.pay_ideal(number_of(path), name="Wim Buiten")
    told = visitor.call("GET", path).item
    assert (told["status"], told["amount_guaranteed"]) == ("SUCCESS", eur("25.00"))
    assert told["status_timestamp"] == "2026-04-01 09:01:00.000000"
    assert told["counterparty_alias"]["display_name"] == "Wim Buiten"
    payment = visitor.call("GET", f"{visitor.account}/payment/{paid}").item
    assert (payment["type"], payment["amount"]) == ("IDEAL", eur("25.00"))
    assert visitor.balance() == "25.00"
    events = visitor.call("GET", f"{user}/event").items
    assert [each["object"] for each in events if "IdealMerchantTransaction" in each["object"]] == [
        {"IdealMerchantTransaction": told}
    ]
    bank.deliver()
    came = {each["category"]: each["object"] for each in hook.bodies}
    assert came.keys() == {"IDEAL", "MUTATION"}
    assert came["IDEAL"] == {"IdealMerchantTransaction": told}
    with pytest.raises(Refusal, match="SUCCESS"):
        bank.pay_ideal(number_of(path))


@pytest.mark.parametrize("end", ["EXPIRED", "CANCELLED"])
def test_money_is_not_added_any_more(visitor: Visitor, end: str) -> None:
    """After half an hour, or when the account is closed, nobody can pay it."""
    path, bank = ideal(visitor), visitor.door.bank
    if end == "EXPIRED":
        bank.clock.advance(seconds=1800)
    else:
        closed = {"status": "CANCELLED", "sub_status": "REDEMPTION_VOLUNTARY"}
        account = visitor.account.replace("monetary-account/", "monetary-account-bank/")
        visitor.call("PUT", account, closed)
    assert visitor.call("GET", path).item["status"] == end
    with pytest.raises(Refusal, match=end):
        bank.pay_ideal(number_of(path))
    assert visitor.balance() == "0.00"


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"issuer": "NOBANK00"}, "NOBANK00"),
        ({"issuer": None}, '"issuer"'),
        ({"amount_requested": None}, '"amount_requested"'),
        ({"amount_requested": eur("0.00")}, "more than zero"),
        ({"amount_requested": {"value": "1.00", "currency": "USD"}}, "USD"),
    ],
    ids=["no bank", "no issuer", "no amount", "nothing", "dollars"],
)
def test_what_ideal_does_not_take(visitor: Visitor, change: dict[str, Any], reason: str) -> None:
    """A bank that is not there, no bank, no amount, and one in another currency."""
    status, text = refusal(lambda: ideal(visitor, **change))
    assert (status, reason in text) == (400, True)


def test_only_euro_is_added(visitor: Visitor) -> None:
    """An account in dollars can't be paid into by iDEAL or Sofort."""
    user = f"/user/{visitor.session.user_id}"
    number = visitor.create(f"{user}/monetary-account-bank", {"currency": "USD"})
    dollars = {"amount_requested": {"value": "1.00", "currency": "USD"}, "issuer": "INGBNL2A"}
    path = f"{user}/monetary-account/{number}/ideal-merchant-transaction"
    assert "Only euro" in refusal(lambda: visitor.call("POST", path, dollars))[1]
    with pytest.raises(Refusal, match="Only euro"):
        visitor.door.bank.pay_sofort(number, 100)
    with pytest.raises(Refusal, match="whole cents"):
        visitor.door.bank.pay_sofort(visitor.account_id, 0)


def test_money_is_added_by_sofort(visitor: Visitor, hook: Hook) -> None:
    """No call begins it; what came is listed, told under its category, and no PAYMENT."""
    filters = [
        {"category": category, "notification_target": hook.url}
        for category in ("SOFORT", "PAYMENT")
    ]
    path = f"/user/{visitor.session.user_id}/notification-filter-url"
    visitor.call("POST", path, {"notification_filters": filters})
    paid = visitor.door.bank.pay_sofort(visitor.account_id, 12_50, name="Erika Draussen")
    path = f"{visitor.account}/sofort-merchant-transaction"
    (told,) = visitor.call("GET", path).items
    assert visitor.call("GET", f"{path}/{told['id']}").item == told
    assert (told["status"], told["amount_guaranteed"]) == ("SUCCESS", eur("12.50"))
    assert told["counterparty_alias"]["display_name"] == "Erika Draussen"
    assert visitor.call("GET", f"{visitor.account}/payment").item["id"] == paid
    assert visitor.balance() == "12.50"
    visitor.door.bank.deliver()
    assert [(each["category"], each["object"]) for each in hook.bodies] == [
        ("SOFORT", {"SofortMerchantTransaction": told})
    ]


# Direct debits


def debit(visitor: Visitor, cents: int = 25_00, **how: Any) -> dict[str, Any]:
    """Have a debit come in; give it as the one who is asked sees it."""
    number = visitor.door.bank.direct_debit(visitor.account_id, DirectDebit(cents, **how))
    return read(visitor, number)


def read(visitor: Visitor, number: int) -> dict[str, Any]:
    """Read a request response."""
    item: dict[str, Any] = visitor.call("GET", f"{visitor.account}/request-response/{number}").item
    return item


def respond(visitor: Visitor, number: int, status: str) -> Any:
    """Answer a request."""
    return visitor.call("PUT", f"{visitor.account}/request-response/{number}", {"status": status})


def whitelist(visitor: Visitor, came: dict[str, Any], kind: str = "recurring", **more: Any) -> str:
    """Have debits like one pass; give the path."""
    path = f"/user/{visitor.session.user_id}/whitelist-sdd-{kind}"
    body = {"monetary_account_paying_id": visitor.account_id, "request_id": came["id"], **more}
    return f"{path}/{visitor.create(path, body)}"


def test_debit_waits_for_an_answer(rich: Visitor) -> None:
    """It names creditor and mandate, and is paid as a direct debit once it is accepted."""
    came = debit(rich, creditor="Zuiderzee Mobiel", description="Sim only")
    assert (came["status"], came["type"], came["sub_type"]) == ("PENDING", "DIRECT_DEBIT", "ONCE")
    assert came["counterparty_alias"]["display_name"] == "Zuiderzee Mobiel"
    assert came["credit_scheme_identifier"].startswith("NL")
    assert came["mandate_identifier"]
    assert came["time_expiry"] == "2026-04-04 09:00:00.000000"
    assert rich.balance() == "500.00"
    respond(rich, came["id"], "ACCEPTED")
    paid = rich.call("GET", f"{rich.account}/payment").items[0]
    assert (paid["type"], paid["sub_type"], paid["amount"]["value"]) == ("EBA_SDD", "SDD", "-25.00")


@pytest.mark.parametrize(
    ("setting", "cents", "status", "balance"),
    [
        (None, 25_00, "ACCEPTED", "475.00"),
        ("AUTO_ACCEPT", 25_00, "ACCEPTED", "475.00"),
        ("AUTO_REJECT", 25_00, "REJECTED", "500.00"),
        (None, 500_01, "REJECTED", "500.00"),
    ],
)
def test_debit_that_nobody_answers(
    rich: Visitor, setting: str | None, cents: int, status: str, balance: str
) -> None:
    """After three days it is paid, unless the account says otherwise or has too little."""
    path = f"/user/{rich.session.user_id}/monetary-account-bank/{rich.account_id}"
    if setting is not None:
        rich.call("PUT", path, {"setting": {"sdd_expiration_action": setting}})
    came = debit(rich, cents)
    rich.door.bank.clock.advance(days=3)
    assert read(rich, came["id"])["status"] == status
    assert rich.balance() == balance


def test_refused_debit_moves_nothing(rich: Visitor) -> None:
    """Rejected is rejected, also when its time comes."""
    came = debit(rich)
    respond(rich, came["id"], "REJECTED")
    rich.door.bank.clock.advance(days=4)
    assert (read(rich, came["id"])["status"], rich.balance()) == ("REJECTED", "500.00")


def test_debit_can_be_asked_back(rich: Visitor) -> None:
    """For eight weeks; not between companies, and not twice."""
    came = debit(rich)
    assert refusal(lambda: respond(rich, came["id"], "REFUND_REQUESTED"))[0] == 400
    respond(rich, came["id"], "ACCEPTED")
    told = respond(rich, came["id"], "REFUND_REQUESTED").item
    assert (told["status"], rich.balance()) == ("REFUNDED", "500.00")
    assert told["user_refund_requested"]["type"] == "PERSON"
    assert rich.call("GET", f"{rich.account}/payment").items[0]["sub_type"] == "REVERSAL"
    assert refusal(lambda: respond(rich, came["id"], "REFUND_REQUESTED"))[0] == 400
    firm, late = debit(rich, is_b2b=True), debit(rich)
    for each in (firm, late):
        respond(rich, each["id"], "ACCEPTED")
    assert refusal(lambda: respond(rich, firm["id"], "REFUND_REQUESTED"))[0] == 400
    rich.door.bank.clock.advance(days=57)
    rich.reopen()
    assert "eight weeks" in refusal(lambda: respond(rich, late["id"], "REFUND_REQUESTED"))[1]


def test_debit_recurs_by_the_clock(rich: Visitor) -> None:
    """Each month a new request, as often as was said."""
    came = debit(rich, 10_00, every="MONTHLY", times=3)
    assert came["sub_type"] == "RECURRING"
    rich.door.bank.clock.advance(days=200)
    rich.reopen()
    items = rich.call("GET", f"{rich.account}/request-response").items
    days = [each["created"][:10] for each in items]
    assert days == ["2026-06-01", "2026-05-01", "2026-04-01"]
    assert {each["mandate_identifier"] for each in items} == {came["mandate_identifier"]}
    assert rich.balance() == "470.00"


def test_whitelist_lets_debits_pass(rich: Visitor) -> None:
    """A creditor's next debits are paid at once, within the limits; others wait."""
    first = debit(rich, 10_00, every="MONTHLY", times=1)
    path = whitelist(
        rich,
        first,
        maximum_amount_per_payment=eur("40.00"),
        maximum_amount_per_month=eur("60.00"),
    )
    assert read(rich, first["id"])["status"] == "PENDING"
    for cents, status in ((40_00, "ACCEPTED"), (40_01, "PENDING"), (20_01, "PENDING"),
                          (20_00, "ACCEPTED")):  # fmt: skip
        came = debit(rich, cents, every="MONTHLY", times=1)
        assert came["status"] == status, cents
    assert rich.balance() == "440.00"
    other = debit(rich, 10_00, every="MONTHLY", times=1, creditor="Somebody Else")
    assert other["status"] == "PENDING"
    rich.call("DELETE", path)
    assert debit(rich, 1_00, every="MONTHLY", times=1)["status"] == "PENDING"


def test_one_off_whitelist_is_used_once(rich: Visitor) -> None:
    """The next debit passes, the one after waits."""
    path = whitelist(rich, debit(rich), "one-off")
    assert debit(rich)["status"] == "ACCEPTED"
    assert rich.call("GET", path).item["status"] == "USED"
    assert debit(rich)["status"] == "PENDING"


def test_whitelists_are_listed(rich: Visitor, friend: Visitor) -> None:
    """By kind, by person under their own names, and by the account where the debits come in."""
    came = debit(rich)
    one, other = whitelist(rich, came), whitelist(rich, came, "one-off")
    user, ids = f"/user/{rich.session.user_id}", [int(p.rpartition("/")[2]) for p in (one, other)]
    listed = rich.call("GET", f"{user}/whitelist-sdd")
    assert listed.types == ["WhitelistSddOneOff", "WhitelistSddRecurring"]
    assert [each["id"] for each in listed.items] == ids[::-1]
    of_account = rich.call("GET", f"{rich.account}/whitelist-sdd")
    assert (of_account.types, len(of_account.items)) == (["WhitelistSdd"] * 2, 2)
    assert rich.call("GET", f"{rich.account}/whitelist-sdd/{ids[0]}").item["type"] == "CORE"
    rich.call("PUT", one, {"maximum_amount_per_payment": eur("5.00")})
    assert rich.call("GET", one).item["maximum_amount_per_payment"] == eur("5.00")
    stolen = f"/user/{friend.session.user_id}/whitelist-sdd"
    body = {"monetary_account_paying_id": friend.account_id, "request_id": came["id"]}
    assert refusal(lambda: friend.call("POST", f"{stolen}-one-off", body))[0] == 404
    assert refusal(lambda: friend.call("GET", f"{stolen}/{ids[0]}"))[0] == 404


def test_whitelist_pays_from_another_account(rich: Visitor) -> None:
    """The account that is named pays, and gets its money back if it is asked back."""
    user = f"/user/{rich.session.user_id}"
    pot = rich.create(f"{user}/monetary-account-bank", {"currency": "EUR"})
    move = {"type": "IBAN", "value": iban(rich, pot), "name": "me"}
    body = {"amount": eur("100.00"), "counterparty_alias": move, "description": "pot"}
    rich.create(f"{rich.account}/payment", body)
    path = whitelist(rich, debit(rich), "one-off")
    rich.call("PUT", path, {"monetary_account_paying_id": pot})
    came = debit(rich)
    assert (came["status"], rich.balance()) == ("ACCEPTED", "400.00")
    assert rich.call("GET", f"{user}/monetary-account/{pot}").item["balance"] == eur("75.00")
    respond(rich, came["id"], "REFUND_REQUESTED")
    assert rich.call("GET", f"{user}/monetary-account/{pot}").item["balance"] == eur("100.00")


def iban(visitor: Visitor, account_id: int) -> str:
    """Give the IBAN of an account."""
    path = f"/user/{visitor.session.user_id}/monetary-account/{account_id}"
    value: str = visitor.call("GET", path).item["alias"][0]["value"]
    return value


@pytest.mark.parametrize("order", [{"cents": 0}, {"cents": 1, "every": "SOMETIMES"}], ids=repr)
def test_debits_that_make_no_sense_are_refused(rich: Visitor, order: dict[str, Any]) -> None:
    """Nothing to collect, and a unit that is none."""
    with pytest.raises(Refusal):
        rich.door.bank.direct_debit(rich.account_id, DirectDebit(**order))


def test_request_is_not_taken_for_a_debit(
    rich: Visitor, friend: Visitor, later: Callable[..., None]
) -> None:
    """A friend's request can't be whitelisted, and does not expire into a payment."""
    body = {
        "amount_inquired": eur("10.00"),
        "counterparty_alias": {"type": "EMAIL", "value": rich.email},
        "description": "tea",
        "allow_bunqme": False,
    }
    friend.create(f"{friend.account}/request-inquiry", body)
    asked = rich.call("GET", f"{rich.account}/request-response").item
    assert refusal(lambda: whitelist(rich, asked))[0] == 404
    later(days=5)
    assert read(rich, asked["id"])["status"] == "PENDING"


# Money that is sorted


def sort(visitor: Visitor, kind: str, *parts: dict[str, Any]) -> str:
    """Have the newest payment, and those like it if it recurs, split up; give the rule's path."""
    number = visitor.call("GET", f"{visitor.account}/payment").items[0]["id"]
    to = {"type": "EMAIL", "value": "bravo@bunq.com"}
    definition = [
        {"type": "X", "counterparty_alias": to, "description": "part"} | each for each in parts
    ]
    body = {"payment_id": number, "type": kind, "definition": definition}
    path = f"{visitor.account}/payment-auto-allocate"
    return f"{path}/{visitor.create(path, body)}"


def test_incoming_money_is_sorted(rich: Visitor, friend: Visitor) -> None:
    """The payment at once, and those of the same payer after it, until the rule is deleted."""
    path = sort(rich, "RECURRING", {"fraction": 0.1}, {"amount": eur("5.00")})
    assert rich.balance() == "445.00"
    rich.top_up("100.00")
    assert rich.balance() == "530.00"
    friend.create(f"{friend.account}/payment", payment(rich.email, "100.00"))
    assert rich.balance() == "630.00"
    told = rich.call("GET", path).item
    assert told["payment_latest"]["amount"] == eur("100.00")
    assert told["payment_original"]["amount"] == eur("500.00")
    latest, first = rich.call("GET", f"{path}/instance").items
    parts = [each["amount"]["value"] for each in latest["payment_batch"]["payments"]]
    assert (parts, first["status"]) == (["-10.00", "-5.00"], "SUCCEEDED")
    fractions = [each["fraction"] for each in rich.call("GET", f"{path}/definition").items]
    assert fractions == [0.1, None]
    rich.call("DELETE", path)
    rich.top_up("100.00")
    assert rich.balance() == "730.00"


def test_sorted_money_is_not_sorted_again(rich: Visitor) -> None:
    """Two rules that send all of it to and fro come to rest."""
    path = f"/user/{rich.session.user_id}/monetary-account-bank"
    pot = rich.create(path, {"currency": "EUR"})
    there = {"type": "IBAN", "value": iban(rich, pot), "name": "pot"}
    back = {"type": "EMAIL", "value": rich.email}
    sort(rich, "RECURRING", {"fraction": 1.0, "counterparty_alias": there})
    assert rich.balance() == "0.00"
    account = f"/user/{rich.session.user_id}/monetary-account/{pot}"
    number = rich.call("GET", f"{account}/payment").item["id"]
    rule = {"type": "X", "counterparty_alias": back, "description": "back", "fraction": 1.0}
    body = {"payment_id": number, "type": "RECURRING", "definition": [rule]}
    rich.create(f"{account}/payment-auto-allocate", body)
    assert rich.balance() == "500.00"
    rich.top_up("10.00")
    assert rich.balance() == "500.00"
    assert rich.call("GET", account).item["balance"] == eur("10.00")


def test_sorting_once_and_in_vain(rich: Visitor) -> None:
    """One that is for once sorts nothing later; what can't be paid is told, and nothing moves."""
    sort(rich, "ONCE", {"amount": eur("100.00")})
    rich.top_up("100.00")
    assert rich.balance() == "500.00"
    path = sort(rich, "ONCE", {"amount": eur("999.00")})
    (failed,) = rich.call("GET", f"{path}/instance").items
    assert (failed["status"], failed["payment_batch"]) == ("FAILED", None)
    assert "not sufficient" in failed["error_message"][0]["error_description"]
    assert rich.balance() == "500.00"


@pytest.mark.parametrize(
    "parts",
    [[], [{}], [{"fraction": 0.6}, {"fraction": 0.6}], [{"fraction": 0.5, "amount": eur("1.00")}]],
    ids=repr,
)
def test_wrong_parts_are_refused(rich: Visitor, parts: list[dict[str, Any]]) -> None:
    """None at all, neither or both of amount and fraction, and more than the whole."""
    assert refusal(lambda: sort(rich, "ONCE", *parts))[0] == 400
    assert rich.balance() == "500.00"
