"""Settles what is unsettled: looks each write up, and says what became of it."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from bunqkit.catalogue.operations import Operation
from bunqkit.client.answer import Answer
from bunqkit.client.journal import Entry, Journal
from bunqkit.context.outcome import NOTHING_KNOWN, Books, Write
from bunqkit.errors import CallError, FieldError, SignatureError, UnknownNameError


@dataclass(frozen=True)
class Settled:
    """What became of one write.

    Attributes
    ----------
    entry
        The write, as the journal knows it.
    outcome
        ``made``, ``not made``, ``unknown``, or ``forgotten`` if a person said so.
    item
        What was made, if anything.
    candidates
        What may be it, if nobody can say.
    """

    entry: Entry
    outcome: str
    item: Mapping[str, Any] | None = None
    candidates: tuple[Mapping[str, Any], ...] = ()

    def __str__(self) -> str:
        told = f"{self.outcome}: {self.entry}"
        if self.outcome != "unknown":
            number = (self.item or {}).get("id")
            return f"{told}{f', id {number}' if number else ''}"
        place = f"account {self.entry.account}" if self.entry.account else self.entry.path
        ids = ", ".join(str(each.get("id")) for each in self.candidates)
        return (
            f"{told}. Nothing that can be looked up tells it from others. In the app, look at "
            f"{place} around that time, and compare amount, payee, description and state with "
            f"what you sent{f' (it may be id {ids})' if ids else ''}. Once you know: "
            f"bunq.settle(forget={self.entry.id!r})."
        )


class Settlement(tuple[Settled, ...]):
    """What became of each write that was unsettled, one a line."""

    __slots__ = ()

    @property
    def unknown(self) -> tuple[Entry, ...]:
        """The writes that a person has to look at."""
        return tuple(each.entry for each in self if each.outcome == "unknown")

    def __repr__(self) -> str:
        return "\n".join(map(str, self)) or "Nothing was unsettled."

    def _repr_html_(self) -> str:
        from bunqkit.display.html import card, table  # noqa: PLC0415 (front ends only)

        rows = [[each.outcome, str(each)] for each in self]
        return card("Settled", table(["outcome", "write"], rows)) if rows else card(repr(self))


def settle(
    journal: Journal,
    books: Books,
    find: Callable[[str], Operation | None],
    read: Callable[[str], Answer],
    *,
    forget: Iterable[str] = (),
) -> Settlement:
    """Return what became of each write that is unsettled, and forget those that are known.

    Parameters
    ----------
    journal, books
        What is unsettled, and what is known.
    find
        Gives the operation of a name, if there is one.
    read
        Gets a path.
    forget
        Ids of writes that a person has looked up.

    Raises
    ------
    FieldError
        If such an id is none of an unsettled write.
    """
    entries = journal.unsettled()
    forgotten = set(forget)
    if strangers := forgotten - {entry.id for entry in entries}:
        raise FieldError(
            f"{', '.join(sorted(strangers))} is no id of an unsettled write. bunq.unsettled has "
            "the ids."
        )
    done = {entry.id: Settled(entry, "forgotten") for entry in entries if entry.id in forgotten}

    def look(entries: Iterable[Entry]) -> list[Entry]:
        """Look up those that have no outcome; return those that are not there."""
        pages: dict[str, Answer] = {}

        def read_once(path: str) -> Answer:
            if path not in pages:
                pages[path] = Answer(read(path).exchange, read_once)
            return pages[path]

        absent = []
        for entry in entries:
            found = NOTHING_KNOWN
            with contextlib.suppress(CallError, SignatureError, UnknownNameError):
                write = Write(entry, find(entry.operation), journal, books, read_once)
                found = write.look(most=None)
            if found.answer is not None:
                done[entry.id] = Settled(entry, "made", next(iter(found.answer.items), None))
                continue
            done[entry.id] = Settled(entry, "unknown", candidates=tuple(found.candidates))
            absent += [entry] if found.is_absent else []
        return absent

    absent = look(entry for entry in entries if entry.id not in forgotten)
    # What was sent may still be under way at the bank: only later can it be said "not made".
    wait_s = max(map(journal.lost_at, absent), default=0.0) + books.grace_s - time.time()
    if absent and wait_s > 0:
        sys.stderr.write(f"Looking again in {wait_s:.0f} s: it may still be under way.\n")
        books.sleep(wait_s)
        absent = look(absent)
    done |= {entry.id: Settled(entry, "not made") for entry in absent}
    for each in done.values():
        if each.outcome != "unknown":
            journal.end(each.entry)
    return Settlement(done[entry.id] for entry in entries)
