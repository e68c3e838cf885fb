"""``bunqkit sync``, ``export``, ``reconcile``, ``repair``: the ledger's chores, fit for cron.

Exit status: 0 if all is well, 1 if it failed, 3 if something is not complete, damaged or does not
add up, 75
(as ``sysexits.h`` has it, try again) if another sync is at it. With ``--quiet`` only what needs
somebody is said, on the error stream.
"""

from __future__ import annotations

import argparse
import contextlib
import errno
import io
import os
import stat
import sys
from datetime import UTC, datetime
from pathlib import Path

from bunqkit.analysis.reconciliation import reconcile
from bunqkit.context.opening import connect
from bunqkit.errors import BunqkitError, BusyError, Interrupted, StateError
from bunqkit.ledger.ledger import Ledger

_FOUND = 3
_BUSY = 75
_INTERRUPTED = 130


def run_chore(chosen: argparse.Namespace) -> int:
    """Do one of the four; give the exit status.

    Parameters
    ----------
    chosen
        What stands on the command line.
    """
    # First, so that nothing is done of which no line can be kept.
    log = _open_log(Path(chosen.log)) if chosen.log else None
    chores = {"sync": _sync, "export": _export, "reconcile": _reconcile, "repair": _repair}
    chore = chores[chosen.command]
    try:
        said, is_well = chore(chosen)
    except BusyError as error:
        said, status = str(error), _BUSY
    except Interrupted as error:
        said, status = str(error), _INTERRUPTED
    except BunqkitError as error:
        said, status = str(error), 1
    else:
        status = 0 if is_well else _FOUND
    if log is not None:
        _log(log, Path(chosen.log), f"{chosen.command} {chosen.ledger}: status {status}: {said}")
    if status:
        sys.stderr.write(f"bunqkit: {said}\n")
    elif not chosen.quiet:
        sys.stdout.write(f"{said}\n")
    return status


def _sync(chosen: argparse.Namespace) -> tuple[str, bool]:
    # What waits for the bank's limits says so on the error stream, as connect() says where settings
    # came from: cron would mail it.
    aside = contextlib.redirect_stderr(io.StringIO()) if chosen.quiet else contextlib.nullcontext()
    with aside:
        bunq = connect(profile=chosen.profile)
    if bunq.bank is not None:
        # Even if quiet: in the folder where cron works there may be no .env.
        sys.stderr.write(
            "bunqkit: This is the OFFLINE bank, with play money. Settings may name another.\n"
        )
    # The session stays: the next sync takes it up without a call.
    with Ledger(chosen.ledger) as ledger, aside:
        for operation in chosen.follow:
            ledger.follow(operation)
        is_watched = not chosen.quiet and sys.stderr.isatty()
        report = ledger.sync(bunq, deep=chosen.deep, progress=is_watched, wait_s=chosen.wait)
    return repr(report), report.complete and not report.refused


def _export(chosen: argparse.Namespace) -> tuple[str, bool]:
    with _open(chosen.ledger) as ledger:
        export = ledger.export(chosen.path, chosen.kind, raw=chosen.raw)
    return repr(export), export.complete


def _reconcile(chosen: argparse.Namespace) -> tuple[str, bool]:
    with _open(chosen.ledger) as ledger:
        found = reconcile(ledger.payments(), ledger.accounts())
    return repr(found), found.holds


def _repair(chosen: argparse.Namespace) -> tuple[str, bool]:
    _check_is_there(chosen.ledger)
    repair = Ledger.repair(chosen.ledger)
    return repr(repair), repair.is_whole


def _open(path: str) -> Ledger:
    """Open a ledger that is there: an empty one would prove nothing."""
    _check_is_there(path)
    return Ledger(path)


def _check_is_there(path: str) -> None:
    if not Path(path).expanduser().is_file():
        raise StateError(f"There is no ledger at {path}. Make one by: bunqkit sync {path}")


def _open_log(path: Path) -> int:
    """Open a file of this user's to add to it; make it, for its owner alone, if it is not there.

    In a folder where others write too, a link would have a line added to a file of their choice,
    and a pipe would be waited for.
    """
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT
    flags |= getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    try:
        if path.is_symlink():
            raise OSError(errno.ELOOP, "It is a link")  # noqa: TRY301 (one way to say it)
        handle = os.open(path, flags, 0o600)
        facts = os.fstat(handle)
    except OSError as error:
        why = "it is a link" if error.errno == errno.ELOOP else error.strerror
        raise StateError(f"{path} can't be written ({why}). Name another.") from error
    is_theirs = os.name == "posix" and facts.st_uid not in (os.geteuid(), 0)
    if is_theirs or not stat.S_ISREG(facts.st_mode):
        os.close(handle)
        why = "it belongs to another user" if is_theirs else "it is no plain file"
        raise StateError(f"{path} can't be written ({why}). Name another.")
    return handle


def _log(handle: int, path: Path, line: str) -> None:
    now = datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S")
    try:
        with os.fdopen(handle, "a", encoding="utf-8", errors="replace") as file:
            file.write(f"{now} UTC {' '.join(line.split())}\n")
    except OSError as error:
        raise StateError(f"{path} can't be written ({error.strerror}). Name another.") from error
