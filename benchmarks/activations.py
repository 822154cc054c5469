"""What `refinr.fit` takes for each activation where nothing is said: whether it arrives, and after how many steps.

With this you can run ``python -m benchmarks.activations``.

Every activation gets what its row in `refinr.activations.ACTIVATIONS` says, networks of `refinr.kinds.widths`, and the
step size that linear layers have by default; then half of that, and twice as much.  The signals are a landscape of 10
bits and noise of 8 bits, 32 x 32 samples each, one network a plane.  "steps" are those of the networks of all seeds.
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

import refinr
from benchmarks import report
from refinr import activations, advice, kinds
from refinr.cli import demo

SEEDS = 3
"""Of fits at the default step size; others have one, which is none of these."""

MOST = {"landscape, 10 bits": 60, "noise, 8 bits": 90}
"""Steps that networks take on average, at most."""


def signals() -> dict[str, np.ndarray]:
    """What can be measured easily, and what cannot be guessed."""
    return {
        "landscape, 10 bits": demo.demo_signals()["elevation"][100:132, 100:132],
        "noise, 8 bits": np.random.default_rng(0).integers(0, 256, (32, 32), dtype="uint8"),
    }


def row(signal: str, samples: np.ndarray, activation: str, lr: float, seeds: range) -> dict[str, Any]:
    """One row of a table: fits from several random starts."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", advice.NotExactWarning)
        fits = [
            refinr.fit(samples, activation=activation, lr=lr, max_steps=advice.FEW_STEPS, seed=seed) for seed in seeds
        ]
    layout = fits[0].layout
    options = activations.get(activation).parameters
    return {
        "signal": signal,
        "activation": activation,
        "inputs": "coordinates" if layout.encoding is None else "waves",
        "omega": layout.spec.omega if "omega" in options else "-",
        "scale": layout.spec.scale if "scale" in options else "-",
        "hidden": " x ".join(map(str, layout.spec.sizes[1:-1])),
        "step size": lr,
        "exact": f"{sum(inr.lossless for inr in fits)} of {len(fits)}",
        "steps, mean": float(np.mean([inr.report.steps for inr in fits])),
        "steps, most": max(inr.report.most_steps for inr in fits),
    }


def main() -> None:
    """Measure, compare with the targets, print and keep."""
    run = report.Run("activations", __doc__, timed=False)
    usual = kinds.LINEAR.defaults["lr"]
    chosen = {"corner": demo.synthetic(5)} if run.quick else signals()
    defaults = []
    others = []
    for signal, samples in chosen.items():
        for activation in list(activations.ACTIVATIONS)[: 1 if run.quick else None]:
            report.log(f"{signal}, {activation}")
            defaults.append(row(signal, samples, activation, usual, range(1 if run.quick else SEEDS)))
            for lr in (usual / 2, 2 * usual):
                others.append(row(signal, samples, activation, lr, range(SEEDS, SEEDS + 1)))
    targets = [report.Target("defaults: fits that are not exact", report.incomplete(defaults), "<=", 0)]
    for signal, most in MOST.items():
        means = [fits["steps, mean"] for fits in defaults if fits["signal"] == signal]
        targets += [report.Target(f"defaults: steps, {signal}, most", max(means), "<=", most)] if means else []
    run.publish("Activations at what a fit takes for them", {"Defaults": defaults, "Other step sizes": others}, targets)


if __name__ == "__main__":
    main()
