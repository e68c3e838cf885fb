"""Resources that are kept as they are posted, and shown with every field of their type.

A resource belongs to a scope, the path of its collection: ``monetary-account/7/draft-payment`` or
``user/5/oauth-client``. So one table, ``thing``, keeps all kinds, however deep they are nested.
Kinds with rules of their own are kept here as well: their rules say what else is shown.
"""

from __future__ import annotations

import functools
import json
import re
import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from bunqkit.catalogue.operations import Operation
from bunqkit.sandbox.clock import wire_time
from bunqkit.sandbox.ledger import BankLedger
from bunqkit.sandbox.refusal import not_found, refuse
from bunqkit.sandbox.resources.accounts import own_account, own_account_ids
from bunqkit.sandbox.resources.call import Adapt, Call, Item, Page, Rule, Verbs, as_it_is, created
from bunqkit.sandbox.resources.rows import find_row, pick, read_id, read_row, without_nulls
from bunqkit.sandbox.resources.shape import fill, read, shape

# Collections that also show what is posted elsewhere: under the same parent, or of the whole user.
_POSTED_AS = {
    "export-statement-card": ("export-statement-card-csv", "export-statement-card-pdf"),
    "schedule": ("schedule-payment", "schedule-payment-batch"),
    "whitelist-sdd": ("whitelist-sdd-one-off", "whitelist-sdd-recurring"),
    "payment-auto-allocate": (),
    "invoice": (),
}
# What has a table of its own, and may have notes and the like below it.
_KEPT_APART = {
    "payment": "SELECT 1 FROM payment WHERE id = ? AND account_id = ?",
    "request-inquiry": "SELECT 1 FROM request WHERE id = ? AND account_id = ?",
    "request-response": "SELECT 1 FROM request WHERE response_id = ? AND payer_id = ?",
    "event": "SELECT 1 FROM event WHERE id = ? AND account_id = ?",
}
_ID = re.compile(r"\{(.+?)\}")


@dataclass
class StoredResource:
    """One resource, as the table ``thing`` keeps it.

    Attributes
    ----------
    ledger
        The books that it is in.
    id, type, created, updated
        Its id, the type that it is kept as, and its times as they are written.
    scope
        The path of its collection.
    fields
        The fields that are shown.
    hidden
        What the bank keeps beside the fields and never shows; empty for a resource that was put
        into the bank by hand.
    """

    ledger: BankLedger
    id: int
    scope: str
    type: str
    created: str
    updated: str
    fields: dict[str, Any]
    hidden: dict[str, Any]

    @classmethod
    def of(cls, ledger: BankLedger, row: sqlite3.Row) -> StoredResource:
        """Return the resource of a row of ``thing``."""
        columns = pick(row, "id", "scope", "type", "created", "updated")
        fields, hidden = json.loads(row["item"]), json.loads(row["secret"])
        return cls(ledger, **columns, fields=fields, hidden=hidden)

    @classmethod
    def add(
        cls,
        ledger: BankLedger,
        scope: str,
        type_name: str,
        values: dict[str, Any],
        *,
        secret: dict[str, Any] | None = None,
        at: datetime | None = None,
    ) -> StoredResource:
        """Write a new resource and return it.

        Parameters
        ----------
        ledger
            The books.
        scope
            The path of its collection.
        type_name
            The type it is kept as.
        values
            Its fields; those that are left out are shown as null.
        secret
            What the bank keeps beside the fields and never shows.
        at
            When it was made; by default now.
        """
        number, now = ledger.next_id("thing"), wire_time(at or ledger.clock.now())
        uuid, hidden = ledger.new_uuid("thing", number), secret or {}
        fields = {"uuid": uuid, "public_uuid": uuid} | without_nulls(values)
        texts = {"item": json.dumps(fields), "secret": json.dumps(hidden)}
        columns = {"id": number, "scope": scope, "type": type_name, "created": now, "updated": now}
        ledger.insert("thing", **columns, **texts)
        return cls(ledger, number, scope, type_name, now, now, fields, hidden)

    @classmethod
    def post(
        cls,
        call: Call,
        type_name: str,
        values: dict[str, Any],
        *,
        secret: dict[str, Any] | None = None,
    ) -> StoredResource:
        """Write a new resource to the collection in the path, and return it."""
        return cls.add(call.ledger, scope_of(call), type_name, values, secret=secret)

    @classmethod
    def select(cls, ledger: BankLedger, condition: str, *values: object) -> list[StoredResource]:
        """List the resources for which a condition in SQL holds, oldest first."""
        rows = ledger.rows(f"SELECT * FROM thing WHERE {condition} ORDER BY id", *values)
        return [cls.of(ledger, row) for row in rows]

    @classmethod
    def page(cls, call: Call, show: Show, condition: str, *values: object) -> Page:
        """Return the page that is asked for of the resources for which a condition holds."""
        return call.page("thing", condition, values, lambda ledger, row: show(cls.of(ledger, row)))

    @classmethod
    def find(cls, call: Call, *scopes: str, number: object = None) -> StoredResource:
        """Return the resource that the path names; refuse if there is none.

        Parameters
        ----------
        call
            The call.
        scopes
            Where it may be; by default in the collection of the path.
        number
            Its id, if it is not the last one of the path.
        """
        number = call.ids["itemId"] if number is None else number
        resource = cls.within(call.ledger, scopes or (scope_of(call),), number)
        if resource is None:
            raise not_found(_spoken(call.operation.resource.rpartition(".")[2]), number)
        return resource

    @classmethod
    def within(
        cls, ledger: BankLedger, scopes: Sequence[str], number: object
    ) -> StoredResource | None:
        """Return a resource of one of the scopes, or ``None``."""
        condition = f"id = ? AND scope IN ({_marks(scopes)})"
        return next(iter(cls.select(ledger, condition, read_id(number), *scopes)), None)

    @classmethod
    def typed(cls, ledger: BankLedger, type_name: str, kind: str, number: int) -> StoredResource:
        """Return a resource of a type, wherever it is; refuse if there is none.

        Parameters
        ----------
        ledger
            The books.
        type_name, number
            The type and the id.
        kind
            What the refusal calls it.
        """
        query = "SELECT * FROM thing WHERE id = ? AND type = ?"
        return cls.of(ledger, find_row(ledger, kind, number, query, number, type_name))

    @classmethod
    def read(cls, ledger: BankLedger, number: int) -> StoredResource:
        """Return a resource that is known to exist."""
        return cls.of(ledger, read_row(ledger, "thing", number))

    @property
    def secret(self) -> dict[str, Any]:
        """What the bank keeps beside the fields; refuses if it was put there by hand."""
        if not self.hidden:
            raise refuse(
                400, "This was put into the bank by hand: it can be read, and nothing more."
            )
        return self.hidden

    @property
    def status(self) -> str | None:
        """The status; one that was put there by hand may have none."""
        return self.fields.get("status")

    def save(self, *, at: datetime | None = None, **fields: Any) -> None:
        """Write the resource with changes of its fields, and with ``hidden`` as it is now.

        Parameters
        ----------
        at
            When it changed; by default now.
        fields
            The fields that change.
        """
        self.fields |= fields
        self.updated = wire_time(at or self.ledger.clock.now())
        self.ledger.update(
            "thing",
            self.id,
            updated=self.updated,
            item=json.dumps(self.fields),
            secret=json.dumps(self.hidden),
        )

    def show(self, type_name: str | None = None, more: dict[str, Any] | None = None) -> Item:
        """Return the resource with every field of a type.

        Parameters
        ----------
        type_name
            The type; by default the one that it is kept as.
        more
            Fields that are kept elsewhere; they win over its own.
        """
        name = type_name or self.type
        own = {"id": self.id, "created": self.created, "updated": self.updated}
        return name, shape(name, self.fields | (more or {}) | own)


