"""The shape of the package: who imports whom, what is public, that everything public is told."""

from __future__ import annotations

import ast
import importlib
import re
import subprocess
import sys
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any

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
# These put the package together, are the ways into it, or are names that notebooks import.
NO_ROOMS = {"__init__", "__main__", "version", "plots", "recurring", "lessons", "guard"}


def name_of(path: Path) -> str:
    """Return the dotted name of a module below the package; that of a room for its door."""
    return ".".join(path.relative_to(PACKAGE).with_suffix("").parts).removesuffix(".__init__")


NAMES = {name_of(path): path for path in MODULES}


def room_of(name: str) -> str:
    """Return the room that a module belongs to."""
    return name.partition(".")[0]


def literals(call: ast.Call) -> list[ast.expr]:
    """Return the arguments that are texts."""
    return [each for each in call.args if isinstance(each, ast.Constant)]


def imports(path: Path) -> list[tuple[str, bool]]:
    """List every module that is imported, and whether at the top; those for types don't count."""
    found: list[tuple[str, bool]] = []

    def look(node: ast.AST, *, is_top: bool) -> None:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
                continue
            if isinstance(child, ast.Import):
                found.extend((alias.name, is_top) for alias in child.names)
            elif isinstance(child, ast.ImportFrom) and child.module:
                for alias in child.names:
                    whole = f"{child.module}.{alias.name}"
                    is_module = whole.removeprefix("bunqkit.") in NAMES
                    found.append((whole if is_module else child.module, is_top))
            elif isinstance(child, ast.Call) and "import_module" in ast.unparse(child.func):
                found.extend((ast.literal_eval(name), is_top) for name in literals(child))
            is_function = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
            look(child, is_top=is_top and not is_function)

    look(ast.parse(path.read_text()), is_top=True)
    return found


@cache
def arrows() -> set[tuple[str, str, bool]]:
    """Return who imports whom inside the package, and whether at the top of the file."""
    return {
        (name, other.removeprefix("bunqkit."), is_top)
        for name, path in NAMES.items()
        for other, is_top in imports(path)
        if other.startswith("bunqkit.") and other.removeprefix("bunqkit.") != name
    }


def cells(pattern: str) -> list[tuple[str, ...]]:
    """Read the rows of a table of CONTRIBUTING.md."""
    text = (ROOT / ".github/CONTRIBUTING.md").read_text()
    return [tuple(row) for row in re.findall(pattern, text, re.MULTILINE)]


def parts(cell: str) -> set[str]:
    """Return what a cell lists."""
    return set() if cell == "-" else set(cell.split(", "))


ROOMS = {
    room: (int(floor), parts(rooms), parts(libraries))
    for floor, room, rooms, libraries in cells(r"^\| (\d+) \| (\w+) \| .*? \| (.*?) \| (.*?) \|$")
}
RENDERERS = {
    (module, other) for module, other in cells(r"^\| ([\w.]+\.\w+) \| ([\w.]+) \| .*? \|$")
}


def test_rooms_are_few_and_stand_on_floors() -> None:
    """At most 20 rooms on 10 floors, each listed, each with a docstring that says its job."""
    assert set(ROOMS) == {room_of(name) for name in NAMES} - NO_ROOMS
    assert len(ROOMS) <= 20
    assert max(floor for floor, _, _ in ROOMS.values()) <= 10


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_imports_what_its_row_lists(room: str) -> None:
    """Only lower floors, only what is listed, and nothing is listed that is not used."""
    floor, rooms, _ = ROOMS[room]
    used = {
        room_of(other)
        for name, other, _ in arrows()
        if room_of(name) == room and (name, other) not in RENDERERS
    } - {room, *NO_ROOMS}
    assert used == rooms
    assert all(ROOMS[other][0] < floor for other in rooms)


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_imports_the_libraries_of_its_row(room: str) -> None:
    """At the top, or only inside functions, as the row says, and no other."""
    used = {
        (name.partition(".")[0], is_top)
        for module, path in NAMES.items()
        if room_of(module) == room
        for name, is_top in imports(path)
        if name.partition(".")[0] in LIBRARIES
    }
    at_top = {library for library, is_top in used if is_top}
    lazily = {library for library, _ in used} - at_top
    assert at_top | {f"{library} (lazily)" for library in lazily} == ROOMS[room][2]


