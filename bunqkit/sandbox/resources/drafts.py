"""Payments that wait for the owner's yes: made, changed, accepted, rejected, cancelled.

Source: bunq docs, "Draft payment": one accept is needed, and the time of the last change that was
seen guards against races. Who may not pay from an account may still draft on it.
"""

from __future__ import annotations

import sqlite3
from typing import Any

from bunqkit.sandbox.refusal import refuse
from bunqkit.sandbox.resources.accounts import check_right, own_account
from bunqkit.sandbox.resources.call import Call, Item, Verbs, created
from bunqkit.sandbox.resources.events import announce
from bunqkit.sandbox.resources.generic_resources import StoredResource, collection, shown_as
from bunqkit.sandbox.resources.labels import label_account, label_user
from bunqkit.sandbox.resources.payments import pay_entries, read_order, show_entries
from bunqkit.sandbox.resources.recurrence import check_schedule
from bunqkit.sandbox.resources.schedules import add_schedule
from bunqkit.sandbox.resources.shape import read

_ENDS = ("ACCEPTED", "REJECTED", "CANCELLED")
_WAITS = (None, "ACTIVE", "PENDING")


def create_draft(call: Call) -> list[Item]:
    """Write a draft: all is checked as for a payment, except that there is enough money."""
    account, body = own_account(call), call.body
    if body["number_of_required_accepts"] != 1:
        raise refuse(400, 'The only valid "number_of_required_accepts" is 1.')
    if body.get("status") not in _WAITS:
        raise refuse(400, 'A new draft payment can\'t have a status but "PENDING".')
    secret = {
        "person_id": call.person_id,
        "account_id": account["id"],
        "entries": _check_entries(call, account, body["entries"]),
        "schedule": body.get("schedule") and check_schedule(body["schedule"]),
    }
    draft = StoredResource.post(call, "DraftPayment", {"status": "PENDING"}, secret=secret)
    _announce(draft, "CREATED")
    return created(draft.id)


def update_draft(call: Call) -> list[Item]:
    """Change the entries of a draft that waits, or end its waiting; accepting it pays."""
    account, body, draft = own_account(call), call.body, StoredResource.find(call)
    seen, status = body.get("previous_updated_timestamp"), body.get("status")
    if seen not in (None, draft.updated):
        raise refuse(400, "This draft payment was changed in the meantime. Read it again.")
    if draft.status != "PENDING":
        raise refuse(400, f"This draft payment is {draft.status} and can't be changed any more.")
    secret = draft.secret
    if body.get("entries") is not None:
        secret["entries"] = _check_entries(call, account, body["entries"])
    if body.get("schedule") is not None:
        secret["schedule"] = check_schedule(body["schedule"])
    if status in ("ACCEPTED", "REJECTED"):
        check_right(call, account, "FULL_TRANSIENT")
        if call.consent is not None:
            # Source: bunq docs, "OAuth": an app drafts, the user accepts.
            raise refuse(403, "OAuth access does not include accepting drafts.")
        secret["responses"] = [{"status": status, "person_id": call.person_id}]
    elif status not in (*_WAITS, "CANCELLED"):
        raise refuse(400, f"The status of a draft payment can only become one of {_ENDS}.")
    if status == "ACCEPTED":
        secret["result"] = _carry_out(draft, account)
    end_draft(draft, status if status in _ENDS else "UPDATED")
    return created(draft.id)


def end_draft(draft: StoredResource, word: str) -> None:
    """Save a draft and announce it; if the word is a final status, it becomes the draft's."""
    draft.save(status=word if word in _ENDS else draft.status)
    _announce(draft, word)


def _check_entries(
    call: Call, account: sqlite3.Row, entries: list[dict[str, Any]]
) -> list[dict[str, Any]]:
    """Check the payments of a draft; return them with ids."""
    if not entries:
        raise refuse(400, "A draft payment needs at least one entry.")
    for entry in entries:
        read_order(call.ledger, account, entry)
    return [entry | {"id": call.ledger.next_id("thing")} for entry in entries]


def _carry_out(draft: StoredResource, account: sqlite3.Row) -> tuple[str, int]:
    """Pay the entries, or schedule them; return the type and id of what came of it."""
    entries, schedule, ledger = draft.secret["entries"], draft.secret["schedule"], draft.ledger
    is_batch, person_id = len(entries) > 1, draft.secret["person_id"]
    if schedule is not None:
        number = add_schedule(
            ledger, account, entries, schedule, person_id=person_id, is_batch=is_batch
        )
        return "Schedule", number
    number = pay_entries(ledger, account, entries, is_batch=is_batch)
    return "PaymentBatch" if is_batch else "Payment", number


def _announce(draft: StoredResource, word: str) -> None:
    announce(
        draft.ledger,
        draft.secret["account_id"],
        ("DraftPayment", draft.id),
        (("DRAFT_PAYMENT", f"DRAFT_PAYMENT_{word}"),),
        lambda: show_draft(draft),
        status="AWAITING_REPLY" if draft.status == "PENDING" else "FINALIZED",
    )


@shown_as("DraftPayment")
def show_draft(draft: StoredResource) -> dict[str, Any]:
    """Return a draft with its entries, and what came of it once it was accepted."""
    secret, ledger, paid = draft.secret, draft.ledger, None
    alias = {"alias": label_account(ledger, secret["account_id"]), "type": "PAYMENT"}
    name, number = secret.get("result") or ("Schedule", 0)
    if name != "Schedule":
        paid = show_entries(ledger, number, is_batch=name == "PaymentBatch")
    return {
        "monetary_account_id": secret["account_id"],
        "user_alias_created": label_user(ledger, secret["person_id"]),
        "responses": [
            {
                "status": response["status"],
                "user_alias_created": label_user(ledger, response["person_id"]),
            }
            for response in secret.get("responses", [])
        ],
        "entries": [read(ledger, "DraftPaymentEntry", body) | alias for body in secret["entries"]],
        "object": paid,
        "schedule": secret["schedule"],
    }


RULES: dict[str, Verbs] = {
    "draft-payment": collection(show_draft, create=create_draft, update=update_draft),
}
