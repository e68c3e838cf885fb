"""What every widget of the kit is made of: a panel, its one wrapper of handlers, and shared parts.

A handler's error is seen: the wrapper puts a card on the screen, keeps the error in
``panel.errors``, and raises it again in strict mode, which tests use.
"""

from __future__ import annotations

import functools
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

import ipywidgets

from bunqkit.display.html import empty_state, error_card, render, status_line
from bunqkit.errors import BunqkitError

if TYPE_CHECKING:
    import pandas as pd

Handler = Callable[..., Any]

_KEPT_ERRORS = 100
_REDRAWN_EVERY_S = 0.1
_ROWS = 50
_AS_IT_CAME = "(as it came)"


class Panel(ipywidgets.VBox):
    """A box with a badge, a place where errors are seen, and an end.

    A widget of the kit is a panel that puts its parts into ``body``. Every function that it hands
    to ``observe``, ``button`` or ``start`` goes through ``handler``.

    Parameters
    ----------
    title
        Stands beside the badge.
    environment
        Named by the badge.
    strict
        Whether a handler's error is raised again, after it was shown.

    Attributes
    ----------
    body
        Holds the panel's own parts.
    errors
        What handlers have raised, oldest first.
    progress
        Shown while something long runs.
    outcome
        Where errors and the progress are seen: at the end, or wherever a panel puts it in its body.
    """

    def __init__(self, title: str, environment: str, *, strict: bool = False) -> None:
        self.errors: list[BaseException] = []
        self._is_strict = strict
        self._title = title
        self._environment = environment
        self._head = ipywidgets.HTML()
        self._alert = ipywidgets.HTML()
        self.progress = ProgressBar(self)
        self.body = ipywidgets.VBox()
        self._thread: threading.Thread | None = None
        self._raised: BaseException | None = None
        self.outcome = ipywidgets.VBox([self.progress, self._alert])
        super().__init__([self._head, self.body, self.outcome])
        self.add_class("bunqkit")
        self.say()

    def say(self, beside: str = "", *, environment: str | None = None) -> None:
        """Write the panel's head: badge, title, and a text beside them, such as ``read-only``."""
        self._environment = environment or self._environment
        (self.add_class if self._environment == "PRODUCTION" else self.remove_class)("production")
        self._head.value = render(
            "panel_head.html", environment=self._environment, title=self._title, beside=beside
        )

    def handler(self, act: Handler) -> Handler:
        """Wrap a handler: what it raises is shown, kept, and in strict mode raised again."""

        @functools.wraps(act)
        def shown(*args: Any, **how: Any) -> Any:
            try:
                return act(*args, **how)
            except (Exception, KeyboardInterrupt) as error:
                self.show_error(error)
                if self._is_strict:
                    raise

        return shown

    def button(self, label: str, press: Handler, **how: Any) -> Button:
        """Make a button; pressing it takes the last error from the screen."""
        act = self.handler(press)

        def click() -> None:
            self.clear_error()
            act()

        return Button(label, click, **how)

    def show_error(self, error: BaseException) -> None:
        """Put an error on the screen, and keep it."""
        self.errors[:] = [*self.errors, error][-_KEPT_ERRORS:]
        self._alert.value = error_html(error)

    def clear_error(self) -> None:
        """Take the error from the screen; it stays in ``errors``."""
        self._alert.value = ""

    def start(self, work: Callable[[ProgressBar], None], said: str) -> None:
        """Do something long in a thread, so that the kernel stays free; nothing if one is at it.

        What is started by such work is done at its end, in the same thread.

        Parameters
        ----------
        work
            Gets the progress, tells it how far it is, and is stopped by it.
        said
            What is being done, such as ``Fetching payments``.
        """
        if self._thread is threading.current_thread():
            self.progress.begin(said)
            work(self.progress)
            return
        if self._thread is not None and self._thread.is_alive():
            return
        self.progress.begin(said)
        act = self.handler(work)

        def run() -> None:
            try:
                act(self.progress)
            except BaseException as error:  # noqa: BLE001 (wait() raises it in the caller's thread)
                self._raised = error
            finally:
                self.progress.end()

        self._thread = threading.Thread(target=run, name=f"bunqkit {self._title}", daemon=True)
        self._thread.start()

    def wait(self, timeout_s: float = 60.0) -> None:
        """Return when what was started has ended; in strict mode, raise what it raised."""
        if self._thread is not None:
            self._thread.join(timeout_s)
        raised, self._raised = self._raised, None
        if raised is not None:
            raise raised

    def close(self) -> None:
        """Stop what runs, and free everything that the panel holds in kernel and front end."""
        self.progress.cancel()
        for child in self.children:
            close_tree(child)
        self.layout.close()
        super().close()


