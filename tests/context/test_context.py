"""A context: tables, payments, requests, and how it shows itself."""

from __future__ import annotations

import io
import logging
import re
import threading
import traceback
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import requests
from visitors import Door, Frozen

import bunqkit
from bunqkit.client.rate_limits import Limiter
from bunqkit.context.context import Context
from bunqkit.errors import ApiError, FieldError, SettingsError, UnknownNameError
from bunqkit.sandbox import Bank, Clock, doors

PIN = "481516"

ACCOUNT_COLUMNS = [
    "id", "type", "description", "iban", "balance", "balance_cents", "currency", "status",
]  # fmt: skip
PAYMENT_COLUMNS = [
    "id", "created", "account_id", "account", "amount", "amount_cents", "currency",
    "counterparty", "counterparty_iban", "description", "type", "sub_type", "balance_after",
]  # fmt: skip


@pytest.fixture
def bunq(bank: Bank) -> Context:
    """Return the person with a history, at a bank whose clock stands still."""
    return bunqkit.connect(bank=bank, api_key=bank.demo_key)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"environment": 5}, "BUNQ_ENVIRONMENT is given as an argument of type int"),
        ({"api_key": b"sandbox_0123"}, "BUNQ_API_KEY is given as an argument of type bytes"),
        ({"bank": "http://127.0.0.1:8080/v1"}, "BUNQ_BASE_URL"),
        ({"environment": "PRODUCTION"}, "BUNQ_API_KEY is not set, and PRODUCTION needs one"),
    ],
)
def test_connect_says_what_it_takes(given: dict[str, Any], said: str) -> None:
    """An argument of another kind is refused, and a key among them not quoted."""
    with pytest.raises(SettingsError, match=said) as caught:
        bunqkit.connect(**given)
    assert "0123" not in str(caught.value)


def test_connect_opens_an_account_without_anything() -> None:
    """No key, no file, no network: a person with two and a half years of payments."""
    bunq = bunqkit.connect()
    payments = bunq.payments()
    assert len(payments) >= 500
    assert payments["created"].max() - payments["created"].min() > pd.Timedelta(days=850)
    assert {"Buurtsuper", "Waterland Software BV"} <= set(payments["counterparty"])


def test_each_connect_opens_a_bank_of_its_own() -> None:
    """What one does, another does not see; a key in the settings is not looked at."""
    first = bunqkit.connect(environment="offline", api_key="x" * 64)
    second = bunqkit.connect()
    first.pay("10.00", "bravo@bunq.com", "tea")
    assert first.accounts()["balance"].sum() != second.accounts()["balance"].sum()
    assert first.bank is not second.bank


def test_connect_to_a_bank_is_another_person(bunq: Context) -> None:
    """Two people of one bank pay each other."""
    other = bunqkit.connect(bank=bunq.bank)
    assert other.user_id != bunq.user_id
    assert other.accounts()["balance"].tolist() == [0.0]
    email = next(a["value"] for a in other.user["alias"] if a["type"] == "EMAIL")
    bunq.pay("25.00", email, "lunch")
    (payment,) = other.payments().to_dict("records")
    assert (payment["amount"], payment["amount_cents"]) == (25.0, 2500)
    assert payment["counterparty"] == bunq.user["display_name"]


def test_a_bank_of_ones_own_is_offline(bank: Bank) -> None:
    """A bank and another environment together are a mistake."""
    with pytest.raises(SettingsError, match="environment is OFFLINE"):
        bunqkit.connect(bank=bank, environment="SANDBOX")


def test_offline_leaves_nothing_on_the_disk(tmp_path: Any) -> None:
    """No state is read or written."""
    bunqkit.connect()
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_accounts_have_their_columns(bunq: Context) -> None:
    """Names, order and kinds are a promise."""
    accounts = bunq.accounts()
    assert list(accounts.columns)[:8] == ACCOUNT_COLUMNS
    assert [str(kind) for kind in accounts.dtypes[:8]] == [
        "Int64", "str", "str", "str", "float64", "Int64", "str", "str",
    ]  # fmt: skip
    assert (accounts["balance"] * 100).round().astype("Int64").equals(accounts["balance_cents"])


def test_payments_have_their_columns(bunq: Context) -> None:
    """Names, order and kinds are a promise."""
    payments = bunq.payments()
    assert list(payments.columns)[:13] == PAYMENT_COLUMNS
    assert [str(kind) for kind in payments.dtypes[:13]] == [
        "Int64", "datetime64[us, UTC]", "Int64", "str", "float64", "Int64", "str", "str", "str",
        "str", "str", "str", "float64",
    ]  # fmt: skip
    assert payments["created"].is_monotonic_decreasing
    assert payments["id"].is_unique


