"""Plots of the payments that a filter lets through: drawn when they can be seen."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import ipywidgets

from bunqkit.display.html import empty_state, image
from bunqkit.errors import FrameError
from bunqkit.widgets.panel import Fold, Panel

if TYPE_CHECKING:
    import pandas as pd

_TITLES = ("Balance", "In and out", "Where it went")


class PlotTabs:
    """Three plots in tabs, folded.

    Parameters
    ----------
    panel
        Wraps the handlers.

    Attributes
    ----------
    fold
        The widget that shows them.
    tabs
        Each holds one image, whose alternative text is the plot's finding.
    """

    def __init__(self, panel: Panel) -> None:
        self._frames: tuple[pd.DataFrame, pd.DataFrame] | None = None
        self._drawn: set[int] = set()
        self._images = [ipywidgets.HTML() for _ in _TITLES]
        self.tabs = ipywidgets.Tab(self._images, titles=_TITLES, selected_index=0)
        self.fold = Fold("Plots", panel, [self.tabs])
        draw = panel.handler(lambda _: self._draw())
        self.tabs.observe(draw, "selected_index")
        self.fold.toggle.observe(draw, "value")

    def show(self, frame: pd.DataFrame, payments: pd.DataFrame) -> None:
        """Draw other payments.

        Parameters
        ----------
        frame
            Those to be drawn.
        payments
            Those that they were chosen from: a balance is that of an account, whatever the filter
            hides, so its plot shows the accounts and days that are in ``frame``.
        """
        self._frames = (frame, payments)
        self._drawn.clear()
        self._draw()

    def _draw(self) -> None:
        at = self.tabs.selected_index
        is_seen = self.fold.toggle.value and at is not None
        if self._frames is None or not is_seen or at in self._drawn:
            return
        self._images[at].value = _image(_TITLES[at], *self._frames)
        self._drawn.add(at)


def _image(title: str, frame: pd.DataFrame, payments: pd.DataFrame) -> str:
    try:
        from bunqkit.analysis import plots  # noqa: PLC0415 (matplotlib is an extra)

        draw: dict[str, Callable[[], Any]] = {
            "Balance": lambda: plots.plot_balances(_whole(frame, payments), allow_incomplete=True),
            "In and out": lambda: plots.plot_cash_flow(frame, allow_incomplete=True),
            "Where it went": lambda: plots.plot_spending(frame, allow_incomplete=True),
        }
        figure = draw[title]()
    except FrameError as error:
        return empty_state(f"{title}: nothing to draw.", str(error))
    except ImportError:
        return empty_state(f"{title}: no plot.", "Install the extra: pip install 'bunqkit[lab]'.")
    file = io.BytesIO()
    figure.savefig(file, format="png", dpi=110)
    data = base64.b64encode(file.getvalue()).decode()
    return image(f"data:image/png;base64,{data}", figure.axes[0].get_title(loc="left"))


def _whole(frame: pd.DataFrame, payments: pd.DataFrame) -> pd.DataFrame:
    """Give all payments of the accounts and days that a filter lets through."""
    if frame.empty:
        return frame
    is_of = payments["account_id"].isin(frame["account_id"])
    is_then = payments["created"].between(frame["created"].min(), frame["created"].max())
    return payments[is_of & is_then]
