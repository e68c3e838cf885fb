"""The bank's books: people, their accounts, and double entries in whole cents.

This module knows money, and nothing of HTTP or of JSON on the wire. Each movement is one row, and
the triggers of ``schema.sql`` write its two entries. People outside the bank have accounts in the
books too; only these may be overdrawn.
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
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

from bunqkit.errors import BunqkitError
from bunqkit.sandbox.clock import Clock, read_time, wire_time
from bunqkit.sandbox.image import copy_into, create_file
from bunqkit.sandbox.refusal import not_found, refuse
from bunqkit.security.private_files import make_database_private

# Stands in the file; a bank does not open the books of another version.
_VERSION = 2
# The first id of each kind, as large as those of bunq's sandbox (users are near 1.8 million).
_FIRST_IDS = {
    "person": 1_822_179,
    "account": 1_759_986,
    "movement": 5_054_432,
    "request": 712_859,
    "request-response": 904_117,
    "installation": 53_001,
    "token": 25_536_694,
    "device": 35_007,
    "credential": 41_230,
    "permitted-ip": 48_611,
    "thing": 210_334,
    "file": 88_752,
    # Above 2^31: clients that keep ids in 32 bits have failed on the real ones.
    "event": 6_789_012_345,
    "callback": 1,
    "draw": 1,
}
_T = TypeVar("_T")
# Paths that SQLite takes for a database without a file.
_IN_MEMORY = ("", ":memory:")
# SQLite's integers end at 9.2e18; the sugar daddy has less than this.
_MOST_CENTS = 10**17
_MOST_CACHED = 10_000
_OUTSIDE_BANKS = ("ABNA", "INGB", "RABO", "TRIO")
# Dropped while all users are deleted, and while very many rows are written.
_DELETE_GUARDS = ("movement_stays", "entry_stays")
_BULK_INDEXES = ("entry_of_account", "event_of_person")

EXTERNAL = "MonetaryAccountExternal"
"""The start of the kinds of accounts that a person has at another bank."""


@dataclass(frozen=True)
class Movement:
    """An amount that moves from one account to another, and how both sides see it."""

    cents: int
    description: str
    type: str = "BUNQ"
    sub_type: str = "PAYMENT"
    details: dict[str, Any] | None = None


class BankLedger:
    """The books in one SQLite file, or in memory.

    Parameters
    ----------
    path
        A file, or ``:memory:``.
    seed
        Decides ids, IBANs, names and everything else that is not secret.
    clock
        The bank's time.
    image
        Returns the database that new books start from, as the method ``image`` makes it. By
        default new books are empty. Existing books stay as they are.
    """

    def __init__(
        self, path: str, *, seed: int, clock: Clock, image: Callable[[], bytes] | None = None
    ) -> None:
        self.seed = seed
        self.clock = clock
        self._lock = threading.RLock()
        self._depth = 0
        self._cache: dict[tuple[str, int], Any] = {}
        is_in_memory = path in _IN_MEMORY
        if image is not None and not is_in_memory and not Path(path).exists():
            create_file(Path(path), image())
        self._db = self._open(path, image() if image is not None and is_in_memory else None)

    def _open(self, path: str, image: bytes | None) -> sqlite3.Connection:
        db = None
        try:
            db = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
            db.row_factory = sqlite3.Row
            if image is not None:
                copy_into(db, image)
            _prepare(db, path)
        except (OSError, sqlite3.DatabaseError) as error:
            if db is not None:
                db.close()
            raise BunqkitError(
                f"{path} can't be opened as the books of a bank ({error}). Give another file, in a "
                "folder that exists."
            ) from error
        return db

    def image(self) -> bytes:
        """Return the whole database as the bytes of an SQLite file."""
        with self._lock:
            return self._db.serialize()

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        """Commit all of the block or none of it; one thread at a time."""
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
                    self._cache.clear()
                    self._db.execute("ROLLBACK")
                raise
            self._depth -= 1
            if outermost:
                self._db.execute("COMMIT")

    @contextlib.contextmanager
    def attempt(self) -> Iterator[None]:
        """Keep all of the block or none of it, inside a transaction that continues either way."""
        with self.transaction():
            self._db.execute("SAVEPOINT attempt")
            try:
                yield
            except BaseException:
                self._cache.clear()
                self._db.execute("ROLLBACK TO attempt")
                raise
            finally:
                self._db.execute("RELEASE attempt")

    def close(self) -> None:
        """Close the file, as soon as no other thread reads or writes."""
        with self._lock:
            self._db.close()

    def rows(self, query: str, *values: object) -> list[sqlite3.Row]:
        """Return the rows of a query."""
        with self._lock:
            return self._db.execute(query, values).fetchall()

    def row(self, query: str, *values: object) -> sqlite3.Row | None:
        """Return the first row of a query, or ``None``."""
        with self._lock:
            row: sqlite3.Row | None = self._db.execute(query, values).fetchone()
            return row

    def insert(self, table: str, **values: object) -> None:
        """Insert one row."""
        names = ", ".join(values)
        marks = ", ".join("?" * len(values))
        self._db.execute(f"INSERT INTO {table} ({names}) VALUES ({marks})", tuple(values.values()))

    def update(self, table: str, number: object, **values: object) -> None:
        """Change one row."""
        if table in ("account", "person"):
            self._cache.clear()
        marks = ", ".join(f"{name} = ?" for name in values)
        self._db.execute(f"UPDATE {table} SET {marks} WHERE id = ?", (*values.values(), number))

    def insert_many(self, statement: str, rows: Iterable[tuple[object, ...]]) -> None:
        """Insert many rows by one statement."""
        self._db.executemany(statement, rows)

    @contextlib.contextmanager
    def in_bulk(self) -> Iterator[None]:
        """Write very many rows in the block; the large indexes are built once, at its end."""
        with self._without("INDEX", _BULK_INDEXES):
            yield

    @contextlib.contextmanager
    def _without(self, kind: str, names: tuple[str, ...]) -> Iterator[None]:
        """Drop indexes or triggers, and create them again after the block."""
        statements = [
            self.rows("SELECT sql FROM sqlite_master WHERE name = ?", name)[0]["sql"]
            for name in names
        ]
        for name in names:
            self._db.execute(f"DROP {kind} {name}")
        yield
        for statement in statements:
            self._db.execute(statement)

    def execute(self, statement: str, *values: object) -> None:
        """Change rows by a statement."""
        self._cache.clear()
        self._db.execute(statement, values)

    def delete(self, table: str, number: object) -> None:
        """Delete one row."""
        self._db.execute(f"DELETE FROM {table} WHERE id = ?", (number,))

    def recall(self, key: tuple[str, int], make: Callable[[], _T]) -> _T:
        """Return a cached value that is made from rows; any changed row clears the cache.

        A list of 200 payments names the same few accounts; reading them again took most of its
        time.
        """
        if key not in self._cache:
            if len(self._cache) >= _MOST_CACHED:
                self._cache.clear()
            self._cache[key] = make()
        value: _T = self._cache[key]
        return value

    def next_id(self, kind: str) -> int:
        """Return the next id of a kind; the ids of a kind only grow."""
        return self.reserve(kind, 1)

    def reserve(self, kind: str, count: int) -> int:
        """Reserve a number of ids of a kind; return the first."""
        row = self.row("SELECT last FROM sequence WHERE kind = ?", kind)
        number = int(row["last"]) + 1 if row else _FIRST_IDS[kind]
        last = number + count - 1
        self._db.execute("INSERT OR REPLACE INTO sequence VALUES (?, ?)", (kind, last))
        return number

    def chance(self, kind: str, number: int | str) -> random.Random:
        """Return the random numbers of one object: decided by seed, kind and id alone."""
        return random.Random(f"{self.seed}/{kind}/{number}")

    def fact(self, name: str) -> str | None:
        """Return a fact about the bank itself, such as its key, or ``None``."""
        row = self.row("SELECT text FROM fact WHERE name = ?", name)
        return str(row["text"]) if row else None

    def set_fact(self, name: str, text: str) -> None:
        """Write a fact about the bank itself."""
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
        """Add a person or a company; return the id."""
        number = self.next_id("person")
        self.insert(
            "person",
            id=number,
            uuid=self.new_uuid("person", number),
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
        kind: str = "MonetaryAccountBank",
        currency: str = "EUR",
        iban: str | None = None,
        details: dict[str, Any] | None = None,
        at: datetime | None = None,
    ) -> int:
        """Add an account; return its id. Without ``person_id`` it is outside the bank."""
        number = self.next_id("account")
        created = wire_time(at or self.clock.now())
        self.insert(
            "account",
            id=number,
            uuid=self.new_uuid("account", number),
            person_id=person_id,
            kind=kind,
            created=created,
            updated=created,
            iban=iban or self.new_iban("BUNQ", number),
            holder=holder,
            description=description,
            currency=currency,
            status="ACTIVE",
            sub_status="NONE",
            details=json.dumps(details or {}),
        )
        return number

    def add_co_owner(self, account_id: int, person_id: int, status: str) -> None:
        """Add a co-owner to an account, or an invitation to become one."""
        self._cache.clear()
        self.insert("co_owner", account_id=account_id, person_id=person_id, status=status)

    def outsider(
        self,
        holder: str,
        *,
        iban: str | None = None,
        currency: str = "EUR",
        details: dict[str, Any] | None = None,
    ) -> int:
        """Return the id of an account outside the bank; add the account if it is new."""
        column, value = ("holder", holder) if iban is None else ("iban", iban)
        row = self.row(
            f"SELECT id FROM account WHERE person_id IS NULL AND currency = ? AND {column} = ?",
            currency,
            value,
        )
        if row:
            return int(row["id"])
        random = self.chance("outsider", holder)
        return self.add_account(
            None,
            holder=holder,
            description="",
            currency=currency,
            iban=iban or self._draw_iban(random.choice(_OUTSIDE_BANKS), random),
            details=details,
        )

    def move(
        self, source_id: int, target_id: int, movement: Movement, *, at: datetime | None = None
    ) -> tuple[int, int]:
        """Move money in one transaction; return the ids of the outgoing and the incoming payment.

        Raises
        ------
        Refusal
            If the balance of the source is too low, or one of the two accounts is closed or
            blocked, or their currencies differ.
        """
        with self.transaction():
            source, target = self.account(source_id), self.account(target_id)
            is_inside = source["person_id"] is not None
            if source_id == target_id:
                raise refuse(400, "You can't pay to the account that you pay from.")
            if source["currency"] != target["currency"]:
                raise refuse(400, "The currencies of the two accounts differ.")
            if is_inside and source["balance"] < movement.cents:
                raise refuse(
                    400,
                    "The balance of this account is not sufficient for this payment.",
                    "Het saldo van deze rekening is niet toereikend voor deze betaling.",
                )
            if is_inside and source["kind"].startswith(EXTERNAL):
                raise refuse(400, "Money can't be paid from an account at another bank.")
            if "CANCELLED" in (source["status"], target["status"]):
                raise refuse(400, "One of the two accounts is closed.")
            sub_statuses = source["sub_status"], target["sub_status"]
            if source["status"] == "BLOCKED" or "COMPLETELY" in sub_statuses:
                raise refuse(400, "One of the two accounts is blocked.")
            if target["balance"] + movement.cents > _MOST_CENTS:
                raise refuse(400, "The balance of an account can't be that high.")
            number = self.next_id("movement")
            self.insert(
                "movement",
                id=number,
                payer_id=source_id,
                payee_id=target_id,
                created=wire_time(at or self.clock.now()),
                cents=movement.cents,
                currency=source["currency"],
                description=movement.description,
                type=movement.type,
                sub_type=movement.sub_type,
                details=json.dumps(movement.details or {}),
            )
            return 2 * number, 2 * number + 1

    def account(self, number: int) -> sqlite3.Row:
        """Return an account; raise a refusal if there is none."""
        row = self.row("SELECT * FROM account WHERE id = ?", number)
        if row is None:
            raise not_found("Monetary account", number)
        return row

    def person(self, number: int) -> sqlite3.Row:
        """Return a person or a company; raise a refusal if there is none."""
        row = self.row("SELECT * FROM person WHERE id = ?", number)
        if row is None:
            raise not_found("User", number)
        return row

    def account_behind(self, kind: str, value: str) -> sqlite3.Row | None:
        """Return the account of an alias; for e-mail and phone the oldest open one."""
        if kind == "IBAN":
            return self.row("SELECT * FROM account WHERE iban = ?", value)
        column = {"EMAIL": "email", "PHONE_NUMBER": "phone"}[kind]
        return self.row(
            f"SELECT account.* FROM account JOIN person ON person.id = person_id "
            f"WHERE {column} = ? AND account.status = 'ACTIVE' ORDER BY account.id LIMIT 1",
            value.lower(),
        )

    def add_api_key(self, person_id: int, *, lifetime: timedelta | None = None) -> str:
        """Create an API key; return its text. It expires unless it is bound within its lifetime."""
        text, number = f"sandbox_{secrets.token_hex(32)}", self.next_id("credential")
        now = self.clock.now()
        expires = lifetime and wire_time(now + lifetime)
        created = wire_time(now)
        self.insert(
            "api_key", text=text, id=number, person_id=person_id, created=created, expires=expires
        )
        if expires is not None:
            self.insert("agenda", due=expires, kind="api key", object_id=number)
        return text

    def bind_api_key(self, text: str) -> None:
        """Remove the expiry of a key that is in use. Keys of providers and consents keep theirs."""
        self._db.execute(
            "UPDATE api_key SET expires = NULL WHERE text = ? "
            "AND text NOT IN (SELECT api_key FROM consent WHERE api_key IS NOT NULL) AND person_id "
            "NOT IN (SELECT id FROM person WHERE kind = 'UserPaymentServiceProvider')",
            (text,),
        )
        self._db.execute(
            "DELETE FROM agenda WHERE kind = 'api key' AND object_id IN "
            "(SELECT id FROM api_key WHERE text = ? AND expires IS NULL)",
            (text,),
        )

    def last_time(self) -> datetime | None:
        """Return the time of the last movement, session or move of the clock."""
        row = self.row(
            "SELECT MAX(created) AS last FROM (SELECT MAX(created) AS created FROM movement "
            "UNION ALL SELECT MAX(created) FROM session "
            "UNION ALL SELECT text FROM fact WHERE name = 'time')"
        )
        last = row and row["last"]
        return read_time(last) if last else None

    def wipe(self, seed: int) -> None:
        """Delete everything, and use another seed from now on."""
        self.seed = seed
        self._cache.clear()
        with self._without("TRIGGER", _DELETE_GUARDS):
            self._db.execute("PRAGMA defer_foreign_keys = ON")
            for row in self.rows("SELECT name FROM sqlite_master WHERE type = 'table'"):
                self._db.execute(f"DELETE FROM {row['name']}")

    def imbalance(self) -> dict[str, int]:
        """Return what is wrong with the books, as numbers that must all be zero.

        They are the sum of all entries in each currency, the number of balances that differ from
        the sum of their entries, and the number of entries that movements lack.
        """
        rows = self.rows(
            "SELECT currency, SUM(entry.cents) AS number FROM entry JOIN movement "
            "ON movement.id = movement_id GROUP BY currency UNION ALL "
            "SELECT 'wrong balances', COUNT(*) FROM account LEFT JOIN (SELECT account_id, "
            "SUM(cents) AS cents FROM entry GROUP BY account_id) ON account_id = account.id "
            "WHERE balance <> COALESCE(cents, 0) UNION ALL "
            "SELECT 'half movements', (SELECT COUNT(*) * 2 FROM movement) - "
            "(SELECT COUNT(*) FROM entry)"
        )
        return {row["currency"]: row["number"] for row in rows}

    def new_uuid(self, kind: str, number: int) -> str:
        """Return the UUID of one object, decided by the seed."""
        return str(uuid.UUID(int=self.chance(f"uuid/{kind}", number).getrandbits(128), version=4))

    def new_iban(self, bank: str, number: int) -> str:
        """Return an unused IBAN at a bank, decided by the seed and a number."""
        return self._draw_iban(bank, self.chance("iban", number))

    def _draw_iban(self, bank: str, random: random.Random) -> str:
        while True:
            iban = make_iban(bank, random.randrange(1_000_000_000, 9_999_999_999))
            if self.row("SELECT 1 FROM account WHERE iban = ?", iban) is None:
                return iban


def _prepare(db: sqlite3.Connection, path: str) -> None:
    """Check the version of the books, and create the tables if they are new."""
    version = db.execute("PRAGMA user_version").fetchone()[0]
    if version not in (0, _VERSION):
        raise sqlite3.DatabaseError("these are the books of another version of the bank")
    if path not in _IN_MEMORY:
        # Before anything secret is written.
        make_database_private(path)
    db.execute("PRAGMA foreign_keys = ON")
    # With a write-ahead log a killed process loses nothing that was committed. Only a loss of power
    # may lose the last moments, and never half of a movement.
    db.execute("PRAGMA journal_mode = WAL")
    db.execute("PRAGMA synchronous = NORMAL")
    if version == 0:
        schema = Path(__file__).with_name("schema.sql").read_text(encoding="utf-8")
        db.executescript(f"BEGIN IMMEDIATE; {schema} PRAGMA user_version = {_VERSION}; COMMIT;")


def make_iban(bank: str, number: int) -> str:
    """Return a Dutch IBAN with correct check digits (ISO 7064, modulo 97)."""
    account = f"{bank}{number:010d}"
    return f"NL{98 - _remainder(account + 'NL00'):02d}{account}"


_IBAN = re.compile(r"[A-Z]{2}[0-9]{2}[A-Z0-9]{11,30}", re.ASCII)


def is_iban(text: str) -> bool:
    """Return True if a text has the form and the check digits of an IBAN (ISO 13616)."""
    return bool(_IBAN.fullmatch(text)) and _remainder(text[4:] + text[:4]) == 1


def _remainder(letters: str) -> int:
    return int("".join(str(int(letter, 36)) for letter in letters)) % 97
