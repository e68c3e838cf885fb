"""One session for all who ask: kept, found again, renewed once."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from visitors import Door, Wire

import bunqkit
from bunqkit.auth import handshake
from bunqkit.auth.sessions import Sessions
from bunqkit.auth.state import StateFile
from bunqkit.client.client import Client
from bunqkit.client.retries import Retries
from bunqkit.context.context import Context
from bunqkit.errors import ApiError, NoAnswerError, SignatureError, StateError
from bunqkit.sandbox import Bank, doors
from bunqkit.security.private_files import StateWarning
from bunqkit.security.redaction import Secret
from bunqkit.security.signing import KeyPair
from bunqkit.settings import load_settings

HANDSHAKE = ("POST /v1/installation", "POST /v1/device-server", "POST /v1/session-server")


def sessions_of(door: Door, folder: Path | None, api_key: Secret) -> tuple[Sessions, Client]:
    """Return what a fresh process has: settings, a client, a state file."""
    settings = load_settings(environment="SANDBOX", api_key=api_key)
    client = door.client()
    file = folder and StateFile(
        folder, environment="SANDBOX", base_url=door.base_url, api_key=api_key
    )
    return Sessions(settings, client, file or None, clock=door.bank.clock.now), client


def context_of(door: Door, folder: Path | None, api_key: Secret) -> Context:
    """Return what a fresh process has after ``connect()``."""
    sessions, client = sessions_of(door, folder, api_key)
    sessions.current()
    return Context(load_settings(), client, sessions)


def steps(wire: Wire) -> tuple[int, ...]:
    """Count the calls of each of the three steps."""
    return tuple(wire.count(call) for call in HANDSHAKE)


@pytest.fixture
def api_key(door: Door) -> Secret:
    """Return the key of a new person."""
    return handshake.create_sandbox_user(door.client())


def test_a_second_start_makes_no_call(door: Door, tmp_path: Path, api_key: Secret) -> None:
    """While the session lives, what is on disk is all that is needed."""
    first = sessions_of(door, tmp_path, api_key)[0].current()
    assert steps(door.wire) == (1, 1, 1)
    second, client = sessions_of(door, tmp_path, api_key)
    assert second.current() == first
    assert steps(door.wire) == (1, 1, 1)
    assert client.request("GET", "/user", token=first.token).exchange.is_verified


def test_without_a_file_nothing_is_written(door: Door, tmp_path: Path, api_key: Secret) -> None:
    """A bank in this process leaves no state behind."""
    sessions_of(door, None, api_key)[0].current()
    assert list(tmp_path.rglob("*.json")) == []


def test_an_expired_session_is_opened_anew(
    door: Door, tmp_path: Path, api_key: Secret, later: Callable[..., None]
) -> None:
    """By the clock: the installation stays, one session is opened."""
    sessions, _ = sessions_of(door, tmp_path, api_key)
    first = sessions.current()
    later(days=8)
    assert sessions.current().token != first.token
    assert steps(door.wire) == (1, 1, 2)
    again, _ = sessions_of(door, tmp_path, api_key)
    again.current()
    assert steps(door.wire) == (1, 1, 2)


def test_threads_share_one_renewal(door: Door, tmp_path: Path, api_key: Secret) -> None:
    """Sixteen threads find the token refused at once: one session call, and all go on."""
    sessions, client = sessions_of(door, tmp_path, api_key)
    first = sessions.current()
    client.request("DELETE", "/session/0", token=first.token)
    start = threading.Barrier(16)
    renewed = []

    def call() -> None:
        start.wait()
        renewed.append(sessions.current(but_not=first))

    threads = [threading.Thread(target=call) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len({session.token for session in renewed}) == 1
    assert len(renewed) == 16
    assert steps(door.wire) == (1, 1, 2)


def test_contexts_of_two_processes_share_one_renewal(
    door: Door, tmp_path: Path, api_key: Secret
) -> None:
    """Two that hold the same dead session: the second takes what the first has opened."""
    one, client = sessions_of(door, tmp_path, api_key)
    other, _ = sessions_of(door, tmp_path, api_key)
    dead = one.current()
    assert other.current() == dead
    client.request("DELETE", "/session/0", token=dead.token)
    assert one.current(but_not=dead) == other.current(but_not=dead)
    assert steps(door.wire) == (1, 1, 2)


def test_a_refused_token_is_renewed_and_the_call_sent_again(
    door: Door, tmp_path: Path, api_key: Secret
) -> None:
    """The call was not carried out, so sending it again is safe, once."""
    sessions, client = sessions_of(door, tmp_path, api_key)
    bunq = Context(load_settings(), client, sessions)
    bunq.call("DELETE /session/0")
    assert bunq.call("GET /user").item["id"] == bunq.user_id
    assert steps(door.wire) == (1, 1, 2)


def test_a_bank_that_refuses_for_ever_is_not_asked_for_ever(
    door: Door, tmp_path: Path, api_key: Secret
) -> None:
    """Two refusals of one call, and the second is the answer."""
    sessions, client = sessions_of(door, tmp_path, api_key)
    bunq = Context(load_settings(), client, sessions)
    bunq.call("GET /user")
    bank_key = door.bank.key
    body = b'{"Error":[{"error_description":"Insufficient authentication."}]}'

    def bend(status: int, headers: dict[str, str], body_of_bank: bytes) -> Any:
        if door.wire.calls[-1] != "GET /v1/user":
            return status, headers, body_of_bank
        return 403, headers | {"X-Bunq-Server-Signature": bank_key.sign(body)}, body

    door.wire.bend = bend
    before = door.wire.count("GET /v1/user")
    with pytest.raises(ApiError):
        bunq.call("GET /user")
    assert door.wire.count("GET /v1/user") == before + 2


def test_a_wiped_bank_is_entered_anew(door: Door, tmp_path: Path, api_key: Secret) -> None:
    """The installation is gone, the key is not: the three steps are made again, once."""
    sessions_of(door, tmp_path, api_key)[0].current()
    ledger = door.bank.ledger
    with ledger.transaction():
        for table in ("permitted_ip", "session", "device", "installation"):
            for row in ledger.rows(f"SELECT id FROM {table}"):
                ledger.delete(table, row["id"])
    sessions, client = sessions_of(door, tmp_path, api_key)
    bunq = Context(load_settings(), client, sessions)
    assert bunq.call("GET /user").item["id"] == bunq.user_id
    assert steps(door.wire) == (2, 2, 3)


def test_a_new_installation_does_not_disturb_other_threads(
    door: Door, tmp_path: Path, api_key: Secret
) -> None:
    """While the steps are made anew the client keeps a key to sign with."""
    bunq = context_of(door, tmp_path, api_key)

    def fingerprint() -> str:
        assert bunq.client.key is not None
        return bunq.client.key.public.fingerprint

    before = fingerprint()
    seen = []

    def look(environ: dict[str, Any]) -> None:
        environ["REMOTE_ADDR"] = "203.0.113.7"
        if environ["PATH_INFO"] in ("/v1/installation", "/v1/device-server"):
            seen.append(fingerprint() == before)

    door.wire.bend_request = look
    bunq.call("GET /user")
    assert seen == [True, True]
    assert fingerprint() != before


def test_a_key_that_is_wrong_is_tried_once(door: Door, tmp_path: Path) -> None:
    """A wrong key is refused at the second step, and no loop begins."""
    sessions, _ = sessions_of(door, tmp_path, Secret("sandbox_" + "0" * 64))
    with pytest.raises(ApiError, match="several causes"):
        sessions.current()
    assert steps(door.wire) == (1, 1, 0)


def test_a_damaged_state_leads_to_a_fresh_start(
    door: Door, tmp_path: Path, api_key: Secret
) -> None:
    """The file is set aside with a message, and the three steps are made anew."""
    sessions_of(door, tmp_path, api_key)[0].current()
    (path,) = tmp_path.glob("*.json")
    path.write_text("{")
    with pytest.warns(StateWarning, match="damaged"):
        sessions_of(door, tmp_path, api_key)[0].current()
    assert steps(door.wire) == (2, 2, 2)


def test_a_start_that_stopped_half_way_goes_on(door: Door, tmp_path: Path, api_key: Secret) -> None:
    """Installation and device are kept before the session is asked for."""
    sessions, _ = sessions_of(door, tmp_path, api_key)

    def bend(status: int, headers: dict[str, str], body: bytes) -> Any:
        if door.wire.calls[-1] == HANDSHAKE[2]:
            return 503, {"Content-Type": "text/html"}, b"busy"
        return status, headers, body

    honest, door.wire.bend = door.wire.bend, bend
    with pytest.raises(ApiError):
        sessions.current()
    door.wire.bend = honest
    sessions_of(door, tmp_path, api_key)[0].current()
    assert steps(door.wire) == (1, 1, 2)


KINDS = {
    "UserApiKey": (
        {"id": 9, "requested_by_user": {"UserCompany": {"id": 1, "session_timeout": 3600}}},
        3600,
    ),
    "UserPaymentServiceProvider": ({"id": 9, "session_timeout": 3600, "status": "ACTIVE"}, 3600),
    "UserOfTomorrow": ({"id": 9}, 300),
    "UserPerson": ({"id": 9, "session_timeout": 0}, 300),
}


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_user_opens_a_session(
    door: Door, tmp_path: Path, api_key: Secret, kind: str
) -> None:
    """Person, company, API key, service provider and unheard-of: id and timeout are found."""
    user, timeout_s = KINDS[kind]
    bank_key = door.bank.key

    def bend(status: int, headers: dict[str, str], body: bytes) -> Any:
        if door.wire.calls[-1] != HANDSHAKE[2]:
            return status, headers, body
        envelope = json.loads(body)
        envelope["Response"][2] = {kind: user}
        bent = json.dumps(envelope).encode()
        return status, headers | {"X-Bunq-Server-Signature": bank_key.sign(bent)}, bent

    door.wire.bend = bend
    session = sessions_of(door, tmp_path, api_key)[0].current()
    assert (session.user_type, session.user_id, session.timeout_s) == (kind, 9, timeout_s)
    again = sessions_of(door, tmp_path, api_key)[0].current()
    assert again == session


def test_a_second_process_makes_no_handshake_call(tmp_path: Path) -> None:
    """Served bank, two processes, one ``.env``: the second one finds the session on disk."""
    pytest.importorskip("waitress", reason="serving the bank needs waitress")
    wire = Wire(Bank())
    server = doors.Server(wire, host="127.0.0.1", port=0)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    env_file = tmp_path / "class.env"
    env_file.write_text(
        f"BUNQ_BASE_URL={server.url}\nBUNQ_API_KEY={wire.bank.demo_key.reveal()}\n"
        f"BUNQ_STATE_DIR={tmp_path / 'state'}\n"
    )
    program = (
        "import sys, bunqkit\n"
        "bunq = bunqkit.connect(env_file=sys.argv[1])\n"
        "print(bunq.user_id, len(bunq.payments(max_rows=5)))\n"
    )
    outputs = []
    for _ in range(2):
        done = subprocess.run(
            [sys.executable, "-c", program, str(env_file)],
            capture_output=True,
            text=True,
            check=True,
        )
        outputs.append(done.stdout)
    server.close()
    thread.join(10)
    assert outputs[0] == outputs[1]
    assert steps(wire) == (1, 1, 1)


def test_a_key_is_made_and_kept_where_there_is_none(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """At a served bank without a key: one is made, written to ``.env``, and only its place told."""
    pytest.importorskip("waitress", reason="serving the bank needs waitress")
    wire = Wire(Bank())
    server = doors.Server(wire, host="127.0.0.1", port=0)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    Path(".env").write_text(f"BUNQ_BASE_URL={server.url}\n")
    first = bunqkit.connect()
    output = capsys.readouterr().out
    second = bunqkit.connect()
    server.close()
    thread.join(10)
    assert first.user_id == second.user_id
    assert wire.count("POST /v1/sandbox-user-person") == 1
    assert str(Path.cwd() / ".env") in output
    assert first.settings.api_key is not None
    assert first.settings.api_key.reveal() not in output
    assert f"BUNQ_API_KEY={first.settings.api_key.reveal()}" in Path(".env").read_text()
    assert capsys.readouterr().out == ""


def test_a_bank_that_is_away_is_said_kindly(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing listens at the address: no state is written, and the message helps."""
    pauses: list[float] = []
    monkeypatch.setattr("bunqkit.context.context.Retries", partial(Retries, sleep=pauses.append))
    Path(".env").write_text("BUNQ_BASE_URL=http://127.0.0.1:9/v1\nBUNQ_API_KEY=sandbox_" + "a" * 64)
    with pytest.raises(NoAnswerError, match="nothing listens there"):
        bunqkit.connect()
    assert len(pauses) == 3


