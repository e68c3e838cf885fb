"""Arguments, environment and ``.env`` become one ``Settings``, or an error that says what to do.

An argument wins over the environment, the environment over ``.env`` (found upward from the working
folder), and ``.env`` over the default. Nothing is read at import, and ``os.environ`` is never
changed, so the next ``connect()`` of a running kernel sees a changed ``.env``.

Address, environment, cap and permitted addresses decide where a key goes or what it may do. They
count only from the place that the key came from, or from a stronger one. Otherwise a ``.env`` that
somebody has left in a folder above could send a key of yours elsewhere.
"""

from __future__ import annotations

import contextlib
import ipaddress
import os
import re
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from enum import IntEnum
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from platformdirs import user_state_path

from bunqkit.errors import SettingsError
from bunqkit.security.env_files import check_profile, find_env_file, read_env_file
from bunqkit.security.redaction import Secret, forgetting

# Source: bunq docs, "Environments".
BASE_URLS = {
    "SANDBOX": "https://public-api.sandbox.bunq.com/v1",
    "PRODUCTION": "https://api.bunq.com/v1",
}
ENVIRONMENTS = ("OFFLINE", *BASE_URLS)
# In production, in the account's currency: enough to try things, too little to lose a house.
DEFAULT_CAP = Decimal("1000.00")
_SANDBOX_PREFIX = "sandbox_"
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
        The address of the API, ending in ``/v1``; ``None`` for the embedded bank.
    device_description
        The name of the device at the bank.
    permitted_ips
        Addresses that may use the key; ``None`` leaves it to the bank, which takes the caller's.
    language
        ``en_US`` or ``nl_NL``: the language of translated error texts.
    state_folder
        The folder where installation and session are kept; each profile has one of its own.
    state_passphrase
        The passphrase that encrypts what is kept; ``None`` leaves it to the file's permissions.
    total_cap
        The most that one ``connect()`` may move in production, whatever is unlocked.
    limits
        How often the bank is called at most, until it says otherwise: ``classic``, ``windows`` or
        ``off``.
    max_json_mb, max_download_mb
        The largest answer of JSON and the largest file that are read, in millions of bytes.
    env_file
        The ``.env`` that was read, if any.
    profile
        The name of the profile, if any.
    places
        The place of each setting that is not a default: the argument of the call, the environment,
        or the path of a file.
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
        """The folder of what all profiles on this machine share, such as the bank's limits."""
        return self.state_folder.parent.parent if self.profile else self.state_folder

    def describe_places(self) -> str:
        """Return in words where each setting came from; ``""`` if all are defaults."""
        names: dict[str, list[str]] = {}
        for name, place in self.places.items():
            names.setdefault(place, []).append(name)
        return "; ".join(f"{', '.join(group)} from {place}" for place, group in names.items())


def _parse_addresses(text: str) -> tuple[str, ...]:
    parts = [part.strip() for part in text.split(",") if part.strip()]
    return tuple(part for part in parts if part == "*" or ipaddress.ip_address(part))


def _parse_amount(text: str) -> Decimal:
    amount = Decimal(text)
    if not amount.is_finite() or amount < 0:
        raise ValueError
    return amount


@dataclass(frozen=True)
class _Setting:
    """How one setting is read.

    Attributes
    ----------
    default
        The value where the setting is absent.
    choices
        The texts that it may have, whatever their case; if empty, ``parse`` decides.
    pattern
        A regular expression that the whole text must match.
    parse
        Turns the text into the value, or raises ``ValueError`` or ``ArithmeticError``.
    problem
        The end of the error message: what is wrong with the text, and what to write instead.
    is_secret
        True if a key or token may stand here.
    """

    default: Any = None
    choices: tuple[str, ...] = ()
    pattern: str = "(?s).*"
    parse: Callable[[str], Any] = str
    problem: str = ""
    is_secret: bool = False


