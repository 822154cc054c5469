"""Why the paper needs thousands of iterations: the first layer's frequencies, in units of what the samples can carry.

SIREN's first layer has effective weights U(+-omega / I), whatever the grid: on 256 pixels that is 0.025 to 0.04 of the
Nyquist frequency pi / spacing.  Here one network a plane is trained to zero wrong bits with the first layer at many
scales, each at its own step size: for several activations, losses, widths, and on noise.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np

from paper_figures import claims, curves, signals, style, tuning
from paper_figures.claims import Claim, Finding
from paper_figures.figure import Figure
from paper_figures.resume import each
from refinr import training
from refinr.decompositions import Planes
from refinr.jobs import Job, Options

_SCALES = [0.0375, 0.075, 0.15, 0.3, 0.5, 1.0, 2.0, 4.0]
PICTURES = {
    "first_scale": "Steps until every bit is right against the scale of the first layer in units of the Nyquist "
    "frequency. Lines: means over the networks of four planes out of 16 and two seeds, each point at its "
    "best step size, the unfinished ones counted as if they finished at the limit (dotted line), so that "
    "points near it are lower bounds. Hollow markers: some networks did not finish. Wide: 20 neurons a "
    "layer and not 12. Along a line every step takes the same work.",
}

PRESETS: dict[str, dict[str, Any]] = {
    "tiny": {"size": 10, "width": 12, "wide": 16, "scales": [0.05, 0.5], "steps": 150, "bits": 4,
             "seeds": 1, "sweep": 1},
    "small": {"size": 20, "width": 12, "wide": 20, "scales": _SCALES, "steps": 600, "bits": 4,
              "seeds": 2, "sweep": 6},
    "paper": {"size": 64, "width": 32, "wide": 50, "scales": _SCALES, "steps": 3000, "bits": 16,
              "seeds": 3, "sweep": 6, "xp": "cupy"},
}  # fmt: skip

_GROUPS = {
    "activation": ("sine", "finer", "gauss, wide", "wire, wide"),
    "loss": ("sine", "sine, MSE", "sine, MAE"),
    "signal and size": ("sine", "sine, wide", "sine, noise", "sine, noise, wide"),
}


_OWN: dict[str, dict[str, Any]] = {"gauss": {"scale": 5.0}, "wire": {"omega": 8.0, "scale": 1.0}}
"""Of the hidden layers; at their authors' values, networks as small as these finish at no scale of the first layer."""


