"""Trained inputs: features that are kept in tables and looked up, in place of a first layer that computes them.

With this you can say which rows of a table make the features of a sample (`per_sample`, DINER's table; `hash_grid`,
Instant-NGP's grid), start the tables (`init`), look features up (`forward`) and add gradients to the rows they came
from (`backward`); a network takes the features as its inputs:

    x, looked = lookups.forward(tables, grid)                       # (E, N, L F)
    z, cache = mlp.forward(spec, params, x)
    ...
    grads, dx = mlp.backward(spec, params, cache, dz)
    table_grads = lookups.backward(dx, looked)

A lookup is a linear map of the table: ``y[n] = sum_k weights[n, k] table[rows[n, k]]``.  Its transpose, which the
gradient needs, adds to one row from many samples: a scatter.  Samples stand still while a network learns, so who reads
a row is known beforehand, and the transpose is a lookup too: row t gets ``sum_m back[t, m] dy[readers[t, m]]``.  Sums
have one order, on every machine.
"""

from __future__ import annotations

import itertools
import math
import operator
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from refinr.xp import Array, Cache, asarray_like, namespace, to_host

PRIMES = (1, 2654435761, 805459861)
"""Factors of the spatial hash, one an axis."""

START = 1e-4
"""Tables start from U(+-this)."""


class Lookup(NamedTuple):
    """Which rows of a table of T rows the features of N samples consist of, there and back.

    Parameters
    ----------
    rows, weights : arrays (N, K)
        Sample n is the sum of K rows, each times its weight.
    readers, back : arrays (T, M)
        Row t is read by at most M samples, each with its weight; where there are fewer, the rest has weight 0.
    """

    rows: Array
    weights: Array
    readers: Array
    back: Array


Grid = tuple[Lookup, ...]
"""Lookups in several tables, whose features stand beside each other: one for each level of a grid."""


# --- which rows ------------------------------------------------------------------------------------------------------


