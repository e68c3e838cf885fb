"""Many people with plain lives, written in bulk: for benchmarks, and to keep a class company.

About 200 payments for each person and year: a salary, rent, shops, and money between one another.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from random import Random

from bunqkit.redaction import Secret
from bunqkit.sandbox.clock import wire_time
from bunqkit.sandbox.ledger import Ledger
from bunqkit.sandbox.people import add_person

_SHOPS = ("Buurtsuper", "Marktplein Supermarkt", "Railreis", "Koffiehuis Noord", "Boekhandel Ster")
_START_CENTS = 400_000
_MONTH = timedelta(days=30)
# Payer, payee, instant, cents, description, type and sub-type.
_Move = tuple[int, int, datetime, int, str, str, str]


def add_people(ledger: Ledger, number: int, years: float) -> list[Secret]:
    """Write people with years of payments behind them; give their API keys.

    Parameters
    ----------
    ledger
        The books.
    number, years
        How many people, and how long their past is, up to now.
    """
    return _Crowd(ledger, number, ledger.clock.now(), max(round(years * 12), 1)).live()


class _Crowd:
    """People and those whom they deal with."""

    def __init__(self, ledger: Ledger, number: int, end: datetime, months: int) -> None:
        self._ledger = ledger
        self._luck = ledger.chance("crowd", ledger.next_id("draw"))
        self._months = months
        self._first = end - months * _MONTH
        self._owners: dict[int, int] = {}
        for _ in range(number):
            person_id = add_person(ledger)
            row = ledger.row("SELECT id FROM account WHERE person_id = ?", person_id)
            assert row is not None
            self._owners[row["id"]] = person_id
        self._accounts = list(self._owners)
        self._balances = dict.fromkeys(self._accounts, _START_CENTS)
        self._bank = ledger.outsider("My old account")
        self._employer = ledger.outsider("Waterland Software BV")
        self._landlord = ledger.outsider("Woonstichting De Gracht")
        self._shops = [(ledger.outsider(name), name) for name in _SHOPS]

    def live(self) -> list[Secret]:
        """Write all of it, a month at a time; give the API keys."""
        self._write(
            [
                (self._bank, account, self._first, _START_CENTS, "Start", "EBA_SCT", "SCT")
                for account in self._accounts
            ]
        )
        for month in range(self._months):
            start = self._first + month * _MONTH
            planned = [move for each in self._accounts for move in self._month(each, start)]
            planned.sort(key=lambda move: move[2])
            self._write([move for move in planned if self._afford(move)])
        add = self._ledger.add_api_key
        return [Secret(add(person_id)) for person_id in self._owners.values()]

    def _month(self, account: int, start: datetime) -> Iterator[_Move]:
        luck, salary = self._luck, 180_000 + account % 90 * 1_000
        when = _on(luck, start, 25)
        yield self._employer, account, when, salary, "Salary", "EBA_SCT", "SCT"
        when = _on(luck, start, 2)
        yield account, self._landlord, when, salary * 2 // 5, "Rent", "EBA_SCT", "SCT"
        for _ in range(12):
            shop, name = luck.choice(self._shops)
            when, cents = _on(luck, start, luck.randrange(30)), luck.randrange(250, 6_500)
            yield account, shop, when, cents, name, "MASTERCARD", "PAYMENT"
        for _ in range(3):
            friend = luck.choice(self._accounts)
            if friend != account:
                when, cents = _on(luck, start, luck.randrange(30)), luck.randrange(500, 4_000)
                yield account, friend, when, cents, "Half of dinner", "BUNQ", "PAYMENT"

    def _afford(self, move: _Move) -> bool:
        """Keep the balances of people in step; what somebody can't pay is left out."""
        payer, payee, _, cents, *_ = move
        if payer in self._balances:
            if self._balances[payer] < cents:
                return False
            self._balances[payer] -= cents
        if payee in self._balances:
            self._balances[payee] += cents
        return True

    def _write(self, moves: list[_Move]) -> None:
        """Write movements in bulk, with the events of both sides."""
        ledger, first = self._ledger, self._ledger.reserve("movement", len(moves))
        rows, events = [], []
        for number, (payer, payee, when, cents, what, kind, sub_kind) in enumerate(moves, first):
            created = wire_time(when)
            rows.append((number, payer, payee, created, cents, "EUR", what, kind, sub_kind, "{}"))
            for account, side in ((payer, 2 * number), (payee, 2 * number + 1)):
                if account in self._owners:
                    events.append((self._owners[account], account, created, created, side))
        ledger.insert_many("INSERT INTO movement VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", rows)
        at = ledger.reserve("event", len(events))
        ledger.insert_many(
            "INSERT INTO event VALUES (?, ?, ?, ?, ?, 'CREATE', 'FINALIZED', 'Payment', ?)",
            [(number, *event) for number, event in enumerate(events, at)],
        )


def _on(luck: Random, start: datetime, day: int) -> datetime:
    return start + timedelta(days=day, seconds=luck.randrange(25_000, 80_000))
