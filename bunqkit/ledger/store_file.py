"""Opens the SQLite file of a ledger, makes its tables, and says in words what is wrong with it."""

from __future__ import annotations

import contextlib
import shlex
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path

from bunqkit.errors import StateError
from bunqkit.security.private_files import make_database_private, make_folder

# "bq", then the version: other programs' databases bear small numbers.
VERSION = 0x62710001
# Of the segments, which hold columns as this code forms them; another number has them made anew.
_SEGMENTS = "2"
_BUSY_S = 60.0
# What a disk, a folder or another program does to a sound file. Source: sqlite.org, "Result Codes".
_OUTSIDE = {
    sqlite3.SQLITE_PERM, sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_NOMEM,
    sqlite3.SQLITE_READONLY, sqlite3.SQLITE_INTERRUPT, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PROTOCOL,
}  # fmt: skip
_SCHEMA = """
CREATE TABLE IF NOT EXISTS fact (name TEXT PRIMARY KEY, text TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS followed (
    operation TEXT NOT NULL, given TEXT NOT NULL, PRIMARY KEY (operation, given)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS listing (
    number INTEGER PRIMARY KEY, operation TEXT NOT NULL, account_id INTEGER NOT NULL,
    given TEXT NOT NULL, top INTEGER, walk_top INTEGER, walk_at INTEGER, walk_began TEXT,
    turn INTEGER, complete_until TEXT, refused TEXT, suspect INTEGER,
    changes INTEGER NOT NULL DEFAULT 0,
    UNIQUE (operation, account_id, given));
CREATE TABLE IF NOT EXISTS item (
    listing INTEGER NOT NULL REFERENCES listing, id INTEGER NOT NULL, type TEXT NOT NULL,
    created TEXT, updated TEXT, object TEXT, open_until TEXT, seen TEXT NOT NULL,
    raw TEXT NOT NULL, UNIQUE (listing, id));
CREATE INDEX IF NOT EXISTS item_by_time ON item (listing, created);
CREATE INDEX IF NOT EXISTS item_open ON item (listing, id, open_until) WHERE open_until IS NOT NULL;
CREATE INDEX IF NOT EXISTS item_by_object ON item (object) WHERE object IS NOT NULL;
CREATE TABLE IF NOT EXISTS earlier (
    listing INTEGER NOT NULL REFERENCES listing, id INTEGER NOT NULL, type TEXT NOT NULL,
    created TEXT, updated TEXT, seen TEXT NOT NULL, until TEXT NOT NULL, raw TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS earlier_by_id ON earlier (listing, id, seen);
CREATE TABLE IF NOT EXISTS pass (
    listing INTEGER NOT NULL REFERENCES listing, began TEXT NOT NULL, ended TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS pass_by_time ON pass (listing, ended);
CREATE TABLE IF NOT EXISTS segment (
    listing INTEGER NOT NULL REFERENCES listing, low INTEGER NOT NULL, high INTEGER NOT NULL,
    bytes BLOB NOT NULL, PRIMARY KEY (listing, low));
"""


@contextlib.contextmanager
def describe(path: Path) -> Iterator[None]:
    """Raise a typed error for what goes wrong with the file inside the block."""
    try:
        yield
    except sqlite3.Error as error:
        if is_damage(error):
            raise damage(path, str(error)) from error
        raise StateError(
            f"{path} can't be read or written ({error}). Make room, or wait for what "
            "else uses it; nothing that was kept is lost."
        ) from error


def is_damage(error: Exception) -> bool:
    """Return whether an error comes from what is in the file."""
    if not isinstance(error, sqlite3.Error) or isinstance(error, sqlite3.ProgrammingError):
        return False
    # The first byte is the kind of error; what Python can't decode has none.
    return getattr(error, "sqlite_errorcode", 0) & 0xFF not in _OUTSIDE


def damage(path: Path, what: str) -> StateError:
    """Return the error that says that a ledger is damaged, and how to save what can be read."""
    return StateError(
        f"{path} is damaged ({what}). Save what can be read of it, into a new ledger beside it: "
        f"bunqkit repair {shlex.quote(str(path))}"
    )


def open_file(path: Path) -> sqlite3.Connection:
    """Open a ledger's file, made if absent, readable by its owner alone.

    Raises
    ------
    StateError
        If it can't be opened, is damaged, or is no ledger.
    """
    try:
        make_folder(path.parent)
        # Before SQLite makes it, so that it is private from the first byte on. One that is there is
        # not opened: closing it would let go of the locks that this process has on it.
        if not path.exists():
            path.touch(mode=0o600)
        db = sqlite3.connect(path, check_same_thread=False, isolation_level=None, timeout=_BUSY_S)
    except (OSError, sqlite3.Error) as error:
        raise StateError(
            f"{path} can't be opened as a ledger ({error}). Name one that can be written."
        ) from error
    db.row_factory = sqlite3.Row
    try:
        problem = _prepare(db)
        if problem is None:
            # SQLite has just made its files beside with the mode that this one had.
            make_database_private(str(path))
    except (OSError, sqlite3.Error) as error:
        db.close()
        way = f", or if it was one: bunqkit repair {shlex.quote(str(path))}"
        raise StateError(
            f"{path} can't be opened as a ledger: {error}. "
            f"Name another{way if is_damage(error) else '.'}"
        ) from error
    if problem is not None:
        db.close()
        raise StateError(f"{path} is {problem}. Name another file.")
    return db


def _prepare(db: sqlite3.Connection) -> str | None:
    """Make the tables, or say what the file is instead."""
    # In one look: another kernel may be making the tables.
    version, holds_tables = db.execute(
        "SELECT user_version, EXISTS (SELECT 1 FROM sqlite_master) FROM pragma_user_version"
    ).fetchone()
    if version != VERSION and (version != 0 or holds_tables):
        return "a database of something else, or a ledger of another version of bunqkit"
    # A killed process loses nothing that was committed; a loss of power may take the last pages
    # with their cursors, and they are read again.
    for _ in range(200):
        # For another kernel that opens it, SQLite waits everywhere but here.
        with contextlib.suppress(sqlite3.OperationalError):
            db.execute("PRAGMA journal_mode = WAL")
            break
        time.sleep(0.02)
    db.execute("PRAGMA synchronous = NORMAL")
    # The file may be a stranger's: its own triggers and views get no function that does anything.
    db.execute("PRAGMA trusted_schema = OFF")
    db.executescript(f"BEGIN IMMEDIATE; {_SCHEMA} PRAGMA user_version = {VERSION}; COMMIT;")
    # Columns are as this version reads items; another may read them otherwise.
    kept = "SELECT 1 FROM fact WHERE name = 'segments' AND text = ?"
    db.execute(f"DELETE FROM segment WHERE NOT EXISTS ({kept})", (_SEGMENTS,))
    db.execute("INSERT OR REPLACE INTO fact VALUES ('segments', ?)", (_SEGMENTS,))
    return None
