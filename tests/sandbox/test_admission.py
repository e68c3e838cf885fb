"""Who may open a served bank's page and its desk: one token, the bank's own names and pages."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
import requests
from visitors import Frozen

from bunqkit.errors import BunqkitError
from bunqkit.sandbox import Admin, Bank, Clock, doors
from bunqkit.sandbox.admission import read_token
from bunqkit.security.private_files import PrivacyWarning
from bunqkit.security.redaction import Secret

ORIGIN = doors.BASE_URL.removesuffix("/v1")
TOKEN = Secret("an-admin-token-of-tests")
BEARER = {"Authorization": f"Bearer {TOKEN.reveal()}"}


@pytest.fixture(scope="module")
def bank() -> Iterator[Bank]:
    """Return one bank for all: nothing that is refused changes it."""
    bank = Bank(clock=Clock(tick=Frozen()))
    yield bank
    bank.close()


@pytest.fixture
def stranger(bank: Bank) -> Iterator[requests.Session]:
    """Return bare requests to a bank behind its admin pages."""
    session = requests.Session()
    admin = Admin(bank, admin_token=TOKEN, host_names=["bank.invalid"])
    session.mount("https://", doors.InProcess(admin))
    yield session
    session.close()


@pytest.fixture
def http(stranger: requests.Session) -> requests.Session:
    """Return the requests of whoever has the admin token."""
    stranger.headers.update(BEARER)
    return stranger


@pytest.mark.parametrize(
    "path", ["/", "/?token=", "/?token=x", "/control/", f"/control/books?token={TOKEN.reveal()}"]
)
@pytest.mark.parametrize(
    "header",
    [
        {},
        {"Authorization": f"Basic {TOKEN.reveal()}"},
        {"Authorization": "Bearer "},
        {"Authorization": f"Bearer {TOKEN.reveal()}x"},
        {"Authorization": "Bearer \xe9"},
        {"Cookie": "bunqkit_admin_443=x; bunqkit_admin_443="},
        {"Cookie": f"bunqkit_admin_80={TOKEN.reveal()}"},
    ],
    ids=["nothing", "basic", "empty", "too long", "no ASCII", "wrong cookies", "other port's"],
)
def test_page_and_desk_need_the_token(
    stranger: requests.Session, bank: Bank, path: str, header: dict[str, str]
) -> None:
    """Without it there is a refusal, which says what to do, and no secret."""
    answer = stranger.get(f"{ORIGIN}{path}", headers=header, timeout=5)
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == "Bearer"
    assert "admin token" in answer.text
    assert bank.demo_key.reveal() not in answer.text
    assert TOKEN.reveal() not in answer.text + str(answer.headers)


def test_every_order_needs_the_token(stranger: requests.Session, bank: Bank) -> None:
    """Whatever it is, nothing happens; the desk does not even say what there is."""
    headers = stranger.get(f"{ORIGIN}/control/", headers=BEARER, timeout=5).json()
    key, time = bank.demo_key, bank.clock.now()
    for what in [*headers["POST"], "nothing"]:
        answer = stranger.post(f"{ORIGIN}/control/{what}", json={}, timeout=5)
        assert answer.status_code == 401
    for what in headers["GET"]:
        assert stranger.get(f"{ORIGIN}/control/{what}", timeout=5).status_code == 401
    assert (bank.demo_key, bank.clock.now()) == (key, time)


def test_the_token_moves_from_the_link_into_a_cookie(
    stranger: requests.Session, bank: Bank
) -> None:
    """The address is left at once; scripts can't read the cookie, other sites can't send it."""
    admin = Admin(bank, admin_token=TOKEN)
    assert admin.link(f"{ORIGIN}/v1") == f"{ORIGIN}/?token={TOKEN.reveal()}"
    answer = stranger.get(admin.link(f"{ORIGIN}/v1"), allow_redirects=False, timeout=5)
    assert (answer.status_code, answer.headers["Location"], answer.text) == (303, "./", "")
    told, *rules = answer.headers["Set-Cookie"].split("; ")
    assert told == f"bunqkit_admin_443={TOKEN.reveal()}"
    assert sorted(rules) == ["HttpOnly", "SameSite=Strict"]
    assert answer.headers["Referrer-Policy"] in ("no-referrer", "same-origin")
    headers = {"Cookie": f"other=, {{}}; {told}"}
    page = stranger.get(f"{ORIGIN}/", headers=headers, timeout=5)
    assert (page.status_code, TOKEN.reveal() in page.text) == (200, False)
    for name, rule in (
        ("Cache-Control", "no-store"),
        ("Referrer-Policy", "same-origin"),
        ("X-Content-Type-Options", "nosniff"),
    ):
        assert page.headers[name] == rule
    assert "frame-ancestors 'none'" in page.headers["Content-Security-Policy"]
    books = stranger.get(f"{ORIGIN}/control/books", headers=headers, timeout=5)
    assert books.status_code == 200


@pytest.mark.parametrize(
    ("host", "is_own"),
    [
        ("bank.invalid", True),
        ("BANK.invalid:8080", True),
        ("localhost:1", True),
        ("127.0.0.1", True),
        ("[::1]:8080", True),
        ("192.168.1.5:8080", True),
        ("evil.example", False),
        ("bank.invalid.evil.example", False),
        ("evil.example@localhost", False),
        ("localhost@evil.example", False),
        ("localhost, evil.example", False),
        ("localhost.evil.example:80", False),
        ("127.0.0.1.nip.io", False),
        ("::1", False),
        ("0x7f.1", False),
        ("", False),
    ],
)
@pytest.mark.parametrize("path", ["/", "/control/"])
def test_names_of_others_are_refused(
    http: requests.Session, path: str, host: str, *, is_own: bool
) -> None:
    """With the token too: a page whose name was made to point here can't use the desk."""
    answer = http.get(f"{ORIGIN}{path}", headers={"Host": host}, timeout=5)
    assert answer.status_code == (200 if is_own else 403)
    if not is_own:
        assert "--host-name" in answer.text
        assert host == "" or host not in answer.text
    # The API answers to every name, as bunq's does behind its own.
    user = http.get(f"{ORIGIN}/v1/user", headers={"Host": host}, timeout=5)
    assert "Insufficient authentication" in user.text