def compute(preset: str, rng: np.random.Generator) -> dict[str, Any]:
    """Steps to zero wrong bits of every plane's network, for all variants and scales."""
    settings = PRESETS[preset]
    variants = sorted({name for group in _GROUPS.values() for name in group})
    cases = [{"variant": name, "first_scale": scale} for name in variants for scale in settings["scales"]]

    def measure(case: dict[str, Any], stream: np.random.Generator) -> dict[str, Any]:
        activation, *rest = case["variant"].split(", ")
        signal = signals.image("noise" if "noise" in rest else "synthetic", settings["size"])
        loss = "mse" if "MSE" in rest else "mae" if "MAE" in rest else "bce"
        method = replace(
            curves.PLANES, activation=activation, loss=loss, first_scale=case["first_scale"], **_OWN.get(activation, {})
        )
        cut = Planes(16)
        hidden = (settings["wide" if "wide" in rest else "width"],) * 4
        spec, x = curves.specification(method, cut, signal.codes.shape, hidden)
        targets = cut.targets(signal.codes.reshape(-1, 1))[:: 16 // settings["bits"]]

        def run(lr: float, seed: int, most: float | None) -> dict[str, Any]:
            limit = min(settings["steps"], math.ceil(2 * most)) if most else settings["steps"]
            options = Options(loss=loss, lr=lr, margin=0.0, max_steps=limit, patience=None, seed=seed)
            outcome = training.train(Job(spec, range(len(targets)), x, targets), options, xp=settings.get("xp"))
            right = outcome.wrong == 0
            mean = float(outcome.steps.mean())
            work = int(outcome.steps.sum()) * curves.multiply_adds(spec, x, 1, targets.shape[1])
            return {
                "exact_at": mean if right.all() else None, "ber": [float(outcome.wrong.mean() / targets.shape[1])],
                "steps": outcome.steps.tolist(), "right": right.tolist(), "multiply_adds": work,
            }  # fmt: skip

        seeds = stream.integers(2**31, size=settings["seeds"] + 1).tolist()
        return tuning.tuned(run, method.lr, seeds, settings["sweep"])

    rows = each(measure, cases, rng)
    return {"rows": rows, "limit": settings["steps"], "size": settings["size"], "width": settings["width"]}


def siren_scale(length: int, dimension: int, omega: float = 30.0) -> float:
    """SIREN's own first layer on an axis of that many samples, in units of Nyquist.

    Examples
    --------
    >>> round(siren_scale(256, 3), 3)
    0.025
    """
    return omega / dimension / (math.pi * (length - 1) / 2)


def plot(data: dict[str, Any]) -> dict[str, Any]:
    """Steps against scale, in three groups."""
    sheet, grid = style.figure(1, 3, height=3.0, sharey=True)
    variants = list(dict.fromkeys(name for names in _GROUPS.values() for name in names))  # one look each
    for axes, (heading, names) in zip(grid[0], _GROUPS.items(), strict=True):
        for name in names:
            rows = [row for row in data["rows"] if row["variant"] == name]
            scale = [row["first_scale"] for row in rows]
            mean = [_mean(row) for row in rows]
            look = style.line(variants.index(name))
            axes.plot(scale, mean, label=_shown(name), **look)
            open_ = [k for k, row in enumerate(rows) if not _all_right(row)]
            axes.plot([scale[k] for k in open_], [mean[k] for k in open_], look["marker"], color=look["color"],
                      markerfacecolor="white")  # fmt: skip
        axes.axhline(data["limit"], color="gray", linestyle=":", linewidth=0.8)
        for d in (2, 3):
            axes.axvline(siren_scale(256, d), color="gray", linewidth=0.8)
        style.logarithmic(axes.xaxis, [0.03, 0.1, 0.3, 1, 3])
        style.logarithmic(axes.yaxis, [10, 30, 100, 300, 1000, 3000])
        axes.set_xlim(left=0.016)
        axes.set_title(heading)
        axes.set_xlabel("first layer's scale / Nyquist")
        axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.2), ncols=2)
    grid[0, 0].set_ylabel("steps to zero wrong bits")
    for d in (2, 3):
        for axes in grid[0]:
            axes.annotate(f"SIREN on 256 pixels, {d} axes", (siren_scale(256, d), 0.02), (-1, 0), fontsize=5.5,
                          rotation=90, ha="right", xycoords=("data", "axes fraction"),
                          textcoords="offset points")  # fmt: skip
    return {"first_scale": sheet}


def _shown(variant: str) -> str:
    """A variant's name as other figures have it."""
    return variant.replace("gauss", "Gauss").replace("wire", "WIRE").replace("finer", "FINER")


