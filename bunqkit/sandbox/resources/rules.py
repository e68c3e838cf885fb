"""Which rule answers which operation, and what is done when a scheduled job is due."""

from __future__ import annotations

from collections.abc import Callable

from bunqkit.catalogue.operations import Operation, operations
from bunqkit.sandbox.resources import (
    access,
    accounts,
    allocations,
    card_use,
    cards,
    categories,
    closing,
    companies,
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
from bunqkit.sandbox.resources.call import Call, File, Item, Page, Table
from bunqkit.sandbox.resources.generic_resources import Collection
from bunqkit.sandbox.scheduled_jobs import Job

Rule = Callable[[Call], list[Item] | Page | File]
_Verbs = dict[str, Rule]


def _read(source: Table | Collection, **others: Rule) -> _Verbs:
    """Return the rules that list and read from a source, beside rules for other verbs."""
    return {"list": source.list_page, "get": source.get_one, **others}


def _do(**rules: Rule) -> _Verbs:
    """Return rules by their verbs."""
    return rules


_ACCOUNTS = _do(
    list=accounts.list_accounts,
    get=accounts.get_account,
    create=accounts.create_account,
    update=closing.update_account,
)
_SCHEDULED = _do(
    list=schedules.list_payments,
    get=schedules.get_payment,
    create=schedules.create_payment,
    update=schedules.update_payment,
    delete=schedules.delete_payment,
)
_SCHEDULES = _do(list=schedules.list_schedules, get=schedules.get_schedule)
_ALLOCATIONS = _read(
    allocations.RULES,
    list=allocations.list_allocations,
    create=allocations.create_allocation,
    update=allocations.update_allocation,
)
_WHITELISTS = _do(
    list=debits.list_whitelists,
    get=debits.get_whitelist,
    create=debits.create_whitelist,
    update=debits.update_whitelist,
)
_FILTERS = _do(list=notifications.list_filters, create=notifications.set_filters)
_USER = _do(list=users.list_users, get=users.get_user, update=users.update_user)
_DEVICES = _read(credentials.DEVICES)
_CARD_ORDER = _do(create=cards.order_card)
_CARD_STATEMENT = _do(create=statements.create_card_statement)
_QUOTE = _do(create=transfers.create_quote)
_CODE = _do(create=merchants.read_code)
_NOTES = _do(create=files.create_note, update=files.update_note)
_GENERIC = _do(
    list=generic_resources.list_resources,
    get=generic_resources.get_resource,
    create=generic_resources.create_resource,
    update=generic_resources.update_resource,
    delete=generic_resources.delete_resource,
)
_RULES: dict[str, _Verbs] = {
    "sandbox-user-person": _do(create=access.create_person),
    "sandbox-user-company": _do(create=access.create_company),
    "installation": _do(
        create=access.create_installation,
        list=credentials.list_installations,
        get=credentials.get_installation,
    ),
    "installation.server-public-key": _do(list=credentials.list_server_keys),
    "device-server": {**_DEVICES, "create": access.create_device},
    "device": _DEVICES,
    "session-server": _do(create=access.create_session),
    "session": _do(delete=access.delete_session),
    "credential-password-ip": _read(credentials.CREDENTIALS),
    "credential-password-ip.ip": _read(
        credentials.ADDRESSES,
        create=credentials.create_address,
        update=credentials.update_address,
    ),
    "payment-service-provider-credential": _do(
        create=credentials.create_provider, get=credentials.CREDENTIALS.get_one
    ),
    "certificate-pinned": _do(create=credentials.pin_certificates),
    "oauth-client": _read(
        credentials.CLIENTS, create=credentials.create_client, update=credentials.update_client
    ),
    "oauth-client.callback-url": _do(
        create=credentials.create_callback_url, update=credentials.update_callback_url
    ),
    "user": _USER,
    "user-person": _USER,
    "user-company": _USER,
    "user-payment-service-provider": _USER,
    "user-company.name": _do(list=users.list_company_names),
    "company": _read(
        companies.COMPANIES, create=companies.create_company, update=companies.update_company
    ),
    "legal-name": _do(list=users.list_legal_names),
    "limit": _do(list=users.list_limits),
    "billing-contract-subscription": _do(list=users.list_contracts),
    "tree-progress": _do(list=users.list_trees),
    "insight-preference-date": _do(list=users.list_insight_dates),
    "health-check": _do(list=users.check_health),
    "server-error": _do(create=users.fail),
    "monetary-account": _ACCOUNTS,
    "monetary-account-bank": _ACCOUNTS,
    "monetary-account-joint": _ACCOUNTS,
    "monetary-account-savings": _ACCOUNTS,
    "monetary-account-external": _ACCOUNTS,
    "monetary-account-external-savings": _ACCOUNTS,
    "monetary-account-card": _ACCOUNTS,
    "payment": _read(payments.PAYMENTS, create=payments.create_payment),
    "payment-batch": _read(
        payments.BATCHES, create=payments.create_batch, update=payments.update_batch
    ),
    "draft-payment": _read(drafts.DRAFTS, create=drafts.create_draft, update=drafts.update_draft),
    "schedule": _SCHEDULES,
    "user.schedule": _SCHEDULES,
    "schedule-payment": _SCHEDULED,
    "schedule-payment-batch": _SCHEDULED,
    "schedule.schedule-instance": _read(schedules.INSTANCES, update=schedules.update_instance),
    "bunqme-tab": _read(tabs.TABS, create=tabs.create_tab, update=tabs.update_tab),
    "bunqme-tab-result-response": _read(tabs.RESULTS),
    "ideal-merchant-transaction": _read(merchants.TRANSACTIONS, create=merchants.create_ideal),
    "sofort-merchant-transaction": _read(merchants.TRANSACTIONS),
    "share-invite-monetary-account-inquiry": _read(
        shares.INQUIRIES, create=shares.create_inquiry, update=shares.update_inquiry
    ),
    "share-invite-monetary-account-response": _read(
        shares.RESPONSES, update=shares.update_response
    ),
    "currency-conversion-quote": _read(
        conversions.QUOTES, create=conversions.create_quote, update=conversions.update_quote
    ),
    "currency-conversion": _read(conversions.CONVERSIONS),
    "transferwise-currency": _do(list=transfers.list_currencies),
    "transferwise-user": _do(create=transfers.link_user),
    "transferwise-quote": _QUOTE,
    "transferwise-quote-temporary": _QUOTE,
    "transferwise-quote.transferwise-recipient-requirement": _do(
        list=transfers.list_requirements, create=transfers.check_requirement
    ),
    "transferwise-quote.transferwise-recipient": _do(
        list=transfers.list_recipients, create=transfers.create_recipient
    ),
    "transferwise-quote.transferwise-transfer-requirement": _do(create=transfers.check_transfer),
    "transferwise-quote.transferwise-transfer": _read(
        transfers.TRANSFERS, create=transfers.create_transfer
    ),
    "payment-auto-allocate": _ALLOCATIONS,
    "user.payment-auto-allocate": _ALLOCATIONS,
    "payment-auto-allocate.definition": _do(list=allocations.list_definitions),
    "payment-auto-allocate.instance": _read(allocations.INSTANCES),
    "request-inquiry": _read(
        requests.REQUESTS, create=requests.create_request, update=requests.update_request
    ),
    "request-inquiry-batch": _read(
        requests.BATCHES, create=requests.create_batch, update=requests.update_batch
    ),
    "request-response": _read(requests.RESPONSES, update=requests.update_response),
    "whitelist-sdd": _WHITELISTS,
    "user.whitelist-sdd": _WHITELISTS,
    "whitelist-sdd-one-off": _WHITELISTS,
    "whitelist-sdd-recurring": _WHITELISTS,
    "payment-service-provider-draft-payment": _do(
        create=providers.create_draft, update=providers.update_draft
    ),
    "payment-service-provider-issuer-transaction": _do(create=providers.create_transaction),
    "confirmation-of-funds": _do(create=providers.confirm_funds),
    "token-qr-request-ideal": _CODE,
    "token-qr-request-sofort": _CODE,
    "card": _do(list=cards.list_cards, get=cards.get_card, update=cards.update_card),
    "card-name": _do(list=cards.list_names),
    "card-debit": _CARD_ORDER,
    "card-credit": _CARD_ORDER,
    "card-batch": _do(create=cards.update_batch),
    "card-batch-replace": _do(create=cards.replace_batch),
    "card.replace": _do(create=cards.replace_card),
    "card.generated-cvc2": _do(create=cards.create_code),
    "challenge-request": _do(update=card_use.answer_challenge),
    "mastercard-action.payment": _do(list=card_use.list_action_payments),
    "event": _read(event_list.EVENTS, list=event_list.list_events),
    "insights": _do(list=categories.list_insights),
    "insights-search": _do(list=event_list.search_events),
    "additional-transaction-information-category": _do(list=categories.list_categories),
    "additional-transaction-information-category-user-defined": _do(
        create=categories.create_category
    ),
    "attachment": _do(
        create=files.create_attachment,
        get=files.OWN_FILES.get_one,
        content=files.read_attachment,
    ),
    "attachment-public": _do(
        create=files.create_public_attachment,
        get=files.get_public_attachment,
        content=files.read_public_attachment,
    ),
    "user.attachment": _do(content=files.read_user_attachment),
    "chat-conversation.attachment": _do(content=files.read_attachment),
    "avatar": _do(create=files.create_avatar, get=files.get_avatar),
    "customer-statement": _do(
        create=statements.create_statement, content=statements.read_statement
    ),
    "event.statement": _do(
        create=statements.create_event_statement, content=statements.read_event_statement
    ),
    "export-annual-overview": _do(
        create=statements.create_overview, content=statements.read_overview
    ),
    "export-rib": _do(create=statements.create_bank_details, content=statements.read_bank_details),
    "card.export-statement-card-csv": _CARD_STATEMENT,
    "card.export-statement-card-pdf": _CARD_STATEMENT,
    "card.export-statement-card": _do(content=statements.read_card_statement),
    "invoice.invoice-export": _do(create=invoices.create_export),
    "invoice": {"pdf-content": invoices.read_invoice},
    "notification-filter-failure": _do(
        list=notifications.list_failures, create=notifications.retry_failures
    ),
}
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
    return own_rule(operation) or _GENERIC[operation.verb]


def own_rule(operation: Operation) -> Rule | None:
    """Return the rule that is an operation's own; ``None`` if it is kept generically."""
    resource, _, verb = operation.name.rpartition(".")
    if resource in _RULES:
        return _RULES[resource].get(verb)
    if resource.endswith(".note-attachment"):
        return _NOTES.get(verb)
    return _FILTERS.get(verb) if "notification-filter-" in resource else None


def resources_with_rules() -> dict[str, bool]:
    """Return True for each resource that has rules of its own, False for those kept generically."""
    has_rules = dict.fromkeys(_FROM_ELSEWHERE, True)
    for operation in operations():
        has_rules[operation.resource] = (
            has_rules.get(operation.resource, False) or own_rule(operation) is not None
        )
    return has_rules
