"""Fixtures: a bank, its two doors, who visits it, and a world that has something of everything."""

from __future__ import annotations

import logging
import os
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import settings
from lossy import Kernels, Lossy
from visitors import Door, Frozen, Hook, Visitor, Wire
from world import World, make_world

from bunqkit.sandbox import Bank, Clock, doors
from bunqkit.security.secret_scan import find_secrets
from bunqkit.security.signing import KeyPair

# What these log is searched for secrets after each test.
for _logger in ("bunqkit", "requests", "urllib3"):
    logging.getLogger(_logger).setLevel(logging.DEBUG)

# Enough that nothing in a test has a key twice by chance.
_KEYS = 16


def pytest_configure(config: pytest.Config) -> None:
    """Choose how many examples Hypothesis draws for a test.

    Few in the default run, all in a run that selects slow tests. They are drawn anew each time on
    a person's machine, and are the same each time in CI.
    """
    is_default = "not slow" in config.option.markexpr
    for name, count in (("few", 10), ("all", 100)):
        settings.register_profile(
            name, max_examples=count, derandomize="CI" in os.environ, deadline=None
        )
    settings.load_profile("few" if is_default else "all")


def pytest_itemcollected(item: pytest.Item) -> None:
    """Let a run that selects slow tests run those of Hypothesis again, with all examples."""
    is_default = "not slow" in item.config.option.markexpr
    if not is_default and getattr(getattr(item, "obj", None), "is_hypothesis_test", False):
        item.add_marker("slow")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Fail a test that printed or logged a secret."""
    report = yield
    for section, text in report.sections if report.when == "teardown" else ():
        if kinds := {seen.kind for seen in find_secrets(text)}:
            report.outcome = "failed"
            report.longrepr = f"{section} holds a secret: {', '.join(sorted(kinds))}."
    return report


@pytest.fixture(autouse=True)
def _own_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep every test away from the settings and the state of whoever runs it."""
    for name in [name for name in os.environ if name.startswith("BUNQ_")]:
        monkeypatch.delenv(name)
    # What a test writes is its own: a file that others can read is warned about.
    os.umask(0o077)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    place = tmp_path / "place"
    place.mkdir()
    monkeypatch.chdir(place)


@pytest.fixture(scope="session", autouse=True)
def _keys() -> Iterator[deque[KeyPair]]:
    """Let this process use few keys, one after the other: making one takes 40 ms."""
    make, pool = KeyPair.generate, deque[KeyPair]()

    def draw() -> KeyPair:
        if len(pool) < _KEYS:
            pool.append(make())
        else:
            pool.rotate(-1)
        return pool[-1]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(KeyPair, "generate", draw)
        yield pool


@pytest.fixture(scope="session")
def key(_keys: deque[KeyPair]) -> KeyPair:
    """Return one key for all, so that no test waits for it, which no bank has."""
    KeyPair.generate()
    return _keys.pop()


@pytest.fixture(scope="session")
def other_key(_keys: deque[KeyPair]) -> KeyPair:
    """Return a key that no installation knows."""
    KeyPair.generate()
    return _keys.pop()


@pytest.fixture
def tick() -> Frozen:
    """Give the seconds that the bank's clock goes by."""
    return Frozen()


@pytest.fixture
def bank(tick: Frozen) -> Iterator[Bank]:
    """Give a bank whose clock stands still."""
    bank = Bank(clock=Clock(tick=tick))
    yield bank
    bank.close()


@pytest.fixture
def wire(bank: Bank) -> Wire:
    """Give what counts the calls."""
    return Wire(bank)


@pytest.fixture
def lossy(wire: Wire) -> Lossy:
    """Give a wire that loses answers to writes."""
    return Lossy(wire)


@pytest.fixture
def kernels(bank: Bank, lossy: Lossy, tmp_path: Path) -> Kernels:
    """Give a way to start kernels."""
    return Kernels(bank, lossy, tmp_path / "kept")


@pytest.fixture(params=["in process", "loopback"])
def door(request: pytest.FixtureRequest, bank: Bank) -> Iterator[Door]:
    """Give either door of the bank."""
    wire = Wire(bank)
    if request.param == "in process":
        yield Door(wire, doors.BASE_URL, doors.InProcess(wire))
        return
    pytest.importorskip("waitress", reason="serving the bank needs waitress")
    server = doors.Server(wire, host="127.0.0.1", port=0)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    yield Door(wire, server.url)
    server.close()
    thread.join(10)


@pytest.fixture
def visitor(door: Door, key: KeyPair) -> Visitor:
    """Give a person of the bank with an open session and an empty account."""
    return Visitor(door, key)


@pytest.fixture
def friend(door: Door, other_key: KeyPair) -> Visitor:
    """Give a second person of the same bank, with money."""
    friend = Visitor(door, other_key)
    friend.top_up()
    return friend


@pytest.fixture(scope="module")
def world(key: KeyPair) -> Iterator[World]:
    """Return one world for all operations: they leave each other alone."""
    world = make_world(key)
    yield world
    world.bank.close()


@pytest.fixture
def later(tick: Frozen) -> Callable[..., None]:
    """Give a way to move the bank's clock."""

    def move(**how: float) -> None:
        tick.seconds += timedelta(**how).total_seconds()

    return move


@pytest.fixture
def hook() -> Iterator[Hook]:
    """Give a target of callbacks."""
    hook = Hook()
    yield hook
    hook.close()
