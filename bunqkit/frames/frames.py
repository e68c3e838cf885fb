"""Items become a table, and the table items again: one row an item, one column a leaf.

Nothing is lost and nothing is made up. A column gets a type only if all its values allow it; a text
becomes a number or a time only if each value prints back to the same text.
``attrs["bunqkit"]["wire"]`` of the table says how each converted column was written; the way back
needs it.

A table is made in four steps: :mod:`~bunqkit.frames.json_reader` splits bytes or items into blocks
of columns, :mod:`~bunqkit.frames.schemas` plans the columns of the table,
:mod:`~bunqkit.frames.columns` joins the blocks, :mod:`~bunqkit.frames.dtypes` converts the columns.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import chain
from typing import Any

import numpy as np
import pandas as pd

from bunqkit.catalogue.operations import type_named
from bunqkit.errors import FrameError
from bunqkit.frames.columns import Block, Column, Order, join_blocks, join_column, paths_of
from bunqkit.frames.dtypes import convert_columns, to_wire
from bunqkit.frames.json_reader import TOO_DEEP, Rows, blocks_of
from bunqkit.frames.money import Money, check_money
from bunqkit.frames.schemas import (
    ITEM_TYPE,
    Path,
    expected_types,
    join_path,
    plan_columns,
    split_name,
)

ATTRS = "bunqkit"
"""Where a table says how it was written and whether it is complete."""


def to_frame(
    items: Sequence[Mapping[str, Any]],
    *,
    type: str | None = None,  # noqa: A002 (the bank's word for it)
    money: Money = "float",
) -> pd.DataFrame:
    r"""Return one row for each item of a list answer, one column for each leaf.

    Parameters
    ----------
    items
        The ``Response`` list, each item under its type: ``{"Payment": {...}}``; or bare items, if
        ``type`` says of what type they are.
    type
        The type of bare items, and of an empty list, which has that type's columns then: such as
        ``Payment``.
    money
        Amounts as ``"float"`` (float64), ``"decimal"`` (``Decimal`` objects) or ``"cents"``
        (Int64, the smallest units of the currency beside: cents of EUR, whole yen).

    Returns
    -------
    DataFrame, shape (items, leaves + 1)
        First column ``item_type``; keys of nested objects joined by ``.``, with ``\`` before a
        dot or backslash inside a key. All columns that the catalogue knows of the types are there,
        whether or not an item has them; then come other fields of the items, by name. An object
        named after its own type, and a type inside itself, have columns only for fields that an
        item has. Whole numbers are ``Int64``, truth values ``boolean``, times UTC-aware in
        microseconds, rates ``Decimal``, texts ``str``, lists Arrow-backed; the currency of an
        amount is in the column beside it; values of several kinds stay objects. A missing value is
        missing, not zero. An object that holds nothing is ``True`` in a column of its own name.
        ``attrs["bunqkit"]`` holds ``rows``, ``money``, ``wire`` (how converted columns were
        written) and ``kept`` (columns that do not hold what was expected, and what they hold).

    Raises
    ------
    FrameError
        If an item does not have exactly one type, or ``money`` is no form.
    UnknownNameError
        If the list is empty and nothing is known of ``type``.

    Source: bunq docs, "Response body format".
    """
    check_money(money)
    if isinstance(items, str | bytes | Mapping) or not isinstance(items, Sequence):
        raise FrameError(
            f"Items are a list, each under its type; this is of type {items.__class__.__name__}. "
            "Of an answer, pass its .wrapped."
        )
    if not items and type is not None:
        type_named(type)
    gathered = Gathered(type)
    wrapped = items
    if type is not None or not _are_wrapped(items):
        wrapped = [_wrap(entry, place, type) for place, entry in enumerate(items)]
    try:
        gathered.add(blocks_of(wrapped))
    except RecursionError as error:
        raise FrameError(f"An item {TOO_DEEP}") from error
    return gathered.frame(money)


def to_items(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Return the items of a table, each under its type, without null keys.

    Parameters
    ----------
    frame
        A table of :func:`to_frame`, or some of its rows or columns.

    Returns
    -------
    list of dict
        ``[{"Payment": {...}}, ...]``. An object all of whose keys were null is ``{}``.

    Raises
    ------
    FrameError
        If the table does not say how it was written (pandas forgets it when two different tables
        are put together), or if two columns have one name.
    """
    if not isinstance(frame, pd.DataFrame):
        raise FrameError(f"to_items takes a table; this is of type {type(frame).__name__}.")
    wire = frame.attrs.get(ATTRS, {}).get("wire")
    if wire is None or ITEM_TYPE not in frame.columns:
        raise FrameError(
            f'The table has no column {ITEM_TYPE}, or attrs["{ATTRS}"] does not say how it was '
            "written. Turn tables into items before you put them together."
        )
    if not frame.columns.is_unique:
        raise FrameError("Two columns of the table have one name. Rename one of them.")
    items: list[dict[str, Any]] = [{} for _ in range(len(frame))]
    for name in frame.columns:
        if name == ITEM_TYPE:
            continue
        path = split_name(str(name))
        beside = join_path((*path[:-1], "currency"))
        currencies = frame[beside] if beside in frame.columns else None
        values = to_wire(frame[name], wire.get(name, ""), currencies)
        for item, value in zip(items, values, strict=True):
            if value is not None:
                _put(item, path, value)
    return [{name: item} for name, item in zip(frame[ITEM_TYPE], items, strict=True)]


