"""Closing an account: what waits on it ends with it, so that nothing leads to a closed account."""

from __future__ import annotations

import sqlite3

from bunqkit.sandbox import scheduled_jobs
from bunqkit.sandbox.ledger import Ledger
from bunqkit.sandbox.resources import accounts, drafts, merchants, schedules, shares, tabs
from bunqkit.sandbox.resources.call import Call, Item
from bunqkit.sandbox.resources.generic_resources import status_of
from bunqkit.sandbox.resources.requests import answer


def update_account(call: Call) -> list[Item]:
    """Change an account; if that closes it, end what waits on it."""
    number = call.number("itemId")
    told = accounts.update_account(call)
    if call.ledger.account(number)["status"] == "CANCELLED":
        _end_all(call.ledger, number, call.person_id)
    return told


def _end_all(ledger: Ledger, account_id: int, person_id: int) -> None:
    for row in _waiting(ledger, account_id, "schedule-payment", "ACTIVE"):
        schedules.cancel_schedule(ledger, row, person_id=person_id)
    for row in _waiting(ledger, account_id, "schedule-payment-batch", "ACTIVE"):
        schedules.cancel_schedule(ledger, row, person_id=person_id)
    for row in _waiting(ledger, account_id, "draft-payment", "PENDING"):
        drafts.end_draft(ledger, row, "CANCELLED")
    for row in _waiting(ledger, account_id, "bunqme-tab", "WAITING_FOR_PAYMENT"):
        tabs.end_tab(ledger, row, "CANCELLED")
    for row in _waiting(ledger, account_id, "ideal-merchant-transaction", "OPEN"):
        merchants.end_ideal(ledger, row, "CANCELLED")
    shares.end_shares(ledger, account_id, person_id)
    for column, status in (("account_id", "REVOKED"), ("payer_id", "REJECTED")):
        for row in ledger.rows(
            f"SELECT * FROM request WHERE {column} = ? AND status = 'PENDING'", account_id
        ):
            answer(ledger, row, status)
    ledger.execute(
        "DELETE FROM thing WHERE type IN ('WhitelistSddOneOff', 'WhitelistSddRecurring') AND "
        "? IN (json_extract(secret, '$.incoming_id'), json_extract(secret, '$.paying_id'))",
        account_id,
    )
    scheduled_jobs.cancel(ledger, "interest", account_id)


def _waiting(ledger: Ledger, account_id: int, collection: str, status: str) -> list[sqlite3.Row]:
    rows = ledger.rows(
        "SELECT * FROM thing WHERE scope = ? AND secret <> '{}' ORDER BY id",
        f"monetary-account/{account_id}/{collection}",
    )
    return [row for row in rows if status_of(row) == status]
