"""Builds ``catalogue.json`` from bunq's description of its API; for the maintainer only.

``python -m bunqkit.catalogue.build FILE`` reads an official ``swagger.json``, applies
``corrections.toml`` and writes the catalogue; ``--diff`` prints what would change instead. It takes
facts (paths, names, types, values), never prose. It stops at a keyword that it does not know, since
the keyword may mean something.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from bunqkit.catalogue.corrections import Correction, load_corrections
from bunqkit.catalogue.swagger import (
    SUFFIXES,
    Description,
    Fields,
    check_keywords,
    json_schema,
    kind_by_name,
)
from bunqkit.catalogue.types import CATALOGUE_FILE, is_type_name
from bunqkit.errors import CatalogueError

__all__ = ["build", "differences", "main", "render"]

Facts = dict[str, Any]

_VERBS = {"post": "create", "put": "update", "delete": "delete"}
_LABELS = {"LabelMonetaryAccount", "LabelUser"}
_ORDER_OF_FACTS = ("kind", "body", "list", "body_list", "use", "required", "values")


def build(
    description: dict[str, Any], corrections: Sequence[Correction] | None = None
) -> dict[str, Any]:
    """Return the catalogue of a description, as :func:`render` writes it.

    Parameters
    ----------
    description
        The official OpenAPI 3.0 document, parsed.
    corrections
        What is known better than the description; those of ``corrections.toml`` by default.

    Returns
    -------
    dict
        ``operations``: facts by name; ``types``: facts of each field by name, by type; ``aliases``:
        other names of types, such as bunq's class names.

    Raises
    ------
    CatalogueError
        If the description has a form that is not understood (the message names the place), or if a
        correction changes nothing.
    """
    try:
        return _Build(
            description, load_corrections() if corrections is None else corrections
        ).catalogue()
    except KeyError as error:
        raise CatalogueError(f"the description lacks {error}, which was always there") from error


def render(catalogue: dict[str, Any]) -> str:
    """Return the text of ``catalogue.json``: one fact a line, the same text for the same facts."""
    sections = {
        "operations": _render_object(catalogue["operations"], _json),
        "types": _render_object(
            catalogue["types"], lambda fields: _render_object(fields, _json) if fields else "{}"
        ),
        "aliases": _render_object(catalogue["aliases"], _json),
    }
    return _render_object(sections, str) + "\n"


def differences(before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    """Return what one catalogue adds to, removes from and changes in another, a line a fact."""
    old, new = dict(_list_facts(before)), dict(_list_facts(after))
    lines = []
    for name in sorted(old.keys() | new.keys()):
        if name not in old:
            lines.append(f"+ {name}: {new[name]}")
        elif name not in new:
            lines.append(f"- {name}: {old[name]}")
        elif old[name] != new[name]:
            lines.append(f"~ {name}: {old[name]} -> {new[name]}")
    return lines


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the catalogue of a file, or compare; return the exit status.

    Returns
    -------
    int
        0 if the catalogue was written or is the same, 1 if ``--diff`` found a difference, 2 if the
        file can't be read.
    """
    parser = argparse.ArgumentParser(
        prog="python -m bunqkit.catalogue.build",
        description="Make bunqkit's catalogue from bunq's swagger.json.",
    )
    parser.add_argument("file", type=Path, help="the official swagger.json")
    parser.add_argument(
        "--diff", action="store_true", help="print what would change, write nothing"
    )
    parser.add_argument("--output", type=Path, default=CATALOGUE_FILE, help="the catalogue")
    options = parser.parse_args(arguments)
    try:
        catalogue = build(json.loads(options.file.read_bytes()))
        shipped = json.loads(options.output.read_bytes()) if options.diff else {}
    except (OSError, ValueError, CatalogueError) as error:
        sys.stderr.write(f"{options.file}: {error}\n")
        return 2
    if options.diff:
        lines = differences(shipped, catalogue)
        sys.stdout.write("".join(f"{line}\n" for line in lines))
        return 1 if lines else 0
    options.output.write_text(render(catalogue), encoding="utf-8", newline="\n")
    counts = f"{len(catalogue['operations'])} operations, {len(catalogue['types'])} types"
    sys.stdout.write(f"{options.output}: {counts}\n")
    return 0


