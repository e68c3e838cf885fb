"""A list in which a person chooses one entry."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import ipywidgets

from bunqkit.widgets.panel import Panel


class ChoiceList(ipywidgets.Select):
    """A list in which a person chooses one entry.

    Parameters
    ----------
    panel
        The panel that wraps the handler.
    label
        The text beside the list.
    chosen
        Called when a person has chosen an entry, and not when ``offer`` changes the list.
    rows
        How many entries are visible at a time.
    """

    def __init__(
        self, panel: Panel, label: str, chosen: Callable[[], object], *, rows: int
    ) -> None:
        self._is_muted = False
        self._chosen = chosen
        super().__init__(rows=rows, description=label, layout={"width": "auto"}, options=[])
        self.add_class("bunqkit-list")
        panel.on_change(self._on_change, self)

    def offer(self, options: Sequence[tuple[str, Any]], value: Any = None) -> None:
        """Show other entries, each with its value; the one with ``value``, if any, is chosen."""
        with self._muted():
            self.options = options
        self.choose(value)

    def choose(self, value: Any) -> None:
        """Mark the entry with a value as chosen, or none, without calling ``chosen``."""
        values = [entry_value for _, entry_value in self.options]
        with self._muted():
            self.index = values.index(value) if value in values else None

    @contextlib.contextmanager
    def _muted(self) -> Iterator[None]:
        self._is_muted = True
        try:
            yield
        finally:
            self._is_muted = False

    def _on_change(self) -> None:
        if not self._is_muted:
            self._chosen()
