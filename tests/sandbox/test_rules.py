"""Resources with rules of their own, each seen from both sides and through both doors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from visitors import Door, Frozen, Hook, Visitor, certificate, payment, refusal, request, watch

from bunqkit.auth import handshake
from bunqkit.sandbox import Bank, CardUse, Quirks
from bunqkit.security.redaction import Secret
from bunqkit.security.signing import KeyPair

PROVIDERS = "/payment-service-provider-credential"
PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 4


def upload(visitor: Visitor, path: str, content: bytes = PNG, kind: str = "image/png") -> Any:
    """Upload a file; give the answer's item."""
    headers = {"Content-Type": kind, "X-Bunq-Attachment-Description": "a picture"}
    return visitor.call("POST", path, content, headers=headers).item


# Requests for money


def test_request_is_seen_from_both_sides(visitor: Visitor, friend: Visitor) -> None:
    """The one who is asked finds the request under another id, and accepting it pays."""
    asked = visitor.create(f"{visitor.account}/request-inquiry", request(friend.email, "25.00"))
    response = friend.call("GET", f"{friend.account}/request-response").item
    assert response["id"] != asked
    assert (response["status"], response["type"]) == ("PENDING", "INTERNAL")
    path = f"{friend.account}/request-response/{response['id']}"
    accepted = friend.call("PUT", path, {"status": "ACCEPTED"})
    assert accepted.types == ["RequestResponse"]
    assert accepted.item["amount_responded"]["value"] == "25.00"
    mine = visitor.call("GET", f"{visitor.account}/request-inquiry/{asked}").item
    assert (mine["status"], mine["amount_responded"]["value"]) == ("ACCEPTED", "25.00")
    assert (visitor.balance(), friend.balance()) == ("25.00", "475.00")
    paid = visitor.call("GET", f"{visitor.account}/payment").item
    assert (paid["sub_type"], paid["amount"]["value"]) == ("REQUEST", "25.00")


def test_request_can_be_answered_by_less(visitor: Visitor, friend: Visitor) -> None:
    """What is paid is what the response says, and both sides are told it."""
    asked = visitor.create(f"{visitor.account}/request-inquiry", request(friend.email, "25.00"))
    response = friend.call("GET", f"{friend.account}/request-response").item
    body = {"status": "ACCEPTED", "amount_responded": {"value": "5.00", "currency": "EUR"}}
    friend.call("PUT", f"{friend.account}/request-response/{response['id']}", body)
    mine = visitor.call("GET", f"{visitor.account}/request-inquiry/{asked}").item
    assert mine["amount_responded"]["value"] == visitor.balance() == "5.00"


@pytest.mark.parametrize("end", ["REJECTED", "REVOKED", "ACCEPTED"])
def test_request_is_answered_once(visitor: Visitor, friend: Visitor, end: str) -> None:
    """After any end, neither side can change a request any more, and no more money moves."""
    asked = visitor.create(f"{visitor.account}/request-inquiry", request(friend.email))
    response = friend.call("GET", f"{friend.account}/request-response").item
    theirs = f"{friend.account}/request-response/{response['id']}"
    mine = f"{visitor.account}/request-inquiry/{asked}"
    if end == "REVOKED":
        visitor.call("PUT", mine, {"status": "REVOKED"})
    else:
        friend.call("PUT", theirs, {"status": end})
    balance = visitor.balance()
    for call in (
        lambda: friend.call("PUT", theirs, {"status": "ACCEPTED"}),
        lambda: visitor.call("PUT", mine, {"status": "REVOKED"}),
    ):
        status, text = refusal(call)
        assert (status, end in text) == (400, True)
    assert friend.call("GET", theirs).item["status"] == end
    assert visitor.balance() == balance


