"""The doctor's calls to the bank: name, connection, clock, kept state, and the handshake.

A probe stops where ``connect()`` would fail. The bank has one text for wrong credentials, whatever
the cause. The probe tells the causes apart by what else it knows: whether the key worked from here
before, and whether the bank knows the installation and accepts the key for a new device.
"""

from __future__ import annotations

import contextlib
import ipaddress
import json
import os
import socket
import ssl
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import NoReturn
from urllib.parse import urlsplit

from bunqkit.auth.handshake import (
    Handshake,
    Observer,
    Restart,
    Stage,
    is_wrong_credentials,
    is_wrong_signature,
    session_ended,
    use_installation,
)
from bunqkit.auth.state import State, StateFile
from bunqkit.client.client import Client
from bunqkit.client.exchange import Exchange
from bunqkit.client.retries import Retries
from bunqkit.context.context import make_client
from bunqkit.diagnosis.causes import Cause, make_cause
from bunqkit.errors import (
    ApiError,
    BadAnswerError,
    CallError,
    NoAnswerError,
    SettingsError,
    SignatureError,
    StateError,
)
from bunqkit.settings import Settings

_TIMEOUT_S = 15.0
_SKEW_S = 60
# Source: OpenSSL's X509_V_ERR_* codes.
_CERTIFICATE_CAUSES = {
    **dict.fromkeys((9, 10), "certificate expired"),
    **dict.fromkeys((62, 64), "certificate of another name"),
}
# Exceptions of the libraries, and the cause that each stands for; the first match counts.
_CONNECTION_CAUSES = {
    "SSLError": "no TLS",
    "NameResolutionError": "name look-up",
    "ConnectTimeoutError": "no answer in time",
    "ConnectTimeout": "no answer in time",
    "ReadTimeoutError": "no answer in time",
    "ReadTimeout": "no answer in time",
    "TimeoutError": "no answer in time",
    "NewConnectionError": "nothing there",
}
_KEY_LETTERS = 64
_GATEWAY = (502, 503, 504)
_REFUSES_EVERYBODY = (429, 491, 500)
# Source: bunq docs, "Errors"; 466 and 491 are bunq's own.
_REFUSALS = {
    429: "too many calls",
    466: "header lost",
    491: "maintenance",
    500: "trouble",
    **dict.fromkeys(_GATEWAY, "gateway"),
}


@dataclass(frozen=True)
class Check:
    """The result of one check.

    Attributes
    ----------
    name
        The name of the check.
    state
        ``well``, ``wrong`` or ``note``.
    finding
        What was seen, in words.
    """

    name: str
    state: str
    finding: str


class CauseFoundError(Exception):
    """The cause is known, so the checks after it are left out; the doctor catches this."""

    def __init__(self, cause: Cause) -> None:
        super().__init__(cause.summary)
        self.cause = cause


