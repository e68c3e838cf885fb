"""What the catalogue says of columns: their names, order, kinds and Arrow types.

A column is a path of keys from an item to a leaf; its name joins them. Objects named after their
own type and a type inside itself are not expanded in advance.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache

import pyarrow as pa

from bunqkit.catalogue.operations import Field, Type, find_type, type_named

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


_UNKNOWN = Kind("any")


def join_path(path: Path, reserved: Sequence[str] = (ITEM_TYPE,)) -> str:
    r"""Give a column's name: keys joined by ``.``, with ``\`` before a dot or backslash in a key.

    Parameters
    ----------
    path
        Its keys.
    reserved
        Names of columns that are no fields; a field called so gets a ``\`` before its name.
    """
    name = ".".join(key.replace("\\", "\\\\").replace(".", "\\.") for key in path)
    return f"\\{name}" if name in reserved else name


def split_name(name: str, reserved: Sequence[str] = (ITEM_TYPE,)) -> Path:
    """Give the path of a column's name; the reverse of :func:`join_path`."""
    if name.startswith("\\") and name[1:] in reserved:
        return (name[1:],)
    parts, is_hidden = [""], False
    for sign in name:
        if sign == "." and not is_hidden:
            parts.append("")
        else:
            parts[-1] += sign
        is_hidden = sign == "\\" and not is_hidden
    return tuple(_ESCAPED.sub(r"\1", part) for part in parts)


def schema_of(type_name: str) -> Mapping[Path, Kind]:
    """Give the columns that every table of a type has, in order; none if the type is unknown."""
    return _schema_of(type_name)


def arrow_of(type_name: str) -> pa.DataType | None:
    """Give the Arrow type of the objects of a type, with what is known of it in advance."""
    return _arrow_of(type_name, ())


def is_type(name: str) -> bool:
    """Whether the catalogue knows a type of this name."""
    return _is_type(name)


def kind_of(path: Path, types: Sequence[str], *, has_currency: bool) -> Kind:
    """Tell what a column holds, by the first type that knows it.

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


@cache
def _schema_of(type_name: str) -> dict[Path, Kind]:
    return dict(_columns(type_name, (), ())) if _is_type(type_name) else {}


def _columns(type_name: str, prefix: Path, inside: tuple[str, ...]) -> Iterator[tuple[Path, Kind]]:
    known = type_named(type_name)
    is_amount = {field.name for field in known.readable} >= {"value", "currency"}
    for field in known.readable:
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
    held = _ARROW.get(field.kind) or _arrow_of(field.kind, ())
    element = None if field.kind in _SCALARS else field.kind
    return Kind("list", pa.list_(pa.null() if held is None else held), element)


@cache
def _arrow_of(type_name: str, inside: tuple[str, ...]) -> pa.DataType | None:
    if type_name in inside or not _is_plain(type_name):
        return None
    members = []
    for field in type_named(type_name).readable:
        held = _ARROW.get(field.kind) or _arrow_of(field.kind, (*inside, type_name))
        if held is not None:
            members.append(pa.field(field.name, pa.list_(held) if field.is_list else held))
    return pa.struct(members) if members else None


@cache
def _known_kind(type_name: str, path: Path) -> Kind | None:
    """Follow a path through the types; an unknown key that is a type's name leads into it."""
    current: str | None = type_name
    for at, key in enumerate(path):
        field = _field(current, key)
        if field is not None and field.is_list:
            return _list_kind(field) if at == len(path) - 1 else None
        current = field.kind if field is not None else (key if _is_type(key) else None)
    return Kind(current) if current in _SCALARS else None


def _field(type_name: str | None, key: str) -> Field | None:
    if type_name is None or not _is_type(type_name):
        return None
    known = type_named(type_name)
    return known[key] if key in known and known[key].readable else None


@cache
def _is_type(name: str) -> bool:
    return _type(name) is not None


@cache
def _type(name: str) -> Type | None:
    # Without a search for names like it, which each unknown column would pay for.
    return find_type(name)


def _is_plain(name: str) -> bool:
    known = _type(name)
    return known is not None and not known.is_anchor
