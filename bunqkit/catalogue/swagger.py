"""bunq's official description of its API, read strictly.

Knows OpenAPI as bunq writes it, which keywords that takes, and what names and prose tell beyond
the type ``string``. What is wrong in it stands in :mod:`bunqkit.catalogue.corrections`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from bunqkit.errors import CatalogueError

__all__ = ["SUFFIXES", "Description", "json_schema", "kind_by_name", "only"]

SUFFIXES = ("Listing", "Read", "Create", "Update", "Delete")
"""What the names of answer schemas end in; the rest is the name of the class."""

# Keywords by place. "description" and "summary" are prose: read for values, never kept.
_KNOWN = {
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
# bunq types every time, date and rate as text; these names hold one (names and prose compared).
_TIME = re.compile(
    r"^(created|updated|time|expiration|bunqto_expiry)$|^time_(?!delivery)|_time(stamp)?$"
    r"|^bunqto_time_|_time_"
)
_DATE = re.compile(r"_date$|^date_|_date_(start|end)$")
_DECIMAL = {
    *("Amount.value", "PaymentFee.value", "BirdeePortfolioAllocation.weight"),
    *("BirdeePortfolioAllocation.quantity", "BirdeePortfolioAllocation.price"),
}
_RATE = re.compile(r"^rate$")

# Fields whose values are capitals in the prose, and capitals that are no values.
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

    Every method raises a ``CatalogueError`` if something is said in a way that is not understood.

    Parameters
    ----------
    document
        The official ``swagger.json``.
    wire
        Names on the wire of the classes that are called otherwise there.
    """

    def __init__(self, document: dict[str, Any], wire: Mapping[str, str]) -> None:
        only(document, "description", "the description")
        only(document["components"], "components", "components")
        self.schemas: dict[str, Any] = document["components"]["schemas"]
        self.paths: dict[str, Any] = document["paths"]
        self.parameters: dict[str, Any] = document["components"].get("parameters", {})
        self.wire = wire
        self.classes = self._classes()

    def _classes(self) -> dict[str, dict[str, Any]]:
        """Give class name -> suffix (empty for the plain one) -> schema."""
        classes: dict[str, dict[str, Any]] = {}
        for name, schema in self.schemas.items():
            only(schema, "schema", f"schema {name}")
            suffix = next((end for end in SUFFIXES if name.endswith(end) and name != end), "")
            classes.setdefault(name.removesuffix(suffix), {})[suffix] = schema
        return classes

    def fields(self, name: str, schema: dict[str, Any], use: str) -> dict[str, dict[str, Any]]:
        """Give the fields of a schema in bodies (``w``), answers (``r``), only there (``ro``)."""
        skipped = "readOnly" if use == "w" else "writeOnly"
        fields = {}
        for field, prop in schema.get("properties", {}).items():
            where = f"schema {name}, property {field}"
            only(prop, "property", where)
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
        """Give the kind of a property, and whether it is a list of them."""
        if "$ref" in prop:
            return {"kind": self.named(prop["$ref"], where)}
        if prop.get("type") == "array":
            only(prop.get("items", {}), "items", where)
            return self._kind(prop.get("items", {}), f"{where}, items") | {"list": True}
        if prop.get("type") not in _KINDS:
            raise CatalogueError(f"{where}: the type {prop.get('type')!r} is not known")
        return {"kind": _KINDS[prop["type"]]}

    def named(self, reference: str, where: str) -> str:
        """Give the type that a reference points at, by wire name."""
        name = reference.removeprefix("#/components/schemas/")
        if name not in self.schemas:
            raise CatalogueError(f"{where}: nothing is at {reference}")
        return self.wire.get(name, name)

    def check_parameters(self, parameters: Iterable[dict[str, Any]], path: str, where: str) -> None:
        """Check that the ids of the path are declared, and nothing else but headers is."""
        declared = set()
        for parameter in parameters:
            only(parameter, "parameter", where)
            only(parameter.get("schema", {}), "parameter schema", where)
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
    """Give the JSON schema of a body or an answer."""
    only(holder["content"], "content", where)
    only(holder["content"]["application/json"], "media", where)
    schema: dict[str, Any] = holder["content"]["application/json"]["schema"]
    only(schema, "schema", where)
    return schema


def kind_by_name(type_: str, name: str, facts: dict[str, Any]) -> str:
    """Give the kind of a field, where its name says more than ``text``."""
    kind: str = facts["kind"]
    if kind != "text" or facts.get("list"):
        return kind
    if _TIME.search(name):
        return "time"
    if _DATE.search(name):
        return "date"
    return "decimal" if _RATE.search(name) or f"{type_}.{name}" in _DECIMAL else kind


def _values(prose: str) -> list[str]:
    """Give the capital words of a sentence that are values."""
    return [word for word in dict.fromkeys(_VALUE.findall(prose)) if word not in _NO_VALUES]


def only(found: dict[str, Any], place: str, where: str) -> None:
    """Fail on a keyword that nobody has decided about."""
    unknown = sorted(set(found) - _KNOWN[place])
    if unknown:
        raise CatalogueError(f"{where}: the keyword {unknown[0]!r} is not known")
