"""The context that ``connect()`` returns, and the functions that put it together.

A ``Context`` is one key at one bank. Its parts are a channel (client and sessions), the guard of
writes, what sends writes, what calls operations, and the tables.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from bunqkit.auth import handshake
from bunqkit.auth.sessions import Sessions
from bunqkit.auth.state import Session, State, StateFile
from bunqkit.client.bodies import Bounds
from bunqkit.client.client import Client
from bunqkit.client.exchange import Exchange, Exchanges
from bunqkit.client.in_process import InProcessTransport
from bunqkit.client.journal import Entry, Unsettled
from bunqkit.client.private_hosts import look_up
from bunqkit.client.rate_limits import Limiter
from bunqkit.client.retries import Retries
from bunqkit.context.api import Resource
from bunqkit.context.caller import Caller, find_operation
from bunqkit.context.channel import Channel
from bunqkit.context.guard import Guard
from bunqkit.context.parts import PartMethod
from bunqkit.context.settling import Settlement, settle
from bunqkit.context.tables import Tables
from bunqkit.context.writes import Writes
from bunqkit.display.html import card, key_values
from bunqkit.display.terminal import printable
from bunqkit.errors import LockedError, SettingsError, StateError, UnsettledError
from bunqkit.security.redaction import Private, Secret
from bunqkit.security.signing import KeyPair
from bunqkit.settings import Settings

if TYPE_CHECKING:
    from bunqkit.auth.diagram import HandshakePicture
    from bunqkit.sandbox import Bank

_SUGAR_DADDY = "sugardaddy@bunq.com"


def make_client(
    settings: Settings,
    bank: Bank | None = None,
    *,
    timeout_s: float | None = None,
    retries: Retries | None = None,
) -> Client:
    """Return a client of the bank that the settings name, without keys.

    Parameters
    ----------
    settings
        Environment, address and language.
    bank
        An offline bank in this process, which replaces the address.
    timeout_s, retries
        These replace the client's defaults.

    Raises
    ------
    SettingsError
        If the environment is ``OFFLINE`` and the address is neither on this machine nor on its
        network.
    """
    options: dict[str, Any] = {
        "language": settings.language,
        "limiter": make_limiter(settings),
        "retries": retries or Retries(),
        "may_reveal": settings.environment == "OFFLINE",
        "bounds": Bounds(settings.max_json_mb, settings.max_download_mb),
    }
    if timeout_s is not None:
        options["timeout_s"] = timeout_s
    if bank is None:
        base_url = str(settings.base_url)
        if settings.environment == "OFFLINE":
            place = settings.places.get("BUNQ_BASE_URL", "the settings")
            options["addresses"] = look_up(base_url, place)
        return Client(base_url, **options)
    from bunqkit.sandbox import in_process

    transport = InProcessTransport(partial(in_process.call, bank))
    return Client(in_process.BASE_URL, transport=transport, **options)


def make_context(
    settings: Settings,
    client: Client,
    *,
    bank: Bank | None = None,
    state: State | None = None,
    new_key: Callable[[], KeyPair] = KeyPair.generate,
) -> Context:
    """Return a context with an open session; the steps that are missing are made.

    Parameters
    ----------
    settings
        The settings, with the API key.
    client
        A client from ``make_client``.
    bank
        The offline bank in this process: its clock is used, and nothing is saved on disk.
    state
        The result of single steps; it replaces the saved state.
    new_key
        A function that returns a new key pair for an installation.
    """
    assert settings.api_key is not None
    file = None
    if bank is None:
        file = _state_file(settings, client)
        if state is not None:
            file.save(state)
    clock = bank.clock.now if bank is not None else lambda: datetime.now(UTC)
    sessions = Sessions(settings, client, file, clock=clock, state=state, new_key=new_key)
    sessions.current()
    bunq = Context(settings, client, sessions, bank=bank)
    if bunq.unsettled:
        sys.stdout.write(f"{_count(bunq.unsettled)}: bunq.settle() looks up what became of them.\n")
    return bunq


def find_kept(settings: Settings) -> Context | None:
    """Return a context of what is saved on this machine, without a call; ``None`` if nothing is.

    Parameters
    ----------
    settings
        The settings, which name the key and the bank.
    """
    if settings.api_key is None or settings.base_url is None:
        return None
    client = make_client(settings)
    file = _state_file(settings, client)
    sessions = Sessions(settings, client, file, clock=lambda: datetime.now(UTC))
    state = sessions.take_up()
    bunq = Context(settings, client, sessions)
    return bunq if state is not None or bunq.unsettled else None


def _state_file(settings: Settings, client: Client) -> StateFile:
    assert settings.api_key is not None
    return StateFile(
        settings.state_folder,
        environment=settings.environment,
        base_url=client.base_url,
        api_key=settings.api_key,
        passphrase=settings.state_passphrase,
    )


def make_limiter(settings: Settings) -> Limiter:
    """Return the rate limits of the settings; bunq's are shared by all kernels of a user."""
    if settings.environment == "OFFLINE":
        return Limiter(settings.limits)
    # bunq counts the calls of an address, whatever the key and the profile.
    file = settings.shared_folder / f"{settings.environment.lower()}-limits.json"
    return Limiter(settings.limits, file=file)


