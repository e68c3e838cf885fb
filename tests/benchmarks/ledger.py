"""The cost of a sync by the size of the ledger, and the speed at which a ledger is read.

The demo person's main account grows to a number of payments of the kinds that it has: the same
shops, amounts, texts. Then, in turns for each size, 100 payments are made, and a sync is timed; the
bank counts its calls. At the end everything is read as a table, without the column cache and
with it, beside ``pandas.read_parquet`` and ``pandas.read_sql`` of the same table. The bank is
served over loopback, without limits.

    python tests/benchmarks/ledger.py [SIZE ...]

Without sizes: 10,000 and 1,000,000.
"""

from __future__ import annotations

import argparse
import itertools
import os
import sqlite3
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import partial
from pathlib import Path

import pandas as pd

import bunqkit
from bunqkit.ledger import stored_pages
from bunqkit.ledger.ledger import Ledger
from bunqkit.sandbox import Admin, Bank, doors
from bunqkit.sandbox.clock import wire_time

NEW = 100
ROUNDS = 9
APART = timedelta(seconds=30)
AT_ONCE = 50_000
PAYMENT = {
    "amount": {"value": "0.01", "currency": "EUR"},
    "counterparty_alias": {"type": "EMAIL", "value": "bravo@bunq.com"},
    "description": "tea",
}


class World:
    """A bank with so many payments of one person, served, and the person's ledger."""

    def __init__(self, folder: Path, size: int) -> None:
        self.size = size
        self.bank = Bank(str(folder / f"bank-{size}.sqlite"))
        self.account = grow(self.bank, size)
        self.admin = Admin(self.bank)
        self.server = doors.Server(self.admin, host="127.0.0.1", port=0)
        threading.Thread(target=self.server.run, daemon=True).start()
        os.environ |= {
            "BUNQ_ENVIRONMENT": "OFFLINE",
            "BUNQ_BASE_URL": self.server.url,
            "BUNQ_API_KEY": self.bank.demo_key.reveal(),
            "BUNQ_STATE_DIR": str(folder / "state"),
        }
        self.bunq = bunqkit.connect()
        self.ledger = Ledger(folder / f"ledger-{size}.sqlite")

    def sync(self) -> tuple[float, int]:
        """Sync; return the seconds, and the calls that the bank counted."""
        before = self.admin.counts.total()
        seconds = clock(lambda: self.ledger.sync(self.bunq, progress=False))
        return seconds, self.admin.counts.total() - before

    def pay(self) -> None:
        """Make new payments."""
        self.bunq.call("payment-batch.create", account=self.account, payments=[PAYMENT] * NEW)

    def close(self) -> None:
        """Close all of it."""
        self.ledger.close()
        self.bunq.close()
        self.server.close()
        self.bank.close()


def grow(bank: Bank, size: int) -> int:
    """Add payments to the demo person's main account up to a number; return the account's id."""
    books = bank.ledger
    key = books.row("SELECT person_id FROM api_key WHERE text = ?", bank.demo_key.reveal())
    assert key is not None
    owner = key["person_id"]
    main = books.row("SELECT * FROM account WHERE person_id = ? ORDER BY id LIMIT 1", owner)
    assert main is not None
    lived = books.rows(
        "SELECT payer_id, payee_id, cents, movement.description, type, sub_type, movement.details "
        "FROM movement "
        "JOIN account AS payer ON payer.id = payer_id JOIN account AS payee ON payee.id = payee_id "
        "WHERE ? IN (payer_id, payee_id) AND (payer.person_id IS NULL OR payee.person_id IS NULL)",
        main["id"],
    )
    count = books.rows("SELECT COUNT(*) AS n FROM entry WHERE account_id = ?", main["id"])[0]["n"]

    def rows(number: int, wanted: int) -> Iterator[tuple[object, ...]]:
        balance = books.account(main["id"])["balance"]
        when = bank.clock.now()
        # What can't be paid yet is left out: the salary comes.
        for move in itertools.cycle(lived):
            is_out = move["payer_id"] == main["id"]
            if is_out and balance < move["cents"]:
                continue
            if wanted == 0:
                return
            balance += -move["cents"] if is_out else move["cents"]
            yield (number, move["payer_id"], move["payee_id"], wire_time(when), move["cents"],
                   "EUR", *tuple(move)[3:])  # fmt: skip
            number, wanted, when = number + 1, wanted - 1, when + APART

    while count < size:
        some = min(AT_ONCE, size - count)
        with books.transaction():
            first = books.reserve("movement", some)
            books.insert_many(
                "INSERT INTO movement VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", rows(first, some)
            )
        bank.clock.advance(seconds=some * APART.total_seconds())
        count += some
    return int(main["id"])


def clock(work: Callable[[], object]) -> float:
    """Return how many seconds something takes."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def read(world: World, folder: Path) -> None:
    """Read everything as tables, beside the ways that pandas has."""
    ledger = world.ledger
    segment, stored_pages._SEGMENT = stored_pages._SEGMENT, sys.maxsize
    times = [
        ("payments(), without the column cache", clock(ledger.payments)),
        ('frame("payment.list"), without it', clock(partial(ledger.frame, "payment.list"))),
    ]
    stored_pages._SEGMENT = segment
    times += [
        ("payments(), and the cache is filled", clock(ledger.payments)),
        ("payments(), with the cache", clock(ledger.payments)),
        ('frame("payment.list"), with the cache', clock(partial(ledger.frame, "payment.list"))),
    ]
    frame = ledger.payments()
    frame.attrs = {}
    frame.to_parquet(folder / "payments.parquet")
    with sqlite3.connect(folder / "payments.sqlite") as db:
        frame.to_sql("payments", db, index=False, chunksize=AT_ONCE)
    rows = len(frame)
    del frame
    parquet = clock(lambda: pd.read_parquet(folder / "payments.parquet"))
    sql = clock(lambda: pd.read_sql("SELECT * FROM payments", db))
    db.close()
    print(f"{rows:,} rows: read_parquet {parquet:.2f} s, read_sql {sql:.2f} s")
    for name, seconds in times:
        print(
            f"  {name}: {seconds:.2f} s, {seconds / parquet:.1f}x read_parquet, "
            f"{seconds / sql:.2f}x read_sql"
        )


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sizes", nargs="*", type=int, default=[10_000, 1_000_000])
    sizes = parser.parse_args().sizes
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        worlds = [World(folder, size) for size in sizes]
        for world in worlds:
            seconds, calls = world.sync()
            file = world.ledger.path.stat().st_size / 1e6
            print(
                f"first sync, {world.size:,} payments: {seconds:.1f} s, {calls:,} calls, "
                f"{1000 * seconds / calls:.0f} ms each; the file has {file:,.0f} MB"
            )
        times: dict[int, list[float]] = {size: [] for size in sizes}
        for _ in range(ROUNDS):
            for world in worlds:
                world.pay()
                seconds, calls = world.sync()
                times[world.size].append(seconds)
        for world in worlds:
            median = statistics.median(times[world.size])
            world.pay()
            _, calls = world.sync()
            print(f"{NEW} new of {world.size:,}: {median:.3f} s, {calls} calls")
        read(worlds[-1], folder)
        ratio = statistics.median(times[sizes[-1]]) / statistics.median(times[sizes[0]])
        for world in worlds:
            world.close()
        print(f"ledger: sync ratio {ratio:.2f}")


if __name__ == "__main__":
    main()
