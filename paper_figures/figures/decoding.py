"""What decoding takes: the paper's network, one small network a plane, and solved readouts.

Of each, processor seconds for a sample of 16 bits, and the bytes of its parameters for an array of 256 x 256 samples.
The paper's network is evaluated as it would be trained or not: the time does not depend on its parameters.
"""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from paper_figures import claims, fits, signals, style
from paper_figures.claims import Claim, Finding
from paper_figures.figure import Figure
from paper_figures.resume import each
from refinr import chunks, coords, mlp
from refinr.decompositions import BitCoordinate
from refinr.fitting import fit
from refinr.solving import solve

PICTURES = {
    "decoding": "Processor time and memory of decoding 16 bits: microseconds a sample (every repetition), and bytes of "
    "parameters a sample of an array of 256 x 256 (dotted: the samples themselves).",
}

PRESETS: dict[str, dict[str, Any]] = {
    "tiny": {"size": 5, "width": 32, "steps": 300, "repetitions": 1},
    "small": {"size": 32, "width": 512, "steps": 2000, "repetitions": 5},
    "paper": {"size": 256, "width": 512, "steps": 2000, "repetitions": 5},
}
WAYS = ("paper's network", "bit planes", "solved readouts")
ARRAY = 256 * 256


def compute(preset: str, rng: np.random.Generator) -> dict[str, Any]:
    """Decode a few times with each."""
    settings = PRESETS[preset]
    signal = signals.image("synthetic", settings["size"])
    samples = signal.codes

    def measure(case: dict[str, Any], stream: np.random.Generator) -> dict[str, Any]:
        seed = int(stream.integers(2**31))
        if case["way"] == "paper's network":
            spec = mlp.MLP.official(width=settings["width"])
            params = mlp.init(spec, seed=seed)
            x = coords.grid(BitCoordinate(16).axes(samples.shape))

            def decode() -> Any:
                return chunks.evaluate(spec, params, x)

            size = 4.0 * mlp.parameter_count(spec) / ARRAY  # one network, whatever the array
            exact = None
        else:
            networks = fits.PLANES | {"max_steps": settings["steps"], "margin": 0.0}
            inr = fit(samples, **networks, seed=seed) if case["way"] == "bit planes" else solve(samples, seed=seed)
            decode = inr.decode
            size = 4.0 * inr.report.parameters / samples.size
            exact = inr.report.lossless
        spent = []
        for _ in range(settings["repetitions"]):
            start = time.process_time()
            decode()
            spent.append((time.process_time() - start) / samples.size)
        return {"seconds a sample": spent, "bytes a sample": size, "exact": exact}

    return {"rows": each(measure, [{"way": way} for way in WAYS], rng, workers=1), "size": settings["size"]}


def plot(data: dict[str, Any]) -> dict[str, Any]:
    """Time and memory."""
    sheet, grid = style.figure(1, 2, height=1.6, sharey=True)
    left, right = grid[0]
    for index, row in enumerate(data["rows"]):
        look = style.line(index) | {"linestyle": ""}
        left.plot([1e6 * s for s in row["seconds a sample"]], [index] * len(row["seconds a sample"]), **look)
        right.plot(row["bytes a sample"], index, **look)
    right.axvline(2.0, color="black", linestyle=":", linewidth=0.8)
    style.rows_of(left, list(WAYS), "microseconds of processor time a sample", [1, 3, 10, 30, 100, 300, 1000])
    style.logarithmic(right.xaxis, [1, 3, 10, 30, 100])
    right.set_xlabel("bytes of parameters a sample, float32")
    right.margins(x=0.2)
    return {"decoding": sheet}


def tables(data: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
    """Medians."""
    rows = [
        {"network": row["way"], "microseconds a sample": 1e6 * float(np.median(row["seconds a sample"])),
         "seconds for 256 x 256": ARRAY * float(np.median(row["seconds a sample"])),
         "bytes of parameters a sample": row["bytes a sample"]}
        for row in data["rows"]
    ]  # fmt: skip
    return {"Decoding, medians": rows}


def _ratio(data: dict[str, Any], what: str) -> tuple[float, float]:
    """The paper's over each of ours."""
    theirs, *ours = (float(np.median(row[what])) for row in data["rows"])
    planes, solved = (theirs / value for value in ours)
    return planes, solved


def _judge_time(data: dict[str, Any]) -> Finding:
    ratios = _ratio(data, "seconds a sample")
    ours = f"bit planes {ratios[0]:.0f} times and solved readouts {ratios[1]:.0f} times faster"
    return Finding(ours, claims.verdict(min(ratios) >= 100, min(ratios) >= 10))


def _judge_memory(data: dict[str, Any]) -> Finding:
    ratios = _ratio(data, "bytes a sample")
    ours = f"bit planes {ratios[0]:.1f} times and solved readouts {ratios[1]:.1f} times smaller in float32"
    return Finding(ours, claims.verdict(min(ratios) >= 2, min(ratios) > 1))


CLAIMS = (
    Claim(
        "(Ours.) Small networks decode a hundred times faster than the paper's.",
        "six layers of 512, a million evaluations for 256 x 256 samples of 16 bits",
        "medians of processor seconds; holds if both are 100 times faster, partly if 10 times",
        _judge_time,
    ),
    Claim(
        "(Ours.) And they take half of its memory, or less.",
        "1.3 M parameters, 643 bits a pixel",
        "parameters in float32 for 256 x 256 samples; holds if both take half or less, partly if less",
        _judge_memory,
    ),
)

FIGURE = Figure(
    title="What decoding takes",
    shows="ours",
    pictures=PICTURES,
    presets=PRESETS,
    compute=compute,
    plot=plot,
    claims=CLAIMS,
    tables=tables,
)