def test_every_renderer_is_needed() -> None:
    """It is loaded inside a function, and stands above the module or leads back to it."""
    inside = {(name, other, is_top) for name, other, is_top in arrows()}
    for name, other in RENDERERS:
        assert (name, other, False) in inside
        assert (name, other, True) not in inside
        climbs = ROOMS[room_of(other)][0] >= ROOMS[room_of(name)][0]
        assert climbs if room_of(name) != room_of(other) else leads(other, name)


def leads(start: str, end: str) -> bool:
    """Tell if one module imports another, perhaps by way of others."""
    seen, waiting = {start}, [start]
    while waiting:
        name = waiting.pop()
        following = {other for module, other, _ in arrows() if module == name} - seen
        seen |= following
        waiting += following
    return end in seen


def test_modules_form_no_circle() -> None:
    """Neither by imports at the top nor by lazy ones, but for the renderers."""
    graph: dict[str, set[str]] = {}
    for name, other, _ in arrows():
        if (name, other) not in RENDERERS:
            graph.setdefault(name, set()).add(other)
    TopologicalSorter(graph).prepare()


def test_the_floors_of_the_sandbox_hold() -> None:
    """Inside the bank a module imports only lower floors; every module has a floor."""
    text = (ROOT / ".github/CONTRIBUTING.md").read_text()
    lines = re.findall(r"^(\d)\. ([\w, ]+)$", text, re.MULTILINE)
    floor = {name: int(number) for number, names in lines for name in names.split(", ")}
    below = {
        name.removeprefix("sandbox.").partition(".")[0] for name in NAMES if "sandbox." in name
    }
    assert set(floor) == below
    for name, other, _ in arrows():
        if name.startswith("sandbox.") and other.startswith("sandbox."):
            here, there = (each.split(".")[1] for each in (name, other))
            assert here == there or floor[there] < floor[here], f"{name} imports {other}"


def test_few_modules_know_requests() -> None:
    """The client and the bank's door alone speak HTTP."""
    users = {
        name
        for name, path in NAMES.items()
        for library, _ in imports(path)
        if library.partition(".")[0] == "requests"
    }
    assert users == {"client.live", "sandbox.doors"}


def test_every_library_is_a_dependency_of_one_of_the_kinds() -> None:
    """What is imported anywhere is known to this test, the standard library aside."""
    known = LIBRARIES | {"bunqkit"} | set(sys.stdlib_module_names)
    for path in MODULES:
        for name, _ in imports(path):
            assert name.split(".")[0] in known, f"{path} imports {name}"


def test_public_names_are_there_and_sorted() -> None:
    """``__all__`` is what can be imported, and ``dir()`` shows it."""
    package: Any = bunqkit
    assert package.__all__ == sorted(package.__all__)
    for name in package.__all__:
        assert getattr(package, name) is not None
    assert set(package.__all__) <= set(dir(package))
    with pytest.raises(AttributeError, match="attribute nothing"):
        _ = package.nothing


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
    heavy = {"pandas", "pyarrow", "ipywidgets", "requests", "jinja2", "cryptography", "numpy"}
    assert heavy & set(done.stdout.split()) == set()


def test_modules_can_be_imported_alone() -> None:
    """No module needs another to be imported first."""
    for path in MODULES:
        if path.stem != "__main__":
            name = ".".join(("bunqkit", *path.relative_to(PACKAGE).with_suffix("").parts))
            importlib.import_module(name.removesuffix(".__init__"))


def test_fixtures_are_found_and_not_imported() -> None:
    """No module imports from a ``conftest.py``, or is excused for importing a fixture by name."""
    for path in sorted((ROOT / "tests").rglob("*.py")):
        assert "conftest" not in {name for name, _ in imports(path)}, path.name
        assert not re.search(r"# noqa:.*\bF811\b", path.read_text()), path.name
