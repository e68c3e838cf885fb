"""Values of several kinds come together without a change."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest
from items import quick_frame, same

from bunqkit.frames.columns import pruned
from bunqkit.frames.frames import to_frame, to_items


def test_accounts_of_all_kinds_share_their_columns() -> None:
    """A list of two kinds of accounts has one column for a field that both have."""
    items = [
        {"MonetaryAccountBank": {"id": 1, "balance": {"value": "1.00", "currency": "EUR"}}},
        {"MonetaryAccountSavings": {"id": 2, "balance": {"value": "2.00", "currency": "EUR"}}},
        {"MonetaryAccountBank": {"id": 3, "savings_goal_progress": "0.50"}},
    ]
    frame = to_frame(items)
    assert frame.columns[0] == "item_type"
    assert frame["item_type"].tolist() == [next(iter(item)) for item in items]
    assert frame["id"].tolist() == [1, 2, 3]
    assert frame["balance.value"].tolist()[:2] == [1.0, 2.0]
    same(quick_frame(items)[0], frame)


def test_a_field_that_changes_kind_keeps_its_values_and_is_named() -> None:
    """Nothing becomes text because something else is."""
    items: list[dict[str, Any]] = [
        {"Payment": {"id": 1}},
        {"Payment": {"id": "two"}},
        {"Payment": {"id": [3]}},
    ]
    frame = to_frame(items)
    assert frame["id"].tolist() == [1, "two", [3]]
    assert "id" in frame.attrs["bunqkit"]["kept"]
    assert to_items(frame) == items


@pytest.mark.parametrize(
    ("values", "named"),
    [
        ([{"value": "1.00", "currency": "EUR"}, "1.00"], "amount"),
        (["1.00"], "amount"),
        ([{"x": 1}], "description"),
        ([{}], "description"),
        ([{"x": 1}, 5], "unforeseen"),
        ([[1], {"x": 1}], "unforeseen"),
    ],
)
def test_objects_where_something_else_is_are_named(values: list[Any], named: str) -> None:
    """Between rows, or against what is known of the field; both ways say it alike."""
    items = [{"Payment": {"id": at, named: value}} for at, value in enumerate(values)]
    frame = to_frame(items)
    assert list(frame.attrs["bunqkit"]["kept"]) == [named]
    assert to_items(frame) == items
    same(quick_frame(items)[0], frame)


def test_nothing_is_made_up() -> None:
    """Missing is missing: no zero, no empty text, no false."""
    frame = to_frame([{"Payment": {}}])
    assert frame.drop(columns="item_type").isna().all(axis=None)


def test_empty_objects_are_told_from_missing_ones() -> None:
    """An object that holds nothing is True in a column of its own name."""
    items: list[dict[str, Any]] = [
        {"Payment": {"id": 1, "geolocation": {}}},
        {"Payment": {"id": 2, "geolocation": None}},
        {"Payment": {"id": 3, "geolocation": {"latitude": None}}},
        {"Payment": {"id": 4, "geolocation": {"latitude": 52.1}}},
    ]
    frame = to_frame(items)
    assert frame["geolocation"].tolist() == [True, pd.NA, True, pd.NA]
    assert to_items(frame) == pruned(items)
    same(quick_frame(items)[0], frame)
