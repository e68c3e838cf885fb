"""Copies the notebooks of the course out of the package, and opens them in JupyterLab."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bunqkit.errors import SettingsError
from bunqkit.security.private_files import make_folder

_IN_PACKAGE = Path(__file__).parents[1] / "notebooks"
# In an editable install of a clone, they are beside the package.
_IN_CLONE = Path(__file__).parents[2] / "notebooks"


@dataclass(frozen=True)
class Copied:
    """The result of copying the course.

    Attributes
    ----------
    folder
        The folder of the course.
    written
        The names of the notebooks that were copied.
    kept
        The names of notebooks that existed and differ: a reader's work, left unchanged.
    """

    folder: Path
    written: tuple[str, ...]
    kept: tuple[str, ...]

    def __str__(self) -> str:
        written = f"{len(self.written)} notebooks copied" if self.written else "nothing to copy"
        text = f"The course is in {self.folder}: {written}"
        if self.kept:
            text += f", {len(self.kept)} of yours left as they are ({', '.join(self.kept)})"
        return f"{text}."


def copy_notebooks(folder: str | os.PathLike[str]) -> Copied:
    """Copy the course into a folder. An existing notebook is never overwritten.

    Parameters
    ----------
    folder
        The folder; created if it does not exist.

    Raises
    ------
    SettingsError
        If the folder can't be created or written to.
    """
    target = Path(folder)
    source = _IN_PACKAGE if _IN_PACKAGE.is_dir() else _IN_CLONE
    written, kept = [], []
    try:
        make_folder(target)
        for notebook in sorted(source.glob("*.ipynb")):
            copy, content = target / notebook.name, notebook.read_bytes()
            try:
                with copy.open("xb") as file:
                    file.write(content)
                written.append(notebook.name)
            except FileExistsError:
                if copy.read_bytes() != content:
                    kept.append(notebook.name)
    except OSError as error:
        raise SettingsError(
            f"The course can't be copied to {target} ({error.strerror}). Name a folder that you "
            "can write to: bunqkit notebooks FOLDER."
        ) from error
    return Copied(target, tuple(written), tuple(kept))


def open_lab(folder: str | os.PathLike[str], options: Sequence[str] = ()) -> int:
    """Open a folder in JupyterLab, and wait until it ends; return its exit status.

    Parameters
    ----------
    folder
        The folder that JupyterLab's file browser shows.
    options
        Options of JupyterLab, such as ``--no-browser``.

    Raises
    ------
    SettingsError
        If JupyterLab is not installed.
    """
    if importlib.util.find_spec("jupyterlab") is None:
        raise SettingsError(
            "JupyterLab is not installed. Install the extra lab: "
            f'{sys.executable} -m pip install "bunqkit[lab]"'
        )
    command = [sys.executable, "-m", "jupyterlab", str(folder), *options]
    with subprocess.Popen(command) as lab:  # noqa: S603 (this interpreter, a user's words)
        while True:
            # JupyterLab gets Ctrl-C as well, and asks for a confirmation.
            with contextlib.suppress(KeyboardInterrupt):
                return lab.wait()
