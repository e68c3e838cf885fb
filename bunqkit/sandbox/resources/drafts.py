"""Payments that wait for the owner's yes: made, changed, accepted, rejected, cancelled.

Source: bunq docs, "Draft payment": one accept is needed, and the time of the last change that was
seen guards against races. Who may not pay from an account may still draft on it.
"""

from __future__ import annotations

import sqlite3
from typing import Any

from bunqkit.sandbox.ledger import Ledger
from bunqkit.sandbox.refusal import refuse
from bunqkit.sandbox.resources.accounts import insist_on_right, own_account
from bunqkit.sandbox.resources.call import Call, Item, Page, created
from bunqkit.sandbox.resources.events import notify, record
from bunqkit.sandbox.resources.generic_resources import (
    add_thing,
    as_placed,
    find_thing,
    read_thing,
    rewrite_thing,
    scope_of,
    secret_of,
    status_of,
    tell_thing,
)
from bunqkit.sandbox.resources.labels import label_account, label_user
from bunqkit.sandbox.resources.payments import (
    pay,
    pay_batch,
    payment_row,
    read_order,
    tell_batch,
    tell_payment,
)
from bunqkit.sandbox.resources.recurrence import check_schedule
from bunqkit.sandbox.resources.schedules import add_schedule
from bunqkit.sandbox.resources.shape import read

_ENDS = ("ACCEPTED", "REJECTED", "CANCELLED")


def list_drafts(call: Call) -> Page:
    """List the drafts of an account, newest first."""
    return call.page("thing", "scope = ?", (scope_of(call),), tell_draft)


def get_draft(call: Call) -> list[Item]:
    """Give one draft."""
    return [tell_draft(call.ledger, find_thing(call, [scope_of(call)], call.ids["itemId"]))]


def create_draft(call: Call) -> list[Item]:
    """Write a draft: everything is checked as for a payment, but that there is enough money."""
    ledger, account = call.ledger, own_account(call)
    if call.body["number_of_required_accepts"] != 1:
        raise refuse(400, 'The only valid "number_of_required_accepts" is 1.')
    if call.body.get("status") not in (None, "ACTIVE", "PENDING"):
        raise refuse(400, 'A new draft payment can\'t have a status but "PENDING".')
    secret = {
        "person_id": call.person_id,
        "account_id": account["id"],
        "entries": _check_entries(call, account, call.body["entries"]),
        "schedule": _check_times(call.body.get("schedule")),
    }
    number = add_thing(ledger, scope_of(call), "DraftPayment", {"status": "PENDING"}, secret=secret)
    _tell_all(ledger, number, "CREATED")
    return created(number)


def update_draft(call: Call) -> list[Item]:
    """Change the entries of a draft that waits, or end its waiting; accepting it pays."""
    ledger, account = call.ledger, own_account(call)
    row = find_thing(call, [scope_of(call)], call.ids["itemId"])
    seen, status = call.body.get("previous_updated_timestamp"), call.body.get("status")
    if seen is not None and seen != row["updated"]:
        raise refuse(400, "This draft payment was changed in the meantime. Read it again.")
    now = status_of(row)
    if now != "PENDING":
        raise refuse(400, f"This draft payment is {now} and can't be changed any more.")
    secret = secret_of(row)
    if call.body.get("entries") is not None:
        secret["entries"] = _check_entries(call, account, call.body["entries"])
    if call.body.get("schedule") is not None:
        secret["schedule"] = _check_times(call.body["schedule"])
    if status in ("ACCEPTED", "REJECTED"):
        insist_on_right(call, account, "FULL_TRANSIENT")
        if call.consent is not None:
            # Source: bunq docs, "OAuth": an app drafts, the user accepts.
            raise refuse(403, "OAuth access does not include accepting drafts.")
        answer = {"status": status, "person_id": call.person_id}
        secret["responses"] = [answer]
    elif status not in (None, "ACTIVE", "PENDING", "CANCELLED"):
        raise refuse(400, f"The status of a draft payment can only become one of {_ENDS}.")
    if status == "ACCEPTED":
        secret["result"] = _carry_out(ledger, account, secret)
    word = status if status in _ENDS else "UPDATED"
    rewrite_thing(ledger, row, {"status": status if status in _ENDS else now}, secret=secret)
    _tell_all(ledger, row["id"], word)
    return created(row["id"])


def end_draft(ledger: Ledger, row: sqlite3.Row, status: str) -> None:
    """End a draft's waiting without its owner."""
    rewrite_thing(ledger, row, {"status": status}, secret=secret_of(row))
    _tell_all(ledger, row["id"], status)


def _check_entries(
    call: Call, account: sqlite3.Row, told: list[dict[str, Any]]
) -> list[dict[str, Any]]:
    if not told:
        raise refuse(400, "A draft payment needs at least one entry.")
    for body in told:
        read_order(call.ledger, account, body)
    return [body | {"id": call.ledger.next_id("thing")} for body in told]


def _check_times(body: dict[str, Any] | None) -> dict[str, Any] | None:
    return None if body is None else check_schedule(body)


def _carry_out(ledger: Ledger, account: sqlite3.Row, secret: dict[str, Any]) -> tuple[str, int]:
    """Pay the entries, or have them paid by a schedule; give the type and id of what came of it."""
    entries, schedule = secret["entries"], secret["schedule"]
    if schedule is not None:
        number = add_schedule(
            ledger,
            account,
            entries,
            schedule,
            person_id=secret["person_id"],
            is_batch=len(entries) > 1,
        )
        return "Schedule", number
    if len(entries) == 1:
        return "Payment", pay(ledger, account, entries[0])
    return "PaymentBatch", pay_batch(ledger, account, entries)


def _tell_all(ledger: Ledger, number: int, word: str) -> None:
    row = read_thing(ledger, number)
    account_id = secret_of(row)["account_id"]
    waits = status_of(row) == "PENDING"
    status = "AWAITING_REPLY" if waits else "FINALIZED"
    record(ledger, account_id, "DraftPayment", number, status=status)
    notices = (("DRAFT_PAYMENT", f"DRAFT_PAYMENT_{word}"),)
    notify(ledger, account_id, number, notices, lambda: tell_draft(ledger, row))


@as_placed("DraftPayment")
def tell_draft(ledger: Ledger, row: sqlite3.Row) -> Item:
    """Give a draft with its entries, and what came of it once it was accepted."""
    secret = secret_of(row)
    account = label_account(ledger, secret["account_id"])
    entries = [
        read(ledger, "DraftPaymentEntry", body) | {"alias": account, "type": "PAYMENT"}
        for body in secret["entries"]
    ]
    values = {
        "monetary_account_id": secret["account_id"],
        "user_alias_created": label_user(ledger, secret["person_id"]),
        "responses": [
            {
                "status": each["status"],
                "user_alias_created": label_user(ledger, each["person_id"]),
            }
            for each in secret.get("responses", [])
        ],
        "entries": entries,
        "object": _result(ledger, secret.get("result")),
        "schedule": secret["schedule"],
    }
    return "DraftPayment", tell_thing(row, "DraftPayment", values)


def _result(ledger: Ledger, result: tuple[str, int] | None) -> dict[str, Any] | None:
    if result is None or result[0] == "Schedule":
        return None
    name, number = result
    if name == "Payment":
        return dict([tell_payment(ledger, payment_row(ledger, number))])
    return dict([tell_batch(ledger, read_thing(ledger, number))])
