"""All of one user's payments and more, on this machine, kept up to date.

A ``Ledger`` is one private SQLite file. ``sync`` fetches what is new, and looks again at what may
have changed; a version from before a correction stays beside the new one. Two kernels may use one
file: the second sync waits until the first has ended. A process that is killed leaves no gap.
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

from bunqkit.catalogue.operations import Operation, operation as operation_named
from bunqkit.catalogue.values import write_instant
from bunqkit.context.parts import PartMethod
from bunqkit.display.terminal import printable
from bunqkit.errors import FieldError, Interrupted, StateError
from bunqkit.ledger.repair import Repair, repair_file
from bunqkit.ledger.snapshot import Snapshot
from bunqkit.ledger.store import Store, Tally
from bunqkit.ledger.store_file import lock_file
from bunqkit.ledger.sync import ACCOUNTS, EVENTS, Progress, Sync, write_time

if TYPE_CHECKING:
    from bunqkit.context.context import Context

_FOLLOWED = (
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
        The number of items that are new, that differ from what was known, and that the bank no
        longer has.
    pages, seconds
        The number of pages that were read, and the time it took.
    complete, until
        Whether every list that is followed is complete, and up to when (UTC).
    refused
        The lists that the bank refuses, each with its words.
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
        state = "Not complete"
        if self.complete and self.until is not None:
            state = f"Complete up to {self.until:%Y-%m-%d %H:%M:%S} UTC"
        cost = f"{self.pages:,} pages in {self.seconds:.1f} s"
        refused = "".join(f"\nThe bank does not give {printable(text)}" for text in self.refused)
        return (
            f"{state}: {self.new:,} items new, {self.corrected:,} corrected, {self.gone:,} gone, "
            f"{cost}.{refused}"
        )


class Ledger:
    """A local copy of what one user has at one bank.

    It has the tables of a context: ``accounts()``, ``payments()``, ``money_requests()``,
    ``cards()``, ``card_transactions()``, ``events()``. ``attrs["bunqkit"]`` says whether a table
    is complete, and up to when.

    Parameters
    ----------
    path
        The file, made if absent and readable by its owner alone.
    clock
        A function that returns the present (aware), which is noted with what was seen.

    Raises
    ------
    StateError
        If the file can't be opened, or is no ledger.
    """

    at = None

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.path = Path(path).expanduser().absolute()
        self._store = Store(self.path)
        self._present = Snapshot(self._store)
        self._clock = clock
        if self._store.fact("made") is None:
            for name in _FOLLOWED:
                self._store.follow(name, "{}")
            self._store.set_fact("made", self._now())

    accounts = PartMethod("_present", Snapshot.accounts)
    payments = PartMethod("_present", Snapshot.payments)
    money_requests = PartMethod("_present", Snapshot.money_requests)
    cards = PartMethod("_present", Snapshot.cards)
    card_transactions = PartMethod("_present", Snapshot.card_transactions)
    events = PartMethod("_present", Snapshot.events)
    scheduled_payments = PartMethod("_present", Snapshot.scheduled_payments)
    frame = PartMethod("_present", Snapshot.frame)
    balances = PartMethod("_present", Snapshot.balances)
    sql = PartMethod("_present", Snapshot.sql)
    export = PartMethod("_present", Snapshot.export)

    def follow(self, operation: str, **given: Any) -> None:
        """Add a list that every later sync reads: ``ledger.follow("invoice.list")``.

        Parameters
        ----------
        operation
            The name of any operation that lists. A list of an account is read for every account.
        given
            The other ids in its path, if it has any: ``card_id=7``.

        Raises
        ------
        FieldError
            If the operation does not list anything.
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
            The context whose accounts are read; the same user each time.
        deep
            Whether everything is read again, so that every item is as the bank has it. Otherwise
            one page of the items that are final is read each time, in turn.
        progress
            Whether to show a bar, with an estimate, if it takes longer than a second.
        wait_s
            How long to wait for another sync of this file; without a limit if it is left out.

        Returns
        -------
        SyncReport
            Its repr is one line.

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
            If a list could not be read. The other lists have been read, and the next sync reads
            this one.
        """
        started = time.monotonic()
        with lock_file(self.path, wait_s):
            self._check_owner(bunq)
            pages = Progress()
            sync = Sync(self._store, bunq.call, now=self._now, progress=pages, deep=deep)
            try:
                with _bar(pages, is_shown=progress):
                    tally = sync.run(self._followed())
            except KeyboardInterrupt as error:
                raise Interrupted(
                    "Stopped. What has come is kept, and the next sync goes on from there: "
                    "error.frame says how far each list is.",
                    self.status(),
                ) from error
        return self._report(tally, pages.pages, time.monotonic() - started)

    def as_of(self, when: str | date | datetime) -> Snapshot:
        """Return what was known at an instant.

        Parameters
        ----------
        when
            An instant, or a day in Amsterdam, which stands for its end.

        Returns
        -------
        Snapshot
            It has the tables of the ledger, without corrections that were seen later. They say
            whether everything had been seen by then.
        """
        is_day = isinstance(when, date) and not isinstance(when, datetime)
        if is_day or (isinstance(when, str) and len(when) == _DAY):
            write_instant(when, "when")
            when = date.fromisoformat(str(when)) + timedelta(days=1)
        return Snapshot(self._store, write_instant(when, "when"))

    def status(self) -> pd.DataFrame:
        """Return one row for each list: how much of it is there, and whether it is complete.

        Returns
        -------
        DataFrame
            ``operation, account_id, items, complete, complete_until, refused``.
        """
        counts = {
            row["listing"]: row["items"]
            for row in self._store.rows("SELECT listing, COUNT(*) AS items FROM item GROUP BY 1")
        }
        rows = [
            (
                listing.operation,
                listing.account_id or None,
                counts.get(listing.number, 0),
                listing.is_complete,
                listing.complete_until,
                listing.refused,
            )
            for listing in self._store.listings()
        ]
        types = {
            "operation": "str", "account_id": "Int64", "items": "int64", "complete": "bool",
            "complete_until": "str", "refused": "str",
        }  # fmt: skip
        frame = pd.DataFrame(rows, columns=list(types)).astype(types)
        until = pd.to_datetime(frame["complete_until"], utc=True).dt.as_unit("us")
        return frame.assign(complete_until=until)

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
            What was saved, where, and what is known to be lost. A sync of the new ledger with
            ``deep=True`` fetches the rest.

        Raises
        ------
        BusyError
            If a sync of it has not ended.
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
        counts = self._store.rows(
            "SELECT COUNT(*) AS items, SUM(operation = 'payment.list') AS payments "
            "FROM item JOIN listing ON number = listing"
        )[0]
        items = f"{counts['items']:,} items, {counts['payments'] or 0:,} of them payments"
        until = self._complete_until()
        state = f"complete up to {until} UTC" if until else "not complete: call ledger.sync(bunq)"
        return f"<Ledger {self.path}: {items}; {state}>"

    def _report(self, tally: Tally, pages: int, seconds: float) -> SyncReport:
        until = self._complete_until()
        return SyncReport(
            new=tally.new,
            corrected=tally.corrected,
            gone=tally.gone,
            pages=pages,
            seconds=seconds,
            complete=until is not None,
            until=None if until is None else datetime.fromisoformat(until).replace(tzinfo=UTC),
            refused=tuple(
                f"{listing.operation} of {listing.account_id or 'the user'}: {listing.refused}"
                for listing in self._store.listings()
                if listing.refused
            ),
        )

    def _complete_until(self) -> str | None:
        """Return up to when every list is complete; ``None`` if one has gaps.

        Lists that the bank refuses, and those of accounts that it no longer has, don't count.
        """
        accounts = self._store.objects(self._store.listing(ACCOUNTS))
        ids = {0, *(account["id"] for account in accounts)}
        listings = [
            listing
            for listing in self._store.listings()
            if listing.account_id in ids and not listing.refused
        ]
        if not listings or not all(listing.is_complete for listing in listings):
            return None
        return min(str(listing.complete_until) for listing in listings)

    def _followed(self) -> dict[Operation, list[str]]:
        followed: dict[Operation, list[str]] = {}
        for name, arguments in self._store.followed():
            followed.setdefault(operation_named(name), []).append(arguments)
        return followed

    def _check_owner(self, bunq: Context) -> None:
        user = f"{bunq.settings.environment} user {bunq.user_id}"
        owner = self._store.fact("owner")
        if owner is None:
            self._store.set_fact("owner", user)
        elif owner != user:
            raise StateError(
                f"{self.path} is the ledger of {owner}, and this is {user}. Give each its own."
            )

    def _now(self) -> str:
        return write_time(self._clock())


@contextmanager
def _bar(progress: Progress, *, is_shown: bool) -> Iterator[None]:
    """Show the number of pages, how many there may be, and how long they will take."""
    from tqdm.auto import tqdm

    with tqdm(disable=not is_shown, delay=1, unit=" pages", desc="Syncing") as bar:

        def show(pages: int, expected: int) -> None:
            bar.total = expected
            bar.update(pages - bar.n)

        progress.show = show
        yield
