"""Everything that bunqkit raises.

BunqkitError
 +-- SettingsError          a setting is missing or wrong
 +-- StateError             the state on disk can't be read or written
 +-- BusyError              another process or the bank is busy: try again later
 +-- UnsettledError         the outcome of an earlier write must be known first
 +-- KeyFormatError         a text is not an RSA key that bunq accepts
 +-- SignatureError         a signature does not match its bytes
 +-- CatalogueError         a description of the API can't be read
 +-- UnknownNameError       nothing in the catalogue or the bank has this name
 +-- FieldError             a field is missing, unknown, or of the wrong kind
 +-- LockedError            production is read-only, and no unlock covers the call
 +-- FrameError             items can't become a table, or a table can't become items
 +-- PickleRefusedError     an object that holds secrets can't be pickled
 +-- ScrubError             a file can't be searched for secrets, and was not changed
 +-- Interrupted            the user stopped a fetch; it holds the rows so far
 +-- CallError              a call failed
      +-- OutcomeUnknownError  the answer to a write was lost, and its outcome is unknown
      +-- NoAnswerError     no answer came: connection, TLS, time-out
      +-- BadAnswerError    the answer is not in the form of the API
      +-- ApiError          the bank refused
           +-- BankBusyError     the bank is busy: a BusyError too

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
    """The base class of all errors of bunqkit; it is never raised itself."""

    _is_shown = False

    def _repr_html_(self) -> str:
        from bunqkit.display.html import error_card

        return error_card(str(self) or type(self).__name__, {})

    def _render_traceback_(self) -> list[str]:
        """Return the usual traceback; in a notebook, show the card before it.

        IPython calls this when nobody catches the error, and a second time for its history. The
        card is shown once.

        Source: ``showtraceback`` and ``_format_exception_for_storage`` of IPython's shell.
        """
        from IPython.core.getipython import get_ipython

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
    """A setting is missing or wrong; the message names it, its place and how to correct it."""


class StateError(BunqkitError):
    """The state on disk can't be read or written."""


class BusyError(BunqkitError):
    """Another process or the bank is busy: try again later.

    Either another process has locked a file and did not release it in time, or the bank takes no
    more calls for the moment (then the error is an ``ApiError`` too).
    """


class UnsettledError(BunqkitError):
    """The call was not sent, since the outcome of an earlier write must be known first.

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
    """A signature is missing, or it was made over other bytes or with another key.

    Attributes
    ----------
    status
        The HTTP status of the answer with this signature; ``None`` if it was not an answer.
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
        Up to three similar names, the most similar first.
    """

    def __init__(self, message: str, nearest: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.nearest = nearest


class FieldError(BunqkitError):
    """A field of a path or a body is missing, unknown, or of the wrong kind.

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
    """An object holds secrets, and a pickle would store them as plain text."""


class ScrubError(BunqkitError):
    """A file can't be read, parsed or written, and was not changed."""


class Interrupted(BunqkitError):  # noqa: N818 (a public name; the user stopped it)
    """The user stopped a fetch.

    Attributes
    ----------
    frame
        A DataFrame of the rows so far; its ``attrs["bunqkit"]`` says that it is incomplete.
    """

    def __init__(self, message: str, frame: Any) -> None:
        super().__init__(message)
        self.frame = frame


class CallError(BunqkitError):
    """A call failed.

    Attributes
    ----------
    method, path
        The call; the path starts with ``/v1`` and has no host.
    """

    def __init__(self, message: str, *, method: str, path: str) -> None:
        super().__init__(message)
        self.method = method
        self.path = path


class OutcomeUnknownError(CallError):
    """The answer to a write was lost, and the bank's lists don't show if it was carried out.

    Attributes
    ----------
    body
        The body that was sent.
    candidates
        The items at the bank that this write may have made.
    look_again
        A function that looks once more. It returns the item that the write made, or ``None`` if
        that is still unknown.
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
    """No answer came: the host name, the connection or TLS failed, or the time was up.

    Attributes
    ----------
    was_sent
        True if the request may have reached the bank. Such a write is not sent again.
    """

    def __init__(self, message: str, *, method: str, path: str, was_sent: bool) -> None:
        super().__init__(message, method=method, path=path)
        self.was_sent = was_sent


class StoppedBeforeSending(KeyboardInterrupt):
    """The user interrupted a wait before a call was sent, so it was not carried out."""

    was_sent = False


class BadAnswerError(CallError):
    """The answer is not in the form of the API: it is cut off, not JSON, or has no envelope.

    Attributes
    ----------
    status
        The HTTP status of the answer.
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
        The id that bunq's support asks for; ``None`` if the answer had none.
    why, what_to_do
        What the refusal usually means, and what helps: words of bunqkit, not of the bank.
    signed
        True if the refusal has a valid signature of the bank.
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
        lines = [
            f"The bank refused {method} {path} with status {status}: {words}",
            _fill("Why, most likely", why or advice.why),
            _fill("What to do", advice.what_to_do),
        ]
        if response_id:
            lines.append(f"Response id: {response_id}")
        super().__init__("\n".join(lines), method=method, path=path)
        self.status = status
        self.messages = messages
        self.response_id = response_id
        self.why = why or advice.why
        self.what_to_do = advice.what_to_do
        self.signed = signed
        self.exchange = exchange

    def advising(self, why: str) -> ApiError:
        """Return the same refusal with another cause, for a caller that knows the cause better."""
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
        from bunqkit.display.html import error_card

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

    The write was refused and is not sent a second time. bunq does not sign this refusal, so it
    could be forged, and bunqkit could not look up the outcome of the write.
    """


def _fill(name: str, words: str) -> str:
    return textwrap.fill(f"{name}: {words}", 80, subsequent_indent="  ", break_on_hyphens=False)
