"""Descriptions of our own making, written as bunq writes its own."""

from __future__ import annotations

import copy
from typing import Any

from bunqkit.catalogue.corrections import Correction
from bunqkit.catalogue.swagger import kind_by_name

Json = dict[str, Any]
ID = {"properties": {"id": {"type": "integer", "readOnly": True, "writeOnly": False}}}
SCHEMA = "#/components/schemas/"
PAYMENTS = "/user/{userID}/monetary-account/{monetary-accountID}/payment"
POST = ("paths", PAYMENTS, "post")
FIELD = ("components", "schemas", "Payment", "properties")
ROWS = (Correction("wire name", "BunqId", "Id", "SDK"),)


def prop(kind: str, use: str = "rw", prose: str = "") -> Json:
    """One property as bunq writes it: ``text``, ``[text]``, ``Amount`` or ``[Amount]``."""
    plain = {"text": "string", "integer": "integer", "boolean": "boolean", "number": "number"}
    flags = {"description": prose, "readOnly": use == "r", "writeOnly": use == "w"}
    bare = kind.strip("[]")
    inner = {"type": plain[bare]} if bare in plain else {"$ref": SCHEMA + bare}
    if kind != bare:
        return {"type": "array", "items": inner} | flags
    return ({"type": "object"} if "$ref" in inner else {}) | inner | flags


def call(path: str, answer: str, body: str | None = None, *, listed: bool = False) -> Json:
    """One operation as bunq writes it."""
    schema: Json = {"$ref": SCHEMA + answer}
    schema = {"type": "array", "items": schema} if listed else schema
    ids = [part[1:-1] for part in path.split("/") if part.startswith("{")]
    operation: Json = {
        "tags": ["x"],
        "summary": "",
        "description": "A sentence that is not ours to keep.",
        "operationId": f"ID_{path}_{answer}_{listed}",
        "parameters": [
            *(
                {"in": "path", "name": name, "required": True, "schema": {"type": "integer"}}
                for name in ids
            ),
            {"$ref": "#/components/parameters/Cache-Control"},
        ],
        "responses": {
            "200": {"description": "", "content": {"application/json": {"schema": schema}}},
            "400": {"$ref": "#/components/responses/GenericError"},
        },
    }
    if body:
        content = {"application/json": {"schema": {"$ref": SCHEMA + body}}}
        operation["requestBody"] = {"description": "", "required": True, "content": content}
    return operation


def describe(paths: Json, schemas: Json) -> Json:
    """Write a whole document."""
    return {
        "openapi": "3.0.0",
        "info": {},
        "servers": [],
        "tags": [],
        "components": {
            "schemas": schemas,
            "responses": {},
            "headers": {},
            "parameters": {"Cache-Control": {"in": "header", "name": "Cache-Control"}},
        },
        "paths": paths,
    }


def small_bank() -> Json:
    """Describe a bank with payments, with each habit of the official description."""
    return describe(
        {
            PAYMENTS: {
                "get": call(PAYMENTS, "PaymentListing", listed=True),
                "post": call(PAYMENTS, "PaymentCreate", "Payment"),
            },
            f"{PAYMENTS}/{{itemId}}": {
                "get": call(f"{PAYMENTS}/{{itemId}}", "PaymentRead"),
                "put": call(f"{PAYMENTS}/{{itemId}}", "PaymentUpdate", "Payment"),
                "delete": call(f"{PAYMENTS}/{{itemId}}", "PaymentDelete"),
            },
            f"{PAYMENTS}/{{paymentID}}/content": {
                "get": call(f"{PAYMENTS}/{{paymentID}}/content", "FileListing", listed=True)
            },
            "/user": {"get": call("/user", "UserListing", listed=True)},
        },
        {
            "Payment": {
                "type": "object",
                "required": ["amount"],
                "properties": {
                    "amount": prop("Amount"),
                    "to": prop("Label"),
                    "entries": prop("[Entry]", "w"),
                    "secret": prop("text", "w"),
                    "type": prop("text", "rw", "A type, can be BIG_ONE, SMALL or AN IBAN."),
                },
            },
            "PaymentRead": {
                "type": "object",
                "properties": {
                    "id": prop("integer", "r"),
                    "created": prop("text", "r"),
                    "amount": prop("Amount", "r"),
                    "to": prop("Label", "r"),
                    "type": prop("text", "r", "One of BIG_ONE or HUGE."),
                    "friends": prop("[text]", "r"),
                },
            },
            "PaymentListing": {
                "type": "object",
                "properties": {"id": prop("integer", "r"), "created": prop("text", "r")},
            },
            "PaymentCreate": {"type": "object", "properties": {"Id": prop("BunqId", "r")}},
            "PaymentUpdate": {"type": "object", **copy.deepcopy(ID)},
            "PaymentDelete": {"type": "object"},
            "FileListing": {"type": "object"},
            "BunqId": {"type": "object", "properties": {"id": prop("integer")}},
            "Amount": {
                "type": "object",
                "properties": {"value": prop("text"), "currency": prop("text")},
            },
            "Label": {"type": "object", "properties": {"name": prop("text", "r")}},
            "Entry": {"type": "object", "properties": {"date_start": prop("text")}},
            "Person": {"type": "object", "properties": {"name": prop("text", "r")}},
            "UserListing": {"type": "object", "properties": {"Person": prop("Person", "r")}},
        },
    )


