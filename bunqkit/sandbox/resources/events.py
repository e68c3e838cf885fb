"""What happened: one event for each object and person it concerns, and the callbacks it sets off.

Source: bunq docs, "Event" and "Callbacks"; types of events as captured in issues of the SDKs.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime

from bunqkit.sandbox.clock import wire_time
from bunqkit.sandbox.ledger import Ledger
from bunqkit.sandbox.resources.call import Item

Notice = tuple[str, str]
"""Category of a notification filter, and type of the event."""


def owners(ledger: Ledger, account_id: int) -> list[int]:
    """Give the people whose account it is; nobody's if it is outside the bank."""
    return ledger.recall(("owners", account_id), lambda: _owners(ledger, account_id))


def _owners(ledger: Ledger, account_id: int) -> list[int]:
    account = ledger.account(account_id)
    if account["person_id"] is None:
        return []
    others = ledger.rows(
        "SELECT person_id FROM co_owner WHERE account_id = ? AND status = 'ACCEPTED' "
        "AND person_id <> ?",
        account_id,
        account["person_id"],
    )
    return [account["person_id"], *(row["person_id"] for row in others)]


def record(
    ledger: Ledger,
    account_id: int,
    kind: str,
    object_id: int,
    *,
    status: str = "FINALIZED",
    at: datetime | None = None,
) -> None:
    """Write or bring up to date the event of an object, for each owner of the account."""
    now = wire_time(at or ledger.clock.now())
    for person_id in owners(ledger, account_id):
        known = ledger.row(
            "SELECT id FROM event WHERE person_id = ? AND kind = ? AND object_id = ?",
            person_id,
            kind,
            object_id,
        )
        if known is not None:
            ledger.update("event", known["id"], updated=now, action="UPDATE", status=status)
            continue
        ledger.insert(
            "event",
            id=ledger.next_id("event"),
            person_id=person_id,
            account_id=account_id,
            created=now,
            updated=now,
            action="CREATE",
            status=status,
            kind=kind,
            object_id=object_id,
        )


def notify(
    ledger: Ledger,
    account_id: int,
    object_id: int,
    notices: tuple[Notice, ...],
    tell: Callable[[], Item],
) -> None:
    """Write a callback for every filter that asks for one of the categories.

    Parameters
    ----------
    ledger, account_id
        Where it happened.
    object_id
        What it happened to.
    notices
        What a filter may ask for, and what the callback then says.
    tell
        Gives the object, if anybody asks for it.
    """
    for person_id in owners(ledger, account_id):
        apps = ledger.rows(
            "SELECT consent.id FROM consent JOIN consent_account ON consent_id = consent.id "
            "JOIN api_key ON text = consent.api_key "
            "WHERE granter_id = ? AND account_id = ? AND (expires IS NULL OR expires > ?)",
            person_id,
            account_id,
            wire_time(ledger.clock.now()),
        )
        scopes = (f"monetary-account/{account_id}", *(f"user/{app['id']}" for app in apps))
        notify_person(ledger, person_id, object_id, notices, tell, scopes=scopes)


def notify_person(
    ledger: Ledger,
    person_id: int,
    object_id: int,
    notices: tuple[Notice, ...],
    tell: Callable[[], Item],
    *,
    scopes: tuple[str, ...] = (),
) -> None:
    """Write a callback for every filter of a person, and of further scopes, that asks for it."""
    asked = [f"{scope}/notification-filter-url" for scope in (f"user/{person_id}", *scopes)]
    filters = ledger.rows(
        f"SELECT item FROM thing WHERE scope IN ({', '.join('?' * len(asked))})", *asked
    )
    for row in filters:
        wanted = json.loads(row["item"])
        for category, event_type in notices:
            if wanted["category"] == category:
                about = (object_id, tell())
                target = wanted["notification_target"]
                add_callback(ledger, person_id, (category, event_type), about, target)


def add_callback(
    ledger: Ledger, person_id: int, notice: Notice, about: tuple[int, Item], target: str
) -> int:
    """Write a callback that is due at once; give its id."""
    category, event_type = notice
    object_id, (name, item) = about
    body = {
        "target_url": target,
        "category": category,
        "event_type": event_type,
        "object": {name: item},
    }
    number = ledger.next_id("callback")
    ledger.insert(
        "callback",
        id=number,
        person_id=person_id,
        category=category,
        event_type=event_type,
        object_id=object_id,
        target=target,
        body=json.dumps({"NotificationUrl": body}),
        due=wire_time(ledger.clock.now()),
    )
    return number
