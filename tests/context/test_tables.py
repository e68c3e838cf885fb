"""The tables of a context: complete, in parallel, and what is left when somebody stops one."""

from __future__ import annotations

import _thread
import json
import re
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest
from sampling import one_in
from visitors import Wire

import bunqkit
from bunqkit.client.live import LiveTransport
from bunqkit.client.rate_limits import Limiter
from bunqkit.context.context import Context
from bunqkit.errors import BadAnswerError, FieldError, Interrupted, SignatureError
from bunqkit.frames.column_docs import TABLES
from bunqkit.sandbox import Bank, CardUse, Fault, doors

ACCOUNTS = [
    "Main account",
    "Holiday",
    "Rainy day",
    "New bicycle",
    "Summer on the coast",
    "Household",
]


@pytest.fixture
def bunq(bank: Bank) -> Context:
    """Return the person with a history, at a bank whose clock stands still."""
    return bunqkit.connect(bank=bank, api_key=bank.demo_key)


def watch(bunq: Context, **how: Any) -> Wire:
    """Put something that counts before a context's bank."""
    assert bunq.bank is not None
    wire = Wire(bunq.bank)
    bunq.client._transport = LiveTransport(adapter=doors.InProcess(wire))
    for name, value in how.items():
        setattr(wire, name, value)
    return wire


def fetched(bunq: Context, table: str, **how: Any) -> pd.DataFrame:
    """Fetch a table by its name."""
    frame: pd.DataFrame = getattr(bunq, table)(**how)
    return frame


def stop_at(path: str, call: int) -> Callable[[dict[str, Any]], None]:
    """Return what interrupts the program at the n-th call to a path."""
    left = [call]

    def bend(environ: dict[str, Any]) -> None:
        if environ["PATH_INFO"].endswith(path):
            left[0] -= 1
            if left[0] == 0:
                raise KeyboardInterrupt

    return bend


@pytest.mark.parametrize("table", TABLES)
def test_every_table_says_that_it_is_complete(bunq: Context, table: str, tmp_path: Path) -> None:
    """In its documented columns; what it says of itself survives a file."""
    frame = fetched(bunq, table)
    assert list(frame.columns) == list(TABLES[table])
    told = frame.attrs["bunqkit"]
    assert (told["table"], told["rows"], told["complete"]) == (table, len(frame), True)
    assert told["pages"] > 0
    frame.to_parquet(tmp_path / "table.parquet")
    back = pd.read_parquet(tmp_path / "table.parquet")
    assert back.attrs == frame.attrs
    pd.testing.assert_frame_equal(back, frame)


@pytest.mark.parametrize("table", TABLES)
def test_tables_of_somebody_new_have_the_same_columns(bunq: Context, table: str) -> None:
    """Nothing has happened yet: no rows, the same kinds."""
    empty = fetched(bunqkit.connect(bank=bunq.bank), table)
    assert len(empty) == (table == "accounts")
    assert empty.dtypes.to_dict() == fetched(bunq, table).dtypes.to_dict()


