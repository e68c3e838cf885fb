"""Writes single values as bunq wants them: amounts, counterparties and times; compares payees."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from zoneinfo import ZoneInfo

from bunqkit.errors import FieldError

__all__ = ["PAYEE", "find_payees", "plain_payee", "write_amount", "write_instant", "write_pointer"]

PAYEE = "counterparty_alias"
"""The field of a body that names the other side."""
# bunq's days are Dutch days.
_ZONE = "Europe/Amsterdam"
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
_PHONE = re.compile(r"\+[0-9]{6,15}", re.ASCII)
_IBAN = re.compile(r"[A-Z]{2}[0-9]{2}[A-Z0-9]{11,30}", re.ASCII)
# Spaces as people write them between the groups of an IBAN, no-break ones included.
_SPACES = re.compile("[ \u00a0\u202f]")
# Letters without a width on a screen: zero-width spaces and joiners, soft hyphens, marks of
# direction, variation selectors, tags.
_INVISIBLE = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e"
    "\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufff8\U000e0000-\U000e0fff]"
)


def write_amount(amount: str | Decimal | int, currency: str) -> dict[str, str]:
    """Write an amount as bunq does: a text with two decimals, and its currency.

    Raises
    ------
    FieldError
        If it is a float (which is not exact), has more than two decimals, or is not above zero.
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
        dictionary is returned as it is.
    name
        The counterparty's name. bunq refuses an IBAN without one (sdk_python#12, #29, #96).

    Raises
    ------
    FieldError
        If it is none of the three, or an IBAN with wrong check digits or without a name.
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
            raise FieldError(f"{to!r} is not an IBAN: its check digits are wrong. Look for a typo.")
    else:
        raise FieldError(
            f"{to!r} is neither an e-mail address, nor a phone number such as +31612345678, nor "
            "an IBAN."
        )
    return {**pointer, "name": name} if name else pointer


def find_payees(body: object) -> Iterator[tuple[str, str]]:
    """Yield the type and the value of every counterparty in a body, at any depth."""
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
    """Return a payee in the form that is compared: two that look different stay different.

    Invisible letters are left out; the others stay as they are after NFC. An IBAN is written
    without spaces and in upper case.
    """
    text = unicodedata.normalize("NFC", _INVISIBLE.sub("", payee))
    iban = _SPACES.sub("", text)
    # The upper case of some other letters is in ASCII: a dotless i becomes an I.
    is_iban = iban.isascii() and _IBAN.fullmatch(iban.upper()) is not None
    return iban.upper() if is_iban else text


def write_instant(instant: str | date | datetime, name: str) -> str:
    """Write an instant as bunq does, in UTC.

    Parameters
    ----------
    instant
        A date, or a date and time; a text is in ISO 8601. Without a zone it is in Amsterdam.
    name
        Its name in an error.

    Raises
    ------
    FieldError
        If it is not a date.
    """
    if isinstance(instant, str):
        try:
            moment = datetime.fromisoformat(instant)
        except ValueError as error:
            raise FieldError(
                f"{name} is {instant!r}. Write a date such as '2026-01-31', or a date and a time."
            ) from error
    elif isinstance(instant, datetime):
        moment = instant
    elif isinstance(instant, date):
        moment = datetime.fromisoformat(instant.isoformat())
    else:
        raise FieldError(f"{name} is {instant!r}. Write a date such as '2026-01-31'.")
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=ZoneInfo(_ZONE))
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.%f")


def _has_right_check_digits(iban: str) -> bool:
    # ISO 13616: country and check digits moved to the end, letters as numbers, modulo 97 is 1.
    digits = "".join(str(int(letter, 36)) for letter in iban[4:] + iban[:4])
    return int(digits) % 97 == 1
