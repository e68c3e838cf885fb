"""The parts of everything that is shown as HTML: each escapes the texts that it gets."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from html import unescape

import pytest
from adversary.hostile_names import NAMES, check_html

from bunqkit.display import html
from bunqkit.display.report import Bytes, Facts, Notes, Section, Sheet, Verbatim, Words

PARTS: dict[str, Callable[[str], str]] = {
    "badge": html.badge,
    "byte view": lambda text: html.byte_view(text, [(0, [(text, text)])], 0),
    "card": lambda text: html.card(text, text, environment=text, method=text),
    "code": html.code,
    "code to copy": html.code_to_copy,
    "data table": lambda text: html.data_table([text], [[text]], numbers=set(), longest=40),
    "empty state": lambda text: html.empty_state(text, text),
    "error card": lambda text: html.error_card(text, {text: text}, response_id=text),
    "fold": lambda text: html.fold(text, text),
    "join": lambda text: html.join(text, text),
    "JSON tree": lambda text: html.json_tree({text: [text, {text: None}]}),
    "key values": lambda text: html.key_values({text: text}),
    "method label": html.method_label,
    "notes": lambda text: html.notes([text] * 3, [[text] * 3]),
    "paragraph": html.paragraph,
    "problem line": html.problem_line,
    "section": lambda text: html.section(text, text),
    "sheet": lambda text: Sheet(
        text,
        [Section(text, [Words(text), Facts({text: text}), Notes((text,) * 3, [(text,) * 3]),
                        Verbatim(text), Bytes(text.encode("utf-8", "replace"), text)])],
    )._repr_html_(),
    "status line": html.status_line,
    "strong": html.strong,
    "table": lambda text: html.table([text], [[text]]),
}  # fmt: skip


@pytest.mark.parametrize("name", PARTS)
def test_a_part_escapes_what_strangers_wrote(name: str) -> None:
    """Nothing that a stranger wrote runs or loads anything, and it can be read as it is."""
    for text in NAMES.values():
        shown = PARTS[name](text)
        check_html(shown)
        if "<" in text:
            assert text not in shown
        if name not in ("error card", "JSON tree", "data table", "sheet"):
            assert text in unescape(shown)


def test_a_part_is_escaped_once() -> None:
    """A part inside another stays HTML, and a text in the place of a part is escaped."""
    inner = html.paragraph("<b>")
    assert inner == "<p>&lt;b&gt;</p>"
    assert inner in html.section("title", inner)
    assert html.join(inner, "<b>") == f"{inner}&lt;b&gt;"
    # A part that was put into another text by hand is a text: rather escaped twice than never.
    assert "&lt;p&gt;" in html.fold("title", f"{inner} and more")
    assert html.table(["<b>"], [[inner, "<b>"]]).count("<p>") == 1


def test_a_json_tree_ends() -> None:
    """So many leaves are shown, and it is said how many are not."""
    tree = html.json_tree([["leaf"] * 10, ["other"] * 10], most=12)
    assert tree.count("leaf") == 10
    assert tree.count("other") == 2
    assert "8 more values are not shown here." in tree
    assert "more values" not in html.json_tree([["leaf"] * 10, ["other"] * 10])


def test_a_long_cell_is_cut() -> None:
    """The whole stands in its tooltip; numbers are aligned to the right."""
    shown = html.data_table(["a", "b"], [["x" * 50, "1"]], numbers={1}, longest=40)
    assert f'title="{"x" * 50}">{"x" * 39}…</td>' in shown
    assert '<td class="number">1</td>' in shown


def test_jinja_is_loaded_when_something_is_shown() -> None:
    """A script that shows nothing does not pay for templates."""
    program = (
        "import sys; from bunqkit.display import html, report;"
        "print('jinja2' in sys.modules); html.code('x'); print('jinja2' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["False", "True"]
