"""Changing one currency into another inside the bank: a quote, and the money once it is accepted.

Source: the official description, for fields and calls. That a quote lives five minutes, the rates
and the words of states are our own. Each currency moves between the account and an exchange
outside, in one transaction, so that the books of both stay at zero.
"""

from __future__ import annotations

import sqlite3
from datetime import timedelta
from decimal import Decimal
from typing import Any

from bunqkit.sandbox import scheduled_jobs
from bunqkit.sandbox.clock import wire_time
from bunqkit.sandbox.ledger import BankLedger, Movement
from bunqkit.sandbox.refusal import refuse
from bunqkit.sandbox.resources.accounts import own_account
from bunqkit.sandbox.resources.call import Call, Item, Verbs, created
from bunqkit.sandbox.resources.generic_resources import StoredResource, collection, shown_as
from bunqkit.sandbox.resources.labels import label_account
from bunqkit.sandbox.resources.payments import book, find_counterparty, show_payment_of
from bunqkit.sandbox.resources.rates import bought, cost, rate_of
from bunqkit.sandbox.resources.rows import check_choice
from bunqkit.sandbox.resources.wire import amount, read_cents

_LIFETIME = timedelta(minutes=5)
_EXCHANGE = "Currency exchange"


def create_quote(call: Call) -> list[Item]:
    """Make a quote: what an amount costs in another currency, or brings."""
    ledger, account, body = call.ledger, own_account(call), call.body
    source, target = body["currency_source"], body["currency_target"]
    rate = rate_of(source, target)
    if source != account["currency"]:
        raise refuse(400, f'The currency of the account is not "{source}".')
    if check_choice("Order type", body["order_type"], ("SELL", "BUY")) == "SELL":
        gives = read_cents(body, "amount", source)
        gets = bought(gives, rate)
    else:
        gets = read_cents(body, "amount", target)
        gives = cost(gets, rate)
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
    quote = StoredResource.post(call, "CurrencyConversionQuote", values, secret=secret)
    scheduled_jobs.plan(ledger, "conversion quote", quote.id, expiry)
    return created(quote.id)


def update_quote(call: Call) -> list[Item]:
    """Accept a quote, which moves the money, or cancel it."""
    account, quote, status = own_account(call), StoredResource.find(call), call.body.get("status")
    if status not in ("ACCEPTED", "CANCELLED"):
        raise refuse(400, 'A quote can only be changed to status "ACCEPTED" or "CANCELLED".')
    if quote.status != "PENDING":
        raise refuse(400, f"This quote is {quote.status} and can't be changed any more.")
    if status == "ACCEPTED":
        _convert(account, quote)
    scheduled_jobs.cancel(call.ledger, "conversion quote", quote.id)
    quote.save(status=status)
    return created(quote.id)


def expire_quote(ledger: BankLedger, number: int) -> None:
    """End a quote that nobody has accepted."""
    StoredResource.read(ledger, number).save(status="EXPIRED")


def _payee(ledger: BankLedger, alias: dict[str, Any], currency: str) -> int:
    """Return the account that gets what was bought: a person's oldest one in its currency."""
    if alias["type"] not in ("EMAIL", "PHONE_NUMBER"):
        return find_counterparty(ledger, alias, currency)[0]
    query = (
        "SELECT id FROM account WHERE person_id = ? AND currency = ? AND status = 'ACTIVE' "
        "ORDER BY id LIMIT 1"
    )
    account = ledger.account_behind(alias["type"], alias["value"])
    payee = account and ledger.row(query, account["person_id"], currency)
    if not payee:
        raise refuse(400, f'No account in {currency} was found for "{alias["value"]}".')
    return int(payee["id"])


def _convert(account: sqlite3.Row, quote: StoredResource) -> None:
    ledger, item, secret = quote.ledger, quote.fields, quote.secret
    source, target = (item[name]["currency"] for name in ("amount_source", "amount_target"))
    description = f"{source} to {target} at {Decimal(item['rate']).normalize()}"
    gives, gets = (Movement(secret[name], description) for name in ("gives", "gets"))
    paid = book(ledger, account["id"], ledger.outsider(_EXCHANGE, currency=source), gives)
    got = book(ledger, ledger.outsider(_EXCHANGE, currency=target), secret["payee_id"], gets)
    values = {
        "status": "COMPLETED",
        "date_delivery_expected": wire_time(ledger.clock.now())[:10],
        "rate": item["rate"],
        "group_uuid": item["uuid"],
        "type": "INSTANT",
        "order_type": secret["order_type"],
    }
    mine = (account["id"], item["amount_source"], paid[0])
    theirs = (secret["payee_id"], item["amount_target"], got[1])
    for (account_id, gone, payment_id), (counter_id, come, _) in ((mine, theirs), (theirs, mine)):
        scope = f"monetary-account/{account_id}/currency-conversion"
        amounts = {"amount": gone, "counter_amount": come}
        ids = {"account_id": account_id, "counter_id": counter_id, "payment_id": payment_id}
        StoredResource.add(ledger, scope, "CurrencyConversion", values | amounts, secret=ids)


@shown_as("CurrencyConversion")
def _show_conversion(conversion: StoredResource) -> dict[str, Any]:
    ledger, ids = conversion.ledger, conversion.secret
    return {
        "label_monetary_account": label_account(ledger, ids["account_id"]),
        "counter_label_monetary_account": label_account(ledger, ids["counter_id"]),
        "payment": show_payment_of(ledger, ids["payment_id"])[1],
    }


RULES: dict[str, Verbs] = {
    "currency-conversion-quote": collection(
        StoredResource.show, create=create_quote, update=update_quote
    ),
    "currency-conversion": collection(_show_conversion),
}
