"""Recurring payments, the changes of their prices, and a forecast made of them.

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
    sort_by_booking,
    without_own_transfers,
)
from bunqkit.errors import FrameError
from bunqkit.frames.money import to_units

# The fewest payments that make a series.
_LEAST = 3
# The days between two payments, how many more or fewer there may be (because of weekends and short
# months), and the step to the next one.
_RHYTHMS = {
    "week": (7, 2, pd.DateOffset(days=7)),
    "two weeks": (14, 3, pd.DateOffset(days=14)),
    "month": (30.4, 5, pd.DateOffset(months=1)),
    "quarter": (91, 9, pd.DateOffset(months=3)),
    "year": (365, 15, pd.DateOffset(years=1)),
}
# The share of gaps that must fit the rhythm, and of amounts that must be near the one before.
_MOSTLY = 0.8
# By how much an amount may differ from the one before to be near it.
_NEAR = 0.25
# The share of amounts that must equal the one before, for the amount to be a price.
_PRICE_SHARE = 0.6
_EVERYDAY_DAYS = 90
# The parts of a description that differ from month to month: numbers and the months' names.
_NUMBERS = r"\S*\d\S*"
_MONTHS = (
    r"\b(?:jan(?:uar[iy])?|feb(?:ruar[iy])?|mar(?:ch)?|maart|mrt|apr(?:il)?|may|mei|june?|juni"
    r"|july?|juli|aug(?:ust(?:us)?)?|sep(?:t(?:ember)?)?|o[ck]t(?:ober)?|nov(?:ember)?"
    r"|dec(?:ember)?)\b"
)


def recurring(payments: pd.DataFrame) -> pd.DataFrame:
    """Return the payments that recur, such as rent, salary and subscriptions, one row each.

    Payments of one account, direction, other side and purpose (the description without numbers and
    months) are a series. It recurs if it has three payments or more, four of five gaps are of one
    length, and four of five amounts differ from the one before by a quarter of it at most.

    Parameters
    ----------
    payments
        As ``bunq.payments()`` returns them.

    Returns
    -------
    DataFrame
        ``account_id, account, counterparty, purpose, every`` (``week`` to ``year``), ``payments,
        first_day, last_day, next_day, amount`` (the latest), ``amount_cents, currency, changes``
        (how often the amount changed), ``is_active`` (the next payment is not overdue at the end
        of the table). The largest first.
    """
    columns = {
        "account_id": "Int64", "account": "str", "counterparty": "str", "purpose": "str",
        "every": "str", "payments": "Int64", "first_day": "datetime64[us]",
        "last_day": "datetime64[us]", "next_day": "datetime64[us]", "amount": "float64",
        "amount_cents": "Int64", "currency": "str", "changes": "Int64", "is_active": "boolean",
    }  # fmt: skip
    end = days_of(payments).max()
    rows = [series.summary(end) for series in _find_series(payments)]
    frame = pd.DataFrame(rows, columns=list(columns)).astype(columns)
    frame["amount"] = to_units(frame["amount_cents"], frame["currency"])
    order = frame["amount_cents"].abs().sort_values(ascending=False, kind="stable").index
    return frame.loc[order].reset_index(drop=True)


def price_changes(payments: pd.DataFrame) -> pd.DataFrame:
    """Return the changes of the prices of recurring payments, one row a change, newest first.

    A price is an amount that mostly stays the same; a series whose amounts keep changing has none.

    Parameters
    ----------
    payments
        As ``bunq.payments()`` returns them.

    Returns
    -------
    DataFrame
        ``day, counterparty, purpose, every, before, after, change, currency, percent,
        change_cents``. Amounts have the sign of the payments; ``percent`` says by how much the
        amount without its sign grew; ``change_cents`` is exact.
    """
    columns = {
        "day": "datetime64[us]", "counterparty": "str", "purpose": "str", "every": "str",
        "before": "Int64", "after": "Int64", "change": "Int64", "currency": "str",
        "percent": "float64", "change_cents": "Int64",
    }  # fmt: skip
    rows = []
    for series in _find_series(payments):
        days, cents = series.payments["day"], series.payments["amount_cents"]
        steps = cents.diff().iloc[1:]
        if (steps == 0).mean() < _PRICE_SHARE:
            continue
        for place in np.flatnonzero(steps) + 1:
            before, after = int(cents.iloc[place - 1]), int(cents.iloc[place])
            percent = round(100 * (abs(after) / abs(before) - 1), 1)
            rows.append(
                (
                    *(days.iloc[place], series.counterparty, series.purpose, series.every),
                    *(before, after, after - before, series.currency, percent, after - before),
                )
            )
    frame = pd.DataFrame(rows, columns=list(columns)).astype(columns)
    for name in ("before", "after", "change"):
        frame[name] = to_units(frame[name], frame["currency"])
    return frame.sort_values("day", ascending=False, kind="stable", ignore_index=True)


def forecast(payments: pd.DataFrame, account: str | None = None) -> pd.DataFrame:
    """Return the balance expected on each day from the last payment to the next salary.

    Each active recurring payment comes when it is due, with its latest amount. All other spending
    goes on as on the average day of the last 90 days.

    Parameters
    ----------
    payments
        As ``bunq.payments()`` returns them.
    account
        Description of the account; by default the one with the largest recurring income.

    Returns
    -------
    DataFrame
        One row a day: ``day, expected`` (the payments that are due, in words), ``balance,
        due_cents, everyday_cents, balance_cents, currency``. The salary comes on the last day.

    Raises
    ------
    FrameError
        If no active recurring payment is an income, so that there is no next salary.
    """
    known = recurring(without_own_transfers(payments))
    incomes = known[(known["amount_cents"] > 0) & known["is_active"]]
    if account is not None:
        incomes = incomes[incomes["account"] == account]
    if incomes.empty:
        raise FrameError(
            f"No income recurs{'' if account is None else f' on {account!r}'}, so the forecast has "
            "no next salary to end at. Pass payments of three months or more."
        )
    salary = incomes.iloc[0]
    own = payments[payments["account_id"] == salary["account_id"]]
    end = days_of(own).max()
    active = [series for series in _find_series(own) if series.summary(end)["is_active"]]
    booked = sort_by_booking(own)
    last_day = days_of(payments).max()
    days = pd.date_range(last_day, salary["next_day"], name="day", unit="us")[1:]
    due = _due(active, days)
    everyday = _everyday_cents(booked, active, last_day)
    frame = pd.DataFrame(
        {
            "expected": due.groupby("day")["what"].agg(", ".join).reindex(days, fill_value=""),
            "due_cents": due.groupby("day")["cents"].sum().reindex(days, fill_value=0),
        }
    )
    frame = frame.reset_index().assign(everyday_cents=everyday, currency=salary["currency"])
    daily = frame["due_cents"] + frame["everyday_cents"]
    frame["balance_cents"] = booked["balance_cents"].iloc[-1] + daily.cumsum()
    frame["balance"] = to_units(frame["balance_cents"], frame["currency"])
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

    def days_due(self, first: pd.Timestamp, last: pd.Timestamp) -> Iterator[pd.Timestamp]:
        """Yield the days in a span on which a payment is due."""
        latest, count = self.payments["day"].iloc[-1], 1
        # Counted from the latest payment, so that the 31st does not become the 28th for ever.
        while (day := latest + count * _RHYTHMS[self.every][2]) <= last:
            if day >= first:
                yield day
            count += 1

    def summary(self, end: pd.Timestamp) -> dict[str, Any]:
        """Return the row of the series in a table of payments that ends on a day."""
        days, cents = self.payments["day"], self.payments["amount_cents"]
        _, slack, step = _RHYTHMS[self.every]
        next_day = days.iloc[-1] + step
        return {
            "account_id": self.payments["account_id"].iloc[-1],
            "account": self.payments["account"].iloc[-1],
            "counterparty": self.counterparty,
            "purpose": self.purpose,
            "every": self.every,
            "payments": len(days),
            "first_day": days.iloc[0],
            "last_day": days.iloc[-1],
            "next_day": next_day,
            "amount_cents": cents.iloc[-1],
            "currency": self.currency,
            "changes": int((cents.diff().iloc[1:] != 0).sum()),
            "is_active": bool(next_day + pd.Timedelta(days=slack) >= end),
        }


def _find_series(payments: pd.DataFrame) -> list[_Series]:
    booked = sort_by_booking(payments)
    cents = booked["amount_cents"]
    booked = booked.assign(
        side=booked["counterparty_iban"].fillna(clean_merchants(booked["counterparty"])),
        purpose=_purposes(booked["description"]),
        is_out=cents < 0,
    )
    keys = ["account_id", "currency", "is_out", "side", "purpose"]
    series = []
    for _, part in booked.groupby(keys, dropna=False, sort=False):
        every = _rhythm(part)
        if every is not None:
            last = part.iloc[-1]
            series.append(
                _Series(part, last["counterparty"], last["purpose"], last["currency"], every)
            )
    return series


def _purposes(descriptions: pd.Series[Any]) -> pd.Series[Any]:
    bare = descriptions.astype("str").str.replace(_NUMBERS, " ", regex=True)
    bare = bare.str.replace(_MONTHS, " ", case=False, regex=True)
    return bare.str.replace(r"\s+", " ", regex=True).str.strip()


def _rhythm(part: pd.DataFrame) -> str | None:
    """Return how often payments come; ``None`` if they don't come regularly."""
    if len(part) < _LEAST:
        return None
    gaps = part["day"].diff().dt.days.to_numpy()[1:]
    cents = part["amount_cents"].to_numpy(dtype="float64")
    before = np.abs(cents[:-1])
    if np.mean(np.abs(np.diff(cents)) <= _NEAR * before) < _MOSTLY:
        return None
    for name, (days, slack, _) in _RHYTHMS.items():
        if np.mean(np.abs(gaps - days) <= slack) >= _MOSTLY:
            return name
    return None


def _due(active: list[_Series], days: pd.DatetimeIndex) -> pd.DataFrame:
    rows = [
        (day, series.purpose or series.counterparty, series.payments["amount_cents"].iloc[-1])
        for series in active
        for day in series.days_due(days[0], days[-1])
    ]
    return pd.DataFrame(rows, columns=["day", "what", "cents"])


def _everyday_cents(booked: pd.DataFrame, active: list[_Series], last_day: pd.Timestamp) -> int:
    """Return the cents that an average day adds besides recurring payments: mostly negative."""
    regular = [number for series in active for number in series.payments["id"]]
    is_recent = booked["day"] > last_day - pd.Timedelta(days=_EVERYDAY_DAYS)
    other = without_own_transfers(booked[is_recent & ~booked["id"].isin(regular)])
    return round(int(other["amount_cents"].sum()) / _EVERYDAY_DAYS)
