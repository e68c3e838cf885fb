"""Keeps a session open for one key at one bank: from memory, from disk, or by the three steps.

However many threads and kernels find that it has ended, one opens the next and the others take it.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import datetime

from bunqkit import handshake
from bunqkit.client import Client
from bunqkit.errors import ApiError
from bunqkit.settings import Settings
from bunqkit.signing import KeyPair
from bunqkit.state import Session, State, StateFile

_WRONG_CREDENTIALS = "User credentials are incorrect. Incorrect API key or IP address."
# Source: the older text came with 401, the newer with 403 (bunq-client PR#34, bunq2ynab PR#76).
_INSUFFICIENT = ("Insufficient authentication.", "Insufficient authorisation.")
_UNAUTHORISED = 401


class Sessions:
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
    """

    def __init__(
        self,
        settings: Settings,
        client: Client,
        file: StateFile | None,
        *,
        clock: Callable[[], datetime],
        state: State | None = None,
    ) -> None:
        self._settings = settings
        self._client = client
        self._file = file
        self._clock = clock
        self._lock = threading.RLock()
        self._state = state

    @property
    def state(self) -> State | None:
        """What has been reached; asks nobody."""
        return self._state

    def current(self, *, but_not: Session | None = None) -> Session:
        """Give a session that lives, by the least that is needed.

        Parameters
        ----------
        but_not
            A session that the bank has refused.
        """
        session = self._living(self._state, but_not)
        if session is not None:
            return session
        with self._lock, self._alone():
            session = self._living(self._state, but_not)
            return session if session is not None else self._renew(but_not)

    def _living(self, state: State | None, but_not: Session | None) -> Session | None:
        session = state.session if state else None
        if session is None or (but_not is not None and session.token == but_not.token):
            return None
        return session if session.expires_at > self._clock() else None

    def _renew(self, but_not: Session | None) -> Session:
        kept = (self._file.load() if self._file else None) or self._state
        if kept is None:
            return self._open(self._install())
        self._use(kept)
        session = self._living(kept, but_not)
        if session is not None:
            return session
        try:
            return self._open(kept)
        except ApiError as error:
            # The installation may be gone: a wiped sandbox, another address. Once more, from the
            # start; a key that is really wrong fails there too.
            if not is_wrong_credentials(error) and not session_ended(error):
                raise
        self._client.key = self._client.bank_key = None
        return self._open(self._install())

    def _install(self) -> State:
        settings = self._settings
        assert settings.api_key is not None
        installation = handshake.create_installation(self._client, KeyPair.generate())
        device = handshake.register_device(
            self._client,
            installation,
            settings.api_key,
            description=settings.device_description,
            permitted_ips=settings.permitted_ips,
        )
        return self._keep(State(installation, device))

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
