"""Payments that come by themselves: schedules, one payment or several at a time, and their turns.

Source: bunq docs, "Schedule"; captures for the fields that the official description lacks, and for
the names of the callbacks of batches. A schedule's id is that of its payment or batch. One that was
deleted stays in the list of schedules, as cancelled.
"""

from __future__ import annotations

import json
import sqlite3
from datetime import datetime
from typing import Any

from bunqkit.sandbox import scheduled_jobs
from bunqkit.sandbox.clock import wire_time
from bunqkit.sandbox.ledger import Ledger
from bunqkit.sandbox.refusal import Refusal, not_found, refuse
from bunqkit.sandbox.resources.accounts import own_account
from bunqkit.sandbox.resources.call import Call, Item, Page, created
from bunqkit.sandbox.resources.events import notify, record
from bunqkit.sandbox.resources.generic_resources import (
    add_thing,
    as_placed,
    find_thing,
    read_thing,
    rewrite_thing,
    scope_of,
    secret_of,
    status_of,
    tell_thing,
)
from bunqkit.sandbox.resources.labels import label_account, label_user
from bunqkit.sandbox.resources.payments import (
    pay,
    pay_batch,
    payment_row,
    read_order,
    tell_batch,
    tell_payment,
)
from bunqkit.sandbox.resources.recurrence import check_schedule, due_at, first_turn
from bunqkit.sandbox.resources.shape import read, shape
from bunqkit.sandbox.resources.wire import amount, cents_of

_KINDS = {"schedule-payment": "ScheduledPayment", "schedule-payment-batch": "ScheduledPaymentBatch"}
_STANDS = "json_extract(item, '$.status') <> 'CANCELLED'"


def list_payments(call: Call) -> Page:
    """List the scheduled payments of an account that were not deleted, newest first."""
    return call.page("thing", f"scope = ? AND {_STANDS}", (scope_of(call),), tell_scheduled)


def get_payment(call: Call) -> list[Item]:
    """Give a scheduled payment or batch."""
    return [tell_scheduled(call.ledger, _find(call))]


def create_payment(call: Call) -> list[Item]:
    """Have something paid later, or again and again."""
    ledger, account, body = call.ledger, own_account(call), call.body
    entries = body["payments"] if "payments" in body else [body["payment"]]
    schedule = check_schedule(body["schedule"])
    number = add_schedule(
        ledger,
        account,
        entries,
        schedule,
        person_id=call.person_id,
        is_batch="payments" in body,
        purpose=body.get("purpose"),
    )
    return created(number)


def update_payment(call: Call) -> list[Item]:
    """Change what is paid, when, or both; what was paid stays paid."""
    ledger, account, row = call.ledger, own_account(call), _find(call)
    secret, body = secret_of(row), call.body
    entries = [body["payment"]] if body.get("payment") else body.get("payments")
    if entries is not None:
        _check(ledger, account, entries)
        secret["entries"] = entries
    if body.get("schedule") is not None:
        secret["schedule"] = check_schedule(body["schedule"])
        secret["turn"] = first_turn(secret["schedule"], ledger.clock.now())
    rewrite_thing(ledger, row, {"status": "ACTIVE"}, secret=secret)
    _plan(ledger, row["id"])
    _tell_definition(ledger, row["id"], "UPDATED")
    if call.operation.wrapper == "Id":
        return created(row["id"])
    return [tell_scheduled(ledger, read_thing(ledger, row["id"]))]


def delete_payment(call: Call) -> list[Item]:
    """Call a schedule off."""
    own_account(call)
    cancel_schedule(call.ledger, _find(call), person_id=call.person_id)
    return []


def list_schedules(call: Call) -> Page:
    """List the schedules of an account, or of a person's accounts, newest first."""
    if "monetary-accountID" in call.ids:
        accounts = [own_account(call)["id"]]
    else:
        rows = call.ledger.rows("SELECT id FROM account WHERE person_id = ?", call.person_id)
        accounts = [row["id"] for row in rows]
    scopes = [f"monetary-account/{each}/{kind}" for each in accounts for kind in _KINDS]
    marks = ", ".join("?" * len(scopes))

    def tell(ledger: Ledger, row: sqlite3.Row) -> Item:
        return call.operation.wrapper, tell_schedule(ledger, row)[1]

    return call.page("thing", f"scope IN ({marks})", tuple(scopes), tell)


