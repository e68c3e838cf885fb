"""Serialises once, signs, sends, verifies, judges.

Knows nothing of sessions: tokens are given call by call.
"""

from __future__ import annotations

import json
import re
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import Any
from urllib.parse import urlsplit

import requests

from bunqkit.client.answer import Answer
from bunqkit.client.exchange import Exchange, Exchanges
from bunqkit.client.private_hosts import Nearby
from bunqkit.client.rate_limits import Limiter
from bunqkit.client.retries import Retries
from bunqkit.client.transport import Authentication, Bounds, bytes_of, carry, open_connections
from bunqkit.errors import (
    ApiError,
    BadAnswerError,
    FieldError,
    LockedError,
    NoAnswerError,
    SignatureError,
    StoppedBeforeSending,
)
from bunqkit.security.redaction import (
    Body,
    Forgetting,
    Headers,
    Private,
    Secret,
    conceal,
    redact_query,
    reveal_all,
)
from bunqkit.security.signing import KeyPair, PublicKey
from bunqkit.version import __version__

_TIMEOUT_S = 30.0
_OK = 200
# Source: bunq docs, "Environments".
_PRODUCTION_HOST = "api.bunq.com"
_BUNQS_DOMAIN = "bunq.com"
# What no guard keeps from production: the three steps and the log-out.
_FREE = re.compile(r"/(installation|device-server|session-server|session/[0-9]+)")
_SIGNATURE = "X-Bunq-Client-Signature"