class _Build:
    """One reading of one description."""

    def __init__(self, document: dict[str, Any], corrections: Sequence[Correction]) -> None:
        self.corrections = corrections
        self.wire_names = self._says("wire name")
        self.answers = self._says("answer")
        self.description = Description(document, self.wire_names)
        self.schemas = self.description.schemas
        self.unused: list[str] = []
        self.types: dict[str, Fields] = {}
        # The type that holds the fields of a class's body.
        self.bodies: dict[str, str | None] = {}

    def catalogue(self) -> dict[str, Any]:
        """Return all facts, sorted by name; fields in bunq's order."""
        self._note_unused("wire name", self.wire_names.keys() - self.description.classes.keys())
        self._note_unused("answer", self.answers.keys() - self.schemas.keys())
        classes_by_name: dict[str, list[str]] = {}
        for name in sorted(self.description.classes):
            classes_by_name.setdefault(self.wire_names.get(name, name), []).append(name)
        for wire_name, classes in classes_by_name.items():
            self._join_classes(wire_name, classes)
        self._correct_types()
        operations = self._operations()
        self._narrow_use(operations)
        self._finish_types(operations)
        if self.unused:
            raise CatalogueError(f"corrections that change nothing: {', '.join(self.unused)}")
        return {
            "operations": dict(sorted(operations.items())),
            "types": dict(sorted(self.types.items())),
            "aliases": dict(sorted(self._aliases().items())),
        }

    def _says(self, what: str) -> dict[str, Any]:
        """Return what the rows of one table say, by name."""
        rows = [row for row in self.corrections if row.what == what]
        return {name: row.says for row in rows for name in row.names()}

    def _note_unused(self, what: str, names: Collection[str]) -> None:
        """Remember corrections that correct nothing."""
        self.unused += [f"{what} {name}" for name in sorted(names)]

    def _join_classes(self, wire_name: str, classes: list[str]) -> None:
        """Make one type of all schemas of these classes; bodies that differ stay apart."""
        answer: Fields = {}
        for name in classes:
            for fields in self._answers_of(name):
                for field, facts in fields.items():
                    joined = answer.setdefault(field, facts)
                    _join_answers(f"{wire_name}.{field}", joined, facts)
        bodies = {name: self._body_of(name) for name in classes}
        shapes = [
            {field: (facts["kind"], facts.get("list")) for field, facts in body.items()}
            for body in bodies.values()
            if body
        ]
        are_alike = all(shape == shapes[0] for shape in shapes)
        joined_body: Fields = {}
        for name, body in bodies.items():
            self.bodies[name] = wire_name if body else None
            if body and (are_alike or name == wire_name):
                joined_body = joined_body or body
                for field, facts in joined_body.items():
                    if not body[field].get("required"):
                        facts.pop("required", None)
            elif body:
                self.bodies[name] = name
                self.types[name] = body
        is_described = any("" in self.description.classes[name] for name in classes)
        if answer or joined_body or is_described:
            self.types[wire_name] = _merge(answer, joined_body)

    def _answers_of(self, name: str) -> Iterator[Fields]:
        """Yield the fields of each schema of a class that answers have."""
        schemas = self.description.classes[name]
        for suffix in ("Read", "Listing", "Create", "Update", ""):
            if suffix in schemas and not self._is_receipt(name + suffix, schemas[suffix]):
                # Where reads have a schema of their own, the plain one is the request's.
                is_answer = suffix or not schemas.keys() & {"Read", "Listing"}
                use = "r" if is_answer else "ro"
                yield self.description.fields(name + suffix, schemas[suffix], use)

    def _body_of(self, name: str) -> Fields:
        """Return the fields of the body of a class."""
        return self.description.fields(name, self.schemas.get(name, {}), "w")

    def _is_receipt(self, name: str, schema: dict[str, Any]) -> bool:
        """Return True if an answer has only an id, or stands for another type: it adds no field."""
        fields = {field.lower() for field in schema.get("properties", {})}
        return name in self.answers or (name.endswith(SUFFIXES) and fields in ({"id"}, {"uuid"}))

    def _correct_types(self) -> None:
        """Apply the corrections of types and fields; labels become pointers in bodies."""
        for row in self.corrections:
            for name in row.names():
                self._correct_type(row, name)
        for fields in self.types.values():
            for facts in fields.values():
                if facts["kind"] in _LABELS:
                    facts.setdefault("body", "Pointer")

    def _correct_type(self, row: Correction, name: str) -> None:
        type_, _, field = name.partition(".")
        fields = self.types.get(type_, {})
        if row.what == "same answer":
            readable = {
                field: {key: facts[key] for key in ("kind", "list", "values") if key in facts}
                | {"use": "r"}
                for field, facts in self.types[row.says].items()
                if "r" in facts["use"]
            }
            self.types[name] = _merge(readable, self._body_of(name))
        elif row.what == "ignore":
            removed = fields.pop(field, None) if field else self.types.pop(type_, None)
            self._note_unused("ignore", [name] if removed is None else ())
        elif row.what == "field":
            corrected = fields.get(field, {}) | row.says
            self._note_unused("field", [name] if corrected == fields.get(field) else ())
            if "kind" not in corrected:
                raise CatalogueError(f"the correction of {name} finds no such field")
            self.types.setdefault(type_, {})[field] = corrected
        elif row.what == "values":
            if field not in fields:
                raise CatalogueError(f"the values of {name} find no such field")
            fields[field]["values"] = row.says

    def _narrow_use(self, operations: Mapping[str, Facts]) -> None:
        """Keep a field writable if some body has its type, readable if some answer does."""
        for use, other_use, key in (("r", "w", "answer"), ("w", "r", "body")):
            used: set[str] = set()
            waiting = [facts[key] for facts in operations.values() if facts.get(key)]
            while waiting:
                type_ = waiting.pop()
                if type_ in used or type_ not in self.types:
                    continue
                used.add(type_)
                for facts in self.types[type_].values():
                    if use in facts["use"]:
                        body = facts.get("body", facts["kind"])
                        waiting.append(body if use == "w" else facts["kind"])
            for type_ in self.types.keys() - used:
                for facts in self.types[type_].values():
                    if facts["use"] == "rw":
                        facts["use"] = other_use

    def _finish_types(self, operations: Mapping[str, Facts]) -> None:
        """Drop empty types, find kinds by names, and put the facts of each field in order."""
        used = {facts["kind"] for fields in self.types.values() for facts in fields.values()}
        used |= {facts["answer"] for facts in operations.values()}
        self.types = {name: fields for name, fields in self.types.items() if fields or name in used}
        for type_, fields in self.types.items():
            for name, facts in fields.items():
                facts["kind"] = kind_by_name(type_, name, facts)
                is_writable = "w" in facts["use"]
                if not is_writable or facts.get("body") == facts["kind"]:
                    facts.pop("body", None)
                if not is_writable:
                    facts.pop("required", None)
                for kind in filter(None, (facts["kind"], facts.get("body"))):
                    if is_type_name(kind) and kind not in self.types:
                        raise CatalogueError(f"{type_}.{name} is a {kind}, which is not defined")
                fields[name] = {key: facts[key] for key in _ORDER_OF_FACTS if facts.get(key)}

    def _aliases(self) -> dict[str, str]:
        """Return other names of types: bunq's classes, and members of anchors of before 2020."""
        names = {name: self.wire_names.get(name, name) for name in self.description.classes}
        for name, type_ in self.answers.items():
            if name.endswith(("Listing", "Read")):
                names[name.removesuffix("Listing").removesuffix("Read")] = type_
        for fields in self.types.values():
            names |= {name: facts["kind"] for name, facts in fields.items() if is_type_name(name)}
        return {
            name: type_
            for name, type_ in names.items()
            if name not in self.types and type_ in self.types
        }

    def _operations(self) -> dict[str, Facts]:
        """Return the facts of the operations by name."""
        operations: dict[str, Facts] = {}
        for name, path, method, operation in self._named_operations():
            if name in operations:
                raise CatalogueError(f"{method.upper()} {path} and another are both {name}")
            operations[name] = self._operation(name, path, method, operation)
        for row in self.corrections:
            if row.what in _CORRECT_OPERATION:
                self._note_unused(row.what, set(row.names()) - operations.keys())
                for name in operations.keys() & set(row.names()):
                    facts = operations[name]
                    facts |= _CORRECT_OPERATION[row.what](facts, row.says)
        return {
            name: {key: fact for key, fact in facts.items() if fact or key == "answer"}
            for name, facts in operations.items()
        }

    def _named_operations(self) -> Iterator[tuple[str, str, str, dict[str, Any]]]:
        """Yield each operation with its name: the words of the path, then the verb."""
        operations = []
        for path, methods in self.description.paths.items():
            check_keywords(methods, "path", path)
            for method, operation in methods.items():
                words = [part for part in path.split("/") if part and part[0] != "{"]
                is_user = len(words) > 1 and words[0] == "user"
                words = words[1:] if is_user else words
                is_account = is_user and len(words) > 1 and words[0] == "monetary-account"
                words = words[1:] if is_account else words
                if not words[-1].endswith("content"):
                    words.append(_verb(method, operation, f"{method.upper()} {path}"))
                is_users_own = is_user and not is_account
                operations.append((".".join(words), is_users_own, path, method, operation))
        taken = {name for name, is_users_own, *_ in operations if not is_users_own}
        for name, is_users_own, path, method, operation in operations:
            full_name = f"user.{name}" if is_users_own and name in taken else name
            yield full_name, path, method, operation

    def _operation(self, name: str, path: str, method: str, operation: dict[str, Any]) -> Facts:
        """Return the facts of one operation, before it is corrected."""
        where = f"{method.upper()} {path}"
        check_keywords(operation, "operation", where)
        check_keywords(operation["responses"], "responses", where)
        self.description.check_parameters(operation.get("parameters", ()), path, where)
        body = None
        if "requestBody" in operation:
            check_keywords(operation["requestBody"], "body", f"{where}, body")
            body = self._body(json_schema(operation["requestBody"], f"{where}, body"), where)
        check_keywords(operation["responses"]["400"], "error", f"{where}, error")
        check_keywords(operation["responses"]["200"], "response", f"{where}, answer")
        schema = json_schema(operation["responses"]["200"], f"{where}, answer")
        schema = schema.get("items", schema)
        self.description.type_at(schema.get("$ref", ""), f"{where}, answer")
        is_bytes = name.endswith("content")
        wrapper, answer = ("", None)
        if not is_bytes and method != "delete":
            wrapper, answer = self._answer(_schema_name(schema))
        is_paged = name.endswith(".list")
        return {
            "id": operation["operationId"],
            "method": method.upper(),
            "path": path,
            "body": body,
            "answer": answer,
            "wrapper": wrapper,
            "effect": "reads" if method == "get" else "changes",
            "bytes": is_bytes,
            "sends_bytes": False,
            "signed": False,
            "paged": is_paged,
            "query": ["count", "older_id", "newer_id"] if is_paged else [],
        }

    def _body(self, schema: dict[str, Any], where: str) -> str | None:
        """Return the type of a body; ``None`` if it has nothing to write."""
        self.description.type_at(schema.get("$ref", ""), f"{where}, body")
        name = _schema_name(schema)
        # The corrections may have given a type of this name something to write.
        is_writable = any("w" in facts["use"] for facts in self.types.get(name, {}).values())
        return self.bodies.get(name) or (name if is_writable else None)

    def _answer(self, schema: str) -> tuple[str, str]:
        """Return the wrapper and the type of an answer, by the name of its schema."""
        properties = self.schemas[schema].get("properties", {})
        names = {name.lower() for name in properties}
        class_ = schema.removesuffix(next(end for end in SUFFIXES if schema.endswith(end)))
        if schema in self.answers:
            type_ = self.answers[schema]
        elif names in ({"id"}, {"uuid"}):
            type_ = "Id" if "id" in names else "Uuid"
        else:
            type_ = self.wire_names.get(class_, class_)
        if not properties:
            self.types.setdefault(type_, {})
        if type_ not in self.types:
            raise CatalogueError(f"schema {schema} answers a {type_}, which is not described")
        readable = [name for name, facts in self.types[type_].items() if "r" in facts["use"]]
        is_anchor = bool(readable) and all(map(is_type_name, readable))
        return ("*" if is_anchor else type_), type_


