"""``Explorer(bunq)``: find any operation, fill its form, see what would be sent, send it, look."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import ipywidgets

from bunqkit.catalogue.operations import Operation, find, operation as operation_named, operations
from bunqkit.client.answer import Answer
from bunqkit.client.exchange import Exchange
from bunqkit.context.references import add_reference
from bunqkit.display.terminal import printable
from bunqkit.errors import (
    ApiError,
    BunqkitError,
    CallError,
    FieldError,
    Interrupted,
    OutcomeUnknownError,
    UnsettledError,
)
from bunqkit.frames.paging import frame_of_pages, say_completeness
from bunqkit.widgets.calls import Call
from bunqkit.widgets.form import Form
from bunqkit.widgets.history import Entry, History
from bunqkit.widgets.leaves import Desk
from bunqkit.widgets.parts import Fold, Panel, Progress, empty_html, swap
from bunqkit.widgets.pickers import Pickers
from bunqkit.widgets.question import Question
from bunqkit.widgets.results import Results
from bunqkit.widgets.sending import Sending

if TYPE_CHECKING:
    import pandas as pd

    from bunqkit.context.context import Context

_LOOKED_UP = 200
_ROW = {"flex_flow": "row wrap", "align_items": "center"}


class Explorer(Panel):
    """Every operation of the API, in a form.

    Parameters
    ----------
    bunq
        Whom to call as; ``bunqkit.connect()`` gives it.
    strict
        Whether what a handler raises is raised again after it was shown; tests use it.

    Attributes
    ----------
    history
        The calls that were made: ``history.frame``, ``history.script()``.
    question
        What a production write waits for: it is read back before anything is sent.
    """

    def __init__(self, bunq: Context, *, strict: bool = False) -> None:
        self._bunq = bunq
        self._environment_name = bunq.settings.environment
        super().__init__("Explorer", self._environment_name, strict=strict)
        self._desk = Desk(self, Pickers())
        self._form: Form | None = None
        self._draft: Call | None = None
        self._is_listing = False
        self._entered: str | None = None
        self.search = ipywidgets.Text(
            description="search",
            placeholder=f"words of a name, a path, a field: {len(operations())} operations",
            layout={"width": "auto"},
        )
        self.search.observe(self.handler(lambda _: self._hear_search()), "value")
        self.search.on_msg(self.handler(self._hear_key))
        self.matches = ipywidgets.Select(
            rows=8, description="operations", layout={"width": "auto"}, options=[]
        )
        self.matches.add_class("bunqkit-list")
        self.matches.observe(self.handler(lambda _: self._hear_match()), "value")
        self._place = ipywidgets.VBox()
        self.preview_button = self.button("Preview", self._preview)
        self.send_button = self.button("Send", self._press_send, button_style="primary")
        self.pages_button = self.button("Fetch every page", self._fetch)
        self.check = ipywidgets.Checkbox(
            value=True, description="check before sending", indent=False, layout={"width": "auto"}
        )
        self.check.observe(self.handler(lambda _: self._refresh()), "value")
        self._actions = ipywidgets.HBox(
            [self.preview_button, self.send_button, self.pages_button, self.check], layout=_ROW
        )
        self.question = Question(self)
        self.sending = Sending(self, bunq, self.question, changed=self._refresh)
        self.results = Results(self, self._turn)
        self.history = History(
            self, reopen=self._reopen, resend=self._resend, environment=self._environment_name
        )
        fold = Fold("History", self, [self.history.box])
        self.body.children = [
            self.search, self.matches, self._place, self._actions, self.question.box,
            self.sending.box, self.outcome, self.results.box, fold,
        ]  # fmt: skip
        self.children = (self._head, self.body)
        self._tell()
        self._list()
        self.question.withdraw()
        self._refresh()
        swap(
            self._place,
            [
                ipywidgets.HTML(
                    empty_html(
                        "Here will be the form of the operation that you choose.",
                        "Type a few words and press Enter.",
                    )
                )
            ],
        )

    @property
    def result(self) -> Answer | None:
        """The answer that is shown; ``None`` if there is none."""
        return self.results.answer

    @property
    def frame(self) -> pd.DataFrame | None:
        """The table that is shown; ``None`` if there is none."""
        return self.results.frame

    @property
    def form(self) -> Form:
        """The form that is shown.

        Raises
        ------
        FieldError
            If no operation was chosen yet.
        """
        if self._form is None:
            raise FieldError("No operation is chosen yet. Search for one and press Enter.")
        return self._form

    def choose(self, operation: str) -> None:
        """Show the form of an operation, by any of its names."""
        self._open(operation_named(operation))

    def _tell(self) -> None:
        """Say who calls, and what may be written."""
        user = str(self._bunq.user.get("display_name") or "")
        writes = "read-only until a call is unlocked" if self._is_locked else ""
        self.say(", ".join(part for part in (user, writes) if part))

    @property
    def _is_locked(self) -> bool:
        return self._environment_name == "PRODUCTION"

    # Finding an operation.

    def _list(self) -> None:
        found = _ranked(self.search.value)
        self._is_listing = True
        self.matches.options = list(_grouped(found))
        self.matches.index = None
        self._is_listing = False

    def _hear_search(self) -> None:
        self._list()
        if self._entered is not None and self.search.value.startswith(self._entered):
            self.enter()
        else:
            self._entered = None

    def _hear_key(self, _widget: Any, content: dict[str, Any], _buffers: Any) -> None:
        if content.get("event") == "submit":
            # While the kernel is busy a front end holds letters back, but not Enter: what is
            # typed on, until the form is touched, may be such letters.
            self._entered = self.search.value
            if self._entered:
                self.enter()

    def enter(self) -> None:
        """Take the first match, as Enter in the search does; a form that is open already stays."""
        first = next((value for _, value in self.matches.options if value), None)
        if first is None:
            raise FieldError(f"Nothing is called {self.search.value!r}. Try other words.")
        self.clear_error()
        if self._form is None or self._form.operation.name != first:
            self._open(operation_named(first))
        self.form.focus()

    def _hear_match(self) -> None:
        if not self._is_listing and self.matches.value:
            self._entered = None
            self._open(operation_named(self.matches.value))

    def _open(self, operation: Operation) -> None:
        self.question.withdraw()
        self.sending.leave()
        self._desk.pickers.learn(self._bunq.exchanges)
        self._form = Form(
            operation,
            self._desk,
            defaults=self._defaults(operation),
            changed=self._hear_form,
            look_up=self._look_up,
        )
        swap(self._place, [self._form.box])
        self._mark(operation.name)
        self._draft = None
        self._refresh()

    def _mark(self, name: str) -> None:
        """Have the list show which operation is open, if it has it."""
        names = [value for _, value in self.matches.options]
        self._is_listing = True
        self.matches.index = names.index(name) if name in names else None
        self._is_listing = False

    def _defaults(self, operation: Operation) -> dict[str, object]:
        defaults: dict[str, object] = {"user_id": self._bunq.user_id}
        if "account" in operation.ids:
            with contextlib.suppress(BunqkitError):
                defaults["account"] = self._bunq.find_account()["id"]
        return defaults

    # The form and its buttons.

    def _hear_form(self) -> None:
        self._draft = self._entered = None
        self.question.withdraw()
        self._refresh()

    def _refresh(self) -> None:
        form = self._form
        is_ready = form is not None and not (self.check.value and (form.needs or form.problems))
        self._actions.layout.display = "none" if form is None else ""
        if form is None:
            return
        self.preview_button.disabled = not is_ready
        is_off = form.call.is_write and self.sending.is_off
        self.send_button.disabled = is_off or not is_ready
        self.send_button.description = f"Send {_named(form.call)}"
        self.pages_button.layout.display = "" if form.operation.is_paged else "none"
        self.pages_button.disabled = not is_ready

    def _drafted(self) -> Call:
        """Give the call that is previewed and sent: the same bytes, until the form changes."""
        if self._draft is None:
            call = self.form.call
            if call.body is not None:
                body = add_reference(call.operation, dict(call.body))
                call = replace(call, body=body)
            self._draft = call
        return self._draft

    def _look_up(self, lister: str) -> None:
        known = operation_named(lister)
        held = self.form.call.given
        given: dict[str, Any] = {name: held[name] for name in known.ids if name in held}
        if known.is_paged:
            given["count"] = _LOOKED_UP
        self._bunq.call(lister, **given)
        self._desk.pickers.learn(self._bunq.exchanges)
        self.form.refresh(self._defaults(self.form.operation))

    # Sending.

    def _preview(self) -> None:
        exchange = self._drafted().preview(self._bunq)
        self.results.show_exchange(exchange, self._code, "Nothing was sent: this is what would be.")

    @property
    def _code(self) -> str:
        return self.form.call.as_code(self._environment_name)

    def _press_send(self) -> None:
        call = self._drafted()
        if not call.is_write:
            self._carry_out(call)
        elif self._is_locked:
            self._ask(call)
        else:
            self.sending.send(self.form.call, _told(call), lambda: self._carry_out(call))

    def _ask(self, call: Call) -> None:
        """Read back what would happen with real money, and wait for a second press."""
        form_call = self.form.call
        self.question.ask(
            f"PRODUCTION: {_told(call)}, {self.form.path}.",
            f"Unlock and send {_named(call)}",
            lambda: self.sending.carry_out(form_call, lambda: self._unlock(call)),
        )

    def _unlock(self, call: Call) -> None:
        with self._bunq.unlock(call.operation.name, **call.bounds()):
            self._carry_out(call)

    def _carry_out(self, call: Call) -> None:
        self.results.clear(f"Sending {_named(call)} …")
        with self._noting(self.form.call) as entry:
            answer = call.send(self._bunq)
            entry.status = answer.exchange.status
            entry.elapsed_s = answer.exchange.elapsed_s
            entry.rows = len(answer.items) if answer.is_json else None
        self.results.show_answer(answer, self._code)
        self._draft = None

    @contextlib.contextmanager
    def _noting(self, call: Call) -> Iterator[Entry]:
        """Keep a call in the history, and show what a refusal can be looked at by."""
        entry = self.history.add(call, self.form.path)
        try:
            yield entry
        except (BunqkitError, KeyboardInterrupt) as error:
            entry.error = str(error) or "stopped"
            self._draft = None
            said = _ended(error)
            self.results.clear(said)
            exchange = self._exchange_of(error)
            if exchange is not None:
                entry.status = exchange.status or None
                self.results.show_exchange(exchange, call.as_code(self._environment_name), said)
            raise
        finally:
            self.history.refresh()

    def _exchange_of(self, error: BaseException) -> Exchange | None:
        """Give what was sent when an error came, if anything was."""
        last = self._bunq.exchanges[-1:]
        is_last = isinstance(error, CallError) and bool(last) and last[0].path == error.path
        return last[0] if is_last else None

    def _fetch(self) -> None:
        call = replace(self.form.call, every_page=True)
        name = call.operation.name
        self.results.clear()

        def work(progress: Progress) -> None:
            last: list[Answer] = []
            with self._noting(call) as entry:
                pages = _followed(self._bunq.pages(name, **call.given), last, progress)
                try:
                    frame = frame_of_pages(pages, operation=name, progress=False)
                except Interrupted as stopped:
                    frame = stopped.frame
                entry.rows = len(frame)
                entry.status = last[0].exchange.status if last else None
            if self.comm is None:
                # Closed meanwhile: what is made now would never be freed.
                return
            code = call.as_code(self._environment_name)
            self.results.show_frame(frame, last, say_completeness(frame), code)

        self.start(work, f"Fetching {name}")

    def _turn(self, where: str) -> None:
        shown = self.results.answer
        page = None if shown is None else (shown.older() if where == "older" else shown.newer())
        if page is None:
            raise FieldError(f"There are no {where} items at the bank.")
        self.results.show_answer(page, self._code)

    # History.

    def _reopen(self, call: Call) -> None:
        self._open(call.operation)
        self.form.fill(call.given, call.body, call.upload)

    def _resend(self, call: Call) -> None:
        self._reopen(call)
        (self._fetch if call.every_page else self._press_send)()


def _ended(error: BaseException) -> str:
    """Return how a call ended that has no answer to show."""
    if isinstance(error, OutcomeUnknownError):
        return "The outcome is unknown."
    if isinstance(error, UnsettledError):
        return "Not sent: the outcome of an earlier one is unknown."
    return f"Refused, {error.status}" if isinstance(error, ApiError) else "Not done."


def _followed(pages: Iterator[Answer], last: list[Answer], progress: Progress) -> Iterator[Answer]:
    """Give pages, keep the last, say how far they are; stop at the next if somebody cancels."""
    rows = 0
    progress.advance("")
    for number, page in enumerate(pages, 1):
        last[:] = [page]
        rows += len(page.wrapped)
        yield page
        progress.advance(f"{rows:,} rows of {number} pages")


def _ranked(typed: str) -> list[Operation]:
    """Operations that fit what was typed; of a word that has only begun, those that hold it.

    Who types a whole name means it, even where one of its words is everywhere, as in payment.get.
    """
    text = _plain(typed)
    found = find(typed) or [each for each in operations() if text in _plain(each.name)]
    return sorted(found, key=lambda each: _plain(each.name) != text)


def _plain(name: str) -> str:
    return re.sub(r"[\s._-]+", " ", name).strip().casefold()


def _grouped(found: list[Operation]) -> Iterator[tuple[str, str]]:
    """Give operations under the names of their resources, in the order of the best of each."""
    groups: dict[str, list[Operation]] = {}
    for each in found:
        groups.setdefault(each.resource, []).append(each)
    for resource, members in groups.items():
        yield resource, ""
        for each in members:
            yield f"    {each.method:<7}{each.name}", each.name


def _told(call: Call) -> str:
    """Return what is sent, and to whom."""
    whom = f" to {', '.join(map(printable, call.payees))}" if call.payees else ""
    return f"{_named(call)}{whom}"


def _named(call: Call) -> str:
    """Say what is sent: ``payment of EUR 10.00``, ``card.list``."""
    operation = call.operation
    if call.money and operation.verb == "create":
        return f"{operation.resource} of {call.money}"
    return operation.name
