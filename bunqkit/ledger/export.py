"""Files for other programs: Parquet, CSV, beancount; each says whether it is complete.

Ids are bunq's and stay the same in every export. Amounts are exact in all of them: DECIMAL in
Parquet, text with a dot in CSV and beancount, and whole cents beside.

The Parquet files of many users go into one folder; from there any engine goes on. With DuckDB::

    flow = duckdb.sql('''
        SELECT account_id, month, SUM(amount_cents) AS cents
        FROM read_parquet('{folder}/payments/*/*/*.parquet', hive_partitioning = true)
        GROUP BY ALL ORDER BY ALL
    ''').df()
    gaps = duckdb.sql('''
        SELECT account_id, id FROM (
            SELECT account_id, id, amount_cents, balance_after_cents,
                LAG(balance_after_cents, 1, 0) OVER (PARTITION BY account_id ORDER BY id) AS before
            FROM read_parquet('{folder}/payments/*/*/*.parquet', hive_partitioning = true))
        WHERE before + amount_cents <> balance_after_cents ORDER BY ALL
    ''').df()

With Dask, on the machines of its cluster::

    def find_gaps(part):
        part = part.sort_values(["account_id", "id"])
        before = part.groupby("account_id")["balance_after_cents"].shift(fill_value=0)
        does_not_follow = before + part["amount_cents"] != part["balance_after_cents"]
        return part.loc[does_not_follow, ["account_id", "id"]]

    columns = ["id", "account_id", "month", "amount_cents", "balance_after_cents"]
    payments = dask.dataframe.read_parquet(f"{folder}/payments", columns=columns)
    payments = payments.astype({"id": "int64", "account_id": "int64", "month": "str"})
    flow = payments.groupby(["account_id", "month"])["amount_cents"].sum().compute()
    gaps = payments.shuffle("account_id").map_partitions(
        find_gaps, meta={"account_id": "int64", "id": "int64"}
    ).compute()

CSV is opened in spreadsheets, so there a text that a spreadsheet would take for a formula gets an
apostrophe; with ``raw=True`` every text is as it came, for programs. It is quoted by RFC 4180.
Another program's format is made from the raw CSV, such as the one that YNAB reads::

    payments = pandas.read_csv(f"{folder}/payments.csv", dtype="str", keep_default_na=False)
    ynab = pandas.DataFrame({
        "Date": payments["created"].str[:10],
        "Payee": payments["counterparty"],
        "Memo": payments["description"] + " bunq:" + payments["id"],
        "Amount": payments["amount"],
    })
    ynab.to_csv(f"{folder}/ynab.csv", index=False)
"""

from __future__ import annotations

import csv
import json
import os
import re
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from bunqkit.errors import FieldError, FrameError, StateError
from bunqkit.frames.column_docs import CENTS, TABLES
from bunqkit.frames.frames import ATTRS
from bunqkit.frames.money import minor_units, to_cents
from bunqkit.ledger.sql import to_exact, to_texts
from bunqkit.security.private_files import make_folder

KINDS = ("parquet", "csv", "beancount")
# bunq's days are Dutch days.
_ZONE = "Europe/Amsterdam"
_MONTH = "%Y-%m"
_CURRENCY = re.compile(r"[A-Z][A-Z0-9]{1,22}")
# What a spreadsheet takes for a formula, at the beginning of a text, or where one that splits lines
# at semicolons or tabs begins a cell. Source: OWASP, "CSV Injection". Wide signs count in Japan.
_BLANK = "[ \\xa0\\u2000-\\u200f\\u3000\\ufeff\"'\\x00-\\x08\\x0b\\x0c\\x0e-\\x1f]*"
_FORMULA = re.compile(rf"^(?=[\t\r\n])|(?:^|(?<=[;\t\r\n]))(?={_BLANK}[-=+@＝＋－＠])")


