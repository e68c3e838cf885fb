"""What is done with cards: a shop, a cash machine, a refund; and what the bank tells of it.

Source: bunq docs, "Mastercard action"; values as captured. bunq has no call that makes a card
transaction, in its sandbox neither: ``use_card`` is for the bank's control desk, and so is
``challenge``, where a web shop first waits for the cardholder's word (3-D Secure). That it waits
five minutes is our own, states and answers are the official description's.
"""

from __future__ import annotations

import json
import sqlite3
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from bunqkit.sandbox import scheduled_jobs
from bunqkit.sandbox.clock import wire_time
from bunqkit.sandbox.ledger import Ledger, Movement
from bunqkit.sandbox.refusal import Refusal, not_found, refuse
from bunqkit.sandbox.resources.call import Call, Item, Page, created
from bunqkit.sandbox.resources.cards import paying_account, read_card
from bunqkit.sandbox.resources.events import notify, record
from bunqkit.sandbox.resources.generic_resources import (
    add_thing,
    change_thing,
    find_thing,
    parent_of,
    read_thing,
    scope_of,
    secret_of,
    status_of,
    tell_thing,
    thing_of,
)
from bunqkit.sandbox.resources.labels import label_account, label_user
from bunqkit.sandbox.resources.payments import book, payment_row, tell_payment
from bunqkit.sandbox.resources.shape import shape
from bunqkit.sandbox.resources.wire import amount


@dataclass(frozen=True)
class CardUse:
    """What somebody does with a card.

    Attributes
    ----------
    cents
        In the account's currency.
    shop
        Where.
    country, currency, local_cents
        Where that is, and what was paid there in which currency.
    kind
        ``payment``, ``cash``, or ``online``.
    trade
        The code of the shop's trade (ISO 18245); by default by the kind.
    """

    cents: int
    shop: str
    country: str = "NL"
    currency: str = "EUR"
    local_cents: int | None = None
    kind: str = "payment"
    trade: str | None = None


_TRADES = {"payment": "5411", "cash": "6011", "online": "5999"}
_ENTRY_MODES = {"payment": "ICC", "cash": "ATM", "online": "E_COMMERCE"}


_WAITS = timedelta(minutes=5)
_CHALLENGE = "MasterCardIdentityCheckChallengeRequest"
# Why a card is refused after a challenge that ended so; the words are our own.
_WHY_NOT = {
    "REJECTED": ("CHALLENGE_REJECTED", "The cardholder did not approve it."),
    "EXPIRED": ("CHALLENGE_EXPIRED", "The cardholder did not answer in time."),
}


def use_card(
    ledger: Ledger,
    card_id: int,
    use: CardUse,
    *,
    why: tuple[str, str] | None = None,
    at: datetime | None = None,
) -> int:
    """Pay by card, or have it refused; give the id of the Mastercard action.

    Refused if there is a reason, the card is not active, the country not permitted, the limit
    passed or the balance too low: the action then says why, and no money moves.
    """
    row, account_id = _find_card(ledger, card_id)
    card = read_card(row)
    shop = _shop(ledger, use)
    payment_id, why = None, why or _refusal(card, use)
    if why is None:
        movement = Movement(
            use.cents,
            use.shop,
            type="MASTERCARD",
            sub_type="WITHDRAWAL" if use.kind == "cash" else "PAYMENT",
        )
        try:
            payment_id, _ = book(ledger, account_id, shop, movement, at=at)
        except Refusal:
            why = ("BALANCE_INSUFFICIENT", "The balance of the account is too low.")
    values = _action(ledger, row, card, use, why) | {
        "monetary_account_id": account_id,
        "alias": label_account(ledger, account_id),
        "counterparty_alias": label_account(ledger, shop),
        "payment_ids": [payment_id] if payment_id else [],
    }
    scope = f"monetary-account/{account_id}/mastercard-action"
    when = wire_time(at or ledger.clock.now())
    number = add_thing(ledger, scope, "MasterCardAction", values, at=when)
    _tell_action(ledger, account_id, number, failed=why is not None, at=at)
    return number


