"""The plots under the name that notebooks import: ``bunqkit.plots``."""

from bunqkit.analysis.plots import (
    plot_balances,
    plot_cash_flow,
    plot_forecast,
    plot_prices,
    plot_spending,
)

__all__ = ["plot_balances", "plot_cash_flow", "plot_forecast", "plot_prices", "plot_spending"]
