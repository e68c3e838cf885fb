"""Requests for money, and the sugar daddy who accepts them.

Source: bunq docs, "Request inquiry" and "Sandbox"; the SDK's tests for what the sugar daddy does.
"""

from __future__ import annotations

import json
import sqlite3
from datetime import datetime
from typing import Any

from bunqkit.sandbox.clock import wire_time
from bunqkit.sandbox.ledger import Ledger, Movement
from bunqkit.sandbox.refusal import not_found, refuse
from bunqkit.sandbox.resources.accounts import label_account, own_account
from bunqkit.sandbox.resources.call import Call, Item, Page, created
from bunqkit.sandbox.resources.payments import check_description, find_counterparty
from bunqkit.sandbox.resources.wire import amount, cents_of

SUGAR_DADDY = "sugardaddy@bunq.com"
# Source: bunq docs, "Sandbox": up to EUR 500 at a time; the page of 2026 says more is rejected.
_SUGAR_LIMIT = 500_00


def list_requests(call: Call) -> Page:
    """List the requests made from an account, newest first."""
    account = own_account(call)
    return call.page("request", "account_id = ?", (account["id"],), tell_request)


def get_request(call: Call) -> list[Item]:
    """Give one request of the account."""
    return [tell_request(call.ledger, _own_request(call))]


def create_request(call: Call) -> list[Item]:
    """Ask somebody for money; the sugar daddy answers at once."""
    account, body, ledger = own_account(call), call.body, call.ledger
    cents = cents_of(body["amount_inquired"], account["currency"], "amount_inquired")
    check_description(body["description"], outside=False)
    alias = body["counterparty_alias"]
    payer = _payer(ledger, alias, account["currency"], open_to_all=body["allow_bunqme"])
    if payer == account["id"]:
        raise refuse(400, "You can't request money from the account that you request it for.")
    number = add_request(ledger, account["id"], payer, cents, body)
    if alias["type"] == "EMAIL" and alias["value"].lower() == SUGAR_DADDY:
        if cents <= _SUGAR_LIMIT and account["currency"] == "EUR":
            accept_request(ledger, number)
        else:
            now = wire_time(ledger.clock.now())
            ledger.update("request", number, status="REJECTED", updated=now, responded=now)
    return created(number)


def update_request(call: Call) -> list[Item]:
    """Revoke a request that is pending: the one change that a request takes."""
    row = _own_request(call)
    # The answer to this update is the whole request, not its id (constants of the SDK).
    if call.body.get("status") != "REVOKED":
        raise refuse(400, 'A request can only be changed to status "REVOKED".')
    if row["status"] != "PENDING":
        raise refuse(400, f"This request is {row['status']} and can't be revoked any more.")
    call.ledger.update(
        "request", row["id"], status="REVOKED", updated=wire_time(call.ledger.clock.now())
    )
    return [tell_request(call.ledger, _own_request(call))]


def add_request(
    ledger: Ledger,
    account_id: int,
    payer_id: int | None,
    cents: int,
    body: dict[str, Any],
    *,
    at: datetime | None = None,
) -> int:
    """Write a pending request; give its id."""
    number, now = ledger.next_id("request"), wire_time(at or ledger.clock.now())
    kept = ("merchant_reference", "minimum_age", "require_address", "redirect_url", "allow_bunqme")
    ledger.insert(
        "request",
        id=number,
        account_id=account_id,
        created=now,
        updated=now,
        payer_id=payer_id,
        alias=json.dumps(body["counterparty_alias"]),
        cents=cents,
        currency=body["amount_inquired"]["currency"],
        description=body["description"],
        status="PENDING",
        details=json.dumps({name: body.get(name) for name in kept}),
    )
    return number


def accept_request(ledger: Ledger, number: int, *, at: datetime | None = None) -> None:
    """Have the payer pay what is asked: one outgoing and one incoming payment."""
    row = ledger.row("SELECT * FROM request WHERE id = ?", number)
    assert row is not None
    movement = Movement(row["cents"], row["description"], sub_type="REQUEST")
    ledger.move(row["payer_id"], row["account_id"], movement, at=at)
    now = wire_time(at or ledger.clock.now())
    ledger.update("request", number, status="ACCEPTED", updated=now, responded=now)


def _payer(
    ledger: Ledger, alias: dict[str, Any], currency: str, *, open_to_all: bool
) -> int | None:
    if open_to_all and alias["type"] in ("EMAIL", "PHONE_NUMBER"):
        found = ledger.account_behind(alias["type"], alias["value"])
        return int(found["id"]) if found else None
    return find_counterparty(ledger, alias, currency)[0]


def _own_request(call: Call) -> sqlite3.Row:
    account = own_account(call)
    row = call.ledger.row(
        "SELECT * FROM request WHERE id = ? AND account_id = ?",
        call.number("itemId"),
        account["id"],
    )
    if row is None:
        raise not_found("Request inquiry", call.ids["itemId"])
    return row


def tell_request(ledger: Ledger, row: sqlite3.Row) -> Item:
    """Give a request as the one who asked sees it."""
    details, alias = json.loads(row["details"]), json.loads(row["alias"])
    asked = amount(row["cents"], row["currency"])
    if row["payer_id"] is None:
        name = alias.get("name") or alias["value"]
        counterparty = {"iban": None, "is_light": False, "display_name": name, "country": None}
    else:
        counterparty = label_account(ledger, ledger.account(row["payer_id"]))
    return "RequestInquiry", {
        "id": row["id"],
        "created": row["created"],
        "updated": row["updated"],
        "time_responded": row["responded"],
        "time_expiry": None,
        "monetary_account_id": row["account_id"],
        "amount_inquired": asked,
        "amount_responded": asked if row["status"] == "ACCEPTED" else None,
        "status": row["status"],
        "description": row["description"],
        "merchant_reference": details.get("merchant_reference"),
        "user_alias_created": label_account(ledger, ledger.account(row["account_id"])),
        "user_alias_revoked": None,
        "counterparty_alias": counterparty,
        "attachment": [],
        "minimum_age": details.get("minimum_age"),
        "require_address": details.get("require_address"),
        "geolocation": None,
        "bunqme_share_url": f"https://bunq.me/t/{row['id']}" if row["payer_id"] is None else None,
        "redirect_url": details.get("redirect_url"),
        "reference_split_the_bill": None,
        "batch_id": None,
        "scheduled_id": None,
        "address_billing": None,
        "address_shipping": None,
    }
