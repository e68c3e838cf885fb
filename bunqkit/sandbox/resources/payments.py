"""Payments: both sides of a transfer, each side seeing its own; one by one and in batches.

Source: bunq docs, "Payment" and "Payment batch"; the fields follow a capture of 2023.
"""

from __future__ import annotations

import json
import sqlite3
from datetime import datetime
from functools import partial
from typing import Any

from bunqkit.sandbox import scheduled_jobs
from bunqkit.sandbox.ledger import EXTERNAL, BankLedger, Movement, is_iban
from bunqkit.sandbox.refusal import Refusal, refuse
from bunqkit.sandbox.resources.accounts import own_account
from bunqkit.sandbox.resources.call import Call, Fixed, Item, Table, Verbs, created
from bunqkit.sandbox.resources.events import announce
from bunqkit.sandbox.resources.facts import facts
from bunqkit.sandbox.resources.files import check_attachments
from bunqkit.sandbox.resources.generic_resources import StoredResource, collection
from bunqkit.sandbox.resources.labels import label_account
from bunqkit.sandbox.resources.rights import check_payee
from bunqkit.sandbox.resources.rows import pick, read_row
from bunqkit.sandbox.resources.wire import amount, read_cents

ALLOCATIONS = "monetary-account/{}/payment-auto-allocate"
"""The scope of the rules that sort what comes in to an account."""
MERCHANT = "merchant_transaction_id"
"""Stands among the details of a movement that came by iDEAL or Sofort."""
# Source: the official description.
_LONGEST = 9000
_LONGEST_OUTSIDE = 140


def by_account(call: Call) -> tuple[object, ...]:
    """Return the id of the account in the path, to which the condition of a table is bound."""
    return (own_account(call)["id"],)


def create_payment(call: Call) -> list[Item]:
    """Pay; return the id of the paying side's payment."""
    account = own_account(call)
    _check_payees(call, account, [call.body])
    return created(pay(call.ledger, account, call.body))


def create_batch(call: Call) -> list[Item]:
    """Pay several at once: all of them or none."""
    account = own_account(call)
    _check_payees(call, account, call.body["payments"])
    return created(pay_batch(call.ledger, account, call.body["payments"]))


def _check_payees(call: Call, account: sqlite3.Row, bodies: list[dict[str, Any]]) -> None:
    """Refuse if an app would pay to others. Source: bunq docs, "OAuth"."""
    if call.consent is not None:
        for body in bodies:
            check_payee(call, read_order(call.ledger, account, body)[0])


def update_batch(call: Call) -> list[Item]:
    """Refuse: what is paid stays paid."""
    StoredResource.find(call)
    raise refuse(400, "This payment batch was carried out and can't be changed any more.")


def show_batch(batch: StoredResource) -> Item:
    """Return a batch with its payments."""
    ids, ledger = json.dumps(batch.fields.get("payment_ids", [])), batch.ledger
    rows = ledger.rows(
        "SELECT payment.* FROM json_each(?) JOIN payment ON payment.id = value ORDER BY key", ids
    )
    name, fields = batch.show("PaymentBatch")
    return name, fields | {"payments": [show_payment(ledger, row)[1] for row in rows]}


def _nest(call: Call, item: Item) -> Item:
    """Return a batch in the form that the bank's quirks say."""
    name, batch = item
    if call.quirks.batches_nest:
        batch = batch | {"payments": {"Payment": batch["payments"]}}
    return name, batch


def pay(ledger: BankLedger, account: sqlite3.Row, body: dict[str, Any], **more: int | None) -> int:
    """Pay what a body says; return the id of the paying side's payment.

    Parameters
    ----------
    ledger, account
        The account that pays.
    body
        ``amount``, ``counterparty_alias``, ``description`` and so on, as they are sent.
    more
        ``batch_id`` and ``scheduled_id``: what it is part of.
    """
    target, movement = read_order(ledger, account, body, **more)
    return book(ledger, account["id"], target, movement)[0]


def pay_batch(
    ledger: BankLedger, account: sqlite3.Row, bodies: list[dict[str, Any]], **more: int | None
) -> int:
    """Pay several at once, all of them or none; return the batch's id."""
    if not bodies:
        raise refuse(400, "A payment batch needs at least one payment.")
    scope = f"monetary-account/{account['id']}/payment-batch"
    batch = StoredResource.add(ledger, scope, "PaymentBatch", {})
    batch.save(
        payment_ids=[pay(ledger, account, body, batch_id=batch.id, **more) for body in bodies]
    )
    about, notices = ("PaymentBatch", batch.id), (("PAYMENT", "PAYMENT_BATCH_CREATED"),)
    announce(ledger, account["id"], about, notices, lambda: show_batch(batch))
    return batch.id


def pay_entries(
    ledger: BankLedger,
    account: sqlite3.Row,
    bodies: list[dict[str, Any]],
    *,
    is_batch: bool,
    **more: int | None,
) -> int:
    """Pay one body, or several as a batch; return the id of the payment or the batch."""
    if is_batch:
        return pay_batch(ledger, account, bodies, **more)
    return pay(ledger, account, bodies[0], **more)


def show_entries(ledger: BankLedger, number: int, *, is_batch: bool) -> dict[str, Any]:
    """Return what ``pay_entries`` paid, under its name."""
    if is_batch:
        return dict([show_batch(StoredResource.read(ledger, number))])
    return dict([show_payment_of(ledger, number)])


def read_order(
    ledger: BankLedger, account: sqlite3.Row, body: dict[str, Any], **more: int | None
) -> tuple[int, Movement]:
    """Check an order to pay in all but the money; return the payee's account and the movement."""
    cents = read_cents(body, "amount", account["currency"])
    target, is_outside = find_counterparty(ledger, body["counterparty_alias"], account["currency"])
    check_description(body["description"], outside=is_outside)
    details = more | {
        "merchant_reference": body.get("merchant_reference"),
        "attachment": check_attachments(ledger, account["id"], body.get("attachment")),
    }
    details = {name: value for name, value in details.items() if value}
    return target, transfer(cents, body["description"], outside=is_outside, details=details)


