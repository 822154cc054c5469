"""Readouts of fixed features: which planes have one, and what bits cost that are solved instead of trained.

On the left a network has D cosines and a plane of noise of N samples to reproduce.  Cover (1965) counted how many
planes are possible with features in general position.  A solver cannot do better; what it leaves is either proved
impossible, by a certificate that is checked with all rounding, or undecided.

On the right all ways to represent the same arrays exactly, by processor time and by stored bits: all that a file holds
of the networks, their numbers of features too.  Solved real weights are rounded to float16 or to whole numbers of 8 or
5 bits; ternary and binary ones are whole numbers from the beginning.  Trained networks are kept in float16, those of
the paper in float32.

The paper does not say how long its networks take.  Their point is computed: the iterations and the sizes that it
prints, six operations a weight, sample and iteration, at the speed of a product of float32 matrices on this machine.
"""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from paper_figures import claims, fits, signals, style
from paper_figures.claims import Claim, Finding
from paper_figures.figure import Figure
from paper_figures.resume import each
from refinr import optim, theory
from refinr.fitting import fit
from refinr.readouts import infeasible, real
from refinr.readouts.features import Cosines
from refinr.solving import solve

PICTURES = {
    "readouts": "Left: planes of noise with a readout, by features a sample: solved (points: all seeds, bars: two "
    "standard errors), not proved impossible (rings), and Cover's count (lines). Others: stored bits for each bit "
    "against bits a second of processor time, every seed a point; hollow: wrong bits are left. Of noise, int5 is never "
    "smaller than raw bits.",
}

PRESETS: dict[str, dict[str, Any]] = {
    "tiny": {"sides": [4], "networks": 40, "seeds": 2, "signals": ["noise", "elevation"], "size": 8, "steps": 60},
    "small": {"sides": [8, 16], "networks": 200, "seeds": 3, "signals": ["noise", "elevation"], "size": 64,
              "steps": 2000},
    "paper": {"sides": [8, 16, 32], "networks": 1000, "seeds": 5, "signals": ["noise", "elevation"], "size": 256,
              "steps": 2000},
}  # fmt: skip
RATIOS = (0.35, 0.4, 0.44, 0.47, 0.5, 0.53, 0.56, 0.6, 0.65, 0.7)
"""Features a sample."""

WAYS: dict[str, dict[str, Any]] = {
    "trained": fits.PLANES | {"hidden": (27, 27), "lr": 1e-2, "store": "float16"},
    "trained, small": fits.PLANES | {"hidden": (13, 13, 13), "lr": optim.Cosine(1e-2, 600), "margin": 0.0,
                                     "store": "float16"},
    "float16": {"weights": "real", "store": "float16"},
    "int8": {"weights": "real", "store": "int8"},
    "int5": {"weights": "real", "store": "int5"},
    "int5 or raw bits": {"weights": "real", "store": "smallest", "effort": "small"},
    "ternary": {"weights": "ternary"},
    "ternary, small": {"weights": "ternary", "effort": "small"},
    "binary": {"weights": "binary"},
    "binary, small": {"weights": "binary", "effort": "small"},
}  # fmt: skip
"""Keywords of `refinr.fit` for those that are trained, and of `refinr.solve` for the others."""

SOLVED: dict[str, Any] = {"effort": "fast", "tile": 16, "gray": True}
"""Keywords of `refinr.solve` for all of them."""

PAPER = {"iterations": 3450, "parameters": 1315841, "samples": 256 * 256, "bits": 16}
"""One network with the bit as a coordinate until 16 bits are exact; the number of iterations is +- 877."""


# --- computing -------------------------------------------------------------------------------------------------------


def compute(preset: str, rng: np.random.Generator) -> dict[str, Any]:
    """Shares of planes with a readout, and the race."""
    settings = PRESETS[preset]
    seeds = range(settings["seeds"])
    cases = [{"side": side, "seed": seed} for side in settings["sides"] for seed in seeds]
    shares = each(lambda case, stream: _shares(case, stream, settings["networks"]), cases, rng)
    images = {name: signals.image(name, settings["size"]) for name in settings["signals"]}

    def measure(case: dict[str, Any], stream: np.random.Generator) -> dict[str, Any]:
        return _measured(case["way"], images[case["signal"]], int(stream.integers(2**31)), settings["steps"])

    cases = [{"signal": name, "way": way, "seed": seed} for name in images for way in WAYS for seed in seeds]
    rows = each(measure, cases, rng, workers=1)
    return {
        "shares": shares,
        "rows": rows,
        "networks": settings["networks"],
        "size": settings["size"],
        "operations a second": each(lambda _, stream: {"rate": _rate(stream)}, [{}], rng, workers=1)[0]["rate"],
    }