# What a row changes in the facts of an operation, by its table.
_CORRECT_OPERATION: dict[str, Callable[[Facts, Any], Facts]] = {
    "not paged": lambda _facts, _says: {"paged": False, "query": []},
    "query": lambda facts, says: {"query": [*facts["query"], *says]},
    "signed": lambda _facts, _says: {"signed": True},
    "moves money": lambda _facts, _says: {"effect": "moves money"},
    "sends bytes": lambda _facts, _says: {"sends_bytes": True, "body": None},
}


def _merge(answer: Fields, body: Fields) -> Fields:
    """Return the fields of an answer and a body as one set; kinds that differ are both kept."""
    fields = {name: dict(facts) for name, facts in answer.items()}
    for name, facts in body.items():
        merged = fields.get(name)
        if merged is None:
            fields[name] = dict(facts)
            continue
        merged["use"] = "rw"
        if facts["kind"] != merged["kind"]:
            merged["body"] = facts["kind"]
        if facts.get("list") and not merged.get("list"):
            merged["body_list"] = True
        elif merged.get("list") and not facts.get("list"):
            raise CatalogueError(f"{name} is a list in answers, and none in bodies")
        if facts.get("required"):
            merged["required"] = True
        merged["values"] = _unite(facts, merged)
    return fields


