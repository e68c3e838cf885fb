"""What became of a write whose answer was lost.

bunq has no idempotency key, so a write that may have been carried out is not sent again: it is
looked for among what the bank shows. Exactly one thing that fits, and that no earlier call has
made, means that it was done. None or several mean that nobody can say yet.
"""

from __future__ import annotations

import contextlib
import secrets
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import Any

from bunqkit.answer import Answer
from bunqkit.catalogue import Operation, find_type, operations
from bunqkit.errors import (
    ApiError,
    BunqkitError,
    CallError,
    OutcomeUnknownError,
    SignatureError,
)

# Answers may be lost before the work is done: the bank gets a moment before it is looked for.
_PAUSES_S = (0.0, 0.5, 1.5)
_PAGES = 5
_NOT_FOUND = 404
_SERVER_ERROR = 500
_REFERENCE = "merchant_reference"
_OWN = "bunqkit-"
_PLAIN = (str, bool, int)


def add_reference(operation: Operation, body: dict[str, Any]) -> dict[str, Any]:
    """Give the body with a reference of its own, where the operation has a field for one.

    A payment or request that bears a reference that nothing else bears can be found again. One
    that the caller chose is kept.
    """
    known = find_type(operation.body or "")
    has_field = known is not None and _REFERENCE in known and known[_REFERENCE].writable
    if operation.verb != "create" or not has_field or body.get(_REFERENCE):
        return body
    return {**body, _REFERENCE: f"{_OWN}{secrets.token_hex(8)}"}


def is_lost(error: BaseException, path: str) -> bool:
    """Whether a write to a path that ended so may have been carried out all the same."""
    if not isinstance(error, CallError | SignatureError) and isinstance(error, Exception):
        # Nothing was sent: a field is wrong, or production is locked.
        return False
    if isinstance(error, CallError) and path not in error.path:
        # A session could not be opened: the write itself was not sent, or was refused.
        return False
    if isinstance(error, ApiError):
        return error.status >= _SERVER_ERROR
    # No answer, an answer that is not the bank's, an interrupt: the bank may have done its work.
    return getattr(error, "was_sent", True) is True


@dataclass
class Books:
    """What a caller has seen of each list, has made in it, and has under way.

    Attributes
    ----------
    newest
        The newest id seen, by the path of the list.
    claimed
        Path and id of what the caller's own calls have made.
    under_way
        Writes that have no outcome yet: what may be theirs is not taken for another's.
    lock
        Held while something is claimed.
    sleep
        Passes seconds between one look and the next.
    """

    newest: dict[str, int] = field(default_factory=dict)
    claimed: set[tuple[str, int]] = field(default_factory=set)
    under_way: set[Write] = field(default_factory=set, repr=False)
    lock: threading.RLock = field(default_factory=threading.RLock, repr=False)
    sleep: Callable[[float], None] = field(default=time.sleep, repr=False)

    def note(self, path: str, answer: Answer) -> None:
        """Note the ids of an answer of a list, or of something that was made in it."""
        ids = [item["id"] for item in answer.items if isinstance(item.get("id"), int)]
        if ids:
            with self.lock:
                self.newest[path] = max(*ids, self.newest.get(path, 0))

    def claim(self, path: str, answer: Answer) -> None:
        """Note what a call of ours has made: nothing else can be the outcome of a lost one."""
        with self.lock:
            self.note(path, answer)
            self.claimed |= {
                (path, item["id"]) for item in answer.items if isinstance(item.get("id"), int)
            }