def _shares(case: dict[str, Any], stream: np.random.Generator, networks: int) -> dict[str, Any]:
    """Of so many planes of noise those that are solved, and those that are proved to have no readout."""
    side = case["side"]
    N = side**2
    basis = Cosines((side, side), 1.0, int(stream.integers(2**31)))
    signs = stream.choice(np.array([-1.0, 1.0]), (N, networks))
    solved = []
    proved = []
    for ratio in RATIOS:
        D = round(ratio * N)
        found = real.solve(basis, signs, D, steps=400)
        left = signs[:, ~found.solved]
        certificates = infeasible.certify(basis, left, D, found.last) if left.size else []
        solved.append(int(found.solved.sum()))
        proved.append(sum(v is not None for v in certificates))
    return {"solved": solved, "proved": proved}


def _measured(way: str, signal: signals.Signal, seed: int, steps: int) -> dict[str, Any]:
    """Processor seconds, parameters and stored bits of a signal, represented in some way."""
    options = WAYS[way] | {"bits": signal.bits, "seed": seed}
    start = time.process_time()
    if way.startswith("trained"):
        inr = fit(signal.codes, **options | {"max_steps": steps})
    else:
        inr = solve(signal.codes, **SOLVED | options)
    spent = time.process_time() - start
    stored = 8 * inr.layout.network.packed_bytes(inr.params, inr.store)
    report = inr.report
    return {
        "spent": spent,
        "bits a second": report.total_bits / spent,
        "parameters a bit": report.parameters_per_bit,
        "stored bits a bit": stored / report.total_bits,
        "exact": report.lossless,
    }


def _rate(stream: np.random.Generator) -> float:
    """Operations a second of a product of float32 matrices on one core."""
    a = stream.random((1024, 1024), dtype=np.float32)
    seconds = []
    for _ in range(5):
        start = time.process_time()
        a @ a
        seconds.append(time.process_time() - start)
    return 2 * 1024**3 / min(seconds)


def _papers(data: dict[str, Any]) -> tuple[float, float]:
    """Bits a second and stored bits a bit of the paper's network."""
    bits = PAPER["samples"] * PAPER["bits"]
    operations = 6 * PAPER["iterations"] * PAPER["parameters"] * bits  # a bit is a sample: it is a coordinate
    return bits / (operations / data["operations a second"]), 32 * PAPER["parameters"] / bits


# --- showing ---------------------------------------------------------------------------------------------------------


def _share(data: dict[str, Any], side: int, which: str) -> np.ndarray:
    """Shares of networks, (seeds, ratios)."""
    return np.array([row[which] for row in data["shares"] if row["side"] == side]) / data["networks"]


def _sides(data: dict[str, Any]) -> list[int]:
    return list(dict.fromkeys(row["side"] for row in data["shares"]))


def _cover(side: int) -> np.ndarray:
    """Cover's share for each ratio."""
    return np.array([float(theory.separable_share(side**2, round(ratio * side**2))) for ratio in RATIOS])


def _errors(data: dict[str, Any], side: int) -> np.ndarray:
    """Standard error of a share over all networks of all seeds."""
    cover = _cover(side)
    return np.sqrt(cover * (1 - cover) / (data["networks"] * len(_share(data, side, "solved"))))


def _of(data: dict[str, Any], signal: str, way: str, what: str) -> np.ndarray:
    """A value of each seed."""
    return np.array([row[what] for row in data["rows"] if (row["signal"], row["way"]) == (signal, way)])


