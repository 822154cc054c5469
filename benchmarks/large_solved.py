"""An image of 67 million bits, memory-mapped and solved by two processes: seconds, and what the driver holds.

With this you can run ``python -m benchmarks.large_solved``.

2048 x 2048 samples of 16 random bits lie in a file, of which tiles are read as they are sent.  Weights come back as
files hold them.  "solve" runs until the networks decode to the samples, "whole" until they have been written, opened
again and decoded once more.  "driver" is the process that sends and collects, at its peak; "processor" is the time of
all processes together, which another load of the machine does not change.
"""

from __future__ import annotations

import os
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

import refinr
from benchmarks import apart, report
from refinr import executors

SIZE = 2048


def measure(image: str, workers: int, share: str) -> dict[str, Any]:
    """Solve a mapped image in this process, the driver, and so many workers; save, open, decode."""
    samples = np.load(image, mmap_mode="r")
    output = Path(image).with_suffix(".inr")
    with executors.open_executor("processes", workers=workers) as pool:
        refinr.solve(samples[:16, :16], executor=pool)  # pays for what is set up on first use
        start = time.perf_counter()
        inr = refinr.solve(samples, share=float(share), executor=pool)
        solved = time.perf_counter() - start
        solving = apart.peak_megabytes()
    inr.save(output)
    found = inr.report
    lossless = inr.lossless
    del inr
    decoded = refinr.load(output).decode()
    whole = time.perf_counter() - start
    spent = os.times()
    return {
        "size": samples.shape[0],
        "workers": workers,
        "p/b": found.parameters_per_bit,
        "solve, s": solved,
        "whole, s": whole,
        "processor, s": sum(spent[:4]),  # of workers too: they have ended
        "Mbit/s of solve": 1e-6 * found.total_bits / solved,
        "driver solving, peak MB": solving,
        "driver, peak MB": apart.peak_megabytes(),
        "file MB": 1e-6 * output.stat().st_size,
        "lossless": lossless and np.array_equal(decoded, samples),
    }


def main() -> None:
    """Measure, compare, print and keep."""
    run = report.Run("large_solved", __doc__)
    size = 32 if run.quick else SIZE
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "noise.npy"
        samples = np.lib.format.open_memmap(path, "w+", np.uint16, (size, size))
        rng = np.random.default_rng(0)
        for row in samples:  # of the array and this process only a little at a time: its size counts as the driver's
            row[:] = rng.integers(0, 1 << 16, size, dtype=np.uint16)
        samples.flush()
        del samples, row
        rows = [apart.call("large_solved", str(path), 2, "0.7")]
    (row,) = rows
    targets = [
        report.Target("whole, s, on two cores", row["whole, s"], "<=", 20.0),
        report.Target("driver, peak MB", row["driver, peak MB"], "<", 300.0),
        report.Target("images that do not come back", int(not row["lossless"]), "<=", 0),
    ]
    run.publish(
        "An image in a memory-mapped file, solved through processes", {"16 bits, tiles of 16 x 16": rows}, targets
    )


if __name__ == "__main__":
    main()
