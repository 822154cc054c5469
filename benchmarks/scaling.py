"""How cost grows with the image, and what engines cost: 32 x 32 to 512 x 512 samples of 16 bits.

With this you can run ``python -m benchmarks.scaling``.

Every size and number of workers runs in a fresh process, so that its peak memory is its own.  Tiles are trained apart
from each other, so the cost of a bit should not depend on how many there are, nor the parameters on who trains them:
that one and two workers give the same bytes is checked along the way.  All sizes are measured in turn, twice, and the
faster time counts: a machine's clock may change from minute to minute.

Engines are compared on the largest image: threads, processes, and Dask's workers, all on this machine.  The overhead of
an engine is what a group costs a worker more than a process of the pool does.
"""

from __future__ import annotations

import hashlib
import math
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

import refinr
from benchmarks import apart, report
from paper_figures.markdown import Row
from refinr import executors
from refinr.cli import demo

SIZES = (32, 64, 128, 256, 512)
WORKERS = (1, 2)
ENGINES = ("threads", "processes", "dask")
GROUP = 32
"""Networks trained together."""


@contextmanager
def engine(name: str, workers: int) -> Iterator[Executor]:
    """An executor of so many workers on this machine."""
    if name == "threads":
        with ThreadPoolExecutor(workers) as pool:
            yield pool
    elif name == "processes":
        with executors.open_executor(name, workers=workers) as pool:
            assert pool is not None
            yield pool
    else:
        from distributed import LocalCluster

        options = {"n_workers": workers, "threads_per_worker": 1, "processes": True, "dashboard_address": ":0"}
        with (
            LocalCluster(**options) as cluster,
            executors.open_executor(name, address=cluster.scheduler_address) as pool,
        ):
            assert pool is not None
            yield pool


def measure(size: int, workers: int, name: str = "threads") -> dict[str, Any]:
    """Fit an image in this process, small ones again and again for two seconds: time, memory, and what came out."""
    samples = demo.synthetic(size)
    seconds = math.inf
    end = time.perf_counter() + 2.0
    with engine(name, workers) as executor:
        for _ in range(4):  # pays for what is set up on first use, in every worker
            refinr.fit(samples[:8, :8], max_steps=1, group=2, executor=executor)
        while seconds == math.inf or time.perf_counter() < end:
            start = time.perf_counter()
            inr = refinr.fit(samples, hidden=(16, 16, 16, 16), margin=0.0, group=GROUP, executor=executor)
            seconds = min(seconds, time.perf_counter() - start)
    if not (inr.lossless and np.array_equal(inr.decode(), samples)):
        raise ValueError(f"{size} x {size}: {inr.report.ber:.2e} of the bits are wrong")
    digest = hashlib.sha256(b"".join(p.tobytes() for p in inr.params.values()))
    return {
        "size": size,
        "workers": workers,
        "engine": name,
        "groups": -(-inr.report.networks // GROUP),
        "seconds": seconds,
        "us / bit": 1e6 * seconds / inr.report.total_bits,
        "steps, mean": inr.report.steps,
        "restarts": inr.report.restarts,
        "peak MB": apart.peak_megabytes(),
        "sha256": digest.hexdigest()[:8],
    }


def measure_apart(size: int, workers: int, name: str = "threads") -> dict[str, Any]:
    """`measure` in a fresh process."""
    report.log(f"{size} x {size}, workers: {workers}, {name}")
    return apart.call("scaling", size, workers, name)


def draw(rows: Sequence[Row], path: Path) -> None:
    """Cost of a bit and peak memory over the size, a line for each number of workers."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 3.6), layout="constrained")
    for axes, key, label in zip(
        figure.subplots(1, 2), ("us / bit", "peak MB"), ("µs a bit", "peak memory, MB"), strict=True
    ):
        for workers in WORKERS:
            mine = [row for row in rows if row["workers"] == workers]
            axes.plot([row["size"] for row in mine], [row[key] for row in mine], "o-", label=f"workers: {workers}")
        axes.set_xscale("log", base=2)
        axes.set_xticks(SIZES, [f"{n} x {n}" for n in SIZES])
        axes.set_ylim(bottom=0)
        axes.set_ylabel(label)
        axes.legend()
    figure.savefig(path, dpi=120)


def compare(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """Engines against processes with as many workers: throughput, and milliseconds more that a group costs."""
    result = []
    for row in rows:
        pool = next(r for r in rows if r["engine"] == "processes" and r["workers"] == row["workers"])
        more = 1e3 * (row["seconds"] - pool["seconds"]) * row["workers"] / row["groups"]
        result.append({**row, "of processes": pool["seconds"] / row["seconds"], "overhead, ms a group": more})
    return result


def main() -> None:
    """Measure all sizes, compare with the targets, print, draw and keep."""
    run = report.Run("scaling", __doc__)
    sizes = (16, 40) if run.quick else SIZES
    cases = [(size, workers, "threads") for size in sizes for workers in WORKERS]
    cases += [(max(sizes), workers, name) for workers in WORKERS for name in ENGINES[1:]]
    rounds = [[measure_apart(*case) for case in cases] for _ in range(1 if run.quick else 2)]
    every = [min(same, key=lambda row: row["seconds"]) for same in zip(*rounds, strict=True)]
    rows = [row for row in every if row["engine"] == "threads"]
    engines = compare([row for row in every if row["size"] == max(sizes)])
    for size in sizes:
        if len({row["sha256"] for row in every if row["size"] == size}) > 1:
            raise ValueError(f"{size} x {size}: the parameters depend on who trains")
    targets = []
    for workers in WORKERS:
        costs = [row["us / bit"] for row in rows if row["workers"] == workers and row["size"] >= min(64, max(sizes))]
        what = f"workers: {workers}, dearest over cheapest bit from 64 x 64 up"
        targets.append(report.Target(what, max(costs) / min(costs), "<=", 1.15))
    largest = max(row["peak MB"] for row in rows if row["size"] == max(sizes))
    targets.append(report.Target(f"peak MB at {max(sizes)} x {max(sizes)}", largest, "<", 700.0))
    dask = next(row for row in engines if row["engine"] == "dask" and row["workers"] == 2)
    targets.append(report.Target("throughput of 2 Dask workers over 2 processes", dask["of processes"], ">=", 0.85))
    title = "Cost and memory over the size of the image"
    run.publish(title, {"16 bits, tiles of 32 x 32": rows, "Engines": engines}, targets)
    if not run.quick:
        draw(rows, report.RESULTS / "scaling.png")


if __name__ == "__main__":
    main()
