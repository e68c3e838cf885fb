"""The user, the companies of a user, and small facts about one: names, limits, plan.

Fields as in the official description of 2025-04; what the bank does not know is null. A company
that a person makes is a user of its own, with an account. At bunq it is let in by the app, and then
has keys of its own: ``Bank.issue_key`` and the control desk make one.
"""

from __future__ import annotations

import json
import sqlite3
from typing import Any

from bunqkit.sandbox import people
from bunqkit.sandbox.ledger import BankLedger
from bunqkit.sandbox.refusal import not_found, refuse
from bunqkit.sandbox.resources.accounts import MOST_ACCOUNTS, check_avatar, count_accounts
from bunqkit.sandbox.resources.call import Call, Item, Table, Verbs, by_person, created
from bunqkit.sandbox.resources.facts import usual
from bunqkit.sandbox.resources.labels import label_nobody, label_user, show_avatar
from bunqkit.sandbox.resources.rows import check_choice
from bunqkit.sandbox.resources.shape import shape
from bunqkit.sandbox.resources.wire import amount

PROVIDER = "UserPaymentServiceProvider"
_PLANS = ("COMPANY_V1", "COMPANY_V2")
_MOST_OWNERS = 4
# Source: bunq docs and bunqDesktop: five minutes to seven days in practice.
_TIMEOUTS = range(60, 90 * 86_400 + 1)
# The kind of user that a path reads; under /user any kind is read.
_KINDS = {
    "user-person": "UserPerson",
    "user-company": "UserCompany",
    "user-payment-service-provider": PROVIDER,
}


def list_users(call: Call) -> list[Item]:
    """Return the one user of the session."""
    if call.consent is not None:
        return [show_consent(call.ledger, call.consent)]
    return [show_user(call.ledger, call.ledger.person(call.person_id))]


def get_user(call: Call) -> list[Item]:
    """Return the caller; another's id, or another kind of user's path, is not found."""
    if call.consent is not None and call.operation.name == "user.get":
        if call.number() not in (call.consent["id"], call.person_id):
            raise not_found("User", call.ids["itemId"])
        return list_users(call)
    return [show_user(call.ledger, _caller(call, "itemId"))]


def update_user(call: Call) -> list[Item]:
    """Change the caller: the session's length, names, addresses, the avatar."""
    person, body = _caller(call, "itemId"), call.sent
    timeout = body.pop("session_timeout", person["session_timeout"])
    if timeout not in _TIMEOUTS:
        raise refuse(400, 'The value of "session_timeout" is not valid.')
    check_avatar(call.ledger, body)
    for name in ("status", "sub_status"):
        if body.pop(name, None) not in (None, "ACTIVE", "NONE"):
            raise refuse(400, "A user of the offline bank can't be closed.")
    details = json.dumps(json.loads(person["details"]) | body)
    call.ledger.update("person", person["id"], session_timeout=timeout, details=details)
    return created(person["id"])


def list_legal_names(call: Call) -> list[Item]:
    """Return the names that stand in the caller's papers."""
    return [("UserLegalNameArray", {"legal_names": [call.ledger.person(call.person_id)["name"]]})]


def list_company_names(call: Call) -> list[Item]:
    """Return the names of the caller's company."""
    return [("UserCompanyNameArray", {"name_array": [_caller(call, "user-companyID")["name"]]})]


def list_limits(call: Call) -> list[Item]:
    """Return how many accounts and cards the caller may still have."""
    left = MOST_ACCOUNTS - count_accounts(call.ledger, call.person_id)
    values = usual("CustomerLimit") | {
        "limit_monetary_account": MOST_ACCOUNTS,
        "limit_monetary_account_remaining": max(left, 0),
        "spent_amount_monthly": amount(_spent_cents(call), "EUR"),
    }
    return [("CustomerLimit", shape("CustomerLimit", values))]


def _spent_cents(call: Call) -> int:
    """Return what a person has paid to others this month."""
    query = (
        "SELECT -COALESCE(SUM(cents), 0) AS cents FROM account "
        "CROSS JOIN payment ON account_id = account.id "
        "JOIN account AS counter ON counter.id = counter_id "
        "WHERE account.person_id = ?1 AND cents < 0 AND counter.person_id IS NOT ?1 "
        "AND payment.currency = 'EUR' AND payment.created >= ?2"
    )
    month = f"{call.ledger.clock.now():%Y-%m}"
    return int(call.ledger.rows(query, call.person_id, month)[0]["cents"])


def list_contracts(call: Call) -> list[Item]:
    """Return the caller's plan."""
    person, name = call.ledger.person(call.person_id), "BillingContractSubscription"
    plan = "COMPANY_V2" if person["kind"] == "UserCompany" else "PERSON_PREMIUM_V1"
    values = usual(name) | {
        "id": person["id"],
        "created": person["created"],
        "updated": person["created"],
        "contract_date_start": person["created"][:10],
        "subscription_type": json.loads(person["details"]).get("subscription_type") or plan,
    }
    return [(name, shape(name, values))]


def list_trees(call: Call) -> list[Item]:
    """Return how many trees were planted for the caller's payments: none here."""
    label = label_user(call.ledger, call.person_id)
    values = {"number_of_tree": 0, "progress_tree_next": 0, "label_user": label}
    return [("TreeProgress", shape("TreeProgress", values))]


