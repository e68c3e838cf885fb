"""The bytes of answers become columns, without a Python object for each value.

``pyarrow.json`` reads several pages at once. It also changes values silently. So known fields are
read under an explicit type, and a text that it takes for a time is read again as text. Pages that
it refuses or may have rounded are read by ``json``, the general way, with the same result.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import chain, compress
from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.json as pj

from bunqkit.errors import FrameError
from bunqkit.frames.columns import Block, Column, block_of, hold_exactly, plain
from bunqkit.frames.schemas import Path, arrow_of

# Past it a float64 no longer tells neighbouring whole numbers apart.
_EXACT = 2.0**53
# Small enough that the items are still in the processor's cache for the next field.
_ROWS_OF_BLOCK = 1000
_THREADS = 2
_NUL = rb"\u0000"
_CREATED: Path = ("created",)
TOO_DEEP = "holds objects inside objects that are too deep for a table. Look at its items instead."
"""The end of the message about a page or item that can be read, but not laid out in columns."""

Rows: TypeAlias = tuple[list[str], list[tuple[str, Block]]]
"""The type of each row, and the rows of each type in blocks."""


class _UnfitError(Exception):
    """Arrow can't be trusted with these pages."""


class EnvelopeReader:
    """Reads pages, and remembers what it learned of their fields.

    Attributes
    ----------
    general_pages
        How many pages went the general way.
    """

    def __init__(self) -> None:
        self.general_pages = 0
        self._types: dict[str, pa.DataType] = {}
        self._order: dict[str, Any] = {}

    def read(self, pages: Sequence[bytes]) -> list[Rows]:
        """Return the type of each row, and the rows of each type as blocks.

        Parameters
        ----------
        pages
            Bodies of answers: ``{"Response": [...], "Pagination": {...}}``.

        Raises
        ------
        FrameError
            If the bytes of a page are not one envelope.
        """
        try:
            return self._read_all(pages)
        except RecursionError as error:
            raise FrameError(f"A page {TOO_DEEP}") from error

    def _read_all(self, pages: Sequence[bytes]) -> list[Rows]:
        batches: list[Rows] = []
        if not self._types and pages:
            # One page is enough to learn which types and fields there are.
            rows = self._read_part(pages[:1], _parse(pages[:1], None))
            if rows is not None:
                batches.append(rows)
                pages = pages[1:]
        size = -(-len(pages) // _THREADS) or 1
        parts = [pages[start : start + size] for start in range(0, len(pages), size)]
        schema = self._schema()
        with ThreadPoolExecutor(_THREADS) as pool:
            # Arrow lets other threads run while it reads.
            tables = list(pool.map(lambda part: _parse(part, schema), parts))
        for part, table in zip(parts, tables, strict=True):
            rows = self._read_part(part, table)
            if rows is not None:
                batches.append(rows)
                continue
            self.general_pages += len(part)
            batches.extend(blocks_of(_read_envelope(page)) for page in part)
        return batches

    def _read_part(self, pages: Sequence[bytes], table: pa.Table | None) -> Rows | None:
        """Return the rows of parsed pages; ``None`` if Arrow can't be trusted with them."""
        try:
            while table is not None and not self._learn(pages, table):
                table = _parse(pages, self._schema())
            if table is None or table.num_rows != len(pages):
                return None
            # One block was read, which is one chunk.
            return _rows_of(table["Response"].chunk(0), self._order)
        except _UnfitError:
            return None

    def _learn(self, pages: Sequence[bytes], table: pa.Table) -> bool:
        """Remember the fields of a table; return True if they were read under the right types."""
        kinds = {field.name: field.type for field in table.schema}
        pagination = kinds.get("Pagination", pa.null())
        response = kinds.get("Response")
        if not (pa.types.is_struct(pagination) or pa.types.is_null(pagination)):
            raise _UnfitError
        if response is None or not pa.types.is_list(response):
            raise _UnfitError
        if pa.types.is_null(response.value_type):
            return True
        if not pa.types.is_struct(response.value_type):
            raise _UnfitError
        _remember_order(response.value_type, self._order)
        types = {
            field.name: _type_to_read(field.type, arrow_of(field.name)) or pa.struct([])
            for field in response.value_type
        }
        is_known = all(self._types.get(name) == kind for name, kind in types.items())
        if not is_known and any(_NUL in page for page in pages):
            # Arrow cuts the name of a field there.
            raise _UnfitError
        self._types.update(types)
        return all(_is_read_as(field.type, types[field.name]) for field in response.value_type)

    def _schema(self) -> pa.Schema | None:
        types = list(self._types.items())
        return pa.schema([("Response", pa.list_(pa.struct(types)))]) if types else None


def blocks_of(wrapped: Sequence[Mapping[str, Any]]) -> Rows:
    """Return the type of each item, and the items of each type as blocks of columns.

    Parameters
    ----------
    wrapped
        Items, each under its type.
    """
    names = list(chain.from_iterable(wrapped))
    by_type: dict[str, list[Mapping[str, Any]]] = {name: [] for name in dict.fromkeys(names)}
    items = chain.from_iterable(entry.values() for entry in wrapped)
    for name, item in zip(names, items, strict=True):
        by_type[name].append(item)
    blocks = [
        (name, block_of(items[start : start + _ROWS_OF_BLOCK]))
        for name, items in by_type.items()
        for start in range(0, len(items), _ROWS_OF_BLOCK)
    ]
    return names, blocks


def select_rows(
    rows: Rows, since: str | None, until: str | None, *, keep: Callable[[Path], bool] | None = None
) -> tuple[Rows, bool]:
    """Return the rows that were created in a span, and True if the last row is older than it.

    Parameters
    ----------
    rows
        In the order in which they came.
    since, until
        As the bank writes times, which sort as text; ``None`` is no bound. A row that does not say
        when it was created is selected.
    keep
        Whether the column of a path is kept; that of ``created`` must be, if there are bounds.
    """
    names, blocks = rows
    if keep is not None:
        blocks = [
            (name, Block(block.rows, {p: c for p, c in block.leaves.items() if keep(p)}))
            for name, block in blocks
        ]
    if since is None and until is None:
        return (names, blocks), False
    sides: dict[str, list[int]] = {name: [] for name in names}
    selected = []
    for name, block in blocks:
        created = plain(block.leaves.get(_CREATED, [None] * block.rows))
        own_sides = [_side_of(text, since, until) for text in created]
        sides[name] += own_sides
        mask = [side == 0 for side in own_sides]
        if any(mask):
            leaves = {path: _filter(column, mask) for path, column in block.leaves.items()}
            selected.append((name, Block(sum(mask), leaves)))
    by_type = {name: iter(type_sides) for name, type_sides in sides.items()}
    in_order = [next(by_type[name]) for name in names]
    within = [name for name, side in zip(names, in_order, strict=True) if side == 0]
    return (within, selected), in_order[-1:] == [-1]


def _read_envelope(body: bytes) -> list[dict[str, Any]]:
    """Return the ``Response`` list of a body; raise FrameError if it is not one envelope."""
    try:
        envelope: Any = json.loads(body, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise FrameError("A page is no complete JSON. Fetch it again.") from error
    response = envelope.get("Response") if isinstance(envelope, dict) else None
    pagination = envelope.get("Pagination") if isinstance(envelope, dict) else None
    if not isinstance(response, list) or not isinstance(pagination, dict | None):
        raise FrameError('A page is no answer of the API: its JSON has no "Response" list.')
    for entry in response:
        items = list(entry.values()) if isinstance(entry, dict) else []
        if len(items) != 1 or not isinstance(items[0], dict):
            raise FrameError("An entry of a page is not one object under one type.")
    return response


def _side_of(created: object, since: str | None, until: str | None) -> int:
    """Return -1 for a row older than a span, 1 for a newer one, else 0."""
    if not isinstance(created, str):
        return 0
    if since is not None and created < since:
        return -1
    return 1 if until is not None and created >= until else 0


def _filter(column: Column, mask: list[bool]) -> Column:
    if isinstance(column, list):
        return list(compress(column, mask))
    return column.filter(pa.array(mask))


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON")


def _one_line(page: bytes) -> bytes:
    """Return a page in one line; between tokens a line break is a blank."""
    page = page.strip()
    if not (page.startswith(b"{") and page.endswith(b"}")):
        raise _UnfitError
    # Arrow takes bytes for text without a look at them.
    page.decode()
    return page.replace(b"\n", b" ").replace(b"\r", b" ")


def _parse(pages: Sequence[bytes], schema: pa.Schema | None) -> pa.Table | None:
    """Return a row for each page, known fields under their types; ``None`` if Arrow refuses."""
    try:
        text = b"\n".join(_one_line(page) for page in pages)
        table = pj.read_json(
            pa.BufferReader(text),
            read_options=pj.ReadOptions(use_threads=False, block_size=len(text) + 1),
            parse_options=pj.ParseOptions(explicit_schema=schema),
        )
        # Of a list of nulls it forgets how many there were.
        table.validate()
    except (pa.ArrowException, UnicodeDecodeError, _UnfitError):
        return None
    return table


def _type_to_read(inferred: pa.DataType, known: pa.DataType | None) -> pa.DataType | None:
    """Return the type to read a field as: the known one, and text for times.

    Only members that are there are in it: others would cost time in every row. ``None`` leaves the
    type to Arrow.
    """
    if pa.types.is_null(inferred):
        return None if known is None or pa.types.is_nested(known) else known
    if pa.types.is_list(inferred):
        inside = known.value_type if known is not None and pa.types.is_list(known) else None
        value_type = _type_to_read(inferred.value_type, inside)
        return None if value_type is None else pa.list_(value_type)
    if pa.types.is_struct(inferred):
        types = {}
        if known is not None and pa.types.is_struct(known):
            types = {field.name: field.type for field in known}
        members = {
            field.name: _type_to_read(field.type, types.get(field.name)) for field in inferred
        }
        return pa.struct([(name, kind) for name, kind in members.items() if kind is not None])
    if known is None or pa.types.is_nested(known):
        return pa.string() if pa.types.is_temporal(inferred) else inferred
    return known


def _is_read_as(kind: pa.DataType, right: pa.DataType) -> bool:
    """Return True if everything that is not null was read under the right type."""
    if pa.types.is_null(kind) or kind == right:
        return True
    if pa.types.is_list(kind) and pa.types.is_list(right):
        return _is_read_as(kind.value_type, right.value_type)
    if pa.types.is_struct(kind) and pa.types.is_struct(right):
        types = {field.name: field.type for field in right}
        return all(
            _is_read_as(field.type, types[field.name]) for field in kind if field.name in types
        )
    return False


def _remember_order(kind: pa.StructType, order: dict[str, Any]) -> None:
    """Remember the order in which fields came; Arrow puts those of its schema first."""
    for field in kind:
        inner = order.setdefault(field.name, {})
        if pa.types.is_struct(field.type):
            _remember_order(field.type, inner)


def _rows_of(response: pa.ListArray, order: Mapping[str, Any]) -> Rows:
    """Return the rows of all pages; raise _UnfitError if an entry is not one item of one type."""
    entries = response.flatten()
    if response.null_count or entries.null_count:
        raise _UnfitError
    if not len(entries):
        return [], []
    codes = np.full(len(entries), -1)
    blocks = []
    names = [field.name for field in entries.type]
    for code, (name, items) in enumerate(zip(names, entries.flatten(), strict=True)):
        if not pa.types.is_struct(items.type):
            raise _UnfitError
        places = np.flatnonzero(items.is_valid().to_numpy(zero_copy_only=False))
        if not len(places):
            continue
        if (codes[places] >= 0).any():
            raise _UnfitError
        codes[places] = code
        present = items if len(places) == len(items) else items.take(pa.array(places))
        leaves: dict[Path, Column] = {}
        _flatten(present, (), order[name], leaves)
        arrays = [column for column in leaves.values() if not isinstance(column, list)]
        if not hold_exactly(arrays, below=_EXACT):
            raise _UnfitError
        blocks.append((name, Block(len(places), leaves)))
    if (codes < 0).any():
        raise _UnfitError
    return [names[code] for code in codes.tolist()], blocks


def _flatten(
    objects: pa.StructArray, prefix: Path, order: Mapping[str, Any], leaves: dict[Path, Column]
) -> None:
    """Add the column of each leaf of objects, and one that marks objects which hold nothing."""
    columns = dict(zip((field.name for field in objects.type), objects.flatten(), strict=True))
    for name in order:
        if name not in columns:
            continue
        path, values = (*prefix, name), columns[name]
        if not pa.types.is_struct(values.type):
            leaves[path] = values
            continue
        empty = _find_empty(values)
        if empty is not None:
            leaves[path] = [{} if is_empty else None for is_empty in empty.to_pylist()]
        _flatten(values, path, order[name], leaves)


def _find_empty(objects: pa.StructArray) -> pa.Array | None:
    """Return which objects hold nothing but nulls; ``None`` if there are none."""
    members = objects.flatten()
    if len(objects) == objects.null_count or any(
        member.null_count == objects.null_count for member in members
    ):
        return None
    empty = objects.is_valid()
    for member in members:
        empty = pc.and_(empty, member.is_null())
    return empty if empty.true_count else None
