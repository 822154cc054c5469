"""Table 2: bit planes for other networks, two of which are tables more than networks.

Instant-NGP interpolates in trained grids, DINER has a trained row for every sample; Gauss and FINER are activations.
Each regresses the values directly, and has the bits as outputs of the same network; both ways at their own best step
sizes.  (The paper does not say how it combines them; with the bit as a coordinate DINER's table would be as many times
larger as there are bits.)  Beside them stand the tables alone: no hidden layer, outputs linear in what is looked up.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from paper_figures import claims, curves, signals, style, tuning
from paper_figures.claims import Claim, Finding
from paper_figures.curves import Method
from paper_figures.figure import Figure
from paper_figures.resume import each
from refinr import lookups
from refinr.decompositions import Direct

PICTURES = {
    "combined": "Left and middle: steps to zero wrong bits of every method, with the values as its output (hollow, "
    "above) and with the bits (full, below), every seed (crosses: not reached at the limit, dotted). Right: "
    "Instant-NGP with smaller tables on the first image, with its network (lines) and without (dashed): bit error rate "
    "at the end, mean of the seeds, against numbers in the tables for a sample.",
}

PRESETS: dict[str, dict[str, Any]] = {
    "tiny": {
        "signals": ["portrait"], "size": 8, "hidden": [24], "steps": 50, "seeds": 1, "sweep": 1, "rows": [16, 64],
        "held": 20,
    },
    "small": {
        "signals": ["camera", "fmri"], "size": 24, "hidden": [72] * 2, "steps": 600, "seeds": 3, "sweep": 9,
        "rows": [16, 64, 256, 1024], "held": 300,
    },
    "paper": {
        "signals": ["camera", "astronaut", "coffee"], "size": 256, "hidden": [256] * 3, "steps": 15000, "seeds": 3,
        "sweep": 9, "rows": [2**k for k in range(8, 17)], "held": 2000, "xp": "cupy",
    },
}  # fmt: skip

METHODS = {
    "Instant-NGP": Method("Instant-NGP", 1e-2, "relu", table="hash grid"),
    "DINER": Method("DINER", 1e-3, "sine", table="a row a sample"),
    "Gauss": curves.BASELINES["Gauss"],
    "FINER": curves.BASELINES["FINER"],
}
ALONE = {"Instant-NGP": "Instant-NGP, tables alone", "DINER": "DINER, table alone"}
WAYS = {"values": "mse", "bits": "bce"}
"""What the outputs are, and the loss."""


def compute(preset: str, rng: np.random.Generator) -> dict[str, Any]:
    """All methods both ways on all images, and Instant-NGP with smaller tables."""
    settings = PRESETS[preset]
    images = {signal.name: signal for signal in signals.images(settings["signals"], settings["size"])}
    first = next(iter(images))

    def measure(case: dict[str, Any], stream: np.random.Generator) -> dict[str, Any]:
        signal = images[case["signal"]]
        method = METHODS[case["method"]]
        method = replace(method, loss=WAYS[case["outputs"]], rows=case.get("rows", method.rows))
        cut: Any = Direct(signal.bits) if case["outputs"] == "values" else curves.Outputs(signal.bits)
        if case["alone"] and case["method"] == "DINER" and case["outputs"] == "bits":
            method = replace(method, features=signal.bits)  # two numbers a sample are no linear map's bits
        hidden = [] if case["alone"] else settings["hidden"]
        steps = settings["held" if "rows" in case else "steps"]

        def run(lr: float, seed: int, most: int | None) -> dict[str, Any]:
            return curves.watched(
                signal.codes, signal.bits, cut, replace(method, lr=lr), hidden, steps=most or steps, seed=seed,
                at=[], xp=settings.get("xp"),
            )  # fmt: skip

        seeds = stream.integers(2**31, size=settings["seeds"] + 1).tolist()
        found = tuning.tuned(run, method.lr, seeds, settings["sweep"])
        in_tables = 0
        if method.table:
            _, grid = curves.specification(method, cut, signal.codes.shape, hidden)
            in_tables = lookups.parameter_count(grid, method.features)
        return found | {"in tables": in_tables / signal.codes.size}

    ways = [{"method": m, "alone": False} for m in METHODS] + [{"method": m, "alone": True} for m in ALONE]
    cases = [{"signal": s, "outputs": o} | way for s in images for way in ways for o in WAYS]
    held = [
        {"signal": first, "outputs": o, "method": "Instant-NGP", "alone": alone, "rows": rows}
        for alone in (False, True)
        for o in WAYS
        for rows in settings["rows"]
    ]
    bits = {name: signal.bits for name, signal in images.items()}
    return {
        "rows": each(measure, cases, rng), "held": each(measure, held, rng), "bits": bits, "first": first,
        "limit": settings["steps"], "limit of held": settings["held"],
    }  # fmt: skip


def _label(row: dict[str, Any]) -> str:
    return ALONE[row["method"]] if row["alone"] else row["method"]


def plot(data: dict[str, Any]) -> dict[str, Any]:
    """Steps of every way; wrong bits against the size of the tables."""
    images = list(data["bits"])[:2]
    sheet, grid = style.figure(1, len(images) + 1, height=2.9)
    names = [*METHODS, *ALONE.values()]
    for axes, name in zip(grid[0], images, strict=False):
        for row in (row for row in data["rows"] if row["signal"] == name):
            index = names.index(_label(row))
            look = style.line(index)
            for run in row["runs"]:
                reached = run["exact_at"] is not None
                beside = 0.15 if row["outputs"] == "bits" else -0.15
                axes.plot(
                    run["exact_at"] if reached else data["limit"], index + beside,
                    look["marker"] if reached else "x", color=look["color"], markersize=5,
                    markerfacecolor=look["color"] if row["outputs"] == "bits" else "white",
                )  # fmt: skip
        axes.axvline(data["limit"], color="gray", linestyle=":", linewidth=0.8)
        shown = names if name == images[0] else [""] * len(names)
        style.rows_of(axes, shown, "steps to zero wrong bits", [10, 20, 50, 100, 200, 500, 1000, 5000])
        axes.set_title(f"{name}, {data['bits'][name]} bits")
    right = grid[0, -1]
    for outputs, colour in zip(WAYS, style.COLOURS[6:], strict=False):
        for alone in (False, True):
            rows = [row for row in data["held"] if row["outputs"] == outputs and row["alone"] is alone]
            label = f"{outputs}, {'tables alone' if alone else 'with its network'}"
            right.plot(
                [row["in tables"] for row in rows], [max(tuning.summary(row).ber, 1e-5) for row in rows],
                color=colour, linestyle="--" if alone else "-", marker="s" if alone else "o", label=label,
            )  # fmt: skip
    style.logarithmic(right.xaxis, [0.2, 0.5, 1, 2, 5, 10, 20])
    style.logarithmic(right.yaxis)
    right.set_xlabel("numbers in tables a sample")
    right.set_title(f"{data['first']}: bit error rate\n(0 drawn at $10^{{-5}}$)", fontsize=7)
    style.legend_below(sheet, right, 4)
    return {"combined": sheet}


def tables(data: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
    """Table 2 in shape."""
    rows = [
        {
            "image": row["signal"], "method": _label(row), "outputs": row["outputs"],
            "parameters": row["runs"][0]["parameters"],
        } | tuning.columns(row, data["limit"])
        for row in data["rows"]
    ]  # fmt: skip
    held = [
        {
            "tables of Instant-NGP, numbers a sample": row["in tables"], "outputs": row["outputs"],
            "network": "none" if row["alone"] else "its own",
        } | tuning.columns(row, data["limit of held"])
        for row in data["held"]
    ]  # fmt: skip
    seeds = len(data["rows"][0]["runs"])
    return {f"Table 2 in shape, {seeds} seeds": rows, f"{data['first']}, smaller tables, {seeds} seeds": held}


def _found(data: dict[str, Any], **wanted: Any) -> list[tuning.Summary]:
    return [tuning.summary(row) for row in data["rows"] if all(row[name] == value for name, value in wanted.items())]


def _judge_bits(data: dict[str, Any]) -> Finding:
    parts = []
    all_exact = []
    for name in METHODS:
        found = _found(data, method=name, alone=False, outputs="bits")
        all_exact.append(all(f.exact == f.of for f in found))
        parts.append(f"{name} {sum(f.exact for f in found)} of {sum(f.of for f in found)}")
    return Finding(f"exact runs: {', '.join(parts)}", claims.verdict(all(all_exact), 2 * sum(all_exact) >= len(parts)))


def _judge_values(data: dict[str, Any]) -> Finding:
    parts = []
    exact = of = 0
    for name in METHODS:
        found = _found(data, method=name, alone=False, outputs="values")
        exact += sum(f.exact for f in found)
        of += sum(f.of for f in found)
        rate = np.mean([f.ber for f in found])
        parts.append(f"{name} {sum(f.exact for f in found)} of {sum(f.of for f in found)} (mean BER {rate:.2g})")
    return Finding(f"exact runs: {', '.join(parts)}", claims.verdict(exact == 0, 2 * exact < of))


def _judge_sooner(data: dict[str, Any]) -> Finding:
    parts = []
    sooner = []
    for name in METHODS:
        for image in data["bits"]:
            (bits,) = _found(data, method=name, alone=False, outputs="bits", signal=image)
            (values,) = _found(data, method=name, alone=False, outputs="values", signal=image)
            sooner.append(bits.steps < values.steps)
            shown = [claims.count(s.steps if s.steps < np.inf else None, data["limit"]) for s in (bits, values)]
            parts.append(f"{name} on {image} {' against '.join(shown)}")
    return Finding("; ".join(parts), claims.verdict(all(sooner), 2 * sum(sooner) > len(sooner)))


def _judge_table(data: dict[str, Any]) -> Finding:
    parts = []
    fine = []
    for image in data["bits"]:
        (alone,) = _found(data, method="DINER", alone=True, outputs="bits", signal=image)
        (whole,) = _found(data, method="DINER", alone=False, outputs="bits", signal=image)
        fine.append(alone.exact == alone.of and alone.steps <= whole.steps)
        shown = [claims.count(s.steps if s.steps < np.inf else None, data["limit"]) for s in (alone, whole)]
        parts.append(f"{image}: {shown[0]} steps without a hidden layer, {shown[1]} with its network")
    return Finding("; ".join(parts), claims.verdict(all(fine), any(fine)))


def _judge_capacity(data: dict[str, Any]) -> Finding:
    """From how many numbers in tables on every seed is exact, with the network and without it."""
    parts = []
    least = []
    ordered = []
    for alone in (False, True):
        rows = [row for row in data["held"] if row["outputs"] == "bits" and row["alone"] is alone]
        exact = [row["in tables"] for row in rows if tuning.summary(row).steps < np.inf]
        wrong = {row["in tables"]: tuning.summary(row).ber for row in rows if tuning.summary(row).steps == np.inf}
        least.append(min(exact, default=np.inf))
        ordered.append(bool(exact) and bool(wrong) and min(exact) > max(wrong))
        part = f"exact from {least[-1]:.2g} on" if exact else "never exact"
        part += "".join(f", BER {rate:.3f} with {n:.2g}" for n, rate in wrong.items())
        parts.append(f"{'without' if alone else 'with'} its network {part}")
    ours = f"numbers a sample: {'; '.join(parts)}; the image has {data['bits'][data['first']]} bits a sample"
    return Finding(ours, claims.verdict(all(ordered) and least[0] == least[1], ordered[0]))


CLAIMS = (
    Claim(
        "With bit planes all four become exact.",
        "iterations, Kodak | TESTIMAGES: Instant-NGP 1130 | 4668, DINER 3347 | 3915, Gauss 7931 | 29546, "
        "FINER 428 | 1464",
        "holds if every seed is exact on all images, partly if that is so for half of the methods",
        _judge_bits,
    ),
    Claim(
        "Without bit planes none does.",
        "dB, Kodak | TESTIMAGES: Instant-NGP 52.82 | 54.92, DINER 39.59 | 38.30, Gauss 100.48 | 74.88, "
        "FINER 48.52 | 56.58",
        "each at its own step size; holds if no run is exact, partly if fewer than half are",
        _judge_values,
    ),
    Claim(
        "(Ours.) With bit planes they need fewer steps than without.",
        "",
        "mean steps over the seeds; holds for every method and image, partly for most",
        _judge_sooner,
    ),
    Claim(
        "(Ours.) DINER's table alone is enough for its row: with a number for every bit it needs no hidden layer.",
        "",
        "as many columns as bits, and a linear layer; holds if it is exact with every seed, and not later than with "
        "the network, on all images, partly on some",
        _judge_table,
    ),
    Claim(
        "(Ours.) Instant-NGP's tables decide whether it becomes exact, not its network.",
        "",
        "on bits with smaller tables; holds if from some size on every seed is exact and below it not all are, from "
        "the same size on with the network and without it; partly if so with the network",
        _judge_capacity,
    ),
)

FIGURE = Figure(
    title="Bit planes for other networks",
    shows="Table 2",
    pictures=PICTURES,
    presets=PRESETS,
    compute=compute,
    plot=plot,
    claims=CLAIMS,
    tables=tables,
)
