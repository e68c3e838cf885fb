"""``connect()``: from settings to a context with an open session.

It loads the client while the offline bank is opened in threads, so its imports stand in functions.
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
    """Open an account: saved state, or the three steps. Tells where its settings came from.

    Parameters
    ----------
    environment, api_key, env_file, profile
        Win over the environment and ``.env``; see ``load_settings``.
    bank
        An offline bank of yours, on which this is one more person, or the one of ``api_key``; or a
        context, for one more person at the very bank that it is connected to.
        Without it ``OFFLINE`` opens a bank of its own, with a person who has a history.

    Returns
    -------
    Context
        In a notebook, show it to see environment, user, device and session.

    Raises
    ------
    SettingsError
        If a setting is missing or wrong, or stands where it does not count.
    ApiError, NoAnswerError, SignatureError
        If one of the three steps fails.
    """
    api_key = Secret(api_key) if isinstance(api_key, str) else api_key
    if bank is not None:
        return _connect_beside(bank, environment, api_key, env_file=env_file, profile=profile)
    settings = load_settings(
        environment=environment, api_key=api_key, env_file=env_file, profile=profile
    )
    return _connect_here(settings) if settings.base_url is None else _connect_far(settings)


def _connect_here(settings: Settings) -> Context:
    """Open an account at a new bank in this process; no state is read or written."""
    # The bank and the client's key are made while the client is loaded: half of the time is saved.
    new_key = generate_soon()
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="bunqkit") as thread:
        opened = thread.submit(_open_bank)
        from bunqkit.context import context  # noqa: PLC0415 (as above)

        bank = opened.result()
    return context.make_own(settings, bank, bank.demo_key, new_key=new_key)


def _open_bank() -> Bank:
    from bunqkit.sandbox import Bank  # noqa: PLC0415 (a key at bunq needs no bank)

    return Bank()


def _connect_far(settings: Settings) -> Context:
    """Open an account at the address of the settings."""
    from bunqkit.auth import handshake  # noqa: PLC0415 (in process the bank is begun first)
    from bunqkit.context import context  # noqa: PLC0415 (in process the bank is begun first)

    if settings.api_key is None and settings.environment == "PRODUCTION":
        raise SettingsError(
            "BUNQ_API_KEY is not set, and PRODUCTION needs one. Make a key in the bunq app "
            "(Profile, Security & Settings, Developers, API keys), and put it into .env."
        )
    client = context.make_client(settings)
    if settings.api_key is None:
        key = handshake.create_sandbox_user(client)
        path = write_api_key(key, settings.env_file)
        print(f"A sandbox user was made. Its key is in {path}.")  # noqa: T201 (README promises it)
        places = {**settings.places, "BUNQ_API_KEY": str(path)}
        settings = replace(settings, api_key=key, env_file=path, places=places)
    if told := settings.describe_places():
        # Beside what a program prints for the next one to read.
        sys.stderr.write(f"{settings.environment}: {told}.\n")
    return context.make_context(settings, client)


def _connect_beside(
    bank: Bank | Context,
    environment: str | None,
    api_key: Secret | None,
    *,
    env_file: str | os.PathLike[str] | None,
    profile: str | None,
) -> Context:
    """Open another account at a bank that is there: the caller's own, or that of a context."""
    from bunqkit.context import context  # noqa: PLC0415 (in process the bank is begun first)

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


def _insist_on_one_bank(environment: str, given: str | None) -> None:
    if given is not None and given.strip().upper() != environment:
        # What is given is not quoted: it may be a key in the wrong place.
        raise SettingsError(
            f"environment is given beside bank, whose environment is {environment}. Leave out one."
        )
