"""Writes files that only their owner can read, whole or not at all.

This module knows who may read and write a file, and the commands that change it.
"""

from __future__ import annotations

import contextlib
import os
import shlex
import stat
import tempfile
import warnings
from pathlib import Path

from bunqkit.errors import StateError


class PrivacyWarning(UserWarning):
    """Other users of this machine can read or change a file that should be yours alone."""


class StateWarning(UserWarning):
    """Something kept on disk could not be used, and was renamed."""


def has_owners() -> bool:
    """Return True if files have an owner and modes on this system."""
    return os.name == "posix"


def why_untrusted(status: os.stat_result) -> str:
    """Return why a stranger may have written a file, or ``""`` if only this user and root may.

    Parameters
    ----------
    status
        The status of the file, of its folder, or of a link to it.
    """
    if not has_owners():
        return ""
    if status.st_uid not in (0, os.geteuid()):
        return f"it belongs to {_name_of(status.st_uid)}"
    # The mode of a link has no meaning.
    if status.st_mode & stat.S_IWOTH and not stat.S_ISLNK(status.st_mode):
        return "everybody on this machine may write it"
    return ""


def why_open(status: os.stat_result, *, reading: int = stat.S_IROTH) -> str:
    """Return what others may do with a file, in words, or ``""`` if they may do nothing.

    Parameters
    ----------
    status
        The status of the file.
    reading
        The modes of reading that count; by default a group may read.
    """
    if not has_owners():
        return ""
    reasons = []
    if status.st_mode & reading:
        is_all = status.st_mode & stat.S_IROTH
        reader = "everybody on this machine" if is_all else f"the group {_group_of(status.st_gid)}"
        reasons.append(f"{reader} can read it")
    if status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        group = _group_of(status.st_gid)
        is_all = status.st_mode & stat.S_IWOTH
        reasons.append("everybody may write it" if is_all else f"the group {group} may write it")
    return " and ".join(reasons)


def how_to_own(path: Path, status: os.stat_result) -> str:
    """Return the command that makes a file or folder this user's alone."""
    quoted = shlex.quote(str(path))
    mode = "700" if stat.S_ISDIR(status.st_mode) else "600"
    if not has_owners() or status.st_uid == os.geteuid():
        return f"chmod {mode} {quoted}"
    sudo = "" if os.geteuid() == 0 else "sudo "
    flag = "-h " if stat.S_ISLNK(status.st_mode) else ""
    chown = f"{sudo}chown {flag}{_name_of(os.geteuid())} {quoted}"
    return chown if flag else f"{chown} && chmod {mode} {quoted}"


def make_folder(folder: Path) -> None:
    """Make a folder, and the missing folders above it, for their owner alone.

    ``Path.mkdir`` sets its mode for the last folder only; everybody can read those above it.

    Raises
    ------
    OSError
        If it can't be made.
    """
    missing = [path for path in (folder, *folder.parents) if not path.exists()]
    for path in reversed(missing):
        path.mkdir(mode=stat.S_IRWXU, exist_ok=True)
    if not folder.is_dir():
        raise NotADirectoryError(20, "a file is in its place")


def make_private_folder(folder: Path) -> None:
    """Make a folder for its owner alone; an existing one must not be writable by everybody.

    Warns if a group may write the folder, or if it belongs to another user.

    Raises
    ------
    StateError
        If it can't be made, or everybody may write it.
    """
    try:
        make_folder(folder)
        status = folder.stat()
    except OSError as error:
        raise StateError(
            f"{folder} can't be made ({error.strerror}). Name another folder in BUNQ_STATE_DIR."
        ) from error
    if not has_owners():
        return
    mend = how_to_own(folder, status)
    if status.st_mode & stat.S_IWOTH:
        raise StateError(
            f"{folder} was not used: everybody on this machine may write it. Name another folder "
            f"in BUNQ_STATE_DIR, or make this one yours alone: {mend}"
        )
    why = why_untrusted(status)
    if not why and status.st_mode & stat.S_IWGRP:
        why = f"the group {_group_of(status.st_gid)} may write it"
    if why:
        warnings.warn(
            f"{folder} keeps secrets, and {why}. Make it yours alone: {mend}",
            PrivacyWarning,
            stacklevel=2,
        )


def write_private(path: Path, text: str, *, is_lasting: bool = True) -> None:
    """Write a file for its owner alone, whole or not at all, whenever the process is killed.

    Parameters
    ----------
    path
        The file, which is replaced in one step.
    text
        The new content; the ends of its lines stay as they are.
    is_lasting
        True to wait for the disk, so that the file survives a loss of power.
    """
    temporary = ""
    try:
        # mkstemp makes it with mode 0600 before the first byte is written.
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=_half_name(path))
        with os.fdopen(handle, "w", encoding="utf-8", newline="") as file:
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
    """Let only the owner read an SQLite file, and the files that SQLite keeps beside it."""
    for ending in ("", "-wal", "-shm"):
        with contextlib.suppress(FileNotFoundError):
            Path(f"{path}{ending}").chmod(0o600)


def remove_halves(path: Path) -> None:
    """Remove unfinished files of killed processes; the caller must keep other writers out."""
    for half in path.parent.glob(f"{_half_name(path)}*"):
        with contextlib.suppress(OSError):
            half.unlink()


def warn_if_open(path: Path) -> None:
    """Warn once about a file that everybody can read, or that others may write."""
    try:
        status = path.stat()
    except OSError:
        return
    if why := why_open(status):
        warnings.warn(
            f"{path} may hold secrets, and {why}. Make it yours alone: {how_to_own(path, status)}",
            PrivacyWarning,
            stacklevel=2,
        )


def _name_of(number: int) -> str:
    import pwd

    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return str(number)


def _group_of(number: int) -> str:
    import grp

    try:
        return grp.getgrgid(number).gr_name
    except KeyError:
        return str(number)


def _half_name(path: Path) -> str:
    return f".{path.name}-half-"
