"""Direct debits: answered, recurring, whitelisted, refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from visitors import Visitor, refusal

from bunqkit.sandbox import DirectDebit
from bunqkit.sandbox.refusal import Refusal


def eur(value: str) -> dict[str, str]:
    """Give an amount."""
    return {"value": value, "currency": "EUR"}


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
