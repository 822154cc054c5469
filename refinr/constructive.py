"""Networks written down instead of trained: the maximum convolution of Jentzen, Kuckuck and von Wurstemberger.

With this you can write down the 1-norm (`one_norm`), the maximum of K numbers (`maximum`) and, of both, the maximum
convolution (`maximum_convolution`) as ReLU networks that `refinr.mlp.forward` runs; evaluate the last one without its
matrices (`tree`); count its parameters (`sizes`, `parameters`, `nonzeros`, `depth`); represent integers exactly without
any training (`exact`); and stay within eps of a Lipschitz function (`lipschitz`).  Networks that only know samples by
heart, with far fewer parameters, are those of `refinr.memorisation` (`interpolation`, `extraction`), here by the same
names.

    F(x) = max_k (c_k - L ||x - x_k||_1)       over K nodes x_k with values c_k

**Theorem.**  Let f have slope at most L in the 1-norm, and let ``c_k = f(x_k)``.  Then

    f(x) - 2 L min_k ||x - x_k||_1 <= F(x) <= f(x),    and    F(x_k) = f(x_k).

*Proof.*  ``f(x_k) - L ||x - x_k|| <= f(x)`` for every k, so ``F(x) <= f(x)``.  For the nearest node,
``F(x) >= f(x_k) - L ||x - x_k|| >= f(x) - 2 L ||x - x_k||``.  At a node the two ends meet.

**As a network.**  The first hidden layer has ``+-(x_i - x_ki)``, the columns ordered by sign, axis and node.  Every
further one halves the number of values, as `refinr.maxima` has it.  Between two activations stand two linear maps; a
network has their product, `tree` applies one after the other.

Source: A. Jentzen, B. Kuckuck, P. von Wurstemberger, "Mathematical Introduction to Deep Learning", arXiv 2310.20360,
Sec. 4.2 and 4.3.  The counts, the bound and the exactness in float32 are ours.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from fractions import Fraction
from typing import NamedTuple

import numpy as np

from refinr import mlp, theory, tiling
from refinr.decompositions import Integers
from refinr.files.checksum import LosslessError
from refinr.incoming import as_samples
from refinr.inr import INR
from refinr.maxima import (
    Network,
    Nodes,
    checked,
    depth,
    maximum,
    network,
    nonzeros,
    one_norm,
    parameters,
    positive,
    raise_values,
    sizes,
    tournament,
    tree,
)
from refinr.measuring import measure
from refinr.memorisation import (
    extraction,
    extraction_sizes,
    indices,
    interpolation,
    interpolation_sizes,
    largest_sum,
    sum_bound,
    weight_bits,
    word_samples,
)
from refinr.mlp import MLP
from refinr.perceptrons import Perceptrons
from refinr.planning import plan
from refinr.tables import look_up
from refinr.tiled import Tiled

__all__ = [
    "EXACT",
    "LIMIT",
    "NETWORKS",
    "Network",
    "Nodes",
    "Written",
    "cover",
    "depth",
    "exact",
    "extraction",
    "extraction_sizes",
    "indices",
    "integer_nodes",
    "interpolation",
    "interpolation_sizes",
    "largest_sum",
    "lipschitz",
    "maximum",
    "maximum_convolution",
    "nonzeros",
    "one_norm",
    "parameters",
    "sizes",
    "sum_bound",
    "tree",
    "weight_bits",
    "word_samples",
]

LIMIT = 1 << 30
"""Bytes that the arrays of dense networks, or the nodes of `cover`, may take."""

EXACT = 1 << 24
"""float32 holds every integer up to here."""


# --- the networks ----------------------------------------------------------------------------------------------------


def maximum_convolution(nodes: Nodes, dtype: str = "float64") -> Network:
    """The network for ``F(x) = max_k (c_k - L ||x - x_k||_1)``: `sizes` (K, d).

    All values are raised by ``L D - min_k c_k``, D the 1-norm diameter of the nodes' bounding box, and the output is
    lowered by as much.  F stays what it was, but within the box no value is negative any more.  Then ``max(a, b)`` has
    the terms ``relu(a - b)``, b and 0, and the sum of any of them lies between 0 and ``max(a, b)``.  So *every* partial
    sum of the layers after the first, in whatever order, is at most ``L D + max_k c_k - min_k c_k`` in size.

    Parameters
    ----------
    nodes : Nodes
        Points (K, d), values (K,) and slope L.
    dtype : str

    Returns
    -------
    spec : MLP
    params : dict of arrays (1, I, O) and (1, 1, O)

    Raises
    ------
    ValueError
        For no nodes, shapes that do not belong together, numbers that are not finite, a negative slope, or arrays that
        would take more than `LIMIT` bytes.

    Examples
    --------
    >>> nodes = Nodes(np.array([[0.0], [1.0]]), np.array([3.0, 5.0]), 2.0)
    >>> spec, params = maximum_convolution(nodes)
    >>> mlp.forward(spec, params, np.array([[0.0], [0.5], [1.0], [2.0]]))[0].ravel().tolist()
    [3.0, 4.0, 5.0, 3.0]
    """
    nodes = checked(nodes)
    K, d = nodes.points.shape
    kind = np.dtype(dtype)
    what = f"dense network for {K} nodes in {d} dimensions"
    instead = "use constructive.tree, which needs no matrices"
    _require_room(parameters(K, d), kind.itemsize, what, instead)
    raised, lift = raise_values(nodes)
    w0 = np.repeat(np.eye(d, dtype=kind), K, axis=1)  # (d, d K)
    b0 = 0.0 - nodes.points.T.reshape(1, -1)  # (1, d K)
    w1 = 0.0 - nodes.slope * np.tile(np.eye(K, dtype=kind), (2 * d, 1))  # (2 d K, K)
    layers = [
        (np.concatenate([w0, 0.0 - w0], axis=1), np.concatenate([b0, 0.0 - b0], axis=1)),
        *tournament(w1, raised[None, :]),
    ]
    w, b = layers[-1]
    return network([*layers[:-1], (w, b - lift)], dtype)


def _require_room(numbers: int, itemsize: int, what: str, instead: str) -> None:
    if numbers * itemsize > LIMIT:
        size = numbers * itemsize
        raise ValueError(f"{what}: {numbers} numbers are {size} bytes, more than constructive.LIMIT {LIMIT}; {instead}")


# --- integers, exactly -----------------------------------------------------------------------------------------------


def integer_nodes(codes: np.ndarray) -> Nodes:
    """Nodes whose maximum convolution is an integer signal, without any rounding in float32.

    The nodes are the indices of the samples, L is the largest step between neighbours: F takes every sample's value at
    its index.  Weights, biases and inputs are integers, and so is every sum.  With D the sum of the axes' lengths less
    one each, sums are at most D in the first layer, ``L D + max - min`` in the others (see `maximum_convolution`), and
    the largest sample at the end.  float32 holds integers up to ``2^24``, so if these three stay within it, every
    partial sum of every layer is exact, in any order and on any machine.

    Parameters
    ----------
    codes : array of unsigned integers, d axes

    Returns
    -------
    Nodes
        Points (K, d), row-major.

    Raises
    ------
    ValueError
        If the sums do not fit.

    Examples
    --------
    >>> nodes = integer_nodes(np.array([[7, 0, 9], [4, 4, 60000]], dtype="uint16"))
    >>> tree(nodes, nodes.points.astype("float32")).tolist(), nodes.slope
    ([7.0, 0.0, 9.0, 4.0, 4.0, 60000.0], 59996.0)
    """
    slope, _ = theory.neighbour_gain(codes)
    diameter = sum(n - 1 for n in codes.shape)
    low = int(codes.min())
    high = int(codes.max())
    if max(high, diameter, slope * diameter + high - low) > EXACT:
        raise ValueError(
            f"samples: float32 is exact up to 2^24 = {EXACT}, but codes reach {high} and sums {slope * diameter} "
            f"(largest step {slope} x diameter {diameter}) + {high - low} (range): use smaller tiles"
        )
    return Nodes(indices(codes.shape).astype(np.float64), codes.reshape(-1).astype(np.float64), float(slope))


class Written(NamedTuple):
    """A kind of network that `exact` writes down."""

    sizes: Callable[[int, int], tuple[int, ...]]
    """(K, d) to widths, for K samples in d dimensions."""
    write: Callable[[np.ndarray], Network]
    """Codes to the network that has them at their indices; ValueError if float32 would round its sums."""
    instead: str
    """What to do where it takes too much room."""


NETWORKS = {
    "maximum-convolution": Written(
        sizes,
        lambda codes: maximum_convolution(integer_nodes(codes), "float32"),
        "give smaller tiles (tile=), or use constructive.tree of integer_nodes, which needs no matrices",
    ),
    "interpolation": Written(interpolation_sizes, interpolation, "give smaller tiles (tile=)"),
}
"""What `exact` takes for its `network`."""


def exact(
    samples: np.ndarray,
    tile: int | Sequence[int] | None = None,
    *,
    channels: bool | None = None,
    network: str = "maximum-convolution",
) -> INR:
    """Represent an array of integers exactly, without training: one network a tile and channel.

    Of K samples in d dimensions a maximum convolution has `parameters` (K, d), an interpolation
    ``(d + 2) (K - 1) + 1``: the bits of the samples have no part in it.

    Parameters
    ----------
    samples : array (*grid, C) or (*grid,)
        Integers or booleans.
    tile : int or sequence of ints, optional
        As in `refinr.fit`; by default the whole grid is one tile.  Dense parameters grow like K^2, so small tiles have
        fewer in all.  A tile that the grid's edge cuts short repeats its last samples: all networks have one shape.
    channels : bool, optional
        As in `refinr.fit`.
    network : {"maximum-convolution", "interpolation"}
        A name in `NETWORKS`.  Maximum convolutions stay between the samples and change no faster than they do;
        interpolations have far fewer parameters and larger sums.

    Returns
    -------
    INR
        Lossless, with 0 steps in its report.

    Raises
    ------
    TypeError
        If the samples are neither integers nor booleans.
    ValueError
        For empty or 0-d arrays, samples whose sums float32 does not hold (see `integer_nodes`, `interpolation`),
        networks that would take more than `LIMIT` bytes, or an unknown name of a network.
    LosslessError
        If this machine's matrix products are not exact for integers below ``2^24``.

    Examples
    --------
    >>> image = np.arange(64, dtype="int16").reshape(8, 8) * 999 % 257 - 100
    >>> inr = exact(image)
    >>> bool((inr.decode() == image).all()), inr.report.steps, inr.report.parameters == parameters(64, 2)
    (True, 0.0, True)
    >>> exact(image, network="interpolation").report.parameters
    253
    """
    kind = look_up(NETWORKS, network, "network")
    start = time.perf_counter()
    samples = as_samples(samples, "biu", "integers or booleans")
    layout = plan(samples, "none", channels=channels, tile=1 if tile is None else tile, hidden=(), activation="relu")
    extent = layout.grid if tile is None else layout.tile
    K = math.prod(extent)
    d = len(extent)
    codes = layout.codes(samples)  # (*grid, C)
    networks = tiling.tile_count(layout.grid, extent) * layout.channels
    what = f"dense networks, {networks} for {K} nodes in {d} dimensions"
    spec = MLP(kind.sizes(K, d), "relu")
    _require_room(networks * mlp.parameter_count(spec), 4, what, kind.instead)
    if codes.max() > EXACT:
        raise ValueError(f"samples: float32 is exact up to 2^24 = {EXACT}, but codes reach {codes.max()}")
    layout = replace(layout, tile=extent, cut=Integers(layout.cut.bits), network=Perceptrons(spec))
    params = {name: np.empty(shape, dtype) for name, (shape, dtype) in mlp.stored(spec, networks).items()}
    for index, where in enumerate(layout.tiles):
        missing = [(0, n - m) for n, m in zip(extent, tiling.extent(where), strict=True)]
        full = np.pad(codes[where], [*missing, (0, 0)], mode="edge")  # no new steps between neighbours
        for channel in range(layout.channels):
            _, one = kind.write(full[..., channel])
            for name, p in one.items():
                params[name][index * layout.channels + channel] = p[0]
    inr = measure(Tiled(layout, samples), params, seconds=time.perf_counter() - start)
    if not inr.lossless:
        raise LosslessError("sums of integers below 2^24 were rounded: this machine's float32 products are not exact")
    return inr


# --- Lipschitz functions, within eps ---------------------------------------------------------------------------------


def cover(
    f: Callable[[np.ndarray], np.ndarray], L: float, eps: float, d: int, *, low: float = 0.0, high: float = 1.0
) -> Nodes:
    """Nodes whose maximum convolution is within eps of f: for `tree`, where `lipschitz` would be too large.

    Parameters as in `lipschitz`.

    Examples
    --------
    >>> nodes = cover(lambda x: x[:, 0] ** 2, L=2, eps=0.5, d=1)
    >>> nodes.points.ravel().tolist()
    [0.125, 0.375, 0.625, 0.875]
    """
    if not 0.0 <= L < math.inf:
        raise ValueError(f"L: expected a slope of 0 or more, got {L}")
    if not 0.0 < eps < math.inf:
        raise ValueError(f"eps: expected a positive tolerance, got {eps}")
    if not -math.inf < low < high < math.inf:
        raise ValueError(f"low, high: expected the ends of an interval, got {low} and {high}")
    length = Fraction(float(high)) - Fraction(float(low))
    m = max(1, math.ceil(positive("d", d) * Fraction(float(L)) * length / Fraction(float(eps))))
    _require_room(m**d * (d + 1), 8, f"cover by {m} nodes an axis in {d} dimensions", "a larger eps needs fewer")
    centres = low + (high - low) * ((np.arange(m) + 0.5) / m)
    points = np.stack(np.meshgrid(*[centres] * d, indexing="ij"), axis=-1).reshape(-1, d)  # (m^d, d)
    values = np.asarray(f(points), dtype=np.float64)
    if values.shape != (m**d,) or not np.isfinite(values).all():
        raise ValueError(f"f: expected {m**d} finite values for points {points.shape}, got shape {values.shape}")
    return Nodes(points, values, float(L))


def lipschitz(
    f: Callable[[np.ndarray], np.ndarray],
    L: float,
    eps: float,
    d: int,
    *,
    low: float = 0.0,
    high: float = 1.0,
    dtype: str = "float64",
) -> Network:
    """A network within eps of a function with slope at most L in the 1-norm, on the cube ``[low, high]^d``.

    The cube, with edge l, is cut into ``m^d`` equal cells, ``m = max(1, ceil(d L l / eps))``; the nodes are their
    centres.  No point of a cell is further than ``d l / (2 m)`` from its centre in the 1-norm, so by the theorem above
    ``f - d L l / m <= F <= f``, and ``d L l / m <= eps``.  (Nodes that include the ends of the axes would have to be
    m + 1.  F raised by ``eps / 2`` errs at most by half, but then meets f at no node.)  By the bound of `parameters`
    the network has at most ``8 m^(2d) d^2`` of them, which `refinr.theory.lipschitz_constant` puts as ``C eps^(-2d)``.

    Parameters
    ----------
    f : callable
        Points (K, d) to values (K,).
    L : float
        Largest slope: ``|f(x) - f(y)| <= L ||x - y||_1``.  It is taken on trust.
    eps : float
    d : int
    low, high : floats
    dtype : str
        Rounding comes on top of eps.

    Returns
    -------
    spec : MLP
    params : dict of arrays (1, I, O) and (1, 1, O)

    Raises
    ------
    ValueError
        For L < 0, eps <= 0, d < 1, an empty interval, values of f in another shape or not finite, or a network of more
        than `LIMIT` bytes.

    Examples
    --------
    >>> spec, params = lipschitz(lambda x: x[:, 0] ** 2, L=2, eps=0.5, d=1)
    >>> mlp.forward(spec, params, np.array([[0.125], [0.5], [1.0]]))[0].ravel().tolist()
    [0.015625, 0.140625, 0.515625]
    """
    return maximum_convolution(cover(f, L, eps, d, low=low, high=high), dtype)
