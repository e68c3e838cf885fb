"""A bank behind a wire that breaks, drips, stalls or corrupts at any byte, by TLS or without.

Later features are run through it::

    with HostileServer(bank, folder, is_tls=True) as server:
        bunq = visit(server)
        server.arm(Fault("down", 40, "reset"))
        bunq.pay("1.00", "bravo@bunq.com", "tea")

``Fault`` bends the bytes of the wire, those of TLS and its handshake too. ``server.speak`` bends
the bytes of HTTP before TLS is put around them: it gives pieces, and floats, which are pauses in
seconds.
One thread serves one connection, so what happens is the same each time.
"""

from __future__ import annotations

import contextlib
import io
import select
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Literal, Self

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

import bunqkit
from bunqkit.context.context import Context
from bunqkit.sandbox import Bank

Leg = Literal["up", "down"]
How = Literal["close", "reset", "stall", "corrupt"]
Speak = Callable[[str, str, bytes], Iterable[bytes | float]]
_READ = 65_536
_RESET = struct.pack("ii", 1, 0)


@dataclass(frozen=True)
class Fault:
    """What goes wrong, once or several times.

    Attributes
    ----------
    leg
        ``up`` is what the client sends, ``down`` what it is sent.
    at
        So many bytes pass; then it happens. With ``corrupt`` the next byte is another.
    how
        The connection is closed, or reset, or nothing more happens on it, or goes on corrupted.
    only
        Count bytes ``down`` only while a call of this method is answered; all if it is empty.
    times
        How often; bytes are counted anew each time.
    """

    leg: Leg
    at: int
    how: How
    only: str = ""
    times: int = 1


