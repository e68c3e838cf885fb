"""Brings a ledger up to date with the bank: what is new, and what of the old has changed.

A list is read from its newest page down to the items that are known, and some pages beyond. Then
follow the pages of all items that may still change, and one page of old items, another one each
time, so that every correction is seen in the end. If a page brings corrections, the page below it
is looked at too, if need be by the next sync. The cost of a sync does not depend on the size of
the ledger.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import chain, count
from typing import Any
from urllib.parse import parse_qs, urlsplit

from bunqkit.catalogue.operations import Operation, operation as operation_named
from bunqkit.client.answer import Answer
from bunqkit.errors import ApiError, BunqkitError
from bunqkit.ledger.page_writer import write_page
from bunqkit.ledger.store import Item, Listing, Store, Tally

ACCOUNTS = "monetary-account.list"
EVENTS = "event.list"
PAGE = 200
"""The largest page that bunq gives. Source: bunq docs, "Pagination"."""

# The number of known items that are read again each time.
_WINDOW = 100
_THREADS = 8
# How long after its creation an item may change without a status that says so. Source: Mastercard's
# chargeback guide, 540 days at most; SEPA's direct debit scheme, eight weeks.
_CHANGES_FOR = {"MasterCardAction": timedelta(days=540), "RequestResponse": timedelta(days=56)}
_WAITING = re.compile(r"(?:^|_)(?:PENDING|AWAITING|WAITING|REQUESTED|PROGRESS|ACTIVE|OPEN)(?:_|$)")
# Not every kind of account has every list: with these statuses the bank refuses one.
_REFUSALS = (400, 403, 404)
# A text that sorts after every date.
_FOR_EVER = "9"
_END_OF_WALK = dict.fromkeys(("walk_top", "walk_at", "walk_began", "refused"))


@dataclass
class Progress:
    """How far a sync is.

    Attributes
    ----------
    pages
        The number of pages that were read.
    show
        Called after each page with the number of pages read, and the number expected in all,
        which is estimated from the dates of the items.
    """

    pages: int = 0
    show: Callable[[int, int], object] = lambda _pages, _expected: None
    _left: dict[int, float] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, listing: Listing, left: float) -> None:
        """Count one page, and note how many more pages are expected of its list."""
        with self._lock:
            self.pages += 1
            self._left[listing.number] = left
            self.show(self.pages, self.pages + round(sum(self._left.values())))


class Sync:
    """One run over all lists.

    Parameters
    ----------
    store
        The file that is brought up to date.
    call
        Calls an operation at the bank.
    now
        Returns the present as text, in UTC.
    progress
        Counts the pages.
    deep
        Whether every list is read again to its end.
    """

    def __init__(
        self,
        store: Store,
        call: Callable[..., Answer],
        *,
        now: Callable[[], str],
        progress: Progress,
        deep: bool,
    ) -> None:
        self.store = store
        self.is_deep = deep
        self._call = call
        self._now = now
        self._progress = progress
        self._stopped = threading.Event()
        self._opened: str | None = None

    def run(self, followed: Mapping[Operation, list[str]]) -> Tally:
        """Read the accounts, then all lists that are followed, events last.

        Parameters
        ----------
        followed
            The operations, each with the arguments of its lists as JSON objects.

        Raises
        ------
        BunqkitError
            The first error; the other lists have been read all the same.
        """
        tally = self._read(self.store.listing(ACCOUNTS))
        accounts = self.store.objects(self.store.listing(ACCOUNTS))
        created = [account.get("created") for account in accounts]
        self._opened = min((time for time in created if isinstance(time, str)), default=None)
        ids = [account["id"] for account in accounts]
        # An event shows its object as it stands, so changes of objects have to be known before.
        phases = [
            [
                self.store.listing(operation.name, account_id, arguments)
                for operation, all_arguments in followed.items()
                if (operation.name == EVENTS) == is_last and operation.name != ACCOUNTS
                for arguments in all_arguments
                for account_id in (ids if is_of_account(operation) else [0])
            ]
            for is_last in (False, True)
        ]
        errors: list[BunqkitError] = []
        for listings in phases:
            tally += self._read_all(listings, errors)
        if errors:
            raise errors[0]
        return tally

    def read_page(self, listing: Listing, below: int | None) -> ListPage:
        """Fetch the newest page of a list, or the one below an id."""
        if self._stopped.is_set():
            raise _StoppedError
        asked = self._now()
        paging: dict[str, int] = {}
        if operation_named(listing.operation).is_paged:
            paging["count"] = PAGE
            if below is not None:
                paging["older_id"] = below
        answer = self._call(listing.operation, **listing.arguments, **paging)
        return ListPage(answer, asked, below, is_paged=bool(paging))

    def keep(
        self,
        listing: Listing,
        page: ListPage,
        cursor: Mapping[str, object],
        *,
        number: int = 1,
        ends_pass: str | None = None,
        leads_on: bool = True,
    ) -> Tally:
        """Write a page with its cursor into the ledger, and report the progress.

        Parameters
        ----------
        listing, page
            The list, and a page of it.
        cursor, ends_pass
            As for ``write_page``.
        number
            The position of the page in this reading, from 1.
        leads_on
            Whether the page below is looked at if this one brings corrections.
        """
        tally = write_page(
            self.store,
            listing,
            page.items,
            above=None if page.older is None else page.lowest - 1,
            below=page.below,
            seen=page.asked,
            cursor=cursor,
            ends_pass=ends_pass,
            leads_to=page.older if leads_on else None,
        )
        is_walking = "walk_at" in cursor and not ends_pass
        self._progress.add(listing, self._estimate(listing, page, number) if is_walking else 0.0)
        return tally

    def _read_all(self, listings: list[Listing], errors: list[BunqkitError]) -> Tally:
        tally = Tally()
        with ThreadPoolExecutor(_THREADS) as pool:
            futures = [pool.submit(self._read, listing) for listing in listings]
            try:
                for future in futures:
                    try:
                        tally += future.result()
                    except BunqkitError as error:
                        errors.append(error)
            except BaseException:
                # The present page of each list is kept; the next sync goes on from there.
                self._stopped.set()
                pool.shutdown(cancel_futures=True)
                raise
        return tally

    def _read(self, listing: Listing) -> Tally:
        try:
            return sum(_Walk(self, listing).go(), Tally())
        except ApiError as error:
            # A list that was read before is not given up.
            if error.status not in _REFUSALS or not error.signed or listing.top is not None:
                raise
            self.store.refuse(listing, "; ".join(error.messages))
            return Tally()
        except _StoppedError:
            return Tally()

    def _estimate(self, listing: Listing, page: ListPage, number: int) -> float:
        """Return how many pages may lie below one, if items are as dense there as above it."""
        newest, opened = self.store.newest_time(listing), self._opened
        time = page.items[-1].item.get("created") if page.items else None
        if listing.top is not None or newest is None or opened is None or not isinstance(time, str):
            return 1.0
        try:
            first, here, last = (datetime.fromisoformat(text) for text in (opened, time, newest))
        except ValueError:
            return 1.0
        passed_s = max((last - here).total_seconds(), 1.0)
        return number * max((here - first).total_seconds(), 0.0) / passed_s


class ListPage:
    """A page of a list, and the id below which the next one begins.

    Attributes
    ----------
    asked
        When it was asked for.
    below
        The id below which it was asked for; ``None`` for the newest page.
    items
        Its items, newest first.
    highest, lowest
        The highest and the lowest id on it.
    older
        The id below which the next page begins; ``None`` if there is none.
    """

    def __init__(self, answer: Answer, asked: str, below: int | None, *, is_paged: bool) -> None:
        self.asked = asked
        self.below = below
        items = answer.items
        # A list without pages comes whole, so its items need no ids: their positions serve.
        positions = range(len(items) - 1, -1, -1)
        numbers = [item.get("id") for item in items] if is_paged else positions
        ids = [number for number in numbers if isinstance(number, int) and 0 <= number < 2**63]
        if len(ids) < len(items):
            raise answer.exchange.unusable("an item of it has no id, so it can't be followed")
        self.items = [
            Item(number, kind, item, _open_until(kind, item), _object_of(kind, item))
            for number, kind, item in zip(ids, answer.types, items, strict=True)
        ]
        self.highest = max(ids, default=0)
        self.lowest = min(ids, default=0)
        self.older = _older_id(answer)
        # A reading comes to its end only if every page lies below the one before.
        is_above = below is not None and self.highest >= below
        if is_above or (self.older is not None and (not ids or self.older > self.lowest)):
            raise answer.exchange.unusable("it is not the page that was asked for")


class _Walk:
    """One reading of one list."""

    def __init__(self, sync: Sync, listing: Listing) -> None:
        self._sync = sync
        self._listing = listing
        self._lowest = 0
        self._reached_end = False

    def go(self) -> Iterator[Tally]:
        """Read what is new and what may have changed; return the tally of each page."""
        listing, floor = self._listing, self._listing.top
        # The balances of accounts change with every payment, and a list without pages comes whole.
        if listing.operation == ACCOUNTS or not operation_named(listing.operation).is_paged:
            yield from self._descend(None, None)
            return
        if listing.suspect is not None:
            yield from self._look_on(listing.suspect)
        if listing.walk_at is not None:
            # A reading that was cut short is ended first: items below it may be missing.
            yield from self._descend(
                listing.walk_at, floor, top=listing.walk_top, began=listing.walk_began
            )
            floor = max(listing.walk_top or 0, floor or 0)
        yield from self._descend(None, None if self._sync.is_deep else floor)
        if self._reached_end:
            return
        lowest = self._lowest
        while (newest := self._sync.store.newest_open(listing, lowest)) is not None:
            page = self._sync.read_page(listing, newest + 1)
            yield self._sync.keep(listing, page, {}, leads_on=False)
            lowest = page.lowest if page.older is not None else -1
        yield from self._look_on(min(listing.turn or self._lowest, self._lowest))

    def _descend(
        self,
        below: int | None,
        floor: int | None,
        *,
        top: int | None = None,
        began: str | None = None,
    ) -> Iterator[Tally]:
        """Read pages down to what is known, and on while they bring corrections.

        Parameters
        ----------
        below
            The id below which the reading begins; ``None`` for the newest page.
        floor
            The id up to which all items are known; ``None`` reads to the end.
        top, began
            The newest id and the beginning of a reading that was cut short.
        """
        known_count, is_known = 0, False
        for number in count(1):
            page = self._sync.read_page(self._listing, below)
            began = began or page.asked
            top = page.highest if top is None else top
            known_count += sum(floor is not None and item.id <= floor for item in page.items)
            self._lowest, self._reached_end = page.lowest, page.older is None
            ends_pass, cursor = None, {}
            if not is_known:
                is_known = floor is not None and page.lowest <= floor and known_count >= _WINDOW
                cursor = {"walk_top": top, "walk_at": page.older, "walk_began": began}
                if self._reached_end or is_known:
                    ends_pass = began
                    cursor = {"top": top, "complete_until": began, **_END_OF_WALK}
            tally = self._sync.keep(self._listing, page, cursor, number=number, ends_pass=ends_pass)
            yield tally
            below = page.older
            if below is None or (is_known and not tally.is_correcting):
                return

    def _look_on(self, below: int | None) -> Iterator[Tally]:
        """Read one page of items that were final, and further ones while they bring corrections."""
        while below is not None:
            page = self._sync.read_page(self._listing, below)
            tally = self._sync.keep(self._listing, page, {"turn": page.older})
            yield tally
            below = page.older if tally.is_correcting else None


class _StoppedError(Exception):
    """The run was stopped; what has come is kept."""


def is_of_account(operation: Operation) -> bool:
    """Return True if an operation lists what belongs to one account."""
    return "{monetary-accountID}" in operation.path


def write_time(moment: datetime) -> str:
    """Return an instant as text in UTC, in the format of bunq's times."""
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.%f")


