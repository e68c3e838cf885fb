"""One call as somebody has put it together: what is sent, and the code that sends it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from bunqkit.catalogue.arguments import read_upload
from bunqkit.catalogue.operations import Operation
from bunqkit.context.guard import amounts_in, payees_in
from bunqkit.security.redaction import Secret

if TYPE_CHECKING:
    from bunqkit.client.answer import Answer
    from bunqkit.client.exchange import Exchange
    from bunqkit.context.context import Context

SCRIPT_HEAD = "import bunqkit\n\nbunq = bunqkit.connect()\n"
_WIDTH = 88


@dataclass(frozen=True)
class Upload:
    """A file that is to be sent: its bytes are hidden in every repr."""

    name: str
    content: bytes = field(repr=False)
    media_type: str
    description: str

    def read(self) -> tuple[bytes, dict[str, str]]:
        """Give the bytes, and the headers that say what they are."""
        return read_upload(self.content, description=self.description, media_type=self.media_type)


@dataclass(frozen=True)
class DraftCall:
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
    every_page
        Whether all pages of a list are fetched, as one table.
    """

    operation: Operation
    given: Mapping[str, Any]
    body: Mapping[str, Any] | None = None
    upload: Upload | None = None
    every_page: bool = False

    @property
    def is_write(self) -> bool:
        """Whether it changes something, and so is locked in production."""
        return self.operation.method != "GET" and self.operation.effect != "reads"

    @property
    def money(self) -> str:
        """What it moves, as one reads it: ``EUR 1,000.00``; nothing if there is no amount."""
        told = [f"{currency} {value:,.2f}" for value, currency in amounts_in(self.body)
                if value.is_finite()]  # fmt: skip
        return " and ".join(told)

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
        return ([], []) if self.body is None else self.operation.judge(self.body)

    def send(self, bunq: Context) -> Answer:
        """Send it; what ``judge`` says is not asked again."""
        if self.upload is not None:
            return bunq.send_bytes(self.operation.name, *self.upload.read(), **self.given)
        return bunq.call(self.operation.name, body=self.body, check=False, **self.given)

    def preview(self, bunq: Context) -> Exchange:
        """Give what would be sent, byte for byte, and send nothing."""
        body, headers = (self.body, None) if self.upload is None else self.upload.read()
        return bunq.preview(
            self.operation.name, body=body, check=False, headers=headers, **self.given
        )

    def as_code(self, environment: str = "OFFLINE") -> str:
        """Give the Python that sends it, for a cell below ``bunq = bunqkit.connect()``.

        A secret is read from the environment, under its own name; in production the call is
        unlocked for what it moves.
        """
        name, verb = ("frame", "frame") if self.every_page else ("answer", "call")
        words = [_quoted(self.operation.name)]
        if self.upload is not None:
            name, verb = "item", "upload"
            words += [
                _quoted(self.upload.name),
                f"description={_quoted(self.upload.description)}",
                f"media_type={_quoted(self.upload.media_type)}",
            ]
        words += [f"{each}={_python(value, each, 0)}" for each, value in self.given.items()]
        is_locked = environment == "PRODUCTION" and self.is_write
        indent = 4 * is_locked
        if self.body is not None:
            words.append(f"body={_python(self.body, 'body', indent + 4)}")
        call = f"{name} = bunq.{verb}({', '.join(words)})"
        if len(call) > _WIDTH or "\n" in call:
            inner = "".join(f"{' ' * (indent + 4)}{word},\n" for word in words)
            call = f"{name} = bunq.{verb}(\n{inner}{' ' * indent})"
        lines = ["import os\n"] if "os.environ[" in call else []
        lines += [f"with {self.unlocking()}:"] if is_locked else []
        return "\n".join([*lines, " " * indent + call])

    def unlocking(self) -> str:
        """Give the code that unlocks it in production, for what it moves and no more."""
        bounds = [f"{name}={_quoted(value)}" for name, value in self.bounds().items()]
        return f"bunq.unlock({', '.join([_quoted(self.operation.name), *bounds])})"

    def bounds(self) -> dict[str, Any]:
        """Give what an unlock of it is bound to: ``up_to`` and ``to``."""
        bounds: dict[str, Any] = {}
        if self.operation.effect == "moves money":
            # A body that names no amount, such as the acceptance of a draft, can't be bounded.
            bounds["up_to"] = f"{self.total:.2f}" if self.money else "any"
        if len(set(self.payees)) == 1:
            bounds["to"] = self.payees[0]
        return bounds


def _python(value: Any, name: str, indent: int) -> str:
    """Write a JSON value as Python, on one line if it fits; a secret is read by its name."""
    if isinstance(value, Secret):
        kind, read = type(value.reveal_value()).__name__, f"os.environ[{_quoted(name.upper())}]"
        return read if kind == "str" else f"{kind}({read})"
    if isinstance(value, Mapping):
        parts = [f"{_quoted(str(each))}: {_python(inner, each, indent + 4)}" for each, inner in
                 value.items()]  # fmt: skip
        return _enclosed("{", parts, "}", indent)
    if isinstance(value, list):
        return _enclosed("[", [_python(inner, name, indent + 4) for inner in value], "]", indent)
    return _quoted(value) if isinstance(value, str) else repr(value)


def _enclosed(start: str, parts: list[str], end: str, indent: int) -> str:
    line = f"{start}{', '.join(parts)}{end}"
    if len(line) + indent <= _WIDTH and "\n" not in line:
        return line
    inner = "".join(f"{' ' * (indent + 4)}{part},\n" for part in parts)
    return f"{start}\n{inner}{' ' * indent}{end}"


def _quoted(text: str) -> str:
    """Write a text in double quotes, as the rest of the kit's code is."""
    return repr(text) if '"' in text else '"' + repr(f"'{text}")[2:-1] + '"'
