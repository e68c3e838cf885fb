"""Many people and companies, written in bulk: a bank with traffic for a class.

Each has about 200 payments a year. People have a salary, rent and shops that sometimes refund a
payment; they pay each other, split bills by asking for a part, and get invoices from companies.
Some of these requests are refused, and some still wait.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from operator import itemgetter
from random import Random
from typing import NamedTuple

from bunqkit.sandbox.clock import wire_time
from bunqkit.sandbox.ledger import BankLedger
from bunqkit.sandbox.people import add_company, add_person, population
from bunqkit.security.redaction import Secret

_START_CENTS = 400_000
_MONTH = timedelta(days=30)
_DAY_S = 86_400
# One request in so many is refused, and one in so many still waits.
_REFUSED, _WAITING = 25, 30
_PEOPLE_PER_COMPANY = 10
_TRANSFER, _CARD = ("EBA_SCT", "SCT"), ("MASTERCARD", "PAYMENT")

# Person, account, created, updated, action, status, kind and id of the object.
_Event = tuple[int, int, str, str, str, str, str, int]


class _Plan(NamedTuple):
    """A planned payment. ``when`` and ``asked`` are seconds since the month began.

    ``asked`` is set if the payee asks for the money first.
    """

    payer: int
    payee: int
    when: int
    cents: int
    what: str
    types: tuple[str, str]
    asked: int | None = None


def add_people(ledger: BankLedger, number: int, years: float) -> list[Secret]:
    """Add users with years of payments behind them; return their API keys, people's first.

    Parameters
    ----------
    ledger
        The books.
    number, years
        The number of users, of whom one in ten is a company, and the length of their past.
    """
    return _Crowd(ledger, number, ledger.clock.now(), max(round(years * 12), 1)).write()


class _Crowd:
    """People and companies, and the outsiders that they deal with."""

    def __init__(self, ledger: BankLedger, number: int, end: datetime, months: int) -> None:
        self._ledger = ledger
        self._random = ledger.chance("crowd", ledger.next_id("draw"))
        self._months = months
        self._first = (end - months * _MONTH).replace(hour=0, minute=0, second=0, microsecond=0)
        self._begin_month(0)
        # A million times are put together from these texts.
        self._minutes = [f"{minute // 60:02d}:{minute % 60:02d}:" for minute in range(_DAY_S // 60)]
        self._seconds = [f"{second:02d}.000000" for second in range(60)]
        # By account: its owner, and the alias by which it is asked for money.
        self._owners: dict[int, int] = {}
        self._aliases: dict[int, str] = {}
        companies = number // _PEOPLE_PER_COMPANY
        self._people = [self._register(add_person(ledger)) for _ in range(number - companies)]
        self._companies = [self._register(add_company(ledger)) for _ in range(companies)]
        self._balances = dict.fromkeys([*self._people, *self._companies], _START_CENTS)
        self._invoices = dict.fromkeys(self._companies, 0)
        facts = population("crowd")
        self._bills = facts["bills"]
        self._bank = ledger.outsider(facts["bank"])
        self._employer = ledger.outsider(facts["employer"])
        self._landlord = ledger.outsider(facts["landlord"])
        self._supplier = ledger.outsider(facts["supplier"])
        self._tax_office = ledger.outsider(facts["tax_office"])
        self._shops = [(ledger.outsider(name), name) for name in facts["shops"]]

    def _register(self, person_id: int) -> int:
        """Note the owner and the alias of a new user's account; return the account's id."""
        row = self._ledger.row("SELECT * FROM account WHERE person_id = ?", person_id)
        assert row is not None
        alias = {"type": "IBAN", "value": row["iban"], "name": row["holder"]}
        self._owners[row["id"]], self._aliases[row["id"]] = person_id, json.dumps(alias)
        return int(row["id"])

    def write(self) -> list[Secret]:
        """Write everything, a month at a time; return the API keys."""
        start = [
            _Plan(self._bank, account, 0, _START_CENTS, "Start", _TRANSFER)
            for account in self._balances
        ]
        self._write(start, [])
        for month in range(self._months):
            self._begin_month(month)
            plans = [plan for account in self._people for plan in self._plan_person(account)]
            plans += [plan for account in self._companies for plan in self._plan_company(account)]
            plans.sort(key=itemgetter(2))
            paid: list[_Plan] = []
            unpaid: list[_Plan] = []
            for plan in plans:
                (paid if self._is_paid(plan) else unpaid).append(plan)
            self._write(paid, [plan for plan in unpaid if plan.asked is not None])
        return [Secret(self._ledger.add_api_key(person)) for person in self._owners.values()]

    def _begin_month(self, month: int) -> None:
        """Write the days of a month as texts: once, since formatting is slow."""
        days = [self._first + month * _MONTH + timedelta(days=day) for day in range(_MONTH.days)]
        self._days = [wire_time(day)[:11] for day in days]

    def _plan_person(self, account: int) -> Iterator[_Plan]:
        """Plan the month of a person."""
        random, salary = self._random, 180_000 + account % 90 * 1_000
        yield _Plan(self._employer, account, _draw_time(random, 25), salary, "Salary", _TRANSFER)
        when = _draw_time(random, 2)
        yield _Plan(account, self._landlord, when, salary * 2 // 5, "Rent", _TRANSFER)
        for _ in range(11):
            shop, name = random.choice(self._shops)
            when, cents = _draw_time(random, random.randrange(30)), random.randrange(250, 6_500)
            yield _Plan(account, shop, when, cents, name, _CARD)
        if random.randrange(4) == 0:
            # The last purchase is refunded, in full or in part.
            cents, refunded = random.randrange(100, cents + 1), when + _DAY_S
            if refunded < _MONTH.days * _DAY_S:
                yield _Plan(shop, account, refunded, cents, name, ("MASTERCARD", "REVERSAL"))
        friend = random.choice(self._people)
        if friend != account:
            when, cents = _draw_time(random, random.randrange(30)), random.randrange(500, 4_000)
            yield _Plan(account, friend, when, cents, "Thanks", ("BUNQ", "PAYMENT"))
        cents, what = random.randrange(500, 3_000), random.choice(self._bills)
        asked = _draw_time(random, random.randrange(20))
        for friend in {random.choice(self._people) for _ in range(2)} - {account}:
            yield self._plan_request(account, friend, asked, cents, what)
        if self._companies:
            company = random.choice(self._companies)
            self._invoices[company] += 1
            asked = _draw_time(random, random.randrange(18))
            cents = random.randrange(1_500, 12_000)
            what = f"Invoice {self._days[0][:4]}-{self._invoices[company]:04d}"
            yield self._plan_request(company, account, asked, cents, what)

    def _plan_company(self, account: int) -> Iterator[_Plan]:
        """Plan the month of a company."""
        random = self._random
        for day in (3, 10, 17, 24):
            when, cents = _draw_time(random, day), random.randrange(3_000, 12_000)
            yield _Plan(account, self._supplier, when, cents, "Supplies", _TRANSFER)
        when, cents = _draw_time(random, 28), random.randrange(5_000, 20_000)
        yield _Plan(account, self._tax_office, when, cents, "VAT", _TRANSFER)

    def _plan_request(self, payee: int, payer: int, asked: int, cents: int, what: str) -> _Plan:
        """Plan a request, which is answered within two days."""
        when = asked + self._random.randrange(600, 170_000)
        return _Plan(payer, payee, when, cents, what, ("BUNQ", "REQUEST"), asked)

    def _is_paid(self, plan: _Plan) -> bool:
        """Update the balances of users; return False if the payment is not made."""
        payer, payee, cents = plan.payer, plan.payee, plan.cents
        if plan.asked is not None and (cents % _REFUSED == 0 or cents % _WAITING == 0):
            return False
        if payer in self._balances:
            if self._balances[payer] < cents:
                return False
            self._balances[payer] -= cents
        if payee in self._balances:
            self._balances[payee] += cents
        return True

    def _write(self, paid: list[_Plan], unpaid: list[_Plan]) -> None:
        """Write movements and requests in bulk, with the events of both sides."""
        ledger, first = self._ledger, self._ledger.reserve("movement", len(paid))
        rows: list[tuple[object, ...]] = []
        events: list[_Event] = []
        for number, plan in enumerate(paid, first):
            payer, payee, when, cents, what, types, _ = plan
            at = self._time_text(when)
            rows.append((number, payer, payee, at, cents, "EUR", what, *types, "{}"))
            for account, payment in ((payer, 2 * number), (payee, 2 * number + 1)):
                if account in self._owners:
                    events.append(
                        _event(self._owners[account], account, (at, at), ("Payment", payment))
                    )
        ledger.insert_many(f"INSERT INTO movement VALUES ({_marks(10)})", rows)
        events += self._write_requests(
            [(plan, "ACCEPTED") for plan in paid if plan.asked]
            + [(p, "REJECTED" if p.cents % _REFUSED == 0 else "PENDING") for p in unpaid]
        )
        events.sort(key=itemgetter(2))
        first = ledger.reserve("event", len(events))
        ledger.insert_many(
            f"INSERT INTO event VALUES ({_marks(9)})",
            ((number, *event) for number, event in enumerate(events, first)),
        )

    def _time_text(self, seconds: int) -> str:
        day, second = divmod(seconds, _DAY_S)
        minute, second = divmod(second, 60)
        return self._days[day] + self._minutes[minute] + self._seconds[second]

    def _write_requests(self, requests: list[tuple[_Plan, str]]) -> list[_Event]:
        """Store money requests, oldest first; return the events of those who ask and are asked."""
        requests.sort(key=lambda request: request[0].asked or request[0].when)
        ledger = self._ledger
        first = ledger.reserve("request", len(requests))
        first_response = ledger.reserve("request-response", len(requests))
        rows: list[tuple[object, ...]] = []
        events: list[_Event] = []
        for place, (plan, status) in enumerate(requests):
            payer, payee, when, cents, what, _, asked = plan
            number, response = first + place, first_response + place
            at = self._time_text(asked or when)
            answered = None if status == "PENDING" else self._time_text(when)
            responded_cents = cents if status == "ACCEPTED" else None
            sides = (number, response, payee, at, answered or at, answered, payer)
            amounts = (cents, responded_cents, "EUR")
            rows.append((*sides, self._aliases[payer], *amounts, what, status, "{}"))
            times = (at, answered or at)
            waits = "AWAITING_REPLY" if answered is None else "FINALIZED"
            events += (
                _event(self._owners[payee], payee, times, ("RequestInquiry", number)),
                _event(self._owners[payer], payer, times, ("RequestResponse", response), waits),
            )
        ledger.insert_many(f"INSERT INTO request VALUES ({_marks(14)})", rows)
        return events


def _event(
    person: int,
    account: int,
    times: tuple[str, str],
    item: tuple[str, int],
    status: str = "FINALIZED",
) -> _Event:
    """Return the row of an event, without its id."""
    action = "CREATE" if times[0] == times[1] else "UPDATE"
    return (person, account, *times, action, status, *item)


def _marks(count: int) -> str:
    return ", ".join("?" * count)


def _draw_time(random: Random, day: int) -> int:
    return day * _DAY_S + random.randrange(25_000, 80_000)
