"""Which rule answers which operation, and what is done when a scheduled job is due.

Each module lists the rules of its resources in ``RULES``.
"""

from __future__ import annotations

from functools import cache

from bunqkit.catalogue.operations import Operation, operations
from bunqkit.sandbox.resources import (
    access,
    allocations,
    card_use,
    cards,
    categories,
    closing,
    conversions,
    credentials,
    debits,
    drafts,
    event_list,
    files,
    generic_resources,
    interest,
    invoices,
    merchants,
    notifications,
    payments,
    providers,
    requests,
    schedules,
    shares,
    statements,
    tabs,
    transfers,
    users,
)
from bunqkit.sandbox.resources.call import Rule, Verbs
from bunqkit.sandbox.scheduled_jobs import Job

_TABLES = (
    access.RULES, allocations.RULES, card_use.RULES, cards.RULES, categories.RULES, closing.RULES,
    conversions.RULES, credentials.RULES, debits.RULES, drafts.RULES,
    event_list.RULES, files.RULES, invoices.RULES, merchants.RULES, notifications.RULES,
    payments.RULES, providers.RULES, requests.RULES, schedules.RULES, shares.RULES,
    statements.RULES, tabs.RULES, transfers.RULES, users.RULES,
)  # fmt: skip
# Notes hang under many kinds of resources, and filters have several kinds.
_NOTES: Verbs = {"create": files.create_note, "update": files.update_note}
_FILTERS: Verbs = {"list": notifications.list_filters, "create": notifications.set_filters}
# Resources whose objects come from elsewhere: from no call, or from another resource's rules.
_FROM_ELSEWHERE = ("mastercard-action", "invoice", "user.invoice", "card.export-statement-card")

JOBS: dict[str, Job] = {
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
"""What is done when a scheduled job is due, by its kind."""


def rule_of(operation: Operation) -> Rule:
    """Return the rule that answers an operation."""
    return own_rule(operation) or generic_resources.RULES[operation.verb]


def own_rule(operation: Operation) -> Rule | None:
    """Return the rule that is an operation's own; ``None`` if it is kept generically."""
    resource, _, verb = operation.name.rpartition(".")
    if resource in _rules():
        return _rules()[resource].get(verb)
    if resource.endswith(".note-attachment"):
        return _NOTES.get(verb)
    return _FILTERS.get(verb) if "notification-filter-" in resource else None


@cache
def _rules() -> dict[str, Verbs]:
    """Return the rules of all modules by resource; two modules may share a resource."""
    rules: dict[str, Verbs] = {}
    for table in _TABLES:
        for resource, verbs in table.items():
            rules[resource] = rules.get(resource, {}) | verbs
    return rules


def resources_with_rules() -> dict[str, bool]:
    """Return True for each resource that has rules of its own, False for those kept generically."""
    has_rules = dict.fromkeys(_FROM_ELSEWHERE, True)
    for operation in operations():
        has_rules[operation.resource] = (
            has_rules.get(operation.resource, False) or own_rule(operation) is not None
        )
    return has_rules
