"""The panels in JupyterLab and a real browser: connect, pay, look at the wire."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from browser.lab import HOSTILE, Notebook, press, see, state

pytestmark = pytest.mark.slow

CONNECT = """
import bunqkit
from bunqkit.sandbox.faults import Fault
from bunqkit.widgets import ConnectPanel, PaymentsPanel, WirePanel
bunq = bunqkit.connect()
"""
# How often a payment was sent.
POSTED = "print([e.path[-8:] for e in bunq.exchanges if e.method == 'POST'].count('/payment'))"
STEPS = ("API key", "Installation", "Device", "Session", "First call")
Open = Callable[..., Notebook]


def show_payments(
    open_notebook: Open,
    name: str,
    before: str = "",
    **how: Any,
) -> Notebook:
    """Open a notebook with the payments panel, and wait until its table has come."""
    cells = [CONNECT + before, "panel = PaymentsPanel(bunq)\npanel"]
    notebook = open_notebook(f"{name}.ipynb", cells, **how)
    notebook.page.get_by_label("payment", exact=True).wait_for()
    return notebook


def fill_transfer(notebook: Notebook, amount: str, to: str, text: str = "tea") -> None:
    """Type what a payment needs."""
    press(notebook, "▸ Move money")
    notebook.page.get_by_label("amount", exact=True).fill(amount)
    notebook.page.get_by_label("other side", exact=True).fill(to)
    notebook.page.get_by_label("description", exact=True).fill(text)


def balance_after(notebook: Notebook, payments: str) -> str:
    """Return the main account's balance as the panel shows it, after payments of so much."""
    return notebook.ask(
        "account = panel._bunq.find_account()\n"
        f"balance = float(account['balance']['value']) - {payments}\n"
        "print(f'{balance:+,.2f}')"
    )


def test_from_nothing_to_a_first_payment(
    open_notebook: Open,
    tmp_path: Path,
) -> None:
    """The stepper, the panel in the next cell, a payment, and the balance after it."""
    notebook = open_notebook(
        "first_payment.ipynb",
        ["from bunqkit.widgets import ConnectPanel\nconnecting = ConnectPanel()\nconnecting"],
    )
    page = notebook.page
    for number, name in enumerate(STEPS):
        press(notebook, f"Step {number}: {name}")
        page.get_by_text(f"✓ {number}. {name}").wait_for()
        see(notebook, tmp_path, f"step {number}")
    assert page.locator(".bunqkit svg", has_text="the session token").count() == 1
    page.get_by_text("left").first.wait_for()
    page.locator(".bunqkit summary", has_text="POST /v1/session-server").click()
    page.locator(".bunqkit details[open] h4", has_text="The signature").wait_for()
    notebook.add_cell(
        "from bunqkit.widgets import PaymentsPanel\npanel = PaymentsPanel(connecting.bunq)\npanel"
    )
    page.get_by_label("payment", exact=True).wait_for()
    after = balance_after(notebook, "10.00")
    fill_transfer(notebook, "10.00", "bravo@bunq.com")
    press(notebook, "Send payment of EUR 10.00")
    state(notebook, "Done: payment of EUR 10.00 to bravo@bunq.com")
    page.get_by_text(after).wait_for()
    see(notebook, tmp_path, "paid")
    assert notebook.ask("panel.wait(); print(panel.frame['amount'][0])") == "-10.0"
    press(notebook, "Renew the session")
    state(notebook, "The next session is open")
    press(notebook, "Log out")
    state(notebook, "Logged out")
    assert notebook.ask("print(connecting.errors, panel.errors)") == "[] []"
    assert notebook.errors == []


def test_a_double_click_pays_once(open_notebook: Open, tmp_path: Path) -> None:
    """The form is empty once the money has moved, so the second click sends nothing."""
    notebook = show_payments(open_notebook, "double_click")
    fill_transfer(notebook, "10.00", "bravo@bunq.com")
    notebook.page.get_by_role("button", name="Send payment of EUR 10.00").dblclick()
    state(notebook, "Done: payment of EUR 10.00 to bravo@bunq.com")
    assert notebook.ask(POSTED) == "1"
    notebook.page.get_by_role("button", name="Top up").dblclick()
    notebook.page.get_by_text("The same was sent at").wait_for()
    see(notebook, tmp_path, "asked")
    assert notebook.ask("print(panel.errors)") == "[]"


def test_a_lost_answer_is_looked_up_before_anything_is_sent(
    open_notebook: Open, tmp_path: Path
) -> None:
    """Send is off until it is known what became of the payment."""
    notebook = show_payments(open_notebook, "lost")
    fill_transfer(notebook, "10.00", "bravo@bunq.com")
    notebook.ask("bunq.bank.faults.add(Fault('no signature', times=None)); print()")
    press(notebook, "Send payment of EUR 10.00")
    look = notebook.page.get_by_role("button", name="Look again")
    look.wait_for()
    see(notebook, tmp_path, "unknown")
    assert notebook.page.get_by_role("button", name="Send payment").is_disabled()
    assert notebook.page.get_by_text("Not done").count() == 0
    notebook.ask("bunq.bank.faults.clear(); print()")
    look.click()
    state(notebook, "What you sent has an outcome.")
    notebook.page.get_by_text("made: payment.create of EUR 10.00").wait_for()
    see(notebook, tmp_path, "known")
    assert notebook.ask(POSTED) == "1"


