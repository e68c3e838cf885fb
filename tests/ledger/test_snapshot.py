"""Tables of a ledger: those that the bank itself would give, then and now."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pandas as pd
import pytest

import bunqkit
from bunqkit.errors import FieldError, UnknownNameError
from bunqkit.ledger.ledger import Ledger
from bunqkit.ledger.page_writer import write_page
from bunqkit.ledger.store import Item
from bunqkit.sandbox import Bank


@pytest.fixture
def bunq(demo: bunqkit.Context) -> bunqkit.Context:
    """Return the demo person; no test changes anything."""
    return demo


@pytest.fixture
def ledger(demo_ledger: Ledger) -> Ledger:
    """Return a ledger that has everything."""
    return demo_ledger


@pytest.mark.parametrize(
    "bounds",
    [
        {},
        {"since": "2026-03-01"},
        {"since": date(2025, 3, 1), "until": datetime(2025, 6, 1, tzinfo=UTC)},
        {"account": "Holiday"},
        {"account": "Main account", "since": "2026-01-01", "max_rows": 7},
        {"max_rows": 25},
        {"max_rows": 0},
        {"until": "2020-01-01"},
    ],
    ids=str,
)
def test_payments_are_those_of_the_bank(
    bunq: bunqkit.Context, ledger: Ledger, bounds: dict[str, object]
) -> None:
    """Equal in every value and dtype, and as complete."""
    live, kept = bunq.payments(**bounds), ledger.payments(**bounds)  # type: ignore[arg-type]
    pd.testing.assert_frame_equal(kept, live)
    told, said = kept.attrs["bunqkit"], live.attrs["bunqkit"]
    assert {name: told[name] for name in ("accounts", "rows", "complete", "cut_by")} == {
        name: said[name] for name in ("accounts", "rows", "complete", "cut_by")
    }


def test_accounts_are_those_of_the_bank(bunq: bunqkit.Context, ledger: Ledger) -> None:
    """Equal in every value and dtype."""
    pd.testing.assert_frame_equal(ledger.accounts(), bunq.accounts())


FRAMES = [
    # Each list by default in one form of money, the next in the next form.
    pytest.param(operation, money, marks=[] if (at + form) % 3 == 0 else pytest.mark.slow)
    for at, operation in enumerate([
        "payment.list", "mastercard-action.list", "request-inquiry.list", "request-response.list",
        "card.list", "event.list", "monetary-account.list",
    ])
    for form, money in enumerate(["float", "decimal", "cents"])
]  # fmt: skip


@pytest.mark.parametrize(("operation", "money"), FRAMES)
def test_frames_are_those_of_the_bank(
    bunq: bunqkit.Context, ledger: Ledger, operation: str, money: str
) -> None:
    """Every field of every item, and how each was written."""
    live = bunq.frame(operation, money=money)  # type: ignore[arg-type]
    kept = ledger.frame(operation, money=money)  # type: ignore[arg-type]
    pd.testing.assert_frame_equal(kept, live)
    assert bunqkit.to_items(kept) == bunqkit.to_items(live)


def test_a_frame_of_some_rows_says_that_it_is_cut(ledger: Ledger) -> None:
    """As the live one does."""
    frame = ledger.frame("event.list", max_rows=3)
    assert len(frame) == 3
    assert frame.attrs["bunqkit"]["cut_by"] == "max_rows"


def test_a_frame_of_all_accounts(bunq: bunqkit.Context, ledger: Ledger) -> None:
    """One table of what is asked for account by account."""
    frame = ledger.frame("payment.list", account="all")
    assert set(frame["id"]) == set(bunq.payments()["id"])


def test_what_is_not_followed_is_said(ledger: Ledger) -> None:
    """With the call that helps."""
    with pytest.raises(UnknownNameError, match=r"ledger\.follow\('invoice\.list'\)"):
        ledger.frame("invoice.list")
    with pytest.raises(FieldError, match="max_rows is -1"):
        ledger.payments(max_rows=-1)


def test_an_empty_ledger_is_not_complete(tmp_path: Path) -> None:
    """It has the tables, says that they prove nothing, and refuses what needs an account."""
    with Ledger(tmp_path / "empty.sqlite") as empty:
        payments = empty.payments()
        assert len(payments) == 0
        assert payments.attrs["bunqkit"]["complete"] is False
        assert len(empty.balances(daily=True)) == 0
        assert "not complete" in repr(empty)
        with pytest.raises(bunqkit.FrameError, match="cut by sync"):
            bunqkit.reconcile(payments, empty.accounts())
        with pytest.raises(UnknownNameError, match="sync"):
            empty.frame("payment.list")


def test_balances_now_are_those_of_the_accounts(bunq: bunqkit.Context, ledger: Ledger) -> None:
    """One row an account."""
    live, kept = bunq.accounts(), ledger.balances()
    assert kept["balance_cents"].tolist() == live["balance_cents"].tolist()


def test_balances_of_every_day(bunq: bunqkit.Context, ledger: Ledger) -> None:
    """The sum of all that was booked up to the end of a day in Amsterdam, on every day."""
    daily = ledger.balances(daily=True)
    payments = bunq.payments()
    payments["day"] = payments["created"].dt.tz_convert("Europe/Amsterdam").dt.date
    for account_id, part in daily.groupby("account_id"):
        own = payments[payments["account_id"] == account_id]
        booked = own.groupby("day")["amount_cents"].sum()
        days = part["date"].dt.date.tolist()
        assert days == pd.date_range(own["day"].min(), payments["day"].max()).date.tolist()
        expected = booked.reindex(days, fill_value=0).cumsum()
        assert part["balance_cents"].tolist() == expected.tolist()
    assert daily.attrs["bunqkit"]["complete"] is True


def test_the_books_as_they_were_known(bank: Bank, tmp_path: Path) -> None:
    """What was corrected or came later is not in them; a date is the end of a day in Amsterdam."""
    bunq = bunqkit.connect(bank=bank, api_key=bank.demo_key)
    now = [datetime(2026, 4, 1, 9, 0, tzinfo=UTC)]
    ledger = Ledger(tmp_path / "ledger.sqlite", clock=lambda: now[0])
    ledger.sync(bunq)
    first = {"payments": ledger.payments(), "balances": ledger.balances()}
    actions = ledger.frame("mastercard-action.list")
    now[0] += timedelta(days=10)
    bunq.pay("1.00", "bravo@bunq.com", "later")
    bank.give_back(int(actions["id"].iloc[0]), reverse=True)
    ledger.sync(bunq)
    for day in ("2026-04-01", "2026-04-10T23:59:59", date(2026, 4, 10), now[0] - timedelta(1)):
        books = ledger.as_of(day)
        pd.testing.assert_frame_equal(books.payments(), first["payments"])
        pd.testing.assert_frame_equal(books.balances(), first["balances"])
        pd.testing.assert_frame_equal(books.frame("mastercard-action.list"), actions)
        assert books.payments().attrs["bunqkit"]["complete"]
        assert bunqkit.reconcile(books.payments(), books.accounts())
    for day in ("2026-04-11", now[0]):
        pd.testing.assert_frame_equal(ledger.as_of(day).payments(), ledger.payments())
    number = int(actions["id"].iloc[0])
    query = f"SELECT seen, until, raw FROM versions WHERE id = {number} AND type LIKE 'Master%'"
    versions = ledger.sql(query)
    assert versions["seen"].tolist() == [now[0] - timedelta(days=10), now[0]]
    assert versions["until"].tolist() == [now[0], pd.NaT]
    assert ["REVERSED" in raw for raw in versions["raw"]] == [False, True]
    then = ledger.as_of("2026-04-05").sql(query)
    assert then["until"].tolist() == [pd.NaT]
    assert "REVERSED" not in then["raw"].iloc[0]
    early = ledger.as_of("2026-03-31").payments()
    assert (len(early), early.attrs["bunqkit"]["complete"]) == (0, False)
    assert len(ledger.payments()) == len(first["payments"]) + 2


@pytest.mark.slow
def test_the_clock_may_be_moved_back(bank: Bank, tmp_path: Path) -> None:
    """Nothing is in the books twice, nothing is missing unsaid, nothing is known too early."""
    bunq = bunqkit.connect(bank=bank, api_key=bank.demo_key)
    now = [datetime(2026, 4, 1, tzinfo=UTC)]
    days = [5, 10, 3, 7, 1, 12, 20]
    known: list[list[str]] = []
    request = 0
    with Ledger(tmp_path / "ledger.sqlite", clock=lambda: now[0]) as ledger:
        for day in days:
            now[0] = datetime(2026, 4, day, tzinfo=UTC)
            if request:
                bunq.call("request-inquiry.update", request, status="REVOKED")
            request = int(bunq.request_money("1.00", "bravo@bunq.com", "tea")["id"])
            ledger.sync(bunq, progress=False)
            known.append(ledger.frame("request-inquiry.list")["status"].tolist())
        # A sync counts from the latest day that one before it had.
        counts_from = [max(days[: at + 1]) for at in range(len(days))]
        for day in range(1, 25):
            books = ledger.as_of(datetime(2026, 4, day, 12, tzinfo=UTC))
            requests = books.frame("request-inquiry.list", account="all")
            assert requests["id"].is_unique
            told = requests.attrs["bunqkit"]
            syncs = sum(each <= day for each in counts_from)
            assert requests["status"].tolist() == (known[syncs - 1] if syncs else [])
            assert told["complete"] or day < 12
            assert (told["complete_until"] or "") <= f"2026-04-{day:02} 12"
        assert ledger.as_of("2026-04-30").payments().attrs["bunqkit"]["complete_until"] == (
            "2026-04-20 00:00:00.000000"
        )


def test_two_versions_of_one_instant_are_read_as_one(ledger: Ledger, tmp_path: Path) -> None:
    """An earlier version kept such where the clock was moved back."""
    with Ledger(tmp_path / "ledger.sqlite") as old:
        store = old._store
        listing = store.listing("card.list")
        write_page(
            store, listing, [Item(7, "Card", {"id": 7, "name": "new"})],
            above=None, below=None, seen="2026-04-03", cursor={"top": 7},
        )  # fmt: skip
        store.run(
            "INSERT INTO earlier VALUES (:n, 7, 'Card', NULL, NULL, '2026-04-05', '2026-04-10', "
            """'{"id": 7, "name": "old"}')""",
            {"n": listing.number},
        )
        rows = list(store.items(listing, at="2026-04-07"))
        assert [row["id"] for row in rows] == [7]
