"""Networks written down instead of trained: the maximum convolution of Jentzen, Kuckuck and von Wurstemberger.

With this you can write down the 1-norm (`one_norm`), the maximum of K numbers (`maximum`) and, of both, the maximum
convolution (`maximum_convolution`) as ReLU networks that `refinr.mlp.forward` runs; evaluate the last one without its
matrices (`tree`); count its parameters (`sizes`, `parameters`, `nonzeros`, `depth`); represent integers exactly without
any training (`exact`); and stay within eps of a Lipschitz function (`lipschitz`).

    F(x) = max_k (c_k - L ||x - x_k||_1)       over K nodes x_k with values c_k

**Theorem.**  Let f have slope at most L in the 1-norm, and let ``c_k = f(x_k)``.  Then

    f(x) - 2 L min_k ||x - x_k||_1 <= F(x) <= f(x),    and    F(x_k) = f(x_k).

*Proof.*  ``f(x_k) - L ||x - x_k|| <= f(x)`` for every k, so ``F(x) <= f(x)``.  For the nearest node,
``F(x) >= f(x_k) - L ||x - x_k|| >= f(x) - 2 L ||x - x_k||``.  At a node the two ends meet.

**As a network.**  ``|t| = relu(t) + relu(-t)`` and ``max(a, b) = relu(a - b) + relu(b) - relu(-b)``.  The first hidden
layer has ``+-(x_i - x_ki)``, the columns ordered by sign, axis and node.  Every further one halves the number n of
values: value k meets value ``floor(n / 2) + k``, an odd one out goes through as ``relu(a) - relu(-a)``.  Between two
activations stand two linear maps, from the activations to values (`_join`) and from values to the next arguments
(`_split`).  A network has their product; `tree` applies one after the other.

Source: A. Jentzen, B. Kuckuck, P. von Wurstemberger, "Mathematical Introduction to Deep Learning", arXiv 2310.20360,
Sec. 4.2 and 4.3.  The counts, the bound and the exactness in float32 are ours.
"""

from __future__ import annotations

import math
import operator
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from fractions import Fraction
from typing import NamedTuple

import numpy as np

from refinr import mlp, theory, tiling
from refinr.activations import relu
from refinr.decompositions import Integers
from refinr.inr import INR, LosslessError
from refinr.measuring import measure
from refinr.mlp import MLP
from refinr.planning import plan
from refinr.tiled import Tiled

LIMIT = 1 << 30
"""Bytes that the arrays of dense networks, or the nodes of `cover`, may take."""

EXACT = 1 << 24
"""float32 holds every integer up to here."""

Network = tuple[MLP, dict[str, np.ndarray]]


class Nodes(NamedTuple):
    """What a maximum convolution is made of."""

    points: np.ndarray
    """x_k, array (K, d)"""
    values: np.ndarray
    """c_k, array (K,)"""
    slope: float
    """L"""


# --- how large -------------------------------------------------------------------------------------------------------


def sizes(K: int, d: int) -> tuple[int, ...]:
    """Widths of the network for K nodes in d dimensions: ``d, 2 d K, w(K), w(ceil(K / 2)), ..., w(2), 1``.

    ``w(n) = 3 floor(n / 2) + 2 (n mod 2)``: three neurons a pair, two for an odd one out.

    Raises
    ------
    ValueError
        If K or d is below 1.

    Examples
    --------
    >>> sizes(5, 2)
    (2, 20, 8, 5, 3, 1)
    """
    return (_positive("d", d), 2 * d * _positive("K", K), *_widths(K), 1)


def depth(K: int) -> int:
    """Linear layers of the network, in any dimension: ``ceil(log2 K) + 2``, of which all but the last have a ReLU.

    Examples
    --------
    >>> [depth(K) for K in (1, 2, 3, 1024)]
    [2, 3, 4, 12]
    """
    return (_positive("K", K) - 1).bit_length() + 2


