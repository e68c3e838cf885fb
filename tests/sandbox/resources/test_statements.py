"""Statements and other papers agree with the books, in every format."""

from __future__ import annotations

import csv
import io
from datetime import date
from decimal import Decimal
from typing import Any

import mt940
import pandas as pd
import pytest
from pypdf import PdfReader
from visitors import Frozen, Visitor, payment, refusal

import bunqkit
from bunqkit.sandbox import Bank, CardUse, Clock

# Statements


@pytest.mark.parametrize(
    ("form", "start"), [("CSV", b'"Date"'), ("PDF", b"%PDF-"), ("MT940", b":20:")]
)
def test_statement_is_a_file(visitor: Visitor, form: str, start: bytes) -> None:
    """A statement can be read as soon as it is asked for, in each of the three formats."""
    visitor.top_up("12.50")
    path = f"{visitor.account}/customer-statement"
    body = {
        "statement_format": form,
        "date_start": "2026-04-01",
        "date_end": "2026-04-01",
        "regional_format": "EUROPEAN",
    }
    number = visitor.create(path, body)
    assert visitor.call("GET", f"{path}/{number}").item["status"] == "COMPLETED"
    content = visitor.call("GET", f"{path}/{number}/content").exchange.answer_body
    assert content.startswith(start)
    assert b"12" in content
    if form == "CSV":
        assert b'"2026-04-01";"12,50"' in content
    wrong = body | {"date_end": "9999-99-99"}
    assert refusal(lambda: visitor.call("POST", path, wrong))[0] == 400


PERIODS = {
    "whole life": ("2023-01-01", "2026-12-31"),
    "a month": ("2026-02-01", "2026-02-28"),
    "a day without a booking": ("2023-01-01", "2023-01-01"),
}


def pdf_text(content: bytes) -> str:
    """Read a PDF as a program of somebody else does."""
    return "\n".join(page.extract_text() for page in PdfReader(io.BytesIO(content)).pages)


def paper(visitor: Visitor, path: str, body: Any) -> bytes:
    """Ask for a paper and give its file."""
    number = visitor.create(path, body)
    where = path.replace("-csv", "").replace("-pdf", "")
    content: bytes = visitor.call("GET", f"{where}/{number}/content").exchange.answer_body
    return content


def statement(
    visitor: Visitor,
    form: str,
    *,
    period: tuple[str, str] = PERIODS["whole life"],
    region: str | None = "EUROPEAN",
) -> bytes:
    """Give a statement of a visitor's account."""
    body = {
        "statement_format": form,
        "date_start": period[0],
        "date_end": period[1],
        "regional_format": region,
    }
    return paper(visitor, f"{visitor.account}/customer-statement", body)


# The demo world


@pytest.fixture(scope="module")
def demo() -> bunqkit.Context:
    """Give the demo person, whose bank's clock stands still."""
    bank = Bank(clock=Clock(tick=Frozen()))
    return bunqkit.connect(bank=bank, api_key=bank.demo_key)


def told(demo: bunqkit.Context, account: int, form: str, period: tuple[str, str]) -> str:
    """Ask for a statement of one of the demo person's accounts, and read it."""
    made = demo.call(
        "customer-statement.create",
        account=account,
        statement_format=form,
        date_start=period[0],
        date_end=period[1],
        regional_format="UK_US",
    )
    number = made.first("Id")["id"]
    content = demo.download("customer-statement.content", number, account=account)
    return bytes(content).decode()


def oldest_first(demo: bunqkit.Context, account: int, period: tuple[str, str]) -> pd.DataFrame:
    """Give the payments of a period as the kit reads them, in the order of a statement."""
    after = (date.fromisoformat(period[1]) + pd.Timedelta(days=1)).isoformat()[:10]
    frame = demo.payments(since=period[0], until=after, account=account)
    return frame.sort_values("id").reset_index(drop=True)


