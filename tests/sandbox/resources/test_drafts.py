"""Draft payments: accepted, ended, guarded against races."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from visitors import Frozen, Hook, Visitor, payment, refusal

NOON = "2026-04-01 12:00:00.000000"


def entry(to: str, amount: str = "10.00", **more: Any) -> dict[str, Any]:
    """Give an entry of a draft."""
    return payment(to, amount, **more)


def draft(visitor: Visitor, *entries: dict[str, Any], **more: Any) -> str:
    """Write a draft; give its path."""
    body = {"entries": list(entries), "number_of_required_accepts": 1, **more}
    path = f"{visitor.account}/draft-payment"
    return f"{path}/{visitor.create(path, body)}"


def times(unit: str = "MONTHLY", start: str = NOON, size: int = 1, **more: Any) -> dict[str, Any]:
    """Give a schedule."""
    return {"time_start": start, "recurrence_unit": unit, "recurrence_size": size, **more}


# Drafts


def test_draft_pays_when_it_is_accepted(rich: Visitor, friend: Visitor) -> None:
    """A draft moves nothing until it is accepted, and then shows the payment."""
    path = draft(rich, entry(friend.email, "12.50"))
    waiting = rich.call("GET", path).item
    assert (waiting["status"], waiting["object"], rich.balance()) == ("PENDING", None, "500.00")
    assert waiting["entries"][0]["amount"]["value"] == "12.50"
    body = {"status": "ACCEPTED", "previous_updated_timestamp": waiting["updated"]}
    assert rich.call("PUT", path, body).types == ["Id"]
    done = rich.call("GET", path).item
    assert (done["status"], rich.balance()) == ("ACCEPTED", "487.50")
    paid = rich.call("GET", f"{rich.account}/payment").items[0]
    assert done["object"]["Payment"]["id"] == paid["id"]
    assert done["responses"][0]["status"] == "ACCEPTED"


def test_draft_of_several_pays_all_or_none(rich: Visitor, friend: Visitor) -> None:
    """Several entries become a batch; too little money leaves the draft waiting."""
    few = [entry(friend.email, "100.00"), entry("bravo@bunq.com", "100.00")]
    path = draft(rich, *few)
    rich.call("PUT", path, {"status": "ACCEPTED"})
    batch = rich.call("GET", path).item["object"]["PaymentBatch"]
    assert [each["amount"]["value"] for each in batch["payments"]] == ["-100.00", "-100.00"]
    path = draft(rich, *few, *few)
    status, text = refusal(lambda: rich.call("PUT", path, {"status": "ACCEPTED"}))
    assert (status, "not sufficient" in text) == (400, True)
    assert rich.call("GET", path).item["status"] == "PENDING"
    assert rich.balance() == "300.00"


@pytest.mark.parametrize("end", ["ACCEPTED", "REJECTED", "CANCELLED"])
def test_draft_ends_once(rich: Visitor, friend: Visitor, end: str) -> None:
    """What was accepted, rejected or cancelled stays so."""
    path = draft(rich, entry(friend.email))
    rich.call("PUT", path, {"status": end})
    assert rich.call("GET", path).item["status"] == end
    for status in ("ACCEPTED", "REJECTED", "CANCELLED"):
        code, text = refusal(lambda s=status: rich.call("PUT", path, {"status": s}))
        assert (code, end in text) == (400, True)
    assert rich.balance() == ("490.00" if end == "ACCEPTED" else "500.00")


def test_draft_guards_against_races(rich: Visitor, friend: Visitor, tick: Frozen) -> None:
    """Who has not seen the last change may not accept; the entries may change until then."""
    path = draft(rich, entry(friend.email))
    seen = rich.call("GET", path).item["updated"]
    tick.seconds += 1
    rich.call("PUT", path, {"entries": [entry(friend.email, "20.00")]})
    old = {"status": "ACCEPTED", "previous_updated_timestamp": seen}
    assert "changed in the meantime" in refusal(lambda: rich.call("PUT", path, old))[1]
    rich.call("PUT", path, {"status": "ACCEPTED"})
    assert rich.balance() == "480.00"


@pytest.mark.parametrize(
    "wrong",
    [
        {"number_of_required_accepts": 2},
        {"entries": []},
        {"entries": [entry("nobody@example.org")]},
        {"entries": [entry("bravo@bunq.com", "0.00")]},
        {"status": "ACCEPTED"},
        {"schedule": times(size=0)},
    ],
    ids=repr,
)
def test_wrong_drafts_are_refused(rich: Visitor, wrong: dict[str, Any]) -> None:
    """One accept is needed, and each entry must be payable but for the money."""
    body = {"entries": [entry("bravo@bunq.com")], "number_of_required_accepts": 1} | wrong
    path = f"{rich.account}/draft-payment"
    assert refusal(lambda: rich.call("POST", path, body))[0] == 400
    assert rich.call("GET", path).items == []


def test_draft_with_a_schedule_pays_later(
    rich: Visitor, friend: Visitor, later: Callable[..., None]
) -> None:
    """Accepting it makes a schedule, and no payment yet."""
    path = draft(rich, entry(friend.email), schedule=times("ONCE"))
    rich.call("PUT", path, {"status": "ACCEPTED"})
    assert rich.balance() == "500.00"
    assert len(rich.call("GET", f"{rich.account}/schedule-payment").items) == 1
    later(hours=4)
    assert rich.balance() == "490.00"


def test_draft_is_told(rich: Visitor, friend: Visitor, hook: Hook) -> None:
    """Its event waits for an answer, then is final; callbacks say what happened."""
    user = f"/user/{rich.session.user_id}"
    wanted = {"category": "DRAFT_PAYMENT", "notification_target": hook.url}
    rich.call("POST", f"{user}/notification-filter-url", {"notification_filters": [wanted]})
    path = draft(rich, entry(friend.email))
    (waiting,) = rich.call("GET", f"{user}/event?status=AWAITING_REPLY").items
    assert waiting["object"]["DraftPayment"]["status"] == "PENDING"
    rich.call("PUT", path, {"status": "ACCEPTED"})
    rich.door.bank.deliver()
    told = [each["event_type"] for each in hook.bodies]
    assert told == ["DRAFT_PAYMENT_CREATED", "DRAFT_PAYMENT_ACCEPTED"]
    assert rich.call("GET", f"{user}/event?status=AWAITING_REPLY").items == []
