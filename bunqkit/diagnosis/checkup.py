"""``doctor()``: says why a connection fails, the most likely cause first, and what to do.

It does what ``connect()`` does, and stops where that would fail. At the bank it does no more than
``connect()`` would. An open session is only tried with a read. If there is none, the results of the
three steps are kept, so that the next ``connect()`` uses them and nothing is opened twice.
"""

from __future__ import annotations

import difflib
import os
import platform
import re
import stat
import textwrap
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path

from bunqkit.diagnosis.causes import Cause, load_texts, make_cause
from bunqkit.diagnosis.probe import CauseFoundError, Check, Probe
from bunqkit.display.html import card, key_values, table
from bunqkit.display.terminal import printable
from bunqkit.errors import SettingsError
from bunqkit.security.env_files import list_profiles
from bunqkit.security.private_files import (
    PrivacyWarning,
    has_owners,
    how_to_own,
    why_open,
    why_untrusted,
)
from bunqkit.security.redaction import Secret, forgetting
from bunqkit.security.secret_scan import mask_secrets
from bunqkit.settings import NAMES, Settings, load_settings, read_values

_WIDTH = 79
_NEARLY_ENV = (".env.txt", ".env.example", ".env.local", "env", "env.txt", "dotenv")


@dataclass(frozen=True)
class Checkup:
    """The doctor's result: shows the most likely cause first, and holds no secret.

    Attributes
    ----------
    cause
        Why it does not work, or what should be corrected; ``None`` if all is well.
    checks
        The checks, in order.
    environment
        ``OFFLINE``, ``SANDBOX``, ``PRODUCTION``, or empty if it is not known.
    """

    cause: Cause | None
    checks: tuple[Check, ...]
    environment: str

    @property
    def is_well(self) -> bool:
        """True if nothing has to be done."""
        return self.cause is None

    @property
    def headline(self) -> str:
        """The most likely cause in one line, or that there is none."""
        if self.cause is not None:
            return self.cause.summary
        results = [check.finding for check in self.checks if check.name in ("bank", "session")]
        return f"All is well: {results[-1]}"

    def __repr__(self) -> str:
        parts = [self.headline]
        if self.cause is not None:
            parts += ["", "What to do"]
            for number, step in enumerate(self.cause.steps, 1):
                parts += _fill(step, f"  {number}. ")
        parts += ["", "Checks"]
        for check in self.checks:
            parts += _fill(printable(check.finding), f"  {check.name:<13}{check.state:<7}")
        return "\n".join(parts)

    def _repr_html_(self) -> str:
        steps = self.cause.steps if self.cause else ()
        numbered = {str(number): step for number, step in enumerate(steps, 1)}
        rows = [[check.name, check.state, check.finding] for check in self.checks]
        parts = [key_values(numbered)] if numbered else []
        parts.append(table(("check", "state", "found"), rows))
        return card(self.headline, *parts, environment=self.environment or "")


@forgetting
def doctor(
    *,
    environment: str | None = None,
    api_key: str | Secret | None = None,
    env_file: str | os.PathLike[str] | None = None,
    profile: str | None = None,
) -> Checkup:
    """Return why ``connect()`` fails, and what to do.

    Parameters
    ----------
    environment, api_key, env_file, profile
        As for ``connect()``.

    Returns
    -------
    Checkup
        Its first line is the most likely cause. It holds no secret, so it can be pasted into a bug
        report.
    """
    api_key = Secret(api_key) if isinstance(api_key, str) else api_key
    with warnings.catch_warnings():
        # Files that others can read are reported by a check.
        warnings.simplefilter("ignore", PrivacyWarning)
        examination = _Examination(env_file, profile)
        settings: Settings | None = None
        cause: Cause | None = None
        try:
            settings = examination.settings(environment, api_key)
            if settings.base_url is None:
                examination.note(
                    "bank", "well", "connect() opens a bank in this process, and needs no key"
                )
            else:
                place = examination.place_of_key(api_key)
                age_h = examination.age_of_key_h(place)
                cause = Probe(settings, examination.checks, place, age_h).run()
        except CauseFoundError as stop:
            cause = stop.cause
        minor_causes = [*examination.files(settings), *examination.libraries()]
        if cause is None and minor_causes:
            cause = minor_causes[0]
        return Checkup(
            cause and Cause(cause.name, _tidy(cause.summary), tuple(map(_tidy, cause.steps))),
            tuple(replace(check, finding=_tidy(check.finding)) for check in examination.checks),
            settings.environment if settings else "",
        )


