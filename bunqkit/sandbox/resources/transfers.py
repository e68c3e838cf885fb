"""Money sent abroad through Wise: a quote, somebody who gets it, and the transfer.

Source: the official description and clients for the order of the calls and the half hour that a
quote lives; Wise's public words for the states of a transfer. Rates, fee and what a recipient must
say are our own. What arrives abroad is outside the books: only the payment to Wise is in them.
"""

from __future__ import annotations

import json
import sqlite3
from datetime import timedelta
from decimal import Decimal
from typing import Any

from bunqkit.sandbox import scheduled_jobs
from bunqkit.sandbox.clock import wire_time
from bunqkit.sandbox.ledger import Ledger, Movement
from bunqkit.sandbox.refusal import not_found, refuse
from bunqkit.sandbox.resources.call import Call, Item, Page, created, read_id
from bunqkit.sandbox.resources.events import record
from bunqkit.sandbox.resources.generic_resources import (
    add_thing,
    as_placed,
    change_thing,
    find_thing,
    parent_of,
    read_thing,
    rewrite_thing,
    scope_of,
    secret_of,
    tell_thing,
)
from bunqkit.sandbox.resources.labels import label_account, label_outside
from bunqkit.sandbox.resources.payments import book
from bunqkit.sandbox.resources.rates import CURRENCIES, bought, cost, rate_of
from bunqkit.sandbox.resources.shape import shape
from bunqkit.sandbox.resources.wire import amount, cents_of

_LIFETIME = timedelta(minutes=30)
_DELIVERY = timedelta(days=1)
_LEAST_FEE = 50
# Kind of recipient by currency, and the keys of what it must say.
_KINDS = {
    "EUR": ("iban", ("IBAN",)),
    "GBP": ("sort_code", ("sortCode", "accountNumber")),
    "USD": ("aba", ("abartn", "accountNumber")),
}
_OTHERS = ("swift_code", ("swiftCode", "accountNumber"))


def list_currencies(_call: Call) -> list[Item]:
    """Give the currencies that can be sent."""
    name = "TransferwiseCurrency"
    return [
        (name, shape(name, {"currency": currency, "name": told, "country": country}))
        for currency, (told, country, _) in CURRENCIES.items()
    ]


def link_user(call: Call) -> list[Item]:
    """Link a person to Wise, once and for all; the code of Wise's is not looked at."""
    return created(_link(call.ledger, call.person_id))


def _link(ledger: Ledger, person_id: int) -> int:
    """Have a person be linked to Wise; give the link's id."""
    scope = f"user/{person_id}/transferwise-user"
    known = ledger.row("SELECT id FROM thing WHERE scope = ?", scope)
    if known is not None:
        return int(known["id"])
    person = ledger.person(person_id)
    # No source shows what a source is.
    values = {"name": person["name"], "email": person["email"], "source": "BUNQ"}
    return add_thing(ledger, scope, "TransferwiseUser", values)


def create_quote(call: Call) -> list[Item]:
    """Say what arrives of an amount, or what it takes for one to arrive."""
    ledger, body = call.ledger, call.body
    source, target = body["currency_source"], body["currency_target"]
    rate, now = rate_of(source, target), ledger.clock.now()
    values: dict[str, Any] = {
        "quote_id": str(ledger.chance("quote", ledger.next_id("draw")).randrange(10**8, 10**9)),
        "rate": str(rate),
        "time_expiry": wire_time(now + _LIFETIME),
        "time_delivery_estimate": wire_time(now + _DELIVERY),
    }
    amounts = _amounts(body, rate)
    if amounts is not None:
        gives, gets, fee = amounts
        values |= {
            "amount_source": amount(gives, source),
            "amount_target": amount(gets, target),
            "amount_fee": amount(fee, source),
        }
    secret = {
        "source": source,
        "target": target,
        "gives": amounts and amounts[0],
        "status": "OPEN",
    }
    _link(ledger, call.person_id)
    number = add_thing(ledger, scope_of(call), "TransferwiseQuote", values, secret=secret)
    scheduled_jobs.plan(ledger, "transfer quote", number, now + _LIFETIME)
    return created(number)


