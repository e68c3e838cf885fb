"""What would happen is read back, and done only when somebody says so."""

from __future__ import annotations

from collections.abc import Callable

import ipywidgets

from bunqkit.display.html import render
from bunqkit.widgets.panel import Panel


class Confirmation:
    """A read-back with a button that does it and one that does not.

    Parameters
    ----------
    panel
        Wraps the handlers.

    Attributes
    ----------
    box
        The widget that shows it; hidden while nothing is asked.
    do_button, leave_button
        The two answers.
    """

    def __init__(self, panel: Panel) -> None:
        self._act: Callable[[], object] | None = None
        self._text = ipywidgets.HTML()
        self.confirm_button = panel.button("Do it", self._confirm, button_style="danger")
        self.cancel_button = panel.button("Leave it", self.withdraw)
        self.box = ipywidgets.VBox(
            [self._text, ipywidgets.HBox([self.confirm_button, self.cancel_button])]
        )
        self.withdraw()

    def ask(self, read_back: str, label: str, act: Callable[[], object]) -> None:
        """Read back what would happen, and wait.

        Parameters
        ----------
        read_back
            What would happen, in a sentence.
        label
            What the button says: ``Send payment of EUR 10.00``.
        act
            Is called when it is pressed.
        """
        self._act = act
        self._text.value = render("question.html", read_back=read_back)
        self.confirm_button.description = label
        self.box.layout.display = ""
        self.cancel_button.focus()

    def withdraw(self) -> None:
        """Ask nothing any more."""
        self._act = None
        self.box.layout.display = "none"

    def _confirm(self) -> None:
        act = self._act
        self.withdraw()
        if act is not None:
            act()
