"""The payments panel and the wire panel: every handler, in strict mode, without a browser."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import date

import ipywidgets
import pytest
from adversary.hostile_names import HTML as HOSTILE
from ipywidgets.widgets.widget import _instances

import bunqkit
from bunqkit import FieldError, LockedError
from bunqkit.context.context import Context
from bunqkit.sandbox import Bank
from bunqkit.sandbox.faults import Fault
from bunqkit.widgets import PaymentsPanel, WirePanel


@pytest.fixture
def bunq(bank: Bank) -> Context:
    """Give the person with a history, at a bank whose clock stands still."""
    return bunqkit.connect(bank=bank, api_key=bank.demo_key)


@pytest.fixture
def panel(bunq: Context) -> Iterator[PaymentsPanel]:
    """Give a panel whose payments have come."""
    panel = PaymentsPanel(bunq, strict=True)
    panel.wait()
    yield panel
    panel.close()


@pytest.fixture
def wire(bunq: Context) -> Iterator[WirePanel]:
    """Give a panel that watches the calls."""
    panel = WirePanel(bunq, strict=True)
    yield panel
    panel.close()


def in_production(bunq: Context) -> Context:
    """Give the same person of the same bank, as if the money were real."""
    settings = replace(bunq.settings, environment="PRODUCTION")
    return Context(settings, bunq.client, bunq._sessions, bank=bunq.bank)


def text_of(widget: ipywidgets.Widget) -> str:
    """Give all HTML in a widget."""
    own = str(widget.value) if isinstance(widget, ipywidgets.HTML) else ""
    return own + "".join(text_of(child) for child in getattr(widget, "children", ()))


def test_all_payments_are_there(panel: PaymentsPanel, bunq: Context) -> None:
    """Accounts with balances, every payment, and whether that is all."""
    assert panel.frame is not None
    assert len(panel.frame) == len(bunq.payments())
    for balance in bunq.accounts()["balance"]:
        assert f"{balance:,.2f}" in text_of(panel)
    assert "complete" in text_of(panel)


def test_filters_narrow_the_table(panel: PaymentsPanel) -> None:
    """Each for itself, and together."""
    everything = panel.payments
    assert everything is not None
    panel.direction.value = "in"
    assert panel.frame is not None
    assert (panel.frame["amount"] > 0).all()
    panel.direction.value = ""
    panel.text.value = "buurtsuper"
    assert set(panel.frame["counterparty"]) == {"Buurtsuper"}
    panel.least.value = "50.00"
    assert (panel.frame["amount"] <= -50).all()
    panel.since.value, panel.until.value = date(2025, 1, 1), date(2025, 12, 31)
    assert set(panel.frame["created"].dt.year) == {2025}
    panel.account.value = int(everything["account_id"].max())
    assert panel.frame.empty
    assert f"0 of {len(everything):,} rows" in text_of(panel)


def test_days_are_days_in_amsterdam(panel: PaymentsPanel) -> None:
    """From and to include both days."""
    panel.since.value = panel.until.value = date(2026, 3, 28)
    assert panel.frame is not None
    assert len(panel.frame) == 2


def test_a_wrong_amount_is_said(panel: PaymentsPanel) -> None:
    """As one types, and nothing is filtered by it; the right one takes it away."""
    panel.least.value = "ten"
    assert "'ten' is no amount" in panel._problem.value.replace("&#x27;", "'")
    assert panel.frame is not None
    assert panel.payments is not None
    assert len(panel.frame) == len(panel.payments)
    panel.least.value = "10.49"
    assert panel._problem.value == ""
    assert panel.frame["amount_cents"].abs().min() == 1049


def test_a_payment_is_opened_whole(panel: PaymentsPanel, bunq: Context) -> None:
    """With its notes, and what is attached."""
    png = b"\x89PNG\r\n\x1a\n" + b"0" * 32
    file = bunq.upload("attachment.create", png, description="receipt", media_type="image/png")
    payment = bunq.pay("4.20", "bravo@bunq.com", "Paint")
    bunq.call("payment.note-text.create", payment_id=payment["id"], content="It was green")
    bunq.call(
        "payment.note-attachment.create",
        payment_id=payment["id"],
        attachment_id=file["id"],
        description="the receipt",
    )
    panel.refresh()
    panel.wait()
    panel.choice.index = 0
    panel.wait()
    assert panel.view.payment is not None
    assert panel.view.payment["id"] == payment["id"]
    shown = text_of(panel)
    assert "It was green" in shown
    assert "the receipt" in shown
    assert base64.b64encode(png).decode() in shown


def test_an_open_payment_stays_while_it_is_listed(panel: PaymentsPanel) -> None:
    """Another filter or another fetch leaves it open; where it is not listed, it is closed."""
    panel.choice.index = 3
    panel.wait()
    opened = panel.view.payment
    assert opened is not None
    panel.refresh()
    panel.wait()
    assert panel.view.payment is opened
    panel.text.value = str(opened["counterparty_alias"]["display_name"])
    assert panel.view.payment is opened
    panel.text.value = "nobody at all"
    panel.wait()
    assert panel.view.payment is None


def test_plots_follow_the_filter(panel: PaymentsPanel) -> None:
    """Each has its finding as its alternative text; where there is nothing, that is said."""
    assert "<img" not in text_of(panel.pictures.fold)
    panel.pictures.fold.toggle.value = True
    for at in range(3):
        panel.pictures.tabs.selected_index = at
    shown = text_of(panel.pictures.fold)
    assert shown.count("<img alt=") == 3
    assert "of what goes out" in shown
    panel.text.value = "nobody at all"
    assert "nothing to draw" in text_of(panel.pictures.fold)


def fill(panel: PaymentsPanel, amount: str, to: str, text: str = "tea") -> None:
    """Type what a transfer needs."""
    panel.transfers.amount.value = amount
    panel.transfers.to.value = to
    panel.transfers.description.value = text


def test_paying_changes_the_balance(panel: PaymentsPanel, bunq: Context) -> None:
    """The button says what it does, and the table has it after."""
    (before,) = bunq.accounts().query("description == 'Main account'")["balance"]
    fill(panel, "10.00", "bravo@bunq.com")
    assert panel.transfers.pay_button.description == "Send payment of EUR 10.00"
    panel.transfers.pay_button.click()
    panel.wait()
    assert f"{before - 10:,.2f}" in text_of(panel)
    assert panel.payments is not None
    assert panel.payments.iloc[0]["amount"] == -10.0
    assert panel.transfers.amount.value == ""


def test_a_bill_is_split_to_the_cent(panel: PaymentsPanel, bunq: Context) -> None:
    """Each of the others is asked for a part; the cent that is left stays with you."""
    fill(panel, "10.00", "bravo@bunq.com, sugardaddy@bunq.com", "dinner")
    assert panel.transfers.split_button.description == "Split EUR 10.00 among 3"
    panel.transfers.split_button.click()
    panel.wait()
    batch = bunq.call("request-inquiry-batch.list", count=1).items[0]
    asked = [each["amount_inquired"]["value"] for each in batch["request_inquiries"]]
    assert asked == ["3.33", "3.33"]


def test_asking_and_topping_up(panel: PaymentsPanel, bunq: Context) -> None:
    """The sugar daddy pays at once."""
    fill(panel, "7.00", "sugardaddy@bunq.com")
    panel.transfers.request_button.click()
    panel.wait()
    panel.transfers.top_up_button.click()
    panel.wait()
    assert bunq.payments(max_rows=2)["amount"].tolist() == [500.0, 7.0]


@pytest.mark.parametrize(
    ("amount", "to", "problem"),
    [("ten", "bravo@bunq.com", "10.00"), ("10.00", "nobody", "nobody"), ("", "", "")],
)
def test_what_is_typed_is_checked(panel: PaymentsPanel, amount: str, to: str, problem: str) -> None:
    """As one types; a button that can't work is off."""
    fill(panel, amount, to)
    assert panel.transfers.pay_button.disabled
    assert problem in panel.transfers._problem.value


