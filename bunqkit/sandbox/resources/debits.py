"""Direct debits that come in, and the whitelists that let them pass.

Source: bunq docs, "Request response" for what one is asked, "Whitelist" for what is paid unasked.
That a debit waits for three days and is then paid, unless the account's setting says otherwise, is
a rule of our own, as are the words AUTO_ACCEPT and AUTO_REJECT: no source names them. bunq has no
call to send a debit: ``Bank.direct_debit`` and the control desk do.
"""

from __future__ import annotations

import json
import sqlite3
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from bunqkit.sandbox import scheduled_jobs
from bunqkit.sandbox.clock import wire_time
from bunqkit.sandbox.ledger import Ledger
from bunqkit.sandbox.refusal import Refusal, not_found, refuse
from bunqkit.sandbox.resources.accounts import own_account
from bunqkit.sandbox.resources.call import Call, Item, Page, created
from bunqkit.sandbox.resources.generic_resources import (
    add_thing,
    as_placed,
    find_thing,
    read_thing,
    rewrite_thing,
    scope_of,
    secret_of,
    tell_thing,
)
from bunqkit.sandbox.resources.labels import label_account, label_user
from bunqkit.sandbox.resources.recurrence import check_schedule, due_at
from bunqkit.sandbox.resources.requests import add_request, answer, read_request
from bunqkit.sandbox.resources.shape import shape
from bunqkit.sandbox.resources.wire import amount, cents_of

_WAITS = timedelta(days=3)
_WHITELISTS = {
    "whitelist-sdd-one-off": "WhitelistSddOneOff",
    "whitelist-sdd-recurring": "WhitelistSddRecurring",
}


@dataclass(frozen=True)
class DirectDebit:
    """What somebody outside collects from an account of the bank.

    Attributes
    ----------
    cents
        How much, each time.
    creditor
        Who collects: somebody outside of this name.
    description
        What for.
    mandate
        The mandate's identifier; by default one of the creditor's.
    every
        ``DAILY``, ``WEEKLY``, ``MONTHLY`` or ``YEARLY``; by default once.
    times
        How often at most; ``None`` for as long as the account is open.
    is_b2b
        Whether it is between companies: such a one can't be asked back.
    """

    cents: int
    creditor: str = "Noorderlicht Energie"
    description: str = "Direct debit"
    mandate: str | None = None
    every: str | None = None
    times: int | None = None
    is_b2b: bool = False


def send_debit(ledger: Ledger, account_id: int, debit: DirectDebit) -> int:
    """Have a debit come in now, and again if it recurs; give the id of the request response."""
    account = ledger.account(account_id)
    if account["person_id"] is None or type(debit.cents) is not int or debit.cents <= 0:
        raise refuse(400, "A direct debit collects whole cents from an account of the bank.")
    if debit.every is not None:
        check_schedule(_times(debit.every, ledger.clock.now()))
        kept = asdict(debit) | {
            "account_id": account_id,
            "turn": 1,
            "start": wire_time(ledger.clock.now()),
        }
        number = add_thing(ledger, "bank/direct-debit", "RequestResponse", {}, secret=kept)
        _plan(ledger, number, kept)
    return _collect(ledger, account, debit)


def collect_again(ledger: Ledger, number: int) -> None:
    """Have a recurring debit come in once more, unless its account was closed."""
    row = read_thing(ledger, number)
    kept = secret_of(row)
    account = ledger.account(kept["account_id"])
    if account["status"] == "CANCELLED":
        return
    names = DirectDebit.__dataclass_fields__
    _collect(ledger, account, DirectDebit(**{name: kept[name] for name in names}))
    kept["turn"] += 1
    rewrite_thing(ledger, row, {}, secret=kept)
    _plan(ledger, number, kept)


def expire_debit(ledger: Ledger, number: int) -> None:
    """Pay or reject a debit that nobody has answered, as its account's setting says."""
    row = read_request(ledger, number)
    details = json.loads(ledger.account(row["payer_id"])["details"])
    action = (details.get("setting") or {}).get("sdd_expiration_action")
    if action == "AUTO_REJECT" or not _try_to_pay(ledger, row, row["payer_id"]):
        answer(ledger, row, "REJECTED")


def _plan(ledger: Ledger, number: int, kept: dict[str, Any]) -> None:
    if kept["times"] is None or kept["turn"] < kept["times"]:
        due = due_at(check_schedule(_times(kept["every"], kept["start"])), kept["turn"])
        if due is not None:
            scheduled_jobs.plan(ledger, "debit", number, due)


