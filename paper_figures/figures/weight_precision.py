"""Figure 10: what the precision of weights costs, from float32 down to ternary.

One image of 16 bits, a network for every plane, ReLU and linear layers on Fourier features.  Weights are rounded after
training, or in every step of it (straight-through); biases stay as they are.  Uniform precisions have 2^b - 1 levels,
symmetric up to the largest weight of a layer: two bits are -1, 0 and 1 as well, but times the largest weight, and
ternary weights are scaled by the mean.

Beside them stands what `refinr.fit` stores: all parameters of small sine networks in float32, float16 and bfloat16.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from paper_figures import claims, datafiles, fits, signals, style, weight_rounding
from paper_figures.claims import Claim, Finding
from paper_figures.figure import Figure
from paper_figures.resume import each
from refinr import chunks, decisions, encodings, metrics, planes
from refinr.files import storing
from refinr.fitting import fit
from refinr.mlp import MLP, Params

PICTURES = {
    "weight_precision": "Bit error rate (left, mean of all seeds) and PSNR (right, the worst seed) over the precision "
    "of the weights, rounded after training (in float32, to a margin of 0.5) and in training, all at the step size "
    f"{weight_rounding.LR:g}.",
}

PRESETS: dict[str, dict[str, Any]] = {
    "tiny": {"signal": "synthetic", "size": 6, "width": 16, "steps": 60, "seeds": 1},
    "small": {"signal": "synthetic", "size": 32, "width": 32, "steps": 2000, "seeds": 2},
    "paper": {"signal": "synthetic", "size": 64, "width": 64, "steps": 20000, "seeds": 3},
}
PRECISIONS: dict[str, weight_rounding.Quantiser] = {
    "float32": lambda w: w,
    "float16": lambda w: storing.nearest(w, "float16"),
    "bfloat16": lambda w: storing.nearest(w, "bfloat16"),
    "8 bits": weight_rounding.uniform(8),
    "6 bits": weight_rounding.uniform(6),
    "4 bits": weight_rounding.uniform(4),
    "3 bits": weight_rounding.uniform(3),
    "2 bits": weight_rounding.uniform(2),
    "ternary": weight_rounding.ternary_values,
}
WAVES = 60
"""Of the Fourier features: 120 inputs."""
AFTER = "after training"
WITHIN = "in training"


def compute(preset: str, rng: np.random.Generator) -> dict[str, Any]:
    """All precisions, both ways, and what `refinr.fit` stores."""
    settings = PRESETS[preset]
    signal = signals.image(settings["signal"], settings["size"])
    shape = signal.codes.shape
    bits = signal.bits
    targets = decisions.targets(planes.to_planes(signal.codes.reshape(-1), bits), 2).T[:, :, None]  # (B, N, 1)

    def errors(spec: MLP, params: Params, x: np.ndarray) -> dict[str, Any]:
        digits = decisions.decide(chunks.evaluate(spec, params, x)[..., 0].T, 2)  # (N, B)
        return _counted(signal, planes.from_planes(digits, bits, dtype=signal.codes.dtype).reshape(shape))

    def measure(case: dict[str, Any], _: np.random.Generator) -> dict[str, Any]:
        x = encodings.Fourier.draw(shape, WAVES, seed=case["seed"]).inputs(shape)
        spec = MLP((x.shape[1], settings["width"], settings["width"], 1), "relu")
        if case["rounded"] == AFTER:  # one training for all precisions
            float32 = PRECISIONS["float32"]
            trained, steps = weight_rounding.train(spec, x, targets, float32, settings["steps"], margin=0.5)
            return {"steps": steps} | {
                name: errors(spec, weight_rounding.quantised(trained, quantise), x)
                for name, quantise in PRECISIONS.items()
            }
        quantise = PRECISIONS[case["weights"]]
        params, steps = weight_rounding.train(spec, x, targets, quantise, settings["steps"], margin=0.0)
        return {"steps": steps, case["weights"]: errors(spec, weight_rounding.quantised(params, quantise), x)}

    def stored(case: dict[str, Any], stream: np.random.Generator) -> dict[str, Any]:
        networks = fits.PLANES | {"hidden": (16,) * 3, "max_steps": settings["steps"], "store": case["store"]}
        fitted = fit(signal.codes, **networks, bits=bits, seed=case["seed"])
        return _counted(signal, fitted.decode()) | {"margin": fitted.report.margin}

    waves = [int(seed) for seed in rng.integers(2**31, size=settings["seeds"])]
    cases = [{"rounded": AFTER, "seed": seed} for seed in waves]
    cases += [{"rounded": WITHIN, "weights": name, "seed": seed} for name in PRECISIONS for seed in waves]
    files = [{"store": store, "seed": seed} for seed in waves for store in storing.STORES]
    return {"rows": each(measure, cases, rng), "stored": each(stored, files, rng, workers=1)}


def _counted(signal: signals.Signal, decoded: np.ndarray) -> dict[str, Any]:
    return {
        "ber": metrics.bit_error_rate(signal.codes, decoded, signal.bits),
        "psnr": datafiles.finite(metrics.psnr(signal.codes, decoded, signal.bits)),
    }


def _found(data: dict[str, Any], way: str, name: str) -> list[dict[str, Any]]:
    return [row[name] for row in data["rows"] if row["rounded"] == way and name in row]


def _rates(data: dict[str, Any], way: str) -> dict[str, float]:
    return {name: float(np.mean([f["ber"] for f in _found(data, way, name)])) for name in PRECISIONS}


def _steps(data: dict[str, Any]) -> dict[str, float]:
    rows = [row for row in data["rows"] if row["rounded"] == WITHIN]
    return {name: float(np.mean([row["steps"] for row in rows if row["weights"] == name])) for name in PRECISIONS}


def plot(data: dict[str, Any]) -> dict[str, Any]:
    """Error rate and PSNR over the precision."""
    sheet, grid = style.figure(1, 2, height=2.6)
    left, right = grid[0]
    exact = 150.0  # where infinity is drawn
    for index, way in enumerate((AFTER, WITHIN)):
        look = style.line(index) | {"label": f"rounded {way}", "markersize": 4.5}
        left.plot(list(PRECISIONS), list(_rates(data, way).values()), **look)
        every = [[f["psnr"] for f in _found(data, way, name)] for name in PRECISIONS]
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
    """Error rates both ways; files."""
    after = _rates(data, AFTER)
    within = _rates(data, WITHIN)
    steps = _steps(data)
    rows = [
        {"weights": name, "bit error rate, after": after[name], "in training": within[name],
         "steps in training": steps[name]}
        for name in PRECISIONS
    ]  # fmt: skip
    seeds = list(dict.fromkeys(row["seed"] for row in data["stored"]))
    files = [
        {"seed": seeds.index(row["seed"]) + 1, "stored in": row["store"], "bit error rate": row["ber"],
         "PSNR": "exact" if row["ber"] == 0 else row["psnr"],
         "smallest margin": row["margin"]}
        for row in data["stored"]
    ]  # fmt: skip
    return {f"Mean of {len(seeds)} seeds": rows, "All parameters of `refinr.fit`'s networks, every seed": files}


def _judge_exact(data: dict[str, Any]) -> Finding:
    rates = _rates(data, WITHIN)
    steps = _steps(data)
    exact = [name for name, rate in rates.items() if rate == 0]
    left = [f"{name} leaves {rate:.2g}" for name, rate in rates.items() if rate]
    ours = f"trained at that precision, exact: {', '.join(exact) or 'none'}"
    ours += f"; wrong bits: {', '.join(left)}" if left else ""
    ours += " (-1, 0 and 1 as in ternary, at the scale of the largest weight)" if rates["2 bits"] else ""
    ours += f". float32 takes {steps['float32']:.0f} steps, ternary {steps['ternary']:.0f}"
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
