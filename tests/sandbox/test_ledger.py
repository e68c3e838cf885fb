"""The books balance: by constraint, after any calls, with many callers, and after a killing."""

from __future__ import annotations

import os
import random
import signal
import sqlite3
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings, strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    initialize,
    invariant,
    rule,
)
from visitors import Door, Frozen, Visitor, Wire, payment, request

from bunqkit.auth import handshake
from bunqkit.client.client import Client
from bunqkit.errors import ApiError, BunqkitError
from bunqkit.sandbox import Bank, Clock, doors
from bunqkit.sandbox.clock import START
from bunqkit.security.redaction import Secret
from bunqkit.security.signing import KeyPair

MOVEMENT = (
    "INSERT INTO movement (id, payer_id, payee_id, created, cents, currency, description, type, "
    "sub_type, details) VALUES (1, :payer, :payee, '', :cents, :currency, '', '', '', '{}')"
)


def insist_on_balance(bank: Bank) -> None:
    """Insist that nothing is wrong with the books."""
    wrong = {name: number for name, number in bank.ledger.imbalance().items() if number}
    assert not wrong


@pytest.fixture
def accounts(bank: Bank) -> dict[str, Any]:
    """Return a payer with money, and somebody to pay."""
    rows = bank.ledger.rows("SELECT id FROM account WHERE person_id IS NOT NULL ORDER BY -balance")
    return {"payer": rows[0]["id"], "payee": rows[1]["id"], "cents": 5, "currency": "EUR"}


@pytest.mark.parametrize(
    "wrong",
    [
        {"cents": 0},
        {"cents": -5},
        {"currency": "USD"},
        {"payee": None},
        {"payee": 1},
        {"payer": "payee"},
        {"cents": 10**15},
    ],
    ids=repr,
)
def test_schema_refuses_what_would_not_balance(
    bank: Bank, accounts: dict[str, Any], wrong: dict[str, Any]
) -> None:
    """Whatever code writes, the tables keep sums, currencies, both sides and no overdraft."""
    given = accounts | {k: accounts[v] if v == "payee" else v for k, v in wrong.items()}
    with pytest.raises(sqlite3.IntegrityError):
        bank.ledger._db.execute(MOVEMENT, given)
    insist_on_balance(bank)


def test_schema_writes_both_sides(bank: Bank, accounts: dict[str, Any]) -> None:
    """One row of a movement makes two entries and changes two balances."""
    before = bank.ledger.account(accounts["payee"])["balance"]
    bank.ledger._db.execute(MOVEMENT, accounts)
    entries = bank.ledger.rows("SELECT cents FROM entry WHERE movement_id = 1 ORDER BY id")
    assert [row["cents"] for row in entries] == [-5, 5]
    assert bank.ledger.account(accounts["payee"])["balance"] == before + 5
    insist_on_balance(bank)


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM movement",
        "DELETE FROM entry",
        "UPDATE movement SET cents = 1",
        "UPDATE entry SET cents = 1",
    ],
)
def test_what_is_booked_stays(bank: Bank, statement: str) -> None:
    """Nothing that was booked is changed or taken back."""
    with pytest.raises(sqlite3.IntegrityError, match="booked"):
        bank.ledger._db.execute(statement)


def test_imbalance_is_found(bank: Bank) -> None:
    """The check of the books notices a balance that somebody changed by hand."""
    insist_on_balance(bank)
    bank.ledger.execute("UPDATE account SET balance = balance + 1 WHERE person_id IS NULL")
    assert bank.ledger.imbalance()["wrong balances"] > 0


