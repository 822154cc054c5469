"""Bit planes beside direct regression, each at its own best step size, with seeds.

With this you can run ``python -m benchmarks.fair``.

Both get two hidden layers, the same number of parameters, the same first layer (half the Nyquist frequency of a tile of
32 x 32 samples) and the same optimiser (Adam, constant step size). Step sizes are swept in powers of two; the best is
the one with the fewest wrong bits and, among those, the fewest steps. Steps are those of the slowest network. A step
costs three times the multiply-adds of the networks, forward and back; seconds are of processor time.
"""

from __future__ import annotations

import itertools
import math
import time
import warnings
from typing import Any

import numpy as np

import refinr
from benchmarks import report
from refinr import mlp
from refinr.advice import NotExactWarning
from refinr.cli import demo

STEP_SIZES = {"planes": [2.0**-k for k in range(8, 4, -1)], "direct": [2.0**-k for k in range(13, 7, -1)]}
"""Of each way, around the best."""

SEEDS = 8
SWEPT = 2
"""Seeds of the sweep."""
MOST = 300
"""Steps a network may take."""

TILE = 32 * 32
"""Samples of a tile."""


WAYS = {"planes": "planes", "direct": "none"}
"""Their decompositions."""


def signals() -> dict[str, np.ndarray]:
    """An image of 10 bits, README's of 16 bits, noise of 16 bits and a field of 32 bits, 64 x 64 samples each."""
    y, x = np.mgrid[0:64, 0:64] / 64
    noise = np.random.default_rng(0).integers(0, 256, (64, 64))
    waves = 50000 * (0.5 + 0.5 * np.sin(9 * x + 5 * y * y))
    return {
        "landscape, 10 bits": demo.demo_signals()["elevation"][100:164, 100:164],
        "waves and noise, 16 bits": (waves + noise).astype("uint16"),
        "noise, 16 bits": np.random.default_rng(1).integers(0, 2**16, (64, 64), dtype="uint16"),
        "waves and noise, float32": (np.sin(9 * x + 5 * y * y) + noise / 1000).astype("float32"),
    }


def width(budget: int) -> int:
    """The largest width of two hidden layers whose parameters are within a budget."""
    return max(d for d in range(1, 400) if mlp.parameter_count(mlp.MLP((2, d, d, 1))) <= budget)


def fit(samples: np.ndarray, way: str, lr: float, seed: int, budget: int, most: int) -> dict[str, Any]:
    """One fit: what it took and what it reached."""
    hidden = None if way == "planes" else (width(budget),) * 2
    begin = time.process_time()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotExactWarning)
        inr = refinr.fit(samples, WAYS[way], hidden=hidden, lr=lr, margin=0, max_steps=most, patience=None, seed=seed)
    seconds = time.process_time() - begin
    sizes = inr.layout.spec.sizes
    forward = sum(a * b for a, b in itertools.pairwise(sizes))  # of a sample on its way through a network
    networks = inr.layout.cut.networks(1)
    return {
        "hidden": sizes[1:-1],
        "parameters": inr.report.parameters,
        "steps": inr.report.most_steps,
        "multiply-adds": 3.0 * forward * networks * inr.report.steps * samples.size,
        "seconds": seconds,
        "wrong bits": sum(inr.report.wrong_bits),
        "bits": inr.report.total_bits,
    }


