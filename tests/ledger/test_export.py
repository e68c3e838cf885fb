"""Files for other programs: they hold the same payments, to the cent, and say if all are there."""

from __future__ import annotations

import csv
import json
import os
import re
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from packaging.version import Version

import bunqkit
from bunqkit.errors import FieldError, FrameError, StateError
from bunqkit.ledger import export as exports
from bunqkit.ledger.export import export_tables
from bunqkit.ledger.ledger import Ledger
from bunqkit.sandbox import Bank


@pytest.fixture(scope="module")
def world() -> Iterator[bunqkit.Context]:
    """Return the demo person; nothing is changed in this file."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BUNQ_ENVIRONMENT", "OFFLINE")
        bank = Bank()
        bunq = bunqkit.connect(bank=bank, api_key=bank.demo_key)
    yield bunq
    bunq.close()
    bank.close()


@pytest.fixture(scope="module")
def ledger(world: bunqkit.Context, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ledger]:
    """Return a ledger that has everything."""
    with Ledger(tmp_path_factory.mktemp("exports") / "ledger.sqlite") as made:
        made.sync(world)
        yield made


def check(path: Path) -> subprocess.CompletedProcess[str]:
    """Run ``bean-check``."""
    tool = Path(sys.executable).parent / "bean-check"
    if not tool.exists():
        pytest.skip("beancount is not installed")
    return subprocess.run([tool, path], capture_output=True, text=True, check=False, timeout=120)


def test_beancount_takes_the_whole_demo_world(
    ledger: Ledger, world: bunqkit.Context, tmp_path: Path
) -> None:
    """bean-check has nothing to say, and every balance is the bank's."""
    loader = pytest.importorskip("beancount.loader")
    realization = pytest.importorskip("beancount.core.realization")
    file = tmp_path / "demo.beancount"
    assert ledger.export(file, "beancount").complete
    done = check(file)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")
    entries, errors, _ = loader.load_file(str(file))
    assert errors == []
    tree = realization.realize(entries)
    for account in world.accounts().to_dict("records"):
        own = realization.get(tree, f"Assets:Bunq:{account['id']}")
        assert own.balance.get_currency_units("EUR").number == Decimal(
            account["balance_cents"]
        ).scaleb(-2)
    ids = {entry.meta["bunq-id"] for entry in entries if "bunq-id" in entry.meta}
    assert ids == set(world.payments()["id"].astype(str))
    transfers = realization.get(tree, "Equity:Transfers").balance
    assert transfers.is_empty()


def test_beancount_notices_what_is_missing(ledger: Ledger, tmp_path: Path) -> None:
    """The balances in the file are the bank's own, not sums of what is there."""
    payments = ledger.payments()
    spoilt = payments.drop(index=payments.index[100])
    spoilt.attrs = payments.attrs
    export_tables(spoilt, ledger.accounts(), tmp_path / "spoilt.beancount", "beancount")
    done = check(tmp_path / "spoilt.beancount")
    assert done.returncode == 1
    assert "Balance failed" in done.stdout + done.stderr


def test_beancount_of_a_year_opens_with_its_balances(ledger: Ledger, tmp_path: Path) -> None:
    """What was there before stands against an opening balance."""
    part = ledger.payments(since="2025-01-01", until="2026-01-01")
    export_tables(part, ledger.accounts(), tmp_path / "year.beancount", "beancount")
    assert check(tmp_path / "year.beancount").returncode == 0


ODD = ['say "tea"', "back\\slash", "two\nlines", "tab\there", "; no comment", "é漢字🙂", "\x00", ""]


def test_beancount_takes_odd_texts(ledger: Ledger, tmp_path: Path) -> None:
    """Whatever people write, it is one text on one line."""
    loader = pytest.importorskip("beancount.loader")
    payments = ledger.payments().head(len(ODD)).copy()
    payments["description"] = ODD
    payments["counterparty"] = ODD
    export_tables(payments, ledger.accounts(), tmp_path / "odd.beancount", "beancount")
    entries, _, _ = loader.load_file(str(tmp_path / "odd.beancount"))
    told = {entry.meta["bunq-id"]: entry for entry in entries if "bunq-id" in entry.meta}
    for number, text in zip(payments["id"].astype(str), ODD, strict=True):
        assert told[number].narration == re.sub(r"[\x00-\x1f]", " ", text)
        assert (told[number].payee or "") == re.sub(r"[\x00-\x1f]", " ", text)


