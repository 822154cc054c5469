"""Slabs: all of an array, each place once, as the page of the format says."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from refinr.codec import cuts


@pytest.mark.parametrize(
    ("shape", "grid"),
    [((), (1,)), ((1,), (1,)), ((1, 1), (1,)), ((1, 5, 1, 7), (5, 7)), ((0, 1, 2), (0, 2)), ((9,), (9,))],
)
def test_axes_of_one_sample_do_not_count(shape, grid):
    assert cuts.grid_of(shape) == grid


@given(st.lists(st.integers(1, 30), min_size=1, max_size=4).map(tuple), st.integers(1, 60))
def test_the_longest_side_is_halved_until_there_are_few(grid, most):
    sides = list(grid)
    while np.prod(sides) > most:
        longest = sides.index(max(sides))
        sides[longest] = (sides[longest] + 1) // 2
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cuts, "SLAB", most)
        assert cuts.block_sides(grid) == sides
        found = cuts.blocks(grid)
        assert len(found) == cuts.count_blocks(grid)
    starts = list(itertools.product(*[range(0, n, side) for n, side in zip(grid, sides, strict=True)]))
    assert [tuple(part.start for part in block) for block in found] == starts
    taken = np.zeros(grid, int)
    for block in found:
        taken[block] += 1
        assert all(part.stop - part.start <= side for part, side in zip(block, sides, strict=True))
        assert all(part.step is None and part.stop <= n for part, n in zip(block, grid, strict=True))
    assert (taken == 1).all()


def test_arrays_without_samples_and_large_ones():
    assert cuts.blocks((0, 3)) == []
    assert cuts.count_blocks((0, 3)) == 0
    assert cuts.count_blocks((3, 0)) == 0
    assert cuts.SLAB == 1 << 20
    assert cuts.count_blocks((1 << 10, 1 << 10)) == 1
    assert cuts.count_blocks((1 << 10, (1 << 10) + 1)) == 2
    assert cuts.count_blocks((1 << 40,)) == 1 << 20
