"""Finds out what became of a write whose answer was lost.

bunq has no idempotency key, so a write that may have been carried out is not sent again. The kit
looks for it among what the bank shows. With a reference of the kit's own the result is certain: if
an item bears the reference, the write was made; if none does, it was not made. Without a reference
the write was made if exactly one item fits, is new, and was made by no other call. Otherwise the
outcome is unknown, and a person has to look.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import Any, NamedTuple

from bunqkit.catalogue.operations import Operation
from bunqkit.catalogue.values import plain_payee
from bunqkit.client.answer import Answer
from bunqkit.client.journal import Entry, Journal, find_amounts, find_references
from bunqkit.context.references import PREFIX, bears_reference, is_listed
from bunqkit.errors import ApiError

# Pages that a look reads at most. What was sent a moment ago is among the newest items.
_PAGES = 5
_NOT_FOUND = 404

Item = Mapping[str, Any]


@dataclass
class KnownItems:
    """The items that the calls of one context have seen and made.

    Attributes
    ----------
    newest
        The newest id seen, by the path of the list.
    claimed
        Path and id of every item that the context's own calls have made.
    lock
        Held while an item is claimed.
    """

    newest: dict[str, int] = field(default_factory=dict)
    claimed: set[tuple[str, int]] = field(default_factory=set)
    lock: threading.RLock = field(default_factory=threading.RLock, repr=False)

    def note(self, path: str, answer: Answer) -> None:
        """Note the ids in an answer of a list, or of an item that was made in it."""
        if ids := _ids(answer):
            with self.lock:
                self.newest[path] = max(*ids, self.newest.get(path, 0))

    def claim(self, path: str, answer: Answer) -> None:
        """Note that an own call has made an item: it can't be the outcome of a lost write."""
        with self.lock:
            self.note(path, answer)
            self.claimed |= {(path, number) for number in _ids(answer)}


class Look(NamedTuple):
    """The result of one look at the bank.

    Attributes
    ----------
    answer
        The answer with what was made; ``None`` if it was not found.
    candidates
        The items that may be it.
    is_absent
        True if it has certainly not been made so far.
    """

    answer: Answer | None
    candidates: list[dict[str, Any]]
    is_absent: bool = False


NOTHING_KNOWN = Look(None, [])
"""The result of a look that failed."""