def test_accepting_without_money_leaves_the_request_pending(
    visitor: Visitor, friend: Visitor
) -> None:
    """Too little money is refused, and nothing of the acceptance stays."""
    friend.create(f"{friend.account}/request-inquiry", request(visitor.email))
    response = visitor.call("GET", f"{visitor.account}/request-response").item
    path = f"{visitor.account}/request-response/{response['id']}"
    assert refusal(lambda: visitor.call("PUT", path, {"status": "ACCEPTED"}))[0] == 400
    assert visitor.call("GET", path).item["status"] == "PENDING"


def test_others_responses_are_not_found(visitor: Visitor, friend: Visitor) -> None:
    """Only the one who is asked can answer: not by their own account's path either."""
    visitor.create(f"{visitor.account}/request-inquiry", request(friend.email))
    number = friend.call("GET", f"{friend.account}/request-response").item["id"]
    path = f"{visitor.account}/request-response/{number}"
    assert refusal(lambda: visitor.call("PUT", path, {"status": "ACCEPTED"}))[0] == 404


def test_batch_of_requests(visitor: Visitor, friend: Visitor) -> None:
    """A batch asks several people; revoking it revokes what is still pending."""
    body = {
        "request_inquiries": [request("sugardaddy@bunq.com"), request(friend.email, "5.00")],
        "total_amount_inquired": {"value": "15.00", "currency": "EUR"},
    }
    path = f"{visitor.account}/request-inquiry-batch"
    number = visitor.create(path, body)
    visitor.call("PUT", f"{path}/{number}", {"status": "REVOKED"})
    told = visitor.call("GET", f"{path}/{number}").item["request_inquiries"]
    assert [each["status"] for each in told] == ["ACCEPTED", "REVOKED"]
    assert {each["batch_id"] for each in told} == {number}
    body["total_amount_inquired"] = {"value": "15.01", "currency": "EUR"}
    assert refusal(lambda: visitor.call("POST", path, body))[0] == 400


# Payments in batches


def test_batch_pays_all_or_nothing(visitor: Visitor, friend: Visitor) -> None:
    """One payment too much refuses the whole batch; a good one is told with its payments."""
    visitor.top_up()
    path = f"{visitor.account}/payment-batch"
    greedy = {"payments": [payment(friend.email, "400.00"), payment(friend.email, "400.00")]}
    assert refusal(lambda: visitor.call("POST", path, greedy))[0] == 400
    assert visitor.balance() == "500.00"
    assert visitor.call("GET", path).items == []
    number = visitor.create(path, {"payments": [payment(friend.email, "1.00")] * 10})
    told = visitor.call("GET", f"{path}/{number}").item["payments"]
    assert [each["amount"]["value"] for each in told] == ["-1.00"] * 10
    assert {each["batch_id"] for each in told} == {number}
    assert visitor.balance() == "490.00"


# Accounts


def test_savings_account_shows_its_progress(visitor: Visitor) -> None:
    """The part of a goal that is reached is a decimal number (sdk_csharp#118)."""
    visitor.top_up()
    user = f"/user/{visitor.session.user_id}"
    goal = {"currency": "EUR", "savings_goal": {"value": "200.00", "currency": "EUR"}}
    number = visitor.create(f"{user}/monetary-account-savings", goal)
    saved = visitor.call("GET", f"{user}/monetary-account-savings/{number}").item
    iban = {"type": "IBAN", "value": saved["alias"][0]["value"], "name": "me"}
    body = payment("", "50.00", counterparty_alias=iban)
    visitor.create(f"{visitor.account}/payment", body)
    saved = visitor.call("GET", f"{user}/monetary-account-savings/{number}").item
    assert (saved["balance"]["value"], saved["savings_goal_progress"]) == ("50.00", 0.25)
    every = visitor.call("GET", f"{user}/monetary-account")
    assert every.types == ["MonetaryAccountSavings", "MonetaryAccountBank"]
    assert visitor.call("GET", f"{user}/monetary-account-bank").items[0]["id"] != number
    assert refusal(lambda: visitor.call("GET", f"{user}/monetary-account-bank/{number}"))[0] == 404


