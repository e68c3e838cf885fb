"""Monetary accounts of every kind: list, read, open, change, close.

Source: bunq docs, "Monetary account"; captured answers of 2023 for members that the official
description lacks. That an invited co-owner accepts by ``status`` is a rule of our own: no call of
bunq's is known for it.
"""

from __future__ import annotations

import json
import sqlite3
from decimal import Decimal
from typing import Any

from bunqkit.sandbox.clock import wire_time
from bunqkit.sandbox.ledger import Ledger
from bunqkit.sandbox.refusal import not_found, refuse
from bunqkit.sandbox.resources.call import Call, Item, Page, created
from bunqkit.sandbox.resources.labels import holder_of, label_user, tell_avatar
from bunqkit.sandbox.resources.shape import shape
from bunqkit.sandbox.resources.wire import amount, cents_of

_DAILY_LIMIT = "1000.00"
# Source: bunq docs; which other currencies an account may have differs by plan.
_CURRENCIES = ("EUR", "USD", "GBP")
# Which sub-statuses go with which status. Source: the official description.
_SUB_STATUSES = {
    "ACTIVE": ("NONE",),
    "PENDING_ACCEPTANCE": ("NONE",),
    "PENDING_REOPEN": ("NONE",),
    "BLOCKED": ("COMPLETELY", "ONLY_ACCEPTING_INCOMING"),
    "CANCELLED": ("REDEMPTION_INVOLUNTARY", "REDEMPTION_VOLUNTARY", "PERMANENT"),
}
MINE = (
    "(person_id = ? OR EXISTS (SELECT 1 FROM co_owner WHERE account_id = account.id "
    "AND co_owner.person_id = ? AND co_owner.status IN ('PENDING', 'ACCEPTED')))"
)


def own_account(call: Call, name: str = "monetary-accountID") -> sqlite3.Row:
    """Read the account in the path; somebody else's is not found."""
    condition, values = _reached(call)
    row = call.ledger.row(
        f"SELECT * FROM account WHERE id = ? AND {condition}", call.number(name), *values
    )
    if row is None:
        raise not_found("Monetary account", call.ids[name])
    return row


def _reached(call: Call) -> tuple[str, list[object]]:
    """Give the condition for accounts that a caller can see: all, or those granted to an app."""
    values: list[object] = [call.person_id, call.person_id]
    if call.consent is None:
        return MINE, values
    return f"{MINE} AND {GRANTED.format('account.id')}", [*values, call.consent["id"]]


def is_granted(call: Call, account_id: int | None) -> bool:
    """Whether the caller may know of an account of the user's: people all, an app those granted."""
    if call.consent is None:
        return True
    found = call.ledger.row(
        "SELECT 1 FROM consent_account WHERE consent_id = ? AND account_id = ?",
        call.consent["id"],
        account_id,
    )
    return found is not None


GRANTED = "{} IN (SELECT account_id FROM consent_account WHERE consent_id = ?)"
"""What an account's id must be for an app to see it."""


def list_accounts(call: Call) -> Page:
    """List the accounts of a kind, or of all, newest first; ``status`` may narrow them down."""
    condition, values = _reached(call)
    for column, wanted in (("kind", call.operation.wrapper), ("status", call.query.get("status"))):
        if wanted not in (None, "*"):
            condition += f" AND account.{column} = ?"
            values.append(wanted)
    return call.page("account", condition, tuple(values), tell_account)


def get_account(call: Call) -> list[Item]:
    """Give one account; under a kind's path, only one of that kind."""
    return [tell_account(call.ledger, _account_of_kind(call, call.operation.wrapper))]


