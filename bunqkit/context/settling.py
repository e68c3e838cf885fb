"""Looks up what became of the unsettled writes."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from bunqkit.catalogue.operations import Operation
from bunqkit.client.answer import Answer
from bunqkit.client.journal import Entry
from bunqkit.context.lookup import NOTHING_KNOWN
from bunqkit.context.writes import Writes
from bunqkit.errors import CallError, FieldError, SignatureError, UnknownNameError


@dataclass(frozen=True)
class Settled:
    """What became of one write.

    Attributes
    ----------
    entry
        The write, as the journal describes it.
    outcome
        ``made``, ``not made``, ``unknown``, or ``forgotten`` if a person decided so.
    item
        What was made, if anything.
    candidates
        The items that may be it, if the outcome is unknown.
    """

    entry: Entry
    outcome: str
    item: Mapping[str, Any] | None = None
    candidates: tuple[Mapping[str, Any], ...] = ()

    def __str__(self) -> str:
        text = f"{self.outcome}: {self.entry}"
        if self.outcome != "unknown":
            number = (self.item or {}).get("id")
            return f"{text}{f', id {number}' if number else ''}"
        place = f"account {self.entry.account}" if self.entry.account else self.entry.path
        ids = ", ".join(str(item.get("id")) for item in self.candidates)
        return (
            f"{text}. Nothing that the kit can read distinguishes it from other items. In the app, "
            f"look at {place} around that time, and compare amount, payee, description and state "
            f"with what you sent{f' (it may be id {ids})' if ids else ''}. Once you know: "
            f"bunq.settle(forget={self.entry.id!r})."
        )


class Settlement(tuple[Settled, ...]):
    """What became of each write that was unsettled, one on each line."""

    __slots__ = ()

    @property
    def unknown(self) -> tuple[Entry, ...]:
        """The writes that a person has to look at."""
        return tuple(write.entry for write in self if write.outcome == "unknown")

    def __repr__(self) -> str:
        return "\n".join(map(str, self)) or "Nothing was unsettled."

    def _repr_html_(self) -> str:
        from bunqkit.display.html import card, table

        rows = [[write.outcome, str(write)] for write in self]
        return card("Settled", table(["outcome", "write"], rows)) if rows else card(repr(self))


def settle(
    writes: Writes, find_operation: Callable[[str], Operation | None], *, forget: Iterable[str] = ()
) -> Settlement:
    """Look up each unsettled write, and forget those whose outcome is known.

    Parameters
    ----------
    writes
        The writes of a context.
    find_operation
        Returns the operation of a name, or ``None``.
    forget
        Ids of writes that a person has looked up.

    Raises
    ------
    FieldError
        If an id is not that of an unsettled write.
    """
    journal = writes.journal
    entries = journal.unsettled()
    forgotten = set(forget)
    if unknown_ids := forgotten - {entry.id for entry in entries}:
        raise FieldError(
            f"No unsettled write has the id {', '.join(sorted(unknown_ids))}. bunq.unsettled lists "
            "the ids."
        )
    results = {entry.id: Settled(entry, "forgotten") for entry in entries if entry.id in forgotten}

    def look_up(entries: Iterable[Entry]) -> list[Entry]:
        """Note the outcome of each entry, and return those that were not made so far."""
        pages: dict[str, Answer] = {}

        def read_once(path: str) -> Answer:
            if path not in pages:
                pages[path] = Answer(writes.read_list(path).exchange, read_once)
            return pages[path]

        absent = []
        for entry in entries:
            look = NOTHING_KNOWN
            with contextlib.suppress(CallError, SignatureError, UnknownNameError):
                lookup = writes.lookup(entry, find_operation(entry.operation), read=read_once)
                look = lookup.look(max_pages=None)
            if look.answer is not None:
                results[entry.id] = Settled(entry, "made", next(iter(look.answer.items), None))
                continue
            results[entry.id] = Settled(entry, "unknown", candidates=tuple(look.candidates))
            absent += [entry] if look.is_absent else []
        return absent

    absent = look_up(entry for entry in entries if entry.id not in forgotten)
    # A write may still be under way at the bank: "not made" is certain only later.
    wait_s = max(map(journal.lost_at, absent), default=0.0) + writes.grace_s - time.time()
    if absent and wait_s > 0:
        sys.stderr.write(f"Looking again in {wait_s:.0f} s: a write may still be under way.\n")
        writes.sleep(wait_s)
        absent = look_up(absent)
    results |= {entry.id: Settled(entry, "not made") for entry in absent}
    for result in results.values():
        if result.outcome != "unknown":
            journal.end(result.entry)
    return Settlement(results[entry.id] for entry in entries)
