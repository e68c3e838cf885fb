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
from bunqkit.sandbox.ledger import EXTERNAL, BankLedger
from bunqkit.sandbox.refusal import not_found, refuse
from bunqkit.sandbox.resources.call import Call, Item, Page, created
from bunqkit.sandbox.resources.facts import usual
from bunqkit.sandbox.resources.labels import holder_of, label_user, show_avatar
from bunqkit.sandbox.resources.recurrence import next_quarter_day
from bunqkit.sandbox.resources.rows import ALIASES, pick, read_id, without_nulls
from bunqkit.sandbox.resources.shape import shape
from bunqkit.sandbox.resources.wire import amount, read_cents

_DAILY_LIMIT_CENTS = 1_000_00
MOST_ACCOUNTS = 25
"""The most accounts that a person may have, by the largest plan. Source: third parties."""
# Source: bunq docs; which other currencies an account may have differs by plan.
_CURRENCIES = ("EUR", "USD", "GBP")
# The sub-statuses that go with a status. Source: the official description.
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
"""The condition for accounts that a person owns, alone or together; takes their id twice."""
GRANTED = "{} IN (SELECT account_id FROM consent_account WHERE consent_id = ?)"
"""The condition for ids of accounts that an app may see."""
_SHARED = "SELECT account_id, access FROM share WHERE person_id = ? AND is_open"
# What a person may do with somebody else's account, the least first.
_RIGHTS = ("VIEW_BALANCE", "VIEW_TRANSACTION", "DRAFT_PAYMENT", "FULL_TRANSIENT", "OWNER")
# What an account is used for day by day; closing, sharing and whitelisting are its owner's.
_TRANSIENT = ("payment", "request-", "schedule", "bunqme-tab", "attachment")


def own_account(call: Call, name: str = "monetary-accountID") -> sqlite3.Row:
    """Return the account in the path, if the caller owns it or it is shared for such calls."""
    account = call.ledger.row("SELECT * FROM account WHERE id = ?", call.number(name))
    if account is None or _right(call, account) is None:
        raise not_found("Monetary account", call.ids[name])
    check_right(call, account, _needed_right(call, name))
    return account


def check_right(call: Call, account: sqlite3.Row, needed: str) -> None:
    """Refuse what goes beyond the access that the owner of an account has given.

    Raises
    ------
    Refusal
        403, in words of our own: no source shows bunq's.
    """
    if _RIGHTS.index(_right(call, account) or _RIGHTS[0]) < _RIGHTS.index(needed):
        raise refuse(403, "This account is shared with you, but not for this.")


def _right(call: Call, account: sqlite3.Row) -> str | None:
    """Return what the caller may do with an account."""
    person_id, ledger, number = call.person_id, call.ledger, account["id"]
    if not is_granted(call, number):
        return None
    is_owned = f"SELECT 1 WHERE ? IN ({_OWNED})"
    if account["person_id"] == person_id or ledger.row(is_owned, number, person_id, person_id):
        return "OWNER"
    share = ledger.row(f"{_SHARED} AND account_id = ?", person_id, number)
    return None if share is None else str(share["access"])


def _needed_right(call: Call, name: str) -> str:
    """Return the right that a call needs.

    Source: the official description, for the four kinds of access.
    """
    resource, method = call.operation.resource, call.operation.method
    if method == "GET":
        return "VIEW_BALANCE" if name == "itemId" else "VIEW_TRANSACTION"
    if resource == "draft-payment":
        return "DRAFT_PAYMENT"
    return "FULL_TRANSIENT" if resource.startswith(_TRANSIENT) else "OWNER"


def is_granted(call: Call, account_id: int | None) -> bool:
    """Return True if the caller may know of a user's account: an app only if it was granted."""
    if call.consent is None:
        return True
    query = "SELECT 1 FROM consent_account WHERE consent_id = ? AND account_id = ?"
    return call.ledger.row(query, call.consent["id"], account_id) is not None


def own_account_ids(ledger: BankLedger, person_id: int) -> list[int]:
    """List the ids of the accounts that a person opened."""
    rows = ledger.rows("SELECT id FROM account WHERE person_id = ?", person_id)
    return [row["id"] for row in rows]


def account_to_use(call: Call, number: object) -> sqlite3.Row:
    """Return an account that the body names; refuse unless the caller opened it and may know it."""
    query = "SELECT * FROM account WHERE id = ? AND person_id = ?"
    account = call.ledger.row(query, read_id(number), call.person_id)
    if account is None or not is_granted(call, account["id"]):
        raise not_found("Monetary account", number)
    return account


def person_behind(ledger: BankLedger, alias: dict[str, Any]) -> int:
    """Return the id of the person of the bank that an alias means; refuse if there is none."""
    account = None
    if alias.get("type") in ALIASES:
        account = ledger.account_behind(alias["type"], alias["value"])
    if account is None or account["person_id"] is None:
        raise refuse(400, f'No bunq user was found for "{alias.get("value")}".')
    return int(account["person_id"])


