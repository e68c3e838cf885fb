"""Payment links (bunq.me): made, paid by whoever has the link, cancelled, expired.

Source: bunq docs, "bunq.me tab"; a capture of 2017 for the expiry after 30 days. A link can be paid
more than once. bunq has no call to pay one: ``Bank.pay_tab`` and the control desk do.
"""

from __future__ import annotations

import json
import sqlite3
from datetime import timedelta
from typing import Any

from bunqkit.sandbox import scheduled_jobs
from bunqkit.sandbox.clock import wire_time
from bunqkit.sandbox.ledger import Ledger, Movement
from bunqkit.sandbox.refusal import not_found, refuse
from bunqkit.sandbox.resources.accounts import own_account
from bunqkit.sandbox.resources.call import Call, Item, Page, created
from bunqkit.sandbox.resources.events import notify, record
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
from bunqkit.sandbox.resources.labels import label_account
from bunqkit.sandbox.resources.payments import book, check_description, payment_row, tell_payment
from bunqkit.sandbox.resources.shape import shape
from bunqkit.sandbox.resources.wire import amount, cents_of

_LIFETIME = timedelta(days=30)
_MERCHANTS = ("IDEAL", "SOFORT", "BANCONTACT")


def list_tabs(call: Call) -> Page:
    """List the links of an account, newest first."""
    return call.page("thing", "scope = ?", (scope_of(call),), tell_tab)


def get_tab(call: Call) -> list[Item]:
    """Give one link, with what was paid by it."""
    return [tell_tab(call.ledger, find_thing(call, [scope_of(call)], call.ids["itemId"]))]


def create_tab(call: Call) -> list[Item]:
    """Make a link; a ``status`` that is sent is not looked at."""
    ledger, account, entry = call.ledger, own_account(call), call.body["bunqme_tab_entry"]
    told = entry.get("amount_inquired")
    cents = None if told is None else cents_of(told, account["currency"], "amount_inquired")
    check_description(entry.get("description") or "", outside=False)
    expiry = ledger.clock.now() + _LIFETIME
    secret = {"account_id": account["id"], "cents": cents, "entry": entry, "paid": []}
    values = {"status": "WAITING_FOR_PAYMENT", "time_expiry": wire_time(expiry)}
    number = add_thing(ledger, scope_of(call), "BunqMeTab", values, secret=secret)
    scheduled_jobs.plan(ledger, "tab", number, expiry)
    _tell_all(ledger, number, (("BUNQME_TAB", "BUNQME_TAB_CREATED"),))
    return created(number)


def update_tab(call: Call) -> list[Item]:
    """Cancel a link that waits: the one change that it takes."""
    own_account(call)
    row = find_thing(call, [scope_of(call)], call.ids["itemId"])
    if call.body.get("status") != "CANCELLED":
        raise refuse(400, 'A bunq.me tab can only be changed to status "CANCELLED".')
    _insist_open(row)
    end_tab(call.ledger, row, "CANCELLED")
    return created(row["id"])


def expire_tab(ledger: Ledger, number: int) -> None:
    """End a link that nobody needs any more."""
    end_tab(ledger, read_thing(ledger, number), "EXPIRED")


def end_tab(ledger: Ledger, row: sqlite3.Row, status: str) -> None:
    """Have a link lead nowhere from now on."""
    scheduled_jobs.cancel(ledger, "tab", row["id"])
    rewrite_thing(ledger, row, {"status": status}, secret=secret_of(row))
    _tell_all(ledger, row["id"], (("BUNQME_TAB", f"BUNQME_TAB_{status}"),))