def parameters(K: int, d: int) -> int:
    """Weights and biases of the network, zeros counted: never more than ``8 K^2 d^2``.

    With ``n_i = ceil(K / 2^i)``, ``w_i = w(n_i)`` and ``t = ceil(log2 K)`` the number is

        P = 2 d K (d + 1) + (2 d K + 1) w_0 + sum_(i < t - 1) (w_i + 1) w_(i+1) + (w_(t-1) + 1)    for K >= 2,
        P = 2 d (d + 1) + 2 d + 1    for K = 1,

    and ``(3 d + 3/2) K^2 + (2 d^2 + 2 d + 3) K - 5`` if K is a power of two, 2 or more.

    **Theorem.**  ``P <= 8 K^2 d^2``.

    *Proof.*  No term grows faster with d than ``d^2``: ``P(K, d) <= d^2 P(K, 1)``, so take d = 1.  As
    ``n_i <= K / 2^i + 1`` and ``w(n) <= (3 n + 1) / 2``, ``w_i <= 3 K / 2^(i+1) + 2``.  Hence

        (w_i + 1) w_(i+1) <= (3 K / 2^(i+1) + 3) (3 K / 2^(i+2) + 2) = (9/8) K^2 / 4^i + (21/4) K / 2^i + 6.

    Summed over ``i < t - 1`` as geometric series, and with ``w_(t-1) = w(2) = 3``: at most
    ``(3/2) K^2 + (21/2) K + 6 (t - 1) + 4``.  The first two terms of P are at most ``4 K + (2 K + 1) (3 K + 1) / 2``.
    Together ``P <= (9/2) K^2 + 17 K + 6 t - 3/2``.  For ``K >= 6``, ``t <= K / 2``, so
    ``8 K^2 - P >= (7/2) K^2 - 20 K + 3/2 > 0``.  For K = 1, ..., 5, P is 7, 27, 69, 95, 175, and ``8 K^2`` is
    8, 32, 72, 128, 200.

    Examples
    --------
    >>> parameters(5, 1), 8 * 5**2, parameters(1024, 2)
    (175, 200, 7879675)
    """
    return mlp.parameter_count(MLP(sizes(K, d), "relu"))


