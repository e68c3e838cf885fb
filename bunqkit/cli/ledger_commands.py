"""``bunqkit sync``, ``export``, ``reconcile``, ``repair``: the commands for a ledger, fit for cron.

Exit status: 0 if all is well, 1 if it failed, 3 if something is not complete, damaged or does not
add up, 75 (in ``sysexits.h``: try again) if another sync is running. With ``--quiet`` nothing is
printed but what needs a person, on the error stream.
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

_NOT_WELL = 3
_BUSY = 75
_INTERRUPTED = 130


def run(options: argparse.Namespace) -> int:
    """Run one of the four commands; return the exit status.

    Parameters
    ----------
    options
        The command line.
    """
    # First, so that nothing is done that can't be logged.
    log = _open_log(Path(options.log)) if options.log else None
    commands = {"sync": _sync, "export": _export, "reconcile": _reconcile, "repair": _repair}
    try:
        message, is_well = commands[options.command](options)
        status = 0 if is_well else _NOT_WELL
    except BunqkitError as error:
        message, status = str(error), _status(error)
    if log is not None:
        line = f"{options.command} {options.ledger}: status {status}: {message}"
        _log(log, Path(options.log), line)
    if status:
        sys.stderr.write(f"bunqkit: {message}\n")
    elif not options.quiet:
        sys.stdout.write(f"{message}\n")
    return status


def _status(error: BunqkitError) -> int:
    if isinstance(error, BusyError):
        return _BUSY
    return _INTERRUPTED if isinstance(error, Interrupted) else 1


def _sync(options: argparse.Namespace) -> tuple[str, bool]:
    # connect() prints where settings came from, and a wait for the rate limit prints too: cron
    # would mail it.
    silence = contextlib.redirect_stderr(io.StringIO())
    silenced = silence if options.quiet else contextlib.nullcontext()
    with silenced:
        bunq = connect(profile=options.profile)
    if bunq.bank is not None:
        # Even if quiet: the folder in which cron runs may have no .env.
        sys.stderr.write(
            "bunqkit: This is the OFFLINE bank, with play money. Settings can name another bank.\n"
        )
    # The session stays open: the next sync uses it without a call.
    with Ledger(options.ledger) as ledger, silenced:
        for operation in options.follow:
            ledger.follow(operation)
        is_watched = not options.quiet and sys.stderr.isatty()
        report = ledger.sync(bunq, deep=options.deep, progress=is_watched, wait_s=options.wait)
    return repr(report), report.complete and not report.refused


def _export(options: argparse.Namespace) -> tuple[str, bool]:
    with _open(options.ledger) as ledger:
        export = ledger.export(options.path, options.kind, raw=options.raw)
    return repr(export), export.complete


def _reconcile(options: argparse.Namespace) -> tuple[str, bool]:
    with _open(options.ledger) as ledger:
        reconciliation = reconcile(ledger.payments(), ledger.accounts())
    return repr(reconciliation), reconciliation.holds


def _repair(options: argparse.Namespace) -> tuple[str, bool]:
    _check_exists(options.ledger)
    repair = Ledger.repair(options.ledger)
    return repr(repair), repair.is_whole


def _open(path: str) -> Ledger:
    """Open a ledger that exists: a new, empty one would prove nothing."""
    _check_exists(path)
    return Ledger(path)


def _check_exists(path: str) -> None:
    if not Path(path).expanduser().is_file():
        raise StateError(f"There is no ledger at {path}. Create one with: bunqkit sync {path}")


def _open_log(path: Path) -> int:
    """Open a log file of this user to append to it; create a private one if there is none.

    In a folder where others write too, a link would make this append to a file of their choice, and
    an open of a pipe would block.
    """
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT
    flags |= getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    if path.is_symlink():
        raise _unwritable(path, "it is a link")
    try:
        handle = os.open(path, flags, 0o600)
        facts = os.fstat(handle)
    except OSError as error:
        is_link = error.errno == errno.ELOOP
        raise _unwritable(path, "it is a link" if is_link else error.strerror) from error
    is_theirs = os.name == "posix" and facts.st_uid not in (os.geteuid(), 0)
    if is_theirs or not stat.S_ISREG(facts.st_mode):
        os.close(handle)
        raise _unwritable(
            path, "it belongs to another user" if is_theirs else "it is no plain file"
        )
    return handle


def _unwritable(path: Path, reason: str | None) -> StateError:
    return StateError(f"{path} can't be written ({reason}). Name another file.")


def _log(handle: int, path: Path, line: str) -> None:
    now = datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S")
    try:
        with os.fdopen(handle, "a", encoding="utf-8", errors="replace") as file:
            file.write(f"{now} UTC {' '.join(line.split())}\n")
    except OSError as error:
        raise _unwritable(path, error.strerror) from error