def pay_tab(
    ledger: Ledger,
    number: int,
    *,
    cents: int | None = None,
    name: str = "J. de Vries",
    account_id: int | None = None,
) -> int:
    """Pay by a link, as somebody with iDEAL or from an account of the bank; give the payment's id.

    Parameters
    ----------
    ledger, number
        Which link.
    cents
        How much; needed if the link does not say it.
    name, account_id
        Who pays: somebody outside of that name, or an account of the bank.
    """
    row = ledger.row("SELECT * FROM thing WHERE id = ? AND type = 'BunqMeTab'", number)
    if row is None:
        raise not_found("Bunqme tab", number)
    secret = secret_of(row)
    _insist_open(row)
    cents = secret["cents"] if cents is None else cents
    if type(cents) is not int or cents <= 0:
        raise refuse(400, "This bunq.me tab does not say how much. Say it, in cents.")
    currency = ledger.account(secret["account_id"])["currency"]
    payer = ledger.outsider(name, currency=currency) if account_id is None else account_id
    kind = "IDEAL" if account_id is None else "BUNQ"
    description = secret["entry"].get("description") or ""
    sides = book(ledger, payer, secret["account_id"], Movement(cents, description, type=kind))
    secret["paid"].append(sides[1])
    rewrite_thing(ledger, row, {}, secret=secret)
    # The name of this event is our own.
    _tell_all(
        ledger, number, (("TAB_RESULT", "BUNQME_TAB_PAID"), ("BUNQME_TAB", "BUNQME_TAB_PAID"))
    )
    if account_id is not None:
        scope = f"monetary-account/{account_id}/bunqme-tab-result-response"
        kept = {"payment_id": sides[0]}
        result = add_thing(ledger, scope, "BunqMeTabResultResponse", {}, secret=kept)
        record(ledger, account_id, "BunqMeTabResultResponse", result)
    return sides[1]


def get_result(call: Call) -> list[Item]:
    """Give what was paid by somebody's link from one's own account."""
    return [tell_result(call.ledger, find_thing(call, [scope_of(call)], call.ids["itemId"]))]


def _insist_open(row: sqlite3.Row) -> None:
    status = status_of(row)
    if status != "WAITING_FOR_PAYMENT":
        raise refuse(400, f"This bunq.me tab is {status} and leads nowhere any more.")


def _tell_all(ledger: Ledger, number: int, notices: tuple[tuple[str, str], ...]) -> None:
    row = read_thing(ledger, number)
    account_id = secret_of(row)["account_id"]
    record(ledger, account_id, "BunqMeTab", number)
    notify(ledger, account_id, number, notices, lambda: tell_tab(ledger, row))


@as_placed("BunqMeTab")
def tell_tab(ledger: Ledger, row: sqlite3.Row) -> Item:
    """Give a link, with what was paid by it."""
    item, secret = json.loads(row["item"]), secret_of(row)
    account = ledger.account(secret["account_id"])
    alias, currency = label_account(ledger, account["id"]), account["currency"]
    cents = secret["cents"]
    entry: dict[str, Any] = shape(
        "BunqMeTabEntry",
        secret["entry"]
        | {
            "uuid": item["uuid"],
            "created": row["created"],
            "updated": row["updated"],
            "amount_inquired": None if cents is None else amount(cents, currency),
            "alias": alias,
            "status": item["status"],
            "merchant_available": [
                {"merchant_type": kind, "available": kind == "IDEAL"} for kind in _MERCHANTS
            ],
        },
    )
    values = {
        "monetary_account_id": account["id"],
        "type": "BUNQ_ME",
        "alias_monetary_account": alias,
        "bunqme_tab_share_url": f"https://bunq.me/t/{item['uuid']}",
        "bunqme_tab_entry": entry,
        "bunqme_tab_entries": [entry],
        "result_inquiries": [
            {
                "payment": tell_payment(ledger, payment_row(ledger, paid))[1],
                "bunq_me_tab_id": row["id"],
            }
            for paid in secret["paid"]
        ],
    }
    return "BunqMeTab", tell_thing(row, "BunqMeTab", values)


@as_placed("BunqMeTabResultResponse")
def tell_result(ledger: Ledger, row: sqlite3.Row) -> Item:
    """Give what was paid by a link, as the payer sees it."""
    payment = tell_payment(ledger, payment_row(ledger, secret_of(row)["payment_id"]))[1]
    name = "BunqMeTabResultResponse"
    return name, tell_thing(row, name, {"payment": payment})
