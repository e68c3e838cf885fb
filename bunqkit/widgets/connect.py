"""``ConnectPanel()``: from an API key to a first call, step by step."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING

import ipywidgets

from bunqkit.context.steps import Steps
from bunqkit.display.html import fold, join, key_values, render, section, status_line
from bunqkit.errors import FieldError, SettingsError
from bunqkit.frames.statement import show
from bunqkit.security.env_files import write_api_key
from bunqkit.security.redaction import Secret, shorten
from bunqkit.settings import ENVIRONMENTS, load_settings
from bunqkit.widgets.panel import ROW, Panel

if TYPE_CHECKING:
    from bunqkit.context.context import Context

_TICK_S = 1.0
_STEPS = {
    "API key": "It stands for you: whoever has it can move your money.",
    "Installation": "You send your public key, and the bank sends its own. Now both sides sign.",
    "Device": "The key is bound to this installation and to the addresses that may use it.",
    "Session": "The key is exchanged for a token that opens everything else.",
    "First call": "Any call with the session token. This one lists your accounts.",
}
_SIGNS = {"done": "✓", "doing": "▸", "failed": "✗", "to do": "○"}
_NEXT_CELL = "bunq = panel.bunq"


class ConnectPanel(Panel):
    """Choose a bank and a key, then take the steps to a first call, one by one or all at once.

    The key is taken out of its field before it is used, so that no notebook keeps it.

    Parameters
    ----------
    env_file
        The ``.env`` to read and write; by default the first one upward from the working folder.
    profile
        The name of a profile: ``work`` reads and writes ``.env.work``.
    strict
        True to raise a handler's error again after it was shown; tests use it.

    Attributes
    ----------
    bunq
        The context; ``None`` before the session is open.
    """

    def __init__(
        self,
        *,
        env_file: str | os.PathLike[str] | None = None,
        profile: str | None = None,
        strict: bool = False,
    ) -> None:
        super().__init__("Connect", "OFFLINE", strict=strict)
        self._env_file = env_file
        self._profile = profile
        self.bunq: Context | None = None
        self._steps: Steps | None = None
        self._done = 0
        self.environment = ipywidgets.Dropdown(
            description="bank", options=ENVIRONMENTS, value=_environment_of(env_file, profile)
        )
        self.key = ipywidgets.Password(description="API key", placeholder="empty: the one in .env")
        self.new_user = ipywidgets.Checkbox(description="make me a sandbox user", indent=False)
        self.on_change(self._begin_anew, self.environment, self.new_user)
        self.step_button = self.button("", self._step, button_style="primary")
        self.all_button = self.button("All steps", self._all)
        self.again_button = self.button("Begin anew", self._begin_anew)
        self._list = ipywidgets.HTML()
        self._picture = ipywidgets.HTML()
        self._calls = ipywidgets.HTML()
        self._session = ipywidgets.HTML()
        self.renew_button = self.button("Renew the session", self._renew)
        self.log_out_button = self.button("Log out", self._log_out)
        self.write_button = self.button("Write the key to .env", self._write)
        self._status = ipywidgets.HTML()
        self._accounts = ipywidgets.HTML()
        buttons = [self.renew_button, self.log_out_button, self.write_button]
        self._connection = ipywidgets.VBox(
            [self._accounts, self._session, ipywidgets.HBox(buttons, layout=ROW)]
        )
        self.lay_out(
            ipywidgets.HBox([self.environment, self.key, self.new_user], layout=ROW),
            ipywidgets.HBox([self.step_button, self.all_button, self.again_button], layout=ROW),
            self.outcome,
            self._list,
            self._connection,
            self._status,
            self._picture,
            self._calls,
        )
        self._stop = threading.Event()
        self._begin_anew()
        threading.Thread(target=self._tick, name="bunqkit countdown", daemon=True).start()

    def close(self) -> None:
        """Stop the countdown, and free everything; the session stays open."""
        self._stop.set()
        super().close()

    # The steps.

    def _begin_anew(self) -> None:
        environment = self.environment.value
        self.set_head(environment=environment)
        self._steps = self.bunq = None
        self._done = 0
        self._status.value = self._accounts.value = ""
        self.new_user.disabled = environment == "PRODUCTION"
        if self.new_user.disabled:
            self.new_user.value = False
        self._show("to do")
        self._show_calls()

    def _step(self) -> None:
        """Take the next step; a step that fails is marked, and can be tried again."""
        if self._done == len(_STEPS):
            return
        actions: list[Callable[[], None]] = [
            self._take_key,
            self._install,
            self._register,
            self._open_session,
            self._call,
        ]
        self._show("doing")
        try:
            actions[self._done]()
        except BaseException:
            self._show("failed")
            raise
        else:
            self._done += 1
            self._show("to do")
        finally:
            self._show_calls()

    def _all(self) -> None:
        while self._done < len(_STEPS):
            self._step()

    def _take_key(self) -> None:
        # Take it out of the field before anything else: a saved notebook keeps fields.
        key, self.key.value = self.key.value.strip(), ""
        self._steps = Steps(
            self.environment.value,
            api_key=Secret(key) if key else None,
            is_new=self.new_user.value,
            env_file=self._env_file,
            profile=self._profile,
        )

    def _install(self) -> None:
        self._started.install()

    def _register(self) -> None:
        self._started.register()

    def _open_session(self) -> None:
        self._started.open_session()
        self.bunq = self._started.make_context()

    def _call(self) -> None:
        accounts = self._connected.accounts()
        view = show(accounts[["description", "balance", "currency", "iban"]])
        self._accounts.value = view.html()

    @property
    def _started(self) -> Steps:
        if self._steps is None:
            raise FieldError("There is no API key yet. Take the first step.")
        return self._steps

    @property
    def _connected(self) -> Context:
        if self.bunq is None:
            raise FieldError("There is no session yet. Take the steps first.")
        return self.bunq

    # The parts of the panel.

    def _show(self, state: str) -> None:
        """Show the steps, mark the next one by its state, and update what depends on them."""
        is_done = self._done == len(_STEPS)
        self._list.value = _steps_html(self._done, state)
        if is_done:
            self.step_button.description = "All steps are done"
        else:
            self.step_button.description = f"Step {self._done}: {list(_STEPS)[self._done]}"
        self.step_button.disabled = self.all_button.disabled = is_done
        self._connection.layout.display = "none" if self.bunq is None else ""
        is_kept = self._steps is not None and self._steps.bank is None
        self.write_button.layout.display = "" if is_kept else "none"
        self._picture.value = self._picture_html()
        self._count_down()

    def _picture_html(self) -> str:
        """Return the key's source, and the picture of the steps that are done."""
        steps = self._steps
        if steps is None:
            return ""
        key = f"{shorten(steps.api_key.reveal())} {steps.source}"
        picture = steps.picture() if self.bunq is None else self.bunq.handshake
        facts = {"API key": key, "bank": steps.client.base_url}
        if places := steps.settings.describe_places():
            facts["settings"] = places
        return join(key_values(facts), picture.svg())

    def _show_calls(self) -> None:
        calls = [
            fold(f"{call.method} {call.path}: {call.outcome}", call.xray()._repr_html_())
            for call in (self._steps.client.exchanges if self._steps else ())
        ]
        self._calls.value = section("What went over the wire", *calls) if calls else ""

    def _count_down(self) -> None:
        if self.bunq is None:
            self._session.value = ""
            return
        state = self.bunq.state
        session = state.session if state else None
        if session is None:
            text = "none: the next call opens one"
        else:
            left = _time_left(session.expires_at - self._started.now())
            text = f"until {session.expires_at:%Y-%m-%d %H:%M} UTC, {left}"
        self._session.value = key_values({"session": text})

    def _tick(self) -> None:
        count_down = self.handler(self._count_down)
        while not self._stop.wait(_TICK_S):
            count_down()

    # The session.

    def _renew(self) -> None:
        bunq = self._connected
        self._status.value = status_line("Opening the next session; bunq allows one in 30 seconds.")
        bunq.renew()
        self._status.value = status_line("The next session is open, with another token.")
        self._show("to do")

    def _log_out(self) -> None:
        self._connected.close()
        self._status.value = status_line("Logged out. The next call opens another session.")
        self._show("to do")

    def _write(self) -> None:
        steps = self._started
        path = write_api_key(
            steps.api_key, steps.settings.env_file, environment=steps.settings.environment
        )
        self._status.value = status_line(f"The key is in {path}, which only you can read.")


def _environment_of(env_file: str | os.PathLike[str] | None, profile: str | None) -> str:
    """Return the environment of the settings; the first step reports what is wrong with them."""
    with contextlib.suppress(SettingsError):
        return load_settings(env_file=env_file, profile=profile).environment
    return "OFFLINE"


def _steps_html(done: int, next_state: str) -> str:
    """Return the list of steps, of which some are done; the one after them is in a state."""
    steps = []
    for number, (name, purpose) in enumerate(_STEPS.items()):
        state = "done" if number < done else next_state if number == done else "to do"
        steps.append({"name": name, "purpose": purpose, "state": state})
    next_cell = _NEXT_CELL if done == len(_STEPS) else ""
    return render("connect_steps.html", steps=steps, signs=_SIGNS, next_cell=next_cell)


def _time_left(left: timedelta) -> str:
    if left <= timedelta():
        return "which is over: the next call opens another"
    minutes, seconds = divmod(int(left.total_seconds()), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    if days:
        return f"{days} d {hours} h left"
    return f"{hours}:{minutes:02d}:{seconds:02d} left"
