"""Invoices: what bunq itself charges, booked and billed at once; and their files.

Source: bunq docs, "Invoice"; the official description for the fields. bunq bills a plan each month;
here nobody is billed but by ``Bank.bill`` and the control desk. Numbers and words are our own.
"""

from __future__ import annotations

import json
from datetime import datetime

from bunqkit.sandbox.clock import wire_time
from bunqkit.sandbox.ledger import Ledger, Movement
from bunqkit.sandbox.refusal import not_found
from bunqkit.sandbox.resources.call import Call, File, Item, created
from bunqkit.sandbox.resources.events import notify, record
from bunqkit.sandbox.resources.generic_resources import (
    add_thing,
    content_of,
    scope_of,
    shown_in,
    tell_thing,
    thing_of,
)
from bunqkit.sandbox.resources.labels import label_account
from bunqkit.sandbox.resources.payments import book
from bunqkit.sandbox.resources.sheets import write_pdf
from bunqkit.sandbox.resources.wire import amount

_VAT_PERCENT = 21


def bill(
    ledger: Ledger, account_id: int, cents: int, what: str, *, at: datetime | None = None
) -> int:
    """Charge an account for something, VAT included, and write the invoice; give its id.

    Raises
    ------
    Refusal
        If there is too little on the account: nothing is booked, and there is no invoice.
    """
    account, bunq = ledger.account(account_id), ledger.outsider("bunq")
    movement = Movement(cents, what, type="BUNQ", sub_type="BILLING")
    book(ledger, account_id, bunq, movement, at=at)
    now, scope = wire_time(at or ledger.clock.now()), f"monetary-account/{account_id}/invoice"
    address = json.loads(ledger.person(account["person_id"])["details"]).get("address")
    # Rounded to the nearest cent; what is left is the VAT, so that the parts add up.
    bare_cents = (cents * 200 + 100 + _VAT_PERCENT) // (2 * (100 + _VAT_PERCENT))
    bare, whole = amount(bare_cents, account["currency"]), amount(cents, account["currency"])
    item = {
        "id": 1,
        "billing_date": now[:10],
        "type_description": what,
        "type_description_translated": what,
        "unit_vat_exclusive": bare,
        "unit_vat_inclusive": whole,
        "vat": _VAT_PERCENT,
        "quantity": 1,
        "total_vat_exclusive": bare,
        "total_vat_inclusive": whole,
    }
    group = {
        "type": "SUBSCRIPTION",
        "type_description": what,
        "type_description_translated": what,
        "product_vat_exclusive": bare,
        "product_vat_inclusive": whole,
        "item": [item],
    }
    values = {
        "invoice_date": now[:10],
        "invoice_number": f"{now[:4]}-{ledger.next_id('draw'):08d}",
        "status": "PAID",
        "category": "BILLING",
        "group": [group],
        "total_vat_inclusive": whole,
        "total_vat_exclusive": bare,
        "total_vat": amount(cents - bare_cents, account["currency"]),
        "alias": label_account(ledger, account_id),
        "address": address,
        "counterparty_alias": label_account(ledger, bunq),
    }
    number = add_thing(ledger, scope, "Invoice", values, at=now)
    record(ledger, account_id, "Invoice", number, at=at)

    def tell() -> Item:
        row = thing_of(ledger, [scope], str(number))
        assert row is not None
        return "Invoice", tell_thing(row, "Invoice")

    notify(ledger, account_id, number, (("BILLING", "BILLING_INVOICE_CREATED"),), tell)
    return number


def create_export(call: Call) -> list[Item]:
    """Have an invoice made into a file, which is ready at once."""
    values = {"status": "COMPLETED"}
    return created(add_thing(call.ledger, scope_of(call), "InvoiceExportPdf", values))


def read_invoice(call: Call) -> File:
    """Give the file of an invoice."""
    scope, number = content_of(call)
    row = thing_of(call.ledger, shown_in(call, scope), str(number))
    if row is None:
        raise not_found("Invoice", number)
    item = tell_thing(row, "Invoice")
    texts = [f"Invoice {item['invoice_number']} of {item['invoice_date']}", ""]
    for group in item["group"]:
        for each in group["item"]:
            told = each["total_vat_exclusive"]["value"]
            texts.append(f"{each['type_description'][:50]:<50}{each['quantity']:>4}{told:>14}")
    texts.append("")
    for name, field in (
        ("Total without VAT", "total_vat_exclusive"),
        ("VAT", "total_vat"),
        ("Total with VAT", "total_vat_inclusive"),
    ):
        total = item[field] or {"value": "", "currency": ""}
        texts.append(f"{name:<54}{total['value']:>14} {total['currency']}")
    return write_pdf(texts)
