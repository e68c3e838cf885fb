"""Companies that a person makes: each is a user of its own, with an account.

Source: the official description. At bunq a company is let in by the app, and then has keys of its
own: ``Bank.issue_key`` and the control desk make one.
"""

from __future__ import annotations

import json
from typing import Any

from bunqkit.sandbox import people
from bunqkit.sandbox.refusal import refuse
from bunqkit.sandbox.resources.accounts import check_avatar
from bunqkit.sandbox.resources.call import Call, Item, Table, by_person, check_choice, created
from bunqkit.sandbox.resources.users import show_user

_PLANS = ("COMPANY_V1", "COMPANY_V2")
_MOST_OWNERS = 4
COMPANIES = Table(
    "person", "json_extract(details, '$.owner_id') = ?", by_person, "Company", show_user
)
"""The companies that a person has made."""


def create_company(call: Call) -> list[Item]:
    """Make a company of the caller's, with an empty account; return its id as a user."""
    details = _details(call) | {"owner_id": call.person_id}
    luck = call.ledger.chance("company", call.ledger.next_id("draw"))
    return created(people.open_company(call.ledger, call.body["name"], details, luck))


def update_company(call: Call) -> list[Item]:
    """Change a company; its accounts bear its new name."""
    ledger, company = call.ledger, COMPANIES.find(call)
    name = call.body.get("name") or company["name"]
    details = json.dumps(json.loads(company["details"]) | _details(call))
    ledger.update("person", company["id"], name=name, label=name, details=details)
    ledger.execute("UPDATE account SET holder = ? WHERE person_id = ?", name, company["id"])
    return created(company["id"])


def _details(call: Call) -> dict[str, Any]:
    """Return what is kept of a body beside the name."""
    body = call.sent
    check_avatar(call.ledger, body)
    check_choice("Subscription type", body.get("subscription_type", _PLANS[0]), _PLANS)
    if len(body.get("ubo", [])) > _MOST_OWNERS:
        raise refuse(400, f"A company has at most {_MOST_OWNERS} ultimate beneficial owners.")
    return {n: value for n, value in body.items() if n not in ("name", "signup_track_type")}
