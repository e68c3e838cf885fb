"""What became of a write whose answer was lost.

bunq has no idempotency key, so a write that may have been carried out is not sent again: it is
looked for among what the bank shows. A reference of the kit's own tells it from every other: it is
there, and the write was made; or it is not, and the write was not made. Without a reference,
exactly one thing that fits, that is new, and that no other call has made, means that it was made.
Otherwise nobody can say, and a person has to look.

An answer counts only if the bank has signed it. Of the unsigned ones two are documented, "too many
calls" and "maintenance" in bunq's JSON form: they refuse, but a gateway may say the same after the
bank has done its work, so the write is looked for before it is sent once more.

Source: ``retries`` says where it is documented that bunq sends the two unsigned. Clients that
verify all else have met refusals of a token signed (the Ruby client).
"""

from __future__ import annotations

import contextlib
import json
import secrets
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from functools import cache
from typing import Any, NamedTuple

from bunqkit.auth.handshake import session_ended
from bunqkit.auth.sessions import Sessions
from bunqkit.auth.state import Session
from bunqkit.catalogue.operations import Operation, Type, find_type, operations
from bunqkit.catalogue.values import plain_payee
from bunqkit.client.answer import Answer
from bunqkit.client.exchange import Exchange
from bunqkit.client.journal import REFERENCE, Entry, Journal, find_amounts, find_references
from bunqkit.client.retries import BUSY, Retries
from bunqkit.errors import (
    ApiError,
    BankBusyError,
    BunqkitError,
    CallError,
    FieldError,
    LockedError,
    OutcomeUnknownError,
    SettingsError,
    StateError,
)

# Answers may be lost before the work is done: the bank gets a moment before it is looked for.
_PAUSES_S = (0.0, 0.5, 1.5)
# How far a look goes at once. What was sent a moment ago is among the newest.
_PAGES = 5
_NOT_FOUND = 404
_SERVER_ERROR = 500
_OWN = "bunqkit-"
# What these say is found out before anything leaves.
_BEFORE_SENDING = (FieldError, LockedError, SettingsError, StateError)

Send = Callable[..., Answer]


def add_reference(operation: Operation, body: Mapping[str, Any]) -> dict[str, Any]:
    """Return the body with references of its own, wherever its type has a field for one.

    A payment or request that bears a reference that nothing else bears can be found again. One
    that the caller chose is kept.
    """
    known = find_type(operation.body or "")
    if operation.verb != "create" or known is None or not body:
        return dict(body)
    return _add_references(known, body)


class References:
    """The references of writes: each has its own, and what a preview showed goes to its call."""

    def __init__(self) -> None:
        self._shown: tuple[Operation, Mapping[str, Any], dict[str, Any]] | None = None
        self._lock = threading.Lock()

    def show(self, operation: Operation, body: Mapping[str, Any]) -> dict[str, Any]:
        """Return the body as the next call with the same one will send it."""
        told = self._find(operation, body) or add_reference(operation, body)
        self._shown = (operation, dict(body), told)
        return told

    def add(self, operation: Operation, body: Mapping[str, Any]) -> dict[str, Any]:
        """Return the body with its references, which no other call gets."""
        with self._lock:
            told, self._shown = self._find(operation, body), None
        return told or add_reference(operation, body)

    def _find(self, operation: Operation, body: Mapping[str, Any]) -> dict[str, Any] | None:
        shown = self._shown
        return shown[2] if shown is not None and shown[:2] == (operation, body) else None


def bears_reference(operation: Operation) -> bool:
    """Return whether what an operation makes bears a reference that can be looked up."""
    known = find_type(operation.body or "")
    return (
        operation.verb == "create"
        and known is not None
        and _is_listed(operation)
        and _has_reference(known)
    )


def is_lost(error: BaseException, path: str) -> bool:
    """Return whether a write to a path that ended so may have been carried out all the same."""
    if isinstance(error, _BEFORE_SENDING):
        return False
    if isinstance(error, CallError) and path not in error.path:
        # A session could not be opened: the write itself was not sent, or was refused.
        return False
    if isinstance(error, ApiError):
        return not error.signed or error.status >= _SERVER_ERROR
    # No answer, an answer that is not the bank's, an interrupt: the bank may have done its work.
    return getattr(error, "was_sent", True) is True


