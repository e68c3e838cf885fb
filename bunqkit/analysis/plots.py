"""Plots of tables of payments; the title of each says what it shows.

Pure functions from tables to matplotlib figures. They are readable on a light and on a dark page,
and by colour-blind people: grey text, Okabe and Ito's colours, dashes and hatching.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from bunqkit.analysis.recurring import price_changes
from bunqkit.analysis.spending import (
    cash_flow,
    daily_balances,
    refuse_incomplete,
    totals,
    without_own_transfers,
)
from bunqkit.display.terminal import printable
from bunqkit.errors import FrameError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from matplotlib.figure import Figure

# Okabe and Ito's palette for colour-blind readers, without its yellow: too light for lines.
_COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00")
# Its contrast is 4.4 to 1 with the white page, 4.3 to 1 with the dark one.
_GREY = "#787878"
_MOST_BARS = 10
_WIDE = (8.0, 4.0)
_LONGEST_IN_TITLE = 40


def plot_balances(payments: pd.DataFrame, *, allow_incomplete: bool = False) -> Figure:
    """Return a plot of each account's balance over time.

    Parameters
    ----------
    payments
        As ``bunq.payments()`` returns them, of one currency.
    allow_incomplete
        Whether a table that was cut may be drawn, too.

    Raises
    ------
    FrameError
        If there is nothing to draw, more than one currency, or the table is cut.
    """
    currency = _check(payments, allow_incomplete=allow_incomplete)
    wide = daily_balances(payments).pivot_table(
        index="day", columns="account", values="balance", aggfunc="sum", sort=False
    )
    wide = wide.ffill().fillna(0)
    total = wide.sum(axis="columns")
    change = total.iloc[-1] - total.iloc[0]
    figure, axes = _start(
        f"Together your accounts {'gained' if change >= 0 else 'lost'} "
        f"{_money(abs(change), currency)} since {total.index[0]:%B %Y}"
    )
    for place, name in enumerate(wide.columns):
        _draw_steps(axes, place, str(name), wide.index, wide[name])
    _put_scale(axes.yaxis, f"Balance, {currency}")
    _put_legend(axes)
    return _finish(figure, axes, has_days=True)


def plot_cash_flow(payments: pd.DataFrame, *, allow_incomplete: bool = False) -> Figure:
    """Return a plot of the money that came in and went out each month, without own transfers.

    Parameters
    ----------
    payments
        As ``bunq.payments()`` returns them, of one currency.
    allow_incomplete
        Whether a table that was cut may be drawn, too.

    Raises
    ------
    FrameError
        If there is nothing to draw, more than one currency, or the table is cut.
    """
    currency = _check(payments, allow_incomplete=allow_incomplete)
    flow = cash_flow(payments)
    if flow.empty:
        raise FrameError("There are only transfers between your own accounts: nothing to draw.")
    saved = int((flow["net_cents"] >= 0).sum())
    figure, axes = _start(f"More came in than went out in {saved} of {len(flow)} months")
    months: dict[str, Any] = {
        "x": flow["period"],
        "width": 22,
        "align": "edge",
        "edgecolor": _GREY,
        "lw": 0,
    }
    axes.bar(height=flow["money_in"], color=_COLOURS[0], label="in", **months)
    axes.bar(height=flow["money_out"], color=_COLOURS[1], label="out", hatch="///", **months)
    axes.axhline(0, color=_GREY, lw=1)
    _put_scale(axes.yaxis, f"{currency} a month")
    _put_legend(axes)
    return _finish(figure, axes, has_days=True)


def plot_spending(
    payments: pd.DataFrame, of: str = "counterparty", *, allow_incomplete: bool = False
) -> Figure:
    """Return a plot of where the money went: one bar a value of a column, the largest first.

    Parameters
    ----------
    payments
        As ``bunq.payments()`` returns them, of one currency. Money that comes in is left out, and
        so are transfers between your own accounts.
    of
        The column, such as ``counterparty`` or ``category``.
    allow_incomplete
        Whether a table that was cut may be drawn, too.

    Raises
    ------
    FrameError
        If there is nothing to draw, more than one currency, or the table is cut.
    """
    refuse_incomplete(payments, allow_incomplete=allow_incomplete)
    spent = without_own_transfers(payments)
    spent = spent[spent["amount_cents"] < 0]
    currency = _check(spent, allow_incomplete=True)
    sums = totals(spent, of)
    names = sums[of].astype("object").fillna("no name").astype("str")
    largest = _shorten(names.iloc[0], _LONGEST_IN_TITLE)
    figure, axes = _start(
        f"{largest[:1].upper()}{largest[1:]} is {_percent(sums['share'].iloc[0])} of what goes out"
    )
    bars = list(zip(names, sums["amount"], sums["share"], strict=True))[:_MOST_BARS]
    rest = sums.iloc[_MOST_BARS:]
    if len(rest):
        bars.append((f"{len(rest)} more", rest["amount"].sum(), rest["share"].sum()))
    places = range(len(bars), 0, -1)
    sizes = [-amount for _, amount, _ in bars]
    axes.barh(places, sizes, color=_COLOURS[0], height=0.7)
    for place, size, (_, _, share) in zip(places, sizes, bars, strict=True):
        axes.text(size, place, f"  {size:,.0f} · {_percent(share)}", va="center", color=_GREY)
    axes.set_yticks(places, [_shorten(name) for name, _, _ in bars])
    _put_scale(axes.xaxis, currency)
    axes.margins(x=0.18)
    figure.set_size_inches(_WIDE[0], 1.2 + 0.32 * len(bars))
    return _finish(figure, axes)


def plot_prices(payments: pd.DataFrame, *, allow_incomplete: bool = False) -> Figure:
    """Return a plot of the prices of recurring payments, in percent of the first one.

    Parameters
    ----------
    payments
        As ``bunq.payments()`` returns them.
    allow_incomplete
        Whether a table that was cut may be drawn, too.

    Raises
    ------
    FrameError
        If no recurring payment changed its price, or the table is cut.
    """
    _check(payments, allow_incomplete=allow_incomplete)
    spent = without_own_transfers(payments)
    changes = price_changes(spent[spent["amount_cents"] < 0]).iloc[::-1]
    if changes.empty:
        raise FrameError("No recurring payment changed its price: nothing to draw.")
    created = payments["created"].dt.tz_localize(None)
    rises = {}
    figure, axes = _start("")
    for place, (name, part) in enumerate(changes.groupby("counterparty", sort=False)):
        first = part["before"].iloc[0]
        levels = [100.0, *(100 * part["after"] / first)]
        rises[str(name)] = levels[-1] / 100 - 1
        days = [created.min(), *part["day"], created.max()]
        _draw_steps(axes, place, str(name), days, [*levels, levels[-1]])
    dearest = max(rises, key=lambda name: rises[name])
    name = _shorten(dearest, _LONGEST_IN_TITLE)
    _put_title(axes, f"{name} costs {_percent(rises[dearest])} more than at first")
    axes.set_ylabel("Price, first one = 100")
    _put_legend(axes)
    return _finish(figure, axes, has_days=True)


def plot_forecast(days: pd.DataFrame) -> Figure:
    """Return a plot of the balance that a forecast expects until the next salary.

    Parameters
    ----------
    days
        As ``recurring.forecast`` returns them.

    Raises
    ------
    FrameError
        If the forecast has no day.
    """
    if days.empty:
        raise FrameError("The forecast has no day: nothing to draw.")
    lowest = days.sort_values("balance_cents", kind="stable").iloc[0]
    currency = _shorten(str(lowest["currency"]))
    figure, axes = _start(
        f"Before the next salary the balance falls to "
        f"{_money(lowest['balance'], currency)} on {lowest['day']:%-d %B}"
    )
    axes.step(days["day"], days["balance"], where="post", color=_COLOURS[0], lw=1.8)
    due = days[days["expected"] != ""]
    for day, what, balance in zip(due["day"], due["expected"], due["balance"], strict=True):
        place: dict[str, Any] = {"xytext": (0, 8), "textcoords": "offset points", "rotation": 30}
        axes.annotate(_shorten(what), (day, balance), color=_GREY, fontsize=8, **place)
    axes.margins(y=0.25)
    _put_scale(axes.yaxis, f"Balance, {currency}")
    return _finish(figure, axes, has_days=True)


def _shorten(name: str, length: int = 28) -> str:
    """Return a name as one line that fits beside a bar."""
    line = printable(name[: 2 * length])
    return line if len(line) <= length else f"{line[: length - 1]}…"


def _draw_steps(axes: Axes, place: int, name: str, days: Any, values: Any) -> None:
    """Draw one of several lines that stay level between days."""
    style = ("-", "--", "-.", ":")[place // len(_COLOURS) % 4]
    colour = _COLOURS[place % len(_COLOURS)]
    label = _shorten(name)
    # A legend leaves out names that begin with an underscore.
    label = f" {label}" if name.startswith("_") else label
    axes.step(days, values, style, where="post", color=colour, lw=1.8, label=label)


def _check(payments: pd.DataFrame, *, allow_incomplete: bool) -> str:
    """Return the one currency of a table; raise FrameError if it can't be drawn."""
    refuse_incomplete(payments, allow_incomplete=allow_incomplete)
    currencies = sorted(payments["currency"].dropna().unique())
    if payments.empty or not currencies:
        raise FrameError("There are no payments in the table: nothing to draw.")
    if len(currencies) > 1:
        raise FrameError(
            f"The payments are in {', '.join(currencies)}, which can't be added up. "
            'Draw one at a time: payments[payments["currency"] == "EUR"].'
        )
    return _shorten(str(currencies[0]))


