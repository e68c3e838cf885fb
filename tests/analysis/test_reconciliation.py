"""Payments and balances: that they agree, and what is said where not."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pandas as pd
import pytest

import bunqkit
from bunqkit.analysis.reconciliation import reconcile
from bunqkit.errors import FrameError
from bunqkit.sandbox import Bank

AMOUNTS = ["amount", "amount_cents"]


@pytest.fixture(scope="module")
def world() -> Iterator[bunqkit.Context]:
    """Return the demo person; no test of this file changes it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BUNQ_ENVIRONMENT", "OFFLINE")
        bank = Bank()
        bunq = bunqkit.connect(bank=bank, api_key=bank.demo_key)
    yield bunq
    bunq.close()
    bank.close()


@pytest.fixture(scope="module")
def accounts(world: bunqkit.Context) -> pd.DataFrame:
    """Return the accounts."""
    return world.accounts()


@pytest.fixture(scope="module")
def _payments(world: bunqkit.Context) -> pd.DataFrame:
    return world.payments()


@pytest.fixture
def payments(_payments: pd.DataFrame) -> pd.DataFrame:
    """Return all payments, for a test to change."""
    return _payments.copy()


def main(payments: pd.DataFrame) -> pd.Index:
    """Return the rows of the account with the most payments, newest first."""
    return payments.index[payments["account"] == "Main account"]


def test_the_books_of_the_demo_world_add_up(payments: pd.DataFrame, accounts: pd.DataFrame) -> None:
    """Opening balance plus mutations is the closing balance, on each account."""
    found = reconcile(payments, accounts)
    assert found
    assert found.first_gap is None
    assert found.accounts["holds"].all()
    total = found.accounts["opening_cents"] + found.accounts["mutations_cents"]
    assert total.tolist() == accounts["balance_cents"].tolist()
    assert repr(found) == (
        "Holds: 849 payments on 6 accounts add up to their balances, to the cent."
    )


@pytest.mark.parametrize(
    "turn",
    [
        lambda frame: frame.iloc[::-1],
        lambda frame: frame.sort_values("id"),
        lambda frame: frame.sort_values(["account_id", "id"]),
        lambda frame: frame.reset_index(drop=True),
    ],
    ids=["oldest first", "by id", "by account", "other index"],
)
def test_the_way_round_does_not_matter(
    payments: pd.DataFrame, accounts: pd.DataFrame, turn: Callable[[pd.DataFrame], pd.DataFrame]
) -> None:
    """Both orders of time are orders."""
    assert reconcile(turn(payments), accounts)


def drop(frame: pd.DataFrame, at: int) -> pd.DataFrame:
    """Take a row out."""
    rest: pd.DataFrame = frame.drop(index=main(frame)[at])
    return rest


def double(frame: pd.DataFrame, at: int) -> pd.DataFrame:
    """Repeat a row."""
    row = main(frame)[at]
    return pd.concat([frame.loc[:row], frame.loc[row:]])


def change(frame: pd.DataFrame, at: int) -> pd.DataFrame:
    """Raise an amount."""
    frame.loc[main(frame)[at], AMOUNTS] += [1.0, 100]
    return frame


def change_cents(frame: pd.DataFrame, at: int) -> pd.DataFrame:
    """Raise one of the two forms of an amount."""
    frame.loc[main(frame)[at], "amount_cents"] += 100
    return frame


def turn_sign(frame: pd.DataFrame, at: int) -> pd.DataFrame:
    """Turn the sign of a payment that went out."""
    frame.loc[main(frame)[at], AMOUNTS] *= -1
    return frame


def change_balance(frame: pd.DataFrame, at: int) -> pd.DataFrame:
    """Raise a balance."""
    frame.loc[main(frame)[at], "balance_after"] += 5
    return frame


def swap_rows(frame: pd.DataFrame, at: int) -> pd.DataFrame:
    """Swap two rows."""
    one, other = main(frame)[at], main(frame)[at + 1]
    order = [other if row == one else one if row == other else row for row in frame.index]
    return frame.loc[order]


def swap_ids(frame: pd.DataFrame, at: int) -> pd.DataFrame:
    """Swap the ids of two rows."""
    one, other = main(frame)[at], main(frame)[at + 1]
    frame.loc[[one, other], "id"] = frame.loc[[other, one], "id"].to_numpy()
    return frame


def drop_page(frame: pd.DataFrame, at: int) -> pd.DataFrame:
    """Take out as many as a page has."""
    return frame.drop(index=main(frame)[at : at + 200])


def drop_account(frame: pd.DataFrame, _at: int) -> pd.DataFrame:
    """Take out all payments of an account."""
    return frame.drop(index=main(frame))


def change_currency(frame: pd.DataFrame, at: int) -> pd.DataFrame:
    """Change the currency of a payment to dollars."""
    frame.loc[main(frame)[at], "currency"] = "USD"
    return frame