def test_csv_is_exact(ledger: Ledger, tmp_path: Path) -> None:
    """Amounts as the bank writes them, ids and cents as whole numbers, one line a payment."""
    export = ledger.export(tmp_path, "csv")
    payments = ledger.payments()
    read = pd.read_csv(tmp_path / "payments.csv", dtype="str", keep_default_na=False)
    assert read["id"].tolist() == payments["id"].astype(str).tolist()
    wire = ledger.frame("payment.list", account="all", money="decimal").set_index("id")
    wire = wire.loc[payments["id"]]
    assert read["amount"].tolist() == wire["amount.value"].astype(str).tolist()
    assert (
        read["balance_after"].tolist() == wire["balance_after_mutation.value"].astype(str).tolist()
    )
    assert read["amount_cents"].tolist() == payments["amount_cents"].astype(str).tolist()
    assert read["created"].iloc[0] == wire["created"].iloc[0].strftime("%Y-%m-%d %H:%M:%S.%f")
    accounts = pd.read_csv(tmp_path / "accounts.csv", dtype="str")
    assert accounts["id"].tolist() == ledger.accounts()["id"].astype(str).tolist()
    assert (export.payments, export.files) == (len(payments), 3)


def test_parquet_holds_the_same_table(ledger: Ledger, tmp_path: Path) -> None:
    """Partitioned by account and month; amounts are Decimal."""
    ledger.export(tmp_path, "parquet")
    payments = ledger.payments().sort_values("id", ignore_index=True)
    read = pd.read_parquet(tmp_path / "payments").sort_values("id", ignore_index=True)
    months = payments["created"].dt.tz_convert("Europe/Amsterdam").dt.strftime("%Y-%m")
    assert read["month"].astype(str).tolist() == months.tolist()
    assert read["account_id"].astype("int64").tolist() == payments["account_id"].tolist()
    same = [
        name for name in payments.columns if name not in ("amount", "balance_after", "account_id")
    ]
    pd.testing.assert_frame_equal(read[same], payments[same], check_names=False)
    for name, cents in (("amount", "amount_cents"), ("balance_after", "balance_after_cents")):
        assert read[name].tolist() == [Decimal(each).scaleb(-2) for each in read[cents].tolist()]
    account = payments["account_id"].iloc[0]
    assert (tmp_path / "payments" / f"account_id={account}" / f"month={months.iloc[0]}").is_dir()


@pytest.mark.parametrize("kind", ["parquet", "csv", "beancount"])
def test_a_second_export_is_the_same(ledger: Ledger, tmp_path: Path, kind: str) -> None:
    """Stable ids and order: what did not change is the same bytes; nothing is left beside."""

    def written() -> dict[Path, bytes]:
        ledger.export(tmp_path / "out", kind)
        files = [tmp_path / "out", *(tmp_path / "out").rglob("*")]
        return {file: file.read_bytes() for file in files if file.is_file()}

    first = written()
    assert written() == first
    assert not [file for file in first if file.name.startswith(".new")]
    assert {stat.S_IMODE(file.stat().st_mode) for file in first} == {0o600}


@pytest.mark.parametrize("kind", ["parquet", "csv", "beancount"])
def test_an_export_says_whether_it_is_complete(ledger: Ledger, tmp_path: Path, kind: str) -> None:
    """In what is returned, and in the files."""

    def told(payments: pd.DataFrame) -> tuple[str, str]:
        export = export_tables(payments, ledger.accounts(), tmp_path / "out", kind, owner="me")
        file = tmp_path / "out" if kind == "beancount" else tmp_path / "out" / "me.json"
        return repr(export), file.read_text()

    said, written = told(ledger.payments())
    assert "849 payments" in said
    assert "complete up to 20" in said
    if kind == "beancount":
        assert "849 payments, complete up to 20" in written
    else:
        assert json.loads(written)["complete"] is True
        assert json.loads(written)["columns"]["amount"].startswith("What came in")
    said, written = told(ledger.payments(max_rows=10))
    assert "NOT COMPLETE (cut by max_rows)" in said
    if kind == "beancount":
        assert "NOT COMPLETE: cut by max_rows" in written
    else:
        assert json.loads(written)["cut_by"] == "max_rows"


def test_what_cannot_be_written_is_said(ledger: Ledger, tmp_path: Path) -> None:
    """As the kit's error, and a wrong kind too."""
    (tmp_path / "file").write_text("")
    with pytest.raises(StateError, match="can't be written"):
        ledger.export(tmp_path / "file", "csv")
    with pytest.raises(FieldError, match="parquet, csv, beancount"):
        ledger.export(tmp_path, "pdf")


