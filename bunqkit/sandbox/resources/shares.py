"""Accounts shared with others: invited, accepted, rejected, revoked, and ended by the clock.

Source: the official description and bunq's SDK, for the kinds of access, the words of states and
who sees what: the one who invites has an inquiry, the other a response, each with its own id. What
an access allows is in ``accounts``. Events and callbacks of a shared account go to its owners only.
"""

from __future__ import annotations

import json
import sqlite3
from dataclasses import replace
from datetime import datetime
from typing import Any

from bunqkit.sandbox import scheduled_jobs
from bunqkit.sandbox.clock import read_time, wire_time
from bunqkit.sandbox.fields import SHARE_DETAILS
from bunqkit.sandbox.ledger import Ledger
from bunqkit.sandbox.refusal import refuse
from bunqkit.sandbox.resources.accounts import own_account
from bunqkit.sandbox.resources.call import Call, Item, Page, created
from bunqkit.sandbox.resources.events import notify, record, record_for
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
from bunqkit.sandbox.resources.recurrence import read_moment

_INQUIRY = "ShareInviteMonetaryAccountInquiry"
_RESPONSE = "ShareInviteMonetaryAccountResponse"
_ACCESSES = ("VIEW_BALANCE", "VIEW_TRANSACTION", "DRAFT_PAYMENT", "FULL_TRANSIENT")


def list_inquiries(call: Call) -> Page:
    """List those whom an account is or was to be shared with, newest first."""
    return call.page("thing", "scope = ?", (scope_of(call),), tell_inquiry)


def get_inquiry(call: Call) -> list[Item]:
    """Give one invitation, as the one who invites sees it."""
    return [tell_inquiry(call.ledger, find_thing(call, [scope_of(call)], call.ids["itemId"]))]


def create_inquiry(call: Call) -> list[Item]:
    """Invite somebody of the bank to an account; a ``status`` that is sent is not looked at."""
    ledger, account, body = call.ledger, own_account(call), call.body
    access = body.get("access_type") or _access_of(body.get("share_detail") or {})
    if access not in _ACCESSES:
        raise refuse(400, f'"{access}" is not a valid access type.')
    alias, found = body.get("counter_user_alias") or {}, None
    if alias.get("type") in ("EMAIL", "PHONE_NUMBER", "IBAN"):
        found = ledger.account_behind(alias["type"], alias["value"])
    if found is None or found["person_id"] is None:
        raise refuse(400, f'No bunq user was found for "{alias.get("value")}".')
    if found["person_id"] == call.person_id:
        raise refuse(400, "You can't share an account with yourself.")
    start, end = (
        None if body.get(name) is None else read_moment(name, body[name])
        for name in ("start_date", "end_date")
    )
    if end is not None and end <= max(start or ledger.clock.now(), ledger.clock.now()):
        raise refuse(400, "A share can't end before it starts.")
    secret = {
        "account_id": account["id"],
        "person_id": call.person_id,
        "counter_id": found["person_id"],
    }
    values = {
        "status": "PENDING",
        "access_type": access,
        "relationship": body.get("relationship"),
        "share_detail": body.get("share_detail") or _detail_of(access),
        "share_type": body.get("share_type") or "STANDARD",
        "start_date": wire_time(start or ledger.clock.now()),
        "end_date": end and wire_time(end),
    }
    number = add_thing(ledger, scope_of(call), _INQUIRY, values, secret=secret)
    theirs = f"user/{found['person_id']}/share-invite-monetary-account-response"
    values["description"] = account["description"]
    response = add_thing(ledger, theirs, _RESPONSE, values, secret=secret | {"inquiry_id": number})
    ledger.insert(
        "share",
        id=number,
        response_id=response,
        account_id=account["id"],
        person_id=found["person_id"],
        access=access,
    )
    _tell_all(ledger, number, "CREATED")
    if end is not None:
        scheduled_jobs.plan(ledger, "share", number, end)
    return created(number)


