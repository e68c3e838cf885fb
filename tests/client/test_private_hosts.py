"""Where a token may travel: to the bank's address, by TLS that was checked, and nowhere else."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from adversary.look_ups import LookUps
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID
from visitors import Door, Visitor, Wire

import bunqkit
from bunqkit.client.client import Client
from bunqkit.diagnosis.checkup import Checkup
from bunqkit.errors import ApiError, BunqkitError, NoAnswerError, SettingsError
from bunqkit.sandbox import Bank, doors
from bunqkit.security.redaction import Secret

TOKEN = Secret("0123456789abcdef" * 4)


class Listener:
    """Listens on loopback, keeps what it is sent, and answers with an empty page."""

    def __init__(self, wrap: Callable[[socket.socket], socket.socket]) -> None:
        self.heard = b""
        self.calls = 0
        self._wrap = wrap
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port = self._server.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self) -> None:
        """Stop listening."""
        self._server.close()

    def _serve(self) -> None:
        while True:
            try:
                caller, _ = self._server.accept()
            except OSError:
                return
            self.calls += 1
            with contextlib.suppress(OSError), caller, self._wrap(caller) as secure:
                self.heard += secure.recv(65_536)
                secure.sendall(b"HTTP/1.1 403 No\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")


@pytest.fixture
def listen() -> Iterator[Callable[..., Listener]]:
    """Return a way to listen."""
    listeners: list[Listener] = []

    def start(wrap: Callable[[socket.socket], socket.socket] = lambda plain: plain) -> Listener:
        listeners.append(Listener(wrap))
        return listeners[-1]

    yield start
    for each in listeners:
        each.close()


@pytest.fixture
def nobodys_certificate(tmp_path: Path) -> ssl.SSLContext:
    """Return the TLS of a server whose certificate nobody vouches for."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName(
                [x509.DNSName("localhost"), x509.IPAddress(ip_address("127.0.0.1"))]
            ),
            critical=False,
        )
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    (tmp_path / "cert.pem").write_bytes(certificate.public_bytes(pem))
    (tmp_path / "key.pem").write_bytes(
        key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "cert.pem", tmp_path / "key.pem")
    return context


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_to_another_host_is_not_followed(
    visitor: Visitor, listen: Callable[..., Listener], status: int
) -> None:
    """Neither the token nor the body goes where an answer points."""
    other = listen()
    location = {"Location": f"http://127.0.0.1:{other.port}/v1/user"}
    visitor.door.wire.bend = lambda _status, _headers, _body: (status, location, b"")
    for method in ("GET", "POST"):
        with pytest.raises(ApiError) as caught:
            visitor.call(method, "/user")
        assert caught.value.status == status
    assert other.calls == 0


@pytest.mark.parametrize("path", ["https://127.0.0.1:{}/v1/user", "//127.0.0.1:{}/v1/user"])
def test_a_page_of_another_host_is_not_fetched(
    visitor: Visitor, listen: Callable[..., Listener], path: str
) -> None:
    """The bank's own ``older_url`` is a path; one with a host in it sends nothing."""
    other = listen()
    url = path.format(other.port)
    visitor.door.wire.force(f'{{"Response": [], "Pagination": {{"older_url": "{url}"}}}}'.encode())
    page = visitor.call("GET", f"{visitor.account}/payment")
    with pytest.raises(BunqkitError):
        page.older()
    assert other.calls == 0


def test_a_certificate_that_nobody_vouches_for_is_refused(
    listen: Callable[..., Listener], nobodys_certificate: ssl.SSLContext
) -> None:
    """Before a byte of the call is sent, and the error says so."""
    other = listen(lambda plain: nobodys_certificate.wrap_socket(plain, server_side=True))
    with pytest.raises(NoAnswerError, match="certificate was not accepted") as caught:
        Client(f"https://127.0.0.1:{other.port}/v1").request("POST", "/user", {}, token=TOKEN)
    assert not caught.value.was_sent
    assert other.heard == b""


