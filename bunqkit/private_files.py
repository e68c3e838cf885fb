"""Files that hold secrets: for their owner alone, written whole or not at all."""

from __future__ import annotations

import contextlib
import os
import stat
import tempfile
import warnings
from pathlib import Path

from bunqkit.errors import StateError


class PrivacyWarning(UserWarning):
    """Others on this machine can read a file that holds secrets."""


def make_folder(folder: Path) -> None:
    """Make a folder, and those above it that are missing, for their owner alone.

    ``Path.mkdir`` gives its mode to the last folder only, and those above to everybody.

    Raises
    ------
    OSError
        If it can't be made.
    """
    missing = [each for each in (folder, *folder.parents) if not each.exists()]
    for each in reversed(missing):
        each.mkdir(mode=stat.S_IRWXU, exist_ok=True)
    if not folder.is_dir():
        raise NotADirectoryError(20, "a file is in its place")


def make_private_folder(folder: Path) -> None:
    """Make a folder for its owner alone, unless it is there.

    Raises
    ------
    StateError
        If it can't be made.
    """
    try:
        if not folder.is_dir():
            folder.mkdir(parents=True, mode=stat.S_IRWXU)
    except OSError as error:
        raise StateError(
            f"{folder} can't be made ({error.strerror}). Name another folder in BUNQ_STATE_DIR."
        ) from error


def write_private(path: Path, text: str, *, is_lasting: bool = True) -> None:
    """Write a file for its owner alone, whole or not at all, whenever the process is killed.

    Parameters
    ----------
    path
        It is replaced in one step.
    text
        What it holds from then on.
    is_lasting
        Whether it must outlast a loss of power too, for which the disk is waited for.
    """
    temporary = ""
    try:
        # mkstemp makes it 0600 from the first byte on.
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=_beginning(path))
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            if is_lasting:
                file.flush()
                os.fsync(file.fileno())
        Path(temporary).replace(path)
    except OSError:
        with contextlib.suppress(OSError):
            Path(temporary).unlink()
        raise


def make_database_private(path: str) -> None:
    """Let the owner alone read an SQLite file, and what SQLite keeps beside it."""
    for ending in ("", "-wal", "-shm"):
        with contextlib.suppress(FileNotFoundError):
            Path(f"{path}{ending}").chmod(0o600)


def remove_halves(path: Path) -> None:
    """Remove what killed processes have written half; whoever calls keeps other writers out."""
    for half in path.parent.glob(f"{_beginning(path)}*"):
        with contextlib.suppress(OSError):
            half.unlink()


def warn_if_open(path: Path) -> None:
    """Warn about a file with secrets that every user of this machine can read."""
    try:
        mode = path.stat().st_mode
    except OSError:
        return
    if os.name == "posix" and mode & stat.S_IROTH:
        warnings.warn(
            f"{path} holds secrets, and everybody on this machine can read it. "
            f"Make it yours alone: chmod 600 '{path}'",
            PrivacyWarning,
            stacklevel=2,
        )


def _beginning(path: Path) -> str:
    return f".{path.name}-half-"
