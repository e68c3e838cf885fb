"""A ledger beside a bank that keeps changing: nothing is missed, nothing is read twice."""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sampling import one_in
from visitors import Wire

import bunqkit
from bunqkit.catalogue.operations import operation as operation_named
from bunqkit.errors import BunqkitError, BusyError, Interrupted, SignatureError, StateError
from bunqkit.ledger.ledger import Ledger
from bunqkit.ledger.store_file import lock_file
from bunqkit.ledger.sync import PAGE, Progress, Sync
from bunqkit.sandbox import Bank, Fault, doors
from bunqkit.sandbox.refusal import Refusal
from bunqkit.sandbox.resources.card_use import CardUse

# How often a sync is killed; the benchmark's number is 300.
KILLS = int(os.environ.get("BUNQKIT_KILLS", "10"))
LISTS = (
    "monetary-account.list",
    "payment.list",
    "mastercard-action.list",
    "request-inquiry.list",
    "request-response.list",
    "card.list",
    "event.list",
)


@pytest.fixture
def bunq(bank: Bank) -> Iterator[bunqkit.Context]:
    """Return the demo person, at the bank in this process."""
    context = bunqkit.connect(bank=bank, api_key=bank.demo_key)
    yield context
    context.close()


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    """Return an empty ledger."""
    with Ledger(tmp_path / "ledger.sqlite") as made:
        yield made


