"""Calls per second of the bank, beside the mock server that npm has for OpenAPI.

The bank: signatures made and verified on both sides, in process and over loopback. Prism
(``@stoplight/prism-cli``) on bunq's own description: checks no token, signs nothing, remembers
nothing, and gets no signature. Both are asked for lists of ten payments and for payments, in turns,
by the same number of threads.

    python tests/benchmarks/bank.py SWAGGER PRISM [SECONDS]

PRISM is the command that ``npm install @stoplight/prism-cli`` makes, ``node_modules/.bin/prism``.
"""

from __future__ import annotations

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

import requests

sys.path.insert(0, str(Path(__file__).parents[1]))

from conftest import Door, Visitor, Wire, payment

from bunqkit.sandbox import Bank, doors
from bunqkit.signing import KeyPair

THREADS = 2
Call = Callable[[int], object]


def rate(make: Callable[[], Call], seconds: float, threads: int) -> float:
    """Give calls per second of so many threads, each with a caller of its own."""
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


def visit(door: Door, key: KeyPair) -> Callable[[], Call]:
    """Give a maker of clients of the kit, each with a session: three reads to one payment."""

    def make() -> Call:
        visitor = Visitor(door, key, door.bank.demo_key)
        path, body = f"{visitor.account}/payment", payment("bravo@bunq.com", "0.01")
        return lambda number: (
            visitor.call("GET", path) if number % 4 else visitor.call("POST", path, body)
        )

    return make


def ask_prism(url: str) -> Callable[[], Call]:
    """Give a maker of bare clients of prism, with the two headers that the description wants."""

    def make() -> Call:
        http = requests.Session()
        http.trust_env = False
        http.headers.update({"X-Bunq-Client-Authentication": "x", "User-Agent": "benchmark"})
        path, body = f"{url}/user/1/monetary-account/1/payment", payment("bravo@bunq.com", "0.01")

        def call(number: int) -> None:
            answer = http.get(path) if number % 4 else http.post(path, json=body)
            assert answer.status_code == 200, answer.text

        return call

    return make


def start_prism(command: str, swagger: str) -> tuple[subprocess.Popen[bytes], str]:
    """Serve bunq's description by prism, and wait until it answers."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    served = subprocess.Popen(
        [command, "mock", swagger, "--port", str(port), "--host", "127.0.0.1"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=os.environ | {"NODE_ENV": "production"},
        start_new_session=True,
    )
    for _ in range(600):
        time.sleep(0.2)
        try:
            requests.get(f"http://127.0.0.1:{port}/user", timeout=5)
        except requests.ConnectionError:
            continue
        return served, f"http://127.0.0.1:{port}"
    raise SystemExit("prism did not start in two minutes")


def long_list_ms(visitor: Visitor) -> float:
    """Give the median of a list of 200 payments in process, verified by the client."""
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
    outside = Door(wire, url)
    mock, mock_url = start_prism(prism, swagger)
    rates: dict[str, list[float]] = {"in process": [], "loopback": [], "prism": []}
    try:
        for _ in range(3):
            rates["in process"].append(rate(visit(inside, key), seconds, 1))
            wire.bank.demo_key, own = type(bank.demo_key)(api_key), bank.demo_key
            rates["loopback"].append(rate(visit(outside, key), seconds, THREADS))
            wire.bank.demo_key = own
            rates["prism"].append(rate(ask_prism(mock_url), seconds, THREADS))
    finally:
        served.terminate()
        os.killpg(mock.pid, signal.SIGTERM)
    medians = {name: statistics.median(told) for name, told in rates.items()}
    for name, told in rates.items():
        print(f"{name:<12}{medians[name]:8.0f} calls/s, from {min(told):.0f} to {max(told):.0f}")
    inner, outer = medians["in process"] / medians["prism"], medians["loopback"] / medians["prism"]
    print(
        f"bank: in process {medians['in process']:.0f}/s, loopback {medians['loopback']:.0f}/s, "
        f"{inner:.1f}x and {outer:.1f}x prism"
    )


if __name__ == "__main__":
    main(*sys.argv[1:3], *map(float, sys.argv[3:]))
