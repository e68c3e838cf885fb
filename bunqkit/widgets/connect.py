"""``ConnectPanel()``: from an API key to a context, a step at a time."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, TypeVar

import ipywidgets

from bunqkit import handshake
from bunqkit.context import Context, make_client
from bunqkit.errors import FieldError
from bunqkit.exchange import Exchange
from bunqkit.look import key_values
from bunqkit.redaction import Secret, shorten
from bunqkit.sessions import Sessions
from bunqkit.settings import Settings, load_settings, write_api_key
from bunqkit.signing import KeyPair
from bunqkit.state import Device, Installation, Session, State, StateFile
from bunqkit.widgets.parts import Fold, Panel, status_html
from bunqkit.widgets.steps import STEPS, steps_html

if TYPE_CHECKING:
    from bunqkit.client import Client
    from bunqkit.sandbox import Bank

Made = TypeVar("Made")

_ROW = {"flex_flow": "row wrap", "align_items": "center"}
_TICK_S = 1.0


class ConnectPanel(Panel):
    """The three steps as a stepper: choose a bank and a key, then go step by step, or all at once.

    The key is taken out of its field before it is used, so that no notebook keeps it.

    Parameters
    ----------
    env_file
        A ``.env`` to read and write in place of the one found upward from the working folder.
    strict
        Whether what a handler raises is raised again after it was shown; tests use it.

    Attributes
    ----------
    bunq
        The context, when the third step is done; ``None`` before.
    """

    def __init__(
        self, *, env_file: str | os.PathLike[str] | None = None, strict: bool = False
    ) -> None:
        super().__init__("Connect", "OFFLINE", strict=strict)
        self._env_file = env_file
        self.bunq: Context | None = None
        self.environment = ipywidgets.Dropdown(
            description="bank", options=["OFFLINE", "SANDBOX", "PRODUCTION"]
        )
        self.key = ipywidgets.Password(
            description="API key", placeholder="left empty: the one in .env, or a demo person's"
        )
        self.new_user = ipywidgets.Checkbox(description="make me a sandbox user", indent=False)
        for control in (self.environment, self.new_user):
            control.observe(self.handler(lambda _: self._begin_anew()), "value")
        self.step_button = self.button("", self._step, button_style="primary")
        self.all_button = self.button("All steps", self._all)
        self.again_button = self.button("Begin anew", self._begin_anew)
        self._list = ipywidgets.HTML()
        self._calls = ipywidgets.HTML()
        self._session = ipywidgets.HTML()
        self.renew_button = self.button("Renew the session", self._renew)
        self.log_out_button = self.button("Log out", self._log_out)
        self.write_button = self.button("Write the key to .env", self._write)
        self._said = ipywidgets.HTML()
        self._end = ipywidgets.VBox(
            [
                self._session,
                ipywidgets.HBox(
                    [self.renew_button, self.log_out_button, self.write_button], layout=_ROW
                ),
                self._said,
            ]
        )
        self.body.children = [
            ipywidgets.HBox([self.environment, self.key, self.new_user], layout=_ROW),
            ipywidgets.HBox([self.step_button, self.all_button, self.again_button], layout=_ROW),
            self._list,
            Fold("What went over the wire", self, [self._calls]),
            self._end,
        ]
        self._stop = threading.Event()
        self._begin_anew()
        threading.Thread(target=self._tick, name="bunqkit session", daemon=True).start()

    def close(self) -> None:
        """Stop the countdown, and free everything; the session stays open."""
        self._stop.set()
        super().close()

    # The steps.

    def _begin_anew(self) -> None:
        self.say(environment=self.environment.value)
        self._bank: Bank | None = None
        self._client: Client | None = None
        self._settings: Settings | None = None
        self._api_key: Secret | None = None
        self._installation: Installation | None = None
        self._device: Device | None = None
        self._opened: Session | None = None
        self.bunq = None
        self._done = 0
        self._failed = False
        self._told: list[dict[str, str]] = [{} for _ in STEPS]
        self._said.value = ""
        self.key.disabled = self.environment.value == "OFFLINE"
        self.new_user.disabled = self.environment.value == "PRODUCTION"
        if self.new_user.disabled:
            self.new_user.value = False
        self._show()

    def _step(self) -> None:
        """Do the next step; what fails is marked, and may be tried again."""
        if self._done >= len(STEPS):
            return
        acts: list[Callable[[], dict[str, str]]] = [
            self._take_key, self._install, self._register, self._open_session
        ]  # fmt: skip
        self._failed = True
        try:
            self._told[self._done] = acts[self._done]()
            self._failed = False
            self._done += 1
        finally:
            self._show()

    def _all(self) -> None:
        while self._done < len(STEPS):
            self._step()

    def _take_key(self) -> dict[str, str]:
        # Out of the field before anything is done with it: a saved notebook keeps fields.
        typed, self.key.value = self.key.value.strip(), ""
        environment = self.environment.value
        settings = load_settings(
            environment=environment, api_key=typed or None, env_file=self._env_file
        )
        if settings.base_url is None:
            from bunqkit.sandbox import Bank  # noqa: PLC0415 (a key at bunq needs no bank)

            self._bank = Bank()
        self._client = make_client(settings, self._bank)
        self._settings = settings = replace(settings, base_url=self._client.base_url)
        if self.new_user.value:
            key, source = handshake.create_sandbox_user(self._client), "of a new person"
        elif self._bank is not None:
            key, source = self._bank.demo_key, "of a demo person at a bank in this process"
        elif settings.api_key is not None:
            key, source = settings.api_key, "yours" if typed else "from your settings"
        else:
            raise FieldError(
                "There is no API key. Type one, put it into .env, or tick 'make me a sandbox user'."
            )
        self._api_key = key
        self._settings = replace(settings, api_key=key)
        return {"key": f"{shorten(key.reveal())}, {source}", "bank": self._client.base_url}

    def _install(self) -> dict[str, str]:
        client = _of_step(self._client)
        self._installation = made = handshake.create_installation(client, KeyPair.generate())
        return {
            "sent": f"POST /installation: your public key {made.key.public.fingerprint[:8]}…",
            "came": f"installation {made.id}, the bank's public key, and a token",
            "token": f"{shorten(made.token.reveal())}: opens steps 2 and 3, nothing else",
        }

    def _register(self) -> dict[str, str]:
        settings = _of_step(self._settings)
        self._device = made = handshake.register_device(
            _of_step(self._client),
            _of_step(self._installation),
            _of_step(self._api_key),
            description=settings.device_description,
            permitted_ips=settings.permitted_ips,
        )
        return {
            "sent": "POST /device-server: the API key, signed, with the installation token",
            "came": f"device {made.id}, {made.description}",
            "token": "none: the key now works with this installation, from these addresses",
        }

    def _open_session(self) -> dict[str, str]:
        settings, client = _of_step(self._settings), _of_step(self._client)
        installation = _of_step(self._installation)
        key, now = _of_step(self._api_key), self._now()
        session = handshake.open_session(client, installation, key, now=now)
        state = State(installation, _of_step(self._device), session)
        file = None
        if self._bank is None:
            file = StateFile(
                settings.state_folder,
                environment=settings.environment,
                base_url=client.base_url,
                api_key=key,
            )
            file.save(state)
        sessions = Sessions(settings, client, file, clock=self._now, state=state)
        self.bunq = Context(settings, client, sessions, bank=self._bank)
        user = session.user.get("display_name") or "no name"
        return {
            "sent": "POST /session-server: the API key once more, signed",
            "came": f"{user} ({session.user_type} {session.user_id}), and a token",
            "token": f"{shorten(session.token.reveal())}: opens every other call, until it expires",
        }

    # What is shown.

    def _show(self) -> None:
        is_done = self._done >= len(STEPS)
        self._list.value = steps_html(self._done, self._told, has_failed=self._failed)
        name = "" if is_done else STEPS[self._done].name
        self.step_button.description = f"Step {self._done}: {name}" if name else "Connected"
        self.step_button.disabled = self.all_button.disabled = is_done
        self._end.layout.display = "" if self.bunq is not None else "none"
        self.write_button.layout.display = "none" if self._bank is not None else ""
        exchanges = self._client.exchanges[:] if self._client else []
        self._calls.value = "".join(map(_call_html, exchanges))
        self._count_down()

    def _count_down(self) -> None:
        if self.bunq is None:
            self._session.value = ""
            return
        state = self.bunq.state
        session = state.session if state else None
        if session is None:
            told = "logged out: the next call opens another"
        else:
            left = session.expires_at - self._now()
            told = f"{session.expires_at:%Y-%m-%d %H:%M} UTC, {_span(left)}"
        self._session.value = key_values({"session until": told})

    def _tick(self) -> None:
        while not self._stop.wait(_TICK_S):
            self._count_down()

    def _now(self) -> datetime:
        return self._bank.clock.now() if self._bank is not None else datetime.now(UTC)

    # The session's life.

    def _renew(self) -> None:
        bunq = _of_step(self.bunq)
        bunq.renew()
        self._show()

    def _log_out(self) -> None:
        bunq = _of_step(self.bunq)
        bunq.close()
        self._said.value = status_html("Logged out. The next call opens another session.")
        self._show()

    def _write(self) -> None:
        settings = _of_step(self._settings)
        path = write_api_key(_of_step(self._api_key), settings.env_file)
        self._said.value = status_html(f"The key is in {path}, which only you can read.")


def _of_step(made: Made | None) -> Made:
    if made is None:
        raise FieldError("A step before this one is missing. Begin anew.")
    return made


def _call_html(exchange: Exchange) -> str:
    return exchange.xray()._repr_html_()


def _span(left: timedelta) -> str:
    if left <= timedelta():
        return "which is over: the next call opens another"
    minutes, seconds = divmod(int(left.total_seconds()), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    if days:
        return f"{days} d {hours} h left"
    return f"{hours}:{minutes:02d}:{seconds:02d} left"
