"""How many features each network gets: the fewest that a search finds, and raw bits where nothing is smaller.

With this you can lay out a ladder of sizes (`rungs`), guess where to start (`energy`), search for every network at once
(`climb`, `bisect`), and do all of it for real readouts (`real_readouts`) and integer ones (`integer_readouts`).

Features are nested: a network with D of them can do what one with fewer can.  So there is a smallest D that solves a
network, and everything above will do; at D = N every network interpolates.  On random signs the smallest one is
(N + 1) / 2 on average (Cover 1965), on smooth planes a fraction of that.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Collection, Mapping
from typing import NamedTuple

import numpy as np

from refinr.readouts import integer, quantise, real
from refinr.readouts.batches import columns
from refinr.readouts.features import Cosines, Legendre, is_prime, primes
from refinr.tables import look_up
from refinr.xp import Array, namespace, to_host

ENERGY = 0.54
"""Networks start with the features that hold this share of their signs' energy."""

EFFORTS = {"fast": (1.2, 20), "small": (1.02, 50), "smallest": (1.02, 50)}
"""Real readouts: how far apart rungs are, and steps on each.  The last two differ in what files hold the weights in."""

Attempt = Callable[[np.ndarray, np.ndarray], tuple[Array, np.ndarray]]
"""Try networks, by their indices (k,), with so many features each, (k,): weights (M, k), and who is solved, (k,)."""


class Choice(NamedTuple):
    """Of E networks: what a search found.

    Attributes
    ----------
    features : int array (E,), on the host
        D of every network; 0 where no rung solves it.
    weights : array (M, E)
        0 where there are none.
    steps : int array (E,), on the host
        That solvers took for a network, those of attempts that failed among them; empty where nobody counted.
    """

    features: np.ndarray
    weights: Array
    steps: np.ndarray = np.zeros(0, np.int64)


def rungs(last: int, growth: float) -> np.ndarray:
    """Sizes from 1 to `last`, each larger by that factor, and by 1 at least.

    Examples
    --------
    >>> rungs(20, 1.5).tolist()
    [1, 2, 3, 4, 6, 9, 13, 20]
    """
    sizes = [last]
    while sizes[-1] > 1:
        sizes.append(min(round(sizes[-1] / growth), sizes[-1] - 1))
    return np.array(sizes[::-1])


def energy(basis: Cosines, signs: Array, share: float = ENERGY) -> np.ndarray:
    """The smallest D whose features hold that share of the energy of signs (N, E): int (E,), on the host.

    A start for a search and not a verdict: what is needed scatters around it by an octave.

    Examples
    --------
    >>> basis = Cosines((8, 8), order=1e6, seed=0)
    >>> signs = np.ones((64, 2))
    >>> signs[::2, 1] = -1.0
    >>> energy(basis, signs).tolist()
    [1, 45]
    """
    xp = namespace(signs)
    ranked = columns(basis.analysis(signs).T, np.argsort(basis.ranks)).T
    held = xp.cumulative_sum(ranked * ranked, axis=0)
    return 1 + to_host(xp.sum(xp.astype(held[:-1, :] < share * held[-1:, :], xp.int64), axis=0))


def climb(attempt: Attempt, start: np.ndarray, sizes: np.ndarray) -> Choice:
    """Every network with the sizes from its start on, until one solves it.

    Parameters
    ----------
    attempt : Attempt
    start : int array (E,)
        Where a network starts: with the first size that is not smaller.
    sizes : int array, ascending

    Examples
    --------
    >>> needed = np.array([3, 5, 9])
    >>> climb(lambda which, D: (D[None], D >= needed[which]), np.ones(3), np.array([2, 4, 8])).features.tolist()
    [4, 8, 0]
    """
    at = np.minimum(np.searchsorted(sizes, start), sizes.size - 1)
    left = np.arange(at.size)
    book = _Book(at.size)
    while left.size:
        solved = book.note(attempt, left, sizes[at[left]])
        at[left] += 1
        left = left[~solved]
        left = left[at[left] < sizes.size]
    return book.choice()


def bisect(attempt: Attempt, networks: int, sizes: np.ndarray) -> Choice:
    """For every network a size that solves it while the one below does not, in about log2(len(sizes)) attempts.

    Parameters
    ----------
    attempt : Attempt
    networks : int
        E.
    sizes : int array, ascending

    Examples
    --------
    >>> needed = np.array([1, 5, 9])
    >>> bisect(lambda which, D: (D[None], D >= needed[which]), 3, np.arange(1, 9)).features.tolist()
    [1, 5, 0]
    """
    unsolved = np.full(networks, -1)  # the largest size known not to do
    solved = np.full(networks, sizes.size)  # the smallest known to do
    book = _Book(networks)
    left = np.arange(networks)
    while left.size:
        middle = (unsolved[left] + solved[left]) // 2
        done = book.note(attempt, left, sizes[middle])
        solved[left[done]] = middle[done]
        unsolved[left[~done]] = middle[~done]
        left = left[solved[left] - unsolved[left] > 1]
    return book.choice()