class Button(ipywidgets.Button):
    """A button that says what happens.

    Parameters
    ----------
    label
        What it says.
    press
        What it does, wrapped by ``Panel.handler``.
    how
        As ``ipywidgets.Button`` takes it: ``button_style``, ``tooltip``.
    """

    def __init__(self, label: str, press: Callable[[], Any], **how: Any) -> None:
        self._press = press
        layout = {"width": "auto", "flex": "0 0 auto", "align_self": "flex-start"}
        super().__init__(description=label, layout=layout, **how)

    def click(self) -> None:
        """Press it, as a person does; ``ipywidgets`` would swallow what strict mode raises."""
        if not self.disabled:
            self._press()


class DataTable(ipywidgets.VBox):
    """A table that is shown some rows at a time, and sorted by any column; secrets are masked.

    Parameters
    ----------
    panel
        Wraps the handlers.
    rows
        How many at a time.

    Attributes
    ----------
    frame
        The whole table, as it was given.
    """

    def __init__(self, panel: Panel, *, rows: int = _ROWS) -> None:
        self._page = rows
        self.frame: pd.DataFrame | None = None
        self._sorted: pd.DataFrame | None = None
        self._said = ""
        self._first = 0
        self._rows = ipywidgets.HTML()
        self._place = ipywidgets.HTML()
        self.sort_by = ipywidgets.Dropdown(description="Sort by", options=[_AS_IT_CAME])
        self.descending = ipywidgets.Checkbox(
            description="descending", indent=False, layout={"width": "auto"}
        )
        self.previous_button = panel.button("Previous rows", lambda: self._move(-rows))
        self.next_button = panel.button("Next rows", lambda: self._move(rows))
        for control in (self.sort_by, self.descending):
            control.observe(panel.handler(lambda _: self._sort()), "value")
        bar = [self.sort_by, self.descending, self.previous_button, self.next_button, self._place]
        self._bar = ipywidgets.HBox(bar, layout={"flex_flow": "row wrap", "align_items": "center"})
        super().__init__([self._bar, self._rows])

    def show(self, frame: pd.DataFrame, said: str = "") -> None:
        """Show a table from its first row on.

        Parameters
        ----------
        frame
            Any table of the kit.
        said
            Whether it is complete, in words; by default what its ``attrs`` say.
        """
        self.frame = frame
        self._said = said
        self._bar.layout.display = "" if len(frame) > 1 else "none"
        with self.sort_by.hold_trait_notifications():
            self.sort_by.options = [_AS_IT_CAME, *map(str, frame.columns)]
            self.sort_by.value = _AS_IT_CAME
        self._sort()

    def _sort(self) -> None:
        from bunqkit.frames.statement import sort_rows  # noqa: PLC0415 (pandas when first used)

        if self.frame is None:
            return
        by = self.sort_by.value
        self._sorted = (
            self.frame
            if by in (None, _AS_IT_CAME)
            else sort_rows(self.frame, by, descending=self.descending.value)
        )
        self._first = 0
        self._draw()

    def _move(self, by: int) -> None:
        self._first += by
        self._draw()

    def _draw(self) -> None:
        from bunqkit.frames.statement import show  # noqa: PLC0415 (pandas when first used)

        assert self._sorted is not None
        count = len(self._sorted)
        last = min(self._first + self._page, count)
        self.previous_button.disabled = self._first == 0
        self.next_button.disabled = last == count
        self._place.value = f"Rows {self._first + 1:,} to {last:,} of {count:,}"
        rows = show(self._sorted.iloc[self._first : last], said=self._said)
        self._rows.value = rows.html() if count else empty_state("No rows.", self._said)


