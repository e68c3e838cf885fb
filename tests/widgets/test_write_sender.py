"""Writes from a panel: one press is one write, and none goes out while an outcome is unknown."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from visitors import Wire
from widgets.panels import text_of

import bunqkit
from bunqkit.client.live import LiveTransport
from bunqkit.client.retries import Retries
from bunqkit.context.context import Context
from bunqkit.errors import OutcomeUnknownError, UnsettledError
from bunqkit.sandbox import Bank, doors
from bunqkit.widgets import Explorer, PaymentsPanel


@pytest.fixture
def bunq(bank: Bank, wire: Wire) -> Context:
    """Return the person with a history, whose calls go over the wire."""
    bunq = bunqkit.connect(bank=bank, api_key=bank.demo_key)
    bunq.client._transport = LiveTransport(adapter=doors.InProcess(wire))
    bunq.client.retries = Retries(sleep=lambda _seconds: None)
    bunq._writes.sleep = lambda _seconds: None
    return bunq


class Filled:
    """A panel whose form holds a payment of EUR 12.50 to bravo@bunq.com.

    Attributes
    ----------
    press
        Presses Send, as one click does.
    """

    def __init__(
        self, panel: Any, sender: Any, confirmation: Any, press: Callable[[], None]
    ) -> None:
        self.panel = panel
        self.sender = sender
        self.confirmation = confirmation
        self.press = press


def fill_explorer(bunq: Context) -> Filled:
    """Put the payment into the explorer."""
    explorer = Explorer(bunq, strict=True)
    explorer.choose("payment.create")
    explorer.form.fill(
        {"account": bunq.find_account()["id"]},
        {
            "amount": {"value": "12.50", "currency": "EUR"},
            "counterparty_alias": {"type": "EMAIL", "value": "bravo@bunq.com"},
            "description": "shoes",
        },
    )
    return Filled(explorer, explorer.sender, explorer.confirmation, explorer.send_button.click)


def fill_transfers(bunq: Context) -> Filled:
    """Put the payment into the form of the payments panel."""
    panel = PaymentsPanel(bunq, strict=True)
    panel.wait()
    form = panel.transfers

    def press() -> None:
        if not form.amount.value:
            # The form is emptied once the money has moved: somebody types it again.
            form.amount.value = "12.50"
        form.pay_button.click()
        panel.wait()

    form.to.value, form.description.value = "bravo@bunq.com", "shoes"
    form.amount.value = "12.50"
    return Filled(panel, form.sender, form.confirmation, press)


@pytest.fixture(params=[fill_explorer, fill_transfers], ids=["explorer", "payments"])
def filled(request: pytest.FixtureRequest, bunq: Context) -> Iterator[Filled]:
    """Return either panel with the payment in its form."""
    filled = request.param(bunq)
    yield filled
    filled.panel.close()


def paid(bank: Bank) -> int:
    """Count the payments at the bank."""
    row = bank.ledger.row("SELECT COUNT(*) AS number FROM movement WHERE description = 'shoes'")
    assert row is not None
    return int(row["number"])


def test_a_double_click_pays_once(filled: Filled, bank: Bank) -> None:
    """The second click asks, and names amount and payee; nothing is sent by it."""
    filled.press()
    filled.press()
    assert paid(bank) == 1
    asked = text_of(filled.confirmation.box)
    assert filled.confirmation.box.layout.display == ""
    assert "was sent at" in asked
    assert "EUR 12.50" in asked
    assert "bravo@bunq.com" in asked
    filled.confirmation.cancel_button.click()
    assert paid(bank) == 1


def test_a_second_one_is_sent_by_whoever_says_so(filled: Filled, bank: Bank) -> None:
    """Each answer to the question sends one, however often it is pressed."""
    filled.press()
    filled.press()
    assert "once more" in filled.confirmation.confirm_button.description
    filled.confirmation.confirm_button.click()
    filled.confirmation.confirm_button.click()
    assert paid(bank) == 2


def test_another_payment_needs_no_question(bunq: Context, bank: Bank) -> None:
    """Only the same write is asked about."""
    filled = fill_explorer(bunq)
    filled.press()
    form = filled.panel.form
    form.fill(form.call.arguments, {**form.call.body, "description": "shoes, the left one"})
    filled.press()
    assert filled.confirmation.box.layout.display == "none"
    assert paid(bank) == 1
    filled.panel.close()


def test_a_read_is_never_asked_about(bunq: Context, wire: Wire) -> None:
    """Reading twice does no harm."""
    explorer = Explorer(bunq, strict=True)
    explorer.choose("card.list")
    for _ in range(2):
        explorer.send_button.click()
    assert explorer.confirmation.box.layout.display == "none"
    assert explorer.result is not None
    explorer.close()


def test_the_button_is_off_while_its_call_runs(bunq: Context, wire: Wire) -> None:
    """What a front end shows meanwhile; a press from a handler of that time does nothing."""
    filled = fill_explorer(bunq)
    seen: list[bool] = []

    def watch(environ: dict[str, Any]) -> None:
        if environ["REQUEST_METHOD"] == "POST":
            seen.append(filled.panel.send_button.disabled)
            filled.press()

    wire.bend_request = watch
    filled.press()
    assert seen == [True]
    assert not filled.panel.send_button.disabled
    filled.panel.close()


def lose(wire: Wire, *, is_made: bool = True) -> None:
    """Take the signature off every answer; without ``is_made`` the bank refuses the payment."""

    def bend(
        status: int, headers: dict[str, str], body: bytes
    ) -> tuple[int, dict[str, str], bytes]:
        headers.pop("X-Bunq-Server-Signature", None)
        return 502, headers, b"<html>Bad Gateway</html>"

    wire.bend = bend
    if not is_made:
        wire.bend_request = lambda environ: environ.update(
            {"HTTP_X_BUNQ_CLIENT_AUTHENTICATION": "nobody"}
        )


def find_again(wire: Wire) -> None:
    """Pass calls and answers on unchanged."""
    wire.bend = lambda status, headers, body: (status, headers, body)
    wire.bend_request = lambda _environ: None


def test_an_unknown_outcome_is_looked_up_before_anything_is_sent(
    filled: Filled, wire: Wire, bank: Bank
) -> None:
    """No "Not done" and no live button meanwhile; then it says that the payment was made."""
    lose(wire)
    with pytest.raises(OutcomeUnknownError):
        filled.press()
    assert paid(bank) == 1
    assert "Not done" not in text_of(filled.panel)
    assert "Nobody can say yet" in text_of(filled.sender.box)
    assert filled.sender.is_blocked
    filled.press()
    assert paid(bank) == 1
    find_again(wire)
    filled.sender.look_button.click()
    filled.panel.wait()
    assert not filled.sender.is_blocked
    assert "made" in text_of(filled.sender.box)
    assert filled.sender.look_button.layout.display == "none"
    filled.press()
    assert "was sent at" in text_of(filled.confirmation.box)
    assert paid(bank) == 1


def test_what_was_made_after_all_is_in_the_table(bunq: Context, wire: Wire) -> None:
    """The form is emptied and the payments are fetched anew, as after an answer that came."""
    filled = fill_transfers(bunq)
    before = len(filled.panel.payments)
    lose(wire)
    with pytest.raises(OutcomeUnknownError):
        filled.press()
    find_again(wire)
    filled.sender.look_button.click()
    filled.panel.wait()
    assert filled.panel.transfers.amount.value == ""
    assert len(filled.panel.payments) == before + 1
    filled.panel.close()


def test_looking_in_vain_lets_nothing_like_it_go(filled: Filled, wire: Wire, bank: Bank) -> None:
    """While the bank can't be reached the outcome stays unknown, and the same is refused."""
    lose(wire)
    with pytest.raises(OutcomeUnknownError):
        filled.press()
    filled.sender.look_button.click()
    filled.panel.wait()
    assert filled.sender.look_button.layout.display == ""
    find_again(wire)
    filled.press()
    if filled.confirmation.box.layout.display == "":
        with pytest.raises(UnsettledError):
            filled.confirmation.confirm_button.click()
    assert paid(bank) == 1


