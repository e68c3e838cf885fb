"""Who may call what: people everything, apps what OAuth gives, providers what their roles give.

Source: bunq docs, "OAuth" for the scopes, which are fixed, and "PSD2" for the roles; that a refusal
is a 403 is known, its text is our own. The tables are in ``facts.toml``.
"""

from __future__ import annotations

from dataclasses import replace

from bunqkit.catalogue.operations import Operation
from bunqkit.sandbox.refusal import refuse
from bunqkit.sandbox.resources.call import Call, File, Item, Page
from bunqkit.sandbox.resources.facts import facts
from bunqkit.sandbox.resources.users import PROVIDER

_ROLES = ("AISP", "PISP", "CBPII")
_BALANCES = ("balance", "balance_real", "total_request_pending")


def roles_in(name: str) -> list[str]:
    """List the roles in the name of a provider's certificate. Source: bunq docs, "PSD2"."""
    return [role for role in _ROLES if role in name]


def check_rights(call: Call) -> None:
    """Check that the caller may call this operation at all.

    Raises
    ------
    Refusal
        403, with the name of the operation.
    """
    caller = call.ledger.person(call.consent["requester_id"] if call.consent else call.person_id)
    is_provider, rights = caller["kind"] == PROVIDER, facts("rights")
    if call.consent is None and not is_provider:
        return
    roles = roles_in(caller["name"]) if is_provider else []
    if call.consent is None:
        tables = [rights["itself"][name] for name in ("any", *roles)]
    elif is_provider:
        tables = [rights["consent"][role] for role in roles]
    else:
        tables = [rights["oauth"]]
    if not any(_allows(table, call.operation) for table in (rights["everybody"], *tables)):
        who = f"A provider with the roles {', '.join(roles)}" if is_provider else "OAuth access"
        raise refuse(403, f'{who} does not include "{call.operation.name}".')


def _allows(table: dict[str, list[str]], operation: Operation) -> bool:
    verb = "read" if operation.verb in ("list", "get") else operation.verb
    return bool({verb, operation.verb} & set(table.get(operation.resource, ())))


def filter_by_consent(call: Call, answer: list[Item] | Page | File) -> list[Item] | Page | File:
    """Return an answer, without balances if the caller is a provider that only starts payments.

    Source: bunq docs, "PSD2": a PISP reads name and IBAN, an AISP the balance too.
    """
    if call.consent is None or not call.operation.resource.startswith("monetary-account"):
        return answer
    caller = call.ledger.person(call.consent["requester_id"])
    if caller["kind"] != PROVIDER or "AISP" in roles_in(caller["name"]) or isinstance(answer, File):
        return answer
    items = answer.items if isinstance(answer, Page) else answer
    items = [(name, values | dict.fromkeys(_BALANCES)) for name, values in items]
    return replace(answer, items=items) if isinstance(answer, Page) else items


def check_payee(call: Call, account_id: int) -> None:
    """Check that the caller may pay to an account: an app pays only between the granter's own.

    Raises
    ------
    Refusal
        403, in words of our own.
    """
    if call.consent is None:
        return
    if call.ledger.account(account_id)["person_id"] != call.person_id:
        raise refuse(403, "OAuth access includes payments between the user's own accounts only.")
