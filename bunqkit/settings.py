"""``.env``, environment and arguments become one ``Settings``, or an error that says what to do.

An argument wins over the environment, that over ``.env`` (found upward from the working folder),
that over the default. Nothing is read at import, and ``os.environ`` is never changed, so a changed
``.env`` is seen by the next ``connect()`` of a running kernel.
"""

from __future__ import annotations

import io
import ipaddress
import os
import re
import socket
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from pathlib import Path
from urllib.parse import urlsplit

from dotenv import dotenv_values, find_dotenv
from dotenv.parser import parse_stream
from platformdirs import user_state_path

from bunqkit.errors import SettingsError
from bunqkit.private_files import warn_if_open, write_private
from bunqkit.redaction import Secret, forgetting

# Source: bunq docs, "Environments".
BASE_URLS = {
    "SANDBOX": "https://public-api.sandbox.bunq.com/v1",
    "PRODUCTION": "https://api.bunq.com/v1",
}
ENVIRONMENTS = ("OFFLINE", *BASE_URLS)
NAMES = (
    "BUNQ_ENVIRONMENT",
    "BUNQ_API_KEY",
    "BUNQ_DEVICE_DESCRIPTION",
    "BUNQ_PERMITTED_IPS",
    "BUNQ_LANGUAGE",
    "BUNQ_STATE_DIR",
    "BUNQ_STATE_PASSPHRASE",
    "BUNQ_BASE_URL",
    "BUNQ_TOTAL_CAP",
    "BUNQ_LIMITS",
    "BUNQ_MAX_JSON_MB",
    "BUNQ_MAX_DOWNLOAD_MB",
)
_SANDBOX_PREFIX = "sandbox_"
# In production, in the account's currency: enough to try things, too little to lose a house.
DEFAULT_CAP = Decimal("1000.00")
_SECRET_NAMES = ("BUNQ_API_KEY", "BUNQ_STATE_PASSPHRASE")
_LANGUAGES = ("en_US", "nl_NL")
_LIMITS = ("classic", "windows", "off")


@dataclass(frozen=True)
class Settings:
    """What ``connect()`` needs to know, checked.

    Attributes
    ----------
    environment
        ``OFFLINE``, ``SANDBOX`` or ``PRODUCTION``.
    api_key
        The key, an OAuth access token or a PSD2 credential's token; ``None`` if one is to be made.
    base_url
        Where the API is, ending in ``/v1``; ``None`` for the embedded bank.
    device_description
        What the device is called at the bank.
    permitted_ips
        Addresses that may use the key; ``None`` leaves it to the bank, which takes the caller's.
    language
        ``en_US`` or ``nl_NL``: the language of translated error texts.
    state_folder
        Where installation and session are kept.
    state_passphrase
        Encrypts what is kept; ``None`` leaves it to the file's permissions.
    total_cap
        The most that one ``connect()`` may move in production, whatever is unlocked.
    limits
        How often the bank is called at most, until it says otherwise: ``classic``, ``windows`` or
        ``off``.
    max_json_mb, max_download_mb
        How large an answer may be at most, in millions of bytes: one of JSON, and a file.
    env_file
        The ``.env`` that was read, if any.
    """

    environment: str
    api_key: Secret | None
    base_url: str | None
    device_description: str
    permitted_ips: tuple[str, ...] | None
    language: str
    state_folder: Path
    env_file: Path | None = field(default=None)
    state_passphrase: Secret | None = None
    total_cap: Decimal = DEFAULT_CAP
    limits: str = "classic"
    max_json_mb: int = 32
    max_download_mb: int = 256


@dataclass(frozen=True)
class _Found:
    """A setting's text, and where it stands, for messages."""

    name: str
    secret: Secret
    place: str

    @property
    def text(self) -> str:
        return self.secret.reveal().strip()