def test_an_empty_account_has_the_same_columns(bank: Bank) -> None:
    """Nothing paid yet: no rows, all columns, the same kinds."""
    empty, full = bunqkit.connect(bank=bank), bunqkit.connect(bank=bank, api_key=bank.demo_key)
    assert len(empty.payments()) == 0
    assert empty.payments().dtypes.equals(full.payments().dtypes)


def test_payments_add_up_to_the_balances(bunq: Context) -> None:
    """To the cent, for each account."""
    payments, accounts = bunq.payments(), bunq.accounts()
    sums = payments.groupby("account_id")["amount_cents"].sum()
    balances = accounts.set_index("id")["balance_cents"]
    assert sums.sort_index().tolist() == balances.sort_index().tolist()


def test_since_is_inclusive_and_until_exclusive(bunq: Context) -> None:
    """Bounds by date and by instant, and together they split the whole."""
    payments = bunq.payments()
    middle = payments["created"].iloc[40].to_pydatetime()
    later, earlier = bunq.payments(since=middle), bunq.payments(until=middle)
    assert later["created"].min() == middle
    assert earlier["created"].max() < middle
    assert len(later) + len(earlier) == len(payments)
    february = bunq.payments(since="2026-02-01", until="2026-03-01")
    assert set(february["created"].dt.tz_convert("Europe/Amsterdam").dt.month) == {2}
    assert len(bunq.payments(since="2027-01-01")) == 0


def test_one_account_by_any_name(bunq: Context) -> None:
    """Id, IBAN and description find the same account; a wrong name lists the right ones."""
    holiday: Any = bunq.accounts().set_index("description").loc["Holiday"]
    for named in (int(holiday["id"]), holiday["iban"], "Holiday"):
        assert set(bunq.payments(account=named)["account"]) == {"Holiday"}
    with pytest.raises(UnknownNameError, match="'Holiday'"):
        bunq.payments(account="Vacation")


@pytest.mark.parametrize("max_rows", [0, 1, 10, 81, 1000])
def test_rows_are_bounded_to_the_newest(bunq: Context, max_rows: int) -> None:
    """The newest of all accounts, and the table says whether it was cut."""
    whole, cut = bunq.payments(), bunq.payments(max_rows=max_rows)
    assert cut["id"].tolist() == whole["id"].tolist()[:max_rows]
    assert cut.attrs["bunqkit"]["complete"] == (max_rows >= len(whole))
    wrong: Any
    for wrong in (-1, "ten", 1.5):
        with pytest.raises(FieldError, match="max_rows"):
            bunq.payments(max_rows=wrong)
        with pytest.raises(FieldError, match="max_rows"):
            bunq.frame("payment.list", max_rows=wrong)


def test_pay_gives_the_payment(bunq: Context) -> None:
    """The created item, whole: sign, balance, counterparty."""
    before = bunq.accounts().set_index("description")["balance_cents"]["Main account"]
    payment = bunq.pay(Decimal("10.00"), "bravo@bunq.com", "tea")
    assert payment["amount"] == {"currency": "EUR", "value": "-10.00"}
    assert payment["description"] == "tea"
    assert payment["counterparty_alias"]["display_name"] == "B. Varb"
    assert Decimal(payment["balance_after_mutation"]["value"]) * 100 == int(before) - 1000


def test_pay_from_another_account_to_an_iban(bunq: Context) -> None:
    """``account`` pays; an IBAN needs a name."""
    payment = bunq.pay("1.00", "NL91 ABNA 0417 1643 00", "x", account="Holiday", name="J. Jansen")
    assert payment["counterparty_alias"]["iban"] == "NL91ABNA0417164300"
    assert payment["counterparty_alias"]["display_name"] == "J. Jansen"
    with pytest.raises(FieldError, match="holder's name"):
        bunq.pay("1.00", "NL91ABNA0417164300", "x")


def test_too_little_money_is_refused(bunq: Context) -> None:
    """The bank says so, and nothing moves."""
    before = bunq.accounts()
    with pytest.raises(ApiError, match="not sufficient"):
        bunq.pay("99999.00", "bravo@bunq.com", "tea")
    pd.testing.assert_frame_equal(bunq.accounts(), before)


def test_request_money_gives_the_request(bunq: Context) -> None:
    """Somebody else's answer is awaited."""
    request = bunq.request_money("12.50", "bravo@bunq.com", "half of it")
    assert (request["status"], request["amount_inquired"]["value"]) == ("PENDING", "12.50")
    assert request["amount_responded"] is None


def test_top_up_brings_money(bank: Bank) -> None:
    """The sugar daddy pays at once, up to 500 at a time."""
    bunq = bunqkit.connect(bank=bank)
    assert bunq.top_up()["status"] == "ACCEPTED"
    assert bunq.top_up("0.01")["status"] == "ACCEPTED"
    assert bunq.top_up("500.01")["status"] == "REJECTED"
    assert bunq.accounts()["balance_cents"].tolist() == [50_001]


