"""The bank's books: people, their accounts, and double entries in whole cents.

Knows money and nothing of HTTP or JSON on the wire. Every movement is one transaction of SQLite
with two legs that sum to zero; people outside the bank have accounts in the books too, which are
the only ones that may be overdrawn.
"""

from __future__ import annotations

import contextlib
import json
import random
import re
import secrets
import sqlite3
import threading
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from bunqkit.sandbox.clock import Clock, wire_time
from bunqkit.sandbox.refusal import not_found, refuse

_SCHEMA = """
CREATE TABLE IF NOT EXISTS fact (name TEXT PRIMARY KEY, text TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS sequence (kind TEXT PRIMARY KEY, last INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS person (
    id INTEGER PRIMARY KEY, uuid TEXT NOT NULL UNIQUE, kind TEXT NOT NULL, created TEXT NOT NULL,
    name TEXT NOT NULL, label TEXT NOT NULL, email TEXT UNIQUE, phone TEXT UNIQUE,
    session_timeout INTEGER NOT NULL DEFAULT 604800, details TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS account (
    id INTEGER PRIMARY KEY, uuid TEXT NOT NULL UNIQUE, person_id INTEGER REFERENCES person,
    created TEXT NOT NULL, updated TEXT NOT NULL, iban TEXT NOT NULL UNIQUE, holder TEXT NOT NULL,
    description TEXT NOT NULL, currency TEXT NOT NULL, balance INTEGER NOT NULL DEFAULT 0,
    status TEXT NOT NULL, sub_status TEXT NOT NULL, details TEXT NOT NULL,
    CHECK (person_id IS NULL OR balance >= 0));
CREATE TABLE IF NOT EXISTS leg (
    id INTEGER PRIMARY KEY, movement INTEGER NOT NULL, account_id INTEGER NOT NULL
    REFERENCES account, counter_id INTEGER NOT NULL REFERENCES account, created TEXT NOT NULL,
    cents INTEGER NOT NULL CHECK (cents <> 0), balance_after INTEGER NOT NULL,
    currency TEXT NOT NULL, description TEXT NOT NULL, type TEXT NOT NULL, sub_type TEXT NOT NULL,
    details TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS leg_of_account ON leg (account_id, id);
CREATE TABLE IF NOT EXISTS request (
    id INTEGER PRIMARY KEY, account_id INTEGER NOT NULL REFERENCES account,
    created TEXT NOT NULL, updated TEXT NOT NULL, responded TEXT, payer_id INTEGER
    REFERENCES account, alias TEXT NOT NULL, cents INTEGER NOT NULL CHECK (cents > 0),
    currency TEXT NOT NULL, description TEXT NOT NULL, status TEXT NOT NULL, details TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS api_key (
    text TEXT PRIMARY KEY, person_id INTEGER NOT NULL REFERENCES person, expires TEXT);
CREATE TABLE IF NOT EXISTS installation (
    id INTEGER PRIMARY KEY, token_id INTEGER NOT NULL, token TEXT NOT NULL UNIQUE,
    created TEXT NOT NULL, public_key TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS device (
    id INTEGER PRIMARY KEY, installation_id INTEGER NOT NULL UNIQUE REFERENCES installation,
    api_key TEXT NOT NULL REFERENCES api_key, created TEXT NOT NULL, description TEXT NOT NULL,
    addresses TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS session (
    id INTEGER PRIMARY KEY, token TEXT NOT NULL UNIQUE, installation_id INTEGER NOT NULL
    REFERENCES installation, person_id INTEGER NOT NULL REFERENCES person,
    created TEXT NOT NULL, expires TEXT NOT NULL);
"""

# First ids of each kind, of the size that the sandbox gives (dossier: users near 1.8 million).
_FIRST = {
    "person": 1_822_179,
    "account": 1_759_986,
    "leg": 10_108_864,
    "movement": 1,
    "request": 712_859,
    "installation": 53_001,
    "token": 25_536_694,
    "device": 35_007,
    "draw": 1,
}


@dataclass(frozen=True)
class Movement:
    """What moves from one account to another, and how it is told on both sides."""

    cents: int
    description: str
    type: str = "BUNQ"
    sub_type: str = "PAYMENT"
    details: dict[str, Any] | None = None


