"""Accounts shared with others: invited, accepted, rejected, revoked, and ended by the clock.

Source: the official description and bunq's SDK, for the kinds of access, the words of states and
who sees what: the one who invites has an inquiry, the other a response, each with its own id. What
an access allows is in ``accounts``. Events and callbacks of a shared account go to its owners only.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from bunqkit.sandbox import scheduled_jobs
from bunqkit.sandbox.clock import read_time, wire_time
from bunqkit.sandbox.fields import SHARE_DETAILS
from bunqkit.sandbox.ledger import BankLedger
from bunqkit.sandbox.refusal import refuse
from bunqkit.sandbox.resources.accounts import own_account, person_behind
from bunqkit.sandbox.resources.call import Call, Item, Verbs, created
from bunqkit.sandbox.resources.events import announce, record_for
from bunqkit.sandbox.resources.generic_resources import StoredResource, collection, shown_as
from bunqkit.sandbox.resources.labels import label_account, label_user
from bunqkit.sandbox.resources.rows import read_row
from bunqkit.sandbox.resources.wire import read_moment

_INQUIRY = "ShareInviteMonetaryAccountInquiry"
_RESPONSE = "ShareInviteMonetaryAccountResponse"
_ACCESSES = ("VIEW_BALANCE", "VIEW_TRANSACTION", "DRAFT_PAYMENT", "FULL_TRANSIENT")


def create_inquiry(call: Call) -> list[Item]:
    """Invite somebody of the bank to an account; a ``status`` that is sent is not looked at."""
    ledger, account, body = call.ledger, own_account(call), call.body
    access = body.get("access_type") or _access_of(body.get("share_detail") or {})
    if access not in _ACCESSES:
        raise refuse(400, f'"{access}" is not a valid access type.')
    guest_id = person_behind(ledger, body.get("counter_user_alias") or {})
    if guest_id == call.person_id:
        raise refuse(400, "You can't share an account with yourself.")
    now = ledger.clock.now()
    start, end = (
        None if body.get(name) is None else read_moment(name, body[name])
        for name in ("start_date", "end_date")
    )
    if end is not None and end <= max(start or now, now):
        raise refuse(400, "A share can't end before it starts.")
    secret = {"account_id": account["id"], "person_id": call.person_id, "counter_id": guest_id}
    values = {
        "status": "PENDING",
        "access_type": access,
        "relationship": body.get("relationship"),
        "share_detail": body.get("share_detail") or _detail_of(access),
        "share_type": body.get("share_type") or "STANDARD",
        "start_date": wire_time(start or now),
        "end_date": end and wire_time(end),
    }
    inquiry = StoredResource.post(call, _INQUIRY, values, secret=secret)
    response = StoredResource.add(
        ledger,
        f"user/{guest_id}/share-invite-monetary-account-response",
        _RESPONSE,
        values | {"description": account["description"]},
        secret=secret | {"inquiry_id": inquiry.id},
    )
    ids = {"id": inquiry.id, "response_id": response.id, "account_id": account["id"]}
    ledger.insert("share", **ids, person_id=guest_id, access=access)
    _announce(inquiry, response, "CREATED")
    if end is not None:
        scheduled_jobs.plan(ledger, "share", inquiry.id, end)
    return created(inquiry.id)


def _access_of(detail: dict[str, Any]) -> str:
    """Return the kind of access that a share's details mean: older bodies have no other field."""
    if "ShareDetailPayment" in detail:
        return "FULL_TRANSIENT"
    if "ShareDetailDraftPayment" in detail:
        return "DRAFT_PAYMENT"
    reads = detail.get("ShareDetailReadOnly") or {}
    return "VIEW_TRANSACTION" if reads.get("view_old_events") else "VIEW_BALANCE"


def _detail_of(access: str) -> dict[str, dict[str, bool]]:
    """Return the details of a kind of access: bunq's SDK can't read a share without them."""
    sees = access != "VIEW_BALANCE"
    reads = {"view_balance": True, "view_old_events": sees, "view_new_events": sees}
    drafts = {"make_draft_payments": True}
    if access == "FULL_TRANSIENT":
        return {"ShareDetailPayment": {"make_payments": True} | drafts | reads}
    if access == "DRAFT_PAYMENT":
        return {"ShareDetailDraftPayment": drafts | reads}
    return {"ShareDetailReadOnly": reads}


def update_inquiry(call: Call) -> list[Item]:
    """Take an invitation back, or end the share."""
    own_account(call)
    inquiry, status = StoredResource.find(call), call.body.get("status")
    if status not in ("REVOKED", "CANCELLED"):
        raise refuse(400, 'A share can only be changed to status "REVOKED" or "CANCELLED".')
    _check_status(inquiry, *(("ACCEPTED", "PENDING") if status == "REVOKED" else ("ACCEPTED",)))
    _end(inquiry, status, by=call.person_id)
    return created(inquiry.id)


def _shorten_details(call: Call, item: Item) -> Item:
    """Return a share with its details under the names that the bank's quirks say."""
    name, fields = item
    if call.quirks.share_details_are_short:
        short = {long: short for short, long in SHARE_DETAILS.items()}
        details = fields["share_detail"] or {}
        renamed = {short[long]: detail for long, detail in details.items()}
        fields = fields | {"share_detail": renamed}
    return name, fields


