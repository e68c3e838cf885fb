"""Brings a store up to date with the bank: what is new, and what of the old has changed.

A list is read from its newest page down to what is known, and a window beyond it. Then come the
pages of everything that may still change, and one page of the old, another each time, so that no
correction stays unseen for ever. Where a page brings corrections, its older neighbour is looked at
too, if need be by the next sync. What a sync costs does not depend on how much there is.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import chain, count
from typing import Any
from urllib.parse import parse_qs, urlsplit

from bunqkit.catalogue.operations import Operation, operation as operation_named
from bunqkit.client.answer import Answer
from bunqkit.errors import ApiError, BunqkitError
from bunqkit.ledger.store import Item, Listing, Store, Tally

ACCOUNTS = "monetary-account.list"
EVENTS = "event.list"
PAGE = 200
"""The largest page that bunq gives. Source: bunq docs, "Pagination"."""

# So many items that are known are read again each time.
_WINDOW = 100
_THREADS = 8
# How long after it was made an item may change without a status that says so. Source: Mastercard's
# chargeback guide, 540 days at most; SEPA's direct debit scheme, eight weeks.
_CHANGES_FOR = {"MasterCardAction": timedelta(days=540), "RequestResponse": timedelta(days=56)}
_WAITING = re.compile(r"(?:^|_)(?:PENDING|AWAITING|WAITING|REQUESTED|PROGRESS|ACTIVE|OPEN)(?:_|$)")
_REFUSALS = (400, 403, 404)
_DONE = dict.fromkeys(("walk_top", "walk_at", "walk_began", "refused"))


@dataclass
class Progress:
    """How far a sync is.

    Attributes
    ----------
    pages
        How many pages came.
    expected
        How many pages there may be in all, told from the dates of what has come.
    """

    pages: int = 0
    _left: dict[int, float] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    show: Callable[[int, int], object] = lambda _pages, _expected: None

    def add(self, listing: Listing, left: float) -> None:
        """Count a page, after which so many are expected of its list."""
        with self._lock:
            self.pages += 1
            self._left[listing.number] = left
            self.show(self.pages, self.pages + round(sum(self._left.values())))


class Sync:
    """One run over all lists.

    Parameters
    ----------
    store
        What is brought up to date.
    call
        Calls an operation at the bank.
    now
        Gives the present as text, in UTC.
    progress
        Is told of every page.
    deep
        Whether everything is read again, to its end.
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
        self._store = store
        self._call = call
        self._now = now
        self._progress = progress
        self._deep = deep
        self._stopped = threading.Event()
        self._opened: str | None = None

    def run(self, followed: Mapping[Operation, list[str]]) -> Tally:
        """Read the accounts, then every list of everything followed; events last.

        Parameters
        ----------
        followed
            Operations, and what each is given: one JSON object for each list of it.

        Raises
        ------
        BunqkitError
            The first that came; the other lists have been read all the same.
        """
        tally = self._read(self._store.listing(ACCOUNTS))
        accounts = self._accounts()
        # Events tell objects as they stand, so what changed has to be known before.
        phases = [
            [
                self._store.listing(operation.name, account_id, given)
                for operation, all_given in followed.items()
                if (operation.name == EVENTS) == is_last and operation.name != ACCOUNTS
                for given in all_given
                for account_id in (accounts if is_of_account(operation) else [0])
            ]
            for is_last in (False, True)
        ]
        problems: list[BunqkitError] = []
        for listings in phases:
            tally += self._read_all(listings, problems)
        if problems:
            raise problems[0]
        return tally

    def _accounts(self) -> list[int]:
        known = self._store.objects(self._store.listing(ACCOUNTS))
        made = [account.get("created") for account in known]
        self._opened = min((each for each in made if isinstance(each, str)), default=None)
        return [account["id"] for account in known]

    def _read_all(self, listings: list[Listing], problems: list[BunqkitError]) -> Tally:
        tally = Tally()
        with ThreadPoolExecutor(_THREADS) as pool:
            running = [pool.submit(self._read, listing) for listing in listings]
            try:
                for each in running:
                    try:
                        tally += each.result()
                    except BunqkitError as error:
                        problems.append(error)
            except BaseException:
                # The page at hand is kept; the walk goes on from there next time.
                self._stopped.set()
                pool.shutdown(cancel_futures=True)
                raise
        return tally

    def _read(self, listing: Listing) -> Tally:
        try:
            return sum(_Walk(self, listing).go(), Tally())
        except ApiError as error:
            # Not every kind of account has every list: that is no reason to do without the others.
            if error.status not in _REFUSALS or not error.signed or listing.top is not None:
                raise
            self._store.refuse(listing, "; ".join(error.messages))
            return Tally()
        except _StoppedError:
            return Tally()

    def page(self, listing: Listing, below: int | None) -> _Page:
        """Ask for a page, the newest or the one below an id."""
        if self._stopped.is_set():
            raise _StoppedError
        asked = self._now()
        paging: dict[str, int] = {}
        if operation_named(listing.operation).is_paged:
            paging["count"] = PAGE
            if below is not None:
                paging["older_id"] = below
        answer = self._call(listing.operation, **listing.arguments, **paging)
        return _Page(answer, asked, below, is_paged=bool(paging))

    def keep(
        self,
        listing: Listing,
        page: _Page,
        cursor: Mapping[str, object],
        *,
        ends: str | None = None,
        leads_on: bool = True,
    ) -> Tally:
        """Keep a page with its cursor, and tell of it."""
        tally = self._store.keep(
            listing,
            page.items,
            above=None if page.older is None else page.lowest - 1,
            below=page.below,
            seen=page.asked,
            cursor=cursor,
            ends_pass=ends,
            leads_to=page.older if leads_on else None,
        )
        left = self._estimate(listing, page) if "walk_at" in cursor and not ends else 0.0
        self._progress.add(listing, left)
        return tally

    def newest_open(self, listing: Listing, below: int) -> int | None:
        """Give the newest id below another of what may still change."""
        return self._store.newest_open(listing, below)

    @property
    def is_deep(self) -> bool:
        """Whether everything is read again."""
        return self._deep

    def _estimate(self, listing: Listing, page: _Page) -> float:
        """Tell from the dates how many pages lie below one, at the pace of those above it."""
        newest, opened = self._store.newest_time(listing), self._opened
        at = page.items[-1].item.get("created") if page.items else None
        if listing.top is not None or newest is None or opened is None or not isinstance(at, str):
            return 1.0
        try:
            first, here, last = (datetime.fromisoformat(each) for each in (opened, at, newest))
        except ValueError:
            return 1.0
        passed = (last - here) / timedelta(seconds=1)
        return page.number * max((here - first) / timedelta(seconds=1), 0) / max(passed, 1.0)


