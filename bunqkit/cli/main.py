"""The commands: ``tour``, ``doctor``, ``logout``, ``scrub``, the course's, the bank's, a ledger's.

Each loads what it needs, and no other's.
"""

from __future__ import annotations

import argparse
import re
import shlex
import sys
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path

from bunqkit.display.terminal import printable_lines
from bunqkit.errors import BunqkitError
from bunqkit.version import __version__

_ENVIRONMENTS = ("OFFLINE", "SANDBOX", "PRODUCTION")
_COURSE = "bunqkit-course"
_LAST_PORT = 65535
_KEPT = "What you have changed there stays."


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; give its exit status: 0, 1 if it failed, 130 if it was interrupted."""
    parser = _parser()
    given = list(sys.argv[1:] if arguments is None else arguments)
    command, *rest = given or [""]
    # argparse passes options on to JupyterLab only after something in the folder's place.
    if command == "lab" and rest and rest[0].startswith("-") and rest[0] not in ("-h", "--help"):
        given.insert(1, _COURSE)
    chosen = parser.parse_args(given)
    if chosen.command is None:
        parser.exit(2, parser.format_help())
    run: Callable[[argparse.Namespace], int] = chosen.run
    try:
        with warnings.catch_warnings():
            warnings.showwarning = _say  # type: ignore[assignment]
            return run(chosen)
    except BunqkitError as error:
        sys.stderr.write(f"bunqkit: {printable_lines(str(error))}\n")
        return 1
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # Somebody has read enough, as in "bunqkit tour | head".
        sys.stderr.close()
        return 0


def _say(warning: Warning | str, *_where: object, **_more: object) -> None:
    """Say a warning as errors are said, without the line of code that it came from."""
    sys.stderr.write(f"bunqkit: {printable_lines(str(warning))}\n")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="bunqkit",
        description="Learn and explore the bunq banking API.",
        epilog="Begin with: bunqkit tour. More of a command: bunqkit COMMAND --help.",
        # With less indentation the longest command has its words beside it.
        formatter_class=lambda prog: argparse.HelpFormatter(prog, indent_increment=1),
    )
    parser.add_argument("--version", action="version", version=f"bunqkit {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    tour = _add(commands, "tour", "perform the flow from a key to a table, and tell it")
    tour.add_argument(
        "--environment", default="OFFLINE", type=_environment("OFFLINE", "SANDBOX"),
        metavar="{OFFLINE,SANDBOX}",
        help="the bank: in this process, or bunq's own to play with (%(default)s)",
    )  # fmt: skip
    tour.set_defaults(run=_tour)
    doctor = _add(
        commands, "doctor", "say why a connection fails, and what to do",
        "The first line is the most likely cause. Nothing of it is secret. Exit status: 0 if all "
        "is well, 1 if something is to be done.",
    )  # fmt: skip
    doctor.set_defaults(run=_examine)
    logout = _add(
        commands, "logout", "end the session, and delete what this machine keeps of a key",
        "Writes whose outcome is not known are looked up first. It says what stays: the device and "
        "the key, which you revoke in the app.",
    )  # fmt: skip
    logout.add_argument(
        "--forget-unsettled", action="store_true", help="leave though an outcome is not known"
    )
    logout.add_argument(
        "--ledger", action="append", default=[], metavar="FILE", help="delete this ledger too"
    )
    logout.set_defaults(run=_log_out)
    scrub = _add(
        commands, "scrub", "show the secrets in notebooks and recorded answers, or take them out",
        "Without --write it shows what would change. Exit status: 0 if no file holds a secret any "
        "more, 1 if one does, or can't be read.",
    )  # fmt: skip
    scrub.add_argument("files", nargs="+", metavar="FILE", help="a notebook, JSON or JSON lines")
    scrub.add_argument("--write", action="store_true", help="change the files")
    scrub.set_defaults(run=_scrub)
    notebooks = _add(commands, "notebooks", "copy the course into a folder", _KEPT)
    lab = _add(
        commands, "lab", "copy the course into a folder, and open it in JupyterLab",
        f"{_KEPT} Options are JupyterLab's own, such as --no-browser or --port 9000.",
    )  # fmt: skip
    for course in (notebooks, lab):
        course.add_argument(
            "folder", nargs="?", default=_COURSE, metavar="FOLDER",
            help="made if it is not there (%(default)s)",
        )  # fmt: skip
        course.set_defaults(run=_copy_course)
    lab.add_argument("options", nargs=argparse.REMAINDER, metavar="OPTION", help=argparse.SUPPRESS)
    sandbox = _add(
        commands, "sandbox", "serve the offline bank until interrupted",
        "It needs the extra serve. The first line is the API's address, the second an API key. The "
        "error stream has a link with a token, which opens the admin page and the control desk.",
    )  # fmt: skip
    sandbox.add_argument("--host", default="127.0.0.1", help="where to listen (%(default)s)")
    sandbox.add_argument(
        "--port", default=8080, type=_port, help="0 takes a free one (%(default)s)"
    )
    sandbox.add_argument(
        "--host-name", action="append", default=[], metavar="NAME", type=_host_name,
        help="open the admin page by this name too; the API answers to any",
    )  # fmt: skip
    sandbox.add_argument(
        "--admin-token-file", metavar="FILE",
        help="keep the admin token here, so that the link stays the same; made if not there",
    )  # fmt: skip
    sandbox.add_argument("--file", default=":memory:", help="keep the books in a file")
    sandbox.add_argument("--seed", default=1, type=int, help="decides people and ids (%(default)s)")
    sandbox.add_argument(
        "--limits", default="off", choices=("off", "classic", "windows"),
        help="how often it may be called before it refuses (%(default)s)",
    )  # fmt: skip
    sandbox.add_argument(
        "--people", default=0, type=_count, metavar="N", help="add people with a year behind them"
    )
    sandbox.set_defaults(run=_serve)
    sync = _add_chores(commands)
    for command in (doctor, logout):
        command.add_argument(
            "--environment", type=_environment(*_ENVIRONMENTS),
            metavar=f"{{{','.join(_ENVIRONMENTS)}}}", help="in place of BUNQ_ENVIRONMENT",
        )  # fmt: skip
        command.add_argument(
            "--env-file", metavar="FILE", help="settings in place of the .env found"
        )
    for connecting in (tour, doctor, logout, sync):
        connecting.add_argument(
            "--profile", metavar="NAME", help="the settings of .env.NAME in place of .env"
        )
    return parser


def _add_chores(
    commands: argparse._SubParsersAction[argparse.ArgumentParser],
) -> argparse.ArgumentParser:
    """Add the chores of a ledger; give the one that connects."""
    sync = _add(
        commands, "sync", "bring a ledger up to date with the bank",
        "The bank is the one that the settings name. Exit status: 0 if all is well, 1 if it "
        "failed, 3 if something is not complete, 75 if another sync is at it: try again.",
    )  # fmt: skip
    export = _add(
        commands, "export", "write a ledger's payments for other programs",
        "Exit status: 0 if all is well, 1 if it failed, 3 if the ledger is not complete.",
    )  # fmt: skip
    prove = _add(
        commands, "reconcile", "prove that a ledger's payments add up",
        "Exit status: 0 if they do, 1 if it failed, 3 if they don't.",
    )  # fmt: skip
    repair = _add(
        commands, "repair", "save what can be read of a damaged ledger",
        "The old file stays; the new one is beside it, and sync --deep fetches what it lacks. Exit "
        "status: 0 if the ledger is whole, 1 if it failed, 3 if it was damaged.",
    )  # fmt: skip
    for parser in (sync, export, prove, repair):
        parser.add_argument("ledger", metavar="LEDGER", help="the ledger's file")
        parser.add_argument("--quiet", action="store_true", help="say nothing if all is well")
        parser.add_argument("--log", metavar="FILE", help="add a line to this file")
        parser.set_defaults(run=_do_chore)
    sync.add_argument(
        "--follow", action="append", default=[], metavar="OPERATION",
        help="read this list too, now and from then on, such as invoice.list",
    )  # fmt: skip
    sync.add_argument("--deep", action="store_true", help="read everything again")
    sync.add_argument(
        "--wait", default=0.0, type=float, metavar="SECONDS",
        help="how long to wait for another sync (%(default)s)",
    )  # fmt: skip
    export.add_argument("path", metavar="PATH", help="a folder; for beancount a file")
    export.add_argument(
        "--as", dest="kind", metavar="KIND", default="parquet",
        help="parquet, csv or beancount (%(default)s)",
    )  # fmt: skip
    export.add_argument(
        "--raw", action="store_true",
        help="leave texts in csv as they are, also those that a spreadsheet takes for formulas",
    )  # fmt: skip
    return sync


def _add(
    commands: argparse._SubParsersAction[argparse.ArgumentParser],
    name: str,
    told: str,
    more: str = "",
) -> argparse.ArgumentParser:
    """Add a command; its own help begins with what the list of commands says of it."""
    sentence = f"{told[0].upper()}{told[1:]}. {more}"
    return commands.add_parser(name, help=told, description=sentence)


def _environment(*names: str) -> Callable[[str], str]:
    """Return what reads an environment's name; it quotes no other text, which may be a key."""

    def read(text: str) -> str:
        if text.upper() not in names:
            raise argparse.ArgumentTypeError(f"it is none of {', '.join(names)}")
        return text.upper()

    return read


