"""Real readouts in few bits: rounded, and pulled back to the right side where rounding went over.

With this you can round the weights of networks to a store (`quantise`), and find for each the cheapest that keeps all
decisions (`cheapest`).

A decision is the sign of an output, so a network's weights may be scaled as one likes.  In the integer stores they are
whole numbers, and no scale is kept: D weights of "int5" are 5 D bits, and the network decodes from the integers.

Rounding moves an output by about ``step sqrt(D / (12 N))``; a network keeps its decisions where margins are wider.  So
margins are widened first (`real.widen`).  Integers are then moved by straight-through steps: rounded weights decide,
the real numbers behind them learn from the hinge loss ``sum(max(0, m - S z)^2) / 2``, whose gradient by the weights is
``-Q^T (S max(0, m - S z))``, as if rounding had slope 1.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from refinr.files import storing
from refinr.readouts import real
from refinr.readouts.batches import Batch, blocks, columns
from refinr.readouts.features import Cosines
from refinr.tables import look_up
from refinr.xp import Array, asarray_like, namespace, to_host


class Store(NamedTuple):
    """How weights are kept: bits each, the margin that rounding asks for, and the largest integer, 0 for floats."""

    bits: int
    margin: float
    top: int


STORES = {
    "int5": Store(5, 0.2, 15),
    "int8": Store(8, 0.05, 127),
    "float16": Store(16, 0.005, 0),
    "bfloat16": Store(16, 0.03, 0),
    "float32": Store(32, real.MARGIN, 0),
}

SPREAD = 3.0
"""Where integers end, in root mean squares of a network's weights: finer steps are worth more than the few beyond."""

PULL = 0.3
"""The hinge m, in root mean squares of outputs, and the rate of steps."""

MOMENTUM = 0.8


class Stored(NamedTuple):
    """Of E networks.

    Attributes
    ----------
    weights : float array (N, E)
        What the store gives back: whole numbers of an integer store; 0 where a network is not kept.
    kept : bool array (E,), on the host
        Whether all decisions are kept, with the margin that has to be left.
    """

    weights: Array
    kept: np.ndarray


def quantise(
    basis: Cosines,
    weights: Array,
    signs: Array,
    features: int | np.ndarray,
    store: str,
    *,
    least: float = real.MARGIN,
    steps: int = 60,
) -> Stored:
    """Weights as a store holds them.

    Parameters
    ----------
    basis, signs, features
        As for `real.solve`.
    weights : float array (N, E)
        Those of solved networks.
    store : str
        One of `STORES`.
    least : float
        The margin that has to be left, in root mean squares.
    steps : int
        At most, of integers.

    Examples
    --------
    >>> basis = Cosines((16, 16), order=1.0, seed=0)
    >>> signs = np.random.default_rng(0).choice(np.float32([-1, 1]), (256, 20))
    >>> found = real.solve(basis, signs, 190)
    >>> stored = quantise(basis, found.weights, signs, 190, "int5")
    >>> bool(stored.kept.all()), float(stored.weights.min()), float(stored.weights.max())
    (True, -15.0, 15.0)
    """
    row = look_up(STORES, store, "store")
    features = np.broadcast_to(np.asarray(features), (signs.shape[1],))
    if not row.top:
        return _floats_or_wider(basis, weights, signs, features, store, least)
    wide = real.widen(basis, weights, signs, features, margin=max(row.margin, 2.0 * least)).weights
    parts = [
        _integers(basis, wide[:, part], signs[:, part], features[part], row.top, least, steps)
        for part in blocks(*signs.shape)
    ]
    return _together(parts)


def _floats_or_wider(
    basis: Cosines, weights: Array, signs: Array, features: np.ndarray, store: str, least: float
) -> Stored:
    """Rounded, and widened before that only where rounding is too much: most margins are wide enough."""
    first = _together([_floats(basis, weights[:, part], signs[:, part], store, least) for part in blocks(*signs.shape)])
    again = np.flatnonzero(~first.kept)
    if not again.size:
        return first
    S = columns(signs, again)
    margin = max(STORES[store].margin, 2.0 * least)
    wide = real.widen(basis, columns(weights, again), S, features[again], margin=margin).weights
    parts = [_floats(basis, wide[:, part], S[:, part], store, least) for part in blocks(*S.shape)]
    second = _together(parts)
    order = np.argsort(np.concatenate([np.flatnonzero(first.kept), again]))
    found = namespace(signs).concat([columns(first.weights, np.flatnonzero(first.kept)), second.weights], axis=1)
    return Stored(columns(found, order), np.concatenate([first.kept[first.kept], second.kept])[order])


