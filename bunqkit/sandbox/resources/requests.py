"""Requests for money: asked, answered by the other side, revoked; and the sugar daddy.

Source: bunq docs, "Request inquiry", "Request response" and "Sandbox"; the SDK's tests for what
the sugar daddy does. The two sides have different ids, and no field leads from one to the other.
"""

from __future__ import annotations

import json
import sqlite3
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from bunqkit.sandbox import scheduled_jobs
from bunqkit.sandbox.clock import read_time, wire_time
from bunqkit.sandbox.ledger import Ledger, Movement
from bunqkit.sandbox.refusal import not_found, refuse
from bunqkit.sandbox.resources.accounts import own_account
from bunqkit.sandbox.resources.call import Call, Item, Page, created
from bunqkit.sandbox.resources.events import notify, record
from bunqkit.sandbox.resources.generic_resources import add_thing, find_thing, scope_of, tell_thing
from bunqkit.sandbox.resources.labels import label_account, label_pointer, label_user
from bunqkit.sandbox.resources.payments import book, check_description, find_counterparty
from bunqkit.sandbox.resources.shape import shape
from bunqkit.sandbox.resources.wire import amount, cents_of

SUGAR_DADDY = "sugardaddy@bunq.com"
_REFUNDABLE = timedelta(weeks=8)


def list_requests(call: Call) -> Page:
    """List the requests made from an account, newest first."""
    account = own_account(call)
    page = call.page("request", "account_id = ?", (account["id"],), tell_request)
    return replace(page, items=[_as_said(call, item) for item in page.items])


def get_request(call: Call) -> list[Item]:
    """Give one request of the account."""
    return [_as_said(call, tell_request(call.ledger, _own_request(call)))]


def _as_said(call: Call, item: Item) -> Item:
    """Give a request with its maker in the form that the bank's habits say."""
    name, told = item
    if call.habits.makers_are_users:
        told = told | {"user_alias_created": label_user(call.ledger, call.person_id)}
    return name, told


def create_request(call: Call) -> list[Item]:
    """Ask somebody for money; the sugar daddy answers at once."""
    return created(_ask(call, own_account(call), call.body))


def update_request(call: Call) -> list[Item]:
    """Revoke a request that is pending: the one change that a request takes."""
    row = _own_request(call)
    # The answer to this update is the whole request, not its id (constants of the SDK).
    if call.body.get("status") != "REVOKED":
        raise refuse(400, 'A request can only be changed to status "REVOKED".')
    answer(call.ledger, row, "REVOKED")
    return [tell_request(call.ledger, _own_request(call))]


def create_batch(call: Call) -> list[Item]:
    """Ask several people at once: all of them or none."""
    account, told = own_account(call), call.body["request_inquiries"]
    if not told:
        raise refuse(400, "A request inquiry batch needs at least one request.")
    total = cents_of(
        call.body["total_amount_inquired"], account["currency"], "total_amount_inquired"
    )
    asked = [cents_of(b["amount_inquired"], account["currency"], "amount_inquired") for b in told]
    if total != sum(asked):
        raise refuse(400, 'The "total_amount_inquired" is not the sum of the amounts.')
    values = {"total_amount_inquired": amount(total, account["currency"])}
    number = add_thing(call.ledger, scope_of(call), "RequestInquiryBatch", values)
    for body in told:
        _ask(call, account, body, batch_id=number)
    record(call.ledger, account["id"], "RequestInquiryBatch", number)
    return created(number)


def list_batches(call: Call) -> Page:
    """List the batches of requests of an account, newest first."""
    return call.page("thing", "scope = ?", (scope_of(call),), tell_batch)


def get_batch(call: Call) -> list[Item]:
    """Give one batch with its requests."""
    return [tell_batch(call.ledger, find_thing(call, [scope_of(call)], call.ids["itemId"]))]


def update_batch(call: Call) -> list[Item]:
    """Revoke those requests of a batch that are pending."""
    row = find_thing(call, [scope_of(call)], call.ids["itemId"])
    if call.body.get("status") != "REVOKED":
        raise refuse(400, 'A request can only be changed to status "REVOKED".')
    for each in _of_batch(call.ledger, row["id"]):
        if each["status"] == "PENDING":
            answer(call.ledger, each, "REVOKED")
    return created(row["id"])


def tell_batch(ledger: Ledger, row: sqlite3.Row) -> Item:
    """Give a batch with its requests."""
    told = [tell_request(ledger, each)[1] for each in _of_batch(ledger, row["id"])]
    name = "RequestInquiryBatch"
    return name, tell_thing(row, name) | {"request_inquiries": told}


def _of_batch(ledger: Ledger, number: int) -> list[sqlite3.Row]:
    return ledger.rows(
        "SELECT * FROM request WHERE json_extract(details, '$.batch_id') = ? ORDER BY id", number
    )


