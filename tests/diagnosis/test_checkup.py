"""The doctor names the cause: a table of planted faults, and its first line for each."""

from __future__ import annotations

import json
import os
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from importlib import metadata
from ipaddress import ip_address
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

import pytest
from adversary.look_ups import LookUps
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from sampling import one_in
from visitors import Frozen, Wire

import bunqkit
from bunqkit.diagnosis.causes import cause_names
from bunqkit.diagnosis.checkup import doctor
from bunqkit.sandbox import Bank, Clock, Fault, doors
from bunqkit.security import private_files
from bunqkit.security.redaction import Secret
from bunqkit.security.signing import KeyPair
from bunqkit.settings import BASE_URLS

pytest.importorskip("waitress", reason="serving the bank needs waitress")
WRONG = "sandbox_" + "ab12" * 16


class Town:
    """A bank at an address, a person with a key, and a machine whose set-up can be broken."""

    def __init__(self, stack: ExitStack, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        self.tick = Frozen()
        self.bank = Bank(clock=Clock(tick=self.tick))
        self.wire = Wire(self.bank)
        self.monkeypatch = monkeypatch
        self.folder = tmp_path / "kept"
        self._stack = stack
        self.url = self.serve(self.wire)
        self.key = self.bank.demo_key.reveal()
        self.settings = {
            "BUNQ_BASE_URL": self.url,
            "BUNQ_API_KEY": self.key,
            "BUNQ_STATE_DIR": str(self.folder),
        }

    def serve(self, application: Any) -> str:
        """Serve an application at an address of its own."""
        server = doors.Server(application, host="127.0.0.1", port=0)
        self.run(server.run, server.close)
        return server.url

    def serve_by_tls(self, application: Any, host: str, context: ssl.SSLContext) -> int:
        """Serve an application by TLS; give the port."""
        server = WSGIServer((host, 0), Quiet)
        server.set_app(application)
        server.socket = context.wrap_socket(server.socket, server_side=True)
        self.run(lambda: server.serve_forever(0.01), server.shutdown)
        self._stack.callback(server.server_close)
        port: int = server.server_address[1]
        return port

    def run(self, start: Callable[[], object], stop: Callable[[], object]) -> None:
        """Run something in a thread until the test ends."""
        thread = threading.Thread(target=start, daemon=True)
        thread.start()
        self._stack.callback(thread.join, 10)
        self._stack.callback(stop)

    def write(self, **changed: str | None) -> None:
        """Write ``.env`` with some settings changed or taken out."""
        settings = self.settings | {f"BUNQ_{name}": value for name, value in changed.items()}
        lines = [f"{name}={value}" for name, value in settings.items() if value is not None]
        Path(".env").write_text("\n".join([*lines, ""]))
        Path(".env").chmod(0o600)

    def connect(self) -> None:
        """Go through the three steps, and keep what they reach."""
        self.write()
        bunqkit.connect()

    def kept(self) -> Path:
        """Return the one state file."""
        (path,) = self.folder.glob("offline-*.json")
        return path

    def change_kept(self, change: Callable[[dict[str, Any]], object]) -> None:
        """Change what is kept."""
        kept = json.loads(self.kept().read_text())
        change(kept)
        self.kept().write_text(json.dumps(kept))

    def forget(self, *tables: str) -> None:
        """Make the bank forget all rows of tables."""
        with self.bank.ledger.transaction():
            for table in tables:
                self.bank.ledger._db.execute(f"DELETE FROM {table}")

    def answer(self, status: int, body: bytes, **headers: str) -> None:
        """Answer every call so, unsigned."""
        answered = {name.replace("_", "-"): text for name, text in headers.items()}
        self.wire.bend = lambda _status, _headers, _body: (status, dict(answered), body)


class Quiet(WSGIRequestHandler):
    """Writes no log."""

    def log_message(self, *_told: object) -> None:
        """Keep quiet."""


@pytest.fixture
def town(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Town]:
    """Return a town in which all is well."""
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "REQUESTS_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    with ExitStack() as stack:
        yield Town(stack, monkeypatch, tmp_path)


def certificate(
    folder: Path, host: str = "127.0.0.2", *, days: tuple[int, int] = (-1, 1), dns: str = ""
) -> tuple[ssl.SSLContext, Path]:
    """Make a certificate that nobody vouches for; give the server's context and the file."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, host)])
    now = datetime.now(UTC)
    built = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now + timedelta(days=days[0]))
        .not_valid_after(now + timedelta(days=days[1]))
        .add_extension(
            x509.SubjectAlternativeName(
                [x509.DNSName(dns) if dns else x509.IPAddress(ip_address(host))]
            ),
            critical=False,
        )
        .sign(key, hashes.SHA256())
    )
    file = folder / "certificate.pem"
    pem = serialization.Encoding.PEM
    file.write_bytes(built.public_bytes(pem))
    key_file = folder / "key.pem"
    key_file.write_bytes(
        key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file, key_file)
    return context, file


def plant_tls(town: Town, *, is_trusted: bool, **how: Any) -> str:
    """Serve the bank by TLS; give its address. 127.0.0.2, since nobody bypasses a proxy there."""
    context, file = certificate(town.folder.parent, **how)
    if is_trusted:
        town.monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(file))
    port = town.serve_by_tls(town.wire, "127.0.0.2", context)
    return f"https://127.0.0.2:{port}/v1"


def plant_under_bunqs_name(town: Town, environment: str) -> None:
    """Serve the bank by TLS under the name of bunq's own host, which leads to this machine."""
    host = str(urlsplit(BASE_URLS[environment]).hostname)
    url = plant_tls(town, is_trusted=True, dns=host)
    LookUps(town.monkeypatch).lead(host, "127.0.0.2", port=urlsplit(url).port)
    town.settings |= {"BUNQ_ENVIRONMENT": environment}
    del town.settings["BUNQ_BASE_URL"]


FAULTS: dict[str, tuple[Callable[[Town], object], str, str]] = {}


def fault(cause: str, first_line: str) -> Callable[[Callable[[Town], object]], None]:
    """Add a row to the table: a way to plant a fault, its cause, and the doctor's first line."""

    def add(plant: Callable[[Town], object]) -> None:
        FAULTS[plant.__name__.replace("_", " ").strip()] = (plant, cause, first_line)

    return add


@fault("misspelt name", "BUNQ_APIKEY is not a setting. BUNQ_API_KEY is one, and it is not set.")
def _misspelt_key(town: Town) -> None:
    town.write(API_KEY=None, APIKEY=town.key)


@fault("misspelt name", "API_KEY is not a setting. BUNQ_API_KEY is one, and it is not set.")
def _key_without_prefix(town: Town) -> None:
    Path(".env").write_text(f"API_KEY={town.key}\n")


@fault("misspelt name", "BUNQ_ENV is not a setting. BUNQ_ENVIRONMENT is one, and it is not set.")
def _short_name(town: Town) -> None:
    Path(".env").write_text("BUNQ_ENV=SANDBOX\n")


@fault(
    "file of another name", "The settings are in .env.txt. Only a file with the name .env is read."
)
def _env_with_the_ending_of_a_text(town: Town) -> None:
    Path(".env.txt").write_text(f"BUNQ_API_KEY={town.key}\n")


@fault(
    "misspelt name",
    "bunq_environment is not a setting. BUNQ_ENVIRONMENT is one, and it is not set.",
)
def _name_in_small_letters(town: Town) -> None:
    Path(".env").write_text("bunq_environment=SANDBOX\n")


@fault("settings", "BUNQ_API_KEY can't be used.")
def _empty_key(town: Town) -> None:
    town.write(API_KEY="")


@fault("letters of key", "BUNQ_API_KEY holds letters that no key has, such as blanks or quotes.")
def _key_with_a_blank(town: Town) -> None:
    town.write(API_KEY=f"{town.key[:20]} {town.key[20:]}")


@fault("letters of key", "BUNQ_API_KEY holds letters that no key has, such as blanks or quotes.")
def _key_in_two_pairs_of_quotes(town: Town) -> None:
    town.write(API_KEY=f"""'"{town.key}"'""")


@fault("letters of key", "BUNQ_API_KEY holds letters that no key has, such as blanks or quotes.")
def _key_in_curly_quotes(town: Town) -> None:
    town.write(API_KEY=f"“{town.key}”")


@fault("env file", "The file that should hold the settings can't be used.")
def _quote_left_open(town: Town) -> None:
    town.write(API_KEY=f"'{town.key}")


@fault("env file", "The file that should hold the settings can't be used.")
def _binary_env(town: Town) -> None:
    Path(".env").write_bytes(b"\xff\xfeB\0U\0")


@fault("settings", "BUNQ_ENVIRONMENT can't be used.")
def _unknown_environment(town: Town) -> None:
    town.write(ENVIRONMENT="TEST")


@fault("settings", "BUNQ_ENVIRONMENT can't be used.")
def _key_in_the_wrong_line(town: Town) -> None:
    town.write(ENVIRONMENT=town.key, API_KEY=None)


@fault("settings", "BUNQ_API_KEY can't be used.")
def _environment_not_said(town: Town) -> None:
    Path(".env").write_text("BUNQ_API_KEY=" + "ab12" * 16)


@fault(
    "sandbox key in production",
    "The key belongs to the other environment: it is a sandbox key, and PRODUCTION is set.",
)
def _sandbox_key_in_production(town: Town) -> None:
    Path(".env").write_text(f"BUNQ_ENVIRONMENT=PRODUCTION\nBUNQ_API_KEY={town.key}\n")


@fault("no key", "BUNQ_API_KEY is not set, and PRODUCTION needs one.")
def _production_without_a_key(town: Town) -> None:
    Path(".env").write_text("BUNQ_ENVIRONMENT=PRODUCTION\n")


@fault("settings", "BUNQ_BASE_URL can't be used.")
def _plain_http_to_bunq(town: Town) -> None:
    town.write(BASE_URL="http://api.bunq.com/v1")


@fault("settings", "BUNQ_PERMITTED_IPS can't be used.")
def _address_that_is_none(town: Town) -> None:
    town.write(PERMITTED_IPS="my laptop")


@fault("name look-up", "The name bank.invalid can't be looked up.")
def _name_that_leads_nowhere(town: Town) -> None:
    town.write(ENVIRONMENT="OFFLINE", BASE_URL="https://bank.invalid/v1")


@fault("nothing there", "Nothing answers at http://127.0.0.1:9.")
def _bank_not_started(town: Town) -> None:
    town.write(BASE_URL="http://127.0.0.1:9/v1")


@fault("proxy", "The proxy does not let calls through.")
def _proxy_that_is_closed(town: Town) -> None:
    town.monkeypatch.setenv("HTTPS_PROXY", "http://me:hidden@127.0.0.1:9")
    town.write(ENVIRONMENT="SANDBOX", BASE_URL=None)


@fault(
    "certificate expired",
    "The certificate of 127.0.0.2 is out of date, or this machine's clock is wrong.",
)
def _certificate_that_has_expired(town: Town) -> None:
    town.write(ENVIRONMENT="OFFLINE", BASE_URL=plant_tls(town, is_trusted=True, days=(-9, -2)))


@fault(
    "certificate unknown",
    "No authority that this machine trusts has signed the certificate of 127.0.0.2.",
)
def _certificate_of_nobody(town: Town) -> None:
    town.write(ENVIRONMENT="OFFLINE", BASE_URL=plant_tls(town, is_trusted=False))


@fault("certificate of another name", "The certificate at 127.0.0.2 is for another name.")
def _certificate_of_another(town: Town) -> None:
    town.write(ENVIRONMENT="OFFLINE", BASE_URL=plant_tls(town, is_trusted=True, host="127.0.0.3"))


@fault("no TLS", "The server at 127.0.0.1 does not speak TLS, which https needs.")
def _https_to_plain_http(town: Town) -> None:
    plain = socket.create_server(("127.0.0.1", 0))

    def answer() -> None:
        with plain.accept()[0] as call:
            call.recv(9)
            call.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    town.run(answer, plain.close)
    town.write(ENVIRONMENT="OFFLINE", BASE_URL=f"https://127.0.0.1:{plain.getsockname()[1]}/v1")


@fault("cut", "The connection to 127.0.0.1 is cut before an answer comes.")
def _connection_that_is_cut(town: Town) -> None:
    town.bank.faults.add(Fault("cut before"))
    town.write()


@fault("no answer in time", "127.0.0.1 does not answer in time.")
def _bank_that_is_silent(town: Town) -> None:
    silent = socket.create_server(("127.0.0.1", 0))
    town.run(lambda: None, silent.close)
    town.monkeypatch.setattr("bunqkit.diagnosis.probe._TIMEOUT_S", 0.3)
    town.write(BASE_URL=f"http://127.0.0.1:{silent.getsockname()[1]}/v1")


@fault("no bank", "What answers at {origin} is not bunq's API.")
def _login_page_of_a_hotel(town: Town) -> None:
    town.answer(200, b"<html>Welcome</html>", Content_Type="text/html")
    town.write()


@fault("no bank", "What answers at {origin}/wrong is not bunq's API.")
def _address_of_another_service(town: Town) -> None:
    town.answer(404, b'{"problem": "none"}', Content_Type="application/json")
    town.write(BASE_URL=town.url.replace("/v1", "/wrong/v1"))


@fault("gateway", "The bank's own gateway can't reach it (status 502).")
def _gateway_in_trouble(town: Town) -> None:
    town.bank.faults.add(Fault("html 502"))
    town.write()


@fault("maintenance", "The bank is under maintenance.")
def _maintenance(town: Town) -> None:
    town.bank.faults.add(Fault("491", times=None))
    town.write()


@fault("trouble", "The bank has an internal error (status 500).")
def _trouble_at_the_bank(town: Town) -> None:
    town.bank.faults.add(Fault("500", operation="session-server.create"))
    town.write()


@fault("too many calls", "The bank refuses calls because there were too many.")
def _too_many_sessions(town: Town) -> None:
    town.bank.faults.add(Fault("429", operation="session-server.create"))
    town.write()


@fault("clock", "This machine's clock is 3 hours behind the bank's.")
def _clock_behind(town: Town) -> None:
    town.wire.bend = at_hours(3)
    town.write()


@fault("clock", "This machine's clock is 10 days ahead of the bank's.")
def _clock_ahead(town: Town) -> None:
    town.wire.bend = at_hours(-240)
    town.write()


def at_hours(hours: float) -> Any:
    """Return a bend that sets the time of the answers so many hours from ours."""
    moment = datetime.now(UTC) + timedelta(hours=hours)
    date = f"{moment:%a, %d %b %Y %H:%M:%S} GMT"
    return lambda status, headers, body: (status, headers | {"Date": date}, body)


@fault("header lost", "Something between you and the bank removes the signature from your calls.")
def _proxy_that_takes_headers(town: Town) -> None:
    town.wire.bend_request = lambda environ: environ.pop("HTTP_X_BUNQ_CLIENT_SIGNATURE", None)
    town.write()


@fault("answer not verified", "The bank's answers have no valid signature.")
def _answer_that_was_changed(town: Town) -> None:
    town.bank.faults.add(Fault("wrong signature", operation="session-server.create"))
    town.write()


@fault("answer not verified", "The bank's answers have no valid signature.")
def _answer_that_is_changed_on_the_way(town: Town) -> None:
    town.connect()
    town.bank.faults.add(Fault("flipped byte", operation="user.list"))
    town.bank.faults.add(Fault("no signature", operation="session-server.create"))
    # The first of the two reads has no keys yet.
    town.bank.faults.add(Fault("flipped byte", operation="user.list"))


@fault("state damaged", "The kept installation and session can't be read: the file is damaged.")
def _damaged_state(town: Town) -> None:
    town.connect()
    town.kept().write_text(town.kept().read_text()[:100])


@fault(
    "state of another",
    "The kept state was written for another key or bank, or by another bunqkit.",
)
def _state_of_another_format(town: Town) -> None:
    town.connect()
    town.change_kept(lambda kept: kept.update(format=99))


@fault("state locked", "What is kept is encrypted, and BUNQ_STATE_PASSPHRASE does not open it.")
def _state_with_another_passphrase(town: Town) -> None:
    town.settings["BUNQ_STATE_PASSPHRASE"] = "correct horse"
    town.connect()
    town.write(STATE_PASSPHRASE="battery staple")


@fault("state unreadable", "The state folder can't be used.")
def _state_folder_that_is_a_file(town: Town) -> None:
    town.folder.write_text("")
    town.write()


@fault(
    "state's key",
    "The kept private key is not the one that the bank has for this installation.",
)
def _state_with_another_private_key(town: Town) -> None:
    town.connect()
    pem = KeyPair.generate().to_pem().reveal()
    town.change_kept(lambda kept: kept["installation"].update(private_key=pem))
    town.change_kept(lambda kept: kept.update(session=None))


@fault("wrong key", "The key is wrong: the bank does not know it, and it never worked from here.")
def _wrong_key(town: Town) -> None:
    town.write(API_KEY=WRONG)


@fault("key cut", "The key is not whole: it has 60 letters, and 72 are usual.")
def _key_that_was_cut_off(town: Town) -> None:
    town.write(API_KEY=town.key[:60])


@fault(
    "key of another bank",
    "The key belongs to another bank: it does not have the form of this bank's keys.",
)
def _production_key_at_a_served_bank(town: Town) -> None:
    town.write(API_KEY="ab12" * 16)


@fault(
    "production key in sandbox",
    "The key belongs to the other environment: it has the form of a production key.",
)
def _production_key_in_the_sandbox(town: Town) -> None:
    plant_under_bunqs_name(town, "SANDBOX")
    town.write(API_KEY="ab12" * 16)


@fault(
    "key expired unbound",
    "The key expired before its first use: it was kept for 5 hours and never worked here.",
)
def _key_that_expired_unbound(town: Town) -> None:
    key = bunqkit.create_sandbox_user(bunqkit.Client(town.url)).reveal()
    town.tick.seconds += 5 * 3600
    town.write(API_KEY=key)
    then = datetime.now(UTC).timestamp() - 5 * 3600
    os.utime(".env", (then, then))


@fault(
    "key re-created",
    "The key worked from here before, and is gone: it was deleted or replaced.",
)
def _key_that_was_made_anew(town: Town) -> None:
    town.connect()
    town.forget("permitted_ip", "session", "device", "api_key")


@fault(
    "wiped sandbox",
    "The sandbox was wiped: it no longer knows this installation or the key.",
)
def _wiped_bank(town: Town) -> None:
    town.connect()
    town.bank.reset()


@fault(
    "wiped sandbox",
    "The sandbox was wiped: it no longer knows this installation or the key.",
)
def _wiped_bank_with_the_same_signature(town: Town) -> None:
    town.connect()
    town.forget("permitted_ip", "session", "device", "installation", "api_key")


@fault(
    "installation gone", "The bank no longer knew the kept installation. It still knows the key."
)
def _installation_that_is_gone(town: Town) -> None:
    town.connect()
    town.forget("permitted_ip", "session", "device", "installation")


@fault(
    "address not permitted any more",
    "This machine's address was no longer permitted to use the key.",
)
def _address_switched_off(town: Town) -> None:
    town.connect()
    with town.bank.ledger.transaction():
        town.bank.ledger._db.execute("UPDATE permitted_ip SET status = 'INACTIVE'")


@fault(
    "own address",
    "This machine's address is not in BUNQ_PERMITTED_IPS: the bank would lock it out.",
)
def _own_address_left_out(town: Town) -> None:
    town.write(PERMITTED_IPS="203.0.113.7")


@fault("address not permitted", "This machine's address is not permitted to use the key.")
def _address_that_the_bank_sees_is_another(town: Town) -> None:
    town.wire.bend_request = lambda environ: environ.update(REMOTE_ADDR="198.51.100.9")
    town.write(PERMITTED_IPS="127.0.0.1")


@fault("refused", "The bank refuses POST /v1/device-server with status 400, for another reason.")
def _device_that_the_bank_does_not_like(town: Town) -> None:
    body = b'{"Error":[{"error_description":"Too many devices."}]}'

    def bend(status: int, headers: dict[str, str], body_of_bank: bytes) -> Any:
        if town.wire.calls[-1] != "POST /v1/device-server":
            return status, headers, body_of_bank
        return 400, {"X-Bunq-Server-Signature": town.bank.key.sign(body)}, body

    town.wire.bend = bend
    town.write()


@fault("open file", "Others on this machine can read or change .env, which opens your account.")
def _env_that_others_can_read(town: Town) -> None:
    town.connect()
    Path(".env").chmod(0o644)


@fault("open file", "Others on this machine can read or change {state}, which opens your account.")
def _state_that_others_can_read(town: Town) -> None:
    town.connect()
    town.kept().chmod(0o644)


@fault(
    "open folder",
    "Others on this machine may write the folder {folder}, where your session is kept.",
)
def _state_folder_that_a_group_may_write(town: Town) -> None:
    town.connect()
    town.folder.chmod(0o770)


@fault("place", "BUNQ_BASE_URL stands in a place that does not count for the key.")
def _address_that_somebody_else_may_have_written(town: Town) -> None:
    town.write(API_KEY=None)
    town.monkeypatch.setenv("BUNQ_API_KEY", town.key)


@fault("stranger's file", "The settings were not read: somebody else may have written them.")
def _env_that_everybody_may_write(town: Town) -> None:
    town.write()
    Path(".env").chmod(0o666)


@fault(
    "not nearby",
    "bank.example is neither on this machine nor on its network, and OFFLINE goes nowhere else.",
)
def _name_that_leads_far_away(town: Town) -> None:
    LookUps(town.monkeypatch).lead("bank.example", "127.0.0.1", "203.0.113.7")
    town.write(BASE_URL=town.url.replace("127.0.0.1", "bank.example"))


@fault(
    "address or key",
    "This machine's address is no longer permitted to use the key, or the key is gone.",
)
def _refused_after_a_move(town: Town) -> None:
    plant_under_bunqs_name(town, "SANDBOX")
    town.connect()
    # No test waits the 30 seconds between two sessions that are bunq's rule.
    (town.folder / "sandbox-limits.json").unlink()
    town.forget("permitted_ip", "session", "device", "api_key")


def in_production(town: Town) -> None:
    """Connect with a production key to what stands for production."""
    key = "cd34" * 16
    plant_under_bunqs_name(town, "PRODUCTION")
    with town.bank.ledger.transaction():
        town.bank.ledger._db.execute("UPDATE api_key SET text = ?", [key])
    town.settings["BUNQ_API_KEY"] = key
    town.connect()
    (town.folder / "production-limits.json").unlink()


@fault(
    "forged answer",
    "The answers are not signed by the bank that the kept installation knows.",
)
def _another_bank_in_place_of_bunq(town: Town) -> None:
    in_production(town)
    town.bank.reset()
    town.bank.key = KeyPair.generate()
    town.wire.calls.clear()


@fault(
    "key re-created",
    "The key worked from here before, and is gone: it was deleted or replaced.",
)
def _key_deleted_in_production(town: Town) -> None:
    in_production(town)
    town.forget("permitted_ip", "session", "device", "installation", "api_key")


@fault("old library", "pandas 2.2.3 is too old for bunqkit.")
def _old_library(town: Town) -> None:
    version = metadata.version
    town.monkeypatch.setattr(
        metadata, "version", lambda name: "2.2.3" if name == "pandas" else version(name)
    )


@pytest.mark.parametrize("name", one_in(3, FAULTS))
def test_the_first_line_names_the_cause(
    name: str, town: Town, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each planted fault is found, said in the first line, and has a remedy."""
    plant, cause, first_line = FAULTS[name]
    plant(town)
    checkup = doctor()
    assert checkup.cause is not None, repr(checkup)
    expected = first_line.format(
        origin=town.url.removesuffix("/v1"),
        state=town.kept() if "{state}" in first_line else "",
        folder=town.folder,
    ).replace(" .env,", f" {Path.cwd()}/.env,")
    assert (checkup.headline, checkup.cause.name) == (expected, cause), repr(checkup)
    first, *rest = repr(checkup).splitlines()
    assert first == expected
    assert max(map(len, rest)) <= 80
    assert checkup.cause.steps
    assert "{" not in repr(checkup)
    for shown in (repr(checkup), checkup._repr_html_()):
        for secret in (town.key, WRONG, "ab12" * 16, "me:hidden", "PRIVATE KEY"):
            assert secret not in shown


def test_the_table_is_long_and_whole() -> None:
    """At least 25 rows, and every cause is in one of them."""
    assert len(FAULTS) >= 25
    planted = {cause for _, cause, _ in FAULTS.values()}
    assert planted == set(cause_names())


STEPS = ("POST /v1/installation", "POST /v1/device-server", "POST /v1/session-server")


def steps(town: Town) -> tuple[int, ...]:
    """Count the calls of each of the three steps."""
    return tuple(town.wire.count(call) for call in STEPS)


def test_without_anything_all_is_well() -> None:
    """No key, no file, no network: the bank in this process needs nothing."""
    checkup = bunqkit.doctor()
    assert checkup.is_well
    assert checkup.headline.startswith("All is well: connect() opens a bank in this process")


def test_what_it_opens_is_what_connect_uses(town: Town) -> None:
    """Where nothing is kept it makes the three steps, and the next connect() makes none."""
    town.write()
    assert doctor().is_well
    assert steps(town) == (1, 1, 1)
    assert len(bunqkit.connect().accounts()) > 0
    assert steps(town) == (1, 1, 1)


def test_a_living_session_is_only_looked_at(town: Town) -> None:
    """Two reads and no more, and what is kept stays as it is, byte for byte."""
    town.connect()
    before, calls = town.kept().read_bytes(), len(town.wire.calls)
    assert doctor().is_well
    assert town.wire.calls[calls:] == ["GET /v1/user", "GET /v1/user"]
    assert town.kept().read_bytes() == before


def test_an_ended_session_is_renewed_once(town: Town) -> None:
    """As connect() would: one session call, and the session is kept."""
    town.connect()
    town.forget("session")
    assert doctor().is_well
    assert doctor().is_well
    assert steps(town) == (1, 1, 2)


@pytest.mark.parametrize("name", ["damaged state", "state of another format"])
def test_a_state_that_cant_be_used_is_not_touched(name: str, town: Town) -> None:
    """It is connect() that sets it aside, not who looks."""
    FAULTS[name][0](town)
    before = {path.name: path.read_bytes() for path in town.folder.iterdir()}
    assert not doctor().is_well
    assert {path.name: path.read_bytes() for path in town.folder.iterdir()} == before


@pytest.mark.parametrize(
    "name",
    [
        "another bank in place of bunq",
        "own address left out",
        "address that somebody else may have written",
        "env that everybody may write",
        "name that leads far away",
    ],
)
def test_a_key_is_not_sent_where_it_may_do_harm(name: str, town: Town) -> None:
    """Nor to who signs otherwise than bunq, nor to bind it to addresses without the own one."""
    FAULTS[name][0](town)
    assert not doctor().is_well
    assert steps(town)[:2] == (0, 0)


def test_without_a_key_none_is_made(town: Town) -> None:
    """A user is made by connect(), not by who looks."""
    town.write(API_KEY=None)
    assert doctor().is_well
    assert town.wire.calls == ["GET /v1/user"]


def test_arguments_win(town: Town) -> None:
    """Key and environment of the call are looked at, as connect() would."""
    town.write()
    checkup = doctor(api_key=Secret(WRONG))
    assert checkup.cause is not None
    assert checkup.cause.name == "wrong key"
    assert "the argument of the call" in repr(checkup)


def test_the_home_folder_is_not_told(town: Town) -> None:
    """A bug report need not say who is asking."""
    town.monkeypatch.setenv("HOME", str(Path.cwd()))
    town.connect()
    assert str(Path.cwd()) not in repr(doctor())
    assert "~/.env" in repr(doctor())


@pytest.mark.parametrize("name", ["OPENAI_API_KEY", "BUNQ_WEBHOOK_URL", "KEY", "PATH_TO_KEY"])
def test_settings_of_other_programs_are_left_alone(name: str, town: Town) -> None:
    """A .env may serve more than one master."""
    town.write()
    with Path(".env").open("a") as file:
        file.write(f"{name}=x\n")
    assert doctor().is_well


def test_where_each_setting_stands_is_told(town: Town) -> None:
    """Every name with its place, and no value."""
    town.write()
    town.monkeypatch.setenv("BUNQ_LANGUAGE", "nl_NL")
    (check,) = [check for check in doctor().checks if check.name == "places"]
    assert f"BUNQ_BASE_URL, BUNQ_API_KEY, BUNQ_STATE_DIR from {Path.cwd()}/.env" in check.finding
    assert "BUNQ_LANGUAGE from the environment" in check.finding


def test_a_system_without_owners_is_said_to_have_none(town: Town) -> None:
    """Who may write the file can't be checked there, and the doctor says so."""
    town.write()
    Path(".env").chmod(0o666)
    town.monkeypatch.setattr(private_files, "has_owners", lambda: False)
    town.monkeypatch.setattr("bunqkit.diagnosis.checkup.has_owners", lambda: False)
    checkup = doctor()
    assert checkup.is_well
    (check,) = [check for check in checkup.checks if check.name == "permissions"]
    assert (check.state, check.finding) == (
        "note",
        "not checked: files have no owners and modes here",
    )


def test_profiles_are_listed(town: Town) -> None:
    """Those of this folder and those above, the template not among them."""
    town.write()
    for name in (".env.work", ".env.home", ".env.example", ".env.a b"):
        Path(name).write_text("")
    (check,) = [check for check in doctor().checks if check.name == "profiles"]
    assert check.finding == "to choose by BUNQ_PROFILE: home, work"
    assert doctor(profile="work").environment == "OFFLINE"
