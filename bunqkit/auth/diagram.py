"""Draws the handshake of a context: who sent what, which token came back, and what it opens."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from bunqkit.auth.state import Device, Installation, Session
from bunqkit.display.html import card, paragraph, render
from bunqkit.display.report import Facts, Section, Sheet
from bunqkit.security.redaction import Secret, shorten

_WIDTH = 600
_LEFT, _RIGHT = 24, 576
_LINE = 17
# Letters that fit between the two vertical lines, at 13 pixels.
_LETTERS = 78


@dataclass(frozen=True)
class _Step:
    """One step: the message to the bank, its answer, and facts about what it returned."""

    name: str
    is_done: bool
    sent: str
    opened_by: str
    answer: str
    purpose: str
    kept: str
    end: str


class HandshakePicture(Sheet):
    """The three steps of one context, as a diagram and as text; tokens are shortened.

    Parameters
    ----------
    installation, device, session
        The results of the steps; ``None`` for a step that is still to be done.
    environment, base_url
        The bank.
    api_key
        The key that the second and the third step send.
    kept_in
        The file of the state; ``None`` if it is kept in memory.
    is_encrypted
        True if the file is encrypted.
    now
        The current time (aware), to see if the session has ended.

    Attributes
    ----------
    installation, device, session
        The results of the steps.
    """

    def __init__(
        self,
        installation: Installation | None,
        device: Device | None,
        session: Session | None,
        *,
        environment: str,
        base_url: str,
        api_key: Secret,
        kept_in: Path | None,
        is_encrypted: bool,
        now: datetime,
    ) -> None:
        self.installation = installation
        self.device = device
        self.session = session
        self._environment = environment
        place = "in the memory of this process"
        if kept_in is not None:
            place = f"in {_at_home(kept_in)}{', encrypted' if is_encrypted else ''}"
        key = shorten(api_key.reveal())
        steps = [
            _describe_installation(installation, place),
            _describe_device(device, installation, key),
            _describe_session(session, installation, key, place, now),
        ]
        self._steps = steps
        super().__init__(
            f"The handshake of this context: {environment}, {base_url}",
            [
                Section(
                    f"{number}. {step.name}",
                    [
                        Facts(
                            {
                                "you send": step.sent,
                                "opened by": step.opened_by,
                                "you get" if step.is_done else "you will get": step.answer,
                                "what for": step.purpose,
                                "kept": step.kept,
                                "ends": step.end,
                            }
                        )
                    ],
                )
                for number, step in enumerate(steps, 1)
            ],
        )

    def svg(self) -> str:
        """Return the diagram as SVG, with a text description for screen readers."""
        drawing = _Drawing()
        for number, step in enumerate(self._steps, 1):
            drawing.step(number, step)
        return drawing.finish(self.title, str(self))

    def _repr_html_(self) -> str:
        return card(
            "The handshake of this context",
            self.svg(),
            paragraph("The same as text: print(bunq.handshake)"),
            environment=self._environment,
        )


def _describe_installation(installation: Installation | None, place: str) -> _Step:
    received, key = "the installation token, and the bank's public key", ""
    if installation is not None:
        key = f" {installation.key.public.fingerprint[:8]}…"
        bank_key = f"{installation.bank_key.fingerprint[:8]}…"
        received = f"{_token_of(installation)}, and the bank's public key {bank_key}"
    return _Step(
        "Installation",
        installation is not None,
        f"POST /installation: your public key{key}",
        "nothing: the two sides do not know each other yet",
        received,
        "From now on you sign with your private key, and check every answer with the bank's "
        "public key. The token opens steps 2 and 3, and nothing else.",
        f"Your private key, the token and the bank's key {place}; the bank keeps your public key.",
        "Not by itself. A wiped sandbox forgets it.",
    )


def _describe_device(
    device: Device | None, installation: Installation | None, api_key: str
) -> _Step:
    received = "the device's number"
    if device is not None:
        received = f'the device\'s number, {device.id}; its name is "{device.description}"'
    return _Step(
        "Device",
        device is not None,
        f"POST /device-server: the API key {api_key}",
        _signed_with(installation),
        received,
        "The API key is bound to this installation and to the addresses that may use it.",
        "At the bank: the app lists the device. A key that nobody binds expires within hours.",
        "When the key is revoked or the device removed in the app.",
    )


def _describe_session(
    session: Session | None,
    installation: Installation | None,
    api_key: str,
    place: str,
    now: datetime,
) -> _Step:
    received, end = "the session token, and the user", "After the user's auto-logout time."
    if session is not None:
        name = session.user.get("display_name") or "no name"
        received = (
            f"the session token {shorten(session.token.reveal())}, and the user: {name} "
            f"({session.user_type} {session.user_id})"
        )
        end = f"{session.expires_at:%Y-%m-%d %H:%M} UTC, later if it is used near its end."
        if session.expires_at <= now:
            end = f"It ended {session.expires_at:%Y-%m-%d %H:%M} UTC: the next call opens another."
    return _Step(
        "Session",
        session is not None,
        f"POST /session-server: the API key {api_key} once more",
        _signed_with(installation),
        received,
        "The token opens every other call, until the session ends.",
        f"The token {place}. bunq opens one session in 30 seconds, so it is used again.",
        end,
    )


def _token_of(installation: Installation) -> str:
    return f"the installation token {shorten(installation.token.reveal())}"


def _signed_with(installation: Installation | None) -> str:
    if installation is None:
        return "the installation token, and signed with your key"
    key = installation.key.public.fingerprint[:8]
    return f"{_token_of(installation)}, and signed with your key {key}…"


def _at_home(path: Path) -> str:
    try:
        return str(Path("~") / path.relative_to(Path.home()))
    except ValueError:
        return str(path)


class _Arrow(NamedTuple):
    """A message: from ``tail`` to ``head``, where its point begins at ``back``."""

    tail: int
    head: int
    back: int
    y: int
    is_dashed: bool


class _Label(NamedTuple):
    """A line of text."""

    words: str
    y: int
    x: int = _WIDTH // 2
    anchor: str = "middle"
    weight: int = 400
    opacity: float = 1


class _Drawing:
    """Lays the SVG out from the top down."""

    def __init__(self) -> None:
        self._labels = [
            _Label("You", 24, _LEFT, "start", 600),
            _Label("The bank", 24, _RIGHT, "end", 600),
        ]
        self._arrows: list[_Arrow] = []
        self._top = self._y = 32

    def step(self, number: int, step: _Step) -> None:
        """Draw a step: its name, a message to the bank, a message back, and notes."""
        self._y += 36
        state = "" if step.is_done else " (to do)"
        self._labels.append(_Label(f"{number}. {step.name}{state}", self._y, weight=600))
        self._message(step.sent, _LEFT, _RIGHT, is_dashed=not step.is_done)
        self._note("opened by", step.opened_by)
        self._message(step.answer, _RIGHT, _LEFT, is_dashed=not step.is_done)
        self._note("for", step.purpose)
        self._note("kept", step.kept)
        self._note("ends", step.end)

    def finish(self, title: str, description: str) -> str:
        """Return the drawing as SVG."""
        return render(
            "handshake.html",
            title=title,
            description=description,
            width=_WIDTH,
            height=self._y + 20,
            top=self._top,
            sides=(_LEFT, _RIGHT),
            arrows=self._arrows,
            labels=self._labels,
        )

    def _message(self, words: str, tail: int, head: int, *, is_dashed: bool) -> None:
        self._y += 6
        for line in textwrap.wrap(words, _LETTERS, break_on_hyphens=False):
            self._y += _LINE
            self._labels.append(_Label(line, self._y))
        self._y += 8
        back = head - 9 if tail < head else head + 9
        self._arrows.append(_Arrow(tail, head, back, self._y, is_dashed))
        self._y += 3

    def _note(self, name: str, words: str) -> None:
        for at, line in enumerate(textwrap.wrap(f"{name}: {words}", _LETTERS)):
            self._y += _LINE
            x = _LEFT + (16 if not at else 28)
            self._labels.append(_Label(line, self._y, x, "start", opacity=0.8))
