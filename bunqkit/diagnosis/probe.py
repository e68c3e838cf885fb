"""The doctor's visit to the bank: the way there, what answers, what is kept, and the three steps.

It stops where ``connect()`` would fail, and tells apart what the bank's one text for wrong
credentials may mean by what else it knows: whether the key worked from here before, and whether the
bank knows the installation and takes the key anew.
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
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import NoReturn
from urllib.parse import urlsplit

from bunqkit.auth import handshake
from bunqkit.auth.sessions import is_wrong_credentials, session_ended
from bunqkit.auth.state import State, StateFile
from bunqkit.client.client import Client
from bunqkit.client.exchange import Exchange
from bunqkit.client.retries import Retries
from bunqkit.context.context import make_client
from bunqkit.diagnosis.causes import Cause, cause
from bunqkit.errors import (
    ApiError,
    BadAnswerError,
    NoAnswerError,
    SettingsError,
    SignatureError,
    StateError,
)
from bunqkit.security.signing import KeyPair
from bunqkit.settings import Settings

_TIMEOUT_S = 15.0
_SKEW_S = 60
_CERTIFICATE_OUT_OF_DATE = (9, 10)
_CERTIFICATE_OF_ANOTHER = (62, 64)
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
    """One thing that was looked at.

    Attributes
    ----------
    name
        What.
    state
        ``well``, ``wrong`` or ``note``.
    told
        What was seen.
    """

    name: str
    state: str
    told: str


class Found(Exception):  # noqa: N818 (a finding; it never leaves the doctor)
    """The cause is found, and what comes after it need not be looked at."""

    def __init__(self, found: Cause) -> None:
        super().__init__(found.said)
        self.cause = found


class Visit:
    """One visit with one key.

    Parameters
    ----------
    settings
        Whose bank and key.
    checks
        Gets what was looked at.
    place
        Where the key stands, in words.
    age_h
        Hours since it was put there; 0 if nobody knows.
    """

    def __init__(self, settings: Settings, checks: list[Check], place: str, age_h: float) -> None:
        self._settings = settings
        self._checks = checks
        self._place = place
        self._age_h = age_h
        self._url = str(settings.base_url)
        self._origin = self._url.removesuffix("/v1")
        self._client: Client

    def go(self) -> Cause | None:
        """Go as far as ``connect()`` would; give what should be known though it works again.

        Raises
        ------
        Found
            Where it would fail.
        """
        self._client = self._look_up_name()
        try:
            self._look_at_answer()
            if self._settings.api_key is None:
                self._note("bank", "well", f"{self._origin} answers")
                return None
            return self._enter()
        finally:
            self._client.close()

    def _note(self, name: str, state: str, told: str) -> None:
        self._checks.append(Check(name, state, told))

    def _stop(self, check: str, told: str, name: str, **facts: object) -> NoReturn:
        self._note(check, "wrong", told)
        raise Found(self._cause(name, **facts))

    def _cause(self, name: str, **facts: object) -> Cause:
        told = {
            "environment": self._settings.environment,
            "place": self._place,
            "origin": self._origin,
            "host": urlsplit(self._url).hostname,
        }
        return cause(name, **{**told, **facts})

    def _proxy(self, client: Client) -> tuple[str, str] | None:
        """Give the proxy that calls go through, without its password, and who says so."""
        parts = urlsplit(self._url)
        host = parts.hostname or ""
        proxies = urllib.request.getproxies()
        scheme = parts.scheme if parts.scheme in proxies else "all"
        if scheme not in proxies or not client.uses_proxies or _bypasses(host):
            return None
        proxy = urlsplit(proxies[scheme])
        variable = f"{scheme.upper()}_PROXY"
        variable = variable if variable in os.environ else variable.lower()
        where = variable if variable in os.environ else "the system's settings"
        return f"{proxy.hostname}:{proxy.port}" if proxy.port else str(proxy.hostname), where

    def _look_up_name(self) -> Client:
        """Find out where the name leads, and give the client that ``connect()`` would have."""
        parts = urlsplit(self._url)
        host = str(parts.hostname)
        try:
            client = make_client(self._settings, timeout_s=_TIMEOUT_S, retries=Retries(attempts=1))
        except SettingsError as error:
            if error.__cause__ is not None:
                why = error.__cause__
                self._stop("name", f"{host} is not found ({why})", "name look-up")
            self._stop("name", str(error), "not nearby")
        proxy = self._proxy(client)
        if proxy is not None:
            self._note("proxy", "note", f"calls go through {proxy[0]} ({proxy[1]})")
            return client
        try:
            socket.getaddrinfo(host, parts.port or 443, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            self._stop("name", f"{host} is not found ({error})", "name look-up")
        self._note("name", "well", f"{host} is found")
        return client

    def _look_at_answer(self) -> None:
        """Ask what the bank refuses without a token: harmless, and it tells who answers."""
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
        told = {"status": exchange.status, "kind": kind}
        if exchange.status in _GATEWAY:
            self._stop("connection", "a gateway answers", "gateway", **told)
        if not _is_banks(exchange):
            self._stop("connection", f"status {exchange.status}, {kind}", "no bank", **told)
        if exchange.status in _REFUSES_EVERYBODY:
            self._stop_at_refusal(exchange, ())
        scheme = "TLS" if self._url.startswith("https") else "without TLS, since it is near"
        self._note("connection", "well", f"{self._origin} answers ({scheme})")
        self._look_at_clock(exchange)

    def _stop_without_answer(self, error: NoAnswerError) -> NoReturn:
        chain = list(_chain(error))
        names = {type(each).__name__ for each in chain}
        wrong = [each for each in chain if isinstance(each, ssl.SSLCertVerificationError)]
        proxy = self._proxy(self._client)
        said = str(error).partition(": ")[2].partition(".")[0]
        if wrong:
            code = wrong[0].verify_code
            name = "certificate unknown"
            if code in _CERTIFICATE_OUT_OF_DATE:
                name = "certificate expired"
            elif code in _CERTIFICATE_OF_ANOTHER:
                name = "certificate of another name"
            now = f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC"
            self._stop("connection", f"TLS: {wrong[0].verify_message}", name, now=now)
        if "ProxyError" in names and proxy is not None:
            self._stop("connection", said, "proxy", proxy=proxy[0], variable=proxy[1])
        if "SSLError" in names:
            self._stop("connection", said, "no TLS")
        if "NameResolutionError" in names:
            self._stop("connection", said, "name look-up")
        if names & {"ConnectTimeoutError", "ConnectTimeout", "ReadTimeout", "ReadTimeoutError"}:
            self._stop("connection", said, "no answer in time")
        name = "nothing there" if "NewConnectionError" in names else "cut"
        self._stop("connection", said, name)

    def _look_at_clock(self, exchange: Exchange) -> None:
        try:
            told = parsedate_to_datetime(exchange.answer_headers["Date"])
        except (KeyError, ValueError, TypeError):
            self._note("clock", "note", "the bank's answer tells no time")
            return
        bank = told if told.tzinfo else told.replace(tzinfo=UTC)
        here = exchange.sent_at or datetime.now(UTC)
        skew_s = (here - bank).total_seconds()
        if abs(skew_s) <= _SKEW_S:
            self._note("clock", "well", f"within {_SKEW_S} seconds of the bank's")
            return
        is_ahead = skew_s > 0
        self._stop(
            "clock",
            f"{here:%Y-%m-%d %H:%M:%S} UTC here, {bank:%Y-%m-%d %H:%M:%S} at the bank",
            "clock",
            skew=_duration(abs(skew_s)),
            direction="ahead of" if is_ahead else "behind",
            early="early" if is_ahead else "late",
        )

    def _enter(self) -> Cause | None:
        """Find a living session, or open one as ``connect()`` would."""
        settings = self._settings
        assert settings.api_key is not None
        self._file = StateFile(
            settings.state_folder,
            environment=settings.environment,
            base_url=self._client.base_url,
            api_key=settings.api_key,
            passphrase=settings.state_passphrase,
        )
        try:
            kept = self._look_at_state()
            if kept is not None and self._is_alive(kept):
                return None
            with self._file.lock():
                latest = self._file.look()
                if isinstance(latest, State) and latest.session != (kept and kept.session):
                    self._note("session", "well", "another kernel has opened one just now")
                    return None
                return self._go_through_steps(kept)
        except StateError as error:
            name = "state locked" if "BUNQ_STATE_PASSPHRASE" in str(error) else "state unreadable"
            self._stop("state", str(error), name, message=str(error), state=self._state())
        except NoAnswerError as error:
            self._stop_without_answer(error)
        except ApiError as error:
            self._stop_at_refusal(error.exchange, error.messages)
        except (SignatureError, BadAnswerError) as error:
            self._stop("bank", str(error), "answer not verified")

    def _look_at_state(self) -> State | None:
        kept = self._file.look()
        if kept is None:
            self._note("state", "well", "none is kept for this key: it never worked from here")
        elif isinstance(kept, str):
            is_damaged = "damaged" in kept
            name = "state damaged" if is_damaged else "state of another"
            self._stop("state", f"{self._file.path.name} {kept}", name, state=self._state())
        else:
            step = "a session" if kept.session else "a device"
            self._note("state", "well", f"kept as far as {step} ({self._file.path.name})")
            return kept
        return None

    def _state(self) -> str:
        return str(self._file.path)

    def _is_alive(self, kept: State) -> bool:
        """Ask with the kept session, if it has not run out; a read changes nothing."""
        self._client.key, self._client.bank_key = kept.installation.key, kept.installation.bank_key
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

    def _go_through_steps(self, kept: State | None) -> Cause | None:
        if kept is None:
            state = self._start_anew("never")
            try:
                self._open(state)
            except ApiError as error:
                if is_wrong_credentials(error):
                    self._stop("bank", "the key is taken, but not from here",
                               "address not permitted", state=self._state())  # fmt: skip
                raise
            return None
        try:
            self._open(kept)
        except SignatureError:
            self._start_anew("another bank")
        except ApiError as error:
            if is_wrong_credentials(error):
                self._start_anew("known installation")
                return self._cause("address not permitted any more")
            if "The request signature is invalid." in error.messages:
                self._stop("state", "its key does not fit", "state's key", state=self._state())
            if not session_ended(error):
                raise
            self._start_anew("unknown installation")
        else:
            return None
        return self._cause("installation gone")

    def _start_anew(self, before: str) -> State:
        """Make installation and device, and keep them; ``before`` is what is known of the key."""
        settings, client = self._settings, self._client
        assert settings.api_key is not None
        known = client.bank_key
        if before == "another bank" and settings.environment == "PRODUCTION":
            self._stop("bank", "signed by another key", "forged answer", state=self._state())
        self._look_at_own_address()
        client.key = client.bank_key = None
        installation = handshake.create_installation(client, KeyPair.generate())
        if before == "another bank" and known and installation.bank_key.pem == known.pem:
            self._stop("bank", "a signature is wrong", "answer not verified")
        try:
            device = handshake.register_device(
                client,
                installation,
                settings.api_key,
                description=settings.device_description,
                permitted_ips=settings.permitted_ips,
            )
        except ApiError as error:
            if is_wrong_credentials(error):
                self._stop_at_key(before)
            raise
        state = State(installation, device)
        self._file.save(state)
        return state

    def _open(self, state: State) -> None:
        key, client = self._settings.api_key, self._client
        assert key is not None
        client.key, client.bank_key = state.installation.key, state.installation.bank_key
        session = handshake.open_session(client, state.installation, key, now=datetime.now(UTC))
        self._file.save(replace(state, session=session))
        told = f"{self._origin} answers, and a session is open and kept"
        self._note("session", "well", f"{told}, until {session.expires_at:%Y-%m-%d %H:%M} UTC")

    def _look_at_own_address(self) -> None:
        """Compare the own address with those that may use the key, as far as it can be known."""
        permitted = self._settings.permitted_ips
        if permitted is None or "*" in permitted:
            told = "any" if permitted else "the one that the bank sees"
            self._note("address", "well", f"permitted to a new device: {told}")
            return
        parts = urlsplit(self._url)
        own = _own_addresses(str(parts.hostname), parts.port or 443)
        # Near, or without a router in between, the bank sees what this machine sees.
        is_seen = self._proxy(self._client) is None and all(
            not mine.is_private or bank.is_private for mine, bank in own
        )
        mine = ", ".join(str(each) for each, _ in own)
        if any(str(each) in permitted for each, _ in own):
            self._note("address", "well", f"{mine} is permitted to a new device")
        elif own and is_seen:
            self._stop("address", f"{mine} is not permitted", "own address", address=mine)
        else:
            self._note("address", "note", "the bank sees another than this machine knows")

    def _stop_at_key(self, before: str) -> NoReturn:
        """Tell what the bank's one text means here."""
        assert self._settings.api_key is not None
        key, environment = self._settings.api_key.reveal(), self._settings.environment
        told = "the bank does not take it, and its words name no single cause"
        state = self._state()
        if before == "known installation":
            # Only an address can change while the key stays; of any address, only the key.
            may_be_address = environment != "OFFLINE" and "*" not in (
                self._settings.permitted_ips or ()
            )
            name = "address or key" if may_be_address else "key re-created"
            self._stop("key", told, name)
        if before != "never":
            is_wiped = environment != "PRODUCTION"
            self._stop("key", told, "wiped sandbox" if is_wiped else "key re-created", state=state)
        is_sandbox_key = key.startswith("sandbox_")
        if environment != "PRODUCTION" and not is_sandbox_key and len(key) == _KEY_LETTERS:
            other = {"SANDBOX": "production key in sandbox"}.get(environment, "key of another bank")
            self._stop("key", told, other)
        usual = _KEY_LETTERS + len("sandbox_") * is_sandbox_key
        if len(key) != usual:
            self._stop("key", told, "key cut", length=len(key), usual=usual)
        if self._age_h > 1:
            self._stop("key", told, "key expired unbound", age=_duration(self._age_h * 3600))
        self._stop("key", told, "wrong key")

    def _stop_at_refusal(self, exchange: Exchange, words: tuple[str, ...]) -> NoReturn:
        told = {
            "status": exchange.status,
            "trace": exchange.answer_headers.get("X-Bunq-Client-Response-Id", "unknown"),
            "call": f"{exchange.method} {exchange.path}",
            "words": " ".join(words),
        }
        name = _REFUSALS.get(exchange.status, "refused")
        self._stop("bank", f"{told['call']}: status {exchange.status}", name, **told)


