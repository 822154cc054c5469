"""The machine that is measured on: what it is, and whether anybody else was using it.

With this you can list processor and versions (`facts`) and tell what a computation took, and how much of the machine
others took meanwhile (`Watch`).
"""

from __future__ import annotations

import contextlib
import importlib.metadata
import os
import platform
import sys
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np

import refinr
from refinr import cpu, xp


def facts() -> dict[str, str]:
    """What was measured on: processor, cores, and the versions of all that takes part."""
    found = {
        "processor": _processor(),
        "cores": str(cpu.cores()),
        "python": platform.python_version(),
        "BLAS": _blas(),
        "refinr": refinr.__version__,
        "numpy": np.__version__,
    }
    for package in ("torch", "jax"):
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            found[package] = importlib.metadata.version(package)
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


def _blas() -> str:
    from threadpoolctl import threadpool_info

    libraries = [lib for lib in threadpool_info() if lib["internal_api"] != "openmp"]
    names = {f"{lib['internal_api']} {lib['version']} {lib.get('architecture', '')}".strip() for lib in libraries}
    return ", ".join(sorted(names))


class Spent(NamedTuple):
    """What a computation took."""

    seconds: float
    processor_seconds: float
    """Of this process, all cores together."""
    cores_of_others: float
    """Mean number of cores that other processes kept busy meanwhile; not-a-number if unknown."""


class Watch:
    """What is spent from its making on; what others take is known on Linux only.

    A neighbour on one core slows some candidates by a few per cent and others a hundredfold: where two threads wait for
    each other all the time, as in OpenMP, both must have a core at once.  Ratios are then worthless.
    """

    def __init__(self) -> None:
        self._start = time.perf_counter()
        self._own = time.process_time()
        self._foreign = _foreign_seconds()

    def spent(self) -> Spent:
        """Since this watch was made."""
        seconds = time.perf_counter() - self._start
        others = (_foreign_seconds() - self._foreign) / seconds
        return Spent(seconds, time.process_time() - self._own, others)


def _foreign_seconds() -> float:
    """Core seconds since the system started that were neither idle nor ours or our children's."""
    try:
        first_line = Path("/proc/stat").read_text().split("\n", 1)[0]
    except OSError:
        return float("nan")
    user, nice, system, _idle, _iowait, irq, softirq, steal = (int(n) for n in first_line.split()[1:9])  # proc(5)
    busy = user + nice + system + irq + softirq + steal
    return busy / os.sysconf("SC_CLK_TCK") - sum(os.times()[:4])
