"""Time from the start of a process to the offline bank's first table, beside an earlier revision.

Each run is a fresh process; the cases take turns. "warm" finds the bank's image in the cache
folder, "cold" has an empty cache folder. "connect" is ``connect()`` alone, once pandas is imported.
Beside them: ``import pandas`` alone, and ``import bunq.sdk`` alone, in a virtual environment of
its own, since it pins old libraries.

    python tests/benchmarks/startup.py REVISION [RUNS]
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
PANDAS = "import pandas"
CONNECT = "import bunqkit; bunqkit.connect()"
TABLE = "import bunqkit; assert len(bunqkit.connect().payments()) > 500"
SDK = "import bunq.sdk.context.api_context, bunq.sdk.model.generated.endpoint"
MEASURE = """
import time
{before}
started = time.perf_counter()
{program}
print(time.perf_counter() - started)
"""


def measure(python: str, program: str, before: str, place: Path, cache: str | None) -> float:
    """Return the seconds of one run; without a cache folder it gets an empty one."""
    with tempfile.TemporaryDirectory() as empty:
        done = subprocess.run(
            [python, "-c", MEASURE.format(before=before, program=program)],
            # The working folder comes first on Python's path.
            cwd=place,
            env={
                **os.environ,
                "PYTHONDONTWRITEBYTECODE": "",
                "XDG_CACHE_HOME": cache or empty,
            },
            capture_output=True,
            text=True,
            check=True,
        )
    return float(done.stdout.splitlines()[-1])


def main(revision: str, runs: int = 20) -> None:
    """Print the medians in ms, and now as a share of before."""
    with tempfile.TemporaryDirectory() as folder:
        earlier, warm = Path(folder) / "earlier", str(Path(folder) / "cache")
        subprocess.run(["git", "worktree", "add", "-q", earlier, revision], cwd=ROOT, check=True)
        try:
            rows = run_all(earlier, warm, make_sdk(Path(folder) / "sdk"), runs)
        finally:
            subprocess.run(["git", "worktree", "remove", "--force", earlier], cwd=ROOT, check=True)
    medians = {name: statistics.median(seconds) * 1000 for name, seconds in rows.items()}
    for name, milliseconds in medians.items():
        print(f"{name:<24}{milliseconds:8.0f} ms")
    for name in ("connect", "table"):
        for state in ("warm", "cold"):
            share = medians[f"{name}, {state}"] / medians[f"{name}, before"]
            print(f"startup: {name} {state} {share:.2f} of the time before")


def make_sdk(folder: Path) -> str:
    """Return the Python of a virtual environment that has bunq's SDK."""
    python = str(folder / "bin/python")
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    packages = ["bunq-sdk==1.28.0", "setuptools<81"]
    subprocess.run([python, "-m", "pip", "install", "--quiet", *packages], check=True)
    return python


def run_all(earlier: Path, warm: str, sdk: str, runs: int) -> dict[str, list[float]]:
    """Return the seconds of all runs of each case."""
    ours = sys.executable
    cases: dict[str, tuple[str, str, str, Path, str | None]] = {
        "import pandas": (ours, PANDAS, "", ROOT, warm),
        "import bunq.sdk": (sdk, SDK, "", earlier, warm),
        "connect, before": (ours, CONNECT, PANDAS, earlier, warm),
        "connect, warm": (ours, CONNECT, PANDAS, ROOT, warm),
        "connect, cold": (ours, CONNECT, PANDAS, ROOT, None),
        "table, before": (ours, TABLE, "", earlier, warm),
        "table, warm": (ours, TABLE, "", ROOT, warm),
        "table, cold": (ours, TABLE, "", ROOT, None),
    }
    for case in cases.values():
        measure(*case)
    rows: dict[str, list[float]] = {name: [] for name in cases}
    for _ in range(runs):
        for name, case in cases.items():
            rows[name].append(measure(*case))
    return rows


if __name__ == "__main__":
    main(sys.argv[1], *map(int, sys.argv[2:]))
