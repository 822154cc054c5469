"""The same fit on a GPU: seconds to zero wrong bits with NumPy on all cores and with CuPy on one device.

With this you can run ``python -m benchmarks.gpu``, where there is a CUDA device.

Both libraries run in this one process, in turn.  Before anything is timed, the tests of refinr that take CuPy arrays
are run: their number stands in the results.  Sums have another order on a GPU, so parameters and steps differ in their
last bits; the decoded samples do not.
"""

from __future__ import annotations

import re
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

import refinr
from benchmarks import report
from refinr import mlp, xp
from refinr.chunks import gradients
from refinr.cli import demo

SIZES = (64, 256, 512)
WIDTHS = (64, 256, 512)
LIBRARIES = ("numpy", "cupy")


def run_tests() -> int:
    """Run the tests that take CuPy arrays; how many there are.

    Raises
    ------
    ValueError
        If one of them fails, or there is none.
    """
    report.log("tests on CuPy")
    command = [sys.executable, "-m", "pytest", "-q", "-k", "cupy", "tests"]
    run = subprocess.run(command, cwd=Path(__file__).parent.parent, capture_output=True, text=True, check=False)
    passed = re.search(r"(\d+) passed", run.stdout)
    if run.returncode != 0 or passed is None:
        raise ValueError(f"tests on CuPy fail:\n{run.stdout[-5000:]}{run.stderr[-2000:]}")
    return int(passed[1])


def measure_fit(size: int, library: str, layer: str = "linear") -> dict[str, Any]:
    """Fit an image with one library, small ones twice, and decode it with NumPy."""
    report.log(f"{size} x {size}, {layer}, {library}")
    samples = demo.synthetic(size)
    seconds = []
    for _ in range(2 if size <= 256 else 1):
        start = time.perf_counter()
        inr = refinr.fit(samples, hidden=(16,) * 4 if layer == "linear" else None, layer=layer, xp=library)
        seconds.append(time.perf_counter() - start)
    return {
        "size": size,
        "layer": layer,
        "library": library,
        "seconds": min(seconds),
        "Mbit / s": 1e-6 * inr.report.total_bits / min(seconds),
        "steps, mean": inr.report.steps,
        "wrong bits": sum(inr.report.wrong_bits),
        "same on NumPy": bool(np.array_equal(inr.decode(xp="numpy"), samples)),
    }


def measure_step(width: int, libraries: Sequence[str] = LIBRARIES) -> dict[str, Any]:
    """Loss and gradients of one network at 16384 samples: milliseconds with each library, and the first to the last."""
    spec = mlp.MLP((3, width, width, width, width, 1))
    rng = np.random.default_rng(0)
    x = rng.uniform(-1.0, 1.0, (16384, 3)).astype("float32")
    targets = rng.integers(0, 2, (1, 16384, 1)).astype("float32") - 0.5
    params = mlp.init(spec)

    def step(library: str) -> Any:
        module = xp.get(library)
        there = {name: module.asarray(p) for name, p in params.items()}, module.asarray(x), module.asarray(targets)
        return lambda: float(gradients(spec, *there).loss)  # reading the loss waits for the device

    seconds = report.fastest({name: step(name) for name in libraries}, rounds=5)
    row = {"width": width} | {f"{name}, ms": 1e3 * value for name, value in seconds.items()}
    return row | {"ratio": seconds[libraries[0]] / seconds[libraries[-1]]}


def main() -> None:
    """Test, measure, print and keep."""
    run = report.Run("gpu", __doc__)
    xp.get("cupy")  # says what is missing, if something is
    passed = run_tests()
    refinr.fit(demo.synthetic(32), hidden=(16, 16, 16, 16), xp="cupy")  # compiles the kernels
    fits = [measure_fit(size, name) for size in SIZES[: 1 if run.quick else None] for name in LIBRARIES]
    for layer in ("ternary", "ternary-integer"):
        fits += [measure_fit(32, name, layer) for name in LIBRARIES]
    steps = [measure_step(width) for width in WIDTHS[: 1 if run.quick else None]]
    targets = [
        report.Target("tests on CuPy that fail", 0.0, "<=", 0.0),
        report.Target("wrong bits", float(sum(row["wrong bits"] for row in fits)), "<=", 0.0),
        report.Target("decodes on NumPy that differ", float(sum(not row["same on NumPy"] for row in fits)), "<=", 0.0),
    ]
    tables = {f"Fits of 16-bit images (after {passed} tests on CuPy)": fits, "One step of one network": steps}
    run.publish("NumPy on all cores against CuPy on one device", tables, targets)


if __name__ == "__main__":
    main()
