"""Money that somebody adds to an account by iDEAL or Sofort.

Source: the official description, for fields and for what is asked; iDEAL's public protocol, for the
half hour that a transaction lives and the words of its states, in bunq's capitals. bunq has no call
to pay one, and none any more to begin one with Sofort: ``Bank.pay_ideal``, ``Bank.pay_sofort`` and
the control desk do.
"""

from __future__ import annotations

import sqlite3
from datetime import timedelta
from typing import Any

from bunqkit.sandbox import scheduled_jobs
from bunqkit.sandbox.clock import wire_time
from bunqkit.sandbox.ledger import BankLedger, Movement
from bunqkit.sandbox.refusal import refuse
from bunqkit.sandbox.resources.accounts import own_account
from bunqkit.sandbox.resources.call import Call, Item, Verbs, created
from bunqkit.sandbox.resources.events import announce, record
from bunqkit.sandbox.resources.facts import facts
from bunqkit.sandbox.resources.generic_resources import StoredResource, collection, shown_as
from bunqkit.sandbox.resources.labels import label_account
from bunqkit.sandbox.resources.payments import MERCHANT, book
from bunqkit.sandbox.resources.wire import amount, read_cents

_IDEAL = "IdealMerchantTransaction"
_SOFORT = "SofortMerchantTransaction"
_LIFETIME = timedelta(minutes=30)


def create_ideal(call: Call) -> list[Item]:
    """Begin to add money by iDEAL: the transaction has the page to pay at."""
    ledger, account, body = call.ledger, own_account(call), call.body
    for name in ("amount_requested", "issuer"):
        if body.get(name) is None:
            raise refuse(400, f'Missing required field "{name}".')
    if body["issuer"] not in facts("issuers"):
        known = ", ".join(facts("issuers"))
        raise refuse(400, f'"{body["issuer"]}" is not the BIC of an issuer. There are: {known}.')
    cents = read_cents(body, "amount_requested", account["currency"])
    number = _add(ledger, account, _IDEAL, cents, body["issuer"]).id
    scheduled_jobs.plan(ledger, "ideal", number, ledger.clock.now() + _LIFETIME)
    record(ledger, account["id"], _IDEAL, number)
    return created(number)


def pay_ideal(ledger: BankLedger, number: int, *, name: str = "J. de Vries") -> int:
    """Pay a transaction that waits, as somebody outside; return the payment's id."""
    transaction = StoredResource.typed(ledger, _IDEAL, "Ideal merchant transaction", number)
    status = transaction.secret and transaction.status
    if status != "OPEN":
        raise refuse(400, f"This transaction is {status} and can't be paid any more.")
    scheduled_jobs.cancel(ledger, "ideal", number)
    return _pay(transaction, name)


def pay_sofort(
    ledger: BankLedger, account_id: int, cents: int, *, name: str = "E. Mustermann"
) -> int:
    """Add to an account by Sofort, as somebody outside; return the payment's id."""
    account = ledger.account(account_id)
    if account["person_id"] is None or type(cents) is not int or cents <= 0:
        raise refuse(400, "By Sofort whole cents are added to an account of the bank.")
    return _pay(_add(ledger, account, _SOFORT, cents, None), name)


def expire_ideal(ledger: BankLedger, number: int) -> None:
    """End a transaction that nobody has paid."""
    end_ideal(StoredResource.read(ledger, number), "EXPIRED")


def end_ideal(transaction: StoredResource, status: str) -> None:
    """End a transaction: nobody can pay it any more."""
    ledger = transaction.ledger
    scheduled_jobs.cancel(ledger, "ideal", transaction.id)
    transaction.save(status=status, status_timestamp=wire_time(ledger.clock.now()))
    record(ledger, transaction.secret["account_id"], _IDEAL, transaction.id)


def read_code(_call: Call) -> list[Item]:
    """Refuse a token of a QR code: no shop of this bank shows any.

    Source: bunq docs, "Token QR request".
    """
    raise refuse(400, "The token is not valid.")


def _add(
    ledger: BankLedger, account: sqlite3.Row, type_name: str, cents: int, issuer: str | None
) -> StoredResource:
    if account["currency"] != "EUR":
        raise refuse(400, "Only euro can be added to an account by iDEAL or Sofort.")
    luck = ledger.chance("merchant", ledger.next_id("draw"))
    now, kind = ledger.clock.now(), "ideal" if type_name == _IDEAL else "sofort"
    values = {
        "amount_requested": amount(cents, "EUR"),
        "issuer": issuer,
        "issuer_name": facts("issuers").get(issuer or ""),
        # There is no such page: the name is one that documents may use. Source: RFC 2606.
        "issuer_authentication_url": f"https://{kind}.example.org/{luck.getrandbits(64):016x}",
        "purchase_identifier": f"{luck.getrandbits(40):010x}",
        "transaction_identifier": f"{luck.randrange(10**15, 10**16)}",
        "expiration": wire_time(now + _LIFETIME),
        "status": "OPEN",
        "status_timestamp": wire_time(now),
    }
    scope = f"monetary-account/{account['id']}/{kind}-merchant-transaction"
    secret = {"account_id": account["id"], "cents": cents, "payer_id": None}
    return StoredResource.add(ledger, scope, type_name, values, secret=secret)


def _pay(transaction: StoredResource, name: str) -> int:
    """Pay a transaction, as somebody outside of a name; return the payment's id."""
    ledger, secret = transaction.ledger, transaction.secret
    is_ideal, account_id = transaction.type == _IDEAL, secret["account_id"]
    secret["payer_id"] = ledger.outsider(name)
    # The official description names no type of payments for Sofort.
    movement = Movement(
        secret["cents"],
        "Added by iDEAL" if is_ideal else "Added by Sofort",
        type="IDEAL" if is_ideal else "EBA_SCT",
        sub_type="PAYMENT" if is_ideal else "SCT",
        details={MERCHANT: transaction.id},
    )
    _, got = book(ledger, secret["payer_id"], account_id, movement)
    transaction.save(
        status="SUCCESS",
        status_timestamp=wire_time(ledger.clock.now()),
        amount_guaranteed=transaction.fields["amount_requested"],
    )
    word = "IDEAL" if is_ideal else "SOFORT"
    about = (transaction.type, transaction.id)
    notices = ((word, f"{word}_MERCHANT_TRANSACTION_SUCCEEDED"),)
    announce(ledger, account_id, about, notices, lambda: show_transaction(transaction))
    return got


@shown_as()
def show_transaction(transaction: StoredResource) -> dict[str, Any]:
    """Return a transaction with the labels of both sides, the payer's once there is one."""
    ledger, secret = transaction.ledger, transaction.secret
    values: dict[str, Any] = {
        "monetary_account_id": secret["account_id"],
        "alias": label_account(ledger, secret["account_id"]),
    }
    if secret["payer_id"] is not None:
        values["counterparty_alias"] = label_account(ledger, secret["payer_id"])
    return values


RULES: dict[str, Verbs] = {
    "ideal-merchant-transaction": collection(show_transaction, create=create_ideal),
    "sofort-merchant-transaction": collection(show_transaction),
    "token-qr-request-ideal": {"create": read_code},
    "token-qr-request-sofort": {"create": read_code},
}
