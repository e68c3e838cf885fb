"""Every notebook runs from top to bottom, offline, and carries no outputs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

PLANTED = "planted" * 9
NOTEBOOKS = sorted((Path(__file__).parent.parent / "notebooks").glob("*.ipynb"))


def cells(path: Path, kind: str) -> list[dict[str, Any]]:
    """Give the cells of a kind."""
    return [cell for cell in json.loads(path.read_text())["cells"] if cell["cell_type"] == kind]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_it_runs(path: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No key, no settings, a folder of its own: every cell runs."""
    nbclient = pytest.importorskip("nbclient", reason="nbclient runs the notebooks")
    nbformat = pytest.importorskip("nbformat", reason="nbformat reads the notebooks")
    pytest.importorskip("ipykernel", reason="a kernel runs the notebooks (extra: lab)")
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    monkeypatch.setenv("BUNQ_ENVIRONMENT", "OFFLINE")
    monkeypatch.setenv("BUNQ_API_KEY", PLANTED)
    monkeypatch.setenv("BUNQ_STATE_PASSPHRASE", PLANTED)
    notebook = nbformat.read(path, as_version=4)
    client = nbclient.NotebookClient(
        notebook, timeout=120, resources={"metadata": {"path": str(Path.cwd())}}
    )
    client.execute()
    outputs = [out for cell in notebook.cells for out in cell.get("outputs", [])]
    assert outputs
    assert not [out for out in outputs if out["output_type"] == "error"]
    # What a kernel writes to its error stream is a warning that a reader would see.
    assert not [out for out in outputs if out.get("name") == "stderr"]
    # The whole file, as it would be saved: nothing of whoever runs it is in it.
    saved = nbformat.writes(notebook)
    assert PLANTED not in saved
    assert "PRIVATE KEY-----\\nMII" not in saved


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_it_carries_no_outputs(path: Path) -> None:
    """Nothing that somebody has run is in the repository: no output, no count, no widget state."""
    assert all(cell["outputs"] == [] for cell in cells(path, "code"))
    assert all(cell["execution_count"] is None for cell in cells(path, "code"))
    assert "widgets" not in json.loads(path.read_text())["metadata"]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_it_has_the_shape_of_a_lesson(path: Path) -> None:
    """A title first, prose before code, at most 40 cells and 15 lines a cell."""
    everything = json.loads(path.read_text())["cells"]
    assert everything[0]["cell_type"] == "markdown"
    assert "".join(everything[0]["source"]).startswith("# ")
    assert len(everything) <= 40
    for cell in cells(path, "code"):
        assert len("".join(cell["source"]).splitlines()) <= 15
