"""One call as somebody has put it together: what is sent, and the code that sends it."""

from __future__ import annotations

import pprint
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from bunqkit.catalogue import Operation
from bunqkit.guard import amounts_in, payees_in
from bunqkit.redaction import Secret

if TYPE_CHECKING:
    from bunqkit.answer import Answer
    from bunqkit.context import Context
    from bunqkit.exchange import Exchange

SCRIPT_HEAD = "import bunqkit\n\nbunq = bunqkit.connect()\n"
_WIDTH = 88


@dataclass(frozen=True)
class Upload:
    """A file that is to be sent: its bytes are hidden in every repr."""

    name: str
    content: bytes = field(repr=False)
    media_type: str
    description: str


@dataclass(frozen=True)
class Call:
    """An operation with all that it is given.

    Attributes
    ----------
    operation
        What is called.
    given
        Ids of the path and the query, by name.
    body
        The whole body, in which a ``Secret`` stands for its text; ``None`` if there is none.
    upload
        The file, where an operation sends one.
    """

    operation: Operation
    given: Mapping[str, Any]
    body: Mapping[str, Any] | None = None
    upload: Upload | None = None

    @property
    def is_write(self) -> bool:
        """Whether it changes something, and so is locked in production."""
        return self.operation.method != "GET" and self.operation.effect != "reads"

    @property
    def money(self) -> str:
        """What it moves, as one reads it: ``EUR 10.00``; nothing if there is no amount."""
        found = amounts_in(self.body)
        return " and ".join(f"{currency} {value:.2f}" for value, currency in found)

    @property
    def total(self) -> Decimal:
        """The sum of its amounts, whatever their currency."""
        return sum((value for value, _ in amounts_in(self.body)), Decimal(0))

    @property
    def payees(self) -> list[str]:
        """Whom it pays or asks."""
        return payees_in(self.body)

    def judge(self) -> tuple[list[str], list[str]]:
        """Say what is wrong with the body, and which values nobody knows yet.

        Returns
        -------
        tuple of two lists of str
            As ``Operation.judge`` says them: each begins with the path of its field.
        """
        return ([], []) if self.body is None else self.operation.judge(_revealed(self.body))

    def send(self, bunq: Context) -> Answer:
        """Send it; what ``judge`` says is not asked again."""
        if self.upload is not None:
            return bunq.upload_file(
                self.operation.name,
                self.upload.content,
                description=self.upload.description,
                media_type=self.upload.media_type,
                **self.given,
            )
        return bunq.call(self.operation.name, body=self.body, check=False, **self.given)

    def preview(self, bunq: Context) -> Exchange:
        """Give what would be sent, byte for byte, and send nothing."""
        return bunq.preview(self.operation.name, body=self.body, check=False, **self.given)

    def as_code(self, environment: str = "OFFLINE", *, every_page: bool = False) -> str:
        """Give the Python that sends it, for a cell below ``bunq = bunqkit.connect()``.

        A secret is read from the environment, under its own name; in production the call is
        unlocked for what it moves.
        """
        name, verb = ("frame", "bunq.frame") if every_page else ("answer", "bunq.call")
        lines = []
        if self.upload is not None:
            words = [repr(self.operation.name), repr(self.upload.name)]
            given: dict[str, object] = {**self.given, "description": self.upload.description}
            call = f"bunq.upload({', '.join([*words, *_keywords(given)])})"
        else:
            words = [repr(self.operation.name), *_keywords(self.given)]
            if self.body is not None:
                words.append(f"body={_written(self.body)}")
            call = f"{verb}({', '.join(words)})"
            if len(call) > _WIDTH or "\n" in call:
                inner = "".join(f"    {_indented(word)},\n" for word in words)
                call = f"{verb}(\n{inner})"
        if "os.environ[" in call:
            lines.append("import os\n")
        call = f"{name} = {call}"
        if environment == "PRODUCTION" and self.is_write:
            lines.append(f"with {self.unlocking()}:")
            call = "    " + call.replace("\n", "\n    ")
        return "\n".join([*lines, call])

    def unlocking(self) -> str:
        """Give the code that unlocks it in production, for what it moves and no more."""
        return f"bunq.unlock({', '.join([repr(self.operation.name), *_keywords(self.bounds())])})"

    def bounds(self) -> dict[str, Any]:
        """Give what an unlock of it is bound to: ``up_to`` and ``to``."""
        bounds: dict[str, Any] = {}
        if self.operation.effect == "moves money":
            bounds["up_to"] = f"{self.total:.2f}"
        if len(set(self.payees)) == 1:
            bounds["to"] = self.payees[0]
        return bounds


class _Environment:
    """Stands for a secret in code."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __repr__(self) -> str:
        return f'os.environ["{self._name.upper()}"]'


def _keywords(given: Mapping[str, object]) -> list[str]:
    return [f"{name}={value!r}" for name, value in given.items()]


def _written(body: Mapping[str, Any]) -> str:
    shown = _with_environment(body)
    return pprint.pformat(shown, width=_WIDTH - 9, sort_dicts=False)


def _indented(word: str) -> str:
    return word.replace("\n", "\n    " + " " * (len("body=") if word.startswith("body=") else 0))


def _with_environment(value: Any, name: str = "secret") -> Any:
    if isinstance(value, Secret):
        return _Environment(name)
    if isinstance(value, Mapping):
        return {each: _with_environment(inner, each) for each, inner in value.items()}
    return [_with_environment(inner, name) for inner in value] if isinstance(value, list) else value


def _revealed(value: Any) -> Any:
    """Give a copy for the check, which looks at texts and quotes none."""
    if isinstance(value, Secret):
        return value.reveal()
    if isinstance(value, Mapping):
        return {name: _revealed(inner) for name, inner in value.items()}
    return [_revealed(inner) for inner in value] if isinstance(value, list) else value
