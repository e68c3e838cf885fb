"""What the catalogue says of columns: their names, order, kinds and Arrow types.

A column is a path of keys from an item to a leaf; its name joins them. Some nested objects have no
columns in advance: an object named after its own type, and a type inside itself.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any

import pyarrow as pa

from bunqkit.catalogue.operations import Field, find_type, type_named

Path = tuple[str, ...]
"""The keys from an item to a leaf."""

ITEM_TYPE = "item_type"
"""The first column: the name that the item came under."""

_ARROW: Mapping[str, pa.DataType] = {
    "integer": pa.int64(),
    "number": pa.float64(),
    "boolean": pa.bool_(),
    "text": pa.string(),
    "decimal": pa.string(),
    "time": pa.string(),
    "date": pa.string(),
}
_SCALARS = (*_ARROW, "any")
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
# Answers may hold fields that nobody has described, and each set of them has a plan of its own.
_CACHED_PLANS = 128


@dataclass(frozen=True)
class Kind:
    """What a column holds.

    Attributes
    ----------
    name
        A kind of a field, ``amount``, ``list``, or ``any`` if nothing is known.
    lists
        The Arrow type of its lists, as far as it is known.
    element
        The type of what its lists hold, if that has a name.
    """

    name: str
    lists: pa.DataType | None = None
    element: str | None = None


@dataclass(frozen=True)
class ColumnPlan:
    """One column of a table, before its values are read.

    Attributes
    ----------
    path
        The keys from the item to the leaf.
    name
        The name of the column.
    kind
        What it is expected to hold.
    has_children
        True if other columns of the table lie below its path.
    """

    path: Path
    name: str
    kind: Kind
    has_children: bool

    @property
    def currency(self) -> Path:
        """The path of the currency, if this is an amount."""
        return (*self.path[:-1], "currency")


_UNKNOWN = Kind("any")


def join_path(path: Path, reserved: Sequence[str] = (ITEM_TYPE,)) -> str:
    r"""Return a column's name: keys joined by ``.``, with ``\`` before a dot or backslash in a key.

    Parameters
    ----------
    path
        Its keys.
    reserved
        Names of columns that are no fields; a field with such a name gets a ``\`` before it.
    """
    name = ".".join(key.replace("\\", "\\\\").replace(".", "\\.") for key in path)
    return f"\\{name}" if name in reserved else name


def split_name(name: str, reserved: Sequence[str] = (ITEM_TYPE,)) -> Path:
    """Return the path of a column's name; the reverse of :func:`join_path`."""
    if name.startswith("\\") and name[1:] in reserved:
        return (name[1:],)
    keys, is_escaped = [""], False
    for character in name:
        if character == "." and not is_escaped:
            keys.append("")
        else:
            keys[-1] += character
        is_escaped = character == "\\" and not is_escaped
    return tuple(_ESCAPED.sub(r"\1", key) for key in keys)


def plan_columns(
    types: Sequence[str], paths: Mapping[Path, bool], reserved: Sequence[str] = (ITEM_TYPE,)
) -> tuple[ColumnPlan, ...]:
    """Return the columns of a table, in order; worked out once for types and unforeseen fields.

    Known columns come first at each level, so that the fields of one object stand together.

    Parameters
    ----------
    types
        The types whose columns the table has in any case.
    paths
        The paths at which the items have something, or null; ``True`` for null in every row. A
        path that is null in every row, and has others below it, is a missing object: no column.
    reserved
        As for :func:`join_path`.
    """
    key = tuple(types)
    known = _known_paths(key)
    unforeseen = frozenset(entry for entry in paths.items() if entry[0] not in known)
    return _plan(key, unforeseen, tuple(reserved))


@cache
def schema_of(type_name: str) -> Mapping[Path, Kind]:
    """Return the columns that every table of a type has, in order; none if the type is unknown."""
    return dict(_columns(type_name, (), ())) if find_type(type_name) is not None else {}


@cache
def arrow_of(type_name: str, inside: tuple[str, ...] = ()) -> pa.DataType | None:
    """Return the Arrow type of the objects of a type, with what is known of it in advance.

    Parameters
    ----------
    type_name
        The type.
    inside
        The types around it, which are not expanded again.
    """
    if type_name in inside or not _is_plain(type_name):
        return None
    members = []
    for field in type_named(type_name).readable:
        held = _ARROW.get(field.kind) or arrow_of(field.kind, (*inside, type_name))
        if held is not None:
            members.append(pa.field(field.name, pa.list_(held) if field.is_list else held))
    return pa.struct(members) if members else None