def example(engine: str) -> str:
    """Return the lines of the module's docstring that use an engine."""
    blocks = re.split(r"\n(?=\S)", exports.__doc__ or "")
    block = next(each for each in blocks if engine in each.partition("\n\n")[2])
    return "\n".join(line[4:] for line in block.split("\n") if line.startswith("    "))


@pytest.fixture(scope="module")
def organisation(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, pd.DataFrame]:
    """Return a folder with many users' payments, and the same as one table."""
    folder = tmp_path_factory.mktemp("organisation")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BUNQ_ENVIRONMENT", "OFFLINE")
        bank = Bank()
        keys = bank.people(3, years=0.5)
        tables = []
        for number, key in enumerate(keys):
            bunq = bunqkit.connect(bank=bank, api_key=key)
            with Ledger(folder / f"{number}.sqlite") as own:
                own.sync(bunq)
                own.export(folder / "all", "parquet")
                tables.append(own.payments())
            bunq.close()
        bank.close()
    return folder / "all", pd.concat(tables, ignore_index=True)


def monthly_flow(payments: pd.DataFrame) -> dict[Any, int]:
    """Return what came in less what went out, by account and month, as pandas sums it."""
    months = payments["created"].dt.tz_convert("Europe/Amsterdam").dt.strftime("%Y-%m")
    return payments.groupby(["account_id", months])["amount_cents"].sum().to_dict()


def lose_a_payment(folder: Path) -> int:
    """Take the first but one payment out of a month's file; give the id of the one after it."""
    file = sorted(folder.glob("payments/*/*/*.parquet"))[2]
    part = pd.read_parquet(file, partitioning=None)
    part.drop(index=1).to_parquet(file, index=False)
    return int(part["id"].iloc[2])


def test_duckdb_computes_over_many_users(organisation: tuple[Path, pd.DataFrame]) -> None:
    """Monthly cash flow and reconciliation, equal to the result of pandas."""
    duckdb = pytest.importorskip("duckdb")
    folder, payments = organisation
    told: dict[str, Any] = {"duckdb": duckdb}
    code = example("duckdb.sql").replace("{folder}", str(folder))
    exec(code, told)  # what the documentation shows
    flow = told["flow"]
    assert dict(
        zip(
            zip(flow["account_id"], flow["month"], strict=True),
            flow["cents"].astype(int),
            strict=True,
        )
    ) == monthly_flow(payments)
    assert len(told["gaps"]) == 0


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:The inplace keyword")  # Dask's own use of pandas
def test_dask_computes_over_many_users(organisation: tuple[Path, pd.DataFrame]) -> None:
    """The same on a local cluster; and both find the payment that somebody lost."""
    pytest.importorskip("dask.dataframe")
    distributed = pytest.importorskip("distributed")
    duckdb = pytest.importorskip("duckdb")
    folder, payments = organisation
    told: dict[str, Any] = {"dask": sys.modules["dask"], "folder": folder}
    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, processes=False, dashboard_address=None
        ) as cluster,
        distributed.Client(cluster),
    ):
        exec(example("dask.dataframe"), told)
        assert told["flow"].to_dict() == monthly_flow(payments)
        assert len(told["gaps"]) == 0
        after = lose_a_payment(folder)
        exec(example("dask.dataframe"), told)
        assert told["gaps"]["id"].tolist() == [after]
    told = {"duckdb": duckdb}
    exec(example("duckdb.sql").replace("{folder}", str(folder)), told)
    assert told["gaps"]["id"].tolist() == [after]


def test_another_format_is_made_from_the_csv(ledger: Ledger, tmp_path: Path) -> None:
    """The lines in the documentation make a file that YNAB reads."""
    ledger.export(tmp_path, "csv", raw=True)
    exec(example("ynab"), {"pandas": pd, "folder": tmp_path})
    made = pd.read_csv(tmp_path / "ynab.csv")
    assert made.columns.tolist() == ["Date", "Payee", "Memo", "Amount"]
    assert made["Amount"].sum() == pytest.approx(ledger.payments()["amount"].sum())
    assert made["Memo"].str.contains(r"bunq:\d+$").all()


