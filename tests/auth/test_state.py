"""What is kept on disk: private, whole, bound to key and bank, set aside when it is damaged."""

from __future__ import annotations

import json
import os
import shutil
import stat
import subprocess
import sys
import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest
from filelock import FileLock
from sampling import one_in

import bunqkit
from bunqkit.auth.state import Device, Installation, Session, State, StateFile
from bunqkit.course.copying import copy_notebooks
from bunqkit.errors import StateError
from bunqkit.security.private_files import PrivacyWarning, StateWarning, make_private_folder
from bunqkit.security.redaction import Secret
from bunqkit.security.signing import KeyPair

PASSPHRASE = Secret("correct horse battery staple")
API_KEY = Secret("sandbox_" + "ab" * 32)
NOW = datetime(2026, 1, 31, 9, 0, tzinfo=UTC)


def file_of(
    folder: Path,
    api_key: Secret = API_KEY,
    environment: str = "SANDBOX",
    base_url: str = "https://bank.invalid/v1",
    passphrase: Secret | None = None,
) -> StateFile:
    """Return the file of a key at a bank."""
    return StateFile(
        folder,
        environment=environment,
        base_url=base_url,
        api_key=api_key,
        passphrase=passphrase,
    )


@pytest.fixture
def state(key: KeyPair) -> State:
    """Return a state with all three steps done."""
    user = {"id": 7, "display_name": "Ada"}
    return State(
        Installation(1, Secret("i" * 64), key, key.public),
        Device(2, "laptop"),
        Session(3, Secret("s" * 64), "UserPerson", user, NOW, 604_800),
    )


def test_what_is_saved_comes_back(tmp_path: Path, state: State) -> None:
    """Keys sign as before, tokens and times are the same."""
    file = file_of(tmp_path)
    assert file.load() is None
    file.save(state)
    loaded = file.load()
    assert loaded is not None
    assert loaded.session == state.session
    assert loaded.device == state.device
    assert loaded.installation.token == state.installation.token
    assert loaded.installation.key.sign(b"x") == state.installation.key.sign(b"x")
    assert loaded.installation.bank_key.pem == state.installation.bank_key.pem


def test_a_state_without_session_comes_back(tmp_path: Path, state: State) -> None:
    """A start that stopped before the third step goes on from the second."""
    file = file_of(tmp_path)
    file.save(State(state.installation, state.device))
    loaded = file.load()
    assert loaded is not None
    assert loaded.session is None


def test_file_and_folder_are_private(tmp_path: Path, state: State) -> None:
    """0600 in a folder of 0700, whatever the umask."""
    old = os.umask(0)
    try:
        file = file_of(tmp_path / "new" / "state")
        with file.lock():
            file.save(state)
    finally:
        os.umask(old)
    assert stat.S_IMODE(file.path.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.path.parent.stat().st_mode) == 0o700
    assert stat.S_IMODE(Path(f"{file.path}.lock").stat().st_mode) & 0o077 == 0


@pytest.mark.skipif(os.name != "posix", reason="other systems have no such permissions")
def test_folders_above_are_private_too(tmp_path: Path) -> None:
    """Each that is made on the way, whatever the umask and whoever makes it."""
    old = os.umask(0)
    try:
        make_private_folder(tmp_path / "one" / "two" / "three")
        copy_notebooks(tmp_path / "course" / "mine")
        bunqkit.Ledger(tmp_path / "books" / "new" / "money.sqlite").close()
    finally:
        os.umask(old)
    folders = [path for path in tmp_path.rglob("*") if path.is_dir()]
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in folders}
    assert {"one", "two", "three", "course", "mine", "books", "new"} <= modes.keys()
    del modes["place"]
    assert set(modes.values()) == {0o700}


@pytest.mark.skipif(os.name != "posix", reason="other systems have no such permissions")
def test_a_folder_that_everybody_may_write_is_refused(tmp_path: Path, state: State) -> None:
    """With the command that mends it; nothing is written there."""
    folder = tmp_path / "of all"
    folder.mkdir()
    folder.chmod(0o777)
    file = file_of(folder)
    for use in (lambda: file.save(state), lambda: file.lock().__enter__()):
        with pytest.raises(StateError, match=f"chmod 700 '{folder}'"):
            use()
    assert list(folder.iterdir()) == []
    folder.chmod(0o700)
    file.save(state)