def _times(unit: str, start: datetime | str) -> dict[str, Any]:
    told = start if isinstance(start, str) else wire_time(start)
    return {"time_start": told, "recurrence_unit": unit, "recurrence_size": 1}


def _collect(ledger: Ledger, account: sqlite3.Row, debit: DirectDebit) -> int:
    """Ask for the money; what is whitelisted is paid at once. Give the response's id."""
    luck = ledger.chance("creditor", debit.creditor)
    identifier = f"NL{luck.randrange(10, 99)}ZZZ{luck.randrange(10**11, 10**12)}0000"
    mandate = debit.mandate or f"M{luck.randrange(10**8, 10**9)}"
    currency, person_id = account["currency"], account["person_id"]
    creditor = ledger.outsider(debit.creditor, currency=currency)
    sub_type = "ONCE" if debit.every is None else "RECURRING"
    whitelist = _whitelist_for(ledger, person_id, identifier, mandate, sub_type)
    expiry = ledger.clock.now() + _WAITS
    body = {
        "counterparty_alias": {"type": "IBAN", "value": account["iban"], "name": account["holder"]},
        "amount_inquired": amount(debit.cents, currency),
        "description": debit.description,
        "type": "DIRECT_DEBIT_B2B" if debit.is_b2b else "DIRECT_DEBIT",
        "sub_type": sub_type,
        "time_expiry": wire_time(expiry),
        "credit_scheme_identifier": identifier,
        "mandate_identifier": mandate,
        "eligible_whitelist_id": whitelist and whitelist["id"],
    }
    number = add_request(ledger, creditor, account["id"], debit.cents, body)
    scheduled_jobs.plan(ledger, "debit expiry", number, expiry)
    row = read_request(ledger, number)
    if whitelist is not None and _is_within(ledger, whitelist, debit.cents):
        paying = secret_of(whitelist)["paying_id"]
        if _try_to_pay(ledger, row, paying) and sub_type == "ONCE":
            rewrite_thing(ledger, whitelist, {"status": "USED"}, secret=secret_of(whitelist))
    return int(row["response_id"])


def _try_to_pay(ledger: Ledger, row: sqlite3.Row, payer_id: int) -> bool:
    """Pay a debit from an account; say whether that was possible."""
    try:
        with ledger.attempt():
            answer(ledger, row, "ACCEPTED", payer_id=payer_id)
    except Refusal:
        return False
    return True


def _whitelist_for(
    ledger: Ledger, person_id: int, identifier: str, mandate: str, sub_type: str
) -> sqlite3.Row | None:
    name = "whitelist-sdd-one-off" if sub_type == "ONCE" else "whitelist-sdd-recurring"
    rows = ledger.rows(
        "SELECT * FROM thing WHERE scope = ? AND json_extract(item, '$.status') = 'ACTIVE' "
        "ORDER BY id",
        f"user/{person_id}/{name}",
    )
    for row in rows:
        kept = secret_of(row)
        same_mandate = sub_type == "ONCE" or kept["mandate_identifier"] == mandate
        if kept["credit_scheme_identifier"] == identifier and same_mandate:
            return row
    return None


def _is_within(ledger: Ledger, whitelist: sqlite3.Row, cents: int) -> bool:
    """Whether a debit keeps to the limits for each payment and each calendar month."""
    kept = secret_of(whitelist)
    each, month = kept["per_payment"], kept["per_month"]
    spent = ledger.rows(
        "SELECT COALESCE(SUM(responded_cents), 0) AS cents FROM request WHERE status = 'ACCEPTED' "
        "AND json_extract(details, '$.eligible_whitelist_id') = ? AND responded LIKE ?",
        whitelist["id"],
        f"{ledger.clock.now():%Y-%m}-%",
    )[0]["cents"]
    return (each is None or cents <= each) and (month is None or spent + cents <= month)


def list_whitelists(call: Call) -> Page:
    """List what is paid unasked: of one kind, of a person, or of an account; newest first."""
    collection = call.operation.resource.rpartition(".")[2]
    if collection in _WHITELISTS:
        return call.page("thing", "scope = ?", (scope_of(call),), tell_whitelist)
    condition, values = _both(call)

    def tell(ledger: Ledger, row: sqlite3.Row) -> Item:
        return _tell_as(call, ledger, row)

    return call.page("thing", condition, values, tell)