def get_schedule(call: Call) -> list[Item]:
    """Give one schedule, with what it pays."""
    account = own_account(call)["id"]
    scopes = [f"monetary-account/{account}/{kind}" for kind in _KINDS]
    row = find_thing(call, scopes, call.ids["itemId"])
    return [tell_schedule(call.ledger, row)]


def list_instances(call: Call) -> Page:
    """List the turns that a schedule has had, newest first."""
    return call.page("thing", "scope = ?", (scope_of(call),), tell_instance)


def get_instance(call: Call) -> list[Item]:
    """Give one turn of a schedule."""
    return [tell_instance(call.ledger, find_thing(call, [scope_of(call)], call.ids["itemId"]))]


def update_instance(call: Call) -> list[Item]:
    """Try a turn that failed once more."""
    row = find_thing(call, [scope_of(call)], call.ids["itemId"])
    own_account(call)
    if call.body.get("state") != "RETRY":
        raise refuse(400, 'The state of a schedule instance can only be set to "RETRY".')
    # One that was put there by hand has no turn to take.
    secret_of(row)
    state = json.loads(row["item"])["state"]
    if state != "FAILED_USER_ERROR":
        raise refuse(400, f"This schedule instance is {state} and can't be tried again.")
    _take_turn(call.ledger, row["id"])
    return created(row["id"])


def add_schedule(
    ledger: Ledger,
    account: sqlite3.Row,
    entries: list[dict[str, Any]],
    schedule: dict[str, Any],
    *,
    person_id: int,
    is_batch: bool,
    purpose: str | None = None,
) -> int:
    """Write a schedule and put its first turn on the agenda; give its id."""
    _check(ledger, account, entries)
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
    number = add_thing(ledger, scope, _KINDS[kind], values, secret=secret)
    _plan(ledger, number)
    _tell_definition(ledger, number, "CREATED")
    return number


def cancel_schedule(ledger: Ledger, row: sqlite3.Row, *, person_id: int) -> None:
    """Take a schedule off the agenda for good."""
    scheduled_jobs.cancel(ledger, "schedule", row["id"])
    secret = secret_of(row) | {"cancelled_by": person_id}
    rewrite_thing(ledger, row, {"status": "CANCELLED"}, secret=secret)
    _tell_definition(ledger, row["id"], "CANCELLED")


def run_schedule(ledger: Ledger, number: int) -> None:
    """Take the turn of a schedule that is due, and plan the next one."""
    row = read_thing(ledger, number)
    secret = secret_of(row)
    account_id, now = secret["account_id"], wire_time(ledger.clock.now())
    instance = add_thing(
        ledger,
        f"monetary-account/{account_id}/schedule/{number}/schedule-instance",
        "ScheduledInstance",
        {"time_start": now, "time_end": now},
        secret={"schedule_id": number, "account_id": account_id, "entries": secret["entries"]},
    )
    _take_turn(ledger, instance)
    secret["turn"] += 1
    rewrite_thing(ledger, row, {}, secret=secret)
    if not _plan(ledger, number):
        rewrite_thing(ledger, read_thing(ledger, number), {"status": "FINISHED"}, secret=secret)
        _tell_definition(ledger, number, "FINISHED")


def _plan(ledger: Ledger, number: int) -> bool:
    """Put the next turn on the agenda; say whether there is one."""
    due = _next_due(secret_of(read_thing(ledger, number)))
    if due is None:
        scheduled_jobs.cancel(ledger, "schedule", number)
        return False
    scheduled_jobs.plan(ledger, "schedule", number, due)
    return True


def _next_due(secret: dict[str, Any]) -> datetime | None:
    return due_at(secret["schedule"], secret["turn"])


def _take_turn(ledger: Ledger, number: int) -> None:
    """Pay, or write down why it was not possible."""
    row = read_thing(ledger, number)
    secret = secret_of(row)
    account, entries = ledger.account(secret["account_id"]), secret["entries"]
    is_batch = _is_batch(read_thing(ledger, secret["schedule_id"]))
    values: dict[str, Any] = {"state": "FINISHED_SUCCESSFULLY", "error_message": []}
    try:
        with ledger.attempt():
            if is_batch:
                secret["result"] = pay_batch(
                    ledger, account, entries, scheduled_id=secret["schedule_id"]
                )
            else:
                secret["result"] = pay(
                    ledger, account, entries[0], scheduled_id=secret["schedule_id"]
                )
    except Refusal as refusal:
        errors = [
            {"error_description": english, "error_description_translated": dutch}
            for english, dutch in refusal.texts
        ]
        values = {"state": "FAILED_USER_ERROR", "error_message": errors}
    rewrite_thing(ledger, row, values, secret=secret)
    record(ledger, account["id"], "ScheduledInstance", number)
    word = "FAILED" if values["error_message"] else "SUCCEEDED"
    notices = (("SCHEDULE_RESULT", f"SCHEDULE_INSTANCE_{_word(is_batch)}_{word}"),)
    told = read_thing(ledger, number)
    notify(ledger, account["id"], number, notices, lambda: tell_instance(ledger, told))


