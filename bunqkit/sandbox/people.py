"""The people of the bank: those that every sandbox has, and new ones.

Names and addresses are drawn from the ledger's seed; nobody here exists.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

from bunqkit.sandbox.ledger import BankLedger, Movement


@cache
def population(section: str) -> dict[str, Any]:
    """Return a section of ``population.toml``: the made-up names, shops and amounts."""
    import tomllib

    text = Path(__file__).with_name("population.toml").read_text(encoding="utf-8")
    facts: dict[str, Any] = tomllib.loads(text)[section]
    return facts


def add_standard_people(ledger: BankLedger) -> None:
    """Add the people that every sandbox has. Source: tests of the SDK, which pay them."""
    treasury = ledger.outsider("Sandbox treasury")
    for person in population("people")["standard"]:
        account_id = open_account(ledger, person["name"], person["label"], person["email"])
        movement = Movement(person["cents"], "Start")
        ledger.move(treasury, account_id, movement, at=ledger.clock.now())


def add_person(ledger: BankLedger) -> int:
    """Add a person with an empty account; return the person's id."""
    random = ledger.chance("new person", ledger.next_id("draw"))
    name = draw_name(random)
    email = draw_email(random)
    phone = draw_phone(ledger, random)
    account_id = open_account(ledger, name, shorten(name), email, phone=phone, random=random)
    return int(ledger.account(account_id)["person_id"])


def add_company(ledger: BankLedger) -> int:
    """Add a company with an empty account; return the company's id."""
    random = ledger.chance("new company", ledger.next_id("draw"))
    facts = population("people")
    name = f"{random.choice(facts['trades'])} {random.choice(facts['last_names'])} BV"
    return open_company(ledger, name, {}, random)


def open_company(ledger: BankLedger, name: str, details: dict[str, Any], random: Random) -> int:
    """Add a company with an empty account; return the company's id.

    Details that are not given are drawn.
    """
    person_id = ledger.add_person(
        kind="UserCompany",
        name=name,
        label=name,
        email=draw_email(random),
        phone=draw_phone(ledger, random),
        details={
            "address": _draw_address(random),
            "chamber_of_commerce_number": str(random.randrange(10_000_000, 99_999_999)),
        }
        | details,
    )
    ledger.add_account(person_id, holder=name, description="bunq account")
    return person_id


def open_account(
    ledger: BankLedger,
    name: str,
    label: str,
    email: str,
    *,
    phone: str | None = None,
    random: Random | None = None,
    description: str = "bunq account",
    at: datetime | None = None,
) -> int:
    """Add a person with an empty account; return the account's id."""
    random = random or ledger.chance("person of old", name)
    born = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(days=random.randrange(12_000))
    person_id = ledger.add_person(
        kind="UserPerson",
        name=name,
        label=label,
        email=email,
        phone=phone,
        details={
            "address": _draw_address(random),
            "date_of_birth": born.date().isoformat(),
            "nick_name": name.partition(" ")[0],
        },
        at=at,
    )
    return ledger.add_account(person_id, holder=label, description=description, at=at)


def draw_name(random: Random) -> str:
    """Draw a first and a last name."""
    facts = population("people")
    return f"{random.choice(facts['first_names'])} {random.choice(facts['last_names'])}"


def shorten(name: str) -> str:
    """Return a name as other people see it. Source: sandbox captures ("A. Voorbeeld")."""
    first, _, last = name.partition(" ")
    return f"{first[0]}. {last}"


def draw_email(random: Random) -> str:
    """Draw the e-mail address of a sandbox user."""
    digits = f"{random.getrandbits(128):032x}"
    parts = (digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:])
    return f"test+{'-'.join(parts)}@bunq.com"


def draw_phone(ledger: BankLedger, random: Random) -> str:
    """Draw a phone number that nobody has: among a thousand people two would draw the same."""
    while True:
        # 06 numbers that begin with a zero are not given out.
        phone = f"+3160{random.randrange(10_000_000):07d}"
        if ledger.row("SELECT 1 FROM person WHERE phone = ?", phone) is None:
            return phone


def _draw_address(random: Random) -> dict[str, str | bool | None]:
    facts = population("people")
    letters = "".join(random.choice("ABCDEGHJKLMNPRSTVWXZ") for _ in range(2))
    return {
        "street": random.choice(facts["streets"]),
        "house_number": str(random.randrange(1, 200)),
        "po_box": None,
        "postal_code": f"{random.randrange(1000, 9999)}{letters}",
        "city": random.choice(facts["cities"]),
        "country": "NL",
        "province": None,
        "extra": None,
        "mailbox_name": None,
        "is_user_address_updated": False,
    }
