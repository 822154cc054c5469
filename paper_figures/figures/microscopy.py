"""Table 1 on measured images of up to 14 bits: three channels of a micrograph, in all their bits.

The methods of `comparison`, on what a camera measured and not on photographs that were reduced; every method at its own
step size.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from paper_figures import claims, contest, datafiles, recordings, signals, style, tuning
from paper_figures.claims import Claim, Finding
from paper_figures.contest import DIRECT, OURS
from paper_figures.curves import BASELINES
from paper_figures.figure import Figure

PICTURES = {
    "microscopy": "Three channels of a neuron, 32 x 32 pixels each (what two cores can train in minutes; the paper has "
    "256 x 256), and bit error rates at the end of every method, each seed a point; a star: no wrong bit in any seed.",
}

PRESETS: dict[str, dict[str, Any]] = {
    "tiny": {
        "channels": [], "size": 12, "hidden": [32, 32], "planes": [12] * 3, "steps": 60, "sweep": 1, "seeds": 1,
        "early": 10,
    },
    "small": {
        "channels": [3, 2, 1], "size": 32, "hidden": [64] * 3, "planes": [16] * 4, "steps": 300, "sweep": 7, "seeds": 2,
        "early": 25,
    },
    "paper": {
        "channels": [0, 1, 2, 3], "size": 256, "hidden": [512] * 6, "planes": [128] * 4, "steps": 5000, "sweep": 7,
        "seeds": 3, "early": 200, "xp": "cupy",
    },
}  # fmt: skip


def compute(preset: str, rng: np.random.Generator) -> dict[str, Any]:
    """All methods on all channels; without any, on what every installation has."""
    settings = PRESETS[preset]
    images = [recordings.microscopy(channel, settings["size"]) for channel in settings["channels"]]
    images = images or [signals.image("bathymetry", settings["size"])]
    found = contest.run(images, settings, rng)
    for row in found["rows"]:
        for run in row["runs"]:
            run["images"] = {}
    return found | {"size": settings["size"], "images": {s.name: datafiles.pack(s.codes) for s in images}}


def plot(data: dict[str, Any]) -> dict[str, Any]:
    """The channels, and what is wrong at the end."""
    names = list(data["bits"])
    sheet, grid = style.figure(2, max(len(names), 2), height=2.2, height_ratios=[1, 1.5])
    for axes in grid[0]:
        axes.axis("off")
    for column, name in enumerate(names):
        style.image(grid[0, column], datafiles.unpack(data["images"][name]), f"{name}, {data['bits'][name]} bits")
        axes = grid[1, column]
        rows = [row for row in data["rows"] if row["image"] == name]
        for index, row in enumerate(rows):
            look = style.line(index)
            rates = [tuning.mean_rate(run) for run in row["runs"]]
            if max(rates) == 0:
                axes.plot(0, index, "*", color=look["color"], markersize=9, clip_on=False)
            else:
                axes.plot(rates, [index] * len(rates), look["marker"], color=look["color"], linestyle="")
        axes.set_xlim(0, 0.5)
        axes.set_yticks(range(len(rows)), [row["method"] for row in rows] if column == 0 else [""] * len(rows))
        axes.set_ylim(len(rows) - 0.5, -0.5)
        axes.set_xlabel("bit error rate")
    for unused in grid[1, len(names) :]:
        unused.axis("off")
    return {"microscopy": sheet}


def tables(data: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
    """Table 1 in shape."""
    size = data["size"]
    return {f"Table 1 on {size} x {size} measured pixels, {len(data['rows'][0]['runs'])} seeds": contest.table(data)}


def _judge_ours(data: dict[str, Any]) -> Finding:
    found = {method: contest.exact(data, method) for method in OURS}
    ours = "exact runs: " + ", ".join(f"{method} {exact} of {of}" for method, (exact, of) in found.items())
    whole = [exact == of for exact, of in found.values()]
    return Finding(ours, claims.verdict(all(whole), any(whole)))


def _judge_baselines(data: dict[str, Any]) -> Finding:
    rates = contest.mean_rates(data)
    found = {method: contest.exact(data, method) for method in BASELINES}
    ours = "exact runs: " + ", ".join(f"{m} {exact} of {of} (BER {rates[m]:.3f})" for m, (exact, of) in found.items())
    exact, of = contest.exact(data, *BASELINES)
    return Finding(ours, claims.verdict(exact == 0, 2 * exact < of))


def _judge_order(data: dict[str, Any]) -> Finding:
    rates = contest.mean_rates(data)
    best = min(DIRECT, key=lambda m: rates[m])
    most = max(rates[m] for m in OURS)
    ours = f"best direct way: {best}, BER {rates[best]:.4f}; ours: at most {most:.4f}"
    return Finding(ours, claims.verdict(most < rates[best]))


CLAIMS = (
    Claim(
        "On measured images, too, networks on bits become exact.",
        "TESTIMAGES and MIT-FiveK, 16 bits: BER 0",
        "holds if every seed of both of ours is exact on all channels, partly if those of one of the two are",
        _judge_ours,
    ),
    Claim(
        "On measured images none of the six baselines does.",
        "TESTIMAGES, 16 bits: BER .422 .379 .323 .217 .154 .150",
        "holds if no run is exact, partly if fewer than half are",
        _judge_baselines,
    ),
    Claim(
        "(Ours.) The best of all direct ways, half Nyquist among them, leaves more wrong bits than bits do.",
        "",
        "mean bit error rates; holds if more than both of ours",
        _judge_order,
    ),
)

FIGURE = Figure(
    title="Measured images of up to 14 bits",
    shows="Table 1",
    pictures=PICTURES,
    presets=PRESETS,
    compute=compute,
    plot=plot,
    claims=CLAIMS,
    tables=tables,
)
