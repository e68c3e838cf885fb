"""What payments tell: laws over any payments, and the demo person's life as one case."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pandas as pd
import pytest
from hypothesis import given, strategies as st

import bunqkit
from bunqkit import FrameError
from bunqkit.analysis.spending import (
    balances_on,
    cash_flow,
    categorize,
    clean_merchants,
    daily_balances,
    preview_rules,
    refuse_incomplete,
    settle,
    split_evenly,
    starter_rules,
    totals,
    without_own_transfers,
)
from bunqkit.frames.frames import Gathered
from bunqkit.frames.json_reader import blocks_of
from bunqkit.frames.tables import tabulate_payments


@pytest.fixture(scope="module")
def bunq() -> bunqkit.Context:
    """Open the demo person's account; nobody here changes anything."""
    return bunqkit.connect()


@pytest.fixture(scope="module")
def payments(bunq: bunqkit.Context) -> pd.DataFrame:
    """All payments of the demo person."""
    return bunq.payments()


def table(rows: list[tuple[int, int, int, str]]) -> pd.DataFrame:
    """Return a table of payments: minutes since a start, account, cents and currency of each."""
    balances: dict[int, int] = {}
    items = []
    for number, (minutes, account_id, cents, currency) in enumerate(sorted(rows), 1):
        balances[account_id] = balances.get(account_id, 0) + cents
        created = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=minutes)
        unit = 1 if currency == "JPY" else 100
        places = 0 if currency == "JPY" else 2
        items.append(
            {
                "id": number,
                "created": f"{created:%Y-%m-%d %H:%M:%S.%f}",
                "monetary_account_id": account_id,
                "amount": {"value": f"{cents / unit:.{places}f}", "currency": currency},
                "balance_after_mutation": {
                    "value": f"{balances[account_id] / unit:.{places}f}",
                    "currency": currency,
                },
                "counterparty_alias": {"display_name": f"payee {number % 3}"},
            }
        )
    gathered = Gathered()
    gathered.add(blocks_of([{"Payment": item} for item in items]))
    return tabulate_payments(gathered)


MONEY = st.integers(-10_000_000, 10_000_000).filter(bool)
ROWS = st.lists(
    st.tuples(st.integers(0, 600_000), st.integers(1, 3), MONEY, st.just("EUR")), max_size=30
)


@given(
    rows=st.lists(
        st.tuples(st.integers(0, 600_000), st.just(1), MONEY, st.sampled_from(["EUR", "JPY"]))
    ),
    by=st.sampled_from(["day", "week", "month", "quarter", "year"]),
)
def test_cash_flow_loses_no_cent(rows: list[tuple[int, int, int, str]], by: str) -> None:
    """By whatever period, in and out add up to all payments, each currency by itself."""
    payments = table(rows)
    flow = cash_flow(payments, by)  # type: ignore[arg-type]
    whole = payments.groupby("currency")["amount_cents"].sum()
    assert flow.groupby("currency")["net_cents"].sum().to_dict() == whole.to_dict()
    assert (flow["money_in_cents"] >= 0).all()
    assert (flow["money_out_cents"] <= 0).all()


def test_cash_flow_has_a_row_for_an_empty_month() -> None:
    """A month without a payment is zero, not missing, so that a plot has no gap."""
    flow = cash_flow(table([(0, 1, 100, "EUR"), (60 * 24 * 70, 1, -50, "EUR")]))
    assert flow["money_in_cents"].tolist() == [100, 0, 0]
    assert flow["period"].dt.strftime("%Y-%m-%d").tolist() == [
        "2026-01-01",
        "2026-02-01",
        "2026-03-01",
    ]


def test_a_day_is_one_in_amsterdam() -> None:
    """23:30 UTC on 31 December is the next year there."""
    flow = cash_flow(table([(-30, 1, 100, "EUR")]), "year")
    assert flow["period"].dt.year.tolist() == [2026]


def test_yen_have_no_cents() -> None:
    """1500 yen are 1500, not 15."""
    assert cash_flow(table([(0, 1, 1500, "JPY")]))["money_in"].tolist() == [1500.0]


def test_own_transfers_are_no_income(payments: pd.DataFrame) -> None:
    """They are left out of the flow unless asked for, and cancel out then."""
    flow = cash_flow(payments)
    everything = cash_flow(payments, own_transfers=True)
    assert flow["net_cents"].sum() == everything["net_cents"].sum()
    assert flow["money_in_cents"].sum() < everything["money_in_cents"].sum()
    assert not without_own_transfers(payments)["is_own_transfer"].fillna(value=False).any()


@given(rows=ROWS)
def test_daily_balances_end_at_the_last_balance(rows: list[tuple[int, int, int, str]]) -> None:
    """Every day is there, and the last is what all payments of the account add up to."""
    payments = table(rows)
    daily = daily_balances(payments)
    assert daily.groupby("account_id")["balance_cents"].last().to_dict() == (
        payments.groupby("account_id")["amount_cents"].sum().to_dict()
    )
    for _, part in daily.groupby("account_id"):
        assert (part["day"].diff().dropna() == pd.Timedelta(days=1)).all()


