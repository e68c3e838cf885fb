"""Items as columns: one Arrow array a leaf, or plain Python values where kinds are mixed.

Knows how values of several kinds come together without one of them changing; what the columns
mean is :mod:`bunqkit.frames.schemas`'s knowledge.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from math import inf
from operator import itemgetter
from typing import Any, TypeAlias

import pyarrow as pa
import pyarrow.compute as pc

from bunqkit.frames.schemas import Path

Column: TypeAlias = "pa.Array | pa.ChunkedArray | list[Any]"
"""An Arrow array, or Python values where no Arrow type holds them all."""

_ARROW_OF = {
    frozenset[type](): pa.null(),
    frozenset({str}): pa.string(),
    frozenset({bool}): pa.bool_(),
    frozenset({int}): pa.int64(),
    frozenset({float}): pa.float64(),
    frozenset({int, float}): pa.float64(),
}

_NOTHING: dict[str, Any] = {}
_NONE = type(None)


@dataclass(frozen=True)
class Block:
    """Some rows of one type.

    Attributes
    ----------
    rows
        How many.
    leaves
        A column for each path at which one of them has something, or null.
    """

    rows: int
    leaves: dict[Path, Column]


def block_of(items: Sequence[Mapping[str, Any]]) -> Block:
    """Give the columns of items; an object that holds nothing but nulls is a leaf itself."""
    leaves: dict[Path, Column] = {}
    _split(items, (), leaves)
    return Block(len(items), leaves)


def column_of(values: list[Any]) -> Column:
    """Give values that are no objects as an array, if one holds each of them exactly."""
    classes = frozenset(map(type, values)) - {_NONE}
    kind = _ARROW_OF.get(classes)
    if kind is None and classes != {list}:
        return pruned(values)
    try:
        # Without a type Arrow finds the one that holds all lists, or none.
        array = pa.array(values, kind)
    except (pa.ArrowException, OverflowError, UnicodeEncodeError):
        # Mixed kinds, numbers past 64 bits, half a surrogate pair: JSON, but no array.
        return pruned(values)
    fits = holds_exactly(array) and not (kind is None and _has_cut_key(values, array.type))
    return array if fits else pruned(values)


def holds_exactly(array: pa.Array, *, below: float = inf) -> bool:
    """Whether an array is made of JSON's kinds, and all numbers with decimals are below a bound."""
    kind = array.type
    if pa.types.is_list(kind):
        return holds_exactly(array.flatten(), below=below)
    if pa.types.is_struct(kind):
        return all(holds_exactly(child, below=below) for child in array.flatten())
    if pa.types.is_float64(kind):
        # A NaN, which would read as missing, is not below anything.
        return pc.all(pc.less(pc.abs(array), below), min_count=0).as_py() is not False
    return any(
        test(kind)
        for test in (pa.types.is_null, pa.types.is_boolean, pa.types.is_int64, pa.types.is_string)
    )


def chain_columns(blocks: Sequence[Block], path: Path) -> Column:
    """Put the column of a path together; a block that does not have it is null there."""
    pieces = [None if is_nothing(block, path) else block.leaves[path] for block in blocks]
    found = [piece.type for piece in pieces if isinstance(piece, pa.Array)]
    if not any(isinstance(piece, list) for piece in pieces):
        kind = join_types(found)
        if kind is not None:
            parts = [
                pa.nulls(block.rows, kind) if piece is None else conform(piece, kind)
                for block, piece in zip(blocks, pieces, strict=True)
            ]
            if all(part is not None for part in parts):
                return pa.chunked_array(parts, kind)
    return [
        value
        for block, piece in zip(blocks, pieces, strict=True)
        for value in ([None] * block.rows if piece is None else plain(piece))
    ]


def is_nothing(block: Block, path: Path) -> bool:
    """Whether a block has nothing but nulls at a path, under whatever type."""
    column = block.leaves.get(path)
    return column is None or (isinstance(column, pa.Array) and column.null_count == len(column))


def join_types(types: Iterable[pa.DataType]) -> pa.DataType | None:
    """Give the narrowest type that holds all of some types; ``None`` if there is none."""
    joined: pa.DataType | None = pa.null()
    for kind in types:
        joined = None if joined is None else _join_two(joined, kind)
    return joined


def order_members(kind: pa.DataType, known: pa.DataType | None) -> pa.DataType:
    """Give a type with the members of objects in one order: known ones first, others by name."""
    if pa.types.is_list(kind):
        inside = known.value_type if known is not None and pa.types.is_list(known) else None
        return pa.list_(order_members(kind.value_type, inside))
    if not pa.types.is_struct(kind):
        return kind
    first = {}
    if known is not None and pa.types.is_struct(known):
        first = {field.name: field.type for field in known}
    have = {field.name: field.type for field in kind}
    names = [*first, *sorted(have.keys() - first.keys())]
    return pa.struct([(name, order_members(have[name], first.get(name))) for name in names])


