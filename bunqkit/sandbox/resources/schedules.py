"""Scheduled payments: one payment or several at a time, again and again, and what came of each.

Source: bunq docs, "Schedule"; captures for the fields that the official description lacks, and for
the names of the callbacks of batches. A schedule's id is that of its payment or batch. One that was
deleted stays in the list of schedules, as cancelled.
"""

from __future__ import annotations

import sqlite3
from typing import Any

from bunqkit.sandbox import scheduled_jobs
from bunqkit.sandbox.clock import wire_time
from bunqkit.sandbox.ledger import BankLedger
from bunqkit.sandbox.refusal import Refusal, not_found, refuse
from bunqkit.sandbox.resources.accounts import own_account
from bunqkit.sandbox.resources.call import Call, Item, Page, Verbs, created
from bunqkit.sandbox.resources.events import announce
from bunqkit.sandbox.resources.generic_resources import (
    StoredResource,
    collection,
    page_of_accounts,
    scope_of,
    scopes_of_accounts,
    shown_as,
)
from bunqkit.sandbox.resources.labels import label_account, label_user
from bunqkit.sandbox.resources.payments import pay_entries, problems_of, read_order, show_entries
from bunqkit.sandbox.resources.recurrence import check_schedule, due_at, first_turn
from bunqkit.sandbox.resources.shape import read, shape
from bunqkit.sandbox.resources.wire import amount, read_cents

_KINDS = {"schedule-payment": "ScheduledPayment", "schedule-payment-batch": "ScheduledPaymentBatch"}
# How the types of events name a batch and a single payment.
_BATCH, _ONE = "PAYMENT_BATCH", "PAYMENT"
_NOT_DELETED = "scope = ? AND json_extract(item, '$.status') <> 'CANCELLED'"


def list_payments(call: Call) -> Page:
    """List the scheduled payments of an account that were not deleted, newest first."""
    return StoredResource.page(call, show_scheduled, _NOT_DELETED, scope_of(call))


def get_payment(call: Call) -> list[Item]:
    """Return a scheduled payment or batch."""
    return [show_scheduled(_find(call))]


def create_payment(call: Call) -> list[Item]:
    """Schedule a payment or a batch, once or again and again."""
    account, body, is_batch = own_account(call), call.body, "payments" in call.body
    entries = body["payments"] if is_batch else [body["payment"]]
    number = add_schedule(
        call.ledger,
        account,
        entries,
        check_schedule(body["schedule"]),
        person_id=call.person_id,
        is_batch=is_batch,
        purpose=body.get("purpose"),
    )
    return created(number)


def update_payment(call: Call) -> list[Item]:
    """Change what is paid, when, or both; what was paid stays paid."""
    account, schedule, body = own_account(call), _find(call), call.body
    secret = schedule.secret
    entries = [body["payment"]] if body.get("payment") else body.get("payments")
    if entries is not None:
        _check_entries(call.ledger, account, entries)
        secret["entries"] = entries
    if body.get("schedule") is not None:
        secret["schedule"] = check_schedule(body["schedule"])
        secret["turn"] = first_turn(secret["schedule"], call.ledger.clock.now())
    schedule.save(status="ACTIVE")
    _plan(schedule)
    _announce(schedule, "UPDATED")
    return created(schedule.id) if call.operation.wrapper == "Id" else [show_scheduled(schedule)]


def delete_payment(call: Call) -> list[Item]:
    """Cancel a schedule."""
    own_account(call)
    cancel_schedule(_find(call), person_id=call.person_id)
    return []


def list_schedules(call: Call) -> Page:
    """List the schedules of an account, or of a person's accounts, newest first."""
    return page_of_accounts(call, show_schedule, *_KINDS)


def get_schedule(call: Call) -> list[Item]:
    """Return one schedule, with what it pays."""
    return [show_schedule(StoredResource.find(call, *scopes_of_accounts(call, *_KINDS)))]


