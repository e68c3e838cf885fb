"""Draws the handshake of a context: who sent what, which token came back, and what it opens."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass
from datetime import datetime
from html import escape
from pathlib import Path

from bunqkit.auth.state import Device, Installation, Session
from bunqkit.display.html import badge, card, paragraph
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
    came: str
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
                                "you get" if step.is_done else "you will get": step.came,
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
            f"{badge(self._environment)} The handshake of this context",
            self.svg() + paragraph("The same as text: print(bunq.handshake)"),
            is_production=self._environment == "PRODUCTION",
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


class _Drawing:
    """Writes the SVG from the top down; every colour is the text's own or the front end's."""

    def __init__(self) -> None:
        self._parts: list[str] = []
        self._is_dashed = False
        self._y = 24
        self._text("You", x=_LEFT, anchor="start", weight=600)
        self._text("The bank", x=_RIGHT, anchor="end", weight=600)
        self._y += 8
        self._top = self._y

    def step(self, number: int, step: _Step) -> None:
        """Draw a step: its name, a message there, a message back, and what is to be known."""
        self._y += 36
        self._is_dashed = not step.is_done
        state = "" if step.is_done else " (to do)"
        self._text(f"{number}. {step.name}{state}", weight=600)
        self._message(step.sent, to_bank=True)
        self._note("opened by", step.opened_by)
        self._message(step.came, to_bank=False)
        self._note("for", step.purpose)
        self._note("kept", step.kept)
        self._note("ends", step.end)

    def finish(self, title: str, description: str) -> str:
        """Close the drawing."""
        height = self._y + 20
        lives = "".join(
            f'<line x1="{x}" y1="{self._top}" x2="{x}" y2="{height - 8}" stroke-width="2" '
            'style="stroke:var(--jp-border-color2,#9998)"/>'
            for x in (_LEFT, _RIGHT)
        )
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" '
            f'role="img" aria-label="{escape(title)}" font-size="13" fill="currentColor" '
            f'style="display:block;width:100%;max-width:{_WIDTH}px;height:auto;color:inherit">'
            f"<title>{escape(title)}</title><desc>{escape(description)}</desc>"
            f"{lives}{''.join(self._parts)}</svg>"
        )

    def _message(self, words: str, *, to_bank: bool) -> None:
        self._y += 6
        for line in textwrap.wrap(words, _LETTERS, break_on_hyphens=False):
            self._y += _LINE
            self._text(line)
        self._y += 8
        tail, head = (_LEFT, _RIGHT) if to_bank else (_RIGHT, _LEFT)
        back = head - 9 if to_bank else head + 9
        dashes = ' stroke-dasharray="4 4"' if self._is_dashed else ""
        self._parts.append(
            f'<line x1="{tail}" y1="{self._y}" x2="{back}" y2="{self._y}" '
            f'stroke="currentColor" stroke-width="1.5"{dashes}/>'
            f'<polygon points="{head},{self._y} {back},{self._y - 5} {back},{self._y + 5}"/>'
        )
        self._y += 3

    def _note(self, name: str, words: str) -> None:
        for at, line in enumerate(textwrap.wrap(f"{name}: {words}", _LETTERS)):
            self._y += _LINE
            self._text(line, x=_LEFT + (16 if not at else 28), anchor="start", opacity=0.8)

    def _text(
        self,
        words: str,
        *,
        x: int = _WIDTH // 2,
        anchor: str = "middle",
        weight: int = 400,
        opacity: float = 1,
    ) -> None:
        self._parts.append(
            f'<text x="{x}" y="{self._y}" text-anchor="{anchor}" font-weight="{weight}" '
            f'opacity="{opacity:g}">{escape(words)}</text>'
        )
