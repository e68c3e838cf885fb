"""What people write, as bunq wants it: amounts, counterparties, instants, accounts."""

from __future__ import annotations

import mimetypes
import os
import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from numbers import Integral
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from bunqkit.errors import FieldError, UnknownNameError

# bunq's days are Dutch days.
PAYEE = "counterparty_alias"
"""The field of a body that names the other side."""
_ZONE = "Europe/Amsterdam"
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
_PHONE = re.compile(r"\+[0-9]{6,15}", re.ASCII)
_IBAN = re.compile(r"[A-Z]{2}[0-9]{2}[A-Z0-9]{11,30}", re.ASCII)
# Spaces as people write them between the groups of an IBAN, no-break ones included.
_SPACES = re.compile("[ \u00a0\u202f]")
# Letters that take no room on a screen: zero-width spaces and joiners, soft hyphens, marks of
# direction, variation selectors, tags.
_UNSEEN = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e"
    "\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufff8\U000e0000-\U000e0fff]"
)


def write_amount(amount: str | Decimal | int, currency: str) -> dict[str, str]:
    """Write an amount as bunq does: a text with two decimals, and its currency.

    Raises
    ------
    FieldError
        If it is a float, which is not exact, has more than two decimals, or is not above zero.
    """
    try:
        number = Decimal(amount) if isinstance(amount, str | Decimal | int) else None
    except InvalidOperation:
        number = None
    if number is None or isinstance(amount, bool) or not number.is_finite():
        raise FieldError(
            f"The amount is {amount!r}. Write it as text with a dot, such as '10.00', or as a "
            "Decimal: a float is not exact."
        )
    if number <= 0:
        raise FieldError(f"The amount is {amount!r}. It must be above zero: bunq sets the sign.")
    cents = number * 100
    if cents != cents.to_integral_value():
        raise FieldError(f"The amount is {amount!r}, which is no whole number of cents.")
    return {"value": f"{number:.2f}", "currency": currency}


def write_pointer(to: str | Mapping[str, str], name: str | None = None) -> dict[str, str]:
    """Write a counterparty as bunq wants it: a type, a value and a name.

    Parameters
    ----------
    to
        An e-mail address, a phone number (``+31612345678``) or an IBAN, with or without spaces; a
        dictionary is taken as it is.
    name
        The counterparty's name. bunq refuses an IBAN without one (sdk_python#12, #29, #96).

    Raises
    ------
    FieldError
        If it is none of the three, or an IBAN that has no name or wrong check digits.
    """
    if isinstance(to, Mapping):
        return dict(to)
    text = to.strip()
    bare = re.sub(r"[\s-]", "", text)
    if _EMAIL.fullmatch(text):
        pointer = {"type": "EMAIL", "value": text}
    elif _PHONE.fullmatch(bare):
        pointer = {"type": "PHONE_NUMBER", "value": bare}
    elif _IBAN.fullmatch(bare.upper()):
        pointer = {"type": "IBAN", "value": bare.upper()}
        if not name:
            raise FieldError(
                f"{to!r} is an IBAN, and bunq pays to an IBAN only with the holder's name. "
                "Add name='J. Jansen'."
            )
        if not _has_right_check_digits(bare.upper()):
            raise FieldError(f"{to!r} is no IBAN: its check digits are wrong. Look for a typo.")
    else:
        raise FieldError(
            f"{to!r} is neither an e-mail address, nor a phone number such as +31612345678, nor "
            "an IBAN."
        )
    return {**pointer, "name": name} if name else pointer


def find_payees(body: object) -> Iterator[tuple[str, str]]:
    """Return every counterparty in a body, at any depth: its type and its value."""
    if isinstance(body, Mapping):
        for name, inner in body.items():
            if name != PAYEE:
                yield from find_payees(inner)
            elif isinstance(inner, Mapping):
                yield str(inner.get("type")), str(inner.get("value"))
            else:
                yield "", str(inner)
    elif isinstance(body, list | tuple):
        for inner in body:
            yield from find_payees(inner)


