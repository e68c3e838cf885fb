"""The guard of writes, by the name that notebooks use."""

from bunqkit.context.guard import Guard

__all__ = ["Guard"]