@dataclass
class Books:
    """What a caller has seen of each list, and has made in it.

    Attributes
    ----------
    newest
        The newest id seen, by the path of the list.
    claimed
        Path and id of what the caller's own calls have made.
    lock
        Held while something is claimed.
    sleep
        Passes seconds between one look and the next.
    grace_s
        Seconds after which a write whose answer was lost can't be under way at the bank any more:
        as long as an answer is waited for. A bank in this process does its work at once.
    """

    newest: dict[str, int] = field(default_factory=dict)
    claimed: set[tuple[str, int]] = field(default_factory=set)
    lock: threading.RLock = field(default_factory=threading.RLock, repr=False)
    sleep: Callable[[float], None] = field(default=time.sleep, repr=False)
    grace_s: float = 30.0

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


class Look(NamedTuple):
    """What a look has found.

    Attributes
    ----------
    answer
        What was made; ``None`` if that can't be said.
    candidates
        What may be it.
    is_absent
        Whether the bank shows for certain that it has not been made so far.
    """

    answer: Answer | None
    candidates: list[dict[str, Any]]
    is_absent: bool = False


NOTHING_KNOWN = Look(None, [])
"""What a look has found that could not be taken."""


@dataclass(frozen=True)
class Write:
    """A write, with all that is needed to look for it if its answer is lost.

    Attributes
    ----------
    entry
        What the journal knows of it.
    operation
        ``None`` for a path that the catalogue does not know: nothing can be looked up then.
    journal, books
        What is under way, and what was known before.
    read
        Gets a path.
    """

    entry: Entry
    operation: Operation | None
    journal: Journal
    books: Books
    read: Callable[[str], Answer]

    def carry_out(
        self, sessions: Sessions, send: Send, *, retries: Retries, body: Mapping[str, Any]
    ) -> Answer:
        """Send once; if the answer is lost, find out what became of it.

        Parameters
        ----------
        sessions
            Gives the session to send with.
        send
            Sends, given the session and the exchanges of earlier attempts.
        retries
            How often, and with what pauses, it is sent again after a refusal that holds for the
            moment only.
        body
            What is sent, for the error.

        Raises
        ------
        OutcomeUnknownError
            If nobody can say. The write is unsettled from then on.
        BankBusyError
            If the bank refused for the moment, unsigned, and the write is not sent again.
        StateError
            If it can't be noted in the journal, and so was not sent.
        """
        session = sessions.current()
        with self._known_not_made():
            self.journal.begin(self.entry)
        try:
            return self._send(sessions, session, send, retries.pauses(), body)
        except BaseException:
            # Unless it has ended: it was not made then.
            self.journal.lose(self.entry)
            raise

    def look(self, *, is_fresh: bool = False, most: int | None = _PAGES) -> Look:
        """Return what the bank shows of it.

        Parameters
        ----------
        is_fresh
            Whether it was sent a moment ago: it is among the newest then, or nowhere.
        most
            How many pages are read at most; ``None`` reads as many as it takes.
        """
        if self.operation is None:
            return NOTHING_KNOWN
        if self.entry.method == "POST":
            return self._look_in_list(most, is_fresh=is_fresh)
        found = self._look_at_item()
        if found.answer is not None:
            self._end(found.answer)
        return found

    def may_be(self, item: Mapping[str, Any]) -> bool:
        """Return whether an item is new and fits."""
        return self._is_new(item) and self._fits(item)

    def _send(
        self,
        sessions: Sessions,
        session: Session,
        send: Send,
        pauses: Iterator[float],
        body: Mapping[str, Any],
    ) -> Answer:
        earlier: list[Exchange] = []
        is_renewed = False
        while True:
            try:
                answer = send(session, *earlier)
                self._end(answer)
            except BaseException as error:
                has_ended = isinstance(error, ApiError) and session_ended(error)
                if is_lost(error, self.entry.path):
                    may_repeat = not (has_ended and is_renewed)
                    found = (
                        self._before_repeating(error, next(pauses, None)) if may_repeat else None
                    )
                    if found is None:
                        return self._search(error, body)
                    if found.answer is not None:
                        return found.answer
                elif not has_ended or is_renewed:
                    with self._known_not_made():
                        raise
                refused: Any = error
            else:
                return answer
            earlier.append(refused.exchange)
            if has_ended:
                is_renewed = True
                with self._known_not_made():
                    # What nobody signed may be wrong: if it was right, the look has met it too.
                    session = sessions.current(but_not=session if refused.signed else None)

    @contextlib.contextmanager
    def _known_not_made(self) -> Iterator[None]:
        """Take the write out of the journal if the block fails: it was not made."""
        try:
            yield
        except BaseException:
            self.journal.end(self.entry)
            raise

    def _before_repeating(self, error: BaseException, pause_s: float | None) -> Look | None:
        """Look before a write is sent again; ``None`` if it must not be.

        Raises
        ------
        BankBusyError
            If it was refused for the moment, and is not to be sent again.
        """
        if not isinstance(error, ApiError) or not _is_in_form(error.exchange):
            return None
        is_busy = error.status in BUSY
        if not (is_busy or session_ended(error)):
            return None
        found = NOTHING_KNOWN
        try:
            self.books.sleep(pause_s or 0.0)
            found = self.look(is_fresh=True)
        except KeyboardInterrupt:
            return None
        except BunqkitError:
            pass
        is_known = found.is_absent and self._can_be_looked_up
        if found.answer is not None or (is_known and pause_s is not None):
            return found
        if is_busy and (is_known or not self._can_be_looked_up):
            with self._known_not_made():
                raise BankBusyError(
                    error.messages,
                    status=error.status,
                    method=error.method,
                    path=error.path,
                    response_id=error.response_id,
                    signed=error.signed,
                    exchange=error.exchange,
                    why="The bank takes no more calls for the moment, and has not made the write. "
                    "It does not sign this refusal: look in the app before you send it again. The "
                    "kit does not.",
                ) from error
        return None

    @property
    def _can_be_looked_up(self) -> bool:
        if self.operation is None:
            return False
        return self.entry.method == "DELETE" or bears_reference(self.operation)

    def _end(self, answer: Answer) -> None:
        if self.entry.method == "POST" and self.operation is not None:
            self.books.claim(self.entry.path, answer)
        self.journal.end(self.entry)

    def _search(self, error: BaseException, body: Mapping[str, Any]) -> Answer:
        found = NOTHING_KNOWN
        try:
            for pause_s in _PAUSES_S:
                self.books.sleep(pause_s)
                with contextlib.suppress(BunqkitError):
                    found = self.look()
                    if found.answer is not None:
                        return found.answer
        except KeyboardInterrupt:
            # Somebody can't wait. They are told what is known so far, like anybody else.
            pass
        fitting = len(found.candidates)
        raise OutcomeUnknownError(
            f"Nobody can say yet whether {self.entry} was carried out: its answer was lost "
            f"({error.__class__.__name__}), and {fitting or 'nothing'} at the bank "
            f"{'fit' if fitting > 1 else 'fits'} it. Don't send it again before you know: "
            "bunq.settle() looks it up, error.look_again() looks once more, error.candidates "
            "holds what may be it.",
            method=self.entry.method,
            path=self.entry.path,
            body=dict(body),
            candidates=found.candidates,
            look_again=self._look_again,
        ) from error

    def _look_again(self) -> dict[str, Any] | None:
        answer = self.look().answer
        return answer.items[0] if answer is not None and answer.items else None

    def _look_in_list(self, most: int | None, *, is_fresh: bool) -> Look:
        assert self.operation is not None
        if not _is_listed(self.operation):
            return NOTHING_KNOWN
        page: Answer | None = self.read(self.entry.path)
        seen: list[dict[str, Any]] = []
        last, is_whole, pages = page, False, 0
        while page is not None and pages != most:
            last, pages = page, pages + 1
            seen += filter(self._is_new, page.items)
            if self.entry.newest_before is not None and not all(map(self._is_new, page.items)):
                is_whole = True
                break
            page = page.older()
            is_whole = page is None
        with self.books.lock:
            seen = [
                item for item in seen if (self.entry.path, item.get("id")) not in self.books.claimed
            ]
            fitting = [item for item in seen if self._fits(item)]
            fitting = [item for item in fitting if self._bears_ours(item)] or fitting
            if len(fitting) == 1 and last is not None and self._must_be(fitting[0], is_whole):
                answer = last.answering([{"Id": {"id": fitting[0]["id"]}}])
                self._end(answer)
                return Look(answer, fitting)
        is_own = any(each.startswith(_OWN) for each in self.entry.references)
        is_seen = is_whole or (is_fresh and is_own)
        # What bears no reference may look otherwise than it was sent: then nothing new is there.
        return Look(None, fitting, is_seen and not (fitting if self.entry.references else seen))

    def _is_new(self, item: Mapping[str, Any]) -> bool:
        number = item.get("id")
        return self.entry.newest_before is None or (
            isinstance(number, int) and number > self.entry.newest_before
        )

    def _must_be(self, item: Mapping[str, Any], is_whole: bool) -> bool:  # noqa: FBT001
        """Return whether the only one that fits is it.

        It bears our own reference; or it is newer than what was known, all that is newer was
        looked at, and no other write that is under way may have made it.
        """
        return self._bears_ours(item) or (
            self.entry.newest_before is not None
            and is_whole
            and not any(
                other.id != self.entry.id
                and other.path == self.entry.path
                and Write(other, None, self.journal, self.books, self.read).may_be(item)
                for other, _ in self.journal.entries()
            )
        )

    def _fits(self, item: Mapping[str, Any]) -> bool:
        """Return whether an item may be what was sent.

        If it bears references, one of them was sent, and if that is one of our own, this is it. All
        else has to be equal in every plain field that both have.
        """
        if self._bears_ours(item):
            return True
        borne = set(find_references(item))
        if borne and not borne & set(self.entry.references):
            return False
        if any(
            name in item and self.journal.digest(item[name]) != digest
            for name, digest in self.entry.digests.items()
        ):
            return False
        if not all(
            _same_amount(value, currency, item.get(name))
            for name, value, currency in self.entry.amounts
            if "." not in name
        ):
            return False
        if self.entry.references and not self._shows_amounts(item):
            return False
        label = item.get("counterparty_alias")
        shown = label.get("iban") if isinstance(label, Mapping) else None
        return shown is None or all(
            kind != "IBAN" or plain_payee(value) == plain_payee(str(shown))
            for kind, value in self.entry.payees
        )

    def _bears_ours(self, item: Mapping[str, Any]) -> bool:
        borne = set(find_references(item)) & set(self.entry.references)
        return any(each.startswith(_OWN) for each in borne)

    def _shows_amounts(self, item: Mapping[str, Any]) -> bool:
        """Return whether every amount that was sent stands somewhere in an item."""
        shown = [
            {"value": value, "currency": currency} for _, value, currency in find_amounts(item)
        ]
        return all(
            any(_same_amount(value, currency, each) for each in shown)
            for _, value, currency in self.entry.amounts
        )

    def _look_at_item(self) -> Look:
        try:
            answer = self.read(self.entry.path)
        except ApiError as error:
            if self.entry.method == "DELETE" and error.status == _NOT_FOUND and error.signed:
                return Look(Answer(error.exchange, self.read).answering([]), [])
            raise
        item = answer.item
        is_done = self.entry.digests and all(
            self.journal.digest(item.get(name)) == digest
            for name, digest in self.entry.digests.items()
        )
        if self.entry.method != "PUT" or not is_done:
            return Look(None, [item], self.entry.method == "DELETE")
        assert self.operation is not None
        if self.operation.wrapper == "Id":
            answer = answer.answering([{"Id": {"id": item.get("id")}}])
        return Look(answer, [item])