def test_accounts_of_one_name_are_told_apart(bunq: Context) -> None:
    """By the end of their IBAN; the oldest that is open is chosen, and what is chosen pays."""
    bunq.call("monetary-account-bank.create", currency="EUR", description="Holiday")
    panel = PaymentsPanel(bunq, strict=True)
    panel.wait()
    account = panel.transfers.account
    assert account.value == bunq.find_account()["id"]
    labels = [label for label, _ in account.options]
    assert len(labels) == len(set(labels)) == len(bunq.accounts())
    oldest_holiday = min(number for label, number in account.options if "Holiday" in label)
    account.value = oldest_holiday
    fill(panel, "1.00", "bravo@bunq.com")
    panel.transfers.pay_button.click()
    panel.wait()
    assert panel.payments is not None
    assert panel.payments.iloc[0]["account_id"] == oldest_holiday
    assert account.value == oldest_holiday
    panel.close()


def test_production_reads_back_and_unlocks(bunq: Context) -> None:
    """Nothing is sent by the first press; the second sends exactly what was read back."""
    panel = PaymentsPanel(in_production(bunq), strict=True)
    panel.wait()
    before = len(bunq.payments())
    fill(panel, "10.00", "bravo@bunq.com")
    panel.transfers.pay_button.click()
    assert len(bunq.payments()) == before
    assert "payment of EUR 10.00 to bravo@bunq.com" in panel.transfers.question._text.value
    panel.transfers.question.do_button.click()
    panel.wait()
    assert len(bunq.payments()) == before + 1
    assert panel.transfers.top_up_button.layout.display == "none"
    panel.close()