def _together(parts: list[Stored]) -> Stored:
    found, kept = zip(*parts, strict=True)
    return Stored(namespace(found[0]).concat(found, axis=1), np.concatenate(kept))


def _floats(basis: Cosines, weights: Array, signs: Array, store: str, least: float) -> Stored:
    """Rounded once, at a root mean square of 1."""
    w = asarray_like(storing.nearest(to_host(weights / real.rms(weights)), store), signs)
    batch = Batch(signs.shape[1])
    w = columns(w, batch.network)
    z = columns(signs, batch.network) * basis.synthesis(w)
    batch.record(to_host(real.clear(z, least)), 1, w)
    return Stored(batch.weights(0.0 * batch.unsolved(w)), batch.solved)


def _integers(
    basis: Cosines, weights: Array, signs: Array, features: np.ndarray, top: int, least: float, steps: int
) -> Stored:
    """Rounded to whole numbers up to `top`, and stepped until all decisions are right."""
    xp = namespace(signs)
    batch = Batch(signs.shape[1])
    S = columns(signs, batch.network)
    mask = basis.mask(features[batch.network], S)
    u = columns(weights, batch.network)
    size = asarray_like(np.sqrt(basis.samples / features[batch.network]), S) * real.rms(u)  # of weights there are
    end = xp.maximum(xp.minimum(xp.max(xp.abs(u), axis=0), SPREAD * size), real.TINY)
    u = u * (float(top) / end)
    hinge = PULL * xp.reshape(real.rms(u), (1, -1))  # an orthonormal basis keeps the root mean square
    velocity = xp.zeros_like(u)
    for step in range(1, steps + 1):
        w = xp.clip(xp.round(u), -float(top), float(top))
        z = S * basis.synthesis(w)
        if batch.record(to_host(real.clear(z, least)), step, w):
            break
        velocity = MOMENTUM * velocity + PULL * mask * basis.analysis(S * xp.maximum(hinge - z, 0.0))
        u = u + velocity
        stay = batch.stay()
        if stay is not None:
            S, mask, hinge, u, velocity = (columns(x, stay) for x in (S, mask, hinge, u, velocity))
    return Stored(batch.weights(xp.zeros_like(batch.unsolved(u))), batch.solved)


def cheapest(
    basis: Cosines,
    weights: Array,
    signs: Array,
    features: int | np.ndarray,
    stores: tuple[str, ...] = ("int5", "int8", "float16", "float32"),
) -> tuple[np.ndarray, Array]:
    """The first store, of a list, that keeps all decisions of a network.

    Parameters
    ----------
    basis, weights, signs, features
        As for `quantise`.
    stores : tuple of str
        Of ascending bits.

    Returns
    -------
    names : array of str (E,)
        "" where none does: one rung up may.
    weights : float array (N, E)

    Examples
    --------
    >>> basis = Cosines((16, 16), order=1.0, seed=0)
    >>> signs = np.random.default_rng(0).choice(np.float32([-1, 1]), (256, 60))
    >>> found = real.solve(basis, signs, 160)
    >>> names, _ = cheapest(basis, found.weights, signs, 160)
    >>> sorted(set(names.tolist()))
    ['int5', 'int8']
    """
    xp = namespace(signs)
    features = np.broadcast_to(np.asarray(features), (signs.shape[1],))
    names = np.full(signs.shape[1], "", dtype="<U10")
    left = np.arange(signs.shape[1])
    found = []
    order = []
    for store in stores:
        if not left.size:
            break
        stored = quantise(basis, columns(weights, left), columns(signs, left), features[left], store)
        names[left[stored.kept]] = store
        found.append(columns(stored.weights, np.flatnonzero(stored.kept)))
        order.append(left[stored.kept])
        left = left[~stored.kept]
    found.append(xp.zeros_like(columns(weights, left)))
    return names, columns(xp.concat(found, axis=1), np.argsort(np.concatenate([*order, left])))
