"""Settings: who wins, what is refused, and that each refusal names variable, place and remedy."""

from __future__ import annotations

import os
import stat
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from bunqkit.context import make_client
from bunqkit.errors import SettingsError
from bunqkit.limits import PROFILES
from bunqkit.private_files import PrivacyWarning
from bunqkit.redaction import Secret
from bunqkit.settings import Settings, load_settings, write_api_key

KEY = "sandbox_" + "ab" * 32
LIVE = "cd" * 32


def write(text: str | bytes, name: str = ".env") -> Path:
    """Write a ``.env`` in the working folder."""
    path = Path.cwd() / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def key_of(settings: Settings) -> str:
    """Give the key's text."""
    assert settings.api_key is not None
    return settings.api_key.reveal()


def test_without_anything_it_is_offline() -> None:
    """No key, no file, no variable: the embedded bank."""
    settings = load_settings()
    assert (settings.environment, settings.api_key, settings.base_url) == ("OFFLINE", None, None)
    assert settings.language == "en_US"
    assert settings.permitted_ips is None
    assert settings.device_description.startswith("bunqkit on ")
    assert settings.env_file is None


def test_argument_wins_over_environment_over_file(monkeypatch: pytest.MonkeyPatch) -> None:
    """The order of precedence, one after the other."""
    write(f"BUNQ_API_KEY={KEY}1\nBUNQ_ENVIRONMENT=sandbox\n")
    assert key_of(load_settings()) == f"{KEY}1"
    monkeypatch.setenv("BUNQ_API_KEY", f"{KEY}2")
    assert key_of(load_settings()) == f"{KEY}2"
    assert key_of(load_settings(api_key=f"{KEY}3")) == f"{KEY}3"
    assert key_of(load_settings(api_key=Secret(f"{KEY}4"))) == f"{KEY}4"


def test_env_file_is_found_upward_and_reread(monkeypatch: pytest.MonkeyPatch) -> None:
    """A notebook's folder below the file sees it, and sees it changed."""
    path = write("BUNQ_LANGUAGE=nl_NL\n")
    deep = Path.cwd() / "notebooks/deep"
    deep.mkdir(parents=True)
    monkeypatch.chdir(deep)
    assert load_settings().language == "nl_NL"
    path.write_text("BUNQ_LANGUAGE=en_US\n")
    assert load_settings().language == "en_US"
    assert load_settings().env_file == path


def test_the_process_environment_is_not_changed() -> None:
    """Reading ``.env`` leaves ``os.environ`` alone, and does not fill in other variables."""
    write(f"BUNQ_API_KEY={KEY}\nBUNQ_DEVICE_DESCRIPTION=$HOME\n")
    before = dict(os.environ)
    assert load_settings().device_description == "$HOME"
    assert dict(os.environ) == before


@pytest.mark.parametrize(
    ("text", "environment"),
    [
        ("", "OFFLINE"),
        (f"BUNQ_API_KEY={KEY}", "SANDBOX"),
        (f"BUNQ_API_KEY={LIVE}\nBUNQ_ENVIRONMENT=production", "PRODUCTION"),
        (f"BUNQ_API_KEY={LIVE}\nBUNQ_ENVIRONMENT=Sandbox", "SANDBOX"),
        (f"BUNQ_API_KEY={LIVE}\nBUNQ_ENVIRONMENT=OFFLINE", "OFFLINE"),
        (f"BUNQ_API_KEY={KEY}\nBUNQ_BASE_URL=http://127.0.0.1:1", "OFFLINE"),
        (f"BUNQ_API_KEY={KEY}\nBUNQ_BASE_URL=https://bank.example", "SANDBOX"),
        ("BUNQ_BASE_URL=http://localhost:1/v1", "OFFLINE"),
    ],
)
def test_environment_is_chosen(text: str, environment: str) -> None:
    """By name, whatever its case; by the key's prefix; by plain http, which is play money."""
    write(text)
    assert load_settings().environment == environment


def test_addresses_of_the_api() -> None:
    """Each environment has its own; another one gets its /v1."""
    assert load_settings(api_key=KEY).base_url == "https://public-api.sandbox.bunq.com/v1"
    production = load_settings(api_key=LIVE, environment="PRODUCTION")
    assert production.base_url == "https://api.bunq.com/v1"
    write("BUNQ_BASE_URL=http://127.0.0.1:8080/")
    assert load_settings().base_url == "http://127.0.0.1:8080/v1"


def test_offline_ignores_a_key() -> None:
    """An embedded bank has keys of its own."""
    write(f"BUNQ_API_KEY={LIVE}\nBUNQ_ENVIRONMENT=OFFLINE")
    assert load_settings().api_key is None


