"""OAuth in a real browser: the page, a person's choice, the way back, and what the token opens."""

from __future__ import annotations

import http.server
import os
import socketserver
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

import bunqkit
from bunqkit.sandbox import Admin, Bank, doors

pytestmark = pytest.mark.slow


@pytest.fixture
def admin() -> Iterator[Admin]:
    """Return the admin pages of a bank."""
    bank = Bank()
    yield Admin(bank)
    bank.close()


@pytest.fixture
def served(admin: Admin, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Bank]:
    """Serve a bank and its admin pages; the kit finds it by its settings."""
    pytest.importorskip("waitress", reason="serving the bank needs waitress")
    monkeypatch.setenv("BUNQ_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.setenv("BUNQ_ENVIRONMENT", "OFFLINE")
    server = doors.Server(admin, host="127.0.0.1", port=0)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    monkeypatch.setenv("BUNQ_BASE_URL", server.url)
    yield admin.bank
    server.close()
    thread.join(10)


def open_page(browser: Any, address: str) -> Any:
    """Open an address in a window of its own; nothing beyond this machine is asked for."""
    page = browser.new_context(viewport={"width": 900, "height": 900}).new_page()
    page.set_default_timeout(20_000)
    page.goto(address)
    return page


def test_a_person_lets_an_app_in(browser: Any, served: Bank, tmp_path: Path) -> None:
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
    theirs = bunqkit.connect(bank=owner, api_key=token)
    assert theirs.accounts()["description"].tolist() == ["Holiday"]
    page.close()


def test_a_person_refuses(browser: Any, served: Bank) -> None:
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


def test_the_link_of_a_bank_opens_its_page(browser: Any, served: Bank, admin: Admin) -> None:
    """The token leaves the address, no script can read it, and the page opens from then on."""
    url = base_url()
    page = open_page(browser, url.removesuffix("v1"))
    assert served.demo_key.reveal() not in page.content()
    assert "/sandbox-user-person" in page.content()
    page.goto(admin.link(url))
    assert page.url == url.removesuffix("v1")
    assert served.demo_key.reveal() in page.content()
    assert page.evaluate("document.cookie") == ""
    (cookie,) = page.context.cookies()
    assert (cookie["httpOnly"], cookie["sameSite"]) == (True, "Strict")
    page.reload()
    assert served.demo_key.reveal() in page.content()
    page.goto(f"{url.removesuffix('v1')}control/books")
    assert '"imbalance"' in page.content()
    page.close()


def test_a_page_of_another_port_cannot_use_the_desk(
    browser: Any,
    served: Bank,
    admin: Admin,
) -> None:
    """Though the browser sends it the cookie: ports of one machine are one site to it."""
    page = open_page(browser, admin.link(base_url()))
    before = served.clock.now()
    desk = base_url().replace("/v1", "/control/clock")
    send = """async (url) => {
        const send = (type, mode) => fetch(url, {method: 'POST', body: '{"days": 9}', mode,
            credentials: 'include', headers: {'Content-Type': type}})
            .then((answer) => answer.status, () => 'failed');
        return [await send('application/json', 'cors'), await send('text/plain', 'no-cors')];
    }"""
    with socketserver.TCPServer(("127.0.0.1", 0), Blank) as other:
        threading.Thread(target=other.serve_forever, daemon=True).start()
        page.goto(f"http://127.0.0.1:{other.server_address[1]}/")
        assert page.evaluate(send, desk) == ["failed", 0]
        other.shutdown()
    assert served.clock.now() - before < timedelta(days=1)
    page.close()


class Blank(http.server.BaseHTTPRequestHandler):
    """Serves an empty page."""

    def do_GET(self) -> None:
        """Answer with it."""
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def base_url() -> str:
    """Return the address of the bank that is served."""
    return os.environ["BUNQ_BASE_URL"]
