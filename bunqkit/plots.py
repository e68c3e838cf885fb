"""The plots, by the name that notebooks use."""

from bunqkit.analysis.plots import (
    plot_balances,
    plot_cash_flow,
    plot_forecast,
    plot_prices,
    plot_spending,
)

__all__ = ["plot_balances", "plot_cash_flow", "plot_forecast", "plot_prices", "plot_spending"]