@pytest.mark.parametrize("period", PERIODS.values(), ids=PERIODS)
def test_csv_of_every_account_is_its_payments(
    demo: bunqkit.Context, period: tuple[str, str]
) -> None:
    """Row for row: day, amount, both accounts, name and description."""
    account: Any
    for account in demo.accounts().itertuples():
        rows = list(csv.DictReader(io.StringIO(told(demo, account.id, "CSV", period))))
        payments = oldest_first(demo, account.id, period)
        cents = [int(Decimal(row["Amount"]) * 100) for row in rows]
        assert cents == payments["amount_cents"].tolist()
        days = payments["created"].dt.tz_convert("Europe/Amsterdam").dt.strftime("%Y-%m-%d")
        assert [row["Date"] for row in rows] == days.tolist()
        assert {row["Account"] for row in rows} <= {account.iban}
        for column, name in (
            ("Name", "counterparty"),
            ("Description", "description"),
            ("Counterparty", "counterparty_iban"),
        ):
            assert [row[column] for row in rows] == payments[name].fillna("").tolist()


@pytest.mark.parametrize("period", PERIODS.values(), ids=PERIODS)
def test_mt940_of_every_account_is_its_payments(
    demo: bunqkit.Context, period: tuple[str, str]
) -> None:
    """Row for row by another's parser, and opening and mutations make the closing balance."""
    account: Any
    for account in demo.accounts().itertuples():
        parsed = mt940.models.Transactions()
        parsed.parse(told(demo, account.id, "MT940", period))
        payments = oldest_first(demo, account.id, period)
        rows = [each.data for each in parsed if "amount" in each.data]
        assert [int(row["amount"].amount * 100) for row in rows] == payments[
            "amount_cents"
        ].tolist()
        assert [int(row["bank_reference"]) for row in rows] == payments["id"].tolist()
        assert {row["currency"] for row in rows} <= {account.currency}
        days = payments["created"].dt.tz_convert("Europe/Amsterdam").dt.date
        assert [row["date"] for row in rows] == days.tolist()
        assert parsed.data["account_identification"] == account.iban
        opening = parsed.data["final_opening_balance"].amount.amount
        closing = parsed.data["final_closing_balance"].amount.amount
        assert opening + sum(row["amount"].amount for row in rows) == closing
        if len(payments):
            assert closing == Decimal(str(payments["balance_after"].iloc[-1]))
        if period == PERIODS["whole life"]:
            assert (opening, int(closing * 100)) == (0, account.balance_cents)


def test_pdf_of_an_account_has_every_booking(demo: bunqkit.Context) -> None:
    """More than a page can hold: each amount is there, with opening and closing balance."""
    account = demo.accounts().iloc[-1]
    made = demo.call(
        "customer-statement.create",
        account=int(account["id"]),
        statement_format="PDF",
        date_start="2023-01-01",
        date_end="2026-12-31",
    )
    number = made.first("Id")["id"]
    content = demo.download("customer-statement.content", number, account=int(account["id"]))
    assert content.media_type == "application/pdf"
    text = pdf_text(content)
    payments = oldest_first(demo, int(account["id"]), PERIODS["whole life"])
    lines = [line.split() for line in text.splitlines() if line.startswith("20")]
    assert [int(Decimal(line[1]) * 100) for line in lines] == payments["amount_cents"].tolist()
    assert len(PdfReader(io.BytesIO(content)).pages) > 1
    assert f"{account['balance_cents'] / 100:.2f}" in text.splitlines()[-1]


def test_annual_overview_agrees_with_the_books(demo: bunqkit.Context) -> None:
    """What stands on each account before and after a year, and what came and went."""
    made = demo.call("export-annual-overview.create", year=2025)
    number = made.first("Id")["id"]
    text = pdf_text(demo.download("export-annual-overview.content", number))
    savings = [each["id"] for each in demo.call("monetary-account-savings.list").items]
    account: Any
    for account in demo.accounts().itertuples():
        part = text[text.index(account.iban) :].splitlines()[1:6]
        values = [int(Decimal(line.split()[-1]) * 100) for line in part]
        cents = oldest_first(demo, account.id, ("2025-01-01", "2025-12-31"))["amount_cents"]
        assert values[1] - values[0] == values[2] + values[3] == cents.sum()
        assert (values[2], values[3]) == (cents[cents > 0].sum(), cents[cents < 0].sum())
        assert (values[4] > 0) == (account.id in savings)
    for year in (2026, 1999, 3000):
        told = refusal(lambda y=year: demo.call("export-annual-overview.create", year=y))
        assert told[0] == 400
        assert str(year) in told[1]


