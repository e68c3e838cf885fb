"""Who may call what: people everything, an app what OAuth gives it, a provider what its roles say.

Source: bunq docs, "OAuth" for the scopes, which are fixed, and "PSD2" for the roles; that a refusal
is a 403 is known, its text is our own.
"""

from __future__ import annotations

from dataclasses import replace

from bunqkit.catalogue.operations import Operation
from bunqkit.sandbox.refusal import refuse
from bunqkit.sandbox.resources.call import Call, File, Item, Page
from bunqkit.sandbox.resources.users import PROVIDER

ROLES = ("AISP", "PISP", "CBPII")

_READ = ("list", "get")
_Table = dict[str, tuple[str, ...]]
# The handshake's own, and what everybody may know of themselves.
_EVERYBODY: _Table = {
    "installation": _READ,
    "installation.server-public-key": _READ,
    "device": _READ,
    "device-server": _READ,
    "session": ("delete",),
    "user": _READ,
    "notification-filter-url": ("list", "create"),
    "user.notification-filter-url": ("list", "create"),
    "notification-filter-push": ("list", "create"),
    "health-check": _READ,
}
_PERSONAL: _Table = {"user-person": _READ, "user-company": _READ, "legal-name": _READ}
_ACCOUNTS: _Table = {
    f"monetary-account{kind}": _READ
    for kind in ("", "-bank", "-joint", "-savings", "-external", "-external-savings", "-card")
}
_DRAFTS: _Table = {"draft-payment": ("list", "get", "create", "update")}
_PAYMENTS: _Table = {"payment": _READ, "payment-batch": _READ}
# Read and create accounts; read payments, pay between one's own accounts; draft payments; cards;
# requests; answers to requests, to read.
_OAUTH: _Table = {
    **_PERSONAL,
    **dict.fromkeys(_ACCOUNTS, (*_READ, "create")),
    **dict.fromkeys(_PAYMENTS, (*_READ, "create")),
    **_DRAFTS,
    "card": (*_READ, "update"),
    "card-name": _READ,
    "card-debit": ("create",),
    "card-credit": ("create",),
    "card-batch": ("create",),
    "card-batch-replace": ("create",),
    "card.replace": ("create",),
    "request-inquiry": (*_READ, "create"),
    "request-inquiry-batch": (*_READ, "create"),
    "request-response": _READ,
}
_BY_CONSENT: dict[str, _Table] = {
    "AISP": {**_PERSONAL, **_ACCOUNTS, **_PAYMENTS, "card": _READ},
    "PISP": {**_PERSONAL, **_ACCOUNTS, **_DRAFTS},
    "CBPII": {},
}
_OF_ITSELF: _Table = {
    "user-payment-service-provider": _READ,
    "payment-service-provider-credential": _READ,
    "oauth-client": (*_READ, "create", "update"),
    "oauth-client.callback-url": (*_READ, "create", "update", "delete"),
}
_BY_ROLE: dict[str, _Table] = {
    "AISP": {},
    "PISP": {
        "payment-service-provider-draft-payment": (*_READ, "create", "update"),
        "payment-service-provider-issuer-transaction": (*_READ, "create", "update"),
    },
    "CBPII": {"confirmation-of-funds": ("create",)},
}


def roles_in(name: str) -> list[str]:
    """Give the roles that the name of a provider's certificate holds. Source: bunq docs, "PSD2"."""
    return [role for role in ROLES if role in name]


def check_rights(call: Call) -> None:
    """Return if the caller may call this at all.

    Raises
    ------
    Refusal
        403, with the name of the operation.
    """
    asker = call.ledger.person(call.consent["requester_id"] if call.consent else call.person_id)
    is_provider = asker["kind"] == PROVIDER
    if call.consent is None and not is_provider:
        return
    roles = roles_in(asker["name"]) if is_provider else []
    if call.consent is None:
        tables = [_OF_ITSELF, *(_BY_ROLE[role] for role in roles)]
    else:
        tables = [_BY_CONSENT[role] for role in roles] if is_provider else [_OAUTH]
    if not any(_allows(table, call.operation) for table in (_EVERYBODY, *tables)):
        who = f"A provider with the roles {', '.join(roles)}" if is_provider else "OAuth access"
        raise refuse(403, f'{who} does not include "{call.operation.name}".')


def _allows(table: _Table, operation: Operation) -> bool:
    return operation.verb in table.get(operation.resource, ())


def veil(call: Call, told: list[Item] | Page | File) -> list[Item] | Page | File:
    """Take out of an answer what the caller may not read: balances, from who only starts payments.

    Source: bunq docs, "PSD2": a PISP reads name and IBAN, an AISP the balance too.
    """
    if call.consent is None or not call.operation.resource.startswith("monetary-account"):
        return told
    asker = call.ledger.person(call.consent["requester_id"])
    if asker["kind"] != PROVIDER or "AISP" in roles_in(asker["name"]) or isinstance(told, File):
        return told
    if isinstance(told, Page):
        return replace(told, items=[_veiled(item) for item in told.items])
    return [_veiled(item) for item in told]


def _veiled(item: Item) -> Item:
    name, values = item
    hidden = dict.fromkeys(("balance", "balance_real", "total_request_pending"))
    return name, values | hidden


def check_payee(call: Call, account_id: int) -> None:
    """Return if the caller may pay to an account: an app pays only between the granter's own.

    Raises
    ------
    Refusal
        403, in words of our own.
    """
    if call.consent is None:
        return
    if call.ledger.account(account_id)["person_id"] != call.person_id:
        raise refuse(403, "OAuth access includes payments between the user's own accounts only.")
