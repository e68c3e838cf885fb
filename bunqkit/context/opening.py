"""Opens an account: ``connect()``, from the settings to a context with an open session.

The offline bank is opened in a thread while the client is loaded, so imports stand in functions.
"""

from __future__ import annotations

import os
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING

from bunqkit.errors import SettingsError
from bunqkit.security.env_files import write_api_key
from bunqkit.security.redaction import Secret, forgetting
from bunqkit.security.signing import generate_soon
from bunqkit.settings import Settings, load_settings

if TYPE_CHECKING:
    from bunqkit.context.context import Context
    from bunqkit.sandbox import Bank


@forgetting
def connect(
    *,
    environment: str | None = None,
    api_key: str | Secret | None = None,
    env_file: str | os.PathLike[str] | None = None,
    profile: str | None = None,
    bank: Bank | Context | None = None,
) -> Context:
    """Open an account: from saved state, or by the three steps.

    It writes to the error stream where its settings came from.

    Parameters
    ----------
    environment, api_key, env_file, profile
        These win over the environment and ``.env``; see ``load_settings``.
    bank
        An offline bank, or a context whose bank is used. The account is the one of ``api_key``, or
        without it that of a new person. Without ``bank``, ``OFFLINE`` opens a new bank, with a
        person who has a history.

    Returns
    -------
    Context
        A notebook shows it with environment, user, device and session.

    Raises
    ------
    SettingsError
        If a setting is missing or wrong, or stands in a place where it has no effect.
    ApiError, NoAnswerError, SignatureError
        If one of the three steps fails.
    """
    api_key = Secret(api_key) if isinstance(api_key, str) else api_key
    if bank is not None:
        return _connect_beside(bank, environment, api_key, env_file=env_file, profile=profile)
    settings = load_settings(
        environment=environment, api_key=api_key, env_file=env_file, profile=profile
    )
    if settings.base_url is None:
        return _connect_in_process(settings)
    return _connect_to_address(settings)


def _connect_in_process(settings: Settings) -> Context:
    """Open an account at a new bank in this process; no state is read or written."""
    # The bank and the client's key are made while the client is loaded, which halves the time.
    new_key = generate_soon()
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="bunqkit") as thread:
        opened = thread.submit(_open_bank)
        from bunqkit.context import context

        bank = opened.result()
    return context.make_own(settings, bank, bank.demo_key, new_key=new_key)


def _open_bank() -> Bank:
    from bunqkit.sandbox import Bank

    return Bank()


def _connect_to_address(settings: Settings) -> Context:
    """Open an account at the address of the settings."""
    from bunqkit.auth import handshake
    from bunqkit.context import context

    if settings.api_key is None and settings.environment == "PRODUCTION":
        raise SettingsError(
            "BUNQ_API_KEY is not set, and PRODUCTION needs one. Make a key in the bunq app "
            "(Profile, Security & Settings, Developers, API keys), and put it into .env."
        )
    client = context.make_client(settings)
    if settings.api_key is None:
        key = handshake.create_sandbox_user(client)
        path = write_api_key(key, settings.env_file)
        sys.stdout.write(f"A sandbox user was made. Its key is in {path}.\n")
        places = {**settings.places, "BUNQ_API_KEY": str(path)}
        settings = replace(settings, api_key=key, env_file=path, places=places)
    if places_in_words := settings.describe_places():
        # Not to the standard output, which another program may read.
        sys.stderr.write(f"{settings.environment}: {places_in_words}.\n")
    return context.make_context(settings, client)


def _connect_beside(
    bank: Bank | Context,
    environment: str | None,
    api_key: Secret | None,
    *,
    env_file: str | os.PathLike[str] | None,
    profile: str | None,
) -> Context:
    """Open another account at an open bank: the caller's own, or that of a context."""
    from bunqkit.context import context

    if isinstance(bank, context.Context):
        _insist_on_one_bank(bank.settings.environment, environment)
        if bank.bank is None:
            return context.make_beside(bank, api_key)
        bank = bank.bank
    else:
        _insist_on_one_bank("OFFLINE", environment)
    settings = load_settings(
        environment="OFFLINE",
        api_key=api_key,
        env_file=env_file,
        profile=profile,
        is_in_process=True,
    )
    if not callable(bank):
        raise SettingsError(
            f"bank is of type {type(bank).__name__}. Give a bunqkit.sandbox.Bank or a context; the "
            "address of one that is served goes into BUNQ_BASE_URL."
        )
    return context.make_own(settings, bank, api_key, new_key=generate_soon())


def _insist_on_one_bank(environment: str, argument: str | None) -> None:
    if argument is not None and argument.strip().upper() != environment:
        # The argument is not quoted: it may be a key in the wrong place.
        raise SettingsError(
            f"environment is given beside bank, whose environment is {environment}. Leave out one."
        )
