"""SQL over tables, by DuckDB if it is installed, else by SQLite; amounts are exact in both.

A query reads these tables and nothing else: both engines refuse files, networks, extensions,
settings and other databases, and stop a query that takes too long or returns too much.
"""

from __future__ import annotations

import contextlib
import re
import sqlite3
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Any, TypeVar

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from bunqkit.errors import FieldError
from bunqkit.frames.column_docs import TABLES
from bunqkit.frames.money import minor_units

if TYPE_CHECKING:
    import duckdb

_Part = TypeVar("_Part")
# The digits of a DECIMAL: more than any amount has.
_DIGITS = 38
_CENT_DECIMALS = 2
_MAX_S = 600.0
_MAX_BYTES = 2 * 2**30
_MAX_TEXT_BYTES = 64 * 2**20
_STEPS = 100_000
_DUCKDB_CLOSED: dict[str, str | bool | int | float | list[str]] = {
    "enable_external_access": False,
    # Otherwise a name in the query may be the name of a Python variable.
    "python_enable_replacements": False,
    # Nothing is written to the disk, not even data that does not fit into memory.
    "temp_directory": "",
    "memory_limit": "50%",
}
_DUCKDB_READS = ("SELECT", "EXPLAIN", "MULTI")  # DuckDB makes several statements of a PIVOT
_STOPPED = ("INTERRUPT Error: Interrupted!", "interrupted")
_SQLITE_READS = {
    sqlite3.SQLITE_SELECT,
    sqlite3.SQLITE_READ,
    sqlite3.SQLITE_FUNCTION,
    sqlite3.SQLITE_RECURSIVE,
}
# As in the tables, a missing number does not turn the others into floats.
_NULLABLE = {
    pa.int64(): pd.Int64Dtype(),
    pa.int32(): pd.Int32Dtype(),
    pa.bool_(): pd.BooleanDtype(),
}


def run_query(query: str, tables: Mapping[str, Callable[[], pd.DataFrame]]) -> pd.DataFrame:
    """Return the result of a query.

    Parameters
    ----------
    query
        One statement that reads.
    tables
        Functions that make the tables, by name; only those of tables in the query are called.

    Raises
    ------
    FieldError
        If the query can't be run, reads anything but these tables, takes longer than ten
        minutes, or returns more than 2 GiB.
    """
    if not isinstance(query, str) or not _is_plain(query):
        raise FieldError("The query is no plain text. Write one SELECT statement.")
    words = set(re.findall(r"\w+", query.lower()))
    frames = {name: make() for name, make in tables.items() if name in words}
    try:
        import duckdb
    except ImportError:
        return _run_in_sqlite(query, frames)
    return _run_in_duckdb(duckdb.connect(config=_DUCKDB_CLOSED), query, frames)


def to_exact(frame: pd.DataFrame, table: str) -> pa.Table:
    """Return a curated table as Arrow; its amounts are DECIMAL.

    Parameters
    ----------
    frame
        The table.
    table
        The name of a curated table; any other table is returned as it is.
    """
    arrow = pa.Table.from_pandas(frame, preserve_index=False)
    for name, heading in TABLES.get(table, {}).items():
        if heading.unit not in frame.columns or heading.dtype != "float64":
            continue
        decimals = max(
            (minor_units(unit) for unit in frame[heading.unit].dropna().unique()),
            default=_CENT_DECIMALS,
        )
        kind = pa.decimal128(_DIGITS, max(decimals, _CENT_DECIMALS))
        cents = f"{name}_cents"
        # A float stands for the text that it was read from: the nearest decimal is that text.
        exact = pc.cast(arrow[name], kind, safe=False)
        if cents in frame.columns and decimals == _CENT_DECIMALS:
            exact = pc.divide(pc.cast(arrow[cents], pa.decimal128(19, 0)), pa.scalar(Decimal(100)))
            exact = pc.cast(exact, kind)
        arrow = arrow.set_column(arrow.column_names.index(name), name, exact)
    return arrow


