"""Items as columns: one Arrow array a leaf, or plain Python values where kinds are mixed.

Knows how values of several kinds come together without one of them changing. What the columns
mean is the knowledge of :mod:`bunqkit.frames.schemas`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from math import inf
from operator import itemgetter
from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from bunqkit.frames.schemas import ColumnPlan, Path

Column: TypeAlias = "pa.Array | pa.ChunkedArray | list[Any]"
"""An Arrow array, or Python values where no Arrow type holds them all."""
Order: TypeAlias = "np.ndarray[Any, Any] | None"
"""Where each row of a table stands among the rows of its blocks; ``None`` for the same order."""

_ARROW_OF = {
    frozenset[type](): pa.null(),
    frozenset({str}): pa.string(),
    frozenset({bool}): pa.bool_(),
    frozenset({int}): pa.int64(),
    frozenset({float}): pa.float64(),
    frozenset({int, float}): pa.float64(),
}
_EXACT_TYPES = {pa.null(), pa.bool_(), pa.int64(), pa.string()}

_NOTHING: dict[str, Any] = {}
_NONE = type(None)


@dataclass(frozen=True)
class Block:
    """Rows of one type.

    Attributes
    ----------
    rows
        How many.
    leaves
        A column for each path at which one of the rows has something, or null.
    """

    rows: int
    leaves: dict[Path, Column]

    def has_values(self, path: Path) -> bool:
        """Return True if a row has something at a path that is not null."""
        column = self.leaves.get(path)
        if column is None or isinstance(column, list):
            return column is not None
        return bool(column.null_count < len(column))


def block_of(items: Sequence[Mapping[str, Any]]) -> Block:
    """Return the columns of items; an object that holds nothing but nulls is a leaf itself."""
    leaves: dict[Path, Column] = {}
    _split(items, (), leaves)
    return Block(len(items), leaves)


def paths_of(blocks: Sequence[Block]) -> dict[Path, bool]:
    """Return the paths at which rows have something, or null; ``True`` for null in every row."""
    paths = dict.fromkeys(path for block in blocks for path in block.leaves)
    return {path: not any(block.has_values(path) for block in blocks) for path in paths}


def join_blocks(
    blocks: Sequence[Block], plans: Sequence[ColumnPlan], order: Order
) -> dict[Path, Column | None]:
    """Return the columns of a table; ``None`` for one that is null in every row.

    Parameters
    ----------
    blocks
        Their columns are taken out of them, so that memory is given back on the way.
    plans
        The columns of the table.
    order
        The order of its rows.
    """
    columns: dict[Path, Column | None] = {}
    places = None if order is None else pa.array(order)
    for plan in plans:
        path = plan.path
        has_values = any(block.has_values(path) for block in blocks)
        columns[path] = _reorder(chain_columns(blocks, path), places) if has_values else None
        for block in blocks:
            block.leaves.pop(path, None)
    return columns


def join_column(blocks: Sequence[Block], path: Path, order: Order) -> Column:
    """Return one column of a table, nulls where no row has it; the blocks stay as they are."""
    return _reorder(chain_columns(blocks, path), None if order is None else pa.array(order))


def chain_columns(blocks: Sequence[Block], path: Path) -> Column:
    """Return the column of a path of all blocks; a block that does not have it is null there."""
    pieces = [block.leaves[path] if block.has_values(path) else None for block in blocks]
    if not any(isinstance(piece, list) for piece in pieces):
        kind = join_types(piece.type for piece in pieces if isinstance(piece, pa.Array))
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


def conform_lists(column: pa.ChunkedArray, known: pa.DataType | None) -> tuple[Any, bool]:
    """Return lists under one type, objects in them with known members first and others by name.

    Parameters
    ----------
    column
        The lists.
    known
        Their type, as far as it is known.

    Returns
    -------
    tuple of ChunkedArray and bool
        The lists, and ``True`` if the known type could hold them, too.
    """
    joined = join_types([known or pa.null(), column.type])
    lists = None if joined is None else _conform_chunks(column, _order_members(joined, known))
    if lists is not None:
        return lists, True
    return _conform_chunks(column, _order_members(column.type, None)), False


def hold_exactly(arrays: Iterable[pa.Array], *, below: float = inf) -> bool:
    """Return True if arrays hold only JSON's kinds, and all numbers with decimals are in a bound.

    Parameters
    ----------
    arrays
        Lists and objects are looked into.
    below
        The bound of the absolute values.
    """
    for array in arrays:
        if pa.types.is_list(array.type):
            is_exact = hold_exactly([array.flatten()], below=below)
        elif pa.types.is_struct(array.type):
            is_exact = hold_exactly(array.flatten(), below=below)
        elif pa.types.is_float64(array.type):
            # A NaN, which would read as missing, is not below anything.
            smaller = pc.less(pc.abs(array), below)
            is_exact = pc.all(smaller, min_count=0).as_py() is not False
        else:
            is_exact = array.type in _EXACT_TYPES
        if not is_exact:
            return False
    return True


def plain(column: Column) -> list[Any]:
    """Return a column as Python values, objects inside lists without their null keys."""
    if isinstance(column, list):
        return column
    values: list[Any] = column.to_pylist()
    return pruned(values) if pa.types.is_nested(column.type) else values


def pruned(values: list[Any]) -> list[Any]:
    """Return values without the null keys of objects in them, however deep."""
    return [_prune(value) for value in values]


def join_types(types: Iterable[pa.DataType]) -> pa.DataType | None:
    """Return the narrowest type that holds all types; ``None`` if there is none."""
    joined: pa.DataType | None = pa.null()
    for kind in types:
        joined = None if joined is None else _join_two(joined, kind)
    return joined


def conform(array: pa.Array, kind: pa.DataType) -> pa.Array | None:
    """Return an array under a type of :func:`join_types`; ``None`` if a number does not fit."""
    if array.type == kind:
        return array
    if pa.types.is_null(array.type):
        return pa.nulls(len(array), kind)
    if pa.types.is_list(kind):
        return _conform_list(array, kind)
    if pa.types.is_struct(kind):
        return _conform_objects(array, kind)
    try:
        return array.cast(kind)
    except pa.ArrowInvalid:
        return None


def _column_of(values: list[Any]) -> Column:
    """Return values that are no objects as an array, if it holds each of them exactly."""
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
    is_exact = hold_exactly([array]) and not (kind is None and _has_cut_key(values, array.type))
    return array if is_exact else pruned(values)


def _reorder(column: Column, places: pa.Array | None) -> Column:
    if places is None:
        return column
    if isinstance(column, list):
        return [column[place] for place in places.to_pylist()]
    return column.take(places)


def _prune(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _prune(inner) for key, inner in value.items() if inner is not None}
    return pruned(value) if isinstance(value, list) else value


def _split(objects: Sequence[Mapping[str, Any]], prefix: Path, leaves: dict[Path, Column]) -> None:
    """Add a column for each leaf of objects; a missing object is an empty one here."""
    for key in dict.fromkeys(chain.from_iterable(objects)):
        path = (*prefix, key)
        values = _members(objects, key)
        kinds = list(map(type, values))
        count = kinds.count(dict)
        if not count:
            leaves[path] = _column_of(values)
            continue
        inner = [value if value.__class__ is dict else _NOTHING for value in values]
        _split(inner, path, leaves)
        is_mixed = count + kinds.count(_NONE) < len(values)
        if is_mixed or not _has_full_member(count, path, leaves):
            others = [_leaf(value) for value in values]
            if any(value is not None for value in others):
                leaves[path] = _column_of(others)


def _members(objects: Sequence[Mapping[str, Any]], key: str) -> list[Any]:
    try:
        # Most items have all keys; this way nothing of the loop is Python.
        return list(map(itemgetter(key), objects))
    except KeyError:
        return [item.get(key) for item in objects]


def _has_full_member(count: int, path: Path, leaves: Mapping[Path, Column]) -> bool:
    """Return True if one member is present in all objects of a path, so that none is empty."""
    depth = len(path) + 1
    return any(
        isinstance(column, pa.Array) and len(column) - column.null_count == count
        for inner, column in leaves.items()
        if len(inner) == depth and inner[:-1] == path
    )


def _leaf(value: Any) -> Any:
    """Return what is no object; of an object that holds nothing but nulls, an empty one."""
    if value.__class__ is not dict:
        return value
    return None if any(inner is not None for inner in value.values()) else {}


def _has_cut_key(values: list[Any], kind: pa.DataType) -> bool:
    """Return True if an object in a list has a key with a NUL: Arrow cuts the name there."""
    present = [value for value in values if value is not None]
    inner = chain.from_iterable(present)
    if pa.types.is_list(kind):
        return pa.types.is_nested(kind.value_type) and _has_cut_key(list(inner), kind.value_type)
    return any("\0" in key for key in set(inner)) or any(
        _has_cut_key([value.get(field.name) for value in present], field.type)
        for field in kind
        if pa.types.is_nested(field.type)
    )


def _order_members(kind: pa.DataType, known: pa.DataType | None) -> pa.DataType:
    """Return a type with the members of objects in one order: known ones first, others by name."""
    if pa.types.is_list(kind):
        inside = known.value_type if known is not None and pa.types.is_list(known) else None
        return pa.list_(_order_members(kind.value_type, inside))
    if not pa.types.is_struct(kind):
        return kind
    first = {}
    if known is not None and pa.types.is_struct(known):
        first = {field.name: field.type for field in known}
    members = {field.name: field.type for field in kind}
    names = [*first, *sorted(members.keys() - first.keys())]
    return pa.struct([(name, _order_members(members[name], first.get(name))) for name in names])


def _conform_chunks(column: pa.ChunkedArray, kind: pa.DataType) -> pa.ChunkedArray | None:
    chunks = [conform(chunk, kind) for chunk in column.chunks]
    return None if any(chunk is None for chunk in chunks) else pa.chunked_array(chunks, kind)


def _conform_list(array: pa.ListArray, kind: pa.ListType) -> pa.Array | None:
    values = conform(array.values, kind.value_type)
    if values is None:
        return None
    offsets = array.offsets
    if offsets.offset:
        # A mask is only taken with offsets that start at the start of their buffer.
        offsets = pa.concat_arrays([offsets])
    return pa.ListArray.from_arrays(offsets, values, type=kind, mask=array.is_null())


def _conform_objects(array: pa.StructArray, kind: pa.StructType) -> pa.Array | None:
    present = dict(zip((field.name for field in array.type), array.flatten(), strict=True))
    members = [conform(present.get(field.name, pa.nulls(len(array))), field.type) for field in kind]
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
