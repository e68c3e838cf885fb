"""Files of settings as an adversary leaves them about, for whatever reads a ``.env``.

Each plants one file in a folder. ``HARMLESS`` ones must be read, ``REFUSED`` ones must not: with a
``SettingsError``, at once, without what stands in them.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

# A key of each kind; neither opens anything.
PLAY_KEY = "sandbox_" + "ab12" * 16
LIVE_KEY = "cd34" * 16
# Somebody who is neither this user nor root.
STRANGER = 54321

Plant = Callable[[Path], object]
REFUSED: dict[str, Plant] = {}
HARMLESS: dict[str, Plant] = {}


def _listed(table: dict[str, Plant]) -> Callable[[Plant], Plant]:
    def add(plant: Plant) -> Plant:
        table[plant.__name__.replace("_", " ").strip()] = plant
        return plant

    return add


def write(
    path: Path, content: str | bytes = f"BUNQ_API_KEY={PLAY_KEY}\n", mode: int = 0o600
) -> None:
    """Write a file with a mode."""
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    path.chmod(mode)


def give_away(path: Path) -> None:
    """Return a file or a link to a stranger; the test is skipped for who may not."""
    if os.name != "posix" or os.geteuid() != 0:
        pytest.skip("only root can give a file away")
    os.chown(path, STRANGER, STRANGER, follow_symlinks=False)


@_listed(REFUSED)
def _everybody_may_write(path: Path) -> None:
    write(path, mode=0o666)


@_listed(REFUSED)
def _everybody_may_write_but_not_read(path: Path) -> None:
    write(path, mode=0o602)


@_listed(REFUSED)
def _a_strangers(path: Path) -> None:
    write(path)
    give_away(path)


@_listed(REFUSED)
def _a_strangers_that_everybody_may_write(path: Path) -> None:
    write(path, mode=0o666)
    give_away(path)


@_listed(REFUSED)
def _link_to_a_strangers(path: Path) -> None:
    target = path.with_name("elsewhere")
    write(target)
    give_away(target)
    path.symlink_to(target)


@_listed(REFUSED)
def _link_to_what_everybody_may_write(path: Path) -> None:
    target = path.with_name("elsewhere")
    write(target, mode=0o666)
    path.symlink_to(target)


@_listed(REFUSED)
def _a_strangers_link(path: Path) -> None:
    target = path.with_name("elsewhere")
    write(target)
    path.symlink_to(target)
    give_away(path)


@_listed(REFUSED)
def _pipe(path: Path) -> None:
    os.mkfifo(path, 0o600)


@_listed(REFUSED)
def _link_to_a_device_without_end(path: Path) -> None:
    path.symlink_to("/dev/zero")


@_listed(REFUSED)
def _socket(path: Path) -> None:
    # Its name may be 100 letters long at most: bound from within the folder.
    here = Path.cwd()
    os.chdir(path.parent)
    try:
        with socket.socket(socket.AF_UNIX) as bound:
            bound.bind(path.name)
    finally:
        os.chdir(here)


@_listed(REFUSED)
def _folder(path: Path) -> None:
    path.mkdir()


@_listed(REFUSED)
def _link_to_itself(path: Path) -> None:
    path.symlink_to(path)


@_listed(REFUSED)
def _huge(path: Path) -> None:
    write(path)
    os.truncate(path, 5 << 30)


@_listed(REFUSED)
def _binary(path: Path) -> None:
    write(path, bytes(range(256)) + PLAY_KEY.encode())


@_listed(REFUSED)
def _utf_16(path: Path) -> None:
    write(path, f"BUNQ_API_KEY={PLAY_KEY}\n".encode("utf-16"))


@_listed(REFUSED)
def _zeros_among_the_text(path: Path) -> None:
    write(path, f"BUNQ_API_KEY={PLAY_KEY}\0\n")


@_listed(REFUSED)
def _quote_left_open(path: Path) -> None:
    write(path, f"BUNQ_API_KEY='{PLAY_KEY}\n")


for _name in (
    "ENVIRONMENT",
    "BASE_URL",
    "PERMITTED_IPS",
    "TOTAL_CAP",
    "LANGUAGE",
    "LIMITS",
    "STATE_DIR",
    "DEVICE_DESCRIPTION",
    "PROFILE",
):
    for _key in (PLAY_KEY, LIVE_KEY):
        REFUSED[f"{_key[:7]} in BUNQ_{_name}"] = (
            lambda path, name=_name, key=_key: write(path, f"BUNQ_{name}={key}\n")  # type: ignore[misc]
        )


@_listed(REFUSED)
def _key_in_an_address(path: Path) -> None:
    write(path, f"BUNQ_BASE_URL=http://127.0.0.1:1/{LIVE_KEY}/v1\n")


@_listed(HARMLESS)
def _line_ends_of_windows(path: Path) -> None:
    write(path, f"# mine\r\nBUNQ_API_KEY={PLAY_KEY}\r\nBUNQ_LANGUAGE=nl_NL\r\n")


@_listed(HARMLESS)
def _mark_of_byte_order(path: Path) -> None:
    write(path, b"\xef\xbb\xbf" + f"BUNQ_API_KEY={PLAY_KEY}\n".encode())


@_listed(HARMLESS)
def _name_twice(path: Path) -> None:
    write(path, f"BUNQ_API_KEY=sandbox_{'0' * 64}\nBUNQ_API_KEY={PLAY_KEY}\n")


@_listed(HARMLESS)
def _names_and_values_that_run_commands(path: Path) -> None:
    write(path, f"BUNQ_API_KEY={PLAY_KEY}\nA=$(touch ran)\nB=`touch ran`\nC=${{BUNQ_API_KEY}}\n")


@_listed(HARMLESS)
def _link_to_ones_own(path: Path) -> None:
    target = path.with_name("elsewhere")
    write(target)
    path.symlink_to(target)


@_listed(HARMLESS)
def _written_for_a_shell(path: Path) -> None:
    write(path, f"export BUNQ_API_KEY='{PLAY_KEY}'  # mine\n")