@pytest.mark.parametrize(("answer", "end"), [("ACTIVE", "ACTIVE"), ("CANCELLED", "CANCELLED")])
def test_joint_account_waits_for_the_other_owner(
    visitor: Visitor, friend: Visitor, answer: str, end: str
) -> None:
    """Until the other owner accepts, an account is pending; then both see and use it."""
    owners = [{"alias": {"type": "EMAIL", "value": v.email}} for v in (visitor, friend)]
    mine = f"/user/{visitor.session.user_id}/monetary-account-joint"
    theirs = f"/user/{friend.session.user_id}/monetary-account-joint"
    number = visitor.create(mine, {"currency": "EUR", "all_co_owner": owners})
    assert visitor.call("GET", f"{mine}/{number}").item["status"] == "PENDING_ACCEPTANCE"
    assert refusal(lambda: visitor.call("PUT", f"{mine}/{number}", {"status": "ACTIVE"}))[0] == 400
    friend.call("PUT", f"{theirs}/{number}", {"status": answer})
    assert visitor.call("GET", f"{mine}/{number}").item["status"] == end
    if end == "ACTIVE":
        told = friend.call("GET", f"{theirs}/{number}").item
        assert {owner["status"] for owner in told["all_co_owner"]} == {"ACCEPTED"}
        assert told["user_id"] == visitor.session.user_id
        path = f"/user/{friend.session.user_id}/monetary-account/{number}/payment"
        assert friend.call("GET", path).items == []
    else:
        assert refusal(lambda: friend.call("GET", f"{theirs}/{number}"))[0] == 404


def test_account_that_only_accepts_incoming(visitor: Visitor, friend: Visitor) -> None:
    """A blocked account can't pay; money still comes in."""
    visitor.top_up()
    path = f"/user/{visitor.session.user_id}/monetary-account-bank/{visitor.account_id}"
    body = {"status": "BLOCKED", "sub_status": "ONLY_ACCEPTING_INCOMING"}
    visitor.call("PUT", path, body)
    pay = f"{visitor.account}/payment"
    assert refusal(lambda: visitor.call("POST", pay, payment(friend.email)))[0] == 400
    friend.create(
        f"{friend.account}/payment",
        payment(
            "",
            counterparty_alias=visitor.call("GET", path).item["alias"][0],
        ),
    )
    assert visitor.balance() == "510.00"


def test_session_timeout_can_be_changed(visitor: Visitor, later: Callable[..., None]) -> None:
    """The next session lasts as long as the user says."""
    path = f"/user-person/{visitor.session.user_id}"
    visitor.call("PUT", path, {"session_timeout": 300})
    again = Visitor(visitor.door, KeyPair.generate(), visitor.api_key)
    assert again.session.timeout_s == 300
    later(seconds=301)
    assert refusal(lambda: again.call("GET", "/user"))[0] == 403


# Companies


def firm(**change: Any) -> dict[str, Any]:
    """Give the body of a company."""
    address = {"street": "Havenkade", "house_number": "3", "postal_code": "1000AB",
               "city": "Zwolle", "country": "NL"}  # fmt: skip
    return {
        "name": "Drukkerij Nergens",
        "address_main": address,
        "address_postal": address,
        "country": "NL",
        "legal_form": "VOF",
        "subscription_type": "COMPANY_V1",
    } | change


