"""Pictures of tables of payments, whose titles say what they show.

Pure functions from tables to matplotlib figures, readable on a light and on a dark page and by
people who don't tell colours apart: grey writing, Okabe and Ito's colours, direction and hatching.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

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

# Okabe and Ito's palette, which colour-blind readers tell apart; its yellow is too light for lines.
_COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00")
# As far from white as from the dark page, 4.4 and 4.3 to 1.
_GREY = "#787878"
_MOST_BARS = 10
_WIDE = (8.0, 4.0)
_LONGEST_IN_TITLE = 40


def plot_balances(payments: pd.DataFrame, *, allow_incomplete: bool = False) -> Figure:
    """Draw each account's balance over time.

    Parameters
    ----------
    payments
        As ``bunq.payments()`` gives them, of one currency.
    allow_incomplete
        Whether a table that was cut may be drawn.

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
        style = ("-", "--", "-.", ":")[place // len(_COLOURS) % 4]
        colour = _COLOURS[place % len(_COLOURS)]
        axes.step(wide.index, wide[name], style, where="post", color=colour, lw=1.8,
                  label=_label(str(name)))  # fmt: skip
    _put_scale(axes.yaxis, f"Balance, {currency}")
    _put_legend(axes)
    return _finish(figure, axes, has_days=True)


def plot_cash_flow(payments: pd.DataFrame, *, allow_incomplete: bool = False) -> Figure:
    """Draw what came in and what went out each month; your own transfers are left out.

    Parameters
    ----------
    payments
        As ``bunq.payments()`` gives them, of one currency.
    allow_incomplete
        Whether a table that was cut may be drawn.

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
    axes.bar(
        flow["period"], flow["money_in"], width=22, align="edge", color=_COLOURS[0], label="in"
    )
    axes.bar(
        flow["period"], flow["money_out"], width=22, align="edge", color=_COLOURS[1], label="out",
        hatch="///", edgecolor=_GREY, linewidth=0,
    )  # fmt: skip
    axes.axhline(0, color=_GREY, lw=1)
    _put_scale(axes.yaxis, f"{currency} a month")
    _put_legend(axes)
    return _finish(figure, axes, has_days=True)


def plot_spending(
    payments: pd.DataFrame, of: str = "counterparty", *, allow_incomplete: bool = False
) -> Figure:
    """Draw where the money went: one bar a value of a column, the largest first.

    Parameters
    ----------
    payments
        As ``bunq.payments()`` gives them, of one currency; what comes in is left out, and
        transfers between your own accounts too.
    of
        The column, such as ``counterparty`` or ``category``.
    allow_incomplete
        Whether a table that was cut may be drawn.

    Raises
    ------
    FrameError
        If there is nothing to draw, more than one currency, or the table is cut.
    """
    refuse_incomplete(payments, allow_incomplete=allow_incomplete)
    spent = without_own_transfers(payments)
    spent = spent[spent["amount_cents"] < 0]
    currency = _check(spent, allow_incomplete=True)
    found = totals(spent, of)
    names = found[of].astype("object").fillna("no name").astype("str")
    largest = shorten(names.iloc[0], _LONGEST_IN_TITLE)
    figure, axes = _start(
        f"{largest[:1].upper()}{largest[1:]} is {_percent(found['share'].iloc[0])} of what goes out"
    )
    shown = found.head(_MOST_BARS)
    bars = list(zip(names, shown["amount"], shown["share"], strict=False))
    if len(found) > _MOST_BARS:
        rest = found.iloc[_MOST_BARS:]
        bars.append((f"{len(rest)} more", rest["amount"].sum(), rest["share"].sum()))
    places = range(len(bars), 0, -1)
    sizes = [-amount for _, amount, _ in bars]
    axes.barh(places, sizes, color=_COLOURS[0], height=0.7)
    for place, size, (_, _, share) in zip(places, sizes, bars, strict=True):
        axes.text(size, place, f"  {size:,.0f} · {_percent(share)}", va="center", color=_GREY)
    axes.set_yticks(places, [shorten(name) for name, _, _ in bars])
    _put_scale(axes.xaxis, currency)
    axes.margins(x=0.18)
    figure.set_size_inches(_WIDE[0], 1.2 + 0.32 * len(bars))
    return _finish(figure, axes)


def plot_prices(payments: pd.DataFrame, *, allow_incomplete: bool = False) -> Figure:
    """Draw how the amounts of recurring payments changed, in percent of the first one.

    Parameters
    ----------
    payments
        As ``bunq.payments()`` gives them.
    allow_incomplete
        Whether a table that was cut may be drawn.

    Raises
    ------
    FrameError
        If nothing recurs with a changed price, or the table is cut.
    """
    _check(payments, allow_incomplete=allow_incomplete)
    spent = without_own_transfers(payments)
    changes = price_changes(spent[spent["amount_cents"] < 0]).iloc[::-1]
    if changes.empty:
        raise FrameError("No recurring payment changed its price: nothing to draw.")
    last_day = payments["created"].dt.tz_localize(None).max()
    first_day = payments["created"].dt.tz_localize(None).min()
    rises = {}
    figure, axes = _start("")
    for place, (name, part) in enumerate(changes.groupby("counterparty", sort=False)):
        first = part["before"].iloc[0]
        levels = [100.0, *(100 * part["after"] / first)]
        rises[str(name)] = levels[-1] / 100 - 1
        days = [first_day, *part["day"], last_day]
        colour = _COLOURS[place % len(_COLOURS)]
        style = ("-", "--", "-.", ":")[place // len(_COLOURS) % 4]
        axes.step(days, [*levels, levels[-1]], style, where="post", color=colour,
                  label=_label(str(name)))  # fmt: skip
    dearest = max(rises, key=lambda name: rises[name])
    axes.set_title(
        f"{shorten(dearest, _LONGEST_IN_TITLE)} costs {_percent(rises[dearest])} more than at "
        "first",
        loc="left",
        color=_GREY,
    )
    axes.set_ylabel("Price, first one = 100")
    _put_legend(axes)
    return _finish(figure, axes, has_days=True)


def plot_forecast(days: pd.DataFrame) -> Figure:
    """Draw the balance that a forecast expects until the next salary.

    Parameters
    ----------
    days
        As ``recurring.forecast`` gives them.

    Raises
    ------
    FrameError
        If there is no day.
    """
    if days.empty:
        raise FrameError("The forecast has no day: nothing to draw.")
    lowest = days.sort_values("balance_cents", kind="stable").iloc[0]
    currency = shorten(str(lowest["currency"]))
    figure, axes = _start(
        f"Before the next salary the balance falls to "
        f"{_money(lowest['balance'], currency)} on {lowest['day']:%-d %B}"
    )
    axes.step(days["day"], days["balance"], where="post", color=_COLOURS[0], lw=1.8)
    due = days[days["expected"] != ""]
    for day, what, balance in zip(due["day"], due["expected"], due["balance"], strict=True):
        axes.annotate(
            shorten(what), (day, balance), xytext=(0, 8), textcoords="offset points",
            color=_GREY, fontsize=8, rotation=30,
        )  # fmt: skip
    axes.margins(y=0.25)
    _put_scale(axes.yaxis, f"Balance, {currency}")
    return _finish(figure, axes, has_days=True)


def shorten(name: str, length: int = 28) -> str:
    """Return a name as one line that fits beside a bar."""
    line = printable(name[: 2 * length])
    return line if len(line) <= length else f"{line[: length - 1]}…"


def _label(name: str) -> str:
    """Return a name for a legend, which leaves out what begins with an underscore."""
    return f" {shorten(name)}" if name.startswith("_") else shorten(name)


def _check(payments: pd.DataFrame, *, allow_incomplete: bool) -> str:
    """Give the one currency of a table that may be drawn."""
    refuse_incomplete(payments, allow_incomplete=allow_incomplete)
    currencies = sorted(payments["currency"].dropna().unique())
    if payments.empty or not currencies:
        raise FrameError("There are no payments in the table: nothing to draw.")
    if len(currencies) > 1:
        raise FrameError(
            f"The payments are in {', '.join(currencies)}, which can't be added up. "
            'Draw one at a time: payments[payments["currency"] == "EUR"].'
        )
    return shorten(str(currencies[0]))


def _start(title: str) -> tuple[Figure, Axes]:
    import matplotlib.pyplot as plt  # noqa: PLC0415 (an extra, loaded when first drawn with)

    figure, axes = plt.subplots(figsize=_WIDE, layout="constrained")
    # A notebook shows what a cell ends with; an open figure would be shown a second time.
    plt.close(figure)
    axes.set_title(title, loc="left", color=_GREY)
    return figure, axes


def _put_scale(axis: Axis, label: str) -> None:
    axis.set_major_formatter(lambda value, _: f"{value:,.0f}")
    axis.set_label_text(label)


def _put_legend(axes: Axes) -> None:
    axes.legend(
        frameon=False, labelcolor=_GREY, ncols=3, fontsize=9, loc="upper center",
        bbox_to_anchor=(0.5, -0.12),
    )  # fmt: skip


def _finish(figure: Figure, axes: Axes, *, has_days: bool = False) -> Figure:
    from matplotlib import dates  # noqa: PLC0415 (an extra, loaded when first drawn with)
    from matplotlib.text import Text  # noqa: PLC0415 (as above)

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
