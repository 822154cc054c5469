"""What a network with a fixed hidden layer sees of a tile: cosines, or features of plus and minus one.

With this you can describe the features of a tile (`Cosines`, `Legendre`, `Walsh`: frozen, plain numbers that a file
can keep) and apply them: ``basis.analysis(y, D)`` and ``basis.synthesis(w)`` for cosines, which as an orthonormal basis
need no dense matrix, ``signs.matrix()`` for the others.
"""

from __future__ import annotations

import functools
import math
import operator
from dataclasses import dataclass
from typing import Any

import numpy as np

from refinr.xp import Array, asarray_like, namespace

# --- cosines ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Cosines:
    r"""The cosines up to a tile's Nyquist frequency, an orthonormal basis of all signals on it.

    On an axis of n samples the k-th wave is ``c_k cos(pi (i + 1/2) k / n)`` with ``c_0 = sqrt(1 / n)`` and
    ``c_k = sqrt(2 / n)``, the DCT-II; a feature of a tile is a product of waves, one an axis.  So the product with all
    N features is one small matrix product an axis: ``2 sum(n)`` operations a sample instead of ``2 N``.

    Every feature has a rank, the same for all networks, and a network with D features has those of rank below D.  Ranks
    go by ``order f / f_max + u``, with f the length of the vector of frequencies ``k / n`` and u uniform in [0, 1):
    0 is a random subset, in which sign patterns are as separable as they can be; a large order means low frequencies
    first, which suits smooth signals.

    Parameters
    ----------
    tile : tuple of ints
        Samples on every axis.
    order : float
        How much the frequency counts against chance; 2 suits images, 1 sounds and noise.
    seed : int
        Of u.

    Examples
    --------
    >>> basis = Cosines(tile=(2, 2), order=0.0, seed=0)
    >>> signs = np.array([[1.0], [1.0], [1.0], [-1.0]], dtype="float32")
    >>> w = basis.analysis(signs)
    >>> w.ravel().round(6).tolist(), basis.synthesis(w).ravel().round(6).tolist()
    ([1.0, 1.0, 1.0, -1.0], [1.0, 1.0, 1.0, -1.0])
    """

    tile: tuple[int, ...]
    order: float
    seed: int

    def __post_init__(self) -> None:
        object.__setattr__(self, "tile", tuple(map(operator.index, self.tile)))
        if not self.tile or min(self.tile) < 1:
            raise ValueError(f"tile: expected one or more samples on every axis, got {self.tile}")
        if not (math.isfinite(self.order) and self.order >= 0):
            raise ValueError(f"order: expected a finite number from 0 on, got {self.order}")
        if not 0 <= operator.index(self.seed) < 2**64:
            raise ValueError(f"seed: expected 0 to 2^64 - 1, got {self.seed}")

    @property
    def samples(self) -> int:
        """Number of samples N, and of features in all."""
        return math.prod(self.tile)

    @property
    def ranks(self) -> np.ndarray:
        """The rank of every feature, int64 (N,), features in row-major order of their frequencies."""
        return _ranks(self)

    def analysis(self, y: Array, features: int | Array | None = None) -> Array:
        """``Q^T y``: how much of every feature is in signals.

        Parameters
        ----------
        y : float array (N, E)
            Samples in row-major order of the tile.
        features : int or array of ints (E,), optional
            Number D of features of all networks or of each; all N by default.

        Returns
        -------
        w : array (N, E) of the same dtype
            In row-major order of the frequencies; 0 where the rank is D or more.
        """
        w = self._along_axes(y, 1)
        if features is not None:
            w *= self.mask(features, y)
        return w

    def synthesis(self, w: Array) -> Array:
        """``Q w``: outputs (N, E) of networks with weights (N, E), the inverse of `analysis` where D = N."""
        return self._along_axes(w, 0)

    def mask(self, features: int | Array, like: Array) -> Array:
        """1 where a network has the feature, else 0: (N, 1) for one D, (N, E) for D (E,); a float array as `like` is.

        Examples
        --------
        >>> Cosines((3,), 1e6, 0).mask(np.array([1, 3]), np.zeros(1)).tolist()
        [[1.0, 1.0], [0.0, 1.0], [0.0, 1.0]]
        """
        xp = namespace(like)
        limits = xp.reshape(asarray_like(features, like), (1, -1))
        return xp.astype(asarray_like(self.ranks, like)[:, None] < limits, like.dtype)

    def matrix(self, features: int) -> np.ndarray:
        """The first D features as columns in the order of their ranks, float64 (N, D).

        Examples
        --------
        >>> Cosines((2,), 1e6, 0).matrix(2).round(3).tolist()
        [[0.707, 0.707], [0.707, -0.707]]
        """
        dense = functools.reduce(np.kron, self.waves)  # (frequencies, samples)
        return np.ascontiguousarray(dense[np.argsort(self.ranks)[:features]].T)

    @property
    def waves(self) -> list[np.ndarray]:
        """The waves of each axis, float64 (n, n): rows are waves, in the order of their frequencies."""
        return [_waves(n, "float64") for n in self.tile]

    def at(self, points: np.ndarray) -> np.ndarray:
        """All N features at points (n, d), in samples: float64 (n, N), in row-major order of the frequencies.

        Examples
        --------
        >>> Cosines((2,), 1e6, 0).at(np.array([[0.0], [0.5]])).round(3).tolist()
        [[0.707, 0.707], [0.707, 0.0]]
        """
        result = np.ones((len(points), 1))
        for n, place in zip(self.tile, points.T, strict=True):
            waves = math.sqrt(2.0 / n) * np.cos(np.outer(place + 0.5, np.arange(n)) * (math.pi / n))  # (n points, n)
            waves[:, 0] = math.sqrt(1.0 / n)
            result = (result[:, :, None] * waves[:, None, :]).reshape(len(points), -1)
        return result

    def _along_axes(self, y: Array, axis_of_waves: int) -> Array:
        """One matrix product an axis: frequencies from samples (`axis_of_waves` = 1) or back (0).

        Each takes the first axis and puts it last, so after all of them axes are in their order again: many products
        of square matrices with E columns, which is what BLAS does best.
        """
        xp = namespace(y)
        shape = y.shape
        dtype = _name(type(y.dtype).__name__, y.dtype)
        for n in self.tile:
            waves = asarray_like(_waves(n, dtype), y)
            others = xp.permute_dims(xp.reshape(y, (n, -1, shape[1])), (1, 0, 2))
            y = xp.matmul(waves if axis_of_waves else waves.T, others)
        return xp.reshape(y, shape)


