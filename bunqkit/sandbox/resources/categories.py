"""What payments are for: a category for each, the bank's own or the user's, and sums by category.

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
from bunqkit.sandbox.ledger import BankLedger
from bunqkit.sandbox.refusal import not_found, refuse
from bunqkit.sandbox.resources.call import Call, Item, Verbs, created
from bunqkit.sandbox.resources.facts import facts
from bunqkit.sandbox.resources.generic_resources import StoredResource
from bunqkit.sandbox.resources.shape import shape
from bunqkit.sandbox.resources.wire import amount, read_moment

_NAME = "AdditionalTransactionInformationCategory"
_OWN = "additional-transaction-information-category-user-defined"
_CHOSEN = "additional-transaction-information"
_TEXTS = ("description", "description_translated", "color", "icon")


def list_categories(call: Call) -> list[Item]:
    """List the bank's categories and the person's own, in their order."""
    categories = [
        {"id": order, "category": code, "type": "SYSTEM", "status": "ACTIVE", "order": order}
        | dict(zip(_TEXTS, texts, strict=True))
        for order, (code, texts) in enumerate(facts("categories").items(), 1)
    ]
    for order, own in enumerate(_own(call.ledger, call.person_id), len(categories) + 1):
        more = {"id": own.id, "type": "USER_DEFINED", "order": order}
        text = {"description_translated": own.fields["description"]}
        categories.append(own.fields | text | more)
    return [(_NAME, shape(_NAME, category)) for category in categories]


def create_category(call: Call) -> list[Item]:
    """Make a category of one's own, or change the one of that name.

    Any status but ACTIVE means that it is not in use: no source names the others.
    """
    ledger, body = call.ledger, call.sent
    code = body.get("category")
    for own in _own(ledger, call.person_id):
        if own.fields["category"] == code:
            own.save(**body)
            return created(own.id)
    if code in facts("categories"):
        raise refuse(400, f'The category "{code}" is one of the bank\'s.')
    values = body | {
        "category": code or f"USER_DEFINED_{ledger.next_id('draw')}",
        "description": body.get("description") or code or "A category",
    }
    return created(StoredResource.post(call, _NAME, values).id)


def categorise(ledger: BankLedger, payment_id: int, category: str) -> None:
    """Put a payment into a category: the bank's, or an active one of the account's owner."""
    payment = ledger.row("SELECT account_id FROM payment WHERE id = ?", payment_id)
    owner_id = ledger.account(payment["account_id"])["person_id"] if payment else None
    if owner_id is None:
        raise not_found("Payment", payment_id)
    own = [row.fields["category"] for row in _own(ledger, owner_id) if row.status == "ACTIVE"]
    known = {*facts("categories"), *own}
    if category not in known:
        raise refuse(400, f'There is no category "{category}". There are: {sorted(known)}.')
    scope = f"payment/{payment_id}/{_CHOSEN}"
    ledger.execute("DELETE FROM thing WHERE scope = ?", scope)
    StoredResource.add(ledger, scope, _NAME, {"category": category})


def list_insights(call: Call) -> list[Item]:
    """List the sum of each category and currency in a period, by default the current month.

    Every payment of a person's accounts is in one of them.
    """
    sums: dict[tuple[str, str], list[int]] = {}
    for row, category in payments_between(call):
        sums.setdefault((category, row["currency"]), []).append(row["cents"])
    own = {row.fields["category"]: row.fields for row in _own(call.ledger, call.person_id)}
    return [
        ("InsightCategory", _show_sum(category, currency, cents, own.get(category)))
        for (category, currency), cents in sorted(sums.items())
    ]


def payments_between(call: Call) -> Iterable[tuple[sqlite3.Row, str]]:
    """Return the payments of a person in the asked period, each with its category."""
    query = (
        "SELECT payment.*, counter.person_id AS counter_person, counter.details AS counter_details "
        "FROM account CROSS JOIN payment ON account_id = account.id "
        "JOIN account AS counter ON counter.id = counter_id "
        "WHERE account.person_id = ? AND payment.created >= ? AND payment.created < ?"
    )
    rows = call.ledger.rows(query, call.person_id, *map(wire_time, _period(call)))
    chosen = _chosen(call.ledger, [row["id"] for row in rows])
    return [(row, chosen.get(row["id"]) or _guess(row, call.person_id)) for row in rows]


def chosen_category(ledger: BankLedger, payment_id: int) -> str | None:
    """Return the category that was chosen for a payment, if any."""
    return _chosen(ledger, [payment_id]).get(payment_id)


def _chosen(ledger: BankLedger, ids: list[int]) -> dict[int, str]:
    scopes = json.dumps([f"payment/{number}/{_CHOSEN}" for number in ids])
    choices = StoredResource.select(ledger, "scope IN (SELECT value FROM json_each(?))", scopes)
    return {int(choice.scope.split("/")[1]): choice.fields["category"] for choice in choices}


def _period(call: Call) -> tuple[datetime, datetime]:
    """Return the period that is asked for, without its end; by default the current month."""
    start = call.ledger.clock.now().replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    end = start.replace(year=start.year + start.month // 12, month=start.month % 12 + 1)
    if "time_start" in call.query:
        start = read_moment("time_start", call.query["time_start"])
    if "time_end" in call.query:
        end = read_moment("time_end", call.query["time_end"])
    return start, end


def _guess(row: sqlite3.Row, person_id: int) -> str:
    """Guess the category of a payment from the other side and the way it was paid."""
    if row["counter_person"] == person_id:
        return "SAVINGS"
    if row["type"] == "MASTERCARD":
        trade = json.loads(row["counter_details"]).get("merchant_category_code")
        return str(facts("trades").get(trade, "SHOPPING"))
    if row["counter_person"] is not None:
        return "FRIENDS"
    if row["cents"] > 0:
        return "INCOME"
    return "BILLS" if row["type"] in ("EBA_SDD", "EBA_SCT") else "GENERAL"


def _own(ledger: BankLedger, person_id: int) -> list[StoredResource]:
    return StoredResource.select(ledger, "scope = ?", f"user/{person_id}/{_OWN}")


def _show_sum(
    category: str, currency: str, cents: list[int], own: dict[str, Any] | None
) -> dict[str, Any]:
    if own is None:
        text, _, color, icon = facts("categories")[category]
        own = {"description": text, "color": color, "icon": icon}
    values = {
        "category": category,
        "category_translated": own["description"],
        "category_color": own.get("color"),
        "category_icon": own.get("icon"),
        "amount_total": amount(sum(cents), currency),
        "number_of_transactions": len(cents),
    }
    return shape("InsightCategory", values)


RULES: dict[str, Verbs] = {
    "insights": {"list": list_insights},
    "additional-transaction-information-category": {"list": list_categories},
    "additional-transaction-information-category-user-defined": {"create": create_category},
}
