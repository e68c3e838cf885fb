"""What is done with cards: a shop, a cash machine, a refund; and what the bank shows of it.

Source: bunq docs, "Mastercard action"; values as captured. bunq has no call that makes a card
transaction, not even in its sandbox: ``use_card`` is for the bank's control desk, and so is
``challenge``, where a web shop first waits for the cardholder's answer (3-D Secure). That it waits
five minutes is our own, states and answers are the official description's.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from bunqkit.sandbox import scheduled_jobs
from bunqkit.sandbox.clock import wire_time
from bunqkit.sandbox.ledger import BankLedger, Movement
from bunqkit.sandbox.refusal import Refusal, not_found, refuse
from bunqkit.sandbox.resources.call import Call, Item, Page, Verbs, created
from bunqkit.sandbox.resources.cards import fields_of, paying_account
from bunqkit.sandbox.resources.events import announce, record
from bunqkit.sandbox.resources.facts import usual
from bunqkit.sandbox.resources.generic_resources import StoredResource, parent_of
from bunqkit.sandbox.resources.labels import label_account, label_user
from bunqkit.sandbox.resources.payments import book, show_payment
from bunqkit.sandbox.resources.rows import read_row
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
        The name of the shop.
    country, currency, local_cents
        The country of the shop, and what was paid there in which currency.
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


# By the kind of use: the code of the shop's trade, and how the card was read.
_KINDS = {"payment": ("5411", "ICC"), "cash": ("6011", "ATM"), "online": ("5999", "E_COMMERCE")}
_LIFETIME = timedelta(minutes=5)
_DESCRIPTIONS = ("decision_description", "decision_description_translated")
# Why a card is refused after a challenge that ended so; the words are our own.
_ENDS = {
    "REJECTED": ("CHALLENGE_REJECTED", "The cardholder did not approve it."),
    "EXPIRED": ("CHALLENGE_EXPIRED", "The cardholder did not answer in time."),
}


def use_card(
    ledger: BankLedger,
    card_id: int,
    use: CardUse,
    *,
    why: tuple[str, str] | None = None,
    at: datetime | None = None,
) -> int:
    """Pay by card, or refuse it; return the id of the Mastercard action.

    Refused if there is a reason, the card is not active, the country not permitted, the limit
    passed or the balance too low: the action then says why, and no money moves.
    """
    card, account_id = _find_card(ledger, card_id)
    shop, payments = _shop(ledger, use), []
    why = why or _refusal(fields_of(card), use)
    if why is None:
        sub_type = "WITHDRAWAL" if use.kind == "cash" else "PAYMENT"
        movement = Movement(use.cents, use.shop, type="MASTERCARD", sub_type=sub_type)
        try:
            payments = [book(ledger, account_id, shop, movement, at=at)[0]]
        except Refusal:
            why = ("BALANCE_INSUFFICIENT", "The balance of the account is too low.")
    values = _action(card, use, why) | {
        "monetary_account_id": account_id,
        "alias": label_account(ledger, account_id),
        "counterparty_alias": label_account(ledger, shop),
        "payment_ids": payments,
    }
    scope = f"monetary-account/{account_id}/mastercard-action"
    action = StoredResource.add(ledger, scope, "MasterCardAction", values, at=at)
    category = f"CARD_TRANSACTION_{'SUCCESSFUL' if why is None else 'FAILED'}"
    about = ("MasterCardAction", action.id)
    announce(ledger, account_id, about, ((category, category),), action.show, at=at)
    return action.id


def give_back(
    ledger: BankLedger,
    action_id: int,
    *,
    cents: int | None = None,
    is_reversal: bool = False,
    at: datetime | None = None,
) -> int:
    """Refund a card payment, wholly or in part, or reverse it; return the payment's id."""
    action = StoredResource.typed(ledger, "MasterCardAction", "Mastercard action", action_id)
    ids = action.fields.get("payment_ids")
    if not ids:
        raise refuse(400, "This card transaction was refused; there is nothing to give back.")
    rows = [read_row(ledger, "payment", number) for number in ids]
    first, left = rows[0], -sum(row["cents"] for row in rows)
    cents = left if cents is None else cents
    if not 0 < cents <= left:
        raise refuse(400, "There is not that much to give back.")
    movement = Movement(cents, first["description"], type="MASTERCARD", sub_type="REVERSAL")
    _, got = book(ledger, first["counter_id"], first["account_id"], movement, at=at)
    changes: dict[str, Any] = {"payment_ids": [*ids, got]}
    if is_reversal:
        changes |= {"authorisation_status": "REVERSED", "payment_status": "PAYMENT_REVERSED"}
    else:
        refund = usual("MasterCardActionRefund") | {
            "sub_type": "FULL" if cents == left else "PARTIAL",
            "amount": amount(cents, first["currency"]),
            "mastercard_action_id": action_id,
            "time_refund": wire_time(at or ledger.clock.now()),
        }
        refunds = action.fields.get("all_mastercard_action_refund", [])
        refunds = [*refunds, shape("MasterCardActionRefund", refund)]
        changes |= {
            "all_mastercard_action_refund": refunds,
            "clearing_status": "REFUND_LENIENCY",
        }
    action.save(at=at, **changes)
    record(ledger, first["account_id"], "MasterCardAction", action_id, at=at)
    return got


