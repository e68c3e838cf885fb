"""Keeps a journal of writes: each is noted before it is sent, until its outcome is known.

A private folder beside the state file holds one file for each write. The file is on the disk before
the write is sent, and is deleted when the outcome is known. So what a crash leaves there is
unsettled. A file is called ``*.sent`` while the write is under way, and ``*.lost`` once its answer
was lost. Each process holds a lock of its own while it lives. If that lock is free, nobody waits
for the answers to the writes of this process any more.

An entry holds what a person needs to find a write in the app, and hashes of the rest, made with a
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
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bunqkit.catalogue.values import find_payees, plain_payee
from bunqkit.errors import StateError, UnsettledError
from bunqkit.security.private_files import StateWarning, make_private_folder, write_private
from bunqkit.security.redaction import Secret, is_number_of_card, is_secret_name

if TYPE_CHECKING:
    from filelock import FileLock

    from bunqkit.security.encryption import Seal

REFERENCE = "merchant_reference"
"""The field of a body by which a write can be looked up."""
_FORMAT = 1
_ACCOUNT = re.compile(r"/monetary-account/(\d+)")
_PLAIN = (str, bool, int)


@dataclass(frozen=True)
class Entry:
    """One write whose outcome is not known.

    Attributes
    ----------
    id
        Its name in the journal, which begins with the time.
    operation, method, path
        What was called; the path is the one below ``/v1``.
    sent_at
        The time when it was noted, just before it was sent (aware, UTC).
    references
        The references in its body, made by the kit or by the caller.
    amounts
        Each amount of the body: the path of its field, value, currency.
    payees
        Each counterparty of the body: its type and value.
    newest_before
        The newest id of its list that was known before; ``None`` if the list was never read.
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
        """The id of the account in its path; ``None`` if there is none."""
        match = _ACCOUNT.search(self.path)
        return match and match[1]

    def is_like(self, other: Entry) -> bool:
        """Return True if both have the same operation, account, payees, amounts and description.

        Writes that have none of the last three are alike if their bodies are equal.
        """
        if (self.operation, self.path) != (other.operation, other.path):
            return False
        own, theirs = self._terms(), other._terms()
        return own == theirs if any(own) else self.digest == other.digest

    def _terms(self) -> tuple[object, ...]:
        return (
            [(name, _as_decimal(value), currency) for name, value, currency in self.amounts],
            [(kind, plain_payee(value)) for kind, value in self.payees],
            self.digests.get("description"),
        )

    def __str__(self) -> str:
        money = " and ".join(f"{currency} {value}" for _, value, currency in self.amounts)
        whom = ", ".join(value for _, value in self.payees)
        where = f", account {self.account}" if self.account else f", {self.path}"
        reference = f", reference {', '.join(self.references)}" if self.references else ""
        summary = (
            f"{self.operation}{f' of {money}' if money else ''}{f' to {whom}' if whom else ''}"
            f"{where}, {self.sent_at:%Y-%m-%d %H:%M:%S} UTC{reference}"
        )
        # No letter in it can rewrite a terminal.
        return "".join(letter if letter.isprintable() else " " for letter in summary)


class Unsettled(tuple[Entry, ...]):
    """The writes whose outcome is not known, oldest first. A notebook shows them as a table."""

    __slots__ = ()

    def __repr__(self) -> str:
        lines = [f"  {entry.id}  {entry}" for entry in self]
        if not lines:
            return "Nothing is unsettled."
        return "\n".join(["Unsettled (bunq.settle() looks them up):", *lines])

    def _repr_html_(self) -> str:
        from bunqkit.display.html import card, table

        rows = [[entry.id, str(entry)] for entry in self]
        title = "Unsettled: bunq.settle() looks them up" if rows else "Nothing is unsettled"
        return card(title, *([table(["id", "write"], rows)] if rows else []))