class _Examination:
    """The checks that need no network."""

    def __init__(self, env_file: str | os.PathLike[str] | None, profile: str | None) -> None:
        self.checks: list[Check] = []
        self._env_file, self._profile = env_file, profile
        self._path, self._values = read_values(env_file, profile)

    def note(self, name: str, state: str, finding: str) -> None:
        self.checks.append(Check(name, state, finding))

    def settings(self, environment: str | None, api_key: Secret | None) -> Settings:
        """Read the settings, or stop at what is wrong with them."""
        if profiles := list_profiles():
            self.note("profiles", "well", f"to choose by BUNQ_PROFILE: {', '.join(profiles)}")
        self._check_names(has_key=api_key is not None)
        try:
            settings = load_settings(
                environment=environment,
                api_key=api_key,
                env_file=self._env_file,
                profile=self._profile,
            )
        except SettingsError as error:
            self.note("settings", "wrong", str(error))
            raise CauseFoundError(_cause_of(str(error), self._path or self._env_file)) from error
        source = f"from {self._path}" if self._path else "no .env was found"
        self.note("settings", "well", f"{settings.environment}, {source}")
        if places := settings.describe_places():
            self.note("places", "well", places)
        if self._path is None:
            self._check_file_name()
        self._check_key(settings, api_key)
        return settings

    def place_of_key(self, argument: object) -> str:
        """Return the place where the key stands, or should stand, in words."""
        if argument is not None:
            return "the argument of the call"
        if "BUNQ_API_KEY" in os.environ:
            return "the environment"
        return str(self._path) if self._path else ".env"

    def age_of_key_h(self, place: str) -> float:
        """Return the hours since the file with the key was written; 0 if it is in no file."""
        if self._path is None or place != str(self._path):
            return 0.0
        return (datetime.now(UTC).timestamp() - self._path.stat().st_mtime) / 3600

    def files(self, settings: Settings | None) -> Iterator[Cause]:
        """Check who may read the files that open the account."""
        if not has_owners():
            self.note("permissions", "note", "not checked: files have no owners and modes here")
            return
        files = [self._path] if self._path else []
        if settings is not None and settings.base_url is not None:
            files += sorted(settings.state_folder.glob(f"{settings.environment.lower()}-*.json"))
            folder = settings.state_folder
            if folder.is_dir() and (why := why_open(folder.stat(), reading=0)):
                command = how_to_own(folder, folder.stat())
                self.note("permissions", "wrong", f"{folder}: {why}")
                yield make_cause("open folder", file=folder, command=command)
        is_private = True
        for file in files:
            status = file.stat()
            why = why_open(status, reading=stat.S_IRGRP | stat.S_IROTH) or why_untrusted(status)
            if why:
                is_private = False
                command = how_to_own(file, status)
                self.note("permissions", "wrong", f"{file}: {why}. To correct it: {command}")
                yield make_cause("open file", file=file, command=command)
        if files and is_private:
            self.note("permissions", "well", "only you can read the files that open the account")

    def libraries(self) -> Iterator[Cause]:
        """Compare the versions of libraries with those that the package requires."""
        python = f"Python {platform.python_version()}"
        versions = [f"bunqkit {_version('bunqkit')}", python, platform.system()]
        state = "well"
        for requirement in metadata.requires("bunqkit") or ():
            match = re.match(r"([\w.-]+)>=([\d.]+)$", requirement)
            if match is None:
                continue
            library, least = match.groups()
            version = _version(library)
            versions.append(f"{library} {version}")
            if _numbers(version) < _numbers(least):
                state = "wrong"
                yield make_cause("old library", library=library, version=version, least=least)
        self.note("versions", state, ", ".join(versions))

    def _check_file_name(self) -> None:
        for name in _NEARLY_ENV:
            file = Path.cwd() / name
            if file.is_file() and re.search(rb"(?m)^[ \t]*BUNQ_\w+=", file.read_bytes()):
                self.note("settings", "wrong", f"{file} has settings, and is not read")
                raise CauseFoundError(make_cause("file of another name", file=name))

    def _check_names(self, *, has_key: bool) -> None:
        for wrong in self._values:
            right = _closest_setting(wrong)
            is_set = right in self._values or (has_key and right == "BUNQ_API_KEY")
            if right is None:
                continue
            if is_set:
                self.note("settings", "note", f"{wrong} is no setting; {right} is, and it is set")
                continue
            place = "the environment" if wrong in os.environ else str(self._path)
            self.note("settings", "wrong", f"{wrong} in {place} is no setting of bunqkit")
            raise CauseFoundError(
                make_cause("misspelt name", wrong=wrong, right=right, place=place)
            )

    def _check_key(self, settings: Settings, argument: Secret | None) -> None:
        key = settings.api_key.reveal() if settings.api_key else ""
        place = self.place_of_key(argument)
        if not key:
            if settings.environment == "PRODUCTION":
                self.note("key", "wrong", "none, and production can't make one")
                raise CauseFoundError(make_cause("no key", place=place, environment="PRODUCTION"))
            if "BUNQ_API_KEY" in self._values:
                self.note("key", "note", f"the one in {place} is not used: OFFLINE needs none")
            elif settings.base_url is None:
                self.note("key", "well", "none")
            else:
                self.note("key", "well", "none: connect() makes a user")
        elif not re.fullmatch(r"[\w.~+/=-]+", key, re.ASCII):
            self.note("key", "wrong", f"in {place}, with letters that no key has")
            raise CauseFoundError(make_cause("letters of key", place=place))
        else:
            form = "a sandbox key" if key.startswith("sandbox_") else "a key or token of 64 digits"
            is_usual = re.fullmatch(r"(sandbox_)?[0-9a-f]{64}", key) is not None
            shape = f"the form of {form}" if is_usual else f"an unusual form, {len(key)} letters"
            self.note("key", "well" if is_usual else "note", f"in {place}, with {shape}")


