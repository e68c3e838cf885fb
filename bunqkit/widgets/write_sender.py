"""Sends the writes of a panel: none twice by accident, and none while an outcome is unknown.

A front end keeps a second click until the work of the first one has ended, so it is not enough to
disable the button meanwhile. A write that equals the last one is sent only after a question.
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
    """Sends the writes of one panel.

    Parameters
    ----------
    panel
        The panel that wraps the handlers and shows the progress of a look-up.
    bunq
        The context that looks up outcomes.
    confirmation
        Asks before a write like the last one is sent.
    changed
        Called when ``is_blocked`` may have changed.
    made
        Called when a look-up finds that a write of unknown outcome was made.

    Attributes
    ----------
    box
        The widget that is shown while the outcome of a write is unknown. If a look-up does not
        find the outcome, other writes may be sent, and the kit refuses one like the unknown one.
    look_button
        The button that looks up the outcome.
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
        self._last: DraftCall | None = None
        self._last_at = ""
        self._is_busy = False
        self._is_unknown = self._must_look = False
        self._text = ipywidgets.HTML()
        self.look_button = panel.button("Look again", self._look, button_style="primary")
        self.box = ipywidgets.VBox([self._text, self.look_button])
        self._show()

    @property
    def is_blocked(self) -> bool:
        """True while a write is under way, or while an unknown outcome was not looked up."""
        return self._is_busy or self._must_look

    def unblock(self) -> None:
        """Allow writes without a look-up: another form is shown, which sends something else."""
        self._must_look = False
        self._show()

    def send(self, call: DraftCall, description: str, carry_out: Callable[[], object]) -> None:
        """Carry out a write; ask first if it equals the last one.

        Parameters
        ----------
        call
            The write, without the reference that is new in each sending.
        description
            The write in words, with amount and payee: ``payment of EUR 10.00 to x@example.com``.
        carry_out
            The function that sends it and shows the answer.
        """
        if self.is_blocked:
            return
        if call == self._last:
            self._confirmation.ask(
                f"The same was sent at {self._last_at} UTC: {description}. This would be a second "
                "one.",
                f"Send {description} once more",
                lambda: self.carry_out(call, carry_out),
            )
        else:
            self.carry_out(call, carry_out)

    def carry_out(self, call: DraftCall, carry_out: Callable[[], object]) -> None:
        """Carry out a write without a question."""
        if self.is_blocked:
            return
        self._set_busy(is_busy=True)
        before, self._last = self._last, call
        self._last_at = f"{datetime.now(UTC):%H:%M:%S}"
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
            self._last = before
            raise
        finally:
            self._set_busy(is_busy=False)

    def _look(self) -> None:
        self._panel.start(self._settle, "Looking up what became of it")

    def _settle(self, _progress: ProgressBar) -> None:
        settlement = self._bunq.settle()
        self._is_unknown, self._must_look = bool(settlement.unknown), False
        self._show(*map(str, settlement))
        outcomes = {settled.outcome for settled in settlement}
        if "made" not in outcomes and not self._is_unknown:
            self._last = None
        self._changed()
        if "made" in outcomes:
            self._made()

    def _show(self, *lines: str) -> None:
        end = "" if self._is_unknown else status_line("What you sent has an outcome.")
        self._text.value = join(*map(paragraph, lines), end) if lines else ""
        self.box.layout.display = "" if lines else "none"
        self.look_button.layout.display = "" if self._is_unknown else "none"

    def _set_busy(self, *, is_busy: bool) -> None:
        self._is_busy = is_busy
        self._changed()
