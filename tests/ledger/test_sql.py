"""SQL over the tables of a ledger, by both engines."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pandas as pd
import pytest

from bunqkit.errors import FieldError
from bunqkit.ledger.ledger import Ledger


@pytest.fixture
def ledger(demo_ledger: Ledger) -> Ledger:
    """Return a ledger that has everything."""
    return demo_ledger


@pytest.fixture(params=["duckdb", "sqlite"])
def ask(
    request: pytest.FixtureRequest, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> Callable[[str], pd.DataFrame]:
    """Return ``sql`` by either engine."""
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
