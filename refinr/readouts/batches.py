"""Networks side by side: one a column, and who is done leaves.

With this you can pick columns in any array library (`columns`), find networks that want the same (`distinct`), know
which are solved together (`block`, `blocks`), and keep the book of a block (`Batch`): who is where, who is done since
when and with which weights, and who stays.
"""

from __future__ import annotations

import numpy as np

from refinr.xp import Array, asarray_like, namespace

MULTIPLE = 32
"""Columns come in multiples of this many: of a last few, BLAS sums the products in another order."""

SAMPLES = 2**18
"""Samples of a block: a few arrays of that size share a core's cache, and a block's last few networks cost little."""

SHARE_DONE = 0.1
"""Who is done leaves when that is more than this share of the columns: leaving costs a copy of all who stay."""


def block(samples: int) -> int:
    """Networks that are solved together: a number that depends on the tile alone.

    Some kernels of BLAS round a column by where it stands.  So the last bits of a network's weights may depend on the
    others of its block, but on nothing else: who cuts networks into calls at multiples of this number gets the same
    bits, however many go into each call.

    Examples
    --------
    >>> block(256), block(2**20)
    (1024, 32)
    """
    return max(SAMPLES // samples // MULTIPLE, 1) * MULTIPLE


def blocks(samples: int, networks: int) -> list[slice]:
    """The networks cut into blocks.

    Examples
    --------
    >>> blocks(256, 1500)
    [slice(0, 1024, None), slice(1024, 1500, None)]
    """
    size = block(samples)
    return [slice(at, min(at + size, networks)) for at in range(0, networks, size)]


def columns(x: Array, which: np.ndarray) -> Array:
    """Columns of an array (M, E), by their indices on the host.

    Examples
    --------
    >>> columns(np.array([[1, 2, 3]]), np.array([2, 0])).tolist()
    [[3, 1]]
    """
    xp = namespace(x)
    return xp.take(x, asarray_like(which, xp.astype(x[:1, :1], xp.int64)), axis=1)


def distinct(bits: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Which networks want something of their own: flat planes, and those of repeated tiles, are alike by the thousand.

    A network that wants the opposite of another's bits has its weights with the other sign.

    Parameters
    ----------
    bits : bool array (N, E)
        Wanted of E networks.

    Returns
    -------
    first : int array (K,), ascending
        The first network of each kind.
    like : int array (E,)
        Which of those a network is like.
    sign : float32 array (E,)
        -1 where it is the opposite of it, else 1.

    Examples
    --------
    >>> first, like, sign = distinct(np.array([[True, False, True], [False, True, True]]))
    >>> first.tolist(), like.tolist(), sign.tolist()
    ([0, 2], [0, 0, 1], [1.0, -1.0, 1.0])
    """
    packed = np.ascontiguousarray(np.packbits(bits ^ ~bits[:1], axis=0).T)  # all begin with 1
    _, first, like = np.unique(packed.view(f"V{packed.shape[1]}"), return_index=True, return_inverse=True)
    order = np.argsort(first)
    sign = np.where(bits[0] == bits[0, first[like.ravel()]], np.float32(1), np.float32(-1))
    return first[order], np.argsort(order)[like.ravel()], sign


class Batch:
    """The book of E networks that are solved together.

    Parameters
    ----------
    networks : int
        E, at least 1.

    Attributes
    ----------
    network : int array, one a column
        Which network is in a column; the last few columns repeat some that nobody listens to.
    solved : bool array (E,)
    steps : int array (E,)
        When a network was solved; 0 where it is not.
    left : int array (E,)
        When it was given up; 0 where it was not.

    Examples
    --------
    >>> batch = Batch(2)
    >>> batch.network.size, batch.record(np.arange(32) == 1, 5, np.full((1, 32), 7.0))
    (32, False)
    >>> batch.weights(np.zeros((1, 1))).tolist(), batch.solved.tolist(), batch.steps.tolist()
    ([[0.0, 7.0]], [False, True], [0, 5])
    """

    def __init__(self, networks: int) -> None:
        size = -(-networks // MULTIPLE) * MULTIPLE
        self.network = np.arange(size) % networks
        self.solved = np.zeros(networks, bool)
        self.steps = np.zeros(networks, np.int64)
        self.left = np.zeros(networks, np.int64)
        self._open = np.arange(size) < networks
        self._found: list[Array] = []
        self._of = [np.zeros(0, np.int64)]
        self._given_up: list[Array] = []
        self._given_up_of = [np.zeros(0, np.int64)]

    def record(self, done: np.ndarray, step: int, weights: Array) -> bool:
        """Note the columns that are done and their weights (M, columns); whether that was the last."""
        new = np.flatnonzero(done & self._open)
        if new.size:
            networks = self.network[new]
            self._open[new] = False
            self._of.append(networks)
            self._found.append(columns(weights, new))
            self.solved[networks] = True
            self.steps[networks] = step
        return not self._open.any()

    def give_up(self, hopeless: np.ndarray, step: int, last: Array) -> bool:
        """Go on without the columns that are, and keep theirs of `last` (M, columns); whether nobody is left."""
        new = np.flatnonzero(hopeless & self._open)
        if new.size:
            networks = self.network[new]
            self._open[new] = False
            self._given_up_of.append(networks)
            self._given_up.append(columns(last, new))
            self.left[networks] = step
        return not self._open.any()

    def stay(self) -> np.ndarray | None:
        """The columns to go on with; None where none is worth leaving."""
        unfinished = int(self._open.sum())
        size = -(-unfinished // MULTIPLE) * MULTIPLE
        if self._open.size - unfinished <= SHARE_DONE * self._open.size or size == self._open.size:
            return None
        which = np.argsort(~self._open, kind="stable")[:size]
        self.network = self.network[which]
        self._open = self._open[which]
        return which

    def unsolved(self, x: Array) -> Array:
        """Of an array with a column for each column here, those of networks that are not solved, in their order.

        Of networks that were given up, what was kept.
        """
        open_ = columns(x, np.flatnonzero(self._open))
        if not self._given_up:
            return open_
        networks = np.concatenate([*self._given_up_of, self.network[self._open]])
        return columns(namespace(x).concat([*self._given_up, open_], axis=1), np.argsort(networks))

    def weights(self, others: Array) -> Array:
        """Weights (M, E) as recorded, and `others` (M, U) for those that are not solved, in their order."""
        networks = np.concatenate([*self._of, np.flatnonzero(~self.solved)])
        return columns(namespace(others).concat([*self._found, others], axis=1), np.argsort(networks))
