"""Installation, device and session: what they are, and how they are kept on disk.

There is one private file for each pair of key and bank, named after a fingerprint of both. It is
written whole or not at all. Without it every start would register one more device, and use up the
one session that bunq allows in 30 seconds.
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

from bunqkit.errors import BunqkitError, StateError
from bunqkit.security.encryption import Seal
from bunqkit.security.private_files import (
    StateWarning,
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


@dataclass(frozen=True)
class Installation:
    """The result of the first step: the two sides know each other's public key.

    Attributes
    ----------
    id
        The bank's number for the installation.
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
    """The result of the second step: the API key is bound to the installation and to addresses.

    Attributes
    ----------
    id
        The bank's number for the device.
    description
        The name of the device at the bank.
    """

    id: int
    description: str


@dataclass(frozen=True)
class Session:
    """The result of the third step: a token that opens everything else, until it expires.

    Attributes
    ----------
    id
        The bank's number for the session.
    token
        The session token.
    user_type
        ``UserPerson``, ``UserCompany``, ``UserApiKey``, ``UserPaymentServiceProvider``, or one
        that this kit has not heard of.
    user
        The user as the bank sent it; its id stands in the path of every later call.
    opened_at, timeout_s
        The time when it was opened (UTC), and the seconds without a call that end it.
    """

    id: int
    token: Secret
    user_type: str
    user: dict[str, Any] = field(repr=False)
    opened_at: datetime
    timeout_s: int

    @property
    def expires_at(self) -> datetime:
        """The time when it ends if it is not used (UTC)."""
        return self.opened_at + timedelta(seconds=self.timeout_s)

    @property
    def user_id(self) -> int:
        """The id that stands in the path of every later call."""
        return int(self.user["id"])


@dataclass(frozen=True)
class State:
    """Installation, device and session of one key at one bank; the session may be missing."""

    installation: Installation
    device: Device
    session: Session | None = None


