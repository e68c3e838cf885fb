"""Where a token may travel: to the bank's address, by TLS that was checked, and nowhere else."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from conftest import Door, Visitor
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

from bunqkit.client import Client
from bunqkit.errors import ApiError, BunqkitError, NoAnswerError
from bunqkit.redaction import Secret

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
    """Give a way to listen."""
    listeners: list[Listener] = []

    def start(wrap: Callable[[socket.socket], socket.socket] = lambda plain: plain) -> Listener:
        listeners.append(Listener(wrap))
        return listeners[-1]

    yield start
    for each in listeners:
        each.close()


@pytest.fixture
def nobodys_certificate(tmp_path: Path) -> ssl.SSLContext:
    """Give the TLS of a server whose certificate nobody vouches for."""
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