def test_a_person_makes_a_company(visitor: Visitor, friend: Visitor) -> None:
    """It is a user of its own with an account that can be paid to, and is let in with its key."""
    path, bank = f"/user/{visitor.session.user_id}/company", visitor.door.bank
    number = visitor.create(path, firm(ubo=[{"name": "A", "nationality": "NL"}]))
    listed = visitor.call("GET", path)
    assert (listed.types, [each["id"] for each in listed.items]) == (["UserCompany"], [number])
    told = visitor.call("GET", f"{path}/{number}").item
    assert (told["name"], told["legal_form"]) == ("Drukkerij Nergens", "VOF")
    assert (told["address_main"]["city"], told["ubo"][0]["name"]) == ("Zwolle", "A")
    assert told["directors"][0]["display_name"] == visitor.session.user["display_name"]
    own = Visitor(visitor.door, KeyPair.generate(), bank.issue_key(number))
    assert (own.session.user_id, own.session.user) == (number, told)
    friend.create(f"{friend.account}/payment", payment(own.email, "5.00"))
    assert own.balance() == "5.00"
    plan = own.call("GET", f"/user/{number}/billing-contract-subscription").item
    assert plan["subscription_type"] == "COMPANY_V1"
    visitor.call("PUT", f"{path}/{number}", {"name": "Drukkerij Ergens"})
    paid = friend.call("GET", f"{friend.account}/payment").items[0]
    assert paid["counterparty_alias"]["display_name"] == "Drukkerij Ergens"
    assert own.call("GET", "/user").item["name"] == "Drukkerij Ergens"
    theirs = f"/user/{friend.session.user_id}/company"
    assert friend.call("GET", theirs).items == []
    assert refusal(lambda: friend.call("PUT", f"{theirs}/{number}", {"name": "Mine"}))[0] == 404
    assert not any(bank.ledger.imbalance().values())


@pytest.mark.parametrize(
    "change",
    [{"subscription_type": "PERSON_FREE_V1"}, {"ubo": [{"name": "A"}] * 5}, {"avatar_uuid": "x"}],
    ids=lambda change: next(iter(change)),
)
def test_companies_that_can_not_be(visitor: Visitor, change: dict[str, Any]) -> None:
    """A person's plan, five owners, and a picture that is not there."""
    path = f"/user/{visitor.session.user_id}/company"
    assert refusal(lambda: visitor.call("POST", path, firm(**change)))[0] in (400, 404)
    assert visitor.call("GET", path).items == []


# Cards


@pytest.fixture
def card(visitor: Visitor) -> int:
    """Give an active card of somebody with money."""
    visitor.top_up()
    user = f"/user/{visitor.session.user_id}"
    names = visitor.call("GET", f"{user}/card-name").item["possible_card_name_array"]
    body = {
        "type": "MASTERCARD",
        "product_type": "MASTERCARD_DEBIT",
        "second_line": "mine",
        "name_on_card": names[0],
    }
    answer = visitor.call("POST", f"{user}/card-debit", body)
    assert answer.types == ["CardDebit"]
    number: int = answer.item["id"]
    assert answer.item["status"] == "DEACTIVATED"
    visitor.call("PUT", f"{user}/card/{number}", {"status": "ACTIVE"})
    return number


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


def test_card_name_and_line_are_checked(visitor: Visitor, card: int) -> None:
    """Only offered names stand on a card, and 17 letters on its second line."""
    body = {"type": "MASTERCARD", "product_type": "x", "second_line": "x", "name_on_card": "Me"}
    path = f"/user/{visitor.session.user_id}/card-debit"
    assert refusal(lambda: visitor.call("POST", path, body))[0] == 400
    path = f"/user/{visitor.session.user_id}/card/{card}"
    assert refusal(lambda: visitor.call("PUT", path, {"second_line": "x" * 18}))[0] == 400


# Files


def test_files_come_back_byte_for_byte(visitor: Visitor) -> None:
    """What is uploaded to an account, or for everybody, is read back as it was, and signed."""
    number = upload(visitor, f"{visitor.account}/attachment")["id"]
    answer = visitor.call("GET", f"{visitor.account}/attachment/{number}/content")
    assert answer.exchange.answer_body == PNG
    assert answer.exchange.answer_headers["Content-Type"] == "image/png"
    assert answer.exchange.is_verified
    public = upload(visitor, "/attachment-public")["uuid"]
    content = visitor.call("GET", f"/attachment-public/{public}/content").exchange.answer_body
    assert content == PNG
    told = visitor.call("GET", f"/attachment-public/{public}").item["attachment"]
    assert (told["description"], told["content_type"]) == ("a picture", "image/png")


