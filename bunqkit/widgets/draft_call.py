"""A call that a person has put together: it can be sent, previewed, and written as Python."""

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
    """A file to send; its bytes are hidden in every repr."""

    name: str
    content: bytes = field(repr=False)
    media_type: str
    description: str

    def read(self) -> tuple[bytes, dict[str, str]]:
        """Return the bytes, and the headers that describe them."""
        return read_upload(self.content, description=self.description, media_type=self.media_type)


@dataclass(frozen=True)
class DraftCall:
    """An operation with its arguments.

    Attributes
    ----------
    operation
        The operation.
    arguments
        Ids of the path and the query, by name.
    body
        The whole body, in which a ``Secret`` stands for its text; ``None`` if there is none.
    upload
        The file, if the operation sends one.
    every_page
        True if all pages of a list are fetched, as one table.
    """

    operation: Operation
    arguments: Mapping[str, Any]
    body: Mapping[str, Any] | None = None
    upload: Upload | None = None
    every_page: bool = False

    @property
    def is_write(self) -> bool:
        """True if the call changes something, and so is locked in production."""
        return self.operation.method != "GET" and self.operation.effect != "reads"

    @property
    def money(self) -> str:
        """The amounts that it moves: ``EUR 1,000.00``; empty if there are none."""
        return " and ".join(
            f"{currency} {value:,.2f}"
            for value, currency in amounts_in(self.body)
            if value.is_finite()
        )

    @property
    def total(self) -> Decimal:
        """The sum of its amounts, whatever their currency."""
        return sum((value for value, _ in amounts_in(self.body)), Decimal(0))

    @property
    def payees(self) -> list[str]:
        """The people whom it pays or asks for money."""
        return payees_in(self.body)

    def judge(self) -> tuple[list[str], list[str]]:
        """Return what is wrong with the body, and which of its values the catalogue does not know.

        Returns
        -------
        tuple of two lists of str
            The texts of ``Operation.judge``: each begins with the path of its field.
        """
        return ([], []) if self.body is None else self.operation.judge(self.body)

    def send(self, bunq: Context) -> Answer:
        """Send the call, without the check of ``judge``."""
        if self.upload is not None:
            return bunq.send_bytes(self.operation.name, *self.upload.read(), **self.arguments)
        return bunq.call(self.operation.name, body=self.body, check=False, **self.arguments)

    def preview(self, bunq: Context) -> Exchange:
        """Return what would be sent, byte for byte, and send nothing."""
        body, headers = (self.body, None) if self.upload is None else self.upload.read()
        return bunq.preview(
            self.operation.name, body=body, check=False, headers=headers, **self.arguments
        )

    def as_code(self, environment: str = "OFFLINE") -> str:
        """Return the Python that sends it, for a cell below ``bunq = bunqkit.connect()``.

        A secret is read from the environment variable of its own name. In production the call is
        unlocked for its amount and its payee.
        """
        name, verb = ("frame", "frame") if self.every_page else ("answer", "call")
        arguments = [_quoted(self.operation.name)]
        if self.upload is not None:
            name, verb = "item", "upload"
            arguments += [
                _quoted(self.upload.name),
                f"description={_quoted(self.upload.description)}",
                f"media_type={_quoted(self.upload.media_type)}",
            ]
        arguments += [f"{key}={_python(value, key, 0)}" for key, value in self.arguments.items()]
        is_locked = environment == "PRODUCTION" and self.is_write
        indent = 4 * is_locked
        if self.body is not None:
            arguments.append(f"body={_python(self.body, 'body', indent + 4)}")
        call = f"{name} = bunq.{verb}({', '.join(arguments)})"
        if len(call) > _WIDTH or "\n" in call:
            inner = "".join(f"{' ' * (indent + 4)}{argument},\n" for argument in arguments)
            call = f"{name} = bunq.{verb}(\n{inner}{' ' * indent})"
        lines = ["import os\n"] if "os.environ[" in call else []
        lines += [f"with {self.unlocking()}:"] if is_locked else []
        return "\n".join([*lines, " " * indent + call])

    def unlocking(self) -> str:
        """Return the code that unlocks it in production, for its amount and payee only."""
        bounds = [f"{name}={_quoted(value)}" for name, value in self.bounds().items()]
        return f"bunq.unlock({', '.join([_quoted(self.operation.name), *bounds])})"

    def bounds(self) -> dict[str, Any]:
        """Return the bounds of its unlock: ``up_to`` and ``to``."""
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
        parts = [
            f"{_quoted(str(key))}: {_python(member, key, indent + 4)}"
            for key, member in value.items()
        ]
        return _enclosed("{", parts, "}", indent)
    if isinstance(value, list):
        return _enclosed("[", [_python(member, name, indent + 4) for member in value], "]", indent)
    return _quoted(value) if isinstance(value, str) else repr(value)


def _enclosed(start: str, parts: list[str], end: str, indent: int) -> str:
    line = f"{start}{', '.join(parts)}{end}"
    if len(line) + indent <= _WIDTH and "\n" not in line:
        return line
    inner = "".join(f"{' ' * (indent + 4)}{part},\n" for part in parts)
    return f"{start}\n{inner}{' ' * indent}{end}"


def _quoted(text: str) -> str:
    """Write a text in double quotes, as in the rest of the kit's code."""
    return repr(text) if '"' in text else '"' + repr(f"'{text}")[2:-1] + '"'
