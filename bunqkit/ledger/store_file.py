"""Opens the SQLite file of a ledger, makes its tables, and explains what is wrong with it."""

from __future__ import annotations

import contextlib
import shlex
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path

from filelock import FileLock, Timeout

from bunqkit.errors import BusyError, StateError
from bunqkit.security.private_files import make_database_private, make_folder

# "bq", then the version: the databases of other programs have small numbers.
VERSION = 0x62710001
# The format of the segments, which hold columns as this code forms them. If a ledger has another
# number, they are deleted and made again.
_SEGMENT_FORMAT = "2"
_BUSY_S = 60.0
# Errors that come from a disk, a folder or another program, although the file is undamaged.
# Source: sqlite.org, "Result Codes".
_NO_DAMAGE = {
    sqlite3.SQLITE_PERM, sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_NOMEM,
    sqlite3.SQLITE_READONLY, sqlite3.SQLITE_INTERRUPT, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PROTOCOL,
}  # fmt: skip
_SCHEMA = Path(__file__).with_name("schema.sql")


@contextlib.contextmanager
def lock_file(path: Path, wait_s: float | None) -> Iterator[None]:
    """Hold the lock of a ledger's file, which one sync or repair holds at a time.

    Parameters
    ----------
    path
        The ledger.
    wait_s
        How long to wait for another holder; ``None`` for no limit.

    Raises
    ------
    BusyError
        If another sync did not end in time.
    StateError
        If the lock can't be made.
    """
    lock = FileLock(f"{path}.lock", mode=0o600)
    try:
        lock.acquire(timeout=-1 if wait_s is None else wait_s)
    except Timeout as error:
        raise BusyError(
            f"Another sync of {path} has not ended in {wait_s:g} s. Try again later."
        ) from error
    except OSError as error:
        raise StateError(
            f"{lock.lock_file} can't be made ({error.strerror}). Make the folder writable."
        ) from error
    try:
        yield
    finally:
        lock.release()


@contextlib.contextmanager
def describe(path: Path) -> Iterator[None]:
    """Replace an SQLite error inside the ``with`` block by one that says what to do."""
    try:
        yield
    except sqlite3.Error as error:
        if is_damage(error):
            raise damage(path, str(error)) from error
        raise StateError(
            f"{path} can't be read or written ({error}). Make room on the disk, or wait for the "
            "program that uses it; nothing that was stored is lost."
        ) from error


def is_damage(error: Exception) -> bool:
    """Return True if an error comes from the content of the file."""
    if not isinstance(error, sqlite3.Error) or isinstance(error, sqlite3.ProgrammingError):
        return False
    # The lowest byte is the kind of error; an error of Python's decoding has none.
    return getattr(error, "sqlite_errorcode", 0) & 0xFF not in _NO_DAMAGE


def damage(path: Path, what: str) -> StateError:
    """Return the error for a damaged ledger, which says how to save what can be read."""
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
        # It is made before SQLite opens it, so it is private from the first byte on. An existing
        # one is not opened here: closing it would release the locks that this process has on it.
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
            # SQLite has just made its other files with the mode that this one had.
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
    """Make the tables; return what the file is, if it is no ledger of this version."""
    # One query for both: another kernel may be making the tables.
    version, holds_tables = db.execute(
        "SELECT user_version, EXISTS (SELECT 1 FROM sqlite_master) FROM pragma_user_version"
    ).fetchone()
    if version != VERSION and (version != 0 or holds_tables):
        return "a database of something else, or a ledger of another version of bunqkit"
    # A killed process loses nothing that was committed. A power failure may lose the last pages
    # with their cursors, and the next sync reads them again.
    for _ in range(200):
        # SQLite waits for another kernel that opens the file, but not in this statement.
        with contextlib.suppress(sqlite3.OperationalError):
            db.execute("PRAGMA journal_mode = WAL")
            break
        time.sleep(0.02)
    db.execute("PRAGMA synchronous = NORMAL")
    # The file may come from somebody else: its triggers and views must not call functions that
    # change anything.
    db.execute("PRAGMA trusted_schema = OFF")
    schema = _SCHEMA.read_text()
    db.executescript(f"BEGIN IMMEDIATE; {schema} PRAGMA user_version = {VERSION}; COMMIT;")
    same_format = "SELECT 1 FROM fact WHERE name = 'segments' AND text = ?"
    db.execute(f"DELETE FROM segment WHERE NOT EXISTS ({same_format})", (_SEGMENT_FORMAT,))
    db.execute("INSERT OR REPLACE INTO fact VALUES ('segments', ?)", (_SEGMENT_FORMAT,))
    return None
