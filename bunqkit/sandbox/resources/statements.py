"""Statements and other papers: made when they are asked for, read as files.

A paper shows the books as they were when it was asked for, and its days are those of Amsterdam.

Source: bunq docs, "Customer statement", "Statement" and "Annual overview"; the official description
for formats and fields.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from bunqkit.sandbox.clock import wire_time
from bunqkit.sandbox.ledger import BankLedger
from bunqkit.sandbox.refusal import not_found, refuse
from bunqkit.sandbox.resources.accounts import MINE, own_account
from bunqkit.sandbox.resources.call import Call, File, Item, Verbs, created
from bunqkit.sandbox.resources.event_list import show_object
from bunqkit.sandbox.resources.generic_resources import StoredResource, content_of, scope_of
from bunqkit.sandbox.resources.labels import label_account, label_user
from bunqkit.sandbox.resources.rows import check_choice
from bunqkit.sandbox.resources.shape import fill
from bunqkit.sandbox.resources.sheets import Line, Statement, write_csv, write_mt940, write_pdf
from bunqkit.sandbox.resources.wire import write_cents

_FORMATS = ("CSV", "PDF", "MT940")
_REGIONS = ("EUROPEAN", "UK_US")
_ZONE = ZoneInfo("Europe/Amsterdam")
# All bookings of the bank lie between these days, and every instant can be written.
_FIRST_DAY, _LAST_DAY = date(2000, 1, 1), date(2099, 12, 31)
_EVER = {"date_start": _FIRST_DAY.isoformat(), "date_end": _LAST_DAY.isoformat()}
_UNBOUNDED = 2**62


def create_statement(call: Call) -> list[Item]:
    """Make a statement of an account; it is ready at once, and numbered within the account."""
    form = check_choice("Statement format", call.body["statement_format"], _FORMATS)
    if form == "CSV" and call.body.get("regional_format") is None:
        raise refuse(400, 'A statement as CSV needs a "regional_format".')
    query = (
        "SELECT MAX(json_extract(item, '$.statement_number')) AS last FROM thing WHERE scope = ?"
    )
    last = call.ledger.rows(query, scope_of(call))[0]["last"]
    return _keep(call, "CustomerStatement", statement_number=1 + int(last or 0))


def create_card_statement(call: Call) -> list[Item]:
    """Make a statement of a card; it is ready at once."""
    return _keep(call, call.operation.body or "", card_id=call.number("cardID"))


def create_overview(call: Call) -> list[Item]:
    """Make the overview of a year that is over. Source: bunq docs, for past years only."""
    year = call.body["year"]
    if not _FIRST_DAY.year <= year < _today(call.ledger).year:
        raise refuse(400, f"There is no annual overview of {year}: the year must be over.")
    label = label_user(call.ledger, call.person_id)
    return _keep(call, "ExportAnnualOverview", alias_user=label)


def create_bank_details(call: Call) -> list[Item]:
    """Make the paper that tells others where to pay."""
    return _keep(call, "ExportRib")


def create_event_statement(call: Call) -> list[Item]:
    """Make the statement of one payment; it is ready at once."""
    return _keep(call, "ExportStatementPayment")


def _keep(call: Call, type_name: str, **more: Any) -> list[Item]:
    """Write down which paper is asked for, and the last booking that it shows."""
    body, ledger = dict(call.body), call.ledger
    if (region := body.get("regional_format")) is not None:
        check_choice("Regional format", region, _REGIONS)
    for name in ("date_start", "date_end"):
        if body.get(name) is not None:
            body[name] = _read_day(body[name], name).isoformat()
    if body.get("date_start", "") > body.get("date_end", "~"):
        raise refuse(400, 'The "date_start" is after the "date_end".')
    scope = scope_of(call)
    values = fill(ledger, type_name, body, person_id=call.person_id, account_id=call.account_id)
    values |= {"status": "COMPLETED"} | more
    secret = {"last": ledger.rows("SELECT MAX(id) AS last FROM entry")[0]["last"]}
    return created(StoredResource.add(ledger, scope, type_name, values, secret=secret).id)


def read_statement(call: Call) -> File:
    """Return the file of an account's statement, in the format that was asked for."""
    item, start, end, last = _asked_for(call)
    statement = _state(call.ledger, own_account(call), start, end, last)
    number, form = item.get("statement_number", 1), item.get("statement_format", "PDF")
    if form == "CSV":
        return write_csv(statement.lines, is_european=item.get("regional_format") != "UK_US")
    if form == "MT940":
        return write_mt940(statement, number)
    texts = [
        f"Statement {number} of {statement.iban}",
        f"{statement.holder}, {statement.start} to {statement.end}, in {statement.currency}",
        "",
        f"{'Opening balance':<24}{write_cents(statement.opening):>14}",
        "",
        *_write_lines(statement.lines),
        "",
        f"{'Closing balance':<24}{write_cents(statement.closing):>14}",
    ]
    return write_pdf(texts)


def read_card_statement(call: Call) -> File:
    """Return the file of a card's statement: what was paid with it and given back."""
    item, start, end, last = _asked_for(call)
    card_id, ledger = call.number("cardID"), call.ledger
    condition = "type = 'MasterCardAction' AND json_extract(item, '$.card_id') = ?"
    actions = StoredResource.select(ledger, condition, card_id)
    ids = [number for action in actions for number in action.fields.get("payment_ids", [])]
    rows = ledger.rows(
        f"SELECT * FROM payment WHERE id IN ({', '.join('?' * len(ids))}) AND id <= ? "
        "AND created >= ? AND created < ? ORDER BY id",
        *ids,
        last,
        *_instants(start, end),
    )
    lines = _lines(ledger, rows)
    if "regional_format" in item:
        return write_csv(lines, is_european=item["regional_format"] != "UK_US")
    total = write_cents(sum(line.cents for line in lines))
    heading = f"Statement of card {card_id}, {start} to {end}"
    return write_pdf([heading, "", *_write_lines(lines), "", f"{'Total':<24}{total:>14}"])


