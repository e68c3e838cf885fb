"""``PaymentsPanel(bunq)``: accounts, payments and plots of them; pay, ask, split, top up."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any

import ipywidgets

from bunqkit.display.html import empty_state, problem_line, status_line
from bunqkit.errors import FieldError, Interrupted
from bunqkit.frames.money import exact
from bunqkit.frames.paging import say_completeness
from bunqkit.frames.statement import show
from bunqkit.widgets.choice_list import ChoiceList
from bunqkit.widgets.data_table import DataTable
from bunqkit.widgets.fold import Fold
from bunqkit.widgets.panel import ROW, Panel, ProgressBar
from bunqkit.widgets.payment_view import PaymentView
from bunqkit.widgets.plot_tabs import PlotTabs
from bunqkit.widgets.transfer_form import TransferForm, account_options

if TYPE_CHECKING:
    import pandas as pd

    from bunqkit.context.context import Context

_NARROW = {"width": "230px"}
_LISTED = 200
_ROWS = 15
# The value is 0, since None means to ipywidgets that nothing is chosen.
_ALL = ("all accounts", 0)
_SHOWN = ["created", "account", "amount", "currency", "counterparty", "description", "type"]


class PaymentsPanel(Panel):
    """Payments as the page of a bank shows them, with plots and a form that moves money.

    Parameters
    ----------
    bunq
        The context whose payments are shown: ``bunqkit.connect()``.
    strict
        True to raise a handler's error again after it was shown; tests use it.

    Attributes
    ----------
    payments
        All payments; ``None`` before the first fetch.
    frame
        The payments that the filter lets through.
    """

    def __init__(self, bunq: Context, *, strict: bool = False) -> None:
        self._bunq = bunq
        super().__init__("Payments", bunq.settings.environment, strict=strict)
        self.show_user(bunq)
        self.payments: pd.DataFrame | None = None
        self.frame: pd.DataFrame | None = None
        self._is_stale = False
        self._opened: tuple[int, int] | None = None
        self._balances = ipywidgets.HTML()
        self.account = ipywidgets.Dropdown(description="account", options=[_ALL])
        self.since = ipywidgets.DatePicker(description="from", layout=_NARROW)
        self.until = ipywidgets.DatePicker(description="to", layout=_NARROW)
        self.direction = ipywidgets.Dropdown(
            description="direction",
            options=[("in and out", ""), ("in", "in"), ("out", "out")],
            layout=_NARROW,
        )
        self.text = ipywidgets.Text(
            description="text", placeholder="words of counterparty or description"
        )
        self.least = ipywidgets.Text(description="at least", placeholder="0.00", layout=_NARROW)
        self.most = ipywidgets.Text(description="at most", placeholder="100.00", layout=_NARROW)
        dates_and_texts = (self.account, self.since, self.until, self.direction, self.text)
        self.filters = (*dates_and_texts, self.least, self.most)
        self.on_change(self._filter, *self.filters)
        self.table = DataTable(self, rows=_ROWS)
        self.choice = ChoiceList(self, "payment", self._start_opening, rows=6)
        self._cut = ipywidgets.HTML()
        self._problem = ipywidgets.HTML()
        self.view = PaymentView(bunq)
        self.plots = PlotTabs(self)
        self.transfers = TransferForm(self, bunq, done=self.refresh)
        self.refresh_button = self.button("Fetch payments", self.refresh)
        self._empty = ipywidgets.HTML(empty_state("Here will be your payments.", "Wait for them."))
        self._content = ipywidgets.VBox(
            [self.table, self.choice, self._cut, self.view.box, self.plots.fold]
        )
        self._content.layout.display = "none"
        self.lay_out(
            self._balances,
            Fold("Move money", self, [self.transfers.box]),
            ipywidgets.HBox(list(self.filters), layout=ROW),
            self._problem,
            ipywidgets.HBox([self.refresh_button]),
            self.outcome,
            self._empty,
            self._content,
        )
        self.refresh()

    def refresh(self) -> None:
        """Fetch accounts and payments again, in a thread; ``wait()`` returns when it has ended."""
        self._is_stale = True
        self.start(self._catch_up, "Fetching payments")

    def _start_opening(self) -> None:
        self.start(self._catch_up, "Opening the payment")

    def _catch_up(self, progress: ProgressBar) -> None:
        """Fetch and open what a person asks for, until nothing more is asked for."""
        while not progress.is_cancelled:
            if self._is_stale:
                self._is_stale = False
                self._fetch(progress)
            elif self.choice.value != self._opened:
                self._opened = self.choice.value
                self._open()
            else:
                return

    def _fetch(self, progress: ProgressBar) -> None:
        accounts = self._bunq.accounts()
        self._balances.value = show(
            accounts[["description", "balance", "currency", "iban", "type", "status"]]
        ).html()
        options = (_ALL, *account_options(accounts))
        if self.account.options != options:
            self.account.options = options
        self.transfers.offer_accounts(accounts)

        def watch(pages: int, rows: int) -> None:
            progress.advance(f"{rows:,} rows of {pages:,} pages")

        try:
            self.payments = self._bunq.payments(watch=watch)
        except Interrupted as stopped:
            self.payments = stopped.frame
        self._empty.value, self._content.layout.display = "", ""
        self._filter()

    def _filter(self) -> None:
        payments = self.payments
        if payments is None:
            return
        self.frame = frame = payments[self._mask(payments)]
        completeness = say_completeness(payments)
        if len(frame) < len(payments):
            completeness = f"{len(frame):,} of {completeness}"
        self.table.show(frame[_SHOWN], completeness)
        self._list(frame)
        self.plots.show(frame, payments)

    def _list(self, frame: pd.DataFrame) -> None:
        """List the payments to open; the open one stays open if it is in the list."""
        options = [_option(row) for row in frame.head(_LISTED).itertuples()]
        self.choice.offer(options, self._opened)
        cut = f"These are the first {_LISTED}. Narrow the filter for others."
        self._cut.value = status_line(cut if len(frame) > _LISTED else "")
        if self._opened is not None and self.choice.value is None:
            self._start_opening()

    def _mask(self, payments: pd.DataFrame) -> pd.Series[bool]:
        """Return, for each payment, if the filters let it through; say what is wrong with them."""
        from bunqkit.analysis.spending import days_of

        mask = payments["id"].notna()
        if self.account.value:
            mask &= payments["account_id"] == self.account.value
        days = days_of(payments)
        if isinstance(self.since.value, date):
            mask &= days >= str(self.since.value)
        if isinstance(self.until.value, date):
            mask &= days <= str(self.until.value)
        if self.direction.value:
            mask &= payments["direction"] == self.direction.value
        for word in self.text.value.split():
            texts = payments["counterparty"].fillna("") + " " + payments["description"].fillna("")
            mask &= texts.str.contains(word, case=False, regex=False)
        cents = payments["amount_cents"].abs()
        problems = []
        for control, is_within in ((self.least, cents.ge), (self.most, cents.le)):
            try:
                limit = _cents(control.value.strip())
            except FieldError as error:
                problems.append(str(error))
            else:
                mask &= limit is None or is_within(limit)
        self._problem.value = problem_line(" ".join(problems))
        return mask.fillna(value=False).astype("bool")

    def _open(self) -> None:
        if self.choice.value is None:
            self.view.clear()
        else:
            self.view.show(*self.choice.value)


def _option(row: Any) -> tuple[str, tuple[int, int]]:
    """Return the line of a payment in the list, and the ids of its account and itself."""
    name = row.counterparty if isinstance(row.counterparty, str) else ""
    text = row.description if isinstance(row.description, str) else ""
    line = f"{row.created:%Y-%m-%d}  {row.amount:>+11,.2f} {row.currency}  {name[:28]:<28}  {text}"
    return line[:110], (int(row.account_id), int(row.id))


def _cents(text: str) -> int | None:
    if not text:
        return None
    number = exact(text)
    if number is None:
        raise FieldError(f"{text!r} is no amount. Write it with a dot, such as 10.00.")
    return int(number.scaleb(2))
