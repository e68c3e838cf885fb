"""Each column of a table says what it means."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

import bunqkit
from bunqkit.frames.column_docs import TABLES, describe_columns


@pytest.mark.parametrize("table", TABLES)
def test_every_column_of_a_curated_table_is_described(table: str) -> None:
    """With its meaning, its source, and a unit for each amount and time."""
    columns = {name: pd.Series(dtype=facts.dtype) for name, facts in TABLES[table].items()}
    frame = pd.DataFrame(columns)
    frame.attrs["bunqkit"] = {"table": table}
    told = describe_columns(frame).set_index("column")
    assert list(told.index) == list(TABLES[table])
    assert (told["meaning"].str.len() > 0).all()
    assert (told["source"].str.len() > 0).all()
    has_unit = told["dtype"].isin(["float64", "datetime64[us, UTC]"])
    assert (told.loc[has_unit, "unit"] != "").all()


def test_payments_of_a_context_are_described() -> None:
    """Also a table to which somebody added a column."""
    frame = bunqkit.connect().payments(max_rows=2)
    frame["mine"] = 1
    told = describe_columns(frame).set_index("column")
    assert list(told.loc["amount", ["unit", "source"]]) == ["currency", "amount"]
    assert told.loc["mine", "meaning"] == "A column of yours."


@pytest.mark.parametrize(
    ("money", "unit"), [("float", "amount.currency"), ("cents", "cents of amount.currency")]
)
def test_fields_are_described_by_their_path(money: Any, unit: str) -> None:
    """What the catalogue knows of a field, in words, with its unit."""
    frame = bunqkit.to_frame(
        [{"Payment": {"id": 1, "amount": {"value": "1.00", "currency": "EUR"}}}], money=money
    )
    told = describe_columns(frame).set_index("column")
    assert list(told.loc["amount.value", ["meaning", "unit"]]) == [
        "Value of amount: an amount.", unit,
    ]  # fmt: skip
    assert told.loc["created", "unit"] == "UTC"
    some = describe_columns(bunqkit.connect().frame("payment.list")[["created"]])
    assert some["meaning"].tolist() == ["Created: a time."]
    assert told.loc["counterparty_alias.iban", "meaning"] == "Iban of counterparty alias: a text."
