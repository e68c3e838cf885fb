"""From an API key to a session: the three calls, and the state machine that makes them in order.

``POST /installation`` -> ``POST /device-server`` -> ``POST /session-server``. Two tokens travel in
the same header: the installation's opens the second and third call, the session's everything else.
``connect()``, renewals, the single steps and ``doctor`` all advance one ``Handshake``.

Source: bunq docs, "Getting started" and "API context".
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from enum import Enum
from typing import Any, TypeGuard

from bunqkit.auth.state import Device, Installation, Session, State
from bunqkit.client.answer import Answer
from bunqkit.client.client import Client
from bunqkit.client.exchange import Exchange
from bunqkit.client.retries import Retries
from bunqkit.errors import ApiError, BunqkitError, CallError, FieldError, SignatureError
from bunqkit.security.redaction import Private, Secret, forgetting
from bunqkit.security.signing import KeyPair, PublicKey, sign_for_provider
from bunqkit.settings import Settings

# Seconds, for a user whose answer has no timeout. Source: the shortest auto-logout time that the
# bunq app offers.
_SHORTEST_TIMEOUT_S = 300
MISSING_STEP = "A step before this one is missing: install, register, open the session."
_WRONG_CREDENTIALS = "User credentials are incorrect. Incorrect API key or IP address."
_WRONG_SIGNATURE = "The request signature is invalid."
# Source: the older text came with 401, the newer with 403 (bunq-client PR#34, bunq2ynab PR#76).
_INSUFFICIENT = ("Insufficient authentication.", "Insufficient authorisation.")
_UNAUTHORISED, _FORBIDDEN = 401, 403

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


class Stage(Enum):
    """One of the three calls. Each needs the results of the stages before it.

    The value is the name of the result: an attribute of ``Handshake``.
    """

    INSTALLATION = "installation"
    DEVICE = "device"
    SESSION = "session"


class Restart(Enum):
    """Why a kept installation opens no session any more, so that all stages are done again."""

    KEY_REFUSED = "the bank knows the installation, and refuses the key or the address"
    INSTALLATION_UNKNOWN = "the bank does not know the installation"
    SIGNATURE_REFUSED = "the bank knows the installation by another public key"
    OTHER_BANK = "the refusal was signed by another key than the bank's"


class Observer:
    """Observes the stages of a handshake. Override the methods that you need."""

    def on_start(self, stage: Stage) -> None:
        """Note that a stage is about to send its call."""

    def on_done(self, stage: Stage, exchange: Exchange) -> None:
        """Note that a stage has its result."""

    def on_failure(self, stage: Stage, error: CallError | SignatureError) -> None:
        """Note that a stage has failed. Then the handshake restarts or raises the error."""


class Handshake(Private):
    """One way from an API key to a session, a stage at a time.

    A kept installation skips the first two stages. If the bank does not accept it any more, the
    handshake restarts once: it makes a new installation and device.

    Parameters
    ----------
    settings
        The API key, and how its device is to be registered.
    client
        A client of the bank. It gets the keys of the installation when the session is opened;
        until then other threads may sign with the keys of an earlier one.
    clock
        Returns the current time (aware), from which the session's end is counted.
    state
        The installation and device of an earlier handshake. Its session is not used.
    keep
        Called with the state when the device is registered, and when the session is open.
    new_key
        Returns a new key pair for an installation.
    observer
        Observes what is done.

    Attributes
    ----------
    installation, device, session
        The results so far; ``None`` for a stage that is still to be done.
    restart
        Why the handshake has restarted; ``None`` if it has not.
    """

    def __init__(
        self,
        settings: Settings,
        client: Client,
        *,
        clock: Callable[[], datetime],
        state: State | None = None,
        keep: Callable[[State], object] | None = None,
        new_key: Callable[[], KeyPair] = KeyPair.generate,
        observer: Observer | None = None,
    ) -> None:
        assert settings.api_key is not None
        self._settings = settings
        self._api_key = settings.api_key
        self._client = client
        self._clock = clock
        self._is_from_state = state is not None
        self._keep = keep
        self._new_key = new_key
        self._observer = observer or Observer()
        self.installation: Installation | None = state.installation if state else None
        self.device: Device | None = state.device if state else None
        self.session: Session | None = None
        self.restart: Restart | None = None

    @property
    def stage(self) -> Stage | None:
        """The next stage; ``None`` if the session is open."""
        return next((stage for stage in Stage if not self.has(stage)), None)

    @property
    def state(self) -> State | None:
        """The results that can be kept; ``None`` before the device is registered."""
        if self.installation is None or self.device is None:
            return None
        return State(self.installation, self.device, self.session)

    def has(self, stage: Stage) -> bool:
        """Return True if a stage has its result."""
        return getattr(self, stage.value) is not None

    def run(self) -> Session:
        """Do all stages that are left, and return the session.

        Raises
        ------
        ApiError, BadAnswerError, NoAnswerError, SignatureError
            If a stage fails, and a restart would not help.
        """
        while self.session is None:
            self.advance()
        return self.session

    def advance(self) -> None:
        """Do the next stage; or restart, if the bank does not accept the kept installation."""
        if self.stage is not None:
            self.do(self.stage)

    def do(self, stage: Stage) -> None:
        """Do one stage. The results of the stages after it are dropped.

        Raises
        ------
        FieldError
            If the result of a stage before it is missing. Nothing was sent.
        """
        stages = list(Stage)
        if not all(map(self.has, stages[: stages.index(stage)])):
            raise FieldError(MISSING_STEP)
        self._observer.on_start(stage)
        try:
            self._call(stage)
        except (CallError, SignatureError) as error:
            self._observer.on_failure(stage, error)
            restart = self._restart_for(error)
            if restart is None:
                if self.restart and is_wrong_credentials(error):
                    raise error.advising(self._advice()) from error
                raise
            self.restart, self.installation, self.device = restart, None, None
            return
        if self._keep is not None and self.state is not None:
            self._keep(self.state)
        self._observer.on_done(stage, self._client.exchanges[-1])

    def _call(self, stage: Stage) -> None:
        if stage is Stage.INSTALLATION:
            # A client of its own: other threads may sign with the first one's key meanwhile.
            client = self._client.fresh()
            self.installation = create_installation(client, self._new_key())
            self.device = self.session = None
            return
        assert self.installation is not None
        if stage is Stage.DEVICE:
            client = self._client.fresh()
            use_installation(client, self.installation)
            self.device = register_device(
                client,
                self.installation,
                self._api_key,
                description=self._settings.device_description,
                permitted_ips=self._settings.permitted_ips,
            )
            self.session = None
        else:
            use_installation(self._client, self.installation)
            self.session = open_session(
                self._client, self.installation, self._api_key, now=self._clock()
            )

    def _restart_for(self, error: CallError | SignatureError) -> Restart | None:
        """Return why a new installation may help after a failure; it is tried once."""
        if not self._is_from_state or self.restart is not None:
            return None
        is_play_money = self._settings.environment != "PRODUCTION"
        if isinstance(error, SignatureError):
            # A wiped sandbox signs with a new key. In production only a forger would.
            return Restart.OTHER_BANK if is_refusal(error) and is_play_money else None
        if is_wrong_credentials(error):
            return Restart.KEY_REFUSED
        if isinstance(error, ApiError) and session_ended(error):
            return Restart.INSTALLATION_UNKNOWN
        return Restart.SIGNATURE_REFUSED if is_wrong_signature(error) and is_play_money else None

    def _advice(self) -> str:
        """Return what a second refusal means: it matters what was refused before the restart."""
        if self.restart is Restart.KEY_REFUSED:
            return _KEY_REFUSED
        return _DEVICE_GONE if self._settings.environment == "PRODUCTION" else _WIPED


def is_wrong_credentials(error: BunqkitError) -> TypeGuard[ApiError]:
    """Return True if the bank refused the key, the address or both: it has one text for all."""
    return isinstance(error, ApiError) and _WRONG_CREDENTIALS in error.messages


def is_wrong_signature(error: BunqkitError) -> bool:
    """Return True if the bank refused the signature of a call."""
    return isinstance(error, ApiError) and _WRONG_SIGNATURE in error.messages


def is_refusal(error: SignatureError) -> bool:
    """Return True if the answer that another key signed has the status of a refused token."""
    return error.status in (_UNAUTHORISED, _FORBIDDEN)


def session_ended(error: ApiError) -> bool:
    """Return True if the bank refused the token: the call was not carried out."""
    return error.status == _UNAUTHORISED or any(text in _INSUFFICIENT for text in error.messages)


def use_installation(client: Client, installation: Installation) -> None:
    """Make a client sign with the key of an installation, and verify with the bank's."""
    client.key, client.bank_key = installation.key, installation.bank_key


