"""``Explorer(bunq)``: find an operation, fill in its form, preview it, send it, see the answer."""

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
from bunqkit.display.html import empty_state
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
from bunqkit.widgets.choice_list import ChoiceList
from bunqkit.widgets.confirmation import Confirmation
from bunqkit.widgets.draft_call import DraftCall
from bunqkit.widgets.fold import Fold
from bunqkit.widgets.form import Form
from bunqkit.widgets.history import History, HistoryEntry
from bunqkit.widgets.panel import ROW, Panel, ProgressBar, swap
from bunqkit.widgets.pickers import Pickers
from bunqkit.widgets.result_tabs import ResultTabs
from bunqkit.widgets.value_inputs import FormContext
from bunqkit.widgets.write_sender import WriteSender

if TYPE_CHECKING:
    import pandas as pd

    from bunqkit.context.context import Context

_LOOKED_UP = 200


class Explorer(Panel):
    """Every operation of the API, in a form.

    Parameters
    ----------
    bunq
        The context that sends the calls: ``bunqkit.connect()``.
    strict
        True to raise a handler's error again after it was shown; tests use it.

    Attributes
    ----------
    history
        The calls that were made: ``history.frame``, ``history.script()``.
    confirmation
        The question that a person must answer before a write in production is sent.
    """

    def __init__(self, bunq: Context, *, strict: bool = False) -> None:
        self._bunq = bunq
        super().__init__("Explorer", bunq.settings.environment, strict=strict)
        self._form_context = FormContext(self, Pickers())
        self._form: Form | None = None
        self._draft: DraftCall | None = None
        self._entered: str | None = None
        self.search = ipywidgets.Text(
            description="search",
            placeholder=f"words of a name, a path, a field: {len(operations())} operations",
            layout={"width": "auto"},
        )
        self.on_change(self._on_search, self.search)
        self.search.on_msg(self.handler(self._on_key))
        self.matches = ChoiceList(self, "operations", self._on_match, rows=8)
        self._place = ipywidgets.VBox()
        self.preview_button = self.button("Preview", self._preview)
        self.send_button = self.button("Send", self._press_send, button_style="primary")
        self.pages_button = self.button("Fetch every page", self._fetch)
        self.check = ipywidgets.Checkbox(
            value=True, description="check before sending", indent=False, layout={"width": "auto"}
        )
        self.on_change(self._refresh, self.check)
        self._actions = ipywidgets.HBox(
            [self.preview_button, self.send_button, self.pages_button, self.check], layout=ROW
        )
        self.confirmation = Confirmation(self)
        self.sender = WriteSender(self, bunq, self.confirmation, changed=self._refresh)
        self.results = ResultTabs(self, self._turn)
        self.history = History(
            self, reopen=self._reopen, resend=self._resend, environment=self._environment
        )
        fold = Fold("History", self, [self.history.box])
        parts = [self.search, self.matches, self._place, self._actions, self.confirmation.box]
        self.lay_out(*parts, self.sender.box, self.outcome, self.results.box, fold)
        self.show_user(bunq)
        self._list()
        self.confirmation.withdraw()
        self._refresh()
        hint = empty_state(
            "Here will be the form of the operation that you choose.",
            "Type a few words and press Enter.",
        )
        swap(self._place, [ipywidgets.HTML(hint)])

    @property
    def result(self) -> Answer | None:
        """The answer that is shown; ``None`` without one."""
        return self.results.answer

    @property
    def frame(self) -> pd.DataFrame | None:
        """The table that is shown; ``None`` without one."""
        return self.results.frame

    @property
    def form(self) -> Form:
        """The form that is shown.

        Raises
        ------
        FieldError
            If no operation is chosen yet.
        """
        if self._form is None:
            raise FieldError("No operation is chosen yet. Search for one and press Enter.")
        return self._form

    def choose(self, operation: str) -> None:
        """Show the form of an operation, by any of its names."""
        self._open(operation_named(operation))

    # Finding an operation.

    def _list(self) -> None:
        self.matches.offer(list(_group_options(_matching_operations(self.search.value))))

    def _on_search(self) -> None:
        self._list()
        if self._entered is not None and self.search.value.startswith(self._entered):
            self.enter()
        else:
            self._entered = None

    def _on_key(self, _widget: Any, content: dict[str, Any], _buffers: Any) -> None:
        if content.get("event") == "submit":
            # While the kernel is busy, a front end holds letters back, but not Enter. So letters
            # that come after Enter, until the form is touched, may have been typed before it.
            self._entered = self.search.value
            if self._entered:
                self.enter()

    def enter(self) -> None:
        """Open the first match, as Enter in the search does; if it is open already, it stays."""
        first = next((value for _, value in self.matches.options if value), None)
        if first is None:
            raise FieldError(f"Nothing is called {self.search.value!r}. Try other words.")
        self.clear_error()
        if self._form is None or self._form.operation.name != first:
            self._open(operation_named(first))
        self.form.focus()

    def _on_match(self) -> None:
        if self.matches.value:
            self._entered = None
            self._open(operation_named(self.matches.value))

    def _open(self, operation: Operation) -> None:
        self.confirmation.withdraw()
        self.sender.unblock()
        self._form_context.pickers.learn(self._bunq.exchanges)
        self._form = Form(
            operation,
            self._form_context,
            defaults=self._defaults(operation),
            changed=self._on_form,
            look_up=self._look_up,
        )
        swap(self._place, [self._form.box])
        self.matches.choose(operation.name)
        self._draft = None
        self._refresh()

    def _defaults(self, operation: Operation) -> dict[str, object]:
        defaults: dict[str, object] = {"user_id": self._bunq.user_id}
        if "account" in operation.ids:
            with contextlib.suppress(BunqkitError):
                defaults["account"] = self._bunq.find_account()["id"]
        return defaults

    # The form and its buttons.

    def _on_form(self) -> None:
        self._draft = self._entered = None
        self.confirmation.withdraw()
        self._refresh()

    def _refresh(self) -> None:
        form = self._form
        is_ready = form is not None and not (self.check.value and (form.needs or form.problems))
        self._actions.layout.display = "none" if form is None else ""
        if form is None:
            return
        self.preview_button.disabled = not is_ready
        is_blocked = form.call.is_write and self.sender.is_blocked
        self.send_button.disabled = is_blocked or not is_ready
        self.send_button.description = f"Send {_short_name(form.call)}"
        self.pages_button.layout.display = "" if form.operation.is_paged else "none"
        self.pages_button.disabled = not is_ready

    def _make_draft(self) -> DraftCall:
        """Return the call that is previewed and sent: the same bytes, until the form changes."""
        if self._draft is None:
            call = self.form.call
            if call.body is not None:
                body = add_reference(call.operation, dict(call.body))
                call = replace(call, body=body)
            self._draft = call
        return self._draft

    def _look_up(self, lister: str) -> None:
        operation = operation_named(lister)
        ids = self.form.call.arguments
        arguments: dict[str, Any] = {name: ids[name] for name in operation.ids if name in ids}
        if operation.is_paged:
            arguments["count"] = _LOOKED_UP
        self._bunq.call(lister, **arguments)
        self._form_context.pickers.learn(self._bunq.exchanges)
        self.form.refresh(self._defaults(self.form.operation))

    # Sending.

    def _preview(self) -> None:
        exchange = self._make_draft().preview(self._bunq)
        self.results.show_exchange(exchange, self._code, "Nothing was sent: this is what would be.")

    @property
    def _code(self) -> str:
        return self.form.call.as_code(self._environment)

    def _press_send(self) -> None:
        call = self._make_draft()
        if not call.is_write:
            self._carry_out(call)
        elif self._environment == "PRODUCTION":
            self._ask(call)
        else:
            self.sender.send(self.form.call, _in_words(call), lambda: self._carry_out(call))

    def _ask(self, call: DraftCall) -> None:
        """Ask before real money moves, and wait for a second press."""
        form_call = self.form.call
        self.confirmation.ask(
            f"PRODUCTION: {_in_words(call)}, {self.form.path}.",
            f"Unlock and send {_short_name(call)}",
            lambda: self.sender.carry_out(form_call, lambda: self._unlock(call)),
        )

    def _unlock(self, call: DraftCall) -> None:
        with self._bunq.unlock(call.operation.name, **call.bounds()):
            self._carry_out(call)

    def _carry_out(self, call: DraftCall) -> None:
        self.results.clear(f"Sending {_short_name(call)} …")
        with self._recording(self.form.call) as entry:
            answer = call.send(self._bunq)
            entry.status = answer.exchange.status
            entry.elapsed_s = answer.exchange.elapsed_s
            entry.rows = len(answer.items) if answer.is_json else None
        self.results.show_answer(answer, self._code)
        self._draft = None

    @contextlib.contextmanager
    def _recording(self, call: DraftCall) -> Iterator[HistoryEntry]:
        """Record a call in the history; if it fails, show what was sent and the refusal."""
        entry = self.history.add(call, self.form.path)
        try:
            yield entry
        except (BunqkitError, KeyboardInterrupt) as error:
            entry.error = str(error) or "stopped"
            self._draft = None
            state = _state_after(error)
            self.results.clear(state)
            exchange = self._exchange_of(error)
            if exchange is not None:
                entry.status = exchange.status or None
                self.results.show_exchange(exchange, call.as_code(self._environment), state)
            raise
        finally:
            self.history.refresh()

    def _exchange_of(self, error: BaseException) -> Exchange | None:
        """Return the exchange that an error belongs to, if anything was sent."""
        last = self._bunq.exchanges[-1:]
        is_last = isinstance(error, CallError) and bool(last) and last[0].path == error.path
        return last[0] if is_last else None

    def _fetch(self) -> None:
        call = replace(self.form.call, every_page=True)
        name = call.operation.name
        self.results.clear()

        def work(progress: ProgressBar) -> None:
            answers: list[Answer] = []
            with self._recording(call) as entry:
                pages = _report_pages(self._bunq.pages(name, **call.arguments), answers, progress)
                try:
                    frame = frame_of_pages(pages, operation=name, progress=False)
                except Interrupted as stopped:
                    frame = stopped.frame
                entry.rows = len(frame)
                last = answers[-1] if answers else None
                entry.status = last.exchange.status if last else None
            if self.comm is None:
                # The explorer was closed meanwhile: new widgets would never be freed.
                return
            code = call.as_code(self._environment)
            self.results.show_frame(frame, last, say_completeness(frame), code)

        self.start(work, f"Fetching {name}")

    def _turn(self, where: str) -> None:
        answer = self.results.answer
        page = None
        if answer is not None:
            page = answer.older() if where == "older" else answer.newer()
        if page is None:
            raise FieldError(f"There are no {where} items at the bank.")
        self.results.show_answer(page, self._code)

    # History.

    def _reopen(self, call: DraftCall) -> None:
        self._open(call.operation)
        self.form.fill(call.arguments, call.body, call.upload)

    def _resend(self, call: DraftCall) -> None:
        self._reopen(call)
        (self._fetch if call.every_page else self._press_send)()


