"""Table 5: bit-depth expansion.  A bit-coordinate network is trained on the high planes and asked for the low ones.

Beside the paper's methods stand two that need no image: half a step, and low bits drawn at random.  What they give
follows from arithmetic alone.  With low bits that are uniform and independent of the high ones and a step of
D = 2^(n-m), the mean squared error is D^2 / 3 for zeros, D^2 / 6 for random bits and for the ideal gain (of a uniform
image), and D^2 / 12, the least possible, for half a step: 52.9, 55.9 and 59.0 dB for 8 of 16 planes.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from paper_figures import claims, datafiles, signals, style
from paper_figures.claims import Claim, Finding
from paper_figures.figure import Figure
from paper_figures.resume import each
from refinr import expansion, metrics

PICTURES = {
    "expansion": "PSNR over that of zero padding (dotted). Left: two measurements, cut to their high planes and "
    "expanded again. Methods with chance in them: mean of the seeds. "
    "Right: the paper's Table 5 (8 of 16 and 8 of 12 planes), and what arithmetic gives for uniform low bits (lines).",
    "expansion_low": "The low planes as a number, true and as the network has them, for the first case of each image, "
    "first seed.",
}

PRESETS: dict[str, dict[str, Any]] = {
    "tiny": {"signals": ["elevation", "bathymetry"], "size": 8, "added": [2], "hidden": [16], "steps": 20,
             "seeds": 1},
    "small": {"signals": ["elevation", "bathymetry"], "size": 91, "added": [2, 4, 6], "hidden": [64] * 4,
              "steps": 1000, "seeds": 3},
    "paper": {"signals": ["elevation", "bathymetry"], "size": 91, "added": [2, 4, 6], "hidden": [256] * 4,
              "steps": 5000, "seeds": 3},
}  # fmt: skip
NETWORK: dict[str, Any] = {"tile": 32, "omega": 30.0, "lr": 1e-3, "margin": 0.5, "patience": 300}
METHODS = ("zero padding", "ideal gain", "replication", "random bits", "half a step", "network")
PAPER = {
    "8 of 16": {"zero padding": 52.92, "ideal gain": 55.91, "replication": 52.98, "network": 55.92, "ABCD": 59.39},
    "8 of 12": {"zero padding": 53.31, "ideal gain": 55.93, "replication": 53.32, "network": 55.94, "ABCD": 59.37},
}
"""dB; ABCD is the learned method that the paper compares with."""
ARITHMETIC = {"zero padding": 3, "random bits": 6, "half a step": 12}
"""Mean squared error is the step's square over this number."""


def compute(preset: str, rng: np.random.Generator) -> dict[str, Any]:
    """Every image, with so many planes cut off, expanded in every way."""
    settings = PRESETS[preset]
    images = {signal.name: signal for signal in signals.images(settings["signals"], settings["size"])}

    def measure(case: dict[str, Any], stream: np.random.Generator) -> dict[str, Any]:
        signal = images[case["signal"]]
        added = case["added"]
        to = signal.bits
        known = signal.bits - added
        high = (signal.codes >> added).astype(signal.codes.dtype)
        padded = expansion.zero_padding(high, known, to)
        fixed = {name: expand(high, known, to) for name, expand in expansion.BASELINES.items()}
        fixed["half a step"] = padded + padded.dtype.type(1 << (added - 1))

        def drawn(seed: int) -> dict[str, np.ndarray]:
            low = np.random.default_rng(seed).integers(0, 1 << added, padded.shape, dtype=padded.dtype)
            network = expansion.expand(
                high, known, to, **NETWORK, hidden=settings["hidden"], max_steps=settings["steps"], seed=seed
            )
            return {"random bits": padded + low, "network": network}

        seeds = stream.integers(2**31, size=settings["seeds"]).tolist()
        found = [drawn(seed) for seed in seeds]
        db = {name: datafiles.finite(metrics.psnr(signal.codes, codes, to)) for name, codes in fixed.items()}
        runs = {
            name: [datafiles.finite(metrics.psnr(signal.codes, one[name], to)) for one in found] for name in found[0]
        }
        for name, each_one in runs.items():
            errors = [psnr for psnr in each_one if psnr is not None]  # None: nothing is wrong
            db[name] = float(np.mean(errors)) if errors else None
        mask = signal.codes.dtype.type((1 << added) - 1)
        low = {"true": datafiles.pack(signal.codes & mask), "network": datafiles.pack(found[0]["network"] & mask)}
        return {"bits": to, "psnr": db, "runs of": runs, "low": low}

    cases = [{"signal": name, "added": added} for name in images for added in settings["added"]]
    every = np.arange(256, dtype=np.uint8)[None]
    same = np.array_equal(expansion.replication(every, 8, 16), expansion.ideal_gain(every, 8, 16))
    return {"rows": each(measure, cases, rng), "8 to 16: replication is the ideal gain": same}


