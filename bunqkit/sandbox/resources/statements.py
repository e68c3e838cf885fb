"""Statements and other papers: made when they are asked for, read as files.

A paper tells the books as they were when it was asked for, and its days are those of Amsterdam.

Source: bunq docs, "Customer statement", "Statement" and "Annual overview"; the official description
for formats and fields.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from bunqkit.sandbox.clock import wire_time
from bunqkit.sandbox.ledger import Ledger
from bunqkit.sandbox.refusal import not_found, refuse
from bunqkit.sandbox.resources.accounts import MINE, own_account
from bunqkit.sandbox.resources.call import Call, File, Item, created
from bunqkit.sandbox.resources.generic_resources import add_thing, content_of, scope_of, thing_of
from bunqkit.sandbox.resources.history import tell_object
from bunqkit.sandbox.resources.labels import label_account, label_user
from bunqkit.sandbox.resources.shape import fill
from bunqkit.sandbox.resources.sheets import (
    Line,
    Statement,
    decimal,
    write_csv,
    write_mt940,
    write_pdf,
)

_FORMATS = ("CSV", "PDF", "MT940")
_REGIONS = ("EUROPEAN", "UK_US")
_ZONE = ZoneInfo("Europe/Amsterdam")
# Between them lies all that a bank of this kind has booked, and every instant can be written.
_FIRST_DAY, _LAST_DAY = date(2000, 1, 1), date(2099, 12, 31)
_EVER = {"date_start": _FIRST_DAY.isoformat(), "date_end": _LAST_DAY.isoformat()}


def create_statement(call: Call) -> list[Item]:
    """Make a statement of an account; it is ready at once, and numbered within the account."""
    body = call.body
    if body["statement_format"] not in _FORMATS:
        raise refuse(400, f'Statement format "{body["statement_format"]}" is not valid.')
    if body["statement_format"] == "CSV" and body.get("regional_format") is None:
        raise refuse(400, 'A statement as CSV needs a "regional_format".')
    scope = scope_of(call)
    before = call.ledger.row(
        "SELECT MAX(json_extract(item, '$.statement_number')) AS last FROM thing WHERE scope = ?",
        scope,
    )
    number = 1 + int(before["last"] or 0) if before else 1
    return _keep(call, "CustomerStatement", {"statement_number": number})


def create_card_statement(call: Call) -> list[Item]:
    """Make a statement of a card; it is ready at once."""
    return _keep(call, call.operation.body or "", {"card_id": call.number("cardID")})


def create_overview(call: Call) -> list[Item]:
    """Make the overview of a year that is over. Source: bunq docs, for past years only."""
    year = call.body["year"]
    if not _FIRST_DAY.year <= year < _today(call.ledger).year:
        raise refuse(400, f"There is no annual overview of {year}: the year must be over.")
    label = label_user(call.ledger, call.person_id)
    return _keep(call, "ExportAnnualOverview", {"alias_user": label})


def create_bank_details(call: Call) -> list[Item]:
    """Make the paper with which others are told where to pay."""
    return _keep(call, "ExportRib", {})


def create_event_statement(call: Call) -> list[Item]:
    """Make the statement of one payment; it is ready at once."""
    return _keep(call, "ExportStatementPayment", {})


def _keep(call: Call, type_name: str, more: dict[str, Any]) -> list[Item]:
    """Write down what paper is asked for, and how far the books have come."""
    account_id = call.number("monetary-accountID") if "monetary-accountID" in call.ids else None
    body = dict(call.body)
    if (region := body.get("regional_format")) is not None and region not in _REGIONS:
        raise refuse(400, f'Regional format "{region}" is not valid.')
    for name in ("date_start", "date_end"):
        if body.get(name) is not None:
            body[name] = _read_day(body[name], name).isoformat()
    if body.get("date_start", "") > body.get("date_end", "~"):
        raise refuse(400, 'The "date_start" is after the "date_end".')
    scope = scope_of(call)
    values = fill(call.ledger, type_name, body, person_id=call.person_id, account_id=account_id)
    secret = {"last": call.ledger.rows("SELECT MAX(id) AS last FROM entry")[0]["last"]}
    values |= {"status": "COMPLETED"} | more
    return created(add_thing(call.ledger, scope, type_name, values, secret=secret))


def read_statement(call: Call) -> File:
    """Give the file of an account's statement, in the format that was asked for."""
    item, last = _asked_for(call)
    account = own_account(call)
    start, end = (date.fromisoformat(item[name]) for name in _EVER)
    statement = _state(call.ledger, account, start, end, last)
    number = item.get("statement_number", 1)
    form = item.get("statement_format", "PDF")
    if form == "CSV":
        return write_csv(statement.lines, is_european=item.get("regional_format") != "UK_US")
    if form == "MT940":
        return write_mt940(statement, number)
    texts = [
        f"Statement {number} of {statement.iban}",
        f"{statement.holder}, {statement.start} to {statement.end}, in {statement.currency}",
        "",
        f"{'Opening balance':<24}{decimal(statement.opening):>14}",
        "",
        *_tell_lines(statement.lines),
        "",
        f"{'Closing balance':<24}{decimal(statement.closing):>14}",
    ]
    return write_pdf(texts)


