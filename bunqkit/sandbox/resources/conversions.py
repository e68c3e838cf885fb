"""Changing one currency into another inside the bank: a quote, and the money once it is accepted.

Source: the official description, for fields and calls. Five minutes of life, rates and the words of
states are our own. Each currency moves between the account and an exchange outside, in one
transaction, so that the books of both stay at zero.
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
from bunqkit.sandbox.refusal import refuse
from bunqkit.sandbox.resources.accounts import own_account
from bunqkit.sandbox.resources.call import Call, Item, Page, created
from bunqkit.sandbox.resources.generic_resources import (
    add_thing,
    as_placed,
    change_thing,
    find_thing,
    read_thing,
    scope_of,
    secret_of,
    status_of,
    tell_thing,
)
from bunqkit.sandbox.resources.labels import label_account
from bunqkit.sandbox.resources.payments import (
    book,
    find_counterparty,
    payment_row,
    tell_payment,
)
from bunqkit.sandbox.resources.rates import bought, cost, rate_of
from bunqkit.sandbox.resources.wire import amount, cents_of

_LIFETIME = timedelta(minutes=5)
_EXCHANGE = "Currency exchange"


def create_quote(call: Call) -> list[Item]:
    """Say what an amount costs in another currency, or brings."""
    ledger, account, body = call.ledger, own_account(call), call.body
    source, target = body["currency_source"], body["currency_target"]
    rate = rate_of(source, target)
    if source != account["currency"]:
        raise refuse(400, f'The currency of the account is not "{source}".')
    if body["order_type"] == "SELL":
        gives = cents_of(body["amount"], source, "amount")
        gets = bought(gives, rate)
    elif body["order_type"] == "BUY":
        gets = cents_of(body["amount"], target, "amount")
        gives = cost(gets, rate)
    else:
        raise refuse(400, f'Order type "{body["order_type"]}" is not valid.')
    if gets == 0:
        raise refuse(400, "This amount is too small to be converted.")
    expiry = ledger.clock.now() + _LIFETIME
    secret = {
        "gives": gives,
        "gets": gets,
        "payee_id": _payee(ledger, body["counterparty_alias"], target),
        "order_type": body["order_type"],
    }
    values = {
        "status": "PENDING",
        "amount_source": amount(gives, source),
        "amount_target": amount(gets, target),
        "rate": str(rate),
        "time_expiry": wire_time(expiry),
    }
    number = add_thing(ledger, scope_of(call), "CurrencyConversionQuote", values, secret=secret)
    scheduled_jobs.plan(ledger, "conversion quote", number, expiry)
    return created(number)


def get_quote(call: Call) -> list[Item]:
    """Give one quote."""
    row = find_thing(call, [scope_of(call)], call.ids["itemId"])
    return [("CurrencyConversionQuote", tell_thing(row, "CurrencyConversionQuote"))]


def update_quote(call: Call) -> list[Item]:
    """Accept a quote, which moves the money, or cancel it."""
    ledger, account = call.ledger, own_account(call)
    row = find_thing(call, [scope_of(call)], call.ids["itemId"])
    status, now = call.body.get("status"), status_of(row)
    if status not in ("ACCEPTED", "CANCELLED"):
        raise refuse(400, 'A quote can only be changed to status "ACCEPTED" or "CANCELLED".')
    if now != "PENDING":
        raise refuse(400, f"This quote is {now} and can't be changed any more.")
    if status == "ACCEPTED":
        _convert(ledger, account, row)
    scheduled_jobs.cancel(ledger, "conversion quote", row["id"])
    change_thing(ledger, row, {"status": status})
    return created(row["id"])


def expire_quote(ledger: Ledger, number: int) -> None:
    """End a quote that nobody has accepted."""
    change_thing(ledger, read_thing(ledger, number), {"status": "EXPIRED"})


def list_conversions(call: Call) -> Page:
    """List what was converted from or to an account, newest first."""
    own_account(call)
    return call.page("thing", "scope = ?", (scope_of(call),), tell_conversion)


def get_conversion(call: Call) -> list[Item]:
    """Give one conversion."""
    return [tell_conversion(call.ledger, find_thing(call, [scope_of(call)], call.ids["itemId"]))]


def _payee(ledger: Ledger, alias: dict[str, Any], currency: str) -> int:
    """Find whose account gets what was bought: the oldest one in its currency."""
    if alias["type"] in ("EMAIL", "PHONE_NUMBER"):
        found = ledger.account_behind(alias["type"], alias["value"])
        owned = found and ledger.row(
            "SELECT id FROM account WHERE person_id = ? AND currency = ? AND status = 'ACTIVE' "
            "ORDER BY id LIMIT 1",
            found["person_id"],
            currency,
        )
        if not owned:
            raise refuse(400, f'No account in {currency} was found for "{alias["value"]}".')
        return int(owned["id"])
    return find_counterparty(ledger, alias, currency)[0]


def _convert(ledger: Ledger, account: sqlite3.Row, quote: sqlite3.Row) -> None:
    item, secret = json.loads(quote["item"]), secret_of(quote)
    source, target = (item[name]["currency"] for name in ("amount_source", "amount_target"))
    description = f"{source} to {target} at {Decimal(item['rate']).normalize()}"
    gave = book(
        ledger,
        account["id"],
        ledger.outsider(_EXCHANGE, currency=source),
        Movement(secret["gives"], description),
    )
    got = book(
        ledger,
        ledger.outsider(_EXCHANGE, currency=target),
        secret["payee_id"],
        Movement(secret["gets"], description),
    )
    values = {
        "status": "COMPLETED",
        "date_delivery_expected": wire_time(ledger.clock.now())[:10],
        "rate": item["rate"],
        "group_uuid": item["uuid"],
        "type": "INSTANT",
        "order_type": secret["order_type"],
    }
    mine = (account["id"], item["amount_source"], gave[0])
    theirs = (secret["payee_id"], item["amount_target"], got[1])
    for (account_id, gone, payment_id), (counter_id, come, _) in ((mine, theirs), (theirs, mine)):
        add_thing(
            ledger,
            f"monetary-account/{account_id}/currency-conversion",
            "CurrencyConversion",
            values | {"amount": gone, "counter_amount": come},
            secret={
                "account_id": account_id,
                "counter_id": counter_id,
                "payment_id": payment_id,
            },
        )


@as_placed("CurrencyConversion")
def tell_conversion(ledger: Ledger, row: sqlite3.Row) -> Item:
    """Give a conversion, with what moved on the account's side."""
    secret = secret_of(row)
    values = {
        "label_monetary_account": label_account(ledger, secret["account_id"]),
        "counter_label_monetary_account": label_account(ledger, secret["counter_id"]),
        "payment": tell_payment(ledger, payment_row(ledger, secret["payment_id"]))[1],
    }
    return "CurrencyConversion", tell_thing(row, "CurrencyConversion", values)
