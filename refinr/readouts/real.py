"""Readouts of real numbers: two convex sets, and a point that both have.

With this you can find weights that reproduce all signs (`solve`) and move them away from the thresholds (`widen`).

**The problem.**  Multiply outputs by their wanted signs: ``a = S z`` should be positive everywhere.  What a network
can output is a linear space, ``L = {S (Q w)}`` over all w with D features; wanted is a point of L inside the orthant
``a > 0``.  Q has orthonormal columns, so the nearest point of L is ``P a = S (Q (Q^T (S a)))``; the nearest point of
the orthant is ``max(a, 0)``, and its mirror image in it is ``2 max(a, 0) - a = |a|``.

**The step.**  Douglas and Rachford (1956; Lions and Mercier 1979): reflect in one set, project on the other, and move
by the difference of the two nearest points.  Written out for these two sets it is two lines,

    w = Q^T (S |a|),   z = S (Q w)
    a <- a + relax (z - max(a, 0))

done where z > 0.  z is in L because it is computed from w, so nothing is left to correct.  With 0 < relax < 2 no step
takes a away from any fixed point (the map is averaged); 1.5 takes the fewest steps.  A fixed point has
``z = max(a, 0)``: in both sets.  There is no step size, momentum or margin to set.  Where the two sets have no point
in common but 0, ``max(-a, 0)`` tends to the direction that proves it (`infeasible`).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from refinr.readouts.batches import Batch, blocks, columns
from refinr.readouts.features import Cosines
from refinr.xp import Array, namespace, to_host

MARGIN = 1e-4
"""How far outputs stay away from 0, in root mean squares."""

RELAX = 1.5
"""How far to go: between 0 and 2, and 1.5 takes the fewest steps."""


HOPE = 0.7
"""Of the energy of a, what that of z must be at the start for a network to be worth its steps."""

PAUSE = 4
"""Steps between looks at who is hopeless."""

TINY = 1e-30
"""In place of the root mean square of outputs that are all 0."""


class Solution(NamedTuple):
    """Of E networks, U of them not solved.

    Attributes
    ----------
    weights : float array (N, E)
        In the order of the basis, 0 where a network has no feature, and everywhere where it is not solved.
    solved : bool array (E,), on the host
    steps : int array (E,), on the host
        Until solved; 0 where it is not.
    last : float array (N, U)
        The last a of those that are not solved, in their order: `infeasible` makes certificates of ``max(-a, 0)``.
    taken : int array (E,), on the host
        Steps that were spent on a network, solved or not.
    """

    weights: Array
    solved: np.ndarray
    steps: np.ndarray
    last: Array
    taken: np.ndarray


def solve(
    basis: Cosines,
    signs: Array,
    features: int | np.ndarray,
    *,
    steps: int = 200,
    margin: float = MARGIN,
    give_up: bool = False,
) -> Solution:
    """Weights whose outputs have the wanted signs.

    Parameters
    ----------
    basis : Cosines
    signs : float array (N, E) of -1 and 1
        In any array library; its dtype is that of the weights, float32 for speed.
    features : int or int array (E,) on the host
        Number D of features of all networks or of each.
    steps : int
        At most.
    margin : float
        Solved means ``S z > margin * rms(z)`` at all samples of a network.
    give_up : bool
        Leave networks that will hardly be solved in so many steps, see `hopeless`.

    Raises
    ------
    ValueError
        For signs of another shape, or numbers of features that the basis has not got.

    Examples
    --------
    >>> basis = Cosines((16, 16), order=1.0, seed=0)
    >>> signs = np.random.default_rng(0).choice(np.float32([-1, 1]), (256, 20))
    >>> found = solve(basis, signs, 180)
    >>> bool(found.solved.all()), bool((signs * basis.synthesis(found.weights) > 0).all())
    (True, True)
    """
    features = _per_network(basis, signs, features)
    parts = [
        _solve(basis, signs[:, part], features[part], None, 0.0, steps, margin, give_up)
        for part in blocks(*signs.shape)
    ]
    return _together(parts)


def widen(
    basis: Cosines,
    weights: Array,
    signs: Array,
    features: int | np.ndarray,
    *,
    margin: float,
    level: float = 0.2,
    steps: int = 100,
) -> Solution:
    """Weights with wider margins, from those that have narrow ones: the same steps in an orthant moved to `level`.

    A solution can be scaled until all its outputs are at least `level`, so there are points in the moved orthant
    ``a >= level`` where there are in the other.  The nearest point is ``max(a, level)``, its mirror image
    ``|a - level| + level``.  The start is the outputs as they are, at a root mean square of 1.  (Steps down a hinge
    loss get there too, and take three times as many and more where margins are narrow.)

    Parameters
    ----------
    basis, signs, features
        As for `solve`.
    weights : float array (N, E)
        Those of `solve`, of solved networks.
    margin : float
        Wanted, in root mean squares of a network's outputs.
    level : float
        Of the orthant, in root mean squares at the start.
    steps : int
        At most.

    Returns
    -------
    solution : Solution
        `solved` where the margin is that wide now; elsewhere the weights at the end, or as they came if these have the
        wider margin.

    Examples
    --------
    >>> basis = Cosines((64,), order=1.0, seed=0)
    >>> signs = np.random.default_rng(0).choice(np.float32([-1, 1]), (64, 32))
    >>> found = solve(basis, signs, 50)
    >>> wide = widen(basis, found.weights, signs, 50, margin=0.05)
    >>> bool(wide.solved.all()), bool(margins(signs * basis.synthesis(wide.weights)).min() > 0.05)
    (True, True)
    """
    features = _per_network(basis, signs, features)
    parts = [
        _solve(basis, signs[:, part], features[part], weights[:, part], level, steps, margin)
        for part in blocks(*signs.shape)
    ]
    return _together(parts)


def _solve(
    basis: Cosines,
    signs: Array,
    features: np.ndarray,
    before: Array | None,
    level: float,
    steps: int,
    margin: float,
    give_up: bool = False,
) -> Solution:
    """One block, from nothing or from weights that are there before."""
    xp = namespace(signs)
    batch = Batch(signs.shape[1])
    S = columns(signs, batch.network)
    mask = basis.mask(features[batch.network], S)
    if before is None:
        a = xp.ones_like(S)
    else:
        a = S * basis.synthesis(columns(before, batch.network))
        a /= rms(a)
    for step in range(1, steps + 1):
        w, z, a = douglas_rachford(basis, S, a, mask, level)
        right = to_host(xp.min(z, axis=0) > 0.0)  # nobody, most of the time
        if right.any() and batch.record(to_host(clear(z, margin)), step, w):
            break
        if give_up and step % PAUSE == 0 and batch.give_up(to_host(hopeless(z, a, step / steps)), step, a):
            break
        stay = batch.stay()
        if stay is not None:
            S = columns(S, stay)
            mask = columns(mask, stay)
            a = columns(a, stay)
    last = batch.unsolved(a)
    if before is None:
        others = xp.zeros_like(last)
    else:
        w, z, _ = douglas_rachford(basis, S, a, mask, level)
        others = columns(before, batch.network)
        others = batch.unsolved(xp.where(margins(z) > margins(S * basis.synthesis(others)), w, others))
    taken = np.where(batch.solved | (batch.left > 0), batch.steps + batch.left, steps)
    return Solution(batch.weights(others), batch.solved, batch.steps, last, taken)


def douglas_rachford(basis: Cosines, S: Array, a: Array, mask: Array, level: float = 0.0) -> tuple[Array, Array, Array]:
    """One step: weights, their outputs times wanted signs, and the next a.

    Parameters
    ----------
    basis : Cosines
    S, a : float arrays (N, E)
        Wanted signs, and outputs times these as they should be.
    mask : float array (N, E) or (N, 1)
        Of `Cosines.mask`: which features a network has.
    level : float
        Of the orthant ``a >= level``.

    Returns
    -------
    w, z, a : float arrays (N, E)

    Examples
    --------
    >>> basis = Cosines((2,), order=1e6, seed=0)
    >>> S, a = np.array([[1.0], [1.0]]), np.array([[-2.0], [1.0]])
    >>> [x.ravel().round(3).tolist() for x in douglas_rachford(basis, S, a, basis.mask(1, a))]
    [[2.121, 0.0], [1.5, 1.5], [0.25, 1.75]]
    """
    xp = namespace(a)
    mirrored = xp.abs(a - level) + level if level else xp.abs(a)
    mirrored *= S
    w = basis.analysis(mirrored)
    w *= mask
    z = basis.synthesis(w)
    z *= S
    move = z - xp.maximum(a, level)
    move *= RELAX
    move += a
    return w, z, move


def clear(z: Array, margin: float) -> Array:
    """Whether outputs times wanted signs (N, E) are all above `margin` root mean squares: (E,).

    Examples
    --------
    >>> clear(np.array([[1.0, 1.0, 0.0], [1.0, -1.0, 1.0]]), 1e-4).tolist()
    [True, False, False]
    """
    xp = namespace(z)
    return xp.min(z, axis=0) > margin * rms(z)


def hopeless(z: Array, a: Array, share: float) -> Array:
    """Which networks (E,) will hardly be solved any more, after that share of their steps: a guess, and no proof.

    Where there is a solution, a tends to ``z = max(a, 0)`` and its negative part to nothing, so z and a have the same
    norm at the end; where there is none, z tends to 0.  Of networks that are solved in time, 99 of 100 keep ``|z|^2``
    above that part of ``|a|^2`` which grows from 0.7 to 1.

    Examples
    --------
    >>> hopeless(np.array([[1.0, 0.1]]), np.array([[1.0, -1.0]]), 0.5).tolist()
    [False, True]
    """
    xp = namespace(z)
    return xp.sum(z * z, axis=0) < (HOPE + (1.0 - HOPE) * share) * xp.sum(a * a, axis=0)


def margins(z: Array) -> Array:
    """The smallest of outputs times wanted signs (N, E), in root mean squares: (E,), positive where all are right.

    Examples
    --------
    >>> margins(np.array([[3.0, -1.0], [3.0, 1.0]])).round(3).tolist()
    [1.0, -1.0]
    """
    xp = namespace(z)
    return xp.min(z, axis=0) / rms(z)


def rms(z: Array) -> Array:
    """Root mean square of each column of (N, E), and above 0: (E,)."""
    xp = namespace(z)
    return xp.maximum(xp.sqrt(xp.sum(z * z, axis=0) / z.shape[0]), TINY)


def _together(parts: list[Solution]) -> Solution:
    """The solutions of blocks as one."""
    weights, solved, steps, last, taken = zip(*parts, strict=True)
    concat = namespace(weights[0]).concat
    return Solution(
        concat(weights, axis=1),
        np.concatenate(solved),
        np.concatenate(steps),
        concat(last, axis=1),
        np.concatenate(taken),
    )


def _per_network(basis: Cosines, signs: Array, features: int | np.ndarray) -> np.ndarray:
    """D as (E,), or what is wrong."""
    if len(signs.shape) != 2 or signs.shape[0] != basis.samples or not signs.shape[1]:
        raise ValueError(f"signs: expected {basis.samples} samples of one or more networks, got {tuple(signs.shape)}")
    features = np.asarray(features)
    if features.dtype.kind not in "iu" or features.shape not in ((), (signs.shape[1],)):
        raise ValueError(f"features: expected a whole number or one for each of {signs.shape[1]} networks")
    if features.min() < 1 or features.max() > basis.samples:
        raise ValueError(f"features: expected 1 to {basis.samples}, got {features.min()} to {features.max()}")
    return np.broadcast_to(features, (signs.shape[1],))
