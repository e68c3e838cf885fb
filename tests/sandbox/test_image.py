"""The ready image of a new bank's books: the same as a replay, private, and never in the way."""

from __future__ import annotations

import ast
import os
import shutil
import subprocess
import sys
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from bunqkit.sandbox import Bank, Clock, bank, image
from bunqkit.sandbox.clock import START
from bunqkit.security.secret_scan import find_secrets

PACKAGE = image.PACKAGE
# Drawn anew for each bank, so different in any two.
SECRET = {"key", "demo_key"}
POSIX = pytest.mark.skipif(os.name != "posix", reason="owners and modes are POSIX's")


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the folder of images, which is this test's own."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "bunqkit" / "offline-bank"


@pytest.fixture
def replays(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Return a list that gets an entry each time that a history is replayed."""
    seen: list[int] = []
    write = bank._write_people

    def count(ledger: Any) -> None:
        seen.append(ledger.seed)
        write(ledger)

    monkeypatch.setattr(bank, "_write_people", count)
    return seen


def books(bank: Bank) -> dict[str, list[tuple[Any, ...]]]:
    """Return every row of every table, without what is drawn anew for each bank."""
    names = [
        row["name"]
        for row in bank.ledger.rows("SELECT name FROM sqlite_master WHERE type = 'table'")
    ]
    tables = {
        name: [tuple(row) for row in bank.ledger.rows(f"SELECT * FROM {name}")] for name in names
    }
    tables["fact"] = sorted(row for row in tables["fact"] if row[0] not in SECRET)
    tables["api_key"] = [row[1:] for row in tables["api_key"]]
    return tables


def open_bank(seed: int = 1, **how: Any) -> Bank:
    """Return a bank whose clock stands still."""
    return Bank(seed=seed, clock=Clock(tick=lambda: 0.0), **how)


def first_payment(place: Path | None = None, **environment: str) -> str:
    """Return what another process sees of a new bank: the newest card payment's shop."""
    program = (
        "from bunqkit.sandbox import Bank\n"
        "rows = Bank().ledger.rows('SELECT holder FROM account WHERE person_id IS NULL')\n"
        "print(sorted(row['holder'] for row in rows))"
    )
    path = {"PYTHONPATH": str(place)} if place else {}
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, **path, **environment},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout


@pytest.mark.parametrize("seed", [1, 2, -(2**70)])
def test_an_image_equals_a_replay_row_by_row(
    seed: int, replays: list[int], cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first bank of a seed replays its history, the second does not, the third has no image."""
    first, second = books(open_bank(seed)), books(open_bank(seed))
    assert replays == [seed]
    monkeypatch.setenv("XDG_CACHE_HOME", os.devnull)
    third = books(open_bank(seed))
    assert replays == [seed, seed]
    assert len(first["movement"]) > 500
    assert first == second == third
    assert len(list(cache.iterdir())) == 1


def test_two_seeds_have_two_images(replays: list[int]) -> None:
    """Another seed has other people."""
    first, second = open_bank(1), open_bank(2)
    assert replays == [1, 2]
    assert books(first)["person"] != books(second)["person"]


def test_another_start_of_the_clock_is_replayed(replays: list[int], cache: Path) -> None:
    """Only the usual start is kept; a history always ends where the bank's clock starts."""
    later = START.replace(month=8)
    for _ in range(2):
        bank = Bank(clock=Clock(later, tick=lambda: 0.0))
        row = bank.ledger.row("SELECT MAX(created) AS last FROM movement")
        assert row is not None
        assert "2026-07-30" < row["last"] <= "2026-08-01 09:00:00.000000"
    assert replays == [1, 1]
    assert not cache.exists()


def test_banks_share_nothing() -> None:
    """What happens at one bank is seen neither by another nor by those that open later."""
    first, second = open_bank(), open_bank()
    before = books(second)
    first.use_card(_card(first), bank.CardUse(1_000, "Kiosk"))
    assert books(first) != before
    assert books(second) == before == books(open_bank())


def test_secrets_are_drawn_for_each_bank(cache: Path) -> None:
    """No two banks have the same key or demo key, and none of it is in the image."""
    banks = [open_bank() for _ in range(3)]
    (path,) = cache.iterdir()
    content = path.read_bytes()
    assert len({bank.demo_key.reveal() for bank in banks}) == 3
    assert len({bank.key.public.pem for bank in banks}) == 3
    assert b"PRIVATE KEY" not in content
    assert [seen.kind for seen in find_secrets(content.decode("latin-1"))] == []
    assert not [each for each in banks if each.demo_key.reveal().encode() in content]


@POSIX
def test_the_image_is_private(cache: Path) -> None:
    """Folder and file are the user's alone."""
    open_bank()
    (path,) = cache.iterdir()
    assert cache.stat().st_mode & 0o777 == 0o700
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.read_bytes().startswith(b"SQLite format 3\0")


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(lambda path: path.write_bytes(b""), id="empty"),
        pytest.param(lambda path: path.write_bytes(path.read_bytes()[:-1]), id="cut"),
        pytest.param(lambda path: path.write_bytes(path.read_bytes() + b"x"), id="too long"),
        pytest.param(lambda path: path.write_bytes(b"rubbish" * 1000), id="rubbish"),
        pytest.param(lambda path: (path.unlink(), path.mkdir()), id="folder"),
        pytest.param(
            lambda path: (path.unlink(), path.symlink_to("/dev/zero")), id="link", marks=POSIX
        ),
        pytest.param(lambda path: (path.unlink(), os.mkfifo(path)), id="pipe", marks=POSIX),
        pytest.param(lambda path: path.unlink(), id="gone"),
    ],
)
def test_a_damaged_image_is_replaced(damage: Any, replays: list[int], cache: Path) -> None:
    """What does not hold what its name says is not used; the history is replayed."""
    expected = books(open_bank())
    (path,) = cache.iterdir()
    damage(path)
    assert books(open_bank()) == expected
    assert replays == [1, 1]
    assert books(open_bank()) == expected


