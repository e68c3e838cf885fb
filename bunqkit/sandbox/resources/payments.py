"""Payments: both sides of a transfer, each side seeing its own; one by one and in batches.

Source: bunq docs, "Payment" and "Payment batch"; the shape follows a capture of 2023.
"""

from __future__ import annotations

import json
import sqlite3
from dataclasses import replace
from datetime import datetime
from typing import Any

from bunqkit.sandbox import scheduled_jobs
from bunqkit.sandbox.ledger import EXTERNAL, Ledger, Movement, is_iban
from bunqkit.sandbox.refusal import not_found, refuse
from bunqkit.sandbox.resources.accounts import own_account
from bunqkit.sandbox.resources.call import Call, Fixed, Item, Page, created
from bunqkit.sandbox.resources.events import notify, record
from bunqkit.sandbox.resources.generic_resources import (
    add_thing,
    change_thing,
    find_thing,
    read_thing,
    scope_of,
    tell_thing,
)
from bunqkit.sandbox.resources.labels import label_account
from bunqkit.sandbox.resources.rights import check_payee
from bunqkit.sandbox.resources.wire import amount, cents_of

ALLOCATIONS = "monetary-account/{}/payment-auto-allocate"
"""Where the rules are that sort what comes in to an account."""
MERCHANT = "merchant_transaction_id"
"""Stands among the details of a movement that came by iDEAL or Sofort."""
_LONGEST = 9000
_LONGEST_OUTSIDE = 140


def list_payments(call: Call) -> Page:
    """List the payments of an account, newest first."""
    account = own_account(call)
    return call.page("payment", "account_id = ?", (account["id"],), tell_payment)


def get_payment(call: Call) -> list[Item]:
    """Give one payment of the account."""
    account = own_account(call)
    row = call.ledger.row(
        "SELECT * FROM payment WHERE id = ? AND account_id = ?",
        call.number("itemId"),
        account["id"],
    )
    if row is None:
        raise not_found("Payment", call.ids["itemId"])
    return [tell_payment(call.ledger, row)]


def create_payment(call: Call) -> list[Item]:
    """Pay; give the id of the paying side's payment."""
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


def list_batches(call: Call) -> Page:
    """List the batches of an account, newest first."""
    page = call.page("thing", "scope = ?", (scope_of(call),), tell_batch)
    return replace(page, items=[_nest(call, item) for item in page.items])


def get_batch(call: Call) -> list[Item]:
    """Give one batch with its payments."""
    row = find_thing(call, [scope_of(call)], call.ids["itemId"])
    return [_nest(call, tell_batch(call.ledger, row))]


def _nest(call: Call, item: Item) -> Item:
    """Give a batch in the form that the bank's habits say."""
    name, batch = item
    if call.habits.batches_nest:
        batch = batch | {"payments": {"Payment": batch["payments"]}}
    return name, batch


def update_batch(call: Call) -> list[Item]:
    """Refuse: what is paid stays paid."""
    find_thing(call, [scope_of(call)], call.ids["itemId"])
    raise refuse(400, "This payment batch was carried out and can't be changed any more.")


def tell_batch(ledger: Ledger, row: sqlite3.Row) -> Item:
    """Give a batch with its payments."""
    ids = json.loads(row["item"]).get("payment_ids", [])
    rows = [ledger.row("SELECT * FROM payment WHERE id = ?", number) for number in ids]
    payments = [tell_payment(ledger, each)[1] for each in rows if each is not None]
    return "PaymentBatch", tell_thing(row, "PaymentBatch") | {"payments": payments}


def pay(ledger: Ledger, account: sqlite3.Row, body: dict[str, Any], **more: int | None) -> int:
    """Pay what a body says; give the id of the paying side's payment.

    Parameters
    ----------
    ledger, account
        Whose money it is.
    body
        ``amount``, ``counterparty_alias``, ``description`` and so on, as they are sent.
    more
        ``batch_id`` and ``scheduled_id``, what it is part of.
    """
    target, movement = read_order(ledger, account, body, **more)
    return book(ledger, account["id"], target, movement)[0]


def pay_batch(
    ledger: Ledger, account: sqlite3.Row, bodies: list[dict[str, Any]], **more: int | None
) -> int:
    """Pay several at once, all of them or none; give the batch's id."""
    if not bodies:
        raise refuse(400, "A payment batch needs at least one payment.")
    number = add_thing(
        ledger, f"monetary-account/{account['id']}/payment-batch", "PaymentBatch", {}
    )
    paid = [pay(ledger, account, body, batch_id=number, **more) for body in bodies]
    change_thing(ledger, read_thing(ledger, number), {"payment_ids": paid})
    record(ledger, account["id"], "PaymentBatch", number)
    notify(
        ledger,
        account["id"],
        number,
        (("PAYMENT", "PAYMENT_BATCH_CREATED"),),
        lambda: tell_batch(ledger, read_thing(ledger, number)),
    )
    return number


def read_order(
    ledger: Ledger, account: sqlite3.Row, body: dict[str, Any], **more: int | None
) -> tuple[int, Movement]:
    """Read an order to pay, and insist on all but the money; give the payee's account too."""
    cents = cents_of(body["amount"], account["currency"], "amount")
    target, outside = find_counterparty(ledger, body["counterparty_alias"], account["currency"])
    check_description(body["description"], outside=outside)
    details = more | {
        "merchant_reference": body.get("merchant_reference"),
        "attachment": check_attachments(ledger, account["id"], body.get("attachment")),
    }
    movement = Movement(
        cents,
        body["description"],
        type="EBA_SCT" if outside else "BUNQ",
        sub_type="SCT" if outside else "PAYMENT",
        details={name: told for name, told in details.items() if told},
    )
    return target, movement


