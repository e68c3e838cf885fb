"""The lessons in JupyterLab and a real browser: what a person sees."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from lab import browser, lab, open_notebook  # noqa: F401 (fixtures)

pytestmark = pytest.mark.slow


def test_the_first_lesson_shows_what_it_promises(
    open_notebook: Callable[..., Any],  # noqa: F811
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


def test_tables_are_readable(open_notebook: Callable[..., Any]) -> None:  # noqa: F811
    """JupyterLab's own rules for tables neither lay a column over the next nor move texts."""
    cells = [
        "import bunqkit\nbunq = bunqkit.connect()",
        "bunqkit.show(bunq.payments(max_rows=5))",
        'bunq.find("payments")',
    ]
    notebook = open_notebook("tables.ipynb", cells)
    tables = notebook.page.locator(".bunqkit table")
    tables.nth(1).wait_for()
    assert tables.count() == 2
    cut = "(table) => [...table.querySelectorAll('th, td')].filter("
    cut += "(cell) => cell.scrollWidth > cell.clientWidth).length"
    for place in range(2):
        assert tables.nth(place).evaluate(cut) == 0
        aligned = "e => getComputedStyle(e).textAlign"
        assert tables.nth(place).locator("td:not(.number)").first.evaluate(aligned) == "left"
    assert notebook.errors == []
