"""What a stranger writes is shown as text: by reprs, HTML, views, plots, the command line."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from typing import Any

import pandas as pd
import pytest
from adversary.hostile_names import NAMES, check_html, check_text

import bunqkit
from bunqkit.analysis import plots
from bunqkit.cli import main as cli
from bunqkit.context.context import Context
from bunqkit.course.tour import show_tour
from bunqkit.errors import ApiError
from bunqkit.frames.frames import Gathered
from bunqkit.frames.json_reader import blocks_of
from bunqkit.frames.tables import tabulate_payments
from bunqkit.sandbox import Bank

# Half a pair can't be written in UTF-8, and so not be sent.
SENT = [text for text in NAMES.values() if text != "\ud800"]
FEW = ("broken mathtext", "an underscore first")


@pytest.fixture(scope="module")
def bunq() -> Iterator[Context]:
    """Return the context of a user whose payers and accounts have hostile names."""
    bank = Bank()
    bunq = bunqkit.connect(bank=bank)
    bunq.top_up()
    for text in SENT:
        bunq.pay("0.01", "bravo@bunq.com", text)
    for text in SENT[:20]:
        bunq.call("monetary-account-bank.create", currency="EUR", description=text[:140])
    yield bunq
    bunq.close()
    bank.close()


def payments_of(text: str, *, recurs: bool = False) -> pd.DataFrame:
    """Return payments in which account, counterparty, currency and kind all have this name.

    The bank would shorten or refuse some; another bank might not.
    """
    items = [
        {
            "id": number,
            "created": f"2026-{number:02d}-01 10:00:00.000000",
            "monetary_account_id": 1,
            "amount": {"value": f"-{10 + number // 4 * recurs}.00", "currency": "EUR"},
            "counterparty_alias": {"display_name": text, "iban": "NL30BUNQ9990123456"},
            "description": text,
            "type": text,
            "balance_after_mutation": {"value": f"{900 - 10 * number}.00", "currency": "EUR"},
        }
        for number in range(1, 10)
    ]
    gathered = Gathered()
    gathered.add(blocks_of([{"Payment": item} for item in items]))
    return tabulate_payments(gathered)


def test_the_bank_gives_them_back(bunq: Context) -> None:
    """All of them came through, so that the tests below show them."""
    shown = set(bunq.payments()["description"])
    assert [text for text in SENT if text not in shown] == []


def test_reprs_of_what_came(bunq: Context) -> None:
    """An answer, its exchange, the X-ray, the list of calls: as text and as HTML."""
    answer = bunq.call("payment.list", count=100)
    accounts = bunq.call("monetary-account-bank.list", count=100)
    for shown in (answer, accounts, bunq.exchanges, bunq, bunq.handshake):
        check_text(repr(shown))
        check_html(shown._repr_html_())
    for exchange in (answer.exchange, accounts.exchange, *bunq.exchanges[-60:]):
        check_text(repr(exchange))
        check_text(exchange.describe())
        check_text(str(exchange.xray()))
        check_html(exchange.xray()._repr_html_())
        check_html(exchange.as_curl()._repr_html_())


def test_tables_as_views(bunq: Context) -> None:
    """``show`` has one line for a row, and nothing in it moves the cursor."""
    for frame in (bunq.payments(), bunq.accounts(), bunq.frame("payment.list")):
        view = bunqkit.show(frame, rows=1000)
        check_text(repr(view))
        check_html(view._repr_html_())
        assert len(repr(view).splitlines()) == len(frame) + 2


def test_a_view_of_columns_called_so() -> None:
    """Names of fields are the bank's too."""
    for text in SENT:
        view = bunqkit.show(pd.DataFrame({text: [text, "b"]}, dtype="object"), said=text)
        check_text(repr(view))
        check_html(view._repr_html_())