class Journal:
    """The journal of one key at one bank, shared by all its kernels.

    Parameters
    ----------
    folder
        Where the journal is kept; ``None`` keeps it in memory.
    api_key
        The key of the hashes is derived from it, and so need not be kept beside them. Without it a
        random key is used.
    seal
        Returns what encrypts the entries, for a salt or for a new one; ``None`` if they are not
        encrypted.

    Attributes
    ----------
    folder
        Where the journal is kept; ``None`` if that is in memory.
    """

    def __init__(
        self,
        folder: Path | None,
        api_key: Secret | None,
        *,
        seal: Callable[[bytes | None], Seal | None] = lambda _salt: None,
    ) -> None:
        self.folder = folder
        self._seal = seal
        key = api_key.reveal().encode() if api_key else secrets.token_bytes()
        self._key = Secret(hmac.new(key, b"bunqkit journal", hashlib.sha256).hexdigest())
        self._lock = threading.RLock()
        self._memory: dict[str, tuple[Entry, bool]] = {}
        self._owner = secrets.token_hex(4)
        self._held: FileLock | None = None
        self._lost_at: dict[str, float] = {}

    def digest(self, value: object) -> str:
        """Return the keyed hash of a JSON value, references and secrets left out."""
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
        """Check that no write like this one is unsettled.

        Raises
        ------
        UnsettledError
            If one is unsettled.
        """
        like = Unsettled(other for other in self.unsettled() if entry.is_like(other))
        if like:
            raise UnsettledError(
                f"{entry.operation} was not sent: nobody knows yet what became of a call like it "
                f"({like[0]}). bunq.settle() looks that up. even_if_unsettled=True sends it all "
                "the same; then both may be carried out.",
                like,
            )

    def begin(self, entry: Entry) -> None:
        """Note a write that will be sent next; it is on the disk when this returns.

        Raises
        ------
        StateError
            If it can't be noted: then the write must not be sent.
        """
        with self._lock:
            if self.folder is None:
                self._memory[entry.id] = (entry, False)
                return
            try:
                self._hold_lock(self.folder)
                write_private(self._path(entry, "sent"), self._write(entry))
                _sync_folder(self.folder)
            except OSError as error:
                raise StateError(
                    f"{entry.operation} was not sent: it can't be noted in {self.folder} "
                    f"({error.strerror}). Make room or make the folder writable, or name another "
                    "in BUNQ_STATE_DIR."
                ) from error

    def lose(self, entry: Entry) -> None:
        """Note that the answer to a write was lost: the write is unsettled from now on."""
        with self._lock:
            self._lost_at[entry.id] = time.time()
            if self.folder is None:
                if entry.id in self._memory:
                    self._memory[entry.id] = (entry, True)
                return
            # If that fails, the write counts as unsettled once this process has ended.
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
                # If one stays, settle() looks it up once more, and finds it.
                with contextlib.suppress(OSError):
                    path.unlink()

    def unsettled(self) -> Unsettled:
        """Return the writes whose answers nobody waits for any more, oldest first.

        Raises
        ------
        StateError
            If an entry is sealed, and the passphrase does not open it.
        """
        return Unsettled(entry for entry, is_lost in self.entries() if is_lost)

    def entries(self) -> list[tuple[Entry, bool]]:
        """Return the writes of every kernel without an outcome; True beside a lost one."""
        with self._lock:
            if self.folder is None:
                return list(self._memory.values())
            if not self.folder.is_dir():
                return []
            entries = []
            for path in sorted(self.folder.glob("*.sent")) + sorted(self.folder.glob("*.lost")):
                is_lost = path.suffix == ".lost" or not self._is_alive(
                    self.folder, path.suffixes[0]
                )
                entry = self._read(path)
                if entry is not None:
                    entries.append((entry, is_lost))
            return sorted(entries, key=lambda pair: pair[0].id)

    def lost_at(self, entry: Entry) -> float:
        """Return when the waiting for its answer ended, in seconds since 1970."""
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

    def _hold_lock(self, folder: Path) -> None:
        """Hold the lock of this process, and delete those of ended processes without entries."""
        from filelock import FileLock

        if self._held is not None:
            return
        make_private_folder(folder)
        senders = {path.suffixes[0] for path in folder.glob("*.sent")}
        for path in folder.glob("*.owner"):
            owner = f".{path.stem}"
            if owner not in senders and not self._is_alive(folder, owner):
                path.unlink(missing_ok=True)
        lock = FileLock(folder / f"{self._owner}.owner", timeout=0, mode=0o600)
        lock.acquire()
        self._held = lock

    def _is_alive(self, folder: Path, owner: str) -> bool:
        """Return True if the process that has sent something still holds its lock."""
        from filelock import FileLock, Timeout

        if owner == f".{self._owner}":
            return True
        path = folder / f"{owner[1:]}.owner"
        if not path.exists():
            return False
        # One process asks at a time, since asking holds the lock for a moment.
        with FileLock(folder / "asking", mode=0o600):
            try:
                with FileLock(path, timeout=0, mode=0o600):
                    return False
            except Timeout:
                return True

    def _write(self, entry: Entry) -> str:
        content = json.dumps(
            asdict(entry) | {"sent_at": entry.sent_at.isoformat(), "format": _FORMAT}
        )
        seal = self._seal(None)
        if seal is None:
            return content
        open_part = {"format": _FORMAT, "salt": base64.b64encode(seal.salt).decode()}
        sealed = seal.close(Secret(content), _write_open_part(open_part))
        return json.dumps(open_part | {"sealed": sealed})

    def _read(self, path: Path) -> Entry | None:
        try:
            content = json.loads(path.read_bytes())
            if "sealed" in content:
                content = self._open(path, content)
            if content.pop("format") != _FORMAT:
                raise StateError(f"{path} was written by another bunqkit. Settle it with that one.")
            return Entry(
                **content
                | {
                    "sent_at": datetime.fromisoformat(content["sent_at"]),
                    "references": tuple(content["references"]),
                    "amounts": tuple(map(tuple, content["amounts"])),
                    "payees": tuple(map(tuple, content["payees"])),
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

    def _open(self, path: Path, sealed: dict[str, Any]) -> Any:
        seal = self._seal(base64.b64decode(sealed["salt"], validate=True))
        content = seal and seal.open(sealed["sealed"], _write_open_part(sealed))
        if not content:
            raise StateError(
                f"{path} is encrypted, and "
                f"{'this passphrase does not open it' if seal else 'there is no passphrase'}. "
                "Correct BUNQ_STATE_PASSPHRASE."
            )
        return json.loads(content.reveal())

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
    """List every reference in a body or an item, at any depth."""
    if isinstance(value, Mapping):
        for name, inner in value.items():
            if name == REFERENCE and isinstance(inner, str) and inner:
                yield inner
            elif not isinstance(inner, str):
                yield from find_references(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from find_references(inner)


def _as_decimal(value: str) -> object:
    try:
        return Decimal(value)
    except InvalidOperation:
        return value


def find_amounts(value: object, path: str = "") -> Iterator[tuple[str, str, str]]:
    """List every amount in a body or an item: the path of its field, value, currency."""
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


def _write_open_part(content: Mapping[str, Any]) -> str:
    return json.dumps({name: content[name] for name in ("format", "salt")})


def _sync_folder(folder: Path) -> None:
    """Wait until the names in a folder are on the disk, where a folder can be opened."""
    if os.name != "posix":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
