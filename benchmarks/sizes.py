"""What exactness costs in bytes: networks and residual, against the samples and against compressors made for them.

With this you can run ``python -m benchmarks.sizes``.

Every row is a file that decodes to the last bit.  "networks" are parameters times their width, "residual" is what they
have wrong, compressed; all in bits a sample.  The baselines: raw samples; PNG as Pillow writes it (integers of 8 and 16
bits); xz of the samples; and xz of their differences along the last axis (its delta filter), the idea that FLAC and PNG
share.  Networks are not a compressor: where a file is larger than the raw samples, the last column says so.
"""

from __future__ import annotations

import io
import lzma
from typing import Any

import numpy as np

import refinr
from benchmarks import report
from refinr.cli import demo
from refinr.files import storing

BUDGETS = {
    "0 steps": {"max_steps": 0},
    "few parameters": {"hidden": (8, 8), "lr": 3e-3, "max_steps": 300},
    "default": {},
}


def signals() -> dict[str, np.ndarray]:
    """The demonstration's three, and a sound of two tones and noise."""
    t = np.arange(8000) / 8000
    tones = 9000 * np.sin(2 * np.pi * 440 * t) + 4000 * np.sin(2 * np.pi * 1234 * t)
    noise = np.random.default_rng(0).normal(0, 30, t.size)
    return demo.demo_signals() | {"sound": (tones + noise).astype(np.int16)}


def baselines(samples: np.ndarray) -> dict[str, float]:
    """Bits a sample of compressors; NaN where one does not apply."""
    raw = samples.tobytes()
    delta = [{"id": lzma.FILTER_DELTA, "dist": samples.itemsize}, {"id": lzma.FILTER_LZMA2, "preset": 9}]
    sizes = {"raw": len(raw), "xz": len(lzma.compress(raw, preset=9))}
    sizes["xz of differences"] = len(lzma.compress(raw, filters=delta))
    result = {name: 8 * size / samples.size for name, size in sizes.items()}
    return result | {"PNG": 8 * _png(samples) / samples.size}


def _png(samples: np.ndarray) -> float:
    from PIL import Image

    if samples.dtype.kind == "i" and samples.ndim == 2 and samples.min() >= 0:
        samples = samples.astype(np.uint16)
    if samples.ndim != 2 or samples.dtype.name not in ("uint8", "uint16"):
        return float("nan")
    with io.BytesIO() as file:
        Image.fromarray(samples).save(file, "png", optimize=True)
        return len(file.getvalue())


def measure(name: str, samples: np.ndarray, budget: str, store: str) -> dict[str, Any]:
    """One row: fit, check, and count."""
    report.log(f"{name}, {budget}, {store}")
    inr = refinr.fit(samples, exact=True, store=store, **BUDGETS[budget])  # type: ignore[arg-type]
    networks = 8 * inr.report.parameters * storing.STORES[store].dtype.itemsize / samples.size
    residual = 0.0 if inr.residual is None else 8 * inr.residual.data.nbytes / samples.size
    raw = 8 * samples.itemsize
    return {
        "signal": name,
        "budget": budget,
        "store": store,
        "wrong bits": sum(inr.report.wrong_bits),
        "networks": networks,
        "residual": residual,
        "both": networks + residual,
        "raw": raw,
        "exact": inr.decode().tobytes() == samples.tobytes(),
        "larger than raw": networks + residual > raw,
    }


def main() -> None:
    """Measure all, print and keep."""
    run = report.Run("sizes", __doc__, timed=False)
    chosen = {"corner": demo.synthetic(12)} if run.quick else signals()
    rows = [
        measure(name, samples, budget, store)
        for name, samples in chosen.items()
        for budget in BUDGETS
        for store in storing.STORES
    ]
    others = [{"signal": name, **baselines(samples)} for name, samples in chosen.items()]
    larger = sum(row["larger than raw"] for row in rows)
    targets = [report.Target("files that are not exact", sum(not row["exact"] for row in rows), "<=", 0)]
    title = f"Bits a sample ({larger} of {len(rows)} files are larger than the samples)"
    run.publish(title, {"Files": rows, "Compressors": others}, targets)


if __name__ == "__main__":
    main()
