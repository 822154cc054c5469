"""Readouts of a few whole levels: one bit or one trit a weight, and nothing but integers to decode.

With this you can find ternary weights fast (`straight_through`), and binary or ternary ones with few features
(`messages`).  Features are +1 and -1 (`features.Legendre`, `features.Walsh`), so outputs are whole numbers, exact in
float32 and in any order of summation; with an odd number D of features and weights of -1 and 1 no output is 0.

**Straight through** (Bengio et al. 2013).  Rounding has no slope, so behind every weight stands a real number u that
is rounded, ``w = clip(round(u), -1, 1)``, and learns as if it were not: from the hinge loss
``sum(max(0, m - S z)^2) / 2``, whose gradient with respect to w is ``-F^T (S max(0, m - S z))``, by gradient descent
with momentum.  u is kept where the next step can still change its rounding.

**Messages** (belief propagation in the form of Thouless, Anderson and Palmer 1977; for networks of one layer Mezard
1989; reinforced: Braunstein and Zecchina 2006).  Every weight has a belief over its levels, a probability proportional
to ``exp(B l - A l^2 / 2)``, with mean m and variance.  An output is a sum of many weights, hence nearly normal: of mean
``omega`` and variance V (levels have mean square 1, features are divided by sqrt(D)).  That its sign is right pulls at
its mean with

    g = S h(-x) / sqrt(V),   x = S omega / sqrt(V),   h(t) = phi(t) / Q(t)

phi the normal density and Q its upper tail.  So ``B = F^T g / sqrt(D) + m A`` with A minus the derivative of g, summed
over samples and divided by D: ``h (h + x) / V``.  The output's mean has an echo of what the output itself said one step
before, ``V g``; Onsager's term takes it off.  Beliefs alone stay undecided between the many solutions.  So past beliefs
are carried on, more and more of them with every step, ``1 - forget^step``, until every weight has made up its mind.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from refinr.readouts.batches import Batch, blocks, columns
from refinr.xp import Array, asarray_like, namespace, to_host

BINARY = (-1, 1)
TERNARY = (-1, 0, 1)


class Readout(NamedTuple):
    """Of E networks with D weights each.

    Attributes
    ----------
    weights : int8 array (D, E)
        0 everywhere where a network is not solved.
    solved : bool array (E,), on the host
    steps : int array (E,), on the host
        Until solved; 0 where it is not.
    most : int
        Steps that those have taken.
    """

    weights: Array
    solved: np.ndarray
    steps: np.ndarray
    most: int


Part = tuple[Array, np.ndarray, np.ndarray]
"""Weights, who is solved and since when, of one block."""


def straight_through(F: np.ndarray, signs: Array, *, steps: int = 100) -> Readout:
    """Ternary weights by gradient descent on what is rounded: fast.

    Parameters
    ----------
    F : int8 array (N, D) of -1 and 1, on the host
    signs : float array (N, E) of -1 and 1
        In any array library; float32 for speed.
    steps : int
        At most.

    Examples
    --------
    >>> from refinr.readouts.features import Legendre
    >>> signs = np.random.default_rng(0).choice(np.float32([-1, 1]), (64, 10))
    >>> found = straight_through(Legendre(64, 83).matrix(), signs)
    >>> bool(found.solved.all()), sorted(set(found.weights.ravel().tolist()))
    (True, [-1, 0, 1])
    """
    _check(F, signs)
    return _in_blocks(lambda S: _straight_through(asarray_like(F, S), S, steps), signs, steps)


def _straight_through(F: Array, signs: Array, steps: int) -> Part:
    xp = namespace(signs)
    batch = Batch(signs.shape[1])
    S = columns(signs, batch.network)
    u = xp.matmul(F.T, S) * math.sqrt(2.0 / 3.0 / F.shape[0])  # spread as the levels are
    velocity = xp.zeros_like(u)
    for step in range(1, steps + 1):
        w, z, u, velocity = straight_step(F, S, u, velocity, 0.05 / (1.0 + step / 300.0))
        if batch.record(to_host(xp.min(z, axis=0) > 0.0), step, w):
            break
        stay = batch.stay()
        if stay is not None:
            S, u, velocity = (columns(x, stay) for x in (S, u, velocity))
    return _readout(batch, u)


def straight_step(F: Array, S: Array, u: Array, velocity: Array, rate: float) -> tuple[Array, Array, Array, Array]:
    """One step: the weights of u, their outputs times wanted signs, and the next u and velocity.

    Parameters
    ----------
    F : float array (N, D)
    S : float array (N, E)
    u, velocity : float arrays (D, E)
    rate : float

    Returns
    -------
    w, z, u, velocity : float arrays (D, E), (N, E), (D, E), (D, E)

    Examples
    --------
    >>> one = np.ones((1, 1))
    >>> [x.item() for x in straight_step(one, -one, 0.4 * one, 0.0 * one, 1.0)][:2]
    [0.0, -0.0]
    """
    xp = namespace(u)
    N, D = F.shape
    margin = 0.3 * math.sqrt(2.0 / 3.0 * D)  # of the root mean square of outputs with as many -1, 0 and 1
    w = xp.clip(xp.round(u), -1.0, 1.0)
    z = S * xp.matmul(F, w)
    pull = xp.matmul(F.T, S * xp.maximum(margin - z, 0.0))
    velocity = 0.9 * velocity + rate / math.sqrt(N * D) * pull
    return w, z, xp.clip(u + velocity, -1.5, 1.5), velocity


def messages(
    F: np.ndarray,
    signs: Array,
    levels: tuple[int, ...] = BINARY,
    *,
    steps: int = 400,
    forget: float = 0.99,
) -> Readout:
    """Weights of few levels by reinforced message passing: with few features.

    Parameters
    ----------
    F, signs, steps
        As for `straight_through`.
    levels : tuple of ints
        Symmetric about 0; `BINARY` or `TERNARY`.
    forget : float, below 1
        The closer to 1, the later beliefs become decisions.

    Raises
    ------
    ValueError
        For an even number of features where all levels are odd: outputs of 0 would have no sign.

    Examples
    --------
    >>> from refinr.readouts.features import Legendre
    >>> signs = np.random.default_rng(0).choice(np.float32([-1, 1]), (64, 10))
    >>> found = messages(Legendre(64, 103).matrix(), signs)
    >>> bool(found.solved.all()), sorted(set(found.weights.ravel().tolist()))
    (True, [-1, 1])
    """
    _check(F, signs)
    if len(levels) < 2 or sorted(levels) != sorted(-level for level in levels) or max(levels) > 127:
        raise ValueError(f"levels: expected two or more, symmetric about 0, got {levels}")
    if F.shape[1] % 2 == 0 and all(level % 2 for level in levels):
        raise ValueError(f"F: expected an odd number of features for odd levels, got {F.shape[1]}")
    return _in_blocks(lambda S: _messages(asarray_like(F, S), S, levels, steps, forget), signs, steps)


def _messages(F: Array, signs: Array, levels: tuple[int, ...], steps: int, forget: float) -> Part:
    xp = namespace(signs)
    batch = Batch(signs.shape[1])
    S = columns(signs, batch.network)
    B = xp.zeros_like(xp.matmul(F.T, S))
    g = xp.zeros_like(S)
    A = B[:1, :]
    for step in range(1, steps + 1):
        w, mean, V = beliefs(B, A, levels)
        if batch.record(to_host(xp.min(S * xp.matmul(F, w), axis=0) > 0.0), step, w):
            break
        g, B, A = message_step(F, S, mean, V, g, B, A, 1.0 - forget**step)
        stay = batch.stay()
        if stay is not None:
            S, g, A, B = (columns(x, stay) for x in (S, g, A, B))
    return _readout(batch, B)


def message_step(
    F: Array, S: Array, mean: Array, V: Array, g: Array, B: Array, A: Array, keep: float
) -> tuple[Array, Array, Array]:
    """One exchange of messages: what outputs say, and what weights make of it.

    Parameters
    ----------
    F : float array (N, D)
    S, g : float arrays (N, E)
        Wanted signs, and what outputs said last.
    mean, V : float arrays (D, E), (1, E)
        Of `beliefs`.
    B, A : float arrays (D, E), (1, E)
        The beliefs' log odds.
    keep : float
        The share of past beliefs that is carried on.

    Returns
    -------
    g, B, A : arrays of the same shapes

    Examples
    --------
    >>> one = np.ones((1, 1))
    >>> [round(x.item(), 3) for x in message_step(one, one, 0.0 * one, one, 0.0 * one, 0.0 * one, 0.0 * one, 0.0)]
    [0.798, 0.798, 0.637]
    """
    xp = namespace(S)
    D = F.shape[1]
    width = xp.sqrt(V)
    x = S * (xp.matmul(F, mean) / math.sqrt(D) - V * g) / width
    h = hazard(-x)
    g = S * h / width
    gain = xp.sum(h * (h + x), axis=0, keepdims=True) / (V * float(D))
    return g, xp.matmul(F.T, g) / math.sqrt(D) + mean * gain + keep * B, gain + keep * A


def beliefs(B: Array, A: Array, levels: tuple[int, ...]) -> tuple[Array, Array, Array]:
    """Of weights with log odds ``B l - A l^2 / 2`` at the levels l, in units of the levels' root mean square.

    Parameters
    ----------
    B, A : float arrays (D, E), (1, E)

    Returns
    -------
    choice : array (D, E)
        The likeliest level, as the whole number that it is.
    mean : array (D, E)
    variance : array (1, E)
        The mean one of a network's weights, and at least 1e-4.

    Examples
    --------
    >>> choice, mean, variance = beliefs(np.array([[0.0, 30.0]]), np.array([[1.0, 1.0]]), (-1, 1))
    >>> choice.tolist(), mean.round(6).tolist(), variance.round(6).tolist()
    ([[-1.0, 1.0]], [[0.0, 1.0]], [[1.0, 0.0001]])
    """
    xp = namespace(B)
    unit = math.sqrt(sum(level * level for level in levels) / len(levels))
    odds = [B * (level / unit) - A * (0.5 * (level / unit) ** 2) for level in levels]
    best = odds[0]
    choice = xp.full_like(B, float(levels[0]))
    for level, odd in zip(levels[1:], odds[1:], strict=True):
        choice = xp.where(odd > best, xp.full_like(B, float(level)), choice)
        best = xp.maximum(best, odd)
    total, mean, square = (xp.zeros_like(B) for _ in range(3))
    for level, odd in zip(levels, odds, strict=True):
        share = xp.exp(odd - best)
        total += share
        mean += share * (level / unit)
        square += share * (level / unit) ** 2
    mean /= total
    variance = xp.sum(square / total - mean * mean, axis=0, keepdims=True) / B.shape[0]
    return choice, mean, xp.maximum(variance, 1e-4)


def hazard(t: Array) -> Array:
    """``phi(t) / Q(t)`` of the normal distribution, to 1.2 per cent.

    Above 0 by Boyd's (1959) bound ``((pi - 1) t + sqrt(t^2 + 2 pi)) / pi``, below from that of -t, since
    ``Q(t) = 1 - Q(-t)``.

    Examples
    --------
    >>> hazard(np.array([-2.0, 0.0, 2.0])).round(3).tolist()  # exactly 0.055, 0.798, 2.373
    [0.055, 0.798, 2.384]
    """
    xp = namespace(t)
    size = xp.abs(t)
    above = ((math.pi - 1.0) * size + xp.sqrt(size * size + 2.0 * math.pi)) / math.pi
    density = math.sqrt(0.5 / math.pi) * xp.exp(-0.5 * size * size)
    return xp.where(t > 0.0, above, density / (1.0 - density / above))


def wrong(F: np.ndarray, weights: np.ndarray, signs: np.ndarray) -> np.ndarray:
    """How many outputs of each network do not have their sign, in int64 on the host: (E,).

    An output of 0 is wrong, whatever is wanted.

    Examples
    --------
    >>> wrong(np.array([[1, 1, 1], [1, -1, 1]], "int8"), np.array([[1], [1], [-1]], "int8"), np.array([[1], [1]]))
    array([1])
    """
    z = F.astype(np.int64) @ to_host(weights).astype(np.int64)
    return (z * to_host(signs).astype(np.int64) <= 0).sum(axis=0)


def _check(F: np.ndarray, signs: Array) -> None:
    if F.ndim != 2 or F.dtype.kind != "i" or not (np.abs(F) == 1).all():
        raise ValueError("F: expected whole numbers of -1 and 1 as (samples, features)")
    if len(signs.shape) != 2 or signs.shape[0] != F.shape[0] or not signs.shape[1]:
        raise ValueError(f"signs: expected {F.shape[0]} samples of one or more networks, got {tuple(signs.shape)}")


def _readout(batch: Batch, like: Array) -> Part:
    """What a batch has found; `like` (D, columns) as the batch is at the end."""
    xp = namespace(like)
    weights = batch.weights(xp.zeros_like(batch.unsolved(like)))
    return xp.astype(weights, xp.int8), batch.solved, batch.steps


def _in_blocks(one: Callable[[Array], Part], signs: Array, most: int) -> Readout:
    """Blocks of networks one after another, and their weights put together."""
    parts = [one(signs[:, part]) for part in blocks(*signs.shape)]
    weights, solved, steps = zip(*parts, strict=True)
    return Readout(namespace(signs).concat(weights, axis=1), np.concatenate(solved), np.concatenate(steps), most)
