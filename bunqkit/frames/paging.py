"""Pages become one table that says whether it is complete.

Lists are taken in threads, several at once; the thread that asked waits, shows a bar, and can be
interrupted at any moment: what has come is a table then.
"""

from __future__ import annotations

import json
import re
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Protocol

import pandas as pd

from bunqkit.catalogue.operations import operation as operation_named
from bunqkit.errors import FrameError, Interrupted
from bunqkit.frames.frames import ATTRS, Gathered
from bunqkit.frames.json_reader import EnvelopeReader, Rows, select_rows
from bunqkit.frames.money import Money, check_money
from bunqkit.frames.schemas import Path

Watch = Callable[[int, int], object]
"""Is told how many pages and rows have come."""

# Read at once: enough for Arrow to be quick, little enough to hold as text.
_PAGES = 20
_LISTS_AT_ONCE = 4
MAX_PAGES = 100_000
"""Of one list, at most: a bank that always has an older page is not followed for ever."""
_QUIET_S = 2.0
_ACCOUNT = re.compile(r"/monetary-account/([0-9]+)/")


class _Exchange(Protocol):
    @property
    def answer_body(self) -> bytes: ...

    @property
    def path(self) -> str: ...


class Page(Protocol):
    """What is needed of an answer: its bytes, and that it complains if they are no envelope."""

    @property
    def exchange(self) -> _Exchange:
        """The call."""

    @property
    def wrapped(self) -> list[dict[str, Any]]:
        """The items."""

    @property
    def older_url(self) -> str | None:
        """Where the page of older items is."""


def frame_of_pages(
    pages: Iterable[bytes | Page | Rows],
    *,
    operation: str | None = None,
    type: str | None = None,  # noqa: A002 (the bank's word for it)
    money: Money = "float",
    max_rows: int | None = None,
    max_pages: int = MAX_PAGES,
    accounts: Sequence[int] = (),
    progress: bool = True,
    is_said: bool = False,
) -> pd.DataFrame:
    """Give the items of all pages as one table, as ``to_frame`` does.

    Parameters
    ----------
    pages
        Answers, their bodies, or rows that were read before, each asked for when the one before
        was taken.
    operation
        The name of the operation that gave them; it says of what type the items are.
    type
        The type, if it is not the operation's.
    money
        As for ``to_frame``.
    max_rows
        At most so many, the first that come.
    max_pages
        If there are more, the fetch is stopped, as by an interrupt.
    accounts
        The accounts that were asked for, if the answers' paths don't tell.
    progress
        Whether to show a bar, and a line at its end, if it takes longer than two seconds.
    is_said
        Whether a line says how complete the table is, however quickly it came.

    Returns
    -------
    DataFrame
        ``attrs["bunqkit"]`` also holds ``operation``, ``accounts``, ``pages``, ``complete`` and
        ``cut_by``: ``None``, ``"max_rows"``, ``"max_pages"`` or
        ``"interrupt"``.

    Raises
    ------
    Interrupted
        If a ``KeyboardInterrupt`` comes, or there are too many pages; its ``frame`` holds what has
        come.
    BadAnswerError, FrameError
        If the bytes of a page are not one envelope: the first if it is an answer.
    """
    check_money(money)
    if type is None and operation is not None:
        type = operation_named(operation).answer  # noqa: A001 (as in the signature)
    reading = Reading(pages, max_rows=max_rows, max_pages=max_pages)
    about = {"operation": operation} | ({"accounts": list(accounts)} if accounts else {})
    return fetch(
        [reading],
        Gathered(type),
        lambda gathered: gathered.frame(money),
        about=about,
        max_rows=max_rows,
        progress=progress,
        is_said=is_said,
    )


