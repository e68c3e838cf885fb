"""Columns as pandas keeps them, and the values of the wire again.

A text becomes a number or a time only if every value of the column prints back to the same text;
the form that says how they were written is all that the way back needs.
"""

from __future__ import annotations

from typing import Any, Self

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from pandas.api.extensions import register_extension_dtype

from bunqkit.errors import FrameError
from bunqkit.frames.columns import Column, conform, join_types, order_members, plain, pruned
from bunqkit.frames.money import Money, from_arrow, read_amounts, read_decimals, write_amounts
from bunqkit.frames.schemas import Kind

_TIMES = "datetime64[us, UTC]"
_EMPTY_DTYPES = {
    "integer": "Int64",
    "number": "float64",
    "boolean": "boolean",
    "time": _TIMES,
    "text": "str",
    "date": "str",
}
_EMPTY_AMOUNTS = {
    "float": ("float64", "decimals:2"),
    "cents": ("Int64", "cents:2:2"),
    "decimal": ("object", "decimal"),
}
_EMPTY_ARROW = {
    "Int64": pa.int64(),
    "float64": pa.float64(),
    "boolean": pa.bool_(),
    "str": pa.large_string(),
    _TIMES: pa.timestamp("us"),
}
_EMPTY_FORMS = {"time": "time", "decimal": "decimal"}
_TIME_FORMS = {"time": "us", "time without fraction": "s"}
HOLLOW = "{}"
"""The form of a column that marks objects which hold nothing."""
_TEXT_KINDS = ("text", "date", "any")
# The least time that Python's datetime holds, too.
_FIRST = pa.scalar(-62_135_596_800_000_000, pa.timestamp("us"))


@register_extension_dtype
class ListDtype(pd.ArrowDtype):
    """The dtype of a column of lists, by the name under which pandas writes it to Parquet.

    pandas can't find the type of such a name by itself, and refuses to read the file; the column
    that is read knows its own type.
    """

    @classmethod
    def construct_from_string(cls, string: str) -> Self:
        """Take the name of any column of lists."""
        if isinstance(string, str) and string.startswith("list<") and string.endswith("[pyarrow]"):
            return cls(pa.list_(pa.null()))
        raise TypeError(f"{string!r} is no name of a column of lists")

    def __from_arrow__(self, array: pa.Array | pa.ChunkedArray) -> pd.arrays.ArrowExtensionArray:
        """Give the column with the type that it has."""
        return pd.arrays.ArrowExtensionArray(array)


def to_pandas(
    column: Column, kind: Kind, *, money: Money, currencies: Any = None
) -> tuple[Any, str, str]:
    """Give an array or Series for pandas, how its values were written, and what is odd about them.

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

    Returns
    -------
    tuple of array or Series, str and str
        Objects are a Series, whose dtype pandas keeps. The form is empty if nothing was
        converted, and what is odd if nothing is.
    """
    if isinstance(column, list):
        return _objects(column, kind)
    found = column.type
    if pa.types.is_list(found):
        return _lists(column, kind)
    if column.null_count == len(column):
        return _nothing(len(column), kind, money)
    if pa.types.is_string(found):
        return _texts(column, kind, money, currencies)
    if pa.types.is_boolean(found):
        return from_arrow(pd.BooleanDtype(), column), "", _odd("true or false", kind, "boolean")
    return _numbers(column, kind)


def to_wire(values: pd.Series[Any], form: str, currencies: pd.Series[Any] | None) -> list[Any]:
    """Give the values of the wire again, ``None`` where there is none.

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
        If the column no longer holds what the form speaks of.
    """
    try:
        if form in _TIME_FORMS:
            return _write_times(values, _TIME_FORMS[form])
        if form == "decimal":
            return [None if value is None else str(value) for value in _present(values)]
        if form == HOLLOW:
            return [None if value is None else {} for value in _present(values)]
        if form:
            beside = [None] * len(values) if currencies is None else _present(currencies)
            if currencies is None and form.endswith("currency"):
                raise FrameError(f"{values.name} needs the column of its currency to be written.")
            return write_amounts(values, form, beside)
    except (TypeError, ValueError, AttributeError) as error:
        raise FrameError(
            f"{values.name} is {values.dtype}, which can't be written as {form!r}."
        ) from error
    return _present(values)


