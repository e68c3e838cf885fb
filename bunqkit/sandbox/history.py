"""The demo person: two and a half years of payments, up to the bank's first day.

Several accounts, a salary that rises, rent, subscriptions that get dearer, groceries, travel
abroad, cash, refunds, bills shared with a friend, savings with interest. The last three months are
the densest, so that a first table has something to show. Names and amounts are in
``population.toml``.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from heapq import heappop, heappush
from typing import Any

from bunqkit.sandbox import scheduled_jobs
from bunqkit.sandbox.ledger import BankLedger, Movement
from bunqkit.sandbox.people import (
    draw_email,
    draw_name,
    draw_phone,
    open_account,
    population,
    shorten,
)
from bunqkit.sandbox.resources import interest
from bunqkit.sandbox.resources.card_use import CardUse, give_back, use_card
from bunqkit.sandbox.resources.cards import add_card
from bunqkit.sandbox.resources.events import record
from bunqkit.sandbox.resources.recurrence import next_quarter_day
from bunqkit.sandbox.resources.requests import accept_request, add_request
from bunqkit.sandbox.resources.wire import amount

_MONTHS = 30
_DENSE_WEEKS = 13
# By type of payment; payments between bunq accounts have none.
_SUB_TYPES = {"BUNQ": "PAYMENT", "EBA_SCT": "SCT", "EBA_SDD": "SDD", "IDEAL": "PAYMENT"}


def write_history(ledger: BankLedger) -> int:
    """Write the history of the demo person; return the person's id."""
    return _DemoHistory(ledger).write()


