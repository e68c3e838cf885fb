"""Notification filters are replaced and checked."""

from __future__ import annotations

from visitors import Hook, Visitor, refusal, watch


def test_filters_are_replaced_and_checked(visitor: Visitor, hook: Hook) -> None:
    """A set of filters replaces the one before; two targets for a category are the most."""
    watch(visitor, hook.url)
    path = f"/user/{visitor.session.user_id}/notification-filter-url"
    one = {"category": "MUTATION", "notification_target": hook.url}
    assert refusal(lambda: visitor.call("POST", path, {"notification_filters": one})) == (
        400,
        'Invalid type for field "notification_filters" (expected ARRAY containing STRUCT).',
    )
    elsewhere = one | {"notification_target": "http://example.org/"}
    wrong: list[list[dict[str, str]]] = [[one] * 3, [elsewhere], [{}]]
    for bad in wrong:
        body = {"notification_filters": bad}
        assert refusal(lambda b=body: visitor.call("POST", path, b))[0] == 400
    assert len(visitor.call("GET", path).items) == 1
    assert visitor.call("POST", path, {"notification_filters": []}).items == []
