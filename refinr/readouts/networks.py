"""Solved readouts as the networks of an array: each of as many features as it needs.

With this you can evaluate, bound, count, pack and describe those of some tiles: readouts of cosines with real weights
(`Readouts`), and of signs with weights of one bit or one trit (`SignReadouts`).  `refinr.perceptrons` says what
networks of an array offer.

Stored are the weights of one network after another, ``weights``; how many features each has, ``features`` or ``rungs``;
and the bits of networks that are raw, ``raw``, those whose number is 0 there.  In the smallest store each of the three
may be a compressed stream, of signs the rungs, see `refinr.readouts.streaming`.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import asdict, dataclass
from types import ModuleType
from typing import Any, ClassVar, Self

import numpy as np

from refinr.decompositions import Place
from refinr.files.floats import FLOAT_TYPES
from refinr.readouts import packing, streaming
from refinr.readouts.features import Cosines
from refinr.readouts.packing import REAL, Packing
from refinr.readouts.ragged import Ragged, raw_bytes
from refinr.readouts.real import MARGIN
from refinr.xp import Array, asarray_like, to_host

LONGEST = 2048
"""Samples on an axis of a tile: its waves are a square matrix, and a small file must not ask for a large one."""

Params = dict[str, Array]


class Solved(ABC):
    """What all kinds of solved readouts share."""

    version: ClassVar[int] = 3
    beside: ClassVar[tuple[str, ...]] = ()
    together: ClassVar[int] = 2**17
    numbers: ClassVar[str]
    """The array that says how many features networks have."""

    @property
    @abstractmethod
    def stores(self) -> Mapping[str, Packing]:
        """What files can hold the weights in."""

    @abstractmethod
    def compressed(self, store: str) -> Collection[str]:
        """Arrays that files hold compressed where that is shorter; others keep their speed."""

    @abstractmethod
    def sizes(self, numbers: np.ndarray) -> np.ndarray:
        """How many features networks have, from what is stored of it; 0 where they are raw."""

    @abstractmethod
    def _check_numbers(self, numbers: np.ndarray, samples: np.ndarray) -> None:
        """Raise for what they cannot be, in tiles of so many samples."""

    @abstractmethod
    def _outputs(self, ragged: Ragged, networks: range, extent: tuple[int, ...], xp: ModuleType) -> np.ndarray:
        """Outputs (N, E) on the host; of anything where networks are raw."""

    @abstractmethod
    def to_json(self) -> dict[str, Any]:
        """As JSON values."""

    # --- outputs -----------------------------------------------------------------------------------------------------

    def evaluator(
        self, params: Params, cut: Any, tile: tuple[int, ...], xp: ModuleType
    ) -> Callable[[range, tuple[int, ...]], np.ndarray]:
        """A function of networks and an extent that gives outputs."""
        ragged = self.ragged(params)

        def outputs(networks: range, extent: tuple[int, ...]) -> np.ndarray:
            z = self._outputs(ragged, networks, extent, xp).T
            raw = ragged.is_raw(networks)
            if raw.any():
                z = np.array(z)
                z[raw] = ragged.signs(networks, math.prod(extent))
            return z[:, :, None]

        return outputs

    # --- parameters --------------------------------------------------------------------------------------------------

    def ragged(self, params: Params) -> Ragged:
        """Where the weights of each network are."""
        return Ragged(self.sizes(params[self.numbers]), params["weights"], params["raw"])

    def cast(self, params: Params) -> Params:
        """The weights, and the largest of raw networks' weights."""
        return {"weights": np.append(params["weights"], np.ones(1, params["weights"].dtype))}

    def count(self, params: Params, samples: np.ndarray) -> int:
        """Weights; of a raw network as many as it has samples."""
        return int(params["weights"].size + samples[params[self.numbers] == 0].sum())

    def check_room(self, networks: int, size: int) -> None:
        """Every network has at least its number of features in a file."""
        if networks > size:
            raise ValueError(f"{networks} networks in {size} bytes")

    def packed_bytes(self, params: Params, store: str) -> int:
        """Bytes that files take for them."""
        if self.compressed(store):
            return sum(array.nbytes for array in self.pack(params, store).values())
        beside = int(params[self.numbers].nbytes + params["raw"].nbytes)
        return beside + packing.packed_bytes(params["weights"].size, store)

    def pack(self, params: Params, store: str) -> Params:
        """Arrays as files hold them."""
        packed = params | {"weights": packing.pack(params["weights"], store)}
        some = {name: packed[name] for name in self.compressed(store)}
        if not some:
            return packed
        networks = params[self.numbers].size
        outputs = 8 * networks * params["raw"].shape[1]
        others = sum(array.nbytes for name, array in packed.items() if name not in some)
        # far within what `refinr.limits` takes for each byte of a file, compressed or not
        least = max(4 * networks, outputs // 32) - others
        return {name: packed[name] for name in packed.keys() - some.keys()} | streaming.shortest(some, params, least)

    def unpack(self, arrays: Params, store: str, samples: np.ndarray, harmed: Collection[str] = ()) -> Params:
        """The inverse; numbers of features must be possible, and add up to the number of weights."""
        some = self.compressed(store)
        forms = {streaming.plain(name) if streaming.plain(name) in some else name: name for name in arrays}
        if forms.keys() != {self.numbers, "weights", "raw"} or len(forms) != len(arrays):
            raise ValueError(f"expected {self.numbers}, weights and raw, got {', '.join(arrays)}")
        if self.numbers in harmed:
            raise ValueError(f"{self.numbers}: damaged, and without them nobody knows which weights are whose")

        def found(name: str, dtype: np.dtype, shape: tuple[int, ...]) -> np.ndarray:
            form = forms[name]
            array = arrays[form]
            if form != name:
                return streaming.inflated(form, array, dtype, shape, damaged=name in harmed)
            if (array.dtype, array.shape) != (dtype, shape):
                raise ValueError(f"{name}: expected {dtype} {shape}, got {array.dtype} {array.shape}")
            return array

        most = int(samples.max())
        numbers = found(self.numbers, numbers_dtype(most), samples.shape)
        self._check_numbers(numbers, samples)
        raw = found("raw", np.dtype(np.uint8), (int((numbers == 0).sum()), raw_bytes(most)))
        total = int(self.sizes(numbers).sum(dtype=np.int64))
        if forms["weights"] == "weights":
            weights = packing.unpack(arrays["weights"], store, total)
        else:
            weights = found("weights", np.dtype(np.int8), (total,))
            if "weights" not in harmed:
                packing.pack(weights, store)  # raises for what it cannot hold
        return {self.numbers: numbers, "weights": weights, "raw": raw}

    # --- in words ----------------------------------------------------------------------------------------------------

    def words(self, params: Params) -> str:
        """How many features, of what kind."""
        sizes = self.sizes(params[self.numbers])
        raw = int((sizes == 0).sum())
        solved = sizes[sizes > 0]
        found = f"{solved.min()} to {solved.max()} {self.kind}" if solved.size else f"no {self.kind}"
        return found + (f" (and {raw} as raw bits)" if raw else "")

    @property
    @abstractmethod
    def kind(self) -> str:
        """What features are."""

    def details(self, params: Params, store: str) -> dict[str, str]:
        """How many features there are on average, and how many networks are raw bits."""
        sizes = self.sizes(params[self.numbers])
        raw = int((sizes == 0).sum())
        mean = params["weights"].size / max(1, sizes.size - raw)
        return {
            "features": f"{mean:.1f} a network on average",
            "raw bits": f"{raw} networks, for which nothing smaller was found" if raw else "none",
        }

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Self:
        """The inverse of `to_json`."""
        return cls(**value)


# --- real weights ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Readouts(Solved):
    """Networks that sum cosines, the first D in an order that they share; weights in the order of the ranks.

    Parameters
    ----------
    order : float
    seed : int
        Of the features, see `refinr.readouts.features.Cosines`.
    """

    numbers: ClassVar[str] = "features"
    kind: ClassVar[str] = "cosines"
    stores: ClassVar[Mapping[str, Packing]] = REAL

    order: float
    seed: int

    def compressed(self, store: str) -> Collection[str]:
        """All in the store of the smallest files."""
        return ("features", "weights", "raw") if store == "int5" else ()

    def check(self, axes: tuple[int, ...]) -> None:
        """Raise if waves are too long."""
        if max(axes) > LONGEST:
            raise ValueError(f"tile: expected at most {LONGEST} samples on an axis, got {axes}")
        self.basis(axes)  # raises for what is no order and no seed

    def basis(self, extent: tuple[int, ...]) -> Cosines:
        """The features of a tile of that extent."""
        return Cosines(extent, self.order, self.seed)

    def params(self, features: np.ndarray, weights: np.ndarray, raw: np.ndarray, samples: int) -> Params:
        """What is stored of networks with so many features each, in full tiles of so many samples."""
        return {"features": features.astype(numbers_dtype(samples)), "weights": weights, "raw": raw}

    def sizes(self, numbers: np.ndarray) -> np.ndarray:
        """They are stored as they are."""
        return numbers

    def _check_numbers(self, numbers: np.ndarray, samples: np.ndarray) -> None:
        if (numbers >= samples).any():
            raise ValueError("features: expected fewer than a tile has samples")

    def _outputs(self, ragged: Ragged, networks: range, extent: tuple[int, ...], xp: ModuleType) -> np.ndarray:
        basis = self.basis(extent)
        return to_host(basis.synthesis(xp.asarray(_in_rows(basis, ragged, networks))))

    def at(self, params: Params, place: Place, points: np.ndarray, xp: ModuleType) -> np.ndarray:
        """Outputs at points (n, d) of a tile: cosines are at home between samples, raw bits are the nearest ones."""
        basis = self.basis(place.extent)
        ragged = self.ragged(params)
        w = xp.asarray(_in_rows(basis, ragged, place.networks))
        z = to_host(xp.matmul(asarray_like(basis.at(points), w), w)).T  # (E, n)
        raw = ragged.is_raw(place.networks)
        if raw.any():
            z = np.array(z)
            nearest = np.minimum(np.rint(points).astype(np.int64), np.asarray(place.extent) - 1)
            samples = np.ravel_multi_index(tuple(nearest.T), place.extent)
            z[raw] = ragged.signs(place.networks, basis.samples)[:, samples]
        return z[:, :, None]

    def enclosed(self, on: Any, params: Params, place: Place, which: Any = ...) -> Iterator[Any]:
        """Outputs as a ball of the arithmetic `on`: of the separable transform, with sums in any order."""
        basis = self.basis(place.extent)
        ragged = self.ragged(params)
        z = on.data(_in_rows(basis, ragged, place.networks)[None])  # (1, N, E)
        before = 1
        for n, waves in zip(basis.tile, basis.waves, strict=True):
            z = on.transform(waves.T, on.reshaped(z, (before, n, -1)))
            before *= n
        z = on.reshaped(z, (basis.samples, -1, 1)).turned()
        z = on.known(z, ragged.is_raw(place.networks), ragged.signs(place.networks, basis.samples)[:, :, None])
        yield on.some(z, which)

    def apart(self, params: Params, place: Place, z: np.ndarray) -> np.ndarray:
        """How far two machines' outputs may be apart, see `certain`."""
        return certain(place.extent) * np.sqrt((z.astype(np.float64) ** 2).mean(axis=1, keepdims=True))

    def to_json(self) -> dict[str, Any]:
        """As JSON values."""
        return {"readouts": asdict(self)}


def _in_rows(basis: Cosines, ragged: Ragged, networks: range) -> np.ndarray:
    """Weights of some networks as (N, E), in the order of the basis."""
    return np.ascontiguousarray(ragged.dense(networks, basis.samples)[:, basis.ranks].T)


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


def numbers_dtype(samples: int) -> np.dtype[Any]:
    """Numbers of features below that many, in a file."""
    return np.dtype(np.uint8 if samples <= 2**8 else np.uint16 if samples <= 2**16 else np.uint32)
