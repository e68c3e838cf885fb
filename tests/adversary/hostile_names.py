"""Texts that a stranger may put where a person reads: descriptions, names, file names, fields.

Run a new feature through ``NAMES``, and what it shows through ``check_text`` or ``check_html``.
"""

from __future__ import annotations

import re
from html.parser import HTMLParser

HTML = "<img src=x onerror=alert(1)><script>alert(1)</script>\"'&"
NAMES: dict[str, str] = {
    "html": HTML,
    "an attribute": '" onmouseover="alert(1)" x="',
    "an end of a style": "</style></title></textarea><svg/onload=alert(1)>",
    "a comment": "--><script>alert(1)</script><!--",
    "entities": "&lt;script&gt;&#60;b&#62;&amp;nbsp;",
    "a link": "[pay](javascript:alert(1)) ![x](http://192.0.2.1/x.png)",
    "a template": "{{7*7}} ${7*7} #{7*7} <%= 7*7 %> {0.__class__} %(x)s %n",
    "mathtext": "$x$",
    "broken mathtext": r"$\frac{1}{$",
    "two prices": "from $5 to $6",
    "one price": r"C:\$5",
    "tex": r"\input{/etc/passwd}_^{}~%#&",
    "ansi colour": "\x1b[31mred\x1b[0m\x1b[2J\x1b[1A",
    "ansi title": "\x1b]0;owned\x07\x1b]8;;http://192.0.2.1\x1b\\here\x1b]8;;\x1b\\",
    "ansi in eight bits": "\x9b31mred\x9d0;owned\x9c",
    "backspaces": "bravo\b\b\b\b\balpha\x7f",
    "bidi override": "\u202egnp.exe\u202c",
    "bidi isolates": "\u2066\u2067abc\u2069\u2068",
    "zero width": "a\u200bl\u2060p\ufeffha\u00ad",
    "tags": "a\U000e0041\U000e0042",
    "arabic": "\u0645\u0631\u062d\u0628\u0627",
    "family": "\U0001f468\u200d\U0001f469\u200d\U0001f467",
    "stacked accents": "a" + "\u0301" * 60,
    "formula": '=HYPERLINK("http://192.0.2.1";"x")',
    "plus": "+1+cmd|' /C calc'!A0",
    "minus": "-1+1",
    "at": "@SUM(1+1)",
    "tab first": "\t=1+1",
    "return first": "\r=1+1",
    "sql": "'; DROP TABLE item; --",
    "path": "../../../etc/passwd",
    "nine thousand": "x" * 9000,
    "nine thousand in words": "lorem ipsum " * 750,
    "lone surrogate": "\ud800",
    "nul": "a\x00b",
    "newlines": "a\nb\r\nc\u2028d\u2029e\x85f\x0bg\x0ch",
    "return": "bravo\ralpha",
    "an underscore first": "_hidden",
    "a space": " ",
    "quotes": "\"\"\"'''`;,|\\",
}
# What begins none, and ends none, of the lines that a terminal is shown.
_CONTROL = re.compile(
    "[\x00-\x09\x0b-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff"
    "\ud800-\udfff\U000e0000-\U000e0fff]"
)
# The one thing that our own parts do: the button beside code that copies it.
_COPIES = "navigator.clipboard.writeText(this."
_DANGEROUS = frozenset({"script", "iframe", "object", "embed", "link", "base", "form", "meta"})


def check_text(shown: str) -> None:
    """Check that a text can be printed, and steers neither terminal nor direction of writing."""
    found = _CONTROL.search(shown)
    assert found is None, (
        f"{found[0]!r} in {shown[max(found.start() - 40, 0) : found.end() + 40]!r}"
    )
    shown.encode()


def check_html(shown: str) -> None:
    """Check that a text runs nothing in a browser, and loads nothing."""
    parser = _Parser()
    parser.feed(shown)
    parser.close()


class _Parser(HTMLParser):
    """Fails at the first element or attribute that could run or load something."""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag not in _DANGEROUS, f"<{tag}> in {self.rawdata[:200]!r}"
        for name, value in attrs:
            is_ours = name == "onclick" and (value or "").startswith(_COPIES)
            assert is_ours or not name.startswith("on"), f"{name} of <{tag}>"
            if name in ("src", "href", "action", "formaction", "xlink:href"):
                told = (value or "").strip().lower()
                assert told.startswith(("#", "data:image/png;base64,")), f"{name}={value!r}"

    handle_startendtag = handle_starttag