def _object_of(kind: str, item: Mapping[str, Any]) -> str | None:
    """Return the type and id of the object that an event is about."""
    wrapped = item.get("object") if kind == "Event" else None
    if not isinstance(wrapped, Mapping) or len(wrapped) != 1:
        return None
    name, fields = next(iter(wrapped.items()))
    return f"{name}/{fields.get('id')}" if isinstance(fields, Mapping) else None


def _open_until(kind: str, item: Mapping[str, Any]) -> str | None:
    """Return until when an item may change; ``None`` if it is final."""
    statuses = (
        value
        for part in _parts(kind, item)
        for name, value in part.items()
        if name.endswith("status") and isinstance(value, str)
    )
    if any(_WAITING.search(status) for status in statuses):
        return _FOR_EVER
    created, period = item.get("created"), _CHANGES_FOR.get(kind)
    if period is None or not isinstance(created, str):
        return None
    try:
        return write_time(datetime.fromisoformat(created).replace(tzinfo=UTC) + period)
    except ValueError:
        return None


def _parts(kind: str, item: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Return the parts of an item whose status counts: itself, and the members of a batch."""
    yield item
    values: Iterable[Any] = (value for name, value in item.items() if name.startswith("payment_"))
    if kind == "Event" and isinstance(item.get("object"), Mapping):
        objects = [fields for fields in item["object"].values() if isinstance(fields, Mapping)]
        lists = (value for fields in objects for value in fields.values())
        members = chain.from_iterable(value for value in lists if isinstance(value, list))
        values = chain(values, members)
    yield from (value for value in values if isinstance(value, Mapping))


def _older_id(answer: Answer) -> int | None:
    """Return the ``older_id`` of the bank's own ``older_url``."""
    url = (answer.envelope.get("Pagination") or {}).get("older_url")
    if not url:
        return None
    text = parse_qs(urlsplit(url).query).get("older_id", [""])[0]
    if not text.isdecimal():
        raise answer.exchange.unusable("its older_url has no older_id")
    return int(text)
