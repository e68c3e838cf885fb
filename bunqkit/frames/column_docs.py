"""What the columns of tables mean: the facts of the curated tables, and a description of any.

The curated tables are made of these facts, so that what is said of a column is where it came from.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd

from bunqkit.frames.schemas import ITEM_TYPE, kind_of, split_name

TIME = "datetime64[us, UTC]"
MONEY = "currency"
CENTS = "cents of currency"
_KINDS = {
    "integer": "a whole number",
    "number": "a number",
    "decimal": "a decimal number",
    "boolean": "true or false",
    "amount": "an amount",
    "time": "a time",
    "date": "a day",
    "list": "a list",
    "text": "a text",
}


def describe_columns(frame: pd.DataFrame) -> pd.DataFrame:
    """Say what each column of a table means.

    Parameters
    ----------
    frame
        A curated table, one of ``to_frame``, or some columns of one.

    Returns
    -------
    DataFrame
        One row a column: ``column, dtype, meaning, unit, source``. ``source`` is the field that it
        comes from, ``unit`` names the column with the currency, or the zone of times.
    """
    table = frame.attrs.get("bunqkit", {}).get("table")
    if ITEM_TYPE in frame.columns or table is None:
        types = list(dict.fromkeys(frame[ITEM_TYPE])) if ITEM_TYPE in frame.columns else []
        facts = {str(name): _read(str(name), frame, types) for name in frame.columns}
    else:
        unknown = Heading("", "", "A column of yours.")
        facts = {str(name): TABLES[table].get(str(name), unknown) for name in frame.columns}
    return pd.DataFrame(
        {
            "column": list(facts),
            "dtype": [str(dtype) for dtype in frame.dtypes],
            "meaning": [each.meaning for each in facts.values()],
            "unit": [each.unit for each in facts.values()],
            "source": [each.source for each in facts.values()],
        },
        dtype="str",
    )


def _read(name: str, frame: pd.DataFrame, types: list[str]) -> Heading:
    """Say of a field what its path and kind tell."""
    if name == ITEM_TYPE:
        return Heading("str", "the name it comes under", "What the item is.")
    currency = f"{name.removesuffix('value')}currency"
    is_amount = name.endswith("value") and currency in frame.columns
    path = split_name(name)
    kind = kind_of(path, types, has_currency=is_amount)
    words = " of ".join(key.replace("_", " ") for key in reversed(path))
    meaning = f"{words[:1].upper()}{words[1:]}: {_KINDS.get(kind.name, 'any value')}."
    unit = currency if is_amount else "UTC" if str(frame[name].dtype) == TIME else ""
    if is_amount and frame.attrs.get("bunqkit", {}).get("money") == "cents":
        unit = f"cents of {currency}"
    return Heading("", name, meaning, unit)


@dataclass(frozen=True)
class Heading:
    """The facts of a column of a curated table.

    Attributes
    ----------
    dtype
        How pandas keeps it.
    source
        The field that it comes from, keys joined by ``.``; in words if it is worked out.
    meaning
        What it says, in a sentence.
    unit
        ``currency`` for units of the column ``currency``, ``cents of currency`` for the smallest
        of them, ``UTC`` for times, else empty.
    """

    dtype: str
    source: str
    meaning: str
    unit: str = ""


def _time(source: str, meaning: str) -> Heading:
    return Heading(TIME, source, meaning, "UTC")


def _money(source: str, meaning: str) -> Heading:
    return Heading("float64", source, meaning, MONEY)


def _cents(source: str, meaning: str) -> Heading:
    return Heading("Int64", source, f"{meaning}, exact.", CENTS)


_ID = Heading("Int64", "id", "The id at bunq.")
_CREATED = _time("created", "When it was made.")
_ACCOUNT_ID = Heading("Int64", "monetary_account_id", "The id of your account.")
_ACCOUNT = Heading("str", "description of the account", "What your account is called.")
_COUNTERPARTY = Heading("str", "counterparty_alias.display_name", "Who is on the other side.")
_COUNTERPARTY_IBAN = Heading("str", "counterparty_alias.iban", "The IBAN of the other side.")
_DESCRIPTION = Heading("str", "description", "What it is about, in the payer's words.")
_STATUS = Heading("str", "status", "How it stands.")

TABLES: Mapping[str, Mapping[str, Heading]] = {
    "accounts": {
        "id": _ID,
        "type": Heading("str", "the name it comes under", "What kind of account it is."),
        "description": Heading("str", "description", "What you call it."),
        "iban": Heading("str", "alias", "Its IBAN."),
        "balance": _money("balance", "What is on it."),
        "balance_cents": _cents("balance", "What is on it"),
        "currency": Heading("str", "balance.currency", "The currency of all its amounts."),
        "status": Heading("str", "status", "Whether it is open."),
    },
    "payments": {
        "id": _ID,
        "created": _CREATED,
        "account_id": _ACCOUNT_ID,
        "account": _ACCOUNT,
        "amount": _money("amount", "What came in, or went out if negative."),
        "amount_cents": _cents("amount", "What came in, or went out if negative"),
        "currency": Heading("str", "amount.currency", "The currency of the amounts."),
        "counterparty": _COUNTERPARTY,
        "counterparty_iban": _COUNTERPARTY_IBAN,
        "description": _DESCRIPTION,
        "type": Heading("str", "type", "The way the money took."),
        "sub_type": Heading("str", "sub_type", "What kind of payment it is."),
        "balance_after": _money("balance_after_mutation", "What was on the account after it."),
        "direction": Heading("str", "the sign of amount", "in or out."),
        "is_own_transfer": Heading(
            "boolean",
            "counterparty_alias.iban",
            "Whether the other side is an account of yours.",
        ),
        "reverses": Heading(
            "Int64",
            "account, other side and amount",
            "Which payment this takes back, wholly or in part.",
        ),
    },
    "money_requests": {
        "id": _ID,
        "created": _CREATED,
        "account_id": _ACCOUNT_ID,
        "account": _ACCOUNT,
        "amount": _money("amount_inquired", "What is asked for."),
        "amount_cents": _cents("amount_inquired", "What is asked for"),
        "currency": Heading("str", "amount_inquired.currency", "The currency of the amounts."),
        "counterparty": _COUNTERPARTY,
        "counterparty_iban": _COUNTERPARTY_IBAN,
        "description": _DESCRIPTION,
        "status": _STATUS,
        "direction": Heading("str", "the name it comes under", "in if you get it, out if you pay."),
        "amount_responded": _money("amount_responded", "What was paid."),
        "responded": _time("time_responded", "When it was answered."),
        "expires": _time("time_expiry", "When it can no longer be answered."),
    },
    "cards": {
        "id": _ID,
        "created": _CREATED,
        "type": Heading("str", "type", "What network it belongs to."),
        "product": Heading("str", "product_type", "What kind of card it is."),
        "name": Heading("str", "name_on_card", "The name on it."),
        "second_line": Heading("str", "second_line", "The text below the name."),
        "status": _STATUS,
        "expires": Heading("str", "expiry_date", "Its last day."),
        "account_iban": Heading(
            "str", "label_monetary_account_current.iban", "The account that it pays from."
        ),
        "limit": _money("card_limit", "What it may pay in a day."),
        "limit_cents": _cents("card_limit", "What it may pay in a day"),
        "currency": Heading("str", "card_limit.currency", "The currency of the limit."),
        "country": Heading("str", "country", "The country that it was sent to."),
    },
    "card_transactions": {
        "id": _ID,
        "created": _CREATED,
        "account_id": _ACCOUNT_ID,
        "account": _ACCOUNT,
        "amount": _money("amount_billing", "What the account is charged."),
        "amount_cents": _cents("amount_billing", "What the account is charged"),
        "currency": Heading("str", "amount_billing.currency", "The account's currency."),
        "counterparty": _COUNTERPARTY,
        "city": Heading("str", "city", "Where it was."),
        "description": _DESCRIPTION,
        "card_id": Heading("Int64", "card_id", "The id of the card."),
        "amount_local": Heading(
            "float64", "amount_local", "What the shop asked for.", "currency_local"
        ),
        "currency_local": Heading("str", "amount_local.currency", "The shop's currency."),
        "decision": Heading("str", "decision", "Whether it was allowed."),
        "status": Heading("str", "payment_status", "How the payment stands."),
        "payment_id": Heading(
            "Int64",
            "account, amount and time",
            "The id of the payment that it became; a payment belongs to one card transaction.",
        ),
    },
    "events": {
        "id": _ID,
        "created": _CREATED,
        "account_id": _ACCOUNT_ID,
        "account": _ACCOUNT,
        "action": Heading("str", "action", "What happened to the object."),
        "type": Heading("str", "object", "What kind of object it happened to."),
        "object_id": Heading("Int64", "object", "The id of the object."),
        "status": _STATUS,
        "description": Heading("str", "object", "What the object is about."),
    },
    "scheduled_payments": {
        "id": _ID,
        "created": _CREATED,
        "account_id": _ACCOUNT_ID,
        "account": _ACCOUNT,
        "amount": _money("payment.amount", "What each payment moves."),
        "amount_cents": _cents("payment.amount", "What each payment moves"),
        "currency": Heading("str", "payment.amount.currency", "The currency of the amounts."),
        "counterparty": Heading(
            "str", "payment.counterparty_alias.display_name", "Who is on the other side."
        ),
        "counterparty_iban": Heading(
            "str", "payment.counterparty_alias.iban", "The IBAN of the other side."
        ),
        "description": Heading("str", "payment.description", "What it is about."),
        "status": _STATUS,
        "starts": _time("schedule.time_start", "When the first is made."),
        "next": _time("schedule.time_next", "When the next is made."),
        "ends": _time("schedule.time_end", "When the last is made."),
        "every": Heading("Int64", "schedule.recurrence_size", "How many units are between two."),
        "unit": Heading("str", "schedule.recurrence_unit", "ONCE, HOURLY, ... YEARLY."),
    },
}
"""The columns of each curated table, in order."""
