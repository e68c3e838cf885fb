"""The wire panel: every handler, in strict mode, without a browser."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from ipywidgets.widgets.widget import _instances
from widgets.panels import in_production

from bunqkit import FieldError, LockedError
from bunqkit.context.context import Context
from bunqkit.widgets import WirePanel


@pytest.fixture
def wire(bunq: Context) -> Iterator[WirePanel]:
    """Return a panel that watches the calls."""
    panel = WirePanel(bunq, strict=True)
    yield panel
    panel.close()


def test_calls_are_listed_as_they_come(wire: WirePanel, bunq: Context) -> None:
    """The newest first, opened as it comes, unless one reads another."""
    bunq.call("user.list")
    assert wire.shown is bunq.exchanges[-1]
    assert "GET" in wire.choice.options[0][0]
    wire.follows.value = False
    shown = wire.shown
    bunq.call("card.list")
    assert wire.shown is shown
    wire.choice.index = 0
    assert wire.shown is bunq.exchanges[-1]


def test_a_changed_byte_is_refused(wire: WirePanel, bunq: Context) -> None:
    """The bank refuses what was not signed, nothing moves, and the X-ray shows the byte."""
    bunq.pay("1.00", "bravo@bunq.com", "tea")
    payment = next(each for each in reversed(bunq.exchanges) if each.method == "POST")
    wire.look(payment)
    before = len(bunq.payments())
    wire.look(payment)
    wire.place.value = payment.request_body.index(b"1.00")
    wire.letter.value = "9"
    wire.replay_button.click()
    assert wire.shown is not None
    assert wire.shown.status == 400
    assert "The bank refused it" in wire._reply.value
    assert "<mark>" in wire._xray.value
    assert len(bunq.payments()) == before


def test_the_same_byte_is_not_sent_again(wire: WirePanel, bunq: Context) -> None:
    """That would be the payment a second time."""
    bunq.pay("1.00", "bravo@bunq.com", "tea")
    payment = next(each for each in reversed(bunq.exchanges) if each.method == "POST")
    wire.look(payment)
    wire.place.value = payment.request_body.index(b"1.00")
    wire.letter.value = "1"
    with pytest.raises(FieldError, match="already"):
        wire.replay_button.click()
    wire.letter.value = "12"
    with pytest.raises(FieldError, match="not one byte"):
        wire.replay_button.click()


def test_a_call_without_a_body_cannot_be_changed(wire: WirePanel, bunq: Context) -> None:
    """Nothing of it was signed."""
    bunq.call("user.list")
    assert wire._change.layout.display == "none"


def test_the_byte_stands_among_those_around_it(wire: WirePanel, bunq: Context) -> None:
    """At first the amount's; a key in the body is masked there too."""
    bunq.call("payment.create", amount="1.00", to="bravo@bunq.com", description="tea")
    body = bunq.exchanges[-1].request_body
    assert wire.place.value == body.index(b"1.00")
    assert wire.letter.value == "9"
    assert "<mark>31</mark>" in wire._around.value
    wire.look(next(each for each in bunq.exchanges if each.path.endswith("/session-server")))
    assert bunq.settings.api_key is not None
    for at in range(0, wire.place.max, 8):
        wire.place.value = at
        letters = re.sub(r"<[^>]*>", "", wire._around.value)
        assert bunq.settings.api_key.reveal()[20:30] not in letters


def test_the_same_call_is_the_same_signature(wire: WirePanel, bunq: Context) -> None:
    """What is replayed bears the captured signature and token, under a request id of its own."""
    bunq.call("payment.create", amount="1.00", to="bravo@bunq.com", description="tea")
    captured = bunq.exchanges[-1]
    wire.replay_button.click()
    sent = bunq.exchanges[-1].request_headers
    for name in ("X-Bunq-Client-Signature", "X-Bunq-Client-Authentication"):
        assert sent[name] == captured.request_headers[name]
    assert sent["X-Bunq-Client-Request-Id"] != captured.request_headers["X-Bunq-Client-Request-Id"]


def test_nothing_is_replayed_in_production(bunq: Context) -> None:
    """Neither by the panel, which hides it, nor by a call."""
    bunq.pay("1.00", "bravo@bunq.com", "tea")
    real = in_production(bunq)
    panel = WirePanel(real, strict=True)
    assert panel._change.layout.display == "none"
    with pytest.raises(LockedError):
        real.replay(real.exchanges[-1], b"{}")
    panel.close()


def test_closing_frees_everything(bunq: Context) -> None:
    """A hundred instances leave no widget behind, and nobody listening."""
    first = WirePanel(bunq, strict=True)
    first.wait()
    first.close()
    before = len(_instances)
    for _ in range(10):
        panel = WirePanel(bunq, strict=True)
        panel.wait()
        panel.close()
    assert len(_instances) == before
    assert bunq.exchanges._watchers == set()
