"""Columns have a dtype only if each value prints back to its text."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from bunqkit.errors import FrameError
from bunqkit.frames.frames import to_frame, to_items


def test_ids_stay_whole_past_53_bits() -> None:
    """An id is Int64, with and without a gap, and exact."""
    items = [{"Payment": {"id": 2**53 + 1, "batch_id": 2**62 + 1}}, {"Payment": {"id": 2**53 + 3}}]
    frame = to_frame(items)
    assert frame["id"].tolist() == [2**53 + 1, 2**53 + 3]
    assert frame["batch_id"].dtype == "Int64"
    assert frame["batch_id"].isna().tolist() == [False, True]


def test_times_are_utc_and_only_if_all_of_them_print_back() -> None:
    """One time without a fraction among others, and the column stays text and is named."""
    exact = [{"Payment": {"created": "2024-02-29 23:59:59.000001"}}]
    frame = to_frame(exact)
    assert frame["created"].dtype == "datetime64[us, UTC]"
    assert frame["created"][0] == pd.Timestamp("2024-02-29 23:59:59.000001", tz="UTC")
    mixed = [*exact, {"Payment": {"created": "2024-03-01 00:00:00"}}]
    frame = to_frame(mixed)
    assert frame["created"].tolist() == [each["Payment"]["created"] for each in mixed]
    assert "created" in frame.attrs["bunqkit"]["kept"]


@pytest.mark.parametrize("text", ["0000-00-00 00:00:00", "2024-02-30 00:00:00", "2024-02-29"])
def test_texts_that_are_no_times_stay(text: str) -> None:
    """Nothing is made of a date that does not exist."""
    frame = to_frame([{"Payment": {"created": text}}])
    assert frame["created"].tolist() == [text]


def test_rates_are_decimals() -> None:
    """A rate or fraction is a Decimal, not a float."""
    frame = to_frame([{"CurrencyConversion": {"rate": "1.0850"}}])
    assert frame["rate"].tolist() == [Decimal("1.0850")]


def test_lists_are_arrow_where_their_items_have_one_kind() -> None:
    """A known list has the type that the catalogue says, an odd one is of objects."""
    items: list[dict[str, Any]] = [
        {"Payment": {"attachment": [{"id": 1, "monetary_account_id": 2}], "odd": [1]}},
        {"Payment": {"attachment": [], "odd": [{"a": 1}]}},
    ]
    frame = to_frame(items)
    empty = to_frame([], type="Payment")
    assert frame["attachment"].dtype == empty["attachment"].dtype
    assert isinstance(frame["attachment"].dtype, pd.ArrowDtype)
    assert frame["odd"].dtype == object
    assert to_items(frame) == items


def test_a_column_that_was_changed_is_refused() -> None:
    """A time that became a number can't be written as a time."""
    frame = to_frame([{"Payment": {"created": "2024-02-29 23:59:59.000001"}}])
    frame["created"] = 5
    with pytest.raises(FrameError, match="created"):
        to_items(frame)


def test_parquet_keeps_lists_and_attributes(tmp_path: Path) -> None:
    """A table with lists, read back, gives the same items."""
    items = [
        {"Payment": {"id": 1, "attachment": [{"id": 7}], "geolocation": {}}},
        {"Payment": {"id": 2, "attachment": [], "created": "2024-02-29 23:59:59.000001"}},
    ]
    frame = to_frame(items)
    frame.to_parquet(tmp_path / "payments.parquet")
    back = pd.read_parquet(tmp_path / "payments.parquet")
    assert back.attrs == frame.attrs
    assert to_items(back) == items
