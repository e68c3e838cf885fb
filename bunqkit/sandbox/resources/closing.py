"""Closing an account: what waits on it ends with it, so that nothing leads to a closed account."""

from __future__ import annotations

from bunqkit.sandbox import scheduled_jobs
from bunqkit.sandbox.ledger import BankLedger
from bunqkit.sandbox.resources import accounts, drafts, merchants, schedules, shares, tabs
from bunqkit.sandbox.resources.call import Call, Item, Verbs
from bunqkit.sandbox.resources.generic_resources import StoredResource
from bunqkit.sandbox.resources.requests import answer

_KINDS = ("", "-bank", "-joint", "-savings", "-external", "-external-savings", "-card")
# The status of a resource that waits, by its collection.
_WAITING = {
    "schedule-payment": "ACTIVE",
    "schedule-payment-batch": "ACTIVE",
    "draft-payment": "PENDING",
    "bunqme-tab": "WAITING_FOR_PAYMENT",
    "ideal-merchant-transaction": "OPEN",
}


def update_account(call: Call) -> list[Item]:
    """Change an account; if that closes it, end what waits on it."""
    number, answer_ = call.number(), accounts.update_account(call)
    if call.ledger.account(number)["status"] == "CANCELLED":
        _end_all(call.ledger, number, call.person_id)
    return answer_


def _end_all(ledger: BankLedger, account_id: int, person_id: int) -> None:
    for collection, status in _WAITING.items():
        scope = f"monetary-account/{account_id}/{collection}"
        for resource in StoredResource.select(ledger, "scope = ? AND secret <> '{}'", scope):
            if resource.status != status:
                continue
            if collection.startswith("schedule"):
                schedules.cancel_schedule(resource, person_id=person_id)
            elif collection == "draft-payment":
                drafts.end_draft(resource, "CANCELLED")
            elif collection == "bunqme-tab":
                tabs.end_tab(resource, "CANCELLED")
            else:
                merchants.end_ideal(resource, "CANCELLED")
    shares.end_shares(ledger, account_id, person_id)
    for column, status in (("account_id", "REVOKED"), ("payer_id", "REJECTED")):
        query = f"SELECT * FROM request WHERE {column} = ? AND status = 'PENDING'"
        for row in ledger.rows(query, account_id):
            answer(ledger, row, status)
    ledger.execute(
        "DELETE FROM thing WHERE type IN ('WhitelistSddOneOff', 'WhitelistSddRecurring') AND "
        "? IN (json_extract(secret, '$.incoming_id'), json_extract(secret, '$.paying_id'))",
        account_id,
    )
    scheduled_jobs.cancel(ledger, "interest", account_id)


_ACCOUNT: Verbs = {
    "list": accounts.list_accounts,
    "get": accounts.get_account,
    "create": accounts.create_account,
    "update": update_account,
}
RULES: dict[str, Verbs] = {f"monetary-account{kind}": _ACCOUNT for kind in _KINDS}