class HostileServer:
    """A bank at an address on loopback, from ``with`` to the end of the block.

    Parameters
    ----------
    bank
        Does what the calls say that get through to it.
    folder
        Gets the certificate, and the ``.env`` of the visitor.
    is_tls
        Whether TLS is spoken, with a certificate made on the spot.

    Attributes
    ----------
    url
        The API's address.
    certificate
        The file that whoever trusts the server names in ``REQUESTS_CA_BUNDLE``.
    up, down
        How many bytes went each way since ``arm`` was called.
    calls
        Method and path of what reached the bank since then.
    fired
        How often the fault has happened.
    speak
        Is given method, path and the bytes of the honest answer, and gives what is sent.
    """

    def __init__(self, bank: Bank, folder: Path, *, is_tls: bool) -> None:
        self.bank = bank
        self.folder = folder
        self.is_tls = is_tls
        self.certificate = folder / "certificate.pem"
        self.up = self.down = self.fired = 0
        self.calls: list[str] = []
        self.speak: Speak = lambda _method, _path, answer: [answer]
        self._fault: Fault | None = None
        self._answering = ""
        self._ended = threading.Event()
        self._lines: set[socket.socket] = set()
        self._threads: list[threading.Thread] = []
        self._tls = make_tls(self.certificate, folder / "key.pem") if is_tls else None
        self._server = socket.create_server(("127.0.0.1", 0))
        scheme = "https" if is_tls else "http"
        self.url = f"{scheme}://127.0.0.1:{self._server.getsockname()[1]}/v1"

    def __enter__(self) -> Self:
        """Listen."""
        self._start(self._listen)
        return self

    def __exit__(self, *_error: object) -> None:
        """Close every connection."""
        self._ended.set()
        self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        self.drop()
        for thread in self._threads:
            thread.join(10)

    def arm(self, fault: Fault | None = None) -> None:
        """Count bytes and calls from here on, and have a fault happen; none if it is not given."""
        self.up = self.down = self.fired = 0
        self.calls = []
        self._fault = fault

    def drop(self) -> None:
        """Close the connections that are open, so that the next call makes a new one."""
        for line in list(self._lines):
            with contextlib.suppress(OSError):
                line.shutdown(socket.SHUT_RDWR)

    def allowed(self, leg: Leg, wanted: int) -> tuple[int, How | None]:
        """Return how many bytes may pass on a leg, and what happens after them."""
        fault = self._fault
        if fault is None or fault.leg != leg:
            return wanted, None
        if leg == "down" and fault.only not in ("", self._answering):
            return wanted, None
        left = fault.at - (self.up if leg == "up" else self.down)
        return (left, fault.how) if left <= wanted else (wanted, None)

    def passed(self, leg: Leg, count: int) -> None:
        """Count bytes that passed."""
        if leg == "up":
            self.up += count
        elif self._fault is None or self._fault.only in ("", self._answering):
            self.down += count

    def happened(self) -> None:
        """Note that the fault has happened."""
        self.fired += 1
        if self._fault is None:  # the client gave up meanwhile, and the fault was disarmed
            return
        left = self._fault.times - 1
        self._fault = replace(self._fault, times=left) if left else None
        if left:
            self.up = self.down = 0

    def _start(self, work: Callable[..., None], *given: Any) -> None:
        self._threads.append(threading.Thread(target=work, args=given, daemon=True))
        self._threads[-1].start()

    def _listen(self) -> None:
        while not self._ended.is_set():
            try:
                line, _ = self._server.accept()
            except OSError:
                return
            line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._lines.add(line)
            self._start(self._serve, line)

    def _serve(self, line: socket.socket) -> None:
        wire = _Wire(line, self, self._ended)
        try:
            with contextlib.suppress(OSError, EOFError):
                speaker = _Tls(wire, self._tls) if self._tls else wire
                while True:
                    self._answer(speaker)
        finally:
            self._lines.discard(line)
            line.close()

    def _answer(self, speaker: _Wire | _Tls) -> None:
        head = b""
        while b"\r\n\r\n" not in head:
            head += speaker.receive()
        head, _, body = head.partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        method, target, _ = first.split(" ")
        headers = {name.lower(): text for name, text in (line.split(": ", 1) for line in lines)}
        while len(body) < int(headers.get("content-length", 0)):
            body += speaker.receive()
        path = target.partition("?")[0]
        self.calls.append(f"{method} {path}")
        answer = _ask(self.bank, method, target, headers, body)
        self._answering = method
        try:
            for piece in self.speak(method, path, answer):
                if isinstance(piece, bytes):
                    speaker.send(piece)
                elif self._ended.wait(piece):
                    raise EOFError
        finally:
            self._answering = ""


class _Wire:
    """Bytes as they are, up to where the fault happens."""

    def __init__(self, line: socket.socket, server: HostileServer, ended: threading.Event) -> None:
        self._line = line
        self._server = server
        self._ended = ended

    def receive(self) -> bytes:
        # Only now is it known what to look out for: it may have been armed in the meantime.
        select.select([self._line], [], [])
        if not self._line.recv(1, socket.MSG_PEEK):
            raise EOFError
        most, how = self._server.allowed("up", _READ)
        got = self._line.recv(most) if most else b""
        self._server.passed("up", len(got))
        # What follows was sent at once, or never comes.
        if how is None or self._server.allowed("up", 0)[1] is None:
            return got
        if how != "corrupt":
            self._break(how)
        if got:
            return got
        self._server.happened()
        return _changed(self._line.recv(1))

    def send(self, content: bytes) -> None:
        most, how = self._server.allowed("down", len(content))
        # Before they leave: whoever has them may arm the next fault at once.
        self._server.passed("down", most)
        self._line.sendall(content[:most])
        if how is None:
            return
        if how != "corrupt":
            self._break(how)
        if most < len(content):
            self._server.happened()
            self._line.sendall(_changed(content[most : most + 1]) + content[most + 1 :])

    def _break(self, how: How) -> None:
        self._server.happened()
        if how == "stall":
            self._ended.wait()
        if how == "reset":
            self._line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        raise EOFError


