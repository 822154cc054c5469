"""Table 1 on measured images of up to 14 bits: channels of micrographs in all their bits, and photographs.

The methods of `comparison`, on what a camera measured and at the paper's size; every method at its own step size.
Images are cut into tiles, and each tile has networks of its own, for all methods alike: so 256 x 256 pixels take
minutes.  What one network for all pixels would take is measured beside them, a step of it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any, NamedTuple

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
    "microscopy": "The images, and bit error rates at the end of every method, a point a seed, in lanes in the order "
    "of the images; stars: no wrong bit. In the smaller result every image has one network (or one a plane). In the "
    "larger one images of the paper's 256 x 256 pixels have one for each tile of 32 x 32, and one of 64 x 64, the "
    "largest for which two cores take minutes, has one for all its pixels. The paper has one for 256 x 256: on one "
    "core a run of that takes most of a working day (the larger result has the measured step).",
}

_CHANNELS = [["neuron", 0], ["neuron", 1], ["neuron", 2], ["neuron", 3],
             ["neocortex", 0], ["neocortex", 1], ["neocortex", 2]]  # fmt: skip

PRESETS: dict[str, dict[str, Any]] = {
    "tiny": {
        "sets": [{"images": [["bathymetry"]], "size": 12, "tile": 6, "hidden": [32, 32], "planes": [12] * 3,
                  "steps": 60}],
        "sweep": 1, "seeds": 1, "whole": [],
    },
    "small": {
        "sets": [{"images": [["neuron", 3], ["neuron", 2], ["neuron", 1]], "size": 32, "tile": 32,
                  "hidden": [64] * 3, "planes": [16] * 4, "steps": 300}],
        "sweep": 7, "seeds": 2, "whole": [],
    },
    "paper": {
        "sets": [
            {"images": [["neuron", 1]], "size": 64, "tile": 64, "hidden": [128] * 3, "planes": [32] * 4,
             "steps": 600},
            {"images": [*_CHANNELS, ["camera"], ["astronaut"]], "size": 256, "tile": 32,
             "hidden": [64] * 3, "planes": [16] * 4, "steps": 300},
        ],
        "sweep": 7, "seeds": 2,
        "whole": [[32, [64] * 3], [64, [128] * 3], [128, [256] * 4], [256, [512] * 6]],
    },
}  # fmt: skip
"""``sets``: images that are cut alike, have networks alike and as many steps; ``images``: a photograph, or a micrograph
and a channel.
``whole``: sizes of images, and the layers of one network for all their pixels, of which one step is timed."""

STEPS = 5000
"""What the paper gives the baselines on images of 16 bits."""


class _Part(NamedTuple):
    """An image, how it is cut into tiles, and the layers of a tile's networks and their steps."""

    signal: Signal
    places: list[tuple[slice, ...]]
    given: dict[str, Any]


