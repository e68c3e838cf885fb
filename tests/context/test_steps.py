"""The way to a context a step at a time: what each gives, and what the next connect() finds."""

from __future__ import annotations

import pytest
from visitors import Door

import bunqkit
from bunqkit import FieldError
from bunqkit.context.steps import Steps


def test_each_step_gives_its_own() -> None:
    """And together what ``connect()`` gives; the picture is filled in by each."""
    steps = Steps("OFFLINE")
    pictures = [str(steps.picture())]
    for step in (steps.install, steps.register, steps.open_session):
        step()
        pictures.append(str(steps.picture()))
    assert [picture.count("you will get") for picture in pictures] == [3, 2, 1, 0]
    bunq = steps.make_context()
    assert steps.session is not None
    assert bunq.session.token == steps.session.token
    assert bunq.user["display_name"] == bunqkit.connect().user["display_name"]


def test_a_step_needs_the_one_before() -> None:
    """Each is refused with a message, and nothing is sent."""
    steps = Steps("OFFLINE")
    for act in (steps.register, steps.open_session, steps.make_context):
        with pytest.raises(FieldError, match="A step before this one is missing"):
            act()
    assert len(steps.client.exchanges) == 0


def test_the_next_connect_takes_it_up(monkeypatch: pytest.MonkeyPatch, door: Door) -> None:
    """At a bank with an address the state is kept: no further installation, no further session."""
    if door.transport is not None:
        pytest.skip("only a bank at an address keeps state")
    monkeypatch.setenv("BUNQ_BASE_URL", door.base_url)
    monkeypatch.setenv("BUNQ_ENVIRONMENT", "OFFLINE")
    monkeypatch.setenv("BUNQ_API_KEY", door.bank.demo_key.reveal())
    steps = Steps("OFFLINE")
    steps.install()
    steps.register()
    steps.open_session()
    session = steps.make_context().session
    again = bunqkit.connect()
    assert again.session.token == session.token
    assert len(again.exchanges) == 0


def test_production_makes_nobody() -> None:
    """Without a key it says where to get one."""
    with pytest.raises(FieldError, match="Make one in the bunq app"):
        Steps("PRODUCTION")