class Client(Private):
    """One bank's address, and the keys of both sides.

    Parameters
    ----------
    base_url
        Address of the API, ending in ``/v1``.
    key, bank_key
        Our key, which signs every body, and the bank's, which verifies every answer; both are
        ``None`` before the installation.
    transport
        A ``requests`` adapter in place of the network: a bank in this process.
    language
        For the bank's translated texts.
    timeout_s
        Seconds after which an answer that is not complete counts as none.
    limiter
        Waits until the bank will take a call; without it calls go out at once.
    retries
        Sends again what may be; without it a call is sent once.
    may_reveal
        Whether the bank's secrets open nothing, so that an X-ray may show them: offline. At a host
        of bunq's they never may.
    bounds
        How large an answer may be; 32 MB of JSON and 256 MB of a file if it is not given.
    addresses
        Connect to these in place of what the host's name leads to, and use no proxy.

    Attributes
    ----------
    is_production
        Whether the host is bunq's production one, whatever anybody calls it.
    exchanges
        The last calls, those that failed and were refused too.
    retries
        How often what may be is sent again, and with what pauses.
    """

    def __init__(
        self,
        base_url: str,
        *,
        key: KeyPair | None = None,
        bank_key: PublicKey | None = None,
        transport: requests.adapters.BaseAdapter | None = None,
        language: str = "en_US",
        timeout_s: float = _TIMEOUT_S,
        limiter: Limiter | None = None,
        retries: Retries | None = None,
        may_reveal: bool = False,
        bounds: Bounds | None = None,
        addresses: Sequence[str] = (),
    ) -> None:
        self.base_url = base_url.rstrip("/")
        self.key = key
        self.bank_key = bank_key
        self.language = language
        self.timeout_s = timeout_s
        self.limiter = limiter or Limiter()
        self.exchanges = Exchanges()
        self.retries = retries or Retries(attempts=1)
        parts = urlsplit(self.base_url)
        host = (parts.hostname or "").rstrip(".")
        self.is_production = host == _PRODUCTION_HOST
        is_bunqs = host == _BUNQS_DOMAIN or host.endswith(f".{_BUNQS_DOMAIN}")
        self._may_reveal = may_reveal and not is_bunqs
        self._addresses = tuple(addresses)
        self._secrets: frozenset[Secret] = frozenset()
        self._transport = transport
        self._bounds = bounds or Bounds()
        self._origin = f"{parts.scheme}://{parts.netloc}"
        self._prefix = parts.path
        self._http = open_connections(self._origin, transport)
        # A proxy has no business between this machine and itself; to given addresses none is used.
        is_here = parts.hostname in ("127.0.0.1", "localhost", "::1")
        self._http.trust_env = bool(addresses) or not is_here
        if transport is None and addresses:
            for scheme in ("https://", "http://"):
                self._http.mount(scheme, Nearby(addresses))

    def request(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | bytes | None = None,
        *,
        token: Secret | None = None,
        params: Mapping[str, str | int | Secret] | None = None,
        headers: Mapping[str, str] | None = None,
        follow: Callable[[str], Answer] | None = None,
        retries: Retries | None = None,
        is_unlocked: bool = False,
        is_enveloped: bool = True,
        earlier: Sequence[Exchange] = (),
    ) -> Answer:
        """Send one call and give its answer, verified.

        Parameters
        ----------
        method, path
            The path below ``/v1``, or one that starts with it, as in a page's ``older_url``.
        body
            A dictionary, sent as JSON, in which a ``Secret`` stands for its text; or bytes, sent as
        they are.
        token
            The installation's or the session's; which one a call needs is the caller's to know.
        params
            The query.
        headers
            Further headers, such as an upload's ``Content-Type``.
        follow
            Fetches the pages beside this one; this client with the same token by default.
        retries
            In place of the client's own.
        is_unlocked
            Whether a guard has let the call through. Without it nothing but the handshake and the
            log-out changes anything at production's address.
        is_enveloped
            Whether JSON must come in the API's envelope. OAuth's token does not; and of a page that
            is given on to a quicker reader, that one will find out.
        earlier
            Attempts at the same call that came before, for who looks at its exchange.

        Raises
        ------
        LockedError
            If it would change something in production, and no guard has let it through.
        FieldError
            If the body can't be written as JSON, or the path leads to another host.
        NoAnswerError
            If no complete answer came in time. A write that the bank may have got is not sent a
            second time.
        SignatureError
            If the answer's signature is wrong, or a success has none.
        ApiError
            If the bank refused. One with ``signed=False`` may be a gateway's: to a write it proves
            nothing, and the write is not sent a second time.
        BadAnswerError
            If the answer is not one of the API's.

        Source: bunq docs, "Signing", "Headers", "Errors".
        """
        body, params = conceal(body), conceal(params)
        below = self._below(path)
        if method != "GET" and self.is_production and not (is_unlocked or _FREE.fullmatch(below)):
            raise LockedError(
                f"{method} {below} was not sent: PRODUCTION is read-only. If you mean it, call it "
                "by a context of bunqkit.connect(), inside bunq.unlock(...)."
            )
        prepare = self._preparing(method, below, body, token=token, params=params, headers=headers)
        pauses_s = [0.0]
        attempts = list(earlier)
        has_left = False

        def send_once() -> Exchange:
            nonlocal has_left
            wait = self.limiter.wait(method, below)
            prepared, asked = prepare()
            has_left = True
            try:
                exchange = self._exchange(
                    prepared,
                    replace(
                        asked,
                        waited_s=wait.seconds,
                        budget=wait.limit,
                        paused_s=pauses_s[-1],
                        earlier=tuple(attempts),
                    ),
                    attempts,
                )
                _judge(exchange)
            except (ApiError, NoAnswerError):
                # If it is sent again after this, it was not carried out.
                has_left = False
                raise
            return exchange

        try:
            exchange = (retries or self.retries).run(
                send_once,
                is_read=method == "GET",
                learn=partial(self.limiter.learn, method, below),
                is_believed=self.bank_key is None or _FREE.fullmatch(below) is not None,
                note=pauses_s.append,
            )
        except KeyboardInterrupt as interrupt:
            if has_left:
                raise
            raise StoppedBeforeSending from interrupt

        def follow_here(url: str) -> Answer:
            return self.request("GET", url, token=token)

        answer = Answer(exchange, follow or follow_here)
        if answer.is_json and is_enveloped:
            _ = answer.envelope
        return answer

    def preview(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | bytes | None = None,
        *,
        token: Secret | None = None,
        params: Mapping[str, str | int | Secret] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Exchange:
        """Give what ``request`` would send, byte for byte, and send nothing.

        The name of the request, a header, is new for every call; all else is what would be sent,
        since both are made by the same function.
        """
        body, params = conceal(body), conceal(params)
        _, unsent = self._preparing(
            method, self._below(path), body, token=token, params=params, headers=headers
        )()
        return unsent

    def replay(self, exchange: Exchange, body: bytes) -> Exchange:
        """Send a captured call once more, with another body under the same token and signature.

        Parameters
        ----------
        exchange
            A call of this client.
        body
            What is sent in place of its body.

        Returns
        -------
        Exchange
            What came back, whatever it is; nothing is tried a second time.

        Raises
        ------
        LockedError
            In production.
        NoAnswerError, SignatureError
            As for ``request``.
        """
        if self.is_production:
            raise LockedError("Nothing is replayed in PRODUCTION. Try it offline or in SANDBOX.")
        self.limiter.wait(exchange.method, self._below(exchange.path.partition("?")[0]))
        headers = {**exchange.request_headers, "X-Bunq-Client-Request-Id": str(uuid.uuid4())}
        headers.pop("Content-Length", None)
        prepared = requests.PreparedRequest()
        prepared.prepare(exchange.method, exchange.url, headers=headers, data=body)
        asked = exchange.unanswered(Headers(prepared.headers), Body(body))
        return self._exchange(prepared, asked, [])

    @property
    def uses_proxies(self) -> bool:
        """Whether calls go through the proxies that the environment names."""
        return self._http.trust_env and not self._addresses

    def another(self) -> Client:
        """Return a client for somebody else at the same bank, over the same connections.

        It has no keys yet, and keeps its own calls.
        """
        other = self.fresh()
        other.exchanges = Exchanges()
        return other

    def fresh(self) -> Client:
        """Give a client of the same bank, over the same connections, that has no keys yet."""
        other = Client.__new__(Client)
        vars(other).update(vars(self))
        other.key = other.bank_key = None
        return other

    def without_keys(self, base_url: str) -> Client:
        """Give a client of another address, by the same way, that knows no keys of either side.

        Its calls are kept among this one's.
        """
        is_same_host = base_url.startswith((f"{self._origin}/", self.base_url))
        client = Client(
            base_url,
            transport=self._transport,
            language=self.language,
            timeout_s=self.timeout_s,
            may_reveal=self._may_reveal,
            bounds=self._bounds,
            addresses=self._addresses if is_same_host else (),
        )
        client.exchanges = self.exchanges
        return client

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def _below(self, path: str) -> str:
        if path.startswith(f"{self._prefix}/"):
            path = path[len(self._prefix) :]
        # "//host" and "https://host" would carry the token to another host.
        if not path.startswith("/") or path.startswith("//") or "\\" in path:
            raise FieldError(
                f"{path!r} is no path below {self.base_url}, so nothing was sent. A path starts "
                "with one '/' and names no host."
            )
        return path

    def _serialise(self, body: Mapping[str, Any] | bytes | None) -> tuple[Body, frozenset[Secret]]:
        """Write a body, once, and give its secrets: these bytes are signed, and sent."""
        if body is None or isinstance(body, bytes):
            return Body(body or b""), frozenset()
        secrets: set[Secret] = set()

        def reveal(value: object) -> Any:
            if not isinstance(value, Secret):
                raise TypeError(f"a {value.__class__.__name__} is no JSON")
            secrets.add(value)
            return value.reveal_value()

        try:
            written = json.dumps(body, ensure_ascii=False, allow_nan=False, default=reveal).encode()
            return Body(written), frozenset(secrets)
        except (TypeError, ValueError, RecursionError) as error:
            why = str(error)
        # Not while it is handled: an error of coding holds the whole text.
        raise FieldError(
            f"The body can't be written as JSON ({why}). Amounts are texts such as '10.00', "
            "times texts such as '2026-01-31 09:00:00.000000'."
        )

    def _headers(self, method: str, content: bytes, *, is_json: bool) -> dict[str, str]:
        headers = {
            "User-Agent": f"bunqkit/{__version__}",
            "Accept": "*/*",
            "Accept-Encoding": "gzip, deflate",
            "Cache-Control": "no-cache",
            "X-Bunq-Language": self.language,
            "X-Bunq-Client-Request-Id": str(uuid.uuid4()),
        }
        if content and is_json:
            headers["Content-Type"] = "application/json"
        if self.key is not None and method in ("POST", "PUT"):
            headers[_SIGNATURE] = self.key.sign(content)
        return headers

    def _preparing(
        self,
        method: str,
        below: str,
        body: Mapping[str, Any] | bytes | None,
        *,
        token: Secret | None,
        params: Mapping[str, str | int | Secret] | None,
        headers: Mapping[str, str] | None,
    ) -> Callable[[], tuple[requests.PreparedRequest, Exchange]]:
        """Serialise once; give what makes a request of it each time that it is sent."""
        content, secrets = self._serialise(body)
        if params:
            secrets |= {each for each in params.values() if isinstance(each, Secret)}
        if token is not None and token not in self._secrets:
            if not token.is_header:
                raise FieldError("The token holds letters that no header can. Take a new one.")
            secrets |= {token}
        if secrets:
            # A short one, such as a PIN, would be found in many a number of later calls.
            self._secrets |= {secret for secret in secrets if not secret.is_short}
        secrets |= self._secrets

        def prepare() -> tuple[requests.PreparedRequest, Exchange]:
            ours = self._headers(method, content, is_json=not isinstance(body, bytes))
            told = {**ours, **(headers or {})}
            # Prepared without the session: no cookie of an answer is ever sent back.
            prepared = requests.PreparedRequest()
            with Forgetting():
                prepared.prepare(
                    method,
                    f"{self.base_url}{below}",
                    params=reveal_all(params),
                    headers=told,
                    data=content,
                    auth=Authentication(token),
                )
            # OAuth has secrets in its query, and a URL is shown wherever a call is.
            url = redact_query(str(prepared.url))
            return prepared, Exchange(
                method=str(prepared.method),
                url=url,
                path=url[len(self._origin) :],
                request_headers=Headers(prepared.headers),
                request_body=Body(bytes_of(prepared)),
                status=0,
                answer_headers={},
                answer_body=b"",
                elapsed_s=0.0,
                is_verified=False,
                base_url=self.base_url,
                token=token.kind if token else "",
                signed=content if told.get(_SIGNATURE, "") is ours.get(_SIGNATURE) else None,
                key=self.key.public if self.key else None,
                bank_key=self.bank_key,
                secrets=secrets,
                may_reveal=self._may_reveal,
            )

        return prepare

    def _exchange(
        self, prepared: requests.PreparedRequest, asked: Exchange, earlier: list[Exchange]
    ) -> Exchange:
        """Send once, and keep what was seen of it, whatever becomes of it."""
        seen = replace(asked, sent_at=datetime.now(UTC))
        started = time.monotonic()
        try:
            seen = carry(
                self._http,
                prepared,
                seen,
                origin=self._origin,
                timeout_s=self.timeout_s,
                bounds=self._bounds,
            )
            seen = self._verify(seen)
        except (NoAnswerError, SignatureError) as error:
            seen = replace(seen, failure=str(error))
            if asked.url != prepared.url:
                # The transport's words quote the address, and so what is masked in ours.
                error.__context__ = None
            raise
        except BadAnswerError as error:
            seen = replace(seen, failure=str(error), status=error.status)
            raise
        finally:
            # An error may take it along, with the token in plain text.
            prepared.url, prepared.body = "", None
            prepared.headers = requests.structures.CaseInsensitiveDict()
            seen = replace(seen, elapsed_s=seen.elapsed_s or time.monotonic() - started)
            self.exchanges.add(seen)
            earlier.append(seen)
        return seen

    def _verify(self, exchange: Exchange) -> Exchange:
        # Before the status: a forged refusal is a forgery too.
        if self.bank_key is None:
            return exchange
        call = f"{exchange.method} {exchange.path}"
        signature = exchange.answer_headers.get("X-Bunq-Server-Signature")
        if signature is None:
            if exchange.status == _OK:
                raise SignatureError(
                    f"The answer to {call} has no signature, so it may not be the bank's. "
                    "Don't act on it; look for what stands between you and the bank.",
                    status=exchange.status,
                )
            return exchange
        try:
            self.bank_key.verify(exchange.answer_body, signature)
        except SignatureError as error:
            raise SignatureError(
                f"The answer to {call} (status {exchange.status}) was not signed by the bank that "
                f"this installation knows: {error} Don't act on it.",
                status=exchange.status,
            ) from error
        return replace(exchange, is_verified=True)


def _judge(exchange: Exchange) -> None:
    if exchange.status == _OK:
        return
    raise ApiError(
        exchange.refusal,
        status=exchange.status,
        method=exchange.method,
        path=exchange.path,
        response_id=exchange.mask(exchange.answer_headers.get("X-Bunq-Client-Response-Id", ""))
        or None,
        signed=exchange.is_verified,
        exchange=exchange,
    )
