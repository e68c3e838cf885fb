"""Answers from a table of payments: cash flow, balances, categories, shared bills.

Pure functions from tables to tables. Sums are made in whole cents, amounts of different currencies
are never added up, and a day is a day in Amsterdam.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import date
from typing import Any, Literal, get_args

import pandas as pd
import pyarrow as pa

from bunqkit.errors import FrameError
from bunqkit.frames.money import to_cents, to_units

Period = Literal["day", "week", "month", "quarter", "year"]
"""The periods of a cash flow."""

ZONE = "Europe/Amsterdam"
OTHER = "other"
OWN = "own transfers"

_RULES = (
    ("income", "description", r"salary|salaris|\bloon\b|pension|pensioen|uitkering"),
    ("income", "description", r"interest|rente"),
    ("home", "description", r"\brent\b|huur|mortgage|hypotheek|\bvve\b"),
    ("home", "counterparty", r"woon|waterschap"),
    ("home", "description", r"water|energ|\bgas\b|electric"),
    ("home", "counterparty", r"energ|water"),
    ("insurance", "description", r"insurance|verzeker"),
    ("insurance", "counterparty", r"verzeker|assur"),
    ("phone and media", "description", r"sim only|internet|subscription|abonnement"),
    ("phone and media", "counterparty", r"mobiel|telecom|stream"),
    ("shared bills", "sub_type", r"request"),
    ("shared bills", "description", r"household|half of|share of|tikkie|splitwise"),
    ("groceries", "counterparty", r"super|markt|groente|bakkerij|slagerij"),
    ("eating out", "counterparty", r"cafe|café|restaurant|eet|diner|pastel|kettle"),
    ("travel", "counterparty", r"rail|metro|tram|ferry|taxi|\binn\b|motel|hotel|pensao|airline"),
    ("sport and health", "counterparty", r"sport|fit|apotheek|pharmacy"),
    ("cash", "sub_type", r"withdrawal"),
    ("cash", "counterparty", r"geldautomaat|\batm\b"),
    ("shopping", "counterparty", r"winkel|shop|store|fiets"),
)
# What payment processors and shops put around a merchant's name.
_PROCESSORS = r"^(?:bck|ccv|sumup|pay\.nl|zettle_?|izettle|paypal|sq|stripe|mollie|adyen)\s*[*_]\s*"
_TAIL = r"(?:\s+(?:[a-z]*\d[\w/-]*|[a-z]{2}|nld|bv|b\.v\.|nv|n\.v\.|gmbh|ltd))+$"


def refuse_incomplete(frame: pd.DataFrame, *, allow_incomplete: bool = False) -> None:
    """Raise FrameError if a table says that it was cut, unless that is allowed."""
    attrs = frame.attrs.get("bunqkit", {})
    if attrs.get("complete") is False and not allow_incomplete:
        raise FrameError(
            f"The table of {len(frame):,} rows was cut by {attrs.get('cut_by')}, so its sums are "
            "not those of all payments. Fetch all of it, or pass allow_incomplete=True."
        )


def days_of(payments: pd.DataFrame) -> pd.Series[Any]:
    """Return the day in Amsterdam on which each payment was made, as a time without zone."""
    local: pd.Series[Any] = payments["created"].dt.tz_convert(ZONE).dt.tz_localize(None)
    days: pd.Series[Any] = local.dt.normalize()
    return days


def sort_by_booking(payments: pd.DataFrame) -> pd.DataFrame:
    """Return payments in the order of their booking, with ``balance_cents`` and ``day``."""
    booked = payments.sort_values(["created", "id"])
    # A float64 that prints back to a bank's amount is within half a cent of it.
    cents = to_cents(booked["balance_after"], booked["currency"])
    return booked.assign(balance_cents=cents, day=days_of(booked))


def without_own_transfers(payments: pd.DataFrame) -> pd.DataFrame:
    """Return the payments without transfers between your own accounts.

    Such a transfer is neither income nor spending.
    """
    return payments[~payments["is_own_transfer"].fillna(value=False)]


def cash_flow(
    payments: pd.DataFrame, by: Period = "month", *, own_transfers: bool = False
) -> pd.DataFrame:
    """Return what came in and what went out, one row a period and currency.

    Parameters
    ----------
    payments
        As ``bunq.payments()`` returns them.
    by
        ``day``, ``week`` (from Monday), ``month``, ``quarter`` or ``year``.
    own_transfers
        Whether transfers between your own accounts count.

    Returns
    -------
    DataFrame
        ``period`` (its first day), ``currency``, ``money_in``, ``money_out`` (negative) and
        ``net`` in units of the currency, the same three in ``_cents``, exact. A period without a
        payment has zeros.

    Raises
    ------
    FrameError
        If ``by`` is no period.
    """
    if by not in get_args(Period):
        raise FrameError(f"by is {by!r}. Make it one of {', '.join(get_args(Period))}.")
    counted = payments if own_transfers else without_own_transfers(payments)
    code = {"day": "D", "week": "W-SUN", "month": "M", "quarter": "Q", "year": "Y"}[by]
    periods = days_of(counted).dt.to_period(code)
    cents = counted["amount_cents"]
    sums = (
        pd.DataFrame(
            {
                "currency": counted["currency"],
                "period": periods,
                "money_in_cents": cents.where(cents > 0, 0),
                "money_out_cents": cents.where(cents < 0, 0),
            }
        )
        .groupby(["currency", "period"])[["money_in_cents", "money_out_cents"]]
        .sum()
    )
    filled = [
        part.droplevel("currency")
        .reindex(pd.period_range(periods.min(), periods.max(), freq=code), fill_value=0)
        .rename_axis("period")
        .reset_index()
        .assign(currency=str(currency))
        for currency, part in sums.groupby(level="currency")
    ]
    flow = pd.concat(filled) if filled else sums.reset_index()
    flow = flow.sort_values(["period", "currency"], ignore_index=True)
    flow["period"] = flow["period"].dt.start_time
    flow["net_cents"] = flow["money_in_cents"] + flow["money_out_cents"]
    for name in ("money_in", "money_out", "net"):
        flow[f"{name}_cents"] = flow[f"{name}_cents"].astype("Int64")
        flow[name] = to_units(flow[f"{name}_cents"], flow["currency"])
    return flow[
        ["period", "currency", "money_in", "money_out", "net",
         "money_in_cents", "money_out_cents", "net_cents"]
    ]  # fmt: skip


def totals(payments: pd.DataFrame, of: str = "counterparty") -> pd.DataFrame:
    """Return how much was paid for each value of a column, one row a value and currency.

    Parameters
    ----------
    payments
        The payments to add up, such as those that go out.
    of
        The column, such as ``category`` or ``counterparty``.

    Returns
    -------
    DataFrame
        The column, ``currency, payments, amount, amount_cents, share``; the largest first.
        ``share`` is the part of all amounts in the same direction and currency, from 0 to 1.
    """
    _check_columns(payments, [of])
    # Missing names are a group of their own: money never drops out of a sum.
    grouped = payments.groupby([of, "currency"], dropna=False)["amount_cents"]
    sums = grouped.agg(payments="size", amount_cents="sum").reset_index()
    sums["amount_cents"] = sums["amount_cents"].astype("Int64")
    sums["amount"] = to_units(sums["amount_cents"], sums["currency"])
    size = sums["amount_cents"].abs()
    side = [sums["currency"], sums["amount_cents"] < 0]
    whole = size.groupby(side).transform("sum").astype("float64")
    sums["share"] = (size.astype("float64") / whole.where(whole > 0)).astype("float64")
    order = size.sort_values(ascending=False, kind="stable").index
    columns = [of, "currency", "payments", "amount", "amount_cents", "share"]
    return sums.loc[order, columns].reset_index(drop=True)


def daily_balances(payments: pd.DataFrame) -> pd.DataFrame:
    """Return the balance of each account at the end of each day, one row an account and day.

    Parameters
    ----------
    payments
        As ``bunq.payments()`` returns them.

    Returns
    -------
    DataFrame
        ``day, account_id, account, currency, balance, balance_cents``, for every day from an
        account's first payment to the last payment of any.
    """
    columns = ["day", "account_id", "account", "currency", "balance", "balance_cents"]
    booked = sort_by_booking(payments)
    if booked.empty:
        return booked.rename(columns={"balance_after": "balance"})[columns]
    last_day = booked["day"].max()
    parts = []
    for _, part in booked.groupby("account_id"):
        closing = part.groupby("day").last()
        every_day = pd.date_range(closing.index.min(), last_day, name="day", unit="us")
        parts.append(closing.reindex(every_day).ffill().reset_index())
    balances = pd.concat(parts, ignore_index=True)
    balances["balance"] = to_units(balances["balance_cents"], balances["currency"])
    return balances[columns].sort_values(["day", "account_id"], ignore_index=True)


def balances_on(payments: pd.DataFrame, day: str | date) -> pd.DataFrame:
    """Return the balance of each account at the end of a day, one row an account.

    Parameters
    ----------
    payments
        As ``bunq.payments()`` returns them. Before an account's first payment, its balance is the
        one before that payment.
    day
        Such as ``2026-03-01``.

    Returns
    -------
    DataFrame
        ``account_id, account, currency, balance, balance_cents``.
    """
    try:
        last_day = pd.Timestamp(day)
    except ValueError as error:
        raise FrameError(f"{day!r} is no day. Write it as 2026-03-01.") from error
    booked = sort_by_booking(payments)
    first = booked.groupby("account_id").first()
    first["balance_cents"] -= first["amount_cents"]
    so_far = booked[booked["day"] <= last_day].groupby("account_id").last()
    known = pd.concat([so_far, first.loc[first.index.difference(so_far.index)]]).sort_index()
    known = known.reset_index()
    known["balance"] = to_units(known["balance_cents"], known["currency"])
    return known[["account_id", "account", "currency", "balance", "balance_cents"]]


def starter_rules() -> pd.DataFrame:
    """Return rules for everyday payments, Dutch and English, to edit.

    Returns
    -------
    DataFrame
        ``category, column, pattern``: a payment belongs to the first rule whose pattern matches a
        part of the column. A pattern is a regular expression; upper and lower case are the same.
    """
    return pd.DataFrame(_RULES, columns=["category", "column", "pattern"], dtype="str")


def categorize(payments: pd.DataFrame, rules: pd.DataFrame) -> pd.DataFrame:
    """Return the payments with a column ``category``, by the first rule that matches.

    Parameters
    ----------
    payments
        As ``bunq.payments()`` returns them.
    rules
        As ``starter_rules()`` returns them.

    Returns
    -------
    DataFrame
        ``category`` is ``own transfers`` for transfers between your own accounts, and ``other`` if
        no rule matches.

    Raises
    ------
    FrameError
        If a rule names a column that isn't there, or its pattern is no regular expression.
    """
    return payments.assign(category=_first_rule(payments, rules)[0])


def preview_rules(payments: pd.DataFrame, rules: pd.DataFrame) -> pd.DataFrame:
    """Return what each rule would do, before it is used.

    Returns
    -------
    DataFrame
        The rules with ``payments`` (how many it decides), ``taken`` (how many it matches that an
        earlier rule decides), ``amount_cents`` and an ``example``: the commonest other side. The
        last row is for the payments that no rule matches.
    """
    categories, decided_by, matches = _first_rule(payments, rules)
    effects = []
    for number in range(len(rules) + 1):
        is_last = number == len(rules)
        decided = payments[(categories == OTHER) if is_last else (decided_by == number)]
        names = decided["counterparty"].astype("object").fillna("no name").mode()
        effects.append(
            {
                "payments": len(decided),
                "taken": 0 if is_last else int(matches[number].sum()) - len(decided),
                "amount_cents": int(decided["amount_cents"].sum()),
                "example": None if names.empty else str(names.iloc[0]),
            }
        )
    rest = pd.DataFrame([{"category": OTHER, "column": "", "pattern": ""}])
    return pd.concat([rules, rest], ignore_index=True).join(pd.DataFrame(effects))


def _first_rule(
    payments: pd.DataFrame, rules: pd.DataFrame
) -> tuple[pd.Series[Any], pd.Series[Any], list[pd.Series[Any]]]:
    """Return each payment's category, the rule that decides it (or -1), and each rule's matches."""
    _check_columns(rules, ["category", "column", "pattern"], what="rules")
    _check_columns(payments, list(dict.fromkeys(rules["column"])))
    own = payments["is_own_transfer"].fillna(value=False).astype("bool")
    categories = pd.Series(OTHER, index=payments.index, dtype="str").mask(own, OWN)
    decided_by = pd.Series(-1, index=payments.index)
    matches = []
    for number, (category, column, pattern) in enumerate(
        zip(rules["category"], rules["column"], rules["pattern"], strict=True)
    ):
        texts = payments[column].astype("str")
        try:
            match = texts.str.contains(pattern, case=False, regex=True, na=False) & ~own
        except (re.error, pa.ArrowInvalid, TypeError) as error:
            raise FrameError(
                f"The pattern {pattern!r} of rule {number} ({category}) is no regular expression: "
                f"{error}."
            ) from error
        is_first = match & (decided_by == -1)
        categories = categories.mask(is_first, category)
        decided_by = decided_by.mask(is_first, number)
        matches.append(match)
    return categories, decided_by, matches


def clean_merchants(names: pd.Series[Any]) -> pd.Series[Any]:
    """Return merchants' names as people say them, so that all branches of a shop have one name.

    Parameters
    ----------
    names
        As they come with card payments: ``CCV*BAKKERIJ JANSEN 0123 NLD``.

    Returns
    -------
    Series of str
        ``Bakkerij Jansen``: without the processor, terminal numbers, country and legal form.
        A name that would be empty then stays as it is.
    """
    texts = names.astype("str").str.strip()
    bare = texts.str.replace(_PROCESSORS, "", case=False, regex=True)
    bare = bare.str.replace(_TAIL, "", case=False, regex=True).str.strip(" -,.*")
    bare = bare.str.replace(r"\s+", " ", regex=True)
    is_upper = bare.str.isupper().fillna(value=False).astype("bool")
    bare = bare.mask(is_upper, bare.str.title())
    return bare.where(bare.str.len() > 0, texts)


def split_evenly(amount_cents: int, people: int) -> list[int]:
    """Return the parts of an amount that people share; the first ones pay the cents left over.

    Raises
    ------
    FrameError
        If there are no people.
    """
    if people < 1:
        raise FrameError(f"A bill can't be shared by {people} people. Make it 1 or more.")
    part, left = divmod(abs(amount_cents), people)
    sign = -1 if amount_cents < 0 else 1
    return [sign * (part + (place < left)) for place in range(people)]


def settle(bills: pd.DataFrame) -> pd.DataFrame:
    """Return the few transfers after which nobody owes anything for shared bills.

    Parameters
    ----------
    bills
        One row a bill: ``paid_by``, ``shared_by`` (list of names, the payer's among them if the
        payer has a share), ``amount_cents`` (positive) and ``currency``.

    Returns
    -------
    DataFrame
        ``debtor, creditor, amount, amount_cents, currency``, one row a transfer.

    Raises
    ------
    FrameError
        If a column is missing or a bill is shared by nobody.
    """
    _check_columns(bills, ["paid_by", "shared_by", "amount_cents", "currency"], what="bills")
    transfers = []
    for currency, part in bills.groupby("currency"):
        balances: dict[str, int] = {}
        for payer, sharers, cents in zip(
            part["paid_by"], part["shared_by"], part["amount_cents"], strict=True
        ):
            balances[payer] = balances.get(payer, 0) + int(cents)
            for name, share in zip(sharers, split_evenly(int(cents), len(sharers)), strict=True):
                balances[name] = balances.get(name, 0) - share
        transfers += [(*transfer, currency) for transfer in _even_out(balances)]
    frame = pd.DataFrame(transfers, columns=["debtor", "creditor", "amount_cents", "currency"])
    frame["amount_cents"] = frame["amount_cents"].astype("Int64")
    frame["amount"] = to_units(frame["amount_cents"], frame["currency"])
    return frame[["debtor", "creditor", "amount", "amount_cents", "currency"]]


def _even_out(balances: dict[str, int]) -> Iterator[tuple[str, str, int]]:
    """Yield transfers from the largest debtor to the largest creditor, until nobody owes."""
    while any(balances.values()):
        creditor = max(balances, key=lambda name: (balances[name], name))
        debtor = min(balances, key=lambda name: (balances[name], name))
        cents = min(balances[creditor], -balances[debtor])
        balances[creditor] -= cents
        balances[debtor] += cents
        yield debtor, creditor, cents


def _check_columns(frame: pd.DataFrame, columns: Sequence[str], *, what: str = "payments") -> None:
    """Raise FrameError if a table lacks a column."""
    missing = [name for name in columns if name not in frame.columns]
    if missing:
        raise FrameError(
            f"The {what} have no column {', '.join(missing)}. "
            f"They have: {', '.join(map(str, frame.columns))}."
        )
