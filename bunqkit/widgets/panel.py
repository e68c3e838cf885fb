"""``Panel``, of which every widget of the kit is made, with its buttons and its progress bar.

A handler is a function that is called when a person clicks or types. Every handler goes through one
wrapper, ``Panel.handler``. It shows an error as a card, keeps it in ``panel.errors``, and raises
it again in strict mode, which tests use.
"""

from __future__ import annotations

import functools
import threading
import time
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

import ipywidgets

from bunqkit.display.html import error_card, render, status_line
from bunqkit.errors import BunqkitError

if TYPE_CHECKING:
    from bunqkit.context.context import Context

Handler = Callable[..., Any]

# The layout of widgets in a row, which takes more lines on a narrow page.
ROW = {"flex_flow": "row wrap", "align_items": "center"}
_KEPT_ERRORS = 100
_REDRAWN_EVERY_S = 0.1


class Panel(ipywidgets.VBox):
    """A box with a badge and a title, and a place where errors are shown.

    A widget of the kit is a subclass that gives its parts to ``lay_out``, and its functions to
    ``button``, ``on_change``, ``start`` or ``handler``, which wrap them.

    Parameters
    ----------
    title
        The text beside the badge.
    environment
        The bank's environment, which the badge shows.
    strict
        True to raise a handler's error again after it was shown.

    Attributes
    ----------
    body
        The box of the panel's own parts.
    errors
        The errors of handlers, oldest first.
    progress
        The progress bar, visible while something long runs.
    outcome
        The box of error and progress, one of the parts or at the end.
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
        self.set_head()

    def lay_out(self, *parts: ipywidgets.Widget) -> None:
        """Put the parts below the head; ``outcome`` comes last unless it is one of them."""
        self.body.children = parts
        end = () if self.outcome in parts else (self.outcome,)
        self.children = (self._head, self.body, *end)

    def set_head(self, beside: str = "", *, environment: str | None = None) -> None:
        """Write the first line: badge, title, and a text beside them, such as ``read-only``."""
        self._environment = environment or self._environment
        (self.add_class if self._environment == "PRODUCTION" else self.remove_class)("production")
        self._head.value = render(
            "panel_head.html", environment=self._environment, title=self._title, beside=beside
        )

    def show_user(self, bunq: Context) -> None:
        """Write beside the title who the user is, and that writes are locked if they are."""
        is_locked = self._environment == "PRODUCTION"
        lock = "read-only until a call is unlocked" if is_locked else ""
        self.set_head(", ".join(filter(None, (str(bunq.user.get("display_name") or ""), lock))))

    def handler(self, action: Handler) -> Handler:
        """Wrap a handler: its error is shown, kept, and in strict mode raised again."""

        @functools.wraps(action)
        def handle(*args: Any, **options: Any) -> Any:
            try:
                return action(*args, **options)
            except (Exception, KeyboardInterrupt) as error:
                self.show_error(error)
                if self._is_strict:
                    raise

        return handle

    def button(self, label: str, press: Handler, **options: Any) -> Button:
        """Make a button; pressing it takes the last error from the screen."""
        action = self.handler(press)

        def click() -> None:
            self.clear_error()
            action()

        return Button(label, click, **options)

    def on_change(
        self, action: Callable[[], object], *controls: ipywidgets.Widget, trait: str = "value"
    ) -> None:
        """Call a wrapped function, without arguments, when one of the controls changes."""
        observer = self.handler(lambda _change: action())
        for control in controls:
            control.observe(observer, trait)

    def show_error(self, error: BaseException) -> None:
        """Put an error on the screen, and keep it."""
        self.errors[:] = [*self.errors, error][-_KEPT_ERRORS:]
        self._alert.value = error_html(error)

    def clear_error(self) -> None:
        """Take the error from the screen; it stays in ``errors``."""
        self._alert.value = ""

    def start(self, work: Callable[[ProgressBar], None], description: str) -> None:
        """Do something long in a thread, so that the kernel stays free.

        While one work runs, another is not started. Work that is started by such work runs at
        once, in the same thread.

        Parameters
        ----------
        work
            Gets the progress bar; it reports to the bar, which stops it when a person cancels.
        description
            What is being done, such as ``Fetching payments``.
        """
        if self._thread is threading.current_thread():
            self.progress.begin(description)
            work(self.progress)
            return
        if self._thread is not None and self._thread.is_alive():
            return
        self.progress.begin(description)
        action = self.handler(work)

        def run() -> None:
            try:
                action(self.progress)
            except BaseException as error:  # noqa: BLE001 (wait() raises it in the caller's thread)
                self._raised = error
            finally:
                self.progress.end()

        self._thread = threading.Thread(target=run, name=f"bunqkit {self._title}", daemon=True)
        self._thread.start()

    def wait(self, timeout_s: float = 60.0) -> None:
        """Return when the started work has ended; in strict mode, raise its error."""
        if self._thread is not None:
            self._thread.join(timeout_s)
        error, self._raised = self._raised, None
        if error is not None:
            raise error

    def close(self) -> None:
        """Stop what runs, and free everything that the panel holds in kernel and front end."""
        self.progress.cancel()
        for child in self.children:
            close_tree(child)
        self.layout.close()
        super().close()


class Button(ipywidgets.Button):
    """A button.

    Parameters
    ----------
    label
        Its text, which says what happens.
    press
        The function that it calls, wrapped by ``Panel.handler``.
    options
        Arguments of ``ipywidgets.Button``: ``button_style``, ``tooltip``.
    """

    def __init__(self, label: str, press: Callable[[], Any], **options: Any) -> None:
        self._press = press
        layout = {"width": "auto", "flex": "0 0 auto", "align_self": "flex-start"}
        super().__init__(description=label, layout=layout, **options)

    def click(self) -> None:
        """Press it, as a person does; ``ipywidgets`` would swallow what strict mode raises."""
        if not self.disabled:
            self._press()


class ProgressBar(ipywidgets.HBox):
    """The progress of a fetch: what is done, since when, how far, and a button that stops it."""

    def __init__(self, panel: Panel) -> None:
        self._stop = threading.Event()
        self._bar = ipywidgets.IntProgress(max=100, layout={"width": "160px"})
        self._text = ipywidgets.HTML()
        self.cancel_button = Button("Cancel the fetch", panel.handler(self.cancel))
        self._description = ""
        self._began = self._drawn = 0.0
        super().__init__([self._bar, self._text, self.cancel_button])
        self.layout.display = "none"

    @property
    def is_cancelled(self) -> bool:
        """True if a person has asked to stop."""
        return self._stop.is_set()

    def begin(self, description: str) -> None:
        """Show what is being done."""
        self._stop.clear()
        self._description = description
        self._began = time.monotonic()
        self._drawn = 0.0
        self.cancel_button.disabled = False
        self.layout.display = ""
        self.advance("")

    def advance(self, position: str) -> None:
        """Show how far it is, in words: ``1,200 rows of 6 pages``.

        Raises
        ------
        KeyboardInterrupt
            If a person has asked to stop.
        """
        if self.is_cancelled:
            raise KeyboardInterrupt
        now = time.monotonic()
        if now - self._drawn < _REDRAWN_EVERY_S:
            return
        self._drawn = now
        elapsed_s = now - self._began
        # Nobody knows the end, so the bar starts again when it is full.
        self._bar.value = int(elapsed_s * 10) % 100
        words = [self._description, position, f"{elapsed_s:.0f} s"]
        self._text.value = status_line(", ".join(filter(None, words)))

    def cancel(self) -> None:
        """Ask the work to stop; it does so at its next step."""
        self._stop.set()
        self.cancel_button.disabled = True

    def end(self) -> None:
        """Hide the bar."""
        self.layout.display = "none"


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
    """Put other widgets into a box, and close those that are no longer in it."""
    new = tuple(children)
    gone = [child for child in box.children if child not in new]
    box.children = new
    for child in gone:
        close_tree(child)


def error_html(error: BaseException) -> str:
    """Return the card of any error."""
    if isinstance(error, BunqkitError):
        return error._repr_html_()
    if isinstance(error, KeyboardInterrupt):
        return error_card("You stopped it.", {})
    return error_card(f"{type(error).__name__}: {error}", {})
