"""What all widgets share: errors are seen, long work can be stopped, nothing is left behind."""

from __future__ import annotations

import gc
import threading
import weakref
from typing import Any

import ipywidgets
import pandas as pd
import pytest
from adversary.hostile_names import HTML as HOSTILE
from ipywidgets.widgets.widget import _instances

import bunqkit
from bunqkit.display.html import code_to_copy, json_tree
from bunqkit.errors import FieldError
from bunqkit.widgets.data_table import DataTable
from bunqkit.widgets.panel import Panel, ProgressBar, error_html, swap


def fail(*_: object) -> None:
    """Raise what a handler may raise."""
    raise FieldError(f"The amount is {HOSTILE}. Write it as text.")


def shown(panel: Panel) -> str:
    """Return all HTML of a panel."""
    return "".join(
        widget.value for widget in _instances.values() if isinstance(widget, ipywidgets.HTML)
    )


@pytest.fixture
def panel() -> Any:
    """Return a panel that shows errors and goes on, as a person's does."""
    panel = Panel("Test", "OFFLINE")
    yield panel
    panel.close()


def test_an_error_of_a_handler_is_shown_and_kept(panel: Panel) -> None:
    """It stands on the screen, escaped, until the next button is pressed."""
    panel.button("Fail", fail).click()
    assert [type(error) for error in panel.errors] == [FieldError]
    assert "The amount is &lt;img" in shown(panel)
    assert "<script>" not in shown(panel)
    panel.button("Succeed", lambda: None).click()
    assert "The amount is" not in shown(panel)
    assert len(panel.errors) == 1


def test_strict_mode_raises_what_was_shown() -> None:
    """A button and an observer: ``ipywidgets`` swallows what a click raises, the kit does not."""
    panel = Panel("Test", "OFFLINE", strict=True)
    with pytest.raises(FieldError, match="Write it as text"):
        panel.button("Fail", fail).click()
    text = ipywidgets.Text()
    text.observe(panel.handler(fail), "value")
    with pytest.raises(FieldError, match="Write it as text"):
        text.value = "x"
    assert len(panel.errors) == 2
    panel.close()


def test_a_kernel_interrupt_is_no_crash(panel: Panel) -> None:
    """Who presses the stop button of the notebook is told that it stopped."""

    def stop() -> None:
        raise KeyboardInterrupt

    panel.button("Stop", stop).click()
    assert "You stopped it" in shown(panel)


def test_long_work_leaves_the_kernel_free_and_can_be_cancelled(panel: Panel) -> None:
    """``start`` returns at once; the cancel button ends the work at its next step."""
    began, go_on = threading.Event(), threading.Event()
    steps = []

    def work(progress: ProgressBar) -> None:
        for step in range(1000):
            progress.advance(f"{step} rows")
            steps.append(step)
            began.set()
            go_on.wait(10)

    panel.start(work, "Fetching")
    assert began.wait(10)
    assert panel.progress.layout.display == ""
    panel.start(fail, "Fetching twice")  # is not started: one thing at a time
    panel.progress.cancel_button.click()
    go_on.set()
    panel.wait(10)
    assert steps == [0]
    assert [type(error) for error in panel.errors] == [KeyboardInterrupt]
    assert panel.progress.layout.display == "none"


def test_strict_mode_raises_what_long_work_raised() -> None:
    """In the thread that waits for it."""
    panel = Panel("Test", "OFFLINE", strict=True)
    panel.start(fail, "Fetching")
    with pytest.raises(FieldError, match="Write it as text"):
        panel.wait(10)
    panel.close()


def test_production_is_marked_along_the_whole_widget() -> None:
    """A word in a badge, and a line of the same red."""
    panel = Panel("Test", "PRODUCTION")
    panel.set_head("read-only")
    assert "production" in panel._dom_classes
    assert '<span class="badge PRODUCTION">PRODUCTION</span>' in shown(panel)
    assert "read-only" in shown(panel)
    panel.close()


def test_closing_frees_everything() -> None:
    """A hundred panels with a table each, and what was swapped out of them, leave nothing."""
    frame = pd.DataFrame({"id": range(120)})
    gc.collect()
    before = len(_instances)
    alive = []
    for _ in range(100):
        panel = Panel("Test", "OFFLINE")
        table = DataTable(panel)
        swap(panel.body, [ipywidgets.Text(), ipywidgets.VBox([ipywidgets.Button()])])
        swap(panel.body, [table])
        table.show(frame)
        alive.append(weakref.ref(panel))
        panel.close()
    del panel, table
    gc.collect()
    assert len(_instances) == before
    assert not any(each() for each in alive)


def test_a_table_is_paged_and_sorted(panel: Panel) -> None:
    """Fifty rows at a time, by any column, up and down, and it says of how many."""
    table = DataTable(panel)
    panel.body.children = [table]
    table.show(pd.DataFrame({"id": range(120), "text": [f"t{n % 7}" for n in range(120)]}))
    assert "Rows 1 to 50 of 120" in shown(panel)
    assert table.previous_button.disabled
    table.next_button.click()
    table.next_button.click()
    assert "Rows 101 to 120 of 120" in shown(panel)
    assert table.next_button.disabled
    table.sort_by.value = "id"
    table.descending.value = True
    assert "Rows 1 to 50 of 120" in shown(panel)
    assert table._table.value.index(">119<") < table._table.value.index(">118<")


def test_a_table_of_unlike_values_sorts_all_the_same(panel: Panel) -> None:
    """Numbers, texts and nothing in one column."""
    table = DataTable(panel)
    table.show(pd.DataFrame({"any": [2, "b", None, 10, {"x": 1}]}, dtype=object))
    table.sort_by.value = "any"
    assert table._table.value.index(">10<") < table._table.value.index(">b<")


def test_a_table_masks_secrets_and_escapes_texts(panel: Panel) -> None:
    """In columns by their last segment, and deep inside of cells; the frame itself is whole."""
    table = DataTable(panel)
    frame = pd.DataFrame(
        {"Token.token": ["a" * 40, "b" * 40], "inside": [[{"api_key": "c" * 40}], [HOSTILE]]}
    )
    table.show(frame)
    html = table._table.value
    assert "aaaa…" in html
    assert "aaaaa" not in html
    assert "ccccc" not in html
    assert "<img" not in html
    assert table.frame is frame


def test_a_tree_unfolds_and_is_bounded() -> None:
    """Every value can be seen, hostile ones as text; of too many it says how many are left out."""
    tree = json_tree({"a": [{"b": HOSTILE}, 1.5, None], HOSTILE: True})
    assert tree.count("<details") == 3
    assert "<img" not in tree
    assert "<script" not in tree
    assert "5,000 more values are not shown" in json_tree(list(range(7000)))


def test_code_can_be_copied_and_is_escaped() -> None:
    """A button, and one click selects all."""
    assert "<script" not in code_to_copy(HOSTILE)
    assert "<button" in code_to_copy("x = 1")


def test_an_error_says_what_to_give_to_support() -> None:
    """The card of a refusal has the bank's words and the response id."""
    bunq = bunqkit.connect()
    with pytest.raises(bunqkit.ApiError) as caught:
        bunq.pay("900000.00", "bravo@bunq.com", "too much")
    html = error_html(caught.value)
    assert caught.value.response_id is not None
    assert caught.value.response_id in html
