"""Bit-depth expansion beside the paper's Table 5: PSNR in dB of four methods on two measurements.

With this you can run ``python -m benchmarks.expansion``.

The elevation that comes with matplotlib (10 bits) and its bathymetry (float32, scaled to 16 bits) are cut to their high
planes, expanded again, and compared with what they were.  The paper has other images (TESTIMAGES, 16 bits), so only the
order of the methods compares, not the numbers.  For 8 to 16 bits, standard replication and the ideal gain are one map.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks import report
from refinr import expansion, metrics
from refinr.cli import demo

PAPER = [
    {"signal": "the paper's", "planes": "8 of 16", "zero padding dB": 52.92, "ideal gain dB": 55.91,
     "replication dB": 52.98, "network dB": 55.92},
    {"signal": "the paper's", "planes": "8 of 12", "zero padding dB": 53.31, "ideal gain dB": 55.93,
     "replication dB": 53.32, "network dB": 55.94},
]  # fmt: skip


def images() -> dict[str, tuple[np.ndarray, int]]:
    """Codes and how many bits they have."""
    found = demo.demo_signals()
    elevation = found["elevation"].astype(np.uint16)[:128, :128]
    sea = found["bathymetry"].astype(float)
    scaled = np.rint((sea - sea.min()) / (sea.max() - sea.min()) * 65535).astype(np.uint16)
    low = int(elevation.min())
    return {
        "elevation": (elevation - np.uint16(low), int(elevation.max() - low).bit_length()),
        "bathymetry": (scaled, 16),
    }


def measure(name: str, image: np.ndarray, known: int, bits: int, **options: Any) -> dict[str, Any]:
    """One row: the high planes of an image expanded in four ways."""
    report.log(f"{name}, {known} of {bits} planes")
    codes = (image >> (bits - known)).astype(np.uint16)
    row: dict[str, Any] = {"signal": name, "planes": f"{known} of {bits}"}
    for method, expanded in expansion.BASELINES.items():
        row[f"{method} dB"] = metrics.psnr(image, expanded(codes, known, bits).astype(image.dtype), bits)
    row["network dB"] = metrics.psnr(image, expansion.expand(codes, known, bits, **options).astype(image.dtype), bits)
    return row


def main() -> None:
    """Expand, compare, print and keep."""
    run = report.Run("expansion", __doc__, timed=False)
    rows = []
    for name, (image, bits) in images().items():
        for known in (bits // 2, (3 * bits) // 4):
            if run.quick:
                rows.append(measure(name, image[:16, :16], known, bits, max_steps=2, hidden=(8,)))
            else:
                rows.append(measure(name, image, known, bits))
    best = min(row["network dB"] - row["zero padding dB"] for row in rows)
    targets = [report.Target("network over zero padding, dB, least", best, ">=", 0.0)]
    run.publish("Bit-depth expansion", {"PSNR": rows, "Table 5": PAPER}, targets)


if __name__ == "__main__":
    main()
