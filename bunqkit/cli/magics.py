"""``%load_ext bunqkit``: ``%bunq GET user``, ``%bunq payment.list count=20``, ``%%bunq`` with JSON.

The line is a call as ``bunq.call`` takes it, and at most one switch. The result is the answer, in
``_``; with ``--frame`` a table of every page, with ``--raw`` the envelope, with ``--xray`` the
details of the call.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from bunqkit.catalogue.operations import operation, operations
from bunqkit.context.api import argument_names
from bunqkit.context.context import Context
from bunqkit.context.opening import connect
from bunqkit.errors import FieldError, UnknownNameError

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

_METHODS = ("GET", "POST", "PUT", "DELETE")
_SWITCHES = ("--frame", "--raw", "--xray")
_NAME = "bunq"


class Magic:
    """The magic of one shell.

    Parameters
    ----------
    shell
        The shell whose variable ``bunq`` is the context; without one, ``connect()`` creates it.
    """

    def __init__(self, shell: InteractiveShell) -> None:
        self._shell = shell

    def __call__(self, line: str, cell: str | None = None) -> object:
        """Run a line, with the body in the cell below it."""
        words = _split(line)
        switches = [word for word in words if word.startswith("--")]
        unknown = [word for word in switches if word not in _SWITCHES]
        if unknown or len(switches) > 1:
            wrong = unknown[0] if unknown else " and ".join(switches)
            raise FieldError(f"{wrong} is no switch. Use one of {', '.join(_SWITCHES)}, or none.")
        name, own_id, arguments = _read_call([word for word in words if word not in switches])
        if cell is not None:
            arguments["body"] = _read_body(cell)
        bunq = self._context()
        if "--frame" in switches:
            return bunq.frame(name, *own_id, **arguments)
        answer = bunq.call(name, *own_id, **arguments)
        if "--xray" in switches:
            return answer.exchange.xray()
        if "--raw" in switches:
            return answer.envelope if answer.is_json else answer.content
        return answer

    def complete(self, _shell: object, event: Any) -> list[str]:
        """Return the completions: operations or methods, then paths, ids, fields, switches."""
        before = event.text_until_cursor.split()[1:]
        if event.text_until_cursor[-1:].isspace():
            before.append("")
        start = before[-1] if before else ""
        # If the word has a brace or the like, the shell replaces only the part behind it.
        cut = len(start) - len(event.symbol)
        return [word[cut:] for word in _completions(before[:-1]) if word.startswith(start)]

    def _context(self) -> Context:
        bunq = self._shell.user_ns.get(_NAME)
        if not isinstance(bunq, Context):
            bunq = connect()
            self._shell.user_ns[_NAME] = bunq
        return bunq


def load(shell: InteractiveShell) -> None:
    """Add the magic and its completion to a shell."""
    magic = Magic(shell)
    shell.magics_manager.register_function(magic, "line_cell", _NAME)
    for prefix in (f"%{_NAME}", f"%%{_NAME}"):
        shell.set_hook("complete_command", magic.complete, str_key=prefix)  # type: ignore[no-untyped-call]


def _split(line: str) -> list[str]:
    try:
        return shlex.split(line)
    except ValueError as error:
        raise FieldError(f"{line!r} can't be read: {str(error).lower()}.") from error


def _read_call(words: list[str]) -> tuple[str, list[str], dict[str, Any]]:
    """Return the name, id and arguments of ``payment.get 5 a=b`` or ``GET user count=5``."""
    if not words:
        raise FieldError("Say what to call: %bunq payment.list count=20, or %bunq GET user.")
    name, *rest = words
    if name.upper() in _METHODS:
        if not rest:
            raise FieldError(f"{name} needs a path: %bunq GET user.")
        path, *rest = rest
        name = f"{name.upper()} /{path.removeprefix('/')}"
    own_id = [word for word in rest if "=" not in word]
    pairs = (word.split("=", 1) for word in rest if "=" in word)
    return name, own_id, {key.replace("-", "_"): value for key, value in pairs}


def _read_body(cell: str) -> dict[str, Any]:
    try:
        body = json.loads(cell)
    except ValueError as error:
        raise FieldError(f"The cell below the line is no JSON: {error}.") from error
    if not isinstance(body, dict):
        raise FieldError("The cell below the line is no JSON object. Write {...}.")
    return body


def _completions(words: list[str]) -> Iterable[str]:
    """Return the words that can follow these words."""
    if not words:
        return [*_METHODS, *sorted(known.name for known in operations())]
    first = words[0].upper()
    if first in _METHODS and len(words) == 1:
        return sorted({known.path for known in operations() if known.method == first})
    name = f"{first} {words[1]}" if first in _METHODS else words[0]
    try:
        known = operation(name)
    except UnknownNameError:
        return _SWITCHES
    return [*(f"{argument}=" for argument in argument_names(known)), *_SWITCHES]
