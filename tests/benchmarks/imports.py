"""Time and memory of the import of the kit, beside bunq's official SDK.

Ours: ``import bunqkit``, load the catalogue, complete ``payment.``. Theirs: ``import bunq``, in a
virtual environment of its own, since it pins old libraries. Both are compiled, and take turns. Each
run is a fresh process; what a bare interpreter takes is subtracted.

    python tests/benchmarks/imports.py [RUNS]
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

BARE = "pass"
OURS = """
import bunqkit.context.api
api = bunqkit.context.api.make_api(None)
assert "create" in dir(api.payment)
assert "requests" not in sys.modules
"""
THEIRS = """
import bunq
from bunq.sdk.model.generated import endpoint
assert [name for name in dir(endpoint) if name.startswith("Payment")]
"""
MEASURE = """
import resource, sys, time
started = time.perf_counter()
{program}
seconds = time.perf_counter() - started
print(seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def measure(python: str, program: str) -> tuple[float, float]:
    """Return the seconds and the peak memory in MB of one run."""
    done = subprocess.run(
        [python, "-c", MEASURE.format(program=program)],
        capture_output=True,
        text=True,
        check=True,
    )
    seconds, kilobytes = done.stdout.split()
    return float(seconds), float(kilobytes) / 1024


def main(runs: int = 15) -> None:
    """Print the medians, and ours as a share of theirs."""
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
        sdk = str(Path(folder) / "bin/python")
        subprocess.run(
            [sdk, "-m", "pip", "install", "--quiet", "bunq-sdk==1.28.0", "setuptools<81"],
            check=True,
        )
        cases = {
            "bare": (sys.executable, BARE),
            "ours": (sys.executable, OURS),
            "bare of the SDK": (sdk, BARE),
            "SDK": (sdk, THEIRS),
        }
        for python, program in cases.values():
            measure(python, program)
        rows: dict[str, list[tuple[float, float]]] = {name: [] for name in cases}
        for _ in range(runs):
            for name, (python, program) in cases.items():
                rows[name].append(measure(python, program))
    medians = {
        name: tuple(statistics.median(column) for column in zip(*runs_of_case, strict=True))
        for name, runs_of_case in rows.items()
    }
    for name, (seconds, megabytes) in medians.items():
        print(f"{name:<16}{seconds * 1000:8.1f} ms {megabytes:8.1f} MB")
    ours_ms = medians["ours"][0] - medians["bare"][0]
    sdk_ms = medians["SDK"][0] - medians["bare of the SDK"][0]
    ours_mb = medians["ours"][1] - medians["bare"][1]
    sdk_mb = medians["SDK"][1] - medians["bare of the SDK"][1]
    print(f"imports: {ours_ms / sdk_ms:.2f} of the time, {ours_mb / sdk_mb:.2f} of the memory")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