def _access_of(detail: dict[str, Any]) -> str:
    """Give the kind of access that a share's details mean: how it was told before kinds were."""
    if "ShareDetailPayment" in detail:
        return "FULL_TRANSIENT"
    if "ShareDetailDraftPayment" in detail:
        return "DRAFT_PAYMENT"
    told = detail.get("ShareDetailReadOnly") or {}
    return "VIEW_TRANSACTION" if told.get("view_old_events") else "VIEW_BALANCE"


def _detail_of(access: str) -> dict[str, dict[str, bool]]:
    """Give the details of a kind of access: bunq's SDK can't read a share that has none."""
    sees = access != "VIEW_BALANCE"
    told = {"view_balance": True, "view_old_events": sees, "view_new_events": sees}
    if access == "FULL_TRANSIENT":
        both = {"make_payments": True, "make_draft_payments": True}
        return {"ShareDetailPayment": both | told}
    if access == "DRAFT_PAYMENT":
        return {"ShareDetailDraftPayment": {"make_draft_payments": True} | told}
    return {"ShareDetailReadOnly": told}


def update_inquiry(call: Call) -> list[Item]:
    """Take an invitation back, or end what came of it."""
    own_account(call)
    row = find_thing(call, [scope_of(call)], call.ids["itemId"])
    status = call.body.get("status")
    if status not in ("REVOKED", "CANCELLED"):
        raise refuse(400, 'A share can only be changed to status "REVOKED" or "CANCELLED".')
    _insist_on_status(row, "ACCEPTED", *(["PENDING"] if status == "REVOKED" else []))
    _end(call.ledger, row["id"], status, by=call.person_id)
    return created(row["id"])


def list_responses(call: Call) -> Page:
    """List the invitations that a person got, newest first."""
    page = call.page("thing", "scope = ?", (scope_of(call),), tell_response)
    return replace(page, items=[_as_said(call, item) for item in page.items])


def get_response(call: Call) -> list[Item]:
    """Give one invitation, as the one who is invited sees it."""
    row = find_thing(call, [scope_of(call)], call.ids["itemId"])
    return [_as_said(call, tell_response(call.ledger, row))]


def _as_said(call: Call, item: Item) -> Item:
    """Give a share with its details under the names that the bank's habits say."""
    name, told = item
    if call.habits.share_details_are_short:
        short = {long: short for short, long in SHARE_DETAILS.items()}
        details = told["share_detail"] or {}
        told = told | {"share_detail": {short[long]: each for long, each in details.items()}}
    return name, told


def update_response(call: Call) -> list[Item]:
    """Accept or reject an invitation, or give up what came of it."""
    row = find_thing(call, [scope_of(call)], call.ids["itemId"])
    status, inquiry = call.body.get("status"), secret_of(row)["inquiry_id"]
    if status in ("ACCEPTED", "ACTIVE"):
        _insist_on_status(row, "PENDING")
        _accept(call.ledger, inquiry)
    elif status == "REJECTED":
        _insist_on_status(row, "PENDING")
        _end(call.ledger, inquiry, "REJECTED", by=call.person_id)
    elif status in ("REVOKED", "CANCELLED"):
        _insist_on_status(row, "ACCEPTED")
        _end(call.ledger, inquiry, status, by=call.person_id)
    else:
        raise refuse(400, f'Status "{status}" is not valid.')
    return created(row["id"])


def keep_time(ledger: Ledger, number: int) -> None:
    """Open an accepted share at its start, and end any at its end."""
    row = read_thing(ledger, number)
    if (end := _time(row, "end_date")) is not None and end <= ledger.clock.now():
        is_accepted = status_of(row) == "ACCEPTED"
        _end(ledger, number, "CANCELLED" if is_accepted else "REVOKED", by=None)
        return
    ledger.update("share", number, is_open=1)
    if end is not None:
        scheduled_jobs.plan(ledger, "share", number, end)