@pytest.mark.parametrize(
    ("text", "variable", "remedy"),
    [
        ("BUNQ_ENVIRONMENT=PROD", "BUNQ_ENVIRONMENT", "OFFLINE, SANDBOX, PRODUCTION"),
        ("BUNQ_ENVIRONMENT=", "BUNQ_ENVIRONMENT", "OFFLINE, SANDBOX, PRODUCTION"),
        (f"BUNQ_API_KEY={KEY}\nBUNQ_ENVIRONMENT=PRODUCTION", "BUNQ_API_KEY", "SANDBOX"),
        (f"BUNQ_API_KEY={LIVE}", "BUNQ_API_KEY", "set BUNQ_ENVIRONMENT"),
        ("BUNQ_API_KEY=", "BUNQ_API_KEY", "Give it a value"),
        ("BUNQ_API_KEY", "BUNQ_API_KEY", "Give it a value"),
        ("BUNQ_API_KEY=\nBUNQ_ENVIRONMENT=SANDBOX", "BUNQ_API_KEY", "Give it a value"),
        ("BUNQ_API_KEY='a b'\nBUNQ_ENVIRONMENT=SANDBOX", "BUNQ_API_KEY", "Copy it again"),
        ("BUNQ_BASE_URL=ftp://x", "BUNQ_BASE_URL", "http://127.0.0.1:8080/v1"),
        ("BUNQ_BASE_URL=bank", "BUNQ_BASE_URL", "http://127.0.0.1:8080/v1"),
        ("BUNQ_BASE_URL=http://[", "BUNQ_BASE_URL", "http://127.0.0.1:8080/v1"),
        ("BUNQ_BASE_URL=http://bank.example", "BUNQ_BASE_URL", "https"),
        ("BUNQ_BASE_URL=http://8.8.8.8/v1", "BUNQ_BASE_URL", "https"),
        ("BUNQ_BASE_URL=https://me:word@bank.example", "BUNQ_BASE_URL", "BUNQ_API_KEY"),
        (
            f"BUNQ_BASE_URL=http://127.0.0.1:1\nBUNQ_ENVIRONMENT=SANDBOX\nBUNQ_API_KEY={KEY}",
            "BUNQ_BASE_URL",
            "https",
        ),
        (
            f"BUNQ_BASE_URL=http://127.0.0.1:1\nBUNQ_ENVIRONMENT=PRODUCTION\nBUNQ_API_KEY={LIVE}",
            "BUNQ_BASE_URL",
            "https",
        ),
        ("BUNQ_LANGUAGE=de_DE", "BUNQ_LANGUAGE", "en_US, nl_NL"),
        ("BUNQ_PERMITTED_IPS=1.2.3", "BUNQ_PERMITTED_IPS", "commas"),
        ("BUNQ_STATE_DIR=", "BUNQ_STATE_DIR", "Give it a value"),
        ("BUNQ_DEVICE_DESCRIPTION=", "BUNQ_DEVICE_DESCRIPTION", "Give it a value"),
    ],
)
def test_wrong_settings_are_refused(text: str, variable: str, remedy: str) -> None:
    """Each message names the variable, the file and what to do, and no key."""
    path = write(text)
    with pytest.raises(SettingsError) as caught:
        load_settings()
    message = str(caught.value)
    assert variable in message
    assert str(path) in message
    assert remedy in message
    assert KEY not in message
    assert LIVE not in message


def test_the_place_of_a_wrong_setting_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment and an argument are places too."""
    with pytest.raises(SettingsError, match="the argument of the call"):
        load_settings(environment="PROD")
    monkeypatch.setenv("BUNQ_API_KEY", " ")
    with pytest.raises(SettingsError, match="in the environment is empty"):
        load_settings()


def test_private_addresses_may_be_plain_http_offline() -> None:
    """A bank that a teacher serves to a class."""
    write("BUNQ_BASE_URL=http://192.168.1.7:8080/v1\nBUNQ_ENVIRONMENT=OFFLINE")
    assert load_settings().base_url == "http://192.168.1.7:8080/v1"
    write("BUNQ_BASE_URL=http://[::1]:8080\nBUNQ_ENVIRONMENT=OFFLINE")
    assert load_settings().base_url == "http://[::1]:8080/v1"


def test_addresses_are_split() -> None:
    """Commas separate, spaces don't matter, a star is any."""
    write("BUNQ_PERMITTED_IPS=1.2.3.4, 2001:db8::1 ,*")
    assert load_settings().permitted_ips == ("1.2.3.4", "2001:db8::1", "*")


@pytest.mark.parametrize(
    "content",
    [b"\xff\xfe\x00\x01", b"BUNQ_API_KEY=\x00\x01", bytes(range(256))],
    ids=["UTF-16", "zeros", "binary"],
)
def test_binary_files_are_refused(content: bytes) -> None:
    """What is no text is named as such."""
    path = write(content)
    with pytest.raises(SettingsError, match="not a text file") as caught:
        load_settings()
    assert str(path) in str(caught.value)


def test_a_broken_line_is_named() -> None:
    """A quote left open would lose the key in silence, and open the offline bank."""
    write(f"BUNQ_LANGUAGE=nl_NL\nBUNQ_API_KEY='{KEY}\n")
    with pytest.raises(SettingsError, match="Line 2 of"):
        load_settings()


def test_a_named_file_must_be_there() -> None:
    """A file that is asked for by name and missing, or a folder, is refused."""
    with pytest.raises(SettingsError, match=r"missing\.env can't be read"):
        load_settings(env_file="missing.env")
    with pytest.raises(SettingsError, match="can't be read"):
        load_settings(env_file=Path.cwd())


