"""The connect panel: step by step, all at once, what fails, and that no key stays in a field."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import ipywidgets
import pytest
from ipywidgets.widgets.widget import _instances

import bunqkit
from bunqkit import ApiError, FieldError
from bunqkit.sandbox import Admin, Bank, doors
from bunqkit.widgets import ConnectPanel


@pytest.fixture
def panel() -> Iterator[ConnectPanel]:
    """Return a panel that raises what its handlers raise."""
    panel = ConnectPanel(strict=True)
    yield panel
    panel.close()


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Bank]:
    """Serve a bank, named by the settings."""
    pytest.importorskip("waitress", reason="serving the bank needs waitress")
    bank = Bank()
    server = doors.Server(Admin(bank), host="127.0.0.1", port=0)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    monkeypatch.setenv("BUNQ_BASE_URL", server.url)
    monkeypatch.setenv("BUNQ_STATE_DIR", str(tmp_path / "state"))
    yield bank
    server.close()
    thread.join(10)


def everything_in(widget: ipywidgets.Widget) -> str:
    """Return all that a saved notebook would keep of a widget and those in it."""
    state = json.dumps(widget.get_state(drop_defaults=False), default=str)
    inner = "".join(everything_in(child) for child in getattr(widget, "children", ()))
    return state + inner


def test_step_by_step(panel: ConnectPanel) -> None:
    """Each press does one step, fills in the picture, and shows what went over the wire."""
    for done, name in enumerate(("API key", "Installation", "Device", "Session", "First call")):
        assert name in panel.step_button.description
        assert (panel.bunq is None) == (done < 4)
        panel.step_button.click()
        assert panel._list.value.count("(done)") == done + 1
        assert panel._picture.value.count("(to do)") == 3 - min(done, 3)
        assert panel._calls.value.count("<details><summary>") == done
    assert panel.bunq is not None
    assert panel.step_button.disabled
    assert len(panel.bunq.payments(max_rows=5)) == 5
    (balance,) = panel.bunq.accounts().query("description == 'Main account'")["balance"]
    assert f"{balance:,.2f}" in everything_in(panel)


def test_all_at_once(panel: ConnectPanel) -> None:
    """One press, and the context is the demo person's."""
    panel.all_button.click()
    assert panel.bunq is not None
    assert panel.bunq.user["display_name"] == bunqkit.connect().user["display_name"]


def test_a_new_person(panel: ConnectPanel) -> None:
    """On request it is somebody new, with one empty account."""
    panel.new_user.value = True
    panel.all_button.click()
    assert panel.bunq is not None
    assert panel.bunq.accounts()["balance_cents"].tolist() == [0]


def test_a_typed_key_stays_nowhere(panel: ConnectPanel, served: Bank) -> None:
    """It is out of its field before it is used, and in no widget after."""
    secret = served.demo_key.reveal()
    panel.key.value = secret
    panel.all_button.click()
    assert panel.bunq is not None
    assert panel.key.value == ""
    token = panel.bunq.session.token.reveal()
    kept = everything_in(panel)
    assert secret not in kept
    assert token not in kept
    assert "BEGIN PRIVATE KEY" not in kept


def test_a_wrong_key_fails_at_its_step(panel: ConnectPanel, served: Bank) -> None:
    """The third step (1 and 2 done, the device refused) is marked; the field is empty again."""
    panel.key.value = "sandbox_" + "0" * 64
    panel.step_button.click()
    panel.step_button.click()
    with pytest.raises(ApiError):
        panel.step_button.click()
    assert "(failed)" in panel._list.value
    assert panel.key.value == ""
    panel.again_button.click()
    assert "(failed)" not in panel._list.value


def test_without_a_key_somebody_new_is_made(panel: ConnectPanel, served: Bank) -> None:
    """As ``connect()`` does; production makes nobody, and says what to do."""
    panel.all_button.click()
    assert panel.bunq is not None
    assert panel.bunq.accounts()["balance_cents"].tolist() == [0]
    assert "of somebody new" in panel._picture.value


def test_production_makes_nobody(panel: ConnectPanel) -> None:
    """What is missing and what to do; nothing was sent."""
    panel.environment.value = "PRODUCTION"
    with pytest.raises(FieldError, match="Make one in the bunq app"):
        panel.step_button.click()
    assert "(failed)" in panel._list.value
    assert panel._calls.value == ""


def test_the_session_is_renewed_and_ended(panel: ConnectPanel) -> None:
    """Renewing gives another token; after logging out the next call opens one more."""
    panel.all_button.click()
    assert panel.bunq is not None
    first = panel.bunq.session.token
    panel.renew_button.click()
    assert panel.bunq.session.token != first
    panel.log_out_button.click()
    assert "Logged out" in panel._status.value
    assert panel.bunq.accounts() is not None


def test_the_key_is_written_privately(served: Bank, tmp_path: Path) -> None:
    """Into .env, for its owner alone; the next connect() reads it."""
    env_file = tmp_path / "mine.env"
    env_file.write_text("# mine\n")
    panel = ConnectPanel(env_file=env_file, strict=True)
    panel.new_user.value = True
    panel.all_button.click()
    panel.write_button.click()
    assert env_file.stat().st_mode & 0o777 == 0o600
    assert panel.bunq is not None
    key = panel.bunq.settings.api_key
    assert key is not None
    assert (
        env_file.read_text() == f"# mine\nBUNQ_ENVIRONMENT=OFFLINE\nBUNQ_API_KEY={key.reveal()}\n"
    )
    assert bunqkit.connect(env_file=env_file).user_id == panel.bunq.user_id
    panel.close()


def test_choosing_another_bank_begins_anew(panel: ConnectPanel) -> None:
    """What was reached belongs to one bank."""
    panel.all_button.click()
    panel.environment.value = "PRODUCTION"
    assert panel.bunq is None
    assert panel.new_user.disabled
    assert "PRODUCTION" in panel._head.value


def test_closing_frees_everything() -> None:
    """No widget is left behind, and nobody counts down; what was connected stays so."""
    ConnectPanel(strict=True).close()
    before, threads = len(_instances), threading.active_count()
    for _ in range(3):
        panel = ConnectPanel(strict=True)
        panel.all_button.click()
        panel.close()
    assert len(_instances) == before
    assert panel.bunq is not None
    assert not panel.bunq.accounts().empty
    deadline = time.monotonic() + 10
    while threading.active_count() > threads and time.monotonic() < deadline:
        threading.Event().wait(0.01)
    assert threading.active_count() <= threads
