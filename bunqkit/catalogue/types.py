"""The types of the API: what an item or a body holds, field by field.

The facts come from ``catalogue.json``, which ``build.py`` makes from bunq's description. It is read
when a type or an operation is first asked for, not when this module is imported.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache, cached_property, lru_cache
from pathlib import Path
from typing import Any

from bunqkit.catalogue.docs import DocPage, describe_type
from bunqkit.catalogue.search import nearest_names, suggest
from bunqkit.errors import CatalogueError, UnknownNameError

__all__ = ["CATALOGUE_FILE", "Field", "Type", "find_type", "is_type_name", "type_named", "types"]

CATALOGUE_FILE = Path(__file__).with_name("catalogue.json")
"""The file of facts."""


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a type.

    Attributes
    ----------
    name
        The name on the wire.
    kind
        What the field holds in answers: ``integer``, ``number`` (decimals occur), ``decimal`` (text
        that is a decimal number), ``text``, ``boolean``, ``time`` (text
        ``YYYY-MM-DD HH:MM:SS.ffffff``, UTC), ``date`` (text ``YYYY-MM-DD``), ``any``, or the name
        of a type.
    body_kind
        What the field holds in bodies; it differs where bunq reads a ``Pointer`` and answers a
        label.
    is_list, is_body_list
        True if the field holds a list of these, in answers and in bodies.
    required
        True if a POST body must have the field.
    readable, writable
        True if answers have the field, and if bodies may have it.
    values
        The known values, in bunq's order. The set is open: bunq may add others.

    Source: bunq's description, with the corrections of ``corrections.toml``.
    """

    name: str
    kind: str
    body_kind: str
    is_list: bool
    is_body_list: bool
    required: bool
    readable: bool
    writable: bool
    values: tuple[str, ...]


@dataclass(frozen=True)
class Type:
    """The fields of an item, of a body, or of an object inside them.

    ``type_["amount"]`` is the field of this name; ``"amount" in type_`` is true if there is one.

    Attributes
    ----------
    name
        The name under which items of this type come on the wire, such as ``ScheduledPayment``.
    fields
        All fields, in bunq's order.
    """

    name: str
    fields: tuple[Field, ...]

    @cached_property
    def is_anchor(self) -> bool:
        """True if items are objects with one member, which is named after its own type.

        Source: captures of the real bank: ``{"object": {"Payment": {...}}}``.
        """
        return bool(self.readable) and all(is_type_name(field.name) for field in self.readable)

    @cached_property
    def readable(self) -> tuple[Field, ...]:
        """The fields that an answer of this type can have."""
        return tuple(field for field in self.fields if field.readable)

    @cached_property
    def writable(self) -> tuple[Field, ...]:
        """The fields of bodies, required ones first."""
        fields = [field for field in self.fields if field.writable]
        return tuple(sorted(fields, key=lambda field: not field.required))

    def page(self) -> DocPage:
        """Return the documentation of this type."""
        return describe_type(self)

    def _repr_html_(self) -> str:
        return self.page().html()

    def _repr_markdown_(self) -> str:
        return self.page().markdown()

    def __getitem__(self, name: str) -> Field:
        return self._by_name[name]

    def __contains__(self, name: object) -> bool:
        return name in self._by_name

    @cached_property
    def _by_name(self) -> dict[str, Field]:
        return {field.name: field for field in self.fields}


def types() -> tuple[Type, ...]:
    """Return all types, sorted by name."""
    return tuple(type_named(name) for name in load_facts()["types"])


@lru_cache(maxsize=4096)
def type_named(name: str) -> Type:
    """Return the type of a name: the name of its items on the wire, or of bunq's class.

    Raises
    ------
    UnknownNameError
        If there is none; ``nearest`` holds three similar names.
    """
    type_ = find_type(name)
    if type_ is None:
        facts = load_facts()
        nearest = nearest_names(name, [*facts["types"], *facts["aliases"]])
        raise UnknownNameError(f"No type is called {name!r}. {suggest(nearest)}", nearest)
    return type_


@lru_cache(maxsize=4096)
def find_type(name: str) -> Type | None:
    """Return the type of a name, or ``None`` if there is none, such as for a plain kind."""
    facts = load_facts()
    wire_name = name if name in facts["types"] else facts["aliases"].get(name)
    return None if wire_name is None else _make_type(wire_name)


def is_type_name(kind: str) -> bool:
    """Return True if a kind is the name of a type, such as ``Amount``, and no plain kind."""
    return kind[0].isupper()


@cache
def load_facts() -> dict[str, Any]:
    """Return the parsed ``catalogue.json``.

    Raises
    ------
    CatalogueError
        If the file can't be read.
    """
    try:
        facts: dict[str, Any] = json.loads(CATALOGUE_FILE.read_bytes())
    except (OSError, ValueError) as error:
        raise CatalogueError(f"{CATALOGUE_FILE} can't be read: {error}") from error
    return facts


@cache
def _make_type(wire_name: str) -> Type:
    return Type(
        wire_name,
        tuple(
            Field(
                name=name,
                kind=facts["kind"],
                body_kind=facts.get("body", facts["kind"]),
                is_list=facts.get("list", False),
                is_body_list=facts.get("body_list", facts.get("list", False)),
                required=facts.get("required", False),
                readable="r" in facts["use"],
                writable="w" in facts["use"],
                values=tuple(facts.get("values", ())),
            )
            for name, facts in load_facts()["types"][wire_name].items()
        ),
    )
