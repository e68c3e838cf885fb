"""The user, and what the bank tells of one: names, limits, plan.

Fields as in the official description of 2025-04; what the bank does not know is null.
"""

from __future__ import annotations

import json
import sqlite3
from typing import Any

from bunqkit.sandbox.ledger import Ledger
from bunqkit.sandbox.refusal import not_found, refuse
from bunqkit.sandbox.resources.accounts import MOST_ACCOUNTS, check_avatar, count_accounts
from bunqkit.sandbox.resources.call import Call, Item, created
from bunqkit.sandbox.resources.labels import label_nobody, label_user, tell_avatar
from bunqkit.sandbox.resources.shape import shape
from bunqkit.sandbox.resources.wire import amount

PROVIDER = "UserPaymentServiceProvider"
# Source: bunq docs and bunqDesktop: five minutes to seven days in practice.
_TIMEOUTS = range(60, 90 * 86_400 + 1)


def list_users(call: Call) -> list[Item]:
    """Give the one user of the session."""
    if call.consent is not None:
        return [tell_consent(call.ledger, call.consent)]
    return [tell_user(call.ledger, call.ledger.person(call.person_id))]


def get_user(call: Call) -> list[Item]:
    """Give oneself; another's id, or another kind of user's path, finds nobody."""
    if call.consent is not None and call.operation.name == "user.get":
        if call.number("itemId") not in (call.consent["id"], call.person_id):
            raise not_found("User", call.ids["itemId"])
        return list_users(call)
    person = _oneself(call, "itemId")
    return [tell_user(call.ledger, person)]


def update_user(call: Call) -> list[Item]:
    """Change oneself: the session's length, names, addresses, the avatar."""
    person = _oneself(call, "itemId")
    body = {name: told for name, told in call.body.items() if told is not None}
    timeout = body.pop("session_timeout", person["session_timeout"])
    if timeout not in _TIMEOUTS:
        raise refuse(400, 'The value of "session_timeout" is not valid.')
    check_avatar(call.ledger, body)
    for name in ("status", "sub_status"):
        if body.pop(name, None) not in (None, "ACTIVE", "NONE"):
            raise refuse(400, "A user of the offline bank can't be closed.")
    details = json.loads(person["details"]) | body
    call.ledger.update("person", person["id"], session_timeout=timeout, details=json.dumps(details))
    return created(person["id"])


def list_legal_names(call: Call) -> list[Item]:
    """Give the names that stand in one's papers."""
    return [("UserLegalNameArray", {"legal_names": [call.ledger.person(call.person_id)["name"]]})]


def list_company_names(call: Call) -> list[Item]:
    """Give the names of one's company."""
    return [("UserCompanyNameArray", {"name_array": [_oneself(call, "user-companyID")["name"]]})]


def list_limits(call: Call) -> list[Item]:
    """Give how many accounts and cards one may still have."""
    left = MOST_ACCOUNTS - count_accounts(call.ledger, call.person_id)
    values = {
        "limit_monetary_account": MOST_ACCOUNTS,
        "limit_monetary_account_remaining": max(left, 0),
        "limit_card_debit_maestro": 0,
        "limit_card_debit_mastercard": 3,
        "limit_card_debit_wildcard": 0,
        "limit_card_wildcard": 0,
        "limit_card_replacement": 2,
        "limit_amount_monthly": amount(10_000_000_00, "EUR"),
        "spent_amount_monthly": amount(_spent(call), "EUR"),
    }
    return [("CustomerLimit", shape("CustomerLimit", values))]


def _spent(call: Call) -> int:
    """Give what a person has paid to others this month."""
    row = call.ledger.row(
        "SELECT -COALESCE(SUM(cents), 0) AS cents FROM account "
        "CROSS JOIN payment ON account_id = account.id "
        "JOIN account AS counter ON counter.id = counter_id "
        "WHERE account.person_id = ? AND cents < 0 AND counter.person_id IS NOT ? "
        "AND payment.currency = 'EUR' AND payment.created >= ?",
        call.person_id,
        call.person_id,
        f"{call.ledger.clock.now():%Y-%m}",
    )
    assert row is not None
    return int(row["cents"])


def list_contracts(call: Call) -> list[Item]:
    """Give one's plan."""
    person = call.ledger.person(call.person_id)
    plan = "COMPANY_V2" if person["kind"] == "UserCompany" else "PERSON_PREMIUM_V1"
    values = {
        "id": person["id"],
        "created": person["created"],
        "updated": person["created"],
        "contract_date_start": person["created"][:10],
        "contract_version": 1,
        "subscription_type": json.loads(person["details"]).get("subscription_type") or plan,
        "status": "ACTIVE",
        "sub_status": "NONE",
    }
    name = "BillingContractSubscription"
    return [(name, shape(name, values))]