@functools.lru_cache(maxsize=64)
def _name(kind: str, dtype: Any) -> str:
    """NumPy's name of a dtype; asking takes as long as a small product.  The kind keeps libraries apart."""
    return str(dtype).rpartition(".")[2]


@functools.lru_cache(maxsize=64)
def _waves(n: int, dtype: str) -> np.ndarray:
    """The n cosines of an axis, as rows (frequency, sample)."""
    k = np.arange(n)
    # the angle's whole turns are taken off among integers: the cosine's argument is then as exact as it can be
    steps = (2 * k + 1) * k[:, None] % (4 * n)
    waves = math.sqrt(2.0 / n) * np.cos(steps * (math.pi / (2 * n)))
    waves[0] = math.sqrt(1.0 / n)
    waves = waves.astype(dtype)
    waves.setflags(write=False)
    return waves


@functools.lru_cache(maxsize=64)
def _ranks(basis: Cosines) -> np.ndarray:
    # raw numbers of a bit generator never change with NumPy's version, what a Generator makes of them may
    u = (np.random.PCG64(basis.seed).random_raw(basis.samples) >> np.uint64(11)) * 2.0**-53
    ranks = ranked(basis.tile, basis.order, u)
    ranks.setflags(write=False)
    return ranks


def ranked(tile: tuple[int, ...], order: float, u: np.ndarray) -> np.ndarray:
    """Ranks of all features of a tile by ``order f / f_max + u``: int64 (N,), u (N,) in [0, 1).

    Examples
    --------
    >>> ranked((2, 2), 1.0, np.array([0.0, 0.9, 0.0, 0.0])).tolist()
    [0, 3, 1, 2]
    """
    squares = np.ix_(*(np.square(np.arange(n) / n) for n in tile))  # an axis each
    frequency = np.sqrt(functools.reduce(np.add, squares).ravel())
    places = order * frequency / max(frequency[-1], 1e-300) + u
    ranks = np.empty(u.size, np.int64)
    ranks[np.argsort(places, kind="stable")] = np.arange(u.size)
    return ranks


# --- plus and minus one ----------------------------------------------------------------------------------------------

SCRAMBLER = 4099
"""A prime whose symbols are signs without any pattern that signals have."""


