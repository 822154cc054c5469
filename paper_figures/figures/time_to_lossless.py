"""Time until nothing is wrong: the paper's own settings, and what changes them step by step into small Nyquist planes.

The paper's settings are one network with the bit as a coordinate, six sine layers of 512, SIREN's first layer, Adam at
1e-4, all samples at once.  All networks run in NumPy on the same machine, one after the other; what counts is the
processor's time, all cores together, which other users of the machine hardly change (on a GPU, the clock's).
`benchmarks.time_to_lossless` has the same race with the official settings in PyTorch.
"""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

import numpy as np

from paper_figures import claims, curves, fits, signals, style
from paper_figures.claims import Claim, Finding
from paper_figures.figure import Figure
from paper_figures.resume import each
from refinr import cpu
from refinr.decompositions import BitCoordinate
from refinr.fitting import fit

PICTURES = {
    "time_to_lossless": "Processor seconds and steps until every bit of a 16-bit image is right, and parameters a bit, "
    "from the paper's settings to one small network a plane, mean of the seeds (small points: each one's seconds). "
    f"Step sizes: the paper's 1e-4 twice, 1e-3, and {fits.PLANES['lr']:g} for bit planes.",
}

PRESETS: dict[str, dict[str, Any]] = {
    "tiny": {"size": 6, "wide": 64, "narrow": 40, "steps": 200, "seeds": 1},
    "small": {"size": 16, "wide": 512, "narrow": 64, "steps": 400, "seeds": 2},
    "paper": {"size": 256, "wide": 512, "narrow": 512, "steps": 10000, "seeds": 3, "xp": "cupy"},
}
WAYS = (
    "paper's settings",
    "half Nyquist",
    "half Nyquist, narrow, lr 1e-3",
    "bit planes",
)


def compute(preset: str, rng: np.random.Generator) -> dict[str, Any]:
    """All ways on the synthetic image, one after the other."""
    settings = PRESETS[preset]
    signal = signals.image("synthetic", settings["size"])

    def measure(case: dict[str, Any], stream: np.random.Generator) -> dict[str, Any]:
        seed = int(stream.integers(2**31))
        way = case["way"]
        clock = time.perf_counter if "xp" in settings else time.process_time
        if way == "bit planes":
            start = clock()
            inr = fit(signal.codes, **(fits.PLANES | {"margin": 0.0}), seed=seed, xp=settings.get("xp"))
            spent = clock() - start
            report = inr.report
            work = report.steps * curves.multiply_adds(inr.layout.spec, None, 16, signal.codes.size)
            return {"spent": spent, "exact": report.lossless, "steps": report.steps, "parameters": report.parameters,
                    "multiply_adds": work}  # fmt: skip
        method = replace(curves.OURS, lr=1e-4)
        if way == "paper's settings":
            method = replace(method, first_scale=None)
        hidden = [settings["wide"]] * 6
        if "narrow" in way:
            method = replace(method, lr=1e-3)
            hidden = [settings["narrow"]] * 4
        start = clock()
        run = curves.follow(
            signal.codes, 16, BitCoordinate(16), method, hidden, steps=settings["steps"], seed=seed,
            xp=settings.get("xp"), threads=cpu.cores(),
        )  # fmt: skip
        return {
            "spent": clock() - start, "exact": run["exact_at"] is not None, "steps": run["steps"],
            "parameters": run["parameters"], "multiply_adds": run["multiply_adds"],
        }  # fmt: skip

    runs = each(
        measure, [{"way": way, "seed": seed} for way in WAYS for seed in range(settings["seeds"])], rng, workers=1
    )
    rows = [_joined([run for run in runs if run["way"] == way]) for way in WAYS]
    return {"rows": rows, "bits": signal.codes.size * 16, "size": settings["size"]}