def _start(title: str) -> tuple[Figure, Axes]:
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=_WIDE, layout="constrained")
    # A notebook shows what a cell ends with; an open figure would be shown a second time.
    plt.close(figure)
    _put_title(axes, title)
    return figure, axes


def _put_title(axes: Axes, title: str) -> None:
    axes.set_title(title, loc="left", color=_GREY)


def _put_scale(axis: Axis, label: str) -> None:
    axis.set_major_formatter(lambda value, _: f"{value:,.0f}")
    axis.set_label_text(label)


def _put_legend(axes: Axes) -> None:
    below: dict[str, Any] = {"loc": "upper center", "bbox_to_anchor": (0.5, -0.12)}
    axes.legend(frameon=False, labelcolor=_GREY, ncols=3, fontsize=9, **below)


def _finish(figure: Figure, axes: Axes, *, has_days: bool = False) -> Figure:
    from matplotlib import dates
    from matplotlib.text import Text

    for text in figure.findobj(Text):
        assert isinstance(text, Text)
        # A name may hold a $, which begins a formula, or TeX.
        text.set_parse_math(False)
        text.set_usetex(False)
    figure.patch.set_alpha(0)
    axes.patch.set_alpha(0)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    for side in ("bottom", "left"):
        axes.spines[side].set_color(_GREY)
    axes.tick_params(colors=_GREY)
    for label in (axes.xaxis.label, axes.yaxis.label):
        label.set_color(_GREY)
    if has_days:
        locator = dates.AutoDateLocator(minticks=4, maxticks=10)  # type: ignore[no-untyped-call]
        axes.xaxis.set_major_locator(locator)
        formatter = dates.ConciseDateFormatter(locator)  # type: ignore[no-untyped-call]
        axes.xaxis.set_major_formatter(formatter)
        axes.grid(axis="y", color=_GREY, alpha=0.25)
        axes.xaxis.get_offset_text().set_color(_GREY)
    return figure


def _money(amount: float, currency: str) -> str:
    return f"{currency} {amount:,.0f}"


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"
