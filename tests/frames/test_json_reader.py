"""Bytes to columns: what Arrow would change goes the general way, and no page is half read."""

from __future__ import annotations

import json
from typing import Any

import pytest
from items import page_of, quick_frame

from bunqkit.catalogue import operations as catalogue
from bunqkit.errors import FrameError
from bunqkit.frames.columns import pruned
from bunqkit.frames.frames import Gathered, to_frame, to_items
from bunqkit.frames.json_reader import EnvelopeReader, blocks_of, select_rows

PAYMENT = catalogue.example_item("Payment")


def read(*pages: bytes) -> list[dict[str, Any]]:
    """Return the items of pages."""
    gathered = Gathered()
    for part in EnvelopeReader().read(pages):
        gathered.add(part)
    return to_items(gathered.frame("float"))


def test_payments_go_the_quick_way() -> None:
    """What bunq sends needs no Python object for each value."""
    items = [{"Payment": {**PAYMENT, "id": at}} for at in range(10)]
    frame, reader = quick_frame(items, pages=3)
    assert reader.general_pages == 0
    assert to_items(frame) == pruned(items)


@pytest.mark.parametrize(
    "values",
    [
        [2**53 + 1, 1.5],
        [2**63],
        [2**70, -(2**70)],
        [1e300, 1],
        ["2020-01-01", None],
        ["2020-01-01 00:00:00", "2020-01-01T00:00:00Z"],
        [["2020-01-01"], []],
        [{"a": "2020-01-01 00:00:00"}, {}],
        [{}, {"a": None}],
        [{"a": {}}, {"a": None}],
        [1, "one"],
        [{}, []],
        [[1], ["one"]],
        [[None, None], []],
        [[{"a\x00b": 1}], []],
        [[{"a": 2**53 + 1}, {"a": 0.5}]],
        [True, 1],
        ["\ud800", "x"],
        ["\x00", ""],
    ],
    ids=repr,
)
@pytest.mark.parametrize("type_name", ["Payment", "Unheard"])
def test_unknown_fields_do_not_change_on_the_way(type_name: str, values: list[Any]) -> None:
    """Rounded numbers, texts taken for times, changing kinds: both ways give the same."""
    items = [{type_name: {"id": at, "new": value}} for at, value in enumerate(values)]
    frame, _ = quick_frame(items)
    assert to_items(frame) == pruned(items)
    other = to_frame(items)
    assert frame.dtypes.to_dict() == other.dtypes.to_dict()
    assert frame.attrs == other.attrs


def test_known_field_of_another_kind_goes_the_general_way() -> None:
    """An id with decimals is not cut to a whole number."""
    items = [{"Payment": {"id": 1.5}}]
    frame, reader = quick_frame(items)
    assert reader.general_pages == 1
    assert to_items(frame) == items


def test_one_odd_page_does_not_change_the_others() -> None:
    """Pages that go either way make one table."""
    items: list[dict[str, Any]] = [{"Payment": {"id": 1}}, {"Payment": {"id": "two"}}]
    gathered, reader = Gathered(), EnvelopeReader()
    for item in items:
        for part in reader.read([page_of([item])]):
            gathered.add(part)
    assert reader.general_pages == 1
    assert gathered.frame("float")["id"].tolist() == [1, "two"]


def test_fields_learned_from_one_page_stay_known() -> None:
    """A text that looks like a time is text in every later page, too."""
    pages = [[{"Unheard": {"day": "2020-01-01"}}], [{"Unheard": {"day": "2020-01-02"}}]]
    gathered, reader = Gathered(), EnvelopeReader()
    for page in pages:
        for part in reader.read([page_of(page)]):
            gathered.add(part)
    assert reader.general_pages == 0
    assert gathered.frame("float")["day"].tolist() == ["2020-01-01", "2020-01-02"]


def test_layout_of_the_text_does_not_matter() -> None:
    """Line breaks between tokens, blanks around, escapes, a key that comes twice."""
    text = '\r\n {"Response": [\n{"Payment": {"id": 1,\r "description": "\\u00e9\\n"}}\n]} \n'
    assert read(text.encode()) == [{"Payment": {"id": 1, "description": "é\n"}}]
    assert read(b'{"Response":[{"Payment":{"id":1,"id":2}}]}') == [{"Payment": {"id": 2}}]
    utf16 = json.dumps({"Response": [{"Payment": {"id": 1}}]}).encode("utf-16")
    assert read(utf16) == [{"Payment": {"id": 1}}]


@pytest.mark.parametrize(
    ("since", "until", "expected", "is_past"),
    [
        (None, None, [1, 2, 3, 4, 5], False),
        ("2024-01-02", None, [1, 2, 3, 4], True),
        ("2024-01-02", "2024-01-05", [2, 3, 4], True),
        (None, "2024-01-01", [3], False),
        ("2025-01-01", None, [3], True),
    ],
)
def test_rows_of_a_span_keep_their_order_and_types(
    since: str | None, until: str | None, expected: list[int], *, is_past: bool
) -> None:
    """Whatever their types; what does not say when it was created stays."""
    items: list[dict[str, Any]] = [
        {"A": {"id": 1, "created": "2024-01-05"}},
        {"B": {"id": 2, "created": "2024-01-04"}},
        {"A": {"id": 3, "created": None}},
        {"B": {"id": 4, "created": "2024-01-02", "x": [1, "one"]}},
        {"A": {"id": 5, "created": "2024-01-01"}},
    ]
    rows, was_past = select_rows(blocks_of(items), since, until)
    gathered = Gathered()
    gathered.add(rows)
    wanted = [item for item in items if next(iter(item.values()))["id"] in expected]
    assert to_items(gathered.frame("float")) == pruned(wanted)
    assert was_past == is_past


GOOD = page_of([{"Payment": {"id": 1}}])


@pytest.mark.parametrize(
    "bad",
    [
        b"",
        b"[]",
        b"null",
        b"<html></html>",
        b'{"Response":{}}',
        b'{"Response":null}',
        b'{"Error":[]}',
        b'{"Response":[],"Pagination":[]}',
        b'{"Response":[{"Payment":{},"Card":{}}]}',
        b'{"Response":[{"Payment":7}]}',
        b'{"Response":[{"Payment":null}]}',
        b'{"Response":[null]}',
        b'{"Response":[{}]}',
        b'{"Response":[7]}',
        b'{"Response":[{"Payment":{"x":NaN}}]}',
        b'{"Response":[{"Payment":{"x":Infinity}}]}',
        b'{"Response":[{"Payment":{"x":"\xff"}}]}',
        GOOD[:-1],
        GOOD[:40],
        GOOD + GOOD,
        GOOD + b"}",
    ],
)
@pytest.mark.parametrize("place", [0, 1, 2])
def test_bytes_that_are_not_one_envelope_are_refused(bad: bytes, place: int) -> None:
    """Wherever they stand among good pages; nothing of them is taken."""
    pages = [GOOD, GOOD]
    pages.insert(place, bad)
    with pytest.raises(FrameError):
        read(*pages)
