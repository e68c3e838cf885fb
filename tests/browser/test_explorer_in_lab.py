"""The explorer in JupyterLab and a real browser: everything that a person does with it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from browser.lab import HOSTILE, Notebook, press, see, state

pytestmark = pytest.mark.slow

CONNECT = """
import bunqkit
from bunqkit.sandbox.faults import Fault
from bunqkit.widgets import Explorer
bunq = bunqkit.connect()
"""
SHOW = "explorer = Explorer(bunq)\nexplorer"
Open = Callable[..., Notebook]


def start(open_notebook: Open, name: str, before: str = "", **how: Any) -> Notebook:
    """Open a notebook with an explorer, and wait until it is shown."""
    notebook = open_notebook(f"{name}.ipynb", [CONNECT + before, SHOW], **how)
    search(notebook).wait_for()
    return notebook


def search(notebook: Notebook) -> Any:
    """Return the search box."""
    return notebook.page.get_by_role("textbox", name="search")


def choose(notebook: Notebook, words: str) -> None:
    """Find an operation by typing and Enter only."""
    search(notebook).focus()
    notebook.page.keyboard.press("Control+A")
    notebook.page.keyboard.type(words)
    notebook.page.keyboard.press("Enter")


def fill_payment(notebook: Notebook, amount: str = "10.00", text: str = "tea") -> None:
    """Type a payment, from the keyboard alone."""
    page = notebook.page
    choose(notebook, "payment create")
    field = page.get_by_label("amount", exact=True)
    field.wait_for()
    page.wait_for_function("() => document.activeElement?.labels?.[0]?.textContent === 'amount'")
    page.keyboard.type(amount)
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.type("bravo@bunq.com")
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.type(text)


def open_tab(notebook: Notebook, title: str) -> Any:
    """Open a tab, wait until it is built, and give what it shows."""
    notebook.page.get_by_role("tab", name=title, exact=True).click()
    notebook.page.wait_for_function(
        """(title) => document.querySelector('.bunqkit [role=tab].lm-mod-current')?.innerText
            === title && document.querySelector('.bunqkit .widget-tab-contents').innerText""",
        arg=title,
    )
    return notebook.page.locator(".bunqkit .widget-tab-contents")


def test_a_payment_from_the_keyboard_alone(
    open_notebook: Open,
    tmp_path: Path,
) -> None:
    """Find, fill, correct a wrong amount, preview, send, and go on in the next cell."""
    notebook = start(open_notebook, "payment")
    page = notebook.page
    see(notebook, tmp_path, "start")
    fill_payment(notebook, amount="10,00")
    page.get_by_text("Write the amount with a dot, such as 10.00.").wait_for()
    see(notebook, tmp_path, "wrong amount")
    page.get_by_label("amount", exact=True).focus()
    page.keyboard.press("Control+A")
    page.keyboard.type("10.00")
    page.get_by_role("button", name="Send payment of EUR 10.00").wait_for()
    page.get_by_role("button", name="Preview").focus()
    page.keyboard.press("Enter")
    state(notebook, "Nothing was sent")
    assert "What would be sent" in open_tab(notebook, "X-ray").inner_text()
    see(notebook, tmp_path, "preview")
    page.get_by_role("button", name="Send payment of EUR 10.00").focus()
    page.keyboard.press("Enter")
    state(notebook, "200, verified")
    open_tab(notebook, "Table").locator("table").wait_for()
    for title in ("JSON", "X-ray", "Headers", "As a cell", "Python", "curl"):
        assert open_tab(notebook, title).inner_text()
        see(notebook, tmp_path, f"tab {title}")
    assert notebook.ask("print(explorer.result.first('Id')['id'] == explorer.frame['id'][0])") == (
        "True"
    )
    assert notebook.ask("print(explorer.errors)") == "[]"
    assert notebook.errors == []


def test_pages_history_and_every_page(open_notebook: Open, tmp_path: Path) -> None:
    """A list, its next page, all of it, sorted; then the history of it as a script."""
    notebook = start(open_notebook, "pages")
    page = notebook.page
    choose(notebook, "payment list")
    press(notebook, "Send payment.list")
    state(notebook, "200, verified")
    first = open_tab(notebook, "Table").inner_text()
    see(notebook, tmp_path, "table")
    press(notebook, "Older items")
    page.wait_for_function(
        "(text) => document.querySelector('.bunqkit .widget-tab-contents').innerText !== text",
        arg=first,
    )
    press(notebook, "Fetch every page")
    state(notebook, "4 pages, complete")
    press(notebook, "Next rows")
    page.get_by_text("Rows 51 to 100 of").wait_for()
    see(notebook, tmp_path, "every page")
    press(notebook, "▸ History")
    page.get_by_label("calls", exact=True).select_option(index=0)
    press(notebook, "All as one script")
    page.locator(".bunqkit pre", has_text="frame = bunq.frame").wait_for()
    see(notebook, tmp_path, "history")
    assert notebook.ask("print(len(explorer.history.frame))") == "2"
    assert notebook.errors == []


def test_what_goes_wrong_is_a_card(open_notebook: Open, tmp_path: Path) -> None:
    """A refused payment, and a connection that is cut: what, why, what to do."""
    notebook = start(open_notebook, "wrong")
    fill_payment(notebook, amount="900000.00")
    press(notebook, "Send payment of EUR 900,000.00")
    card = notebook.page.locator(".bunqkit [role=alert]")
    card.wait_for()
    state(notebook, "Refused, 400")
    assert notebook.ask("print(explorer.errors[-1].response_id)") in card.inner_text()
    see(notebook, tmp_path, "refused")
    notebook.ask("bunq.bank.faults.add(Fault('cut before', operation='card.list', times=None))")
    choose(notebook, "card list")
    press(notebook, "Send card.list")
    card.get_by_text("the connection was cut").wait_for()
    see(notebook, tmp_path, "cut")
    assert notebook.errors == []


def test_a_long_fetch_is_cancelled(open_notebook: Open, tmp_path: Path) -> None:
    """The kernel is free meanwhile; what has come is shown, and said to be a part."""
    notebook = start(
        open_notebook,
        "cancel",
        "bunq.bank.faults.add(Fault('delay', 'payment.list', times=None, seconds=0.4))\n",
    )
    choose(notebook, "payment list")
    press(notebook, "▸ Paging and filters")
    notebook.page.get_by_label("count", exact=True).fill("5")
    press(notebook, "Fetch every page")
    notebook.page.get_by_text("rows of").first.wait_for()
    assert notebook.ask("print(1 + 1)") == "2"
    see(notebook, tmp_path, "progress")
    press(notebook, "Cancel the fetch")
    state(notebook, "cut by interrupt")
    see(notebook, tmp_path, "cancelled")
    assert notebook.errors == []


def test_one_reloads_the_page_and_goes_on(open_notebook: Open) -> None:
    """The kernel keeps the explorer; the page shows it again as it was."""
    notebook = start(open_notebook, "reload")
    fill_payment(notebook)
    notebook.page.get_by_role("button", name="Send payment of EUR 10.00").wait_for()
    notebook.save()
    notebook.page.reload()
    notebook.open(reset=False)
    send = notebook.page.get_by_role("button", name="Send payment of EUR 10.00")
    send.click()
    state(notebook, "200, verified")


def test_hostile_names_are_shown_and_not_run(open_notebook: Open) -> None:
    """Script, style and event handlers in every text that the bank gives back."""
    notebook = start(
        open_notebook,
        "hostile",
        f"text = {HOSTILE!r}\n"
        "bunq.call('monetary-account-bank.create', currency='EUR', description=text)\n"
        "bunq.pay('1.00', 'bravo@bunq.com', text)\n",
    )
    for words, name in (("payment list", "payment.list"), ("monetary account list",
                        "monetary-account.list")):  # fmt: skip
        choose(notebook, words)
        press(notebook, f"Send {name}")
        state(notebook, "200, verified")
        notebook.page.get_by_role("button", name=f"Send {name}", exact=True).wait_for()
        for title in ("Table", "JSON", "X-ray", "Headers", "As a cell", "Python", "curl"):
            open_tab(notebook, title)
        assert "<img src=x" in open_tab(notebook, "JSON").text_content()
    fill_payment(notebook, text=HOSTILE)
    press(notebook, "Preview")
    state(notebook, "Nothing was sent")
    for title in ("X-ray", "As a cell", "Python", "curl"):
        assert "<img src=x" in open_tab(notebook, title).inner_text()
    assert notebook.page.evaluate("window.hacked") is None
    assert notebook.page.locator(".bunqkit img[src=x], .bunqkit script").count() == 0


def test_no_secret_is_in_the_saved_notebook(open_notebook: Open) -> None:
    """Not in outputs, and not in the state of widgets, which is saved with it."""
    notebook = start(open_notebook, "secrets")
    notebook.keep_widgets()
    choose(notebook, "session server create")
    notebook.page.get_by_label("secret", exact=True).fill("made-up-secret-of-twenty-letters")
    notebook.page.keyboard.press("Tab")
    press(notebook, "Preview")
    state(notebook, "Nothing was sent")
    for title in ("X-ray", "Headers", "As a cell", "Python", "curl"):
        open_tab(notebook, title)
    choose(notebook, "payment list")
    press(notebook, "Send payment.list")
    state(notebook, "200, verified")
    saved = notebook.save()
    text = json.dumps(saved)
    assert "application/vnd.jupyter.widget-state+json" in text
    assert "payment.list" in text
    secrets = notebook.ask(
        "print(bunq.session.token.reveal(), bunq.settings.api_key.reveal())"
    ).split()
    assert all(len(secret) > 20 for secret in secrets)
    for secret in (*secrets, "made-up-secret-of-twenty-letters", "PRIVATE KEY"):
        assert secret not in text


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_an_accessibility_checker_is_content(
    open_notebook: Open,
    axe: str,
    tmp_path: Path,
    theme: str,
) -> None:
    """Axe finds nothing serious in the explorer's elements, in either theme, at 600 px."""
    notebook = start(open_notebook, f"axe_{theme}", dark=theme == "dark", width=600)
    notebook.page.add_script_tag(content=axe)
    found = notebook.axe(".bunqkit")
    fill_payment(notebook, amount="10,00")
    notebook.page.get_by_text("Write the amount with a dot").wait_for()
    press(notebook, "▸ 3 more fields")
    press(notebook, "▸ Body as JSON")
    press(notebook, "▸ History")
    found += notebook.axe(".bunqkit")
    see(notebook, tmp_path, "form")
    choose(notebook, "payment list")
    press(notebook, "Send payment.list")
    state(notebook, "200, verified")
    for title in ("Table", "JSON", "X-ray", "Headers", "As a cell"):
        open_tab(notebook, title).wait_for()
        found += notebook.axe(".bunqkit")
        see(notebook, tmp_path, f"tab {title}")
    assert found == []
    wide = notebook.page.evaluate(
        "() => { const box = document.querySelector('.bunqkit');"
        " return box.scrollWidth - box.clientWidth; }"
    )
    assert wide <= 0


def test_it_is_quick(open_notebook: Open) -> None:
    """Shown in a second, a keystroke answered in 100 ms, 5,000 payments shown in a second."""
    notebook = start(
        open_notebook,
        "quick",
        "import pandas as pd\n"
        "frame = bunq.frame('payment.list')\n"
        "frame = pd.concat([frame] * 10, ignore_index=True).head(5000)\n",
    )
    shown_s = notebook.measure(1, ".bunqkit-list select")
    notebook.ask("print('idle')")
    search(notebook).click()
    keys_s = sorted(notebook.keystroke(letter, ".bunqkit-list select") for letter in "paym")
    choose(notebook, "payment list")
    notebook.page.get_by_role("button", name="Send payment.list").wait_for()
    table_s = notebook.measure(
        "explorer.results.show_frame(frame, None, '5,000 rows', '')", ".bunqkit table.rows"
    )
    print(f"shown {shown_s:.3f} s, keystrokes {keys_s}, table {table_s:.3f} s")
    assert shown_s < 1.0
    assert keys_s[len(keys_s) // 2] < 0.1
    assert table_s < 1.0
