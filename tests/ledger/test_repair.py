"""A damaged ledger: the error says so, and what can be read of it is saved."""

from __future__ import annotations

import contextlib
import gzip
import random
import sqlite3
import stat
from collections.abc import Callable
from pathlib import Path

import pytest
from filelock import FileLock
from hypothesis import given, strategies as st
from sampling import one_in

import bunqkit
from bunqkit.cli.main import main
from bunqkit.errors import BunqkitError, BusyError, StateError
from bunqkit.ledger.ledger import Ledger
from bunqkit.ledger.salvage import read_rows
from bunqkit.sandbox import Bank

WHOLE = gzip.decompress((Path(__file__).parents[1] / "data/ledger-0.1.0.sqlite.gz").read_bytes())
PAGE = 4096


@pytest.fixture
def bunq(bank: Bank) -> bunqkit.Context:
    """Return the demo person."""
    return bunqkit.connect(bank=bank, api_key=bank.demo_key)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return a whole ledger in a folder of its own."""
    folder = tmp_path / "ledgers"
    folder.mkdir()
    (folder / "money.sqlite").write_bytes(WHOLE)
    return folder / "money.sqlite"


def pages_of(kind: int) -> list[int]:
    """Return where the pages of a kind begin; 13 holds rows of tables."""
    return [at for at in range(PAGE, len(WHOLE), PAGE) if WHOLE[at] == kind]


def blank(at: int, length: int) -> Callable[[bytes], bytes]:
    """Return what overwrites a stretch by zeros."""
    return lambda content: content[:at] + bytes(length) + content[at + length :]


DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "no head": blank(0, 100),
    "no first page": blank(0, PAGE),
    "a page of rows": blank(pages_of(13)[6], PAGE),
    "three pages of rows": lambda content: b"".join(
        bytes(PAGE) if at in pages_of(13)[4:7] else content[at : at + PAGE]
        for at in range(0, len(content), PAGE)
    ),
    "a tree's root": lambda content: b"".join(
        bytes(PAGE) if content[at] == 5 else content[at : at + PAGE]
        for at in range(0, len(content), PAGE)
    ),
    "cut in the middle": lambda content: content[: len(content) // 2],
    "cut by a page": lambda content: content[:-PAGE],
    "an item that is no JSON": lambda content: content.replace(b'{"id":', b'{"id";', 200),
}


def use_all(ledger: Ledger, folder: Path) -> None:
    """Do whatever a ledger does without a bank."""
    repr(ledger)
    ledger.status()
    ledger.accounts()
    ledger.payments()
    ledger.events()
    ledger.balances(daily=True)
    ledger.frame("payment.list", account="all")
    ledger.sql("SELECT * FROM versions")
    ledger.as_of("2026-04-01").payments()
    for kind in ("csv", "parquet", "beancount"):
        ledger.export(folder / kind, kind)


@pytest.mark.parametrize("damage", one_in(2, DAMAGES))
def test_a_damaged_ledger_is_saved(path: Path, damage: str, tmp_path: Path) -> None:
    """Into a new private file, which opens; the old one stays as it was."""
    damaged = DAMAGES[damage](WHOLE)
    path.write_bytes(damaged)
    path.chmod(0o644)
    repair = Ledger.repair(path)
    assert not repair.is_whole
    assert path.read_bytes() == damaged
    made = path.with_name("money.repaired.sqlite")
    assert repair.made == made
    assert stat.S_IMODE(made.stat().st_mode) == 0o600
    assert {each.name for each in path.parent.iterdir()} <= {
        "money.sqlite", "money.repaired.sqlite", "money.sqlite.lock",
    }  # fmt: skip
    with Ledger(made) as ledger:
        assert ledger.status()["items"].sum() == repair.items
        assert not ledger.status()["complete"].any()
        use_all(ledger, tmp_path)
    assert repair.items + sum(repair.lost.values()) >= (50 if "cut" in damage else 100)
    assert "deep=True" in repr(repair)
    assert "The old file stays" in repr(repair)
    assert Ledger.repair(made).is_whole


def test_what_is_saved_and_what_is_lost(path: Path) -> None:
    """Of a lost page of rows every item is named by its list; of a lost head nothing is lost."""
    path.write_bytes(DAMAGES["no first page"](WHOLE))
    repair = Ledger.repair(path)
    assert (repair.items, repair.earlier, repair.lost) == (103, 4, {})
    path.write_bytes(DAMAGES["three pages of rows"](WHOLE))
    repair = Ledger.repair(path)
    assert repair.made == path.with_name("money.repaired-2.sqlite")
    assert repair.items < 103
    assert repair.items + sum(repair.lost.values()) == 103
    assert any(f"{count} items of {name}" in repr(repair) for name, count in repair.lost.items())


def test_a_deep_sync_fetches_the_rest(bunq: bunqkit.Context, tmp_path: Path) -> None:
    """Afterwards the ledger has what the bank has, and it adds up."""
    path = tmp_path / "ledger.sqlite"
    with Ledger(path) as ledger:
        ledger.sync(bunq, progress=False)
    content = bytearray(path.read_bytes())
    rows = [at for at in range(PAGE, len(content), PAGE) if content[at] == 13]
    for at in rows[5::7]:
        content[at : at + PAGE] = random.Random(at).randbytes(PAGE)
    path.write_bytes(content)
    repair = Ledger.repair(path)
    assert repair.made
    assert repair.lost
    with contextlib.suppress(BunqkitError), Ledger(path) as damaged:
        damaged.sync(bunq, deep=True, progress=False)
    with Ledger(repair.made) as ledger:
        assert len(ledger.payments()) < len(bunq.payments())
        assert ledger.sync(bunq, deep=True, progress=False).complete
        assert len(ledger.payments()) == len(bunq.payments())
        assert bunqkit.reconcile(ledger.payments(), ledger.accounts())


def test_what_stands_in_the_log_is_saved_too(bunq: bunqkit.Context, tmp_path: Path) -> None:
    """A process that was killed leaves its newest pages there."""
    path, folder = tmp_path / "ledger.sqlite", tmp_path / "killed"
    folder.mkdir()
    with Ledger(path) as ledger:
        ledger.sync(bunq, progress=False)
        for ending in ("", "-wal"):
            killed = folder / f"ledger.sqlite{ending}"
            killed.write_bytes(path.with_name(f"ledger.sqlite{ending}").read_bytes())
    assert Ledger.repair(folder / "ledger.sqlite").is_whole
    with Ledger(folder / "ledger.sqlite") as again:
        assert len(again.payments()) == len(bunq.payments())


def test_a_whole_ledger_is_left_alone(path: Path) -> None:
    """There is no new file."""
    repair = Ledger.repair(path)
    assert repair.is_whole
    assert "nothing to repair" in repr(repair)
    assert path.read_bytes() == WHOLE
    assert not list(path.parent.glob("*repaired*"))


def test_what_is_no_ledger_is_not_repaired(tmp_path: Path) -> None:
    """Nothing is made of it."""
    other = tmp_path / "other.sqlite"
    with sqlite3.connect(other) as db:
        db.execute("CREATE TABLE mine (x)")
    db.close()
    text = tmp_path / "notes.txt"
    text.write_text("no database at all" * 400)
    (tmp_path / "empty.sqlite").write_bytes(b"")
    for file in (other, text, tmp_path / "empty.sqlite", tmp_path / "absent", tmp_path):
        with pytest.raises(StateError):
            Ledger.repair(file)
    assert not list(tmp_path.glob("*repaired*"))


def test_a_ledger_in_use_is_not_repaired(path: Path) -> None:
    """A sync may be writing it."""
    with FileLock(f"{path}.lock"), pytest.raises(BusyError):
        Ledger.repair(path)


def test_the_command(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Status 0 if it is whole, 3 if it was damaged, 1 if there is none."""
    assert main(["repair", str(path)]) == 0
    path.write_bytes(DAMAGES["no head"](WHOLE))
    assert main(["reconcile", str(path)]) == 1
    assert f"bunqkit repair {path}" in capsys.readouterr().err
    assert main(["repair", str(path)]) == 3
    assert "money.repaired.sqlite" in capsys.readouterr().err
    assert main(["repair", str(path.with_name("absent"))]) == 1