@forgetting
def create_sandbox_user(client: Client, *, kind: str = "person") -> Secret:
    """Make a new user with an empty account, and return its API key.

    Parameters
    ----------
    client
        A client of the sandbox or the offline bank; production has no such call.
    kind
        ``person`` or ``company``.

    Raises
    ------
    FieldError
        If the kind is another. Nothing was sent.

    Source: bunq docs, "Sandbox"; the answer stands under ``ApiKey``.
    """
    if kind not in ("person", "company"):
        raise FieldError(f"kind is {kind!r}. Make it 'person' or 'company'.")
    answer = client.request("POST", f"/sandbox-user-{kind}")
    return Secret(_text(answer, answer.first("ApiKey"), "api_key"))


@forgetting
def create_installation(client: Client, key: KeyPair) -> Installation:
    """Do the first step: exchange public keys, and return the installation with its token.

    From then on the client signs with ``key`` and verifies with the bank's key. The answer of this
    call can't be verified: only TLS protects it.

    Parameters
    ----------
    client
        A client that has no keys yet.
    key
        Our new key pair. Each installation has its own.
    """
    answer = client.request("POST", "/installation", {"client_public_key": key.public.pem})
    bank_pem = _text(answer, answer.first("ServerPublicKey"), "server_public_key")
    installation = Installation(
        id=_number(answer, answer.first("Id"), "id"),
        token=Secret(_text(answer, answer.first("Token"), "token"), kind="installation"),
        key=key,
        bank_key=PublicKey.from_pem(bank_pem),
    )
    use_installation(client, installation)
    return installation


