"""The curated tables: short names, one column order, money as a number and in whole cents.

Columns become columns, without a Python object for each value; what no column type holds as it
came is read value by value, so that the types of the tables never change.
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
"""A card payment that is booked at once may bear a time so long before the transaction's."""

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
    """Give the question whether a table is made of the column of a path.

    Parameters
    ----------
    table
        Its name.
    """
    sources = [_path(heading) for heading in TABLES[table].values()]
    return lambda path: any(path[: len(source)] == source for source in sources)


def tabulate_accounts(accounts: Gathered) -> pd.DataFrame:
    """One row an account, of whatever kind, in the order in which they came.

    Parameters
    ----------
    accounts
        As they came.

    Returns
    -------
    DataFrame
        ``id, type, description, iban, balance, balance_cents, currency, status``. ``type`` is the
        name that the account came under; ``balance`` is in units of ``currency``.
    """
    frame = _read("accounts", accounts)
    frame["type"] = pd.Series(accounts.names, dtype="str")
    aliases = plain(accounts.column(("alias",)))
    frame["iban"] = pd.Series([find_iban({"alias": each}) for each in aliases], dtype="str")
    frame["currency"] = frame["currency"].fillna(_column(accounts, ("currency",), "str"))
    return frame


def tabulate_payments(payments: Gathered, accounts: Accounts = ()) -> pd.DataFrame:
    """One row a payment, newest first.

    Parameters
    ----------
    payments
        As they came.
    accounts
        Your accounts, by which their names, and transfers between them, are known.

    Returns
    -------
    DataFrame
        ``id, created, account_id, account, amount, amount_cents, currency, counterparty,
        counterparty_iban, description, type, sub_type, balance_after, direction, is_own_transfer,
        reverses``. ``created`` is UTC; ``amount`` is negative for what goes out, in units of
        ``currency``; a sum that must be exact is one of ``amount_cents``. A payment whose
        ``sub_type`` is ``REVERSAL`` reverses the last one before it on the same account, with the
        same other side and the opposite amount; if there is none, and only a part is given back,
        the last one that it can be a part of.
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
    """One row a request for money, made (``RequestInquiry``) or received, newest first.

    Parameters
    ----------
    requests
        As they came.
    accounts
        Your accounts, by which their names are known.
    """
    frame = _read("money_requests", requests, accounts)
    kinds = pd.Series(requests.names, dtype="str")
    frame["direction"] = kinds.eq("RequestInquiry").map({True: "in", False: "out"}).astype("str")
    return _newest_first(frame)


def tabulate_cards(cards: Gathered) -> pd.DataFrame:
    """One row a card.

    Parameters
    ----------
    cards
        As they came.
    """
    return _newest_first(_read("cards", cards))


def tabulate_card_transactions(actions: Gathered, accounts: Accounts = ()) -> pd.DataFrame:
    """One row a card transaction, newest first; one that comes twice has one row.

    Parameters
    ----------
    actions
        The card actions (``MasterCardAction``) as they came.
    accounts
        Your accounts, by which their names are known.
    """
    return _newest_first(_read("card_transactions", actions, accounts))


def link_payments(transactions: pd.DataFrame, payments: pd.DataFrame) -> pd.DataFrame:
    """Give card transactions with the payments that they became.

    Parameters
    ----------
    transactions, payments
        Curated tables of the same accounts. Each payment belongs to at most one transaction that
        was allowed, with the same account, amount and currency: the first that has none yet.
    """
    is_charge = (
        payments["type"].isin(_CARD_TYPES)
        & payments["sub_type"].ne(_REVERSAL)
        & payments["direction"].eq("out")
        & payments["amount_cents"].notna()
    )
    key = ("account_id", "currency", "amount_cents")
    waiting: dict[tuple[Any, ...], list[tuple[Any, Any]]] = defaultdict(list)
    for _, account, currency, cents, when, number in _rows(
        payments[is_charge], *key, "created", "id"
    ):
        waiting[account, currency, -cents].append((when, number))
    is_allowed = transactions["decision"].isna() | transactions["decision"].eq(_ALLOWED)
    allowed = transactions[is_allowed & transactions["amount_cents"].notna()]
    found: dict[Any, Any] = {}
    for index, account, currency, cents, when in _rows(allowed, *key, "created"):
        # The amount of a transaction bears no sign in some answers; that of a payment does.
        candidates = waiting[account, currency, abs(cents)]
        for at, (booked, number) in enumerate(candidates):
            if -MOMENT <= booked - when <= _LONGEST_CLEARING:
                found[index] = number
                del candidates[at]
                break
    ids = pd.Series(found, index=transactions.index, dtype="Int64")
    return transactions.assign(payment_id=ids)


def tabulate_events(events: Gathered, accounts: Accounts = ()) -> pd.DataFrame:
    """One row an event, newest first.

    Parameters
    ----------
    events
        As they came.
    accounts
        Your accounts, by which their names are known.
    """
    frame = _read("events", events, accounts)
    # An object stands under its type: the type of a row is the one that it has something under.
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
    """One row a scheduled payment, newest first.

    Parameters
    ----------
    payments
        The scheduled payments as they came.
    accounts
        Your accounts, by which their names are known.
    """
    return _newest_first(_read("scheduled_payments", payments, accounts))


def _read(table: str, gathered: Gathered, accounts: Accounts = ()) -> pd.DataFrame:
    """Give the columns that are fields, and the names of accounts; the others hold nothing yet."""
    headings = TABLES[table]
    frame = pd.DataFrame(
        {
            name: _money(gathered, heading)
            if heading.unit == CENTS or heading.dtype == "float64"
            else _column(gathered, _path(heading), heading.dtype)
            for name, heading in headings.items()
        },
        copy=False,
    )
    if "account_id" in headings:
        names = {account["id"]: account.get("description") for account in accounts}
        plain_names = {number: name and _text(name) for number, name in names.items()}
        frame["account"] = frame["account_id"].map(plain_names).astype("str")
    frame.attrs["bunqkit"] = {"table": table}
    return frame


def _path(heading: ColumnFacts) -> Path:
    return tuple(heading.source.split("."))


def _money(gathered: Gathered, heading: ColumnFacts) -> Any:
    """Give amounts as float64 or whole cents; missing where that form can't hold one."""
    path = _path(heading)
    texts = gathered.column((*path, "value"))
    currencies = gathered.column((*path, "currency"))
    form: Money = "cents" if heading.unit == CENTS else "float"
    if isinstance(texts, pa.ChunkedArray) and pa.types.is_string(texts.type):
        read = read_amounts(texts, currencies, form) if texts.null_count < len(texts) else None
        if read is not None:
            return read[0]
    pairs = zip(plain(texts), plain(currencies), strict=True)
    if form == "cents":
        cents = [whole_cents({"value": value, "currency": currency}) for value, currency in pairs]
        return pd.Series([_in_64_bits(each) for each in cents], dtype="Int64")
    numbers = [exact(str(value)) for value, _ in pairs]
    return pd.Series([None if each is None else float(each) for each in numbers], dtype="float64")


