"""``WirePanel(bunq)``: every call as it happens, opened; one byte changed, and refused."""

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
from bunqkit.widgets.panel import Panel

if TYPE_CHECKING:
    from bunqkit.context.context import Context

_LISTED = 100
_ROW = {"flex_flow": "row wrap", "align_items": "center"}
_ROW_BYTES = 16
_DIGIT = re.compile(rb"[0-9]")


class WirePanel(Panel):
    """The calls of a context, newest first, each with its X-ray.

    In ``OFFLINE`` and ``SANDBOX`` a call with a body can be sent once more with one byte changed
    under the old signature: the bank refuses it, and the X-ray shows which byte differs.

    Parameters
    ----------
    bunq
        Whose calls; ``bunqkit.connect()`` gives it.
    strict
        Whether what a handler raises is raised again after it was shown; tests use it.

    Attributes
    ----------
    shown
        The call that is open; ``None`` if there is none.
    """

    def __init__(self, bunq: Context, *, strict: bool = False) -> None:
        self._bunq = bunq
        environment = bunq.settings.environment
        super().__init__("Wire", environment, strict=strict)
        self.shown: Exchange | None = None
        self._listed: list[Exchange] = []
        self._is_listing = False
        # Calls come from whatever thread has made them.
        self._lock = threading.RLock()
        self.choice = ipywidgets.Select(
            rows=8, description="calls", layout={"width": "auto"}, options=[]
        )
        self.choice.add_class("bunqkit-list")
        self.choice.observe(self.handler(lambda _: self._hear()), "value")
        self.follows = ipywidgets.Checkbox(
            value=True, description="open each as it comes", indent=False
        )
        self.place = ipywidgets.BoundedIntText(description="byte", min=0, max=0)
        self.letter = ipywidgets.Text(description="becomes", layout={"width": "160px"})
        self._around = ipywidgets.HTML()
        self.replay_button = self.button("Send with this byte changed", self._replay)
        for control in (self.place, self.letter):
            control.observe(self.handler(lambda _: self._look()), "value")
        row = ipywidgets.HBox([self.place, self.letter, self.replay_button], layout=_ROW)
        self._change = ipywidgets.VBox([row, self._around])
        self._may_change = environment != "PRODUCTION"
        self.said = ipywidgets.HTML()
        self._xray = ipywidgets.HTML()
        self.body.children = [
            self.choice, self.follows, self._change, self.outcome, self.said, self._xray
        ]  # fmt: skip
        self.children = (self._head, self.body)
        self._open(None)
        self._list()
        self._unwatch = bunq.exchanges.watch(self.handler(self._come))

    def look(self, exchange: Exchange) -> None:
        """Show the X-ray of a call."""
        self._open(exchange)

    def close(self) -> None:
        """Watch no more, and free everything; the connection stays as it is."""
        self._unwatch()
        super().close()

    def _come(self, exchange: Exchange) -> None:
        """Take in a call that has just been made."""
        with self._lock:
            self._list()
            if self.follows.value:
                self._open(exchange)

    def _list(self) -> None:
        self._listed = self._bunq.exchanges[:][::-1][:_LISTED]
        self._is_listing = True
        self.choice.options = [(_told(each), at) for at, each in enumerate(self._listed)]
        self.choice.index = None
        self._is_listing = False

    def _hear(self) -> None:
        if not self._is_listing and self.choice.value is not None:
            self._open(self._listed[self.choice.value])

    def _open(self, exchange: Exchange | None) -> None:
        self.shown = exchange
        self.said.value = ""
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
        """Begin with the first digit, which is the amount's in most calls that move money."""
        found = _DIGIT.search(body)
        at = found.start() if found else 0
        # The bound first: a place beyond it is cut.
        self.place.max = len(body) - 1
        self.place.value = at
        self.letter.value = "8" if body[at : at + 1] == b"9" else "9"
        self._look()

    def _look(self) -> None:
        """Show the byte among those around it; secrets are masked here too."""
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
        captured = self.shown
        if captured is None:
            raise FieldError("No call is open. Choose one in the list.")
        byte, at = self.letter.value.encode(), self.place.value
        if len(byte) != 1:
            raise FieldError(f"{self.letter.value!r} is not one byte. Type one plain letter.")
        body = bytes(captured.request_body)
        if body[at : at + 1] == byte:
            raise FieldError(
                f"Byte {at} is {self.letter.value!r} already: that would be the same call once "
                "more. Type another letter."
            )
        came = self._bunq.replay(captured, body[:at] + byte + body[at + 1 :])
        self._open(came)
        if came.status == HTTPStatus.OK:
            said = "The bank took it: it did not look at the signature."
        else:
            said = f"The bank refused it, {came.status}: {' '.join(came.refusal)}"
        self.said.value = status_line(said)


def _told(exchange: Exchange) -> str:
    when = f"{exchange.sent_at:%H:%M:%S}"
    return f"{when}  {exchange.method:<7}{exchange.outcome:<17}{exchange.path[:100]}"
