"""One request with its answer, as a record that can be shown, and the last ones of a client.

Everything that was on the wire is in it, so nothing in it prints whole: a repr masks, ``xray()``
explains, and the snippets read the key from the environment.
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

from bunqkit.display.terminal import printable, printable_lines
from bunqkit.errors import BadAnswerError
from bunqkit.security.redaction import (
    Private,
    Secret,
    forms_of,
    mask_known,
    redact,
    redact_headers,
    secret_spans,
)
from bunqkit.security.signing import PublicKey

if TYPE_CHECKING:
    from bunqkit.inspection.snippets import Snippet
    from bunqkit.inspection.xray import Xray

# Headers that a reader of the flow learns from; the others are the transport's own.
_TOLD = ("x-bunq-", "content-type", "user-agent", "cache-control")
_KEPT = 200
_KEPT_BYTES = 32 * 1024 * 1024
_OK = 200
_PATH_WIDTH = 46


@dataclass(frozen=True, repr=False)
class Exchange(Private):
    """What was sent and what came back, byte for byte.

    Attributes
    ----------
    method, url
        What was called, in full.
    path
        The path from ``/v1`` on, with its query.
    request_headers, request_body
        As they were sent: the body's bytes are the bytes that were signed.
    status, answer_headers, answer_body
        As they came; status 0 if no answer came.
    elapsed_s
        Seconds from sending to the last byte.
    is_verified
        Whether the bank's signature over ``answer_body`` was checked and is right. Before the
        bank's key is known it can't be: TLS vouches then.
    base_url
        The API's address, ending in ``/v1``.
    token
        Which of the tokens was sent: ``installation``, ``session``, ``other``, or none (empty).
    signed
        The bytes that the client signed; ``None`` if it signed none.
    key, bank_key
        The public keys of both sides, as far as they were known.
    sent_at
        When it was sent (UTC); ``None`` if it was not, as in a preview.
    waited_s, budget
        How long the limiter kept it back, and by which limit: ``3 GET calls in 3 s``.
    paused_s, earlier
        The pause before it and the attempts before it, if it was sent again.
    failure
        Why there is no answer, or none that can be believed.
    secrets
        What the client knew to be secret: tokens and the API key, masked wherever they stand.
    may_reveal
        Whether its secrets open nothing, so that they may be shown: only at an offline bank.
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
        """Whether it was sent, and is no preview of what would be."""
        return self.sent_at is not None or self.status != 0

    @property
    def outcome(self) -> str:
        """What became of it, in a few words: ``200, verified``."""
        if not self.status:
            return "no answer" if self.is_sent else "not sent"
        if self.failure:
            return f"{self.status}, not to be believed"
        if self.is_verified:
            return f"{self.status}, verified"
        return f"{self.status}, not signed" if self.bank_key else f"{self.status}, before keys"

    @property
    def refusal(self) -> tuple[str, ...]:
        """The bank's words for what it refuses; of a page that is not the bank's, what it is."""
        from bunqkit.security.secret_scan import mask_secrets  # noqa: PLC0415 (its patterns take a while to compile)

        try:
            told = json.loads(self.answer_body)
            # At the token's address, errors look as RFC 6749 says. Source: bunq docs, "OAuth".
            told = [told] if "error_description" in told else told["Error"]
            return tuple(
                # Whatever the bank quotes: what was sent, or what merely looks like a secret.
                mask_secrets(self.mask(_clean(str(entry["error_description"]))))
                for entry in told
            )
        except (ValueError, KeyError, TypeError, RecursionError):
            told = self.answer_headers.get("Content-Type", "").partition(";")[0].strip().lower()
            kind = self.mask(_clean(told)) or "no media type"
            return (f"(none: {len(self.answer_body)} bytes of {kind}, not in the bank's form.)",)

    def xray(self, *, reveal: bool = False, signed: bytes | None = None) -> Xray:
        """Show what was sent and why, what was signed, how the answer was checked, what it took.

        Parameters
        ----------
        reveal
            Show tokens, keys and signatures whole: only at an offline bank, where they open
            nothing.
        signed
            The bytes that you signed, if you signed yourself: after a refusal of the signature
            they are laid beside the bytes that were sent.

        Raises
        ------
        SettingsError
            If secrets shall be revealed that open something.
        """
        from bunqkit.inspection.xray import Xray  # noqa: PLC0415 (who only calls needs no X-ray)

        return Xray(self, reveal=reveal, signed=signed)

    def as_curl(self) -> Snippet:
        """Give the call as a shell script, which reads ``BUNQ_API_KEY`` and needs curl, openssl."""
        from bunqkit.inspection.snippets import write_curl  # noqa: PLC0415 (who only calls needs no snippet)

        return write_curl(self)

    def as_python(self) -> Snippet:
        """Give the call as Python, which reads ``BUNQ_API_KEY``; requests and cryptography."""
        from bunqkit.inspection.snippets import write_python  # noqa: PLC0415 (as above)

        return write_python(self)

    def as_openssl(self) -> Snippet:
        """Give a shell command that makes the same signature once more, with openssl alone."""
        from bunqkit.inspection.snippets import write_openssl  # noqa: PLC0415 (as above)

        return write_openssl(self)

    def secret_spans(self, body: bytes) -> list[tuple[int, int]]:
        """Give where secrets stand in one of its bodies, as first byte and end."""
        return secret_spans(body, *self._known())

    def redacted(self, body: bytes, *, indent: int | None = None) -> str | None:
        """Give one of its bodies as JSON text without secrets; ``None`` if it is no JSON."""
        try:
            text = json.dumps(redact(json.loads(body)), ensure_ascii=False, indent=indent)
        except (ValueError, RecursionError):
            return None
        text = self.mask(text)
        if body is not self.answer_body or self.status in (0, _OK):
            return text
        from bunqkit.security.secret_scan import mask_secrets  # noqa: PLC0415 (its patterns take a while to compile)

        # What the bank quotes in a refusal need not be this client's.
        return mask_secrets(text)

    def mask(self, text: str) -> str:
        """Return a text in which the secrets of this call, and good parts of them, are masked."""
        return mask_known(text, self._known())

    def _known(self) -> list[str]:
        return [form for secret in self.secrets for form in forms_of(secret)]

    def unanswered(self, headers: Mapping[str, str], body: bytes) -> Exchange:
        """Give the same call with other headers and another body, before it is sent."""
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
        """Tell the exchange as text, a header a line, tokens and signatures shortened."""
        lines = [
            f"{self.method} {self.path}",
            *_told(self.request_headers),
            *self._shown(self.request_body),
            f"-> {self.status or self.outcome}",
            *map(self.mask, _told(self.answer_headers)),
            *self._shown(self.answer_body),
        ]
        return printable_lines("\n".join(lines))

    def unusable(self, why: str) -> BadAnswerError:
        """Make the error that says why the answer can't be used."""
        return BadAnswerError(
            f"The answer to {self.method} {self.path} (status {self.status}) can't be used: "
            f"{self.mask(why)}. "
            "If it goes on, something between you and the bank changes answers.",
            method=self.method,
            path=self.path,
            status=self.status,
        )

    def _shown(self, body: bytes) -> list[str]:
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
        from bunqkit.display.html import card, key_values  # noqa: PLC0415 (front ends only)

        told = {
            "answer": f"{self.outcome}, in {1000 * self.elapsed_s:.0f} ms",
            "sent": f"{len(self.request_body):,} bytes",
            "came": f"{len(self.answer_body):,} bytes",
            "look inside": ".xray(), .as_curl(), .as_python(), .as_openssl()",
        }
        return card(self.path, key_values(told), method=self.method)


