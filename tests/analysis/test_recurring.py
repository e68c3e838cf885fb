"""What comes back: the demo person's life, and small cases."""

from __future__ import annotations

import pandas as pd
import pytest

import bunqkit
from bunqkit import FrameError
from bunqkit.analysis.recurring import forecast, price_changes, recurring
from bunqkit.frames.frames import Gathered
from bunqkit.frames.json_reader import blocks_of
from bunqkit.frames.tables import tabulate_payments


@pytest.fixture(scope="module")
def payments() -> pd.DataFrame:
    """All payments of the demo person."""
    return bunqkit.connect().payments()


def series(days: list[str], cents: list[int], description: str = "Gym") -> pd.DataFrame:
    """Return payments on some days."""
    balance = 0
    items = []
    for number, (day, each) in enumerate(zip(days, cents, strict=True), 1):
        balance += each
        items.append(
            {
                "id": number,
                "created": f"{day} 11:00:00.000000",
                "monetary_account_id": 1,
                "amount": {"value": f"{each / 100:.2f}", "currency": "EUR"},
                "balance_after_mutation": {"value": f"{balance / 100:.2f}", "currency": "EUR"},
                "counterparty_alias": {"display_name": "Gym 0123", "iban": None},
                "description": f"{description} {day}",
            }
        )
    gathered = Gathered()
    gathered.add(blocks_of([{"Payment": item} for item in items]))
    return tabulate_payments(gathered, [{"id": 1, "description": "Main"}])


def test_what_recurs_in_the_demo_life(payments: pd.DataFrame) -> None:
    """Salary, rent and subscriptions are found; groceries and dinners are not."""
    found = recurring(payments).set_index("purpose")
    assert {"Salary", "Rent", "Membership", "Sim only", "Subscription"} <= set(found.index)
    assert not {"Buurtsuper", "Restaurant Het Anker"} & set(found["counterparty"])
    assert found.loc["Rent", "every"] == "month"
    assert found.loc["Rent", "payments"] == 30
    assert found.loc["Rent", "next_day"] == pd.Timestamp("2026-04-02")
    assert bool(found.loc["Rent", "is_active"])


def test_changes_of_price_in_the_demo_life(payments: pd.DataFrame) -> None:
    """The membership rose once, by ten percent."""
    found = price_changes(payments)
    (row,) = found[found["purpose"] == "Membership"].itertuples()
    assert (row.before, row.after, row.change_cents) == (-24.95, -27.45, -250)
    assert row.percent == 10.0
    assert found["day"].is_monotonic_decreasing


@pytest.mark.parametrize(
    ("days", "every"),
    [
        (["2026-01-05", "2026-01-12", "2026-01-19", "2026-01-26"], "week"),
        (["2026-01-05", "2026-01-19", "2026-02-02"], "two weeks"),
        (["2026-01-31", "2026-02-28", "2026-03-31", "2026-04-30"], "month"),
        (["2025-01-02", "2025-04-02", "2025-07-01", "2025-10-01"], "quarter"),
        (["2023-05-02", "2024-05-02", "2025-05-02"], "year"),
    ],
)
def test_rhythms(days: list[str], every: str) -> None:
    """Each is told by the days that lie between."""
    assert recurring(series(days, [-1000] * len(days)))["every"].tolist() == [every]


@pytest.mark.parametrize(
    ("days", "cents"),
    [
        (["2026-01-05", "2026-02-05"], [-1000, -1000]),
        (["2026-01-05", "2026-01-09", "2026-03-01", "2026-03-02"], [-1000] * 4),
        (["2026-01-05", "2026-02-05", "2026-03-05", "2026-04-05"], [-1000, -9000, -2000, -7000]),
    ],
    ids=["two only", "no rhythm", "any amount"],
)
def test_what_does_not_recur(days: list[str], cents: list[int]) -> None:
    """Two are no habit, nor are irregular days, nor wild amounts."""
    assert recurring(series(days, cents)).empty


def test_what_has_ended_is_not_active() -> None:
    """A membership whose next payment is long overdue has ended."""
    gym = series(["2025-01-05", "2025-02-05", "2025-03-05"], [-1000] * 3)
    later = series(["2025-09-01"], [-1], description="Other")
    both = pd.concat([gym, later.assign(id=99)])
    assert recurring(both)["is_active"].tolist() == [False]


def test_forecast_ends_with_the_salary(payments: pd.DataFrame) -> None:
    """Each day follows from the one before; rent is due on the second."""
    days = forecast(payments)
    assert days["expected"].iloc[-1] == "Salary"
    assert days.set_index("day").loc["2026-04-02", "expected"] == "Rent"
    steps = days["balance_cents"].diff().iloc[1:]
    assert (steps == (days["due_cents"] + days["everyday_cents"]).iloc[1:]).all()
    balance = payments[payments["account"] == "Main account"].iloc[0]["balance_after"]
    first = days.iloc[0]
    assert first["balance_cents"] - first["due_cents"] - first["everyday_cents"] == round(
        balance * 100
    )


def test_the_31st_stays_the_31st() -> None:
    """A monthly payment that a short month moved goes back to its day."""
    days = ["2025-10-31", "2025-11-30", "2025-12-31"]
    salary = series(days, [100_000] * 3, description="Salary")
    assert forecast(salary)["day"].iloc[-1] == pd.Timestamp("2026-01-31")


def test_no_salary_no_forecast(payments: pd.DataFrame) -> None:
    """What is missing is said."""
    with pytest.raises(FrameError, match="No income recurs"):
        forecast(payments.head(3))
    with pytest.raises(FrameError, match="on 'Holiday'"):
        forecast(payments, account="Holiday")


def test_empty_tables_keep_their_columns(payments: pd.DataFrame) -> None:
    """So that what follows does not depend on there being a row."""
    for table in (recurring, price_changes):
        assert list(table(payments.head(0)).columns) == list(table(payments).columns)
        assert table(payments.head(0)).dtypes.tolist() == table(payments).dtypes.tolist()
