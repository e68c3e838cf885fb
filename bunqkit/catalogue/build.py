"""bunq's description of its API, made into the facts that the kit ships.

``python -m bunqkit.catalogue.build FILE`` reads an official ``swagger.json``, applies
``corrections.py`` and writes ``catalogue.json``; ``--diff`` prints what would change instead.
It takes over facts (paths, names, types, values), never prose, and reads strictly: a keyword that
it does not know may mean something, so it stops there.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from bunqkit.catalogue.corrections import CORRECTIONS, Correction
from bunqkit.catalogue.operations import CATALOGUE_FILE
from bunqkit.catalogue.swagger import SUFFIXES, Description, json_schema, kind_by_name, only
from bunqkit.errors import CatalogueError

__all__ = ["build", "differences", "main", "render"]

_VERBS = {"post": "create", "put": "update", "delete": "delete"}
_LABELS = {"LabelMonetaryAccount", "LabelUser"}


def build(
    description: dict[str, Any], corrections: Sequence[Correction] = CORRECTIONS
) -> dict[str, Any]:
    """Give the catalogue of a description, as :func:`render` writes it.

    Parameters
    ----------
    description
        The official OpenAPI 3.0 document, parsed.
    corrections
        What is known better than the description.

    Returns
    -------
    dict
        ``operations``: facts by name; ``types``: facts of each field by name, by type; ``aliases``:
        other names of types, such as bunq's class names.

    Raises
    ------
    CatalogueError
        If the description says something in a way that is not understood, the message names the
        place; or if a correction has nothing left to correct.
    """
    try:
        return _Build(description, corrections).catalogue()
    except KeyError as error:
        raise CatalogueError(f"the description lacks {error}, which was always there") from error


def render(catalogue: dict[str, Any]) -> str:
    """Give the text of ``catalogue.json``: one fact a line, the same text for the same facts."""
    lines = ["{", '"operations": {']
    operations = [
        f"{_json(name)}: {_json(facts)}" for name, facts in catalogue["operations"].items()
    ]
    lines += [",\n".join(operations), "},", '"types": {']
    types = [
        "\n".join(
            [
                f"{_json(name)}: {{",
                ",\n".join(f"{_json(field)}: {_json(facts)}" for field, facts in fields.items()),
                "}",
            ]
        )
        if fields
        else f"{_json(name)}: {{}}"
        for name, fields in catalogue["types"].items()
    ]
    lines += [",\n".join(types), "},", '"aliases": {']
    aliases = [f"{_json(name)}: {_json(type_)}" for name, type_ in catalogue["aliases"].items()]
    lines += [",\n".join(aliases), "}", "}"]
    return "\n".join(line for line in lines if line) + "\n"


def differences(before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    """Say what one catalogue adds to, removes from and changes in another, a line for each fact."""
    old, new = dict(_facts(before)), dict(_facts(after))
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
    """Give the command: write the catalogue of a file, or compare.

    Returns
    -------
    int
        Exit status: 0 when written or the same, 1 when ``--diff`` found a difference, 2 when the
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
    asked = parser.parse_args(arguments)
    try:
        catalogue = build(json.loads(asked.file.read_bytes()))
        shipped = json.loads(asked.output.read_bytes()) if asked.diff else {}
    except (OSError, ValueError, CatalogueError) as error:
        sys.stderr.write(f"{asked.file}: {error}\n")
        return 2
    if asked.diff:
        found = differences(shipped, catalogue)
        sys.stdout.write("".join(f"{line}\n" for line in found))
        return 1 if found else 0
    asked.output.write_text(render(catalogue), encoding="utf-8", newline="\n")
    counts = f"{len(catalogue['operations'])} operations, {len(catalogue['types'])} types"
    sys.stdout.write(f"{asked.output}: {counts}\n")
    return 0


