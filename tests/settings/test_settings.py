"""Settings: who wins, what is refused, and that each refusal names variable, place and remedy."""

from __future__ import annotations

import os
import stat
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from bunqkit.client.rate_limits import PROFILES
from bunqkit.context.context import make_client
from bunqkit.errors import SettingsError
from bunqkit.security.env_files import write_api_key
from bunqkit.security.private_files import PrivacyWarning
from bunqkit.security.redaction import Secret
from bunqkit.settings import _SETTINGS, BASE_URLS, Settings, load_settings

KEY = "sandbox_" + "ab" * 32
LIVE = "cd" * 32


def write(text: str | bytes, name: str = ".env") -> Path:
    """Write a ``.env`` in the working folder."""
    path = Path.cwd() / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def key_of(settings: Settings) -> str:
    """Return the key's text."""
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
    write(f"BUNQ_API_KEY={KEY}1\n")
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
        (f"BUNQ_API_KEY={KEY}\nBUNQ_BASE_URL=https://public-api.sandbox.bunq.com", "SANDBOX"),
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
        (f"BUNQ_BASE_URL=https://bank.example\nBUNQ_API_KEY={KEY}", "BUNQ_BASE_URL", "https"),
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
    with pytest.raises(SettingsError, match="its line 2 is not NAME=value"):
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
    """Once, with the command that mends it, and without the key; a group's writing counts too."""
    path = write(f"BUNQ_API_KEY={KEY}\n")
    for mode, why in ((0o644, "can read it"), (0o620, "may write it"), (0o664, "and the group")):
        path.chmod(mode)
        with pytest.warns(PrivacyWarning, match=why) as caught:
            load_settings()
        (warning,) = caught
        assert f"chmod 600 {path}" in str(warning.message)
        assert KEY not in str(warning.message)
    path.chmod(0o640)
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


PLACES = ("argument", "environment", "file")


