"""What happened: one event for each object and person it concerns, and the callbacks it causes.

Source: bunq docs, "Event" and "Callbacks"; types of events as captured in issues of the SDKs.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime

from bunqkit.sandbox.clock import wire_time
from bunqkit.sandbox.ledger import BankLedger
from bunqkit.sandbox.resources.call import Item

Notice = tuple[str, str]
"""Category of a notification filter, and type of the event."""


def owners(ledger: BankLedger, account_id: int) -> list[int]:
    """List the people who own an account; none if it is outside the bank."""
    return ledger.recall(("owners", account_id), lambda: _owners(ledger, account_id))


def _owners(ledger: BankLedger, account_id: int) -> list[int]:
    person_id = ledger.account(account_id)["person_id"]
    if person_id is None:
        return []
    query = (
        "SELECT person_id FROM co_owner WHERE account_id = ? AND status = 'ACCEPTED' "
        "AND person_id <> ?"
    )
    return [person_id, *(row["person_id"] for row in ledger.rows(query, account_id, person_id))]


def announce(
    ledger: BankLedger,
    account_id: int,
    about: tuple[str, int],
    notices: tuple[Notice, ...],
    show: Callable[[], Item],
    *,
    status: str = "FINALIZED",
    at: datetime | None = None,
) -> None:
    """Write the event of an object for each owner of its account, and the callbacks.

    Parameters
    ----------
    ledger, account_id
        Where it happened.
    about
        The kind of the object, and its id.
    notices
        What a filter may ask for, and what the callback then says.
    show
        Returns the object; called only if somebody asked for it.
    status
        The status of the event.
    at
        When it happened; by default now.
    """
    record(ledger, account_id, *about, status=status, at=at)
    notify(ledger, account_id, about[1], notices, show)


def record(
    ledger: BankLedger,
    account_id: int,
    kind: str,
    object_id: int,
    *,
    status: str = "FINALIZED",
    at: datetime | None = None,
) -> None:
    """Write or update the event of an object, for each owner of the account."""
    for person_id in owners(ledger, account_id):
        record_for(ledger, person_id, account_id, kind, object_id, status=status, at=at)


def record_for(
    ledger: BankLedger,
    person_id: int,
    account_id: int | None,
    kind: str,
    object_id: int,
    *,
    status: str = "FINALIZED",
    at: datetime | None = None,
) -> None:
    """Write or update the event of an object for one person."""
    now = wire_time(at or ledger.clock.now())
    query = "SELECT id FROM event WHERE person_id = ? AND kind = ? AND object_id = ?"
    event = ledger.row(query, person_id, kind, object_id)
    if event is not None:
        ledger.update("event", event["id"], updated=now, action="UPDATE", status=status)
        return
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
    ledger: BankLedger,
    account_id: int,
    object_id: int,
    notices: tuple[Notice, ...],
    show: Callable[[], Item],
) -> None:
    """Write a callback for every filter that asks for one of the categories.

    Parameters
    ----------
    ledger, account_id
        Where it happened.
    object_id
        The id of the object it happened to.
    notices
        What a filter may ask for, and what the callback then says.
    show
        Returns the object; called only if somebody asked for it.
    """
    query = (
        "SELECT consent.id FROM consent JOIN consent_account ON consent_id = consent.id "
        "JOIN api_key ON text = consent.api_key "
        "WHERE granter_id = ? AND account_id = ? AND (expires IS NULL OR expires > ?)"
    )
    now = wire_time(ledger.clock.now())
    for person_id in owners(ledger, account_id):
        apps = ledger.rows(query, person_id, account_id, now)
        scopes = (f"monetary-account/{account_id}", *(f"user/{app['id']}" for app in apps))
        notify_person(ledger, person_id, object_id, notices, show, scopes=scopes)


def notify_person(
    ledger: BankLedger,
    person_id: int,
    object_id: int,
    notices: tuple[Notice, ...],
    show: Callable[[], Item],
    *,
    scopes: tuple[str, ...] = (),
) -> None:
    """Write a callback for every matching filter of a person, and of further scopes."""
    filtered = [f"{scope}/notification-filter-url" for scope in (f"user/{person_id}", *scopes)]
    query = f"SELECT item FROM thing WHERE scope IN ({', '.join('?' * len(filtered))})"
    for row in ledger.rows(query, *filtered):
        asked = json.loads(row["item"])
        for notice in notices:
            if asked["category"] == notice[0]:
                target = asked["notification_target"]
                add_callback(ledger, person_id, notice, (object_id, show()), target)


def add_callback(
    ledger: BankLedger, person_id: int, notice: Notice, about: tuple[int, Item], target: str
) -> int:
    """Write a callback that is due at once; return its id."""
    number, (object_id, item) = ledger.next_id("callback"), about
    sort = {"category": notice[0], "event_type": notice[1]}
    body = {"target_url": target, **sort, "object": dict([item])}
    ledger.insert(
        "callback",
        id=number,
        person_id=person_id,
        **sort,
        object_id=object_id,
        target=target,
        body=json.dumps({"NotificationUrl": body}),
        due=wire_time(ledger.clock.now()),
    )
    return number
