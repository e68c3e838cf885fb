"""Writes files for other programs: Parquet, CSV, beancount; each says whether it is complete.

Ids are bunq's, and stay the same in every export. Amounts are exact in all of them: DECIMAL in
Parquet, text with a dot in CSV and beancount. Parquet and CSV have columns of whole cents too.

The Parquet files of many users can share one folder, which any engine can read. With DuckDB::

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

With Dask, on a cluster::

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

People open CSV in spreadsheets, so a text that a spreadsheet would take for a formula gets an
apostrophe. With ``raw=True``, for programs, every text is as it came. Quotes follow RFC 4180. The
formats of other programs can be made from the raw CSV, such as the one that YNAB reads::

    payments = pandas.read_csv(f"{folder}/payments.csv", dtype="str", keep_default_na=False)
    ynab = pandas.DataFrame({
        "Date": payments["created"].str[:10],
        "Payee": payments["counterparty"],
        "Memo": payments["description"] + " bunq:" + payments["id"],
        "Amount": payments["amount"],
    })
    ynab.to_csv(f"{folder}/ynab.csv", index=False)

A new format is one more entry in ``_WRITERS``, at the end.
"""

from __future__ import annotations

import csv
import json
import os
import re
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from bunqkit.errors import FieldError, StateError
from bunqkit.frames.column_docs import CENTS, TABLES
from bunqkit.frames.frames import ATTRS
from bunqkit.frames.money import to_cents
from bunqkit.ledger.beancount import to_beancount
from bunqkit.ledger.sql import to_exact, to_texts
from bunqkit.security.private_files import make_folder

# bunq's days are Dutch days.
_ZONE = "Europe/Amsterdam"
_MONTH = "%Y-%m"
# A spreadsheet takes these for formulas at the beginning of a text, and, if it splits lines at
# semicolons or tabs, at the beginning of a cell. Source: OWASP, "CSV Injection". Japanese
# spreadsheets read the wide signs too.
_BLANK = "[ \\xa0\\u2000-\\u200f\\u3000\\ufeff\"'\\x00-\\x08\\x0b\\x0c\\x0e-\\x1f]*"
_FORMULA = re.compile(rf"^(?=[\t\r\n])|(?:^|(?<=[;\t\r\n]))(?={_BLANK}[-=+@＝＋－＠])")


@dataclass(frozen=True)
class Export:
    """A written export.

    Attributes
    ----------
    path
        The folder or file.
    payments, files
        The number of payments, and of files.
    complete, cut_by, complete_until
        Whether the table of payments is complete, from its ``attrs``.
    """

    path: Path
    payments: int
    files: int
    complete: bool
    cut_by: str | None
    complete_until: str | None

    def __repr__(self) -> str:
        until = f" up to {self.complete_until[:19]} UTC" if self.complete_until else ""
        state = f"complete{until}" if self.complete else f"NOT COMPLETE (cut by {self.cut_by})"
        files = f"{self.files:,} file{'' if self.files == 1 else 's'}"
        return f"{self.payments:,} payments in {files}, {state}: {self.path}"


def export_tables(
    payments: pd.DataFrame,
    accounts: pd.DataFrame,
    path: str | os.PathLike[str],
    kind: str,
    *,
    owner: str = "bunqkit",
    raw: bool = False,
) -> Export:
    """Write payments and their accounts into files that only their owner can read.

    Parameters
    ----------
    payments, accounts
        The tables of a context or a ledger.
    path
        A folder for Parquet and CSV, made if absent; a file for beancount.
    kind
        ``parquet``: ``payments/account_id=1/month=2026-03/payments.parquet``, months in
        Amsterdam, ``accounts/OWNER.parquet``, and ``OWNER.json``, which says whether the export is
        complete. ``csv``: ``payments.csv``, ``accounts.csv`` and ``OWNER.json``. ``beancount``:
        one file with every payment, the balance of each month, and a comment that says whether it
        is complete.
    owner
        The owner's name, which is part of file names: the files of many users fit into one folder.
    raw
        Whether CSV leaves every text as it came, also one that a spreadsheet would take for a
        formula. The other kinds never change a text.

    Raises
    ------
    FieldError
        If there is no such kind.
    FrameError
        If a payment or account lacks what the format needs.
    StateError
        If a file can't be written.
    """
    if kind not in _WRITERS:
        raise FieldError(f"{kind!r} is no kind of export. Make it one of {', '.join(_WRITERS)}.")
    place = Path(path).expanduser().absolute()
    attrs = payments.attrs.get(ATTRS, {})
    # It is part of a file's name, and must not lead out of the folder.
    owner = re.sub(r"[^\w-]+", "-", owner)
    export = Export(
        path=place,
        payments=len(payments),
        files=0,
        complete=bool(attrs.get("complete", False)),
        cut_by=attrs.get("cut_by", "an unknown limit"),
        complete_until=attrs.get("complete_until"),
    )
    try:
        files = _WRITERS[kind](payments, accounts, export, owner, raw=raw)
    except (OSError, ValueError) as error:
        # Python raises a ValueError for a path with a NUL.
        reason = getattr(error, "strerror", None) or error
        raise StateError(f"{str(place)!r} can't be written ({reason}). Name another.") from error
    return replace(export, files=files)