@dataclass(frozen=True)
class Export:
    """What was written.

    Attributes
    ----------
    path
        The folder or file.
    payments, files
        How many payments are in it, and in how many files.
    complete, cut_by, complete_until
        What the table of payments says of itself; the export says the same.
    """

    path: Path
    payments: int
    files: int
    complete: bool
    cut_by: str | None
    complete_until: str | None

    def __repr__(self) -> str:
        until = f" up to {self.complete_until[:19]} UTC" if self.complete_until else ""
        said = f"complete{until}" if self.complete else f"NOT COMPLETE (cut by {self.cut_by})"
        files = f"{self.files:,} file{'' if self.files == 1 else 's'}"
        return f"{self.payments:,} payments in {files}, {said}: {self.path}"


def export_tables(
    payments: pd.DataFrame,
    accounts: pd.DataFrame,
    path: str | os.PathLike[str],
    kind: str,
    *,
    owner: str = "bunqkit",
    raw: bool = False,
) -> Export:
    """Write payments and their accounts for other programs, readable by their owner alone.

    Parameters
    ----------
    payments, accounts
        As a context or a ledger gives them.
    path
        A folder for Parquet and CSV, made if absent; a file for beancount.
    kind
        ``parquet``: ``payments/account_id=1/month=2026-03/payments.parquet``, months in
        Amsterdam, ``accounts/OWNER.parquet``, and ``OWNER.json``, which says whether it is
        complete. ``csv``: ``payments.csv``, ``accounts.csv`` and ``OWNER.json``. ``beancount``:
        one file with every payment, the balance of each month, and comments that say the same.
    owner
        Whose they are; so many users' files can stand in one folder.
    raw
        Whether CSV leaves every text as it came, also one that a spreadsheet would take for a
        formula. The other kinds always do.

    Raises
    ------
    FieldError
        If there is no such kind.
    FrameError
        If a payment or account lacks what the kind needs.
    StateError
        If it can't be written.
    """
    if kind not in KINDS:
        raise FieldError(f"{kind!r} is no kind of export. Make it one of {', '.join(KINDS)}.")
    place = Path(path).expanduser().absolute()
    told = payments.attrs.get(ATTRS, {})
    writers = {"parquet": _write_parquet, "csv": _write_csv, "beancount": _write_beancount}
    write = partial(_write_csv, raw=raw) if kind == "csv" else writers[kind]
    # It is part of a file's name, and must not lead out of the folder.
    owner = re.sub(r"[^\w-]+", "-", owner)
    export = Export(
        path=place,
        payments=len(payments),
        files=0,
        complete=bool(told.get("complete", False)),
        cut_by=told.get("cut_by", "nobody knows what"),
        complete_until=told.get("complete_until"),
    )
    try:
        files = write(payments, accounts, export, owner)
    except (OSError, ValueError) as error:
        # Python refuses a path with a NUL by a ValueError.
        reason = getattr(error, "strerror", None) or error
        raise StateError(f"{str(place)!r} can't be written ({reason}). Name another.") from error
    return Export(**{**vars(export), "files": files})


def _write_parquet(
    payments: pd.DataFrame, accounts: pd.DataFrame, export: Export, owner: str
) -> int:
    # The path names the account, and engines read it from there.
    body = to_exact(_with_cents(payments).drop(columns="account_id"), "payments")
    months = payments["created"].dt.tz_convert(_ZONE).dt.strftime(_MONTH)
    place: Any
    places = payments.groupby([payments["account_id"], months], sort=False, dropna=False).indices
    _say_unfinished(export, owner)
    for place, rows in places.items():
        folder = export.path / "payments" / f"account_id={place[0]}" / f"month={place[1]}"
        part = body.take(pa.array(rows)).sort_by([("id", "ascending")])
        _publish(folder / "payments.parquet", partial(pq.write_table, part))
    known = to_exact(accounts, "accounts")
    _publish(export.path / "accounts" / f"{owner}.parquet", partial(pq.write_table, known))
    _publish_text(export.path / f"{owner}.json", _manifest(export, body.column_names))
    return len(places) + 2


