"""The writes whose outcome is not known: noted before they leave, until it is.

A private folder beside the state file holds one file for each write. It is on the disk before the
write is sent, and goes when the outcome is known, so what a crash leaves there is unsettled. A
file is called ``*.sent`` while the write is under way, and ``*.lost`` once its answer was lost.
Each process holds a lock of its own while it lives; a write that was sent by a process whose lock
is free has no answer to wait for.

An entry tells what a person needs to find a write in the app, and hashes of the rest, made with a
key that is derived from the API key. It holds neither PIN nor secret.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import hmac
import json
import os
import re
import secrets
import shutil
import threading
import time
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from html import escape
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from bunqkit.auth.state import StateFile, StateWarning
from bunqkit.catalogue.values import find_payees, plain_payee
from bunqkit.errors import StateError, UnsettledError
from bunqkit.security.private_files import make_private_folder, write_private
from bunqkit.security.redaction import Secret, is_number_of_card, is_secret_name

REFERENCE = "merchant_reference"
"""The field of a body that can be looked up."""
_FORMAT = 1
_ACCOUNT = re.compile(r"/monetary-account/(\d+)")
_PLAIN = (str, bool, int)


@dataclass(frozen=True)
class Entry:
    """One write whose outcome is not known.

    Attributes
    ----------
    id
        Its name in the journal; the beginning is the time.
    operation, method, path
        What was called; the path is the one below ``/v1``.
    sent_at
        When it was noted, just before it was sent (aware, UTC).
    references
        The references in its body, the kit's or the caller's own.
    amounts
        Each amount of the body: the path of its field, value, currency.
    payees
        Each counterparty of the body: its type and value.
    newest_before
        The newest id of its list that was known before; ``None`` if it was never looked at.
    digests
        Keyed hashes of the plain fields, by name.
    digest
        A keyed hash of the whole body but for references and secrets.
    """

    id: str
    operation: str
    method: str
    path: str
    sent_at: datetime
    references: tuple[str, ...]
    amounts: tuple[tuple[str, str, str], ...]
    payees: tuple[tuple[str, str], ...]
    newest_before: int | None = field(repr=False)
    digests: Mapping[str, str] = field(repr=False)
    digest: str = field(repr=False)

    @property
    def account(self) -> str | None:
        """The id of the account in its path, if there is one."""
        found = _ACCOUNT.search(self.path)
        return found and found[1]

    def is_like(self, other: Entry) -> bool:
        """Return whether two have the same operation, account, payees, amounts and description.

        Writes that have none of the last three are alike if their bodies are equal.
        """
        if (self.operation, self.path) != (other.operation, other.path):
            return False
        own, theirs = self._likeness(), other._likeness()
        return own == theirs if any(own) else self.digest == other.digest

    def _likeness(self) -> tuple[object, ...]:
        return (
            [(name, _size(value), currency) for name, value, currency in self.amounts],
            [(kind, plain_payee(value)) for kind, value in self.payees],
            self.digests.get("description"),
        )

    def __str__(self) -> str:
        money = " and ".join(f"{currency} {value}" for _, value, currency in self.amounts)
        whom = ", ".join(value for _, value in self.payees)
        where = f", account {self.account}" if self.account else f", {self.path}"
        reference = f", reference {', '.join(self.references)}" if self.references else ""
        told = (
            f"{self.operation}{f' of {money}' if money else ''}{f' to {whom}' if whom else ''}"
            f"{where}, {self.sent_at:%Y-%m-%d %H:%M:%S} UTC{reference}"
        )
        # Nothing in it can rewrite a terminal.
        return "".join(letter if letter.isprintable() else " " for letter in told)


class Unsettled(tuple[Entry, ...]):
    """The writes whose outcome is not known, oldest first; in a notebook, a table."""

    __slots__ = ()

    def __repr__(self) -> str:
        lines = [f"  {entry.id}  {entry}" for entry in self]
        if not lines:
            return "Nothing is unsettled."
        return "\n".join(["Unsettled (bunq.settle() looks them up):", *lines])

    def _repr_html_(self) -> str:
        from bunqkit.display.html import card, table  # noqa: PLC0415 (front ends only)

        rows = [[escape(entry.id), escape(str(entry))] for entry in self]
        title = "Unsettled: bunq.settle() looks them up" if rows else "Nothing is unsettled"
        return card(title, table(["id", "write"], rows) if rows else "")


class Journal:
    """The journal of one key at one bank, shared by all its kernels.

    Parameters
    ----------
    file
        The state file, beside which the journal is kept, sealed as it is; ``None`` keeps the
        journal in memory.
    api_key
        The key of the hashes is derived from it, so it need not be kept beside them; without it
        the key is drawn.
    """

    def __init__(self, file: StateFile | None, api_key: Secret | None) -> None:
        self._file = file
        key = api_key.reveal().encode() if api_key else secrets.token_bytes()
        self._key = Secret(hmac.new(key, b"bunqkit journal", hashlib.sha256).hexdigest())
        self._lock = threading.RLock()
        self._memory: dict[str, tuple[Entry, bool]] = {}
        self._owner = secrets.token_hex(4)
        self._held: FileLock | None = None
        self._lost_at: dict[str, float] = {}

    @property
    def folder(self) -> Path | None:
        """Where it is kept; ``None`` if that is in memory."""
        return self._file.path.with_suffix(".journal") if self._file else None

    def digest(self, value: object) -> str:
        """Return the keyed hash of a JSON value."""
        written = json.dumps(_public(value), sort_keys=True)
        return hmac.new(self._key.reveal().encode(), written.encode(), hashlib.sha256).hexdigest()

    def describe(
        self, operation: str, method: str, path: str, body: object, *, newest_before: int | None
    ) -> Entry:
        """Return the entry of a write; nothing is noted yet."""
        fields = body if isinstance(body, Mapping) else {}
        now = datetime.now(UTC)
        return Entry(
            id=f"{now:%Y%m%dT%H%M%S%f}-{secrets.token_hex(3)}",
            operation=operation,
            method=method,
            path=path,
            sent_at=now,
            references=tuple(find_references(fields)),
            amounts=tuple(find_amounts(fields)),
            payees=tuple(find_payees(fields)),
            newest_before=newest_before,
            digests={
                name: self.digest(value)
                for name, value in fields.items()
                if isinstance(value, _PLAIN) and name != REFERENCE and not _is_secret(name)
            },
            digest=self.digest(
                hashlib.sha256(body).hexdigest() if isinstance(body, bytes) else fields
            ),
        )

    def check(self, entry: Entry) -> None:
        """Return if no write like it is unsettled.

        Raises
        ------
        UnsettledError
            If one is.
        """
        like = Unsettled(each for each in self.unsettled() if entry.is_like(each))
        if like:
            raise UnsettledError(
                f"{entry.operation} was not sent: nobody knows yet what became of a call like it "
                f"({like[0]}). bunq.settle() looks that up. even_if_unsettled=True sends it all "
                "the same; then both may be carried out.",
                like,
            )

    def begin(self, entry: Entry) -> None:
        """Note a write that is about to leave; on the disk when this returns.

        Raises
        ------
        StateError
            If it can't be noted: the write must not be sent then.
        """
        with self._lock:
            if self.folder is None:
                self._memory[entry.id] = (entry, False)
                return
            try:
                self._live(self.folder)
                write_private(self._path(entry, "sent"), self._write(entry))
                _sync_folder(self.folder)
            except OSError as error:
                raise StateError(
                    f"{entry.operation} was not sent: it can't be noted in {self.folder} "
                    f"({error.strerror}). Make room or make the folder writable, or name another "
                    "in BUNQ_STATE_DIR."
                ) from error

    def lose(self, entry: Entry) -> None:
        """Note that the answer to a write was lost: it is unsettled, unless it has ended."""
        with self._lock:
            self._lost_at[entry.id] = time.time()
            if self.folder is None:
                if entry.id in self._memory:
                    self._memory[entry.id] = (entry, True)
                return
            # If that fails, it counts as unsettled once this process has ended.
            with contextlib.suppress(OSError):
                sent = self._path(entry, "sent")
                sent.replace(sent.with_suffix(".lost"))

    def end(self, entry: Entry) -> None:
        """Forget a write whose outcome is known; harmless twice."""
        with self._lock:
            self._memory.pop(entry.id, None)
            self._lost_at.pop(entry.id, None)
            if self.folder is None:
                return
            for path in self.folder.glob(f"{entry.id}.*"):
                # One that stays is looked up once more by settle(), and found.
                with contextlib.suppress(OSError):
                    path.unlink()

    def unsettled(self) -> Unsettled:
        """Return the writes that nobody waits for any more, oldest first.

        Raises
        ------
        StateError
            If an entry is sealed, and the passphrase does not open it.
        """
        return Unsettled(entry for entry, is_lost in self.entries() if is_lost)

    def entries(self) -> list[tuple[Entry, bool]]:
        """Return all writes that have no outcome, of every kernel, and which of them are lost."""
        with self._lock:
            if self.folder is None:
                return list(self._memory.values())
            if not self.folder.is_dir():
                return []
            found = []
            for path in sorted(self.folder.glob("*.sent")) + sorted(self.folder.glob("*.lost")):
                is_lost = path.suffix == ".lost" or not self._lives(self.folder, path.suffixes[0])
                entry = self._read(path)
                if entry is not None:
                    found.append((entry, is_lost))
            return sorted(found, key=lambda pair: pair[0].id)

    def lost_at(self, entry: Entry) -> float:
        """Return the time from which its answer was waited for no more, in seconds."""
        return self._lost_at.get(entry.id, entry.sent_at.timestamp())

    def delete(self) -> None:
        """Delete the journal.

        Raises
        ------
        StateError
            If it can't be deleted.
        """
        with self._lock:
            self._memory.clear()
            if self._held is not None:
                self._held.release()
                self._held = None
            if self.folder is not None and self.folder.is_dir():
                try:
                    shutil.rmtree(self.folder)
                except OSError as error:
                    raise StateError(
                        f"{self.folder} can't be deleted ({error.strerror}). Delete it by hand."
                    ) from error

    def _path(self, entry: Entry, state: str) -> Path:
        assert self.folder is not None
        return self.folder / f"{entry.id}.{self._owner}.{state}"

    def _live(self, folder: Path) -> None:
        """Hold this process's own lock, and clear away those of dead ones that left nothing."""
        if self._held is not None:
            return
        make_private_folder(folder)
        left = {path.suffixes[0] for path in folder.glob("*.sent")}
        for path in folder.glob("*.owner"):
            if f".{path.stem}" not in left and not self._lives(folder, f".{path.stem}"):
                path.unlink(missing_ok=True)
        held = FileLock(folder / f"{self._owner}.owner", timeout=0, mode=0o600)
        held.acquire()
        self._held = held

    def _lives(self, folder: Path, owner: str) -> bool:
        """Return whether the process that has sent something still holds its lock."""
        if owner == f".{self._owner}":
            return True
        path = folder / f"{owner[1:]}.owner"
        if not path.exists():
            return False
        # One asks at a time: whoever asks holds the lock for a moment.
        with FileLock(folder / "asking", mode=0o600):
            try:
                with FileLock(path, timeout=0, mode=0o600):
                    return False
            except Timeout:
                return True

    def _write(self, entry: Entry) -> str:
        told = asdict(entry) | {"sent_at": entry.sent_at.isoformat(), "format": _FORMAT}
        seal = self._file.seal() if self._file else None
        if seal is None:
            return json.dumps(told)
        shown = {"format": _FORMAT, "salt": base64.b64encode(seal.salt).decode()}
        return json.dumps(shown | {"sealed": seal.close(Secret(json.dumps(told)), _beside(shown))})

    def _read(self, path: Path) -> Entry | None:
        try:
            told = json.loads(path.read_bytes())
            if "sealed" in told:
                told = self._open(path, told)
            if told.pop("format") != _FORMAT:
                raise StateError(f"{path} was written by another bunqkit. Settle it with that one.")
            return Entry(
                **told
                | {
                    "sent_at": datetime.fromisoformat(told["sent_at"]),
                    "references": tuple(told["references"]),
                    "amounts": tuple(map(tuple, told["amounts"])),
                    "payees": tuple(map(tuple, told["payees"])),
                }
            )
        except FileNotFoundError:
            # Another kernel has just settled it.
            return None
        except OSError as error:
            raise StateError(
                f"{path} can't be read ({error.strerror}). Check its permissions."
            ) from error
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            self._set_aside(path)
            return None

    def _open(self, path: Path, told: dict[str, Any]) -> Any:
        salt = base64.b64decode(told["salt"], validate=True)
        seal = self._file.seal(salt) if self._file else None
        sealed = told.pop("sealed")
        opened = seal and seal.open(sealed, _beside(told))
        if not opened:
            raise StateError(
                f"{path} is encrypted, and "
                f"{'this passphrase does not open it' if seal else 'there is no passphrase'}. "
                "Correct BUNQ_STATE_PASSPHRASE."
            )
        return json.loads(opened.reveal())

    def _set_aside(self, path: Path) -> None:
        with contextlib.suppress(OSError):
            path.replace(path.with_suffix(".damaged"))
        warnings.warn(
            f"{path} is damaged, and was renamed. It stood for a write whose outcome is not known: "
            "compare what your account shows at the time in its name with what you have sent.",
            StateWarning,
            stacklevel=2,
        )