def test_another_form_is_live(bunq: Context, wire: Wire) -> None:
    """What became of one write keeps nobody from another operation."""
    filled = fill_explorer(bunq)
    lose(wire)
    with pytest.raises(OutcomeUnknownError):
        filled.press()
    find_again(wire)
    filled.panel.choose("card.list")
    filled.press()
    assert filled.panel.result is not None
    filled.panel.choose("payment.create")
    assert not filled.sender.is_blocked
    filled.panel.close()


def test_what_was_not_made_can_be_sent(bunq: Context, wire: Wire, bank: Bank) -> None:
    """Once it is known that the bank did nothing, the same payment is sent without a question."""
    filled = fill_explorer(bunq)
    lose(wire, is_made=False)
    with pytest.raises(OutcomeUnknownError):
        filled.press()
    find_again(wire)
    filled.sender.look_button.click()
    filled.panel.wait()
    assert "not made" in text_of(filled.sender.box)
    filled.press()
    assert paid(bank) == 1
    filled.panel.close()


def test_a_refusal_is_no_unknown_outcome(bunq: Context, bank: Bank) -> None:
    """What the bank refused was not done: it can be mended and sent."""
    filled = fill_explorer(bunq)
    form = filled.panel.form
    form.fill(
        form.call.arguments,
        {**form.call.body, "amount": {"value": "9999999.00", "currency": "EUR"}},
    )
    with pytest.raises(bunqkit.ApiError):
        filled.press()
    assert not filled.sender.is_blocked
    assert "Refused, 400" in text_of(filled.panel)
    filled.panel.close()


def test_a_rejected_top_up_is_no_done(bunq: Context) -> None:
    """The sugar daddy rejects more than 500.00, and the panel says so."""
    panel = PaymentsPanel(bunq, strict=True)
    panel.wait()
    panel.transfers.amount.value = "501.00"
    with pytest.raises(bunqkit.FieldError, match="REJECTED"):
        panel.transfers.top_up_button.click()
    assert "Done" not in text_of(panel)
    panel.close()
