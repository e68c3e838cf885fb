"""The commands: ``tour``, ``doctor``, ``scrub``, ``notebooks``, ``lab``, ``sandbox``, a ledger's.

Each loads what it needs, and no other's.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence

from bunqkit import __version__
from bunqkit.errors import BunqkitError

_ENVIRONMENTS = ("OFFLINE", "SANDBOX", "PRODUCTION")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; give its exit status: 0, 1 if it failed, 130 if it was interrupted."""
    chosen = _parser().parse_args(arguments)
    run: Callable[[argparse.Namespace], int] = chosen.run
    try:
        return run(chosen)
    except BunqkitError as error:
        sys.stderr.write(f"bunqkit: {error}\n")
        return 1
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # Somebody has read enough, as in "bunqkit tour | head".
        sys.stderr.close()
        return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="bunqkit", description="Learn and explore the bunq banking API."
    )
    parser.add_argument("--version", action="version", version=f"bunqkit {__version__}")
    commands = parser.add_subparsers(dest="command", required=True)
    tour = commands.add_parser("tour", help="perform the flow from a key to a table, and tell it")
    tour.add_argument(
        "--environment", default="OFFLINE", type=str.upper, choices=("OFFLINE", "SANDBOX")
    )
    tour.set_defaults(run=_tour)
    doctor = commands.add_parser(
        "doctor",
        help="say why a connection fails, and what to do",
        description="The first line is the most likely cause. Nothing of it is secret. Exit "
        "status: 0 if all is well, 1 if something is to be done.",
    )
    doctor.add_argument("--environment", type=str.upper, choices=_ENVIRONMENTS)
    doctor.add_argument("--env-file", metavar="FILE", help="settings in place of the .env found")
    doctor.set_defaults(run=_examine)
    scrub = commands.add_parser(
        "scrub",
        help="show the secrets in notebooks and recorded answers, or take them out",
        description="Shows what would change. Exit status: 0 if no file holds a secret any more, "
        "1 if one does, or can't be read.",
    )
    scrub.add_argument("files", nargs="+", metavar="FILE", help="a notebook, JSON or JSON lines")
    scrub.add_argument("--write", action="store_true", help="change the files")
    scrub.set_defaults(run=_scrub)
    for name, told in (
        ("notebooks", "copy the course into a folder; what you have changed there stays"),
        ("lab", "copy the course, and open it in JupyterLab"),
    ):
        course = commands.add_parser(name, help=told)
        course.add_argument("folder", nargs="?", default="bunqkit-course", help="(%(default)s)")
        course.set_defaults(run=_copy_course)
    sandbox = commands.add_parser("sandbox", help="serve the offline bank until interrupted")
    sandbox.add_argument("--host", default="127.0.0.1", help="where to listen (%(default)s)")
    sandbox.add_argument("--port", default=8080, type=int, help="0 takes a free one (%(default)s)")
    sandbox.add_argument("--file", default=":memory:", help="keep the books in a file")
    sandbox.add_argument("--seed", default=1, type=int, help="decides people and ids (%(default)s)")
    sandbox.add_argument("--limits", default="off", choices=("off", "classic", "windows"))
    sandbox.add_argument(
        "--people", default=0, type=int, metavar="N", help="add people with a year behind them"
    )
    sandbox.set_defaults(run=_serve)
    _add_chores(commands)
    return parser


def _add_chores(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    sync = commands.add_parser("sync", help="bring a ledger up to date with the bank")
    export = commands.add_parser("export", help="write a ledger's payments for other programs")
    prove = commands.add_parser("reconcile", help="prove that a ledger's payments add up")
    for parser in (sync, export, prove):
        parser.add_argument("ledger", help="the ledger's file")
        parser.add_argument("--quiet", action="store_true", help="say nothing if all is well")
        parser.add_argument("--log", metavar="FILE", help="add a line to this file")
        parser.set_defaults(run=_do_chore)
    sync.add_argument(
        "--follow", action="append", default=[], metavar="OPERATION", help="read this list, too"
    )
    sync.add_argument("--deep", action="store_true", help="read everything again")
    sync.add_argument(
        "--wait", default=0.0, type=float, metavar="SECONDS", help="for another sync (%(default)s)"
    )
    export.add_argument("path", help="a folder; for beancount a file")
    export.add_argument("--as", dest="kind", default="parquet", help="or csv, or beancount")


def _tour(chosen: argparse.Namespace) -> int:
    from bunqkit.tour import show_tour  # noqa: PLC0415 (each command loads its own)

    show_tour(chosen.environment)
    return 0


def _examine(chosen: argparse.Namespace) -> int:
    from bunqkit.checkup import doctor  # noqa: PLC0415 (each command loads its own)

    checkup = doctor(environment=chosen.environment, env_file=chosen.env_file)
    sys.stdout.write(f"{checkup!r}\n")
    return 0 if checkup.is_well else 1


def _scrub(chosen: argparse.Namespace) -> int:
    """Look through each file, whatever became of those before."""
    from bunqkit.scrub import scrub_file  # noqa: PLC0415 (each command loads its own)

    status = 0
    for path in chosen.files:
        try:
            scrubbing = scrub_file(path)
            if chosen.write:
                scrubbing.write()
        except BunqkitError as error:
            sys.stderr.write(f"bunqkit: {error}\n")
            status = 1
            continue
        sys.stdout.write(f"{scrubbing!r}\n")
        if scrubbing.findings and chosen.write:
            sys.stdout.write("They were taken out.\n")
        elif scrubbing.findings:
            sys.stdout.write("Nothing is written: --write takes them out.\n")
            status = 1
    return status


def _copy_course(chosen: argparse.Namespace) -> int:
    from bunqkit.course import copy_notebooks, open_lab  # noqa: PLC0415 (each loads its own)

    sys.stdout.write(f"{copy_notebooks(chosen.folder)}\n")
    sys.stdout.flush()
    return open_lab(chosen.folder) if chosen.command == "lab" else 0


def _do_chore(chosen: argparse.Namespace) -> int:
    from bunqkit.chores import run_chore  # noqa: PLC0415 (each command loads its own)

    return run_chore(chosen)


def _serve(chosen: argparse.Namespace) -> int:
    """Serve the bank: the address on the first line, a ready API key on the second."""
    from bunqkit.sandbox import Bank, Office, doors  # noqa: PLC0415 (each command loads its own)

    bank = Bank(chosen.file, seed=chosen.seed, limits=chosen.limits)
    if chosen.people:
        bank.people(chosen.people, years=1)
    server = doors.Server(Office(bank), host=chosen.host, port=chosen.port)
    sys.stdout.write(f"{server.url}\n{bank.demo_key.reveal()}\n")
    sys.stdout.flush()
    try:
        server.run()
    finally:
        bank.close()
    return 0
