"""Figure 10: what the precision of weights costs, from float32 down to ternary.

One image of 16 bits, a network for every plane, ReLU and linear layers on Fourier features.  Weights are rounded after
training, or in every step of it (straight-through), each precision at the best of its own step sizes; biases stay as
they are.  Uniform precisions have 2^b - 1 levels, symmetric up to the largest weight of a layer: two bits are -1, 0 and
1 as well, but times the largest weight, and ternary weights are scaled by the mean.

Beside them stands what `refinr.fit` stores: all parameters of small sine networks in float32, float16 and bfloat16.
"""

from __future__ import annotations

import functools
import time
from typing import Any

import numpy as np

from paper_figures import claims, curves, datafiles, fits, signals, style, tuning
from paper_figures.claims import Claim, Finding
from paper_figures.figure import Figure
from paper_figures.resume import each
from paper_figures.weight_rounding import PRECISIONS, quantised, train
from refinr import chunks, decisions, encodings, metrics, planes
from refinr.files import storing
from refinr.fitting import fit
from refinr.mlp import MLP

PICTURES = {
    "weight_precision": "Bit error rate (left, mean of all seeds) and PSNR (right, the worst seed) over the precision "
    "of the weights, rounded after training (in float32, to a margin of 0.5) and in training, each precision at the "
    "best of its own step sizes.",
}

PRESETS: dict[str, dict[str, Any]] = {
    "tiny": {"signal": "synthetic", "size": 6, "width": 16, "steps": 60, "seeds": 1, "sweep": 1},
    "small": {"signal": "synthetic", "size": 24, "width": 32, "steps": 1000, "seeds": 3, "sweep": 6},
    "paper": {"signal": "synthetic", "size": 64, "width": 64, "steps": 20000, "seeds": 3, "sweep": 6},
}
START = 3e-3
"""Step size at which the sweeps start: that of the planes' networks everywhere here."""
WAVES = 60
"""Of the Fourier features: 120 inputs."""
AFTER = "after training"
WITHIN = "in training"


def compute(preset: str, rng: np.random.Generator) -> dict[str, Any]:
    """All precisions, both ways, each at its own step size, and what `refinr.fit` stores."""
    settings = PRESETS[preset]
    signal = signals.image(settings["signal"], settings["size"])
    shape = signal.codes.shape
    bits = signal.bits
    targets = decisions.targets(planes.to_planes(signal.codes.reshape(-1), bits), 2).T[:, :, None]  # (B, N, 1)
    seeds = rng.integers(2**31, size=settings["seeds"] + 1).tolist()  # the first is the sweeps'

    def trained(weights: str, lr: float, seed: int, steps: int, margin: float) -> dict[str, Any]:
        x = encodings.Fourier.draw(shape, WAVES, seed=seed).inputs(shape)
        spec = MLP((x.shape[1], settings["width"], settings["width"], 1), "relu")
        start = time.thread_time()
        params, taken = train(spec, x, targets, PRECISIONS[weights], lr=lr, steps=steps, seed=seed, margin=margin)
        work = taken * curves.multiply_adds(spec, x, *targets.shape[:2])
        spent = {"steps": taken, "multiply_adds": work, "seconds": time.thread_time() - start}
        return {"spec": spec, "x": x, "params": params, "spent": spent}

    @functools.cache
    def in_float32(lr: float, seed: int) -> dict[str, Any]:  # one training for all precisions
        return trained("float32", lr, seed, settings["steps"], margin=0.5)

    def measure(case: dict[str, Any], _: np.random.Generator) -> dict[str, Any]:
        def run(lr: float, seed: int, most: int | None) -> dict[str, Any]:
            if case["rounded"] == AFTER:
                found = in_float32(lr, seed)
            else:
                found = trained(case["weights"], lr, seed, most or settings["steps"], margin=0.0)
            rounded = quantised(found["params"], PRECISIONS[case["weights"]])
            digits = decisions.decide(chunks.evaluate(found["spec"], rounded, found["x"])[..., 0].T, 2)  # (N, B)
            counted = _counted(signal, planes.from_planes(digits, bits, dtype=signal.codes.dtype).reshape(shape))
            exact_at = found["spent"]["steps"] if counted["ber"] == 0 else None
            return {"exact_at": exact_at} | found["spent"] | counted | {"ber": [counted["ber"]]}

        return tuning.tuned(run, START, seeds, settings["sweep"])

    def stored(case: dict[str, Any], _: np.random.Generator) -> dict[str, Any]:
        networks = fits.PLANES | {"hidden": (16,) * 3, "max_steps": settings["steps"], "store": case["store"]}
        fitted = fit(signal.codes, **networks, bits=bits, seed=case["seed"])
        return _counted(signal, fitted.decode()) | {"margin": fitted.report.margin}

    cases = [{"rounded": way, "weights": name} for way in (WITHIN, AFTER) for name in reversed(PRECISIONS)]
    rows = each(measure, cases, rng)[::-1]  # those that take longest were first
    files = [{"store": store, "seed": seed} for seed in seeds[1:] for store in storing.STORES]
    return {"rows": rows, "limit": settings["steps"], "stored": each(stored, files, rng, workers=1)}


def _counted(signal: signals.Signal, decoded: np.ndarray) -> dict[str, Any]:
    return {
        "ber": metrics.bit_error_rate(signal.codes, decoded, signal.bits),
        "psnr": datafiles.finite(metrics.psnr(signal.codes, decoded, signal.bits)),
    }


def _row(data: dict[str, Any], way: str, name: str) -> dict[str, Any]:
    row: dict[str, Any]
    (row,) = (row for row in data["rows"] if (row["rounded"], row["weights"]) == (way, name))
    return row