def _megabytes(default: int) -> _Setting:
    return _Setting(
        default,
        pattern="[1-9][0-9]{0,5}",
        parse=int,
        problem=f"is no whole number of megabytes. Write one from 1 to 999999, such as {default}.",
    )


_SETTINGS = {
    "BUNQ_ENVIRONMENT": _Setting(choices=ENVIRONMENTS),
    "BUNQ_API_KEY": _Setting(
        pattern="[!-~]+",
        parse=Secret,
        problem="holds spaces or letters that no key has. Copy it again.",
        is_secret=True,
    ),
    "BUNQ_DEVICE_DESCRIPTION": _Setting(),
    "BUNQ_PERMITTED_IPS": _Setting(
        parse=_parse_addresses,
        problem="holds something that is no IP address. Separate addresses by commas, or write * "
        "for any.",
    ),
    "BUNQ_LANGUAGE": _Setting("en_US", choices=("en_US", "nl_NL")),
    "BUNQ_STATE_DIR": _Setting(parse=Path),
    "BUNQ_STATE_PASSPHRASE": _Setting(parse=Secret, is_secret=True),
    "BUNQ_BASE_URL": _Setting(),
    "BUNQ_TOTAL_CAP": _Setting(
        DEFAULT_CAP,
        parse=_parse_amount,
        problem="is no amount. Write one such as 250.00, in your account's currency.",
    ),
    "BUNQ_LIMITS": _Setting(choices=("classic", "windows", "off")),
    "BUNQ_PROFILE": _Setting(),
    "BUNQ_MAX_JSON_MB": _megabytes(Settings.max_json_mb),
    "BUNQ_MAX_DOWNLOAD_MB": _megabytes(Settings.max_download_mb),
}
NAMES = tuple(_SETTINGS)


class _Rank(IntEnum):
    """How strong a place is: the lower wins."""

    ARGUMENT = 0
    ENVIRONMENT = 1
    FILE = 2


@dataclass(frozen=True)
class _WrittenSetting:
    """The text of a setting, and the place where it stands."""

    name: str
    secret: Secret
    place: str
    rank: _Rank

    @property
    def text(self) -> str:
        return self.secret.reveal().strip()

    @property
    def is_sandbox_key(self) -> bool:
        return self.text.startswith(_SANDBOX_PREFIX)

    def error(self, problem: str) -> SettingsError:
        """Return the error of this setting: its name, its place, and the problem."""
        return SettingsError(f"{self.name} in {self.place} {problem}")

    def parse(self) -> Any:
        """Return the value, or raise ``SettingsError``."""
        setting, text = _SETTINGS[self.name], self.text
        if setting.choices:
            choices = {choice.upper(): choice for choice in setting.choices}
            if text.upper() not in choices:
                listed = ", ".join(setting.choices)
                raise self.error(f"has a value that is unknown. Make it one of {listed}.")
            return choices[text.upper()]
        if not text:
            raise self.error("is empty. Give it a value, or take the line out.")
        with contextlib.suppress(ValueError, ArithmeticError):
            if re.fullmatch(setting.pattern, text):
                return setting.parse(text)
        raise self.error(setting.problem)


