"""The ledger's commands, as cron runs them."""

from __future__ import annotations

import os
import re
import signal
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from filelock import FileLock

import bunqkit
from bunqkit.cli.main import main
from bunqkit.ledger.ledger import Ledger
from bunqkit.sandbox import Bank, Fault, doors


@pytest.fixture
def served(bank: Bank, tmp_path: Path) -> Iterator[Bank]:
    """Return a bank that is served, and named in ``.env``."""
    pytest.importorskip("waitress", reason="serving the bank needs waitress")
    server = doors.Server(bank, host="127.0.0.1", port=0)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    Path(".env").write_text(
        f"BUNQ_ENVIRONMENT=OFFLINE\nBUNQ_BASE_URL={server.url}\n"
        f"BUNQ_API_KEY={bank.demo_key.reveal()}\nBUNQ_STATE_DIR={tmp_path}/state\n"
    )
    yield bank
    server.close()
    thread.join(10)


def test_the_three_commands(served: Bank, capsys: pytest.CaptureFixture[str]) -> None:
    """Sync, prove, export: status 0, and a line each that says what was done."""
    assert main(["sync", "ledger.sqlite", "--follow", "invoice.list"]) == 0
    assert main(["reconcile", "ledger.sqlite"]) == 0
    assert main(["export", "ledger.sqlite", "out"]) == 0
    assert main(["export", "ledger.sqlite", "books.beancount", "--as", "beancount"]) == 0
    said = capsys.readouterr()
    lines = said.out.splitlines()
    assert re.match(r"Complete up to 20.* new, 0 corrected, 0 gone, \d+ pages", lines[0])
    assert re.match(r"Holds: \d+ payments", lines[1])
    assert re.match(r"\d+ payments in ", lines[2])
    assert len(lines) == 4
    with Ledger("ledger.sqlite") as ledger:
        assert len(ledger.frame("invoice.list")) == 0


@pytest.mark.slow
def test_quiet_says_nothing_if_all_is_well(
    served: Bank, capsys: pytest.CaptureFixture[str]
) -> None:
    """Cron mails what is said."""
    assert main(["sync", "ledger.sqlite", "--quiet"]) == 0
    assert main(["reconcile", "ledger.sqlite", "--quiet"]) == 0
    assert main(["export", "ledger.sqlite", "out", "--quiet"]) == 0
    assert capsys.readouterr() == ("", "")


def test_play_money_is_said_even_if_quiet(capsys: pytest.CaptureFixture[str]) -> None:
    """Who has no ``.env`` where the command runs does not take a made-up bank for their own."""
    assert main(["sync", "ledger.sqlite", "--quiet"]) == 0
    said = capsys.readouterr()
    assert said.out == ""
    assert "OFFLINE" in said.err
    assert "play money" in said.err


def test_what_failed_is_said_even_if_quiet(
    served: Bank, capsys: pytest.CaptureFixture[str]
) -> None:
    """Status 1 and one line."""
    served.faults.add(Fault("wrong signature", operation="payment.list", times=None))
    assert main(["sync", "ledger.sqlite", "--quiet"]) == 1
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("bunqkit: The answer to GET /v1/user/")
    assert main(["reconcile", "ledger.sqlite", "--quiet"]) == 1
    assert "cut by sync" in capsys.readouterr().err


def test_a_ledger_that_does_not_add_up_has_a_status_of_its_own(
    served: Bank, capsys: pytest.CaptureFixture[str]
) -> None:
    """Status 3, with the first gap."""
    main(["sync", "ledger.sqlite", "--quiet"])
    with Ledger("ledger.sqlite") as ledger:
        number = int(ledger.payments(account="Main account")["id"].iloc[100])
        with ledger._store.transaction():
            ledger._store.run("DELETE FROM item WHERE id = :id", {"id": number})
    assert main(["reconcile", "ledger.sqlite", "--quiet"]) == 3
    assert "is missing between the two" in capsys.readouterr().err


def test_another_sync_at_the_same_time_is_left_alone(
    served: Bank, capsys: pytest.CaptureFixture[str]
) -> None:
    """Status 75, which says to try again."""
    with FileLock("ledger.sqlite.lock"):
        assert main(["sync", "ledger.sqlite", "--quiet"]) == 75
    assert "Try again later" in capsys.readouterr().err
    assert main(["sync", "ledger.sqlite", "--quiet", "--wait", "5"]) == 0


def test_a_ledger_that_is_not_there(capsys: pytest.CaptureFixture[str]) -> None:
    """None is made: an empty one would prove nothing."""
    assert main(["reconcile", "typo.sqlite"]) == 1
    assert "bunqkit sync typo.sqlite" in capsys.readouterr().err
    assert not Path("typo.sqlite").exists()


def test_the_log_holds_no_secret(served: Bank) -> None:
    """A line a run, for its owner alone: what was done, what failed, no key and no token."""
    log = Path("bunqkit.log")
    main(["sync", "ledger.sqlite", "--quiet", "--log", str(log)])
    served.faults.add(Fault("500", operation="*.list", times=None))
    main(["sync", "ledger.sqlite", "--quiet", "--log", str(log)])
    lines = log.read_text().splitlines()
    assert len(lines) == 2
    assert re.match(r"20\S+ \S+ UTC sync ledger.sqlite: status 0: Complete up to", lines[0])
    assert "status 1: " in lines[1]
    assert re.findall(r"[0-9a-f]{20,}", log.read_text()) == []
    assert stat.S_IMODE(log.stat().st_mode) == 0o600


@pytest.mark.skipif(os.name != "posix", reason="links and pipes are a matter of POSIX")
@pytest.mark.parametrize("kind", ["link", "link to nothing", "pipe", "folder", "another user's"])
def test_the_log_is_a_plain_file_of_ones_own(
    kind: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else nothing is done and nothing is written: others could choose where the line goes."""
    log, other = tmp_path / "log", tmp_path / "other"
    if kind == "link":
        other.write_text("theirs")
    if "link" in kind:
        log.symlink_to(other)
    elif kind == "pipe":
        os.mkfifo(log)
    elif kind == "folder":
        log.mkdir()
    else:
        log.write_text("theirs")
        owner = log.stat().st_uid
        monkeypatch.setattr(os, "geteuid", lambda: owner + 1)
        os.chown(log, owner or 12_345, -1)
    assert main(["sync", "ledger.sqlite", "--log", str(log)]) == 1
    said = capsys.readouterr()
    assert said.out == ""
    assert f"{log} can't be written" in said.err
    assert not Path("ledger.sqlite").exists()
    if kind == "link":
        assert other.read_text() == "theirs"
    elif kind == "link to nothing":
        assert not other.exists()
    elif kind == "another user's":
        assert log.read_text() == "theirs"


@pytest.mark.slow
def test_an_interrupted_sync_goes_on_next_time(served: Bank, tmp_path: Path) -> None:
    """Ctrl-C: status 130, and what has come is kept."""
    served.faults.add(Fault("delay", operation="payment.list", times=None, seconds=0.5))
    process = subprocess.Popen(
        [sys.executable, "-m", "bunqkit", "sync", "ledger.sqlite"],
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ},
    )
    while not served.faults.happened["delay"]:
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(0.05)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "the next sync goes on from there" in said
    served.faults.clear()
    assert main(["sync", "ledger.sqlite", "--quiet"]) == 0
    with Ledger("ledger.sqlite") as ledger:
        assert bunqkit.reconcile(ledger.payments(), ledger.accounts())