def _rates(data: dict[str, Any], way: str) -> dict[str, float]:
    return {name: tuning.summary(_row(data, way, name)).ber for name in PRECISIONS}


def plot(data: dict[str, Any]) -> dict[str, Any]:
    """Error rate and PSNR over the precision."""
    sheet, grid = style.figure(1, 2, height=2.6)
    left, right = grid[0]
    exact = 150.0  # where infinity is drawn
    for index, way in enumerate((AFTER, WITHIN)):
        look = style.line(index) | {"label": f"rounded {way}", "markersize": 4.5}
        left.plot(list(PRECISIONS), list(_rates(data, way).values()), **look)
        every = [[run["psnr"] for run in _row(data, way, name)["runs"]] for name in PRECISIONS]
        worst = [min(exact if psnr is None else psnr for psnr in found) for found in every]
        right.plot(list(PRECISIONS), worst, **look)
    left.set_yscale("symlog", linthresh=1e-4)
    left.set_ylim(-2e-5, 1)
    left.set_ylabel("bit error rate")
    left.legend()
    right.set_ylabel("PSNR, dB")
    right.set_yticks([*range(0, 126, 25), exact], [*range(0, 126, 25), "exact"])
    for axes in (left, right):
        axes.tick_params(axis="x", labelrotation=40)
    return {"weight_precision": sheet}


def tables(data: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
    """Step sizes, steps, work and error rates both ways; files."""
    rows = [
        {"weights": row["weights"], "rounded": row["rounded"]} | tuning.columns(row, data["limit"])
        for row in data["rows"]
    ]
    seeds = list(dict.fromkeys(row["seed"] for row in data["stored"]))
    files = [
        {"seed": seeds.index(row["seed"]) + 1, "stored in": row["store"], "bit error rate": row["ber"],
         "PSNR": "exact" if row["ber"] == 0 else row["psnr"],
         "smallest margin": row["margin"]}
        for row in data["stored"]
    ]  # fmt: skip
    heading = f"{len(seeds)} seeds; {tuning.sweeps_in_words(data['rows'])}"
    ours = f"All parameters of `refinr.fit`'s networks, step size {fits.PLANES['lr']:g}, every seed"
    return {heading: rows, ours: files}


def _judge_exact(data: dict[str, Any]) -> Finding:
    rates = _rates(data, WITHIN)
    steps = {name: tuning.steps_in_words(_row(data, WITHIN, name), data["limit"]) for name in ("float32", "ternary")}
    exact = [name for name, rate in rates.items() if rate == 0]
    left = [f"{name} leaves {rate:.2g}" for name, rate in rates.items() if rate]
    ours = f"trained at that precision, exact: {', '.join(exact) or 'none'}"
    ours += f"; wrong bits: {', '.join(left)}" if left else ""
    ours += " (-1, 0 and 1 as in ternary, at the scale of the largest weight)" if rates["2 bits"] else ""
    ours += f". float32 takes {steps['float32']} steps, ternary {steps['ternary']}"
    return Finding(ours, claims.verdict(not left, rates["ternary"] == 0))


def _judge_after(data: dict[str, Any]) -> Finding:
    rates = _rates(data, AFTER)
    fine = [name for name in ("float16", "8 bits", "bfloat16") if rates[name] == 0]
    ours = ", ".join(f"{name}: {rates[name]:.2g}" for name in ("float32", "float16", "bfloat16", "8 bits"))
    return Finding(ours, claims.verdict(len(fine) == 3, fine == ["float16", "8 bits"]))


def _judge_few_bits(data: dict[str, Any]) -> Finding:
    rates = _rates(data, AFTER)
    ours = ", ".join(f"{name}: {rates[name]:.2g}" for name in ("4 bits", "3 bits", "2 bits", "ternary"))
    poor = min(rates["2 bits"], rates["ternary"])
    return Finding(ours, claims.verdict(poor >= 0.1, poor > rates["8 bits"]))


def _judge_stored(data: dict[str, Any]) -> Finding:
    rates = {
        store: float(np.mean([row["ber"] for row in data["stored"] if row["store"] == store]))
        for store in storing.STORES
    }
    ours = ", ".join(f"{name}: bit error rate {rate:.2g}" for name, rate in rates.items())
    return Finding(ours, claims.verdict(not any(rates.values()), rates["float16"] == 0))


CLAIMS = (
    Claim(
        "Networks on bit planes are exact whatever the precision of their weights, down to ternary.",
        "",
        "holds if networks trained with weights rounded to each precision have no wrong bit, partly if the ternary "
        "ones have none",
        _judge_exact,
    ),
    Claim(
        "(Ours.) Rounding after training costs nothing down to 8 bits a weight.",
        "",
        "holds if float16, bfloat16 and 8 bits leave no wrong bit, partly if bfloat16 alone does",
        _judge_after,
    ),
    Claim(
        "(Ours.) Rounding after training costs very much at 2 bits and ternary.",
        "",
        "holds if both leave a tenth of all bits wrong or more, partly if they are worse than 8 bits",
        _judge_few_bits,
    ),
    Claim(
        "(Ours.) Half floats in a file are enough for an exact fit.",
        "",
        "holds if float16 and bfloat16 leave no wrong bit with the default margin, partly if float16 does",
        _judge_stored,
    ),
)

FIGURE = Figure(
    title="Precision of the weights",
    shows="Figure 10",
    pictures=PICTURES,
    presets=PRESETS,
    compute=compute,
    plot=plot,
    tables=tables,
    claims=CLAIMS,
)