def _tell_definition(ledger: Ledger, number: int, word: str) -> None:
    row = read_thing(ledger, number)
    account_id = secret_of(row)["account_id"]
    record(ledger, account_id, row["type"], number)
    notices = (("SCHEDULE_STATUS", f"SCHEDULE_DEFINITION_{_word(_is_batch(row))}_{word}"),)
    notify(ledger, account_id, number, notices, lambda: tell_scheduled(ledger, row))


def _word(is_batch: bool) -> str:  # noqa: FBT001 (it is what is asked)
    return "PAYMENT_BATCH" if is_batch else "PAYMENT"


def _is_batch(row: sqlite3.Row) -> bool:
    return bool(row["type"] == _KINDS["schedule-payment-batch"])


def _check(ledger: Ledger, account: sqlite3.Row, entries: list[dict[str, Any]]) -> None:
    if not entries:
        raise refuse(400, "A payment batch needs at least one payment.")
    for body in entries:
        read_order(ledger, account, body)


def _find(call: Call) -> sqlite3.Row:
    row = find_thing(call, [scope_of(call)], call.ids["itemId"])
    if status_of(row) == "CANCELLED":
        raise not_found(call.operation.resource.replace("-", " ").capitalize(), row["id"])
    return row


@as_placed()
def tell_scheduled(ledger: Ledger, row: sqlite3.Row) -> Item:
    """Give a scheduled payment or batch, with when it is paid."""
    secret = secret_of(row)
    account, cancelled_by = label_account(ledger, secret["account_id"]), secret.get("cancelled_by")
    payments = []
    for body in secret["entries"]:
        told = body["amount"]
        # Source: captures, whose scheduled payments are negative, as those that come of them.
        cents = -cents_of(told, told["currency"], "amount")
        entry = read(ledger, "SchedulePaymentEntry", body)
        entry |= {"amount": amount(cents, told["currency"]), "alias": account}
        payments.append(entry | {"type": "BUNQ", "sub_type": "PAYMENT"})
    values = {
        "monetary_account_id": secret["account_id"],
        "payment": payments[0],
        "payments": payments,
        "schedule": _tell_times(row),
        "label_schedule_user_created": label_user(ledger, secret["person_id"]),
        "label_schedule_user_canceled": cancelled_by and label_user(ledger, cancelled_by),
    }
    return row["type"], tell_thing(row, row["type"], values)


@as_placed("Schedule")
def tell_schedule(ledger: Ledger, row: sqlite3.Row) -> Item:
    """Give a schedule, with what it pays inside."""
    return "Schedule", _tell_times(row) | {"object": dict([tell_scheduled(ledger, row)])}


def _tell_times(row: sqlite3.Row) -> dict[str, Any]:
    secret, status = secret_of(row), status_of(row)
    due = _next_due(secret) if status == "ACTIVE" else None
    values = secret["schedule"] | {
        "id": row["id"],
        "status": status,
        "time_next": due and wire_time(due),
    }
    return shape("Schedule", values)


@as_placed("ScheduledInstance")
def tell_instance(ledger: Ledger, row: sqlite3.Row) -> Item:
    """Give one turn of a schedule, with what was paid."""
    secret = secret_of(row)
    definition = read_thing(ledger, secret["schedule_id"])
    result, number = None, secret.get("result")
    if number is not None and _is_batch(definition):
        result = dict([tell_batch(ledger, read_thing(ledger, number))])
    elif number is not None:
        result = dict([tell_payment(ledger, payment_row(ledger, number))])
    values = {
        "scheduled_object": dict([tell_scheduled(ledger, definition)]),
        "result_object": result,
    }
    return "ScheduledInstance", tell_thing(row, "ScheduledInstance", values)
