"""The way to zero wrong bits: bits a second, parameters a bit, decoding, and the official settings beside it.

With this you can run ``python -m benchmarks.time_to_lossless``.

The image fills 16 bits (`refinr.cli.demo.synthetic`).  All times are those of whole calls, `refinr.fit` and
`refinr.solve` with their final recount included; every result is decoded and compared.  The official settings
(`benchmarks.frameworks.official`) run in PyTorch on one crop of 32 x 32 samples: once, for they take minutes.
"""

from __future__ import annotations

import math
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np

import refinr
from benchmarks import frameworks, report
from refinr.cli import demo

Way = tuple[Callable[..., refinr.INR], dict[str, Any]]
"""A verb, and what it is called with."""

WAYS: dict[str, Way] = {
    "trained": (refinr.fit, {}),
    "trained, margin 0": (refinr.fit, {"margin": 0.0}),
    "trained, small": (refinr.fit, {"preset": "small"}),
    "solved": (refinr.solve, {}),
}
CROP_WAYS: dict[str, Way] = {
    "bit planes": (refinr.fit, {"hidden": (16, 16, 16, 16), "margin": 0.0}),
    "bit coordinate": (
        refinr.fit,
        {"decomposition": "bit-coordinate", "hidden": (64,) * 4, "lr": 1e-3, "margin": 0.0},
    ),
    "solved": (refinr.solve, {}),
}


def measure(name: str, samples: np.ndarray, way: Way, repeats: int = 1) -> dict[str, Any]:
    """Fit or solve, and decode, the fastest of `repeats`: one row of a table.

    Raises
    ------
    ValueError
        If the report and the decoded samples disagree on whether bits are wrong.
    """
    fitting = decoding = math.inf
    report.log(f"{name}, {samples.shape[0]} x {samples.shape[1]}")
    verb, options = way
    for _ in range(repeats):
        start = time.perf_counter()
        inr = verb(samples, **options)
        fitting = min(fitting, time.perf_counter() - start)
    for _ in range(3):
        start = time.perf_counter()
        decoded = inr.decode()
        decoding = min(decoding, time.perf_counter() - start)
    if inr.lossless != np.array_equal(decoded, samples):
        raise ValueError(
            f"{name}: the report counts {sum(inr.report.wrong_bits)} wrong bits, the samples tell otherwise"
        )
    return {
        "way": name,
        "size": f"{samples.shape[0]} x {samples.shape[1]}",
        "seconds": fitting,
        "Mbit / s": 1e-6 * inr.report.total_bits / fitting,
        "parameters": inr.report.parameters,
        "parameters / bit": inr.report.parameters_per_bit,
        "steps, mean": inr.report.steps,
        "steps, most": inr.report.most_steps,
        "fit / decode": fitting / decoding,
        "wrong bits": sum(inr.report.wrong_bits),
    }


def crop_race(samples: np.ndarray, **options: Any) -> list[dict[str, Any]]:
    """Networks of refinr against the official settings on one crop; if those gave up, ratios are lower bounds."""
    report.log("official settings: minutes")
    theirs = frameworks.official(samples, **options)
    rows = [{"way": "official settings, PyTorch", **theirs, "times faster": 1.0}]
    for name, way in CROP_WAYS.items():
        row = measure(name, samples, way, repeats=5)
        ours = {
            "steps": row["steps, mean"],
            "seconds": row["seconds"],
            "parameters": row["parameters"],
            "wrong bits": row["wrong bits"],
        }
        rows.append({"way": f"refinr, {name}", **ours, "times faster": theirs["seconds"] / row["seconds"]})
    return rows


def import_seconds(repeats: int) -> float:
    """Seconds that ``import refinr`` takes in a fresh process, NumPy included; the fastest of `repeats`."""
    code = "import time; start = time.perf_counter(); import refinr; print(time.perf_counter() - start)"
    command = [sys.executable, "-c", code]
    return min(float(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout) for _ in range(repeats))


def main() -> None:
    """Measure, compare with the targets, print and keep."""
    run = report.Run("time_to_lossless", __doc__)
    size, crop = (48, 16) if run.quick else (256, 32)
    imports = import_seconds(2 if run.quick else 5)
    refinr.fit(demo.synthetic(8), max_steps=1)  # the first fit pays for what is imported or set up on first use
    rows = {name: measure(name, demo.synthetic(size), way) for name, way in WAYS.items()}
    race = crop_race(demo.synthetic(crop), **({"width": 32, "max_steps": 5} if run.quick else {}))
    race_of = {row["way"].removeprefix("refinr, "): row for row in race}
    trained = rows["trained"]
    official = race[0]["seconds"] / (16e-6 * crop * crop)  # for a million bits
    faster = rows["solved"]["Mbit / s"] * official
    decoding = min(row["fit / decode"] for name, row in rows.items() if name != "solved")
    targets = [
        report.Target("all: wrong bits", sum(row["wrong bits"] for row in [*rows.values(), *race[1:]]), "<=", 0),
        report.Target("trained: Mbit / s", trained["Mbit / s"], ">=", 0.07),
        report.Target("trained: parameters / bit", trained["parameters / bit"], "<=", 0.9),
        report.Target(f"trained: seconds for {size} x {size} x 16 bits", trained["seconds"], "<", 20.0),
        report.Target("trained: fit / decode, least", decoding, ">=", 20.0),
        report.Target(
            "bit planes: times faster than the official settings", race_of["bit planes"]["times faster"], ">=", 200.0
        ),
        report.Target("solved: times faster a bit than the official settings", faster, ">=", 10_000.0),
        report.Target("seconds of import refinr", imports, "<", 0.25),
    ]
    tables = {"16 bits": list(rows.values()), f"One crop of {crop} x {crop} x 16 bits": race}
    run.publish("Time to zero wrong bits", tables, targets)


if __name__ == "__main__":
    main()
