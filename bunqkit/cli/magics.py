"""``%load_ext bunqkit``: ``%bunq GET user``, ``%bunq payment.list count=20``, ``%%bunq`` with JSON.

The line is a call as ``bunq.call`` takes it, and a few switches. What comes back is the answer, in
``_``; with ``--frame`` every page of it as a table, with ``--raw`` the envelope, with ``--xray``
the call opened.
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
        Whose variable ``bunq`` is called with; where there is none, ``connect()`` makes it.
    """

    def __init__(self, shell: InteractiveShell) -> None:
        self._shell = shell

    def __call__(self, line: str, cell: str | None = None) -> object:
        """Carry out a line, and the body below it."""
        words = _split(line)
        switches = [word for word in words if word.startswith("--")]
        unknown = [word for word in switches if word not in _SWITCHES]
        if unknown or len(switches) > 1:
            wrong = unknown[0] if unknown else " and ".join(switches)
            raise FieldError(f"{wrong} is no switch. Use one of {', '.join(_SWITCHES)}, or none.")
        name, own_id, given = _read_call([word for word in words if word not in switches])
        if cell is not None:
            given["body"] = _read_body(cell)
        bunq = self._context()
        if "--frame" in switches:
            return bunq.frame(name, *own_id, **given)
        answer = bunq.call(name, *own_id, **given)
        if "--xray" in switches:
            return answer.exchange.xray()
        if "--raw" in switches:
            return answer.envelope if answer.is_json else answer.content
        return answer

    def complete(self, _shell: object, event: Any) -> list[str]:
        """Give what may follow: operations or methods, then paths, ids, fields, switches."""
        before = event.text_until_cursor.split()[1:]
        if event.text_until_cursor[-1:].isspace():
            before.append("")
        begun = before[-1] if before else ""
        # The shell asks for the end of a word that holds a brace or the like.
        cut = len(begun) - len(event.symbol)
        return [each[cut:] for each in _following(before[:-1]) if each.startswith(begun)]

    def _context(self) -> Context:
        known = self._shell.user_ns.get(_NAME)
        if not isinstance(known, Context):
            known = connect()
            self._shell.user_ns[_NAME] = known
        return known


def load(shell: InteractiveShell) -> None:
    """Give a shell the magic and its completion."""
    magic = Magic(shell)
    shell.magics_manager.register_function(magic, "line_cell", _NAME)
    for written in (f"%{_NAME}", f"%%{_NAME}"):
        shell.set_hook("complete_command", magic.complete, str_key=written)  # type: ignore[no-untyped-call]


def _split(line: str) -> list[str]:
    try:
        return shlex.split(line)
    except ValueError as error:
        raise FieldError(f"{line!r} can't be read: {str(error).lower()}.") from error


def _read_call(words: list[str]) -> tuple[str, list[str], dict[str, Any]]:
    """Read ``payment.get 5 account=Savings`` or ``GET user count=5``."""
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


def _following(words: list[str]) -> Iterable[str]:
    """Give what may follow these words."""
    if not words:
        return [*_METHODS, *sorted(each.name for each in operations())]
    first = words[0].upper()
    if first in _METHODS and len(words) == 1:
        return sorted({each.path for each in operations() if each.method == first})
    name = f"{first} {words[1]}" if first in _METHODS else words[0]
    try:
        known = operation(name)
    except UnknownNameError:
        return _SWITCHES
    return [*(f"{each}=" for each in argument_names(known)), *_SWITCHES]