def test_typing_withdraws_a_question(bunq: Context) -> None:
    """What was read back is what is sent, or nothing."""
    panel = PaymentsPanel(in_production(bunq), strict=True)
    panel.wait()
    fill(panel, "10.00", "bravo@bunq.com")
    panel.transfers.pay_button.click()
    panel.transfers.amount.value = "99.00"
    assert panel.transfers.question.box.layout.display == "none"
    panel.close()


def test_hostile_names_are_text(bunq: Context) -> None:
    """No name from the bank becomes markup."""
    bunq.pay("1.00", "bravo@bunq.com", HOSTILE)
    panel = PaymentsPanel(bunq, strict=True)
    panel.wait()
    panel.choice.index = 0
    panel.wait()
    assert "<img src=x" not in text_of(panel)
    assert "<script" not in text_of(panel)
    panel.close()


def test_calls_are_listed_as_they_come(wire: WirePanel, bunq: Context) -> None:
    """The newest first, opened as it comes, unless one reads another."""
    bunq.call("user.list")
    assert wire.shown is bunq.exchanges[-1]
    assert "GET" in wire.choice.options[0][0]
    wire.follows.value = False
    shown = wire.shown
    bunq.call("card.list")
    assert wire.shown is shown
    wire.choice.index = 0
    assert wire.shown is bunq.exchanges[-1]


def test_a_changed_byte_is_refused(wire: WirePanel, bunq: Context) -> None:
    """The bank refuses what was not signed, nothing moves, and the X-ray shows the byte."""
    bunq.pay("1.00", "bravo@bunq.com", "tea")
    payment = next(each for each in reversed(bunq.exchanges) if each.method == "POST")
    wire.look(payment)
    before = len(bunq.payments())
    wire.look(payment)
    wire.place.value = payment.request_body.index(b"1.00")
    wire.letter.value = "9"
    wire.replay_button.click()
    assert wire.shown is not None
    assert wire.shown.status == 400
    assert "The bank refused it" in wire.said.value
    assert "<mark>" in wire._xray.value
    assert len(bunq.payments()) == before