def plain_payee(payee: str) -> str:
    """Return a payee as it is compared: two that differ for a reader stay different.

    Letters that nobody sees are left out, the others stay as they are after NFC; an IBAN is
    written without spaces and in upper case.
    """
    text = unicodedata.normalize("NFC", _UNSEEN.sub("", payee))
    iban = _SPACES.sub("", text)
    # Letters beyond ASCII have upper cases within it: a dotless i becomes an I.
    is_iban = iban.isascii() and _IBAN.fullmatch(iban.upper()) is not None
    return iban.upper() if is_iban else text


def write_instant(told: str | date | datetime, name: str) -> str:
    """Write an instant as bunq does, in UTC; a date without a zone is a day in Amsterdam.

    Parameters
    ----------
    told
        A date or a date and time; text in ISO 8601.
    name
        What it is called in an error.

    Raises
    ------
    FieldError
        If it is no date.
    """
    if isinstance(told, str):
        try:
            moment = datetime.fromisoformat(told)
        except ValueError as error:
            raise FieldError(
                f"{name} is {told!r}. Write a date such as '2026-01-31', or a date and a time."
            ) from error
    elif isinstance(told, datetime):
        moment = told
    elif isinstance(told, date):
        moment = datetime.fromisoformat(told.isoformat())
    else:
        raise FieldError(f"{name} is {told!r}. Write a date such as '2026-01-31'.")
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=ZoneInfo(_ZONE))
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.%f")


def read_upload(
    file: str | os.PathLike[str] | bytes, *, description: str, media_type: str | None
) -> tuple[bytes, dict[str, str]]:
    """Read a file that is to be sent: its bytes, and the headers that say what it is.

    Raises
    ------
    FieldError
        If it can't be read, its type can't be told, or a header can't hold the description.
    """
    name = "" if isinstance(file, bytes) else str(file)
    told = media_type or mimetypes.guess_type(name)[0]
    if told is None:
        raise FieldError(
            f"The type of {name or 'these bytes'} can't be told. Say media_type='image/png', or "
            "what it is."
        )
    try:
        content = file if isinstance(file, bytes) else Path(file).read_bytes()
    except OSError as error:
        raise FieldError(f"{name} can't be read ({error.strerror}). Check the path.") from error
    if not content:
        raise FieldError(f"{name or 'The file'} is empty, and bunq keeps no empty files.")
    headers = {
        "Content-Type": told,
        "X-Bunq-Attachment-Description": description or Path(name).name,
    }
    for header, text in headers.items():
        if not (text.isascii() and text.isprintable()):
            raise FieldError(
                f"{header} is {text!r}, and a header holds plain letters only. Write it without "
                "accents or line breaks."
            )
    return content, headers


def choose_account(accounts: Iterable[Mapping[str, Any]], named: object) -> Mapping[str, Any]:
    """Find the account of an id, an IBAN or a description.

    Raises
    ------
    UnknownNameError
        If none or several are called so; the message lists them.
    """
    known = list(accounts)
    wanted = str(named).strip()
    fits = [
        account
        for account in known
        if wanted in (str(account.get("id")), account.get("description"))
        or re.sub(r"\s", "", wanted).upper() == find_iban(account)
    ]
    if len(fits) == 1:
        return fits[0]
    listed = "; ".join(f"{account.get('id')} {account.get('description')!r}" for account in known)
    how = "No account is" if not fits else f"{len(fits)} accounts are"
    raise UnknownNameError(f"{how} called {named!r}. Name one by its id: {listed}.")


def find_iban(account: Mapping[str, Any]) -> str | None:
    """Give the IBAN among an account's aliases, if it has one."""
    aliases = account.get("alias")
    for alias in aliases if isinstance(aliases, list) else []:
        if isinstance(alias, Mapping) and alias.get("type") == "IBAN":
            return str(alias.get("value"))
    return None


def _has_right_check_digits(iban: str) -> bool:
    # ISO 13616: country and check digits moved to the end, letters as numbers, modulo 97 is 1.
    digits = "".join(str(int(letter, 36)) for letter in iban[4:] + iban[:4])
    return int(digits) % 97 == 1


def check_max_rows(max_rows: int | None) -> None:
    """Refuse what is no number of rows.

    Raises
    ------
    FieldError
        Which names it.
    """
    if max_rows is not None and (not isinstance(max_rows, Integral) or max_rows < 0):
        raise FieldError(f"max_rows is {max_rows!r}. Make it 0 or more, or leave it out.")
