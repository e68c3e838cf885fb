"""The catalogue says which columns a table has, and names lead back to keys."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest
from hypothesis import given, strategies as st
from items import FORMS, items_of, lenient

from bunqkit.catalogue import operations as catalogue
from bunqkit.frames.frames import to_frame, to_items
from bunqkit.frames.schemas import join_path, plan_columns, schema_of, split_name


@pytest.mark.parametrize("money", FORMS)
@pytest.mark.parametrize("type_name", ["Payment", "MonetaryAccount", "Card", "Event", "Invoice"])
def test_empty_and_full_have_the_same_columns_and_dtypes(type_name: str, money: Any) -> None:
    """An empty list has the columns of its type, and those of a full one are the same."""
    empty = to_frame([], type=type_name, money=money)
    members = catalogue.type_named(type_name)
    names = [each.kind for each in members.readable] if members.is_anchor else [type_name]
    full = to_frame([{name: {"id": 1}} for name in names], type=type_name, money=money)
    assert len(empty) == 0
    assert len(empty.columns) > 5
    assert full.dtypes.to_dict() == empty.dtypes.to_dict()
    assert full.attrs["bunqkit"]["wire"] == empty.attrs["bunqkit"]["wire"]


@lenient
@given(
    st.lists(items_of("RequestInquiry"), min_size=2, max_size=5),
    st.sampled_from(["float", "decimal"]),
)
@pytest.mark.slow
def test_pages_put_together_are_the_whole(items: list[dict[str, Any]], money: Any) -> None:
    """Two pages have the same columns and dtypes, so that concat gives what one list gives."""
    wrapped = [{"RequestInquiry": item} for item in items]
    whole = to_frame(wrapped, money=money)
    pages = [to_frame(part, money=money) for part in (wrapped[:1], wrapped[1:])]
    together = pd.concat(pages, ignore_index=True)
    # An object that is empty in one page only has a column there only.
    known = [join_path(path) for path in schema_of("RequestInquiry")]
    assert together[known].dtypes.to_dict() == whole[known].dtypes.to_dict()
    together.attrs = whole.attrs
    assert to_items(together) == to_items(whole)


@lenient
@given(st.lists(st.text(), min_size=1, max_size=4))
def test_names_of_columns_lead_back_to_their_keys(keys: list[str]) -> None:
    """However odd the keys, no two paths have one name."""
    assert split_name(join_path(tuple(keys))) == tuple(keys)


def test_columns_of_a_type_are_planned_once() -> None:
    """The same plan serves every table of a type; unforeseen fields come after, by name."""
    known = plan_columns(["Payment"], {("id",): False, ("amount", "value"): False})
    assert plan_columns(["Payment"], {("description",): True}) is known
    unforeseen = {("new", "b"): False, ("new",): True, ("new", "a"): True, ("alone",): True}
    plans = plan_columns(["Payment"], unforeseen)
    assert plans[: len(known)] == known
    assert [plan.name for plan in plans[len(known) :]] == ["alone", "new.a", "new.b"]
