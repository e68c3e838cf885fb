"""A report: HTML in a notebook, and the same words as text in a terminal of 80 columns.

A sheet has sections, and a section has parts. Every part returns itself as HTML and as text.
"""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from bunqkit.display import html
from bunqkit.display.terminal import printable_lines

_WIDTH = 80
_INDENT = "  "
_NAME_WIDTH = 14
_ROW = 16


class Part(Protocol):
    """A part of a section: prose, facts, code or bytes."""

    def html(self) -> str:
        """Return this part of the report as HTML."""
        ...

    def text(self) -> str:
        """Return the part as text."""
        ...


@dataclass(frozen=True)
class Words:
    """A paragraph."""

    words: str

    def html(self) -> str:
        """Return this part of the report as HTML."""
        return html.paragraph(self.words)

    def text(self) -> str:
        """Return the part as text."""
        return _fill(self.words, _INDENT, _INDENT)


@dataclass(frozen=True)
class Facts:
    """Names and values, side by side."""

    facts: Mapping[str, str]

    def html(self) -> str:
        """Return this part of the report as HTML."""
        return html.key_values(self.facts)

    def text(self) -> str:
        """Return the part as text."""
        beside = _INDENT + " " * _NAME_WIDTH
        return "\n".join(
            _fill(value, f"{_INDENT}{name:<{_NAME_WIDTH - 1}} ", beside)
            for name, value in self.facts.items()
        )


@dataclass(frozen=True)
class Notes:
    """Rows of a name, a value, and a remark that explains the value."""

    header: tuple[str, str, str]
    rows: Sequence[tuple[str, str, str]]

    def html(self) -> str:
        """Return this part of the report as HTML."""
        return html.notes(self.header, self.rows)

    def text(self) -> str:
        """Return the part as text."""
        lines = []
        for name, value, remark in self.rows:
            lines.append(_fill(f"{name}: {value}", _INDENT, _INDENT * 3))
            if remark:
                lines.append(_fill(remark, _INDENT * 3, _INDENT * 3))
        return "\n".join(lines)


@dataclass(frozen=True)
class Verbatim:
    """Code or JSON, with its line ends as they are."""

    lines: str

    def html(self) -> str:
        """Return this part of the report as HTML."""
        return html.code(self.lines)

    def text(self) -> str:
        """Return the part as text."""
        return "\n".join(
            part
            for line in self.lines.splitlines()
            for part in textwrap.wrap(
                line,
                _WIDTH,
                initial_indent=_INDENT,
                subsequent_indent=_INDENT * 2,
                drop_whitespace=False,
                replace_whitespace=False,
                break_on_hyphens=False,
            )
            or [""]
        )


@dataclass(frozen=True)
class Bytes:
    """Bytes in hexadecimal and as text, sixteen a row.

    Attributes
    ----------
    content
        The bytes.
    label
        The line above them.
    hidden
        The places of secrets, each as first byte and end; dots are shown there.
    framed
        The number of the byte that is framed, or ``None``.
    first, end
        The range that is shown; ``first`` is a multiple of 16.
    """

    content: bytes
    label: str
    hidden: Sequence[tuple[int, int]] = ()
    framed: int | None = None
    first: int = 0
    end: int | None = None

    def html(self) -> str:
        """Return this part of the report as HTML."""
        return html.byte_view(self.label, self._rows(), self.framed)

    def text(self) -> str:
        """Return the part as text, with a mark under the framed byte."""
        lines = [f"{_INDENT}{self.label}"]
        for start, cells in self._rows():
            digits = " ".join(pair for pair, _ in cells)
            letters = "".join(letter for _, letter in cells)
            lines.append(f"{_INDENT}{start:06x}  {digits:<{3 * _ROW}} {letters}")
            if self.framed is not None and start <= self.framed < start + _ROW:
                at = self.framed - start
                lines.append(
                    f"{_INDENT}{'':6}  {' ' * 3 * at}^^{' ' * (3 * (_ROW - at) - 1)}{' ' * at}^"
                )
        return "\n".join(lines)

    def _rows(self) -> list[tuple[int, list[tuple[str, str]]]]:
        end = len(self.content) if self.end is None else min(self.end, len(self.content))
        return [
            (start, [self._cell(at) for at in range(start, min(start + _ROW, end))])
            for start in range(self.first, end, _ROW)
        ]

    def _cell(self, at: int) -> tuple[str, str]:
        if any(first <= at < end for first, end in self.hidden):
            return "··", "·"
        byte = self.content[at]
        letter = chr(byte)
        return f"{byte:02x}", letter if letter.isascii() and letter.isprintable() else "·"


@dataclass(frozen=True)
class Section:
    """Parts under a heading."""

    heading: str
    parts: Sequence[Part]


class Sheet:
    """A report of sections, in the order in which they are read."""

    def __init__(self, title: str, sections: Sequence[Section]) -> None:
        self.title = title
        self.sections = tuple(sections)

    def __str__(self) -> str:
        blocks = [_fill(self.title, "", _INDENT)]
        blocks += [
            "\n".join([section.heading, *(part.text() for part in section.parts)])
            for section in self.sections
        ]
        # What the bank sends must not steer a terminal.
        return printable_lines("\n\n".join(blocks))

    def __repr__(self) -> str:
        return str(self)

    def _repr_html_(self) -> str:
        body = [
            html.section(section.heading, *(part.html() for part in section.parts))
            for section in self.sections
        ]
        return html.card(html.paragraph(self.title), *body)


def _fill(words: str, first: str, others: str) -> str:
    return textwrap.fill(
        words,
        _WIDTH,
        initial_indent=first,
        subsequent_indent=others,
        break_on_hyphens=False,
    )
