"""The bank's books: people, their accounts, and double entries in whole cents.

Knows money and nothing of HTTP or JSON on the wire. Every movement is one row whose
two entries the schema writes; people outside the bank have accounts in the books too, which are
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
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

from bunqkit.errors import BunqkitError
from bunqkit.sandbox.clock import Clock, read_time, wire_time
from bunqkit.sandbox.image import copy_into, create_file
from bunqkit.sandbox.refusal import not_found, refuse
from bunqkit.sandbox.schema import FINDERS, KEPT, SCHEMA, VERSION
from bunqkit.security.private_files import make_database_private

# First ids of each kind, of the size that the sandbox gives (dossier: users near 1.8 million).
_FIRST = {
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
# What SQLite takes for a database without a file.
_IN_MEMORY = ("", ":memory:")
_MOST = 10**17
_MOST_KNOWN = 10_000


EXTERNAL = "MonetaryAccountExternal"
"""How the kinds of accounts begin that are a person's and kept at another bank."""


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
    image
        Returns the database that new books start from, as ``image`` gives it; by default they
        start empty. Books that are there already stay as they are.
    """

    def __init__(
        self, path: str, *, seed: int, clock: Clock, image: Callable[[], bytes] | None = None
    ) -> None:
        self.seed = seed
        self.clock = clock
        self._lock = threading.RLock()
        self._depth = 0
        self._known: dict[tuple[str, int], Any] = {}
        is_in_memory = path in _IN_MEMORY
        if image is not None and not is_in_memory and not Path(path).exists():
            create_file(Path(path), image())
        self._db = self._open(path)
        if image is not None and is_in_memory:
            copy_into(self._db, image())

    def _open(self, path: str) -> sqlite3.Connection:
        db = None
        try:
            db = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
            db.row_factory = sqlite3.Row
            version = db.execute("PRAGMA user_version").fetchone()[0]
            if version in (0, VERSION):
                if path not in _IN_MEMORY:
                    # Before anything secret is written.
                    make_database_private(path)
                db.execute("PRAGMA foreign_keys = ON")
                # With a log a killed process loses nothing that was committed; only a loss of
                # power may take the last moments, and never half of a movement.
                db.execute("PRAGMA journal_mode = WAL")
                db.execute("PRAGMA synchronous = NORMAL")
            if version == 0:
                db.executescript(
                    f"BEGIN IMMEDIATE; {SCHEMA} PRAGMA user_version = {VERSION}; COMMIT;"
                )
        except (OSError, sqlite3.DatabaseError) as error:
            if db is not None:
                db.close()
            raise BunqkitError(
                f"{path} can't be opened as the books of a bank ({error}). Give another file, in a "
                "folder that is there."
            ) from error
        if version not in (0, VERSION):
            db.close()
            raise BunqkitError(
                f"{path} holds the books of another version of the bank. Give another file."
            )
        return db

    def image(self) -> bytes:
        """Return the whole database as the bytes of an SQLite file."""
        with self._lock:
            return self._db.serialize()

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
                    self._known.clear()
                    self._db.execute("ROLLBACK")
                raise
            self._depth -= 1
            if outermost:
                self._db.execute("COMMIT")

    @contextlib.contextmanager
    def attempt(self) -> Iterator[None]:
        """Keep all of the block or none of it, inside a transaction that goes on either way."""
        with self.transaction():
            self._db.execute("SAVEPOINT attempt")
            try:
                yield
            except BaseException:
                self._known.clear()
                self._db.execute("ROLLBACK TO attempt")
                raise
            finally:
                self._db.execute("RELEASE attempt")

    def close(self) -> None:
        """Close the file, when nobody reads or writes any more."""
        with self._lock:
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
        if table in ("account", "person"):
            self._known.clear()
        marks = ", ".join(f"{name} = ?" for name in values)
        self._db.execute(f"UPDATE {table} SET {marks} WHERE id = ?", (*values.values(), number))

    def insert_many(self, statement: str, rows: Iterable[tuple[object, ...]]) -> None:
        """Write many rows by one statement."""
        self._db.executemany(statement, rows)

    @contextlib.contextmanager
    def in_bulk(self) -> Iterator[None]:
        """Write very many rows in the block: what finds them is made at its end, all at once."""
        for name in FINDERS:
            self._db.execute(f"DROP INDEX {name}")
        yield
        for statement in FINDERS.values():
            self._db.execute(statement)

    def execute(self, statement: str, *values: object) -> None:
        """Change rows by a statement of one's own."""
        self._known.clear()
        self._db.execute(statement, values)

    def delete(self, table: str, number: object) -> None:
        """Take out one row."""
        self._db.execute(f"DELETE FROM {table} WHERE id = ?", (number,))

    def recall(self, thing: tuple[str, int], make: Callable[[], _T]) -> _T:
        """Give what was made of a row before, until a row is changed.

        A list of 200 payments names the same few accounts; reading them anew took most of its time.
        """
        if thing not in self._known:
            if len(self._known) >= _MOST_KNOWN:
                self._known.clear()
            self._known[thing] = make()
        known: _T = self._known[thing]
        return known

    def next_id(self, kind: str) -> int:
        """Give the next id of a kind; ids of a kind only grow."""
        return self.reserve(kind, 1)

    def reserve(self, kind: str, count: int) -> int:
        """Give the first of so many ids of a kind."""
        row = self.row("SELECT last FROM sequence WHERE kind = ?", kind)
        number = int(row["last"]) + 1 if row else _FIRST[kind]
        last = number + count - 1
        self._db.execute("INSERT OR REPLACE INTO sequence VALUES (?, ?)", (kind, last))
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
        """Write an account, of a person or (``None``) of somebody outside; give the id."""
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
            iban=iban or self._new_iban("BUNQ", self.chance("iban", number)),
            holder=holder,
            description=description,
            currency=currency,
            status="ACTIVE",
            sub_status="NONE",
            details=json.dumps(details or {}),
        )
        return number

    def add_co_owner(self, account_id: int, person_id: int, status: str) -> None:
        """Write that an account is also somebody else's, or shall be."""
        self._known.clear()
        self.insert("co_owner", account_id=account_id, person_id=person_id, status=status)

    def outsider(
        self,
        holder: str,
        *,
        iban: str | None = None,
        currency: str = "EUR",
        details: dict[str, Any] | None = None,
    ) -> int:
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
            details=details,
        )

    def move(
        self, source_id: int, target_id: int, movement: Movement, *, at: datetime | None = None
    ) -> tuple[int, int]:
        """Move money in one transaction; give the ids of the payment made and the one got.

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
            if source["person_id"] is not None and source["kind"].startswith(EXTERNAL):
                raise refuse(400, "Money can't be paid from an account at another bank.")
            if "CANCELLED" in (source["status"], target["status"]):
                raise refuse(400, "One of the two accounts is closed.")
            if source["status"] == "BLOCKED" or "COMPLETELY" in (
                source["sub_status"],
                target["sub_status"],
            ):
                raise refuse(400, "One of the two accounts is blocked.")
            # The largest number that SQLite can keep, less than the sugar daddy will ever have.
            if target["balance"] + movement.cents > _MOST:
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
        text, number = f"sandbox_{secrets.token_hex(32)}", self.next_id("credential")
        now = self.clock.now()
        expires = lifetime and wire_time(now + lifetime)
        self.insert(
            "api_key",
            text=text,
            id=number,
            person_id=person_id,
            created=wire_time(now),
            expires=expires,
        )
        if expires is not None:
            self.insert("agenda", due=expires, kind="api key", object_id=number)
        return text

    def bind_api_key(self, text: str) -> None:
        """Keep a key for good: it is in use. What a provider has ends when it was said to."""
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
        """Give when the last movement or session was written, or where the clock was moved to."""
        row = self.row(
            "SELECT MAX(created) AS last FROM (SELECT MAX(created) AS created FROM movement "
            "UNION ALL SELECT MAX(created) FROM session "
            "UNION ALL SELECT text FROM fact WHERE name = 'time')"
        )
        last = row and row["last"]
        return read_time(last) if last else None

    def wipe(self, seed: int) -> None:
        """Forget everything, and draw from another seed from now on."""
        self.seed = seed
        self._known.clear()
        kept = ("entry_stays", "movement_stays")
        for trigger in kept:
            self._db.execute(f"DROP TRIGGER {trigger}")
        self._db.execute("PRAGMA defer_foreign_keys = ON")
        for row in self.rows("SELECT name FROM sqlite_master WHERE type = 'table'"):
            self._db.execute(f"DELETE FROM {row['name']}")
        for trigger in kept:
            self._db.execute(KEPT[trigger])

    def imbalance(self) -> dict[str, int]:
        """Give what is wrong with the books, each with its number: all are zero, always.

        The sum of the entries of each currency, the balances that differ from the sum of their
        entries, and the movements that lack one of their two entries.
        """
        found = self.rows(
            "SELECT currency, SUM(entry.cents) AS number FROM entry JOIN movement "
            "ON movement.id = movement_id GROUP BY currency UNION ALL "
            "SELECT 'wrong balances', COUNT(*) FROM account LEFT JOIN (SELECT account_id, "
            "SUM(cents) AS cents FROM entry GROUP BY account_id) ON account_id = account.id "
            "WHERE balance <> COALESCE(cents, 0) UNION ALL "
            "SELECT 'half movements', (SELECT COUNT(*) * 2 FROM movement) - "
            "(SELECT COUNT(*) FROM entry)"
        )
        return {row["currency"]: row["number"] for row in found}

    def new_uuid(self, kind: str, number: int) -> str:
        """Give the uuid of one thing, decided by the seed."""
        return str(uuid.UUID(int=self.chance(f"uuid/{kind}", number).getrandbits(128), version=4))

    def new_iban(self, bank: str, number: int) -> str:
        """Give an IBAN that nobody has, at a bank of choice."""
        return self._new_iban(bank, self.chance("iban", number))

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
