"""The machine that is measured on: what it is, and whether anybody else was using it.

With this you can list processor and versions (`facts`) and count the cores that other processes took (`Watch`).
"""

from __future__ import annotations

import contextlib
import importlib.metadata
import os
import platform
import sys
import time
from pathlib import Path

import numpy as np

import refinr
from refinr import cpu, xp


def facts() -> dict[str, str]:
    """What was measured on: processor, cores, and the versions of all that takes part."""
    from threadpoolctl import threadpool_info

    blas = {
        f"{lib['internal_api']} {lib['version']} {lib.get('architecture', '')}".strip() for lib in threadpool_info()
    }
    found = {"processor": _processor(), "cores": str(cpu.cores()), "python": platform.python_version()}
    found["BLAS"] = ", ".join(sorted(name for name in blas if not name.startswith("openmp")))
    found |= {"refinr": refinr.__version__, "numpy": np.__version__}
    for package in ("torch", "jax"):
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    if "cupy" in sys.modules:
        with contextlib.suppress(RuntimeError):  # loaded, but there is no device
            cupy = xp.get("cupy")
            found |= {"cupy": cupy.__version__, "GPU": cupy.cuda.runtime.getDeviceProperties(0)["name"].decode()}
    return found


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), platform.machine())


class Watch:
    """How much of the machine other processes take, from its making on; known on Linux only.

    A neighbour on one core slows some candidates by a few per cent and others a hundredfold: where two threads wait for
    each other all the time, as in OpenMP, both must have a core at once.  Ratios are then worthless.
    """

    def __init__(self) -> None:
        self._start, self._foreign = time.perf_counter(), self._foreign_seconds()

    def cores_of_others(self) -> float:
        """Mean number of cores that others kept busy; not-a-number if unknown."""
        return (self._foreign_seconds() - self._foreign) / (time.perf_counter() - self._start)

    @staticmethod
    def _foreign_seconds() -> float:
        """Core seconds since the system started that were neither idle nor ours or our children's."""
        try:
            ticks = [int(n) for n in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]]
        except OSError:
            return float("nan")
        busy = sum(ticks) - ticks[3] - ticks[4]  # proc(5): user nice system idle iowait irq softirq steal
        return busy / os.sysconf("SC_CLK_TCK") - sum(os.times()[:4])