class _Tls:
    """TLS over a wire, put together in memory, so that each of its bytes passes the wire."""

    def __init__(self, wire: _Wire, context: ssl.SSLContext) -> None:
        self._wire = wire
        self._in, self._out = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._in, self._out, server_side=True)
        self._do(self._tls.do_handshake)

    def receive(self) -> bytes:
        got: bytes = self._do(self._tls.read, _READ)
        if not got:
            raise EOFError
        return got

    def send(self, content: bytes) -> None:
        self._do(self._tls.write, content)

    def _do(self, work: Callable[..., Any], *given: Any) -> Any:
        while True:
            try:
                done = work(*given)
            except ssl.SSLWantReadError:
                self._flush()
                self._in.write(self._wire.receive())
            else:
                self._flush()
                return done

    def _flush(self) -> None:
        if self._out.pending:
            self._wire.send(self._out.read())


def visit(server: HostileServer, **how: Any) -> Context:
    """Return a context of the bank behind a server, whose pauses take no time.

    Whoever speaks TLS has set ``REQUESTS_CA_BUNDLE`` to ``server.certificate``.
    """
    env_file = server.folder / ".env"
    env_file.write_text(
        f"BUNQ_ENVIRONMENT=OFFLINE\nBUNQ_BASE_URL={server.url}\n"
        f"BUNQ_API_KEY={server.bank.demo_key.reveal()}\n"
        f"BUNQ_STATE_DIR={server.folder / 'state'}\n"
    )
    env_file.chmod(0o600)
    bunq = bunqkit.connect(env_file=env_file, **how)
    client: Any = bunq.client
    client.retries = replace(client.retries, sleep=lambda _seconds: None)
    bunq._writes.sleep = lambda _seconds: None
    return bunq


def make_tls(certificate: Path, key_file: Path) -> ssl.SSLContext:
    """Make a certificate for loopback, which vouches for itself, and give a server's TLS by it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "hostile server")])
    now = datetime.now(UTC)
    public = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    usages = dict.fromkeys(
        (
            "content_commitment",
            "key_encipherment",
            "data_encipherment",
            "key_agreement",
            "crl_sign",
            "encipher_only",
            "decipher_only",
        ),
        False,
    )
    builder = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName(
                [x509.DNSName("localhost"), x509.IPAddress(ip_address("127.0.0.1"))]
            ),
            critical=False,
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(public, critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(public), critical=False
        )
        .add_extension(
            x509.KeyUsage(digital_signature=True, key_cert_sign=True, **usages), critical=True
        )
    )
    pem = serialization.Encoding.PEM
    certificate.write_bytes(builder.sign(key, hashes.SHA256()).public_bytes(pem))
    key_file.write_bytes(
        key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key_file)
    return context


def _ask(bank: Bank, method: str, target: str, headers: dict[str, str], body: bytes) -> bytes:
    """Return the bank's answer as bytes of HTTP."""
    path, _, query = target.partition("?")
    environ: dict[str, Any] = {
        "REQUEST_METHOD": method,
        "PATH_INFO": path,
        "QUERY_STRING": query,
        "CONTENT_LENGTH": str(len(body)),
        "CONTENT_TYPE": headers.get("content-type", ""),
        "wsgi.input": io.BytesIO(body),
    }
    environ |= {f"HTTP_{name.upper().replace('-', '_')}": text for name, text in headers.items()}
    told: list[Any] = []

    def start(*line: Any) -> Any:
        told.extend(line)

    content = b"".join(bank(environ, start))
    named = {name.lower() for name, _ in told[1]}
    lines = [f"HTTP/1.1 {told[0]}", *(f"{name}: {text}" for name, text in told[1])]
    if "content-length" not in named:
        lines.append(f"Content-Length: {len(content)}")
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + content


def _changed(content: bytes) -> bytes:
    return bytes(each ^ 0x01 for each in content)
