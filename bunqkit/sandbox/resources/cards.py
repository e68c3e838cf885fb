"""Cards and what is done with them; a shop, a cash machine and a thief to play with.

Source: bunq docs, "Card" and "Mastercard action"; values as captured. bunq has no call that makes
a card transaction, in its sandbox neither: ``use_card`` is for the bank's control address.
"""

from __future__ import annotations

import json
import sqlite3
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from bunqkit.sandbox.clock import wire_time
from bunqkit.sandbox.ledger import Ledger, Movement
from bunqkit.sandbox.refusal import Refusal, not_found, refuse
from bunqkit.sandbox.resources.call import Call, Item, Page, created
from bunqkit.sandbox.resources.events import notify, record
from bunqkit.sandbox.resources.labels import label_account, label_user
from bunqkit.sandbox.resources.payments import book, payment_row, tell_payment
from bunqkit.sandbox.resources.shape import shape
from bunqkit.sandbox.resources.things import (
    add_thing,
    change_thing,
    find_thing,
    parent_of,
    scope_of,
    tell_thing,
    thing_of,
)
from bunqkit.sandbox.resources.wire import amount, cents_of

_LONGEST_LINE = 17
_STATUSES = ("ACTIVE", "DEACTIVATED", "LOST", "STOLEN", "CANCELLED")
# A new card counts as made at once, so that it can be activated.
_READY = "ACCEPTED_FOR_PRODUCTION"
_VALID_FOR = timedelta(days=4 * 365)
_CVC2_LIFETIME = timedelta(minutes=5)


def card_names(ledger: Ledger, person_id: int) -> list[str]:
    """Give the names that may stand on a person's card."""
    name = ledger.person(person_id)["name"]
    first, _, last = name.partition(" ")
    return list(dict.fromkeys((name, f"{first[0]}. {last}".strip())))


def list_names(call: Call) -> list[Item]:
    """Give the names that may stand on one's card."""
    names = card_names(call.ledger, call.person_id)
    return [("CardUserNameArray", {"possible_card_name_array": names})]


def order_card(call: Call) -> list[Item]:
    """Order a card; the answer is the whole card, not its id (constants of the SDK)."""
    body, ledger = call.body, call.ledger
    _check_texts(call, body)
    primary = ledger.row(
        "SELECT id FROM account WHERE person_id = ? AND status = 'ACTIVE' ORDER BY id LIMIT 1",
        call.person_id,
    )
    account_id = None if primary is None else int(primary["id"])
    if (alias := body.get("alias")) is not None:
        found = ledger.account_behind("IBAN", alias["value"]) if alias["type"] == "IBAN" else None
        if found is None or found["person_id"] != call.person_id:
            raise not_found("Monetary account", alias["value"])
        account_id = int(found["id"])
    pins = _assignments(call, body.get("pin_code_assignment"), account_id)
    values = {name: told for name, told in body.items() if name not in _SECRET} | {
        "pin_code_assignment": pins
    }
    number = add_card(
        ledger,
        call.person_id,
        pins[0]["monetary_account_id"],
        values,
        wrapper=call.operation.wrapper,
    )
    row = ledger.row("SELECT * FROM thing WHERE id = ?", number)
    assert row is not None
    return [(call.operation.wrapper, tell_card(ledger, row)[1])]


_SECRET = ("pin_code", "pin_code_assignment", "alias", "activation_code")


def add_card(
    ledger: Ledger,
    person_id: int,
    account_id: int | None,
    values: dict[str, Any],
    *,
    wrapper: str = "CardDebit",
    at: datetime | None = None,
) -> int:
    """Write a card that is made and can be activated; give its id."""
    now = at or ledger.clock.now()
    scope = f"user/{person_id}/card"
    four = f"{ledger.chance('card', wire_time(now)).randrange(10_000):04d}"
    own = {
        "user_id": person_id,
        "user_owner_id": person_id,
        "user_holder_id": person_id,
        "sub_type": "NONE",
        "product_sub_type": "NONE",
        "status": "DEACTIVATED",
        "sub_status": "NONE",
        "order_status": _READY,
        "expiry_date": (now + _VALID_FOR).date().isoformat(),
        "card_limit": amount(1_000_00, "EUR"),
        "card_limit_atm": amount(500_00, "EUR"),
        "country_permission": [{"id": 1, "country": "NL"}],
        "country": "NL",
        "is_card_eligible_for_free_replacement": False,
        "is_limited_edition": False,
        "primary_account_numbers": [
            {
                "id": 1,
                "description": "",
                "status": "ACTIVE",
                "monetary_account_id": account_id,
                "uuid": ledger.new_uuid("pan", ledger.next_id("draw")),
                "four_digit": four,
                "type": "PHYSICAL",
            }
        ],
        "pin_code_assignment": [_assignment("PRIMARY", account_id)],
    }
    given = {name: told for name, told in values.items() if told is not None}
    number = add_thing(ledger, scope, wrapper, own | given, at=wire_time(now))
    if account_id is not None:
        record(ledger, account_id, "Card", number, at=now)
    return number


