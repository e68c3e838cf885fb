"""Records of calls: one request with its answer, and the last ones of a client.

A record holds every byte that was sent and received, secrets included. So its repr masks them,
``xray()`` explains the call, and the snippets read the key from the environment.
"""

from __future__ import annotations

import json
import re
import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING, overload

from bunqkit.client.bodies import read_media_type
from bunqkit.display.terminal import printable, printable_lines
from bunqkit.errors import BadAnswerError
from bunqkit.security.known_secrets import forms_of, mask_known, secret_spans
from bunqkit.security.redaction import Private, Secret, redact, redact_headers
from bunqkit.security.signing import PublicKey

if TYPE_CHECKING:
    from bunqkit.inspection.snippets import Snippet
    from bunqkit.inspection.xray import Xray

# The headers that ``describe()`` shows; the others are the transport's own.
_SHOWN_HEADERS = ("x-bunq-", "content-type", "user-agent", "cache-control")
_MOST_EXCHANGES = 200
_MOST_BYTES = 32 * 1024 * 1024
_OK = 200
_PATH_WIDTH = 46


@dataclass(frozen=True, repr=False)
class Exchange(Private):
    """What was sent and what came back, byte for byte.

    Attributes
    ----------
    method, url
        The method, and the whole URL with its secrets masked.
    path
        The path from ``/v1`` on, with its query.
    request_headers, request_body
        As they were sent. The bytes of the body are the bytes that were signed.
    status, answer_headers, answer_body
        As they came; status 0 if no answer came.
    elapsed_s
        The seconds from sending to the last byte.
    is_verified
        True if the bank's signature over ``answer_body`` was checked and is right. Before the
        bank's key is known only TLS proves who answered.
    base_url
        The API's address, ending in ``/v1``.
    token
        The kind of token that was sent: ``installation``, ``session``, ``other``; empty if none.
    signed
        The bytes that the client signed; ``None`` if it signed none.
    key, bank_key
        The public keys of both sides, if they were known.
    sent_at
        The time when it was sent (UTC); ``None`` if it was not sent, as in a preview.
    waited_s, budget
        The seconds that it waited for a limit, and that limit: ``3 GET calls in 3 s``.
    paused_s, earlier
        The pause before this attempt in seconds, and the earlier attempts.
    failure
        The reason why there is no answer, or none that can be trusted.
    secrets
        The secrets that the client knew: tokens and the API key. They are masked wherever they
        stand.
    may_reveal
        True if its secrets open nothing, so that they may be shown: only at an offline bank.
    """

    method: str
    url: str
    path: str
    request_headers: Mapping[str, str]
    request_body: bytes
    status: int
    answer_headers: Mapping[str, str]
    answer_body: bytes
    elapsed_s: float
    is_verified: bool
    base_url: str = ""
    token: str = ""
    signed: bytes | None = None
    key: PublicKey | None = None
    bank_key: PublicKey | None = None
    sent_at: datetime | None = None
    waited_s: float = 0.0
    budget: str = ""
    paused_s: float = 0.0
    earlier: tuple[Exchange, ...] = ()
    failure: str = field(default="", compare=False)
    secrets: frozenset[Secret] = frozenset()
    may_reveal: bool = False

    @property
    def is_sent(self) -> bool:
        """True if it was sent; False if it is a preview."""
        return self.sent_at is not None or self.status != 0

    @property
    def outcome(self) -> str:
        """The result in a few words: ``200, verified``."""
        if not self.status:
            return "no answer" if self.is_sent else "not sent"
        if self.failure:
            return f"{self.status}, not to be believed"
        if self.is_verified:
            return f"{self.status}, verified"
        return f"{self.status}, not signed" if self.bank_key else f"{self.status}, before keys"

    @property
    def refusal(self) -> tuple[str, ...]:
        """The texts of the bank's refusal; of another host's page, a short description."""
        from bunqkit.security.secret_scan import mask_secrets

        try:
            content = json.loads(self.answer_body)
            # At the token's address, errors look as RFC 6749 says. Source: bunq docs, "OAuth".
            entries = [content] if "error_description" in content else content["Error"]
            return tuple(
                # The bank may quote what was sent, and other things that look like secrets.
                mask_secrets(self.mask(_clean(str(entry["error_description"]))))
                for entry in entries
            )
        except (ValueError, KeyError, TypeError, RecursionError):
            kind = self.mask(_clean(read_media_type(self.answer_headers))) or "no media type"
            return (f"(none: {len(self.answer_body)} bytes of {kind}, not in the bank's form.)",)

    def xray(self, *, reveal: bool = False, signed: bytes | None = None) -> Xray:
        """Show what was sent and why, what was signed, how the answer was checked, and the times.

        Parameters
        ----------
        reveal
            True shows tokens, keys and signatures whole. That works only at an offline bank, where
            they open nothing.
        signed
            The bytes that you signed, if you signed yourself. After a refusal of the signature they
            are compared with the bytes that were sent.

        Raises
        ------
        SettingsError
            If ``reveal`` is true and the secrets open something.
        """
        from bunqkit.inspection.xray import Xray

        return Xray(self, reveal=reveal, signed=signed)

    def as_curl(self) -> Snippet:
        """Return a shell script of the call, which reads ``BUNQ_API_KEY``; needs curl, openssl."""
        from bunqkit.inspection.snippets import write_curl

        return write_curl(self)

    def as_python(self) -> Snippet:
        """Return a Python program that makes this call; it reads the key from ``BUNQ_API_KEY``."""
        from bunqkit.inspection.snippets import write_python

        return write_python(self)

    def as_openssl(self) -> Snippet:
        """Return a shell command that makes the same signature again, with openssl alone."""
        from bunqkit.inspection.snippets import write_openssl

        return write_openssl(self)

    def secret_spans(self, body: bytes) -> list[tuple[int, int]]:
        """Return where secrets stand in one of its bodies, as first byte and end."""
        return secret_spans(body, *self._known())

    def redacted(self, body: bytes, *, indent: int | None = None) -> str | None:
        """Return one of its bodies as JSON text without secrets; ``None`` if it is no JSON."""
        try:
            text = json.dumps(redact(json.loads(body)), ensure_ascii=False, indent=indent)
        except (ValueError, RecursionError):
            return None
        text = self.mask(text)
        if body is not self.answer_body or self.status in (0, _OK):
            return text
        from bunqkit.security.secret_scan import mask_secrets

        # What the bank quotes in a refusal need not be this client's.
        return mask_secrets(text)

    def mask(self, text: str) -> str:
        """Return a text in which the secrets of this call, and long parts of them, are masked."""
        return mask_known(text, self._known())

    def _known(self) -> list[str]:
        return [form for secret in self.secrets for form in forms_of(secret)]

    def unanswered(self, headers: Mapping[str, str], body: bytes) -> Exchange:
        """Return the same call with other headers and another body, before it is sent."""
        return replace(
            self,
            request_headers=headers,
            request_body=body,
            status=0,
            answer_headers={},
            answer_body=b"",
            elapsed_s=0.0,
            is_verified=False,
            waited_s=0.0,
            paused_s=0.0,
            earlier=(),
            failure="",
        )

    def describe(self) -> str:
        """Return the exchange as text, one header a line, with tokens and signatures shortened."""
        lines = [
            f"{self.method} {self.path}",
            *_list_headers(self.request_headers),
            *self._show_body(self.request_body),
            f"-> {self.status or self.outcome}",
            *map(self.mask, _list_headers(self.answer_headers)),
            *self._show_body(self.answer_body),
        ]
        return printable_lines("\n".join(lines))

    def unusable(self, why: str) -> BadAnswerError:
        """Return the error that says why the answer can't be used."""
        return BadAnswerError(
            f"The answer to {self.method} {self.path} (status {self.status}) can't be used: "
            f"{self.mask(why)}. "
            "If it goes on, something between you and the bank changes answers.",
            method=self.method,
            path=self.path,
            status=self.status,
        )

    def _show_body(self, body: bytes) -> list[str]:
        if not body:
            return []
        text = self.redacted(body)
        if text is None:
            return [f"  ({len(body)} bytes that are no JSON)"]
        limit = 300
        return [f"  {text}" if len(text) <= limit else f"  {text[:limit]}… ({len(body)} bytes)"]

    def __repr__(self) -> str:
        return f"<{self.method} {self.path} -> {self.outcome}, {1000 * self.elapsed_s:.0f} ms>"

    def _repr_html_(self) -> str:
        from bunqkit.display.html import card, key_values

        facts = {
            "answer": f"{self.outcome}, in {1000 * self.elapsed_s:.0f} ms",
            "sent": f"{len(self.request_body):,} bytes",
            "came": f"{len(self.answer_body):,} bytes",
            "look inside": ".xray(), .as_curl(), .as_python(), .as_openssl()",
        }
        return card(self.path, key_values(facts), method=self.method)


