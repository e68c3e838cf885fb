"""``connect()``, and what it gives: the one place where the parts are put together.

A ``Context`` is one key at one bank: it calls any operation, and has tables and payments at hand.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Self

from bunqkit import handshake
from bunqkit.caller import Caller
from bunqkit.client import Client
from bunqkit.errors import SettingsError, StateError
from bunqkit.limits import Limiter
from bunqkit.look import badge, card, key_values
from bunqkit.overview import Overview
from bunqkit.redaction import Secret, forgetting
from bunqkit.retries import Retries
from bunqkit.sessions import Sessions
from bunqkit.settings import Settings, load_settings, write_api_key
from bunqkit.signing import KeyPair, generate_soon
from bunqkit.state import State, StateFile
from bunqkit.terminal import printable
from bunqkit.transport import Bounds

if TYPE_CHECKING:
    from bunqkit.picture import HandshakePicture
    from bunqkit.sandbox import Bank

_SUGAR_DADDY = "sugardaddy@bunq.com"


@forgetting
def connect(
    *,
    environment: str | None = None,
    api_key: str | Secret | None = None,
    env_file: str | os.PathLike[str] | None = None,
    bank: Bank | None = None,
) -> Context:
    """Open an account: saved state, or the three steps.

    Parameters
    ----------
    environment, api_key, env_file
        Win over the environment and ``.env``; see ``load_settings``.
    bank
        An offline bank of yours, on which this is one more person, or the one of ``api_key``.
        Without it ``OFFLINE`` opens a bank of its own, with a person who has a history.

    Returns
    -------
    Context
        In a notebook, show it to see environment, user, device and session.

    Raises
    ------
    SettingsError
        If a setting is missing or wrong.
    ApiError, NoAnswerError, SignatureError
        If one of the three steps fails.
    """
    api_key = Secret(api_key) if isinstance(api_key, str) else api_key
    if bank is not None and (environment or "OFFLINE").strip().upper() != "OFFLINE":
        raise SettingsError(
            f"environment is {environment!r}, but a bank of your own is OFFLINE. Leave out one."
        )
    settings = load_settings(
        environment="OFFLINE" if bank is not None else environment,
        api_key=api_key,
        env_file=env_file,
    )
    if bank is not None or settings.base_url is None:
        return _connect_here(settings, bank, api_key)
    client = make_client(settings)
    if settings.api_key is None:
        key = handshake.create_sandbox_user(client)
        path = write_api_key(key, settings.env_file)
        print(f"A sandbox user was made. Its key is in {path}.")  # noqa: T201 (README promises it)
        settings = replace(settings, api_key=key, env_file=path)
    return make_context(settings, client)


def make_client(settings: Settings, bank: Bank | None = None) -> Client:
    """Give a client of the bank that the settings name, or of one in this process; no keys yet.

    Parameters
    ----------
    settings
        Environment, address and language.
    bank
        An offline bank in this process, in place of the address.
    """
    if bank is None:
        return Client(
            str(settings.base_url),
            language=settings.language,
            limiter=make_limiter(settings),
            retries=Retries(),
            may_reveal=settings.environment == "OFFLINE",
            bounds=Bounds(settings.max_json_mb, settings.max_download_mb),
        )
    from bunqkit.sandbox import doors  # noqa: PLC0415 (a key at bunq needs no bank)

    return Client(
        doors.BASE_URL,
        transport=doors.InProcess(bank),
        language=settings.language,
        limiter=make_limiter(settings),
        retries=Retries(),
        may_reveal=True,
        bounds=Bounds(settings.max_json_mb, settings.max_download_mb),
    )


def make_context(
    settings: Settings,
    client: Client,
    *,
    bank: Bank | None = None,
    state: State | None = None,
    new_key: Callable[[], KeyPair] = KeyPair.generate,
) -> Context:
    """Give a context with an open session: the one that is kept, or by the steps that are missing.

    Parameters
    ----------
    settings
        With the API key.
    client
        As ``make_client`` gives it.
    bank
        The offline bank in this process: its clock counts, and nothing is kept on disk.
    state
        What was reached by single steps; it is kept in place of what was.
    new_key
        Returns a new key pair for an installation.
    """
    assert settings.api_key is not None
    file = None
    if bank is None:
        file = StateFile(
            settings.state_folder,
            environment=settings.environment,
            base_url=client.base_url,
            api_key=settings.api_key,
            passphrase=settings.state_passphrase,
        )
        if state is not None:
            file.save(state)
    clock = bank.clock.now if bank is not None else lambda: datetime.now(UTC)
    sessions = Sessions(settings, client, file, clock=clock, state=state, new_key=new_key)
    sessions.current()
    return Context(settings, client, sessions, bank=bank)


def make_limiter(settings: Settings) -> Limiter:
    """Give the limits of the settings; those of bunq are shared by all kernels of a user."""
    if settings.environment == "OFFLINE":
        return Limiter(settings.limits)
    # They hold for an address, whatever the key.
    file = settings.state_folder / f"{settings.environment.lower()}-limits.json"
    return Limiter(settings.limits, file=file)


def _connect_here(settings: Settings, bank: Bank | None, api_key: Secret | None) -> Context:
    """Open an account at a bank in this process; no state is read or written."""
    # Both sides' keys are made while the bank is loaded and opened.
    new_key = generate_soon()
    from bunqkit.sandbox import Bank  # noqa: PLC0415 (a key at bunq needs no bank)

    own_bank = Bank() if bank is None else bank
    if not callable(own_bank):
        raise SettingsError(
            f"bank is of type {type(own_bank).__name__}. Give a bunqkit.sandbox.Bank; the address "
            "of one that is served goes into BUNQ_BASE_URL."
        )
    client = make_client(settings, own_bank)
    if bank is None:
        key = own_bank.demo_key
    elif api_key is None:
        key = handshake.create_sandbox_user(client)
    else:
        key = api_key
    settings = replace(settings, api_key=key, base_url=client.base_url)
    return make_context(settings, client, bank=own_bank, new_key=new_key)


class Context(Caller, Overview):
    """One key at one bank, ready to call; made by ``connect()``.

    Attributes
    ----------
    settings
        What it was made from.
    bank
        The offline bank in this process, else ``None``.
    """

    def __init__(
        self, settings: Settings, client: Client, sessions: Sessions, *, bank: Bank | None = None
    ) -> None:
        super().__init__(client, sessions, environment=settings.environment, cap=settings.total_cap)
        self.settings = settings
        self.bank = bank

    @property
    def handshake(self) -> HandshakePicture:
        """The three steps that led here: who sent what, which token came back, when it ends."""
        from bunqkit.picture import HandshakePicture  # noqa: PLC0415 (who only calls needs none)

        state, api_key = self._sessions.state, self.settings.api_key
        if state is None or api_key is None:
            raise StateError("The three steps have not been made yet. Make a call first.")
        return HandshakePicture(
            state.installation,
            state.device,
            state.session,
            environment=self.settings.environment,
            base_url=str(self.settings.base_url),
            api_key=api_key,
            kept_in=self._sessions.kept_in,
            is_encrypted=self.settings.state_passphrase is not None,
            now=self._sessions.now(),
        )

    @property
    def client(self) -> Client:
        """What sends, signs and verifies; it has our key and the bank's."""
        return self._client

    def pay(
        self,
        amount: str | Decimal | int,
        to: str,
        description: str,
        *,
        account: int | str | None = None,
        name: str | None = None,
    ) -> dict[str, Any]:
        """Pay, and give the payment that was made.

        Parameters
        ----------
        amount
            In units of the account's currency, such as ``"10.00"``; no float, which is not exact.
        to
            E-mail address, phone number (``+31...``) or IBAN; an IBAN needs ``name`` too.
        description
            Up to 9000 characters; 140 if it leaves the bank.
        account
            Id, IBAN or description of the account that pays; the main one by default.
        name
            The payee's name.

        Raises
        ------
        FieldError
            If amount or payee can't be written as bunq wants them; nothing was sent.
        ApiError, NoAnswerError, SignatureError
            As the client says. After ``NoAnswerError`` the payment may have been made.
        """
        return self._create(
            "payment", amount=amount, to=to, name=name, description=description, account=account
        )

    def request_money(
        self,
        amount: str | Decimal | int,
        to: str,
        description: str,
        *,
        account: int | str | None = None,
        name: str | None = None,
    ) -> dict[str, Any]:
        """Ask somebody for money, and give the request that was made.

        Parameters
        ----------
        amount, to, description, account, name
            As for ``pay``; ``account`` is the one that gets the money.
        """
        return self._create(
            "request-inquiry",
            amount_inquired=amount,
            to=to,
            name=name,
            description=description,
            account=account,
            allow_bunqme=False,
        )

    def top_up(self, amount: str | Decimal | int = "500.00") -> dict[str, Any]:
        """Ask the sandbox's sugar daddy for money, and give the request.

        Parameters
        ----------
        amount
            At most 500.00 at a time; he rejects more. Source: bunq docs, "Sandbox".

        Raises
        ------
        SettingsError
            In production, which has no sugar daddy.
        """
        if self.settings.environment == "PRODUCTION":
            raise SettingsError("Only play money can be topped up, and this is PRODUCTION.")
        return self.request_money(amount, _SUGAR_DADDY, "Top up", name="Sugar Daddy")

    def close(self) -> None:
        """Log out: the session ends at the bank and is forgotten on disk. Harmless twice.

        A script may as well leave it open: the next start then needs no call. Another kernel that
        shares the session opens a new one at its next call. A call after ``close()`` does, too.
        """
        self._sessions.close()
        self._client.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def _create(self, resource: str, **given: Any) -> dict[str, Any]:
        account = self._account(given.pop("account"))["id"]
        made = self.call(f"{resource}.create", account=account, **given).first("Id")
        return self.call(f"{resource}.get", made["id"], account=account).item

    def _told(self) -> dict[str, str]:
        """Tell what the context is; asks nobody, so that showing it is free."""
        place = str(self.settings.base_url)
        if self.bank is not None:
            place = f"in this process, where it is {self.bank.clock.now():%Y-%m-%d %H:%M} UTC"
        told = {"bank": place}
        state = self._sessions.state
        if state is not None and state.session is not None:
            session, device = state.session, state.device
            name = _name_of(session.user)
            told |= {
                "user": f"{name} ({session.user_type} {session.user_id})",
                "device": f"{device.description} ({device.id})",
                "session": f"until {session.expires_at:%Y-%m-%d %H:%M} UTC",
            }
        if writes := self._guard.describe():
            told["writes"] = writes
        return {name: printable(text) for name, text in told.items()}

    def __repr__(self) -> str:
        lines = [f"  {name:<8}{text}" for name, text in self._told().items()]
        return "\n".join([f"bunq {self.settings.environment}", *lines])

    def _repr_html_(self) -> str:
        environment = self.settings.environment
        return card(
            f"{badge(environment)} bunq",
            key_values(self._told()),
            is_production=environment == "PRODUCTION",
        )


def _name_of(user: dict[str, Any]) -> str:
    """Give a user's name; an app's by OAuth is that of the one who let it in."""
    anchor: dict[str, Any] = user.get("granted_by_user") or {}
    granter = next((each for each in anchor.values() if isinstance(each, dict)), user)
    return str(granter.get("display_name") or "no name")
