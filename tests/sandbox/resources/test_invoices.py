"""Invoices are booked, announced and read."""

from __future__ import annotations

import io
from decimal import Decimal

import pytest
from pypdf import PdfReader
from visitors import Visitor


def pdf_text(content: bytes) -> str:
    """Read a PDF as a program of somebody else does."""
    return "\n".join(page.extract_text() for page in PdfReader(io.BytesIO(content)).pages)


def test_an_invoice_is_booked_told_and_read(visitor: Visitor) -> None:
    """What bunq charges leaves the account, is on an invoice whose parts add up, and on paper."""
    visitor.top_up()
    bank = visitor.door.bank
    number = bank.bill(visitor.account_id, 9_99, "Plan of April")
    assert visitor.balance() == "490.01"
    paid = visitor.call("GET", f"{visitor.account}/payment").items[0]
    assert (paid["sub_type"], paid["amount"]["value"]) == ("BILLING", "-9.99")
    user = f"/user/{visitor.session.user_id}"
    for path in (f"{user}/invoice", f"{visitor.account}/invoice"):
        (invoice,) = visitor.call("GET", path).items
        assert invoice["id"] == number
        assert visitor.call("GET", f"{path}/{number}").item == invoice
    totals = [Decimal(invoice[f"total_vat_{part}"]["value"]) for part in ("exclusive", "inclusive")]
    assert totals[0] + Decimal(invoice["total_vat"]["value"]) == totals[1] == Decimal("9.99")
    assert invoice["group"][0]["item"][0]["total_vat_exclusive"]["value"] == "8.26"
    export = visitor.create(f"{user}/invoice/{number}/invoice-export", {})
    told = visitor.call("GET", f"{user}/invoice/{number}/invoice-export/{export}").item
    assert told["status"] == "COMPLETED"
    content = visitor.call("GET", f"{user}/invoice/{number}/pdf-content").exchange.answer_body
    text = pdf_text(content)
    assert invoice["invoice_number"] in text
    assert text.splitlines()[-1].split() == ["Total", "with", "VAT", "9.99", "EUR"]
    event = visitor.call("GET", f"{user}/event").items[0]
    assert event["object"]["Invoice"]["id"] == number
    assert set(bank.ledger.imbalance().values()) == {0}


def test_nobody_is_billed_beyond_the_balance(visitor: Visitor) -> None:
    """An account with too little is not charged, and gets no invoice."""
    with pytest.raises(Exception, match="not sufficient"):
        visitor.door.bank.bill(visitor.account_id, 1, "Plan")
    assert visitor.call("GET", f"{visitor.account}/invoice").items == []