def challenge(ledger: BankLedger, card_id: int, use: CardUse) -> int:
    """Ask the cardholder first, as a web shop does; return the id of the challenge request."""
    card, account_id = _find_card(ledger, card_id)
    expiry = ledger.clock.now() + _LIFETIME
    values = {
        "amount": amount(use.cents, ledger.account(account_id)["currency"])["value"],
        "expiry_time": wire_time(expiry),
        "description": use.shop,
        "status": "PENDING",
        "counterparty_alias": label_account(ledger, _shop(ledger, use)),
        "card_id": card_id,
    }
    number = StoredResource.add(
        ledger,
        f"{card.scope.removesuffix('card')}challenge-request",
        "MasterCardIdentityCheckChallengeRequest",
        values,
        secret={"card_id": card_id, "use": asdict(use)},
    ).id
    scheduled_jobs.plan(ledger, "challenge", number, expiry)
    return number


def answer_challenge(call: Call) -> list[Item]:
    """Take the cardholder's answer; the card is then used, or refused."""
    request = StoredResource.find(call)
    # Source: the official description, for the longer words.
    status = call.body["status"].removesuffix("_PENDING_RESPONSE")
    if status not in ("ACCEPTED", "REJECTED"):
        raise refuse(400, 'A challenge can be answered by status "ACCEPTED" or "REJECTED".')
    if (now := request.secret and request.status) != "PENDING":
        raise refuse(400, f"This challenge is {now} and can't be answered any more.")
    _end(request, status)
    return created(request.id)


def expire_challenge(ledger: BankLedger, number: int) -> None:
    """End a challenge that nobody has answered."""
    _end(StoredResource.read(ledger, number), "EXPIRED")


def _end(request: StoredResource, status: str) -> None:
    scheduled_jobs.cancel(request.ledger, "challenge", request.id)
    secret, why = request.secret, _ENDS.get(status)
    texts: dict[str, Any] = {} if why is None else dict.fromkeys(_DESCRIPTIONS, why[1])
    request.save(status=status, **texts)
    use_card(request.ledger, secret["card_id"], CardUse(**secret["use"]), why=why)


def _find_card(ledger: BankLedger, card_id: int) -> tuple[StoredResource, int]:
    """Return a card, and the account that it pays from."""
    for card in StoredResource.select(ledger, "id = ? AND scope LIKE 'user/%/card'", card_id):
        account_id = paying_account(fields_of(card))
        if account_id is None:
            raise refuse(400, "This card pays from no account.")
        return card, account_id
    raise not_found("Card", card_id)


def list_action_payments(call: Call) -> Page:
    """List the payments that came of a card transaction, newest first."""
    scope, number = parent_of(call)
    action = StoredResource.within(call.ledger, [scope], number)
    ids = [] if action is None else action.fields.get("payment_ids", [])
    return call.page("payment", f"id IN ({', '.join('?' * len(ids))})", ids, show_payment)


def _shop(ledger: BankLedger, use: CardUse) -> int:
    """Return the account of a shop; one that is new gets its trade and country."""
    details = {
        "country": use.country,
        "merchant_category_code": use.trade or _KINDS[use.kind][0],
        # Source: captures; the bank does not know the IBAN of a shop that takes cards.
        "has_iban": False,
    }
    return ledger.outsider(use.shop, details=details)


def _refusal(card: dict[str, Any], use: CardUse) -> tuple[str, str] | None:
    """Return why a card is refused. COUNTRY_NOT_PERMITTED is captured, the others are our own."""
    permitted = {entry["country"] for entry in card["country_permission"]}
    limit = card["card_limit_atm" if use.kind == "cash" else "card_limit"]["value"]
    if card["status"] != "ACTIVE":
        return "CARD_NOT_ACTIVE", "The card is not active."
    if use.country not in permitted and use.kind != "online":
        return "COUNTRY_NOT_PERMITTED", "The card may not be used in this country."
    if use.cents > int(limit.replace(".", "")):
        return "LIMIT_REACHED", "The limit of the card is reached."
    return None


def _action(card: StoredResource, use: CardUse, why: tuple[str, str] | None) -> dict[str, Any]:
    """Return the fields of a card transaction that was allowed, or refused for a reason."""
    fields, billed = fields_of(card), amount(use.cents, "EUR")
    local = amount(use.local_cents or use.cents, use.currency)
    if why is None:
        decision = usual("CardAllowed")
    else:
        texts: dict[str, Any] = dict.fromkeys(_DESCRIPTIONS, why[1])
        decision = usual("CardRefused") | texts | {"decision": why[0]}
    names = ("type", "second_line", "expiry_date", "status")
    return (
        usual("MasterCardAction")
        | decision
        | {
            "card_id": card.id,
            "amount_local": local,
            "amount_converted": billed,
            "amount_billing": billed,
            "amount_original_local": local,
            "amount_original_billing": billed,
            "description": use.shop,
            "pan_entry_mode_user": _KINDS[use.kind][1],
            "label_card": {name: fields.get(name) for name in names}
            | {
                "uuid": fields.get("public_uuid"),
                "label_user": label_user(card.ledger, int(card.scope.split("/")[1])),
            },
            "applied_limit": "CARD_LIMIT_ATM" if use.kind == "cash" else "CARD_LIMIT_POS_ICC",
        }
    )


RULES: dict[str, Verbs] = {
    "challenge-request": {"update": answer_challenge},
    "mastercard-action.payment": {"list": list_action_payments},
}
