"""Finding figures and running them; which there are is in `paper_figures.figures.NAMES`.

With this you can find a figure (`find`), tell the state of its results (`state`), compute and draw it (`run`).
"""

from __future__ import annotations

import importlib
import warnings
import zlib
from pathlib import Path

import numpy as np

from paper_figures import datafiles, figures, machine, provenance, resume, signals, style
from paper_figures.claims import Untried
from paper_figures.figure import Figure
from refinr.advice import NotExactWarning

UNTRIED = (
    Untried(
        "Table 6", "Networks on bits take 6.11 bits for a pixel of Fashion-MNIST, PNG 5.78.",
        "no package that we know brings these images",
    ),
    Untried(
        "Figure 10", "A ternary BitNet of the same size does not become exact.",
        "trained networks of others, cited only",
    ),
    Untried(
        "Table 7", "Coded by RECOMBINER, networks on bits are exact with 2.58 bits for a pixel of MNIST, with 6.11 for "
        "one of Fashion-MNIST.",
        "its code is learned from thousands of images; here each network is stored by itself",
    ),
    Untried(
        "Table 5", "ABCD, trained for the task, is 3.4 dB better than the ideal gain.",
        "a trained network of others, cited only",
    ),
)  # fmt: skip
"""Claims of the paper that no module is about."""

PRESETS = ("tiny", "small", "paper")
RESULTS = Path(__file__).parent / "results"

MISSING = "missing"
STALE = "stale"
OLDER = "current, but refinr has changed since"
CURRENT = "current"


def find(name: str) -> Figure:
    """A figure by the name of its module, which is imported only now.

    Raises
    ------
    ValueError
        For an unknown name.

    Examples
    --------
    >>> find("nary").shows
    'Table 3'
    """
    if name not in figures.NAMES:
        raise ValueError(f"figure: unknown name {name!r}; known are {', '.join(figures.NAMES)}")
    found: Figure = importlib.import_module(f"paper_figures.figures.{name}").FIGURE
    return found


def data_path(folder: Path, name: str) -> Path:
    """Where a figure's data are kept."""
    return folder / f"{name}.json"


def state(name: str, preset: str, folder: Path) -> str:
    """Missing, stale (the figure's own code or settings have changed), or current."""
    path = data_path(folder, name)
    if not path.exists():
        return MISSING
    about = datafiles.read(path).provenance
    if about["source"] != provenance.digest(find(name), preset, signals.listing()):
        return STALE
    return CURRENT if about["refinr source"] == provenance.refinr_digest() else OLDER


def run(name: str, preset: str, folder: Path, seed: int = 0, force: bool = False) -> str:
    """Compute a figure's data unless they are current (with this seed), then draw it; returns what was done."""
    folder.mkdir(parents=True, exist_ok=True)
    figure = find(name)
    path = data_path(folder, name)
    done = "drawn"
    if force or not _is_of_seed(path, seed) or state(name, preset, folder) in (MISSING, STALE):
        seconds = _compute(name, preset, folder, seed)
        done = f"computed in {seconds:.0f} s and drawn"
    with style.look():
        style.save(figure.plot(datafiles.read(path).data), folder)
    return done


def _is_of_seed(path: Path, seed: int) -> bool:
    return path.exists() and datafiles.read(path).provenance["seed"] == seed


def _compute(name: str, preset: str, folder: Path, seed: int) -> float:
    """Compute a figure's data and write them with their provenance; returns the seconds it took."""
    figure = find(name)
    source = provenance.digest(figure, preset, signals.listing())
    rng = np.random.default_rng([seed, zlib.crc32(name.encode())])  # other figures have other streams
    watch = machine.Watch()
    partial = folder / f"{name}.partial"
    key = f"{source} {provenance.refinr_digest()} {seed}"
    with resume.kept_in(partial, key) as resumed, warnings.catch_warnings():
        warnings.simplefilter("ignore", NotExactWarning)  # what is not exact is a figure's result, in its table
        data = figure.compute(preset, rng)
    spent = watch.spent()
    about = provenance.about(name, preset, seed, source, spent) | ({"resumed": True} if resumed else {})
    datafiles.write(data_path(folder, name), data, about)
    return spent.seconds
