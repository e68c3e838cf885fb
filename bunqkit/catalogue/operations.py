"""Every operation and type of the bunq API: find, name, fill a path, check a body.

The facts come from ``catalogue.json``, which ``build.py`` makes of bunq's description.
They are loaded when they are first asked for, not when this module is imported.
"""

from __future__ import annotations

import json
import re
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from operator import index
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote

from bunqkit.catalogue.search import Index, nearest_names, words
from bunqkit.catalogue.types import Field, Type, body_example, item_example, problems
from bunqkit.errors import CatalogueError, FieldError, UnknownNameError

if TYPE_CHECKING:
    from bunqkit.catalogue.docs import Page

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

CATALOGUE_FILE = Path(__file__).with_name("catalogue.json")
"""Where the facts are."""

_ID = re.compile(r"\{([^}]*)\}")
_METHOD_PATH = re.compile(r"(get|post|put|delete)\s+(\S+)", re.IGNORECASE)
_VERBS = ("list", "get", "create", "update", "delete")


class CatalogueWarning(UserWarning):
    """A value is none of those that are known; the API may know it all the same."""


@dataclass(frozen=True, slots=True, repr=False)
class Operation:
    """One thing that the API can do.

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
        The name that each item of the answer comes under, ``"*"`` if that is the name of its real
        type (an anchor, as in ``user.list``), ``""`` if there are no items (DELETE, bytes).
    is_bytes, sends_bytes
        Whether the answer, or the body, is a file's bytes and no JSON.
    needs_signature
        Whether bunq refuses it unsigned, with status 466; some only if they accept something.
    effect
        ``"reads"``, ``"changes"`` or ``"moves money"`` (pays, or may make a payment happen).
    is_paged
        Whether the answer comes in pages: ``count``, ``older_id``, ``newer_id``.
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

    @property
    def verb(self) -> str:
        """``list``, ``get``, ``create``, ``update``, ``delete``; ``""`` where a file is read."""
        last = self.name.rpartition(".")[2]
        return last if last in _VERBS else ""

    @property
    def python_name(self) -> str:
        """The name with ``_`` for ``-``, as it is written in ``bunq.api.payment_batch.create``."""
        return self.name.replace("-", "_")

    @property
    def ids(self) -> tuple[str, ...]:
        """The names of the path's ids, in order: ``("user_id", "account", "payment_id")``.

        The account that something belongs to is ``account``; the last id bears the name of its
        resource. Ids are integers, but for ``avatar_uuid`` and ``attachment_public_uuid``.
        """
        return tuple(name for _, name in self._ids())

    @property
    def takes_counterparty(self) -> bool:
        """Whether a body names whom it pays or asks, in ``counterparty_alias``."""
        return self.body is not None and "counterparty_alias" in type_named(self.body)

    def fill(self, ids: Mapping[str, object], defaults: Mapping[str, object] | None = None) -> str:
        """Give the path with its ids filled in, percent-encoded, without ``/v1``.

        Parameters
        ----------
        ids
            Values by the names of :attr:`ids`: whole numbers, those of a frame too, or texts.
        defaults
            Values for ids that are not given, such as the user; others in it are ignored.

        Raises
        ------
        FieldError
            If an id is missing (the message says which operation lists them), or not in the path.
        """
        given = {name: value for name, value in (defaults or {}).items() if value is not None}
        given |= {name: value for name, value in ids.items() if value is not None}
        wrong = [
            f"{name} is missing{_lister(self.method, prefix)}"
            for prefix, name in self._ids()
            if name not in given
        ]
        wrong += [
            f"{name} is no id of {self.name}, which has {', '.join(self.ids) or 'none'}"
            for name in ids
            if name not in self.ids
        ]
        wrong += [
            f"{name} is {given[name]!r}, which is no id"
            for name in self.ids
            if name in given and not _id_text(given[name])
        ]
        if wrong:
            raise FieldError(f"{self.name}: {'; '.join(wrong)}", tuple(wrong))
        values = iter([quote(_id_text(given[name]), safe="") for name in self.ids])
        return _ID.sub(lambda _: next(values), self.path)

    def read_ids(self, path: str) -> dict[str, str]:
        """Give the ids in a path of this operation, by name; those still in braces are left out.

        Raises
        ------
        FieldError
            If it is a path of another operation.
        """
        pattern = [_is_id(part) for part in _parts(self.path)]
        parts = _parts(path)
        if len(parts) != len(pattern) or any(
            not is_id and part != own
            for is_id, part, own in zip(pattern, parts, _parts(self.path), strict=True)
        ):
            raise FieldError(f"{path} is no path of {self.name}, which is {self.path}")
        values = [part for is_id, part in zip(pattern, parts, strict=True) if is_id]
        named = zip(self.ids, values, strict=True)
        return {name: unquote(value) for name, value in named if not _is_id(value)}

    def lister(self, id_name: str) -> str | None:
        """Give the name of the operation that lists what an id of the path may be, if there is one.

        ``operation("payment.get").lister("payment_id")`` is ``payment.list``.
        """
        calls = _by_call()
        prefixes = {name: prefix for prefix, name in self._ids()}
        return calls.get(("GET", prefixes[id_name])) if id_name in prefixes else None

    def check(self, body: object) -> None:
        """Refuse a body that lacks a field, has one too many, or one of the wrong kind.

        A field that is ``None`` counts as absent. Required fields are demanded of a POST only,
        since bunq's description marks them for both and clients send a PUT without. A PUT of
        which no field is known is not judged.

        Raises
        ------
        FieldError
            With every problem, each with the path of its field.

        Warns
        -----
        CatalogueWarning
            For a value that is none of the known ones. Sets of values are open.
        """
        wrong, unusual = self.judge(body)
        if wrong:
            raise FieldError(f"{self.name}: {'; '.join(wrong)}", tuple(wrong))
        for each in unusual:
            warnings.warn(f"{self.name}: {each}", CatalogueWarning, stacklevel=2)

    def judge(self, body: object) -> tuple[list[str], list[str]]:
        """Say what :meth:`check` refuses in a body, and what it warns of; raise nothing.

        Returns
        -------
        tuple of two lists of str
            Sentences that begin with the path of their field: problems, then unknown values.
        """
        if self.sends_bytes:
            is_file = isinstance(body, (bytes, bytearray, memoryview))
            return ([] if is_file else ["the body is a file's bytes, it has no fields"]), []
        if self.body is not None:
            complete = self.method == "POST"
            told = {} if body is None else body
            return problems(told, type_named(self.body), type_named, complete=complete)
        return (["it has no fields"] if body and self.method != "PUT" else []), []

    def __repr__(self) -> str:
        return f"<{self.name}: {self.method} {self.path}>"

    def _repr_html_(self) -> str:
        return self._page().html()

    def _repr_markdown_(self) -> str:
        return self._page().markdown()

    def _page(self) -> Page:
        from bunqkit.catalogue.docs import describe_operation  # noqa: PLC0415 (it reads this module)

        return describe_operation(self)

    def _ids(self) -> tuple[tuple[str, str], ...]:
        """Give the path before each id, and the id's name."""
        return _ids_of(self.path)


