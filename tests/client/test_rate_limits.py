"""The limiter waits as long as it must, and no longer; it believes the bank's own words."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, strategies as st
from visitors import Door, Frozen, Visitor, Wire

from bunqkit.client.rate_limits import PROFILES, Limiter
from bunqkit.sandbox import Bank, Clock, doors
from bunqkit.security.signing import KeyPair

PAYMENTS = "/user/1/monetary-account/2/payment"


def limiter(time: Frozen, profile: str = "classic", **how: Any) -> Limiter:
    """Return a limiter on a clock of its own."""
    return Limiter(profile, clock=time, sleep=time.sleep, say=lambda _words: None, **how)


@given(
    gaps=st.lists(st.floats(0, 4), min_size=5, max_size=40),
    method=st.sampled_from(["GET", "POST", "PUT", "DELETE"]),
)
def test_no_window_holds_more_than_the_budget(gaps: list[float], method: str) -> None:
    """Whenever the calls are asked for: in any three seconds at most as many as are allowed."""
    calls = {"GET": 3, "POST": 5, "PUT": 2, "DELETE": 5}[method]
    time = Frozen()
    limits = limiter(time)
    sent = []
    for gap in gaps:
        time.seconds += gap
        limits.wait(method, PAYMENTS)
        sent.append(time.seconds)
    for first, last in zip(sent, sent[calls:], strict=False):
        assert last - first >= 3


def test_no_time_is_wasted() -> None:
    """Three hundred reads take what the limits allow, and less than five per cent more."""
    time = Frozen()
    limits = limiter(time)
    for _ in range(300):
        limits.wait("GET", PAYMENTS)
    assert 297 <= time.seconds <= 297 * 1.05
    assert limits.estimate_s("GET", PAYMENTS, 300) == pytest.approx(time.seconds)


def test_endpoints_have_budgets_of_their_own() -> None:
    """Ids and the query make no difference, methods and paths do."""
    time = Frozen()
    limits = limiter(time)
    for number in range(3):
        limits.wait("GET", f"/user/1/monetary-account/{number}/payment?count={number}")
    limits.wait("POST", PAYMENTS)
    limits.wait("GET", "/user/1/card")
    limits.wait("GET", "/v1/attachment-public/6f0f1c6e-0000-4000-8000-000000000000")
    assert time.seconds == 0
    limits.wait("GET", "/v1/user/9/monetary-account/9/payment")
    assert time.seconds > 3


def test_sessions_are_rare() -> None:
    """One in thirty seconds, whatever other posts do."""
    time = Frozen()
    limits = limiter(time)
    limits.wait("POST", "/session-server")
    limits.wait("POST", "/session-server")
    assert 30 <= time.seconds < 31


def test_off_never_waits() -> None:
    """For a bank that counts nothing."""
    time = Frozen()
    limits = limiter(time, "off")
    for _ in range(1000):
        limits.wait("GET", PAYMENTS)
    assert time.seconds == 0
    assert limits.estimate_s("GET", PAYMENTS, 1000) == 0


@pytest.mark.parametrize(
    ("words", "calls", "seconds"),
    [
        ("Too many requests. You can do a maximum of 3 calls per 3 second to this endpoint.", 3, 3),
        ("You can do a maximum of 1 POST call per 1 second to this endpoint.", 1, 1),
        ("You can do a maximum of 9 GET call per 9 second to this endpoint.", 9, 9),
    ],
)
def test_the_words_of_a_429_are_taken(words: str, calls: int, seconds: int) -> None:
    """The window is taken as full, and the bank's own limit holds from then on."""
    time = Frozen()
    limits = limiter(time, "off")
    assert limits.learn("GET", PAYMENTS, words)
    for _ in range(calls):
        limits.wait("GET", PAYMENTS)
    assert seconds <= time.seconds < seconds + 0.1
    limits.wait("GET", PAYMENTS)
    assert 2 * seconds <= time.seconds < 2 * seconds + 0.2
    assert not limits.learn("GET", PAYMENTS, "Please wait.")


def test_long_waits_are_announced() -> None:
    """With length and reason, and not each time anew."""
    time = Frozen()
    said: list[str] = []
    limits = Limiter("classic", clock=time, sleep=time.sleep, say=said.append)
    for _ in range(12):
        limits.wait("GET", PAYMENTS)
    assert said == ["Waiting 3.0 s: the bank allows 3 GET calls in 3 s."]