def list_cards(call: Call) -> Page:
    """List the cards, newest first."""
    return call.page("thing", "scope = ?", (scope_of(call),), tell_card)


def get_card(call: Call) -> list[Item]:
    """Give one card."""
    return [tell_card(call.ledger, find_thing(call, [scope_of(call)], call.ids["itemId"]))]


def update_card(call: Call) -> list[Item]:
    """Activate, block, limit or link a card; the answer is the whole card (as in the SDK)."""
    row = find_thing(call, [scope_of(call)], call.ids["itemId"])
    _change(call, row, call.body)
    return get_card(call)


def update_batch(call: Call) -> list[Item]:
    """Change several cards at once: all of them or none."""
    scope = f"user/{call.person_id}/card"
    for entry in call.body["cards"]:
        row = find_thing(call, [scope], str(entry["id"]))
        _change(call, row, {name: told for name, told in entry.items() if name != "id"})
    ids = [{"id": entry["id"]} for entry in call.body["cards"]]
    return [(call.operation.wrapper, {"updated_card_ids": ids})]


def replace_card(call: Call) -> list[Item]:
    """Order a new card in place of one, which ends."""
    scope, number = parent_of(call)
    return created(_replace(call, find_thing(call, [scope], number), call.body))


def replace_batch(call: Call) -> list[Item]:
    """Order new cards in place of several."""
    scope, ids = f"user/{call.person_id}/card", []
    for entry in call.body["cards"]:
        row = find_thing(call, [scope], str(entry["id"]))
        told = {name: value for name, value in entry.items() if name != "id"}
        ids.append({"id": _replace(call, row, told)})
    return [(call.operation.wrapper, {"updated_card_ids": ids})]


def _replace(call: Call, row: sqlite3.Row, body: dict[str, Any]) -> int:
    _check_texts(call, body)
    old = json.loads(row["item"])
    if old["sub_status"] == "REPLACED":
        raise refuse(400, "This card was replaced already.")
    kept = ("type", "product_type", "second_line", "name_on_card", "preferred_name_on_card")
    values = {name: body.get(name) or old.get(name) for name in kept}
    account_id = old["pin_code_assignment"][0]["monetary_account_id"]
    pins = _assignments(call, body.get("pin_code_assignment"), account_id)
    number = add_card(
        call.ledger,
        call.person_id,
        account_id,
        values | {"pin_code_assignment": pins},
        wrapper=row["type"],
    )
    change_thing(call.ledger, row, {"status": "CANCELLED", "sub_status": "REPLACED"})
    return number


def _change(call: Call, row: sqlite3.Row, body: dict[str, Any]) -> None:
    _check_texts(call, body)
    values = {k: v for k, v in body.items() if k not in _SECRET and v is not None}
    values.pop("order_status", None)
    card = json.loads(row["item"])
    status = values.get("status", card["status"])
    if status not in _STATUSES:
        raise refuse(400, f'Status "{status}" is not valid.')
    if card["status"] in ("LOST", "STOLEN", "CANCELLED") and status != card["status"]:
        raise refuse(400, f"This card is {card['status']} and can't be changed any more.")
    for name in ("card_limit", "card_limit_atm"):
        if name in values:
            values[name] = amount(cents_of(values[name], "EUR", name), "EUR")
    if "country_permission" in values:
        told = values["country_permission"]
        values["country_permission"] = [
            {"id": place, "country": each.get("country")} for place, each in enumerate(told, 1)
        ]
    if body.get("pin_code_assignment") is not None:
        account_id = card["pin_code_assignment"][0]["monetary_account_id"]
        pins = _assignments(call, body["pin_code_assignment"], account_id)
        values["pin_code_assignment"] = pins
    if "primary_account_numbers" in values:
        values["primary_account_numbers"] = _numbers(call, card, values["primary_account_numbers"])
    change_thing(call.ledger, row, values)


