"""Tables of a ledger: those that the bank itself would give, then and now."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import partial
from pathlib import Path

import pandas as pd
import pytest

import bunqkit
from bunqkit.errors import FieldError, UnknownNameError
from bunqkit.ledger.column_cache import ColumnCache
from bunqkit.ledger.ledger import Ledger
from bunqkit.ledger.page_writer import write_page
from bunqkit.ledger.store import Item
from bunqkit.sandbox import Bank


@pytest.fixture(scope="module")
def bunq() -> Iterator[bunqkit.Context]:
    """Give the demo person; nothing is changed in this file."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BUNQ_ENVIRONMENT", "OFFLINE")
        bank = Bank()
        context = bunqkit.connect(bank=bank, api_key=bank.demo_key)
    yield context
    context.close()
    bank.close()


@pytest.fixture(scope="module")
def ledger(bunq: bunqkit.Context, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ledger]:
    """Give a ledger that has everything."""
    with Ledger(tmp_path_factory.mktemp("books") / "ledger.sqlite") as made:
        made.sync(bunq)
        yield made


@pytest.mark.parametrize(
    "bounds",
    [
        {},
        {"since": "2026-03-01"},
        {"since": date(2025, 3, 1), "until": datetime(2025, 6, 1, tzinfo=UTC)},
        {"account": "Holiday"},
        {"account": "Main account", "since": "2026-01-01", "max_rows": 7},
        {"max_rows": 25},
        {"max_rows": 0},
        {"until": "2020-01-01"},
    ],
    ids=str,
)
def test_payments_are_those_of_the_bank(
    bunq: bunqkit.Context, ledger: Ledger, bounds: dict[str, object]
) -> None:
    """Equal in every value and dtype, and as complete."""
    live, kept = bunq.payments(**bounds), ledger.payments(**bounds)  # type: ignore[arg-type]
    pd.testing.assert_frame_equal(kept, live)
    told, said = kept.attrs["bunqkit"], live.attrs["bunqkit"]
    assert {name: told[name] for name in ("accounts", "rows", "complete", "cut_by")} == {
        name: said[name] for name in ("accounts", "rows", "complete", "cut_by")
    }


def test_accounts_are_those_of_the_bank(bunq: bunqkit.Context, ledger: Ledger) -> None:
    """Equal in every value and dtype."""
    pd.testing.assert_frame_equal(ledger.accounts(), bunq.accounts())


FRAMES = [
    # Each list by default in one form of money, the next in the next form.
    pytest.param(operation, money, marks=[] if (at + form) % 3 == 0 else pytest.mark.slow)
    for at, operation in enumerate([
        "payment.list", "mastercard-action.list", "request-inquiry.list", "request-response.list",
        "card.list", "event.list", "monetary-account.list",
    ])
    for form, money in enumerate(["float", "decimal", "cents"])
]  # fmt: skip


@pytest.mark.parametrize(("operation", "money"), FRAMES)
def test_frames_are_those_of_the_bank(
    bunq: bunqkit.Context, ledger: Ledger, operation: str, money: str
) -> None:
    """Every field of every item, and how each was written."""
    live = bunq.frame(operation, money=money)  # type: ignore[arg-type]
    kept = ledger.frame(operation, money=money)  # type: ignore[arg-type]
    pd.testing.assert_frame_equal(kept, live)
    assert bunqkit.to_items(kept) == bunqkit.to_items(live)


def test_a_frame_of_some_rows_says_that_it_is_cut(ledger: Ledger) -> None:
    """As the live one does."""
    frame = ledger.frame("event.list", max_rows=3)
    assert len(frame) == 3
    assert frame.attrs["bunqkit"]["cut_by"] == "max_rows"


def test_a_frame_of_all_accounts(bunq: bunqkit.Context, ledger: Ledger) -> None:
    """One table of what is asked for account by account."""
    frame = ledger.frame("payment.list", account="all")
    assert set(frame["id"]) == set(bunq.payments()["id"])


def test_what_is_not_followed_is_said(ledger: Ledger) -> None:
    """With the call that helps."""
    with pytest.raises(UnknownNameError, match=r"ledger\.follow\('invoice\.list'\)"):
        ledger.frame("invoice.list")
    with pytest.raises(FieldError, match="max_rows is -1"):
        ledger.payments(max_rows=-1)