def _nothing(rows: int, kind: Kind, money: Money) -> tuple[Any, str, str]:
    dtype, form = _EMPTY_DTYPES.get(kind.name, "object"), _EMPTY_FORMS.get(kind.name, "")
    if kind.name == "amount":
        dtype, form = _EMPTY_AMOUNTS[money]
    if kind.name == "list":
        return pd.arrays.ArrowExtensionArray(pa.nulls(rows, kind.lists)), "", ""
    if dtype == "object":
        return pd.Series([None] * rows, dtype="object"), form, ""
    nothing = pa.chunked_array([pa.nulls(rows, _EMPTY_ARROW[dtype])])
    if dtype == _TIMES:
        return _utc(nothing), form, ""
    if dtype == "float64":
        return nothing.to_numpy(), form, ""
    return from_arrow(pd.api.types.pandas_dtype(dtype), nothing), form, ""


def _objects(values: list[Any], kind: Kind) -> tuple[Any, str, str]:
    if all(value is None or value == {} for value in values):
        marks = [None if value is None else True for value in values]
        return pd.array(marks, dtype="boolean"), HOLLOW, _odd("empty objects", kind)
    found = {value.__class__ for value in values} - {None.__class__}
    if found == {int}:
        odd = "whole numbers past 64 bits"
    else:
        odd = "values of several kinds" if len(found) > 1 else "values that no column type holds"
    return pd.Series(values, dtype="object"), "", odd


def _numbers(column: pa.ChunkedArray, kind: Kind) -> tuple[Any, str, str]:
    if pa.types.is_float64(column.type) or kind.name == "number":
        try:
            return column.cast(pa.float64()).to_numpy(), "", _odd("numbers", kind, "number")
        except pa.ArrowInvalid:
            return from_arrow(pd.Int64Dtype(), column), "", "whole numbers past 53 bits"
    return from_arrow(pd.Int64Dtype(), column), "", _odd("whole numbers", kind, "integer")


def _texts(
    column: pa.ChunkedArray, kind: Kind, money: Money, currencies: Any
) -> tuple[Any, str, str]:
    odd = ""
    if kind.name == "amount":
        read = read_amounts(column, currencies, money)
        if read is not None:
            return *read, ""
        odd = f"amounts that {money} can't hold as they are written"
    if kind.name in ("amount", "decimal"):
        read = read_decimals(column)
        if read is not None:
            return *read, odd
        odd = "texts that are no decimal numbers"
    if kind.name == "time":
        times = _read_times(column)
        if times is not None:
            return *times, ""
        odd = "texts that are no times, or of several forms"
    return _str(column), "", odd or _odd("texts", kind, *_TEXT_KINDS)


def _str(column: pa.ChunkedArray) -> Any:
    return from_arrow(pd.StringDtype(na_value=np.nan), column)


def _read_times(texts: pa.ChunkedArray) -> tuple[Any, str] | None:
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
    if pc.any(pc.less(times, _FIRST)).as_py():
        return None
    return _utc(times), form


def _utc(times: pa.ChunkedArray) -> Any:
    return pd.Series(times.to_numpy()).dt.tz_localize("UTC").array


def _lists(column: pa.ChunkedArray, kind: Kind) -> tuple[Any, str, str]:
    odd = _odd("lists", kind, "list")
    joined = join_types([kind.lists or pa.null(), column.type])
    if joined is not None:
        joined = order_members(joined, kind.lists)
        chunks = [conform(chunk, joined) for chunk in column.chunks]
        if all(chunk is not None for chunk in chunks):
            return pd.arrays.ArrowExtensionArray(pa.chunked_array(chunks, joined)), "", odd
    own = order_members(column.type, None)
    chunks = [conform(chunk, own) for chunk in column.chunks]
    array = pd.arrays.ArrowExtensionArray(pa.chunked_array(chunks, own))
    return array, "", odd or "lists of another kind than is known"


def _odd(found: str, kind: Kind, *expected: str) -> str:
    return "" if kind.name in (*expected, "any") else f"{found} where {kind.name} was expected"


def _write_times(values: pd.Series[Any], unit: str) -> list[str | None]:
    naive = values.dt.tz_convert("UTC").dt.tz_localize(None).to_numpy()
    texts = np.datetime_as_string(naive.astype(f"datetime64[{unit}]")).tolist()
    return [None if text == "NaT" else text.replace("T", " ") for text in texts]


def _present(values: pd.Series[Any]) -> list[Any]:
    """Give Python values as JSON has them."""
    if isinstance(values.dtype, pd.ArrowDtype):
        return plain(pa.chunked_array(values.array.__arrow_array__()))
    return [_as_json(value) for value in values.astype("object")]


def _as_json(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        # So pandas writes the lists of two tables that were put together.
        return [_as_json(each) for each in value.tolist()]
    if isinstance(value, list | dict):
        return pruned([value])[0]
    return None if pd.isna(value) else value
