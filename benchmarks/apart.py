"""A measurement in a process of its own, so that its peak memory is its own too.

With this you can call a function of a benchmark in a fresh process (`call`) and ask there what it has taken at most
(`peak_megabytes`).
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent


def call(benchmark: str, *arguments: int | str) -> Any:
    """What ``measure(*arguments)`` of that benchmark returns in a fresh process: JSON values.

    It should be called while this process is still small: its size counts as the other's.
    """
    # workers of other processes import this code again, and must find nothing to do
    code = f"import json\nfrom benchmarks import {benchmark}\n"
    code += f"if __name__ == '__main__': print(json.dumps({benchmark}.measure(*{arguments!r})))"
    return json.loads(subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, stdout=subprocess.PIPE).stdout)


def peak_megabytes() -> float:
    """The most memory that this process has had."""
    unit = 1 if sys.platform == "darwin" else 1024  # getrusage(2)
    return 1e-6 * unit * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
