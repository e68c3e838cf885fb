"""``%load_ext bunqkit``: ``%bunq GET user``, ``%bunq payment.list count=20``, ``%%bunq`` with JSON.

The line is a call as ``bunq.call`` takes it, and a few switches. What comes back is the answer, in
``_``; with ``--frame`` every page of it as a table, with ``--raw`` the envelope, with ``--xray``
the call opened.
"""

from __future__ import annotations

import json
import shlex
from typing import TYPE_CHECKING, Any

from bunqkit.api import argument_names
from bunqkit.catalogue import find, operation, operations
from bunqkit.context import Context, connect
from bunqkit.errors import FieldError, UnknownNameError

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

_METHODS = ("GET", "POST", "PUT", "DELETE")
_SWITCHES = ("--frame", "--raw", "--xray")
_NAME = "bunq"
_MOST = 50


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
        words = shlex.split(line)
        switches = [word for word in words if word in _SWITCHES]
        unknown = [word for word in words if word.startswith("--") and word not in _SWITCHES]
        if unknown:
            raise FieldError(f"{unknown[0]} is no switch. There are {', '.join(_SWITCHES)}.")
        name, own_id, given = _read_call([word for word in words if word not in _SWITCHES])
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
        """Give what may follow: operations, then their ids and fields."""
        words = event.line.split()[1:]
        if event.line.endswith(" "):
            words.append("")
        if len(words) <= 1:
            begun = words[0] if words else ""
            return [name for name in (*_METHODS, *_all_names()) if name.startswith(begun)]
        if words[0].upper() in _METHODS and len(words) == 2:  # noqa: PLR2004 (method and path)
            paths = {each.path for each in operations() if each.method == words[0].upper()}
            return sorted(path for path in paths if path.startswith(words[1]))[:_MOST]
        try:
            known = operation(words[0])
        except UnknownNameError:
            return []
        names = [f"{each}=" for each in argument_names(known)]
        return [name for name in (*names, *_SWITCHES) if name.startswith(words[-1])]

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
    shell.set_hook(  # type: ignore[no-untyped-call]
        "complete_command", magic.complete, re_key=r"%%?bunq\b"
    )


def _read_call(words: list[str]) -> tuple[str, tuple[str, ...], dict[str, Any]]:
    """Read ``payment.get 5 account=Savings`` or ``GET user count=5``."""
    if not words:
        raise FieldError("Say what to call: %bunq payment.list count=20, or %bunq GET /user.")
    if words[0].upper() in _METHODS:
        if len(words) == 1:
            raise FieldError(f"{words[0]} needs a path: %bunq GET /user.")
        path = words[1] if words[1].startswith("/") else f"/{words[1]}"
        name, rest = f"{words[0].upper()} {path}", words[2:]
    else:
        name, rest = words[0], words[1:]
    own_id = tuple(word for word in rest if "=" not in word)
    given = dict(word.split("=", 1) for word in rest if "=" in word)
    return name, own_id, {key.replace("-", "_"): value for key, value in given.items()}


def _read_body(cell: str) -> dict[str, Any]:
    try:
        body = json.loads(cell or "{}")
    except ValueError as error:
        raise FieldError(f"The cell below is no JSON: {error}.") from error
    if not isinstance(body, dict):
        raise FieldError("The cell below is no JSON object. Write {...}.")
    return body


def _all_names() -> list[str]:
    return [each.name for each in find("")]
