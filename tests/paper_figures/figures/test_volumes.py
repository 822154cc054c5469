"""The octree of blocks: leaves cover the volume once, blocks of one value need nothing, and what is exact is."""

from __future__ import annotations

import numpy as np

from paper_figures.figures import volumes


def test_leaves_cover_the_volume_once_and_divide_only_what_is_not_exact():
    codes = np.zeros((4, 4, 4), np.uint16)
    codes[2:, 2:, 2:] = np.random.default_rng(0).integers(0, 8, (2, 2, 2))
    found = volumes.octree(codes, [4, 2], cells=1, lr=3e-2, steps=100, seed=0)
    covered = np.zeros(codes.shape, int)
    for i, j, k, edge in found["leaves"]:
        covered[i : i + edge, j : j + edge, k : k + edge] += 1
    assert (covered == 1).all()
    assert (found["ber"] == [0.0]) == (found["exact_at"] is not None)


def test_a_volume_of_one_value_takes_the_value_and_a_bit():
    found = volumes.octree(np.full((4, 4, 4), 5, np.uint16), [4, 2], cells=1, lr=1e-2, steps=9, seed=0)
    assert found["stored"] * 64 * 3 == 1 + 3
    assert (found["exact_at"], found["leaves"]) == (0, [[0, 0, 0, 4]])


def test_wrong_bits_of_the_smallest_blocks_are_counted():
    codes = np.random.default_rng(0).integers(0, 256, (4, 4, 4)).astype(np.uint16)
    found = volumes.octree(codes, [4], cells=1, lr=1e-2, steps=0, seed=0)
    assert found["exact_at"] is None
    assert 0.2 < found["ber"][0] < 0.8
