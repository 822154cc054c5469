"""What readers wait for: every tutorial, run as a script, and the list of the paper's figures.

With this you can run ``python -m benchmarks.pages``.

Each is a fresh process, from its start to its end: seconds of the processor, all threads together, and of the clock.
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


def measure(name: str, *command: str) -> dict[str, Any]:
    """One row of a table: what a command takes, without a screen."""
    report.log(name)
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    start = time.perf_counter()
    environment = os.environ | {"MPLBACKEND": "agg"}
    subprocess.run([sys.executable, *command], cwd=ROOT, env=environment, check=True, stdout=subprocess.DEVNULL)
    seconds = time.perf_counter() - start
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {"what": name, "processor s": spent, "clock s": seconds}


def main() -> None:
    """Measure, compare with the targets, print and keep."""
    run = report.Run("pages", __doc__, timed=False)
    tutorials = [measure(path.stem, str(path)) for path in ([] if run.quick else SCRIPTS)]
    listed = measure("python -m paper_figures list", *LIST)
    targets = [
        report.Target(
            "a tutorial, processor s, most", max((row["processor s"] for row in tutorials), default=0), "<", 20
        ),
        report.Target("the list of figures, processor s", listed["processor s"], "<", 1),
    ]
    run.publish("What readers wait for", {"Seconds": [*tutorials, listed]}, targets)


if __name__ == "__main__":
    main()
