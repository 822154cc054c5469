"""The book of a batch against a slow one: who was done when, with which weights, and that nobody is lost."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from refinr.readouts import batches
from refinr.readouts.batches import Batch, block, columns
from tests.helpers import assert_equal_exact
from tests.strategies import seeds


@given(st.integers(1, 150), seeds)
def test_a_batch_keeps_the_first_weights_of_every_network(networks, seed):
    rng = np.random.default_rng(seed)
    when = rng.integers(1, 8, networks)  # from 6 on: never
    batch = Batch(networks)
    carried = batch.network[None].copy()  # an array that is carried along
    for step in range(1, 6):
        done = (when <= step)[batch.network]
        over = batch.record(done, step, carried * 100 + step)
        assert over == (when <= step).all()
        stay = batch.stay()
        if stay is not None:
            assert stay.size % batches.MULTIPLE == 0
            carried = columns(carried, stay)
        assert_equal_exact(carried[0], batch.network)
    assert_equal_exact(batch.solved, when < 6)
    assert_equal_exact(batch.steps, np.where(when < 6, when, 0))
    expected = np.where(when < 6, np.arange(networks) * 100 + when, -1)
    assert_equal_exact(batch.weights(np.full((1, (when == 6).sum() + (when == 7).sum()), -1)), expected[None])
    if not batch.solved.all():
        assert_equal_exact(batch.unsolved(carried)[0], np.flatnonzero(when >= 6))


@given(st.integers(1, 20), st.integers(1, 40), seeds, st.integers(1, 5))
def test_networks_that_want_the_same_or_the_opposite_are_one(samples, networks, seed, kinds):
    rng = np.random.default_rng(seed)
    patterns = rng.choice([-1, 1], (samples, kinds))
    signs = patterns[:, rng.integers(0, kinds, networks)] * rng.choice([-1, 1], networks)
    first, like, sign = batches.distinct(signs > 0)
    assert_equal_exact(signs[:, first[like]] * sign.astype(int), signs)
    assert len({bytes(s[0] * s) for s in signs[:, first].T}) == first.size
    assert (np.diff(first) > 0).all()
    assert all(first[k] == np.flatnonzero(like == k)[0] for k in range(first.size))


@given(st.integers(1, 150), seeds)
def test_who_is_given_up_keeps_what_was_its_last(networks, seed):
    rng = np.random.default_rng(seed)
    when = rng.integers(1, 8, networks)  # from 5 on: never
    solved = rng.random(networks) < 0.5
    batch = Batch(networks)
    carried = batch.network[None].copy()
    for step in range(1, 5):
        due = (when == step)[batch.network]
        batch.record(due & solved[batch.network], step, carried)
        over = batch.give_up(due & ~solved[batch.network], step, carried * 100 + step)
        assert over == (when <= step).all()
        stay = batch.stay()
        carried = carried if stay is None else columns(carried, stay)
    gone = ~solved & (when < 5)
    assert_equal_exact(batch.left, np.where(gone, when, 0))
    unsolved = np.flatnonzero(gone | (when >= 5))
    expected = np.where(gone, np.arange(networks) * 100 + when, -1)[unsolved]
    assert_equal_exact(batch.unsolved(np.full_like(carried, -1))[0], expected)
    assert_equal_exact(batch.weights(expected[None])[0, unsolved], expected)


@given(st.integers(1, 300), st.floats(0, 1), seeds)
def test_finished_networks_leave_when_they_are_more_than_a_tenth(networks, share, seed):
    batch = Batch(networks)
    done = np.random.default_rng(seed).random(batch.network.size) < share
    batch.record(done, 1, np.zeros((1, done.size)))
    columns_before, open_ = batch.network.size, networks - int(batch.solved.sum())
    stay = batch.stay()
    size = -(-open_ // batches.MULTIPLE) * batches.MULTIPLE
    if columns_before - open_ > 0.1 * columns_before and size < columns_before:
        assert stay is not None
        assert stay.size == size
        assert set(np.flatnonzero(~batch.solved)) <= set(batch.network)
    else:
        assert stay is None


@pytest.mark.parametrize(("done", "leaves"), [(32, False), (33, True)])
def test_a_tenth_exactly_is_not_worth_leaving(done, leaves):
    batch = Batch(320)
    batch.record(np.arange(320) < done, 1, np.zeros((1, 320)))
    assert (batch.stay() is not None) == leaves


@pytest.mark.parametrize("samples", [1, 7, 64, 256, 1024, 4096, 2**14, 2**20])
def test_a_block_has_whole_multiples_and_about_as_many_samples(samples):
    assert block(samples) % batches.MULTIPLE == 0
    assert block(samples) * samples <= max(2**18, 32 * samples)
    assert (block(samples) + batches.MULTIPLE) * samples > 2**18


def test_columns_on_every_array_library(backend):
    x = np.arange(12.0, dtype="float32").reshape(3, 4)
    picked = columns(backend.array(x), np.array([3, 0, 3]))
    assert_equal_exact(backend.host(picked), x[:, [3, 0, 3]])


@given(st.integers(1, 5000), st.integers(1, 20_000))
def test_blocks_follow_each_other_and_start_at_multiples(samples, networks):
    cut = batches.blocks(samples, networks)
    assert [e for part in cut for e in range(part.start, part.stop)] == list(range(networks))
    assert all(part.start % block(samples) == 0 for part in cut)