def compare(name: str, samples: np.ndarray, quick: bool) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Rows of the sweep, and a row for each way at its best step size."""
    swept, seeds, most = (1, 2, 3) if quick else (SWEPT, SEEDS, MOST)
    sweep = []
    best = []
    budget = 0  # parameters of a tile: those of the planes, which come first
    for way in WAYS:
        found = {}
        step_sizes = STEP_SIZES[way][1:3] if quick else STEP_SIZES[way]
        for lr in step_sizes:
            report.log(f"{name}, {way}, step size {lr:.2g}")
            found[lr] = [fit(samples, way, lr, seed, budget, most) for seed in range(swept)]
            steps = [run["steps"] for run in found[lr]]
            wrong = [run["wrong bits"] for run in found[lr]]
            sweep.append({"signal": name, "way": way, "step size": lr, "steps": steps, "wrong bits": wrong})
        lr = min(step_sizes, key=lambda lr: [sum(run[what] for run in found[lr]) for what in ("wrong bits", "steps")])
        runs = found[lr] + [fit(samples, way, lr, seed, budget, most) for seed in range(swept, seeds)]
        budget = budget or runs[0]["parameters"] * TILE // samples.size
        best.append(row(name, way, lr, runs) | {"at an edge": lr in (step_sizes[0], step_sizes[-1])})
    return sweep, best


def row(name: str, way: str, lr: float, runs: list[dict[str, Any]]) -> dict[str, Any]:
    """Means over seeds, and the standard deviation of steps."""
    mean = {
        key: float(np.mean([run[key] for run in runs])) for key in ("wrong bits", "steps", "multiply-adds", "seconds")
    }
    return {
        "signal": name,
        "way": way,
        "hidden": " x ".join(map(str, runs[0]["hidden"])),
        "parameters": runs[0]["parameters"],
        "step size": lr,
        "exact": f"{sum(run['wrong bits'] == 0 for run in runs)} of {len(runs)}",
        "wrong bits": mean["wrong bits"],
        "steps": mean["steps"],
        "+-": float(np.std([run["steps"] for run in runs], ddof=1)),
        "1e9 multiply-adds": mean["multiply-adds"] / 1e9,
        "seconds": mean["seconds"],
    }


def summary(rows: list[dict[str, Any]]) -> str:
    """README's table: a row for each signal."""
    lines = ["| 64 x 64 samples | bit planes | direct regression |", "|---|---|---|"]
    for name in dict.fromkeys(row["signal"] for row in rows):
        cells = [_cell(row) for row in rows if row["signal"] == name]
        lines.append(f"| {' | '.join([name, *cells])} |")
    return "\n".join(lines)


def _cell(row: dict[str, Any]) -> str:
    arrived, _, seeds = row["exact"].split()
    step_size = f"2^{math.log2(row['step size']):.0f}"
    if arrived == "0":
        return f"0 of {seeds}, {row['wrong bits']:,.0f} bits wrong after {row['steps']:.0f} steps ({step_size})"
    return f"{arrived} of {seeds}, {row['steps']:.0f} +- {row['+-']:.0f} steps, {row['seconds']:.2f} s ({step_size})"


def main() -> None:
    """Measure all, print and keep."""
    run = report.Run("fair", __doc__, timed=False)
    chosen = {"corner": demo.synthetic(32)} if run.quick else signals()
    sweeps = []
    rows = []
    for name, samples in chosen.items():
        sweep, best = compare(name, samples, run.quick)
        sweeps += sweep
        rows += best
    run.publish("Bit planes beside direct regression", {"Best step sizes": rows, "Sweeps": sweeps}, targets(rows))


def targets(rows: list[dict[str, Any]]) -> list[report.Target]:
    """What README and docs/planes-and-regression.md say of it."""
    planes = {row["signal"]: row for row in rows if row["way"] == "planes"}
    direct = {row["signal"]: row for row in rows if row["way"] == "direct"}
    integers = [name for name in direct if "float" not in name]
    floats = [row["wrong bits"] for name, row in direct.items() if name not in integers]
    steps = [direct[name]["steps"] / planes[name]["steps"] for name in integers]
    work = [direct[name]["1e9 multiply-adds"] / planes[name]["1e9 multiply-adds"] for name in integers]
    of_planes = [row["steps"] for row in planes.values()]
    return [
        report.Target("planes: wrong bits", sum(row["wrong bits"] for row in planes.values()), "<=", 0),
        report.Target(
            "direct, up to 16 bits: wrong bits", sum(direct[name]["wrong bits"] for name in integers), "<=", 0
        ),
        report.Target("direct, float32: wrong bits", min(floats, default=1), ">=", 1),
        report.Target("direct / planes, steps, least", min(steps), ">=", 3),
        report.Target("direct / planes, steps, most", max(steps), "<=", 6),
        report.Target("direct / planes, multiply-adds, least", min(work), ">=", 3),
        report.Target("planes, most over fewest steps of signals", max(of_planes) / min(of_planes), "<=", 1.1),
        report.Target("best step sizes at an edge of the sweep", sum(row["at an edge"] for row in rows), "<=", 0),
    ]


if __name__ == "__main__":
    main()