@pytest.mark.parametrize(
    "table", one_in(2, ["money_requests", "payments", "card_transactions", "events"])
)
def test_bounds_split_a_table(bunq: Context, table: str) -> None:
    """From since on and before until; and at most the newest."""
    whole = fetched(bunq, table)
    middle = whole["created"].iloc[len(whole) // 2].to_pydatetime()
    newer, older = fetched(bunq, table, since=middle), fetched(bunq, table, until=middle)
    assert newer["id"].tolist() + older["id"].tolist() == whole["id"].tolist()
    assert newer.attrs["bunqkit"]["complete"]
    assert newer.attrs["bunqkit"]["since"] == f"{middle:%Y-%m-%d %H:%M:%S.%f}"
    for count in (0, 3, len(whole)):
        cut = fetched(bunq, table, max_rows=count)
        assert cut["id"].tolist() == whole["id"].tolist()[:count]
        assert cut.attrs["bunqkit"]["cut_by"] == ("max_rows" if count < len(whole) else None)
    with pytest.raises(FieldError, match="max_rows"):
        fetched(bunq, table, max_rows=-1)


def test_no_page_is_asked_for_that_is_too_old(bunq: Context) -> None:
    """Main account has four pages; the newest month is on the first."""
    wire = watch(bunq)
    bunq.payments(account="Main account", since="2026-03-01")
    assert sum(call.endswith("/payment") for call in wire.calls) == 1
    bunq.payments(account="Main account", max_rows=200)
    assert sum(call.endswith("/payment") for call in wire.calls) == 2
    bunq.payments(account="Main account")
    assert sum(call.endswith("/payment") for call in wire.calls) == 6


def test_accounts_are_read_at_the_same_time(bunq: Context) -> None:
    """Three lists are under way at once: each waits until two others have been asked for, too."""
    meeting = threading.Barrier(3)

    def wait(environ: dict[str, Any]) -> None:
        if environ["PATH_INFO"].endswith("/payment") and "older_id" not in environ["QUERY_STRING"]:
            meeting.wait(10)

    watch(bunq, bend_request=wait)
    assert set(bunq.payments()["account"]) == set(ACCOUNTS)


def test_one_limiter_holds_for_all_lists(bunq: Context) -> None:
    """Nine pages of payments at three in three seconds: the last six wait."""
    slept: list[float] = []
    lock = threading.Lock()

    def sleep(seconds: float) -> None:
        with lock:
            slept.append(seconds)

    bunq.client.limiter = Limiter("classic", sleep=sleep, say=lambda _words: None)
    bunq.payments()
    assert sum(seconds > 2 for seconds in slept) == 6


@pytest.mark.parametrize(
    ("table", "path", "call"),
    [
        ("accounts", "/monetary-account", 1),
        ("payments", "/monetary-account", 1),
        ("payments", "/payment", 1),
        ("payments", "/payment", 5),
        ("money_requests", "/request-response", 2),
        ("cards", "/card", 1),
        ("card_transactions", "/mastercard-action", 3),
        ("card_transactions", "/payment", 5),
        ("events", "/monetary-account", 1),
        ("events", "/event", 3),
        ("scheduled_payments", "/schedule-payment", 4),
    ],
)
def test_an_interrupt_keeps_what_has_come(bunq: Context, table: str, path: str, call: int) -> None:
    """The table is in the error, in its own columns, and says that it is not complete."""
    whole = fetched(bunq, table)
    watch(bunq, bend_request=stop_at(path, call))
    with pytest.raises(Interrupted, match="cut by interrupt") as caught:
        fetched(bunq, table)
    frame = caught.value.frame
    assert frame.dtypes.to_dict() == whole.dtypes.to_dict()
    told = frame.attrs["bunqkit"]
    assert (told["table"], told["complete"], told["cut_by"]) == (table, False, "interrupt")
    assert set(frame["id"]) <= set(whole["id"])
    if table == "events" and path == "/event":
        assert len(frame) == 400


def test_the_program_itself_may_be_interrupted(bunq: Context) -> None:
    """A person stops it while the bank takes its time: nobody waits for the bank."""
    release = threading.Event()

    def hang(environ: dict[str, Any]) -> None:
        if "older_id" in environ["QUERY_STRING"]:
            _thread.interrupt_main()
            release.wait(30)

    watch(bunq, bend_request=hang)
    with pytest.raises(Interrupted) as caught:
        bunq.payments()
    assert 200 <= len(caught.value.frame) < 849
    with pytest.raises(Interrupted) as caught:
        bunq.frame("payment.list")
    assert len(caught.value.frame) == 200
    release.set()


def test_a_refusal_of_one_list_is_the_refusal_of_all(bunq: Context) -> None:
    """A table never leaves an account out."""
    assert bunq.bank is not None
    bunq.bank.faults.add(Fault("wrong signature", operation="payment.list"))
    with pytest.raises(SignatureError):
        bunq.payments()


def test_a_page_that_is_no_envelope_is_named(bunq: Context) -> None:
    """Signed by the bank, found when it is read: the error tells which call it was."""
    wire = watch(bunq)

    def spoil(status: int, headers: dict[str, str], body: bytes) -> tuple[int, Any, bytes]:
        if wire.calls[-1].endswith("/payment") and b'"newer_url":null' not in body:
            body = body.replace(b'{"Response":[', b'{"Response":[7,')
        return status, headers | {"X-Bunq-Server-Signature": wire.bank.key.sign(body)}, body

    wire.bend = spoil
    with pytest.raises(BadAnswerError, match=r"older_id=.*one object under one type"):
        bunq.payments(account="Main account")


def test_a_card_transaction_that_is_given_back_is_linked(bunq: Context) -> None:
    """Refused, paid and given back in part: each payment belongs to one transaction at most."""
    bank = bunq.bank
    assert bank is not None
    card = int(bunq.cards()["id"][0])
    refused = bank.use_card(card, CardUse(1_234, "Shop Abroad", country="JP"))
    paid = bank.use_card(card, CardUse(1_234, "Shop Abroad"))
    back = bank.give_back(paid, cents=400)
    transactions = bunq.card_transactions().set_index("id")
    payments = bunq.payments().set_index("id")
    assert transactions["payment_id"].isna()[refused]
    assert payments["reverses"][back] == transactions["payment_id"][paid]
    assert transactions["payment_id"].dropna().is_unique


def test_links_are_those_that_the_bank_knows(bunq: Context) -> None:
    """For the last twenty transactions, the bank's own list of their payments agrees."""
    for _, row in bunq.card_transactions(max_rows=20).iterrows():
        answer = bunq.call(
            "mastercard-action.payment.list",
            mastercard_action_id=int(row["id"]),
            account=int(row["account_id"]),
        )
        assert row["payment_id"] == min(item["id"] for item in answer.items)


def test_what_comes_on_two_pages_is_one_row(bunq: Context) -> None:
    """Pages that overlap, as if things had come while they were read: nothing is counted twice."""
    whole = bunq.payments()
    wire = watch(bunq)

    def overlap(status: int, headers: dict[str, str], body: bytes) -> tuple[int, Any, bytes]:
        body = re.sub(rb"(?<=older_id=)\d+", lambda found: b"%d" % (int(found[0]) + 100), body)
        return status, headers | {"X-Bunq-Server-Signature": wire.bank.key.sign(body)}, body

    wire.bend = overlap
    frame = bunq.payments()
    assert frame["id"].tolist() == whole["id"].tolist()


@pytest.mark.parametrize("place", ["program", "notebook"])
def test_a_frame_says_in_a_line_how_complete_it_is(
    bunq: Context,
    place: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """On the error stream of a program, among the output of a notebook; a short table is silent."""
    shell = SimpleNamespace(kernel=1) if place == "notebook" else None
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda: shell))
    bunq.frame("payment.list", max_rows=5)
    told = capsys.readouterr()
    line = "5 rows of 1 page, cut by max_rows.\n"
    assert (told.out, told.err) == ((line, "") if place == "notebook" else ("", line))
    bunq.payments()
    assert "".join(capsys.readouterr()) == ""


