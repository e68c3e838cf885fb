"""``.env``, environment and arguments become one ``Settings``, or an error that says what to do.

An argument wins over the environment, that over ``.env`` (found upward from the working folder),
that over the default. Nothing is read at import, and ``os.environ`` is never changed, so a changed
``.env`` is seen by the next ``connect()`` of a running kernel.

What decides where a key goes or what it may do (address, environment, cap, permitted addresses)
counts only from the place that the key came from, or from a stronger one: whoever can leave a
``.env`` in a folder above must not send somebody's key elsewhere.
"""

from __future__ import annotations

import ipaddress
import os
import re
import socket
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from enum import IntEnum
from pathlib import Path
from urllib.parse import urlsplit

from platformdirs import user_state_path

from bunqkit.errors import SettingsError
from bunqkit.security.env_files import check_profile, find_env_file, read_env_file
from bunqkit.security.redaction import Secret, forgetting
from bunqkit.security.secret_scan import find_secrets

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
    "BUNQ_PROFILE",
    "BUNQ_MAX_JSON_MB",
    "BUNQ_MAX_DOWNLOAD_MB",
)
_SANDBOX_PREFIX = "sandbox_"
# In production, in the account's currency: enough to try things, too little to lose a house.
DEFAULT_CAP = Decimal("1000.00")
_SECRET_NAMES = ("BUNQ_API_KEY", "BUNQ_STATE_PASSPHRASE")
_LANGUAGES = ("en_US", "nl_NL")
_LIMITS = ("classic", "windows", "off")
_ARGUMENT = "the argument of the call"
_HERE_AND_NEAR = "this machine or its network"


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
        Where installation and session are kept; each profile has one of its own.
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
    profile
        The name of the profile, if any.
    places
        For each setting that was found, where: the argument of the call, the environment, or the
        path of a file.
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
    profile: str | None = None
    places: Mapping[str, str] = field(default_factory=dict, hash=False)

    @property
    def shared_folder(self) -> Path:
        """Where all profiles keep what counts for this machine, such as the bank's limits."""
        return self.state_folder.parent.parent if self.profile else self.state_folder

    def describe_places(self) -> str:
        """Return in words where each setting came from; ``""`` if all are defaults."""
        names: dict[str, list[str]] = {}
        for name, place in self.places.items():
            names.setdefault(place, []).append(name)
        return "; ".join(f"{', '.join(found)} from {place}" for place, found in names.items())


class _Rank(IntEnum):
    """How strong a place is: the lower wins."""

    ARGUMENT = 0
    ENVIRONMENT = 1
    FILE = 2


@dataclass(frozen=True)
class _Found:
    """A setting's text, and where it stands."""

    name: str
    secret: Secret
    place: str
    rank: _Rank

    @property
    def text(self) -> str:
        return self.secret.reveal().strip()