def update_instance(call: Call) -> list[Item]:
    """Try once more a turn of a schedule that failed."""
    turn = StoredResource.find(call)
    own_account(call)
    if call.body.get("state") != "RETRY":
        raise refuse(400, 'The state of a schedule instance can only be set to "RETRY".')
    # A turn that was put there by hand has nothing to pay.
    state = turn.secret and turn.fields["state"]
    if state != "FAILED_USER_ERROR":
        raise refuse(400, f"This schedule instance is {state} and can't be tried again.")
    _take_turn(turn)
    return created(turn.id)


def add_schedule(
    ledger: BankLedger,
    account: sqlite3.Row,
    entries: list[dict[str, Any]],
    schedule: dict[str, Any],
    *,
    person_id: int,
    is_batch: bool,
    purpose: str | None = None,
) -> int:
    """Write a schedule and plan its first turn; return its id."""
    _check_entries(ledger, account, entries)
    kind = "schedule-payment-batch" if is_batch else "schedule-payment"
    secret = {
        "account_id": account["id"],
        "person_id": person_id,
        "entries": entries,
        "schedule": schedule,
        "turn": first_turn(schedule, ledger.clock.now()),
    }
    scope, values = f"monetary-account/{account['id']}/{kind}", {"status": "ACTIVE"}
    if purpose is not None:
        values["purpose"] = purpose
    resource = StoredResource.add(ledger, scope, _KINDS[kind], values, secret=secret)
    _plan(resource)
    _announce(resource, "CREATED")
    return resource.id


def cancel_schedule(schedule: StoredResource, *, person_id: int) -> None:
    """Cancel a schedule for good."""
    scheduled_jobs.cancel(schedule.ledger, "schedule", schedule.id)
    schedule.secret["cancelled_by"] = person_id
    schedule.save(status="CANCELLED")
    _announce(schedule, "CANCELLED")


def run_schedule(ledger: BankLedger, number: int) -> None:
    """Take the turn of a schedule that is due, and plan the next one."""
    schedule, now = StoredResource.read(ledger, number), wire_time(ledger.clock.now())
    account_id, entries = schedule.secret["account_id"], schedule.secret["entries"]
    scope = f"monetary-account/{account_id}/schedule/{number}/schedule-instance"
    secret = {"schedule_id": number, "account_id": account_id, "entries": entries}
    times = {"time_start": now, "time_end": now}
    _take_turn(StoredResource.add(ledger, scope, "ScheduledInstance", times, secret=secret))
    schedule.secret["turn"] += 1
    schedule.save()
    if not _plan(schedule):
        schedule.save(status="FINISHED")
        _announce(schedule, "FINISHED")


def _plan(schedule: StoredResource) -> bool:
    """Plan the next turn; return True if there is one."""
    due = due_at(schedule.secret["schedule"], schedule.secret["turn"])
    if due is None:
        scheduled_jobs.cancel(schedule.ledger, "schedule", schedule.id)
        return False
    scheduled_jobs.plan(schedule.ledger, "schedule", schedule.id, due)
    return True


def _take_turn(turn: StoredResource) -> None:
    """Pay, or write down why it was not possible."""
    ledger, secret, problems = turn.ledger, turn.secret, []
    account, schedule_id = ledger.account(secret["account_id"]), secret["schedule_id"]
    is_batch = _is_batch(StoredResource.read(ledger, schedule_id))
    state, word = "FINISHED_SUCCESSFULLY", "SUCCEEDED"
    try:
        with ledger.attempt():
            secret["result"] = pay_entries(
                ledger, account, secret["entries"], is_batch=is_batch, scheduled_id=schedule_id
            )
    except Refusal as refusal:
        state, word, problems = "FAILED_USER_ERROR", "FAILED", problems_of(refusal)
    turn.save(state=state, error_message=problems)
    about, kind = ("ScheduledInstance", turn.id), _BATCH if is_batch else _ONE
    notices = (("SCHEDULE_RESULT", f"SCHEDULE_INSTANCE_{kind}_{word}"),)
    announce(ledger, account["id"], about, notices, lambda: show_instance(turn))


