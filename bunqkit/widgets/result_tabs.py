"""The answer of a call in tabs: table, JSON or file, X-ray, headers, Python, curl.

A new tab is one more entry in ``ResultTabs._make_tabs``.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import ipywidgets

from bunqkit.client.answer import Answer
from bunqkit.client.exchange import Exchange
from bunqkit.display.html import (
    code_to_copy,
    empty_state,
    join,
    json_tree,
    paragraph,
    render,
    status_line,
)
from bunqkit.security.redaction import redact, redact_headers
from bunqkit.widgets.data_table import DataTable
from bunqkit.widgets.panel import Panel, swap

if TYPE_CHECKING:
    import pandas as pd

_IMAGES = ("image/png", "image/jpeg", "image/gif")
_LARGEST_SHOWN = 5_000_000
_SHOWN_ITEMS = 50


class ResultTabs:
    """The place where an answer is shown, or what a call would send.

    Parameters
    ----------
    panel
        The panel that wraps the handlers.
    turn
        The function that fetches the page beside the shown one: gets ``older`` or ``newer``.

    Attributes
    ----------
    box
        The widget that shows it.
    answer, frame
        The answer and the table that are shown; ``None`` without one.
    """

    def __init__(self, panel: Panel, turn: Callable[[str], None]) -> None:
        self.answer: Answer | None = None
        self.frame: pd.DataFrame | None = None
        self._panel = panel
        self._makers: list[Callable[[], ipywidgets.Widget]] = []
        self.state = ipywidgets.HTML()
        self.older_button = panel.button("Older items", lambda: turn("older"))
        self.newer_button = panel.button("Newer items", lambda: turn("newer"))
        self._pages = ipywidgets.HBox([self.newer_button, self.older_button])
        self.tabs = ipywidgets.Tab()
        self._place = ipywidgets.VBox([self.tabs])
        self.box = ipywidgets.VBox([self.state, self._pages, self._place])
        self.clear()

    def clear(self, state: str = "") -> None:
        """Show no tabs, only a line that says why."""
        self.answer = self.frame = None
        self._show(state, {})

    def show_answer(self, answer: Answer, code: str) -> None:
        """Show an answer: its page as a table, or its file."""
        exchange = answer.exchange
        self.answer = answer
        self.frame = page_frame(answer) if answer.is_json else None
        if answer.is_json:
            size = _count(len(answer.items), "item")
        else:
            media_type = answer.content.media_type or "no media type"
            size = f"{len(answer.content):,} bytes of {media_type}"
        self._show(
            f"{exchange.outcome}, in {exchange.elapsed_s:.2f} s: {size}",
            self._make_tabs(exchange, code, _page_completeness(answer) if answer.is_json else ""),
        )
        is_paged = answer.is_json and bool(answer.envelope.get("Pagination"))
        self._pages.layout.display = "" if is_paged else "none"
        self.older_button.disabled = not (is_paged and answer.has_older)

    def show_frame(self, frame: pd.DataFrame, last: Answer | None, state: str, code: str) -> None:
        """Show the rows of many pages, and the last page, if any came."""
        self.answer, self.frame = last, frame
        self._show(state, self._make_tabs(last.exchange if last else None, code))

    def show_exchange(self, exchange: Exchange, code: str, state: str) -> None:
        """Show what was sent, or would be, and the bank's refusal, if it refused the call."""
        self.answer = self.frame = None
        self._show(state, self._make_tabs(exchange, code))

    def _make_tabs(
        self, exchange: Exchange | None, code: str, completeness: str = ""
    ) -> dict[str, Callable[[], ipywidgets.Widget]]:
        """Return the functions that make the tabs, by title; one is called when its tab is opened.

        ``self.answer`` and ``self.frame`` are set before.
        """
        answer, frame = self.answer, self.frame
        tabs: dict[str, Callable[[], ipywidgets.Widget]] = {}
        if frame is not None:
            tabs["Table"] = lambda: self._table(frame, completeness)
        if answer is not None and answer.is_json:
            tabs["JSON"] = lambda: ipywidgets.HTML(_tree_html(answer))
        elif answer is not None:
            tabs["File"] = lambda: self._file(answer)
        if exchange is not None:
            tabs |= {
                "X-ray": lambda: ipywidgets.HTML(exchange.xray()._repr_html_()),
                "Headers": lambda: ipywidgets.HTML(_headers_html(exchange)),
                "As a cell": lambda: ipywidgets.HTML(code_to_copy(code)),
                "Python": lambda: ipywidgets.HTML(code_to_copy(str(exchange.as_python()))),
                "curl": lambda: ipywidgets.HTML(code_to_copy(str(exchange.as_curl()))),
            }
        return tabs

    def _show(self, state: str, tabs: dict[str, Callable[[], ipywidgets.Widget]]) -> None:
        self.state.value = status_line(state)
        self._pages.layout.display = "none"
        self._makers = list(tabs.values())
        titles = list(tabs)
        at = self.tabs.selected_index
        open_title = self.tabs.titles[at] if at is not None else ""
        # A new widget: the front end does not follow a change of children and choice at once.
        self.tabs = ipywidgets.Tab(
            [ipywidgets.VBox() for _ in tabs],
            titles=titles,
            selected_index=titles.index(open_title)
            if open_title in tabs
            else (0 if tabs else None),
            layout={"display": "" if tabs else "none"},
        )
        self._panel.on_change(self._fill_tab, self.tabs, trait="selected_index")
        swap(self._place, [self.tabs])
        self._fill_tab()

    def _fill_tab(self) -> None:
        at = self.tabs.selected_index
        if at is not None and at < len(self._makers) and not self.tabs.children[at].children:
            self.tabs.children[at].children = [self._makers[at]()]

    def _table(self, frame: pd.DataFrame, completeness: str) -> ipywidgets.Widget:
        table = DataTable(self._panel)
        table.show(frame, completeness)
        return table

    def _file(self, answer: Answer) -> ipywidgets.Widget:
        content = answer.content
        if content.media_type == "text/csv":
            self.frame = _read_csv(content)
            return self._table(self.frame, f"{len(self.frame):,} rows of the file")
        return ipywidgets.HTML(file_html(content, content.media_type))


