"""``WirePanel(bunq)``: every call with its X-ray, and a call sent again with one byte changed."""

from __future__ import annotations

import re
import threading
from http import HTTPStatus
from typing import TYPE_CHECKING

import ipywidgets

from bunqkit.client.exchange import Exchange
from bunqkit.display.html import empty_state, status_line
from bunqkit.display.report import Bytes
from bunqkit.errors import FieldError
from bunqkit.widgets.choice_list import ChoiceList
from bunqkit.widgets.panel import ROW, Panel

if TYPE_CHECKING:
    from bunqkit.context.context import Context

_LISTED = 100
_ROW_BYTES = 16
_DIGIT = re.compile(rb"[0-9]")


class WirePanel(Panel):
    """The calls of a context, newest first, each with its X-ray.

    In ``OFFLINE`` and ``SANDBOX`` a call with a body can be sent again with one byte changed and
    the old signature: the bank refuses it, and the X-ray shows which byte differs.

    Parameters
    ----------
    bunq
        The context whose calls are shown: ``bunqkit.connect()``.
    strict
        True to raise a handler's error again after it was shown; tests use it.

    Attributes
    ----------
    shown
        The call that is open; ``None`` without one.
    """

    def __init__(self, bunq: Context, *, strict: bool = False) -> None:
        self._bunq = bunq
        environment = bunq.settings.environment
        super().__init__("Wire", environment, strict=strict)
        self.shown: Exchange | None = None
        self._listed: list[Exchange] = []
        # A call is reported in the thread that has made it.
        self._lock = threading.RLock()
        self.choice = ChoiceList(self, "calls", self._open_choice, rows=8)
        self.follows = ipywidgets.Checkbox(
            value=True, description="open each as it comes", indent=False
        )
        self.place = ipywidgets.BoundedIntText(description="byte", min=0, max=0)
        self.letter = ipywidgets.Text(description="becomes", layout={"width": "160px"})
        self._around = ipywidgets.HTML()
        self.replay_button = self.button("Send with this byte changed", self._replay)
        self.on_change(self._show_change, self.place, self.letter)
        row = ipywidgets.HBox([self.place, self.letter, self.replay_button], layout=ROW)
        self._change = ipywidgets.VBox([row, self._around])
        self._may_change = environment != "PRODUCTION"
        self._reply = ipywidgets.HTML()
        self._xray = ipywidgets.HTML()
        self.lay_out(self.choice, self.follows, self._change, self.outcome, self._reply, self._xray)
        self._open(None)
        self._list()
        self._unwatch = bunq.exchanges.watch(self.handler(self._add))

    def look(self, exchange: Exchange) -> None:
        """Show the X-ray of a call."""
        self._open(exchange)

    def close(self) -> None:
        """Stop watching, and free everything; the connection stays as it is."""
        self._unwatch()
        super().close()

    def _add(self, exchange: Exchange) -> None:
        """Show a call that has just been made."""
        with self._lock:
            self._list()
            if self.follows.value:
                self._open(exchange)

    def _list(self) -> None:
        self._listed = self._bunq.exchanges[:][::-1][:_LISTED]
        self.choice.offer([(_summary(exchange), at) for at, exchange in enumerate(self._listed)])

    def _open_choice(self) -> None:
        if self.choice.value is not None:
            self._open(self._listed[self.choice.value])

    def _open(self, exchange: Exchange | None) -> None:
        self.shown = exchange
        self._reply.value = ""
        self._xray.value = (
            exchange.xray()._repr_html_()
            if exchange is not None
            else empty_state(
                "Here will be the X-ray of a call.", "Call something, or choose one in the list."
            )
        )
        body = b"" if exchange is None else exchange.request_body
        is_signed = exchange is not None and exchange.signed is not None
        can_change = self._may_change and bool(body) and is_signed
        self._change.layout.display = "" if can_change else "none"
        if can_change:
            self._suggest(body)

    def _suggest(self, body: bytes) -> None:
        """Suggest the first digit, which is in the amount in most calls that move money."""
        digit = _DIGIT.search(body)
        at = digit.start() if digit else 0
        # The bound first: a place beyond it would be cut.
        self.place.max = len(body) - 1
        self.place.value = at
        self.letter.value = "8" if body[at : at + 1] == b"9" else "9"
        self._show_change()

    def _show_change(self) -> None:
        """Show the byte with the bytes around it; secrets are masked here too."""
        if self.shown is None:
            return
        body, at = self.shown.request_body, self.place.value
        row = at - at % _ROW_BYTES
        around = Bytes(
            body,
            f"One of {len(body)} bytes becomes {self.letter.value!r}, under the same signature:",
            self.shown.secret_spans(body),
            framed=at,
            first=max(row - _ROW_BYTES, 0),
            end=row + 2 * _ROW_BYTES,
        )
        self._around.value = around.html()

    def _replay(self) -> None:
        original = self.shown
        if original is None:
            raise FieldError("No call is open. Choose one in the list.")
        byte, at = self.letter.value.encode(), self.place.value
        if len(byte) != 1:
            raise FieldError(f"{self.letter.value!r} is not one byte. Type one plain letter.")
        body = bytes(original.request_body)
        if body[at : at + 1] == byte:
            raise FieldError(
                f"Byte {at} is {self.letter.value!r} already: that would be the same call once "
                "more. Type another letter."
            )
        replay = self._bunq.replay(original, body[:at] + byte + body[at + 1 :])
        self._open(replay)
        if replay.status == HTTPStatus.OK:
            reply = "The bank accepted it: it did not check the signature."
        else:
            reply = f"The bank refused it, {replay.status}: {' '.join(replay.refusal)}"
        self._reply.value = status_line(reply)


def _summary(exchange: Exchange) -> str:
    time = f"{exchange.sent_at:%H:%M:%S}"
    return f"{time}  {exchange.method:<7}{exchange.outcome:<17}{exchange.path[:100]}"