@forgetting
def load_settings(
    *,
    environment: str | None = None,
    api_key: str | Secret | None = None,
    env_file: str | os.PathLike[str] | None = None,
    profile: str | None = None,
    is_in_process: bool = False,
) -> Settings:
    """Return the settings as they are now.

    Parameters
    ----------
    environment, api_key
        Win over what the environment and ``.env`` say. Names of environments ignore case.
    env_file
        A ``.env`` to read in place of the one found upward from the working folder.
    profile
        ``work`` reads ``.env.work`` in place of ``.env``, and keeps a state of its own.
    is_in_process
        True for a bank in this process: no address and no key of the settings counts.

    Raises
    ------
    SettingsError
        If one is missing, wrong, or does not go with another. The message names the variable, its
        place and the remedy, and quotes no value.
    """
    search = _SettingsSearch(env_file, profile)
    url = None if is_in_process else search.find("BUNQ_BASE_URL")
    key = None
    if api_key is not None or not is_in_process:
        key = search.find("BUNQ_API_KEY", api_key)
    name = search.read("BUNQ_ENVIRONMENT", environment) or _guess_environment(key, url)
    permitted_ips = search.read("BUNQ_PERMITTED_IPS")
    if key is not None and not is_in_process:
        _check_places(name, search.entries)
    if name == "OFFLINE" and url is None:
        key = None
        search.entries.pop("BUNQ_API_KEY", None)
    if key is not None and name == "PRODUCTION" and key.is_sandbox_key:
        raise key.error(
            "is a sandbox key, but BUNQ_ENVIRONMENT is PRODUCTION. Set BUNQ_ENVIRONMENT to "
            "SANDBOX, or use a key made in the bunq app."
        )
    description = search.read("BUNQ_DEVICE_DESCRIPTION")
    # A served bank has limits of its own.
    limits = search.read("BUNQ_LIMITS") or ("off" if name == "OFFLINE" else "classic")
    return Settings(
        environment=name,
        api_key=key.parse() if key else None,
        base_url=_check_url(url, name) if url else BASE_URLS.get(name),
        device_description=description or f"bunqkit on {socket.gethostname()}",
        permitted_ips=permitted_ips,
        language=search.read("BUNQ_LANGUAGE"),
        state_folder=search.state_folder(),
        env_file=search.path,
        state_passphrase=search.read("BUNQ_STATE_PASSPHRASE"),
        total_cap=_check_cap(search.read("BUNQ_TOTAL_CAP"), search.entries),
        limits=limits,
        max_json_mb=search.read("BUNQ_MAX_JSON_MB"),
        max_download_mb=search.read("BUNQ_MAX_DOWNLOAD_MB"),
        profile=search.profile,
        places={entry.name: entry.place for entry in search.entries.values()},
    )


def read_values(
    env_file: str | os.PathLike[str] | None = None, profile: str | None = None
) -> tuple[Path | None, dict[str, Secret]]:
    """Return the path of the ``.env`` in use, and the values of the file and the environment.

    The values are not checked. The result has every name of the file, also unknown ones, but only
    those names of the environment that begin with ``BUNQ_``.
    """
    try:
        search = _SettingsSearch(env_file, profile)
        path, values = search.path, search.values
    except SettingsError:
        path, values = None, {}
    variables = {name: Secret(text) for name, text in os.environ.items() if name[:5] == "BUNQ_"}
    return path, values | variables


def find_state_folder() -> Path:
    """Return the folder where state is kept, even if other settings can't be used."""
    try:
        return _SettingsSearch(None, None).state_folder()
    except SettingsError:
        return user_state_path("bunqkit", appauthor=False)