def _join_answers(field: str, facts: Facts, other: Facts) -> None:
    """Add to the facts of a field what another answer says; only the values may differ."""
    if (facts["kind"], facts.get("list")) != (other["kind"], other.get("list")):
        raise CatalogueError(
            f"{field} is {facts['kind']} in one answer, {other['kind']} in another"
        )
    facts["values"] = _unite(facts, other)


def _unite(*fields: Facts) -> list[str]:
    """Return the values of all of these, each once."""
    return list(dict.fromkeys(value for facts in fields for value in facts.get("values", ())))


def _verb(method: str, operation: dict[str, Any], where: str) -> str:
    """Return list, get, create, update or delete."""
    if method != "get":
        return _VERBS[method]
    schema = json_schema(operation["responses"]["200"], f"{where}, answer")
    return "list" if schema.get("type") == "array" else "get"


def _schema_name(schema: dict[str, Any]) -> str:
    name: str = schema["$ref"].rpartition("/")[2]
    return name


def _list_facts(catalogue: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield the place and the text of each fact."""
    for name, facts in catalogue["operations"].items():
        yield f"operation {name}", _json(facts)
    for type_, fields in catalogue["types"].items():
        yield f"type {type_}", "described"
        for name, facts in fields.items():
            yield f"field {type_}.{name}", _json(facts)
    for name, type_ in catalogue["aliases"].items():
        yield f"alias {name}", type_


def _render_object(members: Mapping[str, Any], render_value: Callable[[Any], str]) -> str:
    """Return a JSON object with a member a line."""
    lines = [f"{_json(name)}: {render_value(value)}" for name, value in members.items()]
    return "\n".join(filter(None, ["{", ",\n".join(lines), "}"]))


def _json(fact: Any) -> str:
    return json.dumps(fact, ensure_ascii=False)


if __name__ == "__main__":
    sys.exit(main())