def at(document: Json, *keys: str | int) -> Any:
    """Give the object at a place."""
    for key in keys:
        document = document[key]  # type: ignore[index]
    return document


def described(catalogue: Json) -> tuple[Json, list[Correction]]:
    """Write a description that says what a catalogue knows, and rows for what none can say."""
    schemas: Json = {"NoneDelete": {"type": "object"}, "NoneListing": {"type": "object"}}
    paths: Json = {}
    rows: list[Correction] = []
    for type_, fields in catalogue["types"].items():
        schemas |= drawn_type(type_, fields)
        rows += [row for name, facts in fields.items() for row in unsaid(type_, name, facts)]
    for name, facts in catalogue["operations"].items():
        answer = f"{facts['answer']}Read" if facts["answer"] else "NoneDelete"
        if facts.get("bytes"):
            answer = "NoneListing"
        if facts["answer"] in {"Id", "Uuid"}:
            answer = f"{facts['answer']}ReceiptCreate"
            schemas[answer] = {"properties": {facts["answer"]: prop("Id", "r")}}
        schemas.setdefault(answer, {"type": "object"})
        listed = name.endswith((".list", "content"))
        operation = call(facts["path"], answer, facts.get("body"), listed=listed)
        operation["operationId"] = facts["id"]
        paths.setdefault(facts["path"], {})[facts["method"].lower()] = operation
        rows += flags(name, facts)
    return describe(paths, schemas), rows


def drawn_type(type_: str, fields: Json) -> Json:
    """Draw the schemas of a type: what bodies have, and what answers have."""
    writable = {name: facts for name, facts in fields.items() if "w" in facts["use"]}
    readable = {name: facts for name, facts in fields.items() if "r" in facts["use"]}
    body = {name: prop(drawn(facts, "body", "body_list")) for name, facts in writable.items()}
    answer = {name: prop(drawn(facts, "kind", "list"), "r") for name, facts in readable.items()}
    required = [name for name, facts in fields.items() if facts.get("required")]
    plain: Json = {"type": "object", "required": required, "properties": body}
    if answer.keys() <= {"id", "uuid"}:
        # An answer of an id alone is a receipt; as a part of others it is drawn plainly.
        return {type_: plain | {"properties": answer | body}}
    return {type_: plain, f"{type_}Read": {"type": "object", "properties": answer}}


def drawn(facts: Json, kind: str, listed: str) -> str:
    """Give the kind of a field as :func:`prop` takes it."""
    name = str(facts.get(kind, facts["kind"]))
    name = "text" if name in {"time", "date", "decimal", "any"} else name
    return f"[{name}]" if facts.get(listed, facts.get("list")) else name


def unsaid(type_: str, name: str, facts: Json) -> list[Correction]:
    """Say what no description says of a field."""
    rows = []
    kind = facts["kind"]
    told = kind_by_name(type_, name, facts | {"kind": "text"})
    if kind in {"time", "date", "decimal", "any"} and told != kind:
        rows.append(Correction("field", f"{type_}.{name}", {"kind": kind}, "test"))
    if facts.get("values"):
        rows.append(Correction("values", f"{type_}.{name}", facts["values"], "test"))
    return rows


def flags(name: str, facts: Json) -> list[Correction]:
    """Say what no description says of an operation."""
    rows = []
    if name.endswith(".list") and not facts.get("paged"):
        rows.append(Correction("not paged", name, None, "test"))
    more = [
        each for each in facts.get("query", ()) if each not in {"count", "older_id", "newer_id"}
    ]
    if more:
        rows.append(Correction("query", name, more, "test"))
    for what, key, value in (
        ("signed", "signed", True),
        ("moves money", "effect", "moves money"),
        ("sends bytes", "sends_bytes", True),
    ):
        if facts.get(key) == value:
            rows.append(Correction(what, name, None, "test"))
    return rows
