"""How many features each network gets, and its weights as files keep them: the work of one group of tiles.

With this you can describe such work (`Task`), say how it is to be done (`Search`), and do it anywhere (`find`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from refinr import cpu
from refinr import xp as libraries
from refinr.files import storing
from refinr.readouts import real
from refinr.readouts.batches import columns
from refinr.readouts.features import Cosines
from refinr.readouts.networks import Readouts, by_network, certain
from refinr.xp import Array, asarray_like, namespace, to_host

ENERGY = 0.62
"""Networks begin with the features that hold this share of their signs' energy."""

GROWTH = 0.06
"""A network that has no readout gets so many more features, in share of those it had."""

WIDER = 20.0
"""How much wider than asked for margins are made that rounding to what files hold has narrowed too much."""


@dataclass(frozen=True)
class Search:
    """How networks are solved; the same for all of a signal.

    Parameters
    ----------
    share : float or None
        Features a sample to begin with; None: as the energy of a network's signs says.
    budget : float
        Features a sample at most.
    max_steps : int
        Steps with one number of features.
    store : str
        What files hold weights in.
    """

    share: float | None = None
    budget: float = 1.0
    max_steps: int = 40
    store: str = "float16"


class Task(NamedTuple):
    """Tiles of one extent whose networks are solved together: all that a worker needs to know."""

    number: int
    network: Readouts
    cut: Any
    """A decomposition; its targets are above 0 where the wanted bit is 1."""
    extent: tuple[int, ...]
    codes: np.ndarray
    """(N, C) of one tile beside another: a tile more is so many channels more."""


class Found(NamedTuple):
    """What came of a `Task`: an entry for each network, in their order."""

    features: np.ndarray
    weights: np.ndarray
    """As files hold them: those of one network after another, float32."""
    taken: np.ndarray
    """Steps."""
    climbed: np.ndarray
    """How often a network got more features."""
    solved: np.ndarray


FOUND = {"features": "u4", "weights": "f4", "taken": "u4", "climbed": "u4", "solved": "u1"}
"""The same as records of a journal."""


def find(task: Task, search: Search, xp: str = "numpy") -> Found:
    """Solve the networks of a task."""
    targets = task.cut.targets(task.codes)[:, :, 0].T  # (N, E)
    S = libraries.get(xp).asarray(np.where(targets > 0, np.float32(1), np.float32(-1)))
    basis = task.network.basis(task.extent)
    N, E = targets.shape
    most = max(1, int(search.budget * N))
    margin = certain(task.extent)
    D = first_features(basis, S) if search.share is None else np.full(E, round(search.share * N))
    D = np.clip(D, 1, most)
    weights = np.zeros((N, E), np.float32)
    taken = np.zeros(E, np.int64)
    climbed = np.zeros(E, np.int64)
    open_ = np.arange(E)
    with cpu.single_threaded_blas():
        while open_.size:
            here = columns(S, open_)
            found = real.solve(basis, here, D[open_], steps=search.max_steps, margin=margin)
            taken[open_] += np.where(found.solved, found.steps, search.max_steps)
            w, good = kept(basis, found, here, D[open_], margin, search.store)
            weights[:, open_[good]] = w[:, good]
            left = open_[~good]
            open_ = left[D[left] < most]
            climbed[open_] += 1
            D[open_] = np.minimum(most, np.maximum(D[open_] + 1, np.ceil(D[open_] * (1.0 + GROWTH)).astype(np.int64)))
    solved = (weights != 0).any(axis=0)
    return Found(D, by_network(basis, weights, D), taken, climbed, solved)


def first_features(basis: Cosines, signs: Array) -> np.ndarray:
    """The least D whose features hold `ENERGY` of the signs' energy, (E,)."""
    w = to_host(basis.analysis(signs))
    energy = np.cumsum(np.square(w[np.argsort(basis.ranks)]), axis=0)  # (N, E)
    return 1 + (energy < ENERGY * energy[-1]).sum(axis=0)


def kept(
    basis: Cosines, found: real.Solution, signs: Array, features: np.ndarray, margin: float, store: str
) -> tuple[np.ndarray, np.ndarray]:
    """Weights as files hold them, outputs of about 1 in the root mean square, and who has margins still."""
    w, good = _rounded(basis, found.weights, signs, margin, store)
    again = np.flatnonzero(found.solved & ~good)
    if again.size:
        w_again = columns(found.weights, again)
        S = columns(signs, again)
        wide = real.widen(basis, w_again, S, features[again], margin=WIDER * margin)
        w[:, again], good[again] = _rounded(basis, wide.weights, S, margin, store)
    return w, good & found.solved


def _rounded(basis: Cosines, w: Array, signs: Array, margin: float, store: str) -> tuple[np.ndarray, np.ndarray]:
    scaled = to_host(w / namespace(w).maximum(real.rms(w), real.TINY))
    rounded = storing.nearest(scaled, store)
    z = signs * basis.synthesis(asarray_like(rounded, signs))
    return rounded, to_host(real.clear(z, margin))
