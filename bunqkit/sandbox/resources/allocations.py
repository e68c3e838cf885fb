"""Money that is sorted as it comes in: a payment is split up, and those like it after it.

Source: the official description, for fields and states. That a recurring one sorts what comes from
the same counterparty, before the next call or as the clock moves, is a rule of our own.
"""

from __future__ import annotations

import json
import sqlite3
from decimal import Decimal
from typing import Any

from bunqkit.sandbox.ledger import Ledger
from bunqkit.sandbox.refusal import Refusal, not_found, refuse
from bunqkit.sandbox.resources.accounts import own_account
from bunqkit.sandbox.resources.call import Call, Item, Page, created
from bunqkit.sandbox.resources.generic_resources import (
    add_thing,
    as_placed,
    find_thing,
    parent_of,
    read_thing,
    rewrite_thing,
    scope_of,
    secret_of,
    tell_thing,
)
from bunqkit.sandbox.resources.payments import (
    ALLOCATIONS,
    find_counterparty,
    pay_batch,
    payment_row,
    tell_batch,
    tell_payment,
)
from bunqkit.sandbox.resources.shape import shape
from bunqkit.sandbox.resources.wire import amount, cents_of

_NAME = "PaymentAutoAllocate"
_INSTANCE = "PaymentAutoAllocateInstance"


def list_allocations(call: Call) -> Page:
    """List the rules of an account, or of all of a person's accounts, newest first."""
    if "monetary-accountID" in call.ids:
        accounts = [own_account(call)["id"]]
    else:
        rows = call.ledger.rows("SELECT id FROM account WHERE person_id = ?", call.person_id)
        accounts = [row["id"] for row in rows]
    scopes = json.dumps([ALLOCATIONS.format(each) for each in accounts])

    def tell(ledger: Ledger, row: sqlite3.Row) -> Item:
        return call.operation.wrapper, tell_allocation(ledger, row)[1]

    return call.page("thing", "scope IN (SELECT value FROM json_each(?))", (scopes,), tell)


def get_allocation(call: Call) -> list[Item]:
    """Give one rule."""
    return [tell_allocation(call.ledger, find_thing(call, [scope_of(call)], call.ids["itemId"]))]


def create_allocation(call: Call) -> list[Item]:
    """Make a rule of an incoming payment, and sort that payment by it."""
    ledger, account, body = call.ledger, own_account(call), call.body
    number = body["payment_id"] if 0 <= body["payment_id"] < 2**63 else 0
    payment = ledger.row(
        "SELECT * FROM payment WHERE id = ? AND account_id = ?", number, account["id"]
    )
    if payment is None:
        raise not_found("Payment", body["payment_id"])
    if payment["cents"] <= 0:
        raise refuse(400, "Only a payment that came in can be allocated.")
    if body["type"] not in ("ONCE", "RECURRING"):
        raise refuse(400, f'Type "{body["type"]}" is not valid.')
    secret = {
        "account_id": account["id"],
        "counter_id": payment["counter_id"],
        "original_id": payment["id"],
        "latest_id": payment["id"],
        "definition": _check(ledger, account, body["definition"]),
    }
    values = {"type": body["type"], "status": "ACTIVE"}
    rule = add_thing(ledger, scope_of(call), _NAME, values, secret=secret)
    _sort(ledger, read_thing(ledger, rule), payment)
    return created(rule)


def update_allocation(call: Call) -> list[Item]:
    """Change where the money goes from now on."""
    account = own_account(call)
    row = find_thing(call, [scope_of(call)], call.ids["itemId"])
    secret, values = secret_of(row), {}
    if call.body.get("definition") is not None:
        secret["definition"] = _check(call.ledger, account, call.body["definition"])
    if call.body.get("type") in ("ONCE", "RECURRING"):
        values["type"] = call.body["type"]
    rewrite_thing(call.ledger, row, values, secret=secret)
    return created(row["id"])


def list_definitions(call: Call) -> Page:
    """Give the parts of a rule: all on one page."""
    _, number = parent_of(call)
    row = read_thing(call.ledger, int(number))
    name = "PaymentAutoAllocateDefinition"
    own = {"created": row["created"], "updated": row["updated"]}
    parts = json.loads(row["secret"]).get("definition", [])
    told = [(name, shape(name, part | own)) for part in parts]
    return Page(told, tuple(item["id"] for _, item in told), has_older=False, has_newer=False)


