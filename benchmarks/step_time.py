"""One training step against the frameworks: loss and gradients of one SIREN, and the matrix products in them.

With this you can run ``python -m benchmarks.step_time``.

The task is the paper's bit-coordinate network (Eq. 8) on a tile of 32 x 32 samples of 16 bits, so 16384 inputs (y, x,
bit): forward, binary cross-entropy on the logits, backward, float32.  All start from the same parameters, and loss and
gradients must agree before anything is timed.  "products" are the matrix products of refinr alone, in its chunks and on
its threads: what no arrangement of the rest can undercut.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from statistics import geometric_mean
from typing import Any, NamedTuple

import numpy as np

from benchmarks import frameworks, report
from benchmarks.frameworks import Step
from refinr import chunks, coords, cpu, decisions, mlp, planes
from refinr.cli import demo

SIZES = [(3, *[64] * 4, 1), (3, *[128] * 4, 1), (3, *[256] * 4, 1), (3, *[512] * 6, 1)]
RIVALS = {"torch": 1.6, "compile": 1.3, "jax": 2.0}
"""How much faster than each refinr is to be."""
FRACTIONS = {256: 0.75, 512: 0.85}
"""Part of the time that the products are to make up, at widths."""


class Task(NamedTuple):
    """What all candidates are given."""

    spec: mlp.MLP
    params: mlp.Params
    x: np.ndarray
    """(N, 3)"""
    bits: np.ndarray
    """(N, 1), 0 and 1"""


def make_task(sizes: tuple[int, ...], tile: int) -> Task:
    """The bit-coordinate network of those sizes on a tile of the image."""
    spec = mlp.MLP(sizes)
    bits = planes.to_planes(demo.synthetic(tile), 16).reshape(-1, 1)  # (N, 1)
    return Task(spec, mlp.init(spec), coords.grid((tile, tile, 16)).astype(np.float32), bits)


# --- the candidates --------------------------------------------------------------------------------------------------


def refinr_step(task: Task, pool: ThreadPoolExecutor) -> Step:
    targets = decisions.targets(task.bits, 2)[None]  # (1, N, 1)

    def step() -> tuple[Any, list[Any]]:
        with cpu.single_threaded_blas():
            result = chunks.gradients(task.spec, task.params, task.x, targets, pool=pool)
        return result.loss, list(result.grads.values())

    return step


def products(task: Task, pool: ThreadPoolExecutor) -> Callable[[], None]:
    """``x w``, ``x^T dy`` and ``dy w^T`` of every layer and chunk, in the shapes that `refinr.layers` has them in."""
    rows = min(chunks.chunk_length(task.spec), len(task.x))
    rng = np.random.default_rng(0)
    weights = [p for name, p in task.params.items() if name.startswith("w")]  # (1, I, O)
    layers = []
    for i, w in enumerate(weights):
        x = task.x[:rows] if i == 0 else rng.random((1, rows, w.shape[1]), dtype=np.float32)
        layers.append((x, w, rng.random((1, rows, w.shape[2]), dtype=np.float32)))

    def chunk(_: int) -> None:
        for x, w, _dy in layers:
            np.matmul(x, w)
        for x, w, dy in reversed(layers):
            np.matmul(np.matrix_transpose(x), dy)
            if x.ndim == 3 and w.shape[2] > 1:  # no gradient of the coordinates; an outer product needs no BLAS
                np.matmul(dy, np.matrix_transpose(w))

    def run() -> None:
        with cpu.single_threaded_blas():
            list(pool.map(chunk, range(len(task.x) // rows)))

    return run


# --- agreement -------------------------------------------------------------------------------------------------------


def disagreement(task: Task, candidates: dict[str, Step]) -> float:
    """Largest relative distance of a loss or gradient from refinr's, in units of what rounding allows.

    The argument of a sine is as large as P = max omega (|w0| summed over inputs + |b0|), so rounding moves it, and with
    it sine and cosine, by about P eps.  SIREN's weights keep the size of what passes through a layer, errors included:
    over `depth` layers, forward and backward, they add up to 2 depth P eps at most.

    Raises
    ------
    ValueError
        If it is above one: then somebody computes something else.
    """
    w = task.params["w0"]
    b = task.params["b0"]
    phase = task.spec.omega * float(np.max(np.abs(w).sum(axis=1, keepdims=True) + np.abs(b)))
    allowed = 2 * task.spec.depth * phase * float(np.finfo(np.float32).eps)
    flat = {}
    for name, candidate in candidates.items():
        loss, grads = candidate()
        flat[name] = [np.asarray(a, dtype=float).ravel() for a in (loss, *grads)]
    norm = np.linalg.norm
    worst = 0.0
    for name, values in flat.items():
        for ours, theirs in zip(flat["refinr"], values, strict=True):
            distance = float(norm(theirs - ours) / norm(ours)) / allowed
            if not distance <= 1.0:
                raise ValueError(
                    f"{name} at {task.spec.sizes}: {distance:.3g} times as far from refinr as rounding goes"
                )
            worst = max(worst, distance)
    return worst


def measure(sizes: tuple[int, ...], tile: int, rounds: int) -> dict[str, Any]:
    """One row of the table: milliseconds, ratios, and the fraction that is products."""
    report.log(f"step of {sizes}")
    task = make_task(sizes, tile)
    with ThreadPoolExecutor(cpu.cores()) as pool:
        steps = {"refinr": refinr_step(task, pool)} | frameworks.steps(task.spec.omega, task.params, task.x, task.bits)
        distance = disagreement(task, steps)
        seconds = report.fastest({**steps, "products": products(task, pool)}, rounds)
    row: dict[str, Any] = {"sizes": f"{sizes[0]}, {sizes[1]} x{len(sizes) - 2}, {sizes[-1]}", "width": sizes[1]}
    row |= {f"{name} ms": 1e3 * s for name, s in seconds.items()}
    row |= {f"{name} / refinr": seconds[name] / seconds["refinr"] for name in RIVALS}
    return row | {"products / refinr": seconds["products"] / seconds["refinr"], "disagreement": distance}


def main() -> None:
    """Measure all sizes, compare with the targets, print and keep."""
    run = report.Run("step_time", __doc__)
    cpu.recycle_memory()
    settings = [((3, 16, 16, 1), 8, 2)] if run.quick else [(sizes, 32, 7) for sizes in SIZES]
    rows = [measure(*setting) for setting in settings]
    means = {name: geometric_mean(row[f"{name} / refinr"] for row in rows) for name in RIVALS}
    targets = [
        report.Target(f"{name} / refinr, geometric mean", means[name], ">=", limit) for name, limit in RIVALS.items()
    ]
    for row in rows:
        if row["width"] in FRACTIONS:
            what = f"products / refinr, width {row['width']}"
            targets.append(report.Target(what, row["products / refinr"], ">=", FRACTIONS[row["width"]]))
    tables = {f"Forward and backward, {settings[0][1] ** 2 * 16} samples": rows}
    run.publish("Time of one training step", tables, targets)


if __name__ == "__main__":
    main()
