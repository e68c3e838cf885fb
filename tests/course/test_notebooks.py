"""The lessons run from top to bottom: as shipped, solved, answered wrongly."""

from __future__ import annotations

import json
import os
import re
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sampling import one_in

import bunqkit
from bunqkit.course.exercises.exercise import Exercise
from bunqkit.course.lessons import list_exercises
from bunqkit.diagnosis.scrub import scrub_file
from bunqkit.sandbox import Admin, Bank, doors

FOLDER = Path(__file__).parents[2] / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))
LESSONS = [path for path in NOTEBOOKS if path.stem[:2].isdigit()]
EXERCISES = {each.id: each for each in list_exercises()}
CHECK = re.compile(r'check\("([\d.]+)", answer, bunq\)')
PLANTED = "planted" * 9


def cells(path: Path, kind: str) -> list[dict[str, Any]]:
    """Return the cells of a kind."""
    return [cell for cell in json.loads(path.read_text())["cells"] if cell["cell_type"] == kind]


def source(cell: dict[str, Any]) -> str:
    """Return a cell's text."""
    return "".join(cell["source"])


def exercises_of(path: Path) -> list[Exercise]:
    """Return the exercises that a lesson checks."""
    checked = [CHECK.search(source(cell)) for cell in cells(path, "code")]
    return [EXERCISES[found[1]] for found in checked if found]


def read(path: Path) -> Any:
    """Return a notebook as nbformat reads it."""
    nbformat = pytest.importorskip("nbformat", reason="nbformat reads the notebooks")
    return nbformat.read(path, as_version=4)


def notebook_of(*cells: str) -> Any:
    """Return a notebook of code cells."""
    nbformat = pytest.importorskip("nbformat", reason="nbformat reads the notebooks")
    return nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(code) for code in cells])


def exercises_in(notebook: Any) -> list[tuple[int, Exercise]]:
    """Return the exercises of a notebook, each with the index of the cell that checks it."""
    checks = [CHECK.search(cell.source) for cell in notebook.cells]
    pairs = [(at, EXERCISES[check[1]]) for at, check in enumerate(checks) if check]
    assert all(notebook.cells[at - 1].source == "answer = ..." for at, _ in pairs)
    return pairs


def answer(notebook: Any, how: str) -> None:
    """Replace the dots of every exercise by its solution, or by its wrong answer."""
    for at, exercise in exercises_in(notebook):
        notebook.cells[at - 1].source = getattr(exercise, how)


def answer_again(notebook: Any) -> None:
    """Check every exercise two times more: after the dots a wrong answer, then the solution."""
    for at, exercise in reversed(exercises_in(notebook)):
        check = notebook.cells[at].source
        more = notebook_of(exercise.wrong, check, exercise.solution, check).cells
        notebook.cells[at + 1 : at + 1] = more


def make_client(notebook: Any) -> Any:
    """Return what runs a notebook in a kernel of its own."""
    nbclient = pytest.importorskip("nbclient", reason="nbclient runs the notebooks")
    pytest.importorskip("ipykernel", reason="a kernel runs the notebooks (extra: lab)")
    resources = {"metadata": {"path": str(Path.cwd())}}
    return nbclient.NotebookClient(notebook, timeout=120, resources=resources)


def run(notebook: Any, client: Any = None) -> None:
    """Run a notebook in a fresh kernel, or in that of a client; look through the saved file."""
    if client is None:
        make_client(notebook).execute()
    else:
        client.nb = notebook
        client.execute(cleanup_kc=False)
    assert not [out for out in outputs(notebook) if out.output_type == "error"]
    # The whole file, as it would be saved: nothing of whoever runs it is in it.
    saved = Path("as_run.ipynb")
    nbformat = pytest.importorskip("nbformat", reason="nbformat reads the notebooks")
    nbformat.write(notebook, saved)
    assert PLANTED not in saved.read_text()
    assert not scrub_file(saved).findings