class _Page:
    """A page of a list, and where the older one begins."""

    number = 1

    def __init__(self, answer: Answer, asked: str, below: int | None, *, is_paged: bool) -> None:
        self.asked = asked
        self.below = below
        items = answer.items
        # What comes whole needs no ids: each item is known by its place.
        places = reversed(range(len(items)))
        told = [item.get("id") if is_paged else next(places) for item in items]
        ids = [each for each in told if isinstance(each, int) and 0 <= each < 2**63]
        if len(ids) < len(items):
            raise answer.exchange.unusable("an item of it has no id, so it can't be followed")
        self.items = [
            Item(number, kind, item, _open_until(kind, item), _told_of(kind, item))
            for number, kind, item in zip(ids, answer.types, items, strict=True)
        ]
        self.highest = max(ids, default=0)
        self.lowest = min(ids, default=0)
        self.older = _older_id(answer)
        # As long as each page lies below the one before, a walk comes to its end.
        is_above = below is not None and self.highest >= below
        if is_above or (self.older is not None and (not ids or self.older > self.lowest)):
            raise answer.exchange.unusable("it is not the page that was asked for")


class _Walk:
    """One reading of one list."""

    def __init__(self, sync: Sync, listing: Listing) -> None:
        self._sync = sync
        self._listing = listing
        operation = operation_named(listing.operation)
        # Balances change with every payment, and what has no pages comes whole.
        self._is_whole = listing.operation == ACCOUNTS or not operation.is_paged
        self._lowest = 0
        self._reached_end = False

    def go(self) -> Iterator[Tally]:
        """Read what is new and what may have changed, and tell what each page brought."""
        listing, floor = self._listing, self._listing.top
        if self._is_whole:
            yield from self._descend(None, None)
            return
        if listing.suspect is not None:
            # A page brought corrections, and its neighbour has not been looked at.
            yield from self._look_on(listing.suspect)
        if listing.walk_at is not None:
            # What was cut short is ended first: below it items may be missing.
            yield from self._descend(
                listing.walk_at, floor, top=listing.walk_top, began=listing.walk_began
            )
            floor = max(listing.walk_top or 0, floor or 0)
        yield from self._descend(None, None if self._sync.is_deep else floor)
        if self._reached_end:
            return
        lowest = self._lowest
        while (newest := self._sync.newest_open(listing, lowest)) is not None:
            page = self._sync.page(listing, newest + 1)
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
        """Read pages from the newest, or from below an id, down to what is known."""
        known, is_known = 0, False
        for number in count(1):
            page = self._sync.page(self._listing, below)
            page.number = number
            began = began or page.asked
            top = page.highest if top is None else top
            known += sum(floor is not None and each.id <= floor for each in page.items)
            self._lowest, self._reached_end = page.lowest, page.older is None
            ends, cursor = None, {}
            if not is_known:
                is_known = floor is not None and page.lowest <= floor and known >= _WINDOW
                cursor = {"walk_top": top, "walk_at": page.older, "walk_began": began}
                if self._reached_end or is_known:
                    ends, cursor = began, {"top": top, "complete_until": began, **_DONE}
            tally = self._sync.keep(self._listing, page, cursor, ends=ends)
            yield tally
            below = page.older
            if below is None or (is_known and not tally.is_correcting):
                return

    def _look_on(self, below: int | None) -> Iterator[Tally]:
        """Read a page of what was final, and further ones for as long as they bring something."""
        while below is not None:
            page = self._sync.page(self._listing, below)
            tally = self._sync.keep(self._listing, page, {"turn": page.older})
            yield tally
            below = page.older if tally.is_correcting else None