def book(
    ledger: Ledger,
    source_id: int,
    target_id: int,
    movement: Movement,
    *,
    at: datetime | None = None,
) -> tuple[int, int]:
    """Move money and tell both sides; give the ids of the payment made and the one got."""
    ids = ledger.move(source_id, target_id, movement, at=at)
    for account_id, number, word in (
        (source_id, ids[0], "CREATED"),
        (target_id, ids[1], "RECEIVED"),
    ):
        record(ledger, account_id, "Payment", number, at=at)
        notices = [("MUTATION", f"MUTATION_{word}")]
        # Source: bunq docs, "Callbacks": what comes of a request, an invoice, iDEAL or Sofort has
        # its own category, and is no PAYMENT.
        is_merchant = movement.type == "IDEAL" or MERCHANT in (movement.details or {})
        if movement.sub_type not in ("REQUEST", "BILLING") and not is_merchant:
            notices.append(("PAYMENT", f"PAYMENT_{word}"))
        notify(
            ledger,
            account_id,
            number,
            tuple(notices),
            lambda number=number: tell_payment(ledger, payment_row(ledger, number)),  # type: ignore[misc]
        )
    # What was sorted is not sorted again: two rules could send the same money to and fro for ever.
    is_sorted = "allocation_id" in (movement.details or {})
    allocations = ALLOCATIONS.format(target_id)
    if not is_sorted and ledger.row("SELECT 1 FROM thing WHERE scope = ?", allocations):
        scheduled_jobs.plan(ledger, "allocation", ids[1], at or ledger.clock.now())
    return ids


def payment_row(ledger: Ledger, number: int) -> sqlite3.Row:
    """Read one side of a movement."""
    row = ledger.row("SELECT * FROM payment WHERE id = ?", number)
    assert row is not None
    return row


def check_attachments(
    ledger: Ledger, account_id: int, told: list[dict[str, Any]] | None
) -> list[dict[str, int]]:
    """Insist that attachments were uploaded to this account; give them as they are read."""
    for each in told or []:
        if not ledger.row(
            "SELECT 1 FROM file WHERE id = ? AND scope = ?",
            each["id"] if 0 <= each["id"] < 2**63 else 0,
            f"monetary-account/{account_id}/attachment",
        ):
            raise not_found("Attachment", each["id"])
    return [{"id": each["id"], "monetary_account_id": account_id} for each in told or []]


def check_description(description: str, *, outside: bool) -> None:
    """Insist on bunq's limits of length. Source: the official description."""
    longest = _LONGEST_OUTSIDE if outside else _LONGEST
    if len(description) > longest:
        raise refuse(400, f"The description can't be longer than {longest} characters.")


def find_counterparty(ledger: Ledger, alias: dict[str, Any], currency: str) -> tuple[int, bool]:
    """Find the account that a pointer names, and say whether it is outside the bank.

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
        found = ledger.account_behind("IBAN", iban)
        if found is not None and found["person_id"] is not None:
            return int(found["id"]), found["kind"].startswith(EXTERNAL)
        if found is not None and found["currency"] != currency:
            raise refuse(400, "The currencies of the two accounts differ.")
        return ledger.outsider(alias["name"], iban=iban, currency=currency), True
    if kind not in ("EMAIL", "PHONE_NUMBER"):
        raise refuse(400, f'"{kind}" is not a valid type of alias.')
    found = ledger.account_behind(kind, value)
    if found is None:
        raise refuse(400, f'No bunq user was found for "{value}".')
    return int(found["id"]), False


def tell_payment(ledger: Ledger, row: sqlite3.Row) -> Item:
    """Give one side of a movement as the owner of its account sees it."""
    return "Payment", ledger.recall(("payment", row["id"]), lambda: _tell_payment(ledger, row))


def _tell_payment(ledger: Ledger, row: sqlite3.Row) -> Fixed:
    details = json.loads(row["details"])
    told = {
        "id": row["id"],
        "created": row["created"],
        "updated": row["created"],
        "monetary_account_id": row["account_id"],
        "amount": amount(row["cents"], row["currency"]),
        "description": row["description"],
        "type": row["type"],
        "merchant_reference": details.get("merchant_reference"),
        "alias": label_account(ledger, row["account_id"]),
        "counterparty_alias": label_account(ledger, row["counter_id"]),
        "attachment": details.get("attachment", []),
        "geolocation": details.get("geolocation"),
        "batch_id": details.get("batch_id"),
        "scheduled_id": details.get("scheduled_id"),
        "address_billing": None,
        "address_shipping": None,
        "sub_type": row["sub_type"],
        "payment_arrival_expected": None,
        "bunqto_status": None,
        "bunqto_sub_status": None,
        "bunqto_share_url": None,
        "bunqto_expiry": None,
        "bunqto_time_responded": None,
        "request_reference_split_the_bill": [],
        "balance_after_mutation": amount(row["balance_after"], row["currency"]),
        "payment_auto_allocate_instance": None,
        "payment_suspended_outgoing": None,
        "payment_fee": None,
    }
    return Fixed(told)