def test_reset_forgets_everybody(bank: Bank, key: KeyPair) -> None:
    """After a reset tokens and keys open nothing, and the bank can be used anew."""
    door = Door(Wire(bank), doors.BASE_URL, doors.InProcess(bank))
    visitor = Visitor(door, key)
    old = bank.demo_key
    bank.reset(seed=7)
    with pytest.raises(BunqkitError):
        visitor.call("GET", "/user")
    assert bank.demo_key != old
    assert bank.ledger.seed == 7
    Visitor(door, key, bank.demo_key)
    insist_on_balance(bank)
    with pytest.raises(sqlite3.IntegrityError, match="booked"):
        bank.ledger._db.execute("DELETE FROM entry")


def test_bank_on_a_file_opens_again(tmp_path: Path, key: KeyPair) -> None:
    """People, money and sessions are there again, and time goes on where it was."""
    path = str(tmp_path / "bank.sqlite")
    bank = Bank(path)
    bank.clock.advance(days=3)
    visitor = Visitor(Door(Wire(bank), doors.BASE_URL, doors.InProcess(bank)), key)
    visitor.top_up()
    seen = bank.clock.now()
    bank.close()
    again = Bank(path)
    assert START < seen.replace(microsecond=0) <= again.clock.now()
    visitor.client = Client(doors.BASE_URL, transport=doors.InProcess(again), key=key)
    assert visitor.balance() == "500.00"
    assert again.demo_key == bank.demo_key
    again.close()


@pytest.mark.parametrize("content", [b"no database" * 100, None], ids=["text", "other version"])
def test_other_files_are_refused(tmp_path: Path, content: bytes | None) -> None:
    """A file that is no bank's, or another version's, is left alone and named in the error."""
    path = tmp_path / "bank.sqlite"
    if content is None:
        db = sqlite3.connect(path)
        db.execute("PRAGMA user_version = 99")
        db.close()
    else:
        path.write_bytes(content)
    before = path.read_bytes()
    with pytest.raises(BunqkitError, match=r"bank\.sqlite"):
        Bank(str(path))
    assert path.read_bytes() == before


def test_sixteen_clients_pay_each_other(bank: Bank) -> None:
    """Over loopback, at once: no payment is lost or made twice, and every balance is right."""
    pytest.importorskip("waitress", reason="serving the bank needs waitress")
    server = doors.Server(bank, host="127.0.0.1", port=0)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    door = Door(Wire(bank), server.url)
    shared = KeyPair.generate()
    people = [Visitor(door, shared) for _ in range(16)]
    for person in people:
        person.top_up("100.00")
    luck = random.Random(5)
    plans = [[(luck.choice(people), luck.randrange(1, 3_000)) for _ in range(8)] for _ in people]
    paid: list[tuple[int, int, int]] = []
    statuses: set[int] = set()

    def pay(who: Visitor, plan: list[tuple[Visitor, int]]) -> None:
        for other, cents in plan:
            body = payment(other.email, f"{cents // 100}.{cents % 100:02d}")
            try:
                who.create(f"{who.account}/payment", body)
            except ApiError as error:
                statuses.add(error.status)
            else:
                paid.append((who.account_id, other.account_id, cents))

    with ThreadPoolExecutor(16) as pool:
        list(pool.map(pay, people, plans))
    server.close()
    thread.join(10)
    assert len(paid) > 64
    assert statuses <= {400}
    for person in people:
        expected = 10_000 + sum(
            cents * ((to == person.account_id) - (source == person.account_id))
            for source, to, cents in paid
        )
        assert bank.ledger.account(person.account_id)["balance"] == expected
    insist_on_balance(bank)


