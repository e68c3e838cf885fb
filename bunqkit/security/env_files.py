"""Finds, checks, reads and writes the ``.env`` that counts.

``.env.work`` belongs to the profile ``work``. A file is not used if anybody else than this user and
root may have written it, since it could send a key elsewhere.
"""

from __future__ import annotations

import io
import os
import re
import stat
from pathlib import Path

from bunqkit.errors import SettingsError
from bunqkit.security.private_files import how_to_own, warn_if_open, why_untrusted, write_private
from bunqkit.security.redaction import Body, Secret, forgetting

_MOST_BYTES = 1 << 20
_PROFILE = re.compile("[A-Za-z0-9_-]+")
# The template, which is committed.
_TEMPLATE = "example"


def find_env_file(
    env_file: str | os.PathLike[str] | None = None, profile: str | None = None
) -> Path | None:
    """Return the ``.env`` that counts; ``None`` if there is none.

    Parameters
    ----------
    env_file
        A file that replaces the one found upward from the working folder.
    profile
        ``work`` means ``.env.work``, which must exist.

    Raises
    ------
    SettingsError
        If the profile's file is not found.
    """
    if env_file is not None:
        return Path(env_file).expanduser()
    name = f".env.{profile}" if profile else ".env"
    here = Path.cwd()
    for folder in (here, *here.parents):
        path = folder / name
        # A pipe is refused later; a folder of this name is often a virtual environment.
        if path.is_file() or path.is_fifo():
            return path
    if profile is None:
        return None
    profiles = ", ".join(list_profiles()) or "none"
    raise SettingsError(
        f"There is no .env.{profile} in {Path.cwd()} or above it, so the profile {profile} can't "
        f"be used. Make it as .env.example shows; the profiles found are: {profiles}."
    )


def check_profile(name: str, place: str) -> str:
    """Return the name of a profile if it is valid.

    Parameters
    ----------
    name
        The name.
    place
        Where the name comes from, in words.

    Raises
    ------
    SettingsError
        If it can't be the name of a profile.
    """
    from bunqkit.security.secret_scan import mask_secrets

    if not _PROFILE.fullmatch(name) or name == _TEMPLATE or mask_secrets(name) != name:
        raise SettingsError(
            f"BUNQ_PROFILE in {place} is not the name of a profile. Use letters, digits, - and _: "
            "'work' reads .env.work. 'example' is the name of the template."
        )
    return name


def list_profiles() -> list[str]:
    """Return the names of the profiles whose files are found upward from the working folder."""
    here = Path.cwd()
    names = {
        path.name.removeprefix(".env.")
        for folder in (here, *here.parents)
        for path in folder.glob(".env.*")
        if path.is_file()
    }
    return sorted(name for name in names if _PROFILE.fullmatch(name) and name != _TEMPLATE)


def read_env_file(path: Path) -> dict[str, Secret]:
    """Return the values in a ``.env``.

    Warns if everybody can read the file, or a group may write it.

    Raises
    ------
    SettingsError
        If it can't be read, is not text, or a stranger may have written it; the message has the
        command that corrects it.
    """
    content, problem = _read(path)
    values: dict[str, Secret] = {}
    if not problem:
        values, problem = _parse(content)
    if problem:
        from bunqkit.security.secret_scan import mask_secrets

        raise SettingsError(f"{mask_secrets(str(path))} {problem}")
    warn_if_open(path)
    return values


@forgetting
def write_api_key(
    api_key: Secret, env_file: Path | None, *, environment: str | None = None
) -> Path:
    """Write the key into ``.env`` and return the path; without a file, make one.

    The file is replaced whole and keeps its other lines; afterwards only its owner can read it. A
    link stays a link: its target is written.

    Parameters
    ----------
    api_key
        The key, which replaces a key in the file.
    env_file
        The file; ``None`` means ``.env`` in the working folder.
    environment
        The environment, which is written too if it is not ``None``, and replaces one in the file.

    Raises
    ------
    SettingsError
        If it can't be written, or a stranger may have written the present file.
    """
    path = env_file or Path.cwd() / ".env"
    before = Body(b"")
    if os.path.lexists(path) and path.exists():
        # The other lines of the file would count for the key from now on.
        before, problem = _read(path)
        problem = problem or _parse(before)[1]
        if problem:
            raise SettingsError(f"BUNQ_API_KEY was not written: {path} {problem}")
    try:
        write_private(path.resolve(), _with_key(before, api_key, environment))
    except (OSError, RuntimeError) as error:
        why = getattr(error, "strerror", None) or "a link leads in a circle"
        raise SettingsError(
            f"BUNQ_API_KEY could not be written to {path} ({why}). Make the folder "
            "writable, or put a key there yourself."
        ) from error
    return path


_NO_TEXT = "is not a text file in UTF-8. Save it again as plain text, or name another file."


def _read(path: Path) -> tuple[Body, str]:
    """Return the bytes of a file, or why they can't be used; checks the open file, not its name."""
    try:
        # Without this, opening a pipe could wait for ever.
        flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
        with os.fdopen(os.open(path, flags), "rb") as file:
            status = os.fstat(file.fileno())
            problem = _problem(path, status)
            if problem:
                return Body(b""), problem
            content = Body(file.read(_MOST_BYTES + 1))
    except OSError as error:
        return Body(b""), f"can't be read ({error.strerror}). Check the path and its permissions."
    if len(content) > _MOST_BYTES:
        return Body(b""), "is larger than 1 MB, so it is no .env. Name another file."
    return content, ""


def _problem(path: Path, status: os.stat_result) -> str:
    if not stat.S_ISREG(status.st_mode):
        return "can't be read: it is a folder, a pipe or a device. Name a file."
    for checked in (path.lstat(), status):
        if why := why_untrusted(checked):
            return (
                f"was not read: {why}, so a stranger could send your key elsewhere. Look through "
                f"it, then make it yours alone: {how_to_own(path, checked)}. Or name another file "
                "by env_file=, which is checked in the same way."
            )
    return ""


def _parse(content: Body) -> tuple[dict[str, Secret], str]:
    """Return the values in the bytes, or what is wrong with them."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return {}, _NO_TEXT
    if "\0" in text:
        return {}, _NO_TEXT
    from dotenv import dotenv_values
    from dotenv.parser import parse_stream

    for binding in parse_stream(io.StringIO(text)):
        if binding.error:
            return {}, (
                f"can't be used: its line {binding.original.line} is not NAME=value (a quote left "
                "open, perhaps). Correct it; .env.example shows the form."
            )
    values = dotenv_values(stream=io.StringIO(text), interpolate=False)
    return {name: Secret(value or "") for name, value in values.items()}, ""


def _with_key(before: Body, api_key: Secret, environment: str | None) -> str:
    from dotenv.parser import parse_stream

    values = {"BUNQ_ENVIRONMENT": environment} if environment else {}
    values["BUNQ_API_KEY"] = api_key.reveal()
    text = before.decode("utf-8-sig")
    line_end = "\r\n" if "\r\n" in text else "\n"
    lines = parse_stream(io.StringIO(text, newline=""))
    others = "".join(line.original.string for line in lines if line.key not in values)
    gap = line_end if others and not others.endswith("\n") else ""
    return f"{others}{gap}" + "".join(f"{name}={text}{line_end}" for name, text in values.items())