def list_responses(call: Call) -> Page:
    """List the requests that an account was asked to pay, newest first."""
    account = own_account(call)
    return call.page("request", "payer_id = ?", (account["id"],), tell_response, key="response_id")


def get_response(call: Call) -> list[Item]:
    """Give one request that the account was asked to pay."""
    return [tell_response(call.ledger, _own_response(call))]


def update_response(call: Call) -> list[Item]:
    """Accept a request, which pays it, or reject it.

    Less or more than what was asked may be paid. Source: ``amount_responded`` of the official
    description. A direct debit that was paid can be asked back.
    """
    row, body = _own_response(call), call.body
    status = body.get("status")
    if status == "REFUND_REQUESTED":
        _refund(call, row)
        return [tell_response(call.ledger, _own_response(call))]
    if status not in ("ACCEPTED", "REJECTED"):
        raise refuse(400, 'A request can be answered by status "ACCEPTED" or "REJECTED".')
    cents = row["cents"]
    if status == "ACCEPTED" and body.get("amount_responded") is not None:
        cents = cents_of(body["amount_responded"], row["currency"], "amount_responded")
    answer(call.ledger, row, status, cents=cents)
    return [tell_response(call.ledger, _own_response(call))]


def _refund(call: Call, row: sqlite3.Row) -> None:
    """Give a direct debit back, as SEPA's rule book has it: for eight weeks, without a reason."""
    ledger, details, now = call.ledger, json.loads(row["details"]), call.ledger.clock.now()
    if details.get("type") != "DIRECT_DEBIT" or row["status"] != "ACCEPTED":
        raise refuse(400, "Only a direct debit that was paid can be asked back.")
    if read_time(row["responded"]) < now - _REFUNDABLE:
        raise refuse(400, "A direct debit can be asked back for eight weeks.")
    back = Movement(row["responded_cents"], row["description"], type="EBA_SDD", sub_type="REVERSAL")
    book(ledger, row["account_id"], details.get("paid_from") or row["payer_id"], back)
    told = {
        "refunded_by": call.person_id,
        "time_refund_requested": wire_time(now),
        "time_refunded": wire_time(now),
    }
    ledger.update("request", row["id"], status="REFUNDED", details=json.dumps(details | told))
    _tell_both(ledger, row["id"], "REFUNDED")


def _ask(
    call: Call, account: sqlite3.Row, body: dict[str, Any], *, batch_id: int | None = None
) -> int:
    ledger = call.ledger
    cents = cents_of(body["amount_inquired"], account["currency"], "amount_inquired")
    check_description(body["description"], outside=False)
    alias = body["counterparty_alias"]
    payer = _payer(ledger, alias, account["currency"], open_to_all=body["allow_bunqme"])
    if payer == account["id"]:
        raise refuse(400, "You can't request money from the account that you request it for.")
    if payer is not None and ledger.account(payer)["currency"] != account["currency"]:
        raise refuse(400, "The currencies of the two accounts differ.")
    number = add_request(ledger, account["id"], payer, cents, {**body, "batch_id": batch_id})
    if alias["type"] == "EMAIL" and alias["value"].lower() == SUGAR_DADDY:
        limit = call.habits.sugar_limit_cents
        accepted = account["currency"] == "EUR" and (limit is None or cents <= limit)
        answer(ledger, read_request(ledger, number), "ACCEPTED" if accepted else "REJECTED")
    return number


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
    ledger.insert(
        "request",
        id=number,
        response_id=ledger.next_id("request-response"),
        account_id=account_id,
        created=now,
        updated=now,
        payer_id=payer_id,
        alias=json.dumps(body["counterparty_alias"]),
        cents=cents,
        currency=body["amount_inquired"]["currency"],
        description=body["description"],
        status="PENDING",
        details=json.dumps({name: body.get(name) for name in _KEPT}),
    )
    _tell_both(ledger, number, "CREATED", at=at)
    return number


_KEPT = (
    "merchant_reference",
    "minimum_age",
    "require_address",
    "redirect_url",
    "allow_bunqme",
    "batch_id",
    # Those of direct debits, which no body has.
    "type",
    "sub_type",
    "time_expiry",
    "credit_scheme_identifier",
    "mandate_identifier",
    "eligible_whitelist_id",
)


def accept_request(ledger: Ledger, number: int, *, at: datetime | None = None) -> None:
    """Have the payer pay what is asked: one outgoing and one incoming payment."""
    answer(ledger, read_request(ledger, number), "ACCEPTED", at=at)


