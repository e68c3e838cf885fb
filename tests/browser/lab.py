"""A notebook that is open in JupyterLab and a real browser: what a person does with it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

TOKEN = "t0k"
# What a name from the bank must never become: markup, and code.
HOSTILE = "<img src=x onerror=window.hacked=1><script>window.hacked=1</script>"
_CONTEXT = "window.jupyterapp.shell.currentWidget.context"


@dataclass
class Lab:
    """A JupyterLab that runs, and the folder that it shows."""

    url: str
    work: Path

    def write(self, name: str, cells: list[str]) -> None:
        """Write a notebook of code cells."""
        import nbformat

        notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(c) for c in cells])
        notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3"}
        nbformat.write(notebook, self.work / name)


class Notebook:
    """A notebook that is open in the browser.

    Parameters
    ----------
    page
        The browser's page.
    errors
        What went wrong in the page, as it says it.
    """

    def __init__(self, page: Any, lab: Lab, name: str) -> None:
        self.page = page
        self.name = name
        self.errors: list[str] = []
        self._lab = lab
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.set_default_timeout(60_000)

    def open(self, *, reset: bool = True) -> None:
        """Show the notebook, and wait for its kernel."""
        stem = Path(self.name).stem
        url = f"{self._lab.url}/doc/workspaces/{stem}/tree/{self.name}?token={TOKEN}"
        self.page.goto(url + ("&reset" if reset else ""))
        self.page.wait_for_function("window.jupyterapp?.shell?.currentWidget?.context?.isReady")
        self.page.evaluate(f"async () => {{ await {_CONTEXT}.sessionContext.ready; }}")

    def run(self) -> None:
        """Run every cell."""
        self.page.evaluate(
            "async () => { await window.jupyterapp.commands.execute('notebook:run-all-cells'); }"
        )

    def add_cell(self, code: str) -> None:
        """Write one more cell below the others, and run it."""
        self.page.evaluate(
            """async (code) => {
            const {commands, shell} = window.jupyterapp;
            const notebook = shell.currentWidget.content;
            notebook.activeCellIndex = notebook.widgets.length - 1;
            await commands.execute('notebook:insert-cell-below');
            notebook.activeCell.model.sharedModel.setSource(code);
            await commands.execute('notebook:run-cell'); }""",
            code,
        )

    def ask(self, code: str) -> str:
        """Run a piece of Python in the notebook's kernel, and give what it prints."""
        answer: str = self.page.evaluate(
            f"""async (code) => {{
            const future = {_CONTEXT}.sessionContext.session.kernel.requestExecute({{code}});
            let text = '';
            future.onIOPub = (message) => {{
                text += message.content.text ?? (message.content.traceback ?? []).join('\\n'); }};
            await future.done;
            return text; }}""",
            code,
        )
        return answer.strip()

    def measure(self, start: str | int, selector: str) -> float:
        """Return the seconds from a start until something new of a selector is shown.

        Parameters
        ----------
        start
            Python for the kernel, or the number of a cell that is run.
        selector
            What shall appear.
        """
        seconds: float = self.page.evaluate(
            """async ([start, selector]) => {
            const widget = window.jupyterapp.shell.currentWidget;
            const old = new Set(document.querySelectorAll(selector));
            const began = performance.now();
            if (typeof start === 'number') {
                widget.content.activeCellIndex = start;
                window.jupyterapp.commands.execute('notebook:run-cell');
            } else {
                widget.context.sessionContext.session.kernel.requestExecute({code: start});
            }
            while (![...document.querySelectorAll(selector)].some(
                (each) => !old.has(each) && each.offsetParent)) {
                if (performance.now() - began > 30000) throw new Error(`no ${selector}`);
                await new Promise(requestAnimationFrame);
            }
            return (performance.now() - began) / 1000; }""",
            [start, selector],
        )
        return seconds

    def keystroke(self, letter: str, selector: str) -> float:
        """Press a key, and give the seconds until what a selector names has changed."""
        self.page.evaluate(
            """(selector) => {
            window.answered = null;
            document.addEventListener('keydown', () => { window.began = performance.now(); },
                {once: true, capture: true});
            new MutationObserver((_, observer) => {
                window.answered = (performance.now() - window.began) / 1000;
                observer.disconnect();
            }).observe(document.querySelector(selector), {childList: true, subtree: true}); }""",
            selector,
        )
        self.page.keyboard.press(letter)
        self.page.wait_for_function("window.answered !== null")
        seconds: float = self.page.evaluate("window.answered")
        return seconds

    def axe(self, selector: str) -> list[str]:
        """Return what an accessibility checker finds serious, or worse, in elements of the page."""
        found: list[str] = self.page.evaluate(
            """async (selector) => {
            const told = await window.axe.run(document.querySelector(selector),
                {resultTypes: ['violations']});
            return told.violations
                .filter((each) => ['serious', 'critical'].includes(each.impact))
                .flatMap((each) => each.nodes.map((node) =>
                    `${each.id}: ${node.html.slice(0, 200)} (${node.failureSummary})`)); }""",
            selector,
        )
        return found

    def save(self) -> dict[str, Any]:
        """Save the notebook with the state of its widgets, and give what is on disk."""
        self.page.evaluate(
            """async () => { await window.jupyterapp.commands.execute('docmanager:save'); }"""
        )
        saved: dict[str, Any] = json.loads((self._lab.work / self.name).read_text())
        return saved

    def keep_widgets(self) -> None:
        """Save the state of widgets with the notebook, as a person may choose."""
        self.page.evaluate(
            "async () => { await window.jupyterapp.commands.execute("
            "'@jupyter-widgets/jupyterlab-manager:saveWidgetState'); }"
        )

    def close(self) -> None:
        """End the kernel, and close the page."""
        self.page.evaluate(f"async () => {_CONTEXT}.sessionContext.shutdown()")
        self.page.context.close()


def press(notebook: Notebook, name: str) -> None:
    """Press a button by its name, when it can be pressed."""
    notebook.page.get_by_role("button", name=name, exact=True).click()


def state(notebook: Notebook, text: str) -> None:
    """Wait until a widget says something."""
    notebook.page.locator(".bunqkit [role=status]", has_text=text).first.wait_for()


def see(notebook: Notebook, folder: Path, name: str) -> None:
    """Keep a picture of the first widget."""
    notebook.page.locator(".bunqkit").first.screenshot(path=str(folder / f"{name}.png"))