def _name(row: dict[str, Any]) -> str:
    return f"{row['signal']}, {row['bits'] - row['added']} of {row['bits']}"


def _arithmetic(known: int, to: int, method: str) -> float:
    """PSNR of a method for low bits that are uniform and independent of the high ones."""
    step = 2.0 ** (to - known)
    return 20 * math.log10((2**to - 1) / step) + 10 * math.log10(ARITHMETIC[method])


def plot(data: dict[str, Any]) -> dict[str, Any]:
    """Gains over zero padding; low planes."""
    sheet, grid = style.figure(1, 2, height=2.7, sharey=True)
    left, right = grid[0]
    for index, method in enumerate(METHODS[1:]):
        look = style.line(index) | {"linestyle": ""}
        gains = _gains(data, method, "zero padding")
        left.plot(np.arange(len(gains)) + 0.12 * (index - 2), gains, label=method, **look, markersize=5)
        printed = [table[method] - table["zero padding"] if method in table else np.nan for table in PAPER.values()]
        right.plot(np.arange(len(printed)) + 0.12 * (index - 2), printed, **look, markersize=5)
        if method in ARITHMETIC:
            gain = 10 * math.log10(ARITHMETIC[method] / ARITHMETIC["zero padding"])
            right.axhline(gain, color=look["color"], linewidth=0.8)
            place = {"x": 1.9, "ha": "right"} if method == "random bits" else {"x": -0.55, "ha": "left"}
            right.annotate(f"{method}, uniform low bits", (place["x"], gain), (0, 2), textcoords="offset points",
                           ha=place["ha"], fontsize=5.5, color=look["color"])  # fmt: skip
    learned = [table["ABCD"] - table["zero padding"] for table in PAPER.values()]
    left.plot([], [], label="ABCD (the paper's)", **(style.line(6) | {"linestyle": ""}))
    right.plot(np.arange(2) + 0.4, learned, **(style.line(6) | {"linestyle": ""}), markersize=5)
    left.set_xticks(range(len(data["rows"])), [_name(row).replace(", ", "\n") for row in data["rows"]],
                    fontsize=6)  # fmt: skip
    right.set_xticks(range(2), PAPER)
    right.set_xlim(-0.6, 1.95)
    for axes in (left, right):
        axes.axhline(0.0, color="gray", linestyle=":", linewidth=0.8)
    left.set_ylabel("PSNR over zero padding, dB")
    left.set_title("measured here")
    right.set_title("printed in the paper")
    style.legend_below(sheet, left, 6)
    low, axes = style.figure(1, 4, height=1.9)
    names = list(dict.fromkeys(row["signal"] for row in data["rows"]))
    for index, name in enumerate(names[:2]):
        row = next(row for row in data["rows"] if row["signal"] == name)
        for k, which in enumerate(("true", "network")):
            title = f"{name}, lowest {row['added']} bits:\n{which}"
            style.image(axes[0, 2 * index + k], datafiles.unpack(row["low"][which]), title)
    for unused in axes[0, 2 * len(names[:2]) :]:
        unused.set_axis_off()
    return {"expansion": sheet, "expansion_low": low}


