"""Sends writes, each once, and finds out what became of those whose answer was lost.

An answer counts only if the bank has signed it. bunq's documentation describes two unsigned ones,
"too many calls" and "maintenance" in bunq's JSON form. They are refusals, but a gateway may send
the same after the bank has done its work. So the kit looks for the write before it sends it again.

Source: ``retries`` cites where bunq documents the two unsigned refusals. Clients that verify
everything else have received refusals of a token signed (the Ruby client).
"""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

from bunqkit.auth.handshake import session_ended
from bunqkit.auth.state import Session
from bunqkit.catalogue.operations import Operation
from bunqkit.client.answer import Answer
from bunqkit.client.exchange import Exchange
from bunqkit.client.journal import Entry
from bunqkit.client.retries import BUSY
from bunqkit.context.channel import Channel
from bunqkit.context.guard import Guard
from bunqkit.context.lookup import NOTHING_KNOWN, KnownItems, Look, Lookup
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

# Answers may be lost before the work is done: the bank gets a moment before each look.
_PAUSES_S = (0.0, 0.5, 1.5)
_SERVER_ERROR = 500
_PAGE = 200
# These errors are raised before anything leaves.
_BEFORE_SENDING = (FieldError, LockedError, SettingsError, StateError)


class Writes:
    """Sends the writes of one context.

    Parameters
    ----------
    channel
        Sends a call in the user's session.
    guard
        Decides which writes may be sent.
    grace_s
        Seconds after which a write whose answer was lost can't be under way at the bank any more:
        as long as an answer is waited for.

    Attributes
    ----------
    journal
        The writes whose outcome is not known.
    known_items
        The items that the calls of this context have seen and made.
    sleep
        The function that waits between two looks.
    """

    def __init__(self, channel: Channel, guard: Guard, *, grace_s: float = 30.0) -> None:
        self.journal = channel.sessions.open_journal()
        self.known_items = KnownItems()
        self.sleep: Callable[[float], None] = time.sleep
        self.grace_s = grace_s
        self._channel = channel
        self._guard = guard

    def write(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | bytes | None,
        operation: Operation | None,
        *,
        params: Mapping[str, str | int] | None = None,
        headers: Mapping[str, str] | None = None,
        even_if_unsettled: bool,
    ) -> Answer:
        """Send a write once; if its answer is lost, find out what became of it.

        Parameters
        ----------
        method, path, body, params, headers
            As for ``Client.request``.
        operation
            The operation; ``None`` for a path that is not in the catalogue.
        even_if_unsettled
            True to send it although the outcome of a similar write is not known.

        Raises
        ------
        UnsettledError
            If the outcome of a similar write is not known; nothing was sent.
        LockedError
            If the guard refuses it; nothing was sent.
        StateError
            If it can't be noted in the journal, and so was not sent.
        OutcomeUnknownError
            If its outcome can't be found out. The write is unsettled from then on.
        BankBusyError
            If the bank refused for the moment, unsigned, and the write is not sent again.
        """
        entry = self.journal.describe(
            operation.name if operation else f"{method} {path}",
            method,
            path,
            body,
            newest_before=self.known_items.newest.get(path),
        )
        if not even_if_unsettled:
            self.journal.check(entry)
        self._guard.check(method, path, operation, body)
        send = partial(
            self._channel.send, method=method, path=path, body=body, params=params, headers=headers
        )
        fields = body if isinstance(body, Mapping) else {}
        return _Delivery(self, self._channel, self.lookup(entry, operation), send, fields).run()

    def lookup(
        self,
        entry: Entry,
        operation: Operation | None,
        *,
        read: Callable[[str], Answer] | None = None,
    ) -> Lookup:
        """Return what looks for a write among what the bank shows.

        Parameters
        ----------
        entry, operation
            The write.
        read
            Reads a path, in place of ``read_list``.
        """
        return Lookup(entry, operation, self.journal, self.known_items, read or self.read_list)

    def read_list(self, path: str) -> Answer:
        """Read the newest page of a list, as large as the bank allows, or a page by its URL."""
        return self._channel.read(path, params={} if "?" in path else {"count": _PAGE})


