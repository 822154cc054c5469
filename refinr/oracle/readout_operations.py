"""Operations on readouts of fixed features, as a backend offers them.

With this you can see what each has to compute: which features come first (`feature_ranks`), what they see of a tile and
make of weights (`cosine_features`, `legendre_features`), one step of each solver (`douglas_rachford`,
`straight_through`, `message_passing`), who is solved (`readout_margins`, `integer_readout`), and whether a proof holds
that there is no readout (`certificate`).

Networks stand side by side, in columns: E networks, N samples, D features.  Wanted signs are -1.0 and 1.0.  What holds
for all operations (dtypes, arguments) stands in `refinr.oracle.operations`.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from refinr.oracle.leaf_operations import Tensors
from refinr.readouts import features as fixed
from refinr.readouts import infeasible, integer, real
from refinr.xp import Array, asarray_like, namespace, to_host

# --- features --------------------------------------------------------------------------------------------------------


def feature_ranks(u: Array, shape: Sequence[int], order: float) -> Tensors:
    """Ranks of the N products of cosines of a tile: places 0 to N - 1 in ascending order of ``order f / f_max + u``.

    f is the length of the vector of frequencies ``k / n``, one an axis, k from 0 to n - 1; f_max that of the last
    feature, 0 / 0 being 0.  Of equals the first is first.

    Parameters
    ----------
    u : array (N,), float64 whatever dtype is checked
        In [0, 1), a number for each feature, in row-major order of their frequencies.
    shape : list of ints
        Samples on every axis, n; their product is N.
    order : float

    Returns
    -------
    ranks : array (N,), int64

    Examples
    --------
    >>> feature_ranks(np.array([0.5, 0.0, 0.25]), shape=[3], order=0.0)["ranks"].tolist()
    [2, 0, 1]
    """
    return {"ranks": fixed.ranked(tuple(shape), order, to_host(u))}


def cosine_features(y: Array, w: Array, ranks: Array, features: Array, shape: Sequence[int]) -> Tensors:
    """``analysis = m (Q^T y)`` and ``synthesis = Q (m w)``, m being 1 where a feature's rank is below D, else 0.

    Q is orthonormal: feature k of a tile is a product of waves, one an axis, ``c_k cos(pi (i + 1/2) k / n)`` at sample
    i of n, with ``c_0 = sqrt(1 / n)`` and ``c_k = sqrt(2 / n)``.  Waves are those of float64, rounded once to the
    dtype.

    Parameters
    ----------
    y : array (N, E)
        Samples in row-major order of the tile.
    w : array (N, E)
        Weights in row-major order of the frequencies.
    ranks : array (N,), int64
    features : array (E,), int64
        D of every network, 1 to N.
    shape : list of ints
        Samples on every axis; their product is N.

    Returns
    -------
    analysis : array (N, E)
    synthesis : array (N, E)

    Examples
    --------
    >>> arrays = {"y": np.array([[1.0], [1.0]]), "w": np.array([[1.0], [1.0]])}
    >>> result = cosine_features(**arrays, ranks=np.array([0, 1]), features=np.array([1]), shape=[2])
    >>> {name: a.round(3).tolist() for name, a in result.items()}
    {'analysis': [[1.414], [0.0]], 'synthesis': [[0.707], [0.707]]}
    """
    basis = fixed.Cosines(tuple(shape), 0.0, 0)
    mask = _mask(ranks, features, y)
    return {"analysis": basis.analysis(y) * mask, "synthesis": basis.synthesis(w * mask)}


def _mask(ranks: Array, features: Array, like: Array) -> Array:
    xp = namespace(ranks)
    below = xp.reshape(ranks, (-1, 1)) < xp.reshape(features, (1, -1))
    return asarray_like(xp.astype(below, xp.float64), like)


def legendre_features(index: Array, prime: int, features: int) -> Tensors:
    """``F[i, k]`` is 1 if ``k - i`` is a square modulo p, 0 being one, else -1.

    Parameters
    ----------
    index : array (N,), int64
        Samples i, from 0 to p - 1.
    prime : int
        p, which is 3 modulo 4.
    features : int
        D, at most p.

    Returns
    -------
    F : array (N, D), int8

    Examples
    --------
    >>> legendre_features(np.array([0, 1]), prime=7, features=4)["F"].tolist()
    [[1, 1, 1, -1], [-1, 1, 1, 1]]
    """
    return {"F": fixed.Legendre(prime, prime, features).matrix()[to_host(index)]}


# --- one step of each solver -----------------------------------------------------------------------------------------


def douglas_rachford(
    signs: Array, a: Array, ranks: Array, features: Array, shape: Sequence[int], level: float
) -> Tensors:
    """``w = m Q^T (S (|a - l| + l))``, ``z = S (Q w)``, next ``a + 1.5 (z - max(a, l))``.

    Q and m are those of `cosine_features`.

    Parameters
    ----------
    signs, a : arrays (N, E)
        Wanted signs S; outputs times these as they should be.
    ranks : array (N,), int64
    features : array (E,), int64
    shape : list of ints
    level : float
        l, 0 or above.

    Returns
    -------
    w, z, next : arrays (N, E)

    Examples
    --------
    >>> arrays = {"signs": np.array([[1.0], [-1.0]]), "a": np.array([[2.0], [-1.0]])}
    >>> result = douglas_rachford(**arrays, ranks=np.array([1, 0]), features=np.array([2]), shape=[2], level=0.0)
    >>> result["z"].round(6).tolist(), result["next"].round(6).tolist()
    ([[2.0], [1.0]], [[2.0], [0.5]])
    """
    basis = fixed.Cosines(tuple(shape), 0.0, 0)
    w, z, a = real.douglas_rachford(basis, signs, a, _mask(ranks, features, a), level)
    return {"w": w, "z": z, "next": a}


def straight_through(F: Array, signs: Array, u: Array, velocity: Array, rate: float) -> Tensors:
    """``w = clip(round(u), -1, 1)``, halves to even, ``z = S (F w)``, and a step of u by what the outputs lack.

    With ``m = 0.3 sqrt(2 D / 3)``: next velocity ``0.9 v + rate / sqrt(N D) F^T (S max(0, m - z))``, and next u
    ``clip(u + next velocity, -1.5, 1.5)``.

    Parameters
    ----------
    F : array (N, D)
        -1.0 and 1.0.
    signs : array (N, E)
    u, velocity : arrays (D, E)
    rate : float

    Returns
    -------
    w : array (D, E)
        -1.0, 0.0 and 1.0.
    z : array (N, E)
    next_u, next_velocity : arrays (D, E)

    Examples
    --------
    >>> one = np.ones((1, 1))
    >>> result = straight_through(one, -one, 0.75 * one, 0.0 * one, rate=1.0)
    >>> {name: a.round(3).item() for name, a in result.items()}
    {'w': 1.0, 'z': -1.0, 'next_u': -0.495, 'next_velocity': -1.245}
    """
    w, z, u, velocity = integer.straight_step(F, signs, u, velocity, rate)
    return {"w": w, "z": z, "next_u": u, "next_velocity": velocity}


def message_passing(
    F: Array, signs: Array, g: Array, B: Array, A: Array, keep: float, levels: Sequence[int]
) -> Tensors:
    """What weights believe, what outputs say to that, and the next beliefs.

    Levels are measured in their root mean square: ``l = level / unit``.  A weight is at one of them with probability
    ``p(l)`` proportional to ``exp(B l - A l^2 / 2)``; `choice` is the likeliest level, as the whole number that it is;
    ``mean = sum p(l) l``; V the mean of ``sum p(l) l^2 - mean^2`` over the weights of a network, and at least 1e-4.

    Then ``x = S ((F mean) / sqrt(D) - V g) / sqrt(V)`` and ``h = hazard(-x)``, with

        hazard(t) = ((pi - 1) t + sqrt(t^2 + 2 pi)) / pi             where t > 0,
        hazard(t) = phi(t) / (1 - phi(t) / hazard(-t))               elsewhere, phi(t) = exp(-t^2 / 2) / sqrt(2 pi);

    next g is ``S h / sqrt(V)``, next A ``r + keep A`` with ``r = sum(h (h + x)) / (V D)`` over samples, and next B
    ``F^T (next g) / sqrt(D) + r mean + keep B``.

    Parameters
    ----------
    F : array (N, D)
        -1.0 and 1.0.
    signs, g : arrays (N, E)
    B : array (D, E)
    A : array (1, E)
    keep : float
    levels : list of ints
        Symmetric about 0.

    Returns
    -------
    choice, mean : arrays (D, E)
    V : array (1, E)
    next_g : array (N, E)
    next_B : array (D, E)
    next_A : array (1, E)

    Examples
    --------
    >>> one = np.ones((1, 1))
    >>> zero = np.zeros((1, 1))
    >>> result = message_passing(one, one, zero, zero, zero, keep=0.0, levels=[-1, 1])
    >>> {name: a.round(3).item() for name, a in result.items()}
    {'choice': -1.0, 'mean': 0.0, 'V': 1.0, 'next_g': 0.798, 'next_B': 0.798, 'next_A': 0.637}
    """
    choice, mean, V = integer.beliefs(B, A, tuple(levels))
    next_g, next_B, next_A = integer.message_step(F, signs, mean, V, g, B, A, keep)
    return {"choice": choice, "mean": mean, "V": V, "next_g": next_g, "next_B": next_B, "next_A": next_A}


# --- decisions, and proofs -------------------------------------------------------------------------------------------


def readout_margins(z: Array, margin: float) -> Tensors:
    """``min(z) / rms(z)`` of each network, and whether that is above `margin`.

    Parameters
    ----------
    z : array (N, E)
        Outputs times wanted signs; of no network are all 0.
    margin : float

    Returns
    -------
    margins : array (E,)
    solved : array (E,), uint8

    Examples
    --------
    >>> result = readout_margins(np.array([[1.0, -1.0], [1.0, 1.0]]), margin=0.5)
    >>> result["margins"].tolist(), result["solved"].tolist()
    ([1.0, -1.0], [1, 0])
    """
    return {"margins": real.margins(z), "solved": to_host(real.clear(z, margin)).astype(np.uint8)}


def integer_readout(F: Array, w: Array) -> Tensors:
    """``z = F w`` in whole numbers, and the bits that they decide, ``z > 0``.

    Parameters
    ----------
    F : array (N, D), int8
        -1 and 1.
    w : array (D, E), int8
        -1, 0 and 1.

    Returns
    -------
    z : array (N, E), int32
    bits : array (N, E), uint8

    Examples
    --------
    >>> result = integer_readout(np.array([[1, -1, 1]], "int8"), np.array([[1], [1], [1]], "int8"))
    >>> result["z"].tolist(), result["bits"].tolist()
    ([[1]], [[1]])
    """
    xp = namespace(F)
    z = xp.matmul(xp.astype(F, xp.int32), xp.astype(w, xp.int32))
    return {"z": z, "bits": xp.astype(z > 0, xp.uint8)}


def certificate(rows: Array, multipliers: Array) -> Tensors:
    """Whether multipliers v prove that no w has ``A w > 0``: they do if ``|A^T v| < s / 2``, v >= 0 and not all 0.

    s is the smallest singular value of ``diag(v) A`` on the rows where ``v > 0``, of which there must be more than
    columns.  (Then multipliers near v exist, positive where v is, for which ``A^T v`` is exactly 0; and
    ``0 = (A w) . v > 0`` would be a contradiction: Gordan's alternative.)  What is not finite proves nothing.  Cases
    are far from equality on both sides.

    Parameters
    ----------
    rows : array (N, D), float64 whatever dtype is checked
        A: features, every row times its wanted sign.
    multipliers : array (N,), float64
        v.

    Returns
    -------
    proved : array (), uint8

    Examples
    --------
    >>> rows = np.array([[1.0, 0.0], [0.0, 1.0], [-1.0, -1.0]])
    >>> [int(certificate(rows, np.array(v))["proved"]) for v in ([1.0, 1.0, 1.0], [1.0, 1.0, 0.0])]
    [1, 0]
    """
    return {"proved": np.asarray(infeasible.holds(to_host(rows), to_host(multipliers)), np.uint8)}
