"""Figure 10's other row: what the precision of weights costs direct regression.

A SIREN on the values of the image of `weight_precision`, its weights rounded after training or in every step of it, at
the same precisions; biases stay as they are.
"""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from paper_figures import claims, curves, datafiles, signals, style, tuning
from paper_figures.claims import Claim, Finding
from paper_figures.figure import Figure
from paper_figures.resume import each
from paper_figures.weight_rounding import PRECISIONS, quantised
from refinr import chunks, coords, metrics, mlp, optim
from refinr.decompositions import Direct
from refinr.mlp import MLP

PICTURES = {
    "weight_precision_direct": "PSNR of direct regression over the precision of its weights, rounded after training "
    "and in training, each at its best step size: every seed (infinite ones at the top), and lines through the means.",
}

PRESETS: dict[str, dict[str, Any]] = {
    "tiny": {"size": 6, "hidden": [16] * 2, "steps": 40, "seeds": 1, "sweep": 1},
    "small": {"size": 24, "hidden": [48] * 3, "steps": 500, "seeds": 3, "sweep": 7},
    "paper": {"size": 64, "hidden": [128] * 4, "steps": 5000, "seeds": 3, "sweep": 7},
}
AFTER = "after training"
WITHIN = "in training"


def compute(preset: str, rng: np.random.Generator) -> dict[str, Any]:
    """All precisions, both ways, each at its own step size."""
    settings = PRESETS[preset]
    signal = signals.image("synthetic", settings["size"])
    cut = Direct(signal.bits)
    grid = signal.codes.shape
    x = cut.inputs(grid)
    samples = signal.codes.reshape(-1, 1)
    targets = cut.targets(samples)
    spec = MLP((2, *settings["hidden"], 1), first_scale=tuple(0.5 * f for f in coords.nyquist(grid)))

    def measure(case: dict[str, Any], stream: np.random.Generator) -> dict[str, Any]:
        rounded = PRECISIONS[case["weights"]]
        within = rounded if case["rounded"] == WITHIN else PRECISIONS["float32"]

        def run(lr: float, seed: int, most: int | None) -> dict[str, Any]:
            start = time.thread_time()
            params: Any = mlp.init(spec, 1, seed)
            state = optim.adam_init(params)
            for step in range((most or settings["steps"]) + 1):
                weights = quantised(params, within)
                now = chunks.gradients(spec, weights, x, targets, loss="mse", levels=cut.levels)
                if int(now.wrong.sum()) == 0 or step == (most or settings["steps"]):
                    break
                params, state = optim.adam_step(params, now.grads, state, lr)
            seconds = time.thread_time() - start
            z = chunks.evaluate(spec, quantised(params, rounded), x)
            decoded = cut.codes(z).astype(samples.dtype)
            ber = metrics.bit_error_rate(samples, decoded, signal.bits)
            psnr = datafiles.finite(metrics.psnr(samples, decoded, signal.bits))
            work = step * curves.multiply_adds(spec, x, 1, len(samples))
            return {"exact_at": step if ber == 0 else None, "ber": [ber], "psnr": psnr, "steps": step,
                    "multiply_adds": work, "seconds": seconds}  # fmt: skip

        seeds = stream.integers(2**31, size=settings["seeds"] + 1).tolist()
        return tuning.tuned(run, 1e-3, seeds, settings["sweep"])

    cases = [{"rounded": way, "weights": name} for way in (AFTER, WITHIN) for name in PRECISIONS]
    return {"rows": each(measure, cases, rng), "limit": settings["steps"]}


def plot(data: dict[str, Any]) -> dict[str, Any]:
    """PSNR over the precision."""
    sheet, grid = style.figure(1, 1, height=2.6)
    axes = grid[0, 0]
    top = 110.0
    for index, way in enumerate((AFTER, WITHIN)):
        look = style.line(index)
        rows = [row for row in data["rows"] if row["rounded"] == way]
        levels = [[top if run["psnr"] is None else run["psnr"] for run in row["runs"]] for row in rows]
        axes.plot(range(len(rows)), [float(np.mean(level)) for level in levels], **(look | {"marker": ""}))
        axes.plot([], [], **look, label=f"rounded {way}")  # fmt: skip
        for k, level in enumerate(levels):
            axes.plot([k] * len(level), level, look["marker"], color=look["color"])
    axes.set_xticks(range(len(PRECISIONS)), PRECISIONS)
    axes.set_yticks([*range(0, 101, 20), top], [*range(0, 101, 20), "exact"])
    axes.set_ylabel("PSNR, dB")
    axes.set_xlabel("precision of the weights")
    axes.legend()
    return {"weight_precision_direct": sheet}


def tables(data: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
    """Step sizes, steps, work, error rates, and the PSNR of the worst seed."""
    rows = []
    for row in data["rows"]:
        worst = _worst(data, row["rounded"], row["weights"])
        rows.append(
            {"weights": row["weights"], "rounded": row["rounded"]}
            | tuning.columns(row, data["limit"])
            | {"PSNR, worst seed": f"{worst:.2f}"}
        )
    return {f"Direct regression, {len(data['rows'][0]['runs'])} seeds; {tuning.sweeps_in_words(data['rows'])}": rows}


def _worst(data: dict[str, Any], way: str, name: str) -> float:
    row = next(row for row in data["rows"] if (row["rounded"], row["weights"]) == (way, name))
    return min(np.inf if run["psnr"] is None else run["psnr"] for run in row["runs"])


def _judge_collapse(data: dict[str, Any]) -> Finding:
    full = _worst(data, WITHIN, "float32")
    ternary = max(_worst(data, way, "ternary") for way in (AFTER, WITHIN))
    ours = f"worst seed: float32 {full:.1f} dB, ternary {_worst(data, AFTER, 'ternary'):.1f} dB after and "
    ours += f"{_worst(data, WITHIN, 'ternary'):.1f} dB in training"
    return Finding(ours, claims.verdict(ternary <= min(full, 100.0) - 30, ternary < full))


def _judge_half(data: dict[str, Any]) -> Finding:
    full = min(_worst(data, way, "float32") for way in (AFTER, WITHIN))
    best = {
        name: max(np.inf if run["psnr"] is None else run["psnr"] for row in data["rows"] if row["weights"] == name
                  for run in row["runs"])
        for name in list(PRECISIONS)[1:]
    }  # fmt: skip
    ours = f"float32 {full:.1f} dB in the worst seed; best seeds: "
    ours += ", ".join(f"{name} {db:.1f}" for name, db in best.items())
    return Finding(ours, claims.verdict(full == np.inf and max(best.values()) < np.inf, full == np.inf))


CLAIMS = (
    Claim(
        "Direct regression by SIREN loses its quality when its weights become ternary.",
        "shown as curves, without numbers",
        "worst seed; holds if ternary weights, rounded after or in training, are 30 dB or more below float32 (an exact "
        "one counted as 100 dB), partly if below",
        _judge_collapse,
    ),
    Claim(
        "(Ours.) What direct regression has exact needs the precision of float32: half floats lose it.",
        "",
        "holds if every seed is exact in float32, and none at any lower precision, rounded after or in training; "
        "partly if every seed is exact in float32",
        _judge_half,
    ),
)

FIGURE = Figure(
    title="Precision of the weights of direct regression",
    shows="Figure 10",
    pictures=PICTURES,
    presets=PRESETS,
    compute=compute,
    plot=plot,
    claims=CLAIMS,
    tables=tables,
)
