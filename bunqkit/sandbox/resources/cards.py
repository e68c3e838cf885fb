"""Cards: ordered, activated, limited, blocked, replaced; and the codes for paying online.

Source: bunq docs, "Card"; the SDK for the answers, which are whole cards and not ids.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from bunqkit.sandbox.clock import wire_time
from bunqkit.sandbox.ledger import BankLedger
from bunqkit.sandbox.refusal import not_found, refuse
from bunqkit.sandbox.resources.accounts import GRANTED, account_to_use, is_granted
from bunqkit.sandbox.resources.call import Call, Item, Page, Verbs, created
from bunqkit.sandbox.resources.events import record
from bunqkit.sandbox.resources.facts import usual
from bunqkit.sandbox.resources.generic_resources import StoredResource, parent_of, scope_of
from bunqkit.sandbox.resources.labels import label_account
from bunqkit.sandbox.resources.rows import check_choice, without_nulls
from bunqkit.sandbox.resources.wire import amount, read_cents

_LONGEST_LINE = 17
_ENDS = ("LOST", "STOLEN", "CANCELLED")
_STATUSES = ("ACTIVE", "DEACTIVATED", *_ENDS)
_VALID_FOR = timedelta(days=4 * 365)
_CVC2_LIFETIME = timedelta(minutes=5)
# Fields of a body that are never shown as they were sent.
_SECRET = ("pin_code", "pin_code_assignment", "alias", "activation_code")
# Fields that a new card takes from the card that it replaces.
_INHERITED = ("type", "product_type", "second_line", "name_on_card", "preferred_name_on_card")
_PAYING = "json_extract(item, '$.pin_code_assignment[0].monetary_account_id')"


def card_names(ledger: BankLedger, person_id: int) -> list[str]:
    """List the names that may stand on a person's card."""
    name = ledger.person(person_id)["name"]
    first, _, last = name.partition(" ")
    return list(dict.fromkeys((name, f"{first[0]}. {last}".strip())))


def list_names(call: Call) -> list[Item]:
    """List the names that may stand on the caller's card."""
    names = card_names(call.ledger, call.person_id)
    return [("CardUserNameArray", {"possible_card_name_array": names})]


def order_card(call: Call) -> list[Item]:
    """Order a card; the answer is the whole card, not its id (constants of the SDK)."""
    body, ledger, wrapper = call.body, call.ledger, call.operation.wrapper
    _check_texts(call, body)
    query = "SELECT id FROM account WHERE person_id = ? AND status = 'ACTIVE' ORDER BY id LIMIT 1"
    account = ledger.row(query, call.person_id)
    if (alias := body.get("alias")) is not None:
        account = ledger.account_behind("IBAN", alias["value"]) if alias["type"] == "IBAN" else None
        if account is None or account["person_id"] != call.person_id:
            raise not_found("Monetary account", alias["value"])
    account_id = None if account is None else int(account["id"])
    if not is_granted(call, account_id):
        raise not_found("Monetary account", account_id)
    pins = _assignments(call, body.get("pin_code_assignment"), account_id)
    values = {name: value for name, value in body.items() if name not in _SECRET}
    values["pin_code_assignment"] = pins
    paying = pins[0]["monetary_account_id"]
    card = add_card(ledger, call.person_id, paying, values, wrapper=wrapper)
    if call.quirks.cards_answer_by_id:
        return created(card.id)
    return [(wrapper, show_card(card)[1])]


def fields_of(card: StoredResource) -> dict[str, Any]:
    """Return the fields of a card; one that was put there by hand may lack any."""
    return usual("Card") | card.fields


def paying_account(card: dict[str, Any]) -> int | None:
    """Return the account that a card pays from."""
    pins = card.get("pin_code_assignment") or [{}]
    number: int | None = pins[0].get("monetary_account_id")
    return number


