"""Tiles cover a grid once, whatever its shape and theirs; tile shapes keep the number of samples, not the edge."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from refinr import tiling
from tests.strategies import shapes

grids = shapes(min_dims=1, max_dims=4, max_side=9)


@st.composite
def grids_and_tiles(draw: st.DrawFn) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """A grid and the shape of a tile, which may be longer than the grid or divide it badly."""
    shape = draw(grids)
    return shape, tuple(draw(st.integers(1, 11)) for _ in shape)


# --- tiles -----------------------------------------------------------------------------------------------------------


@given(grids_and_tiles())
def test_tiles_cover_every_sample_once(case):
    shape, tile = case
    visits = np.zeros(shape, dtype=int)
    for piece in tiling.tiles(shape, tile):
        visits[piece] += 1
    assert (visits == 1).all()


@given(grids_and_tiles())
def test_tiles_are_row_major_and_only_those_at_the_far_edge_are_ragged(case):
    shape, tile = case
    pieces = tiling.tiles(shape, tile)
    corners = [tuple(axis.start for axis in piece) for piece in pieces]
    assert corners == sorted(corners)
    for piece in pieces:
        expected = tuple(min(t, n - axis.start) for t, n, axis in zip(tile, shape, piece, strict=True))
        assert tiling.extent(piece) == expected == np.empty(shape)[piece].shape


@given(grids_and_tiles())
def test_tile_count_is_the_number_of_tiles(case):
    assert tiling.tile_count(*case) == len(tiling.tiles(*case))


@pytest.mark.parametrize("function", [tiling.tiles, tiling.tile_count])
@pytest.mark.parametrize("tile", [(2,), (2, 2, 2)])
def test_a_tile_has_as_many_axes_as_the_grid(function, tile):
    with pytest.raises(ValueError, match="argument 2 is"):
        function((4, 4), tile)


def test_ragged_tiles_of_an_image():
    assert [tiling.extent(t) for t in tiling.tiles((5, 7), (4, 3))] == [(4, 3), (4, 3), (4, 1), (1, 3), (1, 3), (1, 1)]


# --- tile shapes -----------------------------------------------------------------------------------------------------


@given(grids_and_tiles())
def test_a_sequence_gives_every_axis_but_none_longer_than_the_grid(case):
    shape, tile = case
    result = tiling.tile_shape(shape, list(tile))
    assert result == tuple(min(t, n) for t, n in zip(tile, shape, strict=True))


@given(grids, st.integers(1, 12))
def test_an_int_gives_an_axis_at_least_one_and_at_most_the_grid(shape, tile):
    result = tiling.tile_shape(shape, tile)
    assert len(result) == len(shape)
    assert all(type(t) is int and 1 <= t <= n for t, n in zip(result, shape, strict=True))


@given(st.integers(1, 4), st.integers(1, 40))
def test_an_int_asks_for_as_many_samples_in_any_dimension(dimensions, tile):
    result = tiling.tile_shape((10**9,) * dimensions, tile)
    # where no axis is short, all are the root of the number of samples, each rounded to a whole one
    for axis in result:
        edge = tile ** (2 / dimensions)
        assert abs(axis - edge) <= 0.5 + edge / 2, "rounding one axis moves the others by less than half of them"
    if dimensions <= 2:
        assert math.prod(result) == tile * tile


@given(grids, st.integers(1, 12))
def test_an_int_that_the_whole_grid_fits_into_gives_the_whole_grid(shape, tile):
    enough = max(tile, math.isqrt(math.prod(shape)) + 1)
    # the shortest axes come first and take all they have, so the last one finds room for itself
    assert tiling.tile_shape(shape, enough) == shape


@given(st.permutations([3, 50, 70, 200]), st.integers(1, 40))
@example([200, 3, 70, 50], 32)
def test_tile_shape_follows_the_axes_in_any_order(shape, tile):
    ordered = tiling.tile_shape(sorted(shape), tile)
    assert tiling.tile_shape(shape, tile) == tuple(ordered[sorted(shape).index(n)] for n in shape)


@pytest.mark.parametrize(
    ("shape", "tile", "expected"),
    [
        ((512, 512), 32, (32, 32)),
        ((48000,), 32, (1024,)),
        ((100,), 32, (100,)),
        ((64, 64, 64), 8, (4, 4, 4)),
        (
            (2, 300, 300),
            8,
            (2, 6, 5),
        ),  # 64 samples: 2 layers leave 32 for two axes, and 6 of the first 5.3 for the last
        ((1, 1, 500), 8, (1, 1, 64)),
        ((4, 1000), 8, (4, 16)),
        ((5, 5), 1, (1, 1)),
    ],
)
def test_tile_shape_examples(shape, tile, expected):
    assert tiling.tile_shape(shape, tile) == expected


@pytest.mark.parametrize("integer", [np.int64, np.uint8, np.int32])
def test_integers_of_numpy_are_integers(integer):
    assert tiling.tile_shape((50, 60), integer(8)) == (8, 8)
    assert tiling.tile_shape((50, 60), np.array([8, 9], dtype=integer)) == (8, 9)


@pytest.mark.parametrize("tile", [0, -1, (0, 4), (4, -2), ()])
def test_lengths_below_one_are_refused(tile):
    with pytest.raises(ValueError, match="tile: expected positive lengths"):
        tiling.tile_shape((8, 8), tile)


@pytest.mark.parametrize("tile", [(4,), (4, 4, 4)])
def test_another_number_of_lengths_is_refused(tile):
    with pytest.raises(ValueError, match=r"tile: expected 2 lengths for a grid of shape \(8, 8\), got \(4"):
        tiling.tile_shape((8, 8), tile)


@pytest.mark.parametrize("tile", [4.5, (4.0, 4.0), "32", None])
def test_lengths_that_are_no_integers_are_refused_by_name(tile):
    with pytest.raises((TypeError, ValueError), match="tile"):
        tiling.tile_shape((8, 8), tile)
