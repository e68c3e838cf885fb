"""The bytes of answers become columns, without a Python object for each value.

``pyarrow.json`` reads some pages at once. It also changes values silently, so what is known is read
under an explicit type, a text that it takes for a time is read again as text, and whatever it
refuses or may have rounded goes the general way, by ``json``, with the same result.
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
_ROWS = 1000
_AT_ONCE = 2
_NUL = rb"\u0000"
_CREATED: Path = ("created",)
TOO_DEEP = "holds objects inside objects that are too deep for a table. Look at its items instead."
"""What is wrong with what can be read but not be laid out in columns."""

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
        """Give the type of each row, and the rows of each type as a block, for some pages.

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
        if not self._types and pages:
            # Which types and fields there are is cheap to learn from one page.
            self._read_part(pages[:1], _parse(pages[:1], None))
        size = -(-len(pages) // _AT_ONCE) or 1
        parts = [pages[start : start + size] for start in range(0, len(pages), size)]
        schema = self._schema()
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            # Arrow lets other threads run while it reads.
            parsed = list(pool.map(lambda part: _parse(part, schema), parts))
        rows: list[Rows] = []
        for part, table in zip(parts, parsed, strict=True):
            read = self._read_part(part, table)
            if read is not None:
                rows.append(read)
                continue
            self.general_pages += len(part)
            rows.extend(blocks_of(read_envelope(page)) for page in part)
        return rows

    def _read_part(self, pages: Sequence[bytes], table: pa.Table | None) -> Rows | None:
        """Give the rows of pages that were parsed; ``None`` if Arrow can't be trusted with them."""
        try:
            while table is not None and not self._is_settled(pages, table):
                table = _parse(pages, self._schema())
            if table is None or table.num_rows != len(pages):
                return None
            # One block was read, which is one chunk.
            return _rows_of(table["Response"].chunk(0), self._order)
        except _UnfitError:
            return None

    def _is_settled(self, pages: Sequence[bytes], table: pa.Table) -> bool:
        """Learn fields; tell if none was taken for a time, and known ones are what they should."""
        if "Pagination" in table.column_names:
            kind = table.schema.field("Pagination").type
            if not (pa.types.is_struct(kind) or pa.types.is_null(kind)):
                raise _UnfitError
        kind = table.schema.field("Response").type if "Response" in table.column_names else None
        if kind is None or not pa.types.is_list(kind):
            raise _UnfitError
        if pa.types.is_null(kind.value_type):
            return True
        if not pa.types.is_struct(kind.value_type):
            raise _UnfitError
        _remember(kind.value_type, self._order)
        wanted = {
            field.name: _wanted(field.type, arrow_of(field.name)) or pa.struct([])
            for field in kind.value_type
        }
        is_known = all(self._types.get(name) == each for name, each in wanted.items())
        if not is_known and any(_NUL in page for page in pages):
            # Arrow cuts the name of a field there.
            raise _UnfitError
        self._types.update(wanted)
        return all(_is_read_as(field.type, wanted[field.name]) for field in kind.value_type)

    def _schema(self) -> pa.Schema | None:
        known = list(self._types.items())
        return pa.schema([("Response", pa.list_(pa.struct(known)))]) if known else None


def blocks_of(wrapped: Sequence[Mapping[str, Any]]) -> Rows:
    """Give the type of each item, and the items of each type as blocks of columns.

    Parameters
    ----------
    wrapped
        Items, each under its type.
    """
    names = list(chain.from_iterable(wrapped))
    items = list(chain.from_iterable(entry.values() for entry in wrapped))
    by_type: dict[str, list[Mapping[str, Any]]] = {name: [] for name in dict.fromkeys(names)}
    for name, item in zip(names, items, strict=True):
        by_type[name].append(item)
    blocks = [
        (name, block_of(items[start : start + _ROWS]))
        for name, items in by_type.items()
        # Small enough that the items are still in the processor's cache for the next field.
        for start in range(0, len(items), _ROWS)
    ]
    return names, blocks


def between(
    rows: Rows, since: str | None, until: str | None, *, keep: Callable[[Path], bool] | None = None
) -> tuple[Rows, bool]:
    """Give the rows that were created in a span, and whether the last one was before it.

    Parameters
    ----------
    rows
        In the order in which they came.
    since, until
        As the bank writes times, which sort as text; ``None`` is no bound. What does not say when
        it was created is kept.
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
    ages: dict[str, list[int]] = {name: [] for name in names}
    kept = []
    for name, block in blocks:
        created = plain(block.leaves.get(_CREATED, [None] * block.rows))
        own = [_age(text, since, until) for text in created]
        ages[name] += own
        wanted = [not age for age in own]
        if any(wanted):
            leaves = {path: _filter(column, wanted) for path, column in block.leaves.items()}
            kept.append((name, Block(sum(wanted), leaves)))
    by_type = {name: iter(each) for name, each in ages.items()}
    in_order = [next(by_type[name]) for name in names]
    within = [name for name, age in zip(names, in_order, strict=True) if not age]
    return (within, kept), in_order[-1:] == [-1]


def read_envelope(body: bytes) -> list[dict[str, Any]]:
    """Give the ``Response`` list of a body.

    Raises
    ------
    FrameError
        If the bytes are not one envelope.
    """
    try:
        read: Any = json.loads(body, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise FrameError("A page is no complete JSON. Fetch it again.") from error
    response = read.get("Response") if isinstance(read, dict) else None
    pagination = read.get("Pagination") if isinstance(read, dict) else None
    if not isinstance(response, list) or not isinstance(pagination, dict | None):
        raise FrameError('A page is no answer of the API: its JSON has no "Response" list.')
    for entry in response:
        if not (isinstance(entry, dict) and len(entry) == 1 and isinstance(_only(entry), dict)):
            raise FrameError("An entry of a page is not one object under one type.")
    return response


def _age(created: object, since: str | None, until: str | None) -> int:
    """Give -1 for what is older than a span, 1 for what is newer, else 0."""
    if not isinstance(created, str):
        return 0
    if since is not None and created < since:
        return -1
    return 1 if until is not None and created >= until else 0


def _filter(column: Column, wanted: list[bool]) -> Column:
    if isinstance(column, list):
        return list(compress(column, wanted))
    return column.filter(pa.array(wanted))


def _only(entry: dict[str, Any]) -> object:
    return next(iter(entry.values()))


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON")


def _one_line(page: bytes) -> bytes:
    """Give a page that may stand beside others; between tokens a line break is a blank."""
    page = page.strip()
    if not (page.startswith(b"{") and page.endswith(b"}")):
        raise _UnfitError
    # Arrow takes bytes for text without a look at them.
    page.decode()
    return page.replace(b"\n", b" ").replace(b"\r", b" ")


def _parse(pages: Sequence[bytes], schema: pa.Schema | None) -> pa.Table | None:
    """Give a row a page, known fields under their types; ``None`` if Arrow refuses the bytes."""
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


def _wanted(found: pa.DataType, known: pa.DataType | None) -> pa.DataType | None:
    """Give the type to read a field as: of what is there what is known, and text for times.

    What is known but not there would cost time in every row. ``None`` leaves it to Arrow.
    """
    if pa.types.is_null(found):
        return None if known is None or pa.types.is_nested(known) else known
    if pa.types.is_list(found):
        inside = known.value_type if known is not None and pa.types.is_list(known) else None
        held = _wanted(found.value_type, inside)
        return None if held is None else pa.list_(held)
    if pa.types.is_struct(found):
        inner = {}
        if known is not None and pa.types.is_struct(known):
            inner = {field.name: field.type for field in known}
        members = [(field.name, _wanted(field.type, inner.get(field.name))) for field in found]
        return pa.struct([(name, kind) for name, kind in members if kind is not None])
    if known is None or pa.types.is_nested(known):
        return pa.string() if pa.types.is_temporal(found) else found
    return known


def _is_read_as(found: pa.DataType, wanted: pa.DataType) -> bool:
    """Whether everything that is not null was read as it should be."""
    if pa.types.is_null(found) or found == wanted:
        return True
    if pa.types.is_list(found) and pa.types.is_list(wanted):
        return _is_read_as(found.value_type, wanted.value_type)
    if pa.types.is_struct(found) and pa.types.is_struct(wanted):
        inner = {field.name: field.type for field in wanted}
        return all(
            _is_read_as(field.type, inner[field.name]) for field in found if field.name in inner
        )
    return False


def _remember(kind: pa.StructType, order: dict[str, Any]) -> None:
    """Keep the order in which fields came; Arrow puts those that it was told of first."""
    for field in kind:
        inner = order.setdefault(field.name, {})
        if pa.types.is_struct(field.type):
            _remember(field.type, inner)


def _rows_of(response: pa.ListArray, order: Mapping[str, Any]) -> Rows:
    entries = response.flatten()
    if response.null_count or entries.null_count:
        raise _UnfitError
    if not len(entries):
        return [], []
    codes = np.full(len(entries), -1)
    blocks = []
    names = [field.name for field in entries.type]
    children = entries.flatten()
    for code, (name, items) in enumerate(zip(names, children, strict=True)):
        if not pa.types.is_struct(items.type):
            raise _UnfitError
        at = np.flatnonzero(items.is_valid().to_numpy(zero_copy_only=False))
        if not len(at):
            continue
        if (codes[at] >= 0).any():
            raise _UnfitError
        codes[at] = code
        leaves: dict[Path, Column] = {}
        present = items if len(at) == len(items) else items.take(pa.array(at))
        _flatten(present, (), order[name], leaves)
        arrays = [column for column in leaves.values() if not isinstance(column, list)]
        if not hold_exactly(arrays, below=_EXACT):
            raise _UnfitError
        blocks.append((name, Block(len(at), leaves)))
    if (codes < 0).any():
        raise _UnfitError
    return [names[code] for code in codes.tolist()], blocks


def _flatten(
    objects: pa.StructArray, prefix: Path, order: Mapping[str, Any], leaves: dict[Path, Column]
) -> None:
    names = [field.name for field in objects.type]
    columns = dict(zip(names, objects.flatten(), strict=True))
    for name in [name for name in order if name in columns]:
        path, values = (*prefix, name), columns[name]
        if not pa.types.is_struct(values.type):
            leaves[path] = values
            continue
        hollow = _find_hollow(values)
        if hollow is not None:
            leaves[path] = [{} if is_hollow else None for is_hollow in hollow.to_pylist()]
        _flatten(values, path, order[name], leaves)


def _find_hollow(objects: pa.StructArray) -> pa.Array | None:
    """Tell which objects hold nothing but nulls; ``None`` if there are none."""
    children = objects.flatten()
    if len(objects) == objects.null_count or any(
        child.null_count == objects.null_count for child in children
    ):
        return None
    hollow = objects.is_valid()
    for child in children:
        hollow = pc.and_(hollow, child.is_null())
    return hollow if hollow.true_count else None
