"""SQL over tables: by DuckDB if it is installed, else by SQLite; amounts stay exact in both."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from bunqkit.errors import FieldError
from bunqkit.headings import TABLES
from bunqkit.money import minor_units

if TYPE_CHECKING:
    import duckdb

# Wide enough for whatever a bank counts, with the decimals that follow.
_DIGITS = 38
_CENTS = "_cents"
# As in the tables: a missing number does not make the others floats.
_NULLABLE = {
    pa.int64(): pd.Int64Dtype(),
    pa.int32(): pd.Int32Dtype(),
    pa.bool_(): pd.BooleanDtype(),
}


def run_query(query: str, tables: Mapping[str, Callable[[], pd.DataFrame]]) -> pd.DataFrame:
    """Give the answer to a query.

    Parameters
    ----------
    query
        One statement.
    tables
        By their names in it; made only if the query names them.

    Raises
    ------
    FieldError
        If the query can't be run.
    """
    named = set(re.findall(r"\w+", query.lower()))
    wanted = {name: make() for name, make in tables.items() if name in named}
    try:
        import duckdb  # noqa: PLC0415 (an extra)
    except ImportError:
        return _ask_sqlite(query, wanted)
    return _ask_duckdb(duckdb.connect(), query, wanted)


def to_exact(frame: pd.DataFrame, table: str) -> pa.Table:
    """Give a curated table as Arrow, with DECIMAL where it has amounts.

    Parameters
    ----------
    frame
        The table.
    table
        Its name among the curated ones; one that is none is given as it is.
    """
    made = pa.Table.from_pandas(frame, preserve_index=False)
    for name, heading in TABLES.get(table, {}).items():
        if heading.unit not in frame.columns or heading.dtype != "float64":
            continue
        decimals = max(
            (minor_units(each) for each in frame[heading.unit].dropna().unique()), default=2
        )
        kind = pa.decimal128(_DIGITS, max(decimals, 2))
        beside = f"{name}{_CENTS}"
        # A float stands for the text that it was read from: the nearest decimal is that text.
        exact = pc.cast(made[name], kind, safe=False)
        if beside in frame.columns and decimals == 2 == kind.scale:  # noqa: PLR2004 (cents)
            exact = pc.divide(pc.cast(made[beside], pa.decimal128(19, 0)), pa.scalar(Decimal(100)))
            exact = pc.cast(exact, kind)
        made = made.set_column(made.column_names.index(name), name, exact)
    return made


def to_texts(frame: pd.DataFrame, table: str) -> pd.DataFrame:
    """Give a curated table with amounts as texts with a dot, and times as texts that sort.

    Parameters
    ----------
    frame
        The table.
    table
        Its name among the curated ones.
    """
    exact = to_exact(frame, table)
    changed: dict[str, Any] = {
        field.name: pc.cast(exact[field.name], pa.string()).to_pandas()
        for field in exact.schema
        if pa.types.is_decimal(field.type)
    }
    for name in frame.columns:
        if isinstance(frame[name].dtype, pd.DatetimeTZDtype):
            changed[name] = frame[name].dt.strftime("%Y-%m-%d %H:%M:%S.%f")
    return frame.assign(**changed)


def _ask_duckdb(
    engine: duckdb.DuckDBPyConnection, query: str, tables: Mapping[str, pd.DataFrame]
) -> pd.DataFrame:
    import duckdb  # noqa: PLC0415 (an extra)

    with engine:
        for name, table in tables.items():
            engine.register(name, to_exact(table, name))
        try:
            engine.execute("SET TimeZone = 'UTC'")
            relation = engine.sql(query)
            # A statement that asks for nothing has no answer.
            answer = pa.table({}) if relation is None else relation.to_arrow_table()
        except duckdb.Error as error:
            raise _refuse(error, tables) from error
    # Decimals become Decimal objects, which pandas' own way from DuckDB would make floats.
    frame: pd.DataFrame = answer.to_pandas(types_mapper=_NULLABLE.get)
    return frame


def _ask_sqlite(query: str, tables: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    engine = sqlite3.connect(":memory:")
    try:
        for name, frame in tables.items():
            to_texts(frame, name).to_sql(name, engine, index=False)
        return pd.read_sql_query(query, engine)
    except (pd.errors.DatabaseError, sqlite3.Error) as error:
        raise _refuse(error, tables) from error
    finally:
        engine.close()


def _refuse(error: Exception, tables: Mapping[str, pd.DataFrame]) -> FieldError:
    known = ", ".join(sorted({*TABLES, "items", "versions"} - {"scheduled_payments"}))
    told = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
    used = "".join(f" {name}: {', '.join(frame.columns)}." for name, frame in tables.items())
    return FieldError(f"The query can't be run: {told} The tables are {known}.{used}")