@pytest.mark.parametrize(("left_s", "sessions"), [(45, 1), (15, 2)], ids=["before", "within"])
def test_a_session_is_renewed_before_its_last_seconds(
    door: Door, api_key: Secret, later: Callable[..., None], left_s: int, sessions: int
) -> None:
    """By the clock with a margin: no call is under way when its session ends."""
    bunq = context_of(door, None, api_key)
    later(seconds=bunq.session.timeout_s - left_s)
    bunq.call("GET /user")
    assert door.wire.count(HANDSHAKE[2]) == sessions


def test_closing_logs_out(door: Door, tmp_path: Path, api_key: Secret) -> None:
    """The token opens nothing any more, the state holds none, and once more does no harm."""
    with context_of(door, tmp_path, api_key) as bunq:
        session = bunq.session
    with pytest.raises(ApiError, match="Insufficient"):
        bunq.client.request("GET", "/user", token=session.token)
    (path,) = tmp_path.glob("*.json")
    assert json.loads(path.read_text())["session"] is None
    bunq.close()
    assert sum(call.startswith("DELETE") for call in door.wire.calls) == 1
    again = context_of(door, tmp_path, api_key)
    assert again.session.token != session.token
    assert steps(door.wire) == (1, 1, 2)


def test_closing_logs_out_after_an_error(door: Door, api_key: Secret) -> None:
    """A block that fails leaves no session behind, and its error comes out."""
    with pytest.raises(ZeroDivisionError), context_of(door, None, api_key):
        _ = 1 / 0
    assert door.bank.ledger.rows("SELECT * FROM session") == []


