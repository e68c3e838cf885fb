"""The formats of statements: a table as CSV, a message as MT940, lines of text as PDF.

This module does not know the books. Source: the official description for the formats; programs that
read them for the columns of bunq's CSV; the tags of MT940 as in SWIFT's handbook and its readers;
ISO 32000-1, 7.5, for the PDF. The words of a line are our own.
"""

from __future__ import annotations

import csv
import io
import re
import unicodedata
from dataclasses import dataclass
from datetime import date

from bunqkit.sandbox.resources.call import File
from bunqkit.sandbox.resources.wire import write_cents

_COLUMNS = ("Date", "Interest Date", "Amount", "Account", "Counterparty", "Name", "Description")
_MT940_LINES = 6
_MT940_WIDTH = 65
_PDF_LINES = 60
_PDF_WIDTH = 90


@dataclass(frozen=True)
class Line:
    """One booking.

    Attributes
    ----------
    number
        The payment's id.
    day
        In Amsterdam.
    cents
        Negative for what went out.
    iban, counterparty
        The IBANs of the account and of the other side; a shop has none.
    name, description
        The name of the other side, and what the booking is for.
    """

    number: int
    day: date
    cents: int
    iban: str
    counterparty: str
    name: str
    description: str


@dataclass(frozen=True)
class Statement:
    """The bookings of an account in a period, oldest first; the opening balance is in cents."""

    iban: str
    holder: str
    currency: str
    start: date
    end: date
    opening: int
    lines: tuple[Line, ...]

    @property
    def closing(self) -> int:
        """The balance after the last booking, in cents."""
        return self.opening + sum(line.cents for line in self.lines)


def write_csv(lines: tuple[Line, ...], *, is_european: bool) -> File:
    """Write bookings as a table; a European one has semicolons and decimal commas."""
    table = io.StringIO()
    writer = csv.writer(table, delimiter=";" if is_european else ",", quoting=csv.QUOTE_ALL)
    writer.writerow(_COLUMNS)
    for line in lines:
        day, money = line.day.isoformat(), write_cents(line.cents, "," if is_european else ".")
        names = (line.iban, line.counterparty, line.name, line.description)
        writer.writerow([day, day, money, *names])
    return File(table.getvalue().encode(), "text/csv")


def write_mt940(statement: Statement, number: int) -> File:
    """Write a statement as a message that book-keeping programs read; ids are the references."""

    def balance(tag: str, cents: int, day: date) -> str:
        return (
            f":{tag}:{_mark(cents)}{day:%y%m%d}{statement.currency}{write_cents(abs(cents), ',')}"
        )

    tags = [
        f":20:BUNQ{number:06d}",
        f":25:{statement.iban}",
        f":28C:{number}/1",
        balance("60F", statement.opening, statement.start),
    ]
    for line in statement.lines:
        money = f"{_mark(line.cents)}{write_cents(abs(line.cents), ',')}"
        tags.append(f":61:{line.day:%y%m%d%m%d}{money}NTRFNONREF//{line.number}")
        parts = {"IBAN": line.counterparty, "NAME": line.name, "REMI": line.description}
        text = "".join(f"/{word}/{_plain(part)}" for word, part in parts.items() if part)
        tags.append(f":86:{_fold(text)}")
    tags += [balance("62F", statement.closing, statement.end), "-", ""]
    return File("\r\n".join(tags).encode("ascii"), "text/plain")


def _mark(cents: int) -> str:
    return "D" if cents < 0 else "C"


def _plain(text: str) -> str:
    """Write a text with the letters that SWIFT has: accents are dropped, others become a dot."""
    letters = unicodedata.normalize("NFKD", text)
    bare = "".join(letter for letter in letters if not unicodedata.combining(letter))
    return re.sub(r"[^A-Za-z0-9/\-?:().,'+ ]", ".", re.sub(r"\s+", " ", bare)).strip()


def _fold(text: str) -> str:
    """Break a text into at most six lines; none begins with the sign of a tag or of the end."""
    lines: list[str] = []
    rest = text
    while rest and len(lines) < _MT940_LINES:
        length = _MT940_WIDTH
        while length > 1 and rest[length : length + 1] in (":", "-"):
            length -= 1
        lines.append(rest[:length])
        rest = rest[length:]
    return "\r\n".join(lines)


def write_pdf(lines: list[str]) -> File:
    """Write lines of text as a PDF with as many pages as they need.

    A page has 60 lines of 90 letters; letters that the font lacks become question marks.
    """
    pages = [lines[at : at + _PDF_LINES] for at in range(0, len(lines), _PDF_LINES)] or [[]]
    places = [4 + 2 * at for at in range(len(pages))]
    kids = " ".join(f"{place} 0 R" for place in places)
    parts = [
        b"<</Type/Catalog/Pages 2 0 R>>",
        f"<</Type/Pages/Count {len(pages)}/Kids[{kids}]>>".encode(),
        b"<</Type/Font/Subtype/Type1/BaseFont/Courier/Encoding/WinAnsiEncoding>>",
    ]
    for place, page in zip(places, pages, strict=True):
        stream = b"BT /F1 9 Tf 12 TL 50 800 Td\n%bET" % b"".join(map(_show, page))
        parts += [
            b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Contents %d 0 R"
            b"/Resources<</Font<</F1 3 0 R>>>>>>" % (place + 1),
            b"<</Length %d>>\nstream\n%b\nendstream" % (len(stream), stream),
        ]
    content, table = b"%PDF-1.4\n", b""
    for number, part in enumerate(parts, 1):
        table += b"%010d 00000 n \n" % len(content)
        content += b"%d 0 obj\n%b\nendobj\n" % (number, part)
    size = len(parts) + 1
    end = b"xref\n0 %d\n0000000000 65535 f \n%btrailer\n<</Size %d/Root 1 0 R>>\n" % (
        size,
        table,
        size,
    )
    content += end + b"startxref\n%d\n%%%%EOF\n" % len(content)
    return File(content, "application/pdf")


def _show(line: str) -> bytes:
    text = re.sub(r"[\x00-\x1f\x7f]+", " ", line)[:_PDF_WIDTH].encode("cp1252", "replace")
    return b"(%b) '\n" % re.sub(rb"([\\()])", rb"\\\1", text)
