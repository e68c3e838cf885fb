"""Who is at the bank: the people that every sandbox has, new ones, and one with a life to look at.

Names, addresses and habits are drawn from the ledger's seed; nobody here exists.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from random import Random

from bunqkit.sandbox.ledger import Ledger, Movement
from bunqkit.sandbox.resources.requests import accept_request, add_request
from bunqkit.sandbox.resources.wire import amount

_FIRST_NAMES = (
    "Ada", "Bram", "Cato", "Daan", "Elin", "Fenna", "Gijs", "Hidde", "Iris", "Jorrit", "Kaat",
    "Lotte", "Mees", "Noor", "Otis", "Pleun", "Quinten", "Roos", "Sietse", "Tess", "Ugo", "Vera",
    "Wout", "Yara", "Zeno",
)  # fmt: skip
_LAST_NAMES = (
    "Akkerman", "Bakker", "Cornelisse", "Dijkstra", "Elzinga", "Fokkema", "Groen", "Hoekstra",
    "Jansen", "Kuiper", "Linders", "Meijer", "Nauta", "Oosterhuis", "Postma", "Rietveld",
    "Smit", "Terpstra", "Veldhuis", "Wiersma", "Zijlstra",
)  # fmt: skip
_STREETS = ("Beukenlaan", "Havenkade", "Kerkstraat", "Lindenhof", "Molenweg", "Stationsplein")
_CITIES = ("Amsterdam", "Groningen", "Utrecht", "Leeuwarden", "Rotterdam", "Zwolle")
_TRADES = ("Bakkerij", "Drukkerij", "Fietsenmaker", "Kwekerij", "Schildersbedrijf", "Studio")

# The sugar daddy has to pay for as long as anybody asks.
_SUGAR_CENTS = 10**14


def found(ledger: Ledger) -> None:
    """Write the people that every sandbox has. Source: tests of the SDK, which pay them."""
    source = ledger.outsider("Sandbox treasury")
    for name, label, email, cents in (
        ("Sugar Daddy", "Sugar Daddy", "sugardaddy@bunq.com", _SUGAR_CENTS),
        ("Bravo Varb", "B. Varb", "bravo@bunq.com", 1_000_00),
    ):
        account_id = _open(ledger, name, label, email)
        ledger.move(source, account_id, Movement(cents, "Start"), at=ledger.clock.now())


def add_person(ledger: Ledger) -> int:
    """Write a new person with an empty account; give the id."""
    luck = ledger.chance("new person", ledger.next_id("draw"))
    name = _draw_name(luck)
    email = f"test+{_draw_uuid(luck)}@bunq.com"
    account_id = _open(ledger, name, _shorten(name), email, phone=_draw_phone(luck), luck=luck)
    return int(ledger.account(account_id)["person_id"])


def add_company(ledger: Ledger) -> int:
    """Write a new company with an empty account; give the id."""
    luck = ledger.chance("new company", ledger.next_id("draw"))
    name = f"{luck.choice(_TRADES)} {luck.choice(_LAST_NAMES)} BV"
    person_id = ledger.add_person(
        kind="UserCompany",
        name=name,
        label=name,
        email=f"test+{_draw_uuid(luck)}@bunq.com",
        phone=_draw_phone(luck),
        details={
            "address": _draw_address(luck),
            "chamber_of_commerce_number": str(luck.randrange(10_000_000, 99_999_999)),
        },
    )
    ledger.add_account(person_id, holder=name, description="bunq account")
    return person_id


def _open(
    ledger: Ledger,
    name: str,
    label: str,
    email: str,
    *,
    phone: str | None = None,
    luck: Random | None = None,
    description: str = "bunq account",
    at: datetime | None = None,
) -> int:
    luck = luck or ledger.chance("person of old", name)
    born = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(days=luck.randrange(12_000))
    person_id = ledger.add_person(
        kind="UserPerson",
        name=name,
        label=label,
        email=email,
        phone=phone,
        details={
            "address": _draw_address(luck),
            "date_of_birth": born.date().isoformat(),
            "nick_name": name.partition(" ")[0],
        },
        at=at,
    )
    return ledger.add_account(person_id, holder=label, description=description, at=at)


def _draw_name(luck: Random) -> str:
    return f"{luck.choice(_FIRST_NAMES)} {luck.choice(_LAST_NAMES)}"


def _shorten(name: str) -> str:
    first, _, last = name.partition(" ")
    return f"{first[0]}. {last}"


def _draw_uuid(luck: Random) -> str:
    digits = f"{luck.getrandbits(128):032x}"
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))


def _draw_phone(luck: Random) -> str:
    # 06 numbers that begin with a zero are not given out.
    return f"+3160{luck.randrange(10_000_000):07d}"


def _draw_address(luck: Random) -> dict[str, str | bool | None]:
    letters = "".join(luck.choice("ABCDEGHJKLMNPRSTVWXZ") for _ in range(2))
    return {
        "street": luck.choice(_STREETS),
        "house_number": str(luck.randrange(1, 200)),
        "po_box": None,
        "postal_code": f"{luck.randrange(1000, 9999)}{letters}",
        "city": luck.choice(_CITIES),
        "country": "NL",
        "province": None,
        "extra": None,
        "mailbox_name": None,
        "is_user_address_updated": False,
    }


class Life:
    """Three months of one person's money, up to the day before the bank's clock starts.

    Attributes
    ----------
    person_id
        Whose life it is.
    """

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._luck = ledger.chance("life", 0)
        self._first_day = (ledger.clock.now() - timedelta(days=90)).replace(
            hour=0, minute=0, second=0, microsecond=0
        )
        self._plan: list[tuple[datetime, Callable[[datetime], object]]] = []
        name, friend = _draw_name(self._luck), _draw_name(self._luck)
        self._main = self._open(name, "Main account")
        self.person_id = int(ledger.account(self._main)["person_id"])
        self._pot = ledger.add_account(
            self.person_id, holder=_shorten(name), description="Holiday", at=self._first_day
        )
        self._friend = self._open(friend, "bunq account")

    def live(self) -> None:
        """Write the payments, in the order of time."""
        self._plan_months()
        self._plan_weeks()
        self._plan_once()
        second_day = self._first_day + timedelta(days=1)
        self._fund()
        for when, act in sorted(self._plan, key=lambda planned: planned[0]):
            if second_day < when < self._ledger.clock.now():
                act(when)

    def _open(self, name: str, description: str) -> int:
        return _open(
            self._ledger,
            name,
            _shorten(name),
            f"test+{_draw_uuid(self._luck)}@bunq.com",
            phone=_draw_phone(self._luck),
            description=description,
            at=self._first_day,
        )

    def _plan_months(self) -> None:
        for month in range(4):
            first = (self._first_day.replace(day=1) + timedelta(days=31 * month)).replace(day=1)
            name = first.strftime("%B %Y")
            self._get(self._on(first, 25), 268_417, "Waterland Software BV", f"Salary {name}")
            rent = Movement(98_500, f"Rent {name}", type="EBA_SCT", sub_type="SCT")
            self._pay(self._on(first, 2), "Woonstichting De Gracht", rent)
            for day, cents, to, what in (
                (4, 11_800, "Noorderlicht Energie", "Advance payment"),
                (7, 1_199, "Beeldbuis Streaming", "Subscription"),
                (10, 2_995, "Sportzaal Oost", "Membership"),
                (14, 1_850, "Zuiderzee Mobiel", "Sim only"),
                (28, 14_275, "Zorgzaam Verzekeringen", "Health insurance"),
            ):
                debit = Movement(cents, f"{what} {name}", type="EBA_SDD", sub_type="SDD")
                self._pay(self._on(first, day), to, debit)
            self._pay(self._on(first, 26), self._pot, Movement(15_000, "For the holiday"))

    def _plan_weeks(self) -> None:
        luck = self._luck
        for week in range(13):
            monday = self._first_day + timedelta(days=7 * week - self._first_day.weekday())
            for day, low, high, shops in (
                (2, 1_400, 3_800, ("Buurtsuper", "Groentehal West")),
                (6, 2_900, 6_900, ("Buurtsuper", "Marktplein Supermarkt")),
            ):
                shop = luck.choice(shops)
                self._pay(self._on(monday, day), shop, _by_card(luck.randrange(low, high), shop))
            coffee = _by_card(luck.randrange(320, 780), "Coffee")
            self._pay(self._on(monday, 4), "Koffiehuis Noord", coffee)
            if week % 2:
                lunch = _by_card(luck.randrange(890, 2_450), "Lunch")
                self._pay(self._on(monday, 5), "Eetcafe De Sluis", lunch)
            else:
                train = _by_card(luck.randrange(780, 1_960), "Train")
                self._pay(self._on(monday, 3), "Railreis", train)

    def _plan_once(self) -> None:
        start, order = self._first_day, "Order 20417"
        self._pay(self._on(start, 45), "Restaurant Het Anker", _by_card(8_460, "Dinner for two"))
        self._plan.append((self._on(start, 46), self._sharer(4_230, "Half of dinner")))
        self._pay(self._on(start, 62), "Webwinkel Vlinder", Movement(5_995, order, type="IDEAL"))
        self._get(self._on(start, 70), 5_995, "Webwinkel Vlinder", f"Refund {order}")

    def _on(self, first: datetime, day: int) -> datetime:
        """Give a moment between breakfast and dinner of the n-th day from a first one."""
        return first + timedelta(days=day - 1, seconds=self._luck.uniform(7 * 3600, 20 * 3600))

    def _pay(self, when: datetime, to: int | str, movement: Movement) -> None:
        self._plan.append((when, self._mover(self._main, to, movement)))

    def _get(self, when: datetime, cents: int, source: str, what: str) -> None:
        movement = Movement(cents, what, type="EBA_SCT", sub_type="SCT")
        self._plan.append((when, self._mover(source, self._main, movement)))

    def _mover(
        self, source: int | str, target: int | str, movement: Movement
    ) -> Callable[[datetime], object]:
        def act(when: datetime) -> object:
            return self._ledger.move(
                self._account_of(source), self._account_of(target), movement, at=when
            )

        return act

    def _account_of(self, whom: int | str) -> int:
        return whom if isinstance(whom, int) else self._ledger.outsider(whom)

    def _sharer(self, cents: int, what: str) -> Callable[[datetime], object]:
        def act(when: datetime) -> None:
            ledger = self._ledger
            payer = ledger.person(ledger.account(self._friend)["person_id"])
            body = {
                "amount_inquired": amount(cents, "EUR"),
                "counterparty_alias": {"type": "EMAIL", "value": payer["email"]},
                "description": what,
                "allow_bunqme": False,
            }
            number = add_request(ledger, self._main, self._friend, cents, body, at=when)
            accept_request(ledger, number, at=when + timedelta(minutes=40))

        return act

    def _fund(self) -> None:
        holder = self._ledger.account(self._main)["holder"]
        opened = self._first_day + timedelta(hours=9)
        for source, target, cents, what in (
            (holder, self._main, 214_035, "From my old account"),
            ("Gemeente Sint Nergens", self._friend, 120_000, "Salary"),
        ):
            movement = Movement(cents, what, type="EBA_SCT", sub_type="SCT")
            self._mover(source, target, movement)(opened)


def _by_card(cents: int, what: str) -> Movement:
    return Movement(cents, what, type="MASTERCARD")
