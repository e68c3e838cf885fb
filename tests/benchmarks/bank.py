"""Calls per second of the bank, beside the mock server that npm has for OpenAPI.

The bank: signatures made and verified on both sides, in process and over loopback. Prism
(``@stoplight/prism-cli``) on bunq's own description: checks no token, signs nothing, remembers
nothing, and gets no signature; it runs as its own page says, by ``prism mock``. Both are asked for
lists of ten payments (the bank's have ten, prism's one) and, once in four calls, to pay: in turns,
by clients that do what the protocol asks and nothing else.

    python tests/benchmarks/bank.py SWAGGER PRISM [SECONDS]

PRISM is the command that ``npm install @stoplight/prism-cli`` makes, ``node_modules/.bin/prism``.
"""

from __future__ import annotations

import http.client
import io
import json
import os
import signal
import socket
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from visitors import Door, Visitor, Wire, payment

from bunqkit.sandbox import Bank, doors
from bunqkit.security.redaction import Secret
from bunqkit.security.signing import KeyPair

THREADS = 2
Call = Callable[[int], object]
Told = tuple[int, str, bytes]
Send = Callable[[str, str, bytes, dict[str, str]], Told]


def rate(make: Callable[[], Call], seconds: float, threads: int) -> float:
    """Return calls per second of so many threads, each with a caller of its own."""
    counts: list[int] = []
    calls = [make() for _ in range(threads)]
    for call in calls:
        call(0)
    end = time.perf_counter() + seconds

    def work(call: Call) -> None:
        number = 0
        while time.perf_counter() < end:
            number += 1
            call(number)
        counts.append(number)

    workers = [threading.Thread(target=work, args=[call]) for call in calls]
    started = time.perf_counter()
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    return sum(counts) / (time.perf_counter() - started)


class Thin:
    """A client that does what the protocol asks and nothing else, so that it costs little itself.

    It signs every body, verifies every answer, and reads its JSON.
    """

    def __init__(self, visitor: Visitor, key: KeyPair, send: Send) -> None:
        self._key = key
        self._bank_key = visitor.installation.bank_key
        self._token = visitor.session.token.reveal()
        self._send = send
        self._path = f"/v1{visitor.account}/payment"
        self._body = json.dumps(payment("bravo@bunq.com", "0.01")).encode()

    def __call__(self, number: int) -> None:
        """Send three reads to one payment."""
        headers = {"X-Bunq-Client-Authentication": self._token, "User-Agent": "benchmark"}
        body = b""
        if number % 4 == 0:
            body = self._body
            headers["X-Bunq-Client-Signature"] = self._key.sign(body)
        status, signature, answer = self._send("POST" if body else "GET", self._path, body, headers)
        self._bank_key.verify(answer, signature)
        assert status == 200
        assert json.loads(answer)["Response"]


def in_process(bank: Bank) -> Send:
    """Return a way to call the bank as a function."""

    def send(method: str, path: str, body: bytes, headers: dict[str, str]) -> Told:
        told: list[Any] = []
        environ: dict[str, Any] = {
            "REQUEST_METHOD": method,
            "PATH_INFO": path,
            "CONTENT_LENGTH": str(len(body)),
            "REMOTE_ADDR": "127.0.0.1",
            "wsgi.input": io.BytesIO(body),
        }
        for name, text in headers.items():
            environ[f"HTTP_{name.upper().replace('-', '_')}"] = text

        def start(*line: Any) -> Any:
            told.extend(line)

        answer = b"".join(bank(environ, start))
        return int(told[0][:3]), dict(told[1])["X-Bunq-Server-Signature"], answer

    return send


def over_socket(address: str) -> Send:
    """Return a way to call what listens at an address, over one connection that is kept."""
    connection = http.client.HTTPConnection(address, timeout=30)

    def send(method: str, path: str, body: bytes, headers: dict[str, str]) -> Told:
        connection.request(method, path, body or None, headers)
        answer = connection.getresponse()
        return answer.status, answer.headers.get("X-Bunq-Server-Signature", ""), answer.read()

    return send


def ask_prism(address: str) -> Call:
    """Return a client of prism, with the two headers that the description wants."""
    send = over_socket(address)
    body = json.dumps(payment("bravo@bunq.com", "0.01")).encode()
    headers = {"X-Bunq-Client-Authentication": "x", "User-Agent": "benchmark"}
    typed = headers | {"Content-Type": "application/json"}

    def call(number: int) -> None:
        path = "/user/1/monetary-account/1/payment"
        if number % 4:
            status, _, answer = send("GET", path, b"", headers)
        else:
            status, _, answer = send("POST", path, body, typed)
        assert status == 200, answer
        json.loads(answer)

    return call


def start_prism(command: str, swagger: str) -> tuple[subprocess.Popen[bytes], str]:
    """Serve bunq's description by prism, and wait until it answers."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    served = subprocess.Popen(
        [command, "mock", swagger, "--port", str(port), "--host", "127.0.0.1"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    for _ in range(600):
        time.sleep(0.2)
        try:
            over_socket(f"127.0.0.1:{port}")("GET", "/user", b"", {})
        except OSError:
            continue
        return served, f"127.0.0.1:{port}"
    raise SystemExit("prism did not start in two minutes")


def long_list_ms(visitor: Visitor) -> float:
    """Return the median of a list of 200 payments in process, verified by the client."""
    told = []
    for _ in range(30):
        started = time.perf_counter()
        visitor.call("GET", f"{visitor.account}/payment", params={"count": 200})
        told.append((time.perf_counter() - started) * 1000)
    return statistics.median(told)


def main(swagger: str, prism: str, seconds: float = 5.0) -> None:
    """Print the rates, and the bank's as multiples of prism's."""
    key = KeyPair.generate()
    started = time.perf_counter()
    bank = Bank()
    print(f"start-up: {time.perf_counter() - started:.2f} s, with the demo person's life")
    wire = Wire(bank)
    inside = Door(wire, doors.BASE_URL, doors.InProcess(bank))
    print(f"200 payments: {long_list_ms(Visitor(inside, key, bank.demo_key)):.1f} ms in process")
    served = subprocess.Popen(
        [sys.executable, "-m", "bunqkit", "sandbox", "--port", "0"], stdout=subprocess.PIPE
    )
    assert served.stdout is not None
    url, api_key = (served.stdout.readline().decode().strip() for _ in range(2))
    inner = Visitor(inside, key, bank.demo_key)
    outer = Visitor(Door(wire, url), key, Secret(api_key))
    address = url.removeprefix("http://").removesuffix("/v1")
    mock, mock_address = start_prism(prism, swagger)
    rates: dict[str, list[float]] = {"in process": [], "loopback": [], "prism": []}
    try:
        for _ in range(3):
            rates["in process"].append(rate(lambda: Thin(inner, key, in_process(bank)), seconds, 1))
            rates["loopback"].append(
                rate(lambda: Thin(outer, key, over_socket(address)), seconds, THREADS)
            )
            rates["prism"].append(rate(lambda: ask_prism(mock_address), seconds, THREADS))
    finally:
        served.terminate()
        os.killpg(mock.pid, signal.SIGTERM)
    medians = {name: statistics.median(told) for name, told in rates.items()}
    for name, told in rates.items():
        print(f"{name:<12}{medians[name]:8.0f} calls/s, from {min(told):.0f} to {max(told):.0f}")
    first, second, mocked = medians.values()
    print(
        f"bank: in process {first:.0f}/s, loopback {second:.0f}/s, "
        f"{first / mocked:.1f}x and {second / mocked:.1f}x prism"
    )


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], *map(float, sys.argv[3:]))
