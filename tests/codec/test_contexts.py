"""Contexts: nothing of the future, nothing that machines could compute differently."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from refinr.codec import contexts, mixture, network, stream
from refinr.codec.arrangement import Arrangement
from tests.codec import from_the_page
from tests.codec.strategies import case, cases
from tests.helpers import assert_equal_exact
from tests.strategies import seeds


def _batch_of(order) -> np.ndarray:
    """In which batch a place is coded."""
    found = np.full(order.places.max() + 1, -1)
    found[order.places] = np.repeat(np.arange(len(order.roles)), np.diff(order.bounds))
    return found


@given(cases())
def test_every_neighbour_was_coded_before(case):
    order = case.arrangement.order()
    batch_of = _batch_of(order)
    for role, places in enumerate(stream.places_of_roles(order, len(case.arrangement.roles))):
        near = contexts.neighbours(case.arrangement, case.arrangement.roles[role], places)
        assert near.shape == (len(places), contexts.widths(case.arrangement, case.arrangement.roles[role])[1])
        outside = near == case.arrangement.size
        assert (near[~outside] >= 0).all()
        known = batch_of[np.where(outside, order.places[0], near)]
        assert (outside | ((known >= 0) & (known < batch_of[places][:, None]))).all()


def test_in_segments_and_ragged_ends_too():
    for shape, axes, channels in (((2500,), (0,), False), ((2101, 3), (1, 0), True), ((3, 2503), (0, 1), False)):
        arrangement = Arrangement(shape, axes, channels)
        assert arrangement.segments > 1
        order = arrangement.order()
        batch_of = _batch_of(order)
        for role, places in enumerate(stream.places_of_roles(order, len(arrangement.roles))):
            near = contexts.neighbours(arrangement, arrangement.roles[role], places)
            outside = near == arrangement.size
            known = batch_of[np.where(outside, 0, near)]  # -1: beyond the last sample, which is outside, too
            assert (known < batch_of[places][:, None])[~outside].all()


@given(cases(), seeds)
def test_a_later_sample_changes_no_earlier_probability(case, seed):
    """Causality, of the whole of it: contexts, networks, frequencies."""
    order = case.arrangement.order()
    batch = int(np.random.default_rng(seed).integers(0, len(order.roles)))
    changed = case.work
    later = order.places[order.bounds[batch] :]
    changed[later] = np.random.default_rng(seed).integers(0, case.model.levels, len(later))
    before = stream.batches(case.arrangement, case.model, case.work)
    after = stream.batches(case.arrangement, case.model, changed)
    digits = len(before) // len(order.roles)
    for a, b in zip(before[: batch * digits], after[: batch * digits], strict=True):
        assert_equal_exact(a[0], b[0])
        assert_equal_exact(a[1], b[1])


@pytest.mark.parametrize(
    ("shape", "channels"),
    [((7, 9), False), ((2, 40), False), ((5, 4, 4), True), ((3, 4, 5), False), ((2, 3, 2, 3, 4), False), ((40,), False),
     ((30, 3), True), ((1, 30), False), ((2, 1, 30), False), ((1, 6, 7), False), ((2060,), False),
     ((3, 1, 6, 7), False)],
)  # fmt: skip
def test_contexts_are_those_of_the_page_s_reader(shape, channels):
    """docs/rinr.md, sample by sample."""
    given_ = case(shape, channels, 900, 0, 0, seed=1)
    work = given_.work
    order = given_.arrangement.order()
    page = given_.arrangement.work_shape[-2:]
    assert contexts.offsets(given_.arrangement) == (
        contexts.Offsets(contexts.LINE, ((0, 0), *contexts.LINE[:16], (0, 1), (0, 2)))
        if page[0] == 1
        else contexts.Offsets(contexts.PAGE, ((0, 0), *contexts.PAGE, (0, 1), (1, 0), (1, -1), (1, 1)))
    )
    for role, places in zip(
        given_.arrangement.roles, stream.places_of_roles(order, len(given_.arrangement.roles)), strict=True
    ):
        chosen = places[:: 1 + len(places) // 40]
        near = contexts.neighbours(given_.arrangement, role, chosen)
        assert near.dtype == np.int32
        found = contexts.contexts(given_.arrangement, role, work[near])
        for i, place in enumerate(chosen.tolist()):
            base, scale, inputs, linear = from_the_page._context(work.tolist(), place, page, role.references)
            assert (found.base[i], found.scale[i]) == (base, scale)
            assert found.inputs[i].tolist() == inputs
            assert found.linear[i].tolist() == linear


def test_of_errors_nothing_is_taken_off():
    """Where it is known what samples are expected to be, neighbours are errors, and centred already."""
    for arrangement in (Arrangement((300,), (0,), False), Arrangement((300, 2), (1, 0), True)):
        rng = np.random.default_rng(0)
        role = arrangement.roles[-1]
        errors = np.rint(rng.normal(size=(20, contexts.widths(arrangement, role)[1])) * 9)
        base = rng.integers(0, 99, 20) * 1.0
        found = contexts.contexts(arrangement, role, errors, base)
        scale = abs(errors[:, :12]).sum(1) / 12
        if role.references:
            scale = (scale + abs(errors[:, 32:41]).sum(1) / 9) / 2
        assert_equal_exact(found.base, base)
        assert_equal_exact(found.scale, scale + 0.4)
        units = np.floor(errors * (64 / found.scale)[:, None] + 0.5)
        assert_equal_exact(found.linear, np.clip(units, -512, 512) / 64)


def test_inside_a_page_the_neighbours_are_the_nearest_ones():
    arrangement = Arrangement((20, 30), axes=(0, 1), channels=False)
    place = 10 * 30 + 15
    near = contexts.neighbours(arrangement, arrangement.roles[0], np.array([place]))[0]
    assert [(n // 30 - 10, n % 30 - 15) for n in near] == list(contexts.PAGE)
    lengths = [a * a + b * b for a, b in contexts.PAGE]
    assert lengths == sorted(lengths)


@given(cases())
def test_inputs_are_the_dyadic_numbers_that_the_bounds_assume(case):
    order = case.arrangement.order()
    for role, places in enumerate(stream.places_of_roles(order, len(case.arrangement.roles))):
        chosen = case.arrangement.roles[role]
        near = contexts.neighbours(case.arrangement, chosen, places)
        base, scale, inputs, linear = contexts.contexts(case.arrangement, chosen, case.work[near])
        assert (inputs.shape[1], linear.shape[1]) == contexts.widths(case.arrangement, chosen)
        assert (base * 4 == np.rint(base * 4)).all()
        assert (scale >= 0.2).all()
        assert (inputs * 2.0**contexts.SQUASHED_UNIT == np.rint(inputs * 2.0**contexts.SQUASHED_UNIT)).all()
        assert (linear * 2.0**contexts.LINEAR_UNIT == np.rint(linear * 2.0**contexts.LINEAR_UNIT)).all()
        assert (abs(inputs[:, : linear.shape[1]]) <= 1).all()
        assert (abs(inputs) < contexts.MOST_SCALE).all()
        assert (abs(linear) <= contexts.MOST_LINEAR).all()


@given(seeds, st.sampled_from([1.0, 8.0, 256.0]))
def test_brighter_and_rougher_alike_looks_alike(seed, factor):
    """Contexts of levels times a factor and plus a constant differ by what 0.4 and rounding make."""
    arrangement = Arrangement((20, 30), axes=(0, 1), channels=False)
    values = np.random.default_rng(seed).integers(1000, 2000, (50, 16)).astype(np.float64)
    a = contexts.contexts(arrangement, arrangement.roles[0], values)
    b = contexts.contexts(arrangement, arrangement.roles[0], values * factor + 77.0)
    assert np.allclose(b.base, a.base * factor + 77.0)
    assert np.allclose(b.linear, a.linear, atol=2**-6 + 8 * 0.4 / 20)
    assert np.allclose(b.inputs[:, :16], a.inputs[:, :16], atol=2**-6 + 8 * 0.4 / 20)
    assert np.allclose(b.inputs[:, 17:], a.inputs[:, 17:], atol=2**-5)


def test_changes_are_seen_apart_from_slopes():
    """A slope changes across or down, and not otherwise; and a constant does not at all."""
    arrangement = Arrangement((20, 30), axes=(0, 1), channels=False)
    rows, columns = np.array(contexts.PAGE).T
    values = np.stack([0 * rows, 8 * columns, 8 * rows, 8 * rows * columns]).astype(np.float64)
    none, across, down, both = contexts.contexts(arrangement, arrangement.roles[0], values).inputs[:, 17:]
    least = none[0]
    assert (none == least).all()
    assert (across > least).tolist() == [True, False, False]
    assert (down > least).tolist() == [False, True, False]
    assert (both > least).all()


def test_the_scale_input_grows_by_a_quarter_each_octave():
    arrangement = Arrangement((20, 30), axes=(0, 1), channels=False)
    values = np.zeros((20, 16))
    values[:, 4:12] = np.ldexp(3.0, np.arange(12, 32))[:, None]
    scale_input = contexts.contexts(arrangement, arrangement.roles[0], values).inputs[:, 16]
    assert np.allclose(np.diff(scale_input), 0.25, atol=2**-7)
    assert mixture.OUTPUTS == 9
    assert network.largest_sums(network.Sizes(17, 16, 24, 9))
