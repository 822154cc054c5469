"""Solved readouts as the networks of an array: each of as many features as it needs.

With this you can evaluate, bound, count, pack and describe those of some tiles (`Readouts`); `refinr.perceptrons` says
what networks of an array offer.

Networks have different numbers of features.  Their weights stand one after another in one array, and where those of a
network begin is the sum of the numbers before.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterator
from dataclasses import asdict, dataclass
from types import ModuleType
from typing import Any, ClassVar

import numpy as np

from refinr.files import storing
from refinr.files.floats import FLOAT_TYPES
from refinr.readouts.features import Cosines
from refinr.readouts.real import MARGIN
from refinr.xp import Array, asarray_like, to_host

LONGEST = 2048
"""Samples on an axis of a tile: its waves are a square matrix, and a small file must not ask for a large one."""

Params = dict[str, Array]


@dataclass(frozen=True)
class Readouts:
    """Networks that sum cosines, the first D in an order that they share.

    Stored are ``features``, the D of every network, and ``weights``, float32, those of one network after another, each
    in the order of `refinr.readouts.features.Cosines.ranks`.

    Parameters
    ----------
    order : float
    seed : int
        Of the features, see `refinr.readouts.features.Cosines`.

    Examples
    --------
    >>> networks = Readouts(order=1.0, seed=0)
    >>> networks.words(networks.params(np.array([2, 1, 4]), np.ones(7, "float32"), samples=4))
    '1 to 4 cosines'
    """

    version: ClassVar[int] = 3
    beside: ClassVar[tuple[str, ...]] = ()
    together: ClassVar[int] = 2**17

    order: float
    seed: int

    def check(self, axes: tuple[int, ...]) -> None:
        """Raise if waves are too long."""
        if max(axes) > LONGEST:
            raise ValueError(f"tile: expected at most {LONGEST} samples on an axis, got {axes}")
        self.basis(axes)  # raises for what is no order and no seed

    def basis(self, extent: tuple[int, ...]) -> Cosines:
        """The features of a tile of that extent."""
        return Cosines(extent, self.order, self.seed)

    # --- outputs -----------------------------------------------------------------------------------------------------

    def evaluator(
        self, params: Params, cut: Any, tile: tuple[int, ...], xp: ModuleType
    ) -> Callable[[range, tuple[int, ...]], np.ndarray]:
        """A function of networks and an extent that gives outputs."""
        ends = np.cumsum(params["features"], dtype=np.int64)

        def outputs(networks: range, extent: tuple[int, ...]) -> np.ndarray:
            basis = self.basis(extent)
            w = xp.asarray(_dense(basis, params, ends, networks))  # (N, E)
            return to_host(basis.synthesis(w)).T[:, :, None]

        return outputs

    def at(
        self,
        params: Params,
        networks: range,
        extent: tuple[int, ...],
        points: np.ndarray,
        cut: Any,
        tile: tuple[int, ...],
        xp: ModuleType,
    ) -> np.ndarray:
        """Outputs at points (n, d) of a tile, in samples: cosines are at home between samples, too."""
        basis = self.basis(extent)
        w = xp.asarray(_dense(basis, params, np.cumsum(params["features"], dtype=np.int64), networks))
        waves = asarray_like(basis.at(points), w)  # (n, N)
        return to_host(xp.matmul(waves, w)).T[:, :, None]

    def enclosed(
        self, on: Any, params: Params, networks: range, extent: tuple[int, ...], cut: Any, tile: tuple[int, ...]
    ) -> Iterator[Any]:
        """Outputs as a ball of the arithmetic `on`: of the separable transform, with sums in any order."""
        basis = self.basis(extent)
        w = _dense(basis, params, np.cumsum(params["features"], dtype=np.int64), networks)
        z = on.data(w[None])  # (1, N, E)
        before = 1
        for n, waves in zip(basis.tile, basis.waves, strict=True):
            z = on.transform(waves.T, on.reshaped(z, (before, n, -1)))
            before *= n
        yield on.reshaped(z, (basis.samples, -1, 1)).turned()

    # --- parameters --------------------------------------------------------------------------------------------------

    def params(self, features: np.ndarray, weights: np.ndarray, samples: int) -> Params:
        """Numbers of features (networks,) and weights as they are stored, in tiles of so many samples."""
        return {"features": features.astype(_counts_dtype(samples)), "weights": weights}

    def cast(self, params: Params) -> Params:
        """The weights: how many they are is not cast."""
        return {"weights": params["weights"]}

    def count(self, params: Params, networks: int) -> int:
        """Weights."""
        return int(params["weights"].size)

    def check_room(self, networks: int, size: int) -> None:
        """Every network has at least its number of features in a file."""
        if networks > size:
            raise ValueError(f"{networks} networks in {size} bytes")

    def packed_bytes(self, params: Params, store: str) -> int:
        """Bytes that files take for them."""
        return int(params["features"].nbytes) + storing.packed_bytes(self.cast(params), store)

    def pack(self, params: Params, store: str) -> Params:
        """Arrays as files hold them."""
        return params | {"weights": storing.pack(params["weights"], store)}

    def unpack(self, arrays: Params, store: str, samples: np.ndarray, harmed: Collection[str] = ()) -> Params:
        """The inverse; numbers of features must be possible, and add up to the number of weights."""
        if arrays.keys() != {"features", "weights"}:
            raise ValueError(f"expected features and weights, got {', '.join(arrays)}")
        if "features" in harmed:
            raise ValueError("features: damaged, and without them nobody knows which weights are whose")
        features = arrays["features"]
        kind = _counts_dtype(int(samples.max()))
        if (features.dtype, features.shape) != (kind, samples.shape):
            raise ValueError(f"features: expected {kind} {samples.shape}, got {features.dtype} {features.shape}")
        if (features < 1).any() or (features > samples).any():
            raise ValueError("features: expected at least 1 and at most as many as a tile has samples")
        total = int(features.sum(dtype=np.int64))
        return {"features": features, "weights": storing.unpack(arrays["weights"], store, (total,), "float32")}

    # --- in words ----------------------------------------------------------------------------------------------------

    def words(self, params: Params) -> str:
        """How many features."""
        fewest = int(params["features"].min())
        most = int(params["features"].max())
        return f"{most} cosines" if fewest == most else f"{fewest} to {most} cosines"

    def details(self, params: Params, store: str) -> dict[str, str]:
        """How many features on average."""
        return {
            "features": f"{params['features'].mean():.1f} on average, in a mixed order: frequency counts {self.order:g}"
        }

    def to_json(self) -> dict[str, Any]:
        """As JSON values."""
        return {"readouts": asdict(self)}

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Readouts:
        """The inverse."""
        return cls(**value)


def by_network(basis: Cosines, weights: np.ndarray, features: np.ndarray) -> np.ndarray:
    """Weights (N, E) as they are stored: those of one network after another, in the order of the ranks.

    Examples
    --------
    >>> by_network(Cosines((3,), 1e6, 0), np.array([[1.0, 4.0], [2.0, 5.0], [3.0, 6.0]]), np.array([1, 2])).tolist()
    [1.0, 4.0, 5.0]
    """
    ranked = weights[np.argsort(basis.ranks)].T  # (E, N)
    return ranked[np.arange(basis.samples) < features[:, None]]


def certain(extent: tuple[int, ...]) -> float:
    """A margin in root mean squares that rounding in float32 does not reach, whatever the weights; at least `MARGIN`.

    On an axis of n samples a sum is off by at most n + 2 units of that of magnitudes, and axes add up.  Magnitudes sum
    up to at most ``sqrt(2^d N)`` root mean squares: N weights, times waves of at most ``sqrt(2^d / N)``.  Twice that,
    because the margin is asked of computed outputs, which are off themselves.

    Examples
    --------
    >>> certain((4, 4)), certain((16, 16)) < 2e-4, certain((1024,)) < 6e-3
    (0.0001, True, True)
    """
    roundings = sum(n + 2 for n in extent) + 2
    sums = math.sqrt(2.0 ** len(extent) * math.prod(extent))
    return max(MARGIN, 2.0 * 1.01 * roundings * FLOAT_TYPES["float32"].unit * sums)


def _counts_dtype(samples: int) -> np.dtype:
    return np.dtype(np.uint16 if samples < 2**16 else np.uint32)


def _dense(basis: Cosines, params: Params, ends: np.ndarray, networks: range) -> np.ndarray:
    """Weights of some networks as (N, E), in the order of the basis, with zeros where a network has no feature."""
    features = params["features"][networks.start : networks.stop]
    first = int(ends[networks.start - 1]) if networks.start else 0
    here = params["weights"][first : int(ends[networks.stop - 1])]
    ranked = np.zeros((len(features), basis.samples), here.dtype)
    ranked[np.arange(basis.samples) < features[:, None]] = here
    return np.ascontiguousarray(ranked[:, basis.ranks].T)