def results(notebook: Any) -> list[str]:
    """Return what each check cell returned, as text; a check of dots returns nothing."""
    texts = []
    for cell in notebook.cells:
        if cell.cell_type == "code" and CHECK.search(cell.source):
            results = [out for out in cell.outputs if out.output_type == "execute_result"]
            texts.append(results[0].data["text/plain"] if results else "None")
    return texts


def outputs(notebook: Any) -> list[Any]:
    """Return all outputs of a notebook."""
    return [out for cell in notebook.cells for out in cell.get("outputs", [])]


def warnings(notebook: Any) -> list[str]:
    """Return what the kernel wrote to its error stream, which a reader would see.

    That the kit waits for the bank's limits is no warning.
    """
    texts = [out.text for out in outputs(notebook) if out.get("name") == "stderr"]
    return [text for text in texts if not text.startswith("Waiting ")]


@pytest.fixture(autouse=True)
def _own_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    monkeypatch.setenv("BUNQ_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.setenv("BUNQ_ENVIRONMENT", "OFFLINE")
    monkeypatch.setenv("BUNQ_API_KEY", PLANTED)
    monkeypatch.setenv("BUNQ_STATE_PASSPHRASE", PLANTED)


@pytest.fixture(scope="module")
def kernel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Start a kernel that runs one notebook after the other; return its client."""
    client = make_client(notebook_of())
    folder = str(tmp_path_factory.mktemp("kernel"))
    with client.setup_kernel(env=os.environ | {"IPYTHONDIR": folder}, cwd=folder):
        yield client


@pytest.fixture
def emptied_kernel(kernel: Any) -> Any:
    """Return the client of a kernel that has no variables, and the settings of this test."""
    settings = {name: text for name, text in os.environ.items() if name.startswith("BUNQ_")}
    move = f"import os\nos.chdir({str(Path.cwd())!r})\nos.environ.update({settings})"
    kernel.nb = notebook_of(move, "%reset -f")
    kernel.execute(cleanup_kc=False)
    return kernel


@pytest.mark.parametrize("path", one_in(4, NOTEBOOKS), ids=lambda path: path.stem)
def test_it_runs_and_its_exercises_are_judged(path: Path, emptied_kernel: Any) -> None:
    """Every cell runs; dots are no answer, a wrong answer does not pass, a solution does.

    All in one kernel, as starting one costs more than most notebooks.
    """
    notebook = read(path)
    answer_again(notebook)
    run(notebook, emptied_kernel)
    assert outputs(notebook)
    assert warnings(notebook) == []
    assert results(notebook) == ["None", "False", "True"] * len(exercises_of(path))


@pytest.mark.slow
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_it_runs_as_shipped(path: Path) -> None:
    """No key, no settings, a folder of its own: every cell runs, no exercise is answered."""
    notebook = read(path)
    run(notebook)
    assert outputs(notebook)
    assert warnings(notebook) == []
    assert results(notebook) == ["None"] * len(exercises_of(path))


# A fresh kernel for each answer, minutes in all: the test above has one kernel for all answers.
@pytest.mark.soak
@pytest.mark.parametrize(
    ("how", "result"), [("solution", "True"), ("wrong", "False")], ids=["solved", "wrong"]
)
@pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.stem)
def test_its_exercises_are_judged(path: Path, how: str, result: str) -> None:
    """The solutions that a learner is shown pass the checks, and wrong answers do not."""
    notebook = read(path)
    answer(notebook, how)
    run(notebook)
    assert results(notebook) == [result] * len(exercises_of(path))


@pytest.fixture
def new_person(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Serve a bank, and let the settings be somebody's who has no history there."""
    pytest.importorskip("waitress", reason="serving the bank needs waitress")
    server = doors.Server(Admin(Bank()), host="127.0.0.1", port=0)
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
    notebook = read(path)
    run(notebook)
    assert outputs(notebook)


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
