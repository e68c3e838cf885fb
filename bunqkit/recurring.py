"""Recurring payments, by the name that notebooks use."""

from bunqkit.analysis.recurring import forecast, price_changes, recurring

__all__ = ["forecast", "price_changes", "recurring"]