def plot(data: dict[str, Any]) -> dict[str, Any]:
    """Shares on the left, the race on the right."""
    names = list(dict.fromkeys(row["signal"] for row in data["rows"]))
    sheet, grid = style.figure(1, 1 + len(names), height=3.3)
    left, *others = grid[0]
    for index, side in enumerate(_sides(data)):
        marker = style.MARKERS[index]
        line = style.DASHES[index]
        D = np.arange(round(0.3 * side**2), round(0.75 * side**2) + 1)
        cover = [float(theory.separable_share(side**2, int(d))) for d in D]
        left.plot(D / side**2, cover, color="black", linewidth=0.9, linestyle=line)
        left.errorbar(RATIOS, _share(data, side, "solved").mean(axis=0), 2 * _errors(data, side), color="black",
                      fmt=marker, label=f"{side} x {side}")  # fmt: skip
        left.plot(RATIOS, 1 - _share(data, side, "proved").mean(axis=0), marker, color="black",
                  markerfacecolor="none", markersize=6)  # fmt: skip
    left.plot([], [], "o", color="black", markerfacecolor="none", markersize=6, label="not excluded")
    left.set(xlabel="features a sample, D / N", ylabel="share of all planes", title="planes of noise with a readout")
    left.legend(loc="upper left", handletextpad=0.2, borderaxespad=0.1)
    for axes, name in zip(others, names, strict=True):
        for index, way in enumerate(WAYS):
            exact = all(_of(data, name, way, "exact"))
            axes.plot(_of(data, name, way, "bits a second") / 1e6, _of(data, name, way, "stored bits a bit"),
                      style.MARKERS[index], color=style.COLOURS[index], markersize=5,
                      label=way if exact else f"{way} (not exact)",
                      markerfacecolor=None if exact else "none")  # fmt: skip
        speed, stored = _papers(data)
        axes.plot(speed / 1e6, stored, "p", color="black", markersize=7, label="paper's network (computed)")
        bound = "counting bound" if name == "noise" else "raw bits"
        axes.axhline(1.0, color="black", linewidth=0.9, linestyle="-" if name == "noise" else ":")
        axes.annotate(bound, (0.02, 1.0), (0, 2), xycoords=axes.get_yaxis_transform(), textcoords="offset points",
                      fontsize=6.5)  # fmt: skip
        style.logarithmic(axes.xaxis)
        style.logarithmic(axes.yaxis, [0.5, 1, 2, 5, 10, 20, 40])
        axes.set_ylim(0.45, 60)
        axes.set(xlabel="Mbit a second of processor time", title=f"{name}, {data['size']} x {data['size']}")
    others[0].set_ylabel("stored bits for each bit")
    style.legend_below(sheet, others[0], 4)
    return {"readouts": sheet}


