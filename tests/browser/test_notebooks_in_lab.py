"""The lessons in JupyterLab and a real browser: what a person sees."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
TOKEN = "t0k"
CHROMIUM = shutil.which("chromium")
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
LAB = (
    "--no-browser --allow-root --ServerApp.ip=127.0.0.1 --ServerApp.port_retries=0 "
    f"--IdentityProvider.token={TOKEN} --LabApp.news_url=None --LabApp.extension_manager=readonly "
    "--LabApp.check_for_updates_class=jupyterlab.handlers.announcements.NeverCheckForUpdate "
    "--ServerApp.terminals_enabled=False --expose-app-in-browser"
).split()


def need(is_there: object, reason: str) -> None:
    """Skip with a reason on somebody's machine; in CI a test that can't run has failed."""
    if not is_there:
        (pytest.fail if os.environ.get("CI") else pytest.skip)(reason)


def free_port() -> int:
    """Give a port that is free now."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Start JupyterLab on copies of the notebooks, with settings of its own."""
    program = Path(sys.executable).with_name("jupyter-lab")
    need(program.exists(), "jupyterlab is not installed (extra: lab)")
    root = tmp_path_factory.mktemp("lab")
    shutil.copytree(ROOT / "notebooks", root / "work")
    settings = root / "settings/@jupyterlab/apputils-extension"
    settings.mkdir(parents=True)
    (settings / "notification.jupyterlab-settings").write_text(
        '{"fetchNews":"false","checkForUpdates":false}'
    )
    folders = {
        f"{name}_DIR": str(root / name.lower())
        for name in ("JUPYTER_CONFIG", "JUPYTER_DATA", "JUPYTER_RUNTIME", "JUPYTERLAB_WORKSPACES")
    }
    environment = {
        **os.environ,
        **folders,
        "JUPYTERLAB_SETTINGS_DIR": str(root / "settings"),
        "IPYTHONDIR": str(root / "ipython"),
    }
    port = free_port()
    with (root / "lab.log").open("w") as log:
        server = subprocess.Popen(
            [str(program), *LAB, f"--ServerApp.port={port}", f"--ServerApp.root_dir={root}/work"],
            env=environment,
            stdout=log,
            stderr=log,
            cwd=root / "work",
        )
        url = f"http://127.0.0.1:{port}"
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            with contextlib.suppress(requests.ConnectionError):
                if requests.get(f"{url}/api/status?token={TOKEN}", timeout=5).ok:
                    break
            time.sleep(0.2)
        else:
            pytest.fail((root / "lab.log").read_text()[-2000:])
        yield url
        server.terminate()
        server.wait(20)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Start Debian's Chromium."""
    need(CHROMIUM, "chromium is not installed")
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright drives the browser")
    with playwright.sync_playwright() as driver:
        chromium = driver.chromium.launch(executable_path=CHROMIUM, headless=True, args=FLAGS)
        yield chromium
        chromium.close()


def open_and_run(browser: Any, lab: str, name: str) -> Any:
    """Open a notebook, run every cell, and give the page."""
    page = browser.new_context(viewport={"width": 1280, "height": 2400}).new_page()
    page.set_default_timeout(60_000)
    page.goto(f"{lab}/doc/workspaces/{Path(name).stem}/tree/{name}?token={TOKEN}&reset")
    page.wait_for_function("window.jupyterapp?.shell?.currentWidget?.context?.isReady")
    page.evaluate(
        """async () => { const w = window.jupyterapp.shell.currentWidget;
        await w.context.sessionContext.ready;
        await window.jupyterapp.commands.execute('notebook:run-all-cells'); }"""
    )
    return page


def shut_down(page: Any) -> None:
    """End the page's kernel."""
    page.evaluate(
        "async () => window.jupyterapp.shell.currentWidget.context.sessionContext.shutdown()"
    )
    page.close()


def test_the_first_lesson_shows_what_it_promises(browser: Any, lab: str, tmp_path: Path) -> None:
    """The badge, the card of the context, tables and the answer at the end are on the page."""
    page = open_and_run(browser, lab, "01_first_dataframe.ipynb")
    page.locator(".bunqkit .badge.OFFLINE").wait_for()
    assert page.locator(".bunqkit .badge.OFFLINE").inner_text() == "OFFLINE"
    assert page.locator(".bunqkit dd").count() == 4
    assert page.locator("table.dataframe").count() >= 3
    assert page.locator("text=In March you spent EUR").count() >= 1
    assert page.locator(".jp-mod-error, [data-mime-type*='stderr']").count() == 0
    page.screenshot(path=str(tmp_path / "lesson.png"), full_page=True)
    shut_down(page)
