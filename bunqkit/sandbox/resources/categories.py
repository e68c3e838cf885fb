"""What money goes for: a category for each payment, the bank's own or the user's, and their sums.

Source: bunq docs, "Insights" and "Additional transaction information"; which categories there are
and how the bank guesses them is our own. Each payment has one category, so that the sums of all
agree with the ledger. bunq has no call to choose another: ``Bank.categorise`` and the control desk
do.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from bunqkit.sandbox.clock import wire_time
from bunqkit.sandbox.ledger import Ledger
from bunqkit.sandbox.refusal import not_found, refuse
from bunqkit.sandbox.resources.call import Call, Item, created
from bunqkit.sandbox.resources.generic_resources import add_thing, change_thing, scope_of
from bunqkit.sandbox.resources.recurrence import read_moment
from bunqkit.sandbox.resources.shape import shape
from bunqkit.sandbox.resources.wire import amount

# Description, in English and Dutch, colour and icon.
SYSTEM = {
    "GROCERIES": ("Groceries", "Boodschappen", "#9ACD32", "basket"),
    "FOOD_AND_DRINKS": ("Food and drinks", "Eten en drinken", "#FF8C42", "cutlery"),
    "SHOPPING": ("Shopping", "Winkelen", "#D16BA5", "bag"),
    "TRANSPORT": ("Transport", "Vervoer", "#3D9BE9", "train"),
    "TRAVEL": ("Travel", "Reizen", "#22B8CF", "suitcase"),
    "CASH": ("Cash", "Contant geld", "#8D99AE", "banknote"),
    "BILLS": ("Bills", "Vaste lasten", "#5C6BC0", "document"),
    "INCOME": ("Income", "Inkomsten", "#2E7D32", "arrow-in"),
    "FRIENDS": ("Friends and requests", "Vrienden en verzoeken", "#F6C945", "people"),
    "SAVINGS": ("Between my accounts", "Tussen mijn rekeningen", "#00897B", "piggy-bank"),
    "GENERAL": ("General", "Algemeen", "#9E9E9E", "dot"),
}
_NAME = "AdditionalTransactionInformationCategory"
_OWN = "additional-transaction-information-category-user-defined"
_CHOSEN = "additional-transaction-information"
# By the code of a shop's trade. Source: ISO 18245.
_BY_TRADE = {
    "5411": "GROCERIES",
    "5812": "FOOD_AND_DRINKS",
    "5814": "FOOD_AND_DRINKS",
    "5999": "SHOPPING",
    "4111": "TRANSPORT",
    "7011": "TRAVEL",
    "6011": "CASH",
}


def list_categories(call: Call) -> list[Item]:
    """Give the bank's categories and the person's own, in their order."""
    told = [
        _tell(code, "SYSTEM", order, (text, dutch, color, icon), number=order)
        for order, (code, (text, dutch, color, icon)) in enumerate(SYSTEM.items(), 1)
    ]
    for order, row in enumerate(_own(call.ledger, call.person_id), len(told) + 1):
        item = json.loads(row["item"])
        texts = (item["description"], item["description"], item.get("color"), item.get("icon"))
        one = _tell(item["category"], "USER_DEFINED", order, texts, number=row["id"])
        told.append(one | {"status": item["status"]})
    return [(_NAME, shape(_NAME, each)) for each in told]


def create_category(call: Call) -> list[Item]:
    """Make a category of one's own, or change the one of that name.

    Any status but ACTIVE rests: no source names the others.
    """
    ledger, body = call.ledger, {n: v for n, v in call.body.items() if v is not None}
    code = body.get("category")
    for row in _own(ledger, call.person_id):
        if json.loads(row["item"])["category"] == code:
            change_thing(ledger, row, body)
            return created(row["id"])
    if code in SYSTEM:
        raise refuse(400, f'The category "{code}" is one of the bank\'s.')
    number = ledger.next_id("draw")
    values = body | {
        "category": code or f"USER_DEFINED_{number}",
        "description": body.get("description") or code or "A category",
    }
    return created(add_thing(ledger, scope_of(call), _NAME, values))


def categorise(ledger: Ledger, payment_id: int, category: str) -> None:
    """Put a payment into a category: the bank's, or an active one of the person whose it is."""
    payment = ledger.row("SELECT account_id FROM payment WHERE id = ?", payment_id)
    account = None if payment is None else ledger.account(payment["account_id"])
    if account is None or account["person_id"] is None:
        raise not_found("Payment", payment_id)
    own = [json.loads(row["item"]) for row in _own(ledger, account["person_id"])]
    known = {*SYSTEM, *(each["category"] for each in own if each["status"] == "ACTIVE")}
    if category not in known:
        raise refuse(400, f'There is no category "{category}". There are: {sorted(known)}.')
    ledger.execute("DELETE FROM thing WHERE scope = ?", f"payment/{payment_id}/{_CHOSEN}")
    add_thing(ledger, f"payment/{payment_id}/{_CHOSEN}", _NAME, {"category": category})