class Probe(Observer):
    """The checks of one key at one bank.

    Parameters
    ----------
    settings
        The bank's address and the key.
    checks
        The list that the results are added to.
    place
        Where the key stands, in words.
    age_h
        Hours since the key was put there; 0 if it is not known.
    """

    def __init__(self, settings: Settings, checks: list[Check], place: str, age_h: float) -> None:
        self._settings = settings
        self._checks = checks
        self._place = place
        self._age_h = age_h
        self._origin = str(settings.base_url).removesuffix("/v1")
        parts = urlsplit(self._origin)
        self._scheme, self._host, self._port = parts.scheme, str(parts.hostname), parts.port or 443
        self._client: Client
        self._file: StateFile
        self._handshake: Handshake
        self._state: str | None = None

    def run(self) -> Cause | None:
        """Do what ``connect()`` would do. Return a cause if something was wrong and works again.

        Raises
        ------
        CauseFoundError
            Where ``connect()`` would fail.
        """
        self._client = self._look_up_name()
        try:
            self._check_connection()
            if self._settings.api_key is None:
                self._note("bank", "well", f"{self._origin} answers")
                return None
            return self._check_session()
        finally:
            self._client.close()

    def on_start(self, stage: Stage) -> None:
        """Check this machine's address before a new installation is made."""
        if stage is Stage.INSTALLATION:
            self._check_own_address()

    def on_done(self, stage: Stage, _exchange: Exchange) -> None:
        """Note the session; or stop if a forged refusal has made the handshake restart."""
        handshake, known = self._handshake, self._client.bank_key
        if stage is Stage.SESSION and handshake.session:
            end = f"{handshake.session.expires_at:%Y-%m-%d %H:%M} UTC"
            opened = f"{self._origin} answers, and a session is open and kept, until {end}"
            self._note("session", "well", opened)
        elif stage is Stage.INSTALLATION and handshake.restart is Restart.OTHER_BANK:
            assert handshake.installation is not None
            if known and handshake.installation.bank_key.pem == known.pem:
                self._stop("bank", "a signature is wrong", "answer not verified")

    def on_failure(self, stage: Stage, error: CallError | SignatureError) -> None:
        """Stop at the failures that mean something else by what was known before."""
        if self._is_kept and self._handshake.restart is None:
            is_production = self._settings.environment == "PRODUCTION"
            if isinstance(error, SignatureError) and is_production:
                self._stop("bank", "signed by another key", "forged answer")
            if is_wrong_signature(error):
                self._stop("state", "its key does not fit", "state's key")
        elif is_wrong_credentials(error):
            if stage is Stage.DEVICE:
                self._stop_at_key()
            finding = "the key is accepted, but not from here"
            self._stop("bank", finding, "address not permitted")

    def _note(self, name: str, state: str, finding: str) -> None:
        self._checks.append(Check(name, state, finding))

    def _stop(self, check: str, finding: str, name: str, **facts: object) -> NoReturn:
        self._note(check, "wrong", finding)
        raise CauseFoundError(self._cause(name, **facts))

    def _cause(self, name: str, **facts: object) -> Cause:
        known = {
            "environment": self._settings.environment,
            "place": self._place,
            "origin": self._origin,
            "host": self._host,
            "state": self._state,
        }
        return make_cause(name, **{**known, **facts})

    def _proxy(self, client: Client) -> tuple[str, str] | None:
        """Return host and port of the proxy in use, without its password, and where it is set."""
        proxies = urllib.request.getproxies()
        scheme = self._scheme if self._scheme in proxies else "all"
        is_bypassed = not client.uses_proxies or urllib.request.proxy_bypass(self._host)
        if scheme not in proxies or is_bypassed:
            return None
        proxy = urlsplit(proxies[scheme])
        variable = f"{scheme.upper()}_PROXY"
        variable = variable if variable in os.environ else variable.lower()
        place = variable if variable in os.environ else "the system's settings"
        return f"{proxy.hostname}:{proxy.port}" if proxy.port else str(proxy.hostname), place

    def _look_up_name(self) -> Client:
        """Look up the host's name, and return the client that ``connect()`` would use."""
        host = self._host
        try:
            client = make_client(self._settings, timeout_s=_TIMEOUT_S, retries=Retries(attempts=1))
        except SettingsError as error:
            if error.__cause__ is not None:
                self._stop("name", f"{host} is not found ({error.__cause__})", "name look-up")
            self._stop("name", str(error), "not nearby")
        proxy = self._proxy(client)
        if proxy is not None:
            self._note("proxy", "note", f"calls go through {proxy[0]} ({proxy[1]})")
            return client
        try:
            socket.getaddrinfo(host, self._port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            self._stop("name", f"{host} is not found ({error})", "name look-up")
        self._note("name", "well", f"{host} is found")
        return client

    def _check_connection(self) -> None:
        """Send a read without a token. The bank refuses it, and the answer shows who answers."""
        try:
            self._client.request("GET", "/user")
            exchange = self._client.exchanges[-1]
        except ApiError as error:
            exchange = error.exchange
        except BadAnswerError:
            exchange = self._client.exchanges[-1]
        except NoAnswerError as error:
            self._stop_without_answer(error)
        kind = exchange.answer_headers.get("Content-Type", "no media type").partition(";")[0]
        facts = {"status": exchange.status, "kind": kind}
        if exchange.status in _GATEWAY:
            self._stop("connection", "a gateway answers", "gateway", **facts)
        if not _is_from_bunq(exchange):
            self._stop("connection", f"status {exchange.status}, {kind}", "no bank", **facts)
        if exchange.status in _REFUSES_EVERYBODY:
            self._stop_at_refusal(exchange, ())
        scheme = "TLS" if self._scheme == "https" else "without TLS, since it is near"
        self._note("connection", "well", f"{self._origin} answers ({scheme})")
        self._check_clock(exchange)

    def _stop_without_answer(self, error: NoAnswerError) -> NoReturn:
        causes = list(_chain(error))
        names = {type(cause).__name__ for cause in causes}
        proxy = self._proxy(self._client)
        finding = str(error).partition(": ")[2].partition(". ")[0]
        for cause in causes:
            if isinstance(cause, ssl.SSLCertVerificationError):
                name = _CERTIFICATE_CAUSES.get(cause.verify_code, "certificate unknown")
                now = f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC"
                self._stop("connection", f"TLS: {cause.verify_message}", name, now=now)
        if "ProxyError" in names and proxy is not None:
            self._stop("connection", finding, "proxy", proxy=proxy[0], variable=proxy[1])
        matches = [name for error, name in _CONNECTION_CAUSES.items() if error in names]
        self._stop("connection", finding, matches[0] if matches else "cut")

    def _check_clock(self, exchange: Exchange) -> None:
        try:
            bank = parsedate_to_datetime(exchange.answer_headers["Date"])
        except (KeyError, ValueError, TypeError):
            self._note("clock", "note", "the bank's answer has no time")
            return
        bank = bank if bank.tzinfo else bank.replace(tzinfo=UTC)
        here = exchange.sent_at or datetime.now(UTC)
        skew_s = (here - bank).total_seconds()
        if abs(skew_s) <= _SKEW_S:
            self._note("clock", "well", f"within {_SKEW_S} seconds of the bank's")
            return
        direction, early = ("ahead of", "early") if skew_s > 0 else ("behind", "late")
        self._stop(
            "clock",
            f"{here:%Y-%m-%d %H:%M:%S} UTC here, {bank:%Y-%m-%d %H:%M:%S} at the bank",
            "clock",
            skew=_duration(abs(skew_s)),
            direction=direction,
            early=early,
        )

    def _check_session(self) -> Cause | None:
        """Use a session that has not ended, or open one as ``connect()`` would."""
        settings = self._settings
        assert settings.api_key is not None
        self._file = StateFile(
            settings.state_folder,
            environment=settings.environment,
            base_url=self._client.base_url,
            api_key=settings.api_key,
            passphrase=settings.state_passphrase,
        )
        self._state = str(self._file.path)
        try:
            kept = self._check_state()
            if kept is not None and self._is_alive(kept):
                return None
            with self._file.lock():
                latest = self._file.look()
                if isinstance(latest, State) and latest.session != (kept and kept.session):
                    self._note("session", "well", "another kernel has opened one just now")
                    return None
                return self._do_handshake(kept)
        except StateError as error:
            name = "state locked" if "BUNQ_STATE_PASSPHRASE" in str(error) else "state unreadable"
            self._stop("state", str(error), name, message=str(error))
        except NoAnswerError as error:
            self._stop_without_answer(error)
        except ApiError as error:
            self._stop_at_refusal(error.exchange, error.messages)
        except (SignatureError, BadAnswerError) as error:
            self._stop("bank", str(error), "answer not verified")

    def _check_state(self) -> State | None:
        kept = self._file.look()
        if isinstance(kept, str):
            name = "state damaged" if "damaged" in kept else "state of another"
            self._stop("state", f"{self._file.path.name} {kept}", name)
        if kept is None:
            self._note("state", "well", "none is kept for this key: it never worked from here")
        else:
            step = "a session" if kept.session else "a device"
            self._note("state", "well", f"kept as far as {step} ({self._file.path.name})")
        return kept

    def _is_alive(self, kept: State) -> bool:
        """Return True if the kept session opens a read; an expired one is not tried."""
        use_installation(self._client, kept.installation)
        if kept.session is None:
            return False
        until = f"{kept.session.expires_at:%Y-%m-%d %H:%M} UTC"
        if kept.session.expires_at <= datetime.now(UTC):
            self._note("session", "note", f"ended at {until}; the next is opened by itself")
            return False
        try:
            self._client.request("GET", "/user", token=kept.session.token)
        except SignatureError:
            return False
        except ApiError as error:
            if not session_ended(error):
                raise
            self._note("session", "note", "the bank has ended it, or does not know it")
            return False
        self._note("session", "well", f"{self._origin} answers to the session, until {until}")
        return True

    def _do_handshake(self, kept: State | None) -> Cause | None:
        """Open a session. After a restart the device is enough: ``connect()`` opens the session."""
        self._is_kept = kept is not None
        self._handshake = handshake = Handshake(
            self._settings,
            self._client,
            clock=lambda: datetime.now(UTC),
            state=kept,
            keep=self._file.save,
            observer=self,
        )
        while handshake.stage and not (handshake.restart and handshake.device):
            handshake.advance()
        if handshake.restart is None:
            return None
        is_key = handshake.restart is Restart.KEY_REFUSED
        return self._cause("address not permitted any more" if is_key else "installation gone")

    def _check_own_address(self) -> None:
        """Compare this machine's address with the permitted ones, as far as it can be known."""
        permitted = self._settings.permitted_ips
        if permitted is None or "*" in permitted:
            address = "any" if permitted else "the one that the bank sees"
            self._note("address", "well", f"permitted to a new device: {address}")
            return
        own = _own_addresses(self._host, self._port)
        # On one network, or without a router in between, the bank sees the same address.
        is_seen = self._proxy(self._client) is None and all(
            not mine.is_private or bank.is_private for mine, bank in own
        )
        addresses = ", ".join(str(mine) for mine, _ in own)
        if any(str(mine) in permitted for mine, _ in own):
            self._note("address", "well", f"{addresses} is permitted to a new device")
        elif own and is_seen:
            self._stop("address", f"{addresses} is not permitted", "own address", address=addresses)
        else:
            self._note("address", "note", "the bank sees another than this machine knows")

    def _stop_at_key(self) -> NoReturn:
        """Stop at what the bank's one text for wrong credentials most likely means here."""
        assert self._settings.api_key is not None
        key, environment = self._settings.api_key.reveal(), self._settings.environment
        finding = "the bank does not accept it, and its words name no single cause"
        restart = self._handshake.restart
        if restart is Restart.KEY_REFUSED:
            # The address may have changed while the key stays, unless any address is permitted.
            may_be_any = "*" in (self._settings.permitted_ips or ())
            may_be_address = environment != "OFFLINE" and not may_be_any
            self._stop("key", finding, "address or key" if may_be_address else "key re-created")
        if restart is not None:
            name = "key re-created" if environment == "PRODUCTION" else "wiped sandbox"
            self._stop("key", finding, name)
        is_sandbox_key = key.startswith("sandbox_")
        if environment != "PRODUCTION" and not is_sandbox_key and len(key) == _KEY_LETTERS:
            other = {"SANDBOX": "production key in sandbox"}.get(environment, "key of another bank")
            self._stop("key", finding, other)
        usual = _KEY_LETTERS + len("sandbox_") * is_sandbox_key
        if len(key) != usual:
            self._stop("key", finding, "key cut", length=len(key), usual=usual)
        if self._age_h > 1:
            self._stop("key", finding, "key expired unbound", age=_duration(self._age_h * 3600))
        self._stop("key", finding, "wrong key")

    def _stop_at_refusal(self, exchange: Exchange, words: tuple[str, ...]) -> NoReturn:
        call = f"{exchange.method} {exchange.path}"
        facts = {
            "status": exchange.status,
            "trace": exchange.answer_headers.get("X-Bunq-Client-Response-Id", "unknown"),
            "call": call,
            "words": " ".join(words),
        }
        name = _REFUSALS.get(exchange.status, "refused")
        self._stop("bank", f"{call}: status {exchange.status}", name, **facts)


def _is_from_bunq(exchange: Exchange) -> bool:
    """Return True if an answer has the form of bunq's."""
    try:
        body = json.loads(exchange.answer_body)
    except (ValueError, RecursionError):
        return False
    return isinstance(body, dict) and bool({"Error", "Response"} & body.keys())


def _chain(error: BaseException) -> Iterator[BaseException]:
    """List an error, its causes, and the errors among their arguments, each of them once."""
    waiting, seen = [error], set()
    while waiting:
        cause = waiting.pop(0)
        if id(cause) in seen:
            continue
        seen.add(id(cause))
        yield cause
        inner = (cause.__cause__, cause.__context__, getattr(cause, "reason", None), *cause.args)
        waiting += [part for part in inner if isinstance(part, BaseException)]


_Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def _own_addresses(host: str, port: int) -> list[tuple[_Address, _Address]]:
    """List the addresses that this machine may call from, each with the bank's; sends nothing."""
    own = []
    try:
        addresses = socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM)
    except OSError:
        return []
    for family, _, _, _, address in addresses:
        with contextlib.suppress(OSError), socket.socket(family, socket.SOCK_DGRAM) as connection:
            connection.connect(address)
            mine, bank = connection.getsockname()[0], str(address[0])
            own.append((ipaddress.ip_address(mine), ipaddress.ip_address(bank)))
    return own


def _duration(seconds: float) -> str:
    for unit, length in (("days", 86_400), ("hours", 3600), ("minutes", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.0f} {unit}"
    return f"{seconds:.0f} seconds"