def conform(array: pa.Array, kind: pa.DataType) -> pa.Array | None:
    """Give an array under a type that :func:`join_types` gave; ``None`` if a number can't."""
    if array.type == kind:
        return array
    if pa.types.is_null(array.type):
        return pa.nulls(len(array), kind)
    if pa.types.is_list(kind):
        return _conform_lists(array, kind)
    if pa.types.is_struct(kind):
        return _conform_objects(array, kind)
    try:
        return array.cast(kind)
    except pa.ArrowInvalid:
        return None


def plain(column: Column) -> list[Any]:
    """Give a column as Python values, objects inside lists without their null keys."""
    if isinstance(column, list):
        return column
    values: list[Any] = column.to_pylist()
    return pruned(values) if pa.types.is_nested(column.type) else values


def pruned(values: list[Any]) -> list[Any]:
    """Give values without the null keys of objects in them, however deep."""
    return [_prune(value) for value in values]


def _prune(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _prune(inner) for key, inner in value.items() if inner is not None}
    return pruned(value) if isinstance(value, list) else value


def _split(objects: Sequence[Mapping[str, Any]], prefix: Path, leaves: dict[Path, Column]) -> None:
    for key in dict.fromkeys(chain.from_iterable(objects)):
        path = (*prefix, key)
        values = _members(objects, key)
        kinds = list(map(type, values))
        count = kinds.count(dict)
        if not count:
            leaves[path] = column_of(values)
            continue
        is_mixed = count + kinds.count(_NONE) < len(values)
        inner = [value if kind is dict else _NOTHING for kind, value in zip(kinds, values)]  # noqa: B905 (of one length)
        _split(inner, path, leaves)
        if is_mixed or not _is_covered(count, path, leaves):
            others = [_leaf(value) for value in values]
            if any(value is not None for value in others):
                leaves[path] = column_of(others)


def _members(objects: Sequence[Mapping[str, Any]], key: str) -> list[Any]:
    try:
        # Most items have all keys; this way nothing of the loop is Python.
        return list(map(itemgetter(key), objects))
    except KeyError:
        return [each.get(key) for each in objects]


def _is_covered(count: int, path: Path, leaves: Mapping[Path, Column]) -> bool:
    """Whether one member is as often there as its object, so that no object is hollow."""
    depth = len(path) + 1
    return any(
        isinstance(column, pa.Array) and len(column) - column.null_count == count
        for inner, column in leaves.items()
        if len(inner) == depth and inner[:-1] == path
    )


def _leaf(value: Any) -> Any:
    """Give what is no object; of one that holds nothing but nulls, an empty one."""
    if value.__class__ is not dict:
        return value
    return None if any(inner is not None for inner in value.values()) else {}


def _has_cut_key(values: list[Any], kind: pa.DataType) -> bool:
    """Whether an object in a list has a key with a NUL: Arrow cuts the name there."""
    present = [value for value in values if value is not None]
    inner = chain.from_iterable(present)
    if pa.types.is_list(kind):
        return pa.types.is_nested(kind.value_type) and _has_cut_key(list(inner), kind.value_type)
    return any("\0" in key for key in set(inner)) or any(
        _has_cut_key([each.get(field.name) for each in present], field.type)
        for field in kind
        if pa.types.is_nested(field.type)
    )


def _conform_lists(array: pa.ListArray, kind: pa.ListType) -> pa.Array | None:
    values = conform(array.values, kind.value_type)
    if values is None:
        return None
    offsets = array.offsets
    if offsets.offset:
        # A mask is only taken with offsets that start at the start of their buffer.
        offsets = pa.concat_arrays([offsets])
    return pa.ListArray.from_arrays(offsets, values, type=kind, mask=array.is_null())


def _conform_objects(array: pa.StructArray, kind: pa.StructType) -> pa.Array | None:
    have = dict(zip((field.name for field in array.type), array.flatten(), strict=True))
    members = [conform(have.get(field.name, pa.nulls(len(array))), field.type) for field in kind]
    if any(member is None for member in members):
        return None
    return pa.StructArray.from_arrays(members, fields=list(kind), mask=array.is_null())


def _join_two(one: pa.DataType, other: pa.DataType) -> pa.DataType | None:
    if one == other or pa.types.is_null(other):
        return one
    if pa.types.is_null(one):
        return other
    if {one, other} == {pa.int64(), pa.float64()}:
        return pa.float64()
    if pa.types.is_list(one) and pa.types.is_list(other):
        held = _join_two(one.value_type, other.value_type)
        return None if held is None else pa.list_(held)
    are_objects = pa.types.is_struct(one) and pa.types.is_struct(other)
    return _join_objects(one, other) if are_objects else None


def _join_objects(one: pa.StructType, other: pa.StructType) -> pa.DataType | None:
    members = {field.name: field.type for field in one}
    for field in other:
        held = _join_two(members.get(field.name, pa.null()), field.type)
        if held is None:
            return None
        members[field.name] = held
    return pa.struct(list(members.items()))
