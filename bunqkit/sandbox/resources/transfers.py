"""Money sent abroad through Wise: a quote, somebody who gets it, and the transfer.

Source: the official description and clients for the order of the calls and the half hour that a
quote lives; Wise's public words for the states of a transfer. Rates, fee and what a recipient must
say are our own. What arrives abroad is outside the books: only the payment to Wise is in them.
"""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

from bunqkit.sandbox import scheduled_jobs
from bunqkit.sandbox.clock import wire_time
from bunqkit.sandbox.ledger import BankLedger
from bunqkit.sandbox.refusal import not_found, refuse
from bunqkit.sandbox.resources.accounts import account_to_use
from bunqkit.sandbox.resources.call import Call, Item, Verbs, created
from bunqkit.sandbox.resources.events import record
from bunqkit.sandbox.resources.facts import facts, usual
from bunqkit.sandbox.resources.generic_resources import (
    StoredResource,
    collection,
    parent_of,
    shown_as,
)
from bunqkit.sandbox.resources.labels import label_account, label_outside
from bunqkit.sandbox.resources.payments import book, transfer
from bunqkit.sandbox.resources.rates import bought, cost, rate_of
from bunqkit.sandbox.resources.rows import read_id
from bunqkit.sandbox.resources.shape import shape
from bunqkit.sandbox.resources.wire import amount, read_cents

_LIFETIME = timedelta(minutes=30)
_DELIVERY = timedelta(days=1)
_LEAST_FEE_CENTS = 50
# The kind of recipient by currency, and the keys of what it must say.
_KINDS = {
    "EUR": ("iban", ("IBAN",)),
    "GBP": ("sort_code", ("sortCode", "accountNumber")),
    "USD": ("aba", ("abartn", "accountNumber")),
}
_OTHERS = ("swift_code", ("swiftCode", "accountNumber"))


def list_currencies(_call: Call) -> list[Item]:
    """List the currencies that can be sent."""
    name = "TransferwiseCurrency"
    return [
        (name, shape(name, {"currency": currency, "name": text, "country": country}))
        for currency, (text, country, _) in facts("currencies").items()
    ]


def link_user(call: Call) -> list[Item]:
    """Link a person to Wise, once and for all; the code of Wise's is not looked at."""
    return created(_link(call.ledger, call.person_id))


def _link(ledger: BankLedger, person_id: int) -> int:
    """Link a person to Wise, unless they are linked; return the link's id."""
    scope = f"user/{person_id}/transferwise-user"
    for link in StoredResource.select(ledger, "scope = ?", scope):
        return link.id
    person = ledger.person(person_id)
    # No source shows what the field ``source`` holds; the value is our own.
    values = {"name": person["name"], "email": person["email"], "source": "BUNQ"}
    return StoredResource.add(ledger, scope, "TransferwiseUser", values).id


def create_quote(call: Call) -> list[Item]:
    """Make a quote: what arrives of an amount, or what it takes for one to arrive."""
    ledger, body = call.ledger, call.body
    source, target = body["currency_source"], body["currency_target"]
    rate, now = rate_of(source, target), ledger.clock.now()
    values: dict[str, Any] = {
        "quote_id": str(ledger.chance("quote", ledger.next_id("draw")).randrange(10**8, 10**9)),
        "rate": str(rate),
        "time_expiry": wire_time(now + _LIFETIME),
        "time_delivery_estimate": wire_time(now + _DELIVERY),
    }
    secret = {"source": source, "target": target, "gives": None, "status": "OPEN"}
    amounts = _amounts(body, rate)
    if amounts is not None:
        gives, gets, fee = amounts
        secret["gives"] = gives
        values |= {
            "amount_source": amount(gives, source),
            "amount_target": amount(gets, target),
            "amount_fee": amount(fee, source),
        }
    _link(ledger, call.person_id)
    quote = StoredResource.post(call, "TransferwiseQuote", values, secret=secret)
    scheduled_jobs.plan(ledger, "transfer quote", quote.id, now + _LIFETIME)
    return created(quote.id)


