"""The ledger as a thing: its file, what it follows, what it says of itself."""

from __future__ import annotations

import gzip
import os
import sqlite3
import stat
import threading
from pathlib import Path

import pandas as pd
import pytest
from sampling import one_in

import bunqkit
from bunqkit.errors import FieldError, StateError, UnknownNameError
from bunqkit.ledger.ledger import Ledger
from bunqkit.sandbox import Bank


@pytest.fixture
def bunq(bank: Bank) -> bunqkit.Context:
    """Return the demo person."""
    return bunqkit.connect(bank=bank, api_key=bank.demo_key)


def test_the_file_is_private(bunq: bunqkit.Context, tmp_path: Path) -> None:
    """And so is everything beside it, also where it was open to others before."""
    path = tmp_path / "new folder" / "ledger.sqlite"
    with bunqkit.Ledger(path) as ledger:
        ledger.sync(bunq)
        modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in path.parent.iterdir()}
    assert set(modes.values()) == {0o600}
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    for file in path.parent.iterdir():
        file.chmod(0o644)
    with Ledger(path) as ledger:
        ledger.sync(bunq)
        modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in path.parent.iterdir()}
    assert {name: mode for name, mode in modes.items() if not name.endswith(".lock")} == {
        "ledger.sqlite": 0o600, "ledger.sqlite-shm": 0o600, "ledger.sqlite-wal": 0o600,
    }  # fmt: skip


def test_folders_are_private_whatever_the_mask(tmp_path: Path) -> None:
    """Every one that is made, not the last alone."""
    before = os.umask(0)
    try:
        Ledger(tmp_path / "a" / "b" / "ledger.sqlite").close()
    finally:
        os.umask(before)
    assert {stat.S_IMODE((tmp_path / each).stat().st_mode) for each in ("a", "a/b")} == {0o700}


def test_it_is_there_again(bunq: bunqkit.Context, tmp_path: Path) -> None:
    """Closed and opened, it has the same tables, without the bank."""
    with Ledger(tmp_path / "ledger.sqlite") as ledger:
        ledger.follow("user.invoice.list")
        ledger.sync(bunq)
        before = ledger.payments()
        said = repr(ledger)
    with Ledger(str(tmp_path / "ledger.sqlite")) as again:
        pd.testing.assert_frame_equal(again.payments(), before)
        assert repr(again) == said
        assert len(again.frame("user.invoice.list")) == 0
    assert "849 of them payments; complete up to 20" in said


def test_another_list_is_followed(bunq: bunqkit.Context, bank: Bank, tmp_path: Path) -> None:
    """Of every account, as live."""
    account = int(bunq.accounts()["id"].min())
    bank.place(f"/user/{bunq.user_id}/monetary-account/{account}/invoice")
    with Ledger(tmp_path / "ledger.sqlite") as ledger:
        ledger.follow("invoice.list")
        ledger.sync(bunq)
        pd.testing.assert_frame_equal(ledger.frame("invoice.list"), bunq.frame("invoice.list"))
        assert len(ledger.frame("invoice.list")) == 1


@pytest.mark.parametrize("operation", one_in(3, ["user.list", "legal-name.list", "limit.list"]))
def test_a_list_without_pages_is_followed(
    bunq: bunqkit.Context, tmp_path: Path, operation: str
) -> None:
    """Its items need no ids: it comes whole each time."""
    with Ledger(tmp_path / "ledger.sqlite") as ledger:
        ledger.follow(operation)
        ledger.sync(bunq)
        assert ledger.sync(bunq).gone == 0
        pd.testing.assert_frame_equal(ledger.frame(operation), bunq.frame(operation))


def test_a_list_below_another_thing_is_followed(bunq: bunqkit.Context, tmp_path: Path) -> None:
    """With the ids of its path."""
    payment = bunq.pay("1.00", "bravo@bunq.com", "tea")
    bunq.call("payment.note-text.create", payment_id=payment["id"], content="hello")
    with Ledger(tmp_path / "ledger.sqlite") as ledger:
        card = int(bunq.frame("card.list")["id"].iloc[0])
        ledger.follow("card.export-statement-card.list", card_id=card)
        ledger.sync(bunq)
        assert len(ledger.frame("card.export-statement-card.list", card_id=card)) == 0
        with pytest.raises(UnknownNameError, match="does not follow"):
            ledger.frame("card.export-statement-card.list", card_id=card + 1)


