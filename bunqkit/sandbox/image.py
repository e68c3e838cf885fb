"""Keeps the books of a bank's first day as an image, so that a bank opens at once.

The image is a plain SQLite database in the user's cache folder. It holds the people of the seed and
their history, but no keys or tokens: a bank draws those after it opens the image. The file name has
two parts: a hash of what the books depend on (seed, Python version, source code), and the SHA-256
of the image's bytes. An image whose name does not match is not used. Where no image can be kept,
the history is written anew each time.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import sqlite3
import stat
import sys
import tempfile
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

from platformdirs import user_cache_path

from bunqkit.security.private_files import make_folder, why_open, why_untrusted

PACKAGE = Path(__file__).parent.parent
FORMED_BY = (
    "sandbox/**/*.py",
    "sandbox/**/*.sql",
    "sandbox/**/*.toml",
    "catalogue/*.py",
    "catalogue/catalogue.json",
)
"""The files of the package that decide what an image holds."""

_FORMAT = 1
_MOST_KEPT = 8
_MOST_BYTES = 64 * 1024 * 1024
_ENDING = ".sqlite"


def load_image(seed: int, build: Callable[[], bytes]) -> bytes:
    """Return the image of a seed from the cache; build and cache it if it is not there.

    Parameters
    ----------
    seed
        The seed of the bank.
    build
        Builds the image: the bytes of an SQLite database.
    """
    folder = image_folder()
    start = _name_start(seed)
    if folder is None or start is None:
        return build()
    image = _read(folder, start)
    if image is None:
        image = build()
        _keep(folder, start, image)
    return image


def copy_into(database: sqlite3.Connection, image: bytes) -> None:
    """Replace the content of a database by an image."""
    with contextlib.closing(sqlite3.connect(":memory:")) as source:
        source.deserialize(image)
        # A copy: a database that was deserialised can't grow past 1 GiB.
        source.backup(database)


def create_file(path: Path, image: bytes) -> None:
    """Write an image to a new private file, completely or not at all.

    If another process creates the file at the same time, its file stays. No error is raised if
    the file can't be created: the code that then opens it reports why.
    """
    with contextlib.suppress(OSError), _whole_file(path.absolute().parent, image) as temporary:
        with contextlib.closing(sqlite3.connect(temporary)) as database:
            # Before the file has its name: two processes can't switch the same file at once.
            database.execute("PRAGMA journal_mode = WAL")
        # Unlike a rename, a link does not replace an existing file.
        os.link(temporary, path)


def image_folder() -> Path | None:
    """Return the folder of the images; ``None`` if it can't be created or is not private.

    Everybody who can write to the folder decides what a new bank holds. So it must belong to this
    user, and nobody else may write to it.
    """
    try:
        folder = user_cache_path("bunqkit", appauthor=False) / "offline-bank"
        make_folder(folder)
        status = folder.lstat()
    except (OSError, RuntimeError):
        return None
    is_open = why_untrusted(status) or why_open(status, reading=0)
    return None if is_open or not stat.S_ISDIR(status.st_mode) else folder


def _name_start(seed: int) -> str | None:
    """Return the first part of an image's name; ``None`` if the source code can't be read."""
    try:
        source = _digest_source()
    except OSError:
        return None
    version = ".".join(map(str, sys.version_info[:2]))
    made_from = f"{_FORMAT}/{version}/{source}/{seed}"
    return hashlib.sha256(made_from.encode()).hexdigest()[:32]


@cache
def _digest_source() -> str:
    digest = hashlib.sha256()
    for pattern in FORMED_BY:
        paths = sorted(PACKAGE.glob(pattern))
        if not paths:
            raise FileNotFoundError(f"{pattern} names no file in {PACKAGE}.")
        for path in paths:
            content = path.read_bytes()
            digest.update(f"{path.relative_to(PACKAGE).as_posix()}/{len(content)}/".encode())
            digest.update(content)
    return digest.hexdigest()


def _read(folder: Path, start: str) -> bytes | None:
    """Return the bytes of an image whose name matches; delete damaged images."""
    try:
        paths = list(folder.glob(f"{start}-*{_ENDING}"))
    except OSError:
        return None
    for path in paths:
        with contextlib.suppress(OSError):
            content = _read_plain_file(path)
            if content is not None and path.name == _name(start, content):
                return content
            path.unlink()
    return None


def _read_plain_file(path: Path) -> bytes | None:
    # A link may lead anywhere, and a read from a pipe would block.
    flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    with os.fdopen(os.open(path, flags | getattr(os, "O_BINARY", 0)), "rb") as file:
        facts = os.fstat(file.fileno())
        if not stat.S_ISREG(facts.st_mode) or facts.st_size > _MOST_BYTES:
            return None
        return file.read()


def _keep(folder: Path, start: str, content: bytes) -> None:
    """Write an image completely or not at all. It only saves time, so no error is raised."""
    with contextlib.suppress(OSError):
        with _whole_file(folder, content) as temporary:
            temporary.replace(folder / _name(start, content))
        _remove_old(folder)


@contextlib.contextmanager
def _whole_file(folder: Path, content: bytes) -> Iterator[Path]:
    """Return a new private file with some bytes; it is deleted unless it is moved."""
    handle, name = tempfile.mkstemp(dir=folder, prefix=".half-")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        yield Path(name)
    finally:
        with contextlib.suppress(OSError):
            Path(name).unlink()


def _remove_old(folder: Path) -> None:
    """Delete all but the newest images, so that the folder does not grow with each seed."""
    dated = sorted(((path.stat().st_mtime, path) for path in folder.iterdir()), reverse=True)
    for _, path in dated[_MOST_KEPT:]:
        with contextlib.suppress(OSError):
            path.unlink()


def _name(start: str, content: bytes) -> str:
    return f"{start}-{hashlib.sha256(content).hexdigest()}{_ENDING}"
