"""The curated tables: one column order, exact money, joined accounts, linked reversals."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

import bunqkit
from bunqkit.frames.column_docs import TABLES
from bunqkit.frames.frames import Gathered
from bunqkit.frames.json_reader import blocks_of
from bunqkit.frames.tables import (
    link_payments,
    tabulate_accounts,
    tabulate_card_transactions,
    tabulate_cards,
    tabulate_events,
    tabulate_money_requests,
    tabulate_payments,
    tabulate_scheduled_payments,
)

SELF = {"type": "IBAN", "value": "NL02SELF"}
ACCOUNTS: list[dict[str, Any]] = [
    {"id": 7, "description": "Main"},
    {"id": 8, "description": "Savings", "alias": [SELF]},
    {"id": 9, "description": None},
]


def gather(items: list[dict[str, Any]], type_name: str = "Payment") -> Gathered:
    """Return the rows of bare items."""
    gathered = Gathered()
    gathered.add(blocks_of([{type_name: item} for item in items]))
    return gathered


EMPTY = {
    "accounts": tabulate_accounts(Gathered()),
    "payments": tabulate_payments(Gathered(), ACCOUNTS),
    "money_requests": tabulate_money_requests(Gathered(), ACCOUNTS),
    "cards": tabulate_cards(Gathered()),
    "card_transactions": tabulate_card_transactions(Gathered(), ACCOUNTS),
    "events": tabulate_events(Gathered(), ACCOUNTS),
    "scheduled_payments": tabulate_scheduled_payments(Gathered(), ACCOUNTS),
}


def euro(value: str, currency: str = "EUR") -> dict[str, str]:
    """Return an amount."""
    return {"value": value, "currency": currency}


def paid(number: int, value: str, **more: Any) -> dict[str, Any]:
    """Return a payment of a day in January."""
    return {
        "id": number,
        "created": f"2026-01-{number:02d} 12:00:00.000000",
        "monetary_account_id": 7,
        "amount": euro(value),
        "counterparty_alias": {"display_name": "Shop", "iban": "NL01SHOP"},
        "description": "tea",
        "type": "BUNQ",
        "sub_type": "PAYMENT",
        **more,
    }


@pytest.mark.parametrize("table", TABLES)
def test_an_empty_table_has_its_columns(table: str) -> None:
    """In the documented order and with their dtypes."""
    frame = EMPTY[table]
    assert list(frame.columns) == list(TABLES[table])
    assert [str(dtype) for dtype in frame.dtypes] == [each.dtype for each in TABLES[table].values()]


def test_columns_that_were_promised_come_first() -> None:
    """What others build on keeps its place; more may stand behind."""
    assert list(TABLES["accounts"]) == [
        "id", "type", "description", "iban", "balance", "balance_cents", "currency", "status",
    ]  # fmt: skip
    assert list(TABLES["payments"])[:13] == [
        "id", "created", "account_id", "account", "amount", "amount_cents", "currency",
        "counterparty", "counterparty_iban", "description", "type", "sub_type", "balance_after",
    ]  # fmt: skip


def test_payments_know_account_direction_and_own_transfers() -> None:
    """The account's name is joined, and the other side may be an account of one's own."""
    to_self = {"display_name": "Me", "iban": "NL02SELF"}
    payments = [
        paid(1, "-10.50"),
        paid(2, "3.00", counterparty_alias=to_self),
        paid(3, "0.00", counterparty_alias=None),
    ]
    nameless = tabulate_payments(gather([paid(4, "1.00", monetary_account_id=9)]), ACCOUNTS)
    assert nameless["account"].isna().all()
    assert nameless["account"].dtype == "str"
    frame = tabulate_payments(gather(payments), ACCOUNTS)
    assert frame["id"].tolist() == [3, 2, 1]
    assert frame["account"].tolist() == ["Main"] * 3
    assert frame["direction"].tolist() == ["in", "in", "out"]
    assert frame["is_own_transfer"].tolist() == [pd.NA, True, False]
    assert frame["amount"].tolist() == [0.0, 3.0, -10.5]
    assert frame["amount_cents"].tolist() == [0, 300, -1050]


def test_own_transfers_are_not_guessed() -> None:
    """Without the IBANs nobody knows."""
    frame = tabulate_payments(gather([paid(1, "1.00")]), ACCOUNTS[:1])
    assert frame["is_own_transfer"].isna().all()


def test_cents_are_those_of_the_currency() -> None:
    """Yen have none, and what has smaller parts has no whole cents."""
    payments = [
        paid(1, "0", amount=euro("500", "JPY")),
        paid(2, "0", amount=euro("0.005")),
        paid(3, "0", amount=None),
    ]
    assert tabulate_payments(gather(payments))["amount_cents"].tolist() == [pd.NA, pd.NA, 500]


def test_a_reversal_names_what_it_reverses() -> None:
    """The last payment before it with the opposite amount that was not yet reversed."""
    payments = [
        paid(1, "-5.00"),
        paid(2, "-5.00"),
        paid(3, "5.00", sub_type="REVERSAL"),
        paid(4, "5.00", sub_type="REVERSAL"),
        paid(5, "5.00", sub_type="REVERSAL"),
        paid(6, "5.00"),
    ]
    frame = tabulate_payments(gather(payments), ACCOUNTS).set_index("id")["reverses"]
    assert frame.dropna().to_dict() == {4: 1, 3: 2}


def test_another_side_or_amount_is_not_reversed() -> None:
    """A reversal is linked to nothing rather than to something else."""
    other = {"display_name": "Other", "iban": "NL03OTHR"}
    payments = [
        paid(1, "-5.00", counterparty_alias=other),
        paid(2, "-4.99"),
        paid(3, "-5.00", monetary_account_id=8),
        paid(4, "5.00", sub_type="REVERSAL"),
    ]
    assert tabulate_payments(gather(payments), ACCOUNTS)["reverses"].isna().all()


def test_a_part_that_is_given_back_belongs_to_what_it_can_be_a_part_of() -> None:
    """The last payment of which so much is left; one of just that amount comes first."""
    back = {"sub_type": "REVERSAL"}
    payments = [
        paid(1, "-2.00"),
        paid(2, "-5.00"),
        paid(3, "4.00", **back),
        paid(4, "2.00", **back),
        paid(5, "2.00", **back),
        paid(6, "1.00", **back),
    ]
    frame = tabulate_payments(gather(payments), ACCOUNTS).set_index("id")["reverses"]
    assert frame.dropna().to_dict() == {3: 2, 4: 1, 6: 2}


def test_a_card_transaction_has_one_payment_and_one_row() -> None:
    """Two alike have a payment each, a third has none, and one that comes twice is one.

    Nor does one that was refused have one, nor is a refund or another account's payment taken.
    """
    actions = [
        {
            "id": 100 + day,
            "created": f"2026-01-{day:02d} 09:00:00.000000",
            "monetary_account_id": 7,
            "amount_billing": euro("4.00"),
            "decision": decision,
        }
        for day, decision in (
            (1, "ALLOWED"),
            (1, "ALLOWED"),
            (2, "BALANCE_INSUFFICIENT"),
            (3, None),
            (9, None),
        )
    ]
    payments = [
        paid(3, "-4.00", type="MASTERCARD"),
        paid(4, "-4.00", type="MASTERCARD"),
        paid(5, "-4.00"),
        paid(10, "4.00", type="MASTERCARD", sub_type="REVERSAL"),
        paid(8, "-4.00", type="MASTERCARD", monetary_account_id=8),
    ]
    frame = link_payments(
        tabulate_card_transactions(gather(actions, "MasterCardAction"), ACCOUNTS),
        tabulate_payments(gather(payments), ACCOUNTS),
    )
    assert frame["id"].tolist() == [109, 103, 102, 101]
    assert frame["payment_id"].tolist() == [pd.NA, 4, pd.NA, 3]


def test_requests_say_who_pays() -> None:
    """One that I made brings money in."""
    request = {"id": 1, "monetary_account_id": 7, "amount_inquired": euro("8.00")}
    requests = gather([request], "RequestInquiry")
    requests.add(blocks_of([{"RequestResponse": {**request, "id": 2}}]))
    frame = tabulate_money_requests(requests, ACCOUNTS)
    assert dict(zip(frame["id"], frame["direction"], strict=True)) == {1: "in", 2: "out"}
    assert frame["amount_cents"].tolist() == [800, 800]


def test_events_say_what_happened_to_what() -> None:
    """Type and id are those of the object; an object nobody has heard of works too."""
    events: list[dict[str, Any]] = [
        {"id": 1, "action": "CREATE", "object": {"Payment": {"id": 9, "description": "tea"}}},
        {"id": 2, "action": "UPDATE", "object": {"OfTomorrow": {}}},
        {"id": 3, "object": None},
    ]
    frame = tabulate_events(gather(events, "Event"), ACCOUNTS).set_index("id")
    assert list(frame.loc[1, ["type", "object_id", "description"]]) == ["Payment", 9, "tea"]
    assert frame.loc[2, "type"] == "OfTomorrow"
    assert frame.loc[3].drop("created").isna().all()


def test_scheduled_payments_say_when() -> None:
    """The schedule stands beside the payment."""
    item = {
        "id": 1,
        "monetary_account_id": 8,
        "payment": {"amount": euro("8.89"), "description": "rent"},
        "schedule": {"time_next": "2026-02-01 00:00:00.000000", "recurrence_unit": "MONTHLY"},
    }
    row = tabulate_scheduled_payments(gather([item], "ScheduledPayment"), ACCOUNTS).iloc[0]
    assert (row["account"], row["amount_cents"], row["unit"]) == ("Savings", 889, "MONTHLY")
    assert row["next"] == pd.Timestamp("2026-02-01", tz="UTC")


def test_payments_of_the_demo_world_add_up_to_the_balances() -> None:
    """For every account, the cents of its payments are its balance."""
    bunq = bunqkit.connect()
    payments, accounts = bunq.payments(), bunq.accounts()
    sums = payments.groupby("account_id")["amount_cents"].sum()
    balances = accounts.set_index("id")["balance_cents"]
    assert len(payments) > 50
    assert sums.reindex(balances.index, fill_value=0).tolist() == balances.tolist()


def test_each_balance_after_is_the_sum_so_far() -> None:
    """On every day, not only on the last."""
    payments = bunqkit.connect().payments().sort_values(["created", "id"])
    sums = payments.groupby("account_id")["amount_cents"].cumsum()
    assert ((payments["balance_after"] * 100).round() == sums).all()


def test_transfers_between_own_accounts_are_marked() -> None:
    """A context knows its accounts: both legs of a transfer are marked, nothing else is."""
    bunq = bunqkit.connect()
    payments, ibans = bunq.payments(), set(bunq.accounts()["iban"])
    assert payments["is_own_transfer"].any()
    has_iban = payments["counterparty_iban"].notna()
    expected = payments["counterparty_iban"].isin(ibans)[has_iban]
    assert payments["is_own_transfer"][has_iban].tolist() == expected.tolist()
