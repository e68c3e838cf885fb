"""``bunqkit tour``, ``sandbox``, ``doctor`` and ``scrub``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from bunqkit import __version__
from bunqkit.errors import BunqkitError

_ENVIRONMENTS = ("OFFLINE", "SANDBOX", "PRODUCTION")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; give its exit status: 0, 1 if it failed or found fault, 130 if stopped."""
    parser = _parser()
    chosen = parser.parse_args(arguments)
    try:
        if chosen.command == "tour":
            from bunqkit.tour import show_tour  # noqa: PLC0415 (each command loads its own)

            show_tour(chosen.environment)
        elif chosen.command == "doctor":
            return _examine(chosen)
        elif chosen.command == "scrub":
            return _scrub(chosen)
        else:
            _serve(chosen)
    except BunqkitError as error:
        sys.stderr.write(f"bunqkit: {error}\n")
        return 1
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # Somebody has read enough, as in "bunqkit tour | head".
        sys.stderr.close()
        return 0
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
    sandbox = commands.add_parser("sandbox", help="serve the offline bank until interrupted")
    sandbox.add_argument("--host", default="127.0.0.1", help="where to listen (%(default)s)")
    sandbox.add_argument("--port", default=8080, type=int, help="0 takes a free one (%(default)s)")
    sandbox.add_argument("--file", default=":memory:", help="keep the books in a file")
    sandbox.add_argument("--seed", default=1, type=int, help="decides people and ids (%(default)s)")
    sandbox.add_argument("--limits", default="off", choices=("off", "classic", "windows"))
    sandbox.add_argument(
        "--people", default=0, type=int, metavar="N", help="add people with a year behind them"
    )
    doctor = commands.add_parser(
        "doctor",
        help="say why a connection fails, and what to do",
        description="The first line is the most likely cause. Nothing of it is secret. Exit "
        "status: 0 if all is well, 1 if something is to be done.",
    )
    doctor.add_argument("--environment", type=str.upper, choices=_ENVIRONMENTS)
    doctor.add_argument("--env-file", metavar="FILE", help="settings in place of the .env found")
    scrub = commands.add_parser(
        "scrub",
        help="show the secrets in notebooks and recorded answers, or take them out",
        description="Shows what would change. Exit status: 0 if no file holds a secret any more, "
        "1 if one does, or can't be read.",
    )
    scrub.add_argument("files", nargs="+", metavar="FILE", help="a notebook, JSON or JSON lines")
    scrub.add_argument("--write", action="store_true", help="change the files")
    return parser


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


def _serve(chosen: argparse.Namespace) -> None:
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