def tables(data: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
    """PSNR of all methods, and the paper's."""
    ours = [{"image": _name(row)} | {f"{m}, dB": _seeds(row, m) for m in METHODS} for row in data["rows"]]
    printed: list[dict[str, Any]] = []
    for name, table in PAPER.items():
        known, to = (int(part) for part in name.split(" of "))
        arithmetic = {f"{m}, uniform low bits": _db(_arithmetic(known, to, m)) for m in ARITHMETIC}
        printed.append({"planes": name} | {f"{m}, dB": _db(value) for m, value in table.items()} | arithmetic)
    seeds = len(data["rows"][0]["runs of"]["network"])
    return {f"Measured, {seeds} seeds where there is chance": ours, "Table 5, and what arithmetic gives": printed}


def _db(psnr: float | None) -> str:
    return "exact" if psnr is None else f"{psnr:.2f}"


def _seeds(row: dict[str, Any], method: str) -> str:
    """The mean, and half the distance of the extremes where a method depends on its seed."""
    runs = [150.0 if psnr is None else psnr for psnr in row["runs of"].get(method, [])]
    spread = f" +- {(max(runs) - min(runs)) / 2:.2f}" if len(runs) > 1 else ""
    return _db(row["psnr"][method]) + spread


def _psnr(row: dict[str, Any]) -> dict[str, float]:
    """PSNR of a row, with a number of dB for images that are equal."""
    return {method: 150.0 if psnr is None else psnr for method, psnr in row["psnr"].items()}


def _gains(data: dict[str, Any], method: str, other: str) -> list[float]:
    return [_psnr(row)[method] - _psnr(row)[other] for row in data["rows"]]


def _words(gains: list[float]) -> str:
    return f"{', '.join(f'{gain:+.2f}' for gain in gains)} dB"


def _judge_network(data: dict[str, Any]) -> Finding:
    gains = _gains(data, "network", "ideal gain")
    padding = _gains(data, "network", "zero padding")
    ours = f"against the ideal gain {_words(gains)}; against zero padding {_words(padding)}"
    return Finding(ours, claims.verdict(min(gains) >= -0.1, min(padding) > 0))


def _judge_ideal(data: dict[str, Any]) -> Finding:
    gains = _gains(data, "ideal gain", "zero padding")
    ours = f"{_words(gains)}; it depends on how bright the image is"
    return Finding(ours, claims.verdict(min(gains) >= 2.5 and max(gains) <= 3.5, min(gains) > 0))


def _judge_replication(data: dict[str, Any]) -> Finding:
    same = data["8 to 16: replication is the ideal gain"]
    ours = f"for all 256 codes they are {'the same: both are 257 v' if same else 'different'}"
    return Finding(ours, claims.verdict(not same))


def _judge_half(data: dict[str, Any]) -> Finding:
    gains = [
        min(gain) for gain in zip(*(_gains(data, "half a step", m) for m in METHODS if m != "half a step"), strict=True)
    ]
    ours = f"half a step against the best other method: {_words(gains)}; by arithmetic, for the paper's 8 of 16 "
    ours += f"planes, {_arithmetic(8, 16, 'half a step'):.2f} dB"
    return Finding(ours, claims.verdict(min(gains) > 0, sum(gain > 0 for gain in gains) * 2 >= len(gains)))


def _judge_random(data: dict[str, Any]) -> Finding:
    gains = _gains(data, "network", "random bits")
    ours = f"the network against random bits: {_words(gains)}; by arithmetic, random bits have "
    ours += f"{_arithmetic(8, 16, 'random bits'):.2f} dB for the paper's 8 of 16 planes"
    return Finding(ours, claims.verdict(max(gains) <= 0.1, max(gains) <= 1))


CLAIMS = (
    Claim(
        "A bit-coordinate network that never saw the low planes expands bit depth as well as the ideal gain.",
        "55.92 and 55.91 dB for 8 of 16 planes, 55.94 and 55.93 dB for 8 of 12; zero padding 52.92 and 53.31",
        "holds if it is nowhere more than 0.1 dB below the ideal gain, partly if it is above zero padding everywhere",
        _judge_network,
    ),
    Claim(
        "The ideal gain is three dB better than zero padding.",
        "55.91 against 52.92 dB, 55.93 against 53.31 dB",
        "holds if it is better by 2.5 to 3.5 dB everywhere, partly if it is better everywhere",
        _judge_ideal,
    ),
    Claim(
        "From 8 to 16 bits, replication of the bits is three dB below the ideal gain.",
        "52.98 against 55.91 dB",
        "does not hold if both are the same map",
        _judge_replication,
    ),
    Claim(
        "(Ours.) Half a step, which needs no network and no training, is better than all methods of the table but "
        "the one that was trained for the task.",
        "59.39 dB for that one, the others 52.92 to 55.92; half a step is not in the table",
        "holds if half a step has the highest PSNR on every row, partly if on at least half of them",
        _judge_half,
    ),
    Claim(
        "(Ours.) What the network adds is worth no more than low bits drawn at random.",
        "55.92 dB for 8 of 16 planes",
        "holds if the network is nowhere more than 0.1 dB above random bits, partly if nowhere more than 1 dB",
        _judge_random,
    ),
)

FIGURE = Figure(
    title="Bit-depth expansion",
    shows="Table 5",
    pictures=PICTURES,
    presets=PRESETS,
    compute=compute,
    plot=plot,
    tables=tables,
    claims=CLAIMS,
)