def compute(preset: str, rng: np.random.Generator) -> dict[str, Any]:
    """All methods on all images, tile by tile."""
    settings = PRESETS[preset]
    parts = {part.signal.name: part for given in settings["sets"] for part in _parts(given)}

    def run(image: str, name: str, tile: int, lr: float, seed: int, most: int | None) -> dict[str, Any]:
        signal, places, given = parts[image]
        cut, method, hidden = contest.way(name, signal.bits, given)
        return curves.follow(
            signal.codes[places[tile]], signal.bits, cut, replace(method, lr=lr), hidden,
            steps=most or given["steps"], seed=seed,
        )  # fmt: skip

    def sweep(case: dict[str, Any], stream: np.random.Generator) -> dict[str, Any]:
        signal, places, given = parts[case["image"]]
        _, method, _ = contest.way(case["method"], signal.bits, given)
        tile = max(range(len(places)), key=lambda k: int(np.ptp(signal.codes[places[k]])))

        def once(lr: float, seed: int, most: int | None) -> dict[str, Any]:
            return run(case["image"], case["method"], tile, lr, seed, most)

        return tuning.tuned(once, method.lr, [int(stream.integers(2**31))], settings["sweep"])

    def train(case: dict[str, Any], stream: np.random.Generator) -> dict[str, Any]:
        seeds = stream.integers(2**31, size=settings["seeds"]).tolist()
        found = [run(case["image"], case["method"], case["tile"], case["lr"], seed, None) for seed in seeds]
        for one in found:
            (one["decoded"],) = one.pop("images").values()
        return {"runs": found}

    rows = each(sweep, [{"image": name, "method": m} for name in parts for m in (*DIRECT, *OURS)], rng)
    chosen = [{name: row[name] for name in ("image", "method", "lr")} for row in rows]
    tiles = each(train, [c | {"tile": k} for c in chosen for k in range(len(parts[c["image"]].places))], rng)
    for row in rows:
        mine = [tile["runs"] for tile in tiles if (tile["image"], tile["method"]) == (row["image"], row["method"])]
        signal, places, _ = parts[row["image"]]
        row["runs"] = [_joined(signal, places, list(runs)) for runs in zip(*mine, strict=True)]
    return {
        "rows": rows,
        "bits": {name: part.signal.bits for name, part in parts.items()},
        "tiles": {name: len(part.places) for name, part in parts.items()},
        "limits": {name: part.given["steps"] for name, part in parts.items()},
        "whole": each(_step, [{"size": n, "hidden": hidden} for n, hidden in settings["whole"]], rng, workers=1),
        "images": {name: datafiles.pack(part.signal.codes) for name, part in parts.items()},
    }


def _parts(given: dict[str, Any]) -> Iterator[_Part]:
    size = given["size"]
    places = tiling.tiles((size, size), (given["tile"],) * 2)
    for what, *channels in given["images"]:
        signal = recordings.microscopy(what, channels[0], size) if channels else signals.image(what, size)
        yield _Part(signal._replace(name=f"{signal.name}, {size} x {size}"), places, given)


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
    """The images, and what is wrong at the end."""
    names = list(data["bits"])
    columns = max(len(names), 3)
    sheet, (tops, bottoms) = style.figure(2, columns, height=2.0, height_ratios=[1, 2.2])
    for axes in (*tops[len(names) :], *bottoms):
        axes.remove()
    for name, axes in zip(names, tops, strict=False):
        what, _, size = name.rpartition(", ")
        style.image(axes, datafiles.unpack(data["images"][name]), "\n".join([*what.split(", "), size]))
        axes.title.set_fontsize(6)
        axes.set_xlabel(f"{data['bits'][name]} bits", fontsize=6)
    axes = sheet.add_subplot(bottoms[0].get_gridspec()[1, :])
    methods = list(dict.fromkeys(row["method"] for row in data["rows"]))
    for row in data["rows"]:
        index = methods.index(row["method"])
        lane = index + 0.7 * ((names.index(row["image"]) + 0.5) / len(names) - 0.5)
        for rate in map(tuning.mean_rate, row["runs"]):
            look = (
                {"marker": style.line(index)["marker"], "markersize": 3} if rate else {"marker": "*", "markersize": 6}
            )
            axes.plot(rate, lane, color=style.line(index)["color"], linestyle="", clip_on=False, **look)
    axes.set_xscale("symlog", linthresh=1e-6, linscale=0.5)
    axes.set_xticks([0, 1e-5, 1e-4, 1e-3, 0.01, 0.1, 0.5], ["0", "0.00001", "0.0001", "0.001", "0.01", "0.1", "0.5"])
    axes.set_xlim(0, 0.5)
    axes.set_yticks(range(len(methods)), methods)
    axes.set_ylim(len(methods) - 0.5, -0.5)
    axes.set_xlabel("bit error rate")
    return {"microscopy": sheet}


