"""The demo person: two and a half years of one life in money, up to the bank's first day.

Several accounts, a salary that rises, rent, subscriptions that get dearer, groceries, travel
abroad, cash, refunds, bills shared with a friend, savings with interest. The last three months are
the densest, so that a first table is about something.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from operator import itemgetter
from typing import Any

from bunqkit.sandbox import scheduled_jobs
from bunqkit.sandbox.ledger import Ledger, Movement
from bunqkit.sandbox.people import draw_name, draw_phone, draw_uuid, open_account, shorten
from bunqkit.sandbox.resources import interest
from bunqkit.sandbox.resources.card_use import CardUse, give_back, use_card
from bunqkit.sandbox.resources.cards import add_card
from bunqkit.sandbox.resources.events import record
from bunqkit.sandbox.resources.recurrence import next_quarter_day
from bunqkit.sandbox.resources.requests import accept_request, add_request
from bunqkit.sandbox.resources.wire import amount

_MONTHS = 30
_DENSE_WEEKS = 13
_COUNTRIES = ("NL", "BE", "GB", "US", "PT")


def live(ledger: Ledger) -> int:
    """Write the life; give the id of whose it is."""
    return _Life(ledger).live()


class _Life:
    """Plans first, then writes in the order of time, so that ids and balances follow it."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._luck = ledger.chance("life", 0)
        self._end = ledger.clock.now()
        today = self._end.replace(hour=0, minute=0, second=0, microsecond=0)
        month = today.year * 12 + today.month - 1 - _MONTHS
        self._first_day = today.replace(year=month // 12, month=month % 12 + 1, day=1)
        self._plan: list[tuple[datetime, Callable[[datetime], object]]] = []
        self._name = draw_name(self._luck)
        friend = draw_name(self._luck)
        self._main = self._open(self._name, "Main account")
        self._person_id = int(ledger.account(self._main)["person_id"])
        self._pot = self._own("Holiday")
        self._friend = self._open(friend, "bunq account")
        self._friend_id = int(ledger.account(self._friend)["person_id"])
        self._goals = {
            self._save("Rainy day", 10_000_00): 20_000,
            self._save("New bicycle", 1_500_00): 5_000,
            self._save("Summer on the coast", 3_000_00): 7_500,
        }
        self._joint = self._own("Household", kind="MonetaryAccountJoint")
        for person_id in (self._person_id, self._friend_id):
            ledger.add_co_owner(self._joint, person_id, "ACCEPTED")
        self._card = self._order_card()

    def live(self) -> int:
        """Write all of it."""
        self._start()
        for month in range(_MONTHS + 1):
            self._plan_month(month)
        self._plan_weeks()
        self._plan_travel()
        self._plan_once()
        second_day = self._first_day + timedelta(days=1)
        self._plan = [planned for planned in self._plan if planned[0] > second_day]
        # What is done may plan what comes of it, which then waits its turn: sorted, latest first.
        while self._plan:
            self._plan.sort(key=itemgetter(0), reverse=True)
            when, act = self._plan.pop()
            if when < self._end:
                act(when)
        for goal in self._goals:
            scheduled_jobs.plan(self._ledger, "interest", goal, next_quarter_day(self._end))
        return self._person_id

    def _open(self, name: str, description: str) -> int:
        return open_account(
            self._ledger,
            name,
            shorten(name),
            f"test+{draw_uuid(self._luck)}@bunq.com",
            phone=draw_phone(self._ledger, self._ledger.chance("phone", name)),
            luck=self._luck,
            description=description,
            at=self._first_day,
        )

    def _own(
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

    def _save(self, description: str, goal: int) -> int:
        details = {"savings_goal": amount(goal, "EUR")}
        return self._own(description, kind="MonetaryAccountSavings", details=details)

    def _order_card(self) -> int:
        values = {
            "type": "MASTERCARD",
            "product_type": "MASTERCARD_DEBIT",
            "second_line": "Main account",
            "name_on_card": self._name,
            "status": "ACTIVE",
            "card_limit": amount(2_500_00, "EUR"),
            "country_permission": [
                {"id": place, "country": country} for place, country in enumerate(_COUNTRIES, 1)
            ],
        }
        return add_card(self._ledger, self._person_id, self._main, values, at=self._first_day)

    def _start(self) -> None:
        opened = self._first_day + timedelta(hours=9)
        for source, target, cents, what in (
            (self._ledger.account(self._main)["holder"], self._main, 314_035, "My old account"),
            ("Gemeente Sint Nergens", self._friend, 220_000, "Salary"),
            (self._main, self._joint, 20_000, "Household money"),
        ):
            self._move(source, target, _transfer(cents, what), opened)

    def _plan_month(self, month: int) -> None:
        first = _month_after(self._first_day, month)
        name, year = first.strftime("%B %Y"), month // 12
        self._at(first, 25, "Waterland Software BV", self._main,
                 _transfer(251_240 + 8_588 * year, f"Salary {name}"))  # fmt: skip
        rent = _transfer(94_000 + 2_250 * year, f"Rent {name}")
        self._at(first, 2, self._main, "Woonstichting De Gracht", rent)
        for day, cents, to, what in (
            (4, 12_900 if month % 12 < 6 else 11_800, "Noorderlicht Energie", "Advance payment"),  # noqa: PLR2004 (half a year)
            # A subscription that gets dearer without a word.
            (7, 899 + 150 * year, "Beeldbuis Streaming", "Subscription"),
            (10, 2_495 + 250 * (month >= 17), "Sportzaal Oost", "Membership"),  # noqa: PLR2004 (one day it rose)
            (14, 1_850, "Zuiderzee Mobiel", "Sim only"),
            (28, 13_650 + 625 * (month // 12), "Zorgzaam Verzekeringen", "Health insurance"),
        ):
            debit = Movement(cents, f"{what} {name}", type="EBA_SDD", sub_type="SDD")
            self._at(first, day, self._main, to, debit)
        for day, target, cents, what in (
            (26, self._pot, 15_000, "For the holiday"),
            (27, self._joint, 12_500, "Household money"),
            *((26, goal, cents, "Saved") for goal, cents in self._goals.items()),
        ):
            self._at(first, day, self._main, target, Movement(cents, what))
        self._at(first, 27, self._friend, self._joint, Movement(12_500, "Household money"))
        self._at(first, 28, "Gemeente Sint Nergens", self._friend, _transfer(190_000, "Salary"))
        self._at(first, 15, self._joint, "Waterschap en Zonen", _transfer(5_875, f"Water {name}"))
        if first.month % 3 == 1 and month:
            self._plan.append((first + timedelta(hours=12), self._pay_interest))

    def _pay_interest(self, when: datetime) -> None:
        with self._ledger.clock.standing_at(when):
            for goal in self._goals:
                interest.pay_interest(self._ledger, goal)

    def _plan_weeks(self) -> None:
        luck = self._luck
        weeks = (self._end - self._first_day).days // 7 + 1
        for week in range(weeks):
            monday = self._first_day + timedelta(days=7 * week - self._first_day.weekday())
            shop = luck.choice(("Buurtsuper", "Marktplein Supermarkt"))
            self._card_at(monday, 6, CardUse(luck.randrange(2_900, 6_900), shop))
            if week % 4 == 1:
                self._card_at(monday, 5, CardUse(luck.randrange(2, 9) * 1_000, "Geldautomaat Dam",
                                                 kind="cash"))  # fmt: skip
            if week < weeks - _DENSE_WEEKS:
                continue
            shop = luck.choice(("Buurtsuper", "Groentehal West"))
            self._card_at(monday, 2, CardUse(luck.randrange(1_400, 3_800), shop))
            if week % 2:
                self._card_at(
                    monday, 5, CardUse(luck.randrange(890, 2_450), "Eetcafe De Sluis", trade="5812")
                )
            else:
                self._card_at(
                    monday, 3, CardUse(luck.randrange(780, 1_960), "Railreis", trade="4111")
                )

    def _plan_travel(self) -> None:
        luck = self._luck
        for month, country, currency, rate, shops in (
            (9, "GB", "GBP", 86, ("Harbour Inn", "Tramway Tickets", "The Copper Kettle")),
            (14, "PT", "EUR", 100, ("Pensao Miradouro", "Pastelaria Sol", "Metro da Foz")),
            (20, "US", "USD", 109, ("Bayside Motel", "Diner on Fifth", "Ferry Landing")),
        ):
            first = _month_after(self._first_day, month)
            back = Movement(45_000, "Out of the pot")
            self._at(first, 9, self._pot, self._main, back)
            for day in range(10, 19):
                cents = luck.randrange(850, 11_500)
                use = CardUse(
                    cents,
                    luck.choice(shops),
                    country=country,
                    currency=currency,
                    local_cents=cents * rate // 100,
                    trade="7011",
                )
                self._card_at(first, day, use)

    def _plan_once(self) -> None:
        for month in range(2, _MONTHS + 1, 3):
            first = _month_after(self._first_day, month)
            cents = self._luck.randrange(2_400, 9_800) * 2
            self._card_at(first, 17, CardUse(cents, "Restaurant Het Anker", trade="5812"))
            self._plan.append((self._moment(first, 18), partial(self._share, cents // 2)))
        for month, cents in ((5, 8_995), (16, 12_450), (28, 5_995)):
            first = _month_after(self._first_day, month)
            use = CardUse(cents, "Webwinkel Vlinder", kind="online")
            self._plan.append((self._moment(first, 8), partial(self._buy_and_return, use)))
        ideal = Movement(23_900, "Bicycle repair 2210", type="IDEAL")
        self._at(_month_after(self._first_day, 29), 21, self._main, "Fietsenmaker Postma", ideal)

    def _share(self, cents: int, when: datetime) -> None:
        ledger = self._ledger
        payer = ledger.person(self._friend_id)
        body = {
            "amount_inquired": amount(cents, "EUR"),
            "counterparty_alias": {"type": "EMAIL", "value": payer["email"]},
            "description": "Half of dinner",
            "allow_bunqme": False,
        }
        number = add_request(ledger, self._main, self._friend, cents, body, at=when)
        accept = partial(self._accept, number)
        self._plan.append((when + timedelta(minutes=40), accept))

    def _accept(self, number: int, when: datetime) -> None:
        accept_request(self._ledger, number, at=when)

    def _buy_and_return(self, use: CardUse, when: datetime) -> None:
        action_id = use_card(self._ledger, self._card, use, at=when)
        self._plan.append((when + timedelta(hours=3), partial(self._give_back, action_id)))

    def _give_back(self, action_id: int, when: datetime) -> None:
        give_back(self._ledger, action_id, at=when)

    def _card_at(self, first: datetime, day: int, use: CardUse) -> None:
        self._plan.append((self._moment(first, day), partial(self._use_card, use)))

    def _use_card(self, use: CardUse, when: datetime) -> None:
        use_card(self._ledger, self._card, use, at=when)

    def _at(
        self, first: datetime, day: int, source: int | str, target: int | str, movement: Movement
    ) -> None:
        act = partial(self._move, source, target, movement)
        self._plan.append((self._moment(first, day), act))

    def _moment(self, first: datetime, day: int) -> datetime:
        """Give a moment between breakfast and dinner of the n-th day from a first one."""
        return first + timedelta(days=day - 1, seconds=self._luck.uniform(7 * 3600, 20 * 3600))

    def _move(
        self, source: int | str, target: int | str, movement: Movement, when: datetime
    ) -> None:
        ids = [
            whom if isinstance(whom, int) else self._ledger.outsider(whom)
            for whom in (source, target)
        ]
        numbers = self._ledger.move(ids[0], ids[1], movement, at=when)
        for account_id, number in zip(ids, numbers, strict=True):
            record(self._ledger, account_id, "Payment", number, at=when)


def _month_after(first: datetime, months: int) -> datetime:
    month = first.year * 12 + first.month - 1 + months
    return first.replace(year=month // 12, month=month % 12 + 1)


def _transfer(cents: int, what: str) -> Movement:
    return Movement(cents, what, type="EBA_SCT", sub_type="SCT")
