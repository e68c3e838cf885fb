"""Installation, device and session: what they are, and how they are kept on disk.

One private file for each pair of key and bank, named after a fingerprint of both, written whole or
not at all. Without it every start would register one more device and spend the one session that
bunq allows in 30 seconds.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from bunqkit.errors import BunqkitError, StateError
from bunqkit.security.encryption import Seal
from bunqkit.security.private_files import (
    how_to_own,
    make_private_folder,
    remove_halves,
    warn_if_open,
    why_untrusted,
    write_private,
)
from bunqkit.security.redaction import Forgetting, Private, Secret, is_secret_name
from bunqkit.security.signing import KeyPair, PublicKey

_FORMAT = 1
_LOCK_WAIT_S = 60.0


class StateWarning(UserWarning):
    """What was kept on disk could not be used, and was set aside."""


@dataclass(frozen=True)
class Installation:
    """First step: the two sides know each other's public key.

    Attributes
    ----------
    id
        The bank's number for it.
    token
        The installation token: opens ``device-server`` and ``session-server``, nothing else.
    key
        Our key pair, which signs.
    bank_key
        The bank's public key, which verifies its answers.
    """

    id: int
    token: Secret
    key: KeyPair
    bank_key: PublicKey


@dataclass(frozen=True)
class Device:
    """Second step: the API key is bound to this installation and its permitted addresses.

    Attributes
    ----------
    id
        The bank's number for it.
    description
        What the device is called at the bank.
    """

    id: int
    description: str


@dataclass(frozen=True)
class Session:
    """Third step: a token that opens everything else, until it expires.

    Attributes
    ----------
    id
        The bank's number for it.
    token
        The session token.
    user_type
        ``UserPerson``, ``UserCompany``, ``UserApiKey``, ``UserPaymentServiceProvider``, or one
        that this kit has not heard of.
    user
        The user as the bank gave it; its id stands in the path of every later call.
    opened_at, timeout_s
        When it was opened (UTC), and how many seconds without a call end it.
    """

    id: int
    token: Secret
    user_type: str
    user: dict[str, Any] = field(repr=False)
    opened_at: datetime
    timeout_s: int

    @property
    def expires_at(self) -> datetime:
        """When it ends if it is not used (UTC)."""
        return self.opened_at + timedelta(seconds=self.timeout_s)

    @property
    def user_id(self) -> int:
        """The id that stands in the path of every later call."""
        return int(self.user["id"])


@dataclass(frozen=True)
class State:
    """What one key has reached at one bank: the three steps, as far as they are done."""

    installation: Installation
    device: Device
    session: Session | None = None


class StateFile(Private):
    """The file of one key at one bank.

    Parameters
    ----------
    folder
        Made if absent, readable by its owner alone.
    environment, base_url, api_key
        What the file is bound to: it is found, and used, only for the same three.
    passphrase
        Encrypts what is kept, and opens it again; without it tokens and key stand there as text.
    """

    def __init__(
        self,
        folder: Path,
        *,
        environment: str,
        base_url: str,
        api_key: Secret,
        passphrase: Secret | None = None,
    ) -> None:
        self._fingerprint = _fingerprint(environment, base_url, api_key)
        self.path = folder / f"{environment.lower()}-{self._fingerprint[:16]}.json"
        self._passphrase = passphrase
        self._seal: Seal | None = None

    def seal(self, salt: bytes | None = None) -> Seal | None:
        """Return what seals this file and what is kept beside it; ``None`` without a passphrase.

        Parameters
        ----------
        salt
            Of the text that is to be opened; without it, that of this file.
        """
        if self._passphrase is None:
            return None
        if self._seal is None:
            self._seal = Seal(self._passphrase, salt)
        return self._seal if salt in (None, self._seal.salt) else Seal(self._passphrase, salt)

    @contextlib.contextmanager
    def lock(self) -> Iterator[None]:
        """Keep other threads and processes from the file until the block ends.

        Raises
        ------
        StateError
            If another process does not let go of it within a minute, or it can't be made.
        """
        make_private_folder(self.path.parent)
        lock = FileLock(f"{self.path}.lock", timeout=_LOCK_WAIT_S, mode=0o600)
        try:
            lock.acquire()
        except Timeout as error:
            raise StateError(
                f"{lock.lock_file} has been held for {_LOCK_WAIT_S:.0f} s by another kernel. "
                "Stop the one that hangs, then try again."
            ) from error
        except OSError as error:
            raise StateError(
                f"{lock.lock_file} can't be made ({error.strerror}). Make the folder writable, or "
                "name another in BUNQ_STATE_DIR."
            ) from error
        try:
            yield
        finally:
            lock.release()

    def load(self) -> State | None:
        """Read what was kept; ``None`` if nothing was.

        A file that is damaged, or was written for another key or bank, is renamed and warned
        about, never overwritten. One that was written without the passphrase is encrypted now.

        Raises
        ------
        StateError
            If it is there and can't be read, or the passphrase does not open it.
        """
        found = self.look()
        if found is None:
            return None
        warn_if_open(self.path)
        if isinstance(found, str):
            self._set_aside(found)
            return None
        if self._passphrase is not None and self._seal is None:
            self.save(found)
        return found

    def look(self) -> State | str | None:
        """Read what was kept, and change nothing: give it, or why it can't be used, or ``None``.

        Raises
        ------
        StateError
            If it can't be read, a stranger may have written it, or the passphrase does not open it.
        """
        try:
            status = self.path.stat()
            why = why_untrusted(status)
            with Forgetting():
                found = None if why else self._read(self.path.read_bytes())
        except FileNotFoundError:
            return None
        except OSError as error:
            raise StateError(
                f"{self.path} can't be read ({error.strerror}). Check its permissions, or name "
                "another folder in BUNQ_STATE_DIR."
            ) from error
        if why:
            raise StateError(
                f"{self.path} was not used: {why}. Make it yours alone: "
                f"{how_to_own(self.path, status)}. Or, to start anew with a new device, move the "
                "file away."
            )
        if isinstance(found, _Closed):
            raise StateError(
                f"{self.path} is encrypted, and {found.why}. Correct BUNQ_STATE_PASSPHRASE; or, to "
                "start anew with a new device, move the file away."
            )
        return found

    def save(self, state: State) -> None:
        """Write the state whole, or leave the file as it was.

        Raises
        ------
        StateError
            If it can't be written.
        """
        make_private_folder(self.path.parent)
        remove_halves(self.path)
        try:
            with Forgetting():
                write_private(self.path, self._write(state))
        except OSError as error:
            raise StateError(
                f"{self.path} can't be written ({error.strerror}). Make room or make the folder "
                "writable, or name another in BUNQ_STATE_DIR."
            ) from error

    def delete(self) -> None:
        """Delete what is kept of this key at this bank, what was set aside included.

        Raises
        ------
        StateError
            If something can't be deleted.
        """
        with self.lock():
            remove_halves(self.path)
            aside = self.path.parent.glob(f"{self.path.stem}.aside-*")
            for path in (self.path, *aside):
                try:
                    path.unlink(missing_ok=True)
                except OSError as error:
                    raise StateError(
                        f"{path} can't be deleted ({error.strerror}). Delete it by hand: it holds "
                        "keys."
                    ) from error
        with contextlib.suppress(OSError):
            Path(f"{self.path}.lock").unlink()

    def _write(self, state: State) -> str:
        bound = {"format": _FORMAT, "fingerprint": self._fingerprint}
        if self._passphrase is None:
            return json.dumps(bound | _state_to_json(state))
        self._seal = self._seal or Seal(self._passphrase)
        told = _state_to_json(state, self._seal.pem_password)
        shown = bound | {
            "salt": base64.b64encode(self._seal.salt).decode(),
            "private_key": told["installation"].pop("private_key"),
        }
        sealed = self._seal.close(Secret(json.dumps(told)), json.dumps(shown))
        return json.dumps(shown | {"sealed": sealed})

    def _read(self, raw: bytes) -> State | str | _Closed:
        """Give the state, or why there is none; no frame that raises holds what was read."""
        try:
            kept = json.loads(raw)
            if kept["format"] != _FORMAT:
                return "was written by another bunqkit, in another format"
            if kept["fingerprint"] != self._fingerprint:
                return "was written for another key or bank"
            return self._open(kept) if "sealed" in kept else _state_from_json(kept)
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError, BunqkitError):
            return "is damaged"

    def _open(self, kept: dict[str, Any]) -> State | _Closed:
        if self._passphrase is None:
            return _Closed("there is no passphrase")
        salt = base64.b64decode(kept["salt"], validate=True)
        sealed = kept.pop("sealed")
        if self._seal is None or self._seal.salt != salt:
            self._seal = Seal(self._passphrase, salt)
        opened = self._seal.open(sealed, json.dumps(kept))
        if opened is None:
            self._seal = None
            return _Closed("this passphrase does not open it, or somebody changed it")
        told = json.loads(opened.reveal())
        told["installation"]["private_key"] = kept["private_key"]
        return _state_from_json(told, self._seal.pem_password)

    def _set_aside(self, why: str) -> None:
        number = 1
        while (aside := self.path.with_name(f"{self.path.stem}.aside-{number}")).exists():
            number += 1
        try:
            self.path.replace(aside)
        except OSError as error:
            raise StateError(
                f"{self.path} {why}, and can't be renamed ({error.strerror}). Move it away."
            ) from error
        warnings.warn(
            f"{self.path} {why}. It was renamed to {aside.name}; the three steps are made anew.",
            StateWarning,
            stacklevel=2,
        )


def _fingerprint(environment: str, base_url: str, api_key: Secret) -> str:
    bound_to = f"{environment}\n{base_url}\n{api_key.reveal()}"
    return hashlib.sha256(bound_to.encode()).hexdigest()


@dataclass(frozen=True)
class _Closed:
    """Why a state stays closed: it is neither used nor set aside."""

    why: str


def read_kept_secrets(folder: Path) -> list[Secret]:
    """Give the tokens and private keys in a folder of states, those set aside included."""
    found = []
    for path in (*folder.glob("*.json"), *folder.glob("*.aside-*")):
        try:
            kept = json.loads(path.read_bytes())
            found += [
                Secret(text)
                for step in kept.values()
                if isinstance(step, dict)
                for name, text in step.items()
                if is_secret_name(name) and isinstance(text, str)
            ]
        except (OSError, ValueError, AttributeError, RecursionError):
            continue
    return found


def _state_to_json(state: State, password: Secret | None = None) -> dict[str, Any]:
    installation, device, session = state.installation, state.device, state.session
    return {
        "installation": {
            "id": installation.id,
            "token": installation.token.reveal(),
            "private_key": installation.key.to_pem(password).reveal(),
            "bank_key": installation.bank_key.pem,
        },
        "device": {"id": device.id, "description": device.description},
        "session": session
        and {
            "id": session.id,
            "token": session.token.reveal(),
            "user_type": session.user_type,
            "user": session.user,
            "opened_at": session.opened_at.isoformat(),
            "timeout_s": session.timeout_s,
        },
    }


def _state_from_json(kept: dict[str, Any], password: Secret | None = None) -> State:
    installation, device, session = kept["installation"], kept["device"], kept["session"]
    return State(
        Installation(
            id=int(installation["id"]),
            token=Secret(installation["token"], kind="installation"),
            key=KeyPair.from_pem(installation["private_key"], password),
            bank_key=PublicKey.from_pem(installation["bank_key"]),
        ),
        Device(id=int(device["id"]), description=str(device["description"])),
        session
        and Session(
            id=int(session["id"]),
            token=Secret(session["token"], kind="session"),
            user_type=str(session["user_type"]),
            user={**session["user"], "id": int(session["user"]["id"])},
            opened_at=_aware(session["opened_at"]),
            timeout_s=int(session["timeout_s"]),
        ),
    )


def _aware(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError("a time in the state has no zone")
    return moment