def _cause_of(message: str, path: object) -> Cause:
    """Return the cause that the message of a ``SettingsError`` stands for."""
    place = str(path) if path else ".env"
    if "letters that no key has" in message:
        return make_cause("letters of key", place=place)
    if "is a sandbox key" in message:
        return make_cause("sandbox key in production", place=place)
    name = re.match(r"BUNQ_\w+", message)
    if name is not None and "does not count for" in message:
        return make_cause("place", name=name[0], message=message)
    if "was not read: " in message:
        return make_cause("stranger's file", message=message)
    if name is not None:
        return make_cause("settings", name=name[0], message=message)
    return make_cause("env file", message=message)


def _closest_setting(name: str) -> str | None:
    """Return the setting that a wrong name most likely stands for; ``None`` for a right one."""
    if name in NAMES:
        return None
    words = name.upper().replace("-", "_")
    wrong_names = load_texts()["wrong_names"]
    if words in NAMES or words in wrong_names:
        return str(wrong_names.get(words, words))
    matches = difflib.get_close_matches(words, NAMES, n=1, cutoff=0.8)
    return matches[0] if matches else None


def _version(library: str) -> str:
    try:
        return metadata.version(library)
    except metadata.PackageNotFoundError:
        return "missing"


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version)[:3])


def _tidy(text: str) -> str:
    """Mask secrets in a text, and replace the path of the home folder by ``~``."""
    return mask_secrets(text).replace(f"{Path.home()}{os.sep}", f"~{os.sep}")


def _fill(text: str, start: str) -> list[str]:
    return textwrap.wrap(
        text,
        _WIDTH,
        initial_indent=start,
        subsequent_indent=" " * len(start),
        break_on_hyphens=False,
    )
