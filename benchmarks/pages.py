"""What readers wait for: every tutorial, run as a script, and the list of the paper's figures.

With this you can run ``python -m benchmarks.pages``.

Each is a fresh process, from its start to its end: seconds of the processor, all threads together, and of the clock.
Tutorials have the sizes of their notebooks, and their pictures are drawn.  The list is the fastest of three: the first
compiles modules that have not been imported yet.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from benchmarks import report

ROOT = Path(__file__).parent.parent
SCRIPTS = sorted(path.relative_to(ROOT) for path in (ROOT / "tutorials").glob("[0-9]*.py"))
LIST = ("-m", "paper_figures", "list")

PAGE = 20.0
"""Seconds that a tutorial may take, at most."""

LISTED = 1.0
"""Seconds that the list may take."""

DRAWN = """
import runpy
import sys
from pathlib import Path

import matplotlib.pyplot as plt


def show():
    for number in plt.get_fignums():
        plt.figure(number).canvas.draw()
    plt.close("all")


plt.show = show
sys.path.insert(0, str(Path(sys.argv[1]).parent))  # where `lesson` is
runpy.run_path(sys.argv[1])
"""
"""Runs a script; where it shows pictures, they are drawn."""


def measure(name: str, *command: str) -> dict[str, Any]:
    """One row of a table: what a command takes, without a screen."""
    report.log(name)
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    start = time.perf_counter()
    environment = os.environ | {"MPLBACKEND": "agg", "REFINR_PRESET": "small"}
    subprocess.run([sys.executable, *command], cwd=ROOT, env=environment, check=True, stdout=subprocess.DEVNULL)
    seconds = time.perf_counter() - start
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {"what": name, "processor s": spent, "clock s": seconds}


def main() -> None:
    """Measure, compare with the targets, print and keep."""
    run = report.Run("pages", __doc__)
    tutorials = [measure(path.stem, "-c", DRAWN, str(path)) for path in ([] if run.quick else SCRIPTS)]
    lists = [measure("python -m paper_figures list", *LIST) for _ in range(1 if run.quick else 3)]
    listed = min(lists, key=lambda row: row["clock s"])
    targets = []
    for kind in ("clock s", "processor s"):
        most = max((row[kind] for row in tutorials), default=0)
        targets.append(report.Target(f"a tutorial, {kind}, most", most, "<", PAGE))
        targets.append(report.Target(f"the list of figures, {kind}", listed[kind], "<", LISTED))
    run.publish("What readers wait for", {"Seconds": [*tutorials, listed]}, targets)


if __name__ == "__main__":
    main()