def transfer(
    cents: int, description: str, *, outside: bool, details: dict[str, Any] | None = None
) -> Movement:
    """Return the movement of a payment to somebody outside the bank, or inside."""
    kind, sub_type = ("EBA_SCT", "SCT") if outside else ("BUNQ", "PAYMENT")
    return Movement(cents, description, type=kind, sub_type=sub_type, details=details)


def book(
    ledger: BankLedger,
    source_id: int,
    target_id: int,
    movement: Movement,
    *,
    at: datetime | None = None,
) -> tuple[int, int]:
    """Move money and announce it to both sides; return the ids of the two payments."""
    ids, details = ledger.move(source_id, target_id, movement, at=at), movement.details or {}
    # Source: bunq docs, "Callbacks": what comes of a request, an invoice, iDEAL or Sofort has
    # its own category, and is no PAYMENT.
    is_other = (
        movement.type == "IDEAL" or MERCHANT in details or movement.sub_type in _OWN_CATEGORIES
    )
    categories = ("MUTATION",) if is_other else ("MUTATION", "PAYMENT")
    sides = ((source_id, ids[0], "CREATED"), (target_id, ids[1], "RECEIVED"))
    for account_id, number, word in sides:
        notices = tuple((category, f"{category}_{word}") for category in categories)
        show = partial(show_payment_of, ledger, number)
        announce(ledger, account_id, ("Payment", number), notices, show, at=at)
    # What was sorted is not sorted again: two rules could send the same money to and fro for ever.
    allocations = ALLOCATIONS.format(target_id)
    is_sorted = "allocation_id" in details
    if not is_sorted and ledger.row("SELECT 1 FROM thing WHERE scope = ?", allocations):
        scheduled_jobs.plan(ledger, "allocation", ids[1], at or ledger.clock.now())
    return ids


_OWN_CATEGORIES = ("REQUEST", "BILLING")


def problems_of(refusal: Refusal) -> list[dict[str, str]]:
    """Return why a payment was not possible, as a schedule or an allocation shows it."""
    return [
        {"error_description": english, "error_description_translated": dutch}
        for english, dutch in refusal.texts
    ]


def check_description(description: str, *, outside: bool) -> None:
    """Check the length of a description against bunq's limits."""
    longest = _LONGEST_OUTSIDE if outside else _LONGEST
    if len(description) > longest:
        raise refuse(400, f"The description can't be longer than {longest} characters.")


def find_counterparty(ledger: BankLedger, alias: dict[str, Any], currency: str) -> tuple[int, bool]:
    """Return the account that a pointer names, and True if it is outside the bank.

    Raises
    ------
    Refusal
        For an IBAN without a name (sdk_python#12, #29, #96), a wrong IBAN, or an e-mail address
        or phone number that nobody at the bank has.
    """
    kind, value = alias["type"], alias["value"]
    if kind == "IBAN":
        iban = value.replace(" ", "").upper()
        if not alias.get("name"):
            raise refuse(400, "A name is required for a counterparty with an IBAN.")
        if not is_iban(iban):
            raise refuse(400, f'"{value}" is not a valid IBAN.')
        account = ledger.account_behind("IBAN", iban)
        if account is not None and account["person_id"] is not None:
            return int(account["id"]), account["kind"].startswith(EXTERNAL)
        if account is not None and account["currency"] != currency:
            raise refuse(400, "The currencies of the two accounts differ.")
        return ledger.outsider(alias["name"], iban=iban, currency=currency), True
    if kind not in ("EMAIL", "PHONE_NUMBER"):
        raise refuse(400, f'"{kind}" is not a valid type of alias.')
    account = ledger.account_behind(kind, value)
    if account is None:
        raise refuse(400, f'No bunq user was found for "{value}".')
    return int(account["id"]), False


def show_payment_of(ledger: BankLedger, number: int) -> Item:
    """Return the payment of an id, as the owner of its account sees it."""
    return show_payment(ledger, read_row(ledger, "payment", number))


def show_payment(ledger: BankLedger, row: sqlite3.Row) -> Item:
    """Return one side of a movement as the owner of its account sees it."""
    return "Payment", ledger.recall(("payment", row["id"]), lambda: _show_payment(ledger, row))


def _show_payment(ledger: BankLedger, row: sqlite3.Row) -> Fixed:
    details = json.loads(row["details"])
    return Fixed(
        dict.fromkeys(facts("fields")["Payment"])
        | pick(row, "id", "created", "description", "type", "sub_type")
        | {
            "updated": row["created"],
            "monetary_account_id": row["account_id"],
            "amount": amount(row["cents"], row["currency"]),
            "merchant_reference": details.get("merchant_reference"),
            "alias": label_account(ledger, row["account_id"]),
            "counterparty_alias": label_account(ledger, row["counter_id"]),
            "attachment": details.get("attachment", []),
            "geolocation": details.get("geolocation"),
            "batch_id": details.get("batch_id"),
            "scheduled_id": details.get("scheduled_id"),
            "request_reference_split_the_bill": [],
            "balance_after_mutation": amount(row["balance_after"], row["currency"]),
        }
    )


_PAYMENTS = Table("payment", "account_id = ?", by_account, "Payment", show_payment)
"""The payments of an account."""


RULES: dict[str, Verbs] = {
    "payment": _PAYMENTS.rules(create=create_payment),
    "payment-batch": collection(show_batch, _nest, create=create_batch, update=update_batch),
}
