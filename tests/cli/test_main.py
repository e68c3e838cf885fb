"""The commands, as a person runs them: in a process of their own."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import requests

import bunqkit
from bunqkit.cli.main import main
from bunqkit.sandbox import Bank, doors


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run ``bunqkit`` and wait for its end."""
    return subprocess.run(
        [sys.executable, "-m", "bunqkit", *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        env={**os.environ, **environment},
    )


def test_tour_ends_in_a_table() -> None:
    """The flow step by step, then balances and the last ten payments; no colour in a pipe.

    Keys and tokens are shortened: no run of 20 hex digits.
    """
    started = time.monotonic()
    done = run("tour")
    assert done.returncode == 0
    assert time.monotonic() - started < 30
    for part in (
        "API key", "POST          /v1/installation", "POST          /v1/device-server",
        "POST          /v1/session-server", "Balances", "The last 10 payments", "Main account",
        "Buurtsuper",
    ):  # fmt: skip
        assert part in done.stdout
    assert "\x1b" not in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 80
    assert done.stderr == ""
    assert len(re.findall(r"^ *2026-", done.stdout, re.MULTILINE)) == 10
    assert re.findall(r"[0-9a-f]{20,}", done.stdout) == []


@pytest.mark.slow
def test_tour_of_a_sandbox_that_is_away_is_kind() -> None:
    """Without a network: exit status 1, one line that says what happened and what works."""
    done = run("tour", "--environment", "sandbox", HTTPS_PROXY="http://127.0.0.1:9")
    assert done.returncode == 1
    assert done.stderr.startswith(
        "bunqkit: No answer to POST /v1/sandbox-user-person from https://"
    )
    assert "BUNQ_ENVIRONMENT=OFFLINE" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.slow
def test_tour_of_a_served_bank(tmp_path: Path) -> None:
    """With BUNQ_BASE_URL the same steps go to a bank that somebody serves."""
    bank = Served(tmp_path)
    done = run("tour", BUNQ_BASE_URL=bank.url, BUNQ_API_KEY=bank.api_key)
    bank.stop()
    assert done.returncode == 0
    assert "The last 10 payments" in done.stdout


def test_a_wrong_setting_is_one_line() -> None:
    """No traceback for what a person can mend."""
    Path(".env").write_text("BUNQ_LANGUAGE=de_DE\n")
    done = run("tour")
    assert done.returncode == 1
    assert done.stderr.startswith("bunqkit: BUNQ_LANGUAGE in ")
    assert done.stderr.count("\n") == 1


@pytest.mark.skipif(os.name != "posix", reason="others are a matter of POSIX modes")
@pytest.mark.slow
def test_a_warning_is_one_line() -> None:
    """What others can read is said in words, without a line of code."""
    path = Path(".env")
    path.write_text("BUNQ_API_KEY=sandbox_0123\n")
    path.chmod(0o644)
    said = run("tour").stderr
    assert said.startswith(f"bunqkit: {path.resolve()} may hold secrets")
    assert "chmod 600" in said
    assert said.count("\n") == 1


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["fly"],
        ["tour", "--environment", "PRODUCTION"],
        ["sandbox", "--port", "x"],
        ["sandbox", "--port", "65536"],
        ["sandbox", "--host-name", "*"],
        ["sandbox", "--host-name", "http://bank.example:8080"],
    ],
)
def test_wrong_commands_exit_with_2(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """The usual status, with the usage."""
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2
    assert "usage: bunqkit" in capsys.readouterr().err


def test_who_says_nothing_is_told_the_commands(capsys: pytest.CaptureFixture[str]) -> None:
    """Each with what it does, as its own help says it again."""
    with pytest.raises(SystemExit):
        main([])
    told = dict(re.findall(r"^  (\w+) +(.*)$", capsys.readouterr().err, re.MULTILINE))
    assert {"tour", "doctor", "notebooks", "sandbox", "sync"} <= set(told)
    for command, words in told.items():
        with pytest.raises(SystemExit):
            main([command, "--help"])
        assert words.casefold() in " ".join(capsys.readouterr().out.split()).casefold()


def test_version() -> None:
    """One place says it."""
    assert run("--version").stdout == f"bunqkit {bunqkit.__version__}\n"


class Served:
    """``bunqkit sandbox --port 0`` in a process of its own."""

    def __init__(self, folder: Path, *more: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "bunqkit", "sandbox", "--port", "0", *more],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=folder,
        )
        assert self.process.stdout is not None
        self.url = self.process.stdout.readline().strip()
        self.api_key = self.process.stdout.readline().strip()

    def link(self) -> str:
        """Return the link that it prints for a browser."""
        assert self.process.stderr is not None
        self.link_line = self.process.stderr.readline()
        link = re.search(r"For a browser: (\S+) \(", self.link_line)
        assert link is not None
        return link[1]

    def stop(self) -> int:
        """Interrupt it, and give its exit status."""
        self.process.send_signal(signal.SIGINT)
        self.said = self.process.communicate(timeout=20)
        return self.process.returncode


