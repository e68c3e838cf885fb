"""Many people and companies with plain lives, written in bulk: a living bank for a class.

About 200 payments for each and year. People have a salary, rent and shops that now and then give
money back; they pay each other, split bills by asking for their part, and get invoices of
companies, which live on them. Of what is asked a part is refused or still waits.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from operator import itemgetter
from random import Random
from typing import NamedTuple

from bunqkit.sandbox.clock import wire_time
from bunqkit.sandbox.ledger import Ledger
from bunqkit.sandbox.people import add_company, add_person
from bunqkit.security.redaction import Secret

_SHOPS = ("Buurtsuper", "Marktplein Supermarkt", "Railreis", "Koffiehuis Noord", "Boekhandel Ster")
_BILLS = ("Half of dinner", "My part of the tickets", "Groceries for Saturday", "Present for Mum")
_START_CENTS = 400_000
_MONTH = timedelta(days=30)
_DAY_S = 86_400
# Of so many who are asked, one says no, and one has not answered yet.
_REFUSE, _WAIT = 25, 30
_PEOPLE_TO_A_COMPANY = 10


# Person, account, created, updated, action, status, kind and id of the object.
_Event = tuple[int, int, str, str, str, str, str, int]


class _Move(NamedTuple):
    """Money that somebody means to pay, and when they were asked for it, if they were.

    Times are seconds from the midnight with which the month begins.
    """

    payer: int
    payee: int
    when: int
    cents: int
    what: str
    kind: str
    sub_kind: str
    asked: int | None = None


def add_people(ledger: Ledger, number: int, years: float) -> list[Secret]:
    """Write users with years of payments behind them; give their API keys, people's first.

    Parameters
    ----------
    ledger
        The books.
    number, years
        How many users, of whom each tenth is a company, and how long their past is, up to now.
    """
    return _Crowd(ledger, number, ledger.clock.now(), max(round(years * 12), 1)).live()


class _Crowd:
    """People and companies, and those whom they deal with."""

    def __init__(self, ledger: Ledger, number: int, end: datetime, months: int) -> None:
        self._ledger = ledger
        self._luck = ledger.chance("crowd", ledger.next_id("draw"))
        self._months = months
        self._first = (end - months * _MONTH).replace(hour=0, minute=0, second=0, microsecond=0)
        self._begin(0)
        # A million times are put together from these.
        self._minutes = [f"{minute // 60:02d}:{minute % 60:02d}:" for minute in range(_DAY_S // 60)]
        self._seconds = [f"{second:02d}.000000" for second in range(60)]
        self._owners: dict[int, int] = {}
        # How each is asked.
        self._aliases: dict[int, str] = {}
        companies = number // _PEOPLE_TO_A_COMPANY
        self._people = [self._enrol(add_person(ledger)) for _ in range(number - companies)]
        self._companies = [self._enrol(add_company(ledger)) for _ in range(companies)]
        self._accounts = [*self._people, *self._companies]
        self._balances = dict.fromkeys(self._accounts, _START_CENTS)
        self._invoices = dict.fromkeys(self._companies, 0)
        self._bank = ledger.outsider("My old account")
        self._employer = ledger.outsider("Waterland Software BV")
        self._landlord = ledger.outsider("Woonstichting De Gracht")
        self._supplier = ledger.outsider("Groothandel Zuid")
        self._taxes = ledger.outsider("Belastingdienst")
        self._shops = [(ledger.outsider(name), name) for name in _SHOPS]

    def _enrol(self, person_id: int) -> int:
        """Give the account of somebody new."""
        row = self._ledger.row("SELECT * FROM account WHERE person_id = ?", person_id)
        assert row is not None
        alias = {"type": "IBAN", "value": row["iban"], "name": row["holder"]}
        self._owners[row["id"]], self._aliases[row["id"]] = person_id, json.dumps(alias)
        return int(row["id"])

    def live(self) -> list[Secret]:
        """Write all of it, a month at a time; give the API keys."""
        start = [
            _Move(self._bank, account, 0, _START_CENTS, "Start", "EBA_SCT", "SCT")
            for account in self._accounts
        ]
        self._write(start, [])
        for month in range(self._months):
            self._begin(month)
            planned = [move for each in self._people for move in self._month(each)]
            planned += [move for each in self._companies for move in self._trade(each)]
            planned.sort(key=itemgetter(2))
            paid: list[_Move] = []
            unpaid: list[_Move] = []
            for move in planned:
                (paid if self._settle(move) else unpaid).append(move)
            self._write(paid, [move for move in unpaid if move.asked is not None])
        add = self._ledger.add_api_key
        return [Secret(add(person_id)) for person_id in self._owners.values()]

    def _begin(self, month: int) -> None:
        """Write the days of a month as they stand in its times: once, since it is slow."""
        days = [self._first + month * _MONTH + timedelta(days=day) for day in range(_MONTH.days)]
        self._days = [wire_time(day)[:11] for day in days]

    def _month(self, account: int) -> Iterator[_Move]:
        """Plan the month of a person."""
        luck, salary = self._luck, 180_000 + account % 90 * 1_000
        when = _on(luck, 25)
        yield _Move(self._employer, account, when, salary, "Salary", "EBA_SCT", "SCT")
        when = _on(luck, 2)
        yield _Move(account, self._landlord, when, salary * 2 // 5, "Rent", "EBA_SCT", "SCT")
        for _ in range(11):
            shop, name = luck.choice(self._shops)
            when, cents = _on(luck, luck.randrange(30)), luck.randrange(250, 6_500)
            yield _Move(account, shop, when, cents, name, "MASTERCARD", "PAYMENT")
        if luck.randrange(4) == 0:
            # What was bought last comes back, wholly or in part.
            cents, back = luck.randrange(100, cents + 1), when + _DAY_S
            if back < _MONTH.days * _DAY_S:
                yield _Move(shop, account, back, cents, name, "MASTERCARD", "REVERSAL")
        friend = luck.choice(self._people)
        if friend != account:
            when, cents = _on(luck, luck.randrange(30)), luck.randrange(500, 4_000)
            yield _Move(account, friend, when, cents, "Thanks", "BUNQ", "PAYMENT")
        cents, what = luck.randrange(500, 3_000), luck.choice(_BILLS)
        asked = _on(luck, luck.randrange(20))
        for friend in {luck.choice(self._people) for _ in "12"} - {account}:
            yield self._ask(account, friend, asked, cents, what)
        if self._companies:
            company = luck.choice(self._companies)
            self._invoices[company] += 1
            asked, cents = _on(luck, luck.randrange(18)), luck.randrange(1_500, 12_000)
            what = f"Invoice {self._days[0][:4]}-{self._invoices[company]:04d}"
            yield self._ask(company, account, asked, cents, what)

    def _trade(self, account: int) -> Iterator[_Move]:
        """Plan the month of a company."""
        luck = self._luck
        for day in (3, 10, 17, 24):
            when, cents = _on(luck, day), luck.randrange(3_000, 12_000)
            yield _Move(account, self._supplier, when, cents, "Supplies", "EBA_SCT", "SCT")
        when = _on(luck, 28)
        yield _Move(
            account, self._taxes, when, luck.randrange(5_000, 20_000), "VAT", "EBA_SCT", "SCT"
        )

    def _ask(self, payee: int, payer: int, asked: int, cents: int, what: str) -> _Move:
        """Plan a request, which is answered within two days."""
        when = asked + self._luck.randrange(600, 170_000)
        return _Move(payer, payee, when, cents, what, "BUNQ", "REQUEST", asked)

    def _settle(self, move: _Move) -> bool:
        """Keep the balances of users in step; say whether it is paid at all."""
        payer, payee, cents = move.payer, move.payee, move.cents
        if move.asked is not None and (cents % _REFUSE == 0 or cents % _WAIT == 0):
            return False
        if payer in self._balances:
            if self._balances[payer] < cents:
                return False
            self._balances[payer] -= cents
        if payee in self._balances:
            self._balances[payee] += cents
        return True

    def _write(self, paid: list[_Move], unpaid: list[_Move]) -> None:
        """Write movements and requests in bulk, with the events of both sides."""
        ledger, first = self._ledger, self._ledger.reserve("movement", len(paid))
        rows: list[tuple[object, ...]] = []
        events: list[_Event] = []
        for number, move in enumerate(paid, first):
            payer, payee, when, cents, what, kind, sub_kind, _ = move
            at = self._write_time(when)
            rows.append((number, payer, payee, at, cents, "EUR", what, kind, sub_kind, "{}"))
            for account, side in ((payer, 2 * number), (payee, 2 * number + 1)):
                if account in self._owners:
                    events.append(_event(self._owners[account], account, at, at, "Payment", side))
        ledger.insert_many("INSERT INTO movement VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", rows)
        events += self._write_requests(
            [(move, "ACCEPTED") for move in paid if move.asked]
            + [(m, "REJECTED" if m.cents % _REFUSE == 0 else "PENDING") for m in unpaid]
        )
        events.sort(key=itemgetter(2))
        at_event = ledger.reserve("event", len(events))
        ledger.insert_many(
            "INSERT INTO event VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            ((number, *event) for number, event in enumerate(events, at_event)),
        )

    def _write_time(self, seconds: int) -> str:
        day, second = divmod(seconds, _DAY_S)
        minute, second = divmod(second, 60)
        return self._days[day] + self._minutes[minute] + self._seconds[second]

    def _write_requests(self, told: list[tuple[_Move, str]]) -> list[_Event]:
        """Write requests in the order of their asking; give the events of both sides."""
        told.sort(key=lambda one: one[0].asked or one[0].when)
        ledger = self._ledger
        first = ledger.reserve("request", len(told))
        response = ledger.reserve("request-response", len(told))
        rows: list[tuple[object, ...]] = []
        events: list[_Event] = []
        for number, (move, status) in enumerate(told, first):
            payer, payee, when, cents, what, _, _, asked = move
            other, at, answered = response + number - first, self._write_time(asked or when), None
            if status != "PENDING":
                answered = self._write_time(when)
            given = cents if status == "ACCEPTED" else None
            sides = (number, other, payee, at, answered or at, answered, payer)
            rows.append((*sides, self._aliases[payer], cents, given, "EUR", what, status, "{}"))
            last = answered or at
            waits = "AWAITING_REPLY" if answered is None else "FINALIZED"
            asker, debtor = self._owners[payee], self._owners[payer]
            events += (
                _event(asker, payee, at, last, "RequestInquiry", number),
                _event(debtor, payer, at, last, "RequestResponse", other, waits),
            )
        ledger.insert_many(
            "INSERT INTO request VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", rows
        )
        return events


def _event(  # noqa: PLR0917 (a row)
    person: int,
    account: int,
    created: str,
    updated: str,
    kind: str,
    number: int,
    status: str = "FINALIZED",
) -> _Event:
    action = "CREATE" if created == updated else "UPDATE"
    return person, account, created, updated, action, status, kind, number


def _on(luck: Random, day: int) -> int:
    return day * _DAY_S + luck.randrange(25_000, 80_000)
