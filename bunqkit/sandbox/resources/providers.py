"""What payment service providers start without OAuth: drafts, and transactions by redirection.

Source: bunq docs, "PSD2"; that a draft is pending until the account's owner says yes or no is from
there too, which word of the owner's decides it, ``Bank.answer_draft``, is our own.
"""

from __future__ import annotations

import json
from datetime import timedelta

from bunqkit.sandbox.clock import wire_time
from bunqkit.sandbox.ledger import Ledger, Movement
from bunqkit.sandbox.refusal import not_found, refuse
from bunqkit.sandbox.resources.call import Call, Item, created
from bunqkit.sandbox.resources.credentials import is_callable
from bunqkit.sandbox.resources.generic_resources import (
    add_thing,
    change_thing,
    find_thing,
    scope_of,
)
from bunqkit.sandbox.resources.payments import book, check_description, find_counterparty
from bunqkit.sandbox.resources.shape import fill
from bunqkit.sandbox.resources.wire import amount, cents_of

_DRAFT = "PaymentServiceProviderDraftPayment"
_TRANSACTION = "PaymentServiceProviderIssuerTransaction"
_TRANSACTION_LIFETIME = timedelta(minutes=10)


def create_draft(call: Call) -> list[Item]:
    """Draft a payment from an account of the bank, which its owner may then let happen."""
    body, ledger = call.body, call.ledger
    sender = ledger.account_behind("IBAN", body["sender_iban"].replace(" ", "").upper())
    if sender is None or sender["person_id"] is None:
        raise refuse(400, f'No account of this bank has the IBAN "{body["sender_iban"]}".')
    cents = cents_of(body["amount"], sender["currency"], "amount")
    alias = {
        "type": "IBAN",
        "value": body["counterparty_iban"],
        "name": body["counterparty_name"],
    }
    target, outside = find_counterparty(ledger, alias, sender["currency"])
    check_description(body["description"], outside=outside)
    values = {
        "sender_iban": sender["iban"],
        "receiver_iban": ledger.account(target)["iban"],
        "amount": amount(cents, sender["currency"]),
        "status": "PENDING",
    }
    secret = {
        "accounts": [sender["id"], target],
        "cents": cents,
        "description": body["description"],
        "outside": outside,
    }
    return created(add_thing(ledger, scope_of(call), _DRAFT, values, secret=secret))


def update_draft(call: Call) -> list[Item]:
    """Take back a draft that nobody has answered yet."""
    row = find_thing(call, [scope_of(call)], call.ids["itemId"])
    if (status := call.body.get("status")) != "CANCELLED":
        raise refuse(400, f'A provider can\'t make the status of a draft "{status}".')
    if json.loads(row["item"])["status"] != "PENDING":
        raise refuse(400, "This draft payment was answered already.")
    change_thing(call.ledger, row, {"status": status})
    return created(row["id"])


def answer_draft(ledger: Ledger, draft_id: int, *, accept: bool) -> int | None:
    """Say yes or no for the account's owner; give the id of the payment, if there is one."""
    row = ledger.row("SELECT * FROM thing WHERE id = ? AND type = ?", draft_id, _DRAFT)
    if row is None:
        raise not_found("Payment service provider draft payment", draft_id)
    if json.loads(row["item"])["status"] != "PENDING":
        raise refuse(400, "This draft payment was answered already.")
    change_thing(ledger, row, {"status": "ACCEPTED" if accept else "REJECTED"})
    if not accept:
        return None
    secret = json.loads(row["secret"])
    movement = Movement(
        secret["cents"],
        secret["description"],
        type="EBA_SCT" if secret["outside"] else "BUNQ",
        sub_type="SCT" if secret["outside"] else "PAYMENT",
    )
    sender, target = secret["accounts"]
    return book(ledger, sender, target, movement)[0]


def create_transaction(call: Call) -> list[Item]:
    """Keep a transaction for which a person is sent to the bank; ten minutes unless said."""
    if not is_callable(call.body["url_redirect"]):
        raise refuse(400, f'"{call.body["url_redirect"]}" is not a valid address; it needs https.')
    end = wire_time(call.ledger.clock.now() + _TRANSACTION_LIFETIME)
    values = fill(call.ledger, _TRANSACTION, call.body, person_id=call.person_id)
    values |= {"status": "PENDING", "time_expiry": call.body.get("time_expiry") or end}
    return created(add_thing(call.ledger, scope_of(call), _TRANSACTION, values))
