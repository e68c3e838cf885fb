"""How long it takes to fetch payments over loopback: beside what the limits allow, and others.

``python tests/benchmarks/fetch.py [--payments 50000] [--repeat 3]``

The bank runs in a process of its own, on books that one person has filled. Under the classic limits
(3 reads in 3 seconds) the total is compared with the least that they allow. Without limits the time
per page is: the kit's, which signs and verifies and gives a typed table, beside
``requests.get(...).json()`` and ``pandas.json_normalize``, which do neither.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pandas as pd
import requests

import bunqkit
from bunqkit.client.rate_limits import Limiter
from bunqkit.context.context import Context
from bunqkit.sandbox import Bank, doors

PAGE = 200
PAYMENTS_A_YEAR = 12 * 14
CALLS, WINDOW_S = 3, 3.0


class Counting(Limiter):
    """A limiter that counts how often it was told to slow down."""

    refusals = 0

    def learn(self, method: str, path: str, words: str) -> bool:
        """Count a 429."""
        self.refusals += 1
        return super().learn(method, path, words)


def fill(path: Path, payments: int) -> str:
    """Write the books of a bank with one person of so many payments; give the API key."""
    bank = Bank(str(path))
    (key,) = bank.people(1, payments / PAYMENTS_A_YEAR)
    bank.close()
    return key.reveal()


def serve(path: str, limits: str) -> None:
    """Serve the books until somebody ends this process."""
    server = doors.Server(Bank(path, limits=limits), host="127.0.0.1", port=0)
    say(server.url)
    server.run()


@contextmanager
def served(path: Path, key: str, limits: str) -> Iterator[Context]:
    """Return a context at a bank in another process."""
    command = [sys.executable, __file__, "--serve", str(path), "--limits", limits]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as bank:
        try:
            assert bank.stdout is not None
            os.environ["BUNQ_BASE_URL"] = bank.stdout.readline().strip()
            os.environ["BUNQ_STATE_DIR"] = str(path.parent / limits)
            bunq = bunqkit.connect(environment="OFFLINE", api_key=key)
            bunq.client.limiter = Counting(limits, say=lambda _words: None)
            yield bunq
        finally:
            bank.terminate()


def peer(bunq: Context) -> pd.DataFrame:
    """Fetch as people do by hand: no signature is looked at, nothing gets a type."""
    account = int(bunq.accounts()["id"][0])
    base = bunq.client.base_url
    url: str | None = f"/v1/user/{bunq.user_id}/monetary-account/{account}/payment?count={PAGE}"
    headers = {"X-Bunq-Client-Authentication": bunq.session.token.reveal()}
    parts = []
    with requests.Session() as http:
        http.headers.update(headers)
        while url is not None:
            page = http.get(base.removesuffix("/v1") + url, timeout=30).json()
            parts.append(pd.json_normalize([each["Payment"] for each in page["Response"]]))
            url = page["Pagination"]["older_url"]
    return pd.concat(parts, ignore_index=True)


def per_page(fetch: Callable[[], pd.DataFrame], repeat: int) -> tuple[float, int]:
    """Return the least milliseconds per page, and the rows."""
    seconds, rows = [], 0
    for _ in range(repeat):
        started = time.perf_counter()
        rows = len(fetch())
        seconds.append(time.perf_counter() - started)
    return min(seconds) / -(-rows // PAGE) * 1000, rows


def say(line: str) -> None:
    """Print a line at once."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main() -> None:
    """Fetch without limits and with them; print a summary."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--payments", type=int, default=50_000)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--serve")
    parser.add_argument("--limits", default="off")
    options = parser.parse_args()
    if options.serve:
        serve(options.serve, options.limits)
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "books.sqlite"
        key = fill(path, options.payments)
        with served(path, key, "off") as bunq:
            ours, rows = per_page(bunq.payments, options.repeat)
            theirs, their_rows = per_page(lambda: peer(bunq), options.repeat)
            assert rows == their_rows
            say(f"limits off: {rows:,} payments, {ours:.1f} ms a page; requests and json_normalize")
            say(f"{theirs:.1f} ms a page: {theirs / ours:.2f}x")
        with served(path, key, "classic") as bunq:
            started = time.perf_counter()
            frame = bunq.payments()
            seconds = time.perf_counter() - started
            assert len(frame) == rows
            pages = frame.attrs["bunqkit"]["pages"]
            least = (pages - 1) // CALLS * WINDOW_S
            limiter = bunq.client.limiter
            assert isinstance(limiter, Counting)
            refusals = limiter.refusals
    say(
        f"fetch: {rows:,} rows, {pages} pages; classic {seconds:.1f} s of {least:.0f} s allowed "
        f"({(seconds / least - 1) * 100:+.1f} %), {refusals} refused; off {theirs / ours:.2f}x peer"
    )


if __name__ == "__main__":
    main()