def list_trees(call: Call) -> list[Item]:
    """Give how many trees were planted for one's payments: none here."""
    values = {
        "number_of_tree": 0,
        "progress_tree_next": 0,
        "label_user": label_user(call.ledger, call.person_id),
    }
    return [("TreeProgress", shape("TreeProgress", values))]


def list_insight_dates(_call: Call) -> list[Item]:
    """Give the day on which one's month begins."""
    return [("InsightPreferenceDate", {"day_of_month": 1})]


def check_health(_call: Call) -> list[Item]:
    """Say that the bank is well."""
    entries = [{"type": "DATABASE", "status": "HEALTHY"}]
    return [("HealthCheckResult", {"status": "HEALTHY", "allEntry": entries})]


def fail(_call: Call) -> list[Item]:
    """Fail as asked. Source: the official description, whose call is there to be an error."""
    raise refuse(500, "This error was asked for: POST server-error does nothing else.")


def _oneself(call: Call, name: str) -> sqlite3.Row:
    person = call.ledger.person(call.person_id)
    # Under /user any kind is read, under /user-person and the like only its own.
    kinds = {
        "user-person": ("UserPerson",),
        "user-company": ("UserCompany",),
        "user-payment-service-provider": (PROVIDER,),
    }
    allowed = kinds.get(call.operation.path.split("/")[1])
    if call.number(name) != person["id"] or (allowed and person["kind"] not in allowed):
        raise not_found("User", call.ids[name])
    return person


def tell_user(ledger: Ledger, person: sqlite3.Row) -> Item:
    """Give the user object of a person, a company, or a payment service provider."""
    details = json.loads(person["details"])
    nick = details.get("public_nick_name") or details.get("nick_name") or person["label"]
    common: dict[str, Any] = {
        "id": person["id"],
        "created": person["created"],
        "updated": person["created"],
        "public_uuid": person["uuid"],
        "display_name": person["label"],
        "public_nick_name": nick,
        "alias": _aliases(person),
        "avatar": tell_avatar(ledger, person["uuid"], details.get("avatar_uuid")),
        "address_main": details.get("address"),
        "address_postal": details.get("address"),
        "version_terms_of_service": "1.2",
        "language": "en_US",
        "region": "nl_NL",
        "status": "ACTIVE",
        "sub_status": "NONE",
        "session_timeout": person["session_timeout"],
        "daily_limit_without_confirmation_login": amount(250_00, "EUR"),
    }
    own = {"UserPerson": _person, "UserCompany": _company}.get(person["kind"])
    if own is not None:
        common |= own(ledger, person, details)
    return person["kind"], shape(person["kind"], common | details | {"public_nick_name": nick})


def tell_consent(ledger: Ledger, row: sqlite3.Row) -> Item:
    """Give the user of a session that a granted token opened."""
    people = {
        name: ledger.person(row[column])
        for name, column in (
            ("requested_by_user", "requester_id"),
            ("granted_by_user", "granter_id"),
        )
    }
    return "UserApiKey", {
        "id": row["id"],
        "created": row["created"],
        "updated": row["revoked"] or row["created"],
        **{name: dict([tell_user(ledger, person)]) for name, person in people.items()},
    }


def _person(_ledger: Ledger, person: sqlite3.Row, details: dict[str, Any]) -> dict[str, Any]:
    first, _, last = person["name"].partition(" ")
    return {
        "first_name": first,
        "last_name": last,
        "legal_name": person["name"],
        "place_of_birth": details["address"]["city"],
        "country_of_birth": "NL",
        "nationality": "NL",
        "all_nationality": ["NL"],
        "gender": "UNKNOWN",
    }


def _company(ledger: Ledger, person: sqlite3.Row, details: dict[str, Any]) -> dict[str, Any]:
    account = ledger.row(
        "SELECT iban FROM account WHERE person_id = ? ORDER BY id LIMIT 1", person["id"]
    )
    owner, form = details.get("owner_id"), details.get("legal_form") or "BV"
    return {
        "name": person["name"],
        "legal_form": form,
        "type_of_business_entity": form,
        "counter_bank_iban": account and account["iban"],
        "directors": [label_user(ledger, owner) if owner else label_nobody(person["name"])],
        "country": "NL",
    }


def _aliases(person: sqlite3.Row) -> list[dict[str, Any]]:
    return [
        {"type": kind, "value": value, "name": value}
        for kind, value in (("EMAIL", person["email"]), ("PHONE_NUMBER", person["phone"]))
        if value is not None
    ]