def _count(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is no number of people")
    return int(text)


def _port(text: str) -> int:
    # Of a larger number the system would take what a division leaves over.
    if not text.isdecimal() or int(text) > _LAST_PORT:
        raise argparse.ArgumentTypeError(f"{text!r} is none: they go from 0 to {_LAST_PORT}")
    return int(text)


def _host_name(text: str) -> str:
    # A pattern such as "*" would open the page to names that others have point here.
    if not re.fullmatch(r"[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*", text):
        raise argparse.ArgumentTypeError(f"{text!r} is no name of a host, such as bank.school.org")
    return text


def _tour(chosen: argparse.Namespace) -> int:
    from bunqkit.course.tour import show_tour  # noqa: PLC0415 (each command loads its own)

    show_tour(chosen.environment, profile=chosen.profile)
    return 0


def _examine(chosen: argparse.Namespace) -> int:
    from bunqkit.diagnosis.checkup import doctor  # noqa: PLC0415 (each command loads its own)

    checkup = doctor(
        environment=chosen.environment, env_file=chosen.env_file, profile=chosen.profile
    )
    sys.stdout.write(f"{checkup!r}\n")
    return 0 if checkup.is_well else 1


def _log_out(chosen: argparse.Namespace) -> int:
    from bunqkit.context.context import find_kept  # noqa: PLC0415 (each command loads its own)
    from bunqkit.settings import load_settings  # noqa: PLC0415 (each command loads its own)

    settings = load_settings(
        environment=chosen.environment, env_file=chosen.env_file, profile=chosen.profile
    )
    bunq = find_kept(settings)
    if bunq is None:
        sys.stdout.write(f"Nothing is kept on this machine for {settings.environment}.\n")
        return 0
    bunq.logout(forget_unsettled=chosen.forget_unsettled, ledgers=chosen.ledger)
    return 0


def _scrub(chosen: argparse.Namespace) -> int:
    """Look through each file, whatever became of those before."""
    from bunqkit.diagnosis.scrub import scrub_file  # noqa: PLC0415 (each command loads its own)

    status = 0
    for path in chosen.files:
        try:
            scrubbing = scrub_file(path)
            if chosen.write:
                scrubbing.write()
        except BunqkitError as error:
            sys.stderr.write(f"bunqkit: {printable_lines(str(error))}\n")
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
    from bunqkit.course.copying import copy_notebooks, open_lab  # noqa: PLC0415 (each loads its own)

    sys.stdout.write(f"{copy_notebooks(chosen.folder)}\n")
    if chosen.command == "notebooks":
        sys.stdout.write(f"To open it in JupyterLab: bunqkit lab {shlex.quote(chosen.folder)}\n")
        return 0
    sys.stdout.flush()
    return open_lab(chosen.folder, chosen.options)


def _do_chore(chosen: argparse.Namespace) -> int:
    from bunqkit.cli.ledger_commands import run_chore  # noqa: PLC0415 (each command loads its own)

    return run_chore(chosen)


def _serve(chosen: argparse.Namespace) -> int:
    """Serve the bank: the address on the first line, a ready API key on the second.

    What a person needs beside them is told on the error stream: programs read the first two.
    """
    from bunqkit.sandbox import Admin, Bank, admission, doors  # noqa: PLC0415 (as above)

    file = chosen.admin_token_file
    token = admission.read_token(Path(file)) if file else None
    bank = Bank(chosen.file, seed=chosen.seed, limits=chosen.limits)
    if chosen.people:
        bank.people(chosen.people, years=1)
    admin = Admin(bank, admin_token=token, host_names=[chosen.host, *chosen.host_name])
    server = doors.Server(admin, host=chosen.host, port=chosen.port)
    sys.stdout.write(f"{server.url}\n{bank.demo_key.reveal()}\n")
    sys.stdout.flush()
    link = admin.link(server.url)
    sys.stderr.write(f"An address and a key. For a browser: {link} (Ctrl-C ends the bank)\n")
    if not server.is_local:
        sys.stderr.write(
            "bunqkit: Everybody who reaches this machine can call this bank, and what is sent is "
            "not encrypted: who listens in sees keys and the admin token. Use a network that you "
            "trust.\n"
        )
    try:
        server.run()
    finally:
        bank.close()
    return 0