def test_private_files_are_private(visitor: Visitor, friend: Visitor) -> None:
    """An account's file is not found by anybody else, public ones are."""
    number = upload(visitor, f"{visitor.account}/attachment")["id"]
    path = f"/attachment/{number}/content"
    assert refusal(lambda: friend.call("GET", f"{friend.account}{path}"))[0] == 404
    assert refusal(lambda: friend.call("GET", f"/user/{friend.session.user_id}{path}"))[0] == 404
    assert visitor.call("GET", f"/user/{visitor.session.user_id}{path}").exchange.answer_body == PNG


@pytest.mark.parametrize(
    ("content", "kind"), [(b"", "image/png"), (PNG, "text/html"), (PNG, "")], ids=repr
)
def test_files_of_other_kinds_are_refused(visitor: Visitor, content: bytes, kind: str) -> None:
    """Pictures and PDFs are taken, and something must be in them."""
    path = f"{visitor.account}/attachment"
    assert refusal(lambda: upload(visitor, path, content, kind))[0] == 400


def test_avatar_is_chosen_and_shown(visitor: Visitor, friend: Visitor) -> None:
    """An avatar is made of a public picture, chosen for an account, and seen by others."""
    picture = upload(visitor, "/attachment-public")["uuid"]
    avatar = visitor.call("POST", "/avatar", {"attachment_public_uuid": picture}).item["uuid"]
    path = f"/user/{visitor.session.user_id}/monetary-account-bank/{visitor.account_id}"
    visitor.call("PUT", path, {"avatar_uuid": avatar})
    account = visitor.call("GET", path).item
    shown = visitor.call("GET", f"/avatar/{avatar}").item
    assert shown["anchor_uuid"] == account["public_uuid"]
    friend.create(f"{friend.account}/payment", payment(visitor.email))
    other = friend.call("GET", f"{friend.account}/payment").items[0]["counterparty_alias"]
    assert other["avatar"]["image"][0]["attachment_public_uuid"] == picture
    assert refusal(lambda: visitor.call("PUT", path, {"avatar_uuid": picture}))[0] == 404


def test_labels_follow_their_accounts(visitor: Visitor, friend: Visitor) -> None:
    """A new display name is seen at once by those who have seen the old one."""
    friend.create(f"{friend.account}/payment", payment(visitor.email))

    def shown() -> str:
        items = friend.call("GET", f"{friend.account}/payment").items
        name: str = items[0]["counterparty_alias"]["display_name"]
        return name

    assert shown() != "Tea house"
    path = f"/user/{visitor.session.user_id}/monetary-account-bank/{visitor.account_id}"
    visitor.call("PUT", path, {"display_name": "Tea house"})
    assert shown() == "Tea house"


def test_notes_hang_on_a_payment(visitor: Visitor, friend: Visitor) -> None:
    """Words and files can be hung on a payment, by its owner only."""
    visitor.top_up()
    number = visitor.create(f"{visitor.account}/payment", payment(friend.email))
    path = f"{visitor.account}/payment/{number}"
    note = visitor.create(f"{path}/note-text", {"content": "receipt is in the drawer"})
    told = visitor.call("GET", f"{path}/note-text/{note}").item
    assert told["content"] == "receipt is in the drawer"
    assert told["label_user_creator"]["type"] == "PERSON"
    file = upload(visitor, f"{visitor.account}/attachment")["id"]
    visitor.create(f"{path}/note-attachment", {"attachment_id": file})
    (hung,) = visitor.call("GET", f"{path}/note-attachment").items
    assert hung["attachment"] == [{"id": file, "monetary_account_id": visitor.account_id}]
    nobody = {"attachment_id": 1}
    assert refusal(lambda: visitor.call("POST", f"{path}/note-attachment", nobody))[0] == 404
    stolen = f"{friend.account}/payment/{number}/note-text"
    assert refusal(lambda: friend.call("POST", stolen, {"content": "x"}))[0] == 404


