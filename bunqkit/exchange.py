"""One request with its answer, as a record that can be shown."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from bunqkit.errors import BadAnswerError
from bunqkit.redaction import redact, redact_headers

# Headers that a reader of the flow learns from; the others are the transport's own.
_TOLD = ("x-bunq-", "content-type", "user-agent", "cache-control")


@dataclass(frozen=True)
class Exchange:
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
        As they came.
    elapsed_s
        Seconds from sending to the last byte.
    is_verified
        Whether the bank's signature over ``answer_body`` was checked and is right. Before the
        bank's key is known it can't be: TLS vouches then.
    """

    method: str
    url: str
    path: str
    request_headers: Mapping[str, str] = field(repr=False)
    request_body: bytes = field(repr=False)
    status: int
    answer_headers: Mapping[str, str] = field(repr=False)
    answer_body: bytes = field(repr=False)
    elapsed_s: float
    is_verified: bool

    def describe(self) -> str:
        """Tell the exchange as text, a header a line, tokens and signatures shortened."""
        lines = [
            f"{self.method} {self.path}",
            *_told(self.request_headers),
            *_shown(self.request_body),
            f"-> {self.status}",
            *_told(self.answer_headers),
            *_shown(self.answer_body),
        ]
        return "\n".join(lines)

    def unusable(self, why: str) -> BadAnswerError:
        """Make the error that says why the answer can't be used."""
        return BadAnswerError(
            f"The answer to {self.method} {self.path} (status {self.status}) can't be used: {why}. "
            "If it goes on, something between you and the bank changes answers.",
            method=self.method,
            path=self.path,
            status=self.status,
        )


def _told(headers: Mapping[str, str]) -> list[str]:
    return [
        f"  {name}: {text}"
        for name, text in redact_headers(headers).items()
        if name.lower().startswith(_TOLD)
    ]


def _shown(body: bytes) -> list[str]:
    if not body:
        return []
    try:
        text = json.dumps(redact(json.loads(body)), ensure_ascii=False)
    except (ValueError, RecursionError):
        return [f"  ({len(body)} bytes that are no JSON)"]
    limit = 300
    return [f"  {text}" if len(text) <= limit else f"  {text[:limit]}… ({len(body)} bytes)"]
