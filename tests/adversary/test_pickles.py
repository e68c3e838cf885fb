"""What holds secrets is not written as a pickle, and a copy of it is the thing itself."""

from __future__ import annotations

import copy
import multiprocessing
import pickle
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import bunqkit
from bunqkit.context.context import Context
from bunqkit.context.steps import Steps
from bunqkit.errors import BunqkitError, PickleRefusedError
from bunqkit.sandbox import Bank
from bunqkit.security.redaction import Body, Headers, Secret

HOLDERS: dict[str, Callable[[Context], Any]] = {
    "a secret": lambda _: Secret("x" * 40),
    "a body": lambda _: Body(b"secret"),
    "headers": lambda _: Headers({"Authorization": "secret"}),
    "a key pair": lambda bunq: bunq.client.key,
    "the context": lambda bunq: bunq,
    "its api": lambda bunq: bunq.api,
    "its settings": lambda bunq: bunq.settings,
    "its client": lambda bunq: bunq.client,
    "its state": lambda bunq: bunq.state,
    "its session": lambda bunq: bunq.session,
    "its installation": lambda bunq: bunq.state and bunq.state.installation,
    "its handshake": lambda bunq: bunq._sessions,
    "an answer": lambda bunq: bunq.call("user.list"),
    "an exchange": lambda bunq: bunq.exchanges[-1],
    "the calls": lambda bunq: bunq.exchanges,
    "an app": lambda bunq: bunqkit.OAuthApp(bunq, "http://127.0.0.1:9/back"),
    "steps": lambda _: Steps("OFFLINE"),
    "inside a list": lambda bunq: [{"key": bunq.settings.api_key}],
}


@pytest.fixture(scope="module")
def bunq() -> Iterator[Context]:
    """Return somebody at a bank."""
    bank = Bank()
    bunq = bunqkit.connect(bank=bank)
    bunq.call("user.list")
    yield bunq
    bunq.close()
    bank.close()


@pytest.mark.parametrize("name", HOLDERS)
def test_no_pickle_is_made(bunq: Context, name: str) -> None:
    """By any protocol; the error is the kit's own, and says what to do."""
    holder = HOLDERS[name](bunq)
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        with pytest.raises(PickleRefusedError, match="holds secrets") as caught:
            pickle.dumps(holder, protocol)
        assert isinstance(caught.value, BunqkitError)
        assert isinstance(caught.value, pickle.PicklingError)
        assert "connect()" in str(caught.value)


def test_other_ways_to_a_pickle(bunq: Context) -> None:
    """Another process is sent nothing either."""
    here, there = multiprocessing.Pipe()
    with here, there, pytest.raises(PickleRefusedError):
        here.send(bunq)
    cloudpickle = pytest.importorskip("cloudpickle", reason="cloudpickle writes more kinds")
    with pytest.raises(PickleRefusedError):
        cloudpickle.dumps(lambda: bunq.user)


def test_tables_and_errors_can_be_pickled(bunq: Context) -> None:
    """What people send to other processes holds no secret."""
    payments = bunq.payments()
    assert pickle.loads(pickle.dumps(payments)).equals(payments)
    items = bunq.call("user.list").items
    assert pickle.loads(pickle.dumps(items)) == items


def test_a_copy_is_the_thing_itself(bunq: Context) -> None:
    """Nothing of it changes, or two of it would be one too many."""
    for holder in (bunq, bunq.client, bunq.exchanges[-1], bunq.settings.api_key, bunq.client.key):
        assert copy.copy(holder) is holder
        assert copy.deepcopy([holder])[0] is holder