def _amounts(body: dict[str, Any], rate: Decimal) -> tuple[int, int, int] | None:
    """Give what leaves, what arrives and the fee in between; nothing if only the rate is asked."""
    told_source, told_target = body.get("amount_source"), body.get("amount_target")
    if told_source is not None and told_target is not None:
        raise refuse(400, 'Use either "amount_source" or "amount_target", not both.')
    if told_source is not None:
        gives = cents_of(told_source, body["currency_source"], "amount_source")
        fee = max(_LEAST_FEE, -(-gives * 5 // 1000))
        gets = bought(gives - fee, rate)
    elif told_target is not None:
        gets = cents_of(told_target, body["currency_target"], "amount_target")
        net = cost(gets, rate)
        fee = max(_LEAST_FEE, -(-net * 5 // 995))
        gives = net + fee
    else:
        return None
    if gets <= 0:
        raise refuse(400, "This amount is too small to be sent.")
    return gives, gets, fee


def expire_quote(ledger: Ledger, number: int) -> None:
    """End a quote: it can be read, and not be paid any more."""
    _set_quote(ledger, read_thing(ledger, number), "EXPIRED")


def list_requirements(call: Call) -> list[Item]:
    """Say what a recipient of the quote's currency must tell."""
    kind, keys = _kind(_quote(call))
    fields = [
        {"name": key, "group": {"key": key, "type": "text", "name": key, "required": True}}
        for key in keys
    ]
    values = {"type": kind, "label": kind.replace("_", " ").capitalize(), "fields": fields}
    return [("TransferwiseRequirement", shape("TransferwiseRequirement", values))]


def check_requirement(call: Call) -> list[Item]:
    """Insist that a recipient would do; nothing is kept."""
    _check_recipient(_quote(call), call.body)
    return created(call.ledger.next_id("thing"))


def create_recipient(call: Call) -> list[Item]:
    """Write down who gets it."""
    quote, body = _quote(call), call.body
    told = _check_recipient(quote, body)
    currency = _target(quote)
    *codes, number = told.values()
    values = {
        "account_id": str(call.ledger.next_id("draw") + 10**6),
        "currency": currency,
        "country": body.get("country") or CURRENCIES[currency][1],
        "name_account_holder": body["name_account_holder"],
        "account_number": number,
        "bank_code": codes[0] if codes else None,
    }
    scope = scope_of(call)
    return created(add_thing(call.ledger, scope, "TransferwiseRecipient", values))


def list_recipients(call: Call) -> list[Item]:
    """List those of the currency that a person has sent to, newest first."""
    rows = call.ledger.rows(
        "SELECT * FROM thing WHERE scope LIKE ? AND json_extract(item, '$.currency') = ? "
        "ORDER BY id DESC",
        f"user/{call.person_id}/transferwise-quote/%/transferwise-recipient",
        _target(_quote(call)),
    )
    return [(row["type"], tell_thing(row, row["type"])) for row in rows]


def check_transfer(call: Call) -> list[Item]:
    """Insist that the recipient is there; nothing more is asked here."""
    _recipient(call, _quote(call), call.body["recipient_id"])
    return created(call.ledger.next_id("thing"))


def create_transfer(call: Call) -> list[Item]:
    """Pay a quote, once and while it lives."""
    ledger, quote = call.ledger, _quote(call)
    kept = secret_of(quote)
    if kept["gives"] is None:
        raise refuse(400, "This quote is for no amount and can't be paid.")
    if kept["status"] != "OPEN":
        raise refuse(400, f"This quote is {kept['status']} and can't be paid any more.")
    account = _account(call, call.body["monetary_account_id"])
    recipient = json.loads(_recipient(call, quote, call.body["recipient_id"])["item"])
    if account["currency"] != kept["source"]:
        raise refuse(400, f'The currency of the account is not "{kept["source"]}".')
    name = recipient["name_account_holder"]
    movement = Movement(kept["gives"], f"To {name}", type="EBA_SCT", sub_type="SCT")
    book(ledger, account["id"], ledger.outsider("Wise", currency=kept["source"]), movement)
    _set_quote(ledger, quote, "PAID")
    item = json.loads(quote["item"])
    values = {
        "status": "PENDING",
        "sub_status": "NONE",
        "status_transferwise": "processing",
        "reference": f"To {name}",
        "pay_in_reference": item["quote_id"],
    }
    values |= {n: item[n] for n in ("amount_source", "amount_target", "rate")}
    values["time_delivery_estimate"] = item["time_delivery_estimate"]
    secret = {
        "account_id": account["id"],
        "quote_id": quote["id"],
        "name": name,
        "country": recipient["country"],
    }
    number = add_thing(ledger, scope_of(call), "TransferwisePayment", values, secret=secret)
    record(ledger, account["id"], "TransferwisePayment", number)
    scheduled_jobs.plan(ledger, "transfer", number, ledger.clock.now() + _DELIVERY)
    return created(number)


def arrive(ledger: Ledger, number: int) -> None:
    """Have a transfer arrive."""
    row = read_thing(ledger, number)
    values = {"status": "COMPLETED", "status_transferwise": "outgoing_payment_sent"}
    change_thing(ledger, row, values)
    record(ledger, secret_of(row)["account_id"], "TransferwisePayment", number)


def list_transfers(call: Call) -> Page:
    """List the transfer of a quote."""
    return call.page("thing", "scope = ?", (scope_of(call),), tell_transfer)


def get_transfer(call: Call) -> list[Item]:
    """Give one transfer."""
    return [tell_transfer(call.ledger, find_thing(call, [scope_of(call)], call.ids["itemId"]))]


def _quote(call: Call) -> sqlite3.Row:
    """Read the quote that the path names; that it is there was insisted on with the path."""
    return read_thing(call.ledger, int(parent_of(call)[1]))


def _set_quote(ledger: Ledger, row: sqlite3.Row, status: str) -> None:
    scheduled_jobs.cancel(ledger, "transfer quote", row["id"])
    rewrite_thing(ledger, row, {}, secret=secret_of(row) | {"status": status})


def _kind(quote: sqlite3.Row) -> tuple[str, tuple[str, ...]]:
    return _KINDS.get(_target(quote), _OTHERS)


def _target(quote: sqlite3.Row) -> str:
    """Give the currency that arrives; one that was put there by hand says none."""
    return str(json.loads(quote["secret"]).get("target", "EUR"))


def _check_recipient(quote: sqlite3.Row, body: dict[str, Any]) -> dict[str, str]:
    kind, keys = _kind(quote)
    if body["type"] != kind:
        raise refuse(400, f'The type of this recipient must be "{kind}".')
    told = {each["key"]: each["value"] for each in body.get("detail") or []}
    for key in keys:
        if not told.get(key):
            raise refuse(400, f'Missing required detail "{key}".')
    return {key: told[key] for key in keys}


def _recipient(call: Call, quote: sqlite3.Row, number: object) -> sqlite3.Row:
    """Find a recipient of the quote's currency, written down for this quote or another."""
    row = call.ledger.row(
        "SELECT * FROM thing WHERE id = ? AND scope LIKE ? "
        "AND json_extract(item, '$.currency') = ?",
        read_id(str(number)),
        f"user/{call.person_id}/transferwise-quote/%/transferwise-recipient",
        _target(quote),
    )
    if row is None:
        raise not_found("Transferwise recipient", number)
    return row


def _account(call: Call, number: object) -> sqlite3.Row:
    row = call.ledger.row(
        "SELECT * FROM account WHERE id = ? AND person_id = ?", read_id(str(number)), call.person_id
    )
    if row is None:
        raise not_found("Monetary account", number)
    return row


@as_placed("TransferwisePayment")
def tell_transfer(ledger: Ledger, row: sqlite3.Row) -> Item:
    """Give a transfer with its quote."""
    secret = secret_of(row)
    quote = read_thing(ledger, secret["quote_id"])
    values = {
        "alias": label_account(ledger, secret["account_id"]),
        "counterparty_alias": label_outside(secret["name"], country=secret["country"]),
        "quote": tell_thing(quote, "TransferwiseQuote"),
    }
    return "TransferwisePayment", tell_thing(row, "TransferwisePayment", values)
