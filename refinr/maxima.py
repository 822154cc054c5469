"""What a maximum convolution is made of: nodes, the 1-norm and the maximum as ReLU networks, and how large all is.

With this you can state nodes (`Nodes`) and evaluate their maximum convolution without its matrices (`tree`), write down
the 1-norm (`one_norm`) and the maximum of K numbers (`maximum`), and count what the network of a maximum convolution of
K nodes in d dimensions has (`sizes`, `depth`, `parameters`, `nonzeros`).  `refinr.constructive` writes that one down.

``|t| = relu(t) + relu(-t)`` and ``max(a, b) = relu(a - b) + relu(b) - relu(-b)``.  Of n values, value k meets value
``floor(n / 2) + k``, an odd one out goes through as ``relu(a) - relu(-a)``.  Between two activations stand two linear
maps, from the activations to values (`join`) and from values to the next arguments (`split`); a network has their
product (`tournament`).

Source: A. Jentzen, B. Kuckuck, P. von Wurstemberger, "Mathematical Introduction to Deep Learning", arXiv 2310.20360,
Sec. 4.2.  The counts are ours.
"""

from __future__ import annotations

import math
import operator
from typing import NamedTuple

import numpy as np

from refinr import mlp
from refinr.activations import relu
from refinr.mlp import MLP

Network = tuple[MLP, dict[str, np.ndarray]]
"""A description and its parameters, for `refinr.mlp.forward`."""


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
    return (positive("d", d), 2 * d * positive("K", K), *_widths(K), 1)


