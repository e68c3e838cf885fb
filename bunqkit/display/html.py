"""The parts of everything that a notebook shows as HTML: cards, tables, trees, badges.

The HTML is in ``templates/``, and Jinja2 escapes every text that is put into it. A part returns
``Html``, which another part takes as it is; a plain text that is given in its place is escaped.
Jinja2 is loaded when the first part is made.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence, Set as AbstractSet
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from jinja2 import Environment
    from markupsafe import Markup as Html

_OPEN_LEVELS = 3
_SHORT_TREE = 4000


def render(template: str, **values: Any) -> Html:
    """Return a template of ``display/templates`` with values put into it.

    Parameters
    ----------
    template
        The name of its file.
    values
        What it needs. It can import parts: ``{% from "parts.html" import table %}``.
    """
    html: Html = _environment().get_template(template).make_module(values).__html__()
    return html


def join(*parts: str) -> Html:
    """Return parts one after another."""
    return _part("join", parts)


def card(
    title: str,
    *body: str,
    environment: str = "",
    is_production: bool = False,
    method: str = "",
) -> Html:
    """Return a framed part with a title; it brings the stylesheet with it.

    Parameters
    ----------
    title
        The first line; without it and what stands before it, there is none.
    body
        Parts below the title.
    environment
        The bank's environment, shown as a badge before the title.
    is_production
        True for the red line of production, whatever the environment is called.
    method
        The method of a call, shown before the title.
    """
    return _part("card", title, body, environment, is_production, method)


def error_card(what: str, reasons: Mapping[str, str], *, response_id: str | None = None) -> Html:
    """Return what went wrong: what happened, why, what to do, and the bank's words.

    Parameters
    ----------
    what
        What happened, and to which thing; its first sentence stands out.
    reasons
        Names and sentences, in the order of reading.
    response_id
        What the bank's support asks for; one click selects it.
    """
    first, stop, rest = what.partition(". ")
    return _part("error_card", first + stop.strip(), rest, reasons, response_id)


def badge(environment: str) -> Html:
    """Return the environment as a filled label with the word in it."""
    return _part("badge", environment)


def method_label(text: str) -> Html:
    """Return a method as a word of fixed width; any other text as it is."""
    return _part("method_label", text)


def paragraph(text: str, *, link: str = "") -> Html:
    """Return a paragraph, with a link at its end if there is one."""
    return _part("paragraph", text, link)


def section(heading: str, *body: str) -> Html:
    """Return parts under a heading."""
    return _part("section", heading, body)


def fold(title: str, *body: str, is_open: bool = False) -> Html:
    """Return parts that are shown when their title is chosen."""
    return _part("fold", title, body, is_open)


def key_values(rows: Mapping[str, str]) -> Html:
    """Return names and texts side by side."""
    return _part("key_values", rows)


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> Html:
    """Return a table; a cell is a text or a part."""
    return _part("table", header, rows)


def data_table(
    header: Sequence[str],
    rows: Sequence[Sequence[str]],
    *,
    numbers: AbstractSet[int],
    longest: int,
) -> Html:
    """Return a table of data that scrolls when the page is narrow.

    Parameters
    ----------
    header, rows
        Titles and cells, all texts.
    numbers
        The positions of the columns that are aligned to the right.
    longest
        The number of letters after which a cell is cut; its tooltip has the whole text.
    """
    return _part("data_table", header, rows, numbers, longest)


def notes(header: Sequence[str], rows: Sequence[Sequence[str]]) -> Html:
    """Return a table of names with their values, and a remark on each.

    Parameters
    ----------
    header
        The titles of the three; the first two share a column.
    rows
        Name, value, remark.
    """
    return _part("notes", header, rows)


def code(text: str) -> Html:
    """Return a piece of code."""
    return _part("code", text)


def code_to_copy(text: str) -> Html:
    """Return a piece of code with a button that copies it; one click into it selects it."""
    return _part("code_to_copy", text)


def json_tree(value: Any, *, most: int = 2000) -> Html:
    """Return a JSON value as a tree that unfolds; the first levels are open, more if it is short.

    Parameters
    ----------
    value
        What ``json.loads`` returns, without secrets.
    most
        The number of leaves that are shown; a line says how many are not.
    """
    room = [most]
    is_short = len(json.dumps(value)) < _SHORT_TREE
    root = _node("", value, -_OPEN_LEVELS if is_short else 0, room)
    return _part("json_tree", root, max(-room[0], 0))


def byte_view(
    label: str, rows: Sequence[tuple[int, Sequence[tuple[str, str]]]], framed: int | None = None
) -> Html:
    """Return bytes in hexadecimal and as text; the byte at ``framed`` is framed.

    Parameters
    ----------
    label
        What the bytes are.
    rows
        For each row the number of its first byte, and of every byte the digits and the letter.
    framed
        The number of the byte that is framed.
    """
    caption = label if framed is None else f"{label.removesuffix(':')}; byte {framed} is framed:"
    return _part("byte_view", caption, rows, framed)


def strong(text: str) -> Html:
    """Return a text that stands out."""
    return _part("strong", text)


def status_line(text: str) -> Html:
    """Return a line that a screen reader reads out when it changes; nothing for no text."""
    return _part("status_line", text)


def problem_line(text: str, *, is_read_out: bool = True) -> Html:
    """Return a line that says what is wrong with an input; nothing for no text.

    Parameters
    ----------
    text
        What is wrong.
    is_read_out
        True if a screen reader shall read the line out when it changes.
    """
    return _part("problem_line", text, is_read_out)


def empty_state(what: str, how: str) -> Html:
    """Return what stands where nothing is yet: what would be here, and how to get it."""
    return _part("empty_state", what, how)


def image(url: str, description: str) -> Html:
    """Return an image that is never wider than the page."""
    return _part("image", url, description)


def trusted_html(html: str) -> Html:
    """Return HTML that a library has made, and in which it has escaped every text."""
    return _part("trusted_html", html)


@cache
def _environment() -> Environment:
    import jinja2

    return jinja2.Environment(
        loader=jinja2.PackageLoader("bunqkit.display"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
    )


@cache
def _macros() -> Any:
    return _environment().get_template("parts.html").module


def _part(name: str, *arguments: Any) -> Html:
    html: Html = getattr(_macros(), name)(*arguments)
    return html


class _TreeNode(NamedTuple):
    """One value of a JSON tree: a leaf has a ``text``, a branch a ``size`` and ``nodes``."""

    name: str
    text: str | None = None
    size: str = ""
    nodes: Sequence[_TreeNode] = ()
    is_open: bool = False


def _node(name: str, value: Any, depth: int, room: list[int]) -> _TreeNode | None:
    """Return a JSON value as a tree; ``None`` if there is no room for any leaf.

    ``room`` holds the number of leaves that may still be shown, and is counted down below zero.
    """
    if isinstance(value, dict):
        members: list[tuple[str, Any]] = [(str(key), member) for key, member in value.items()]
        size = f"{{{len(members)}}}"
    elif isinstance(value, list):
        members = [(str(at), member) for at, member in enumerate(value)]
        size = f"[{len(members)}]"
    else:
        room[0] -= 1
        if room[0] < 0:
            return None
        return _TreeNode(name, json.dumps(value, ensure_ascii=False))
    nodes = [node for key, member in members if (node := _node(key, member, depth + 1, room))]
    if not nodes and room[0] < 0:
        return None
    return _TreeNode(name, None, size, nodes, depth < _OPEN_LEVELS)