class _SettingsSearch:
    """Finds settings among the arguments, in the environment, and in the ``.env`` in use.

    Attributes
    ----------
    entries
        The settings that were found, by name.
    values
        The values of the file.
    profile, path
        The name of the profile and the path of the file, if any.
    """

    def __init__(self, env_file: str | os.PathLike[str] | None, profile: str | None) -> None:
        self.entries: dict[str, _WrittenSetting] = {}
        self.values: dict[str, Secret] = {}
        self.path: Path | None = None
        self.profile = self._choose_profile(env_file, profile)
        self.path = find_env_file(env_file, self.profile)
        if self.path is not None:
            self.values = read_env_file(self.path)
        named = self.values.get("BUNQ_PROFILE")
        if named is not None and named.reveal().strip() != self.profile:
            raise SettingsError(
                f"BUNQ_PROFILE in {self.path} has no effect: a file can't choose which file is "
                "read. Set it in the environment, or give profile= to connect()."
            )

    def find(self, name: str, argument: str | Secret | None = None) -> _WrittenSetting | None:
        """Return a setting from the strongest place that has it."""
        if argument is not None:
            if not isinstance(argument, str | Secret):
                raise SettingsError(
                    f"{name} is given as an argument of type {type(argument).__name__}. Write it "
                    "as text."
                )
            secret = Secret(argument) if isinstance(argument, str) else argument
            entry = _WrittenSetting(name, secret, "the argument of the call", _Rank.ARGUMENT)
        elif name in os.environ:
            secret = Secret(os.environ[name])
            entry = _WrittenSetting(name, secret, "the environment", _Rank.ENVIRONMENT)
        elif name in self.values:
            entry = _WrittenSetting(name, self.values[name], str(self.path), _Rank.FILE)
        else:
            return None
        if not _SETTINGS[name].is_secret and _holds_key(entry):
            raise entry.error(
                "holds what looks like a key or token. Put it into BUNQ_API_KEY alone."
            )
        self.entries[name] = entry
        return entry

    def read(self, name: str, argument: str | None = None) -> Any:
        """Return the value of a setting, or its default."""
        entry = self.find(name, argument)
        return _SETTINGS[name].default if entry is None else entry.parse()

    def state_folder(self) -> Path:
        """Return the folder where state is kept: a profile's own, if there is one."""
        folder = self.read("BUNQ_STATE_DIR") or user_state_path("bunqkit", appauthor=False)
        entry = self.entries.get("BUNQ_STATE_DIR")
        # Beside the file that has it, so that notebooks in different folders share one state.
        is_in_file = entry is not None and entry.rank is _Rank.FILE and self.path is not None
        base = self.path.parent if is_in_file and self.path else Path.cwd()
        folder = base / folder.expanduser()
        return folder / "profiles" / self.profile if self.profile else folder

    def _choose_profile(
        self, env_file: str | os.PathLike[str] | None, argument: str | None
    ) -> str | None:
        entry = self.find("BUNQ_PROFILE", argument)
        if entry is None:
            return None
        if env_file is None:
            return check_profile(entry.text, entry.place)
        if entry.rank is _Rank.ARGUMENT:
            raise SettingsError(
                "Both profile and env_file are given, and each names a file of settings. Leave out "
                "one."
            )
        # The argument env_file wins over the environment.
        del self.entries["BUNQ_PROFILE"]
        return None


def _holds_key(entry: _WrittenSetting) -> bool:
    """Return True if a text has a key in it; a path may have a digest among its folders."""
    from bunqkit.security.secret_scan import find_secrets

    spans = [(secret.start, secret.end) for secret in find_secrets(entry.text)]
    return (0, len(entry.text)) in spans if entry.name == "BUNQ_STATE_DIR" else bool(spans)


def _guess_environment(key: _WrittenSetting | None, url: _WrittenSetting | None) -> str:
    # Plain http is a bank that somebody serves: play money, whatever the key looks like.
    if key is None or (url is not None and url.text.lower().startswith("http:")):
        return "OFFLINE"
    if key.is_sandbox_key:
        return "SANDBOX"
    key.parse()
    raise key.error(
        f"does not start with {_SANDBOX_PREFIX!r}, so it may be a key to real money. Say which "
        "bank it is for: set BUNQ_ENVIRONMENT to PRODUCTION or SANDBOX."
    )


def _check_places(environment: str, entries: Mapping[str, _WrittenSetting]) -> None:
    """Raise ``SettingsError`` if a weaker place than the key's decides about the key."""
    key, url = entries["BUNQ_API_KEY"], entries.get("BUNQ_BASE_URL")
    is_offline = environment == "OFFLINE"
    # A key of play money, given by hand, may go to any bank that somebody serves nearby.
    if is_offline and key.rank is _Rank.ARGUMENT and key.is_sandbox_key:
        return
    names = ["BUNQ_ENVIRONMENT", "BUNQ_PERMITTED_IPS"] + ["BUNQ_BASE_URL"] * (not is_offline)
    for name in names:
        entry = entries.get(name)
        if entry is not None and entry.rank > key.rank:
            raise entry.error(
                f"does not count for BUNQ_API_KEY in {key.place}: a weaker place must not decide "
                "where a key goes or what it may do. Give both in one place, or take one out. An "
                "argument is stronger than the environment, which is stronger than .env."
            )
    if not is_offline or url is None:
        return
    if key.is_sandbox_key:
        may_go = url.rank <= key.rank
    else:
        # It may open real money: its owner must have named the address beside it.
        may_go = url.place == key.place or max(url.rank, key.rank) < _Rank.FILE
    if not may_go:
        raise url.error(
            f"does not count for BUNQ_API_KEY in {key.place}: a key goes only to an address that "
            "stands in the same file, or both must stand in the environment or the arguments. Give "
            "both in one place, or take one out."
        )