def expected_types(type_name: str | None) -> list[str]:
    """Return the types that items of a type come under: several if it is a choice of them."""
    known = None if type_name is None else find_type(type_name)
    if known is None:
        return []
    return [field.kind for field in known.readable] if known.is_anchor else [known.name]


def kind_of(path: Path, types: Sequence[str], *, has_currency: bool) -> Kind:
    """Return what a column holds, by the first type that knows it.

    Parameters
    ----------
    path
        Its keys.
    types
        The types of the items, as they came.
    has_currency
        Whether a currency stands beside it.
    """
    if path[-1] == "value" and has_currency:
        return Kind("amount")
    for type_name in types:
        kind = _known_kind(type_name, path)
        if kind is not None:
            return kind
    # A field that nobody has described: bunq's times bear one of these names.
    leaf = path[-1]
    is_time = leaf in ("created", "updated") or leaf.startswith("time_")
    return Kind("time") if is_time else _UNKNOWN


@lru_cache(_CACHED_PLANS)
def _known_paths(types: tuple[str, ...]) -> dict[Path, None]:
    return dict.fromkeys(path for type_name in types for path in schema_of(type_name))


@lru_cache(_CACHED_PLANS)
def _plan(
    types: tuple[str, ...], unforeseen: frozenset[tuple[Path, bool]], reserved: tuple[str, ...]
) -> tuple[ColumnPlan, ...]:
    known = _known_paths(types)
    tree: dict[str, Any] = {}
    # What the catalogue does not foresee is sorted, whatever page it came with first.
    for path in (*known, *sorted(path for path, _ in unforeseen)):
        branch = tree
        for key in path:
            branch = branch.setdefault(key, {})
    leaves = {*known, *(path for path, is_null in unforeseen if not is_null)}
    paths = list(_walk(tree, (), leaves))
    columns = set(paths)
    parents = {path[:depth] for path in paths for depth in range(1, len(path))}
    return tuple(
        ColumnPlan(
            path,
            join_path(path, reserved),
            kind_of(path, types, has_currency=(*path[:-1], "currency") in columns),
            path in parents,
        )
        for path in paths
    )


def _walk(tree: dict[str, Any], prefix: Path, leaves: set[Path]) -> Iterator[Path]:
    for key, branch in tree.items():
        path = (*prefix, key)
        if path in leaves or not branch:
            yield path
        yield from _walk(branch, path, leaves)


def _columns(type_name: str, prefix: Path, inside: tuple[str, ...]) -> Iterator[tuple[Path, Kind]]:
    fields = type_named(type_name).readable
    is_amount = {field.name for field in fields} >= {"value", "currency"}
    for field in fields:
        path = (*prefix, field.name)
        if field.is_list:
            yield path, _list_kind(field)
        elif is_amount and field.name == "value":
            yield path, Kind("amount")
        elif field.kind in _SCALARS:
            yield path, Kind(field.kind)
        elif _is_plain(field.kind) and field.kind not in (type_name, *inside):
            yield from _columns(field.kind, path, (*inside, type_name))


def _list_kind(field: Field) -> Kind:
    held = _ARROW.get(field.kind) or arrow_of(field.kind)
    element = None if field.kind in _SCALARS else field.kind
    return Kind("list", pa.list_(pa.null() if held is None else held), element)


def _known_kind(type_name: str, path: Path) -> Kind | None:
    """Return what a type says of a path; an unknown key that is a type's name leads into it."""
    current: str | None = type_name
    for depth, key in enumerate(path, 1):
        type_ = None if current is None else find_type(current)
        field = type_[key] if type_ is not None and key in type_ else None
        if field is None or not field.readable:
            current = key if find_type(key) is not None else None
        elif field.is_list:
            return _list_kind(field) if depth == len(path) else None
        else:
            current = field.kind
    return Kind(current) if current in _SCALARS else None


def _is_plain(name: str) -> bool:
    known = find_type(name)
    return known is not None and not known.is_anchor