def create_account(call: Call) -> list[Item]:
    """Open an account; the currency is all that is asked, and EUR if it is left out."""
    body, ledger = dict(call.body), call.ledger
    currency = body.pop("currency", None) or "EUR"
    if currency not in _CURRENCIES:
        raise refuse(400, f'Currency "{currency}" is not supported.')
    _check_amounts(body, currency)
    _check_avatar(ledger, body)
    people = _co_owners(call, body.pop("all_co_owner", None) or [])
    for name in ("status", "sub_status", "alias"):
        body.pop(name, None)
    person = ledger.person(call.person_id)
    assert call.operation.body is not None
    number = ledger.add_account(
        call.person_id,
        kind=call.operation.body,
        holder=person["label"],
        description=body.pop("description", None) or "bunq account",
        currency=currency,
        details=_kept(body),
    )
    if call.consent is not None:
        ledger.insert("consent_account", consent_id=call.consent["id"], account_id=number)
    for each in people:
        status = "ACCEPTED" if each == call.person_id else "PENDING"
        ledger.add_co_owner(number, each, status)
    if len(people) > 1:
        # Source: captures of accounts whose other owner has not answered yet.
        ledger.update("account", number, status="PENDING_ACCEPTANCE")
    return created(number)


def update_account(call: Call) -> list[Item]:
    """Change an account, or close it, for which it must be empty."""
    account = _account_of_kind(call, call.operation.body or "MonetaryAccountCard")
    body, ledger = dict(call.body), call.ledger
    if account["status"] == "CANCELLED":
        raise refuse(400, "This monetary account is closed.")
    if body.pop("currency", account["currency"]) != account["currency"]:
        raise refuse(400, "The currency of a monetary account can't be changed.")
    _check_amounts(body, account["currency"])
    _check_avatar(ledger, body)
    for name in ("all_co_owner", "alias"):
        body.pop(name, None)
    status = body.pop("status", None) or account["status"]
    sub_status = body.pop("sub_status", None)
    if _answers_invitation(call, account, status):
        return created(account["id"])
    if status not in _SUB_STATUSES or (
        "PENDING" in f"{status}{account['status']}" and status != account["status"]
    ):
        raise refuse(400, f'Status "{status}" is not valid.')
    if sub_status is None:
        same = status == account["status"]
        sub_status = account["sub_status"] if same else _SUB_STATUSES[status][0]
    if sub_status not in _SUB_STATUSES[status]:
        raise refuse(400, f'Sub status "{sub_status}" does not go with status "{status}".')
    if status == "CANCELLED" and account["balance"] != 0:
        raise refuse(400, "The balance of a monetary account must be zero before it is closed.")
    ledger.update(
        "account",
        account["id"],
        updated=wire_time(ledger.clock.now()),
        description=body.pop("description", None) or account["description"],
        status=status,
        sub_status=sub_status,
        details=json.dumps({**json.loads(account["details"]), **_kept(body)}),
    )
    return created(account["id"])


def _account_of_kind(call: Call, kind: str) -> sqlite3.Row:
    account = own_account(call, "itemId")
    if kind not in ("*", account["kind"]):
        raise not_found("Monetary account", call.ids["itemId"])
    return account


def _check_amounts(body: dict[str, Any], currency: str) -> None:
    for name in ("daily_limit", "savings_goal"):
        if body.get(name) is not None:
            body[name] = amount(cents_of(body[name], currency, name), currency)


def _check_avatar(ledger: Ledger, body: dict[str, Any]) -> None:
    avatar = body.get("avatar_uuid")
    if avatar and not ledger.row("SELECT 1 FROM avatar WHERE uuid = ?", avatar):
        raise not_found("Avatar", avatar)


def _kept(body: dict[str, Any]) -> dict[str, Any]:
    return {name: told for name, told in body.items() if told is not None}


def _co_owners(call: Call, told: list[dict[str, Any]]) -> list[int]:
    """Find the people that shall own an account, the caller first.

    Source: the official description, which asks for one's own alias and the others'.
    """
    if not told:
        return []
    people = [call.person_id]
    for each in told:
        alias = each.get("alias") or {}
        found = None
        if alias.get("type") in ("EMAIL", "PHONE_NUMBER", "IBAN"):
            found = call.ledger.account_behind(alias["type"], alias["value"])
        if found is None or found["person_id"] is None:
            raise refuse(400, f'No bunq user was found for "{alias.get("value")}".')
        if found["person_id"] not in people:
            people.append(found["person_id"])
    return people