def test_a_proxy_of_the_environment_is_used(
    listen: Callable[..., Listener], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is asked for a tunnel, through which TLS goes; it never sees the token."""
    proxy = listen()
    monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{proxy.port}")
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    with pytest.raises(NoAnswerError, match="the proxy did not let it through") as caught:
        Client("https://bank.invalid/v1").request("POST", "/user", {}, token=TOKEN)
    assert not caught.value.was_sent
    assert proxy.heard.startswith(b"CONNECT bank.invalid:443")
    assert TOKEN.reveal().encode() not in proxy.heard


def test_this_machine_is_reached_without_a_proxy(
    door: Door, listen: Callable[..., Listener], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A bank on loopback is no business of a proxy's."""
    proxy = listen()
    for name in ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
    assert door.client().request("POST", "/sandbox-user-person").types == ["ApiKey"]
    assert proxy.calls == 0


def test_no_cookie_is_sent_back(visitor: Visitor) -> None:
    """What an answer sets is not kept: a call carries what the kit puts into it, nothing else."""
    honest = visitor.door.wire.bend
    visitor.door.wire.bend = lambda status, headers, body: honest(
        status, headers | {"Set-Cookie": "spy=1; Path=/"}, body
    )
    visitor.call("GET", "/user")
    visitor.call("GET", "/user")
    assert "HTTP_COOKIE" not in visitor.door.wire.headers[-1]


@pytest.fixture
def named(bank: Bank, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Named]:
    """Return a bank that is served on this machine, under a name."""
    pytest.importorskip("waitress", reason="serving the bank needs waitress")
    wire = Wire(bank)
    server = doors.Server(wire, host="127.0.0.1", port=0)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    port = int(server.url.rpartition(":")[2].removesuffix("/v1"))
    monkeypatch.setenv("BUNQ_STATE_DIR", str(tmp_path / "kept"))
    yield Named(wire, port, LookUps(monkeypatch))
    server.close()
    thread.join(10)


@dataclass
class Named:
    """A bank under the name ``bank.example``."""

    wire: Wire
    port: int
    look_ups: LookUps

    def write(self, **more: str) -> None:
        """Write ``.env``: the address, and what else is given."""
        told = {"BUNQ_BASE_URL": f"http://bank.example:{self.port}/v1", **more}
        Path(".env").write_text("".join(f"{name}={text}\n" for name, text in told.items()))


def test_a_name_is_looked_up_once(named: Named, listen: Callable[..., Listener]) -> None:
    """Whoever changes where it leads afterwards gets nothing: not a new connection either."""
    elsewhere = listen()
    named.look_ups.lead("bank.example", "127.0.0.1", port=named.port)
    named.look_ups.lead("bank.example", "127.0.0.1", port=elsewhere.port)
    named.write(BUNQ_API_KEY=named.wire.bank.demo_key.reveal())
    bunq = bunqkit.connect()
    assert len(bunq.accounts()) > 0
    bunq.client.close()
    app = bunqkit.OAuthApp(bunq, "https://example.org/back")
    token = app.receive(named.wire.bank.consent(app.ask(), named.wire.bank.demo_key))
    other = bunqkit.connect(bank=bunq, api_key=token)
    assert len(other.accounts()) > 0
    assert named.look_ups.asked.count("bank.example") == 1
    assert elsewhere.calls == 0
    assert {each["HTTP_HOST"] for each in named.wire.headers} == {f"bank.example:{named.port}"}


@pytest.mark.parametrize(
    "addresses",
    [("203.0.113.7",), ("127.0.0.1", "203.0.113.7"), ("2001:db8::7",), ("::ffff:8.8.8.8",)],
)
def test_a_name_that_leads_away_gets_no_key(named: Named, addresses: tuple[str, ...]) -> None:
    """All of its addresses must be near; nothing is sent, by ``connect()`` or ``doctor()``."""
    named.look_ups.lead("bank.example", *addresses, port=named.port)
    named.write(BUNQ_API_KEY=named.wire.bank.demo_key.reveal())
    with pytest.raises(
        SettingsError, match=r"BUNQ_BASE_URL in .*\.env leads to .* nothing was sent"
    ):
        bunqkit.connect()
    told = bunqkit.doctor()
    assert told.cause is not None
    assert told.cause.name == "not nearby"
    assert named.wire.calls == []


def test_a_name_that_leads_nowhere_is_a_wrong_setting(named: Named) -> None:
    """The variable and its place are named."""
    named.write()
    Path(".env").write_text("BUNQ_BASE_URL=http://bank.invalid/v1\n")
    with pytest.raises(SettingsError, match=r"bank\.invalid, which is not found"):
        bunqkit.connect()


def test_each_address_of_a_name_is_tried(named: Named) -> None:
    """The first where something listens serves; a write goes out once."""
    named.look_ups.lead("bank.example", "127.0.0.3", "127.0.0.1", port=named.port)
    named.write(BUNQ_API_KEY=named.wire.bank.demo_key.reveal())
    bunqkit.connect().pay("1.00", "bravo@bunq.com", "tea")
    assert named.wire.count("POST /v1/installation") == 1


def test_no_proxy_is_asked_for_a_bank_nearby(
    named: Named, listen: Callable[..., Listener], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would look the name up itself, and read the key on the way."""
    proxy = listen()
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
    named.look_ups.lead("bank.example", "127.0.0.1", port=named.port)
    named.write(BUNQ_API_KEY=named.wire.bank.demo_key.reveal())
    assert len(bunqkit.connect().accounts()) > 0
    assert proxy.calls == 0


def test_a_checked_address_must_have_the_names_certificate(
    listen: Callable[..., Listener],
    nobodys_certificate: ssl.SSLContext,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    """By https the name counts for the certificate, and the address for the connection."""
    other = listen(lambda plain: nobodys_certificate.wrap_socket(plain, server_side=True))
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "cert.pem"))

    def client(host: str) -> Client:
        return Client(f"https://{host}:{other.port}/v1", addresses=("127.0.0.1",))

    with pytest.raises(ApiError):
        client("localhost").request("GET", "/user", token=TOKEN)
    assert f"Host: localhost:{other.port}".encode() in other.heard
    with pytest.raises(NoAnswerError, match="certificate was not accepted"):
        client("bank.example").request("GET", "/user", token=TOKEN)


@pytest.mark.parametrize("place", ["the environment", "another file"])
@pytest.mark.parametrize("key", ["sandbox_" + "ab12" * 16, "cd34" * 16], ids=["sandbox_", "other"])
def test_a_file_found_upward_sends_no_key_elsewhere(
    named: Named, place: str, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody's address in a folder above, one's own key elsewhere: not a byte goes there."""
    named.look_ups.lead("bank.example", "127.0.0.1", port=named.port)
    named.write()
    below = Path.cwd() / "notebooks"
    below.mkdir()
    monkeypatch.chdir(below)
    given: dict[str, Any] = {}
    if place == "the environment":
        monkeypatch.setenv("BUNQ_API_KEY", key)
    else:
        given["api_key"] = key
    sent_by_hand = place != "the environment" and key.startswith("sandbox_")
    for act in (bunqkit.connect, bunqkit.doctor):
        if sent_by_hand:
            # Play money, and given by hand: the bank says that it does not know it.
            continue
        with contextlib.suppress(SettingsError):
            result = act(**given)  # type: ignore[operator]
            assert isinstance(result, Checkup)
            assert result.cause is not None
            assert result.cause.name == "place"
    assert named.wire.calls == []


def test_a_token_of_oauth_goes_where_it_was_received(named: Named) -> None:
    """By the context that received it; by itself only beside the address."""
    named.look_ups.lead("bank.example", "127.0.0.1", port=named.port)
    named.write(BUNQ_API_KEY=named.wire.bank.demo_key.reveal())
    bunq = bunqkit.connect()
    app = bunqkit.OAuthApp(bunq, "https://example.org/back")
    token = app.receive(named.wire.bank.consent(app.ask(), named.wire.bank.demo_key))
    with pytest.raises(SettingsError, match="does not count for BUNQ_API_KEY"):
        bunqkit.connect(api_key=token)
    assert bunqkit.connect(bank=bunq, api_key=token).session.user_type == "UserApiKey"
    named.write(BUNQ_API_KEY=token.reveal())
    assert bunqkit.connect().session.user_type == "UserApiKey"
    somebody = bunqkit.connect(bank=bunq)
    assert somebody.accounts()["balance"].tolist() == [0.0]
    with pytest.raises(SettingsError, match="environment is OFFLINE"):
        bunqkit.connect(bank=bunq, api_key=token, environment="PRODUCTION")