class _Book:
    """What attempts have found so far: of every network the latest weights."""

    def __init__(self, networks: int) -> None:
        self.features = np.zeros(networks, np.int64)
        self.where = np.zeros(networks, np.int64)  # in which column of all that was found
        self.found: list[Array] = []
        self.count = 0

    def note(self, attempt: Attempt, which: np.ndarray, features: np.ndarray) -> np.ndarray:
        weights, solved = attempt(which, features)
        if not self.found:
            self._add(namespace(weights).zeros_like(weights[:, :1]))  # the column of those without
        self.features[which[solved]] = features[solved]
        self.where[which[solved]] = self.count + np.arange(int(solved.sum()))
        self._add(columns(weights, np.flatnonzero(solved)))
        return solved

    def choice(self) -> Choice:
        return Choice(self.features, columns(namespace(self.found[0]).concat(self.found, axis=1), self.where))

    def _add(self, weights: Array) -> None:
        self.found.append(weights)
        self.count += weights.shape[1]


# --- real readouts ---------------------------------------------------------------------------------------------------


def real_readouts(
    basis: Cosines,
    signs: Array,
    effort: str = "fast",
    *,
    share: float | None = None,
    store: str = "float32",
    margin: float = real.MARGIN,
    budget: float = 1.0,
) -> Choice:
    """Real weights for all networks; at D = N, the last rung, every one is solved.

    Parameters
    ----------
    basis : Cosines
    signs : float array (N, E) of -1 and 1
    effort : {"fast", "small", "smallest"}
        Climb from `share`, or from what the energy says, in steps of a fifth; or bisect steps of 2 per cent.
    share : float, optional
        D / N to start with, for all networks; only where effort is "fast".
    store : str
        One of `quantise.STORES`: a network whose stored weights decide otherwise goes one rung up.
    margin : float
        As for `real.solve`.
    budget : float
        D / N at most; below 1, networks may stay unsolved.

    Examples
    --------
    >>> signs = np.random.default_rng(0).choice(np.float32([-1, 1]), (64, 50))
    >>> choice = real_readouts(Cosines((8, 8), order=1.0, seed=0), signs, "small")
    >>> bool(0.5 < choice.features.mean() / 64 < 0.6), int(choice.features.min()) > 0
    (True, True)
    """
    growth, steps = look_up(EFFORTS, effort, "effort")
    sizes = rungs(max(1, int(budget * basis.samples)), growth)
    xp = namespace(signs)
    taken = np.zeros(signs.shape[1], np.int64)

    def attempt(which: np.ndarray, features: np.ndarray) -> tuple[Array, np.ndarray]:
        S = columns(signs, which)
        found = real.solve(basis, S, features, steps=steps, margin=margin, give_up=True)
        taken[which] += found.taken
        solved = np.flatnonzero(found.solved)
        if store == "float32" or not solved.size:
            return found.weights, found.solved
        stored = quantise.quantise(
            basis, columns(found.weights, solved), columns(S, solved), features[solved], store, least=margin
        )
        kept = found.solved.copy()
        kept[solved] = stored.kept
        where = np.zeros(which.size, np.int64)
        where[solved] = 1 + np.arange(solved.size)
        return columns(xp.concat([xp.zeros_like(stored.weights[:, :1]), stored.weights], axis=1), where), kept

    if effort != "fast":
        return bisect(attempt, signs.shape[1], sizes)._replace(steps=taken)
    if share is None:
        return climb(attempt, energy(basis, signs), sizes)._replace(steps=taken)
    start = max(1, round(share * basis.samples))
    sizes = np.unique(np.append(sizes, min(start, sizes[-1])))
    return climb(attempt, np.full(signs.shape[1], start), sizes)._replace(steps=taken)


# --- integer readouts ------------------------------------------------------------------------------------------------

INTEGER: dict[str, dict[str, tuple[float, Callable[..., integer.Readout]]]] = {
    "binary": {"fast": (1.19, integer.messages), "small": (1.1, integer.messages)},
    "ternary": {
        "fast": (1.19, integer.straight_through),
        "small": (0.82, functools.partial(integer.messages, levels=integer.TERNARY)),
    },
}
"""Features a sample at the first rung, what mostly does for 256 samples or what sometimes does; the solver."""

MOST = 2.0
"""Features a sample at the last rung; what is not solved there stays raw."""

SMALLER = 1.15
"""Tiles of fewer samples have a part of the features' rows, which are less orthogonal: they begin with more of them."""

SIZES = 6
"""For each number of samples that such tiles have; then those of larger ones follow."""

MOST_SIZES = 255
"""In a ladder: a byte a network says which."""


