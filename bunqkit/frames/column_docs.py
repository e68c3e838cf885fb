"""What the columns of tables mean: the facts of the curated tables, and a description of any table.

The facts stand in ``column_docs.json``, a list for each column: dtype, source, meaning and, if it
has one, unit. :mod:`bunqkit.frames.tables` makes the curated tables of the same facts.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from bunqkit.frames.schemas import ITEM_TYPE, kind_of, split_name

TIME = "datetime64[us, UTC]"
CENTS = "cents of currency"
_KINDS = {
    "integer": "a whole number",
    "number": "a number",
    "decimal": "a decimal number",
    "boolean": "true or false",
    "amount": "an amount",
    "time": "a time",
    "date": "a day",
    "list": "a list",
    "text": "a text",
}


@dataclass(frozen=True)
class ColumnFacts:
    """The facts of a column of a table.

    Attributes
    ----------
    dtype
        Its dtype in a curated table.
    source
        The field that it comes from, keys joined by ``.``; in words if it is worked out.
    meaning
        What it says, in a sentence.
    unit
        ``currency`` for units of the column ``currency``, ``cents of currency`` for the smallest
        units of it, ``UTC`` for times, else empty.
    """

    dtype: str
    source: str
    meaning: str
    unit: str = ""


TABLES: Mapping[str, Mapping[str, ColumnFacts]] = {
    table: {name: ColumnFacts(*facts) for name, facts in columns.items()}
    for table, columns in json.loads(Path(__file__).with_suffix(".json").read_text()).items()
}
"""The columns of each curated table, in order."""


def describe_columns(frame: pd.DataFrame) -> pd.DataFrame:
    """Return what each column of a table means.

    Parameters
    ----------
    frame
        A curated table, one of ``to_frame``, or some columns of one.

    Returns
    -------
    DataFrame
        One row a column: ``column, dtype, meaning, unit, source``. ``source`` is the field that it
        comes from, ``unit`` names the column with the currency, or the zone of times.
    """
    names = [str(name) for name in frame.columns]
    table = frame.attrs.get("bunqkit", {}).get("table")
    if ITEM_TYPE in names or table is None:
        types = frame[ITEM_TYPE].unique().tolist() if ITEM_TYPE in names else []
        facts = [_facts_of_field(name, frame, types) for name in names]
    else:
        unknown = ColumnFacts("", "", "A column of yours.")
        facts = [TABLES[table].get(name, unknown) for name in names]
    return pd.DataFrame(
        {
            "column": names,
            "dtype": [str(dtype) for dtype in frame.dtypes],
            "meaning": [column.meaning for column in facts],
            "unit": [column.unit for column in facts],
            "source": [column.source for column in facts],
        },
        dtype="str",
    )


def _facts_of_field(name: str, frame: pd.DataFrame, types: list[str]) -> ColumnFacts:
    """Return what the path and the kind of a field tell."""
    if name == ITEM_TYPE:
        return ColumnFacts("str", "the name it comes under", "The type of the item.")
    currency = f"{name.removesuffix('value')}currency"
    is_amount = name.endswith("value") and currency in frame.columns
    path = split_name(name)
    kind = kind_of(path, types, has_currency=is_amount)
    words = " of ".join(key.replace("_", " ") for key in reversed(path))
    meaning = f"{words[:1].upper()}{words[1:]}: {_KINDS.get(kind.name, 'any value')}."
    unit = currency if is_amount else "UTC" if str(frame[name].dtype) == TIME else ""
    if is_amount and frame.attrs.get("bunqkit", {}).get("money") == "cents":
        unit = f"cents of {currency}"
    return ColumnFacts("", name, meaning, unit)
