"""Sends the writes of a panel: none twice by accident, and none while an outcome is unknown.

A front end keeps a second click until the first one's work has ended, so a button that is off
meanwhile is not enough: the same write is sent again only after a question.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import ipywidgets

from bunqkit.display.html import join, paragraph, status_line
from bunqkit.errors import OutcomeUnknownError, UnsettledError
from bunqkit.widgets.confirmation import Confirmation
from bunqkit.widgets.draft_call import DraftCall
from bunqkit.widgets.panel import Panel, ProgressBar

if TYPE_CHECKING:
    from bunqkit.context.context import Context


class WriteSender:
    """The way by which a panel's writes go out.

    Parameters
    ----------
    panel
        Wraps the handlers, and shows that it looks.
    bunq
        Whose writes they are.
    question
        Asks before the same write goes out again.
    changed
        Is called when ``is_off`` may have changed.
    made
        Is called when it turns out that a write of unknown outcome was made.

    Attributes
    ----------
    box
        Shown while the outcome of a write is unknown: what that means, and ``look_button``. After
        a look in vain other writes may go out, and the kit refuses one like it.
    look_button
        Looks up what became of the write.
    """

    def __init__(
        self,
        panel: Panel,
        bunq: Context,
        confirmation: Confirmation,
        *,
        changed: Callable[[], None],
        made: Callable[[], None] = lambda: None,
    ) -> None:
        self._panel = panel
        self._bunq = bunq
        self._confirmation = confirmation
        self._changed = changed
        self._made = made
        self._sent: DraftCall | None = None
        self._sent_at = ""
        self._is_busy = False
        self._is_unknown = self._must_look = False
        self._text = ipywidgets.HTML()
        self.look_button = panel.button("Look again", self._look, button_style="primary")
        self.box = ipywidgets.VBox([self._text, self.look_button])
        self._show()

    @property
    def is_blocked(self) -> bool:
        """True while a write is under way, or while one of unknown outcome was not looked up."""
        return self._is_busy or self._must_look

    def leave(self) -> None:
        """Stop waiting for a look: another form is shown, by which something else is sent."""
        self._must_look = False
        self._show()

    def send(self, call: DraftCall, what: str, carry_out: Callable[[], object]) -> None:
        """Carry out a write; if the same one went out just before, ask first.

        Parameters
        ----------
        call
            What is sent, without the reference that each sending has of its own.
        what
            The same in words, with amount and payee: ``payment of EUR 10.00 to x@example.com``.
        carry_out
            Sends it, and shows what came of it.
        """
        if self.is_blocked:
            return
        if call == self._sent:
            self._confirmation.ask(
                f"The same was sent at {self._sent_at} UTC: {what}. This would be a second one.",
                f"Send {what} once more",
                lambda: self.carry_out(call, carry_out),
            )
        else:
            self.carry_out(call, carry_out)

    def carry_out(self, call: DraftCall, carry_out: Callable[[], object]) -> None:
        """Carry out a write that needs no question, or whose question was answered."""
        if self.is_blocked:
            return
        self._turn(is_busy=True)
        before, self._sent = self._sent, call
        self._sent_at = f"{datetime.now(UTC):%H:%M:%S}"
        try:
            carry_out()
        except (OutcomeUnknownError, UnsettledError):
            self._is_unknown = self._must_look = True
            self._show(
                "Nobody can say yet whether it was done. Nothing is sent until that is known.",
                "Look again before you do anything else.",
            )
            raise
        except BaseException:
            # It was refused, or not sent: the same may be tried again.
            self._sent = before
            raise
        finally:
            self._turn(is_busy=False)

    def _look(self) -> None:
        self._panel.start(self._settle, "Looking up what became of it")

    def _settle(self, _progress: ProgressBar) -> None:
        settled = self._bunq.settle()
        self._is_unknown, self._must_look = bool(settled.unknown), False
        self._show(*(str(each) for each in settled))
        outcomes = {each.outcome for each in settled}
        if "made" not in outcomes and not self._is_unknown:
            self._sent = None
        self._changed()
        if "made" in outcomes:
            self._made()

    def _show(self, *lines: str) -> None:
        ended = "" if self._is_unknown else status_line("What you sent has an outcome.")
        self._text.value = join(*(paragraph(line) for line in lines), ended) if lines else ""
        self.box.layout.display = "" if lines else "none"
        self.look_button.layout.display = "" if self._is_unknown else "none"

    def _turn(self, *, is_busy: bool) -> None:
        self._is_busy = is_busy
        self._changed()
