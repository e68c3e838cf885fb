"""Recurring payments under the name that notebooks import: ``bunqkit.recurring``."""

from bunqkit.analysis.recurring import forecast, price_changes, recurring

__all__ = ["forecast", "price_changes", "recurring"]