def add_card(
    ledger: BankLedger,
    person_id: int,
    account_id: int | None,
    values: dict[str, Any],
    *,
    wrapper: str = "CardDebit",
    at: datetime | None = None,
) -> StoredResource:
    """Write a card that is made and can be activated, and return it."""
    now = at or ledger.clock.now()
    number = usual("CardPrimaryAccountNumber") | {
        "monetary_account_id": account_id,
        "uuid": ledger.new_uuid("pan", ledger.next_id("draw")),
        "four_digit": f"{ledger.chance('card', wire_time(now)).randrange(10_000):04d}",
    }
    own = dict.fromkeys(("user_id", "user_owner_id", "user_holder_id"), person_id) | {
        "expiry_date": (now + _VALID_FOR).date().isoformat(),
        "primary_account_numbers": [number],
        "pin_code_assignment": [_assignment("PRIMARY", account_id)],
    }
    values = usual("Card") | own | without_nulls(values)
    card = StoredResource.add(ledger, f"user/{person_id}/card", wrapper, values, at=now)
    if account_id is not None:
        record(ledger, account_id, "Card", card.id, at=now)
    return card


def list_cards(call: Call) -> Page:
    """List the cards, newest first; an app sees those that pay from accounts granted to it."""
    scope = scope_of(call)
    if call.consent is None:
        return StoredResource.page(call, show_card, "scope = ?", scope)
    condition = f"scope = ? AND {GRANTED.format(_PAYING)}"
    return StoredResource.page(call, show_card, condition, scope, call.consent["id"])


def get_card(call: Call) -> list[Item]:
    """Return one card."""
    return [show_card(_own_card(call, scope_of(call), call.ids["itemId"]))]


def update_card(call: Call) -> list[Item]:
    """Activate, block, limit or link a card; the answer is the whole card (as in the SDK)."""
    card = _own_card(call, scope_of(call), call.ids["itemId"])
    _change(call, card, call.body)
    return created(card.id) if call.quirks.cards_answer_by_id else [show_card(card)]


def update_batch(call: Call) -> list[Item]:
    """Change several cards at once: all of them or none."""
    return _for_each(call, _change)


def replace_card(call: Call) -> list[Item]:
    """Order a new card in place of one, which ends."""
    return created(_replace(call, _own_card(call, *parent_of(call)), call.body))


def replace_batch(call: Call) -> list[Item]:
    """Order new cards in place of several."""
    return _for_each(call, _replace)


def _for_each(call: Call, act: Callable[[Call, StoredResource, dict[str, Any]], int]) -> list[Item]:
    """Do something with each card of a body; return the ids of the cards that came of it."""
    ids = []
    for entry in call.body["cards"]:
        card = _own_card(call, f"user/{call.person_id}/card", entry["id"])
        body = {name: value for name, value in entry.items() if name != "id"}
        ids.append({"id": act(call, card, body)})
    return [(call.operation.wrapper, {"updated_card_ids": ids})]


def _own_card(call: Call, scope: str, number: object) -> StoredResource:
    card = StoredResource.find(call, scope, number=number)
    if not is_granted(call, paying_account(fields_of(card))):
        raise not_found("Card", number)
    return card


def _replace(call: Call, card: StoredResource, body: dict[str, Any]) -> int:
    """Order a new card in place of one; return its id."""
    _check_texts(call, body)
    old = fields_of(card)
    if old["sub_status"] == "REPLACED":
        raise refuse(400, "This card was replaced already.")
    account_id = paying_account(old)
    values = {name: body.get(name) or old.get(name) for name in _INHERITED}
    values["pin_code_assignment"] = _assignments(call, body.get("pin_code_assignment"), account_id)
    new = add_card(call.ledger, call.person_id, account_id, values, wrapper=card.type)
    card.save(status="CANCELLED", sub_status="REPLACED")
    return new.id