def test_a_frame_knows_its_account(bunq: Context) -> None:
    """By whatever name the account was given."""
    ids = bunq.accounts().set_index("description")["id"]
    assert bunq.frame("payment.list").attrs["bunqkit"]["accounts"] == [ids["Main account"]]
    frame = bunq.frame("payment.list", account="Holiday")
    assert frame.attrs["bunqkit"]["accounts"] == [ids["Holiday"]]
    assert bunq.frame("card.list").attrs["bunqkit"]["accounts"] == []


def test_a_list_without_an_end_is_left(bunq: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each page leads to another one that is new: pages() ends in an error that says so."""
    monkeypatch.setattr("bunqkit.context.channel._MAX_PAGES", 5)
    wire = watch(bunq)
    numbers = iter(range(10**9))

    def lead_on(_status: int, headers: dict[str, str], _body: bytes) -> Any:
        url = f"{wire.calls[-1].split()[1]}?older_id={next(numbers)}"
        body = json.dumps({"Response": [], "Pagination": {"older_url": url}}).encode()
        return 200, headers | {"X-Bunq-Server-Signature": wire.bank.key.sign(body)}, body

    path = f"GET /user/{bunq.user_id}/card"
    wire.bend = lead_on
    with pytest.raises(BadAnswerError, match="its list has no end"):
        list(bunq.pages(path))
    assert len(wire.calls) == 7