def get_whitelist(call: Call) -> list[Item]:
    """Give one whitelist, by the path of its kind, its person or its account."""
    if call.operation.resource in _WHITELISTS:
        row = find_thing(call, [scope_of(call)], call.ids["itemId"])
        return [tell_whitelist(call.ledger, row)]
    condition, values = _both(call)
    found = call.ledger.row(
        f"SELECT * FROM thing WHERE {condition} AND id = ?", *values, call.number("itemId")
    )
    if found is None:
        raise not_found("Whitelist sdd", call.ids["itemId"])
    return [_tell_as(call, call.ledger, found)]


def create_whitelist(call: Call) -> list[Item]:
    """Have debits of a creditor pass: the one whose request is named."""
    ledger, body = call.ledger, call.body
    row = ledger.row(
        "SELECT * FROM request WHERE response_id = ? AND payer_id IN "
        "(SELECT id FROM account WHERE person_id = ?)",
        body["request_id"] if 0 <= body["request_id"] < 2**63 else 0,
        call.person_id,
    )
    details = json.loads(row["details"]) if row else {}
    if row is None or details.get("type") is None:
        raise not_found("Direct debit", body["request_id"])
    secret = {
        "person_id": call.person_id,
        "incoming_id": row["payer_id"],
        "creditor_id": row["account_id"],
        "credit_scheme_identifier": details["credit_scheme_identifier"],
        "mandate_identifier": details["mandate_identifier"],
        "type": "B2B" if details["type"].endswith("B2B") else "CORE",
        "per_payment": None,
        "per_month": None,
    }
    type_name = _WHITELISTS[call.operation.resource]
    secret |= _limits(call, body)
    number = add_thing(ledger, scope_of(call), type_name, {"status": "ACTIVE"}, secret=secret)
    return created(number)


def update_whitelist(call: Call) -> list[Item]:
    """Change the limits of a whitelist, or the account that pays."""
    row = find_thing(call, [scope_of(call)], call.ids["itemId"])
    rewrite_thing(call.ledger, row, {}, secret=secret_of(row) | _limits(call, call.body))
    return created(row["id"])


def _limits(call: Call, body: dict[str, Any]) -> dict[str, Any]:
    """Read what of a whitelist can be changed."""
    ledger, read = call.ledger, {}
    if body.get("monetary_account_paying_id") is not None:
        number = body["monetary_account_paying_id"]
        account = ledger.row(
            "SELECT * FROM account WHERE id = ? AND person_id = ?",
            number if 0 <= number < 2**63 else 0,
            call.person_id,
        )
        if account is None:
            raise not_found("Monetary account", number)
        read["paying_id"] = number
    for key, name in (
        ("per_payment", "maximum_amount_per_payment"),
        ("per_month", "maximum_amount_per_month"),
    ):
        if body.get(name) is not None:
            read[key] = cents_of(body[name], "EUR", name)
    return read


def _both(call: Call) -> tuple[str, tuple[object, ...]]:
    """Give the condition for both kinds of whitelists of a person, or of one of the accounts."""
    values: tuple[object, ...] = tuple(f"user/{call.person_id}/{name}" for name in _WHITELISTS)
    condition = "scope IN (?, ?)"
    if "monetary-accountID" in call.ids:
        condition += " AND json_extract(secret, '$.incoming_id') = ?"
        values += (own_account(call)["id"],)
    return condition, values


def _tell_as(call: Call, ledger: Ledger, row: sqlite3.Row) -> Item:
    """Give a whitelist under its own name, or under the one of the account's collection."""
    name, item = tell_whitelist(ledger, row)
    wrapper = call.operation.wrapper
    return (name, item) if wrapper == "*" else (wrapper, shape(wrapper, item))


@as_placed()
def tell_whitelist(ledger: Ledger, row: sqlite3.Row) -> Item:
    """Give a whitelist with its limits."""
    secret = secret_of(row)
    currency = ledger.account(secret["paying_id"])["currency"]
    limits = {
        name: None if secret[key] is None else amount(secret[key], currency)
        for name, key in (
            ("maximum_amount_per_month", "per_month"),
            ("maximum_amount_per_payment", "per_payment"),
        )
    }
    values = limits | {
        "monetary_account_incoming_id": secret["incoming_id"],
        "monetary_account_paying_id": secret["paying_id"],
        "type": secret["type"],
        "credit_scheme_identifier": secret["credit_scheme_identifier"],
        "mandate_identifier": secret["mandate_identifier"],
        "counterparty_alias": label_account(ledger, secret["creditor_id"]),
        "user_alias_created": label_user(ledger, secret["person_id"]),
    }
    return row["type"], tell_thing(row, row["type"], values)