def test_sandbox_says_where_it_is_and_with_which_key(tmp_path: Path) -> None:
    """First line the address, second a ready key; Ctrl-C ends it."""
    bank = Served(tmp_path)
    assert re.fullmatch(r"http://127\.0\.0\.1:[0-9]+/v1", bank.url)
    assert re.fullmatch(r"sandbox_[0-9a-f]{64}", bank.api_key)
    answer = requests.post(f"{bank.url}/sandbox-user-person", timeout=10)
    assert answer.status_code == 200
    Path(".env").write_text(
        f"BUNQ_BASE_URL={bank.url}\nBUNQ_API_KEY={bank.api_key}\nBUNQ_STATE_DIR={tmp_path}/state\n"
    )
    assert len(bunqkit.connect().payments(max_rows=5)) == 5
    assert bank.stop() == 130
    more, aside = bank.said
    assert more == ""
    assert f"For a browser: {bank.url.removesuffix('v1')}?token=" in aside
    assert aside.count("\n") == 1


def test_the_link_of_a_sandbox_opens_its_page_and_desk(tmp_path: Path) -> None:
    """The token is in it and nowhere else; the page has the key, and people who were asked for."""
    bank = Served(tmp_path, "--people", "3")
    link = bank.link()
    token = link.partition("?token=")[2]
    page, books = bank.url.removesuffix("v1"), bank.url.replace("/v1", "/control/books")
    assert [requests.get(each, timeout=10).status_code for each in (page, books)] == [401, 401]
    with requests.Session() as browser:
        assert bank.api_key in browser.get(link, timeout=10).text
        assert browser.get(books, timeout=10).json()["numbers"]["movement"] > 1_000
    header = {"Authorization": f"Bearer {token}"}
    assert requests.get(books, headers=header, timeout=10).status_code == 200
    evil = header | {"Host": "evil.example"}
    assert requests.get(books, headers=evil, timeout=10).status_code == 403
    bank.stop()
    assert token not in "".join(bank.said)


@pytest.mark.slow
def test_the_admin_token_of_a_class_stays_the_same(tmp_path: Path) -> None:
    """It is kept in a file, which is read again; a file without one is refused."""
    name = "class.school.example"
    options = ["--admin-token-file", "token", "--host-name", name]
    first = Served(tmp_path, *options)
    link = first.link()
    first.stop()
    second = Served(tmp_path, *options)
    assert second.link().partition("?")[2] == link.partition("?")[2]
    answer = requests.get(second.url.replace("v1", ""), headers={"Host": name}, timeout=10)
    assert answer.status_code == 401
    second.stop()
    (tmp_path / "token").write_text("off\n")
    done = run("sandbox", "--port", "0", "--admin-token-file", str(tmp_path / "token"))
    assert (done.returncode, done.stdout) == (1, "")
    assert "holds no admin token" in done.stderr