def list_insight_dates(_call: Call) -> list[Item]:
    """Return the day on which the caller's month begins."""
    return [("InsightPreferenceDate", {"day_of_month": 1})]


def check_health(_call: Call) -> list[Item]:
    """Return that the bank is well."""
    return [("HealthCheckResult", usual("HealthCheckResult"))]


def fail(_call: Call) -> list[Item]:
    """Refuse, as the call asks. Source: the official description: the call exists to fail."""
    raise refuse(500, "This error was asked for: POST server-error does nothing else.")


def _caller(call: Call, name: str) -> sqlite3.Row:
    """Return the caller; refuse if the path has another's id, or is for another kind of user."""
    person = call.ledger.person(call.person_id)
    kind = _KINDS.get(call.operation.path.split("/")[1], person["kind"])
    if call.number(name) != person["id"] or person["kind"] != kind:
        raise not_found("User", call.ids[name])
    return person


def show_user(ledger: BankLedger, person: sqlite3.Row) -> Item:
    """Return the user object of a person, a company, or a payment service provider."""
    details, kind = json.loads(person["details"]), person["kind"]
    nick = details.get("public_nick_name") or details.get("nick_name") or person["label"]
    values: dict[str, Any] = usual("User") | {
        "id": person["id"],
        "created": person["created"],
        "updated": person["created"],
        "public_uuid": person["uuid"],
        "display_name": person["label"],
        "alias": [
            {"type": kind, "value": value, "name": value}
            for kind, value in (("EMAIL", person["email"]), ("PHONE_NUMBER", person["phone"]))
            if value is not None
        ],
        "avatar": show_avatar(ledger, person["uuid"], details.get("avatar_uuid")),
        "address_main": details.get("address"),
        "address_postal": details.get("address"),
        "session_timeout": person["session_timeout"],
    }
    if kind == "UserPerson":
        first, _, last = person["name"].partition(" ")
        names = {"first_name": first, "last_name": last, "legal_name": person["name"]}
        birth = {"place_of_birth": details["address"]["city"]}
        values |= usual("UserPerson") | names | birth
    elif kind == "UserCompany":
        values |= _company(ledger, person, details)
    return kind, shape(kind, values | details | {"public_nick_name": nick})


def show_consent(ledger: BankLedger, row: sqlite3.Row) -> Item:
    """Return the user of a session that an app opened by a consent."""
    asking, granting = (ledger.person(row[name]) for name in ("requester_id", "granter_id"))
    return "UserApiKey", {
        "id": row["id"],
        "created": row["created"],
        "updated": row["revoked"] or row["created"],
        "requested_by_user": dict([show_user(ledger, asking)]),
        "granted_by_user": dict([show_user(ledger, granting)]),
    }


def _company(ledger: BankLedger, person: sqlite3.Row, details: dict[str, Any]) -> dict[str, Any]:
    query = "SELECT iban FROM account WHERE person_id = ? ORDER BY id LIMIT 1"
    account = ledger.row(query, person["id"])
    owner, form = details.get("owner_id"), details.get("legal_form") or "BV"
    return {
        "name": person["name"],
        "legal_form": form,
        "type_of_business_entity": form,
        "counter_bank_iban": account and account["iban"],
        "directors": [label_user(ledger, owner) if owner else label_nobody(person["name"])],
        "country": "NL",
    }


_COMPANIES = Table(
    "person", "json_extract(details, '$.owner_id') = ?", by_person, "Company", show_user
)
"""The companies that a person has made."""


def create_company(call: Call) -> list[Item]:
    """Make a company of the caller's, with an empty account; return its id as a user."""
    details = _company_details(call) | {"owner_id": call.person_id}
    luck = call.ledger.chance("company", call.ledger.next_id("draw"))
    return created(people.open_company(call.ledger, call.body["name"], details, luck))


def update_company(call: Call) -> list[Item]:
    """Change a company; its accounts bear its new name."""
    ledger, company = call.ledger, _COMPANIES.find(call)
    name = call.body.get("name") or company["name"]
    details = json.dumps(json.loads(company["details"]) | _company_details(call))
    ledger.update("person", company["id"], name=name, label=name, details=details)
    ledger.execute("UPDATE account SET holder = ? WHERE person_id = ?", name, company["id"])
    return created(company["id"])


def _company_details(call: Call) -> dict[str, Any]:
    """Return what is kept of a body beside the name."""
    body = call.sent
    check_avatar(call.ledger, body)
    check_choice("Subscription type", body.get("subscription_type", _PLANS[0]), _PLANS)
    if len(body.get("ubo", [])) > _MOST_OWNERS:
        raise refuse(400, f"A company has at most {_MOST_OWNERS} ultimate beneficial owners.")
    return {n: value for n, value in body.items() if n not in ("name", "signup_track_type")}


_USER: Verbs = {"list": list_users, "get": get_user, "update": update_user}
RULES: dict[str, Verbs] = {
    **dict.fromkeys(("user", *_KINDS), _USER),
    "company": _COMPANIES.rules(create=create_company, update=update_company),
    "user-company.name": {"list": list_company_names},
    "legal-name": {"list": list_legal_names},
    "limit": {"list": list_limits},
    "billing-contract-subscription": {"list": list_contracts},
    "tree-progress": {"list": list_trees},
    "insight-preference-date": {"list": list_insight_dates},
    "health-check": {"list": check_health},
    "server-error": {"create": fail},
}
