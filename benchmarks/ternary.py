"""Ternary networks: the way to zero wrong bits, the price of a step, the paper's Table 4, and the sine that collapses.

With this you can run ``python -m benchmarks.ternary``.

The image fills 16 bits (`refinr.cli.demo.synthetic`); times are those of whole calls of `refinr.fit`, and every result
is saved, loaded, decoded and compared.  The collapse is trained on four planes of the image, every network the same
number of steps, without restarts: SIREN's hidden weights are so small that steps of a usual size rewrite their codes at
once. On bare coordinates nothing ternary learns, whatever its activation: there it is the layer norm.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

import refinr
from benchmarks import report
from refinr import chunks, coords, cpu, decisions, encodings, mlp, planes, ternary, training
from refinr.cli import demo
from refinr.files import trits
from refinr.jobs import Job, Options
from refinr.mlp import MLP

FITS: dict[str, dict[str, Any]] = {
    "ternary": {"layer": "ternary"},
    "ternary, fewer trits": {"layer": "ternary", "features": 50, "max_steps": 4000},
    "whole numbers": {"layer": "ternary-integer"},
}
PLANES = (0, 5, 10, 15)


def measure(name: str, samples: np.ndarray, options: dict[str, Any]) -> dict[str, Any]:
    """Fit, save, load, decode, compare: one row of a table."""
    report.log(f"fit {name}")
    start = time.perf_counter()
    inr = refinr.fit(samples, margin=0.0, **options)
    seconds = time.perf_counter() - start
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "image.inr"
        inr.save(path)
        size = path.stat().st_size
        decoded = refinr.load(path).decode()
    if inr.lossless != np.array_equal(decoded, samples):
        raise ValueError(f"{name}: the report and the decoded samples do not agree")
    return {
        "fit": name,
        "sizes": str(inr.layout.spec.sizes),
        "trits / bit": inr.report.parameters_per_bit,
        "wrong bits": sum(inr.report.wrong_bits),
        "seconds": seconds,
        "steps, mean": inr.report.steps,
        "steps, most": inr.report.most_steps,
        "bytes of trits": sum(trits.pack(p).nbytes for p in inr.params.values() if p.dtype == np.int8),
        "bytes on disk": size,
        "bytes of samples": samples.nbytes,
    }


def step_times(quick: bool) -> list[dict[str, Any]]:
    """Milliseconds of one step of 16 networks, ternary and linear layers of the same sizes and activation."""
    x = encodings.Triangle.draw((32, 32), 60, seed=0).inputs((32, 32))
    targets = np.where(np.random.default_rng(0).random((16, 1024, 1)) > 0.5, 0.5, -0.5).astype(np.float32)
    rows = []
    for hidden in ((32, 32), (64, 64)):
        for activation in ("relu", "gelu"):
            report.log(f"step {hidden} {activation}")
            calls = {}
            for layer in ("linear", "ternary", "ternary-integer"):
                if layer == "ternary-integer" and activation != "relu":
                    continue
                spec = MLP((x.shape[1], *hidden, 1), activation, layer=layer)
                params = mlp.init(spec, nets=16)
                calls[layer] = lambda s=spec, p=params: chunks.gradients(s, p, x, targets)
            with cpu.single_threaded_blas():
                cpu.recycle_memory()
                best = report.fastest(calls, rounds=1 if quick else 7, turn=0.05 if quick else 0.2)
            rows.append(
                {
                    "hidden": str(hidden),
                    "activation": activation,
                    "linear, ms": 1e3 * best["linear"],
                    "ternary / linear": best["ternary"] / best["linear"],
                    "whole numbers / linear": best["ternary-integer"] / best["linear"] if activation == "relu" else "-",
                }
            )
    return rows


def collapse(samples: np.ndarray, steps: int) -> list[dict[str, Any]]:
    """Bit error rates of sine and ReLU, linear and ternary, on bare coordinates and two encodings."""
    shape = samples.shape
    digits = planes.to_planes(samples.reshape(-1), 16)  # (N, 16)
    targets = decisions.targets(digits, 2).T[list(PLANES), :, None]  # (4, N, 1)
    inputs = {
        "bare coordinates": coords.grid(shape),
        "octaves": encodings.Octaves(7).inputs(shape),
        "fourier": encodings.Fourier.draw(shape, 60, seed=0).inputs(shape),
    }
    rows = []
    for encoding, x in inputs.items():
        for layer in ("linear", "ternary"):
            for activation in ("sine", "relu"):
                row: dict[str, Any] = {"inputs": encoding, "layer": layer, "activation": activation}
                for lr in (1e-4, 3e-3):
                    report.log(f"{encoding}, {layer}, {activation}, lr {lr}")
                    spec = MLP((x.shape[1], 32, 32, 1), activation, layer=layer, experimental=True)
                    options = Options(lr=lr, margin=0.0, max_steps=steps, patience=None)
                    outcome = training.train(Job(spec, PLANES, x, targets), options)
                    row[f"BER, lr {lr:g}"] = float(outcome.wrong.sum()) / targets.size
                rows.append(row)
    return rows


def table_4() -> list[dict[str, Any]]:
    """The columns of the paper's Table 4, from the shapes of its 16 networks."""
    sizes = (30, 256, 256, 256, 256, 3)
    said = ternary.cost(sizes, networks=16, coordinates=2)
    real = ternary.cost(sizes, networks=16)
    return [
        {
            "work counted with": what,
            "trits": cost.trits,
            "thousand bytes": f"{cost.bytes / 1e3:.2f}",
            "million bit operations a pixel": f"{cost.operations / 1e6:.2f}",
        }
        for what, cost in (("2 coordinates, as printed", said), ("30 inputs, as built", real))
    ]