def tables(data: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
    """Steps of every variant at every scale, with the step sizes, and work."""
    shown = []
    work = []
    for name in dict.fromkeys(row["variant"] for row in data["rows"]):
        rows = [row for row in data["rows"] if row["variant"] == name]
        shown.append({"network": _shown(name)} | {f"{row['first_scale']:g} Nyquist": _in_words(row) for row in rows})
        done = {f"{row['first_scale']:g} Nyquist": f"{_work(row) / 1e9:.3g}" for row in rows}
        work.append({"network": _shown(name)} | done)
    heading = (
        f"Steps to zero wrong bits, means over the planes, {len(data['rows'][0]['runs'])} seeds (where some networks "
        f"did not finish within {data['limit']} steps: how many did), and after @ the step size"
    )
    return {heading: shown, "10^9 multiply-adds of the same runs, all planes together, mean of the seeds": work}


def _in_words(row: dict[str, Any]) -> str:
    each_seed = [float(np.mean(run["steps"])) for run in row["runs"]]
    right = [one for run in row["runs"] for one in run["right"]]
    steps = f"{np.mean(each_seed):.0f} +- {(max(each_seed) - min(each_seed)) / 2:.0f}"
    edge = "" if row["inside"] else " (edge)"
    return f"{steps if all(right) else f'{sum(right)} of {len(right)}'} @ {row['lr']:g}{edge}"


def _work(row: dict[str, Any]) -> float:
    """Multiply-adds of training, mean of the seeds."""
    return float(np.mean([run["multiply_adds"] for run in row["runs"]]))


def _mean(row: dict[str, Any]) -> float:
    """Steps, mean of all networks of all seeds."""
    return float(np.mean([run["steps"] for run in row["runs"]]))


def _all_right(row: dict[str, Any]) -> bool:
    return all(all(run["right"]) for run in row["runs"])


def _means(data: dict[str, Any], variant: str) -> dict[float, float]:
    rows = [row for row in data["rows"] if row["variant"] == variant]
    return {row["first_scale"]: _mean(row) for row in rows}


def _judge_scale(data: dict[str, Any]) -> Finding:
    variants = sorted({row["variant"] for row in data["rows"]})
    factors = {}
    for name in variants:
        means = _means(data, name)
        half = min(means, key=lambda s: abs(math.log(s / 0.5)))
        factors[name] = means[min(means)] / means[half]
    least = min(factors, key=lambda name: factors[name])
    ours = f"from half Nyquist down to {min(_means(data, 'sine')):g} of it, steps grow by these factors or more: "
    ours += "; ".join(f"{_shown(name)}: {factor:.1f}" for name, factor in factors.items())
    return Finding(ours, claims.verdict(factors[least] >= 3, factors["sine"] >= 3))


def _judge_half(data: dict[str, Any]) -> Finding:
    found = {}
    for name in sorted({row["variant"] for row in data["rows"]}):
        means = _means(data, name)
        half = min(means, key=lambda s: abs(math.log(s / 0.5)))
        rows = [row for row in data["rows"] if row["variant"] == name and row["first_scale"] == half]
        found[name] = means[half] / min(means.values()) if _all_right(rows[0]) else math.inf
    near = {name: ratio <= 1.5 for name, ratio in found.items()}
    ours = "steps at half Nyquist over steps at the fastest scale: "
    ours += "; ".join(f"{_shown(n)}: {f'{r:.2f}' if r < math.inf else 'not all exact'}" for n, r in found.items())
    return Finding(ours, claims.verdict(all(near.values()), near["sine"] and sum(near.values()) > len(near) / 2))


CLAIMS = (
    Claim(
        "(Ours.) The first layer's scale relative to the sampling decides how many iterations exact bits take: at "
        "SIREN's on 256 pixels three times as many as at half the Nyquist frequency, or more.",
        "Table 1: 790 +- 109 iterations for 8 bits, 3450 +- 877 for 16, with SIREN's first layer on 256 pixels",
        "compares mean steps at the smallest scale tried (unfinished networks counted at the limit) with those at the "
        "scale nearest to 1/2; holds if all variants need 3 times as many or more, partly if sine with BCE does",
        _judge_scale,
    ),
    Claim(
        "(Ours.) Half Nyquist is a safe choice, for all activations, losses and widths tried, and on noise.",
        "",
        "holds if for every variant all networks become exact there, in at most 1.5 times the steps of the fastest "
        "scale tried; partly if for most, sine with BCE among them",
        _judge_half,
    ),
)

FIGURE = Figure(
    title="The first layer's scale decides how many steps it takes",
    shows="ours; explains Table 1's iterations",
    pictures=PICTURES,
    presets=PRESETS,
    compute=compute,
    plot=plot,
    tables=tables,
    claims=CLAIMS,
)