class _Build:
    """One reading of one description."""

    def __init__(self, description: dict[str, Any], corrections: Sequence[Correction]) -> None:
        self.rows = corrections
        self.wire = {
            name: row.says for row in corrections if row.what == "wire name" for name in row.names()
        }
        self.read = Description(description, self.wire)
        self.schemas = self.read.schemas
        self.answers = {
            name: row.says for row in corrections if row.what == "answer" for name in row.names()
        }
        self.unused: list[str] = []
        self.types: dict[str, dict[str, dict[str, Any]]] = {}
        self.bodies: dict[str, str | None] = {}  # class -> the type that holds its body's fields

    def catalogue(self) -> dict[str, Any]:
        """Give all facts, sorted by name; fields in bunq's order."""
        self._used("wire name", self.wire.keys() - self.read.classes.keys())
        self._used("answer", self.answers.keys() - self.schemas.keys())
        for wire, classes in self._groups().items():
            self._join(wire, classes)
        self._correct_fields()
        operations = self._operations()
        self._narrow(operations)
        self._resolve(operations)
        if self.unused:
            raise CatalogueError(f"corrections that change nothing: {', '.join(self.unused)}")
        return {
            "operations": dict(sorted(operations.items())),
            "types": dict(sorted(self.types.items())),
            "aliases": dict(sorted(self._aliases().items())),
        }

    def _groups(self) -> dict[str, list[str]]:
        """Give wire name -> the classes that are called so."""
        groups: dict[str, list[str]] = {}
        for name in sorted(self.read.classes):
            groups.setdefault(self.wire.get(name, name), []).append(name)
        return groups

    def _join(self, wire: str, classes: list[str]) -> None:
        """Make one type of all schemas of these classes; bodies that differ stay apart."""
        answer: dict[str, dict[str, Any]] = {}
        for name in classes:
            for facts_of_one in self._answers_of(name):
                for field, facts in facts_of_one.items():
                    _join_facts(f"{wire}.{field}", answer.setdefault(field, facts), facts)
        bodies = {name: self._body_of(name) for name in classes}
        shapes = [
            {field: (facts["kind"], facts.get("list")) for field, facts in body.items()}
            for body in bodies.values()
            if body
        ]
        alike = all(shape == shapes[0] for shape in shapes)
        joined: dict[str, dict[str, Any]] = {}
        for name, body in bodies.items():
            self.bodies[name] = wire if body else None
            if body and (alike or name == wire):
                joined = joined or body
                for field, facts in joined.items():
                    if not body[field].get("required"):
                        facts.pop("required", None)
            elif body:
                self.bodies[name] = name
                self.types[name] = body
        if answer or joined or any("" in self.read.classes[name] for name in classes):
            self.types[wire] = _merged(answer, joined)

    def _answers_of(self, name: str) -> Iterator[dict[str, dict[str, Any]]]:
        """Give the fields of each schema of a class that answers have."""
        schemas = self.read.classes[name]
        for suffix in ("Read", "Listing", "Create", "Update", ""):
            if suffix in schemas and not self._is_receipt(name + suffix, schemas[suffix]):
                # Where reads have a schema of their own, the plain one is the request's.
                alone = suffix or not schemas.keys() & {"Read", "Listing"}
                yield self.read.fields(name + suffix, schemas[suffix], "r" if alone else "ro")

    def _body_of(self, name: str) -> dict[str, dict[str, Any]]:
        """Give the fields of the body of a class."""
        return self.read.fields(name, self.schemas.get(name, {}), "w")

    def _is_receipt(self, name: str, schema: dict[str, Any]) -> bool:
        """Tell whether an answer only says an id, or stands for another type: it adds no fields."""
        fields = {field.lower() for field in schema.get("properties", {})}
        return name in self.answers or (name.endswith(SUFFIXES) and fields in ({"id"}, {"uuid"}))

    def _correct_fields(self) -> None:
        """Apply the rows about types and fields; labels in bodies are pointers."""
        correct: dict[str, Callable[[str, Any], None]] = {
            "same answer": self._answer_like,
            "ignore": self._ignore,
            "field": self._correct_field,
            "values": self._correct_values,
        }
        for row in self.rows:
            for name in row.names() if row.what in correct else ():
                correct[row.what](name, row.says)
        for fields in self.types.values():
            for facts in fields.values():
                if facts["kind"] in _LABELS:
                    facts.setdefault("body", "Pointer")

    def _answer_like(self, name: str, other: str) -> None:
        """Give a type the readable fields of another, beside its own body."""
        shown = {
            field: {key: fact for key, fact in facts.items() if key in {"kind", "list", "values"}}
            | {"use": "r"}
            for field, facts in self.types[other].items()
            if "r" in facts["use"]
        }
        self.types[name] = _merged(shown, self._body_of(name))

    def _ignore(self, name: str, _says: None) -> None:
        """Forget a type or a field."""
        type_, _, field = name.partition(".")
        holder = self.types.get(type_, {}) if field else self.types
        found = holder.pop(field or type_, None)
        self._used("ignore", [name] if found is None else ())

    def _correct_field(self, name: str, says: dict[str, Any]) -> None:
        """Change or add facts of a field."""
        type_, _, field = name.partition(".")
        fields = self.types.setdefault(type_, {})
        corrected = fields.get(field, {}) | says
        self._used("field", [name] if corrected == fields.get(field) else ())
        if "kind" not in corrected:
            raise CatalogueError(f"the correction of {name} finds no such field")
        fields[field] = corrected

    def _correct_values(self, name: str, says: list[str]) -> None:
        """Set the known values of a field."""
        type_, _, field = name.partition(".")
        if field not in self.types.get(type_, {}):
            raise CatalogueError(f"the values of {name} find no such field")
        self.types[type_][field]["values"] = says

    def _narrow(self, operations: dict[str, dict[str, Any]]) -> None:
        """Keep a field writable if some body reaches its type, readable if some answer does."""
        for use, key in (("r", "answer"), ("w", "body")):
            reached: set[str] = set()
            waiting = [facts[key] for facts in operations.values() if facts.get(key)]
            while waiting:
                type_ = waiting.pop()
                if type_ in reached or type_ not in self.types:
                    continue
                reached.add(type_)
                for facts in self.types[type_].values():
                    if use in facts["use"]:
                        body = facts.get("body", facts["kind"])
                        waiting.append(body if use == "w" else facts["kind"])
            for type_, fields in self.types.items():
                for facts in fields.values():
                    if type_ not in reached and facts["use"] == "rw":
                        facts["use"] = "w" if use == "r" else "r"

    def _resolve(self, operations: dict[str, dict[str, Any]]) -> None:
        """Settle kinds that names tell, types without a field, and references to nothing."""
        used = {facts["kind"] for fields in self.types.values() for facts in fields.values()}
        used |= {facts["answer"] for facts in operations.values()}
        for name in [name for name, fields in self.types.items() if not fields]:
            if name not in used:
                del self.types[name]
        for type_, fields in self.types.items():
            for name, facts in fields.items():
                facts["kind"] = kind_by_name(type_, name, facts)
                writes = "w" in facts["use"]
                if not writes or facts.get("body") == facts["kind"]:
                    facts.pop("body", None)
                if not writes:
                    facts.pop("required", None)
                if not facts.get("values"):
                    facts.pop("values", None)
                for kind in (facts["kind"], facts.get("body", facts["kind"])):
                    if kind[0].isupper() and kind not in self.types:
                        raise CatalogueError(f"{type_}.{name} is a {kind}, which is not described")
                fields[name] = {key: facts[key] for key in _ORDER if facts.get(key)}

    def _aliases(self) -> dict[str, str]:
        """Give other names of types: bunq's classes, and members of anchors of before 2020."""
        known = {name: self.wire.get(name, name) for name in self.read.classes}
        for name, type_ in self.answers.items():
            if name.endswith(("Listing", "Read")):
                known[name.removesuffix("Listing").removesuffix("Read")] = type_
        for fields in self.types.values():
            known |= {name: facts["kind"] for name, facts in fields.items() if name[0].isupper()}
        return {
            name: type_
            for name, type_ in known.items()
            if name not in self.types and type_ in self.types
        }

    def _operations(self) -> dict[str, dict[str, Any]]:
        """Give facts by name."""
        found: dict[str, dict[str, Any]] = {}
        for name, path, method, operation in self._named_operations():
            if name in found:
                raise CatalogueError(f"{method.upper()} {path} and another are both {name}")
            found[name] = self._operation(name, path, method, operation)
        for what, flag in _FLAGS.items():
            for row in (row for row in self.rows if row.what == what):
                self._used(what, set(row.names()) - found.keys())
                for name in found.keys() & set(row.names()):
                    flag(found[name], row.says)
        return {
            name: {key: value for key, value in facts.items() if value or key == "answer"}
            for name, facts in found.items()
        }

    def _named_operations(self) -> Iterator[tuple[str, str, str, dict[str, Any]]]:
        """Give each operation with its name: the path's words, then the verb."""
        named = []
        for path, methods in self.read.paths.items():
            only(methods, "path", path)
            for method, operation in methods.items():
                words = [part for part in path.split("/") if part and part[0] != "{"]
                user = len(words) > 1 and words[0] == "user"
                words = words[1:] if user else words
                account = user and len(words) > 1 and words[0] == "monetary-account"
                words = words[1:] if account else words
                if not words[-1].endswith("content"):
                    words.append(_verb(method, operation, f"{method.upper()} {path}"))
                named.append((".".join(words), user and not account, path, method, operation))
        taken = {name for name, of_user, *_ in named if not of_user}
        for name, of_user, path, method, operation in named:
            yield (f"user.{name}" if of_user and name in taken else name), path, method, operation

    def _operation(
        self, name: str, path: str, method: str, operation: dict[str, Any]
    ) -> dict[str, Any]:
        """Give the facts of one operation, before the rows that flag it."""
        where = f"{method.upper()} {path}"
        only(operation, "operation", where)
        only(operation["responses"], "responses", where)
        self.read.check_parameters(operation.get("parameters", ()), path, where)
        body = None
        if "requestBody" in operation:
            only(operation["requestBody"], "body", f"{where}, body")
            schema = json_schema(operation["requestBody"], f"{where}, body")
            self.read.named(schema.get("$ref", ""), f"{where}, body")
            body = self.bodies.get(schema["$ref"].rpartition("/")[2])
            if body is None and self._has_body(schema["$ref"].rpartition("/")[2]):
                body = schema["$ref"].rpartition("/")[2]
        only(operation["responses"]["400"], "error", f"{where}, error")
        only(operation["responses"]["200"], "response", f"{where}, answer")
        schema = json_schema(operation["responses"]["200"], f"{where}, answer")
        schema = schema.get("items", schema)
        self.read.named(schema.get("$ref", ""), f"{where}, answer")
        is_bytes = name.endswith("content")
        wrapper, answer = ("", None)
        if not is_bytes and method != "delete":
            wrapper, answer = self._answer(schema["$ref"].rpartition("/")[2])
        listed = name.endswith(".list")
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
            "paged": listed,
            "query": ["count", "older_id", "newer_id"] if listed else [],
        }

    def _has_body(self, name: str) -> bool:
        """Tell whether the corrections gave the type of this name something to write."""
        return any("w" in facts["use"] for facts in self.types.get(name, {}).values())

    def _answer(self, schema: str) -> tuple[str, str]:
        """Give the wrapper and the type of an answer, by the name of its schema."""
        properties = self.schemas[schema].get("properties", {})
        lowered = {name.lower() for name in properties}
        base = schema.removesuffix(next(end for end in SUFFIXES if schema.endswith(end)))
        if schema in self.answers:
            type_ = self.answers[schema]
        elif lowered == {"id"}:
            type_ = "Id"
        elif lowered == {"uuid"}:
            type_ = "Uuid"
        else:
            type_ = self.wire.get(base, base)
        if not properties:
            self.types.setdefault(type_, {})
        if type_ not in self.types:
            raise CatalogueError(f"schema {schema} answers a {type_}, which is not described")
        shown = [name for name, facts in self.types[type_].items() if "r" in facts["use"]]
        is_anchor = bool(shown) and all(name[0].isupper() for name in shown)
        return ("*" if is_anchor else type_), type_

    def _used(self, what: str, missing: Iterable[str]) -> None:
        """Remember a correction that corrects nothing."""
        self.unused += [f"{what} {name}" for name in sorted(missing)]


