"""Keeps a session open for one key at one bank: from memory, from disk, or by a handshake.

If several threads and kernels find that it has ended, one of them opens the next, and the others
use it.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

from bunqkit.auth.handshake import (
    Handshake,
    close_session,
    is_refusal,
    session_ended,
    use_installation,
)
from bunqkit.auth.state import Session, State, StateFile
from bunqkit.client.client import Client
from bunqkit.client.journal import Journal
from bunqkit.errors import ApiError, CallError, SignatureError, StateError
from bunqkit.security.redaction import Private
from bunqkit.security.signing import KeyPair
from bunqkit.settings import Settings

# A session is renewed so many seconds before its end: a call that is under way then would fail.
_MARGIN_S = 30


class Sessions(Private):
    """The sessions of one key at one bank, one after the other.

    Parameters
    ----------
    settings
        The API key, and how its device is to be registered.
    client
        A client of the bank; it gets the keys of the installation in use.
    file
        Where the state is kept; ``None`` keeps it in memory.
    clock
        Returns the current time (aware).
    state
        The state that a handshake has reached.
    new_key
        Returns a new key pair for an installation.
    """

    def __init__(
        self,
        settings: Settings,
        client: Client,
        file: StateFile | None,
        *,
        clock: Callable[[], datetime],
        state: State | None = None,
        new_key: Callable[[], KeyPair] = KeyPair.generate,
    ) -> None:
        self._settings = settings
        self._client = client
        self._file = file
        self._clock = clock
        self._lock = threading.RLock()
        self._state = state
        self._new_key = new_key
        self._is_logged_out = False

    @property
    def state(self) -> State | None:
        """Installation, device and session as they are known here; nothing is sent."""
        return self._state

    def open_journal(self) -> Journal:
        """Return the journal of writes, beside the state: on disk, or in memory."""
        if self._file is None:
            return Journal(None, self._settings.api_key)
        folder = self._file.path.with_suffix(".journal")
        return Journal(folder, self._settings.api_key, seal=self._file.seal)

    @property
    def kept_in(self) -> Path | None:
        """The file of the state; ``None`` if it is kept in memory."""
        return self._file.path if self._file else None

    def now(self) -> datetime:
        """Return the current time, by the clock that decides when a session has ended."""
        return self._clock()

    def current(self, *, but_not: Session | None = None) -> Session:
        """Return a session that has not ended, with as few calls as possible.

        Parameters
        ----------
        but_not
            A session that the bank has refused.

        Raises
        ------
        StateError
            If the machine has logged out.
        """
        if self._is_logged_out:
            raise StateError("This context has logged out. Open another: bunqkit.connect().")
        session = self._if_alive(self._state, but_not)
        if session is not None:
            return session
        with self._lock, self._file_lock():
            session = self._if_alive(self._state, but_not)
            return session if session is not None else self._renew(but_not)

    def ask_if_wiped(self, error: SignatureError, session: Session) -> None:
        """Open a session, to learn whether a refusal that another key signed comes from the bank.

        Raises
        ------
        ApiError
            If the bank knows neither installation nor key. That is a sandbox that was wiped: it
            signs with a new key.
        """
        if is_refusal(error) and self._settings.environment != "PRODUCTION":
            self.current(but_not=session)

    def take_up(self) -> State | None:
        """Return the state that is kept, and use it from now on; nothing is sent."""
        with self._lock, self._file_lock():
            return self._load()

    def close(self) -> bool:
        """Log out: forget the session here and on disk, and end it at the bank if that answers.

        A second kernel that shares the session finds its next call refused. It opens a session of
        its own with the same installation, and sends the call again: that costs it one call. If the
        session lived on for others, this would be no log-out.

        Returns
        -------
        bool
            True if the bank has confirmed that the session ended, or there was none.
        """
        with self._lock:
            state = self._state
            if state is None or state.session is None:
                return True
            session, self._state = state.session, replace(state, session=None)
            with self._file_lock():
                kept = self._file.load() if self._file else None
                if self._file and kept and kept.session and kept.session.token == session.token:
                    self._file.save(replace(kept, session=None))
        # Without an answer it ends by itself when its time is over.
        try:
            close_session(self._client, session)
        except ApiError as error:
            return error.signed and session_ended(error)
        except (CallError, SignatureError):
            return False
        return True

    def leave(self) -> bool:
        """End the session as ``close()`` does, and delete the state; no call is possible then."""
        has_ended = self.close()
        with self._lock:
            self._is_logged_out, self._state = True, None
            if self._file is not None:
                self._file.delete()
        return has_ended

    def _if_alive(self, state: State | None, but_not: Session | None) -> Session | None:
        session = state.session if state else None
        if session is None or (but_not is not None and session.token == but_not.token):
            return None
        margin_s = min(_MARGIN_S, session.timeout_s / 2)
        is_alive = session.expires_at - timedelta(seconds=margin_s) > self._clock()
        return session if is_alive else None

    def _renew(self, but_not: Session | None) -> Session:
        kept = self._load()
        session = self._if_alive(kept, but_not)
        if session is not None:
            return session
        return Handshake(
            self._settings,
            self._client,
            clock=self._clock,
            state=kept,
            keep=self._keep,
            new_key=self._new_key,
        ).run()

    def _load(self) -> State | None:
        """Return the state from disk, or that in memory, and use it from now on."""
        kept = (self._file.load() if self._file else None) or self._state
        if kept is not None:
            use_installation(self._client, kept.installation)
            self._state = kept
        return kept

    def _keep(self, state: State) -> None:
        if self._file is not None:
            self._file.save(state)
        self._state = state

    def _file_lock(self) -> AbstractContextManager[None]:
        return self._file.lock() if self._file else contextlib.nullcontext()
