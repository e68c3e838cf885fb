"""One state machine for the three calls: what each stage needs, when it restarts, who is told."""

from __future__ import annotations

from typing import Any

import pytest
from visitors import Door

from bunqkit.auth.handshake import Handshake, Observer, Restart, Stage, create_sandbox_user
from bunqkit.auth.state import State
from bunqkit.client.exchange import Exchange
from bunqkit.errors import ApiError, CallError, FieldError, SignatureError
from bunqkit.security.redaction import Secret
from bunqkit.settings import load_settings


class Notebook(Observer):
    """Writes down what it gets told."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def on_start(self, stage: Stage) -> None:
        """Write down the stage."""
        self.lines.append(f"start {stage.value}")

    def on_done(self, stage: Stage, exchange: Exchange) -> None:
        """Write down the stage and its call."""
        self.lines.append(f"done {stage.value}: {exchange.method} {exchange.path}")

    def on_failure(self, stage: Stage, error: CallError | SignatureError) -> None:
        """Write down the stage and the class of the error."""
        self.lines.append(f"failure {stage.value}: {type(error).__name__}")


def handshake_of(door: Door, **how: Any) -> Handshake:
    """Return a handshake for a new person, or for the key that is given."""
    api_key = how.pop("api_key", None) or create_sandbox_user(door.client())
    settings = load_settings(environment="SANDBOX", api_key=api_key)
    return Handshake(settings, door.client(), clock=door.bank.clock.now, **how)


def forget(door: Door, *tables: str) -> None:
    """Make the bank forget all rows of tables."""
    with door.bank.ledger.transaction():
        for table in tables:
            door.bank.ledger.execute(f"DELETE FROM {table}")


def test_the_observer_is_told_of_each_stage(door: Door) -> None:
    """Before it and after it, with the call that was made."""
    observer = Notebook()
    handshake_of(door, observer=observer).run()
    assert observer.lines == [
        "start installation",
        "done installation: POST /v1/installation",
        "start device",
        "done device: POST /v1/device-server",
        "start session",
        "done session: POST /v1/session-server",
    ]


def test_the_state_is_kept_from_the_device_on(door: Door) -> None:
    """Twice: with the device, and with the session."""
    states: list[State] = []
    session = handshake_of(door, keep=states.append).run()
    assert [state.session for state in states] == [None, session]
    assert len({state.installation.token for state in states}) == 1


def test_a_stage_needs_those_before_it(door: Door) -> None:
    """Each is refused until its turn, and nothing is sent."""
    handshake = handshake_of(door)
    calls = len(door.wire.calls)
    for stage in (Stage.DEVICE, Stage.SESSION):
        with pytest.raises(FieldError, match="A step before this one is missing"):
            handshake.do(stage)
    assert len(door.wire.calls) == calls
    assert handshake.stage is Stage.INSTALLATION


def test_a_stage_that_is_done_again_drops_those_after_it(door: Door) -> None:
    """They belong to the earlier installation."""
    handshake = handshake_of(door)
    handshake.run()
    handshake.do(Stage.INSTALLATION)
    assert (handshake.device, handshake.session, handshake.state) == (None, None, None)
    assert handshake.stage is Stage.DEVICE


def test_a_kept_installation_skips_two_stages(door: Door) -> None:
    """One call is left; the kept session is not used."""
    first = handshake_of(door)
    session = first.run()
    calls = len(door.wire.calls)
    again = handshake_of(door, api_key=first._api_key, state=first.state)
    assert again.run().token != session.token
    assert door.wire.calls[calls:] == ["POST /v1/session-server"]


def test_a_restart_is_a_step_of_its_own(door: Door) -> None:
    """The observer is told of the refusal; two stages follow, and the session is the third."""
    first = handshake_of(door)
    first.run()
    forget(door, "permitted_ip", "session", "device", "installation")
    observer = Notebook()
    again = handshake_of(door, api_key=first._api_key, state=first.state, observer=observer)
    again.advance()
    assert again.restart is Restart.INSTALLATION_UNKNOWN
    assert again.stage is Stage.INSTALLATION
    again.run()
    assert observer.lines[:3] == [
        "start session",
        "failure session: ApiError",
        "start installation",
    ]
    assert observer.lines[-1] == "done session: POST /v1/session-server"


def test_a_failure_leaves_the_results_before_it(door: Door) -> None:
    """A wrong key stops at the device, whose stage can be tried again; nothing restarts."""
    observer = Notebook()
    handshake = handshake_of(door, api_key=Secret("sandbox_" + "0" * 64), observer=observer)
    for _ in range(2):
        with pytest.raises(ApiError, match="several causes"):
            handshake.run()
        assert (handshake.stage, handshake.restart) == (Stage.DEVICE, None)
    assert observer.lines[2:] == ["start device", "failure device: ApiError"] * 2
