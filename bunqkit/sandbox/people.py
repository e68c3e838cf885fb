"""Who is at the bank: the people that every sandbox has, and new ones.

Names, addresses and habits are drawn from the ledger's seed; nobody here exists.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

from bunqkit.sandbox.ledger import Ledger, Movement

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
        account_id = open_account(ledger, name, label, email)
        ledger.move(source, account_id, Movement(cents, "Start"), at=ledger.clock.now())


def add_person(ledger: Ledger) -> int:
    """Write a new person with an empty account; give the id."""
    luck = ledger.chance("new person", ledger.next_id("draw"))
    name = draw_name(luck)
    email = f"test+{draw_uuid(luck)}@bunq.com"
    account_id = open_account(
        ledger, name, shorten(name), email, phone=draw_phone(ledger, luck), luck=luck
    )
    return int(ledger.account(account_id)["person_id"])


def add_company(ledger: Ledger) -> int:
    """Write a new company with an empty account; give the id."""
    luck = ledger.chance("new company", ledger.next_id("draw"))
    name = f"{luck.choice(_TRADES)} {luck.choice(_LAST_NAMES)} BV"
    return open_company(ledger, name, {}, luck)


def open_company(ledger: Ledger, name: str, details: dict[str, Any], luck: Random) -> int:
    """Write a company with an empty account; what its details do not say is drawn. Give its id."""
    person_id = ledger.add_person(
        kind="UserCompany",
        name=name,
        label=name,
        email=f"test+{draw_uuid(luck)}@bunq.com",
        phone=draw_phone(ledger, luck),
        details={
            "address": _draw_address(luck),
            "chamber_of_commerce_number": str(luck.randrange(10_000_000, 99_999_999)),
        }
        | details,
    )
    ledger.add_account(person_id, holder=name, description="bunq account")
    return person_id


def open_account(
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
    """Write a person with an empty account; give the account's id."""
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


def draw_name(luck: Random) -> str:
    """Draw a first and a last name."""
    return f"{luck.choice(_FIRST_NAMES)} {luck.choice(_LAST_NAMES)}"


def shorten(name: str) -> str:
    """Give a name as other people see it. Source: sandbox captures ("A. Voorbeeld")."""
    first, _, last = name.partition(" ")
    return f"{first[0]}. {last}"


def draw_uuid(luck: Random) -> str:
    """Draw what makes the e-mail address of a sandbox user."""
    digits = f"{luck.getrandbits(128):032x}"
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))


def draw_phone(ledger: Ledger, luck: Random) -> str:
    """Draw a phone number that nobody has yet: among a thousand people two would draw the same."""
    while True:
        # 06 numbers that begin with a zero are not given out.
        phone = f"+3160{luck.randrange(10_000_000):07d}"
        if ledger.row("SELECT 1 FROM person WHERE phone = ?", phone) is None:
            return phone


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