def test_the_same_byte_is_not_sent_again(wire: WirePanel, bunq: Context) -> None:
    """That would be the payment a second time."""
    bunq.pay("1.00", "bravo@bunq.com", "tea")
    payment = next(each for each in reversed(bunq.exchanges) if each.method == "POST")
    wire.look(payment)
    wire.place.value = payment.request_body.index(b"1.00")
    wire.letter.value = "1"
    with pytest.raises(FieldError, match="already"):
        wire.replay_button.click()
    wire.letter.value = "12"
    with pytest.raises(FieldError, match="not one byte"):
        wire.replay_button.click()


def test_a_call_without_a_body_cannot_be_changed(wire: WirePanel, bunq: Context) -> None:
    """Nothing of it was signed."""
    bunq.call("user.list")
    assert wire._change.layout.display == "none"


def test_the_byte_stands_among_those_around_it(wire: WirePanel, bunq: Context) -> None:
    """At first the amount's; a key in the body is masked there too."""
    bunq.call("payment.create", amount="1.00", to="bravo@bunq.com", description="tea")
    body = bunq.exchanges[-1].request_body
    assert wire.place.value == body.index(b"1.00")
    assert wire.letter.value == "9"
    assert "<mark>31</mark>" in wire._around.value
    wire.look(next(each for each in bunq.exchanges if each.path.endswith("/session-server")))
    assert bunq.settings.api_key is not None
    for at in range(0, wire.place.max, 8):
        wire.place.value = at
        letters = re.sub(r"<[^>]*>", "", wire._around.value)
        assert bunq.settings.api_key.reveal()[20:30] not in letters


def test_the_same_call_is_the_same_signature(wire: WirePanel, bunq: Context) -> None:
    """What is replayed bears the captured signature and token, under a request id of its own."""
    bunq.call("payment.create", amount="1.00", to="bravo@bunq.com", description="tea")
    captured = bunq.exchanges[-1]
    wire.replay_button.click()
    sent = bunq.exchanges[-1].request_headers
    for name in ("X-Bunq-Client-Signature", "X-Bunq-Client-Authentication"):
        assert sent[name] == captured.request_headers[name]
    assert sent["X-Bunq-Client-Request-Id"] != captured.request_headers["X-Bunq-Client-Request-Id"]


def test_nothing_is_replayed_in_production(bunq: Context) -> None:
    """Neither by the panel, which hides it, nor by a call."""
    bunq.pay("1.00", "bravo@bunq.com", "tea")
    real = in_production(bunq)
    panel = WirePanel(real, strict=True)
    assert panel._change.layout.display == "none"
    with pytest.raises(LockedError):
        real.replay(real.exchanges[-1], b"{}")
    panel.close()


def test_closing_before_the_payments_have_come(bunq: Context) -> None:
    """Frees as much as after."""
    before = len(_instances)
    panel = PaymentsPanel(bunq, strict=True)
    panel.close()
    panel.wait()
    assert len(_instances) == before


def test_what_is_asked_for_meanwhile_is_done(panel: PaymentsPanel, bunq: Context) -> None:
    """A payment that is made while another fetch runs is in the table when that has ended."""
    assert bunq.bank is not None
    bunq.bank.faults.add(Fault("delay", "payment.list", times=4, seconds=0.3))
    panel.refresh()
    fill(panel, "3.00", "bravo@bunq.com", "meanwhile")
    panel.transfers.pay_button.click()
    panel.wait()
    assert panel.payments is not None
    assert panel.payments.iloc[0]["description"] == "meanwhile"


@pytest.mark.parametrize("make", [pytest.param(PaymentsPanel, marks=pytest.mark.slow), WirePanel])
def test_closing_frees_everything(make: type, bunq: Context) -> None:
    """A hundred instances leave no widget behind, and nobody listening."""
    first = make(bunq, strict=True)
    first.wait()
    first.close()
    before = len(_instances)
    for _ in range(10):
        panel = make(bunq, strict=True)
        panel.wait()
        panel.close()
    assert len(_instances) == before
    assert bunq.exchanges._watchers == set()
