"""Figures 6 and 7: high bits are learned before low ones, by every activation; and why.

Direct regression of a measured image, the bit error rate of every plane at many steps.  Beside each measured
rate stands what the size of the errors alone predicts: if the sample differs from its code by e steps, and codes fall
anywhere within a period of ``2^(i+1)``, then bit i is wrong with probability

    T(|e| / 2^i),    T(u) = |u - 2 round(u / 2)|,

a triangle wave: ``|e| / 2^i`` for errors below ``2^i``, one half on average for larger ones.  One more bit, half the
errors: a staircase, whatever the activation.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np

from paper_figures import claims, curves, datafiles, signals, style, tuning
from paper_figures.claims import Claim, Finding
from paper_figures.figure import Figure
from paper_figures.resume import each
from refinr import planes
from refinr.decompositions import Direct

PICTURES = {
    "bit_bias": "Bit error rate of every plane while six networks regress the same 10-bit terrain directly. Lines: "
    "measured, from the least significant bit (dark) to the most significant one (bright). Crosses, at every third "
    "look: predicted from the sizes of the errors alone. First seed, each network at its best step size; verdicts and "
    "table are about all seeds.",
    "bit_bias_planes": "Planes of the SIREN fit before it is exact, first seed: the original above, decoded below (the "
    "step is written beside it), its bit error rate in the titles.",
}

PRESETS: dict[str, dict[str, Any]] = {
    "tiny": {"signal": "elevation", "size": 16, "hidden": [24, 24], "steps": 60, "sweep": 1, "seeds": 1},
    "small": {"signal": "elevation", "size": 32, "hidden": [64, 64, 64], "steps": 500, "sweep": 9, "seeds": 3},
    "paper": {
        "signal": "elevation", "size": 256, "hidden": [512] * 5, "steps": 5000, "sweep": 9, "seeds": 3, "xp": "cupy",
    },
}  # fmt: skip
LEARNED = 0.1
"""Bit error rate at which a plane counts as learned."""


def compute(preset: str, rng: np.random.Generator) -> dict[str, Any]:
    """Curves of all baselines, each at the best of its own step sizes."""
    settings = PRESETS[preset]
    signal = signals.image(settings["signal"], settings["size"])
    codes = signal.codes.astype(np.int64)

    def predict(decoded: np.ndarray) -> dict[str, Any]:
        errors = decoded[:, 0].astype(np.int64) - codes.ravel()
        return {"predicted": [round(rate, 5) for rate in staircase(errors, signal.bits)]}

    at = curves.looks(settings["steps"], 28)

    def measure(case: dict[str, Any], stream: np.random.Generator) -> dict[str, Any]:
        method = curves.BASELINES[case["method"]]
        seeds = stream.integers(2**31, size=settings["seeds"] + 1).tolist()

        def run(lr: float, seed: int, most: int | None) -> dict[str, Any]:
            found = curves.follow(
                signal.codes, signal.bits, Direct(signal.bits), replace(method, lr=lr), settings["hidden"],
                steps=most or settings["steps"], seed=seed, at=at, images_at=[at[2 * len(at) // 3]], observe=predict,
                by_plane=True, xp=settings.get("xp"),
            )  # fmt: skip
            if case["method"] != "SIREN" or seed != seeds[1]:
                found["images"] = {}
            return found | {"ber": [[round(rate, 5) for rate in rates] for rates in found["ber"]]}

        return tuning.tuned(run, method.lr, seeds, settings["sweep"])

    rows = each(measure, [{"method": name} for name in curves.BASELINES], rng)
    return {"signal": signal.name, "bits": signal.bits, "original": datafiles.pack(signal.codes), "rows": rows}


def staircase(errors: np.ndarray, bits: int) -> list[float]:
    """Bit error rates that errors of these sizes lead to if codes fall anywhere: mean of ``T(|e| / 2^i)``.

    Examples
    --------
    >>> staircase(np.array([1, -1]), 3)
    [1.0, 0.5, 0.25]
    """
    u = np.abs(errors)[:, None] / 2.0 ** np.arange(bits)  # (N, B)
    return np.abs(u - 2.0 * np.rint(u / 2.0)).mean(axis=0).tolist()


def plot(data: dict[str, Any]) -> dict[str, Any]:
    """Rates against steps, and the planes of an under-fitted image."""
    return {"bit_bias": _draw_rates(data), "bit_bias_planes": _draw_planes(data)}


def _draw_rates(data: dict[str, Any]) -> Any:
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import BoundaryNorm

    bits = data["bits"]
    colours = style.shades(bits)
    sheet, grid = style.figure(2, 3, sharex=True, sharey=True)
    firsts = [row["runs"][0] for row in data["rows"]]
    grid[0, 0].set_ylim(-0.02, 0.02 + max(np.max(run[which]) for run in firsts for which in ("ber", "predicted")))
    for axes, row in zip(grid.flat, data["rows"], strict=True):
        run = row["runs"][0]
        measured = np.array(run["ber"])
        predicted = np.array(run["predicted"])
        at = style.steps(run["at"])
        for i in range(bits):
            axes.plot(at, measured[:, i], color=colours(i))
            axes.plot(at[::3], predicted[::3, i], "x", color=colours(i), markersize=3)
        style.logarithmic(axes.xaxis, [1, 10, 100, 1000])
        axes.set_title(f"{row['method']}, step size {row['lr']:g}")
    for axes in grid[-1]:
        axes.set_xlabel("step")
    for axes in grid[:, 0]:
        axes.set_ylabel("bit error rate")
    norm = BoundaryNorm(np.arange(bits + 1) - 0.5, bits)
    bar = sheet.colorbar(ScalarMappable(norm, colours), ax=grid, aspect=40, ticks=range(bits))
    bar.set_label("plane (0: least significant)")
    return sheet


def _draw_planes(data: dict[str, Any]) -> Any:
    row = next(row for row in data["rows"] if row["method"] == "SIREN")["runs"][0]
    step = min(row["images"], key=int)
    original = datafiles.unpack(data["original"])
    decoded = datafiles.unpack(row["images"][step])
    bits = data["bits"]
    rate = row["ber"][row["at"].index(int(step))]
    sheet, grid = style.figure(2, bits, height=0.95)
    top = planes.to_planes(original, bits)
    bottom = planes.to_planes(decoded, bits)
    for column, i in enumerate(reversed(range(bits))):
        style.image(grid[0, column], top[..., i], f"plane {i}", vmin=0, vmax=1)
        style.image(grid[1, column], bottom[..., i], f"{rate[i]:.2f}", vmin=0, vmax=1)
    grid[0, 0].set_ylabel("original")
    grid[1, 0].set_ylabel(f"step {step}")
    return sheet


def tables(data: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
    """Every network at its own step size."""
    limit = max(run["steps"] for row in data["rows"] for run in row["runs"])
    shown = []
    for row in data["rows"]:
        learned = ", ".join(str(int(np.isfinite(_learned(run)).sum())) for run in row["runs"])
        shown.append(
            {"network": row["method"], f"planes learned of {data['bits']}": learned} | tuning.columns(row, limit)
        )
    return {f"{data['signal']}, {data['bits']} bits, {len(data['rows'][0]['runs'])} seeds": shown}


def _learned(run: dict[str, Any]) -> list[float]:
    """For every plane the first look with a rate of at most `LEARNED`; infinity if there is none."""
    rates = np.array(run["ber"])  # (looks, B)
    return [next((s for s, rate in zip(run["at"], plane, strict=True) if rate <= LEARNED), np.inf) for plane in rates.T]


def _judge_order(data: dict[str, Any]) -> Finding:
    wrong = decided = pairs = 0
    spans = []
    fewest = data["bits"]
    for row in data["rows"]:
        counts = []
        for run in row["runs"]:
            learned = _learned(run)
            pairs += len(learned) - 1
            decided += sum(min(low, high) < np.inf for low, high in pairwise(learned))  # neither says nothing
            wrong += sum(low < high for low, high in pairwise(learned))
            counts.append(int(sum(np.isfinite(learned))))
        fewest = min(fewest, *counts)
        spans.append(f"{row['method']} {min(counts)} to {max(counts)}")
    ours = f"{decided - wrong} of {decided} pairs of neighbouring planes of which at least one is learned are in order "
    ours += f"(no plane of the other {pairs - decided} pairs is); planes learned of {data['bits']}: {', '.join(spans)}"
    return Finding(ours, claims.verdict(wrong == 0 and fewest >= 2, wrong <= 0.1 * decided))


def _judge_staircase(data: dict[str, Any]) -> Finding:
    gaps = []
    for row in data["rows"]:
        for run in row["runs"]:
            gaps.append(np.abs(np.array(run["ber"]) - np.array(run["predicted"]))[1:])
    joined = np.concatenate(gaps)  # (looks of all runs, B)
    apart = np.quantile(joined, 0.95, axis=0)
    ours = f"mean distance of measured from predicted rates {joined.mean():.3f}, 95 % of them within "
    ours += f"{np.quantile(joined, 0.95):.3f} ({joined.size} rates); plane by plane, from the least significant on, "
    ours += f"within {', '.join(f'{gap:.3f}' for gap in apart)}"
    return Finding(ours, claims.verdict(apart.max() <= 0.05, np.quantile(joined, 0.95) <= 0.05))


CLAIMS = (
    Claim(
        "Bit bias: the most significant bit is learned before the least significant one, whatever the activation.",
        "shown as curves, without numbers",
        f"a plane is learned at the first look with a bit error rate of at most {LEARNED}; pairs of which "
        "neither plane is learned decide nothing; holds if no plane is learned before the next higher one and every "
        "run of the six networks learns two or more; partly if at most 10 % of the decided pairs are the other way "
        "round",
        _judge_order,
    ),
    Claim(
        "(Ours.) Bit bias is arithmetic: the sizes of the errors alone predict the error rate of every plane, "
        "whatever network made them.",
        "",
        "holds if of each plane 95 % of the measured rates of all networks are within 0.05 of the prediction; partly "
        "if of all planes together",
        _judge_staircase,
    ),
)

FIGURE = Figure(
    title="Bit bias: high bits first",
    shows="Figures 6 and 7",
    pictures=PICTURES,
    presets=PRESETS,
    compute=compute,
    plot=plot,
    tables=tables,
    claims=CLAIMS,
)
