"""Which rule answers which operation; the rest is kept generically."""

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
    files,
    funds,
    generic_resources,
    history,
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
from bunqkit.sandbox.resources.call import Call, File, Item, Page

Rule = Callable[[Call], list[Item] | Page | File]

_ACCOUNT_KINDS = ("bank", "joint", "savings", "external", "external-savings", "card")
_RULES: dict[str, Rule] = {
    "sandbox-user-person.create": access.create_person,
    "sandbox-user-company.create": access.create_company,
    "installation.create": access.create_installation,
    "installation.list": credentials.list_installations,
    "installation.get": credentials.get_installation,
    "installation.server-public-key.list": credentials.list_server_keys,
    "device-server.create": access.create_device,
    "device-server.list": credentials.list_devices,
    "device-server.get": credentials.get_device,
    "device.list": credentials.list_devices,
    "device.get": credentials.get_device,
    "session-server.create": access.create_session,
    "session.delete": access.delete_session,
    "credential-password-ip.list": credentials.list_credentials,
    "credential-password-ip.get": credentials.get_credential,
    "credential-password-ip.ip.list": credentials.list_addresses,
    "credential-password-ip.ip.get": credentials.get_address,
    "credential-password-ip.ip.create": credentials.create_address,
    "credential-password-ip.ip.update": credentials.update_address,
    "payment-service-provider-credential.create": credentials.create_provider,
    "payment-service-provider-credential.get": credentials.get_provider,
    "certificate-pinned.create": credentials.pin_certificates,
    "oauth-client.create": credentials.create_client,
    "oauth-client.list": credentials.list_clients,
    "oauth-client.get": credentials.get_client,
    "oauth-client.update": credentials.update_client,
    "oauth-client.callback-url.create": credentials.create_callback_url,
    "oauth-client.callback-url.update": credentials.update_callback_url,
    "user.list": users.list_users,
    "user.get": users.get_user,
    "user-person.get": users.get_user,
    "user-person.update": users.update_user,
    "user-company.get": users.get_user,
    "user-company.update": users.update_user,
    "user-company.name.list": users.list_company_names,
    "user-payment-service-provider.get": users.get_user,
    "company.list": companies.list_companies,
    "company.get": companies.get_company,
    "company.create": companies.create_company,
    "company.update": companies.update_company,
    "legal-name.list": users.list_legal_names,
    "limit.list": users.list_limits,
    "billing-contract-subscription.list": users.list_contracts,
    "tree-progress.list": users.list_trees,
    "insight-preference-date.list": users.list_insight_dates,
    "health-check.list": users.check_health,
    "server-error.create": users.fail,
    "monetary-account.list": accounts.list_accounts,
    "monetary-account.get": accounts.get_account,
    "payment.list": payments.list_payments,
    "payment.get": payments.get_payment,
    "payment.create": payments.create_payment,
    "payment-batch.list": payments.list_batches,
    "payment-batch.get": payments.get_batch,
    "payment-batch.create": payments.create_batch,
    "payment-batch.update": payments.update_batch,
    "draft-payment.list": drafts.list_drafts,
    "draft-payment.get": drafts.get_draft,
    "draft-payment.create": drafts.create_draft,
    "draft-payment.update": drafts.update_draft,
    "schedule.list": schedules.list_schedules,
    "schedule.get": schedules.get_schedule,
    "user.schedule.list": schedules.list_schedules,
    "schedule-payment.list": schedules.list_payments,
    "schedule-payment.get": schedules.get_payment,
    "schedule-payment.create": schedules.create_payment,
    "schedule-payment.update": schedules.update_payment,
    "schedule-payment.delete": schedules.delete_payment,
    "schedule-payment-batch.get": schedules.get_payment,
    "schedule-payment-batch.create": schedules.create_payment,
    "schedule-payment-batch.update": schedules.update_payment,
    "schedule-payment-batch.delete": schedules.delete_payment,
    "schedule.schedule-instance.list": schedules.list_instances,
    "schedule.schedule-instance.get": schedules.get_instance,
    "schedule.schedule-instance.update": schedules.update_instance,
    "bunqme-tab.list": tabs.list_tabs,
    "bunqme-tab.get": tabs.get_tab,
    "bunqme-tab.create": tabs.create_tab,
    "bunqme-tab.update": tabs.update_tab,
    "bunqme-tab-result-response.get": tabs.get_result,
    "ideal-merchant-transaction.list": merchants.list_transactions,
    "ideal-merchant-transaction.get": merchants.get_transaction,
    "ideal-merchant-transaction.create": merchants.create_ideal,
    "sofort-merchant-transaction.list": merchants.list_transactions,
    "sofort-merchant-transaction.get": merchants.get_transaction,
    "share-invite-monetary-account-inquiry.list": shares.list_inquiries,
    "share-invite-monetary-account-inquiry.get": shares.get_inquiry,
    "share-invite-monetary-account-inquiry.create": shares.create_inquiry,
    "share-invite-monetary-account-inquiry.update": shares.update_inquiry,
    "share-invite-monetary-account-response.list": shares.list_responses,
    "share-invite-monetary-account-response.get": shares.get_response,
    "share-invite-monetary-account-response.update": shares.update_response,
    "currency-conversion-quote.create": conversions.create_quote,
    "currency-conversion-quote.get": conversions.get_quote,
    "currency-conversion-quote.update": conversions.update_quote,
    "currency-conversion.list": conversions.list_conversions,
    "currency-conversion.get": conversions.get_conversion,
    "transferwise-currency.list": transfers.list_currencies,
    "transferwise-user.create": transfers.link_user,
    "transferwise-quote.create": transfers.create_quote,
    "transferwise-quote-temporary.create": transfers.create_quote,
    "transferwise-quote.transferwise-recipient-requirement.list": transfers.list_requirements,
    "transferwise-quote.transferwise-recipient-requirement.create": transfers.check_requirement,
    "transferwise-quote.transferwise-recipient.create": transfers.create_recipient,
    "transferwise-quote.transferwise-recipient.list": transfers.list_recipients,
    "transferwise-quote.transferwise-transfer-requirement.create": transfers.check_transfer,
    "transferwise-quote.transferwise-transfer.create": transfers.create_transfer,
    "transferwise-quote.transferwise-transfer.list": transfers.list_transfers,
    "transferwise-quote.transferwise-transfer.get": transfers.get_transfer,
    "payment-auto-allocate.list": allocations.list_allocations,
    "payment-auto-allocate.get": allocations.get_allocation,
    "payment-auto-allocate.create": allocations.create_allocation,
    "payment-auto-allocate.update": allocations.update_allocation,
    "payment-auto-allocate.definition.list": allocations.list_definitions,
    "payment-auto-allocate.instance.list": allocations.list_instances,
    "payment-auto-allocate.instance.get": allocations.get_instance,
    "user.payment-auto-allocate.list": allocations.list_allocations,
    "request-inquiry.list": requests.list_requests,
    "request-inquiry.get": requests.get_request,
    "request-inquiry.create": requests.create_request,
    "request-inquiry.update": requests.update_request,
    "request-inquiry-batch.list": requests.list_batches,
    "request-inquiry-batch.get": requests.get_batch,
    "request-inquiry-batch.create": requests.create_batch,
    "request-inquiry-batch.update": requests.update_batch,
    "request-response.list": requests.list_responses,
    "request-response.get": requests.get_response,
    "request-response.update": requests.update_response,
    "payment-service-provider-draft-payment.create": providers.create_draft,
    "payment-service-provider-draft-payment.update": providers.update_draft,
    "payment-service-provider-issuer-transaction.create": providers.create_transaction,
    "confirmation-of-funds.create": funds.confirm_funds,
    "token-qr-request-ideal.create": funds.read_code,
    "token-qr-request-sofort.create": funds.read_code,
    "card-name.list": cards.list_names,
    "card-debit.create": cards.order_card,
    "card-credit.create": cards.order_card,
    "card-batch.create": cards.update_batch,
    "card-batch-replace.create": cards.replace_batch,
    "card.list": cards.list_cards,
    "card.get": cards.get_card,
    "card.update": cards.update_card,
    "card.replace.create": cards.replace_card,
    "card.generated-cvc2.create": cards.create_code,
    "challenge-request.update": card_use.answer_challenge,
    "mastercard-action.payment.list": card_use.list_action_payments,
    "event.list": history.list_events,
    "event.get": history.get_event,
    "insights.list": categories.list_insights,
    "insights-search.list": history.search_events,
    "additional-transaction-information-category.list": categories.list_categories,
    "additional-transaction-information-category-user-defined.create": categories.create_category,
    "attachment.create": files.create_attachment,
    "attachment.content": files.read_attachment,
    "attachment.get": files.get_user_attachment,
    "attachment-public.create": files.create_public_attachment,
    "attachment-public.get": files.get_public_attachment,
    "attachment-public.content": files.read_public_attachment,
    "user.attachment.content": files.read_user_attachment,
    "chat-conversation.attachment.content": files.read_attachment,
    "avatar.create": files.create_avatar,
    "avatar.get": files.get_avatar,
    "customer-statement.create": statements.create_statement,
    "customer-statement.content": statements.read_statement,
    "event.statement.create": statements.create_event_statement,
    "event.statement.content": statements.read_event_statement,
    "export-annual-overview.create": statements.create_overview,
    "export-annual-overview.content": statements.read_overview,
    "export-rib.create": statements.create_bank_details,
    "export-rib.content": statements.read_bank_details,
    "card.export-statement-card-csv.create": statements.create_card_statement,
    "card.export-statement-card-pdf.create": statements.create_card_statement,
    "card.export-statement-card.content": statements.read_card_statement,
    "invoice.invoice-export.create": invoices.create_export,
    "invoice.pdf-content": invoices.read_invoice,
    "notification-filter-failure.list": notifications.list_failures,
    "notification-filter-failure.create": notifications.retry_failures,
}
_ACCOUNTS: dict[str, Rule] = {
    "list": accounts.list_accounts,
    "get": accounts.get_account,
    "create": accounts.create_account,
    "update": closing.update_account,
}
_NOTES: dict[str, Rule] = {"create": files.create_note, "update": files.update_note}
_FILTERS: dict[str, Rule] = {
    "list": notifications.list_filters,
    "create": notifications.set_filters,
}
_GENERIC: dict[str, Rule] = {
    "list": generic_resources.list_things,
    "get": generic_resources.get_thing,
    "create": generic_resources.create_thing,
    "update": generic_resources.update_thing,
    "delete": generic_resources.delete_thing,
}


