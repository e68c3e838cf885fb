"""The operations of the bunq API: find and name them, fill their paths, check their bodies.

The facts come from ``catalogue.json``; :mod:`bunqkit.catalogue.types` reads it and has the types,
whose names can be imported from here too.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from operator import index
from typing import Any
from urllib.parse import quote, unquote

from bunqkit.catalogue.checks import check_body
from bunqkit.catalogue.docs import DocPage, describe_operation
from bunqkit.catalogue.examples import body_example, item_example
from bunqkit.catalogue.search import Index, nearest_names, suggest, words
from bunqkit.catalogue.types import (
    CATALOGUE_FILE,
    Field,
    Type,
    find_type,
    load_facts,
    type_named,
    types,
)
from bunqkit.errors import FieldError, UnknownNameError

__all__ = [
    "CATALOGUE_FILE",
    "CatalogueWarning",
    "Field",
    "Operation",
    "Type",
    "example_answer",
    "example_body",
    "example_item",
    "find",
    "find_type",
    "operation",
    "operations",
    "type_named",
    "types",
]

_ID = re.compile(r"\{([^}]*)\}")
_METHOD_PATH = re.compile(r"(get|post|put|delete)\s+(\S+)", re.IGNORECASE)
# Of several that match equally well, people mean to look before they mean to change something.
_VERBS = ("list", "get", "create", "update", "delete")


class CatalogueWarning(UserWarning):
    """A value is not one of the known values; the API may know it all the same."""


@dataclass(frozen=True, repr=False)
class Operation:
    """One operation of the API.

    Attributes
    ----------
    name
        The words of the path and the verb: ``payment.create``. Unique.
    id
        bunq's operation id.
    method, path
        As in bunq's description; the path has no ``/v1``, its ids stand in braces.
    body, answer
        Names of types; ``None`` if there is nothing known to write, or to read. A POST or PUT
        without a body type is sent an empty object, or bytes.
    wrapper
        The name that each item of the answer comes under. It is ``"*"`` if that is the name of the
        item's real type (an anchor, as in ``user.list``), and ``""`` if there are no items (DELETE,
        bytes).
    is_bytes, sends_bytes
        True if the answer, or the body, is the bytes of a file instead of JSON.
    needs_signature
        True if bunq refuses it unsigned, with status 466. Some do so only if they accept something.
    effect
        ``"reads"``, ``"changes"`` or ``"moves money"`` (pays, or may make a payment happen).
    is_paged
        True if the answer comes in pages: ``count``, ``older_id``, ``newer_id``.
    query
        Names of query parameters.
    """

    name: str
    id: str
    method: str
    path: str
    body: str | None
    answer: str | None
    wrapper: str
    is_bytes: bool
    sends_bytes: bool
    needs_signature: bool
    effect: str
    is_paged: bool
    query: tuple[str, ...]

    @property
    def resource(self) -> str:
        """The name without the verb."""
        return self.name.removesuffix(f".{self.verb}") if self.verb else self.name

    @cached_property
    def verb(self) -> str:
        """``list``, ``get``, ``create``, ``update``, ``delete``; ``""`` where a file is read."""
        last_word = self.name.rpartition(".")[2]
        return last_word if last_word in _VERBS else ""

    @property
    def python_name(self) -> str:
        """The name with ``_`` for ``-``, as it is written in ``bunq.api.payment_batch.create``."""
        return self.name.replace("-", "_")

    @cached_property
    def ids(self) -> tuple[str, ...]:
        """The names of the path's ids, in order: ``("user_id", "account", "payment_id")``.

        The id of the account around an item is ``account``; the last id has the name of its
        resource. Ids are integers, except ``avatar_uuid`` and ``attachment_public_uuid``.
        """
        return tuple(self._paths_before_ids)

    @property
    def body_type(self) -> Type | None:
        """The type of the body; ``None`` if there is nothing known to write."""
        return None if self.body is None else type_named(self.body)

    @property
    def takes_counterparty(self) -> bool:
        """True if the body says whom it pays or asks, in ``counterparty_alias``."""
        return self.body_type is not None and "counterparty_alias" in self.body_type

    def fill(self, ids: Mapping[str, object], defaults: Mapping[str, object] | None = None) -> str:
        """Return the path with its ids filled in, percent-encoded, without ``/v1``.

        Parameters
        ----------
        ids
            Values by the names of :attr:`ids`: whole numbers, also those of a frame, or texts.
        defaults
            Values for ids that are not given, such as the user; others in it are ignored.

        Raises
        ------
        FieldError
            If an id is missing (the message says which operation lists them), or not in the path.
        """
        values = {
            name: value
            for source in (defaults or {}, ids)
            for name, value in source.items()
            if value is not None
        }
        problems = [
            f"{name} is missing{_source_of_ids(self.method, path)}"
            for name, path in self._paths_before_ids.items()
            if name not in values
        ]
        problems += [
            f"{name} is no id of {self.name}, which has {', '.join(self.ids) or 'none'}"
            for name in ids
            if name not in self.ids
        ]
        problems += [
            f"{name} is {values[name]!r}, which is no id"
            for name in self.ids
            if name in values and not _id_text(values[name])
        ]
        if problems:
            raise FieldError(f"{self.name}: {'; '.join(problems)}", tuple(problems))
        texts = iter([quote(_id_text(values[name]), safe="") for name in self.ids])
        return _ID.sub(lambda _: next(texts), self.path)

    def read_ids(self, path: str) -> dict[str, str]:
        """Return the ids in a path of this operation, by name; those still in braces are left out.

        Raises
        ------
        FieldError
            If it is a path of another operation.
        """
        own_parts, parts = _parts(self.path), _parts(path)
        if not _match(own_parts, parts):
            raise FieldError(f"{path} is no path of {self.name}, which is {self.path}")
        values = [part for own, part in zip(own_parts, parts, strict=True) if _is_id(own)]
        ids = zip(self.ids, values, strict=True)
        return {name: unquote(value) for name, value in ids if not _is_id(value)}

    def lister(self, id_name: str) -> str | None:
        """Return the name of the operation that lists the values of an id, if there is one.

        ``operation("payment.get").lister("payment_id")`` is ``payment.list``.
        """
        return _names_by_call().get(("GET", self._paths_before_ids.get(id_name, "")))

    def check(self, body: object) -> None:
        """Raise if a body lacks a field, has an unknown one, or one of the wrong kind.

        A field that is ``None`` counts as absent. Required fields must be there in a POST only,
        since bunq's description marks them for both and clients send a PUT without. The body of a
        PUT without a known field is not checked.

        Raises
        ------
        FieldError
            With every problem, each with the path of its field.

        Warns
        -----
        CatalogueWarning
            For a value that is not one of the known ones. Sets of values are open.
        """
        problems, unusual = self.judge(body)
        if problems:
            raise FieldError(f"{self.name}: {'; '.join(problems)}", tuple(problems))
        for sentence in unusual:
            warnings.warn(f"{self.name}: {sentence}", CatalogueWarning, stacklevel=2)

    def judge(self, body: object) -> tuple[list[str], list[str]]:
        """Return what :meth:`check` refuses in a body, and what it warns of; raise nothing.

        Returns
        -------
        tuple of two lists of str
            Sentences that begin with the path of their field: problems, then unknown values.
        """
        if self.sends_bytes:
            is_file = isinstance(body, (bytes, bytearray, memoryview))
            return ([] if is_file else ["the body is a file's bytes, it has no fields"]), []
        if self.body_type is not None:
            complete = self.method == "POST"
            return check_body({} if body is None else body, self.body_type, complete=complete)
        return (["it has no fields"] if body and self.method != "PUT" else []), []

    def page(self) -> DocPage:
        """Return the documentation of this operation."""
        return describe_operation(self, example_body(self), example_answer(self))

    def __repr__(self) -> str:
        return f"<{self.name}: {self.method} {self.path}>"

    def _repr_html_(self) -> str:
        return self.page().html()

    def _repr_markdown_(self) -> str:
        return self.page().markdown()

    @cached_property
    def _paths_before_ids(self) -> dict[str, str]:
        """The path in front of each id, by the id's name."""
        prefixes = [(match[1], self.path[: match.start() - 1]) for match in _ID.finditer(self.path)]
        return {_id_name(text, prefix.rpartition("/")[2]): prefix for text, prefix in prefixes}


