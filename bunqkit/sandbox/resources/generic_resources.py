"""What has no rules of its own: kept as it was posted, and given back with every field of its type.

A thing belongs to a scope, the path of its collection: ``monetary-account/7/draft-payment`` or
``user/5/oauth-client``. So one table keeps all kinds, however deep they are nested.
"""

from __future__ import annotations

import functools
import json
import re
import sqlite3
from collections.abc import Callable, Sequence
from typing import Any

from bunqkit.catalogue.operations import Operation
from bunqkit.sandbox.clock import wire_time
from bunqkit.sandbox.ledger import Ledger
from bunqkit.sandbox.refusal import not_found, refuse
from bunqkit.sandbox.resources.accounts import own_account
from bunqkit.sandbox.resources.call import Call, Item, Page, created, read_id
from bunqkit.sandbox.resources.shape import fill, read, shape

# Collections that show what is posted elsewhere: under the same parent, or of the whole user.
_POSTED_AS = {
    "export-statement-card": ("export-statement-card-csv", "export-statement-card-pdf"),
    "schedule": ("schedule-payment", "schedule-payment-batch"),
    "whitelist-sdd": ("whitelist-sdd-one-off", "whitelist-sdd-recurring"),
    "payment-auto-allocate": (),
    "invoice": (),
}
# Things that are kept in tables of their own, and may have notes and the like below them.
_KEPT_APART = {
    "payment": "SELECT 1 FROM payment WHERE id = ? AND account_id = ?",
    "request-inquiry": "SELECT 1 FROM request WHERE id = ? AND account_id = ?",
    "request-response": "SELECT 1 FROM request WHERE response_id = ? AND payer_id = ?",
    "event": "SELECT 1 FROM event WHERE id = ? AND account_id = ?",
}
_ID = re.compile(r"\{(.+?)\}")


def list_things(call: Call) -> Page | list[Item]:
    """List a collection, newest first; what does not come in pages comes whole."""
    scopes = _scopes(call)
    condition = f"scope IN ({', '.join('?' * len(scopes))})"

    def tell(_ledger: Ledger, row: sqlite3.Row) -> Item:
        return _tell(call.operation, row)

    if call.operation.is_paged:
        return call.page("thing", condition, tuple(scopes), tell)
    rows = call.ledger.rows(f"SELECT * FROM thing WHERE {condition} ORDER BY id DESC", *scopes)
    return [_tell(call.operation, row) for row in rows]


def get_thing(call: Call) -> list[Item]:
    """Give one thing of the collection."""
    return [_tell(call.operation, find_thing(call, _scopes(call), call.ids["itemId"]))]


def create_thing(call: Call) -> list[Item]:
    """Keep what is posted; give its id, or all of it where bunq does."""
    operation = call.operation
    type_name = _kept_type(operation)
    values = fill(
        call.ledger,
        type_name,
        call.body,
        person_id=call.person_id,
        account_id=_account_id(call),
    )
    number = add_thing(call.ledger, _scopes(call)[0], type_name, values)
    return _changed(call, number)


def update_thing(call: Call) -> list[Item]:
    """Change the fields that are sent."""
    row = find_thing(call, _scopes(call), call.ids["itemId"])
    change_thing(call.ledger, row, read(call.ledger, row["type"], call.body))
    return _changed(call, row["id"])


def delete_thing(call: Call) -> list[Item]:
    """Take a thing away: it is not found afterwards."""
    call.ledger.delete("thing", find_thing(call, _scopes(call), call.ids["itemId"])["id"])
    return []


def add_thing(
    ledger: Ledger,
    scope: str,
    type_name: str,
    values: dict[str, Any],
    *,
    secret: dict[str, Any] | None = None,
    at: str | None = None,
) -> int:
    """Write a thing; give its id.

    Parameters
    ----------
    ledger
        The books.
    scope
        The path of its collection.
    type_name
        The type it is kept as.
    values
        Its fields; those that it has not are told as null.
    secret
        What the bank keeps beside them and never tells.
    at
        When it was made, as it is written; by default now.
    """
    number, now = ledger.next_id("thing"), at or wire_time(ledger.clock.now())
    given = {"uuid": ledger.new_uuid("thing", number)}
    given["public_uuid"] = given["uuid"]
    ledger.insert(
        "thing",
        id=number,
        scope=scope,
        type=type_name,
        created=now,
        updated=now,
        item=json.dumps(given | {name: v for name, v in values.items() if v is not None}),
        secret=json.dumps(secret or {}),
    )
    return number


def change_thing(
    ledger: Ledger, row: sqlite3.Row, values: dict[str, Any], *, at: str | None = None
) -> None:
    """Change fields of a thing."""
    rewrite_thing(ledger, row, values, secret=json.loads(row["secret"]), at=at)


def rewrite_thing(
    ledger: Ledger,
    row: sqlite3.Row,
    values: dict[str, Any],
    *,
    secret: dict[str, Any],
    at: str | None = None,
) -> None:
    """Change fields of a thing, and put something else beside them."""
    ledger.update(
        "thing",
        row["id"],
        updated=at or wire_time(ledger.clock.now()),
        item=json.dumps(json.loads(row["item"]) | values),
        secret=json.dumps(secret),
    )


def find_thing(call: Call, scopes: Sequence[str], number: str) -> sqlite3.Row:
    """Read a thing of one of the scopes; refuse if there is none."""
    row = thing_of(call.ledger, scopes, number)
    if row is None:
        raise not_found(_spoken(call.operation.resource.rpartition(".")[2]), number)
    return row


def thing_of(ledger: Ledger, scopes: Sequence[str], number: str) -> sqlite3.Row | None:
    """Read a thing of one of the scopes, if it is there."""
    marks = ", ".join("?" * len(scopes))
    return ledger.row(
        f"SELECT * FROM thing WHERE id = ? AND scope IN ({marks})", read_id(number), *scopes
    )


