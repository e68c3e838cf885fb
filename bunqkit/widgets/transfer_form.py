"""The form that moves money: pay, ask for money, split a bill, top up."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import ipywidgets

from bunqkit.analysis.spending import split_evenly
from bunqkit.catalogue.operations import operation
from bunqkit.catalogue.values import write_amount, write_pointer
from bunqkit.context.references import add_reference
from bunqkit.display.html import code_to_copy, fold, join, problem_line, status_line
from bunqkit.errors import FieldError
from bunqkit.widgets.confirmation import Confirmation
from bunqkit.widgets.draft_call import DraftCall
from bunqkit.widgets.panel import ROW, Panel
from bunqkit.widgets.write_sender import WriteSender

if TYPE_CHECKING:
    import pandas as pd

    from bunqkit.context.context import Context

_ACTIVE, _ACCEPTED = "ACTIVE", "ACCEPTED"


class TransferForm:
    """A form for the four ways to move money.

    In production a person confirms each, and it is unlocked for exactly its amount and payee.

    Parameters
    ----------
    panel
        The panel that wraps the handlers.
    bunq
        The context that moves the money.
    done
        Called when money has moved.

    Attributes
    ----------
    box
        The widget that shows the form.
    """

    def __init__(self, panel: Panel, bunq: Context, *, done: Callable[[], None]) -> None:
        self._bunq = bunq
        self._done = done
        self._environment = bunq.settings.environment
        self._currencies: dict[int, str] = {}
        self.account = ipywidgets.Dropdown(description="my account", options=[])
        self.amount = ipywidgets.Text(description="amount", placeholder="10.00")
        self.to = ipywidgets.Text(
            description="other side", placeholder="e-mail, phone or IBAN; several by commas"
        )
        self.name = ipywidgets.Text(description="their name", placeholder="an IBAN needs it")
        self.description = ipywidgets.Text(description="description", placeholder="what it is for")
        self.pay_button = panel.button("Send payment", self._pay, button_style="primary")
        self.request_button = panel.button("Ask for money", self._request)
        self.split_button = panel.button("Split a bill", self._split)
        self.top_up_button = panel.button("Top up from the sugar daddy", self._top_up)
        is_real = self._environment == "PRODUCTION"
        self.top_up_button.layout.display = "none" if is_real else ""
        self.confirmation = Confirmation(panel)
        self.sender = WriteSender(
            panel, bunq, self.confirmation, changed=self._check, made=self._finish
        )
        self.outcome = ipywidgets.HTML()
        self._problem = ipywidgets.HTML()
        fields = [self.account, self.amount, self.to, self.name, self.description]
        panel.on_change(self._check, *fields)
        buttons = [self.pay_button, self.request_button, self.split_button, self.top_up_button]
        self.box = ipywidgets.VBox(
            [
                ipywidgets.HBox(fields, layout=ROW),
                self._problem,
                ipywidgets.HBox(buttons, layout=ROW),
                self.confirmation.box,
                self.sender.box,
                self.outcome,
            ]
        )
        self._check()

    def offer_accounts(self, accounts: pd.DataFrame) -> None:
        """Offer the accounts that are open; the oldest is the main one."""
        active = accounts[accounts["status"] == _ACTIVE].sort_values("id")
        self._currencies = {
            int(number): str(currency)
            for number, currency in zip(active["id"], active["currency"], strict=True)
        }
        chosen = self.account.value
        self.account.options = account_options(active)
        if chosen not in self._currencies:
            chosen = next(iter(self._currencies), None)
        self.account.value = chosen

    @property
    def payees(self) -> list[str]:
        """The payees that were typed, one by one."""
        return [payee.strip() for payee in self.to.value.split(",") if payee.strip()]

    def _check(self) -> None:
        """Show what is wrong with the fields, and what the buttons would do."""
        self.confirmation.withdraw()
        amount, problem = "", ""
        try:
            if self.amount.value.strip():
                amount = _in_words(self._amount())
            for payee in self.payees:
                self._pointer(payee)
        except FieldError as error:
            problem = str(error)
        self._problem.value = problem_line(problem)
        is_blocked = self.sender.is_blocked
        is_ready = bool(amount and self.payees and not problem and not is_blocked)
        is_for_one = is_ready and len(self.payees) == 1
        self.pay_button.disabled = self.request_button.disabled = not is_for_one
        self.split_button.disabled = not is_ready
        self.top_up_button.disabled = is_blocked or not self._currencies
        one, all_of_us = (amount, len(self.payees) + 1) if is_ready else ("", 0)
        self.pay_button.description = f"Send payment of {one}" if one else "Send payment"
        self.request_button.description = f"Ask for {one}" if one else "Ask for money"
        self.split_button.description = f"Split {one} among {all_of_us}" if one else "Split a bill"

    def _amount(self) -> dict[str, str]:
        currency = self._currencies.get(self.account.value, "EUR")
        return write_amount(self.amount.value.strip(), currency)

    def _pointer(self, payee: str) -> dict[str, str]:
        # A name belongs to one person.
        name = self.name.value.strip() if len(self.payees) == 1 else ""
        return write_pointer(payee, name or None)

    def _pay(self) -> None:
        amount, to = self._amount(), self.payees[0]
        body = {
            "amount": amount,
            "counterparty_alias": self._pointer(to),
            "description": self.description.value,
        }
        self._carry_out("payment.create", body, f"payment of {_in_words(amount)} to {to}")

    def _request(self) -> None:
        amount, to = self._amount(), self.payees[0]
        body = self._inquiry(amount, self._pointer(to), self.description.value)
        self._carry_out("request-inquiry.create", body, f"request for {_in_words(amount)} to {to}")

    def _split(self) -> None:
        """Ask all payees in one batch; the part that is left, perhaps a cent more, is yours."""
        total = self._amount()
        currency, cents = total["currency"], int(Decimal(total["value"]).scaleb(2))
        _, *parts = split_evenly(cents, len(self.payees) + 1)
        amounts = [write_amount(Decimal(part).scaleb(-2), currency) for part in parts]
        inquiries = [
            self._inquiry(amount, self._pointer(to), self.description.value)
            for amount, to in zip(amounts, self.payees, strict=True)
        ]
        sum_of_parts = write_amount(Decimal(sum(parts)).scaleb(-2), currency)
        body = {"request_inquiries": inquiries, "total_amount_inquired": sum_of_parts}
        requests = ", ".join(
            f"{_in_words(amount)} to {to}" for amount, to in zip(amounts, self.payees, strict=True)
        )
        self._carry_out("request-inquiry-batch.create", body, f"requests for {requests}")

    def _top_up(self) -> None:
        amount = self.amount.value.strip() or "500.00"
        description = f"top-up of EUR {amount}"
        call = DraftCall(operation("request-inquiry.create"), {"top_up": amount})

        def send() -> None:
            request = self._bunq.top_up(amount)
            if request.get("status") != _ACCEPTED:
                raise FieldError(
                    f"The sugar daddy did not give EUR {amount}: the request is "
                    f"{request.get('status')}. Ask for at most 500.00 at a time."
                )
            self._show_done(f"{description}, to the main account", f'bunq.top_up("{amount}")')

        self.sender.send(call, description, send)

    def _inquiry(
        self, amount: dict[str, str], pointer: dict[str, str], description: str
    ) -> dict[str, Any]:
        return {
            "amount_inquired": amount,
            "counterparty_alias": pointer,
            "description": description,
            "allow_bunqme": False,
        }

    def _carry_out(self, name: str, body: dict[str, Any], description: str) -> None:
        call = DraftCall(operation(name), {"account": self.account.value}, body)

        def send() -> None:
            # With a reference of its own, its outcome can be looked up if the answer is lost.
            replace(call, body=add_reference(call.operation, body)).send(self._bunq)
            self._show_done(description, call.as_code(self._environment))

        def unlock_and_send() -> None:
            with self._bunq.unlock(name, **call.bounds()):
                send()

        if self._environment != "PRODUCTION":
            self.sender.send(call, description, send)
            return
        self.confirmation.ask(
            f"PRODUCTION: {description}, account {self.account.label}.",
            f"Unlock and send {description}",
            lambda: self.sender.carry_out(call, unlock_and_send),
        )

    def _show_done(self, description: str, code: str) -> None:
        self.outcome.value = join(
            status_line(f"Done: {description}."), fold("As a cell", code_to_copy(code))
        )
        self._finish()

    def _finish(self) -> None:
        """Empty the form, and report that money has moved."""
        self.amount.value = ""
        self._done()


def _in_words(amount: dict[str, str]) -> str:
    return f"{amount['currency']} {amount['value']}"


def account_options(accounts: pd.DataFrame) -> list[tuple[str, int]]:
    """List accounts for a menu; two may have the same name, so the end of the IBAN is shown."""
    names, ibans = accounts["description"].fillna(""), accounts["iban"].fillna("")
    return [
        (f"{name} …{iban[-4:]}" if iban else str(name), int(number))
        for name, iban, number in zip(names, ibans, accounts["id"], strict=True)
    ]
