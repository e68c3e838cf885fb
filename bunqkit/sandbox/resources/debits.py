"""Direct debits that come in, and the whitelists by which they are paid unasked.

Source: bunq docs, "Request response" for what one is asked, "Whitelist" for what is paid unasked.
That a debit waits for three days and is then paid, unless the account's setting says otherwise, is
a rule of our own, as are the words AUTO_ACCEPT and AUTO_REJECT: no source names them. bunq has no
call to send a debit: ``Bank.direct_debit`` and the control desk do.
"""

from __future__ import annotations

import json
import sqlite3
from dataclasses import asdict, dataclass, fields
from datetime import timedelta
from typing import Any

from bunqkit.sandbox import scheduled_jobs
from bunqkit.sandbox.clock import wire_time
from bunqkit.sandbox.ledger import BankLedger
from bunqkit.sandbox.refusal import Refusal, not_found, refuse
from bunqkit.sandbox.resources.accounts import account_to_use, own_account
from bunqkit.sandbox.resources.call import Call, Item, Page, Verbs, created
from bunqkit.sandbox.resources.generic_resources import StoredResource, scope_of, shown_as
from bunqkit.sandbox.resources.labels import label_account, label_user
from bunqkit.sandbox.resources.recurrence import check_schedule, due_at
from bunqkit.sandbox.resources.requests import add_request, answer, read_request
from bunqkit.sandbox.resources.rows import read_id
from bunqkit.sandbox.resources.shape import shape
from bunqkit.sandbox.resources.wire import amount, read_cents

_LIFETIME = timedelta(days=3)
_ONE_OFF, _RECURRING = "whitelist-sdd-one-off", "whitelist-sdd-recurring"
_WHITELISTS = {_ONE_OFF: "WhitelistSddOneOff", _RECURRING: "WhitelistSddRecurring"}
# The fields of a whitelist's limits, and the keys under which the limits are kept.
_LIMITS = {"maximum_amount_per_month": "per_month", "maximum_amount_per_payment": "per_payment"}


@dataclass(frozen=True)
class DirectDebit:
    """What somebody outside collects from an account of the bank.

    Attributes
    ----------
    cents
        How much, each time.
    creditor
        The name of the one outside who collects.
    description
        What for.
    mandate
        The mandate's identifier; by default one of the creditor's.
    every
        ``DAILY``, ``WEEKLY``, ``MONTHLY`` or ``YEARLY``; by default once.
    times
        How often at most; ``None`` for as long as the account is open.
    is_b2b
        True if it is between companies: such a one can't be asked back.
    """

    cents: int
    creditor: str = "Noorderlicht Energie"
    description: str = "Direct debit"
    mandate: str | None = None
    every: str | None = None
    times: int | None = None
    is_b2b: bool = False


def send_debit(ledger: BankLedger, account_id: int, debit: DirectDebit) -> int:
    """Collect a debit now, and again if it recurs; return the id of the request response."""
    account, now = ledger.account(account_id), wire_time(ledger.clock.now())
    if account["person_id"] is None or type(debit.cents) is not int or debit.cents <= 0:
        raise refuse(400, "A direct debit collects whole cents from an account of the bank.")
    if debit.every is not None:
        kept = asdict(debit) | {"account_id": account_id, "turn": 1, "start": now}
        _schedule(kept)
        _plan(StoredResource.add(ledger, "bank/direct-debit", "RequestResponse", {}, secret=kept))
    return _collect(ledger, account, debit)


def collect_again(ledger: BankLedger, number: int) -> None:
    """Collect a recurring debit once more, unless its account was closed."""
    collection = StoredResource.read(ledger, number)
    kept = collection.secret
    account = ledger.account(kept["account_id"])
    if account["status"] == "CANCELLED":
        return
    _collect(ledger, account, DirectDebit(**{f.name: kept[f.name] for f in fields(DirectDebit)}))
    kept["turn"] += 1
    collection.save()
    _plan(collection)


def expire_debit(ledger: BankLedger, number: int) -> None:
    """Pay or reject a debit that nobody has answered, as its account's setting says."""
    row = read_request(ledger, number)
    details = json.loads(ledger.account(row["payer_id"])["details"])
    action = (details.get("setting") or {}).get("sdd_expiration_action")
    if action == "AUTO_REJECT" or not _try_to_pay(ledger, row, row["payer_id"]):
        answer(ledger, row, "REJECTED")