def operations() -> tuple[Operation, ...]:
    """All operations, sorted by name."""
    return tuple(_operations().values())


def types() -> tuple[Type, ...]:
    """All types, sorted by name."""
    return tuple(type_named(name) for name in _facts()["types"])


def operation(name: str) -> Operation:
    """Give the operation of a name.

    Parameters
    ----------
    name
        Its name, its Python name, bunq's operation id, or ``METHOD /path`` with or without
        ``/v1``, with ids or with anything in braces in their place.

    Raises
    ------
    UnknownNameError
        If there is none; ``nearest`` holds three names that are like it.
    """
    found = _by_any_name().get(name)
    if found is not None:
        return found
    call = _METHOD_PATH.fullmatch(name.strip())
    if call:
        return _by_path(call[1].upper(), call[2])
    nearest = nearest_names(name, _operations())
    raise UnknownNameError(f"No operation is called {name!r}. {_meant(nearest)}", nearest)


def type_named(name: str) -> Type:
    """Give the type of a name: the one that items bear on the wire, or that of bunq's class.

    Raises
    ------
    UnknownNameError
        If there is none; ``nearest`` holds three names that are like it.
    """
    found = find_type(name)
    if found is None:
        facts = _facts()
        nearest = nearest_names(name, [*facts["types"], *facts["aliases"]])
        raise UnknownNameError(f"No type is called {name!r}. {_meant(nearest)}", nearest)
    return found


