"""Readouts of signs as the networks of an array: weights of one bit or one trit, and whole numbers all the way.

With this you can evaluate, bound, count, pack and describe them (`SignReadouts`), and say which of them an array is
solved with (`signs_for`).
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping
from dataclasses import asdict, dataclass
from types import ModuleType
from typing import Any, ClassVar

import numpy as np

from refinr.decompositions import Place
from refinr.readouts.choosing import INTEGER, ladder, legendre
from refinr.readouts.networks import Params, Solved, numbers_dtype
from refinr.readouts.packing import LEVELS, Packing
from refinr.readouts.ragged import Ragged
from refinr.xp import to_host

MOST_SAMPLES = 4096
"""Samples of a tile: the matrix of its features is dense."""


@dataclass(frozen=True)
class SignReadouts(Solved):
    """Networks that sum signs, with weights of one bit or one trit: whole numbers, the same on every machine.

    Parameters
    ----------
    weights : {"binary", "ternary"}
    samples : int
        Of a full tile; smaller ones have its first rows.
    ladder : tuple of ints
        Numbers of features there are; a network has that with its number in it, counted from 1, and 0 if it is raw.
    scrambled : bool
        Of the features, see `refinr.readouts.features.Legendre`.

    Examples
    --------
    >>> networks = SignReadouts("binary", 3, (7, 11))
    >>> networks.sizes(np.array([1, 0, 2])).tolist()
    [7, 0, 11]
    """

    numbers: ClassVar[str] = "rungs"
    kind: ClassVar[str] = "signs"

    weights: str
    samples: int
    ladder: tuple[int, ...]
    scrambled: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "ladder", tuple(self.ladder))
        if not isinstance(self.scrambled, bool):
            raise ValueError(f"scrambled: expected true or false, got {self.scrambled!r:.20}")
        if self.weights not in INTEGER or not 1 <= self.samples <= MOST_SAMPLES:
            raise ValueError(f"weights, samples: got {self.weights!r:.20} and {self.samples}")
        if not 1 <= len(self.ladder) < 256 or not all(0 < size <= 2 * self.samples + 16 for size in self.ladder):
            raise ValueError(f"ladder: expected 1 to 255 numbers of features, got {self.ladder!r:.80}")

    @property
    def version(self) -> int:  # type: ignore[override]
        """Of files that hold them; before scrambling there was 3."""
        return 6 if self.scrambled else 3

    @property
    def stores(self) -> Mapping[str, Packing]:
        """One."""
        return {self.weights: LEVELS[self.weights]}

    def compressed(self, store: str) -> Collection[str]:
        """A byte a network says what hardly differs; weights are as random as they can be."""
        return ("rungs",) if self.scrambled else ()

    def check(self, axes: tuple[int, ...]) -> None:
        """Raise if tiles have other numbers of samples."""
        if math.prod(axes) != self.samples:
            raise ValueError(f"samples: expected {math.prod(axes)} as in a tile, got {self.samples}")

    def params(self, features: np.ndarray, weights: np.ndarray, raw: np.ndarray, samples: int) -> Params:
        """What is stored of networks with so many features each, 0 if they are raw."""
        rungs = np.searchsorted(np.array([0, *self.ladder]), features)
        return {"rungs": rungs.astype(numbers_dtype(samples)), "weights": weights.astype(np.int8), "raw": raw}

    def sizes(self, numbers: np.ndarray) -> np.ndarray:
        """From the ladder."""
        return np.array([0, *self.ladder])[numbers]

    def _check_numbers(self, numbers: np.ndarray, samples: np.ndarray) -> None:
        if (numbers > len(self.ladder)).any():
            raise ValueError(f"rungs: expected at most {len(self.ladder)}, as the ladder has")

    def _outputs(self, ragged: Ragged, networks: range, extent: tuple[int, ...], xp: ModuleType) -> np.ndarray:
        w = ragged.dense(networks, max(self.ladder))  # (E, D)
        counts = ragged.counts[networks.start : networks.stop]
        z = np.zeros((math.prod(extent), len(w)), np.float32)
        for D in set(counts.tolist()) - {0}:
            which = counts == D
            F = xp.asarray(self.features(D)[: len(z)].astype(np.float32))  # whole numbers, exact in any order
            z[:, which] = to_host(xp.matmul(F, xp.asarray(np.ascontiguousarray(w[which, :D].T))))
        return z

    def features(self, count: int) -> np.ndarray:
        """The features that networks of so many have, as columns, int8 (samples, count)."""
        return legendre(self.samples, count, self.scrambled).matrix()

    def at(self, params: Params, place: Place, points: np.ndarray, xp: ModuleType) -> np.ndarray:
        """Outputs at points (n, d) of a tile, which must be samples: signs are not defined between them."""
        places = points.astype(np.int64)
        if (places != points).any():
            raise ValueError("points: expected samples, because features of signs are not defined between them")
        z = self.evaluator(params, place.cut, place.tile, xp)(place.networks, place.extent)
        return z[:, np.ravel_multi_index(tuple(places.T), place.extent)]

    def enclosed(self, on: Any, params: Params, place: Place, which: Any = ...) -> Iterator[Any]:
        """Outputs as a ball of the arithmetic `on`: exact while a type holds all whole numbers up to D."""
        z = self.evaluator(params, place.cut, place.tile, np)(place.networks, place.extent)
        counts = self.ragged(params).counts[place.networks.start : place.networks.stop]
        yield on.some(on.whole(z.astype(np.float64), counts[:, None, None]), which)

    def apart(self, params: Params, place: Place, z: np.ndarray) -> float:
        """Not at all: float32 has all whole numbers up to 2 `MOST_SAMPLES` + 16."""
        return 0.0

    def to_json(self) -> dict[str, Any]:
        """As JSON values."""
        return {"signs": asdict(self)}


def signs_for(grid: tuple[int, ...], tile: tuple[int, ...], weights: str, effort: str) -> SignReadouts:
    """The networks that a grid of tiles is solved with: a ladder for full ones, and below it for those at the edges.

    Examples
    --------
    >>> signs_for((8, 8), (8, 8), "binary", "fast").ladder[:3]
    (79, 83, 103)
    >>> signs_for((8, 12), (8, 8), "binary", "fast").ladder[:3]
    (45, 47, 49)
    """
    samples = math.prod(tile)
    if samples > MOST_SAMPLES:
        raise ValueError(f"tile: expected at most {MOST_SAMPLES} samples, with {weights} weights, got {tile}")
    first, _ = INTEGER[weights]["fast" if effort == "fast" else "small"]
    sizes = {1}
    for n, t in zip(grid, tile, strict=True):
        sizes = {size * length for size in sizes for length in (t, n % t or t)}  # the last one's is the rest
    return SignReadouts(weights, samples, tuple(ladder(samples, first, sizes - {samples}).tolist()), True)
