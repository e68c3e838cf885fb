"""A table that reads like a bank statement: a view, which changes nothing in the table."""

from __future__ import annotations

from decimal import Decimal
from numbers import Number
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import pandas as pd

from bunqkit.display.html import card, data_table, join, paragraph, trusted_html
from bunqkit.display.terminal import printable
from bunqkit.errors import FrameError
from bunqkit.frames.column_docs import CENTS, describe_columns
from bunqkit.frames.money import minor_units
from bunqkit.frames.paging import say_completeness
from bunqkit.security.redaction import redact

_LONGEST = 40


def show(
    frame: pd.DataFrame,
    *,
    rows: int = 200,
    zone: str = "UTC",
    searchable: bool = False,
    said: str = "",
) -> View:
    """Return a view of a table that reads like a bank statement.

    Parameters
    ----------
    frame
        Any table of the kit; it is not changed.
    rows
        The most rows to show; the first ones are shown.
    zone
        The zone in which times are shown, such as ``Europe/Amsterdam``.
    searchable
        Whether the table can be sorted and searched in a notebook; needs itables.
    said
        The line below the table; by default how many rows there are, and whether that is all.

    Returns
    -------
    View
        Amounts have a sign and the decimals of their currency. Long texts are cut; the title of
        the cell holds the whole text. Columns without a value are left out, secrets are masked.

    Raises
    ------
    FrameError
        If it is no table, there is no such zone, ``rows`` is negative, or itables is not installed.
    """
    if not isinstance(frame, pd.DataFrame):
        raise FrameError(
            f"show() takes a table; this is of type {type(frame).__name__}. bunqkit.to_frame() "
            "makes one of items."
        )
    if rows < 0:
        raise FrameError(f"rows is {rows}. Make it 0 or more.")
    try:
        ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise FrameError(f"There is no zone {zone!r}. Write one as Europe/Amsterdam.") from error
    if searchable:
        _itables()
    return View(frame, rows=rows, zone=zone, searchable=searchable, said=said)


def sort_rows(frame: pd.DataFrame, column: str, *, descending: bool = False) -> pd.DataFrame:
    """Return the rows sorted by one column, missing values last; unlike values sort as texts."""
    try:
        return frame.sort_values(column, ascending=not descending, kind="stable")
    except TypeError:
        return frame.sort_values(column, ascending=not descending, kind="stable", key=_as_texts)


class View:
    """A table as :func:`show` shows it, in a notebook or printed."""

    def __init__(
        self, frame: pd.DataFrame, *, rows: int, zone: str, searchable: bool, said: str = ""
    ) -> None:
        part = frame.head(rows)
        units = describe_columns(frame).set_index("column")["unit"]
        self._searchable = searchable
        self._numbers: set[str] = set()
        self._texts: dict[str, list[str]] = {}
        for name in part.columns:
            unit = str(units[str(name)])
            # Whole cents repeat the amount beside them.
            if not part[name].isna().all() and unit != CENTS:
                self._add(str(name), part, unit, zone)
        self._said = printable(said) or say_completeness(frame, has_pages=False)
        if len(part) < len(frame):
            self._said = f"{len(part):,} of {self._said}"

    @property
    def texts(self) -> pd.DataFrame:
        """The cells that are shown, as a table of texts."""
        return pd.DataFrame(self._texts, dtype="str")

    def _add(self, name: str, part: pd.DataFrame, unit: str, zone: str) -> None:
        values = part[name]
        title = name
        if unit == "UTC":
            title = f"{name} ({zone})"
            texts = [_time(value) for value in values.dt.tz_convert(zone)]
        elif unit:
            beside = unit.removeprefix("cents of ")
            currencies = part[beside] if beside in part.columns else [None] * len(part)
            texts = [
                _amount(value, currency, is_cents=beside != unit)
                for value, currency in zip(values, currencies, strict=True)
            ]
        else:
            texts = [_text(name, value) for value in values]
        title, texts = printable(title), [printable(text) for text in texts]
        if unit not in ("UTC", "") or pd.api.types.is_numeric_dtype(values.dtype):
            self._numbers.add(title)
        self._texts[title] = texts

    def __repr__(self) -> str:
        lines = [self._said]
        if self._texts:
            columns = [
                _align(title, texts, is_number=title in self._numbers)
                for title, texts in self._texts.items()
            ]
            lines = ["  ".join(cells).rstrip() for cells in zip(*columns, strict=True)] + lines
        return "\n".join(lines)

    def html(self) -> str:
        """Return the table and the line below it, without a frame around them."""
        rows = list(zip(*self._texts.values(), strict=True))
        numbers = {at for at, title in enumerate(self._texts) if title in self._numbers}
        table = data_table(list(self._texts), rows, numbers=numbers, longest=_LONGEST)
        return join(table, paragraph(self._said))

    def _repr_html_(self) -> str:
        if self._searchable:
            table = trusted_html(str(_itables().to_html_datatable(self.texts)))
            return card("", table, paragraph(self._said))
        return card("", self.html())


def _itables() -> Any:
    try:
        import itables
    except ImportError as error:
        raise FrameError(
            "A searchable table needs itables. Install bunqkit[lab], or leave searchable out."
        ) from error
    return itables


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


def _align(title: str, texts: list[str], *, is_number: bool) -> list[str]:
    cells = [_cut(text) for text in (title, *texts)]
    width = max(map(len, cells))
    return [cell.rjust(width) if is_number else cell.ljust(width) for cell in cells]


def _time(value: Any) -> str:
    return "" if _is_missing(value) else f"{value:%Y-%m-%d %H:%M}"


def _amount(value: Any, currency: Any, *, is_cents: bool) -> str:
    if _is_missing(value):
        return ""
    if not isinstance(value, Number):
        return str(value)
    decimals = minor_units(None if _is_missing(currency) else currency)
    number = Decimal(str(value)).scaleb(-decimals) if is_cents else value
    # A view rounds to what the currency has; the table still holds all of it.
    return f"{number:+,.{decimals}f}"


def _text(name: str, value: Any) -> str:
    if _is_missing(value):
        return ""
    # The last key of the name tells a secret; a list or an object may hold one deep inside.
    masked = redact({name.rpartition(".")[2]: value})
    return str(next(iter(masked.values())))


def _as_texts(values: pd.Series[Any]) -> pd.Series[Any]:
    return values.map(str, na_action="ignore")


def _is_missing(value: Any) -> bool:
    return not isinstance(value, list | dict) and bool(pd.isna(value))
