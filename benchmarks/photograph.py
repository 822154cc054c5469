"""A photograph of 12 megapixels: how long it takes to read, to be held exactly without training, and how large that is.

With this you can run ``python -m benchmarks.photograph``.

The picture is made: smooth shading under noise of a sensor, 8 bits in red, green and blue, as a PNG file.  It is read
by refinr in this process (``trusted=True``), by refinr in a process of its own (as files of others are), and by Pillow.
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

SHAPE = (3000, 4000, 3)


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


def main() -> None:
    """Make the picture, read it, hold it, print and keep."""
    run = report.Run("photograph", __doc__)
    samples = picture((60, 80, 3) if run.quick else SHAPE)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "photograph.png"
        Image.fromarray(samples).save(path, compress_level=1)
        rows, equal = reading(path)
        report.log("fitting without steps")
        inr, fitting = _timed(lambda: refinr.fit(path, max_steps=0, exact=True))
        inr.save(Path(folder) / "a.inr")
        size = (Path(folder) / "a.inr").stat().st_size
    held = {"what": "fit without steps", **fitting, "file MB": 1e-6 * size, "samples MB": 1e-6 * samples.nbytes}
    targets = [
        report.Target("read in this process, s", rows[0]["processor, s"], "<=", 1.0),
        report.Target("file over samples", size / samples.nbytes, "<=", 1.1),
        report.Target("not exact", int(not (equal and inr.lossless)), "<=", 0),
    ]
    run.publish("A photograph of 12 megapixels", {"Reading it": rows, "Holding it": [held]}, targets)


if __name__ == "__main__":
    main()