def to_texts(frame: pd.DataFrame, table: str) -> pd.DataFrame:
    """Return a curated table with amounts as texts with a dot, and times as texts that sort.

    Parameters
    ----------
    frame
        The table.
    table
        The name of the curated table.
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


def _run_in_duckdb(
    engine: duckdb.DuckDBPyConnection, query: str, tables: Mapping[str, pd.DataFrame]
) -> pd.DataFrame:
    import duckdb

    with engine:
        for name, table in tables.items():
            engine.register(name, to_exact(table, name))
        engine.execute("SET TimeZone = 'UTC'")
        engine.execute("SET lock_configuration = true")
        clock = threading.Timer(_MAX_S, engine.interrupt)
        clock.daemon = True
        clock.start()
        try:
            statements = engine.extract_statements(query)
            if len(statements) != 1 or statements[0].type.name not in _DUCKDB_READS:
                raise _refuse(
                    "it must be exactly one SQL statement that reads, such as SELECT.", tables
                )
            # Batch by batch: the whole answer may not fit into memory.
            reader = pa.RecordBatchReader.from_stream(engine.sql(statements[0]))
            batches = list(_up_to_limit(reader, lambda batch: batch.nbytes, tables))
        except (duckdb.Error, pa.ArrowException, OSError) as error:
            raise _refuse(_first_line(error), tables) from error
        except RuntimeError as error:
            # DuckDB raises this for Ctrl-C.
            raise KeyboardInterrupt from error
        finally:
            clock.cancel()
        answer = pa.Table.from_batches(batches, reader.schema)
    # This makes Decimal objects of decimals; DuckDB's own conversion to pandas would make floats.
    frame: pd.DataFrame = answer.to_pandas(types_mapper=_NULLABLE.get)
    return frame


def _run_in_sqlite(query: str, tables: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    with contextlib.closing(sqlite3.connect(":memory:")) as engine:
        engine.execute("PRAGMA temp_store = MEMORY")
        for name, frame in tables.items():
            to_texts(frame, name).to_sql(name, engine, index=False)
        engine.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, _MAX_TEXT_BYTES)
        engine.set_authorizer(_allow_reading)
        deadline = time.monotonic() + _MAX_S
        # It also lets Python notice Ctrl-C.
        engine.set_progress_handler(lambda: time.monotonic() > deadline, _STEPS)
        try:
            cursor = engine.execute(query)
            rows = list(_up_to_limit(cursor, _size, tables))
        # Python 3.11 reports a second statement by a warning.
        except (sqlite3.Error, sqlite3.Warning) as error:
            if str(error) == _STOPPED[1] and time.monotonic() < deadline:
                # SQLite has replaced the interrupt by its own error.
                raise KeyboardInterrupt from error
            raise _refuse(_first_line(error), tables) from error
        if cursor.description is None:
            raise _refuse(
                "it must be exactly one SQL statement that reads, such as SELECT.", tables
            )
        names = [column[0] for column in cursor.description]
    return pd.DataFrame.from_records(rows, columns=names, coerce_float=True)


def _allow_reading(action: int, _first: str | None, name: str | None, *_where: object) -> int:
    """Return SQLite's code that allows or denies a part of a query."""
    is_reading = action in _SQLITE_READS and name != "load_extension"
    return sqlite3.SQLITE_OK if is_reading else sqlite3.SQLITE_DENY


def _up_to_limit(
    parts: Iterator[_Part], size: Callable[[_Part], int], tables: Mapping[str, pd.DataFrame]
) -> Iterator[_Part]:
    """Return the parts of a result; raise an error when they are too large for the memory."""
    total = 0
    for part in parts:
        total += size(part)
        if total > _MAX_BYTES:
            raise _refuse(f"it returns more than {_MAX_BYTES:,} bytes. Add a LIMIT.", tables)
        yield part


def _size(row: tuple[object, ...]) -> int:
    return sum(map(sys.getsizeof, row))


def _is_plain(text: str) -> bool:
    """Return True if a text has neither NUL, where engines end it, nor half a surrogate pair."""
    return not re.search("[\x00\ud800-\udfff]", text)


def _first_line(error: Exception) -> str:
    line = (str(error).strip() or type(error).__name__).splitlines()[0]
    return f"it took longer than {_MAX_S:g} s." if line in _STOPPED else line


def _refuse(reason: str, tables: Mapping[str, pd.DataFrame]) -> FieldError:
    names = ", ".join(sorted({*TABLES, "items", "versions"} - {"scheduled_payments"}))
    columns = "".join(f" {name}: {', '.join(frame.columns)}." for name, frame in tables.items())
    return FieldError(
        f"The query can't be run: {reason.rstrip('.')}. A query reads these tables and nothing "
        f"else: no file, no setting, no other database. The tables are {names}.{columns}"
    )
