"""Saves what can be read of a damaged ledger into a new one beside it; the old file stays."""

from __future__ import annotations

import contextlib
import json
import shutil
import sqlite3
import tempfile
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bunqkit.errors import StateError
from bunqkit.ledger.salvage import read_rows
from bunqkit.ledger.store import Store
from bunqkit.ledger.store_file import VERSION, lock_file

_FACTS = ("owner", "newest")
# The kinds of the columns: integer, text or missing, text.
_ITEM = "iitttttTT"
_EARLIER = "iitttTTT"
_LISTING_COLUMNS = 13
Key = tuple[int, int]
"""The number of a list, and the id of an item in it."""


@dataclass(frozen=True)
class Repair:
    """What became of a damaged ledger; its repr says it in words.

    Attributes
    ----------
    path
        The ledger, which stays as it was.
    problem
        What is wrong with it; empty if it is undamaged.
    made
        The new ledger, ``None`` if nothing is wrong.
    items, earlier
        The number of items in the new one, and of versions from before corrections.
    lost
        The number of items that are known to be lost, by the name of their list.
    has_owner
        True if the owner of the ledger is still known.
    """

    path: Path
    problem: str = ""
    made: Path | None = None
    items: int = 0
    earlier: int = 0
    lost: dict[str, int] = field(default_factory=dict)
    has_owner: bool = True

    @property
    def is_whole(self) -> bool:
        """True if nothing is wrong."""
        return not self.problem

    def __repr__(self) -> str:
        if self.is_whole:
            return f"{self.path} is whole: there is nothing to repair."
        lost = "; ".join(f"{count:,} items of {name}" for name, count in self.lost.items())
        owner = "" if self.has_owner else " Its owner was lost too: sync it as the same user."
        return (
            f"{self.path} is damaged ({self.problem}). {self.items:,} items and {self.earlier:,} "
            f"versions from before corrections are saved in {self.made}. "
            f"Known to be lost: {lost or 'nothing'}. A sync of the new ledger with deep=True "
            "(--deep) fetches the rest; earlier versions that are lost can't be fetched. "
            f"The old file stays.{owner}"
        )


def repair_file(path: Path) -> Repair:
    """Check a ledger, and save what can be read of a damaged one into a new file beside it.

    Parameters
    ----------
    path
        The ledger. It is only copied: it is not changed, and SQLite does not open it.

    Raises
    ------
    BusyError
        If a sync of it has not ended.
    StateError
        If it can't be read, is no ledger, or nothing can be saved.
    """
    try:
        with (
            lock_file(path, 0),
            tempfile.TemporaryDirectory(dir=path.parent, prefix=".repair-") as folder,
        ):
            return _repair(path, Path(folder))
    except OSError as error:
        raise StateError(
            f"{path} can't be repaired ({error.strerror}). Name a ledger that can be read, in a "
            "folder that can be written."
        ) from error


def _repair(path: Path, folder: Path) -> Repair:
    copy = folder / "copy.sqlite"
    shutil.copyfile(path, copy)
    with contextlib.suppress(FileNotFoundError):
        shutil.copyfile(f"{path}-wal", f"{copy}-wal")
    problem = _examine(path, copy)
    remains = _Remains(copy.read_bytes())
    if not problem and remains.broken:
        problem = f"{remains.broken} rows make no sense"
    if not problem:
        return Repair(path)
    if not remains.listings:
        raise StateError(f"Nothing of {path} can be read as a ledger ({problem}). Make a new one.")
    new = folder / "new.sqlite"
    remains.write(new)
    made = _free_name(path)
    new.rename(made)
    return Repair(
        path,
        problem,
        made,
        items=len(remains.items),
        earlier=len(remains.earlier),
        lost=remains.count_lost(),
        has_owner="owner" in remains.facts,
    )


def _examine(path: Path, copy: Path) -> str:
    """Merge the log into the copy; return what SQLite finds wrong with it, or ``""``."""
    with contextlib.closing(sqlite3.connect(copy)) as db:
        try:
            version = db.execute("PRAGMA user_version").fetchone()[0]
            db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
            verdict = str(db.execute("PRAGMA integrity_check(1)").fetchone()[0])
        except sqlite3.Error as error:
            return str(error)
    if verdict != "ok":
        # The first line may be the name of the database alone.
        return verdict.splitlines()[-1]
    if version != VERSION:
        raise StateError(f"{path} is no ledger of this version. Name another file.")
    return ""


