"""Money sent abroad through Wise."""

from __future__ import annotations

from typing import Any

from visitors import Visitor, refusal


def money(value: str, currency: str = "EUR") -> dict[str, str]:
    """Give an amount."""
    return {"value": value, "currency": currency}


# Wise

DETAIL = [{"key": "sortCode", "value": "200000"}, {"key": "accountNumber", "value": "55779911"}]


def quote(visitor: Visitor, **amounts: Any) -> str:
    """Ask for a quote to pounds; give its path."""
    path = f"/user/{visitor.session.user_id}/transferwise-quote"
    body = {"currency_source": "EUR", "currency_target": "GBP", **amounts}
    return f"{path}/{visitor.create(path, body)}"


def recipient(visitor: Visitor, path: str, **more: Any) -> int:
    """Write down who gets it."""
    body = {"name_account_holder": "Ada Abroad", "type": "sort_code", "detail": DETAIL, **more}
    return visitor.create(f"{path}/transferwise-recipient", body)


def test_money_is_sent_abroad(rich: Visitor) -> None:
    """The quote's amount leaves the account at once, and arrives a day later."""
    path = quote(rich, amount_source=money("100.00"))
    told = rich.call("GET", path).item
    assert (told["rate"], told["amount_fee"]) == ("0.856000", money("0.50"))
    assert told["amount_target"] == money("85.17", "GBP")
    (needs,) = rich.call("GET", f"{path}/transferwise-recipient-requirement").items
    assert needs["type"] == "sort_code"
    assert [field["group"]["key"] for field in needs["fields"]] == ["sortCode", "accountNumber"]
    number = recipient(rich, path)
    body = {"monetary_account_id": rich.account_id, "recipient_id": number}
    rich.create(f"{path}/transferwise-transfer-requirement", {"recipient_id": str(number)})
    sent = f"{path}/transferwise-transfer"
    sent = f"{sent}/{rich.create(sent, body)}"
    assert rich.balance() == "400.00"
    transfer = rich.call("GET", sent).item
    assert (transfer["status"], transfer["status_transferwise"]) == ("PENDING", "processing")
    assert transfer["counterparty_alias"]["display_name"] == "Ada Abroad"
    assert transfer["quote"]["id"] == int(path.rpartition("/")[2])
    assert "PAID" in refusal(lambda: rich.create(f"{path}/transferwise-transfer", body))[1]
    rich.door.bank.clock.advance(days=1)
    assert rich.call("GET", sent).item["status_transferwise"] == "outgoing_payment_sent"
    assert rich.balance() == "400.00"


def test_a_person_is_linked_to_wise_once(rich: Visitor, friend: Visitor) -> None:
    """By the first quote or by a call of its own; a second one changes nothing."""
    path = f"/user/{rich.session.user_id}/transferwise-user"
    assert rich.call("GET", path).items == []
    quote(rich)
    (linked,) = rich.call("GET", path).items
    assert linked["email"] == rich.email
    assert rich.create(path, {"oauth_code": "a code"}) == linked["id"]
    quote(rich)
    assert rich.call("GET", path).items == [linked]
    theirs = f"/user/{friend.session.user_id}/transferwise-user"
    number = friend.create(theirs, {})
    assert [each["id"] for each in friend.call("GET", theirs).items] == [number]


def test_recipients_are_known_again(rich: Visitor, friend: Visitor) -> None:
    """Another quote to the same currency finds them; another person does not."""
    first, second = quote(rich), quote(rich, amount_target=money("10.00", "GBP"))
    number = recipient(rich, first)
    (known,) = rich.call("GET", f"{second}/transferwise-recipient").items
    assert (known["id"], known["account_number"], known["bank_code"]) == (
        number,
        "55779911",
        "200000",
    )
    body = {"monetary_account_id": rich.account_id, "recipient_id": number}
    rich.create(f"{second}/transferwise-transfer", body)
    theirs = quote(friend, amount_target=money("10.00", "GBP"))
    stolen = {"monetary_account_id": friend.account_id, "recipient_id": number}
    path = f"{theirs}/transferwise-transfer"
    assert refusal(lambda: friend.call("POST", path, stolen))[0] == 404
    assert friend.call("GET", f"{theirs}/transferwise-recipient").items == []


def test_quotes_that_can_not_be_paid(rich: Visitor) -> None:
    """One without an amount, one that is half an hour old, and one from too empty an account."""
    rate_only = quote(rich)
    number = recipient(rich, rate_only)
    body = {"monetary_account_id": rich.account_id, "recipient_id": number}
    send = lambda path: refusal(lambda: rich.create(f"{path}/transferwise-transfer", body))  # noqa: E731
    assert "no amount" in send(rate_only)[1]
    dear, old = quote(rich, amount_source=money("500.01")), quote(rich, amount_source=money("5.00"))
    assert "not sufficient" in send(dear)[1]
    rich.door.bank.clock.advance(seconds=1800)
    assert "EXPIRED" in send(old)[1]
    assert rich.balance() == "500.00"


def test_recipient_must_say_what_is_required(rich: Visitor) -> None:
    """Another kind, or a missing detail, is refused before anything is kept."""
    path = quote(rich)
    assert "sort_code" in refusal(lambda: recipient(rich, path, type="iban"))[1]
    assert '"accountNumber"' in refusal(lambda: recipient(rich, path, detail=DETAIL[:1]))[1]
    both = {"amount_source": money("1.00"), "amount_target": money("1.00", "GBP")}
    assert refusal(lambda: quote(rich, **both))[0] == 400
    assert refusal(lambda: quote(rich, amount_source=money("0.01")))[0] == 400