def depth(K: int) -> int:
    """Linear layers of the network, in any dimension: ``ceil(log2 K) + 2``, of which all but the last have a ReLU.

    Examples
    --------
    >>> [depth(K) for K in (1, 2, 3, 1024)]
    [2, 3, 4, 12]
    """
    return (positive("K", K) - 1).bit_length() + 2


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
    if positive("K", K) == 1:
        return 6 * positive("d", d) + 1
    total = 8 * positive("d", d) * K + _widths(K)[0] + 6 * K - 8
    n = K
    while n > 1:
        half = -(-n // 2)
        total += (n % 2) * (3 + half % 2)
        n = half
    return total


def _widths(K: int) -> list[int]:
    """Hidden widths of a maximum of K numbers."""
    return [] if K == 1 else [3 * (K // 2) + 2 * (K % 2), *_widths(-(-K // 2))]


def positive(name: str, number: int) -> int:
    """The number, if it is 1 or more.

    Examples
    --------
    >>> positive("K", 5)
    5
    """
    if operator.index(number) < 1:
        raise ValueError(f"{name}: expected 1 or more, got {number}")
    return number


# --- the networks -----------------------------------------------------------------------------------------------------


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
    unit = np.eye(positive("d", d))
    w0 = np.concatenate([unit, 0.0 - unit], axis=1)  # (d, 2 d)
    return network([(w0, np.zeros((1, 2 * d))), (np.ones((2 * d, 1)), np.zeros((1, 1)))], dtype)


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
    return network(tournament(np.eye(positive("K", K)), np.zeros((1, K))), dtype)


def split(u: np.ndarray) -> np.ndarray:
    """Values (..., n) to the arguments of the ReLUs that find their maxima in pairs, (..., w(n)).

    Examples
    --------
    >>> split(np.array([5.0, 3.0, 4.0])).tolist()
    [2.0, 3.0, -3.0, 4.0, -4.0]
    """
    half = u.shape[-1] // 2
    a = u[..., :half]
    b = u[..., half : 2 * half]
    odd = u[..., 2 * half :]
    return np.concatenate([a - b, b, 0.0 - b, odd, 0.0 - odd], axis=-1)  # 0 - b: no negative zeros


def join(h: np.ndarray) -> np.ndarray:
    """What comes out of those ReLUs (..., w(n)) to the maxima, and the odd one out (..., ceil(n / 2)).

    Examples
    --------
    >>> join(np.array([2.0, 3.0, 0.0, 4.0, 0.0])).tolist()
    [5.0, 4.0]
    """
    half = h.shape[-1] // 3
    pairs = h[..., :half] + h[..., half : 2 * half] - h[..., 2 * half : 3 * half]
    odd = h[..., 3 * half :]  # two columns or none
    return np.concatenate([pairs, odd[..., :1] - odd[..., 1:]], axis=-1)


def tournament(w: np.ndarray, b: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
    """The layers from where ``h w + b`` gives n values, to their maximum.

    Examples
    --------
    >>> [w.shape for w, _ in tournament(np.eye(3), np.zeros((1, 3)))]
    [(3, 5), (5, 3), (3, 1)]
    """
    layers = []
    while w.shape[-1] > 1:
        layers.append((split(w), split(b)))  # the matrix of a product is one map applied to the other's
        w = join(np.eye(layers[-1][0].shape[-1], dtype=w.dtype))
        b = np.zeros((1, w.shape[-1]))
    return [*layers, (w, b)]


def network(layers: list[tuple[np.ndarray, np.ndarray]], dtype: str) -> Network:
    """Linear maps one after the other, a ReLU after each but the last.

    Examples
    --------
    >>> network([(np.ones((2, 3)), np.zeros((1, 3))), (np.ones((3, 1)), np.zeros((1, 1)))], "float32")[0].sizes
    (2, 3, 1)
    """
    params = {}
    for i, (w, b) in enumerate(layers):
        params[f"w{i}"] = w[None].astype(dtype, copy=False)
        params[f"b{i}"] = b[None].astype(dtype)
    return MLP((len(layers[0][0]), *(w.shape[1] for w, _ in layers)), "relu"), params


# --- without matrices ------------------------------------------------------------------------------------------------


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
    nodes = checked(nodes)
    K, d = nodes.points.shape
    x = np.asarray(x)
    if x.ndim != 2 or x.shape[1] != d or x.dtype.kind != "f":
        raise ValueError(f"x: expected floats (N, {d}), got {x.dtype} {x.shape}")
    raised, lift = raise_values(nodes)
    raised = raised.astype(x.dtype)  # (K,)
    points = nodes.points.T.astype(x.dtype)  # (d, K)
    result = np.empty(len(x), x.dtype)
    rows = max(1, (1 << 18) // (2 * d * K))  # a megabyte at a time stays in the caches
    for first in range(0, len(x), rows):
        z = x[first : first + rows, :, None] - points  # (N, d, K)
        h, _ = relu(np.concatenate([z, 0.0 - z], axis=1))  # (N, 2 d, K)
        u = raised - nodes.slope * h.sum(axis=1)  # (N, K)
        while u.shape[-1] > 1:
            u = join(relu(split(u))[0])  # (N, ceil(K / 2)), ...
        result[first : first + rows] = u[:, 0] - lift
    return result


def raise_values(nodes: Nodes) -> tuple[np.ndarray, float]:
    """Values raised until none is negative in the nodes' bounding box, and by how much.

    Examples
    --------
    >>> raise_values(Nodes(np.array([[0.0], [1.0]]), np.array([3.0, 5.0]), 2.0))
    (array([2., 4.]), -1.0)
    """
    lift = float(nodes.slope * np.ptp(nodes.points, axis=0).sum() - np.min(nodes.values))
    return nodes.values + lift, lift


def checked(nodes: Nodes) -> Nodes:
    """The nodes as float64, if they are nodes.

    Examples
    --------
    >>> checked(Nodes([[0], [1]], [3, 5], 2)).values.tolist()
    [3.0, 5.0]
    """
    points, values, slope = (np.asarray(part, dtype=np.float64) for part in nodes)
    if points.ndim != 2 or points.size == 0 or values.shape != points.shape[:1]:
        shapes = f"{points.shape} and {values.shape}"
        raise ValueError(f"nodes: expected points (K, d) and values (K,), K and d at least 1, got {shapes}")
    if not (np.isfinite(points).all() and np.isfinite(values).all() and 0.0 <= slope < math.inf):
        raise ValueError(f"nodes: expected finite points and values and a slope of 0 or more, got slope {slope}")
    return Nodes(points, values, float(slope))
