"""What the tests of several panels share."""

from __future__ import annotations

from dataclasses import replace

import ipywidgets

from bunqkit.context.context import Context


def in_production(bunq: Context) -> Context:
    """Return the same person of the same bank, as if the money were real."""
    settings = replace(bunq.settings, environment="PRODUCTION")
    return Context(settings, bunq.client, bunq._sessions, bank=bunq.bank)


def text_of(widget: ipywidgets.Widget) -> str:
    """Return all HTML in a widget."""
    own = str(widget.value) if isinstance(widget, ipywidgets.HTML) else ""
    return own + "".join(text_of(child) for child in getattr(widget, "children", ()))
