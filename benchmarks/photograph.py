"""Photographs of 1.5 to 12 megapixels: how long it takes to read one, and to hold it exactly without training.

With this you can run ``python -m benchmarks.photograph``.

The pictures are made: smooth shading under noise of a sensor, 8 bits in red, green and blue, as PNG files.  The
largest is read by refinr in this process (``trusted=True``), by refinr in a process of its own (as files of others
are), and by Pillow.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

import refinr
from benchmarks import report
from refinr.files import signals

SHAPES = ((1000, 1500, 3), (2000, 3000, 3), (3000, 4000, 3))


def picture(shape: tuple[int, ...]) -> np.ndarray:
    """Shading and noise, uint8 (H, W, 3)."""
    rng = np.random.default_rng(0)
    y, x = np.ogrid[: shape[0], : shape[1]]
    colours = [128 + 80 * np.sin(x / (90 + 20 * c)) * np.cos(y / 70) for c in range(shape[2])]
    return (np.stack(colours, axis=-1) + rng.normal(0.0, 3.0, shape)).clip(0, 255).astype(np.uint8)


def _timed(call: Callable[[], Any]) -> tuple[Any, dict[str, float]]:
    """What it returns, and seconds of this process's processors and on the clock."""
    processor = time.process_time()
    clock = time.perf_counter()
    result = call()
    return result, {"processor, s": time.process_time() - processor, "clock, s": time.perf_counter() - clock}


def reading(path: Path) -> tuple[list[dict[str, Any]], bool]:
    """Each way once, after what is set up on first use; and whether all have the same samples."""
    ways: dict[str, Callable[[], np.ndarray]] = {
        "refinr, in this process": lambda: signals.read(path, trusted=True).samples,
        "refinr, apart": lambda: signals.read(path).samples,
        "Pillow": lambda: np.asarray(Image.open(path)),
    }
    rows = []
    found = []
    for name, way in ways.items():
        way()
        samples, seconds = _timed(way)
        rows.append({"read by": name, **seconds})
        found.append(samples)
    return rows, all(np.array_equal(found[0], other) for other in found[1:])


def holding(samples: np.ndarray, folder: Path) -> tuple[dict[str, Any], bool]:
    """A fit without steps of a file, and its size; and whether it decodes to the samples."""
    path = folder / "photograph.png"
    Image.fromarray(samples).save(path, compress_level=1)
    inr, seconds = _timed(lambda: refinr.fit(path, max_steps=0, exact=True))
    inr.save(folder / "a.inr")
    size = (folder / "a.inr").stat().st_size
    row = {"megapixels": 1e-6 * samples[..., 0].size, **seconds, "file MB": 1e-6 * size}
    equal = np.array_equal(refinr.load(folder / "a.inr").decode(), samples)
    return row | {"file over samples": size / samples.nbytes}, bool(inr.lossless and equal)


def main() -> None:
    """Make the pictures, read the largest, hold all, print and keep."""
    run = report.Run("photograph", __doc__)
    held = []
    exact = []
    with tempfile.TemporaryDirectory() as folder:
        for shape in ((30, 40, 3), (60, 80, 3)) if run.quick else SHAPES:
            report.log(f"holding {shape}")
            row, right = holding(picture(shape), Path(folder))
            held.append(row)
            exact.append(right)
        rows, equal = reading(Path(folder) / "photograph.png")
    targets = [
        report.Target("read in this process, s", rows[0]["processor, s"], "<=", 1.0),
        report.Target("file over samples", max(row["file over samples"] for row in held), "<=", 1.1),
        report.Target("not exact", int(not (equal and all(exact))), "<=", 0),
    ]
    tables = {"Reading the largest": rows, "Holding them without steps": held}
    run.publish("Photographs of 1.5 to 12 megapixels", tables, targets)


if __name__ == "__main__":
    main()
