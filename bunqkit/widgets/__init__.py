"""Widgets that drive the API from a notebook; each is loaded, with ipywidgets, when first used."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bunqkit.widgets.connect import ConnectPanel as ConnectPanel
    from bunqkit.widgets.explorer import Explorer as Explorer
    from bunqkit.widgets.payments import PaymentsPanel as PaymentsPanel
    from bunqkit.widgets.wire import WirePanel as WirePanel

_HOMES = {
    "ConnectPanel": "connect",
    "Explorer": "explorer",
    "PaymentsPanel": "payments",
    "WirePanel": "wire",
}

__all__ = sorted(_HOMES)  # noqa: PLE0605 (one list of names, not two)


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"bunqkit.widgets.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return __all__
