"""``bunqkit tour``, ``sandbox``, ``notebooks`` and ``lab``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from bunqkit import __version__
from bunqkit.errors import BunqkitError


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; give its exit status: 0, 1 if it failed, 130 if it was interrupted."""
    parser = _parser()
    chosen = parser.parse_args(arguments)
    try:
        if chosen.command == "tour":
            from bunqkit.tour import show_tour  # noqa: PLC0415 (each command loads its own)

            show_tour(chosen.environment)
        elif chosen.command in ("notebooks", "lab"):
            from bunqkit.course import copy_notebooks, open_lab  # noqa: PLC0415 (as above)

            copied = copy_notebooks(chosen.folder)
            sys.stdout.write(f"{copied}\n")
            if chosen.command == "lab":
                return open_lab(chosen.folder)
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
    for name, told in (
        ("notebooks", "copy the course into a folder; what you have changed there stays"),
        ("lab", "copy the course, and open it in JupyterLab"),
    ):
        course = commands.add_parser(name, help=told)
        course.add_argument("folder", nargs="?", default="bunqkit-course", help="(%(default)s)")
    sandbox = commands.add_parser("sandbox", help="serve the offline bank until interrupted")
    sandbox.add_argument("--host", default="127.0.0.1", help="where to listen (%(default)s)")
    sandbox.add_argument("--port", default=8080, type=int, help="0 takes a free one (%(default)s)")
    sandbox.add_argument("--file", default=":memory:", help="keep the books in a file")
    sandbox.add_argument("--seed", default=1, type=int, help="decides people and ids (%(default)s)")
    sandbox.add_argument("--limits", default="off", choices=("off", "classic", "windows"))
    sandbox.add_argument(
        "--people", default=0, type=int, metavar="N", help="add people with a year behind them"
    )
    return parser


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
