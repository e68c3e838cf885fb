"""Cards: ordered, activated, limited, blocked, replaced; and the codes for paying online.

Source: bunq docs, "Card"; the SDK for the answers, which are whole cards and not ids.
"""

from __future__ import annotations

import json
import sqlite3
from datetime import datetime, timedelta
from typing import Any

from bunqkit.sandbox.clock import wire_time
from bunqkit.sandbox.ledger import Ledger
from bunqkit.sandbox.refusal import not_found, refuse
from bunqkit.sandbox.resources.accounts import GRANTED, is_granted
from bunqkit.sandbox.resources.call import Call, Item, Page, created
from bunqkit.sandbox.resources.events import record
from bunqkit.sandbox.resources.generic_resources import (
    add_thing,
    change_thing,
    find_thing,
    parent_of,
    scope_of,
    tell_thing,
)
from bunqkit.sandbox.resources.labels import label_account
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
    if not is_granted(call, account_id):
        raise not_found("Monetary account", account_id)
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
    if call.habits.cards_answer_by_id:
        return created(number)
    return [(call.operation.wrapper, tell_card(ledger, row)[1])]


_SECRET = ("pin_code", "pin_code_assignment", "alias", "activation_code")


_NEW: dict[str, Any] = {
    "sub_type": "NONE",
    "product_sub_type": "NONE",
    "status": "DEACTIVATED",
    "sub_status": "NONE",
    "order_status": _READY,
    "card_limit": amount(1_000_00, "EUR"),
    "card_limit_atm": amount(500_00, "EUR"),
    "country_permission": [{"id": 1, "country": "NL"}],
    "country": "NL",
    "is_card_eligible_for_free_replacement": False,
    "is_limited_edition": False,
    "primary_account_numbers": [],
}


def read_card(row: sqlite3.Row) -> dict[str, Any]:
    """Give what is kept of a card; one that was put there by hand may lack anything."""
    card: dict[str, Any] = _NEW | json.loads(row["item"])
    return card


def paying_account(card: dict[str, Any]) -> int | None:
    """Give the account that a card pays from."""
    pins = card.get("pin_code_assignment") or [{}]
    number: int | None = pins[0].get("monetary_account_id")
    return number


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
        "expiry_date": (now + _VALID_FOR).date().isoformat(),
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
    number = add_thing(ledger, scope, wrapper, _NEW | own | given, at=wire_time(now))
    if account_id is not None:
        record(ledger, account_id, "Card", number, at=now)
    return number


def list_cards(call: Call) -> Page:
    """List the cards, newest first; an app sees those that pay from accounts granted to it."""
    condition, values = "scope = ?", (scope_of(call),)
    if call.consent is None:
        return call.page("thing", condition, values, tell_card)
    paying = "json_extract(item, '$.pin_code_assignment[0].monetary_account_id')"
    condition += f" AND {GRANTED.format(paying)}"
    return call.page("thing", condition, (*values, call.consent["id"]), tell_card)


def get_card(call: Call) -> list[Item]:
    """Give one card."""
    return [tell_card(call.ledger, _own_card(call, scope_of(call), call.ids["itemId"]))]


def update_card(call: Call) -> list[Item]:
    """Activate, block, limit or link a card; the answer is the whole card (as in the SDK)."""
    row = _own_card(call, scope_of(call), call.ids["itemId"])
    _change(call, row, call.body)
    return created(row["id"]) if call.habits.cards_answer_by_id else get_card(call)


def update_batch(call: Call) -> list[Item]:
    """Change several cards at once: all of them or none."""
    scope = f"user/{call.person_id}/card"
    for entry in call.body["cards"]:
        row = _own_card(call, scope, str(entry["id"]))
        _change(call, row, {name: told for name, told in entry.items() if name != "id"})
    ids = [{"id": entry["id"]} for entry in call.body["cards"]]
    return [(call.operation.wrapper, {"updated_card_ids": ids})]


def replace_card(call: Call) -> list[Item]:
    """Order a new card in place of one, which ends."""
    scope, number = parent_of(call)
    return created(_replace(call, _own_card(call, scope, number), call.body))


def replace_batch(call: Call) -> list[Item]:
    """Order new cards in place of several."""
    scope, ids = f"user/{call.person_id}/card", []
    for entry in call.body["cards"]:
        row = _own_card(call, scope, str(entry["id"]))
        told = {name: value for name, value in entry.items() if name != "id"}
        ids.append({"id": _replace(call, row, told)})
    return [(call.operation.wrapper, {"updated_card_ids": ids})]


def _own_card(call: Call, scope: str, number: str) -> sqlite3.Row:
    row = find_thing(call, [scope], number)
    if not is_granted(call, paying_account(read_card(row))):
        raise not_found("Card", number)
    return row


def _replace(call: Call, row: sqlite3.Row, body: dict[str, Any]) -> int:
    _check_texts(call, body)
    old = read_card(row)
    if old["sub_status"] == "REPLACED":
        raise refuse(400, "This card was replaced already.")
    kept = ("type", "product_type", "second_line", "name_on_card", "preferred_name_on_card")
    values = {name: body.get(name) or old.get(name) for name in kept}
    account_id = paying_account(old)
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
    card = read_card(row)
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
        account_id = paying_account(card)
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
    if found is None or not is_granted(call, number):
        raise not_found("Monetary account", number)


def tell_card(ledger: Ledger, row: sqlite3.Row) -> Item:
    """Give a card with the labels of the account that it pays from."""
    item = tell_thing(row, "Card")
    account_id = paying_account(item)
    if account_id is not None and ledger.row("SELECT 1 FROM account WHERE id = ?", account_id):
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
