"""How many bits a weight needs: quantised after training against trained with quantised weights, as in figure 10.

With this you can run ``python -m benchmarks.weight_precision``.

One image of 16 bits (`refinr.cli.demo.synthetic`), a network for every plane, ReLU and linear layers on Fourier
features; weights are rounded to b bits over the range of their layer, or to ternary codes and a scale; biases stay as
they are. Quantised training takes gradients at the rounded weights and applies them to the weights themselves
(straight-through).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import report
from paper_figures.markdown import Row
from paper_figures.weight_rounding import Quantiser, quantised, ternary_values, train, uniform
from refinr import chunks, cpu, decisions, encodings, metrics, planes
from refinr.cli import demo
from refinr.mlp import MLP, Params

PRECISIONS: dict[str, Quantiser] = {
    "float32": lambda w: w,
    "16 bits": uniform(16),
    "8 bits": uniform(8),
    "4 bits": uniform(4),
    "ternary": ternary_values,
}
LR = 3e-3
"""Step size of Adam, the same for all."""


def measure(samples: np.ndarray, steps: int) -> list[dict[str, Any]]:
    """Bit error rate and PSNR of every precision, both ways."""
    shape = samples.shape
    x = encodings.Fourier.draw(shape, 60, seed=0).inputs(shape)
    targets = decisions.targets(planes.to_planes(samples.reshape(-1), 16), 2).T[:, :, None]  # (16, N, 1)
    spec = MLP((x.shape[1], 32, 32, 1), "relu")

    def errors(params: Params) -> tuple[float, float]:
        digits = decisions.decide(chunks.evaluate(spec, params, x)[..., 0].T, 2)  # (N, 16)
        decoded = planes.from_planes(digits, 16, dtype="uint16").reshape(shape)
        return metrics.bit_error_rate(samples, decoded, 16), metrics.psnr(samples, decoded, 16)

    report.log("float32")
    trained, _ = train(spec, x, targets, PRECISIONS["float32"], lr=LR, steps=steps, seed=0, margin=0.5)
    rows = []
    for name, quantise in PRECISIONS.items():
        report.log(f"trained with {name}")
        after, after_psnr = errors(quantised(trained, quantise))
        aware, taken = train(spec, x, targets, quantise, lr=LR, steps=steps, seed=0, margin=0.0)
        with_it, with_it_psnr = errors(quantised(aware, quantise))
        rows.append(
            {
                "weights": name,
                "after training: BER": after,
                "after training: PSNR": after_psnr,
                "in training: BER": with_it,
                "in training: PSNR": with_it_psnr,
                "in training: steps": taken,
            }
        )
    return rows


def draw(rows: Sequence[Row], path: Path) -> None:
    """Bit error rate over the precision, one line for each way."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 3.6), layout="constrained")
    axes = figure.subplots()
    for way, style in (("after training", "o-"), ("in training", "s-")):
        axes.plot([row["weights"] for row in rows], [row[f"{way}: BER"] for row in rows], style, label=f"rounded {way}")
    axes.set_yscale("symlog", linthresh=1e-4)
    axes.set_ylim(-2e-5, 1)
    axes.set_xlabel("precision of the weights")
    axes.set_ylabel("bit error rate")
    axes.legend()
    figure.savefig(path, dpi=120)


def main() -> None:
    """Measure, compare with the targets, print, draw and keep."""
    run = report.Run("weight_precision", __doc__)
    with cpu.single_threaded_blas():
        cpu.recycle_memory()
        rows = measure(demo.synthetic(8 if run.quick else 32), 3 if run.quick else 2000)
    last = rows[-1]
    targets = [
        report.Target("in training, all: worst BER", max(row["in training: BER"] for row in rows), "<=", 0.0),
        report.Target("ternary after training: BER", last["after training: BER"], ">=", 0.1),
    ]
    rows = [{k: "inf" if v == math.inf else v for k, v in row.items()} for row in rows]  # JSON has no infinity
    run.publish("Precision of the weights", {"32 x 32 x 16 bits, networks of sizes (120, 32, 32, 1)": rows}, targets)
    if not run.quick:
        draw(rows, report.RESULTS / "weight_precision.png")


if __name__ == "__main__":
    main()
