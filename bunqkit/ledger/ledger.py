"""All of one user's payments and more, on this machine, kept up to date.

A ``Ledger`` is one private SQLite file. ``sync`` fetches what is new and looks again at what may
have changed; what was known before a correction is kept beside it. Two kernels may use one file:
the second to sync waits until the first is done, and a process that is killed leaves no gap.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import pandas as pd
from filelock import FileLock, Timeout

from bunqkit.catalogue.operations import Operation, operation as operation_named
from bunqkit.catalogue.values import write_instant
from bunqkit.display.terminal import printable
from bunqkit.errors import BusyError, FieldError, Interrupted, StateError
from bunqkit.ledger.repair import Repair, repair_file
from bunqkit.ledger.snapshot import Books
from bunqkit.ledger.store import Store, Tally
from bunqkit.ledger.sync import EVENTS, Progress, Sync, write_time

if TYPE_CHECKING:
    from bunqkit.context.context import Context

_DEFAULT = (
    "payment.list",
    "mastercard-action.list",
    "request-inquiry.list",
    "request-response.list",
    "card.list",
    EVENTS,
)
_DAY = len("2026-01-31")


@dataclass(frozen=True)
class SyncReport:
    """What a sync brought.

    Attributes
    ----------
    new, corrected, gone
        Items that came, that differ from what was known, and that the bank has no more.
    pages, seconds
        What it cost.
    complete, until
        Whether everything that is followed is there, and up to when (UTC).
    refused
        Lists that the bank does not give, each with its words.
    """

    new: int
    corrected: int
    gone: int
    pages: int
    seconds: float
    complete: bool
    until: datetime | None
    refused: tuple[str, ...] = ()

    def __repr__(self) -> str:
        said = "Not complete"
        if self.complete and self.until is not None:
            said = f"Complete up to {self.until:%Y-%m-%d %H:%M:%S} UTC"
        cost = f"{self.pages:,} pages in {self.seconds:.1f} s"
        refused = "".join(f"\nThe bank does not give {printable(each)}" for each in self.refused)
        return (
            f"{said}: {self.new:,} items new, {self.corrected:,} corrected, {self.gone:,} gone, "
            f"{cost}.{refused}"
        )


class Ledger(Books):
    """A local copy of what one user has at one bank.

    Parameters
    ----------
    path
        The file, made if absent and readable by its owner alone.
    clock
        Gives the present (aware): when something was seen.

    Raises
    ------
    StateError
        If the file can't be opened, or is no ledger.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.path = Path(path).expanduser().absolute()
        super().__init__(Store(self.path))
        self._clock = clock
        if self._store.fact("made") is None:
            for name in _DEFAULT:
                self._store.follow(name, "{}")
            self._store.set_fact("made", write_time(clock()))

    def follow(self, operation: str, **given: Any) -> None:
        """Have every later sync read one more list: ``ledger.follow("invoice.list")``.

        Parameters
        ----------
        operation
            The name of any operation that lists; one of an account is read for every account.
        given
            The ids in its path, if it has others: ``card_id=7``.

        Raises
        ------
        FieldError
            If it does not list anything.
        UnknownNameError
            If there is no such operation.
        """
        known = operation_named(operation)
        if known.verb != "list":
            raise FieldError(f"{known.name} lists nothing. Follow one that ends in .list.")
        self._store.follow(known.name, json.dumps(given, sort_keys=True))

    def sync(
        self,
        bunq: Context,
        *,
        deep: bool = False,
        progress: bool = True,
        wait_s: float | None = None,
    ) -> SyncReport:
        """Fetch what is new, and look again at what may have changed.

        Parameters
        ----------
        bunq
            Whose accounts; the same user each time.
        deep
            Whether everything is read again, so that every item is as the bank has it. Without it
            a page of what is final is read each time, in turn.
        progress
            Whether to show a bar, with an estimate, if it takes longer than a second.
        wait_s
            How long to wait for another sync of this file; for ever if it is left out.

        Returns
        -------
        SyncReport
            Shows itself as a line.

        Raises
        ------
        Interrupted
            If it is stopped: what has come is kept, and the next sync goes on from there. Its
            ``frame`` is ``status()``.
        BusyError
            If another sync did not end in time.
        StateError
            If the ledger is another user's.
        CallError, SignatureError
            If a list could not be read. The others have been, and the next sync reads it.
        """
        started = time.monotonic()
        with self._lock(wait_s):
            self._check_owner(bunq)
            shown = Progress()
            sync = Sync(self._store, bunq.call, now=self._now, progress=shown, deep=deep)
            try:
                with _bar(shown, is_shown=progress):
                    tally = sync.run(self._followed())
            except KeyboardInterrupt as error:
                raise Interrupted(
                    "Stopped. What has come is kept, and the next sync goes on from there: "
                    "error.frame says how far each list is.",
                    self.status(),
                ) from error
        return self._report(tally, shown.pages, time.monotonic() - started)

    def as_of(self, when: str | date | datetime) -> Books:
        """Give the books as they were known then.

        Parameters
        ----------
        when
            An instant, or a day in Amsterdam, of which it is the end.

        Returns
        -------
        Books
            Reads like the ledger; corrections that were seen later are not in it, and its tables
            say if by then not everything had been seen.
        """
        is_day = isinstance(when, date) and not isinstance(when, datetime)
        if is_day or (isinstance(when, str) and len(when) == _DAY):
            write_instant(when, "when")
            when = date.fromisoformat(str(when)) + timedelta(days=1)
        return Books(self._store, write_instant(when, "when"))

    def status(self) -> pd.DataFrame:
        """One row a list: how much of it is there, and whether it is complete.

        Returns
        -------
        DataFrame
            ``operation, account_id, items, complete, complete_until, refused``.
        """
        counts = {
            row["listing"]: row["items"]
            for row in self._store.rows("SELECT listing, COUNT(*) AS items FROM item GROUP BY 1")
        }
        listings = self._store.listings()
        until = pd.Series([each.complete_until for each in listings], dtype="str")
        return pd.DataFrame(
            {
                "operation": pd.Series([each.operation for each in listings], dtype="str"),
                "account_id": pd.Series(
                    [each.account_id or None for each in listings], dtype="Int64"
                ),
                "items": pd.Series(
                    [counts.get(each.number, 0) for each in listings], dtype="int64"
                ),
                "complete": pd.Series([each.is_complete for each in listings], dtype="bool"),
                "complete_until": pd.to_datetime(until, utc=True).dt.as_unit("us"),
                "refused": pd.Series([each.refused for each in listings], dtype="str"),
            }
        )

    @staticmethod
    def repair(path: str | os.PathLike[str]) -> Repair:
        """Check a ledger, and save what can be read of a damaged one into a new file beside it.

        Parameters
        ----------
        path
            The ledger. It stays as it is, also if it is damaged.

        Returns
        -------
        Repair
            Says what was saved, where, and what is known to be lost. A sync of the new ledger
            with ``deep=True`` fetches the rest.

        Raises
        ------
        BusyError
            If a sync is at it.
        StateError
            If it can't be read, is no ledger, or nothing can be saved.
        """
        return repair_file(Path(path).expanduser().absolute())

    def close(self) -> None:
        """Close the file."""
        self._store.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def __repr__(self) -> str:
        rows = self._store.rows(
            "SELECT COUNT(*) AS items, SUM(operation = 'payment.list') AS payments "
            "FROM item JOIN listing ON number = listing"
        )[0]
        said = f"{rows['items']:,} items, {rows['payments'] or 0:,} of them payments"
        until = self._until()
        state = f"complete up to {until} UTC" if until else "not complete: call ledger.sync(bunq)"
        return f"<Ledger {self.path}: {said}; {state}>"

    def _report(self, tally: Tally, pages: int, seconds: float) -> SyncReport:
        until = self._until()
        return SyncReport(
            new=tally.new,
            corrected=tally.corrected,
            gone=tally.gone,
            pages=pages,
            seconds=seconds,
            complete=until is not None,
            until=None if until is None else datetime.fromisoformat(until).replace(tzinfo=UTC),
            refused=tuple(
                f"{each.operation} of {each.account_id or 'the user'}: {each.refused}"
                for each in self._store.listings()
                if each.refused
            ),
        )

    def _until(self) -> str | None:
        """Tell up to when everything is there that the bank gives; ``None`` if a list has gaps."""
        known = {0, *(account["id"] for account in self._accounts())}
        listings = [each for each in self._store.listings() if each.account_id in known]
        given = [each for each in listings if not each.refused]
        if not given or not all(each.is_complete for each in given):
            return None
        return min(str(each.complete_until) for each in given)

    def _followed(self) -> dict[Operation, list[str]]:
        followed: dict[Operation, list[str]] = {}
        for name, given in self._store.followed():
            followed.setdefault(operation_named(name), []).append(given)
        return followed

    def _check_owner(self, bunq: Context) -> None:
        owner = f"{bunq.settings.environment} user {bunq.user_id}"
        known = self._store.fact("owner")
        if known is None:
            self._store.set_fact("owner", owner)
        elif known != owner:
            raise StateError(
                f"{self.path} is the ledger of {known}, and this is {owner}. Give each its own."
            )

    @contextmanager
    def _lock(self, wait_s: float | None) -> Iterator[None]:
        lock = FileLock(f"{self.path}.lock", mode=0o600)
        try:
            lock.acquire(timeout=-1 if wait_s is None else wait_s)
        except Timeout as error:
            raise BusyError(
                f"Another sync of {self.path} has not ended in {wait_s:g} s. Try again later."
            ) from error
        except OSError as error:
            raise StateError(
                f"{lock.lock_file} can't be made ({error.strerror}). Make the folder writable."
            ) from error
        try:
            yield
        finally:
            lock.release()

    def _now(self) -> str:
        return write_time(self._clock())


@contextmanager
def _bar(progress: Progress, *, is_shown: bool) -> Iterator[None]:
    """Show pages, how many there may be, and how long they will take."""
    from tqdm.auto import tqdm  # noqa: PLC0415 (looks for a notebook when it is loaded)

    with tqdm(disable=not is_shown, delay=1, unit=" pages", desc="Syncing") as bar:

        def show(pages: int, expected: int) -> None:
            bar.total = expected
            bar.update(pages - bar.n)

        progress.show = show
        yield
