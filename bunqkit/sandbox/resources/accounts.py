"""Monetary accounts: list and read of any kind; the bank kind can be made and changed.

Source: bunq docs, "Monetary account"; captured answers of 2023 for members that the official
description lacks.
"""

from __future__ import annotations

import json
import sqlite3
from typing import Any

from bunqkit.sandbox.clock import wire_time
from bunqkit.sandbox.ledger import Ledger
from bunqkit.sandbox.refusal import not_found, refuse
from bunqkit.sandbox.resources.call import Call, Item, Page, created
from bunqkit.sandbox.resources.users import label_user
from bunqkit.sandbox.resources.wire import amount, cents_of, image_free_avatar

_DAILY_LIMIT = {"currency": "EUR", "value": "1000.00"}
_CURRENCIES = ("EUR", "USD", "GBP")
# Which sub-statuses go with which status. Source: the official description.
_SUB_STATUSES = {
    "ACTIVE": ("NONE",),
    "PENDING_REOPEN": ("NONE",),
    "BLOCKED": ("COMPLETELY", "ONLY_ACCEPTING_INCOMING"),
    "CANCELLED": ("REDEMPTION_INVOLUNTARY", "REDEMPTION_VOLUNTARY", "PERMANENT"),
}


def own_account(call: Call, name: str = "monetary-accountID") -> sqlite3.Row:
    """Read the account in the path; somebody else's is not found."""
    row = call.ledger.row(
        "SELECT * FROM account WHERE id = ? AND person_id = ?", call.number(name), call.person_id
    )
    if row is None:
        raise not_found("Monetary account", call.ids[name])
    return row


def list_accounts(call: Call) -> Page:
    """List the accounts, newest first."""
    return call.page("account", "person_id = ?", (call.person_id,), tell_account)


def get_account(call: Call) -> list[Item]:
    """Give one account."""
    return [tell_account(call.ledger, own_account(call, "itemId"))]


def create_account(call: Call) -> list[Item]:
    """Open an account; the currency is all that is asked."""
    body = dict(call.body)
    currency = body.pop("currency")
    if currency not in _CURRENCIES:
        raise refuse(400, f'Currency "{currency}" is not supported.')
    _check_limit(body, currency)
    person = call.ledger.person(call.person_id)
    number = call.ledger.add_account(
        call.person_id,
        holder=person["label"],
        description=body.pop("description", None) or "bunq account",
        currency=currency,
        details=_kept(body),
    )
    return created(number)


def update_account(call: Call) -> list[Item]:
    """Change an account, or close it, for which it must be empty."""
    account = own_account(call, "itemId")
    body = dict(call.body)
    if account["status"] == "CANCELLED":
        raise refuse(400, "This monetary account is closed.")
    if body.pop("currency", account["currency"]) != account["currency"]:
        raise refuse(400, "The currency of a monetary account can't be changed.")
    _check_limit(body, account["currency"])
    status = body.pop("status", account["status"])
    sub_status = body.pop("sub_status", None)
    if status not in _SUB_STATUSES:
        raise refuse(400, f'Status "{status}" is not valid.')
    if sub_status is None:
        same = status == account["status"]
        sub_status = account["sub_status"] if same else _SUB_STATUSES[status][0]
    if sub_status not in _SUB_STATUSES[status]:
        raise refuse(400, f'Sub status "{sub_status}" does not go with status "{status}".')
    if status == "CANCELLED" and account["balance"] != 0:
        raise refuse(400, "The balance of a monetary account must be zero before it is closed.")
    description = body.pop("description", None) or account["description"]
    call.ledger.update(
        "account",
        account["id"],
        updated=wire_time(call.ledger.clock.now()),
        description=description,
        status=status,
        sub_status=sub_status,
        details=json.dumps({**json.loads(account["details"]), **_kept(body)}),
    )
    return created(account["id"])


def _check_limit(body: dict[str, Any], currency: str) -> None:
    if (limit := body.get("daily_limit")) is not None:
        body["daily_limit"] = amount(cents_of(limit, currency, "daily_limit"), currency)


def _kept(body: dict[str, Any]) -> dict[str, Any]:
    return {name: told for name, told in body.items() if told is not None}


def tell_account(ledger: Ledger, row: sqlite3.Row) -> Item:
    """Give an account as the bank shows it to its owner."""
    details = json.loads(row["details"])
    person = ledger.person(row["person_id"])
    currency = row["currency"]
    holder = details.get("display_name") or row["holder"]
    aliases = [{"type": "IBAN", "value": row["iban"], "name": holder}]
    primary = ledger.account_behind("EMAIL", person["email"]) if person["email"] else None
    if primary is not None and primary["id"] == row["id"]:
        # E-mail and phone point at the oldest account.
        aliases += [
            {"type": kind, "value": value, "name": holder}
            for kind, value in (("EMAIL", person["email"]), ("PHONE_NUMBER", person["phone"]))
            if value is not None
        ]
    setting = {
        "color": "#FE2851",
        "icon": None,
        "default_avatar_status": "AVATAR_DEFAULT",
        "restriction_chat": "ALLOW_INCOMING",
        "sdd_expiration_action": None,
    }
    return "MonetaryAccountBank", {
        "id": row["id"],
        "created": row["created"],
        "updated": row["updated"],
        "avatar": image_free_avatar(ledger, row["uuid"]),
        "currency": currency,
        "description": row["description"],
        "daily_limit": details.get("daily_limit") or {**_DAILY_LIMIT, "currency": currency},
        "overdraft_limit": amount(0, currency),
        "balance": amount(row["balance"], currency),
        "alias": aliases,
        "public_uuid": row["uuid"],
        "status": row["status"],
        "sub_status": row["sub_status"],
        "reason": details.get("reason"),
        "reason_description": details.get("reason_description"),
        "user_id": row["person_id"],
        "monetary_account_profile": None,
        "display_name": holder,
        "setting": setting | (details.get("setting") or {}),
        "all_auto_save_id": [],
    }


def label_account(ledger: Ledger, row: sqlite3.Row) -> dict[str, Any]:
    """Give the short form of an account that stands inside payments and requests."""
    outside = row["person_id"] is None
    person = None if outside else label_user(ledger.person(row["person_id"]))
    return {
        "iban": row["iban"],
        "is_light": False,
        "display_name": row["holder"],
        "avatar": None if outside else image_free_avatar(ledger, row["uuid"]),
        "label_user": person
        or {
            "uuid": None,
            "display_name": row["holder"],
            "country": "NL",
            "avatar": None,
            "public_nick_name": row["holder"],
            "type": None,
        },
        "country": "NL",
    }
