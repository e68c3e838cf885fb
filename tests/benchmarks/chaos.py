"""Thousands of payments through a network that fails, held against the bank's books.

The client calls a bank on loopback, by eight threads that share one context, and something goes
wrong with 30 % of the calls: connections cut before and after the work is done, answers spoiled,
unsigned or late, gateways, refusals, ended sessions. Every payment has a description of its own, so
the books tell how often it was made. Time is not waited for: pauses between attempts and looks are
skipped, and the limiter waits by a clock that whoever waits moves.

    python tests/benchmarks/chaos.py [PAYMENTS [SEED]]

At the end the payments whose outcome nobody knows are settled. Lost: said to be made, and not in
the books as it was said. Duplicated: more often in the books than asked for. Unknown: the client
says that it can't know. Refused: the client says that it was not made, and it was not. The run ends
with status 1 if anything is lost, duplicated or unknown, or differs from the books.
"""

from __future__ import annotations

import logging
import random
import sys
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory

from bunqkit.auth.sessions import Sessions
from bunqkit.auth.state import StateFile
from bunqkit.client.client import Client
from bunqkit.client.rate_limits import Limiter
from bunqkit.client.retries import Retries
from bunqkit.context.context import Context
from bunqkit.errors import BunqkitError, OutcomeUnknownError
from bunqkit.sandbox import Bank, doors
from bunqkit.sandbox.faults import KINDS, Fault
from bunqkit.security.redaction import Secret
from bunqkit.settings import load_settings

THREADS = 8
SHARE = 0.30
PAYEE = "bravo@bunq.com"


class Time:
    """A clock that whoever waits moves."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._slept = 0.0

    def now(self) -> float:
        """Return the seconds."""
        return time.monotonic() + self._slept

    def sleep(self, seconds: float) -> None:
        """Pass seconds without waiting."""
        with self._lock:
            self._slept += seconds


def faults() -> list[Fault]:
    """Return every kind but the callbacks', each as likely, so that 30 % of the calls meet one."""
    kinds = [kind for kind in KINDS if kind not in ("duplicated callback", "lost answer")]
    each = 1 - (1 - SHARE) ** (1 / len(kinds))
    return [Fault(kind, times=None, chance=each, seconds=0.01) for kind in (*kinds, "lost answer")]


def connect(url: str, api_key: Secret, folder: Path) -> Context:
    """Do as ``bunqkit.connect()``, with a time of our own."""
    passing = Time()
    settings = replace(load_settings(environment="OFFLINE"), api_key=api_key, base_url=url)
    limiter = Limiter("off", clock=passing.now, sleep=passing.sleep, say=lambda _words: None)
    client = Client(url, limiter=limiter, retries=Retries(sleep=passing.sleep))
    file = StateFile(folder, environment="OFFLINE", base_url=url, api_key=api_key)
    sessions = Sessions(settings, client, file, clock=lambda: datetime.now(UTC))
    sessions.current()
    bunq = Context(settings, client, sessions)
    bunq._writes.sleep = passing.sleep
    return bunq


