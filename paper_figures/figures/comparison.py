"""Table 1 and Figures 2, 3 and 5: direct regression in eight ways, against bits.

Every baseline regresses the values themselves, with the same widths as the bit-coordinate network.  Networks of the
paper's kind (the bit as a coordinate) and one network a plane stand beside them, with the first layer at half Nyquist;
and, to tell what the bits do from what the first layer does, direct regression with the first layer at half Nyquist,
and with the one that SIREN has on 256 pixels.  All of them at the best of their own step sizes.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from paper_figures import claims, contest, curves, datafiles, signals, style, tuning
from paper_figures.claims import Claim, Finding
from paper_figures.contest import DIRECT, LARGE, NYQUIST, OURS
from paper_figures.figure import Figure
from refinr import metrics, planes

PICTURES = {
    "comparison": "The first image after training, first seed: decoded above (PSNR in dB, bit error rate), number of "
    "wrong bits in each pixel below (black: none, white: half of them or more). As on 256, half Nyquist: SIREN with "
    "these first layers.",
    "comparison_curves": "Bit error rate against steps, and against multiply-adds of training, for the image with the "
    "most bits, all seeds; stars: nothing is wrong from here on.",
    "comparison_underfitted": "The same early in training, after as many steps for all.",
}

PRESETS: dict[str, dict[str, Any]] = {
    "tiny": {
        "signals": ["portrait", "bathymetry"], "size": 12, "hidden": [32, 32], "steps": 100, "sweep": 1, "early": 10,
        "planes": [12] * 3, "seeds": 1,
    },
    "small": {
        "signals": ["camera", "bathymetry", "fmri"], "size": 24, "hidden": [48] * 3, "steps": 400, "sweep": 9,
        "early": 25, "planes": [16] * 4, "seeds": 3,
    },
    "paper": {
        "signals": ["camera", "astronaut", "coffee", "portrait"], "size": 256, "hidden": [512] * 6, "steps": 5000,
        "sweep": 9, "early": 200, "planes": [128] * 4, "seeds": 3, "xp": "cupy",
    },
}  # fmt: skip


def compute(preset: str, rng: np.random.Generator) -> dict[str, Any]:
    """All methods on all images; decoded images are kept for the first seed of the first one."""
    settings = PRESETS[preset]
    return contest.run(signals.images(settings["signals"], settings["size"]), settings, rng)


def tables(data: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
    """Table 1 in shape."""
    seeds = len(data["rows"][0]["runs"])
    return {f"Table 1 in shape, {seeds} seeds (PSNR, SSIM and RMSE of the worst, RMSE in codes)": contest.table(data)}


def plot(data: dict[str, Any]) -> dict[str, Any]:
    """Images and wrong bits at the end and early on; curves."""
    return {
        "comparison": _draw_images(data, None),
        "comparison_curves": _draw_curves(data),
        "comparison_underfitted": _draw_images(data, data["early"]),
    }


def _draw_images(data: dict[str, Any], step: int | None) -> Any:
    original = datafiles.unpack(data["original"])
    bits = data["bits"][data["first"]]
    rows = [row for row in data["rows"] if row["image"] == data["first"] and row["method"] in
            (*DIRECT, "bit coordinate")]  # fmt: skip
    sheet, grid = style.figure(2, len(rows) + 1, height=0.95)
    limits = {"vmin": 0, "vmax": 2**bits - 1}
    style.image(grid[0, 0], original, "original\n", **limits)
    grid[1, 0].axis("off")
    when = "" if step is None else f"\nafter {step} steps"
    grid[1, 0].text(0.5, 0.5, f"wrong bits{when}", fontsize=6, ha="center", va="center")
    for column, row in enumerate(rows, start=1):
        run = row["runs"][0]
        at = run["steps"] if step is None else min(step, run["steps"])
        decoded = datafiles.unpack(run["images"][str(at)]).astype(original.dtype)
        rate = metrics.bit_error_rate(original, decoded, bits)
        psnr = metrics.psnr(original, decoded, bits)
        worth = "exact" if rate == 0 else f"{psnr:.1f} dB, {rate:.3f}"
        name = row["method"].replace("SIREN, ", "")
        style.image(grid[0, column], decoded, f"{name}\n{worth}", **limits)
        wrong = planes.to_planes(original ^ decoded, bits).sum(axis=-1)
        style.image(grid[1, column], wrong, vmin=0, vmax=bits / 2)
    for axes in grid.flat:
        axes.title.set_fontsize(6)
    return sheet


def _draw_curves(data: dict[str, Any]) -> Any:
    name = max(data["bits"], key=lambda signal: data["bits"][signal])
    rows = [row for row in data["rows"] if row["image"] == name]
    sheet, grid = style.figure(1, 2, height=3.0, sharey=True)
    for index, row in enumerate(rows):
        look = style.line(index) | ({"linewidth": 2.0} if row["method"] in OURS else {})
        for k, run in enumerate(row["runs"]):
            label = None if k else row["method"]
            at = style.steps(run["at"])
            work = at * run["multiply_adds"] / max(run["steps"], 1)
            for axes, x in zip(grid[0], (at, work), strict=True):
                axes.plot(x, run["ber"], label=label, markevery=2, **look)
                if run["exact_at"]:
                    axes.plot(x[-1], 0.0, "*", color=look["color"], markersize=8, clip_on=False)
    style.logarithmic(grid[0, 0].xaxis, [1, 10, 100, 1000])
    style.logarithmic(grid[0, 1].xaxis)
    grid[0, 0].set_ylabel("bit error rate")
    for axes, label in zip(grid[0], ("step", "multiply-adds"), strict=True):
        axes.set_xlabel(label)
        axes.set_ylim(bottom=0)
        axes.set_title(f"{name}, {data['bits'][name]} bits")
    style.legend_below(sheet, grid[0, 0], 5)
    return sheet


def _judge_exact(data: dict[str, Any]) -> Finding:
    found = {method: contest.exact(data, method) for method in OURS}
    ours = ", ".join(f"{method}: {exact} of {of} runs exact" for method, (exact, of) in found.items())
    all_exact = [exact == of for exact, of in found.values()]
    return Finding(ours, claims.verdict(all(all_exact), any(all_exact)))


def _judge_baselines(data: dict[str, Any]) -> Finding:
    found = {method: contest.exact(data, method) for method in curves.BASELINES}
    rates = contest.mean_rates(data)
    ours = ", ".join(f"{m} {exact} of {of} (mean BER {rates[m]:.2g})" for m, (exact, of) in found.items())
    return Finding(f"exact runs: {ours}", claims.none_exact(found.values()))


def _first_layer(data: dict[str, Any], method: str) -> str:
    """Words for what that method reached on every image."""
    return ", ".join(
        f"{row['image']} ({data['bits'][row['image']]} bits) {tuning.steps_in_words(row, data['limit'])} steps, "
        f"BER {tuning.summary(row).ber:.2g}"
        for row in contest.of(data, method)
    )


def _judge_nyquist(data: dict[str, Any]) -> Finding:
    exact, of = contest.exact(data, NYQUIST)
    return Finding(_first_layer(data, NYQUIST), claims.verdict(exact == 0, exact < of))


def _judge_large(data: dict[str, Any]) -> Finding:
    exact, of = contest.exact(data, LARGE)
    return Finding(_first_layer(data, LARGE), claims.verdict(exact == 0, exact < of))


def _judge_own(data: dict[str, Any]) -> Finding:
    exact, of = contest.exact(data, "SIREN")
    return Finding(_first_layer(data, "SIREN"), claims.verdict(exact == of, 2 * exact > of))


def _judge_order(data: dict[str, Any]) -> Finding:
    means = contest.mean_rates(data)
    order = list(curves.BASELINES)
    pairs = [(a, b) for k, a in enumerate(order) for b in order[k + 1 :] if means[a] != means[b]]
    right = sum(means[a] > means[b] for a, b in pairs)
    ours = "from most to fewest wrong bits: " + ", ".join(sorted(order, key=lambda m: -means[m]))
    return Finding(f"{ours}; {right} of {len(pairs)} pairs that differ are as in the paper",
                   claims.verdict(right == len(pairs) == 15, right >= 0.7 * len(pairs)))  # fmt: skip


def _judge_psnr(data: dict[str, Any]) -> Finding:
    runs = [run for row in data["rows"] for run in row["runs"] if run["exact_at"] is None]
    good = [run for run in runs if (run["psnr"][-1] or 0.0) >= 40.0]
    if not good:
        return Finding("no run above 40 dB that is not exact", claims.UNTRIED)
    rates = [tuning.mean_rate(run) for run in good]
    ours = f"{len(good)} runs above 40 dB are not exact; of their bits {min(rates):.2%} to {max(rates):.2%} are wrong"
    return Finding(ours, claims.verdict(min(rates) >= 0.01, max(rates) >= 0.01))


def _judge_iterations(data: dict[str, Any]) -> Finding:
    rows = contest.of(data, "bit coordinate")
    ours = ", ".join(f"{r['image']} {tuning.steps_in_words(r, data['limit'])}" for r in rows)
    exact, of = contest.exact(data, "bit coordinate")
    return Finding(f"{ours} of {data['limit']} steps", claims.verdict(exact == of, 2 * exact > of))


def _judge_work(data: dict[str, Any]) -> Finding:
    """Ours against the best of the direct ways, image by image."""
    fewer = []
    words = []
    for name in data["bits"]:
        found = {r["method"]: tuning.summary(r) for r in data["rows"] if r["image"] == name}
        direct = {m: s for m, s in found.items() if m in DIRECT and s.exact == s.of}
        ours = min((found[m].multiply_adds for m in OURS if found[m].exact == found[m].of), default=np.inf)
        best = min(direct, key=lambda m: direct[m].multiply_adds, default=None)
        least = direct[best].multiply_adds if best else np.inf
        fewer.append(ours < least)
        against = f"against {least / 1e9:.2g} ({best})" if best else "where no direct way is exact with every seed"
        words.append(f"{name}: {ours / 1e9:.2g} {against}")
    return Finding("; ".join(words), claims.verdict(all(fewer), any(fewer)))


CLAIMS = (
    Claim(
        "Networks on bits become exact on every image.",
        "BER 0 on all four sets",
        "holds if every seed of the bit-coordinate network and of one network a plane is exact on all images; partly "
        "if those of one of the two are",
        _judge_exact,
    ),
    Claim(
        "None of the six baselines becomes exact, with the same widths.",
        "BER, DIV2K 8-bit: Tanh+PE .392, ReLU+PE .332, WIRE .237, Gauss .095, SIREN .134, FINER .053; TESTIMAGES "
        "16-bit: .422 .379 .323 .217 .154 .150",
        "each at its own step size; holds if no run is exact, partly if fewer than half are, and none of the six is "
        "exact in all of its runs",
        _judge_baselines,
    ),
    Claim(
        "(Ours.) It takes bits to be exact: direct regression is not, even with its first layer at half Nyquist.",
        "",
        "holds if direct regression at half Nyquist is exact in no run, partly if not in all",
        _judge_nyquist,
    ),
    Claim(
        "(Ours.) At 0.037 of Nyquist, where its first layer is on 256 pixels, SIREN leaves wrong bits on small images "
        "too.",
        "SIREN on 256 x 256 pixels: BER .138 and .134 (8 bits), .154 and .156 (16 bits)",
        "SIREN with the first layer's scale, in units of Nyquist, that it has on 256 pixels; holds if no run is exact, "
        "partly if not all are",
        _judge_large,
    ),
    Claim(
        "(Ours.) On small images SIREN is exact with its own first layer, 0.42 of the Nyquist frequency on 24 pixels.",
        "",
        "holds if every run of SIREN with its own first layer is exact, partly if most are",
        _judge_own,
    ),
    Claim(
        "The baselines rank Tanh+PE, ReLU+PE, WIRE, Gauss, SIREN, FINER from most to fewest wrong bits.",
        "mean over the four sets: .401 .346 .270 .162 .148 .090",
        "mean bit error rates over images and seeds; holds if all 15 pairs are in the paper's order, partly if 70 % of "
        "those are that differ",
        _judge_order,
    ),
    Claim(
        "A high PSNR hides wrong bits.",
        "Figure 2: Gauss 40.50 dB, BER .192; SIREN 40.64, .164; FINER 47.04, .128",
        "looks at runs above 40 dB that are not exact; holds if all have 1 % or more of their bits wrong, partly if "
        "one has",
        _judge_psnr,
    ),
    Claim(
        "Bits become exact within fewer iterations than the baselines are given.",
        "790 +- 109 of 1000 (8 bits), 3450 +- 877 of 5000 (16 bits)",
        "the bit-coordinate network; holds if every run does, partly if most do; iterations only, whatever one costs",
        _judge_iterations,
    ),
    Claim(
        "(Ours.) The better of two ways with bits becomes exact with less work than the best direct regression.",
        "",
        "10^9 multiply-adds of training, whatever the number of parameters (in the table), the better of our two "
        "against the best of all direct ways that are exact with every seed; holds if fewer on every image, partly if "
        "on some",
        _judge_work,
    ),
)

FIGURE = Figure(
    title="Direct regression against bits",
    shows="Table 1, Figures 2, 3, 5",
    pictures=PICTURES,
    presets=PRESETS,
    compute=compute,
    plot=plot,
    tables=tables,
    claims=CLAIMS,
)
