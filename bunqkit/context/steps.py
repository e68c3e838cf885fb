"""From an API key to a context a step at a time, for a lesson that looks at each.

``connect()`` does the same steps at once.
"""

from __future__ import annotations

import os
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from bunqkit.auth.handshake import MISSING_STEP, Handshake, Observer, Stage, create_sandbox_user
from bunqkit.auth.state import Device, Installation, Session
from bunqkit.context.context import Context, make_client, make_context
from bunqkit.errors import FieldError
from bunqkit.security.redaction import Private, Secret
from bunqkit.settings import load_settings

if TYPE_CHECKING:
    from bunqkit.auth.diagram import HandshakePicture
    from bunqkit.sandbox import Bank


class Steps(Private):
    """The steps to a context, each a method. Making the object chooses a bank and a key.

    Parameters
    ----------
    environment
        ``OFFLINE``, ``SANDBOX`` or ``PRODUCTION``.
    api_key
        The API key. Without one, the key of the settings or of a new sandbox user is used; at a
        bank in this process always the key of a demo person.
    is_new
        True makes a new sandbox user in any case; production makes none.
    env_file, profile
        As for ``load_settings``.
    observer
        Observes each step.

    Attributes
    ----------
    settings
        The settings, with the API key.
    client
        The client that sends the steps.
    bank
        The offline bank in this process, else ``None``.
    api_key
        The key in use.
    source
        Whose key it is, in words.

    Raises
    ------
    FieldError
        If there is no key in production, where no user can be made.
    """

    def __init__(
        self,
        environment: str,
        *,
        api_key: Secret | None = None,
        is_new: bool = False,
        env_file: str | os.PathLike[str] | None = None,
        profile: str | None = None,
        observer: Observer | None = None,
    ) -> None:
        settings = load_settings(
            environment=environment, api_key=api_key, env_file=env_file, profile=profile
        )
        self.bank: Bank | None = None
        if settings.base_url is None:
            from bunqkit.sandbox import Bank

            self.bank = Bank()
        self.client = make_client(settings, self.bank)
        if self.bank is not None and not is_new:
            key, self.source = self.bank.demo_key, "of a demo person at a bank in this process"
        elif settings.api_key is not None and not is_new:
            key = settings.api_key
            self.source = "as you gave it" if api_key is not None else "from your settings"
        elif environment == "PRODUCTION":
            raise FieldError(
                "There is no API key. Make one in the bunq app, and put it into .env as "
                "BUNQ_API_KEY."
            )
        else:
            key = create_sandbox_user(self.client)
            self.source = "of somebody new, with an empty account"
        self.api_key = key
        self.settings = replace(settings, api_key=key, base_url=self.client.base_url)
        self._handshake = Handshake(self.settings, self.client, clock=self.now, observer=observer)

    @property
    def installation(self) -> Installation | None:
        """The result of the first step; ``None`` before it is done."""
        return self._handshake.installation

    @property
    def device(self) -> Device | None:
        """The result of the second step; ``None`` before it is done."""
        return self._handshake.device

    @property
    def session(self) -> Session | None:
        """The result of the third step; ``None`` before it is done."""
        return self._handshake.session

    def install(self) -> None:
        """Do the first step: exchange public keys."""
        self._handshake.do(Stage.INSTALLATION)

    def register(self) -> None:
        """Do the second step: bind the API key to the installation."""
        self._handshake.do(Stage.DEVICE)

    def open_session(self) -> None:
        """Do the third step: trade the key for the token that opens everything else."""
        self._handshake.do(Stage.SESSION)

    def run(self) -> None:
        """Do all steps that are left."""
        self._handshake.run()

    def make_context(self) -> Context:
        """Return what ``connect()`` returns. At bunq the next ``connect()`` uses the same session.

        Raises
        ------
        FieldError
            If a step is missing.
        """
        if self.session is None:
            raise FieldError(MISSING_STEP)
        state = self._handshake.state
        return make_context(self.settings, self.client, bank=self.bank, state=state)

    def now(self) -> datetime:
        """Return the current time, by the clock that decides when a session has ended."""
        return self.bank.clock.now() if self.bank is not None else datetime.now(UTC)

    def picture(self) -> HandshakePicture:
        """Return a picture of the steps; those that are still to be done are dashed."""
        from bunqkit.auth.diagram import HandshakePicture

        return HandshakePicture(
            self.installation,
            self.device,
            self.session,
            environment=self.settings.environment,
            base_url=self.client.base_url,
            api_key=self.api_key,
            kept_in=None if self.bank is not None else self.settings.state_folder,
            is_encrypted=self.settings.state_passphrase is not None,
            now=self.now(),
        )