def list_insights(call: Call) -> list[Item]:
    """Give the sum of each category and currency in a time, by default the current month's.

    Every payment of a person's accounts is in one of them.
    """
    sums: dict[tuple[str, str], list[int]] = {}
    for row, category in payments_between(call):
        sums.setdefault((category, row["currency"]), []).append(row["cents"])
    own = {
        item["category"]: item
        for item in (json.loads(row["item"]) for row in _own(call.ledger, call.person_id))
    }
    return [
        ("InsightCategory", _tell_sum(category, currency, cents, own.get(category)))
        for (category, currency), cents in sorted(sums.items())
    ]


def payments_between(call: Call) -> Iterable[tuple[sqlite3.Row, str]]:
    """Give the payments of a person in the asked time, each with its category."""
    start, end = _times(call)
    rows = call.ledger.rows(
        "SELECT payment.*, counter.person_id AS counter_person, counter.details AS counter_details "
        "FROM account CROSS JOIN payment ON account_id = account.id "
        "JOIN account AS counter ON counter.id = counter_id "
        "WHERE account.person_id = ? AND payment.created >= ? AND payment.created < ?",
        call.person_id,
        wire_time(start),
        wire_time(end),
    )
    chosen = _chosen(call.ledger, [row["id"] for row in rows])
    for row in rows:
        yield row, chosen.get(row["id"]) or _guess(row, call.person_id)


def tell_category(ledger: Ledger, payment_id: int) -> dict[str, Any] | None:
    """Give what was chosen for a payment, if anything was: it stands in the payment's event."""
    category = _chosen(ledger, [payment_id]).get(payment_id)
    return None if category is None else {"category": category}


def _chosen(ledger: Ledger, ids: list[int]) -> dict[int, str]:
    scopes = json.dumps([f"payment/{number}/{_CHOSEN}" for number in ids])
    rows = ledger.rows(
        "SELECT scope, item FROM thing WHERE scope IN (SELECT value FROM json_each(?))", scopes
    )
    return {int(row["scope"].split("/")[1]): json.loads(row["item"])["category"] for row in rows}


def _times(call: Call) -> tuple[datetime, datetime]:
    """Read the time that is asked for; its end is not in it."""
    now = call.ledger.clock.now()
    start = now.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    following = start.replace(year=start.year + start.month // 12, month=start.month % 12 + 1)
    asked = [
        read_moment(name, call.query[name]) if name in call.query else usual
        for name, usual in (("time_start", start), ("time_end", following))
    ]
    return asked[0], asked[1]


def _guess(row: sqlite3.Row, person_id: int) -> str:
    """Guess what a payment was for, by who got it and how."""
    if row["counter_person"] == person_id:
        return "SAVINGS"
    if row["type"] == "MASTERCARD":
        trade = json.loads(row["counter_details"]).get("merchant_category_code")
        return _BY_TRADE.get(trade, "SHOPPING")
    if row["counter_person"] is not None:
        return "FRIENDS"
    if row["cents"] > 0:
        return "INCOME"
    return "BILLS" if row["type"] in ("EBA_SDD", "EBA_SCT") else "GENERAL"


def _own(ledger: Ledger, person_id: int) -> list[sqlite3.Row]:
    return ledger.rows(
        "SELECT * FROM thing WHERE scope = ? ORDER BY id", f"user/{person_id}/{_OWN}"
    )


def _tell(
    code: str, kind: str, order: int, texts: tuple[str, str, str | None, str | None], *, number: int
) -> dict[str, Any]:
    description, translated, color, icon = texts
    return {
        "id": number,
        "category": code,
        "type": kind,
        "status": "ACTIVE",
        "order": order,
        "description": description,
        "description_translated": translated,
        "color": color,
        "icon": icon,
    }


def _tell_sum(
    category: str, currency: str, cents: list[int], own: dict[str, Any] | None
) -> dict[str, Any]:
    texts = own or dict(zip(("_", "description", "color", "icon"), SYSTEM[category], strict=True))
    values = {
        "category": category,
        "category_translated": texts["description"],
        "category_color": texts.get("color"),
        "category_icon": texts.get("icon"),
        "amount_total": amount(sum(cents), currency),
        "number_of_transactions": len(cents),
    }
    return shape("InsightCategory", values)