def page_frame(answer: Answer) -> pd.DataFrame:
    """Return one page as a table whose ``attrs`` say if the bank has more."""
    frame = answer.frame()
    facts = frame.attrs.setdefault("bunqkit", {})
    facts |= {
        "pages": 1,
        "complete": not answer.has_older,
        "cut_by": "page" if answer.has_older else None,
        "rows": len(frame),
    }
    return frame


def _page_completeness(answer: Answer) -> str:
    older = "has older ones" if answer.has_older else "has none that are older"
    return f"{_count(len(answer.items), 'item')} of this page; the bank {older}"


def _tree_html(answer: Answer) -> str:
    items = answer.wrapped
    envelope: dict[str, Any] = {"Response": redact(items[:_SHOWN_ITEMS])}
    envelope |= {name: part for name, part in answer.envelope.items() if name != "Response"}
    tree = json_tree(envelope)
    if len(items) <= _SHOWN_ITEMS:
        return tree
    more = f"The first {_SHOWN_ITEMS} of {len(items):,} items; the table has all."
    return join(tree, paragraph(more))


def _headers_html(exchange: Exchange) -> str:
    return render(
        "headers.html",
        method=exchange.method,
        url=exchange.url,
        sent=redact_headers(exchange.request_headers),
        received=redact_headers(dict(exchange.answer_headers)),
    )


def file_html(content: bytes, media_type: str) -> str:
    """Show a file without running anything in it, with a link that saves it."""
    if len(content) > _LARGEST_SHOWN:
        return empty_state(
            "The file is too large to show.", "explorer.result.content.save() saves it."
        )
    kind = media_type if media_type in (*_IMAGES, "application/pdf") else "application/octet-stream"
    name = f"bunq.{kind.rpartition('/')[2]}" if kind != "application/octet-stream" else "bunq.bin"
    return render(
        "file.html",
        kind=kind,
        is_image=kind in _IMAGES,
        text=content.decode("utf-8", "replace") if media_type.startswith("text/") else None,
        name=name,
        url=f"data:{kind};base64,{base64.b64encode(content).decode()}",
    )


def _read_csv(content: bytes) -> pd.DataFrame:
    import pandas as pd

    text = content.decode("utf-8-sig", "replace")
    separator = ";" if text.partition("\n")[0].count(";") else ","
    return pd.read_csv(io.StringIO(text), sep=separator, dtype="str")


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
