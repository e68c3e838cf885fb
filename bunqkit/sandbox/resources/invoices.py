"""Invoices: what bunq itself charges, booked and billed at once; and their files.

Source: bunq docs, "Invoice"; the official description for the fields. bunq bills a plan each month;
here only ``Bank.bill`` and the control desk make invoices. Numbers and words are our own.
"""

from __future__ import annotations

import json
from datetime import datetime

from bunqkit.sandbox.clock import wire_time
from bunqkit.sandbox.ledger import BankLedger, Movement
from bunqkit.sandbox.refusal import not_found
from bunqkit.sandbox.resources.call import Call, File, Item, Verbs, created
from bunqkit.sandbox.resources.events import announce
from bunqkit.sandbox.resources.generic_resources import StoredResource, content_of, shown_in
from bunqkit.sandbox.resources.labels import label_account
from bunqkit.sandbox.resources.payments import book
from bunqkit.sandbox.resources.sheets import write_pdf
from bunqkit.sandbox.resources.wire import amount

_VAT_PERCENT = 21
_TOTALS = {
    "Total without VAT": "total_vat_exclusive",
    "VAT": "total_vat",
    "Total with VAT": "total_vat_inclusive",
}


def bill(
    ledger: BankLedger, account_id: int, cents: int, what: str, *, at: datetime | None = None
) -> int:
    """Charge an account for something, VAT included, and write the invoice; return its id.

    Raises
    ------
    Refusal
        If there is too little on the account: nothing is booked, and there is no invoice.
    """
    account, bunq = ledger.account(account_id), ledger.outsider("bunq")
    book(ledger, account_id, bunq, Movement(cents, what, type="BUNQ", sub_type="BILLING"), at=at)
    now, currency = wire_time(at or ledger.clock.now()), account["currency"]
    # Rounded to the nearest cent; the rest is the VAT, so that the parts add up.
    bare_cents = (cents * 200 + 100 + _VAT_PERCENT) // (2 * (100 + _VAT_PERCENT))
    bare, whole = amount(bare_cents, currency), amount(cents, currency)
    words = {"type_description": what, "type_description_translated": what}
    totals = {"total_vat_exclusive": bare, "total_vat_inclusive": whole}
    item = {
        "id": 1,
        "billing_date": now[:10],
        **words,
        "unit_vat_exclusive": bare,
        "unit_vat_inclusive": whole,
        "vat": _VAT_PERCENT,
        "quantity": 1,
        **totals,
    }
    group = {
        "type": "SUBSCRIPTION",
        **words,
        "product_vat_exclusive": bare,
        "product_vat_inclusive": whole,
        "item": [item],
    }
    values = totals | {
        "invoice_date": now[:10],
        "invoice_number": f"{now[:4]}-{ledger.next_id('draw'):08d}",
        "status": "PAID",
        "category": "BILLING",
        "group": [group],
        "total_vat": amount(cents - bare_cents, currency),
        "alias": label_account(ledger, account_id),
        "address": json.loads(ledger.person(account["person_id"])["details"]).get("address"),
        "counterparty_alias": label_account(ledger, bunq),
    }
    scope = f"monetary-account/{account_id}/invoice"
    invoice = StoredResource.add(ledger, scope, "Invoice", values, at=at)
    about, notices = ("Invoice", invoice.id), (("BILLING", "BILLING_INVOICE_CREATED"),)
    announce(ledger, account_id, about, notices, invoice.show, at=at)
    return invoice.id


def create_export(call: Call) -> list[Item]:
    """Make an invoice into a file, which is ready at once."""
    values = {"status": "COMPLETED"}
    return created(StoredResource.post(call, "InvoiceExportPdf", values).id)


def read_invoice(call: Call) -> File:
    """Return the file of an invoice."""
    scope, number = content_of(call)
    invoice = StoredResource.within(call.ledger, shown_in(call, scope), number)
    if invoice is None:
        raise not_found("Invoice", number)
    _, fields = invoice.show("Invoice")
    texts = [f"Invoice {fields['invoice_number']} of {fields['invoice_date']}", ""]
    for group in fields["group"]:
        for item in group["item"]:
            total = item["total_vat_exclusive"]["value"]
            texts.append(f"{item['type_description'][:50]:<50}{item['quantity']:>4}{total:>14}")
    texts.append("")
    for name, field in _TOTALS.items():
        total = fields[field] or {"value": "", "currency": ""}
        texts.append(f"{name:<54}{total['value']:>14} {total['currency']}")
    return write_pdf(texts)


RULES: dict[str, Verbs] = {
    "invoice.invoice-export": {"create": create_export},
    "invoice": {"pdf-content": read_invoice},
}
