"""``PaymentsPanel(bunq)``: accounts, payments and what they add up to; pay, ask, split, top up."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any

import ipywidgets

from bunqkit.display.html import empty_state, problem_line, status_line
from bunqkit.errors import FieldError, Interrupted
from bunqkit.frames.money import exact
from bunqkit.frames.paging import say_completeness
from bunqkit.frames.statement import show
from bunqkit.widgets.panel import DataTable, Fold, Panel, ProgressBar
from bunqkit.widgets.payment_view import PaymentView
from bunqkit.widgets.plot_tabs import PlotTabs
from bunqkit.widgets.transfer_form import TransferForm, account_options

if TYPE_CHECKING:
    import pandas as pd

    from bunqkit.context.context import Context

_ROW = {"flex_flow": "row wrap", "align_items": "center"}
_NARROW = {"width": "230px"}
_LISTED = 200
_ROWS = 15
# ipywidgets takes None for no choice at all.
_ALL = ("all accounts", 0)
_SHOWN = ["created", "account", "amount", "currency", "counterparty", "description", "type"]


class PaymentsPanel(Panel):
    """Payments as a bank's own page shows them, and the tables and plots behind it.

    Parameters
    ----------
    bunq
        Whose payments; ``bunqkit.connect()`` gives it.
    strict
        Whether what a handler raises is raised again after it was shown; tests use it.

    Attributes
    ----------
    payments
        All that were fetched; ``None`` before the first fetch.
    frame
        Those that the filter lets through.
    """

    def __init__(self, bunq: Context, *, strict: bool = False) -> None:
        self._bunq = bunq
        environment = bunq.settings.environment
        super().__init__("Payments", environment, strict=strict)
        writes = "read-only until a call is unlocked" if environment == "PRODUCTION" else ""
        self.say(", ".join(filter(None, (str(bunq.user.get("display_name") or ""), writes))))
        self.payments: pd.DataFrame | None = None
        self.frame: pd.DataFrame | None = None
        self._is_stale = False
        self._is_listing = False
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
        self.filters = (
            self.account, self.since, self.until, self.direction, self.text, self.least, self.most
        )  # fmt: skip
        for control in self.filters:
            control.observe(self.handler(lambda _: self._filter()), "value")
        self.table = DataTable(self, rows=_ROWS)
        self.choice = ipywidgets.Select(
            rows=6, description="payment", layout={"width": "auto"}, options=[]
        )
        self.choice.add_class("bunqkit-list")
        self._cut = ipywidgets.HTML()
        self._problem = ipywidgets.HTML()
        self.choice.observe(self.handler(lambda _: self._hear_choice()), "value")
        self.view = PaymentView(bunq)
        self.plots = PlotTabs(self)
        self.transfers = TransferForm(self, bunq, done=self.refresh)
        self.refresh_button = self.button("Fetch payments", self.refresh)
        self._empty = ipywidgets.HTML(empty_state("Here will be your payments.", "Wait for them."))
        self._found = ipywidgets.VBox(
            [self.table, self.choice, self._cut, self.view.box, self.plots.fold]
        )
        self._found.layout.display = "none"
        self.body.children = [
            self._balances,
            Fold("Move money", self, [self.transfers.box]),
            ipywidgets.HBox(list(self.filters), layout=_ROW),
            self._problem,
            ipywidgets.HBox([self.refresh_button]),
            self.outcome,
            self._empty,
            self._found,
        ]
        self.children = (self._head, self.body)
        self.refresh()

    def refresh(self) -> None:
        """Fetch accounts and payments anew, in a thread: ``wait()`` returns when they are there."""
        self._is_stale = True
        self.start(self._catch_up, "Fetching payments")

    def _hear_choice(self) -> None:
        if not self._is_listing:
            self.start(self._catch_up, "Opening the payment")

    def _catch_up(self, progress: ProgressBar) -> None:
        """Do what was asked for, also what is asked for meanwhile."""
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
        self.transfers.learn(accounts)

        def watch(pages: int, rows: int) -> None:
            progress.advance(f"{rows:,} rows of {pages:,} pages")

        try:
            self.payments = self._bunq.payments(watch=watch)
        except Interrupted as stopped:
            self.payments = stopped.frame
        self._empty.value, self._found.layout.display = "", ""
        self._filter()

    def _filter(self) -> None:
        payments = self.payments
        if payments is None:
            return
        chosen = self._mask(payments)
        self.frame = frame = payments[chosen]
        said = say_completeness(payments)
        if len(frame) < len(payments):
            said = f"{len(frame):,} of {said}"
        self.table.show(frame[_SHOWN], said)
        self._list(frame)
        self.plots.show(frame, payments)

    def _list(self, frame: pd.DataFrame) -> None:
        """Offer the payments to be opened; the one that is open stays so, if it is among them."""
        options = [_option(row) for row in frame.head(_LISTED).itertuples()]
        self._is_listing = True
        self.choice.options = options
        self.choice.value = self._opened if self._opened in dict(options).values() else None
        self._is_listing = False
        cut = f"These are the first {_LISTED}. Narrow the filter for others."
        self._cut.value = status_line(cut if len(frame) > _LISTED else "")
        if self._opened is not None and self.choice.value is None:
            self._hear_choice()

    def _mask(self, payments: pd.DataFrame) -> pd.Series[bool]:
        from bunqkit.analysis.spending import days_of  # noqa: PLC0415 (pandas when first used)

        chosen = payments["id"].notna()
        if self.account.value:
            chosen &= payments["account_id"] == self.account.value
        days = days_of(payments)
        if isinstance(self.since.value, date):
            chosen &= days >= str(self.since.value)
        if isinstance(self.until.value, date):
            chosen &= days <= str(self.until.value)
        if self.direction.value:
            chosen &= payments["direction"] == self.direction.value
        for word in self.text.value.split():
            texts = payments["counterparty"].fillna("") + " " + payments["description"].fillna("")
            chosen &= texts.str.contains(word, case=False, regex=False)
        size = payments["amount_cents"].abs()
        problems = []
        for control, is_within in ((self.least, size.ge), (self.most, size.le)):
            try:
                cents = _cents(control.value.strip())
            except FieldError as error:
                problems.append(str(error))
            else:
                chosen &= cents is None or is_within(cents)
        self._problem.value = problem_line(" ".join(problems))
        return chosen.fillna(value=False).astype("bool")

    def _open(self) -> None:
        if self.choice.value is None:
            self.view.clear()
        else:
            self.view.show(*self.choice.value)


def _option(row: Any) -> tuple[str, tuple[int, int]]:
    """Give what is told of a payment in the list, and how it is found."""
    name = str(row.counterparty) if isinstance(row.counterparty, str) else ""
    what = str(row.description) if isinstance(row.description, str) else ""
    told = f"{row.created:%Y-%m-%d}  {row.amount:>+11,.2f} {row.currency}  {name[:28]:<28}  {what}"
    return told[:110], (int(row.account_id), int(row.id))


def _cents(text: str) -> int | None:
    if not text:
        return None
    number = exact(text)
    if number is None:
        raise FieldError(f"{text!r} is no amount. Write it with a dot, such as 10.00.")
    return int(number.scaleb(2))