def _announce(schedule: StoredResource, word: str) -> None:
    about, kind = (schedule.type, schedule.id), _BATCH if _is_batch(schedule) else _ONE
    notices = (("SCHEDULE_STATUS", f"SCHEDULE_DEFINITION_{kind}_{word}"),)
    account_id = schedule.secret["account_id"]
    announce(schedule.ledger, account_id, about, notices, lambda: show_scheduled(schedule))


def _is_batch(schedule: StoredResource) -> bool:
    return schedule.type == _KINDS["schedule-payment-batch"]


def _check_entries(ledger: BankLedger, account: sqlite3.Row, entries: list[dict[str, Any]]) -> None:
    if not entries:
        raise refuse(400, "A payment batch needs at least one payment.")
    for body in entries:
        read_order(ledger, account, body)


def _find(call: Call) -> StoredResource:
    schedule = StoredResource.find(call)
    if schedule.status == "CANCELLED":
        raise not_found(call.operation.resource.replace("-", " ").capitalize(), schedule.id)
    return schedule


@shown_as()
def show_scheduled(schedule: StoredResource) -> dict[str, Any]:
    """Return a scheduled payment or batch, with when it is paid."""
    secret, ledger = schedule.secret, schedule.ledger
    account, cancelled_by = label_account(ledger, secret["account_id"]), secret.get("cancelled_by")
    payments = []
    for body in secret["entries"]:
        # Source: captures, whose scheduled payments are negative, as those that come of them.
        money = amount(-read_cents(body, "amount"), body["amount"]["currency"])
        own = {"amount": money, "alias": account, "type": "BUNQ", "sub_type": "PAYMENT"}
        payments.append(read(ledger, "SchedulePaymentEntry", body) | own)
    return {
        "monetary_account_id": secret["account_id"],
        "payment": payments[0],
        "payments": payments,
        "schedule": _show_times(schedule),
        "label_schedule_user_created": label_user(ledger, secret["person_id"]),
        "label_schedule_user_canceled": cancelled_by and label_user(ledger, cancelled_by),
    }


def show_schedule(schedule: StoredResource) -> Item:
    """Return a schedule, with what it pays inside."""
    if not schedule.hidden:
        return schedule.show("Schedule")
    return "Schedule", _show_times(schedule) | {"object": dict([show_scheduled(schedule)])}


def _show_times(schedule: StoredResource) -> dict[str, Any]:
    secret, due = schedule.secret, None
    if schedule.status == "ACTIVE":
        due = due_at(secret["schedule"], secret["turn"])
    values = {"id": schedule.id, "status": schedule.status, "time_next": due and wire_time(due)}
    return shape("Schedule", secret["schedule"] | values)


@shown_as("ScheduledInstance")
def show_instance(turn: StoredResource) -> dict[str, Any]:
    """Return one turn of a schedule, with what was paid."""
    secret, ledger = turn.secret, turn.ledger
    schedule, number = StoredResource.read(ledger, secret["schedule_id"]), secret.get("result")
    return {
        "scheduled_object": dict([show_scheduled(schedule)]),
        "result_object": number and show_entries(ledger, number, is_batch=_is_batch(schedule)),
    }


_SCHEDULED: Verbs = {
    "list": list_payments,
    "get": get_payment,
    "create": create_payment,
    "update": update_payment,
    "delete": delete_payment,
}
RULES: dict[str, Verbs] = {
    **dict.fromkeys(_KINDS, _SCHEDULED),
    "schedule": {"list": list_schedules, "get": get_schedule},
    "user.schedule": {"list": list_schedules},
    "schedule.schedule-instance": collection(show_instance, update=update_instance),
}