# Events


def test_events_follow_their_objects(visitor: Visitor, friend: Visitor) -> None:
    """A request waits for the one who is asked, then is final; ids are past 32 bits."""
    visitor.create(f"{visitor.account}/request-inquiry", request(friend.email))
    path = f"/user/{friend.session.user_id}/event"
    (waiting,) = friend.call("GET", f"{path}?status=AWAITING_REPLY").items
    assert waiting["id"] > 2**31
    assert waiting["object"]["RequestResponse"]["status"] == "PENDING"
    assert waiting["monetary_account_id"] == str(friend.account_id)
    number = waiting["object"]["RequestResponse"]["id"]
    friend.call("PUT", f"{friend.account}/request-response/{number}", {"status": "ACCEPTED"})
    after = friend.call("GET", f"{path}/{waiting['id']}").item
    assert (after["action"], after["status"]) == ("UPDATE", "FINALIZED")
    assert after["object"]["RequestResponse"]["status"] == "ACCEPTED"
    newest = friend.call("GET", f"{path}?monetary_account_id={friend.account_id}").items[0]
    assert list(newest["object"]) == ["Payment"]
    assert friend.call("GET", f"{path}?monetary_account_id=1,2").items == []


# Callbacks


def test_callback_comes_signed(visitor: Visitor, friend: Visitor, hook: Hook) -> None:
    """A payment is told to the target, signed by the key that the client verifies answers with."""
    answer = watch(visitor, hook.url)
    assert answer.types == ["NotificationFilterUrl"]
    assert answer.item["notification_target"] == hook.url
    friend.create(f"{friend.account}/payment", payment(visitor.email))
    visitor.door.bank.deliver()
    (told,) = hook.bodies
    assert (told["category"], told["event_type"]) == ("MUTATION", "MUTATION_RECEIVED")
    assert told["object"]["Payment"]["amount"]["value"] == "10.00"
    signature, body = hook.came[0]
    visitor.installation.bank_key.verify(body, signature)


def test_callback_is_tried_six_times(
    visitor: Visitor, friend: Visitor, hook: Hook, tick: Frozen
) -> None:
    """A target that fails is tried again each minute, five times; then it is a failure to retry."""
    hook.status = 500
    watch(visitor, hook.url)
    friend.create(f"{friend.account}/payment", payment(visitor.email))
    bank = visitor.door.bank
    bank.deliver()
    for tries in range(1, 6):
        assert len(hook.came) == tries
        bank.deliver()
        assert len(hook.came) == tries
        tick.seconds += 61
        bank.deliver()
    tick.seconds += 600
    assert bank.deliver() == 0
    path = f"/user/{visitor.session.user_id}/notification-filter-failure"
    (failure,) = visitor.call("GET", path).items
    assert (failure["response_code"], failure["event_type"]) == (500, "MUTATION_RECEIVED")
    hook.status = 200
    visitor.call("POST", path, {"notification_filter_failed_ids": str(failure["id"])})
    bank.deliver()
    assert len(hook.came) == 7
    assert visitor.call("GET", path).items == []


def test_filters_are_replaced_and_checked(visitor: Visitor, hook: Hook) -> None:
    """A set of filters replaces the one before; two targets for a category are the most."""
    watch(visitor, hook.url)
    path = f"/user/{visitor.session.user_id}/notification-filter-url"
    one = {"category": "MUTATION", "notification_target": hook.url}
    assert refusal(lambda: visitor.call("POST", path, {"notification_filters": one})) == (
        400,
        'Invalid type for field "notification_filters" (expected ARRAY containing STRUCT).',
    )
    for bad in ([one] * 3, [one | {"notification_target": "http://example.org/"}], [{}]):
        body = {"notification_filters": bad}
        assert refusal(lambda b=body: visitor.call("POST", path, b))[0] == 400
    assert len(visitor.call("GET", path).items) == 1
    assert visitor.call("POST", path, {"notification_filters": []}).items == []