def list_instances(call: Call) -> Page:
    """List what a rule has sorted, newest first."""
    return call.page("thing", "scope = ?", (scope_of(call),), tell_instance)


def get_instance(call: Call) -> list[Item]:
    """Give one payment that a rule has sorted."""
    return [tell_instance(call.ledger, find_thing(call, [scope_of(call)], call.ids["itemId"]))]


def sort_payment(ledger: Ledger, payment_id: int) -> None:
    """Sort a payment that came in, by the recurring rules for its counterparty."""
    payment = payment_row(ledger, payment_id)
    rules = ledger.rows(
        "SELECT * FROM thing WHERE scope = ? AND json_extract(item, '$.type') = 'RECURRING' "
        "AND json_extract(secret, '$.counter_id') = ? ORDER BY id",
        ALLOCATIONS.format(payment["account_id"]),
        payment["counter_id"],
    )
    for rule in rules:
        _sort(ledger, rule, payment)


def _check(
    ledger: Ledger, account: sqlite3.Row, told: list[dict[str, Any]]
) -> list[dict[str, Any]]:
    if not told:
        raise refuse(400, "An allocation needs at least one definition.")
    parts = Decimal(0)
    for each in told:
        find_counterparty(ledger, each.get("counterparty_alias") or {}, account["currency"])
        if (each.get("amount") is None) == (each.get("fraction") is None):
            raise refuse(400, 'A definition has either an "amount" or a "fraction".')
        if each.get("amount") is not None:
            cents_of(each["amount"], account["currency"], "amount")
        else:
            part = Decimal(str(each["fraction"]))
            parts += part
            if not 0 < part <= 1 or parts > 1:
                raise refuse(400, "The fractions of an allocation are parts of one.")
    return [each | {"id": ledger.next_id("thing")} for each in told]


def _sort(ledger: Ledger, rule: sqlite3.Row, payment: sqlite3.Row) -> None:
    """Pay the parts of a payment, all or none, and write down how it went."""
    secret, currency = secret_of(rule), payment["currency"]
    bodies = []
    for part in secret["definition"]:
        told = part.get("amount")
        if told is None:
            told = amount(int(payment["cents"] * Decimal(str(part["fraction"]))), currency)
        description = part.get("description") or payment["description"]
        alias = part["counterparty_alias"]
        bodies.append({"amount": told, "counterparty_alias": alias, "description": description})
    kept: dict[str, Any] = {"payment_id": payment["id"], "rule_id": rule["id"]}
    values: dict[str, Any] = {"status": "SUCCEEDED"}
    try:
        with ledger.attempt():
            account = ledger.account(secret["account_id"])
            kept["batch_id"] = pay_batch(ledger, account, bodies, allocation_id=rule["id"])
    except Refusal as refusal:
        errors = [
            {"error_description": english, "error_description_translated": dutch}
            for english, dutch in refusal.texts
        ]
        values = {"status": "FAILED", "error_message": errors}
    rewrite_thing(ledger, rule, {}, secret=secret | {"latest_id": payment["id"]})
    add_thing(ledger, f"{rule['scope']}/{rule['id']}/instance", _INSTANCE, values, secret=kept)


@as_placed(_NAME)
def tell_allocation(ledger: Ledger, row: sqlite3.Row) -> Item:
    """Give a rule, with the payment it was made of and the last one that it sorted."""
    secret = secret_of(row)
    original, latest = (
        tell_payment(ledger, payment_row(ledger, secret[name]))[1]
        for name in ("original_id", "latest_id")
    )
    values = {
        "payment": original,
        "payment_original": original,
        "payment_latest": latest,
        "trigger_amount": original["amount"],
    }
    return _NAME, tell_thing(row, _NAME, values)


@as_placed(_INSTANCE)
def tell_instance(ledger: Ledger, row: sqlite3.Row) -> Item:
    """Give a payment that was sorted, with the batch that was paid of it."""
    secret, batch = secret_of(row), None
    if secret.get("batch_id") is not None:
        batch = tell_batch(ledger, read_thing(ledger, secret["batch_id"]))[1]
    values = {
        "payment_auto_allocate_id": secret["rule_id"],
        "payment_id": secret["payment_id"],
        "payment_batch": batch,
    }
    return _INSTANCE, tell_thing(row, _INSTANCE, values)
