"""Which figures there are, and running them.

With this you can find a figure's module (`find`), tell the state of its results (`state`), compute and draw it (`run`).
"""

from __future__ import annotations

import importlib
import time
import zlib
from pathlib import Path
from types import ModuleType

import numpy as np

from benchmarks import machine
from paper_figures import data, results, resume, style

NAMES = (
    "bounds",
    "bit_bias",
    "first_scale",
    "nary",
    "losses",
    "convergence",
    "comparison",
    "bit_spectral",
    "audio",
    "channels",
    "time_to_lossless",
    "ternary",
    "weight_precision",
    "expansion",
)
"""In the order of the gallery page; a new module is named here."""

UNTRIED = {
    "Figure 1": "the overview, a drawing",
    "Table 2": "bit planes for Instant-NGP and DINER, which are tables more than networks",
    "Table 6": "compression of MNIST and Fashion-MNIST",
    "Figure 4": "the pipeline, a drawing",
}
"""What of the paper has no module yet, and what it is."""

PRESETS = ("tiny", "small", "paper")
RESULTS = Path(__file__).parent / "results"

MISSING, STALE, OLDER, CURRENT = "missing", "stale", "current, but refinr has changed since", "current"


def find(name: str) -> ModuleType:
    """The module of a figure.

    Raises
    ------
    ValueError
        For an unknown name.
    """
    if name not in NAMES:
        raise ValueError(f"figure: unknown name {name!r}; known are {', '.join(NAMES)}")
    return importlib.import_module(f"paper_figures.{name}")


def data_path(folder: Path, name: str) -> Path:
    """Where a figure's data are kept."""
    return folder / f"{name}.json"


def state(name: str, preset: str, folder: Path) -> str:
    """Missing, stale (the figure's own code or settings have changed), or current."""
    path = data_path(folder, name)
    if not path.exists():
        return MISSING
    about = results.read(path).provenance
    if about["source"] != results.digest(find(name), preset, data.listing()):
        return STALE
    return CURRENT if about["refinr source"] == results.refinr_digest() else OLDER


def run(name: str, preset: str, folder: Path, seed: int = 0, force: bool = False) -> str:
    """Compute a figure's data unless they are current (with this seed), then draw it; returns what was done."""
    folder.mkdir(parents=True, exist_ok=True)
    module, path = find(name), data_path(folder, name)
    done = "drawn"
    same_seed = path.exists() and results.read(path).provenance["seed"] == seed
    if force or not same_seed or state(name, preset, folder) in (MISSING, STALE):
        source = results.digest(module, preset, data.listing())
        rng = np.random.default_rng([seed, zlib.crc32(name.encode())])  # other figures have other streams
        watch, start, used = machine.Watch(), time.perf_counter(), time.process_time()
        with resume.kept_in(folder / f"{name}.partial", f"{source} {results.refinr_digest()} {seed}"):
            computed = module.compute(preset, rng)
        seconds, used = time.perf_counter() - start, time.process_time() - used
        about = results.provenance(name, preset, seed, seconds, used, source, watch.cores_of_others())
        results.write(path, computed, about)
        done = f"computed in {seconds:.0f} s and drawn"
    with style.look():
        style.save(module.plot(results.read(path).data), folder)
    return done
