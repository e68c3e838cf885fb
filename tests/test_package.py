"""README, settings example, conda file and metadata tell the truth about the code."""

from __future__ import annotations

import contextlib
import io
import re
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

import bunqkit
from bunqkit.catalogue.operations import operations
from bunqkit.settings import NAMES, load_settings

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
BLOCKS = re.findall(r"```(\w*)\n(.*?)```", README, re.DOTALL)
SETTINGS = re.findall(r"^\| `(BUNQ_\w+)` \|", README, re.MULTILINE)


def code(language: str) -> list[str]:
    """Give README's blocks of a language."""
    return [text for name, text in BLOCKS if name == language]


def test_first_command_installs_and_tours() -> None:
    """One line: virtual environment, install, tour; nothing before it speaks of the tour."""
    lines = README.splitlines()
    at = next(at for at, line in enumerate(lines) if "bunqkit tour" in line)
    assert re.fullmatch(
        r"python3 -m venv \.venv && \.venv/bin/python -m pip install --quiet \. && "
        r"\.venv/bin/bunqkit tour",
        lines[at],
    )


def test_second_command_installs_and_tests() -> None:
    """One line: virtual environment, install with ``dev``, pytest; the first to name it."""
    lines = README.splitlines()
    at = next(at for at, line in enumerate(lines) if "pytest" in line)
    assert lines[at].startswith("python3 -m venv .venv && ")
    assert "'.[dev]'" in lines[at]
    assert lines[at].endswith(".venv/bin/python -m pytest -n auto")


def test_first_dataframe_prints_its_table() -> None:
    """The five lines of README print the table below them."""
    program, table = code("python")[0], code("text")[0]
    assert len(program.splitlines()) == 5
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(program, "README.md", "exec"), {})
    assert printed.getvalue() == table


def test_everything_in_readme_runs() -> None:
    """The other lines of Python run as they stand, one after the other."""
    names = {"bunqkit": bunqkit, "bunq": bunqkit.connect()}
    for program in code("python")[1:]:
        for line in program.splitlines():
            exec(compile(line, "README.md", "exec"), names)


def test_readme_counts_the_operations() -> None:
    """How many, and which move money."""
    movers = [each.name for each in operations() if each.effect == "moves money"]
    assert f"{len(operations())} operations: " in README
    assert f"{len(movers)} move money" in README
    told = README.partition("may make it move:\n")[2].partition(".\n")[0]
    assert re.findall(r"`(.*?)`", told) == movers


def test_links_lead_somewhere() -> None:
    """Files that README names are there."""
    for link in re.findall(r"\]\(([^)]+)\)", README):
        assert link.startswith("https://") or (ROOT / link).exists(), link


def test_example_settings_are_those_of_readme() -> None:
    """``.env.example`` explains each variable that works, and no other."""
    text = (ROOT / ".env.example").read_text()
    # The profile says which file is read, so that no file can say it.
    listed = [*re.findall(r"^# (BUNQ_\w+)=", text, re.MULTILINE), "BUNQ_PROFILE"]
    assert sorted(listed) == sorted(SETTINGS)
    for paragraph in text.strip().split("\n\n")[1:]:
        explanation, setting = paragraph.splitlines()
        assert explanation.startswith("# ")
        assert setting.startswith("# BUNQ_")


def test_settings_of_readme_are_those_of_the_code() -> None:
    """Each name stands in the code that reads it, and the code reads no other."""
    source = (ROOT / "bunqkit/settings.py").read_text()
    names = re.findall(r'(?:find|read)\("(BUNQ_\w+)"', source)
    assert set(names) == set(SETTINGS) == set(NAMES)


def test_the_example_works_as_it_is_and_line_by_line() -> None:
    """Copied, it is offline; with the marks taken off, each line is a setting."""
    text = (ROOT / ".env.example").read_text()
    Path(".env").write_text(text)
    assert load_settings().environment == "OFFLINE"
    Path(".env").write_text(
        re.sub(r"^# (BUNQ_)", r"\1", text, flags=re.MULTILINE).replace(
            "http://127.0.0.1:8080", "https://public-api.sandbox.bunq.com"
        )
    )
    assert load_settings().device_description == "my laptop"


def test_conda_agrees_with_the_package() -> None:
    """The same Python, and libraries are named in one place only."""
    conda = yaml.safe_load((ROOT / "environment.yml").read_text())
    *plain, pip = conda["dependencies"]
    python = Requirement(next(each for each in plain if each.startswith("python ")))
    assert python.specifier == SpecifierSet(PROJECT["requires-python"])
    assert set(plain) == {f"python {PROJECT['requires-python']}", "pip"}
    assert pip == {"pip": ["-e .[lab]"]}
    assert "lab" in PROJECT["optional-dependencies"]


def test_dependencies_have_no_ceilings() -> None:
    """Lower bounds only: a notebook environment has many masters."""
    extras = PROJECT["optional-dependencies"]
    listed = [*PROJECT["dependencies"], *(each for extra in extras.values() for each in extra)]
    for each in listed:
        operators = {clause.operator for clause in Requirement(each).specifier}
        assert operators <= {">="}, each
    assert {"lab", "serve", "store", "dev"} <= set(extras)
    assert "bunqkit[lab,serve,store]" in extras["dev"]


def test_version_is_said_once_more() -> None:
    """README names the version, and the changelog has a section for it."""
    assert f"**{bunqkit.__version__}**" in README
    changes = (ROOT / ".github/CHANGELOG.md").read_text()
    assert f"\n## {bunqkit.__version__}\n" in changes


@pytest.mark.parametrize(
    "name", ["LICENSE", "bunqkit/py.typed", "bunqkit/catalogue/catalogue.json"]
)
def test_what_a_wheel_needs_is_there(name: str) -> None:
    """Licence, typing marker, facts."""
    assert (ROOT / name).exists()