def use_damaged(content: bytes, folder: Path) -> None:
    """Use a ledger that may be damaged: only errors of the kit may come."""
    path = folder / "damaged.sqlite"
    for ending in ("", "-wal", "-shm"):
        Path(f"{path}{ending}").unlink(missing_ok=True)
    path.write_bytes(content)
    with contextlib.suppress(BunqkitError), Ledger(path) as ledger:
        use_all(ledger, folder / "out")
    path.write_bytes(content)
    with contextlib.suppress(BunqkitError):
        Ledger.repair(path)
    for made in folder.glob("damaged.repaired*"):
        made.unlink()


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_ledger_gives_the_error_of_the_kit(damage: str, tmp_path: Path) -> None:
    """Whatever is damaged."""
    use_damaged(DAMAGES[damage](WHOLE), tmp_path)


def scatter(number: int) -> bytes:
    """Return a ledger with some bytes, stretches or pages other than they were."""
    chance = random.Random(number)
    content = bytearray(WHOLE)
    for _ in range(chance.choice([1, 5, 50, 500])):
        at = chance.randrange(len(content))
        length = chance.choice([1, 1, 1, 16, PAGE])
        length = min(length, len(content) - at)
        content[at : at + length] = chance.choice([bytes(length), chance.randbytes(length)])
    return bytes(content[: chance.choice([None, chance.randrange(len(content))])])


@pytest.mark.parametrize("number", range(4))
def test_scattered_damage(number: int, tmp_path: Path) -> None:
    """As above; more of it is in the slow run."""
    use_damaged(scatter(number), tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("number", range(4, 200))
def test_much_scattered_damage(number: int, tmp_path: Path) -> None:
    """As above."""
    use_damaged(scatter(number), tmp_path)


@given(st.binary(max_size=2000), st.integers(0, 20), st.booleans())
def test_reading_rows_takes_any_bytes(part: bytes, page: int, is_first: bool) -> None:  # noqa: FBT001
    """It ends, and raises nothing."""
    content = WHOLE[: page * PAGE] + part + WHOLE[page * PAGE + len(part) :][: 8 * PAGE]
    for of_indexes in (True, False):
        list(read_rows(part if is_first else content, of_indexes=of_indexes))


def test_every_row_of_a_whole_file_is_read(path: Path) -> None:
    """As SQLite reads them."""
    with sqlite3.connect(path) as db:
        expected = set(db.execute("SELECT * FROM item"))
    db.close()
    rows = [values for _, values in read_rows(WHOLE, of_indexes=False) if len(values) == 9]
    assert {tuple(row) for row in rows} == expected
