"""Requests for money: asked, answered by the other side, revoked; and the sugar daddy.

Source: bunq docs, "Request inquiry", "Request response" and "Sandbox"; the SDK's tests for what
the sugar daddy does. The two sides have different ids, and no field leads from one to the other.
"""

from __future__ import annotations

import json
import sqlite3
from datetime import datetime, timedelta
from typing import Any

from bunqkit.sandbox import scheduled_jobs
from bunqkit.sandbox.clock import read_time, wire_time
from bunqkit.sandbox.ledger import BankLedger, Movement
from bunqkit.sandbox.refusal import refuse
from bunqkit.sandbox.resources.accounts import own_account
from bunqkit.sandbox.resources.call import Call, Item, Table, Verbs, created
from bunqkit.sandbox.resources.events import announce, record
from bunqkit.sandbox.resources.generic_resources import StoredResource, collection
from bunqkit.sandbox.resources.labels import label_account, label_pointer, label_user
from bunqkit.sandbox.resources.payments import (
    book,
    by_account,
    check_description,
    find_counterparty,
)
from bunqkit.sandbox.resources.rows import pick, read_row
from bunqkit.sandbox.resources.shape import shape
from bunqkit.sandbox.resources.wire import amount, read_cents

SUGAR_DADDY = "sugardaddy@bunq.com"
_REFUNDABLE = timedelta(weeks=8)
# The fields of a body that are kept as they are sent; direct debits add the others.
_KEPT = (
    "merchant_reference",
    "minimum_age",
    "require_address",
    "redirect_url",
    "allow_bunqme",
    "batch_id",
    "type",
    "sub_type",
    "time_expiry",
    "credit_scheme_identifier",
    "mandate_identifier",
    "eligible_whitelist_id",
)


def create_request(call: Call) -> list[Item]:
    """Ask somebody for money; the sugar daddy answers at once."""
    return created(_ask(call, own_account(call), call.body))


def update_request(call: Call) -> list[Item]:
    """Revoke a request that is pending: the one change that a request takes."""
    row = _REQUESTS.find(call)
    _check_revokes(call)
    answer(call.ledger, row, "REVOKED")
    # The answer to this update is the whole request, not its id (constants of the SDK).
    return [show_request(call.ledger, _REQUESTS.find(call))]


def _check_revokes(call: Call) -> None:
    if call.body.get("status") != "REVOKED":
        raise refuse(400, 'A request can only be changed to status "REVOKED".')


def create_batch(call: Call) -> list[Item]:
    """Ask several people at once: all of them or none."""
    account, bodies = own_account(call), call.body["request_inquiries"]
    if not bodies:
        raise refuse(400, "A request inquiry batch needs at least one request.")
    total = read_cents(call.body, "total_amount_inquired", account["currency"])
    if total != sum(read_cents(body, "amount_inquired", account["currency"]) for body in bodies):
        raise refuse(400, 'The "total_amount_inquired" is not the sum of the amounts.')
    values = {"total_amount_inquired": amount(total, account["currency"])}
    number = StoredResource.post(call, "RequestInquiryBatch", values).id
    for body in bodies:
        _ask(call, account, body, batch_id=number)
    record(call.ledger, account["id"], "RequestInquiryBatch", number)
    return created(number)


def update_batch(call: Call) -> list[Item]:
    """Revoke those requests of a batch that are pending."""
    batch = StoredResource.find(call)
    _check_revokes(call)
    for row in _requests_of(batch):
        if row["status"] == "PENDING":
            answer(call.ledger, row, "REVOKED")
    return created(batch.id)


def show_batch(batch: StoredResource) -> Item:
    """Return a batch with its requests."""
    requests = [show_request(batch.ledger, row)[1] for row in _requests_of(batch)]
    name, fields = batch.show("RequestInquiryBatch")
    return name, fields | {"request_inquiries": requests}


def _requests_of(batch: StoredResource) -> list[sqlite3.Row]:
    query = "SELECT * FROM request WHERE json_extract(details, '$.batch_id') = ? ORDER BY id"
    return batch.ledger.rows(query, batch.id)