def tables(data: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
    """Table 1 in shape: all images of a size together, then each by itself; and what one large network would take."""
    of = f"{len(data['rows'][0]['runs'])} seeds"
    sizes = list(dict.fromkeys(_size(name) for name in data["bits"]))
    found = {f"Table 1 on {size} pixels, all images, {of}": _together(data, size) for size in sizes}
    rows = []
    for row in data["rows"]:
        (shown,) = contest.table({"rows": [row], "bits": data["bits"], "limit": data["limits"][row["image"]]})
        rows.append(shown | {"BER at the end": _spread(row["runs"])})
        if max(data["tiles"].values()) > 1:
            tiles = ", ".join(str(run["exact tiles"]) for run in row["runs"])
            shown["exact tiles"] = f"{tiles} of {data['tiles'][row['image']]}"
    found[f"Table 1 image by image, {of}"] = rows
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


def _spread(runs: list[dict[str, Any]]) -> str:
    """Bit error rates, each with as many digits as it takes to tell it from nothing."""
    return ", ".join(f"{tuning.mean_rate(run):.2g}" for run in runs)


def _size(name: str) -> str:
    return name.rpartition(", ")[2]


def _together(data: dict[str, Any], size: str) -> list[dict[str, Any]]:
    """A row a method, over all images of that size: exact runs, and the mean and the extremes of wrong bits."""
    mine = [row for row in data["rows"] if _size(row["image"]) == size]
    table = []
    for method in dict.fromkeys(row["method"] for row in mine):
        runs = [run for row in mine if row["method"] == method for run in row["runs"]]
        rates = [tuning.mean_rate(run) for run in runs]
        psnr = [run["psnr"][-1] for run in runs if run["psnr"][-1] is not None]
        table.append({
            "method": method, "exact runs": f"{sum(rate == 0 for rate in rates)} of {len(runs)}",
            "BER, mean": f"{np.mean(rates):.2g}", "BER, least": f"{min(rates):.2g}", "BER, most": f"{max(rates):.2g}",
            "PSNR, worst": f"{min(psnr):.2f}" if psnr else "inf", "SSIM, worst": f"{min(r['ssim'] for r in runs):.4f}",
            "10^9 multiply-adds, mean": f"{np.mean([run['multiply_adds'] for run in runs]) / 1e9:.3g}",
            "processor seconds, mean": f"{np.mean([run['seconds'] for run in runs]):.2g}",
        })  # fmt: skip
    return table


def _judge_ours(data: dict[str, Any]) -> Finding:
    found = {method: contest.exact(data, method) for method in OURS}
    ours = "exact runs: " + ", ".join(f"{method} {exact} of {of}" for method, (exact, of) in found.items())
    whole = [exact == of for exact, of in found.values()]
    return Finding(ours, claims.verdict(all(whole), any(whole)))


def _judge_baselines(data: dict[str, Any]) -> Finding:
    rates = contest.mean_rates(data)
    found = {method: contest.exact(data, method) for method in BASELINES}
    ours = "exact runs: " + ", ".join(f"{m} {exact} of {of} (BER {rates[m]:.2g})" for m, (exact, of) in found.items())
    return Finding(ours, claims.none_exact(found.values()))


def _judge_order(data: dict[str, Any]) -> Finding:
    rates = contest.mean_rates(data)
    best = min(DIRECT, key=lambda m: rates[m])
    most = max(rates[m] for m in OURS)
    ours = f"best direct way: {best}, BER {rates[best]:.2g}; ours: at most {most:.2g}"
    return Finding(ours, claims.verdict(most < rates[best]))


CLAIMS = (
    Claim(
        "On measured images, too, networks on bits become exact.",
        "TESTIMAGES and MIT-FiveK, 16 bits: BER 0",
        "holds if every seed of both of ours is exact on all images, partly if those of one of the two are",
        _judge_ours,
    ),
    Claim(
        "On measured images none of the six baselines does.",
        "TESTIMAGES, 16 bits: BER .422 .379 .323 .217 .154 .150",
        "holds if no run is exact, partly if fewer than half are and none of the six is in all its runs",
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
