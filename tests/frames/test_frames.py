"""Tables: every leaf is there, nothing changes on the way, and the way back gives it again."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings, strategies as st
from items import FORMS, hostile_lists, items_of, lenient, payments, quick_frame, same
from visitors import ANSWERS

from bunqkit.catalogue import operations as catalogue
from bunqkit.errors import FrameError, UnknownNameError
from bunqkit.frames.columns import pruned
from bunqkit.frames.frames import to_frame, to_items

TYPES = [type_.name for type_ in catalogue.types()]


@pytest.mark.parametrize("items", ANSWERS.values(), ids=ANSWERS)
@pytest.mark.parametrize("money", FORMS)
def test_odd_answers_come_back(items: list[dict[str, Any]], money: Any) -> None:
    """The way back gives the items again, without their null keys."""
    assert to_items(to_frame(items, money=money)) == pruned(items)


SLOW = pytest.mark.slow
# By default every fourth type in one form of money, the next of them in the next form.
EXAMPLES = [
    pytest.param(
        type_name, money, marks=[] if (at / 4 + form) % len(FORMS) == 0 else pytest.mark.slow
    )
    for at, type_name in enumerate(TYPES)
    for form, money in enumerate(FORMS)
]


@pytest.mark.parametrize(("type_name", "money"), EXAMPLES)
def test_examples_of_every_type_come_back(type_name: str, money: Any) -> None:
    """The example of each type goes there and back, and holds what the catalogue expects."""
    items = [{type_name: catalogue.example_item(type_name)}] * 2
    frame = to_frame(items, money=money)
    assert to_items(frame) == pruned(items)
    assert frame.attrs["bunqkit"]["kept"] == {}


def check_laws(type_name: str, data: st.DataObject) -> None:
    """Hold the way back, and that Arrow and the general way agree, on drawn items of a type."""
    item = items_of(type_name, odd=data.draw(st.booleans()))
    items = [{type_name: each} for each in data.draw(st.lists(item, min_size=1, max_size=3))]
    money = data.draw(st.sampled_from(FORMS))
    frame = to_frame(items, money=money)
    assert to_items(frame) == pruned(items)
    same(quick_frame(items, money=money)[0], frame)


@lenient
@given(st.sampled_from(TYPES), st.data())
def test_items_of_any_type_keep_the_laws(type_name: str, data: st.DataObject) -> None:
    """Whatever the catalogue knows goes there and back, by both ways."""
    check_laws(type_name, data)


@pytest.mark.slow
@pytest.mark.parametrize("type_name", TYPES)
@settings(lenient, max_examples=3)
@given(data=st.data())
def test_items_of_every_type_keep_the_laws(type_name: str, data: st.DataObject) -> None:
    """The same, for every type."""
    check_laws(type_name, data)


@lenient
@given(hostile_lists, st.sampled_from(FORMS))
def test_hostile_items_come_back(items: list[dict[str, Any]], money: Any) -> None:
    """Keys with dots, empty objects, numbers past 64 bits, names that collide: nothing is lost."""
    assert to_items(to_frame(items, money=money)) == pruned(items)


@lenient
@given(hostile_lists)
def test_both_ways_agree_on_hostile_items(items: list[dict[str, Any]]) -> None:
    """What Arrow refuses or would change goes the general way, with the same result."""
    same(quick_frame(items)[0], to_frame(items))


def test_bare_items_need_their_type() -> None:
    """With a type, bare items and wrapped ones give the same table; without, bare ones fail."""
    bare: list[dict[str, Any]] = [{"id": 1, "description": "tea"}, {"id": 2}]
    wrapped = [{"Payment": item} for item in bare]
    same(to_frame(bare, type="Payment"), to_frame(wrapped))
    with pytest.raises(FrameError, match='type="Payment"'):
        to_frame(bare)


@pytest.mark.parametrize("items", ["text", {"Payment": {}}, 7, None, [7], [{}], [{"Payment": 7}]])
def test_what_is_no_list_of_items_is_refused(items: Any) -> None:
    """The error says what was expected."""
    with pytest.raises(FrameError):
        to_frame(items)


def test_unknown_type_of_an_empty_list_is_refused() -> None:
    """Nobody can say what columns it has."""
    with pytest.raises(UnknownNameError):
        to_frame([], type="PaymentOfTomorrow")


def test_a_table_that_forgot_how_it_was_written_is_refused() -> None:
    """to_items never guesses."""
    frame = to_frame(payments("1.00"))
    with pytest.raises(FrameError, match="how it was written"):
        to_items(pd.concat([frame, to_frame(payments("1.00", "2.00"))]))
    with pytest.raises(FrameError, match="item_type"):
        to_items(frame.drop(columns="item_type"))
    nothing: Any = [{"Payment": {}}]
    with pytest.raises(FrameError, match="of type list"):
        to_items(nothing)
    with pytest.raises(FrameError, match="one name"):
        to_items(frame[["item_type", "id", "id"]])


def test_some_rows_and_columns_are_items_too() -> None:
    """What was filtered and sorted comes back as it is now."""
    frame = to_frame(payments("1.00", "2.00", "3.00"))
    part = frame[frame["id"] > 0].sort_values("id", ascending=False)[["item_type", "id"]]
    assert to_items(part) == [{"Payment": {"id": 2}}, {"Payment": {"id": 1}}]


def test_import_loads_neither_pandas_nor_arrow() -> None:
    """They come when a table is first made."""
    code = "import sys, bunqkit; sys.exit(bool({'pandas', 'pyarrow'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
