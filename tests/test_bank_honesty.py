"""The bank says what it is not, and behaves on either side of what sources disagree on."""

from __future__ import annotations

import textwrap
from collections.abc import Callable
from typing import Any

import pytest
from conftest import Door, Frozen, Visitor, Wire, payment, request

import bunqkit.sandbox
from bunqkit import handshake
from bunqkit.errors import ApiError
from bunqkit.redaction import Secret
from bunqkit.sandbox import Bank, Clock, Habits, doors
from bunqkit.sandbox.resources.rules import resources_with_rules
from bunqkit.signing import KeyPair


def listed(names: list[str]) -> str:
    """Write names as the docstring has them."""
    return textwrap.fill(
        ", ".join(sorted(names)) + ".",
        width=98,
        initial_indent="    ",
        subsequent_indent="    ",
        break_on_hyphens=False,
        break_long_words=False,
    )


@pytest.mark.parametrize("has_rules", [True, False], ids=["with rules", "generic"])
def test_the_list_of_resources_is_true(has_rules: bool) -> None:  # noqa: FBT001 (a table's column)
    """The package's docstring names exactly the resources with rules, and the generic ones.

    If this fails, put the text that it shows in place of the docstring's.
    """
    told = resources_with_rules()
    names = [name for name, has in told.items() if has == has_rules and ".note-" not in name]
    assert listed(names) in (bunqkit.sandbox.__doc__ or "")


Make = Callable[..., tuple[Visitor, Frozen]]


@pytest.fixture
def with_habits(key: KeyPair) -> Make:
    """Give a way to visit a bank with some habits."""

    def make(**how: Any) -> tuple[Visitor, Frozen]:
        tick = Frozen()
        bank = Bank(clock=Clock(tick=tick), habits=Habits(**how))
        return Visitor(Door(Wire(bank), doors.BASE_URL, doors.InProcess(bank)), key), tick

    return make


def status(call: Callable[[], Any]) -> int:
    """Give the status of a call."""
    try:
        call()
    except ApiError as error:
        return error.status
    return 200


@pytest.mark.parametrize(("hours", "minutes", "expected"), [(1, 61, 400), (4, 61, 200)])
def test_unbound_keys_live_as_long_as_said(
    with_habits: Make, hours: int, minutes: int, expected: int
) -> None:
    """One hour or four: sources disagree."""
    visitor, tick = with_habits(key_lifetime_h=hours)
    client = visitor.door.client()
    api_key = handshake.create_sandbox_user(client)
    tick.seconds += minutes * 60
    visited = lambda: Visitor(visitor.door, KeyPair.generate(), api_key)  # noqa: E731 (one use)
    assert status(visited) == expected


@pytest.mark.parametrize(("seconds", "expected"), [(1800, 200), (30, 403)])
def test_sessions_are_extended_as_said(with_habits: Make, seconds: int, expected: int) -> None:
    """A call ten minutes before the end extends by the docs, and not by the developer's words."""
    visitor, tick = with_habits(extension_s=seconds)
    tick.seconds += 604_800 - 600
    visitor.call("GET", "/user")
    tick.seconds += 700
    assert status(lambda: visitor.call("GET", "/user")) == expected


@pytest.mark.parametrize(
    ("is_401", "told"),
    [(False, (403, "Insufficient authentication.")), (True, (401, "Insufficient authorisation."))],
)
def test_expired_sessions_are_told_as_said(with_habits: Make, *, is_401: bool, told: Any) -> None:
    """The older and the newer status and text."""
    visitor, _ = with_habits(expired_is_401=is_401)
    visitor.call("DELETE", "/session/0")
    with pytest.raises(ApiError) as caught:
        visitor.client.request("GET", "/user", token=Secret("0" * 64))
    assert (caught.value.status, caught.value.messages[0]) == told


@pytest.mark.parametrize(("limit", "balance"), [(500_00, "0.00"), (None, "500.01")])
def test_sugar_daddy_has_the_limit_that_is_said(
    with_habits: Make, limit: int | None, balance: str
) -> None:
    """A cent above 500 is rejected, or comes."""
    visitor, _ = with_habits(sugar_limit_cents=limit)
    visitor.top_up("500.01")
    assert visitor.balance() == balance


def test_batches_and_filters_come_nested_if_said(with_habits: Make) -> None:
    """Both forms that sources show of a batch's payments and of a notification filter."""
    for nests in (False, True):
        visitor, _ = with_habits(batches_nest=nests, filters_nest=nests)
        visitor.top_up()
        path = f"{visitor.account}/payment-batch"
        number = visitor.create(path, {"payments": [payment("bravo@bunq.com")]})
        for item in (
            visitor.call("GET", path).items[0],
            visitor.call("GET", f"{path}/{number}").item,
        ):
            payments = item["payments"]["Payment"] if nests else item["payments"]
            assert payments[0]["amount"]["value"] == "-10.00"
        wanted = {"category": "MUTATION", "notification_target": "http://127.0.0.1:9/"}
        hooks = f"/user/{visitor.session.user_id}/notification-filter-url"
        told = visitor.call("POST", hooks, {"notification_filters": [wanted]}).item
        told = told["notification_filters"][0] if nests else told
        assert told["category"] == "MUTATION"


def test_request_ids_may_be_used_once_if_said(with_habits: Make) -> None:
    """A device that repeats a request id is refused only by a bank that minds."""
    same = {"X-Bunq-Client-Request-Id": "one"}
    for is_unique, expected in ((False, 200), (True, 400)):
        visitor, _ = with_habits(request_ids_are_unique=is_unique)
        visitor.call("GET", "/user", headers=same)
        assert status(lambda v=visitor: v.call("GET", "/user", headers=same)) == expected


def test_idle_signatures_count_if_said(with_habits: Make, other_key: KeyPair) -> None:
    """Where none is needed, a wrong signature is refused or not looked at; a payment's always."""
    for counts, expected in ((True, 400), (False, 200)):
        visitor, _ = with_habits(idle_signatures_count=counts)
        visitor.top_up()
        visitor.client.key = other_key
        path = f"{visitor.account}/request-inquiry"
        body = request("bravo@bunq.com")
        assert status(lambda v=visitor, p=path, b=body: v.call("POST", p, b)) == expected
        path = f"{visitor.account}/payment"
        assert status(lambda v=visitor, p=path: v.call("POST", p, payment("bravo@bunq.com"))) == 400


def test_large_counts_are_cut_or_refused(with_habits: Make) -> None:
    """No source says what bunq does with more than 200."""
    for refuses, expected in ((False, 200), (True, 400)):
        visitor, _ = with_habits(large_counts_are_refused=refuses)
        path = f"{visitor.account}/payment?count=201"
        assert status(lambda v=visitor, p=path: v.call("GET", p)) == expected