def answer(
    ledger: Ledger,
    row: sqlite3.Row,
    status: str,
    *,
    cents: int | None = None,
    payer_id: int | None = None,
    at: datetime | None = None,
) -> None:
    """Accept, reject or revoke a pending request; accepting pays, from an account of choice."""
    if row["status"] != "PENDING":
        raise refuse(400, f"This request is {row['status']} and can't be answered any more.")
    now = wire_time(at or ledger.clock.now())
    responded, details = None, json.loads(row["details"])
    scheduled_jobs.cancel(ledger, "debit expiry", row["id"])
    if status == "ACCEPTED":
        responded = cents or row["cents"]
        kind, sub_kind = ("EBA_SDD", "SDD") if details.get("type") else ("BUNQ", "REQUEST")
        movement = Movement(responded, row["description"], type=kind, sub_type=sub_kind)
        book(ledger, payer_id or row["payer_id"], row["account_id"], movement, at=at)
        details["paid_from"] = payer_id
    ledger.update(
        "request",
        row["id"],
        status=status,
        updated=now,
        responded=None if status == "REVOKED" else now,
        responded_cents=responded,
        details=json.dumps(details),
    )
    _tell_both(ledger, row["id"], status, at=at)


def _tell_both(ledger: Ledger, number: int, word: str, *, at: datetime | None = None) -> None:
    """Write the events of both sides of a request, and their callbacks."""
    row = read_request(ledger, number)
    record(ledger, row["account_id"], "RequestInquiry", number, at=at)
    notify(
        ledger,
        row["account_id"],
        number,
        (("REQUEST", f"REQUEST_INQUIRY_{word}"),),
        lambda: tell_request(ledger, row),
    )
    if row["payer_id"] is not None:
        waits = "AWAITING_REPLY" if row["status"] == "PENDING" else "FINALIZED"
        other = row["response_id"]
        record(ledger, row["payer_id"], "RequestResponse", other, status=waits, at=at)
        notify(
            ledger,
            row["payer_id"],
            other,
            (("REQUEST", f"REQUEST_RESPONSE_{word}"),),
            lambda: tell_response(ledger, row),
        )


def _payer(
    ledger: Ledger, alias: dict[str, Any], currency: str, *, open_to_all: bool
) -> int | None:
    if open_to_all and alias["type"] in ("EMAIL", "PHONE_NUMBER"):
        found = ledger.account_behind(alias["type"], alias["value"])
        return int(found["id"]) if found else None
    return find_counterparty(ledger, alias, currency)[0]


def read_request(ledger: Ledger, number: int) -> sqlite3.Row:
    """Read a request that is there."""
    row = ledger.row("SELECT * FROM request WHERE id = ?", number)
    assert row is not None
    return row


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


def _own_response(call: Call) -> sqlite3.Row:
    account = own_account(call)
    row = call.ledger.row(
        "SELECT * FROM request WHERE response_id = ? AND payer_id = ?",
        call.number("itemId"),
        account["id"],
    )
    if row is None:
        raise not_found("Request response", call.ids["itemId"])
    return row


def tell_request(ledger: Ledger, row: sqlite3.Row) -> Item:
    """Give a request as the one who asked sees it."""
    details, alias = json.loads(row["details"]), json.loads(row["alias"])
    if row["payer_id"] is None:
        counterparty = label_pointer(ledger, alias, of_user=False)
    else:
        counterparty = label_account(ledger, row["payer_id"])
    open_url = f"https://bunq.me/t/{row['id']}" if row["payer_id"] is None else None
    return "RequestInquiry", shape(
        "RequestInquiry",
        details
        | _common(row)
        | {
            "id": row["id"],
            "monetary_account_id": row["account_id"],
            "user_alias_created": label_account(ledger, row["account_id"]),
            "type": "INTERNAL",
            "sub_type": "NONE",
            "counterparty_alias": counterparty,
            "bunqme_share_url": open_url,
        },
    )


def tell_response(ledger: Ledger, row: sqlite3.Row) -> Item:
    """Give a request as the one who is asked sees it."""
    details = json.loads(row["details"])
    refunded_by = details.get("refunded_by")
    return "RequestResponse", shape(
        "RequestResponse",
        _common(row)
        | {
            "id": row["response_id"],
            "monetary_account_id": row["payer_id"],
            "alias": label_account(ledger, row["payer_id"]),
            "counterparty_alias": label_account(ledger, row["account_id"]),
            **{name: details.get(name) for name in _KEPT},
            "type": details.get("type") or "INTERNAL",
            "sub_type": details.get("sub_type") or "NONE",
            "time_refund_requested": details.get("time_refund_requested"),
            "time_refunded": details.get("time_refunded"),
            "user_refund_requested": refunded_by and label_user(ledger, refunded_by),
        },
    )


def _common(row: sqlite3.Row) -> dict[str, Any]:
    paid = row["responded_cents"]
    return {
        "created": row["created"],
        "updated": row["updated"],
        "time_responded": row["responded"],
        "amount_inquired": amount(row["cents"], row["currency"]),
        "amount_responded": None if paid is None else amount(paid, row["currency"]),
        "status": row["status"],
        "description": row["description"],
    }
