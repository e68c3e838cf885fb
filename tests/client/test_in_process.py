"""The transport that calls a function of this process, and how little it loads."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from bunqkit.client.bodies import Bounds, UnusableBodyError
from bunqkit.client.in_process import InProcessTransport
from bunqkit.client.transport import RawAnswer, Request, TransportError
from bunqkit.security.redaction import Body, Headers

REQUEST = Request(
    "POST", "https://bank.invalid/v1/token?client_secret=hush-hush-hush", Headers({}), Body(b"x")
)


def send(answer: Any, *, timeout_s: float = 5.0) -> RawAnswer:
    """Send a request to a function that answers with these, or raises, or is called."""

    def reply(*_request: object) -> Any:
        if isinstance(answer, BaseException):
            raise answer
        return answer() if callable(answer) else answer

    return InProcessTransport(reply).send(REQUEST, timeout_s=timeout_s, bounds=Bounds(json_mb=1))


def test_connecting_offline_loads_no_http_library(tmp_path: Path) -> None:
    """Neither ``requests`` nor what it needs, nor locks, nor parsers of files that aren't there."""
    program = "import sys, bunqkit; bunqkit.connect().call('user.list'); print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=tmp_path
    )
    unwanted = {"requests", "urllib3", "charset_normalizer", "http.client", "filelock", "dotenv"}
    assert unwanted & set(done.stdout.split()) == set()


def test_headers_of_one_name_are_joined() -> None:
    """In whatever case, as the network's transport does it."""
    answer = send((200, [("X-A", "1"), ("x-a", "2"), ("Content-Length", "2")], b"{}"))
    assert answer.headers["X-A"] == "1, 2"
    assert (answer.status, answer.body, answer.request) == (200, b"{}", REQUEST)


def test_an_answer_that_comes_too_late_is_none() -> None:
    """It was sent, and took longer than it may."""

    def slow() -> Any:
        time.sleep(0.02)
        return 200, [], b""

    with pytest.raises(TransportError, match=r"longer than 0\.01 s") as caught:
        send(slow, timeout_s=0.01)
    assert caught.value.was_sent


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (ConnectionError("gone"), "the connection was cut"),
        ((200, [("Content-Length", "3")], b"{}"), "the connection was cut"),
        ((200, [("Content-Encoding", "gzip")], b"{}"), "can't be inflated"),
        (RuntimeError("a bug"), r"something failed on this side \(RuntimeError\)"),
    ],
    ids=["cut", "short", "no gzip", "bug"],
)
def test_what_is_no_answer_was_sent(answer: Any, why: str) -> None:
    """The function may have done its work, whatever comes of it."""
    with pytest.raises(TransportError, match=why) as caught:
        send(answer)
    assert caught.value.was_sent


def test_an_answer_is_bounded() -> None:
    """It is not even read if it is announced as too large."""
    with pytest.raises(UnusableBodyError, match="1 MB that BUNQ_MAX_JSON_MB") as caught:
        send((502, [("Content-Length", "1000001")], b""))
    assert caught.value.status == 502


def test_a_request_does_not_show_its_secrets() -> None:
    """Those of OAuth's query are in the URL."""
    assert "hush-hush-hush" not in repr(REQUEST)