def _write_parquet(
    payments: pd.DataFrame, accounts: pd.DataFrame, export: Export, owner: str, **_options: Any
) -> int:
    # Engines read the account from the path.
    body = to_exact(_with_cents(payments).drop(columns="account_id"), "payments")
    months = payments["created"].dt.tz_convert(_ZONE).dt.strftime(_MONTH)
    group: Any
    groups = payments.groupby([payments["account_id"], months], sort=False, dropna=False).indices
    _mark_unfinished(export, owner)
    for group, rows in groups.items():
        folder = export.path / "payments" / f"account_id={group[0]}" / f"month={group[1]}"
        part = body.take(pa.array(rows)).sort_by([("id", "ascending")])
        _publish(folder / "payments.parquet", partial(pq.write_table, part))
    exact = to_exact(accounts, "accounts")
    _publish(export.path / "accounts" / f"{owner}.parquet", partial(pq.write_table, exact))
    _publish_text(export.path / f"{owner}.json", _manifest(export, body.column_names))
    return len(groups) + 2


def _write_csv(
    payments: pd.DataFrame, accounts: pd.DataFrame, export: Export, owner: str, *, raw: bool
) -> int:
    tables = {"payments": _with_cents(payments), "accounts": accounts}
    _mark_unfinished(export, owner)
    for name, frame in tables.items():
        _publish_text(export.path / f"{name}.csv", _to_csv(frame, name, raw=raw))
    columns = tables["payments"].columns.tolist()
    _publish_text(export.path / f"{owner}.json", _manifest(export, columns))
    return 3


def _to_csv(frame: pd.DataFrame, table: str, *, raw: bool) -> str:
    """Return a table as CSV by RFC 4180: texts in quotes, numbers bare, lines that end in CRLF."""
    texts = to_texts(frame, table)
    for name in frame.columns:
        if frame[name].dtype == "float64":
            # A Decimal is written without quotes, as a number is, and it is exact.
            texts[name] = texts[name].map(Decimal, na_action="ignore").astype("object")
        elif frame[name].dtype == "str" and not raw:
            texts[name] = texts[name].str.replace(_FORMULA, "'", regex=True)
    text: str = texts.to_csv(index=False, lineterminator="\r\n", quoting=csv.QUOTE_NONNUMERIC)
    return text


def _mark_unfinished(export: Export, owner: str) -> None:
    """Write a manifest that says "not complete", until the export has ended."""
    unfinished = replace(export, complete=False, cut_by="export")
    _publish_text(export.path / f"{owner}.json", _manifest(unfinished, []))


def _with_cents(payments: pd.DataFrame) -> pd.DataFrame:
    """Return payments with the balances in whole cents too, for exact sums in other engines."""
    cents = to_cents(payments["balance_after"], payments["currency"])
    return payments.assign(balance_after_cents=cents)


def _manifest(export: Export, columns: list[str]) -> str:
    """Return the JSON that says whether an export is complete, and what its columns mean."""
    headings = TABLES["payments"]
    meanings = {name: headings[name].meaning for name in columns if name in headings}
    meanings["balance_after_cents"] = f"{headings['balance_after'].meaning} In {CENTS}."
    manifest = {
        "complete": export.complete,
        "cut_by": export.cut_by,
        "complete_until": export.complete_until,
        "payments": export.payments,
        "columns": meanings,
    }
    return json.dumps(manifest, indent=2) + "\n"


def _write_beancount(
    payments: pd.DataFrame, accounts: pd.DataFrame, export: Export, _owner: str, **_options: Any
) -> int:
    state = f"NOT COMPLETE: cut by {export.cut_by}"
    if export.complete:
        state = "complete"
        state += f" up to {export.complete_until} UTC" if export.complete_until else ""
    reaches_now = payments.attrs.get(ATTRS, {}).get("until") is None
    _publish_text(
        export.path,
        to_beancount(
            payments, accounts, state=state, asserts_balances=export.complete and reaches_now
        ),
    )
    return 1


def _publish_text(path: Path, text: str) -> None:
    _publish(path, lambda file: file.write_bytes(text.encode("utf-8", "replace")))


def _publish(path: Path, write: Callable[[Path], object]) -> None:
    """Write a file whole or not at all, readable by its owner alone."""
    make_folder(path.parent)
    # mkstemp makes it 0600 from the first byte on. Engines skip names that begin with a dot.
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".new-")
    os.close(handle)
    try:
        write(Path(temporary))
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


_WRITERS: dict[str, Callable[..., int]] = {
    "parquet": _write_parquet,
    "csv": _write_csv,
    "beancount": _write_beancount,
}
