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

_RELATED = ("parent", "position")
_ITEMS = "items"


def to_frames(
    items: Sequence[Mapping[str, Any]],
    *,
    type: str | None = None,  # noqa: A002 (as in to_frame)
    money: Money = "float",
) -> dict[str, pd.DataFrame]:
    r"""Return the items as a table, and each nested list as a table that joins to it.

    Parameters
    ----------
    items, type, money
        As for :func:`to_frame`.

    Returns
    -------
    dict of str to DataFrame
        ``items`` is the table without its lists. Each list that holds something is a table under
        the name of its column, such as ``attachment``; lists in it are ``entries.attachment``.
        The first columns of such a table are ``parent``, the row that the list is in (its place
        in the table above), and ``position``, the place in the list, from 0:
        ``frames["items"].merge(frames["attachment"], left_index=True, right_on="parent")``.
        A value that is no object stands in a column ``value``. A field with one of these names has
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
        values = to_wire(column, "", None) if is_arrow or column.dtype == object else []
        lists = [value for value in values if value is not None]
        if not all(isinstance(value, list) for value in lists):
            continue
        if not lists:
            if is_arrow:
                del frame[name]
            continue
        del frame[name]
        rows = [
            (parent, position, value)
            for parent, inner in enumerate(values)
            for position, value in enumerate(inner or ())
        ]
        if not rows:
            continue
        block = block_of([_as_object(value) for _, _, value in rows])
        lead = {
            column_name: pd.array([row[place] for row in rows], dtype="Int64")
            for place, column_name in enumerate(_RELATED)
        }
        path = split_name(name, reserved)
        element = kind_of(path, types, has_currency=False).element
        inner_types = [] if element is None else expected_types(element) or [element]
        full_name = f"{above}.{name}" if above else f"\\{name}" if name == _ITEMS else name
        frames[full_name] = assemble([block], inner_types, lead, money)
        _relate(frames[full_name], full_name, inner_types, _RELATED, money=money, frames=frames)


def _as_object(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {"value": value}