class Ledger:
    """The books on one SQLite file, or in memory.

    Parameters
    ----------
    path
        A file, or ``:memory:``.
    seed
        Decides ids, IBANs, names and everything else that is not secret.
    clock
        The bank's time.
    """

    def __init__(self, path: str, *, seed: int, clock: Clock) -> None:
        self.seed = seed
        self.clock = clock
        self._lock = threading.RLock()
        self._depth = 0
        self._db = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self._db.row_factory = sqlite3.Row
        self._db.execute("PRAGMA foreign_keys = ON")
        with self.transaction():
            for statement in _SCHEMA.split(";"):
                self._db.execute(statement)

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        """Keep all of the block or none of it; one thread at a time."""
        with self._lock:
            outermost = self._depth == 0
            if outermost:
                self._db.execute("BEGIN IMMEDIATE")
            self._depth += 1
            try:
                yield
            except BaseException:
                self._depth -= 1
                if outermost:
                    self._db.execute("ROLLBACK")
                raise
            self._depth -= 1
            if outermost:
                self._db.execute("COMMIT")

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def rows(self, query: str, *values: object) -> list[sqlite3.Row]:
        """Read rows."""
        with self._lock:
            return self._db.execute(query, values).fetchall()

    def row(self, query: str, *values: object) -> sqlite3.Row | None:
        """Read the first row, if there is one."""
        with self._lock:
            found: sqlite3.Row | None = self._db.execute(query, values).fetchone()
            return found

    def insert(self, table: str, **values: object) -> None:
        """Write one row."""
        names = ", ".join(values)
        marks = ", ".join("?" * len(values))
        self._db.execute(f"INSERT INTO {table} ({names}) VALUES ({marks})", tuple(values.values()))

    def update(self, table: str, number: object, **values: object) -> None:
        """Change one row."""
        marks = ", ".join(f"{name} = ?" for name in values)
        self._db.execute(f"UPDATE {table} SET {marks} WHERE id = ?", (*values.values(), number))

    def delete(self, table: str, number: object) -> None:
        """Take out one row."""
        self._db.execute(f"DELETE FROM {table} WHERE id = ?", (number,))

    def next_id(self, kind: str) -> int:
        """Give the next id of a kind; ids of a kind only grow."""
        row = self.row("SELECT last FROM sequence WHERE kind = ?", kind)
        number = int(row["last"]) + 1 if row else _FIRST[kind]
        self._db.execute("INSERT OR REPLACE INTO sequence VALUES (?, ?)", (kind, number))
        return number

    def chance(self, kind: str, number: int | str) -> random.Random:
        """Give the luck of one thing: decided by seed, kind and id, not by the order of calls."""
        return random.Random(f"{self.seed}/{kind}/{number}")  # noqa: S311 (no secret is drawn)

    def fact(self, name: str) -> str | None:
        """Read what the bank knows of itself, such as its key."""
        row = self.row("SELECT text FROM fact WHERE name = ?", name)
        return str(row["text"]) if row else None

    def set_fact(self, name: str, text: str) -> None:
        """Write what the bank knows of itself."""
        self._db.execute("INSERT OR REPLACE INTO fact VALUES (?, ?)", (name, text))

    def add_person(
        self,
        *,
        kind: str,
        name: str,
        label: str,
        email: str | None = None,
        phone: str | None = None,
        details: dict[str, Any] | None = None,
        at: datetime | None = None,
    ) -> int:
        """Write a person or company of the bank; give the id."""
        number = self.next_id("person")
        self.insert(
            "person",
            id=number,
            uuid=self._uuid("person", number),
            kind=kind,
            created=wire_time(at or self.clock.now()),
            name=name,
            label=label,
            email=email,
            phone=phone,
            details=json.dumps(details or {}),
        )
        return number

    def add_account(
        self,
        person_id: int | None,
        *,
        holder: str,
        description: str,
        currency: str = "EUR",
        iban: str | None = None,
        details: dict[str, Any] | None = None,
        at: datetime | None = None,
    ) -> int:
        """Write an account, of a person or (``None``) of somebody outside; give the id."""
        number = self.next_id("account")
        created = wire_time(at or self.clock.now())
        self.insert(
            "account",
            id=number,
            uuid=self._uuid("account", number),
            person_id=person_id,
            created=created,
            updated=created,
            iban=iban or self._new_iban("BUNQ", self.chance("iban", number)),
            holder=holder,
            description=description,
            currency=currency,
            status="ACTIVE",
            sub_status="NONE",
            details=json.dumps(details or {}),
        )
        return number

    def outsider(self, holder: str, *, iban: str | None = None, currency: str = "EUR") -> int:
        """Find or write the account of somebody outside the bank; give its id."""
        column, value = ("holder", holder) if iban is None else ("iban", iban)
        found = self.row(
            f"SELECT id FROM account WHERE person_id IS NULL AND currency = ? AND {column} = ?",
            currency,
            value,
        )
        if found:
            return int(found["id"])
        luck = self.chance("outsider", holder)
        return self.add_account(
            None,
            holder=holder,
            description="",
            currency=currency,
            iban=iban or self._new_iban(luck.choice(_BANKS), luck),
        )

    def move(
        self, source_id: int, target_id: int, movement: Movement, *, at: datetime | None = None
    ) -> tuple[int, int]:
        """Move money in one transaction; give the ids of the leg that pays and the one that gets.

        Raises
        ------
        Refusal
            If the source has too little, or one of the two is closed.
        """
        with self.transaction():
            source, target = self.account(source_id), self.account(target_id)
            if source_id == target_id:
                raise refuse(400, "You can't pay to the account that you pay from.")
            if source["currency"] != target["currency"]:
                raise refuse(400, "The currencies of the two accounts differ.")
            if source["person_id"] is not None and source["balance"] < movement.cents:
                raise refuse(
                    400,
                    "The balance of this account is not sufficient for this payment.",
                    "Het saldo van deze rekening is niet toereikend voor deze betaling.",
                )
            if "CANCELLED" in (source["status"], target["status"]):
                raise refuse(400, "One of the two accounts is closed.")
            together = self.next_id("movement")
            created = wire_time(at or self.clock.now())
            legs = []
            for mine, other, cents in (
                (source, target, -movement.cents),
                (target, source, movement.cents),
            ):
                balance = int(mine["balance"]) + cents
                number = self.next_id("leg")
                self.update("account", mine["id"], balance=balance)
                self.insert(
                    "leg",
                    id=number,
                    movement=together,
                    account_id=mine["id"],
                    counter_id=other["id"],
                    created=created,
                    cents=cents,
                    balance_after=balance,
                    currency=mine["currency"],
                    description=movement.description,
                    type=movement.type,
                    sub_type=movement.sub_type,
                    details=json.dumps(movement.details or {}),
                )
                legs.append(number)
            return legs[0], legs[1]

    def account(self, number: int) -> sqlite3.Row:
        """Read an account; refuse if there is none."""
        found = self.row("SELECT * FROM account WHERE id = ?", number)
        if found is None:
            raise not_found("Monetary account", number)
        return found

    def person(self, number: int) -> sqlite3.Row:
        """Read a person; refuse if there is none."""
        found = self.row("SELECT * FROM person WHERE id = ?", number)
        if found is None:
            raise not_found("User", number)
        return found

    def account_behind(self, kind: str, value: str) -> sqlite3.Row | None:
        """Find the account that an alias points at; for e-mail and phone the oldest open one."""
        if kind == "IBAN":
            return self.row("SELECT * FROM account WHERE iban = ?", value)
        column = {"EMAIL": "email", "PHONE_NUMBER": "phone"}[kind]
        return self.row(
            f"SELECT account.* FROM account JOIN person ON person.id = person_id "
            f"WHERE {column} = ? AND account.status = 'ACTIVE' ORDER BY account.id LIMIT 1",
            value.lower(),
        )

    def add_api_key(self, person_id: int, *, lifetime: timedelta | None = None) -> str:
        """Make an API key, lost unless it is bound within its lifetime; give its text."""
        text = f"sandbox_{secrets.token_hex(32)}"
        expires = lifetime and wire_time(self.clock.now() + lifetime)
        self.insert("api_key", text=text, person_id=person_id, expires=expires)
        return text

    def bind_api_key(self, text: str) -> None:
        """Keep a key for good: it is in use."""
        self._db.execute("UPDATE api_key SET expires = NULL WHERE text = ?", (text,))

    def imbalance(self) -> dict[str, int]:
        """Give, for each currency, the sum of all entries and of all balances: zero, both."""
        found = self.rows(
            "SELECT currency, SUM(cents) AS cents FROM leg GROUP BY currency UNION ALL "
            "SELECT currency || ' balances', SUM(balance) FROM account GROUP BY currency"
        )
        return {row["currency"]: row["cents"] for row in found}

    def _uuid(self, kind: str, number: int) -> str:
        return str(uuid.UUID(int=self.chance(f"uuid/{kind}", number).getrandbits(128), version=4))

    def _new_iban(self, bank: str, luck: random.Random) -> str:
        while True:
            iban = make_iban(bank, luck.randrange(1_000_000_000, 9_999_999_999))
            if self.row("SELECT 1 FROM account WHERE iban = ?", iban) is None:
                return iban


_BANKS = ("ABNA", "INGB", "RABO", "TRIO")


def make_iban(bank: str, number: int) -> str:
    """Give a Dutch IBAN with right check digits (ISO 7064, modulo 97)."""
    account = f"{bank}{number:010d}"
    return f"NL{98 - _remainder(account + 'NL00'):02d}{account}"


_IBAN = re.compile(r"[A-Z]{2}[0-9]{2}[A-Z0-9]{11,30}", re.ASCII)


def is_iban(text: str) -> bool:
    """Whether a text has the form and the check digits of an IBAN (ISO 13616)."""
    return bool(_IBAN.fullmatch(text)) and _remainder(text[4:] + text[:4]) == 1


def _remainder(letters: str) -> int:
    return int("".join(str(int(letter, 36)) for letter in letters)) % 97