def _state_after(error: BaseException) -> str:
    """Return what became of a call that has no answer to show."""
    if isinstance(error, OutcomeUnknownError):
        return "The outcome is unknown."
    if isinstance(error, UnsettledError):
        return "Not sent: the outcome of an earlier one is unknown."
    return f"Refused, {error.status}" if isinstance(error, ApiError) else "Not done."


def _report_pages(
    pages: Iterator[Answer], last: list[Answer], progress: ProgressBar
) -> Iterator[Answer]:
    """Yield pages, keep the last one in ``last``, and report them; stop if a person cancels."""
    rows = 0
    progress.advance("")
    for number, page in enumerate(pages, 1):
        last[:] = [page]
        rows += len(page.wrapped)
        yield page
        progress.advance(f"{rows:,} rows of {number} pages")


def _matching_operations(typed: str) -> list[Operation]:
    """List the operations that match a search, best first.

    If the search finds nothing, a word may be unfinished: then the names that contain the text
    match. A whole name comes first, even if its words are everywhere, as in ``payment.get``.
    """
    text = _plain(typed)
    matches = find(typed) or [match for match in operations() if text in _plain(match.name)]
    return sorted(matches, key=lambda match: _plain(match.name) != text)


def _plain(name: str) -> str:
    return re.sub(r"[\s._-]+", " ", name).strip().casefold()


def _group_options(matches: list[Operation]) -> Iterator[tuple[str, str]]:
    """Yield labels and names of operations by resource, in the order of the best of each."""
    groups: dict[str, list[Operation]] = {}
    for match in matches:
        groups.setdefault(match.resource, []).append(match)
    for resource, members in groups.items():
        yield resource, ""
        for operation in members:
            yield f"    {operation.method:<7}{operation.name}", operation.name


def _in_words(call: DraftCall) -> str:
    """Return what is sent, and to whom."""
    payees = f" to {', '.join(map(printable, call.payees))}" if call.payees else ""
    return f"{_short_name(call)}{payees}"


def _short_name(call: DraftCall) -> str:
    """Return what is sent: ``payment of EUR 10.00``, ``card.list``."""
    operation = call.operation
    if call.money and operation.verb == "create":
        return f"{operation.resource} of {call.money}"
    return operation.name