def test_balances_of_the_demo_person(bunq: bunqkit.Context, payments: pd.DataFrame) -> None:
    """On the last day they are those of the accounts, before the first there is nothing."""
    now = balances_on(payments, "2030-01-01").set_index("account_id")["balance_cents"]
    accounts = bunq.accounts().set_index("id")["balance_cents"]
    assert now.sort_index().to_dict() == accounts.sort_index().to_dict()
    assert balances_on(payments, "2020-01-01")["balance_cents"].tolist() == [0] * len(accounts)
    daily = daily_balances(payments)
    day = daily[daily["day"] == "2025-06-15"]
    assert balances_on(payments, "2025-06-15")["balance_cents"].tolist() == (
        day["balance_cents"].tolist()
    )


def test_totals_lose_no_cent(payments: pd.DataFrame) -> None:
    """Groups add up to the whole, those without a name included, and shares to one."""
    spent = payments[payments["amount_cents"] < 0]
    found = totals(spent, "counterparty_iban")
    assert found["amount_cents"].sum() == spent["amount_cents"].sum()
    assert found["payments"].sum() == len(spent)
    assert found["share"].sum() == pytest.approx(1)
    assert found["amount_cents"].abs().is_monotonic_decreasing


def test_rules_decide_in_their_order(payments: pd.DataFrame) -> None:
    """The first that fits decides; the preview says so before anything is done."""
    rules = pd.DataFrame(
        {
            "category": ["rent", "everything"],
            "column": ["description", "counterparty"],
            "pattern": ["^rent", "."],
        }
    )
    preview = preview_rules(payments, rules)
    found = categorize(payments, rules)["category"]
    assert (found == "rent").sum() == preview["payments"][0] == 30
    assert preview["taken"][1] == 30
    assert preview["payments"].sum() + (found == "own transfers").sum() == len(payments)


def test_starter_rules_know_the_demo_life(payments: pd.DataFrame) -> None:
    """Nearly all of a Dutch household has a category."""
    found = categorize(payments, starter_rules())
    assert (found["category"] == "other").mean() < 0.02
    assert "category" not in payments.columns


@pytest.mark.parametrize(
    ("rules", "text"),
    [
        ({"category": ["a"], "column": ["payee"], "pattern": ["x"]}, "no column payee"),
        ({"category": ["a"], "column": ["counterparty"], "pattern": ["("]}, "no regular expr"),
        ({"category": ["a"]}, "no column column, pattern"),
    ],
)
def test_wrong_rules_are_named(
    payments: pd.DataFrame, rules: dict[str, list[str]], text: str
) -> None:
    """What is wrong with a rule is said."""
    with pytest.raises(FrameError, match=text):
        categorize(payments, pd.DataFrame(rules))


@pytest.mark.parametrize(
    ("raw", "clean"),
    [
        ("CCV*BAKKERIJ JANSEN 0123 NLD", "Bakkerij Jansen"),
        ("SumUp  *De Koffie", "De Koffie"),
        ("Albert Heijn 1521", "Albert Heijn"),
        ("Waterland Software BV", "Waterland Software"),
        ("123", "123"),
        ("Buurtsuper", "Buurtsuper"),
    ],
)
def test_merchants_are_cleaned(raw: str, clean: str) -> None:
    """As people say the name; a name that is only a number stays."""
    assert clean_merchants(pd.Series([raw])).tolist() == [clean]


@given(amount=st.integers(-10_000, 10_000), people=st.integers(1, 9))
def test_shares_add_up(amount: int, people: int) -> None:
    """No cent is lost or made, and nobody pays two more than another."""
    shares = split_evenly(amount, people)
    assert sum(shares) == amount
    assert max(shares) - min(shares) <= 1


NAMES = st.sampled_from("abcde")


@given(
    bills=st.lists(
        st.tuples(
            NAMES, st.lists(NAMES, min_size=1, unique=True), st.integers(1, 10_000), st.just("EUR")
        )
    )
)
def test_after_settling_nobody_owes(bills: list[tuple[str, list[str], int, str]]) -> None:
    """Each ends where a fair share leaves them, in fewer transfers than people."""
    columns = ["paid_by", "shared_by", "amount_cents", "currency"]
    transfers = settle(pd.DataFrame(bills, columns=columns))
    left = dict.fromkeys("abcde", 0)
    for payer, sharers, cents, _ in bills:
        left[payer] += cents
        for name, share in zip(sharers, split_evenly(cents, len(sharers)), strict=True):
            left[name] -= share
    for row in transfers.itertuples():
        left[str(row.debtor)] += int(str(row.amount_cents))
        left[str(row.creditor)] -= int(str(row.amount_cents))
    assert set(left.values()) == {0}
    assert len(transfers) < 5


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda frame: cash_flow(frame, cast("Any", "decade")), "by is 'decade'"),
        (lambda frame: balances_on(frame, "yesterday"), "no day"),
        (lambda frame: totals(frame, "mood"), "no column mood"),
        (lambda _: split_evenly(100, 0), "by 0 people"),
        (settle, "no column paid_by"),
    ],
)
def test_wrong_arguments_are_named(
    payments: pd.DataFrame, call: Callable[[Any], Any], text: str
) -> None:
    """A typed error says what is wrong."""
    with pytest.raises(FrameError, match=text):
        call(payments)


def test_a_table_that_was_cut_is_refused(bunq: bunqkit.Context) -> None:
    """Unless that is said to be fine."""
    cut = bunq.payments(max_rows=5)
    with pytest.raises(FrameError, match="cut by max_rows"):
        refuse_incomplete(cut)
    refuse_incomplete(cut, allow_incomplete=True)