def nonzeros(K: int, d: int) -> int:
    """Weights and biases that are not zero by construction: never more than ``8 (d + 1) K``.

        Q = 8 d K + w(K) + 6 K - 8 + sum over odd n of (3 + (n' mod 2))    for K >= 2,
        Q = 6 d + 1    for K = 1,

    where n runs through ``K, n' = ceil(K / 2), ...`` down to 2.  That is ``(8 d + 15/2) K - 8`` for powers of two.

    *Proof.*  First layer: 2 d K weights, as many biases.  Second: a value has 2 d weights; a pair writes a - b, b
    and -b with 8 d, an odd one out itself twice with 4 d, so 4 d K; and w(K) biases.  A layer from n values to
    ``n' = ceil(n / 2)``: a maximum has 3 weights, an odd one out 2.  Were all n' maxima, pairs among them would take
    12 weights and an odd one out 6: 6 n' in all.  If n is odd, the last is no maximum, which saves 3 as the second of a
    pair and 2 otherwise, so that 6 n' becomes ``6 floor(n / 2) + 3 + (n' mod 2)``.  The halves ``floor(n / 2)`` sum to
    K - 1, one for each value that a maximum removes; the last of them, of n = 2, belongs to the output layer, which has
    3 weights and one bias: ``6 (K - 2) + 4``.

    For the bound: with ``t = ceil(log2 K) >= 2`` the sum has at most t - 1 terms, each 3 or 4.  A 4 means that n' is
    odd too, so the last term is a 3, and the sum is at most ``4 t - 5``, and 0 for t = 1.  As
    ``w(K) <= (3 K + 1) / 2``, ``8 (d + 1) K - Q >= K / 2 + 15/2 - (4 t - 5) > 2^(t-2) + 12.5 - 4 t >= 0``: the last
    expression is smallest at t = 4, where it is 1/2.

    Examples
    --------
    >>> nonzeros(5, 1), nonzeros(1024, 2)
    (77, 24056)
    """
    if _positive("K", K) == 1:
        return 6 * _positive("d", d) + 1
    total = 8 * _positive("d", d) * K + _widths(K)[0] + 6 * K - 8
    n = K
    while n > 1:
        half = -(-n // 2)
        total += (n % 2) * (3 + half % 2)
        n = half
    return total


def _widths(K: int) -> list[int]:
    """Hidden widths of a maximum of K numbers."""
    return [] if K == 1 else [3 * (K // 2) + 2 * (K % 2), *_widths(-(-K // 2))]


def _positive(name: str, number: int) -> int:
    if operator.index(number) < 1:
        raise ValueError(f"{name}: expected 1 or more, got {number}")
    return number


# --- the networks ----------------------------------------------------------------------------------------------------


def one_norm(d: int, dtype: str = "float32") -> Network:
    """The network for ``||x||_1 = sum_i relu(x_i) + relu(-x_i)``: sizes (d, 2 d, 1).

    Returns
    -------
    spec : MLP
    params : dict of arrays (1, I, O) and (1, 1, O)

    Examples
    --------
    >>> float(mlp.forward(*one_norm(3), np.array([[1.0, -2.0, 0.5]], dtype="float32"))[0][0, 0, 0])
    3.5
    """
    unit = np.eye(_positive("d", d))
    w0 = np.concatenate([unit, 0.0 - unit], axis=1)  # (d, 2 d)
    return _network([(w0, np.zeros((1, 2 * d))), (np.ones((2 * d, 1)), np.zeros((1, 1)))], dtype)


def maximum(K: int, dtype: str = "float32") -> Network:
    """The network for ``max(x_1, ..., x_K)``: sizes ``K, w(K), w(ceil(K / 2)), ..., 1``.

    Returns
    -------
    spec : MLP
    params : dict of arrays (1, I, O) and (1, 1, O)

    Examples
    --------
    >>> spec, params = maximum(3)
    >>> spec.sizes, float(mlp.forward(spec, params, np.array([[-3.0, -1.0, -2.0]], dtype="float32"))[0][0, 0, 0])
    ((3, 5, 3, 1), -1.0)
    """
    return _network(_tournament(np.eye(_positive("K", K)), np.zeros((1, K))), dtype)


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
    nodes = _checked(nodes)
    K, d = nodes.points.shape
    kind = np.dtype(dtype)
    what = f"dense network for {K} nodes in {d} dimensions"
    instead = "use constructive.tree, which needs no matrices"
    _require_room(parameters(K, d), kind.itemsize, what, instead)
    raised, lift = _raised(nodes)
    w0 = np.repeat(np.eye(d, dtype=kind), K, axis=1)  # (d, d K)
    b0 = 0.0 - nodes.points.T.reshape(1, -1)  # (1, d K)
    w1 = 0.0 - nodes.slope * np.tile(np.eye(K, dtype=kind), (2 * d, 1))  # (2 d K, K)
    layers = [
        (np.concatenate([w0, 0.0 - w0], axis=1), np.concatenate([b0, 0.0 - b0], axis=1)),
        *_tournament(w1, raised[None, :]),
    ]
    w, b = layers[-1]
    return _network([*layers[:-1], (w, b - lift)], dtype)


def tree(nodes: Nodes, x: np.ndarray) -> np.ndarray:
    """F at some points by the stages of `maximum_convolution`, without its matrices: of K^2 numbers only K are left.

    Where all sums are exact, as for `integer_nodes`, the values are those of the network to the bit.

    Parameters
    ----------
    nodes : Nodes
    x : array (N, d) of float32 or float64
        Taken in portions: memory grows with N + K, time with N K d.

    Returns
    -------
    array (N,), in the dtype of x

    Raises
    ------
    ValueError
        As `maximum_convolution`, but for the `LIMIT`; and if x does not have d columns of floats.

    Examples
    --------
    >>> nodes = Nodes(np.array([[0.0], [1.0]]), np.array([3.0, 5.0]), 2.0)
    >>> tree(nodes, np.array([[0.0], [0.5], [1.0], [2.0]])).tolist()
    [3.0, 4.0, 5.0, 3.0]
    """
    nodes = _checked(nodes)
    K, d = nodes.points.shape
    x = np.asarray(x)
    if x.ndim != 2 or x.shape[1] != d or x.dtype.kind != "f":
        raise ValueError(f"x: expected floats (N, {d}), got {x.dtype} {x.shape}")
    raised, lift = _raised(nodes)
    raised = raised.astype(x.dtype)  # (K,)
    points = nodes.points.T.astype(x.dtype)  # (d, K)
    result = np.empty(len(x), x.dtype)
    rows = max(1, (1 << 18) // (2 * d * K))  # a megabyte at a time stays in the caches
    for first in range(0, len(x), rows):
        z = x[first : first + rows, :, None] - points  # (N, d, K)
        h, _ = relu(np.concatenate([z, 0.0 - z], axis=1))  # (N, 2 d, K)
        u = raised - nodes.slope * h.sum(axis=1)  # (N, K)
        while u.shape[-1] > 1:
            u = _join(relu(_split(u))[0])  # (N, ceil(K / 2)), ...
        result[first : first + rows] = u[:, 0] - lift
    return result


def _split(u: np.ndarray) -> np.ndarray:
    """Values (..., n) to the arguments of the ReLUs that find their maxima in pairs, (..., w(n))."""
    half = u.shape[-1] // 2
    a = u[..., :half]
    b = u[..., half : 2 * half]
    odd = u[..., 2 * half :]
    return np.concatenate([a - b, b, 0.0 - b, odd, 0.0 - odd], axis=-1)  # 0 - b: no negative zeros


def _join(h: np.ndarray) -> np.ndarray:
    """What comes out of those ReLUs (..., w(n)) to the maxima, and the odd one out (..., ceil(n / 2))."""
    half = h.shape[-1] // 3
    pairs = h[..., :half] + h[..., half : 2 * half] - h[..., 2 * half : 3 * half]
    odd = h[..., 3 * half :]  # two columns or none
    return np.concatenate([pairs, odd[..., :1] - odd[..., 1:]], axis=-1)


def _tournament(w: np.ndarray, b: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
    """The layers from where ``h w + b`` gives n values, to their maximum."""
    layers = []
    while w.shape[-1] > 1:
        layers.append((_split(w), _split(b)))  # the matrix of a product is one map applied to the other's
        w = _join(np.eye(layers[-1][0].shape[-1], dtype=w.dtype))
        b = np.zeros((1, w.shape[-1]))
    return [*layers, (w, b)]


def _network(layers: list[tuple[np.ndarray, np.ndarray]], dtype: str) -> Network:
    params = {}
    for i, (w, b) in enumerate(layers):
        params[f"w{i}"] = w[None].astype(dtype, copy=False)
        params[f"b{i}"] = b[None].astype(dtype)
    return MLP((len(layers[0][0]), *(w.shape[1] for w, _ in layers)), "relu"), params


def _raised(nodes: Nodes) -> tuple[np.ndarray, float]:
    """Values raised until none is negative in the nodes' bounding box, and by how much."""
    lift = float(nodes.slope * np.ptp(nodes.points, axis=0).sum() - np.min(nodes.values))
    return nodes.values + lift, lift


def _checked(nodes: Nodes) -> Nodes:
    points, values, slope = (np.asarray(part, dtype=np.float64) for part in nodes)
    if points.ndim != 2 or points.size == 0 or values.shape != points.shape[:1]:
        shapes = f"{points.shape} and {values.shape}"
        raise ValueError(f"nodes: expected points (K, d) and values (K,), K and d at least 1, got {shapes}")
    if not (np.isfinite(points).all() and np.isfinite(values).all() and 0.0 <= slope < math.inf):
        raise ValueError(f"nodes: expected finite points and values and a slope of 0 or more, got slope {slope}")
    return Nodes(points, values, float(slope))


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
    points = np.indices(codes.shape).reshape(codes.ndim, -1).T.astype(np.float64)  # (K, d)
    return Nodes(points, codes.reshape(-1).astype(np.float64), float(slope))


def exact(samples: np.ndarray, tile: int | Sequence[int] | None = None, *, channels: bool | None = None) -> INR:
    """Represent an array of integers exactly, without training: one network a tile and channel.

    Each has `parameters` (K, d), K the number of samples of a tile: the bits of the samples have no part in it.

    Parameters
    ----------
    samples : array (*grid, C) or (*grid,)
        Integers or booleans.
    tile : int or sequence of ints, optional
        As in `refinr.fit`; by default the whole grid is one tile.  Dense parameters grow like K^2, so small tiles have
        fewer in all.  A tile that the grid's edge cuts short repeats its last samples: all networks have one shape.
    channels : bool, optional
        As in `refinr.fit`.

    Returns
    -------
    INR
        Lossless, with 0 steps in its report.

    Raises
    ------
    TypeError
        If the samples are neither integers nor booleans.
    ValueError
        For empty or 0-d arrays, samples whose sums float32 does not hold (see `integer_nodes`), or networks that would
        take more than `LIMIT` bytes.
    LosslessError
        If this machine's matrix products are not exact for integers below ``2^24``.

    Examples
    --------
    >>> image = np.arange(64, dtype="int16").reshape(8, 8) * 999 % 257 - 100
    >>> inr = exact(image)
    >>> bool((inr.decode() == image).all()), inr.report.steps, inr.report.parameters == parameters(64, 2)
    (True, 0.0, True)
    """
    start = time.perf_counter()
    samples = np.asarray(samples)
    if samples.dtype.kind not in "biu":
        raise TypeError(f"samples: expected integers or booleans, got {samples.dtype}")
    layout = plan(samples, "none", channels=channels, tile=1 if tile is None else tile, hidden=(), activation="relu")
    extent = layout.grid if tile is None else layout.tile
    K = math.prod(extent)
    d = len(extent)
    codes = layout.codes(samples)  # (*grid, C)
    networks = tiling.tile_count(layout.grid, extent) * layout.channels
    what = f"dense networks, {networks} for {K} nodes in {d} dimensions"
    instead = "give smaller tiles (tile=), or use constructive.tree of integer_nodes, which needs no matrices"
    _require_room(networks * parameters(K, d), 4, what, instead)
    if codes.max() > EXACT:
        raise ValueError(f"samples: float32 is exact up to 2^24 = {EXACT}, but codes reach {codes.max()}")
    spec = MLP(sizes(K, d), "relu")
    layout = replace(layout, tile=extent, cut=Integers(layout.cut.bits), spec=spec)
    params = {name: np.empty(shape, dtype) for name, (shape, dtype) in mlp.stored(spec, networks).items()}
    for index, where in enumerate(layout.tiles):
        missing = [(0, n - m) for n, m in zip(extent, tiling.extent(where), strict=True)]
        full = np.pad(codes[where], [*missing, (0, 0)], mode="edge")  # no new steps between neighbours
        for channel in range(layout.channels):
            _, one = maximum_convolution(integer_nodes(full[..., channel]), "float32")
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
    m = max(1, math.ceil(_positive("d", d) * Fraction(float(L)) * length / Fraction(float(eps))))
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
