"""Readouts for some tiles, as files keep them: the work of one group of tiles, done anywhere.

With this you can describe such work (`Task`), say how it is to be done (`Search`), and do it (`find`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from refinr import cpu
from refinr import xp as libraries
from refinr.readouts import choosing, infeasible, packing, quantise, real
from refinr.readouts.batches import columns, distinct
from refinr.readouts.networks import Readouts, certain
from refinr.readouts.ragged import pack_bits, raw_bytes
from refinr.readouts.signs import SignReadouts
from refinr.xp import Array, to_host

SMALLEST = "smallest"
"""The store of real weights that takes raw bits where those are fewer."""

INTEGERS = "int5"
"""What the other networks are then stored in."""

PROOFS = 64
"""Undecided networks of a task for which certificates are tried, a few milliseconds each."""


@dataclass(frozen=True)
class Search:
    """How networks are solved; the same for all of a signal.

    Parameters
    ----------
    effort : {"fast", "small", "smallest"}
    share : float or None
        Features a sample to begin with; None: as the energy of a network's signs says.
    budget : float
        Features a sample at most.
    store : str
        What files hold real weights in, or `SMALLEST`.
    """

    effort: str = "fast"
    share: float | None = None
    budget: float = 1.0
    store: str = "float16"

    @property
    def holds(self) -> str:
        """What files hold the weights in."""
        return INTEGERS if self.store == SMALLEST else self.store

    @property
    def dtype(self) -> str:
        """Of the weights in memory."""
        return packing.PACKINGS[self.holds].dtype


class Task(NamedTuple):
    """Tiles of one extent whose networks are solved together: all that a worker needs to know."""

    number: int
    network: Readouts | SignReadouts
    cut: Any
    """A decomposition; its targets are above 0 where the wanted bit is 1."""
    tile: tuple[int, ...]
    extent: tuple[int, ...]
    codes: np.ndarray
    """(N, C) of one tile beside another: a tile more is so many channels more."""


class Found(NamedTuple):
    """What came of a `Task`: an entry for each network, in their order."""

    features: np.ndarray
    """0 where it is raw."""
    weights: np.ndarray
    """As files hold them, of `packing.Packing.dtype`: those of one network after another; none of raw networks."""
    taken: np.ndarray
    """Steps that it took."""
    raw: np.ndarray
    """The bits of raw networks (raw, bytes)."""
    undecided: np.ndarray
    """Whether a network is raw because the budget was too small."""
    impossible: np.ndarray
    """Whether there is a proof that it was."""


FOUND = {"features": "u4", "taken": "u4", "raw": "u1", "undecided": "?", "impossible": "?"}
"""The others as records of a journal."""


def find(task: Task, search: Search, xp: str = "numpy") -> Found:
    """Solve the networks of a task, those that want the same once."""
    wanted = task.cut.targets(task.codes)[:, :, 0].T > 0  # (N, E)
    first, like, sign = distinct(wanted)
    S = libraries.get(xp).asarray(np.where(wanted[:, first], np.float32(1), np.float32(-1)))
    with cpu.single_threaded_blas():
        if isinstance(task.network, SignReadouts):
            weights, *beside = _integer(task.network, S, search)
        else:
            weights, *beside = _real(task.network, task.extent, S, search)
    features, taken, undecided, impossible = (of[like] for of in beside)
    chosen = np.arange(weights.shape[1]) < features[:, None]  # (E, D)
    weights = (weights[like] * sign[:, None])[chosen] + np.float32(0)  # no -0.0, which whole numbers have not
    raw = np.zeros((int((features == 0).sum()), raw_bytes(int(np.prod(task.tile)))), np.uint8)
    bits = pack_bits(wanted.T[features == 0])
    raw[:, : bits.shape[1]] = bits
    return Found(features, weights.astype(search.dtype), taken, raw, undecided, impossible)


def _integer(network: SignReadouts, S: Array, search: Search) -> tuple[np.ndarray, ...]:
    """Weights (E, D), features, steps, who is undecided, and for whom there is a proof."""
    sizes = np.array(network.ladder)
    choice = choosing.integer_readouts(S, network.weights, search.effort, tile=network.samples, sizes=sizes)
    none = np.zeros(choice.features.size, bool)
    return to_host(choice.weights).T, choice.features, choice.steps, none, none


def _real(network: Readouts, extent: tuple[int, ...], S: Array, search: Search) -> tuple[np.ndarray, ...]:
    """The same, weights in the order of the ranks."""
    basis = network.basis(extent)
    smallest = search.store == SMALLEST
    budget = min(search.budget, 1.0 / quantise.STORES[INTEGERS].bits) if smallest else search.budget
    share = None if search.share is None else min(search.share, budget)
    margin = certain(extent)
    choice = choosing.real_readouts(
        basis, S, search.effort, share=share, store=search.holds, margin=margin, budget=budget
    )
    unsolved = np.flatnonzero(choice.features == 0)
    features = np.where(choice.features == basis.samples, 0, choice.features)  # no more than the bits themselves
    undecided = np.zeros(features.size, bool)
    impossible = np.zeros(features.size, bool)
    if unsolved.size and not smallest:
        undecided[unsolved] = True
        tried = unsolved[:PROOFS]
        impossible[tried] = _impossible(network, extent, columns(S, tried), max(1, int(budget * basis.samples)))
    w = choice.weights / real.rms(choice.weights) if search.holds == "float32" else choice.weights
    return to_host(w)[np.argsort(basis.ranks)].T, features, choice.steps, undecided, impossible


def _impossible(network: Readouts, extent: tuple[int, ...], S: Array, features: int) -> np.ndarray:
    """For which networks there is a proof that they have no readout of so many features."""
    basis = network.basis(extent)
    found = real.solve(basis, S, features, steps=300)
    unsolved = np.flatnonzero(~found.solved)
    proved = np.zeros(found.solved.size, bool)
    if unsolved.size:
        certificates = infeasible.certify(basis, columns(S, unsolved), features, found.last)
        proved[unsolved] = [v is not None for v in certificates]
    return proved