def list_accounts(call: Call) -> Page:
    """List the accounts of a kind, or of all, newest first; ``status`` selects by status."""
    values: list[object] = [call.person_id, call.person_id]
    if call.consent is None:
        condition = f"account.id IN ({_OWNED} UNION SELECT account_id FROM ({_SHARED}))"
        values.append(call.person_id)
    else:
        condition = f"{MINE} AND {GRANTED.format('account.id')}"
        values.append(call.consent["id"])
    for column, value in (("kind", call.operation.wrapper), ("status", call.query.get("status"))):
        if value not in (None, "*"):
            condition += f" AND account.{column} = ?"
            values.append(value)
    return call.page("account", condition, values, show_account)


def get_account(call: Call) -> list[Item]:
    """Return one account; under a kind's path, only one of that kind."""
    return [show_account(call.ledger, _account_of_kind(call, call.operation.wrapper))]


def create_account(call: Call) -> list[Item]:
    """Open an account; every field may be left out, and the currency is then EUR."""
    body, ledger = dict(call.body), call.ledger
    currency = body.pop("currency", None) or "EUR"
    if currency not in _CURRENCIES:
        raise refuse(400, f'Currency "{currency}" is not supported.')
    _check_amounts(body, currency)
    check_avatar(ledger, body)
    # One's own alias is among those of the owners. Source: the official description.
    aliases = [owner.get("alias") or {} for owner in body.pop("all_co_owner", None) or []]
    people = dict.fromkeys(person_behind(ledger, alias) for alias in aliases)
    owners = dict.fromkeys([call.person_id, *people]) if aliases else {}
    kind = call.operation.body or ""
    is_external = kind.startswith(EXTERNAL)
    if not is_external and count_accounts(ledger, call.person_id) >= MOST_ACCOUNTS:
        raise refuse(400, f"You can't have more than {MOST_ACCOUNTS} monetary accounts.")
    if is_external:
        bank = usual("MonetaryAccountExternalBank")
        body |= {"service": body.get("service") or "OPEN_BANKING", "provider_bank": bank}
    for name in ("status", "sub_status", "alias"):
        body.pop(name, None)
    number = ledger.add_account(
        call.person_id,
        kind=kind,
        holder=ledger.person(call.person_id)["label"],
        description=body.pop("description", None) or "bunq account",
        currency=currency,
        iban=ledger.new_iban("INGB", ledger.next_id("draw")) if is_external else None,
        details=without_nulls(body),
    )
    if kind == "MonetaryAccountSavings":
        scheduled_jobs.plan(ledger, "interest", number, next_quarter_day(ledger.clock.now()))
    if call.consent is not None:
        ledger.insert("consent_account", consent_id=call.consent["id"], account_id=number)
    for person_id in owners:
        status = "ACCEPTED" if person_id == call.person_id else "PENDING"
        ledger.add_co_owner(number, person_id, status)
    if len(owners) > 1:
        # Source: captures of accounts whose other owner has not answered yet.
        ledger.update("account", number, status="PENDING_ACCEPTANCE")
    return created(number)


def update_account(call: Call) -> list[Item]:
    """Change an account, or close it; only an empty one can be closed."""
    account = _account_of_kind(call, call.operation.body or "MonetaryAccountCard")
    body, ledger, old = dict(call.body), call.ledger, account["status"]
    if old == "CANCELLED":
        raise refuse(400, "This monetary account is closed.")
    if body.pop("currency", account["currency"]) != account["currency"]:
        raise refuse(400, "The currency of a monetary account can't be changed.")
    _check_amounts(body, account["currency"])
    check_avatar(ledger, body)
    for name in ("all_co_owner", "alias"):
        body.pop(name, None)
    status, sub_status = body.pop("status", None) or old, body.pop("sub_status", None)
    if _answers_invitation(call, account, status):
        return created(account["id"])
    if status not in _SUB_STATUSES or ("PENDING" in f"{status}{old}" and status != old):
        raise refuse(400, f'Status "{status}" is not valid.')
    if sub_status is None:
        sub_status = account["sub_status"] if status == old else _SUB_STATUSES[status][0]
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
        details=json.dumps(json.loads(account["details"]) | without_nulls(body)),
    )
    return created(account["id"])


def count_accounts(ledger: BankLedger, person_id: int) -> int:
    """Count the open accounts that the bank keeps for a person; those at other banks are free."""
    query = (
        "SELECT COUNT(*) AS number FROM account WHERE person_id = ? AND status <> 'CANCELLED' "
        "AND kind NOT LIKE ?"
    )
    return int(ledger.rows(query, person_id, f"{EXTERNAL}%")[0]["number"])


def _account_of_kind(call: Call, kind: str) -> sqlite3.Row:
    account = own_account(call, "itemId")
    if kind not in ("*", account["kind"]):
        raise not_found("Monetary account", call.ids["itemId"])
    return account


