"""Widgets under a button that opens and closes them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import ipywidgets

from bunqkit.widgets.panel import Panel


class Fold(ipywidgets.VBox):
    """Widgets under a button that opens and closes them.

    Parameters
    ----------
    title
        The text of the button.
    panel
        The panel that wraps its handler.
    content
        The widgets, or a function that makes them when the fold is first opened.
    """

    def __init__(
        self,
        title: str,
        panel: Panel,
        content: Sequence[ipywidgets.Widget] | Callable[[], Sequence[ipywidgets.Widget]],
    ) -> None:
        self._make = content if callable(content) else None
        self._content = ipywidgets.VBox(() if callable(content) else tuple(content))
        self._content.layout.display = "none"
        self.toggle = ipywidgets.ToggleButton(layout={"width": "auto"})
        panel.on_change(self._on_toggle, self.toggle)
        super().__init__([self.toggle, self._content])
        self.add_class("bunqkit-fold")
        self.set_title(title)

    def set_title(self, title: str) -> None:
        """Write the text of the button."""
        self._title = title
        self.toggle.description = f"{'▾' if self.toggle.value else '▸'} {title}"

    def _on_toggle(self) -> None:
        if self.toggle.value and self._make is not None:
            make, self._make = self._make, None
            self._content.children = tuple(make())
        self._content.layout.display = "" if self.toggle.value else "none"
        self.set_title(self._title)