def test_a_second_kernel_outlives_the_first_ones_log_out(
    door: Door, tmp_path: Path, api_key: Secret
) -> None:
    """It shares the session that ended: its next call is refused, renewed and sent again."""
    first, second = (context_of(door, tmp_path, api_key) for _ in range(2))
    assert first.session == second.session
    first.close()
    assert second.call("GET /user").item["id"] == second.user_id
    assert steps(door.wire) == (1, 1, 2)
    first.close()
    assert second.call("GET /user").item["id"] == second.user_id
    assert steps(door.wire) == (1, 1, 2)


def test_an_older_session_does_not_take_the_newer_one_along(
    door: Door, tmp_path: Path, api_key: Secret, later: Callable[..., None]
) -> None:
    """Whoever closes late ends its own session, and leaves what another kernel has opened."""
    first = context_of(door, tmp_path, api_key)
    later(days=8)
    second = context_of(door, tmp_path, api_key)
    first.close()
    second.call("GET /user")
    context_of(door, tmp_path, api_key)
    assert steps(door.wire) == (1, 1, 2)


def test_closing_without_a_network_is_harmless(tmp_path: Path, api_key: Secret, door: Door) -> None:
    """The session is forgotten here; at the bank it ends by itself."""
    bunq = context_of(door, tmp_path, api_key)
    bunq._sessions._client = Client("http://127.0.0.1:9/v1")
    bunq.close()
    (path,) = tmp_path.glob("*.json")
    assert json.loads(path.read_text())["session"] is None