def update_response(call: Call) -> list[Item]:
    """Accept a request, which pays it, or reject it.

    Less or more than what was asked may be paid. Source: ``amount_responded`` of the official
    description. A direct debit that was paid can be asked back.
    """
    row, status, cents = _RESPONSES.find(call), call.body.get("status"), None
    if status == "REFUND_REQUESTED":
        _refund(call, row)
    elif status in ("ACCEPTED", "REJECTED"):
        if status == "ACCEPTED" and call.body.get("amount_responded") is not None:
            cents = read_cents(call.body, "amount_responded", row["currency"])
        answer(call.ledger, row, status, cents=cents)
    else:
        raise refuse(400, 'A request can be answered by status "ACCEPTED" or "REJECTED".')
    return [show_response(call.ledger, _RESPONSES.find(call))]


def _refund(call: Call, row: sqlite3.Row) -> None:
    """Give a direct debit back, as SEPA's rule book has it: for eight weeks, without a reason."""
    ledger, details, now = call.ledger, json.loads(row["details"]), call.ledger.clock.now()
    if details.get("type") != "DIRECT_DEBIT" or row["status"] != "ACCEPTED":
        raise refuse(400, "Only a direct debit that was paid can be asked back.")
    if read_time(row["responded"]) < now - _REFUNDABLE:
        raise refuse(400, "A direct debit can be asked back for eight weeks.")
    back = Movement(row["responded_cents"], row["description"], type="EBA_SDD", sub_type="REVERSAL")
    book(ledger, row["account_id"], details.get("paid_from") or row["payer_id"], back)
    details |= dict.fromkeys(("time_refund_requested", "time_refunded"), wire_time(now))
    details["refunded_by"] = call.person_id
    ledger.update("request", row["id"], status="REFUNDED", details=json.dumps(details))
    _announce(ledger, row["id"], "REFUNDED")


def _ask(
    call: Call, account: sqlite3.Row, body: dict[str, Any], *, batch_id: int | None = None
) -> int:
    ledger, alias, currency = call.ledger, body["counterparty_alias"], account["currency"]
    cents = read_cents(body, "amount_inquired", currency)
    check_description(body["description"], outside=False)
    if body["allow_bunqme"] and alias["type"] in ("EMAIL", "PHONE_NUMBER"):
        person = ledger.account_behind(alias["type"], alias["value"])
        payer = int(person["id"]) if person else None
    else:
        payer = find_counterparty(ledger, alias, currency)[0]
    if payer == account["id"]:
        raise refuse(400, "You can't request money from the account that you request it for.")
    if payer is not None and ledger.account(payer)["currency"] != currency:
        raise refuse(400, "The currencies of the two accounts differ.")
    number = add_request(ledger, account["id"], payer, cents, {**body, "batch_id": batch_id})
    if alias["type"] == "EMAIL" and alias["value"].lower() == SUGAR_DADDY:
        limit = call.quirks.sugar_limit_cents
        is_accepted = currency == "EUR" and (limit is None or cents <= limit)
        answer(ledger, read_request(ledger, number), "ACCEPTED" if is_accepted else "REJECTED")
    return number


def add_request(
    ledger: BankLedger,
    account_id: int,
    payer_id: int | None,
    cents: int,
    body: dict[str, Any],
    *,
    at: datetime | None = None,
) -> int:
    """Write a pending request; return its id."""
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
    _announce(ledger, number, "CREATED", at=at)
    return number


def accept_request(ledger: BankLedger, number: int, *, at: datetime | None = None) -> None:
    """Make the payer pay what is asked: one outgoing and one incoming payment."""
    answer(ledger, read_request(ledger, number), "ACCEPTED", at=at)


def answer(
    ledger: BankLedger,
    row: sqlite3.Row,
    status: str,
    *,
    cents: int | None = None,
    payer_id: int | None = None,
    at: datetime | None = None,
) -> None:
    """Accept, reject or revoke a pending request.

    Parameters
    ----------
    ledger, row
        The books and the request.
    status
        ``ACCEPTED``, which pays, ``REJECTED`` or ``REVOKED``.
    cents, payer_id
        How much is paid, and from which account; by default what was asked, by who was asked.
    at
        When; by default now.
    """
    if row["status"] != "PENDING":
        raise refuse(400, f"This request is {row['status']} and can't be answered any more.")
    now, details, paid = wire_time(at or ledger.clock.now()), json.loads(row["details"]), None
    scheduled_jobs.cancel(ledger, "debit expiry", row["id"])
    if status == "ACCEPTED":
        paid = cents or row["cents"]
        kind, sub_kind = ("EBA_SDD", "SDD") if details.get("type") else ("BUNQ", "REQUEST")
        movement = Movement(paid, row["description"], type=kind, sub_type=sub_kind)
        book(ledger, payer_id or row["payer_id"], row["account_id"], movement, at=at)
        details["paid_from"] = payer_id
    ledger.update(
        "request",
        row["id"],
        status=status,
        updated=now,
        responded=None if status == "REVOKED" else now,
        responded_cents=paid,
        details=json.dumps(details),
    )
    _announce(ledger, row["id"], status, at=at)


