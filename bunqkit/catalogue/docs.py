"""Composes the documentation of the API from the facts of the catalogue.

Operations and types pass themselves to the functions here, so this module imports neither.
"""

from __future__ import annotations

import json
import textwrap
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import quote

from bunqkit.display.html import card, code, fold, method_label, paragraph, table

if TYPE_CHECKING:
    from bunqkit.catalogue.operations import Operation
    from bunqkit.catalogue.types import Field, Type

# bunq moves its pages, but not their search.
_SEARCH = "https://doc.bunq.com/?q="
_WIDTH = 88
_MOST_FOUND = 12


@dataclass(frozen=True)
class DocPage:
    """One page of the documentation, in three forms.

    Attributes
    ----------
    title
        The name of what the page describes.
    blocks
        Paragraphs (texts), tables and pieces of JSON, in order.
    """

    title: str
    blocks: list[Paragraph | DocTable | JsonExample] = field(default_factory=list)

    def text(self) -> str:
        """Return the page for a terminal."""
        return "\n\n".join([self.title, *(block.text() for block in self.blocks)])

    def markdown(self) -> str:
        """Return the page as Markdown."""
        return "\n\n".join([f"### {self.title}", *(block.markdown() for block in self.blocks)])

    def html(self) -> str:
        """Return the page as HTML; every text is escaped."""
        return card(self.title, *(block.html() for block in self.blocks))


@dataclass(frozen=True)
class Paragraph:
    """A few sentences, followed by a link."""

    words: str
    link: str = ""

    def text(self) -> str:
        """Return it for a terminal."""
        return textwrap.fill(f"{self.words} {self.link}".strip(), _WIDTH, break_long_words=False)

    def markdown(self) -> str:
        """Return it as Markdown."""
        return f"{self.words} <{self.link}>" if self.link else self.words

    def html(self) -> str:
        """Return it as HTML."""
        return paragraph(self.words, link=self.link)


@dataclass(frozen=True)
class DocTable:
    """Rows of texts under a header; the first column may hold methods."""

    header: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]

    def text(self) -> str:
        """Return it for a terminal."""
        rows = (self.header, *self.rows)
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)][:-1]
        return "\n".join(
            "  ".join((*map(str.ljust, row, widths), row[-1])).rstrip() for row in rows
        )

    def markdown(self) -> str:
        """Return it as Markdown."""
        rows = (self.header, ("---",) * len(self.header), *self.rows)
        escaped = ([cell.replace("|", "\\|") for cell in row] for row in rows)
        return "\n".join(f"| {' | '.join(row)} |" for row in escaped)

    def html(self) -> str:
        """Return it as HTML."""
        return table(self.header, [(method_label(first), *rest) for first, *rest in self.rows])


@dataclass(frozen=True)
class JsonExample:
    """A JSON value under a caption."""

    caption: str
    value: object

    def _dumped(self) -> str:
        return json.dumps(self.value, indent=2, ensure_ascii=False)

    def text(self) -> str:
        """Return it for a terminal."""
        return f"{self.caption}:\n{textwrap.indent(self._dumped(), '  ')}"

    def markdown(self) -> str:
        """Return it as Markdown."""
        return f"{self.caption}:\n\n```json\n{self._dumped()}\n```"

    def html(self) -> str:
        """Return it as HTML, folded."""
        return fold(self.caption, code(self._dumped()))


class FoundOperations(list["Operation"]):
    """The operations that a search found; it shows the first of them as a table."""

    def __repr__(self) -> str:
        return self._page().text()

    def _repr_html_(self) -> str:
        return self._page().html()

    def _page(self) -> DocPage:
        page = DocPage(f"{len(self)} operations", [operations_table(self[:_MOST_FOUND])])
        if len(self) > _MOST_FOUND:
            page.blocks.append(
                Paragraph(
                    f"These are the first {_MOST_FOUND}, the best first. "
                    "A loop over the list gets the others."
                )
            )
        return page


def describe_api(operations: Iterable[Operation]) -> DocPage:
    """Return the page of the whole API: its resources, and how many operations each has."""
    listed = list(operations)
    counts = Counter(operation.name.split(".")[0] for operation in listed)
    effects = Counter(operation.effect for operation in listed)
    rows = [(name, str(count)) for name, count in sorted(counts.items())]
    return DocPage(
        "The bunq API",
        [
            Paragraph(
                f"{len(listed)} operations of {len(counts)} resources: {effects['reads']} "
                f"read, {effects['changes']} change something, {effects['moves money']} move "
                'money. bunq.find("words") searches them.'
            ),
            DocTable(("resource", "operations"), rows),
        ],
    )