def test_request_callbacks_say_what_happened(visitor: Visitor, friend: Visitor, hook: Hook) -> None:
    """The one who asks hears of the asking and of the answer; PAYMENT is silent about it."""
    watch(visitor, hook.url, "REQUEST")
    asked = visitor.create(f"{visitor.account}/request-inquiry", request(friend.email))
    number = friend.call("GET", f"{friend.account}/request-response").item["id"]
    friend.call("PUT", f"{friend.account}/request-response/{number}", {"status": "ACCEPTED"})
    visitor.door.bank.deliver()
    assert [told["event_type"] for told in hook.bodies] == [
        "REQUEST_INQUIRY_CREATED",
        "REQUEST_INQUIRY_ACCEPTED",
    ]
    assert hook.bodies[1]["object"]["RequestInquiry"]["id"] == asked


# Credentials


def test_address_can_be_switched_off(visitor: Visitor) -> None:
    """Only active addresses let in; their text never changes."""
    user = f"/user/{visitor.session.user_id}"
    (credential,) = visitor.call("GET", f"{user}/credential-password-ip").items
    assert (credential["status"], credential["token_value"]) == ("ACTIVE", None)
    path = f"{user}/credential-password-ip/{credential['id']}/ip"
    (address,) = visitor.call("GET", path).items
    assert (address["ip"], address["status"]) == ("127.0.0.1", "ACTIVE")
    one = f"{path}/{address['id']}"
    assert refusal(lambda: visitor.call("PUT", one, {"ip": "10.0.0.1"}))[0] == 400
    visitor.call("POST", path, {"ip": "203.0.113.9"})
    visitor.call("PUT", one, {"status": "INACTIVE"})
    assert refusal(lambda: visitor.call("GET", path))[0] == 403


def test_there_is_one_oauth_client(visitor: Visitor) -> None:
    """A user has one OAuth client, with callback addresses of their own."""
    path = f"/user/{visitor.session.user_id}/oauth-client"
    number = visitor.create(path, {})
    assert refusal(lambda: visitor.call("POST", path, {}))[0] == 400
    urls = f"{path}/{number}/callback-url"
    url = visitor.create(urls, {"url": "https://example.org/a"})
    visitor.call("PUT", f"{urls}/{url}", {"url": "https://example.org/b"})
    told = visitor.call("GET", f"{path}/{number}").item
    assert [each["url"] for each in told["callback_url"]] == ["https://example.org/b"]
    visitor.call("DELETE", f"{urls}/{url}")
    assert visitor.call("GET", f"{path}/{number}").item["callback_url"] == []
    assert refusal(lambda: visitor.call("POST", urls, {"url": "ftp://x"}))[0] == 400


@pytest.mark.parametrize(
    ("name", "signs", "problem"),
    [
        ("Test PISP AISP 1", True, None),
        ("Test PISP AISP 1", False, "User credentials are incorrect"),
        ("No role at all", True, "names no role"),
    ],
    ids=["good", "wrong signature", "no role"],
)
def test_provider_comes_with_a_certificate(
    door: Door, key: KeyPair, name: str, *, signs: bool, problem: str | None
) -> None:
    """A credential opens a provider's session; it is given for a signature and a role."""
    client = door.client()
    installation = handshake.create_installation(client, key)
    pem, pair = certificate(name)
    signed = f"{key.public.pem}{installation.token.reveal()}" if signs else "something else"
    body = {
        "client_payment_service_provider_certificate": pem,
        "client_payment_service_provider_certificate_chain": pem,
        "client_public_key_signature": pair.sign(signed.encode()),
    }

    def post() -> Any:
        return client.request("POST", PROVIDERS, body, token=installation.token)

    if problem is not None:
        status, text = refusal(post)
        assert (status, problem in text) == (400, True)
        return
    credential = post().item
    assert (credential["status"], credential["permitted_device"]) == ("PENDING_FIRST_USE", None)
    api_key = Secret(credential["token_value"])
    handshake.register_device(client, installation, api_key, description="test")
    session = handshake.open_session(client, installation, api_key, now=door.bank.clock.now())
    assert (session.user_type, session.timeout_s) == ("UserPaymentServiceProvider", 3600)
    path = f"/user-payment-service-provider/{session.user_id}"
    told = client.request("GET", path, token=session.token).item
    assert told["certificate_distinguished_name"] == name
    # The name of a certificate is taken once.
    assert refusal(post)[0] == 400


