"""What became of a write whose answer was lost.

bunq has no idempotency key, so a write that may have been carried out is not sent again: it is
looked for among what the bank shows. Exactly one thing that fits, and that no earlier call has
made, means that it was done. None or several mean that nobody can say yet.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import Any

from bunqkit.answer import Answer
from bunqkit.catalogue import Operation, find_type, operations
from bunqkit.errors import ApiError, BunqkitError, CallError, OutcomeUnknownError

# Answers may be lost before the work is done: the bank gets a moment before it is looked for.
_PAUSES_S = (0.0, 0.5, 1.5)
_PAGES = 5
_NOT_FOUND = 404
_SERVER_ERROR = 500
_REFERENCE = "merchant_reference"
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
    return {**body, _REFERENCE: f"bunqkit-{secrets.token_hex(8)}"}


def is_lost(error: BaseException, path: str) -> bool:
    """Whether a write to a path that ended so may have been carried out all the same."""
    if isinstance(error, CallError) and path not in error.path:
        # A session could not be opened: the write itself was not sent, or was refused.
        return False
    if isinstance(error, ApiError):
        return error.status >= _SERVER_ERROR
    # No answer, an answer that is not the bank's, an interrupt: the bank may have done its work.
    return getattr(error, "was_sent", True) is True


@dataclass
class Books:
    """What a caller has seen of each list: the newest id, and the ids that its own calls made."""

    newest: dict[str, int] = field(default_factory=dict)
    claimed: set[tuple[str, int]] = field(default_factory=set)

    def note(self, path: str, answer: Answer) -> None:
        """Note the ids of an answer of a list, or of something that was made in it."""
        ids = [item["id"] for item in answer.items if isinstance(item.get("id"), int)]
        if ids:
            self.newest[path] = max(*ids, self.newest.get(path, 0))

    def claim(self, path: str, answer: Answer) -> None:
        """Note what a call of ours has made: nothing else can be the outcome of a lost one."""
        self.note(path, answer)
        self.claimed |= {
            (path, item["id"]) for item in answer.items if isinstance(item.get("id"), int)
        }


@dataclass(frozen=True)
class Write:
    """A write whose answer was lost, with all that is needed to look for it.

    Attributes
    ----------
    operation, path, body
        What was sent.
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

    def settle(
        self, error: BaseException, *, sleep: Callable[[float], None] = time.sleep
    ) -> Answer:
        """Find what was made, looking a few times; claim it, and answer as the bank would have.

        Raises
        ------
        OutcomeUnknownError
            If nothing or more than one thing fits, or it can't be looked for.
        """
        found: list[dict[str, Any]] = []
        for pause_s in _PAUSES_S:
            sleep(pause_s)
            try:
                answer, found = self._look()
            except BunqkitError:
                continue
            if answer is not None:
                return answer
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
        return self._look_at_item()

    def _look_in_list(self) -> tuple[Answer | None, list[dict[str, Any]]]:
        if not _is_listed(self.operation):
            return None, []
        page: Answer | None = self.read(self.path)
        fitting, last = [], page
        for _ in range(_PAGES):
            if page is None:
                break
            last = page
            fitting += [item for item in self._newer(page) if self._fits(item)]
            oldest = min((item.get("id", 0) for item in page.items), default=0)
            if self.newest_before is None or oldest <= self.newest_before:
                break
            page = page.older()
        if len(fitting) != 1 or last is None or not self._is_telling():
            return None, fitting
        answer = last.answering([{"Id": {"id": fitting[0]["id"]}}])
        self.books.claim(self.path, answer)
        return answer, fitting

    def _newer(self, page: Answer) -> Iterator[dict[str, Any]]:
        for item in page.items:
            number = item.get("id")
            is_new = self.newest_before is None or (
                isinstance(number, int) and number > self.newest_before
            )
            if is_new and (self.path, number) not in self.books.claimed:
                yield item

    def _is_telling(self) -> bool:
        """Whether one that fits must be it: newer than what was known, or bearing our reference."""
        reference = str(self.body.get(_REFERENCE) or "")
        return self.newest_before is not None or reference.startswith("bunqkit-")

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