def make_beside(other: Context, api_key: Secret | None) -> Context:
    """Return a context of another account at the same bank, over the same connections."""
    client = other.client.another()
    if api_key is None and other.settings.environment == "PRODUCTION":
        raise SettingsError("PRODUCTION makes no user. Give api_key= beside bank=.")
    key = handshake.create_sandbox_user(client) if api_key is None else api_key
    places = {**other.settings.places, "BUNQ_API_KEY": "the argument of the call"}
    return make_context(replace(other.settings, api_key=key, places=places), client)


def make_own(
    settings: Settings, bank: Bank, api_key: Secret | None, *, new_key: Callable[[], KeyPair]
) -> Context:
    """Return a context at a bank in this process, without reading or writing state.

    Without a key it is the context of a new user.
    """
    client = make_client(settings, bank)
    key = handshake.create_sandbox_user(client) if api_key is None else api_key
    settings = replace(settings, api_key=key, base_url=client.base_url)
    return make_context(settings, client, bank=bank, new_key=new_key)


class Context(Private):
    """One key at one bank, ready to call; ``connect()`` returns it.

    Parameters
    ----------
    settings
        The settings that it was made from. In ``PRODUCTION`` it is read-only until a call is
        unlocked.
    client
        The address of the bank and the keys of both sides.
    sessions
        The sessions to call with.
    bank
        The offline bank in this process, else ``None``.

    Attributes
    ----------
    settings, bank
        As above.
    drift
        The counts of differences between answers and catalogue, once it is switched on.
    """

    def __init__(
        self, settings: Settings, client: Client, sessions: Sessions, *, bank: Bank | None = None
    ) -> None:
        self.settings = settings
        self.bank = bank
        self._sessions = sessions
        self._channel = Channel(client, sessions)
        self.drift = self._channel.drift
        # The host counts too, whatever the setting says.
        environment = "PRODUCTION" if client.is_production else settings.environment
        self._guard = Guard(environment, cap=settings.total_cap)
        # A bank in this process has done its work when the call ends.
        grace_s = 30.0 if bank is None else 0.0
        self._writes = Writes(self._channel, self._guard, grace_s=grace_s)
        self._caller = Caller(self._channel, self._writes)
        self._tables = Tables(self._caller)

    accounts = PartMethod("_tables", Tables.accounts)
    payments = PartMethod("_tables", Tables.payments)
    money_requests = PartMethod("_tables", Tables.money_requests)
    cards = PartMethod("_tables", Tables.cards)
    card_transactions = PartMethod("_tables", Tables.card_transactions)
    events = PartMethod("_tables", Tables.events)
    scheduled_payments = PartMethod("_tables", Tables.scheduled_payments)

    find = PartMethod("_caller", Caller.find)
    call = PartMethod("_caller", Caller.call)
    preview = PartMethod("_caller", Caller.preview)
    pages = PartMethod("_caller", Caller.pages)
    frame = PartMethod("_caller", Caller.frame)
    download = PartMethod("_caller", Caller.download)
    upload = PartMethod("_caller", Caller.upload)
    send_bytes = PartMethod("_caller", Caller.send_bytes)
    find_account = PartMethod("_caller", Caller.find_account)

    unlock = PartMethod("_guard", Guard.unlock)

    @property
    def api(self) -> Resource:
        """Every operation as a method: ``bunq.api.payment.list(count=50)``, with Tab completion."""
        return self._caller.api

    @property
    def client(self) -> Client:
        """The client that signs, sends and verifies; it has both our key and the bank's."""
        return self._channel.client

    @property
    def exchanges(self) -> Exchanges:
        """The last calls, oldest first, including those that failed or were refused."""
        return self.client.exchanges

    @property
    def session(self) -> Session:
        """The session; a new one is opened if it has ended."""
        return self._sessions.current()

    @property
    def state(self) -> State | None:
        """Installation, device and session as they are known here, without a call."""
        return self._sessions.state

    @property
    def user(self) -> dict[str, Any]:
        """The user as the bank described it when the session was opened."""
        return self.session.user

    @property
    def user_id(self) -> int:
        """The id of the user, which stands in the path of every call."""
        return self.session.user_id

    def renew(self) -> Session:
        """Open the next session although this one lives; bunq allows one in 30 seconds."""
        return self._sessions.current(but_not=self.session)

    @property
    def handshake(self) -> HandshakePicture:
        """A picture of the three steps: who sent what, which token came back, when it ends."""
        from bunqkit.auth.diagram import HandshakePicture

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
    def unsettled(self) -> Unsettled:
        """The writes whose outcome is not known, oldest first; reading it makes no call.

        Their answers were lost, or the process ended before the answers came, here or in another
        kernel.
        """
        return self._writes.journal.unsettled()

    def settle(self, *, forget: str | Iterable[str] = ()) -> Settlement:
        """Look up what became of the writes in ``unsettled``, and return it.

        A write counts as not made only when it can't be under way any more: half a minute after
        its answer was lost. The method waits for that. A write without a reference that is not at
        the bank as it was sent stays unsettled: a person has to look, and the text says what to
        compare.

        Parameters
        ----------
        forget
            Ids of writes that you have looked up in the app; they are removed from ``unsettled``.
        """
        ids = [forget] if isinstance(forget, str) else forget
        return settle(self._writes, find_operation, forget=ids)

    def replay(self, exchange: Exchange, body: bytes) -> Exchange:
        """Send an earlier call again with another body and the old signature, to be refused.

        Parameters
        ----------
        exchange
            One of ``exchanges``.
        body
            Its body, with some byte changed.

        Raises
        ------
        LockedError
            In production, where nothing is tried out.
        """
        if self._guard.is_locked:
            raise LockedError("Nothing is replayed in PRODUCTION. Try it offline or in SANDBOX.")
        return self.client.replay(exchange, body)

    def pay(
        self,
        amount: str | Decimal | int,
        to: str,
        description: str,
        *,
        account: int | str | None = None,
        name: str | None = None,
        even_if_unsettled: bool = False,
    ) -> dict[str, Any]:
        """Pay, and return the payment that was made.

        Parameters
        ----------
        amount
            In units of the account's currency, such as ``"10.00"``; a float is refused, since it
            is not exact.
        to
            E-mail address, phone number (``+31...``) or IBAN; an IBAN needs ``name`` too.
        description
            Up to 9000 characters; 140 if the payment leaves the bank.
        account
            Id, IBAN or description of the account that pays; the main one by default.
        name
            The payee's name.
        even_if_unsettled
            Whether to pay although the outcome of a similar payment is not known; see ``call``.

        Raises
        ------
        FieldError
            If amount or payee can't be written as bunq wants them; nothing was sent.
        UnsettledError
            If the outcome of a similar payment is not known; nothing was sent.
        OutcomeUnknownError
            If the answer was lost, and it is not known yet whether the payment was made.
        ApiError, NoAnswerError, SignatureError
            As for ``Client.request``.
        """
        return self._create(
            "payment",
            amount=amount,
            to=to,
            name=name,
            description=description,
            account=account,
            even_if_unsettled=even_if_unsettled,
        )

    def request_money(
        self,
        amount: str | Decimal | int,
        to: str,
        description: str,
        *,
        account: int | str | None = None,
        name: str | None = None,
        even_if_unsettled: bool = False,
    ) -> dict[str, Any]:
        """Ask somebody for money, and return the request that was made.

        Parameters
        ----------
        amount, to, description, account, name, even_if_unsettled
            As for ``pay``; ``account`` receives the money.
        """
        return self._create(
            "request-inquiry",
            amount_inquired=amount,
            to=to,
            name=name,
            description=description,
            account=account,
            allow_bunqme=False,
            even_if_unsettled=even_if_unsettled,
        )

    def top_up(self, amount: str | Decimal | int = "500.00") -> dict[str, Any]:
        """Ask the sandbox's sugar daddy for money, and return the request.

        Parameters
        ----------
        amount
            At most 500.00 at a time; more is rejected. Source: bunq docs, "Sandbox".

        Raises
        ------
        SettingsError
            In production, which has no sugar daddy.
        """
        if self.client.is_production or self.settings.environment == "PRODUCTION":
            raise SettingsError("Only play money can be topped up, and this is PRODUCTION.")
        return self.request_money(amount, _SUGAR_DADDY, "Top up", name="Sugar Daddy")

    def close(self) -> None:
        """End the session, at the bank and on disk; a second ``close()`` does nothing.

        A script may also leave the session open: the next start then needs no call. Another kernel
        that shares the session opens a new one at its next call; so does a call after ``close()``.
        """
        self._sessions.close()
        self.client.close()

    def logout(
        self, *, forget_unsettled: bool = False, ledgers: Iterable[str | os.PathLike[str]] = ()
    ) -> None:
        """End the session, delete what is saved on this machine, and print what stays.

        Unsettled writes are settled first. Then state, journal and keys of this installation are
        deleted. The device and the API key stay at the bank: revoke them in its app. No call can
        be made afterwards.

        Parameters
        ----------
        forget_unsettled
            Whether to log out although the outcome of a write is not known.
        ledgers
            Files of ledgers to delete too; other ledgers stay.

        Raises
        ------
        UnsettledError
            If the outcome of a write is not known; the message lists them. Nothing was deleted.
        StateError
            If a file to delete is no ledger, or something can't be deleted.
        """
        paths = [Path(path).expanduser() for path in ledgers]
        for path in paths:
            _check_is_ledger(path)
        settlement = self.settle()
        if settlement.unknown and not forget_unsettled:
            writes = "\n".join(str(write) for write in settlement if write.outcome == "unknown")
            raise UnsettledError(
                f"You are still logged in, since {_count(settlement.unknown)}:\n{writes}\nTo log "
                "out all the same: forget_unsettled=True (--forget-unsettled).",
                settlement.unknown,
            )
        state, kept_in = self._sessions.state, self._sessions.kept_in
        has_ended = self._sessions.leave()
        self._writes.journal.delete()
        for path in paths:
            for ending in ("", "-wal", "-shm", "-journal", ".lock"):
                Path(f"{path}{ending}").unlink(missing_ok=True)
        self.client.close()
        sys.stdout.write(f"{self._farewell(state, kept_in, paths, has_ended=has_ended)}\n")

    def _farewell(
        self, state: State | None, kept_in: Path | None, ledgers: list[Path], *, has_ended: bool
    ) -> str:
        """Return the text that says what was deleted and what stays."""
        ended = "The session has ended."
        if not has_ended:
            ended = "The bank did not confirm the end of the session: it ends by itself."
        if kept_in is None:
            return f"Logged out. {ended} Nothing was kept on disk."
        gone = ", ".join(map(str, (kept_in, self._writes.journal.folder, *ledgers)))
        device = f"the device {state.device.description!r} (id {state.device.id})" if state else ""
        place = f" (also in {self.settings.env_file})" if self.settings.env_file else ""
        return (
            f"Logged out. {ended} Deleted, as far as it was there: {gone}.\n"
            f"What stays: {device or 'the device'} at the bank, and the API key{place}. Revoke "
            "both in the bunq app, where it lists your API keys. Ledgers that you did not name "
            "stay, too."
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def _create(self, resource: str, **arguments: Any) -> dict[str, Any]:
        account = self.find_account(arguments.pop("account"))["id"]
        created = self.call(f"{resource}.create", account=account, **arguments).first("Id")
        return self.call(f"{resource}.get", created["id"], account=account).item

    def _summary(self) -> dict[str, str]:
        """Return what the context shows of itself, by name; this makes no call."""
        place = str(self.settings.base_url)
        if self.bank is not None:
            place = f"in this process, where it is {self.bank.clock.now():%Y-%m-%d %H:%M} UTC"
        summary = {"bank": place}
        state = self._sessions.state
        if state is not None and state.session is not None:
            session, device = state.session, state.device
            name = _name_of(session.user)
            summary |= {
                "user": f"{name} ({session.user_type} {session.user_id})",
                "device": f"{device.description} ({device.id})",
                "session": f"until {session.expires_at:%Y-%m-%d %H:%M} UTC",
            }
        if writes := self._guard.describe():
            summary["writes"] = writes
        if places := self.settings.describe_places():
            summary["settings"] = places
        with contextlib.suppress(StateError):
            if unsettled := self.unsettled:
                summary["journal"] = f"{_count(unsettled)}: bunq.settle()"
        return {name: printable(text) for name, text in summary.items()}

    def __repr__(self) -> str:
        lines = [f"  {name:<9}{text}" for name, text in self._summary().items()]
        return "\n".join([f"bunq {self.settings.environment}", *lines])

    def _repr_html_(self) -> str:
        environment = self.settings.environment
        return card(
            "bunq",
            key_values(self._summary()),
            environment=environment,
            is_production=self.client.is_production or environment == "PRODUCTION",
        )


def _count(entries: Sequence[Entry]) -> str:
    writes = "1 write is" if len(entries) == 1 else f"{len(entries)} writes are"
    return f"{writes} unsettled"


def _check_is_ledger(path: Path) -> None:
    """Raise an error if a file is no ledger: nothing else is deleted."""
    from bunqkit.ledger.ledger import Ledger

    if not path.is_file():
        raise StateError(f"There is no ledger at {path}.")
    Ledger(path).close()


def _name_of(user: dict[str, Any]) -> str:
    """Return a user's name; an OAuth app has the name of the user who gave it access."""
    anchor: dict[str, Any] = user.get("granted_by_user") or {}
    granter = next((granter for granter in anchor.values() if isinstance(granter, dict)), user)
    return str(granter.get("display_name") or "no name")