def fetch(
    readings: Sequence[Reading],
    gathered: Gathered,
    tabulate: Callable[[Gathered], pd.DataFrame],
    *,
    about: Mapping[str, Any],
    max_rows: int | None = None,
    progress: bool = True,
    is_said: bool = False,
    watch: Watch | None = None,
) -> pd.DataFrame:
    """Take lists, several at once, make a table of them, and say whether it is complete.

    Parameters
    ----------
    readings
        The lists.
    gathered
        Takes their rows.
    tabulate
        Makes the table.
    about
        What else ``attrs["bunqkit"]`` is to say, such as ``operation``.
    max_rows
        The table has at most so many, the first; each list was told the same.
    progress, is_said
        As for :func:`frame_of_pages`.
    watch
        Is told several times a second how many pages and rows have come, in place of a bar; what
        it raises stops the fetch, and ``KeyboardInterrupt`` is an interrupt like any other.
    """
    started = time.monotonic()
    interrupt: KeyboardInterrupt | None = None
    try:
        _read_all(readings, progress=progress and watch is None, watch=watch)
    except KeyboardInterrupt as error:
        interrupt = error
    for reading in readings:
        for rows in reading.take():
            gathered.add(rows)
    frame = tabulate(gathered)
    cuts = [reading.cut_by for reading in readings if reading.cut_by is not None]
    if max_rows is not None and len(frame) > max_rows:
        frame = frame.head(max_rows)
        cuts.append("max_rows")
    cut_by = cuts[0] if cuts else None
    frame.attrs[ATTRS] = {
        "accounts": list(dict.fromkeys(each for one in readings for each in one.accounts)),
        **about,
        "pages": sum(reading.pages for reading in readings),
        "complete": cut_by is None,
        "cut_by": cut_by,
        **frame.attrs.get(ATTRS, {}),
        "rows": len(frame),
    }
    if interrupt is not None:
        raise interrupted(frame) from interrupt
    if "max_pages" in cuts:
        raise Interrupted(
            f"Stopped: {say_completeness(frame)}. A list of so many pages is taken for one without "
            "an end. The table is in error.frame.",
            frame,
        )
    if is_said or (progress and time.monotonic() - started > _QUIET_S):
        _say(f"{say_completeness(frame)}.")
    return frame


def interrupted(frame: pd.DataFrame) -> Interrupted:
    """Mark a table as cut by an interrupt, and make the error that brings it."""
    frame.attrs[ATTRS] = frame.attrs[ATTRS] | {"complete": False, "cut_by": "interrupt"}
    return Interrupted(f"Stopped: {say_completeness(frame)}. The table is in error.frame.", frame)


def say_completeness(frame: pd.DataFrame, *, has_pages: bool = True) -> str:
    """Say in a line how many rows a table has and whether it is complete.

    Parameters
    ----------
    frame
        A table of the kit, or some rows of one.
    has_pages
        Whether the pages are said, too.

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
    if pages is not None and has_pages:
        rows += f" of {pages:,} page{'' if pages == 1 else 's'}"
    if "complete" not in told:
        return rows
    return f"{rows}, {'complete' if told['complete'] else 'cut by ' + str(told['cut_by'])}"


class Reading:
    """The pages of one list on their way into columns.

    Parameters
    ----------
    pages
        Newest first.
    max_rows
        No more pages are asked for when there are so many rows.
    max_pages
        No more pages are asked for when so many have come, and there is another.
    since, until
        Only what was created from ``since`` on and before ``until``, as the bank writes times; no
        more pages are asked for when one ends before ``since``.
    keep
        Whether the column of a path is kept; all are if it is not given.

    Attributes
    ----------
    pages, rows
        How many came, and how many have been read and are wanted.
    accounts
        Whose they are, as far as their paths tell.
    cut_by
        What cut them off: ``"interrupt"`` as long as there may be more to come.
    """

    def __init__(
        self,
        pages: Iterable[bytes | Page | Rows],
        *,
        max_rows: int | None = None,
        max_pages: int = MAX_PAGES,
        since: str | None = None,
        until: str | None = None,
        keep: Callable[[Path], bool] | None = None,
    ) -> None:
        self.pages = 0
        self.rows = 0
        self.accounts: list[int] = []
        self.cut_by: str | None = "interrupt"
        self._source = pages
        self._max_rows = max_rows
        self._max_pages = max_pages
        self._since = since
        self._until = until
        self._keep = keep
        self._reader = EnvelopeReader()
        self._lock = threading.Lock()
        self._is_stopped = False
        self._waiting: list[bytes | Page] = []
        self._read: list[Rows] = []
        self._is_past = False

    def run(self) -> None:
        """Ask for pages and read them, until there are no more, or enough; in any thread."""
        if self._is_stopped:
            return
        # Where it ends is known when a page is read.
        at_once = _PAGES if self._max_rows is None and self._since is None else 1
        cut_by = None
        for page in self._source:
            with self._lock:
                if self._is_stopped:
                    return
                if self.pages == self._max_pages:
                    cut_by = "max_pages"
                    break
                self.pages += 1
                if isinstance(page, tuple):
                    self._read_waiting()
                    self._add(page)
                else:
                    self._waiting.append(page)
                if len(self._waiting) >= at_once:
                    self._read_waiting()
            if self._is_past:
                break
            if self._has_enough(page):
                cut_by = "max_rows"
                break
        with self._lock:
            if not self._is_stopped:
                self._read_waiting()
                self.cut_by = cut_by

    def stop(self) -> None:
        """Take no more pages; what has come is read."""
        with self._lock:
            self._is_stopped = True
            self._read_waiting()

    def take(self) -> list[Rows]:
        """Give the rows, once: their memory is the table's from now on."""
        rows, self._read = self._read, []
        return rows

    def _has_enough(self, page: bytes | Page | Rows) -> bool:
        """Whether there are more rows than are wanted, or as many and older ones are there."""
        if self._max_rows is None or self.rows < self._max_rows:
            return False
        # Whether an older one is too old is known when it has come.
        return self.rows > self._max_rows or (self._since is None and _has_older(page))

    def _read_waiting(self) -> None:
        waiting, self._waiting = self._waiting, []
        if not waiting:
            return
        try:
            read = self._reader.read([_body(page) for page in waiting])
        except FrameError:
            for page in waiting:
                if not isinstance(page, bytes):
                    # Complains in its own name, with the call that it came by.
                    _ = page.wrapped
            raise
        for page in waiting[:1]:
            if not isinstance(page, bytes) and (found := _ACCOUNT.search(page.exchange.path)):
                self.accounts = [int(found[1])]
        for rows in read:
            self._add(rows)

    def _add(self, rows: Rows) -> None:
        kept, self._is_past = select_rows(rows, self._since, self._until, keep=self._keep)
        self._read.append(kept)
        self.rows += len(kept[0])