class Exchanges(Private, Sequence[Exchange]):
    """The last calls of a client, oldest first: also those that failed or were refused.

    Parameters
    ----------
    most, most_bytes
        How many are kept at most, and how many bytes of bodies; the last is kept in any case.
    """

    def __init__(self, most: int = _KEPT, most_bytes: int = _KEPT_BYTES) -> None:
        self._most = most
        self._most_bytes = most_bytes
        self._kept: deque[Exchange] = deque()
        self._bytes = 0
        self._lock = threading.Lock()
        self._watchers: set[Callable[[Exchange], object]] = set()

    def watch(self, watcher: Callable[[Exchange], object]) -> Callable[[], None]:
        """Have something told of every call from now on; give what ends that, harmless twice."""
        self._watchers.add(watcher)
        return lambda: self._watchers.discard(watcher)

    def add(self, exchange: Exchange) -> None:
        """Keep one more, let go of the oldest, and tell who watches."""
        with self._lock:
            self._kept.append(exchange)
            self._bytes += _size(exchange)
            while len(self._kept) > 1 and (
                len(self._kept) > self._most or self._bytes > self._most_bytes
            ):
                self._bytes -= _size(self._kept.popleft())
        for watcher in list(self._watchers):
            watcher(exchange)

    @overload
    def __getitem__(self, at: int) -> Exchange: ...
    @overload
    def __getitem__(self, at: slice) -> list[Exchange]: ...
    def __getitem__(self, at: int | slice) -> Exchange | list[Exchange]:
        with self._lock:
            return list(self._kept)[at]

    def __len__(self) -> int:
        return len(self._kept)

    def __repr__(self) -> str:
        lines = [
            f"{at:>3}  {each.method:<7}{_shorten_path(each.path):<{_PATH_WIDTH}}{each.outcome}"
            for at, each in enumerate(self[:])
        ]
        return "\n".join(lines) or "No calls yet."

    def _repr_html_(self) -> str:
        from bunqkit.display.html import card, method_label, table  # noqa: PLC0415 (front ends only)

        rows = [
            [str(at), method_label(each.method), each.path, each.outcome]
            for at, each in enumerate(self[:])
        ]
        return card("Calls, oldest first", table(["", "method", "path", "answer"], rows))


def _clean(text: str) -> str:
    """Return a text of the bank's, short, and without what could rewrite a terminal."""
    limit = 500
    return printable(re.sub(r"[\x00-\x1f\x7f-\x9f]+", " ", text)[:limit])


def _size(exchange: Exchange) -> int:
    return len(exchange.request_body) + len(exchange.answer_body)


def _shorten_path(path: str) -> str:
    if len(path) < _PATH_WIDTH:
        return path
    half = (_PATH_WIDTH - 2) // 2
    return f"{path[:half]}…{path[-half:]}"


def _told(headers: Mapping[str, str]) -> list[str]:
    return [
        f"  {name}: {text}"
        for name, text in redact_headers(headers).items()
        if name.lower().startswith(_TOLD)
    ]