@forgetting
def load_settings(
    *,
    environment: str | None = None,
    api_key: str | Secret | None = None,
    env_file: str | os.PathLike[str] | None = None,
    profile: str | None = None,
    is_in_process: bool = False,
) -> Settings:
    """Read the settings as they are now.

    Parameters
    ----------
    environment, api_key
        Win over what the environment and ``.env`` say. Names of environments ignore case.
    env_file
        A ``.env`` to read in place of the one found upward from the working folder.
    profile
        ``work`` reads ``.env.work`` in place of ``.env``, and keeps a state of its own.
    is_in_process
        Whether the bank is one in this process: no address and no key of the settings counts.

    Raises
    ------
    SettingsError
        If one is missing, wrong, or does not go with another; the message names the variable, the
        place and the remedy, and quotes no value.
    """
    search = _Search(env_file, profile)
    url = None if is_in_process else search.find("BUNQ_BASE_URL")
    key = None
    if api_key is not None or not is_in_process:
        key = search.find("BUNQ_API_KEY", api_key)
    wanted = search.find("BUNQ_ENVIRONMENT", environment)
    name = _choose_environment(wanted, key, url)
    permitted, cap = search.find("BUNQ_PERMITTED_IPS"), search.find("BUNQ_TOTAL_CAP")
    if key is not None and not is_in_process:
        _check_places(name, key, wanted, url, permitted)
    if name == "OFFLINE" and url is None:
        key = None
        search.places.pop("BUNQ_API_KEY", None)
    if key is not None:
        _check_key(key, name)
    return Settings(
        environment=name,
        api_key=Secret(key.text) if key else None,
        base_url=_check_url(url, name) if url else BASE_URLS.get(name),
        device_description=_text(search.find("BUNQ_DEVICE_DESCRIPTION"))
        or f"bunqkit on {socket.gethostname()}",
        permitted_ips=_check_addresses(permitted),
        language=_choose(search.find("BUNQ_LANGUAGE"), _LANGUAGES, default="en_US"),
        state_folder=search.state_folder(),
        env_file=search.path,
        state_passphrase=_passphrase(search.find("BUNQ_STATE_PASSPHRASE")),
        total_cap=_check_cap(cap, key),
        # A bank that somebody serves says its own.
        limits=_choose(
            search.find("BUNQ_LIMITS"), _LIMITS, default="off" if name == "OFFLINE" else "classic"
        ),
        max_json_mb=_check_megabytes(search.find("BUNQ_MAX_JSON_MB"), Settings.max_json_mb),
        max_download_mb=_check_megabytes(
            search.find("BUNQ_MAX_DOWNLOAD_MB"), Settings.max_download_mb
        ),
        profile=search.profile,
        places=search.places,
    )


def read_values(
    env_file: str | os.PathLike[str] | None = None, profile: str | None = None
) -> tuple[Path | None, dict[str, Secret]]:
    """Give the ``.env`` that counts, and what it and the environment say, usable or not.

    The names are those of the file, known or not, and of the environment those with ``BUNQ_``.
    """
    try:
        search = _Search(env_file, profile)
        path, values = search.path, search.values
    except SettingsError:
        path, values = None, {}
    told = {name: Secret(text) for name, text in os.environ.items() if name[:5] == "BUNQ_"}
    return path, values | told


def find_state_folder() -> Path:
    """Give the folder where state is kept, even if other settings can't be used."""
    try:
        return _Search(None, None).state_folder()
    except SettingsError:
        return _default_state_folder()


class _Search:
    """Finds settings: among the arguments, in the environment, in the ``.env`` that counts."""

    def __init__(self, env_file: str | os.PathLike[str] | None, profile: str | None) -> None:
        self.places: dict[str, str] = {}
        self.values: dict[str, Secret] = {}
        self.profile = self._choose_profile(env_file, profile)
        self.path = find_env_file(env_file, self.profile)
        if self.path is not None:
            self.values = read_env_file(self.path)
        self._insist_on_own_profile()

    def find(self, name: str, argument: str | Secret | None = None) -> _Found | None:
        """Return a setting from the strongest place that has it."""
        found = self._look(name, argument)
        if found is None:
            return None
        if name not in _SECRET_NAMES and _holds_key(found):
            raise SettingsError(
                f"{name} in {found.place} holds what looks like a key or token. Put it into "
                "BUNQ_API_KEY alone."
            )
        self.places[name] = found.place
        return found

    def state_folder(self) -> Path:
        """Return the folder where state is kept: a profile's own, if there is one."""
        found = self.find("BUNQ_STATE_DIR")
        folder = _default_state_folder()
        if found is not None:
            _insist_on_text(found)
            # Beside the file that says it, so that notebooks in different folders share one state.
            is_in_file = found.rank is _Rank.FILE and self.path is not None
            base = self.path.parent if is_in_file and self.path else Path.cwd()
            folder = base / Path(found.text).expanduser()
        return folder / "profiles" / self.profile if self.profile else folder

    def _look(self, name: str, argument: str | Secret | None) -> _Found | None:
        if argument is not None:
            if not isinstance(argument, str | Secret):
                raise SettingsError(
                    f"{name} is given as an argument of type {type(argument).__name__}. Write it "
                    "as text."
                )
            secret = Secret(argument) if isinstance(argument, str) else argument
            return _Found(name, secret, _ARGUMENT, _Rank.ARGUMENT)
        if name in os.environ:
            return _Found(name, Secret(os.environ[name]), "the environment", _Rank.ENVIRONMENT)
        if name in self.values:
            return _Found(name, self.values[name], str(self.path), _Rank.FILE)
        return None

    def _choose_profile(
        self, env_file: str | os.PathLike[str] | None, argument: str | None
    ) -> str | None:
        found = self.find("BUNQ_PROFILE", argument)
        if found is None:
            return None
        if env_file is not None:
            if found.rank is _Rank.ARGUMENT:
                raise SettingsError(
                    "Both profile and env_file are given, and each names a file of settings. Leave "
                    "out one."
                )
            # An argument wins over the environment.
            del self.places["BUNQ_PROFILE"]
            return None
        return check_profile(found.text, found.place)

    def _insist_on_own_profile(self) -> None:
        """Refuse a file that would have another one be read."""
        named = self.values.get("BUNQ_PROFILE")
        if named is not None and named.reveal().strip() != self.profile:
            raise SettingsError(
                f"BUNQ_PROFILE in {self.path} has no effect, since it says which file is read. Set "
                "it in the environment, or give profile= to connect()."
            )


