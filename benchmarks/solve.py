"""Solved, trained: what readouts of fixed features cost beside networks that Adam trains.

With this you can run ``python -m benchmarks.solve``.

Every row is a call of `refinr.solve` or `refinr.fit` to the finished INR, checked by decoding.  "p/b" are parameters
per bit, "bits/bit" is the whole file over the bits of the samples' codes; "Mbit/s" those bits over the time on the
clock, "Mbit/s, processor" over the processor time of all threads, both of the fastest of three calls, or of one that
takes longer than a second; raw planes are networks for which the bits themselves are the readout.  Noise is independent
random bits.  The trained rows are refinr's own default and its preset of half as many parameters, of 32-bit weights.
What else one might pick stands in `benchmarks.rivals`.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

import refinr
from benchmarks import report
from paper_figures import signals as known

SOLVED: dict[str, dict[str, Any]] = {
    "real, fast": {},
    "real, small": {"effort": "small"},
    "real in 8 bits, fast": {"store": "int8"},
    "real or raw, smallest": {"effort": "smallest"},
    "ternary, fast": {"weights": "ternary"},
    "ternary, small": {"weights": "ternary", "effort": "small"},
    "binary, fast": {"weights": "binary"},
    "binary, small": {"weights": "binary", "effort": "small"},
}
"""Ways to solve."""

TRAINED: dict[str, dict[str, Any]] = {"trained, default": {}, "trained, small": {"preset": "small"}}
"""Ways to train."""

TRIALS = 3
"""Calls of which the fastest is told."""

SECONDS = 1.0
"""From which on one call is enough."""

SLOW = 64
"""Samples on a side of the corner of images that slow ways get: their time is proportional to the signal."""

LIMITS = {"real in 0.7": 0.7, "real in 0.55": 0.585}
"""Parameters per bit of noise, at most; the second with what undecided networks get on top."""

SECONDS_OF_NOISE = {"real in 0.7": 0.15, "real in 0.55": 0.8}
"""On the clock of two cores, at most."""

SPEEDS_OF_NOISE = {"ternary, fast": 2.0, "binary, fast": 0.03}
"""Megabits a second on two cores, at least."""

STORED = {"ternary, fast": 2.05, "ternary, small": 1.43, "binary, fast": 1.29, "binary, small": 1.22}
"""Bits of the file per bit of noise, at most."""


def noise_of(size: int) -> np.ndarray:
    """Independent random bits."""
    return np.random.default_rng(0).integers(0, 1 << 16, (size, size), dtype=np.uint16)


def signals(size: int) -> dict[str, np.ndarray]:
    """Noise, an elevation model, two photographs, a field of float32, a sound and a volume over time."""
    images = {name: known.image(name, size) for name in ("elevation", "camera")}
    found = {"noise": noise_of(size)}
    found |= {name: image.codes for name, image in images.items()}
    found["coffee"] = known.image("coffee", size, colour=True).codes
    found["bathymetry"] = _bathymetry()[:size, :size]
    found["sound"] = (30000 * known.plucked(size * size // 4)).astype(np.int16)
    found["fMRI"] = _fmri()[: size // 16]
    return found


INTEGERS = ("noise", "elevation", "camera", "coffee")
"""Signals that readouts of a few levels are solved for."""


def _bathymetry() -> np.ndarray:
    import matplotlib.cbook

    with np.load(Path(matplotlib.cbook._get_data_path("sample_data/topobathy.npz"))) as data:
        return np.asarray(data["topo"], np.float32)


def _fmri() -> np.ndarray:
    import nibabel
    from nibabel.testing import data_path

    return np.asarray(nibabel.load(Path(data_path) / "functional.nii").dataobj.get_unscaled())


def measure(signal: str, samples: np.ndarray, way: str, call: Callable[..., Any], settings: dict[str, Any]) -> Any:
    """One row: solve or train, check, save, count."""
    report.log(f"{signal}, {way}")
    trials = [timed(call, samples, settings)]
    while len(trials) < TRIALS and trials[0][0] < SECONDS:
        trials.append(timed(call, samples, settings))
    wall, processor, inr = min(trials, key=lambda trial: trial[0])
    with TemporaryDirectory() as folder:
        inr.save(Path(folder) / "a.inr")
        size = (Path(folder) / "a.inr").stat().st_size
    bits = inr.report.total_bits
    return {
        "signal": signal,
        "way": way,
        "samples": " x ".join(map(str, samples.shape)),
        "bits": inr.layout.cut.bits,
        "p/b": inr.report.parameters_per_bit,
        "bits/bit": 8 * size / bits,
        "raw planes": len(inr.params.get("raw", ())) / inr.report.networks,
        "wall s": wall,
        "processor s": processor,
        "Mbit/s": bits / 1e6 / wall,
        "Mbit/s, processor": bits / 1e6 / processor,
        "margin": inr.report.margin,
        "exact": inr.lossless and inr.decode().tobytes() == samples.tobytes(),
    }


def timed(call: Callable[..., Any], samples: np.ndarray, settings: dict[str, Any]) -> tuple[float, float, Any]:
    """Seconds on the clock and of the processor, and the INR."""
    wall = time.perf_counter()
    processor = time.process_time()
    inr = call(samples, **settings)
    processor = time.process_time() - processor
    return time.perf_counter() - wall, processor, inr


def main() -> None:
    """Measure all, print and keep."""
    run = report.Run("solve", __doc__)
    size = 16 if run.quick else 256
    chosen = {"noise": noise_of(size)} if run.quick else signals(size)
    noise = chosen["noise"]
    rows = []
    for name, share in (("real in 0.7", 0.7), ("real in 0.55", 0.55)):
        rows.append(measure("noise", noise, name, refinr.solve, {"share": share}))
    for name, samples in chosen.items():
        for way, settings in SOLVED.items():
            if "weights" not in settings:
                rows.append(measure(name, samples, way, refinr.solve, settings))
            elif name in INTEGERS:
                part = samples if name == "noise" else samples[:SLOW, :SLOW]
                rows.append(measure(name, part, way, refinr.solve, settings))
    for name in [name for name in ("noise", "elevation") if name in chosen]:
        for way, settings in TRAINED.items():
            rows.append(measure(name, chosen[name][:SLOW, :SLOW], way, refinr.fit, settings))
    by_way = {(row["signal"], row["way"]): row for row in rows}
    targets = [report.Target("signals that are not exact", sum(not row["exact"] for row in rows), "<=", 0)]
    wanted = [("noise", way, "p/b", limit) for way, limit in LIMITS.items()]
    wanted += [("noise", way, "bits/bit", limit) for way, limit in STORED.items()]
    for way, most in SECONDS_OF_NOISE.items():
        targets.append(report.Target(f"wall s, noise, {way}", by_way["noise", way]["wall s"], "<=", most))
    for way, least in SPEEDS_OF_NOISE.items():
        targets.append(report.Target(f"Mbit/s, noise, {way}", by_way["noise", way]["Mbit/s"], ">=", least))
    images = [name for name in ("elevation", "camera", "coffee") if name in chosen]
    wanted += [(name, "real, fast", "p/b", 0.36) for name in images]
    wanted += [(name, "real, small", "p/b", 0.31) for name in images]
    wanted += [(name, "real or raw, smallest", "bits/bit", 0.8) for name in images]
    for name in images:
        for way, least in (("real, fast", 2.0), ("real, small", 0.7)):
            targets.append(report.Target(f"Mbit/s, {name}, {way}", by_way[name, way]["Mbit/s"], ">=", least))
    for name, way, what, limit in wanted:
        targets.append(report.Target(f"{what}, {name}, {way}", by_way[name, way][what], "<=", limit))
    ratio = by_way["noise", "real in 0.7"]["Mbit/s"] / by_way["noise", "trained, default"]["Mbit/s"]
    targets.append(report.Target("noise, 0.7 p/b: how many times faster than trained", ratio, ">=", 70.0))
    run.publish(f"Solved readouts beside trained networks ({size} x {size})", {"Rows": rows}, targets)


if __name__ == "__main__":
    main()