@pytest.mark.parametrize("place", [os.devnull, "/proc/self"])
@POSIX
def test_a_cache_that_cannot_be_written_is_done_without(
    place: str, replays: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """No folder, or one that nobody can write to: the history is replayed each time."""
    monkeypatch.setenv("XDG_CACHE_HOME", place)
    assert books(open_bank()) == books(open_bank())
    assert replays == [1, 1]


@POSIX
def test_a_full_disk_is_done_without(cache: Path) -> None:
    """If the image can't be written whole, nothing of it stays, and the bank opens."""
    program = (
        "import resource, signal\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))\n"
        "from bunqkit.sandbox import Bank\n"
        "print(len(Bank().ledger.rows('SELECT id FROM movement')))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert int(done.stdout) > 500
    assert list(cache.iterdir()) == []


@POSIX
@pytest.mark.parametrize("mode", [0o770, 0o707, 0o777])
def test_a_folder_that_others_may_write_to_is_not_used(
    mode: int, replays: list[int], cache: Path
) -> None:
    """Who can write an image decides what a bank holds."""
    open_bank()
    cache.chmod(mode)
    open_bank()
    assert replays == [1, 1]


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can chown")
def test_a_folder_of_somebody_else_is_not_used(replays: list[int], cache: Path) -> None:
    """Not even if its modes are right."""
    open_bank()
    os.chown(cache, 12_345, 12_345)
    open_bank()
    assert replays == [1, 1]


@POSIX
def test_a_link_to_a_folder_is_not_used(replays: list[int], cache: Path, tmp_path: Path) -> None:
    """It may lead to a folder that somebody else writes to."""
    open_bank()
    cache.rename(tmp_path / "elsewhere")
    cache.symlink_to(tmp_path / "elsewhere")
    open_bank()
    assert replays == [1, 1]


def test_few_images_are_kept(cache: Path) -> None:
    """The folder does not grow with each seed."""
    cache.mkdir(parents=True, mode=0o700)
    for number in range(20):
        (cache / f"old-{number}.sqlite").write_bytes(b"old")
        os.utime(cache / f"old-{number}.sqlite", (number, number))
    open_bank()
    kept = {path.name for path in cache.iterdir()}
    assert len(kept) == 8
    assert {f"old-{number}.sqlite" for number in range(13, 20)} < kept


def test_processes_that_build_at_once_agree(cache: Path) -> None:
    """Each sees the same bank, and one image is left."""
    program = (
        "from bunqkit.sandbox import Bank\n"
        "print(*Bank().ledger.rows('SELECT SUM(cents), COUNT(*) FROM movement')[0])"
    )
    running = [
        subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
        for _ in range(4)
    ]
    assert len({process.communicate()[0] for process in running}) == 1
    assert {process.returncode for process in running} == {0}
    assert len(list(cache.iterdir())) == 1


def test_changed_source_makes_a_new_image(cache: Path, tmp_path: Path) -> None:
    """An edit of what forms the history is seen at once, and undone at once."""
    place = tmp_path / "copy"
    shutil.copytree(PACKAGE, place / "bunqkit", ignore=shutil.ignore_patterns("__pycache__"))
    history = place / "bunqkit" / "sandbox" / "population.toml"
    assert "Buurtsuper" in first_payment(place)
    history.write_text(history.read_text().replace("Buurtsuper", "Nieuwe Winkel"))
    changed = first_payment(place)
    assert "Nieuwe Winkel" in changed
    assert "Buurtsuper" not in changed
    assert len(list(cache.iterdir())) == 2
    history.write_text(history.read_text().replace("Nieuwe Winkel", "Buurtsuper"))
    assert "Buurtsuper" in first_payment(place)
    assert len(list(cache.iterdir())) == 2


def test_every_file_that_forms_the_history_counts() -> None:
    """The sandbox draws on no module of the package that the image's name leaves out.

    These decide nothing that a history holds: errors, secrets, signatures, and what is shown.
    """
    without = {"errors", "display", "private_files", "redaction", "signing"}
    counted = {path for pattern in image.FORMED_BY for path in PACKAGE.glob(pattern)}
    assert all(path.is_file() for path in counted)
    for path in sorted(counted):
        if path.suffix != ".py":
            continue
        for node in ast.parse(path.read_text()).body:
            if not isinstance(node, ast.ImportFrom) or not (node.module or "").startswith(
                "bunqkit"
            ):
                continue
            names = [node.module or ""]
            if (node.module or "") in ("bunqkit", "bunqkit.catalogue"):
                names = [f"{node.module}.{alias.name}" for alias in node.names]
            for name in names:
                room, _, module = name.removeprefix("bunqkit.").partition(".")
                home = PACKAGE / room / f"{module}.py"
                assert (
                    room == "sandbox" or room in without or module in without or home in counted
                ), f"{path} imports {name}"


def test_a_file_starts_from_the_image(tmp_path: Path, replays: list[int]) -> None:
    """Books on disk hold the same, are private, and open again with their own keys."""
    expected = books(open_bank())
    path = tmp_path / "bank.sqlite"
    first = Bank(str(path), clock=Clock(tick=lambda: 0.0))
    assert books(first) == expected
    first.close()
    again = Bank(str(path), clock=Clock(tick=lambda: 0.0))
    assert books(again) == expected
    assert again.demo_key.reveal() == first.demo_key.reveal()
    assert again.key.public.pem == first.key.public.pem
    again.close()
    assert replays == [1]
    if os.name == "posix":
        assert path.stat().st_mode & 0o777 == 0o600
    assert {each.name for each in tmp_path.iterdir() if "half" in each.name} == set()


def test_an_empty_file_gets_the_same_books(tmp_path: Path) -> None:
    """A file that was made beforehand, as by ``mkstemp``, is filled."""
    path = tmp_path / "bank.sqlite"
    path.touch()
    bank = Bank(str(path), clock=Clock(tick=lambda: 0.0))
    assert books(bank) == books(open_bank())
    bank.close()


@pytest.mark.slow
def test_processes_that_open_a_new_file_at_once_share_it(tmp_path: Path) -> None:
    """One of them draws the keys, and all have the same."""
    program = (
        "import sys\nfrom bunqkit.sandbox import Bank\n"
        "bank = Bank(sys.argv[1])\n"
        "print(bank.key.public.fingerprint, len(bank.ledger.rows('SELECT id FROM movement')))"
    )
    running = [
        subprocess.Popen(
            [sys.executable, "-c", program, str(tmp_path / "bank.sqlite")],
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(4)
    ]
    assert len({process.communicate()[0] for process in running}) == 1
    assert {process.returncode for process in running} == {0}


def test_a_reset_replays(replays: list[int]) -> None:
    """Somebody else's seed gives somebody else's history, at the time that it is."""
    bank = open_bank()
    bank.clock.advance(days=3)
    before = books(bank)["person"]
    bank.reset(seed=5)
    assert replays == [1, 5]
    assert books(bank)["person"] != before
    assert datetime.fromisoformat(books(bank)["person"][0][3])


def _card(bank: Bank) -> int:
    row = bank.ledger.row("SELECT id FROM thing WHERE type LIKE 'Card%' ORDER BY id LIMIT 1")
    assert row is not None
    return int(row["id"])
