"""Fixtures: JupyterLab, a real browser, and notebooks that are open in it."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from browser.lab import TOKEN, Lab, Notebook

ROOT = Path(__file__).parents[2]
AXE = "axe-core@4.14.1"
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
    """Return a port that is free now."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
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
        yield Lab(url, root / "work")
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


@pytest.fixture(scope="module")
def axe() -> str:
    """Return the accessibility checker, installed once and kept between runs."""
    need(shutil.which("npm"), "npm is not installed")
    folder = Path(tempfile.gettempdir()) / f"bunqkit-axe-{os.getuid()}-{AXE.partition('@')[2]}"
    script = folder / "node_modules/axe-core/axe.min.js"
    if not script.exists():
        folder.mkdir(exist_ok=True)
        install: list[str | Path] = [
            "npm",
            "install",
            "--no-audit",
            "--no-fund",
            "--prefix",
            folder,
            AXE,
        ]
        done = subprocess.run(install, check=False, capture_output=True, timeout=300)
        need(done.returncode == 0, f"{AXE} can't be installed")
    return script.read_text()


@pytest.fixture
def open_notebook(browser: Any, lab: Lab, tmp_path: Path) -> Iterator[Callable[..., Notebook]]:
    """Return a function that opens a notebook, of the folder or of some cells, and runs it."""
    opened = []

    def open_one(
        name: str, cells: list[str] | None = None, *, width: int = 1280, dark: bool = False
    ) -> Notebook:
        if cells is not None:
            lab.write(name, cells)
        context = browser.new_context(
            viewport={"width": width, "height": 2400},
            color_scheme="dark" if dark else "light",
        )
        notebook = Notebook(context.new_page(), lab, name)
        opened.append(notebook)
        notebook.open()
        notebook.page.evaluate(
            "async (theme) => { await window.jupyterapp.commands.execute("
            "'apputils:change-theme', {theme}); }",
            "JupyterLab Dark" if dark else "JupyterLab Light",
        )
        notebook.run()
        return notebook

    yield open_one
    for notebook in opened:
        notebook.page.screenshot(path=str(tmp_path / f"{Path(notebook.name).stem} at the end.png"))
        notebook.close()
