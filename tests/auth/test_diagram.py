"""The handshake of a context as a picture: who sent what, what came back, when it ends."""

from __future__ import annotations

import re
from xml.etree import ElementTree as ET

import pytest
from visitors import Door

import bunqkit
from bunqkit.sandbox import Bank
from bunqkit.security.redaction import shorten

SVG = "{http://www.w3.org/2000/svg}"


def flat(shown: object) -> str:
    """Return a text with its line breaks as spaces."""
    return re.sub(r"\s+", " ", str(shown))


def test_the_three_steps_are_told() -> None:
    """What was sent, by which token, what came back, what it opens, where it is, when it ends."""
    bunq = bunqkit.connect()
    text = flat(bunq.handshake)
    state, session = bunq.handshake, bunq.session
    assert state.installation is not None
    assert state.device is not None
    parts = [
        "POST /installation: your public key " + state.installation.key.public.fingerprint[:8],
        "the installation token " + shorten(state.installation.token.reveal()),
        "the bank's public key " + state.installation.bank_key.fingerprint[:8],
        "opens steps 2 and 3, and nothing else",
        "in the memory of this process",
        "POST /device-server: the API key sandbox_",
        f"the device's number, {state.device.id}",
        "POST /session-server: the API key sandbox_",
        "the session token " + shorten(session.token.reveal()),
        f"U. Hoekstra (UserPerson {bunq.user_id})",
        f"{session.expires_at:%Y-%m-%d %H:%M} UTC",
    ]
    places = [text.index(part) for part in parts]
    assert places == sorted(places)


def test_the_place_of_the_state_is_told(monkeypatch: pytest.MonkeyPatch, door: Door) -> None:
    """At a bank with an address, the file in which key and tokens are kept."""
    if door.transport is not None:
        pytest.skip("only a bank at an address keeps state")
    monkeypatch.setenv("BUNQ_BASE_URL", door.base_url)
    monkeypatch.setenv("BUNQ_STATE_PASSPHRASE", "a long enough phrase")
    bunq = bunqkit.connect(environment="OFFLINE", api_key=door.bank.demo_key)
    # A long path is broken over lines.
    text = re.sub(r"\s+", "", str(bunq.handshake))
    assert re.search(r"thebank'skeyin.*/offline-[0-9a-f]+\.json,encrypted", text)
    assert door.base_url in str(bunq.handshake)
    bunq.close()


def test_an_ended_session_is_told(bank: Bank) -> None:
    """By the bank's clock; nobody is asked."""
    bunq = bunqkit.connect(bank=bank)
    calls = len(bunq.exchanges)
    bank.clock.advance(days=8)
    assert "It ended 2026-" in flat(bunq.handshake)
    assert len(bunq.exchanges) == calls


def test_the_drawing_is_whole() -> None:
    """Well-formed, no text leaves the frame, three messages there and three back."""
    drawing = ET.fromstring(bunqkit.connect().handshake.svg())
    _, _, width, height = map(float, drawing.attrib["viewBox"].split())
    for text in drawing.iter(f"{SVG}text"):
        length = 7.3 * len(text.text or "")
        x = float(text.attrib["x"])
        left = {"start": x, "middle": x - length / 2, "end": x - length}[text.attrib["text-anchor"]]
        assert left >= 0
        assert left + length <= width
        assert 0 < float(text.attrib["y"]) < height
    heads = [arrow.attrib["points"] for arrow in drawing.iter(f"{SVG}polygon")]
    assert [points.split(",")[0] for points in heads] == ["576", "24"] * 3


def test_the_drawing_has_a_text_beside_it() -> None:
    """Who can't see it gets title and description, which say the same."""
    picture = bunqkit.connect().handshake
    drawing = ET.fromstring(picture.svg())
    assert drawing.attrib["role"] == "img"
    assert drawing.findtext(f"{SVG}title") == picture.title == drawing.attrib["aria-label"]
    assert drawing.findtext(f"{SVG}desc") == str(picture)


def test_the_drawing_has_the_colours_of_its_place() -> None:
    """Nothing is black or white by number: it takes the text's colour, light or dark."""
    svg = bunqkit.connect().handshake.svg()
    assert 'fill="currentColor"' in svg
    assert set(re.findall(r"#[0-9a-fA-F]{3,8}", svg)) == {"#9998"}


def test_text_fits_a_terminal() -> None:
    """At most 80 columns."""
    assert max(map(len, repr(bunqkit.connect().handshake).splitlines())) <= 80
