"""The pages of a served bank: a frame for all, and the start page.

The start page tells what the bank is, how to point a client at it, and what has come in.
"""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from bunqkit.sandbox.clock import wire_time

if TYPE_CHECKING:
    from bunqkit.sandbox.admin import Admin

HTML = "text/html; charset=utf-8"
# Nothing is loaded from elsewhere, and no other site can lay a frame around the buttons.
POLICY = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'"
_STYLE = """
:root{color-scheme:light dark}
body{font:15px/1.5 system-ui,sans-serif;max-width:80ch;margin:16px auto;padding:0 16px}
.badge{background:#0f766e;color:#fff;border-radius:4px;padding:4px 8px}
pre{border:1px solid #9994;border-radius:4px;padding:8px;white-space:pre-wrap;
 overflow-wrap:anywhere}
table{border-collapse:collapse}td,th{text-align:left;padding:4px 16px 4px 0}
td.number,th.number{text-align:right;font-variant-numeric:tabular-nums}code{font-family:monospace}
button,input{font:inherit;padding:4px 8px;border-radius:4px;border:1px solid #9999}
.problem{border-left:4px solid #b91c1c;padding-left:8px}
"""
_CURL = """curl -X POST {url}/sandbox-user-person
curl {origin}/health
admin='Authorization: Bearer TOKEN'   # what stands after token= in the link to this page
curl -H "$admin" {origin}/control/
curl -H "$admin" {origin}/control/books
curl -H "$admin" {origin}/control/callbacks
curl -H "$admin" -H 'Content-Type: application/json' -d '{{"days": 30}}' {origin}/control/clock"""
_KIT = """BUNQ_ENVIRONMENT=OFFLINE BUNQ_BASE_URL={url} BUNQ_API_KEY={key} python
>>> import bunqkit
>>> bunq = bunqkit.connect()
>>> bunq.payments()"""
_SDK = """from bunq.sdk.context.api_environment_type import ApiEnvironmentType
ApiEnvironmentType.SANDBOX._uri_base = "{url}/"   # before the first call
from bunq.sdk.context.api_context import ApiContext
context = ApiContext.create(ApiEnvironmentType.SANDBOX, "{key}", "my device")"""


def start_page(admin: Admin, url: str) -> str:
    """Give the page as HTML; whatever came from outside is escaped.

    Parameters
    ----------
    admin
        Whose page it is.
    url
        The API's address as the reader sees it, ending in ``/v1``.
    """
    bank = admin.bank
    words = {
        "url": url,
        "origin": url.removesuffix("/v1"),
        "key": bank.demo_key.reveal(),
    }
    body = f"""<p>This bank speaks bunq's protocol on your machine: real keys, two tokens,
signatures both ways. Its money is play money, its people do not exist, and nothing leaves this
address but the callbacks that you ask for. The API is at <code>{escape(url)}</code>. The bank's
time is {escape(wire_time(bank.clock.now())[:19])} UTC.</p>
<h2>A key to begin with</h2>
<p>It belongs to a person with two and a half years of payments behind them, and opens nothing
elsewhere.</p>
<pre>{escape(words["key"])}</pre>
<h2>Point curl at it</h2><pre>{escape(_CURL.format(**words))}</pre>
<h2>Point Python at it</h2><pre>{escape(_KIT.format(**words))}</pre>
<h2>Point bunq's own SDK at it</h2><pre>{escape(_SDK.format(**words))}</pre>
<h2>What has come in</h2>
{_counts(admin)}
<p>A client signs the bytes of its body with its private key; the bank checks them with the public
key from the installation. The bank signs the bytes of its answer; the client checks them with the
key that the installation gave it. Below are the last calls, newest first, with the first letters of
the bank's signature.</p>
{_glances(admin)}"""
    return frame_page("A bank in a box", body)


def closed_page(why: str, url: str) -> str:
    """Return what is shown in place of the start page, with the API's address if it may be told."""
    told = f"<p>{escape(why)}</p>"
    if url:
        told += f"""<p>The API needs no token of this kind; it is at <code>{escape(url)}</code>.
A key of your own:</p>
<pre>{escape(f"curl -X POST {url}/sandbox-user-person")}</pre>"""
    return frame_page("The page of a bank in a box", told)


def frame_page(title_html: str, body_html: str) -> str:
    """Give a whole page, the bank's badge before its title; both are HTML already."""
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{title_html}</title>
<meta name="viewport" content="width=device-width">
<style>{_STYLE}</style></head><body>
<h1><span class="badge">OFFLINE</span> {title_html}</h1>
{body_html}
</body></html>
"""


def _counts(admin: Admin) -> str:
    if not admin.counts:
        return "<p>Nothing yet. Send a call, and reload this page.</p>"
    rows = "".join(
        f"<tr><td>{escape(status)}</td><td class='number'>{number}</td></tr>"
        for status, number in sorted(admin.counts.copy().items())
    )
    return f"<table><tr><th>Answer</th><th>Times</th></tr>{rows}</table>"


def _glances(admin: Admin) -> str:
    rows = "".join(
        f"<tr><td>{escape(each.method)}</td><td><code>{escape(each.path[:80])}</code></td>"
        f"<td>{'signed' if each.was_signed else 'not signed'}, {each.sent} bytes</td>"
        f"<td>{escape(each.status)}</td><td><code>{escape(each.signature)}</code></td></tr>"
        for each in admin.glances.copy()
    )
    heading = "<th>Method</th><th>Path</th><th>Sent</th><th>Answer</th><th>Signature</th>"
    return f"<table><tr>{heading}</tr>{rows}</table>"