def _bypasses(host: str) -> bool:
    return bool(urllib.request.proxy_bypass(host))


def _is_banks(exchange: Exchange) -> bool:
    """Whether an answer has the form of bunq's."""
    try:
        told = json.loads(exchange.answer_body)
    except (ValueError, RecursionError):
        return False
    return isinstance(told, dict) and bool({"Error", "Response"} & told.keys())


def _chain(error: BaseException) -> Iterator[BaseException]:
    """Give an error, its causes, and what they were made from, each once."""
    waiting, seen = [error], set()
    while waiting:
        each = waiting.pop(0)
        if id(each) in seen:
            continue
        seen.add(id(each))
        yield each
        more = (each.__cause__, each.__context__, getattr(each, "reason", None), *each.args)
        waiting += [one for one in more if isinstance(one, BaseException)]


_Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def _own_addresses(host: str, port: int) -> list[tuple[_Address, _Address]]:
    """Give the addresses that this machine may call from, each with the bank's; sends nothing."""
    own = []
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM)
    except OSError:
        return []
    for family, _, _, _, address in found:
        with contextlib.suppress(OSError), socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.connect(address)
            mine, bank = probe.getsockname()[0], str(address[0])
            own.append((ipaddress.ip_address(mine), ipaddress.ip_address(bank)))
    return own


def _duration(seconds: float) -> str:
    for unit, length in (("days", 86_400), ("hours", 3600), ("minutes", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.0f} {unit}"
    return f"{seconds:.0f} seconds"