def test_byte_order_mark_and_named_file() -> None:
    """A file that an editor on Windows has saved is read all the same."""
    write(b"\xef\xbb\xbfBUNQ_LANGUAGE=nl_NL\r\n", "class.env")
    assert load_settings(env_file="class.env").language == "nl_NL"


def test_state_folder_is_beside_the_file_that_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """A relative folder means the same for notebooks in different folders."""
    path = write("BUNQ_STATE_DIR=state\n")
    below = Path.cwd() / "below"
    below.mkdir()
    monkeypatch.chdir(below)
    assert load_settings().state_folder == path.parent / "state"


def test_a_key_is_written_privately_and_nothing_is_lost() -> None:
    """The other lines stay, the file becomes 0600, and the next load finds the key."""
    path = write("# mine\nBUNQ_LANGUAGE=nl_NL")
    path.chmod(0o644)
    assert write_api_key(Secret(KEY), path) == path
    assert path.read_text() == f"# mine\nBUNQ_LANGUAGE=nl_NL\nBUNQ_API_KEY={KEY}\n"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert key_of(load_settings()) == KEY


def test_a_key_is_written_to_a_new_file() -> None:
    """Without a file one is made in the working folder."""
    path = write_api_key(Secret(KEY), None)
    assert path == Path.cwd() / ".env"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_key_that_cannot_be_written_says_so() -> None:
    """The message names variable, file and remedy, not the key."""
    with pytest.raises(SettingsError, match="BUNQ_API_KEY could not be written") as caught:
        write_api_key(Secret(KEY), Path.cwd() / "nowhere/.env")
    assert KEY not in str(caught.value)


def test_repr_hides_the_key() -> None:
    """Settings can be printed."""
    assert KEY not in repr(load_settings(api_key=KEY))


def test_a_passphrase_is_a_secret() -> None:
    """It is read like the key, masked like the key, and an empty one is a mistake."""
    write("BUNQ_STATE_PASSPHRASE=' correct horse battery staple '\n")
    settings = load_settings()
    assert settings.state_passphrase == Secret("correct horse battery staple")
    assert "horse" not in repr(settings)
    write("BUNQ_STATE_PASSPHRASE=\n")
    with pytest.raises(SettingsError, match="BUNQ_STATE_PASSPHRASE"):
        load_settings()


@pytest.mark.skipif(os.name != "posix", reason="other systems have no such permissions")
def test_a_file_with_a_key_that_others_can_read_is_warned_about() -> None:
    """With the command that mends it, and without the key; a file without secrets is no matter."""
    path = write(f"BUNQ_API_KEY={KEY}\n")
    path.chmod(0o644)
    with pytest.warns(PrivacyWarning, match="chmod 600") as caught:
        load_settings()
    assert KEY not in str(caught[0].message)
    path = write("BUNQ_LANGUAGE=nl_NL\n")
    path.chmod(0o644)
    load_settings()


def test_the_cap_is_an_amount() -> None:
    """A thousand by default; what is no amount is refused, and never taken as no cap."""
    assert load_settings().total_cap == Decimal(1000)
    write("BUNQ_TOTAL_CAP=25.50\n")
    assert load_settings().total_cap == Decimal("25.50")
    for wrong in ("", "much", "-1", "NaN", "Infinity"):
        write(f"BUNQ_TOTAL_CAP={wrong}\n")
        with pytest.raises(SettingsError, match="BUNQ_TOTAL_CAP"):
            load_settings()


def test_the_limits_are_one_of_the_known_profiles() -> None:
    """Bunq's own by default, none at a bank that says its own; a wrong name is refused."""
    assert load_settings().limits == "off"
    assert load_settings(environment="SANDBOX").limits == "classic"
    for name in PROFILES:
        write(f"BUNQ_LIMITS={name}\n")
        assert load_settings().limits == name
    write("BUNQ_LIMITS=strict\n")
    with pytest.raises(SettingsError, match=r"BUNQ_LIMITS.*classic, windows, off"):
        load_settings()


@pytest.mark.parametrize("name", ["JSON", "DOWNLOAD"])
def test_the_bounds_of_answers_are_megabytes(name: str) -> None:
    """Whole ones, from one on; the client of the context keeps to them."""
    field = f"max_{name.lower()}_mb"
    assert getattr(load_settings(), field) == {"JSON": 32, "DOWNLOAD": 256}[name]
    write(f"BUNQ_MAX_{name}_MB=5\n")
    assert getattr(load_settings(), field) == 5
    bounds = make_client(replace(load_settings(), base_url="http://127.0.0.1:1/v1"))._bounds
    assert getattr(bounds, f"{name.lower()}_mb") == 5
    for wrong in ("", "0", "-1", "1.5", "much", "1e3", "1000000", "٣"):
        write(f"BUNQ_MAX_{name}_MB={wrong}\n")
        with pytest.raises(SettingsError, match=f"BUNQ_MAX_{name}_MB"):
            load_settings()
