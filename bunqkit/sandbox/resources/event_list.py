"""The list of what happened: events, each with its object as it is now.

Source: bunq docs, "Event"; clients for the filters.
"""

from __future__ import annotations

import json
import sqlite3
from typing import Any

from bunqkit.sandbox.ledger import BankLedger
from bunqkit.sandbox.refusal import refuse
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
from bunqkit.sandbox.resources.call import Call, Item, Page, ShowRow, Table, Verbs, by_person
from bunqkit.sandbox.resources.generic_resources import Show, StoredResource
from bunqkit.sandbox.resources.rows import pick, read_id
from bunqkit.sandbox.resources.shape import shape

_MOST_ACCOUNTS = 100
# Objects with a table of their own: the table, its key, and what shows a row.
_ROWS: dict[str, tuple[str, str, ShowRow]] = {
    "Payment": ("payment", "id", payments.show_payment),
    "RequestInquiry": ("request", "id", requests.show_request),
    "RequestResponse": ("request", "response_id", requests.show_response),
}
# What shows the other objects; the rest are shown as they are kept.
_RESOURCES: dict[str, Show] = {
    "PaymentBatch": payments.show_batch,
    "RequestInquiryBatch": requests.show_batch,
    "BunqMeTab": tabs.show_tab,
    "BunqMeTabResultResponse": tabs.show_result,
    "ShareInviteBankInquiry": shares.show_inquiry,
    "ShareInviteBankResponse": shares.show_response,
    "TransferwisePayment": transfers.show_transfer,
    "IdealMerchantTransaction": merchants.show_transaction,
    "SofortMerchantTransaction": merchants.show_transaction,
    "DraftPayment": drafts.show_draft,
    "ScheduledPayment": schedules.show_scheduled,
    "ScheduledPaymentBatch": schedules.show_scheduled,
    "ScheduledInstance": schedules.show_instance,
    "Card": cards.show_card,
}


def list_events(call: Call) -> Page:
    """List what happened to a person, newest first.

    ``monetary_account_id`` (one, or several with commas) and ``status`` select events;
    ``display_user_event=false`` leaves out those that belong to no account.
    """
    condition = "person_id = ?"
    values: list[object] = [call.person_id]
    if (accounts := call.query.get("monetary_account_id")) is not None:
        ids = [read_id(text.strip()) for text in accounts.split(",")]
        if len(ids) > _MOST_ACCOUNTS:
            raise refuse(400, "These are too many accounts.")
        condition += f" AND account_id IN ({', '.join('?' * len(ids))})"
        values += ids
    if (status := call.query.get("status")) is not None:
        condition += " AND status = ?"
        values.append(status)
    if call.query.get("display_user_event") in ("false", "0"):
        condition += " AND account_id IS NOT NULL"
    return call.page("event", condition, values, _show)


def search_events(call: Call) -> Page:
    """List the events of the payments of a period and a category, newest first.

    ``time_start``, ``time_end`` and ``category`` in the query; the names are our own, no source
    shows bunq's.
    """
    asked, payments_ = call.query.get("category"), categories.payments_between(call)
    ids = json.dumps([row["id"] for row, category in payments_ if asked in (None, category)])
    condition = (
        "person_id = ? AND kind = 'Payment' AND object_id IN (SELECT value FROM json_each(?))"
    )
    return call.page("event", condition, (call.person_id, ids), _show)


def _show(ledger: BankLedger, row: sqlite3.Row) -> Item:
    account_id, category = row["account_id"], None
    if row["kind"] == "Payment":
        category = categories.chosen_category(ledger, row["object_id"])
    values = pick(row, "id", "created", "updated", "action", "status") | {
        # Source: the official description and captures: texts, and one of the two is null.
        "user_id": str(row["person_id"]) if account_id is None else None,
        "monetary_account_id": None if account_id is None else str(account_id),
        "object": show_object(ledger, row["kind"], row["object_id"]),
        "is_event_latest_for_object": True,
        "is_event_reassignable": False,
        "additional_transaction_information": category and {"category": category},
    }
    return "Event", shape("Event", values)


_EVENTS = Table("event", "person_id = ?", by_person, "Event", _show)
"""What happened to a person."""


def show_object(ledger: BankLedger, kind: str, number: int) -> dict[str, dict[str, Any]] | None:
    """Return the object of an event as it is now, under its name; ``None`` if it is gone."""
    table, key, show_row = _ROWS.get(kind, ("thing", "id", None))
    row = ledger.row(f"SELECT * FROM {table} WHERE {key} = ?", number)
    if row is None:
        return None
    if show_row is not None:
        return {kind: show_row(ledger, row)[1]}
    resource = StoredResource.of(ledger, row)
    return {kind: _RESOURCES[kind](resource)[1] if kind in _RESOURCES else resource.show(kind)[1]}


RULES: dict[str, Verbs] = {
    "event": _EVENTS.rules(list=list_events),
    "insights-search": {"list": search_events},
}