@dataclass(frozen=True)
class Lookup:
    """Looks for one write among what the bank shows.

    Attributes
    ----------
    entry
        The write, as the journal describes it.
    operation
        The operation; ``None`` for a path that is not in the catalogue, which can't be looked up.
    journal, known_items
        The writes that are under way, and the items that were known before.
    read
        Reads the list or item at a path.
    """

    entry: Entry
    operation: Operation | None
    journal: Journal
    known_items: KnownItems
    read: Callable[[str], Answer]

    @property
    def is_conclusive(self) -> bool:
        """True if a look can prove that the write was not made."""
        if self.operation is None:
            return False
        return self.entry.method == "DELETE" or bears_reference(self.operation)

    def look(self, *, is_fresh: bool = False, max_pages: int | None = _PAGES) -> Look:
        """Look at the bank once; a write that is found is settled.

        Parameters
        ----------
        is_fresh
            True if the write was sent a moment ago, so that it is among the newest or nowhere.
        max_pages
            The largest number of pages to read; ``None`` for no limit.
        """
        if self.operation is None:
            return NOTHING_KNOWN
        if self.entry.method == "POST":
            return self._look_in_list(self.operation, max_pages, is_fresh=is_fresh)
        look = self._look_at_item(self.operation)
        if look.answer is not None:
            self.settle(look.answer)
        return look

    def settle(self, answer: Answer) -> None:
        """Note the answer of a write that was made, and take the write out of the journal."""
        if self.entry.method == "POST" and self.operation is not None:
            self.known_items.claim(self.entry.path, answer)
        self.journal.end(self.entry)

    def may_be(self, item: Item) -> bool:
        """Return True if an item is new and fits the write."""
        return self._is_new(item) and self._fits(item)

    def _look_in_list(self, operation: Operation, max_pages: int | None, *, is_fresh: bool) -> Look:
        if not is_listed(operation):
            return NOTHING_KNOWN
        new_items, last_page, is_whole = self._read_new_items(max_pages)
        path, known_items = self.entry.path, self.known_items
        with known_items.lock:
            unclaimed = [
                item for item in new_items if (path, item.get("id")) not in known_items.claimed
            ]
            fitting = [item for item in unclaimed if self._fits(item)]
            fitting = [item for item in fitting if self._bears_own_reference(item)] or fitting
            if len(fitting) == 1 and self._is_certain(fitting[0], is_whole=is_whole):
                answer = last_page.answering([{"Id": {"id": fitting[0]["id"]}}])
                self.settle(answer)
                return Look(answer, fitting)
        has_own_reference = any(text.startswith(PREFIX) for text in self.entry.references)
        is_searched = is_whole or (is_fresh and has_own_reference)
        # Without a reference the item may differ from what was sent: then any new item counts.
        suspects = fitting if self.entry.references else unclaimed
        return Look(None, fitting, is_searched and not suspects)

    def _read_new_items(self, max_pages: int | None) -> tuple[list[dict[str, Any]], Answer, bool]:
        """Return the new items of the list, the last page read, and True if none is missing."""
        page = self.read(self.entry.path)
        new_items: list[dict[str, Any]] = []
        count = 1
        while True:
            new_items += filter(self._is_new, page.items)
            if self.entry.newest_before is not None and not all(map(self._is_new, page.items)):
                return new_items, page, True
            older = page.older()
            if older is None or count == max_pages:
                return new_items, page, older is None
            page, count = older, count + 1

    def _is_new(self, item: Item) -> bool:
        newest, number = self.entry.newest_before, item.get("id")
        return newest is None or (isinstance(number, int) and number > newest)

    def _is_certain(self, item: Item, *, is_whole: bool) -> bool:
        """Return True if the only item that fits is certainly the one that was written.

        Either it bears the kit's own reference; or it is newer than all that was known, everything
        newer was read, and no other write that is under way may have made it.
        """
        return self._bears_own_reference(item) or (
            self.entry.newest_before is not None
            and is_whole
            and not any(
                other.id != self.entry.id
                and other.path == self.entry.path
                and Lookup(other, None, self.journal, self.known_items, self.read).may_be(item)
                for other, _ in self.journal.entries()
            )
        )

    def _fits(self, item: Item) -> bool:
        """Return True if an item may be what was sent.

        An item with the kit's own reference is what was sent. If it bears other references, one of
        them must have been sent. Every plain field that both have must be equal.
        """
        if self._bears_own_reference(item):
            return True
        entry = self.entry
        references = set(find_references(item))
        if references and not references & set(entry.references):
            return False
        has_equal_fields = all(
            self.journal.digest(item[name]) == digest
            for name, digest in entry.digests.items()
            if name in item
        )
        has_equal_amounts = all(
            _is_same_amount(value, currency, item.get(name))
            for name, value, currency in entry.amounts
            if "." not in name
        )
        if not (has_equal_fields and has_equal_amounts):
            return False
        if entry.references and not self._shows_amounts(item):
            return False
        counterparty = item.get("counterparty_alias")
        iban = counterparty.get("iban") if isinstance(counterparty, Mapping) else None
        return iban is None or all(
            kind != "IBAN" or plain_payee(value) == plain_payee(str(iban))
            for kind, value in entry.payees
        )

    def _bears_own_reference(self, item: Item) -> bool:
        shared = set(find_references(item)) & set(self.entry.references)
        return any(reference.startswith(PREFIX) for reference in shared)

    def _shows_amounts(self, item: Item) -> bool:
        """Return True if every amount that was sent stands somewhere in an item."""
        amounts = [
            {"value": value, "currency": currency} for _, value, currency in find_amounts(item)
        ]
        return all(
            any(_is_same_amount(value, currency, amount) for amount in amounts)
            for _, value, currency in self.entry.amounts
        )

    def _look_at_item(self, operation: Operation) -> Look:
        """Look at the item that was to be changed or deleted."""
        method = self.entry.method
        try:
            answer = self.read(self.entry.path)
        except ApiError as error:
            if method == "DELETE" and error.status == _NOT_FOUND and error.signed:
                return Look(Answer(error.exchange, self.read).answering([]), [])
            raise
        item = answer.item
        is_changed = self.entry.digests and all(
            self.journal.digest(item.get(name)) == digest
            for name, digest in self.entry.digests.items()
        )
        if method != "PUT" or not is_changed:
            return Look(None, [item], method == "DELETE")
        if operation.wrapper == "Id":
            answer = answer.answering([{"Id": {"id": item.get("id")}}])
        return Look(answer, [item])


def _ids(answer: Answer) -> list[int]:
    return [item["id"] for item in answer.items if isinstance(item.get("id"), int)]


def _is_same_amount(value: str, currency: str, amount: object) -> bool:
    """Return True if two amounts have the same size: bunq shows outgoing amounts as negative."""
    if not isinstance(amount, Mapping):
        return False
    try:
        is_same_size = abs(Decimal(value)) == abs(Decimal(str(amount.get("value"))))
    except InvalidOperation:
        return False
    return is_same_size and currency == amount.get("currency")
