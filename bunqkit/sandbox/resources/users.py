"""The user: reading oneself.

Fields as in the official description of 2025-04; what the bank does not know is null.
"""

from __future__ import annotations

import json
import sqlite3
from typing import Any

from bunqkit.sandbox.ledger import Ledger
from bunqkit.sandbox.refusal import not_found
from bunqkit.sandbox.resources.call import Call, Item


def list_users(call: Call) -> list[Item]:
    """Give the one user of the session."""
    return [tell_user(call.ledger, call.ledger.person(call.person_id))]


def get_user(call: Call) -> list[Item]:
    """Give oneself; another's id is not found."""
    if call.number("itemId") != call.person_id:
        raise not_found("User", call.ids["itemId"])
    return list_users(call)


def tell_user(ledger: Ledger, person: sqlite3.Row) -> Item:
    """Give the user object of a person or company."""
    details = json.loads(person["details"])
    common: dict[str, Any] = {
        "id": person["id"],
        "created": person["created"],
        "updated": person["created"],
        "public_uuid": person["uuid"],
        "display_name": person["label"],
        "public_nick_name": details.get("nick_name", person["label"]),
        "alias": _aliases(person),
        "avatar": None,
        "address_main": details.get("address"),
        "address_postal": details.get("address"),
        "address_shipping": None,
        "tax_resident": [],
        "version_terms_of_service": "1.2",
        "language": "en_US",
        "region": "nl_NL",
        "status": "ACTIVE",
        "sub_status": "NONE",
        "session_timeout": person["session_timeout"],
        "daily_limit_without_confirmation_login": {"currency": "EUR", "value": "250.00"},
        "notification_filters": [],
        "relations": [],
    }
    if person["kind"] == "UserPerson":
        return "UserPerson", common | _person(person, details)
    return "UserCompany", common | _company(ledger, person, details)


def _person(person: sqlite3.Row, details: dict[str, Any]) -> dict[str, Any]:
    first, _, last = person["name"].partition(" ")
    return {
        "first_name": first,
        "middle_name": None,
        "last_name": last,
        "legal_name": person["name"],
        "date_of_birth": details["date_of_birth"],
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
    return {
        "name": person["name"],
        "chamber_of_commerce_number": details["chamber_of_commerce_number"],
        "legal_form": "BV",
        "type_of_business_entity": "BV",
        "sector_of_industry": None,
        "counter_bank_iban": account and account["iban"],
        "directors": [],
        "country": "NL",
        "ubo": [],
        "customer": None,
        "customer_limit": None,
        "billing_contract": [],
        "deny_reason": None,
    }


def _aliases(person: sqlite3.Row) -> list[dict[str, Any]]:
    return [
        {"type": kind, "value": value, "name": value}
        for kind, value in (("EMAIL", person["email"]), ("PHONE_NUMBER", person["phone"]))
        if value is not None
    ]


def label_user(person: sqlite3.Row) -> dict[str, Any]:
    """Give the short form of a person that stands inside other objects."""
    details = json.loads(person["details"])
    return {
        "uuid": person["uuid"],
        "display_name": person["label"],
        "country": "NL",
        "avatar": None,
        "public_nick_name": details.get("nick_name", person["label"]),
        "type": "PERSON" if person["kind"] == "UserPerson" else "COMPANY",
    }
