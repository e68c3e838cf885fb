"""Time to open the form of each of the 480 operations, and what an explorer costs beside it.

    python tests/benchmarks/widgets.py [RUNS]

In a process of its own and without a front end: what the kernel does. A browser adds what
``tests/browser/test_explorer_in_lab.py`` measures.
"""

from __future__ import annotations

import statistics
import sys
import time

import bunqkit
from bunqkit.catalogue.operations import operations
from bunqkit.widgets import Explorer

PROMISED_MEDIAN_MS = 100
PROMISED_WORST_MS = 400
SHOWN = 12


def open_every(explorer: Explorer) -> dict[str, float]:
    """Return the milliseconds that each form took, by the name of its operation."""
    took = {}
    for operation in operations():
        started = time.perf_counter()
        explorer.choose(operation.name)
        took[operation.name] = 1000 * (time.perf_counter() - started)
    return took


def main(runs: int = 3) -> int:
    """Print the table; give 1 if it is slower than promised."""
    bunq = bunqkit.connect()
    started = time.perf_counter()
    explorer = Explorer(bunq, strict=True)
    print(f"Explorer(bunq): {1000 * (time.perf_counter() - started):.0f} ms")
    every = [open_every(explorer) for _ in range(runs)]
    took = {name: statistics.median(each[name] for each in every) for name in every[0]}
    explorer.close()
    slowest = sorted(took.items(), key=lambda each: -each[1])
    for name, milliseconds in slowest[:SHOWN]:
        print(f"  {name:<50}{milliseconds:8.1f} ms")
    median, worst = statistics.median(took.values()), slowest[0][1]
    print(f"{len(took)} forms: median {median:.1f} ms, worst {worst:.1f} ms")
    return int(median > PROMISED_MEDIAN_MS or worst > PROMISED_WORST_MS)


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:])))
