"""An image of 67 million bits, memory-mapped and sent to two processes: what a bit costs beside a small image's.

With this you can run ``python -m benchmarks.large``.

2048 x 2048 samples of 16 bits lie in a file, of which tiles are read as they are sent.  Networks are kept in a journal
beside the output as they come back, then written to the output, which is opened again, verified against the samples
and decoded.  256 x 256 samples go the same way, before and after, as a machine's clock may change: the faster counts.

"fit" runs until the networks decode to the samples, "whole" until they have done so from the file.  "driver" is the
process that sends and collects, at its peak.  Processes are started and have imported all they need when time starts.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

import refinr
from benchmarks import apart, report
from refinr import executors
from refinr.cli import demo

SIZE = 2048
SMALL = 256
GROUP = 32
"""Networks trained together, as in the benchmark of scaling."""


def measure(image: str, workers: int) -> dict[str, Any]:
    """Fit a mapped image in this process, the driver, and whatever workers it has; save, verify, decode."""
    samples = np.load(image, mmap_mode="r")
    journal = Path(image).with_suffix(".part")
    output = Path(image).with_suffix(".inr")
    with executors.open_executor("processes", workers=workers) as pool:
        for _ in range(4):  # pays for what is set up on first use, in every worker
            refinr.fit(samples[:8, :8], max_steps=1, group=2, executor=pool)
        start = time.perf_counter()
        inr = refinr.fit(samples, hidden=(16,) * 4, margin=0.0, group=GROUP, executor=pool, journal=journal, exact=True)
        fitted = time.perf_counter() - start
    inr.save(output)
    kept = journal.stat().st_size
    lossless = inr.lossless
    bits = inr.report.total_bits
    del inr
    journal.unlink()
    decoded = refinr.load(output).decode()
    whole = time.perf_counter() - start
    return {
        "size": samples.shape[0],
        "workers": workers,
        "fit, s": fitted,
        "whole, s": whole,
        "bits / s": bits / fitted,
        "bits / s, per core": bits / fitted / workers,
        "driver, peak MB": apart.peak_megabytes(),
        "journal MB": 1e-6 * kept,
        "file MB": 1e-6 * output.stat().st_size,
        "lossless": lossless and np.array_equal(decoded, samples),
    }


def measure_apart(folder: Path, size: int, workers: int) -> dict[str, Any]:
    """`measure` in a fresh process, so that its peak memory is the driver's and not this one's."""
    path = folder / f"{size}.npy"
    np.save(path, demo.synthetic(size))
    report.log(f"{size} x {size}, workers: {workers}")
    return apart.call("large", str(path), workers)


def main() -> None:
    """Measure the small image, the large one and the small one again; compare, print and keep."""
    run = report.Run("large", __doc__)
    size, small = (40, 16) if run.quick else (SIZE, SMALL)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        before = [measure_apart(folder, small, workers) for workers in (1, 2)]
        large = measure_apart(folder, size, 2)
        after = [measure_apart(folder, small, workers) for workers in (1, 2)]
    rows = [min(pair, key=lambda row: row["fit, s"]) for pair in zip(before, after, strict=True)] + [large]
    speed = large["bits / s, per core"]
    targets = [
        report.Target("driver, peak MB", large["driver, peak MB"], "<", 500.0),
        report.Target(
            "bits / s per core, large over small, 2 workers", speed / rows[1]["bits / s, per core"], ">=", 0.85
        ),
        report.Target("images that do not come back", sum(not row["lossless"] for row in rows), "<=", 0),
    ]
    run.publish("An image in a memory-mapped file, through processes", {"16 bits, tiles of 32 x 32": rows}, targets)


if __name__ == "__main__":
    main()
