"""The commands of ``bunqkit``: the tour, the course, ``doctor``, ``scrub``, the bank, a ledger.

Each command imports only the modules that it needs.
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

_Run = Callable[[argparse.Namespace], int]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; return its exit status: 0, 1 if it failed, 130 if it was interrupted."""
    parser = _parser()
    words = list(sys.argv[1:] if arguments is None else arguments)
    command, *rest = words or [""]
    # argparse passes options on to JupyterLab only if a folder stands before them.
    if command == "lab" and rest and rest[0].startswith("-") and rest[0] not in ("-h", "--help"):
        words.insert(1, _COURSE)
    options = parser.parse_args(words)
    if options.command is None:
        parser.exit(2, parser.format_help())
    run: _Run = options.run
    try:
        with warnings.catch_warnings():
            warnings.showwarning = _print_warning  # type: ignore[assignment]
            return run(options)
    except BunqkitError as error:
        _print_problem(error)
        return 1
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # The reader has closed the pipe, as in "bunqkit tour | head".
        sys.stderr.close()
        return 0


def _print_problem(problem: object) -> None:
    sys.stderr.write(f"bunqkit: {printable_lines(str(problem))}\n")


def _print_warning(warning: Warning | str, *_where: object, **_more: object) -> None:
    """Print a warning as an error is printed, without the line of code that it came from."""
    _print_problem(warning)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="bunqkit",
        description="Learn and explore the bunq banking API.",
        epilog="Begin with: bunqkit tour. For one command: bunqkit COMMAND --help.",
        # With a smaller indent the help of the longest command fits on its line.
        formatter_class=lambda prog: argparse.HelpFormatter(prog, indent_increment=1),
    )
    parser.add_argument("--version", action="version", version=f"bunqkit {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    profile, settings = _option_parser(), _option_parser()
    profile.add_argument("--profile", metavar="NAME", help="read .env.NAME instead of .env")
    names = f"{{{','.join(_ENVIRONMENTS)}}}"
    kind, text = _environment(*_ENVIRONMENTS), "overrides BUNQ_ENVIRONMENT"
    settings.add_argument("--environment", type=kind, metavar=names, help=text)
    settings.add_argument("--env-file", metavar="FILE", help="read this file instead of .env")

    def add(
        name: str, run: _Run, help_text: str, more: str = "", *parents: argparse.ArgumentParser
    ) -> argparse.ArgumentParser:
        """Add a command; its own help begins with the text in the list of commands."""
        description = f"{help_text[0].upper()}{help_text[1:]}. {more}"
        command = commands.add_parser(
            name, help=help_text, description=description, parents=parents
        )
        command.set_defaults(run=run)
        return command

    tour = add("tour", _tour, "show the flow from a key to a table, step by step", "", profile)
    tour.add_argument(
        "--environment",
        default="OFFLINE",
        type=_environment("OFFLINE", "SANDBOX"),
        metavar="{OFFLINE,SANDBOX}",
        help="the bank in this process, or bunq's sandbox (%(default)s)",
    )
    add(
        "doctor",
        _examine,
        "explain why a connection fails, and what to do",
        "The first line is the most likely cause. The output holds no secret. Exit status: 0 if "
        "all is well, 1 if there is something to do.",
        settings,
        profile,
    )
    logout = add(
        "logout",
        _log_out,
        "end the session, and delete what this machine keeps of a key",
        "First it looks up the writes whose outcome is not known. It prints what stays at bunq: "
        "the device and the key, which you revoke in the app.",
        settings,
        profile,
    )
    text = "log out even if an outcome is not known"
    logout.add_argument("--forget-unsettled", action="store_true", help=text)
    _add_list(logout, "--ledger", "FILE", "delete this ledger too")
    scrub = add(
        "scrub",
        _scrub,
        "show the secrets in notebooks and recorded answers, or remove them",
        "Without --write it shows what would change. Exit status: 0 if no file holds a secret any "
        "more, 1 if one does, or can't be read.",
    )
    scrub.add_argument("files", nargs="+", metavar="FILE", help="a notebook, JSON or JSON lines")
    scrub.add_argument("--write", action="store_true", help="change the files")
    stays = "Files that you have changed stay as they are."
    more = f"{stays} The options are JupyterLab's own, such as --no-browser or --port 9000."
    for command in (
        add("notebooks", _copy_course, "copy the course into a folder", stays),
        add("lab", _copy_course, "copy the course into a folder, and open it in JupyterLab", more),
    ):
        text = "created if it does not exist (%(default)s)"
        command.add_argument("folder", nargs="?", default=_COURSE, metavar="FOLDER", help=text)
    command.add_argument(
        "options", nargs=argparse.REMAINDER, metavar="OPTION", help=argparse.SUPPRESS
    )
    _add_sandbox_options(
        add(
            "sandbox",
            _serve,
            "serve the offline bank until you interrupt it",
            "It needs the extra serve. The first line is the API's address, the second an API key. "
            "The error stream has a link with a token, which opens the admin page and the control "
            "desk.",
        )
    )
    sync = add(
        "sync",
        _run_ledger_command,
        "bring a ledger up to date with the bank",
        "The settings name the bank. Exit status: 0 if all is well, 1 if it failed, 3 if something "
        "is not complete, 75 if another sync is running: try again.",
        profile,
    )
    _add_list(sync, "--follow", "OPERATION", "read this list too from now on, e.g. invoice.list")
    sync.add_argument("--deep", action="store_true", help="read everything again")
    text = "how long to wait for another sync (%(default)s)"
    sync.add_argument("--wait", default=0.0, type=float, metavar="SECONDS", help=text)
    export = add(
        "export",
        _run_ledger_command,
        "write a ledger's payments for other programs",
        "Exit status: 0 if all is well, 1 if it failed, 3 if the ledger is not complete.",
    )
    reconcile = add(
        "reconcile",
        _run_ledger_command,
        "prove that a ledger's payments add up",
        "Exit status: 0 if they do, 1 if it failed, 3 if they don't.",
    )
    repair = add(
        "repair",
        _run_ledger_command,
        "save what can be read of a damaged ledger",
        "The old file stays; the new one is beside it, and sync --deep fetches what it lacks. Exit "
        "status: 0 if the ledger is undamaged, 1 if it failed, 3 if it was damaged.",
    )
    for command in (sync, export, reconcile, repair):
        command.add_argument("ledger", metavar="LEDGER", help="the ledger's file")
        command.add_argument("--quiet", action="store_true", help="print nothing if all is well")
        command.add_argument("--log", metavar="FILE", help="append a line to this file")
    export.add_argument("path", metavar="PATH", help="a folder; for beancount a file")
    text = "parquet, csv or beancount (%(default)s)"
    export.add_argument("--as", dest="kind", metavar="KIND", default="parquet", help=text)
    text = "leave texts in csv as they are, even if a spreadsheet takes one for a formula"
    export.add_argument("--raw", action="store_true", help=text)
    return parser


def _option_parser() -> argparse.ArgumentParser:
    """Return a parser for options that several commands share."""
    return argparse.ArgumentParser(add_help=False)


def _add_list(parser: argparse.ArgumentParser, name: str, value: str, text: str) -> None:
    """Add an option that can be given more than once."""
    parser.add_argument(name, action="append", default=[], metavar=value, help=text)


def _add_sandbox_options(sandbox: argparse.ArgumentParser) -> None:
    add = sandbox.add_argument
    add("--host", default="127.0.0.1", help="the address to listen at (%(default)s)")
    add("--port", default=8080, type=_port, help="0 takes a free one (%(default)s)")
    add(
        "--host-name",
        action="append",
        default=[],
        metavar="NAME",
        type=_host_name,
        help="let browsers open the admin page by this name too; the API answers to any name",
    )
    text = (
        "read the admin token from this file, so that the link stays the same; created if missing"
    )
    add("--admin-token-file", metavar="FILE", help=text)
    add("--file", default=":memory:", help="keep the books in a file")
    add("--seed", default=1, type=int, help="decides people and ids (%(default)s)")
    limits = ("off", "classic", "windows")
    add("--limits", default="off", choices=limits, help="the rate limits (%(default)s)")
    text = "add people with a year of payments"
    add("--people", default=0, type=_count, metavar="N", help=text)


def _environment(*names: str) -> Callable[[str], str]:
    """Return a reader of an environment's name. It quotes no other text, which may be a key."""

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
    # The system would take a larger number modulo 65536.
    if not text.isdecimal() or int(text) > _LAST_PORT:
        raise argparse.ArgumentTypeError(f"{text!r} is no port: they go from 0 to {_LAST_PORT}")
    return int(text)


def _host_name(text: str) -> str:
    # A pattern such as "*" would open the page to names that others let point here.
    if not re.fullmatch(r"[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*", text):
        raise argparse.ArgumentTypeError(f"{text!r} is no host name, such as bank.school.org")
    return text


def _tour(options: argparse.Namespace) -> int:
    from bunqkit.course.tour import show_tour

    show_tour(options.environment, profile=options.profile)
    return 0


def _examine(options: argparse.Namespace) -> int:
    from bunqkit.diagnosis.checkup import doctor

    checkup = doctor(
        environment=options.environment, env_file=options.env_file, profile=options.profile
    )
    sys.stdout.write(f"{checkup!r}\n")
    return 0 if checkup.is_well else 1


def _log_out(options: argparse.Namespace) -> int:
    from bunqkit.context.context import find_kept
    from bunqkit.settings import load_settings

    settings = load_settings(
        environment=options.environment, env_file=options.env_file, profile=options.profile
    )
    bunq = find_kept(settings)
    if bunq is None:
        sys.stdout.write(f"This machine keeps nothing for {settings.environment}.\n")
        return 0
    bunq.logout(forget_unsettled=options.forget_unsettled, ledgers=options.ledger)
    return 0


def _scrub(options: argparse.Namespace) -> int:
    """Scan every file, even if an earlier one can't be read."""
    from bunqkit.diagnosis.scrub import scrub_file

    status = 0
    for path in options.files:
        try:
            scrubbing = scrub_file(path)
            if options.write:
                scrubbing.write()
        except BunqkitError as error:
            _print_problem(error)
            status = 1
            continue
        sys.stdout.write(f"{scrubbing!r}\n")
        if scrubbing.findings and options.write:
            sys.stdout.write("The secrets were removed.\n")
        elif scrubbing.findings:
            sys.stdout.write("Nothing was changed: --write removes the secrets.\n")
            status = 1
    return status


def _copy_course(options: argparse.Namespace) -> int:
    from bunqkit.course.copying import copy_notebooks, open_lab

    sys.stdout.write(f"{copy_notebooks(options.folder)}\n")
    if options.command == "notebooks":
        sys.stdout.write(f"To open it in JupyterLab: bunqkit lab {shlex.quote(options.folder)}\n")
        return 0
    sys.stdout.flush()
    return open_lab(options.folder, options.options)


def _run_ledger_command(options: argparse.Namespace) -> int:
    from bunqkit.cli.ledger_commands import run

    return run(options)


def _serve(options: argparse.Namespace) -> int:
    """Serve the bank: print the address on the first line, a ready API key on the second.

    Programs read these two lines; messages for people go to the error stream.
    """
    from bunqkit.sandbox import Admin, Bank, admission, doors

    file = options.admin_token_file
    token = admission.read_token(Path(file)) if file else None
    bank = Bank(options.file, seed=options.seed, limits=options.limits)
    if options.people:
        bank.people(options.people, years=1)
    admin = Admin(bank, admin_token=token, host_names=[options.host, *options.host_name])
    server = doors.Server(admin, host=options.host, port=options.port)
    sys.stdout.write(f"{server.url}\n{bank.demo_key.reveal()}\n")
    sys.stdout.flush()
    link = admin.link(server.url)
    sys.stderr.write(f"An address and a key. For a browser: {link} (Ctrl-C ends the bank)\n")
    if not server.is_local:
        _print_problem(
            "Everybody who can reach this machine can call this bank. The calls are not encrypted: "
            "others on the network can read keys and the admin token. Use a network that you trust."
        )
    try:
        server.run()
    finally:
        bank.close()
    return 0