def find_type(name: str) -> Type | None:
    """Give the type of a name, or ``None``: the kind of a field may be no type's name."""
    facts = _facts()
    wire = name if name in facts["types"] else facts["aliases"].get(name)
    return None if wire is None else _type(wire)


def find(words: str) -> list[Operation]:
    """Operations that have to do with some words, best first; without words, all of them.

    Everyday words, plurals and beginnings of words are understood.
    """
    if not words.strip():
        return list(operations())
    named = _operations()
    return [named[name] for name in _index().rank(words)]


def example_body(operation: Operation) -> dict[str, Any] | None:
    """Give a body that :meth:`Operation.check` accepts; ``None`` if it has none.

    A POST has its required fields, or all if none is required; a PUT has all.
    """
    if operation.sends_bytes or operation.method in {"GET", "DELETE"}:
        return None
    if operation.body is None:
        return {}
    complete = operation.method == "POST"
    return body_example(type_named(operation.body), type_named, complete=complete)


def example_item(type_name: str) -> dict[str, Any]:
    """Give an item with every readable field of a type, made from the facts; the same every time.

    A type that is met again inside itself is ``None``, or an empty list.
    """
    return item_example(type_named(type_name), type_named)


def example_answer(operation: Operation) -> list[dict[str, Any]]:
    """Give a ``Response`` list of an operation: one item under its name; empty if it has none."""
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
def _facts() -> dict[str, Any]:
    """Give the parsed file."""
    try:
        facts: dict[str, Any] = json.loads(CATALOGUE_FILE.read_bytes())
    except (OSError, ValueError) as error:
        raise CatalogueError(f"{CATALOGUE_FILE} can't be read: {error}") from error
    return facts


@cache
def _operations() -> dict[str, Operation]:
    """Operations by name."""
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
        for name, facts in _facts()["operations"].items()
    }


@cache
def _by_any_name() -> dict[str, Operation]:
    """Operations by each of their names."""
    every = _operations().values()
    named = {each.id: each for each in every} | {each.python_name: each for each in every}
    return named | _operations()


@cache
def _by_call() -> dict[tuple[str, str], str]:
    """Names by method and path."""
    return {(each.method, each.path): each.name for each in operations()}


@cache
def _by_shape() -> dict[tuple[str, int], list[tuple[list[str], Operation]]]:
    """Give the parts of each path with its operation, by method and length."""
    shapes: dict[tuple[str, int], list[tuple[list[str], Operation]]] = {}
    for each in _operations().values():
        parts = _parts(each.path)
        shapes.setdefault((each.method, len(parts)), []).append((parts, each))
    return shapes


@cache
def _type(name: str) -> Type:
    """Give the type of a wire name."""
    return Type(
        name,
        tuple(
            Field(
                name=field,
                kind=facts["kind"],
                body_kind=facts.get("body", facts["kind"]),
                is_list=facts.get("list", False),
                is_body_list=facts.get("body_list", facts.get("list", False)),
                required=facts.get("required", False),
                readable="r" in facts["use"],
                writable="w" in facts["use"],
                values=tuple(facts.get("values", ())),
            )
            for field, facts in _facts()["types"][name].items()
        ),
    )