@pytest.mark.skipif(os.name != "posix", reason="other systems have no such permissions")
def test_a_folder_that_a_group_may_write_is_warned_about(tmp_path: Path, state: State) -> None:
    """With the command that mends it; it is used all the same."""
    tmp_path.chmod(0o770)
    with pytest.warns(PrivacyWarning, match="chmod 700"):
        file_of(tmp_path).save(state)
    if os.geteuid() == 0:
        os.chown(tmp_path, 54321, 54321)
        with pytest.warns(PrivacyWarning, match="chown root"):
            file_of(tmp_path).save(state)
        os.chown(tmp_path, 0, 0)
    tmp_path.chmod(0o700)


@pytest.mark.skipif(os.name != "posix", reason="other systems have no such permissions")
def test_a_state_that_somebody_else_wrote_is_not_used(tmp_path: Path, state: State) -> None:
    """Everybody may write it, or it is a stranger's: it is neither used nor set aside."""
    file = file_of(tmp_path)
    file.save(state)
    file.path.chmod(0o666)
    with pytest.raises(StateError, match="chmod 600"):
        file.load()
    assert file.path.exists()
    file.path.chmod(0o600)
    assert file.load() is not None


@pytest.mark.parametrize(
    "other",
    [
        {"api_key": Secret("sandbox_" + "cd" * 32)},
        {"environment": "OFFLINE"},
        {"base_url": "https://other.invalid/v1"},
    ],
    ids=["key", "environment", "bank"],
)
def test_the_state_of_another_is_not_used(
    tmp_path: Path, state: State, other: dict[str, str]
) -> None:
    """Another key, environment or bank has a file of its own, and refuses this one's content."""
    mine, theirs = file_of(tmp_path), file_of(tmp_path, **other)  # type: ignore[arg-type]
    mine.save(state)
    assert theirs.load() is None
    theirs.path.write_bytes(mine.path.read_bytes())
    with pytest.warns(StateWarning, match="another key or bank"):
        assert theirs.load() is None
    assert mine.load() is not None


def _without(text: str, name: str) -> str:
    kept = json.loads(text)
    del kept["installation"][name]
    return json.dumps(kept)


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: "",
        lambda text: text[: len(text) // 2],
        lambda text: "null",
        lambda text: "[" * 100_000,
        lambda text: text.replace("BEGIN PRIVATE", "BEGIN PRIVY"),
        lambda text: _without(text, "token"),
        lambda text: text.replace('"id": 7', '"id": "seven"'),
        lambda text: text.replace("+00:00", ""),
    ],
    ids=["empty", "cut", "null", "deep", "key", "no token", "id", "no zone"],
)
def test_a_damaged_file_is_set_aside(tmp_path: Path, state: State, damage: object) -> None:
    """It is renamed with a message, keeps its content, and what follows is saved anew."""
    file = file_of(tmp_path)
    file.save(state)
    content = damage(file.path.read_text())  # type: ignore[operator]
    file.path.write_text(content)
    with pytest.warns(StateWarning, match="is damaged"):
        assert file.load() is None
    (aside,) = tmp_path.glob("*.aside-1")
    assert aside.read_text() == content
    file.save(state)
    assert file.load() is not None


def test_several_damaged_files_are_kept(tmp_path: Path) -> None:
    """The second one that is set aside does not replace the first."""
    file = file_of(tmp_path)
    for content in ("first", "second"):
        file.path.write_text(content)
        with pytest.warns(StateWarning):
            file.load()
    assert {path.read_text() for path in tmp_path.glob("*.aside-*")} == {"first", "second"}


