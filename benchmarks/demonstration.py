"""What `refinr demo` shows, with other seeds and other step sizes of direct regression.

With this you can run ``python -m benchmarks.demonstration``.

The three signals of `refinr.cli.demo`, by bit planes and by direct regression with as many parameters and as many
multiply-adds, and with four times as many; step sizes of regression are decayed by a cosine to the last step.  They are
swept in powers of two, around those of the demonstration, until the best lies inside, with a seed of its own; where
that is another one, it has rows, too.  Planes have the default step size, which does not decay.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

import numpy as np

import refinr
from benchmarks import report
from refinr import kinds
from refinr.advice import NotExactWarning
from refinr.cli import demo

SEEDS = 3
SWEPT = 100
"""The seed of the sweep."""


def planes_of(samples: np.ndarray, seed: int) -> refinr.INR:
    """As the demonstration has them."""
    return refinr.fit(samples, hidden=demo.HIDDEN, seed=seed)


def direct(samples: np.ndarray, planes: refinr.INR, times: int, lr: float, seed: int) -> refinr.INR:
    """As the demonstration has it, without its warnings."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotExactWarning)
        return demo.direct(samples, planes, times, lr, seed)


def row(signal: str, method: str, lr: float, fits: list[refinr.INR]) -> dict[str, Any]:
    """One row of a table; the spread of bit error rates is half the distance of the extremes."""
    rates = [inr.report.ber for inr in fits]
    return {
        "signal": signal,
        "method": method,
        "step size": lr,
        "steps": float(np.mean([inr.report.steps for inr in fits])),
        "exact": f"{sum(inr.lossless for inr in fits)} of {len(fits)}",
        "wrong bits": [sum(inr.report.wrong_bits) for inr in fits],
        "of": fits[0].report.total_bits,
        "bit errors": float(np.mean(rates)),
        "+-": (max(rates) - min(rates)) / 2,
        "PSNR, worst": min(inr.report.psnr for inr in fits),
    }


def swept(signal: str, method: str, usual: float, fit: Callable[[float, int], refinr.INR]) -> list[dict[str, Any]]:
    """Rows of step sizes around the usual one, the best inside: with the fewest wrong bits and, among those, steps."""
    rows = {lr: row(signal, method, lr, [fit(lr, SWEPT)]) for lr in (usual / 2, usual, 2 * usual)}
    while (best := best_of(rows.values())) in (min(rows), max(rows)):
        lr = best / 2 if best == min(rows) else 2 * best
        rows[lr] = row(signal, method, lr, [fit(lr, SWEPT)])
    return [rows[lr] for lr in sorted(rows)]


def best_of(rows: Iterable[dict[str, Any]]) -> float:
    """The best of the step sizes of some rows."""
    return min(rows, key=lambda these: (these["wrong bits"], these["steps"]))["step size"]


def main() -> None:
    """Measure, compare with the targets, print and keep."""
    run = report.Run("demonstration", __doc__, timed=False)
    chosen = {"corner": demo.synthetic(5)} if run.quick else demo.demo_signals()
    sweeps = []
    found = []
    factors = []
    for signal, samples in chosen.items():
        planes = [planes_of(samples, seed) for seed in range(1 if run.quick else SEEDS)]
        found.append(row(signal, "bit planes", kinds.LINEAR.defaults["lr"], planes))
        for times, usual in demo.STEP.items():
            method = "direct" if times == 1 else f"direct x {times}"
            report.log(f"{signal}, {method}")
            sweep = swept(signal, method, usual, partial(direct, samples, planes[0], times))
            best = best_of(sweep)
            for lr in dict.fromkeys((usual, best)):
                fits = [direct(samples, mine, times, lr, seed) for seed, mine in enumerate(planes)]
                found.append(row(signal, method, lr, fits))
            factors.append(max(best / usual, usual / best))
            sweeps += sweep
    planes_alone = [fits for fits in found if fits["method"] == "bit planes"]
    targets = [
        report.Target("planes: fits that are not exact", report.incomplete(planes_alone), "<=", 0),
        report.Target("step sizes of regression: factor from the best, most", max(factors), "<=", 2),
    ]
    run.publish("The demonstration with other seeds and step sizes", {"Seeds": found, "Step sizes": sweeps}, targets)


if __name__ == "__main__":
    main()
