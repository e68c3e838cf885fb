"""A question that a person must answer before something is done."""

from __future__ import annotations

from collections.abc import Callable

import ipywidgets

from bunqkit.display.html import render
from bunqkit.widgets.panel import Panel


class Confirmation:
    """A question before a write: what would be sent, a button that sends it, one that does not.

    Parameters
    ----------
    panel
        The panel that wraps the handlers.

    Attributes
    ----------
    box
        The widget that shows the question; hidden while there is none.
    confirm_button, cancel_button
        The two answers.
    """

    def __init__(self, panel: Panel) -> None:
        self._action: Callable[[], object] | None = None
        self._text = ipywidgets.HTML()
        self.confirm_button = panel.button("Do it", self._confirm, button_style="danger")
        self.cancel_button = panel.button("Leave it", self.withdraw)
        self.box = ipywidgets.VBox(
            [self._text, ipywidgets.HBox([self.confirm_button, self.cancel_button])]
        )
        self.withdraw()

    def ask(self, read_back: str, label: str, action: Callable[[], object]) -> None:
        """Ask if something shall happen, and wait for an answer.

        Parameters
        ----------
        read_back
            What would happen, in a sentence.
        label
            The text of the button that does it: ``Send payment of EUR 10.00``.
        action
            Called when that button is pressed.
        """
        self._action = action
        self._text.value = render("question.html", read_back=read_back)
        self.confirm_button.description = label
        self.box.layout.display = ""
        self.cancel_button.focus()

    def withdraw(self) -> None:
        """Take the question back."""
        self._action = None
        self.box.layout.display = "none"

    def _confirm(self) -> None:
        action = self._action
        self.withdraw()
        if action is not None:
            action()