Show = Callable[[StoredResource], Item]
"""Returns the item of a resource."""


def shown_as(
    type_name: str | None = None,
) -> Callable[[Callable[[StoredResource], dict[str, Any]]], Show]:
    """Turn a function that returns further fields of a resource into one that returns its item.

    What was put into the bank by hand is shown as it is, without further fields.

    Parameters
    ----------
    type_name
        The type that the item has; by default the one that the resource is kept as.
    """

    def decorate(more: Callable[[StoredResource], dict[str, Any]]) -> Show:
        @functools.wraps(more)
        def show(resource: StoredResource) -> Item:
            return resource.show(type_name, more(resource) if resource.hidden else None)

        return show

    return decorate


def collection(show: Show, adapt: Adapt = as_it_is, **others: Rule) -> Verbs:
    """Return the rules that list and read a collection of resources, beside those given.

    Parameters
    ----------
    show
        Returns the item of a resource.
    adapt
        Returns an item in the form that this caller gets.
    others
        Rules by their verbs; they win.
    """

    def list_page(call: Call) -> Page:
        page = StoredResource.page(call, show, "scope = ?", scope_of(call))
        return replace(page, items=[adapt(call, item) for item in page.items])

    def get_one(call: Call) -> list[Item]:
        return [adapt(call, show(StoredResource.find(call)))]

    return {"list": list_page, "get": get_one, **others}


def list_resources(call: Call) -> Page | list[Item]:
    """List a collection, newest first; what does not come in pages comes whole."""
    scopes = _scopes(call)
    condition, show = f"scope IN ({_marks(scopes)})", functools.partial(_show, call.operation)
    if call.operation.is_paged:
        return StoredResource.page(call, show, condition, *scopes)
    return [
        show(resource) for resource in StoredResource.select(call.ledger, condition, *scopes)[::-1]
    ]


def get_resource(call: Call) -> list[Item]:
    """Return one resource of the collection."""
    return [_show(call.operation, StoredResource.find(call, *_scopes(call)))]


def create_resource(call: Call) -> list[Item]:
    """Keep what is posted; return its id, or all of it where bunq does."""
    operation, type_name = call.operation, _kept_type(call.operation)
    values = fill(
        call.ledger, type_name, call.body, person_id=call.person_id, account_id=call.account_id
    )
    return _changed(operation, StoredResource.add(call.ledger, _scopes(call)[0], type_name, values))


