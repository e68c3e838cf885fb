"""Composes the documentation of the API from the facts of the catalogue."""

from __future__ import annotations

import json
import textwrap
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from html import escape
from urllib.parse import quote

from bunqkit.catalogue.operations import (
    Field,
    Operation,
    Type,
    example_answer,
    example_body,
    type_named,
)
from bunqkit.display.html import card, code, method_label, table

# bunq's pages move, and their search does not.
_SEARCH = "https://doc.bunq.com/?q="
_WIDTH = 88
_MOST_FOUND = 12


@dataclass(frozen=True)
class Page:
    """One page of the documentation, in three forms.

    Attributes
    ----------
    title
        What it describes.
    blocks
        Paragraphs (texts), tables and pieces of JSON, in order.
    """

    title: str
    blocks: list[Paragraph | Table | Json] = field(default_factory=list)

    def text(self) -> str:
        """Give the page for a terminal."""
        return "\n\n".join([self.title, *(block.text() for block in self.blocks)])

    def markdown(self) -> str:
        """Give the page as Markdown."""
        return "\n\n".join([f"### {self.title}", *(block.markdown() for block in self.blocks)])

    def html(self) -> str:
        """Give the page as HTML; every text is escaped."""
        return card(escape(self.title), "".join(block.html() for block in self.blocks))


@dataclass(frozen=True)
class Paragraph:
    """A few sentences, and a link behind them."""

    words: str
    link: str = ""

    def text(self) -> str:
        """Give it for a terminal."""
        return textwrap.fill(f"{self.words} {self.link}".strip(), _WIDTH, break_long_words=False)

    def markdown(self) -> str:
        """Give it as Markdown."""
        return f"{self.words} <{self.link}>" if self.link else self.words

    def html(self) -> str:
        """Give it as HTML."""
        link = f' <a href="{escape(self.link)}">{escape(self.link)}</a>' if self.link else ""
        return f"<p>{escape(self.words)}{link}</p>"


@dataclass(frozen=True)
class Table:
    """Rows of texts under a header; the first column may hold methods."""

    header: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]

    def text(self) -> str:
        """Give it for a terminal."""
        widths = [max(len(row[at]) for row in (self.header, *self.rows)) for at in
                  range(len(self.header) - 1)]  # fmt: skip
        return "\n".join(
            "  ".join((*map(str.ljust, row, widths), row[-1])).rstrip()
            for row in (self.header, *self.rows)
        )

    def markdown(self) -> str:
        """Give it as Markdown."""
        lines = [self.header, ("---",) * len(self.header), *self.rows]
        return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |"
                         for line in lines)  # fmt: skip

    def html(self) -> str:
        """Give it as HTML."""
        rows = [[method_label(cell) if at == 0 else escape(cell) for at, cell in enumerate(row)]
                for row in self.rows]  # fmt: skip
        return table(self.header, rows)


@dataclass(frozen=True)
class Json:
    """An example, with a word on what it is one of."""

    caption: str
    value: object

    def _dumped(self) -> str:
        return json.dumps(self.value, indent=2, ensure_ascii=False)

    def text(self) -> str:
        """Give it for a terminal."""
        return f"{self.caption}:\n{textwrap.indent(self._dumped(), '  ')}"

    def markdown(self) -> str:
        """Give it as Markdown."""
        return f"{self.caption}:\n\n```json\n{self._dumped()}\n```"

    def html(self) -> str:
        """Give it as HTML, folded."""
        return f"<details><summary>{escape(self.caption)}</summary>{code(self._dumped())}</details>"


class Found(list[Operation]):
    """Operations that were searched for; shows the first of them as a table."""

    def __repr__(self) -> str:
        return self._page().text()

    def _repr_html_(self) -> str:
        return self._page().html()

    def _page(self) -> Page:
        page = Page(f"{len(self)} operations", [operations_table(self[:_MOST_FOUND])])
        if len(self) > _MOST_FOUND:
            page.blocks.append(
                Paragraph(
                    f"These are the first {_MOST_FOUND}, the best first. "
                    "A loop over the list gets the others."
                )
            )
        return page


