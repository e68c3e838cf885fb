"""Payments: both legs of a transfer, each side seeing its own.

Source: bunq docs, "Payment"; the shape follows a capture of 2023.
"""

from __future__ import annotations

import json
import sqlite3
from typing import Any

from bunqkit.sandbox.ledger import Ledger, Movement, is_iban
from bunqkit.sandbox.refusal import not_found, refuse
from bunqkit.sandbox.resources.accounts import label_account, own_account
from bunqkit.sandbox.resources.call import Call, Item, Page, created
from bunqkit.sandbox.resources.wire import amount, cents_of

_LONGEST = 9000
_LONGEST_OUTSIDE = 140


def list_payments(call: Call) -> Page:
    """List the payments of an account, newest first."""
    account = own_account(call)
    return call.page("leg", "account_id = ?", (account["id"],), tell_payment)


def get_payment(call: Call) -> list[Item]:
    """Give one payment of the account."""
    account = own_account(call)
    row = call.ledger.row(
        "SELECT * FROM leg WHERE id = ? AND account_id = ?", call.number("itemId"), account["id"]
    )
    if row is None:
        raise not_found("Payment", call.ids["itemId"])
    return [tell_payment(call.ledger, row)]


def create_payment(call: Call) -> list[Item]:
    """Pay; give the id of the paying side's payment."""
    account, body = own_account(call), call.body
    cents = cents_of(body["amount"], account["currency"], "amount")
    target, outside = find_counterparty(
        call.ledger, body["counterparty_alias"], account["currency"]
    )
    check_description(body["description"], outside=outside)
    paid, _ = call.ledger.move(
        account["id"],
        target,
        Movement(
            cents,
            body["description"],
            type="EBA_SCT" if outside else "BUNQ",
            sub_type="SCT" if outside else "PAYMENT",
            details={"merchant_reference": body.get("merchant_reference")},
        ),
    )
    return created(paid)


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
            return int(found["id"]), False
        return ledger.outsider(alias["name"], iban=iban, currency=currency), True
    if kind not in ("EMAIL", "PHONE_NUMBER"):
        raise refuse(400, f'"{kind}" is not a valid type of alias.')
    found = ledger.account_behind(kind, value)
    if found is None:
        raise refuse(400, f'No bunq user was found for "{value}".')
    return int(found["id"]), False


def tell_payment(ledger: Ledger, row: sqlite3.Row) -> Item:
    """Give one leg as the owner of its account sees it."""
    details = json.loads(row["details"])
    return "Payment", {
        "id": row["id"],
        "created": row["created"],
        "updated": row["created"],
        "monetary_account_id": row["account_id"],
        "amount": amount(row["cents"], row["currency"]),
        "description": row["description"],
        "type": row["type"],
        "merchant_reference": details.get("merchant_reference"),
        "alias": label_account(ledger, ledger.account(row["account_id"])),
        "counterparty_alias": label_account(ledger, ledger.account(row["counter_id"])),
        "attachment": [],
        "geolocation": None,
        "batch_id": None,
        "scheduled_id": None,
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
