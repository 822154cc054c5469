"""Table 1 on measured images of up to 14 bits: channels of a micrograph, in all their bits.

The methods of `comparison`, on what a camera measured and not on photographs that were reduced; every method at its own
step size.  Images are cut into tiles, and each tile has networks of its own, for all methods alike: so 256 x 256 pixels
take minutes.  What one network for all pixels would take is measured beside them, a step of it.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from paper_figures import claims, contest, curves, datafiles, recordings, signals, style, tuning
from paper_figures.claims import Claim, Finding
from paper_figures.contest import DIRECT, OURS
from paper_figures.curves import BASELINES
from paper_figures.figure import Figure
from paper_figures.resume import each
from paper_figures.signals import Signal
from refinr import metrics, tiling
from refinr.decompositions import Direct

PICTURES = {
    "microscopy": "Channels of a neuron, and bit error rates at the end of every method, each seed a point; a star: no "
    "wrong bit in any seed. Every method has one network (or one a plane) for each tile of 32 x 32 pixels: of a single "
    "tile in the smaller result, of the 64 tiles of the paper's 256 x 256 pixels in the larger one. The paper has one "
    "network for all of these pixels: on one core a run of that takes most of a working day (the larger result has the "
    "measured step).",
}

PRESETS: dict[str, dict[str, Any]] = {
    "tiny": {
        "channels": [], "size": 12, "tile": 6, "hidden": [32, 32], "planes": [12] * 3, "steps": 60, "sweep": 1,
        "seeds": 1, "whole": [],
    },
    "small": {
        "channels": [3, 2, 1], "size": 32, "tile": 32, "hidden": [64] * 3, "planes": [16] * 4, "steps": 300, "sweep": 7,
        "seeds": 2, "whole": [],
    },
    "paper": {
        "channels": [1], "size": 256, "tile": 32, "hidden": [64] * 3, "planes": [16] * 4, "steps": 300, "sweep": 7,
        "seeds": 2,
        "whole": [[32, [64] * 3], [64, [128] * 3], [128, [256] * 4], [256, [512] * 6]],
    },
}  # fmt: skip
"""``whole``: sizes of images, and the layers of one network for all their pixels, of which one step is timed."""

STEPS = 5000
"""What the paper gives the baselines on images of 16 bits."""


def compute(preset: str, rng: np.random.Generator) -> dict[str, Any]:
    """All methods on all channels; without any, on what every installation has."""
    settings = PRESETS[preset]
    size = settings["size"]
    images = {s.name: s for s in (recordings.microscopy(channel, size) for channel in settings["channels"])}
    if not images:
        images = {"bathymetry": signals.image("bathymetry", size)}
    places = tiling.tiles((size, size), (settings["tile"],) * 2)

    def run(signal: Signal, name: str, tile: int, lr: float, seed: int, steps: int) -> dict[str, Any]:
        cut, method, hidden = contest.way(name, signal.bits, settings)
        return curves.follow(
            signal.codes[places[tile]], signal.bits, cut, replace(method, lr=lr), hidden, steps=steps, seed=seed
        )

    def sweep(case: dict[str, Any], stream: np.random.Generator) -> dict[str, Any]:
        signal = images[case["image"]]
        _, method, _ = contest.way(case["method"], signal.bits, settings)
        tile = max(range(len(places)), key=lambda k: int(np.ptp(signal.codes[places[k]])))

        def once(lr: float, seed: int, most: int | None) -> dict[str, Any]:
            return run(signal, case["method"], tile, lr, seed, most or settings["steps"])

        return tuning.tuned(once, method.lr, [int(stream.integers(2**31))], settings["sweep"])

    def train(case: dict[str, Any], stream: np.random.Generator) -> dict[str, Any]:
        seeds = stream.integers(2**31, size=settings["seeds"]).tolist()
        signal = images[case["image"]]
        found = [run(signal, case["method"], case["tile"], case["lr"], seed, settings["steps"]) for seed in seeds]
        for one in found:
            (one["decoded"],) = one.pop("images").values()
        return {"runs": found}

    found = each(sweep, [{"image": s, "method": m} for s in images for m in (*DIRECT, *OURS)], rng)
    chosen = [{name: row[name] for name in ("image", "method", "lr")} for row in found]
    parts = each(train, [row | {"tile": tile} for row in chosen for tile in range(len(places))], rng)
    for row in found:
        mine = [part["runs"] for part in parts if (part["image"], part["method"]) == (row["image"], row["method"])]
        row["runs"] = [_joined(images[row["image"]], places, list(tiles)) for tiles in zip(*mine, strict=True)]
    return {
        "rows": found,
        "bits": {name: signal.bits for name, signal in images.items()},
        "limit": settings["steps"],
        "size": size,
        "tile": settings["tile"],
        "whole": each(_step, [{"size": n, "hidden": hidden} for n, hidden in settings["whole"]], rng, workers=1),
        "images": {name: datafiles.pack(signal.codes) for name, signal in images.items()},
    }


def _joined(signal: Signal, places: list[tuple[slice, ...]], runs: list[dict[str, Any]]) -> dict[str, Any]:
    """Runs of all tiles as one of the image: exact when the last of them is."""
    decoded = np.empty_like(signal.codes)
    for where, run in zip(places, runs, strict=True):
        decoded[where] = datafiles.unpack(run["decoded"])
    exact = [run["exact_at"] for run in runs]
    return {
        "exact_at": None if None in exact else max(exact),
        "exact tiles": sum(at is not None for at in exact),
        "ber": [metrics.bit_error_rate(signal.codes, decoded, signal.bits)],
        "psnr": [datafiles.finite(metrics.psnr(signal.codes, decoded, signal.bits))],
        "rmse": [metrics.rmse(signal.codes, decoded)],
        "ssim": metrics.ssim(signal.codes, decoded, signal.bits),
        **{name: sum(run[name] for run in runs) for name in ("parameters", "multiply_adds", "seconds")},
    }


def _step(case: dict[str, Any], stream: np.random.Generator) -> dict[str, Any]:
    """What a step of one network for all pixels takes; how long does not depend on what they show."""
    codes = stream.integers(0, 1 << 14, (case["size"],) * 2).astype(np.uint16)
    run = curves.follow(codes, 14, Direct(14), BASELINES["SIREN"], case["hidden"], steps=1, seed=0)
    return {"seconds a step": run["seconds"] / 2, "parameters": run["parameters"]}  # gradients are taken twice


def plot(data: dict[str, Any]) -> dict[str, Any]:
    """The channels, and what is wrong at the end."""
    names = list(data["bits"])
    if len(names) == 1:  # beside each other
        sheet, grid = style.figure(1, 2, height=2.8, width_ratios=[1, 1.5])
        tops, bottoms = grid[:, 0], grid[:, 1]
    else:
        sheet, (tops, bottoms) = style.figure(2, len(names), height=2.2, height_ratios=[1, 1.5])
    for column, (name, top, axes) in enumerate(zip(names, tops, bottoms, strict=True)):
        style.image(top, datafiles.unpack(data["images"][name]), f"{name}, {data['bits'][name]} bits")
        rows = [row for row in data["rows"] if row["image"] == name]
        for index, row in enumerate(rows):
            look = style.line(index)
            rates = [tuning.mean_rate(run) for run in row["runs"]]
            if max(rates) == 0:
                axes.plot(0, index, "*", color=look["color"], markersize=9, clip_on=False)
            else:
                axes.plot(rates, [index] * len(rates), look["marker"], color=look["color"], linestyle="", clip_on=False)
        axes.set_xlim(0, 0.5)
        axes.set_yticks(range(len(rows)), [row["method"] for row in rows] if column == 0 else [""] * len(rows))
        axes.set_ylim(len(rows) - 0.5, -0.5)
        axes.set_xlabel("bit error rate")
    return {"microscopy": sheet}


def tables(data: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
    """Table 1 in shape, and what one network for all pixels would take."""
    size = data["size"]
    of = len(tiling.tiles((size, size), (data["tile"],) * 2))
    rows = contest.table(data)
    if of > 1:
        for shown, row in zip(rows, data["rows"], strict=True):
            shown[f"exact tiles of {of}"] = ", ".join(str(run["exact tiles"]) for run in row["runs"])
    found = {f"Table 1 on {size} x {size} measured pixels, {len(data['rows'][0]['runs'])} seeds": rows}
    if data["whole"]:
        found["One network for all pixels, of one output: what it would take on one core"] = [
            {
                "pixels": f"{row['size']} x {row['size']}",
                "hidden layers": f"{len(row['hidden'])} of {row['hidden'][0]}",
                "parameters": f"{row['parameters']:,}", "seconds a step": f"{row['seconds a step']:.2g}",
                f"hours for a run of {STEPS:,} steps": f"{row['seconds a step'] * STEPS / 3600:.2g}",
            }
            for row in data["whole"]
        ]  # fmt: skip
    return found


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