class ProgressBar(ipywidgets.HBox):
    """What is being done, for how long, how far it is, and a button that stops it."""

    def __init__(self, panel: Panel) -> None:
        self._stop = threading.Event()
        self._bar = ipywidgets.IntProgress(max=100, layout={"width": "160px"})
        self._text = ipywidgets.HTML()
        self.cancel_button = Button("Cancel the fetch", panel.handler(self.cancel))
        self._said = ""
        self._began = self._drawn = 0.0
        super().__init__([self._bar, self._text, self.cancel_button])
        self.layout.display = "none"

    @property
    def is_cancelled(self) -> bool:
        """Whether somebody has asked to stop."""
        return self._stop.is_set()

    def begin(self, said: str) -> None:
        """Show what is being done."""
        self._stop.clear()
        self._said = said
        self._began = time.monotonic()
        self._drawn = 0.0
        self.cancel_button.disabled = False
        self.layout.display = ""
        self.advance("")

    def advance(self, far: str, done: float | None = None) -> None:
        """Say how far it is.

        Parameters
        ----------
        far
            In words: ``1,200 rows of 6 pages``.
        done
            The part that is done, from 0 to 1, if it is known: then the time left is estimated.

        Raises
        ------
        KeyboardInterrupt
            If somebody has asked to stop.
        """
        if self.is_cancelled:
            raise KeyboardInterrupt
        now = time.monotonic()
        if now - self._drawn < _REDRAWN_EVERY_S:
            return
        self._drawn = now
        elapsed_s = now - self._began
        told = [self._said, far, f"{elapsed_s:.0f} s"]
        if done:
            told.append(f"about {elapsed_s * (1 - done) / done:.0f} s left")
        # Without an end in sight the bar walks, so that one sees that something happens.
        self._bar.value = int(100 * done) if done else int(elapsed_s * 10) % 100
        self._text.value = status_line(", ".join(part for part in told if part))

    def cancel(self) -> None:
        """Ask what runs to stop; it does so at its next step."""
        self._stop.set()
        self.cancel_button.disabled = True

    def end(self) -> None:
        """Hide it."""
        self.layout.display = "none"


class Fold(ipywidgets.VBox):
    """Widgets under a button that opens and closes them.

    Parameters
    ----------
    said
        What the button says.
    panel
        Wraps its handler.
    inside
        The widgets; or a function that builds them when they are first opened.
    """

    def __init__(
        self,
        said: str,
        panel: Panel,
        inside: Sequence[ipywidgets.Widget] | Callable[[], Sequence[ipywidgets.Widget]],
    ) -> None:
        self._said = said
        self._build = inside if callable(inside) else None
        self._inside = ipywidgets.VBox(() if callable(inside) else tuple(inside))
        self._inside.layout.display = "none"
        self.toggle = ipywidgets.ToggleButton(layout={"width": "auto"})
        self.toggle.observe(panel.handler(lambda _: self._turn()), "value")
        super().__init__([self.toggle, self._inside])
        self.add_class("bunqkit-fold")
        self.say(said)

    def say(self, said: str) -> None:
        """Say on the button what is folded."""
        self._said = said
        self.toggle.description = f"{'▾' if self.toggle.value else '▸'} {said}"

    def _turn(self) -> None:
        if self.toggle.value and self._build is not None:
            build, self._build = self._build, None
            self._inside.children = tuple(build())
        self._inside.layout.display = "" if self.toggle.value else "none"
        self.say(self._said)


def close_tree(widget: ipywidgets.Widget) -> None:
    """Close a widget and everything in it: ``ipywidgets`` keeps each until it is closed."""
    if not isinstance(widget, Panel):
        for child in getattr(widget, "children", ()):
            close_tree(child)
        for name in ("layout", "style"):
            part = getattr(widget, name, None)
            if isinstance(part, ipywidgets.Widget):
                part.close()
    widget.close()


def swap(box: ipywidgets.Box, children: Iterable[ipywidgets.Widget]) -> None:
    """Put other widgets into a box, and close those that are in it no longer."""
    kept = tuple(children)
    gone = [child for child in box.children if child not in kept]
    box.children = kept
    for child in gone:
        close_tree(child)


def error_html(error: BaseException) -> str:
    """Give the card of an error, whoever raised it."""
    if isinstance(error, BunqkitError):
        return error._repr_html_()
    if isinstance(error, KeyboardInterrupt):
        return error_card("You stopped it.", {})
    return error_card(f"{type(error).__name__}: {error}", {})