def _read_all(readings: Sequence[Reading], *, progress: bool, watch: Watch | None) -> None:
    """Run lists in threads, and show how far they are."""
    from tqdm.auto import tqdm  # noqa: PLC0415 (looks for a notebook when it is loaded)

    left, failures = deque(readings), deque[BaseException]()

    def work() -> None:
        try:
            while left and not failures:
                left.popleft().run()
        except IndexError:
            # Another thread took the last one.
            return
        except BaseException as error:  # noqa: BLE001 (raised where it is waited for)
            failures.append(error)

    threads = [
        threading.Thread(target=work, daemon=True)
        for _ in range(min(_LISTS_AT_ONCE, len(readings)))
    ]
    try:
        # Without a delay a fetch of one page would flash a bar.
        with tqdm(
            disable=not progress, delay=_QUIET_S, unit=" pages", desc="Fetching", leave=False
        ) as bar:
            for thread in threads:
                thread.start()
            while alive := [thread for thread in threads if thread.is_alive()]:
                # With a time limit an interrupt is heard on every system.
                alive[0].join(0.1)
                rows = sum(each.rows for each in readings)
                bar.set_postfix_str(f"{rows:,} rows" if rows else "", refresh=False)
                pages = sum(each.pages for each in readings)
                bar.update(pages - bar.n)
                if watch is not None:
                    watch(pages, rows)
        if failures:
            raise failures[0]
    finally:
        for reading in readings:
            reading.stop()


def _body(page: bytes | Page) -> bytes:
    return page if isinstance(page, bytes) else page.exchange.answer_body


def _has_older(page: bytes | Page | Rows) -> bool:
    if isinstance(page, tuple):
        # Of rows nobody says; the next ones tell.
        return False
    if not isinstance(page, bytes):
        return page.older_url is not None
    pagination = json.loads(page).get("Pagination") or {}
    return pagination.get("older_url") is not None


def _say(line: str) -> None:
    # A notebook shows its error stream as if something had gone wrong.
    is_notebook = "IPython" in sys.modules and hasattr(
        sys.modules["IPython"].get_ipython(), "kernel"
    )
    stream = sys.stdout if is_notebook else sys.stderr
    stream.write(f"{line}\n")
    stream.flush()