_WHITELISTS: dict[str, Rule] = {
    "list": debits.list_whitelists,
    "get": debits.get_whitelist,
    "create": debits.create_whitelist,
    "update": debits.update_whitelist,
}


def rule_of(operation: Operation) -> Rule:
    """Give the rule that answers an operation."""
    return own_rule(operation) or _GENERIC[operation.verb]


def own_rule(operation: Operation) -> Rule | None:
    """Give the rule that is an operation's own, if it is not kept generically."""
    found = _RULES.get(operation.name)
    resource, verb = operation.resource, operation.verb
    if found is not None:
        return found
    if resource.removeprefix("monetary-account-") in _ACCOUNT_KINDS and resource != "card":
        return _ACCOUNTS[verb]
    if resource.removeprefix("user.").startswith("whitelist-sdd"):
        return _WHITELISTS.get(verb)
    if resource.endswith(".note-attachment"):
        return _NOTES.get(verb)
    return _FILTERS.get(verb) if "notification-filter-" in resource else None


def resources_with_rules() -> dict[str, bool]:
    """Say of each resource whether it has rules of its own, or is kept generically."""
    # These are made by rules that no call leads to, or that are another resource's.
    made = ("mastercard-action", "invoice", "user.invoice", "card.export-statement-card")
    told = dict.fromkeys(made, True)
    for each in operations():
        told[each.resource] = told.get(each.resource, False) or own_rule(each) is not None
    return told