def tables(data: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
    """Mean and range of all seeds; shares beside Cover's."""
    race: list[dict[str, Any]] = []
    for name in dict.fromkeys(row["signal"] for row in data["rows"]):
        for way in WAYS:
            speed = _of(data, name, way, "bits a second") / 1e6
            stored = _of(data, name, way, "stored bits a bit")
            race.append({
                "signal": name, "way": way,
                "Mbit/s": f"{speed.mean():.3g} ({speed.min():.3g} to {speed.max():.3g})",
                "parameters / bit": float(_of(data, name, way, "parameters a bit").mean()),
                "stored bits / bit": f"{stored.mean():.3f} ({stored.min():.3f} to {stored.max():.3f})",
                "exact": bool(_of(data, name, way, "exact").all()),
            })  # fmt: skip
    rate, size = _papers(data)
    race.append({
        "signal": "16 bits, 256 x 256", "way": "paper's network (computed)", "Mbit/s": f"{rate / 1e6:.2g}",
        "parameters / bit": size / 32, "stored bits / bit": f"{size:.1f}", "exact": True,
    })  # fmt: skip
    shares = []
    for side in _sides(data):
        columns = [_share(data, side, "solved"), _share(data, side, "proved")]
        for k, ratio in enumerate(RATIOS):
            with_one, without = (float(column[:, k].mean()) for column in columns)
            shares.append({
                "samples": side**2, "D / N": ratio, "solved": with_one, "Cover": float(_cover(side)[k]),
                "proved to have none": without, "undecided": max(0.0, round(1 - with_one - without, 9)),
            })  # fmt: skip
    return {"Every way, mean and range of the seeds": race, "Planes of noise with a readout": shares}


# --- claims ----------------------------------------------------------------------------------------------------------


def _judge_cover(data: dict[str, Any]) -> Finding:
    far = 0.0
    sigmas = 0.0
    for side in _sides(data):
        cover = _cover(side)
        solved = _share(data, side, "solved").mean(axis=0)
        possible = 1 - _share(data, side, "proved").mean(axis=0)
        excess = np.maximum(0.0, np.maximum(solved - cover, cover - possible))
        far = max(far, float(excess.max()))
        floor = 1 / (data["networks"] * len(_share(data, side, "solved")))  # one network
        sigmas = max(sigmas, float((excess / np.maximum(_errors(data, side), floor)).max()))
    ours = (
        f"outside what is solved and what is not proved impossible by at most {far:.3f}, {sigmas:.1f} standard errors"
    )
    return Finding(ours, claims.verdict(sigmas <= 4, far <= 0.05))


def _judge_decided(data: dict[str, Any]) -> Finding:
    open_ = [1 - (_share(data, s, "solved") + _share(data, s, "proved")).mean(axis=0) for s in _sides(data)]
    most = float(max(part.max() for part in open_))
    mean = float(np.mean(open_))
    ours = f"undecided are {100 * mean:.1f} % on average and {100 * most:.1f} % at the worst number of features"
    return Finding(ours, claims.verdict(most <= 0.02, mean <= 0.1))


def _judge_faster(data: dict[str, Any]) -> Finding:
    ratios = np.concatenate([
        _of(data, name, "float16", "bits a second") / _of(data, name, "trained", "bits a second")
        for name in dict.fromkeys(row["signal"] for row in data["rows"])
    ])  # fmt: skip
    exact = all(row["exact"] for row in data["rows"] if row["way"] == "trained")
    ours = f"{ratios.min():.0f} to {ratios.max():.0f} times faster, seed by seed"
    ours += "" if exact else "; trained networks were not exact"
    return Finding(ours, claims.verdict(exact and ratios.min() >= 100, exact and ratios.min() >= 10))


def _judge_bits(data: dict[str, Any]) -> Finding:
    fast, small = (_of(data, "noise", way, "stored bits a bit") for way in ("binary", "binary, small"))
    ours = f"fast {fast.min():.3f} to {fast.max():.3f}, small {small.min():.3f} to {small.max():.3f}"
    ours += " stored bits a bit"
    return Finding(ours, claims.verdict(small.max() <= 1.3, small.max() <= 1.5))


def _judge_paper(data: dict[str, Any]) -> Finding:
    stored = _papers(data)[1]
    small = _of(data, "noise", "binary, small", "stored bits a bit")
    ours = f"{stored:.1f} against {small.mean():.2f} on noise: a factor of {stored / small.max():.0f}"
    return Finding(ours, claims.verdict(stored / small.max() >= 20, stored / small.max() >= 10))


def _judge_image(data: dict[str, Any]) -> Finding:
    image = next(row["signal"] for row in data["rows"] if row["signal"] != "noise")
    means = {way: float(_of(data, image, way, "stored bits a bit").mean()) for way in WAYS}
    way = min(means, key=means.__getitem__)
    ours = f"{means[way]:.2f} stored bits a bit ({way}), where the array itself has 1"
    return Finding(ours, claims.verdict(means[way] < 1.0, means[way] < 1.2))


CLAIMS = (
    Claim(
        "(Ours.) Cosines on a grid reproduce as many planes of noise as features in general position (Cover's count).",
        "no such statement; all its hidden layers are trained",
        "holds if Cover's share is nowhere farther outside the two shares found than 4 standard errors, partly if "
        "within 0.05",
        _judge_cover,
    ),
    Claim(
        "(Ours.) Nearly every plane is decided within 400 steps: a readout, or a proof that there is none.",
        "",
        "holds if at most 2 % are undecided at any number of features, partly if at most 10 % on average",
        _judge_decided,
    ),
    Claim(
        "(Ours.) Solving real weights is a hundred times faster than training small networks.",
        "",
        "processor time for the same array, seed by seed; holds from 100 times on, partly from 10 times on",
        _judge_faster,
    ),
    Claim(
        "(Ours.) With weights of one bit, noise takes at most 1.3 stored bits a bit.",
        "",
        "small effort, every seed; holds up to 1.3, partly up to 1.5 (less than 1 is possible for no method on all "
        "arrays, by counting)",
        _judge_bits,
    ),
    Claim(
        "(Ours.) The paper's network stores twenty times as many bits as one-bit readouts of an array of that size.",
        "1.3 M parameters for 256 x 256 x 16 bits",
        "its parameters in float32 against the largest of our seeds; holds from 20 times on, partly from 10 times on",
        _judge_paper,
    ),
    Claim(
        "(Ours.) On a measured image the best way stores fewer bits than the array has.",
        "",
        "holds below 1 stored bit a bit, partly below 1.2",
        _judge_image,
    ),
)

FIGURE = Figure(
    title="Solved readouts",
    shows="ours",
    pictures=PICTURES,
    presets=PRESETS,
    compute=compute,
    plot=plot,
    tables=tables,
    claims=CLAIMS,
)