class _Delivery:
    """One write on its way to the bank."""

    def __init__(
        self,
        writes: Writes,
        channel: Channel,
        lookup: Lookup,
        send: Callable[..., Answer],
        body: Mapping[str, Any],
    ) -> None:
        self._writes = writes
        self._sessions = channel.sessions
        self._pauses = channel.client.retries.pauses()
        self._lookup = lookup
        self._entry = lookup.entry
        self._send = send
        self._body = body

    def run(self) -> Answer:
        """Note the write in the journal, send it, and return its answer."""
        session = self._sessions.current()
        with self._known_not_made():
            self._writes.journal.begin(self._entry)
        try:
            return self._deliver(session)
        except BaseException:
            # This does nothing if the write was not made, and so has left the journal.
            self._writes.journal.lose(self._entry)
            raise

    def _deliver(self, session: Session) -> Answer:
        """Send until the bank answers or refuses for good, or until the answer is lost."""
        refusals: list[Exchange] = []
        is_renewed = False
        while True:
            try:
                answer = self._send(session, earlier=refusals)
                self._lookup.settle(answer)
            except BaseException as error:
                has_ended = isinstance(error, ApiError) and session_ended(error)
                may_repeat = not (has_ended and is_renewed)
                if is_lost(error, self._entry.path):
                    look = self._look_before_repeating(error) if may_repeat else None
                    if look is None:
                        return self._search(error)
                    if look.answer is not None:
                        return look.answer
                elif not (has_ended and may_repeat):
                    with self._known_not_made():
                        raise
                refusal: Any = error
            else:
                return answer
            refusals.append(refusal.exchange)
            if has_ended:
                is_renewed = True
                with self._known_not_made():
                    # An unsigned refusal may be wrong. If it was right, the look has met it too
                    # and has renewed the session.
                    session = self._sessions.current(but_not=session if refusal.signed else None)

    @contextlib.contextmanager
    def _known_not_made(self) -> Iterator[None]:
        """Take the write out of the journal if the block fails: it was not made."""
        try:
            yield
        except BaseException:
            self._writes.journal.end(self._entry)
            raise

    def _look_before_repeating(self, error: BaseException) -> Look | None:
        """Look for a write that was refused unsigned; return ``None`` if it must not be repeated.

        Raises
        ------
        BankBusyError
            If it was refused for the moment, was not made, and is not to be sent again.
        """
        pause_s = next(self._pauses, None)
        if not isinstance(error, ApiError) or not _is_in_form(error.exchange):
            return None
        is_busy = error.status in BUSY
        if not (is_busy or session_ended(error)):
            return None
        look = NOTHING_KNOWN
        try:
            self._writes.sleep(pause_s or 0.0)
            look = self._lookup.look(is_fresh=True)
        except KeyboardInterrupt:
            return None
        except BunqkitError:
            pass
        is_conclusive = self._lookup.is_conclusive
        is_absent = look.is_absent and is_conclusive
        if look.answer is not None or (is_absent and pause_s is not None):
            return look
        if is_busy and (is_absent or not is_conclusive):
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
                    "It does not sign this refusal, so look in the app before you send the write "
                    "again. The kit does not send it again.",
                ) from error
        return None

    def _search(self, error: BaseException) -> Answer:
        """Look for a write whose answer was lost, a few times."""
        look = NOTHING_KNOWN
        try:
            for pause_s in _PAUSES_S:
                self._writes.sleep(pause_s)
                with contextlib.suppress(BunqkitError):
                    look = self._lookup.look()
                    if look.answer is not None:
                        return look.answer
        except KeyboardInterrupt:
            # The user does not want to wait: the error says what is known so far.
            pass
        count = len(look.candidates)
        candidates = f"{count} item{'' if count == 1 else 's'}" if count else "no item"
        raise OutcomeUnknownError(
            f"It is not known yet whether {self._entry} was carried out: its answer was lost "
            f"({error.__class__.__name__}), and {candidates} at the bank may be it. Don't send it "
            "again before you know: bunq.settle() looks it up, error.look_again() looks once "
            "more, error.candidates holds the items that may be it.",
            method=self._entry.method,
            path=self._entry.path,
            body=dict(self._body),
            candidates=look.candidates,
            look_again=self._look_again,
        ) from error

    def _look_again(self) -> dict[str, Any] | None:
        answer = self._lookup.look().answer
        return answer.items[0] if answer is not None and answer.items else None


def is_lost(error: BaseException, path: str) -> bool:
    """Return True if a write may have been carried out although it ended with an error.

    Parameters
    ----------
    error
        The error.
    path
        The path of the write.
    """
    if isinstance(error, _BEFORE_SENDING):
        return False
    if isinstance(error, CallError) and path not in error.path:
        # A session could not be opened: the write itself was not sent, or was refused.
        return False
    if isinstance(error, ApiError):
        return not error.signed or error.status >= _SERVER_ERROR
    # No answer, an answer that is not the bank's, an interrupt: the bank may have done its work.
    return getattr(error, "was_sent", True) is True


def _is_in_form(exchange: Exchange | None) -> bool:
    """Return True if a refusal is in bunq's form: an ``Error`` list of texts, as JSON.

    Source: bunq docs, "Errors".
    """
    try:
        refusal: Any = json.loads(exchange.answer_body if exchange is not None else b"")
        errors = refusal["Error"]
        return bool(errors) and all(isinstance(error["error_description"], str) for error in errors)
    except (ValueError, KeyError, TypeError, RecursionError):
        return False
