"""Everything that bunqkit raises.

BunqkitError
 +-- SettingsError          a setting is missing or wrong
 +-- StateError             what is kept on disk can't be read or written
 +-- KeyFormatError         a text is no RSA key that bunq accepts
 +-- SignatureError         bytes and their signature don't belong together
 +-- CatalogueError         a description of the API can't be read
 +-- UnknownNameError       nothing in the catalogue or the bank has this name
 +-- FieldError             a path or a body lacks a field, or has one too many
 +-- LockedError            production is read-only, and no unlock covers the call
 +-- FrameError             items can't become a table, or a table items
 +-- ScrubError             a file can't be looked through for secrets, and was left alone
 +-- Interrupted            somebody stopped a fetch; what has come is in it
 +-- CallError              a call did not bring what it asked for
      +-- OutcomeUnknownError  a write's answer was lost, and nobody can say if it was done
      +-- NoAnswerError     no answer came: connection, TLS, time-out
      +-- BadAnswerError    an answer came that isn't one of the API's
      +-- ApiError          the bank refused

No message holds an API key, a token, a private key or a signature.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


class BunqkitError(Exception):
    """The root: never raised itself, caught to catch all."""


class SettingsError(BunqkitError):
    """A setting is missing or wrong; the message names it, its place and the remedy."""


class StateError(BunqkitError):
    """What is kept on disk can't be read or written."""


class KeyFormatError(BunqkitError):
    """A text is not an RSA key in the form that bunq accepts."""


class SignatureError(BunqkitError):
    """A signature is missing, or was made over other bytes or with another key."""


class CatalogueError(BunqkitError):
    """A description of the API can't be read; the message names the place in it."""


class UnknownNameError(BunqkitError):
    """Nothing has this name.

    Attributes
    ----------
    nearest
        Up to three names that are like it, best first.
    """

    def __init__(self, message: str, nearest: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.nearest = nearest


class FieldError(BunqkitError):
    """A path or a body lacks a field, has one too many, or one of the wrong kind.

    Attributes
    ----------
    problems
        One sentence for each field, with its path in the body.
    """

    def __init__(self, message: str, problems: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.problems = problems


class LockedError(BunqkitError):
    """The call was not sent: production is read-only, and no unlock covers it."""


class FrameError(BunqkitError):
    """Items can't become a table, or a table can't become items again."""


class ScrubError(BunqkitError):
    """A file can't be read, parsed or written, and is as it was."""


class Interrupted(BunqkitError):  # noqa: N818 (it is no error of anybody's)
    """Somebody stopped a fetch.

    Attributes
    ----------
    frame
        The DataFrame of what has come; its ``attrs["bunqkit"]`` says that it is incomplete.
    """

    def __init__(self, message: str, frame: Any) -> None:
        super().__init__(message)
        self.frame = frame


class CallError(BunqkitError):
    """A call did not bring what it asked for.

    Attributes
    ----------
    method, path
        What was called; the path starts with ``/v1`` and has no host.
    """

    def __init__(self, message: str, *, method: str, path: str) -> None:
        super().__init__(message)
        self.method = method
        self.path = path


class OutcomeUnknownError(CallError):
    """A write's answer was lost, and what the bank shows does not tell whether it was done.

    Attributes
    ----------
    body
        What was sent.
    candidates
        The items at the bank that may be it.
    look_again
        Looks once more: gives the item that was made, or ``None`` if nobody can say yet.
    """

    def __init__(
        self,
        message: str,
        *,
        method: str,
        path: str,
        body: dict[str, Any],
        candidates: list[dict[str, Any]],
        look_again: Callable[[], dict[str, Any] | None],
    ) -> None:
        super().__init__(message, method=method, path=path)
        self.body = body
        self.candidates = candidates
        self.look_again = look_again


class NoAnswerError(CallError):
    """No answer came: the name, the connection, TLS or the time-out failed.

    Attributes
    ----------
    was_sent
        Whether the request may have reached the bank. A write that may have is not sent again.
    """

    def __init__(self, message: str, *, method: str, path: str, was_sent: bool) -> None:
        super().__init__(message, method=method, path=path)
        self.was_sent = was_sent


class BadAnswerError(CallError):
    """An answer came that is not one of the API's: cut off, or no JSON, or no envelope.

    Attributes
    ----------
    status
        Its HTTP status.
    """

    def __init__(self, message: str, *, method: str, path: str, status: int) -> None:
        super().__init__(message, method=method, path=path)
        self.status = status


class ApiError(CallError):
    """The bank refused.

    Attributes
    ----------
    status
        The HTTP status, such as 400, 403, 429 or bunq's own 466 (signature required).
    messages
        The bank's own words, in English, one for each problem.
    response_id
        What bunq's support asks for; ``None`` if the answer had none.
    signed
        Whether the bank's signature vouches for the refusal.
    exchange
        The request with this answer.

    Source: bunq docs, "Errors".
    """

    def __init__(
        self,
        messages: tuple[str, ...],
        *,
        status: int,
        method: str,
        path: str,
        response_id: str | None,
        signed: bool,
        advice: str = "",
        exchange: Any = None,
    ) -> None:
        words = " ".join(messages) or "no words"
        said = f"The bank refused {method} {path} with status {status}: {words}"
        trace = f"(response id {response_id})" if response_id else ""
        super().__init__(
            " ".join(part for part in (said, advice, trace) if part), method=method, path=path
        )
        self.status = status
        self.messages = messages
        self.response_id = response_id
        self.signed = signed
        self.exchange = exchange