def operations() -> tuple[Operation, ...]:
    """Return all operations, sorted by name."""
    return tuple(_operations().values())


def operation(name: str) -> Operation:
    """Return the operation of a name.

    Parameters
    ----------
    name
        Its name, its Python name, bunq's operation id, or ``METHOD /path`` with or without
        ``/v1``, with ids or with anything in braces in their place.

    Raises
    ------
    UnknownNameError
        If there is none; ``nearest`` holds three similar names.
    """
    match = _by_any_name().get(name)
    if match is not None:
        return match
    call = _METHOD_PATH.fullmatch(name.strip())
    if call:
        return _by_path(call[1].upper(), call[2])
    nearest = nearest_names(name, _operations())
    raise UnknownNameError(f"No operation is called {name!r}. {suggest(nearest)}", nearest)


def find(words: str) -> list[Operation]:
    """Return the operations that match some words, best first; without words, all of them.

    Everyday words, plurals and beginnings of words are understood.
    """
    if not words.strip():
        return list(operations())
    return [_operations()[name] for name in _index().rank(words)]


def example_body(operation: Operation) -> dict[str, Any] | None:
    """Return a body that :meth:`Operation.check` accepts; ``None`` if it has none.

    A POST has its required fields, or all if none is required; a PUT has all.
    """
    if operation.sends_bytes or operation.method in {"GET", "DELETE"}:
        return None
    if operation.body_type is None:
        return {}
    return body_example(operation.body_type, complete=operation.method == "POST")


