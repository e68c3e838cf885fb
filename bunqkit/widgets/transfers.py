"""Moving money from a panel: pay, ask for money, split a bill, top up."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import ipywidgets

from bunqkit.analysis import split_evenly
from bunqkit.errors import FieldError
from bunqkit.money import exact
from bunqkit.shorthand import write_amount, write_pointer
from bunqkit.widgets.parts import Panel, status_html
from bunqkit.widgets.question import Question

if TYPE_CHECKING:
    import pandas as pd

    from bunqkit.context import Context

_ROW = {"flex_flow": "row wrap", "align_items": "center"}


class Transfers:
    """A form for the four ways in which money moves.

    In production each is read back, and unlocked for exactly its amount and payee.

    Parameters
    ----------
    panel
        Wraps the handlers.
    bunq
        Whose money it is.
    done
        Is told when money has moved.

    Attributes
    ----------
    box
        The widget that shows it.
    """

    def __init__(self, panel: Panel, bunq: Context, *, done: Callable[[], None]) -> None:
        self._bunq = bunq
        self._done = done
        self._is_locked = bunq.settings.environment == "PRODUCTION"
        self.account = ipywidgets.Dropdown(description="account", options=[("main account", None)])
        self.amount = ipywidgets.Text(description="amount", placeholder="10.00")
        self.to = ipywidgets.Text(
            description="to", placeholder="e-mail, phone number or IBAN; several by commas"
        )
        self.name = ipywidgets.Text(
            description="name", placeholder="of the payee; an IBAN needs it"
        )
        self.description = ipywidgets.Text(description="description", placeholder="what it is for")
        self.pay_button = panel.button("Send payment", self._pay, button_style="primary")
        self.request_button = panel.button("Ask for money", self._request)
        self.split_button = panel.button("Split a bill", self._split)
        self.top_up_button = panel.button("Top up from the sugar daddy", self._top_up)
        self.top_up_button.layout.display = "none" if self._is_locked else ""
        self.question = Question(panel)
        self.said = ipywidgets.HTML()
        self._problem = ipywidgets.HTML()
        for control in (self.amount, self.to, self.name):
            control.observe(panel.handler(lambda _: self._look()), "value")
        fields = [self.account, self.amount, self.to, self.name, self.description]
        buttons = [self.pay_button, self.request_button, self.split_button, self.top_up_button]
        self.box = ipywidgets.VBox(
            [
                ipywidgets.HBox(fields, layout=_ROW),
                self._problem,
                ipywidgets.HBox(buttons, layout=_ROW),
                self.question.box,
                self.said,
            ]
        )
        self._look()

    def learn(self, accounts: pd.DataFrame) -> None:
        """Offer these accounts."""
        kept = self.account.value
        pairs = zip(accounts["description"].fillna(""), accounts["id"], strict=True)
        self.account.options = [("main account", None), *((str(n), int(i)) for n, i in pairs)]
        if kept in list(accounts["id"]):
            self.account.value = kept

    @property
    def payees(self) -> list[str]:
        """Those who were typed, apart from each other."""
        return [each.strip() for each in self.to.value.split(",") if each.strip()]

    def _look(self) -> None:
        """Say what is wrong with what was typed so far, and what the buttons would do."""
        self.question.withdraw()
        amount, problem = self.amount.value.strip(), ""
        try:
            if amount:
                write_amount(amount, "EUR")
            for payee in self.payees:
                write_pointer(payee, self.name.value.strip() or None)
        except FieldError as error:
            problem = str(error)
        self._problem.value = f'<p class="problem">{status_html(problem)}</p>' if problem else ""
        one, several = len(self.payees) == 1, len(self.payees) > 0
        is_ready = bool(amount) and not problem
        self.pay_button.disabled = self.request_button.disabled = not (is_ready and one)
        self.split_button.disabled = not (is_ready and several)
        told = f" of {amount}" if is_ready else ""
        self.pay_button.description = f"Send payment{told}"
        self.request_button.description = f"Ask for {amount}" if is_ready else "Ask for money"
        self.split_button.description = (
            f"Split {amount} among {len(self.payees) + 1}" if is_ready and several
            else "Split a bill"
        )  # fmt: skip

    def _given(self) -> dict[str, Any]:
        return {
            "account": self.account.value,
            "name": self.name.value.strip() or None,
        }

    def _pay(self) -> None:
        amount, to = self.amount.value.strip(), self.payees[0]
        self._carry_out(
            "payment.create",
            amount,
            f"payment of {amount} to {to}",
            lambda: self._bunq.pay(amount, to, self.description.value, **self._given()),
        )

    def _request(self) -> None:
        amount, to = self.amount.value.strip(), self.payees[0]
        self._carry_out(
            "request-inquiry.create",
            None,
            f"request for {amount} to {to}",
            lambda: self._bunq.request_money(amount, to, self.description.value, **self._given()),
        )

    def _split(self) -> None:
        """Ask each payee for a part; the first part, which may be a cent more, stays with you."""
        total = exact(self.amount.value.strip())
        if total is None or total <= 0:
            raise FieldError(f"{self.amount.value!r} can't be split. Write it as 10.00.")
        cents = int(total.scaleb(2))
        _, *parts = split_evenly(cents, len(self.payees) + 1)
        wanted = list(zip(self.payees, parts, strict=True))

        def ask() -> None:
            for to, part in wanted:
                value = f"{Decimal(part).scaleb(-2):.2f}"
                self._bunq.request_money(value, to, self.description.value, **self._given())

        told = ", ".join(f"{Decimal(part).scaleb(-2):.2f} from {to}" for to, part in wanted)
        self._carry_out("request-inquiry.create", None, f"requests: {told}", ask, count=len(wanted))

    def _top_up(self) -> None:
        amount = self.amount.value.strip() or "500.00"
        self._bunq.top_up(amount)
        self._tell(f"top-up of {amount}")

    def _carry_out(
        self,
        operation: str,
        up_to: str | None,
        what: str,
        act: Callable[[], object],
        *,
        count: int = 1,
    ) -> None:
        if not self._is_locked:
            act()
            self._tell(what)
            return

        def unlocked() -> None:
            to = self.payees[0] if len(self.payees) == 1 else None
            with self._bunq.unlock(operation, up_to=up_to, count=count, to=to):
                act()
            self._tell(what)

        self.question.ask(f"PRODUCTION: {what}.", f"Unlock and send {what}", unlocked)

    def _tell(self, what: str) -> None:
        self.said.value = status_html(f"Done: {what}.")
        self.amount.value = ""
        self._done()
