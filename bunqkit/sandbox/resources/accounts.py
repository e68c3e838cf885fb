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

from bunqkit.sandbox import scheduled_jobs
from bunqkit.sandbox.clock import wire_time
from bunqkit.sandbox.ledger import EXTERNAL, Ledger
from bunqkit.sandbox.refusal import not_found, refuse
from bunqkit.sandbox.resources.call import Call, Item, Page, created
from bunqkit.sandbox.resources.labels import holder_of, label_user, tell_avatar
from bunqkit.sandbox.resources.recurrence import next_quarter_day
from bunqkit.sandbox.resources.shape import shape
from bunqkit.sandbox.resources.wire import amount, cents_of

_DAILY_LIMIT = "1000.00"
MOST_ACCOUNTS = 25
"""Of the largest plan. Source: third parties' figures."""
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
_OWNED = (
    "SELECT id FROM account WHERE person_id = ? UNION SELECT account_id FROM co_owner "
    "WHERE person_id = ? AND status IN ('PENDING', 'ACCEPTED')"
)
MINE = f"account.id IN ({_OWNED})"
"""What an account must be to be one's own, alone or together; takes the person's id twice."""
_SHARED = "SELECT account_id, access FROM share WHERE person_id = ? AND is_open"
# What one may do with somebody else's account, the least first.
_RIGHTS = ("VIEW_BALANCE", "VIEW_TRANSACTION", "DRAFT_PAYMENT", "FULL_TRANSIENT", "OWNER")


def own_account(call: Call, name: str = "monetary-accountID") -> sqlite3.Row:
    """Read the account in the path: one's own, or one that is shared far enough for the call."""
    row = call.ledger.row("SELECT * FROM account WHERE id = ?", call.number(name))
    if row is None or _right(call, row) is None:
        raise not_found("Monetary account", call.ids[name])
    insist_on_right(call, row, _needed(call, name))
    return row


def insist_on_right(call: Call, account: sqlite3.Row, needed: str) -> None:
    """Refuse what goes beyond the access that the owner of an account has given.

    Raises
    ------
    Refusal
        403, in words of our own: no source shows bunq's.
    """
    if _RIGHTS.index(_right(call, account) or _RIGHTS[0]) < _RIGHTS.index(needed):
        raise refuse(403, "This account is shared with you, but not for this.")


def _right(call: Call, account: sqlite3.Row) -> str | None:
    """Give what the caller may do with an account."""
    person_id, ledger, number = call.person_id, call.ledger, account["id"]
    if not is_granted(call, number):
        return None
    if account["person_id"] == person_id or ledger.row(
        f"SELECT 1 WHERE ? IN ({_OWNED})", number, person_id, person_id
    ):
        return "OWNER"
    row = ledger.row(f"{_SHARED} AND account_id = ?", person_id, number)
    return None if row is None else str(row["access"])


def _needed(call: Call, name: str) -> str:
    """Give what one must be allowed to for a call.

    Source: the official description, for the four kinds of access.
    """
    resource, method = call.operation.resource, call.operation.method
    if method == "GET":
        return "VIEW_BALANCE" if name == "itemId" else "VIEW_TRANSACTION"
    if resource == "draft-payment":
        return "DRAFT_PAYMENT"
    return "FULL_TRANSIENT" if resource.startswith(_TRANSIENT) else "OWNER"


# What an account is used for day by day; closing, sharing and whitelisting is its owner's.
_TRANSIENT = ("payment", "request-", "schedule", "bunqme-tab", "attachment")


def _reached(call: Call) -> tuple[str, list[object]]:
    """Give the condition for accounts that a caller can see: all, or those granted to an app."""
    values: list[object] = [call.person_id, call.person_id]
    if call.consent is None:
        shared = f"UNION SELECT account_id FROM ({_SHARED})"
        return f"account.id IN ({_OWNED} {shared})", [*values, call.person_id]
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
    check_avatar(ledger, body)
    people = _co_owners(call, body.pop("all_co_owner", None) or [])
    kind = call.operation.body or ""
    is_external = kind.startswith(EXTERNAL)
    if not is_external and count_accounts(ledger, call.person_id) >= MOST_ACCOUNTS:
        raise refuse(400, f"You can't have more than {MOST_ACCOUNTS} monetary accounts.")
    if is_external:
        body |= _link(body.get("service"))
    for name in ("status", "sub_status", "alias"):
        body.pop(name, None)
    person = ledger.person(call.person_id)
    number = ledger.add_account(
        call.person_id,
        kind=kind,
        holder=person["label"],
        description=body.pop("description", None) or "bunq account",
        currency=currency,
        iban=ledger.new_iban("INGB", ledger.next_id("draw")) if is_external else None,
        details=_kept(body),
    )
    if kind == "MonetaryAccountSavings":
        scheduled_jobs.plan(ledger, "interest", number, next_quarter_day(ledger.clock.now()))
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
    check_avatar(ledger, body)
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


def count_accounts(ledger: Ledger, person_id: int) -> int:
    """Count the open accounts that the bank keeps for a person: those elsewhere are free."""
    row = ledger.row(
        "SELECT COUNT(*) AS number FROM account WHERE person_id = ? AND status <> 'CANCELLED' "
        "AND kind NOT LIKE ?",
        person_id,
        f"{EXTERNAL}%",
    )
    assert row is not None
    return int(row["number"])


def _link(service: str | None) -> dict[str, Any]:
    """Give what an account at another bank has beside one's own: which bank, and since when."""
    bank = {
        "account_information_service_status": "ACTIVE",
        "payment_information_service_status": "INACTIVE",
        "name": "Bank Elders",
        "country": "NL",
        "audience_private_status": True,
        "audience_business_status": False,
    }
    return {"service": service or "OPEN_BANKING", "provider_bank": bank}


def _account_of_kind(call: Call, kind: str) -> sqlite3.Row:
    account = own_account(call, "itemId")
    if kind not in ("*", account["kind"]):
        raise not_found("Monetary account", call.ids["itemId"])
    return account


def _check_amounts(body: dict[str, Any], currency: str) -> None:
    for name in ("daily_limit", "savings_goal"):
        if body.get(name) is not None:
            body[name] = amount(cents_of(body[name], currency, name), currency)


def check_avatar(ledger: Ledger, body: dict[str, Any]) -> None:
    """Refuse an avatar that is not there."""
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
        "open_banking_account": _tell_link(row, details),
        "savings_goal_progress": _progress(row["balance"], details.get("savings_goal")),
    }
    return row["kind"], shape(row["kind"], values)


def _tell_link(row: sqlite3.Row, details: dict[str, Any]) -> dict[str, Any] | None:
    """Give what another bank says of an account there."""
    if "provider_bank" not in details:
        return None
    balance = amount(row["balance"], row["currency"])
    return {
        "status": "ACTIVE",
        "iban": row["iban"],
        "time_synced_last": row["updated"],
        "provider_bank": details["provider_bank"],
        "balance_booked": balance,
        "balance_available": balance,
    }


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


def _progress(balance: int, goal: dict[str, str] | None) -> float:
    """Give the part of a goal that is reached; none of it without one: the SDK can't read a null.

    Source: decimal in answers (sdk_csharp#118).
    """
    if goal is None:
        return 0.0
    return float(
        min(Decimal(balance) / 100 / Decimal(goal["value"]), Decimal(1)).quantize(Decimal("0.01"))
    )