def give_back(
    ledger: Ledger,
    action_id: int,
    *,
    cents: int | None = None,
    is_reversal: bool = False,
    at: datetime | None = None,
) -> int:
    """Refund a card payment, wholly or in part, or reverse it; give the payment's id."""
    row = ledger.row("SELECT * FROM thing WHERE id = ? AND type = 'MasterCardAction'", action_id)
    if row is None:
        raise not_found("Mastercard action", action_id)
    item = json.loads(row["item"])
    if not item.get("payment_ids"):
        raise refuse(400, "This card transaction was refused; there is nothing to give back.")
    rows = [payment_row(ledger, number) for number in item["payment_ids"]]
    left = -sum(each["cents"] for each in rows)
    wanted = left if cents is None else cents
    if not 0 < wanted <= left:
        raise refuse(400, "There is not that much to give back.")
    movement = Movement(wanted, rows[0]["description"], type="MASTERCARD", sub_type="REVERSAL")
    _, got = book(ledger, rows[0]["counter_id"], rows[0]["account_id"], movement, at=at)
    now = wire_time(at or ledger.clock.now())
    told = amount(wanted, rows[0]["currency"])
    refund = {
        "type": "REFUND",
        "sub_type": "FULL" if wanted == left else "PARTIAL",
        "amount": told,
        "reason": "REFUND_MERCHANT",
        "status": "APPROVED",
        "mastercard_action_id": action_id,
        "time_refund": now,
    }
    changes: dict[str, Any] = {"payment_ids": [*item["payment_ids"], got]}
    if is_reversal:
        changes |= {"authorisation_status": "REVERSED", "payment_status": "PAYMENT_REVERSED"}
    else:
        refunds = item.get("all_mastercard_action_refund", [])
        changes["all_mastercard_action_refund"] = [
            *refunds,
            shape("MasterCardActionRefund", refund),
        ]
        changes["clearing_status"] = "REFUND_LENIENCY"
    change_thing(ledger, row, changes, at=now)
    record(ledger, rows[0]["account_id"], "MasterCardAction", action_id, at=at)
    return got


def challenge(ledger: Ledger, card_id: int, use: CardUse) -> int:
    """Have a web shop wait for the cardholder's word; give the id of the challenge request."""
    row, account_id = _find_card(ledger, card_id)
    expiry = ledger.clock.now() + _WAITS
    values = {
        "amount": amount(use.cents, ledger.account(account_id)["currency"])["value"],
        "expiry_time": wire_time(expiry),
        "description": use.shop,
        "status": "PENDING",
        "counterparty_alias": label_account(ledger, _shop(ledger, use)),
        "card_id": card_id,
    }
    scope = f"{row['scope'].removesuffix('card')}challenge-request"
    secret = {"card_id": card_id, "use": asdict(use)}
    number = add_thing(ledger, scope, _CHALLENGE, values, secret=secret)
    scheduled_jobs.plan(ledger, "challenge", number, expiry)
    return number


def answer_challenge(call: Call) -> list[Item]:
    """Give the cardholder's word, upon which the card is used, or refused."""
    row = find_thing(call, [scope_of(call)], call.ids["itemId"])
    # Source: the official description, for the longer words.
    status = call.body["status"].removesuffix("_PENDING_RESPONSE")
    if status not in ("ACCEPTED", "REJECTED"):
        raise refuse(400, 'A challenge can be answered by status "ACCEPTED" or "REJECTED".')
    if (now := secret_of(row) and status_of(row)) != "PENDING":
        raise refuse(400, f"This challenge is {now} and can't be answered any more.")
    _end(call.ledger, row, status)
    return created(row["id"])


def expire_challenge(ledger: Ledger, number: int) -> None:
    """End a challenge that nobody has answered."""
    _end(ledger, read_thing(ledger, number), "EXPIRED")


def _end(ledger: Ledger, row: sqlite3.Row, status: str) -> None:
    scheduled_jobs.cancel(ledger, "challenge", row["id"])
    secret, why = secret_of(row), _WHY_NOT.get(status)
    values = {"status": status}
    if why is not None:
        values |= dict.fromkeys(("decision_description", "decision_description_translated"), why[1])
    change_thing(ledger, row, values)
    use_card(ledger, secret["card_id"], CardUse(**secret["use"]), why=why)