def update_resource(call: Call) -> list[Item]:
    """Change the fields that are sent."""
    resource = StoredResource.find(call, *_scopes(call))
    resource.save(**read(call.ledger, resource.type, call.body))
    return _changed(call.operation, resource)


def delete_resource(call: Call) -> list[Item]:
    """Delete a resource: it is not found afterwards."""
    call.ledger.delete("thing", StoredResource.find(call, *_scopes(call)).id)
    return []


def scope_of(call: Call) -> str:
    """Return the path of the collection; refuse if anything before it does not exist."""
    segments = call.operation.path.strip("/").removesuffix("/{itemId}").split("/")
    return _walk(call, segments)


def parent_of(call: Call) -> tuple[str, str]:
    """Return the scope and the id of the resource that the collection is below."""
    scope, number, _ = scope_of(call).rsplit("/", 2)
    return scope, number


def content_of(call: Call) -> tuple[str, int]:
    """Return the scope and the id of what a path ending in ``content`` reads."""
    *collection, _, _ = call.operation.path.strip("/").split("/")
    name = _ID.findall(call.operation.path)[-1]
    return _walk(call, collection), call.number(name)


def _walk(call: Call, segments: list[str]) -> str:
    scope: list[str] = []
    for place, segment in enumerate(segments):
        name = _ID.fullmatch(segment)
        if name is None:
            scope.append(segment)
            continue
        _check_exists(call, segments[place - 1], name[1], "/".join(scope))
        scope.append(str(call.number(name[1])))
        if name[1] == "monetary-accountID":
            scope = scope[-2:]
    return "/".join(scope)


def _check_exists(call: Call, collection: str, name: str, scope: str) -> None:
    """Refuse if a resource in the middle of the path does not exist."""
    number, match = call.number(name), None
    if name == "userID":
        return
    if name == "monetary-accountID":
        own_account(call)
        return
    if collection == "credential-password-ip":
        query = "SELECT 1 FROM api_key WHERE id = ? AND person_id = ?"
        match = call.ledger.row(query, number, call.person_id)
    elif collection in _KEPT_APART:
        match = call.ledger.row(_KEPT_APART[collection], number, call.account_id)
    elif StoredResource.within(call.ledger, shown_in(call, scope), call.ids[name]) is not None:
        return
    if match is None:
        raise not_found(_spoken(collection), call.ids[name])


def _scopes(call: Call) -> list[str]:
    """Return the scopes that a collection shows, the one that it posts to first."""
    scope = scope_of(call)
    return [scope] if call.operation.method == "POST" else shown_in(call, scope)


def shown_in(call: Call, scope: str) -> list[str]:
    """Return the scopes whose resources are shown in a collection, its own first."""
    before, _, last = scope.rpartition("/")
    if last not in _POSTED_AS:
        return [scope]
    scopes = [scope, *(f"{before}/{name}" for name in _POSTED_AS[last])]
    if last == "whitelist-sdd":
        scopes += [f"user/{call.person_id}/{name}" for name in _POSTED_AS[last]]
    elif "monetary-account" not in scope:
        scopes += scopes_of_accounts(call, last, *_POSTED_AS[last])
    return scopes


def scopes_of_accounts(call: Call, *collections: str) -> list[str]:
    """Return the scopes of collections under the account in the path, or all of the caller's."""
    if call.account_id is None:
        accounts = own_account_ids(call.ledger, call.person_id)
    else:
        accounts = [own_account(call)["id"]]
    return [f"monetary-account/{account}/{name}" for account in accounts for name in collections]


def page_of_accounts(call: Call, show: Show, *collections: str) -> Page:
    """Return the page that is asked for of collections under those accounts."""
    scopes, wrapper = scopes_of_accounts(call, *collections), call.operation.wrapper
    condition = f"scope IN ({_marks(scopes)})"
    return StoredResource.page(call, lambda row: (wrapper, show(row)[1]), condition, *scopes)


def _kept_type(operation: Operation) -> str:
    """Return the type that a posted resource is kept as: the one that its collection shows."""
    wrapper = operation.wrapper
    if wrapper in ("Id", "Uuid", "*"):
        return operation.body or operation.answer or wrapper
    return wrapper


def _show(operation: Operation, resource: StoredResource) -> Item:
    if operation.wrapper == "*":
        return resource.show()
    return operation.wrapper, resource.show(operation.answer or resource.type)[1]


def _changed(operation: Operation, resource: StoredResource) -> list[Item]:
    return created(resource.id) if operation.wrapper == "Id" else [_show(operation, resource)]


def _marks(values: Sequence[object]) -> str:
    return ", ".join("?" * len(values))


def _spoken(collection: str) -> str:
    """Return the name of one resource of a collection, as bunq's texts have it: ``Note text``."""
    return collection.replace("-", " ").capitalize()


RULES: Verbs = {
    "list": list_resources,
    "get": get_resource,
    "create": create_resource,
    "update": update_resource,
    "delete": delete_resource,
}
"""The rules of what has none of its own."""