def read_card_statement(call: Call) -> File:
    """Give the file of a card's statement: what was paid with it and given back."""
    item, last = _asked_for(call)
    actions = call.ledger.rows(
        "SELECT item FROM thing WHERE type = 'MasterCardAction' "
        "AND json_extract(item, '$.card_id') = ?",
        call.number("cardID"),
    )
    ids = [number for row in actions for number in json.loads(row["item"]).get("payment_ids", [])]
    start, end = (date.fromisoformat(item[name]) for name in _EVER)
    rows = call.ledger.rows(
        f"SELECT * FROM payment WHERE id IN ({', '.join('?' * len(ids))}) AND id <= ? "
        "AND created >= ? AND created < ? ORDER BY id",
        *ids,
        last,
        *_instants(start, end),
    )
    lines = _lines(call.ledger, rows)
    if "regional_format" in item:
        return write_csv(lines, is_european=item["regional_format"] != "UK_US")
    total = decimal(sum(line.cents for line in lines))
    heading = f"Statement of card {call.number('cardID')}, {start} to {end}"
    return write_pdf([heading, "", *_tell_lines(lines), "", f"{'Total':<24}{total:>14}"])


def read_overview(call: Call) -> File:
    """Give the file of a year: what stood on each account before and after it, and interest."""
    item, last = _asked_for(call)
    year = item.get("year", _today(call.ledger).year - 1)
    first, end = date(year, 1, 1), date(year, 12, 31)
    texts = [f"Annual overview of {year}", call.ledger.person(call.person_id)["name"]]
    accounts = call.ledger.rows(
        f"SELECT * FROM account WHERE {MINE} AND created < ? ORDER BY id",
        call.person_id,
        call.person_id,
        _instants(first, end)[1],
    )
    for account in accounts:
        statement = _state(call.ledger, account, first, end, last)
        told = {
            f"Balance on {first}": statement.opening,
            f"Balance on {end}": statement.closing,
            "Came in": sum(line.cents for line in statement.lines if line.cents > 0),
            "Went out": sum(line.cents for line in statement.lines if line.cents < 0),
            "Interest": sum(
                line.cents for line in statement.lines if line.cents > 0 and line.name == "bunq"
            ),
        }
        texts += ["", f"{account['description']}, {account['iban']}, in {account['currency']}"]
        texts += [f"  {name:<24}{decimal(cents):>14}" for name, cents in told.items()]
    return write_pdf(texts)


