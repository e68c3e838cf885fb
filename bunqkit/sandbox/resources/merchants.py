"""Money that somebody adds to an account by iDEAL or Sofort.

Source: the official description, for fields and for what is asked; iDEAL's public protocol, for the
half hour that a transaction lives and the words of its states, in bunq's capitals. bunq has no call
to pay one, and none any more to begin one with Sofort: ``Bank.pay_ideal``, ``Bank.pay_sofort`` and
the control desk do.
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
from bunqkit.sandbox.resources.payments import MERCHANT, book
from bunqkit.sandbox.resources.wire import amount, cents_of

_IDEAL = "IdealMerchantTransaction"
_SOFORT = "SofortMerchantTransaction"
_LIFETIME = timedelta(minutes=30)
# By their BIC, the banks from which people outside pay.
_ISSUERS = {
    "ABNANL2A": "ABN AMRO",
    "INGBNL2A": "ING",
    "RABONL2U": "Rabobank",
    "TRIONL2U": "Triodos Bank",
}


def list_transactions(call: Call) -> Page:
    """List what was to be added to an account by one of the two ways, newest first."""
    return call.page("thing", "scope = ?", (scope_of(call),), tell_transaction)


def get_transaction(call: Call) -> list[Item]:
    """Give one transaction, with who paid it."""
    row = find_thing(call, [scope_of(call)], call.ids["itemId"])
    return [tell_transaction(call.ledger, row)]


def create_ideal(call: Call) -> list[Item]:
    """Begin to add money by iDEAL: what is made has the page to pay at."""
    ledger, account, body = call.ledger, own_account(call), call.body
    for name in ("amount_requested", "issuer"):
        if body.get(name) is None:
            raise refuse(400, f'Missing required field "{name}".')
    if body["issuer"] not in _ISSUERS:
        known = ", ".join(_ISSUERS)
        raise refuse(400, f'"{body["issuer"]}" is not the BIC of an issuer. There are: {known}.')
    cents = cents_of(body["amount_requested"], account["currency"], "amount_requested")
    number = _add(ledger, account, _IDEAL, cents, body["issuer"])
    scheduled_jobs.plan(ledger, "ideal", number, ledger.clock.now() + _LIFETIME)
    record(ledger, account["id"], _IDEAL, number)
    return created(number)


def pay_ideal(ledger: Ledger, number: int, *, name: str = "J. de Vries") -> int:
    """Pay a transaction that waits, as somebody outside; give the payment's id."""
    row = ledger.row("SELECT * FROM thing WHERE id = ? AND type = ?", number, _IDEAL)
    if row is None:
        raise not_found("Ideal merchant transaction", number)
    status = secret_of(row) and status_of(row)
    if status != "OPEN":
        raise refuse(400, f"This transaction is {status} and can't be paid any more.")
    scheduled_jobs.cancel(ledger, "ideal", number)
    return _pay(ledger, row, name)


def pay_sofort(ledger: Ledger, account_id: int, cents: int, *, name: str = "E. Mustermann") -> int:
    """Add to an account by Sofort, as somebody outside; give the payment's id."""
    account = ledger.account(account_id)
    if account["person_id"] is None or type(cents) is not int or cents <= 0:
        raise refuse(400, "By Sofort whole cents are added to an account of the bank.")
    return _pay(ledger, read_thing(ledger, _add(ledger, account, _SOFORT, cents, None)), name)


def expire_ideal(ledger: Ledger, number: int) -> None:
    """End a transaction that nobody has paid."""
    end_ideal(ledger, read_thing(ledger, number), "EXPIRED")


def end_ideal(ledger: Ledger, row: sqlite3.Row, status: str) -> None:
    """Have a transaction lead nowhere from now on."""
    scheduled_jobs.cancel(ledger, "ideal", row["id"])
    _set_status(ledger, row, status, secret_of(row))
    record(ledger, secret_of(row)["account_id"], _IDEAL, row["id"])


def _add(
    ledger: Ledger, account: sqlite3.Row, type_name: str, cents: int, issuer: str | None
) -> int:
    if account["currency"] != "EUR":
        raise refuse(400, "Only euro can be added to an account by iDEAL or Sofort.")
    luck = ledger.chance("merchant", ledger.next_id("draw"))
    now, kind = ledger.clock.now(), "ideal" if type_name == _IDEAL else "sofort"
    values = {
        "amount_requested": amount(cents, "EUR"),
        "issuer": issuer,
        "issuer_name": _ISSUERS.get(issuer or ""),
        # Of those names that documents may use: there is no page. Source: RFC 2606.
        "issuer_authentication_url": f"https://{kind}.example.org/{luck.getrandbits(64):016x}",
        "purchase_identifier": f"{luck.getrandbits(40):010x}",
        "transaction_identifier": f"{luck.randrange(10**15, 10**16)}",
        "expiration": wire_time(now + _LIFETIME),
        "status": "OPEN",
        "status_timestamp": wire_time(now),
    }
    scope = f"monetary-account/{account['id']}/{kind}-merchant-transaction"
    secret = {"account_id": account["id"], "cents": cents, "payer_id": None}
    return add_thing(ledger, scope, type_name, values, secret=secret)


def _pay(ledger: Ledger, row: sqlite3.Row, name: str) -> int:
    number, secret = row["id"], secret_of(row)
    is_ideal, payer = row["type"] == _IDEAL, ledger.outsider(name)
    # Among the types of payments that the official description names is none of Sofort's.
    movement = Movement(
        secret["cents"],
        "Added by iDEAL" if is_ideal else "Added by Sofort",
        type="IDEAL" if is_ideal else "EBA_SCT",
        sub_type="PAYMENT" if is_ideal else "SCT",
        details={MERCHANT: number},
    )
    _, got = book(ledger, payer, secret["account_id"], movement)
    _set_status(ledger, row, "SUCCESS", secret | {"payer_id": payer})
    record(ledger, secret["account_id"], row["type"], number)
    word = "IDEAL" if is_ideal else "SOFORT"
    notify(
        ledger,
        secret["account_id"],
        number,
        ((word, f"{word}_MERCHANT_TRANSACTION_SUCCEEDED"),),
        lambda: tell_transaction(ledger, read_thing(ledger, number)),
    )
    return got


def _set_status(ledger: Ledger, row: sqlite3.Row, status: str, secret: dict[str, Any]) -> None:
    values: dict[str, Any] = {"status": status, "status_timestamp": wire_time(ledger.clock.now())}
    if status == "SUCCESS":
        values["amount_guaranteed"] = json.loads(row["item"])["amount_requested"]
    rewrite_thing(ledger, row, values, secret=secret)


@as_placed()
def tell_transaction(ledger: Ledger, row: sqlite3.Row) -> Item:
    """Give a transaction with the labels of both sides, the payer's once there is one."""
    secret = secret_of(row)
    values: dict[str, Any] = {
        "monetary_account_id": secret["account_id"],
        "alias": label_account(ledger, secret["account_id"]),
    }
    if secret["payer_id"] is not None:
        values["counterparty_alias"] = label_account(ledger, secret["payer_id"])
    return row["type"], tell_thing(row, row["type"], values)
