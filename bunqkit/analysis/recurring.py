"""What comes back: recurring payments, their changes of price, a forecast made of them.

Pure functions from tables to tables. Amounts are in whole cents, a day is a day in Amsterdam.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from bunqkit.analysis.spending import (
    clean_merchants,
    days_of,
    in_order,
    in_units,
    without_own_transfers,
)
from bunqkit.errors import FrameError

_LEAST = 3
# How many days lie between, and how many more or fewer weekends and short months make of it.
_RHYTHMS = {
    "week": (7, 2),
    "two weeks": (14, 3),
    "month": (30.4, 5),
    "quarter": (91, 9),
    "year": (365, 15),
}
_STEPS = {
    "week": pd.DateOffset(days=7),
    "two weeks": pd.DateOffset(days=14),
    "month": pd.DateOffset(months=1),
    "quarter": pd.DateOffset(months=3),
    "year": pd.DateOffset(years=1),
}
# Of the gaps that keep the rhythm, and of the amounts that stay near the one before.
_MOSTLY = 0.8
_NEAR = 0.25
# Of the amounts that are the one before, for it to be a price.
_HELD = 0.6
_EVERYDAY_DAYS = 90
# What differs from month to month in a description: numbers and the months' names.
_NUMBERS = r"\S*\d\S*"
_MONTHS = (
    r"\b(?:jan(?:uar[iy])?|feb(?:ruar[iy])?|mar(?:ch)?|maart|mrt|apr(?:il)?|may|mei|june?|juni"
    r"|july?|juli|aug(?:ust(?:us)?)?|sep(?:t(?:ember)?)?|o[ck]t(?:ober)?|nov(?:ember)?"
    r"|dec(?:ember)?)\b"
)


def recurring(payments: pd.DataFrame) -> pd.DataFrame:
    """One row a payment that comes back: rent, salary, a subscription.

    Payments belong together that are of one account, direction, other side and purpose (the
    description without numbers and months). They recur if there are three or more, four of five
    gaps are of one length, and four of five amounts stay within a quarter of the one before.

    Parameters
    ----------
    payments
        As ``bunq.payments()`` gives them.

    Returns
    -------
    DataFrame
        ``account_id, account, counterparty, purpose, every`` (``week`` to ``year``), ``payments,
        first_day, last_day, next_day, amount`` (the latest), ``amount_cents, currency, changes``
        (how often the amount changed), ``is_active`` (the next one is not overdue at the end of
        the table). The largest first.
    """
    columns = {
        "account_id": "Int64", "account": "str", "counterparty": "str", "purpose": "str",
        "every": "str", "payments": "Int64", "first_day": "datetime64[us]",
        "last_day": "datetime64[us]", "next_day": "datetime64[us]", "amount": "float64",
        "amount_cents": "Int64", "currency": "str", "changes": "Int64", "is_active": "boolean",
    }  # fmt: skip
    end = days_of(payments).max()
    rows = [_tell(series, end) for series in _find_series(payments)]
    frame = pd.DataFrame(
        {
            name: pd.Series([row.get(name) for row in rows], dtype=dtype)
            for name, dtype in columns.items()
        }
    )
    frame["amount"] = in_units(frame["amount_cents"], frame["currency"])
    order = frame["amount_cents"].abs().sort_values(ascending=False, kind="stable").index
    return frame.loc[order].reset_index(drop=True)


def price_changes(payments: pd.DataFrame) -> pd.DataFrame:
    """One row a change of the price of a recurring payment, newest first.

    A price is an amount that mostly stays: what differs from time to time has none.

    Parameters
    ----------
    payments
        As ``bunq.payments()`` gives them.

    Returns
    -------
    DataFrame
        ``day, counterparty, purpose, every, before, after, change, currency``, amounts with the
        sign of the payments, ``percent`` by which the amount grew, whatever its sign, and
        ``change_cents``, exact.
    """
    columns = {
        "day": "datetime64[us]", "counterparty": "str", "purpose": "str", "every": "str",
        "before": "Int64", "after": "Int64", "change": "Int64", "currency": "str",
        "percent": "float64", "change_cents": "Int64",
    }  # fmt: skip
    rows = []
    for series in _find_series(payments):
        row = series.payments
        cents = row["amount_cents"]
        if (cents.diff().iloc[1:] == 0).mean() < _HELD:
            continue
        for at in np.flatnonzero(cents.diff().fillna(0).to_numpy()):
            before, after = int(cents.iloc[at - 1]), int(cents.iloc[at])
            percent = round(100 * (abs(after) / abs(before) - 1), 1)
            rows.append(
                [row["day"].iloc[at], series.counterparty, series.purpose, series.every, before,
                 after, after - before, series.currency, percent, after - before]
            )  # fmt: skip
    frame = pd.DataFrame(rows, columns=list(columns)).astype(columns)
    for name in ("before", "after", "change"):
        frame[name] = in_units(frame[name], frame["currency"])
    return frame.sort_values("day", ascending=False, kind="stable", ignore_index=True)


def forecast(payments: pd.DataFrame, account: str | None = None) -> pd.DataFrame:
    """One row a day, from the last payment to the next salary: what the balance will be.

    Each active recurring payment comes when it is due, with its latest amount. What is not
    recurring goes out as it did on the average day of the last 90 days.

    Parameters
    ----------
    payments
        As ``bunq.payments()`` gives them.
    account
        Description of the account; the one that gets the largest recurring income by default.

    Returns
    -------
    DataFrame
        ``day, expected`` (what is due, in words), ``balance, due_cents, everyday_cents,
        balance_cents, currency``. The salary comes on the last day.

    Raises
    ------
    FrameError
        If nothing that recurs brings money, so that there is no next salary.
    """
    known = recurring(without_own_transfers(payments))
    incomes = known[(known["amount_cents"] > 0) & known["is_active"]]
    if account is not None:
        incomes = incomes[incomes["account"] == account]
    if incomes.empty:
        raise FrameError(
            f"No income recurs{'' if account is None else f' on {account!r}'}, so there is no next "
            "salary to forecast to. Give payments of three months or more."
        )
    salary = incomes.iloc[0]
    own = payments[payments["account_id"] == salary["account_id"]]
    series = [each for each in _find_series(own) if _tell(each, days_of(own).max())["is_active"]]
    booked = in_order(own)
    last_day = days_of(payments).max()
    days = pd.date_range(last_day, salary["next_day"], name="day", unit="us")[1:]
    due = _due(series, days)
    everyday = _everyday_cents(booked, series, last_day)
    frame = pd.DataFrame(
        {
            "expected": due.groupby("day")["what"].agg(", ".join).reindex(days, fill_value=""),
            "due_cents": due.groupby("day")["cents"].sum().reindex(days, fill_value=0),
        }
    )
    frame = frame.reset_index().assign(everyday_cents=everyday, currency=salary["currency"])
    daily = frame["due_cents"] + frame["everyday_cents"]
    frame["balance_cents"] = booked["balance_cents"].iloc[-1] + daily.cumsum()
    frame["balance"] = in_units(frame["balance_cents"], frame["currency"])
    columns = ["day", "expected", "balance", "due_cents", "everyday_cents", "balance_cents"]
    cents = dict.fromkeys(columns[3:], "Int64")
    return frame[[*columns, "currency"]].astype({**cents, "expected": "str"})


@dataclass(frozen=True)
class _Series:
    """Payments that belong together, in their order, and how often they come."""

    payments: pd.DataFrame
    counterparty: str
    purpose: str
    currency: str
    every: str

    def days_after(self, first: pd.Timestamp, last: pd.Timestamp) -> Iterator[pd.Timestamp]:
        """Give the days on which it is due, from the first one after its last payment on."""
        start, count = self.payments["day"].iloc[-1], 1
        # Counted from the last payment, so that the 31st does not become the 28th for ever.
        while (day := start + count * _STEPS[self.every]) <= last:
            if day >= first:
                yield day
            count += 1


def _find_series(payments: pd.DataFrame) -> list[_Series]:
    booked = in_order(payments)
    cents = booked["amount_cents"]
    booked = booked.assign(
        side=booked["counterparty_iban"].fillna(clean_merchants(booked["counterparty"])),
        purpose=_purposes(booked["description"]),
        is_out=cents < 0,
    )
    keys = ["account_id", "currency", "is_out", "side", "purpose"]
    found = []
    for _, part in booked.groupby(keys, dropna=False, sort=False):
        every = _rhythm(part)
        if every is not None:
            last = part.iloc[-1]
            found.append(
                _Series(part, last["counterparty"], last["purpose"], last["currency"], every)
            )
    return found


def _purposes(descriptions: pd.Series[Any]) -> pd.Series[Any]:
    bare = descriptions.astype("str").str.replace(_NUMBERS, " ", regex=True)
    bare = bare.str.replace(_MONTHS, " ", case=False, regex=True)
    return bare.str.replace(r"\s+", " ", regex=True).str.strip()


def _rhythm(part: pd.DataFrame) -> str | None:
    """Give how often the payments come, if they do so regularly."""
    if len(part) < _LEAST:
        return None
    gaps = part["day"].diff().dt.days.to_numpy()[1:]
    cents = part["amount_cents"].to_numpy(dtype="float64")
    before = np.abs(cents[:-1])
    if np.mean(np.abs(np.diff(cents)) <= _NEAR * before) < _MOSTLY:
        return None
    for name, (days, slack) in _RHYTHMS.items():
        if np.mean(np.abs(gaps - days) <= slack) >= _MOSTLY:
            return name
    return None


def _tell(series: _Series, end: pd.Timestamp) -> dict[str, Any]:
    """Give the row of a series in a table of payments that ends on a day."""
    part, last = series.payments, series.payments.iloc[-1]
    next_day = last["day"] + _STEPS[series.every]
    return {
        "account_id": last["account_id"],
        "account": last["account"],
        "counterparty": series.counterparty,
        "purpose": series.purpose,
        "every": series.every,
        "payments": len(part),
        "first_day": part["day"].iloc[0],
        "last_day": last["day"],
        "next_day": next_day,
        "amount_cents": last["amount_cents"],
        "currency": series.currency,
        "changes": int((part["amount_cents"].diff().fillna(0) != 0).sum()),
        "is_active": bool(next_day + pd.Timedelta(days=_RHYTHMS[series.every][1]) >= end),
    }


def _due(series: list[_Series], days: pd.DatetimeIndex) -> pd.DataFrame:
    rows = [
        (day, each.purpose or each.counterparty, each.payments["amount_cents"].iloc[-1])
        for each in series
        for day in each.days_after(days[0], days[-1])
    ]
    return pd.DataFrame(rows, columns=["day", "what", "cents"])


def _everyday_cents(booked: pd.DataFrame, series: list[_Series], last_day: pd.Timestamp) -> int:
    """Give what goes out on an average day besides what recurs, as a negative number."""
    regular = [number for each in series for number in each.payments["id"]]
    recent = booked["day"] > last_day - pd.Timedelta(days=_EVERYDAY_DAYS)
    other = without_own_transfers(booked[recent & ~booked["id"].isin(regular)])
    return round(int(other["amount_cents"].sum()) / _EVERYDAY_DAYS)
