"""The order in which samples are coded."""

from __future__ import annotations

import itertools
import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from refinr.codec.arrangement import Arrangement, arrange_axes
from tests.codec.strategies import cases
from tests.helpers import assert_equal_exact


@given(cases())
def test_the_work_array_gives_the_samples_back(case):
    back = case.arrangement.samples(case.work)
    assert_equal_exact(back, case.levels.astype(np.float64))
    assert len(case.work) == case.arrangement.size + 1


@given(cases())
def test_every_sample_has_one_place_in_the_order(case):
    order = case.arrangement.order()
    assert len(set(order.places.tolist())) == len(order.places) == case.levels.size
    numbered = case.arrangement.work(np.arange(case.levels.size).reshape(case.levels.shape), outside=-1)
    assert sorted(numbered[order.places].tolist()) == list(range(case.levels.size))
    assert order.bounds[0] == 0
    assert order.bounds[-1] == case.levels.size
    assert (np.diff(order.bounds) > 0).all()


@given(st.integers(1, 40), st.integers(1, 40))
def test_an_image_takes_columns_and_four_times_rows(rows, columns):
    arrangement = Arrangement((rows, columns), axes=(0, 1), channels=False)
    order = arrangement.order()
    numbers = order.places // columns * 4 + order.places % columns
    assert len(order.roles) == len(set(numbers.tolist())) <= columns + 4 * (rows - 1)
    assert (np.diff(numbers) >= 0).all()


@pytest.mark.parametrize(
    ("shape", "channels"), [((100_000,), False), ((50_000, 2), True), ((3, 70_000), False), ((30_000, 2, 3), False)]
)
def test_what_is_long_and_thin_is_cut_into_segments(shape, channels):
    levels = np.arange(np.prod(shape)).reshape(shape)
    arrangement = Arrangement(shape, arrange_axes(levels, channels), channels)
    assert arrangement.segments > 5
    assert_equal_exact(arrangement.samples(arrangement.work(levels, 0.0)), levels.astype(np.float64))
    order = arrangement.order()
    assert len(order.places) == levels.size
    assert len(order.roles) < 20_000


def test_the_page_is_where_neighbours_are_alike():
    rng = np.random.default_rng(0)
    smooth = rng.normal(size=(9, 5, 7)).cumsum(0).cumsum(2)
    assert arrange_axes(smooth, channels=False) == (1, 2, 0)
    assert arrange_axes(smooth, channels=True) == (2, 1, 0)
    assert arrange_axes(np.zeros((4, 1)), channels=False) == (1, 0), "an axis of one sample has no neighbours"


def test_two_samples_are_enough_to_be_alike():
    a, b, c = np.mgrid[:2, :8, :9]
    assert arrange_axes(5 * b + 7 * c, channels=False) == (2, 0, 1)
    assert arrange_axes(9 * a + 5 * b + 7 * c, channels=False) == (0, 1, 2)
    assert arrange_axes(5 * b + 7 * c, channels=True) == (2, 0, 1)


def _by_hand(arrangement: Arrangement) -> tuple[list, list]:
    """Roles, and (time, role, place) of all samples, in their order: place by place."""
    shape = arrangement.work_shape
    outer = len(shape) - 4
    size = [math.prod(shape[axis + 1 :]) for axis in range(len(shape))]
    roles = []
    for channel in range(shape[0]):
        for known in itertools.product([False, True], repeat=outer):  # the first axis is the lowest bit
            before = [-back * size[0] for back in (1, 2) if back <= channel]
            roles.append((channel, (*before, *(-size[2 + i] for i in range(outer) if known[outer - 1 - i]))))
    numbered = arrangement.work(np.ones(arrangement.shape), outside=0.0)
    found = []
    for place, index in enumerate(itertools.product(*map(range, shape))):
        channel, _, *rest, row, column = index
        role = channel * 2**outer + sum(2**i for i, n in enumerate(rest) if n)
        if numbered[place]:
            found.append((column + 4 * row + 6 * (channel + sum(rest)), role, place))
    return roles, sorted(found)


def _same_as_by_hand(arrangement: Arrangement) -> None:
    roles, expected = _by_hand(arrangement)
    assert list(arrangement.roles) == roles
    order = arrangement.order()
    assert order.places.tolist() == [place for _, _, place in expected]
    batches = [list(group) for _, group in itertools.groupby(expected, key=lambda each: each[:2])]
    assert order.bounds.tolist() == [0, *itertools.accumulate(map(len, batches))]
    assert order.roles.tolist() == [batch[0][1] for batch in batches]
    assert {array.dtype for array in order} == {np.dtype(np.int64)}
    assert arrangement.steps > expected[-1][0]
    if arrangement.segments == 1:
        assert arrangement.steps == expected[-1][0] + 1


@given(cases())
def test_the_order_is_that_of_times_by_hand(case):
    _same_as_by_hand(case.arrangement)


@pytest.mark.parametrize(
    ("shape", "axes", "channels"),
    [((2500,), (0,), False), ((2101, 2), (1, 0), True), ((3, 2503), (0, 1), False), ((2, 2, 2050), (0, 1, 2), False)],
)
def test_in_segments_and_at_ragged_ends_too(shape, axes, channels):
    arrangement = Arrangement(shape, axes, channels)
    assert arrangement.segments == 2
    _same_as_by_hand(arrangement)


@pytest.mark.parametrize(
    ("shape", "channels"),
    [
        ((1,), False), ((1024,), False), ((1025,), False), ((2048,), False), ((2049,), False), ((4300,), False),
        ((100_000,), False), ((10**6,), False), ((50_000, 2), True), ((3, 1), True), ((70_000, 2), False),
        ((30, 40_000), False), ((64, 64), False), ((400, 4100), False), ((2000, 2, 3), False), ((700, 700), False),
        ((700, 700, 3), True), ((2, 3, 700, 5), False), ((2, 3, 5, 4, 900), False), ((2**20, 64), False),
    ],
)  # fmt: skip
def test_segments_are_as_many_as_the_page_says(shape, channels):
    """docs/rinr.md: the longest axis, no channel, in pieces of 1024 steps at least, for waves of 64 samples."""
    axes = tuple([len(shape) - 1] * channels + list(range(len(shape) - channels)))
    arrangement = Arrangement(shape, axes, channels)
    lengths = [shape[axis] for axis in axes]
    lengths = lengths if channels else [1, *lengths]
    page = lengths[1:] if len(lengths) > 2 else [1, *lengths[1:]]
    outer = page[:-2]
    outer = [math.prod(outer[:-1]), outer[-1]] if len(outer) > 2 else outer
    lengths = [lengths[0], *outer, *page[-2:]]
    factors = [6] * (len(lengths) - 2) + [4, 1]
    durations = [factor * (n - 1) for factor, n in zip(factors, lengths, strict=True)]
    longest = durations.index(max(durations[1:]), 1)
    steps = 1 + sum(durations)
    wanted = max(math.ceil(Fraction(64 * steps, math.prod(shape))), steps // 4096)
    segments = max(1, min(durations[longest] // 1024, wanted))
    assert arrangement.segments == segments
    pieces = [-(-n // segments) if axis == longest else n for axis, n in enumerate(lengths)]
    assert arrangement.work_shape == (pieces[0], segments, *pieces[1:])
    assert arrangement.size == math.prod(pieces) * segments
    assert arrangement.steps == 1 + sum(factor * (n - 1) for factor, n in zip(factors, pieces, strict=True))
