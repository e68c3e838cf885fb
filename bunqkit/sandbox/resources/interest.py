"""Interest on savings: earned each day, paid on the day after each quarter of a year.

It is two percent a year of the balance at the end of each day, rounded down to the cent: rate and
rhythm are our own.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from bunqkit.sandbox import scheduled_jobs
from bunqkit.sandbox.clock import read_time, wire_time
from bunqkit.sandbox.ledger import BankLedger, Movement
from bunqkit.sandbox.resources.payments import book
from bunqkit.sandbox.resources.recurrence import next_quarter_day

_PERCENT = 2
_DAY = timedelta(days=1)


def pay_and_plan(ledger: BankLedger, account_id: int) -> None:
    """Pay the interest of the quarter that has just ended, and plan the next one."""
    if ledger.account(account_id)["status"] == "CANCELLED":
        return
    pay_interest(ledger, account_id)
    scheduled_jobs.plan(ledger, "interest", account_id, next_quarter_day(ledger.clock.now()))


def pay_interest(ledger: BankLedger, account_id: int) -> None:
    """Pay the interest of the quarter before the present one; less than a cent is nothing."""
    account, now = ledger.account(account_id), ledger.clock.now()
    until = datetime(now.year, (now.month - 1) // 3 * 3 + 1, 1, tzinfo=now.tzinfo)
    since = (until - _DAY).replace(day=1)
    since = since.replace(month=(since.month - 1) // 3 * 3 + 1)
    cents = sum(_closing_balances(ledger, account_id, since, until)) * _PERCENT // (100 * 365)
    if cents:
        bank = ledger.outsider("bunq", currency=account["currency"])
        book(ledger, bank, account_id, Movement(cents, "Interest", sub_type="BILLING"))


def _closing_balances(
    ledger: BankLedger, account_id: int, since: datetime, until: datetime
) -> list[int]:
    """Return the balances at the end of each day, in cents."""
    query = (
        "SELECT created, balance_after FROM payment WHERE account_id = ? AND created < ? "
        "ORDER BY id"
    )
    rows = ledger.rows(query, account_id, wire_time(until))
    after = [(read_time(row["created"]), int(row["balance_after"])) for row in rows]
    balances, balance, place, day = [], 0, 0, since
    while day < until:
        day += _DAY
        while place < len(after) and after[place][0] < day:
            balance, place = after[place][1], place + 1
        balances.append(balance)
    return balances
