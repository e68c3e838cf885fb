"""OAuth in a real browser: the page, a person's choice, the way back, and what the token opens."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from test_notebooks_in_lab import browser  # noqa: F401 (a fixture)

import bunqkit
from bunqkit.sandbox import Bank, Office, doors

pytestmark = pytest.mark.slow


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Bank]:
    """Serve a bank with its office; the kit finds it by its settings."""
    pytest.importorskip("waitress", reason="serving the bank needs waitress")
    monkeypatch.setenv("BUNQ_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.setenv("BUNQ_ENVIRONMENT", "OFFLINE")
    bank = Bank()
    server = doors.Server(Office(bank), host="127.0.0.1", port=0)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    monkeypatch.setenv("BUNQ_BASE_URL", server.url)
    yield bank
    server.close()
    thread.join(10)
    bank.close()


def open_page(browser: Any, address: str) -> Any:  # noqa: F811 (what the fixture gives)
    """Open an address in a window of its own; nothing beyond this machine is asked for."""
    page = browser.new_context(viewport={"width": 900, "height": 900}).new_page()
    page.set_default_timeout(20_000)
    page.goto(address)
    return page


def test_a_person_lets_an_app_in(browser: Any, served: Bank, tmp_path: Path) -> None:  # noqa: F811
    """Key, accounts, allow, back at the app; the token sees the chosen account and no other."""
    owner = bunqkit.connect(api_key=bunqkit.create_sandbox_user(bunqkit.Client(base_url())))
    demo = bunqkit.connect(api_key=served.demo_key)
    accounts = demo.accounts()
    with bunqkit.Receiver(owner) as there:
        app = bunqkit.OAuthApp(owner, there.url)
        page = open_page(browser, app.ask())
        assert page.locator(".badge").inner_text() == "OFFLINE"
        assert "asks to be let in" in page.locator("h1").inner_text()
        page.screenshot(path=str(tmp_path / "who.png"))
        page.get_by_label("API key").fill(served.demo_key.reveal())
        page.get_by_role("button", name="Go on with this key").click()
        boxes = page.get_by_role("checkbox")
        assert boxes.count() == len(accounts)
        for box in boxes.all():
            box.uncheck()
        page.get_by_label("Holiday").check()
        page.screenshot(path=str(tmp_path / "what.png"))
        page.get_by_role("button", name="Allow").click()
        page.wait_for_url(f"{there.url}**")
        token = app.receive(page.url)
    theirs = bunqkit.connect(api_key=token)
    assert theirs.accounts()["description"].tolist() == ["Holiday"]
    page.close()


def test_a_person_refuses(browser: Any, served: Bank) -> None:  # noqa: F811
    """As the demo person by one button, then no: the app hears of it and gets nothing."""
    owner = bunqkit.connect(api_key=bunqkit.create_sandbox_user(bunqkit.Client(base_url())))
    with bunqkit.Receiver(owner) as there:
        app = bunqkit.OAuthApp(owner, there.url)
        page = open_page(browser, app.ask())
        page.get_by_role("button", name="Go on as").click()
        page.get_by_role("button", name="Refuse").click()
        page.wait_for_url(f"{there.url}**")
        with pytest.raises(bunqkit.FieldError, match="access_denied"):
            app.receive(page.url)
    page.close()


def base_url() -> str:
    """Give the address of the bank that is served."""
    return str(bunqkit.load_settings(api_key="x").base_url)