@forgetting
def load_settings(
    *,
    environment: str | None = None,
    api_key: str | Secret | None = None,
    env_file: str | os.PathLike[str] | None = None,
) -> Settings:
    """Read the settings as they are now.

    Parameters
    ----------
    environment, api_key
        Win over what the environment and ``.env`` say. Names of environments ignore case.
    env_file
        A ``.env`` to read in place of the one found upward from the working folder.

    Raises
    ------
    SettingsError
        If one is missing, wrong, or does not go with another; the message names the variable, the
        file and the remedy.
    """
    path, values = _read_env_file(env_file)

    def find(name: str, argument: str | None = None) -> _Found | None:
        if argument is not None:
            if not isinstance(argument, str):
                raise SettingsError(
                    f"{name} is given as an argument of type {type(argument).__name__}. Write it "
                    "as text."
                )
            return _Found(name, Secret(argument), "the argument of the call")
        if name in os.environ:
            return _Found(name, Secret(os.environ[name]), "the environment")
        if name in values:
            return _Found(name, values[name], str(path))
        return None

    key_argument = api_key.reveal() if isinstance(api_key, Secret) else api_key
    url = find("BUNQ_BASE_URL")
    key = find("BUNQ_API_KEY", key_argument)
    name = _choose_environment(find("BUNQ_ENVIRONMENT", environment), key, url)
    if name == "OFFLINE" and url is None:
        key = None
    if key is not None:
        _check_key(key, name)
    return Settings(
        environment=name,
        api_key=Secret(key.text) if key else None,
        base_url=_check_url(url, name) if url else BASE_URLS.get(name),
        device_description=_text(find("BUNQ_DEVICE_DESCRIPTION"))
        or f"bunqkit on {socket.gethostname()}",
        permitted_ips=_check_addresses(find("BUNQ_PERMITTED_IPS")),
        language=_choose(find("BUNQ_LANGUAGE"), _LANGUAGES, default="en_US"),
        state_folder=_state_folder(find("BUNQ_STATE_DIR"), path),
        env_file=path,
        state_passphrase=_passphrase(find("BUNQ_STATE_PASSPHRASE")),
        total_cap=_check_cap(find("BUNQ_TOTAL_CAP")),
        # A bank that somebody serves says its own.
        limits=_choose(
            find("BUNQ_LIMITS"), _LIMITS, default="off" if name == "OFFLINE" else "classic"
        ),
        max_json_mb=_check_megabytes(find("BUNQ_MAX_JSON_MB"), Settings.max_json_mb),
        max_download_mb=_check_megabytes(find("BUNQ_MAX_DOWNLOAD_MB"), Settings.max_download_mb),
    )


@forgetting
def write_api_key(
    api_key: Secret, env_file: Path | None, *, environment: str | None = None
) -> Path:
    """Put the key into ``.env``, made in the working folder if there is none; give its path.

    The file is replaced whole, keeps its other lines, and ends up readable by its owner alone.

    Parameters
    ----------
    api_key
        Takes the place of a key that is there.
    env_file
        The file; ``None`` is ``.env`` in the working folder.
    environment
        Is written too, in place of one that is there, unless it is ``None``.

    Raises
    ------
    SettingsError
        If it can't be written.
    """
    path = env_file or Path.cwd() / ".env"
    try:
        write_private(path, _with_key(path, api_key, environment))
    except OSError as error:
        raise SettingsError(
            f"BUNQ_API_KEY could not be written to {path} ({error.strerror}). Make the folder "
            "writable, or put a key there yourself."
        ) from error
    return path


def read_written(
    env_file: str | os.PathLike[str] | None = None,
) -> tuple[Path | None, dict[str, Secret]]:
    """Give the ``.env`` that counts, and what it and the environment say, usable or not.

    The names are those of the file, known or not, and of the environment those with ``BUNQ_``.
    """
    try:
        path, values = _read_env_file(env_file)
    except SettingsError:
        path, values = None, {}
    told = {name: Secret(text) for name, text in os.environ.items() if name[:5] == "BUNQ_"}
    return path, values | told