# Compared by identity: two equal payments are two.
@dataclass(frozen=True, eq=False)
class Write:
    """A write, with all that is needed to look for it if its answer is lost.

    Attributes
    ----------
    operation, path, body
        What is sent.
    books
        What was known before.
    read
        Gets a path.
    newest_before
        The newest id of the list when it was sent; ``None`` if it was never looked at.
    """

    operation: Operation
    path: str
    body: Mapping[str, Any]
    books: Books
    read: Callable[[str], Answer]
    newest_before: int | None

    def carry_out(self, send: Callable[[], Answer]) -> Answer:
        """Send once; if the answer is lost, find out what became of it.

        Raises
        ------
        OutcomeUnknownError
            If nobody can say. The write counts as under way from then on.
        """
        with self.books.lock:
            self.books.under_way.add(self)
        try:
            answer = send()
            self._end(answer)
        except BaseException as error:
            if is_lost(error, self.path):
                return self._settle(error)
            with self.books.lock:
                self.books.under_way.discard(self)
            raise
        return answer

    def _end(self, answer: Answer) -> None:
        with self.books.lock:
            if self.operation.method == "POST":
                self.books.claim(self.path, answer)
            self.books.under_way.discard(self)

    def _settle(self, error: BaseException) -> Answer:
        found: list[dict[str, Any]] = []
        try:
            for pause_s in _PAUSES_S:
                self.books.sleep(pause_s)
                with contextlib.suppress(BunqkitError):
                    answer, found = self._look()
                    if answer is not None:
                        return answer
        except KeyboardInterrupt:
            # Somebody can't wait. They are told what is known so far, like anybody else.
            pass
        raise OutcomeUnknownError(
            f"Nobody can say yet whether {self.operation.name} was carried out: its answer was "
            f"lost ({error.__class__.__name__}), and {len(found) or 'nothing'} at the bank "
            f"{'fit' if len(found) > 1 else 'fits'} it. Don't send it again before you know: "
            "error.look_again() looks once more, error.candidates holds what may be it.",
            method=self.operation.method,
            path=self.path,
            body=dict(self.body),
            candidates=found,
            look_again=self._look_again,
        ) from error

    def _look_again(self) -> dict[str, Any] | None:
        answer, _ = self._look()
        return answer.items[0] if answer is not None and answer.items else None

    def _look(self) -> tuple[Answer | None, list[dict[str, Any]]]:
        if self.operation.method == "POST":
            return self._look_in_list()
        answer, found = self._look_at_item()
        if answer is not None:
            self._end(answer)
        return answer, found

    def _look_in_list(self) -> tuple[Answer | None, list[dict[str, Any]]]:
        if not _is_listed(self.operation):
            return None, []
        page: Answer | None = self.read(self.path)
        fitting, last, is_whole = [], page, False
        for _ in range(_PAGES):
            if page is None:
                break
            last = page
            fitting += [item for item in page.items if self._is_new(item) and self._fits(item)]
            if self.newest_before is not None and not all(map(self._is_new, page.items)):
                is_whole = True
                break
            page = page.older()
            is_whole = page is None
        with self.books.lock:
            claimed = self.books.claimed
            fitting = [item for item in fitting if (self.path, item.get("id")) not in claimed]
            if len(fitting) != 1 or last is None or not self._must_be(fitting[0], is_whole):
                return None, fitting
            answer = last.answering([{"Id": {"id": fitting[0]["id"]}}])
            self._end(answer)
        return answer, fitting

    def _is_new(self, item: Mapping[str, Any]) -> bool:
        number = item.get("id")
        return self.newest_before is None or (
            isinstance(number, int) and number > self.newest_before
        )

    def _must_be(self, item: Mapping[str, Any], is_whole: bool) -> bool:  # noqa: FBT001
        """Whether the only one that fits is it.

        It bears our own reference; or it is newer than what was known, all that is newer was
        looked at, and no other write that is under way may have made it.
        """
        reference = str(self.body.get(_REFERENCE) or "")
        if reference.startswith(_OWN) and item.get(_REFERENCE) == reference:
            return True
        return (
            self.newest_before is not None
            and is_whole
            and not any(
                other is not self
                and other.path == self.path
                and other._is_new(item)  # noqa: SLF001 (another of this class)
                and other._fits(item)  # noqa: SLF001
                for other in self.books.under_way
            )
        )

    def _fits(self, item: Mapping[str, Any]) -> bool:
        """Whether an item may be what the body made: equal in every plain field that both have."""
        for name, sent in self.body.items():
            shown = item.get(name)
            if isinstance(sent, Mapping) and {"value", "currency"} <= sent.keys():
                if not _same_amount(sent, shown):
                    return False
            elif isinstance(sent, _PLAIN) and name in item and shown != sent:
                return False
        iban = _sent_iban(self.body)
        label = item.get("counterparty_alias")
        shown_iban = label.get("iban") if isinstance(label, Mapping) else None
        return iban is None or shown_iban is None or iban == shown_iban

    def _look_at_item(self) -> tuple[Answer | None, list[dict[str, Any]]]:
        try:
            answer = self.read(self.path)
        except ApiError as error:
            if self.operation.method == "DELETE" and error.status == _NOT_FOUND:
                return Answer(error.exchange, self.read).answering([]), []
            raise
        item = answer.item
        plain = {name: sent for name, sent in self.body.items() if isinstance(sent, _PLAIN)}
        is_done = plain and all(item.get(name) == sent for name, sent in plain.items())
        if self.operation.method != "PUT" or not is_done:
            return None, [item]
        if self.operation.wrapper == "Id":
            answer = answer.answering([{"Id": {"id": item.get("id")}}])
        return answer, [item]


def _is_listed(operation: Operation) -> bool:
    return any(
        each.method == "GET" and each.path == operation.path and each.is_paged
        for each in operations()
    )


def _same_amount(sent: Mapping[str, Any], shown: object) -> bool:
    """Compare amounts by size: what is sent is positive, what goes out is shown negative."""
    if not isinstance(shown, Mapping):
        return False
    try:
        same = abs(Decimal(str(sent["value"]))) == abs(Decimal(str(shown.get("value"))))
    except InvalidOperation:
        return False
    return same and sent["currency"] == shown.get("currency")


def _sent_iban(body: Mapping[str, Any]) -> str | None:
    pointer = body.get("counterparty_alias")
    if isinstance(pointer, Mapping) and pointer.get("type") == "IBAN":
        return str(pointer.get("value"))
    return None