def _change(call: Call, card: StoredResource, body: dict[str, Any]) -> int:
    """Change a card; return its id."""
    _check_texts(call, body)
    kept = (*_SECRET, "order_status")
    values = {n: value for n, value in without_nulls(body).items() if n not in kept}
    old = fields_of(card)
    status = check_choice("Status", values.get("status", old["status"]), _STATUSES)
    if old["status"] in _ENDS and status != old["status"]:
        raise refuse(400, f"This card is {old['status']} and can't be changed any more.")
    for name in ("card_limit", "card_limit_atm"):
        if name in values:
            values[name] = amount(read_cents(values, name, "EUR"), "EUR")
    if "country_permission" in values:
        values["country_permission"] = [
            {"id": place, "country": entry.get("country")}
            for place, entry in enumerate(values["country_permission"], 1)
        ]
    if body.get("pin_code_assignment") is not None:
        pins = _assignments(call, body["pin_code_assignment"], paying_account(old))
        values["pin_code_assignment"] = pins
    if "primary_account_numbers" in values:
        values["primary_account_numbers"] = _numbers(call, old, values["primary_account_numbers"])
    card.save(**values)
    return card.id


def _numbers(
    call: Call, card: dict[str, Any], changes: list[dict[str, Any]]
) -> list[dict[str, Any]]:
    """Return the card's numbers with their changes; none is added or removed."""
    numbers = {number["id"]: number for number in card["primary_account_numbers"]}
    for change in changes:
        if change.get("id") not in numbers:
            raise not_found("Primary account number", change.get("id"))
        if change.get("monetary_account_id") is not None:
            account_to_use(call, change["monetary_account_id"])
        numbers[change["id"]] = numbers[change["id"]] | without_nulls(change)
    return list(numbers.values())


def _check_texts(call: Call, body: dict[str, Any]) -> None:
    if len(body.get("second_line") or "") > _LONGEST_LINE:
        raise refuse(400, f'"second_line" can\'t be longer than {_LONGEST_LINE} characters.')
    name = body.get("name_on_card")
    if name is not None and name not in card_names(call.ledger, call.person_id):
        raise refuse(400, f'"{name}" is none of the names that may stand on the card.')


def _assignments(
    call: Call, pins: list[dict[str, Any]] | None, account_id: int | None
) -> list[dict[str, Any]]:
    """Return which account each PIN pays from; the PIN itself is not kept."""
    assignments = []
    for pin in pins or []:
        number = pin.get("monetary_account_id")
        if number is not None:
            account_to_use(call, number)
        assignments.append(_assignment(pin["type"], number or account_id))
    return assignments or [_assignment("PRIMARY", account_id)]


def _assignment(kind: str, account_id: int | None) -> dict[str, Any]:
    return {
        "type": kind,
        "routing_type": "MANUAL",
        "monetary_account_id": account_id,
        "status": "ACTIVE",
    }


def show_card(card: StoredResource) -> Item:
    """Return a card with the labels of the account that it pays from."""
    name, fields = card.show("Card")
    account_id, ledger = paying_account(fields), card.ledger
    if account_id is not None and ledger.row("SELECT 1 FROM account WHERE id = ?", account_id):
        labels = ("label_monetary_account_ordered", "label_monetary_account_current")
        fields |= dict.fromkeys(labels, label_account(ledger, account_id))
    return name, fields


def create_code(call: Call) -> list[Item]:
    """Make a security code for paying online; it lasts five minutes."""
    luck = call.ledger.chance("cvc2", call.ledger.next_id("draw"))
    values = {
        "type": call.body.get("type") or "GENERATED",
        "cvc2": f"{luck.randrange(1000):03d}",
        "status": "AVAILABLE",
        "expiry_time": wire_time(call.ledger.clock.now() + _CVC2_LIFETIME),
    }
    return created(StoredResource.post(call, "CardGeneratedCvc2", values).id)


RULES: dict[str, Verbs] = {
    "card": {"list": list_cards, "get": get_card, "update": update_card},
    "card-name": {"list": list_names},
    "card-debit": {"create": order_card},
    "card-credit": {"create": order_card},
    "card-batch": {"create": update_batch},
    "card-batch-replace": {"create": replace_batch},
    "card.replace": {"create": replace_card},
    "card.generated-cvc2": {"create": create_code},
}