def test_a_revoked_key_is_told_from_a_wrong_one(
    door: Door, tmp_path: Path, api_key: Secret
) -> None:
    """The installation is known and the key has worked, so it was revoked, or the address left."""
    bunq = context_of(door, tmp_path, api_key)
    with door.bank.ledger.transaction():
        for statement in (
            "DELETE FROM session",
            "PRAGMA defer_foreign_keys = ON",
            "UPDATE api_key SET text = 'revoked ' || text",
            "UPDATE device SET api_key = 'revoked ' || api_key",
        ):
            door.bank.ledger.execute(statement)
    before = len(door.wire.calls)
    with pytest.raises(ApiError, match="the key was revoked in the app, or this machine's address"):
        bunq.call("GET /user")
    assert door.wire.calls[before:] == ["GET /v1/user", HANDSHAKE[2], HANDSHAKE[0], HANDSHAKE[1]]


def test_another_address_is_registered_anew(door: Door, tmp_path: Path, api_key: Secret) -> None:
    """The session and the device are bound to the old one; a device for the new one helps."""
    bunq = context_of(door, tmp_path, api_key)
    door.wire.bend_request = lambda environ: environ.update(REMOTE_ADDR="203.0.113.7")
    assert bunq.call("GET /user").item["id"] == bunq.user_id
    assert steps(door.wire) == (2, 2, 3)


def test_a_wiped_sandbox_is_told_as_such(door: Door, tmp_path: Path, api_key: Secret) -> None:
    """Installation and key are both unknown, and the bank has a new key of its own."""
    bunq = context_of(door, tmp_path, api_key)
    door.bank.reset()
    for call in ("GET /user", "DELETE /session/0", "GET /user"):
        before = len(door.wire.calls)
        with pytest.raises(ApiError, match="this sandbox was wiped"):
            bunq.call(call)
        assert len(door.wire.calls) == before + 4