def find_state_folder() -> Path:
    """Give the folder where state is kept, even if other settings can't be used."""
    path, written = read_written()
    told = written.get("BUNQ_STATE_DIR")
    place = "the environment" if "BUNQ_STATE_DIR" in os.environ else str(path)
    usable = told is not None and told.reveal().strip()
    return _state_folder(_Found("BUNQ_STATE_DIR", told, place) if told and usable else None, path)


def _with_key(path: Path, api_key: Secret, environment: str | None) -> str:
    before = path.read_text(encoding="utf-8") if path.exists() else ""
    written = {"BUNQ_ENVIRONMENT": environment} if environment else {}
    written["BUNQ_API_KEY"] = api_key.reveal()
    lines = parse_stream(io.StringIO(before))
    kept = "".join(line.original.string for line in lines if line.key not in written)
    line_end = "\n" if kept and not kept.endswith("\n") else ""
    return f"{kept}{line_end}" + "".join(f"{name}={text}\n" for name, text in written.items())


def _read_env_file(
    env_file: str | os.PathLike[str] | None,
) -> tuple[Path | None, dict[str, Secret]]:
    if env_file is None:
        found = find_dotenv(usecwd=True)
        if not found:
            return None, {}
        path = Path(found)
    else:
        path = Path(env_file).expanduser()
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise SettingsError(
            f"{path} can't be read ({error.strerror}). Check the path and its permissions."
        ) from error
    except UnicodeDecodeError as error:
        raise SettingsError(_no_text(path)) from error
    if "\0" in text:
        raise SettingsError(_no_text(path))
    for binding in parse_stream(io.StringIO(text)):
        if binding.error:
            raise SettingsError(
                f"Line {binding.original.line} of {path} is not NAME=value (a quote left open, "
                "perhaps). Correct it; .env.example shows the form."
            )
    values = dotenv_values(stream=io.StringIO(text), interpolate=False)
    if any(values.get(name) for name in _SECRET_NAMES):
        warn_if_open(path)
    return path, {name: Secret(value or "") for name, value in values.items()}


def _no_text(path: Path) -> str:
    return f"{path} is not a text file in UTF-8. Save it again as plain text, or name another file."


def _choose_environment(name: _Found | None, key: _Found | None, url: _Found | None) -> str:
    if name is not None:
        chosen = name.text.upper()
        if chosen not in ENVIRONMENTS:
            raise SettingsError(
                f"BUNQ_ENVIRONMENT in {name.place} is {name.text!r}. "
                f"Make it one of {', '.join(ENVIRONMENTS)}."
            )
        return chosen
    # Plain http is a bank that somebody serves: play money, whatever the key looks like.
    if key is None or (url is not None and url.text.lower().startswith("http:")):
        return "OFFLINE"
    if key.text.startswith(_SANDBOX_PREFIX):
        return "SANDBOX"
    _insist_on_text(key)
    raise SettingsError(
        f"BUNQ_API_KEY in {key.place} does not start with {_SANDBOX_PREFIX!r}, so it may be a key "
        "to real money. Say which bank it is for: set BUNQ_ENVIRONMENT to PRODUCTION or SANDBOX."
    )


def _check_key(key: _Found, environment: str) -> None:
    _insist_on_text(key)
    if not (key.text.isascii() and key.text.isprintable()) or " " in key.text:
        raise SettingsError(
            f"BUNQ_API_KEY in {key.place} holds spaces or letters that no key has. Copy it again."
        )
    if environment == "PRODUCTION" and key.text.startswith(_SANDBOX_PREFIX):
        raise SettingsError(
            f"BUNQ_API_KEY in {key.place} is a sandbox key, but BUNQ_ENVIRONMENT is PRODUCTION. "
            "Set BUNQ_ENVIRONMENT to SANDBOX, or use a key made in the bunq app."
        )


