"""Tables: every leaf is there, nothing changes on the way, and the way back gives it again."""

from __future__ import annotations

import subprocess
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings, strategies as st
from items import hostile_lists, items_of, quick_frame
from visitors import ANSWERS

from bunqkit.catalogue import operations as catalogue
from bunqkit.errors import FrameError, UnknownNameError
from bunqkit.frames.columns import pruned
from bunqkit.frames.frames import to_frame, to_items
from bunqkit.frames.schemas import join_path, schema_of, split_name

FORMS = ("float", "decimal", "cents")
TYPES = [each.name for each in catalogue.types()]
lenient = settings(
    deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)


def payments(*amounts: str, currency: str = "EUR") -> list[dict[str, Any]]:
    """Give payments of some amounts."""
    return [
        {"Payment": {"id": at, "amount": {"value": amount, "currency": currency}}}
        for at, amount in enumerate(amounts)
    ]


def same(one: pd.DataFrame, other: pd.DataFrame) -> None:
    """Demand that two tables have the same columns, dtypes, attributes and values."""
    assert list(one.columns) == list(other.columns)
    assert one.dtypes.to_dict() == other.dtypes.to_dict()
    assert one.attrs == other.attrs
    assert to_items(one) == to_items(other)


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


@pytest.mark.parametrize(
    ("amounts", "money", "dtype", "values", "form"),
    [
        (["10.50", "-0.01"], "float", "float64", [10.5, -0.01], "decimals:2"),
        (["10.50", "-0.01"], "cents", "Int64", [1050, -1], "cents:2:2"),
        (["10.50", "-0.01"], "decimal", "object", [Decimal("10.50"), Decimal("-0.01")], "decimal"),
        (["1", "200"], "float", "float64", [1.0, 200.0], "decimals:0"),
        (["1.5", "2.0"], "cents", "Int64", [150, 200], "cents:2:1"),
    ],
)
def test_amounts_take_the_form_that_is_asked_for(
    amounts: list[str], money: Any, dtype: str, values: list[Any], form: str
) -> None:
    """A column of amounts is one of numbers, and attrs say how they were written."""
    items = payments(*amounts)
    frame = to_frame(items, money=money)
    assert frame["amount.value"].dtype == dtype
    assert frame["amount.value"].tolist() == values
    assert frame.attrs["bunqkit"]["wire"]["amount.value"] == form
    assert frame.attrs["bunqkit"]["kept"] == {}
    assert to_items(frame) == items


@pytest.mark.parametrize(
    ("amounts", "money"),
    [
        (["10.5", "10.50"], "float"),
        (["10.5", "10.50"], "cents"),
        (["1234567890123456789.01", "1.00"], "float"),
        (["1234567890123456789.01", "1.00"], "cents"),
        (["-0.00", "1.00"], "cents"),
        (["0.005", "1.000"], "cents"),
    ],
)
def test_amounts_that_a_form_cannot_hold_stay_decimal(amounts: list[str], money: Any) -> None:
    """The whole column is Decimal then, and attrs name it."""
    items = payments(*amounts)
    frame = to_frame(items, money=money)
    assert frame["amount.value"].tolist() == [Decimal(amount) for amount in amounts]
    assert "amount.value" in frame.attrs["bunqkit"]["kept"]
    assert to_items(frame) == items


@pytest.mark.parametrize("amount", ["NaN", "", "1e5", "+1.00", "٣.00"])
def test_amounts_that_are_no_amounts_stay_text(amount: str) -> None:
    """A text that would print differently, or reads like missing, is kept as it is."""
    items = payments(amount, "1.00")
    frame = to_frame(items)
    if amount != "1e5":
        assert frame["amount.value"].tolist() == [amount, "1.00"]
    assert "amount.value" in frame.attrs["bunqkit"]["kept"]
    assert to_items(frame) == items


def test_each_currency_has_its_own_cents() -> None:
    """Yen have no parts, dinars a thousand: cents are the smallest units of the row's currency."""
    items = [
        *payments("1000", currency="JPY"),
        *payments("-10.50"),
        *payments("1.234", currency="KWD"),
    ]
    frame = to_frame(items, money="cents")
    assert frame["amount.value"].tolist() == [1000, -1050, 1234]
    assert to_items(frame) == items
    assert to_frame(items)["amount.value"].tolist() == [1000.0, -10.5, 1.234]
    assert to_items(to_frame(items)) == items
    with pytest.raises(FrameError, match="currency"):
        to_items(frame.drop(columns="amount.currency"))


def test_yen_with_hundredths_that_are_zero_are_yen() -> None:
    """A text with more decimals than the currency has is held if they are zero."""
    items = payments("1000.00", currency="JPY")
    assert to_frame(items, money="cents")["amount.value"].tolist() == [1000]
    assert to_items(to_frame(items, money="cents")) == items


def test_money_has_three_forms() -> None:
    """Another form is refused."""
    with pytest.raises(FrameError, match="'float', 'decimal' or 'cents'"):
        to_frame([], money="euros")  # type: ignore[arg-type]


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


def test_a_field_that_changes_kind_keeps_its_values_and_is_named() -> None:
    """Nothing becomes text because something else is."""
    items = [{"Payment": {"id": 1}}, {"Payment": {"id": "two"}}, {"Payment": {"id": [3]}}]
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
    items = [
        {"Payment": {"id": 1, "geolocation": {}}},
        {"Payment": {"id": 2, "geolocation": None}},
        {"Payment": {"id": 3, "geolocation": {"latitude": None}}},
        {"Payment": {"id": 4, "geolocation": {"latitude": 52.1}}},
    ]
    frame = to_frame(items)
    assert frame["geolocation"].tolist() == [True, pd.NA, True, pd.NA]
    assert to_items(frame) == pruned(items)
    same(quick_frame(items)[0], frame)


def test_lists_are_arrow_where_their_items_have_one_kind() -> None:
    """A known list has the type that the catalogue says, an odd one is of objects."""
    items = [
        {"Payment": {"attachment": [{"id": 1, "monetary_account_id": 2}], "odd": [1]}},
        {"Payment": {"attachment": [], "odd": [{"a": 1}]}},
    ]
    frame = to_frame(items)
    empty = to_frame([], type="Payment")
    assert frame["attachment"].dtype == empty["attachment"].dtype
    assert isinstance(frame["attachment"].dtype, pd.ArrowDtype)
    assert frame["odd"].dtype == object
    assert to_items(frame) == items


@lenient
@given(st.lists(st.text(), min_size=1, max_size=4))
def test_names_of_columns_lead_back_to_their_keys(keys: list[str]) -> None:
    """However odd the keys, no two paths have one name."""
    assert split_name(join_path(tuple(keys))) == tuple(keys)


def test_bare_items_need_their_type() -> None:
    """With a type, bare items and wrapped ones give the same table; without, bare ones fail."""
    bare = [{"id": 1, "description": "tea"}, {"id": 2}]
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


def test_import_loads_neither_pandas_nor_arrow() -> None:
    """They come when a table is first made."""
    code = "import sys, bunqkit; sys.exit(bool({'pandas', 'pyarrow'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
