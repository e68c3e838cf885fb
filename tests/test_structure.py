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
    "matplotlib", "numpy",
    "pandas", "platformdirs", "pyarrow", "requests", "tqdm", "urllib3", "waitress",
}  # fmt: skip
# These put the package together, or are the ways into it.
FREE = {"__init__", "__main__"}


def room(path: Path) -> str:
    """Give the module's row: the sub-package counts as one."""
    return path.relative_to(PACKAGE).with_suffix("").parts[0]


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


def table() -> dict[str, tuple[str, str]]:
    """Read the table of arrows."""
    text = (ROOT / ".github/CONTRIBUTING.md").read_text()
    rows = re.findall(r"^\| (\w+) \| (.*?) \| (.*?) \|$", text, re.MULTILINE)
    return {module: (inside, outside) for module, inside, outside in rows if module != "module"}


def allowed(cell: str, *, lazily: bool) -> set[str]:
    """Give the names in a cell; those in brackets only for imports inside functions."""
    names = set()
    for part in re.split(r",\s*(?![^(]*\))", cell):
        word, _, remark = part.partition(" ")
        if lazily or not remark.startswith("(lazily"):
            names.add(word)
    return names


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_arrows_are_in_the_table(path: Path) -> None:
    """A module imports, inside the package and outside, only what its row allows."""
    module = room(path)
    if module in FREE:
        return
    inside, outside = table()[module]
    for name, is_top in imports(path):
        parts = name.split(".")
        if parts[0] == "bunqkit" and len(parts) > 1:
            if parts[1] in (module, "__version__"):
                continue
            assert parts[1] in allowed(inside, lazily=not is_top), f"{module} imports {name}"
        elif parts[0] in LIBRARIES:
            assert parts[0] in allowed(outside, lazily=not is_top), f"{module} imports {name}"


def test_the_table_lists_what_is_there() -> None:
    """No row without a module, no module without a row, and only earlier rows are imported."""
    rows = table()
    assert set(rows) == {room(path) for path in MODULES} - FREE
    order = list(rows)
    for module, (inside, _) in rows.items():
        for name in allowed(inside, lazily=False) - {"-"}:
            assert order.index(name) < order.index(module), f"{module} imports {name}"


def test_only_doors_and_client_know_requests() -> None:
    """Few files speak HTTP: the client with its ways to the bank, and the bank's door."""
    users = {
        str(path.relative_to(PACKAGE))
        for path in MODULES
        for name, _ in imports(path)
        if name.split(".")[0] == "requests"
    }
    assert users == {
        "client.py",
        "connections.py",
        "nearby.py",
        "transport.py",
        "sandbox/doors.py",
    }


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
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = bunqkit.nothing


def test_type_checkers_see_the_same_names() -> None:
    """The imports for type checkers are the lazy ones."""
    tree = ast.parse((PACKAGE / "__init__.py").read_text())
    seen = {
        alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("bunqkit.")
        for alias in node.names
    }
    assert seen == set(bunqkit.__all__)


def test_no_public_function_bears_the_name_of_a_module() -> None:
    """Under lazy loading the one would hide the other."""
    assert not set(bunqkit.__all__) & {path.stem for path in PACKAGE.glob("*.py")}


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