@pytest.mark.parametrize("said", [False, True])
def test_providers_sign_the_key_that_is_said(door: Door, key: KeyPair, *, said: bool) -> None:
    """The client's public key, or the bank's: a signature over the other is refused."""
    door.bank.quirks = Quirks(providers_sign_bank_key=said)
    client = door.client()
    installation = handshake.create_installation(client, key)
    pem, pair = certificate("Test AISP 2")
    signed = {False: key.public.pem, True: door.bank.key.public.pem}
    for over in (not said, said):
        text = f"{signed[over].strip()}\n{installation.token.reveal()}"
        body = {
            "client_payment_service_provider_certificate": pem,
            "client_payment_service_provider_certificate_chain": pem,
            "client_public_key_signature": pair.sign(text.encode()),
        }
        send = lambda b=body: client.request("POST", PROVIDERS, b, token=installation.token)  # noqa: E731
        if over == said:
            assert send().types == ["CredentialPasswordIp"]
        else:
            assert refusal(send)[0] == 400


# Statements


@pytest.mark.parametrize(
    ("form", "start"), [("CSV", b'"Date"'), ("PDF", b"%PDF-"), ("MT940", b":20:")]
)
def test_statement_is_a_file(visitor: Visitor, form: str, start: bytes) -> None:
    """A statement can be read as soon as it is asked for, in each of the three formats."""
    visitor.top_up("12.50")
    path = f"{visitor.account}/customer-statement"
    body = {
        "statement_format": form,
        "date_start": "2026-04-01",
        "date_end": "2026-04-01",
        "regional_format": "EUROPEAN",
    }
    number = visitor.create(path, body)
    assert visitor.call("GET", f"{path}/{number}").item["status"] == "COMPLETED"
    content = visitor.call("GET", f"{path}/{number}/content").exchange.answer_body
    assert content.startswith(start)
    assert b"12" in content
    if form == "CSV":
        assert b'"2026-04-01";"12,50"' in content
    wrong = body | {"date_end": "9999-99-99"}
    assert refusal(lambda: visitor.call("POST", path, wrong))[0] == 400


def test_the_demo_person_has_lived(key: KeyPair, bank: Bank) -> None:
    """Two and a half years, 500 payments, about 80 in the last three months, cards and savings."""
    rows = bank.ledger.rows("SELECT created FROM movement")
    assert len(rows) >= 500
    assert min(row["created"] for row in rows) < "2023-11-01"
    late = [row for row in rows if row["created"] >= "2026-01-01"]
    assert 60 <= len(late) <= 100
    kinds = {row["kind"] for row in bank.ledger.rows("SELECT DISTINCT kind FROM account")}
    assert kinds == {"MonetaryAccountBank", "MonetaryAccountSavings", "MonetaryAccountJoint"}
    types = {row["type"] for row in bank.ledger.rows("SELECT DISTINCT type FROM movement")}
    assert types == {"BUNQ", "EBA_SCT", "EBA_SDD", "IDEAL", "MASTERCARD"}
    assert set(bank.ledger.imbalance().values()) == {0}