def test_a_sandbox_for_others_says_what_they_can_do(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Beyond this machine there is a warning, and the address is one that others can use."""
    listen, run = socket.create_server, doors.Server.run
    monkeypatch.setattr(socket, "create_server", lambda *_, **_more: listen(("127.0.0.1", 0)))
    monkeypatch.setattr(doors.Server, "run", lambda server: (server.close(), run(server)))
    assert main(["sandbox", "--host", "0.0.0.0", "--port", "0"]) == 0
    told = capsys.readouterr()
    url, key = told.out.splitlines()
    assert ip_address(str(urlsplit(url).hostname)) != ip_address("0.0.0.0")
    assert f"For a browser: {url.removesuffix('v1')}?token=" in told.err
    assert "not encrypted" in told.err
    assert main(["sandbox", "--port", "0"]) == 0
    assert "not encrypted" not in capsys.readouterr().err
    assert key


@pytest.mark.slow
def test_sandbox_on_a_file_remembers(tmp_path: Path) -> None:
    """Stopped and started again, the same bank: key, people and payments."""
    first = Served(tmp_path, "--file", "bank.sqlite")
    Path(".env").write_text(f"BUNQ_BASE_URL={first.url}\nBUNQ_API_KEY={first.api_key}\n")
    bunqkit.connect().pay("1.00", "bravo@bunq.com", "kept")
    first.stop()
    second = Served(tmp_path, "--file", "bank.sqlite")
    Path(".env").write_text(f"BUNQ_BASE_URL={second.url}\nBUNQ_API_KEY={second.api_key}\n")
    newest = bunqkit.connect().payments(max_rows=1)
    second.stop()
    assert second.api_key == first.api_key
    assert newest["description"].tolist() == ["kept"]


@pytest.mark.skipif(os.name != "posix", reason="others are a matter of POSIX modes")
def test_a_bank_in_a_file_is_its_owners_alone(tmp_path: Path) -> None:
    """New or made open by somebody: the books, and what SQLite keeps beside them."""
    os.umask(0o022)
    path = tmp_path / "bank.sqlite"
    for _ in range(2):
        bank = Bank(str(path))
        bank.clock.advance(days=1)
        modes = {each.name: each.stat().st_mode & 0o777 for each in tmp_path.glob("bank.sqlite*")}
        bank.close()
        assert modes == dict.fromkeys(("bank.sqlite", "bank.sqlite-wal", "bank.sqlite-shm"), 0o600)
        path.chmod(0o644)
    other = tmp_path / "other.sqlite"
    other.write_text("mine")
    other.chmod(0o644)
    with pytest.raises(bunqkit.BunqkitError):
        Bank(str(other))
    assert other.stat().st_mode & 0o777 == 0o644


@pytest.mark.slow
def test_a_port_that_is_taken_is_said(tmp_path: Path) -> None:
    """Exit status 1 and what to do."""
    bank = Served(tmp_path)
    port = bank.url.rpartition(":")[2].removesuffix("/v1")
    done = run("sandbox", "--port", port)
    bank.stop()
    assert done.returncode == 1
    assert "--port 0" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--host", "nowhere.invalid"], "Choose another host or port"),
        (["--file", "no/folder/bank.sqlite"], "no/folder/bank.sqlite can't be opened"),
        (["--file", "mine.txt"], "mine.txt can't be opened"),
    ],
    ids=["no such host", "no such folder", "no bank"],
)
def test_a_bank_that_cannot_begin_says_why(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit status 1 and one line, whatever was mistyped; nobody's file is changed."""
    Path("mine.txt").write_text("not a database\n" * 10)
    assert main(["sandbox", *arguments]) == 1
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.startswith("bunqkit: ")
    assert told.err.count("\n") == 1
    assert said in told.err
    assert Path("mine.txt").read_text() == "not a database\n" * 10


def test_doctor_says_the_cause_first_and_has_a_status(tmp_path: Path) -> None:
    """Status 0 if all is well, 1 with the cause in the first line, and what to do below."""
    well = run("doctor")
    assert (well.returncode, well.stdout.splitlines()[0][:11]) == (0, "All is well")
    (tmp_path / "my.env").write_text("BUNQ_APIKEY=x\n")
    ill = run("doctor", "--env-file", str(tmp_path / "my.env"))
    assert ill.returncode == 1
    assert ill.stdout.startswith("BUNQ_APIKEY is not a setting. BUNQ_API_KEY is one")
    assert "  1. Write BUNQ_API_KEY in place of BUNQ_APIKEY" in ill.stdout


@pytest.mark.slow
def test_commands_take_a_profile() -> None:
    """What connects reads its file; a key in its place, or in another option's, is not quoted."""
    Path(".env.work").write_text("BUNQ_LANGUAGE=de_DE\n")
    for command in (["tour"], ["doctor"], ["logout"], ["sync", "money.sqlite"]):
        done = run(*command, "--profile", "work")
        assert done.returncode == 1
        assert ".env.work" in done.stdout + done.stderr
    other = " ".join(run("doctor", "--profile", "home").stdout.split())
    assert "profiles found are: work" in other
    key = "cd34" * 16
    for option in ("--profile", "--environment", "--env-file"):
        done = run("doctor", option, key)
        assert done.returncode != 0
        assert key not in (done.stdout + done.stderr).lower()


def test_scrub_shows_first_and_writes_when_told(tmp_path: Path) -> None:
    """Status 1 and a diff without the secret; with ``--write`` the file changes, and is well."""
    key = "ab12" * 16
    path, broken = tmp_path / "n.json", tmp_path / "broken.ipynb"
    path.write_text(f'{{"api_key": "{key}"}}')
    broken.write_text("{")
    shown = run("scrub", str(broken), str(path))
    assert (shown.returncode, path.read_text()) == (1, f'{{"api_key": "{key}"}}')
    assert '+{"api_key": "REMOVED"}' in shown.stdout
    assert "--write" in shown.stdout
    assert key not in shown.stdout + shown.stderr
    assert "broken.ipynb is no notebook" in shown.stderr
    assert run("scrub", "--write", str(path)).returncode == 0
    assert path.read_text() == '{"api_key": "REMOVED"}'
    assert run("scrub", str(path)).stdout == f"{path}: no secret found.\n"


def test_people_are_counted(capsys: pytest.CaptureFixture[str]) -> None:
    """A number below zero is refused, and no bank is served without a word."""
    with pytest.raises(SystemExit):
        main(["sandbox", "--people=-3"])
    assert "'-3' is no number of people" in capsys.readouterr().err