def _plan(collection: StoredResource) -> None:
    """Plan the next turn of a recurring debit, if there is one."""
    kept = collection.secret
    if kept["times"] is None or kept["turn"] < kept["times"]:
        due = due_at(_schedule(kept), kept["turn"])
        if due is not None:
            scheduled_jobs.plan(collection.ledger, "debit", collection.id, due)


def _schedule(kept: dict[str, Any]) -> dict[str, Any]:
    times = {"time_start": kept["start"], "recurrence_unit": kept["every"], "recurrence_size": 1}
    return check_schedule(times)


def _collect(ledger: BankLedger, account: sqlite3.Row, debit: DirectDebit) -> int:
    """Ask for the money; what is whitelisted is paid at once. Return the response's id."""
    luck = ledger.chance("creditor", debit.creditor)
    identifier = f"NL{luck.randrange(10, 99)}ZZZ{luck.randrange(10**11, 10**12)}0000"
    mandate = debit.mandate or f"M{luck.randrange(10**8, 10**9)}"
    currency = account["currency"]
    creditor = ledger.outsider(debit.creditor, currency=currency)
    is_once = debit.every is None
    needed = None if is_once else mandate
    whitelist = _whitelist_for(ledger, account["person_id"], identifier, needed)
    expiry = ledger.clock.now() + _LIFETIME
    body = {
        "counterparty_alias": {"type": "IBAN", "value": account["iban"], "name": account["holder"]},
        "amount_inquired": amount(debit.cents, currency),
        "description": debit.description,
        "type": "DIRECT_DEBIT_B2B" if debit.is_b2b else "DIRECT_DEBIT",
        "sub_type": "ONCE" if is_once else "RECURRING",
        "time_expiry": wire_time(expiry),
        "credit_scheme_identifier": identifier,
        "mandate_identifier": mandate,
        "eligible_whitelist_id": whitelist and whitelist.id,
    }
    number = add_request(ledger, creditor, account["id"], debit.cents, body)
    scheduled_jobs.plan(ledger, "debit expiry", number, expiry)
    row = read_request(ledger, number)
    if whitelist is not None and _is_within(whitelist, debit.cents):
        is_paid = _try_to_pay(ledger, row, whitelist.secret["paying_id"])
        if is_paid and is_once:
            whitelist.save(status="USED")
    return int(row["response_id"])


def _try_to_pay(ledger: BankLedger, row: sqlite3.Row, payer_id: int) -> bool:
    """Pay a debit from an account; return True if that was possible."""
    try:
        with ledger.attempt():
            answer(ledger, row, "ACCEPTED", payer_id=payer_id)
    except Refusal:
        return False
    return True


def _whitelist_for(
    ledger: BankLedger, person_id: int, identifier: str, mandate: str | None
) -> StoredResource | None:
    """Return the whitelist that a debit may be paid by; one that recurs has a mandate."""
    scope = f"user/{person_id}/{_ONE_OFF if mandate is None else _RECURRING}"
    for whitelist in StoredResource.select(ledger, "scope = ?", scope):
        if whitelist.status == "ACTIVE":
            kept = whitelist.secret
            is_mandate = mandate in (None, kept["mandate_identifier"])
            if kept["credit_scheme_identifier"] == identifier and is_mandate:
                return whitelist
    return None


def _is_within(whitelist: StoredResource, cents: int) -> bool:
    """Return True if a debit keeps to the limits for each payment and each calendar month."""
    once, monthly = whitelist.secret["per_payment"], whitelist.secret["per_month"]
    query = (
        "SELECT COALESCE(SUM(responded_cents), 0) AS cents FROM request WHERE status = 'ACCEPTED' "
        "AND json_extract(details, '$.eligible_whitelist_id') = ? AND responded LIKE ?"
    )
    month = f"{whitelist.ledger.clock.now():%Y-%m}-%"
    spent = whitelist.ledger.rows(query, whitelist.id, month)[0]["cents"]
    return (once is None or cents <= once) and (monthly is None or spent + cents <= monthly)


def list_whitelists(call: Call) -> Page:
    """List what is paid unasked: of one kind, of a person, or of an account; newest first."""
    condition, values = _selection(call)
    return StoredResource.page(
        call, lambda whitelist: _show_as(call, whitelist), condition, *values
    )