def _free_name(path: Path) -> Path:
    number, ending = 1, ""
    while (name := path.with_name(f"{path.stem}.repaired{ending}{path.suffix}")).exists():
        number += 1
        ending = f"-{number}"
    return name


class _Remains:
    """The rows of a damaged ledger that can be read; lists have the numbers of the old file."""

    def __init__(self, content: bytes) -> None:
        self.items: dict[Key, tuple[int, list[Any]]] = {}
        self.earlier: list[list[Any]] = []
        self.listings: dict[int, tuple[str, int, str]] = {}
        self.facts: dict[str, str] = {}
        self.followed: set[tuple[str, str]] = set()
        self.broken = 0
        self._known: set[Key] = set()
        for _, values in read_rows(content, of_indexes=True):
            self._take_entry(values)
        for rowid, values in read_rows(content, of_indexes=False):
            self._take_row(rowid, values)
        self.items = {key: row for key, row in self.items.items() if key[0] in self.listings}
        unique = {tuple(row): row for row in self.earlier if row[0] in self.listings}
        self.earlier = list(unique.values())

    def count_lost(self) -> dict[str, int]:
        """Return, by list, the number of items that an index names and that can't be read."""
        lost = Counter(
            number
            for number, _ in self._known - self.items.keys() - self._set_aside()
            if number in self.listings
        )
        return {self._name(number): count for number, count in sorted(lost.items())}

    def write(self, path: Path) -> None:
        """Write a new ledger. Its lists are incomplete until a sync has read them again."""
        store = Store(path)
        numbers = {old: store.listing(*key).number for old, key in self.listings.items()}
        for operation, arguments in sorted(self.followed):
            store.follow(operation, arguments)
        for name, text in self.facts.items():
            store.set_fact(name, text)
        ordered = sorted(self.items.values(), key=lambda row: row[0])
        store.put("item", ([numbers[row[0]], *row[1:]] for _, row in ordered))
        store.put("earlier", ([numbers[row[0]], *row[1:]] for row in self.earlier))
        store.close()

    def _take_row(self, rowid: int, values: list[Any]) -> None:
        if len(values) == len(_ITEM):
            if not _fits(values, _ITEM):
                self.broken += 1
            elif rowid >= self.items.get((values[0], values[1]), (0, []))[0]:
                # A page that is no longer used may hold the same item: the newest row counts.
                self.items[values[0], values[1]] = (rowid, values)
        elif len(values) == len(_EARLIER):
            if _fits(values, _EARLIER):
                self.earlier.append(values)
            else:
                self.broken += 1
        elif len(values) == _LISTING_COLUMNS:
            if _is_listing(*values[1:4]):
                self.listings[rowid] = (values[1], values[2], values[3])
            else:
                self.broken += 1

    def _take_entry(self, values: list[Any]) -> None:
        match values:
            case [str(name), str(text)] if name in _FACTS:
                self.facts[name] = text
            case [str(operation), str(arguments)] if _is_listing(operation, 0, arguments):
                self.followed.add((operation, arguments))
            case [str(operation), int(account), str(arguments), int(number)]:
                if _is_listing(operation, account, arguments):
                    self.listings.setdefault(number, (operation, account, arguments))
            case [int(number), int(item), int()]:
                self._known.add((number, item))

    def _set_aside(self) -> set[Key]:
        """Return the items that were replaced; an index page that is out of use may name them."""
        return {(row[0], row[1]) for row in self.earlier}

    def _name(self, number: int) -> str:
        operation, account, _ = self.listings[number]
        return f"{operation} of {account}" if account else operation


def _fits(values: list[Any], kinds: str) -> bool:
    """Return True if values have the kinds of a table's columns, and the last one is an item."""
    expected = {"i": int, "t": str | None, "T": str}
    are_right = all(
        isinstance(value, expected[kind]) for value, kind in zip(values, kinds, strict=True)
    )
    return are_right and values[1] >= 0 and isinstance(values[2], str) and _is_object(values[-1])


def _is_listing(operation: object, account: object, arguments: object) -> bool:
    return (
        isinstance(operation, str)
        and operation.endswith(".list")
        and isinstance(account, int)
        and isinstance(arguments, str)
        and _is_object(arguments)
    )


def _is_object(text: str) -> bool:
    try:
        return isinstance(json.loads(text), dict)
    except (ValueError, RecursionError):
        return False
