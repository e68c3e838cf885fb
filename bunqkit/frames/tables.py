"""The curated tables: short names, one column order, money as a number and in whole cents.

Columns are converted as a whole, without a Python object for each value. A column whose values do
not fit its dtype as they came is read value by value, so that the dtypes of a table never change.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from bunqkit.catalogue.accounts import find_iban
from bunqkit.frames.column_docs import CENTS, TABLES, TIME, ColumnFacts
from bunqkit.frames.columns import plain
from bunqkit.frames.dtypes import to_pandas
from bunqkit.frames.frames import Gathered
from bunqkit.frames.money import Money, exact, read_amounts, whole_cents
from bunqkit.frames.schemas import Kind, Path

MOMENT = pd.Timedelta(minutes=1)
"""The time of a payment that is booked at once may be so long before its card transaction."""

# Card payments are booked when the shop clears them, mostly within days.
_LONGEST_CLEARING = pd.Timedelta(days=30)
_CARD_TYPES = ("MASTERCARD", "FIS")
# Source: captures; a transaction that was refused makes no payment.
_ALLOWED = "ALLOWED"
_REVERSAL = "REVERSAL"
_OBJECT = "object"
_OF_OBJECTS: Mapping[Path, tuple[str, str]] = {
    ("id",): ("object_id", "Int64"),
    ("description",): ("description", "str"),
}

Accounts = Iterable[Mapping[str, Any]]


def wanted_by(table: str) -> Callable[[Path], bool]:
    """Return a function that tells if a table needs the column of a path.

    Parameters
    ----------
    table
        The name of the table.
    """
    sources = {_path(facts) for facts in TABLES[table].values()}
    depths = {len(source) for source in sources}
    return lambda path: any(path[:depth] in sources for depth in depths)


def tabulate_accounts(accounts: Gathered) -> pd.DataFrame:
    """Return one row an account, of whatever kind, in the order in which they came.

    Parameters
    ----------
    accounts
        The items of the bank's answers, in any order.

    Returns
    -------
    DataFrame
        ``id, type, description, iban, balance, balance_cents, currency, status``. ``type`` is the
        name that the account came under; ``balance`` is in units of ``currency``.
    """
    frame = _read("accounts", accounts)
    frame["type"] = pd.Series(accounts.names, dtype="str")
    aliases = plain(accounts.column(("alias",)))
    frame["iban"] = pd.Series([find_iban({"alias": alias}) for alias in aliases], dtype="str")
    frame["currency"] = frame["currency"].fillna(_column(accounts, ("currency",), "str"))
    return frame


def tabulate_payments(payments: Gathered, accounts: Accounts = ()) -> pd.DataFrame:
    """Return one row for each payment, newest first.

    Parameters
    ----------
    payments
        The items of the bank's answers, in any order.
    accounts
        Your accounts, for their names, and to recognise transfers between them.

    Returns
    -------
    DataFrame
        ``id, created, account_id, account, amount, amount_cents, currency, counterparty,
        counterparty_iban, description, type, sub_type, balance_after, direction, is_own_transfer,
        reverses``. ``created`` is UTC; ``amount`` is negative for what goes out, in units of
        ``currency``; sums of ``amount_cents`` are exact. A payment whose ``sub_type`` is
        ``REVERSAL`` reverses the last payment before it on the same account with the same other
        side and the opposite amount; without such a payment, the last one with a larger amount,
        of which it gives back a part.
    """
    known = list(accounts)
    frame = _newest_first(_read("payments", payments, known))
    amounts = frame["amount"].to_numpy()
    signs = np.where(np.signbit(amounts), "out", "in")
    frame["direction"] = pd.Series(signs, dtype="str").mask(frame["amount"].isna())
    own = [iban for account in known if (iban := find_iban(account)) is not None]
    if own:
        ibans = frame["counterparty_iban"]
        frame["is_own_transfer"] = ibans.isin(own).astype("boolean").mask(ibans.isna())
    frame["reverses"] = _find_reversed(frame)
    return frame


def tabulate_money_requests(requests: Gathered, accounts: Accounts = ()) -> pd.DataFrame:
    """Return one row a request for money, made (``RequestInquiry``) or received, newest first.

    Parameters
    ----------
    requests
        The items of the bank's answers, in any order.
    accounts
        Your accounts, for their names.
    """
    frame = _read("money_requests", requests, accounts)
    kinds = pd.Series(requests.names, dtype="str")
    frame["direction"] = kinds.eq("RequestInquiry").map({True: "in", False: "out"}).astype("str")
    return _newest_first(frame)


def tabulate_cards(cards: Gathered) -> pd.DataFrame:
    """Return one row for each card, newest first.

    Parameters
    ----------
    cards
        The items of the bank's answers, in any order.
    """
    return _newest_first(_read("cards", cards))


def tabulate_card_transactions(actions: Gathered, accounts: Accounts = ()) -> pd.DataFrame:
    """Return one row for each card transaction, newest first; one that comes twice has one row.

    Parameters
    ----------
    actions
        The card actions (``MasterCardAction``) as they came.
    accounts
        Your accounts, for their names.
    """
    return _newest_first(_read("card_transactions", actions, accounts))


def link_payments(transactions: pd.DataFrame, payments: pd.DataFrame) -> pd.DataFrame:
    """Return card transactions with the payments that they became.

    Parameters
    ----------
    transactions, payments
        Curated tables of the same accounts. An allowed transaction gets the first payment with its
        account, amount and currency that no other transaction has.
    """
    is_charge = (
        payments["type"].isin(_CARD_TYPES)
        & payments["sub_type"].ne(_REVERSAL)
        & payments["direction"].eq("out")
        & payments["amount_cents"].notna()
    )
    key = ("account_id", "currency", "amount_cents")
    charges: dict[tuple[Any, ...], list[tuple[Any, Any]]] = defaultdict(list)
    for _, account, currency, cents, booked, number in _rows(
        payments[is_charge], *key, "created", "id"
    ):
        charges[account, currency, -cents].append((booked, number))
    is_allowed = transactions["decision"].isna() | transactions["decision"].eq(_ALLOWED)
    allowed = transactions[is_allowed & transactions["amount_cents"].notna()]
    payment_ids: dict[Any, Any] = {}
    for index, account, currency, cents, created in _rows(allowed, *key, "created"):
        # The amount of a transaction bears no sign in some answers; that of a payment does.
        candidates = charges[account, currency, abs(cents)]
        for place, (booked, number) in enumerate(candidates):
            if -MOMENT <= booked - created <= _LONGEST_CLEARING:
                payment_ids[index] = number
                del candidates[place]
                break
    ids = pd.Series(payment_ids, index=transactions.index, dtype="Int64")
    return transactions.assign(payment_id=ids)


def tabulate_events(events: Gathered, accounts: Accounts = ()) -> pd.DataFrame:
    """Return one row an event, newest first.

    Parameters
    ----------
    events
        The items of the bank's answers, in any order.
    accounts
        Your accounts, for their names.
    """
    frame = _read("events", events, accounts)
    # An object stands under its type: the type of a row is the one that has something in it.
    for path in events.paths:
        if path[0] != _OBJECT or len(path) == 1:
            continue
        column = events.column(path)
        is_there = pd.Series(
            [value is not None for value in column]
            if isinstance(column, list)
            else column.is_valid().to_numpy(),
            dtype="bool",
        )
        frame["type"] = frame["type"].mask(is_there, path[1])
        if path[2:] in _OF_OBJECTS:
            name, dtype = _OF_OBJECTS[path[2:]]
            frame[name] = frame[name].fillna(_column(events, path, dtype))
    return _newest_first(frame)


def tabulate_scheduled_payments(payments: Gathered, accounts: Accounts = ()) -> pd.DataFrame:
    """Return one row for each scheduled payment, newest first.

    Parameters
    ----------
    payments
        The scheduled payments as they came.
    accounts
        Your accounts, for their names.
    """
    return _newest_first(_read("scheduled_payments", payments, accounts))


def _read(table: str, gathered: Gathered, accounts: Accounts = ()) -> pd.DataFrame:
    """Return the columns that are fields, and the names of accounts; the others are empty yet."""
    columns = TABLES[table]
    frame = pd.DataFrame(
        {
            name: _money(gathered, facts)
            if facts.unit == CENTS or facts.dtype == "float64"
            else _column(gathered, _path(facts), facts.dtype)
            for name, facts in columns.items()
        },
        copy=False,
    )
    if "account_id" in columns:
        descriptions = {account["id"]: account.get("description") for account in accounts}
        names = {number: text and _text(text) for number, text in descriptions.items()}
        frame["account"] = frame["account_id"].map(names).astype("str")
    frame.attrs["bunqkit"] = {"table": table}
    return frame


def _path(facts: ColumnFacts) -> Path:
    return tuple(facts.source.split("."))


def _money(gathered: Gathered, facts: ColumnFacts) -> Any:
    """Return amounts as float64 or whole cents; missing where that form can't hold one."""
    path = _path(facts)
    texts = gathered.column((*path, "value"))
    currencies = gathered.column((*path, "currency"))
    form: Money = "cents" if facts.unit == CENTS else "float"
    if isinstance(texts, pa.ChunkedArray) and pa.types.is_string(texts.type):
        amounts = read_amounts(texts, currencies, form) if texts.null_count < len(texts) else None
        if amounts is not None:
            return amounts[0]
    values = plain(texts)
    if form == "cents":
        pairs = zip(values, plain(currencies), strict=True)
        cents = [whole_cents({"value": value, "currency": currency}) for value, currency in pairs]
        return pd.Series([_in_64_bits(number) for number in cents], dtype="Int64")
    numbers = [exact(str(value)) for value in values]
    return pd.Series(
        [None if number is None else float(number) for number in numbers], dtype="float64"
    )