def end_shares(ledger: Ledger, account_id: int, person_id: int) -> None:
    """End all shares of an account, as when it is closed."""
    rows = ledger.rows("SELECT id FROM share WHERE account_id = ?", account_id)
    for share in rows:
        if status_of(read_thing(ledger, share["id"])) in ("PENDING", "ACCEPTED"):
            _end(ledger, share["id"], "REVOKED", by=person_id)


def _accept(ledger: Ledger, number: int) -> None:
    row, now = read_thing(ledger, number), ledger.clock.now()
    start = _time(row, "start_date")
    _set_status(ledger, number, "ACCEPTED", {})
    if start is not None and start > now:
        scheduled_jobs.plan(ledger, "share", number, start)
    else:
        ledger.update("share", number, is_open=1)


def _end(ledger: Ledger, number: int, status: str, *, by: int | None) -> None:
    scheduled_jobs.cancel(ledger, "share", number)
    ledger.update("share", number, is_open=0)
    _set_status(ledger, number, status, {} if by is None else {"ended_by": by})


def _set_status(ledger: Ledger, number: int, status: str, more: dict[str, Any]) -> None:
    for row in (read_thing(ledger, number), _response_of(ledger, number)):
        rewrite_thing(ledger, row, {"status": status}, secret=secret_of(row) | more)
    _tell_all(ledger, number, status)


def _response_of(ledger: Ledger, number: int) -> sqlite3.Row:
    share = ledger.row("SELECT response_id FROM share WHERE id = ?", number)
    assert share is not None
    return read_thing(ledger, share["response_id"])


def _time(row: sqlite3.Row, name: str) -> datetime | None:
    text = json.loads(row["item"]).get(name)
    return text and read_time(text)


def _insist_on_status(row: sqlite3.Row, *allowed: str) -> None:
    status = status_of(row)
    if status not in allowed:
        raise refuse(400, f"This share is {status} and can't be changed so.")


def _tell_all(ledger: Ledger, number: int, word: str) -> None:
    """Write the events of both sides, by the names that the wire keeps, and the callbacks."""
    row, response = read_thing(ledger, number), _response_of(ledger, number)
    account_id, counter_id = secret_of(row)["account_id"], secret_of(row)["counter_id"]
    status = status_of(row)
    record(ledger, account_id, "ShareInviteBankInquiry", number)
    record_for(
        ledger,
        counter_id,
        None,
        "ShareInviteBankResponse",
        response["id"],
        status="AWAITING_REPLY" if status == "PENDING" else "FINALIZED",
    )
    notices = (("SHARE", f"SHARE_INVITE_BANK_INQUIRY_{word}"),)

    def tell() -> Item:
        return "ShareInviteBankInquiry", tell_inquiry(ledger, row)[1]

    notify(ledger, account_id, number, notices, tell)


@as_placed(_INQUIRY)
def tell_inquiry(ledger: Ledger, row: sqlite3.Row) -> Item:
    """Give an invitation as the one who invites sees it."""
    secret = secret_of(row)
    values = {
        "monetary_account_id": secret["account_id"],
        "alias": label_account(ledger, secret["account_id"]),
        "user_alias_created": label_user(ledger, secret["person_id"]),
        "user_alias_revoked": _ended_by(ledger, secret),
        "counter_user_alias": label_user(ledger, secret["counter_id"]),
    }
    return _INQUIRY, tell_thing(row, _INQUIRY, values)


@as_placed(_RESPONSE)
def tell_response(ledger: Ledger, row: sqlite3.Row) -> Item:
    """Give an invitation as the one who is invited sees it: no account until it is accepted."""
    secret, is_accepted = secret_of(row), status_of(row) == "ACCEPTED"
    values = {
        "monetary_account_id": secret["account_id"] if is_accepted else None,
        "counter_alias": label_account(ledger, secret["account_id"]),
        "user_alias_cancelled": _ended_by(ledger, secret),
    }
    return _RESPONSE, tell_thing(row, _RESPONSE, values)


def _ended_by(ledger: Ledger, secret: dict[str, Any]) -> dict[str, Any] | None:
    by = secret.get("ended_by")
    return None if by is None else label_user(ledger, by)