@cache
def _index() -> Index:
    """Say what can be searched for."""
    # Of several that fit alike, people mean to look before they mean to change something.
    places = {verb: place for place, verb in enumerate(_VERBS)}
    every = sorted(operations(), key=lambda each: places.get(each.verb, 1))
    return Index({each.name: (_weights(each), len(words(each.name))) for each in every})


def _weights(operation: Operation) -> dict[str, float]:
    """Give the words of an operation: its name counts most, then bodies, then answers."""
    weights: dict[str, float] = {}

    def weigh(text: str, weight: float) -> None:
        for word in words(text):
            weights[word] = max(weights.get(word, 0.0), weight)

    before, _, last = operation.resource.rpartition(".")
    weigh(operation.path, 2.0)
    weigh(before, 5.0)
    weigh(last, 10.0)
    weigh(operation.verb, 7.0)
    weigh(operation.wrapper, 4.0)
    facts = _facts()["types"]
    for type_, use, weight in ((operation.answer, "r", 1.0), (operation.body, "w", 2.0)):
        for field, each in facts.get(type_, {}).items():
            if use in each["use"]:
                weigh(field, weight)
                weigh(" ".join(each.get("values", ())), weight)
    return weights


def _by_path(method: str, path: str) -> Operation:
    """Give the operation that a path with or without ids belongs to."""
    parts = _parts(path)
    fits = [
        (sum(not _is_id(own) for own in shape), each)
        for shape, each in _by_shape().get((method, len(parts)), ())
        if all(_is_id(own) or own == part for own, part in zip(shape, parts, strict=True))
    ]
    if fits:
        # Of several that fit, the one with more words that are the same.
        return max(fits, key=lambda fit: fit[0])[1]
    by_call = {f"{each.method} {each.path}": each.name for each in operations()}
    nearest = tuple(by_call[call] for call in nearest_names(f"{method} {path}", by_call))
    raise UnknownNameError(f"No operation is {method} {path}. {_meant(nearest)}", nearest)


def _parts(path: str) -> list[str]:
    """Give the parts of a path, without ``/v1`` and a query."""
    parts = path.partition("?")[0].strip("/").split("/")
    return parts[1:] if parts[0] == "v1" else parts


@cache
def _ids_of(path: str) -> tuple[tuple[str, str], ...]:
    prefixes = ((match, path[: match.start()].rstrip("/")) for match in _ID.finditer(path))
    return tuple(
        (prefix, _id_name(match[1], prefix.rpartition("/")[2])) for match, prefix in prefixes
    )


def _is_id(part: str) -> bool:
    return part.startswith("{") and part.endswith("}")


def _id_name(placeholder: str, collection: str) -> str:
    """Give the Python name of an id: ``{itemId}`` below ``/card`` is ``card_id``."""
    if placeholder == "itemId":
        uuid = collection in {"attachment-public", "avatar"}
        return f"{collection}-{'uuid' if uuid else 'id'}".replace("-", "_")
    if placeholder == "monetary-accountID":
        return "account"
    return re.sub(r"(ID|UUID)$", lambda end: f"_{end[1].lower()}", placeholder).replace("-", "_")


def _id_text(value: Any) -> str:
    """Give an id as text; empty if it is none, or would lead to another path."""
    if isinstance(value, str):
        return "" if value in {".", ".."} else value
    try:
        return "" if isinstance(value, bool) else str(index(value))
    except TypeError:
        return ""


def _lister(method: str, prefix: str) -> str:
    """Where ids of a missing kind come from: what lists them, or else what makes them."""
    calls = _by_call()
    if ("GET", prefix) in calls:
        return f"; {calls['GET', prefix]} lists them"
    if ("POST", prefix) in calls and method != "POST":
        return f"; {calls['POST', prefix]} gives one"
    return ""


def _meant(nearest: tuple[str, ...]) -> str:
    return f"Did you mean {', '.join(nearest)}?" if nearest else "The catalogue is empty."