class Books(RuleBasedStateMachine):
    """Any order of valid and invalid calls of three people; the books are counted beside."""

    requests = Bundle("requests")

    @initialize()
    def open(self) -> None:
        """Open a bank and let three people in."""
        self.tick = Frozen()
        self.bank = Bank(clock=Clock(tick=self.tick))
        door = Door(Wire(self.bank), doors.BASE_URL, doors.InProcess(self.bank))
        self.people = [Visitor(door, KEY) for _ in range(3)]
        self.cents = [0, 0, 0]
        self.statuses: set[int] = set()

    def _refused(self, call: Any) -> Any:
        try:
            return call()
        except ApiError as error:
            self.statuses.add(error.status)
            return None

    @rule(who=st.integers(0, 2), cents=st.integers(1, 60_000))
    def sugar(self, who: int, cents: int) -> None:
        """Up to 500 comes, more does not."""
        self.people[who].top_up(f"{cents // 100}.{cents % 100:02d}")
        self.cents[who] += cents if cents <= 50_000 else 0

    @rule(
        who=st.integers(0, 2),
        to=st.integers(0, 2),
        value=st.one_of(
            st.integers(1, 60_000).map(lambda cents: f"{cents // 100}.{cents % 100:02d}"),
            st.sampled_from(["0.00", "-1.00", "1.001", "1e3", "", "NaN", "9" * 40]),
        ),
    )
    def pay(self, who: int, to: int, value: str) -> None:
        """Pay: what is acknowledged moves exactly that, what is refused moves nothing."""
        source, target = self.people[who], self.people[to]
        body = payment(target.email, value)
        done = self._refused(lambda: source.call("POST", f"{source.account}/payment", body))
        if done is not None:
            cents = round(float(value) * 100)
            self.cents[who] -= cents
            self.cents[to] += cents

    @rule(who=st.integers(0, 2), to=st.integers(0, 2), sizes=st.lists(st.integers(1, 30_000)))
    def pay_batch(self, who: int, to: int, sizes: list[int]) -> None:
        """Pay a batch, which moves all or nothing."""
        source, target = self.people[who], self.people[to]
        values = [f"{cents // 100}.{cents % 100:02d}" for cents in sizes]
        body = {"payments": [payment(target.email, value) for value in values]}
        path = f"{source.account}/payment-batch"
        if self._refused(lambda: source.call("POST", path, body)) is not None:
            self.cents[who] -= sum(sizes)
            self.cents[to] += sum(sizes)

    @rule(target=requests, who=st.integers(0, 2), to=st.integers(0, 2), cents=st.integers(1, 9_999))
    def ask(self, who: int, to: int, cents: int) -> Any:
        """Asking moves nothing."""
        source, other = self.people[who], self.people[to]
        body = request(other.email, f"{cents // 100}.{cents % 100:02d}")
        path = f"{source.account}/request-inquiry"
        if self._refused(lambda: source.call("POST", path, body)) is None:
            return None
        number = other.call("GET", f"{other.account}/request-response").items[0]["id"]
        return who, to, cents, number

    @rule(asked=consumes(requests), status=st.sampled_from(["ACCEPTED", "REJECTED", "NONSENSE"]))
    def answer(self, asked: Any, status: str) -> None:
        """Answer a request; accepting moves what was asked."""
        if asked is None:
            return
        who, to, cents, number = asked
        payer = self.people[to]
        path = f"{payer.account}/request-response/{number}"
        done = self._refused(lambda: payer.call("PUT", path, {"status": status}))
        if done is not None and status == "ACCEPTED":
            self.cents[who] += cents
            self.cents[to] -= cents

    @rule(body=st.dictionaries(st.text(max_size=8), st.integers() | st.text(max_size=8)))
    def send_nonsense(self, body: dict[str, Any]) -> None:
        """Nonsense is refused and changes nothing."""
        person = self.people[0]
        path = f"{person.account}/payment"
        assert self._refused(lambda: person.call("POST", path, body)) is None

    @invariant()
    def balances_are_right(self) -> None:
        """Every balance is what was acknowledged, and the books balance."""
        if hasattr(self, "bank"):
            for person, cents in zip(self.people, self.cents, strict=True):
                assert self.bank.ledger.account(person.account_id)["balance"] == cents
            insist_on_balance(self.bank)
            assert self.statuses <= {400}

    def teardown(self) -> None:
        """Close the bank."""
        if hasattr(self, "bank"):
            self.bank.close()