def test_filter_plots_and_one_payment(open_notebook: Open, tmp_path: Path) -> None:
    """The table and the plots follow the filter; a payment opens whole."""
    notebook = show_payments(open_notebook, "filter")
    page = notebook.page
    see(notebook, tmp_path, "payments")
    page.get_by_label("text", exact=True).fill("buurtsuper")
    page.get_by_label("from", exact=True).fill("2026-01-01")
    page.get_by_text(re.compile(r"^\d\d of [\d,]+ rows")).wait_for()
    shown = notebook.ask("print(f'{len(panel.frame):,} of {len(panel.payments):,} rows')")
    page.get_by_text(shown).wait_for()
    press(notebook, "▸ Plots")
    for title in ("Balance", "In and out", "Where it went"):
        page.get_by_role("tab", name=title, exact=True).click()
        page.locator(".bunqkit img:visible").wait_for()
        see(notebook, tmp_path, f"plot {title}")
    page.get_by_label("payment", exact=True).select_option(index=0)
    page.get_by_text("The whole item").wait_for()
    see(notebook, tmp_path, "one payment")
    page.get_by_label("at least", exact=True).fill("ten")
    state(notebook, "'ten' is no amount")
    see(notebook, tmp_path, "wrong amount")
    assert notebook.errors == []


def test_what_goes_wrong_is_a_card(open_notebook: Open, tmp_path: Path) -> None:
    """A payment beyond the balance, and a connection that is cut."""
    notebook = show_payments(open_notebook, "wrong_payment")
    fill_transfer(notebook, "900000.00", "bravo@bunq.com")
    press(notebook, "Send payment of EUR 900000.00")
    card = notebook.page.locator(".bunqkit [role=alert]").first
    card.wait_for()
    assert notebook.ask("print(panel.errors[-1].response_id)") in card.inner_text()
    see(notebook, tmp_path, "refused payment")
    notebook.ask("bunq.bank.faults.add(Fault('cut before', times=None))")
    press(notebook, "Fetch payments")
    card.get_by_text("the connection was cut").wait_for()
    see(notebook, tmp_path, "cut fetch")
    assert notebook.errors == []


def test_a_long_fetch_is_cancelled(open_notebook: Open, tmp_path: Path) -> None:
    """The kernel is free meanwhile; what has come is shown, and said to be a part."""
    slow = "bunq.bank.faults.add(Fault('delay', 'payment.list', times=None, seconds=2))\n"
    notebook = open_notebook(
        "cancel_payments.ipynb", [CONNECT + slow, "panel = PaymentsPanel(bunq)\npanel"]
    )
    page = notebook.page
    page.get_by_text("Fetching payments").wait_for()
    assert notebook.ask("print(1 + 1)") == "2"
    see(notebook, tmp_path, "fetching")
    press(notebook, "Cancel the fetch")
    page.get_by_text("cut by interrupt").wait_for()
    see(notebook, tmp_path, "cancelled fetch")
    assert notebook.ask("print(panel.errors)") == "[]"


def test_one_reloads_the_page_and_goes_on(open_notebook: Open) -> None:
    """The kernel keeps the panel; the page shows it again as it was."""
    notebook = show_payments(open_notebook, "reload_payments")
    after = balance_after(notebook, "10.00")
    fill_transfer(notebook, "10.00", "bravo@bunq.com")
    notebook.page.get_by_role("button", name="Send payment of EUR 10.00").wait_for()
    notebook.save()
    notebook.page.reload()
    notebook.open(reset=False)
    press(notebook, "Send payment of EUR 10.00")
    notebook.page.get_by_text(after).wait_for()


def test_hostile_names_are_shown_and_not_run(
    open_notebook: Open,
    tmp_path: Path,
) -> None:
    """In accounts, payments, notes, plots, what is typed, and on the wire."""
    notebook = show_payments(
        open_notebook,
        "hostile_panels",
        f"text = {HOSTILE!r}\n"
        "bunq.call('monetary-account-bank.create', currency='EUR', description=text)\n"
        "payment = bunq.pay('1.00', 'bravo@bunq.com', text)\n"
        "_ = bunq.call('payment.note-text.create', payment_id=payment['id'], content=text)\n",
    )
    page = notebook.page
    page.get_by_label("payment", exact=True).select_option(index=0)
    page.get_by_text("Note", exact=True).wait_for()
    press(notebook, "▸ Plots")
    page.locator(".bunqkit img:visible").wait_for()
    fill_transfer(notebook, HOSTILE, HOSTILE, HOSTILE)
    page.locator(".bunqkit .problem").first.wait_for()
    page.get_by_label("amount", exact=True).fill("1.00")
    page.get_by_label("other side", exact=True).fill("bravo@bunq.com")
    press(notebook, "Send payment of EUR 1.00")
    state(notebook, "Done: payment of EUR 1.00")
    see(notebook, tmp_path, "hostile")
    assert HOSTILE[:10] in page.locator(".bunqkit").first.inner_text()
    notebook.add_cell("wire = WirePanel(bunq)\nwire.look(bunq.exchanges[-1])\nwire")
    page.get_by_label("calls", exact=True).wait_for()
    notebook.ask("wire.look([e for e in bunq.exchanges if e.method == 'POST'][-1])")
    page.get_by_role("button", name="Send with this byte changed").wait_for()
    page.get_by_label("becomes", exact=True).fill(HOSTILE)
    assert page.evaluate("window.hacked") is None
    assert page.locator(".bunqkit img[src=x], .bunqkit script").count() == 0


