"""Leaving a machine: what is ended, what is deleted, what stays, and when it is refused."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from lossy import PAY, Kernels, Lossy, lose, served
from visitors import Wire

import bunqkit
from bunqkit.cli import main as cli
from bunqkit.errors import ApiError, StateError, UnsettledError
from bunqkit.sandbox import Bank


def test_logging_out_leaves_nothing(
    kernels: Kernels, wire: Wire, capsys: pytest.CaptureFixture[str]
) -> None:
    """The session ends at the bank, state and journal are deleted; the rest is named."""
    bunq = kernels.start()
    bunq.pay("1.00", "bravo@bunq.com", "tea")
    token = bunq.session.token
    (kept,) = kernels.folder.glob("*.json")
    kept.with_name(f"{kept.stem}.aside-1").write_text("keys")
    bunq.logout()
    assert list(kernels.folder.rglob("*")) == []
    assert wire.count(f"DELETE /v1/session/{_number(wire)}") == 1
    with pytest.raises(ApiError, match="Insufficient"):
        kernels.start().client.request("GET", "/user", token=token)
    told = capsys.readouterr().out
    assert "the device" in told
    assert "the API key" in told
    assert "Revoke" in told
    assert str(kept) in told
    with pytest.raises(StateError, match="logged out"):
        bunq.accounts()


def _number(wire: Wire) -> str:
    return next(call for call in wire.calls if call.startswith("DELETE")).rpartition("/")[2]


def test_what_can_be_settled_is_settled_first(kernels: Kernels, lossy: Lossy) -> None:
    """A lost payment that the bank shows keeps nobody from leaving."""
    bunq = kernels.start()
    lose(bunq, lossy, "after")
    bunq.logout()
    assert list(kernels.folder.rglob("*")) == []


def test_what_is_unsettled_keeps_one_from_leaving(
    kernels: Kernels, lossy: Lossy, wire: Wire
) -> None:
    """It is listed, and nothing is deleted; unless one says that it shall be forgotten."""
    bunq = kernels.start()
    number = bunq.request_money("5.00", "bravo@bunq.com", "half")["id"]
    lossy.lose, lossy.error = "before", requests.ConnectionError("cut")
    with pytest.raises(bunqkit.OutcomeUnknownError):
        bunq.call("request-inquiry.update", number, status="REVOKED")
    with pytest.raises(UnsettledError, match=r"request-inquiry\.update") as caught:
        bunq.logout()
    assert len(caught.value.entries) == len(bunq.unsettled) == 1
    assert not any(call.startswith("DELETE") for call in wire.calls)
    bunq.logout(forget_unsettled=True)
    assert list(kernels.folder.rglob("*")) == []


def test_ledgers_are_deleted_by_name_alone(kernels: Kernels, tmp_path: Path) -> None:
    """One that was not named stays, and what is no ledger is not deleted."""
    bunq = kernels.start()
    for name in ("one.sqlite", "two.sqlite"):
        with bunqkit.Ledger(tmp_path / name) as ledger:
            ledger.sync(bunq, progress=False)
    diary = tmp_path / "diary.txt"
    diary.write_text("dear diary")
    with pytest.raises(StateError):
        bunq.logout(ledgers=[diary])
    with pytest.raises(StateError, match="no ledger"):
        bunq.logout(ledgers=[tmp_path / "three.sqlite"])
    assert bunq.accounts() is not None
    bunq.logout(ledgers=[tmp_path / "one.sqlite"])
    assert list(tmp_path.glob("one.sqlite*")) == []
    assert (tmp_path / "two.sqlite").exists()
    assert diary.exists()


def test_closing_ends_the_session_alone(kernels: Kernels, lossy: Lossy) -> None:
    """State and journal stay, and the next call opens a session."""
    bunq = kernels.start()
    lose(bunq, lossy, "before")
    bunq.close()
    assert len(list(kernels.folder.glob("*.json"))) == 1
    assert len(bunq.unsettled) == 1
    assert bunq.call("GET /user").item["id"] == bunq.user_id


def test_a_bank_in_this_process_keeps_nothing(
    bank: Bank, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its session ends all the same."""
    bunqkit.connect(bank=bank).logout()
    assert "Nothing was kept on disk" in capsys.readouterr().out


@pytest.fixture
def settings_file(bank: Bank, tmp_path: Path) -> Iterator[Path]:
    """Return a .env of a bank that is served."""
    with served(bank) as url:
        env_file = tmp_path / ".env"
        env_file.write_text(
            f"BUNQ_ENVIRONMENT=OFFLINE\nBUNQ_BASE_URL={url}\n"
            f"BUNQ_API_KEY={bank.demo_key.reveal()}\nBUNQ_STATE_DIR={tmp_path / 'kept'}\n"
        )
        env_file.chmod(0o600)
        yield env_file


def test_the_command_logs_out(
    settings_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It needs no notebook, makes no new session, and says when there is nothing to do."""
    command = ["logout", "--env-file", str(settings_file)]
    assert cli.main(command) == 0
    assert "This machine keeps nothing" in capsys.readouterr().out
    bunqkit.connect(env_file=settings_file).pay(**{k: PAY[k] for k in PAY})
    assert cli.main(command) == 0
    told = capsys.readouterr().out
    assert "Logged out. The session has ended." in told
    assert str(settings_file) in told
    assert list((tmp_path / "kept").rglob("*")) == []
