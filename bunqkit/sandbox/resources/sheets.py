"""How papers are written: a statement as CSV and MT940, lines of text as PDF.

Knows nothing of the books. Source: the official description for the formats; readers of other
people for the columns of bunq's CSV; the tags of MT940 as SWIFT's handbook and its readers have
them; ISO 32000-1, 7.5, for the PDF. How a line is worded is our own.
"""

from __future__ import annotations

import csv
import io
import re
import unicodedata
from dataclasses import dataclass
from datetime import date

from bunqkit.sandbox.resources.call import File


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
    iban, counterparty, name, description
        Whose account it is, and whom and what the booking is about; a shop has no IBAN.
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
    """The bookings of an account in a period, oldest first, and what stood there before them."""

    iban: str
    holder: str
    currency: str
    start: date
    end: date
    opening: int
    lines: tuple[Line, ...]

    @property
    def closing(self) -> int:
        """What stands there after the last booking, in cents."""
        return self.opening + sum(line.cents for line in self.lines)


def decimal(cents: int, point: str = ".") -> str:
    """Write cents as units with two decimals."""
    units, rest = divmod(abs(cents), 100)
    return f"{'-' if cents < 0 else ''}{units}{point}{rest:02d}"


def write_csv(lines: tuple[Line, ...], *, is_european: bool) -> File:
    """Write bookings as a table; a European one has semicolons and decimal commas."""
    table = io.StringIO()
    writer = csv.writer(table, delimiter=";" if is_european else ",", quoting=csv.QUOTE_ALL)
    writer.writerow(_COLUMNS)
    for line in lines:
        day, told = line.day.isoformat(), decimal(line.cents, "," if is_european else ".")
        writer.writerow([day, day, told, line.iban, line.counterparty, line.name, line.description])
    return File(table.getvalue().encode(), "text/csv")


_COLUMNS = ("Date", "Interest Date", "Amount", "Account", "Counterparty", "Name", "Description")


def write_mt940(statement: Statement, number: int) -> File:
    """Write a statement as a message that book-keeping programs read; ids are bank references."""

    def balance(tag: str, cents: int, day: date) -> str:
        return f":{tag}:{_mark(cents)}{day:%y%m%d}{statement.currency}{decimal(abs(cents), ',')}"

    told = [
        f":20:BUNQ{number:06d}",
        f":25:{statement.iban}",
        f":28C:{number}/1",
        balance("60F", statement.opening, statement.start),
    ]
    for line in statement.lines:
        sum_ = f"{_mark(line.cents)}{decimal(abs(line.cents), ',')}"
        told.append(f":61:{line.day:%y%m%d%m%d}{sum_}NTRFNONREF//{line.number}")
        parts = {"IBAN": line.counterparty, "NAME": line.name, "REMI": line.description}
        text = "".join(f"/{word}/{_plain(part)}" for word, part in parts.items() if part)
        told.append(f":86:{_fold(text)}")
    told += [balance("62F", statement.closing, statement.end), "-", ""]
    return File("\r\n".join(told).encode("ascii"), "text/plain")


def _mark(cents: int) -> str:
    return "D" if cents < 0 else "C"


def _plain(text: str) -> str:
    """Write a text with the letters that SWIFT has; others lose their accents or become a dot."""
    letters = unicodedata.normalize("NFKD", text)
    bare = "".join(letter for letter in letters if not unicodedata.combining(letter))
    return re.sub(r"[^A-Za-z0-9/\-?:().,'+ ]", ".", re.sub(r"\s+", " ", bare)).strip()


def _fold(text: str) -> str:
    """Break a text into the six lines that there are; none begins as a tag or an end would."""
    lines: list[str] = []
    rest = text
    while rest and len(lines) < _MT940_LINES:
        length = _MT940_WIDTH
        while length > 1 and rest[length : length + 1] in (":", "-"):
            length -= 1
        lines.append(rest[:length])
        rest = rest[length:]
    return "\r\n".join(lines)


_MT940_LINES = 6
_MT940_WIDTH = 65


def write_pdf(lines: list[str]) -> File:
    """Write lines of text as a PDF of as many pages as they need.

    Sixty lines make a page, and a line has room for 90 letters; letters that the font has not
    become question marks.
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
    content, starts = b"%PDF-1.4\n", []
    for number, part in enumerate(parts, 1):
        starts.append(len(content))
        content += b"%d 0 obj\n%b\nendobj\n" % (number, part)
    table = b"".join(b"%010d 00000 n \n" % start for start in starts)
    size = len(parts) + 1
    end = b"xref\n0 %d\n0000000000 65535 f \n%btrailer\n<</Size %d/Root 1 0 R>>\n" % (
        size,
        table,
        size,
    )
    return File(
        content + end + b"startxref\n%d\n%%%%EOF\n" % len(content),
        "application/pdf",
    )


_PDF_LINES = 60
_PDF_WIDTH = 90


def _show(line: str) -> bytes:
    text = re.sub(r"[\x00-\x1f\x7f]+", " ", line)[:_PDF_WIDTH].encode("cp1252", "replace")
    return b"(%b) '\n" % re.sub(rb"([\\()])", rb"\\\1", text)
