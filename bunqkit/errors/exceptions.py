"""Everything that bunqkit raises.

BunqkitError
 +-- SettingsError          a setting is missing or wrong
 +-- StateError             what is kept on disk can't be read or written
 +-- BusyError              another process, or the bank, is busy: try again later
 +-- UnsettledError         the outcome of an earlier write has to be known first
 +-- KeyFormatError         a text is no RSA key that bunq accepts
 +-- SignatureError         bytes and their signature don't belong together
 +-- CatalogueError         a description of the API can't be read
 +-- UnknownNameError       nothing in the catalogue or the bank has this name
 +-- FieldError             a path or a body lacks a field, or has one too many
 +-- LockedError            production is read-only, and no unlock covers the call
 +-- FrameError             items can't become a table, or a table items
 +-- PickleRefusedError     what holds secrets is not written as a pickle
 +-- ScrubError             a file can't be looked through for secrets, and was left alone
 +-- Interrupted            somebody stopped a fetch; what has come is in it
 +-- CallError              a call did not bring what it asked for
      +-- OutcomeUnknownError  a write's answer was lost, and nobody can say if it was done
      +-- NoAnswerError     no answer came: connection, TLS, time-out
      +-- BadAnswerError    an answer came that isn't one of the API's
      +-- ApiError          the bank refused
           +-- BankBusyError     for the moment: it is a BusyError too

No message holds an API key, a token, a private key or a signature.
"""

from __future__ import annotations

import pickle
import textwrap
import traceback
from collections.abc import Callable
from typing import Any

from bunqkit.errors.advice import advise


class BunqkitError(Exception):
    """The root: never raised itself, caught to catch all."""

    _is_shown = False

    def _repr_html_(self) -> str:
        from bunqkit.display.html import error_card  # noqa: PLC0415 (front ends only)

        return error_card(str(self) or type(self).__name__, {})

    def _render_traceback_(self) -> list[str]:
        """Give the usual traceback; in a notebook, put the card before it.

        IPython asks for this when nobody catches the error, and a second time for its history:
        the card comes once.

        Source: ``showtraceback`` and ``_format_exception_for_storage`` of IPython's shell.
        """
        from IPython.core.getipython import get_ipython  # noqa: PLC0415 (it is the one who asks)

        shell: Any = get_ipython()
        if shell is None:
            return traceback.format_exception(self)
        if hasattr(shell, "kernel") and not self._is_shown:
            self._is_shown = True
            shell.display_pub.publish({"text/html": self._repr_html_(), "text/plain": str(self)})
        lines: list[str] = shell.InteractiveTB.structured_traceback(
            type(self), self, self.__traceback__
        )
        return lines


class SettingsError(BunqkitError):
    """A setting is missing or wrong; the message names it, its place and the remedy."""


class StateError(BunqkitError):
    """What is kept on disk can't be read or written."""


class BusyError(BunqkitError):
    """Another process or the bank is busy: try again later.

    Another process holds a file and did not let go of it in time; or the bank takes no more calls
    for the moment (then it is an ``ApiError`` too).
    """


class UnsettledError(BunqkitError):
    """Nothing was done, since the outcome of an earlier write has to be known first.

    Attributes
    ----------
    entries
        The earlier writes, as ``bunq.unsettled`` lists them.
    """

    def __init__(self, message: str, entries: tuple[Any, ...]) -> None:
        super().__init__(message)
        self.entries = entries


class KeyFormatError(BunqkitError):
    """A text is not an RSA key in the form that bunq accepts."""


class SignatureError(BunqkitError):
    """A signature is missing, or was made over other bytes or with another key.

    Attributes
    ----------
    status
        The HTTP status of the answer that bore it; ``None`` if it was none.
    """

    def __init__(self, message: str, *, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status


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


class PickleRefusedError(BunqkitError, pickle.PicklingError):
    """Something holds secrets, and a pickle would hold them as plain text."""


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


class StoppedBeforeSending(KeyboardInterrupt):
    """Somebody interrupted a wait before a call was sent: it was not carried out."""

    was_sent = False


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
    why, what_to_do
        What it usually means, and what helps; the kit's words, not the bank's.
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
        exchange: Any = None,
        why: str | None = None,
    ) -> None:
        advice = advise(status, messages)
        words = " ".join(messages) or "no words"
        told = [
            f"The bank refused {method} {path} with status {status}: {words}",
            _fill("Why, most likely", why or advice.why),
            _fill("What to do", advice.what_to_do),
        ]
        if response_id:
            told.append(f"Response id: {response_id}")
        super().__init__("\n".join(told), method=method, path=path)
        self.status = status
        self.messages = messages
        self.response_id = response_id
        self.why = why or advice.why
        self.what_to_do = advice.what_to_do
        self.signed = signed
        self.exchange = exchange

    def advising(self, why: str) -> ApiError:
        """Give the same refusal with another cause, from who knows more of how it came about."""
        return ApiError(
            self.messages,
            status=self.status,
            method=self.method,
            path=self.path,
            response_id=self.response_id,
            signed=self.signed,
            exchange=self.exchange,
            why=why,
        )

    def _repr_html_(self) -> str:
        from bunqkit.display.html import error_card  # noqa: PLC0415 (front ends only)

        return error_card(
            f"The bank refused {self.method} {self.path} with status {self.status}",
            {
                "Why, most likely": self.why,
                "What to do": self.what_to_do,
                "The bank's words": " ".join(self.messages) or "none",
            },
            response_id=self.response_id,
        )


class BankBusyError(ApiError, BusyError):
    """The bank takes no more calls for the moment, or is under maintenance.

    The write was refused and is not sent a second time. bunq sends this refusal unsigned, so nobody
    vouches for it, and the kit could not look up whether it is true.
    """


def _fill(name: str, words: str) -> str:
    return textwrap.fill(f"{name}: {words}", 80, subsequent_indent="  ", break_on_hyphens=False)
