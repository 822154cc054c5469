"""A small region of a large file, beside all of it: processor time and peak memory, and what the checks cost.

With this you can run ``python -m benchmarks.region``.

The file holds 2048 x 2048 samples of 16 bits by networks that were never trained, with a residual of nearly everything:
quickly made, and the worst that a reader of a region can meet.  It is read in fresh processes: loaded, then asked for a
region of 64 x 64 samples that touches nine tiles, or for everything, twice.  "peak MB" is the process at its largest so
far: before anything is loaded, loaded, at the end.

Checks are timed alone: the SHA-256 of all arrays (at every load), the CRC-32 of tiles (of those that are decoded), and
the SHA-256 of all samples (after decoding everything).
"""

from __future__ import annotations

import hashlib
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import refinr
from benchmarks import apart, report
from refinr import tiling
from refinr.cli import demo
from refinr.files.checksum import checksum, crc32

SIZE = 2048
TILE = 32
REGION = 64
START = 1000
"""First row and column of the region: in the middle, and at no tile's edge."""


def measure(what: str, path: str, size: int) -> Any:
    """One of the steps below, in this process."""
    return {"make": make, "region": read, "everything": read, "checks": checks}[what](what, Path(path), size)


def make(_: str, path: Path, size: int) -> dict[str, Any]:
    """Write the file."""
    inr = refinr.fit(demo.synthetic(size), hidden=(4,), tile=TILE, max_steps=0, exact=True)
    inr.save(path)
    assert inr.residual is not None
    assert inr.residual.ends is not None
    return {
        "file MB": 1e-6 * path.stat().st_size,
        "tiles": len(inr.layout.tiles),
        "networks": inr.layout.networks,
        "residual MB": 1e-6 * inr.residual.data.nbytes,
        "blocks": len(inr.residual.ends),
    }


def read(what: str, path: Path, size: int) -> dict[str, Any]:
    """Load the file, and decode a region of it or everything."""
    start = START * size // SIZE
    wanted = slice(start, start + min(REGION, size // 4)) if what == "region" else slice(None)
    refinr.fit(np.zeros((2, 5), np.uint8), max_steps=1)  # pays for what is set up on first use
    before = apart.peak_megabytes()
    inr, loading = _timed(lambda: refinr.load(path))
    loaded = apart.peak_megabytes()
    decode = (lambda: inr[wanted, wanted]) if what == "region" else inr.decode
    samples, first = _timed(decode)
    peak = apart.peak_megabytes()
    _, again = _timed(decode)
    return {
        "what": what,
        "load, s": loading,
        "decode, s": first,
        "again, s": again,
        "before, peak MB": before,
        "loaded, peak MB": loaded,
        "peak MB": peak,
        "exact": bool(np.array_equal(samples, demo.synthetic(size)[wanted, wanted])),
    }


def checks(_: str, path: Path, size: int) -> list[dict[str, Any]]:
    """Seconds of each check alone, the fastest of three."""
    content = path.read_bytes()
    samples = demo.synthetic(size)
    tiles = [samples[tile] for tile in tiling.tiles(samples.shape, (TILE, TILE))]
    calls: dict[str, Callable[[], object]] = {
        "SHA-256 of the arrays, at every load": lambda: hashlib.sha256(content).digest(),
        "CRC-32 of nine tiles, with a region": lambda: [crc32(tile) for tile in tiles[:9]],
        "CRC-32 of all tiles, with everything": lambda: [crc32(tile) for tile in tiles],
        "SHA-256 of the samples, with everything": lambda: checksum(samples),
    }
    return [{"check": name, "s": min(_timed(call)[1] for _ in range(3))} for name, call in calls.items()]


def _timed(call: Callable[[], Any]) -> tuple[Any, float]:
    """What it returns, and seconds of processor time."""
    start = time.process_time()
    result = call()
    return result, time.process_time() - start


def main() -> None:
    """Make the file, read it, compare, print and keep."""
    run = report.Run("region", __doc__)
    size = 128 if run.quick else SIZE
    with tempfile.TemporaryDirectory() as name:
        path = str(Path(name) / "large.inr")
        report.log(f"making a file of {size} x {size} samples")
        file = apart.call("region", "make", path, size)
        report.log("reading it")
        region, everything, costs = [
            apart.call("region", what, path, size) for what in ("region", "everything", "checks")
        ]
    targets = [
        report.Target("decode, everything over region", everything["decode, s"] / region["decode, s"], ">=", 50.0),
        report.Target(
            "MB for the region / file", (region["peak MB"] - region["before, peak MB"]) / file["file MB"], "<=", 1.5
        ),
        report.Target("readings that are not exact", sum(not row["exact"] for row in (region, everything)), "<=", 0),
    ]
    tables = {"The file": [file], "Reading it": [region, everything], "The checks alone": costs}
    run.publish("A region of a large file", tables, targets)


if __name__ == "__main__":
    main()
