"""Statements and other papers: made when they are asked for, read as files.

Source: bunq docs, "Customer statement" and "Statement"; which formats there are is from the
official description, how a line of theirs looks is our own.
"""

from __future__ import annotations

import csv
import io
import json
import sqlite3
from datetime import date
from typing import Any

from bunqkit.sandbox.refusal import not_found, refuse
from bunqkit.sandbox.resources.call import Call, File, Item, created
from bunqkit.sandbox.resources.labels import label_account
from bunqkit.sandbox.resources.shape import fill
from bunqkit.sandbox.resources.things import add_thing, content_of, create_thing, scope_of, thing_of
from bunqkit.sandbox.resources.wire import amount

_FORMATS = ("CSV", "PDF", "MT940")


def create_statement(call: Call) -> list[Item]:
    """Make a statement of an account; it is ready at once."""
    body = call.body
    if body["statement_format"] not in _FORMATS:
        raise refuse(400, f'Statement format "{body["statement_format"]}" is not valid.')
    if body["statement_format"] == "CSV" and body.get("regional_format") is None:
        raise refuse(400, 'A statement as CSV needs a "regional_format".')
    start, end = _day(body["date_start"], "date_start"), _day(body["date_end"], "date_end")
    if start > end:
        raise refuse(400, 'The "date_start" is after the "date_end".')
    values = fill(
        call.ledger,
        "CustomerStatement",
        body,
        person_id=call.person_id,
        account_id=call.number("monetary-accountID"),
    )
    values |= {
        "status": "COMPLETED",
        "statement_number": 1,
        "date_start": start.isoformat(),
        "date_end": end.isoformat(),
    }
    return created(add_thing(call.ledger, scope_of(call), "CustomerStatement", values))


def create_paper(call: Call) -> list[Item]:
    """Make a paper of one page; it is ready at once."""
    for name in ("date_start", "date_end"):
        if call.body.get(name) is not None:
            _day(call.body[name], name)
    return create_thing(call)


def create_event_statement(call: Call) -> list[Item]:
    """Make the statement of one payment; it is ready at once."""
    values = {"status": "COMPLETED"}
    return created(add_thing(call.ledger, scope_of(call), "ExportStatementPayment", values))


def read_statement(call: Call) -> File:
    """Give the file of an account's statement, in the format that was asked for."""
    item = _item(call)
    account_id = call.number("monetary-accountID")
    rows = call.ledger.rows(
        "SELECT * FROM payment WHERE account_id = ? AND created >= ? AND created < ? ORDER BY id",
        account_id,
        item["date_start"],
        # Later than any time of that day, as texts are compared.
        f"{item['date_end']}~",
    )
    lines = [_line(call, row) for row in rows]
    if item["statement_format"] == "CSV":
        return _csv(lines, is_european=item.get("regional_format") != "UK_US")
    iban = label_account(call.ledger, account_id)["iban"]
    if item["statement_format"] == "MT940":
        return _mt940(lines, rows, iban, item)
    heading = f"Statement of {iban}, {item['date_start']} to {item['date_end']}"
    texts = [f"{each['date']}  {each['amount']:>12}  {each['name']}" for each in lines]
    return make_pdf([heading, "", *texts])


def read_paper(call: Call) -> File:
    """Give a page that says what it is."""
    item = _item(call)
    what = call.operation.resource.rpartition(".")[0].rpartition(".")[2].replace("-", " ")
    return make_pdf([what.capitalize(), "", *(f"{k}: {v}" for k, v in sorted(item.items()))])


def _item(call: Call) -> dict[str, Any]:
    scope, number = content_of(call)
    scopes = [scope, f"{scope}-csv", f"{scope}-pdf"]
    row = thing_of(call.ledger, scopes, str(number))
    if row is None:
        kind = scope.rpartition("/")[2].replace("-", " ").capitalize()
        raise not_found(kind, number)
    item: dict[str, Any] = _OPEN_END | json.loads(row["item"])
    return item


