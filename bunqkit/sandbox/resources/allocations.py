"""Money that is sorted as it comes in: a payment is split up, and those like it after it.

Source: the official description, for fields and states. That a recurring one sorts what comes from
the same counterparty, before the next call or as the clock moves, is a rule of our own.
"""

from __future__ import annotations

import sqlite3
from decimal import Decimal
from typing import Any

from bunqkit.sandbox.ledger import BankLedger
from bunqkit.sandbox.refusal import Refusal, refuse
from bunqkit.sandbox.resources.accounts import own_account
from bunqkit.sandbox.resources.call import Call, Item, Page, Verbs, created
from bunqkit.sandbox.resources.generic_resources import (
    StoredResource,
    collection,
    page_of_accounts,
    parent_of,
    shown_as,
)
from bunqkit.sandbox.resources.payments import (
    ALLOCATIONS,
    find_counterparty,
    pay_batch,
    problems_of,
    show_batch,
    show_payment_of,
)
from bunqkit.sandbox.resources.rows import check_choice, find_row, read_id, read_row
from bunqkit.sandbox.resources.shape import shape
from bunqkit.sandbox.resources.wire import amount, read_cents

_NAME = "PaymentAutoAllocate"
_KINDS = ("ONCE", "RECURRING")


def list_allocations(call: Call) -> Page:
    """List the rules of an account, or of all of a person's accounts, newest first."""
    return page_of_accounts(call, show_allocation, "payment-auto-allocate")


def create_allocation(call: Call) -> list[Item]:
    """Make a rule of an incoming payment, and sort that payment by it."""
    account, body = own_account(call), call.body
    query = "SELECT * FROM payment WHERE id = ? AND account_id = ?"
    ids = (read_id(body["payment_id"]), account["id"])
    payment = find_row(call.ledger, "Payment", body["payment_id"], query, *ids)
    if payment["cents"] <= 0:
        raise refuse(400, "Only a payment that came in can be allocated.")
    values = {"type": check_choice("Type", body["type"], _KINDS), "status": "ACTIVE"}
    secret = {
        "account_id": account["id"],
        "counter_id": payment["counter_id"],
        "original_id": payment["id"],
        "latest_id": payment["id"],
        "definition": _check_parts(call.ledger, account, body["definition"]),
    }
    rule = StoredResource.post(call, _NAME, values, secret=secret)
    _sort(rule, payment)
    return created(rule.id)


def update_allocation(call: Call) -> list[Item]:
    """Change where the money goes from now on."""
    account, rule, values = own_account(call), StoredResource.find(call), {}
    secret = rule.secret
    if call.body.get("definition") is not None:
        secret["definition"] = _check_parts(call.ledger, account, call.body["definition"])
    if call.body.get("type") in _KINDS:
        values["type"] = call.body["type"]
    rule.save(**values)
    return created(rule.id)


def list_definitions(call: Call) -> Page:
    """List the parts of a rule: all on one page."""
    name = "PaymentAutoAllocateDefinition"
    rule = StoredResource.read(call.ledger, int(parent_of(call)[1]))
    times = {"created": rule.created, "updated": rule.updated}
    parts = [(name, shape(name, part | times)) for part in rule.hidden.get("definition", [])]
    return Page(parts, tuple(part["id"] for _, part in parts), has_older=False, has_newer=False)


def sort_payment(ledger: BankLedger, payment_id: int) -> None:
    """Sort a payment that came in, by the recurring rules for its counterparty."""
    payment = read_row(ledger, "payment", payment_id)
    condition = (
        "scope = ? AND json_extract(item, '$.type') = 'RECURRING' "
        "AND json_extract(secret, '$.counter_id') = ?"
    )
    scope = ALLOCATIONS.format(payment["account_id"])
    for rule in StoredResource.select(ledger, condition, scope, payment["counter_id"]):
        _sort(rule, payment)


def _check_parts(
    ledger: BankLedger, account: sqlite3.Row, parts: list[dict[str, Any]]
) -> list[dict[str, Any]]:
    """Check the parts of a rule; return them with ids."""
    if not parts:
        raise refuse(400, "An allocation needs at least one definition.")
    total = Decimal(0)
    for part in parts:
        find_counterparty(ledger, part.get("counterparty_alias") or {}, account["currency"])
        if (part.get("amount") is None) == (part.get("fraction") is None):
            raise refuse(400, 'A definition has either an "amount" or a "fraction".')
        if part.get("amount") is not None:
            read_cents(part, "amount", account["currency"])
        else:
            fraction = Decimal(str(part["fraction"]))
            total += fraction
            if not 0 < fraction <= 1 or total > 1:
                raise refuse(400, "The fractions of an allocation are parts of one.")
    return [part | {"id": ledger.next_id("thing")} for part in parts]


def _sort(rule: StoredResource, payment: sqlite3.Row) -> None:
    """Pay the parts of a payment, all or none, and write down how it went."""
    secret, ledger, bodies = rule.secret, rule.ledger, []
    for part in secret["definition"]:
        money = part.get("amount")
        if money is None:
            cents = int(payment["cents"] * Decimal(str(part["fraction"])))
            money = amount(cents, payment["currency"])
        description = part.get("description") or payment["description"]
        alias = part["counterparty_alias"]
        bodies.append({"amount": money, "counterparty_alias": alias, "description": description})
    kept: dict[str, Any] = {"payment_id": payment["id"], "rule_id": rule.id}
    values: dict[str, Any] = {"status": "SUCCEEDED"}
    try:
        with ledger.attempt():
            account = ledger.account(secret["account_id"])
            kept["batch_id"] = pay_batch(ledger, account, bodies, allocation_id=rule.id)
    except Refusal as refusal:
        values = {"status": "FAILED", "error_message": problems_of(refusal)}
    secret["latest_id"] = payment["id"]
    rule.save()
    scope = f"{rule.scope}/{rule.id}/instance"
    StoredResource.add(ledger, scope, "PaymentAutoAllocateInstance", values, secret=kept)


@shown_as(_NAME)
def show_allocation(rule: StoredResource) -> dict[str, Any]:
    """Return a rule, with the payment it was made of and the last one that it sorted."""
    original, latest = (
        show_payment_of(rule.ledger, rule.secret[name])[1] for name in ("original_id", "latest_id")
    )
    return {
        "payment": original,
        "payment_original": original,
        "payment_latest": latest,
        "trigger_amount": original["amount"],
    }


@shown_as("PaymentAutoAllocateInstance")
def show_instance(instance: StoredResource) -> dict[str, Any]:
    """Return a payment that was sorted, with the batch that was paid of it."""
    secret, batch = instance.secret, None
    if secret.get("batch_id") is not None:
        batch = show_batch(StoredResource.read(instance.ledger, secret["batch_id"]))[1]
    return {
        "payment_auto_allocate_id": secret["rule_id"],
        "payment_id": secret["payment_id"],
        "payment_batch": batch,
    }


_ALLOCATIONS = collection(
    show_allocation, list=list_allocations, create=create_allocation, update=update_allocation
)
RULES: dict[str, Verbs] = {
    **dict.fromkeys(("payment-auto-allocate", "user.payment-auto-allocate"), _ALLOCATIONS),
    "payment-auto-allocate.definition": {"list": list_definitions},
    "payment-auto-allocate.instance": collection(show_instance),
}