def _check_url(url: _WrittenSetting, environment: str) -> str:
    """Return the address of the API with its ``/v1``, or raise ``SettingsError``."""
    text = url.parse().rstrip("/")
    try:
        parts = urlsplit(text)
        host = parts.hostname or ""
        _ = parts.port
    except ValueError:
        parts, host = urlsplit(""), ""
    # Other letters, blanks and signs: two programs may read two different hosts from them.
    is_plain = re.fullmatch(r"[a-z0-9._:-]+", host) and re.fullmatch("[!-~]+", text)
    if parts.scheme not in ("http", "https") or not is_plain or parts.query or parts.fragment:
        raise url.error("is no web address. Write it like http://127.0.0.1:8080/v1.")
    if parts.username is not None:
        raise url.error("holds a name before the '@'. Take it out: the key goes into BUNQ_API_KEY.")
    address = text if text.endswith("/v1") else f"{text}/v1"
    own = BASE_URLS.get(environment)
    if own is not None and address.lower() != own:
        raise url.error(
            f"is not bunq's address, and {environment} goes only to {own} by https. Take "
            "BUNQ_BASE_URL out, or set BUNQ_ENVIRONMENT=OFFLINE for a bank on "
            f"{_HERE_AND_NEAR}, such as http://127.0.0.1:8080/v1."
        )
    if own is None and is_elsewhere(host):
        raise url.error(
            f"leads to a host that is not on {_HERE_AND_NEAR}, and OFFLINE goes nowhere else. For "
            "bunq's own banks set BUNQ_ENVIRONMENT and take BUNQ_BASE_URL out: they are reached by "
            "https alone."
        )
    return own or address


def _check_cap(cap: Decimal, entries: Mapping[str, _WrittenSetting]) -> Decimal:
    """Return the cap, or raise ``SettingsError`` if a weaker place than the key's raises it."""
    entry, key = entries.get("BUNQ_TOTAL_CAP"), entries.get("BUNQ_API_KEY")
    if entry and key and entry.rank > key.rank and cap > DEFAULT_CAP:
        raise entry.error(
            f"does not count for BUNQ_API_KEY in {key.place}: a weaker place may lower the cap of "
            f"{DEFAULT_CAP}, never raise it. Set it where the key stands, or take it out."
        )
    return cap


def is_elsewhere(host: str) -> bool:
    """Return True if a host is known to be neither on this machine nor on its network.

    A name is not looked up here, so of names only bunq's own are known to be elsewhere.
    """
    try:
        return not is_near(ipaddress.ip_address(host))
    except ValueError:
        bare = host.rstrip(".")
        return bare == "bunq.com" or bare.endswith(".bunq.com")


def is_near(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    """Return True if an address is one of this machine or of a private network.

    Source: RFC 1918, RFC 4193; RFC 3927 and RFC 4291 for those of one link.
    """
    # Python up to 3.12 takes every IPv4 address that is written as an IPv6 one for private.
    address = getattr(address, "ipv4_mapped", None) or address
    return any(address in network for network in _NEAR if network.version == address.version)


_NEAR_V4 = ("127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16")
_NEAR_V6 = ("::1/128", "fc00::/7", "fe80::/10")
_NEAR = tuple(map(ipaddress.ip_network, _NEAR_V4 + _NEAR_V6))