class Exchanges(Private, Sequence[Exchange]):
    """The last calls of a client, oldest first, with those that failed or were refused.

    Parameters
    ----------
    most, most_bytes
        The most calls that are kept, and the most bytes of bodies. The last call is always kept.
    """

    def __init__(self, most: int = _MOST_EXCHANGES, most_bytes: int = _MOST_BYTES) -> None:
        self._most = most
        self._most_bytes = most_bytes
        self._exchanges: deque[Exchange] = deque()
        self._bytes = 0
        self._lock = threading.Lock()
        self._watchers: set[Callable[[Exchange], object]] = set()

    def watch(self, watcher: Callable[[Exchange], object]) -> Callable[[], None]:
        """Call a function with every call from now on; return a function that ends that."""
        self._watchers.add(watcher)
        return lambda: self._watchers.discard(watcher)

    def add(self, exchange: Exchange) -> None:
        """Keep one more call, drop the oldest ones, and notify the watchers."""
        with self._lock:
            self._exchanges.append(exchange)
            self._bytes += _size(exchange)
            while len(self._exchanges) > 1 and (
                len(self._exchanges) > self._most or self._bytes > self._most_bytes
            ):
                self._bytes -= _size(self._exchanges.popleft())
        for watcher in list(self._watchers):
            watcher(exchange)

    @overload
    def __getitem__(self, at: int) -> Exchange: ...
    @overload
    def __getitem__(self, at: slice) -> list[Exchange]: ...
    def __getitem__(self, at: int | slice) -> Exchange | list[Exchange]:
        with self._lock:
            return list(self._exchanges)[at]

    def __len__(self) -> int:
        return len(self._exchanges)

    def __repr__(self) -> str:
        lines = [
            f"{at:>3}  {call.method:<7}{_shorten_path(call.path):<{_PATH_WIDTH}}{call.outcome}"
            for at, call in enumerate(self[:])
        ]
        return "\n".join(lines) or "No calls yet."

    def _repr_html_(self) -> str:
        from bunqkit.display.html import card, method_label, table

        rows = [
            [str(at), method_label(call.method), call.path, call.outcome]
            for at, call in enumerate(self[:])
        ]
        return card("Calls, oldest first", table(["", "method", "path", "answer"], rows))


def _clean(text: str) -> str:
    """Return a text of the bank's, shortened, and without codes that a terminal obeys."""
    limit = 500
    return printable(re.sub(r"[\x00-\x1f\x7f-\x9f]+", " ", text)[:limit])


def _size(exchange: Exchange) -> int:
    return len(exchange.request_body) + len(exchange.answer_body)


def _shorten_path(path: str) -> str:
    if len(path) < _PATH_WIDTH:
        return path
    half = (_PATH_WIDTH - 2) // 2
    return f"{path[:half]}…{path[-half:]}"


def _list_headers(headers: Mapping[str, str]) -> list[str]:
    return [
        f"  {name}: {text}"
        for name, text in redact_headers(headers).items()
        if name.lower().startswith(_SHOWN_HEADERS)
    ]