def read_overview(call: Call) -> File:
    """Return the file of a year: each account's balances before and after it, and interest."""
    item, _, _, last = _asked_for(call)
    year, person_id = item.get("year", _today(call.ledger).year - 1), call.person_id
    first, end = date(year, 1, 1), date(year, 12, 31)
    texts = [f"Annual overview of {year}", call.ledger.person(person_id)["name"]]
    query = f"SELECT * FROM account WHERE {MINE} AND created < ? ORDER BY id"
    for account in call.ledger.rows(query, person_id, person_id, _instants(first, end)[1]):
        statement = _state(call.ledger, account, first, end, last)
        sums = {
            f"Balance on {first}": statement.opening,
            f"Balance on {end}": statement.closing,
            "Came in": sum(line.cents for line in statement.lines if line.cents > 0),
            "Went out": sum(line.cents for line in statement.lines if line.cents < 0),
            "Interest": sum(
                line.cents for line in statement.lines if line.cents > 0 and line.name == "bunq"
            ),
        }
        texts += ["", f"{account['description']}, {account['iban']}, in {account['currency']}"]
        texts += [f"  {name:<24}{write_cents(cents):>14}" for name, cents in sums.items()]
    return write_pdf(texts)


def read_bank_details(call: Call) -> File:
    """Return the file that says where to pay."""
    _asked_for(call)
    account = own_account(call)
    details = {
        "Account holder": account["holder"],
        "IBAN": account["iban"],
        "BIC": "BUNQNL2A",
        "Bank": "bunq B.V., Amsterdam (offline: play money)",
        "Currency": account["currency"],
    }
    return write_pdf(["Bank details", "", *(f"{name:<16}{text}" for name, text in details.items())])


def read_event_statement(call: Call) -> File:
    """Return the file of one event, most often a payment."""
    _asked_for(call)
    event = call.ledger.row("SELECT * FROM event WHERE id = ?", call.number("eventID"))
    objects = event and show_object(call.ledger, event["kind"], event["object_id"])
    name, item = next(iter((objects or {"Event": {}}).items()))
    texts = [f"Statement of {name} {item.get('id', '')}".rstrip(), ""]
    for field, value in item.items():
        text = "" if value is None or isinstance(value, list) else str(value)
        if isinstance(value, dict):
            parts = ("value", "currency", "display_name", "iban")
            text = " ".join(str(value[part]) for part in parts if value.get(part))
        if text:
            texts.append(f"{field.replace('_', ' ').capitalize():<28}{text}")
    return write_pdf(texts)


def _asked_for(call: Call) -> tuple[dict[str, Any], date, date, int]:
    """Return the paper that was asked for, its period, and the last booking that it shows."""
    scope, number = content_of(call)
    paper = StoredResource.within(call.ledger, [scope, f"{scope}-csv", f"{scope}-pdf"], number)
    if paper is None:
        raise not_found(scope.rpartition("/")[2].replace("-", " ").capitalize(), number)
    # What was put there by hand may lack anything.
    item, last = _EVER | paper.fields, paper.hidden.get("last") or _UNBOUNDED
    start, end = (date.fromisoformat(item[name]) for name in _EVER)
    return item, start, end, last


def _state(
    ledger: BankLedger, account: sqlite3.Row, start: date, end: date, last: int
) -> Statement:
    """Return an account's bookings of a period, up to the last booking that a paper shows."""
    first, after = _instants(start, end)
    source = "FROM payment WHERE account_id = ? AND id <= ? AND created"
    opening = f"SELECT COALESCE(SUM(cents), 0) AS cents {source} < ?"
    booked = f"SELECT * {source} >= ? AND created < ? ORDER BY id"
    return Statement(
        iban=account["iban"],
        holder=account["holder"],
        currency=account["currency"],
        start=start,
        end=end,
        opening=int(ledger.rows(opening, account["id"], last, first)[0]["cents"]),
        lines=_lines(ledger, ledger.rows(booked, account["id"], last, first, after)),
    )


def _lines(ledger: BankLedger, rows: Iterable[sqlite3.Row]) -> tuple[Line, ...]:
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


def _write_lines(lines: tuple[Line, ...]) -> list[str]:
    return [
        f"{line.day}  {write_cents(line.cents):>12}  {line.name[:28]:<28}  {line.description}"
        for line in lines
    ]


def _instants(start: date, end: date) -> tuple[str, str]:
    """Return the instants at which the first day begins and the last one ends, as texts."""
    after = min(end, _LAST_DAY) + timedelta(days=1)
    days = (max(start, _FIRST_DAY), max(after, _FIRST_DAY))
    first, last = (wire_time(datetime.combine(day, time.min, _ZONE)) for day in days)
    return first, last


def _today(ledger: BankLedger) -> date:
    return ledger.clock.now().astimezone(_ZONE).date()


def _read_day(text: str, name: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise refuse(400, f'The value of "{name}" is not a date.') from error


RULES: dict[str, Verbs] = {
    "customer-statement": {"create": create_statement, "content": read_statement},
    "event.statement": {"create": create_event_statement, "content": read_event_statement},
    "export-annual-overview": {"create": create_overview, "content": read_overview},
    "export-rib": {"create": create_bank_details, "content": read_bank_details},
    "card.export-statement-card-csv": {"create": create_card_statement},
    "card.export-statement-card-pdf": {"create": create_card_statement},
    "card.export-statement-card": {"content": read_card_statement},
}
