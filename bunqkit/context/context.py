"""What ``connect()`` gives: the one place where the parts are put together.

A ``Context`` is one key at one bank: it calls any operation, and has tables and payments at hand.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from bunqkit.auth import handshake
from bunqkit.auth.sessions import Sessions
from bunqkit.auth.state import State, StateFile
from bunqkit.client.bodies import Bounds
from bunqkit.client.client import Client
from bunqkit.client.in_process import InProcessTransport
from bunqkit.client.journal import Entry
from bunqkit.client.private_hosts import look_up
from bunqkit.client.rate_limits import Limiter
from bunqkit.client.retries import Retries
from bunqkit.context.caller import Caller
from bunqkit.context.tables import Overview
from bunqkit.display.html import card, key_values
from bunqkit.display.terminal import printable
from bunqkit.errors import SettingsError, StateError, UnsettledError
from bunqkit.security.redaction import Secret
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
    """Give a client of the bank that the settings name, or of one in this process; no keys yet.

    Parameters
    ----------
    settings
        Environment, address and language.
    bank
        An offline bank in this process, in place of the address.
    timeout_s, retries
        In place of the client's own.

    Raises
    ------
    SettingsError
        If it is ``OFFLINE``, and the address leads neither to this machine nor to its network.
    """
    how: dict[str, Any] = {
        "language": settings.language,
        "limiter": make_limiter(settings),
        "retries": retries or Retries(),
        "may_reveal": settings.environment == "OFFLINE",
        "bounds": Bounds(settings.max_json_mb, settings.max_download_mb),
    }
    if timeout_s is not None:
        how["timeout_s"] = timeout_s
    if bank is None:
        base_url = str(settings.base_url)
        if settings.environment == "OFFLINE":
            place = settings.places.get("BUNQ_BASE_URL", "the settings")
            how["addresses"] = look_up(base_url, place)
        return Client(base_url, **how)
    from bunqkit.sandbox import in_process  # noqa: PLC0415 (a key at bunq needs no bank)

    transport = InProcessTransport(partial(in_process.call, bank))
    return Client(in_process.BASE_URL, transport=transport, **how)


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
        file = _state_file(settings, client)
        if state is not None:
            file.save(state)
    clock = bank.clock.now if bank is not None else lambda: datetime.now(UTC)
    sessions = Sessions(settings, client, file, clock=clock, state=state, new_key=new_key)
    sessions.current()
    bunq = Context(settings, client, sessions, bank=bank)
    if bunq.unsettled:
        print(f"{_count(bunq.unsettled)}: bunq.settle() looks up what became of them.")  # noqa: T201
    return bunq


def find_kept(settings: Settings) -> Context | None:
    """Return a context of what is kept on this machine, and ask nobody; ``None`` if nothing is.

    Parameters
    ----------
    settings
        Say whose key at which bank.
    """
    if settings.api_key is None or settings.base_url is None:
        return None
    client = make_client(settings)
    file = _state_file(settings, client)
    sessions = Sessions(settings, client, file, clock=lambda: datetime.now(UTC))
    kept = sessions.take_up()
    bunq = Context(settings, client, sessions)
    return bunq if kept is not None or bunq.unsettled else None


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
    """Give the limits of the settings; those of bunq are shared by all kernels of a user."""
    if settings.environment == "OFFLINE":
        return Limiter(settings.limits)
    # They hold for an address, whatever the key and the profile.
    file = settings.shared_folder / f"{settings.environment.lower()}-limits.json"
    return Limiter(settings.limits, file=file)


def make_beside(other: Context, api_key: Secret | None) -> Context:
    """Return a context of another account at the bank of one, at the very address it talks to."""
    client = other.client.another()
    if api_key is None and other.settings.environment == "PRODUCTION":
        raise SettingsError("PRODUCTION makes no user. Give api_key= beside bank=.")
    key = handshake.create_sandbox_user(client) if api_key is None else api_key
    places = {**other.settings.places, "BUNQ_API_KEY": "the argument of the call"}
    return make_context(replace(other.settings, api_key=key, places=places), client)


def make_own(
    settings: Settings, bank: Bank, api_key: Secret | None, *, new_key: Callable[[], KeyPair]
) -> Context:
    """Return a context at a bank in this process; without a key, of a new user.

    No state is read or written.
    """
    client = make_client(settings, bank)
    key = handshake.create_sandbox_user(client) if api_key is None else api_key
    settings = replace(settings, api_key=key, base_url=client.base_url)
    return make_context(settings, client, bank=bank, new_key=new_key)


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
        if bank is not None:
            self._books.grace_s = 0.0

    @property
    def handshake(self) -> HandshakePicture:
        """The three steps that led here: who sent what, which token came back, when it ends."""
        from bunqkit.auth.diagram import HandshakePicture  # noqa: PLC0415 (who only calls needs none)

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
        even_if_unsettled: bool = False,
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
        even_if_unsettled
            Whether to pay though the outcome of a payment like it is not known; see ``call``.

        Raises
        ------
        FieldError
            If amount or payee can't be written as bunq wants them; nothing was sent.
        UnsettledError
            If the outcome of a payment like it is not known; nothing was sent.
        OutcomeUnknownError
            If the answer was lost, and nobody can say yet whether the payment was made.
        ApiError, NoAnswerError, SignatureError
            As the client says.
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
        """Ask somebody for money, and give the request that was made.

        Parameters
        ----------
        amount, to, description, account, name, even_if_unsettled
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
            even_if_unsettled=even_if_unsettled,
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
        if self.client.is_production or self.settings.environment == "PRODUCTION":
            raise SettingsError("Only play money can be topped up, and this is PRODUCTION.")
        return self.request_money(amount, _SUGAR_DADDY, "Top up", name="Sugar Daddy")

    def close(self) -> None:
        """End the session, at the bank and on disk; all else stays. Harmless twice.

        A script may as well leave it open: the next start then needs no call. Another kernel that
        shares the session opens a new one at its next call. A call after ``close()`` does, too.
        """
        self._sessions.close()
        self._client.close()

    def logout(
        self, *, forget_unsettled: bool = False, ledgers: Iterable[str | os.PathLike[str]] = ()
    ) -> None:
        """Leave this machine: end the session, delete what is kept here, and say what stays.

        Unsettled writes are settled first. State, journal and keys of this installation are then
        deleted. The device and the API key stay at the bank: they are revoked in its app. No call
        can be made after it.

        Parameters
        ----------
        forget_unsettled
            Whether to leave though the outcome of a write is not known.
        ledgers
            Files of ledgers to delete too. Others stay.

        Raises
        ------
        UnsettledError
            If the outcome of a write is not known; the message lists them. Nothing was deleted.
        StateError
            If a ledger to delete is none, or something can't be deleted.
        """
        paths = [Path(each).expanduser() for each in ledgers]
        for path in paths:
            _insist_on_ledger(path)
        settlement = self.settle()
        if settlement.unknown and not forget_unsettled:
            listed = "\n".join(str(each) for each in settlement if each.outcome == "unknown")
            raise UnsettledError(
                f"You are still logged in, since {_count(settlement.unknown)}:\n{listed}\nIf you "
                "want to leave all the same: forget_unsettled=True (--forget-unsettled).",
                settlement.unknown,
            )
        state, kept_in = self._sessions.state, self._sessions.kept_in
        has_ended = self._sessions.leave()
        self._journal.delete()
        for path in paths:
            for beside in ("", "-wal", "-shm", "-journal", ".lock"):
                Path(f"{path}{beside}").unlink(missing_ok=True)
        self._client.close()
        print(self._farewell(state, kept_in, paths, has_ended=has_ended))  # noqa: T201

    def _farewell(
        self, state: State | None, kept_in: Path | None, ledgers: list[Path], *, has_ended: bool
    ) -> str:
        """Print what was deleted, and what stays."""
        ended = "The session has ended."
        if not has_ended:
            ended = "The bank did not confirm the end of the session: it ends by itself."
        if kept_in is None:
            return f"Logged out. {ended} Nothing was kept on disk."
        gone = ", ".join(map(str, (kept_in, self._journal.folder, *ledgers)))
        device = f"the device {state.device.description!r} (id {state.device.id})" if state else ""
        place = f" (also in {self.settings.env_file})" if self.settings.env_file else ""
        return (
            f"Logged out. {ended} Deleted, as far as it was there: {gone}.\n"
            f"What stays: {device or 'the device'} at the bank, and the API key{place}. Revoke "
            "them in the bunq app, where your API keys are. Ledgers that you did not name stay too."
        )

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
        if places := self.settings.describe_places():
            told["settings"] = places
        with contextlib.suppress(StateError):
            if unsettled := self.unsettled:
                told["journal"] = f"{_count(unsettled)}: bunq.settle()"
        return {name: printable(text) for name, text in told.items()}

    def __repr__(self) -> str:
        lines = [f"  {name:<9}{text}" for name, text in self._told().items()]
        return "\n".join([f"bunq {self.settings.environment}", *lines])

    def _repr_html_(self) -> str:
        environment = self.settings.environment
        return card(
            "bunq",
            key_values(self._told()),
            environment=environment,
            is_production=self.client.is_production,
        )


def _count(entries: Sequence[Entry]) -> str:
    writes = "1 write is" if len(entries) == 1 else f"{len(entries)} writes are"
    return f"{writes} unsettled"


def _insist_on_ledger(path: Path) -> None:
    """Return if there is a ledger: nothing else is deleted."""
    from bunqkit.ledger.ledger import Ledger  # noqa: PLC0415 (who deletes one)

    if not path.is_file():
        raise StateError(f"There is no ledger at {path}.")
    Ledger(path).close()


def _name_of(user: dict[str, Any]) -> str:
    """Give a user's name; an app's by OAuth is that of the one who let it in."""
    anchor: dict[str, Any] = user.get("granted_by_user") or {}
    granter = next((each for each in anchor.values() if isinstance(each, dict)), user)
    return str(granter.get("display_name") or "no name")
