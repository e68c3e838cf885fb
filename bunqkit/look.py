"""The look of everything that a notebook shows as HTML: one stylesheet, a few parts.

Colours come from the front end, with a fallback; every text is escaped here.
"""

from __future__ import annotations

from collections.abc import Mapping
from html import escape

_STYLE = """
.bunqkit{color:var(--jp-ui-font-color1,var(--vscode-foreground,inherit));max-width:80ch;
 border:1px solid var(--jp-border-color2,#9994);border-radius:4px;padding:8px 16px 8px 16px;
 background:var(--jp-layout-color1,transparent);margin:4px 0}
.bunqkit .title{font-weight:600;margin-bottom:8px}
.bunqkit dl{display:grid;grid-template-columns:max-content 1fr;gap:4px 16px;margin:0}
.bunqkit dt{opacity:.75;font-weight:400}.bunqkit dd{margin:0;overflow-wrap:anywhere}
.bunqkit .badge{border-radius:4px;padding:0 8px;margin-right:8px;font-weight:600;
 display:inline-block}
.bunqkit .OFFLINE{background:#0f766e;color:#fff}.bunqkit .SANDBOX{background:#fbbf24;color:#1f1300}
.bunqkit .PRODUCTION{background:#b91c1c;color:#fff}
"""


def badge(environment: str) -> str:
    """Give the environment as a filled label with the word in it."""
    word = escape(environment)
    return f'<span class="badge {word}">{word}</span>'


def key_values(rows: Mapping[str, str]) -> str:
    """Give names and texts side by side."""
    told = "".join(f"<dt>{escape(name)}</dt><dd>{escape(text)}</dd>" for name, text in rows.items())
    return f"<dl>{told}</dl>"


def card(title_html: str, body_html: str) -> str:
    """Give a framed part with a title; both are HTML that the other parts have made."""
    return (
        f'<div class="bunqkit"><style>{_STYLE}</style><div class="title">{title_html}</div>'
        f"{body_html}</div>"
    )