def describe_resource(name: str, operations: Iterable[Operation]) -> DocPage:
    """Return the page of a resource: its operations."""
    return DocPage(name, [operations_table(operations)])


def operations_table(operations: Iterable[Operation]) -> DocTable:
    """Return a table of operations: method, name, effect, path."""
    rows = [
        (operation.method, operation.name, operation.effect, operation.path)
        for operation in operations
    ]
    return DocTable(("method", "operation", "effect", "path"), rows)


def describe_operation(operation: Operation, body: object, answer: object) -> DocPage:
    """Return the page of an operation: what it takes and answers.

    Parameters
    ----------
    operation
        The operation.
    body, answer
        Examples: a body, which is left out if it is empty, and a ``Response`` list.
    """
    page = DocPage(operation.name, [Paragraph(f"{operation.method} /v1{operation.path}")])
    page.blocks.append(Paragraph(" ".join(_sentences(operation))))
    if operation.body_type is not None and operation.method in ("POST", "PUT"):
        page.blocks.append(_fields_table(operation.body_type, is_body=True))
    if body:
        page.blocks.append(JsonExample("An example body", body))
    if operation.answer is not None and not operation.is_bytes:
        page.blocks.append(JsonExample("An example answer", {"Response": answer}))
    search = quote(operation.resource.rpartition(".")[2])
    page.blocks.append(Paragraph("bunq's own page:", f"{_SEARCH}{search}"))
    return page


def describe_type(type_: Type) -> DocPage:
    """Return the page of a type: its fields as answers have them."""
    return DocPage(type_.name, [_fields_table(type_, is_body=False)])


def write_docstring(operation: Operation) -> str:
    """Return the docstring of an operation, for ``help()`` and Shift-Tab."""
    lines = [f"{operation.method} /v1{operation.path}", "", *_sentences(operation)]
    ids = [name for name in operation.ids if name not in ("user_id", "account")]
    rows = [_field_row(field, is_body=True) for field in _body_fields(operation)]
    if ids or rows:
        lines += ["", "Parameters", "----------"]
        lines += [f"{name} : id" for name in ids]
        lines += [f"{name} : {', '.join(filter(None, facts))}" for name, *facts in rows]
    return "\n".join(lines)


def _sentences(operation: Operation) -> list[str]:
    """Return the facts of an operation in words."""
    wrapper, fields = operation.wrapper, _body_fields(operation)
    facts = [
        (operation.effect == "reads", "Reads."),
        (operation.effect == "changes", "Changes something."),
        (operation.effect == "moves money", "Moves money."),
        (operation.needs_signature, "bunq refuses it unsigned."),
        (operation.sends_bytes, "The body is a file: bunq.upload() sends it."),
        (operation.is_bytes, "Answers a file's bytes: bunq.download() gets them."),
        (wrapper == "*", "Answers items under the names of their real types."),
        (wrapper not in ("", "*"), f"Answers {wrapper}."),
        (operation.is_paged, "Comes in pages, newest first: bunq.pages() follows them."),
        (
            operation.takes_counterparty,
            (
                "to= stands for counterparty_alias: an e-mail address, a phone number, or an "
                "IBAN with name=."
            ),
        ),
        (
            any(field.body_kind == "Amount" for field in fields),
            "An amount may be written '10.00'.",
        ),
        (
            "account" in operation.ids,
            "account= is an id, IBAN or description; without it the main account is used.",
        ),
    ]
    return [sentence for is_true, sentence in facts if is_true]


def _body_fields(operation: Operation) -> tuple[Field, ...]:
    return () if operation.body_type is None else operation.body_type.writable


def _fields_table(type_: Type, *, is_body: bool) -> DocTable:
    fields = type_.writable if is_body else type_.readable
    header = ("field", "kind", "required" if is_body else "", "values")
    return DocTable(header, [_field_row(field, is_body=is_body) for field in fields])


def _field_row(field: Field, *, is_body: bool) -> tuple[str, str, str, str]:
    kind = field.body_kind if is_body else field.kind
    is_list = field.is_body_list if is_body else field.is_list
    return (
        field.name,
        f"list of {kind}" if is_list else kind,
        "required" if is_body and field.required else "",
        " ".join(field.values),
    )
