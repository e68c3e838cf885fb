"""The lessons run from top to bottom in a fresh kernel: as shipped, solved, answered wrongly."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import bunqkit
from bunqkit.exercises.exercise import Exercise
from bunqkit.lessons import list_exercises
from bunqkit.sandbox import Bank, Office, doors
from bunqkit.scrub import scrub_file

FOLDER = Path(__file__).parent.parent / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))
LESSONS = [path for path in NOTEBOOKS if path.stem[:2].isdigit()]
EXERCISES = {each.id: each for each in list_exercises()}
CHECK = re.compile(r'check\("([\d.]+)", answer, bunq\)')
PLANTED = "planted" * 9


def cells(path: Path, kind: str) -> list[dict[str, Any]]:
    """Give the cells of a kind."""
    return [cell for cell in json.loads(path.read_text())["cells"] if cell["cell_type"] == kind]


def source(cell: dict[str, Any]) -> str:
    """Give a cell's text."""
    return "".join(cell["source"])


def exercises_of(path: Path) -> list[Exercise]:
    """Give the exercises that a lesson checks."""
    checked = [CHECK.search(source(cell)) for cell in cells(path, "code")]
    return [EXERCISES[found[1]] for found in checked if found]


def run(path: Path, answers: dict[str, str] | None = None) -> list[dict[str, Any]]:
    """Run a notebook in a kernel of its own, the dots replaced by answers; give its cells."""
    nbclient = pytest.importorskip("nbclient", reason="nbclient runs the notebooks")
    nbformat = pytest.importorskip("nbformat", reason="nbformat reads the notebooks")
    pytest.importorskip("ipykernel", reason="a kernel runs the notebooks (extra: lab)")
    notebook = nbformat.read(path, as_version=4)
    for cell, check in zip(notebook.cells, notebook.cells[1:], strict=False):
        found = CHECK.search(check.source)
        if found and answers is not None:
            assert cell.source == "answer = ..."
            cell.source = answers[found[1]]
    nbclient.NotebookClient(
        notebook, timeout=120, resources={"metadata": {"path": str(Path.cwd())}}
    ).execute()
    # The whole file, as it would be saved: nothing of whoever runs it is in it.
    saved = Path("as_run.ipynb")
    nbformat.write(notebook, saved)
    assert PLANTED not in saved.read_text()
    assert not scrub_file(saved).findings
    ran: list[dict[str, Any]] = notebook.cells
    return ran


def results(ran: list[dict[str, Any]]) -> list[str]:
    """Give what each check cell returned, as text; a check of dots returns nothing."""
    found = []
    for cell in ran:
        if cell["cell_type"] == "code" and CHECK.search(cell["source"]):
            results = [out for out in cell["outputs"] if out["output_type"] == "execute_result"]
            found.append(results[0]["data"]["text/plain"] if results else "None")
    return found


@pytest.fixture(autouse=True)
def _own_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    monkeypatch.setenv("BUNQ_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.setenv("BUNQ_ENVIRONMENT", "OFFLINE")
    monkeypatch.setenv("BUNQ_API_KEY", PLANTED)
    monkeypatch.setenv("BUNQ_STATE_PASSPHRASE", PLANTED)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_it_runs_as_shipped(path: Path) -> None:
    """No key, no settings, a folder of its own: every cell runs, no exercise is answered."""
    ran = run(path)
    outputs = [out for cell in ran for out in cell.get("outputs", [])]
    assert outputs
    assert not [out for out in outputs if out["output_type"] == "error"]
    # What a kernel writes to its error stream is a warning that a reader would see; that the kit
    # waits for the bank's limits is none.
    said = [out["text"] for out in outputs if out.get("name") == "stderr"]
    assert [text for text in said if not text.startswith("Waiting ")] == []
    assert results(ran) == ["None"] * len(exercises_of(path))


@pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.stem)
def test_its_solutions_are_right(path: Path) -> None:
    """The solutions that a learner is shown pass the checks."""
    answers = {each.id: each.solution for each in exercises_of(path)}
    assert results(run(path, answers)) == ["True"] * len(answers)


@pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.stem)
def test_wrong_answers_are_wrong(path: Path) -> None:
    """A wrong answer does not pass."""
    answers = {each.id: each.wrong for each in exercises_of(path)}
    assert results(run(path, answers)) == ["False"] * len(answers)


@pytest.fixture
def new_person(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Serve a bank, and let the settings be somebody's who has no history there."""
    pytest.importorskip("waitress", reason="serving the bank needs waitress")
    server = doors.Server(Office(Bank()), host="127.0.0.1", port=0)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    key = bunqkit.create_sandbox_user(bunqkit.Client(server.url))
    monkeypatch.setenv("BUNQ_BASE_URL", server.url)
    monkeypatch.setenv("BUNQ_API_KEY", key.reveal())
    yield
    server.close()
    thread.join(10)


@pytest.mark.slow
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_it_runs_elsewhere(path: Path, new_person: None) -> None:
    """With a new person's account at a bank behind an address it runs without an edit."""
    outputs = [out for cell in run(path) for out in cell.get("outputs", [])]
    assert not [out for out in outputs if out["output_type"] == "error"]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_it_carries_no_outputs(path: Path) -> None:
    """Nothing that somebody has run is in the repository: no output, no count, no widget state."""
    assert all(cell["outputs"] == [] for cell in cells(path, "code"))
    assert all(cell["execution_count"] is None for cell in cells(path, "code"))
    assert "widgets" not in json.loads(path.read_text())["metadata"]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_it_has_the_shape_of_a_lesson(path: Path) -> None:
    """A title first, prose before code, at most 40 cells and 15 lines a cell, no functions."""
    everything = json.loads(path.read_text())["cells"]
    assert everything[0]["cell_type"] == "markdown"
    assert source(everything[0]).startswith("# ")
    assert len(everything) <= 40
    for cell in cells(path, "code"):
        assert len(source(cell).splitlines()) <= 15
        assert not re.search(r"^\s*(?:def|class) ", source(cell), re.MULTILINE)


@pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.stem)
def test_a_lesson_has_exercises_and_a_next_one(path: Path) -> None:
    """Two to four that mark themselves, with ids that nbgrader reads, and a link onwards."""
    assert 2 <= len(exercises_of(path)) <= 4
    assert len(json.loads(path.read_text())["cells"]) >= 20
    grades = [cell["metadata"].get("nbgrader", {}) for cell in cells(path, "code")]
    ids = [told["grade_id"] for told in grades if told]
    assert len(ids) == len(set(ids)) == 2 * len(exercises_of(path))


def test_every_exercise_is_in_a_lesson() -> None:
    """None is told that nobody can do, and the numbers are their lessons'."""
    asked = {each.id: path.stem for path in LESSONS for each in exercises_of(path)}
    assert set(asked) == set(EXERCISES)
    for number, stem in asked.items():
        assert int(number.split(".")[0]) == int(stem[:2])


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_links_lead_somewhere(path: Path) -> None:
    """Files that are linked are in the folder."""
    for cell in cells(path, "markdown"):
        for target in re.findall(r"\]\(([^)#]+)", source(cell)):
            assert target.startswith("https://") or (FOLDER / target).exists(), target
