"""The script that every change must pass, with stubs for what it calls."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
README = """\
mkdir -p .venv/bin && stub bunqkit tour
mkdir -p .venv/bin && stub pip install && cp "$(command -v stub)" .venv/bin/python \
&& cp .venv/bin/python .venv/bin/ruff && cp .venv/bin/python .venv/bin/mypy \
&& cp .venv/bin/python .venv/bin/codespell && cp .venv/bin/python .venv/bin/check-jsonschema \
&& .venv/bin/python -m pytest -n auto
"""
# Says what it was called with, and fails if that ends as FAILING does.
STUB = """\
#!/bin/sh
said="$(basename "$0") $*"
echo "$said in CI=$CI, cache $PIP_CACHE_DIR, home $(ls -A "$HOME" | wc -l)"
case "$said" in *"$FAILING") exit 3;; "mypy ") sleep "${TYPES_TAKE_S:-0}";; esac
"""

pytestmark = pytest.mark.skipif(
    sys.platform != "linux" or shutil.which("git") is None, reason="it is for Linux, and needs git"
)


def run_ci(tmp_path: Path, failing: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the script in a repository of stubs, one of which fails."""
    repository, programs = tmp_path / "repository", tmp_path / "programs"
    (repository / ".ci").mkdir(parents=True)
    programs.mkdir()
    shutil.copy(ROOT / ".ci/run", repository / ".ci/run")
    (repository / "README.md").write_text(README)
    for name in ("stub", "chromium"):
        (programs / name).write_text(STUB)
        (programs / name).chmod(0o755)
    for command in (["init", "-q"], ["add", "-A"]):
        subprocess.run(["git", *command], cwd=repository, check=True, timeout=30)
    return subprocess.run(
        ["bash", str(repository / ".ci/run")],
        env={
            "PATH": f"{programs}:{os.environ['PATH']}",
            "HOME": str(tmp_path),
            "TMPDIR": str(tmp_path),
            "FAILING": failing,
            **environment,
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


@pytest.mark.parametrize(
    ("step", "failing"),
    [
        ("tour", "stub bunqkit tour"),
        ("install", "stub pip install"),
        ("types", "mypy --config-file tests/mypy.ini"),
        ("style", "ruff format --check ."),
        ("default", "python -m pytest -n auto"),
        ("slow", "--ignore tests/interop"),
        ("browser", "tests/browser"),
        ("interop", "-n auto tests/interop"),
    ],
)
def test_a_step_that_fails_names_itself_last(step: str, failing: str, tmp_path: Path) -> None:
    """Nothing runs after it, and nothing is left behind."""
    done = run_ci(tmp_path, failing)
    assert done.returncode == 3
    lines = done.stdout.splitlines()
    assert lines[-1] == f'.ci/run: step "{step}" failed'
    assert sum(" failed" in line for line in lines) == 1
    assert not list(tmp_path.glob("tmp.*"))


def test_what_runs_beside_a_step_that_fails_is_ended(tmp_path: Path) -> None:
    """A failure is told at once."""
    began = time.monotonic()
    done = run_ci(tmp_path, "notebooks tests", TYPES_TAKE_S="60")
    assert done.stdout.splitlines()[-1] == '.ci/run: step "style" failed'
    assert time.monotonic() - began < 50


def test_steps_come_in_the_order_of_their_cost(tmp_path: Path) -> None:
    """README's commands, in CI, with an empty HOME; what pip has downloaded is kept."""
    done = run_ci(tmp_path, "nothing")
    assert done.returncode == 0, done.stderr
    took = [line.split('"')[1] for line in done.stdout.splitlines() if " took " in line]
    assert sorted(took[:2]) == ["install", "tour"]
    assert sorted(took[2:4]) == ["style", "types"]
    assert took[4:] == ["default", "slow", "browser", "interop"]
    said = [line for line in done.stdout.splitlines() if " in CI=" in line]
    cache = tmp_path / ".cache/pip"
    assert [line.partition(" in ")[2] for line in said] == [f"CI=true, cache {cache}, home 0"] * 13
    assert "python -m pytest -n auto" in [line.partition(" in ")[0] for line in said]


def test_a_cache_that_cannot_be_used_is_left(tmp_path: Path) -> None:
    """Then pip downloads again."""
    (tmp_path / ".cache").write_text("no folder")
    done = run_ci(tmp_path, "nothing")
    assert done.returncode == 0, done.stderr
    assert "CI=true, cache , home 0" in done.stdout
