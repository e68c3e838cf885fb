"""The calls made in an explorer: find one, name it, send it again, export all as one script."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import ipywidgets

from bunqkit.display.html import code_to_copy, empty_state
from bunqkit.widgets.choice_list import ChoiceList
from bunqkit.widgets.draft_call import SCRIPT_HEAD, DraftCall
from bunqkit.widgets.panel import ROW, Panel

if TYPE_CHECKING:
    import pandas as pd

_KEPT = 500


@dataclass
class HistoryEntry:
    """One call that was made.

    Attributes
    ----------
    number
        Its number, from 1 on.
    name
        The name that a person has given it.
    sent_at
        When it was sent (UTC).
    call, path
        What was sent, and to which path.
    status, elapsed_s, rows
        Status, seconds and number of rows of the answer; ``None`` without one.
    error
        The message of the error, if it failed.
    """

    number: int
    name: str
    sent_at: datetime
    call: DraftCall
    path: str
    status: int | None = None
    elapsed_s: float | None = None
    rows: int | None = None
    error: str = ""

    def __str__(self) -> str:
        outcome = self.status if self.status is not None else ("failed" if self.error else "")
        call = f"{self.call.operation.method:<6} {self.call.operation.name}"
        return f"{self.number:>3}  {self.sent_at:%H:%M:%S}  {call}  {outcome}  {self.name}".rstrip()


class History:
    """The list of calls, newest first.

    Parameters
    ----------
    panel
        The panel that wraps the handlers.
    reopen
        The function that puts a call into the form.
    resend
        The function that sends a call once more.
    environment
        The bank's environment; in production, the script unlocks each write.
    """

    def __init__(
        self,
        panel: Panel,
        *,
        reopen: Callable[[DraftCall], None],
        resend: Callable[[DraftCall], None],
        environment: str,
    ) -> None:
        self.entries: list[HistoryEntry] = []
        self._environment = environment
        self.filter = ipywidgets.Text(description="filter", placeholder="words of name or call")
        panel.on_change(self._list, self.filter)
        self.choice = ChoiceList(panel, "calls", self._show_choice, rows=6)
        self.name = ipywidgets.Text(
            description="name", placeholder="what you call it", continuous_update=False
        )
        panel.on_change(self._rename, self.name)
        self.reopen_button = panel.button("Open in the form", lambda: reopen(self._chosen().call))
        self.resend_button = panel.button("Send again", lambda: resend(self._chosen().call))
        self.script_button = panel.button("All as one script", self._show_script)
        self._script = ipywidgets.HTML(
            empty_state("No calls yet.", "Send one, and it is kept here.")
        )
        buttons = [self.reopen_button, self.resend_button, self.script_button]
        self.box = ipywidgets.VBox(
            [
                ipywidgets.HBox([self.filter, self.name], layout=ROW),
                self.choice,
                ipywidgets.HBox(buttons, layout=ROW),
                self._script,
            ]
        )
        self._list()

    def add(self, call: DraftCall, path: str) -> HistoryEntry:
        """Add a call that is being sent; its outcome is filled in later."""
        number = self.entries[-1].number + 1 if self.entries else 1
        entry = HistoryEntry(number, "", datetime.now(UTC), call, path)
        self.entries[:] = [*self.entries, entry][-_KEPT:]
        return entry

    def refresh(self) -> None:
        """Show the entries that were added or filled in."""
        self._list()
        if self.entries:
            self._script.value = ""

    @property
    def frame(self) -> pd.DataFrame:
        """One row a call, oldest first, without bodies."""
        import pandas as pd

        entries, calls = self.entries, [entry.call for entry in self.entries]
        frame = pd.DataFrame(
            {
                "number": [entry.number for entry in entries],
                "name": [entry.name for entry in entries],
                "sent_at": [entry.sent_at for entry in entries],
                "operation": [call.operation.name for call in calls],
                "method": [call.operation.method for call in calls],
                "path": [entry.path for entry in entries],
                "status": [entry.status for entry in entries],
                "elapsed_s": [entry.elapsed_s for entry in entries],
                "rows": [entry.rows for entry in entries],
                "error": [entry.error for entry in entries],
            }
        )
        return frame.astype({"status": "Int64", "rows": "Int64", "elapsed_s": "Float64"})

    def script(self) -> str:
        """Return all calls as one program, each under its name."""
        calls = []
        for entry in self.entries:
            title = " ".join(f"{entry.number} {entry.name}".split())
            calls.append(f"# {title}\n{entry.call.as_code(self._environment)}\n")
        return "\n".join([SCRIPT_HEAD, *calls])

    def _list(self) -> None:
        """List the calls that the filter lets through; the chosen one stays chosen."""
        words = self.filter.value.casefold().split()
        options = [
            (str(entry), entry.number)
            for entry in reversed(self.entries)
            if all(word in f"{entry} {entry.path}".casefold() for word in words)
        ]
        self.choice.offer(options, self.choice.value)
        self._show_choice()

    def _show_choice(self) -> None:
        is_chosen = self.choice.value is not None
        self.name.value = self._chosen().name if is_chosen else ""
        for control in (self.name, self.reopen_button, self.resend_button):
            control.disabled = not is_chosen
        self.script_button.disabled = not self.entries

    def _rename(self) -> None:
        name = self.name.value.strip()
        if self.choice.value is not None and name != self._chosen().name:
            self._chosen().name = name
            self._list()

    def _chosen(self) -> HistoryEntry:
        return next(entry for entry in self.entries if entry.number == self.choice.value)

    def _show_script(self) -> None:
        self._script.value = code_to_copy(self.script())
