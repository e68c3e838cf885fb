"""Callbacks are signed, and tried again when they fail."""

from __future__ import annotations

from visitors import Frozen, Hook, Visitor, payment, watch

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
