"""Pages become one table that says whether it is complete."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any, Protocol

import pandas as pd

from bunqkit.catalogue import operation as operation_named
from bunqkit.envelopes import EnvelopeReader, Rows
from bunqkit.errors import FrameError, Interrupted
from bunqkit.frames import ATTRS, Gathered
from bunqkit.money import Money, check_money

# Read at once: enough for Arrow to be quick, little enough to hold as text.
_PAGES = 20


class _Exchange(Protocol):
    @property
    def answer_body(self) -> bytes: ...


class Page(Protocol):
    """What is needed of an answer: its bytes, and that it complains if they are no envelope."""

    @property
    def exchange(self) -> _Exchange:
        """The call."""

    @property
    def wrapped(self) -> list[dict[str, Any]]:
        """The items."""


def frame_of_pages(
    pages: Iterable[bytes | Page],
    *,
    operation: str | None = None,
    type: str | None = None,  # noqa: A002 (the bank's word for it)
    money: Money = "float",
    max_rows: int | None = None,
    accounts: Sequence[int] = (),
    progress: bool = True,
) -> pd.DataFrame:
    """Give the items of all pages as one table, as ``to_frame`` does.

    Parameters
    ----------
    pages
        Answers, or their bodies, each asked for when the one before was taken.
    operation
        The name of the operation that gave them; it says of what type the items are.
    type
        The type, if it is not the operation's.
    money
        As for ``to_frame``.
    max_rows
        At most so many, the first that come.
    accounts
        The accounts that were asked for.
    progress
        Whether to show a bar if it takes longer than a second.

    Returns
    -------
    DataFrame
        ``attrs["bunqkit"]`` also holds ``operation``, ``accounts``, ``pages``, ``complete`` and
        ``cut_by``: ``None``, ``"max_rows"`` or ``"interrupt"``.

    Raises
    ------
    Interrupted
        If a ``KeyboardInterrupt`` comes; its ``frame`` holds what has come.
    BadAnswerError, FrameError
        If the bytes of a page are not one envelope: the first if it is an answer.
    """
    check_money(money)
    if type is None and operation is not None:
        type = operation_named(operation).answer  # noqa: A001 (as in the signature)
    reading = _Reading(type, max_rows)
    cut_by = None
    interrupt = None
    try:
        cut_by = reading.take(pages, progress=progress)
    except KeyboardInterrupt as error:
        interrupt, cut_by = error, "interrupt"
    frame = reading.frame(money)
    written = frame.attrs[ATTRS]
    frame.attrs[ATTRS] = {
        "operation": operation,
        "accounts": list(accounts),
        "pages": reading.pages,
        "complete": cut_by is None,
        "cut_by": cut_by,
        **written,
        "rows": len(frame),
    }
    if interrupt is not None:
        raise Interrupted(
            f"Stopped: {say_completeness(frame)}. The table is in error.frame.", frame
        ) from interrupt
    return frame


def say_completeness(frame: pd.DataFrame) -> str:
    """Say in a line how many rows a table has and whether it is complete.

    Parameters
    ----------
    frame
        A table of the kit, or some rows of one.

    Returns
    -------
    str
        ``5,312 rows of 27 pages, complete``.
    """
    told = frame.attrs.get(ATTRS, {})
    rows = f"{len(frame):,} row{'' if len(frame) == 1 else 's'}"
    if told.get("rows", len(frame)) != len(frame):
        rows = f"{len(frame):,} of {told['rows']:,} rows"
    pages = told.get("pages")
    if pages is not None:
        rows += f" of {pages:,} page{'' if pages == 1 else 's'}"
    if "complete" not in told:
        return rows
    return f"{rows}, {'complete' if told['complete'] else 'cut by ' + str(told['cut_by'])}"


class _Reading:
    """Pages on their way into a table."""

    def __init__(self, type: str | None, max_rows: int | None) -> None:  # noqa: A002
        self._type = type
        self._max_rows = max_rows
        self._reader = EnvelopeReader()
        # Pages that were read, as rows, and pages that wait. Both change in one step, so that an
        # interrupt finds each page in one of them.
        self._state: tuple[list[Rows], int, list[bytes | Page]] = ([], 0, [])

    @property
    def pages(self) -> int:
        """How many pages came."""
        _, count, waiting = self._state
        return count + len(waiting)

    def take(self, pages: Iterable[bytes | Page], *, progress: bool) -> str | None:
        """Take pages until there are no more, or enough rows; say what cut them off."""
        from tqdm.auto import tqdm  # noqa: PLC0415 (looks for a notebook when it is loaded)

        last: bytes | Page | None = None
        # Without a delay a fetch of one page would flash a bar.
        with tqdm(disable=not progress, delay=1, unit=" pages", desc="Fetching") as bar:
            for page in pages:
                last = page
                self._state[2].append(page)
                bar.update()
                # Whether there are enough rows is known when they are read.
                if len(self._state[2]) >= (_PAGES if self._max_rows is None else 1):
                    self._read()
                    bar.set_postfix_str(f"{self._rows():,} rows")
                if self._max_rows is not None and self._rows() >= self._max_rows:
                    break
            self._read()
        rows = self._rows()
        is_cut = self._max_rows is not None and (
            rows > self._max_rows or (rows == self._max_rows and _has_older(last))
        )
        return "max_rows" if is_cut else None

    def frame(self, money: Money) -> pd.DataFrame:
        """Give what was taken as a table."""
        self._read()
        gathered = Gathered(self._type)
        for rows in self._state[0]:
            gathered.add(rows)
        self._state = ([], self.pages, [])
        frame = gathered.frame(money)
        return frame if self._max_rows is None else frame.head(self._max_rows)

    def _rows(self) -> int:
        return sum(len(names) for names, _ in self._state[0])

    def _read(self) -> None:
        read, _, waiting = self._state
        if not waiting:
            return
        try:
            rows = self._reader.read([_body(page) for page in waiting])
        except FrameError:
            for page in waiting:
                if not isinstance(page, bytes):
                    # Complains in its own name, with the call that it came by.
                    _ = page.wrapped
            raise
        self._state = ([*read, *rows], self.pages, [])


def _body(page: bytes | Page) -> bytes:
    return page if isinstance(page, bytes) else page.exchange.answer_body


def _has_older(page: bytes | Page | None) -> bool:
    if page is None:
        return True
    pagination = json.loads(_body(page)).get("Pagination") or {}
    return pagination.get("older_url") is not None