@pytest.fixture
def calls(bank: Bank, monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """Count the calls that come to the bank, by operation."""
    counted: Counter[str] = Counter()
    name = bank._operation_name

    def count(method: str, path: str) -> str:
        told = name(method, path)
        counted[told] += 1
        return told

    monkeypatch.setattr(bank, "_operation_name", count)
    # The bank looks at names only while something waits to go wrong.
    bank.faults.add(Fault("500", operation="nothing", times=None))
    return counted


def at_bank(bunq: bunqkit.Context, operation: str) -> dict[tuple[int, int], Any]:
    """Return every item of a list, of all accounts, by account and id."""
    accounts = [0]
    if "{monetary-accountID}" in operation_named(operation).path:
        accounts = bunq.accounts()["id"].tolist()
    return {
        (account, item["id"]): {kind: item}
        for account in accounts
        for page in bunq.pages(operation, **({"account": account} if account else {}))
        for kind, item in zip(page.types, page.items, strict=True)
    }


def in_ledger(ledger: Ledger, operation: str) -> dict[tuple[int, int], Any]:
    """Return the same of the ledger."""
    rows = ledger._store.rows(
        "SELECT account_id, id, type, raw FROM item JOIN listing ON number = listing "
        "WHERE operation = :operation",
        {"operation": operation},
    )
    return {(row[0], row[1]): {row["type"]: json.loads(row["raw"])} for row in rows}


def check_agreement(bunq: bunqkit.Context, ledger: Ledger) -> None:
    """Insist that bank and ledger have the same items."""
    for operation in LISTS:
        assert in_ledger(ledger, operation) == at_bank(bunq, operation), operation


def main_account(bunq: bunqkit.Context) -> int:
    """Return the account that has the card."""
    return int(bunq.accounts()["id"].min())


def pay_often(bunq: bunqkit.Context, times: int) -> None:
    """Make many payments by one call."""
    body = {
        "amount": {"value": "0.01", "currency": "EUR"},
        "counterparty_alias": {"type": "EMAIL", "value": "bravo@bunq.com"},
        "description": "tea",
    }
    bunq.call("payment-batch.create", account="Main account", payments=[body] * times)


def test_the_first_sync_has_everything(bunq: bunqkit.Context, ledger: Ledger) -> None:
    """Item for item, of every list that is followed, and it says up to when."""
    report = ledger.sync(bunq)
    check_agreement(bunq, ledger)
    assert report.complete
    assert report.new == sum(len(at_bank(bunq, name)) for name in LISTS)
    assert repr(report).startswith("Complete up to 20")


def test_a_second_sync_brings_nothing(bunq: bunqkit.Context, ledger: Ledger) -> None:
    """What did not change is neither new nor corrected."""
    ledger.sync(bunq)
    report = ledger.sync(bunq)
    assert (report.new, report.corrected, report.gone) == (0, 0, 0)


def test_new_items_cost_the_pages_they_need(
    bunq: bunqkit.Context, ledger: Ledger, calls: Counter[str]
) -> None:
    """One page for what is new and the window, one for a look at the old, for each account."""
    ledger.sync(bunq)
    pay_often(bunq, 60)
    calls.clear()
    report = ledger.sync(bunq)
    accounts = len(bunq.accounts())
    assert report.new == 121  # with their events, and that of the batch
    # Accounts with fewer than a page of payments cost one page.
    assert calls["payment.list"] == accounts + 1
    check_agreement(bunq, ledger)


@pytest.mark.slow
def test_more_new_items_than_a_page(bunq: bunqkit.Context, ledger: Ledger) -> None:
    """The pages between the newest and what is known are all read."""
    ledger.sync(bunq)
    pay_often(bunq, PAGE + 50)
    ledger.sync(bunq)
    check_agreement(bunq, ledger)


@pytest.mark.slow
def test_an_account_that_is_opened_later_is_read(bunq: bunqkit.Context, ledger: Ledger) -> None:
    """Its payments too."""
    ledger.sync(bunq)
    made = bunq.call("monetary-account-bank.create", currency="EUR", description="Bike")
    iban = bunq.accounts().set_index("id").loc[made.item["id"], "iban"]
    bunq.pay("1.00", str(iban), "first", name="me", account="Main account")
    ledger.sync(bunq)
    check_agreement(bunq, ledger)
    assert ledger.payments(account="Bike")["description"].tolist() == ["first"]


@pytest.mark.slow
def test_a_late_refund_is_seen(bunq: bunqkit.Context, bank: Bank, ledger: Ledger) -> None:
    """The card transaction of months ago and its event change, and what was known is kept."""
    ledger.sync(bunq)
    actions = bunq.frame("mastercard-action.list", account="Main account")
    old = int(actions["id"].iloc[70])
    bank.give_back(old, reverse=True)
    report = ledger.sync(bunq)
    check_agreement(bunq, ledger)
    assert report.corrected == 3  # the account, the transaction, its event
    kept = ledger._store.rows("SELECT raw FROM earlier WHERE id = :id", {"id": old})
    assert [json.loads(row["raw"])["authorisation_status"] for row in kept] == ["AUTHORISED"]


@pytest.mark.slow
def test_a_request_that_is_answered_late_is_seen(
    bunq: bunqkit.Context, bank: Bank, ledger: Ledger
) -> None:
    """However many others were made since: what is pending is looked at each time."""
    friend = bunqkit.connect(bank=bank)
    asked = bunq.request_money("5.00", friend.user["alias"][0]["value"], "half of it")
    amount = {"value": "0.01", "currency": "EUR"}
    body = {
        "amount_inquired": amount,
        "counterparty_alias": {"type": "EMAIL", "value": "bravo@bunq.com"},
        "description": "tea",
        "allow_bunqme": False,
    }
    times = PAGE + 120
    total = amount | {"value": f"{times / 100:.2f}"}
    batch = bunq.call(
        "request-inquiry-batch.create",
        request_inquiries=[body] * times,
        total_amount_inquired=total,
    ).item
    bunq.call("request-inquiry-batch.update", batch["id"], status="REVOKED")
    ledger.sync(bunq)
    bunq.call("request-inquiry.update", asked["id"], status="REVOKED")
    ledger.sync(bunq)
    check_agreement(bunq, ledger)


def test_a_correction_everywhere_is_followed(bunq: bunqkit.Context, ledger: Ledger) -> None:
    """A new name changes every payment: where a page brings corrections, its neighbour is read."""
    ledger.sync(bunq)
    bunq.call("user-person.update", bunq.user_id, public_nick_name="Somebody Else")
    report = ledger.sync(bunq)
    check_agreement(bunq, ledger)
    assert report.corrected > 500


@pytest.mark.slow
def test_a_correction_everywhere_is_followed_by_the_next_sync(
    bunq: bunqkit.Context, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A sync that is stopped between two pages of corrections leaves word of it."""
    ledger.sync(bunq)
    bunq.call("user-person.update", bunq.user_id, public_nick_name="Somebody Else")
    call = bunq.call
    pages = iter(range(99))

    def stop(operation: str, *own_id: Any, **given: Any) -> Any:
        # The newest page, which is corrected, and the one below it come.
        if operation == "payment.list" and given["account"] == account and next(pages) == 2:
            raise SignatureError("spoilt")
        return call(operation, *own_id, **given)

    account = main_account(bunq)
    monkeypatch.setattr(bunq, "call", stop)
    with pytest.raises(SignatureError, match="spoilt"):
        ledger.sync(bunq)
    monkeypatch.undo()
    ledger.sync(bunq)
    check_agreement(bunq, ledger)


def test_what_the_bank_takes_away_is_gone(bunq: bunqkit.Context, ledger: Ledger) -> None:
    """It is not in the tables, and is kept among what was known."""
    ledger.follow("schedule-payment.list")
    made = bunq.call(
        "schedule-payment.create",
        payment={
            "amount": {"value": "1.00", "currency": "EUR"},
            "counterparty_alias": {"type": "EMAIL", "value": "bravo@bunq.com"},
            "description": "monthly",
        },
        schedule={
            "time_start": "2026-05-01 09:00:00.000000",
            "recurrence_unit": "MONTHLY",
            "recurrence_size": 1,
        },
    ).item
    ledger.sync(bunq)
    before = ledger.frame("schedule-payment.list")
    bunq.call("schedule-payment.delete", made["id"])
    report = ledger.sync(bunq)
    assert report.gone == 1
    assert len(before) == 1
    assert len(ledger.frame("schedule-payment.list")) == 0


class Between:
    """A bank whose answers a wire bends, as a bank."""

    def __init__(self, bank: Bank) -> None:
        self.wire = Wire(bank)
        self._bank = bank

    def __getattr__(self, name: str) -> Any:
        return getattr(self._bank, name)

    def __call__(self, environ: Any, start_response: Any) -> Any:
        """Pass a call through the wire."""
        return self.wire(environ, start_response)


def rewrite(wire: Wire, number: int, description: str) -> None:
    """Change the description of one payment wherever the bank shows it."""

    def bend(
        status: int, headers: dict[str, str], body: bytes
    ) -> tuple[int, dict[str, str], bytes]:
        told = json.loads(body)
        for entry in told.get("Response", []):
            if "Payment" in entry and entry["Payment"]["id"] == number:
                entry["Payment"]["description"] = description
        body = json.dumps(told).encode()
        return status, headers | {"X-Bunq-Server-Signature": wire.bank.key.sign(body)}, body

    wire.bend = bend


@pytest.mark.slow
def test_a_correction_of_an_old_payment_is_seen_in_its_turn(bank: Bank, ledger: Ledger) -> None:
    """One page of the old is read each time; a deep sync reads all of it at once."""
    between = Between(bank)
    bunq = bunqkit.connect(bank=between, api_key=bank.demo_key)  # type: ignore[arg-type]
    ledger.sync(bunq)
    oldest = int(ledger.payments(account="Main account")["id"].iloc[-1])
    rewrite(between.wire, oldest, "corrected")
    corrected = [ledger.sync(bunq).corrected for _ in range(3)]
    assert sum(corrected) == 1
    assert ledger.payments(account="Main account")["description"].iloc[-1] == "corrected"
    rewrite(between.wire, oldest, "corrected again")
    assert ledger.sync(bunq, deep=True).corrected == 1


def test_another_order_of_fields_is_no_correction(bank: Bank, ledger: Ledger) -> None:
    """What counts is what is said."""
    between = Between(bank)
    bunq = bunqkit.connect(bank=between, api_key=bank.demo_key)  # type: ignore[arg-type]
    ledger.sync(bunq)

    def bend(
        status: int, headers: dict[str, str], body: bytes
    ) -> tuple[int, dict[str, str], bytes]:
        body = json.dumps(json.loads(body), sort_keys=True).encode()
        return status, headers | {"X-Bunq-Server-Signature": bank.key.sign(body)}, body

    between.wire.bend = bend
    assert ledger.sync(bunq).corrected == 0


@pytest.mark.slow
def test_what_was_cut_short_is_not_complete_until_it_is_ended(
    bunq: bunqkit.Context, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The tables say so; the next sync closes the gap, whatever is new by then."""
    ledger.sync(bunq)
    pay_often(bunq, PAGE + 50)
    failing = iter([False, True])

    call = bunq.call

    def stop(operation: str, *own_id: Any, **given: Any) -> Any:
        if operation == "payment.list" and given["account"] == main_account(bunq) and next(failing):
            raise KeyboardInterrupt
        return call(operation, *own_id, **given)

    monkeypatch.setattr(bunq, "call", stop)
    with pytest.raises(Interrupted) as caught:
        ledger.sync(bunq)
    monkeypatch.undo()
    assert not caught.value.frame["complete"].all()
    assert not ledger.payments().attrs["bunqkit"]["complete"]
    assert ledger.payments(account="Holiday").attrs["bunqkit"]["complete"]
    bunq.pay("0.01", "bravo@bunq.com", "later", account="Main account")
    assert ledger.sync(bunq).complete
    check_agreement(bunq, ledger)


def test_a_list_that_fails_does_not_keep_the_others_from_being_read(
    bunq: bunqkit.Context, bank: Bank, ledger: Ledger
) -> None:
    """The error comes at the end, and the ledger says what is not complete."""
    bank.faults.add(Fault("wrong signature", operation="mastercard-action.list", times=None))
    with pytest.raises(SignatureError):
        ledger.sync(bunq)
    status = ledger.status()
    assert set(status.loc[~status["complete"], "operation"]) == {"mastercard-action.list"}
    assert ledger.payments().attrs["bunqkit"]["complete"]
    bank.faults.clear()
    assert ledger.sync(bunq).complete
    check_agreement(bunq, ledger)


def test_a_list_that_the_bank_refuses_is_named(bank: Bank, ledger: Ledger) -> None:
    """Not every kind of account has every list: the others are read, and the report says it."""
    between = Between(bank)
    bunq = bunqkit.connect(bank=between, api_key=bank.demo_key)  # type: ignore[arg-type]
    account = int(bunq.accounts()["id"].iloc[0])

    def redirect(environ: dict[str, Any]) -> None:
        if environ["PATH_INFO"].endswith(f"/{account}/mastercard-action"):
            environ["PATH_INFO"] = environ["PATH_INFO"].replace(str(account), "1")

    between.wire.bend_request = redirect
    report = ledger.sync(bunq)
    assert len(report.refused) == 1
    assert str(account) in report.refused[0]
    assert not ledger.card_transactions().attrs["bunqkit"]["complete"]
    between.wire.bend_request = lambda _environ: None
    assert ledger.sync(bunq).refused == ()


def test_a_bank_that_leads_back_is_left(bank: Bank, ledger: Ledger) -> None:
    """A page that does not lie below the one before would be read for ever."""
    between = Between(bank)
    bunq = bunqkit.connect(bank=between, api_key=bank.demo_key)  # type: ignore[arg-type]

    def forget(environ: dict[str, Any]) -> None:
        if environ["PATH_INFO"].endswith("/payment"):
            environ["QUERY_STRING"] = "count=50"

    between.wire.bend_request = forget
    with pytest.raises(BunqkitError, match="not the page that was asked for"):
        ledger.sync(bunq)


@pytest.mark.slow
def test_a_bank_that_forgot_everybody_is_seen(bank: Bank, ledger: Ledger) -> None:
    """After a reset everything is new, and what was known is gone."""
    first = bunqkit.connect(bank=bank, api_key=bank.demo_key)
    ledger.sync(first)
    bank.reset(seed=7)
    bunq = bunqkit.connect(bank=bank, api_key=bank.demo_key)
    ledger.sync(bunq, deep=True)
    check_agreement(bunq, ledger)


def test_a_ledger_belongs_to_one_user(bunq: bunqkit.Context, bank: Bank, ledger: Ledger) -> None:
    """Another's payments would be mixed with them."""
    ledger.sync(bunq)
    with pytest.raises(StateError, match="Give each its own"):
        ledger.sync(bunqkit.connect(bank=bank))


def test_accounts_are_read_in_parallel(bank: Bank, ledger: Ledger) -> None:
    """The payments of all accounts are asked for before any has come."""
    between = Between(bank)
    bunq = bunqkit.connect(bank=between, api_key=bank.demo_key)  # type: ignore[arg-type]
    together = threading.Barrier(len(bunq.accounts()), timeout=20)
    asked: set[str] = set()

    def meet(environ: dict[str, Any]) -> None:
        path = environ["PATH_INFO"]
        if path.endswith("/payment") and path not in asked:
            asked.add(path)
            together.wait()

    between.wire.bend_request = meet
    assert ledger.sync(bunq).complete
    assert not together.broken


def test_progress_comes_with_an_estimate(bunq: bunqkit.Context, ledger: Ledger) -> None:
    """Pages are counted, and how many there may be is told from the dates; at the end it is so."""
    told: list[tuple[int, int]] = []
    progress = Progress(show=lambda pages, expected: told.append((pages, expected)))
    sync = Sync(ledger._store, bunq.call, now=ledger._now, progress=progress, deep=False)
    sync.run(ledger._followed())
    assert [pages for pages, _ in told] == list(range(1, len(told) + 1))
    assert told[-1][0] == told[-1][1]
    assert all(pages <= expected < 3 * len(told) for pages, expected in told)
    assert any(expected > pages for pages, expected in told)


def test_two_kernels_sync_at_once(bunq: bunqkit.Context, bank: Bank, tmp_path: Path) -> None:
    """Both end, the second with nothing to do, and nothing is there twice."""
    path = tmp_path / "shared.sqlite"
    reports: list[Any] = []

    def work() -> None:
        with Ledger(path) as own:
            reports.append(own.sync(bunqkit.connect(bank=bank, api_key=bank.demo_key)))

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(report.new > 0 for report in reports) == [False, True]
    with Ledger(path) as ledger:
        check_agreement(bunq, ledger)


def test_a_sync_does_not_wait_for_ever_if_told(bunq: bunqkit.Context, ledger: Ledger) -> None:
    """Who may not wait is told that another is at it."""
    with lock_file(ledger.path, None), pytest.raises(BusyError, match="has not ended in 0 s"):
        ledger.sync(bunq, wait_s=0)


ZYGOTE = """
import os, sys
import bunqkit, bunqkit.ledger
import tqdm.auto, pandas
for _ in sys.stdin:
    child = os.fork()
    if child == 0:
        try:
            bunqkit.Ledger(sys.argv[1]).sync(bunqkit.connect(), progress=False)
        except bunqkit.BunqkitError as error:
            os.write(2, f"{type(error).__name__}: {error}\\n".encode())
            os._exit(1)
        os._exit(0)
    print(child, flush=True)
    print(os.waitpid(child, 0)[1], flush=True)
"""


class Killable:
    """Syncs in processes of their own, which start at once and can be killed."""

    def __init__(self, path: Path) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", ZYGOTE, str(path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def sync(self) -> int:
        """Begin a sync; give the number of its process."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        return int(self._process.stdout.readline())

    def wait(self) -> int:
        """Return how it ended."""
        assert self._process.stdout is not None
        return int(self._process.stdout.readline())

    def close(self) -> None:
        """End the process that starts them."""
        self._process.communicate(timeout=10)


def changes(bunq: bunqkit.Context, bank: Bank, luck: random.Random) -> Callable[[], None]:
    """Return a way to have something happen at the bank: one of many things, each time another."""
    friend = bunqkit.connect(bank=bank)
    friend.top_up("500.00")
    friend_email = next(a["value"] for a in friend.user["alias"] if a["type"] == "EMAIL")
    card_id = int(bunq.frame("card.list")["id"].iloc[0])
    account = main_account(bunq)

    def reverse() -> None:
        known = [each for page in bunq.pages("mastercard-action.list", account=account)
                 for each in page.items]  # fmt: skip
        bank.give_back(luck.choice(known)["id"], reverse=luck.random() < 0.5)

    def answer() -> None:
        theirs = friend.accounts()["id"].iloc[-1]
        pending = [each for each in friend.call("request-response.list", account=int(theirs)).items
                   if each["status"] == "PENDING"]  # fmt: skip
        if pending:
            status = luck.choice(["ACCEPTED", "REJECTED"])
            number = luck.choice(pending)["id"]
            friend.call("request-response.update", number, account=int(theirs), status=status)

    happenings = [
        lambda: bunq.pay("0.01", "bravo@bunq.com", "tea", account=account),
        lambda: friend.pay("0.02", str(bunq.accounts()["iban"].iloc[1]), "in", name="you"),
        lambda: bunq.request_money("0.03", friend_email, "half of it"),
        lambda: bank.use_card(card_id, CardUse(luck.randrange(1, 99), "Buurtsuper")),
        lambda: bunq.call("card.update", card_id, second_line=f"Line {luck.randrange(999)}"),
        lambda: bunq.call("user-person.update", bunq.user_id, public_nick_name=f"{luck.random()}"),
        reverse,
        answer,
    ]

    def happen() -> None:
        # What was given back, answered or spent before can't be once more.
        with contextlib.suppress(BunqkitError, Refusal):
            luck.choice(happenings)()

    return happen


@pytest.mark.slow
def test_a_sync_that_is_killed_leaves_no_gap(bank: Bank, tmp_path: Path) -> None:
    """Killed at any moment while the bank keeps changing and calls fail: at last both agree."""
    pytest.importorskip("waitress", reason="serving the bank needs waitress")
    seed = random.randrange(2**32)
    luck = random.Random(seed)
    bunq = bunqkit.connect(bank=bank, api_key=bank.demo_key)
    happen = changes(bunq, bank, luck)
    server = doors.Server(bank, host="127.0.0.1", port=0)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    path = tmp_path / "killed.sqlite"
    (Path.cwd() / ".env").write_text(
        f"BUNQ_ENVIRONMENT=OFFLINE\nBUNQ_BASE_URL={server.url}\n"
        f"BUNQ_API_KEY={bank.demo_key.reveal()}\nBUNQ_STATE_DIR={tmp_path}/state\n"
    )
    for kind in ("cut before", "500", "truncated", "flipped byte", "expired session"):
        bank.faults.add(Fault(kind, operation="*.list", times=None, chance=0.01))
    syncs = Killable(path)
    outcomes: Counter[int] = Counter()
    for _ in range(KILLS):
        child = syncs.sync()
        end = time.monotonic() + luck.uniform(0.0, 0.8)
        while time.monotonic() < end:
            happen()
        with contextlib.suppress(ProcessLookupError):
            os.kill(child, signal.SIGKILL)
        outcomes[syncs.wait()] += 1
    bank.faults.clear()
    syncs.sync()
    assert syncs.wait() == 0
    syncs.close()
    with Ledger(path) as ledger:
        check_agreement(bunq, ledger)
        assert outcomes[signal.SIGKILL] > KILLS / 2, f"seed {seed}: {outcomes}"
        assert bunqkit.reconcile(ledger.payments(), ledger.accounts())
    assert set(bank.ledger.imbalance().values()) == {0}
    server.close()
    thread.join(10)


@pytest.mark.parametrize(
    "text",
    one_in(2, ["\ud800 half", "../../x\x00\r\n'; DROP TABLE x; \"\\ \u202ebidi"]),
    ids=range(2),
)
def test_a_ledger_takes_every_text(bank: Bank, ledger: Ledger, tmp_path: Path, text: str) -> None:
    """Wherever the bank writes it: it is kept, shown, asked for and exported."""
    between = Between(bank)
    bunq = bunqkit.connect(bank=between, api_key=bank.demo_key)  # type: ignore[arg-type]

    def bend(
        status: int, headers: dict[str, str], body: bytes
    ) -> tuple[int, dict[str, str], bytes]:
        told = json.loads(body)
        for entry in told.get("Response", []):
            for kind in [each for each in entry if each in ("Payment", "MonetaryAccountBank")]:
                entry[kind] |= {"description": text, "updated": text}
            if "MasterCardAction" in entry:
                entry[text] = {**entry.pop("MasterCardAction"), "created": text}
        body = json.dumps(told).encode()
        return status, headers | {"X-Bunq-Server-Signature": bank.key.sign(body)}, body

    between.wire.bend = bend
    assert ledger.sync(bunq).complete
    payments = ledger.payments()
    shown = text.replace("\ud800", "\ufffd")
    assert set(payments["description"]) == {shown}
    told = ledger.sql("SELECT description, COUNT(*) AS n FROM payments GROUP BY 1")
    assert told.to_numpy().tolist() == [[shown, len(payments)]]
    for kind in ("csv", "parquet", "beancount"):
        assert ledger.export(tmp_path / "out" / kind, kind).payments == len(payments)
    files = {each for each in tmp_path.rglob("*") if each.suffix in (".csv", ".json", ".parquet")}
    assert all(each.is_relative_to(tmp_path / "out") for each in files)