def example_item(type_name: str) -> dict[str, Any]:
    """Return an item with every readable field of a type, made from the facts; always the same.

    A field whose type is already around it is ``None``, or an empty list.
    """
    return item_example(type_named(type_name))


def example_answer(operation: Operation) -> list[dict[str, Any]]:
    """Return a ``Response`` list of an operation: one item under its name; empty if it has none."""
    if operation.answer is None:
        return []
    item = example_item(operation.answer)
    if operation.wrapper != "*":
        return [{operation.wrapper: item}]
    members = type_named(operation.answer)
    if "Token" not in members:
        return [item]
    # The two calls of the handshake answer several items: Id, Token, and a third.
    third = "UserPerson" if "UserPerson" in members else "ServerPublicKey"
    return [{name: example_item(members[name].kind)} for name in ("Id", "Token", third)]


@cache
def _operations() -> dict[str, Operation]:
    """Return the operations by name."""
    return {
        name: Operation(
            name=name,
            id=facts["id"],
            method=facts["method"],
            path=facts["path"],
            body=facts.get("body"),
            answer=facts["answer"],
            wrapper=facts.get("wrapper", ""),
            is_bytes=facts.get("bytes", False),
            sends_bytes=facts.get("sends_bytes", False),
            needs_signature=facts.get("signed", False),
            effect=facts["effect"],
            is_paged=facts.get("paged", False),
            query=tuple(facts.get("query", ())),
        )
        for name, facts in load_facts()["operations"].items()
    }


@cache
def _by_any_name() -> dict[str, Operation]:
    """Return the operations by each of their names."""
    named = {operation.id: operation for operation in operations()}
    named |= {operation.python_name: operation for operation in operations()}
    return named | _operations()


@cache
def _names_by_call() -> dict[tuple[str, str], str]:
    """Return the names of the operations by method and path."""
    return {(operation.method, operation.path): operation.name for operation in operations()}