def test_an_empty_ledger_is_not_complete(tmp_path: Path) -> None:
    """It has the tables, says that they prove nothing, and refuses what needs an account."""
    with Ledger(tmp_path / "empty.sqlite") as empty:
        payments = empty.payments()
        assert len(payments) == 0
        assert payments.attrs["bunqkit"]["complete"] is False
        assert len(empty.balances(daily=True)) == 0
        assert "not complete" in repr(empty)
        with pytest.raises(bunqkit.FrameError, match="cut by sync"):
            bunqkit.reconcile(payments, empty.accounts())
        with pytest.raises(UnknownNameError, match="sync"):
            empty.frame("payment.list")


def test_balances_now_are_those_of_the_accounts(bunq: bunqkit.Context, ledger: Ledger) -> None:
    """One row an account."""
    live, kept = bunq.accounts(), ledger.balances()
    assert kept["balance_cents"].tolist() == live["balance_cents"].tolist()


def test_balances_of_every_day(bunq: bunqkit.Context, ledger: Ledger) -> None:
    """The sum of all that was booked up to the end of a day in Amsterdam, on every day."""
    daily = ledger.balances(daily=True)
    payments = bunq.payments()
    payments["day"] = payments["created"].dt.tz_convert("Europe/Amsterdam").dt.date
    for account_id, part in daily.groupby("account_id"):
        own = payments[payments["account_id"] == account_id]
        booked = own.groupby("day")["amount_cents"].sum()
        days = part["date"].dt.date.tolist()
        assert days == pd.date_range(own["day"].min(), payments["day"].max()).date.tolist()
        expected = booked.reindex(days, fill_value=0).cumsum()
        assert part["balance_cents"].tolist() == expected.tolist()
    assert daily.attrs["bunqkit"]["complete"] is True


def test_the_books_as_they_were_known(bank: Bank, tmp_path: Path) -> None:
    """What was corrected or came later is not in them; a date is the end of a day in Amsterdam."""
    bunq = bunqkit.connect(bank=bank, api_key=bank.demo_key)
    now = [datetime(2026, 4, 1, 9, 0, tzinfo=UTC)]
    ledger = Ledger(tmp_path / "ledger.sqlite", clock=lambda: now[0])
    ledger.sync(bunq)
    first = {"payments": ledger.payments(), "balances": ledger.balances()}
    actions = ledger.frame("mastercard-action.list")
    now[0] += timedelta(days=10)
    bunq.pay("1.00", "bravo@bunq.com", "later")
    bank.give_back(int(actions["id"].iloc[0]), reverse=True)
    ledger.sync(bunq)
    for day in ("2026-04-01", "2026-04-10T23:59:59", date(2026, 4, 10), now[0] - timedelta(1)):
        books = ledger.as_of(day)
        pd.testing.assert_frame_equal(books.payments(), first["payments"])
        pd.testing.assert_frame_equal(books.balances(), first["balances"])
        pd.testing.assert_frame_equal(books.frame("mastercard-action.list"), actions)
        assert books.payments().attrs["bunqkit"]["complete"]
        assert bunqkit.reconcile(books.payments(), books.accounts())
    for day in ("2026-04-11", now[0]):
        pd.testing.assert_frame_equal(ledger.as_of(day).payments(), ledger.payments())
    number = int(actions["id"].iloc[0])
    query = f"SELECT seen, until, raw FROM versions WHERE id = {number} AND type LIKE 'Master%'"
    versions = ledger.sql(query)
    assert versions["seen"].tolist() == [now[0] - timedelta(days=10), now[0]]
    assert versions["until"].tolist() == [now[0], pd.NaT]
    assert ["REVERSED" in raw for raw in versions["raw"]] == [False, True]
    then = ledger.as_of("2026-04-05").sql(query)
    assert then["until"].tolist() == [pd.NaT]
    assert "REVERSED" not in then["raw"].iloc[0]
    early = ledger.as_of("2026-03-31").payments()
    assert (len(early), early.attrs["bunqkit"]["complete"]) == (0, False)
    assert len(ledger.payments()) == len(first["payments"]) + 2