def test_more_accounts_than_a_page_are_all_there(bank: Bank) -> None:
    """With more than ten accounts, a client that does not page loses some."""
    bunq = bunqkit.connect(bank=bank)
    for number in range(12):
        bunq.call("monetary-account-bank.create", currency="EUR", description=f"pot {number}")
    assert len(bunq.accounts()) == 13
    answer = bunq.call("monetary-account.list", count=5)
    assert len(answer.items) == 5


def test_it_shows_what_it_is(bunq: Context) -> None:
    """Environment first, then bank, user, device and session; asking it costs no call."""
    shown = repr(bunq)
    assert shown.startswith("bunq OFFLINE\n")
    assert f"(UserPerson {bunq.user_id})" in shown
    assert "2026-04-08 09:00 UTC" in shown
    html = bunq._repr_html_()
    assert '<span class="badge OFFLINE">OFFLINE</span>' in html
    assert bunq.user["display_name"] in html


def test_it_shows_the_time_of_a_bank_in_this_process(bank: Bank) -> None:
    """Its clock is its own, and may be moved."""
    bunq = bunqkit.connect(bank=bank)
    bank.clock.advance(days=2)
    assert re.search(r"bank +in this process, where it is 2026-04-03 09:\d\d UTC", repr(bunq))


def test_it_says_where_its_settings_came_from(
    bank: Bank, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """``connect()`` says it, and so do repr and card; the bank in this process needs none."""
    pytest.importorskip("waitress", reason="serving the bank needs waitress")
    bunqkit.connect()
    assert capsys.readouterr() == ("", "")
    server = doors.Server(bank, host="127.0.0.1", port=0)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    env_file = Path.cwd() / ".env"
    env_file.write_text(f"BUNQ_BASE_URL={server.url}\n")
    monkeypatch.setenv("BUNQ_LIMITS", "off")
    bunq = bunqkit.connect()
    server.close()
    thread.join(10)
    places = f"BUNQ_BASE_URL, BUNQ_API_KEY from {env_file}; BUNQ_LIMITS from the environment"
    assert capsys.readouterr() == (
        f"A sandbox user was made. Its key is in {env_file}.\n",
        f"OFFLINE: {places}.\n",
    )
    assert f"settings {places}" in repr(bunq)
    assert places in bunq._repr_html_()


def test_profiles_keep_states_of_their_own(
    bank: Bank, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Two profiles at one bank: two files, two folders; the session of one is not the other's."""
    pytest.importorskip("waitress", reason="serving the bank needs waitress")
    server = doors.Server(bank, host="127.0.0.1", port=0)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    monkeypatch.setenv("BUNQ_STATE_DIR", str(tmp_path / "kept"))
    people = {}
    for name in ("work", "home"):
        Path(f".env.{name}").write_text(f"BUNQ_BASE_URL={server.url}\n")
        people[name] = bunqkit.connect(profile=name)
    monkeypatch.setenv("BUNQ_PROFILE", "work")
    again = bunqkit.connect()
    server.close()
    thread.join(10)
    assert again.user_id == people["work"].user_id != people["home"].user_id
    assert again.session.id == people["work"].session.id
    kept = sorted(path.parent for path in (tmp_path / "kept").rglob("*.json"))
    assert kept == [tmp_path / "kept" / "profiles" / name for name in ("home", "work")]
    assert not Path(".env").exists()


def test_names_from_the_bank_are_no_markup(tick: Frozen) -> None:
    """A display name is data in HTML too."""
    bank = Bank(clock=Clock(tick=tick))
    bunq = bunqkit.connect(bank=bank)
    bunq.user["display_name"] = "<script>alert(1)</script>"
    assert "<script>" not in bunq._repr_html_()


def crash(error: BaseException) -> str:
    """Return what rich shows of an error: every frame with its locals, nothing left out."""
    console = pytest.importorskip("rich.console", reason="rich shows tracebacks with locals")
    from rich.traceback import Traceback

    told = io.StringIO()
    # Rich takes None, though its annotation says int.
    unlimited: Any = None
    console.Console(file=told, width=300).print(
        Traceback.from_exception(
            type(error),
            error,
            error.__traceback__,
            show_locals=True,
            locals_max_length=unlimited,
            max_frames=1000,
        )
    )
    return told.getvalue()


class Stopping(requests.adapters.BaseAdapter):
    """A transport in which something stops a call, with the headers in a local variable."""

    def __init__(self, error: BaseException) -> None:
        super().__init__()
        self.error = error

    def send(self, request: requests.PreparedRequest, **_how: Any) -> requests.Response:
        """Stop."""
        headers = dict(request.headers)
        assert headers["X-Bunq-Client-Authentication"]
        raise self.error

    def close(self) -> None:
        """Nothing to close."""


@pytest.mark.parametrize("error", [KeyboardInterrupt(), RuntimeError("a bug"), OSError("away")])
def test_a_crash_deep_in_the_transport_shows_no_secret(bunq: Context, error: BaseException) -> None:
    """Whatever stops the call that carries key and token: the transport's frames are let go."""
    state, key = bunq._sessions.state, bunq.settings.api_key
    assert state is not None
    assert key is not None
    client = bunqkit.Client("https://bank.invalid/v1", transport=Stopping(error))
    with pytest.raises((KeyboardInterrupt, RuntimeError, bunqkit.NoAnswerError)) as caught:
        bunqkit.open_session(client, state.installation, key, now=datetime.now(UTC))
    told = crash(caught.value)
    assert "open_session" in told
    assert key.reveal().removeprefix("sandbox_") not in told
    assert state.installation.token.reveal() not in told


@pytest.mark.parametrize(
    "door", [pytest.param("in process", marks=pytest.mark.slow), "loopback"], indirect=True
)
def test_no_secret_is_printed_logged_raised_or_shown(
    capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture, door: Door
) -> None:
    """A run that shows everything it can, searched for key, tokens and private key."""
    caplog.set_level(logging.DEBUG)
    bank = door.bank
    bunq = bunqkit.connect(bank=bank, api_key=bank.demo_key)
    shown: list[str] = []

    def show(thing: object) -> None:
        shown.extend((repr(thing), str(thing)))
        forms = [form for form in ("_repr_html_", "_repr_markdown_") if hasattr(thing, form)]
        shown.extend(str(getattr(thing, form)()) for form in forms)

    answer = bunq.call("payment.list")
    state = bunq._sessions.state
    assert state is not None
    assert state.session is not None
    for thing in (
        bunq, bunq.settings, bunq.session, state, state.installation, answer, answer.exchange,
        answer.exchange.describe(), bunq.api.payment, bunq.find("session"), bank, bank.demo_key,
        vars(bunq), bunq.client, bunq._sessions,
    ):  # fmt: skip
        show(thing)
    away = bunqkit.Client("http://127.0.0.1:9/v1")
    for wrong in (
        lambda: away.request("GET", "/user", token=bunq.session.token),
        lambda: bunqkit.open_session(away, state.installation, bank.demo_key, now=bank.clock.now()),
        lambda: bunq.call("GET /nowhere"),
        lambda: bunq.call("payment.create", amount="1", to="x", description=""),
        lambda: bunqkit.register_device(
            door.client(), state.installation, bank.demo_key, description="again"
        ),
        lambda: bunqkit.load_settings(api_key="no prefix " * 9),
        lambda: bunq.call("card.update", card_id=1, pin_code=PIN, nothing_known=1),
        lambda: bunq.call("card.update", card_id=1, pin_code=PIN),
        lambda: bunq.api.card.update(card_id=1, pin_code=PIN, pin_assignment="none"),
    ):
        try:
            wrong()
        except bunqkit.BunqkitError as error:
            show(error)
            shown.append("".join(traceback.TracebackException.from_exception(
                error, capture_locals=True).format()))  # fmt: skip
            shown.append(crash(error))
    told = capsys.readouterr()
    everything = "\n".join([*shown, told.out, told.err, caplog.text])
    secrets = {
        "API key": bank.demo_key.reveal().removeprefix("sandbox_"),
        "installation token": state.installation.token.reveal(),
        "session token": state.session.token.reveal(),
        "private key": state.installation.key.to_pem().reveal().splitlines()[1],
        "the bank's key": bank.key.to_pem().reveal().splitlines()[1],
        "PIN": PIN,
    }
    assert "urllib3.connectionpool" in caplog.text
    assert {name for name, secret in secrets.items() if secret in everything} == set()
    assert len(everything) > 10_000


def test_long_work_is_announced(bunq: Context) -> None:
    """How many pages at most and about how long, before the first is fetched."""
    said: list[str] = []
    bunq.client.limiter = Limiter("classic", sleep=lambda _seconds: None, say=said.append)
    bunq.frame("payment.list", max_rows=14_600)
    assert said[0] == "At most 73 pages, about 73 s: the bank allows 3 GET calls in 3 s."


def test_the_limits_of_the_settings_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a bank that refuses the fourth read in three seconds, four are asked for without one."""
    monkeypatch.setenv("BUNQ_LIMITS", "classic")
    time = Frozen()
    with bunqkit.connect(bank=Bank(clock=Clock(tick=time), limits="classic")) as bunq:
        bunq.client.limiter._clock, bunq.client.limiter._sleep = time, time.sleep
        for _ in range(4):
            bunq.call("user.list")
        assert time.seconds > 2
        assert {each.status for each in bunq.exchanges} == {200}