def _insist_on_text(found: _Found) -> None:
    if not found.text:
        raise SettingsError(
            f"{found.name} in {found.place} is empty. Give it a value, or take the line out."
        )


def _check_url(url: _Found, environment: str) -> str:
    _insist_on_text(url)
    text = url.text.rstrip("/")
    try:
        parts = urlsplit(text)
        host = parts.hostname or ""
        _ = parts.port
    except ValueError:
        parts, host = urlsplit(""), ""
    if parts.scheme not in ("http", "https") or not host or parts.query or parts.fragment:
        raise SettingsError(
            f"BUNQ_BASE_URL in {url.place} is no web address. "
            "Write it like http://127.0.0.1:8080/v1."
        )
    if parts.username is not None:
        raise SettingsError(
            f"BUNQ_BASE_URL in {url.place} holds a name before the '@'. Take it out: the key goes "
            "into BUNQ_API_KEY."
        )
    if parts.scheme == "http" and not (environment == "OFFLINE" and is_private(host)):
        raise SettingsError(
            f"BUNQ_BASE_URL in {url.place} is plain http, which {environment} does not allow to "
            f"{host}: anyone on the way could read the key. Use https, or "
            "BUNQ_ENVIRONMENT=OFFLINE with a bank on this machine or its network."
        )
    return text if text.endswith("/v1") else f"{text}/v1"


def is_private(host: str) -> bool:
    """Whether the host is this machine or an address of a private network.

    Names other than ``localhost`` are not looked up and count as public.
    """
    if host == "localhost":
        return True
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    return address.is_loopback or (address.is_private and not address.is_unspecified)


def _check_addresses(found: _Found | None) -> tuple[str, ...] | None:
    if found is None:
        return None
    _insist_on_text(found)
    addresses = tuple(part.strip() for part in found.text.split(",") if part.strip())
    for address in addresses:
        try:
            valid = address == "*" or bool(ipaddress.ip_address(address))
        except ValueError:
            valid = False
        if not valid:
            raise SettingsError(
                f"BUNQ_PERMITTED_IPS in {found.place} holds {address!r}, which is no IP address. "
                "Separate addresses by commas, or write * for any."
            )
    return addresses


def _choose(found: _Found | None, choices: tuple[str, ...], *, default: str) -> str:
    if found is None:
        return default
    if found.text not in choices:
        raise SettingsError(
            f"{found.name} in {found.place} is {found.text!r}. Make it one of {', '.join(choices)}."
        )
    return found.text


def _state_folder(found: _Found | None, env_file: Path | None) -> Path:
    if found is None:
        return user_state_path("bunqkit", appauthor=False)
    _insist_on_text(found)
    folder = Path(found.text).expanduser()
    # Beside the file that says it, so that notebooks in different folders share one state.
    base = env_file.parent if env_file and found.place == str(env_file) else Path.cwd()
    return base / folder


def _passphrase(found: _Found | None) -> Secret | None:
    if found is None:
        return None
    _insist_on_text(found)
    return Secret(found.text)


def _check_cap(found: _Found | None) -> Decimal:
    if found is None:
        return DEFAULT_CAP
    try:
        cap = Decimal(found.text)
    except InvalidOperation:
        cap = Decimal(-1)
    if not cap.is_finite() or cap < 0:
        raise SettingsError(
            f"BUNQ_TOTAL_CAP in {found.place} is {found.text!r}. Write an amount such as 250.00, "
            "in your account's currency."
        )
    return cap


def _check_megabytes(found: _Found | None, default: int) -> int:
    if found is None:
        return default
    if not re.fullmatch("[1-9][0-9]{0,5}", found.text, re.ASCII):
        raise SettingsError(
            f"{found.name} in {found.place} is {found.text!r}. Write a whole number of megabytes "
            f"from 1 to 999999, such as {default}."
        )
    return int(found.text)


def _text(found: _Found | None) -> str:
    if found is None:
        return ""
    _insist_on_text(found)
    return found.text
