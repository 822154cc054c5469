"""Figure 11: which loss teaches bits fastest.

The bit-coordinate network with cross-entropy, squared and absolute error, everything else equal; each at several
learning rates, so that none is judged at a rate that suits another.  The same for one network a plane.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from paper_figures import claims, curves, signals, style
from paper_figures.claims import Claim, Finding
from paper_figures.figure import Figure
from paper_figures.resume import each

PICTURES = {
    "losses": "Bit error rate against steps for the three losses, each at its best learning rate. Left: one network "
    "with the bit as a coordinate. Right: one network a plane.",
}

PRESETS: dict[str, dict[str, Any]] = {
    "tiny": {"signal": "portrait", "size": 8, "width": 32, "plane_width": 12, "steps": 150, "rates": [3e-3]},
    "small": {
        "signal": "elevation", "size": 24, "width": 64, "plane_width": 16, "steps": 600, "rates": [3e-4, 1e-3, 3e-3],
    },
    "paper": {
        "signal": "elevation", "size": 256, "width": 512, "plane_width": 128, "steps": 5000,
        "rates": [1e-4, 3e-4, 1e-3], "xp": "cupy",
    },
}  # fmt: skip
LOSSES = ("bce", "mse", "mae")


def compute(preset: str, rng: np.random.Generator) -> dict[str, Any]:
    """Curves of all losses, learning rates and both decompositions."""
    settings = PRESETS[preset]
    signal = signals.image(settings["signal"], settings["size"])

    def measure(case: dict[str, Any], stream: np.random.Generator) -> dict[str, Any]:
        planes = case["decomposition"] == "planes"
        method = replace(curves.PLANES if planes else curves.OURS, loss=case["loss"], lr=case["lr"])
        run = curves.follow(
            signal.codes, signal.bits, curves.cut_named(case["decomposition"], signal.bits), method,
            [settings["plane_width" if planes else "width"]] * 4, steps=settings["steps"],
            seed=int(stream.integers(2**31)), at=curves.looks(settings["steps"]), xp=settings.get("xp"),
        )  # fmt: skip
        return {key: value for key, value in run.items() if key != "images"}

    cases = [
        {"decomposition": cut, "loss": loss, "lr": lr}
        for cut in ("bit-coordinate", "planes")
        for loss in LOSSES
        for lr in settings["rates"]
    ]
    return {"rows": each(measure, cases, rng), "limit": settings["steps"], "signal": signal.name}


def plot(data: dict[str, Any]) -> dict[str, Any]:
    """The best of each loss."""
    sheet, grid = style.figure(1, 2, height=2.4, sharey=True)
    for axes, cut in zip(grid[0], ("bit-coordinate", "planes"), strict=True):
        for index, loss in enumerate(LOSSES):
            row = _best(data, cut, loss)
            rate = np.maximum(np.mean(row["ber"], axis=1), 1e-5)
            axes.plot(style.steps(row["at"]), rate, label=f"{loss.upper()}, lr {row['lr']:g}", **style.line(index))
        style.logarithmic(axes.xaxis, [1, 10, 100, 1000])
        style.logarithmic(axes.yaxis)
        axes.set_xlabel("step")
        axes.set_title("bit as a coordinate" if cut == "bit-coordinate" else "one network a plane")
        axes.legend(loc="lower left")
    grid[0, 0].set_ylabel("bit error rate (0 drawn at $10^{-5}$)")
    return {"losses": sheet}


def _best(data: dict[str, Any], cut: str, loss: str) -> dict[str, Any]:
    rows = [row for row in data["rows"] if row["decomposition"] == cut and row["loss"] == loss]
    return min(rows, key=lambda row: (row["exact_at"] or float("inf"), float(np.mean(row["ber"][-1]))))


def _judge_order(data: dict[str, Any], cut: str) -> Finding:
    best = {loss: _best(data, cut, loss) for loss in LOSSES}
    steps = {loss: row["exact_at"] or float("inf") for loss, row in best.items()}
    ours = ", ".join(
        f"{loss.upper()} {claims.count(row['exact_at'], data['limit'])} steps (lr {row['lr']:g})"
        for loss, row in best.items()
    )
    holds = steps["bce"] < steps["mse"] < steps["mae"] and steps["mae"] >= 2 * steps["mse"]
    return Finding(ours, claims.verdict(holds, max(steps["bce"], steps["mse"]) < steps["mae"]))


_RULE = (
    "each loss at the best of its learning rates; holds if steps to zero wrong bits rise from BCE over MSE to MAE and "
    "MAE needs at least twice as many as MSE; differs if MAE is at least the slowest"
)


CLAIMS = (
    Claim(
        "Cross-entropy needs the fewest iterations, squared error more, absolute error far more.",
        "BCE < MSE << MAE (a plot)",
        _RULE,
        lambda data: _judge_order(data, "bit-coordinate"),
    ),
    Claim(
        "(Ours.) The same order with one network a plane.",
        "",
        _RULE,
        lambda data: _judge_order(data, "planes"),
    ),
)

FIGURE = Figure(
    title="Losses on bits",
    shows="Figure 11",
    pictures=PICTURES,
    presets=PRESETS,
    compute=compute,
    plot=plot,
    claims=CLAIMS,
)
