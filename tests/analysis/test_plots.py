"""The pictures: what their titles claim is true, and nothing is drawn of half a table."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest

import bunqkit
from bunqkit import FrameError
from bunqkit.analysis.plots import (
    plot_balances,
    plot_cash_flow,
    plot_forecast,
    plot_prices,
    plot_spending,
)
from bunqkit.analysis.recurring import forecast
from bunqkit.analysis.spending import categorize, starter_rules, totals, without_own_transfers

if TYPE_CHECKING:
    from matplotlib.figure import Figure

matplotlib = pytest.importorskip("matplotlib", reason="matplotlib draws (extra: lab)")
matplotlib.use("agg")
OF_PAYMENTS = [plot_balances, plot_cash_flow, plot_spending, plot_prices]


@pytest.fixture(scope="module")
def bunq() -> bunqkit.Context:
    """Open the demo person's account; nobody here changes anything."""
    return bunqkit.connect()


@pytest.fixture(scope="module")
def payments(bunq: bunqkit.Context) -> pd.DataFrame:
    """All payments of the demo person."""
    return bunq.payments()


def title(figure: Figure) -> str:
    """Return the title of a figure."""
    return figure.axes[0].get_title(loc="left")


@pytest.mark.parametrize("plot", OF_PAYMENTS)
def test_it_draws(plot: Callable[[pd.DataFrame], Figure], payments: pd.DataFrame) -> None:
    """With a title, units, a ground that lets the page through, and not shown twice."""
    import matplotlib.pyplot as plt

    figure = plot(payments)
    figure.savefig(io.BytesIO(), format="png")
    assert title(figure)
    axes = figure.axes[0]
    assert "EUR" in axes.get_ylabel() + axes.get_xlabel() or "= 100" in axes.get_ylabel()
    assert figure.patch.get_alpha() == 0
    assert plt.get_fignums() == []


def test_titles_tell_the_truth(payments: pd.DataFrame) -> None:
    """The finding is what the numbers say."""
    grouped = categorize(payments, starter_rules())
    share = re.search(
        r"Home is (\d+) % of what goes out", title(plot_spending(grouped, "category"))
    )
    assert share
    spent = without_own_transfers(grouped)
    found = totals(spent[spent["amount_cents"] < 0], "category")
    assert int(share[1]) == round(100 * found["share"].iloc[0])
    days = forecast(payments)
    lowest = days["balance"].min()
    assert f"EUR {lowest:,.0f} on 24 April" in title(plot_forecast(days))
    assert "Beeldbuis Streaming costs 33 % more" in title(plot_prices(payments))


def test_large_amounts_are_grouped(payments: pd.DataFrame) -> None:
    """Thousands are set apart along the axis, as they are beside the bars."""
    figure = plot_spending(payments)
    figure.savefig(io.BytesIO(), format="png")
    assert "10,000" in [each.get_text() for each in figure.axes[0].get_xticklabels()]


@pytest.mark.parametrize("plot", OF_PAYMENTS)
def test_half_a_table_is_not_drawn(plot: Callable[..., Figure], bunq: bunqkit.Context) -> None:
    """A plot of a table that was cut would tell something false, unless that is said."""
    cut = bunq.payments(max_rows=400)
    with pytest.raises(FrameError, match="cut by max_rows"):
        plot(cut)
    assert title(plot(cut, allow_incomplete=True))


@pytest.mark.parametrize("plot", OF_PAYMENTS)
def test_two_currencies_are_not_added(plot: Callable[..., Figure], payments: pd.DataFrame) -> None:
    """Euros and dollars don't add up."""
    mixed = payments.assign(currency=["USD", *payments["currency"].iloc[1:]])
    with pytest.raises(FrameError, match="EUR, USD"):
        plot(mixed)


@pytest.mark.parametrize("plot", [*OF_PAYMENTS, plot_forecast])
def test_nothing_is_no_picture(plot: Callable[..., Any], payments: pd.DataFrame) -> None:
    """An empty table is said to be one."""
    with pytest.raises(FrameError, match="nothing to draw"):
        plot(payments.head(0))


def contrast(one: str, other: str) -> float:
    """Return the contrast of two colours. Source: WCAG 2.2, relative luminance."""

    def light(colour: str) -> float:
        parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
        red, green, blue = (
            part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
        )
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    bright, dark = sorted((light(one), light(other)), reverse=True)
    return (bright + 0.05) / (dark + 0.05)


def test_writing_is_readable_on_light_and_dark(payments: pd.DataFrame) -> None:
    """The same figure stands out from a white page and from a dark one."""
    axes: Any = plot_balances(payments).axes[0]
    writing = [axes._left_title, axes.yaxis.label, *axes.get_yticklabels()]
    (colour,) = {str(each.get_color()) for each in writing}
    for page in ("#ffffff", "#111111"):
        assert contrast(colour, page) > 4.2
