"""The defaults of `refinr.fit`: why these widths, this step size, this tile; and the smallest networks that arrive.

With this you can run ``python -m benchmarks.defaults``.

Every recipe meets noise of 16 bits in two dimensions and in one; those that are chosen, and what was the default
before, meet all signals: measurements, photographs, floats, a sound, volumes, and what is awkward (thin and ragged
tiles, single spikes, the finest patterns a grid can hold, constants, a handful of samples).

"exact" is the share of networks without a wrong bit, "steps" what a network took, in the mean and at most, over all
seeds.  "work" is processor time for a bit, relative to the first row of a table: the default before.  Recipes take
turns, so that a machine that slows down slows all of them.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

import refinr
from benchmarks import report
from refinr.optim import Cosine

BEFORE: dict[str, Any] = {"hidden": (16, 16, 16), "lr": 3e-3}
SMALL: dict[str, Any] = {"hidden": (13, 13, 13), "lr": Cosine(1e-2, 600), "margin": 0.0, "max_steps": 4000}

FAST: dict[str, dict[str, Any]] = {
    "before": BEFORE,
    "default": {},
    "step 5e-3": {"lr": 5e-3},
    "step 1.5e-2": {"lr": 1.5e-2},
    "step 2e-2": {"lr": 2e-2},
    "20, 36": {"hidden": (20, 36)},
    "36, 20": {"hidden": (36, 20)},
    "3 x 20": {"hidden": (20, 20, 20)},
    "3 x 20, step 5e-3": {"hidden": (20, 20, 20), "lr": 5e-3},
    "4 x 16": {"hidden": (16, 16, 16, 16)},
    "4 x 16, step 6e-3": {"hidden": (16, 16, 16, 16), "lr": 6e-3},
    "6 x 12": {"hidden": (12,) * 6},
    "tile 16": {"tile": 16},
    "tile 16, step 1.5e-2": {"tile": 16, "lr": 1.5e-2},
    "tile 64": {"tile": 64},
}
LITTLE: dict[str, dict[str, Any]] = {
    "before": BEFORE,
    "small": SMALL,
    "step 1.5e-2": SMALL | {"lr": Cosine(1.5e-2, 600)},
    "900 steps": SMALL | {"lr": Cosine(1e-2, 900)},
    "3 x 12": SMALL | {"hidden": (12, 12, 12)},
    "3 x 12, 900 steps": SMALL | {"hidden": (12, 12, 12), "lr": Cosine(1e-2, 900)},
    "10, 11, 16, 900 steps": SMALL | {"hidden": (10, 11, 16), "lr": Cosine(1e-2, 900)},
    "2 x 17": SMALL | {"hidden": (17, 17)},
    "12, 24, step 1.5e-2": SMALL | {"hidden": (12, 24), "lr": Cosine(1.5e-2, 600)},
}
CHOSEN: dict[str, dict[str, Any]] = {"before": BEFORE, "default": {}, "small": SMALL}


# --- signals ---------------------------------------------------------------------------------------------------------


def noise(shape: tuple[int, ...], dtype: str = "uint16") -> np.ndarray:
    """All bits random: the hardest signal, and the only one for which a share of parameters says it all."""
    return np.random.default_rng(7).integers(0, 2 ** (8 * np.dtype(dtype).itemsize), shape).astype(dtype)


def pluck(n: int) -> np.ndarray:
    """A plucked string (Karplus and Strong): a burst of noise in a loop that averages neighbours."""
    loop = np.random.default_rng(0).uniform(-1.0, 1.0, 100)
    sound = np.empty(n)
    for i in range(n):
        here = i % 100
        after = (i + 1) % 100
        sound[i] = loop[here]
        loop[here] = 0.498 * (loop[here] + loop[after])
    return (20_000 * sound).astype("int16")


def measurements() -> dict[str, np.ndarray]:
    """Pieces of what comes with matplotlib, scikit-image and nibabel; 4,000 samples or so each."""
    import matplotlib
    import nibabel
    from skimage import data

    folder = Path(matplotlib.get_data_path()) / "sample_data"
    volumes = Path(nibabel.__file__).parent / "tests" / "data"
    with np.load(folder / "topobathy.npz") as file:
        bathymetry = file["topo"]
    with np.load(folder / "jacksboro_fault_dem.npz") as file:
        elevation = file["elevation"]
    anatomical, functional = (
        np.asarray(nibabel.load(volumes / name).dataobj.get_unscaled()) for name in ("anatomical.nii", "functional.nii")
    )
    return {
        "elevation": elevation[100:164, 100:164],
        "camera": data.camera()[200:264, 200:264],
        "coffee, 3 channels": data.coffee()[100:132, 100:164],
        "bathymetry, float32": bathymetry[20:84, 20:84],
        "sound, 1-D": pluck(4096),
        "anatomy, 3-D": anatomical[:20, :20, :10],
        "anatomy, ragged tiles": anatomical[10:23, 10:34, 5:18],
        "function, 4-D": functional[:14, :14, :, :7],
    }


def awkward() -> dict[str, np.ndarray]:
    """Thin and ragged tiles, spikes, the finest patterns, constants, a handful of samples."""
    spikes = np.zeros((64, 64), "uint8")
    spikes.flat[np.random.default_rng(7).choice(4096, 4, replace=False)] = 255
    return {
        "37 x 45": noise((37, 45)),
        "33 x 33": noise((33, 33)),
        "3 x 400": noise((3, 400)),
        "2 x 1500": noise((2, 1500)),
        "1029": noise((1029,)),
        "spikes": spikes,
        "chequers": (np.indices((64, 64)).sum(0) % 2).astype("uint8"),
        "stripes": np.tile(np.array([0, 255], "uint8"), (64, 32)),
        "constant": np.full((32, 32), 77, "uint8"),
        "1 x 1": np.array([[5]], "uint8"),
        "3 x 5": noise((3, 5), "uint8"),
        "7": noise((7,), "uint8"),
        "2 x 2 x 2 x 2": noise((2, 2, 2, 2), "uint8"),
    }


# --- measuring -------------------------------------------------------------------------------------------------------


def exact_networks(inr: refinr.INR, samples: np.ndarray) -> int:
    """Networks without a wrong bit."""
    layout = inr.layout
    wrong = layout.codes(inr.decode()) ^ layout.codes(samples)  # (*grid, C)
    count = 0
    for tile in layout.tiles:
        flips = np.bitwise_or.reduce(wrong[tile].reshape(-1, layout.channels), axis=0)  # (C,)
        count += sum(layout.cut.bits - int(f).bit_count() for f in flips)
    return count


def sweep(
    recipes: Mapping[str, dict[str, Any]], signals: Mapping[str, np.ndarray], seeds: Iterable[int]
) -> list[dict[str, Any]]:
    """One row for each signal and recipe."""
    rows = []
    seeds = list(seeds)
    for signal, samples in signals.items():
        report.log(signal)
        seconds = dict.fromkeys(recipes, 0.0)
        inrs: dict[str, list[refinr.INR]] = {name: [] for name in recipes}
        exact = dict.fromkeys(recipes, 0)
        for seed in seeds:
            for name, options in recipes.items():
                start = time.process_time()
                inr = refinr.fit(samples, seed=seed, **options)
                seconds[name] += time.process_time() - start
                exact[name] += exact_networks(inr, samples)
                inrs[name].append(inr)
        first = seconds[next(iter(recipes))]
        for name, fits in inrs.items():
            reports = [inr.report for inr in fits]
            rows.append(
                {
                    "signal": signal,
                    "recipe": name,
                    "hidden": " ".join(map(str, fits[0].layout.spec.sizes[1:-1])),
                    "parameters / bit": reports[0].parameters_per_bit,
                    "exact": exact[name] / sum(r.networks for r in reports),
                    "steps, mean": float(np.mean([r.steps for r in reports])),
                    "steps, most": max(r.most_steps for r in reports),
                    "restarts": sum(r.restarts for r in reports),
                    "work": seconds[name] / first,
                }
            )
    return rows


def main() -> None:
    """Measure, compare with the targets, print and keep."""
    run = report.Run("defaults", __doc__, timed=False)
    size, seeds = (12, range(1)) if run.quick else (64, range(2))
    random = {"noise": noise((size, size)), "noise, 1-D": noise((size * size,))}
    chosen = dict(list(FAST.items())[:2]) if run.quick else FAST
    little = dict(list(LITTLE.items())[:2]) if run.quick else LITTLE
    others = {"noise": noise((4, 5), "uint8")} if run.quick else random | measurements() | awkward()
    fast = sweep(chosen, random, seeds)
    smallest = sweep(little, random, seeds)
    everywhere = sweep(CHOSEN, others, seeds)
    ours = [row for row in everywhere if row["recipe"] == "default"]
    small = [row for row in everywhere if row["recipe"] == "small"]
    noisy = next(row for row in fast if row["recipe"] == "default")
    targets = [
        report.Target("default: exact, least", min(row["exact"] for row in ours), ">=", 1.0),
        report.Target("default: restarts", sum(row["restarts"] for row in ours), "<=", 0),
        report.Target("default on noise: parameters / bit", noisy["parameters / bit"], "<=", 0.9),
        report.Target("default on noise: work", noisy["work"], "<=", 0.25),
        report.Target("small: exact, least", min(row["exact"] for row in small), ">=", 1.0),
    ]
    tables = {"Fast": fast, "Small": smallest, "What is chosen, everywhere": everywhere}
    run.publish("Defaults", tables, targets)


if __name__ == "__main__":
    main()