# What a program reads as it was written, and what a spreadsheet must not take for a formula.
PLAIN = [
    "tea\rcoffee", "two\r\nlines", 'say "tea"', '"', '""', "a,b", "back\\slash", '\\"',
    "a\x00b", "\ufeffmark", "line\u2028end", "\u202egnirts\u202c", " lead ", "\x1a", "é漢字🙂",
    "NULL", "5 - 3 = 2", "a-b", "x@y.nl", "1;2", "",
]  # fmt: skip
FORMULAS = [
    "=1+1", "+31 6", "-1", "@SUM(1)", "\t=1", "\r=1", "\n=1", ' "=1', "x;=1+1;y", "x\r\n-1", "＝1",
    "\u200b=1", "\ttab", "a;;=b", "\r", "\n", "=cmd|' /C calc'!A0", "'=1",
]  # fmt: skip


def with_texts(ledger: Ledger, texts: list[str]) -> pd.DataFrame:
    """Return 850 payments whose descriptions and payees are these, again and again."""
    payments = ledger.payments().head(848)
    told = pd.Series([texts[row % len(texts)] for row in range(len(payments))], dtype="str")
    hostile = payments.assign(description=told, counterparty=told)
    hostile.attrs = payments.attrs
    return hostile


@pytest.mark.parametrize("raw", [True, False], ids=["raw", "for spreadsheets"])
def test_three_readers_read_the_same_rows_from_csv(
    ledger: Ledger, tmp_path: Path, *, raw: bool
) -> None:
    """Whatever stands in a text: one row a payment, and the text again, a CR and a NUL too."""
    duckdb = pytest.importorskip("duckdb")
    payments = with_texts(ledger, PLAIN + FORMULAS if raw else PLAIN)
    export_tables(payments, ledger.accounts(), tmp_path, "csv", raw=raw)
    file = tmp_path / "payments.csv"
    texts = payments["description"].tolist()
    if Version(pd.__version__) >= Version("3.1"):  # before, pandas drops what follows a NUL
        assert pd.read_csv(file, keep_default_na=False)["description"].tolist() == texts
    with file.open(newline="", encoding="utf-8") as opened:
        assert [row["description"] for row in csv.DictReader(opened)] == texts
    rows = duckdb.sql(f"SELECT COALESCE(description, '') FROM read_csv('{file}')").fetchall()
    assert [row[0] for row in rows] == texts
    assert pd.read_csv(file)["amount"].dtype == "float64"
    total = duckdb.sql(f"SELECT SUM(amount) FROM '{file}'").fetchall()[0][0]
    assert total == pytest.approx(payments["amount"].sum())


def spreadsheet_cells(text: str, separator: str) -> list[str]:
    """Return the cells that a spreadsheet reads: quotes count only where a cell begins."""
    lines = re.split(r"(?<=\n)|(?<=\r)(?!\n)", text)
    return [cell for row in csv.reader(lines, delimiter=separator) for cell in row]


def test_no_cell_of_csv_is_a_formula(ledger: Ledger, tmp_path: Path) -> None:
    """Neither at commas nor at semicolons, where Dutch spreadsheets split; numbers stay numbers."""
    payments = with_texts(ledger, FORMULAS)
    export_tables(payments, ledger.accounts(), tmp_path, "csv")
    text = (tmp_path / "payments.csv").read_bytes().decode()
    for separator in ",;\t":
        for cell in spreadsheet_cells(text, separator):
            inside = cell.lstrip(' "\u200b')
            is_number = re.fullmatch(r"-?\d+(\.\d+)?", cell)
            assert is_number or inside[:1] not in ("=", "+", "-", "@", "\t", "\r", "＝"), cell
    read = pd.read_csv(tmp_path / "payments.csv", dtype="str", keep_default_na=False)
    assert read["description"].iloc[0] == "'=1+1"
    assert read["description"].iloc[8] == "x;'=1+1;y"
    assert read["amount"].str.startswith("-").any()
    assert "counterparty_iban" in read.columns


def test_disarming_texts_takes_no_time(ledger: Ledger, tmp_path: Path) -> None:
    """A long text of signs is no trap."""
    payments = with_texts(ledger, ["\t" * 100_000, " " * 100_000, '"' * 100_000]).head(30)
    started = time.monotonic()
    export_tables(payments, ledger.accounts(), tmp_path, "csv")
    assert time.monotonic() - started < 20