class StateFile(Private):
    """The file of one key at one bank.

    Parameters
    ----------
    folder
        The folder of the file. It is made if it is absent, and only its owner can read it.
    environment, base_url, api_key
        The file is bound to these three: it is found and used only for the same ones.
    passphrase
        Encrypts and opens the file. Without it tokens and keys stand in it as plain text.
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
        """Return the seal of this file and of those beside it; ``None`` without a passphrase.

        Parameters
        ----------
        salt
            The salt of the text that is to be opened; without it, the salt of this file.
        """
        if self._passphrase is None:
            return None
        if self._seal is None:
            self._seal = Seal(self._passphrase, salt)
        return self._seal if salt in (None, self._seal.salt) else Seal(self._passphrase, salt)

    @contextlib.contextmanager
    def lock(self) -> Iterator[None]:
        """Lock the file against other threads and processes until the block ends.

        Raises
        ------
        StateError
            If another process holds the lock for a minute, or the lock file can't be made.
        """
        from filelock import FileLock, Timeout

        make_private_folder(self.path.parent)
        lock = FileLock(f"{self.path}.lock", timeout=_LOCK_WAIT_S, mode=0o600)
        remedy = "Make the folder writable, or name another in BUNQ_STATE_DIR."
        with _explain(f"{lock.lock_file} can't be made", remedy):
            try:
                lock.acquire()
            except Timeout as error:
                raise StateError(
                    f"{lock.lock_file} has been held for {_LOCK_WAIT_S:.0f} s by another kernel. "
                    "Stop the one that hangs, then try again."
                ) from error
        try:
            yield
        finally:
            lock.release()

    def load(self) -> State | None:
        """Return the state on disk; ``None`` if there is none.

        A file that is damaged, or was written for another key or bank, is renamed with a warning,
        never overwritten. A file that was written without the passphrase is encrypted now.

        Raises
        ------
        StateError
            If the file can't be read, or the passphrase does not open it.
        """
        state = self.look()
        if state is None:
            return None
        warn_if_open(self.path)
        if isinstance(state, str):
            self._set_aside(state)
            return None
        if self._passphrase is not None and self._seal is None:
            self.save(state)
        return state

    def look(self) -> State | str | None:
        """Return the state on disk and change nothing; or why it can't be used, or ``None``.

        Raises
        ------
        StateError
            If it can't be read, another user may have written it, or the passphrase does not open
            it.
        """
        remedy = "Check its permissions, or name another folder in BUNQ_STATE_DIR."
        with _explain(f"{self.path} can't be read", remedy):
            try:
                status = self.path.stat()
                if why := why_untrusted(status):
                    raise StateError(
                        f"{self.path} was not used: {why}. Make it yours alone: "
                        f"{how_to_own(self.path, status)}. Or, to start anew with a new device, "
                        "move the file away."
                    )
                with Forgetting():
                    state = self._read(self.path.read_bytes())
            except FileNotFoundError:
                return None
        if isinstance(state, _Closed):
            raise StateError(
                f"{self.path} is encrypted, and {state.why}. Correct BUNQ_STATE_PASSPHRASE; or, to "
                "start anew with a new device, move the file away."
            )
        return state

    def save(self, state: State) -> None:
        """Write the state whole, or leave the file as it was.

        Raises
        ------
        StateError
            If it can't be written.
        """
        make_private_folder(self.path.parent)
        remove_halves(self.path)
        remedy = "Make room or make the folder writable, or name another in BUNQ_STATE_DIR."
        with _explain(f"{self.path} can't be written", remedy), Forgetting():
            write_private(self.path, self._write(state))

    def delete(self) -> None:
        """Delete the file and those that were set aside.

        Raises
        ------
        StateError
            If one can't be deleted.
        """
        with self.lock():
            remove_halves(self.path)
            aside = self.path.parent.glob(f"{self.path.stem}.aside-*")
            for path in (self.path, *aside):
                with _explain(f"{path} can't be deleted", "Delete it by hand: it holds keys."):
                    path.unlink(missing_ok=True)
        with contextlib.suppress(OSError):
            Path(f"{self.path}.lock").unlink()

    def _write(self, state: State) -> str:
        bound = {"format": _FORMAT, "fingerprint": self._fingerprint}
        if self._passphrase is None:
            return json.dumps(bound | _state_to_json(state))
        self._seal = self._seal or Seal(self._passphrase)
        secret_part = _state_to_json(state, self._seal.pem_password)
        # The private key has an encryption of its own, by the same passphrase.
        open_part = bound | {
            "salt": base64.b64encode(self._seal.salt).decode(),
            "private_key": secret_part["installation"].pop("private_key"),
        }
        sealed = self._seal.close(Secret(json.dumps(secret_part)), json.dumps(open_part))
        return json.dumps(open_part | {"sealed": sealed})

    def _read(self, raw: bytes) -> State | str | _Closed:
        """Return the state, or why there is none. No frame that raises holds what was read."""
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
        state = json.loads(opened.reveal())
        state["installation"]["private_key"] = kept["private_key"]
        return _state_from_json(state, self._seal.pem_password)

    def _set_aside(self, why: str) -> None:
        number = 1
        while (aside := self.path.with_name(f"{self.path.stem}.aside-{number}")).exists():
            number += 1
        with _explain(f"{self.path} {why}, and can't be renamed", "Move it away."):
            self.path.replace(aside)
        warnings.warn(
            f"{self.path} {why}. It was renamed to {aside.name}; the three steps are made anew.",
            StateWarning,
            stacklevel=2,
        )


@contextlib.contextmanager
def _explain(problem: str, remedy: str) -> Iterator[None]:
    """Raise ``StateError`` with the problem and the remedy in place of an ``OSError``."""
    try:
        yield
    except OSError as error:
        raise StateError(f"{problem} ({error.strerror}). {remedy}") from error


def _fingerprint(environment: str, base_url: str, api_key: Secret) -> str:
    bound_to = f"{environment}\n{base_url}\n{api_key.reveal()}"
    return hashlib.sha256(bound_to.encode()).hexdigest()


@dataclass(frozen=True)
class _Closed:
    """Why an encrypted state can't be opened: it is neither used nor set aside."""

    why: str


def read_kept_secrets(folder: Path) -> list[Secret]:
    """List the tokens and private keys in a folder of states, those set aside included."""
    secrets = []
    for path in (*folder.glob("*.json"), *folder.glob("*.aside-*")):
        try:
            kept = json.loads(path.read_bytes())
            secrets += [
                Secret(text)
                for step in kept.values()
                if isinstance(step, dict)
                for name, text in step.items()
                if is_secret_name(name) and isinstance(text, str)
            ]
        except (OSError, ValueError, AttributeError, RecursionError):
            continue
    return secrets


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
        raise ValueError("a time in the saved state has no time zone")
    return moment
