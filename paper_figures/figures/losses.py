"""Figure 11: which loss teaches bits fastest.

The bit-coordinate network with cross-entropy, squared and absolute error, everything else equal; each at the best of
its own step sizes, so that none is judged at one that suits another.  The same for one network a plane.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from paper_figures import claims, curves, signals, style, tuning
from paper_figures.claims import Claim, Finding
from paper_figures.figure import Figure
from paper_figures.resume import each

PICTURES = {
    "losses": "Bit error rate against steps for the three losses, each at its best step size, all seeds. Left: one "
    "network with the bit as a coordinate. Right: one network a plane.",
}

PRESETS: dict[str, dict[str, Any]] = {
    "tiny": {"signal": "portrait", "size": 8, "width": 32, "plane_width": 12, "steps": 150, "lr": 3e-3, "sweep": 1,
             "seeds": 1},
    "small": {"signal": "elevation", "size": 24, "width": 64, "plane_width": 16, "steps": 600, "lr": 3e-3, "sweep": 9,
              "seeds": 5},
    "paper": {
        "signal": "elevation", "size": 256, "width": 512, "plane_width": 128, "steps": 5000, "lr": 3e-4, "sweep": 9,
        "seeds": 3, "xp": "cupy",
    },
}  # fmt: skip
LOSSES = ("bce", "mse", "mae")
CUTS = {"bit-coordinate": "bit as a coordinate", "planes": "one network a plane"}


def compute(preset: str, rng: np.random.Generator) -> dict[str, Any]:
    """Curves of all losses and both decompositions."""
    settings = PRESETS[preset]
    signal = signals.image(settings["signal"], settings["size"])

    def measure(case: dict[str, Any], stream: np.random.Generator) -> dict[str, Any]:
        planes = case["decomposition"] == "planes"
        base = replace(curves.PLANES if planes else curves.OURS, loss=case["loss"])

        def run(lr: float, seed: int, most: int | None) -> dict[str, Any]:
            return curves.watched(
                signal.codes, signal.bits, curves.cut_named(case["decomposition"], signal.bits), replace(base, lr=lr),
                [settings["plane_width" if planes else "width"]] * 4, steps=most or settings["steps"], seed=seed,
                xp=settings.get("xp"),
            )  # fmt: skip

        seeds = stream.integers(2**31, size=settings["seeds"] + 1).tolist()
        return tuning.tuned(run, settings["lr"], seeds, settings["sweep"])

    cases = [{"decomposition": cut, "loss": loss} for cut in CUTS for loss in LOSSES]
    return {"rows": each(measure, cases, rng), "limit": settings["steps"], "signal": signal.name}


def plot(data: dict[str, Any]) -> dict[str, Any]:
    """All seeds of each loss."""
    sheet, grid = style.figure(1, 2, height=2.4, sharey=True)
    for axes, (cut, heading) in zip(grid[0], CUTS.items(), strict=True):
        for index, loss in enumerate(LOSSES):
            row = _row(data, cut, loss)
            for k, run in enumerate(row["runs"]):
                label = None if k else f"{loss.upper()}, step size {row['lr']:g}"
                axes.plot(style.steps(run["at"]), np.maximum(run["ber"], 1e-5), label=label, markevery=4,
                          **style.line(index))  # fmt: skip
        style.logarithmic(axes.xaxis, [1, 10, 100, 1000])
        style.logarithmic(axes.yaxis)
        axes.set_xlabel("step")
        axes.set_title(heading)
        axes.legend(loc="lower left")
    grid[0, 0].set_ylabel("bit error rate (0 drawn at $10^{-5}$)")
    return {"losses": sheet}


def tables(data: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
    """Every loss at its own step size."""
    rows = [
        {"network": CUTS[row["decomposition"]], "loss": row["loss"].upper()} | tuning.columns(row, data["limit"])
        for row in data["rows"]
    ]
    return {f"{data['signal']}, mean of {len(data['rows'][0]['runs'])} seeds": rows}


def _row(data: dict[str, Any], cut: str, loss: str) -> dict[str, Any]:
    return next(row for row in data["rows"] if (row["decomposition"], row["loss"]) == (cut, loss))


def _judge(data: dict[str, Any], cut: str, first: str, second: str, factor: float) -> Finding:
    rows = [_row(data, cut, loss) for loss in (first, second)]
    less, more = (tuning.summary(row).steps for row in rows)
    ours = ", ".join(f"{row['loss'].upper()} {tuning.steps_in_words(row, data['limit'])} steps" for row in rows)
    every, mean = claims.sooner(*rows)
    return Finding(ours, claims.verdict(every and more >= factor * less, mean))


CLAIMS = (
    Claim(
        "Cross-entropy needs fewer iterations than squared error.",
        "BCE < MSE (a plot)",
        "the bit as a coordinate; holds if every seed takes fewer steps than any of the other, partly if they do on "
        "average",
        lambda data: _judge(data, "bit-coordinate", "bce", "mse", 1.0),
    ),
    Claim(
        "Squared error needs far fewer iterations than absolute error.",
        "MSE << MAE (a plot)",
        "the bit as a coordinate; holds if every seed takes fewer steps than any of the other, and absolute error at "
        "least twice as many on average; partly if squared error takes fewer on average (a run that is never exact "
        "takes infinitely many)",
        lambda data: _judge(data, "bit-coordinate", "mse", "mae", 2.0),
    ),
    Claim(
        "(Ours.) Cross-entropy needs fewer iterations than squared error with one network a plane, too.",
        "",
        "one network a plane; holds if every seed takes fewer steps than any of the other, partly if they do on "
        "average",
        lambda data: _judge(data, "planes", "bce", "mse", 1.0),
    ),
    Claim(
        "(Ours.) Squared error needs far fewer than absolute error there, too.",
        "",
        "one network a plane; otherwise as with the bit as a coordinate",
        lambda data: _judge(data, "planes", "mse", "mae", 2.0),
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
    tables=tables,
)
