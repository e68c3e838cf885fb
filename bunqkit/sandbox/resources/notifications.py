"""Notification filters: who wants to be told of what, and which callbacks came to nothing.

Source: bunq docs, "Callbacks"; issues of the SDKs for the answer, which is a flat list of the
filters, not an id (sdk_php#177, sdk_python#130).
"""

from __future__ import annotations

import sqlite3
from collections import Counter
from datetime import timedelta
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

from bunqkit.sandbox.clock import wire_time
from bunqkit.sandbox.refusal import refuse
from bunqkit.sandbox.resources.call import Call, Item, created, read_id
from bunqkit.sandbox.resources.credentials import is_callable
from bunqkit.sandbox.resources.generic_resources import add_thing, scope_of, tell_thing
from bunqkit.sandbox.resources.shape import shape

_MOST_URLS = 2


def set_filters(call: Call) -> list[Item]:
    """Replace all filters by those that are sent; an empty list removes them."""
    number = _replace(call, _scope(call), call.operation.wrapper, call.body["notification_filters"])
    return created(number) if call.habits.filters_answer_by_id else list_filters(call)


def set_by_owner(call: Call) -> None:
    """Set the filters that stand in a change of a user or an account, as until 2019."""
    kind = "monetary-account" if "userID" in call.ids else "user"
    scope = f"{kind}/{call.number('itemId')}/notification-filter-url"
    _replace(call, scope, "NotificationFilterUrl", call.body.pop("notification_filters"))


def _replace(call: Call, scope: str, type_name: str, told: list[dict[str, Any]]) -> int:
    """Put filters in the place of those in a scope; give the id of the last."""
    for each in told:
        if not each.get("category"):
            raise refuse(400, 'Missing required field "notification_filters.category".')
        target = each.get("notification_target")
        if scope.endswith("-url") and not (target and is_callable(target)):
            raise refuse(400, f'"{target}" is not a valid notification target; it needs https.')
        # By http the target is on the bank's machine, which only its own people may have called.
        is_plain = urlsplit(target or "").scheme == "http"
        if is_plain and not ip_address(call.address).is_loopback:
            raise refuse(
                400,
                f'"{target}" is on the machine of the bank, and you called from another address. '
                "Use https, or call the bank at 127.0.0.1.",
            )
    most = Counter(each["category"] for each in told).most_common(1)
    if most and scope.endswith("-url") and most[0][1] > _MOST_URLS:
        raise refuse(400, f"At most {_MOST_URLS} targets are allowed for a category.")
    call.ledger.execute("DELETE FROM thing WHERE scope = ?", scope)
    number = 0
    for each in told:
        values = {name: each.get(name) for name in ("category", "notification_target")}
        secret = {"lapses": wire_time(call.ledger.clock.now() + _APP_LIFETIME)}
        is_lent = call.consent is not None and scope.endswith("-push")
        number = add_thing(
            call.ledger,
            scope,
            type_name,
            values,
            secret=secret if is_lent else None,
        )
    return number


# Source: bunq docs, "Callbacks": push filters made through OAuth lapse.
_APP_LIFETIME = timedelta(days=90)


def _scope(call: Call) -> str:
    """Give where filters are kept: an app's stand beside those of the person."""
    scope = scope_of(call)
    if call.consent is None:
        return scope
    return f"user/{call.consent['id']}/{scope.rpartition('/')[2]}"


def list_filters(call: Call) -> list[Item]:
    """Give all filters."""
    rows = call.ledger.rows(
        "SELECT * FROM thing WHERE scope = ? "
        "AND COALESCE(json_extract(secret, '$.lapses'), '~') > ? ORDER BY id",
        _scope(call),
        wire_time(call.ledger.clock.now()),
    )
    name = call.operation.wrapper
    told = [tell_thing(row, name) for row in rows]
    if call.habits.filters_nest:
        return [(name, {"notification_filters": [each]}) for each in told]
    return [(name, each) for each in told]


_FAILED = "SELECT * FROM callback WHERE person_id = ? AND due IS NULL AND problem IS NOT NULL"


def list_failures(call: Call) -> list[Item]:
    """Give the callbacks that were tried six times in vain."""
    rows = call.ledger.rows(f"{_FAILED} ORDER BY id DESC", call.person_id)
    return [("NotificationFilterFailure", _tell_failure(row)) for row in rows]


def retry_failures(call: Call) -> list[Item]:
    """Try failed callbacks anew, by their ids separated by commas."""
    number = 0
    for text in call.body["notification_filter_failed_ids"].split(","):
        number = read_id(text.strip())
        if not call.ledger.row(f"{_FAILED} AND id = ?", call.person_id, number):
            raise refuse(400, f'There is no failed notification "{text.strip()}".')
        now = wire_time(call.ledger.clock.now())
        call.ledger.update("callback", number, due=now, tries=0, problem=None)
    return created(number)


def _tell_failure(row: sqlite3.Row) -> dict[str, object]:
    # The description gives failures no id, though a retry asks for one; it comes as an extra.
    return {"id": row["id"]} | shape(
        "NotificationFilterFailure",
        {
            "notification_filters": [
                {
                    "notification_delivery_method": "URL",
                    "notification_target": row["target"],
                    "category": row["category"],
                }
            ],
            "category": row["category"],
            "event_type": row["event_type"],
            "object_id": row["object_id"],
            "exception_message": row["problem"],
            "response_code": row["response_code"],
        },
    )
