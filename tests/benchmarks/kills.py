"""Payments by processes that are killed: each is made at most once, and its outcome is known.

The bank is served on loopback by this process. Each payment is sent by a process of its own, which
is killed at one of four moments in turn: when the payment is in the journal and has not left, while
the bank has it, when the answer is there and the journal does not know it, and at some moment. The
next process opens what is kept, is told that something is unsettled, and settles it.

    python tests/benchmarks/kills.py [KILLS [SEED]]

The run ends with status 1 if a payment is lost, made twice, or stays unknown. It takes some
seconds a kill.
"""

from __future__ import annotations

import random
import subprocess
import sys
import threading
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory

import bunqkit
from bunqkit.sandbox import Bank, doors

MOMENTS = ("before it leaves", "at the bank", "after the answer", "some moment")
PAY = """
import os, random, signal, sys, threading, time
import bunqkit
moment, description, seed = sys.argv[1], sys.argv[2], int(sys.argv[3])
bunq = bunqkit.connect()
account = bunq.find_account()["id"]
end = lambda: os.kill(os.getpid(), signal.SIGKILL)
request = bunq.client.request
def killed(method, *call, **how):
    if method != "POST":
        return request(method, *call, **how)
    if moment == "before it leaves":
        end()
    if moment in ("at the bank", "some moment"):
        luck = random.Random(seed)
        wait = luck.uniform(0.001, 0.02 if moment == "at the bank" else 0.2)
        threading.Timer(wait, end).start()
    answer = request(method, *call, **how)
    if moment == "after the answer":
        end()
    return answer
bunq.client.request = killed
bunq.call("payment.create", amount="0.01", to="bravo@bunq.com", description=description,
          account=account)
time.sleep(1)
end()
"""


def main(kills: int = 300, seed: int = 1) -> int:
    """Kill, settle, hold against the books; give the exit status."""
    bank = Bank(seed=seed)
    server = doors.Server(bank, host="127.0.0.1", port=0)
    serving = threading.Thread(target=server.run, daemon=True)
    serving.start()
    told: dict[str, str] = {}
    with TemporaryDirectory() as name:
        folder = Path(name)
        env_file = folder / ".env"
        env_file.write_text(
            f"BUNQ_ENVIRONMENT=OFFLINE\nBUNQ_BASE_URL={server.url}\n"
            f"BUNQ_API_KEY={bank.demo_key.reveal()}\nBUNQ_STATE_DIR={folder / 'kept'}\n"
        )
        env_file.chmod(0o600)
        luck = random.Random(seed)
        for number in range(kills):
            description = f"kill {number}"
            moment = MOMENTS[number % len(MOMENTS)]
            subprocess.run(
                [sys.executable, "-c", PAY, moment, description, str(luck.random())[2:8]],
                cwd=folder,
                check=False,
                timeout=120,
            )
            bunq = bunqkit.connect(env_file=env_file)
            # The process is gone, and the bank on this machine is done at once.
            bunq._writes.sleep = lambda _seconds: None
            settled = bunq.settle()
            # What left nothing in the journal had its answer before it was killed.
            told[description] = settled[0].outcome if settled else "answered"
    account = bunq.find_account()["id"]
    rows = bank.ledger.rows("SELECT description FROM payment WHERE account_id = ?", account)
    server.close()
    serving.join(10)
    made = Counter(row["description"] for row in rows if row["description"] in told)
    lost = sum(made[each] == 0 for each, how in told.items() if how in ("made", "answered"))
    false = sum(made[each] > 0 for each, how in told.items() if how == "not made")
    duplicated = sum(times - 1 for times in made.values())
    outcomes = Counter(told.values())
    print(", ".join(f"{times} {outcome}" for outcome, times in outcomes.items()))
    unknown = outcomes["unknown"]
    print(
        f"kills: killed {kills}, made {len(made)}, lost {lost + false}, duplicated {duplicated}, "
        f"unknown {unknown}"
    )
    return 1 if lost or false or duplicated or unknown else 0


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:])))