def _default_state_folder() -> Path:
    return user_state_path("bunqkit", appauthor=False)


def _holds_key(found: _Found) -> bool:
    """Return whether a text has a key in it; a path may have a digest among its folders."""
    whole = (0, len(found.text))
    seen = [(each.start, each.end) for each in find_secrets(found.text)]
    return whole in seen if found.name == "BUNQ_STATE_DIR" else bool(seen)


def _choose_environment(name: _Found | None, key: _Found | None, url: _Found | None) -> str:
    if name is not None:
        chosen = name.text.upper()
        if chosen not in ENVIRONMENTS:
            raise SettingsError(
                f"BUNQ_ENVIRONMENT in {name.place} is none that there is. "
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


def _check_places(
    environment: str,
    key: _Found,
    name: _Found | None,
    url: _Found | None,
    permitted: _Found | None,
) -> None:
    """Insist that what decides about the key comes from where the key does, or a stronger place."""
    # A key of play money, given by hand: it may go to any bank that somebody serves nearby.
    is_free = (
        environment == "OFFLINE"
        and key.rank is _Rank.ARGUMENT
        and key.text.startswith(_SANDBOX_PREFIX)
    )
    for found in (name, None if environment == "OFFLINE" else url, permitted):
        if found is not None and found.rank > key.rank and not is_free:
            raise SettingsError(
                f"{found.name} in {found.place} does not count for BUNQ_API_KEY in {key.place}: a "
                "weaker place must not decide where a key goes or what it may do. Give both in "
                "one place, or take one out. An argument is stronger than the environment, which "
                "is stronger than .env."
            )
    if environment != "OFFLINE" or url is None or is_free:
        return
    if key.text.startswith(_SANDBOX_PREFIX):
        may_go = url.rank <= key.rank
    else:
        # It may open real money: its owner must have named the address beside it.
        may_go = url.place == key.place or max(url.rank, key.rank) < _Rank.FILE
    if not may_go:
        raise SettingsError(
            f"BUNQ_BASE_URL in {url.place} does not count for BUNQ_API_KEY in {key.place}: a key "
            "goes only to an address that stands in the same file, or both must stand in the "
            "environment or the arguments. Give both in one place, or take one out."
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
    # Letters, blanks and signs that one program takes for another than the next one does.
    is_plain = re.fullmatch(r"[a-z0-9._:-]+", host) and re.fullmatch("[!-~]+", text)
    if parts.scheme not in ("http", "https") or not is_plain or parts.query or parts.fragment:
        raise SettingsError(
            f"BUNQ_BASE_URL in {url.place} is no web address. "
            "Write it like http://127.0.0.1:8080/v1."
        )
    if parts.username is not None:
        raise SettingsError(
            f"BUNQ_BASE_URL in {url.place} holds a name before the '@'. Take it out: the key goes "
            "into BUNQ_API_KEY."
        )
    address = text if text.endswith("/v1") else f"{text}/v1"
    if environment != "OFFLINE":
        return _check_bunqs(url, address, environment)
    if is_elsewhere(host):
        raise SettingsError(
            f"BUNQ_BASE_URL in {url.place} leads to a host that is not on {_HERE_AND_NEAR}, and "
            "OFFLINE goes nowhere else. For bunq's own banks set BUNQ_ENVIRONMENT and take "
            "BUNQ_BASE_URL out: they are reached by https alone."
        )
    return address


def _check_bunqs(url: _Found, address: str, environment: str) -> str:
    """Insist that the address is bunq's own one of the environment."""
    own = BASE_URLS[environment]
    if address.lower() != own:
        raise SettingsError(
            f"BUNQ_BASE_URL in {url.place} is not bunq's address, and {environment} goes only to "
            f"{own} by https. Take BUNQ_BASE_URL out, or set BUNQ_ENVIRONMENT=OFFLINE for a bank "
            f"on {_HERE_AND_NEAR}, such as http://127.0.0.1:8080/v1."
        )
    return own


def is_elsewhere(host: str) -> bool:
    """Return whether a host is known to be neither on this machine nor on its network.

    A name is not looked up here, so only bunq's own are known to be elsewhere.
    """
    try:
        return not is_near(ipaddress.ip_address(host))
    except ValueError:
        bare = host.rstrip(".")
        return bare == "bunq.com" or bare.endswith(".bunq.com")


def is_near(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    """Return whether an address is one of this machine or of a private network.

    Source: RFC 1918, RFC 4193; RFC 3927 and RFC 4291 for those of one link.
    """
    # Python up to 3.12 takes every IPv4 address that is written as an IPv6 one for private.
    address = getattr(address, "ipv4_mapped", None) or address
    return any(address in network for network in _NEAR if network.version == address.version)


_NEAR = tuple(
    ipaddress.ip_network(network)
    for network in (
        "127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16",
        "::1/128", "fc00::/7", "fe80::/10",
    )
)  # fmt: skip


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
                f"BUNQ_PERMITTED_IPS in {found.place} holds something that is no IP address. "
                "Separate addresses by commas, or write * for any."
            )
    return addresses


def _choose(found: _Found | None, choices: tuple[str, ...], *, default: str) -> str:
    if found is None:
        return default
    if found.text not in choices:
        raise SettingsError(
            f"{found.name} in {found.place} is none that there is. "
            f"Make it one of {', '.join(choices)}."
        )
    return found.text


def _passphrase(found: _Found | None) -> Secret | None:
    if found is None:
        return None
    _insist_on_text(found)
    return Secret(found.text)


def _check_cap(found: _Found | None, key: _Found | None) -> Decimal:
    if found is None:
        return DEFAULT_CAP
    try:
        cap = Decimal(found.text)
    except InvalidOperation:
        cap = Decimal(-1)
    if not cap.is_finite() or cap < 0:
        raise SettingsError(
            f"BUNQ_TOTAL_CAP in {found.place} is no amount. Write one such as 250.00, "
            "in your account's currency."
        )
    if key is not None and found.rank > key.rank and cap > DEFAULT_CAP:
        raise SettingsError(
            f"BUNQ_TOTAL_CAP in {found.place} does not count for BUNQ_API_KEY in {key.place}: a "
            f"weaker place may lower the cap of {DEFAULT_CAP}, never raise it. Set it where the "
            "key stands, or take it out."
        )
    return cap


def _check_megabytes(found: _Found | None, default: int) -> int:
    if found is None:
        return default
    if not re.fullmatch("[1-9][0-9]{0,5}", found.text, re.ASCII):
        raise SettingsError(
            f"{found.name} in {found.place} is no whole number of megabytes. Write one from 1 to "
            f"999999, such as {default}."
        )
    return int(found.text)


def _text(found: _Found | None) -> str:
    if found is None:
        return ""
    _insist_on_text(found)
    return found.text
