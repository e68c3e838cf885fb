"""The look of everything that a notebook shows as HTML: one stylesheet, a few parts.

Colours come from the front end, with a fallback; every text is escaped here or by who gives it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from html import escape
from typing import Any

_STYLE = """
.bunqkit{color:var(--jp-ui-font-color1,var(--vscode-foreground,inherit));max-width:100ch;
 border:1px solid var(--jp-border-color2,#9994);border-radius:4px;padding:8px 16px;
 background:var(--jp-layout-color1,transparent);margin:4px 0;overflow-x:auto}
.bunqkit .title{font-weight:600;margin-bottom:8px}
.bunqkit p{margin:8px 0;max-width:80ch;overflow-wrap:anywhere}
.bunqkit dl{display:grid;grid-template-columns:max-content 1fr;gap:4px 16px;margin:0}
.bunqkit dt{opacity:.75;font-weight:400;float:none;width:auto;white-space:nowrap}
.bunqkit dd{margin:0;padding:0;overflow-wrap:anywhere}
.bunqkit .badge{border-radius:4px;padding:0 8px;margin-right:8px;font-weight:600;
 display:inline-block}
.bunqkit .OFFLINE{background:#0f766e;color:#fff}.bunqkit .SANDBOX{background:#fbbf24;color:#1f1300}
.bunqkit .PRODUCTION{background:#b91c1c;color:#fff}
.bunqkit.production{border-left:4px solid #b91c1c}
.bunqkit table{border-collapse:collapse;margin:8px 0;font-size:inherit;table-layout:auto}
.bunqkit td,.bunqkit th{padding:4px 16px 4px 0;vertical-align:top;
 border-bottom:1px solid var(--jp-border-color2,#9994);font-weight:400}
.bunqkit td:not(.number),.bunqkit th:not(.number){text-align:left}
.bunqkit th{opacity:.75}
.bunqkit .method{display:inline-block;width:8ch;font-family:var(--jp-code-font-family,monospace)}
.bunqkit .error{border-left:4px solid #b91c1c;padding:4px 16px;margin:8px 0}
.bunqkit .error dl{grid-template-columns:16ch 1fr;margin:4px 0}
.bunqkit .error code{user-select:all;-webkit-user-select:all}
.bunqkit h4{font-size:inherit;font-weight:600;margin:16px 0 4px}
.bunqkit .notes td{overflow-wrap:anywhere;width:50%}
.bunqkit code{font-family:var(--jp-code-font-family,monospace)}
.bunqkit .bytes{margin:8px 0}.bunqkit .bytes pre{white-space:pre;overflow-x:auto;font-size:12px;
 line-height:1.5}
.bunqkit .bytes i{opacity:.6;font-style:normal}
.bunqkit .bytes mark{background:none;color:inherit;font-weight:700;
 outline:2px solid #d55e00;border-radius:2px}
.bunqkit pre{font-family:var(--jp-code-font-family,monospace);margin:4px 0;white-space:pre-wrap;
 overflow-wrap:anywhere}
.bunqkit .copied{display:flex;flex-direction:row-reverse;align-items:flex-start;gap:8px}
.bunqkit .copied button{font:inherit;color:inherit;background:none;border:1px solid
 var(--jp-border-color1,#999);border-radius:4px;padding:0 8px;cursor:pointer}
.bunqkit .copied pre{flex:1;user-select:all;-webkit-user-select:all}
.bunqkit .json{font-family:var(--jp-code-font-family,monospace);overflow-wrap:anywhere}
.bunqkit .json details,.bunqkit .json div{margin-left:16px}
.bunqkit .json .key{opacity:.75}.bunqkit summary{cursor:pointer}
"""
_OPEN_LEVELS = 3
_SHORT_TREE = 4000


def stylesheet() -> str:
    """Give the rules that all parts share, for a ``<style>`` element; a card brings its own."""
    return _STYLE


def badge(environment: str) -> str:
    """Give the environment as a filled label with the word in it."""
    word = escape(environment)
    return f'<span class="badge {word}">{word}</span>'


def key_values(rows: Mapping[str, str]) -> str:
    """Give names and texts side by side."""
    told = "".join(f"<dt>{escape(name)}</dt><dd>{escape(text)}</dd>" for name, text in rows.items())
    return f"<dl>{told}</dl>"


def method_label(text: str) -> str:
    """Give a method as a word of fixed width; any other text as it is."""
    word = escape(text)
    is_method = text in ("GET", "POST", "PUT", "DELETE")
    return f'<span class="method">{word}</span>' if is_method else word


def table(header: Sequence[str], rows_html: Sequence[Sequence[str]]) -> str:
    """Give a table; its cells are HTML."""
    head = "".join(f"<th>{escape(name)}</th>" for name in header)
    body = "".join(
        "<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in rows_html
    )
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def code(text: str) -> str:
    """Give a piece of code."""
    return f"<pre>{escape(text)}</pre>"


def code_to_copy(text: str) -> str:
    """Give a piece of code with a button that copies it; one click into it selects it."""
    return (
        '<div class="copied"><button type="button" onclick="navigator.clipboard.writeText('
        f'this.nextElementSibling.textContent)">Copy</button><pre tabindex="0">{escape(text)}'
        "</pre></div>"
    )


def json_tree(value: Any, *, most: int = 2000) -> str:
    """Give a JSON value as a tree that unfolds; the first levels are open, more if it is short.

    Parameters
    ----------
    value
        What ``json.loads`` gives; secrets have been taken out of it.
    most
        How many leaves are shown; the number of the others is told.
    """
    left = [most]
    is_short = len(json.dumps(value)) < _SHORT_TREE
    tree = "".join(_branch("", value, -_OPEN_LEVELS if is_short else 0, left))
    more = f"<p>{-left[0]:,} more values are not shown here.</p>" if left[0] < 0 else ""
    return f'<div class="json">{tree}{more}</div>'


def paragraph(text: str) -> str:
    """Give a piece of prose."""
    return f"<p>{escape(text)}</p>"


def section(heading: str, body_html: str) -> str:
    """Give parts under a heading."""
    return f"<section><h4>{escape(heading)}</h4>{body_html}</section>"


def notes(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Give a table of names with their values, and a remark on each.

    Parameters
    ----------
    header
        What the three are called; the first two share a column.
    rows
        Name, value, remark.
    """
    cells = [
        [f"{escape(name)}<br><code>{escape(value)}</code>", escape(remark)]
        for name, value, remark in rows
    ]
    return f'<div class="notes">{table([f"{header[0]}, {header[1]}", header[2]], cells)}</div>'


def byte_view(
    label: str, rows: Sequence[tuple[int, Sequence[tuple[str, str]]]], framed: int | None = None
) -> str:
    """Give bytes in hexadecimal and as text; the byte at ``framed`` stands out by its frame.

    Parameters
    ----------
    label
        What the bytes are.
    rows
        For each row the number of its first byte, and of every byte the digits and the letter.
    framed
        The number of the byte that stands out.
    """
    lines = []
    for start, cells in rows:
        shown = [
            tuple(f"<mark>{escape(text)}</mark>" for text in cell)
            if start + at == framed
            else tuple(escape(text) for text in cell)
            for at, cell in enumerate(cells)
        ]
        width = len(rows[0][1])
        digits = " ".join(digit for digit, _ in shown) + "   " * (width - len(cells))
        letters = "".join(letter for _, letter in shown)
        lines.append(f"<i>{start:06x}</i>  {digits}  {letters}")
    told = label if framed is None else f"{label.removesuffix(':')}; byte {framed} is framed:"
    caption = f"<figcaption>{escape(told)}</figcaption>"
    return f'<figure class="bytes">{caption}<pre tabindex="0">{chr(10).join(lines)}</pre></figure>'


def error_card(what: str, told: Mapping[str, str], *, response_id: str | None = None) -> str:
    """Give what went wrong: what happened, why, what to do, and the bank's words.

    Parameters
    ----------
    what
        What happened, and to which thing; its first sentence stands out.
    told
        Names and sentences, in the order of reading.
    response_id
        What the bank's support asks for; one click selects it.
    """
    trace = (
        f"<dl><dt>Response id</dt><dd><code>{escape(response_id)}</code></dd></dl>"
        if response_id
        else ""
    )
    first, stop, rest = what.partition(". ")
    head = f"<p><strong>{escape(first + stop.strip())}</strong> {escape(rest)}</p>"
    body = f"{head}{key_values(told)}{trace}"
    return card("", f'<div class="error" role="alert">{body}</div>')


def card(title_html: str, body_html: str, *, is_production: bool = False) -> str:
    """Give a framed part with a title; both are HTML that the other parts have made."""
    frame = "bunqkit production" if is_production else "bunqkit"
    title = f'<div class="title">{title_html}</div>' if title_html else ""
    return f'<div class="{frame}"><style>{_STYLE}</style>{title}{body_html}</div>'


def fold(title: str, body_html: str, *, is_open: bool = False) -> str:
    """Give a part that opens when its title is chosen; the body is HTML of other parts."""
    opened = " open" if is_open else ""
    return f"<details{opened}><summary>{escape(title)}</summary>{body_html}</details>"


def _branch(name: str, value: Any, depth: int, left: list[int]) -> Iterator[str]:
    key = f'<span class="key">{escape(name)}</span> ' if name else ""
    if isinstance(value, dict):
        inner: list[tuple[str, Any]] = [(str(each), value[each]) for each in value]
        size = f"{{{len(inner)}}}"
    elif isinstance(value, list):
        inner = [(str(at), each) for at, each in enumerate(value)]
        size = f"[{len(inner)}]"
    else:
        left[0] -= 1
        if left[0] >= 0:
            yield f"<div>{key}{escape(json.dumps(value, ensure_ascii=False))}</div>"
        return
    branches = "".join(part for each in inner for part in _branch(*each, depth + 1, left))
    if branches or left[0] >= 0:
        is_open = " open" if depth < _OPEN_LEVELS else ""
        yield f"<details{is_open}><summary>{key}{size}</summary>{branches}</details>"