def _check_amounts(body: dict[str, Any], currency: str) -> None:
    for name in ("daily_limit", "savings_goal"):
        if body.get(name) is not None:
            body[name] = amount(read_cents(body, name, currency), currency)


def check_avatar(ledger: BankLedger, body: dict[str, Any]) -> None:
    """Refuse an avatar that does not exist."""
    avatar = body.get("avatar_uuid")
    if avatar and not ledger.row("SELECT 1 FROM avatar WHERE uuid = ?", avatar):
        raise not_found("Avatar", avatar)


def _answers_invitation(call: Call, account: sqlite3.Row, status: str) -> bool:
    """Take an invited co-owner's yes (ACTIVE) or no (CANCELLED); return True if it was one."""
    ledger, number = call.ledger, account["id"]
    answer = {"ACTIVE": "ACCEPTED", "CANCELLED": "REJECTED"}.get(status)
    waiting = "SELECT 1 FROM co_owner WHERE account_id = ? AND status = 'PENDING'"
    if (
        account["status"] != "PENDING_ACCEPTANCE"
        or answer is None
        or not ledger.row(f"{waiting} AND person_id = ?", number, call.person_id)
    ):
        return False
    change = "UPDATE co_owner SET status = ? WHERE account_id = ? AND person_id = ?"
    ledger.execute(change, answer, number, call.person_id)
    changes = {"updated": wire_time(ledger.clock.now())}
    if answer == "REJECTED":
        ledger.update("account", number, status="CANCELLED", sub_status="PERMANENT", **changes)
    elif not ledger.row(waiting, number):
        ledger.update("account", number, status="ACTIVE", **changes)
    return True


def show_account(ledger: BankLedger, row: sqlite3.Row) -> Item:
    """Return an account as the bank shows it to its owner."""
    details, currency = json.loads(row["details"]), row["currency"]
    holder, avatar = holder_of(row, details), details.get("avatar_uuid")
    balance = amount(row["balance"], currency)
    setting = usual("MonetaryAccountSetting") | {
        "default_avatar_status": "AVATAR_CUSTOM" if avatar else "AVATAR_DEFAULT"
    }
    columns = pick(row, "id", "created", "updated", "description", "status", "sub_status")
    values = (
        details
        | usual("MonetaryAccount")
        | columns
        | {
            "avatar": show_avatar(ledger, row["uuid"], avatar),
            "currency": currency,
            "daily_limit": details.get("daily_limit") or amount(_DAILY_LIMIT_CENTS, currency),
            "overdraft_limit": amount(0, currency),
            "balance": balance,
            "balance_real": balance,
            "alias": _aliases(ledger, row, holder),
            "public_uuid": row["uuid"],
            "user_id": row["person_id"],
            "display_name": holder,
            "setting": setting | (details.get("setting") or {}),
            "total_request_pending": amount(_pending_cents(ledger, row["id"]), currency),
            "all_co_owner": [
                {"alias": label_user(ledger, owner["person_id"]), "status": owner["status"]}
                for owner in ledger.rows("SELECT * FROM co_owner WHERE account_id = ?", row["id"])
            ],
            "savings_goal_progress": _progress(row["balance"], details.get("savings_goal")),
        }
    )
    if "provider_bank" in details:
        values["open_banking_account"] = {
            "status": "ACTIVE",
            "iban": row["iban"],
            "time_synced_last": row["updated"],
            "provider_bank": details["provider_bank"],
            "balance_booked": balance,
            "balance_available": balance,
        }
    return row["kind"], shape(row["kind"], values)


def _aliases(ledger: BankLedger, row: sqlite3.Row, holder: str) -> list[dict[str, Any]]:
    """Return the pointers to an account; e-mail and phone point at a person's oldest account."""
    person, pointers = ledger.person(row["person_id"]), {"IBAN": row["iban"]}
    primary = ledger.account_behind("EMAIL", person["email"]) if person["email"] else None
    if primary is not None and primary["id"] == row["id"]:
        pointers |= without_nulls({"EMAIL": person["email"], "PHONE_NUMBER": person["phone"]})
    return [{"type": kind, "value": value, "name": holder} for kind, value in pointers.items()]


def _pending_cents(ledger: BankLedger, account_id: int) -> int:
    query = (
        "SELECT COALESCE(SUM(cents), 0) AS cents FROM request "
        "WHERE account_id = ? AND status = 'PENDING'"
    )
    return int(ledger.rows(query, account_id)[0]["cents"])


def _progress(balance: int, goal: dict[str, str] | None) -> float:
    """Return the part of a goal that is reached; 0 without a goal: the SDK can't read a null.

    Source: decimal in answers (sdk_csharp#118).
    """
    if goal is None:
        return 0.0
    part = min(Decimal(balance) / 100 / Decimal(goal["value"]), Decimal(1))
    return float(part.quantize(Decimal("0.01")))