def get_whitelist(call: Call) -> list[Item]:
    """Return one whitelist, by the path of its kind, its person or its account."""
    condition, values = _selection(call)
    condition, values = f"{condition} AND id = ?", (*values, call.number())
    for whitelist in StoredResource.select(call.ledger, condition, *values):
        return [_show_as(call, whitelist)]
    kind = call.operation.resource.removeprefix("user.")
    raise not_found(kind.replace("-", " ").capitalize(), call.ids["itemId"])


def create_whitelist(call: Call) -> list[Item]:
    """Whitelist the debits of the creditor whose request the body names."""
    ledger, body, number = call.ledger, call.body, call.body["request_id"]
    query = (
        "SELECT * FROM request WHERE response_id = ? AND payer_id IN "
        "(SELECT id FROM account WHERE person_id = ?)"
    )
    row = ledger.row(query, read_id(number), call.person_id)
    details = json.loads(row["details"]) if row else {}
    if row is None or details.get("type") is None:
        raise not_found("Direct debit", number)
    secret = {
        "person_id": call.person_id,
        "incoming_id": row["payer_id"],
        "creditor_id": row["account_id"],
        "credit_scheme_identifier": details["credit_scheme_identifier"],
        "mandate_identifier": details["mandate_identifier"],
        "type": "B2B" if details["type"].endswith("B2B") else "CORE",
        **dict.fromkeys(_LIMITS.values()),
        **_limits(call, body),
    }
    type_name, values = _WHITELISTS[call.operation.resource], {"status": "ACTIVE"}
    return created(StoredResource.post(call, type_name, values, secret=secret).id)


def update_whitelist(call: Call) -> list[Item]:
    """Change the limits of a whitelist, or the account that pays."""
    whitelist = StoredResource.find(call)
    whitelist.secret.update(_limits(call, call.body))
    whitelist.save()
    return created(whitelist.id)


def _limits(call: Call, body: dict[str, Any]) -> dict[str, Any]:
    """Return what a body says of the limits, and of the account that pays."""
    limits = {
        key: read_cents(body, name, "EUR")
        for name, key in _LIMITS.items()
        if body.get(name) is not None
    }
    if body.get("monetary_account_paying_id") is not None:
        limits["paying_id"] = account_to_use(call, body["monetary_account_paying_id"])["id"]
    return limits


def _selection(call: Call) -> tuple[str, tuple[object, ...]]:
    """Return the condition for the whitelists of a kind, of a person, or of an account."""
    if call.operation.resource in _WHITELISTS:
        return "scope = ?", (scope_of(call),)
    condition, scopes = "scope IN (?, ?)", (f"user/{call.person_id}/{name}" for name in _WHITELISTS)
    if call.account_id is None:
        return condition, tuple(scopes)
    condition += " AND json_extract(secret, '$.incoming_id') = ?"
    return condition, (*scopes, own_account(call)["id"])


def _show_as(call: Call, whitelist: StoredResource) -> Item:
    """Return a whitelist under its own name, or under the one of the account's collection."""
    name, item = show_whitelist(whitelist)
    wrapper = call.operation.wrapper
    is_own = wrapper == "*" or call.operation.resource in _WHITELISTS
    return (name, item) if is_own else (wrapper, shape(wrapper, item))


@shown_as()
def show_whitelist(whitelist: StoredResource) -> dict[str, Any]:
    """Return a whitelist with its limits."""
    secret, ledger = whitelist.secret, whitelist.ledger
    currency = ledger.account(secret["paying_id"])["currency"]
    names = ("type", "credit_scheme_identifier", "mandate_identifier")
    return (
        {name: secret[name] for name in names}
        | {
            name: None if secret[key] is None else amount(secret[key], currency)
            for name, key in _LIMITS.items()
        }
        | {
            "monetary_account_incoming_id": secret["incoming_id"],
            "monetary_account_paying_id": secret["paying_id"],
            "counterparty_alias": label_account(ledger, secret["creditor_id"]),
            "user_alias_created": label_user(ledger, secret["person_id"]),
        }
    )


_ANY_WHITELIST: Verbs = {
    "list": list_whitelists,
    "get": get_whitelist,
    "create": create_whitelist,
    "update": update_whitelist,
}
RULES: dict[str, Verbs] = {
    **dict.fromkeys(("whitelist-sdd", "user.whitelist-sdd", *_WHITELISTS), _ANY_WHITELIST),
}