def test_only_lists_are_followed(tmp_path: Path) -> None:
    """A call that changes something is never repeated by a sync."""
    with Ledger(tmp_path / "ledger.sqlite") as ledger:
        with pytest.raises(FieldError, match=r"ends in \.list"):
            ledger.follow("payment.create")
        with pytest.raises(UnknownNameError):
            ledger.follow("payments.list")


def test_the_status_of_every_list(bunq: bunqkit.Context, tmp_path: Path) -> None:
    """How many items, and up to when it is complete."""
    with Ledger(tmp_path / "ledger.sqlite") as ledger:
        report = ledger.sync(bunq)
        status = ledger.status()
    assert status["items"].sum() == report.new
    assert status["complete"].all()
    assert report.until == status["complete_until"].min().to_pydatetime()


def test_a_full_disk_is_said(bunq: bunqkit.Context, tmp_path: Path) -> None:
    """What was kept is kept, and when there is room the next sync goes on."""
    with Ledger(tmp_path / "ledger.sqlite") as ledger:
        ledger._store.run("PRAGMA max_page_count = 200")
        with pytest.raises(StateError, match=r"can't be read or written .*full.* Make room"):
            ledger.sync(bunq)
        ledger._store.run("PRAGMA max_page_count = 1000000")
        assert ledger.sync(bunq).complete
        pd.testing.assert_frame_equal(ledger.payments(), bunq.payments())


def test_other_files_are_left_alone(tmp_path: Path) -> None:
    """What is no ledger is neither read nor changed."""
    other = tmp_path / "other.sqlite"
    with sqlite3.connect(other) as db:
        db.execute("CREATE TABLE mine (x)")
    db.close()
    with pytest.raises(StateError, match="a database of something else"):
        Ledger(other)
    text = tmp_path / "notes.txt"
    text.write_text("no database at all, but long enough to be taken for the head of one" * 40)
    with pytest.raises(StateError, match="can't be opened as a ledger"):
        Ledger(text)
    with sqlite3.connect(tmp_path / "future.sqlite") as db:
        db.execute("PRAGMA user_version = 99")
    db.close()
    with pytest.raises(StateError, match="another version"):
        Ledger(tmp_path / "future.sqlite")
    for file in (other, text, tmp_path / "future.sqlite"):
        file.chmod(0o644)
        with pytest.raises(StateError):
            Ledger(file)
        assert stat.S_IMODE(file.stat().st_mode) == 0o644
    assert len(list(tmp_path.glob("*.*"))) == 3
    with pytest.raises(StateError, match="can't be opened"):
        Ledger(tmp_path)


def test_two_may_make_a_ledger_at_once(tmp_path: Path) -> None:
    """Neither takes what the other has begun for a database of something else."""
    for number in range(20):
        both = threading.Barrier(2)
        opened: list[str] = []

        def work(path: Path, both: threading.Barrier, opened: list[str]) -> None:
            both.wait()
            with Ledger(path) as ledger:
                opened.append(repr(ledger))

        told = (tmp_path / f"{number}.sqlite", both, opened)
        threads = [threading.Thread(target=work, args=told) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(opened) == 2


@pytest.fixture
def earlier(tmp_path: Path) -> Path:
    """Return a ledger that version 0.1.0 made: two syncs, a day apart, with a correction."""
    path = tmp_path / "earlier.sqlite"
    packed = Path(__file__).parents[1] / "data" / "ledger-0.1.0.sqlite.gz"
    path.write_bytes(gzip.decompress(packed.read_bytes()))
    return path


def test_a_ledger_of_an_earlier_version_opens(earlier: Path, tmp_path: Path) -> None:
    """All of it is read: its tables, its history, what it follows."""
    with Ledger(earlier) as ledger:
        payments = ledger.payments()
        assert len(payments) == 47
        assert payments.attrs["bunqkit"]["complete"]
        assert payments["description"].iloc[0] == 'a "quoted",\r=1+1 text é漢字🙂'
        assert ledger.balances()["balance_cents"].tolist() == [744827]
        holds = bunqkit.reconcile(payments, ledger.accounts())
        assert holds.holds
        assert ledger.status()["complete"].all()
        assert ledger.status()["items"].sum() == 103
        assert len(ledger.frame("user.invoice.list")) == 0
        then = ledger.as_of("2026-04-01")
        assert then.balances()["balance_cents"].tolist() == [744927]
        assert then.money_requests()["status"].iloc[0] == "PENDING"
        assert ledger.money_requests()["status"].iloc[0] == "REVOKED"
        assert ledger.sql("SELECT COUNT(*) AS n FROM versions")["n"].tolist() == [107]
        assert ledger.export(tmp_path / "out", "csv").complete
    with sqlite3.connect(earlier) as db:
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    db.close()