class Gathered:
    """Blocks of columns that become one table.

    Parameters
    ----------
    type_name
        The type whose columns the table has in any case.
    """

    def __init__(self, type_name: str | None = None) -> None:
        self._expected = expected_types(type_name)
        self._names: list[str] = []
        self._blocks: dict[str, list[Block]] = {}

    def __len__(self) -> int:
        return len(self._names)

    def add(self, rows: Rows) -> None:
        """Add rows below the others."""
        names, blocks = rows
        for name in dict.fromkeys(names):
            self._blocks.setdefault(name, [])
        for name, block in blocks:
            self._blocks[name].append(block)
        self._names.extend(names)

    @property
    def names(self) -> list[str]:
        """The type of each row."""
        return self._names

    @property
    def paths(self) -> list[Path]:
        """The paths at which a row has something, or null, in no order."""
        return list(paths_of(self._all()))

    def column(self, path: Path) -> Column:
        """Return a column as it came, nulls where there is none."""
        return join_column(self._all(), path, self._order())

    def frame(self, money: Money) -> pd.DataFrame:
        """Return all rows as a table; works once, since memory is given back on the way."""
        types = list(dict.fromkeys([*self._expected, *self._blocks]))
        lead = {ITEM_TYPE: pd.Series(self._names, dtype="str").array}
        try:
            return assemble(self._all(), types, lead, money, self._order())
        except RecursionError as error:
            raise FrameError(f"An item {TOO_DEEP}") from error

    def _all(self) -> list[Block]:
        return [block for blocks in self._blocks.values() for block in blocks]

    def _order(self) -> Order:
        """Return where each row stands among rows sorted by type; ``None`` for rows of one type."""
        if len(self._blocks) <= 1:
            return None
        codes = pd.Categorical(self._names, categories=list(self._blocks)).codes
        order = np.empty(len(self._names), dtype="int64")
        order[np.argsort(codes, kind="stable")] = np.arange(len(self._names))
        return order


def assemble(
    blocks: Sequence[Block],
    types: Sequence[str],
    lead: Mapping[str, Any],
    money: Money,
    order: Order = None,
) -> pd.DataFrame:
    """Return blocks as a table.

    Parameters
    ----------
    blocks
        Of one type each; their columns are taken out of them, so that memory is given back.
    types
        The types whose columns the table has, in order.
    lead
        Columns that stand before them.
    money
        The form of amounts.
    order
        The order of the rows.
    """
    rows = sum(block.rows for block in blocks)
    plans = plan_columns(types, paths_of(blocks), tuple(lead))
    columns = join_blocks(blocks, plans, order)
    values, wire, kept = convert_columns(columns, plans, rows, money)
    frame = pd.DataFrame({**lead, **values}, copy=False)
    frame.attrs[ATTRS] = {"rows": len(frame), "money": money, "wire": wire, "kept": kept}
    return frame


def _are_wrapped(items: Sequence[Mapping[str, Any]]) -> bool:
    """Return True if each item is a dictionary with a dictionary under its one key."""
    if set(map(type, items)) != {dict} or set(map(len, items)) != {1}:
        return False
    return set(map(type, chain.from_iterable(entry.values() for entry in items))) == {dict}


def _wrap(entry: object, place: int, bare_type: str | None) -> Mapping[str, Mapping[str, Any]]:
    """Return an item under its type. Its one key is the type, whatever it is called."""
    content = "no object"
    if isinstance(entry, Mapping):
        content = f"an object with {len(entry)} keys"
        if len(entry) == 1:
            name, item = next(iter(entry.items()))
            content = f"{name!r} with no object under it"
            # Types are written in capitals; a bare item may have a single field, too.
            if isinstance(item, Mapping) and (bare_type is None or name[:1].isupper()):
                return entry
        if bare_type is not None:
            return {bare_type: entry}
    raise FrameError(
        f"Item {place} is {content}, where one type with the item under it was expected. Pass the "
        'Response list as it came, or type="Payment" for bare items.'
    )


def _put(item: dict[str, Any], path: Path, value: Any) -> None:
    for key in path[:-1]:
        item = item.setdefault(key, {})
    if value != {} or path[-1] not in item:
        item[path[-1]] = value