def test_raw_is_for_csv_alone(ledger: Ledger, tmp_path: Path) -> None:
    """The formats of programs leave every text as it is, with it and without it."""
    loader = pytest.importorskip("beancount.loader")
    payments = with_texts(ledger, FORMULAS)
    by_id = dict(zip(payments["id"].tolist(), payments["description"].tolist(), strict=True))
    export_tables(payments, ledger.accounts(), tmp_path / "all", "parquet")
    read = pd.read_parquet(tmp_path / "all" / "payments")
    assert dict(zip(read["id"].tolist(), read["description"].tolist(), strict=True)) == by_id
    export_tables(payments, ledger.accounts(), tmp_path / "b.beancount", "beancount")
    entries, _, _ = loader.load_file(str(tmp_path / "b.beancount"))
    for entry in entries:
        if "bunq-id" in entry.meta:
            text = by_id[int(entry.meta["bunq-id"])]
            assert entry.narration == re.sub(r"[\x00-\x1f]+", " ", text)


def test_beancount_refuses_what_would_be_more_than_a_text(ledger: Ledger, tmp_path: Path) -> None:
    """A currency stands outside of quotes, and so it must be one."""
    payments, accounts = ledger.payments(), ledger.accounts()
    injected = "EUR\n2020-01-01 open Assets:Mine"
    for hostile in (
        accounts.assign(currency=injected),
        accounts.assign(currency=None),
        accounts.assign(balance_cents=pd.Series([None] * len(accounts), dtype="Int64")),
    ):
        with pytest.raises(FrameError, match="beancount"):
            export_tables(payments, hostile, tmp_path / "b.beancount", "beancount")
    hostile = payments.assign(currency=injected)
    hostile.attrs = payments.attrs
    with pytest.raises(FrameError, match="no currency"):
        export_tables(hostile, accounts, tmp_path / "b.beancount", "beancount")
    assert not (tmp_path / "b.beancount").exists()


@pytest.mark.parametrize("owner", ["../../out", "/tmp/out", "..", "a\x00b", "a\\..\\b", "x/../y"])
def test_no_name_leads_out_of_the_folder(ledger: Ledger, tmp_path: Path, owner: str) -> None:
    """Whatever the owner is called, files stand in the folder."""
    folder = tmp_path / "deep" / "down"
    payments = ledger.payments(max_rows=5)
    for kind in ("parquet", "csv"):
        export_tables(payments, ledger.accounts(), folder, kind, owner=owner)
    files = {file for file in tmp_path.rglob("*") if file.is_file()}
    assert {file for file in files if not file.is_relative_to(folder)} == set()
    assert not Path("/tmp/out.json").exists()


def test_folders_of_an_export_are_private(ledger: Ledger, tmp_path: Path) -> None:
    """Every folder that is made, whatever the process's mask allows."""
    before = os.umask(0)
    try:
        for kind in ("parquet", "csv", "beancount"):
            ledger.export(tmp_path / "new" / kind / "out", kind)
    finally:
        os.umask(before)
    modes = {stat.S_IMODE(each.stat().st_mode) for each in (tmp_path / "new").rglob("*")}
    assert modes == {0o700, 0o600}
    assert stat.S_IMODE((tmp_path / "new").stat().st_mode) == 0o700


@pytest.mark.parametrize("kind", ["parquet", "csv"])
def test_an_export_that_is_cut_short_says_so(
    ledger: Ledger, tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its files are whole, and the one that says whether all are there says no."""
    ledger.export(tmp_path / "out", kind)
    monkeypatch.setattr("bunqkit.ledger.export.to_texts", stop_at("accounts", exports.to_texts))
    monkeypatch.setattr("bunqkit.ledger.export.to_exact", stop_at("accounts", exports.to_exact))
    with pytest.raises(KeyboardInterrupt):
        ledger.export(tmp_path / "out", kind)
    manifest = json.loads(next((tmp_path / "out").glob("*.json")).read_text())
    assert (manifest["complete"], manifest["cut_by"]) == (False, "export")
    assert not list(tmp_path.rglob(".new-*"))
    assert stat.S_IMODE(next((tmp_path / "out").glob("*.json")).stat().st_mode) == 0o600


def stop_at(table: str, convert: Any) -> Any:
    """Stop an export, as Ctrl-C does, when it comes to a table."""

    def stop(frame: pd.DataFrame, name: str) -> Any:
        if name == table:
            raise KeyboardInterrupt
        return convert(frame, name)

    return stop


def test_a_place_that_is_none_is_said(ledger: Ledger) -> None:
    """A path with a NUL is no path."""
    with pytest.raises(StateError, match="can't be written"):
        ledger.export("a\x00b", "csv")