@dataclass(frozen=True)
class Legendre:
    """Is ``k - i`` a square modulo a prime?  +1 if it is (0 included), else -1: feature k of sample i.

    For a prime p = 3 modulo 4 the rows of all p features are orthogonal up to -1, as random signs are only up to
    sqrt(p): the outputs of a network then are nearly independent, which a readout of few levels needs.  (Paley 1933.)

    Parameters
    ----------
    samples : int
        N, at most p.
    prime : int
        p = 3 modulo 4.
    features : int, optional
        D, the first of the p; all by default.  An odd number leaves no ties where weights are odd.
    scrambled : bool
        Multiply all features of sample i by one sign more: is ``i + 1`` a square modulo `SCRAMBLER`?  Rows stay as
        orthogonal as they were.  But the sum of a row of all p features is 1, so a constant is what they represent
        worst, and all that is nearly constant with it; scrambled, a smooth pattern is to them like any other.

    Examples
    --------
    >>> F = Legendre(3, 7).matrix()
    >>> F.tolist()[0], (F.astype(int) @ F.T.astype(int)).tolist()
    ([1, 1, 1, -1, 1, -1, -1], [[7, -1, -1], [-1, 7, -1], [-1, -1, 7]])
    """

    samples: int
    prime: int
    features: int = 0
    scrambled: bool = False

    def __post_init__(self) -> None:
        if operator.index(self.prime) % 4 != 3 or not is_prime(self.prime):
            raise ValueError(f"prime: expected a prime that is 3 modulo 4, got {self.prime}")
        if not 1 <= operator.index(self.samples) <= self.prime:
            raise ValueError(f"samples: expected 1 to {self.prime}, the prime, got {self.samples}")
        if not 0 <= operator.index(self.features) <= self.prime:
            raise ValueError(f"features: expected 0 to {self.prime}, the prime, got {self.features}")
        object.__setattr__(self, "features", self.features or self.prime)

    def matrix(self) -> np.ndarray:
        """The features as columns, int8 (N, D)."""
        i = np.arange(self.samples)[:, None]
        F = _symbols(self.prime)[(np.arange(self.features) - i) % self.prime]
        return F * _symbols(SCRAMBLER)[(i + 1) % SCRAMBLER] if self.scrambled else F


def _symbols(prime: int) -> np.ndarray:
    """1 for squares modulo a prime and for 0, else -1: int8 (p,)."""
    symbols = np.full(prime, -1, np.int8)
    symbols[np.arange(prime) ** 2 % prime] = 1
    return symbols


@dataclass(frozen=True)
class Walsh:
    """``(-1)^(number of ones in i AND k)``: +1 or -1 by the parity of some bits of a sample's index i.

    The rows of all K features, K the power of two that holds N and D, are orthogonal; of D of them, drawn without
    replacement, nearly so.

    Parameters
    ----------
    samples, features : int
        N and D.
    seed : int
        Of which D.

    Examples
    --------
    >>> Walsh(2, 3, seed=0).matrix().tolist()
    [[1, 1, 1], [-1, 1, -1]]
    """

    samples: int
    features: int
    seed: int

    def __post_init__(self) -> None:
        if operator.index(self.samples) < 1:
            raise ValueError(f"samples: expected 1 or more, got {self.samples}")
        if operator.index(self.features) < 1:
            raise ValueError(f"features: expected 1 or more, got {self.features}")
        if not 0 <= operator.index(self.seed) < 2**64:
            raise ValueError(f"seed: expected 0 to 2^64 - 1, got {self.seed}")

    def matrix(self) -> np.ndarray:
        """The features as columns, int8 (N, D)."""
        size = 1 << (max(self.samples, self.features) - 1).bit_length()
        chosen = np.argsort(np.random.PCG64(self.seed).random_raw(size))[: self.features]
        both = np.arange(self.samples)[:, None] & chosen
        return np.where(np.bitwise_count(both) % 2, np.int8(-1), np.int8(1))


def is_prime(number: int) -> bool:
    """Whether a number has no divisor but 1 and itself, by trial.

    Examples
    --------
    >>> [n for n in range(20) if is_prime(n)]
    [2, 3, 5, 7, 11, 13, 17, 19]
    """
    return number > 1 and all(number % divisor for divisor in range(2, math.isqrt(number) + 1))


def primes(first: int, last: int) -> list[int]:
    """Primes p = 3 modulo 4 from `first` to `last`: the sizes that Legendre features come in.

    Examples
    --------
    >>> primes(283, 367)
    [283, 307, 311, 331, 347, 359, 367]
    """
    return [number for number in range(first, last + 1) if number % 4 == 3 and is_prime(number)]
