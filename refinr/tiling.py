"""Large signals in small pieces: tiles of any shape, in any dimension, with ragged edges.

With this you can say whether an array's last axis is part of its grid (`has_channels`), choose a tile shape
(`tile_shape`) and cut a grid into tiles (`tiles`).
"""

from __future__ import annotations

import itertools
import math
import operator
from collections.abc import Sequence

import numpy as np

MOST_CHANNELS = 4
"""Longest last axis that counts as channels where nobody says: grey and colour, with or without transparency."""


def has_channels(shape: Sequence[int], said: bool | None = None) -> bool:
    """Whether the last axis counts channels, and is no axis of the grid: as is said, or if it is short.

    Examples
    --------
    >>> has_channels((480, 640)), has_channels((480, 640, 3)), has_channels((480, 640, 3), said=False)
    (False, True, False)
    """
    return len(shape) > 1 and shape[-1] <= MOST_CHANNELS if said is None else said


def tile_shape(shape: Sequence[int], tile: int | Sequence[int]) -> tuple[int, ...]:
    """Tile shape for a grid.

    Parameters
    ----------
    shape : sequence of d positive ints
        Lengths of the grid's axes.
    tile : int or sequence of d ints
        A sequence gives the length of every axis.  An int t asks for about ``t * t`` samples a tile *whatever the
        dimension*: a t x t square of an image, t^2 consecutive samples of a sound, a cube with edge t^(2/3) of a
        volume.  A network holds one plane of a tile: it is the number of samples that must stay the same.

    Returns
    -------
    tuple of d ints
        No axis longer than the grid's; what a short axis cannot use goes to the longer ones.

    Raises
    ------
    ValueError
        If a length is below one or their number is not that of the grid's axes.
    TypeError
        If a length is no integer.

    Examples
    --------
    >>> tile_shape((512, 512), 32), tile_shape((48000,), 32), tile_shape((64, 64, 64), 32), tile_shape((4, 90, 90), 32)
    ((32, 32), (1024,), (10, 10, 10), (4, 16, 16))
    >>> tile_shape((512, 100), (64, 200))
    (64, 100)
    """
    try:
        lengths = tuple(operator.index(t) for t in (tile if np.iterable(tile) else [tile]))
    except TypeError:
        raise TypeError(f"tile: expected an int or ints, got {tile!r}") from None
    if min(lengths, default=0) < 1:
        raise ValueError(f"tile: expected positive lengths, got {tile}")
    if np.iterable(tile):
        if len(lengths) != len(shape):
            raise ValueError(f"tile: expected {len(shape)} lengths for a grid of shape {tuple(shape)}, got {lengths}")
        return tuple(min(t, n) for t, n in zip(lengths, shape, strict=True))
    samples: float = lengths[0] ** 2
    result = [1] * len(shape)
    # the shortest axis first: if it is shorter than its share, the others share what it leaves
    for left, axis in zip(range(len(shape), 0, -1), sorted(range(len(shape)), key=lambda a: shape[a]), strict=True):
        result[axis] = max(1, min(shape[axis], round(samples ** (1 / left))))
        samples = max(1.0, samples / result[axis])
    return tuple(result)


def tiles(shape: Sequence[int], tile: Sequence[int]) -> list[tuple[slice, ...]]:
    """All tiles of a grid, row-major, each as one slice an axis; those at the far edges may be smaller.

    Examples
    --------
    >>> tiles((3, 2), (2, 2))
    [(slice(0, 2, None), slice(0, 2, None)), (slice(2, 3, None), slice(0, 2, None))]
    """
    axes = [[slice(i, min(i + t, n)) for i in range(0, n, t)] for n, t in zip(shape, tile, strict=True)]
    return list(itertools.product(*axes))


def extent(where: Sequence[slice]) -> tuple[int, ...]:
    """The shape of a tile from where it is, which at the edge is smaller than a full one.

    Examples
    --------
    >>> extent((slice(2, 3), slice(0, 2)))
    (1, 2)
    """
    return tuple(axis.stop - axis.start for axis in where)


def tile_count(shape: Sequence[int], tile: Sequence[int]) -> int:
    """How many tiles `tiles` would return.

    Examples
    --------
    >>> tile_count((91, 120), (32, 32))
    12
    """
    return math.prod(-(-n // t) for n, t in zip(shape, tile, strict=True))
