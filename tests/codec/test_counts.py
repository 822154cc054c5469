"""Drawings, masks and labels: counted levels come back, and cost what a count by hand says."""

from __future__ import annotations

from collections import Counter, defaultdict

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import refinr
from refinr.codec import contexts, counts, header, rans
from refinr.codec.arrangement import Arrangement, arrange_axes
from tests.codec.strategies import counted_file, walk
from tests.helpers import assert_equal_exact
from tests.strategies import seeds


def arranged(levels: np.ndarray, channels: bool = False) -> Arrangement:
    return Arrangement(levels.shape, arrange_axes(levels, channels), channels)


@given(
    hnp.array_shapes(min_dims=1, max_dims=5, max_side=5), st.integers(2, counts.MOST_LEVELS), st.integers(1, 4), seeds
)
def test_levels_come_back(shape, levels, lanes, seed):
    rng = np.random.default_rng(seed)
    array = walk(rng, shape, levels - 1)
    arrangement = arranged(array, len(shape) > 1 and shape[-1] <= 4)
    outside = float(rng.integers(0, levels))
    content = rans.encode(counts.batches(arrangement, levels, arrangement.work(array, outside)), lanes)
    back = counts.decode(arrangement, levels, outside, content, lanes)
    assert_equal_exact(arrangement.samples(back), array.astype(np.float64))


def by_hand(arrangement: Arrangement, levels: int, work: np.ndarray) -> list[float]:
    """Probabilities of samples, in their order, with a dictionary for every table."""
    order = arrangement.order()
    tables: list[dict[tuple[int, ...], Counter[int]]] = [defaultdict(Counter) for _ in range(4)]
    found = []
    for i, role in enumerate(order.roles):
        places = order.places[order.bounds[i] : order.bounds[i + 1]]
        references = arrangement.roles[role].references
        near = contexts.neighbours(arrangement, arrangement.roles[role], places)
        seen = []
        for place, row in zip(places, near, strict=True):
            first = tuple(int(work[place + step]) for step in references)
            page = tuple(int(work[other]) for other in row)
            keys = [(), *((int(role), *first, *page[:reach]) for reach in (2, 6, 12))]
            level = int(work[place])
            p = dict.fromkeys(range(levels), 1.0 / levels)
            for table, key in zip(tables, keys, strict=True):
                counted = table[key]
                p = {each: (counted[each] + 2.0 * p[each]) / (counted.total() + 2.0) for each in p}
            found.append(p[level])
            seen.append((keys, level))
        for keys, level in seen:
            for table, key in zip(tables, keys, strict=True):
                table[key][level] += 1
    return found


@pytest.mark.parametrize(
    ("shape", "levels", "channels"),
    [((20, 24), 2, False), ((9, 11, 3), 5, True), ((4, 9, 8), 3, False), ((90,), 4, False)],
)
def test_probabilities_are_those_that_are_counted_by_hand(shape, levels, channels):
    array = walk(np.random.default_rng(0), shape, levels - 1)
    arrangement = arranged(array, channels)
    work = arrangement.work(array, 0.0)
    told = np.concatenate([frequency for _, frequency in counts.batches(arrangement, levels, work)])
    expected = np.array(by_hand(arrangement, levels, work))
    np.testing.assert_allclose(told, expected * ((1 << 24) - levels), atol=1.01)


@given(seeds, st.integers(2, counts.MOST_LEVELS))
def test_every_level_has_slots_and_all_fit(seed, levels):
    rng = np.random.default_rng(seed)
    array = rng.integers(0, levels, (4, 5))
    arrangement = arranged(array)
    counter = counts.Counter(arrangement, levels)
    for table in counter._tables:
        table[:] = np.rint(10.0 ** rng.uniform(-1, 12, levels))
    ends, _ = counter.expect(0, np.arange(20), arrangement.work(array, 0.0))
    assert ends.dtype == np.int64
    assert (ends[:, 0] == 0).all()
    assert (np.diff(ends, axis=1) >= 1).all()
    assert ((1 << 24) - levels <= ends[:, -1]).all()
    assert (ends[:, -1] <= 1 << 24).all()


@given(seeds)
def test_later_levels_change_nothing_before(seed):
    rng = np.random.default_rng(seed)
    array = walk(rng, (4, 5, 6), 3)
    arrangement = arranged(array)
    work = arrangement.work(array, 0.0)
    order = arrangement.order()
    first = int(rng.integers(0, len(order.roles)))
    other = work.copy()
    other[order.places[order.bounds[first] :]] = rng.integers(0, 4, len(work) - 1 - order.bounds[first])
    once, again = (counts.batches(arrangement, 4, each)[:first] for each in (work, other))
    for a, b in zip(once, again, strict=True):
        np.testing.assert_array_equal(a, b)


def test_the_coder_takes_what_counts_say():
    array = walk(np.random.default_rng(0), (90, 80), 7)
    arrangement = arranged(array)
    told = counts.batches(arrangement, 8, arrangement.work(array, 0.0))
    assert 8 * len(rans.encode(told, 2)) <= 1.001 * rans.ideal_bits(told) + 64 * 2


def drawing() -> np.ndarray:
    """Two discs in colours."""
    y, x = np.mgrid[:100, :90]
    first = (y - 45) ** 2 + (x - 35) ** 2 < 30**2
    second = (y - 60) ** 2 + (x - 55) ** 2 < 20**2
    palette = np.array([[255, 255, 255], [200, 30, 30], [20, 90, 160]], np.uint8)
    return palette[np.where(second, 2, first.astype(int))]


def test_drawings_are_counted():
    array = drawing()
    data = refinr.compress(array)
    found, _ = header.read(data)
    assert found.coding.model == header.COUNTS
    assert found.coding.parameters == b""
    assert_equal_exact(refinr.decompress(data), array)
    assert len(data) < 330  # of 27,000


def test_slots_of_no_level_are_refused():
    array = walk(np.random.default_rng(0), (5, 6), 2)
    arrangement = arranged(array)
    work = arrangement.work(array, 0.0)
    told = counts.batches(arrangement, 3, work)
    beyond = (np.array([(1 << 24) - 1]), np.array([1]))
    told[0] = beyond
    with pytest.raises(ValueError, match="a slot that no level has"):
        counts.decode(arrangement, 3, 0.0, rans.encode(told, 1), 1)


def test_more_levels_than_are_counted_are_refused():
    with pytest.raises(ValueError, match="damaged: 17 levels to be counted, where 16 is the most"):
        counts.Counter(Arrangement((2, 2), (0, 1), False), 17)


def test_networks_where_levels_are_counted_are_refused():
    array = walk(np.random.default_rng(0), (5, 6), 2).astype("u1")
    found, streams = header.read(counted_file(array))
    assert found.coding is not None
    forged = found._replace(coding=found.coding._replace(hidden=(2,)))
    with pytest.raises(ValueError, match="networks where there are none"):
        refinr.decompress(forged.to_bytes() + bytes(streams))
    forged = found._replace(coding=found.coding._replace(parameters=b"\0"))
    with pytest.raises(ValueError, match="expected 1 states"):
        refinr.decompress(forged.to_bytes() + bytes(streams))