def _column(gathered: Gathered, path: Path, dtype: str) -> pd.Series[Any]:
    """Give a column under the type that it has in a table, whatever came."""
    column = gathered.column(path)
    kinds = {"Int64": "integer", "str": "text", TIME: "time", "boolean": "boolean"}
    array = to_pandas(column, Kind(kinds[dtype]), "float").values
    if str(array.dtype) == dtype:
        return pd.Series(array, copy=False)
    values = [None if value == {} else value for value in plain(column)]
    if dtype == TIME:
        texts = pd.Series([value if isinstance(value, str) else None for value in values])
        times = pd.to_datetime(texts, utc=True, errors="coerce", format="ISO8601")
        return pd.Series(times, dtype=TIME)
    readers: dict[str, Callable[[Any], Any]] = {"Int64": _whole, "boolean": _truth, "str": _text}
    read = readers[dtype]
    return pd.Series([None if value is None else read(value) for value in values], dtype=dtype)


def _whole(value: object) -> int | None:
    """Read a whole number, which some answers write as text."""
    if isinstance(value, str) and value.isascii() and value.isdigit():
        return _in_64_bits(int(value))
    return _in_64_bits(value) if isinstance(value, int) and value is not bool(value) else None


def _truth(value: object) -> bool | None:
    return value if isinstance(value, bool) else None


def _text(value: object) -> str:
    """Read a text; half a surrogate pair, which JSON can hold and no text, becomes U+FFFD."""
    return str(value).encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _in_64_bits(number: int | None) -> int | None:
    return number if number is not None and -(2**63) <= number < 2**63 else None


def _newest_first(frame: pd.DataFrame) -> pd.DataFrame:
    """Sort by time and id, what has no time last; what came on two pages is there once."""
    keys = [name for name in ("id", "account_id", "direction") if name in frame]
    frame = frame[~frame.duplicated(keys) | frame["id"].isna()]
    return frame.sort_values(
        ["created", "id"], ascending=False, na_position="last", kind="stable", ignore_index=True
    )


def _find_reversed(frame: pd.DataFrame) -> pd.Series[Any]:
    """Find for each reversal what it reverses, among the payments before it."""
    side = frame["counterparty_iban"].fillna(frame["counterparty"])
    keys = frame[["account_id", "currency"]].assign(side=side)
    is_reversal = frame["sub_type"].eq(_REVERSAL) & frame["amount_cents"].notna()
    sides = keys.merge(keys[is_reversal].drop_duplicates(), how="left", indicator=True)
    is_concerned = sides["_merge"].eq("both").to_numpy() & frame["amount_cents"].notna()
    rows = frame[is_concerned].assign(side=side, is_reversal=is_reversal)
    found: dict[Any, Any] = {}
    left: dict[tuple[Any, ...], dict[Any, int]] = defaultdict(dict)
    key = ("account_id", "currency", "side")
    for index, *whose, cents, is_back, number in _rows(
        rows, *key, "amount_cents", "is_reversal", "id"
    ):
        if not is_back:
            left[*whose, cents > 0][number] = abs(cents)
            continue
        opposite = left[*whose, cents < 0]
        fitting = [each for each, open_cents in opposite.items() if open_cents == abs(cents)]
        fitting = fitting or [each for each, rest in opposite.items() if rest > abs(cents)]
        if fitting:
            found[index] = fitting[-1]
            opposite[fitting[-1]] -= abs(cents)
    return pd.Series(found, index=frame.index, dtype="Int64")


def _rows(frame: pd.DataFrame, *names: str) -> Iterator[tuple[Any, ...]]:
    """Give index and columns of each row of a table, the oldest first."""
    columns = [frame[name].tolist()[::-1] for name in names]
    return zip(frame.index.tolist()[::-1], *columns, strict=True)
