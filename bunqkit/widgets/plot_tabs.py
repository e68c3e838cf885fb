"""Plots of the payments in a panel, each drawn when its tab is opened.

A new plot is one more row of ``_PLOTS``.
"""

from __future__ import annotations

import base64
import io
from typing import TYPE_CHECKING

import ipywidgets

from bunqkit.display.html import empty_state, image
from bunqkit.errors import FrameError
from bunqkit.widgets.fold import Fold
from bunqkit.widgets.panel import Panel

if TYPE_CHECKING:
    import pandas as pd

# The titles of the tabs, and the functions of ``bunqkit.analysis.plots`` that draw them.
_PLOTS = {
    "Balance": "plot_balances",
    "In and out": "plot_cash_flow",
    "Where it went": "plot_spending",
}


class PlotTabs:
    """One plot a tab, all of them folded.

    Parameters
    ----------
    panel
        The panel that wraps the handlers.

    Attributes
    ----------
    fold
        The widget that shows the tabs.
    tabs
        The tabs; each holds one image, whose alternative text is the plot's finding.
    """

    def __init__(self, panel: Panel) -> None:
        self._frames: tuple[pd.DataFrame, pd.DataFrame] | None = None
        self._drawn: set[int] = set()
        self._images = [ipywidgets.HTML() for _ in _PLOTS]
        self.tabs = ipywidgets.Tab(self._images, titles=tuple(_PLOTS), selected_index=0)
        self.fold = Fold("Plots", panel, [self.tabs])
        panel.on_change(self._draw, self.tabs, trait="selected_index")
        panel.on_change(self._draw, self.fold.toggle)

    def show(self, frame: pd.DataFrame, payments: pd.DataFrame) -> None:
        """Draw other payments.

        Parameters
        ----------
        frame
            The payments that the filter lets through.
        payments
            All payments. A balance belongs to an account, whatever the filter hides, so its plot
            shows every payment of the accounts and days that are in ``frame``.
        """
        self._frames = (frame, payments)
        self._drawn.clear()
        self._draw()

    def _draw(self) -> None:
        at = self.tabs.selected_index
        is_visible = self.fold.toggle.value and at is not None
        if self._frames is None or not is_visible or at in self._drawn:
            return
        self._images[at].value = _draw_plot(list(_PLOTS)[at], *self._frames)
        self._drawn.add(at)


def _draw_plot(title: str, frame: pd.DataFrame, payments: pd.DataFrame) -> str:
    try:
        from bunqkit.analysis import plots

        rows = _whole_accounts(frame, payments) if title == "Balance" else frame
        figure = getattr(plots, _PLOTS[title])(rows, allow_incomplete=True)
    except FrameError as error:
        return empty_state(f"{title}: nothing to draw.", str(error))
    except ImportError:
        return empty_state(f"{title}: no plot.", "Install the extra: pip install 'bunqkit[lab]'.")
    file = io.BytesIO()
    figure.savefig(file, format="png", dpi=110)
    data = base64.b64encode(file.getvalue()).decode()
    return image(f"data:image/png;base64,{data}", figure.axes[0].get_title(loc="left"))


def _whole_accounts(frame: pd.DataFrame, payments: pd.DataFrame) -> pd.DataFrame:
    """Return all payments of the accounts and days that a filter lets through."""
    if frame.empty:
        return frame
    has_account = payments["account_id"].isin(frame["account_id"])
    is_between = payments["created"].between(frame["created"].min(), frame["created"].max())
    return payments[has_account & is_between]