def test_long_work_is_announced() -> None:
    """With its estimate, by the path as the catalogue writes it; short work is not."""
    time = Frozen()
    said: list[str] = []
    limits = Limiter("classic", clock=time, sleep=time.sleep, say=said.append)
    path = "/user/{userID}/monetary-account/{monetary-accountID}/payment"
    limits.announce("GET", path, 73, what="At most 73 pages")
    limits.announce("GET", path, 3, what="At most 3 pages")
    assert said == ["At most 73 pages, about 73 s: the bank allows 3 GET calls in 3 s."]
    limits.learn("GET", PAYMENTS, "a maximum of 1 calls per 7 second")
    assert limits.estimate_s("GET", path, 3) == limits.estimate_s("GET", PAYMENTS, 3) > 14


def test_threads_share_it() -> None:
    """Twenty threads at once are let through one budget after the other."""
    time = Frozen()
    lock = threading.Lock()
    pauses: list[float] = []

    def note(seconds: float) -> None:
        with lock:
            pauses.append(seconds)

    limits = Limiter("classic", clock=time, sleep=note, say=lambda _words: None)
    threads = [threading.Thread(target=limits.wait, args=("GET", PAYMENTS)) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert len(pauses) == 17
    assert max(pauses) == pytest.approx(6 * 3.05)


def test_kernels_share_it(tmp_path: Path) -> None:
    """What one process has used and learned, the next one knows."""
    time, file = Frozen(), tmp_path / "state" / "limits.json"
    first, second = limiter(time, file=file), limiter(time, file=file)
    for _ in range(3):
        first.wait("GET", PAYMENTS)
    second.wait("GET", PAYMENTS)
    assert 3 <= time.seconds < 3.1
    first.learn("POST", PAYMENTS, "a maximum of 1 calls per 7 second")
    second.wait("POST", PAYMENTS)
    assert 10 <= time.seconds < 10.2
    assert file.stat().st_mode & 0o077 == 0


def test_processes_do_not_lose_each_others_calls(tmp_path: Path) -> None:
    """Four processes, five calls each, all counted."""
    file = tmp_path / "limits.json"
    program = (
        "import sys, pathlib\n"
        "from bunqkit.client.rate_limits import Limiter\n"
        "limits = Limiter('windows', file=pathlib.Path(sys.argv[1]))\n"
        "for _ in range(5): limits.wait('GET', '/user/1/card')\n"
    )
    processes = [subprocess.Popen([sys.executable, "-c", program, str(file)]) for _ in range(4)]
    assert [process.wait(60) for process in processes] == [0] * 4
    assert len(json.loads(file.read_text())["times"]["GET /user/{}/card"]) == 20


@pytest.mark.parametrize("content", ["", "{", "[]", '{"learned": {"a": 5}, "times": {}}'])
def test_a_damaged_file_is_no_obstacle(tmp_path: Path, content: str) -> None:
    """It holds nothing that can't be learned again."""
    file = tmp_path / "limits.json"
    file.write_text(content)
    limiter(Frozen(), file=file).wait("GET", PAYMENTS)
    assert json.loads(file.read_text())["times"]


def test_a_file_that_cannot_be_written_is_no_obstacle(tmp_path: Path) -> None:
    """A file where the folder should be: the kernel counts alone, and still waits."""
    (tmp_path / "state").write_text("in the way")
    time = Frozen()
    limits = limiter(time, file=tmp_path / "state" / "limits.json")
    for _ in range(4):
        limits.wait("GET", PAYMENTS)
    assert 3 <= time.seconds < 3.1


def test_times_of_another_run_of_the_machine_are_dropped(tmp_path: Path) -> None:
    """After a restart the clock begins anew: nobody waits for days."""
    file = tmp_path / "limits.json"
    told = {"learned": {}, "times": {"GET /user/{}/card": [1e9, 1e9, 1e9]}}
    file.write_text(json.dumps(told))
    time = Frozen()
    limiter(time, file=file).wait("GET", "/user/1/card")
    assert time.seconds == 0


def test_a_bank_with_limits_never_refuses(key: KeyPair) -> None:
    """Client and bank on one clock, by the classic limits: sixty calls, no 429."""
    time = Frozen()
    wire = Wire(Bank(clock=Clock(tick=time), limits="classic"))
    visitor = Visitor(Door(wire, doors.BASE_URL, doors.InProcess(wire)), key)
    time.seconds += 60
    visitor.client.limiter = limiter(time)
    for _ in range(60):
        visitor.call("GET", f"{visitor.account}/payment")
    assert time.seconds - 60 <= 57 * 1.05 + 3


def test_every_profile_can_be_asked_for() -> None:
    """The names are those that README tells."""
    assert set(PROFILES) == {"off", "classic", "windows"}