def _numbers(call: Call, card: dict[str, Any], told: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Give the card's numbers with what is changed of them; their set stays."""
    numbers = {each["id"]: each for each in card["primary_account_numbers"]}
    for each in told:
        if each.get("id") not in numbers:
            raise not_found("Primary account number", each.get("id"))
        if each.get("monetary_account_id") is not None:
            _check_account(call, each["monetary_account_id"])
        changes = {name: value for name, value in each.items() if value is not None}
        numbers[each["id"]] = numbers[each["id"]] | changes
    return list(numbers.values())


def _check_texts(call: Call, body: dict[str, Any]) -> None:
    if len(body.get("second_line") or "") > _LONGEST_LINE:
        raise refuse(400, f'"second_line" can\'t be longer than {_LONGEST_LINE} characters.')
    name = body.get("name_on_card")
    if name is not None and name not in card_names(call.ledger, call.person_id):
        raise refuse(400, f'"{name}" is none of the names that may stand on the card.')


def _assignments(
    call: Call, told: list[dict[str, Any]] | None, account_id: int | None
) -> list[dict[str, Any]]:
    """Give which account each PIN pays from; the PIN itself is not kept."""
    pins = []
    for each in told or []:
        number = each.get("monetary_account_id") or account_id
        if each.get("monetary_account_id") is not None:
            _check_account(call, number)
        pins.append(_assignment(each["type"], number))
    return pins or [_assignment("PRIMARY", account_id)]


def _assignment(kind: str, account_id: int | None) -> dict[str, Any]:
    return {
        "type": kind,
        "routing_type": "MANUAL",
        "monetary_account_id": account_id,
        "status": "ACTIVE",
    }


def _check_account(call: Call, number: Any) -> None:
    found = call.ledger.row(
        "SELECT 1 FROM account WHERE id = ? AND person_id = ?",
        number if isinstance(number, int) and abs(number) < 2**63 else 0,
        call.person_id,
    )
    if found is None:
        raise not_found("Monetary account", number)


def tell_card(ledger: Ledger, row: sqlite3.Row) -> Item:
    """Give a card with the labels of the account that it pays from."""
    item = tell_thing(row, "Card")
    account_id = item["pin_code_assignment"][0]["monetary_account_id"]
    if account_id is not None:
        label = label_account(ledger, account_id)
        item |= {"label_monetary_account_ordered": label, "label_monetary_account_current": label}
    return "Card", item


def create_code(call: Call) -> list[Item]:
    """Make a security code for paying online; it lasts five minutes."""
    now = call.ledger.clock.now()
    luck = call.ledger.chance("cvc2", call.ledger.next_id("draw"))
    values = {
        "type": call.body.get("type") or "GENERATED",
        "cvc2": f"{luck.randrange(1000):03d}",
        "status": "AVAILABLE",
        "expiry_time": wire_time(now + _CVC2_LIFETIME),
    }
    return created(add_thing(call.ledger, scope_of(call), "CardGeneratedCvc2", values))


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
    """

    cents: int
    shop: str
    country: str = "NL"
    currency: str = "EUR"
    local_cents: int | None = None
    kind: str = "payment"


_ENTRY_MODES = {"payment": "ICC", "cash": "ATM", "online": "E_COMMERCE"}


def use_card(ledger: Ledger, card_id: int, use: CardUse, *, at: datetime | None = None) -> int:
    """Pay by card, or have it refused; give the id of the Mastercard action.

    Refused if the card is not active, the country not permitted, the limit passed or the balance
    too low: the action then says why, and no money moves.
    """
    row = ledger.row("SELECT * FROM thing WHERE id = ? AND scope LIKE 'user/%/card'", card_id)
    if row is None:
        raise not_found("Card", card_id)
    card = json.loads(row["item"])
    account_id = card["pin_code_assignment"][0]["monetary_account_id"]
    shop = _shop(ledger, use)
    payment_id, why = None, _refusal(card, use)
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
    if not item["payment_ids"]:
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
    category = "6011" if use.kind == "cash" else "5411"
    return ledger.outsider(
        use.shop,
        details={
            "country": use.country,
            "merchant_category_code": category,
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
            "uuid": card["public_uuid"],
            "type": card.get("type"),
            "second_line": card.get("second_line"),
            "expiry_date": card["expiry_date"],
            "status": card["status"],
            "label_user": label_user(ledger, card["user_id"]),
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
