"""The lessons in JupyterLab and a real browser: what a person sees."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.slow


def test_the_first_lesson_shows_what_it_promises(
    open_notebook: Callable[..., Any],
    tmp_path: Path,
) -> None:
    """The badge, the card of the context, tables and the answer at the end are on the page."""
    notebook = open_notebook("01_first_dataframe.ipynb")
    page = notebook.page
    page.locator(".bunqkit .badge.OFFLINE").wait_for()
    assert page.locator(".bunqkit .badge.OFFLINE").inner_text() == "OFFLINE"
    assert page.locator(".bunqkit dd").count() == 4
    assert page.locator("table.dataframe").count() >= 3
    assert page.locator("text=In March you spent EUR").count() >= 1
    assert page.locator(".jp-mod-error, [data-mime-type*='stderr']").count() == 0
    assert notebook.errors == []
    page.screenshot(path=str(tmp_path / "lesson.png"), full_page=True)


def test_tables_are_readable(open_notebook: Callable[..., Any]) -> None:
    """JupyterLab's own rules lay no column over the next; a statement fits a narrow window."""
    columns = ["created", "account", "amount", "currency", "counterparty", "description"]
    cells = [
        "import bunqkit\nbunq = bunqkit.connect()",
        f"bunqkit.show(bunq.payments(max_rows=20)[{columns}])",
        'bunq.find("payments")',
    ]
    notebook = open_notebook("tables.ipynb", cells, width=1000)
    tables = notebook.page.locator(".bunqkit table")
    tables.nth(1).wait_for()
    assert tables.count() == 2
    cut = "(part) => [part, ...part.querySelectorAll('th, td')].filter("
    cut += "(each) => each.scrollWidth > each.clientWidth).length"
    assert notebook.page.locator(".bunqkit div.rows").evaluate(cut) == 0
    assert tables.nth(1).evaluate(cut) == 0
    for text in (tables.nth(0).locator("td").first, tables.nth(1).locator("td").first):
        assert text.evaluate("(cell) => getComputedStyle(cell).textAlign") == "left"
    assert notebook.errors == []