def judge(
    fits: dict[str, dict[str, Any]], steps: list[dict[str, Any]], rows: list[dict[str, Any]]
) -> list[report.Target]:
    """What was measured beside what it should be; the collapse is that of the sine, not of what stands around it."""
    few, fewest, exact = fits.values()
    ber = {(row["layer"], row["activation"]): row["BER, lr 0.003"] for row in rows if row["inputs"] == "fourier"}
    return [
        report.Target("all: wrong bits", sum(row["wrong bits"] for row in fits.values()), "<=", 0),
        report.Target("ternary: seconds", few["seconds"], "<", 20),
        report.Target("ternary: trits / bit", few["trits / bit"], "<=", 5),
        report.Target("ternary, fewer trits: trits / bit", fewest["trits / bit"], "<=", 4.2),
        report.Target("whole numbers: seconds", exact["seconds"], "<", 60),
        report.Target("whole numbers: trits / bit", exact["trits / bit"], "<=", 12),
        report.Target("ternary / linear step, dearest", max(row["ternary / linear"] for row in steps), "<=", 2.5),
        report.Target("fourier, lr 0.003: ternary, sine: BER", ber["ternary", "sine"], ">=", 0.4),
        report.Target("fourier, lr 0.003: ternary, ReLU: BER", ber["ternary", "relu"], "<=", 0),
        report.Target("fourier, lr 0.003: linear, sine: BER", ber["linear", "sine"], "<=", 0),
    ]


def main() -> None:
    """Measure, compare with the targets, print and keep."""
    run = report.Run("ternary", __doc__)
    samples = demo.synthetic(8 if run.quick else 32)
    fits = {name: measure(name, samples, options) for name, options in FITS.items()}
    steps = step_times(run.quick)
    rows = collapse(samples, 2 if run.quick else 600)
    targets = judge(fits, steps, rows)
    tables = {
        "To zero wrong bits, 32 x 32 x 16 bits": list(fits.values()),
        "A training step of 16 networks": steps,
        "The sine collapses: bit error rate after 600 steps": rows,
        "The paper's Table 4": table_4(),
    }
    run.publish("Ternary networks", tables, targets)


if __name__ == "__main__":
    main()
