"""What payment service providers do without OAuth: drafts, transactions, confirmation of funds.

Source: bunq docs, "PSD2" and "Confirmation of funds"; that a draft is pending until the account's
owner says yes or no is from there too; that ``Bank.answer_draft`` is the owner's word is our own.
"""

from __future__ import annotations

from datetime import timedelta

from bunqkit.sandbox.clock import wire_time
from bunqkit.sandbox.ledger import BankLedger
from bunqkit.sandbox.refusal import refuse
from bunqkit.sandbox.resources.call import Call, Item, Verbs, created
from bunqkit.sandbox.resources.credentials import is_callable
from bunqkit.sandbox.resources.generic_resources import StoredResource
from bunqkit.sandbox.resources.payments import (
    book,
    check_description,
    find_counterparty,
    transfer,
)
from bunqkit.sandbox.resources.shape import fill
from bunqkit.sandbox.resources.wire import amount, read_cents

_DRAFT = "PaymentServiceProviderDraftPayment"
_TRANSACTION = "PaymentServiceProviderIssuerTransaction"
_TRANSACTION_LIFETIME = timedelta(minutes=10)


def create_draft(call: Call) -> list[Item]:
    """Draft a payment from an account of the bank; its owner may then accept it."""
    body, ledger = call.body, call.ledger
    sender = ledger.account_behind("IBAN", body["sender_iban"].replace(" ", "").upper())
    if sender is None or sender["person_id"] is None:
        raise refuse(400, f'No account of this bank has the IBAN "{body["sender_iban"]}".')
    currency = sender["currency"]
    cents = read_cents(body, "amount", currency)
    iban, name = body["counterparty_iban"], body["counterparty_name"]
    alias = {"type": "IBAN", "value": iban, "name": name}
    target, is_outside = find_counterparty(ledger, alias, currency)
    check_description(body["description"], outside=is_outside)
    values = {
        "sender_iban": sender["iban"],
        "receiver_iban": ledger.account(target)["iban"],
        "amount": amount(cents, currency),
        "status": "PENDING",
    }
    secret = {
        "accounts": [sender["id"], target],
        "cents": cents,
        "description": body["description"],
        "outside": is_outside,
    }
    return created(StoredResource.post(call, _DRAFT, values, secret=secret).id)


def update_draft(call: Call) -> list[Item]:
    """Take back a draft that nobody has answered yet."""
    draft, status = StoredResource.find(call), call.body.get("status")
    if status != "CANCELLED":
        raise refuse(400, f'A provider can\'t make the status of a draft "{status}".')
    _end_draft(draft, status)
    return created(draft.id)


def answer_draft(ledger: BankLedger, draft_id: int, *, accept: bool) -> int | None:
    """Accept or reject a draft for the account's owner; return the id of the payment, if any."""
    draft = StoredResource.typed(ledger, _DRAFT, "Payment service provider draft payment", draft_id)
    _end_draft(draft, "ACCEPTED" if accept else "REJECTED")
    if not accept:
        return None
    secret = draft.hidden
    movement = transfer(secret["cents"], secret["description"], outside=secret["outside"])
    sender, target = secret["accounts"]
    return book(ledger, sender, target, movement)[0]


def _end_draft(draft: StoredResource, status: str) -> None:
    if draft.status != "PENDING":
        raise refuse(400, "This draft payment was answered already.")
    draft.save(status=status)


def create_transaction(call: Call) -> list[Item]:
    """Keep a transaction for which a person is sent to the bank; by default for ten minutes."""
    if not is_callable(call.body["url_redirect"]):
        raise refuse(400, f'"{call.body["url_redirect"]}" is not a valid address; it needs https.')
    end = wire_time(call.ledger.clock.now() + _TRANSACTION_LIFETIME)
    values = fill(call.ledger, _TRANSACTION, call.body, person_id=call.person_id)
    values |= {"status": "PENDING", "time_expiry": call.body.get("time_expiry") or end}
    return created(StoredResource.post(call, _TRANSACTION, values).id)


def confirm_funds(call: Call) -> list[Item]:
    """Return whether an account of this bank has an amount; accounts elsewhere never have it."""
    pointer, account = call.body["pointer_iban"], None
    cents, currency = read_cents(call.body, "amount"), call.body["amount"]["currency"]
    if pointer["type"] == "IBAN":
        account = call.ledger.account_behind("IBAN", pointer["value"])
    is_enough = (
        account is not None
        and account["person_id"] is not None
        and account["currency"] == currency
        and account["balance"] >= cents
    )
    return [("ConfirmationOfFunds", {"has_sufficient_funds": is_enough})]


RULES: dict[str, Verbs] = {
    "payment-service-provider-draft-payment": {"create": create_draft, "update": update_draft},
    "payment-service-provider-issuer-transaction": {"create": create_transaction},
    "confirmation-of-funds": {"create": confirm_funds},
}
