"""The list of what happened: events, each with its object as it stands now.

Source: bunq docs, "Event"; clients for the filters.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from typing import Any

from bunqkit.sandbox.ledger import Ledger
from bunqkit.sandbox.refusal import not_found, refuse
from bunqkit.sandbox.resources import (
    cards,
    categories,
    drafts,
    merchants,
    payments,
    requests,
    schedules,
    shares,
    tabs,
    transfers,
)
from bunqkit.sandbox.resources.call import Call, Item, Page, read_id
from bunqkit.sandbox.resources.generic_resources import tell_thing
from bunqkit.sandbox.resources.shape import shape

# How the object of an event is read: its table, its key, and what tells it.
_OBJECTS: dict[str, tuple[str, str, Callable[[Ledger, sqlite3.Row], Item]]] = {
    "Payment": ("payment", "id", payments.tell_payment),
    "PaymentBatch": ("thing", "id", payments.tell_batch),
    "RequestInquiry": ("request", "id", requests.tell_request),
    "RequestInquiryBatch": ("thing", "id", requests.tell_batch),
    "RequestResponse": ("request", "response_id", requests.tell_response),
    "BunqMeTab": ("thing", "id", tabs.tell_tab),
    "BunqMeTabResultResponse": ("thing", "id", tabs.tell_result),
    "ShareInviteBankInquiry": ("thing", "id", shares.tell_inquiry),
    "ShareInviteBankResponse": ("thing", "id", shares.tell_response),
    "TransferwisePayment": ("thing", "id", transfers.tell_transfer),
    "IdealMerchantTransaction": ("thing", "id", merchants.tell_transaction),
    "SofortMerchantTransaction": ("thing", "id", merchants.tell_transaction),
    "DraftPayment": ("thing", "id", drafts.tell_draft),
    "ScheduledPayment": ("thing", "id", schedules.tell_scheduled),
    "ScheduledPaymentBatch": ("thing", "id", schedules.tell_scheduled),
    "ScheduledInstance": ("thing", "id", schedules.tell_instance),
    "Card": ("thing", "id", cards.tell_card),
}


def list_events(call: Call) -> Page:
    """List what happened to a person, newest first.

    ``monetary_account_id`` (one, or several with commas) and ``status`` may narrow it down;
    ``display_user_event=false`` leaves out what belongs to no account.
    """
    conditions = ["person_id = ?"]
    values: list[object] = [call.person_id]
    if (accounts := call.query.get("monetary_account_id")) is not None:
        ids = [read_id(text.strip()) for text in accounts.split(",")]
        if len(ids) > _MOST_ACCOUNTS:
            raise refuse(400, "These are too many accounts.")
        conditions.append(f"account_id IN ({', '.join('?' * len(ids))})")
        values += ids
    if (status := call.query.get("status")) is not None:
        conditions.append("status = ?")
        values.append(status)
    if call.query.get("display_user_event") in ("false", "0"):
        conditions.append("account_id IS NOT NULL")
    return call.page("event", " AND ".join(conditions), tuple(values), _tell)


_MOST_ACCOUNTS = 100


def search_events(call: Call) -> Page:
    """List the payments' events of a time and a category, newest first.

    ``time_start``, ``time_end`` and ``category`` in the query; the names are our own, no source
    shows bunq's.
    """
    wanted = call.query.get("category")
    ids = [
        row["id"]
        for row, category in categories.payments_between(call)
        if wanted in (None, category)
    ]
    condition = (
        "person_id = ? AND kind = 'Payment' AND object_id IN (SELECT value FROM json_each(?))"
    )
    return call.page("event", condition, (call.person_id, json.dumps(ids)), _tell)


def get_event(call: Call) -> list[Item]:
    """Give one event."""
    row = call.ledger.row(
        "SELECT * FROM event WHERE id = ? AND person_id = ?",
        call.number("itemId"),
        call.person_id,
    )
    if row is None:
        raise not_found("Event", call.ids["itemId"])
    return [_tell(call.ledger, row)]


def _tell(ledger: Ledger, row: sqlite3.Row) -> Item:
    account_id = row["account_id"]
    values = {
        "id": row["id"],
        "created": row["created"],
        "updated": row["updated"],
        "action": row["action"],
        # Source: the official description and captures: texts, and one of the two is null.
        "user_id": str(row["person_id"]) if account_id is None else None,
        "monetary_account_id": None if account_id is None else str(account_id),
        "object": tell_object(ledger, row["kind"], row["object_id"]),
        "status": row["status"],
        "is_event_latest_for_object": True,
        "is_event_reassignable": False,
        "additional_transaction_information": _category(ledger, row),
    }
    return "Event", shape("Event", values)


def _category(ledger: Ledger, row: sqlite3.Row) -> dict[str, object] | None:
    if row["kind"] != "Payment":
        return None
    return categories.tell_category(ledger, row["object_id"])


def tell_object(ledger: Ledger, kind: str, number: int) -> dict[str, dict[str, Any]] | None:
    """Give the object of an event as it stands now, under its name; ``None`` if it is gone."""
    table, key, tell = _OBJECTS.get(
        kind, ("thing", "id", lambda _ledger, row: (kind, tell_thing(row, kind)))
    )
    row = ledger.row(f"SELECT * FROM {table} WHERE {key} = ?", number)
    if row is None:
        return None
    return {kind: tell(ledger, row)[1]}