@cache
def _by_length() -> dict[tuple[str, int], list[tuple[list[str], Operation]]]:
    """Return the parts of each path with its operation, by method and number of parts."""
    paths: dict[tuple[str, int], list[tuple[list[str], Operation]]] = {}
    for operation in operations():
        parts = _parts(operation.path)
        paths.setdefault((operation.method, len(parts)), []).append((parts, operation))
    return paths


@cache
def _index() -> Index:
    """Return the index of all operations."""
    places = {verb: place for place, verb in enumerate(_VERBS)}
    ordered = sorted(operations(), key=lambda operation: places.get(operation.verb, 1))
    return Index(
        {operation.name: (_weights(operation), len(words(operation.name))) for operation in ordered}
    )


def _weights(operation: Operation) -> dict[str, float]:
    """Return the weight of each word of an operation: high for its name, then bodies, answers."""
    weights: dict[str, float] = {}

    def add(text: str, weight: float) -> None:
        for word in words(text):
            weights[word] = max(weights.get(word, 0.0), weight)

    outer, _, innermost = operation.resource.rpartition(".")
    add(operation.path, 2.0)
    add(outer, 5.0)
    add(innermost, 10.0)
    add(operation.verb, 7.0)
    add(operation.wrapper, 4.0)
    types_facts = load_facts()["types"]
    for type_, use, weight in ((operation.answer, "r", 1.0), (operation.body, "w", 2.0)):
        for field, facts in types_facts.get(type_, {}).items():
            if use in facts["use"]:
                add(field, weight)
                add(" ".join(facts.get("values", ())), weight)
    return weights


def _by_path(method: str, path: str) -> Operation:
    """Return the operation that a path with or without ids belongs to."""
    parts = _parts(path)
    matches = [
        (sum(not _is_id(own) for own in own_parts), operation)
        for own_parts, operation in _by_length().get((method, len(parts)), ())
        if _match(own_parts, parts)
    ]
    if matches:
        # The best match has the most words in common.
        return max(matches, key=lambda match: match[0])[1]
    names = {f"{method} {path}": name for (method, path), name in _names_by_call().items()}
    nearest = tuple(names[call] for call in nearest_names(f"{method} {path}", names))
    raise UnknownNameError(f"No operation is {method} {path}. {suggest(nearest)}", nearest)


def _parts(path: str) -> list[str]:
    """Return the parts of a path, without ``/v1`` and a query."""
    parts = path.partition("?")[0].strip("/").split("/")
    return parts[1:] if parts[0] == "v1" else parts


def _match(own_parts: list[str], parts: list[str]) -> bool:
    """Return True if a path is the path of an operation, with any values for its ids."""
    return len(own_parts) == len(parts) and all(
        _is_id(own) or own == part for own, part in zip(own_parts, parts, strict=True)
    )


def _is_id(part: str) -> bool:
    return part.startswith("{") and part.endswith("}")


def _id_name(placeholder: str, collection: str) -> str:
    """Return the Python name of an id: ``{itemId}`` below ``/card`` is ``card_id``."""
    if placeholder == "itemId":
        uuid = collection in {"attachment-public", "avatar"}
        return f"{collection}-{'uuid' if uuid else 'id'}".replace("-", "_")
    if placeholder == "monetary-accountID":
        return "account"
    return re.sub(r"(ID|UUID)$", lambda end: f"_{end[1].lower()}", placeholder).replace("-", "_")


def _id_text(value: Any) -> str:
    """Return an id as text; empty if it is none, or would lead to another path."""
    if isinstance(value, str):
        return "" if value in {".", ".."} else value
    try:
        return "" if isinstance(value, bool) else str(index(value))
    except TypeError:
        return ""


def _source_of_ids(method: str, path: str) -> str:
    """Return where the ids below a path come from: what lists them, or else what makes them."""
    names = _names_by_call()
    if ("GET", path) in names:
        return f"; {names['GET', path]} lists them"
    if ("POST", path) in names and method != "POST":
        return f"; {names['POST', path]} gives one"
    return ""
