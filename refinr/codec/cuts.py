"""How an array is cut into slabs, which can be read alone.

With this you can say which axes of an array count (`grid_of`), and where its slabs begin and end (`blocks`).
"""

from __future__ import annotations

import itertools
import math

SLAB = 1 << 20
"""Samples of a slab, about."""


def grid_of(shape: tuple[int, ...]) -> tuple[int, ...]:
    """The axes along which there is something to see.

    Examples
    --------
    >>> grid_of((1, 5, 1, 7)), grid_of(())
    ((5, 7), (1,))
    """
    return tuple(n for n in shape if n != 1) or (1,)


def block_sides(grid: tuple[int, ...]) -> list[int]:
    """The sides of a slab that is not at the grid's end."""
    sides = list(grid)
    while math.prod(sides) > SLAB:
        longest = max(range(len(sides)), key=lambda axis: sides[axis])
        sides[longest] = -(-sides[longest] // 2)
    return sides


def blocks(grid: tuple[int, ...]) -> list[tuple[slice, ...]]:
    """The slabs of a grid: the longest side is halved until there are no more samples than `SLAB`.

    Examples
    --------
    >>> blocks((5, 7))
    [(slice(0, 5, None), slice(0, 7, None))]
    >>> len(blocks((2000, 3000))), blocks((2, 3 << 20))[1]
    (8, (slice(0, 2, None), slice(393216, 786432, None)))
    """
    sides = block_sides(grid)
    starts = [range(0, n, max(1, side)) for n, side in zip(grid, sides, strict=True)]
    return [
        tuple(slice(i, min(i + side, n)) for i, side, n in zip(corner, sides, grid, strict=True))
        for corner in itertools.product(*starts)
    ]


def count_blocks(grid: tuple[int, ...]) -> int:
    """How many `blocks` a grid has, before they are made."""
    sides = block_sides(grid)
    return math.prod(-(-n // max(1, side)) for n, side in zip(grid, sides, strict=True))
