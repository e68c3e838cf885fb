"""Sends calls to one bank: serialise once, sign, send, verify, judge.

The client knows no sessions: the caller gives a token with each call.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from bunqkit.client.answer import Answer
from bunqkit.client.bodies import Bounds, UnusableBodyError
from bunqkit.client.exchange import Exchange, Exchanges
from bunqkit.client.outgoing import OutgoingCall, content_length, serialise
from bunqkit.client.rate_limits import Limiter
from bunqkit.client.retries import Retries, is_too_many, may_repeat
from bunqkit.client.transport import Request, Transport, TransportError
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
)
from bunqkit.security.signing import KeyPair, PublicKey
from bunqkit.version import __version__

if TYPE_CHECKING:
    from requests.adapters import BaseAdapter

_TIMEOUT_S = 30.0
_OK = 200
# Source: bunq docs, "Environments".
_PRODUCTION_HOST = "api.bunq.com"
_BUNQS_DOMAIN = "bunq.com"
_SIGNATURE = "X-Bunq-Client-Signature"
_REQUEST_ID = "X-Bunq-Client-Request-Id"


class Client(Private):
    """Calls one bank: its address, and the keys of both sides.

    Parameters
    ----------
    base_url
        Address of the API, ending in ``/v1``.
    key, bank_key
        Our key, which signs every body, and the bank's key, which verifies every answer; both are
        ``None`` before the installation.
    transport
        Used in place of the network: a ``Transport``, or an adapter of ``requests``.
    language
        The language of the bank's translated texts.
    timeout_s
        Seconds after which an answer that is not complete counts as none.
    limiter
        Waits until the bank will take a call. Without it calls are sent at once.
    retries
        How often a call may be sent again. Without it a call is sent once.
    may_reveal
        True if the bank's secrets open nothing, so that an X-ray may show them: offline. It has no
        effect at a host of bunq's.
    bounds
        How large an answer may be; by default 32 MB of JSON and 256 MB of a file.
    addresses
        Connect to these in place of what the host's name leads to, and use no proxy.

    Attributes
    ----------
    is_production
        True if the host is bunq's production host, whatever the settings call it.
    exchanges
        The last calls, failed and refused ones included.
    retries
        How often a call may be sent again, and the pauses between.
    uses_proxies
        True if calls go through the proxies that the environment names.
    """

    def __init__(
        self,
        base_url: str,
        *,
        key: KeyPair | None = None,
        bank_key: PublicKey | None = None,
        transport: Transport | BaseAdapter | None = None,
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
        self._bounds = bounds or Bounds()
        self._origin = f"{parts.scheme}://{parts.netloc}"
        self._prefix = parts.path
        # No proxy may stand between this machine and itself.
        is_here = parts.hostname in ("127.0.0.1", "localhost", "::1")
        self.uses_proxies = not is_here and not addresses
        if not isinstance(transport, Transport):
            from bunqkit.client.live import LiveTransport

            transport = LiveTransport(
                adapter=transport, addresses=addresses, uses_proxies=self.uses_proxies
            )
        self._transport = transport

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
        """Send one call and return its verified answer.

        Parameters
        ----------
        method, path
            The path below ``/v1``, or one that starts with it, as in a page's ``older_url``.
        body
            A dictionary, sent as JSON, in which a ``Secret`` stands for its text; or bytes, sent as
            they are.
        token
            The installation's or the session's token; the caller knows which one a call needs.
        params
            The query.
        headers
            Further headers, such as an upload's ``Content-Type``.
        follow
            Fetches the pages beside this one; this client with the same token by default.
        retries
            In place of the client's own.
        is_unlocked
            True if a guard has allowed the call. Without it only the three steps and the log-out
            may change anything at production's address.
        is_enveloped
            True if JSON must come in the API's envelope. OAuth's token does not; and a page that a
            faster reader takes is checked by that reader.
        earlier
            Earlier attempts at the same call; its exchange shows them.

        Raises
        ------
        LockedError
            If it would change something in production, and no guard has allowed it.
        FieldError
            If the body can't be written as JSON, a header can't be sent, or the path leads to
            another host.
        NoAnswerError
            If no complete answer came in time. A write that the bank may have received is not sent
            a second time.
        SignatureError
            If the answer's signature is wrong, or a success has none.
        ApiError
            If the bank refused. One with ``signed=False`` may come from a gateway: for a write it
            proves nothing, and the write is not sent a second time.
        BadAnswerError
            If the answer is not one of the API's.

        Source: bunq docs, "Signing", "Headers", "Errors".
        """
        # Rebound, so that this frame does not show them in a traceback.
        body, params = conceal(body), conceal(params)
        call = self._check(method, path, body, token=token, params=params, headers=headers)
        if self.is_production and not (call.is_read or is_unlocked or call.is_always_allowed):
            raise LockedError(
                f"{method} {call.path} was not sent: PRODUCTION is read-only. If you mean it, call "
                "it by a context of bunqkit.connect(), inside bunq.unlock(...)."
            )

        def follow_here(url: str) -> Answer:
            return self.request("GET", url, token=token)

        exchange = self._send(call, retries or self.retries, list(earlier))
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
        """Return what ``request`` would send, byte for byte, and send nothing.

        Only the request id, a header, is new for every call. All else is what would be sent, since
        both are made by the same functions.
        """
        body, params = conceal(body), conceal(params)
        call = self._check(method, path, body, token=token, params=params, headers=headers)
        return self._sign(call)[1]

    def replay(self, exchange: Exchange, body: bytes) -> Exchange:
        """Send a captured call again, with another body under the same token and signature.

        Parameters
        ----------
        exchange
            A call of this client.
        body
            The bytes that are sent in place of its body.

        Returns
        -------
        Exchange
            Whatever came back; nothing is tried a second time.

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
        headers = {**exchange.request_headers, _REQUEST_ID: str(uuid.uuid4())}
        headers.pop("Content-Length", None)
        headers |= content_length(exchange.method, body)
        request = Request(exchange.method, exchange.url, Headers(headers), Body(body))
        return self._send_once(request, exchange.unanswered(request.headers, request.body), [])

    def another(self) -> Client:
        """Return a client for somebody else at the same bank, over the same connections.

        It has no keys yet, and keeps its own calls.
        """
        other = self.fresh()
        other.exchanges = Exchanges()
        return other

    def fresh(self) -> Client:
        """Return a client of the same bank, over the same connections, that has no keys yet."""
        other = Client.__new__(Client)
        vars(other).update(vars(self))
        other.key = other.bank_key = None
        return other

    def without_keys(self, base_url: str) -> Client:
        """Return a client of another address, over the same transport, without any keys.

        Its calls are kept among this client's.
        """
        is_same_host = base_url.startswith((f"{self._origin}/", self.base_url))
        client = Client(
            base_url,
            # The addresses of one host are not those of another.
            transport=self._transport if is_same_host or not self._addresses else None,
            language=self.language,
            timeout_s=self.timeout_s,
            may_reveal=self._may_reveal,
            bounds=self._bounds,
            addresses=self._addresses if is_same_host else (),
        )
        client.exchanges = self.exchanges
        return client

    def close(self) -> None:
        """Close the connections; a later call opens new ones."""
        self._transport.close()

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

    def _check(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | bytes | None,
        *,
        token: Secret | None,
        params: Mapping[str, str | int | Secret] | None,
        headers: Mapping[str, str] | None,
    ) -> OutgoingCall:
        """Return a call that can be sent: serialised once, its secrets known."""
        below = self._below(path)
        content, secrets = serialise(body)
        if params:
            secrets |= {value for value in params.values() if isinstance(value, Secret)}
        if token is not None:
            if not token.is_header:
                raise FieldError("The token holds letters that no header can. Take a new one.")
            secrets |= {token}
        # A short one, such as a PIN, would be found by chance in many later calls.
        self._secrets |= {secret for secret in secrets if not secret.is_short}
        return OutgoingCall(
            method=method.upper(),
            path=below,
            body=content,
            is_json=not isinstance(body, bytes),
            token=token,
            params=params,
            headers=headers or {},
            secrets=secrets | self._secrets,
        )

    def _sign(self, call: OutgoingCall) -> tuple[Request, Exchange]:
        """Return the request that sends a call now, and the exchange that shows it."""
        headers = {
            "User-Agent": f"bunqkit/{__version__}",
            "Accept": "*/*",
            "Accept-Encoding": "gzip, deflate",
            "Cache-Control": "no-cache",
            "X-Bunq-Language": self.language,
            _REQUEST_ID: str(uuid.uuid4()),
        }
        if call.body and call.is_json:
            headers["Content-Type"] = "application/json"
        signature = None
        if self.key is not None and call.method in ("POST", "PUT"):
            headers[_SIGNATURE] = signature = self.key.sign(call.body)
        with Forgetting():
            request = call.to_request(self.base_url, headers)
        # OAuth has secrets in its query, and a URL is shown wherever a call is.
        url = redact_query(request.url)
        unsent = Exchange(
            method=request.method,
            url=url,
            path=url[len(self._origin) :],
            request_headers=request.headers,
            request_body=request.body,
            status=0,
            answer_headers={},
            answer_body=b"",
            elapsed_s=0.0,
            is_verified=False,
            base_url=self.base_url,
            token=call.token.kind if call.token else "",
            signed=call.body if request.headers.get(_SIGNATURE, "") == signature else None,
            key=self.key.public if self.key else None,
            bank_key=self.bank_key,
            secrets=call.secrets,
            may_reveal=self._may_reveal,
        )
        return request, unsent

    def _send(self, call: OutgoingCall, retries: Retries, attempts: list[Exchange]) -> Exchange:
        """Send a call until an answer comes, or until it must not or need not be sent again."""
        is_believed = self.bank_key is None or call.is_always_allowed
        pauses = retries.pauses()
        pause_s = 0.0
        may_have_left = False
        try:
            while True:
                wait = self.limiter.wait(call.method, call.path)
                request, unsent = self._sign(call)
                unsent = replace(
                    unsent,
                    waited_s=wait.seconds,
                    budget=wait.limit,
                    paused_s=pause_s,
                    earlier=tuple(attempts),
                )
                may_have_left = True
                try:
                    exchange = self._send_once(request, unsent, attempts)
                    _judge(exchange)
                except (ApiError, NoAnswerError) as error:
                    if is_too_many(error):
                        self.limiter.learn(call.method, call.path, " ".join(error.messages))
                    next_pause_s = next(pauses, None)
                    if next_pause_s is None or not may_repeat(
                        error, is_read=call.is_read, is_believed=is_believed
                    ):
                        raise
                    # It was not carried out, or doing it twice does no harm.
                    may_have_left, pause_s = False, next_pause_s
                    retries.sleep(pause_s)
                else:
                    return exchange
        except KeyboardInterrupt as interrupt:
            if may_have_left:
                raise
            raise StoppedBeforeSending from interrupt

    def _send_once(self, request: Request, unsent: Exchange, attempts: list[Exchange]) -> Exchange:
        """Send a request once, verify the answer, and keep the exchange whatever happens."""
        exchange = replace(unsent, sent_at=datetime.now(UTC))
        started = time.monotonic()
        try:
            exchange = self._carry(request, exchange)
            exchange = replace(exchange, elapsed_s=time.monotonic() - started)
            exchange = self._verify(exchange)
        except (NoAnswerError, SignatureError) as error:
            exchange = replace(exchange, failure=str(error))
            raise
        except BadAnswerError as error:
            exchange = replace(exchange, failure=str(error), status=error.status)
            raise
        finally:
            elapsed_s = exchange.elapsed_s or time.monotonic() - started
            exchange = replace(exchange, elapsed_s=elapsed_s)
            self.exchanges.add(exchange)
            attempts.append(exchange)
        return exchange

    def _carry(self, request: Request, exchange: Exchange) -> Exchange:
        """Send a request, and return the exchange with what came."""
        try:
            answer = self._transport.send(request, timeout_s=self.timeout_s, bounds=self._bounds)
        except UnusableBodyError as error:
            raise replace(exchange, status=error.status).unusable(str(error)) from None
        except TransportError as error:
            # Without its frames, which would keep this one and the connection alive.
            failure = error.with_traceback(None)
            # It may quote the URL, and so the secrets that are masked in ours.
            cause = error.__cause__ if exchange.url == request.url else None
        else:
            return replace(
                exchange,
                request_headers=answer.request.headers,
                request_body=answer.request.body,
                status=answer.status,
                answer_headers=answer.headers,
                answer_body=answer.body,
            )
        raise _no_answer(failure, exchange, self._origin) from cause

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


def _no_answer(failure: TransportError, exchange: Exchange, origin: str) -> NoAnswerError:
    outcome = (
        "It may have been carried out: look before you send it again."
        if failure.was_sent and exchange.method != "GET"
        else "Nothing was carried out."
    )
    what_to_do = (
        "If the bank is yours to serve, start it: bunqkit sandbox."
        if origin.startswith("http:")
        else "Without a network, BUNQ_ENVIRONMENT=OFFLINE opens a bank on this machine."
    )
    return NoAnswerError(
        f"No answer to {exchange.method} {exchange.path} from {origin}: {failure}. {outcome} "
        f"{what_to_do}",
        method=exchange.method,
        path=exchange.path,
        was_sent=failure.was_sent,
    )


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