def _announce(ledger: BankLedger, number: int, word: str, *, at: datetime | None = None) -> None:
    """Write the events of both sides of a request, and their callbacks."""
    row = read_request(ledger, number)
    about, notices = ("RequestInquiry", number), (("REQUEST", f"REQUEST_INQUIRY_{word}"),)
    announce(ledger, row["account_id"], about, notices, lambda: show_request(ledger, row), at=at)
    if row["payer_id"] is not None:
        announce(
            ledger,
            row["payer_id"],
            ("RequestResponse", row["response_id"]),
            (("REQUEST", f"REQUEST_RESPONSE_{word}"),),
            lambda: show_response(ledger, row),
            status="AWAITING_REPLY" if row["status"] == "PENDING" else "FINALIZED",
            at=at,
        )


def read_request(ledger: BankLedger, number: int) -> sqlite3.Row:
    """Return a request that is known to exist."""
    return read_row(ledger, "request", number)


def show_request(ledger: BankLedger, row: sqlite3.Row) -> Item:
    """Return a request as the one who asked sees it."""
    payer_id, url = row["payer_id"], None
    if payer_id is None:
        counterparty = label_pointer(ledger, json.loads(row["alias"]), of_user=False)
        url = f"https://bunq.me/t/{row['id']}"
    else:
        counterparty = label_account(ledger, payer_id)
    values = (
        json.loads(row["details"])
        | _shared_fields(row)
        | {
            "id": row["id"],
            "monetary_account_id": row["account_id"],
            "user_alias_created": label_account(ledger, row["account_id"]),
            "type": "INTERNAL",
            "sub_type": "NONE",
            "counterparty_alias": counterparty,
            "bunqme_share_url": url,
        }
    )
    return "RequestInquiry", shape("RequestInquiry", values)


def _name_maker(call: Call, item: Item) -> Item:
    """Return a request with its maker in the form that the bank's quirks say."""
    name, fields = item
    if call.quirks.makers_are_users:
        fields = fields | {"user_alias_created": label_user(call.ledger, call.person_id)}
    return name, fields


def show_response(ledger: BankLedger, row: sqlite3.Row) -> Item:
    """Return a request as the one who is asked sees it."""
    details = json.loads(row["details"])
    refunded_by = details.pop("refunded_by", None)
    values = (
        details
        | _shared_fields(row)
        | {
            "id": row["response_id"],
            "monetary_account_id": row["payer_id"],
            "alias": label_account(ledger, row["payer_id"]),
            "counterparty_alias": label_account(ledger, row["account_id"]),
            "type": details.get("type") or "INTERNAL",
            "sub_type": details.get("sub_type") or "NONE",
            "user_refund_requested": refunded_by and label_user(ledger, refunded_by),
        }
    )
    return "RequestResponse", shape("RequestResponse", values)


def _shared_fields(row: sqlite3.Row) -> dict[str, Any]:
    """Return the fields that both sides of a request see."""
    paid = row["responded_cents"]
    return pick(row, "created", "updated", "status", "description") | {
        "time_responded": row["responded"],
        "amount_inquired": amount(row["cents"], row["currency"]),
        "amount_responded": None if paid is None else amount(paid, row["currency"]),
    }


_REQUESTS = Table(
    "request", "account_id = ?", by_account, "Request inquiry", show_request, _name_maker
)
"""The requests made from an account."""
_RESPONSES = Table(
    "request",
    "payer_id = ?",
    by_account,
    "Request response",
    show_response,
    key="response_id",
)
"""The requests that an account was asked to pay."""


RULES: dict[str, Verbs] = {
    "request-inquiry": _REQUESTS.rules(create=create_request, update=update_request),
    "request-inquiry-batch": collection(show_batch, create=create_batch, update=update_batch),
    "request-response": _RESPONSES.rules(update=update_response),
}