# Papers of a visitor, through both doors


def test_statements_are_listed_numbered_and_thrown_away(visitor: Visitor) -> None:
    """A statement has a number of its account, can be read again, and is gone when deleted."""
    visitor.top_up("12.50")
    assert statement(visitor, "MT940") != statement(visitor, "MT940")
    path = f"{visitor.account}/customer-statement"
    listed = visitor.call("GET", path).items
    assert [each["statement_number"] for each in listed] == [2, 1]
    assert {each["status"] for each in listed} == {"COMPLETED"}
    assert listed[0]["alias_monetary_account"]["iban"]
    one = f"{path}/{listed[0]['id']}"
    assert visitor.call("GET", f"{one}/content").exchange.is_verified
    visitor.call("DELETE", one)
    assert refusal(lambda: visitor.call("GET", f"{one}/content"))[0] == 404


def test_a_statement_stays_as_it_was_made(visitor: Visitor) -> None:
    """What is booked later, on the same day too, is not in a statement that was made before."""
    visitor.top_up("12.50")
    path = f"{visitor.account}/customer-statement"
    today = {"date_start": "2026-04-01", "date_end": "2026-04-01"}
    number = visitor.create(path, {"statement_format": "MT940", **today})
    before = visitor.call("GET", f"{path}/{number}/content").exchange.answer_body
    visitor.top_up("1.25")
    assert visitor.call("GET", f"{path}/{number}/content").exchange.answer_body == before
    assert b"12,50" in before
    assert b"13,75" in statement(visitor, "MT940")


ODD = 'Crème brûlée; "2 x" €5,-\r\n:61: -end- (a\\b) 東京 ' + "long " * 30


@pytest.mark.parametrize(
    ("region", "delimiter", "point"), [("EUROPEAN", ";", ","), ("UK_US", ",", ".")]
)
def test_csv_keeps_every_letter(visitor: Visitor, region: str, delimiter: str, point: str) -> None:
    """Quotes, line ends, delimiters and letters of all scripts come back as they were paid."""
    visitor.top_up()
    visitor.create(f"{visitor.account}/payment", payment("bravo@bunq.com", description=ODD))
    text = statement(visitor, "CSV", region=region).decode()
    rows = list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter))
    assert rows[-1][-1] == ODD
    assert rows[-1][2] == f"-10{point}00"
    assert len(rows) == 3


def test_mt940_survives_every_letter(visitor: Visitor) -> None:
    """Letters that SWIFT lacks are replaced, and no description can forge a line."""
    visitor.top_up()
    visitor.create(f"{visitor.account}/payment", payment("bravo@bunq.com", description=ODD))
    text = statement(visitor, "MT940").decode("ascii")
    assert all(len(line.removeprefix(":86:")) <= 65 for line in text.splitlines())
    parsed = mt940.models.Transactions()
    parsed.parse(text)
    assert [str(each.data["amount"].amount) for each in parsed] == ["500.00", "-10.00"]
    assert "Creme brulee" in parsed[-1].data["transaction_details"]


def test_pdf_survives_every_letter(visitor: Visitor) -> None:
    """Brackets and backslashes are no commands; letters that the font lacks are question marks."""
    visitor.top_up()
    odd = "(a\\b) é € 東"
    visitor.create(f"{visitor.account}/payment", payment("bravo@bunq.com", description=odd))
    assert "(a\\b) é € ?" in pdf_text(statement(visitor, "PDF"))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"statement_format": "CAMT"}, "CAMT"),
        ({"regional_format": None}, "regional_format"),
        ({"regional_format": "MARTIAN"}, "MARTIAN"),
        ({"date_start": "2026-02-30"}, "date_start"),
        ({"date_start": "2026-05-01"}, "after"),
    ],
    ids=str,
)
def test_wrong_statements_are_refused(visitor: Visitor, change: dict[str, Any], words: str) -> None:
    """A format that bunq has not, a table without its region, days that are none."""
    body = {
        "statement_format": "CSV",
        "date_start": "2026-04-01",
        "date_end": "2026-04-30",
        "regional_format": "EUROPEAN",
    }
    path = f"{visitor.account}/customer-statement"
    status, text = refusal(lambda: visitor.call("POST", path, body | change))
    assert (status, words in text) == (400, True)