KEY = KeyPair.generate()
Books.TestCase.settings = settings(
    max_examples=int(os.environ.get("BUNQKIT_EXAMPLES", settings().max_examples // 10)),
    stateful_step_count=30,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
TestBooks = Books.TestCase

SERVE = """
import sys
from bunqkit.cli.main import main
sys.exit(main(["sandbox", "--port", "0", "--file", sys.argv[1]]))
"""


def kill_while_paying(path: Path, key: KeyPair, seed: int) -> None:
    """Serve a bank on a file, pay, kill it at some moment, and look at what it kept."""
    served = subprocess.Popen(
        [sys.executable, "-c", SERVE, path], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert served.stdout is not None
    assert served.stderr is not None
    url = served.stdout.readline().decode().strip()
    api_key = Secret(served.stdout.readline().decode().strip())
    assert url, served.stderr.read().decode()
    client = Client(url)
    installation = handshake.create_installation(client, key)
    client.key = key
    client.bank_key = installation.bank_key
    handshake.register_device(client, installation, api_key, description="test")
    session = handshake.open_session(client, installation, api_key, now=START)
    accounts = client.request(
        "GET", f"/user/{session.user_id}/monetary-account-bank", token=session.token
    ).items
    main = f"/user/{session.user_id}/monetary-account/{accounts[-1]['id']}/payment"
    acknowledged: list[int] = []
    luck = random.Random(seed)
    killer = threading.Timer(luck.uniform(0.0, 0.4), lambda: os.kill(served.pid, signal.SIGKILL))
    killer.start()
    try:
        while True:
            body = payment("bravo@bunq.com", "0.01")
            answer = client.request("POST", main, body, token=session.token)
            acknowledged.append(answer.first("Id")["id"])
    except BunqkitError:
        pass
    served.wait(10)
    served.stdout.close()
    served.stderr.close()
    bank = Bank(str(path))
    insist_on_balance(bank)
    kept = {row["id"] for row in bank.ledger.rows("SELECT id FROM payment")}
    assert set(acknowledged) <= kept
    bank.close()


def test_killed_bank_keeps_what_it_acknowledged(tmp_path: Path, key: KeyPair) -> None:
    """Killed at any moment, a bank on a file opens again balanced, with all it said was done."""
    pytest.importorskip("waitress", reason="serving the bank needs waitress")
    for seed in range(3):
        kill_while_paying(tmp_path / "bank.sqlite", key, seed)


@pytest.mark.slow
def test_bank_survives_many_killings(tmp_path: Path, key: KeyPair) -> None:
    """As often as BUNQKIT_KILLS says, on one file."""
    for seed in range(int(os.environ.get("BUNQKIT_KILLS", "30"))):
        kill_while_paying(tmp_path / "bank.sqlite", key, seed)


def test_a_long_list_asks_the_books_no_more_often(bank: Bank, key: KeyPair) -> None:
    """A page of 200 payments looks each account and person up once, not once a payment."""
    visitor = Visitor(Door(Wire(bank), doors.BASE_URL, doors.InProcess(bank)), key, bank.demo_key)
    statements: list[str] = []
    bank.ledger._db.set_trace_callback(statements.append)
    answer = visitor.call("GET", f"{visitor.account}/payment", params={"count": 200})
    bank.ledger._db.set_trace_callback(None)
    parties = {each["counterparty_alias"]["display_name"] for each in answer.items}
    assert len(answer.items) == 200
    assert len(statements) < 20 + 4 * len(parties) < 200


def test_nobody_is_turned_away_for_a_phone_number(bank: Bank) -> None:
    """A thousand people fit in: a number that was drawn before is drawn anew."""
    bank.people(1_000, years=0.1)
    phones = [row["phone"] for row in bank.ledger.rows("SELECT phone FROM person")]
    drawn = [phone for phone in phones if phone is not None]
    assert len(drawn) == len(set(drawn)) > 1_000


def test_people_come_in_numbers(bank: Bank, key: KeyPair) -> None:
    """Many people with a past are written at once; the books balance and their keys open."""
    keys = bank.people(5, years=0.5)
    assert len(set(keys)) == 5
    insist_on_balance(bank)
    visitor = Visitor(Door(Wire(bank), doors.BASE_URL, doors.InProcess(bank)), key, keys[0])
    payments = visitor.call("GET", f"{visitor.account}/payment", params={"count": 200}).items
    assert 70 < len(payments) < 140
    assert [each["id"] for each in payments] == sorted((p["id"] for p in payments), reverse=True)
    created = [each["created"] for each in payments]
    assert created == sorted(created, reverse=True)
    path = f"/user/{visitor.session.user_id}/event"
    assert list(visitor.call("GET", path).items[0]["object"]) == ["Payment"]


def test_what_finds_payments_is_there_after_people(bank: Bank) -> None:
    """Written in bulk or given up half way: a list of payments or events is found, not searched."""

    def searched() -> bool:
        plans = [
            bank.ledger.rows(f"EXPLAIN QUERY PLAN SELECT * FROM {table} WHERE {column} = 1")
            for table, column in (("entry", "account_id"), ("event", "person_id"))
        ]
        return any(row["detail"].startswith("SCAN") for plan in plans for row in plan)

    assert not searched()
    bank.people(3, years=0.1)
    assert not searched()
    with pytest.raises(OverflowError):
        bank.people(3, years=10_000)
    assert not searched()


def test_people_live_with_each_other(bank: Bank, key: KeyPair) -> None:
    """They pay, split bills, get money back, and pay the invoices of companies; some wait.

    What a request says and what was paid for it agree, on both sides.
    """
    keys = bank.people(20, years=0.5)
    rows = bank.ledger.rows("SELECT kind FROM person ORDER BY id DESC LIMIT 20")
    assert sorted(row["kind"] for row in rows) == ["UserCompany"] * 2 + ["UserPerson"] * 18
    insist_on_balance(bank)
    door = Door(Wire(bank), doors.BASE_URL, doors.InProcess(bank))
    person, company = Visitor(door, key, keys[0]), Visitor(door, key, keys[-1])
    paid = person.call("GET", f"{person.account}/payment", params={"count": 200}).items
    kinds = {(each["type"], each["sub_type"]) for each in paid}
    assert kinds >= {("MASTERCARD", "PAYMENT"), ("MASTERCARD", "REVERSAL"), ("BUNQ", "REQUEST")}
    path = f"{company.account}/request-inquiry"
    asked = company.call("GET", path, params={"count": 200}).items
    assert all(each["description"].startswith("Invoice 202") for each in asked)
    assert len({each["description"] for each in asked}) == len(asked)
    paid = company.call("GET", f"{company.account}/payment", params={"count": 200}).items
    got = {each["description"]: each["amount"] for each in paid if each["sub_type"] == "REQUEST"}
    accepted = [each for each in asked if each["status"] == "ACCEPTED"]
    assert {each["description"]: each["amount_responded"] for each in accepted} == got
    found = bank.ledger.rows("SELECT DISTINCT status FROM request ORDER BY status")
    assert [row["status"] for row in found] == ["ACCEPTED", "PENDING", "REJECTED"]
    events = company.call("GET", f"/user/{company.session.user_id}/event?count=200").items
    assert {"RequestInquiry", "Payment"} == {name for each in events for name in each["object"]}


def test_the_same_seed_gives_the_same_people() -> None:
    """Two banks of one seed have the same books after the same order; another seed differs."""

    def books(seed: int) -> list[tuple[Any, ...]]:
        bank = Bank(seed=seed, clock=Clock(tick=Frozen()))
        bank.people(10, years=0.2)
        told = bank.ledger.rows("SELECT * FROM request") + bank.ledger.rows("SELECT * FROM entry")
        bank.close()
        return [tuple(row) for row in told]

    assert books(1) == books(1) != books(2)