def test_a_changed_byte_is_refused(open_notebook: Open, tmp_path: Path) -> None:
    """Calls appear as they are made; a replay under the old signature moves nothing."""
    notebook = open_notebook("wire.ipynb", [CONNECT, "wire = WirePanel(bunq)\nwire"])
    page = notebook.page
    page.get_by_label("calls", exact=True).wait_for()
    see(notebook, tmp_path, "wire empty")
    notebook.ask("bunq.call('payment.create', amount='1.00', to='bravo@bunq.com', description='t')")
    page.get_by_role("button", name="Send with this byte changed").wait_for()
    see(notebook, tmp_path, "wire")
    before = notebook.ask("print(len(bunq.payments()))")
    page.get_by_label("calls", exact=True).select_option(
        label=page.locator("option", has_text="POST").first.text_content()
    )
    press(notebook, "Send with this byte changed")
    state(notebook, "The bank refused it, 400: The request signature is invalid.")
    page.locator(".bunqkit mark").first.wait_for()
    see(notebook, tmp_path, "wire refused")
    assert notebook.ask("print(len(bunq.payments()))") == before
    assert notebook.errors == []


def test_no_secret_is_in_the_saved_notebook(open_notebook: Open) -> None:
    """Typed, connected with, paid with, opened on the wire: it is in no output and no state."""
    notebook = open_notebook(
        "panel_secrets.ipynb", [CONNECT, "connecting = ConnectPanel()\nconnecting"]
    )
    notebook.keep_widgets()
    page = notebook.page
    typed = "sandbox_" + "made0up1" * 8
    page.get_by_label("API key", exact=True).fill(typed)
    press(notebook, "All steps")
    page.get_by_role("button", name="All steps are done").wait_for()
    notebook.add_cell("wire = WirePanel(connecting.bunq)\nwire")
    page.get_by_label("calls", exact=True).wait_for()
    notebook.ask("for each in connecting.bunq.exchanges:\n    wire.look(each)")
    press(notebook, "Renew the session")
    state(notebook, "The next session is open")
    saved = json.dumps(notebook.save())
    assert "application/vnd.jupyter.widget-state+json" in saved
    assert "session-server" in saved
    secrets = notebook.ask(
        "state = connecting.bunq.state\n"
        "print(state.session.token.reveal(), state.installation.token.reveal(), "
        "connecting.bunq.settings.api_key.reveal())"
    ).split()
    assert len(secrets) == 3
    for secret in (*secrets, typed, "PRIVATE KEY"):
        assert secret not in saved


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_an_accessibility_checker_is_content(
    open_notebook: Open,
    axe: str,
    tmp_path: Path,
    theme: str,
) -> None:
    """Axe finds nothing serious in the panels' elements, in either theme, at 600 px."""
    found = []
    for name, make in (
        ("connect", "panel = ConnectPanel()\npanel.all_button.click()"),
        ("payments", "panel = PaymentsPanel(bunq)\npanel.wait()\npanel.choice.index = 0"),
        ("wire", "panel = WirePanel(bunq)\npanel.look(bunq.exchanges[-1])"),
    ):
        before = CONNECT + "_ = bunq.pay('1.00', 'bravo@bunq.com', 'tea')"
        notebook = open_notebook(
            f"axe_{name}_{theme}.ipynb",
            [before, f"{make}\npanel"],
            dark=theme == "dark",
            width=600,
        )
        notebook.page.locator(".bunqkit .title").first.wait_for()
        notebook.page.add_script_tag(content=axe)
        if name == "payments":
            fill_transfer(notebook, "ten", "bravo@bunq.com")
            notebook.page.locator(".bunqkit .problem").first.wait_for()
            press(notebook, "▸ Plots")
            notebook.page.locator(".bunqkit img:visible").wait_for()
        found += notebook.axe(".bunqkit")
        see(notebook, tmp_path, f"{name} at 600 px")
        wide = notebook.page.evaluate(
            "() => { const box = document.querySelector('.bunqkit');"
            " return box.scrollWidth - box.clientWidth; }"
        )
        assert wide <= 0
    assert found == []