def _is_in_form(exchange: Exchange | None) -> bool:
    """Return whether a refusal is in bunq's form: an ``Error`` list of texts, as JSON.

    Source: bunq docs, "Errors".
    """
    try:
        told: Any = json.loads(exchange.answer_body if exchange is not None else b"")
        errors = told["Error"]
        return bool(errors) and all(isinstance(each["error_description"], str) for each in errors)
    except (ValueError, KeyError, TypeError, RecursionError):
        return False


def _add_references(known: Type, body: Mapping[str, Any]) -> dict[str, Any]:
    told = dict(body)
    if REFERENCE in known and known[REFERENCE].writable and not told.get(REFERENCE):
        told[REFERENCE] = f"{_OWN}{secrets.token_hex(8)}"
    for part in known.writable:
        inner, value = find_type(part.body_kind), told.get(part.name)
        if inner is None:
            continue
        if isinstance(value, Mapping):
            told[part.name] = _add_references(inner, value)
        elif isinstance(value, list | tuple):
            told[part.name] = [
                _add_references(inner, each) if isinstance(each, Mapping) else each
                for each in value
            ]
    return told


def _has_reference(known: Type, above: tuple[str, ...] = ()) -> bool:
    """Return whether a type, or one inside it, has a field for a reference."""
    if REFERENCE in known and known[REFERENCE].writable:
        return True
    inner = (find_type(part.body_kind) for part in known.writable)
    return any(
        _has_reference(each, (*above, known.name))
        for each in inner
        if each is not None and each.name not in (*above, known.name)
    )


@cache
def _is_listed(operation: Operation) -> bool:
    return any(
        each.method == "GET" and each.path == operation.path and each.is_paged
        for each in operations()
    )


def _same_amount(value: str, currency: str, shown: object) -> bool:
    """Compare amounts by size: what is sent is positive, what goes out is shown negative."""
    if not isinstance(shown, Mapping):
        return False
    try:
        same = abs(Decimal(value)) == abs(Decimal(str(shown.get("value"))))
    except InvalidOperation:
        return False
    return same and currency == shown.get("currency")