def read_thing(ledger: Ledger, number: int) -> sqlite3.Row:
    """Read a thing that is there."""
    row = ledger.row("SELECT * FROM thing WHERE id = ?", number)
    assert row is not None
    return row


def tell_thing(
    row: sqlite3.Row, type_name: str, values: dict[str, Any] | None = None
) -> dict[str, Any]:
    """Give a thing with every field of a type; some of them may be told from elsewhere."""
    own = {"id": row["id"], "created": row["created"], "updated": row["updated"]}
    return shape(type_name, json.loads(row["item"]) | (values or {}) | own)


def secret_of(row: sqlite3.Row) -> dict[str, Any]:
    """Give what the bank keeps beside a thing; refuse if it was put there by hand."""
    secret: dict[str, Any] = json.loads(row["secret"])
    if not secret:
        raise refuse(400, "This was put into the bank by hand: it can be read, and nothing more.")
    return secret


def status_of(row: sqlite3.Row) -> str | None:
    """Give how a thing stands; what was put there by hand may not say it."""
    status: str | None = json.loads(row["item"]).get("status")
    return status


Tell = Callable[[Ledger, sqlite3.Row], Item]


def as_placed(type_name: str | None = None) -> Callable[[Tell], Tell]:
    """Have things that were put into the bank by hand told as they are, and others by a rule.

    Parameters
    ----------
    type_name
        What they are told as; by default what they were put there as.
    """

    def by(tell: Tell) -> Tell:
        @functools.wraps(tell)
        def told(ledger: Ledger, row: sqlite3.Row) -> Item:
            if row["secret"] == "{}":  # noqa: S105 (it is empty)
                name = type_name or row["type"]
                return name, tell_thing(row, name)
            return tell(ledger, row)

        return told

    return by


def scope_of(call: Call) -> str:
    """Give the path of the collection, and insist on all that stands before it."""
    segments = call.operation.path.strip("/").removesuffix("/{itemId}").split("/")
    return _walk(call, segments)


def parent_of(call: Call) -> tuple[str, str]:
    """Give the scope and the id of the thing that the collection hangs under."""
    scope, number, _ = scope_of(call).rsplit("/", 2)
    return scope, number


def content_of(call: Call) -> tuple[str, int]:
    """Give the scope and the id of what a path ending in ``content`` reads."""
    *collection, _, _ = call.operation.path.strip("/").split("/")
    name = _ID.findall(call.operation.path)[-1]
    return _walk(call, collection), call.number(name)


def _walk(call: Call, segments: list[str]) -> str:
    scope: list[str] = []
    for at, segment in enumerate(segments):
        name = _ID.fullmatch(segment)
        if name is None:
            scope.append(segment)
            continue
        _insist(call, segments[at - 1], name[1], "/".join(scope))
        scope.append(str(call.number(name[1])))
        if name[1] == "monetary-accountID":
            scope = scope[-2:]
    return "/".join(scope)


def _insist(call: Call, collection: str, name: str, scope: str) -> None:
    """Refuse if a thing in the middle of the path is not there."""
    if name == "userID":
        return
    if name == "monetary-accountID":
        own_account(call)
        return
    if collection == "credential-password-ip":
        found = call.ledger.row(
            "SELECT 1 FROM api_key WHERE id = ? AND person_id = ?",
            call.number(name),
            call.person_id,
        )
    elif collection in _KEPT_APART:
        account = call.number("monetary-accountID")
        found = call.ledger.row(_KEPT_APART[collection], call.number(name), account)
    else:
        found = thing_of(call.ledger, shown_in(call, scope), call.ids[name])
    if found is None:
        raise not_found(_spoken(collection), call.ids[name])


def _scopes(call: Call) -> list[str]:
    """Give the scopes that a collection shows, the one that it posts to first."""
    scope = scope_of(call)
    return [scope] if call.operation.method == "POST" else shown_in(call, scope)


def shown_in(call: Call, scope: str) -> list[str]:
    """Give the scopes whose things are shown in a collection, its own first."""
    before, _, last = scope.rpartition("/")
    if last not in _POSTED_AS:
        return [scope]
    scopes = [scope, *(f"{before}/{each}" for each in _POSTED_AS[last])]
    if last == "whitelist-sdd":
        scopes += [f"user/{call.person_id}/{each}" for each in _POSTED_AS[last]]
    elif "monetary-account" not in scope:
        owned = call.ledger.rows("SELECT id FROM account WHERE person_id = ?", call.person_id)
        for account in owned:
            below = f"monetary-account/{account['id']}"
            scopes += [f"{below}/{each}" for each in (last, *_POSTED_AS[last])]
    return scopes


def _kept_type(operation: Operation) -> str:
    """Give the type that a posted thing is kept as: the one that its collection is read as."""
    wrapper = operation.wrapper
    if wrapper in ("Id", "Uuid", "*"):
        return operation.body or operation.answer or wrapper
    return wrapper


def _tell(operation: Operation, row: sqlite3.Row) -> Item:
    if operation.wrapper == "*":
        return row["type"], tell_thing(row, row["type"])
    return operation.wrapper, tell_thing(row, operation.answer or row["type"])


def _changed(call: Call, number: int) -> list[Item]:
    if call.operation.wrapper == "Id":
        return created(number)
    return [_tell(call.operation, read_thing(call.ledger, number))]


def _account_id(call: Call) -> int | None:
    return call.number("monetary-accountID") if "monetary-accountID" in call.ids else None


def _spoken(collection: str) -> str:
    """Give the name of one thing of a collection, as bunq's texts would: ``Note text``."""
    return collection.replace("-", " ").capitalize()
