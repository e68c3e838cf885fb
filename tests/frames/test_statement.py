"""A table shown: amounts with sign, times in a zone, long texts cut, rows said."""

from __future__ import annotations

import re
import sys
from typing import Any

import pandas as pd
import pytest

import bunqkit
from bunqkit.errors import FrameError
from bunqkit.frames.frames import Gathered
from bunqkit.frames.json_reader import blocks_of
from bunqkit.frames.statement import show
from bunqkit.frames.tables import tabulate_payments

LONG = "A <b>description that goes on for longer than anybody reads &"


@pytest.fixture
def payments() -> pd.DataFrame:
    """Return two payments."""
    items = [
        {
            "id": number,
            "created": "2026-06-30 22:30:00.000000",
            "amount": {"value": value, "currency": currency},
            "description": LONG,
        }
        for number, value, currency in ((1, "-1234.50", "EUR"), (2, "500", "JPY"))
    ]
    gathered = Gathered()
    gathered.add(blocks_of([{"Payment": item} for item in items]))
    return tabulate_payments(gathered)


def test_it_reads_like_a_statement(payments: pd.DataFrame) -> None:
    """Sign and decimals of the currency, aligned right; cents and empty columns left out."""
    lines = repr(show(payments)).splitlines()
    assert "amount_cents" not in lines[0]
    assert "balance_after" not in lines[0]
    assert "     +500  JPY" in lines[1]
    assert "-1,234.50  EUR" in lines[2]
    assert lines[-1] == "2 rows"


def test_times_are_in_the_zone_that_is_asked_for(payments: pd.DataFrame) -> None:
    """UTC unless told otherwise, and the head says which."""
    assert "2026-06-30 22:30" in repr(show(payments))
    local = repr(show(payments, zone="Europe/Amsterdam"))
    assert "created (Europe/Amsterdam)" in local
    assert "2026-07-01 00:30" in local


def test_long_texts_are_cut_and_whole_in_the_title(payments: pd.DataFrame) -> None:
    """And nothing that somebody wrote is HTML."""
    html = show(payments)._repr_html_()
    assert "<b>" not in html
    title = "A &lt;b&gt;description that goes on for longer than anybody reads &amp;"
    assert f'title="{title}"' in html
    assert "…</td>" in html
    assert '<td class="number">-1,234.50</td>' in html


@pytest.mark.parametrize(
    ("max_rows", "rows", "said"),
    [
        (None, 200, r"^200 of \d+ rows, complete$"),
        (None, 9999, r"^\d+ rows, complete$"),
        (None, 3, r"^3 of \d+ rows, complete$"),
        (5, 200, r"^5 rows, cut by max_rows$"),
        (5, 0, r"^0 of 5 rows, cut by max_rows$"),
    ],
)
def test_rows_are_said(max_rows: int | None, rows: int, said: str) -> None:
    """How many are of how many, and whether that is all."""
    frame = bunqkit.connect().payments(max_rows=max_rows)
    assert re.search(said, repr(show(frame, rows=rows)).splitlines()[-1])


@pytest.mark.parametrize("money", ["float", "decimal", "cents"])
def test_any_table_can_be_shown(money: Any) -> None:
    """Lists, missing values and every form of money; and the table stays as it was."""
    items: list[dict[str, Any]] = [
        {"Payment": {"id": 1, "attachment": [{"id": 2}], "amount": {"value": "1.00",
         "currency": "EUR"}, "odd": {}}},
        {"Card": {"id": 2}},
    ]  # fmt: skip
    frame = bunqkit.to_frame(items, money=money)
    before = frame.copy(deep=True)
    view = show(frame)
    assert "attachment" in repr(view)
    assert "+1.00" in repr(view)
    assert view._repr_html_().count("<tr>") == 3
    pd.testing.assert_frame_equal(frame, before)


def test_names_that_somebody_chose_break_nothing() -> None:
    """A line break or markup in the name of a field."""
    items = [{"Payment": {"id": 1, "<b>\nbold": "</td>", "x" * 99: "\r\n"}}]
    view = show(bunqkit.to_frame(items))
    assert len(repr(view).splitlines()) == 3
    assert "<b>" not in view._repr_html_()
    assert "</td></td>" not in view._repr_html_()


def test_an_empty_table_says_so() -> None:
    """There is nothing to show, and that is said."""
    assert repr(show(bunqkit.to_frame([], type="Payment"))) == "0 rows"


def test_what_cannot_be_shown_is_refused(
    payments: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A zone that is none, a negative number, a search without itables."""
    items: Any = [{"Payment": {}}]
    with pytest.raises(FrameError, match="of type list"):
        show(items)
    with pytest.raises(FrameError, match="Europe/Amsterdam"):
        show(payments, zone="Mars/Olympus")
    with pytest.raises(FrameError, match="0 or more"):
        show(payments, rows=-1)
    monkeypatch.setitem(sys.modules, "itables", None)
    with pytest.raises(FrameError, match="bunqkit\\[lab\\]"):
        show(payments, searchable=True)


def test_a_searchable_table_is_one_of_itables(payments: pd.DataFrame) -> None:
    """With the same texts."""
    pytest.importorskip("itables")
    html = show(payments, searchable=True)._repr_html_()
    assert "-1,234.50" in html
    assert "2 rows" in html