@pytest.mark.parametrize(
    ("origin", "is_own"),
    [
        ("https://bank.invalid", True),
        ("http://BANK.invalid", True),
        ("null", False),
        ("", False),
        ("https://evil.example", False),
        ("https://bank.invalid:8888", False),
        ("https://evil.example@bank.invalid", False),
        ("https://[", False),
    ],
)
def test_pages_from_elsewhere_are_refused(
    http: requests.Session, bank: Bank, origin: str, *, is_own: bool
) -> None:
    """With the token too, from another port of this machine too."""
    headers, time = {"Origin": origin}, bank.clock.now()
    address = f"{ORIGIN}/control/clock"
    answer = http.post(address, json={"hours": 1}, headers=headers, timeout=5)
    assert answer.status_code == (200 if is_own else 403)
    assert bank.clock.now() - time == timedelta(hours=is_own)
    page = http.get(f"{ORIGIN}/", headers=headers, timeout=5)
    assert page.status_code == (200 if is_own else 403)


def test_a_consent_leaves_no_address_behind(stranger: requests.Session) -> None:
    """The page and the way back from it tell no other site where the browser came from."""
    for path in ("/auth", "/auth?client_id=x", "/v1/token?code=x"):
        answer = stranger.get(f"{ORIGIN}{path}", timeout=5)
        assert answer.headers["Referrer-Policy"] == "no-referrer"
        assert answer.headers["Cache-Control"] == "no-store"


def test_each_bank_has_a_token_of_its_own(bank: Bank) -> None:
    """It can't be left out, and can't be guessed."""
    tokens = {Admin(bank, admin_token=None).admission.token.reveal() for _ in range(3)}
    assert len(tokens) == 3
    assert min(map(len, tokens)) >= 32
    for text in ("", "off", "x" * 19, "with a space in the middle"):
        with pytest.raises(BunqkitError, match="admin token"):
            Admin(bank, admin_token=Secret(text))


def test_a_token_of_a_file_stays_the_same(tmp_path: Path) -> None:
    """It is made for its owner alone if it is not there, and read from then on."""
    path = tmp_path / "token"
    token = read_token(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert read_token(path) == token
    assert len(token.reveal()) >= 32
    path.chmod(0o644)
    with pytest.warns(PrivacyWarning, match="chmod 600"):
        read_token(path)


@pytest.mark.parametrize("text", [b"", b"\n", b"off", b"short", b"two\nlines" * 5, b"\xff" * 30])
def test_a_file_without_a_good_token_is_refused(tmp_path: Path, text: bytes) -> None:
    """It is not taken for no token, and not quoted."""
    path = tmp_path / "token"
    path.write_bytes(text)
    with pytest.raises(BunqkitError, match="admin token") as caught:
        read_token(path)
    assert "short" not in str(caught.value)
    with pytest.raises(BunqkitError, match="folder that exists"):
        read_token(tmp_path / "no" / "token")
