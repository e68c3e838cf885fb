"""Notification filters: who wants to hear of what, and which callbacks failed.

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
from bunqkit.sandbox.resources.call import Call, Item, Verbs, created
from bunqkit.sandbox.resources.credentials import is_callable
from bunqkit.sandbox.resources.generic_resources import StoredResource, scope_of
from bunqkit.sandbox.resources.rows import pick, read_id
from bunqkit.sandbox.resources.shape import shape

_MOST_URLS = 2
# Source: bunq docs, "Callbacks": push filters made through OAuth lapse.
_APP_LIFETIME = timedelta(days=90)
_FAILED = "SELECT * FROM callback WHERE person_id = ? AND due IS NULL AND problem IS NOT NULL"


def set_filters(call: Call) -> list[Item]:
    """Replace all filters by those that are sent; an empty list removes them."""
    number = _replace(call, _scope(call), call.operation.wrapper, call.body["notification_filters"])
    return created(number) if call.quirks.filters_answer_by_id else list_filters(call)


def set_by_owner(call: Call) -> None:
    """Set the filters that a change of a user or an account holds, as at bunq until 2019."""
    kind = "monetary-account" if "userID" in call.ids else "user"
    scope = f"{kind}/{call.number()}/notification-filter-url"
    _replace(call, scope, "NotificationFilterUrl", call.body.pop("notification_filters"))


def _replace(call: Call, scope: str, type_name: str, filters: list[dict[str, Any]]) -> int:
    """Replace the filters of a scope; return the id of the last one, or 0."""
    is_url, number, secret = scope.endswith("-url"), 0, None
    for entry in filters:
        if not entry.get("category"):
            raise refuse(400, 'Missing required field "notification_filters.category".')
        target = entry.get("notification_target")
        if is_url and not (target and is_callable(target)):
            raise refuse(400, f'"{target}" is not a valid notification target; it needs https.')
        # A target by http is on the bank's machine: only callers on that machine may set it.
        is_plain = urlsplit(target or "").scheme == "http"
        if is_plain and not ip_address(call.address).is_loopback:
            raise refuse(
                400,
                f'"{target}" is on the machine of the bank, and you called from another address. '
                "Use https, or call the bank at 127.0.0.1.",
            )
    most = max(Counter(entry["category"] for entry in filters).values(), default=0)
    if is_url and most > _MOST_URLS:
        raise refuse(400, f"At most {_MOST_URLS} targets are allowed for a category.")
    call.ledger.execute("DELETE FROM thing WHERE scope = ?", scope)
    if call.consent is not None and scope.endswith("-push"):
        secret = {"lapses": wire_time(call.ledger.clock.now() + _APP_LIFETIME)}
    for entry in filters:
        values = {name: entry.get(name) for name in ("category", "notification_target")}
        number = StoredResource.add(call.ledger, scope, type_name, values, secret=secret).id
    return number


def _scope(call: Call) -> str:
    """Return whose filters a call means: those of the person, or those of an OAuth app."""
    scope = scope_of(call)
    if call.consent is None:
        return scope
    return f"user/{call.consent['id']}/{scope.rpartition('/')[2]}"


def list_filters(call: Call) -> list[Item]:
    """List all filters."""
    name, now = call.operation.wrapper, wire_time(call.ledger.clock.now())
    condition = "scope = ? AND COALESCE(json_extract(secret, '$.lapses'), '~') > ?"
    items = [
        entry.show(name)
        for entry in StoredResource.select(call.ledger, condition, _scope(call), now)
    ]
    if call.quirks.filters_nest:
        return [(name, {"notification_filters": [fields]}) for _, fields in items]
    return items


def list_failures(call: Call) -> list[Item]:
    """List the callbacks that failed six times, newest first."""
    rows = call.ledger.rows(f"{_FAILED} ORDER BY id DESC", call.person_id)
    return [("NotificationFilterFailure", _show_failure(row)) for row in rows]


def retry_failures(call: Call) -> list[Item]:
    """Try failed callbacks again, by their ids separated by commas."""
    number = 0
    for text in call.body["notification_filter_failed_ids"].split(","):
        number = read_id(text.strip())
        if not call.ledger.row(f"{_FAILED} AND id = ?", call.person_id, number):
            raise refuse(400, f'There is no failed notification "{text.strip()}".')
        now = wire_time(call.ledger.clock.now())
        call.ledger.update("callback", number, due=now, tries=0, problem=None)
    return created(number)


def _show_failure(row: sqlite3.Row) -> dict[str, object]:
    values = pick(row, "category", "event_type", "object_id", "response_code") | {
        "notification_filters": [
            {
                "notification_delivery_method": "URL",
                "notification_target": row["target"],
                "category": row["category"],
            }
        ],
        "exception_message": row["problem"],
    }
    # The description gives failures no id, though a retry asks for one; it comes as an extra.
    return {"id": row["id"]} | shape("NotificationFilterFailure", values)


RULES: dict[str, Verbs] = {
    "notification-filter-failure": {"list": list_failures, "create": retry_failures},
}