class Run:
    """What the client was asked and what it said.

    Parameters
    ----------
    bunq
        Who pays.
    payments
        How many payments are asked for, and how many reads.
    seed
        Decides the amounts.
    """

    def __init__(self, bunq: Context, payments: int, seed: int) -> None:
        luck = random.Random(seed)
        self.asked = {
            f"chaos {number}": f"0.0{luck.randrange(1, 10)}" for number in range(payments)
        }
        self.done: dict[str, int] = {}
        self.unknown: dict[str, str] = {}
        self.refused: dict[str, BunqkitError] = {}
        self.reads: Counter[str] = Counter()
        self.differing: list[str] = []
        self.settled: Counter[str] = Counter()
        self._bunq = bunq
        self._account = bunq.find_account()["id"]

    def pay(self, description: str) -> None:
        """Ask for one payment, and read one thing."""
        amount = self.asked[description]
        try:
            answer = self._bunq.call(
                "payment.create", amount=amount, to=PAYEE, description=description
            )
            self.done[description] = answer.first("Id")["id"]
        except OutcomeUnknownError as error:
            self.unknown[error.body["merchant_reference"]] = description
        except BunqkitError as error:
            self.refused[description] = error
        self.read(description)

    def read(self, description: str) -> None:
        """Read a payment that was answered as done, or the newest ones."""
        number = self.done.get(description)
        try:
            if number is None:
                items = self._bunq.call("payment.list", count=5).items
            else:
                items = [self._bunq.call("payment.get", number).item]
        except BunqkitError as error:
            self.reads[type(error).__name__] += 1
            return
        self.reads["answered"] += 1
        for item in items:
            told, value = item["description"], item["amount"]["value"]
            wrong = told in self.asked and value != f"-{self.asked[told]}"
            if wrong or (number is not None and told != description):
                self.differing.append(f"{description}: read as {told} {value}")

    def settle(self) -> None:
        """Look up what became of those whose outcome nobody knows."""
        for each in self._bunq.settle():
            description = self.unknown.pop(each.entry.references[0])
            self.settled[each.outcome] += 1
            if each.outcome == "made" and each.item is not None:
                self.done[description] = each.item["id"]
            elif each.outcome == "not made":
                self.refused[description] = BunqkitError("settled")
            else:
                self.unknown[each.entry.references[0]] = description

    def held_against(self, bank: Bank) -> tuple[int, int, int, int]:
        """Return made, lost, duplicated and unknown by the bank's books; note what differs."""
        rows = bank.ledger.rows(
            "SELECT id, description, cents FROM payment WHERE account_id = ?", self._account
        )
        booked: dict[str, list[tuple[int, Decimal]]] = {}
        for row in rows:
            if row["description"] in self.asked:
                booked.setdefault(row["description"], []).append(
                    (row["id"], Decimal(row["cents"]) / 100)
                )
        lost = sum(
            booked.get(description) != [(number, -Decimal(self.asked[description]))]
            for description, number in self.done.items()
        )
        duplicated = sum(len(entries) - 1 for entries in booked.values())
        self.differing += [
            f"{description}: refused ({error}), and made"
            for description, error in self.refused.items()
            if description in booked
        ]
        if len(set(self.done.values())) != len(self.done):
            self.differing.append("two payments were answered with one id")
        both = self.done.keys() & self.refused.keys()
        self.differing += [f"{description}: made and not made" for description in both]
        told = len(self.done) + len(self.refused) + len(self.unknown)
        if told != len(self.asked):
            self.differing.append(f"{told} payments have an outcome")
        return len(self.done) - lost, lost, duplicated, len(self.unknown)


def main(payments: int = 10_000, seed: int = 1) -> int:
    """Run, print what went wrong and what came of it; give the exit status."""
    # The server complains about the answers that the bank cuts off on purpose.
    logging.getLogger("waitress").setLevel(logging.CRITICAL)
    bank = Bank(seed=seed)
    server = doors.Server(bank, host="127.0.0.1", port=0)
    serving = threading.Thread(target=server.run, daemon=True)
    serving.start()
    started = time.monotonic()
    with TemporaryDirectory() as folder:
        bunq = connect(server.url, bank.demo_key, Path(folder))
        run = Run(bunq, payments, seed)
        for fault in faults():
            bank.faults.add(fault)
        with ThreadPoolExecutor(THREADS) as threads:
            list(threads.map(run.pay, run.asked))
        bank.faults.clear()
        run.settle()
        bunq.close()
    server.close()
    serving.join(10)
    made, lost, duplicated, unknown = run.held_against(bank)
    for kind, times in sorted(bank.faults.happened.items()):
        print(f"{kind:<16}{times:>7,}")
    print(f"{'faults':<16}{sum(bank.faults.happened.values()):>7,}")
    print(f"reads: {', '.join(f'{times:,} {what}' for what, times in run.reads.most_common())}")
    print(f"settled: {', '.join(f'{times:,} {what}' for what, times in run.settled.items())}")
    print(f"refused and not made: {len(run.refused)}")
    print(f"{time.monotonic() - started:.0f} s")
    for line in run.differing[:20]:
        print(f"differs from the books: {line}")
    print(
        f"chaos: asked {payments}, made {made}, lost {lost}, duplicated {duplicated}, "
        f"unknown {unknown}"
    )
    return 1 if lost or duplicated or unknown or run.differing else 0


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:])))