class _DemoHistory:
    """Plans everything first, then writes it in the order of time, so that ids follow it."""

    def __init__(self, ledger: BankLedger) -> None:
        self._ledger = ledger
        self._facts = population("history")
        self._random = ledger.chance("life", 0)
        self._end = ledger.clock.now()
        today = self._end.replace(hour=0, minute=0, second=0, microsecond=0)
        self._first_day = _month_after(today.replace(day=1), -_MONTHS)
        # When, a running number that decides between equal times, and what to do then.
        self._plan: list[tuple[datetime, int, Callable[..., object]]] = []
        self._planned = 0
        self._name = draw_name(self._random)
        friend = draw_name(self._random)
        main = self._add_person(self._name, "Main account")
        self._person_id = int(ledger.account(main)["person_id"])
        self._accounts = {"main": main, "pot": self._add_account("Holiday")}
        self._accounts["friend"] = self._add_person(friend, "bunq account")
        self._friend_id = int(ledger.account(self._accounts["friend"])["person_id"])
        self._savings = [
            self._add_account(
                goal["name"],
                kind="MonetaryAccountSavings",
                details={"savings_goal": amount(goal["goal"], "EUR")},
            )
            for goal in self._facts["savings"]
        ]
        for goal, account_id in zip(self._facts["savings"], self._savings, strict=True):
            self._accounts[goal["name"]] = account_id
        self._accounts["joint"] = self._add_account("Household", kind="MonetaryAccountJoint")
        for person_id in (self._person_id, self._friend_id):
            ledger.add_co_owner(self._accounts["joint"], person_id, "ACCEPTED")
        self._card = self._order_card()

    def write(self) -> int:
        """Write everything; return the person's id."""
        self._write_start()
        for month in range(_MONTHS + 1):
            self._plan_month(month)
        self._plan_weeks()
        self._plan_trips()
        self._plan_single_events()
        second_day = self._first_day + timedelta(days=1)
        while self._plan:
            when, _, act = heappop(self._plan)
            # What is done may plan what comes of it.
            if second_day < when < self._end:
                act(at=when)
        for account_id in self._savings:
            scheduled_jobs.plan(self._ledger, "interest", account_id, next_quarter_day(self._end))
        return self._person_id

    def _add_person(self, name: str, description: str) -> int:
        return open_account(
            self._ledger,
            name,
            shorten(name),
            draw_email(self._random),
            phone=draw_phone(self._ledger, self._ledger.chance("phone", name)),
            random=self._random,
            description=description,
            at=self._first_day,
        )

    def _add_account(
        self,
        description: str,
        *,
        kind: str = "MonetaryAccountBank",
        details: dict[str, Any] | None = None,
    ) -> int:
        return self._ledger.add_account(
            self._person_id,
            holder=shorten(self._name),
            description=description,
            kind=kind,
            details=details,
            at=self._first_day,
        )

    def _order_card(self) -> int:
        values = {
            "type": "MASTERCARD",
            "product_type": "MASTERCARD_DEBIT",
            "second_line": "Main account",
            "name_on_card": self._name,
            "status": "ACTIVE",
            "card_limit": amount(2_500_00, "EUR"),
            "country_permission": [
                {"id": number, "country": country}
                for number, country in enumerate(self._facts["card_countries"], 1)
            ],
        }
        main = self._accounts["main"]
        return add_card(self._ledger, self._person_id, main, values, at=self._first_day).id

    def _write_start(self) -> None:
        opened = self._first_day + timedelta(hours=9)
        for payer, payee, cents, what in (
            (shorten(self._name), "main", 314_035, "My old account"),
            ("Gemeente Sint Nergens", "friend", 220_000, "Salary"),
            ("main", "joint", 20_000, "Household money"),
        ):
            self._pay(payer, payee, Movement(cents, what, "EBA_SCT", "SCT"), at=opened)

    def _plan_month(self, month: int) -> None:
        first = _month_after(self._first_day, month)
        for payment in self._facts["monthly"]:
            cents = [price for since, price in payment["prices"] if since <= month][-1]
            what = payment["what"].format(month=first.strftime("%B %Y"))
            kind = payment.get("type", "BUNQ")
            movement = Movement(cents, what, kind, _SUB_TYPES[kind])
            pay = partial(self._pay, payment["payer"], payment["payee"], movement)
            self._at(self._draw_time(first, payment["day"]), pay)
        if month and first.month % 3 == 1:
            self._at(first + timedelta(hours=12), self._pay_interest)

    def _pay_interest(self, *, at: datetime) -> None:
        with self._ledger.clock.standing_at(at):
            for account_id in self._savings:
                interest.pay_interest(self._ledger, account_id)

    def _plan_weeks(self) -> None:
        weeks = (self._end - self._first_day).days // 7 + 1
        for week in range(weeks):
            monday = self._first_day + timedelta(days=7 * week - self._first_day.weekday())
            for payment in self._facts["weekly"]:
                remainder, divisor = payment.get("weeks", (0, 1))
                is_dense = week >= weeks - _DENSE_WEEKS
                if week % divisor != remainder or (payment.get("dense") and not is_dense):
                    continue
                shops = payment["shops"]
                shop = self._random.choice(shops) if len(shops) > 1 else shops[0]
                cents = self._random.randrange(*payment["cents"])
                options = {name: payment[name] for name in ("kind", "trade") if name in payment}
                self._plan_card_payment(monday, payment["day"], CardUse(cents, shop, **options))

    def _plan_trips(self) -> None:
        for trip in self._facts["trips"]:
            first = _month_after(self._first_day, trip["month"])
            pay = partial(self._pay, "pot", "main", Movement(45_000, "Out of the pot"))
            self._at(self._draw_time(first, 9), pay)
            for day in range(10, 19):
                cents = self._random.randrange(850, 11_500)
                use = CardUse(
                    cents,
                    self._random.choice(trip["shops"]),
                    country=trip["country"],
                    currency=trip["currency"],
                    local_cents=cents * trip["rate"] // 100,
                    trade="7011",
                )
                self._plan_card_payment(first, day, use)

    def _plan_single_events(self) -> None:
        for month in range(2, _MONTHS + 1, 3):
            first = _month_after(self._first_day, month)
            cents = self._random.randrange(2_400, 9_800) * 2
            dinner = CardUse(cents, "Restaurant Het Anker", trade="5812")
            self._plan_card_payment(first, 17, dinner)
            self._at(self._draw_time(first, 18), partial(self._share_bill, cents // 2))
        for purchase in self._facts["returned"]:
            first = _month_after(self._first_day, purchase["month"])
            use = CardUse(purchase["cents"], "Webwinkel Vlinder", kind="online")
            self._at(self._draw_time(first, 8), partial(self._buy_and_return, use))
        ideal = Movement(23_900, "Bicycle repair 2210", "IDEAL")
        first = _month_after(self._first_day, 29)
        pay = partial(self._pay, "main", "Fietsenmaker Postma", ideal)
        self._at(self._draw_time(first, 21), pay)

    def _share_bill(self, cents: int, *, at: datetime) -> None:
        """Ask the friend for half of a bill; the friend pays forty minutes later."""
        ledger = self._ledger
        body = {
            "amount_inquired": amount(cents, "EUR"),
            "counterparty_alias": {
                "type": "EMAIL",
                "value": ledger.person(self._friend_id)["email"],
            },
            "description": "Half of dinner",
            "allow_bunqme": False,
        }
        main, friend = self._accounts["main"], self._accounts["friend"]
        number = add_request(ledger, main, friend, cents, body, at=at)
        self._at(at + timedelta(minutes=40), partial(accept_request, ledger, number))

    def _buy_and_return(self, use: CardUse, *, at: datetime) -> None:
        action_id = use_card(self._ledger, self._card, use, at=at)
        self._at(at + timedelta(hours=3), partial(give_back, self._ledger, action_id))

    def _plan_card_payment(self, first: datetime, day: int, use: CardUse) -> None:
        act = partial(use_card, self._ledger, self._card, use)
        self._at(self._draw_time(first, day), act)

    def _at(self, when: datetime, act: Callable[..., object]) -> None:
        self._planned += 1
        heappush(self._plan, (when, self._planned, act))

    def _draw_time(self, first: datetime, day: int) -> datetime:
        """Draw a time between breakfast and dinner of the n-th day from a first one."""
        return first + timedelta(days=day - 1, seconds=self._random.uniform(7 * 3600, 20 * 3600))

    def _pay(self, payer: str, payee: str, movement: Movement, *, at: datetime) -> None:
        """Move money between two accounts, each the name of an own one or of an outsider."""
        ids = [
            self._accounts[name] if name in self._accounts else self._ledger.outsider(name)
            for name in (payer, payee)
        ]
        numbers = self._ledger.move(ids[0], ids[1], movement, at=at)
        for account_id, number in zip(ids, numbers, strict=True):
            record(self._ledger, account_id, "Payment", number, at=at)


def _month_after(first: datetime, months: int) -> datetime:
    month = first.year * 12 + first.month - 1 + months
    return first.replace(year=month // 12, month=month % 12 + 1)
