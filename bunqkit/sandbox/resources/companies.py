"""Companies that a person makes: each is a user of its own, with an account.

Source: the official description. At bunq a company is let in by the app, and then has keys of its
own: ``Bank.issue_key`` and the control desk give one.
"""

from __future__ import annotations

import json
import sqlite3
from typing import Any

from bunqkit.sandbox import people
from bunqkit.sandbox.refusal import not_found, refuse
from bunqkit.sandbox.resources.accounts import check_avatar
from bunqkit.sandbox.resources.call import Call, Item, Page, created
from bunqkit.sandbox.resources.users import tell_user

_PLANS = ("COMPANY_V1", "COMPANY_V2")
_MOST_OWNERS = 4
_MINE = "json_extract(details, '$.owner_id') = ?"


def create_company(call: Call) -> list[Item]:
    """Make a company of the caller's, with an empty account; give its id as a user."""
    return created(
        people.open_company(
            call.ledger,
            call.body["name"],
            _read(call) | {"owner_id": call.person_id},
            call.ledger.chance("company", call.ledger.next_id("draw")),
        )
    )


def list_companies(call: Call) -> Page:
    """List the companies that a person has made, newest first."""
    return call.page("person", _MINE, (call.person_id,), tell_user)


def get_company(call: Call) -> list[Item]:
    """Give one of the companies that a person has made."""
    return [tell_user(call.ledger, _own_company(call))]


def update_company(call: Call) -> list[Item]:
    """Change a company; its accounts bear its new name."""
    ledger, company = call.ledger, _own_company(call)
    name = call.body.get("name") or company["name"]
    details = json.loads(company["details"]) | _read(call)
    ledger.update("person", company["id"], name=name, label=name, details=json.dumps(details))
    ledger.execute("UPDATE account SET holder = ? WHERE person_id = ?", name, company["id"])
    return created(company["id"])


def _own_company(call: Call) -> sqlite3.Row:
    row = call.ledger.row(
        f"SELECT * FROM person WHERE id = ? AND {_MINE}", call.number("itemId"), call.person_id
    )
    if row is None:
        raise not_found("Company", call.ids["itemId"])
    return row


def _read(call: Call) -> dict[str, Any]:
    """Give what is kept of a body beside the name."""
    told = {name: value for name, value in call.body.items() if value is not None}
    check_avatar(call.ledger, told)
    if told.get("subscription_type", _PLANS[0]) not in _PLANS:
        raise refuse(400, f'Subscription type "{told["subscription_type"]}" is not valid.')
    if len(told.get("ubo", [])) > _MOST_OWNERS:
        raise refuse(400, f"A company has at most {_MOST_OWNERS} ultimate beneficial owners.")
    return {
        name: value for name, value in told.items() if name not in ("name", "signup_track_type")
    }