_ORDER = ("kind", "body", "list", "body_list", "use", "required", "values")


def _page_off(facts: dict[str, Any], _says: Any) -> None:
    facts.update(paged=False, query=[])


def _add_query(facts: dict[str, Any], says: Any) -> None:
    facts["query"].extend(says)


def _sign(facts: dict[str, Any], _says: Any) -> None:
    facts["signed"] = True


def _move_money(facts: dict[str, Any], _says: Any) -> None:
    facts["effect"] = "moves money"


def _send_bytes(facts: dict[str, Any], _says: Any) -> None:
    facts.update(sends_bytes=True, body=None)


_FLAGS: dict[str, Callable[[dict[str, Any], Any], None]] = {
    "not paged": _page_off,
    "query": _add_query,
    "signed": _sign,
    "moves money": _move_money,
    "sends bytes": _send_bytes,
}


def _merged(
    answer: dict[str, dict[str, Any]], body: dict[str, dict[str, Any]]
) -> dict[str, dict[str, Any]]:
    """Give one set of fields of an answer's and a body's; kinds that differ are kept apart."""
    fields = {name: dict(facts) for name, facts in answer.items()}
    for name, facts in body.items():
        shown = fields.get(name)
        if shown is None:
            fields[name] = dict(facts)
            continue
        shown["use"] = "rw"
        if facts["kind"] != shown["kind"]:
            shown["body"] = facts["kind"]
        if facts.get("list") and not shown.get("list"):
            shown["body_list"] = True
        elif shown.get("list") and not facts.get("list"):
            raise CatalogueError(f"{name} is a list in answers, and none in bodies")
        if facts.get("required"):
            shown["required"] = True
        if "values" in facts or "values" in shown:
            values = [*facts.get("values", ()), *shown.get("values", ())]
            shown["values"] = list(dict.fromkeys(values))
    return fields


