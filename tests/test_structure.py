"""The shape of the package: who imports whom, what is public, that everything public is told."""

from __future__ import annotations

import ast
import importlib
import re
import subprocess
import sys
from pathlib import Path

import pytest

import bunqkit

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "bunqkit"
MODULES = sorted(p for p in PACKAGE.rglob("*.py"))
LIBRARIES = {
    "IPython", "cryptography", "dotenv", "duckdb", "filelock", "ipywidgets", "itables",
    "jinja2", "lazy_loader",
    "matplotlib", "numpy",
    "pandas", "platformdirs", "pyarrow", "requests", "tqdm", "urllib3", "waitress",
}  # fmt: skip
# These put the package together, or are the ways into it.
FREE = {"__init__", "__main__"}


def imports(path: Path) -> list[tuple[str, bool]]:
    """Give every module that is imported, and whether it is at the top of the file."""
    tree = ast.parse(path.read_text())
    top: set[ast.AST] = set(tree.body)
    found = []
    for node in ast.walk(tree):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module]
            if node.module == "bunqkit":
                names = [f"bunqkit.{alias.name}" for alias in node.names]
        found += [(name, node in top) for name in names]
    return found


def test_every_library_is_a_dependency_of_one_of_the_kinds() -> None:
    """What is imported anywhere is known to this test, the standard library aside."""
    known = LIBRARIES | {"bunqkit"} | set(sys.stdlib_module_names)
    for path in MODULES:
        for name, _ in imports(path):
            assert name.split(".")[0] in known, f"{path} imports {name}"


def test_public_names_are_there_and_sorted() -> None:
    """``__all__`` is what can be imported, and ``dir()`` shows it."""
    assert bunqkit.__all__ == sorted(bunqkit.__all__)
    for name in bunqkit.__all__:
        assert getattr(bunqkit, name) is not None
    assert set(bunqkit.__all__) <= set(dir(bunqkit))
    with pytest.raises(AttributeError, match="attribute nothing"):
        _ = bunqkit.nothing


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_no_file_is_long(path: Path) -> None:
    """400 lines of code at most: blank lines, comments and docstrings not counted."""
    tree = ast.parse(path.read_text())
    told: set[int] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            told |= set(range(node.lineno, (node.end_lineno or 0) + 1))
    lines = path.read_text().splitlines()
    code = [
        line
        for number, line in enumerate(lines, 1)
        if line.strip() and not line.strip().startswith("#") and number not in told
    ]
    assert len(code) <= 400


def public(body: list[ast.stmt]) -> list[ast.ClassDef | ast.FunctionDef]:
    """Give public classes and functions, and the public methods of the classes."""
    found = []
    for node in body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef) and not node.name.startswith("_"):
            found += [node, *(public(node.body) if isinstance(node, ast.ClassDef) else [])]
    return found


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_everything_public_has_a_docstring(path: Path) -> None:
    """Modules, classes, functions and methods without an underscore."""
    tree = ast.parse(path.read_text())
    assert ast.get_docstring(tree) or not tree.body
    missing = [node.name for node in public(tree.body) if not ast.get_docstring(node)]
    assert missing == []


def test_importing_loads_nothing_heavy() -> None:
    """``import bunqkit`` is free: neither pandas, pyarrow, ipywidgets, requests, cryptography."""
    program = "import sys, bunqkit; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    heavy = {"pandas", "pyarrow", "ipywidgets", "requests", "cryptography", "numpy"}
    assert heavy & set(done.stdout.split()) == set()


def test_modules_can_be_imported_alone() -> None:
    """No module needs another to be imported first."""
    for path in MODULES:
        if path.stem not in FREE:
            name = ".".join(("bunqkit", *path.relative_to(PACKAGE).with_suffix("").parts))
            importlib.import_module(name.removesuffix(".__init__"))


def test_fixtures_are_found_and_not_imported() -> None:
    """No module imports from a ``conftest.py``, or is excused for importing a fixture by name."""
    for path in sorted((ROOT / "tests").rglob("*.py")):
        assert "conftest" not in {name for name, _ in imports(path)}, path.name
        assert not re.search(r"# noqa:.*\bF811\b", path.read_text()), path.name
