"""Keeps a session open for one key at one bank: from memory, from disk, or by the three steps.

However many threads and kernels find that it has ended, one opens the next and the others take it.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

from bunqkit.auth import handshake
from bunqkit.auth.journal import Journal
from bunqkit.auth.state import Session, State, StateFile
from bunqkit.client.client import Client
from bunqkit.errors import ApiError, CallError, SignatureError, StateError
from bunqkit.security.redaction import Private
from bunqkit.security.signing import KeyPair
from bunqkit.settings import Settings

_WRONG_CREDENTIALS = "User credentials are incorrect. Incorrect API key or IP address."
# Source: the older text came with 401, the newer with 403 (bunq-client PR#34, bunq2ynab PR#76).
_INSUFFICIENT = ("Insufficient authentication.", "Insufficient authorisation.")
_WRONG_SIGNATURE = "The request signature is invalid."
_UNAUTHORISED, _FORBIDDEN = 401, 403
# A call that is on its way when the session ends would be refused: as long as one may take.
_MARGIN_S = 30

_KEY_REFUSED = (
    "The bank knows this installation, and the key has worked with it: so either the key was "
    "revoked in the app, or this machine's address has changed and is not among those permitted. "
    "Look at the key in the app: permit the address there, or make a new key."
)
_DEVICE_GONE = (
    "The bank knows neither the device that was kept nor the key: both were removed in the app. "
    "Make a new key there, and set BUNQ_API_KEY."
)
_WIPED = (
    "The bank knows neither the installation that was kept nor the key: this sandbox was wiped, "
    "and its users with it. Take BUNQ_API_KEY out of .env, and a new user is made."
)


class Sessions(Private):
    """The sessions of one key at one bank, one after the other.

    Parameters
    ----------
    settings
        Whose key it is, and how its device is to be registered.
    client
        The bank's address; gets the keys of the installation in use.
    file
        Where the state is kept; ``None`` keeps it in memory.
    clock
        Gives the present (aware).
    state
        What was reached before.
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
        self._has_left = False

    @property
    def state(self) -> State | None:
        """What has been reached; asks nobody."""
        return self._state

    def open_journal(self) -> Journal:
        """Return the journal of writes, beside the state: on disk, or in memory."""
        return Journal(self._file, self._settings.api_key)

    @property
    def kept_in(self) -> Path | None:
        """The file of the state; ``None`` if it is kept in memory."""
        return self._file.path if self._file else None

    def now(self) -> datetime:
        """Give the present, by the clock that sessions end by."""
        return self._clock()

    def current(self, *, but_not: Session | None = None) -> Session:
        """Give a session that lives, by the least that is needed.

        Parameters
        ----------
        but_not
            A session that the bank has refused.

        Raises
        ------
        StateError
            If the machine has logged out.
        """
        if self._has_left:
            raise StateError("This context has logged out. Open another: bunqkit.connect().")
        session = self._living(self._state, but_not)
        if session is not None:
            return session
        with self._lock, self._alone():
            session = self._living(self._state, but_not)
            return session if session is not None else self._renew(but_not)

    def ask_if_wiped(self, error: SignatureError, session: Session) -> None:
        """Ask the bank for a session, after a refusal that another key has signed.

        Raises
        ------
        ApiError
            If the bank knows neither installation nor key: a sandbox that was wiped, and so signs
            with a new key.
        """
        if _is_refusal(error) and self._settings.environment != "PRODUCTION":
            self.current(but_not=session)

    def take_up(self) -> State | None:
        """Return what is kept, and use it from now on; asks nobody."""
        with self._lock, self._alone():
            kept = self._file.load() if self._file else self._state
            if kept is not None:
                self._use(kept)
            return kept

    def close(self) -> bool:
        """Log out: forget the session here and on disk, and end it at the bank if that answers.

        Whoever shares the session, such as a second kernel, finds its next call refused, opens a
        session of its own by the same installation, and sends the call again: that costs it one
        call. A session that others keep alive would be no log-out.

        Returns
        -------
        bool
            Whether the bank has said that it ended, or there was none.
        """
        with self._lock:
            state = self._state
            if state is None or state.session is None:
                return True
            session, self._state = state.session, replace(state, session=None)
            with self._alone():
                kept = self._file.load() if self._file else None
                if self._file and kept and kept.session and kept.session.token == session.token:
                    self._file.save(replace(kept, session=None))
        # Without an answer it ends by itself when its time is over.
        try:
            handshake.close_session(self._client, session)
        except ApiError as error:
            return error.signed and session_ended(error)
        except (CallError, SignatureError):
            return False
        return True

    def leave(self) -> bool:
        """Do as ``close()``, and delete what is kept on disk; nothing can be called then."""
        has_ended = self.close()
        with self._lock:
            self._has_left, self._state = True, None
            if self._file is not None:
                self._file.delete()
        return has_ended

    def _living(self, state: State | None, but_not: Session | None) -> Session | None:
        session = state.session if state else None
        if session is None or (but_not is not None and session.token == but_not.token):
            return None
        margin_s = min(_MARGIN_S, session.timeout_s / 2)
        is_alive = session.expires_at - timedelta(seconds=margin_s) > self._clock()
        return session if is_alive else None

    def _renew(self, but_not: Session | None) -> Session:
        kept = (self._file.load() if self._file else None) or self._state
        if kept is None:
            return self._start()
        self._use(kept)
        session = self._living(kept, but_not)
        if session is not None:
            return session
        try:
            return self._open(kept)
        except (ApiError, SignatureError) as error:
            reason = self._reason_to_start_anew(error)
            if reason is None:
                raise
        # Once more, from the start; a key that the bank refuses is refused there too.
        try:
            return self._start()
        except ApiError as error:
            if _WRONG_CREDENTIALS not in error.messages:
                raise
            raise error.advising(reason) from error

    def _reason_to_start_anew(self, error: ApiError | SignatureError) -> str | None:
        """Say what to think if a start from the first step is refused too; ``None`` if it is vain.

        One refusal covers several causes, but it matters which step was refused before.
        """
        is_play_money = self._settings.environment != "PRODUCTION"
        if isinstance(error, SignatureError):
            # A wiped sandbox has a key of its own. In production only a forger would.
            return _WIPED if is_play_money and _is_refusal(error) else None
        if _WRONG_CREDENTIALS in error.messages:
            return _KEY_REFUSED
        if session_ended(error):
            return _WIPED if is_play_money else _DEVICE_GONE
        return _WIPED if _WRONG_SIGNATURE in error.messages and is_play_money else None

    def _start(self) -> Session:
        settings = self._settings
        assert settings.api_key is not None
        # Other threads may sign with the client's key meanwhile, so the new one is kept apart.
        client = self._client.fresh()
        installation = handshake.create_installation(client, self._new_key())
        device = handshake.register_device(
            client,
            installation,
            settings.api_key,
            description=settings.device_description,
            permitted_ips=settings.permitted_ips,
        )
        return self._open(self._keep(State(installation, device)))

    def _open(self, state: State) -> Session:
        assert self._settings.api_key is not None
        session = handshake.open_session(
            self._client, state.installation, self._settings.api_key, now=self._clock()
        )
        self._keep(replace(state, session=session))
        return session

    def _keep(self, state: State) -> State:
        if self._file is not None:
            self._file.save(state)
        self._use(state)
        return state

    def _use(self, state: State) -> None:
        self._client.key = state.installation.key
        self._client.bank_key = state.installation.bank_key
        self._state = state

    def _alone(self) -> AbstractContextManager[None]:
        return self._file.lock() if self._file else contextlib.nullcontext()


def is_wrong_credentials(error: ApiError) -> bool:
    """Whether the bank refused key, address or both: it has one text for all."""
    return _WRONG_CREDENTIALS in error.messages


def session_ended(error: ApiError) -> bool:
    """Whether the bank refused the token: the call was not carried out."""
    return error.status == _UNAUTHORISED or any(text in _INSUFFICIENT for text in error.messages)


def _is_refusal(error: SignatureError) -> bool:
    return error.status in (_UNAUTHORISED, _FORBIDDEN)