@pytest.mark.parametrize(
    ("plant", "at", "cause"),
    [
        (drop, 250, "missing row"),
        (drop, 0, "missing newer rows"),
        (drop, -1, "missing older rows"),
        (double, 250, "doubled row"),
        (double, 0, "doubled row"),
        (double, -1, "doubled row"),
        (change, 250, "changed amount"),
        (change, 0, "changed amount"),
        (change_cents, 250, "changed amount"),
        (turn_sign, 250, "changed amount"),
        (change_balance, 250, "changed balance"),
        (swap_rows, 250, "swapped order"),
        (swap_ids, 250, "swapped order"),
        (drop_page, 100, "missing page"),
        (drop_page, 0, "missing newer rows"),
        (drop_account, 0, "missing page"),
        (change_currency, 250, "wrong currency"),
    ],
    ids=lambda value: getattr(value, "__name__", str(value)),
)
def test_a_planted_fault_is_found(
    payments: pd.DataFrame,
    accounts: pd.DataFrame,
    plant: Callable[[pd.DataFrame, int], pd.DataFrame],
    at: int,
    cause: str,
) -> None:
    """On its account, between its neighbours, with a likely cause."""
    own = payments.loc[main(payments), "id"].tolist()
    found = reconcile(plant(payments, at), accounts)
    gap = found.first_gap
    assert not found
    assert gap is not None
    assert cause in gap.cause
    assert gap.account == "Main account"
    assert [each.account for each in found.gaps] == ["Main account"]
    neighbours = {None, *own[max(at - 1, 0) :][:3], *own[at - 2 :], *own[at + 199 : at + 202]}
    assert {gap.before, gap.after} <= neighbours
    for side in (gap.before, gap.after):
        assert side is None or str(side) in gap.message
    assert gap.message in repr(found)


@pytest.mark.parametrize("at", range(1, 540, 49))
def test_a_dropped_row_is_named_by_its_amount(
    payments: pd.DataFrame, accounts: pd.DataFrame, at: int
) -> None:
    """What is missing, and between which two."""
    rows = main(payments)
    before, missing, after = (
        payments.loc[rows[at + 1]],
        payments.loc[rows[at]],
        payments.loc[rows[at - 1]],
    )
    gap = reconcile(drop(payments, at), accounts).first_gap
    assert gap is not None
    assert (gap.before, gap.after) == (before["id"], after["id"])
    assert gap.difference_cents == missing["amount_cents"]


def test_the_first_of_several_gaps_is_the_earliest(
    payments: pd.DataFrame, accounts: pd.DataFrame
) -> None:
    """In time, whatever account it is on."""
    household = payments.index[payments["account"] == "Household"]
    spoilt = payments.drop(index=[main(payments)[20], household[60]])
    found = reconcile(spoilt, accounts)
    assert [gap.account for gap in found.gaps] == ["Household", "Main account"]
    holds = found.accounts.set_index("account")["holds"]
    assert set(holds.index[~holds]) == {"Household", "Main account"}
    assert len(holds) == len(accounts)


def test_an_incomplete_table_is_refused(world: bunqkit.Context, accounts: pd.DataFrame) -> None:
    """It proves nothing, unless one says that it is a stretch."""
    some = world.payments(max_rows=50)
    with pytest.raises(FrameError, match="cut by max_rows"):
        reconcile(some, accounts)
    assert reconcile(some, accounts, allow_incomplete=True)
    own = some.index[some["account"] == "Main account"]
    spoilt = some.drop(index=own[5])
    assert not reconcile(spoilt, accounts, allow_incomplete=True)


def test_a_table_between_dates_opens_and_closes_with_its_own_balances(
    world: bunqkit.Context, accounts: pd.DataFrame
) -> None:
    """Not with zero, nor with the balance of today."""
    part = world.payments(since="2025-01-01", until="2026-01-01")
    found = reconcile(part, accounts)
    assert found
    assert (found.accounts["opening_cents"] > 0).all()
    spoilt = part.drop(index=part.index[part["account"] == "Main account"][9])
    assert not reconcile(spoilt, accounts)


def test_one_account_is_proved_alone(world: bunqkit.Context, accounts: pd.DataFrame) -> None:
    """The others are not missed."""
    found = reconcile(world.payments(account="Holiday"), accounts)
    assert found
    assert found.accounts["account"].tolist() == ["Holiday"]


def test_an_account_that_is_not_known(payments: pd.DataFrame, accounts: pd.DataFrame) -> None:
    """Its payments can't be proved."""
    gap = reconcile(payments, accounts[accounts["description"] != "Holiday"]).first_gap
    assert gap is not None
    assert gap.cause == "missing account"


def test_another_table_is_refused(payments: pd.DataFrame, accounts: pd.DataFrame) -> None:
    """With the columns that it lacks."""
    with pytest.raises(FrameError, match="payments lacks balance_after"):
        reconcile(payments.drop(columns="balance_after"), accounts)
    with pytest.raises(FrameError, match="accounts lacks balance_cents"):
        reconcile(payments, payments)
    payments.loc[main(payments)[3], "amount_cents"] = pd.NA
    with pytest.raises(FrameError, match="has no amount"):
        reconcile(payments, accounts)


def test_it_shows_itself(payments: pd.DataFrame, accounts: pd.DataFrame) -> None:
    """As a card, with every gap, escaped."""
    shown = reconcile(drop(payments, 0), accounts.assign(description="<b>Main</b>"))._repr_html_()
    assert "&lt;b&gt;Main" in shown
    assert "<b>Main" not in shown
    assert "Does not hold" in shown