def put(name: str, text: str, place: str, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Put a setting into a place; give the arguments that it makes."""
    if place == "environment":
        monkeypatch.setenv(name, text)
    elif place == "file":
        with Path(".env").open("a") as file:
            file.write(f"{name}={text}\n")
    else:
        return {name.removeprefix("BUNQ_").lower(): text}
    return {}


@pytest.mark.parametrize("key_place", PLACES)
@pytest.mark.parametrize(
    ("setting", "place"),
    [
        *(
            (("BUNQ_ENVIRONMENT", text), place)
            for text in ("PRODUCTION", "SANDBOX", "OFFLINE")
            for place in PLACES
        ),
        *(
            (setting, place)
            for setting in (
                ("BUNQ_PERMITTED_IPS", "*"),
                ("BUNQ_TOTAL_CAP", "1000.01"),
                ("BUNQ_BASE_URL", "https://api.bunq.com/v1"),
            )
            for place in PLACES[1:]
        ),
    ],
)
def test_a_weaker_place_decides_nothing(
    setting: tuple[str, str], place: str, key_place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever may write there could send the key elsewhere; the error names both places."""
    name, text = setting
    arguments = put("BUNQ_API_KEY", LIVE, key_place, monkeypatch)
    arguments |= put(name, text, place, monkeypatch)
    if name != "BUNQ_ENVIRONMENT":
        arguments["environment"] = "PRODUCTION"
    if PLACES.index(place) <= PLACES.index(key_place):
        load_settings(**arguments)  # type: ignore[arg-type]
        return
    with pytest.raises(
        SettingsError, match=f"{name} in .* does not count for BUNQ_API_KEY"
    ) as caught:
        load_settings(**arguments)  # type: ignore[arg-type]
    message = str(caught.value)
    words = {"argument": "the argument of the call", "environment": "the environment"}
    for name_of_place in (place, key_place):
        assert words.get(name_of_place, str(Path.cwd() / ".env")) in message
    assert LIVE not in message


@pytest.mark.parametrize("key_place", PLACES)
@pytest.mark.parametrize("url_place", PLACES[1:])
@pytest.mark.parametrize("key", [KEY, LIVE], ids=["sandbox_", "any other"])
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_key_goes_only_to_an_address_that_its_owner_named(
    key: str, key_place: str, url_place: str, scheme: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Play money given by hand to any, other keys to one that stands where they do."""
    arguments = put("BUNQ_API_KEY", key, key_place, monkeypatch)
    put("BUNQ_BASE_URL", f"{scheme}://127.0.0.1:1/v1", url_place, monkeypatch)
    may_go = {
        KEY: {
            ("argument", "environment"),
            ("argument", "file"),
            ("environment", "environment"),
            ("file", "environment"),
            ("file", "file"),
        },
        LIVE: {("argument", "environment"), ("environment", "environment"), ("file", "file")},
    }[key]
    if (key_place, url_place) in may_go:
        settings = load_settings(environment="OFFLINE", **arguments)  # type: ignore[arg-type]
        assert settings.base_url == f"{scheme}://127.0.0.1:1/v1"
        return
    with pytest.raises(SettingsError, match=r"BUNQ_BASE_URL in .* does not count for BUNQ_API_KEY"):
        load_settings(environment="OFFLINE", **arguments)  # type: ignore[arg-type]


def test_two_files_are_two_places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A named file with an address has no say over a key of the environment."""
    path = write("BUNQ_BASE_URL=http://127.0.0.1:1\n", "class.env")
    monkeypatch.setenv("BUNQ_API_KEY", KEY)
    with pytest.raises(SettingsError, match="does not count"):
        load_settings(env_file=path)


@pytest.mark.parametrize(
    ("environment", "url"),
    [
        (environment, url)
        for environment, own in BASE_URLS.items()
        for url in (
            "https://bank.example/v1",
            "https://127.0.0.1/v1",
            f"{own}x",
            own.replace("https", "http"),
            own.replace("bunq.com", "bunq.com.example"),
            own.replace("//", "//x@"),
            own.replace("bunq.com", "bunq.com:8443"),
            own.replace("/v1", "/x/v1"),
            *(other for other in BASE_URLS.values() if other != own),
        )
    ],
)
def test_bunqs_banks_are_at_bunqs_hosts_alone(environment: str, url: str) -> None:
    """PRODUCTION goes to bunq's production host, SANDBOX to its sandbox host, and no file helps."""
    write(f"BUNQ_API_KEY={LIVE}\nBUNQ_ENVIRONMENT={environment}\nBUNQ_BASE_URL={url}\n")
    with pytest.raises(SettingsError, match="BUNQ_BASE_URL"):
        load_settings()
    write(
        f"BUNQ_API_KEY={LIVE}\nBUNQ_ENVIRONMENT={environment}\n"
        f"BUNQ_BASE_URL={BASE_URLS[environment].upper().replace('/V1', '/v1/')}\n"
    )
    assert load_settings().base_url == BASE_URLS[environment]


@pytest.mark.parametrize(
    "host",
    [
        "api.bunq.com",
        "api.bunq.com.",
        "API.bunq.com",
        "public-api.sandbox.bunq.com",
        "bunq.com",
        "8.8.8.8",
        "100.64.0.1",
        "[2001:4860:4860::8888]",
        "[::ffff:8.8.8.8]",
        "0.0.0.0",
        "[::]",
    ],
)
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_offline_goes_to_no_far_address(host: str, scheme: str) -> None:
    """Neither to bunq's own hosts nor to a public address, by whichever scheme."""
    write(f"BUNQ_ENVIRONMENT=OFFLINE\nBUNQ_BASE_URL={scheme}://{host}/v1\nBUNQ_API_KEY={KEY}\n")
    with pytest.raises(SettingsError, match=r"BUNQ_BASE_URL in .* is not on this machine"):
        load_settings()


@pytest.mark.parametrize("host", ["a\u3002bunq.com", "\uff41pi.bunq.com", "a b", "a_b\\c", "x\tx"])
def test_hosts_are_written_in_plain_letters(host: str) -> None:
    """Letters that other programs take for others are refused."""
    write(f"BUNQ_ENVIRONMENT=OFFLINE\nBUNQ_BASE_URL='http://{host}/v1'\n")
    with pytest.raises(SettingsError, match="BUNQ_BASE_URL"):
        load_settings()


def test_a_weaker_place_may_lower_the_cap(monkeypatch: pytest.MonkeyPatch) -> None:
    """Never above the default; the key's own place may say what it likes."""
    monkeypatch.setenv("BUNQ_API_KEY", LIVE)
    monkeypatch.setenv("BUNQ_ENVIRONMENT", "PRODUCTION")
    write("BUNQ_TOTAL_CAP=25\n")
    assert load_settings().total_cap == Decimal(25)
    write("BUNQ_TOTAL_CAP=5000\n")
    with pytest.raises(SettingsError, match="never raise it"):
        load_settings()
    monkeypatch.setenv("BUNQ_TOTAL_CAP", "6000")
    assert load_settings().total_cap == Decimal(6000)


def test_each_setting_is_known_by_its_place(monkeypatch: pytest.MonkeyPatch) -> None:
    """Arguments, environment and file; what is not used is not among them."""
    path = write(f"BUNQ_API_KEY={KEY}\nBUNQ_LANGUAGE=nl_NL\nBUNQ_LIMITS=off\n")
    monkeypatch.setenv("BUNQ_LIMITS", "windows")
    settings = load_settings(environment="SANDBOX")
    assert settings.places == {
        "BUNQ_ENVIRONMENT": "the argument of the call",
        "BUNQ_API_KEY": str(path),
        "BUNQ_LANGUAGE": str(path),
        "BUNQ_LIMITS": "the environment",
    }
    assert f"BUNQ_API_KEY, BUNQ_LANGUAGE from {path}" in settings.describe_places()
    assert "BUNQ_API_KEY" not in load_settings(environment="OFFLINE").places


def test_a_profile_has_its_own_file_and_state(monkeypatch: pytest.MonkeyPatch) -> None:
    """By argument or BUNQ_PROFILE, found upward like the other; it is read in place of .env."""
    write("BUNQ_LANGUAGE=nl_NL\n")
    work = write(f"BUNQ_API_KEY={KEY}\nBUNQ_STATE_DIR=kept\n", ".env.work")
    home = write("", ".env.home-2")
    below = Path.cwd() / "below"
    below.mkdir()
    monkeypatch.chdir(below)
    settings = load_settings(profile="work")
    assert (settings.profile, settings.env_file) == ("work", work)
    assert settings.language == "en_US"
    assert settings.state_folder == work.parent / "kept" / "profiles" / "work"
    assert settings.shared_folder == work.parent / "kept"
    monkeypatch.setenv("BUNQ_PROFILE", "home-2")
    settings = load_settings()
    assert (settings.profile, settings.env_file) == ("home-2", home)
    plain = load_settings(env_file=home)
    assert (plain.profile, plain.env_file) == (None, home)
    assert settings.state_folder == plain.state_folder / "profiles" / "home-2"


@pytest.mark.parametrize("name", ["", "a b", "../x", "work.old", "example", "ä", "a/b", "x\n"])
def test_names_of_profiles_are_plain(name: str) -> None:
    """Letters, digits, - and _; the template is nobody's."""
    write(f"BUNQ_API_KEY={KEY}\n", ".env.example")
    if name == "x\n":
        name = "x\ny"
    with pytest.raises(SettingsError, match="BUNQ_PROFILE in the argument of the call"):
        load_settings(profile=name)


def test_a_profile_that_is_not_there_is_said() -> None:
    """With those that are; no other file is read in its place."""
    write(f"BUNQ_API_KEY={KEY}\n")
    write("", ".env.home")
    with pytest.raises(SettingsError, match=r"no \.env\.work .*profiles found are: home"):
        load_settings(profile="work")
    with pytest.raises(SettingsError, match="Leave out one"):
        load_settings(profile="home", env_file=".env")


def test_a_file_chooses_no_profile() -> None:
    """It would say which file is read instead of itself."""
    write("BUNQ_PROFILE=work\n")
    write("BUNQ_PROFILE=work\n", ".env.work")
    with pytest.raises(SettingsError, match=r"BUNQ_PROFILE in .* has no effect"):
        load_settings()
    assert load_settings(profile="work").profile == "work"


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


@pytest.mark.parametrize("name", [name for name in _SETTINGS if _SETTINGS[name].default])
def test_the_documents_have_the_defaults(name: str) -> None:
    """README and the example of a ``.env`` show the values that the code has."""
    root = Path(__file__).parents[2]
    default = _SETTINGS[name].default
    assert f"| `{name}` | `{default}` |" in (root / "README.md").read_text()
    assert f"# {name}={default}\n" in (root / ".env.example").read_text()