def describe_api(known: Iterable[Operation]) -> Page:
    """Give the page of the whole API: its resources, and how much each can do."""
    everything = list(known)
    counts = Counter(each.name.split(".")[0] for each in everything)
    effects = Counter(each.effect for each in everything)
    rows = [(name, str(count)) for name, count in sorted(counts.items())]
    return Page(
        "The bunq API",
        [
            Paragraph(
                f"{len(everything)} operations of {len(counts)} resources: {effects['reads']} "
                f"read, {effects['changes']} change something, {effects['moves money']} move "
                'money. bunq.find("words") searches them.'
            ),
            Table(("resource", "operations"), rows),
        ],
    )


def describe_resource(name: str, below: Iterable[Operation]) -> Page:
    """Give the page of a resource: what it can do."""
    return Page(name, [operations_table(below)])


def operations_table(listed: Iterable[Operation]) -> Table:
    """Give a table of operations: method, name, effect, path."""
    rows = [(each.method, each.name, each.effect, each.path) for each in listed]
    return Table(("method", "operation", "effect", "path"), rows)


def describe_operation(operation: Operation) -> Page:
    """Give the page of an operation: what it takes and gives, with examples."""
    page = Page(operation.name, [Paragraph(f"{operation.method} /v1{operation.path}")])
    page.blocks.append(Paragraph(" ".join(_sentences(operation))))
    if operation.body is not None and operation.method in ("POST", "PUT"):
        page.blocks.append(_fields_table(type_named(operation.body), written=True))
    if body := example_body(operation):
        page.blocks.append(Json("An example body", body))
    if operation.answer is not None and not operation.is_bytes:
        page.blocks.append(Json("An example answer", {"Response": example_answer(operation)}))
    search = quote(operation.resource.rpartition(".")[2])
    page.blocks.append(Paragraph("bunq's own page:", f"{_SEARCH}{search}"))
    return page


def describe_type(known: Type) -> Page:
    """Give the page of a type: its fields as answers have them."""
    return Page(known.name, [_fields_table(known, written=False)])


def write_docstring(operation: Operation) -> str:
    """Give what ``help()`` and Shift-Tab show of an operation."""
    lines = [f"{operation.method} /v1{operation.path}", "", *_sentences(operation)]
    ids = [name for name in operation.ids if name not in ("user_id", "account")]
    fields = [] if operation.body is None else type_named(operation.body).writable
    if ids or fields:
        lines += ["", "Parameters", "----------"]
        lines += [f"{name} : id" for name in ids]
        lines += [
            f"{each.name} : {', '.join(filter(None, _field_row(each, written=True)[1:]))}"
            for each in fields
        ]
    return "\n".join(lines)


def _sentences(operation: Operation) -> list[str]:
    """Tell in words what the facts say."""
    told = [{"reads": "Reads.", "changes": "Changes something.", "moves money": "Moves money."}[
        operation.effect
    ]]  # fmt: skip
    if operation.needs_signature:
        told.append("bunq refuses it unsigned.")
    if operation.sends_bytes:
        told.append("The body is a file: bunq.upload() sends it.")
    if operation.is_bytes:
        told.append("Answers a file's bytes: bunq.download() gets them.")
    elif operation.wrapper == "*":
        told.append("Answers items under the names of their real types.")
    elif operation.wrapper:
        told.append(f"Answers {operation.wrapper}.")
    if operation.is_paged:
        told.append("Comes in pages, newest first: bunq.pages() follows them.")
    fields = () if operation.body is None else type_named(operation.body).writable
    if operation.takes_counterparty:
        told.append(
            "to= stands for counterparty_alias: an e-mail address, a phone number, or an IBAN "
            "with name=."
        )
    if any(each.body_kind == "Amount" for each in fields):
        told.append("An amount may be written '10.00'.")
    if "account" in operation.ids:
        told.append("account= is an id, IBAN or description; the main account without it.")
    return told


def _fields_table(known: Type, *, written: bool) -> Table:
    fields = known.writable if written else known.readable
    header = ("field", "kind", "required" if written else "", "values")
    return Table(header, [_field_row(each, written=written) for each in fields])


def _field_row(each: Field, *, written: bool) -> tuple[str, str, str, str]:
    kind = each.body_kind if written else each.kind
    is_list = each.is_body_list if written else each.is_list
    return (
        each.name,
        f"list of {kind}" if is_list else kind,
        "required" if written and each.required else "",
        " ".join(each.values),
    )