def _write_csv(
    payments: pd.DataFrame, accounts: pd.DataFrame, export: Export, owner: str, *, raw: bool = False
) -> int:
    tables = {"payments": _with_cents(payments), "accounts": accounts}
    _say_unfinished(export, owner)
    for name, frame in tables.items():
        _publish_text(export.path / f"{name}.csv", _to_csv(frame, name, raw=raw))
    _publish_text(
        export.path / f"{owner}.json", _manifest(export, tables["payments"].columns.tolist())
    )
    return 3


def _to_csv(frame: pd.DataFrame, table: str, *, raw: bool) -> str:
    """Return a table as CSV by RFC 4180: texts in quotes, numbers bare, lines that end in CRLF."""
    texts = to_texts(frame, table)
    for name in frame.columns:
        if frame[name].dtype == "float64":
            # As a Decimal it is a number, which stands without quotes, and still exact.
            texts[name] = texts[name].map(Decimal, na_action="ignore").astype("object")
        elif frame[name].dtype == "str" and not raw:
            texts[name] = texts[name].str.replace(_FORMULA, "'", regex=True)
    made: str = texts.to_csv(index=False, lineterminator="\r\n", quoting=csv.QUOTE_NONNUMERIC)
    return made


def _say_unfinished(export: Export, owner: str) -> None:
    """Mark what follows as incomplete, until the end says otherwise."""
    unfinished = Export(**{**vars(export), "complete": False, "cut_by": "export"})
    _publish_text(export.path / f"{owner}.json", _manifest(unfinished, []))


def _with_cents(payments: pd.DataFrame) -> pd.DataFrame:
    """Add the balances in whole cents, by which other engines reconcile exactly."""
    cents = to_cents(payments["balance_after"], payments["currency"])
    return payments.assign(balance_after_cents=cents)


def _manifest(export: Export, columns: list[str]) -> str:
    """Say in JSON whether an export is complete, and what its columns mean."""
    headings = TABLES["payments"]
    meanings = {name: headings[name].meaning for name in columns if name in headings}
    meanings["balance_after_cents"] = f"{headings['balance_after'].meaning} In {CENTS}."
    told = {
        "complete": export.complete,
        "cut_by": export.cut_by,
        "complete_until": export.complete_until,
        "payments": export.payments,
        "columns": meanings,
    }
    return json.dumps(told, indent=2) + "\n"


def _write_beancount(
    payments: pd.DataFrame, accounts: pd.DataFrame, export: Export, _owner: str
) -> int:
    _publish_text(export.path, "".join(_tell_beancount(payments, accounts, export)))
    return 1


def _tell_beancount(
    payments: pd.DataFrame, accounts: pd.DataFrame, export: Export
) -> Iterator[str]:
    """Give the file's lines. Accounts are named by their ids, since descriptions change."""
    _check_for_beancount(payments, accounts)
    yield "; -*- mode: beancount -*-\n"
    yield f"; {len(payments)} payments, "
    until = f" up to {export.complete_until} UTC" if export.complete_until else ""
    yield f"complete{until}\n" if export.complete else f"NOT COMPLETE: cut by {export.cut_by}\n"
    days = payments["created"].dt.tz_convert(_ZONE).dt.date
    if not len(payments):
        return
    first, last = days.min(), days.max()
    for name in ("Income:Unsorted", "Expenses:Unsorted", "Equity:Transfers", "Equity:Opening"):
        yield f"{first} open {name}\n"
    rows = payments.assign(
        day=days, cents=to_cents(payments["balance_after"], payments["currency"])
    )
    rows = rows.sort_values(["account_id", "id"])
    for account in accounts.to_dict("records"):
        yield f"{first} open {_name(account['id'])} {account['currency']}\n"
        yield f"  description: {_quote(account['description'])}\n"
        yield f"  iban: {_quote(account['iban'])}\n" if isinstance(account["iban"], str) else ""
    for account_id, part in rows.groupby("account_id"):
        yield from _tell_account(int(account_id), part)  # type: ignore[arg-type]
    if payments.attrs.get(ATTRS, {}).get("until") is None and export.complete:
        for account in accounts.to_dict("records"):
            told = account["balance_cents"]
            yield _balance(last + timedelta(days=1), account["id"], told, account["currency"])