def check_tables(ledger: Ledger, bunq: bunqkit.Context, *, events: bool) -> None:
    """Insist that tables are those of the bank, read for the first time and once more."""
    since = {"since": "2026-01-01", "until": "2026-03-01"}
    live = [
        (ledger.payments, bunq.payments()),
        (partial(ledger.payments, **since), bunq.payments(**since)),
        (partial(ledger.frame, "mastercard-action.list"), bunq.frame("mastercard-action.list")),
    ]
    if events:
        live += [
            (ledger.events, bunq.events()),
            (partial(ledger.frame, "payment.list"), bunq.frame("payment.list")),
            (partial(ledger.frame, "event.list"), bunq.frame("event.list")),
        ]
    for _ in range(2):
        for kept, frame in live:
            pd.testing.assert_frame_equal(kept(), frame)


@pytest.mark.slow
@pytest.mark.parametrize("events", [False, True])
def test_columns_that_were_kept_are_as_good(
    bank: Bank, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, events: bool
) -> None:
    """Many items are read from columns the next time; what changes is read anew."""
    monkeypatch.setattr("bunqkit.ledger.stored_pages._SEGMENT", 50)
    monkeypatch.setattr("bunqkit.ledger.stored_pages._PAGE", 10)
    bunq = bunqkit.connect(bank=bank, api_key=bank.demo_key)
    with Ledger(tmp_path / "ledger.sqlite") as ledger:

        def count() -> int:
            return int(ledger._store.rows("SELECT COUNT(*) AS number FROM segment")[0]["number"])

        ledger.sync(bunq)
        check_tables(ledger, bunq, events=events)
        before = count()
        assert before > 20
        bunq.pay("1.00", "bravo@bunq.com", "new")
        bank.give_back(int(bunq.frame("mastercard-action.list")["id"].iloc[60]), reverse=True)
        ledger.sync(bunq)
        assert 0 < before - count() <= 2
        check_tables(ledger, bunq, events=events)
        bunq.call("user-person.update", bunq.user_id, public_nick_name="Somebody Else")
        ledger.sync(bunq)
        check_tables(ledger, bunq, events=events)


def test_columns_are_not_kept_of_a_list_that_changed_meanwhile(
    ledger: Ledger, bunq: bunqkit.Context
) -> None:
    """They would be of what is no longer so."""
    listing = ledger._store.listing("event.list")
    old = replace(listing, changes=listing.changes - 1)
    cache = ColumnCache(ledger._store)
    cache.add(old, 1, 2, b"")
    assert cache.spans(listing) == []


