"""What is done when a line of the agenda is due, by the kind of line."""

from __future__ import annotations

from bunqkit.sandbox.resources import (
    access,
    allocations,
    card_use,
    conversions,
    debits,
    interest,
    merchants,
    schedules,
    shares,
    tabs,
    transfers,
)
from bunqkit.sandbox.scheduled_jobs import Job

DUTIES: dict[str, Job] = {
    "allocation": allocations.sort_payment,
    "api key": access.end_key,
    "challenge": card_use.expire_challenge,
    "conversion quote": conversions.expire_quote,
    "debit": debits.collect_again,
    "debit expiry": debits.expire_debit,
    "ideal": merchants.expire_ideal,
    "interest": interest.pay_and_plan,
    "schedule": schedules.run_schedule,
    "session": access.end_session,
    "share": shares.keep_time,
    "tab": tabs.expire_tab,
    "transfer": transfers.arrive,
    "transfer quote": transfers.expire_quote,
}
"""One for each kind of line that anything plans."""
