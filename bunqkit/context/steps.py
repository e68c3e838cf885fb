"""The way from an API key to a context a step at a time, for who wants to watch each.

``connect()`` takes the same way in one go.
"""

from __future__ import annotations

import os
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, TypeVar

from bunqkit.auth import handshake
from bunqkit.auth.state import Device, Installation, Session, State
from bunqkit.context.context import Context, make_client, make_context
from bunqkit.errors import FieldError
from bunqkit.security.redaction import Private, Secret
from bunqkit.security.signing import KeyPair
from bunqkit.settings import Settings, load_settings

if TYPE_CHECKING:
    from bunqkit.auth.diagram import HandshakePicture
    from bunqkit.sandbox import Bank

Made = TypeVar("Made")


class Steps(Private):
    """The steps to a context; making it is the first: a bank, and a key to it.

    Parameters
    ----------
    environment
        ``OFFLINE``, ``SANDBOX`` or ``PRODUCTION``.
    api_key
        The key; ``None`` takes the one of the settings, or somebody new's; at a bank in this
        process always a demo person's.
    is_new
        Whether somebody new is made in any case; production makes nobody.
    env_file, profile
        As for ``load_settings``.

    Attributes
    ----------
    settings
        With the key.
    client
        What has sent the steps.
    bank
        The offline bank in this process, else ``None``.
    source
        Whose key it is, in words.
    installation, device, session
        What the steps have given so far.

    Raises
    ------
    FieldError
        If there is no key, and production makes none.
    """

    def __init__(
        self,
        environment: str,
        *,
        api_key: Secret | None = None,
        is_new: bool = False,
        env_file: str | os.PathLike[str] | None = None,
        profile: str | None = None,
    ) -> None:
        settings = load_settings(
            environment=environment, api_key=api_key, env_file=env_file, profile=profile
        )
        self.bank: Bank | None = None
        if settings.base_url is None:
            from bunqkit.sandbox import Bank  # noqa: PLC0415 (a key at bunq needs no bank)

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
            key = handshake.create_sandbox_user(self.client)
            self.source = "of somebody new, with an empty account"
        self.api_key = key
        self.settings: Settings = replace(settings, api_key=key, base_url=self.client.base_url)
        self.installation: Installation | None = None
        self.device: Device | None = None
        self.session: Session | None = None

    def install(self) -> Installation:
        """First step: exchange public keys."""
        self.installation = handshake.create_installation(self.client, KeyPair.generate())
        return self.installation

    def register(self) -> Device:
        """Second step: bind the API key to the installation."""
        self.device = handshake.register_device(
            self.client,
            _done(self.installation),
            self.api_key,
            description=self.settings.device_description,
            permitted_ips=self.settings.permitted_ips,
        )
        return self.device

    def open_session(self) -> Session:
        """Third step: trade the key for the token that opens everything else."""
        self.session = handshake.open_session(
            self.client, _done(self.installation), self.api_key, now=self.now()
        )
        return self.session

    def make_context(self) -> Context:
        """Give what ``connect()`` gives; at bunq, the next ``connect()`` takes it up again."""
        state = State(_done(self.installation), _done(self.device), _done(self.session))
        return make_context(self.settings, self.client, bank=self.bank, state=state)

    def now(self) -> datetime:
        """Give the present, by the clock that sessions end by."""
        return self.bank.clock.now() if self.bank is not None else datetime.now(UTC)

    def picture(self) -> HandshakePicture:
        """Draw the steps, those that are still to be done dashed."""
        from bunqkit.auth.diagram import HandshakePicture  # noqa: PLC0415 (who only calls needs none)

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


def _done(made: Made | None) -> Made:
    if made is None:
        raise FieldError("A step before this one is missing: install, register, open the session.")
    return made