# For what was put there by hand, without dates.
_OPEN_END = {"date_start": "0001-01-01", "date_end": "9999-12-31", "statement_format": "PDF"}


def _day(text: str, name: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise refuse(400, f'The value of "{name}" is not a date.') from error


def _line(call: Call, row: sqlite3.Row) -> dict[str, str]:
    other = label_account(call.ledger, row["counter_id"])
    return {
        "date": row["created"][:10],
        "amount": amount(row["cents"], row["currency"])["value"],
        "account": label_account(call.ledger, row["account_id"])["iban"],
        "counterparty": other["iban"] or "",
        "name": other["display_name"],
        "description": row["description"],
    }


def _csv(lines: list[dict[str, str]], *, is_european: bool) -> File:
    """Write the lines; a European table has semicolons and decimal commas."""
    table = io.StringIO()
    writer = csv.writer(table, delimiter=";" if is_european else ",", quoting=csv.QUOTE_ALL)
    writer.writerow(["Date", "Amount", "Account", "Counterparty", "Name", "Description"])
    for line in lines:
        told = line["amount"].replace(".", ",") if is_european else line["amount"]
        writer.writerow([*(line | {"amount": told}).values()])
    return File(table.getvalue().encode(), "text/csv")


def _mt940(
    lines: list[dict[str, str]], rows: list[sqlite3.Row], iban: str, item: dict[str, Any]
) -> File:
    def mark(cents: int) -> str:
        return "D" if cents < 0 else "C"

    def money(cents: int) -> str:
        return f"{abs(cents) // 100},{abs(cents) % 100:02d}"

    opening = rows[0]["balance_after"] - rows[0]["cents"] if rows else 0
    closing = rows[-1]["balance_after"] if rows else 0
    currency = rows[0]["currency"] if rows else "EUR"
    start, end = item["date_start"].replace("-", "")[2:], item["date_end"].replace("-", "")[2:]
    told = [":20:STATEMENT", f":25:{iban}", ":28C:1"]
    told.append(f":60F:{mark(opening)}{start}{currency}{money(opening)}")
    for line, row in zip(lines, rows, strict=True):
        day = line["date"].replace("-", "")[2:]
        told.append(f":61:{day}{mark(row['cents'])}{money(row['cents'])}NTRF//{row['id']}")
        told.append(f":86:{line['name']} {line['description']}"[:65])
    told.append(f":62F:{mark(closing)}{end}{currency}{money(closing)}")
    return File(("\r\n".join(told) + "\r\n-").encode("ascii", "replace"), "text/plain")


def make_pdf(lines: list[str]) -> File:
    """Give a PDF of one page with lines of text. Source: ISO 32000-1, 7.5."""
    shown = (each.encode("latin-1", "replace").decode("latin-1") for each in lines[:60])
    escaped = (each.replace("\\", "\\\\").replace("(", "\\(").replace(")", "\\)") for each in shown)
    text = "".join(f"({each}) '\n" for each in escaped)
    stream = f"BT /F1 9 Tf 12 TL 50 800 Td\n{text}ET".encode("latin-1")
    parts = [
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Contents 4 0 R/Resources 6 0 R>>",
        b"<</Length %d>>\nstream\n%b\nendstream" % (len(stream), stream),
        b"<</Type/Font/Subtype/Type1/BaseFont/Courier/Encoding/WinAnsiEncoding>>",
        b"<</Font<</F1 5 0 R>>>>",
    ]
    page, places = b"%PDF-1.4\n", []
    for number, part in enumerate(parts, 1):
        places.append(len(page))
        page += b"%d 0 obj\n%b\nendobj\n" % (number, part)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    page += b"xref\n0 7\n0000000000 65535 f \n%btrailer\n<</Size 7/Root 1 0 R>>\n" % table
    start = page.index(b"xref\n0 7")
    return File(page + b"startxref\n%d\n%%%%EOF\n" % start, "application/pdf")