def _amounts(body: dict[str, Any], rate: Decimal) -> tuple[int, int, int] | None:
    """Return the cents that leave, that arrive and the fee; ``None`` if only the rate is asked."""
    source, target = body.get("amount_source"), body.get("amount_target")
    if source is not None and target is not None:
        raise refuse(400, 'Use either "amount_source" or "amount_target", not both.')
    if source is not None:
        gives = read_cents(body, "amount_source", body["currency_source"])
        fee = max(_LEAST_FEE_CENTS, -(-gives * 5 // 1000))
        gets = bought(gives - fee, rate)
    elif target is not None:
        gets = read_cents(body, "amount_target", body["currency_target"])
        net = cost(gets, rate)
        fee = max(_LEAST_FEE_CENTS, -(-net * 5 // 995))
        gives = net + fee
    else:
        return None
    if gets <= 0:
        raise refuse(400, "This amount is too small to be sent.")
    return gives, gets, fee


def expire_quote(ledger: BankLedger, number: int) -> None:
    """End a quote: it can be read, and not be paid any more."""
    _set_quote(StoredResource.read(ledger, number), "EXPIRED")


def list_requirements(call: Call) -> list[Item]:
    """Return what a recipient of the quote's currency must tell."""
    kind, keys = _kind(_quote(call))
    fields = [
        {"name": key, "group": {"key": key, "type": "text", "name": key, "required": True}}
        for key in keys
    ]
    values = {"type": kind, "label": kind.replace("_", " ").capitalize(), "fields": fields}
    return [("TransferwiseRequirement", shape("TransferwiseRequirement", values))]


def check_requirement(call: Call) -> list[Item]:
    """Check what a recipient tells; nothing is kept."""
    _check_recipient(_quote(call), call.body)
    return created(call.ledger.next_id("thing"))


def create_recipient(call: Call) -> list[Item]:
    """Write down a recipient."""
    quote, body = _quote(call), call.body
    *codes, number = _check_recipient(quote, body)
    currency = _target(quote)
    values = {
        "account_id": str(call.ledger.next_id("draw") + 10**6),
        "currency": currency,
        "country": body.get("country") or facts("currencies")[currency][1],
        "name_account_holder": body["name_account_holder"],
        "account_number": number,
        "bank_code": codes[0] if codes else None,
    }
    return created(StoredResource.post(call, "TransferwiseRecipient", values).id)


def list_recipients(call: Call) -> list[Item]:
    """List the recipients of the quote's currency, newest first."""
    return [recipient.show() for recipient in _recipients(call, _quote(call))[::-1]]


def check_transfer(call: Call) -> list[Item]:
    """Check that the recipient exists; nothing more is asked here."""
    _recipient(call, _quote(call))
    return created(call.ledger.next_id("thing"))


def create_transfer(call: Call) -> list[Item]:
    """Pay a quote, once and before it expires."""
    ledger, quote = call.ledger, _quote(call)
    secret, item = quote.secret, quote.fields
    if secret["gives"] is None:
        raise refuse(400, "This quote is for no amount and can't be paid.")
    if secret["status"] != "OPEN":
        raise refuse(400, f"This quote is {secret['status']} and can't be paid any more.")
    account = account_to_use(call, call.body["monetary_account_id"])
    recipient = _recipient(call, quote).fields
    if account["currency"] != secret["source"]:
        raise refuse(400, f'The currency of the account is not "{secret["source"]}".')
    name = recipient["name_account_holder"]
    wise = ledger.outsider("Wise", currency=secret["source"])
    book(ledger, account["id"], wise, transfer(secret["gives"], f"To {name}", outside=True))
    _set_quote(quote, "PAID")
    names = ("amount_source", "amount_target", "rate", "time_delivery_estimate")
    values = usual("TransferwisePayment") | {field: item[field] for field in names}
    values |= {"reference": f"To {name}", "pay_in_reference": item["quote_id"]}
    ids = {"account_id": account["id"], "quote_id": quote.id}
    number = StoredResource.post(
        call,
        "TransferwisePayment",
        values,
        secret=ids | {"name": name, "country": recipient["country"]},
    ).id
    record(ledger, account["id"], "TransferwisePayment", number)
    scheduled_jobs.plan(ledger, "transfer", number, ledger.clock.now() + _DELIVERY)
    return created(number)


def arrive(ledger: BankLedger, number: int) -> None:
    """Complete a transfer: the money has arrived."""
    payment = StoredResource.read(ledger, number)
    payment.save(status="COMPLETED", status_transferwise="outgoing_payment_sent")
    record(ledger, payment.secret["account_id"], "TransferwisePayment", number)


def _quote(call: Call) -> StoredResource:
    """Return the quote in the path; that it exists is checked with the path."""
    return StoredResource.read(call.ledger, int(parent_of(call)[1]))


def _set_quote(quote: StoredResource, status: str) -> None:
    scheduled_jobs.cancel(quote.ledger, "transfer quote", quote.id)
    quote.secret["status"] = status
    quote.save()


def _kind(quote: StoredResource) -> tuple[str, tuple[str, ...]]:
    return _KINDS.get(_target(quote), _OTHERS)


def _target(quote: StoredResource) -> str:
    """Return the currency that arrives; a quote that was put there by hand has none."""
    return str(quote.hidden.get("target", "EUR"))


def _check_recipient(quote: StoredResource, body: dict[str, Any]) -> list[str]:
    """Check what a recipient tells; return it in the order of the keys."""
    kind, keys = _kind(quote)
    if body["type"] != kind:
        raise refuse(400, f'The type of this recipient must be "{kind}".')
    details = {detail["key"]: detail["value"] for detail in body.get("detail") or []}
    for key in keys:
        if not details.get(key):
            raise refuse(400, f'Missing required detail "{key}".')
    return [details[key] for key in keys]


def _recipients(call: Call, quote: StoredResource) -> list[StoredResource]:
    """List the recipients of the quote's currency, written down for this quote or another."""
    condition = "scope LIKE ? AND json_extract(item, '$.currency') = ?"
    scope = f"user/{call.person_id}/transferwise-quote/%/transferwise-recipient"
    return StoredResource.select(call.ledger, condition, scope, _target(quote))


def _recipient(call: Call, quote: StoredResource) -> StoredResource:
    number = call.body["recipient_id"]
    for recipient in _recipients(call, quote):
        if recipient.id == read_id(number):
            return recipient
    raise not_found("Transferwise recipient", number)


@shown_as("TransferwisePayment")
def show_transfer(payment: StoredResource) -> dict[str, Any]:
    """Return a transfer with its quote."""
    secret, ledger = payment.secret, payment.ledger
    return {
        "alias": label_account(ledger, secret["account_id"]),
        "counterparty_alias": label_outside(secret["name"], country=secret["country"]),
        "quote": StoredResource.read(ledger, secret["quote_id"]).show("TransferwiseQuote")[1],
    }


RULES: dict[str, Verbs] = {
    "transferwise-currency": {"list": list_currencies},
    "transferwise-user": {"create": link_user},
    "transferwise-quote": {"create": create_quote},
    "transferwise-quote-temporary": {"create": create_quote},
    "transferwise-quote.transferwise-recipient-requirement": {
        "list": list_requirements,
        "create": check_requirement,
    },
    "transferwise-quote.transferwise-recipient": {
        "list": list_recipients,
        "create": create_recipient,
    },
    "transferwise-quote.transferwise-transfer-requirement": {"create": check_transfer},
    "transferwise-quote.transferwise-transfer": collection(show_transfer, create=create_transfer),
}