def find_references(value: object) -> Iterator[str]:
    """Return every reference in a body or an item, at any depth."""
    if isinstance(value, Mapping):
        for name, inner in value.items():
            if name == REFERENCE and isinstance(inner, str) and inner:
                yield inner
            elif not isinstance(inner, str):
                yield from find_references(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from find_references(inner)


def _size(value: str) -> object:
    try:
        return Decimal(value)
    except InvalidOperation:
        return value


def find_amounts(value: object, path: str = "") -> Iterator[tuple[str, str, str]]:
    """Return every amount in a body or an item: the path of its field, value, currency."""
    if isinstance(value, Mapping):
        if {"value", "currency"} <= value.keys():
            yield path, str(value["value"]), str(value["currency"])
            return
        for name, inner in value.items():
            yield from find_amounts(inner, f"{path}.{name}" if path else str(name))
    elif isinstance(value, list | tuple):
        for number, inner in enumerate(value):
            yield from find_amounts(inner, f"{path}.{number}")


def _public(value: object) -> object:
    """Return a JSON value without references and secrets."""
    if isinstance(value, Mapping):
        return {
            str(name): _public(inner)
            for name, inner in value.items()
            if name != REFERENCE and not _is_secret(str(name)) and not isinstance(inner, Secret)
        }
    if isinstance(value, list | tuple):
        return [_public(inner) for inner in value]
    return value if isinstance(value, _PLAIN) or value is None else str(value)


def _is_secret(name: str) -> bool:
    return is_secret_name(name) or is_number_of_card(name)


def _beside(shown: Mapping[str, Any]) -> str:
    return json.dumps({name: shown[name] for name in ("format", "salt")})


def _sync_folder(folder: Path) -> None:
    """Wait until the names in a folder are on the disk, where a folder can be opened."""
    if os.name != "posix":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