@pytest.fixture(params=["duckdb", "sqlite"])
def ask(
    request: pytest.FixtureRequest, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> Callable[[str], pd.DataFrame]:
    """Give ``sql`` by either engine."""
    if request.param == "sqlite":
        monkeypatch.setitem(sys.modules, "duckdb", None)
    return ledger.sql


def test_sql_reads_every_table(ledger: Ledger, ask: Callable[[str], pd.DataFrame]) -> None:
    """With the columns of the tables and all their rows."""
    for name in ("accounts", "payments", "money_requests", "cards", "card_transactions", "events"):
        frame = getattr(ledger, name)()
        answer = ask(f"SELECT * FROM {name}")
        assert answer.columns.tolist() == frame.columns.tolist()
        assert len(answer) == len(frame)
    raw = ask("SELECT raw FROM items WHERE type = 'Payment'")["raw"]
    assert len(raw) == len(ledger.payments())


def test_sql_is_exact(ledger: Ledger, ask: Callable[[str], pd.DataFrame]) -> None:
    """Every amount is the bank's, none a float; and so is a sum of cents."""
    answer = ask("SELECT amount, balance_after FROM payments ORDER BY id DESC")
    frame = ledger.frame("payment.list", account="all", money="decimal").sort_values("id")[::-1]
    for name, field in (("amount", "amount"), ("balance_after", "balance_after_mutation")):
        assert [Decimal(value) for value in answer[name]] == frame[f"{field}.value"].tolist()
        assert not any(isinstance(value, float) for value in answer[name])
    total = ask("SELECT SUM(amount_cents) AS total FROM payments")["total"].iloc[0]
    assert int(total) == ledger.payments()["amount_cents"].sum()


def test_duckdb_sums_decimals(ledger: Ledger) -> None:
    """A sum of DECIMAL is one."""
    total = ledger.sql("SELECT SUM(amount) AS total FROM payments")["total"].iloc[0]
    assert total == Decimal(int(ledger.payments()["amount_cents"].sum())).scaleb(-2)


def test_a_query_that_makes_no_sense(ask: Callable[[str], pd.DataFrame]) -> None:
    """The error is the kit's, and names tables and columns."""
    with pytest.raises(FieldError, match=r"The tables are accounts, .* payments: id, created"):
        ask("SELECT amounts FROM payments")
    with pytest.raises(FieldError, match="The tables are accounts"):
        ask("SELECT * FROM payment")


CLOSED = {
    "duckdb": [
        "SELECT * FROM read_text('{file}')", "FROM '{file}'", "SELECT * FROM read_csv('{file}')",
        "SELECT * FROM read_blob('{file}')", "SELECT * FROM glob('{folder}/*')",
        "SELECT * FROM sniff_csv('{file}')", "SELECT * FROM parquet_metadata('{file}')",
        "SELECT * FROM query_table('{file}')", "SELECT * FROM query('FROM ''{file}''')",
        "PIVOT '{file}' ON column0 USING count(*)", "SUMMARIZE '{file}'",
        "EXPLAIN ANALYZE SELECT * FROM read_text('{file}')", "COPY payments TO '{folder}/new'",
        "COPY (SELECT 1) TO '{folder}/new'", "EXPORT DATABASE '{folder}/new'",
        "IMPORT DATABASE '{folder}'", "ATTACH '{folder}/new'", "ATTACH ':memory:' AS other",
        "INSTALL httpfs", "LOAD httpfs", "LOAD '{file}'", "CREATE SECRET s (TYPE S3)",
        "SET profiling_output = '{folder}/new'", "PRAGMA enable_profiling = 'json'",
        "SET enable_external_access = true", "RESET lock_configuration", "PRAGMA database_size",
        "CALL enable_logging('QueryLog', storage = 'file', storage_path = '{folder}/new')",
        "SELECT 1; COPY payments TO '{folder}/new'", "CREATE TABLE kept AS SELECT 1", "CHECKPOINT",
        "SELECT * FROM query", "SELECT * FROM tables",
    ],
    "sqlite": [
        "ATTACH '{folder}/new' AS other", "VACUUM INTO '{folder}/new'", "PRAGMA database_list",
        "PRAGMA temp_store_directory = '{folder}'", "SELECT load_extension('{file}')",
        "SELECT * FROM pragma_database_list", "SELECT readfile('{file}')", "DETACH main",
        "SELECT writefile('{folder}/new', 'x')", "CREATE TABLE kept AS SELECT 1", "REINDEX",
        "CREATE VIRTUAL TABLE kept USING fts5(x)", "DELETE FROM payments", "BEGIN", "ANALYZE",
        "SELECT 1; SELECT 2",
    ],
}  # fmt: skip


@pytest.mark.parametrize("engine", CLOSED)
def test_sql_reads_its_tables_and_nothing_else(
    ledger: Ledger, tmp_path: Path, engine: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No query reads or writes a file, changes a setting, or opens another database."""
    if engine == "sqlite":
        monkeypatch.setitem(sys.modules, "duckdb", None)
    folder = tmp_path / "mine"
    folder.mkdir()
    file = folder / "diary.csv"
    file.write_text("a,b\nmine,mine\n")
    for query in CLOSED[engine]:
        with pytest.raises(FieldError, match="reads these tables and nothing else") as refusal:
            ledger.sql(query.format(file=file, folder=folder))
        assert "mine,mine" not in str(refusal.value), query
    assert [each.name for each in folder.iterdir()] == ["diary.csv"]


@pytest.mark.parametrize(
    "query",
    ["SELECT '\ud800'", "SELECT 1 \x00 FROM", "", "-- nothing", "(" * 50_000, b"SELECT 1", None],
    ids=range(7),
)
def test_sql_refuses_what_is_no_query(ask: Callable[[str], pd.DataFrame], query: str) -> None:
    """The error is the kit's, whatever is given."""
    with pytest.raises(FieldError):
        ask(query)


def test_sql_has_an_end(
    ask: Callable[[str], pd.DataFrame], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A query that would run for ever, or whose answer fits into no memory, is stopped."""
    endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT {} FROM n"
    with monkeypatch.context() as patch:
        patch.setattr("bunqkit.ledger.sql._MAX_S", 0.2)
        with pytest.raises(FieldError, match="took longer than"):
            ask(endless.format("COUNT(*)"))
    monkeypatch.setattr("bunqkit.ledger.sql._MAX_BYTES", 1_000_000)
    with pytest.raises(FieldError, match="more than 1,000,000 bytes"):
        ask("SELECT a.raw FROM items a, items b")


def test_sql_can_be_interrupted(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C stops SQLite at once, which by itself would not hear it."""
    monkeypatch.setitem(sys.modules, "duckdb", None)
    monkeypatch.setattr("bunqkit.ledger.sql._MAX_S", 30.0)
    press = threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT))
    press.start()
    with pytest.raises(KeyboardInterrupt):
        ledger.sql(
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT MAX(i) FROM n"
        )


def test_sql_takes_every_text(ask: Callable[[str], pd.DataFrame]) -> None:
    """Whatever stands in a text, it is text."""
    told = ask("SELECT '; DROP TABLE payments; --' AS a, '/etc/passwd' AS b, 'x''y' AS c")
    assert told.iloc[0].tolist() == ["; DROP TABLE payments; --", "/etc/passwd", "x'y"]


@pytest.mark.slow
def test_the_clock_may_be_moved_back(bank: Bank, tmp_path: Path) -> None:
    """Nothing is in the books twice, nothing is missing unsaid, nothing is known too early."""
    bunq = bunqkit.connect(bank=bank, api_key=bank.demo_key)
    now = [datetime(2026, 4, 1, tzinfo=UTC)]
    days = [5, 10, 3, 7, 1, 12, 20]
    known: list[list[str]] = []
    request = 0
    with Ledger(tmp_path / "ledger.sqlite", clock=lambda: now[0]) as ledger:
        for day in days:
            now[0] = datetime(2026, 4, day, tzinfo=UTC)
            if request:
                bunq.call("request-inquiry.update", request, status="REVOKED")
            request = int(bunq.request_money("1.00", "bravo@bunq.com", "tea")["id"])
            ledger.sync(bunq, progress=False)
            known.append(ledger.frame("request-inquiry.list")["status"].tolist())
        # A sync counts from the latest day that one before it had.
        counts_from = [max(days[: at + 1]) for at in range(len(days))]
        for day in range(1, 25):
            books = ledger.as_of(datetime(2026, 4, day, 12, tzinfo=UTC))
            requests = books.frame("request-inquiry.list", account="all")
            assert requests["id"].is_unique
            told = requests.attrs["bunqkit"]
            syncs = sum(each <= day for each in counts_from)
            assert requests["status"].tolist() == (known[syncs - 1] if syncs else [])
            assert told["complete"] or day < 12
            assert (told["complete_until"] or "") <= f"2026-04-{day:02} 12"
        assert ledger.as_of("2026-04-30").payments().attrs["bunqkit"]["complete_until"] == (
            "2026-04-20 00:00:00.000000"
        )


def test_two_versions_of_one_instant_are_read_as_one(ledger: Ledger, tmp_path: Path) -> None:
    """An earlier version kept such where the clock was moved back."""
    with Ledger(tmp_path / "ledger.sqlite") as old:
        store = old._store
        listing = store.listing("card.list")
        write_page(
            store, listing, [Item(7, "Card", {"id": 7, "name": "new"})],
            above=None, below=None, seen="2026-04-03", cursor={"top": 7},
        )  # fmt: skip
        store.run(
            "INSERT INTO earlier VALUES (:n, 7, 'Card', NULL, NULL, '2026-04-05', '2026-04-10', "
            """'{"id": 7, "name": "old"}')""",
            {"n": listing.number},
        )
        rows = list(store.items(listing, at="2026-04-07"))
        assert [row["id"] for row in rows] == [7]