def _answers_invitation(call: Call, account: sqlite3.Row, status: str) -> bool:
    """Take an invited co-owner's yes (ACTIVE) or no (CANCELLED)."""
    ledger, wanted = call.ledger, {"ACTIVE": "ACCEPTED", "CANCELLED": "REJECTED"}.get(status)
    if account["status"] != "PENDING_ACCEPTANCE" or wanted is None:
        return False
    waiting = "account_id = ? AND status = 'PENDING'"
    if not ledger.row(
        f"SELECT 1 FROM co_owner WHERE {waiting} AND person_id = ?", account["id"], call.person_id
    ):
        return False
    ledger.execute(
        "UPDATE co_owner SET status = ? WHERE account_id = ? AND person_id = ?",
        wanted,
        account["id"],
        call.person_id,
    )
    now = wire_time(ledger.clock.now())
    if wanted == "REJECTED":
        ledger.update(
            "account", account["id"], status="CANCELLED", sub_status="PERMANENT", updated=now
        )
    elif not ledger.row(f"SELECT 1 FROM co_owner WHERE {waiting}", account["id"]):
        ledger.update("account", account["id"], status="ACTIVE", updated=now)
    return True


def tell_account(ledger: Ledger, row: sqlite3.Row) -> Item:
    """Give an account as the bank shows it to its owner."""
    details = json.loads(row["details"])
    person, currency = ledger.person(row["person_id"]), row["currency"]
    holder = holder_of(row, details)
    values = details | {
        "id": row["id"],
        "created": row["created"],
        "updated": row["updated"],
        "avatar": tell_avatar(ledger, row["uuid"], details.get("avatar_uuid")),
        "currency": currency,
        "description": row["description"],
        "daily_limit": details.get("daily_limit") or {"currency": currency, "value": _DAILY_LIMIT},
        "overdraft_limit": amount(0, currency),
        "balance": amount(row["balance"], currency),
        "balance_real": amount(row["balance"], currency),
        "alias": _aliases(ledger, row, person, holder),
        "public_uuid": row["uuid"],
        "status": row["status"],
        "sub_status": row["sub_status"],
        "user_id": row["person_id"],
        "display_name": holder,
        "setting": {
            "color": "#FE2851",
            "icon": None,
            "default_avatar_status": "AVATAR_CUSTOM"
            if details.get("avatar_uuid")
            else "AVATAR_DEFAULT",
            "restriction_chat": "ALLOW_INCOMING",
        }
        | (details.get("setting") or {}),
        "country": "NL",
        "timezone": "europe/amsterdam",
        "total_request_pending": amount(_pending(ledger, row["id"]), currency),
        "all_co_owner": _tell_owners(ledger, row["id"]),
        "savings_goal_progress": _progress(row["balance"], details.get("savings_goal")),
    }
    return row["kind"], shape(row["kind"], values)


def _aliases(
    ledger: Ledger, row: sqlite3.Row, person: sqlite3.Row, holder: str
) -> list[dict[str, Any]]:
    """Give the pointers to an account; e-mail and phone point at the oldest one."""
    aliases = [{"type": "IBAN", "value": row["iban"], "name": holder}]
    primary = ledger.account_behind("EMAIL", person["email"]) if person["email"] else None
    if primary is not None and primary["id"] == row["id"]:
        aliases += [
            {"type": kind, "value": value, "name": holder}
            for kind, value in (("EMAIL", person["email"]), ("PHONE_NUMBER", person["phone"]))
            if value is not None
        ]
    return aliases


def _pending(ledger: Ledger, account_id: int) -> int:
    row = ledger.row(
        "SELECT COALESCE(SUM(cents), 0) AS cents FROM request "
        "WHERE account_id = ? AND status = 'PENDING'",
        account_id,
    )
    assert row is not None
    return int(row["cents"])


def _tell_owners(ledger: Ledger, account_id: int) -> list[dict[str, Any]]:
    return [
        {"alias": label_user(ledger, each["person_id"]), "status": each["status"]}
        for each in ledger.rows("SELECT * FROM co_owner WHERE account_id = ?", account_id)
    ]


def _progress(balance: int, goal: dict[str, str] | None) -> float | None:
    """Give the part of a goal that is reached. Source: decimal in answers (sdk_csharp#118)."""
    if goal is None:
        return None
    return float(
        min(Decimal(balance) / 100 / Decimal(goal["value"]), Decimal(1)).quantize(Decimal("0.01"))
    )
