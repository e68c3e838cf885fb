"""A ``.env`` that somebody else may have written: refused at once, with what mends it, unquoted."""

from __future__ import annotations

import os
import re
import stat
import warnings
from collections.abc import Callable
from pathlib import Path

import pytest
from adversary.hostile_files import HARMLESS, LIVE_KEY, PLAY_KEY, REFUSED, give_away, write

import bunqkit
from bunqkit.diagnosis.checkup import doctor
from bunqkit.errors import SettingsError
from bunqkit.security.env_files import write_api_key
from bunqkit.security.private_files import PrivacyWarning
from bunqkit.security.redaction import Secret
from bunqkit.settings import load_settings

pytestmark = pytest.mark.skipif(os.name != "posix", reason="others have no such owners and modes")
# A key in a wrong line is found when the settings are read.
UNREAD = ("BUNQ_", "key in an address")


@pytest.mark.parametrize("name", REFUSED)
def test_hostile_files_are_refused(name: str, tmp_path: Path) -> None:
    """By ``env_file=`` and found upward, by whoever reads settings; no key is in the words."""
    path = tmp_path / "place" / ".env"
    REFUSED[name](path)
    readers: list[Callable[[], object]] = [
        lambda: load_settings(env_file=path),
        lambda: bunqkit.connect(env_file=path),
    ]
    # A folder, and what leads nowhere, is passed over on the way up.
    if path.is_file() or path.is_fifo():
        readers += [load_settings, bunqkit.connect]
    for read in readers:
        with pytest.raises(SettingsError) as caught:
            read()
        told = str(caught.value)
        assert "BUNQ_" in told or str(path) in told
        assert PLAY_KEY[8:] not in told
        assert LIVE_KEY not in told
    checkup = doctor(env_file=path)
    assert not checkup.is_well
    for shown in (repr(checkup), checkup._repr_html_()):
        assert PLAY_KEY[8:] not in shown
        assert LIVE_KEY not in shown


def state_of(path: Path) -> tuple[int, ...]:
    """Return what a change of a file shows in; when it was read last is none."""
    told = path.lstat()
    return told.st_ino, told.st_mode, told.st_nlink, told.st_size, told.st_mtime_ns


@pytest.mark.parametrize(
    "name", [each for each in REFUSED if not any(known in each for known in UNREAD)]
)
def test_no_key_is_added_to_a_hostile_file(name: str, tmp_path: Path) -> None:
    """What stands in it would count for the key from then on."""
    path = tmp_path / "place" / ".env"
    REFUSED[name](path)
    before = state_of(path)
    with pytest.raises(SettingsError) as caught:
        write_api_key(Secret(LIVE_KEY), path)
    assert LIVE_KEY not in str(caught.value)
    assert state_of(path) == before or path.is_fifo()


@pytest.mark.parametrize("name", HARMLESS)
def test_odd_files_are_read(name: str, tmp_path: Path) -> None:
    """The key is found, nothing is run, and a new key takes its place and no other line's."""
    path = tmp_path / "place" / ".env"
    HARMLESS[name](path)
    assert load_settings().api_key == Secret(PLAY_KEY)
    is_link = path.is_symlink()
    others = [
        line for line in path.read_bytes().splitlines(keepends=True) if b"API_KEY=" not in line
    ]
    new = Secret("sandbox_" + "ef56" * 16)
    assert write_api_key(new, path) == path
    assert load_settings().api_key == new
    assert path.is_symlink() == is_link
    content = path.read_bytes()
    assert content.count(b"BUNQ_API_KEY=") == 1
    assert all(line in content for line in others)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert not Path("ran").exists()


def test_the_command_that_mends_it_does(tmp_path: Path) -> None:
    """What the error says to run, run: the file is read, without a warning."""
    path = tmp_path / "place" / "with a blank.env"
    write(path, mode=0o666)
    if os.geteuid() == 0:
        give_away(path)
    with pytest.raises(
        SettingsError, match="env_file=, which is checked in the same way"
    ) as caught:
        load_settings(env_file=path)
    command = re.search(r"(?:ch(?:own|mod) \S+ '[^']+'(?: && )?)+", str(caught.value))
    assert command is not None
    if os.geteuid() == 0:
        assert command[0].startswith("chown root ")
    assert os.system(command[0]) == 0
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert load_settings(env_file=path).api_key == Secret(PLAY_KEY)


def test_a_link_to_nowhere_is_written_through(tmp_path: Path) -> None:
    """The file is made where the link leads."""
    path, target = tmp_path / "place" / ".env", tmp_path / "later.env"
    path.symlink_to(target)
    write_api_key(Secret(PLAY_KEY), path)
    assert path.is_symlink()
    assert target.read_text() == f"BUNQ_API_KEY={PLAY_KEY}\n"


def test_connecting_warns_once(tmp_path: Path) -> None:
    """One warning for one file, whatever is wrong with it."""
    path = tmp_path / "place" / ".env"
    write(path, "BUNQ_LANGUAGE=nl_NL\n", mode=0o664)
    with pytest.warns(PrivacyWarning, match="chmod 600") as caught:
        bunqkit.connect()
    assert len(caught) == 1


@pytest.mark.parametrize("name", ["environment", "profile", "env_file", "bank"])
def test_a_key_in_a_wrong_argument_is_not_quoted(name: str, bank: bunqkit.sandbox.Bank) -> None:
    """Nor is one among the arguments of ``connect()`` and ``doctor()``."""
    arguments: dict[str, object] = {name: LIVE_KEY}
    if name == "bank":
        arguments = {"bank": bank, "environment": LIVE_KEY}
    with pytest.raises(SettingsError) as caught:
        bunqkit.connect(**arguments)  # type: ignore[arg-type]
    assert LIVE_KEY not in str(caught.value)
    if name != "bank":
        assert LIVE_KEY not in repr(doctor(**arguments))  # type: ignore[arg-type]
