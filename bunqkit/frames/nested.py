"""The lists inside items, each as a table that joins to the one above it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from bunqkit.frames.columns import block_of
from bunqkit.frames.dtypes import to_wire
from bunqkit.frames.frames import assemble, to_frame
from bunqkit.frames.money import Money
from bunqkit.frames.schemas import ITEM_TYPE, expected_types, kind_of, split_name

PARENT = "parent"
POSITION = "position"
_RELATED = (PARENT, POSITION)
_ITEMS = "items"


def to_frames(
    items: Sequence[Mapping[str, Any]],
    *,
    type: str | None = None,  # noqa: A002 (as in to_frame)
    money: Money = "float",
) -> dict[str, pd.DataFrame]:
    r"""Give the items as a table, and each nested list as a table that joins to it.

    Parameters
    ----------
    items, type, money
        As for :func:`to_frame`.

    Returns
    -------
    dict of str to DataFrame
        ``items`` is the table without its lists. Each list that holds something is a table under
        the name of its column, such as ``attachment``; lists in it are ``entries.attachment``.
        Their first columns are ``parent``, the place of the row that the list is in, in the table
        above, and ``position``, the place in the list, from 0:
        ``frames["items"].merge(frames["attachment"], left_index=True, right_on="parent")``.
        What is no object stands in a column ``value``. A field called like one of these names has
        a ``\`` before it.
    """
    frame = to_frame(items, type=type, money=money)
    frames = {_ITEMS: frame}
    types = list(dict.fromkeys(frame[ITEM_TYPE]))
    _relate(frame, "", types, (ITEM_TYPE,), money=money, frames=frames)
    return frames


def _relate(
    frame: pd.DataFrame,
    above: str,
    types: Sequence[str],
    reserved: Sequence[str],
    *,
    money: Money,
    frames: dict[str, pd.DataFrame],
) -> None:
    """Take the lists out of a table, and add a table for each."""
    for name in list(frame.columns):
        column = frame[name]
        is_arrow = isinstance(column.dtype, pd.ArrowDtype)
        lists = to_wire(column, "", None) if is_arrow or column.dtype == object else []
        if not any(isinstance(each, list) for each in lists):
            if is_arrow:
                del frame[name]
            continue
        if not all(each is None or isinstance(each, list) for each in lists):
            continue
        del frame[name]
        path = split_name(name, reserved)
        element = kind_of(path, types, has_currency=False).element
        rows = [
            (parent, position, value)
            for parent, values in enumerate(lists)
            for position, value in enumerate(values or ())
        ]
        if not rows:
            continue
        block = block_of([_element(value) for _, _, value in rows])
        lead = {
            PARENT: pd.array([row[0] for row in rows], dtype="Int64"),
            POSITION: pd.array([row[1] for row in rows], dtype="Int64"),
        }
        inner_types = [] if element is None else expected_types(element) or [element]
        inner = assemble([block], inner_types, lead, money)
        full_name = f"{above}.{name}" if above else f"\\{name}" if name == _ITEMS else name
        frames[full_name] = inner
        _relate(inner, full_name, inner_types, _RELATED, money=money, frames=frames)


def _element(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {"value": value}