def _join_facts(field: str, one: dict[str, Any], other: dict[str, Any]) -> None:
    """Join what two answers say of a field; they may name different values only."""
    if (one["kind"], one.get("list")) != (other["kind"], other.get("list")):
        raise CatalogueError(f"{field} is {one['kind']} in one answer, {other['kind']} in another")
    if "values" in other:
        one["values"] = list(dict.fromkeys([*one.get("values", ()), *other["values"]]))


def _verb(method: str, operation: dict[str, Any], where: str) -> str:
    """Give list, get, create, update or delete."""
    if method != "get":
        return _VERBS[method]
    schema = json_schema(operation["responses"]["200"], f"{where}, answer")
    return "list" if schema.get("type") == "array" else "get"


def _facts(catalogue: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Give each fact with its place, as text."""
    for name, facts in catalogue["operations"].items():
        yield f"operation {name}", _json(facts)
    for type_, fields in catalogue["types"].items():
        yield f"type {type_}", "described"
        for name, facts in fields.items():
            yield f"field {type_}.{name}", _json(facts)
    for name, type_ in catalogue["aliases"].items():
        yield f"alias {name}", type_


def _json(fact: Any) -> str:
    return json.dumps(fact, ensure_ascii=False)


if __name__ == "__main__":
    sys.exit(main())