@forgetting
def create_provider_credential(
    client: Client, installation: Installation, certificate: str, key: KeyPair, *, chain: str
) -> Secret:
    """Register as a payment service provider, between the first and the second step.

    Return the provider's key. It opens sessions for 90 days, as an API key does, for what the roles
    of the certificate allow.

    Parameters
    ----------
    client
        The client of the installation.
    installation
        The result of the first step.
    certificate, chain
        PEM of the provider's certificate, and of the certificates that it is signed by. The sandbox
        accepts a self-signed one, whose name holds the roles.
    key
        The key pair of the certificate.

    Source: bunq docs, "PSD2".
    """
    body = {
        "client_payment_service_provider_certificate": certificate,
        "client_payment_service_provider_certificate_chain": chain,
        "client_public_key_signature": sign_for_provider(
            key, installation.key.public, installation.token
        ),
    }
    path = "/payment-service-provider-credential"
    answer = client.request("POST", path, body, token=installation.token)
    return Secret(_text(answer, answer.first("CredentialPasswordIp"), "token_value"))


@forgetting
def register_device(
    client: Client,
    installation: Installation,
    api_key: Secret,
    *,
    description: str,
    permitted_ips: tuple[str, ...] | None = None,
) -> Device:
    """Do the second step: bind the API key to this installation and to addresses.

    Parameters
    ----------
    client
        The client of the installation.
    installation
        The result of the first step; its token opens this step.
    api_key
        The key to bind. From then on it works with this installation from these addresses only.
    description
        The name of the device in the app.
    permitted_ips
        Addresses, or ``*`` for any; ``None`` lets the bank take the caller's address. A list
        without the caller's own address locks the caller out.
    """
    body: dict[str, Any] = {"description": description, "secret": api_key}
    if permitted_ips is not None:
        body["permitted_ips"] = list(permitted_ips)
    answer = client.request("POST", "/device-server", body, token=installation.token)
    return Device(id=_number(answer, answer.first("Id"), "id"), description=description)


@forgetting
def open_session(
    client: Client, installation: Installation, api_key: Secret, *, now: datetime
) -> Session:
    """Do the third step: return the session with its token and the user.

    Parameters
    ----------
    client
        The client of the installation.
    installation
        The result of the first step; its token opens this step. The bank requires a signature.
    api_key
        The key that the second step bound.
    now
        The current time (aware), from which the session's end is counted.

    Source: bunq docs, "Sessions"; the bank opens one session in 30 seconds.
    """
    body = {"secret": api_key}
    answer = client.request("POST", "/session-server", body, token=installation.token)
    user_type, user = _user(answer)
    return Session(
        id=_number(answer, answer.first("Id"), "id"),
        token=Secret(_text(answer, answer.first("Token"), "token"), kind="session"),
        user_type=user_type,
        user={**user, "id": _number(answer, user, "id")},
        opened_at=now,
        timeout_s=_timeout_s(user),
    )


def close_session(client: Client, session: Session) -> None:
    """Log out: the session's token opens nothing from then on. The call is not retried.

    Parameters
    ----------
    client
        The client of the installation.
    session
        The result of the third step.

    Source: bunq docs, "Sessions".
    """
    client.request(
        "DELETE", f"/session/{session.id}", token=session.token, retries=Retries(attempts=1)
    )


def _user(answer: Answer) -> tuple[str, dict[str, Any]]:
    """Return the type and the item that is neither id nor token: it is the user, of any kind."""
    for name, item in zip(answer.types, answer.items, strict=True):
        if name not in ("Id", "Token"):
            return name, item
    raise answer.exchange.unusable("it names no user")


def _timeout_s(user: dict[str, Any]) -> int:
    """Return the auto-logout time. For an OAuth user it stands at the app's owner."""
    timeout_s = user.get("session_timeout")
    if timeout_s is None and isinstance(anchor := user.get("requested_by_user"), dict):
        owner = next((inner for inner in anchor.values() if isinstance(inner, dict)), {})
        timeout_s = owner.get("session_timeout")
    return timeout_s if isinstance(timeout_s, int) and timeout_s > 0 else _SHORTEST_TIMEOUT_S


def _text(answer: Answer, item: dict[str, Any], name: str) -> str:
    """Return a text of an answer, or raise ``BadAnswerError``."""
    if not isinstance(text := item.get(name), str) or not text:
        raise answer.exchange.unusable(f"its {name} is no text")
    return text


def _number(answer: Answer, item: dict[str, Any], name: str) -> int:
    """Return a whole number of an answer, or raise ``BadAnswerError``."""
    if not isinstance(number := item.get(name), int) or isinstance(number, bool):
        raise answer.exchange.unusable(f"its {name} is no whole number")
    return number