def legendre(samples: int, features: int, scrambled: bool = False) -> Legendre:
    """The features of integer readouts of that many samples: of the smallest prime that has as many of both.

    Examples
    --------
    >>> legendre(256, 231).prime, legendre(256, 331).prime
    (263, 331)
    """
    prime = next(p for p in itertools.count(max(samples, features)) if p % 4 == 3 and is_prime(p))
    return Legendre(samples, prime, features, scrambled)


def ladder(samples: int, first: float, smaller: Collection[int] = ()) -> np.ndarray:
    """Odd sizes from `first` a sample to `MOST` a sample and a little more: 3 per cent apart, then all primes.

    Below them stand a few sizes for each of the numbers of samples that `smaller` tiles have, 5 per cent apart.

    Examples
    --------
    >>> ladder(256, 0.9)[:8].tolist(), ladder(256, 1.29)[:4].tolist(), ladder(1, 1.29).tolist()
    ([231, 239, 247, 255, 263, 271, 283, 307], [331, 347, 359, 367], [3, 7, 11])
    >>> ladder(256, 1.29, [64])[:9].tolist()
    [95, 101, 107, 113, 119, 125, 331, 347, 359]
    """
    lowest = _begin(samples, first, samples)
    below = set()
    for fewer in smaller:
        size = _begin(fewer, first, samples)
        for _ in range(SIZES):
            below.add(size)
            size = _above(size, 1.05)
    sizes = sorted(size for size in below if size < lowest)
    while lowest < samples:
        sizes.append(lowest)
        lowest = _above(lowest, 1.03)
    return np.array(sizes + primes(lowest, round(MOST * samples) + 10))[-MOST_SIZES:]


def _begin(samples: int, first: float, full: int) -> int:
    """The odd size that networks of so many samples begin with, in tiles that have `full` or fewer."""
    return round((first if samples == full else SMALLER * first) * samples) | 1


def _above(size: int, growth: float) -> int:
    """The next odd size."""
    return max(round(growth * size) | 1, size + 2)


def integer_readouts(
    signs: Array,
    weights: str = "binary",
    effort: str = "fast",
    *,
    tile: int | None = None,
    sizes: np.ndarray | None = None,
) -> Choice:
    """Weights of a few levels for all networks, on scrambled Legendre features.

    Parameters
    ----------
    signs : float array (N, E) of -1 and 1
    weights : {"binary", "ternary"}
    effort : {"fast", "small", "smallest"}
        Binary weights come from messages, climbing from a size that mostly does or from one that sometimes does.
        Ternary ones come from straight-through steps, which take more features, or from messages.
    tile : int, optional
        Samples of a full tile, of which these N are some: its features are taken.  N by default.
    sizes : int array, optional
        Numbers of features there are, ascending; networks begin with those that N samples need.  The ladder of a full
        tile by default.

    Returns
    -------
    choice : Choice
        A network's features are the first N rows of ``legendre(tile, D, scrambled=True)``, its weights the first D of
        a column; int8, and 0 beyond.
        D is 0 where no size solves a network: its raw bits are its readout.

    Examples
    --------
    >>> signs = np.random.default_rng(0).choice(np.float32([-1, 1]), (64, 10))
    >>> choice = integer_readouts(signs, "binary", "small")
    >>> int(choice.features.min()) > 64, bool((choice.features % 2).all()), choice.weights.dtype
    (True, True, dtype('int8'))
    """
    look_up(EFFORTS, effort, "effort")
    first, solver = look_up(INTEGER, weights, "weights")["fast" if effort == "fast" else "small"]
    N, networks = signs.shape
    full = N if tile is None else tile
    sizes = ladder(full, first) if sizes is None else sizes
    taken = np.zeros(networks, np.int64)

    def attempt(which: np.ndarray, features: np.ndarray) -> tuple[Array, np.ndarray]:
        (D,) = set(features.tolist())  # who is left has failed on the same rungs
        found = solver(legendre(full, D, scrambled=True).matrix()[:N], columns(signs, which))
        taken[which] += np.where(found.solved, found.steps, found.most)
        xp = namespace(found.weights)
        none = xp.zeros_like(xp.broadcast_to(found.weights[:1, :], (int(sizes[-1]) - D, which.size)))
        return xp.concat([found.weights, none], axis=0), found.solved

    return climb(attempt, np.full(networks, _begin(N, first, full)), sizes)._replace(steps=taken)


# --- what is smallest ------------------------------------------------------------------------------------------------


def smallest(bits: Mapping[str, np.ndarray]) -> np.ndarray:
    """Of ways to store networks, by their names, the one of the fewest bits for each; the first of equals.

    Parameters
    ----------
    bits : mapping from str to arrays (E,)
        What each network takes that way; infinity where it cannot be stored so.

    Returns
    -------
    names : array of str (E,)

    Examples
    --------
    >>> smallest({"raw": np.array([256, 256]), "int5": np.array([5 * 20, 5 * 60])}).tolist()
    ['int5', 'raw']
    """
    names = np.array(list(bits))
    return names[np.argmin(np.stack(list(bits.values())), axis=0)]