def _find_card(ledger: Ledger, card_id: int) -> tuple[sqlite3.Row, int]:
    """Find a card, and the account that it pays from."""
    row = ledger.row("SELECT * FROM thing WHERE id = ? AND scope LIKE 'user/%/card'", card_id)
    if row is None:
        raise not_found("Card", card_id)
    account_id = paying_account(read_card(row))
    if account_id is None:
        raise refuse(400, "This card pays from no account.")
    return row, account_id


def list_action_payments(call: Call) -> Page:
    """List the payments that came of a card transaction, newest first."""
    scope, number = parent_of(call)
    row = thing_of(call.ledger, [scope], number)
    ids = [] if row is None else json.loads(row["item"]).get("payment_ids", [])
    marks = ", ".join("?" * len(ids))
    return call.page("payment", f"id IN ({marks})", tuple(ids), tell_payment)


def _shop(ledger: Ledger, use: CardUse) -> int:
    known = ledger.row(
        "SELECT id FROM account WHERE person_id IS NULL AND holder = ? AND currency = 'EUR'",
        use.shop,
    )
    if known is not None:
        return int(known["id"])
    return ledger.outsider(
        use.shop,
        details={
            "country": use.country,
            "merchant_category_code": use.trade or _TRADES[use.kind],
            # Source: captures; the bank does not know the IBAN of a shop that takes cards.
            "has_iban": False,
        },
    )


def _refusal(card: dict[str, Any], use: CardUse) -> tuple[str, str] | None:
    """Say why a card is refused. COUNTRY_NOT_PERMITTED is captured, the others are our own."""
    permitted = {each["country"] for each in card["country_permission"]}
    limit = card["card_limit_atm" if use.kind == "cash" else "card_limit"]["value"]
    if card["status"] != "ACTIVE":
        return "CARD_NOT_ACTIVE", "The card is not active."
    if use.country not in permitted and use.kind != "online":
        return "COUNTRY_NOT_PERMITTED", "The card may not be used in this country."
    if use.cents > int(limit.replace(".", "")):
        return "LIMIT_REACHED", "The limit of the card is reached."
    return None


def _action(
    ledger: Ledger,
    row: sqlite3.Row,
    card: dict[str, Any],
    use: CardUse,
    why: tuple[str, str] | None,
) -> dict[str, Any]:
    billed = amount(use.cents, "EUR")
    local = amount(use.local_cents or use.cents, use.currency)
    return {
        "card_id": row["id"],
        "amount_local": local,
        "amount_converted": billed,
        "amount_billing": billed,
        "amount_original_local": local,
        "amount_original_billing": billed,
        "amount_fee": amount(0, "EUR"),
        "decision": "ALLOWED" if why is None else why[0],
        "decision_description": "The transaction was allowed." if why is None else why[1],
        "decision_description_translated": "" if why is None else why[1],
        "description": use.shop,
        "payment_status": "PAYMENT_SUCCESSFUL_SETTLED" if why is None else "PAYMENT_FAILED",
        "authorisation_status": "AUTHORISED" if why is None else "BLOCKED",
        "authorisation_type": "NORMAL_AUTHORISATION",
        "pan_entry_mode_user": _ENTRY_MODES[use.kind],
        "settlement_status": "SETTLED" if why is None else None,
        "clearing_status": "FIRST_PRESENTMENT_COMPLETE" if why is None else None,
        "city": None,
        "label_card": {
            "uuid": card.get("public_uuid"),
            "type": card.get("type"),
            "second_line": card.get("second_line"),
            "expiry_date": card.get("expiry_date"),
            "status": card["status"],
            "label_user": label_user(ledger, int(row["scope"].split("/")[1])),
        },
        "applied_limit": "CARD_LIMIT_ATM" if use.kind == "cash" else "CARD_LIMIT_POS_ICC",
        "pos_card_presence": "0",
        "pin_status": "NOT_PROVIDED",
        "additional_authentication_status": "NONE",
    }


def _tell_action(
    ledger: Ledger, account_id: int, number: int, *, failed: bool, at: datetime | None
) -> None:
    record(ledger, account_id, "MasterCardAction", number, at=at)
    category = f"CARD_TRANSACTION_{'FAILED' if failed else 'SUCCESSFUL'}"

    def tell() -> Item:
        row = ledger.row("SELECT * FROM thing WHERE id = ?", number)
        assert row is not None
        return "MasterCardAction", tell_thing(row, "MasterCardAction")

    notify(ledger, account_id, number, ((category, category),), tell)
