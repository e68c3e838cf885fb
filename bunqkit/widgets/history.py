"""The calls made in an explorer: find one, name it, send it again, keep all as one script."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import ipywidgets

from bunqkit.display.html import code_to_copy, empty_state
from bunqkit.widgets.draft_call import SCRIPT_HEAD, DraftCall
from bunqkit.widgets.panel import Panel

if TYPE_CHECKING:
    import pandas as pd

_KEPT = 500


@dataclass
class HistoryEntry:
    """One call that was made.

    Attributes
    ----------
    number
        From 1 on.
    name
        What somebody calls it.
    sent_at
        When it was sent (UTC).
    call, path
        What was sent, and where to.
    status, elapsed_s, rows
        What came back; ``None`` where nothing did.
    error
        What was said if it failed.
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
        told = self.status if self.status is not None else ("failed" if self.error else "")
        what = f"{self.call.operation.method:<6} {self.call.operation.name}"
        return f"{self.number:>3}  {self.sent_at:%H:%M:%S}  {what}  {told}  {self.name}".rstrip()


class History:
    """A list of calls, newest first.

    Parameters
    ----------
    panel
        Wraps the handlers.
    reopen
        Puts a call into the form.
    resend
        Sends a call once more.
    environment
        In production, the script unlocks each write.
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
        self._is_listing = False
        self.filter = ipywidgets.Text(description="filter", placeholder="words of name or call")
        self.filter.observe(panel.handler(lambda _: self._list()), "value")
        self.choice = ipywidgets.Select(
            rows=6, description="calls", layout={"width": "auto"}, options=[]
        )
        self.choice.add_class("bunqkit-list")
        self.choice.observe(panel.handler(lambda _: self._choose()), "value")
        self.name = ipywidgets.Text(
            description="name", placeholder="what you call it", continuous_update=False
        )
        self.name.observe(panel.handler(lambda _: self._rename()), "value")
        self.reopen_button = panel.button("Open in the form", lambda: reopen(self._chosen().call))
        self.resend_button = panel.button("Send again", lambda: resend(self._chosen().call))
        self.script_button = panel.button("All as one script", self._show_script)
        self._script = ipywidgets.HTML(
            empty_state("No calls yet.", "Send one, and it is kept here.")
        )
        buttons = [self.reopen_button, self.resend_button, self.script_button]
        self.box = ipywidgets.VBox(
            [
                ipywidgets.HBox([self.filter, self.name], layout={"flex_flow": "row wrap"}),
                self.choice,
                ipywidgets.HBox(buttons, layout={"flex_flow": "row wrap"}),
                self._script,
            ]
        )
        self._list()

    def add(self, call: DraftCall, path: str) -> HistoryEntry:
        """Keep a call that is being sent; its outcome is filled in later."""
        number = self.entries[-1].number + 1 if self.entries else 1
        entry = HistoryEntry(number, "", datetime.now(UTC), call, path)
        self.entries[:] = [*self.entries, entry][-_KEPT:]
        return entry

    def refresh(self) -> None:
        """Show what was added or filled in."""
        self._list()
        if self.entries:
            self._script.value = ""

    @property
    def frame(self) -> pd.DataFrame:
        """One row a call, oldest first, without bodies."""
        import pandas as pd  # noqa: PLC0415 (when first used)

        columns = [
            "number", "name", "sent_at", "operation", "method", "path", "status", "elapsed_s",
            "rows", "error",
        ]  # fmt: skip
        rows = [
            (
                each.number, each.name, each.sent_at, each.call.operation.name,
                each.call.operation.method, each.path, each.status, each.elapsed_s, each.rows,
                each.error,
            )
            for each in self.entries
        ]  # fmt: skip
        frame = pd.DataFrame(rows, columns=columns)
        return frame.astype({"status": "Int64", "rows": "Int64", "elapsed_s": "Float64"})

    def script(self) -> str:
        """Give all calls as one program, each under its name."""
        calls = []
        for each in self.entries:
            title = " ".join(f"{each.number} {each.name}".split())
            calls.append(f"# {title}\n{each.call.as_code(self._environment)}\n")
        return "\n".join([SCRIPT_HEAD, *calls])

    def _list(self) -> None:
        words = self.filter.value.casefold().split()
        held = self.choice.value
        options = [
            (str(each), each.number)
            for each in reversed(self.entries)
            if all(word in f"{each} {each.path}".casefold() for word in words)
        ]
        self._is_listing = True
        self.choice.options = options
        numbers = [number for _, number in options]
        self.choice.value = held if held in numbers else None
        self._is_listing = False
        self._choose()

    def _choose(self) -> None:
        if self._is_listing:
            return
        is_chosen = self.choice.value is not None
        self._is_listing = True
        self.name.value = self._chosen().name if is_chosen else ""
        self._is_listing = False
        for control in (self.name, self.reopen_button, self.resend_button):
            control.disabled = not is_chosen
        self.script_button.disabled = not self.entries

    def _rename(self) -> None:
        if not self._is_listing:
            self._chosen().name = self.name.value.strip()
            self._list()

    def _chosen(self) -> HistoryEntry:
        return next(each for each in self.entries if each.number == self.choice.value)

    def _show_script(self) -> None:
        self._script.value = code_to_copy(self.script())
