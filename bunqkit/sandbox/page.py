"""The start page of a served bank, and the page that a visitor without the token gets.

The start page tells what the bank is, how to point a client at it, and what has come in.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bunqkit.display.html import render
from bunqkit.sandbox.clock import wire_time

if TYPE_CHECKING:
    from bunqkit.sandbox.admin import Admin

HTML = "text/html; charset=utf-8"
# Nothing is loaded from elsewhere, and no other site can lay a frame around the buttons.
POLICY = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'"


def start_page(admin: Admin, url: str) -> str:
    """Return the page as HTML.

    Parameters
    ----------
    admin
        The admin of the bank.
    url
        The API's address as the reader sees it, ending in ``/v1``.
    """
    return render(
        "bank_start.html",
        url=url,
        origin=url.removesuffix("/v1"),
        key=admin.bank.demo_key.reveal(),
        time=wire_time(admin.bank.clock.now())[:19],
        counts=sorted(admin.counts.copy().items()),
        calls=admin.glances.copy(),
    )


def closed_page(why: str, url: str) -> str:
    """Return the page without the token; it names the API's address, if ``url`` is not empty."""
    return render("bank_closed.html", why=why, url=url)
