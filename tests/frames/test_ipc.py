"""Rows as bytes: what comes back is what was read from the JSON."""

from __future__ import annotations

import json
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, strategies as st
from visitors import ANSWERS

from bunqkit.frames.frames import Gathered
from bunqkit.frames.ipc import pack, unpack
from bunqkit.frames.json_reader import EnvelopeReader, Rows

LEAVES = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=5)
VALUES = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2)
    ),
    max_leaves=6,
)
ITEMS = st.lists(st.dictionaries(st.text(max_size=3), VALUES, max_size=4), min_size=1, max_size=4)


def read(items: list[dict[str, Any]]) -> list[Rows]:
    """Read items from the body of an answer."""
    return EnvelopeReader().read([json.dumps({"Response": items}).encode()])


def check(items: list[dict[str, Any]]) -> bool:
    """Insist that packed rows make the same table; say whether there were any."""
    is_packed = False
    for rows, again in zip(read(items), read(items), strict=True):
        packed = pack(rows)
        if packed is None:
            continue
        is_packed = True
        tables = []
        for each in (again, unpack(packed)):
            gathered = Gathered()
            gathered.add(each)
            tables.append(gathered.frame("decimal"))
        pd.testing.assert_frame_equal(tables[0], tables[1])
        assert tables[0].attrs == tables[1].attrs
    return is_packed


@pytest.mark.parametrize("name", ANSWERS)
def test_odd_items_come_back(name: str) -> None:
    """Packed and unpacked, or not packed at all."""
    check(ANSWERS[name])


@pytest.mark.parametrize("name", ["one", "missing keys", "huge id", "deep", "hollow"])
def test_most_items_are_packed(name: str) -> None:
    """Among them such that hold nothing."""
    assert check(ANSWERS[name])


@given(ITEMS)
def test_any_items_come_back(items: list[dict[str, Any]]) -> None:
    """Whatever JSON they are made of."""
    check([{"Payment": item} for item in items])


def test_what_is_no_column_is_not_packed() -> None:
    """Rows of two types, and values of several kinds, are read from the JSON each time."""
    assert not check(ANSWERS["mixed types"])
    assert not check(ANSWERS["changing kind"])
