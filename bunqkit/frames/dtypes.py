"""Columns as pandas keeps them, and the values of the wire again.

A text becomes a number or a time only if every value of the column prints back to the same text.
The form of a column says how its values were written; the way back needs nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Self

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from pandas.api.extensions import register_extension_dtype

from bunqkit.errors import FrameError
from bunqkit.frames.columns import Column, conform_lists, plain, pruned
from bunqkit.frames.money import Money, read_amounts, read_decimals, write_amounts
from bunqkit.frames.schemas import ColumnPlan, Kind, Path

_TIMES = "datetime64[us, UTC]"
# What pandas documents for dtypes that come from Arrow, its stubs don't know.
_DTYPES: Mapping[str, Any] = {
    "Int64": pd.Int64Dtype(),
    "boolean": pd.BooleanDtype(),
    "str": pd.StringDtype(na_value=np.nan),
    _TIMES: pd.DatetimeTZDtype("us", "UTC"),
}
_ARROW = {
    "Int64": pa.int64(),
    "boolean": pa.bool_(),
    "str": pa.large_string(),
    _TIMES: pa.timestamp("us", "UTC"),
}
# The dtype and form of a column without a value, by the kind of the column or the form of money.
_WITHOUT_VALUES = {
    "integer": ("Int64", ""),
    "number": ("float64", ""),
    "boolean": ("boolean", ""),
    "text": ("str", ""),
    "date": ("str", ""),
    "time": (_TIMES, "time"),
    "decimal": ("object", "decimal"),
    "float": ("float64", "decimals:2"),
    "cents": ("Int64", "cents:2:2"),
}
_TIME_UNITS = {"time": "us", "time without fraction": "s"}
EMPTY_OBJECTS = "{}"
"""The form of a column that marks objects which hold nothing."""
_TEXT_KINDS = ("text", "date", "any")
# The first moment that Python's datetime can hold, too.
_FIRST_TIME = pa.scalar(-62_135_596_800_000_000, pa.timestamp("us"))


@register_extension_dtype
class ListDtype(pd.ArrowDtype):
    """The dtype of a column of lists, by the name under which pandas writes it to Parquet.

    pandas can't find the type of such a name by itself, and refuses to read the file; the column
    that is read knows its own type.
    """

    @classmethod
    def construct_from_string(cls, string: str) -> Self:
        """Accept the name of any column of lists."""
        if isinstance(string, str) and string.startswith("list<") and string.endswith("[pyarrow]"):
            return cls(pa.list_(pa.null()))
        raise TypeError(f"{string!r} is not the dtype of a column whose values are lists")

    def __from_arrow__(self, array: pa.Array | pa.ChunkedArray) -> pd.arrays.ArrowExtensionArray:
        """Return the column with the type that it has."""
        return pd.arrays.ArrowExtensionArray(array)


class PandasColumn(NamedTuple):
    """A column for pandas.

    Attributes
    ----------
    values
        An array; objects are a Series, whose dtype pandas keeps.
    form
        How the values were written; empty if nothing was converted.
    oddity
        What is odd about them; empty if nothing is.
    """

    values: Any
    form: str = ""
    oddity: str = ""


def convert_columns(
    columns: dict[Path, Column | None], plans: Sequence[ColumnPlan], rows: int, money: Money
) -> tuple[dict[str, Any], dict[str, str], dict[str, str]]:
    """Return the columns of a table, the forms of those that were converted, and what is odd.

    Parameters
    ----------
    columns
        As on the wire; ``None`` for a column without a value. They are taken out one by one, so
        that memory is given back on the way.
    plans
        The columns that the table has, in order.
    rows
        How many rows the table has.
    money
        The form of amounts.
    """
    values: dict[str, Any] = {}
    forms: dict[str, str] = {}
    oddities: dict[str, str] = {}
    for plan in plans:
        is_currency = plan.path[-1] == "currency"
        column = columns[plan.path] if is_currency else columns.pop(plan.path)
        if column is None:
            values[plan.name], form = _without_values(rows, plan.kind, money)
            oddity = ""
        else:
            currencies = columns[plan.currency] if plan.kind.name == "amount" else None
            values[plan.name], form, oddity = to_pandas(column, plan.kind, money, currencies)
        if plan.has_children and form != EMPTY_OBJECTS:
            oddity = oddity or "objects among other values; their keys have columns of their own"
        if form:
            forms[plan.name] = form
        if oddity:
            oddities[plan.name] = oddity
    return values, forms, oddities


def to_pandas(
    column: Column, kind: Kind, money: Money, currencies: Column | None = None
) -> PandasColumn:
    """Return a column as pandas keeps it.

    Parameters
    ----------
    column
        Its values as on the wire.
    kind
        What it is expected to hold.
    money
        The form of amounts.
    currencies
        The column of the amounts' currencies.
    """
    if isinstance(column, list):
        return _objects(column, kind)
    if pa.types.is_list(column.type):
        lists, is_known = conform_lists(column, kind.lists)
        oddity = _oddity("lists", kind, "list")
        if not is_known:
            oddity = oddity or "lists of another kind than is known"
        return PandasColumn(pd.arrays.ArrowExtensionArray(lists), "", oddity)
    if column.null_count == len(column):
        return PandasColumn(*_without_values(len(column), kind, money))
    if pa.types.is_string(column.type):
        return _texts(column, kind, money, currencies)
    if pa.types.is_boolean(column.type):
        return PandasColumn(
            _from_arrow("boolean", column), "", _oddity("true or false", kind, "boolean")
        )
    return _numbers(column, kind)


def to_wire(values: pd.Series[Any], form: str, currencies: pd.Series[Any] | None) -> list[Any]:
    """Return the values of the wire again, ``None`` where there is none.

    Parameters
    ----------
    values
        A column of a table.
    form
        How they were written, empty if they were not converted.
    currencies
        The column of the amounts' currencies, if there is one.

    Raises
    ------
    FrameError
        If the column no longer holds values of this form.
    """
    try:
        if form in _TIME_UNITS:
            return _write_times(values, _TIME_UNITS[form])
        if form == "decimal":
            return [None if value is None else str(value) for value in _as_json(values)]
        if form == EMPTY_OBJECTS:
            return [None if value is None else {} for value in _as_json(values)]
        if form:
            if currencies is None and form.endswith("currency"):
                raise FrameError(f"{values.name} needs the column of its currency to be written.")
            beside = [None] * len(values) if currencies is None else _as_json(currencies)
            return write_amounts(values, form, beside)
    except (TypeError, ValueError, AttributeError) as error:
        raise FrameError(
            f"{values.name} is {values.dtype}, which can't be written as {form!r}."
        ) from error
    return _as_json(values)


def _from_arrow(dtype: str, column: pa.ChunkedArray) -> Any:
    return _DTYPES[dtype].__from_arrow__(column)


def _without_values(rows: int, kind: Kind, money: Money) -> tuple[Any, str]:
    """Return a column without a value, and its form."""
    if kind.name == "list":
        return pd.arrays.ArrowExtensionArray(pa.nulls(rows, kind.lists)), ""
    name = kind.name if kind.name != "amount" else money
    dtype, form = _WITHOUT_VALUES.get(name, ("object", ""))
    if dtype == "object":
        return pd.Series([None] * rows, dtype="object"), form
    if dtype == "float64":
        return np.full(rows, np.nan), form
    return _from_arrow(dtype, pa.chunked_array([pa.nulls(rows, _ARROW[dtype])])), form


def _objects(values: list[Any], kind: Kind) -> PandasColumn:
    if all(value is None or value == {} for value in values):
        marks = pd.array([None if value is None else True for value in values], dtype="boolean")
        return PandasColumn(marks, EMPTY_OBJECTS, _oddity("empty objects", kind))
    classes = {value.__class__ for value in values} - {None.__class__}
    if classes == {int}:
        oddity = "whole numbers past 64 bits"
    else:
        oddity = (
            "values of several kinds" if len(classes) > 1 else "values that no column type holds"
        )
    return PandasColumn(pd.Series(values, dtype="object"), "", oddity)


def _numbers(column: pa.ChunkedArray, kind: Kind) -> PandasColumn:
    if pa.types.is_float64(column.type) or kind.name == "number":
        try:
            numbers = column.cast(pa.float64()).to_numpy()
            return PandasColumn(numbers, "", _oddity("numbers", kind, "number"))
        except pa.ArrowInvalid:
            oddity = "whole numbers past 53 bits"
    else:
        oddity = _oddity("whole numbers", kind, "integer")
    return PandasColumn(_from_arrow("Int64", column), "", oddity)


def _texts(
    column: pa.ChunkedArray, kind: Kind, money: Money, currencies: Column | None
) -> PandasColumn:
    oddity = ""
    if kind.name == "amount":
        amounts = read_amounts(column, currencies, money)
        if amounts is not None:
            return PandasColumn(*amounts)
        oddity = f"amounts that {money} can't hold as they are written"
    if kind.name in ("amount", "decimal"):
        decimals = read_decimals(column)
        if decimals is not None:
            return PandasColumn(*decimals, oddity)
        oddity = "texts that are no decimal numbers"
    if kind.name == "time":
        times = _read_times(column)
        if times is not None:
            return PandasColumn(*times)
        oddity = "texts that are no times, or of several forms"
    oddity = oddity or _oddity("texts", kind, *_TEXT_KINDS)
    return PandasColumn(_from_arrow("str", column), "", oddity)


def _read_times(texts: pa.ChunkedArray) -> tuple[Any, str] | None:
    """Return times and their form; ``None`` if one of them would print differently."""
    first = next(text.as_py() for text in texts if text.is_valid)
    form = "time" if "." in first else "time without fraction"
    fraction = r"\.[0-9]{6}" if "." in first else ""
    pattern = rf"^[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}} [0-9]{{2}}:[0-9]{{2}}:[0-9]{{2}}{fraction}\z"
    if not pc.all(pc.match_substring_regex(texts, pattern)).as_py():
        return None
    try:
        times = texts.cast(pa.timestamp("us"))
    except pa.ArrowInvalid:
        return None
    if pc.any(pc.less(times, _FIRST_TIME)).as_py():
        return None
    return _from_arrow(_TIMES, times.cast(_ARROW[_TIMES])), form


def _oddity(content: str, kind: Kind, *expected: str) -> str:
    is_expected = kind.name in (*expected, "any")
    return "" if is_expected else f"{content} where {kind.name} was expected"


def _write_times(values: pd.Series[Any], unit: str) -> list[str | None]:
    naive = values.dt.tz_convert("UTC").dt.tz_localize(None).to_numpy()
    texts = np.datetime_as_string(naive.astype(f"datetime64[{unit}]")).tolist()
    return [None if text == "NaT" else text.replace("T", " ") for text in texts]


def _as_json(values: pd.Series[Any]) -> list[Any]:
    """Return Python values as JSON has them."""
    if isinstance(values.dtype, pd.ArrowDtype):
        return plain(pa.chunked_array(values.array.__arrow_array__()))
    return [_value_as_json(value) for value in values.astype("object")]


def _value_as_json(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        # pandas writes the lists of two tables that were put together as arrays.
        return [_value_as_json(inner) for inner in value.tolist()]
    if isinstance(value, list | dict):
        return pruned([value])[0]
    return None if pd.isna(value) else value
