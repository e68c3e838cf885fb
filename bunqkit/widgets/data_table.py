"""A table in a panel: some rows at a time, sorted by any column."""

from __future__ import annotations

from typing import TYPE_CHECKING

import ipywidgets

from bunqkit.display.html import empty_state
from bunqkit.widgets.panel import ROW, Panel

if TYPE_CHECKING:
    import pandas as pd

_ROWS = 50
_UNSORTED = "(as it came)"


class DataTable(ipywidgets.VBox):
    """A table that shows some rows at a time and can be sorted; secrets are masked.

    Parameters
    ----------
    panel
        The panel that wraps the handlers.
    rows
        How many rows are shown at a time.

    Attributes
    ----------
    frame
        The whole table, unsorted.
    """

    def __init__(self, panel: Panel, *, rows: int = _ROWS) -> None:
        self._rows = rows
        self.frame: pd.DataFrame | None = None
        self._sorted: pd.DataFrame | None = None
        self._completeness = ""
        self._first = 0
        self._table = ipywidgets.HTML()
        self._position = ipywidgets.HTML()
        self.sort_by = ipywidgets.Dropdown(description="Sort by", options=[_UNSORTED])
        self.descending = ipywidgets.Checkbox(
            description="descending", indent=False, layout={"width": "auto"}
        )
        self.previous_button = panel.button("Previous rows", lambda: self._move(-rows))
        self.next_button = panel.button("Next rows", lambda: self._move(rows))
        panel.on_change(self._sort, self.sort_by, self.descending)
        self._bar = ipywidgets.HBox(
            [self.sort_by, self.descending, self.previous_button, self.next_button, self._position],
            layout=ROW,
        )
        super().__init__([self._bar, self._table])

    def show(self, frame: pd.DataFrame, completeness: str = "") -> None:
        """Show a table from its first row on.

        Parameters
        ----------
        frame
            Any table of the kit.
        completeness
            The line below the table; by default it says what the table's ``attrs`` say.
        """
        self.frame = frame
        self._completeness = completeness
        self._bar.layout.display = "" if len(frame) > 1 else "none"
        with self.sort_by.hold_trait_notifications():
            self.sort_by.options = [_UNSORTED, *map(str, frame.columns)]
            self.sort_by.value = _UNSORTED
        self._sort()

    def _sort(self) -> None:
        from bunqkit.frames.statement import sort_rows

        if self.frame is None:
            return
        column = self.sort_by.value
        self._sorted = (
            self.frame
            if column in (None, _UNSORTED)
            else sort_rows(self.frame, column, descending=self.descending.value)
        )
        self._first = 0
        self._draw()

    def _move(self, rows: int) -> None:
        self._first += rows
        self._draw()

    def _draw(self) -> None:
        from bunqkit.frames.statement import show

        assert self._sorted is not None
        count = len(self._sorted)
        last = min(self._first + self._rows, count)
        self.previous_button.disabled = self._first == 0
        self.next_button.disabled = last == count
        self._position.value = f"Rows {self._first + 1:,} to {last:,} of {count:,}"
        view = show(self._sorted.iloc[self._first : last], said=self._completeness)
        self._table.value = view.html() if count else empty_state("No rows.", self._completeness)
