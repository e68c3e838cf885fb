"""What a call gave, in tabs: table, JSON, X-ray, headers, Python, curl; or what it would send."""

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
from bunqkit.widgets.panel import DataTable, Panel, swap

if TYPE_CHECKING:
    import pandas as pd

_IMAGES = ("image/png", "image/jpeg", "image/gif")
_LARGEST_SHOWN = 5_000_000
_SHOWN_ITEMS = 50

Build = Callable[[], ipywidgets.Widget]


class ResultTabs:
    """The place where an answer is looked at; a tab is built when it is opened.

    Parameters
    ----------
    panel
        Wraps the handlers.
    turn
        Fetches the page beside the one that is shown: gets ``older`` or ``newer``.

    Attributes
    ----------
    box
        The widget that shows it.
    answer, frame
        What is shown; ``None`` where there is nothing.
    """

    def __init__(self, panel: Panel, turn: Callable[[str], None]) -> None:
        self.answer: Answer | None = None
        self.frame: pd.DataFrame | None = None
        self._panel = panel
        self._builds: list[Build] = []
        self.state = ipywidgets.HTML()
        self.older_button = panel.button("Older items", lambda: turn("older"))
        self.newer_button = panel.button("Newer items", lambda: turn("newer"))
        self._pages = ipywidgets.HBox([self.newer_button, self.older_button])
        self.tabs = ipywidgets.Tab()
        self._place = ipywidgets.VBox([self.tabs])
        self.box = ipywidgets.VBox([self.state, self._pages, self._place])
        self.clear()

    def clear(self, said: str = "") -> None:
        """Show nothing, but for a line."""
        self.answer = self.frame = None
        self._show([], said)

    def show_answer(self, answer: Answer, code: str) -> None:
        """Show an answer: its page as a table, or its file."""
        exchange = answer.exchange
        self.answer = answer
        tabs: list[tuple[str, Build]] = []
        said = f"{exchange.outcome}, in {exchange.elapsed_s:.2f} s"
        if answer.is_json:
            self.frame = frame = page_frame(answer)
            said += f": {_count(len(answer.items), 'item')}"
            tabs.append(("Table", lambda: self._table(frame, _say_page(answer))))
            tabs.append(("JSON", lambda: _tree(answer)))
        else:
            self.frame = None
            content = answer.content
            said += f": {len(content):,} bytes of {content.media_type or 'no media type'}"
            tabs.append(("File", lambda: self._file(answer)))
        self._show([*tabs, *self._exchange_tabs(exchange, code)], said)
        is_paged = answer.is_json and bool(answer.envelope.get("Pagination"))
        self._pages.layout.display = "" if is_paged else "none"
        self.older_button.disabled = not (is_paged and answer.has_older)

    def show_frame(self, frame: pd.DataFrame, last: list[Answer], said: str, code: str) -> None:
        """Show the rows of many pages; the answer is the last of them, if any came."""
        self.answer, self.frame = (last[0] if last else None), frame
        tabs: list[tuple[str, Build]] = [("Table", lambda: self._table(frame, ""))]
        if last:
            tabs += [("JSON", lambda: _tree(last[0]))]
            tabs += self._exchange_tabs(last[0].exchange, code)
        self._show(tabs, said)

    def show_exchange(self, exchange: Exchange, code: str, said: str) -> None:
        """Show what was sent, or would be, without an answer to look at; of a refusal also it."""
        self.answer = self.frame = None
        tabs = self._exchange_tabs(exchange, code)
        self._show(tabs, said)

    def _show(self, tabs: list[tuple[str, Build]], said: str) -> None:
        self.state.value = status_line(said)
        self._pages.layout.display = "none"
        self._builds = [build for _, build in tabs]
        titles = [title for title, _ in tabs]
        at = self.tabs.selected_index
        held = self.tabs.titles[at] if at is not None else ""
        # Anew each time: the front end does not follow a change of children and choice at once.
        self.tabs = ipywidgets.Tab(
            [ipywidgets.VBox() for _ in tabs],
            titles=titles,
            selected_index=titles.index(held) if held in titles else (0 if tabs else None),
            layout={"display": "" if tabs else "none"},
        )
        self.tabs.observe(self._panel.handler(lambda _: self._build()), "selected_index")
        swap(self._place, [self.tabs])
        self._build()

    def _build(self) -> None:
        at = self.tabs.selected_index
        if at is not None and at < len(self._builds) and not self.tabs.children[at].children:
            self.tabs.children[at].children = [self._builds[at]()]

    def _exchange_tabs(self, exchange: Exchange, code: str) -> list[tuple[str, Build]]:
        return [
            ("X-ray", lambda: ipywidgets.HTML(exchange.xray()._repr_html_())),
            ("Headers", lambda: ipywidgets.HTML(_headers(exchange))),
            ("As a cell", lambda: ipywidgets.HTML(code_to_copy(code))),
            ("Python", lambda: ipywidgets.HTML(code_to_copy(str(exchange.as_python())))),
            ("curl", lambda: ipywidgets.HTML(code_to_copy(str(exchange.as_curl())))),
        ]

    def _table(self, frame: pd.DataFrame, said: str) -> ipywidgets.Widget:
        table = DataTable(self._panel)
        table.show(frame, said)
        return table

    def _file(self, answer: Answer) -> ipywidgets.Widget:
        content = answer.content
        if content.media_type == "text/csv":
            self.frame = _read_csv(content)
            return self._table(self.frame, f"{len(self.frame):,} rows of the file")
        return ipywidgets.HTML(file_html(content, content.media_type))


def page_frame(answer: Answer) -> pd.DataFrame:
    """Give one page as a table that says whether there is more at the bank."""
    frame = answer.frame()
    is_cut = answer.has_older
    told = frame.attrs.setdefault("bunqkit", {})
    told |= {"pages": 1, "complete": not is_cut, "cut_by": "page" if is_cut else None}
    told["rows"] = len(frame)
    return frame


def _say_page(answer: Answer) -> str:
    rows = _count(len(answer.items), "item")
    if answer.has_older:
        return f"{rows} of this page; the bank has older ones"
    return f"{rows} of this page; the bank has none that are older"


def _tree(answer: Answer) -> ipywidgets.Widget:
    wrapped = answer.wrapped
    told: dict[str, Any] = {"Response": redact(wrapped[:_SHOWN_ITEMS])}
    told |= {name: part for name, part in answer.envelope.items() if name != "Response"}
    tree = json_tree(told)
    if len(wrapped) > _SHOWN_ITEMS:
        more = f"The first {_SHOWN_ITEMS} of {len(wrapped):,} items; the table has all."
        tree = join(tree, paragraph(more))
    return ipywidgets.HTML(tree)


def _headers(exchange: Exchange) -> str:
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
            "The file is too large to show.", "explorer.result.content.save() keeps it."
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
    import pandas as pd  # noqa: PLC0415 (when first used)

    text = content.decode("utf-8-sig", "replace")
    separator = ";" if text.partition("\n")[0].count(";") else ","
    return pd.read_csv(io.StringIO(text), sep=separator, dtype="str")


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"