def _column(gathered: Gathered, path: Path, dtype: str) -> pd.Series[Any]:
    """Return a column under the dtype that it has in a table, whatever came."""
    column = gathered.column(path)
    kind, read = _READERS[dtype]
    array = to_pandas(column, Kind(kind), "float").values
    if str(array.dtype) == dtype:
        return pd.Series(array, copy=False)
    values = [None if value in ({}, None) else read(value) for value in plain(column)]
    if dtype == TIME:
        times = pd.to_datetime(pd.Series(values), utc=True, errors="coerce", format="ISO8601")
        return pd.Series(times, dtype=TIME)
    return pd.Series(values, dtype=dtype)


def _whole(value: object) -> int | None:
    """Return a whole number, which some answers write as text."""
    if isinstance(value, str) and value.isascii() and value.isdigit():
        return _in_64_bits(int(value))
    return _in_64_bits(value) if isinstance(value, int) and value is not bool(value) else None


def _truth(value: object) -> bool | None:
    return value if isinstance(value, bool) else None


def _time(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _text(value: object) -> str:
    """Return a text. JSON can hold half a surrogate pair, a text can't: it becomes U+FFFD."""
    return str(value).encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _in_64_bits(number: int | None) -> int | None:
    return number if number is not None and -(2**63) <= number < 2**63 else None


_READERS: Mapping[str, tuple[str, Callable[[object], object]]] = {
    "Int64": ("integer", _whole),
    "boolean": ("boolean", _truth),
    "str": ("text", _text),
    TIME: ("time", _time),
}
"""For each dtype, the kind of its fields and what reads one value of another kind."""


def _newest_first(frame: pd.DataFrame) -> pd.DataFrame:
    """Sort by time and id, rows without a time last; keep one row of what came on two pages."""
    keys = [name for name in ("id", "account_id", "direction") if name in frame]
    frame = frame[~frame.duplicated(keys) | frame["id"].isna()]
    return frame.sort_values(
        ["created", "id"], ascending=False, na_position="last", kind="stable", ignore_index=True
    )


def _find_reversed(frame: pd.DataFrame) -> pd.Series[Any]:
    """Return for each reversal the id of the payment before it that it reverses."""
    side = frame["counterparty_iban"].fillna(frame["counterparty"])
    keys = frame[["account_id", "currency"]].assign(side=side)
    is_reversal = frame["sub_type"].eq(_REVERSAL) & frame["amount_cents"].notna()
    sides = keys.merge(keys[is_reversal].drop_duplicates(), how="left", indicator=True)
    is_concerned = sides["_merge"].eq("both").to_numpy() & frame["amount_cents"].notna()
    rows = frame[is_concerned].assign(side=side, is_reversal=is_reversal)
    reversed_ids: dict[Any, Any] = {}
    # By account, currency, other side and direction: how much of each payment is not reversed yet.
    open_cents: dict[tuple[Any, ...], dict[Any, int]] = defaultdict(dict)
    for index, account, currency, other, cents, is_back, number in _rows(
        rows, "account_id", "currency", "side", "amount_cents", "is_reversal", "id"
    ):
        if not is_back:
            open_cents[account, currency, other, cents > 0][number] = abs(cents)
            continue
        candidates = open_cents[account, currency, other, cents < 0]
        fitting = [key for key, rest in candidates.items() if rest == abs(cents)]
        fitting = fitting or [key for key, rest in candidates.items() if rest > abs(cents)]
        if fitting:
            reversed_ids[index] = fitting[-1]
            candidates[fitting[-1]] -= abs(cents)
    return pd.Series(reversed_ids, index=frame.index, dtype="Int64")


def _rows(frame: pd.DataFrame, *names: str) -> Iterator[tuple[Any, ...]]:
    """Return an iterator over index and columns of each row, the oldest first."""
    columns = [frame[name].tolist()[::-1] for name in names]
    return zip(frame.index.tolist()[::-1], *columns, strict=True)
