"""``WirePanel(bunq)``: every call as it happens, opened; one byte changed, and refused."""

from __future__ import annotations

from typing import TYPE_CHECKING

import ipywidgets

from bunqkit.errors import FieldError
from bunqkit.exchange import Exchange
from bunqkit.widgets.parts import Fold, Panel, empty_html, status_html

if TYPE_CHECKING:
    from bunqkit.context import Context

_LISTED = 200
_ROW = {"flex_flow": "row wrap", "align_items": "center"}
_AROUND = 24


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
        self._is_listing = False
        self.choice = ipywidgets.Select(
            rows=8, description="calls", layout={"width": "auto"}, options=[]
        )
        self.choice.add_class("bunqkit-list")
        self.choice.observe(self.handler(lambda _: self._hear()), "value")
        self.follows = ipywidgets.Checkbox(
            value=True, description="open each as it comes", indent=False
        )
        self._xray = ipywidgets.HTML()
        self.place = ipywidgets.BoundedIntText(description="byte", min=0, max=0)
        self.letter = ipywidgets.Text(description="becomes", value="9", layout={"width": "160px"})
        self._around = ipywidgets.HTML()
        self.replay_button = self.button("Send with this byte changed", self._replay)
        for control in (self.place, self.letter):
            control.observe(self.handler(lambda _: self._look()), "value")
        change = ipywidgets.HBox([self.place, self.letter, self.replay_button], layout=_ROW)
        self._change = Fold("Change a byte", self, [self._around, change])
        self.said = ipywidgets.HTML()
        is_real = environment == "PRODUCTION"
        self._change.layout.display = "none" if is_real else ""
        self.body.children = [self.choice, self.follows, self._change, self.said, self._xray]
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
        """Take in a call that has just been made, in whatever thread."""
        self._list()
        if self.follows.value:
            self._open(exchange)

    def _list(self) -> None:
        newest = self._bunq.exchanges[:][::-1][:_LISTED]
        self._is_listing = True
        self.choice.options = [(_told(each), at) for at, each in enumerate(newest)]
        self.choice.index = None
        self._is_listing = False
        self._listed = newest

    def _hear(self) -> None:
        if not self._is_listing and self.choice.value is not None:
            self._open(self._listed[self.choice.value])

    def _open(self, exchange: Exchange | None) -> None:
        self.shown = exchange
        self.said.value = ""
        if exchange is None:
            self._xray.value = empty_html(
                "No call is open.", "Call something in another cell, or choose one in the list."
            )
        else:
            self._xray.value = exchange.xray()._repr_html_()
        self.place.max = max(len(exchange.request_body) - 1, 0) if exchange else 0
        self._look()

    def _look(self) -> None:
        """Show where the byte stands."""
        body = self.shown.request_body if self.shown else b""
        is_signed = self.shown is not None and self.shown.signed is not None
        self.replay_button.disabled = not (body and is_signed)
        if not body:
            self._around.value = empty_html(
                "This call has no body, so nothing of it was signed.",
                "Choose one with POST or PUT.",
            )
            return
        at = self.place.value
        before = body[max(at - _AROUND, 0) : at].decode("utf-8", "replace")
        after = body[at + 1 : at + 1 + _AROUND].decode("utf-8", "replace")
        now = body[at : at + 1].decode("utf-8", "replace")
        self._around.value = status_html(
            f"Byte {at} of {len(body)}: …{before} [{now} → {self.letter.value}] {after}…"
        )

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
        verdict = "The bank refused it" if came.status != 200 else "The bank took it"  # noqa: PLR2004 (HTTP's word for yes)
        self.said.value = status_html(f"{verdict}: {came.outcome}.")


def _told(exchange: Exchange) -> str:
    when = f"{exchange.sent_at:%H:%M:%S}  "
    return f"{when}{exchange.method:<7}{exchange.path[:70]:<71}{exchange.outcome}"