class _StoppedError(Exception):
    """Somebody stopped the run; what came is kept."""


def is_of_account(operation: Operation) -> bool:
    """Whether an operation lists what belongs to one account."""
    return "{monetary-accountID}" in operation.path


def write_time(moment: datetime) -> str:
    """Write an instant as it is kept: like bunq's, in UTC."""
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.%f")


def _told_of(kind: str, item: Mapping[str, Any]) -> str | None:
    """Tell what an event is about: its type and id."""
    told = item.get("object") if kind == "Event" else None
    if not isinstance(told, Mapping) or len(told) != 1:
        return None
    name, inside = next(iter(told.items()))
    return f"{name}/{inside.get('id')}" if isinstance(inside, Mapping) else None


def _open_until(kind: str, item: Mapping[str, Any]) -> str | None:
    """Tell until when an item may change; ``"9"`` stands after every date."""
    statuses = (
        value
        for part in _parts(kind, item)
        for name, value in part.items()
        if name.endswith("status") and isinstance(value, str)
    )
    if any(_WAITING.search(status) for status in statuses):
        return "9"
    created, lasts = item.get("created"), _CHANGES_FOR.get(kind)
    if lasts is None or not isinstance(created, str):
        return None
    try:
        return write_time(datetime.fromisoformat(created).replace(tzinfo=UTC) + lasts)
    except ValueError:
        return None


def _parts(kind: str, item: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Give what of an item has a status that matters: itself, and what a batch consists of."""
    yield item
    inside = [value for name, value in item.items() if name.startswith("payment_")]
    if kind == "Event" and isinstance(item.get("object"), Mapping):
        for told in item["object"].values():
            lists = told.values() if isinstance(told, Mapping) else ()
            inside += chain.from_iterable(each for each in lists if isinstance(each, list))
    yield from (each for each in inside if isinstance(each, Mapping))


def _older_id(answer: Answer) -> int | None:
    """Read the cursor of the bank's own ``older_url``."""
    url = (answer.envelope.get("Pagination") or {}).get("older_url")
    if not url:
        return None
    told = parse_qs(urlsplit(url).query).get("older_id", [""])[0]
    if not told.isdecimal():
        raise answer.exchange.unusable("its older_url names no older_id")
    return int(told)