def test_a_forged_refusal_costs_a_session_and_nothing_else(
    door: Door, api_key: Secret, other_key: KeyPair
) -> None:
    """The bank is asked whether it was wiped; it was not, so the forgery is told as one."""
    bunq = context_of(door, None, api_key)
    honest = door.wire.bend

    def bend(status: int, headers: dict[str, str], body: bytes) -> Any:
        if door.wire.calls[-1] != "GET /v1/user":
            return honest(status, headers, body)
        return 403, headers | {"X-Bunq-Server-Signature": other_key.sign(body)}, body

    door.wire.bend = bend
    with pytest.raises(SignatureError):
        bunq.call("GET /user")
    assert steps(door.wire) == (1, 1, 2)


def test_a_changed_key_has_a_state_of_its_own(door: Door, tmp_path: Path, api_key: Secret) -> None:
    """Another key in ``.env`` is another file: nobody calls by the other's session."""
    other_key = handshake.create_sandbox_user(door.client())
    first, second = (context_of(door, tmp_path, key) for key in (api_key, other_key))
    assert first.user_id != second.user_id
    assert context_of(door, tmp_path, api_key).user_id == first.user_id
    assert steps(door.wire) == (2, 2, 2)


TOGETHER = """
import sys, threading
import bunqkit
bunq = bunqkit.connect(env_file=sys.argv[1])
start, users = threading.Barrier(64), []
print("ready", flush=True)
sys.stdin.readline()
def call():
    start.wait()
    users.append(bunq.call("GET /user").item["id"])
threads = [threading.Thread(target=call) for _ in range(64)]
for thread in threads: thread.start()
for thread in threads: thread.join()
assert users == [bunq.user_id] * 64, users
"""


@pytest.mark.slow
@pytest.mark.parametrize("count", [2, 4])
def test_processes_full_of_threads_share_one_renewal(tmp_path: Path, count: int) -> None:
    """Processes with 64 threads each find the session ended: the bank counts one new one."""
    pytest.importorskip("waitress", reason="serving the bank needs waitress")
    wire = Wire(Bank())
    server = doors.Server(wire, host="127.0.0.1", port=0)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    env_file = tmp_path / "class.env"
    env_file.write_text(
        f"BUNQ_BASE_URL={server.url}\nBUNQ_API_KEY={wire.bank.demo_key.reveal()}\n"
        f"BUNQ_STATE_DIR={tmp_path / 'state'}\n"
    )
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", TOGETHER, str(env_file)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(count)
    ]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    assert steps(wire) == (1, 1, 1)
    with wire.bank.ledger.transaction():
        wire.bank.ledger.execute("DELETE FROM session")
    for process in processes:
        process.communicate("go\n", timeout=120)
    server.close()
    thread.join(10)
    assert [process.returncode for process in processes] == [0] * count
    assert steps(wire) == (1, 1, 2)
    assert wire.count("GET /v1/user") > 64 * count


@pytest.mark.slow
def test_a_passphrase_keeps_the_state_of_a_real_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Served bank, one ``.env``: the right passphrase makes no call, a wrong one opens nothing."""
    pytest.importorskip("waitress", reason="serving the bank needs waitress")
    wire = Wire(Bank())
    server = doors.Server(wire, host="127.0.0.1", port=0)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    Path(".env").write_text(
        f"BUNQ_BASE_URL={server.url}\nBUNQ_API_KEY={wire.bank.demo_key.reveal()}\n"
        f"BUNQ_STATE_DIR={tmp_path / 'state'}\nBUNQ_STATE_PASSPHRASE=correct horse\n"
    )
    first = bunqkit.connect()
    assert bunqkit.connect().session == first.session
    assert steps(wire) == (1, 1, 1)
    (path,) = (tmp_path / "state").glob("*.json")
    before = path.read_bytes()
    assert first.session.token.reveal().encode() not in before
    monkeypatch.setenv("BUNQ_STATE_PASSPHRASE", "wrong")
    with pytest.raises(StateError, match="BUNQ_STATE_PASSPHRASE"):
        bunqkit.connect()
    server.close()
    thread.join(10)
    assert path.read_bytes() == before
    assert steps(wire) == (1, 1, 1)
