"""The order in which samples are coded."""

from __future__ import annotations

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
