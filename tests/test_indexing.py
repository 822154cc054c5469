"""Indices mean what they mean to NumPy, and pieces of tiles put together what they select."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from refinr import indexing, tiling
from tests.helpers import assert_equal_exact
from tests.strategies import shapes


@st.composite
def indices(draw: st.DrawFn, shape: tuple[int, ...]) -> tuple[Any, ...]:
    """Basic indices of every kind: integers, slices with any ends and steps, an ellipsis, new axes."""
    given = draw(st.integers(0, len(shape)))
    first = draw(st.integers(0, given))  # axes before the ellipsis
    dots = draw(st.booleans())
    axes = [*range(first), *range(len(shape) - given + first, len(shape))] if dots else range(given)
    items: list[Any] = []
    for axis in axes:
        n = shape[axis]
        ends = st.none() | st.integers(-n - 2, n + 2)
        steps = st.none() | st.integers(1, n + 2) | st.integers(-n - 2, -1)
        items.append(draw(st.integers(-n, n - 1) | st.builds(slice, ends, ends, steps)))
    if dots:
        items.insert(first, ...)
    for _ in range(draw(st.integers(0, 2))):
        items.insert(draw(st.integers(0, len(items))), None)
    return tuple(items)


@st.composite
def tiled(draw: st.DrawFn) -> tuple[tuple[int, ...], tuple[int, ...], tuple[Any, ...]]:
    shape = draw(shapes(min_dims=1, max_dims=4, max_side=7))
    return shape, tuple(draw(st.integers(1, n)) for n in shape), draw(indices(shape))


@given(tiled())
def test_pieces_put_together_are_what_numpy_selects(drawn):
    shape, tile, index = drawn
    array = np.arange(np.prod(shape)).reshape(shape)
    expected = array[index]
    selection = indexing.select(index, shape)
    result = np.full(selection.shape, -1)
    tiles = tiling.tiles(shape, tile)
    pieces = list(indexing.pieces(selection.axes, shape, tile))
    for piece in pieces:
        result[piece.target] = array[tiles[piece.tile]][piece.source]
    found = result[selection.view]
    assert type(found) is type(expected)  # a scalar, or an array without axes
    assert_equal_exact(np.asarray(found), np.asarray(expected))
    numbers = np.zeros(shape, int)
    for number, place in enumerate(tiles):
        numbers[place] = number
    assert [piece.tile for piece in pieces] == np.unique(numbers[index]).tolist()


@pytest.mark.parametrize(
    ("index", "message"),
    [
        (5, "index: expected -5 to 4 on axis 0 of length 5, got 5"),
        ((0, -8), "index: expected -7 to 6 on axis 1 of length 7, got -8"),
        ((..., 7), "index: expected -7 to 6 on axis 1 of length 7, got 7"),
        ((None, 0, 0, 0), r"index: expected at most 2 for an array of shape \(5, 7\), got 3"),
        ((..., ...), r"index: expected at most one '\.\.\.', got 2"),
        (1.0, "index: expected integers, slices, .* got float; for arrays of integers and masks, decode first"),
        ("a", "got str"),
        (True, "got bool"),
        (np.True_, "got bool"),
        (np.array(True), "got ndarray"),
        ([1, 2], "got list"),
        (np.array([1, 2]), "got ndarray"),
        ((slice(2), np.zeros(7, bool)), "got ndarray"),
    ],
    ids=repr,
)
def test_what_is_no_index_is_refused(index, message):
    with pytest.raises(IndexError, match=message):
        indexing.select(index, (5, 7))


def test_integers_of_numpy_are_integers():
    assert indexing.select((np.int8(-1), np.array(3)), (5, 7)).axes == (range(4, 5), range(3, 4))


def test_a_step_of_zero_is_refused():
    with pytest.raises(ValueError, match="step cannot be zero"):
        indexing.select(slice(None, None, 0), (5,))


def test_the_ends_of_a_long_axis_cost_nothing():
    whole = indexing.select(slice(None, None, -1), (10**15,))
    assert next(indexing.pieces(whole.axes, (10**15,), (10**14,))).source == (slice(10**14 - 1, None, -1),)
