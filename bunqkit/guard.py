"""The guard of writes under the name that notebooks import: ``bunqkit.guard``."""

from bunqkit.context.guard import Guard

__all__ = ["Guard"]