def read_bank_details(call: Call) -> File:
    """Give the file that says where to pay."""
    _asked_for(call)
    account = own_account(call)
    told = {
        "Account holder": account["holder"],
        "IBAN": account["iban"],
        "BIC": "BUNQNL2A",
        "Bank": "bunq B.V., Amsterdam (offline: play money)",
        "Currency": account["currency"],
    }
    return write_pdf(["Bank details", "", *(f"{name:<16}{text}" for name, text in told.items())])


def read_event_statement(call: Call) -> File:
    """Give the file of what happened once, a payment most often."""
    _asked_for(call)
    event = call.ledger.row("SELECT * FROM event WHERE id = ?", call.number("eventID"))
    told = tell_object(call.ledger, event["kind"], event["object_id"]) if event else None
    name, item = next(iter((told or {"Event": {}}).items()))
    texts = [f"Statement of {name} {item.get('id', '')}".rstrip(), ""]
    for field, value in item.items():
        if isinstance(value, dict):
            shown = " ".join(
                str(value[part])
                for part in ("value", "currency", "display_name", "iban")
                if value.get(part)
            )
        else:
            shown = "" if value is None or isinstance(value, list) else str(value)
        if shown:
            texts.append(f"{field.replace('_', ' ').capitalize():<28}{shown}")
    return write_pdf(texts)


def _asked_for(call: Call) -> tuple[dict[str, Any], int]:
    """Give what was asked for, and the last booking that it knows of."""
    scope, number = content_of(call)
    row = thing_of(call.ledger, [scope, f"{scope}-csv", f"{scope}-pdf"], str(number))
    if row is None:
        raise not_found(scope.rpartition("/")[2].replace("-", " ").capitalize(), number)
    # What was put there by hand may lack anything.
    return _EVER | json.loads(row["item"]), json.loads(row["secret"]).get("last") or _UNBOUNDED


_UNBOUNDED = 2**62


def _state(ledger: Ledger, account: sqlite3.Row, start: date, end: date, last: int) -> Statement:
    first, after = _instants(start, end)
    before = ledger.rows(
        "SELECT COALESCE(SUM(cents), 0) AS cents FROM payment "
        "WHERE account_id = ? AND id <= ? AND created < ?",
        account["id"],
        last,
        first,
    )
    rows = ledger.rows(
        "SELECT * FROM payment WHERE account_id = ? AND id <= ? AND created >= ? AND created < ? "
        "ORDER BY id",
        account["id"],
        last,
        first,
        after,
    )
    return Statement(
        iban=account["iban"],
        holder=account["holder"],
        currency=account["currency"],
        start=start,
        end=end,
        opening=int(before[0]["cents"]),
        lines=_lines(ledger, rows),
    )


def _lines(ledger: Ledger, rows: Iterable[sqlite3.Row]) -> tuple[Line, ...]:
    lines = []
    for row in rows:
        other = label_account(ledger, row["counter_id"])
        moment = datetime.fromisoformat(row["created"]).replace(tzinfo=UTC)
        lines.append(
            Line(
                number=row["id"],
                day=moment.astimezone(_ZONE).date(),
                cents=row["cents"],
                iban=label_account(ledger, row["account_id"])["iban"],
                counterparty=other["iban"] or "",
                name=other["display_name"],
                description=row["description"],
            )
        )
    return tuple(lines)


def _tell_lines(lines: tuple[Line, ...]) -> list[str]:
    return [
        f"{line.day}  {decimal(line.cents):>12}  {line.name[:28]:<28}  {line.description}"
        for line in lines
    ]


def _instants(start: date, end: date) -> tuple[str, str]:
    """Give the instants at which the first day begins and the last one ends, as texts."""
    after = min(end, _LAST_DAY) + timedelta(days=1)
    days = (max(start, _FIRST_DAY), max(after, _FIRST_DAY))
    first, last = (wire_time(datetime.combine(day, time.min, _ZONE)) for day in days)
    return first, last


def _today(ledger: Ledger) -> date:
    return ledger.clock.now().astimezone(_ZONE).date()


def _read_day(text: str, name: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise refuse(400, f'The value of "{name}" is not a date.') from error
