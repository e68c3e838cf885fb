"""Pages become one table that says whether it is complete.

Threads fetch several lists at once. The thread that asked for them waits and shows a progress bar.
It can be interrupted at any moment; the rows that have come are a table then.
"""

from __future__ import annotations

import json
import re
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import chain
from typing import Any, Protocol, TypeAlias

import pandas as pd

from bunqkit.catalogue.operations import operation as operation_named
from bunqkit.errors import FrameError, Interrupted
from bunqkit.frames.frames import ATTRS, Gathered
from bunqkit.frames.json_reader import EnvelopeReader, Rows, select_rows
from bunqkit.frames.money import Money, check_money
from bunqkit.frames.schemas import Path

Watch = Callable[[int, int], object]
"""A function that gets the number of pages and of rows that have come."""

# Pages to read at once: enough for Arrow to be quick, few enough to hold as text.
_PAGES = 20
_THREADS = 4
_MAX_PAGES = 100_000
# A fetch that takes no longer shows no bar, and says nothing at its end.
_QUIET_S = 2.0
_ACCOUNT = re.compile(r"/monetary-account/([0-9]+)/")


class _FetchedFrom(Protocol):
    @property
    def answer_body(self) -> bytes: ...

    @property
    def path(self) -> str: ...


class PagedAnswer(Protocol):
    """An answer of the client, as far as it is needed here."""

    @property
    def exchange(self) -> _FetchedFrom:
        """The call, with the bytes of the answer."""

    @property
    def wrapped(self) -> list[dict[str, Any]]:
        """The items; raises BadAnswerError if the bytes are no envelope."""

    @property
    def older_url(self) -> str | None:
        """Where the page of older items is."""


Page: TypeAlias = bytes | PagedAnswer | Rows
"""One page of a list: an answer, its body, or rows that were read before."""


