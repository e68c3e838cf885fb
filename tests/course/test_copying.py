"""The course is in the package, and a copy of it never costs a reader their work."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from bunqkit import SettingsError
from bunqkit.cli.main import main
from bunqkit.course.copying import copy_notebooks, open_lab

NAMES = sorted(path.name for path in (Path(__file__).parents[2] / "notebooks").glob("*.ipynb"))


def test_all_lessons_are_copied(tmp_path: Path) -> None:
    """Into a folder that need not be there."""
    copied = copy_notebooks(tmp_path / "a" / "course")
    assert sorted(path.name for path in copied.folder.iterdir()) == NAMES == list(copied.written)


def test_a_readers_work_stays(tmp_path: Path) -> None:
    """What is there is left as it is, and named if it differs."""
    copy_notebooks(tmp_path)
    mine = tmp_path / NAMES[0]
    mine.write_text("my answers")
    (tmp_path / NAMES[-1]).unlink()
    copied = copy_notebooks(tmp_path)
    assert mine.read_text() == "my answers"
    assert (copied.written, copied.kept) == ((NAMES[-1],), (NAMES[0],))
    assert f"1 of yours left as they are ({NAMES[0]})" in str(copied)


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    """One line that says which."""
    (tmp_path / "file").write_text("")
    with pytest.raises(SettingsError, match="file/course"):
        copy_notebooks(tmp_path / "file" / "course")


def test_the_command_copies(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """``bunqkit notebooks FOLDER`` says where they are and how to open them; once is enough."""
    assert main(["notebooks", str(tmp_path)]) == 0
    said = capsys.readouterr().out
    assert f"The course is in {tmp_path}: {len(NAMES)} notebooks copied." in said
    assert f"bunqkit lab {tmp_path}" in said
    assert main(["notebooks", str(tmp_path)]) == 0
    assert f"The course is in {tmp_path}: nothing to copy." in capsys.readouterr().out


@pytest.mark.parametrize(
    "arguments",
    [pytest.param(["--version"], marks=pytest.mark.slow), ["mine", "--version"]],
    ids=["none", "mine"],
)
@pytest.mark.slow
def test_lab_passes_options_on(
    arguments: list[str], capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:  # fmt: skip
    """After the folder, or in its place; JupyterLab answers."""
    lab = pytest.importorskip("jupyterlab", reason="the extra lab brings JupyterLab")
    monkeypatch.chdir(tmp_path)
    assert main(["lab", *arguments]) == 0
    folder = "mine" if arguments[0] == "mine" else "bunqkit-course"
    assert capfd.readouterr().out.splitlines() == [
        f"The course is in {folder}: {len(NAMES)} notebooks copied.",
        lab.__version__,
    ]


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="a process group gets the signal of a terminal")
def test_lab_may_ask_whether_ctrl_c_is_meant(tmp_path: Path) -> None:
    """JupyterLab ends itself, and what it was asked to keep is kept: nobody kills it meanwhile."""
    pytest.importorskip("jupyterlab", reason="the extra lab brings JupyterLab")
    options = ["--allow-root", "--no-browser", "--ServerApp.ip=127.0.0.1", "--port=0"]
    person, terminal = os.openpty()  # without a terminal it does not ask
    with subprocess.Popen(
        [sys.executable, "-m", "bunqkit", "lab", str(tmp_path), *options],
        stdin=terminal, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
        start_new_session=True,
    ) as lab:  # fmt: skip
        assert lab.stderr is not None
        next(line for line in lab.stderr if "Use Control-C to stop this server" in line)
        os.killpg(lab.pid, signal.SIGINT)
        next(line for line in lab.stderr if "interrupted" in line)
        os.write(person, b"y\n")
        assert "Shutdown confirmed" in lab.communicate(timeout=30)[1]
    assert lab.returncode == 0
    os.close(person)
    os.close(terminal)


def test_lab_is_missed_in_words(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Without JupyterLab the extra is named, and the Python that lacks it."""
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(SettingsError, match=r'bunqkit\[lab\]"$') as caught:
        open_lab(tmp_path)
    assert f"{sys.executable} -m pip install" in str(caught.value)


def test_the_wheel_has_the_course(tmp_path: Path) -> None:
    """Who installs the package has the lessons, and the templates of what is shown."""
    pytest.importorskip("hatchling", reason="hatchling builds the wheel")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)],
        cwd=Path(__file__).parents[2],
        env={**os.environ},
        check=True,
        capture_output=True,
    )
    (wheel,) = tmp_path.glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    assert {f"bunqkit/notebooks/{name}" for name in NAMES} <= set(names)
    templates = Path(__file__).parents[2] / "bunqkit/display/templates"
    assert {f"bunqkit/display/templates/{path.name}" for path in templates.iterdir()} <= set(names)
