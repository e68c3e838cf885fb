"""Reads bunq's official description of its API strictly.

This module knows OpenAPI as bunq writes it: the keywords that occur, and what names and prose say
beyond the type ``string``. ``corrections.toml`` holds what is wrong in the description.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from bunqkit.errors import CatalogueError

__all__ = ["SUFFIXES", "Description", "Fields", "check_keywords", "json_schema", "kind_by_name"]

Fields = dict[str, dict[str, Any]]
"""The facts of fields, by name."""

SUFFIXES = ("Listing", "Read", "Create", "Update", "Delete")
"""The ends of the names of answer schemas; the rest is the name of the class."""

# Keywords by place. "description" and "summary" are prose: it is read for values, never kept.
_KEYWORDS = {
    "description": {"openapi", "info", "servers", "components", "paths", "tags"},
    "components": {"schemas", "parameters", "responses", "headers"},
    "path": {"get", "post", "put", "delete"},
    "operation": {
        *("tags", "summary", "description", "operationId", "parameters", "requestBody"),
        "responses",
    },
    "parameter": {"$ref", "in", "name", "description", "required", "schema"},
    "parameter schema": {"type"},
    "body": {"description", "required", "content"},
    "content": {"application/json"},
    "media": {"schema"},
    "responses": {"200", "400"},
    "error": {"$ref"},
    "response": {"description", "content", "headers"},
    "schema": {"type", "properties", "required", "items", "$ref"},
    "property": {"type", "description", "readOnly", "writeOnly", "$ref", "items"},
    "items": {"type", "$ref"},
}

_KINDS = {"string": "text", "integer": "integer", "boolean": "boolean", "number": "number"}
# bunq declares every time, date and rate as text; fields of these names hold one (names and prose
# compared).
_TIME = re.compile(
    r"^(created|updated|time|expiration|bunqto_expiry)$|^time_(?!delivery)|_time(stamp)?$"
    r"|^bunqto_time_|_time_"
)
_DATE = re.compile(r"_date$|^date_|_date_(start|end)$")
_DECIMAL = {
    *("Amount.value", "PaymentFee.value", "BirdeePortfolioAllocation.weight"),
    *("BirdeePortfolioAllocation.quantity", "BirdeePortfolioAllocation.price"),
}

# Fields whose values are in capitals in the prose, and capitals that are no values.
_ENUMERATED = re.compile(
    r"(^|_)(status|type|state|action|category|reason|gender|unit|relationship|method|format"
    r"|mode_user|restriction_chat)$"
)
_VALUE = re.compile(r"\b(?:[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+|[A-Z][A-Z0-9]{2,})\b")
_NO_VALUES = {
    *("API", "BIC", "CIT", "CSV", "DEPRECATED", "IBAN", "INSTEAD", "ISO", "MCC", "MIME", "NULL"),
    *("PAN", "PIN", "POS", "POST", "PUT", "SDD", "URL", "USE", "UTC", "UUID", "VAT"),
}


class Description:
    """One parsed document.

    Every method raises a ``CatalogueError`` for a form that is not understood.

    Parameters
    ----------
    document
        The official ``swagger.json``.
    wire_names
        Names on the wire of the classes that have another name there.
    """

    def __init__(self, document: dict[str, Any], wire_names: Mapping[str, str]) -> None:
        check_keywords(document, "description", "the description")
        check_keywords(document["components"], "components", "components")
        self.schemas: dict[str, Any] = document["components"]["schemas"]
        self.paths: dict[str, Any] = document["paths"]
        self.parameters: dict[str, Any] = document["components"].get("parameters", {})
        self.wire_names = wire_names
        self.classes = self._classes()

    def _classes(self) -> dict[str, dict[str, Any]]:
        """Return the schemas by the name of the class, then by suffix (empty for the plain one)."""
        classes: dict[str, dict[str, Any]] = {}
        for name, schema in self.schemas.items():
            check_keywords(schema, "schema", f"schema {name}")
            suffix = next((end for end in SUFFIXES if name.endswith(end) and name != end), "")
            classes.setdefault(name.removesuffix(suffix), {})[suffix] = schema
        return classes

    def fields(self, name: str, schema: dict[str, Any], use: str) -> Fields:
        """Return the fields of a schema.

        Parameters
        ----------
        name, schema
            The schema.
        use
            ``w`` for the fields of bodies, ``r`` for those of answers, ``ro`` for those that are
            read-only.
        """
        skipped = "readOnly" if use == "w" else "writeOnly"
        fields: Fields = {}
        for field, prop in schema.get("properties", {}).items():
            where = f"schema {name}, property {field}"
            check_keywords(prop, "property", where)
            if prop.get(skipped) and not (use == "r" and name.endswith(("Create", "Update"))):
                continue
            if use == "ro" and not prop.get("readOnly"):
                continue
            facts = self._kind(prop, where) | {"use": use[0]}
            if use == "w" and field in schema.get("required", ()):
                facts["required"] = True
            if facts["kind"] == "text" and _ENUMERATED.search(field):
                facts["values"] = _values(prop.get("description", ""))
            fields[field] = facts
        unknown = set(schema.get("required", ())) - schema.get("properties", {}).keys()
        if unknown:
            raise CatalogueError(
                f"schema {name} requires {sorted(unknown)}, which it does not have"
            )
        return fields

    def _kind(self, prop: dict[str, Any], where: str) -> dict[str, Any]:
        """Return the kind of a property, and if it is a list of them."""
        if "$ref" in prop:
            return {"kind": self.type_at(prop["$ref"], where)}
        if prop.get("type") == "array":
            check_keywords(prop.get("items", {}), "items", where)
            return self._kind(prop.get("items", {}), f"{where}, items") | {"list": True}
        if prop.get("type") not in _KINDS:
            raise CatalogueError(f"{where}: the type {prop.get('type')!r} is not known")
        return {"kind": _KINDS[prop["type"]]}

    def type_at(self, reference: str, where: str) -> str:
        """Return the type that a reference points at, by its name on the wire."""
        name = reference.removeprefix("#/components/schemas/")
        if name not in self.schemas:
            raise CatalogueError(f"{where}: nothing is at {reference}")
        return self.wire_names.get(name, name)

    def check_parameters(self, parameters: Iterable[dict[str, Any]], path: str, where: str) -> None:
        """Check that the ids of the path are declared, and besides them only headers."""
        declared = set()
        for parameter in parameters:
            check_keywords(parameter, "parameter", where)
            check_keywords(parameter.get("schema", {}), "parameter schema", where)
            if "$ref" in parameter:
                name = parameter["$ref"].removeprefix("#/components/parameters/")
                if self.parameters.get(name, {}).get("in") != "header":
                    raise CatalogueError(f"{where}: the parameter {name} is no header")
            elif parameter["in"] != "path":
                raise CatalogueError(f"{where}: {parameter['name']} is in {parameter['in']}")
            else:
                declared.add(parameter["name"])
        if declared != set(re.findall(r"\{([^}]+)\}", path)):
            raise CatalogueError(f"{where}: its parameters are not the ids of its path")


def json_schema(holder: dict[str, Any], where: str) -> dict[str, Any]:
    """Return the JSON schema of a body or an answer."""
    check_keywords(holder["content"], "content", where)
    check_keywords(holder["content"]["application/json"], "media", where)
    schema: dict[str, Any] = holder["content"]["application/json"]["schema"]
    check_keywords(schema, "schema", where)
    return schema


def kind_by_name(type_: str, name: str, facts: dict[str, Any]) -> str:
    """Return the kind of a field; its name may say more than ``text``."""
    kind: str = facts["kind"]
    if kind != "text" or facts.get("list"):
        return kind
    if _TIME.search(name):
        return "time"
    if _DATE.search(name):
        return "date"
    return "decimal" if name == "rate" or f"{type_}.{name}" in _DECIMAL else kind


def _values(prose: str) -> list[str]:
    """Return the words in capitals of a sentence that are values."""
    return [word for word in dict.fromkeys(_VALUE.findall(prose)) if word not in _NO_VALUES]


def check_keywords(keywords: Iterable[str], place: str, where: str) -> None:
    """Raise if there is a keyword that this module does not know at a place."""
    unknown = sorted(set(keywords) - _KEYWORDS[place])
    if unknown:
        raise CatalogueError(f"{where}: the keyword {unknown[0]!r} is not known")