def frame_of_pages(
    pages: Iterable[Page],
    *,
    operation: str | None = None,
    money: Money = "float",
    max_rows: int | None = None,
    max_pages: int = _MAX_PAGES,
    accounts: Sequence[int] = (),
    progress: bool = True,
    is_said: bool = False,
) -> pd.DataFrame:
    """Return the items of all pages as one table, as ``to_frame`` does.

    Parameters
    ----------
    pages
        The pages of a list, newest first. Each is asked for when the one before it was taken.
    operation
        The name of the operation that lists them; it says of what type the items are.
    money
        As for ``to_frame``.
    max_rows
        The most rows of the table: the first that come.
    max_pages
        The most pages to fetch. A bank that always has an older page is not followed for ever: the
        fetch stops there, as after an interrupt.
    accounts
        The accounts of the list, if the paths of the answers don't tell.
    progress
        Whether to show a bar, and a line at its end, if it takes longer than two seconds.
    is_said
        Whether to print a line that says how complete the table is, however quickly it came.

    Returns
    -------
    DataFrame
        ``attrs["bunqkit"]`` also holds ``operation``, ``accounts``, ``pages``, ``complete`` and
        ``cut_by``: ``None``, ``"max_rows"``, ``"max_pages"`` or ``"interrupt"``.

    Raises
    ------
    Interrupted
        After a ``KeyboardInterrupt``, or if there are too many pages; its ``frame`` holds the rows
        that have come.
    BadAnswerError
        If the bytes of an answer are not one envelope.
    FrameError
        If a page that is bytes is not one envelope.
    """
    check_money(money)
    about = {"operation": operation} | ({"accounts": list(accounts)} if accounts else {})
    return fetch(
        [Reading(pages, max_rows=max_rows, max_pages=max_pages)],
        Gathered(None if operation is None else operation_named(operation).answer),
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
    """Fetch several lists at once, and return one table that says whether it is complete.

    Parameters
    ----------
    readings
        The lists.
    gathered
        What their rows are added to.
    tabulate
        Makes the table of the rows.
    about
        What else ``attrs["bunqkit"]`` is to hold, such as ``operation``.
    max_rows
        The most rows of the table, the first ones; each list has the same limit.
    progress, is_said
        As for :func:`frame_of_pages`.
    watch
        Takes the place of the bar, and is called several times a second. What it raises stops the
        fetch; a ``KeyboardInterrupt`` of it is an interrupt like any other.
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
        "accounts": list(dict.fromkeys(chain.from_iterable(one.accounts for one in readings))),
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
            f"Stopped: {say_completeness(frame)}. The list has so many pages that it seems to be "
            "without an end. The table is in error.frame.",
            frame,
        )
    if is_said or (progress and time.monotonic() - started > _QUIET_S):
        _print_line(f"{say_completeness(frame)}.")
    return frame


def interrupted(frame: pd.DataFrame) -> Interrupted:
    """Mark a table as cut by an interrupt, and return the error that holds it."""
    frame.attrs[ATTRS] = frame.attrs[ATTRS] | {"complete": False, "cut_by": "interrupt"}
    return Interrupted(f"Stopped: {say_completeness(frame)}. The table is in error.frame.", frame)


def say_completeness(frame: pd.DataFrame, *, has_pages: bool = True) -> str:
    """Return a line that says how many rows a table has and whether it is complete.

    Parameters
    ----------
    frame
        A table of the kit, or some rows of one.
    has_pages
        Whether the line says how many pages there were, too.

    Returns
    -------
    str
        ``5,312 rows of 27 pages, complete``.
    """
    attrs = frame.attrs.get(ATTRS, {})
    rows = _count(len(frame), "row")
    if attrs.get("rows", len(frame)) != len(frame):
        rows = f"{len(frame):,} of {attrs['rows']:,} rows"
    if attrs.get("pages") is not None and has_pages:
        rows += f" of {_count(attrs['pages'], 'page')}"
    if "complete" not in attrs:
        return rows
    return f"{rows}, {'complete' if attrs['complete'] else 'cut by ' + str(attrs['cut_by'])}"


class Reading:
    """One list that is being fetched: its pages become rows in blocks of columns.

    Parameters
    ----------
    pages
        Newest first.
    max_rows
        The fetch ends when there are so many rows.
    max_pages
        The fetch is cut when so many pages have come, and there is another.
    since, until
        Only rows that were created from ``since`` on and before ``until``, as the bank writes
        times. The fetch ends with the first page whose last row is older than ``since``.
    keep
        Whether to keep the column of a path; without it all are kept.

    Attributes
    ----------
    pages, rows
        How many pages came, and how many rows of them were read and selected.
    accounts
        The accounts of the list, as far as the paths of its answers tell.
    cut_by
        What cut the list off, or ``None``: ``"interrupt"`` as long as there may be more to come.
    """

    def __init__(
        self,
        pages: Iterable[Page],
        *,
        max_rows: int | None = None,
        max_pages: int = _MAX_PAGES,
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
        self._waiting: list[bytes | PagedAnswer] = []
        self._batches: list[Rows] = []
        self._is_past = False

    def run(self) -> None:
        """Fetch pages and read them, until there are no more, or enough; in any thread."""
        if self._is_stopped:
            return
        # With a limit of rows or time, a page must be read to know whether it is the last.
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
        """Fetch no more pages, and read those that have come."""
        with self._lock:
            self._is_stopped = True
            self._read_waiting()

    def take(self) -> list[Rows]:
        """Return the rows, and forget them: their memory is the table's from now on."""
        batches, self._batches = self._batches, []
        return batches

    def _has_enough(self, page: Page) -> bool:
        """Return True if there are more rows than ``max_rows``, or as many and a next page."""
        if self._max_rows is None or self.rows < self._max_rows:
            return False
        # With `since`, only the next page tells whether there is another row of the span.
        return self.rows > self._max_rows or (self._since is None and _has_older(page))

    def _read_waiting(self) -> None:
        waiting, self._waiting = self._waiting, []
        if not waiting:
            return
        try:
            batches = self._reader.read(
                [page if isinstance(page, bytes) else page.exchange.answer_body for page in waiting]
            )
        except FrameError:
            for page in waiting:
                if not isinstance(page, bytes):
                    # Raises an error that names the call.
                    _ = page.wrapped
            raise
        first = waiting[0]
        if not isinstance(first, bytes) and (match := _ACCOUNT.search(first.exchange.path)):
            self.accounts = [int(match[1])]
        for rows in batches:
            self._add(rows)

    def _add(self, rows: Rows) -> None:
        selected, self._is_past = select_rows(rows, self._since, self._until, keep=self._keep)
        self._batches.append(selected)
        self.rows += len(selected[0])


def _read_all(readings: Sequence[Reading], *, progress: bool, watch: Watch | None) -> None:
    """Fetch lists in threads, and show how far they are."""
    from tqdm.auto import tqdm

    queue, failures = deque(readings), deque[BaseException]()

    def work() -> None:
        try:
            while queue and not failures:
                queue.popleft().run()
        except IndexError:
            # Another thread took the last one.
            return
        except BaseException as error:  # noqa: BLE001 (raised where it is waited for)
            failures.append(error)

    threads = [
        threading.Thread(target=work, daemon=True) for _ in range(min(_THREADS, len(readings)))
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
                rows = sum(reading.rows for reading in readings)
                bar.set_postfix_str(f"{rows:,} rows" if rows else "", refresh=False)
                pages = sum(reading.pages for reading in readings)
                bar.update(pages - bar.n)
                if watch is not None:
                    watch(pages, rows)
        if failures:
            raise failures[0]
    finally:
        for reading in readings:
            reading.stop()


def _has_older(page: Page) -> bool:
    if isinstance(page, tuple):
        # Rows that were read before don't tell; the next ones do.
        return False
    if not isinstance(page, bytes):
        return page.older_url is not None
    pagination = json.loads(page).get("Pagination") or {}
    return pagination.get("older_url") is not None


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _print_line(line: str) -> None:
    # A notebook shows its error stream as if something had gone wrong.
    is_notebook = "IPython" in sys.modules and hasattr(
        sys.modules["IPython"].get_ipython(), "kernel"
    )
    print(line, file=sys.stdout if is_notebook else sys.stderr, flush=True)
