"""What a transport is: it sends one HTTP request and returns the answer as it came.

A transport knows nothing of keys, signatures or the bank. Two exist: ``live`` goes over the
network, ``in_process`` calls a function of this process. Others fit beside them: one that records
what another transport carries, and one that replays a record.
"""

from __future__ import annotations

import zlib
from abc import ABC, abstractmethod
from dataclasses import dataclass

from bunqkit.client.bodies import Bounds
from bunqkit.security.redaction import Body, Headers, Private, redact_query


@dataclass(frozen=True, repr=False)
class Request(Private):
    """One HTTP request.

    Attributes
    ----------
    method, url
        The URL is encoded, and holds the secrets of the query as plain text.
    headers
        All headers but ``Host``, the token included.
    body
        The bytes that are sent.
    """

    method: str
    url: str
    headers: Headers
    body: Body

    def __repr__(self) -> str:
        return f"<{self.method} {redact_query(self.url)}>"


@dataclass(frozen=True, repr=False)
class RawAnswer(Private):
    """A complete answer, verified by nobody.

    Attributes
    ----------
    status, headers
        As they came.
    body
        Inflated, if it came compressed.
    request
        The request as it was sent: an adapter may have changed its headers or body.
    """

    status: int
    headers: Headers
    body: Body
    request: Request

    def __repr__(self) -> str:
        return f"<{self.status}, {len(self.body)} bytes>"


class TransportError(Exception):
    """No complete answer came; the message says why.

    Parameters
    ----------
    why
        The reason, in words that continue a sentence: ``the connection was cut``.
    was_sent
        True if the other side may have received the request.
    """

    def __init__(self, why: str, *, was_sent: bool) -> None:
        super().__init__(why)
        self.was_sent = was_sent


class Transport(ABC):
    """A way to send requests."""

    @abstractmethod
    def send(self, request: Request, *, timeout_s: float, bounds: Bounds) -> RawAnswer:
        """Send a request once and return the answer.

        Parameters
        ----------
        request
            What to send.
        timeout_s
            Seconds after which an answer that is not complete counts as none.
        bounds
            How large the answer may be.

        Raises
        ------
        TransportError
            If no complete answer came in time.
        UnusableBodyError
            If the answer is too large, or has an encoding that was not asked for.
        StoppedBeforeSending
            If the user interrupts before the first byte was sent.
        """

    @abstractmethod
    def close(self) -> None:
        """Close the connections; a later call opens new ones."""


def explain_loss(error: Exception, timeout_s: float) -> str:
    """Return why the answer to a request that was sent did not arrive, for ``TransportError``."""
    if isinstance(error, TimeoutError):
        return f"it took longer than {timeout_s:g} s"
    if isinstance(error, zlib.error | EOFError):
        return "what came can't be inflated"
    if isinstance(error, OSError):
        return "the connection was cut"
    return f"something failed on this side ({type(error).__name__})"


def forget_frames(error: BaseException) -> None:
    """Remove the frames of an error and of its causes: those of a transport hold the token."""
    cause: BaseException | None = error
    while cause is not None:
        cause.__traceback__ = None
        cause = cause.__cause__ or cause.__context__