def test_a_user_called_so(bunq: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    """The context's own repr names its user."""
    for text in NAMES.values():
        monkeypatch.setitem(bunq.user, "display_name", text)
        for shown in (bunq, bunq.handshake):
            check_text(repr(shown))
            check_html(shown._repr_html_())


def test_an_answer_with_fields_called_so(bunq: Context) -> None:
    """A type, a field, a refusal's words that nobody has heard of."""
    answer = bunq.call("user.list")
    for text in NAMES.values():
        strange = answer.answering([{text: {text: text, "inner": [text]}}])
        check_text(repr(strange))
        check_html(strange._repr_html_())
    for text in SENT:
        path = "POST /user/{userID}/monetary-account-bank"
        with pytest.raises(ApiError) as caught:
            bunq.call(path, body={"currency": "EUR", "description": "x", text: text}, check=False)
        check_text(str(caught.value))
        check_html(caught.value._repr_html_())
        check_text(str(caught.value.exchange.xray()))


@pytest.mark.filterwarnings("ignore:Glyph:UserWarning", "ignore:Matplotlib currently:UserWarning")
@pytest.mark.parametrize(
    "name", [name if name in FEW else pytest.param(name, marks=pytest.mark.slow) for name in NAMES]
)
def test_plots_of_payments_called_so(name: str) -> None:
    """Titles, legends and labels hold the name as a text: no formula, no TeX, on the page."""
    matplotlib = pytest.importorskip("matplotlib", reason="matplotlib draws (extra: lab)")
    matplotlib.use("agg")
    from matplotlib.text import Text

    payments = payments_of(NAMES[name], recurs=True)
    payments["account"] = payments["counterparty"]
    figures = [plots.plot_balances(payments), plots.plot_spending(payments, "description")]
    figures += [plots.plot_spending(payments), plots.plot_cash_flow(payments)]
    figures.append(plots.plot_prices(payments))
    days = pd.DataFrame(
        {
            "day": pd.to_datetime(["2026-01-01", "2026-01-02"]),
            "balance": [2.0, 1.0],
            "balance_cents": [200, 100],
            "currency": "EUR",
            "expected": payments["counterparty"].head(2),
        }
    )
    figures.append(plots.plot_forecast(days))
    for figure in figures:
        figure.savefig(io.BytesIO(), format="svg")
        for text in figure.findobj(Text):
            check_text(text.get_text())
            assert "\n" not in text.get_text()
            assert len(text.get_text()) < 120
    for figure in (figures[0], figures[4]):
        legend = figure.axes[0].get_legend()
        assert legend is not None
        assert len(legend.get_texts()) == 1


def test_dollars_are_dollars() -> None:
    """What stands between two of them is written as it is, also when TeX draws."""
    matplotlib = pytest.importorskip("matplotlib", reason="matplotlib draws (extra: lab)")
    with matplotlib.rc_context({"text.usetex": True}):
        figure = plots.plot_spending(payments_of("from $5 to $6"))
        drawn = io.StringIO()
        with matplotlib.rc_context({"svg.fonttype": "none"}):
            figure.savefig(drawn, format="svg")
    assert drawn.getvalue().count("from $5 to $6") >= 1


def test_the_tour_and_the_command_line(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What goes to a terminal by itself."""

    def strange(_self: Any, *_how: Any, **_more: Any) -> pd.DataFrame:
        frames = [payments_of(text).head(1) for text in NAMES.values()]
        found = pd.concat(frames, ignore_index=True)
        return found.assign(account=found["counterparty"])

    monkeypatch.setattr(Context, "payments", strange)
    show_tour("OFFLINE")
    check_text(capsys.readouterr().out)
    for text in NAMES.values():
        if "\x00" in text or "\ud800" in text or len(text) > 200:
            continue  # no file can be called so
        assert cli.main(["scrub", "--", f"{text}.ipynb"]) == 1
        check_text(capsys.readouterr().err)


@pytest.mark.parametrize("form", ["CSV", "MT940", "PDF"])
def test_statements_of_the_bank(bunq: Context, form: str) -> None:
    """Each payment is one row or one entry of it, whatever it is called."""
    account = bunq.find_account()["id"]
    made = bunq.call(
        "customer-statement.create",
        account=account,
        statement_format=form,
        date_start="2026-03-01",
        date_end="2026-04-30",
        regional_format="EUROPEAN",
    ).first("Id")
    file = bunq.download(
        "customer-statement.content", account=account, customer_statement_id=made["id"]
    )
    check_text(repr(file))
    check_text(str(file._repr_mimebundle_()["text/plain"]))
    payments = bunq.payments(account=account)
    assert len(payments) == len(SENT) + 1
    if form == "CSV":
        rows = list(csv.reader(io.StringIO(file.decode(), newline=""), delimiter=";"))
        assert len(rows) == len(payments) + 1
        assert len({len(row) for row in rows}) == 1
    if form == "MT940":
        assert len(re.findall(r"(?m)^:61:", file.decode())) == len(payments)