def test_a_failed_save_leaves_the_old_state(
    tmp_path: Path, state: State, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without room on the disk the file stays as it was, and no half one is left about."""
    file = file_of(tmp_path / "state")
    file.save(state)
    before = file.path.read_bytes()

    def no_room(_handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", no_room)
    with pytest.raises(StateError, match="No space left"):
        file.save(State(state.installation, state.device))
    assert file.path.read_bytes() == before
    assert [path.name for path in file.path.parent.iterdir()] == [file.path.name]


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path, state: State) -> None:
    """The message names the folder and the setting that changes it."""
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StateError, match="BUNQ_STATE_DIR"):
        file_of(tmp_path / "file" / "state").save(state)


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    """A folder in its place is an error, and is not set aside."""
    file = file_of(tmp_path)
    file.path.mkdir()
    with pytest.raises(StateError, match="can't be read"):
        file.load()


def test_the_lock_keeps_others_out(tmp_path: Path) -> None:
    """While one holds it, another waits."""
    order: list[str] = []

    def other() -> None:
        with file_of(tmp_path).lock():
            order.append("other")

    thread = threading.Thread(target=other)
    with file_of(tmp_path).lock():
        thread.start()
        thread.join(0.2)
        order.append("first")
    thread.join(10)
    assert order == ["first", "other"]


def test_a_lock_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    """A folder in its place is a StateError with the remedy, and no other error."""
    file = file_of(tmp_path)
    Path(f"{file.path}.lock").mkdir()
    with pytest.raises(StateError, match="BUNQ_STATE_DIR"), file.lock():
        pass


def test_no_secret_is_in_a_repr(state: State) -> None:
    """Tokens, keys and the API key are masked."""
    shown = repr(state)
    assert "i" * 64 not in shown
    assert "s" * 64 not in shown
    assert "BEGIN" not in shown
    assert API_KEY.reveal()[8:] not in file_of(Path()).path.name


def test_a_passphrase_encrypts_what_is_kept(tmp_path: Path, state: State) -> None:
    """The key by PKCS#8, all else sealed: nothing of it stands in the file, and it comes back."""
    file_of(tmp_path, passphrase=PASSPHRASE).save(state)
    content = file_of(tmp_path).path.read_text()
    assert "BEGIN ENCRYPTED PRIVATE KEY" in content
    for text in ("i" * 64, "s" * 64, "display_name", "BEGIN PRIVATE KEY", PASSPHRASE.reveal()):
        assert text not in content
    loaded = file_of(tmp_path, passphrase=PASSPHRASE).load()
    assert loaded is not None
    assert loaded.session == state.session
    assert loaded.installation.key.sign(b"x") == state.installation.key.sign(b"x")


@pytest.mark.parametrize(
    ("passphrase", "why"),
    [(None, "there is no passphrase"), (Secret("wrong"), "does not open it")],
    ids=["none", "wrong"],
)
def test_without_its_passphrase_a_state_stays_closed(
    tmp_path: Path, state: State, passphrase: Secret | None, why: str
) -> None:
    """An error that names the setting; the file is neither overwritten nor set aside."""
    file_of(tmp_path, passphrase=PASSPHRASE).save(state)
    before = file_of(tmp_path).path.read_bytes()
    with pytest.raises(StateError, match=why) as caught:
        file_of(tmp_path, passphrase=passphrase).load()
    assert "BUNQ_STATE_PASSPHRASE" in str(caught.value)
    assert file_of(tmp_path).path.read_bytes() == before
    assert list(tmp_path.glob("*.aside-*")) == []


@pytest.mark.parametrize("name", one_in(3, ["sealed", "private_key", "salt"]))
def test_a_sealed_state_that_was_changed_stays_closed(
    tmp_path: Path, state: State, name: str
) -> None:
    """Whichever part of it somebody changes: it is not taken."""
    file = file_of(tmp_path, passphrase=PASSPHRASE)
    file.save(state)
    kept = json.loads(file.path.read_text())
    middle = len(kept[name]) // 2
    letter = "A" if kept[name][middle] != "A" else "B"
    kept[name] = kept[name][:middle] + letter + kept[name][middle + 1 :]
    file.path.write_text(json.dumps(kept))
    with pytest.raises(StateError, match="somebody changed it"):
        file_of(tmp_path, passphrase=PASSPHRASE).load()


def test_a_plain_state_is_encrypted_when_a_passphrase_is_given(
    tmp_path: Path, state: State
) -> None:
    """From the first start with one on, the tokens stand nowhere as text."""
    file_of(tmp_path).save(state)
    assert file_of(tmp_path, passphrase=PASSPHRASE).load() is not None
    assert "s" * 64 not in file_of(tmp_path).path.read_text()
    assert file_of(tmp_path, passphrase=PASSPHRASE).load() is not None


def test_another_format_is_set_aside(tmp_path: Path, state: State) -> None:
    """What another bunqkit wrote is kept, with a message that says so."""
    file = file_of(tmp_path)
    file.save(state)
    kept = json.loads(file.path.read_text())
    file.path.write_text(json.dumps(kept | {"format": 99}))
    with pytest.warns(StateWarning, match="another format"):
        assert file.load() is None
    assert len(list(tmp_path.glob("*.aside-1"))) == 1


@pytest.mark.skipif(os.name != "posix", reason="other systems have no such permissions")
def test_a_state_that_others_can_read_is_warned_about(tmp_path: Path, state: State) -> None:
    """With the command that mends it; the next save mends it too."""
    file = file_of(tmp_path)
    file.save(state)
    file.path.chmod(0o644)
    with pytest.warns(PrivacyWarning, match="chmod 600"):
        assert file.load() is not None
    file.save(state)
    assert stat.S_IMODE(file.path.stat().st_mode) == 0o600


# Written by the first bunqkit that kept states: format 1, with keys and tokens that open nothing.
KEPT = Path(__file__).parents[1] / "data" / "state_format_1"


@pytest.mark.parametrize(
    ("environment", "api_key", "passphrase"),
    [("SANDBOX", "sandbox_" + "ab12" * 16, None), ("PRODUCTION", "cd34" * 16, PASSPHRASE)],
    ids=["plain", "with a passphrase"],
)
def test_states_of_earlier_versions_still_open(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    environment: str,
    api_key: str,
    passphrase: Secret | None,
) -> None:
    """``connect()`` finds them by their names, and takes their session up without a call."""
    folder = tmp_path / "kept"
    folder.mkdir()
    for path in KEPT.glob("*.json"):
        shutil.copyfile(path, folder / path.name)
    monkeypatch.setenv("BUNQ_STATE_DIR", str(folder))
    if passphrase is not None:
        monkeypatch.setenv("BUNQ_STATE_PASSPHRASE", passphrase.reveal())
    bunq = bunqkit.connect(environment=environment, api_key=api_key)
    assert (bunq.user_id, bunq.session.id) == (44, 33)
    assert bunq.session.token.reveal() == "4567ef01" * 8
    kept = bunq._sessions.state
    assert kept is not None
    assert (kept.installation.id, kept.device.id) == (11, 22)
    assert kept.installation.key.public.verify(b"x", kept.installation.key.sign(b"x")) is None
    assert len(bunq.exchanges) == 0


KILLING = """
import os, random, signal, sys, time, warnings
from datetime import UTC, datetime
from pathlib import Path
from bunqkit.security.redaction import Secret
from bunqkit.security.signing import KeyPair
from bunqkit.auth.state import Device, Installation, Session, State, StateFile

warnings.simplefilter("error")
key, kills = KeyPair.generate(), int(sys.argv[2])
file = StateFile(Path(sys.argv[1]), environment="SANDBOX", base_url="https://bank.invalid/v1",
                 api_key=Secret("sandbox_" + "ab" * 32))
state = State(Installation(1, Secret("i" * 64), key, key.public), Device(2, "laptop"))
luck = random.Random(kills)
file.save(state)
for number in range(kills):
    child = os.fork()
    if not child:
        while True:
            session = Session(number, Secret("s" * 64), "UserPerson",
                              {"id": 7, "filler": "x" * luck.randrange(20_000)},
                              datetime.now(UTC), 3600)
            with file.lock():
                file.save(State(state.installation, state.device, session))
    time.sleep(luck.uniform(0, 0.02))
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    with file.lock():
        assert file.load() is not None, number
        file.save(state)
print(len(list(Path(sys.argv[1]).glob(".*"))), "left over")
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="processes are forked to be killed")
@pytest.mark.parametrize(
    "kills",
    [25, pytest.param(100, marks=pytest.mark.slow), pytest.param(500, marks=pytest.mark.soak)],
)
def test_a_killed_writer_leaves_a_state_that_opens(tmp_path: Path, kills: int) -> None:
    """``kill -9`` at whatever moment: the old state or the new one, a free lock, no litter."""
    done = subprocess.run(
        [sys.executable, "-c", KILLING, str(tmp_path / "state"), str(kills)],
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert (done.stdout, done.stderr) == ("0 left over\n", "")


def test_a_lock_that_another_kernel_holds_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After the wait, with what to do; it is no problem of the folder."""
    monkeypatch.setattr("bunqkit.auth.state._LOCK_WAIT_S", 0.01)
    file = file_of(tmp_path)
    with (
        FileLock(f"{file.path}.lock", is_singleton=False),
        pytest.raises(StateError, match="has been held for 0 s by another kernel"),
        file.lock(),
    ):
        pass