def test_card_statement_is_what_the_card_paid(visitor: Visitor) -> None:
    """Purchases and refunds of one card, in both forms; other payments are left out."""
    visitor.top_up()
    user = f"/user/{visitor.session.user_id}"
    name = visitor.call("GET", f"{user}/card-name").item["possible_card_name_array"][0]
    order = {
        "type": "MASTERCARD",
        "product_type": "MASTERCARD_DEBIT",
        "second_line": "mine",
        "name_on_card": name,
    }
    card = visitor.call("POST", f"{user}/card-debit", order).item["id"]
    visitor.call("PUT", f"{user}/card/{card}", {"status": "ACTIVE", "activation_code": "1"})
    bank = visitor.door.bank
    action = bank.use_card(card, CardUse(12_34, "Buurtsuper"))
    bank.use_card(card, CardUse(99_999_99, "Too dear"))
    bank.give_back(action, cents=2_34)
    visitor.create(f"{visitor.account}/payment", payment("bravo@bunq.com"))
    days = {"date_start": "2026-04-01", "date_end": "2026-04-30"}
    path = f"{user}/card/{card}/export-statement-card"
    text = paper(visitor, f"{path}-csv", days | {"regional_format": "UK_US"}).decode()
    rows = list(csv.DictReader(io.StringIO(text)))
    assert [(row["Amount"], row["Name"]) for row in rows] == [
        ("-12.34", "Buurtsuper"),
        ("2.34", "Buurtsuper"),
    ]
    text = pdf_text(paper(visitor, f"{path}-pdf", days))
    assert text.splitlines()[-1].split() == ["Total", "-10.00"]
    assert {each["card_id"] for each in visitor.call("GET", path).items} == {card}
    before = {"date_start": "2026-03-01", "date_end": "2026-03-31", "regional_format": "UK_US"}
    assert len(paper(visitor, f"{path}-csv", before).splitlines()) == 1
    assert set(bank.ledger.imbalance().values()) == {0}


def test_a_payment_has_a_paper_of_its_own(visitor: Visitor) -> None:
    """Its statement hangs under its event and tells amount, names and description."""
    visitor.top_up()
    visitor.create(f"{visitor.account}/payment", payment("bravo@bunq.com", description="rent"))
    event = visitor.call("GET", f"/user/{visitor.session.user_id}/event").items[0]["id"]
    path = f"{visitor.account}/event/{event}/statement"
    number = visitor.create(path, {})
    assert visitor.call("GET", f"{path}/{number}").item["status"] == "COMPLETED"
    text = pdf_text(visitor.call("GET", f"{path}/{number}/content").exchange.answer_body)
    for words in ("Statement of Payment", "-10.00 EUR", "B. Varb", "rent"):
        assert words in text


def test_bank_details_tell_where_to_pay(visitor: Visitor) -> None:
    """The paper has the IBAN and who holds the account."""
    text = pdf_text(paper(visitor, f"{visitor.account}/export-rib", {}))
    iban = visitor.call("GET", visitor.account).item["alias"][0]
    assert iban["value"] in text
    assert iban["name"] in text


def test_others_papers_are_not_found(visitor: Visitor) -> None:
    """A statement is its owner's: by no other account's path is it found."""
    other = Visitor(visitor.door, visitor.installation.key)
    path = f"{visitor.account}/customer-statement"
    days = {"date_start": "2026-04-01", "date_end": "2026-04-30"}
    number = visitor.create(path, {"statement_format": "PDF", **days})
    for stolen in (path, f"{other.account}/customer-statement"):
        assert refusal(lambda p=stolen: other.call("GET", f"{p}/{number}/content"))[0] == 404