def lookup(rows: Array, weights: Array, length: int) -> Lookup:
    """Rows (N, K) of a table of `length` rows and their weights, and who reads each row.

    Parameters
    ----------
    rows : array (N, K), int64, from 0 to `length` - 1
    weights : array (N, K), float, of the same library
    length : int

    Examples
    --------
    >>> found = lookup(np.array([[0, 1], [1, 1]]), np.array([[0.5, 0.5], [0.25, 0.75]]), length=3)
    >>> found.readers.tolist(), found.back.tolist()
    ([[0, 0, 0], [0, 1, 1], [0, 0, 0]], [[0.5, 0.0, 0.0], [0.5, 0.25, 0.75], [0.0, 0.0, 0.0]])
    """
    read = to_host(rows).ravel()
    order = np.argsort(read, kind="stable")  # entries (n, k) by row, then by sample
    row = read[order]
    counts = np.bincount(row, minlength=length)
    place = np.arange(len(row)) - (np.cumsum(counts) - counts)[row]  # of an entry among those of its row
    entries = np.full((length, counts.max(initial=1)), len(read))  # where there is none, the 0 behind all weights
    entries[row, place] = order
    readers = np.where(entries < len(read), entries // rows.shape[1], 0)
    xp = namespace(weights)
    every = xp.reshape(weights, (-1,))
    every = xp.concat([every, xp.zeros_like(xp.reshape(xp.sum(every), (1,)))])
    back = xp.reshape(xp.take(every, asarray_like(entries.ravel(), rows), axis=0), entries.shape)
    return Lookup(rows, weights, asarray_like(readers, rows), back)


def per_sample(samples: int) -> Grid:
    """DINER's table: a row of its own for every sample.

    References
    ----------
    Xie et al., "DINER: Disorder-Invariant Implicit Neural Representation", CVPR 2023.

    Examples
    --------
    >>> per_sample(3)[0].rows.tolist()
    [[0], [1], [2]]
    """
    if operator.index(samples) < 1:
        raise ValueError(f"samples: expected 1 or more, got {samples}")
    return (lookup(np.arange(samples)[:, None], np.ones((samples, 1)), samples),)


def hash_grid(shape: Sequence[int], levels: int, coarsest: int, growth: float, length: int) -> Grid:
    """Instant-NGP's grids: every level interpolates between the corners of the cell that a sample is in.

    Level l has ``floor(coarsest growth^l)`` cells on every axis.  While its corners fit into the table each has a row
    of its own; where they do not, rows are ``(i_1 p_1 xor i_2 p_2 xor ...) mod length`` with a prime for each axis, and
    corners that fall on one row share it.

    Parameters
    ----------
    shape : sequence of 1 to 3 ints
        Of the samples, evenly spaced, the first and the last on the rim of the grid.
    levels : int
    coarsest : int
        Cells on an axis of level 0.
    growth : float, 1 or more
    length : int
        Rows of a table at most.

    Raises
    ------
    ValueError
        For more axes than the hash has primes, no level, no cell, a growth below 1, or no row.

    References
    ----------
    Müller et al., "Instant Neural Graphics Primitives with a Multiresolution Hash Encoding", SIGGRAPH 2022, Sec. 3;
    the hash: Teschner et al., "Optimized Spatial Hashing for Collision Detection of Deformable Objects", VMV 2003.

    Examples
    --------
    >>> grid = hash_grid((4, 4), levels=2, coarsest=1, growth=3.0, length=10)
    >>> [(level.rows.shape, len(level.readers)) for level in grid]
    [((16, 4), 4), ((16, 4), 10)]
    """
    axes = len(shape)
    if not 1 <= axes <= len(PRIMES):
        raise ValueError(f"shape: expected 1 to {len(PRIMES)} axes, got {axes}")
    if min(shape) < 1 or levels < 1 or coarsest < 1 or length < 1:
        raise ValueError(
            f"hash_grid: expected positive numbers, got shape {tuple(shape)}, {levels} levels, "
            f"{coarsest} cells, {length} rows"
        )
    if not 1.0 <= growth < math.inf:
        raise ValueError(f"growth: expected 1 or more, got {growth}")
    return tuple(_level(shape, math.floor(coarsest * growth**level), length) for level in range(levels))


def _level(shape: Sequence[int], cells: int, length: int) -> Lookup:
    axes = len(shape)
    index = np.stack([axis.ravel() for axis in np.indices(shape)], axis=-1)  # (N, d)
    at = cells * index / np.maximum(np.array(shape) - 1, 1)  # (N, d), in cells
    low = np.minimum(np.floor(at).astype(np.int64), cells - 1)
    share = at - low  # of the upper corner, in [0, 1]
    upper = np.array(list(itertools.product((0, 1), repeat=axes)))  # (2^d, d)
    corners = low[:, None, :] + upper  # (N, 2^d, d)
    weights = np.where(upper, share[:, None, :], 1.0 - share[:, None, :]).prod(axis=-1)  # (N, 2^d)
    if (cells + 1) ** axes <= length:
        rows = np.ravel_multi_index(tuple(np.moveaxis(corners, -1, 0)), (cells + 1,) * axes)
        return lookup(rows, weights, (cells + 1) ** axes)
    products = corners.astype(np.uint64) * np.array(PRIMES[:axes], dtype=np.uint64)
    rows = np.bitwise_xor.reduce(products & np.uint64(0xFFFFFFFF), axis=-1) % np.uint64(length)  # 32 bits, as in theirs
    return lookup(rows.astype(np.int64), weights, length)


def parameter_count(grid: Grid, features: int) -> int:
    """Numbers in the tables of one network.

    Examples
    --------
    >>> parameter_count(per_sample(100), features=2)
    200
    """
    return features * sum(len(level.readers) for level in grid)


def init(grid: Grid, features: int, nets: int = 1, seed: int = 0, dtype: str = "float32") -> dict[str, np.ndarray]:
    """Tables ``{"t0": (E, T, F), "t1": ...}`` from U(+-`START`), each network's from a stream of its own, on the host.

    Examples
    --------
    >>> {name: table.shape for name, table in init(per_sample(9), features=2, nets=3).items()}
    {'t0': (3, 9, 2)}
    """
    streams = [np.random.default_rng([seed, net]) for net in range(nets)]
    return {
        f"t{i}": np.stack([START * rng.uniform(-1.0, 1.0, (len(level.readers), features)) for rng in streams]).astype(
            dtype
        )
        for i, level in enumerate(grid)
    }


def beside(grid: Grid, like: Array) -> Grid:
    """The same with weights as arrays of the library, device and dtype of `like`, and rows as its integers."""
    xp = namespace(like)
    whole = xp.astype(xp.reshape(like, (-1,))[:1], xp.int64)  # through floats, rows beyond 2^24 would be others

    def moved(level: Lookup) -> Lookup:
        weights, back = (asarray_like(a, like) for a in (level.weights, level.back))
        return Lookup(asarray_like(level.rows, whole), weights, asarray_like(level.readers, whole), back)

    return tuple(map(moved, grid))


# --- forward and backward --------------------------------------------------------------------------------------------


def forward(tables: dict[str, Array], grid: Grid) -> tuple[Array, Cache]:
    """``y[n] = sum_k weights[n, k] table[rows[n, k]]``, the features of all levels beside each other.

    Parameters
    ----------
    tables : dict of arrays (E, T, F), or of one network (T, F)
    grid : Grid
        Beside the tables: of their library and dtype.

    Returns
    -------
    y : array (E, N, L F)
    cache : tuple
        For `backward`.

    Examples
    --------
    >>> y, cache = forward({"t0": np.array([[2.0], [6.0]])}, (lookup(np.array([[0, 1]]), np.array([[0.75, 0.25]]), 2),))
    >>> y.tolist(), backward(np.ones((1, 1)), cache)["t0"].tolist()
    ([[3.0]], [[0.75], [0.25]])
    """
    parts = [_gather(tables[f"t{i}"], level.rows, level.weights) for i, level in enumerate(grid)]
    return namespace(parts[0]).concat(parts, axis=-1), (grid,)


def backward(dy: Array, cache: Cache) -> dict[str, Array]:
    """Gradients by the names of the tables: ``dtable[t] = sum_m back[t, m] dy[readers[t, m]]``.

    Parameters
    ----------
    dy : array (E, N, L F)
    cache : tuple, from `forward`
    """
    (grid,) = cache
    features = dy.shape[-1] // len(grid)
    return {
        f"t{i}": _gather(dy[..., i * features : (i + 1) * features], level.readers, level.back)
        for i, level in enumerate(grid)
    }


def _gather(values: Array, rows: Array, weights: Array) -> Array:
    """Weighted sums (E, N, F) of rows (N, K) of `values` (E, T, F)."""
    xp = namespace(values)
    features = values.shape[-1]
    picked = xp.take(values, xp.reshape(rows, (-1,)), axis=-2)  # (E, N K, F)
    picked = xp.reshape(picked, (*values.shape[:-2], *rows.shape, features))  # (E, N, K, F)
    return xp.sum(picked * weights[:, :, None], axis=-2)
