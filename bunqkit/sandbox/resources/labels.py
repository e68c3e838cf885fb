"""The short forms of people and accounts that stand inside other objects, and their avatars.

Source: a capture of 2023.
"""

from __future__ import annotations

import json
import sqlite3
import uuid
from typing import Any

from bunqkit.sandbox.ledger import BankLedger
from bunqkit.sandbox.resources.rows import ALIASES


def label_account(ledger: BankLedger, account_id: int) -> dict[str, Any]:
    """Return the short form of an account."""
    return ledger.recall(("account", account_id), lambda: _label_account(ledger, account_id))


def label_user(ledger: BankLedger, person_id: int) -> dict[str, Any]:
    """Return the short form of a person or company."""
    return ledger.recall(("person", person_id), lambda: _label_user(ledger, person_id))


def label_pointer(ledger: BankLedger, alias: dict[str, Any], *, of_user: bool) -> dict[str, Any]:
    """Return the short form of whoever a pointer means, at the bank or not."""
    kind, value = alias.get("type"), str(alias.get("value"))
    account = ledger.account_behind(kind, value) if kind in ALIASES else None
    if account is None:
        name = alias.get("name") or value
        if of_user:
            return label_nobody(name)
        return label_outside(name, iban=value if kind == "IBAN" else None)
    if of_user and account["person_id"] is not None:
        return label_user(ledger, account["person_id"])
    label = label_account(ledger, account["id"])
    return label["label_user"] if of_user else label


def label_nobody(name: str) -> dict[str, Any]:
    """Return the short form of somebody of whom only the name is known."""
    return {
        "uuid": None,
        "display_name": name,
        "country": "NL",
        "avatar": None,
        "public_nick_name": name,
        "type": None,
    }


def label_outside(
    name: str, *, iban: str | None = None, country: str = "NL", category: str | None = None
) -> dict[str, Any]:
    """Return the short form of an account outside the bank; a shop has the code of its trade.

    Members that captures lack are left out: bunq's SDK can't read a null ``bunq_me``.
    """
    label = {
        "iban": iban,
        "is_light": None if iban is None else False,
        "display_name": name,
        "avatar": None,
        "label_user": {**label_nobody(name), "country": country},
        "country": country,
    }
    return label if category is None else label | {"merchant_category_code": category}


def show_avatar(ledger: BankLedger, anchor: str, chosen: str | None) -> dict[str, Any]:
    """Return the avatar of an account or a person: the chosen one, or one without a picture."""
    luck = ledger.chance("avatar", anchor)
    return {
        "uuid": chosen or str(uuid.UUID(int=luck.getrandbits(128), version=4)),
        "anchor_uuid": anchor,
        "image": [] if chosen is None else show_images(ledger, chosen),
        "style": "NONE",
    }


def show_images(ledger: BankLedger, avatar: str) -> list[dict[str, Any]]:
    """Return the pictures of an avatar."""
    query = "SELECT file.* FROM avatar JOIN file ON file.uuid = file_uuid WHERE avatar.uuid = ?"
    return [
        {
            "attachment_public_uuid": row["uuid"],
            "content_type": row["content_type"],
            # The bank does not look inside a picture.
            "height": 1024,
            "width": 1024,
            "urls": [],
        }
        for row in ledger.rows(query, avatar)
    ]


def _label_account(ledger: BankLedger, account_id: int) -> dict[str, Any]:
    row = ledger.account(account_id)
    details = json.loads(row["details"])
    if row["person_id"] is None:
        return label_outside(
            row["holder"],
            iban=row["iban"] if details.get("has_iban", True) else None,
            country=details.get("country", "NL"),
            category=details.get("merchant_category_code"),
        )
    return {
        **label_outside(holder_of(row, details), iban=row["iban"]),
        "avatar": show_avatar(ledger, row["uuid"], details.get("avatar_uuid")),
        "label_user": label_user(ledger, row["person_id"]),
    }


def holder_of(row: sqlite3.Row, details: dict[str, Any]) -> str:
    """Return the name that an account shows."""
    return str(details.get("display_name") or row["holder"])


def _label_user(ledger: BankLedger, person_id: int) -> dict[str, Any]:
    person = ledger.person(person_id)
    details = json.loads(person["details"])
    return {
        "uuid": person["uuid"],
        "display_name": details.get("display_name") or person["label"],
        "country": "NL",
        "avatar": show_avatar(ledger, person["uuid"], details.get("avatar_uuid")),
        "public_nick_name": details.get("public_nick_name") or person["label"],
        "type": "COMPANY" if person["kind"] == "UserCompany" else "PERSON",
    }