def update_response(call: Call) -> list[Item]:
    """Accept or reject an invitation, or give up the share."""
    response, status = StoredResource.find(call), call.body.get("status")
    inquiry = StoredResource.read(call.ledger, response.secret["inquiry_id"])
    if status in ("ACCEPTED", "ACTIVE"):
        _check_status(response, "PENDING")
        _accept(inquiry)
    elif status in ("REJECTED", "REVOKED", "CANCELLED"):
        _check_status(response, "PENDING" if status == "REJECTED" else "ACCEPTED")
        _end(inquiry, status, by=call.person_id)
    else:
        raise refuse(400, f'Status "{status}" is not valid.')
    return created(response.id)


def keep_time(ledger: BankLedger, number: int) -> None:
    """Open an accepted share at its start, and end any at its end."""
    inquiry = StoredResource.read(ledger, number)
    end = _time(inquiry, "end_date")
    if end is not None and end <= ledger.clock.now():
        _end(inquiry, "CANCELLED" if inquiry.status == "ACCEPTED" else "REVOKED", by=None)
        return
    ledger.update("share", number, is_open=1)
    if end is not None:
        scheduled_jobs.plan(ledger, "share", number, end)


def end_shares(ledger: BankLedger, account_id: int, person_id: int) -> None:
    """End all shares of an account, as when it is closed."""
    for share in ledger.rows("SELECT id FROM share WHERE account_id = ?", account_id):
        inquiry = StoredResource.read(ledger, share["id"])
        if inquiry.status in ("PENDING", "ACCEPTED"):
            _end(inquiry, "REVOKED", by=person_id)


def _accept(inquiry: StoredResource) -> None:
    ledger, start = inquiry.ledger, _time(inquiry, "start_date")
    _set_status(inquiry, "ACCEPTED")
    if start is not None and start > ledger.clock.now():
        scheduled_jobs.plan(ledger, "share", inquiry.id, start)
    else:
        ledger.update("share", inquiry.id, is_open=1)


def _end(inquiry: StoredResource, status: str, *, by: int | None) -> None:
    scheduled_jobs.cancel(inquiry.ledger, "share", inquiry.id)
    inquiry.ledger.update("share", inquiry.id, is_open=0)
    _set_status(inquiry, status, {} if by is None else {"ended_by": by})


def _set_status(inquiry: StoredResource, status: str, more: dict[str, Any] | None = None) -> None:
    """Change the status of both sides of a share, and announce it."""
    share = read_row(inquiry.ledger, "share", inquiry.id)
    response = StoredResource.read(inquiry.ledger, share["response_id"])
    for side in (inquiry, response):
        side.hidden |= more or {}
        side.save(status=status)
    _announce(inquiry, response, status)


def _time(inquiry: StoredResource, name: str) -> datetime | None:
    text = inquiry.fields.get(name)
    return text and read_time(text)


def _check_status(side: StoredResource, *allowed: str) -> None:
    if side.status not in allowed:
        raise refuse(400, f"This share is {side.status} and can't be changed so.")


def _announce(inquiry: StoredResource, response: StoredResource, word: str) -> None:
    """Write the events of both sides, by the names that the wire keeps, and the callbacks."""
    ledger, name = inquiry.ledger, "ShareInviteBankInquiry"
    announce(
        ledger,
        inquiry.secret["account_id"],
        (name, inquiry.id),
        (("SHARE", f"SHARE_INVITE_BANK_INQUIRY_{word}"),),
        lambda: (name, show_inquiry(inquiry)[1]),
    )
    guest_id, status = inquiry.secret["counter_id"], "FINALIZED"
    if inquiry.status == "PENDING":
        status = "AWAITING_REPLY"
    record_for(ledger, guest_id, None, "ShareInviteBankResponse", response.id, status=status)


@shown_as(_INQUIRY)
def show_inquiry(inquiry: StoredResource) -> dict[str, Any]:
    """Return an invitation as the one who invites sees it."""
    secret, ledger = inquiry.secret, inquiry.ledger
    return {
        "monetary_account_id": secret["account_id"],
        "alias": label_account(ledger, secret["account_id"]),
        "user_alias_created": label_user(ledger, secret["person_id"]),
        "user_alias_revoked": _ended_by(inquiry),
        "counter_user_alias": label_user(ledger, secret["counter_id"]),
    }


@shown_as(_RESPONSE)
def show_response(response: StoredResource) -> dict[str, Any]:
    """Return an invitation as the one who is invited sees it: no account until it is accepted."""
    account_id = response.secret["account_id"]
    return {
        "monetary_account_id": account_id if response.status == "ACCEPTED" else None,
        "counter_alias": label_account(response.ledger, account_id),
        "user_alias_cancelled": _ended_by(response),
    }


def _ended_by(side: StoredResource) -> dict[str, Any] | None:
    person_id = side.secret.get("ended_by")
    return None if person_id is None else label_user(side.ledger, person_id)


RULES: dict[str, Verbs] = {
    "share-invite-monetary-account-inquiry": collection(
        show_inquiry, create=create_inquiry, update=update_inquiry
    ),
    "share-invite-monetary-account-response": collection(
        show_response, _shorten_details, update=update_response
    ),
}