def _check_for_beancount(payments: pd.DataFrame, accounts: pd.DataFrame) -> None:
    """Check that what stands outside of quotes there can: days, ids, amounts, currencies."""
    needed = ["id", "account_id", "created", "amount_cents", "balance_after", "currency"]
    for frame, names in ((payments, needed), (accounts, ["id", "balance_cents", "currency"])):
        for name in names:
            if frame[name].isna().any():
                raise FrameError(f"A row has no {name}, so it can't be told in beancount.")
        for currency in frame["currency"].unique():
            if not _CURRENCY.fullmatch(currency):
                raise FrameError(f"{currency!r} is no currency, so it can't be told in beancount.")


def _tell_account(account_id: int, part: pd.DataFrame) -> Iterator[str]:
    """Give the payments of one account, and its balance after each month."""
    opening = part.iloc[0]
    before = int(opening["cents"] - opening["amount_cents"])
    if before:
        amount = _amount(before, opening["currency"])
        yield f'\n{opening["day"]} * "Opening balance"\n'
        yield f"  {_name(account_id)}  {amount}\n  Equity:Opening\n"
    for payment in part.to_dict("records"):
        yield _tell_payment(payment)
    months = pd.to_datetime(part["day"]).dt.to_period("M")
    for last in part.groupby(months).tail(1).to_dict("records"):
        after = (last["day"].replace(day=1) + timedelta(days=31)).replace(day=1)
        yield _balance(after, account_id, last["cents"], last["currency"])


def _tell_payment(payment: dict[Any, Any]) -> str:
    other = "Income:Unsorted" if payment["amount_cents"] > 0 else "Expenses:Unsorted"
    if payment["is_own_transfer"] is True:
        other = "Equity:Transfers"
    payee, narration = _quote(payment["counterparty"]), _quote(payment["description"])
    amount = _amount(payment["amount_cents"], payment["currency"])
    return (
        f"\n{payment['day']} * {payee} {narration} ^bunq-{payment['id']}\n"
        f"  bunq-id: {_quote(str(payment['id']))}\n"
        f"  {_name(payment['account_id'])}  {amount}\n"
        f"  {other}\n"
    )


def _balance(day: date, account_id: int, cents: int, currency: str) -> str:
    """Assert a balance at the start of a day, exactly."""
    number, _, unit = _amount(cents, currency).partition(" ")
    return f"\n{day} balance {_name(account_id)}  {number} ~ 0 {unit}\n"


def _name(account_id: int) -> str:
    return f"Assets:Bunq:{account_id}"


def _amount(cents: int, currency: str) -> str:
    return f"{Decimal(int(cents)).scaleb(-minor_units(currency)):f} {currency}"


def _quote(text: object) -> str:
    """Write a text as beancount reads it, on one line; what is missing is empty."""
    told = text if isinstance(text, str) else ""
    plain = re.sub(r"[\x00-\x1f\x7f]+", " ", told)
    return '"' + plain.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _publish_text(path: Path, text: str) -> None:
    _publish(path, lambda to: to.write_bytes(text.encode("utf-8", "replace")))


def _publish(path: Path, write: Callable[[Path], object]) -> None:
    """Write a file whole or leave it as it was; for its owner alone."""
    make_folder(path.parent)
    # mkstemp makes it 0600 from the first byte on; a name with a dot is read by no engine.
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".new-")
    os.close(handle)
    try:
        write(Path(temporary))
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
