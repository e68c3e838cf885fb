"""Cards in use: payments, refusals, refunds, challenges."""

from __future__ import annotations

from typing import Any

import pytest
from visitors import Visitor, refusal

from bunqkit.sandbox import CardUse

# Cards


def actions(visitor: Visitor) -> list[dict[str, Any]]:
    """Give the card transactions of the first account."""
    items: list[dict[str, Any]] = visitor.call("GET", f"{visitor.account}/mastercard-action").items
    return items


def test_card_payment_books_and_tells(visitor: Visitor, card: int) -> None:
    """A card payment is a Mastercard action with its payment; a shop has no IBAN."""
    use = CardUse(12_34, "Buurtsuper", country="NL", currency="EUR")
    number = visitor.door.bank.use_card(card, use)
    (action,) = actions(visitor)
    assert (action["id"], action["card_id"], action["decision"]) == (number, card, "ALLOWED")
    assert action["amount_billing"] == {"currency": "EUR", "value": "12.34"}
    assert action["counterparty_alias"]["iban"] is None
    path = f"{visitor.account}/mastercard-action/{number}/payment"
    (paid,) = visitor.call("GET", path).items
    assert (paid["type"], paid["amount"]["value"]) == ("MASTERCARD", "-12.34")
    assert visitor.balance() == "487.66"


@pytest.mark.parametrize(
    ("use", "decision"),
    [
        (CardUse(1_00, "Kiosk", country="ZZ"), "COUNTRY_NOT_PERMITTED"),
        (CardUse(1_000_01, "Juwelier"), "LIMIT_REACHED"),
        (CardUse(500_01, "Juwelier"), "BALANCE_INSUFFICIENT"),
        (CardUse(500_01, "Geldautomaat", kind="cash"), "LIMIT_REACHED"),
    ],
    ids=lambda case: case if isinstance(case, str) else case.shop,
)
def test_card_is_refused_with_a_reason(
    visitor: Visitor, card: int, use: CardUse, decision: str
) -> None:
    """A refused transaction is an action that says why; no money moves."""
    visitor.door.bank.use_card(card, use)
    (action,) = actions(visitor)
    assert (action["decision"], action["authorisation_status"]) == (decision, "BLOCKED")
    assert visitor.balance() == "500.00"


def test_lost_card_pays_no_more(visitor: Visitor, card: int) -> None:
    """A card that is lost is refused, and can't be found again."""
    path = f"/user/{visitor.session.user_id}/card/{card}"
    assert visitor.call("PUT", path, {"status": "LOST"}).item["status"] == "LOST"
    visitor.door.bank.use_card(card, CardUse(1_00, "Kiosk"))
    assert actions(visitor)[0]["decision"] == "CARD_NOT_ACTIVE"
    assert refusal(lambda: visitor.call("PUT", path, {"status": "ACTIVE"}))[0] == 400


def test_refund_and_reversal(visitor: Visitor, card: int) -> None:
    """What a shop gives back arrives, in parts, and never more than was paid."""
    bank = visitor.door.bank
    number = bank.use_card(card, CardUse(20_00, "Webwinkel", kind="online"))
    bank.give_back(number, cents=5_00)
    assert visitor.balance() == "485.00"
    with pytest.raises(Exception, match="not that much"):
        bank.give_back(number, cents=15_01)
    bank.give_back(number, reverse=True)
    assert visitor.balance() == "500.00"
    action = actions(visitor)[0]
    assert [each["sub_type"] for each in action["all_mastercard_action_refund"]] == ["PARTIAL"]
    assert action["authorisation_status"] == "REVERSED"


@pytest.mark.parametrize(
    ("answer", "status", "came"),
    [
        ("ACCEPTED", "ACCEPTED", ("ALLOWED", "480.00")),
        ("ACCEPTED_PENDING_RESPONSE", "ACCEPTED", ("ALLOWED", "480.00")),
        ("REJECTED", "REJECTED", ("CHALLENGE_REJECTED", "500.00")),
        (None, "EXPIRED", ("CHALLENGE_EXPIRED", "500.00")),
    ],
)
def test_a_web_shop_waits_for_a_word(
    visitor: Visitor, card: int, answer: str | None, status: str, came: tuple[str, str]
) -> None:
    """Nothing moves before the cardholder's answer, nor after a no, a silence, or a second yes."""
    bank = visitor.door.bank
    use = CardUse(20_00, "Webwinkel", kind="online")
    path = f"/user/{visitor.session.user_id}/challenge-request/{bank.challenge(card, use)}"
    asked = visitor.call("GET", path).item
    assert (asked["status"], asked["amount"], asked["card_id"]) == ("PENDING", "20.00", card)
    assert asked["counterparty_alias"]["display_name"] == "Webwinkel"
    assert asked["expiry_time"] == "2026-04-01 09:05:00.000000"
    assert (actions(visitor), visitor.balance()) == ([], "500.00")
    assert refusal(lambda: visitor.call("PUT", path, {"status": "EXPIRED"}))[0] == 400
    if answer is None:
        bank.clock.advance(seconds=300)
    else:
        visitor.call("PUT", path, {"status": answer})
    assert visitor.call("GET", path).item["status"] == status
    (action,) = actions(visitor)
    assert (action["decision"], visitor.balance()) == came
    assert status in refusal(lambda: visitor.call("PUT", path, {"status": "ACCEPTED"}))[1]
    assert not any(bank.ledger.imbalance().values())


def test_a_yes_does_not_make_money(visitor: Visitor, friend: Visitor, card: int) -> None:
    """What was accepted is refused if the balance is too low; another can't accept it at all."""
    number = visitor.door.bank.challenge(card, CardUse(500_01, "Webwinkel", kind="online"))
    stolen = f"/user/{friend.session.user_id}/challenge-request/{number}"
    assert refusal(lambda: friend.call("PUT", stolen, {"status": "ACCEPTED"}))[0] == 404
    path = f"/user/{visitor.session.user_id}/challenge-request/{number}"
    visitor.call("PUT", path, {"status": "ACCEPTED"})
    assert actions(visitor)[0]["decision"] == "BALANCE_INSUFFICIENT"
    assert visitor.balance() == "500.00"


def user(visitor: Visitor) -> str:
    """Give the path of a person."""
    return f"/user/{visitor.session.user_id}"


def test_shops_are_told_by_their_trade(rich: Visitor) -> None:
    """A restaurant's payments are food, a cash machine's are cash."""
    bank = rich.door.bank
    names = rich.call("GET", f"{user(rich)}/card-name").item["possible_card_name_array"]
    body = {"type": "MASTERCARD", "product_type": "MASTERCARD_DEBIT", "second_line": "x",
            "name_on_card": names[0]}  # fmt: skip
    card = rich.call("POST", f"{user(rich)}/card-debit", body).item["id"]
    rich.call("PUT", f"{user(rich)}/card/{card}", {"status": "ACTIVE"})
    bank.use_card(card, CardUse(10_00, "Eetcafe", trade="5812"))
    bank.use_card(card, CardUse(20_00, "Geldautomaat", kind="cash"))
    told = {each["category"]: each for each in rich.call("GET", f"{user(rich)}/insights").items}
    assert told["FOOD_AND_DRINKS"]["amount_total"]["value"] == "-10.00"
    assert told["CASH"]["amount_total"]["value"] == "-20.00"