def _joined(runs: list[dict[str, Any]]) -> dict[str, Any]:
    """The seeds of one way: means, and the seconds and steps of each."""
    return {
        "way": runs[0]["way"], "parameters": runs[0]["parameters"], "exact": all(run["exact"] for run in runs),
        "spent": float(np.mean([run["spent"] for run in runs])), "spents": [run["spent"] for run in runs],
        "steps": float(np.mean([run["steps"] for run in runs])), "steps of the seeds": [run["steps"] for run in runs],
        "multiply_adds": float(np.mean([run["multiply_adds"] for run in runs])),
    }  # fmt: skip


def tables(data: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
    """The race."""
    rows = [
        {
            "network": row["way"], "processor seconds": f"{row['spent']:.3g}",
            "of the seeds": f"{min(row['spents']):.3g} to {max(row['spents']):.3g}",
            "steps": f"{row['steps']:.1f} +- {np.ptp(row['steps of the seeds']) / 2:.1f}",
            "10^9 multiply-adds": f"{row['multiply_adds'] / 1e9:.3g}", "parameters": row["parameters"],
            "parameters / bit": row["parameters"] / data["bits"], "exact": row["exact"],
            "times faster": data["rows"][0]["spent"] / row["spent"],
        }
        for row in data["rows"]
    ]  # fmt: skip
    return {f"{data['size']} x {data['size']} x 16 bits": rows}


def plot(data: dict[str, Any]) -> dict[str, Any]:
    """Three measures of each way."""
    sheet, grid = style.figure(1, 3, height=1.7, sharey=True)
    measures = {
        "processor seconds": [row["spent"] for row in data["rows"]],
        "steps": [row["steps"] for row in data["rows"]],
        "parameters a bit": [row["parameters"] / data["bits"] for row in data["rows"]],
    }
    for axes, (heading, values) in zip(grid[0], measures.items(), strict=True):
        for index, value in enumerate(values):
            axes.plot(value, index, style.MARKERS[index], color=style.COLOURS[index], markersize=6)
            axes.annotate(f"{value:.3g}", (value, index), xytext=(0, 6), textcoords="offset points", fontsize=6.5,
                          ha="center")  # fmt: skip
        if heading == "processor seconds":
            for index, row in enumerate(data["rows"]):
                axes.plot(row["spents"], [index] * len(row["spents"]), ".", color="black", markersize=2)
        style.logarithmic(axes.xaxis, [10, 20, 30, 50, 100, 200, 500] if heading == "steps" else None)
        axes.margins(x=0.25, y=0.2)
        axes.set_title(heading)
    grid[0, 0].set_yticks(range(len(WAYS)), WAYS)
    grid[0, 0].invert_yaxis()
    return {"time_to_lossless": sheet}


def _judge_faster(data: dict[str, Any]) -> Finding:
    rows = {row["way"]: row for row in data["rows"]}
    theirs = rows["paper's settings"]
    ours_row = rows["bit planes"]
    ratio = theirs["spent"] / ours_row["spent"]
    ours = f"{theirs['spent']:.1f} s and {theirs['parameters']:,} parameters against {ours_row['spent']:.2f} s and "
    ours += f"{ours_row['parameters']:,}: {ratio:.0f} times faster"
    ours = f"{data['size']} x {data['size']} pixels: {ours}"
    return Finding(ours, claims.verdict(ours_row["exact"] and ratio >= 100, ours_row["exact"] and ratio > 1))


CLAIMS = (
    Claim(
        "(Ours.) One small network a plane at half Nyquist is exact a hundred times sooner than the paper's settings, "
        "on a small image.",
        "one network of 1.3 M parameters, 3450 +- 877 iterations for 16 bits on 256 x 256 pixels",
        "processor seconds on the same machine; holds if bit planes are exact and 100 times faster, partly if faster",
        _judge_faster,
    ),
)

FIGURE = Figure(
    title="Time to lossless",
    shows="ours",
    pictures=PICTURES,
    presets=PRESETS,
    compute=compute,
    plot=plot,
    tables=tables,
    claims=CLAIMS,
)
